r"""The error of a pruned GRU or LSTM from the large network's run alone, gates in intervals.

Theory, section 12. The small network's state of a step is within E of the kept nodes' h_{t,J},
entry by entry, and within [-1, 1]. Each of its gates is then between what the ends of W' h' make of
it, and its next state in the hull of what those gates, candidates and states can give. E_t is how
far that hull reaches from h_{t,J} on either side, at most 1 + |h_{t,J}|. The small network is
stepped once from every state of the large one and never run: from h_0 = 0 on, intervals that kept
both ends apart would be points, which are its run.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from bounds.approximation.along_runs import FLOAT_STATES
from bounds.approximation.measured import EXACT_RUNS
from bounds.approximation.recursion import log_norms, log_square_mean
from bounds.approximation.stack_rounding import stack_rounding
from bounds.rounding import (
    SMALLEST_NORMAL,
    inner_product,
    log_sum_up,
    log_up,
    raised,
    roundings,
    spectral_norm_up,
    up,
)
from bounds.terms import VALID, Bound, Term
from pruning.cells.elementary import logistic
from pruning.checks import Array, Nodes, time_weights
from pruning.run_rounding import RESOLVED
from pruning.stack import Stack
from pruning.stack_gradients import StackRun, run_stack
from pruning.stack_pruning import PrunedStack

Interval = tuple[Array, Array]
_UNITS = 16  # twice what an elementary function may be off by: here, and where the network runs
_STEP = 8  # roundings of one step of a state, as the network forms it


def gated_intervals_bound(
    pruned: PrunedStack, x: ArrayLike, weights: ArrayLike | None = None, batch: int = 64
) -> Bound:
    r"""||f' - f^||_{n,w} <= ||q||_{n,w} + ||W_o' E||_{n,w}, the small network never run.

    Parameters
    ----------
    pruned : PrunedStack
        GRUs (reset gate after or before the product) or LSTMs in one layer and one direction. The
        small network may have any weights.
    x : (n, T, d_x) floats or (n, T) tokens
        The sample; the large network is run on it.
    weights : (T,) array, optional
        Time weights; 1/T by default.
    batch : int
        Sequences held in memory at a time.

    Returns
    -------
    Bound
        Terms ``read-out`` = ||q||_{n,w}, q_t = (W_o' h_{t,J} + b_o') - (W_o h_t + b_o),
        ``propagated``, with what rounds a single step in it, and ``rounding``, of the large
        network's run and of q. Conditions as of `along_runs_bound`.

    Raises
    ------
    ValueError
        For plain cells, several layers and both directions.

    Notes
    -----
    ||W_o' e|| <= min(|| |W_o'| E ||, ||W_o'||_2 ||E||) by sequence and step. E grows by the
    absolute values of W', and soon is 1 + |h_J|, which needs no step at all: `along_runs_bound`,
    which runs both networks, is near the error where this is many times that. Cost n T k (k + d_x)
    for each gate. Source: theory, section 12.

    Examples
    --------
    >>> import numpy as np
    >>> from bounds.approximation import gated_intervals_bound
    >>> from rnnbounds import GRU, Stack, prune_stack
    >>> rng = np.random.default_rng(0)
    >>> cell = GRU(rng.normal(size=(12, 2)), rng.normal(size=(12, 4)), np.zeros(12), np.zeros(12))
    >>> stack, x = Stack([[cell]], rng.normal(size=(1, 4)), [0.0]), rng.normal(size=(20, 5, 2))
    >>> small = prune_stack(stack, x, k=3)
    >>> error = np.sqrt(np.square(small.pruned.predictions(x) - stack.predictions(x)).mean())
    >>> bool(error <= gated_intervals_bound(small, x).total)
    True
    """
    whole, small = pruned.original, pruned.pruned
    kind = _one_gated_layer(whole, small)
    checked = whole.check_input(x)
    n, T = checked.shape[:2]
    w, nodes = time_weights(weights, T), pruned.nodes[0][0]
    found: dict[str, list[float]] = {}
    with np.errstate(all="ignore"):  # what is not a number is read as +inf
        for start in range(0, n, batch):
            part = checked[start : start + batch]
            run = run_stack(whole, part)
            for name, logs in _log_norms_of(run, small, nodes, part).items():
                # A step of weight 0 may be infinite.
                found.setdefault(name, []).append(log_square_mean(logs[w > 0].T, w[w > 0]))
    total = {
        name: up(0.5 * (log_sum_up(np.array(values)) - math.log(n)))
        for name, values in found.items()
    }
    return _bound(kind, total, n, T)


def _one_gated_layer(whole: Stack, small: Stack) -> str:
    """The kind of the one cell."""
    if len(whole.layers) > 1:
        raise ValueError(f"the network must have one layer, got {len(whole.layers)}")
    if len(whole.layers[0]) == 2:
        raise ValueError("the network must run in one direction, got a bidirectional one")
    cell, little = whole.layers[0][0], small.layers[0][0]
    if cell.kind not in ("gru", "lstm") or little.kind != cell.kind:
        raise ValueError(f"pruned must hold two GRUs or two LSTMs, got {cell.kind}, {little.kind}")
    return cell.kind


def _bound(kind: str, logs: dict[str, float], n: int, T: int) -> Bound:
    covered = logs["all steps"] <= logs["size"] + math.log(RESOLVED)
    rounding = logs["all steps" if covered else "read-out alone"]
    terms: list[tuple[str, float, str]] = [
        ("read-out", logs["q"], r"\|q\|_{n,w}"),
        ("propagated", logs["propagated"], r"\|W_o' E\|_{n,w}"),
        ("rounding", rounding, r"\epsilon_{n,w}"),
    ]
    id = f"gates.{kind}"
    shown = {"T": T, "n": n, "beside": "nodes", "intervals": "of gates"}
    return Bound(
        id,
        rf"\|f' - \hat f\|_{{n,w}} \le {' + '.join(text for _, _, text in terms)}",
        tuple(Term(name, log, text, id, shown) for name, log, text in terms),
        VALID,
        (EXACT_RUNS if covered else FLOAT_STATES,),
        ("From the large network's run alone.",),
    )


def _log_norms_of(run: StackRun, small: Stack, nodes: Nodes, x: Any) -> dict[str, Array]:
    """By sequence and step, (T, n), the norms that the terms are made of."""
    whole, h = run.stack, run.top
    E = np.stack(list(_reaches(small.layers[0][0], nodes, run, _read_by(small, run, x))))
    W = np.abs(small.w_output)
    by_entries = _log_norms(raised(E @ W.T, W.shape[1] + 8) + _lost(E, W))
    by_norms = up(_log_norms(E) + log_up(spectral_norm_up(small.w_output)))
    read = -whole.w_output
    read[:, nodes] += small.w_output
    offset = small.b_output - whole.b_output
    # A difference of weights is rounded once, which is charged for by its own size.
    sizes = np.abs(h) @ np.abs(read).T + np.abs(offset)
    slip = inner_product(h.shape[2] + 1, sizes) + _lost(h, read)
    off = stack_rounding(run)
    carried = raised(off @ np.abs(whole.w_output).T, h.shape[2] + 8) + _lost(off, whole.w_output)
    outputs = np.abs(h) @ np.abs(whole.w_output).T + np.abs(whole.b_output)
    return {
        "q": _log_norms(np.abs(h @ read.T + offset)),
        "propagated": np.fmin(by_entries, by_norms),
        "read-out alone": _log_norms(slip),
        "all steps": _log_norms(slip + carried),
        "size": _log_norms(outputs),
    }


def _log_norms(values: Array) -> Array:
    """`log_norms` of entries >= 0, +inf where one is no number."""
    values = np.where(np.isnan(values), np.inf, values)
    finite = np.asarray(np.isfinite(values).all(axis=-1))
    return np.where(finite, log_norms(np.where(finite[..., None], values, 0.0)), np.inf)


def _lost(values: Array, W: Array) -> Array:
    """What products W v that are not 0 may have lost by underflow."""
    some = (values != 0).astype(float) @ (W != 0).T
    return np.asarray(W.shape[1] * SMALLEST_NORMAL * some)


def _read_by(small: Stack, run: StackRun, x: Any) -> Array:
    """What the small network reads, (T, n, d_x)."""
    return run.inputs[0] if small.embedding is None else small.embedding[x.T]


def _reaches(cell: Any, nodes: Nodes, run: StackRun, x: Array) -> Iterator[Array]:
    """E_1, ..., E_T, (n, k) each: |h'_t - h_{t,J}| <= E_t for exact and float64 small networks."""
    large = run.runs[0][0]
    h = np.zeros((x.shape[1], cell.m))
    E, c, C = np.zeros_like(h), np.zeros_like(h), np.zeros_like(h)
    for t in range(len(x)):
        most = 1 + roundings(_STEP * (t + 1))  # of a state: 1, and what rounding makes of it
        state = _within(h, E, most)
        h = large.h[t][:, nodes]
        if cell.kind == "gru":
            after = _gru(cell, state, x[t])
        else:
            memory = _within(c, C, t * most)
            memory, after = _lstm(cell, state, memory, x[t])
            c = large.c[t][:, nodes]
            C = _reach(memory, c, (t + 1) * (1 + roundings(_STEP * (t + 2))))
        E = _reach(after, h, 1 + roundings(_STEP * (t + 2)))
        yield E


