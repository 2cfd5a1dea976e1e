"""Proofs of matrix inequalities in floats, against exact rationals."""

from fractions import Fraction

import flint
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bounds.approximation.certify_lmi import gram_up, quotient
from bounds.rounding import EPS


def exact(A):
    return flint.fmpq_mat(
        [[flint.fmpq(*Fraction(v).as_integer_ratio()) for v in row] for row in A.tolist()]
    )


def is_semidefinite(M):
    """Whether an exact symmetric matrix is positive semidefinite, by elimination."""
    rows = [[Fraction(int(v.p), int(v.q)) for v in row] for row in M.tolist()]
    for j in range(len(rows)):
        pivot = rows[j][j]
        if pivot < 0 or (pivot == 0 and any(rows[j][j:])):
            return False
        if pivot == 0:
            continue
        for i in range(j + 1, len(rows)):
            factor = rows[i][j] / pivot
            rows[i] = [a - factor * b for a, b in zip(rows[i], rows[j])]
    return True


@st.composite
def blocks(draw):
    """A = F^T F of any condition and scale, a C, and a slip."""
    k, p = draw(st.integers(1, 5)), draw(st.integers(0, 4))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    spread = draw(st.sampled_from([0.0, 3.0, 6.0, 8.0, 12.0]))
    F = rng.normal(size=(k, k)) * 10.0 ** (-spread * rng.random(k))[:, None]
    A = F.T @ F * 10.0 ** draw(st.sampled_from([-40.0, 0.0, 30.0]))
    C = rng.normal(size=(k, p)) * 10.0 ** (draw(st.sampled_from([0.0, 6.0])) * rng.random((k, p)))
    slip = rng.random(k) * 1e-3 * np.diag(A) if draw(st.booleans()) else np.zeros(k)
    return (A + A.T) / 2, C, slip


@given(blocks())
def test_the_quotient_is_above_the_exact_one_for_every_matrix_that_it_covers(drawn):
    A, C, slip = drawn
    Q = quotient(A, C, slip)
    if Q is None:
        return
    low = exact(A)
    for i, s in enumerate(slip.tolist()):
        low[i, i] -= flint.fmpq(*Fraction(s).as_integer_ratio())
    assert is_semidefinite(low)
    X = low.solve(exact(C)) if C.shape[1] else None
    if X is not None:
        assert is_semidefinite(exact(Q) - exact(C).transpose() * X)


def test_the_quotient_is_found_and_close_where_the_condition_is_good():
    rng = np.random.default_rng(0)
    for k in (1, 3, 10, 40):
        F = rng.normal(size=(2 * k, k))
        A, C = F.T @ F + np.eye(k), rng.normal(size=(k, 3))
        Q, plain = quotient(A, C), C.T @ np.linalg.solve(A, C)
        assert Q is not None
        assert np.linalg.norm(Q - plain) < 1e-11 * k**2 * np.linalg.norm(plain)


def test_indefinite_singular_and_infinite_matrices_are_refused():
    C = np.ones((2, 1))
    for A in (
        np.array([[1.0, 2.0], [2.0, 1.0]]),
        np.ones((2, 2)),
        np.zeros((2, 2)),
        np.array([[1.0, 0.0], [0.0, np.inf]]),
        np.array([[1.0, np.nan], [np.nan, 1.0]]),
        np.diag([1.0, -1e-300]),
    ):
        assert quotient(A, C) is None
    assert quotient(np.eye(2), C, np.array([0.5, 1.0])) is None
    assert quotient(np.eye(2), np.array([[np.inf], [0.0]])) is None


def test_a_matrix_that_rounding_makes_definite_is_refused():
    # Singular, and after rounding of its entries a Cholesky factorization runs through.
    v = np.array([1.0, 1 / 3])
    A = np.outer(v, v)
    A[1, 1] = np.nextafter(A[1, 1], 1)
    np.linalg.cholesky(A)
    assert quotient(A, np.eye(2)) is None


@given(st.integers(0, 2**32 - 1), st.integers(1, 6), st.integers(1, 4), st.floats(0.5, 8))
def test_the_gram_matrix_is_above_the_exact_one(seed, k, p, factor):
    rng = np.random.default_rng(seed)
    V = rng.normal(size=(k, k)) * 10.0 ** rng.integers(-9, 9, size=(k, 1))
    C = rng.normal(size=(k, p)) * 10.0 ** rng.integers(-9, 9, size=(1, p))
    U = exact(V) * exact(C)
    scale = flint.fmpq(*Fraction(factor).as_integer_ratio())
    assert is_semidefinite(exact(gram_up(V, C, factor)) - scale * (U.transpose() * U))


@given(st.integers(0, 2**32 - 1), st.integers(1, 6), st.integers(1, 4))
def test_the_gram_matrix_pays_for_every_rounding_that_it_might_have_met(seed, k, p):
    # What floats did here is mostly less; what is paid is the bound, whatever they did.
    rng = np.random.default_rng(seed)
    V, C = rng.normal(size=(k, k)), rng.normal(size=(k, p))
    U = V @ C
    paid = np.diag(gram_up(V, C)) - np.diag(U.T @ U)
    size = np.abs(U)
    due = 2 * (size.T @ (k * EPS * (np.abs(V) @ np.abs(C)))) + k * EPS * (size.T @ size)
    assert (paid >= due.sum(axis=1)).all()
    assert (paid <= 100 * (due.sum(axis=1) + EPS * (size.T @ size).sum(axis=1))).all()
