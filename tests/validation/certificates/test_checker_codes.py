"""The independent checker: codes read back, and hostile ones refused."""

from __future__ import annotations

import math

import flint
import numpy as np
import pytest
from helpers.certificates import Network, Writer, packed, write
from helpers.checker import DIGITS, decoded, networks, tiny, verdict
from hypothesis import given, settings
from hypothesis import strategies as st

from bounds.binomial import upper_risk
from bounds.martingales import GRID
from validation import check_certificate as checker


@given(networks())
def test_the_network_is_the_one_that_was_written(network):
    net = decoded(network)
    s = net["s"]
    assert (
        net["w_hidden"] == np.array(network.w_hidden) * 2.0 ** (network.e["w_hidden"] + s)
    ).all()
    assert (net["w_input"] == np.array(network.w_input) * 2.0 ** (network.e["w_input"] + s)).all()
    assert (
        net["b_hidden"] == np.array(network.b_hidden) * 2.0 ** (network.e["b_hidden"] + s)
    ).all()
    assert (net["w_output"] == np.array(network.w_output)).all()
    assert (net["b_output"] == np.array(network.b_output) * 2.0 ** network.e["b_output"]).all()


@given(networks(), st.integers(0, 2**32))
def test_the_count_is_that_of_pythons_integers(network, seed):
    rng = np.random.default_rng(seed)
    x, y = rng.integers(0, 17, (5, 8, 8)), rng.integers(0, 10, 5)
    expected = sum(network.predicted(image) != label for image, label in zip(x, y))
    assert checker.count_errors(decoded(network), x, y) == expected


@given(networks(), st.lists(st.integers(0, 1), max_size=70))
def test_what_follows_a_code_never_matters(network, rest):
    bits = network.bits()
    net = checker.decode(
        {"bits": len(bits), "task": "digits", "language": 1}, packed(bits), (8, 8), 16
    )
    # Any continuation, read as a longer string whose own end is then open or not.
    longer = bits + rest + [0] * 64
    again = checker.decode(
        {"bits": len(longer), "task": "digits", "language": 1}, packed(longer), (8, 8), 16
    )
    for name in ("w_hidden", "w_input", "b_hidden", "w_output", "b_output"):
        assert (net[name] == again[name]).all()


@given(networks(), st.data())
def test_no_code_is_the_beginning_of_another(network, data):
    bits = network.bits()
    shorter = bits[: data.draw(st.integers(1, len(bits) - 3))]
    with pytest.raises(checker.Stop, match=r"prefix-free|ends before"):
        checker.decode(
            {"bits": len(shorter), "task": "digits", "language": 1}, packed(shorter), (8, 8), 16
        )


@settings(max_examples=12)
@given(st.lists(st.integers(0, 1), min_size=1, max_size=9))
def test_the_strings_that_are_accepted_satisfy_kraft(decisions):
    # All strings of up to nine bits that end a walk of so many fair and modelled decisions.
    def walk(bits):
        coder, model = checker.Decoder(packed(bits), len(bits)), [1, 1]
        return tuple(coder.decide(model if i % 2 else None) for i in range(len(decisions)))

    shortest = {}
    for length in range(1, 10):
        for value in range(2**length):
            try:
                found = walk([value >> i & 1 for i in reversed(range(length))])
            except checker.Stop:
                continue
            shortest.setdefault(found, length)
    assert sum(2.0**-length for length in shortest.values()) <= 1
    coder, model = Writer(), [1, 1]
    for i, bit in enumerate(decisions):
        coder.decide(bit, model if i % 2 else None)
    assert walk(coder.finish()) == tuple(decisions)


@given(st.integers(1, 400), st.data(), st.integers(1, 300), st.integers(1, 999))
def test_the_bound_is_that_of_the_binomial_rounded_up(n, data, bits, thousandths):
    errors = data.draw(st.integers(0, n - 1))
    flint.ctx.prec = 256
    level = (flint.arb(thousandths) / 1000).log() - bits * flint.arb(2).log()
    expected = upper_risk(errors, n, bits * math.log(2) - math.log(thousandths / 1000))
    up = min(math.ceil(expected * 10**6), 10**6)
    if up < 10**6:
        assert checker.tail_is_small(n, errors, up, level)
    if up > 1 and abs(expected * 10**6 - round(expected * 10**6)) > 1e-6:
        assert not checker.tail_is_small(n, errors, up - 1, level)


