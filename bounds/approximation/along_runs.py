"""The error of a pruned stack along both runs, norms taken at the end of each lag.

Theory, sections 11 and 12: e_t = J_t e_{t-1} + b_t exactly, with secant factors of the cell, so
that f'_t - f_t = q_t + sum_{s<=t} W_o' J_t ... J_{s+1} b_s with q_t = (W_o' h_{t,J} + b_o') -
(W_o h_t + b_o). Minkowski's inequality over the lags t - s gives a bound; the sum itself is the
error, and no bound. What rounding may have made of both runs and of the read-out is a term.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from bounds.approximation.measured import EXACT_RUNS
from bounds.approximation.recursion import log_norms, log_square_mean
from bounds.approximation.stack_rounding import same_stacks, stack_rounding
from bounds.rounding import (
    SMALLEST_NORMAL,
    inner_product,
    log_sum_up,
    log_up,
    raised,
    sum_up,
    up,
)
from bounds.terms import VALID, Bound, Condition, Term
from pruning.cells.gated_secants import gru_secants, lstm_secants
from pruning.cells.secants import plain_secants
from pruning.checks import Array, time_weights
from pruning.run_rounding import RESOLVED
from pruning.stack import Stack
from pruning.stack_gradients import StackRun, run_stack
from pruning.stack_pruning import PrunedStack

FLOAT_STATES = Condition(
    "float64 runs",
    True,
    "The error is that of the states that both runs had in float64, and the rounding of the "
    "read-out is in the bound. How far all steps together may have carried those states from the "
    "exact ones is not: the worst case is more than 2^-30 of the outputs.",
)
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
        Terms ``read-out`` = ||q||_{n,w}, ``propagated``, the sum over the lags, and ``rounding``.
        The condition *exact runs* says that the bound is on the error of the networks as stored;
        *float64 runs*, where a worst case over all steps would be more than 2^-30 of the outputs,
        that it is on the error of the states that floats had, and the term pays for the read-out
        alone.

    Raises
    ------
    ValueError
        For a bidirectional network.

    Notes
    -----
    The terms of a sequence sum to W_o' e_t, so that its norm is taken where it is larger: by
    rounding alone. What the states of each run may be off by is bounded step by step, see
    `bounds.approximation.stack_rounding`; norms and sums are rounded up. Of a stack of several
    layers the last one is unrolled, and what its inputs differ by is part of its drive, as
    measured. Cost n T^2 k^2 for each gate. Source: theory, section 12.
    """
    whole, small = pruned.original, pruned.pruned
    if len(whole.layers[-1]) == 2:
        raise ValueError("the network must run in one direction, got a bidirectional one")
    checked = whole.check_input(x)
    n, T = checked.shape[:2]
    w = time_weights(weights, T)
    steps = np.flatnonzero(w)
    same, lags = same_stacks(whole, small), np.zeros(T)
    sums = _Sums(w)
    with np.errstate(over="ignore", invalid="ignore"):  # what is not a number is read as +inf
        for start in range(0, n, batch):
            part = checked[start : start + batch]
            runs = run_stack(whole, part), run_stack(small, part)
            secants, q, e = _differences(whole, small, pruned.nodes[-1][0], *runs)
            lags += _lags(small, secants, w, steps)
            sums.add("read-out", np.abs(q))
            sums.add("carried", np.abs(e @ small.w_output.T))
            own = _read_rounding(whole, small, pruned.nodes[-1][0], runs[0].top, e)
            sums.add("read-out alone", own)
            # The same run twice: what rounding made of one it made of the other.
            sums.add("all steps", own if same else own + _carried_rounding(*runs))
            sums.add("size", _sizes(runs[0]) + _sizes(runs[1]))
    lags = np.where(np.isnan(lags), np.inf, lags)
    logs = {name: up(0.5 * (value - math.log(n))) for name, value in sums.logs().items()}
    # Each lag is a sum of n squares and more, of products that floats have formed. The terms sum to
    # W_o' e_t, which is measured: no rounding of theirs can go below it.
    total = sum_up(math.sqrt(raised(value, n * small.d_y + 8 * (T + small.d_y))) for value in lags)
    propagated = max(up(log_up(raised(total)) - 0.5 * math.log(n)), logs["carried"])
    covered = logs["all steps"] <= logs["size"] + math.log(RESOLVED)
    formula = r"\sum_j \|W_o' J_t \cdots J_{t-j+1} b_{t-j}\|_{n,w}"
    rounding = r"\epsilon_{n,w}"
    kind = whole.layers[-1][0].kind
    id = f"gates.{kind}" if kind in _SECANTS else "approximation.general"
    terms = (
        Term("read-out", logs["read-out"], r"\|q\|_{n,w}", id),
        Term("propagated", propagated, formula, id, {"T": T, "n": n}),
        Term("rounding", logs["all steps" if covered else "read-out alone"], rounding, id),
    )
    statement = rf"\|f' - \hat f\|_{{n,w}} \le \|q\|_{{n,w}} + {formula} + {rounding}"
    return Bound(id, statement, terms, VALID, (EXACT_RUNS if covered else FLOAT_STATES,))


