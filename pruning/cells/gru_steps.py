"""The steps of a GRU on time-major arrays, forwards and backwards.

Theory, section 12. With the reset gate *after* the product (torch, Keras with ``reset_after``,
ONNX with ``linear_before_reset = 1``):

    r = sigma(W_ir x + b_ir + W_hr h + b_hr),   z likewise,   v = W_hn h + b_hn,
    n = tanh(W_in x + b_in + r * v),            h+ = n + z * (h - n);

with the reset gate *before* it, v = W_hn (r * h) + b_hn and n = tanh(W_in x + b_in + v). What the
input brings (``drive``) is formed by the caller, for many steps at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pruning.cells.elementary import logistic
from pruning.checks import Array


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


def forward(
    drive: Array, w_hidden: Array, b_hidden: Array, start: Array, reset_after: bool, out: Array
) -> Array:
    """Write the states of the steps of `drive` into `out` and return the last one.

    Parameters
    ----------
    drive : (T, n, 3 m) array
        W_i x_t + b_i for r, z, n side by side, the first two halved (`halved`); overwritten.
    w_hidden : (3 m, m) array
        `halved` too.
    b_hidden : (3 m,) array
        `halved` too.
    start : (n, m) array
    out : (T, n, m) array
    """
    step = _after if reset_after else _before
    m = w_hidden.shape[1]
    first = 3 * m if reset_after else 2 * m
    now_reads = np.ascontiguousarray(w_hidden[:first].T)
    candidate = np.ascontiguousarray(w_hidden[2 * m :].T)
    scratch = np.empty((len(start), first), drive.dtype)
    h = start
    for now, given in zip(out, drive, strict=True):
        np.matmul(h, now_reads, out=scratch)
        step(now, given, scratch, candidate, b_hidden, h)
        # now = h_+ = n + z (h - n), with n in the last third of what was given.
        n = given[:, 2 * m :]
        np.tanh(n, out=n)
        np.subtract(h, n, out=now)
        now *= given[:, m : 2 * m]
        now += n
        h = now
    return h


def _after(
    now: Array, given: Array, recurrent: Array, candidate: Array, b_hidden: Array, h: Array
) -> None:
    m = h.shape[1]
    recurrent += b_hidden
    gates = given[:, : 2 * m]
    gates += recurrent[:, : 2 * m]
    _open(gates)
    v = recurrent[:, 2 * m :]
    v *= given[:, :m]
    given[:, 2 * m :] += v


def _before(
    now: Array, given: Array, recurrent: Array, candidate: Array, b_hidden: Array, h: Array
) -> None:
    m = h.shape[1]
    given += b_hidden
    gates = given[:, : 2 * m]
    gates += recurrent
    _open(gates)
    np.multiply(given[:, :m], h, out=now)
    given[:, 2 * m :] += now @ candidate


def _open(halves: Array) -> None:
    """Turn u/2 into sigma(u) = (1 + tanh(u/2))/2, in place."""
    np.tanh(halves, out=halves)
    halves += 1
    halves *= 0.5


def halved(rows: Array) -> Array:
    """Return the rows of r, z, n as r/2, z/2, n (exactly), as `forward` wants them."""
    r, z, n = np.split(rows, 3)
    return np.concatenate([r * 0.5, z * 0.5, n])


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
