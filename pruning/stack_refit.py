"""A pruned stack fitted to the whole one's outputs, without labels (theory, section 11).

`refit_stack_read_out` solves for W_o', b_o' by least squares on the small stack's own states;
`refit_stack` fits all weights of its cells through time, too (`balanced.closed_loop`), by
Gauss-Newton from products alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from pruning.cells.lru import LRU
from pruning.checks import Array, choice, fraction, integer, nonnegative
from pruning.gauss_newton import FitStep, gauss_newton
from pruning.stack import Stack, true_lengths
from pruning.stack_balanced import READS
from pruning.stack_gradients import (
    CELL_WEIGHTS,
    StackRun,
    run_stack,
    weight_gradients,
    weight_tangent,
)


def refit_stack_read_out(
    whole: Stack,
    small: Stack,
    x: Any,
    lengths: Any = None,
    *,
    reads: str = "last",
    ridge: float = 1e-6,
) -> Stack:
    """Return the small stack with the read-out that fits the whole one's outputs best.

    Parameters
    ----------
    whole, small : Stack
        Of the same inputs and outputs.
    x, lengths, reads
        As in `balanced_weights`; labels are not needed.
    ridge : float
        Pull towards the read-out that it has, in units of the mean square of a state.
    """
    choice("reads", reads, READS)
    checked = _checked(whole, small, x)
    ends = None if lengths is None else true_lengths(lengths, checked)
    whole, small, basis = _in_basis(whole, small)
    width = small.w_output.shape[1] + 1
    gram, cross, count = np.zeros((width, width)), np.zeros((width, whole.d_y)), 0
    before = np.column_stack([small.w_output, small.b_output]).T
    for rows, states in small.state_batches(checked, ends):
        part = None if ends is None else ends[rows]
        where = _where(states[-1].shape[:2], part, reads)
        h = states[-1][where]
        H = np.column_stack([h, np.ones(len(h))])
        target = whole.predictions(checked[rows], part)[where]
        gram += H.T @ H
        cross += H.T @ (target - H @ before)
        count += len(H)
    shift = nonnegative("ridge", ridge) * np.trace(gram) / width
    move = np.linalg.lstsq(gram + shift * np.eye(width), cross, rcond=None)[0]
    found = before + move
    fitted = Stack(small.layers, found[:-1].T, found[-1], small.embedding)
    return _out_of_basis(fitted, basis)


def refit_stack(
    whole: Stack,
    small: Stack,
    x: Any,
    lengths: Any = None,
    *,
    reads: str = "last",
    held_out: float = 0.2,
    steps: int = 10,
    iterations: int = 20,
    progress: Callable[[FitStep], None] | None = None,
) -> Stack:
    """Return the small stack with all its weights fitted to the whole one's outputs.

    Parameters
    ----------
    whole, small : Stack
        Of the same inputs and outputs.
    x, lengths, reads
        As in `balanced_weights`; labels are not needed.
    held_out : float
        Share of the sequences, the last ones, that decide when to stop; never worse on them than
        the start.
    steps, iterations : int
        Of Gauss-Newton, and of conjugate gradients in each.
    progress : callable, optional
        Called with a `pruning.gauss_newton.FitStep`.
    """
    choice("reads", reads, READS)
    if any(isinstance(cell, LRU) for layer in small.layers for cell in layer):
        raise ValueError(
            "an LRU cannot be fitted through time: its nodes run exactly; refit the read-out"
        )
    checked = _checked(whole, small, x)
    share = fraction("held_out", held_out)
    integer("steps", steps, 0)
    ends = None if lengths is None else true_lengths(lengths, checked)
    cut = len(checked) - int(share * len(checked))
    if cut == 0 or cut == len(checked):
        raise ValueError(
            f"x must hold sequences to fit and to hold out, got {len(checked)} at a share of "
            f"{share:g}"
        )
    whole, small, basis = _in_basis(whole, small)
    parts = [slice(0, cut), slice(cut, None)]
    ours, theirs = (
        _Fit(whole, small, checked[p], None if ends is None else ends[p], reads) for p in parts
    )
    theta = ours.flat(small)
    scale = ours.scale(small)

    def other(theta: Array) -> float:
        r = theirs.residuals(theta)[0]
        return float(r @ r)

    found = gauss_newton(
        ours,
        theta,
        held_out=other,
        scale=scale,
        steps=steps,
        iterations=iterations,
        progress=progress,
    )
    return _out_of_basis(ours.stack(found), basis)


def _in_basis(whole: Stack, small: Stack) -> tuple[Stack, Stack, Array | None]:
    """Both networks with their outputs in an orthonormal basis Q of the columns of [W_o, b_o].

    What the whole network says lies in their span, and so do the best W_o', b_o': ten thousand
    words are m + 1 numbers. The small network loses what of its read-out lies outside, which is
    error. None for Q where there are no more outputs than columns.
    """
    columns = np.column_stack([whole.w_output, whole.b_output])
    if len(columns) <= columns.shape[1]:
        return whole, small, None
    Q = np.linalg.qr(columns)[0]
    found = [
        Stack(net.layers, Q.T @ net.w_output, Q.T @ net.b_output, net.embedding)
        for net in (whole, small)
    ]
    return found[0], found[1], Q


def _out_of_basis(stack: Stack, basis: Array | None) -> Stack:
    if basis is None:
        return stack
    return Stack(stack.layers, basis @ stack.w_output, basis @ stack.b_output, stack.embedding)


class _Fit:
    """||f' - f^||^2 over the outputs that count, as residuals of all weights of a small stack."""

    def __init__(self, whole: Stack, small: Stack, x: Any, lengths: Any, reads: str) -> None:
        self.small, self.x, self.lengths, self.reads = small, x, lengths, reads
        self.where = _where(x.shape[:2], lengths, reads)
        self.target = whole.predictions(x, lengths)[self.where]
        self.weight = 1 / np.sqrt(len(self.target))

    def flat(self, stack: Stack) -> Array:
        """All weights of the cells, then W_o and b_o, as one vector."""
        arrays = [
            getattr(cell, name).reshape(-1)
            for layer in stack.layers
            for cell in layer
            for name in CELL_WEIGHTS
        ]
        return np.concatenate([*arrays, stack.w_output.reshape(-1), stack.b_output])

    def scale(self, stack: Stack) -> Array:
        """The root mean square of every block of weights: steps are relative to it."""
        blocks = [
            getattr(cell, name) for layer in stack.layers for cell in layer for name in CELL_WEIGHTS
        ] + [stack.w_output, stack.b_output]
        sizes = [max(float(np.sqrt(np.mean(block * block))), 1e-2) for block in blocks]
        return np.concatenate([np.full(b.size, s) for b, s in zip(blocks, sizes, strict=True)])

    def shaped(self, theta: Array) -> tuple[list[list[list[Array]]], Array, Array]:
        """Return a vector as weights: by layer and direction, and the read-out."""
        at = 0
        layers = []
        for layer in self.small.layers:
            row = []
            for cell in layer:
                arrays = []
                for name in CELL_WEIGHTS:
                    shape = getattr(cell, name).shape
                    size = int(np.prod(shape))
                    arrays.append(theta[at : at + size].reshape(shape))
                    at += size
                row.append(arrays)
            layers.append(row)
        q, width = self.small.w_output.shape
        return layers, theta[at : at + q * width].reshape(q, width), theta[at + q * width :]

    def stack(self, theta: Array) -> Stack:
        """The stack with these weights."""
        layers, w_output, b_output = self.shaped(theta)
        cells = tuple(
            tuple(_with(cell, arrays) for cell, arrays in zip(row, given, strict=True))
            for row, given in zip(self.small.layers, layers, strict=True)
        )
        return Stack(cells, w_output, b_output, self.small.embedding)

    def residuals(self, theta: Array) -> tuple[Array, tuple[Stack, StackRun]]:
        """See `pruning.gauss_newton.Problem`."""
        stack = self.stack(theta) if np.isfinite(theta).all() else self.small
        run = run_stack(stack, self.x, self.lengths)
        h = run.top.transpose(1, 0, 2)[self.where]
        gap = h @ stack.w_output.T + stack.b_output - self.target
        return (self.weight * gap).reshape(-1), (stack, run)

    def forward(self, state: tuple[Stack, StackRun], v: Array) -> Array:
        """See `pruning.gauss_newton.Problem`."""
        stack, run = state
        direction, in_w, in_b = self.shaped(v)
        moved = weight_tangent(run, direction).transpose(1, 0, 2)[self.where]
        h = run.top.transpose(1, 0, 2)[self.where]
        result: Array = (self.weight * (moved @ stack.w_output.T + h @ in_w.T + in_b)).reshape(-1)
        return result

    def backward(self, state: tuple[Stack, StackRun], u: Array) -> Array:
        """See `pruning.gauss_newton.Problem`."""
        stack, run = state
        at_output = self.weight * u.reshape(self.target.shape)
        h = run.top.transpose(1, 0, 2)[self.where]
        given = np.zeros_like(run.top)
        given.transpose(1, 0, 2)[self.where] = at_output @ stack.w_output
        arrays = [
            array.reshape(-1)
            for layer in weight_gradients(run, given)
            for cell in layer
            for array in cell
        ]
        return np.concatenate([*arrays, (at_output.T @ h).reshape(-1), at_output.sum(axis=0)])


def _checked(whole: Stack, small: Stack, x: Any) -> Any:
    for name in ("d_x", "d_y"):
        ours, theirs = getattr(small, name), getattr(whole, name)
        if ours != theirs:
            raise ValueError(f"small must have the {name} of whole, {theirs}, got {ours}")
    return whole.check_input(x)


def _where(shape: tuple[int, ...], lengths: Any, reads: str) -> Any:
    """The index of the outputs that count in arrays (n, T, ...)."""
    n, T = shape[:2]
    if reads == "every":
        steps = np.full(n, T) if lengths is None else lengths
        return np.arange(T) < steps[:, None]
    ends = np.full(n, T - 1) if lengths is None else lengths - 1
    return np.arange(n), ends


def _with(cell: Any, arrays: list[Array]) -> Any:
    """The cell with other weights."""
    return replace(cell, **dict(zip(CELL_WEIGHTS, arrays, strict=True)))
