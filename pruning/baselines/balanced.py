"""Balanced pruning, its refits, and its rivals, in the call of the other methods.

Theory, section 11. None of these reads a label, `x` are sequences, but the choice of nodes in
`labelled_with_refit`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import qr

from pruning.checks import as_generator, integer
from pruning.covariance import Moments, covariance_of, seen
from pruning.reconstruction import weight_matrix
from pruning.rnn import RNN
from pruning.spectral import PrunedRNN, observed_weight, prune_to, refitted, spectral_prune


def balanced(
    rnn: RNN,
    covariance_or_x: Moments,
    k: int,
    rng: np.random.Generator | int | None = None,
    tau: ArrayLike | None = None,
    *,
    x: ArrayLike,
    targets: str = "last",
    weight: ArrayLike | None = None,
    method: str = "greedy",
    refit: str | None = None,
) -> PrunedRNN:
    """Prune by a choice with the balanced weight.

    Parameters
    ----------
    rnn, covariance_or_x, k, rng, tau, weight, method, refit
        As in `pruning.spectral_prune`.
    x, targets
        As there, for the weight where none is given, and for a refit.
    """
    sequences: dict[str, Any] = (
        {"x": x, "targets": targets} if weight is None or refit is not None else {}
    )
    return spectral_prune(
        rnn,
        covariance_or_x,
        k,
        tau=tau,
        method=method,
        rng=rng,
        objective="balanced",
        refit=refit,
        weight=weight,
        **sequences,
    )


def balanced_pivoted_qr(
    rnn: RNN,
    covariance_or_x: Moments,
    k: int,
    rng: np.random.Generator | int | None = None,
    tau: ArrayLike | None = None,
    *,
    x: ArrayLike,
    targets: str = "last",
    weight: ArrayLike | None = None,
) -> PrunedRNN:
    """Prune to the first k pivots of M^{1/2} S: columns of S in the norm of the balanced weight.

    Parameters
    ----------
    rnn, covariance_or_x, k, rng, tau, x, targets, weight
        As in `pruning.spectral_prune`.
    """
    k = integer("k", k, low=0, high=rnn.m)
    held = seen(rnn, covariance_or_x)
    S, _ = covariance_of(rnn, held)
    M = observed_weight(rnn, x, targets, rng) if weight is None else weight_matrix(weight, rnn.m)
    mu, U = np.linalg.eigh(M)
    root = np.sqrt(np.maximum(mu, 0))[:, None] * U.T
    nodes = qr(root @ S, mode="r", pivoting=True)[1][:k] if k else np.zeros(0, np.int64)
    return prune_to(rnn, held, np.sort(nodes).astype(np.int64), tau, True, "pivoted QR, balanced")


def with_refit(call: Callable[..., PrunedRNN], refit: str) -> Callable[..., PrunedRNN]:
    """Return a method that prunes as `call` does, with reconstruction, and then refits.

    Parameters
    ----------
    call : callable
        ``call(rnn, covariance_or_x, k, rng, tau=tau)``.
    refit : {"read-out", "closed-loop"}
        See `pruning.spectral_prune`. The fit reads no label.
    """

    def pruned(
        rnn: RNN,
        covariance_or_x: Moments,
        k: int,
        rng: np.random.Generator | int | None = None,
        tau: ArrayLike | None = None,
        *,
        x: ArrayLike,
        targets: str = "last",
        refit: str | None = refit,
    ) -> PrunedRNN:
        generator = as_generator("rng", 0 if rng is None else rng)
        start = call(rnn, covariance_or_x, k, generator, tau=tau)
        return start if refit is None else refitted(start, x, refit, targets, generator)

    return pruned


def labelled_with_refit(call: Callable[..., PrunedRNN], refit: str) -> Callable[..., PrunedRNN]:
    """Return what `with_refit` does for a `call` that chooses its nodes by labels.

    Parameters
    ----------
    call : callable
        ``call(rnn, covariance_or_x, k, rng, tau=tau, x=x, y=y, targets=targets)``.
    refit : {"read-out", "closed-loop"}
        See `pruning.spectral_prune`. The fit itself reads no label.
    """

    def pruned(
        rnn: RNN,
        covariance_or_x: Moments,
        k: int,
        rng: np.random.Generator | int | None = None,
        tau: ArrayLike | None = None,
        *,
        x: ArrayLike,
        y: ArrayLike,
        targets: str = "last",
        refit: str | None = refit,
    ) -> PrunedRNN:
        generator = as_generator("rng", 0 if rng is None else rng)
        start = call(rnn, covariance_or_x, k, generator, tau=tau, x=x, y=y, targets=targets)
        return start if refit is None else refitted(start, x, refit, targets, generator)

    return pruned
