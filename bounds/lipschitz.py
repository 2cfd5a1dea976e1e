r"""Boundedness and Lipschitz constants of a class of RNNs (theory, section 4).

The class :math:`F(k; R)` holds the networks with k nodes whose weights lie in balls of the given
radii. Everything is computed by Horner sums, which have no singularity at ratio 1, in numbers that
are rounded up at every step (`bounds.rounding`): a value returned is never below the exact one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from bounds.radii import BLOCKS, Radii, matrix_norm
from bounds.rounding import Upward
from pruning.activations import Activation, activation
from pruning.checks import Array, integer, time_weights


@dataclass(frozen=True)
class ParameterLipschitz:
    """Constants L_{theta,t} of `lipschitz.parameters`, for every block and t = 1..T.

    ||f_t - f'_t|| <= sum over the blocks of L_{theta,t} ||theta - theta'|| for two members of the
    class, with the spectral norm for matrices and the Euclidean norm for biases.
    """

    blocks: Mapping[str, tuple[Upward, ...]]

    @property
    def T(self) -> int:
        """Number of steps."""
        return len(self.blocks["output"])

    def logs(self) -> dict[str, Array]:
        """Logarithms, rounded up: each block's name with an array (T,)."""
        return {name: _logs(values) for name, values in self.blocks.items()}

    def at(self, t: int) -> dict[str, Upward]:
        """L_{theta,t}, t from 1; L_{theta,T} is the constant for the supremum over X and t."""
        return {name: values[t - 1] for name, values in self.blocks.items()}

    def mean(self, weights: ArrayLike) -> dict[str, Upward]:
        """sum_t w_t L_{theta,t}, the constant (over rho_psi) for the loss class."""
        w = time_weights(weights, self.T)
        return {name: _dot(w, values) for name, values in self.blocks.items()}

    def root_mean_square(self, weights: ArrayLike) -> dict[str, Upward]:
        """sqrt(sum_t w_t L_{theta,t}^2), the constant for the class F in the norm ||.||_{n,w}."""
        w = time_weights(weights, self.T)
        return {
            name: _dot(w, [value * value for value in values]).sqrt()
            for name, values in self.blocks.items()
        }


def state_bound(radii: Radii, T: int, s: str | Activation, k: int) -> Array:
    """Return log H_1 .. log H_T, bounds on ||h_t||, as an array (T,).

    Claim `lipschitz.state`: H_t = (rho (R_i R_x + R_b) + |s(0)| sqrt k) sum_{j<t} (rho R_h)^j, and
    min(H_t, sqrt(k) sup|s|) for a bounded activation.

    Parameters
    ----------
    radii : Radii
        The class.
    T : int
        Number of steps, at least 1.
    s : str or Activation
        The activation.
    k : int
        Number of nodes.

    Examples
    --------
    >>> import numpy as np
    >>> from rnnbounds import Radii, state_bound
    >>> radii = Radii(hidden=0.5, input=1.0, output=1.0, bias_hidden=0.0, bias_output=0.0, data=1.0)
    >>> np.exp(state_bound(radii, T=3, s="relu", k=2)).round(6)
    array([1.  , 1.5 , 1.75])
    """
    return _logs(states(radii, T, s, k)[1:])


def output_bound(radii: Radii, T: int, s: str | Activation, k: int) -> Array:
    """Return log(R_o H_t + R_c), bounds on ||f_t||, t = 1..T (`lipschitz.output`).

    Examples
    --------
    >>> import numpy as np
    >>> from rnnbounds import Radii, output_bound
    >>> radii = Radii(hidden=0.5, input=1.0, output=1.0, bias_hidden=0.0, bias_output=0.0, data=1.0)
    >>> np.exp(output_bound(radii, T=3, s="relu", k=2)).round(6)
    array([1.  , 1.5 , 1.75])
    """
    return _logs(outputs(radii, T, s, k))


