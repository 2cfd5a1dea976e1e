"""Keep k nodes drawn uniformly without replacement."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from pruning.checks import as_generator, integer
from pruning.covariance import Moments
from pruning.rnn import RNN
from pruning.spectral import PrunedRNN, prune_to


def random_nodes(
    rnn: RNN,
    covariance_or_x: Moments,
    k: int,
    rng: np.random.Generator | int | None = None,
    reconstruct: bool = True,
    tau: ArrayLike | None = None,
) -> PrunedRNN:
    """Prune to k nodes drawn uniformly without replacement.

    Parameters
    ----------
    rnn, covariance_or_x, k
        As in `pruning.spectral_prune`.
    rng : numpy Generator or seed
    reconstruct : bool
        With the reconstruction matrix, or with the 0/1 embedding of the nodes.
    tau : float or (k,) array, optional
        Regulariser of the reconstruction; None means 1e-8 Tr S/m.
    """
    k = integer("k", k, low=0, high=rnn.m)
    nodes = as_generator("rng", rng).choice(rnn.m, size=k, replace=False)
    return prune_to(rnn, covariance_or_x, np.sort(nodes), tau, reconstruct, "random nodes")
