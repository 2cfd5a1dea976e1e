"""The e-value against exact rational sums over all sequences of draws."""

import functools
import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from validation.checking.evalues import (
    ALPHA,
    BETS,
    log_e_value,
    rate_bound,
    refutes,
    rounded_up,
)

DELTAS = st.sampled_from([Fraction(1, 5), Fraction(1, 2), Fraction(1, 100), Fraction(9, 10)])


def exact(counts):
    """The e-value by its definition, counts = [(failures, draws, delta)], in rationals."""
    weight = Fraction(1, len(BETS))

    def wealth(b, k, n, delta):
        return (1 + b * (1 - delta) / delta) ** k * (1 - b) ** (n - k)

    bets = [Fraction(b) for b in BETS]
    shared = weight * sum(math.prod(wealth(b, *count) for count in counts) for b in bets)
    alone = Fraction(1, len(counts) + 1)
    for i, count in enumerate(counts):
        alone += weight * sum(wealth(b, *count) for b in bets) / ((i + 1) * (i + 2))
    return (shared + alone) / 2


COUNTS = st.tuples(st.integers(0, 6), st.integers(0, 6), DELTAS).map(
    lambda c: (c[0], c[0] + c[1], c[2])
)


@given(st.lists(COUNTS, min_size=1, max_size=3))
def test_the_logarithm_is_that_of_the_exact_mixture(counts):
    k, n, deltas = zip(*counts)
    log_e, own = log_e_value(k, n, [float(d) for d in deltas])
    assert log_e == pytest.approx(math.log(exact(counts)), abs=1e-10)
    assert own.shape == (len(counts),)


@given(
    st.lists(COUNTS, min_size=1, max_size=3),
    st.data(),
)
def test_one_more_draw_never_raises_the_mean(counts, data):
    """E[e_{n+1} | past] <= e_n for every p <= delta, equal at p = delta; also at a new instance."""
    place = data.draw(st.integers(0, len(counts)))
    if place == len(counts):
        counts = [*counts, (0, 0, data.draw(DELTAS))]
    delta = counts[place][2]
    p = data.draw(st.sampled_from([Fraction(0), delta / 3, delta]))

    def after(failed):
        k, n, _ = counts[place]
        return exact([*counts[:place], (k + failed, n + 1, delta), *counts[place + 1 :]])

    mean = p * after(1) + (1 - p) * after(0)
    now = exact(counts)
    assert mean <= now
    if p == delta:
        assert mean == now
    assert now > 0


def test_opening_an_instance_does_not_change_the_wealth():
    counts = [(2, 5, Fraction(1, 5))]
    assert exact(counts) == exact([*counts, (0, 0, Fraction(1, 2))])
    assert log_e_value([2], [5], [0.2])[0] == pytest.approx(
        log_e_value([2, 0], [5, 0], [0.2, 0.5])[0], abs=1e-12
    )


@pytest.mark.parametrize("policy", ["greedy", "stubborn", "round robin"])
def test_the_mean_over_all_sequences_is_at_most_one_for_adaptive_choices(policy):
    """All 2^7 sequences on two instances of different delta, the next one chosen by the past."""
    deltas = (Fraction(1, 5), Fraction(1, 2))

    def choose(counts, step):
        if policy == "round robin":
            return step % 2
        rate = [Fraction(k, max(n, 1)) / d for k, n, d in counts]
        return int(rate[1] > rate[0]) if policy == "greedy" else int(rate[0] >= rate[1])

    total = Fraction(0)
    for outcomes in itertools.product((0, 1), repeat=7):
        counts, probability = [(0, 0, d) for d in deltas], Fraction(1)
        for step, failed in enumerate(outcomes):
            i = choose(counts, step)
            k, n, d = counts[i]
            probability *= d if failed else 1 - d
            counts[i] = (k + failed, n + 1, d)
        total += probability * exact(counts)
    assert total == 1


def test_a_mixture_that_lets_alternatives_below_delta_in_is_no_supermartingale():
    # What the restriction q >= delta is for: with q = delta/2, a truth p = 0 multiplies wealth.
    delta, q = Fraction(1, 5), Fraction(1, 10)
    assert (1 - q) / (1 - delta) > 1
    assert all(0 < b < 1 for b in BETS)


