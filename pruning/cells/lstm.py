"""The LSTM cell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pruning.cells import lstm_steps
from pruning.cells.gated import Gates, frozen_weights, gate_rows
from pruning.cells.lstm_steps import Fused, LSTMRun
from pruning.checks import Array, Nodes


@dataclass(frozen=True, eq=False, repr=False)
class LSTM(Gates):
    """i, f, o = sigma(.), g = tanh(.), c+ = f * c + i * g, h+ = o * tanh(c+).

    Parameters
    ----------
    w_input : (4 m, d_x) array
        W_ii, W_if, W_ig, W_io below each other, torch's order.
    w_hidden : (4 m, m) array
    b_input, b_hidden : (4 m,) arrays
        Only their sum matters.

    Notes
    -----
    Source: theory, section 12. c is never read across nodes, so a pruned cell keeps its own
    coordinates of c. A start is the pair (h_0, c_0).

    Examples
    --------
    >>> import numpy as np
    >>> from rnnbounds import LSTM
    >>> rng = np.random.default_rng(0)
    >>> cell = LSTM(rng.normal(size=(16, 2)), rng.normal(size=(16, 4)), np.zeros(16), np.zeros(16))
    >>> cell.m, cell.states(rng.normal(size=(3, 5, 2))).shape
    (4, (3, 5, 4))
    """

    w_input: Array
    w_hidden: Array
    b_input: Array
    b_hidden: Array

    kind = "lstm"
    gates = ("input", "forget", "cell", "output")

    def __post_init__(self) -> None:
        frozen_weights(self, 4)

    def states(self, x: Array, start: Any = None, out: Array | None = None) -> Array:
        """Return h_1..h_T of time-major inputs (T, n, d_x), shape (T, n, m), in their dtype."""
        h, c, out = self._pair(x, start, out)
        lstm_steps.forward(x, self._fused(x.dtype.str), h, c, out)
        return out

    def run(self, x: Array, start: Any = None) -> LSTMRun:
        """Return states and gates of time-major inputs (T, n, d_x)."""
        h, c, _ = self._pair(x, start, None)
        drive = x @ self.w_input.T + (self.b_input + self.b_hidden)
        return lstm_steps.trace(drive, self.w_hidden, h, c)

    def backward(
        self, run: Any, given: Array, given_c: Array | None = None
    ) -> tuple[Array, Array, Array, Array]:
        """See `pruning.cells.lstm_steps.backward`."""
        return lstm_steps.backward(run, self.w_hidden, given, given_c)

    def tangent(self, run: Any, in_drive: Array, in_recurrent: Array) -> Array:
        """Return how the states move, (T, n, m), where W_i x + b_i and W_h h + b_h do.

        `in_recurrent` is what moves while h stays: for weights dW_h h_{t-1} + db_h.
        """
        return lstm_steps.tangent(run, self.w_hidden, in_drive + in_recurrent)

    def restricted(self, nodes: Nodes, A: Array, w_input: Array | None = None) -> LSTM:
        """Return the cell of the kept nodes, which reads A h_J where this one reads h.

        Parameters
        ----------
        nodes : (k,) integer array
        A : (m, k) array
            Reconstruction of h from h_J.
        w_input : (4 m, d) array, optional
            Instead of W_i, where what the cell reads was pruned too.
        """
        rows = gate_rows(nodes, self.m, 4)
        w_input = self.w_input if w_input is None else w_input
        return LSTM(w_input[rows], self.w_hidden[rows] @ A, self.b_input[rows], self.b_hidden[rows])

    def _fused(self, dtype: str) -> Fused:
        """The weights in one precision; kept, since short sequences come by the thousand."""
        held: dict[str, Fused] = self.__dict__.setdefault("_in_precision", {})
        if dtype not in held:
            bias = self.b_input + self.b_hidden
            held[dtype] = lstm_steps.fused(self.w_input, self.w_hidden, bias, dtype)
        return held[dtype]

    def _pair(self, x: Array, start: Any, out: Array | None) -> tuple[Array, Array, Array]:
        h, c = (None, None) if start is None else start
        h, out = self._prepared(x, h, out)
        c, _ = self._prepared(x, c, out)
        return h, c, out
