"""Degrees of freedom N(lam) and their inverse (theory, section 2).

Leverage scores are computed where selection needs them, in `pruning.selection.leverage`, and are
offered here too.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pruning.checks import Array, covariance, positive, real_array
from pruning.selection import leverage


def degrees_of_freedom(S: ArrayLike, lam: float) -> float:
    """N(lam) = Tr[S (S + lam I)^{-1}] = sum_j mu_j / (mu_j + lam).

    Parameters
    ----------
    S : (m, m) or (m,) array
        The covariance, or its eigenvalues mu_j >= 0 in any order.
    lam : float
        lam > 0.

    Returns
    -------
    float
        N(lam), between 0 and rank S.

    Raises
    ------
    ValueError
        If S is not finite, symmetric and positive semidefinite, or lam is not positive.

    Notes
    -----
    From eigenvalues every summand has a relative error of three roundings, whatever lam. From a
    matrix, mu_j is accurate to about m eps sqrt(mu_j mu_1), and a node that depends on others to
    the rank tolerance of `pruning.factor` (1e-13 of its variance at m = 64) counts as dependent.
    Accuracy ends there: N(lam) is that of a covariance within this distance of S, relatively in
    every diagonal entry.

    Source: theory, section 2 (B17).

    Examples
    --------
    >>> import numpy as np
    >>> from rnnbounds import degrees_of_freedom
    >>> degrees_of_freedom(np.diag([3.0, 1.0]), lam=1.0)
    1.25
    """
    lam = positive("lam", lam)
    return _dof(spectrum(S), lam)


def lam_for_degrees_of_freedom(S: ArrayLike, N: float) -> float:
    """The lam > 0 with N(lam) = N; N is strictly decreasing where S is not 0.

    Parameters
    ----------
    S : (m, m) or (m,) array
        The covariance, or its eigenvalues.
    N : float
        Strictly between 0 and rank S.

    Returns
    -------
    float
        The smallest float found with N(lam) <= N, so that a node count that is enough for N is
        enough for it.

    Raises
    ------
    ValueError
        If no positive float has these degrees of freedom.

    Examples
    --------
    >>> import numpy as np
    >>> from rnnbounds import lam_for_degrees_of_freedom
    >>> round(lam_for_degrees_of_freedom(np.diag([3.0, 1.0]), N=1.25), 12)
    1.0
    """
    mu = spectrum(S)
    rank = int(np.count_nonzero(mu))
    N = positive("N", N)
    if rank <= N:
        raise ValueError(f"N must be smaller than the rank of S, {rank}, got {N:g}")
    lam = leverage.lam_for_degrees_of_freedom(mu[mu > 0], N)
    if not 0 < lam < math.inf:
        raise ValueError(f"N must belong to a lam within the range of floats, got {N:g}")
    return lam


def spectrum(S: ArrayLike) -> Array:
    """Eigenvalues of S in falling order, zeros included.

    A one-dimensional argument is taken as exact eigenvalues and only sorted. Those of a matrix are
    the squared singular values of its pivoted Cholesky factor, as in `leverage_scores`.
    """
    given = np.asarray(S)
    if given.ndim == 1:
        mu = np.sort(real_array("S", given))[::-1]
        if mu.size == 0:
            raise ValueError("eigenvalues of S must be at least one number, got none")
        if mu[-1] < 0:
            raise ValueError(f"eigenvalues of S must be at least 0, got {mu[-1]:g}")
        return mu
    matrix = covariance("S", S)
    mu, _ = leverage.spectrum(matrix)
    return np.concatenate([mu, np.zeros(len(matrix) - len(mu))])


def _dof(mu: Array, lam: float) -> float:
    # 1 / (1 + lam / mu) would overflow for tiny mu; mu / (mu + lam) does not.
    return math.fsum(mu / (mu + lam))


def __getattr__(name: str) -> Any:
    # Late, so that the degrees of freedom of a spectrum need no selection code.
    if name == "leverage_scores":
        return leverage.leverage_scores
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
