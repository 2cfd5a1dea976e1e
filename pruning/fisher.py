"""Outputs that are logits: how much of their change the softmax feels.

KL(softmax f || softmax(f + d)) = d^T F d/2 + O(|d|^3), F = diag p - p p^T. Its mean over a sample
is a metric on the logits in which a word counts as it is probable; what W_o makes of it,
W_o^T F W_o, is m x m however many words there are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from pruning.checks import Array, integer
from pruning.observability import read_weights
from pruning.rnn import RNN

SEEN = 20_000
"""At most about so many outputs are looked at."""

NUMBERS = 1 << 23
"""Logits formed at a time."""


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
    check_classes("rnn", rnn.d_y)
    checked = rnn.check_input(x)
    w = read_weights(weights, checked.shape[1])
    read = np.flatnonzero(w)
    checked = checked[: max(1, integer("most", most, low=1) // len(read))]
    step = max(1, NUMBERS // (len(read) * rnn.d_y))

    def rows() -> Iterator[tuple[Array, Array]]:
        for start in range(0, len(checked), step):
            with np.errstate(over="ignore", invalid="ignore"):
                h = rnn.states(checked[start : start + step])[:, read]
            yield h.reshape(-1, rnn.m), np.tile(w[read] / len(checked), len(h))

    root = softmax_root(rnn.w_output, rnn.b_output, rows())
    return replace(rnn, w_output=root, b_output=np.zeros(len(root)))


def check_classes(name: str, q: int) -> None:
    """Raise a ValueError where there are no classes to choose from."""
    if q < 2:
        raise ValueError(f"{name} must have at least 2 outputs, the logits of classes, got {q}")


def softmax_root(w_output: Array, b_output: Array, rows: Iterable[tuple[Array, Array]]) -> Array:
    """Return R (m, m) with R^T R = sum_i s_i W_o^T (diag p_i - p_i p_i^T) W_o.

    Parameters
    ----------
    w_output, b_output : (q, m) and (q,) arrays
        What makes logits of states.
    rows : iterable of ((N, m), (N,))
        States h_i and their shares s_i >= 0.
    """
    q, m = w_output.shape
    probability, outer = np.zeros(q), np.zeros((m, m))
    with np.errstate(over="ignore", invalid="ignore"):
        # A constant added to a column of W_o changes nothing; the sums lose no digits to it.
        centred = w_output - w_output.mean(axis=0)
        for h, shares in rows:
            p = h @ w_output.T + b_output
            p -= p.max(axis=1, keepdims=True)
            np.exp(p, out=p)
            p /= p.sum(axis=1, keepdims=True)
            probability += shares @ p
            mean = p @ centred
            outer += (mean.T * shares) @ mean
    if not (np.isfinite(outer).all() and np.isfinite(probability).all()):
        raise ValueError("the outputs must stay within the range of floats on x, left it")
    M = (centred.T * probability) @ centred - outer
    mu, U = np.linalg.eigh((M + M.T) / 2)
    result: Array = np.sqrt(np.maximum(mu, 0))[:, None] * U.T
    if not result.any():
        raise ValueError(
            "the softmax of the outputs must depend on the states, got the same probabilities, up "
            "to rounding, whatever they are"
        )
    return result
