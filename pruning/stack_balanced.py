"""What the outputs of a stack feel of each state: the balanced weight of section 11, for all cells.

O_t = E[g_t g_t^T], g_t the gradient in h_t of a random sign combination of the outputs
(`balanced.probes`), one backward pass a probe whatever the number of outputs. The objective's
weight is M = sum_t O_t/Tr O_t, in which no few exploding steps decide (`balanced.weight`). Logits
are seen through `softmax_stack`: a word counts as it is probable. Through hundreds of steps
gradients leave every floating-point range: they carry a power of two each, as those of
`Observability` do, and so does the sum of every step.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from pruning.checks import Array, Inputs, Nodes, as_generator, choice, finite_states, integer
from pruning.fisher import NUMBERS, SEEN, softmax_root
from pruning.scaled_sums import NONE, ScaledSums
from pruning.stack import Stack, counted, same_stack, true_lengths
from pruning.stack_gradients import run_stack, scaled_state_gradients

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
        If states or gradients leave the range of floats in one step, with that step, or nothing is
        felt.
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
        # In units of a power of two, so that no read-out is beyond floats.
        self._exponent = int(np.frexp(np.abs(stack.w_output).max(initial=0.0))[1])
        self._read_out = replace(stack, w_output=np.ldexp(stack.w_output, -self._exponent))
        self._sums = [ScaledSums(T, sum(layer)) for layer in stack.nodes]

    def fresh(self) -> StackObservability:
        """Return one of the same network that has seen nothing; signs go on from the same rng."""
        return StackObservability(self.stack, self.T, self.reads, self.probes, self._rng)

    def update(
        self, x: Inputs, lengths: Nodes | None = None, batch: int = _BATCH
    ) -> StackObservability:
        """Add checked sequences, a batch at a time, in place; return self.

        A failure leaves the sums as they were.
        """
        if x.shape[1] != self.T:
            raise ValueError(f"x must have T = {self.T} steps, got {x.shape[1]}")
        scratch = self.fresh()
        for start in range(0, len(x), batch):
            rows = slice(start, start + batch)
            part = None if lengths is None else lengths[rows]
            with np.errstate(over="ignore", invalid="ignore"):  # refused in a sentence
                run = run_stack(self.stack, x[rows], part)
            for h in (*run.inputs[1:], run.top):
                finite_states(h.transpose(1, 0, 2))
            for _ in range(self.probes):
                given = probe(self._read_out, run.top.shape[:2], part, self.reads, self._rng)
                felt = scaled_state_gradients(run, given)
                for sums, (g, exponents) in zip(scratch._sums, felt, strict=True):
                    _add(sums, g, exponents)
            scratch.n += len(x[rows])
        if self.n:
            return self.merge(scratch)
        self._sums, self.n = scratch._sums, scratch.n  # in half the memory of a sum
        return self

    def merge(self, other: StackObservability) -> StackObservability:
        """Add what `other` has seen of the same network, in place; return self.

        Raises
        ------
        ValueError
            If it is of another network, T, reads or probes.
        """
        if not isinstance(other, StackObservability):
            raise ValueError(f"other must be a StackObservability, got {type(other).__name__}")
        same = (
            other.T == self.T
            and other.reads == self.reads
            and other.probes == self.probes
            and same_stack(other.stack, self.stack)
        )
        if not same:
            raise ValueError("other must be of the same network, T, reads and probes, got another")
        for mine, theirs in zip(self._sums, other._sums, strict=True):
            mine.merge(theirs)
        self.n += other.n
        return self

    @property
    def felt(self) -> bool:
        """Whether the outputs feel something of every layer."""
        return all((one.exponents > NONE).any() for one in self._sums)

    @property
    def log2_traces(self) -> list[Array]:
        """log2 Tr O_t of every layer, each (T,): always in range; -inf where O_t = 0."""
        if self.n == 0:
            raise ValueError("the observability must have seen at least one sequence, got none")
        found = []
        for one in self._sums:
            seen, traces = one.exponents > NONE, np.full(self.T, -np.inf)
            trace = np.trace(one.matrices[seen], axis1=1, axis2=2) / (self.n * self.probes)
            traces[seen] = np.log2(trace) + one.exponents[seen] + 2 * self._exponent
            found.append(traces)
        return found

    def weights(self) -> list[Array]:
        """Return M of every layer; see `balanced_weights`."""
        return [_normalised(total.matrices, layer) for layer, total in enumerate(self._sums)]


def _add(sums: ScaledSums, g: Array, exponents: Nodes) -> None:
    """Add sum_i g_t g_t^T of every step, of gradients 2^exponents g: g (T, n, m), (T, n)."""
    peak = np.abs(g).max(axis=2, initial=0.0)
    own = np.where(peak > 0, exponents + np.frexp(peak)[1], NONE)
    top = own.max(axis=1, initial=NONE)
    for t in np.flatnonzero(top > NONE):
        rows = np.ldexp(g[t], np.maximum(exponents[t] - top[t], -5000)[:, None])
        sums.add(int(t), rows.T @ rows, 2 * int(top[t]))


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
