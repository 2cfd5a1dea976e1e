"""Spectral pruning of stacks of plain and gated layers, from one pass over the data.

Theory, section 12. For the kept nodes J of a cell, W_h*' = W_h*[J,:] A in every gate, W_i*' =
W_i*[J,:], biases [J]; what reads the layer from outside, the next layer's W_i or the read-out,
becomes W A. A bidirectional layer is two chains, each with an A of its own, and one reader over
both, whose A reconstructs both from the kept nodes of both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pruning.cells.gru import GRU
from pruning.cells.lru import LRU, greedy_pairs
from pruning.checks import (
    Array,
    Nodes,
    as_generator,
    choice,
    unused,
    unused_tau,
)
from pruning.reconstruction import missed_share, reconstruction_matrix
from pruning.selection.dispatch import looked_at, select_nodes
from pruning.selection.reading import given_theta, reading_weight
from pruning.stack import Stack
from pruning.stack_moments import StackMoments, stack_moments
from pruning.stack_sizes import Sizes, diagonal_blocks, given_sizes, nodes_of, sizes_of_total
from pruning.ties import Tried

Kept = tuple[tuple[Nodes, ...], ...]

WEIGHTED = ("greedy", "exhaustive")
"""The methods that look at the weights."""


@dataclass(frozen=True, eq=False)
class PrunedStack:
    """A pruned stack, with what was kept and what was lost.

    Attributes
    ----------
    original, pruned : Stack
    nodes : tuple of tuples of integer arrays
        Kept nodes by layer and direction: node i of a pruned cell is node ``nodes[l][d][i]`` of
        the original one.
    chains : tuple of tuples of (m, k) arrays
        A of every cell: what its own recursion reads.
    readers : tuple of (width, width') arrays
        A of every layer: what the next layer or the read-out reads.
    losses : tuple of float
        By layer Tr[Z R Z^T]/Tr[Z S Z^T], Z what reads the layer from outside and R the covariance
        of the residuals: the share of what it reads that reconstruction misses.
    moments : StackMoments
    method : str
    tried : tuple of `pruning.ties.Tried`
        With `by_runs` every set of nodes that was run, that of the whole sample first, and how far
        its outputs were; empty otherwise.

    Examples
    --------
    >>> import numpy as np
    >>> from rnnbounds import GRU, PrunedStack, Stack, prune_stack
    >>> rng = np.random.default_rng(0)
    >>> cell = GRU(rng.normal(size=(12, 2)), rng.normal(size=(12, 4)), np.zeros(12), np.zeros(12))
    >>> stack = Stack([[cell]], rng.normal(size=(1, 4)), [0.0])
    >>> small = prune_stack(stack, rng.normal(size=(20, 5, 2)), k=2)
    >>> isinstance(small, PrunedStack), len(small.losses)
    (True, 1)
    """

    original: Stack
    pruned: Stack
    nodes: Kept
    chains: tuple[tuple[Array, ...], ...]
    readers: tuple[Array, ...]
    losses: tuple[float, ...]
    moments: StackMoments
    method: str
    tried: tuple[Tried, ...] = ()


def prune_stack(
    stack: Stack,
    data: Any,
    k: int | Sequence[Any] | None = None,
    *,
    total: int | None = None,
    lengths: Any = None,
    theta: float | None = None,
    tau: float | None = None,
    method: str = "greedy",
    reconstruct: bool = True,
    objective: str = "paper",
    reads: str | None = None,
    outputs: str | None = None,
    by_runs: bool = False,
    rng: np.random.Generator | int | None = None,
) -> PrunedStack:
    """Prune every layer of a stack.

    Parameters
    ----------
    stack : Stack
    data : StackMoments, x, or an iterable of batches
        See `stack_moments`.
    k : int, or one value a layer (or a tuple of two for both directions)
        Nodes to keep in each cell; of an LRU complex ones.
    total : int, optional
        Instead of k: nodes in all, at most, shared out so that each goes where it lowers the
        relative objective most; both directions of a layer get as many.
    lengths : (n,) integer array, optional
        True lengths of padded sequences.
    theta : float, optional
        Weight of the reconstruction of all nodes against what is read, in [0, 1]; 0.5 by default.
        For the objective ``paper``, with a method that looks at the weights or with `total`.
    tau : float, optional
        Regulariser of the reconstruction, and of the choice of nodes by a method that looks at the
        weights; None means 1e-8 Tr S/m.
    method : str
        ``greedy``, ``random`` or any of `select_nodes` that takes k; for the balanced objective
        ``greedy`` or ``exhaustive``, which look at the weights.
    reconstruct : bool
        False: dropped nodes read as 0.
    objective : {"paper", "balanced"}
        Weigh the residual by what reads it next, or by what the outputs feel of it through all
        later steps (`pruning.stack_balanced`); the second needs the sequences themselves.
    reads : {None, "last", "every"}
        Which outputs count for the balanced objective; the last one's by default.
    outputs : {None, "numbers", "logits"}
        What they are for it, as in `pruning.stack_balanced.balanced_weights`.
    by_runs : bool
        Decide near ties of the balanced objective: a fifth of the sequences (one at least, 1,000 at
        most) is held out; the others, their halves, quarters and eighths each give a weight and so
        a set of nodes; of these sets the one whose outputs are closest to the whole network's on
        the held-out sequences is kept, or the first, where no run stays within the range of floats.
    rng : numpy Generator or seed
        For methods that draw, and for `by_runs`; seed 0 there by default.

    Returns
    -------
    PrunedStack

    Raises
    ------
    ValueError
        If an argument does not fit the network, the data or another argument, or has no effect
        beside it.

    Examples
    --------
    >>> import numpy as np
    >>> from rnnbounds import GRU, Stack, prune_stack
    >>> rng = np.random.default_rng(0)
    >>> cell = GRU(rng.normal(size=(12, 2)), rng.normal(size=(12, 4)), np.zeros(12), np.zeros(12))
    >>> stack = Stack([[cell]], rng.normal(size=(1, 4)), [0.0])
    >>> small = prune_stack(stack, rng.normal(size=(20, 5, 2)), k=2)
    >>> small.pruned.layers[0][0].m, small.nodes[0][0].size
    (2, 2)
    """
    choice("method", method, ("greedy", "random", "exhaustive", "determinantal", "volume"))
    choice("objective", objective, ("paper", "balanced"))
    theta = given_theta(theta, beside(objective, method, total))
    if objective == "paper":
        for name, value in {"reads": reads, "outputs": outputs}.items():
            unused(name, value, "the objective 'paper'")
    if isinstance(data, StackMoments):
        unused("lengths", lengths, "moments, which were formed with theirs,")
    if not reconstruct and (method not in WEIGHTED or not any_by_weight(stack)):
        unused_tau(tau, f"the method {method!r} and no reconstruction")
    if objective == "balanced" and not hasattr(data, "shape"):
        raise ValueError(
            f"the balanced objective needs the sequences as one array, got {type(data).__name__}"
        )
    if by_runs and objective != "balanced":
        raise ValueError(
            "by_runs decides between sets of nodes of the objective balanced, "
            f"got the objective {objective}"
        )
    if objective == "balanced" and method not in WEIGHTED:
        raise ValueError(
            f"method must be {' or '.join(WEIGHTED)} for the objective 'balanced', which others do "
            f"not look at, got {method!r}"
        )
    if (k is None) == (total is None):
        word = "neither" if k is None else "both"
        raise ValueError(f"either k or total must be given, got {word}")
    if k is None and any(isinstance(cell, LRU) for row in stack.layers for cell in row):
        raise ValueError("total is not shared out over an LRU, give k")
    given = None if k is None else given_sizes(stack, k)
    moments = data if isinstance(data, StackMoments) else stack_moments(stack, data, lengths)
    generator = as_generator("rng", 0 if by_runs and rng is None else rng)

    def chosen(weights: list[list[Array]]) -> Kept:
        sizes = sizes_of_total(stack, moments, weights, total) if given is None else given
        drawing = generator if method == "random" or rng is not None else None
        return _chosen(stack, moments, sizes, weights, method, tau, drawing)

    def pruned(nodes: Kept) -> PrunedStack:
        read = tau if reconstruct else None
        return prune_stack_to(
            stack, moments, nodes, tau=read, reconstruct=reconstruct, method=method
        )

    if objective == "paper":
        return pruned(chosen(_paper(stack, theta)))
    from pruning.stack_balanced import balanced_weights

    seen: dict[str, Any] = {"reads": reads or "last", "outputs": outputs}
    if not by_runs:
        felt = balanced_weights(stack, data, lengths, **seen)
        return pruned(chosen(_by_direction(stack, felt)))
    from pruning.stack_ties import run_ties

    ties = run_ties(
        stack,
        data,
        lengths,
        lambda felt: chosen(_by_direction(stack, felt)),
        pruned,
        rng=generator,
        **seen,
    )
    best = min(ties, key=lambda one: one[0].gap)[1]
    return replace(best, tried=tuple(tried for tried, _ in ties))


def any_by_weight(stack: Stack) -> bool:
    """Whether nodes of a cell are chosen with a regulariser: those of an LRU are not."""
    return not all(isinstance(cell, LRU) for row in stack.layers for cell in row)


def beside(objective: str, method: str, total: int | None) -> str:
    """What leaves theta without effect; empty where it has one: `total` is shared by weights."""
    if objective == "balanced":
        return f"the objective {objective!r}"
    return "" if method in WEIGHTED or total is not None else f"the method {method!r}"


def prune_stack_to(
    stack: Stack,
    data: Any,
    nodes: Sequence[Sequence[ArrayLike]],
    *,
    lengths: Nodes | None = None,
    tau: float | None = None,
    reconstruct: bool = True,
    method: str = "given nodes",
) -> PrunedStack:
    """Prune a stack to given nodes, by layer and direction."""
    if isinstance(data, StackMoments):
        unused("lengths", lengths, "moments, which were formed with theirs,")
    if not reconstruct:
        unused_tau(tau, "no reconstruction")
    moments = data if isinstance(data, StackMoments) else stack_moments(stack, data, lengths)
    kept = tuple(tuple(np.sort(np.asarray(side, np.int64)) for side in layer) for layer in nodes)
    chains, readers, losses, layers = [], [], [], []
    lift: Array | None = None
    for number, cells in enumerate(stack.layers):
        S = moments.states[number]
        offsets = np.cumsum([0, *stack.nodes[number]])
        joint = np.concatenate([kept[number][d] + offsets[d] for d in range(len(cells))])
        reader = _matrix(S, joint, tau, reconstruct)
        own, restricted = [], []
        for side, cell in enumerate(cells):
            J = kept[number][side]
            block = S[offsets[side] : offsets[side + 1], offsets[side] : offsets[side + 1]]
            A = reader if len(cells) == 1 else _matrix(block, J, tau, reconstruct)
            own.append(A)
            w_input = None if lift is None else cell.w_input @ lift
            restricted.append(
                _restricted(cell, J, A, w_input, moments.reset[number][side], tau, reconstruct)
            )
        losses.append(missed_share(stack.readers(number), S, joint, reader))
        chains.append(tuple(own))
        readers.append(reader)
        layers.append(tuple(restricted))
        lift = reader
    pruned = Stack(tuple(layers), stack.w_output @ readers[-1], stack.b_output, stack.embedding)
    return PrunedStack(
        stack, pruned, kept, tuple(chains), tuple(readers), tuple(losses), moments, method
    )


def selection_weight(stack: Stack, layer: int, side: int, theta: float) -> Array:
    """Return M of the objective Tr[M C] for one cell, (m, m) of trace 1.

    Z holds what reads the cell's state: the rows of all its gates, and what reads the layer from
    outside; see `reading_weight`.
    """
    cell = stack.layers[layer][side]
    offset = sum(other.m for other in stack.layers[layer][:side])
    readers = stack.readers(layer)[:, offset : offset + cell.m]
    return reading_weight([readers, cell.reads_state], theta)


def _paper(stack: Stack, theta: float) -> list[list[Array]]:
    return [
        [selection_weight(stack, layer, side, theta) for side in range(len(cells))]
        for layer, cells in enumerate(stack.layers)
    ]


def _by_direction(stack: Stack, weights: list[Array]) -> list[list[Array]]:
    """The diagonal blocks of the directions of each layer."""
    return [diagonal_blocks(stack, M, layer) for layer, M in enumerate(weights)]


def _chosen(
    stack: Stack,
    moments: StackMoments,
    sizes: Sizes,
    weights: list[list[Array]],
    method: str,
    tau: float | None,
    rng: np.random.Generator | None,
) -> Kept:
    """The nodes that a method keeps under these weights, by layer and direction."""
    nodes = []
    for layer, cells in enumerate(stack.layers):
        blocks = diagonal_blocks(stack, moments.states[layer], layer)
        row = []
        for side, cell in enumerate(cells):
            size, M = sizes[layer][side], weights[layer][side]
            if method == "random":
                assert rng is not None
                found = np.sort(rng.permutation(nodes_of(cell))[:size])
            elif isinstance(cell, LRU):
                if method != "greedy":
                    raise ValueError(
                        f"the nodes of an LRU are chosen by greedy or random, got {method}"
                    )
                found = greedy_pairs(blocks[side], size, M)
            else:
                looks: dict[str, Any] = (
                    {"weight": M, "tau": tau} if "weight" in looked_at(method) else {}
                )
                found = select_nodes(blocks[side], size, method, rng=rng, **looks)
            if isinstance(cell, LRU):
                found = cell.coordinates(found)
            row.append(found.astype(np.int64))
        nodes.append(tuple(row))
    return tuple(nodes)


def _matrix(S: Array, nodes: Nodes, tau: float | None, reconstruct: bool) -> Array:
    if reconstruct:
        return reconstruction_matrix(S, nodes, tau)
    return np.eye(len(S))[:, nodes]


def _restricted(
    cell: Any,
    nodes: Nodes,
    A: Array,
    w_input: Array | None,
    reset: Array | None,
    tau: float | None,
    reconstruct: bool,
) -> Any:
    if isinstance(cell, GRU) and reset is not None:
        return cell.restricted(nodes, A, w_input, _matrix(reset, nodes, tau, reconstruct))
    return cell.restricted(nodes, A, w_input)
