"""A network without biases that computes the same outputs, for bounds whose source has none."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from bounds.rounding import log_sum_up, log_up, raised, roundings, up
from pruning.checks import Array, Inputs
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


def with_constant(x: Inputs) -> Array:
    """Return inputs (n, T, d_x + 1) with a last coordinate that is always 1."""
    return np.concatenate([x, np.ones((*x.shape[:2], 1))], axis=2)


@dataclass(frozen=True, eq=False)
class Unbiased:
    """A network without biases, and statistics of its inputs, the constant included.

    Attributes
    ----------
    rnn : RNN
        From `without_biases`.
    diagonal : float
        The largest E_n[x_{t,i}^2] of a coordinate i at a step.
    absolute : float
        The largest E_n|x_{t,i}|.
    sequence_trace : float
        Tr E_n[X X^T], X in R^{Td} a whole sequence.
    sequence_smallest : float or None
        lambda_min(E_n[X X^T]), rounded down; 0 where that is within rounding, None where it was
        not computed: Td above `LARGEST_MOMENT`.
    log_fisher_rao : float
        See `log_fisher_rao`.
    """

    rnn: RNN
    diagonal: float
    absolute: float
    sequence_trace: float
    sequence_smallest: float | None
    log_fisher_rao: float


LARGEST_MOMENT = 3000


def measure(rnn: RNN, x: Inputs) -> Unbiased:
    """Return the statistics of inputs (n, T, d_x) or tokens (n, T), which are one-hot vectors."""
    plain, constant = without_biases(rnn)
    steps = range(x.shape[1])
    squares = [mean_square(x[:, t], rnn.d_x, constant) for t in steps]
    absolute = [mean_absolute(x[:, t], rnn.d_x, constant) for t in steps]
    return Unbiased(
        plain,
        max(float(values.max()) for values in squares),
        max(float(values.max()) for values in absolute),
        raised(math.fsum(float(values.sum()) for values in squares), 256),
        sequence_smallest(x, rnn.d_x, constant),
        log_fisher_rao(plain, x, constant),
    )


def sequence_smallest(x: Inputs, d_x: int, constant: bool) -> float | None:
    """Smallest eigenvalue of the second moment of whole sequences, the constant included.

    Exactly 0 for T >= 2 with a constant, which is the same at every step, or with tokens, whose
    coordinates sum to 1 at every step; and where there are fewer sequences than coordinates.
    """
    n, T = x.shape[:2]
    tokens = x.ndim == 2
    size = T * (d_x + constant)
    if (T >= 2 and (constant or tokens)) or n < size:
        return 0.0
    if size > LARGEST_MOMENT:
        return None
    if tokens:
        x = np.eye(d_x)[x]
    if constant:
        x = with_constant(x)
    sequences = x.reshape(n, -1)
    values = np.linalg.eigvalsh(sequences.T @ sequences / n)
    # LAPACK's values are off by size eps times the largest, the product by n eps of it at most.
    allowance = 8 * (size + math.sqrt(n)) * float(np.finfo(np.float64).eps) * float(values[-1])
    return float(max(0.0, float(values[0]) - allowance))


def mean_square(step: Inputs, d_x: int, constant: bool) -> Array:
    """Mean of x^2 over one step's inputs, by coordinate, the constant included."""
    if step.ndim == 1:
        mean = np.bincount(step, minlength=d_x) / len(step)
    else:
        mean = np.square(step).mean(axis=0)
    return np.append(mean, 1.0) if constant else mean


def mean_absolute(step: Inputs, d_x: int, constant: bool) -> Array:
    """Mean of |x| over one step's inputs, by coordinate, the constant included."""
    if step.ndim == 1:
        mean = np.bincount(step, minlength=d_x) / len(step)
    else:
        mean = np.abs(step).mean(axis=0)
    return np.append(mean, 1.0) if constant else mean


def log_fisher_rao(plain: RNN, x: Inputs, constant: bool) -> float:
    """Return log sqrt(E_n max_i [(tau(theta) c)_i]^2), of the *linear* network, rounded up.

    tau(theta) c = sum_t c_t V W^{T-t} U x_t with c = (T + 1, T, ..., 2): the activation does not
    enter (Tu, He, Tao, ICLR 2020, as read). Horner: g <- W g + c_t U x_t. Powers of W leave the
    range of floats; a batch carries one power of two.
    """
    logs = []
    T, inputs = x.shape[1], plain.d_x - constant
    for start in range(0, len(x), 4096):
        batch = x[start : start + 4096]
        if batch.ndim == 2:
            batch = np.eye(inputs)[batch]
        if constant:
            batch = with_constant(batch)
        g, exponent = np.zeros((len(batch), plain.m)), 0
        for t in range(T):
            drive = (T + 1 - t) * (batch[:, t] @ plain.w_input.T)
            g = g @ plain.w_hidden.T + np.ldexp(drive, -exponent)
            shift = int(np.frexp(np.abs(g).max(initial=0.0))[1])
            if abs(shift) > 200:
                g, exponent = np.ldexp(g, -shift), exponent + shift
        squares = np.square(g @ plain.w_output.T).max(axis=1)
        logs.append(log_up(math.fsum(squares.tolist())) + 2 * exponent * math.log(2))
    log_mean = log_sum_up(logs) - math.log(len(x))
    if math.isnan(log_mean):
        return math.inf  # beyond the range of floats in one step: no radius was found
    return up(log_mean / 2 + math.log1p(roundings(4 * (plain.m + plain.d_x) * T + 64)))


def row_norm(matrix: Array) -> float:
    """The largest l1-norm of a row, rounded up; 0 without rows."""
    return raised(float(np.abs(matrix).sum(axis=1).max()), 128) if matrix.size else 0.0
