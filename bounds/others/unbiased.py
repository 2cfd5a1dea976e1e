"""A network without biases that computes the same outputs, for bounds whose source has none."""

from __future__ import annotations

from typing import Any

import numpy as np

from pruning.checks import Array
from pruning.rnn import RNN


def without_biases(rnn: RNN) -> tuple[RNN, bool]:
    """Return a network with zero biases and the same outputs, and whether it reads a constant.

    The hidden bias becomes the weight of an input that is always 1. The output bias is read from a
    further node that is driven by that input alone: it is s(1) at every step. Nothing is appended
    for a bias that is zero.

    Parameters
    ----------
    rnn : RNN

    Returns
    -------
    RNN
        With m or m + 1 nodes, d_x or d_x + 1 inputs.
    bool
        Whether a constant input, 1, must be appended to x: see `with_constant`.
    """
    hidden, output = bool(rnn.b_hidden.any()), bool(rnn.b_output.any())
    w_hidden, w_input, w_output = rnn.w_hidden, rnn.w_input, rnn.w_output
    if hidden or output:
        w_input = np.hstack([w_input, rnn.b_hidden[:, None]])
    if output:
        level = float(rnn.activation.apply(np.ones(1))[0])
        w_hidden = np.pad(w_hidden, ((0, 1), (0, 1)))
        w_input = np.vstack([w_input, np.eye(w_input.shape[1])[-1]])
        w_output = np.hstack([w_output, rnn.b_output[:, None] / level])
    zero_h, zero_o = np.zeros(len(w_hidden)), np.zeros(rnn.d_y)
    return RNN(w_hidden, w_input, zero_h, w_output, zero_o, rnn.activation), hidden or output


def with_constant(x: Any) -> Array:
    """Return inputs (n, T, d_x + 1) with a last coordinate that is always 1."""
    return np.concatenate([x, np.ones((*x.shape[:2], 1))], axis=2)


def second_moment(x: Any, t: int, d_x: int, constant: bool) -> Array:
    """Mean of x_t x_t^T over the sample, the constant included; tokens are one-hot vectors."""
    step = x[:, t]
    if x.ndim == 2:
        mean = np.bincount(step, minlength=d_x) / len(step)
        square = np.diag(mean)
    else:
        mean = step.mean(axis=0)
        square = step.T.astype(np.float64) @ step / len(step)
    if not constant:
        return square
    return np.block([[square, mean[:, None]], [mean[None, :], np.ones((1, 1))]])


def mean_absolute(x: Any, t: int, d_x: int, constant: bool) -> Array:
    """Mean over the sample of |x_t|, by coordinate, the constant included."""
    step = x[:, t]
    if x.ndim == 2:
        mean = np.bincount(step, minlength=d_x) / len(step)
    else:
        mean = np.abs(step).mean(axis=0, dtype=np.float64)
    return np.append(mean, 1.0) if constant else mean


def row_norm(matrix: Array) -> float:
    """The largest l1-norm of a row, rounded up; 0 without rows."""
    return float(np.abs(matrix).sum(axis=1).max()) * (1 + 1e-12) if matrix.size else 0.0
