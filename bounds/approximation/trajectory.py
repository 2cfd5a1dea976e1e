"""`approximation.trajectory`: products of the actual factors along each sequence.

For the pair of runs, s(a) - s(b) = Delta (a - b) with Delta diagonal and |Delta| <= rho, so that
f^_t - f'_t = W_o r_t + sum_s W_o' Delta_t W_h' Delta_{t-1} ... Delta_{s+1} W_h[J,:] r_s, an
equality. Norms are taken of its terms only: what `approximation.recursion` loses beyond this is
lost by taking norms of factors.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from bounds.approximation.closed import fails_closed
from bounds.approximation.measured import (
    RunErrors,
    Runs,
    output_gap,
    paired_runs,
    read_rounding,
    rounding_of_outputs,
    same_twice,
)
from bounds.approximation.recursion import log_norms, log_square_mean, log_state_norms
from bounds.approximation.residuals import Residuals, residuals
from bounds.rounding import log_sum_up, raised, up
from bounds.terms import VALID, Bound, Term
from pruning.cells.secants import secant_factors
from pruning.checks import Array, choice, time_weights

if TYPE_CHECKING:
    from pruning.spectral import PrunedRNN

NONDECREASING = ("relu", "tanh", "identity", "logistic", "leaky_relu")


@fails_closed("approximation.trajectory")
def trajectory_bound(
    pruned: PrunedRNN,
    x: ArrayLike,
    weights: ArrayLike | None = None,
    norms: str = "vectors",
    batch: int = 64,
) -> Bound:
    r"""||f^ - f'||_{n,w} <= || ||W_o r_t|| + sum_s ||W_o' Delta_t ... Delta_{s+1} g_s|| ||_{n,w}.

    Parameters
    ----------
    pruned : PrunedRNN
        Both networks.
    x : (n, T, d_x) floats or (n, T) tokens
        The sample; both networks are run on it.
    weights : (T,) array, optional
        Any time weights; 1/T by default.
    norms : {"vectors", "products"}
        ``vectors``: norms of the terms as written, g_s = W_h[J,:] r_s. ``products``: norm of each
        product of matrices times ||g_s||, which is larger.
    batch : int
        Sequences held in memory at a time.

    Returns
    -------
    Bound
        Terms ``read-out`` = ||W_o r||_{n,w} and ``propagated``, the norm of the sum over s.

    Notes
    -----
    Cost n T^2 k^2, or n T^2 d_y k^2 for products. Delta is a quotient of measured differences, so
    the terms are only as good as these; since they sum to W_o' e_t, which is measured, its norm is
    taken where that is larger. Source: theory, section 3.
    """
    choice("norms", norms, ["vectors", "products"])
    checked = pruned.original.check_input(x)
    n, T = checked.shape[:2]
    w = time_weights(weights, T)
    parts = residuals(pruned)
    contributions = _vectors if norms == "vectors" else _products
    read_out, spread, errors = [], [], RunErrors(pruned)
    for i, runs in enumerate(paired_runs(pruned, checked, batch)):
        inputs = checked[i * batch : i * batch + len(runs.states)]
        off, off_small = (
            errors.original(inputs, runs.states),
            errors.pruned(inputs, runs.pruned_states),
        )
        rounding = rounding_of_outputs(pruned, runs.states) + read_rounding(parts.output, off)
        gap = log_state_norms(runs.states, parts.output, rounding)
        read_out.append(log_square_mean(gap, w))
        factors = deltas(pruned, parts, runs)
        drive = runs.states @ parts.hidden.T
        total = contributions(parts, factors, drive)
        # The terms sum to W_o' e_t, which is measured: no rounding of theirs can go below it.
        e = runs.pruned_states - runs.states[:, :, pruned.nodes]
        logs = log_norms(raised(total, 8 * (T + len(pruned.nodes)))[..., None])
        apart = off[:, pruned.nodes] + off_small
        # One network twice makes one error twice, which cancels.
        unseen = read_rounding(parts.w_output, 0 * apart if same_twice(pruned) else apart)
        spread.append(
            log_square_mean(np.maximum(logs, log_state_norms(e, parts.w_output, unseen)), w)
        )
    id = "approximation.trajectory"
    each = (
        r"\|W_o' \Delta_t W_h' \cdots \Delta_{s+1} g_s\|"
        if norms == "vectors"
        else r"\|W_o' \Delta_t W_h' \cdots \Delta_{s+1}\|_2\,\|g_s\|"
    )
    formula = rf"\bigl\|\sum_{{s<t}} {each}\bigr\|_{{n,w}}"
    half_n = 0.5 * math.log(n)
    terms = (
        Term("read-out", up(0.5 * log_sum_up(read_out) - half_n), r"\|W_o r\|_{n,w}", id),
        Term("propagated", up(0.5 * log_sum_up(spread) - half_n), formula, id, {"T": T, "n": n}),
    )
    statement = rf"\|\hat f - f'\|_{{n,w}} \le \|W_o r\|_{{n,w}} + {formula}"
    return Bound(id, statement, terms, VALID, (errors.condition,))


def is_nondecreasing(name: str) -> bool:
    """Whether the activation of this name never decreases, so that 0 <= Delta <= rho."""
    return name.split(":")[0] in NONDECREASING


def unrolled_gap(pruned: PrunedRNN, runs: Runs) -> tuple[Array, Array]:
    """f^_t - f'_t, (n, T, d_y): measured, and as the unrolled sum; equal but for rounding."""
    parts = residuals(pruned)
    total = runs.states @ parts.output.T
    drive = runs.states @ parts.hidden.T
    for t, P in _unroll(parts, deltas(pruned, parts, runs), drive):
        total[:, t] += P.sum(axis=1) @ parts.w_output.T
    return output_gap(pruned, runs), total


def deltas(pruned: PrunedRNN, parts: Residuals, runs: Runs) -> Array:
    """Delta_t of every sequence and step, (n, T, k); 0 where both arguments are equal."""
    e = runs.pruned_states - runs.states[:, :, pruned.nodes]
    change = np.zeros_like(e)
    change[:, 1:] = e[:, :-1] @ parts.w_hidden.T - runs.states[:, :-1] @ parts.hidden.T
    return secant_factors(e, change, pruned.original.activation)


def _unroll(parts: Residuals, factors: Array, drive: Array) -> Iterator[tuple[int, Array]]:
    """Yield t and the vectors Delta_t W_h' ... Delta_{s+1} g_s for s < t, (n, t, k)."""
    n, T, k = drive.shape
    P = np.zeros((n, 0, k))
    for t in range(1, T):
        P = np.concatenate([P @ parts.w_hidden.T, drive[:, t - 1 : t]], axis=1)
        P *= factors[:, t, None, :]
        yield t, P


def _vectors(parts: Residuals, factors: Array, drive: Array) -> Array:
    total = np.zeros(drive.shape[:2])
    for t, P in _unroll(parts, factors, drive):
        total[:, t] = np.linalg.norm(P @ parts.w_output.T, axis=-1).sum(axis=1)
    return total


def _products(parts: Residuals, factors: Array, drive: Array) -> Array:
    n, T, k = drive.shape
    size = np.linalg.norm(drive, axis=-1)
    total = np.zeros((n, T))
    if k == 0:
        return total
    for t in range(1, T):
        Q = parts.w_output * factors[:, t, None, :]
        for s in range(t - 1, -1, -1):
            total[:, t] += np.linalg.norm(Q, 2, axis=(1, 2)) * size[:, s]
            if s:
                Q = (Q @ parts.w_hidden) * factors[:, s, None, :]
    return total
