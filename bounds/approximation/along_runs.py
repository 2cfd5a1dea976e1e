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
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from bounds.approximation.beside import Beside, beside_images, beside_nodes, fitted_images
from bounds.approximation.blocks import Blocks, checked_blocks
from bounds.approximation.images import unless_through_all
from bounds.approximation.measured import EXACT_RUNS
from bounds.approximation.recursion import log_norms, log_square_mean
from bounds.approximation.stack_rounding import stack_rounding
from bounds.rounding import (
    inner_product,
    log_sum_up,
    log_up,
    raised,
    sum_up,
    up,
)
from bounds.terms import VALID, Bound, Condition, Term
from pruning.cells.plain import Plain
from pruning.checks import Array, choice, time_weights
from pruning.rnn import RNN
from pruning.run_rounding import RESOLVED
from pruning.spectral import PrunedRNN
from pruning.stack import Stack, same_stack
from pruning.stack_gradients import StackRun, run_stack
from pruning.stack_pruning import PrunedStack

FLOAT_STATES = Condition(
    "float64 runs",
    True,
    "The error is that of the states that both runs had in float64, and the rounding of the "
    "read-out is in the bound. How far all steps together may have carried those states from the "
    "exact ones is not: the worst case is more than 2^-30 of the outputs.",
)
_GATED = ("gru", "lstm")


def along_runs_bound(
    pruned: PrunedStack | PrunedRNN,
    x: ArrayLike,
    weights: ArrayLike | None = None,
    batch: int = 64,
    *,
    beside: str = "nodes",
    block: int = 1,
    with_read_out: bool = False,
    products: bool = False,
    fitted_on: ArrayLike | None = None,
) -> Bound:
    r"""||f' - f^||_{n,w} <= ||q||_{n,w} + sum_j ||W_o' J_t ... J_{t-j+1} b_{t-j}||_{n,w}.

    Parameters
    ----------
    pruned : PrunedStack or PrunedRNN
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
    products : bool
        The root of the sum of the absolute inner products of blocks, q one of them, in place of
        the sum of their norms: never larger, and the error itself where none of them is negative.
    fitted_on : like `x`, optional
        Sequences that the images are fitted on; the sample itself by default.

    Returns
    -------
    Bound
        Terms ``read-out`` = ||q||_{n,w}, where its norm stands apart, ``propagated``, the sum over
        the blocks, and ``rounding``. The condition *exact runs* says that the bound is on the
        error of the networks as stored; *float64 runs*, where a worst case over all steps would be
        more than 2^-30 of the outputs, that it is on the error of the states that floats had, and
        the term pays for the read-out alone. Images that pass through all states of the small
        network, as they do where sequences are few, are labelled as giving no bound.

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
    measured. Cost n T^2 k^2 for each gate, n T m^2 for images, and n T^2 d_y for inner products at
    the last step. Source: theory, sections 11 and 12.
    """
    choices = [Blocks(block, with_read_out, products)]
    return along_runs_bounds(
        pruned, x, choices, weights, batch, beside=beside, fitted_on=fitted_on
    )[0]


def along_runs_bounds(
    pruned: PrunedStack | PrunedRNN,
    x: ArrayLike,
    choices: Sequence[Blocks],
    weights: ArrayLike | None = None,
    batch: int = 64,
    *,
    beside: str = "nodes",
    fitted_on: ArrayLike | None = None,
) -> list[Bound]:
    """Return `along_runs_bound` for several kinds of blocks at once, from one pass."""
    whole, small, kept = _stacks(pruned)
    choice("beside", beside, ["nodes", "images"])
    if len(whole.layers[-1]) == 2:
        raise ValueError("the network must run in one direction, got a bidirectional one")
    if fitted_on is not None and beside == "nodes":
        raise ValueError("fitted_on is for images, got nodes")
    checked = whole.check_input(x)
    n, T = checked.shape[:2]
    w = time_weights(weights, T)
    several = [checked_blocks(one.size, one.with_read_out, w, one.products) for one in choices]
    maps, rank, sample = None, -1, checked
    if beside == "images":
        sample = checked if fitted_on is None else whole.check_input(fitted_on)
        if sample.shape[1] != T:
            raise ValueError(f"fitted_on must have {T} steps as x has, got {sample.shape[1]}")
        maps, rank = fitted_images(whole, small, sample, batch)
    same, sums = same_stack(whole, small) and maps is None, _Sums(w)
    squares: list[Any] = [0.0] * len(several)
    with np.errstate(over="ignore", invalid="ignore"):  # what is not a number is read as +inf
        for start in range(0, n, batch):
            part = checked[start : start + batch]
            runs = run_stack(whole, part), run_stack(small, part)
            if maps is None:
                made = beside_nodes(whole, small, kept, *runs)
            else:
                made = beside_images(whole, small, maps, *runs)
            more = _block_squares(small, made, w, several)
            squares = [a + b for a, b in zip(squares, more, strict=True)]
            read = made.e @ small.w_output.T
            sums.add("q", np.abs(made.q))
            sums.add("apart", np.abs(read))
            sums.add("together", np.abs(made.q + read))
            sums.add("read-out alone", made.slip)
            # The same run twice: what rounding made of one it made of the other.
            sums.add("all steps", made.slip if same else made.slip + _carried_rounding(*runs))
            sums.add("size", _sizes(runs[0]) + _sizes(runs[1]))
    logs = {name: up(0.5 * (value - math.log(n))) for name, value in sums.logs().items()}
    bounds = [
        _bound(whole, blocks, n, T, beside, found, logs)
        for blocks, found in zip(several, squares, strict=True)
    ]
    if maps is None or not (fitted_on is None or np.array_equal(sample, checked)):
        return bounds
    return [unless_through_all(bound, rank, n) for bound in bounds]


