"""The error of a pruned stack along both runs, norms taken at the end of each lag or block of lags.

Theory, sections 11 and 12: e_t = J_t e_{t-1} + b_t exactly, with secant factors of the cell, so
that f'_t - f_t = q_t + sum_{s<=t} W_o' J_t ... J_{s+1} b_s with q_t = (W_o' c_t + b_o') -
(W_o h_t + b_o). Here e_t = h'_t - c_t, with c_t = h_{t,J} and b_t what the small network is driven
by, or c_t linear images of the large network's states and b_t their defect. Minkowski's inequality
over blocks of lags t - s gives a bound; the sum itself is the error, and no bound. What rounding
may have made of both runs and of the read-out is a term.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from bounds.approximation.blocks import Blocks, checked_blocks
from bounds.approximation.closed import FAILED
from bounds.approximation.images import ImageSums, unless_through_all, with_one
from bounds.approximation.measured import EXACT_RUNS
from bounds.approximation.recursion import log_norms, log_square_mean
from bounds.approximation.stack_rounding import same_stacks, stack_rounding
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
from bounds.terms import VALID, Bound, Condition, Term
from pruning.cells.gated_secants import gru_secants, lstm_secants
from pruning.cells.secants import plain_secants
from pruning.cells.stepped import beside_states
from pruning.checks import Array, choice, time_weights
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
    pruned: PrunedStack,
    x: ArrayLike,
    weights: ArrayLike | None = None,
    batch: int = 64,
    *,
    beside: str = "nodes",
    block: int = 1,
    with_read_out: bool = False,
    fitted_on: ArrayLike | None = None,
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
    beside : {"nodes", "images"}
        What the small network's states are compared with: the kept nodes of the large one, or, at
        every step, the linear images of its states (an LSTM's with its cell states) that fit them
        best. After a closed loop the nodes hold other combinations, and only images are near.
    block, with_read_out : int, bool
        So many consecutive lags j are added before the norm is taken; q is added to the first
        block. See `bounds.approximation.blocks`.
    fitted_on : like `x`, optional
        Sequences that the images are fitted on; the sample itself by default.

    Returns
    -------
    Bound
        Terms ``read-out`` = ||q||_{n,w}, where it stands apart, ``propagated``, the sum over the
        blocks, and ``rounding``. The condition *exact runs* says that the bound is on the error of
        the networks as stored; *float64 runs*, where a worst case over all steps would be more
        than 2^-30 of the outputs, that it is on the error of the states that floats had, and the
        term pays for the read-out alone. Images that pass through all states of the small network,
        as they do where sequences are few, are labelled as giving no bound.

    Raises
    ------
    ValueError
        For a bidirectional network, and a block that holds all lags.

    Notes
    -----
    The terms of a sequence sum to W_o' e_t, so that its norm is taken where it is larger: by
    rounding alone. What the states of each run may be off by is bounded step by step, see
    `bounds.approximation.stack_rounding`; norms and sums are rounded up. Of a stack of several
    layers the last one is unrolled, and what its inputs differ by is part of its drive, as
    measured. Cost n T^2 k^2 for each gate, and n T m^2 for images. Source: theory, section 12.
    """
    whole, small = pruned.original, pruned.pruned
    choice("beside", beside, ["nodes", "images"])
    if len(whole.layers[-1]) == 2:
        raise ValueError("the network must run in one direction, got a bidirectional one")
    if fitted_on is not None and beside == "nodes":
        raise ValueError("fitted_on is for images, got nodes")
    checked = whole.check_input(x)
    n, T = checked.shape[:2]
    w = time_weights(weights, T)
    blocks = checked_blocks(block, with_read_out, w)
    maps, rank, sample = None, -1, checked
    if beside == "images":
        sample = checked if fitted_on is None else whole.check_input(fitted_on)
        if sample.shape[1] != T:
            raise ValueError(f"fitted_on must have {T} steps as x has, got {sample.shape[1]}")
        maps, rank = _fitted(whole, small, sample, batch)
    same, norms = same_stacks(whole, small), np.zeros(-(-T // blocks.size))
    sums = _Sums(w)
    with np.errstate(over="ignore", invalid="ignore"):  # what is not a number is read as +inf
        for start in range(0, n, batch):
            part = checked[start : start + batch]
            runs = run_stack(whole, part), run_stack(small, part)
            if maps is None:
                made = _beside_nodes(whole, small, pruned.nodes[-1][0], *runs)
            else:
                made = _beside_images(whole, small, maps, *runs)
            norms += _block_norms(small, made, w, blocks)
            if blocks.apart:
                sums.add("read-out", np.abs(made.q))
                sums.add("carried", np.abs(made.e @ small.w_output.T))
            else:
                sums.add("carried", np.abs(made.q + made.e @ small.w_output.T))
            sums.add("read-out alone", made.slip)
            # The same run twice: what rounding made of one it made of the other.
            twice = same and maps is None
            sums.add("all steps", made.slip if twice else made.slip + _carried_rounding(*runs))
            sums.add("size", _sizes(runs[0]) + _sizes(runs[1]))
    norms = np.where(np.isnan(norms), np.inf, norms)
    logs = {name: up(0.5 * (value - math.log(n))) for name, value in sums.logs().items()}
    # Each part is a sum of n squares and more, of products that floats have formed. The terms sum
    # to the error, which is measured: no rounding of theirs can go below it.
    units = n * small.d_y + 8 * (T + small.d_y)
    total = sum_up(math.sqrt(raised(value, units)) for value in norms)
    propagated = max(up(log_up(raised(total)) - 0.5 * math.log(n)), logs["carried"])
    covered = logs["all steps"] <= logs["size"] + math.log(RESOLVED)
    formula = blocks.formula_of_lags(r"W_o' J_t \cdots J_{t-j+1} b_{t-j}")
    kind = whole.layers[-1][0].kind
    terms = [
        ("propagated", propagated, formula, {"T": T, "n": n, "beside": beside, **blocks.shown}),
        ("rounding", logs["all steps" if covered else "read-out alone"], r"\epsilon_{n,w}", {}),
    ]
    if blocks.apart:
        terms.insert(0, ("read-out", logs["read-out"], r"\|q\|_{n,w}", {}))
    id = f"gates.{kind}" if kind in _SECANTS else "approximation.general"
    found = Bound(
        id,
        rf"\|f' - \hat f\|_{{n,w}} \le {' + '.join(text for _, _, text, _ in terms)}",
        tuple(Term(name, log, text, id, shown) for name, log, text, shown in terms),
        VALID,
        (EXACT_RUNS if covered else FLOAT_STATES,),
    )
    if maps is None or not (fitted_on is None or np.array_equal(sample, checked)):
        return found
    return unless_through_all(found, rank, n)


@dataclass(frozen=True, eq=False)
class _Beside:
    """The small network beside c_t: e_t = h'_t - c_t and its recursion, q_t; all (T, n, .).

    `slip` bounds what q_t + W_o' e_t may be off by for the states as they are in floats.
    """

    secants: Any
    q: Array
    e: Array
    slip: Array


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


def _slip(small: Stack, e: Array, *read: tuple[Array, Array], offset: Array) -> Array:
    """What sums of products W h, the offset and W_o' e may be off by; `read` pairs of h and W."""
    pairs = [*read, (e, small.w_output)]
    size = sum(inner_product(h.shape[2] + 1, np.abs(h) @ np.abs(W).T) for h, W in pairs)
    size = size + inner_product(sum(h.shape[2] for h, _ in read) + 1, np.abs(offset))
    # Products that are not 0 may be no floats, nor their sum.
    some = [(h != 0) @ (W != 0).T for h, W in pairs]
    least = sum(h.shape[2] for h, _ in pairs) * SMALLEST_NORMAL
    return np.asarray(np.where(np.any(some, axis=0), size + least, size))


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


def _beside_nodes(
    whole: Stack, small: Stack, nodes: Any, large_run: StackRun, small_run: StackRun
) -> _Beside:
    """The last layer beside the kept nodes of the large network's."""
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
    h, e = large_run.top, small_run.top - large_run.top[:, :, nodes]
    return _Beside(secants, h @ read.T + offset, e, _slip(small, e, (h, read), offset=offset))


def _beside_images(
    whole: Stack, small: Stack, maps: Array, large_run: StackRun, small_run: StackRun
) -> _Beside:
    """The last layer beside linear images of the large network's states."""
    cell: Any = small.layers[-1][0]
    along = _shown(large_run) @ maps
    c, h = along[..., : cell.m], large_run.top
    secants, e = beside_states(cell, small_run.runs[-1][0], along, small_run.inputs[-1])
    offset = small.b_output - whole.b_output
    q = c @ small.w_output.T - h @ whole.w_output.T + offset
    off = np.abs(small.b_output) + np.abs(whole.b_output)
    read = (c, small.w_output), (h, whole.w_output)
    # What h' - c is rounded by is read, too.
    apart = roundings(1, np.abs(small_run.top) + np.abs(c)) @ np.abs(small.w_output).T
    return _Beside(secants, q, e, _slip(small, e, *read, offset=off) + raised(apart, cell.m + 8))


def _shown(run: StackRun) -> Array:
    """What images are made of: (h_t, 1) of the last layer, (h_t, c_t, 1) of an LSTM's."""
    last = run.runs[-1][0]
    return with_one(np.concatenate([last.h, last.c], axis=-1) if hasattr(last, "c") else last.h)


def _fitted(whole: Stack, small: Stack, x: Any, batch: int) -> tuple[Array, int]:
    """Maps (T, width, k) from what is shown of the large network to the small one's states."""
    sums: ImageSums | None = None
    for start in range(0, len(x), batch):
        part = x[start : start + batch]
        z, last = _shown(run_stack(whole, part)), run_stack(small, part).runs[-1][0]
        y = np.concatenate([last.h, last.c], axis=-1) if hasattr(last, "c") else last.h
        sums = sums or ImageSums(len(z), z.shape[-1], y.shape[-1])
        sums.add(z, y)
    assert sums is not None
    try:
        return sums.maps()
    except FAILED:  # beyond floats: what is not a number is read as +inf
        return np.full((len(z), z.shape[-1], y.shape[-1]), np.nan), -1


def _block_norms(small: Stack, made: _Beside, w: Array, blocks: Blocks) -> Array:
    """sum_i sum_t w_t |sum of the terms of block b|^2 for every block of lags, (T/L,)."""
    births, k = made.secants.births, small.w_output.shape[1]
    T, n, width = births.shape
    read, q = _coordinates(small.w_output, None if blocks.apart else made.q)
    norms = np.zeros(-(-T // blocks.size))
    P = np.zeros((n, 0, width))
    for t in range(T):
        P = np.concatenate([made.secants.carry(t, P), births[t][:, None]], axis=1)
        if w[t] > 0:
            by_lag = (P[..., :k] @ read.T)[:, ::-1]
            parts = blocks.summed(by_lag, None if q is None else q[t])
            norms[: parts.shape[1]] += w[t] * np.square(parts).sum(axis=(0, 2))
    return norms


def _coordinates(w_output: Array, q: Array | None) -> tuple[Array, Array | None]:
    """W_o' and q in as few coordinates as keep the norms of q + W_o' v: at most k + 1 outputs."""
    k = w_output.shape[1]
    if len(w_output) <= k + 1:
        return w_output, q
    Q, R = np.linalg.qr(w_output)
    if q is None:
        return R, None
    inside = q @ Q
    beyond = np.linalg.norm(q - inside @ Q.T, axis=-1, keepdims=True)
    return np.vstack([R, np.zeros((1, k))]), np.concatenate([inside, beyond], axis=-1)
