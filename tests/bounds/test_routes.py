"""Every route to a certificate from counts, and how often each fails at small n."""

from __future__ import annotations

import math

import flint
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.stats import binom

from bounds.binomial import upper_risk
from bounds.others.pac_bayes_kl import gibbs_risk
from bounds.others.pick_to_learn import compression_risk
from bounds.relative_entropy import inverse_kl
from bounds.routes import Randomised, code_bound, held_out_bound, routes
from bounds.terms import IID, VALID

# A constrained network on row-MNIST as it was first encoded.
N, K, BITS = 60_000, 2_740, 4_585


def log_tail(k, n, p):
    """log P(Bin(n, p) <= k) in balls, from the largest term down."""
    arb = flint.arb
    p = arb(p)
    total = term = arb(1)
    for i in range(k, 0, -1):
        term = term * i * (1 - p) / ((n - i + 1) * p)
        total += term
        if term < arb(2) ** -100:
            break
    logs = [arb(i + 1).lgamma() for i in (n, k, n - k)]
    rest = total + (total * arb(2) ** -60).union(0)
    return logs[0] - logs[1] - logs[2] + k * p.log() + (n - k) * (1 - p).log() + rest.log()


def test_a_librarys_underflowing_tail_makes_a_certificate_of_9_percent_where_15_is_right():
    L = BITS * math.log(2) + math.log(20)
    p = upper_risk(K, N, L)
    flint.ctx.prec = 200
    assert log_tail(K, N, p) < -flint.arb(L)
    assert log_tail(K, N, p * (1 - 1e-9)) > -flint.arb(L)

    def excess(p):
        return max(binom.logcdf(K, N, p), -1e6) + L

    # SciPy's log of the tail is -inf from e^-745 on: the root finder stops there, far too early.
    with np.errstate(all="ignore"):
        planted = brentq(excess, K / N, 0.9)
    assert p == pytest.approx(0.146, abs=1e-4)
    assert planted == pytest.approx(0.0861, abs=1e-4)
    assert log_tail(K, N, planted) > -flint.arb(760)  # it should be below -3,181
    assert code_bound("occam.binomial", N, K, BITS, 0.05).total == pytest.approx(p)


@given(st.integers(1, 500), st.data(), st.integers(0, 2000), st.floats(1e-6, 0.9))
def test_the_routes_are_ordered_as_they_must_be(n, data, bits, delta):
    errors = data.draw(st.integers(0, n))
    binomial, relaxed = routes(n, errors, bits, delta)
    L = bits * math.log(2) - math.log(delta)
    assert errors / n * (1 - 1e-12) <= binomial.total <= relaxed.total * (1 + 1e-9)
    assert binomial.total >= upper_risk(errors, n, L)
    assert relaxed.total >= inverse_kl(errors / n, L / n) * (1 - 1e-15)
    assert binomial.total == pytest.approx(upper_risk(errors, n, L), rel=1e-9)


def every(together=False):
    return routes(
        1000, 30, 200, 0.05, randomised=Randomised(0.04, 500, 60.0), compressed=40,
        split=(20, 500), test=(35, 1000), together=together,
    )  # fmt: skip


def test_each_says_what_it_assumes_and_that_the_least_is_no_bound():
    found = every()
    assert [b.id for b in found] == [
        "occam.binomial",
        "occam.kl",
        "others.pac_bayes_kl",
        "others.pick_to_learn",
        "split.binomial",
        "others.test_set_binomial",
    ]
    for bound in found:
        assert bound.label == VALID
        assert IID in bound.conditions
        assert len(bound.conditions) >= 2
        assert "the least of several does not" in bound.notes[-1]
        assert bound.total <= 1


def test_together_they_share_delta():
    alone, at_once = every(), every(together=True)
    for one, other in zip(alone, at_once):
        assert other.total > one.total
        assert "at delta = 0.01" in other.notes[-1]
    again = routes(1000, 30, 200, 0.01 * (1 - 1e-12))
    assert at_once[0].total == pytest.approx(again[0].total)


