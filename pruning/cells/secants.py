"""Secant factors: the difference of two runs as an exact linear recursion.

For e_t = h'_t - h_{t,J}, the small network's state less the large one's on the kept nodes,
e_t = J_t e_{t-1} + b_t exactly (theory, section 11), whatever the small network's weights are.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from pruning.activations import Activation, told_from
from pruning.cells.cell import Run
from pruning.cells.plain import Plain
from pruning.checks import Array, Nodes


class Secants(Protocol):
    """e_t = J_t e_{t-1} + b_t along two runs."""

    @property
    def births(self) -> Array:
        """b_1..b_T, (T, n, k)."""
        ...

    def carry(self, t: int, v: Array) -> Array:
        """J_t v for vectors v of every sequence, (n, ..., k); t counts from 0."""
        ...


@dataclass(frozen=True, eq=False)
class PlainSecants:
    """J_t = Delta_t W_h' and b_t = Delta_t d_t.

    Attributes
    ----------
    births : (T, n, k) array
    factors : (T, n, k) array
        The diagonals of Delta_t.
    w_hidden : (k, k) array
        W_h'.
    """

    births: Array
    factors: Array
    w_hidden: Array

    def carry(self, t: int, v: Array) -> Array:
        """Delta_t W_h' v."""
        factor = np.expand_dims(self.factors[t], tuple(range(1, v.ndim - 1)))
        rows = v.reshape(math.prod(v.shape[:-1]), v.shape[-1])
        return np.asarray(factor * (rows @ self.w_hidden.T).reshape(v.shape))


def plain_secants(
    large: Plain, run: Run, small: Plain, small_run: Run, nodes: Nodes, x: Array
) -> PlainSecants:
    """The recursion of the difference of two plain cells: e_t = Delta_t (W_h' e_{t-1} + d_t).

    d_t = (W_h' h_{t-1,J} + W_i' x_t + b_h') - (W_h[J,:] h_{t-1} + W_i[J,:] x_t + b_h[J]).

    Parameters
    ----------
    large, small : Plain
        `small` has k nodes, any weights, and the activation of `large`.
    run, small_run : Run
        Of each on the same inputs.
    nodes : (k,) integer array
        The node of `large` that each node of `small` is matched with.
    x : (T, n, d_x) array
        The inputs.

    Raises
    ------
    ValueError
        If the activations differ.
    """
    if small.activation != large.activation:
        raise ValueError(
            f"small must have the activation {large.activation.name} of large, "
            f"got {told_from(small.activation, large.activation)}"
        )
    # One product each, so that weights that agree cancel before they meet a state.
    recurrent = -large.w_hidden[nodes]
    recurrent[:, nodes] += small.w_hidden
    bias = (small.b_input + small.b_hidden) - (large.b_input + large.b_hidden)[nodes]
    d = run.before @ recurrent.T + x @ (small.w_input - large.w_input[nodes]).T + bias
    gap = small_run.h - run.h[:, :, nodes]
    change = d + (small_run.before - run.before[:, :, nodes]) @ small.w_hidden.T
    delta = secant_factors(gap, change, large.activation)
    return PlainSecants(delta * d, delta, small.w_hidden)


def secant_factors(gap: Array, change: Array, activation: Activation) -> Array:
    """Delta with s(a') - s(a) = Delta (a' - a), entry by entry; 0 where a' = a.

    A quotient of differences near rounding may leave the range that the true one is in, [0, rho]
    where s never decreases and [-rho, rho] otherwise; it is brought back.
    """
    out = np.zeros_like(gap)
    np.divide(gap, change, out=out, where=change != 0)
    low = 0.0 if activation.nondecreasing else -activation.lipschitz
    return np.clip(out, low, activation.lipschitz)
