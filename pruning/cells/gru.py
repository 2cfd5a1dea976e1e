"""The GRU cell, with the reset gate after the product (torch) or before it (Keras's other form)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pruning.cells import gru_steps
from pruning.cells.gated import Gates, frozen_weights, gate_rows
from pruning.cells.gru_steps import GRURun
from pruning.checks import Array, Nodes


@dataclass(frozen=True, eq=False, repr=False)
class GRU(Gates):
    """r, z = sigma(.), n = tanh(W_in x + b_in + r * (W_hn h + b_hn)), h+ = (1 - z) * n + z * h.

    Parameters
    ----------
    w_input : (3 m, d_x) array
        W_ir, W_iz, W_in below each other, torch's order.
    w_hidden : (3 m, m) array
        W_hr, W_hz, W_hn.
    b_input, b_hidden : (3 m,) arrays
    reset_after : bool
        False: n = tanh(W_in x + b_in + W_hn (r * h) + b_hn), as Keras with ``reset_after=False``.

    Notes
    -----
    Source: theory, section 12.

    Examples
    --------
    >>> import numpy as np
    >>> from rnnbounds import GRU
    >>> rng = np.random.default_rng(0)
    >>> cell = GRU(rng.normal(size=(12, 2)), rng.normal(size=(12, 4)), np.zeros(12), np.zeros(12))
    >>> cell.m, cell.states(rng.normal(size=(3, 5, 2))).shape
    (4, (3, 5, 4))
    """

    w_input: Array
    w_hidden: Array
    b_input: Array
    b_hidden: Array
    reset_after: bool = True

    kind = "gru"
    gates = ("reset", "update", "candidate")

    def __post_init__(self) -> None:
        frozen_weights(self, 3)

    def states(self, x: Array, start: Array | None = None, out: Array | None = None) -> Array:
        """Return h_1..h_T of time-major inputs (T, n, d_x), shape (T, n, m), in their dtype."""
        start, out = self._prepared(x, start, out)
        weights = self.w_input, self.w_hidden, self.b_input, self.b_hidden
        gru_steps.forward(x, weights, start, self.reset_after, out)
        return out

    def run(self, x: Array, start: Array | None = None) -> GRURun:
        """Return states and gates of time-major inputs (T, n, d_x)."""
        start, _ = self._prepared(x, start, None)
        drive = x @ self.w_input.T + self.b_input
        return gru_steps.trace(drive, self.w_hidden, self.b_hidden, start, self.reset_after)

    def backward(self, run: Any, given: Array) -> tuple[Array, Array, Array, Array]:
        """See `pruning.cells.gru_steps.backward`."""
        return gru_steps.backward(run, self.w_hidden, self.reset_after, given)

    def tangent(
        self, run: Any, in_drive: Array, in_recurrent: Array, in_start: Array | None = None
    ) -> Array:
        """Return how the states move, (T, n, m), where W_i x + b_i and W_h h + b_h do.

        `in_recurrent` is what moves while h stays: for weights dW_h h_{t-1} + db_h.
        """
        return gru_steps.tangent(
            run, self.w_hidden, self.reset_after, in_drive, in_recurrent, in_start
        )

    def restricted(
        self,
        nodes: Nodes,
        A: Array,
        w_input: Array | None = None,
        A_reset: Array | None = None,
    ) -> GRU:
        """Return the cell of the kept nodes, which reads A h_J where this one reads h.

        Parameters
        ----------
        nodes : (k,) integer array
        A : (m, k) array
            Reconstruction of h from h_J.
        w_input : (3 m, d) array, optional
            Instead of W_i, where what the cell reads was pruned too.
        A_reset : (m, k) array, optional
            Reconstruction of r * h from (r * h)_J. Needed with the reset gate before the product,
            where W_hn A is wrong: two nodes with equal h can have different r.
        """
        if not self.reset_after and A_reset is None:
            raise ValueError(
                "A_reset must be given for a GRU with the reset gate before the product, got None"
            )
        rows = gate_rows(nodes, self.m, 3)
        w_input = self.w_input if w_input is None else w_input
        w_hidden = self.w_hidden[rows] @ A
        if not self.reset_after and A_reset is not None:
            k = len(nodes)
            w_hidden[2 * k :] = self.w_hidden[2 * self.m + nodes] @ A_reset
        return GRU(
            w_input[rows], w_hidden, self.b_input[rows], self.b_hidden[rows], self.reset_after
        )
