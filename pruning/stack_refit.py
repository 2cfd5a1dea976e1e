"""A pruned stack fitted to the whole one's outputs, without labels (theory, section 11).

`refit_stack_read_out` fits W_o', b_o' on the small stack's own states; `refit_stack` fits all
weights of its cells through time, too (`balanced.closed_loop`). Of outputs that are numbers squared
gaps count: least squares, and Gauss-Newton from products alone. Of logits the divergence of their
softmax counts (`balanced.divergence`), as in `pruning.refit.divergence`: most words are improbable
everywhere, and to have their logits right is worth nothing.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pruning.cells.lru import LRU
from pruning.checks import Array, Inputs, Nodes, choice, integer, nonnegative, unused
from pruning.fisher import check_classes
from pruning.gauss_newton import RefitStep, gauss_newton
from pruning.refit.coordinates import quasi_newton
from pruning.refit.held_out import SHARE, few_numbers, share_beside, split
from pruning.refit.read_out import NOTHING_TOLD, STAYS
from pruning.refit.units import in_output_units, in_units_of, output_exponent
from pruning.stack import Stack, counted, true_lengths
from pruning.stack_balanced import READS, are_logits
from pruning.stack_fit import SquaredGaps, StackDivergence, StackWeights

SQUARE_STEPS, LOGIT_STEPS, PATIENCE, ITERATIONS = 10, 30, 3, 20

RIDGES = (1e-6, 1e-4, 1e-2, 1.0, 1e2, 1e4)
"""Tried where none is given; the last ones leave the read-out nearly as it is."""


def refit_stack_read_out(
    whole: Stack,
    small: Stack,
    x: Any,
    lengths: Any = None,
    *,
    reads: str = "last",
    ridge: float | None = None,
    outputs: str | None = None,
    held_out: float | None = None,
    steps: int | None = None,
    dtype: str | None = None,
    progress: Callable[[RefitStep], None] | None = None,
) -> Stack:
    """Return the small stack with the read-out that fits the whole one's outputs best.

    Parameters
    ----------
    whole, small : Stack
        Of the same inputs and outputs.
    x, lengths, reads, outputs
        As in `balanced_weights`; labels are not needed.
    ridge : float, optional
        For numbers: pull towards the read-out that it has, in units of the mean square of a state.
        None: the one of `RIDGES` that is best on the held-out sequences, then fitted on all; the
        read-out that it has stays where it is better there than any by a tenth.
    held_out : float, optional
        As in `refit_stack`, 0.2 by default; where no ridge is given.
    steps, dtype, progress
        For logits, as in `refit_stack`; what is fitted to numbers takes no steps.

    Raises
    ------
    ValueError
        For bad input, and for a ridge with logits, and steps or dtype with numbers, where they
        have no effect.
    """
    choice("reads", reads, READS)
    checked = _checked(whole, small, x)
    ends = None if lengths is None else true_lengths(lengths, checked)
    if are_logits(whole, checked, outputs):
        unused("ridge", ridge, "logits")
        share, limit = share_beside(None, held_out), LOGIT_STEPS if steps is None else steps
        return _least_divergence(
            whole, small, checked, ends, reads, False, share, limit, dtype, progress
        )
    for name, value in {"steps": steps, "dtype": dtype}.items():
        unused(name, value, "numbers")
    share = share_beside(ridge, held_out)
    exponent = output_exponent(whole)
    whole, small = (in_output_units(net, exponent) for net in (whole, small))
    whole, small, basis = _in_basis(whole, small)
    fit, held = split(len(checked), share)
    ours, theirs = (
        _ReadOutMoments.of(whole, small, checked[p], None if ends is None else ends[p], reads)
        for p in (fit, held)
    )
    if ridge is None:
        ridge = _least_ridge(ours, theirs)
    else:
        ridge = nonnegative("ridge", ridge)
    before = np.column_stack([small.w_output, small.b_output]).T
    found = before + (ours + theirs).move(ridge)
    fitted = Stack(small.layers, found[:-1].T, found[-1], small.embedding)
    return in_output_units(_out_of_basis(fitted, basis), -exponent)


@dataclass(frozen=True, eq=False)
class _ReadOutMoments:
    """What least squares for the read-out needs of a sample, H = (h', 1) and D what f' lacks."""

    gram: Array  # H^T H
    cross: Array  # H^T D
    square: float  # ||D||^2

    @classmethod
    def of(
        cls, whole: Stack, small: Stack, x: Inputs, lengths: Nodes | None, reads: str
    ) -> _ReadOutMoments:
        """Run both networks on checked sequences, of which there may be none."""
        width = small.w_output.shape[1] + 1
        gram, cross, square = np.zeros((width, width)), np.zeros((width, whole.d_y)), 0.0
        before = np.column_stack([small.w_output, small.b_output]).T
        for rows, states in small.state_batches(x, lengths) if len(x) else ():
            part = None if lengths is None else lengths[rows]
            where = counted(states[-1].shape[:2], part, reads)
            h = states[-1][where]
            H = np.column_stack([h, np.ones(len(h))])
            with np.errstate(over="ignore", invalid="ignore"):
                lacking = whole.predictions(x[rows], part)[where] - H @ before
                gram += H.T @ H
                cross += H.T @ lacking
                square += float(np.vdot(lacking, lacking))
        return cls(gram, cross, square)

    def __add__(self, other: _ReadOutMoments) -> _ReadOutMoments:
        return _ReadOutMoments(
            self.gram + other.gram, self.cross + other.cross, self.square + other.square
        )

    def move(self, ridge: float) -> Array:
        """The change of (W_o', b_o')^T of least squares with a ridge."""
        trace = float(np.trace(self.gram))
        known = math.isfinite(trace) and all(
            np.isfinite(part).all() for part in (self.gram, self.cross)
        )
        if not known:
            raise ValueError(
                "the states and outputs must have squares within the range of floats on x for a "
                "refit, got some beyond it"
            )
        width = len(self.gram)
        shift = ridge * trace / width
        if math.isinf(shift):  # nothing moves
            return np.zeros_like(self.cross)
        solved = np.linalg.lstsq(self.gram + shift * np.eye(width), self.cross, rcond=None)
        return np.asarray(solved[0])

    def gap(self, move: Array) -> float:
        """||D - H move||^2; inf where floats cannot tell."""
        found = self.square + float(np.vdot(move, self.gram @ move - 2 * self.cross))
        return found if math.isfinite(found) else math.inf


def _least_ridge(ours: _ReadOutMoments, theirs: _ReadOutMoments) -> float:
    """The ridge that is best on what is held out; a larger one must be so by a hundredth.

    Infinite where the read-out that there is beats all by a tenth: nothing moves.
    """
    best, least = RIDGES[0], theirs.gap(ours.move(RIDGES[0]))
    for ridge in RIDGES[1:]:
        reached = theirs.gap(ours.move(ridge))
        if reached < (1 - 1e-2) * least:
            best, least = ridge, reached
    if not math.isfinite(least):
        raise ValueError(NOTHING_TOLD)
    return math.inf if theirs.square < STAYS * least else best


def refit_stack(
    whole: Stack,
    small: Stack,
    x: Any,
    lengths: Any = None,
    *,
    reads: str = "last",
    outputs: str | None = None,
    held_out: float = SHARE,
    steps: int | None = None,
    iterations: int | None = None,
    dtype: str | None = None,
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
        the start. One sequence alone is fitted, and none decides.
    steps : int, optional
        At most so many: by default 10 of Gauss-Newton for numbers, 30 of L-BFGS for logits.
    iterations : int, optional
        Of conjugate gradients in each step, for numbers; 20 by default.
    dtype : {"float32", "float64"}, optional
        Precision of logits, the first by default; sums over sequences are float64.
    progress : callable, optional
        Called with a `pruning.gauss_newton.RefitStep` of squared gaps; or of divergences, whose
        damping is 0.

    Warns
    -----
    UserWarning
        Where there are fewer numbers to fit (outputs that count times their size) than parameters.
    """
    choice("reads", reads, READS)
    if any(isinstance(cell, LRU) for layer in small.layers for cell in layer):
        raise ValueError(
            "an LRU cannot be fitted through time: its nodes run exactly; refit the read-out"
        )
    checked = _checked(whole, small, x)
    ends = None if lengths is None else true_lengths(lengths, checked)
    fit, held = split(len(checked), held_out)
    _warn_of_few(small, checked[fit], None if ends is None else ends[fit], reads)
    if are_logits(whole, checked, outputs):
        unused("iterations", iterations, "logits")
        limit = LOGIT_STEPS if steps is None else steps
        return _least_divergence(
            whole, small, checked, ends, reads, True, held_out, limit, dtype, progress
        )
    unused("dtype", dtype, "numbers")
    exponent = output_exponent(whole)
    whole, small = (in_output_units(net, exponent) for net in (whole, small))
    whole, small, basis = _in_basis(whole, small)
    ours, theirs = (
        SquaredGaps(whole, small, checked[p], None if ends is None else ends[p], reads)
        if p.stop > p.start
        else None
        for p in (fit, held)
    )
    assert ours is not None

    def other(theta: Array) -> float:
        assert theirs is not None
        r = theirs.residuals(theta)[0]
        return float(r @ r)

    found = gauss_newton(
        ours,
        ours.weights.flat(small),
        held_out=None if theirs is None else other,
        scale=ours.weights.scale(small),
        steps=SQUARE_STEPS if steps is None else integer("steps", steps, 0),
        iterations=ITERATIONS if iterations is None else integer("iterations", iterations, 1),
        progress=in_units_of(progress, exponent),
    )
    return in_output_units(_out_of_basis(ours.weights.with_weights(found), basis), -exponent)


def _least_divergence(
    whole: Stack,
    small: Stack,
    x: Inputs,
    lengths: Nodes | None,
    reads: str,
    moves: bool,
    held_out: float,
    steps: int,
    dtype: str | None,
    progress: Callable[[RefitStep], None] | None,
) -> Stack:
    check_classes("whole", whole.d_y)
    dtype = "float32" if dtype is None else choice("dtype", dtype, ("float32", "float64"))
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


def _warn_of_few(small: Stack, x: Inputs, lengths: Nodes | None, reads: str) -> None:
    """Warn where a fit of all weights has fewer numbers to fit than parameters."""
    n, T = x.shape[:2]
    count = n if reads == "last" else n * T if lengths is None else int(lengths.sum())
    numbers, size = count * small.d_y, StackWeights(small).size
    if numbers < size:
        warnings.warn(few_numbers(size, numbers, n), stacklevel=3)


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