def _bound(
    whole: Stack,
    blocks: Blocks,
    n: int,
    T: int,
    beside: str,
    squares: Any,
    logs: Mapping[str, float],
) -> Bound:
    """The bound of sum_i sum_t w_t v_b v_b', (parts, parts) or its diagonal, and other terms."""
    # Each entry is a sum of n products and more, of products that floats have formed. The terms
    # sum to the error, which is measured: no rounding of theirs can go below it.
    squares = np.abs(np.where(np.isnan(squares), np.inf, squares))
    d_y = len(whole.b_output)
    units = n * d_y + 8 * (T + d_y)
    if not np.isfinite(squares).all():
        total = math.inf
    elif blocks.products:
        # Rounding of an inner product is that of the norms: sizes^T sizes.
        sizes = np.sqrt(np.diagonal(squares))
        slip = inner_product(units, np.outer(sizes, sizes))
        total = math.sqrt(raised(sum_up(raised(value) for value in (squares + slip).ravel())))
    else:
        total = sum_up(math.sqrt(raised(value, units)) for value in squares)
    together = blocks.products or blocks.with_read_out
    floor = logs["together" if together else "apart"]
    propagated = max(up(log_up(raised(total)) - 0.5 * math.log(n)), floor)
    covered = logs["all steps"] <= logs["size"] + math.log(RESOLVED)
    formula = blocks.formula_of_lags(r"W_o' J_t \cdots J_{t-j+1} b_{t-j}")
    shown = {"T": T, "n": n, "beside": beside, **blocks.shown}
    terms: list[tuple[str, float, str, dict[str, Any]]] = [
        ("propagated", propagated, formula, shown),
        ("rounding", logs["all steps" if covered else "read-out alone"], r"\epsilon_{n,w}", {}),
    ]
    if not together:
        terms.insert(0, ("read-out", logs["q"], r"\|q\|_{n,w}", {}))
    kind = whole.layers[-1][0].kind
    id = f"gates.{kind}" if kind in _GATED else "approximation.general"
    return Bound(
        id,
        rf"\|f' - \hat f\|_{{n,w}} \le {' + '.join(text for _, _, text, _ in terms)}",
        tuple(Term(name, log, text, id, inputs) for name, log, text, inputs in terms),
        VALID,
        (EXACT_RUNS if covered else FLOAT_STATES,),
    )


def _stacks(pruned: PrunedStack | PrunedRNN) -> tuple[Stack, Stack, Any]:
    """Both networks as stacks, and the kept nodes of the last layer."""
    if isinstance(pruned, PrunedStack):
        return pruned.original, pruned.pruned, pruned.nodes[-1][0]
    return _stacked(pruned.original), _stacked(pruned.pruned), pruned.nodes


def _stacked(rnn: RNN) -> Stack:
    zero = np.zeros(rnn.m)
    cell = Plain(rnn.w_input, rnn.w_hidden, rnn.b_hidden, zero, rnn.activation)
    return Stack(((cell,),), rnn.w_output, rnn.b_output)


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


def _carried_rounding(*runs: StackRun) -> Array:
    """|W_o| |float64 state - exact state| of both runs, (T, n, d_y), rounded up."""
    with np.errstate(all="ignore"):  # 0 times what floats cannot tell is no number, and so +inf
        parts = [
            raised(stack_rounding(run) @ np.abs(run.stack.w_output).T, run.top.shape[2] + 8)
            for run in runs
        ]
    return np.asarray(raised(parts[0] + parts[1]))


def _block_squares(small: Stack, made: Beside, w: Array, several: Sequence[Blocks]) -> list[Array]:
    """sum_i sum_t w_t v_b^T v_b' of parts, (parts, parts), or of b = b' where norms are asked for.

    Where inner products are, q that stands apart is the first part.
    """
    births, k = made.secants.births, small.w_output.shape[1]
    T, n, width = births.shape
    unread = all(blocks.apart and not blocks.products for blocks in several)
    read, q = _coordinates(small.w_output, None if unread else made.q)
    found = []
    for blocks in several:
        parts = -(-T // blocks.size) + (blocks.products and blocks.apart)
        found.append(np.zeros((parts, parts) if blocks.products else parts))
    P = np.zeros((n, 0, width))
    for t in range(T):
        P = np.concatenate([made.secants.carry(t, P), births[t][:, None]], axis=1)
        if w[t] > 0:
            by_lag = (P[..., :k] @ read.T)[:, ::-1]
            for sums, blocks in zip(found, several, strict=True):
                v = blocks.summed(by_lag, None if q is None else q[t])
                if not blocks.products:
                    sums[: v.shape[1]] += w[t] * np.square(v).sum(axis=(0, 2))
                    continue
                if blocks.apart and q is not None:
                    v = np.concatenate([q[t][:, None], v], axis=1)
                rows = v.transpose(1, 0, 2).reshape(v.shape[1], n * v.shape[2])
                sums[: len(rows), : len(rows)] += w[t] * (rows @ rows.T)
    return found


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
