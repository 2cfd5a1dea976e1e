"""What rounding may make of a float64 run, against exact rationals."""

import math
import warnings
from fractions import Fraction

import numpy as np
import pytest
from helpers.degenerate import FAMILIES
from helpers.network_pairs import exact_states
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pruning import RNN, StateCovariance, initial_rnn, prune_to, spectral_prune
from pruning.run_rounding import RunExtremes, outward

SEEDS = st.integers(0, 10**6)


def drawn(family, seed):
    """(rnn, x, covariance) of a degenerate network, or an assumption that failed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            pruned, x, covariance = FAMILIES[family](seed)
        except ValueError:  # beyond floats
            assume(False)
    return pruned.original, x, covariance


def fractions(values):
    return [Fraction(v) for v in np.asarray(values, dtype=float).tolist()]


@settings(max_examples=60)
@given(family=st.sampled_from(list(FAMILIES)), seed=SEEDS)
def test_no_exact_state_is_further_from_the_float64_one(family, seed):
    rnn, x, covariance = drawn(family, seed)
    h, exact, found = rnn.states(x), exact_states(rnn, x), covariance.rounding
    for i, run in enumerate(exact):
        for t, states in enumerate(run):
            for state, now, off in zip(states, fractions(h[i, t]), found.state[t]):
                assert off == math.inf or abs(state - now) <= Fraction(float(off))


@settings(max_examples=60)
@given(family=st.sampled_from(list(FAMILIES)), seed=SEEDS)
def test_moments_of_a_run_are_at_least_those_of_the_exact_states(family, seed):
    rnn, x, covariance = drawn(family, seed)
    assume(covariance.rounding.covered)
    try:
        steps = covariance.per_step
    except ValueError:
        assume(False)
    exact = exact_states(rnn, x)
    rng = np.random.default_rng(seed)
    size = np.abs(rnn.states(x)).max(axis=(0, 1))
    for _ in range(4):
        v = rng.normal(size=rnn.m)
        v = v / np.where(size > 0, size, 1.0) if rng.random() < 0.5 else np.eye(rnn.m)[_ % rnn.m]
        v = fractions(v)
        for t, S in enumerate(steps):
            left = sum(sum(a * h for a, h in zip(v, run[t])) ** 2 for run in exact) / len(exact)
            rows = [sum(a * s for a, s in zip(v, fractions(row))) for row in S]
            right = sum(a * row for a, row in zip(v, rows))
            # The sums of S are rounded, which the bounds allow for.
            slack = sum(abs(a) * Fraction(math.sqrt(s)) for a, s in zip(v, np.diag(S))) ** 2
            assert left <= right + slack * Fraction(60 * rnn.m, 2**52)


def test_a_state_that_is_lost_is_known_to_be_uncertain():
    # 2^60 + 1 is 2^60 in float64: the state of node 1 is 1 and not 0.
    W = [[0.0, 0.0], [1.0, 0.0]]
    rnn = RNN(W, [[2.0**60, 1.0], [0.0, 0.0]], [0.0, -(2.0**60)], [[0.0, 1.0]], [0.0], "relu")
    x = np.ones((1, 2, 2))
    assert rnn.states(x)[0, 1, 1] == 0
    assert exact_states(rnn, x)[0][1][1] == 1
    found = StateCovariance.from_network(rnn, x).rounding
    assert 1 <= found.state[1, 1] < 2.0**20
    assert found.covered  # it cancels: what is lost is in the moments


def test_a_dead_relu_is_dead_in_every_arithmetic():
    rnn = RNN(np.zeros((2, 2)), [[1.0], [1.0]], [0.0, -3.0], [[1.0, 1.0]], [0.0], "relu")
    found = StateCovariance.from_network(rnn, np.ones((2, 3, 1))).rounding
    assert not found.state[:, 1].any()
    assert (found.state[:, 0] > 0).all()


@settings(max_examples=40)
@given(seed=SEEDS, a=st.integers(-200, 200))
def test_the_rounding_of_a_homogeneous_network_is_that_of_its_units(seed, a):
    rng = np.random.default_rng(seed)
    m, d_x = int(rng.integers(1, 6)), int(rng.integers(1, 3))
    W, V, b = rng.normal(size=(m, m)), rng.normal(size=(m, d_x)), rng.normal(size=m)
    x = rng.normal(size=(3, 4, d_x))
    found = [
        StateCovariance.from_network(
            RNN(W, V, u * b, np.ones((1, m)), [0.0], "relu"), u * x, per_step=True
        )
        for u in (1.0, 2.0**a)
    ]
    plain, scaled = (covariance.rounding for covariance in found)
    for name in ("step", "state", "spread"):
        assert np.array_equal(np.ldexp(getattr(plain, name), a), getattr(scaled, name))
    assert plain.covered == scaled.covered
    assert np.array_equal(np.ldexp(found[0].per_step, 2 * a), found[1].per_step)


def test_rounding_that_only_growth_makes_large_is_not_put_into_the_moments():
    rng = np.random.default_rng(0)
    rnn = RNN(
        rng.normal(size=(40, 40)), rng.normal(size=(40, 2)), np.zeros(40), np.ones((1, 40)), [0]
    )
    covariance = StateCovariance.from_network(rnn, rng.normal(size=(8, 60, 2)), per_step=True)
    assert not covariance.rounding.covered
    h = rnn.states(rng.normal(size=(1, 1, 2)))
    assert np.isfinite(h).all()
    assert covariance.rounding.beside_step < 1e-12


def test_batches_and_merges_see_what_one_run_sees():
    rng = np.random.default_rng(1)
    rnn = initial_rnn(6, d_x=2, d_y=1, activation="tanh", rng=0)
    x = rng.normal(size=(20, 5, 2))
    whole = StateCovariance.from_network(rnn, x).rounding
    batches = StateCovariance.from_network(rnn, x, batch=3).rounding
    halves = StateCovariance.from_network(rnn, x[:7])
    halves.merge(StateCovariance.from_network(rnn, x[7:]))
    for other in (batches, halves.rounding):
        # Inputs of a batch are not larger than those of all.
        assert (other.state <= whole.state * (1 + 1e-12)).all()
        assert (other.state >= whole.state / 2).all()
    empty = StateCovariance(6, 5).merge(StateCovariance.from_network(rnn, x))
    assert np.array_equal(empty.rounding.state, whole.state)


def test_states_from_elsewhere_have_no_known_rounding():
    rng = np.random.default_rng(1)
    rnn = initial_rnn(6, d_x=2, d_y=1, activation="tanh", rng=0)
    other = initial_rnn(6, d_x=2, d_y=1, activation="tanh", rng=1)
    x = rng.normal(size=(20, 5, 2))
    own = StateCovariance.from_network(rnn, x)
    assert own.is_run_of(rnn)
    assert not own.is_run_of(other)
    assert StateCovariance.from_states(rnn.states(x)).rounding is None
    assert StateCovariance.from_network(rnn, x).update(rnn.states(x)).rounding is None
    mixed = StateCovariance.from_network(rnn, x).merge(StateCovariance.from_network(other, x))
    assert mixed.rounding is None
    assert prune_to(other, own, [0, 1]).rounding is None
    assert spectral_prune(rnn, own.matrix, 3).rounding is None
    assert spectral_prune(rnn, x, 3).rounding.covered


def test_tokens_are_taken_at_their_largest():
    rng = np.random.default_rng(2)
    rnn = RNN(
        rng.normal(size=(5, 5)) / 3, rng.normal(size=(5, 7)), np.ones(5), np.ones((1, 5)), [0]
    )
    tokens = rng.integers(0, 7, size=(6, 4))
    by_token = StateCovariance.from_network(rnn, tokens).rounding
    by_vector = StateCovariance.from_network(rnn, np.eye(7)[tokens]).rounding
    assert (by_token.state > 0).all()
    assert by_token.state.max() < 4 * by_vector.state.max()


def test_a_run_needs_a_sequence():
    with pytest.raises(ValueError, match="at least one sequence, got none"):
        RunExtremes(initial_rnn(2, 1, 1, rng=0)).rounding()


def test_a_run_beyond_floats_is_not_one_without_rounding():
    # Nodes that do not read the lost one: 0 times infinity was read as nothing to round.
    rnn = RNN(np.eye(3), np.ones((3, 1)), np.zeros(3), np.ones((1, 3)), [0.0], "relu")
    x = np.ones((2, 3, 1))
    h = rnn.states(x).copy()
    h[0, 1, 0] = np.inf
    extremes = RunExtremes(rnn)
    extremes.update(x, h)
    found = extremes.rounding()
    assert (found.state[0] > 0).all()
    assert np.isinf(found.state[2]).all()
    assert np.isinf(found.step[2]).all()
    assert np.isinf(outward(np.eye(3), np.array([np.nan, 1.0, 0.0]))[0, 0])
