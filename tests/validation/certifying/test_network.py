"""The integer forward pass against Python's own integers, and the conversion to it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pruning.rnn import RNN
from validation.certifying.conversion import centred, integer_network
from validation.certifying.network import Form, IntegerNetwork
from validation.certifying.pipeline import bound, rounded
from validation.certifying.tasks import rounded as rounded_inputs

BLOCKS = ("b_hidden", "w_hidden", "w_input", "w_output", "b_output")


def with_python_integers(network, x):
    """Section 5 of docs/certificates.md, word by word."""
    w = {block: network.integers[block].tolist() for block in BLOCKS}
    e, H = network.exponents, 2**network.cap
    s = max(0, -e["w_hidden"], -e["w_input"], -e["b_hidden"])
    low = -H if network.two_sided else 0
    found = []
    for sequence in x.tolist():
        h = [0] * network.k
        for step in sequence:
            new = []
            for i in range(network.k):
                A = sum(a * b for a, b in zip(w["w_hidden"][i], h)) * 2 ** (e["w_hidden"] + s)
                A += sum(a * b for a, b in zip(w["w_input"][i], step)) * 2 ** (e["w_input"] + s)
                A += w["b_hidden"][i] * 2 ** (e["b_hidden"] + s)
                A = (A + 2 ** (s - 1)) // 2**s if s else A
                new.append(min(max(A, low), H))
            h = new
        found.append(
            [
                sum(a * b for a, b in zip(row, h)) + c * 2 ** e["b_output"]
                for row, c in zip(w["w_output"], w["b_output"])
            ]
        )
    return found


@given(st.data())
@settings(max_examples=50, deadline=None)
def test_the_count_is_that_of_python_integers(data):
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    k, d, T, q = (data.draw(st.integers(1, top)) for top in (5, 4, 6, 4))
    size, x_max = data.draw(st.sampled_from([1, 5, 2**20])), data.draw(st.sampled_from([1, 255]))
    e = {b: data.draw(st.integers(-8, 6)) for b in ("b_hidden", "w_hidden", "w_input")}
    e["b_output"] = data.draw(st.integers(0, 12))
    shapes = {"b_hidden": k, "w_hidden": (k, k), "w_input": (k, d)}
    shapes |= {"w_output": (q, k), "b_output": q}
    integers = {b: rng.integers(-size, size, shape, endpoint=True) for b, shape in shapes.items()}
    two_sided, cap = data.draw(st.booleans()), data.draw(st.integers(0, 20))
    network = IntegerNetwork(Form(), two_sided, cap, e, integers)
    try:
        network.check_range(x_max)
    except ValueError:
        return
    images = rng.integers(0, x_max, (7, T, d), endpoint=True)
    images[0] = x_max
    exact = with_python_integers(network, images)
    assert network.readouts(images).tolist() == exact
    labels = rng.integers(0, q, 7)
    wrong = sum(row.index(max(row)) != label for row, label in zip(exact, labels))
    assert network.errors(images, labels, batch=3) == wrong


def test_ties_go_to_the_lowest_class_and_halves_up():
    integers = {
        "b_hidden": np.array([0]),
        "w_hidden": np.array([[0]]),
        "w_input": np.array([[1]]),
        "w_output": np.array([[0], [0], [1]]),
        "b_output": np.array([0, 1, 0]),
    }
    e = {"b_hidden": 0, "w_hidden": 0, "w_input": -1, "b_output": 0}
    network = IntegerNetwork(Form(), True, 4, e, integers)
    x = np.array([[[1]], [[-1]], [[3]], [[2]]])
    # 1/2, -1/2, 3/2 and 1 become 1, 0, 2 and 1; y is (0, 1, h).
    assert network.readouts(x)[:, 2].tolist() == [1, 0, 2, 1]
    assert network.readouts(x).argmax(axis=1).tolist() == [1, 1, 2, 1]


def test_a_range_just_below_2_53_is_exact_and_just_above_is_refused():
    integers = {
        "b_hidden": np.array([0]),
        "w_hidden": np.array([[0]]),
        "w_input": np.array([[1]]),
        "w_output": np.array([[2**31], [2**31 - 1]]),
        "b_output": np.array([0, 0]),
    }
    e = {"b_hidden": 0, "w_hidden": 0, "w_input": 0, "b_output": 0}
    within = IntegerNetwork(Form(), False, 21, e, integers)
    within.check_range(2**21)
    x = np.array([[[2**21]]])
    assert within.readouts(x).tolist() == [[2**52, 2**52 - 2**21]]
    with pytest.raises(ValueError, match="class 0 may"):
        IntegerNetwork(Form(), False, 22, e, integers).check_range(2**21)
    with pytest.raises(ValueError, match="node 0 may"):
        within.check_range(2**53)


@given(st.data())
@settings(max_examples=25, deadline=None)
def test_forms_sum_blocks_and_keep_the_order(data):
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    v, w = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 3))
    R, C = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 4))
    crop = tuple(data.draw(st.integers(0, 2)) for _ in range(4))
    images = rng.integers(0, 255, (3, R * v + crop[0] + crop[1], C * w + crop[2] + crop[3]))
    d = data.draw(st.sampled_from([None, 1, R * C]))
    found = Form(crop, (v, w), d).sequences(images)
    expected = [
        images[:, crop[0] + v * r :, crop[2] + w * c :][:, :v, :w].sum(axis=(1, 2))
        for r in range(R)
        for c in range(C)
    ]
    assert np.array_equal(found.reshape(3, -1), np.stack(expected, axis=1))
    assert found.shape[2] == (C if d is None else d)


@pytest.mark.parametrize("form", [Form(pool=(3, 1)), Form((28, 0, 0, 0)), Form(d=5)])
def test_a_form_that_does_not_fit_is_refused(form):
    with pytest.raises(ValueError, match="must"):
        form.shape(28, 28)


@given(st.integers(0, 10**6), st.integers(0, 3), st.sampled_from(["relu", "tanh"]))
@settings(max_examples=30, deadline=None)
def test_the_conversion_is_an_equal_function(seed, guard, activation):
    """Against floats, with the identity clipped to [-1, 1] in the place of tanh."""
    rng = np.random.default_rng(seed)
    m, d, q = 5, 3, 4
    steps = {"w_hidden": -3, "w_input": -2, "w_output": -2, "b_hidden": -4, "b_output": -3}
    rnn = RNN(
        0.4 * rng.normal(size=(m, m)),
        rng.normal(size=(m, d)),
        rng.normal(size=m),
        rng.normal(size=(q, m)),
        rng.normal(size=q),
        activation,
    )
    rnn = rounded(rnn, steps)
    network = integer_network(rnn, steps, Form(), 8, largest_state=64.0, guard=guard)
    x = rng.integers(0, 256, (50, 6, d))
    h = np.zeros((50, m))
    for t in range(6):
        a = h @ rnn.w_hidden.T + (x[:, t] / 256) @ rnn.w_input.T + rnn.b_hidden
        h = np.clip(a, -1, 1) if activation == "tanh" else np.maximum(a, 0)
    y = h @ rnn.w_output.T + rnn.b_output
    found = network.readouts(x) * 2.0 ** -(8 + 2 + guard + 2)
    apart = (y - y.mean(1, keepdims=True)) - (found - found.mean(1, keepdims=True))
    assert np.abs(apart).max() < 0.1


def test_centring_changes_no_class_and_saves_bits():
    rng = np.random.default_rng(0)
    w = np.rint(rng.normal(size=(10, 30)) + 5 * rng.normal(size=30)).astype(np.int64)
    found = centred(w)
    assert np.array_equal(np.diff(found, axis=0), np.diff(w, axis=0))
    assert np.abs(found).sum() < np.abs(w).sum() / 2


def test_the_bound_is_rounded_up_and_is_1_where_nothing_is_known():
    from decimal import Decimal

    # (1 - p)^10 = 2^-3/2: p = 1 - 2^-0.4.
    assert bound(0, 10, 3, Decimal("0.5")) == Decimal("0.242142")
    assert 0 < float(bound(0, 10, 3, Decimal("0.5"))) - (1 - 2**-0.4) < 1e-6
    assert bound(10, 10, 1, Decimal("0.5")) == 1
    assert bound(0, 10, 10**5, Decimal("0.5")) == 1


def test_inputs_are_rounded_half_up_and_clipped():
    x = [0.125, -0.125, 0.3749, 1e9, -1e9]
    assert rounded_inputs(x, 2).tolist() == [1, 0, 1, 2**15, -(2**15)]
