"""Recurrent layers of a foreign graph that hand their states on: pruned and refitted as a stack.

What stands in front of the recurrence is run by the graph's own library, so that its outcome is the
data. Behind it either one linear layer reads the states of the last layer, which is then the
read-out, or something else does; then the states themselves are the outputs, every direction of
them alike, and the reconstruction is the read-out. Whatever follows is carried along untouched.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pruning.checks import Array, choice
from pruning.gauss_newton import RefitStep
from pruning.spectral import FITTED, REFITS
from pruning.stack import Stack, StackCell
from pruning.stack_pruning import PrunedStack, prune_stack
from pruning.stack_refit import refit_stack, refit_stack_read_out


@dataclass(frozen=True, eq=False)
class Chain:
    """Recurrent layers, each of which reads the states of the one below and nothing else.

    Attributes
    ----------
    layers : tuple of tuples of cells
        By layer and direction.
    x : (n, T, d) array
        What the first layer reads.
    rows : (q, width) array or None
        The linear layer that reads the states of the last layer; None where it is another one.
    bias : (q,) array or None
    reads : {"last", "every"}
        Which states of the last layer are read: those of every step, or the last one, that of a
        second direction at the end of its own run.
    """

    layers: tuple[tuple[StackCell, ...], ...]
    x: Array
    rows: Array | None
    bias: Array | None
    reads: str


@dataclass(frozen=True, eq=False)
class SmallChain:
    """A pruned chain.

    Attributes
    ----------
    layers : tuple of tuples of cells
        Each reads the small states of the layer below.
    rows, bias : (q, width') and (q,) arrays
        The read-out: of the linear layer that was there, or the reconstruction of the states.
    nodes : list by layer and direction
    losses : list by layer
    tried : list
        What `tried_sets` returns.
    """

    layers: tuple[tuple[StackCell, ...], ...]
    rows: Array
    bias: Array
    nodes: list[list[list[int]]]
    losses: list[float]
    tried: list[dict[str, Any]]


def wanted(settings: Any) -> bool:
    """Whether the settings ask for more than second moments: gradients, or a fit."""
    choice("objective", settings.objective, ("paper", "balanced"))
    choice("refit", settings.refit or "none", ("none", *REFITS))
    return bool(settings.objective != "paper" or settings.refit or settings.by_runs)


def fitted(stack: Stack, x: Any, lengths: Any, settings: Any) -> PrunedStack:
    """Return a stack pruned, and refitted to the whole one's outputs where that is asked for.

    At most `FITTED` sequences are fitted, drawn by the seed of the settings, so that files sorted
    by label do not hold out one label alone.
    """
    choice("refit", settings.refit or "none", ("none", *REFITS))
    seen: Any = {"reads": settings.reads, "outputs": settings.outputs or None}
    result = prune_stack(
        stack,
        x,
        settings.k,
        total=settings.total,
        lengths=lengths,
        theta=settings.theta,
        method=settings.method,
        reconstruct=settings.reconstruct,
        objective=settings.objective,
        by_runs=settings.by_runs,
        rng=settings.seed if settings.method == "random" or settings.by_runs else None,
        **(seen if settings.objective == "balanced" else {}),
    )
    if not settings.refit:
        return result
    drawn = np.random.default_rng(settings.seed).permutation(len(x))[:FITTED]
    x, lengths = np.asarray(x)[drawn], None if lengths is None else np.asarray(lengths)[drawn]
    where = "held-out x" if len(x) > 1 else "x"
    small = refit_stack_read_out(
        stack, result.pruned, x, lengths, **seen, progress=_told(settings, "read-out", where)
    )
    if settings.refit == "closed-loop":
        told = _told(settings, "closed loop", where)
        small = refit_stack(stack, small, x, lengths, **seen, progress=told)
    return replace(result, pruned=small)


def _told(settings: Any, what: str, where: str) -> Callable[[RefitStep], None] | None:
    say = settings.say
    if say is None:
        return None
    return lambda step: say(f"{what}, step {step.step}, gap {step.held_out:.4g} on {where}")


def prune_chain(chain: Chain, settings: Any, apart: bool = False) -> SmallChain:
    """Return the chain pruned as the settings say.

    Parameters
    ----------
    chain : Chain
    settings : Settings
    apart : bool
        The two directions of a layer must not be mixed by the read-out.

    Raises
    ------
    ValueError
        If several layers end in one whose directions are read apart: at the ends of their own
        runs, or as `apart` says.
    """
    top = chain.layers[-1]
    width = sum(cell.m for cell in top)
    linear = chain.rows is not None
    rows = np.eye(width) if chain.rows is None else chain.rows
    bias = np.zeros(len(rows)) if chain.bias is None else chain.bias
    if settings.outputs == "logits" and not linear:
        raise ValueError("--outputs logits needs a linear layer that reads the states, got another")
    settings = replace(settings, reads=chain.reads)
    if len(top) == 1 or not (apart or chain.reads == "last"):
        found = fitted(Stack(chain.layers, rows, bias), chain.x, None, settings)
        return _small([found], found.pruned.w_output, found.pruned.b_output)
    if len(chain.layers) > 1:
        raise ValueError(
            "--objective and --refit are for one layer where both directions are read apart, got "
            f"{len(chain.layers)} layers: take a state_dict of torch, or leave them away"
        )
    if settings.outputs == "logits":
        raise ValueError(
            "--outputs logits is not for two directions that are read apart: take a state_dict of "
            "torch, or numbers"
        )
    if settings.total is not None:
        settings = replace(settings, k=max(1, settings.total // 2), total=None)
    # f is a sum of what is read of each direction, and each is fitted to its own summand.
    parts, at = [], 0
    for side, cell in enumerate(top):
        own = rows[:, at : at + cell.m]
        if not linear:
            own = own[at : at + cell.m]
        x = np.ascontiguousarray(chain.x[:, ::-1]) if side else chain.x
        parts.append(fitted(Stack(((cell,),), own, np.zeros(len(own))), x, None, settings))
        at += cell.m
    small = [part.pruned for part in parts]
    if linear:
        whole = np.hstack([one.w_output for one in small])
        return _small(parts, whole, bias + sum(one.b_output for one in small))
    from scipy.linalg import block_diag

    return _small(
        parts,
        block_diag(*[one.w_output for one in small]),
        np.concatenate([one.b_output for one in small]),
    )


def _small(parts: list[PrunedStack], rows: Array, bias: Array) -> SmallChain:
    """One chain of what was pruned: whole, or a direction at a time."""
    layers = tuple(
        tuple(cell for part in parts for cell in part.pruned.layers[number])
        for number in range(len(parts[0].pruned.layers))
    )
    nodes = [
        [side.tolist() for part in parts for side in part.nodes[number]]
        for number in range(len(layers))
    ]
    losses = [
        float(np.mean([part.losses[number] for part in parts])) for number in range(len(layers))
    ]
    return SmallChain(layers, np.asarray(rows), np.asarray(bias), nodes, losses, tried_sets(parts))


def tried_sets(parts: list[PrunedStack]) -> list[dict[str, Any]]:
    """Every set of nodes that was run, by layer and direction, and how far its outputs were.

    Of directions that were pruned apart each has sets of its own, and says which it is. A gap that
    is not finite is None.
    """
    found = []
    for side, part in enumerate(parts):
        which = {"direction": side} if len(parts) > 1 else {}
        for one in part.tried:
            nodes = [[kept.tolist() for kept in layer] for layer in one.nodes]
            gap = one.gap if math.isfinite(one.gap) else None
            found.append({**which, "nodes": nodes, "gap": gap})
    return found


def alike(a: Any, b: Any) -> bool:
    """Whether two arrays are the same but for float32 rounding through many steps."""
    if a.shape != b.shape:
        return False
    return bool(
        np.abs(a - b).max(initial=0.0) <= 1e-3 * max(1e-6, float(np.abs(b).max(initial=0.0)))
    )
