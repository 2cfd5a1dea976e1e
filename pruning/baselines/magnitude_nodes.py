"""Keep the k nodes with the largest weights."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from pruning.checks import Array, Nodes, integer
from pruning.covariance import Moments
from pruning.rnn import RNN
from pruning.spectral import PrunedRNN, prune_to


def magnitude_nodes(
    rnn: RNN,
    covariance_or_x: Moments,
    k: int,
    rng: np.random.Generator | int | None = None,
    reconstruct: bool = False,
    tau: ArrayLike | None = None,
) -> PrunedRNN:
    """Prune to the k nodes whose incoming and outgoing weights have the largest Euclidean norm.

    Parameters
    ----------
    rnn, covariance_or_x, k, tau
        As in `pruning.prune_to`.
    rng : numpy Generator or seed
        Not used: nothing is drawn.
    reconstruct : bool
        By default the 0/1 embedding of the nodes, as is usual with this choice.
    """
    k = integer("k", k, low=0, high=rnn.m)
    return prune_to(
        rnn, covariance_or_x, largest(node_norms(rnn), k), tau, reconstruct, "magnitude nodes"
    )


def node_norms(rnn: RNN) -> Array:
    """Return the norm of all weights into and out of each node, shape (m,)."""
    with np.errstate(over="ignore", invalid="ignore"):
        squares = (
            np.square(rnn.w_hidden).sum(axis=0)
            + np.square(rnn.w_hidden).sum(axis=1)
            - np.square(np.diag(rnn.w_hidden))  # the weight of a node to itself counts once
            + np.square(rnn.w_input).sum(axis=1)
            + np.square(rnn.b_hidden)
            + np.square(rnn.w_output).sum(axis=0)
        )
    return np.asarray(np.sqrt(squares))


def largest(scores: Array, k: int) -> Nodes:
    """Return the k nodes of largest score in increasing order; of equal ones the first.

    Raises
    ------
    ValueError
        If a score is beyond floats: it has no rank, and nan would be the smallest.
    """
    if not np.isfinite(scores).all():
        raise ValueError(
            "the scores of nodes and weights must stay within the range of floats, left it: "
            "weights or gradients are too large"
        )
    return np.sort(np.argsort(-scores, kind="stable")[:k])
