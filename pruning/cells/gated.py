"""What gated cells share: shapes, checks, and inputs multiplied many steps at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np

from pruning.checks import Array, Nodes, real_array

_DRIVE = 1 << 18  # numbers of W_i x_t that are formed at once: few calls, and they stay in cache


class Gates:
    """A cell whose weights stand gate by gate below each other."""

    w_input: Array
    w_hidden: Array
    b_input: Array
    b_hidden: Array
    kind: ClassVar[str]
    gates: ClassVar[tuple[str, ...]]

    def __repr__(self) -> str:
        """Sizes on one line; the weights are attributes."""
        return f"{type(self).__name__}(m={self.m}, d_x={self.d_x})"

    @property
    def m(self) -> int:
        """Number of hidden nodes."""
        return int(self.w_hidden.shape[1])

    @property
    def d_x(self) -> int:
        """Dimension of one input."""
        return int(self.w_input.shape[1])

    @property
    def reads_state(self) -> Array:
        """The rows that read the state at the next step, (gates m, m)."""
        return self.w_hidden

    @property
    def parameters(self) -> int:
        """Number of weights."""
        return sum(w.size for w in (self.w_input, self.w_hidden, self.b_input, self.b_hidden))

    def _prepared(self, x: Array, start: Array | None, out: Array | None) -> tuple[Array, Array]:
        T, n, _ = x.shape
        if start is None:
            start = np.zeros((n, self.m), x.dtype)
        if out is None:
            out = np.empty((T, n, self.m), x.dtype)
        return np.asarray(start, x.dtype), out


def frozen_weights(cell: Any, gates: int) -> None:
    """Check the weights of a cell with that many gates, and keep read-only float64 copies."""
    w_hidden = real_array("w_hidden", cell.w_hidden, (None, None))
    m = w_hidden.shape[1]
    shapes: dict[str, tuple[int | None, ...]] = {
        "w_input": (gates * m, None),
        "w_hidden": (gates * m, m),
        "b_input": (gates * m,),
        "b_hidden": (gates * m,),
    }
    for name, shape in shapes.items():
        array = np.array(real_array(name, getattr(cell, name), shape), order="C")
        array.flags.writeable = False
        object.__setattr__(cell, name, array)


def gate_rows(nodes: Nodes, m: int, gates: int) -> Nodes:
    """Return the rows of these nodes in all gates, gate by gate."""
    return (np.arange(gates)[:, None] * m + nodes).reshape(-1)


def blocks(x: Array, w_input: Array, bias: Array) -> Iterator[tuple[slice, Array]]:
    """Yield (steps, W x_t + b) for consecutive pieces of time-major inputs, in their dtype."""
    T, n, d = x.shape
    w = np.ascontiguousarray(w_input.T, x.dtype)
    bias = bias.astype(x.dtype)
    step = max(1, _DRIVE // max(1, n * w.shape[1]))
    for begin in range(0, T, step):
        piece = x[begin : begin + step]
        drive = piece.reshape(-1, d) @ w
        drive += bias
        yield slice(begin, begin + step), drive.reshape(len(piece), n, -1)
