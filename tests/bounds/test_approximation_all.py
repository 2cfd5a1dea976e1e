"""Every bound of section 3 against the error it bounds, exactly where arithmetic allows."""

import functools
from itertools import pairwise

import numpy as np
import pytest
from helpers.network_pairs import (
    exact_pairs,
    exact_square_error,
    exact_states,
    float_pairs,
    log_sqrt,
    rounding_of_error,
    weightings,
)
from hypothesis import given
from hypothesis import strategies as st

from bounds.approximation import (
    approximation_bound,
    approximation_error,
    global_bound,
    local_bound,
    power_bound,
    recursion_bound,
    scaled_bound,
    sector_bound,
    slack_chain,
    stepwise_bound,
    toeplitz_bound,
    trajectory_bound,
    weighted_bound,
    weighted_from_mean_bound,
)
from pruning import RNN, StateCovariance, spectral_prune

NONINCREASING = ("mean", "first", "falling")
EVERY = ("mean", "last", "first", "rising", "falling")


def _convolution(bound):
    def call(pruned, x, per_step, w):
        T = len(w)
        if np.all(w == 1 / T):
            return bound(pruned, T)
        return bound(pruned, T, w, np.tensordot(w, per_step, axes=1))

    return call


# name: (weights that it covers, call)
BOUNDS = {
    "global": (NONINCREASING, _convolution(global_bound)),
    "toeplitz": (NONINCREASING, _convolution(toeplitz_bound)),
    "power": (NONINCREASING, _convolution(power_bound)),
    "scaled": (("mean",), lambda p, x, S, w: scaled_bound(p, len(w))),
    "stepwise": (("mean",), lambda p, x, S, w: stepwise_bound(p, len(w))),
    "sector from the mean": (("mean",), lambda p, x, S, w: sector_bound(p, len(w))),
    "sector by step": (EVERY, lambda p, x, S, w: sector_bound(p, len(w), w, S)),
    "weighted": (EVERY, lambda p, x, S, w: weighted_bound(p, S, w)),
    "weighted by powers": (EVERY, lambda p, x, S, w: weighted_bound(p, S, w, "power")),
    "weighted from mean": (EVERY, lambda p, x, S, w: weighted_from_mean_bound(p, len(w), w)),
    "weighted from mean by powers": (
        EVERY,
        lambda p, x, S, w: weighted_from_mean_bound(
            p, len(w), w, np.tensordot(w, S, axes=1), "power"
        ),
    ),
    "recursion": (EVERY, lambda p, x, S, w: recursion_bound(p, x, w)),
    "local": (EVERY, lambda p, x, S, w: local_bound(p, x, w)),
    "best": (EVERY, lambda p, x, S, w: approximation_bound(p, len(w), "best", w, S)),
}


@pytest.mark.parametrize("name", BOUNDS)
@given(drawn=exact_pairs(), data=st.data())
def test_no_bound_is_below_the_exact_error_of_a_rational_network(name, drawn, data):
    pruned, x, per_step = drawn
    covered, call = BOUNDS[name]
    w = weightings(x.shape[1])[data.draw(st.sampled_from(covered))]
    bound = call(pruned, x, per_step, w)
    assert log_sqrt(exact_square_error(pruned, x, w)) <= bound.log_total


@pytest.mark.parametrize("name", BOUNDS)
@given(drawn=float_pairs(), data=st.data())
def test_no_bound_is_below_the_measured_error_less_its_rounding(name, drawn, data):
    pruned, x, per_step = drawn
    covered, call = BOUNDS[name]
    w = weightings(x.shape[1])[data.draw(st.sampled_from(covered))]
    bound = call(pruned, x, per_step, w)
    error = approximation_error(pruned, x, w) - rounding_of_error(pruned, x, w)
    assert error <= 0 or np.log(error) <= bound.log_total


@given(drawn=exact_pairs())
def test_float64_runs_the_rational_networks_without_any_error(drawn):
    pruned, x, _ = drawn
    for rnn in (pruned.original, pruned.pruned):
        exact = np.array(exact_states(rnn, x), dtype=float).reshape(len(x), x.shape[1], rnn.m)
        assert np.array_equal(rnn.states(x), exact)
    w = np.full(x.shape[1], 1 / x.shape[1])
    exact_error = float(exact_square_error(pruned, x, w)) ** 0.5
    assert approximation_error(pruned, x, w) == pytest.approx(exact_error, rel=1e-14, abs=0)


@given(drawn=float_pairs())
def test_each_sharper_bound_is_at_most_the_one_it_sharpens(drawn):
    pruned, x, per_step = drawn
    T = x.shape[1]
    published = global_bound(pruned, T).log_total
    toeplitz = toeplitz_bound(pruned, T).log_total
    slack = 1e-9
    assert toeplitz <= published + slack
    assert power_bound(pruned, T).log_total <= toeplitz + slack
    assert scaled_bound(pruned, T).log_total <= toeplitz + slack
    assert weighted_bound(pruned, per_step).log_total <= toeplitz + 1e-6
    w = np.full(T, 1 / T)
    assert weighted_from_mean_bound(pruned, T, w).log_total <= toeplitz + slack


