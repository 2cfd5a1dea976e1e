r"""Matrix inequalities proved in float64: C^T A^{-1} C, rounded up as a symmetric matrix.

A linear matrix inequality [[A, C], [C^T, Q]] >= 0 with A > 0 says Q >= C^T A^{-1} C. Given A and C,
`quotient` returns such a Q, or None. With V the inverse of a Cholesky factor of A as computed,

    ||V A V^T - I|| <= delta < 1  gives  A > 0,
    A^{-1} = V^T (V A V^T)^{-1} V <= V^T V/(1 - delta),

whatever rounding did to V; delta is the norm of the residual as computed and of the first-order
bound on its rounding. All other roundings are charged entry by entry, and a symmetric matrix of
entries at most R in absolute value lies between -D and D, D the diagonal of the row sums of R.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import solve_triangular

from bounds.rounding import inner_product, raised, roundings
from pruning.checks import Array

TINY = 1e-290  # more than any sum of products can lose by underflow
CLEAR = 0.5  # delta up to which a Cholesky factor counts as one


def quotient(A: Array, C: Array, slip: Array | None = None) -> Array | None:
    """Return Q >= C^T B^{-1} C for every symmetric B >= A - diag(slip); None if that is not sure.

    Parameters
    ----------
    A : (k, k) array
        Symmetric.
    C : (k, p) array
        Each entry may be off by one rounding; p = 0 asks only whether B > 0 is sure.
    slip : (k,) array, optional
        At least 0.

    Returns
    -------
    (p, p) array or None
        Symmetric. None where A - diag(slip) is not positive definite by a clear margin, and where
        anything is not finite.
    """
    k = len(A)
    if k == 0:
        return np.zeros((C.shape[1], C.shape[1]))
    if not (np.isfinite(A).all() and np.isfinite(C).all()):
        return None
    diagonal = np.diag(A)
    low = A.copy()
    lost = roundings(2, np.abs(diagonal))
    if slip is not None:
        lost = lost + raised(slip, 8)
    np.fill_diagonal(low, diagonal - lost)
    if not np.diag(low).min() > 0:
        return None
    # A diagonal of powers of two is exact.
    d = np.exp2(-np.round(np.log2(np.diag(low)) / 2))
    low, C = d[:, None] * low * d, d[:, None] * C
    try:
        V = solve_triangular(np.linalg.cholesky(low), np.eye(k), lower=True)
    except np.linalg.LinAlgError:
        return None
    size = np.abs(V)
    error = inner_product(k, 3 * (size @ np.abs(low) @ size.T)) + TINY
    delta = norm_up(V @ low @ V.T - np.eye(k)) + norm_up(error)
    if not delta < CLEAR:
        return None
    return gram_up(V, C, 1 / (1 - delta))


def gram_up(V: Array, C: Array, factor: float = 1.0) -> Array | None:
    """Return Q >= factor (V C)^T (V C) for V (p, k) and C (k, q); None if it is not finite.

    Entries of C may be off by one rounding each.
    """
    k = V.shape[1]
    U = V @ C
    size = np.abs(U)
    error = inner_product(k, np.abs(V) @ np.abs(C)) + TINY
    wide = size + error
    # (U + E)^T (U + E) - U^T U, |E| <= error, and the rounding of the product.
    rounding = 2 * (wide.T @ wide - size.T @ size) + roundings(2 * k + 32, wide.T @ wide) + TINY
    Q = factor * (U.T @ U)
    Q = (Q + Q.T) / 2
    shift = 1.0001 * factor * rounding.sum(axis=1) + roundings(16, np.abs(Q).sum(axis=1))
    Q[np.diag_indices(len(Q))] += shift
    return Q if np.isfinite(Q).all() else None


def norm_up(E: Array) -> float:
    """Frobenius norm, rounded up: at least the spectral norm."""
    return raised(float(np.sqrt(np.square(E).sum())), E.size + 16) + TINY
