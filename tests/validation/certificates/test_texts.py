"""The checker on texts: losses against balls, and the bound against `bounds.martingales`."""

from __future__ import annotations

import math

import flint
import numpy as np
import pytest
from helpers.certificates import Network, packed, write
from hypothesis import given
from hypothesis import strategies as st

from bounds.martingales import conditional_loss
from validation import check_certificate as checker
from validation.data.fetching import cache_folder

ALPHABET = [32, 97, 98]


@st.composite
def predictors(draw):
    """Networks of language 1 that predict bytes."""
    k, d = draw(st.integers(1, 3)), len(ALPHABET)

    def block(height, width):
        row = st.lists(st.integers(-9, 9), min_size=width, max_size=width)
        return draw(st.lists(row, min_size=height, max_size=height))

    return Network(
        sorted(block(1, k)[0]),
        block(k, k),
        block(k, d),
        block(d, k),
        block(1, d)[0],
        e={
            "b_hidden": 0,
            "w_hidden": draw(st.integers(-4, 0)),
            "w_input": draw(st.integers(-3, 2)),
            "w_output": draw(st.integers(-6, 0)),
            "b_output": draw(st.integers(-4, 2)),
        },
        power=draw(st.integers(0, 6)),
        clip=draw(st.integers(0, 1)),
        text=(draw(st.integers(0, 4)), ALPHABET, draw(st.integers(1, 12))),
    )


def decoded(network):
    bits = network.bits()
    return checker.decode(
        {"bits": len(bits), "task": "ptb-bytes", "language": 1}, packed(bits), (), 1
    )


def losses(network, text):
    """Section 7 in Python's integers and balls: the loss of every byte in bits."""
    line, alphabet, a = network.text
    found = []
    for t, byte in enumerate(text):
        if t % 2**line == 0:
            h = [0] * network.k
        y = [
            flint.arb(sum(w * v for w, v in zip(row, h))) * flint.arb(2) ** network.e["w_output"]
            + flint.arb(b) * flint.arb(2) ** network.e["b_output"]
            for row, b in zip(network.w_output, network.b_output)
        ]
        p = flint.arb(2) ** -a / 256
        if byte in alphabet:
            share = y[alphabet.index(byte)].exp() / sum((v.exp() for v in y), flint.arb(0))
            p += (1 - flint.arb(2) ** -a) * share
        found.append(-p.log() / flint.arb(2).log())
        h = network.step(h, [int(byte == symbol) for symbol in alphabet])
    return found


@given(predictors(), st.lists(st.sampled_from([*ALPHABET, 10]), min_size=1, max_size=40))
def test_the_losses_are_those_of_balls_and_rounded_up(network, text):
    flint.ctx.prec = 128
    top = 8 + network.text[2]
    mean, counts = checker.measure_losses(decoded(network), np.array(text, np.uint8))
    exact = losses(network, text)
    n = len(text)
    total = sum(exact, flint.arb(0))
    assert flint.arb(mean) * n >= total
    assert flint.arb(mean) * n <= total + n * 2.0**-29
    places = np.repeat(np.arange(len(counts)), counts)
    least = sorted(float((x / top * checker.GRAIN).lower()) for x in exact)
    assert len(places) == n
    assert all(place >= x * (1 - 1e-12) for place, x in zip(places, least))
    assert all(place <= x + 1.01 for place, x in zip(places, least))


@given(
    st.lists(st.integers(0, 2**18), min_size=1, max_size=30),
    st.integers(1, 300),
    st.sampled_from(["0.05", "0.5", "0.000001"]),
)
def test_the_bound_is_that_of_betting_rounded_up(places, bits, delta):
    counts = np.bincount(places, minlength=checker.GRAIN + 1)
    n, flint.ctx.prec = len(places), 256
    level = flint.arb(delta).log() - bits * flint.arb(2).log()
    z, counts = np.flatnonzero(counts) / checker.GRAIN, counts[counts > 0]
    sums = [float(np.sum(counts * np.log1p(-(a / b) * z))) for a, b in checker.THETAS]
    paid = [flint.arb(L, 2**-40 * (abs(L) + n)) for L in sums]
    m = conditional_loss(z, bits * math.log(2) - math.log(float(delta)), counts=counts)
    if m < 1:
        assert checker.wealth_is_large(paid, n, flint.arb(m) * (1 + 1e-6), level)
    assert not checker.wealth_is_large(paid, n, flint.arb(m) * (1 - 1e-6), level)


def uniform():
    """A predictor that knows the frequent letters and nothing else."""
    return Network(
        [0],
        [[0]],
        [[0] * 3],
        [[0]] * 3,
        [8, 2, 0],
        e={"b_hidden": 0, "w_hidden": 0, "w_input": 0, "w_output": 0, "b_output": -3},
        power=0,
        text=(13, [32, 101, 116], 1),
    )


@pytest.mark.long
def test_a_text_is_certified_and_a_smaller_bound_is_not(tmp_path, capsys):
    path = cache_folder() / "ptb" / "ptb.train.txt"
    if not path.is_file():
        pytest.skip("ptb was not fetched")
    network, text = uniform(), np.frombuffer(path.read_bytes(), np.uint8)
    mean, counts = checker.measure_losses(decoded(network), text)
    bits = len(network.bits())
    z = np.arange(checker.GRAIN + 1) / checker.GRAIN
    m = 9 * conditional_loss(z, bits * math.log(2) + math.log(20), counts=counts)
    up = math.ceil(m * 10**6 + 1e-3)
    options = {
        "task": "ptb-bytes",
        "n": len(text),
        "loss": f"{math.ceil(mean * 10**6) / 10**6:.6f}",
        "data_sha256": checker.KNOWN["ptb-bytes"],
    }
    for claimed, code in ((up, 0), (up - 2, 1)):
        shown = f"{claimed // 10**6}.{claimed % 10**6:06d}"
        folder = write(tmp_path / str(claimed), network, bound=shown, **options)
        assert checker.main([str(folder)], [str(cache_folder())]) == code
        assert capsys.readouterr().out.startswith(("VALID: ptb-bytes", "INVALID: the bound")[code])