@given(drawn=float_pairs())
def test_the_slack_chain_never_falls_and_ends_at_the_published_bound(drawn):
    pruned, x, _ = drawn
    chain = slack_chain(pruned, x)
    logs = np.array([bound.log_total for bound in chain])
    # The first entry is measured, the others are rounded up: it may exceed by its own rounding.
    scale = np.exp(logs[-1])
    rounding = rounding_of_error(pruned, x, np.full(x.shape[1], 1 / x.shape[1]))
    for before, after in pairwise(logs):
        assert np.exp(before) <= np.exp(after) * (1 + 1e-9) + rounding + 1e-12 * scale
    published = global_bound(pruned, x.shape[1])
    by_id = {bound.id: bound for bound in chain}
    # S is resolved to sqrt(m eps) of what it multiplies, the chain's norms to eps.
    from_chain = by_id["approximation.global"].total
    assert from_chain <= published.total * (1 + 1e-9) + 100 * rounding
    error = approximation_error(pruned, x)
    assert chain[0].total == pytest.approx(error, rel=1e-9, abs=1e-300)


@given(drawn=float_pairs(), name=st.sampled_from(["mean", "last", "first", "rising"]))
def test_the_slack_chain_never_falls_in_any_norm_and_has_the_bounds_of_that_norm(drawn, name):
    pruned, x, per_step = drawn
    T = x.shape[1]
    w = weightings(T)[name]
    chain = slack_chain(pruned, x, weights=w)
    logs = np.array([bound.log_total for bound in chain])
    rounding = rounding_of_error(pruned, x, w)
    for before, after in pairwise(logs):
        assert np.exp(before) <= np.exp(after) * (1 + 1e-9) + rounding + 1e-12 * np.exp(logs[-1])
    by_id = {bound.id: bound for bound in chain}
    error = approximation_error(pruned, x, w)
    assert by_id["measured"].total == pytest.approx(error, rel=1e-9, abs=1e-300)
    along = recursion_bound(pruned, x, w).total
    assert abs(by_id["approximation.recursion"].total - along) <= 1e-9 * along + rounding
    # S is resolved to sqrt(m eps) of what it multiplies, the chain's norms to eps.
    mean = weighted_from_mean_bound(pruned, T, w, np.tensordot(w, per_step, axes=1))
    from_chain = by_id["approximation.weighted_from_mean"].total
    assert from_chain <= mean.total * (1 + 1e-9) + 100 * T * rounding
    if name == "mean":
        plain = {bound.id: bound.log_total for bound in slack_chain(pruned, x)}
        for id in ("split", "operator", "lipschitz", "one_step", "approximation.weighted"):
            assert by_id[id].log_total == pytest.approx(plain[id], rel=1e-9, abs=1e-9)


@given(drawn=float_pairs())
def test_the_norms_along_trajectories_lie_between_error_and_recursion(drawn):
    pruned, x, _ = drawn
    w = weightings(x.shape[1])["rising"]
    rounding = rounding_of_error(pruned, x, w)
    error = approximation_error(pruned, x, w)
    vectors = trajectory_bound(pruned, x, w).total
    products = trajectory_bound(pruned, x, w, norms="products").total
    recursion = recursion_bound(pruned, x, w).total
    # Delta is a quotient of differences: where those are rounding, so is the term it makes.
    noise = 4 * rounding + 1e-9 * recursion
    assert error <= vectors + noise
    assert vectors <= products + noise
    assert products <= recursion + noise


def test_the_published_bound_refuses_the_last_step_where_it_is_false():
    pruned, x, per_step = _last_step_counterexample()
    last = np.array([0.0, 1.0])
    S_last = per_step[1]
    assert approximation_error(pruned, x, last) == 1.0
    # Its right side at w = (0, 1): both residual norms vanish, the error does not.
    h = pruned.original.states(x)[:, 1]
    r = h - h[:, pruned.nodes] @ pruned.reconstruction.T
    assert not (r @ pruned.original.w_output.T).any()
    assert not (r @ pruned.original.w_hidden[pruned.nodes].T).any()
    for method in ("global", "toeplitz", "power"):
        with pytest.raises(ValueError, match="must not increase"):
            approximation_bound(pruned, 2, method, last, per_step)
    assert np.trace(S_last) > 0
    for bound in (
        approximation_bound(pruned, 2, "weighted", last, per_step),
        approximation_bound(pruned, 2, "weighted_from_mean", last, per_step),
        recursion_bound(pruned, x, last),
        sector_bound(pruned, 2, last, per_step),
    ):
        assert 1.0 <= bound.total < 2.0


@functools.cache
def _last_step_counterexample():
    from helpers.network_pairs import moments, pair

    from pruning.rnn import RNN

    # Node 2 reads the input (1, 0), node 1 copies node 2 one step later; node 1 is kept.
    W = np.array([[0.0, 1.0], [0.0, 0.0]])
    rnn = RNN(W, np.array([[0.0], [1.0]]), np.zeros(2), np.array([[1.0, 0.0]]), [0.0], "identity")
    x = np.array([[[1.0], [0.0]]])
    per_step, S = moments(rnn.states(x))
    return pair(rnn, [0], np.array([[1.0], [0.0]]), S), x, per_step


def test_a_sample_of_equal_sequences_is_no_trouble():
    # The covariance has a rank of at most T, and most of its residuals are rounding.
    for seed in range(6):
        rng = np.random.default_rng(seed)
        rnn = RNN(
            rng.standard_normal((12, 12)) / 3,
            rng.standard_normal((12, 2)),
            rng.standard_normal(12),
            rng.standard_normal((3, 12)),
            np.zeros(3),
            "tanh",
        )
        x = np.zeros((5, 3, 2))
        pruned = spectral_prune(rnn, x, 4 + seed % 5)
        for weights in (None, [0.0, 0.0, 1.0]):
            per_step = StateCovariance.from_network(rnn, x, per_step=True).per_step
            bound = approximation_bound(pruned, 3, "best", weights, per_step)
            assert bound.total >= approximation_error(pruned, x, weights) * (1 - 1e-12)
