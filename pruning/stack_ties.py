"""Near ties of a stack's balanced choice, decided by runs (see `pruning.ties`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol, TypeVar

import numpy as np

from pruning.checks import Array, Inputs, Nodes
from pruning.fisher import SEEN
from pruning.refit.softmax_gaps import SoftmaxGaps
from pruning.stack import Stack, true_lengths
from pruning.stack_balanced import StackObservability, are_logits, unobserved
from pruning.stack_fit import top_states
from pruning.ties import HALVINGS, Tried, distinct, held_apart, nested

_STATES, _OUTPUTS = 1 << 22, 1 << 23  # numbers formed at once


class Pruned(Protocol):
    """What was pruned to some nodes."""

    @property
    def nodes(self) -> Any:
        """Kept nodes by layer and direction."""

    @property
    def pruned(self) -> Stack:
        """The small network."""


P = TypeVar("P", bound=Pruned)


def run_ties(
    stack: Stack,
    x: Any,
    lengths: Any,
    choose: Callable[[list[Array]], Any],
    prune: Callable[[Any], P],
    *,
    rng: np.random.Generator,
    reads: str = "last",
    outputs: str | None = None,
    halvings: int = HALVINGS,
) -> list[tuple[Tried, P]]:
    """Return every different set of nodes, the whole sample's first, with its network.

    Parameters
    ----------
    stack, x, lengths, reads, outputs
        As in `pruning.stack_balanced.balanced_weights`.
    choose : callable
        The nodes by layer and direction for weights by layer.
    prune : callable
        What the stack is, pruned to nodes.
    rng : numpy Generator
        Draws which sequences decide, and the probes.
    halvings : int
        As in `pruning.ties.nested`.
    """
    checked = stack.check_input(x)
    ends = None if lengths is None else true_lengths(lengths, checked)
    deciding, others = held_apart(len(checked), rng)
    seen: dict[str, Any] = {"reads": reads, "outputs": outputs}
    weights = nested_weights(stack, checked, ends, others, rng=rng, halvings=halvings, **seen)
    found = [prune(nodes) for nodes in distinct(map(choose, weights), lambda nodes: nodes)]
    held_out = checked[deciding]
    held_ends = None if ends is None else ends[deciding]
    gaps = output_gaps(stack, [one.pruned for one in found], held_out, held_ends, **seen)
    return [(Tried(one.nodes, gap), one) for one, gap in zip(found, gaps, strict=True)]


def nested_weights(
    stack: Stack,
    x: Inputs,
    lengths: Nodes | None,
    rows: Nodes,
    *,
    reads: str = "last",
    outputs: str | None = None,
    rng: np.random.Generator | int | None = 0,
    halvings: int = HALVINGS,
) -> list[list[Array]]:
    """Return the balanced weights of some rows of x, of their halves, ..., by layer each.

    A part of whose states in some layer the outputs feel nothing is left out; all rows together are
    not, and raise.

    Parameters
    ----------
    stack, x, lengths, reads, outputs, rng
        As in `pruning.stack_balanced.balanced_weights`; x and lengths are checked.
    rows : (n,) integer array
    halvings : int
        As in `pruning.ties.nested`.
    """

    def part(which: Nodes) -> tuple[Inputs, Nodes | None]:
        return x[which], None if lengths is None else lengths[which]

    def weigh(seen: StackObservability) -> list[Array] | None:
        return seen.weights() if seen.felt or seen.n == len(rows) else None

    empty = unobserved(stack, *part(rows[:SEEN]), reads=reads, rng=rng, outputs=outputs)
    found = nested(rows, halvings, lambda which: empty.fresh().update(*part(which)), weigh)
    return [weights for weights in found if weights is not None]


def output_gaps(
    whole: Stack,
    small: Sequence[Stack],
    x: Inputs,
    lengths: Nodes | None = None,
    reads: str = "last",
    outputs: str | None = None,
) -> list[float]:
    """Return the gap of the outputs of each small stack, inf where its run leaves the floats.

    The mean over the outputs that count of ||f' - f^||^2, or of KL(softmax f^ || softmax f') where
    they are logits.

    Parameters
    ----------
    whole : Stack
    small : sequence of Stack
        Of the same inputs and outputs.
    x, lengths, reads, outputs
        As in `pruning.stack_balanced.balanced_weights`; x and lengths are checked.
    """
    logits = are_logits(whole, x, outputs)
    count = len(x) if reads == "last" else x.shape[0] * x.shape[1]
    if lengths is not None and reads == "every":
        count = int(lengths.sum())
    totals = np.zeros(len(small))
    # Batches outside, so that the whole network is run once and no more is held than a batch.
    for rows in _batches(whole, x):
        ends = None if lengths is None else lengths[rows]
        states = top_states(whole, x[rows], ends, reads)
        gaps = None
        if logits:
            shares = np.full(len(states), 1 / count)
            gaps = SoftmaxGaps(_read_out(whole), states, shares, "float32", "whole")
        for number, one in enumerate(small):
            own = top_states(one, x[rows], ends, reads)
            if gaps is not None:
                totals[number] += gaps.value(_read_out(one), own)
            else:
                totals[number] += _squares(whole, states, one, own) / count
    return [float(total) if np.isfinite(total) else np.inf for total in totals]


def _batches(stack: Stack, x: Inputs) -> Iterator[slice]:
    step = max(1, _STATES // (x.shape[1] * max(1, sum(map(sum, stack.nodes)))))
    return (slice(start, start + step) for start in range(0, len(x), step))


def _read_out(stack: Stack) -> Array:
    return np.column_stack([stack.w_output, stack.b_output])


def _squares(whole: Stack, states: Array, small: Stack, own: Array) -> float:
    """Sum of ||f' - f^||^2 over rows of states."""
    total, step = 0.0, max(1, _OUTPUTS // whole.d_y)
    with np.errstate(over="ignore", invalid="ignore"):
        for start in range(0, len(states), step):
            part = slice(start, start + step)
            gap = own[part] @ small.w_output.T + small.b_output
            gap -= states[part] @ whole.w_output.T + whole.b_output
            total += float(np.vdot(gap, gap))
    return total