def _within(h: Array, E: Array, most: float) -> Interval:
    """[h - E, h + E], in what a state can be."""
    E = raised(E + roundings(1, np.abs(h)))
    return np.fmax(h - E, -most), np.fmin(h + E, most)


def _reach(after: Interval, h: Array, most: float) -> Array:
    """How far the interval, and what a state of at most `most` can be, reaches from h."""
    low, high = after
    found = np.maximum(high - h, h - low)  # what is no number leaves `most`
    return np.asarray(raised(np.fmin(found, most + np.abs(h)), 1))


def _gru(cell: Any, h: Interval, x: Array) -> Interval:
    k = cell.m
    r, z = (_logistic(_read(cell, h, x, slice(g * k, (g + 1) * k))) for g in (0, 1))
    last = slice(2 * k, None)
    if cell.reset_after:
        given, read = _parts(cell, h, x, last)
        n = _tanh(_sum(given, _products(r, read)))
    else:
        n = _tanh(_read(cell, _products(r, h), x, last))
    # z h + (1 - z) n is monotone in h and n, and linear in z
    low, high = ([zz * a + (1 - zz) * b for zz in z] for a, b in zip(h, n, strict=True))
    slip = roundings(_STEP, 3.0)
    return np.minimum(*low) - slip, np.maximum(*high) + slip


