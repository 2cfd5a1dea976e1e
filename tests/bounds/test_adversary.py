"""The adversary reaches what it reports, and no bound of its class is below."""

from itertools import pairwise, product

import numpy as np
import pytest
from helpers.network_pairs import exact_pairs, float_pairs
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bounds.approximation import adversary_limit, approximation_error, sector_bound
from bounds.approximation.adversary import LOWER_LIMIT, largest_errors
from bounds.approximation.residuals import residuals
from pruning import RNN, prune_to, spectral_prune
from pruning.activations import activation


def brute_force(pruned, x):
    """The largest error over all factors that are 0 or rho, with w = 1/T."""
    parts = residuals(pruned)
    h = pruned.original.states(x)
    n, T, _ = h.shape
    k = len(pruned.nodes)
    total = 0.0
    for i in range(n):
        best = 0.0
        for factors in product((0.0, parts.rho), repeat=k * (T - 1)):
            delta = np.reshape(factors, (T - 1, k))
            e, square = np.zeros(k), 0.0
            for t in range(T):
                if t:
                    e = delta[t - 1] * (parts.w_hidden @ e - parts.hidden @ h[i, t - 1])
                square += float(np.square(parts.output @ h[i, t] - parts.w_output @ e).sum())
            best = max(best, square / T)
        total += best
    return np.sqrt(total / n)


@settings(max_examples=40)
@given(drawn=exact_pairs(max_T=3))
def test_it_is_at_most_the_largest_error_over_all_corners_and_mostly_finds_it(drawn):
    pruned, x, _ = drawn
    assume(len(pruned.nodes) * (x.shape[1] - 1) <= 8)
    limit = adversary_limit(pruned, x).total
    largest = brute_force(pruned, x)
    assert limit <= largest * (1 + 1e-9) + 1e-12
    assert limit >= 0.7 * largest - 1e-12


@given(drawn=float_pairs(max_T=4), by_step=st.booleans())
def test_no_bound_that_knows_only_the_sector_is_below(drawn, by_step):
    pruned, x, per_step = drawn
    T = x.shape[1]
    limit = adversary_limit(pruned, x)
    bound = sector_bound(pruned, T, per_step=per_step if by_step else None)
    assert limit.total <= bound.total * (1 + 1e-6) + 1e-12
    assert limit.scope == LOWER_LIMIT


def test_with_the_states_bounded_it_reaches_less_and_obeys_the_bound():
    rng = np.random.default_rng(0)
    m, k, T = 5, 3, 6
    W = 3 * rng.normal(size=(m, m))
    rnn = RNN(W, rng.normal(size=(m, 1)), np.zeros(m), np.ones((1, m)), [0.0], "tanh")
    x = rng.normal(size=(4, T, 1))

    pruned = spectral_prune(rnn, x, k)
    free, bounded = adversary_limit(pruned, x), adversary_limit(pruned, x, bounded=True)
    assert bounded.total < free.total
    # |e| <= 2 for every node and step.
    reach = np.abs(pruned.pruned.w_output).sum() * 2
    h = rnn.states(x)
    read_out = np.abs(h @ residuals(pruned).output.T).max()
    assert bounded.total <= reach + read_out
    assert free.total > approximation_error(pruned, x)


def test_refuses_what_is_not_monotone_or_not_bounded():
    rng = np.random.default_rng(0)
    rnn = RNN(np.eye(2), np.ones((2, 1)), [0, 0], [[1.0, 1.0]], [0.0], activation("relu"))

    pruned = spectral_prune(rnn, rng.normal(size=(2, 3, 1)), 1)
    with pytest.raises(ValueError, match="bounded"):
        adversary_limit(pruned, rng.normal(size=(2, 3, 1)), bounded=True)


def test_a_sweep_never_loses_what_was_reached():
    rng = np.random.default_rng(5)
    n, T, k = 3, 5, 4
    from bounds.approximation.residuals import Residuals

    W = rng.normal(size=(k, k))
    Wo = rng.normal(size=(2, k))
    parts = Residuals(np.zeros((k, k)), np.zeros((2, k)), W, Wo, 1.0, np.zeros(0), np.zeros(0))
    drive, read_out = rng.normal(size=(n, T, k)), rng.normal(size=(n, T, 2))
    kept, start, w = np.zeros((n, T, k)), np.ones((n, T, k)), np.full(T, 1 / T)
    found = [
        largest_errors(parts, drive, read_out, kept, w, np.inf, start, sweeps)
        for sweeps in range(5)
    ]
    for before, after in pairwise(found):
        assert (after >= before * (1 - 1e-12)).all()


def test_sequences_that_are_not_searched_count_with_their_measured_error():
    rng = np.random.default_rng(2)
    W = rng.normal(size=(4, 4))
    rnn = RNN(W, rng.normal(size=(4, 1)), np.zeros(4), np.ones((1, 4)), [0.0], "relu")
    x = rng.normal(size=(7, 4, 1))
    pruned = spectral_prune(rnn, x, 2)
    limits = [adversary_limit(pruned, x, sequences=n, batch=3).total for n in (0, 1, 4, 7, 100)]
    assert limits[0] == pytest.approx(approximation_error(pruned, x), rel=1e-12)
    assert limits == sorted(limits)
    assert limits[-1] == limits[-2] == adversary_limit(pruned, x).total


def test_a_recursion_that_leaves_the_range_of_floats_still_has_a_finite_limit():
    rng = np.random.default_rng(0)
    k, T = 3, 30
    steep = RNN(
        1e30 * rng.normal(size=(4, 4)),
        rng.normal(size=(4, 2)),
        np.zeros(4),
        rng.normal(size=(2, 4)),
        np.zeros(2),
        "relu",
    )
    S = np.eye(4)
    pruned = prune_to(steep, S, np.arange(k))
    x = rng.normal(size=(5, T, 2))
    with np.errstate(all="ignore"):
        limit = adversary_limit(pruned, x * 1e-30)
    assert limit.log_total == limit.log_total  # not nan
