"""The small network of a stack beside what it is compared with: kept nodes, or images.

Theory, sections 11 and 12: e_t = h'_t - c_t = J_t e_{t-1} + b_t exactly, and f'_t - f_t =
q_t + W_o' e_t with q_t = (W_o' c_t + b_o') - (W_o h_t + b_o), for c_t = h_{t,J} with what the
small network is driven by, and for c_t linear images of the large network's states with the defect
of one step along them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from bounds.approximation.closed import FAILED
from bounds.approximation.images import ImageSums, with_one
from bounds.rounding import SMALLEST_NORMAL, inner_product, raised, roundings
from pruning.cells.gated_secants import gru_secants, lstm_secants
from pruning.cells.secants import plain_secants
from pruning.cells.stepped import beside_states
from pruning.checks import Array
from pruning.stack import Stack
from pruning.stack_gradients import StackRun, run_stack


@dataclass(frozen=True, eq=False)
class Beside:
    """The small network beside c_t: e_t = h'_t - c_t and its recursion, q_t; all (T, n, .).

    `slip` bounds what q_t + W_o' e_t may be off by for the states as they are in floats.
    """

    secants: Any
    q: Array
    e: Array
    slip: Array


def beside_nodes(
    whole: Stack, small: Stack, nodes: Any, large_run: StackRun, small_run: StackRun
) -> Beside:
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
    return Beside(secants, h @ read.T + offset, e, _slip(small, e, (h, read), offset=offset))


def beside_images(
    whole: Stack, small: Stack, maps: Array, large_run: StackRun, small_run: StackRun
) -> Beside:
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
    return Beside(secants, q, e, _slip(small, e, *read, offset=off) + raised(apart, cell.m + 8))


def _shown(run: StackRun) -> Array:
    """What images are made of: (h_t, 1) of the last layer, (h_t, c_t, 1) of an LSTM's."""
    last = run.runs[-1][0]
    return with_one(np.concatenate([last.h, last.c], axis=-1) if hasattr(last, "c") else last.h)


def fitted_images(whole: Stack, small: Stack, x: Any, batch: int) -> tuple[Array, int]:
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


def _slip(small: Stack, e: Array, *read: tuple[Array, Array], offset: Array) -> Array:
    """What sums of products W h, the offset and W_o' e may be off by; `read` pairs of h and W."""
    pairs = [*read, (e, small.w_output)]
    size = sum(inner_product(h.shape[2] + 1, np.abs(h) @ np.abs(W).T) for h, W in pairs)
    size = size + inner_product(sum(h.shape[2] for h, _ in read) + 1, np.abs(offset))
    # Products that are not 0 may be no floats, nor their sum.
    some = [(h != 0) @ (W != 0).T for h, W in pairs]
    least = sum(h.shape[2] for h, _ in pairs) * SMALLEST_NORMAL
    return np.asarray(np.where(np.any(some, axis=0), size + least, size))


def _read_out(whole: Stack, small: Stack, nodes: Any) -> tuple[Array, Array]:
    """W_o' on the kept nodes less W_o, and b_o' - b_o: weights that agree cancel."""
    read = -whole.w_output
    read[:, nodes] += small.w_output
    return read, small.b_output - whole.b_output
