"""Near ties of the balanced choice, decided by running what each set of nodes makes.

Two sets of nodes whose losses Tr[M C] differ by less than a hundredth, as two draws of the
sequences behind M choose them, may leave networks of which one runs far better than the other: the
loss counts residuals at the large network's states, the run is at the small one's. So the greedy
sets of several weights are run on sequences that no weight has seen, and the one whose outputs stay
closest to the large network's is kept. No label is read.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from pruning.backpropagation import TARGETS
from pruning.balanced import balanced_weight
from pruning.checks import Array, Inputs, as_generator, choice
from pruning.covariance import Moments, seen
from pruning.observability import Observability, read_weights
from pruning.pruned_rnn import PrunedRNN
from pruning.refit.divergence import Divergence
from pruning.rnn import RNN
from pruning.spectral import (
    OBSERVED,
    READS,
    are_logits,
    inputs_of,
    refitted,
    spectral_prune,
    unobserved,
)
from pruning.ties import HALVINGS, Tried, distinct, held_apart, nested


def prune_by_runs(
    rnn: RNN,
    covariance_or_x: Moments,
    k: int,
    rng: np.random.Generator | int | None = None,
    tau: ArrayLike | None = None,
    *,
    x: ArrayLike | None = None,
    targets: str = "last",
    refit: str | None = None,
    outputs: str | None = None,
    halvings: int = HALVINGS,
) -> PrunedRNN:
    """Prune to the balanced nodes, of several near-tied sets the one that runs best.

    Where no set has a run within the range of floats, that of the whole sample is kept.

    Parameters
    ----------
    rnn, covariance_or_x, k, rng, tau, x, targets, refit, outputs
        As in `pruning.spectral_prune`.
    halvings : int
        >= 0. The sequences of the balanced weight are halved so often: the whole, its halves, their
        halves, ..., each give a weight and so a set of nodes.

    Raises
    ------
    ValueError
        As `spectral_prune`, and where there are fewer than 2 sequences.

    Examples
    --------
    >>> import numpy as np
    >>> from rnnbounds import initial_rnn, prune_by_runs
    >>> rnn = initial_rnn(6, d_x=2, d_y=1, activation="tanh", rng=0)
    >>> x = np.random.default_rng(0).normal(size=(60, 5, 2))
    >>> prune_by_runs(rnn, x, 3, rng=0).nodes.size
    3
    """
    held = seen(rnn, covariance_or_x)
    inputs = inputs_of(rnn, covariance_or_x if x is None else x)
    generator = as_generator("rng", 0 if rng is None else rng)
    tried = near_ties(rnn, held, k, generator, tau, inputs, targets, outputs, halvings)
    best = min(tried, key=lambda one: one[0].gap)[1]
    if refit is None:
        return best
    return refitted(best, inputs, refit, targets, generator, outputs=outputs)


def near_ties(
    rnn: RNN,
    covariance_or_x: Moments,
    k: int,
    rng: np.random.Generator,
    tau: ArrayLike | None,
    x: Inputs,
    targets: str = "last",
    outputs: str | None = None,
    halvings: int = HALVINGS,
) -> list[tuple[Tried, PrunedRNN]]:
    """Return every different set, the whole sample's first, with its network.

    Parameters
    ----------
    rnn, covariance_or_x, k, rng, tau, x, targets, outputs, halvings
        As in `prune_by_runs`.
    """
    deciding, others = held_apart(len(x), rng)
    held_out, weighing = x[deciding], x[others[:OBSERVED]]
    empty = unobserved(rnn, weighing, targets, rng, outputs)
    found = distinct(
        (
            spectral_prune(rnn, covariance_or_x, k, tau=tau, objective="balanced", weight=weight)
            for weight in nested_weights(empty, weighing, halvings)
        ),
        lambda pruned: pruned.nodes,
    )
    return [
        (
            Tried(one.nodes, output_gap(rnn, one.pruned, held_out, targets, outputs)),
            replace(one, method="balanced, by runs"),
        )
        for one in found
    ]


def nested_weights(empty: Observability, x: Inputs, halvings: int) -> list[Array]:
    """Return the balanced weights (m, m) of x, its halves, ..., as `pruning.ties.nested` does.

    Parameters
    ----------
    empty : Observability
        Which has seen nothing; it stays so.
    x : (n, T, d_x) floats or (n, T) tokens
        n >= 1.
    halvings : int
        >= 0.
    """
    return nested(
        np.arange(len(x)), halvings, lambda rows: empty.fresh().update(x[rows]), balanced_weight
    )


def output_gap(
    large: RNN, small: RNN, x: Inputs, targets: str = "last", outputs: str | None = None
) -> float:
    """Return the mean squared gap of the outputs, or the divergence of their softmax for logits.

    Parameters
    ----------
    large, small : RNN
    x : (n, T, d_x) floats or (n, T) tokens
    targets, outputs
        As in `pruning.spectral_prune`.
    """
    weights = READS[choice("targets", targets, TARGETS)]
    w = read_weights(weights, x.shape[1])
    with np.errstate(over="ignore", invalid="ignore"):
        if are_logits(large, x, outputs):
            divergence = Divergence(large, small, x, w, False, False, "float32")
            total = divergence.value(divergence.start)
        else:
            gap = np.square(small.predictions(x) - large.predictions(x)).sum(axis=2) @ w
            total = float(gap.mean())
    return total if np.isfinite(total) else np.inf
