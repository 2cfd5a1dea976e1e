"""What a small network of any weights is driven by beside the large one: d_t and q_t, measured.

Theory, section 11: d_t = (W_h' h_{t-1,J} + W_i' x_t + b_h') - (W_h[J,:] h_{t-1} + W_i[J,:] x_t +
b_h[J]) and q_t = (W_o' h_{t,J} + b_o') - (W_o h_t + b_o), along the large network's run alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bounds.approximation.measured import read_rounding
from bounds.rounding import inner_product, log_sum_up, norms_up, up
from pruning.checks import Array

if TYPE_CHECKING:
    from pruning.spectral import PrunedRNN

_TINIEST = -744.4401  # above the logarithm of the least subnormal: what underflowed


def differences(pruned: PrunedRNN) -> tuple[Array, Array, Array, Array, Array]:
    """G_h, G_i, g_h, G_o, g_o: d_t = G_h h_{t-1} + G_i x_t + g_h and q_t = G_o h_t + g_o.

    Weights that agree cancel before they meet a state.
    """
    full, small, nodes = pruned.original, pruned.pruned, pruned.nodes
    hidden, output = -full.w_hidden[nodes], -full.w_output
    hidden[:, nodes] += small.w_hidden
    output[:, nodes] += small.w_output
    return (
        hidden,
        small.w_input - full.w_input[nodes],
        small.b_hidden - full.b_hidden[nodes],
        output,
        small.b_output - full.b_output,
    )


def drives(pruned: PrunedRNN, x: Any, h: Array) -> tuple[Array, Array]:
    """d_t (n, T, k) and q_t (n, T, d_y) along the original's states h (n, T, m)."""
    hidden, inputs, bias, output, offset = differences(pruned)
    d = np.zeros((*h.shape[:2], len(bias)))
    d[:, 1:] = h[:, :-1] @ hidden.T
    if inputs.any():
        d += inputs.T[x] if x.ndim == 2 else x @ inputs.T
    return d + bias, h @ output.T + offset


@dataclass(frozen=True, eq=False)
class Rows:
    """d_t and q_t of every sequence and step, and what float64 may have made of them.

    Attributes
    ----------
    d, q : (n, T, k) and (n, T, d_y) arrays
    unsure_d, unsure_q : (n, T) arrays
        Log of a bound on the norm of their rounding.
    """

    d: Array
    q: Array
    unsure_d: Array
    unsure_q: Array

    @property
    def log_d(self) -> Array:
        """Log of ||d_t||, raised by all float64 rounding."""
        return log_add(log_norms_of(self.d), self.unsure_d)

    @property
    def log_q(self) -> Array:
        """The same of q_t."""
        return log_add(log_norms_of(self.q), self.unsure_q)


def rows_of(pruned: PrunedRNN, x: Any, h: Array, off: Array) -> Rows:
    """Drives along the original's states h; `off`, (T, m), is how far those may be from exact."""
    full, small, nodes = pruned.original, pruned.pruned, pruned.nodes
    d, q = drives(pruned, x, h)
    now = log_norms_of(h)
    before = np.full_like(now, -math.inf)
    before[:, 1:] = now[:, :-1]
    size = np.zeros(now.shape) if x.ndim == 2 else log_norms_of(x)
    sizes = {
        "hidden": _log_of(full.w_hidden[nodes], small.w_hidden, np.ones((1, 1))),
        "input": _log_of(full.w_input[nodes], small.w_input),
        "bias": _log_of(full.b_hidden[nodes], small.b_hidden),
        "output": _log_of(full.w_output, small.w_output),
        "offset": _log_of(full.b_output, small.b_output),
    }
    units = math.log(4 * inner_product(full.m + full.d_x))
    # Of the products, of s, and of the differences of weights; and what underflowed.
    step = log_add(
        sizes["hidden"] + before,
        sizes["hidden"] + now,
        sizes["input"] + size,
        np.full_like(now, sizes["bias"]),
    )
    read = log_add(sizes["output"] + now, np.full_like(now, sizes["offset"]))
    same = all(not G.any() for G in differences(pruned)) and len(nodes) == full.m
    if same:
        return Rows(d, q, np.full_like(now, -math.inf), np.full_like(now, -math.inf))
    hidden, _, _, output, _ = differences(pruned)
    unseen, unread = np.full((2, 1, x.shape[1]), -math.inf)
    unseen[0, 1:] = log_norms_of(read_rounding(hidden, off[:-1]))
    unread[0] = log_norms_of(read_rounding(output, off))
    tiniest = np.full_like(now, _TINIEST)
    return Rows(
        d, q, log_add(units + step, unseen, tiniest), log_add(units + read, unread, tiniest)
    )


def log_norms_of(rows: Array) -> Array:
    """Log of the norms along the last axis, without overflow or underflow, rounded up."""
    if rows.shape[-1] == 0:
        return np.full(rows.shape[:-1], -math.inf)
    top = np.abs(rows).max(axis=-1)
    scaled = rows / np.where(top > 0, top, 1)[..., None]
    inner = norms_up(scaled)
    out = np.full(top.shape, -math.inf)
    live = top > 0
    out[live] = np.log(top[live]) + np.log(inner[live])
    return up(out, 8)


def _log_of(*matrices: Array) -> float:
    """Log of the sum of Frobenius norms, rounded up."""
    return log_sum_up(
        np.array([float(log_norms_of(matrix.ravel()[None])[0]) for matrix in matrices])
    )


def log_add(*logs: Array) -> Array:
    out = logs[0]
    with np.errstate(invalid="ignore"):
        for other in logs[1:]:
            out = np.logaddexp(out, other)
    return up(out, 8 * len(logs))
