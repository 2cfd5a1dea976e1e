"""Networks to start a training from."""

from __future__ import annotations

import math

import numpy as np

from pruning.activations import Activation
from pruning.activations import activation as find_activation
from pruning.checks import Array, as_generator, choice, integer, nonnegative, real
from pruning.rnn import RNN

INITS = ("identity", "orthogonal", "normal")

Seed = int | np.random.Generator


def initial_rnn(
    m: int,
    d_x: int,
    d_y: int,
    activation: str | Activation = "tanh",
    init: str = "identity",
    scale: float = 1.0,
    *,
    input_scale: float | None = None,
    rng: Seed,
) -> RNN:
    """Return a random network to start from.

    Parameters
    ----------
    m, d_x, d_y : int
        Numbers of hidden nodes (>= 0), inputs and predictions (>= 1).
    activation : str or Activation
    init : {"identity", "orthogonal", "normal"}
        W_h is `scale` times the identity (IRNN: Le, Jaitly and Hinton 2015), times an orthogonal
        matrix drawn uniformly, or has independent normal entries of deviation scale / sqrt(m).
    scale : float
    input_scale : float, optional
        Deviation of the normal entries of W_i; 1 / sqrt(d_x) unless given. Very long sequences
        want less with a large `scale` (0.03 for 784 pixels), one-hot tokens more.
    rng : int or Generator

    Returns
    -------
    RNN
        W_o has normal entries of deviation 1 / sqrt(3 m), that of torch; the biases are 0.

    Raises
    ------
    ValueError
        If a size or a name is out of range.

    Examples
    --------
    >>> from rnnbounds import initial_rnn
    >>> rnn = initial_rnn(3, d_x=2, d_y=1, activation="relu", init="identity", rng=0)
    >>> rnn.w_hidden
    array([[1., 0., 0.],
           [0., 1., 0.],
           [0., 0., 1.]])
    """
    m = integer("m", m, 0)
    d_x, d_y = integer("d_x", d_x, 1), integer("d_y", d_y, 1)
    choice("init", init, INITS)
    scale = real("scale", scale)
    generator = as_generator("rng", rng)
    if input_scale is None:
        input_scale = 1 / math.sqrt(d_x)
    return RNN(
        w_hidden=scale * _hidden(init, m, generator),
        w_input=nonnegative("input_scale", input_scale) * generator.standard_normal((m, d_x)),
        b_hidden=np.zeros(m),
        w_output=generator.standard_normal((d_y, m)) / math.sqrt(3 * max(m, 1)),
        b_output=np.zeros(d_y),
        activation=find_activation(activation),
    )


def _hidden(init: str, m: int, rng: np.random.Generator) -> Array:
    if init == "identity" or m == 0:
        return np.eye(m)
    normal = rng.standard_normal((m, m))
    if init == "normal":
        return normal / math.sqrt(m)
    q, r = np.linalg.qr(normal)
    # Without the signs the distribution of q is not the uniform one.
    return q * np.where(np.diag(r) < 0, -1.0, 1.0)
