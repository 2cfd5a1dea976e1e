"""The steps of a GRU on time-major arrays, forwards and backwards.

Theory, section 12. With the reset gate *after* the product (torch, Keras with ``reset_after``,
ONNX with ``linear_before_reset = 1``):

    r = sigma(W_ir x + b_ir + W_hr h + b_hr),   z likewise,   v = W_hn h + b_hn,
    n = tanh(W_in x + b_in + r * v),            h+ = n + z * (h - n);

with the reset gate *before* it, v = W_hn (r * h) + b_hn and n = tanh(W_in x + b_in + v). For
`trace` what the input brings (``drive``) is formed by the caller, for all steps at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pruning.cells.elementary import logistic
from pruning.checks import Array

Weights = tuple[Array, Array, Array, Array]


@dataclass(frozen=True, eq=False)
class GRURun:
    """What a run leaves behind: all that a backward pass and a bound along the run need.

    Attributes
    ----------
    start : (n, m) array
        h_0.
    h, r, z, n, v : (T, n, m) arrays
        States, gates, candidate, and what the reset gate multiplies (or, with the reset gate before
        the product, W_hn (r * h) + b_hn).
    """

    start: Array
    h: Array
    r: Array
    z: Array
    n: Array
    v: Array

    @property
    def before(self) -> Array:
        """h_0..h_{T-1}, shape (T, n, m): a copy."""
        return np.concatenate([self.start[None], self.h[:-1]])


def forward(x: Array, weights: Weights, start: Array, reset_after: bool, out: Array) -> None:
    """Write the states of all steps into `out`.

    Nodes are rows while it runs, so that a gate is one contiguous block; r and z come from one
    product a step, of (h, x, 1).

    Parameters
    ----------
    x : (T, n, d_x) array
    weights : (W_i, W_h, b_i, b_h)
    start : (n, m) array
    reset_after : bool
    out : (T, n, m) array
    """
    m = weights[1].shape[1]
    # sigma(u) = (1 + tanh(u/2))/2; halving is exact.
    (w_input, w_n), (w_hidden, w_v), (b_input, b_n), (b_hidden, b_v) = (
        (0.5 * w[: 2 * m], w[2 * m :]) for w in weights
    )
    bias = (b_input + b_hidden)[:, None]
    w = np.concatenate([w_hidden, w_input, bias], axis=1).astype(x.dtype)
    drive = b_n if reset_after else b_n + b_v
    w_n = np.concatenate([w_n, drive[:, None]], axis=1).astype(x.dtype)
    w_v, b_v = np.ascontiguousarray(w_v, x.dtype), b_v[:, None].astype(x.dtype)
    batch = x.shape[1]
    read = np.empty((w.shape[1], batch), x.dtype)
    read[:m], read[-1] = start.T, 1
    h, given = read[:m], read[m:]
    u = np.empty((2 * m, batch), x.dtype)
    v, n = np.empty((m, batch), x.dtype), np.empty((m, batch), x.dtype)
    r, z = u[:m], u[m:]
    for now, inputs in zip(out, x, strict=True):
        given[:-1] = inputs.T
        np.matmul(w, read, out=u)
        np.matmul(w_n, given, out=n)
        np.tanh(u, out=u)
        u += 1
        u *= 0.5
        if reset_after:
            np.matmul(w_v, h, out=v)
            v += b_v
            v *= r
        else:
            r *= h
            np.matmul(w_v, r, out=v)
        n += v
        np.tanh(n, out=n)
        h -= n
        h *= z
        h += n
        now[...] = h.T


def trace(
    drive: Array, w_hidden: Array, b_hidden: Array, start: Array, reset_after: bool
) -> GRURun:
    """As `forward`, keeping what happened on the way; memory is five times that of the states."""
    T, batch, _ = drive.shape
    m = w_hidden.shape[1]
    h, r, z, n, v = (np.empty((T, batch, m), drive.dtype) for _ in range(5))
    before = start
    for t in range(T):
        given = drive[t]
        if reset_after:
            u = before @ w_hidden.T + b_hidden
            v[t] = u[:, 2 * m :]
            logistic(given[:, : 2 * m] + u[:, : 2 * m], out=u[:, : 2 * m])
            r[t], z[t] = u[:, :m], u[:, m : 2 * m]
            np.tanh(given[:, 2 * m :] + r[t] * v[t], out=n[t])
        else:
            u = before @ w_hidden[: 2 * m].T + b_hidden[: 2 * m]
            u += given[:, : 2 * m]
            logistic(u, out=u)
            r[t], z[t] = u[:, :m], u[:, m:]
            v[t] = (r[t] * before) @ w_hidden[2 * m :].T + b_hidden[2 * m :]
            np.tanh(given[:, 2 * m :] + v[t], out=n[t])
        h[t] = n[t] + z[t] * (before - n[t])
        before = h[t]
    return GRURun(start, h, r, z, n, v)


def backward(
    run: GRURun, w_hidden: Array, reset_after: bool, given: Array
) -> tuple[Array, Array, Array, Array]:
    """Pull gradients back through the run.

    Parameters
    ----------
    run : GRURun
    w_hidden : (3 m, m) array
    reset_after : bool
    given : (T, n, m) array
        Derivatives of the value with respect to each h_t where it is read from outside.

    Returns
    -------
    total : (T, n, m) array
        Derivatives with respect to each h_t, through all later steps.
    at_drive : (T, n, 3 m) array
        Derivatives with respect to ``drive``: those of W_i and b_i follow by a product.
    at_recurrent : (T, n, 3 m) array
        Derivatives with respect to W_h h_{t-1} + b_h (its last third W_hn (r * h) + b_hn).
    at_start : (n, m) array
        Derivatives with respect to h_0.
    """
    T, batch, m = run.h.shape
    total = np.empty_like(run.h)
    at_drive = np.empty((T, batch, 3 * m), run.h.dtype)
    at_recurrent = np.empty_like(at_drive)
    carried = np.zeros((batch, m), run.h.dtype)
    for t in range(T - 1, -1, -1):
        before = run.h[t - 1] if t else run.start
        r, z, n, v = run.r[t], run.z[t], run.n[t], run.v[t]
        g = np.add(given[t], carried, out=total[t])
        at_n = g * (1 - z) * (1 - n * n)
        at_z = g * (before - n) * z * (1 - z)
        at_drive[t, :, m : 2 * m] = at_z
        at_drive[t, :, 2 * m :] = at_n
        if reset_after:
            at_drive[t, :, :m] = at_n * v * r * (1 - r)
            at_recurrent[t, :, : 2 * m] = at_drive[t, :, : 2 * m]
            at_recurrent[t, :, 2 * m :] = at_n * r
            carried = g * z + at_recurrent[t] @ w_hidden
        else:
            at_product = at_n @ w_hidden[2 * m :]
            at_drive[t, :, :m] = at_product * before * r * (1 - r)
            at_recurrent[t] = at_drive[t]
            carried = g * z + at_product * r + at_drive[t, :, : 2 * m] @ w_hidden[: 2 * m]
    return total, at_drive, at_recurrent, carried


def tangent(
    run: GRURun,
    w_hidden: Array,
    reset_after: bool,
    in_drive: Array,
    in_recurrent: Array,
    in_start: Array | None = None,
) -> Array:
    """Return the derivative of the states along a direction, (T, n, m): forwards.

    Parameters
    ----------
    run : GRURun
    w_hidden : (3 m, m) array
    reset_after : bool
    in_drive : (T, n, 3 m) array
        How ``drive`` moves.
    in_recurrent : (T, n, 3 m) array
        How W_h h_{t-1} + b_h moves while h_{t-1} stays (its last third: W_hn (r * h) + b_hn).
    in_start : (n, m) array, optional
        How h_0 moves.
    """
    m = w_hidden.shape[1]
    out = np.empty_like(run.h)
    moved = np.zeros_like(run.start) if in_start is None else in_start
    for t in range(len(run.h)):
        before = run.h[t - 1] if t else run.start
        r, z, n, v = run.r[t], run.z[t], run.n[t], run.v[t]
        rows = w_hidden if reset_after else w_hidden[: 2 * m]
        u = moved @ rows.T
        u += in_recurrent[t, :, : len(rows)]
        u[:, : 2 * m] += in_drive[t, :, : 2 * m]
        in_r = r * (1 - r) * u[:, :m]
        in_z = z * (1 - z) * u[:, m : 2 * m]
        if reset_after:
            in_v = in_r * v + r * u[:, 2 * m :]
        else:
            product = in_r * before + r * moved
            in_v = product @ w_hidden[2 * m :].T + in_recurrent[t, :, 2 * m :]
        in_n = (1 - n * n) * (in_drive[t, :, 2 * m :] + in_v)
        moved = in_n * (1 - z) + in_z * (before - n) + z * moved
        out[t] = moved
    return out
