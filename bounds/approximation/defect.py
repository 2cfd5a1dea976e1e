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

from bounds.approximation.general import keeps_reconstruction
from bounds.approximation.measured import paired_runs
from bounds.rounding import log_up
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
                felt = np.vdot(vectors[:, t] @ matrices[t], vectors[:, t])
                totals[2 + row, t] += max(0.0, float(felt)) * scale[t]
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
        One term, with a part a step; labelled *violated* unless s is the identity. Evaluated in
        float64 without outward rounding.
    """
    losses = step_losses(pruned, x)
    id = "balanced.linear"
    linear = pruned.original.activation.name == "identity"
    parts = tuple(
        Term(f"step {t + 1}", 0.5 * log_up(float(felt)), r"\sqrt{\operatorname{Tr}[O_t P_t]}", id)
        for t, felt in enumerate(losses.defect_felt)
    )
    total = log_up(math.fsum(np.sqrt(losses.defect_felt)))
    formula = r"\sum_t \sqrt{\operatorname{Tr}[O_t P_t]}"
    term = Term("defects", total, formula, id, {"T": len(parts)}, parts)
    condition = Condition("s = id", linear, "Otherwise df_T/dh_t differs from run to run.")
    note = "Evaluated in float64 on the measured runs, without outward rounding."
    label = VALID if linear else violated("s = id")
    return Bound(id, rf"\|f_T - f'_T\|_n \le {formula}", (term,), label, (condition,), (note,))


def _defects(pruned: PrunedRNN, x: ArrayLike, small_states: Array) -> Array:
    """p_t of every sequence, (n, T, m)."""
    full = pruned.original
    lift = small_states @ pruned.reconstruction.T
    x = np.asarray(x)
    a = full.w_input.T[x] if x.ndim == 2 else x @ full.w_input.T
    a = a + full.b_hidden
    a[:, 1:] += lift[:, :-1] @ full.w_hidden.T
    return np.asarray(full.activation.apply(a) - lift)