GOOD = {"n": 3, "errors": 1, "bits": 1, "delta": 0.1}
BAD = [
    ({"n": 0, "errors": 0}, "n must be"),
    ({"errors": 4}, "errors must be"),
    ({"bits": -1}, "bits must be"),
    ({"delta": 1.0}, "delta must"),
    ({"compressed": 4}, "compressed must be"),
    ({"split": (5, 2)}, "errors held out must be"),
    ({"test": (0, 0)}, "sequences held out must be"),
    ({"randomised": Randomised(1.5, 3, 1.0)}, "error must"),
    ({"randomised": Randomised(0.5, 0, 1.0)}, "draws must be"),
    ({"randomised": Randomised(0.5, 3, -1.0)}, "divergence"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD)
def test_bad_counts_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        routes(**{**GOOD, **arguments})


# --- coverage at adversarial small n --------------------------------------------------------------

DELTAS = (0.5, 0.75, 0.25, 0.05)


@pytest.mark.parametrize("id", ["occam.binomial", "occam.kl"])
@pytest.mark.parametrize("delta", DELTAS)
def test_a_union_of_codes_fails_with_probability_at_most_delta_by_exact_sums(id, delta):
    # Three classifiers with 1, 2 and 2 bits, each wrong on a point of its own.
    for n in (1, 2, 4):
        totals = {
            (k, bits): code_bound(id, n, k, bits, delta).total
            for k in range(n + 1)
            for bits in (1, 2)
        }
        for p in ((1 / 3, 1 / 3, 1 / 3), (0.7, 0.2, 0.1), (0.05, 0.05, 0.9), (0.24, 0.38, 0.38)):
            missed = 0.0
            for i in range(n + 1):
                for j in range(n + 1 - i):
                    k = (i, j, n - i - j)
                    chance = math.factorial(n) * math.prod(
                        q**c / math.factorial(c) for q, c in zip(p, k)
                    )
                    missed += chance * any(
                        q > totals[c, bits] for q, c, bits in zip(p, k, (1, 2, 2))
                    )
            assert missed <= delta + 1e-12


@pytest.mark.parametrize("delta", DELTAS)
@pytest.mark.parametrize("n", [1, 2, 7, 30])
def test_held_out_bounds_miss_with_probability_at_most_delta_by_exact_sums(delta, n):
    ends = [held_out_bound("split.binomial", k, n, delta).total for k in range(n + 1)]
    for p in [*(i / 41 for i in range(1, 41)), *(min(e * (1 - 1e-12), 1.0) for e in ends)]:
        assert sum(binom.pmf(k, n, p) for k in range(n + 1) if ends[k] < p) <= delta + 1e-12


@pytest.mark.parametrize("delta", DELTAS)
@pytest.mark.parametrize("n", [2, 5, 24])
def test_a_compression_of_the_largest_numbers_is_covered_by_exact_tails(delta, n):
    # The k largest of n uniform numbers are kept: the risk exceeds eps with P(Bin(n, eps) < k).
    for k in range(1, n):
        assert binom.cdf(k - 1, n, compression_risk(k, n, delta)) <= delta


def gibbs_misses(rng, runs, delta, n, draws, paid=True):
    """How often the PAC-Bayes bound misses for two classifiers that err on points of their own."""
    missed = 0
    for _ in range(runs):
        k = rng.binomial(n, 0.5)
        seen = np.array([k, n - k]) / n  # their errors; each truly errs with probability 1/2
        best = int(seen.argmin())
        estimate = rng.binomial(draws, seen[best]) / draws
        divergence = math.log(2)  # a point mass against a fair coin
        if paid:
            bound = gibbs_risk(estimate, divergence, n, delta, draws)
        else:  # the draws' mean taken for the training error, and sqrt n left out
            bound = inverse_kl(estimate, math.log(1 / delta) / n)
        missed += bound < 0.5
    return missed


@pytest.mark.randomised(
    alpha=1e-9, power="without the Monte Carlo term and the prior: 1 - 1e-9, in the test below"
)
def test_the_pac_bayes_bound_with_its_draws_is_covered_at_small_n(rng):
    cases = [(0.5, 1, 1), (0.75, 1, 2), (0.5, 4, 3), (0.25, 9, 1)]
    for delta, n, draws in cases:
        missed = gibbs_misses(rng, 4000, delta, n, draws)
        assert binom.sf(missed - 1, 4000, delta) > 1e-9 / len(cases)


@pytest.mark.randomised(alpha=1e-9, power="it is the power of the test above")
def test_without_the_monte_carlo_term_the_same_bound_is_refuted(rng):
    missed = gibbs_misses(rng, 4000, 0.5, 9, 1, paid=False)
    assert binom.sf(missed - 1, 4000, 0.5) < 1e-9
