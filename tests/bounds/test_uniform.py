"""Section 6: uniform deviation bounds, against exact binomial probabilities and 200-bit balls."""

import itertools
import math

import flint
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from bounds.complexity import chain, dudley
from bounds.relative_entropy import inverse_kl, kl
from bounds.uniform import METHODS, deviation, net, net_chain, net_kl, rademacher_term

UNIT = st.one_of(
    st.floats(0, 1), st.sampled_from([0.0, 1.0, 0.5, 1e-300, 1e-12, 1 - 1e-12, 1 - 2.0**-53])
)
BUDGET = st.one_of(st.floats(0, 5), st.sampled_from([0.0, 1e-300, 1e-30, 1e-16, 700.0, 1e6]))


def exact_kl(q, p):
    with flint.ctx.workprec(2000):
        q, p = flint.arb(q), flint.arb(p)
        left = q * (q / p).log() if q > 0 else flint.arb(0)
        return left + (1 - q) * ((1 - q) / (1 - p)).log() if q < 1 else left


@given(UNIT, BUDGET)
def test_the_inverse_of_kl_is_never_below_and_hardly_above(q, c):
    p = inverse_kl(q, c)
    assert q <= p <= 1
    if p < 1 and p > q:
        # Beyond the supremum kl exceeds c: p is not below it.
        assert exact_kl(q, p) > flint.arb(c)
    below = p - 1e-6 * min(p - q, 1 - p) - 1e-15 if p < 1 else 1 - 1e-12
    below -= 4e-8 * math.sqrt(max(below * (1 - below), 0)) if c < 1e-12 else 0
    if q < below:
        assert exact_kl(q, below) < flint.arb(c)


@given(UNIT)
def test_without_budget_the_inverse_stays_at_q(q):
    assert inverse_kl(q, 0.0) == pytest.approx(q, abs=1e-7)
    assert inverse_kl(q, math.inf) == 1


@given(BUDGET)
def test_the_inverse_at_zero_errors_is_known(c):
    assert inverse_kl(0.0, c) == pytest.approx(-math.expm1(-c), rel=1e-12, abs=1e-300)


@given(UNIT, UNIT, BUDGET)
def test_the_inverse_grows_with_both_arguments(q, r, c):
    low, high = sorted((q, r))
    assert inverse_kl(low, c) <= inverse_kl(high, c) * (1 + 1e-12)
    assert inverse_kl(q, c) <= inverse_kl(q, 2 * c) * (1 + 1e-12)


@given(UNIT, UNIT)
def test_kl_is_accurate(q, p):
    if p in (0.0, 1.0):
        assert kl(q, p) == (0 if p == q else math.inf)
    else:
        assert kl(q, p) == pytest.approx(float(exact_kl(q, p)), rel=1e-9, abs=1e-15)


def parametric(p, log_c):
    return lambda log_eps: p * np.logaddexp(0.0, log_c - np.asarray(log_eps))


def finite(M):
    return lambda log_eps: np.full(np.shape(log_eps), math.log(M))


@given(
    st.integers(1, 60),
    st.floats(-1, 300),
    st.integers(1, 10**7),
    st.floats(1e-6, 30),
    st.floats(-5, 800),
)
def test_the_net_is_the_infimum_over_eps(p, log_c, n, log_inv_delta, log_B):
    cover = parametric(p, log_c + log_B)
    gap = net(cover, n, log_B, log_inv_delta)
    u = np.exp(-np.linspace(0, 40, 4001)) / 2
    values = 2 * u + np.sqrt((cover(log_B + np.log(u)) + log_inv_delta) / (2 * n))
    infimum = min(values.min(), 1.0)
    assert infimum * (1 - 1e-4) <= math.exp(gap.log_total - log_B) <= infimum * (1 + 1e-4)
    for log_eps in gap.eps:
        # The value at its own eps, from the formula: never above what was returned.
        eps = math.exp(log_eps - log_B)
        own = 2 * eps + math.sqrt((float(cover(log_eps)) + log_inv_delta) / (2 * n))
        assert own <= math.exp(gap.log_total - log_B) * (1 + 1e-12)


@given(st.integers(1, 60), st.floats(-1, 300), st.integers(1, 10**9), st.floats(1e-3, 30))
def test_more_levels_never_hurt_and_the_chain_adds_up(p, log_c, n, log_inv_delta):
    cover = parametric(p, log_c)
    one = net(cover, n, 0.0, log_inv_delta)
    many = net_chain(cover, n, 0.0, log_inv_delta)
    assert many.log_total <= one.log_total + 1e-12
    assert many.log_total <= 1e-12
    if many.eps:
        L, eps = len(many.eps), [0.5, *np.exp(many.eps)]
        total = 2 * eps[-1] + sum(
            2 * a * math.sqrt((float(cover(math.log(b))) + log_inv_delta + math.log(L)) / (2 * n))
            for a, b in itertools.pairwise(eps)
        )
        assert total == pytest.approx(math.exp(many.log_total), rel=1e-9)
        assert all(a > b for a, b in itertools.pairwise(eps))


@given(
    st.sampled_from(METHODS),
    st.integers(1, 60),
    st.floats(-1, 100),
    st.integers(1, 10**8),
    st.floats(0.01, 20),
    st.floats(0, 1),
)
def test_every_gap_shrinks_with_n_and_grows_with_confidence_and_class(
    method, p, log_c, n, log_inv_delta, empirical
):
    def total(p=p, n=n, log_inv_delta=log_inv_delta):
        gap = deviation(
            method,
            parametric(p, log_c),
            n,
            0.0,
            log_inv_delta,
            math.log(0.5),
            empirical=empirical,
            eps=(0.1, 0.01),
        )
        return gap.log_total

    tiny = 1e-11
    assert total(n=2 * n) <= total() + tiny
    assert total(log_inv_delta=2 * log_inv_delta) >= total() - tiny
    assert total(p=p + 1) >= total() - tiny


