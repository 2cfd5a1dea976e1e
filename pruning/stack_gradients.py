"""Gradients of a stack's outputs in its states and weights, backwards and forwards.

A direction in the weights has the shape of the weights: by layer and direction of the stack the
four arrays of a cell, then those of the read-out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from pruning.checks import Array, Inputs, Nodes
from pruning.stack import Stack, reversed_in_time

CELL_WEIGHTS = ("w_input", "w_hidden", "b_input", "b_hidden")


@dataclass(frozen=True, eq=False)
class StackRun:
    """A run of all cells of a stack on one batch.

    Attributes
    ----------
    stack : Stack
    lengths : (n,) integer array or None
    inputs : list of (T, n, d) arrays
        What each layer reads.
    runs : list of lists of Run
        By layer and direction; the second direction runs in reversed time.
    top : (T, n, width) array
        States of the last layer.
    """

    stack: Stack
    lengths: Any
    inputs: list[Array]
    runs: list[list[Any]]
    top: Array


def run_stack(stack: Stack, x: Inputs, lengths: Nodes | None = None) -> StackRun:
    """Run a stack on checked inputs in float64, keeping what gradients need."""
    if stack.embedding is not None:
        below = stack.embedding[x.T]
    else:
        below = np.ascontiguousarray(x.transpose(1, 0, 2), np.float64)
    inputs, runs = [], []
    for layer in stack.layers:
        inputs.append(below)
        row, sides = [], []
        for side, cell in enumerate(layer):
            run = cell.run(reversed_in_time(below, lengths) if side else below)
            row.append(run)
            sides.append(reversed_in_time(run.h, lengths) if side else run.h)
        runs.append(row)
        below = sides[0] if len(sides) == 1 else np.concatenate(sides, axis=2)
        if lengths is not None:
            below = np.where((np.arange(len(below))[:, None] < lengths)[..., None], below, 0.0)
    return StackRun(stack, lengths, inputs, runs, below)


def state_gradients(run: StackRun, given: Array) -> list[Array]:
    """Return the gradients in the states of every layer, each (T, n, width).

    Parameters
    ----------
    run : StackRun
    given : (T, n, width) array
        Gradient in the states of the last layer, from what reads them.
    """
    return [total for total, _ in _backwards(run, given)][::-1]


def weight_gradients(run: StackRun, given: Array) -> list[list[list[Array]]]:
    """Return the gradients in the weights of the cells, by layer and direction."""
    found = [[into_weights(*one) for one in row] for _, row in _backwards(run, given)]
    return found[::-1]


def drive_gradients(run: StackRun, given: Array) -> list[list[tuple[Array, Array]]]:
    """Return the gradients in W_i x + b_i and in W_h h + b_h of the cells, each (T, n, rows).

    By layer and direction; in a second direction in the time of its run, from the end.
    """
    return [[one[3:] for one in row] for _, row in _backwards(run, given)][::-1]


def cell_inputs(run: StackRun, layer: int, side: int) -> Array:
    """Return what a cell reads, (T, n, d), in the time of its run."""
    x = run.inputs[layer]
    return reversed_in_time(x, run.lengths) if side else x


def _backwards(run: StackRun, given: Array) -> Any:
    """Yield from the last layer downwards the gradient in its states and, for each direction,
    the arguments of `into_weights`.
    """
    lengths = run.lengths
    for number in range(len(run.runs) - 1, -1, -1):
        layer = run.stack.layers[number]
        if lengths is not None:
            given = np.where((np.arange(len(given))[:, None] < lengths)[..., None], given, 0.0)
        x = run.inputs[number]
        totals, row, below = [], [], np.zeros_like(x)
        at = 0
        for side, cell in enumerate(layer):
            mine = given[:, :, at : at + cell.m]
            own_x = cell_inputs(run, number, side)
            passed = run.runs[number][side]
            total, at_drive, at_state = cell.backward(
                passed, reversed_in_time(mine, lengths) if side else mine
            )[:3]
            if cell.kind == "lstm":
                at_state = at_drive
            row.append((cell, passed, own_x, at_drive, at_state))
            down = at_drive @ cell.w_input
            below += reversed_in_time(down, lengths) if side else down
            totals.append(reversed_in_time(total, lengths) if side else total)
            at += cell.m
        yield np.concatenate(totals, axis=2), row
        given = below


def into_weights(cell: Any, run: Any, x: Array, at_drive: Array, at_state: Array) -> list[Array]:
    """Return the gradients in w_input, w_hidden, b_input and b_hidden of one cell."""
    rows = at_drive.reshape(-1, at_drive.shape[2])
    states = at_state.reshape(-1, at_state.shape[2])
    read = run.before.reshape(-1, cell.m)
    w_hidden = states.T @ read
    if getattr(cell, "reset_after", True) is False:
        product = (run.r * run.before).reshape(-1, cell.m)
        w_hidden[2 * cell.m :] = states[:, 2 * cell.m :].T @ product
    return [rows.T @ x.reshape(len(rows), -1), w_hidden, rows.sum(axis=0), states.sum(axis=0)]


def weight_tangent(run: StackRun, direction: list[list[list[Array]]]) -> Array:
    """Return how the states of the last layer move along a direction in the cells' weights."""
    lengths = run.lengths
    moved_below: Array | None = None
    for number, layer in enumerate(run.stack.layers):
        sides = []
        for side, cell in enumerate(layer):
            d_input, d_hidden, d_b_input, d_b_hidden = direction[number][side]
            passed = run.runs[number][side]
            own_x = cell_inputs(run, number, side)
            in_drive = own_x @ d_input.T + d_b_input
            if moved_below is not None:
                moved = reversed_in_time(moved_below, lengths) if side else moved_below
                in_drive = in_drive + moved @ cell.w_input.T
            in_state = passed.before @ d_hidden.T + d_b_hidden
            if getattr(cell, "reset_after", True) is False:
                product = passed.r * passed.before
                in_state[:, :, 2 * cell.m :] = (
                    product @ d_hidden[2 * cell.m :].T + d_b_hidden[2 * cell.m :]
                )
            h = cell.tangent(passed, in_drive, in_state)
            sides.append(reversed_in_time(h, lengths) if side else h)
        moved_below = sides[0] if len(sides) == 1 else np.concatenate(sides, axis=2)
        if lengths is not None:
            alive = (np.arange(len(moved_below))[:, None] < lengths)[..., None]
            moved_below = np.where(alive, moved_below, 0.0)
    assert moved_below is not None
    return moved_below
