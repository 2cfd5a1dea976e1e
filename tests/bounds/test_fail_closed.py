"""No bound reads "nothing found" as zero: degenerate scales against exact rational errors."""

import contextlib
import math
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from helpers.network_pairs import exact_square_error, log_sqrt, moments, pair
from hypothesis import given, settings
from hypothesis import strategies as st

from bounds.approximation import (
    a_priori_bound,
    approximation_bound,
    approximation_error,
    global_bound,
    power_bound,
    scaled_bound,
    sector_bound,
    stepwise_bound,
    toeplitz_bound,
    weighted_bound,
    weighted_from_mean_bound,
)
from bounds.terms import VALID
from pruning import RNN, StateCovariance
from pruning.spectral import prune_to

FROM_MEAN = {
    "global": global_bound,
    "toeplitz": toeplitz_bound,
    "power": power_bound,
    "scaled": scaled_bound,
    "stepwise": stepwise_bound,
    "sector": sector_bound,
    "weighted_from_mean": lambda p, T: weighted_from_mean_bound(p, T, np.full(T, 1 / T)),
    "best": lambda p, T: approximation_bound(p, T, "best"),
}
BY_STEP = {
    "sector": lambda p, S: sector_bound(p, len(S), per_step=S),
    "weighted": weighted_bound,
    "weighted_powers": lambda p, S: weighted_bound(p, S, kernel="power"),
    "best": lambda p, S: approximation_bound(p, len(S), "best", per_step=S),
}


def every_bound(pruned, T, per_step):
    found = {name: bound(pruned, T) for name, bound in FROM_MEAN.items()}
    if per_step is None:
        return found
    return found | {f"{n} by step": b(pruned, per_step) for n, b in BY_STEP.items()}


def assert_none_below(pruned, x, per_step, error=None):
    """Every bound labelled valid is at least the exact error, or that given."""
    if error is None:
        w = np.full(x.shape[1], 1 / x.shape[1])
        log_error = log_sqrt(exact_square_error(pruned, x, w))
    else:
        log_error = math.log(error)
    for name, bound in every_bound(pruned, x.shape[1], per_step).items():
        assert bound.label == VALID
        assert log_error <= bound.log_total, name


def test_a_covariance_whose_trace_rounds_to_nothing():
    rnn = RNN([[0, 0.5], [0, 0.5]], [[1, 0], [1, 1e-9]], [0, 0], [[1, 0]], [0.0], "identity")
    x = np.array([[[2.0, 1], [0, -2], [-1, -3]]])
    pruned = prune_to(rnn, x, np.array([0]), tau=0.0)
    per_step = StateCovariance.from_network(rnn, x, per_step=True).per_step
    w = np.full(3, 1 / 3)
    assert float(exact_square_error(pruned, x, w)) ** 0.5 == pytest.approx(6.1e-10, rel=0.01)
    assert_none_below(pruned, x, per_step)


def test_a_residual_whose_second_moment_overflows():
    rnn = RNN([[0, 1e155], [0, 0]], [[0], [1]], [0, 0], [[1, 0]], [0.0], "tanh")
    x = np.ones((1, 4, 1))
    pruned = prune_to(rnn, x, np.array([0]), tau=0.0, reconstruct=False)
    per_step = StateCovariance.from_network(rnn, x, per_step=True).per_step
    error = approximation_error(pruned, x)
    assert error == pytest.approx(0.87, abs=0.01)
    assert_none_below(pruned, x, per_step, error)


@pytest.mark.parametrize("a", [1e-170, 1e-300, 1e170, 1e300])
def test_a_read_out_whose_square_is_no_float(a):
    rnn = RNN([[0.5, 0.5], [0, 0.5]], [[1], [1]], [0, 0], [[a, 0]], [0.0], "relu")
    x = np.array([[[1.0], [2.0], [-1.0]]])
    pruned = prune_to(rnn, x, np.array([0]), tau=0.0, reconstruct=False)
    per_step = StateCovariance.from_network(rnn, x, per_step=True).per_step
    assert_none_below(pruned, x, per_step)


