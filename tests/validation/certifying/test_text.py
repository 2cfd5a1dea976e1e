"""Language models of integers: their codes, and their losses against Python's own integers."""

import math
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from validation.certifying.language import TEXT, decode, encode
from validation.certifying.network import IntegerNetwork, TextForm
from validation.certifying.text import SLACK, bits_of_losses, certified_text, text_bound


@st.composite
def models(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    alphabet = tuple(sorted(draw(st.sets(st.integers(0, 255), min_size=1, max_size=6))))
    form = TextForm(draw(st.integers(0, 4)), alphabet, draw(st.integers(1, 12)))
    k, q = draw(st.integers(1, 4)), len(alphabet)
    shapes = {"b_hidden": k, "w_hidden": (k, k), "w_input": (k, q)}
    shapes |= {"w_output": (q, k), "b_output": q}
    integers = {b: rng.integers(-5, 5, shape, endpoint=True) for b, shape in shapes.items()}
    integers["b_hidden"] = np.sort(integers["b_hidden"])
    exponents = {"b_hidden": 3, "w_hidden": -3, "w_input": 4, "w_output": -8, "b_output": -2}
    exponents = {b: e + draw(st.integers(-2, 2)) for b, e in exponents.items()}
    return IntegerNetwork(form, draw(st.booleans()), draw(st.integers(0, 9)), exponents, integers)


@given(models())
@settings(max_examples=30, deadline=None)
def test_what_is_encoded_is_decoded(model):
    assert decode(encode(model, TEXT), TEXT).same(model)


def by_the_document(model, text):
    """Section 7 of docs/certificates.md, word by word; the softmax alone is in floats."""
    form, e = model.form, model.exponents
    w = {b: model.integers[b].tolist() for b in model.integers}
    H, s = 2**model.cap, max(0, -e["w_hidden"], -e["w_input"], -e["b_hidden"])
    losses = []
    for t, byte in enumerate(text):
        if t % 2**form.line == 0:
            h = [0] * model.k
        y = [
            Fraction(2) ** e["w_output"] * sum(a * b for a, b in zip(row, h))
            + Fraction(2) ** e["b_output"] * c
            for row, c in zip(w["w_output"], w["b_output"])
        ]
        p = 2.0**-form.smoothing / 256
        symbol = form.alphabet.index(byte) if byte in form.alphabet else None
        if symbol is not None:
            below = math.fsum(math.exp(float(v - y[symbol])) for v in y)
            p += (1 - 2.0**-form.smoothing) / below
        losses.append(-math.log2(p))
        new = []
        for i in range(model.k):
            A = sum(a * b for a, b in zip(w["w_hidden"][i], h)) * 2 ** (e["w_hidden"] + s)
            A += (0 if symbol is None else w["w_input"][i][symbol]) * 2 ** (e["w_input"] + s)
            A += w["b_hidden"][i] * 2 ** (e["b_hidden"] + s)
            A = (A + 2 ** (s - 1)) // 2**s if s else A
            new.append(min(max(A, -H if model.two_sided else 0), H))
        h = new
    return losses


@given(models(), st.integers(0, 2**32), st.integers(1, 40))
@settings(max_examples=40, deadline=None)
def test_losses_are_those_of_the_document(model, seed, n):
    rng = np.random.default_rng(seed)
    known = np.array(model.form.alphabet)
    text = np.where(rng.random(n) < 0.8, rng.choice(known, n), rng.integers(0, 256, n))
    found = bits_of_losses(model, text.astype(np.uint8))
    exact = np.array(by_the_document(model, text.tolist()))
    assert np.all(found >= exact)
    assert np.all(found <= exact + 2 * SLACK)


def test_a_model_that_knows_the_text_is_certified_far_below_8_bits():
    """abab...: the state is the last symbol, and so is the prediction of the next."""
    form = TextForm(10, (97, 98), 6)
    integers = {
        "b_hidden": np.zeros(1, np.int64),
        "w_hidden": np.zeros((1, 1), np.int64),
        "w_input": np.array([[1, -1]]),
        "w_output": np.array([[-5], [5]]),
        "b_output": np.zeros(2, np.int64),
    }
    exponents = dict.fromkeys(("b_hidden", "w_hidden", "w_input", "w_output", "b_output"), 0)
    model = IntegerNetwork(form, True, 0, exponents, integers)
    text = np.frombuffer(b"ab" * 20_000, np.uint8)
    found = certified_text(model, text, Decimal("0.05"), {})
    assert float(found.loss) == pytest.approx(-math.log2(1 - 2**-6), rel=0.2)
    assert float(found.loss) < float(found.bound) < 0.3
    # A longer code, or a smaller delta, certifies less.
    losses = bits_of_losses(model, text)
    bits = len(found.code)
    assert text_bound(losses, form, bits + 100, Decimal("0.05")) > float(found.bound)
    assert text_bound(losses, form, 10**7, Decimal("0.05")) == 8 + 6
