"""What bounds measure on a sample: the empirical loss, the margins, the largest input."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from bounds.assembly import Setting
from bounds.rounding import raised
from pruning.checks import Array, Inputs, Targets, positive
from pruning.losses import loss_values, margins
from pruning.rnn import RNN

AT_MOST_ONE = ("margin_ramp", "zero_one")
ROUNDING = 128  # units of eps that a mean over the sample is raised by


def empirical_loss(
    rnn: RNN,
    x: ArrayLike,
    y: ArrayLike,
    loss: str,
    weights: ArrayLike,
    gamma: float = Setting.gamma,
) -> float:
    """Psi^, the mean over the sample of sum_t w_t psi(y_t, f_t), rounded up.

    Parameters
    ----------
    rnn : RNN
        The network.
    x, y : array
        Inputs and targets; targets of the last step where the weights are those of the last step.
    loss : str
        A name of `pruning.losses.loss_values`.
    weights : (T,) array
        Time weights.
    gamma : float
        Margin of the ramp.
    """
    positive("gamma", gamma)
    x, y = rnn.check_input(x), np.asarray(y)
    w = np.asarray(weights, dtype=np.float64)
    if len(w) == 1 and y.ndim == (3 if loss == "squared" else 2):
        y = y[:, 0]  # of one step every one is the last
    last_only = w[-1] == 1
    total = []
    start = 0
    for h in rnn.state_batches(x):
        targets = y[start : start + len(h)]
        start += len(h)
        h = h[:, -1] if last_only else h
        values = loss_values(loss, h @ rnn.w_output.T + rnn.b_output, targets, gamma)
        total.append(values if last_only else values @ w)
    losses = np.concatenate(total)
    if len(y) != len(losses):
        raise ValueError(f"y must have one target a sequence, {len(losses)}, got {len(y)}")
    return mean_loss(losses, loss)


def mean_loss(losses: Array, loss: str) -> float:
    """The mean of losses, rounded up; 1 at most where the loss is."""
    value = raised(float(losses.mean()), ROUNDING)
    return min(1.0, value) if loss in AT_MOST_ONE else value


def last_margins(rnn: RNN, x: Inputs, y: Targets) -> Array:
    """Margins at the last step, (n,)."""
    outputs = [h[:, -1] @ rnn.w_output.T + rnn.b_output for h in rnn.state_batches(x)]
    return margins(np.concatenate(outputs), y)


def ramp(values: Array, gamma: float) -> Array:
    """Margin ramp loss: 1 for a margin <= 0, 0 from gamma on."""
    return np.clip(1 - values / gamma, 0, 1)


def largest_input(x: Inputs) -> float:
    """The largest ||x_t|| of a sample, rounded up; tokens stand for one-hot vectors."""
    if x.ndim == 2:
        return 1.0
    exponent = int(np.frexp(np.abs(x).max(initial=0.0))[1])
    if abs(exponent) > 400:  # squares would leave the range of floats: 0 is no upper end
        with np.errstate(over="ignore"):
            return float(np.ldexp(largest_input(np.ldexp(x, -exponent)), exponent))
    return raised(float(np.sqrt(np.square(x).sum(axis=-1).max())), 128)
