"""Outputs that are logits: how much of their change the softmax feels.

KL(softmax f || softmax(f + d)) = d^T F d/2 + O(|d|^3), F = diag p - p p^T. Its mean over a sample
is a metric on the logits in which a word counts as it is probable; what W_o makes of it,
W_o^T F W_o, is m x m however many words there are.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pruning.checks import Array, integer
from pruning.observability import read_weights
from pruning.rnn import RNN

SEEN = 20_000
"""At most about so many outputs are looked at."""

_NUMBERS = 1 << 23


def softmax_network(
    rnn: RNN, x: ArrayLike, weights: str | ArrayLike = "last", most: int = SEEN
) -> RNN:
    """Return a network of the same states whose read-out R has R^T R = W_o^T E[sum_t w_t F_t] W_o.

    Squared gaps of its outputs are, on average and to second order, twice the divergence of the
    softmax of the outputs of `rnn`.

    Parameters
    ----------
    rnn : RNN
        Its outputs are logits.
    x : (n, T, d_x) floats or (n, T) tokens
    weights : {"last", "mean"} or (T,) array
        Time weights of the outputs.
    most : int
        The first sequences are used, until about so many outputs have been seen.

    Examples
    --------
    >>> import numpy as np
    >>> from rnnbounds import initial_rnn, softmax_network
    >>> rnn = initial_rnn(6, d_x=2, d_y=30, activation="tanh", rng=0)
    >>> x = np.random.default_rng(0).normal(size=(20, 5, 2))
    >>> softmax_network(rnn, x).w_output.shape
    (6, 6)
    """
    checked = rnn.check_input(x)
    w = read_weights(weights, checked.shape[1])
    root = _rooted(metric(rnn, checked, w, integer("most", most, low=1)))
    return replace(rnn, w_output=root, b_output=np.zeros(len(root)))


def metric(rnn: RNN, x: Any, w: Array, most: int) -> Array:
    """W_o^T E[sum_t w_t (diag p_t - p_t p_t^T)] W_o, (m, m)."""
    read = np.flatnonzero(w)
    x = x[: max(1, most // len(read))]
    n, q = len(x), rnn.d_y
    probability, outer = np.zeros(q), np.zeros((rnn.m, rnn.m))
    # A constant added to a column of W_o changes nothing; the sums lose no digits to it.
    with np.errstate(over="ignore", invalid="ignore"):
        centred = rnn.w_output - rnn.w_output.mean(axis=0)
    step = max(1, _NUMBERS // (len(read) * q))
    for start in range(0, n, step):
        with np.errstate(over="ignore", invalid="ignore"):
            h = rnn.states(x[start : start + step])[:, read]
            rows = h.reshape(-1, rnn.m)
            shares = np.tile(w[read], len(h))
            p = rows @ rnn.w_output.T + rnn.b_output
            p -= p.max(axis=1, keepdims=True)
            np.exp(p, out=p)
            p /= p.sum(axis=1, keepdims=True)
            probability += shares @ p
            mean = p @ centred
            outer += (mean.T * shares) @ mean
    if not (np.isfinite(outer).all() and np.isfinite(probability).all()):
        raise ValueError("the outputs must stay within the range of floats on x, left it")
    result: Array = ((centred.T * probability) @ centred - outer) / n
    return result


def _rooted(M: Array) -> Array:
    """R with R^T R = M, for a symmetric M >= 0 up to rounding."""
    mu, U = np.linalg.eigh((M + M.T) / 2)
    result: Array = np.sqrt(np.maximum(mu, 0))[:, None] * U.T
    return result
