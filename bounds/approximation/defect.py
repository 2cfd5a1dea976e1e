r"""`approximation.defect`, and where an error is born and where it is felt.

Lift the small network's states, h~_t = A h'_t, and let p_t = s(W_h h~_{t-1} + W_i x_t + b_h) - h~_t
be the defect of one step of the *large* network along the *small* network's run. Then
delta_t = h_t - h~_t obeys delta_t = D_t W_h delta_{t-1} + p_t with secant factors of the large
network: the defects are all that is lost, and to first order df_T/dh_t is what the output feels of
p_t. For linear s that is exact (`balanced.linear`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from bounds.approximation.closed import FAILED, nothing_found
from bounds.approximation.general import keeps_reconstruction
from bounds.approximation.measured import (
    RunErrors,
    output_gap,
    paired_runs,
    read_rounding,
    same_twice,
)
from bounds.approximation.recursion import log_norms, log_square_mean
from bounds.rounding import (
    SMALLEST_NORMAL,
    inner_product,
    log_sum_up,
    log_up,
    raised,
    roundings,
    sum_up,
    up,
)
from bounds.terms import VALID, Bound, Condition, Term, violated
from pruning.checks import Array
from pruning.observability import Observability

if TYPE_CHECKING:
    from pruning.spectral import PrunedRNN


@dataclass(frozen=True)
class StepLosses:
    """What is lost at each step, and what of it the output feels; all of shape (T,).

    Attributes
    ----------
    residual, defect : arrays
        Tr R_t and Tr P_t: mean squares of r_t = h_t - A h_{t,J} and of p_t.
    residual_felt, defect_felt : arrays
        Tr[O_t R_t] and Tr[O_t P_t], O_t the observability Gramian of the original.
    """

    residual: Array
    defect: Array
    residual_felt: Array
    defect_felt: Array


def step_losses(
    pruned: PrunedRNN,
    x: ArrayLike,
    weights: str | ArrayLike = "last",
    observability: Observability | None = None,
    batch: int = 256,
) -> StepLosses:
    """Measure where the error is born and where it is felt, over t.

    Parameters
    ----------
    pruned : PrunedRNN
        With the weights of the reconstruction, not refitted.
    x : (n, T, d_x) floats or (n, T) tokens
        The sample.
    weights : {"last", "mean"} or (T,) array
        Time weights of the read-outs; not used where `observability` is given.
    observability : Observability, optional
        Of the original network, with its steps; by default exact, on `x`.
    batch : int
        Sequences held in memory at a time.

    Raises
    ------
    ValueError
        If the network was refitted: h~ = A h' is then no longer what its weights read.
    """
    if not keeps_reconstruction(pruned) or pruned.refit is not None:
        raise ValueError("pruned must hold the weights of its reconstruction, got refitted ones")
    full, A = pruned.original, pruned.reconstruction
    checked = full.check_input(x)
    T = checked.shape[1]
    if observability is None:
        observability = Observability(full, T, weights).update(checked)
    elif observability.m != full.m or observability.T != T:
        raise ValueError(
            f"observability must be of m = {full.m} and T = {T}, "
            f"got m = {observability.m} and T = {observability.T}"
        )
    matrices, log2_trace = observability.scaled_steps()
    with np.errstate(over="ignore"):
        scale = np.exp2(log2_trace)
    totals, start = np.zeros((4, T)), 0
    for runs in paired_runs(pruned, checked, batch):
        part = checked[start : start + len(runs.states)]
        start += len(part)
        p = _defects(pruned, part, runs.pruned_states)
        r = runs.states - runs.states[:, :, pruned.nodes] @ A.T
        for row, vectors in enumerate((r, p)):
            totals[row] += np.einsum("ntm,ntm->t", vectors, vectors)
            for t in range(T):
                felt = float(np.vdot(vectors[:, t] @ matrices[t], vectors[:, t]))
                if math.isnan(felt):
                    felt = math.inf
                if felt > 0:  # rounding of 0 may lie below it
                    totals[2 + row, t] += felt * scale[t]
    residual, defect, residual_felt, defect_felt = totals / len(checked)
    return StepLosses(residual, defect, residual_felt, defect_felt)


def linear_bound(pruned: PrunedRNN, x: ArrayLike) -> Bound:
    r"""||f_T - f'_T||_n <= sum_t sqrt(Tr[O_t P_t]) for linear s, the best c_t of `balanced.linear`.

    Parameters
    ----------
    pruned : PrunedRNN
        As in `step_losses`.
    x : (n, T, d_x) floats or (n, T) tokens
        The sample.

    Returns
    -------
    Bound
        Terms ``defects``, with a part a step, and ``rounding``; labelled *violated* unless s is
        the identity. The condition says whether the bound is on the error of exact runs, or of
        those in float64.

    Notes
    -----
    The defects carried to the end sum to f_T - f'_T, which is measured; ``rounding`` pays for what
    floats have of the sum of their norms below the norm of that, for the products with the states
    and, where *exact runs* is said, for what rounding may have made of the states. +inf, with a
    sentence, where floats cannot tell.
    """
    try:
        with np.errstate(over="raise", invalid="raise", divide="raise", under="ignore"):
            return _linear_bound(pruned, x)
    except FAILED as error:
        return nothing_found("balanced.linear", str(error) or type(error).__name__)


def _linear_bound(pruned: PrunedRNN, x: ArrayLike) -> Bound:
    losses = step_losses(pruned, x)
    id = "balanced.linear"
    linear = pruned.original.activation.name == "identity"
    parts = tuple(
        Term(f"step {t + 1}", 0.5 * log_up(float(felt)), r"\sqrt{\operatorname{Tr}[O_t P_t]}", id)
        for t, felt in enumerate(losses.defect_felt)
    )
    total = log_up(raised(sum_up(np.sqrt(losses.defect_felt)), 16))
    formula = r"\sum_t \sqrt{\operatorname{Tr}[O_t P_t]}"
    term = Term("defects", total, formula, id, {"T": len(parts)}, parts)
    condition = Condition("s = id", linear, "Otherwise df_T/dh_t differs from run to run.")
    if not linear:
        return Bound(id, _statement(formula), (term,), violated("s = id"), (condition,))
    log_gap, log_rounding, runs = _measured_at_the_end(pruned, x)
    log_rounding = log_sum_up([log_rounding, _log_short(log_gap, total)])
    rounding = Term("rounding", log_rounding, r"\epsilon", id)
    return Bound(
        id, _statement(formula + r" + \epsilon"), (term, rounding), VALID, (condition, runs)
    )


def _log_short(log_gap: float, log_sum: float) -> float:
    """Log of what the second number is below the first by, rounded up; -inf where it is not."""
    if log_gap <= log_sum:
        return -math.inf
    share = -math.expm1(log_sum - log_gap)
    # Of the difference of the logarithms.
    size = 1 + abs(log_gap) + (abs(log_sum) if log_sum > -math.inf else 0.0)
    return up(log_gap + log_up(share + roundings(8, size)))


def _statement(right: str) -> str:
    return rf"\|f_T - f'_T\|_n \le {right}"


def _measured_at_the_end(pruned: PrunedRNN, x: ArrayLike) -> tuple[float, float, Condition]:
    """Logs of ||f_T - f'_T||_n and of what rounding may have made of it, and of which runs."""
    full, small = pruned.original, pruned.pruned
    checked, errors = full.check_input(x), RunErrors(pruned)
    last = np.eye(checked.shape[1])[-1]
    same, start = same_twice(pruned), 0
    gaps, slips = [], []
    for runs in paired_runs(pruned, checked):
        part = checked[start : start + len(runs.states)]
        start += len(part)
        gap = np.abs(output_gap(pruned, runs))
        size = np.abs(runs.states) @ np.abs(full.w_output).T
        size = size + np.abs(runs.pruned_states) @ np.abs(small.w_output).T + gap
        slip = inner_product(full.m + small.m + 4, size) + (full.m + small.m) * SMALLEST_NORMAL
        slip = slip + read_rounding(full.w_output, errors.original(part, runs.states))
        slip = slip + read_rounding(small.w_output, errors.pruned(part, runs.pruned_states))
        gaps.append(log_square_mean(log_norms(gap), last))
        slips.append(log_square_mean(log_norms(0 * slip if same else slip), last))
    log_n = math.log(len(checked))
    log_gap, log_slip = (up(0.5 * (log_sum_up(np.array(logs)) - log_n)) for logs in (gaps, slips))
    return log_gap, log_slip, errors.condition


def _defects(pruned: PrunedRNN, x: ArrayLike, small_states: Array) -> Array:
    """p_t of every sequence, (n, T, m)."""
    full = pruned.original
    lift = small_states @ pruned.reconstruction.T
    x = np.asarray(x)
    a = full.w_input.T[x] if x.ndim == 2 else x @ full.w_input.T
    a = a + full.b_hidden
    a[:, 1:] += lift[:, :-1] @ full.w_hidden.T
    return np.asarray(full.activation.apply(a) - lift)
