"""Near ties of the balanced choice, decided by running what each set of nodes makes.

Two sets of nodes whose losses Tr[M C] differ by less than a hundredth, as two draws of the
sequences behind M choose them, may leave networks of which one runs far better than the other: the
loss counts residuals at the large network's states, the run is at the small one's. So the greedy
sets of several weights are run on sequences that no weight has seen, and the one whose outputs stay
closest to the large network's is kept. No label is read.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from pruning.backpropagation import TARGETS
from pruning.balanced import balanced_weight
from pruning.checks import Array, Inputs, Nodes, choice, integer
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

HELD_OUT = 1000
"""At most so many sequences decide, and at most a fifth of those there are."""


@dataclass(frozen=True, eq=False)
class Tried:
    """One set of nodes and how far its network's outputs are from the large one's.

    Attributes
    ----------
    nodes : (k,) integer array
    gap : float
        The mean squared gap of the outputs on the held-out sequences, or the divergence of their
        softmax; inf where a run leaves the range of floats.
    """

    nodes: Nodes
    gap: float


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
    halvings: int = 3,
) -> PrunedRNN:
    """Prune to the balanced nodes, of several near-tied sets the one that runs best.

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
    generator = np.random.default_rng(0 if rng is None else rng)
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
    halvings: int = 3,
) -> list[tuple[Tried, PrunedRNN]]:
    """Return every different set, the whole sample's first, with its network.

    Parameters
    ----------
    rnn, covariance_or_x, k, rng, tau, x, targets, outputs, halvings
        As in `prune_by_runs`.
    """
    halvings = integer("halvings", halvings, low=0)
    if len(x) < 2:
        raise ValueError(f"x must hold at least 2 sequences, one to decide by, got {len(x)}")
    order = rng.permutation(len(x))
    deciding = min(HELD_OUT, max(1, len(x) // 5))
    held_out, others = x[order[:deciding]], x[order[deciding : deciding + OBSERVED]]
    found: dict[tuple[int, ...], tuple[Tried, PrunedRNN]] = {}
    for weight in nested_weights(unobserved(rnn, others, targets, rng, outputs), others, halvings):
        pruned = spectral_prune(
            rnn, covariance_or_x, k, tau=tau, objective="balanced", weight=weight
        )
        key = tuple(pruned.nodes.tolist())
        if key not in found:
            gap = output_gap(rnn, pruned.pruned, held_out, targets, outputs)
            found[key] = Tried(pruned.nodes, gap), replace(pruned, method="balanced, by runs")
    return list(found.values())


def nested_weights(empty: Observability, x: Inputs, halvings: int) -> list[Array]:
    """Return the balanced weights (m, m) of x, of its halves, their halves, ..., in this order.

    Every sequence is run once: what a part has seen is what its halves have seen, merged. At most
    `halvings` + 2 observabilities are held at a time. A single sequence is not halved.

    Parameters
    ----------
    empty : Observability
        Which has seen nothing; it stays so.
    x : (n, T, d_x) floats or (n, T) tokens
        n >= 1.
    halvings : int
        >= 0.
    """
    weights: list[tuple[int, Array]] = []

    def seen_by(part: Inputs, level: int) -> Observability:
        if level == halvings or len(part) < 2:
            observed = empty.fresh().update(part)
        else:
            first, second = np.array_split(part, 2)
            observed = seen_by(first, level + 1).merge(seen_by(second, level + 1))
        weights.append((level, balanced_weight(observed)))
        return observed

    seen_by(x, 0)
    weights.sort(key=lambda one: one[0])
    return [weight for _, weight in weights]


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
    if are_logits(large, x, outputs):
        divergence = Divergence(large, small, x, w, False, False, "float32")
        return divergence.value(divergence.start)
    with np.errstate(over="ignore", invalid="ignore"):
        gap = np.square(small.predictions(x) - large.predictions(x)).sum(axis=2) @ w
    total = float(gap.mean())
    return total if np.isfinite(total) else np.inf
