"""A network without biases that computes the same outputs, for bounds whose source has none."""

from __future__ import annotations

import math
from dataclasses import dataclass
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


@dataclass(frozen=True, eq=False)
class Unbiased:
    """A network without biases, and statistics of its inputs, the constant included.

    Attributes
    ----------
    rnn : RNN
        From `without_biases`.
    trace : float
        The largest Tr E_n[x_t x_t^T] of a step.
    diagonal : float
        The largest E_n[x_{t,i}^2] of a coordinate i at a step.
    absolute : float
        The largest E_n|x_{t,i}|.
    smallest : float
        The smallest lambda_min(E_n[x_t x_t^T]) of a step; 0 where that is within rounding.
    fisher_rao : float
        See `fisher_rao`.
    """

    rnn: RNN
    trace: float
    diagonal: float
    absolute: float
    smallest: float
    fisher_rao: float


def measure(rnn: RNN, x: Any) -> Unbiased:
    """Return the statistics of inputs (n, T, d_x) or tokens (n, T), which are one-hot vectors."""
    plain, constant = without_biases(rnn)
    steps = range(x.shape[1])
    moments = [second_moment(x[:, t], rnn.d_x, constant) for t in steps]
    absolute = [mean_absolute(x[:, t], rnn.d_x, constant) for t in steps]
    return Unbiased(
        plain,
        max(float(np.trace(M)) for M in moments),
        max(float(M.diagonal().max()) for M in moments),
        max(float(values.max()) for values in absolute),
        min(_smallest(M) for M in moments),
        fisher_rao(plain, x, constant),
    )


def second_moment(step: Any, d_x: int, constant: bool) -> Array:
    """Mean of x x^T over one step's inputs (n, d_x) or tokens (n,), the constant included."""
    if step.ndim == 1:
        mean = np.bincount(step, minlength=d_x) / len(step)
        square = np.diag(mean)
    else:
        mean = step.mean(axis=0)
        square = step.T @ step / len(step)
    if not constant:
        return square
    return np.block([[square, mean[:, None]], [mean[None, :], np.ones((1, 1))]])


def mean_absolute(step: Any, d_x: int, constant: bool) -> Array:
    """Mean of |x| over one step's inputs, by coordinate, the constant included."""
    if step.ndim == 1:
        mean = np.bincount(step, minlength=d_x) / len(step)
    else:
        mean = np.abs(step).mean(axis=0)
    return np.append(mean, 1.0) if constant else mean


def fisher_rao(plain: RNN, x: Any, constant: bool) -> float:
    """Return sqrt(mean over the sample of ||d/dc f_T(c theta)||^2) at c = 1, theta without biases.

    This is <theta, (mean of J^T J) theta>^{1/2}, J the Jacobian of the output: forward mode, with
    g_t = d h_t: g_t = s'(a_t) (W h_{t-1} + U x_t + W g_{t-1}), d f = V h_T + V g_T.
    """
    total = 0.0
    inputs = plain.d_x - constant
    for start in range(0, len(x), 4096):
        batch = x[start : start + 4096]
        if batch.ndim == 2:
            batch = np.eye(inputs)[batch]
        if constant:
            batch = with_constant(batch)
        h: Array = np.zeros((len(batch), plain.m))
        g = h
        for t in range(x.shape[1]):
            a = h @ plain.w_hidden.T + batch[:, t] @ plain.w_input.T
            moved = a + g @ plain.w_hidden.T
            h = plain.activation.apply(a)
            g = plain.activation.slope(h) * moved
        total += float(np.square((h + g) @ plain.w_output.T).sum())
    return math.sqrt(total / len(x))


def row_norm(matrix: Array) -> float:
    """The largest l1-norm of a row, rounded up; 0 without rows."""
    return float(np.abs(matrix).sum(axis=1).max()) * (1 + 1e-12) if matrix.size else 0.0


def _smallest(moment: Array) -> float:
    """Smallest eigenvalue, 0 where it is within rounding of 0."""
    values = np.linalg.eigvalsh(moment)
    return float(values[0]) if values[0] > 1e-12 * float(np.abs(values).max()) else 0.0
