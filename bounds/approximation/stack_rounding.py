r"""How far the float64 run of a stack may be from the exact one, by sequence and step.

Running error analysis (Higham, Accuracy and Stability of Numerical Algorithms, section 3.3), entry
by entry along the run that was made. A pre-activation formed of float64 states h and inputs x is
off by at most

    alpha = gamma (|W_h| |h| + |W_i| |x| + |b|) + |W_h| delta + |W_i| delta_x,

and a function whose argument is off by alpha by at most alpha times its slope where it was
evaluated, plus alpha^2 sup |s''| (4/(3 sqrt 3) for tanh, 1/(6 sqrt 3) for the logistic function),
or alpha times its Lipschitz constant if that is less. Products are expanded without remainder:
|a b - a' b'| <= |a| |b - b'| + (|b| + |b - b'|) |a - a'|. The layers above get delta of the states
below for their delta_x. Growth over the steps is by absolute values: a worst case, which a long
run may leave without use.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bounds.rounding import SMALLEST_NORMAL, inner_product, raised, roundings
from pruning.checks import Array
from pruning.stack_gradients import StackRun

_TANH_BEND, _LOGISTIC_BEND = 0.77, 0.0963  # sup |s''|, rounded up
_UNITS = 8  # that an elementary function may be off by
_MOST = 3.0  # two states within [-1, 1] are not farther apart


def stack_rounding(run: StackRun) -> Array:
    """Bound on |float64 state - exact state| of the last layer, rounded up.

    Parameters
    ----------
    run : StackRun
        Of one direction a layer, from states 0.

    Returns
    -------
    (T, n, m) array
        Infinite where floats cannot tell.
    """
    delta: Array | None = None
    with np.errstate(all="ignore"):  # what is not a number is read as +inf
        for layer, inputs, runs in zip(run.stack.layers, run.inputs, run.runs, strict=True):
            cell: Any = layer[0]
            step = {"gru": _gru, "lstm": _lstm}.get(cell.kind, _plain)
            found = step(cell, runs[0], _Drive(cell, inputs, delta))
            delta = np.where(np.isnan(found), np.inf, found)
    assert delta is not None
    return delta


class _Drive:
    """What the pre-activations of a cell are made of, by absolute values."""

    def __init__(self, cell: Any, inputs: Array, off: Array | None) -> None:
        self.inputs, self.off = inputs, off
        self.w_input, self.w_hidden = np.abs(cell.w_input).T, np.abs(cell.w_hidden).T
        self.b_input, self.b_hidden = np.abs(cell.b_input), np.abs(cell.b_hidden)
        self.terms = cell.m + cell.d_x + 4

    def input(self, t: int) -> Array:
        """What W_i x_t + b_i may be off by, (n, gates m)."""
        size = np.abs(self.inputs[t]) @ self.w_input + self.b_input
        return self._off(size, None if self.off is None else self.off[t] @ self.w_input)

    def state(self, h: Array, delta: Array, rows: slice = slice(None)) -> Array:
        """What the rows of W_h h + b_h may be off by, where h is off by `delta`."""
        w = self.w_hidden[:, rows]
        return self._off(np.abs(h) @ w + self.b_hidden[rows], delta @ w)

    def _off(self, size: Array, moved: Array | None) -> Array:
        # Half of what covers two products is one, with units left for the sum of both parts. A
        # product may have underflowed; a sum of products of that size, by less than this.
        own = 0.5 * inner_product(self.terms, size) + self.terms * SMALLEST_NORMAL
        return np.asarray(own if moved is None else own + raised(moved, self.terms))


def _logistic(value: Array, off: Array) -> Array:
    """What sigma(a) may be off by, computed as `value`, where a is off by `off`."""
    slope = value * (1 - value) + _LOGISTIC_BEND * off + roundings(2 * _UNITS)
    return np.asarray(np.fmin(np.fmin(slope, 0.25) * off + roundings(_UNITS), 1.0))


def _tanh(value: Array, off: Array) -> Array:
    """What tanh(a) may be off by, computed as `value`, where a is off by `off`."""
    slope = 1 - value * value + _TANH_BEND * off + roundings(4 * _UNITS)
    size = roundings(_UNITS, np.abs(value)) + SMALLEST_NORMAL
    return np.asarray(np.fmin(np.fmin(slope, 1.0) * off + size, 2.0))


def _product(a: Array, b: Array, a_off: Array, b_off: Array) -> Array:
    """What a b may be off by, its own rounding with it."""
    own = roundings(2, np.abs(a * b)) + SMALLEST_NORMAL
    return np.asarray(np.abs(a) * b_off + (np.abs(b) + b_off) * a_off + own)


def _gru(cell: Any, run: Any, drive: _Drive) -> Array:
    m, out, before = cell.m, np.empty_like(run.h), run.before
    delta = np.zeros_like(run.start)
    for t in range(len(run.h)):
        h, r, z, n, v = before[t], run.r[t], run.z[t], run.n[t], run.v[t]
        given = drive.input(t)
        read = drive.state(h, delta, slice(2 * m))
        r_off = _logistic(r, given[:, :m] + read[:, :m])
        z_off = _logistic(z, given[:, m : 2 * m] + read[:, m:])
        last = slice(2 * m, None)
        if cell.reset_after:
            moved = _product(r, v, r_off, drive.state(h, delta, last))
        else:
            moved = drive.state(r * h, _product(r, h, r_off, delta), last)
        # `given` has charged for more terms than W_i x has: the sum with v, or r v, is one of them.
        size = np.abs(r * v) if cell.reset_after else np.abs(v)
        n_off = _tanh(n, given[:, 2 * m :] + moved + roundings(2, size))
        # h+ - h'+ = (1 - z') (n - n') + z' (h - h') + (z - z') (h - n), primes for the exact run
        delta = np.minimum(1 - z + z_off, 1.0) * n_off + np.minimum(z + z_off, 1.0) * delta
        delta = delta + np.abs(h - n) * z_off
        delta = delta + roundings(8, np.abs(n) + np.abs(h - n)) + SMALLEST_NORMAL
        delta = np.fmin(raised(delta, 16), _MOST)
        out[t] = delta
    return np.asarray(out)


def _lstm(cell: Any, run: Any, drive: _Drive) -> Array:
    m, out, before = cell.m, np.empty_like(run.h), run.before
    delta, cell_off = np.zeros_like(run.start), np.zeros_like(run.start)
    for t in range(len(run.h)):
        i, f, g, o, c = run.i[t], run.f[t], run.g[t], run.o[t], run.c[t]
        before_c = run.c[t - 1] if t else run.start_c
        alpha = drive.input(t) + drive.state(before[t], delta)
        i_off = _logistic(i, alpha[:, :m])
        f_off = _logistic(f, alpha[:, m : 2 * m])
        g_off = _tanh(g, alpha[:, 2 * m : 3 * m])
        o_off = _logistic(o, alpha[:, 3 * m :])
        cell_off = _product(f, before_c, f_off, cell_off) + _product(i, g, i_off, g_off)
        size = np.abs(f * before_c) + np.abs(i * g)
        cell_off = raised(cell_off + roundings(4, size), 16)
        squashed = np.tanh(c)
        delta = _product(o, squashed, o_off, _tanh(squashed, cell_off))
        delta = np.fmin(raised(delta, 16), _MOST)
        out[t] = delta
    return np.asarray(out)


def _plain(cell: Any, run: Any, drive: _Drive) -> Array:
    """Of plain cells, and of diagonal recurrences, whose activation is the identity."""
    out, before, s = np.empty_like(run.h), run.before, cell.activation
    delta = np.zeros_like(run.start)
    for t in range(len(run.h)):
        alpha = drive.input(t) + drive.state(before[t], delta)
        h = run.h[t]
        if s.name == "tanh":
            moved = _tanh(h, alpha)
        elif s.name == "logistic":
            moved = _logistic(h, alpha)
        else:
            moved = s.lipschitz * alpha + roundings(_UNITS, np.abs(h)) + SMALLEST_NORMAL
        out[t] = delta = np.asarray(raised(moved, 16))
    return np.asarray(out)
