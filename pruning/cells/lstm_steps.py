"""The steps of an LSTM on time-major arrays, forwards and backwards.

Theory, section 12: i, f, o = sigma(W_i. x + b_i. + W_h. h + b_h.), g = tanh(...),
c+ = f * c + i * g, h+ = o * tanh(c+). Gates stand side by side in torch's order i, f, g, o.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.linalg import get_blas_funcs

from pruning.cells.elementary import logistic
from pruning.checks import Array

_DRIVE = 1 << 18  # numbers of W_i x_t that are formed at once
_CACHE = 1 << 19  # bytes of a matrix that stays in cache


@dataclass(frozen=True, eq=False)
class LSTMRun:
    """What a run leaves behind: all that a backward pass and a bound along the run need.

    Attributes
    ----------
    start, start_c : (n, m) arrays
        h_0 and c_0.
    h, c, i, f, g, o : (T, n, m) arrays
        States, cell states and gates.
    """

    start: Array
    start_c: Array
    h: Array
    c: Array
    i: Array
    f: Array
    g: Array
    o: Array

    @property
    def before(self) -> Array:
        """h_0..h_{T-1}, shape (T, n, m): a copy."""
        return np.concatenate([self.start[None], self.h[:-1]])

    @property
    def before_c(self) -> Array:
        """c_0..c_{T-1}, shape (T, n, m): a copy."""
        return np.concatenate([self.start_c[None], self.c[:-1]])


@dataclass(frozen=True, eq=False)
class Fused:
    """The weights of an LSTM in one precision, as `forward` multiplies by them; see `fused`.

    Gates stand in the order o, i, f, g, the rows of the first three halved: sigma(u) =
    (1 + tanh(u/2))/2, so that one tanh over all gates does. Those of h are halved once more, for
    2 h is what is kept. Halving is exact.

    Attributes
    ----------
    rows : (4 m, m + d_x + 1) array
        W_h, W_i and the bias side by side, for many sequences.
    w_hidden, w_input : (4 m, m) and (4 m, d_x) arrays
    bias : (4 m,) array
        The same apart, for one sequence.
    """

    rows: Array
    w_hidden: Array
    w_input: Array
    bias: Array


def fused(w_input: Array, w_hidden: Array, bias: Array, dtype: Any) -> Fused:
    """Return the weights for `forward`, of gates in torch's order, `bias` the sum of both."""
    m = w_hidden.shape[1]
    rows = np.empty((len(bias), m + w_input.shape[1] + 1), dtype)
    for columns, block, by in (
        (slice(m), w_hidden, 0.5),
        (slice(m, -1), w_input, 1.0),
        (slice(-1, None), bias[:, None], 1.0),
    ):
        i, f, g, o = np.split(block, 4)
        parts = ((o, 0.5 * by), (i, 0.5 * by), (f, 0.5 * by), (g, by))
        for place, (part, factor) in zip(np.split(rows[:, columns], 4), parts, strict=True):
            np.multiply(part, factor, out=place, casting="same_kind")
    # A matrix times one vector is fastest by columns while the matrix stays in cache.
    order: Any = "F" if rows[:, :m].nbytes <= _CACHE else "C"
    return Fused(rows, rows[:, :m].copy(order), rows[:, m:-1].copy(), rows[:, -1].copy())


def forward(x: Array, weights: Fused, start: Array, start_c: Array, out: Array) -> None:
    """Write the states of all steps into `out`.

    Nodes are rows while it runs, so that a gate is one contiguous block, and one product a step
    gives all four gates from (2 h, x, 1). c stands behind the gates o, i, f, g: (i, f) times (g, c)
    is then one product entry by entry.

    Parameters
    ----------
    x : (T, n, d_x) array
    weights : Fused
        In the precision of x.
    start, start_c : (n, m) arrays
    out : (T, n, m) array
    """
    if x.shape[1] == 1:
        _forward_one(x[:, 0], weights, start[0], start_c[0], out[:, 0])
        return
    batch, m = start.shape
    # Rows a power of two apart share their places in cache, which doubles the time of a transpose.
    apart = batch + (4 if batch % 64 == 0 else 0)
    read = np.empty((weights.rows.shape[1], apart), x.dtype)[:, :batch]
    np.multiply(start.T, 2, out=read[:m])
    read[-1] = 1
    h, given = read[:m], read[m:-1]
    u, squashed = np.empty((5 * m, batch), x.dtype), np.empty((m, batch), x.dtype)
    u[4 * m :] = start_c.T
    four, gates, o, i, f, i_f, g_c, c = _parts(u)
    one, half = np.ones((), x.dtype), np.full((), 0.5, x.dtype)
    for now, inputs in zip(out, x, strict=True):
        given[...] = inputs.T
        np.matmul(weights.rows, read, out=four)
        np.tanh(four, out=four)
        np.add(gates, one, out=gates)  # twice sigma: the halves are taken of c and h below
        np.multiply(i_f, g_c, out=i_f)
        np.add(i, f, out=c)
        np.multiply(c, half, out=c)
        np.tanh(c, out=squashed)
        np.multiply(squashed, o, out=h)
        np.multiply(h.T, half, out=now)