@pytest.mark.parametrize("a", [1e170, 1e-170, 1e155])
def test_a_zero_pattern_is_that_of_the_weights_and_not_of_a_quotient(a):
    W = [[0, a, 0], [1 / a, 0, 1 / a], [0, 0, 0]]
    rnn = RNN(W, [[0], [0], [1]], [0, 0, 0], [[1, 0, 0]], [0.0], "identity")
    x = np.zeros((1, 25, 1))
    x[0, 0] = 1
    pruned = prune_to(rnn, x, np.array([0, 1]), tau=0.0, reconstruct=False)
    if a == 1e170:
        error = float(exact_square_error(pruned, x, np.full(25, 1 / 25))) ** 0.5
        assert error == pytest.approx(0.693, abs=1e-3)
    assert_none_below(pruned, x, None)  # S_t of states of 1e170 are beyond floats


def test_states_below_the_root_of_the_smallest_float():
    rnn = RNN([[0.5, 1], [0, 0.5]], [[1], [1]], [0, 0], [[1e170, 1e170]], [0.0], "relu")
    x = 1e-170 * np.array([[[1.0], [2.0], [1.0]]])
    pruned = prune_to(rnn, x, np.array([0]), tau=0.0, reconstruct=False)
    found = StateCovariance.from_network(rnn, x, per_step=True)
    assert_none_below(pruned, x, found.per_step)
    # And as sharp as in ordinary units.
    ordinary = RNN(rnn.w_hidden, rnn.w_input, [0, 0], [[1, 1]], [0.0], "relu")
    same = prune_to(ordinary, 1e170 * x, np.array([0]), tau=0.0, reconstruct=False)
    for bound in FROM_MEAN.values():
        assert bound(pruned, 3).log_total == pytest.approx(bound(same, 3).log_total, abs=1e-9)


def test_one_node_far_below_the_others_is_not_taken_for_dead():
    # Its weight makes up for it: h_2 = 1e-170, W_o = 1e170.
    rnn = RNN(np.zeros((2, 2)), [[1], [1e-170]], [0, 0], [[0, 1e170]], [0.0], "relu")
    x = np.ones((1, 2, 1))
    pruned = prune_to(rnn, x, np.array([0]), tau=0.0, reconstruct=False)
    per_step = StateCovariance.from_network(rnn, x, per_step=True).per_step
    assert_none_below(pruned, x, per_step)


def test_a_large_weight_of_a_dead_node_hides_no_other():
    rnn = RNN(np.zeros((3, 3)), [[1], [1], [0]], [0, 0, 0], [[0, 1, 1e200]], [0.0], "relu")
    x = np.ones((1, 2, 1))
    pruned = prune_to(rnn, x, np.array([0]), tau=0.0, reconstruct=False)
    per_step = StateCovariance.from_network(rnn, x, per_step=True).per_step
    assert_none_below(pruned, x, per_step)


@settings(max_examples=30)
@given(
    entries=st.lists(st.sampled_from([0.0, 1.0, -0.5, 2.0]), min_size=14, max_size=14),
    exponents=st.lists(st.integers(-500, 500), min_size=4, max_size=4),
    T=st.integers(1, 3),
    keep=st.sampled_from([[], [0], [1], [0, 1]]),
    activation=st.sampled_from(["relu", "identity", "leaky_relu:0.5"]),
)
def test_no_scale_of_a_weight_makes_a_bound_fail_open(entries, exponents, T, keep, activation):
    v = np.array(entries)
    a = [2.0**e for e in exponents]
    W = v[:4].reshape(2, 2) * np.array([[1, a[0]], [1 / a[0], 1]])
    w_input, w_output = v[4:6, None] * np.array([[a[1]], [a[2]]]), v[6:8][None] * a[3]
    rnn = RNN(W, w_input, v[8:10] * 0, w_output, [0.0], activation)
    x = v[10 : 10 + T][None, :, None]
    covariance = StateCovariance.from_network(rnn, x, per_step=True)
    pruned = prune_to(rnn, covariance, np.array(keep, dtype=int), tau=0.0, reconstruct=False)
    bounds = {name: bound(pruned, T) for name, bound in FROM_MEAN.items()}
    with contextlib.suppress(ValueError):  # beyond floats; `pruned` holds it in its own units
        bounds = every_bound(pruned, T, covariance.per_step)
    w = np.full(T, 1 / T)
    square = exact_square_error(pruned, x, w)
    for name, bound in bounds.items():
        assert log_sqrt(square) <= mpmath.mpf(bound.log_total), name