def test_the_bets_of_texts_are_those_of_the_bound():
    assert tuple(a / b for a, b in checker.THETAS) == GRID
    assert checker.GRAIN == 2**18


@pytest.mark.parametrize("rare", [2, 50, 10**6])
def test_counts_are_halved_where_the_document_says(rare):
    # Beyond 2^15 decisions of one model, the counts of which are halved on the way.
    w, model = Writer(), [1, 1]
    decisions = [int(i % rare == 0) for i in range(40_000)]
    for bit in decisions:
        w.decide(bit, model)
    bits, model = w.finish(), [1, 1]
    coder = checker.Decoder(packed(bits), len(bits))
    assert [coder.decide(model) for _ in decisions] == decisions
    assert sum(model) <= 2**16


def coded(*decisions):
    """The bits of a walk of (kind, value), as a Writer writes it."""
    w = Writer()
    for kind, value in decisions:
        getattr(w, kind)(value)
    return w.finish()


HEAD = [("decide", 0)] * 3


HOSTILE = {
    "far too many nodes": [*HEAD, ("natural", 2**31)],
    "more nodes than allowed": [*HEAD, ("natural", 2**10)],
    "states beyond 2^40": [*HEAD, ("natural", 0), ("decide", 0), ("natural", 41)],
    "a crop of everything": [("decide", 1), *[("natural", 4)] * 4, ("decide", 0), ("decide", 0)],
    "a pool that does not divide": [
        ("decide", 0), ("decide", 1), ("natural", 2), ("natural", 0), ("decide", 0)
    ],
    "an enormous pool": [
        ("decide", 0), ("decide", 1), ("natural", 2**32 - 2), ("natural", 0), ("decide", 0)
    ],
    "steps that do not divide": [("decide", 0), ("decide", 0), ("decide", 1), ("natural", 6)],
    "a number of 33 bits": [("decide", 1)] * 40,
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_code_is_refused_before_anything_is_made(certificate, capsys, tmp_path, name):
    bits = coded(*HOSTILE[name])
    folder = write(
        tmp_path / "hostile", tiny(), string=bits, n=1437, errors=0, bound="1.000000",
        data_sha256=DIGITS,
    )  # fmt: skip
    assert verdict(capsys, folder)[0] == 1


OVERFLOWS = {
    "w_hidden": {"w_hidden": [[2**31, 0], [0, 0]], "power": 23},
    "w_input": {"w_input": [[2**30] * 8, [0] * 8], "e": {"w_input": 30}},
    "b_hidden": {"b_hidden": [0, 2**30], "e": {"b_hidden": 30}},
    "s": {"e": {"w_hidden": -53}},
    # Below 2^53 for single pixels of 16, above for sums of four of them.
    "pooled inputs": {"w_input": [[2**31 - 1] * 4, [0] * 4], "e": {"w_input": 13}, "pool": (2, 2)},
    "w_output": {"w_output": [[2**30, 0]] * 10, "power": 24},
    "b_output": {"b_output": [2**30] * 10, "e": {"b_output": 64}},
    "an exponent": {"e": {"w_hidden": -65}},
    "a negative exponent of b_output": {"e": {"b_output": -1}},
    "a number": {"b_output": [2**31 + 1] + [0] * 9},
}


@pytest.mark.parametrize("name", OVERFLOWS)
def test_a_network_that_may_overflow_is_refused(name):
    network = tiny()
    for field, value in OVERFLOWS[name].items():
        setattr(network, field, {**network.e, **value} if field == "e" else value)
    with pytest.raises(checker.Stop, match=r"overflow|too large|wrong exponent|more than 31"):
        decoded(network)


def test_the_largest_networks_that_cannot_overflow_are_exact():
    network = Network(
        [-(2**20), 2**20],
        [[2**11 - 1, -(2**11)], [-(2**11), 2**11 - 1]],
        [[2**15] * 8, [-(2**15)] * 8],
        [[2**11, -(2**11)]] * 5 + [[-(2**11), 2**11]] * 5,
        list(range(10)),
        e={"w_hidden": 0, "w_input": 0, "b_hidden": 0, "b_output": 0},
        power=39,
        clip=1,
    )
    x = np.full((3, 8, 8), 16)
    x[1, :, :4] = 0
    y = np.array([network.predicted(image) for image in x])
    assert checker.count_errors(decoded(network), x, y) == 0
