"""The recurrent network of section 0 of the theory, with frozen weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pruning.activations import Activation, activation
from pruning.cells import recursion
from pruning.cells.plain import Plain
from pruning.checks import Array, Inputs, as_array, choice, integer, real_array

WEIGHTS = ("w_hidden", "w_input", "b_hidden", "w_output", "b_output")

_STATES_AT_ONCE = 1 << 22  # predictions keep at most about this many states in memory


@dataclass(frozen=True, eq=False)
class RNN:
    """h_0 = 0, h_t = s(W_h h_{t-1} + W_i x_t + b_h), f_t = W_o h_t + b_o.

    Parameters
    ----------
    w_hidden : (m, m) array
        W_h; weights act from the left, as in the theory. m = 0 is legal: the predictions are b_o.
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
    stand for one-hot vectors; the one-hot array itself is never built. Weights are kept in float64
    and cannot be written to.

    Examples
    --------
    >>> import numpy as np
    >>> from rnnbounds import RNN
    >>> rnn = RNN([[0.5]], [[1.0]], [0.0], [[2.0]], [0.0], "relu")
    >>> x = np.ones((1, 3, 1))
    >>> rnn.states(x)[0, :, 0]
    array([1.  , 1.5 , 1.75])
    >>> rnn.predictions(x)[0, :, 0]
    array([2. , 3. , 3.5])
    """

    w_hidden: Array
    w_input: Array
    b_hidden: Array
    w_output: Array
    b_output: Array
    activation: Activation = field(default="relu")  # type: ignore[assignment]

    def __post_init__(self) -> None:
        m = real_array("b_hidden", self.b_hidden, (None,)).size
        d_y = real_array("b_output", self.b_output, (None,)).size
        shapes: dict[str, tuple[int | None, ...]] = {
            "w_hidden": (m, m),
            "w_input": (m, None),
            "b_hidden": (m,),
            "w_output": (d_y, m),
            "b_output": (d_y,),
        }
        for name, shape in shapes.items():
            array = np.array(real_array(name, getattr(self, name), shape), order="C")
            array.flags.writeable = False
            object.__setattr__(self, name, array)
        if self.d_x == 0 or self.d_y == 0:
            raise ValueError(
                f"an RNN must have d_x >= 1 and d_y >= 1, got d_x = {self.d_x}, d_y = {self.d_y}"
            )
        object.__setattr__(self, "activation", activation(self.activation))

    def __repr__(self) -> str:
        """Sizes and activation on one line; the weights are attributes."""
        sizes = f"m={self.m}, d_x={self.d_x}, d_y={self.d_y}"
        return f"RNN({sizes}, activation={self.activation.name!r})"

    @classmethod
    def from_torch(
        cls, state_dict: Mapping[str, Any], activation: str | Activation = "tanh"
    ) -> RNN:
        """Return the network of a one-layer torch.nn.RNN and an nn.Linear that reads it out.

        Parameters
        ----------
        state_dict : mapping
            See `pruning.torch_weights.weights_of`; torch is not imported.
        activation : str
            A state_dict does not tell it; torch's default is ``tanh``.
        """
        from pruning.torch_weights import weights_of

        return cls(**weights_of(state_dict), activation=activation)  # type: ignore[arg-type]

    @property
    def m(self) -> int:
        """Number of hidden nodes."""
        return len(self.b_hidden)

    @property
    def d_x(self) -> int:
        """Dimension of one input."""
        return int(self.w_input.shape[1])

    @property
    def d_y(self) -> int:
        """Dimension of one prediction."""
        return len(self.b_output)

    @property
    def weights(self) -> dict[str, Array]:
        """The five weights by name."""
        return {name: getattr(self, name) for name in WEIGHTS}

    @property
    def cell(self) -> Plain:
        """The recurrence alone, see `pruning.cells`."""
        bias = np.zeros(self.m)
        return Plain(self.w_input, self.w_hidden, self.b_hidden, bias, self.activation)

    def states(self, x: ArrayLike, dtype: str = "float64") -> Array:
        """Return the hidden states h_1..h_T, shape (n, T, m).

        Memory is n T m numbers; `state_batches` gives the same in pieces. The array is a view of
        time-major memory: ``states(x).transpose(1, 0, 2)`` is contiguous.

        Parameters
        ----------
        x : (n, T, d_x) floats or (n, T) integer tokens
        dtype : {"float64", "float32"}
            Precision of the computation and of the result.
        """
        return self._states(self.check_input(x), choice("dtype", dtype, _DTYPES))

    def predictions(self, x: ArrayLike, dtype: str = "float64") -> Array:
        """Return f_1..f_T, shape (n, T, d_y); the states are formed a batch at a time."""
        checked = self.check_input(x)
        n, T = checked.shape[:2]
        out = np.empty((n, T, self.d_y), choice("dtype", dtype, _DTYPES))
        batch = max(1, _STATES_AT_ONCE // (T * max(1, self.m)))
        read_out = self.w_output.T.astype(dtype)
        for start in range(0, n, batch):
            h = self._states(checked[start : start + batch], dtype)
            f = h.transpose(1, 0, 2).reshape(T * len(h), self.m) @ read_out
            out[start : start + batch] = f.reshape(T, -1, self.d_y).transpose(1, 0, 2)
        out += self.b_output.astype(dtype)
        return out

    def state_batches(
        self, x: ArrayLike, batch: int = 256, dtype: str = "float64"
    ) -> Iterator[Array]:
        """Yield the states of `batch` sequences at a time, each (n_b, T, m)."""
        checked = self.check_input(x)
        batch = integer("batch", batch, 1)
        choice("dtype", dtype, _DTYPES)
        return (
            self._states(checked[start : start + batch], dtype)
            for start in range(0, len(checked), batch)
        )

    def check_input(self, x: ArrayLike) -> Inputs:
        """Return x as a float64 array (n, T, d_x) or an integer array (n, T)."""
        array = as_array("x", x)
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

    def _states(self, x: Inputs, dtype: str) -> Array:
        x = recursion.time_major(x, dtype)
        h = np.empty((*x.shape[:2], self.m), dtype)
        w_drive = np.vstack([self.w_input.T, self.b_hidden], dtype=dtype, casting="same_kind")
        if x.ndim == 2:
            # A token selects a row, and take() copies an array whose rows are scattered, each time.
            w_drive = np.ascontiguousarray(w_drive)
        w_hidden = self.w_hidden.astype(dtype, copy=False)
        recursion.run(x, w_hidden, w_drive, self.activation, h)
        return h.transpose(1, 0, 2)


def same_network(a: RNN, b: RNN) -> bool:
    """Whether two networks have one activation, not one of its name, and equal weights."""
    return a is b or (
        a.activation == b.activation
        and all(np.array_equal(w, b.weights[name]) for name, w in a.weights.items())
    )


_DTYPES = ("float64", "float32")
