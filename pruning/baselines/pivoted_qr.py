"""Keep the nodes that a QR factorization of S with column pivoting meets first."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import qr

from pruning.checks import integer
from pruning.covariance import Moments, covariance_of, seen
from pruning.rnn import RNN
from pruning.spectral import PrunedRNN, prune_to


def pivoted_qr(
    rnn: RNN,
    covariance_or_x: Moments,
    k: int,
    rng: np.random.Generator | int | None = None,
    tau: ArrayLike | None = None,
) -> PrunedRNN:
    """Prune to the first k pivots of S, with the reconstruction matrix: a CUR decomposition of S.

    Parameters
    ----------
    rnn, covariance_or_x, k, tau
        As in `pruning.prune_to`.
    rng : numpy Generator or seed
        Not used: nothing is drawn.
    """
    k = integer("k", k, low=0, high=rnn.m)
    held = seen(rnn, covariance_or_x)
    S, _ = covariance_of(rnn, held)
    nodes = qr(S, mode="r", pivoting=True)[1][:k] if k else np.zeros(0, np.int64)
    return prune_to(rnn, held, np.sort(nodes).astype(np.int64), tau, True, "pivoted QR")
