"""The recursion of section 0 of the theory on time-major arrays, forwards.

What `RNN.states` and back-propagation share. Arrays are (T, n, m), so that the states of one time
step are one contiguous block: a step is one matrix product and one activation, both in place.
Real inputs carry a last coordinate 1, so that the bias is a row of the input weights like any other
and costs no pass of its own, forwards or backwards.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike

from pruning.activations import Activation
from pruning.checks import Array, Inputs

_AHEAD = 8  # inputs are multiplied this many steps ahead: few calls, and the block stays in cache


def time_major(x: Inputs, dtype: DTypeLike) -> Inputs:
    """Return checked input with time first: (T, n, d_x + 1) with last coordinate 1, or (T, n)."""
    if x.ndim == 2:
        return np.ascontiguousarray(x.T, dtype=np.intp)
    n, T, d_x = x.shape
    out = np.empty((T, n, d_x + 1), dtype)
    out[..., :d_x] = x.transpose(1, 0, 2)
    out[..., d_x] = 1
    return out


def run(x: Inputs, w_hidden: Array, w_drive: Array, act: Activation, h: Array) -> None:
    """Write the states into h (T, n, m).

    Parameters
    ----------
    x : what `time_major` returns
    w_hidden : (m, m) array
    w_drive : (d_x + 1, m) array
        The transpose of W_i, and b_h below it: the vector that a token selects is one row.
    act : Activation
    h : (T, n, m) array
    """
    transposed = w_hidden.T
    recurrent = np.empty(h.shape[1:], h.dtype)
    previous = None
    for begin in range(0, len(h), _AHEAD):
        block = h[begin : begin + _AHEAD]
        _drive(x[begin : begin + _AHEAD], w_drive, block)
        for now in block:
            if previous is not None:
                np.matmul(previous, transposed, out=recurrent)
                np.add(now, recurrent, out=now)
            previous = act.apply(now, out=now)


def _drive(x: Inputs, w_drive: Array, out: Array) -> None:
    """Write W_i x_t + b_h into out (any number of steps, n, m)."""
    if x.ndim == 2:
        # mode="clip" skips take's buffering; the tokens were checked.
        np.take(w_drive, x, axis=0, out=out, mode="clip")
        out += w_drive[-1]
    else:
        # -1 cannot stand for the rows of `out`, which has no entries when m = 0.
        rows = x.reshape(-1, len(w_drive))
        np.matmul(rows, w_drive, out=out.reshape(len(rows), out.shape[-1]))
