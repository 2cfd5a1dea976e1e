"""Language 2, in both decoders: gates, contexts and random signs."""

from __future__ import annotations

import dataclasses
import hashlib
import math

import numpy as np
import pytest
from helpers.certificates import packed
from hypothesis import given, settings
from hypothesis import strategies as st

from validation import check_certificate as checker
from validation.certifying.language import TEXT, WEIGHTS, bits_of_form, decode, encode, write
from validation.certifying.network import BLOCKS, Form, IntegerNetwork, TextForm
from validation.certifying.numbers import Spelling, context, random_signs
from validation.certifying.text import bits_of_losses

IMAGE = (4, 6)
ALPHABET = (32, 97, 98)


@st.composite
def networks(draw, text=False):
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    gated = draw(st.booleans())
    k, d, q = draw(st.integers(1, 4)), 6, 10
    form = Form()
    if text:
        form, d, q = TextForm(draw(st.integers(0, 3)), ALPHABET, draw(st.integers(1, 9))), 3, 3
    rows = 2 * k if gated else k
    shapes = {"b_hidden": rows, "w_hidden": (rows, k), "w_input": (rows, d)}
    shapes |= {"w_output": (q, k), "b_output": q}
    integers = {}
    for block, shape in shapes.items():
        size = draw(st.sampled_from([0, 1, 5, 200]))
        integers[block] = rng.integers(-size, size, shape, endpoint=True)
    integers["b_hidden"][:k].sort()
    exponents = {b: draw(st.integers(-6, 2)) for b in ("b_hidden", "w_hidden", "w_input")}
    exponents["b_output"] = draw(st.integers(0, 3))
    if text:
        exponents["w_output"], exponents["b_output"] = draw(st.integers(-9, -3)), -3
    cap = draw(st.integers(0, 9))
    return IntegerNetwork(form, draw(st.booleans()), cap, exponents, integers, gated)


@st.composite
def spellings(draw, network):
    found = {}
    for block in WEIGHTS:
        weights = draw(st.lists(st.integers(-9, 9), max_size=4))
        found[block] = Spelling(
            again=block != "w_hidden" and draw(st.booleans()),
            biased=draw(st.booleans()),
            diagonal=draw(st.integers(-9, 9)) if block == "w_hidden" else 0,
            apart=block == "w_hidden" and draw(st.booleans()),
            left=draw(st.integers(0, 2)),
            above=draw(st.integers(0, 2)),
            seed=draw(st.integers(0, 99)) if weights else 0,
            weights=tuple(weights),
        )
    return found


def by_checker(bits, task, shape, x0):
    said = {"bits": len(bits), "task": task, "language": 2}
    return checker.decode(said, packed(bits), shape, x0)


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_what_is_written_is_read_by_both(data):
    network = data.draw(networks())
    bits = write(network, "mnist", data.draw(spellings(network)))
    assert decode(bits, "mnist", IMAGE).same(network)
    net = by_checker(bits, "mnist", IMAGE, 255)
    assert (net["k"], net["H"]) == (network.k, 1 << network.cap)
    for block in BLOCKS:
        e = network.exponents.get(block, 0)
        e += network.shift() if block in ("w_hidden", "w_input", "b_hidden") else 0
        assert (net[block].ravel() == network.integers[block].ravel() * 2.0**e).all()


@given(networks())
@settings(max_examples=30, deadline=None)
def test_the_shortest_spelling_is_read_by_both(network):
    bits = encode(network, "mnist")
    assert decode(bits, "mnist", IMAGE).same(network)
    by_checker(bits, "mnist", IMAGE, 255)


