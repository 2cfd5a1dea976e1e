"""How many nodes each cell of a stack keeps: as given, or shared out of a total."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from pruning.cells.lru import LRU
from pruning.checks import Array, in_units, integer, unit_exponent
from pruning.selection.greedy import greedy_order
from pruning.stack import Stack
from pruning.stack_moments import StackMoments

Sizes = tuple[tuple[int, ...], ...]


def diagonal_blocks(stack: Stack, S: Array, layer: int) -> list[Array]:
    """The diagonal blocks (m, m) of a layer's matrix (width, width), one a direction."""
    ends = np.cumsum([0, *stack.nodes[layer]])
    return [S[a:b, a:b] for a, b in itertools.pairwise(ends)]


def nodes_of(cell: Any) -> int:
    """Nodes of a cell: an LRU's stand for two numbers of the state each."""
    return int(cell.pairs if isinstance(cell, LRU) else cell.m)


def given_sizes(stack: Stack, k: Any) -> Sizes:
    """Return k by layer and direction; see `prune_stack`."""
    layers = [[nodes_of(cell) for cell in row] for row in stack.layers]
    if isinstance(k, int | np.integer):
        k = [k] * len(layers)
    values = list(k)
    if len(values) != len(layers):
        raise ValueError(
            f"k must be one number or one for each of the {len(layers)} layers, got {len(values)}"
        )
    sizes = []
    for number, (value, layer) in enumerate(zip(values, layers, strict=True)):
        sides = list(value) if isinstance(value, list | tuple) else [value] * len(layer)
        if len(sides) != len(layer):
            raise ValueError(f"k of layer {number} must have {len(layer)} values, got {len(sides)}")
        name = f"k of layer {number}" if len(layers) > 1 else "k"
        sizes.append(tuple(integer(name, v, 1, m) for v, m in zip(sides, layer, strict=True)))
    return tuple(sizes)


def sizes_of_total(
    stack: Stack, moments: StackMoments, weights: list[list[Array]], total: int | None
) -> Sizes:
    """Share `total` nodes out by the relative objectives of all cells."""
    curves = [
        [
            relative_objective(S, M)
            for S, M in zip(diagonal_blocks(stack, moments.states[layer], layer), weights[layer])
        ]
        for layer in range(len(stack.layers))
    ]
    sizes = shared_sizes(curves, integer("total", total))
    return tuple((size,) * len(row) for size, row in zip(sizes, stack.layers))


def shared_sizes(curves: Sequence[Sequence[Array]], total: int) -> list[int]:
    """Return the nodes of each layer that `total` allows: every next where most is won.

    Both directions of a layer get as many, as every library wants it.

    Parameters
    ----------
    curves : by layer and direction
        What `relative_objective` returns.
    total : int
        At least one a direction, at most all nodes. What is left where the next layer that could
        take a node takes two is not spent.
    """
    limits = [min(len(curve) for curve in row) - 1 for row in curves]
    least, most = sum(map(len, curves)), sum(n * len(row) for n, row in zip(limits, curves))
    left = integer("total", total, least, most) - least
    sizes = [1] * len(curves)
    while True:
        gains = {
            layer: sum(float(curve[size] - curve[size + 1]) for curve in row) / len(row)
            for layer, (row, size) in enumerate(zip(curves, sizes))
            if size < limits[layer] and len(row) <= left
        }
        if not gains:
            return sizes
        layer = max(gains, key=lambda place: gains[place])
        sizes[layer] += 1
        left -= len(curves[layer])


def relative_objective(S: Array, M: Array) -> Array:
    """Return Tr[M C]/Tr[M S] after 0, 1, ..., m nodes of the greedy order."""
    S = in_units(S, unit_exponent(S))
    order = greedy_order(S, len(S), M)
    C, whole = S.copy(), float(np.vdot(M, S))
    values = [1.0]
    for j in order:
        pivot = C[j, j]
        if pivot > 1e-12 * S[j, j]:
            C -= np.outer(C[:, j], C[j]) / pivot
        values.append(max(0.0, float(np.vdot(M, C))) / whole if whole > 0 else 0.0)
    return np.minimum.accumulate(values)
