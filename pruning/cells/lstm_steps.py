"""The steps of an LSTM on time-major arrays, forwards and backwards.

Theory, section 12: i, f, o = sigma(W_i. x + b_i. + W_h. h + b_h.), g = tanh(...),
c+ = f * c + i * g, h+ = o * tanh(c+). Gates stand side by side in torch's order i, f, g, o.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pruning.cells.elementary import logistic
from pruning.checks import Array

Weights = tuple[Array, Array, Array]


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


def forward(x: Array, weights: Weights, start: Array, start_c: Array, out: Array) -> None:
    """Write the states of all steps into `out`.

    Nodes are rows while it runs, so that a gate is one contiguous block, and one product a step
    gives all four gates from (h, x, 1).

    Parameters
    ----------
    x : (T, n, d_x) array
    weights : (W_i, W_h, b)
        b the sum of both biases.
    start, start_c : (n, m) arrays
    out : (T, n, m) array
    """
    w_input, w_hidden, bias = (_halved(w).astype(x.dtype) for w in weights)
    m = w_hidden.shape[1]
    w = np.concatenate([w_hidden, w_input, bias[:, None]], axis=1)
    read = np.empty((w.shape[1], x.shape[1]), x.dtype)
    read[:m], read[-1] = start.T, 1
    h, c = read[:m], start_c.T.copy()
    u = np.empty((4 * m, x.shape[1]), x.dtype)
    i, f, o, g = (u[place * m : (place + 1) * m] for place in range(4))
    gates = u[: 3 * m]
    for now, given in zip(out, x, strict=True):
        read[m:-1] = given.T
        np.matmul(w, read, out=u)
        np.tanh(u, out=u)
        gates += 1  # twice sigma: the halves are taken of c and h below
        c *= f
        i *= g
        c += i
        c *= 0.5
        np.tanh(c, out=h)
        h *= o
        h *= 0.5
        now[...] = h.T


def _halved(rows: Array) -> Array:
    """Return the rows of i, f, g, o as i/2, f/2, o/2, g.

    sigma(u) = (1 + tanh(u/2))/2, so that one tanh over all four gates does; halving is exact.
    """
    i, f, g, o = np.split(rows, 4)
    return np.concatenate([i * 0.5, f * 0.5, o * 0.5, g])


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


def backward(run: LSTMRun, w_hidden: Array, given: Array) -> tuple[Array, Array, Array, Array]:
    """Pull gradients back through the run.

    Parameters
    ----------
    run : LSTMRun
    w_hidden : (4 m, m) array
    given : (T, n, m) array
        Derivatives of the value with respect to each h_t where it is read from outside.

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
    carried_c = np.zeros_like(carried)
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
