"""One rank decision for all of pruning: Cholesky with complete pivoting, scaled to unit diagonal.

A node counts as a linear combination of others when what they leave of its variance is at most
`rank_tolerance(m)` times the variance itself. The decision does not depend on the units in which
the nodes are measured, unlike a cut-off on eigenvalues.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg.lapack import dpstrf

from pruning.checks import Array, Nodes


def rank_tolerance(m: int) -> float:
    """Relative residual variance below which a node counts as dependent: 64 sqrt(m) 2^-52.

    It lies above the rounding of a covariance summed in float64 and of an elimination on it, and
    is 1e-13 at m = 64.
    """
    return 64 * float(np.sqrt(m)) * float(np.finfo(np.float64).eps)


def pivoted_cholesky(S: Array, tau: Array | None = None) -> tuple[Array, Nodes, int]:
    """Factor S + diag(tau) = F F^T, up to the rank tolerance.

    Parameters
    ----------
    S : (m, m) array
        Symmetric positive semidefinite up to rounding.
    tau : (m,) array, optional
        Added to the diagonal.

    Returns
    -------
    F : (m, r) array
        Rows in the order of `pivots`: ``F[:r]`` is lower triangular with a positive diagonal.
    pivots : (m,) integer array
        The nodes in the order of elimination; the last m - r depend on the first r.
    r : int
        The numerical rank.
    """
    m = len(S)
    diagonal = np.diag(S) if tau is None else np.diag(S) + tau
    scale = np.sqrt(np.maximum(diagonal, 0))
    live = np.flatnonzero(scale > 0)
    dead = np.flatnonzero(scale <= 0)
    if live.size == 0:
        return np.zeros((m, 0)), np.arange(m), 0
    d = scale[live]
    B = S[np.ix_(live, live)] / d / d[:, None]
    np.fill_diagonal(B, 1.0)
    L, piv, r, _ = dpstrf(B, lower=1, tol=rank_tolerance(m))
    order = piv.astype(np.int64) - 1
    F = np.zeros((m, r))
    F[: live.size] = np.tril(L)[:, :r] * d[order][:, None]
    return F, np.concatenate([live[order], dead]), int(r)