def steps(network, sequence):
    """Section 5 in Python's integers: the states after each step."""
    e, s, k, H = network.exponents, network.shift(), network.k, 1 << network.cap
    W, U, b = (network.integers[n].tolist() for n in ("w_hidden", "w_input", "b_hidden"))
    h = [0] * k
    for x in sequence:
        sums = []
        for row, inputs, bias in zip(W, U, b):
            A = sum(w * v for w, v in zip(row, h)) << e["w_hidden"] + s
            A += sum(w * int(v) for w, v in zip(inputs, x)) << e["w_input"] + s
            A += bias << e["b_hidden"] + s
            sums.append((A + (1 << s >> 1)) >> s)
        u = [min(max(v, -H if network.two_sided else 0), H) for v in sums[:k]]
        if network.gated:
            g = [min(max(v, 0), H) for v in sums[k:]]
            u = [v + (2 * r * (c - v) + H) // (2 * H) for v, r, c in zip(h, g, u)]
        h = u
        yield h


@given(networks(), st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_the_count_is_that_of_pythons_integers(network, seed):
    rng = np.random.default_rng(seed)
    x, y = rng.integers(0, 256, (6, *IMAGE)), rng.integers(0, 10, 6)
    expected = 0
    for image, label in zip(x, y):
        *_, h = steps(network, network.form.sequences(image[None])[0])
        scores = [
            sum(w * v for w, v in zip(row, h)) + (int(b) << network.exponents["b_output"])
            for row, b in zip(network.integers["w_output"].tolist(), network.integers["b_output"])
        ]
        expected += scores.index(max(scores)) != label
    assert network.errors(x, y) == expected
    net = by_checker(write(network, "mnist", {}), "mnist", IMAGE, 255)
    assert checker.count_errors(net, x, y) == expected


@given(networks(text=True), st.lists(st.sampled_from([*ALPHABET, 10]), min_size=1, max_size=30))
@settings(max_examples=40, deadline=None)
def test_the_losses_of_texts_are_the_same_in_both(network, text):
    bits, text = write(network, TEXT, {}), np.array(text, np.uint8)
    net = by_checker(bits, TEXT, (), 1)
    mean, counts = checker.measure_losses(net, text)
    losses = bits_of_losses(network, text)
    assert mean == pytest.approx(losses.mean(), abs=1e-9)
    assert counts.sum() == len(text)


def test_the_random_signs_are_those_of_the_document():
    stream = hashlib.shake_256(b"rnnbounds language 2 w_hidden 7").digest(2)
    bits = [byte >> place & 1 for byte in stream for place in range(7, -1, -1)][:12]
    expected = [[-1 if bit else 1 for bit in bits[row * 3 : row * 3 + 3]] for row in range(4)]
    assert random_signs(7, "w_hidden", 4, 3).tolist() == expected
    with pytest.raises(ValueError, match=r"at most 2\^24"):
        random_signs(0, "w_hidden", 2**20, 17)


@pytest.mark.parametrize(
    ("kind", "lengths", "expected"),
    [
        (0, [5, 5], 0), (1, [], 0), (1, [7, 0], 0), (1, [0, 1], 1), (1, [0, 9], 2),
        (2, [], 0), (2, [0, 0, 1], 0), (2, [0, 1], 1), (2, [1, 2], 2), (2, [9, 9], 3),
    ],
)  # fmt: skip
def test_contexts_are_those_of_the_document(kind, lengths, expected):
    assert context(kind, lengths) == checker.context(kind, lengths) == expected


def plain(**changes):
    integers = {
        "b_hidden": np.zeros(4, np.int64),
        "w_hidden": np.ones((4, 2), np.int64),
        "w_input": np.ones((4, 6), np.int64),
        "w_output": np.ones((10, 2), np.int64),
        "b_output": np.zeros(10, np.int64),
    }
    exponents = dict.fromkeys(("b_hidden", "w_hidden", "w_input", "b_output"), 0)
    network = IntegerNetwork(Form(), True, 4, exponents, integers, True)
    return dataclasses.replace(network, **changes)


def test_states_with_gates_are_at_most_2_to_the_25():
    assert decode(encode(plain(cap=25), "mnist"), "mnist", IMAGE).cap == 25
    with pytest.raises(ValueError, match="cap must be at most 25"):
        encode(plain(cap=26), "mnist")
    ungated = plain().integers | {
        "b_hidden": np.zeros(2, np.int64),
        "w_hidden": np.ones((2, 2), np.int64),
        "w_input": np.ones((2, 6), np.int64),
    }
    bits = encode(plain(cap=26, gated=False, integers=ungated), "mnist")
    assert by_checker(bits, "mnist", IMAGE, 255)["H"] == 2**26


def test_a_language_that_there_is_not_and_gates_where_there_are_none():
    with pytest.raises(ValueError, match="language must be 1 or 2, got 3"):
        decode([0, 1], "mnist", IMAGE, language=3)
    with pytest.raises(ValueError, match="language 1 has no gates"):
        encode(plain(), "mnist", 1)


@pytest.mark.parametrize("cap", [0, 25])
def test_a_gate_that_is_half_open_rounds_half_up(cap):
    """At the largest states, too, where the product is 2^51."""
    H = 1 << cap
    network = plain(cap=cap)
    step = network.stepper()
    for h in (-H, -H + 1, 0, H):
        for g in {0, 1, H // 2, H}:
            for u in (-H, 0, H):
                drive = np.array([[u, u, g, g]], float) - h * np.array([[2.0] * 4])
                found = step(drive, np.full((1, 2), float(h)))
                assert found.tolist() == [[h + (2 * g * (u - h) + H) // (2 * H)] * 2]


def test_numbers_that_follow_their_neighbours_cost_less():
    rng = np.random.default_rng(0)
    row = np.repeat(rng.integers(0, 2, (20, 1)), 28, axis=1)  # rows of zeros, and of ones
    integers = {
        "b_hidden": np.zeros(20, np.int64),
        "w_hidden": np.zeros((20, 20), np.int64),
        "w_input": row * np.where(rng.random((20, 28)) < 0.05, 0, 1),
        "w_output": np.zeros((10, 20), np.int64),
        "b_output": np.zeros(10, np.int64),
    }
    exponents = dict.fromkeys(("b_hidden", "w_hidden", "w_input", "b_output"), 0)
    network = IntegerNetwork(Form(), False, 4, exponents, integers)
    assert len(encode(network, "mnist", 2)) < 0.7 * len(encode(network, "mnist", 1))


def test_what_lies_in_a_random_subspace_costs_its_coordinates():
    z = tuple(int(v) for v in np.random.default_rng(1).integers(-3, 4, 12))
    values = (random_signs(5, "w_hidden", 900, 12) @ np.array(z)).reshape(30, 30)
    integers = {
        "b_hidden": np.zeros(30, np.int64),
        "w_hidden": values,
        "w_input": np.zeros((30, 6), np.int64),
        "w_output": np.zeros((10, 30), np.int64),
        "b_output": np.zeros(10, np.int64),
    }
    exponents = dict.fromkeys(("b_hidden", "w_hidden", "w_input", "b_output"), 0)
    network = IntegerNetwork(Form(), False, 4, exponents, integers)
    short = encode(network, "mnist", 2, {"w_hidden": (5, z)})
    assert decode(short, "mnist", IMAGE).same(network)
    assert by_checker(short, "mnist", IMAGE, 255)["k"] == 30
    assert len(short) < 150 < 2000 < len(encode(network, "mnist", 2))


def test_the_bits_of_a_form_are_those_of_its_code():
    form = Form((4, 4, 4, 4), (2, 2))
    gamma = lambda v: 2 * math.floor(math.log2(v + 1)) + 1  # noqa: E731
    assert bits_of_form(form, "mnist") == 3 + 4 * gamma(4) + 2 * gamma(1)
    assert bits_of_form(Form(), "mnist") == 3
    assert bits_of_form(Form(exponent=-2), "npz") == 3 + gamma(3)


@pytest.mark.parametrize("many", [2**24 + 1, 2**31 - 1])
def test_too_many_random_signs_are_refused_before_they_are_drawn(many):
    integers = dict(plain().integers)
    spelled = {"w_hidden": Spelling(seed=1, weights=(0,) * 3)}
    good = write(plain(integers=integers), "mnist", spelled)
    assert decode(good, "mnist", IMAGE).k == 2

    class Wide(tuple):
        def __len__(self):
            return many

    with pytest.raises(ValueError, match=r"at most 2\^24"):
        write(plain(), "mnist", {"w_hidden": Spelling(seed=1, weights=Wide())})
