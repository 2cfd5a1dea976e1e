"""Nodes of one recurrent layer of a foreign graph, from its moments and what reads it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from pruning.checks import Array, Nodes, integer
from pruning.reconstruction import reconstruction_matrix, residual
from pruning.selection.dispatch import select_nodes
from pruning.selection.reading import reading_weight


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
    blocks = [block for block in (readers, rows) if block is not None and block.size]
    M = reading_weight(blocks, settings.theta)
    if settings.method == "random":
        nodes = np.sort(rng.permutation(m)[:k])
    else:
        nodes = select_nodes(S, k, settings.method, M, None)
    if settings.reconstruct:
        A = reconstruction_matrix(S, nodes)
        A_reset = None if S_reset is None else reconstruction_matrix(S_reset, nodes)
    else:
        A = np.eye(m)[:, nodes]
        A_reset = None if S_reset is None else A
    read = rows if readers is None else readers
    scale = float(np.vdot(read @ S, read))
    lost = float(np.vdot(read @ residual(S, nodes, A), read)) / scale if scale > 0 else 0.0
    return Chosen(nodes, A, A_reset, max(0.0, lost))


def layer_sizes(k: Any, layers: int) -> list[int]:
    """Return one k a layer from one number or a list."""
    if k is None:
        raise ValueError("-k must be given for this form of network, got none")
    values = list(k) if isinstance(k, list | tuple) else [k] * layers
    if len(values) != layers:
        raise ValueError(
            f"k must be one number or one for each of the {layers} layers, got {len(values)}"
        )
    return values
