"""Random cells and stacks of every kind."""

from __future__ import annotations

import numpy as np

from pruning.cells.gru import GRU
from pruning.cells.lstm import LSTM
from pruning.cells.plain import Plain
from pruning.stack import Stack

KINDS = ("gru", "gru, reset before", "lstm", "plain")
GATES = {"gru": 3, "gru, reset before": 3, "lstm": 4, "plain": 1}


def cell_of(kind, m, d, rng, scale=1.0):
    g = GATES[kind]
    weights = (
        scale * rng.normal(size=(g * m, d)),
        scale * rng.normal(size=(g * m, m)),
        scale * rng.normal(size=g * m),
        scale * rng.normal(size=g * m),
    )
    if kind == "lstm":
        return LSTM(*weights)
    if kind == "plain":
        return Plain(*weights, activation="tanh")
    return GRU(*weights, reset_after=kind == "gru")


def stack_of(kind, sizes, directions, d, q, rng, scale=0.6):
    layers, width = [], d
    for m in sizes:
        layers.append([cell_of(kind, m, width, rng, scale) for _ in range(directions)])
        width = m * directions
    return Stack(tuple(map(tuple, layers)), rng.normal(size=(q, width)), rng.normal(size=q))


def state_dict(kind, sizes, directions, d, q, rng, head="fc", rnn="rnn"):
    stack = stack_of(kind, sizes, directions, d, q, rng)
    arrays = {}
    for number, layer in enumerate(stack.layers):
        for side, cell in enumerate(layer):
            tail = f"_l{number}" + ("_reverse" if side else "")
            arrays[f"{rnn}.weight_ih{tail}"] = cell.w_input
            arrays[f"{rnn}.weight_hh{tail}"] = cell.w_hidden
            arrays[f"{rnn}.bias_ih{tail}"] = cell.b_input
            arrays[f"{rnn}.bias_hh{tail}"] = cell.b_hidden
    arrays[f"{head}.weight"], arrays[f"{head}.bias"] = stack.w_output, stack.b_output
    return {name: np.array(value, np.float32) for name, value in arrays.items()}
