"""The plain cell: h_t = s(W_h h_{t-1} + W_i x_t + b_h) (theory, section 0)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pruning.activations import Activation
from pruning.cells import recursion
from pruning.cells.cell import Cell, Run
from pruning.checks import Array, Nodes


@dataclass(frozen=True, eq=False)
class PlainCell:
    """The cell of a plain recurrent network.

    Attributes
    ----------
    w_hidden : (m, m) array
    w_input : (m, d_x) array
    b_hidden : (m,) array
    activation : Activation
    """

    w_hidden: Array
    w_input: Array
    b_hidden: Array
    activation: Activation

    @property
    def m(self) -> int:
        """Number of nodes."""
        return len(self.b_hidden)

    @property
    def d_x(self) -> int:
        """Dimension of one input."""
        return self.w_input.shape[1]

    @property
    def readers(self) -> Mapping[str, Array]:
        """W_h alone."""
        return {"w_hidden": self.w_hidden}

    def run(self, x: Any, dtype: Any = "float64", start: Array | None = None) -> Run:
        """All states of time-major inputs, see `Cell.run`."""
        h = np.empty((*x.shape[:2], self.m), dtype)
        w_drive = np.vstack([self.w_input.T, self.b_hidden], dtype=dtype, casting="same_kind")
        if x.ndim == 2:
            # A token selects a row, and take() copies an array whose rows are scattered, each time.
            w_drive = np.ascontiguousarray(w_drive)
        w_hidden = self.w_hidden.astype(dtype, copy=False)
        recursion.run(x, w_hidden, w_drive, self.activation, h, start)
        return Run(x, h, start)

    def pull(self, run: Run, t: int, g: Array) -> Array:
        """W_h^T diag(s'(a_t)) g, see `Cell.pull`."""
        weights = self.w_hidden.astype(g.dtype, copy=False)
        return _by_sequence(self._slope(run, t, g.ndim) * g, weights)

    def push(self, run: Run, t: int, v: Array) -> Array:
        """diag(s'(a_t)) W_h v, see `Cell.push`."""
        weights = self.w_hidden.astype(v.dtype, copy=False)
        return np.asarray(self._slope(run, t, v.ndim) * _by_sequence(v, weights.T))

    def pruned(self, nodes: Nodes, A: Array) -> PlainCell:
        """W_h' = W_h[J,:] A, W_i' = W_i[J,:], b_h' = b_h[J]."""
        return PlainCell(
            self.w_hidden[nodes] @ A, self.w_input[nodes], self.b_hidden[nodes], self.activation
        )

    def secants(self, run: Run, small: Cell, small_run: Run, nodes: Nodes) -> PlainSecants:
        """e_t = Delta_t (W_h' e_{t-1} + d_t), the general form of section 11 of the theory.

        d_t = (W_h' h_{t-1,J} + W_i' x_t + b_h') - (W_h[J,:] h_{t-1} + W_i[J,:] x_t + b_h[J]).
        """
        if not isinstance(small, PlainCell) or small.activation.name != self.activation.name:
            raise ValueError(
                f"the small network must be a plain one with the activation {self.activation.name}"
            )
        drive = np.vstack([small.w_input.T, small.b_hidden])
        drive -= np.vstack([self.w_input[nodes].T, self.b_hidden[nodes]])
        d = np.empty_like(small_run.states)
        recursion.drive(run.x, drive, d)
        # One product, so that weights that agree cancel before they meet a state.
        residual = -self.w_hidden[nodes]
        residual[:, nodes] += small.w_hidden
        d[1:] += run.states[:-1] @ residual.T
        if run.start is not None:
            d[0] += run.start @ residual.T
        e = small_run.states - run.states[:, :, nodes]
        change = d.copy()
        change[1:] += e[:-1] @ small.w_hidden.T
        if small_run.start is not None or run.start is not None:
            begun = _start(small_run) - _start(run)[:, nodes]
            change[0] += begun @ small.w_hidden.T
        delta = secant_factors(e, change, self.activation)
        return PlainSecants(delta * d, delta, small.w_hidden)

    def _slope(self, run: Run, t: int, ndim: int) -> Array:
        return _beside(self.activation.slope(run.states[t]), ndim)


@dataclass(frozen=True, eq=False)
class PlainSecants:
    """J_t = Delta_t W_h' and b_t = Delta_t d_t.

    Attributes
    ----------
    births : (T, n, k) array
    factors : (T, n, k) array
        The diagonals of Delta_t.
    w_hidden : (k, k) array
        W_h'.
    """

    births: Array
    factors: Array
    w_hidden: Array

    def carry(self, t: int, v: Array) -> Array:
        """Delta_t W_h' v."""
        return np.asarray(_beside(self.factors[t], v.ndim) * _by_sequence(v, self.w_hidden.T))


def secant_factors(gap: Array, change: Array, activation: Activation) -> Array:
    """Delta with s(a') - s(a) = Delta (a' - a), entry by entry; 0 where a' = a.

    A quotient of differences near rounding may leave the range that the true one is in, [0, rho]
    where s never decreases and [-rho, rho] otherwise; it is brought back.
    """
    out = np.zeros_like(gap)
    np.divide(gap, change, out=out, where=change != 0)
    low = 0.0 if activation.nondecreasing else -activation.lipschitz
    return np.clip(out, low, activation.lipschitz)


def _by_sequence(v: Array, weights: Array) -> Array:
    """Rows of v (n, ..., p) times weights (p, q), as one product."""
    rows = v.reshape(math.prod(v.shape[:-1]), len(weights))
    return (rows @ weights).reshape(*v.shape[:-1], weights.shape[1])


def _beside(factor: Array, ndim: int) -> Array:
    """The factor (n, p) of every sequence, shaped to multiply arrays (n, ..., p)."""
    return np.expand_dims(factor, tuple(range(1, ndim - 1)))


def _start(run: Run) -> Array:
    return np.zeros_like(run.states[0]) if run.start is None else run.start
