"""The error that section 3 bounds, measured: ||f^ - f'||_{n,w}."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from bounds.rounding import SMALLEST_NORMAL, inner_product, raised, roundings
from bounds.terms import Condition
from pruning.checks import Array, time_weights
from pruning.run_rounding import RunExtremes

if TYPE_CHECKING:
    from pruning.spectral import PrunedRNN

EXACT_RUNS = Condition(
    "exact runs",
    True,
    "The error is that of the networks as stored, in exact arithmetic, and of float64 "
    "runs: what rounding may have made of the states is in the bound.",
)


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

    Examples
    --------
    >>> import numpy as np
    >>> from rnnbounds import approximation_error, initial_rnn, spectral_prune
    >>> rnn = initial_rnn(6, d_x=2, d_y=1, activation="tanh", rng=0)
    >>> x = np.random.default_rng(0).normal(size=(20, 5, 2))
    >>> approximation_error(spectral_prune(rnn, x, k=6), x) < 1e-6
    True
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


class RunErrors:
    """How far float64 runs of a pair may be from exact ones, batch by batch.

    Parameters
    ----------
    pruned : PrunedRNN
    """

    def __init__(self, pruned: PrunedRNN) -> None:
        self._original, self._pruned = RunExtremes(pruned.original), RunExtremes(pruned.pruned)
        self._covered = True

    def original(self, inputs: Any, states: Array) -> Array:
        """Bound on |float64 state - exact state| of the original, (T, m); 0 if not covered."""
        return self._of(self._original, inputs, states)

    def pruned(self, inputs: Any, states: Array) -> Array:
        """The same for the pruned network, (T, k)."""
        return self._of(self._pruned, inputs, states)

    @property
    def condition(self) -> Condition:
        """What the bound on the batches seen is about."""
        if self._covered:
            return EXACT_RUNS
        return Condition(
            "float64 runs",
            True,
            "The error is that of float64 runs, whose rounding is in the bound; all steps "
            "together may carry them far from the exact runs, in the worst case.",
        )

    def _of(self, run: RunExtremes, inputs: Any, states: Array) -> Array:
        found = run.rounding_of(inputs, states)
        if found.covered:
            return found.state
        self._covered = False
        return np.zeros_like(found.state)


def read_rounding(G: Array, rounding: Array) -> Array:
    """|G| delta for every step, (T, q), rounded up; delta is (T, m) as `RunErrors` has it."""
    if not rounding.any():
        return np.zeros((len(rounding), len(G)))
    with np.errstate(invalid="raise"):
        return np.asarray(raised(rounding @ np.abs(G).T, G.shape[1] + 8))


def rounding_of_states(pruned: PrunedRNN, inputs: Any, states: Array) -> Array:
    """Largest |difference| that one step's rounding makes between the two runs, (n, T, k).

    An inner product of length l is off by at most l eps times that of the absolute values, s(a) by
    4 eps of itself, for a of either network. The states of the small one are taken as h_J here;
    what e adds is eps times what it adds to the recursion, see `relative_rounding`.
    """
    full, small, nodes = pruned.original, pruned.pruned, pruned.nodes
    if same_twice(pruned):
        return np.zeros((*states.shape[:2], len(nodes)))
    if inputs.ndim == 2:
        drive = np.abs(small.w_input.T[inputs])
    else:
        drive = np.abs(inputs) @ np.abs(small.w_input).T
    size = 2 * (drive + np.abs(small.b_hidden))
    before, kept = np.abs(states[:, :-1]), np.abs(states[:, :, nodes])
    size[:, 1:] += before @ np.abs(full.w_hidden[nodes]).T
    size[:, 1:] += kept[:, :-1] @ np.abs(small.w_hidden).T
    rounding = inner_product(full.m + full.d_x, full.activation.lipschitz * size)
    rounding = rounding + roundings(8, kept)
    # A product may have underflowed.
    return np.where((size > 0) | (kept > 0), np.maximum(rounding, SMALLEST_NORMAL), 0.0)


def rounding_of_outputs(pruned: PrunedRNN, states: Array) -> Array:
    """The same for W_o h_t - W_o' h_{t,J}, (n, T, d_y)."""
    if same_twice(pruned):
        return np.zeros((*states.shape[:2], pruned.original.d_y))
    size = np.abs(states) @ np.abs(pruned.original.w_output).T
    size += np.abs(states[:, :, pruned.nodes]) @ np.abs(pruned.pruned.w_output).T
    return np.asarray(inner_product(pruned.original.m, size))


def relative_rounding(pruned: PrunedRNN) -> float:
    """What the rounding of products with e adds to log kappa and to log ||W_o'||_2."""
    full, k = pruned.original, len(pruned.nodes)  # || |W| ||_2 <= sqrt(k) ||W||_2
    return inner_product(full.m + full.d_x, math.sqrt(max(k, 1)))


def same_twice(pruned: PrunedRNN) -> bool:
    """Whether both networks are the same, and are run with the same roundings."""
    full, small = pruned.original, pruned.pruned
    return all(np.array_equal(full.weights[name], small.weights[name]) for name in full.weights)