def measured_gap(pruned: PrunedStack, x: ArrayLike, weights: ArrayLike | None = None) -> float:
    """||f' - f^||_{n,w} on a sample."""
    checked = pruned.original.check_input(x)
    w = time_weights(weights, checked.shape[1])
    gap = pruned.pruned.predictions(checked) - pruned.original.predictions(checked)
    return float(np.sqrt((np.square(gap).sum(axis=2) @ w).mean()))


class _Sums:
    """Logarithms of sum_i sum_t w_t |v_it|^2 of several vectors, rounded up, batch by batch."""

    def __init__(self, w: Array) -> None:
        self._w = w
        self._found: dict[str, list[float]] = {}

    def add(self, name: str, values: Array) -> None:
        """Vectors >= 0, (T, n, d); what is no number is +inf."""
        log = math.inf
        if np.isfinite(values).all():
            log = log_square_mean(log_norms(values).T, self._w)
        self._found.setdefault(name, []).append(log)

    def logs(self) -> dict[str, float]:
        """Of all that was added, by name."""
        return {name: log_sum_up(np.array(found)) for name, found in self._found.items()}


def _sizes(run: StackRun) -> Array:
    """|W_o| |h_t| + |b_o|, (T, n, d_y)."""
    stack = run.stack
    return np.asarray(np.abs(run.top) @ np.abs(stack.w_output).T + np.abs(stack.b_output))


def _read_rounding(whole: Stack, small: Stack, nodes: Any, h: Array, e: Array) -> Array:
    """What q_t + W_o' e_t may be off by for the states as they are in floats, (T, n, d_y)."""
    read, offset = _read_out(whole, small, nodes)
    at, along = np.abs(h) @ np.abs(read).T + np.abs(offset), np.abs(e) @ np.abs(small.w_output).T
    slip = inner_product(h.shape[2] + 1, at) + inner_product(e.shape[2] + 1, along)
    # Products that are not 0 may be no floats, nor their sum.
    some = (h != 0) @ (read != 0).T | (e != 0) @ (small.w_output != 0).T
    return np.where(some, slip + (h.shape[2] + e.shape[2]) * SMALLEST_NORMAL, slip)


def _carried_rounding(*runs: StackRun) -> Array:
    """|W_o| |float64 state - exact state| of both runs, (T, n, d_y), rounded up."""
    with np.errstate(all="ignore"):  # 0 times what floats cannot tell is no number, and so +inf
        parts = [
            raised(stack_rounding(run) @ np.abs(run.stack.w_output).T, run.top.shape[2] + 8)
            for run in runs
        ]
    return np.asarray(raised(parts[0] + parts[1]))


def _read_out(whole: Stack, small: Stack, nodes: Any) -> tuple[Array, Array]:
    """W_o' on the kept nodes less W_o, and b_o' - b_o: weights that agree cancel."""
    read = -whole.w_output
    read[:, nodes] += small.w_output
    return read, small.b_output - whole.b_output


def _differences(
    whole: Stack, small: Stack, nodes: Any, large_run: StackRun, small_run: StackRun
) -> tuple[Any, Array, Array]:
    """The secant recursion of the last layer, q (T, n, d_y) and e (T, n, k)."""
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
    read, offset = _read_out(whole, small, nodes)
    q = large_run.top @ read.T + offset
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
