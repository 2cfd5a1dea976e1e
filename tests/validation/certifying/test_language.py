"""Codes of language 1: what is encoded is decoded, no code begins another, and lengths are fair."""

import contextlib
import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from validation.certifying.language import (
    WEIGHTS,
    Spelling,
    decode,
    encode,
    packed,
    unpacked,
    write,
)
from validation.certifying.network import Form, IntegerNetwork

IMAGE = (4, 6)
FORMS = (
    Form(),
    Form((1, 1, 0, 2), (2, 1)),
    Form((0, 0, 0, 0), (2, 3), 1),
    Form((3, 0, 5, 0)),
    Form(d=24),
)


@st.composite
def networks(draw, task="mnist"):
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    form = draw(st.sampled_from(FORMS))
    q = draw(st.integers(2, 12)) if task == "npz" else 10
    if task == "npz":
        form = Form(form.crop, form.pool, form.d, draw(st.integers(-64, 64)))
    k, d = draw(st.integers(1, 6)), form.shape(*IMAGE)[1]
    shapes = {"b_hidden": k, "w_hidden": (k, k), "w_input": (k, d)}
    shapes |= {"w_output": (q, k), "b_output": q}
    integers = {}
    for block, shape in shapes.items():
        size = draw(st.sampled_from([0, 1, 2, 9, 1000, 2**29]))
        integers[block] = rng.integers(-size, size, shape, endpoint=True)
        if draw(st.booleans()):
            integers[block][...] = integers[block].ravel()[0]  # one symbol alone
    integers["b_hidden"] = np.sort(integers["b_hidden"])
    exponents = {b: draw(st.integers(-64, 64)) for b in ("b_hidden", "w_hidden", "w_input")}
    exponents["b_output"] = draw(st.integers(0, 64))
    return IntegerNetwork(form, draw(st.booleans()), draw(st.integers(0, 40)), exponents, integers)


@st.composite
def spellings(draw, network):
    found = {}
    for block in WEIGHTS:
        values = network.integers[block]
        diagonal = draw(st.integers(-9, 9)) if block == "w_hidden" else 0
        shifted = values - diagonal * np.eye(*values.shape, dtype=np.int64) if diagonal else values
        sizes = [int(v) for v in np.unique(np.abs(shifted)) if v]
        table = tuple(sizes) if 0 < len(sizes) <= 64 and draw(st.booleans()) else None
        again = block != "w_hidden" and draw(st.booleans())
        apart = block == "w_hidden" and draw(st.booleans())
        found[block] = Spelling(again, draw(st.booleans()), table, diagonal, apart)
    return found


@given(st.data())
@settings(max_examples=30, deadline=None)
def test_what_is_encoded_is_decoded_in_every_spelling(data):
    task = data.draw(st.sampled_from(["mnist", "digits", "npz"]))
    network = data.draw(networks(task))
    shown = write(network, task, data.draw(spellings(network)))
    for code in (shown, encode(network, task)):
        assert decode(code, task, IMAGE).same(network)


@given(networks(), st.lists(st.integers(0, 1), max_size=80))
@settings(max_examples=20, deadline=None)
def test_what_follows_a_code_changes_nothing(network, more):
    code = encode(network, "mnist")
    assert decode(code + more, "mnist", IMAGE).same(network)


@given(networks(), st.integers(1, 30))
@settings(max_examples=20, deadline=None)
def test_a_code_cut_short_is_refused_or_owns_its_interval(network, cut):
    """Where the beginning of a code is accepted, all that begins so decodes to one network."""
    code = encode(network, "mnist")[:-cut]
    try:
        first = decode(code, "mnist", IMAGE)
    except ValueError:
        return
    assert first.same(network)


@given(networks(), networks())
@settings(max_examples=20, deadline=None)
def test_no_code_begins_another(one, other):
    first, second = encode(one, "mnist"), encode(other, "mnist")
    if not one.same(other):
        shorter = min(len(first), len(second))
        assert first[:shorter] != second[:shorter]


