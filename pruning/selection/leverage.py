"""Ridge leverage scores and sampling by them (theory, sections 2 and 2a; B17)."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import svd

from pruning.bisection import last_holding
from pruning.checks import (
    Array,
    Nodes,
    as_generator,
    covariance_in_units,
    from_units,
    integer,
    positive,
)
from pruning.factor import pivoted_cholesky, rank_tolerance

# From this many rank tolerances on, eigenvalues of S are known to a fraction of 1/4096 and better.
CLEAR = 64.0
LARGE = 128  # nodes from which on the time of singular values matters


def spectrum(S: ArrayLike) -> tuple[Array, Array]:
    """Return the positive eigenvalues of S and their eigenvectors.

    How many they are, a pivoted Cholesky factor decides: directions in which S is singular come
    out missing instead of as rounding of size eps mu_1, which for lam far below that would count
    as full degrees of freedom. The others are accurate to eps mu_1, as rounding of S itself is.
    Where the least of them is not far above that, they are the squared singular values of the
    factor, which are more accurate where S is graded; else, from 128 nodes on, the eigenvalues of
    S, for half the time.

    Returns
    -------
    mu : (r,) array
        Decreasing, r the numerical rank of `pruning.factor.rank_tolerance`.
    U : (m, r) array
        Orthonormal columns.
    """
    _, S, exponent = covariance_in_units("S", S)
    F, pivots, r = pivoted_cholesky(S)
    U = np.zeros((len(S), r))
    if r == 0:
        return np.zeros(0), U
    found = _well_above_rounding(S, F, r)
    if found is not None:
        return from_units(found[0], exponent), found[1]
    left, sigma, _ = svd(F, full_matrices=False)
    U[pivots] = left
    return from_units(sigma**2, exponent), U


def _well_above_rounding(S: Array, F: Array, r: int) -> tuple[Array, Array] | None:
    """The r largest eigenvalues of S and their vectors; None where one is near to rounding."""
    m = len(S)
    least = CLEAR * rank_tolerance(m)
    pivots = np.diag(F) ** 2
    # mu_r lies mostly below the last pivot. With half the columns the singular values are cheaper.
    if m < LARGE or 2 * r < m or pivots.min() < least * pivots.max():
        return None
    live = np.flatnonzero(np.diag(S) > 0)
    values, vectors = np.linalg.eigh(S if live.size == m else S[np.ix_(live, live)])
    mu = values[::-1][:r]
    if not mu[-1] >= least * mu[0]:
        return None
    U = np.zeros((m, r))
    U[live] = vectors[:, ::-1][:, :r]
    return mu.copy(), U


def lam_for_degrees_of_freedom(mu: Array, N: float) -> float:
    """Return the smallest float found with sum_j mu_j/(mu_j + lam) <= N, 0 < N < len(mu), mu > 0.

    Parameters
    ----------
    mu : (r,) array
        Positive, in any order.
    N : float
        The degrees of freedom wanted.
    """
    exponent = int(np.frexp(mu.max())[1])
    logs = np.log(mu) - exponent * math.log(2)
    # At lam = mu_j (1/share - 1) the summand of mu_j is the share N/r.
    odds = math.log((len(mu) - N) / N)
    low, high = float(logs.min()) + odds, float(logs.max()) + odds
    low, high = low - 1e-9 * (1 + abs(low)), high + 1e-9 * (1 + abs(high))
    unit = np.ldexp(mu, -exponent)

    def enough(log_lam: float) -> bool:
        return math.fsum(unit / (unit + math.exp(log_lam))) <= N

    return float(np.ldexp(math.exp(last_holding(enough, high, low)), exponent))


def leverage_scores(S: ArrayLike, lam: float) -> Array:
    """Return l_j(lam) = [S (S + lam I)^{-1}]_jj, shape (m,), with 0 <= l_j < 1.

    Theory section 2, `dof.leverage`; their sum is N(lam).

    Parameters
    ----------
    S : (m, m) array
        Symmetric positive semidefinite; may be singular.
    lam : float
        > 0.

    Examples
    --------
    >>> import numpy as np
    >>> from rnnbounds import leverage_scores
    >>> leverage_scores(np.diag([3.0, 1.0]), lam=1.0)
    array([0.75, 0.5 ])
    """
    lam = positive("lam", lam)
    mu, U = spectrum(S)
    # mu/(mu + lam) without overflow of the sum, and 0 where it underflows.
    shrink = 1 / (1 + lam / mu)
    return np.minimum((U * U) @ shrink, np.nextafter(1.0, 0.0))


def sample_leverage(
    S: ArrayLike, lam: float, k: int, rng: np.random.Generator | int | None = None
) -> tuple[Nodes, Array]:
    """Draw k nodes with replacement from q = l/N(lam), and merge repeated ones.

    Theory section 2a: a node drawn c_j times counts once, with tau_j = lam k q_j/c_j, which is
    what `leverage.identity` needs of a set.

    Parameters
    ----------
    S : (m, m) array
        Symmetric positive semidefinite, not zero.
    lam : float
        > 0.
    k : int
        Number of draws, >= 0; may exceed m.
    rng : numpy Generator or seed

    Returns
    -------
    nodes : (k',) integer array
        The distinct nodes in increasing order, k' <= k.
    tau : (k',) array
        The merged regulariser.

    Examples
    --------
    >>> import numpy as np
    >>> from rnnbounds import sample_leverage
    >>> nodes, tau = sample_leverage(np.diag([4.0, 1.0, 0.0]), lam=1.0, k=5, rng=0)
    >>> set(nodes.tolist()) <= {0, 1}, tau.shape == nodes.shape
    (True, True)
    """
    k = integer("k", k, low=0)
    scores = leverage_scores(S, lam)
    total = float(scores.sum())
    if total == 0:
        raise ValueError("S must not be zero: all its leverage scores are 0, nothing can be drawn")
    q = scores / total
    draws = as_generator("rng", rng).choice(len(q), size=k, p=q)
    nodes, counts = np.unique(draws.astype(np.int64), return_counts=True)
    return nodes, float(lam) * k * q[nodes] / counts
