"""Gradients of a stack's outputs in its states and weights, backwards and forwards.

A direction in the weights has the shape of the weights: by layer and direction of the stack the
four arrays of a cell, then those of the read-out.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from pruning.checks import Array, Inputs, Nodes
from pruning.scaled_sums import NONE, shifted
from pruning.stack import Stack, reversed_in_time

KEPT = 2.0**500
"""Gradients that stay between 1/KEPT and KEPT at every step are formed without exponents."""

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


def scaled_state_gradients(run: StackRun, given: Array) -> list[tuple[Array, Nodes]]:
    """Return what `state_gradients` does where it leaves the range of floats on its way back.

    Parameters
    ----------
    run : StackRun
        All states are finite.
    given : (T, n, width) array
        Finite.

    Returns
    -------
    list of (g, exponents) by layer
        The gradients are 2^exponents g, g (T, n, width) with entries of at most about 1 and
        exponents (T, n) integers, one a step and a sequence, `NONE` where there is nothing. Beside
        the largest entry of a step and a sequence one below 2^-500 of it may count as 0.

    Raises
    ------
    ValueError
        If the range is left from one step to the one before it, with that step.
    """
    last = len(given) if run.lengths is None else int(np.max(run.lengths, initial=0))
    with np.errstate(over="ignore", invalid="ignore"):
        found = state_gradients(run, given)
        if all(_kept(g[:last]) for g in found):
            none = np.zeros(given.shape[:2], np.int64)
            return [(g, none) for g in found]
        return _by_steps(run, given)


def _kept(g: Array) -> bool:
    peaks = np.abs(g).max(axis=(1, 2), initial=0.0)
    return bool(((peaks >= 1 / KEPT) & (peaks <= KEPT)).all())


def _by_steps(run: StackRun, given: Array) -> list[tuple[Array, Nodes]]:
    """The same a step at a time, with an exponent for every sequence."""
    lengths, found = run.lengths, []
    value, exponent = _peaks_out(given, np.zeros(given.shape[:2], np.int64))
    for number in range(len(run.runs) - 1, -1, -1):
        if lengths is not None:
            alive = np.arange(len(given))[:, None] < lengths
            value = np.where(alive[..., None], value, 0.0)
            exponent = np.where(alive, exponent, NONE)
        totals, below, at = [], [], 0
        for side, cell in enumerate(run.stack.layers[number]):
            mine = (value[:, :, at : at + cell.m], exponent)
            if side:
                mine = _turned(mine, lengths)
            total, drive, own = _one_cell(cell, run.runs[number][side], *mine, number, side)
            down = drive @ cell.w_input
            if number:
                _in_range(down, number - 1)
            parts = [(total, own), _peaks_out(down, own)]
            if side:
                parts = [_turned(part, lengths) for part in parts]
            totals.append(parts[0])
            below.append(parts[1])
            at += cell.m
        top = np.maximum.reduce([own for _, own in totals])
        found.append((np.concatenate([_in_units(one, top) for one in totals], axis=2), top))
        top = np.maximum.reduce([own for _, own in below])
        value, exponent = _peaks_out(np.sum([_in_units(one, top) for one in below], axis=0), top)
    return found[::-1]


def _one_cell(
    cell: Any, run: Any, given: Array, exponent: Nodes, layer: int, side: int
) -> tuple[Array, Array, Nodes]:
    """Gradients in the states of a cell and in W_i x_t + b_i, in units of the exponents returned.

    What is carried to the step before, of an LSTM also that in c, has exponents of its own.
    """
    T, n, m = given.shape
    total, drive = np.empty_like(given), np.empty((T, n, len(cell.w_input)))
    own, carried_exponent = np.empty_like(exponent), np.full(n, NONE)
    carried = np.zeros((2 if cell.kind == "lstm" else 1, n, m))
    for t in range(T - 1, -1, -1):
        own[t] = top = np.maximum(exponent[t], carried_exponent)
        h, *c = carried = _in_units((carried, carried_exponent), top)
        back = cell.backward(
            _step_of(run, t), (_in_units((given[t], exponent[t]), top) + h)[None], *c
        )
        total[t], drive[t] = back[0][0], back[1][0]
        carried = np.stack(back[2:] if c else back[3:])
        if t and not np.isfinite(carried).all():
            raise _left_range(layer, T - t + 1 if side else t)
        peak = np.abs(carried).max(axis=(0, 2), initial=0.0)
        power = np.frexp(peak)[1]
        carried = np.ldexp(carried, -power[:, None])
        carried_exponent = np.where(peak > 0, top + power, NONE)
    return total, drive, own


def _step_of(run: Any, t: int) -> Any:
    """The run of step t alone, from the state before it."""
    found = {}
    for one in fields(run):
        value = getattr(run, one.name)
        if one.name.startswith("start"):
            states = run.c if one.name == "start_c" else run.h
            found[one.name] = states[t - 1] if t else value
        else:
            found[one.name] = value[t : t + 1]
    return replace(run, **found)


def _peaks_out(value: Array, exponent: Nodes) -> tuple[Array, Nodes]:
    """Arrays (T, n, d) with largest entries in [1/2, 1), and their exponents; `NONE` for 0."""
    peak = np.abs(value).max(axis=2, initial=0.0)
    power = np.frexp(peak)[1]
    return np.ldexp(value, -power[..., None]), np.where(peak > 0, exponent + power, NONE)


def _in_units(part: tuple[Array, Nodes], top: Nodes) -> Array:
    value, exponent = part
    return shifted(value, (exponent - top)[..., None])


def _turned(part: tuple[Array, Nodes], lengths: Nodes | None) -> tuple[Array, Nodes]:
    value, exponent = part
    turned: Any = exponent[..., None]
    turned = reversed_in_time(turned, lengths)
    return reversed_in_time(value, lengths), turned[..., 0]


def _in_range(g: Array, layer: int) -> None:
    finite = np.isfinite(g).all(axis=(1, 2))
    if not finite.all():
        raise _left_range(layer, int(np.flatnonzero(~finite)[-1]) + 1)


def _left_range(layer: int, step: int) -> ValueError:
    return ValueError(
        f"the gradients in the states of layer {layer} must be finite, "
        f"they leave the range of floats at step {step} on their way back"
    )


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
