"""Back-propagation against complex steps through the textbook recursion, and torch's numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers import textbook_rnn as textbook
from hypothesis import assume, given
from hypothesis import strategies as st

from pruning.backpropagation import gradients
from pruning.losses import LOSSES
from pruning.rnn import RNN, WEIGHTS

FIXTURES = sorted(Path(__file__).parents[1].joinpath("fixtures").glob("torch_network_*.npz"))
seeds = st.integers(0, 2**32)
names = st.sampled_from((*textbook.PIECEWISE, *textbook.SMOOTH))
targets_of = st.sampled_from(["last", "every"])


def draw(seed, n, T, m, d_x, d_y, name, loss, targets, tokens):
    rng = np.random.default_rng(seed)
    net = textbook.random_rnn(rng, m, d_x, d_y, name)
    # Growth over time would multiply the rounding of both sides, and hide errors in the sum.
    norm = np.linalg.norm(net.w_hidden, 2) if m else 0.0
    net = RNN(**{**net.weights, "w_hidden": net.w_hidden / max(1.0, norm), "activation": name})
    x = rng.integers(0, d_x, (n, T)) if tokens else rng.standard_normal((n, T, d_x))
    y = textbook.random_targets(rng, loss, (n,) if targets == "last" else (n, T), d_y)
    return net, x, y


# Each activation gets all the examples: Hypothesis likes small ones, in which few nodes are dead.
@pytest.mark.parametrize("name", [*textbook.PIECEWISE, *textbook.SMOOTH])
@given(
    seed=seeds,
    n=st.integers(1, 3),
    T=st.integers(1, 10),
    m=st.integers(0, 3),
    d_x=st.integers(1, 3),
    d_y=st.integers(1, 3),
    loss=st.sampled_from(LOSSES),
    targets=targets_of,
    tokens=st.booleans(),
    gamma=st.sampled_from([0.5, 2.0]),
)
def test_gradients_are_complex_steps(name, seed, n, T, m, d_x, d_y, loss, targets, tokens, gamma):
    net, x, y = draw(seed, n, T, m, d_x, d_y, name, loss, targets, tokens)
    seen = textbook.one_hot(x, d_x) if tokens else x
    value, expected, nearest = textbook.derivatives(net, seen, y, loss, targets, gamma)
    # Rounding may put the two computations on different sides of a kink that is this near.
    assume(nearest > 1e-9)

    ours, gradient = gradients(net, x, y, loss, targets, gamma)

    assert ours == pytest.approx(value, rel=1e-11, abs=1e-11)
    assert tuple(gradient) == WEIGHTS
    # Rounding is relative to the numbers that cancelled: weights are about 1, and so is the loss.
    scale = 1 + abs(value) + max(np.abs(array).max(initial=0) for array in expected.values())
    for key, array in expected.items():
        assert gradient[key].shape == array.shape
        np.testing.assert_allclose(gradient[key], array, rtol=1e-9, atol=1e-11 * scale, err_msg=key)


@given(seeds, st.sampled_from(textbook.SMOOTH), st.sampled_from(LOSSES[:2]), targets_of)
def test_a_long_network_falls_by_its_gradient(seed, name, loss, targets):
    """Central differences along a random direction; halving the step bounds their error."""
    net, x, y = draw(seed, 4, 60, 24, 3, 5, name, loss, targets, False)
    rng = np.random.default_rng(seed)
    direction = {key: rng.standard_normal(array.shape) for key, array in net.weights.items()}

    def along(step):
        moved = {key: array + step * direction[key] for key, array in net.weights.items()}
        return gradients(RNN(**moved, activation=name), x, y, loss, targets)[0]

    def central(step):
        return (along(step) - along(-step)) / (2 * step)

    value, gradient = gradients(net, x, y, loss, targets)
    slope = sum(float((gradient[key] * direction[key]).sum()) for key in gradient)
    coarse, fine = central(2e-5), central(1e-5)
    rounding = 1e-14 * (1 + abs(value)) / 1e-5
    assert abs(slope - fine) <= 2 * abs(coarse - fine) + 100 * rounding


@given(seeds, names, st.sampled_from(LOSSES), targets_of, st.booleans())
def test_the_gradient_of_a_sample_is_the_mean_of_its_parts(seed, name, loss, targets, tokens):
    net, x, y = draw(seed, 5, 4, 4, 3, 2, name, loss, targets, tokens)
    value, whole = gradients(net, x, y, loss, targets)
    parts = [gradients(net, x[i : i + 1], y[i : i + 1], loss, targets) for i in range(5)]
    assert value == pytest.approx(np.mean([part[0] for part in parts]), rel=1e-12, abs=1e-13)
    for key in whole:
        mean = np.mean([part[1][key] for part in parts], axis=0)
        np.testing.assert_allclose(whole[key], mean, rtol=1e-10, atol=1e-12)


@given(seeds, names, st.sampled_from(LOSSES), targets_of)
def test_tokens_and_their_one_hot_vectors_have_the_same_gradient(seed, name, loss, targets):
    net, x, y = draw(seed, 3, 9, 4, 5, 2, name, loss, targets, True)
    value, ours = gradients(net, x, y, loss, targets)
    again, expected = gradients(net, textbook.one_hot(x, 5), y, loss, targets)
    assert value == pytest.approx(again, rel=1e-12, abs=1e-13)
    for key in ours:
        np.testing.assert_allclose(ours[key], expected[key], rtol=1e-10, atol=1e-12)


@given(seeds, names, st.sampled_from(LOSSES), targets_of)
def test_after_one_step_the_recurrent_weights_have_had_no_influence(seed, name, loss, targets):
    net, x, y = draw(seed, 3, 1, 4, 2, 2, name, loss, targets, False)
    assert not gradients(net, x, y, loss, targets)[1]["w_hidden"].any()


def test_a_dead_node_has_no_gradient(rng):
    net = RNN(np.eye(2), np.ones((2, 1)), [-10.0, 0.0], np.eye(2), np.zeros(2), "relu")
    _, gradient = gradients(net, rng.random((5, 6, 1)), rng.integers(0, 2, 5))
    assert not gradient["w_hidden"][0].any()
    assert not gradient["w_input"][0].any()
    assert gradient["b_hidden"][0] == 0
    assert gradient["b_hidden"][1] != 0


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.stem)
def test_states_predictions_and_gradients_are_those_of_torch(path):
    with np.load(path) as data:
        case = dict(data)
    net = RNN(*(case[key] for key in WEIGHTS), activation=str(case["activation"]))
    x, y = case["x"], case["y"]
    np.testing.assert_allclose(net.states(x), case["states"], rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(net.predictions(x), case["predictions"], rtol=1e-12, atol=1e-13)
    value, gradient = gradients(net, x, y, str(case["loss"]), str(case["targets"]))
    assert value == pytest.approx(float(case["value"]), rel=1e-12)
    for key in WEIGHTS:
        np.testing.assert_allclose(gradient[key], case[f"d_{key}"], rtol=1e-10, atol=1e-13)


def test_the_fixtures_cover_every_kind_of_network():
    stems = " ".join(path.stem for path in FIXTURES)
    for word in ("relu", "tanh", "last", "every", "cross_entropy", "squared", "tokens"):
        assert word in stems


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"y": np.array([0, 2])}, r"classes in y must lie in 0\.\.1, got 2"),
        ({"y": np.array([0])}, r"y must have shape \(2,\), got \(1,\)"),
        ({"y": np.zeros((2, 3), int)}, r"y must have shape \(2,\), got \(2, 3\)"),
        ({"targets": "every"}, r"y must have shape \(2, 3\), got \(2,\)"),
        ({"targets": "first"}, "targets must be one of last, every"),
        ({"loss": "zero_one"}, "loss must be one of squared, cross_entropy, margin_ramp"),
        ({"loss": "squared"}, r"y must have shape \(2, 2\), got \(2,\)"),
        ({"x": np.zeros((0, 3, 1)), "y": np.zeros(0, int)}, "at least one sequence"),
        ({"gamma": 0.0}, "gamma must be positive"),
    ],
)
def test_data_that_do_not_fit_are_one_clear_sentence(change, message):
    net = RNN(np.eye(2), np.ones((2, 1)), np.zeros(2), np.ones((2, 2)), np.zeros(2), "relu")
    arguments = {"x": np.zeros((2, 3, 1)), "y": np.zeros(2, int), **change}
    with pytest.raises(ValueError, match=message):
        gradients(net, **arguments)
