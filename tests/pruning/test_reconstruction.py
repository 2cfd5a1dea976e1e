"""Section 1 of the theory: `reconstruction.*` and `selection.residual_covariance`."""

from fractions import Fraction

import numpy as np
import pytest
from helpers.moments import (
    EPS,
    exact_covariances,
    exact_norm,
    exact_rank,
    exact_schur,
    floats,
    node_sets,
    ridges,
    spectra_covariances,
)
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.linalg import lstsq

from pruning import (
    information_loss,
    reconstruction_matrix,
    residual_covariance,
    ridge_schur_complement,
)


def cases(covariances):
    """Strategy: S, nodes, and one tau a kept node."""
    return covariances.flatmap(
        lambda S: st.tuples(st.just(S), node_sets(len(S))).flatmap(
            lambda pair: st.tuples(st.just(pair[0]), st.just(pair[1]), ridges(len(pair[1])))
        )
    )


def rounding(S, A, exact=0.0):
    """What rounding of S by eps does to C and R, by the docstring, times a dimension.

    `exact` is the norm of the exact minimiser. A pivot p below the rank tolerance is dropped, and
    with it at most exact^2 p of the loss.
    """
    size = max(np.linalg.norm(A, 2) if A.size else 0.0, exact)
    return 64 * len(S) * EPS * (1 + size**2) * np.abs(S).max()


@given(cases(exact_covariances()))
def test_the_schur_complement_is_that_of_exact_rationals(case):
    S, nodes, tau = case
    C = ridge_schur_complement(S, nodes, tau)
    A = reconstruction_matrix(S, nodes, tau)
    exact = floats(exact_schur(S, nodes, tau))
    assert np.abs(C - exact).max() <= rounding(S, A, exact_norm(S, nodes, tau))


@given(cases(exact_covariances()))
def test_the_loss_is_the_least_that_any_matrix_reaches(case):
    # Oracle: least squares on the states themselves, with one row sqrt(tau_j) e_j a node.
    S, nodes, tau = case
    values, vectors = np.linalg.eigh(S)
    h = (vectors * np.sqrt(np.maximum(values, 0))).T
    left = np.vstack([h[:, nodes], np.diag(np.sqrt(tau))])
    right = np.vstack([h, np.zeros((len(nodes), len(S)))])
    if len(nodes):
        oracle = lstsq(left, right, cond=1e-9)[0].T
    else:
        oracle = np.zeros((len(S), 0))
    least = np.linalg.norm(right - left @ oracle.T) ** 2
    A = reconstruction_matrix(S, nodes, tau)
    reached = np.linalg.norm(right - left @ A.T) ** 2
    # h has an error of sqrt(eps), as S may be singular; squares of it and of 1e-9 remain.
    slack = 1e3 * rounding(S, oracle, max(exact_norm(S, nodes, tau), np.linalg.norm(A)))
    assert reached <= least + slack
    assert information_loss(S, nodes, tau) == pytest.approx(least, abs=slack)


@given(cases(exact_covariances()), st.integers(0, 2**32 - 1))
def test_no_other_matrix_does_better(case, seed):
    # The objective at A + D exceeds the one at A by D (S_J + I_tau) D^T, in exact arithmetic.
    S, nodes, tau = case
    assume(len(nodes))
    A = reconstruction_matrix(S, nodes, tau)
    D = np.random.default_rng(seed).normal(size=A.shape)

    def objective(B):
        return np.trace(residual_covariance(S, nodes, B)) + np.sum(B * B * tau)

    excess = objective(A + D) - objective(A)
    quadratic = np.trace(D @ (S[np.ix_(nodes, nodes)] + np.diag(tau)) @ D.T)
    size = exact_norm(S, nodes, tau) + np.linalg.norm(A) + np.linalg.norm(D)
    scale = len(S) * rounding(S, A, size) + 1e-12 * quadratic
    assert excess == pytest.approx(quadratic, abs=scale)


