"""What pruning asks of a recurrent cell.

All arrays are time-major, (T, n, ...): what belongs to one step is one contiguous block.
"""

from __future__ import annotations

from typing import Any, Protocol

from pruning.checks import Array, Nodes


class Run(Protocol):
    """One pass over a batch of sequences, with what the cell keeps for its way back."""

    @property
    def start(self) -> Array:
        """h_0, (n, m)."""
        ...

    @property
    def h(self) -> Array:
        """h_1..h_T, (T, n, m)."""
        ...

    @property
    def before(self) -> Array:
        """h_0..h_{T-1}, (T, n, m)."""
        ...


class Cell(Protocol):
    """One step h_t = step(h_{t-1}, x_t) of a recurrent network."""

    @property
    def m(self) -> int:
        """Number of nodes."""
        ...

    @property
    def d_x(self) -> int:
        """Dimension of one input."""
        ...

    @property
    def reads_state(self) -> Array:
        """The rows (q, m) by which the next step reads the state, all gates below each other.

        With the read-out they are the blocks of Z of section 1 of the theory.
        """
        ...

    @property
    def parameters(self) -> int:
        """Number of weights."""
        ...

    def states(self, x: Array, start: Array | None = None, out: Array | None = None) -> Array:
        """h_1..h_T of inputs (T, n, d_x), shape (T, n, m), in their dtype; h_0 = 0 by default."""
        ...

    def run(self, x: Array, start: Array | None = None) -> Run:
        """The run of inputs (T, n, d_x)."""
        ...

    def backward(self, run: Any, given: Array) -> tuple[Array, Array, Array, Array]:
        """Pull gradients back through a run.

        Parameters
        ----------
        run : Run
            Of this cell.
        given : (T, n, m) array
            What reads h_t elsewhere, pulled back to it.

        Returns
        -------
        total : (T, n, m) array
            The gradient in h_1..h_T.
        at_input, at_state : (T, n, gates m) arrays
            The gradients in what W_i x_t + b_i and W_h h_{t-1} + b_h give.
        at_start : (n, m) array
            The gradient in h_0.
        """
        ...

    def restricted(self, nodes: Nodes, A: Array, w_input: Array | None = None) -> Cell:
        """The cell of the kept nodes, which reads A h_J, A (m, k), where this one reads h."""
        ...
