"""Random cells and stacks of every kind."""

from __future__ import annotations

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
