"""Keep nodes drawn by leverage scores or from a determinantal process (theory, section 2)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from pruning.checks import Array, Nodes, as_generator, integer
from pruning.covariance import Moments, covariance_of, seen
from pruning.rnn import RNN
from pruning.selection.determinantal import fill_up, sample_determinantal, sample_volume
from pruning.selection.leverage import lam_for_degrees_of_freedom, leverage_scores, spectrum
from pruning.spectral import PrunedRNN, prune_to


def leverage_nodes(
    rnn: RNN,
    covariance_or_x: Moments,
    k: int,
    rng: np.random.Generator | int | None = None,
    tau: ArrayLike | None = None,
) -> PrunedRNN:
    """Prune to k nodes drawn one after the other in proportion to their ridge leverage scores.

    Theory section 2a draws with replacement, and may then meet fewer than k nodes; here a node that
    was drawn is not drawn again, so that the method is matched with the others by its count of
    nodes, and tau is that of the others. lam is where N(lam) = k, or half the rank where k exceeds
    that.

    Parameters
    ----------
    rnn, covariance_or_x, k, tau
        As in `pruning.prune_to`.
    rng : numpy Generator or seed
    """
    k = integer("k", k, low=0, high=rnn.m)
    held = seen(rnn, covariance_or_x)
    S, _ = covariance_of(rnn, held)
    nodes = by_leverage(S, k, as_generator("rng", rng)) if k else np.zeros(0, np.int64)
    return prune_to(rnn, held, nodes, tau, True, "leverage scores")


def determinantal_nodes(
    rnn: RNN,
    covariance_or_x: Moments,
    k: int,
    rng: np.random.Generator | int | None = None,
    tau: ArrayLike | None = None,
) -> PrunedRNN:
    """Prune to the nodes of a determinantal process of mean size k, drawn until at most k come.

    Theory section 2b with lam where N(lam) = k, given |J| <= k. The median of |J| is then k, so
    that two draws are enough on average. Where k is not below the rank, a set of largest volume
    rank that leaves no residual is drawn, see `pruning.sample_volume`.

    Parameters
    ----------
    rnn, covariance_or_x, k, tau
        As in `pruning.prune_to`.
    rng : numpy Generator or seed
    """
    k = integer("k", k, low=0, high=rnn.m)
    held = seen(rnn, covariance_or_x)
    S, _ = covariance_of(rnn, held)
    nodes = by_process(S, k, as_generator("rng", rng)) if k else np.zeros(0, np.int64)
    return prune_to(rnn, held, nodes, tau, True, "determinantal")


def volume_nodes(
    rnn: RNN,
    covariance_or_x: Moments,
    k: int,
    rng: np.random.Generator | int | None = None,
    tau: ArrayLike | None = None,
) -> PrunedRNN:
    """Prune to k nodes drawn with probability proportional to det S_J (theory, section 2c).

    Parameters
    ----------
    rnn, covariance_or_x, k, tau
        As in `pruning.prune_to`.
    rng : numpy Generator or seed
    """
    k = integer("k", k, low=0, high=rnn.m)
    held = seen(rnn, covariance_or_x)
    S, _ = covariance_of(rnn, held)
    nodes = sample_volume(S, k, as_generator("rng", rng)) if k else np.zeros(0, np.int64)
    return prune_to(rnn, held, nodes, tau, True, "volume")


def by_leverage(S: Array, k: int, rng: np.random.Generator) -> Nodes:
    """Return k > 0 nodes drawn in proportion to their scores; see `leverage_nodes`."""
    mu = spectrum(S)[0]
    if len(mu) == 0:
        return fill_up(np.zeros(0, np.int64), k, len(S))
    size = k if k < len(mu) else len(mu) / 2
    scores = leverage_scores(S, lam_for_degrees_of_freedom(mu, size))
    alive = np.flatnonzero(scores)
    count = min(k, len(alive))
    q = scores[alive] / scores[alive].sum()
    nodes = alive[rng.choice(len(alive), size=count, replace=False, p=q)]
    return fill_up(np.sort(nodes), k, len(S))


def by_process(S: Array, k: int, rng: np.random.Generator) -> Nodes:
    """Return at most k > 0 nodes of a determinantal process; see `determinantal_nodes`."""
    mu = spectrum(S)[0]
    if k >= len(mu):
        return sample_volume(S, k, rng)
    lam = lam_for_degrees_of_freedom(mu, k)
    nodes = sample_determinantal(S, lam, rng)
    while len(nodes) > k:
        nodes = sample_determinantal(S, lam, rng)
    return nodes