@given(cases(exact_covariances()), st.integers(0, 2**32 - 1))
def test_output_loss_is_the_least_over_all_read_outs(case, seed):
    # B = Z A is the minimiser for Z phi: the derivative of the objective in B vanishes there.
    S, nodes, tau = case
    Z = np.random.default_rng(seed).normal(size=(3, len(S)))
    A = reconstruction_matrix(S, nodes, tau)
    B = Z @ A
    gradient = B @ (S[np.ix_(nodes, nodes)] + np.diag(tau)) - Z @ S[:, nodes]
    slack = rounding(S, A, exact_norm(S, nodes, tau)) * np.linalg.norm(Z)
    assert np.abs(gradient).max(initial=0) <= slack * (1 + tau.max(initial=0))
    R = residual_covariance(S, nodes, A)
    value = np.trace(Z @ R @ Z.T) + np.sum(B * B * tau)
    loss = information_loss(S, nodes, tau, weight=Z.T @ Z)
    assert value == pytest.approx(loss, rel=1e-9, abs=10 * slack * np.linalg.norm(Z))


@given(cases(st.one_of(exact_covariances(), spectra_covariances())))
def test_the_residual_covariance_lies_below_the_schur_complement(case):
    S, nodes, tau = case
    A = reconstruction_matrix(S, nodes, tau)
    C = ridge_schur_complement(S, nodes, tau)
    R = residual_covariance(S, nodes, A)
    slack = rounding(S, A)
    assert np.array_equal(C, C.T)
    assert np.array_equal(R, R.T)
    assert np.abs(C - R - (A * tau) @ A.T).max() <= slack
    for matrix in (R, C, C - R):
        assert np.linalg.eigvalsh(matrix)[0] >= -slack
    assert np.trace(R) <= information_loss(S, nodes, tau) + slack


@given(spectra_covariances())
def test_all_nodes_without_tau_lose_nothing_whatever_the_rank(S):
    m = len(S)
    A = reconstruction_matrix(S, np.arange(m), 0.0)
    assert information_loss(S, np.arange(m), 0.0) == 0
    assert np.trace(residual_covariance(S, np.arange(m), A)) <= rounding(S, A)
    # A projection; its null space is known to eps over the rank tolerance.
    assert np.linalg.norm(A, 2) <= 1 + 1 / 64


@given(exact_covariances())
def test_no_nodes_lose_everything(S):
    assert reconstruction_matrix(S, []).shape == (len(S), 0)
    assert np.array_equal(ridge_schur_complement(S, []), S)
    assert information_loss(S, []) == pytest.approx(np.trace(S), rel=1e-15)


@given(exact_covariances().flatmap(lambda S: st.tuples(st.just(S), node_sets(len(S)))))
def test_singular_blocks_get_the_pseudo_inverse(case):
    S, nodes = case
    A = reconstruction_matrix(S, nodes, 0.0)
    block = S[np.ix_(nodes, nodes)]
    values = np.linalg.eigvalsh(block) if len(nodes) else np.ones(1)
    # Where NumPy's cut-off on eigenvalues cannot tell the rank, there is nothing to compare.
    assume(np.count_nonzero(values > 1e-7 * values[-1]) == exact_rank(block))
    oracle = S[:, nodes] @ np.linalg.pinv(block, rcond=1e-10, hermitian=True)
    assert np.allclose(A, oracle, rtol=1e-6, atol=1e-6)


def test_two_copies_share_the_weight_and_a_dead_node_gets_none():
    S = np.array([[1.0, 1, 0, 0.5], [1, 1, 0, 0.5], [0, 0, 0, 0], [0.5, 0.5, 0, 1]])
    A = reconstruction_matrix(S, [0, 1, 2], 0.0)
    expected = [[0.5, 0.5, 0], [0.5, 0.5, 0], [0, 0, 0], [0.25, 0.25, 0]]
    assert np.allclose(A, expected, atol=1e-15)


