"""Clopper-Pearson in logarithms, against ball-free exact arithmetic and SciPy."""

from __future__ import annotations

import math
from fractions import Fraction

import flint
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta, binom

from bounds.binomial import SUMMED, clopper_pearson, log_binomial_tail, upper_risk
from bounds.relative_entropy import inverse_kl
from bounds.rounding import EPS


def exact_tail(k: int, n: int, p: Fraction) -> Fraction:
    return sum(
        (Fraction(math.comb(n, i)) * p**i * (1 - p) ** (n - i) for i in range(k + 1)), Fraction(0)
    )


def log_of(value: Fraction) -> flint.arb:
    return (flint.arb(value.numerator) / flint.arb(value.denominator)).log()


@st.composite
def counts(draw: st.DrawFn, largest: int = 60) -> tuple[int, int]:
    n = draw(st.integers(1, largest))
    return draw(st.integers(0, n)), n


@given(counts(), st.floats(1e-12, 1 - 1e-12))
def test_the_tail_lies_within_its_stated_error(kn, p):
    k, n = kn
    value, error = log_binomial_tail(k, n, p)
    flint.ctx.prec = 1200
    exact = log_of(exact_tail(k, n, Fraction(p)))
    assert abs(exact - flint.arb(value)) <= flint.arb(error)
    assert error < 1e-9 * (1 + abs(value))


@given(counts(), st.floats(0, 800))
def test_the_upper_end_is_never_below_the_supremum(kn, log_inv_delta):
    k, n = kn
    p = upper_risk(k, n, log_inv_delta)
    assert 0 <= p <= 1
    if p == 1:
        return
    flint.ctx.prec = 1200
    # Zero slack: the tail at p, in exact rationals, against exp(-log_inv_delta) in balls.
    assert log_of(exact_tail(k, n, Fraction(p))) <= -flint.arb(log_inv_delta)


@given(counts(), st.floats(1e-3, 600))
def test_the_upper_end_is_tight(kn, log_inv_delta):
    k, n = kn
    p = upper_risk(k, n, log_inv_delta)
    below = p * (1 - 1e-11) if p < 1 else 1 - 1e-11
    if k < n and 0 < below < 1:
        flint.ctx.prec = 200
        tail = log_of(exact_tail(k, n, Fraction(below)))
        near_one = 1 - p < 1e-9  # there a float cannot be much closer
        assert near_one or tail > -flint.arb(log_inv_delta) * (1 + flint.arb(1e-6)) - 1e-6


@given(counts(5000), st.sampled_from([0.5, 0.05, 1e-3, 1e-9]))
def test_it_is_the_quantile_of_a_beta_distribution(kn, delta):
    k, n = kn
    expected = 1.0 if k == n else beta.ppf(1 - delta, k + 1, n - k)
    assert upper_risk(k, n, -math.log(delta)) == pytest.approx(expected, rel=1e-8)


def test_no_error_at_all_has_a_closed_form():
    for n, delta in ((1, 0.5), (10, 0.05), (1000, 1e-6)):
        assert upper_risk(0, n, -math.log(delta)) == pytest.approx(1 - delta ** (1 / n), rel=1e-12)


def test_errors_everywhere_and_an_endless_code_say_nothing():
    assert upper_risk(7, 7, 1.0) == 1
    assert upper_risk(0, 7, math.inf) == 1
    assert upper_risk(3, 7, 1e12) == 1


def test_a_code_of_a_megabyte_does_not_underflow():
    n, k = 60_000, 4_000
    p = upper_risk(k, n, 8e6 * math.log(2))
    assert p == 1
    q = upper_risk(k, n, 8e3 * math.log(2))
    assert k / n < q < inverse_kl(k / n, 8e3 * math.log(2) / n)


@given(counts(40), st.floats(0, 50), st.floats(0, 50))
def test_it_grows_with_the_errors_and_with_the_price(kn, first, second):
    k, n = kn
    low, high = sorted((first, second))
    slack = 1 + 1e-12
    assert upper_risk(k, n, low) <= upper_risk(k, n, high) * slack
    if k < n:
        assert upper_risk(k, n, low) <= upper_risk(k + 1, n, low) * slack
        assert upper_risk(k, n + 1, low) <= upper_risk(k, n, low) * slack


@given(counts(300), st.floats(1, 300))
def test_the_kl_form_is_never_smaller(kn, log_inv_delta):
    k, n = kn
    assert upper_risk(k, n, log_inv_delta) <= inverse_kl(k / n, log_inv_delta / n) * (1 + 1e-12)


