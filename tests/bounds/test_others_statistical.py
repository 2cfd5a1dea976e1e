"""Other people's bounds that count: short codes, priors, variances, compression, held-out data."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from helpers.problems import network, problem
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import betainc
from scipy.stats import binom

from bounds import VALID, others
from bounds.others.maurer_pontil import empirical_bernstein
from bounds.others.occam import describe
from bounds.others.pac_bayes_kl import gaussian_divergence
from bounds.others.pick_to_learn import compression_risk
from bounds.problem import Problem
from bounds.terms import IID
from pruning import RNN


def test_the_occam_bounds_count_the_errors_of_the_decoded_network(rng):
    own = problem(rng, n=300)
    shown = describe(own)
    weights = shown.quantised.network()
    outputs = weights.predictions(own.x)[:, -1]
    best = np.where(np.eye(3, dtype=bool)[own.y], -np.inf, outputs).max(axis=1)
    wrong = int((outputs[np.arange(300), own.y] <= best).sum())
    assert shown.problem.errors == wrong
    binomial, kl, hoeffding = (
        others.occam(own, form, description=shown) for form in ("binomial", "kl", "hoeffding")
    )
    assert binomial["empirical loss"].value == pytest.approx(wrong / 300)
    assert wrong / 300 <= binomial.total <= kl.total * (1 + 1e-12) <= 1 + 1e-9
    price = shown.bits * math.log(2) + math.log(20)
    assert hoeffding.total == pytest.approx(shown.problem.ramp + math.sqrt(price / 600), rel=1e-9)
    assert {b.label for b in (binomial, kl, hoeffding)} == {VALID}


@given(
    st.integers(1, 20),
    st.floats(0, 50),
    st.floats(0.05, 5),
    st.floats(0.05, 5),
)
def test_the_divergence_of_gaussians_is_never_rounded_down(p, distance2, sigma, s):
    import flint

    flint.ctx.prec = 200
    ratio = (flint.arb(sigma) / flint.arb(s)) ** 2
    exact = (p * (ratio - 1 - ratio.log()) + flint.arb(distance2) / flint.arb(s) ** 2) / 2
    value = gaussian_divergence(distance2, p, sigma, s)
    assert exact <= flint.arb(value)
    assert value <= float(exact.upper()) + 1e-11 * (1 + p * (1 + float(ratio)) + distance2 / s**2)


def test_the_pac_bayes_bound_holds_the_exact_gibbs_error_between_its_terms(rng):
    """One weight, one step, identity: the error of a drawn classifier is a normal probability."""
    n = 4000
    x = rng.normal(size=(n, 1, 1))
    y = np.where(x[:, 0, 0] + 0.3 * rng.normal(size=n) > 0, 1, -1)
    net = RNN(np.zeros((1, 1)), [[2.0]], [0.0], [[1.5]], [0.0], "identity")
    own = Problem(net, x, y)
    found = others.pac_bayes_kl(own, rng=1)
    assert found.label == VALID
    assert found.total < 1
    # Its estimate agrees with the exact Gibbs error at the sigma it chose, within its confidence.
    sigma = dict(
        zip(
            ("w_hidden", "w_input", "b_hidden", "w_output", "b_output"),
            (float(s) for s in found.notes[1].split(": ")[1].rstrip(".").split(", ")),
        )
    )
    draws = 200_000
    w = 2.0 + sigma["w_input"] * rng.normal(size=draws)
    v = 1.5 + sigma["w_output"] * rng.normal(size=draws)
    b_h = sigma["b_hidden"] * rng.normal(size=draws)
    b_o = sigma["b_output"] * rng.normal(size=draws)
    i = rng.integers(n, size=draws)
    gibbs = float((y[i] * (v * (w * x[i, 0, 0] + b_h) + b_o) <= 0).mean())
    upper = found["empirical loss"].value + found["Monte Carlo"].value
    assert gibbs < upper + 5e-3
    assert abs(gibbs - found["empirical loss"].value) < 0.02


def test_the_pac_bayes_bound_pays_for_size_and_nodes_chosen_on_the_sample(rng):
    own = problem(rng, n=500)
    free = others.pac_bayes_kl(own, rng=0)
    nodes = others.pac_bayes_kl(own, rng=0, chosen_from=60)
    prices = [b["complexity"].inputs["price of the nodes"] for b in (free, nodes)]
    assert prices[0] == pytest.approx(math.log(4 * 5))
    assert prices[1] == pytest.approx(math.log(4 * 5) + math.log(math.comb(60, 3)))
    assert sum(1 / ((k + 1) * (k + 2)) for k in range(10**6)) < 1
    with pytest.raises(ValueError, match="shapes of the network"):
        others.pac_bayes_kl(own, prior=network(rng, m=2))


def test_a_prior_at_the_weights_themselves_costs_nearly_nothing(rng):
    own = problem(rng, n=500)
    near = others.pac_bayes_kl(own, prior=own.rnn, rng=0)
    assert near["complexity"].inputs["KL"] < 1
    assert others.pac_bayes_kl(own, rng=0)["complexity"].inputs["KL"] > 1


@pytest.mark.parametrize("size", [1e160, 1e200, 1e300])
def test_weights_whose_squares_are_no_floats_have_no_prior(rng, size):
    own = problem(rng, n=50)
    huge = own.of(RNN(**(own.rnn.weights | {"w_hidden": size * own.rnn.w_hidden})))
    assert others.pac_bayes_kl(huge, rng=0).log_total == math.inf


@given(st.lists(st.floats(0, 1), min_size=2, max_size=30), st.floats(0.01, 0.9))
def test_empirical_bernstein_is_its_formula(losses, delta):
    values = np.array(losses)
    n, log = len(values), math.log(2 / delta)
    mean, root, rest = empirical_bernstein(values, delta)
    assert mean == pytest.approx(values.mean())
    assert root == pytest.approx(math.sqrt(2 * values.var(ddof=1) * log / n), abs=1e-9)
    assert rest == pytest.approx(7 * log / (3 * (n - 1)))


@pytest.mark.parametrize("p", [0.02, 0.1, 0.5, 0.9])
@pytest.mark.parametrize("n", [2, 5, 40])
def test_empirical_bernstein_covers_coins_by_summing_over_all_samples(n, p):
    for delta in (0.05, 0.3, 0.7):
        missed = 0.0
        for k in range(n + 1):
            total = sum(empirical_bernstein(np.repeat([1.0, 0.0], [k, n - k]), delta))
            missed += binom.pmf(k, n, p) * (total < p)
        assert missed <= delta


def test_a_single_held_out_sequence_is_said_to_be_too_few(rng):
    own = problem(rng)
    few = Problem(own.rnn, own.x, own.y, own.x_test[:1], own.y_test[:1])
    found = others.maurer_pontil(few)
    assert found.label == "hypothesis violated: n >= 2 held-out sequences"
    assert found.total >= 1
    # 1 - delta without an error, 1 with one.
    wrong = bool(few.test_margins[0] <= 0)
    assert others.test_set_binomial(few).total == pytest.approx(1.0 if wrong else 0.95)


def test_bounds_on_held_out_data_need_some(rng):
    own = problem(rng)
    with pytest.raises(ValueError, match="x_test must be given"):
        others.test_set_binomial(Problem(own.rnn, own.x, own.y))


def test_the_compression_bound_solves_its_equation():
    for k, n, delta in ((0, 1, 0.5), (3, 20, 0.05), (12, 40, 0.2), (7, 8, 0.9)):
        eps = Fraction(compression_risk(k, n, delta))

        def left(eps, k=k, n=n, delta=delta):
            return (
                Fraction(delta)
                / n
                * sum(
                    Fraction(math.comb(m, k), math.comb(n, k)) / (1 - eps) ** (n - m)
                    for m in range(k, n)
                )
            )

        # Rounded up: the left side exceeds 1 there, and no longer just below.
        assert left(eps) >= 1
        assert left(eps * (1 - Fraction(1, 10**8))) < 1
    assert compression_risk(5, 5, 0.1) == 1


def _two_sided(k, n, delta, star=True):
    """The two-sided form; its first public code had `+` where `*` belongs."""
    low, high = k / n, 1.0
    while high - low > 1e-10:
        t = (low + high) / 2
        left = (delta / 2 - delta / 6) * betainc(k + 1, n - k, t)
        if not star:
            left = (delta / 2 - delta / 6) + betainc(k + 1, n - k, t)
        left += delta / 6 * betainc(k + 1, 4 * n + 1 - k, t)
        right = (1 + delta / 6 / n) * t * n * (betainc(k, n - k + 1, t) - betainc(k + 1, n - k, t))
        low, high = (low, t) if left > right else (t, high)
    return high


def test_a_planted_compression_bound_with_a_plus_for_a_times_is_false():
    k, n, delta = 326, 24_000, 0.01
    assert compression_risk(k, n, delta) == pytest.approx(0.0165, abs=5e-5)
    assert _two_sided(k, n, delta) == pytest.approx(0.0167, abs=5e-5)
    planted = _two_sided(k, n, delta, star=False)
    assert planted == pytest.approx(0.0152, abs=5e-5)
    # The learner that keeps the k largest of n uniform numbers, and calls what is above the least
    # of them an error, has a risk above eps with probability exactly P(Bin(n, eps) <= k - 1).
    assert binom.cdf(k - 1, n, planted) > 1.5 * delta
    assert binom.cdf(k - 1, n, compression_risk(k, n, delta)) < delta


def test_pick_to_learn_says_whether_the_network_was_picked(rng):
    own = problem(rng)
    found = others.pick_to_learn(own, 3)
    assert found.label.startswith("hypothesis violated: a network learned from |T|")
    picked = others.pick_to_learn(own, 3, picked=True)
    assert picked.label == VALID
    assert picked.total == pytest.approx(compression_risk(3, own.n, own.delta))
    assert IID in picked.conditions
