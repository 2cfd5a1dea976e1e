"""From weights that are multiples of their steps to a network of integers, by equal functions."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from pruning.checks import Inputs
from pruning.rnn import RNN
from validation.certifying.network import Form, IntegerNetwork, Integers
from validation.certifying.prices import price_table
from validation.output.schema import Facts

CAPS = (14, 30, 40)
"""Exponents of H that are tried for a ReLU: those whose code is shorter than their neighbours'."""


def integer_network(
    rnn: RNN,
    steps: Mapping[str, int],
    form: Form,
    input_exponent: int,
    *,
    largest_state: float = 0.0,
    guard: int = 0,
    centre: bool = True,
) -> IntegerNetwork:
    """Return the network of integers that does what `rnn` does, up to the rounding of states.

    The unit of a state is that of an input times the step of ``w_input``, or 2^-guard of it, so
    that inputs enter without a shift.

    Parameters
    ----------
    rnn : RNN
        Its weights are multiples of their steps; ReLU, or tanh for the identity clipped to [-1, 1].
    steps : mapping of block to int
        Exponents of two.
    form : Form
    input_exponent : int
        x of the network is the integer of the sequence times 2^-input_exponent.
    largest_state : float
        The largest state of a ReLU network on the data; a state beyond H saturates.
    guard : int
        More bits of a state; there are more, too, where a bias would be none of its units.
    centre : bool
        Whether the read-out may be shifted, which changes no class.

    Raises
    ------
    ValueError
        If a weight is no multiple of its step.
    """
    integers = sorted_integers(rnn.weights, steps, centre)
    unit = input_exponent - steps["w_input"] + guard
    if integers["b_output"].any():
        # The read-out's bias must be an integer, too.
        lacking = max(0, steps["w_output"] - steps["b_output"] - unit)
        unit, guard = unit + lacking, guard + lacking
    two_sided = rnn.activation.name == "tanh"
    if two_sided:
        cap = unit
    else:
        top = math.ldexp(largest_state, unit)
        cap = next((c for c in CAPS if top <= 2.0**c), CAPS[-1])
    exponents = {
        "b_hidden": steps["b_hidden"] + unit,
        "w_hidden": steps["w_hidden"],
        "w_input": guard,
        "b_output": steps["b_output"] + unit - steps["w_output"],
    }
    # The exponent of zeros says nothing, and 0 has the shortest code.
    exponents = {b: e if integers[b].any() else 0 for b, e in exponents.items()}
    return IntegerNetwork(form, two_sided, cap, exponents, integers)


def sorted_integers(
    weights: Facts, steps: Mapping[str, int], centre: bool = True
) -> dict[str, Integers]:
    """Return the weights in units of their steps, the nodes by their biases, the read-out centred.

    Nodes may have gates, whose rows stand behind theirs.

    Raises
    ------
    ValueError
        If a weight is no multiple of its step.
    """
    integers = {}
    for block, held in weights.items():
        units = np.ldexp(held, -steps[block])
        integers[block] = np.rint(units).astype(np.int64)
        if not np.array_equal(units, integers[block]):
            raise ValueError(f"{block} must hold multiples of 2^{steps[block]}")
    rows, k = integers["w_hidden"].shape
    order = np.argsort(integers["b_hidden"][:k], kind="stable")
    both = np.concatenate([order + first for first in range(0, rows, k)])
    integers["b_hidden"] = integers["b_hidden"][both]
    integers["w_hidden"] = integers["w_hidden"][both][:, order]
    integers["w_input"] = integers["w_input"][both]
    integers["w_output"] = integers["w_output"][:, order]
    if not centre:
        return integers
    integers["w_output"] = centred(integers["w_output"])
    integers["b_output"] = centred(integers["b_output"][:, None])[:, 0]
    return integers


def centred(w_output: Any) -> Any:
    """Return the read-out with an integer taken off each column, the same for all classes.

    The classes' order does not change. The integers are those that shorten the code, by the prices
    of the block as it then is, until nothing changes.
    """
    shifted = w_output.copy()
    for _ in range(8):
        price = price_table(np.abs(shifted).ravel(), int(np.abs(shifted).max()) * 2 + 2)
        before = shifted.copy()
        for column in range(shifted.shape[1]):
            values = shifted[:, column]
            choices = np.unique(values)
            costs = price[np.abs(values[:, None] - choices[None, :])].sum(axis=0)
            shifted[:, column] = values - choices[int(costs.argmin())]
        if np.array_equal(before, shifted):
            break
    return shifted


def largest_state(rnn: RNN, x: Inputs, batch: int = 2000) -> float:
    """The largest |h| on the inputs (n, T, d)."""
    tops = [float(np.abs(rnn.states(x[i : i + batch])).max()) for i in range(0, len(x), batch)]
    return max(tops)