@given(st.integers(1, 10**6), st.floats(1e-3, 30), st.floats(-800, 800), st.floats(-800, 800))
def test_the_rademacher_step_is_its_formula_rounded_up(n, log_inv_delta, log_rad, log_B):
    gap = rademacher_term(log_rad, log_B, n, log_inv_delta)
    with flint.ctx.workprec(300):
        root = ((flint.arb(2).log() + flint.arb(log_inv_delta)) / (2 * n)).sqrt()
        confidence = flint.arb(3).log() + flint.arb(log_B) + root.log()
        size = flint.arb(2).log() + flint.arb(log_rad)
    assert flint.arb(gap.log_confidence) >= confidence
    assert flint.arb(gap.log_complexity) >= size
    assert gap.log_confidence - float(confidence) <= 1e-11


@given(
    st.integers(1, 40),
    st.integers(1, 60),
    st.floats(0.01, 0.5),
    st.floats(0.05, 0.95),
    st.sampled_from(["net", "net_chain", "net_kl"]),
)
def test_the_failure_probability_of_a_finite_class_is_at_most_delta(M, n, delta, p, method):
    """M independent Bernoulli(p) losses: the chance that one mean is too low, exactly."""
    log_inv = -math.log(delta)

    if method == "net_kl":
        gaps = [net_kl(finite(M), n, log_inv, c / n, 1e-4).log_total for c in range(n + 1)]
    else:
        gaps = [deviation(method, finite(M), n, 0.0, log_inv, 0.0).log_total] * (n + 1)
    counts = np.arange(n + 1)
    bad = p > counts / n + np.exp(gaps)
    one = float(stats.binom.pmf(counts[bad], n, p).sum())
    assert 1 - (1 - one) ** M <= delta * (1 + 1e-9)


def test_the_net_is_nearly_hoeffding_for_a_finite_class():
    M, n, delta = 50, 1000, 0.05
    gap = math.exp(net(finite(M), n, 0.0, -math.log(delta)).log_total)
    hoeffding = math.sqrt(math.log(M / delta) / (2 * n))
    assert hoeffding <= gap <= hoeffding * (1 + 1e-9)


@given(st.integers(1, 10**5), st.floats(0.001, 0.5), st.floats(0, 1), st.floats(1e-3, 0.4))
def test_net_kl_at_one_eps_is_its_formula(n, delta, empirical, eps):
    cover = parametric(5, 1.0)
    gap = net_kl(cover, n, -math.log(delta), empirical, eps)
    c = (float(cover(math.log(eps))) - math.log(delta)) / n
    value = min(1.0, inverse_kl(min(1.0, empirical + eps), c) + eps) - empirical
    assert math.exp(gap.log_total) == pytest.approx(value, rel=1e-9, abs=1e-13)
    # Several radii share delta.
    shared = net_kl(cover, n, -math.log(delta), empirical, (eps, eps))
    halved = net_kl(cover, n, -math.log(delta / 2), empirical, eps)
    assert math.exp(shared.log_total) == pytest.approx(math.exp(halved.log_total), abs=1e-9)


def test_the_net_needs_none_of_the_constants_12_2_and_3():
    cover, n, delta = parametric(400, 8.0), 60_000, 0.05
    totals = {
        m: deviation(
            m, cover, n, 0.0, -math.log(delta), math.log(0.5), empirical=0.02, eps=(0.02, 0.01)
        ).log_total
        for m in METHODS
    }
    assert totals["net_kl"] < totals["net_chain"] <= totals["net"] < totals["chain"]
    assert totals["chain"] < totals["dudley"]
    assert chain(cover, n, math.log(0.5)) < dudley(cover, n, math.log(0.5))


def test_a_loss_that_is_always_zero_has_no_gap():
    gap = net(parametric(3, 0.0), 10, -math.inf, 1.0)
    assert gap.log_total == -math.inf


def test_bad_arguments_are_refused_in_one_sentence():
    with pytest.raises(ValueError, match="complexity must be one of"):
        deviation("vc", finite(2), 1, 0.0, 1.0, 0.0)
    with pytest.raises(ValueError, match="needs losses in"):
        deviation("net_kl", finite(2), 1, 3.0, 1.0, 0.0, empirical=0.1)
    with pytest.raises(ValueError, match="eps must be positive"):
        net_kl(finite(2), 1, 1.0, 0.5, 0.0)
    with pytest.raises(ValueError, match="log_inv_delta must be positive"):
        net(finite(2), 1, 0.0, 0.0)
    with pytest.raises(ValueError, match="q must lie between"):
        inverse_kl(1.5, 0.1)
    with pytest.raises(ValueError, match="c must be at least 0"):
        inverse_kl(0.5, -1.0)


def test_a_loss_just_above_one_is_refused_with_the_digits_that_matter():
    with pytest.raises(ValueError, match=r"^q must lie between 0 and 1, got 1\.0000000001$"):
        inverse_kl(1.0000000001, 0.1)
    with pytest.raises(ValueError, match=r"^p must lie between 0 and 1, got 1\.0000000000000002$"):
        kl(0.5, 1.0000000000000002)
