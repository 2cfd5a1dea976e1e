"""What a stack is fitted by: its weights as one vector, and how its outputs differ from another's.

Squared gaps of the outputs, for `pruning.gauss_newton`, or the divergence of their softmax, for
`pruning.refit.coordinates`, over the outputs that count.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pruning.checks import Array, Inputs, Nodes
from pruning.refit.coordinates import Coordinates, beyond, root
from pruning.refit.softmax_gaps import SoftmaxGaps
from pruning.stack import Stack, counted
from pruning.stack_gradients import (
    StackRun,
    cell_inputs,
    drive_gradients,
    run_stack,
    weight_gradients,
    weight_tangent,
)

_READ = "w_output", "b_output"
_NUMBERS = 1 << 21  # states of a part
_KEPT = 1 << 24  # states of all parts whose runs are kept
_PAIRS = ("w_input", "b_input"), ("w_hidden", "b_hidden")


class StackWeights:
    """The weights of a stack as blocks, flat, one behind the other.

    By layer and direction [W_i, b_i] and [W_h, b_h] of a cell, then Y = [W_o, b_o]; without `moves`
    Y alone. Embeddings stay.
    """

    def __init__(self, stack: Stack, moves: bool = True) -> None:
        self.stack, self.moves = stack, moves
        self.shapes = [block.shape for block in self.blocks(stack)]

    @property
    def size(self) -> int:
        """How many numbers."""
        return sum(rows * columns for rows, columns in self.shapes)

    def blocks(self, stack: Stack) -> list[Array]:
        """The blocks of a stack of these sizes."""
        cells = [cell for layer in stack.layers for cell in layer] if self.moves else []
        return [
            *(_joined(cell, pair) for cell in cells for pair in _PAIRS),
            _joined(stack, _READ),
        ]

    def flat(self, stack: Stack) -> Array:
        """The weights of a stack of these sizes as one vector."""
        return np.concatenate([block.ravel() for block in self.blocks(stack)])

    def shaped(self, theta: Array) -> list[Array]:
        """A vector as blocks."""
        found, at = [], 0
        for rows, columns in self.shapes:
            found.append(theta[at : at + rows * columns].reshape(rows, columns))
            at += rows * columns
        return found

    def with_weights(self, theta: Array) -> Stack:
        """The stack with these weights."""
        blocks = self.shaped(theta)
        layers = self.stack.layers
        if self.moves:
            pairs = iter(self.by_cell(blocks))
            layers = tuple(tuple(_with_blocks(cell, next(pairs)) for cell in row) for row in layers)
        return Stack(layers, *_split(blocks[-1]), self.stack.embedding)

    def by_cell(self, blocks: list[Array]) -> list[tuple[Array, Array]]:
        """The blocks of each cell."""
        return list(zip(blocks[:-1:2], blocks[1:-1:2], strict=True))

    def direction(self, blocks: list[Array]) -> list[list[list[Array]]]:
        """The blocks of the cells as `stack_gradients` has them: by layer and direction."""
        cells = iter(self.by_cell(blocks))
        found = []
        for layer in self.stack.layers:
            row = []
            for _ in layer:
                (w_input, b_input), (w_hidden, b_hidden) = map(_split, next(cells))
                row.append([w_input, w_hidden, b_input, b_hidden])
            found.append(row)
        return found

    def gradient(self, cells: list[list[list[Array]]], Y: Array) -> Array:
        """A gradient in the arrays of all cells, as `stack_gradients` has it, and in Y, flat."""
        parts = [
            np.column_stack(pair).ravel()
            for layer in cells
            for w_input, w_hidden, b_input, b_hidden in layer
            for pair in ((w_input, b_input), (w_hidden, b_hidden))
        ]
        return np.concatenate([*parts, Y.ravel()])

    def scale(self, stack: Stack) -> Array:
        """The root mean square of every array: steps are relative to it."""
        parts = []
        for block in self.blocks(stack):
            sizes = np.full(block.shape, _size(block[:, :-1]))
            sizes[:, -1] = _size(block[:, -1])
            parts.append(sizes.ravel())
        return np.concatenate(parts)


class SquaredGaps:
    """||f' - f^||^2 over the outputs that count, as residuals of all weights of a small stack.

    Sequences are run some at a time, and runs are kept between products as far as there is room.
    """

    def __init__(
        self, whole: Stack, small: Stack, x: Inputs, lengths: Nodes | None, reads: str
    ) -> None:
        self.weights = StackWeights(small)
        self.small, self.x, self.lengths, self.reads = small, x, lengths, reads
        states = top_states(whole, x, lengths, reads)
        self.target = states @ whole.w_output.T + whole.b_output
        self.weight = 1 / np.sqrt(len(self.target))
        each = x.shape[1] * sum(sum(layer) for layer in small.nodes)
        step = max(1, _NUMBERS // max(1, each))
        self.parts = [slice(a, min(a + step, len(x))) for a in range(0, len(x), step)]
        self.kept = max(1, _KEPT // (step * max(1, each)))  # runs of so many parts

    def residuals(self, theta: Array) -> tuple[Array, SquaredGapsAt]:
        """See `pruning.gauss_newton.Problem`."""
        if not np.isfinite(theta).all():  # a step that is refused
            return np.array([np.inf]), SquaredGapsAt(self.small, {})
        stack = self.weights.with_weights(theta)
        at, found = SquaredGapsAt(stack, {}), []
        for number in range(len(self.parts)):
            _, h, _ = self._run(at, number)
            found.append(h @ stack.w_output.T + stack.b_output)
        return (self.weight * (np.concatenate(found) - self.target)).reshape(-1), at

    def forward(self, state: SquaredGapsAt, v: Array) -> Array:
        """See `pruning.gauss_newton.Problem`."""
        blocks = self.weights.shaped(v)
        in_w, in_b = _split(blocks[-1])
        direction, found = self.weights.direction(blocks), []
        for number in range(len(self.parts)):
            run, h, where = self._run(state, number)
            moved = weight_tangent(run, direction).transpose(1, 0, 2)[where]
            found.append(moved @ state.stack.w_output.T + h @ in_w.T + in_b)
        result: Array = (self.weight * np.concatenate(found)).reshape(-1)
        return result

    def backward(self, state: SquaredGapsAt, u: Array) -> Array:
        """See `pruning.gauss_newton.Problem`."""
        at_output, start = self.weight * u.reshape(self.target.shape), 0
        total = np.zeros(self.weights.size)
        for number in range(len(self.parts)):
            run, h, where = self._run(state, number)
            own = at_output[start : start + len(h)]
            start += len(h)
            given = np.zeros_like(run.top)
            given.transpose(1, 0, 2)[where] = own @ state.stack.w_output
            Y = np.column_stack([own.T @ h, own.sum(axis=0)])
            total += self.weights.gradient(weight_gradients(run, given), Y)
        return total

    def _run(self, at: SquaredGapsAt, number: int) -> tuple[StackRun, Array, Any]:
        """The run of a part, its states where they count, and where that is."""
        part = self.parts[number]
        ends = None if self.lengths is None else self.lengths[part]
        run = at.runs.get(number)
        if run is None:
            run = run_stack(at.stack, self.x[part], ends)
            if number < self.kept:
                at.runs[number] = run
        where = counted(self.x[part].shape[:2], ends, self.reads)
        return run, run.top.transpose(1, 0, 2)[where], where


@dataclass(frozen=True, eq=False)
class SquaredGapsAt:
    """A stack with some of its runs, by the number of their part."""

    stack: Stack
    runs: dict[int, StackRun]


class StackDivergence:
    """KL(softmax f^ || softmax f') over the outputs that count, on average.

    A function of all weights of a small stack, or without `moves` of its read-out.
    """

    def __init__(
        self,
        whole: Stack,
        small: Stack,
        x: Inputs,
        lengths: Nodes | None,
        reads: str,
        *,
        moves: bool,
        dtype: str,
    ) -> None:
        self.weights = StackWeights(small, moves)
        self.moves, self.x, self.lengths = moves, x, lengths
        self.where = counted(x.shape[:2], lengths, reads)
        states = top_states(whole, x, lengths, reads)
        shares = np.full(len(states), 1 / len(states))
        self.gaps = SoftmaxGaps(_joined(whole, _READ), states, shares, dtype, "whole")
        self._still = None if moves else top_states(small, x, lengths, reads)

    def value(self, theta: Array) -> float:
        """The divergence; inf where the weights or the run leave the range of floats."""
        if not np.isfinite(theta).all():
            return np.inf
        return self.gaps.value(self.weights.shaped(theta)[-1], self._run(theta)[1])

    def value_and_gradient(self, theta: Array) -> tuple[float, Array]:
        """It and its gradient, which is 0 where it is inf."""
        if not np.isfinite(theta).all():
            return np.inf, np.zeros_like(theta)
        Y = self.weights.shaped(theta)[-1]
        run, h = self._run(theta)
        value, at_Y, at_h = self.gaps.value_and_gradient(Y, h, self.moves)
        if run is None or at_h is None:
            gradient = at_Y.ravel()
        else:
            with np.errstate(over="ignore", invalid="ignore"):
                cells = weight_gradients(run, self._given(run, at_h))
            gradient = self.weights.gradient(cells, at_Y)
        if not (np.isfinite(value) and np.isfinite(gradient).all()):
            return np.inf, np.zeros_like(gradient)
        return value, gradient

    def coordinates(self, theta: Array) -> Coordinates:
        """Return coordinates in which the curvature at theta is about I."""
        run, h = self._run(theta)
        shape = self.gaps.shape(self.weights.shaped(theta)[-1], h, self.moves)
        factors = []
        if run is not None and shape.pulled is not None:
            alive = np.ones(run.top.shape[:2], bool)
            if self.lengths is not None:
                alive = np.arange(len(alive))[:, None] < self.lengths
            with np.errstate(over="ignore", invalid="ignore"):
                deltas = drive_gradients(run, self._given(run, shape.pulled))
            for number, row in enumerate(deltas):
                for side, (at_drive, at_state) in enumerate(row):
                    read = cell_inputs(run, number, side), run.runs[number][side].before
                    names = self._read_name(number), "the states of small"
                    for delta, z, name in zip((at_drive, at_state), read, names, strict=True):
                        left, right = delta[alive], _with_ones(z[alive])
                        with np.errstate(over="ignore", invalid="ignore"):
                            moments = shape.share * (left.T @ left), right.T @ right / len(right)
                        factors.append((root(moments[0]), root(moments[1], beyond(name))))
        return Coordinates(theta, (*factors, (shape.left, shape.right)))

    def _read_name(self, layer: int) -> str:
        """What messages call that which a layer reads."""
        if layer:
            return "the states of small"
        return "x" if self.x.ndim == 3 else "the embedding"

    def _run(self, theta: Array) -> tuple[StackRun | None, Array]:
        if self._still is not None:
            return None, self._still
        with np.errstate(over="ignore", invalid="ignore"):
            run = run_stack(self.weights.with_weights(theta), self.x, self.lengths)
        return run, run.top.transpose(1, 0, 2)[self.where]

    def _given(self, run: StackRun, at_h: Array) -> Array:
        given = np.zeros_like(run.top)
        given.transpose(1, 0, 2)[self.where] = at_h
        return given


def top_states(stack: Stack, x: Inputs, lengths: Nodes | None, reads: str) -> Array:
    """Return the states of the last layer where they count, (N, width)."""
    parts = []
    with np.errstate(over="ignore", invalid="ignore"):
        for rows, states in stack.state_batches(x, lengths):
            part = None if lengths is None else lengths[rows]
            parts.append(states[-1][counted(states[-1].shape, part, reads)])
    return np.concatenate(parts)


def _joined(owner: Any, names: tuple[str, str]) -> Array:
    """A matrix and a bias that stand side by side."""
    return np.column_stack([getattr(owner, name) for name in names])


def _with_blocks(cell: Any, blocks: tuple[Array, Array]) -> Any:
    arrays: dict[str, Array] = {}
    for names, block in zip(_PAIRS, blocks, strict=True):
        arrays.update(zip(names, _split(block), strict=True))
    return replace(cell, **arrays)


def _split(block: Array) -> tuple[Array, Array]:
    return np.ascontiguousarray(block[:, :-1]), block[:, -1].copy()


def _size(array: Array) -> float:
    return max(float(np.sqrt(np.mean(array * array))), 1e-2)


def _with_ones(z: Array) -> Array:
    return np.column_stack([z, np.ones(len(z))])