def test_rank_does_not_depend_on_the_units_of_a_node():
    # Node 0 is node 1 in units of 1e-9. An eigenvalue cut-off would drop it beside node 2.
    S = np.array([[1e-18, 1e-9, 0], [1e-9, 1, 0], [0, 0, 1]])
    assert information_loss(S, [0, 2], 0.0) <= 1e-15


@given(cases(exact_covariances()))
def test_tau_follows_its_node_when_nodes_come_unsorted(case):
    S, nodes, tau = case
    backwards = ridge_schur_complement(S, nodes[::-1], tau[::-1])
    assert np.array_equal(backwards, ridge_schur_complement(S, nodes, tau))
    A = reconstruction_matrix(S, nodes[::-1], tau[::-1])
    assert np.array_equal(A, reconstruction_matrix(S, nodes, tau))
    expected = residual_covariance(S, nodes, A)
    assert np.array_equal(residual_covariance(S, nodes[::-1], A[:, ::-1]), expected)


def test_the_default_tau_is_a_small_share_of_the_mean_variance():
    S = np.array([[2.0, 1], [1, 4]])
    expected = information_loss(S, [0], 1e-8 * 6 / 2)
    assert information_loss(S, [0]) == expected
    exact = exact_schur(S, [0], [3e-8])
    assert expected == pytest.approx(float(sum(exact[i][i] for i in range(2))), rel=1e-14)


def test_a_third_by_hand():
    S = [[3.0, 1], [1, 2]]
    assert information_loss(S, [0], 0.0) == pytest.approx(float(Fraction(5, 3)), rel=1e-15)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"S": [[1.0, np.nan], [np.nan, 1]]}, "S must be finite, got nan at index"),
        ({"S": [[1.0, np.inf], [np.inf, 1]]}, "S must be finite, got inf at index"),
        ({"S": [[1.0, 0.5], [0, 1]]}, "S must be symmetric"),
        ({"S": [[1.0, 2], [2, 1]]}, "S must be positive semidefinite, got the eigenvalue -1"),
        ({"S": [1.0, 2]}, "S must be a square matrix"),
        ({"S": [["a", "b"], ["c", "d"]]}, "S must be an array of real numbers"),
        ({"nodes": [0, 0]}, "nodes must be distinct, got 0 more than once"),
        ({"nodes": [2]}, r"nodes must lie in 0\.\.1, got 2"),
        ({"nodes": [-1]}, r"nodes must lie in 0\.\.1, got -1"),
        ({"nodes": [0.5]}, "nodes must be a one-dimensional array of integers"),
        ({"tau": -1.0}, "tau must be at least 0, got -1"),
        ({"tau": [0.0, 0.0]}, r"tau must be a number or have shape \(1,\), got \(2,\)"),
        ({"tau": np.nan}, "tau must be finite"),
        ({"weight": np.eye(3)}, r"weight must have shape \(2, 2\), got \(3, 3\)"),
        ({"weight": -np.eye(2)}, "weight must be positive semidefinite"),
    ],
)
def test_bad_input_is_one_sentence(change, message):
    arguments = {"S": np.eye(2), "nodes": [0], "tau": 0.0, "weight": np.eye(2)} | change
    with pytest.raises(ValueError, match=message):
        information_loss(**arguments)


def test_a_matrix_of_the_wrong_shape_is_refused():
    with pytest.raises(ValueError, match=r"A must have shape \(2, 1\), got \(2, 2\)"):
        residual_covariance(np.eye(2), [0], np.eye(2))


def test_a_loss_that_rounding_makes_negative_is_0(rng):
    # Weights that see only what the kept nodes explain: the exact loss is 0.
    seen = 0
    for _ in range(60):
        F = rng.normal(size=(6, 3))
        S = F @ F.T
        null = np.linalg.svd(S)[0][:, 3:]
        z = null @ rng.normal(size=3)
        loss = information_loss(S, [0, 2, 4], 0.0, np.outer(z, z))
        C = ridge_schur_complement(S, [0, 2, 4], 0.0)
        seen += float(z @ C @ z) < 0
        assert loss >= 0
    assert seen > 0  # the case occurs
