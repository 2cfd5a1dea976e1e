"""Rival methods for stacks of plain and gated layers, matched with k nodes a cell.

`baseline_nodes` chooses nodes, `masked_weights` keeps as many weights of every array as the pruned
network would have; both leave what is done with them (`prune_stack_to`) to the caller.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from scipy.linalg import qr

from pruning.baselines.magnitude_nodes import largest
from pruning.baselines.sampled_nodes import by_leverage, by_process
from pruning.checks import Array, Inputs, Nodes, Targets, as_generator, choice, integer, unused
from pruning.losses import value_and_gradient
from pruning.selection.determinantal import sample_volume
from pruning.stack import Stack
from pruning.stack_gradients import CELL_WEIGHTS, run_stack, state_gradients
from pruning.stack_moments import StackMoments

NODE_METHODS = (
    "magnitude nodes",
    "Taylor nodes",
    "pivoted QR",
    "leverage scores",
    "determinantal",
    "volume",
)
_BATCH = 256


def baseline_nodes(
    stack: Stack,
    moments: StackMoments,
    k: int,
    method: str,
    *,
    x: Any = None,
    y: Any = None,
    rng: np.random.Generator | int | None = 0,
) -> list[list[Nodes]]:
    """Return k nodes of every cell, by layer and direction.

    Parameters
    ----------
    stack : Stack
    moments : StackMoments
    k : int
    method : str
        ``magnitude nodes`` (largest norm of all weights into and out of a node), ``Taylor nodes``
        (largest mean |d loss/d c_j|, c_j a factor on the node: the only one that sees labels),
        ``pivoted QR``, ``leverage scores``, ``determinantal``, ``volume`` (by S; see
        `pruning.baselines`).
    x, y : arrays (n, T, d_x) and (n,)
        For ``Taylor nodes`` only; the loss is the cross-entropy of the last output.
    rng : numpy Generator or seed
        For the methods that draw.
    """
    choice("method", method, NODE_METHODS)
    if method != "Taylor nodes":
        for name, value in {"x": x, "y": y}.items():
            unused(name, value, f"the method {method!r}")
    generator = as_generator("rng", rng)
    scores = taylor_scores(stack, x, y) if method == "Taylor nodes" else None
    found: list[list[Nodes]] = []
    for layer, cells in enumerate(stack.layers):
        row, at = [], 0
        for cell in cells:
            size = integer("k", k, 1, cell.m)
            part = slice(at, at + cell.m)
            S = moments.states[layer][part, part]
            if method == "magnitude nodes":
                nodes = largest(_norms(cell, stack.readers(layer)[:, part]), size)
            elif scores is not None:
                nodes = largest(scores[layer][part], size)
            elif method == "pivoted QR":
                nodes = np.sort(qr(S, mode="r", pivoting=True)[1][:size])
            elif method == "leverage scores":
                nodes = by_leverage(S, size, generator)
            elif method == "determinantal":
                nodes = by_process(S, size, generator)
            else:
                nodes = sample_volume(S, size, generator)
            row.append(np.asarray(nodes, np.int64))
            at += cell.m
        found.append(row)
    return found


def taylor_scores(stack: Stack, x: Inputs, y: Targets) -> list[Array]:
    """Return the mean over sequences of |d loss/d c_j| at c = 1 for the nodes of every layer.

    Parameters
    ----------
    stack : Stack
    x, y : arrays (n, T, d_x) and (n,)
        The loss is the cross-entropy of the last output.
    """
    if x is None or y is None:
        raise ValueError("Taylor nodes need x and y, got None")
    checked, labels = stack.check_input(x), np.asarray(y)
    if labels.shape != (len(checked),):
        raise ValueError(f"y must hold {len(checked)} labels, got shape {labels.shape}")
    if labels.dtype.kind not in "iu" or labels.min() < 0 or labels.max() >= stack.d_y:
        raise ValueError(f"classes in y must be integers in 0..{stack.d_y - 1}, got {labels.max()}")
    totals = [np.zeros(sum(row)) for row in stack.nodes]
    with np.errstate(over="ignore", invalid="ignore"):
        for start in range(0, len(checked), _BATCH):
            part = slice(start, start + _BATCH)
            run = run_stack(stack, checked[part])
            f = run.top[-1] @ stack.w_output.T + stack.b_output
            given = np.zeros_like(run.top)
            at_f = value_and_gradient("cross_entropy", f, labels[part], 1.0)[1]
            given[-1] = at_f @ stack.w_output
            states = [*run.inputs[1:], run.top]
            for total, h, g in zip(totals, states, state_gradients(run, given), strict=True):
                total += np.abs((h * g).sum(axis=0)).sum(axis=0)
    return [total / len(checked) for total in totals]


def masked_weights(
    stack: Stack, k: int, by: str, rng: np.random.Generator | int | None = 0
) -> Stack:
    """Return the stack with as many nonzero weights in every array as k nodes a cell would have.

    Parameters
    ----------
    stack : Stack
        Of one direction a layer.
    k : int
    by : {"magnitude", "random"}
        Which weights of an array stay; biases are whole.
    rng : numpy Generator or seed
    """
    choice("by", by, ("magnitude", "random"))
    generator = as_generator("rng", rng)
    layers = []
    for number, cells in enumerate(stack.layers):
        row = []
        for cell in cells:
            size = integer("k", k, 1, cell.m)
            gates = len(cell.w_hidden) // cell.m
            d_x = cell.d_x if number == 0 else k * len(stack.layers[number - 1])
            kept = {
                "w_input": _kept(cell.w_input, gates * size * d_x, by, generator),
                "w_hidden": _kept(cell.w_hidden, gates * size * size, by, generator),
            }
            other: Any = replace(cell, **kept)  # type: ignore[arg-type]
            row.append(other)
        layers.append(tuple(row))
    width = k * len(stack.layers[-1])
    w_output = _kept(stack.w_output, len(stack.b_output) * width, by, generator)
    return Stack(tuple(layers), w_output, stack.b_output, stack.embedding)


def _kept(W: Array, count: int, by: str, rng: np.random.Generator) -> Array:
    scores = np.abs(W).reshape(-1) if by == "magnitude" else rng.random(W.size)
    mask = np.zeros(W.size, bool)
    mask[largest(scores, count)] = True
    return np.where(mask.reshape(W.shape), W, 0.0)


def _norms(cell: Any, readers: Array) -> Array:
    m = cell.m
    with np.errstate(over="ignore", invalid="ignore"):
        squares = np.square(cell.w_hidden).sum(axis=0) + np.square(readers).sum(axis=0)
        for name in CELL_WEIGHTS:
            W = getattr(cell, name)
            squares += np.square(W.reshape(len(W) // m, m, -1)).sum(axis=(0, 2))
        squares -= sum(np.square(np.diag(gate)) for gate in cell.w_hidden.reshape(-1, m, m))
    return np.asarray(np.sqrt(squares))
