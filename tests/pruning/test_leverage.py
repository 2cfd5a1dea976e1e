"""Sections 2 and 2a of the theory: leverage scores, sampling, `leverage.*`."""

from fractions import Fraction

import numpy as np
import pytest
from helpers.moments import EPS, exact_covariances, exact_rank, rational, spectra_covariances
from hypothesis import given
from hypothesis import strategies as st

from pruning import information_loss, leverage_scores, sample_leverage, select_nodes
from pruning.selection import spectrum

LAMBDAS = st.floats(-12, 12).map(lambda e: 10.0**e)


def exact_scores(S, lam):
    """diag(S (S + lam)^{-1}) = 1 - lam diag((S + lam)^{-1}), by Gauss-Jordan in rationals."""
    m, lam = len(S), Fraction(lam)
    rows = [r + [Fraction(int(i == j)) for j in range(m)] for i, r in enumerate(rational(S))]
    for i in range(m):
        rows[i][i] += lam
    for i in range(m):
        rows[i] = [value / rows[i][i] for value in rows[i]]
        for other in range(m):
            if other != i:
                factor = rows[other][i]
                rows[other] = [a - factor * b for a, b in zip(rows[other], rows[i])]
    return np.array([float(1 - lam * rows[i][m + i]) for i in range(m)])


@given(exact_covariances(), LAMBDAS)
def test_scores_are_those_of_exact_rationals_from_1e_minus_12_to_1e12(S, lam):
    # mu is known to eps mu_1, so kap = mu/(mu + lam) to eps mu_1/(mu + lam).
    mu, _ = spectrum(S)
    top, least = (mu[0], mu[-1]) if len(mu) else (0.0, 1.0)
    slack = 64 * len(S) * EPS * (1 + top / (least + lam))
    # A direction below the rank tolerance is dropped; it would count 64 sqrt(m) eps mu_1/lam.
    slack += min(1.0, 64 * np.sqrt(len(S)) * EPS * top / lam) if nearly_dependent(S) else 0.0
    assert np.abs(leverage_scores(S, lam) - exact_scores(S, lam)).max() <= slack


def nearly_dependent(S):
    """Whether S counts as of lower rank than it is."""
    return len(spectrum(S)[0]) < exact_rank(S)


@given(st.one_of(exact_covariances(), spectra_covariances()), LAMBDAS)
def test_scores_lie_in_0_1_and_add_up_to_the_degrees_of_freedom(S, lam):
    scores = leverage_scores(S, lam)
    mu, _ = spectrum(S)
    assert np.all(scores >= 0)
    assert np.all(scores < 1)
    assert scores.sum() == pytest.approx((mu / (mu + lam)).sum(), rel=1e-12, abs=1e-300)
    assert scores.sum() <= np.trace(S) / lam * (1 + 1e-12)


@given(exact_covariances())
def test_tiny_lam_counts_the_rank_and_no_rounding(S):
    # 1e6 S has eigenvalues of rounding size 1e-10 where S is singular, far above lam = 1e-12.
    exact = exact_scores(S * 2.0**20, 1e-12).sum()
    if not nearly_dependent(S):
        assert leverage_scores(S * 2.0**20, 1e-12).sum() == pytest.approx(exact, abs=1e-3)


@given(spectra_covariances(), LAMBDAS)
def test_the_spectrum_puts_S_together_again(S, lam):
    mu, U = spectrum(S)
    assert np.allclose((U * mu) @ U.T, S, rtol=0, atol=64 * len(S) * EPS * np.abs(S).max())
    assert np.all(mu > 0)
    assert np.all(np.diff(mu) <= 0)
    assert np.allclose(U.T @ U, np.eye(len(mu)), atol=1e-13)


def draws(S):
    return np.count_nonzero(np.diag(S)) > 0


def multiset_problem(S, lam, k, seed):
    """Nodes and merged tau, and G of the multiset that was drawn, put together from tau."""
    nodes, tau = sample_leverage(S, lam, k, seed)
    mu, U = spectrum(S)
    half = (U * np.sqrt(mu)) @ U.T
    # The share of a node in G is c_j/(k q_j) = lam/tau_j.
    G = half[:, nodes] @ np.diag(lam / tau) @ half[nodes]
    return nodes, tau, half, G


@given(
    spectra_covariances(8).filter(draws),
    st.floats(-6, 3).map(lambda e: 10.0**e),
    st.integers(1, 30),
    st.integers(0, 2**32 - 1),
)
def test_leverage_identity_holds_for_the_merged_set(S, lam, k, seed):
    nodes, tau, half, G = multiset_problem(S, lam, k, seed)
    Z = np.random.default_rng(seed).normal(size=(2, len(S)))
    inner = half @ np.linalg.solve(G + lam * np.eye(len(S)), half)
    slack = 1e-13 * np.trace(S) * (1 + np.linalg.norm(G, 2) / lam)
    assert information_loss(S, nodes, tau) == pytest.approx(
        lam * np.trace(inner), rel=1e-7, abs=slack
    )
    assert information_loss(S, nodes, tau, Z.T @ Z) == pytest.approx(
        lam * np.trace(Z @ inner @ Z.T), rel=1e-7, abs=slack * np.linalg.norm(Z) ** 2
    )


