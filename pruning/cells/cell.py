"""What pruning asks of a recurrent cell.

All arrays are time-major, (T, n, ...): what belongs to one step is one contiguous block. Cells
trust their input; `pruning.rnn.RNN` and the public calls check it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from pruning.checks import Array, Nodes


@dataclass(frozen=True)
class Run:
    """One pass over a batch of sequences.

    Attributes
    ----------
    x : (T, n, d_x + 1) floats with last coordinate 1, or (T, n) tokens
        See `pruning.cells.recursion.time_major`.
    states : (T, n, m) array
        h_1..h_T.
    start : (n, m) array or None
        h_0; None is 0.
    kept : mapping
        What else the cell needs on its way back, gates for instance.
    """

    x: Any
    states: Array
    start: Array | None = None
    kept: Mapping[str, Array] = field(default_factory=dict)


class Secants(Protocol):
    """The exact recursion of a difference of two runs: e_t = J_t e_{t-1} + b_t.

    For e_t = h'_t - h_{t,J}, the small network's state less the large one's on the kept nodes. J_t
    is a product of the small network's weights and of secant factors along both runs, b_t is what
    step t adds.
    """

    births: Array
    """b_1..b_T, (T, n, k)."""

    def carry(self, t: int, v: Array) -> Array:
        """J_t v for vectors v of every sequence, (n, ..., k); t counts from 0."""
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
    def readers(self) -> Mapping[str, Array]:
        """The matrices (q, m) by which the next step reads the state, by name.

        With the read-out they are the blocks of Z of section 1 of the theory.
        """
        ...

    def run(self, x: Any, dtype: Any = "float64", start: Array | None = None) -> Run:
        """All states of time-major inputs, from the state `start` (0 by default)."""
        ...

    def pull(self, run: Run, t: int, g: Array) -> Array:
        """(dh_t/dh_{t-1})^T g for gradients g of every sequence, (n, ..., m); t counts from 0."""
        ...

    def push(self, run: Run, t: int, v: Array) -> Array:
        """(dh_t/dh_{t-1}) v for tangents v of every sequence, (n, ..., m); t counts from 0."""
        ...

    def pruned(self, nodes: Nodes, A: Array) -> Cell:
        """The cell of the kept nodes, which reads A h_J (m, k) where this one reads h."""
        ...

    def secants(self, run: Run, small: Cell, small_run: Run, nodes: Nodes) -> Secants:
        """The recursion of the difference between a small network's run and this one's.

        `small` may have any weights; its nodes are matched with `nodes` of this one.
        """
        ...
