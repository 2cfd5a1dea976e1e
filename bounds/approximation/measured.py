"""The error that section 3 bounds, measured: ||f^ - f'||_{n,w}."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from pruning.checks import Array, time_weights

if TYPE_CHECKING:
    from pruning.spectral import PrunedRNN


@dataclass(frozen=True)
class Runs:
    """States of both networks on one batch of sequences.

    Attributes
    ----------
    states : (n_b, T, m) array
        h_t of the original network.
    pruned_states : (n_b, T, k) array
        h'_t of the pruned one.
    """

    states: Array
    pruned_states: Array


def approximation_error(
    pruned: PrunedRNN, x: ArrayLike, weights: ArrayLike | None = None, batch: int = 256
) -> float:
    """||f^ - f'||_{n,w} = sqrt((1/n) sum_i sum_t w_t ||f^_t(X^i) - f'_t(X^i)||^2).

    Parameters
    ----------
    pruned : PrunedRNN
        Both networks.
    x : (n, T, d_x) floats or (n, T) tokens
        The sample.
    weights : (T,) array, optional
        Time weights w_t >= 0 that sum to 1; 1/T by default.
    batch : int
        Sequences held in memory at a time.

    Returns
    -------
    float
        Measured in float64, on the float64 states of both networks.
    """
    n, T = np.shape(x)[:2] if np.ndim(x) >= 2 else (0, 0)
    total = []
    for runs in paired_runs(pruned, x, batch):
        w = time_weights(weights, T)
        gap = output_gap(pruned, runs)
        total.append(float(w @ np.einsum("ntd,ntd->t", gap, gap)))
    return math.sqrt(math.fsum(total) / n)


def output_gap(pruned: PrunedRNN, runs: Runs) -> Array:
    """f^_t - f'_t, (n_b, T, d_y); equal output biases are left out, so that they cannot cancel."""
    full, small = pruned.original, pruned.pruned
    gap = runs.states @ full.w_output.T - runs.pruned_states @ small.w_output.T
    return np.asarray(gap + (full.b_output - small.b_output))


def paired_runs(pruned: PrunedRNN, x: ArrayLike, batch: int = 256) -> Iterator[Runs]:
    """Yield the states of both networks, `batch` sequences at a time."""
    checked = pruned.original.check_input(x)
    states = pruned.original.state_batches(checked, batch)
    pruned_states = pruned.pruned.state_batches(checked, batch)
    for h, h_pruned in zip(states, pruned_states, strict=True):
        yield Runs(h, h_pruned)
