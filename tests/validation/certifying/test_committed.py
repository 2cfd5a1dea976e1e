"""The committed certificates: what their files say, and the floats that they were trained with."""

import json
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from pruning.rnn import RNN
from validation.certifying.language import TEXT, decode, encode, packed, unpacked
from validation.certifying.pipeline import bound
from validation.certifying.tasks import task

HOME = Path(__file__).parents[3] / "certificates"
NAMES = sorted(path.parent.name for path in HOME.glob("*/certificate.json"))


def read(name):
    facts = json.loads((HOME / name / "certificate.json").read_text("utf-8"))
    code = unpacked((HOME / name / "code.bin").read_bytes(), facts["bits"])
    image = {"digits": (8, 8), TEXT: None}.get(facts["task"], (28, 28))
    return facts, code, decode(code, facts["task"], image, language=facts["language"])


# Encoding tries dozens of spellings: a minute for the 125,000 bits of the language model.
LARGE = [pytest.param(n, marks=pytest.mark.long) if n == TEXT else n for n in NAMES]


@pytest.mark.parametrize("name", LARGE)
def test_a_code_is_decoded_and_encoded_again_to_the_same_bytes(name):
    facts, code, network = read(name)
    assert (
        packed(encode(network, facts["task"], facts["language"]))
        == (HOME / name / "code.bin").read_bytes()
    )
    assert network.k == facts["network"]["k"]
    if "errors" in facts:
        again = bound(facts["errors"], facts["n"], len(code), Decimal(facts["delta"]))
        assert facts["bound"] == f"{again:.6f}"


def test_the_digits_are_counted_as_the_certificate_says_and_as_floats_do():
    facts, _, network = read("digits")
    digits = task("digits")
    assert network.errors(digits.images, digits.labels) == facts["errors"]
    # The same network in floating point, its states not rounded.
    e = {**network.exponents, "w_output": 0}
    weights = {b: np.ldexp(w.astype(float), e[b]) for b, w in network.integers.items()}
    assert not network.two_sided
    rnn = RNN(**weights, activation="relu")
    y = rnn.predictions(network.images_form().sequences(digits.images).astype(float))[:, -1]
    same = y.argmax(axis=1) == network.readouts(digits.images).argmax(axis=1)
    assert same.mean() > 0.99
