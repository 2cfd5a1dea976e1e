"""The bounds of section 9: against second derivations, simulations and exact sums."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from helpers.problems import network, problem
from hypothesis import given
from hypothesis import strategies as st

from bounds import FIXED_RADII, ORDER_ONLY, VALID, Radii, others
from bounds.others.joukovsky2021 import log_confidence, log_rademacher
from bounds.others.occam import describe
from bounds.others.tu2020 import log_growth
from bounds.others.unbiased import log_fisher_rao, with_constant, without_biases
from bounds.problem import Problem
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
