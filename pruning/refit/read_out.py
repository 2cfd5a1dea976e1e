"""The read-out fitted by least squares to the small network's own states.

min over W_o', b_o' of ||f' - f^||_{n,w}^2 + a ridge towards W_o A. Since f^ = W_o h + b_o, the
second moments of (h'_t, 1, h_t) at the steps that are read are all that it needs of the data: the
number of outputs does not enter the pass over them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from pruning.checks import Array, Inputs, nonnegative
from pruning.observability import read_weights
from pruning.refit.held_out import share_beside, split
from pruning.refit.units import in_output_units, output_exponent
from pruning.rnn import RNN

RIDGES = (0.0, 1e-10, 1e-8, 1e-6, 1e-4, 1e-3, 1e-2, 1e-1, 1.0, 1e2, 1e4)
"""Tried where none is given, in multiples of Tr S'/k; the last ones leave W_o' nearly as it is."""

STAYS = 0.9
"""A read-out stays where it is better than every fitted one by so much on the held-out sequences: a
fit to all of them will be better than one to the others."""

NOTHING_TOLD = (
    "the outputs of small must have squares within the range of floats on the held-out sequences "
    "for a refit, got none whatever the ridge"
)

_SQUARED = 1e-140, 1e150
"""Between these the squares of states are floats, and ridges on them."""

_NUMBERS = 1 << 22
_OUTWEIGHS = 1e3
_RANK = 1e-12  # directions of the states below this share are rounding


@dataclass(frozen=True, eq=False)
class PairedMoments:
    """Second moments of u = (h', 1, h) at the steps that are read.

    Attributes
    ----------
    matrix : (k + 1 + m, k + 1 + m) array
        E sum_t w_t u_t u_t^T over the sample.
    k : int
    n : int
        Sequences.
    """

    matrix: Array
    k: int
    n: int

    def gap(self, small: RNN, large: RNN) -> float:
        """||f' - f^||_{n,w}^2; inf where floats cannot tell."""
        G = np.hstack([small.w_output, (small.b_output - large.b_output)[:, None], -large.w_output])
        if len(G) > G.shape[1]:
            G = np.asarray(np.linalg.qr(G, mode="r"))
        with np.errstate(over="ignore", invalid="ignore"):
            found = float(np.vdot(G @ self.matrix, G))
        return max(0.0, found) if math.isfinite(found) else math.inf


def paired_moments(large: RNN, small: RNN, x: Inputs, w: Array) -> PairedMoments:
    """Run both networks on checked sequences; a ValueError says whose states are out of range."""
    n, T = x.shape[:2]
    k, m = small.m, large.m
    read = np.flatnonzero(w)
    total = np.zeros((k + 1 + m, k + 1 + m))
    largest = {"large": 0.0, "small": 0.0}
    batch = max(1, _NUMBERS // (T * max(1, m)))
    for start in range(0, n, batch):
        part = x[start : start + batch]
        with np.errstate(over="ignore", invalid="ignore"):
            ours, theirs = small.states(part)[:, read], large.states(part)[:, read]
            for name, h in (("large", theirs), ("small", ours)):
                largest[name] = np.maximum(largest[name], np.abs(h).max(initial=0.0))
            ones = np.ones((*ours.shape[:2], 1))
            u = np.concatenate([ours, ones, theirs], axis=2) * np.sqrt(w[read])[:, None]
            u = u.reshape(-1, u.shape[2])
            total += u.T @ u
    for name, top in largest.items():
        if not (top == 0 or _SQUARED[0] <= top <= _SQUARED[1]):
            raise ValueError(
                f"the states of {name} must have squares within the range of floats on x for a "
                "refit, got some beyond it"
            )
    return PairedMoments(total / n, k, n)


def fitted(moments: PairedMoments, large: RNN, start: RNN, ridge: float) -> RNN:
    """Return `start` with the read-out of least ||f' - f^||^2 + ridge' ||W_o' - its own||_F^2.

    ridge' is `ridge` times Tr S'/k, S' the second moment of h'; b_o' is free.
    """
    k = moments.k
    gram = moments.matrix[: k + 1, : k + 1].copy()
    teacher = np.hstack([large.b_output[:, None], large.w_output])
    cross = moments.matrix[: k + 1, k:]
    with np.errstate(over="ignore"):
        pull = ridge * float(np.trace(gram[:k, :k])) / max(1, k)
    # In units in which every state has second moment 1: dead nodes keep what they have.
    scale = np.sqrt(np.diag(gram))
    scale[scale == 0] = 1
    gram[np.arange(k), np.arange(k)] += pull
    # Where a ridge outweighs a state, with it: the others would be rounding beside it.
    own = np.sqrt(np.diag(gram))
    if (own > _OUTWEIGHS * scale).any():
        scale = np.where(own > 0, own, 1)
    # What the start leaves, so that the ridge is towards it; the product by outputs comes last.
    before = np.hstack([start.w_output, start.b_output[:, None]])
    rest = cross @ teacher.T - moments.matrix[: k + 1, : k + 1] @ before.T
    if math.isfinite(pull):
        mu, U = np.linalg.eigh(gram / scale / scale[:, None])
        along = (U.T @ (rest / scale[:, None])) / np.maximum(mu, _RANK * mu[-1])[:, None]
        change = (U @ along) / scale[:, None]
    else:  # b_o' alone moves
        change = np.zeros_like(rest)
        change[k] = rest[k] / gram[k, k]
    new = before + change.T
    return replace(start, w_output=new[:, :k], b_output=new[:, k])


def refit_read_out(
    large: RNN,
    small: RNN,
    x: ArrayLike,
    weights: str | ArrayLike = "last",
    ridge: float | None = None,
    held_out: float | None = None,
) -> RNN:
    """Return the small network with its read-out fitted to the large one's outputs.

    Parameters
    ----------
    large, small : RNN
        The small network's read-out is where the ridge pulls to.
    x : (n, T, d_x) floats or (n, T) tokens
        Sequences; labels are not needed.
    weights : {"last", "mean"} or (T,) array
        Time weights of the outputs.
    ridge : float, optional
        >= 0, in multiples of Tr S'/k. None: the one of `RIDGES` that is best on the last
        `held_out` of the sequences, then fitted on all; `small` itself where that is better there
        than any by a tenth.
    held_out : float, optional
        Share of the sequences, in (0, 1), 0.2 by default; where no ridge is given.

    Examples
    --------
    >>> import numpy as np
    >>> from rnnbounds import initial_rnn, refit_read_out, spectral_prune
    >>> rnn = initial_rnn(6, d_x=2, d_y=1, activation="tanh", rng=0)
    >>> x = np.random.default_rng(0).normal(size=(100, 5, 2))
    >>> small = spectral_prune(rnn, x, k=3).pruned
    >>> fitted = refit_read_out(rnn, small, x)
    >>> bool((fitted.w_hidden == small.w_hidden).all()), fitted.w_output.shape
    (True, (1, 3))
    """
    checked = large.check_input(x)
    w = read_weights(weights, checked.shape[1])
    share = share_beside(ridge, held_out)
    exponent, before = output_exponent(large), small
    large, small = (in_output_units(net, exponent) for net in (large, small))
    if ridge is not None:
        ridge = nonnegative("ridge", ridge)
        moments = paired_moments(large, small, checked, w)
    else:
        found = _least_held_out(large, small, checked, w, share)
        if found is None:
            return before
        moments, ridge = found
    return in_output_units(fitted(moments, large, small, ridge), -exponent)


def _least_held_out(
    large: RNN, small: RNN, x: Inputs, w: Array, held_out: float
) -> tuple[PairedMoments, float] | None:
    """The moments of all sequences, and the ridge of `RIDGES` that is best on the held-out ones.

    None where the read-out stays what it is.
    """
    fit, held = split(len(x), held_out)
    ours = paired_moments(large, small, x[fit], w)
    if held.stop == held.start:
        return ours, 1e-6
    theirs = paired_moments(large, small, x[held], w)
    tried = [fitted(ours, large, small, value) for value in RIDGES]
    gaps = [theirs.gap(rnn, large) for rnn in tried]
    best = int(np.argmin(gaps))
    if not math.isfinite(gaps[best]):
        raise ValueError(NOTHING_TOLD)
    if theirs.gap(small, large) < STAYS * gaps[best]:
        return None
    n = ours.n + theirs.n
    total = (ours.matrix * ours.n + theirs.matrix * theirs.n) / n
    return PairedMoments(total, ours.k, n), RIDGES[best]
