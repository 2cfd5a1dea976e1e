"""The best set of k nodes by trying all of them: the oracle for small m."""

from __future__ import annotations

from itertools import combinations, islice
from math import comb

import numpy as np

from pruning.checks import Array, Nodes
from pruning.factor import rank_tolerance

LIMIT = 500_000
_CHUNK = 4096


def exhaustive_nodes(
    S: Array, k: int, weight: Array | None = None, tau: Array | None = None
) -> Nodes:
    """Return the k nodes, in increasing order, of least Tr[M C].

    Every set is solved by itself, from the closed form and eigenvalues. The first in lexicographic
    order of those that are equal.

    Raises
    ------
    ValueError
        If there are more than `LIMIT` sets.
    """
    m = len(S)
    sets = comb(m, k)
    if sets > LIMIT:
        raise ValueError(
            f"exhaustive search must try at most {LIMIT} sets, got {sets} (k = {k} of m = {m})"
        )
    tau = np.zeros(m) if tau is None else tau
    best_gain, best = -np.inf, np.arange(k, dtype=np.int64)
    every = combinations(range(m), k)
    while chunk := list(islice(every, _CHUNK)):
        J = np.array(chunk, dtype=np.int64).reshape(len(chunk), k)
        gains = _gains(S, J, weight, tau)
        i = int(np.argmax(gains))
        if gains[i] > best_gain:
            best_gain, best = float(gains[i]), J[i]
    return best


def _gains(S: Array, J: Nodes, weight: Array | None, tau: Array) -> Array:
    """Tr[M S_{:J} (S_J + I_tau)^+ S_{J:}] for many sets J, shape (b, k)."""
    k = J.shape[1]
    block = S[J[:, :, None], J[:, None, :]] + tau[J][:, :, None] * np.eye(k)
    d = np.sqrt(np.maximum(np.einsum("bii->bi", block), 0))
    # Unit diagonal, so that the cut-off does not depend on the nodes' units; dead nodes are 0.
    inverse = np.divide(1.0, d, out=np.zeros_like(d), where=d > 0)
    values, vectors = np.linalg.eigh(block * inverse[:, :, None] * inverse[:, None, :])
    keep = values > rank_tolerance(len(S))
    root = np.where(keep, 1 / np.sqrt(np.where(keep, values, 1.0)), 0.0)
    W = S[:, J].transpose(1, 0, 2) @ (inverse[:, :, None] * vectors * root[:, None, :])
    MW = W if weight is None else weight @ W
    gains = np.einsum("bmk,bmk->b", W, MW)
    # What floats cannot tell is no gain; as nan it would be the largest.
    return np.where(np.isnan(gains), -np.inf, gains)
