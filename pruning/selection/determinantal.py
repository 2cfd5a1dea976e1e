"""Exact determinantal sampling of nodes, also of a given size (theory, section 2b; KT12).

J ~ DPP with L-ensemble S/lam: P(J) = det(S_J/lam)/det(I + S/lam). First a random set of
eigenvectors is chosen, eigenvector j with probability mu_j/(mu_j + lam); then a set of that many
nodes from the projection on their span. Conditioned on the size, eigenvectors are chosen with
probability proportional to the product of their eigenvalues, by elementary symmetric polynomials in
logarithms, and lam drops out: P(J) is proportional to det S_J (volume sampling, section 2c).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import qr

from pruning.checks import Array, Nodes, as_generator, integer, positive
from pruning.selection.leverage import spectrum


def sample_determinantal(
    S: ArrayLike, lam: float, rng: np.random.Generator | int | None = None
) -> Nodes:
    """Draw J with P(J) = det(S_J/lam)/det(I + S/lam); E|J| = N(lam).

    Theory section 2b, `dpp.size`, `dpp.marginals`, `dpp.residual`.

    Parameters
    ----------
    S : (m, m) array
        Symmetric positive semidefinite; may be singular or zero.
    lam : float
        > 0.
    rng : numpy Generator or seed

    Returns
    -------
    (k,) integer array
        In increasing order; k is random.

    Examples
    --------
    >>> import numpy as np
    >>> from rnnbounds import sample_determinantal
    >>> S = np.diag([1e6, 1e6, 1e-6])
    >>> sample_determinantal(S, lam=1.0, rng=0)
    array([0, 1])
    """
    lam = positive("lam", lam)
    rng = as_generator("rng", rng)
    mu, U = spectrum(S)
    chosen = rng.random(len(mu)) * (1 + lam / mu) < 1
    return sample_projection(U, chosen, rng)


def sample_volume(S: ArrayLike, k: int, rng: np.random.Generator | int | None = None) -> Nodes:
    """Draw J of size k with P(J) proportional to det S_J.

    Theory section 2c, `volume.expectation`. Where k exceeds the rank of S every such determinant
    is 0; then rank S nodes are drawn, which leave no residual, and the first unused nodes fill up.

    Parameters
    ----------
    S : (m, m) array
        Symmetric positive semidefinite.
    k : int
        0..m.
    rng : numpy Generator or seed

    Examples
    --------
    >>> import numpy as np
    >>> from rnnbounds import sample_volume
    >>> sample_volume(np.diag([4.0, 1.0, 0.0]), k=2, rng=0)
    array([0, 1])
    """
    rng = as_generator("rng", rng)
    mu, U = spectrum(S)
    k = integer("k", k, low=0, high=len(U))
    chosen = _choose_by_product(np.log(mu), min(k, len(mu)), rng)
    nodes = sample_projection(U, chosen, rng)
    return fill_up(nodes, k, len(U))


def sample_projection(U: Array, chosen: NDArray[np.bool_], rng: np.random.Generator) -> Nodes:
    """Draw from the determinantal process of the projection on the chosen columns of U.

    Node after node, each with probability proportional to its squared distance from the span of
    those before it. Costs O(m r^2), r = min(chosen, not chosen) columns: the complement of a
    projection process is that of the complementary projection.
    """
    m = len(U)
    count = int(chosen.sum())
    if 2 * count > m:
        full = U.shape[1] == m
        complement = U[:, ~chosen] if full else qr(U[:, chosen])[0][:, count:]
        left_out = _project(complement, rng)
        return np.setdiff1d(np.arange(m), left_out, assume_unique=True)
    return _project(U[:, chosen], rng)


def fill_up(nodes: Nodes, k: int, m: int) -> Nodes:
    """`nodes` and as many of the first unused ones as make k, in increasing order."""
    unused = np.setdiff1d(np.arange(m), nodes)
    return np.sort(np.concatenate([nodes, unused[: k - len(nodes)]])).astype(np.int64)


def _project(V: Array, rng: np.random.Generator) -> Nodes:
    m, r = V.shape
    weights = np.einsum("ij,ij->i", V, V)
    W = np.empty((m, r), order="F")
    nodes = np.empty(r, dtype=np.int64)
    for t in range(r):
        j = _draw(weights, rng)
        # What node j adds to the span, by one step of a pivoted Cholesky factorization of V V^T.
        column = V @ V[j] - W[:, :t] @ W[j, :t]
        column /= math.sqrt(column[j])
        W[:, t] = column
        nodes[t] = j
        weights -= column * column
        weights[nodes[: t + 1]] = 0.0
        np.maximum(weights, 0.0, out=weights)
    return np.sort(nodes)


def _draw(weights: Array, rng: np.random.Generator) -> int:
    sums = np.cumsum(weights)
    j = int(np.searchsorted(sums, rng.random() * sums[-1], side="right"))
    return min(j, int(np.flatnonzero(weights)[-1]))


def _choose_by_product(log_mu: Array, k: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Choose k of the eigenvalues with probability proportional to their product."""
    r = len(log_mu)
    tables = log_elementary(log_mu, k)
    chosen = np.zeros(r, dtype=bool)
    for n in range(r, 0, -1):
        if k == 0:
            break
        # P(n is in) = mu_n e_{k-1}(first n - 1)/e_k(first n).
        if math.log1p(-rng.random()) < log_mu[n - 1] + tables[n - 1, k - 1] - tables[n, k]:
            chosen[n - 1] = True
            k -= 1
    return chosen


def log_elementary(log_mu: Array, k: int) -> Array:
    """Return log e_l(mu_1..mu_n) at [n, l], n = 0..r, l = 0..k; -inf where l > n."""
    tables = np.full((len(log_mu) + 1, k + 1), -np.inf)
    tables[:, 0] = 0.0
    for n, value in enumerate(log_mu):
        tables[n + 1, 1:] = np.logaddexp(tables[n, 1:], value + tables[n, :-1])
    return tables
