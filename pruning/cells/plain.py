"""The plain cell as a layer of a stack: h+ = s(W_i x + b_i + W_h h + b_h)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pruning.activations import Activation, activation
from pruning.cells.gated import Gates, blocks, frozen_weights
from pruning.checks import Array, Nodes


@dataclass(frozen=True, eq=False)
class PlainRun:
    """States h (T, n, m) of a run and the start h_0 (n, m)."""

    start: Array
    h: Array

    @property
    def before(self) -> Array:
        """h_0..h_{T-1}, shape (T, n, m): a copy."""
        return np.concatenate([self.start[None], self.h[:-1]])


@dataclass(frozen=True, eq=False, repr=False)
class Plain(Gates):
    """h+ = s(W_i x + b_i + W_h h + b_h).

    Parameters
    ----------
    w_input : (m, d_x) array
    w_hidden : (m, m) array
    b_input, b_hidden : (m,) arrays
        Only their sum matters.
    activation : str or Activation
    """

    w_input: Array
    w_hidden: Array
    b_input: Array
    b_hidden: Array
    activation: Activation = field(default="tanh")  # type: ignore[assignment]

    kind = "plain"
    gates = ("hidden",)

    def __post_init__(self) -> None:
        frozen_weights(self, 1)
        object.__setattr__(self, "activation", activation(self.activation))

    def states(self, x: Array, start: Array | None = None, out: Array | None = None) -> Array:
        """Return h_1..h_T of time-major inputs (T, n, d_x), shape (T, n, m), in their dtype."""
        h, out = self._prepared(x, start, out)
        transposed = np.ascontiguousarray(self.w_hidden.T, x.dtype)
        recurrent = np.empty_like(h)
        for steps, drive in blocks(x, self.w_input, self.b_input + self.b_hidden):
            for now, given in zip(out[steps], drive, strict=True):
                np.matmul(h, transposed, out=recurrent)
                given += recurrent
                h = self.activation.apply(given, out=now)
        return out

    def run(self, x: Array, start: Array | None = None) -> PlainRun:
        """Return the run of time-major inputs (T, n, d_x)."""
        start, _ = self._prepared(x, start, None)
        return PlainRun(start, self.states(x, start))

    def backward(self, run: Any, given: Array) -> tuple[Array, Array, Array, Array]:
        """Pull gradients back through a run; see `pruning.cells.gru_steps.backward`."""
        total, at_drive = np.empty_like(run.h), np.empty_like(run.h)
        carried = np.zeros_like(run.start)
        slope = np.empty_like(carried)
        for t in range(len(run.h) - 1, -1, -1):
            np.add(given[t], carried, out=total[t])
            self.activation.slope(run.h[t], out=slope)
            np.multiply(total[t], slope, out=at_drive[t])
            carried = at_drive[t] @ self.w_hidden
        return total, at_drive, at_drive, carried

    def tangent(self, run: Any, in_drive: Array, in_recurrent: Array) -> Array:
        """Return how the states move, (T, n, m), where W_i x + b_i and W_h h + b_h do.

        `in_recurrent` is what moves while h stays: for weights dW_h h_{t-1} + db_h.
        """
        out, moved, slope = np.empty_like(run.h), np.zeros_like(run.start), np.empty_like(run.start)
        for t in range(len(run.h)):
            self.activation.slope(run.h[t], out=slope)
            moved = slope * (moved @ self.w_hidden.T + in_drive[t] + in_recurrent[t])
            out[t] = moved
        result: Array = out
        return result

    def restricted(self, nodes: Nodes, A: Array, w_input: Array | None = None) -> Plain:
        """Return the cell of the kept nodes, which reads A h_J where this one reads h."""
        w_input = self.w_input if w_input is None else w_input
        return Plain(
            w_input[nodes],
            self.w_hidden[nodes] @ A,
            self.b_input[nodes],
            self.b_hidden[nodes],
            self.activation,
        )
