"""Replace W_h by a product of two thin factors."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pruning.baselines.result import PrunedWeights
from pruning.checks import Array, integer
from pruning.covariance import Moments
from pruning.rnn import RNN


def low_rank(
    rnn: RNN,
    covariance_or_x: Moments,
    k: int,
    rng: np.random.Generator | int | None = None,
) -> PrunedWeights:
    """Replace W_h by the nearest matrix of rank floor(k^2/(2m)); the other blocks stay whole.

    The two factors (m, r) and (r, m) then hold at most the k^2 numbers that W_h has in a network of
    k nodes. Nearest is meant in every unitarily invariant norm. In fine-tuning W_h is brought back
    to that rank by another singular value decomposition after every update.

    Parameters
    ----------
    rnn : RNN
    covariance_or_x
        Not used.
    k : int
        0..m.
    rng : numpy Generator or seed
        Not used: nothing is drawn.
    """
    k = integer("k", k, low=0, high=rnn.m)
    rank = k * k // (2 * rnn.m) if rnn.m else 0
    pruned = replace(rnn, w_hidden=truncated(rnn.w_hidden, rank))
    counts = {name: int(array.size) for name, array in rnn.weights.items()}
    counts["w_hidden"] = 2 * rnn.m * rank
    return PrunedWeights(rnn, pruned, counts, "low rank W_h", {}, Rank(rank))


class Rank:
    """Bring w_hidden, in place, to this rank."""

    def __init__(self, rank: int) -> None:
        self.rank = rank

    def __call__(self, weights: dict[str, Array]) -> None:
        """Change ``weights["w_hidden"]``."""
        w = weights["w_hidden"]
        w[...] = truncated(w, self.rank)


def truncated(W: Array, rank: int) -> Array:
    """Return the nearest matrix of at most this rank."""
    if rank == 0 or not np.isfinite(W).all():
        return np.zeros_like(W) if rank == 0 else W
    U, sigma, Vt = np.linalg.svd(W)
    return np.asarray((U[:, :rank] * sigma[:rank]) @ Vt[:rank])
