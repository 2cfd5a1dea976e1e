"""Local search: exchange one kept node for another while that lowers the objective.

From the greedy set. Without node i the kept set J leaves C_i, and every node j would lower
Tr[M C_i] by (C_i M C_i)_jj/((C_i)_jj + tau_j) (`selection.marginal_gain`), so that all exchanges of
i are priced together.
"""

from __future__ import annotations

import numpy as np

from pruning.checks import Array, Nodes
from pruning.factor import rank_tolerance
from pruning.reconstruction import information_loss, ridge_schur_complement
from pruning.selection.greedy import greedy_order

MOST_EXCHANGES = 200
LEAST_GAIN = 1e-9
"""Relative: an exchange must lower the objective by more than rounding."""


def exchange_nodes(
    S: Array, k: int, weight: Array | None = None, tau: Array | None = None
) -> Nodes:
    """Return k nodes, in increasing order, that no single exchange improves.

    Parameters
    ----------
    S, k, weight, tau
        As in `pruning.selection.greedy.greedy_order`. At most `MOST_EXCHANGES` exchanges, each the
        best there is, at a cost of O(k m^3).
    """
    m = len(S)
    tau = np.zeros(m) if tau is None else tau
    nodes = np.sort(greedy_order(S, k, weight, tau))
    loss = information_loss(S, nodes, tau[nodes], weight)
    for _ in range(MOST_EXCHANGES):
        found = _best_exchange(S, nodes, weight, tau)
        if found is None:
            return nodes
        trial_loss = information_loss(S, found, tau[found], weight)
        if not trial_loss < loss * (1 - LEAST_GAIN):
            return nodes
        nodes, loss = found, trial_loss
    return nodes


def _best_exchange(S: Array, nodes: Nodes, weight: Array | None, tau: Array) -> Nodes | None:
    floor = np.maximum(rank_tolerance(len(S)) * np.diag(S), np.finfo(np.float64).tiny)
    best, least = None, np.inf
    for i in nodes:
        rest = nodes[nodes != i]
        C = ridge_schur_complement(S, rest, tau[rest])
        MC = C if weight is None else weight @ C
        own = np.diag(C)
        gain = np.where(
            own > floor, np.einsum("ij,ij->j", C, MC) / (np.maximum(own, floor) + tau), 0
        )
        gain[rest] = -np.inf
        j = int(np.argmax(gain))
        left = float(np.trace(MC)) - float(gain[j])
        if j != i and left < least:
            best, least = np.sort(np.append(rest, j)).astype(np.int64), left
    return best
