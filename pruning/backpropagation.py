"""Back-propagation through time (theory, section 0; losses of section 4)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from pruning.activations import Activation
from pruning.cells import recursion
from pruning.checks import Array, Inputs, Targets, choice, positive
from pruning.losses import LOSSES, check_targets, value_and_gradient
from pruning.rnn import RNN, WEIGHTS

TARGETS = ("last", "every")


def gradients(
    rnn: RNN,
    x: ArrayLike,
    y: ArrayLike,
    loss: str = "cross_entropy",
    targets: str = "last",
    gamma: float = 1.0,
) -> tuple[float, dict[str, Array]]:
    """Return the mean loss and its gradient in every weight.

    Parameters
    ----------
    rnn : RNN
    x : (n, T, d_x) floats or (n, T) integer tokens
    y : array
        With targets "last": (n,) classes or (n, d_y) floats, compared with f_T. With "every":
        (n, T) or (n, T, d_y), compared with f_1..f_T, the mean over time being taken.
    loss : {"cross_entropy", "squared", "margin_ramp"}
        See `pruning.losses.loss_values`.
    targets : {"last", "every"}
    gamma : float
        Margin of the ramp.

    Returns
    -------
    value : float
        (1/n) sum_i sum_t w_t psi(y_t, f_t) with w = e_T or w_t = 1/T.
    gradient : dict
        By the names of the weights, each in the shape of that weight.

    Raises
    ------
    ValueError
        If x or y does not fit the network, or a name is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> from rnnbounds import RNN, gradients
    >>> rnn = RNN([[0.5]], [[1.0]], [0.0], [[2.0]], [0.0], "identity")
    >>> loss, by_block = gradients(rnn, np.ones((1, 1, 1)), np.zeros((1, 1)), loss="squared")
    >>> loss, by_block["w_output"]
    (2.0, array([[2.]]))
    """
    inputs, labels = check_data(rnn, x, y, loss, targets)
    weights = Weights.of(rnn, np.float64)
    gradient = weights.like()
    tape = Tape(rnn.activation, loss, targets, positive("gamma", gamma))
    inputs = recursion.time_major(inputs, np.float64)
    labels = targets_time_major(labels, targets)
    value = tape.value_and_gradient(weights, inputs, labels, gradient)
    return value, {name: array.copy() for name, array in gradient.named().items()}


def check_data(rnn: RNN, x: ArrayLike, y: ArrayLike, loss: str, targets: str) -> tuple[Any, Any]:
    """Return x and y checked against the network, the loss and the kind of targets."""
    choice("loss", loss, LOSSES)
    choice("targets", targets, TARGETS)
    checked = rnn.check_input(x)
    n, T = checked.shape[:2]
    return checked, check_targets(loss, y, (n, rnn.d_y) if targets == "last" else (n, T, rnn.d_y))


def targets_time_major(y: Targets, targets: str) -> Targets:
    """Return y with time first where there is a target for every step."""
    return y if targets == "last" else np.ascontiguousarray(y.swapaxes(0, 1))


class Weights:
    """The five weights as views of one flat vector, so that an optimizer sees one array.

    `w_drive` (d_x + 1, m) is the transpose of W_i with b_h below it, see `pruning.cells.recursion`.
    """

    def __init__(self, flat: Array, m: int, d_x: int, d_y: int) -> None:
        self.flat = flat
        self.sizes = (m, d_x, d_y)
        shapes = ((m, m), (d_x + 1, m), (d_y, m), (d_y,))
        ends = np.cumsum([0, *(int(np.prod(shape)) for shape in shapes)])
        self.w_hidden, self.w_drive, self.w_output, self.b_output = (
            flat[start:end].reshape(shape) for start, end, shape in zip(ends, ends[1:], shapes)
        )

    @classmethod
    def of(cls, rnn: RNN, dtype: DTypeLike) -> Weights:
        """Copy the weights of a network."""
        m, d_x, d_y = rnn.m, rnn.d_x, rnn.d_y
        weights = cls(np.empty(m * (m + d_x + 1 + d_y) + d_y, dtype), m, d_x, d_y)
        for name, view in weights.named().items():
            view[...] = getattr(rnn, name)
        return weights

    def named(self) -> dict[str, Array]:
        """Return writeable views by the names and in the shapes of `RNN`."""
        drive = self.w_drive
        views = (self.w_hidden, drive[:-1].T, drive[-1], self.w_output, self.b_output)
        return dict(zip(WEIGHTS, views))

    def like(self) -> Weights:
        """Return weights of the same shapes, all 0."""
        return Weights(np.zeros_like(self.flat), *self.sizes)

    def to_rnn(self, act: Activation) -> RNN:
        """Return a network with a float64 copy of the weights."""
        return RNN(**self.named(), activation=act)


class Tape:
    """The forward and backward pass over one batch, with buffers that are kept between batches."""

    def __init__(self, act: Activation, loss: str, targets: str, gamma: float) -> None:
        self.act, self.loss, self.every, self.gamma = act, loss, targets == "every", gamma
        self._memory: dict[str, Array] = {}

    def value_and_gradient(
        self, weights: Weights, x: Inputs, y: Targets, gradient: Weights
    ) -> float:
        """Return the mean loss of time-major x, y and write its gradient into `gradient`."""
        T, n = x.shape[:2]
        m = weights.sizes[0]
        h = self._buffer("states", (T, n, m), weights.flat.dtype)
        recursion.run(x, weights.w_hidden, weights.w_drive, self.act, h)

        read = h.reshape(T * n, m) if self.every else h[-1]
        f = read @ weights.w_output.T
        f += weights.b_output
        per_prediction = y.reshape(f.shape if self.loss == "squared" else -1)
        values, df = value_and_gradient(self.loss, f, per_prediction, self.gamma)
        df /= len(f)
        np.matmul(df.T, read, out=gradient.w_output)
        np.sum(df, axis=0, out=gradient.b_output)

        delta = self._buffer("deltas", (T, n, m), h.dtype)
        if self.every:
            np.matmul(df, weights.w_output, out=delta.reshape(T * n, m))
        else:
            np.matmul(df, weights.w_output, out=delta[-1])
        self._backwards(weights.w_hidden, h, delta)
        flat = delta.reshape(T * n, m)
        np.matmul(flat[n:].T, h[:-1].reshape((T - 1) * n, m), out=gradient.w_hidden)
        drive_gradient(x, flat, gradient.w_drive)
        return float(values.mean(dtype=np.float64))

    def _backwards(self, w_hidden: Array, h: Array, delta: Array) -> None:
        """Turn d loss / d f_t, pulled back to h_t, into d loss / d (what s is applied to)."""
        slope = np.empty(h.shape[1:], h.dtype)
        scratch = np.empty_like(slope)
        for t in range(len(h) - 1, -1, -1):
            if t < len(h) - 1:
                if self.every:
                    np.matmul(delta[t + 1], w_hidden, out=scratch)
                    delta[t] += scratch
                else:
                    np.matmul(delta[t + 1], w_hidden, out=delta[t])
            self.act.slope(h[t], out=slope)
            delta[t] *= slope

    def _buffer(self, name: str, shape: tuple[int, ...], dtype: DTypeLike) -> Array:
        size = int(np.prod(shape))
        memory = self._memory.get(name)
        if memory is None or memory.size < size or memory.dtype != dtype:
            memory = self._memory[name] = np.empty(size, dtype)
        return memory[:size].reshape(shape)


def drive_gradient(x: Inputs, delta: Array, out: Array) -> None:
    """Write the gradient of W_i^T and b_h (d_x + 1, m), given deltas (T n, m) in the order of x."""
    if x.ndim == 3:
        np.matmul(x.reshape(-1, len(out)).T, delta, out=out)
        return
    # Heavy to import, and networks on real inputs have no use for it.
    from scipy.sparse import csc_array

    # The one-hot vectors as a sparse matrix: three short vectors, and its product with the deltas
    # adds each of them to the row of its token, ten times faster than numpy.add.at or a sort.
    tokens = x.reshape(-1)
    ones, ends = np.ones(len(tokens), delta.dtype), np.arange(len(tokens) + 1)
    out[...] = csc_array((ones, tokens, ends), shape=(len(out), len(tokens))) @ delta
    np.sum(delta, axis=0, out=out[-1])
