"""The error of a pruned stack along both runs, norms taken at the end of each lag.

Theory, sections 11 and 12: e_t = J_t e_{t-1} + b_t exactly, with secant factors of the cell, so
that f'_t - f_t = q_t + sum_{s<=t} W_o' J_t ... J_{s+1} b_s with q_t = (W_o' h_{t,J} + b_o') -
(W_o h_t + b_o). Minkowski's inequality over the lags t - s gives a bound; the sum itself is the
error, and no bound.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from bounds.rounding import log_up
from bounds.terms import VALID, Bound, Term
from pruning.cells.gated_secants import gru_secants, lstm_secants
from pruning.cells.secants import plain_secants
from pruning.checks import Array, time_weights
from pruning.stack import Stack
from pruning.stack_gradients import run_stack
from pruning.stack_pruning import PrunedStack

_SECANTS = {"gru": gru_secants, "lstm": lstm_secants}


def along_runs_bound(
    pruned: PrunedStack, x: ArrayLike, weights: ArrayLike | None = None, batch: int = 64
) -> Bound:
    r"""||f' - f^||_{n,w} <= ||q||_{n,w} + sum_j ||W_o' J_t ... J_{t-j+1} b_{t-j}||_{n,w}.

    Parameters
    ----------
    pruned : PrunedStack
        One direction a layer. The small network may have any weights: refitted ones, too.
    x : (n, T, d_x) floats or (n, T) tokens
        The sample; both networks are run on it.
    weights : (T,) array, optional
        Time weights; 1/T by default.
    batch : int
        Sequences held in memory at a time.

    Returns
    -------
    Bound
        Terms ``read-out`` = ||q||_{n,w} and ``propagated``, the sum over the lags.

    Raises
    ------
    ValueError
        For a bidirectional network.

    Notes
    -----
    The terms of a sequence sum to W_o' e_t, so that its norm is taken where it is larger: by
    rounding alone. Of a stack of several layers the last one is unrolled, and what its inputs
    differ by is part of its drive, as measured. Cost n T^2 k^2 for each gate. Evaluated in
    float64 without outward rounding. Source: theory, section 12.
    """
    whole, small = pruned.original, pruned.pruned
    if len(whole.layers[-1]) == 2:
        raise ValueError("the network must run in one direction, got a bidirectional one")
    checked = whole.check_input(x)
    n, T = checked.shape[:2]
    w = time_weights(weights, T)
    steps = np.flatnonzero(w)
    read_out, carried, lags = 0.0, 0.0, np.zeros(T)
    for start in range(0, n, batch):
        part = checked[start : start + batch]
        secants, q, e = _differences(whole, small, pruned.nodes[-1][0], part)
        read_out += float((np.square(q).sum(axis=2) * w[:, None]).sum())
        carried += float((np.square(e @ small.w_output.T).sum(axis=2) * w[:, None]).sum())
        lags += _lags(small, secants, w, steps)
    half_n = 0.5 * math.log(n)
    # The terms sum to W_o' e_t, which is measured: where slopes were lost to rounding, it is not.
    total = max(math.fsum(math.sqrt(value) for value in lags), math.sqrt(carried))
    formula = r"\sum_j \|W_o' J_t \cdots J_{t-j+1} b_{t-j}\|_{n,w}"
    kind = whole.layers[-1][0].kind
    id = f"gates.{kind}" if kind in _SECANTS else "approximation.general"
    terms = (
        Term("read-out", 0.5 * log_up(read_out) - half_n, r"\|q\|_{n,w}", id),
        Term("propagated", log_up(total) - half_n, formula, id, {"T": T, "n": n}),
    )
    statement = rf"\|f' - \hat f\|_{{n,w}} \le \|q\|_{{n,w}} + {formula}"
    note = "Evaluated in float64 on the measured runs, without outward rounding."
    return Bound(id, statement, terms, VALID, notes=(note,))


def measured_gap(pruned: PrunedStack, x: ArrayLike, weights: ArrayLike | None = None) -> float:
    """||f' - f^||_{n,w} on a sample."""
    checked = pruned.original.check_input(x)
    w = time_weights(weights, checked.shape[1])
    gap = pruned.pruned.predictions(checked) - pruned.original.predictions(checked)
    return float(np.sqrt((np.square(gap).sum(axis=2) @ w).mean()))


def _differences(whole: Stack, small: Stack, nodes: Any, x: Any) -> tuple[Any, Array, Array]:
    """The secant recursion of the last layer, q (T, n, d_y) and e (T, n, k)."""
    large_run, small_run = run_stack(whole, x), run_stack(small, x)
    large, little = whole.layers[-1][0], small.layers[-1][0]
    below, below_small = large_run.inputs[-1], small_run.inputs[-1]
    runs = large_run.runs[-1][0], small_run.runs[-1][0]
    secants: Any
    if large.kind == "gru":
        secants = gru_secants(large, runs[0], little, runs[1], nodes, below, below_small)  # type: ignore[arg-type]
    elif large.kind == "lstm":
        secants = lstm_secants(large, runs[0], little, runs[1], nodes, below, below_small)  # type: ignore[arg-type]
    elif len(whole.layers) == 1:
        secants = plain_secants(large, runs[0], little, runs[1], nodes, below)  # type: ignore[arg-type]
    else:
        raise ValueError("plain cells are unrolled in one layer only, got several")
    read = -whole.w_output
    read[:, nodes] += small.w_output
    q = large_run.top @ read.T + (small.b_output - whole.b_output)
    return secants, q, small_run.top - large_run.top[:, :, nodes]


def _lags(small: Stack, secants: Any, w: Array, steps: Any) -> Array:
    """sum_i sum_t w_t |W_o' J_t ... J_{t-j+1} b_{t-j}|^2 for every lag j, (T,)."""
    births = secants.births
    T, n, width = births.shape
    k = small.w_output.shape[1]
    counted = set(steps.tolist())
    read: Any = small.w_output
    if len(read) > k:  # Only norms are asked for: the triangular factor stands for all outputs.
        read = np.linalg.qr(read, mode="r")
    lags = np.zeros(T)
    P = np.zeros((n, 0, width))
    for t in range(T):
        P = np.concatenate([secants.carry(t, P), births[t][:, None]], axis=1)
        if t in counted:
            size = np.square(P[..., :k] @ read.T).sum(axis=(0, 2))
            lags[: t + 1] += w[t] * size[::-1]
    return lags