def test_beyond_the_summed_range_the_kl_form_is_used():
    k, n = SUMMED + 1, 10 * SUMMED
    assert upper_risk(k, n, 3.0) == pytest.approx(inverse_kl(k / n, 3.0 / n), rel=1e-12)
    assert upper_risk(k, n, 3.0) >= upper_risk(SUMMED, n, 3.0)


@pytest.mark.parametrize("delta", [0.5, 0.1, 0.05])
@pytest.mark.parametrize("n", [1, 2, 7, 20])
def test_coverage_is_at_least_nominal_by_summing_over_all_samples(n, delta):
    ends = [upper_risk(k, n, -math.log(delta)) for k in range(n + 1)]
    intervals = [clopper_pearson(k, n, delta) for k in range(n + 1)]
    for p in [*(i / 97 for i in range(1, 97)), *(e - 1e-9 for e in ends[:-1]), *ends[:-1]]:
        missed = sum(binom.pmf(k, n, p) for k in range(n + 1) if ends[k] < p)
        outside = sum(
            binom.pmf(k, n, p) for k in range(n + 1) if not intervals[k][0] <= p <= intervals[k][1]
        )
        assert missed <= delta + 1e-12
        assert outside <= delta + 1e-12


def test_the_interval_is_that_of_scipy():
    low, high = clopper_pearson(26, 360, 0.05)
    assert low == pytest.approx(beta.ppf(0.025, 26, 335), rel=1e-9)
    assert high == pytest.approx(beta.ppf(0.975, 27, 334), rel=1e-9)
    assert clopper_pearson(0, 5, 0.1)[0] == 0
    assert clopper_pearson(5, 5, 0.1)[1] == 1


@pytest.mark.parametrize("bad", [(-1, 3, 1.0), (4, 3, 1.0), (0, 0, 1.0), (1, 3, -0.5)])
def test_bad_arguments_are_refused(bad):
    with pytest.raises(ValueError, match="must be"):
        upper_risk(*bad)


@given(counts(30), st.floats(1e-14, 0.3))
def test_the_upper_end_is_tight_near_tails_of_one(kn, log_inv_delta):
    k, n = kn
    p = upper_risk(k, n, log_inv_delta)
    flint.ctx.prec = 300
    if p < 1:
        assert log_of(exact_tail(k, n, Fraction(p))) <= -flint.arb(log_inv_delta)
        below = Fraction(p) * (1 - Fraction(1, 10**10))
        assert log_of(exact_tail(k, n, below)) > -flint.arb(log_inv_delta)
    else:
        assert k == n


@given(counts(40), st.floats(1e-9, 0.9))
def test_the_interval_is_rounded_outwards_at_both_ends(kn, delta):
    k, n = kn
    low, high = clopper_pearson(k, n, delta)
    half = Fraction(delta) / 2
    # P(Bin(n, low) >= k) <= delta/2 and P(Bin(n, high) <= k) <= delta/2, exactly.
    if k:
        assert 1 - exact_tail(k - 1, n, Fraction(low)) <= half
    if k < n:
        assert exact_tail(k, n, Fraction(high)) <= half


@pytest.mark.parametrize("n", [1, 3, 10, 100, 5000])
@pytest.mark.parametrize("delta", [0.5, 0.05, 1e-6, 1 / 3])
def test_with_errors_everywhere_the_lower_end_is_below_the_root(n, delta):
    low, _ = clopper_pearson(n, n, delta)
    flint.ctx.prec = 200
    exact = (flint.arb(delta) / 2) ** (flint.arb(1) / n)
    assert flint.arb(low) <= exact
    assert flint.arb(low) >= exact * (1 - 1e-13)


@given(counts(60), st.floats(1e-6, 0.2))
def test_near_1_the_logarithm_of_a_tail_is_known_to_its_own_size(kn, p):
    k, n = kn
    if k == n:
        return
    value, error = log_binomial_tail(k, n, p)
    missing = sum(
        math.comb(n, i) * Fraction(p) ** i * (1 - Fraction(p)) ** (n - i)
        for i in range(k + 1, n + 1)
    )
    if missing > Fraction(1, 2):
        return
    with flint.ctx.workprec(2000):
        true = (1 - flint.arb(missing.numerator) / missing.denominator).log()
        room = flint.arb(value) + flint.arb(error) - true
        assert room >= 0
        assert room <= -1e-9 * true
    assert error >= 2 * EPS * abs(value)  # whatever log1p did here


@pytest.mark.parametrize("n", [20, 200, 5000])
def test_the_stated_error_pays_for_every_logarithm_that_entered(n):
    value, error = log_binomial_tail(0, n, 1 - 2.0**-53)  # n log(2^-53), each off by a rounding
    assert error >= 16 * EPS * abs(value)