def _lstm(cell: Any, h: Interval, c: Interval, x: Array) -> tuple[Interval, Interval]:
    k = cell.m
    i, f, g, o = (_read(cell, h, x, slice(gate * k, (gate + 1) * k)) for gate in range(4))
    c = _sum(_products(_logistic(f), c), _products(_logistic(i), _tanh(g)))
    return c, _products(_logistic(o), _tanh(c))


def _read(cell: Any, h: Interval, x: Array, rows: slice) -> Interval:
    """Rows of W_h h + W_i x + b for any h of the interval, exact or in float64."""
    return _sum(*_parts(cell, h, x, rows))


def _parts(cell: Any, h: Interval, x: Array, rows: slice) -> tuple[Interval, Interval]:
    """W_i x + b_i and W_h h + b_h."""
    terms = 2 * (cell.m + cell.d_x + 4)  # the network may sum all of them in one go
    given = _affine((x, x), cell.w_input[rows], cell.b_input[rows], terms)
    return given, _affine(h, cell.w_hidden[rows], cell.b_hidden[rows], terms)


def _affine(h: Interval, W: Array, b: Array, terms: int) -> Interval:
    """W h + b for any h of the interval, with its rounding here and where the network runs."""
    low, high = h
    middle = 0.5 * (low + high)
    radius = raised(np.maximum(high - middle, middle - low))
    size = (np.abs(middle) + radius) @ np.abs(W).T + np.abs(b)
    off = raised(radius @ np.abs(W).T, terms) + 2 * inner_product(terms, size)
    off += terms * SMALLEST_NORMAL
    at = middle @ W.T + b
    return at - off, at + off


def _sum(a: Interval, b: Interval) -> Interval:
    slip = roundings(_STEP, _size(a) + _size(b))
    return a[0] + b[0] - slip, a[1] + b[1] + slip


def _size(a: Interval) -> Array:
    return np.maximum(np.abs(a[0]), np.abs(a[1]))


def _products(gate: Interval, b: Interval) -> Interval:
    """Products with a gate, which is at least 0."""
    slip = roundings(_STEP, _size(b)) + SMALLEST_NORMAL
    low, high = (np.stack([g * end for g in gate]) for end in b)
    return low.min(axis=0) - slip, high.max(axis=0) + slip


def _logistic(a: Interval) -> Interval:
    low, high = logistic(a[0]) - roundings(_UNITS), logistic(a[1]) + roundings(_UNITS)
    return np.fmax(low, 0.0), np.fmin(high, 1.0)  # what is no number is between


def _tanh(a: Interval) -> Interval:
    low, high = np.tanh(a[0]) - roundings(_UNITS), np.tanh(a[1]) + roundings(_UNITS)
    return np.fmax(low, -1.0), np.fmin(high, 1.0)