def test_kraft_sum_of_the_accepted_strings_behind_a_beginning():
    """All strings of up to 9 more bits that are accepted and begin with no other such."""
    integers = {block: np.zeros((1, 1), np.int64) for block in ("w_hidden", "w_input", "w_output")}
    integers |= {"b_hidden": np.zeros(1, np.int64), "b_output": np.zeros(1, np.int64)}
    exponents = dict.fromkeys(("b_hidden", "w_hidden", "w_input", "b_output"), 0)
    smallest = encode(IntegerNetwork(Form(), False, 0, exponents, integers), "mnist")
    beginning = smallest[:-6]
    accepted, total = [], 0.0
    for length in range(1, 10):
        for number in range(1 << length):
            code = [number >> place & 1 for place in reversed(range(length))]
            if any(code[: len(known)] == known for known in accepted):
                continue
            try:
                decode(beginning + code, "mnist", (1, 1), q=1)
            except ValueError:
                continue
            accepted.append(code)
            total += 2.0**-length
    assert smallest[-6:] in accepted or any(smallest[-6:][: len(c)] == c for c in accepted)
    assert len(accepted) > 10
    assert total <= 1


@pytest.mark.parametrize("probability", [0.02, 0.3, 0.5])
def test_lengths_are_near_the_entropy(probability):
    rng = np.random.default_rng(3)
    k = 40
    values = rng.geometric(1 - probability, (k, k)) - 1
    integers = {
        "b_hidden": np.zeros(k, np.int64),
        "w_hidden": values,
        "w_input": np.zeros((k, 6), np.int64),
        "w_output": np.zeros((10, k), np.int64),
        "b_output": np.zeros(10, np.int64),
    }
    exponents = dict.fromkeys(("b_hidden", "w_hidden", "w_input", "b_output"), 0)
    bits = len(encode(IntegerNetwork(Form(), False, 14, exponents, integers), "mnist"))
    counts = Counter(values.ravel().tolist())
    entropy = -sum(c * math.log2(c / k**2) for c in counts.values())
    # All signs are plus: their model learns that. Zeros of the other blocks cost a few bits each.
    assert entropy - 40 < bits < 1.02 * entropy + 140


def test_bits_and_bytes():
    code = [1, 0, 1, 1, 0, 0, 0, 0, 1]
    assert packed(code) == bytes([0b10110000, 0b10000000])
    assert unpacked(packed(code), 9) == code
    with pytest.raises(ValueError, match="zeros behind"):
        unpacked(bytes([0b10110000, 0b11000000]), 9)
    with pytest.raises(ValueError, match="2 bytes for 9 bits, got 3"):
        unpacked(b"aaa", 9)


@given(st.lists(st.integers(0, 1), min_size=1, max_size=400))
@settings(max_examples=100, deadline=None)
def test_noise_is_decoded_or_refused(code):
    for task in ("mnist", "npz"):
        with contextlib.suppress(ValueError):
            assert decode(code, task, IMAGE).k >= 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cap": 41}, "cap"),
        ({"exponents": {"b_hidden": 0, "w_hidden": 65, "w_input": 0, "b_output": 0}}, "w_hidden"),
        ({"exponents": {"b_hidden": 0, "w_hidden": 0, "w_input": 0, "b_output": -1}}, "b_output"),
    ],
)
def test_what_the_language_lacks_is_named(change, message):
    import dataclasses

    integers = {
        "b_hidden": np.array([0, 1]),
        "w_hidden": np.eye(2, dtype=np.int64),
        "w_input": np.ones((2, 6), np.int64),
        "w_output": np.ones((10, 2), np.int64),
        "b_output": np.zeros(10, np.int64),
    }
    exponents = dict.fromkeys(("b_hidden", "w_hidden", "w_input", "b_output"), 0)
    network = IntegerNetwork(Form(), False, 4, exponents, integers)
    assert encode(network, "mnist")
    with pytest.raises(ValueError, match=message):
        encode(dataclasses.replace(network, **change), "mnist")
    unsorted = {**integers, "b_hidden": np.array([1, 0])}
    with pytest.raises(ValueError, match="ascend"):
        encode(dataclasses.replace(network, integers=unsorted), "mnist")
    huge = {**integers, "w_input": integers["w_input"] << 40}
    with pytest.raises(ValueError, match="2\\^31"):
        encode(dataclasses.replace(network, integers=huge), "mnist")
