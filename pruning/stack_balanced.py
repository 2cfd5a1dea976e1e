"""What the outputs of a stack feel of each state: the balanced weight of section 11, for all cells.

O_t = E[g_t g_t^T], g_t the gradient in h_t of a random sign combination of the outputs
(`balanced.probes`), one backward pass a probe whatever the number of outputs. The objective's
weight is M = sum_t O_t/Tr O_t, in which no few exploding steps decide (`balanced.weight`). Logits
are seen through `softmax_stack`: a word counts as it is probable.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from pruning.checks import Array, Inputs, Nodes, as_generator, choice, integer
from pruning.fisher import NUMBERS, SEEN, softmax_root
from pruning.stack import Stack, counted, true_lengths
from pruning.stack_gradients import run_stack, state_gradients

READS = ("last", "every")
OUTPUTS = ("numbers", "logits")
_BATCH = 128


def balanced_weights(
    stack: Stack,
    x: Any,
    lengths: Any = None,
    *,
    reads: str = "last",
    probes: int = 4,
    rng: np.random.Generator | int | None = 0,
    batch: int = _BATCH,
    outputs: str | None = None,
) -> list[Array]:
    """Return M of every layer, (width, width) of trace 1.

    Parameters
    ----------
    stack : Stack
    x : (n, T, d_x) floats or (n, T) tokens
    lengths : (n,) integer array, optional
        True lengths of padded sequences.
    reads : {"last", "every"}
        Which outputs count: the last true step's, or every true step's.
    probes : int
        Random sign combinations of the outputs a sequence.
    rng : numpy Generator or seed
        Draws the signs.
    batch : int
        Sequences at a time.
    outputs : {None, "numbers", "logits"}
        What the outputs are: numbers, whose squared gaps count, or logits, of which the divergence
        of their softmax counts. None: logits where the network reads tokens and has an output for
        each of them, as language models have, and numbers otherwise.

    Raises
    ------
    ValueError
        If gradients are not finite, with the step where they leave the range, or nothing is felt.
    """
    checked = stack.check_input(x)
    ends = None if lengths is None else true_lengths(lengths, checked)
    seen = unobserved(stack, checked, ends, reads=reads, probes=probes, rng=rng, outputs=outputs)
    return seen.update(checked, ends, batch).weights()


def unobserved(
    stack: Stack,
    x: Inputs,
    lengths: Nodes | None,
    *,
    reads: str = "last",
    probes: int = 4,
    rng: np.random.Generator | int | None = 0,
    outputs: str | None = None,
) -> StackObservability:
    """Return what `balanced_weights` fills from checked sequences x, before it has seen any.

    For logits the network is `softmax_stack` of x.
    """
    choice("reads", reads, READS)
    if are_logits(stack, x, outputs):
        stack = softmax_stack(stack, x, lengths, reads=reads)
    return StackObservability(
        stack, x.shape[1], reads, integer("probes", probes, 1), as_generator("rng", rng)
    )


class StackObservability:
    """Running second moments of the gradients in the states of every layer, by probes.

    Parameters
    ----------
    stack : Stack
        What its outputs' squared gaps are is what counts.
    T : int
        Steps of every sequence, padded ones among them.
    reads : {"last", "every"}
    probes : int
        Random sign combinations of the outputs a sequence.
    rng : numpy Generator
        Draws the signs.

    Attributes
    ----------
    n : int
        Sequences seen so far.
    """

    def __init__(
        self, stack: Stack, T: int, reads: str, probes: int, rng: np.random.Generator
    ) -> None:
        self.stack, self.T, self.reads, self.probes = stack, T, reads, probes
        self._rng, self.n = rng, 0
        self._sums = [_Moments(T, sum(layer)) for layer in stack.nodes]

    def fresh(self) -> StackObservability:
        """Return one of the same network that has seen nothing; signs go on from the same rng."""
        return StackObservability(self.stack, self.T, self.reads, self.probes, self._rng)

    def update(
        self, x: Inputs, lengths: Nodes | None = None, batch: int = _BATCH
    ) -> StackObservability:
        """Add checked sequences, a batch at a time, in place; return self.

        A failure leaves the sums as they were.
        """
        scratch = self.fresh()
        for start in range(0, len(x), batch):
            rows = slice(start, start + batch)
            part = None if lengths is None else lengths[rows]
            run = run_stack(self.stack, x[rows], part)
            for _ in range(self.probes):
                given = probe(self.stack, run.top.shape[:2], part, self.reads, self._rng)
                with np.errstate(over="ignore", invalid="ignore"):  # refused in a sentence
                    felt = state_gradients(run, given)
                for layer, g in enumerate(felt):
                    _check(g, layer)
                    scratch._sums[layer].add(g)
            scratch.n += len(x[rows])
        if self.n:
            return self.merge(scratch)
        self._sums, self.n = scratch._sums, scratch.n  # in half the memory of a sum
        return self

    def merge(self, other: StackObservability) -> StackObservability:
        """Add what `other` has seen of the same network, in place; return self."""
        for mine, theirs in zip(self._sums, other._sums, strict=True):
            mine.merge(theirs)
        self.n += other.n
        return self

    @property
    def felt(self) -> bool:
        """Whether the outputs feel something of every layer."""
        return all((np.trace(one.sums, axis1=1, axis2=2) > 0).any() for one in self._sums)

    def weights(self) -> list[Array]:
        """Return M of every layer; see `balanced_weights`."""
        return [_normalised(total.sums, layer) for layer, total in enumerate(self._sums)]


class _Moments:
    """sum_i g_t g_t^T of every step, in units of a power of four of its own.

    Through hundreds of steps gradients become so small or large that their squares are no floats.
    """

    def __init__(self, T: int, width: int) -> None:
        self.sums = np.zeros((T, width, width))
        self.exponents = np.full(T, _NOTHING)

    def add(self, g: Array) -> None:
        """Add gradients (T, n, width), all finite."""
        largest = np.abs(g).max(axis=(1, 2), initial=0.0)
        own = np.where(largest > 0, np.frexp(largest)[1], _NOTHING)
        scaled = np.ldexp(g, -np.where(largest > 0, own, 0)[:, None, None])
        self._add(np.matmul(scaled.transpose(0, 2, 1), scaled), own)

    def merge(self, other: _Moments) -> None:
        """Add the gradients that another has."""
        self._add(other.sums.copy(), other.exponents)

    def _add(self, second: Array, exponents: Nodes) -> None:
        """Add matrices, which are brought to the larger exponent in place."""
        top = np.maximum(exponents, self.exponents)
        for matrices, own in ((self.sums, self.exponents), (second, exponents)):
            low = np.flatnonzero(own < top)
            matrices[low] = _shifted(matrices[low], own[low] - top[low])
        self.sums += second
        self.exponents = top


_NOTHING = -(1 << 20)


def _shifted(second: Array, exponent: Array) -> Array:
    """Matrices of each step times 4^exponent, exponent <= 0."""
    result: Array = np.ldexp(second, 2 * np.maximum(exponent, -1200)[:, None, None])
    return result


def are_logits(stack: Stack, x: Inputs, outputs: str | None) -> bool:
    """Whether outputs are logits; `OUTPUTS`, or None for what checked inputs look like."""
    if outputs is not None:
        return choice("outputs", outputs, OUTPUTS) == "logits"
    return bool(x.ndim == 2 and stack.d_y == stack.d_x >= 2)


def softmax_stack(
    stack: Stack, x: Inputs, lengths: Nodes | None = None, *, reads: str = "last", most: int = SEEN
) -> Stack:
    """Return a stack of the same states, whose squared gaps are those that its softmax feels.

    Its read-out R has R^T R = W_o^T E[diag p - p p^T] W_o over the outputs that count; see
    `pruning.fisher.softmax_network`.

    Parameters
    ----------
    stack : Stack
        Its outputs are logits.
    x, lengths, reads
        As in `balanced_weights`.
    most : int
        The first sequences are used, until about so many outputs have been seen.
    """
    choice("reads", reads, READS)
    checked = stack.check_input(x)
    ends = None if lengths is None else true_lengths(lengths, checked)
    T = checked.shape[1]
    each = T if reads == "every" else 1
    checked = checked[: max(1, integer("most", most, 1) // each)]
    ends = None if ends is None else ends[: len(checked)]
    batch = max(1, NUMBERS // (each * stack.d_y))
    count = each * len(checked) if ends is None or reads == "last" else int(ends.sum())

    def rows() -> Iterator[tuple[Array, Array]]:
        for which, states in stack.state_batches(checked, ends, batch):
            part = None if ends is None else ends[which]
            h = states[-1][counted(states[-1].shape, part, reads)]
            yield h, np.full(len(h), 1 / count)

    root = softmax_root(stack.w_output, stack.b_output, rows())
    return replace(stack, w_output=root, b_output=np.zeros(len(root)))


def probe(
    stack: Stack,
    shape: tuple[int, ...],
    lengths: Nodes | None,
    reads: str,
    rng: np.random.Generator,
) -> Array:
    """Return the gradient in the last layer's states of random signs on the outputs, (T, n, .)."""
    T, n = shape
    given = np.zeros((T, n, stack.w_output.shape[1]))
    if reads == "last":
        ends = np.full(n, T) if lengths is None else lengths
        signs = rng.choice([-1.0, 1.0], size=(n, stack.d_y))
        given[ends - 1, np.arange(n)] = signs @ stack.w_output
    else:
        # Only W_o^T W_o matters: its triangular factor stands for ten thousand words.
        root = np.linalg.qr(stack.w_output, mode="r") if stack.d_y > len(given[0, 0]) else None
        read = stack.w_output if root is None else root
        given[...] = rng.choice([-1.0, 1.0], size=(T, n, len(read))) @ read
        if lengths is not None:
            given[np.arange(T)[:, None] >= lengths] = 0
    return given


def _check(g: Array, layer: int) -> None:
    if not np.isfinite(g).all():
        step = int(np.flatnonzero(~np.isfinite(g).all(axis=(1, 2)))[-1]) + 1
        raise ValueError(
            f"the gradients in the states of layer {layer} must be finite, "
            f"they leave the range of floats at step {step} on their way back"
        )


def _normalised(second: Array, layer: int) -> Array:
    traces = np.trace(second, axis1=1, axis2=2)
    felt = traces > 0
    if not felt.any():
        raise ValueError(
            f"the outputs must depend on the states of layer {layer}, they do not: the read-out is "
            "0, or every gradient on the way back is"
        )
    M = (second[felt] / traces[felt, None, None]).mean(axis=0)
    result: Array = (M + M.T) / 2
    return result