def test_what_dies_in_arithmetic_is_infinite_and_says_so():
    rnn = RNN(np.eye(2), np.eye(2), [0, 0], [[1, 1]], [0.0], "relu")
    pruned = prune_to(rnn, np.ones((1, 2, 2)), np.array([0]), reconstruct=False)
    object.__setattr__(pruned, "covariance", np.full((2, 2), np.inf))
    for bound in (global_bound, sector_bound, scaled_bound, stepwise_bound, power_bound):
        found = bound(pruned, 3)
        assert found.log_total == math.inf
        assert found.total is None
        assert any("No bound was found" in note for note in found.notes)
        assert found.to_json()["infinite"]
    assert a_priori_bound(pruned, 3, 0.1).log_total == math.inf


@pytest.mark.parametrize("name", FROM_MEAN)
@settings(max_examples=4)
@given(a=st.integers(-500, 500), seed=st.integers(0, 999))
def test_a_bound_scales_exactly_with_the_read_out(name, a, seed):
    pruned, moved = _scaled_pair(seed, a, 0)
    before, after = FROM_MEAN[name](pruned, 3), FROM_MEAN[name](moved, 3)
    assert after.total == math.ldexp(before.total, a)


@pytest.mark.parametrize("name", FROM_MEAN)
@settings(max_examples=4)
@given(a=st.integers(-490, 490), seed=st.integers(0, 999))
def test_a_bound_scales_exactly_with_the_second_moments(name, a, seed):
    pruned, moved = _scaled_pair(seed, 0, a)
    before, after = FROM_MEAN[name](pruned, 3), FROM_MEAN[name](moved, 3)
    assert after.total == math.ldexp(before.total, a)


@pytest.mark.parametrize("name", BY_STEP)
@settings(max_examples=4)
@given(a=st.integers(-490, 490), b=st.integers(-500, 500), seed=st.integers(0, 999))
def test_a_bound_by_step_scales_exactly(name, a, b, seed):
    pruned, moved = _scaled_pair(seed, b, a)
    per_step = np.array([pruned.covariance * c for c in (0.5, 1.0, 1.5)])
    before = BY_STEP[name](pruned, per_step).total
    assert BY_STEP[name](moved, np.ldexp(per_step, 2 * a)).total == _ldexp(before, a + b)


def _ldexp(value, exponent):
    try:
        return math.ldexp(value, exponent)
    except OverflowError:
        return None


def _scaled_pair(seed, read_out, states):
    """A pair of networks, and it with W_o times 2^read_out and S times 4^states."""
    rng = np.random.default_rng(seed)
    m, k = 4, 2
    F = rng.normal(size=(m, m)) * rng.choice([1.0, 1e-3, 0.0], size=(m, 1))
    S = F @ F.T
    rnn = RNN(
        rng.normal(size=(m, m)) / 2,
        rng.normal(size=(m, 1)),
        np.zeros(m),
        rng.normal(size=(2, m)),
        np.zeros(2),
        "relu",
    )
    A = rng.normal(size=(m, k)) / 2
    big = RNN(
        rnn.w_hidden,
        rnn.w_input,
        rnn.b_hidden,
        np.ldexp(rnn.w_output, read_out),
        rnn.b_output,
        "relu",
    )
    nodes = [0, 2]
    return pair(rnn, nodes, A, S), pair(big, nodes, A, np.ldexp(S, 2 * states))


def test_the_helper_of_this_file_sees_a_bound_that_is_too_small():
    rnn = RNN(np.zeros((1, 1)), [[1]], [0], [[1]], [0.0], "relu")
    x = np.ones((1, 1, 1))
    per_step, S = moments(rnn.states(x))
    wrong = pair(rnn, [], np.zeros((1, 0)), S / 4)
    assert exact_square_error(wrong, x, np.ones(1)) == Fraction(1)
    with pytest.raises(AssertionError):
        assert_none_below(wrong, x, per_step / 4)
