"""Nodes of one recurrent layer of a foreign graph, from its moments and what reads it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pruning.checks import Array, Nodes, integer
from pruning.reconstruction import missed_share, reconstruction_matrix
from pruning.selection.dispatch import looked_at, select_nodes
from pruning.selection.reading import given_theta, reading_weight
from pruning.stack_sizes import relative_objective, shared_sizes


@dataclass(frozen=True, eq=False)
class Chosen:
    """What one direction of a layer keeps.

    Attributes
    ----------
    nodes : (k,) integer array
    A : (m, k) array
        Reconstruction of the state from the kept nodes, or their 0/1 embedding.
    A_reset : (m, k) array or None
        The same of r * h, for a GRU with the reset gate before the product.
    lost : float
        Share of what reads the state that reconstruction misses.
    """

    nodes: Nodes
    A: Array
    A_reset: Array | None
    lost: float


def choose(
    name: str,
    S: Array,
    rows: Array,
    readers: Array | None,
    k: int,
    settings: Any,
    rng: np.random.Generator,
    S_reset: Array | None = None,
) -> Chosen:
    """Choose the nodes of one direction of a layer.

    Parameters
    ----------
    name : str
        What messages call k.
    S : (m, m) array
        Second moment of the states over the steps of the data.
    rows : (gates m, m) array
        What reads the state in the recursion.
    readers : (q, m) array or None
        What reads it from outside, where that is linear and known.
    k : int
    settings : Settings
    rng : numpy Generator
    S_reset : (m, m) array, optional
        Second moment of r * h.
    """
    m = len(S)
    k = integer(name, k, 1, m)
    M = weight_of(rows, readers, settings)
    if settings.method == "random":
        nodes = np.sort(rng.permutation(m)[:k])
    else:
        looks: dict[str, Any] = (
            {"weight": M, "tau": None} if "weight" in looked_at(settings.method) else {}
        )
        nodes = select_nodes(S, k, settings.method, **looks)
    if settings.reconstruct:
        A = reconstruction_matrix(S, nodes)
        A_reset = None if S_reset is None else reconstruction_matrix(S_reset, nodes)
    else:
        A = np.eye(m)[:, nodes]
        A_reset = None if S_reset is None else A
    read = rows if readers is None else readers
    return Chosen(nodes, A, A_reset, missed_share(read, S, nodes, A))


def weight_of(rows: Array, readers: Array | None, settings: Any) -> Array:
    """Return M of the objective, from what reads the state in the recursion and outside it."""
    blocks = [block for block in (readers, rows) if block is not None and block.size]
    return reading_weight(blocks, given_theta(settings.theta))


def layer_sizes(settings: Any, layers: Sequence[Sequence[tuple[Array, Array, Any]]]) -> list[int]:
    """Return one k a layer, from -k or from --total.

    Parameters
    ----------
    settings : Settings
    layers : by layer and direction
        S, rows and readers, as `choose` takes them.
    """
    k, total = settings.k, settings.total
    if (k is None) == (total is None):
        word = "neither" if k is None else "both"
        raise ValueError(f"either -k or --total must be given, got {word}")
    if total is not None:
        curves = [
            [relative_objective(S, weight_of(rows, read, settings)) for S, rows, read in row]
            for row in layers
        ]
        return shared_sizes(curves, total)
    values = list(k) if isinstance(k, list | tuple) else [k] * len(layers)
    if len(values) != len(layers):
        raise ValueError(
            f"k must be one number or one for each of the {len(layers)} layers, got {len(values)}"
        )
    return values