def parameter_lipschitz(radii: Radii, T: int, s: str | Activation, k: int) -> ParameterLipschitz:
    """Return L_{theta,t} for the five blocks of weights and t = 1..T (`lipschitz.parameters`).

    L_o = H_t, L_c = 1, L_h = R_o rho sum_{s=1}^t (rho R_h)^{t-s} H_{s-1},
    L_i = R_o R_x rho sum_{j<t} (rho R_h)^j and L_b = R_o rho sum_{j<t} (rho R_h)^j.

    Examples
    --------
    >>> import numpy as np
    >>> from rnnbounds import Radii, parameter_lipschitz
    >>> radii = Radii(hidden=0.5, input=1.0, output=1.0, bias_hidden=0.0, bias_output=0.0, data=1.0)
    >>> constants = parameter_lipschitz(radii, T=3, s="relu", k=2)
    >>> np.exp(constants.logs()["output"]).round(6)
    array([1.  , 1.5 , 1.75])
    """
    act = activation(s)
    h = states(radii, T, act, k)
    ratio = Upward(act.lipschitz) * radii.hidden
    front = Upward(radii.output) * act.lipschitz
    memory, geometric = Upward(0), Upward(0)
    hidden, bias = [], []
    for t in range(1, T + 1):
        # sum_{s=1}^t ratio^{t-s} H_{s-1} and sum_{j<t} ratio^j, by Horner.
        memory = ratio * memory + h[t - 1]
        geometric = ratio * geometric + Upward(1)
        hidden.append(front * memory)
        bias.append(front * geometric)
    return ParameterLipschitz(
        {
            "hidden": tuple(hidden),
            "input": tuple(value * radii.data for value in bias),
            "output": tuple(h[1:]),
            "bias_hidden": tuple(bias),
            "bias_output": (Upward(1),) * T,
        }
    )


def input_lipschitz(radii: Radii, T: int, s: str | Activation) -> Array:
    """Return log(R_o R_i rho (rho R_h)^lag) for lag = t - s = 0..T-1 (`lipschitz.input`).

    Examples
    --------
    >>> import numpy as np
    >>> from rnnbounds import Radii, input_lipschitz
    >>> radii = Radii(hidden=0.5, input=1.0, output=1.0, bias_hidden=0.0, bias_output=0.0, data=1.0)
    >>> np.exp(input_lipschitz(radii, T=3, s="relu")).round(6)
    array([1.  , 0.5 , 0.25])
    """
    integer("T", T, 1)
    act = activation(s)
    ratio = Upward(act.lipschitz) * radii.hidden
    value = Upward(radii.output) * radii.input * act.lipschitz
    values = []
    for _ in range(T):
        values.append(value)
        value = value * ratio
    return _logs(values)


def states(radii: Radii, T: int, s: str | Activation, k: int) -> list[Upward]:
    """Return H_0 .. H_T as numbers rounded up."""
    integer("T", T, 1)
    integer("k", k, 0)
    act = activation(s)
    root_k = Upward(k).sqrt()
    ratio = Upward(act.lipschitz) * radii.hidden
    drive = Upward(act.lipschitz) * (Upward(radii.input) * radii.data + radii.bias_hidden)
    drive = drive + Upward(abs(act.at_zero)) * root_k
    ceiling = None if math.isinf(act.bound) else Upward(act.bound) * root_k
    geometric = Upward(0)
    result = [Upward(0)]
    for _ in range(T):
        geometric = ratio * geometric + Upward(1)
        bound = drive * geometric
        result.append(bound if ceiling is None or bound <= ceiling else ceiling)
    return result


def outputs(radii: Radii, T: int, s: str | Activation, k: int) -> list[Upward]:
    """Return R_o H_t + R_c for t = 1..T as numbers rounded up."""
    return [h * radii.output + radii.bias_output for h in states(radii, T, s, k)[1:]]


def block_sizes(k: int, d_x: int, d_y: int) -> dict[str, int]:
    """Return p_theta, the number of entries of each block of a network with k nodes."""
    return {
        "hidden": k * k,
        "input": k * d_x,
        "output": d_y * k,
        "bias_hidden": k,
        "bias_output": d_y,
    }


def _dot(weights: Array, values: Sequence[Upward]) -> Upward:
    total = Upward(0)
    for weight, value in zip(weights, values):
        if weight:
            total = total + value * float(weight)
    return total


def _logs(values: Sequence[Upward]) -> Array:
    return np.array([value.log() for value in values])


__all__ = [
    "BLOCKS",
    "ParameterLipschitz",
    "Radii",
    "block_sizes",
    "input_lipschitz",
    "matrix_norm",
    "output_bound",
    "outputs",
    "parameter_lipschitz",
    "state_bound",
    "states",
]
