"""Drives carried along both runs: sums of ||W_o' Delta_t W_h' ... Delta_s d_s|| over s."""

from __future__ import annotations

import numpy as np

from pruning.checks import Array
from pruning.rnn import RNN


def carried_along(
    small: RNN, factors: Array, d: Array, last_only: bool, after: bool = False
) -> Array:
    """Sum over s <= t of ||W_o' Delta_t W_h' ... Delta_s d_s||, (n, T).

    With `after` Delta_s is left out: d_s is born behind s. For the last step alone, 0 before, by
    products from the left, O(n T d_y k^2); otherwise O(n T^2 k^2).
    """
    if after and not last_only:
        return _every(small, factors, d, np.ones_like(factors))
    if not last_only:
        return _every(small, factors, d, factors)
    n, T, _ = d.shape
    out = np.zeros((n, T))
    G = np.broadcast_to(small.w_output, (n, *small.w_output.shape))
    for s in range(T - 1, -1, -1):
        now = G if after else G * factors[:, s, None, :]
        out[:, -1] += np.linalg.norm(np.einsum("nqk,nk->nq", now, d[:, s]), axis=-1)
        G = (G * factors[:, s, None, :]) @ small.w_hidden
    return out


def _every(small: RNN, factors: Array, d: Array, own: Array) -> Array:
    """The same at every step; `own` is the factor of d_s itself."""
    n, T, k = d.shape
    out, vectors = np.zeros((n, T)), np.zeros((n, 0, k))
    for t in range(T):
        vectors = (vectors @ small.w_hidden.T) * factors[:, t, None, :]
        vectors = np.concatenate([vectors, (own[:, t] * d[:, t])[:, None]], axis=1)
        out[:, t] = np.linalg.norm(vectors @ small.w_output.T, axis=-1).sum(axis=1)
    return out