@given(
    spectra_covariances(8).filter(draws),
    st.floats(-4, 2).map(lambda e: 10.0**e),
    st.integers(1, 60),
    st.integers(0, 2**32 - 1),
)
def test_leverage_loss_bound_holds_on_its_event(S, lam, k, seed):
    nodes, tau, half, G = multiset_problem(S, lam, k, seed)
    mu, U = spectrum(S)
    whiten = U / np.sqrt(mu + lam)
    if np.linalg.eigvalsh(whiten.T @ (half @ half - G) @ whiten)[-1] > 0.75:
        return  # not the event; the test below draws enough nodes to be in it
    Z = np.random.default_rng(seed).normal(size=(2, len(S)))
    shrunk = (U * (mu / (mu + lam))) @ U.T
    assert information_loss(S, nodes, tau) <= 4 * lam * np.trace(shrunk) * (1 + 1e-9)
    bound = 4 * lam * np.trace(Z @ shrunk @ Z.T)
    assert information_loss(S, nodes, tau, Z.T @ Z) <= bound * (1 + 1e-9)


def test_the_event_is_the_rule_when_many_nodes_are_drawn():
    inside = 0
    for seed in range(50):
        F = np.random.default_rng(seed).normal(size=(6, 6))
        S, lam = F @ F.T, 1.0
        _, _, half, G = multiset_problem(S, lam, 200, seed)
        mu, U = spectrum(S)
        whiten = U / np.sqrt(mu + lam)
        inside += np.linalg.eigvalsh(whiten.T @ (half @ half - G) @ whiten)[-1] <= 0.75
    assert inside == 50


def test_the_constant_4_is_attained_where_a_direction_is_missed():
    lam = 0.25
    S = 3 * lam * np.eye(2)
    # q = (1/2, 1/2); one draw of node 0 has tau = lam/2. Node 1 is missed: kap = 3/4 there.
    C_missed = information_loss(S, [0], lam / 2, np.diag([0.0, 1.0]))
    assert C_missed == pytest.approx(4 * lam * 0.75, rel=1e-15)


def test_unmerged_tau_loses_more_than_the_multiset():
    S, lam, k = np.eye(1), 1.0, 2
    _, merged = sample_leverage(S, lam, k, 0)
    assert merged.tolist() == [1.0]  # lam k q/c = 1 * 2 * 1/2
    assert information_loss(S, [0], merged) == pytest.approx(0.5)
    assert information_loss(S, [0], lam * k) == pytest.approx(2 / 3)


@given(spectra_covariances().filter(draws), LAMBDAS, st.integers(0, 40), st.integers(0, 99))
def test_merged_multiplicities_add_up_to_the_draws(S, lam, k, seed):
    nodes, tau = sample_leverage(S, lam, k, seed)
    scores = leverage_scores(S, lam)
    q = scores / scores.sum()
    counts = lam * k * q[nodes] / tau
    assert np.allclose(counts, np.round(counts), rtol=1e-9)
    assert int(np.round(counts).sum()) == k
    assert np.array_equal(nodes, np.unique(nodes))
    assert np.array_equal(nodes, sample_leverage(S, lam, k, np.random.default_rng(seed))[0])
    if k <= len(S):
        assert np.array_equal(select_nodes(S, k, "leverage", lam=lam, rng=seed), nodes)


@pytest.mark.randomised(
    alpha=1e-10,
    power="a sampler that ignores q, at q_0 = 0.75 instead of 0.25: fails surely (200 sigma)",
)
def test_nodes_are_drawn_in_proportion_to_their_scores(rng):
    # Scores 3/4 and 1/4 at lam = 1. Hoeffding: 2 exp(-2 N t^2) = 1e-10 at t = 0.0109, N = 100,000.
    S = np.diag([3.0, 1 / 3])
    N = 100_000
    _, tau = sample_leverage(S, 1.0, N, rng)
    share = N * 0.75 / tau[0] / N
    assert abs(share - 0.75) <= np.sqrt(np.log(2e10) / (2 * N))


def test_dead_nodes_are_never_drawn():
    S = np.diag([1.0, 0, 2, 0])
    nodes, tau = sample_leverage(S, 0.1, 1000, 3)
    assert nodes.tolist() == [0, 2]
    assert np.all(tau > 0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.zeros((2, 2)), 1.0, 3), "S must not be zero"),
        ((np.eye(2), 0.0, 3), "lam must be positive, got 0"),
        ((np.eye(2), np.inf, 3), "lam must be finite, got inf"),
        ((np.eye(2), "x", 3), "lam must be a real number, got 'x'"),
        ((np.eye(2), 1.0, -3), "k must be an integer of at least 0, got -3"),
        ((np.eye(2)[:1], 1.0, 3), "S must be a square matrix"),
    ],
)
def test_bad_input_is_one_sentence(arguments, message):
    with pytest.raises(ValueError, match=message):
        sample_leverage(*arguments)
