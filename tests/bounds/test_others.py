"""The bounds of section 9: against second derivations, simulations and exact sums."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import betainc
from scipy.stats import binom

from bounds import FIXED_RADII, ORDER_ONLY, VALID, Radii, others
from bounds.others.joukovsky2021 import log_confidence, log_rademacher
from bounds.others.maurer_pontil import empirical_bernstein
from bounds.others.occam import describe
from bounds.others.pac_bayes_kl import gaussian_divergence
from bounds.others.pick_to_learn import compression_risk
from bounds.others.tu2020 import log_growth
from bounds.others.unbiased import log_fisher_rao, with_constant, without_biases
from bounds.problem import Problem
from bounds.terms import IID
from pruning import RNN

EVERY = (
    others.parameter_count,
    others.tu2020,
    others.joukovsky2021,
    others.chen2020,
    others.cheng2024,
    others.zhang2018,
    others.akpinar2019,
    others.occam,
    others.pac_bayes_kl,
    others.maurer_pontil,
    others.test_set_binomial,
)


def network(rng, m=3, d_x=2, d_y=3, activation="tanh", biases=True) -> RNN:
    return RNN(
        rng.normal(size=(m, m)) / max(m, 1),
        rng.normal(size=(m, d_x)),
        rng.normal(size=m) * biases,
        rng.normal(size=(d_y, m)),
        rng.normal(size=d_y) * biases,
        activation,
    )


def problem(rng, n=40, T=4, tokens=False, **options) -> Problem:
    settings = {
        key: options.pop(key) for key in ("m", "d_x", "d_y", "activation") if key in options
    }
    net = options.pop("rnn", None) or network(rng, **settings)
    if tokens:
        x = rng.integers(0, net.d_x, size=(2 * n, T))
    else:
        x = rng.normal(size=(2 * n, T, net.d_x))
    y = rng.integers(0, net.d_y, size=2 * n) if net.d_y > 1 else rng.choice([-1, 1], size=2 * n)
    return Problem(net, x[:n], y[:n], x[n:], y[n:], **options)


@pytest.mark.parametrize("bound", EVERY, ids=lambda f: f.__name__)
@pytest.mark.parametrize("kind", ["plain", "no nodes", "one class", "tokens", "one step", "relu"])
def test_every_bound_answers_in_the_same_form(rng, bound, kind):
    own = {
        "plain": {},
        "no nodes": {"m": 0},
        "one class": {"d_y": 1},
        "tokens": {"tokens": True},
        "one step": {"T": 1, "n": 2},
        "relu": {"activation": "relu"},
    }[kind]
    found = bound(problem(rng, **own))
    assert found.id.startswith(("others.", "occam."))
    assert found.terms
    assert found.label
    assert {c.holds for c in found.conditions} <= {True, False, None}
    assert found.to_json()["id"] == found.id
    infinite = any(t.log_value == math.inf for t in found.terms)
    total = math.inf if infinite else sum(t.value or 0 for t in found.terms)
    assert total == pytest.approx(math.inf if found.total is None else found.total, rel=1e-9)
    assert all(term.formula and term.source for term in found.terms)


@pytest.mark.parametrize("activation", ["relu", "tanh", "identity", "logistic", "leaky_relu"])
def test_a_network_without_biases_computes_the_same(rng, activation):
    net = network(rng, activation=activation)
    x = rng.normal(size=(5, 4, 2))
    plain, constant = without_biases(net)
    assert constant
    assert not plain.b_hidden.any()
    assert not plain.b_output.any()
    np.testing.assert_allclose(
        plain.predictions(with_constant(x)), net.predictions(x), rtol=1e-12, atol=1e-12
    )


def test_without_biases_nothing_is_appended(rng):
    net = network(rng, biases=False)
    plain, constant = without_biases(net)
    assert not constant
    assert plain.m == net.m
    assert plain.d_x == net.d_x


@pytest.mark.parametrize("activation", ["tanh", "relu", "identity"])
def test_the_fisher_rao_norm_is_that_of_the_linear_network(rng, activation):
    net = network(rng, activation=activation, biases=False)
    n, T = 6, 5
    x = rng.normal(size=(n, T, 2))
    # tau(theta) c, spelled out: c = (T + 1, ..., 2) and V W^{T-t} U x_t for t = 1..T.
    squares = []
    for sequence in x:
        total = sum(
            (T + 2 - t)
            * net.w_output
            @ np.linalg.matrix_power(net.w_hidden, T - t)
            @ net.w_input
            @ sequence[t - 1]
            for t in range(1, T + 1)
        )
        squares.append(max(total**2))
    assert math.exp(log_fisher_rao(net, x, False)) == pytest.approx(
        math.sqrt(np.mean(squares)), rel=1e-11
    )


@given(st.floats(0, 3), st.integers(1, 30))
def test_the_growth_of_tu2020_is_its_closed_form(b, T):
    value = math.exp(log_growth(b, T))
    if b == 1:
        assert value == pytest.approx(T * (T + 1) / 2)
    assert value == pytest.approx(sum(t * b ** (t - 1) for t in range(1, T + 1)), rel=1e-12)


def test_tu2020_as_printed_does_not_vanish_with_the_sample(rng):
    net = network(rng, activation="relu", biases=False)
    own = Problem(net, rng.normal(size=(60, 5, 2)), rng.integers(0, 3, 60))
    small, large = (others.tu2020(own.as_if(n)) for n in (10**3, 10**15))
    # The first part goes like 1/sqrt n, the second stays.
    assert large["matrix 1-norms"].log_value == small["matrix 1-norms"].log_value
    difference = small["Fisher-Rao"].log_value - large["Fisher-Rao"].log_value
    assert difference == pytest.approx(6 * math.log(10))


def test_tu2020_by_hand():
    """One node, one class pair, T = 1, ReLU: every quantity on paper."""
    x = np.array([[[1.0]], [[-2.0]]])
    net = RNN([[0.5]], [[3.0]], [0.0], [[1.0], [-1.0]], [0.0, 0.0], "relu")
    own = Problem(net, x, np.array([0, 1]), gamma=2.0, delta=0.1)
    found = others.tu2020(own, smallest_moment=2.5)
    # The margins are 6 and -0: the share at most gamma = 2 is a half.
    assert found["empirical loss"].value == pytest.approx(0.5)
    front = 4 * 2 / 2.0
    # tau c = 2 (3x, -3x): r^2 = mean of 36 x^2 = 90, the largest output and not their sum.
    frobenius = math.sqrt(5)
    assert found["Fisher-Rao"].value == pytest.approx(
        front * math.sqrt(90) * frobenius / (2 * 2) / math.sqrt(2.5)
    )
    assert found["matrix 1-norms"].value == pytest.approx(front * 1 * 3 * 1.5)
    assert found["confidence"].value == pytest.approx(3 * math.sqrt(math.log(20) / 4))
    assert found.label == FIXED_RADII


def test_a_pixel_that_is_always_zero_violates_tu2020(rng):
    x = rng.normal(size=(60, 5, 2))
    x[:, 2, 1] = 0
    net = network(rng, activation="relu", biases=False)
    found = others.tu2020(Problem(net, x, rng.integers(0, 3, 60)))
    assert found.label.startswith("hypothesis violated: lambda_min")
    assert found.conditions[0].holds is False
    assert found["Fisher-Rao"].log_value == math.inf
    assert found.total is None
    assert any("infinite" in note for note in found.notes)


def test_a_bias_makes_every_moment_of_whole_sequences_singular(rng):
    biased = problem(rng)
    assert biased.unbiased.sequence_smallest == 0
    # Nothing that is declared for the population can help.
    found = others.tu2020(biased, smallest_moment=0.5)
    assert found.label.startswith("hypothesis violated: lambda_min")
    assert found["Fisher-Rao"].log_value == math.inf


def test_x_of_tu2020_is_the_whole_sequence(rng):
    """ReLU, T = 8, d = 2, n = 4000, N(0, 1) inputs, smallest moment 0.9, by loops."""
    n, T = 4000, 8
    x = rng.normal(size=(n, T, 2))
    net = network(rng, activation="relu", biases=False)
    own = Problem(net, x, rng.integers(0, 3, n))
    assert 0.8 < own.unbiased.sequence_smallest < 1
    moment = np.einsum("na,nb->ab", x.reshape(n, -1), x.reshape(n, -1)) / n
    assert own.unbiased.sequence_smallest == pytest.approx(np.linalg.eigvalsh(moment)[0], rel=1e-9)
    found = others.tu2020(own, smallest_moment=0.9)
    r = math.exp(log_fisher_rao(net, x, False))
    frobenius = math.sqrt(np.square(x).sum())
    expected = 4 * 3 * r * frobenius / (2 * n) / math.sqrt(0.9)
    assert found["Fisher-Rao"].value == pytest.approx(expected, rel=1e-9)
    # sqrt(T) times what one step for X would give.
    one = math.sqrt(np.square(x[:, 0]).sum())
    assert found["Fisher-Rao"].value > 2.7 * 4 * 3 * r * one / (2 * n) / math.sqrt(0.9)
    assert found.label == FIXED_RADII


def test_the_population_moment_of_tu2020_is_not_the_samples(rng):
    net = network(rng, activation="relu", biases=False)
    x = rng.normal(size=(60, 5, 2))
    found = others.tu2020(Problem(net, x, rng.integers(0, 3, 60)))
    assert found.conditions[0].holds is None
    assert found.label.startswith("hypothesis violated")


def test_joukovsky2021_with_the_two_norm_is_broken_by_a_simulation(rng):
    """T = 1, n = 800, d = 60,000 sign inputs, noise labels, m pairs of equal ReLUs.

    A pair computes u.x exactly, u = sum_i y_i x_i over its l1-norm. With v = (1, -1, 1, -1, ...)
    times 1/sqrt(2m) the 2-norm of the output row is 1 however large m is, and the output is
    sqrt(m/2) u.x. The labels are noise, so that the risk of every classifier is exactly 1/2.
    """
    n, d, m, delta = 800, 60_000, 2 * 10**6, 0.05
    x = rng.integers(0, 2, size=(n, d), dtype=np.int8) * np.int8(2) - np.int8(1)
    y = rng.choice([-1, 1], size=n)
    total = sum(int(label) * row.astype(np.int32) for label, row in zip(y, x))
    size = int(np.abs(total).sum())
    margins = y * (x.astype(np.float32) @ total.astype(np.float32)) / size
    gamma = math.sqrt(m / 2) * float(margins.min()) * 0.999
    assert gamma > 0  # every label of the sample is fitted, with this margin

    def bound(c: float) -> float:
        log_rad = log_rademacher(0.0, 1.0, 1.0, 1, d, 2 * m, n)
        return 2 * c / gamma * math.exp(log_rad) + math.exp(log_confidence(delta, n))

    as_read, row_one_norm = bound(1.0), bound(math.sqrt(2 * m))
    assert as_read < 0.46 < 0.5
    assert row_one_norm > 0.5


def test_the_pairs_of_the_simulation_are_a_network(rng):
    """Its formula for a few pairs, from an RNN and `joukovsky2021` itself."""
    u, m = np.array([0.25, -0.5, 0.25]), 5
    v = np.tile([1.0, -1.0], m) / math.sqrt(2 * m)
    net = RNN(np.zeros((2 * m, 2 * m)), np.tile([u, -u], (m, 1)), np.zeros(2 * m), [v], [0.0])
    x = rng.choice([-1.0, 1.0], size=(7, 1, 3))
    np.testing.assert_allclose(net.predictions(x)[:, 0, 0], math.sqrt(m / 2) * x[:, 0] @ u)
    own = Problem(net, x, rng.choice([-1, 1], size=7), gamma=0.5)
    found = others.joukovsky2021(own)
    assert found["complexity"].inputs["c"] == pytest.approx(math.sqrt(2 * m))
    rad = math.exp(log_rademacher(0, 1, 1, 1, 3, 2 * m, 7))
    assert found["complexity"].value == pytest.approx(2 * math.sqrt(2 * m) / 0.5 * rad)
    assert found.label == FIXED_RADII


def test_joukovsky2021_never_counts_as_valid_for_several_classes(rng):
    found = others.joukovsky2021(problem(rng, d_y=3))
    assert "dependence on q = 3" in found.label
    assert others.joukovsky2021(problem(rng, d_y=1)).label == FIXED_RADII


def test_an_unbounded_activation_violates_chen2020_and_a_bounded_one_does_not(rng):
    assert others.chen2020(problem(rng, activation="tanh")).label == FIXED_RADII
    found = others.chen2020(problem(rng, activation="relu"))
    assert found.label == "hypothesis violated: bounded activation, relu is not"
    assert found.conditions[0].holds is False


def test_frobenius_covers_are_never_smaller_than_spectral_ones(rng):
    own = problem(rng, n=2000)
    wider = others.chen2020(own.as_if(10**8))
    assert wider.log_total >= others.parameter_count(own.as_if(10**8), "dudley").log_total - 1e-9


def test_orders_are_only_orders(rng):
    own = problem(rng, n=100, T=4)
    for bound in (others.zhang2018, others.akpinar2019):
        found = bound(own)
        assert found.label == ORDER_ONLY
        assert bound(own.as_if(400)).log_total == pytest.approx(found.log_total - math.log(2))


def test_the_label_is_valid_only_for_radii_that_were_fixed(rng):
    net = network(rng)
    fixed = Radii(9, 9, 9, 9, 9, 10.0, fixed=True, data_fixed=True)
    assert others.parameter_count(problem(rng, rnn=net, radii=fixed)).label == VALID
    assert others.parameter_count(problem(rng, rnn=net)).label == FIXED_RADII
    narrow = Radii(1e-3, 9, 9, 9, 9, 10.0, fixed=True, data_fixed=True)
    found = others.parameter_count(problem(rng, rnn=net, radii=narrow))
    assert found.label.startswith("hypothesis violated")


def test_what_was_chosen_on_the_sample_is_paid_for(rng):
    own = problem(rng, n=300)
    paid = replace(own, log_price=10.0)
    for bound in (others.occam, others.pac_bayes_kl):
        assert bound(paid).log_total > bound(own).log_total
    hoeffding = others.occam(paid, "hoeffding", description=describe(own))
    bits = describe(own).bits * math.log(2) + math.log(20) + 10
    ramp = describe(own).problem.ramp
    assert hoeffding.total == pytest.approx(ramp + math.sqrt(bits / 600), rel=1e-9)


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


@pytest.mark.parametrize("complexity", ["dudley", "chain", "net", "net_chain", "net_kl"])
def test_more_data_or_confidence_never_makes_a_bound_larger(rng, complexity):
    own = problem(rng, n=50)
    totals = [others.parameter_count(own.as_if(n), complexity).log_total for n in (50, 500, 10**7)]
    assert totals == sorted(totals, reverse=True)
    sure = others.parameter_count(Problem(own.rnn, own.x, own.y, delta=1e-9), complexity)
    assert sure.log_total >= totals[0] - 1e-12


def test_overflow_is_a_power_of_ten(rng):
    net = RNN(3 * np.eye(2), np.eye(2), np.ones(2), np.ones((2, 2)), np.zeros(2), "relu")
    own = problem(rng, rnn=net, T=3).as_if(T=784)
    for bound in (others.joukovsky2021, others.zhang2018):
        found = bound(own)
        assert found.log10_total > 308
        assert found.total is None
        assert found.to_json()["total"] is None


def test_labels_must_fit(rng):
    own = problem(rng)
    with pytest.raises(ValueError, match="one label a sequence"):
        Problem(own.rnn, own.x, own.y[:-1])
    with pytest.raises(ValueError, match="given together"):
        Problem(own.rnn, own.x, own.y, own.x)
    with pytest.raises(ValueError, match="gamma must be positive"):
        Problem(own.rnn, own.x, own.y, gamma=0)


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


def test_every_probabilistic_bound_assumes_independent_sequences(rng):
    own = problem(rng)
    for bound in EVERY:
        names = [condition.name for condition in bound(own).conditions]
        assert "i.i.d. sequences" in names, bound
    orders = (others.zhang2018(own), others.akpinar2019(own))
    for order in orders:
        assert "logarithms" in order.notes[0]
        assert r"\tilde O" in order.statement


@given(st.integers(1, 40), st.integers(1, 30), st.integers(1, 400))
def test_the_order_of_akpinar2019_goes_with_the_square_of_the_nodes(m, T, n):
    rng = np.random.default_rng(m)
    net = RNN(np.eye(m), np.ones((m, 1)), np.zeros(m), np.ones((2, m)), np.zeros(2), "relu")
    own = Problem(net, rng.normal(size=(3, 1, 1)), np.zeros(3, dtype=int)).as_if(n, T)
    assert others.akpinar2019(own).total == pytest.approx(m**2 * math.sqrt(T / n), rel=1e-12)
