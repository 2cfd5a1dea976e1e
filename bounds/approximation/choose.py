"""One call for every bound of section 3 that needs no further pass over the data."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from bounds.approximation.a_priori import a_priori_bound
from bounds.approximation.dissipation import dissipation_bound
from bounds.approximation.global_ import global_bound
from bounds.approximation.power import power_bound
from bounds.approximation.saturation import saturation_bound
from bounds.approximation.scaled import scaled_bound
from bounds.approximation.sector import sector_bound
from bounds.approximation.stepwise import stepwise_bound
from bounds.approximation.toeplitz import toeplitz_bound
from bounds.approximation.trajectory import is_nondecreasing
from bounds.approximation.weighted import weighted_bound
from bounds.approximation.weighted_from_mean import weighted_from_mean_bound
from bounds.terms import Bound
from pruning.checks import choice, integer, real_array, time_weights

if TYPE_CHECKING:
    from pruning.spectral import PrunedRNN

CONVOLUTIONS = {"global": global_bound, "toeplitz": toeplitz_bound, "power": power_bound}
DIAGONAL = {"scaled": scaled_bound, "stepwise": stepwise_bound}
METHODS = (
    *CONVOLUTIONS,
    *DIAGONAL,
    "sector",
    "saturation",
    "dissipation",
    "weighted",
    "weighted_from_mean",
    "a_priori",
    "best",
    "sharpest",
)
BEST_NOTE = (
    'The smallest of the bounds that take seconds. "sharpest" (--sharpest) also searches '
    "approximation.dissipation, which takes minutes and is often several times smaller."
)


def approximation_bound(
    pruned: PrunedRNN,
    T: int,
    method: str = "global",
    weights: ArrayLike | None = None,
    per_step: ArrayLike | None = None,
    lam: float | None = None,
) -> Bound:
    """A bound on ||f^ - f'||_{n,w} of section 3, by name.

    Parameters
    ----------
    pruned : PrunedRNN
        Both networks and the covariance of the sample that the error is measured on.
    T : int
        Length of the sequences.
    method : str
        ``global`` (published), ``toeplitz``, ``power``, ``scaled``, ``stepwise``, ``sector``,
        ``saturation``, ``dissipation`` (minutes; needs Clarabel), ``weighted`` (needs `per_step`),
        ``weighted_from_mean``, ``a_priori`` (needs `lam`); ``best``: the smallest of those that
        apply without `lam` and take seconds; ``sharpest``: with ``dissipation``, too. All of them
        hold at once, so that the choice is free.
    weights : (T,) array, optional
        Time weights; 1/T by default.
    per_step : (T, m, m) array, optional
        Covariance of every step.
    lam : float, optional
        lam of the a-priori bound.

    Raises
    ------
    ValueError
        If the method does not cover the weights, or needs what was not given.

    Examples
    --------
    >>> import numpy as np
    >>> from rnnbounds import approximation_bound, approximation_error, initial_rnn, spectral_prune
    >>> rnn = initial_rnn(6, d_x=2, d_y=1, activation="tanh", rng=0)
    >>> x = np.random.default_rng(0).normal(size=(20, 5, 2))
    >>> pruned = spectral_prune(rnn, x, k=4)
    >>> weights = np.full(5, 1 / 5)
    >>> approximation_error(pruned, x, weights) <= approximation_bound(pruned, T=5).total
    True
    """
    choice("method", method, METHODS)
    T = integer("T", T, low=1)
    S_w = None
    if per_step is not None:
        m = pruned.original.m
        per_step = real_array("per_step", per_step, (T, m, m))
        if weights is not None:
            S_w = np.tensordot(time_weights(weights, T), per_step, axes=1)
    if method in CONVOLUTIONS:
        return CONVOLUTIONS[method](pruned, T, weights, S_w)
    if method in DIAGONAL:
        _only_mean(method, weights, T)
        return DIAGONAL[method](pruned, T)
    if method == "sector":
        return sector_bound(pruned, T, weights, per_step)
    if method == "saturation":
        return saturation_bound(pruned, T, weights, per_step)
    if method == "dissipation":
        return dissipation_bound(pruned, T, weights, per_step)
    if method == "weighted":
        if per_step is None:
            raise ValueError("per_step must be given for method 'weighted': S_t of every step")
        return weighted_bound(pruned, per_step, weights)
    if method == "weighted_from_mean":
        w = np.full(T, 1 / T) if weights is None else weights
        return weighted_from_mean_bound(pruned, T, w, S_w)
    if method == "a_priori":
        if lam is None:
            raise ValueError("lam must be given for method 'a_priori'")
        _only_mean(method, weights, T)
        return a_priori_bound(pruned, T, lam)
    candidates = _candidates(pruned, T, weights, per_step, S_w)
    if is_nondecreasing(pruned.original.activation.name):
        if method == "sharpest":
            candidates.append(dissipation_bound(pruned, T, weights, per_step))
            # Where it is not the smallest, its reason is still worth a line.
            notes = candidates[-1].notes
        else:
            notes = (BEST_NOTE,)
    else:
        notes = ()
    best = min(candidates, key=lambda bound: bound.log_total)
    return replace(best, notes=tuple(dict.fromkeys((*best.notes, *notes))))


def _candidates(
    pruned: PrunedRNN,
    T: int,
    weights: ArrayLike | None,
    per_step: ArrayLike | None,
    S_w: ArrayLike | None,
) -> list[Bound]:
    w = time_weights(weights, T)
    bounds = [weighted_from_mean_bound(pruned, T, w, S_w, kernel="power")]
    nondecreasing = is_nondecreasing(pruned.original.activation.name)
    scaling = None
    if weights is None:
        scaled = scaled_bound(pruned, T)
        log_d = scaled["propagated"].inputs.get("log D")
        scaling = None if log_d is None else np.exp(log_d)
        bounds += [power_bound(pruned, T), scaled]
    if per_step is not None:
        bounds += [weighted_bound(pruned, per_step, weights, kernel="power")]
    if nondecreasing and (weights is None or per_step is not None):
        bounds += [sector_bound(pruned, T, weights, per_step, scaling)]
    elif weights is None:
        # The sector forms are at most these diagonals, up to the search.
        bounds += [stepwise_bound(pruned, T)]
    if pruned.original.activation.bound < math.inf and (weights is None or per_step is not None):
        bounds += [saturation_bound(pruned, T, weights, per_step)]
    return bounds


def _only_mean(method: str, weights: ArrayLike | None, T: int) -> None:
    if weights is None:
        return
    if not np.allclose(time_weights(weights, T), 1 / T, rtol=1e-12, atol=0):
        raise ValueError(f"weights must be 1/T for method {method!r}, got others")
