"""Drives carried along both runs: sums of ||W_o' Delta_t W_h' ... Delta_s d_s|| over s."""

from __future__ import annotations

import numpy as np

from bounds.approximation.blocks import Blocks
from pruning.checks import Array
from pruning.rnn import RNN

_SINGLE = Blocks()


def carried_along(
    small: RNN,
    factors: Array,
    d: Array,
    last_only: bool,
    after: bool = False,
    blocks: Blocks = _SINGLE,
    q: Array | None = None,
) -> Array:
    """Sum over the blocks of lags of ||sum over s of W_o' Delta_t W_h' ... Delta_s d_s||, (n, T).

    With `after` Delta_s is left out: d_s is born behind s. q (n, T, d_y) is what the first block
    begins with, where `blocks` says so. For the last step alone, 0 before, by products from the
    left, O(n T d_y k^2); otherwise O(n T^2 k^2).
    """
    own = np.ones_like(factors) if after else factors
    if not last_only:
        return _every(small, factors, d, own, blocks, q)
    n, T, _ = d.shape
    out = np.zeros((n, T))
    G = np.broadcast_to(small.w_output, (n, *small.w_output.shape))
    part = np.zeros((n, len(small.w_output)))
    if blocks.with_read_out and q is not None:
        part += q[:, -1]
    for s in range(T - 1, -1, -1):
        part += np.einsum("nqk,nk->nq", G * own[:, s, None, :], d[:, s])
        if (T - s) % blocks.size == 0 or s == 0:
            out[:, -1] += np.linalg.norm(part, axis=-1)
            part[:] = 0
        G = (G * factors[:, s, None, :]) @ small.w_hidden
    return out


def _every(
    small: RNN, factors: Array, d: Array, own: Array, blocks: Blocks, q: Array | None
) -> Array:
    """The same at every step; `own` is the factor of d_s itself."""
    n, T, k = d.shape
    out, vectors = np.zeros((n, T)), np.zeros((n, 0, k))
    for t in range(T):
        vectors = (vectors @ small.w_hidden.T) * factors[:, t, None, :]
        vectors = np.concatenate([vectors, (own[:, t] * d[:, t])[:, None]], axis=1)
        by_lag = (vectors @ small.w_output.T)[:, ::-1]
        parts = blocks.summed(by_lag, None if q is None else q[:, t])
        out[:, t] = np.linalg.norm(parts, axis=-1).sum(axis=1)
    return out
