"""States and predictions against section 0 of the theory, node by node."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from helpers import textbook_rnn as textbook
from hypothesis import given
from hypothesis import strategies as st

from pruning import rnn
from pruning.activations import Activation, activation
from pruning.backpropagation import gradients
from pruning.cells import recursion
from pruning.rnn import RNN

NAMES = (*textbook.PIECEWISE, *textbook.SMOOTH)
seeds = st.integers(0, 2**32)
# T beyond one block of the recurrence, m = 0 included.
sizes = st.tuples(st.integers(1, 4), st.integers(1, 19), st.integers(0, 5), st.integers(1, 3))


@given(seed=seeds, size=sizes, name=st.sampled_from(NAMES), d_y=st.integers(1, 3))
def test_states_and_predictions_are_those_of_the_definition(seed, size, name, d_y):
    n, T, m, d_x = size
    rng = np.random.default_rng(seed)
    net = textbook.random_rnn(rng, m, d_x, d_y, name)
    x = rng.standard_normal((n, T, d_x))

    states, predictions = net.states(x), net.predictions(x)

    assert states.shape == (n, T, m)
    assert predictions.shape == (n, T, d_y)
    for i in range(n):
        h, f, _ = textbook.run(net.weights.values(), name, x[i])
        np.testing.assert_allclose(states[i], h.real, rtol=1e-10, atol=1e-10)
        np.testing.assert_allclose(predictions[i], f.real, rtol=1e-10, atol=1e-10)


@given(seed=seeds, size=sizes, name=st.sampled_from(NAMES))
def test_tokens_are_one_hot_vectors(seed, size, name):
    n, T, m, d_x = size
    rng = np.random.default_rng(seed)
    net = textbook.random_rnn(rng, m, d_x, 2, name)
    tokens = rng.integers(0, d_x, (n, T))
    np.testing.assert_allclose(
        net.states(tokens), net.states(textbook.one_hot(tokens, d_x)), rtol=1e-10, atol=1e-10
    )


@pytest.mark.parametrize("dtype", ["uint8", "int16", "int64", "uint64"])
def test_tokens_may_be_integers_of_any_kind(rng, dtype):
    net = textbook.random_rnn(rng, 3, 5, 2, "tanh")
    tokens = rng.integers(0, 5, (4, 6))
    np.testing.assert_array_equal(net.states(tokens.astype(dtype)), net.states(tokens))
    value, gradient = gradients(net, tokens.astype(dtype), np.zeros(4, int))
    assert value == gradients(net, tokens, np.zeros(4, int))[0]
    assert gradient["w_input"].any()


def test_one_hot_vectors_are_never_built(rng):
    # They would take 200,000 * 40,000 * 8 bytes = 64 gigabytes.
    net = textbook.random_rnn(rng, 2, 200_000, 1, "tanh")
    assert net.states(rng.integers(0, 200_000, (2000, 20))).shape == (2000, 20, 2)


@given(seed=seeds, size=sizes, name=st.sampled_from(NAMES), batch=st.integers(1, 6))
def test_batches_are_the_states_in_pieces(seed, size, name, batch):
    n, T, m, d_x = size
    rng = np.random.default_rng(seed)
    net = textbook.random_rnn(rng, m, d_x, 1, name)
    x = rng.standard_normal((n, T, d_x))
    pieces = list(net.state_batches(x, batch))
    assert [len(piece) for piece in pieces[:-1]] == [batch] * (len(pieces) - 1)
    np.testing.assert_allclose(np.concatenate(pieces), net.states(x), rtol=1e-10, atol=1e-10)


def test_predictions_do_not_depend_on_how_many_states_are_kept(rng, monkeypatch):
    net = textbook.random_rnn(rng, 3, 2, 2, "tanh")
    x = rng.standard_normal((7, 5, 2))
    at_once = net.predictions(x)
    monkeypatch.setattr(rnn, "_STATES_AT_ONCE", 30)
    np.testing.assert_allclose(net.predictions(x), at_once, rtol=1e-12)


def test_a_network_without_nodes_predicts_its_output_bias(rng):
    net = RNN(np.zeros((0, 0)), np.zeros((0, 3)), np.zeros(0), np.zeros((2, 0)), [1.0, -2.0])
    assert net.m == 0
    for x in (rng.standard_normal((4, 5, 3)), rng.integers(0, 3, (4, 5))):
        assert net.states(x).shape == (4, 5, 0)
        np.testing.assert_array_equal(net.predictions(x), np.full((4, 5, 2), [1.0, -2.0]))


@pytest.mark.parametrize("name", NAMES)
def test_single_precision_stays_single_and_close(rng, name):
    net = textbook.random_rnn(rng, 6, 2, 2, name, scale=0.5)
    x = rng.standard_normal((3, 20, 2))
    single = net.states(x, dtype="float32")
    assert single.dtype == np.float32
    assert net.predictions(x, dtype="float32").dtype == np.float32
    np.testing.assert_allclose(single, net.states(x), rtol=1e-3, atol=1e-4)


def test_input_is_not_changed_and_weights_cannot_be(rng):
    weight = rng.standard_normal((3, 3))
    net = RNN(weight, np.ones((3, 1)), np.ones(3), np.ones((1, 3)), np.ones(1), "tanh")
    x = rng.standard_normal((2, 4, 1))
    before = x.copy()
    net.predictions(x)
    np.testing.assert_array_equal(x, before)
    weight[0, 0] = 1e9
    assert net.w_hidden[0, 0] != 1e9
    with pytest.raises(ValueError, match="read-only"):
        net.w_hidden[0, 0] = 0.0


@pytest.mark.parametrize("name", [*NAMES, "leaky_relu"])
def test_networks_travel_to_other_processes(rng, name):
    net = textbook.random_rnn(rng, 2, 1, 1, name)
    for other in (pickle.loads(pickle.dumps(net)), copy.deepcopy(net)):
        assert other.activation is net.activation
        x = rng.standard_normal((1, 3, 1))
        np.testing.assert_array_equal(other.states(x), net.states(x))


def test_time_major_input_ends_in_ones(rng):
    x = rng.standard_normal((2, 3, 4))
    out = recursion.time_major(x, np.float64)
    np.testing.assert_array_equal(out[..., :4], x.transpose(1, 0, 2))
    np.testing.assert_array_equal(out[..., 4], 1)


@pytest.mark.parametrize("name", [*NAMES, "leaky_relu:3"])
def test_activations_are_what_they_claim(name):
    s = activation(name)
    a = np.concatenate([np.linspace(-6, 6, 241), [0.0, 1e-300, -1e-300, 300.0, -300.0]])
    h = s.apply(a)
    assert s.apply(np.zeros(1))[0] == s.at_zero
    assert np.abs(h).max() <= s.bound
    gaps = np.abs(h[:, None] - h) <= s.lipschitz * np.abs(a[:, None] - a) * (1 + 1e-12) + 1e-15
    assert gaps.all()
    # The constant is attained up to 1e-6, so it is not merely large enough.
    near = np.linspace(-1e-3, 1e-3, 2001)
    assert np.abs(np.diff(s.apply(near)) / np.diff(near)).max() >= s.lipschitz * (1 - 1e-6)
    # In place and out of place agree, in both precisions.
    for dtype in (np.float32, np.float64):
        inside = a.astype(dtype)
        assert s.apply(inside.copy()).dtype == dtype
        np.testing.assert_array_equal(s.apply(inside, out=inside), s.apply(a.astype(dtype)))
        out = np.empty_like(inside)
        np.testing.assert_array_equal(s.slope(inside, out=out), s.slope(inside))
        assert s.slope(inside).dtype == dtype


@pytest.mark.parametrize("name", NAMES)
def test_slopes_are_derivatives(name):
    a = np.array([-3.0, -0.5, -1e-6, 1e-6, 0.25, 2.0])
    exact = [textbook.activate(name, complex(v, 1e-30)).imag / 1e-30 for v in a]
    np.testing.assert_allclose(activation(name).slope(activation(name).apply(a)), exact, rtol=1e-9)


def test_a_custom_activation_is_taken_as_it_is():
    slope = lambda h, out=None: np.multiply(3, np.cbrt(h) ** 2, out=out)  # noqa: E731
    cube = Activation("cube", lambda a, out=None: np.power(a, 3, out=out), slope, 3.0, 1.0, 0.0)
    net = RNN([[1.0]], [[1.0]], [0.0], [[1.0]], [0.0], cube)
    assert net.states([[[2.0]]])[0, 0, 0] == 8.0


GOOD = {
    "w_hidden": np.eye(2),
    "w_input": np.ones((2, 3)),
    "b_hidden": np.zeros(2),
    "w_output": np.ones((1, 2)),
    "b_output": np.zeros(1),
}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"w_hidden": np.ones((2, 3))}, r"w_hidden must have shape \(2, 2\), got \(2, 3\)"),
        ({"w_input": np.ones((3, 3))}, r"w_input must have shape \(2, any\), got \(3, 3\)"),
        ({"w_input": np.ones((2, 0))}, "d_x >= 1"),
        ({"b_hidden": np.ones((2, 1))}, r"b_hidden must have shape \(any,\)"),
        ({"b_output": 0.0}, "b_output must have shape"),
        ({"b_output": np.zeros(0), "w_output": np.zeros((0, 2))}, "d_y >= 1"),
        ({"w_output": [[1.0, np.nan]]}, r"w_output must be finite, got nan at index \(0, 1\)"),
        ({"w_hidden": [[1.0, np.inf], [0, 0]]}, "w_hidden must be finite"),
        ({"w_hidden": "a"}, "w_hidden must be"),
        ({"activation": "softsign"}, "activation must be one of"),
        ({"activation": None}, "activation must be one of"),
        ({"activation": "leaky_relu:-1"}, "slope of leaky_relu must be positive"),
        ({"activation": "leaky_relu:x"}, "slope of leaky_relu must be a real number"),
    ],
)
def test_bad_weights_are_one_clear_sentence(change, message):
    with pytest.raises(ValueError, match=message):
        RNN(**{**GOOD, **change})


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros((4, 5)), r"x must have shape \(any, any, 3\), got \(4, 5\)"),
        (np.zeros((4, 5, 2)), r"x must have shape \(any, any, 3\), got \(4, 5, 2\)"),
        (np.zeros((0, 5, 3)), "at least one sequence"),
        (np.zeros((5, 0, 3)), "at least one sequence"),
        (np.zeros((0, 5), int), "at least one token"),
        (np.full((1, 1), 3), r"tokens in x must lie in 0\.\.2, got 3"),
        (np.full((1, 1), -1), r"tokens in x must lie in 0\.\.2, got -1"),
        (np.full((1, 2, 3), np.nan), "x must be finite"),
        ("words", "x must be an array of real numbers"),
    ],
)
def test_bad_input_is_one_clear_sentence(x, message):
    net = RNN(**GOOD)
    for call in (net.states, net.predictions, net.state_batches):
        with pytest.raises(ValueError, match=message):
            call(x)


def test_unknown_precision_and_empty_batches_are_refused():
    net, x = RNN(**GOOD), np.zeros((1, 1, 3))
    with pytest.raises(ValueError, match="dtype must be one of float64, float32"):
        net.states(x, dtype="float16")
    with pytest.raises(ValueError, match="batch must be an integer of at least 1"):
        net.state_batches(x, 0)
