"""A pruned stack fitted to the whole one's outputs, without labels (theory, section 11).

`refit_stack_read_out` fits W_o', b_o' on the small stack's own states; `refit_stack` fits all
weights of its cells through time, too (`balanced.closed_loop`). Of outputs that are numbers squared
gaps count: least squares, and Gauss-Newton from products alone. Of logits the divergence of their
softmax counts (`balanced.divergence`), as in `pruning.refit.divergence`: most words are improbable
everywhere, and to have their logits right is worth nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pruning.cells.lru import LRU
from pruning.checks import Array, Inputs, Nodes, choice, fraction, integer, nonnegative
from pruning.gauss_newton import RefitStep, gauss_newton
from pruning.refit.coordinates import quasi_newton
from pruning.refit.divergence import check_classes
from pruning.refit.held_out import split
from pruning.stack import Stack, counted, true_lengths
from pruning.stack_balanced import READS, are_logits
from pruning.stack_fit import SquaredGaps, StackDivergence

SQUARE_STEPS, LOGIT_STEPS, PATIENCE = 10, 30, 3


def refit_stack_read_out(
    whole: Stack,
    small: Stack,
    x: Any,
    lengths: Any = None,
    *,
    reads: str = "last",
    ridge: float = 1e-6,
    outputs: str | None = None,
    held_out: float = 0.2,
    steps: int = 30,
    dtype: str = "float32",
    progress: Callable[[RefitStep], None] | None = None,
) -> Stack:
    """Return the small stack with the read-out that fits the whole one's outputs best.

    Parameters
    ----------
    whole, small : Stack
        Of the same inputs and outputs.
    x, lengths, reads, outputs
        As in `balanced_weights`; labels are not needed.
    ridge : float
        For numbers: pull towards the read-out that it has, in units of the mean square of a state.
    held_out, steps, dtype, progress
        For logits, as in `refit_stack`.
    """
    choice("reads", reads, READS)
    checked = _checked(whole, small, x)
    ends = None if lengths is None else true_lengths(lengths, checked)
    if are_logits(whole, checked, outputs):
        return _least_divergence(
            whole, small, checked, ends, reads, False, held_out, steps, dtype, progress
        )
    whole, small, basis = _in_basis(whole, small)
    width = small.w_output.shape[1] + 1
    gram, cross, count = np.zeros((width, width)), np.zeros((width, whole.d_y)), 0
    before = np.column_stack([small.w_output, small.b_output]).T
    for rows, states in small.state_batches(checked, ends):
        part = None if ends is None else ends[rows]
        where = counted(states[-1].shape[:2], part, reads)
        h = states[-1][where]
        H = np.column_stack([h, np.ones(len(h))])
        target = whole.predictions(checked[rows], part)[where]
        gram += H.T @ H
        cross += H.T @ (target - H @ before)
        count += len(H)
    shift = nonnegative("ridge", ridge) * np.trace(gram) / width
    move = np.linalg.lstsq(gram + shift * np.eye(width), cross, rcond=None)[0]
    found = before + move
    fitted = Stack(small.layers, found[:-1].T, found[-1], small.embedding)
    return _out_of_basis(fitted, basis)


def refit_stack(
    whole: Stack,
    small: Stack,
    x: Any,
    lengths: Any = None,
    *,
    reads: str = "last",
    outputs: str | None = None,
    held_out: float = 0.2,
    steps: int | None = None,
    iterations: int = 20,
    dtype: str = "float32",
    progress: Callable[[RefitStep], None] | None = None,
) -> Stack:
    """Return the small stack with all its weights fitted to the whole one's outputs.

    Parameters
    ----------
    whole, small : Stack
        Of the same inputs and outputs.
    x, lengths, reads, outputs
        As in `balanced_weights`; labels are not needed.
    held_out : float
        Share of the sequences, the last ones, that decide when to stop; never worse on them than
        the start.
    steps : int, optional
        At most so many: by default 10 of Gauss-Newton for numbers, 30 of L-BFGS for logits.
    iterations : int
        Of conjugate gradients in each step, for numbers.
    dtype : {"float32", "float64"}
        Precision of logits; sums over sequences are float64.
    progress : callable, optional
        Called with a `pruning.gauss_newton.RefitStep` of squared gaps; or of divergences, whose
        damping is 0.
    """
    choice("reads", reads, READS)
    if any(isinstance(cell, LRU) for layer in small.layers for cell in layer):
        raise ValueError(
            "an LRU cannot be fitted through time: its nodes run exactly; refit the read-out"
        )
    checked = _checked(whole, small, x)
    share = fraction("held_out", held_out)
    ends = None if lengths is None else true_lengths(lengths, checked)
    cut = len(checked) - int(share * len(checked))
    if cut == 0 or cut == len(checked):
        raise ValueError(
            f"x must hold sequences to fit and to hold out, got {len(checked)} at a share of "
            f"{share:g}"
        )
    if are_logits(whole, checked, outputs):
        limit = LOGIT_STEPS if steps is None else steps
        return _least_divergence(
            whole, small, checked, ends, reads, True, share, limit, dtype, progress
        )
    whole, small, basis = _in_basis(whole, small)
    ours, theirs = (
        SquaredGaps(whole, small, checked[p], None if ends is None else ends[p], reads)
        for p in (slice(0, cut), slice(cut, None))
    )

    def other(theta: Array) -> float:
        r = theirs.residuals(theta)[0]
        return float(r @ r)

    found = gauss_newton(
        ours,
        ours.weights.flat(small),
        held_out=other,
        scale=ours.weights.scale(small),
        steps=SQUARE_STEPS if steps is None else integer("steps", steps, 0),
        iterations=iterations,
        progress=progress,
    )
    return _out_of_basis(ours.weights.with_weights(found), basis)


def _least_divergence(
    whole: Stack,
    small: Stack,
    x: Inputs,
    lengths: Nodes | None,
    reads: str,
    moves: bool,
    held_out: float,
    steps: int,
    dtype: str,
    progress: Callable[[RefitStep], None] | None,
) -> Stack:
    check_classes("whole", whole.d_y)
    choice("dtype", dtype, ("float32", "float64"))
    ours, theirs = (
        StackDivergence(
            whole,
            small,
            x[part],
            None if lengths is None else lengths[part],
            reads,
            moves=moves,
            dtype=dtype,
        )
        if part.stop > part.start
        else None
        for part in split(len(x), held_out)
    )
    assert ours is not None
    start = ours.weights.flat(small)

    found = quasi_newton(
        ours.value_and_gradient,
        lambda theta, value: value if theirs is None else theirs.value(theta),
        start,
        lambda: ours.coordinates(start),
        steps=integer("steps", steps, 0),
        patience=PATIENCE,
        progress=progress,
    )
    return ours.weights.with_weights(found)


def _in_basis(whole: Stack, small: Stack) -> tuple[Stack, Stack, Array | None]:
    """Both networks with their outputs in an orthonormal basis Q of the columns of [W_o, b_o].

    What the whole network says lies in their span, and so do the best W_o', b_o': ten thousand
    words are m + 1 numbers. The small network loses what of its read-out lies outside, which is
    error. None for Q where there are no more outputs than columns.
    """
    columns = np.column_stack([whole.w_output, whole.b_output])
    if len(columns) <= columns.shape[1]:
        return whole, small, None
    Q = np.linalg.qr(columns)[0]
    found = [
        replace(net, w_output=Q.T @ net.w_output, b_output=Q.T @ net.b_output)
        for net in (whole, small)
    ]
    return found[0], found[1], Q


def _out_of_basis(stack: Stack, basis: Array | None) -> Stack:
    if basis is None:
        return stack
    return replace(stack, w_output=basis @ stack.w_output, b_output=basis @ stack.b_output)


def _checked(whole: Stack, small: Stack, x: ArrayLike) -> Inputs:
    for name in ("d_x", "d_y"):
        ours, theirs = getattr(small, name), getattr(whole, name)
        if ours != theirs:
            raise ValueError(f"small must have the {name} of whole, {theirs}, got {ours}")
    return whole.check_input(x)
