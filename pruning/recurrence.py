"""The recursion of section 0 of the theory on time-major arrays, forwards.

What `RNN.states` and back-propagation share. Arrays are (T, n, m), so that the states of one time
step are one contiguous block: a step is one matrix product and one activation, both in place, and
every product that runs over all of (t, i) is a single one.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pruning.activations import Activation
from pruning.checks import Array


def time_major(x: Any, dtype: Any) -> Any:
    """Return checked input with time first: (T, n, d_x) of the given dtype, or tokens (T, n)."""
    if x.ndim == 2:
        return np.ascontiguousarray(x.T)
    return np.ascontiguousarray(x.transpose(1, 0, 2), dtype=dtype)


def run(
    x: Any, w_hidden: Array, w_input_t: Array, b_hidden: Array, act: Activation, h: Array
) -> None:
    """Write the states into h (T, n, m).

    `w_input_t` is the transpose of W_i, (d_x, m): a token's column is then a contiguous row.
    """
    drive(x, w_input_t, b_hidden, h)
    scratch = np.empty(h.shape[1:], h.dtype)
    transposed = w_hidden.T
    apply = act.apply
    previous = apply(h[0], out=h[0])
    for now in h[1:]:
        np.matmul(previous, transposed, out=scratch)
        np.add(now, scratch, out=now)
        previous = apply(now, out=now)


def drive(x: Any, w_input_t: Array, b_hidden: Array, out: Array) -> None:
    """Write W_i x_t + b_h for all t into out (T, n, m)."""
    if x.ndim == 2:
        # mode="clip" skips take's buffering; the tokens were checked.
        np.take(w_input_t, x, axis=0, out=out, mode="clip")
    else:
        m = out.shape[-1]
        np.matmul(x.reshape(-1, x.shape[-1]), w_input_t, out=out.reshape(-1, m))
    out += b_hidden
