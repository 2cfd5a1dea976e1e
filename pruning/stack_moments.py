"""Second moments of all layers of a stack, in one pass over the data."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from pruning.cells.gru import GRU
from pruning.checks import Array, Inputs, Nodes, finite_states, unwarned
from pruning.stack import Stack, reversed_in_time, true_lengths


@dataclass(frozen=True, eq=False)
class StackMoments:
    """What pruning a stack needs to know of the data.

    Attributes
    ----------
    states : tuple of (width, width) arrays
        S of every layer: the mean of h h^T over the true steps of all sequences, both directions
        side by side.
    reset : tuple of tuples of (m, m) arrays or None
        For a GRU with the reset gate before the product the mean of (r * h_{t-1}) (r * h_{t-1})^T,
        by layer and direction; None for every other cell.
    steps : int
        True steps seen.
    """

    states: tuple[Array, ...]
    reset: tuple[tuple[Array | None, ...], ...]
    steps: int


def stack_moments(stack: Stack, batches: Any, lengths: Any = None) -> StackMoments:
    """Return the second moments of a stack on data.

    Parameters
    ----------
    stack : Stack
    batches : x, or an iterable of batches
        x is (n, T, d_x) floats or (n, T) tokens. A batch is such an array, or a pair (x, lengths);
        T may differ from batch to batch. An iterable is read once, so that data may be larger than
        memory; an array on disk (`numpy.memmap`) is read a batch at a time.
    lengths : (n,) integer array, optional
        True lengths of the padded sequences of x.

    Raises
    ------
    ValueError
        If there is no data, or a batch does not fit the network.
    """
    sums = [np.zeros((sum(layer), sum(layer))) for layer in stack.nodes]
    reset: list[list[Any]] = [
        [np.zeros((cell.m, cell.m)) if _before(cell) else None for cell in layer]
        for layer in stack.layers
    ]
    steps = 0
    for x, ends in _batches(batches, lengths):
        checked = stack.check_input(x)
        true = None if ends is None else true_lengths(ends, checked)
        for rows, states in unwarned(stack.state_batches(checked, true)):
            part = None if true is None else true[rows]
            for total, h in zip(sums, states, strict=True):
                flat = h.reshape(-1, h.shape[2])
                with np.errstate(over="ignore", invalid="ignore"):
                    total += flat.T @ flat  # steps behind the end are 0
                if not np.isfinite(total).all():
                    finite_states(h)
                    raise ValueError(
                        "the states of the network must have finite squares on the data"
                    )
            _add_reset(stack, reset, checked[rows], states, part)
            steps += int(h.shape[0] * h.shape[1] if part is None else part.sum())
    if steps == 0:
        raise ValueError("the data must hold at least one sequence, got none")
    return StackMoments(
        tuple(total / steps for total in sums),
        tuple(tuple(None if r is None else r / steps for r in layer) for layer in reset),
        steps,
    )


def _batches(batches: Any, lengths: Nodes | None) -> Iterable[tuple[Any, Any]]:
    if hasattr(batches, "shape") or isinstance(batches, list | tuple):
        return [(batches, lengths)]
    if lengths is not None:
        raise ValueError("lengths go with each batch of an iterable, as pairs (x, lengths)")
    return (batch if isinstance(batch, tuple) else (batch, None) for batch in batches)


def _before(cell: Any) -> bool:
    return isinstance(cell, GRU) and not cell.reset_after


def _add_reset(
    stack: Stack, reset: list[list[Any]], x: Inputs, states: Any, lengths: Nodes | None
) -> None:
    """Add the moments of r * h, from runs of the cells that need them."""
    for number, layer in enumerate(stack.layers):
        for side, cell in enumerate(layer):
            if reset[number][side] is None:
                continue
            below = _below(stack, number, x, states)
            if side:
                below = reversed_in_time(below, lengths)
            run: Any = cell.run(below)
            product = run.r * run.before
            if lengths is not None:
                product[np.arange(len(product))[:, None] >= lengths] = 0
            flat = product.reshape(-1, cell.m)
            reset[number][side] += flat.T @ flat


def _below(stack: Stack, number: int, x: Inputs, states: Any) -> Array:
    if number:
        return np.ascontiguousarray(states[number - 1].transpose(1, 0, 2))
    if stack.embedding is not None:
        result: Array = stack.embedding[x.T]
        return result
    return np.ascontiguousarray(x.transpose(1, 0, 2), np.float64)
