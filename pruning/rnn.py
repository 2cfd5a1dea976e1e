"""The recurrent network of section 0 of the theory, with frozen weights."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pruning.activations import Activation, activation
from pruning.checks import Array, real_array


@dataclass(frozen=True, eq=False)
class RNN:
    """h_0 = 0, h_t = s(W_h h_{t-1} + W_i x_t + b_h), f_t = W_o h_t + b_o.

    Parameters
    ----------
    w_hidden : (m, m) array
        W_h; weights act from the left, as in the theory.
    w_input : (m, d_x) array
        W_i.
    b_hidden : (m,) array
        b_h.
    w_output : (d_y, m) array
        W_o.
    b_output : (d_y,) array
        b_o.
    activation : str or Activation
        s, see `pruning.activations.activation`.

    Raises
    ------
    ValueError
        If shapes do not fit, a weight is not finite, or the activation is unknown.

    Notes
    -----
    Inputs x are floats of shape (n, T, d_x), or integer tokens of shape (n, T) in 0..d_x-1, which
    stand for one-hot vectors; the one-hot array itself is never built. Weights are kept in float64.
    """

    w_hidden: Array
    w_input: Array
    b_hidden: Array
    w_output: Array
    b_output: Array
    activation: Activation = field(default="relu")  # type: ignore[assignment]

    def __post_init__(self) -> None:
        m = len(np.asarray(self.b_hidden).reshape(-1))
        d_y = len(np.asarray(self.b_output).reshape(-1))
        shapes: dict[str, tuple[int | None, ...]] = {
            "w_hidden": (m, m),
            "w_input": (m, None),
            "b_hidden": (m,),
            "w_output": (d_y, m),
            "b_output": (d_y,),
        }
        for name, shape in shapes.items():
            array = np.array(real_array(name, getattr(self, name), shape))
            array.flags.writeable = False
            object.__setattr__(self, name, array)
        object.__setattr__(self, "activation", activation(self.activation))

    @property
    def m(self) -> int:
        """Number of hidden nodes."""
        return len(self.b_hidden)

    @property
    def d_x(self) -> int:
        """Dimension of one input."""
        return self.w_input.shape[1]

    @property
    def d_y(self) -> int:
        """Dimension of one prediction."""
        return len(self.b_output)

    def states(self, x: ArrayLike) -> Array:
        """Return the hidden states h_1..h_T, shape (n, T, m).

        Memory is n T m floats; `state_batches` gives the same in pieces.
        """
        return self._states(self.check_input(x))

    def predictions(self, x: ArrayLike) -> Array:
        """Return f_1..f_T, shape (n, T, d_y)."""
        return self.states(x) @ self.w_output.T + self.b_output

    def state_batches(self, x: ArrayLike, batch: int = 256) -> Iterator[Array]:
        """Yield the states of `batch` sequences at a time, each (n_b, T, m)."""
        checked = self.check_input(x)
        for start in range(0, len(checked), batch):
            yield self._states(checked[start : start + batch])

    def check_input(self, x: ArrayLike) -> Any:
        """Return x as a float64 array (n, T, d_x) or an integer array (n, T)."""
        array = np.asarray(x)
        if array.ndim == 2 and array.dtype.kind in "iu":
            if array.size == 0:
                raise ValueError(f"x must hold at least one token, got shape {array.shape}")
            if array.min() < 0 or array.max() >= self.d_x:
                bad = int(array.min() if array.min() < 0 else array.max())
                raise ValueError(f"tokens in x must lie in 0..{self.d_x - 1}, got {bad}")
            return array
        array = real_array("x", x, (None, None, self.d_x))
        if array.shape[0] == 0 or array.shape[1] == 0:
            raise ValueError(f"x must hold at least one sequence and step, got shape {array.shape}")
        return array

    def _states(self, x: Array) -> Array:
        h = self._driven(x)
        previous = np.zeros((len(x), self.m))
        for t in range(x.shape[1]):
            now = h[:, t]
            now += previous @ self.w_hidden.T
            previous = self.activation.apply(now, out=now)
        return h

    def _driven(self, x: Array) -> Array:
        """W_i x_t + b_h for all t, (n, T, m)."""
        if x.ndim == 2:
            return self.w_input.T[x] + self.b_hidden
        return x @ self.w_input.T + self.b_hidden
