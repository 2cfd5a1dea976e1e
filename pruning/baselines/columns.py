"""Set whole columns of W_h to 0, those of smallest norm: some nodes are then never fed back."""

from __future__ import annotations

import numpy as np

from pruning.baselines.result import PrunedWeights, masked
from pruning.checks import integer
from pruning.covariance import Moments
from pruning.rnn import RNN


def columns(
    rnn: RNN,
    covariance_or_x: Moments,
    k: int,
    rng: np.random.Generator | int | None = None,
) -> PrunedWeights:
    """Keep the floor(k^2/m) columns of W_h of largest Euclidean norm, and the other blocks whole.

    W_h then has at most the k^2 entries that it has in a network of k nodes.

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
    norms = np.linalg.norm(rnn.w_hidden, axis=0)
    kept = np.argsort(-norms, kind="stable")[: k * k // rnn.m if rnn.m else 0]
    mask = np.zeros((rnn.m, rnn.m))
    mask[:, kept] = 1
    return masked(rnn, {"w_hidden": mask}, "columns of W_h")