def _forward_one(x: Array, weights: Fused, start: Array, start_c: Array, out: Array) -> None:
    """`forward` of one sequence (T, d_x): calls count, so that inputs are multiplied at once."""
    m = len(start)
    if m == 0:
        return
    u = np.empty(5 * m, x.dtype)
    u[4 * m :] = start_c
    four, gates, o, i, f, i_f, g_c, c = _parts(u)
    one, half = np.ones((), x.dtype), np.full((), 0.5, x.dtype)
    h = np.multiply(start, 2)
    turned = int(not weights.w_hidden.flags.f_contiguous)
    w = weights.w_hidden.T if turned else weights.w_hidden
    gemv = get_blas_funcs("gemv", dtype=x.dtype)
    add, multiply, tanh = np.add, np.multiply, np.tanh
    steps = max(1, _DRIVE // max(1, 4 * m))
    for begin in range(0, len(x), steps):
        drive = x[begin : begin + steps] @ weights.w_input.T
        drive += weights.bias
        for now, given in zip(out[begin : begin + steps], drive, strict=True):
            gemv(1.0, w, h, 1.0, given, 0, 1, 0, 1, turned, 1)  # given += W_h h
            tanh(given, four)
            add(gates, one, gates)
            multiply(i_f, g_c, i_f)
            add(i, f, c)
            multiply(c, half, c)
            tanh(c, now)
            multiply(now, o, now)
            h = now
    out *= half


def _parts(u: Array) -> tuple[Array, ...]:
    """Views of the rows o, i, f, g, c: all gates, o with i and f, o, i, f, (i, f), (g, c), c."""
    m = len(u) // 5
    rows = (0, 4), (0, 3), (0, 1), (1, 2), (2, 3), (1, 3), (3, 5), (4, 5)
    return tuple(u[a * m : b * m] for a, b in rows)


def trace(drive: Array, w_hidden: Array, start: Array, start_c: Array) -> LSTMRun:
    """As `forward`, keeping what happened on the way; memory is six times that of the states."""
    T, batch, _ = drive.shape
    m = w_hidden.shape[1]
    h, c, i, f, g, o = (np.empty((T, batch, m), drive.dtype) for _ in range(6))
    before, before_c = start, start_c
    for t in range(T):
        u = before @ w_hidden.T + drive[t]
        logistic(u[:, :m], out=i[t])
        logistic(u[:, m : 2 * m], out=f[t])
        np.tanh(u[:, 2 * m : 3 * m], out=g[t])
        logistic(u[:, 3 * m :], out=o[t])
        c[t] = f[t] * before_c + i[t] * g[t]
        h[t] = o[t] * np.tanh(c[t])
        before, before_c = h[t], c[t]
    return LSTMRun(start, start_c, h, c, i, f, g, o)


def backward(
    run: LSTMRun, w_hidden: Array, given: Array, given_c: Array | None = None
) -> tuple[Array, Array, Array, Array]:
    """Pull gradients back through the run.

    Parameters
    ----------
    run : LSTMRun
    w_hidden : (4 m, m) array
    given : (T, n, m) array
        Derivatives of the value with respect to each h_t where it is read from outside.
    given_c : (n, m) array, optional
        Those with respect to c_T, from what follows the run.

    Returns
    -------
    total : (T, n, m) array
        Derivatives with respect to each h_t, through all later steps.
    at_drive : (T, n, 4 m) array
        Derivatives with respect to ``drive``, and to W_h h_{t-1}.
    at_start, at_start_c : (n, m) arrays
        Derivatives with respect to h_0 and c_0.
    """
    T, batch, m = run.h.shape
    total = np.empty_like(run.h)
    at_drive = np.empty((T, batch, 4 * m), run.h.dtype)
    carried = np.zeros((batch, m), run.h.dtype)
    carried_c = np.zeros_like(carried) if given_c is None else given_c
    for t in range(T - 1, -1, -1):
        before_c = run.c[t - 1] if t else run.start_c
        i, f, g, o = run.i[t], run.f[t], run.g[t], run.o[t]
        squashed = np.tanh(run.c[t])
        at_h = np.add(given[t], carried, out=total[t])
        at_c = carried_c + at_h * o * (1 - squashed * squashed)
        at_drive[t, :, :m] = at_c * g * i * (1 - i)
        at_drive[t, :, m : 2 * m] = at_c * before_c * f * (1 - f)
        at_drive[t, :, 2 * m : 3 * m] = at_c * i * (1 - g * g)
        at_drive[t, :, 3 * m :] = at_h * squashed * o * (1 - o)
        carried = at_drive[t] @ w_hidden
        carried_c = at_c * f
    return total, at_drive, carried, carried_c


def tangent(run: LSTMRun, w_hidden: Array, in_drive: Array) -> Array:
    """Return the derivative of the states along a direction, (T, n, m): forwards.

    Parameters
    ----------
    run : LSTMRun
    w_hidden : (4 m, m) array
    in_drive : (T, n, 4 m) array
        How ``drive`` and W_h h_{t-1} move together while h_{t-1} stays.
    """
    m = w_hidden.shape[1]
    out = np.empty_like(run.h)
    moved, moved_c = np.zeros_like(run.start), np.zeros_like(run.start)
    for t in range(len(run.h)):
        before_c = run.c[t - 1] if t else run.start_c
        i, f, g, o = run.i[t], run.f[t], run.g[t], run.o[t]
        u = moved @ w_hidden.T + in_drive[t]
        squashed = np.tanh(run.c[t])
        moved_c = (
            f * moved_c
            + before_c * f * (1 - f) * u[:, m : 2 * m]
            + g * i * (1 - i) * u[:, :m]
            + i * (1 - g * g) * u[:, 2 * m : 3 * m]
        )
        moved = o * (1 - squashed * squashed) * moved_c + squashed * o * (1 - o) * u[:, 3 * m :]
        out[t] = moved
    return out
