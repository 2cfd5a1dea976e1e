"""Spectral pruning itself, in the call of its rivals."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from pruning.covariance import Moments
from pruning.rnn import RNN
from pruning.spectral import PrunedRNN, spectral_prune


def spectral(
    rnn: RNN,
    covariance_or_x: Moments,
    k: int,
    rng: np.random.Generator | int | None = None,
    theta: float = 0.5,
    tau: ArrayLike | None = None,
    reconstruct: bool = True,
) -> PrunedRNN:
    """Prune by the greedy choice of nodes, and the reconstruction matrix or the 0/1 embedding.

    Parameters
    ----------
    rnn, covariance_or_x, k, theta, tau, reconstruct
        As in `pruning.spectral_prune`.
    rng : numpy Generator or seed
        Not used: nothing is drawn.
    """
    return spectral_prune(rnn, covariance_or_x, k, theta, tau, reconstruct)