def draws_to_refute(p, delta, seed, most):
    rng = np.random.default_rng(seed)
    k = n = 0
    while n < most:
        step = max(16, n // 200)
        k += int(rng.binomial(step, p))
        n += step
        if refutes(log_e_value([k], [n], [delta])[0]):
            return n
    return None


@pytest.mark.parametrize(
    ("p", "delta", "least", "most"),
    [(0.30, 0.2, 500, 1900), (0.25, 0.2, 1500, 6000), (0.22, 0.2, 9000, 30000)],
)
def test_the_power_is_that_of_the_best_mixtures(p, delta, least, most):
    """Median draws until refuted; the best conceivable is log(1e9)/kl(p, delta)."""
    found = sorted(draws_to_refute(p, delta, seed, 10**6) for seed in range(15))
    assert least <= found[7] <= most
    kl = p * math.log(p / delta) + (1 - p) * math.log((1 - p) / (1 - delta))
    assert found[7] <= 1.6 * 20.8 / kl


def test_a_small_excess_of_a_small_delta_is_found():
    assert draws_to_refute(0.011, 0.01, 0, 10**6) < 900_000


@pytest.mark.randomised(alpha=1e-9, power="an e-value without the limit q >= delta fails at p = 0")
@pytest.mark.parametrize("p", [0.2, 0.0])
def test_a_true_claim_is_never_refuted(p, rng):
    k, n = 0, 0
    while n < 2_000_000:
        step = max(16, n // 100)
        k, n = k + int(rng.binomial(step, p)), n + step
        assert not refutes(log_e_value([k], [n], [0.2])[0])


def test_a_single_bad_instance_among_many_is_found():
    n, M = 2000, 50
    failures = [0] * M
    failures[17] = 700  # 0.35 against 0.2
    assert refutes(log_e_value(failures, [n] * M, [0.2] * M)[0])
    # Pooled, the failures are far fewer than permitted.
    assert not refutes(log_e_value([700], [n * M], [0.2])[0])


def test_an_excess_too_small_at_each_instance_is_found_when_shared():
    n, M = 300, 40
    assert refutes(log_e_value([90] * M, [n] * M, [0.2] * M)[0])
    assert not refutes(log_e_value([90], [n], [0.2])[0])


def test_nothing_is_permitted_and_everything_is_permitted():
    assert refutes(log_e_value([1], [10], [0.0])[0])
    assert not refutes(log_e_value([0], [10**9], [0.0])[0])
    assert not refutes(log_e_value([10**6], [10**6], [1.0])[0])


@given(st.integers(0, 40), st.integers(0, 400), st.sampled_from([1e-9, 1e-3, 0.3]))
def test_the_rate_bound_is_the_root_of_the_mixture(k, more, alpha):
    n = k + more
    bound = rate_bound(k, n, alpha)
    assert k / max(n, 1) <= bound <= 1
    assert rate_bound(k, 2 * n + 1, alpha) <= bound
    assert rate_bound(k + 1, n + 1, alpha) >= bound - 1e-12
    assert rate_bound(k, n, alpha / 2) >= bound


@pytest.mark.parametrize(("p", "alpha"), [(Fraction(1, 10), 0.5), (Fraction(1, 2), 0.2)])
def test_the_rate_bound_covers_at_all_times_at_once(p, alpha):
    """Exact probability that the bound is ever below p within 32 draws, by dynamic programming."""
    bound = functools.cache(rate_bound)
    alive = {0: Fraction(1)}  # failures -> probability, never missed so far
    for n in range(1, 33):
        following = {}
        for k, probability in alive.items():
            for failed, chance in ((1, p), (0, 1 - p)):
                if bound(k + failed, n, alpha) >= p:
                    key = k + failed
                    following[key] = following.get(key, 0) + probability * chance
        alive = following
    missed = 1 - sum(alive.values())
    assert missed <= Fraction(alpha)
    assert missed > 0  # not vacuous


def test_the_rate_bound_is_about_as_good_as_one_fixed_in_advance():
    # No failure in n draws: 1 - alpha^(1/n) at best.
    for n in (100, 10_000, 1_000_000):
        best = -math.expm1(math.log(ALPHA) / n)
        assert best <= rate_bound(0, n) <= 1.4 * best
    assert rate_bound(0, 0) == 1
    assert rate_bound(5, 5) == 1


def test_probabilities_are_rounded_up():
    assert Fraction(rounded_up(Fraction(4, 5))) >= Fraction(4, 5)
    assert Fraction(rounded_up(Fraction(1, 3))) >= Fraction(1, 3)
    assert rounded_up(Fraction(1, 2)) == 0.5
    assert rounded_up(0.1) == 0.1
