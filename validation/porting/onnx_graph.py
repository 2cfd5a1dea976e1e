"""The recurrent nodes of an ONNX graph: their weights, what reads them, and their replacement."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from pruning.checks import Array

GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}
# Nodes that hand on the entries of a state without mixing them.
CARRIES = ("Squeeze", "Transpose", "Gather", "Slice", "Identity", "Dropout", "Unsqueeze", "Cast")


@dataclass(frozen=True, eq=False)
class Recurrence:
    """One RNN, GRU or LSTM node.

    Attributes
    ----------
    node : onnx NodeProto
    kind : str
    W, R : (directions, gates m, .) arrays
    B : (directions, 2 gates m) array or None
    P : (directions, 3 m) array or None
        An LSTM's peepholes.
    linear_before_reset : bool
        A GRU's reset gate stands after the product.
    """

    node: Any
    kind: str
    W: Array
    R: Array
    B: Array | None
    P: Array | None
    linear_before_reset: bool

    @property
    def m(self) -> int:
        """Hidden nodes."""
        return int(self.R.shape[2])

    @property
    def directions(self) -> int:
        """One or two."""
        return len(self.R)


def constants(model: Any) -> dict[str, Any]:
    """Return the constant tensors of a graph by name."""
    from onnx import numpy_helper

    found = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "Constant" and node.attribute and node.attribute[0].name == "value":
            found[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
        elif node.op_type == "Identity" and node.input[0] in found:
            found[node.output[0]] = found[node.input[0]]
    return found


def recurrences(model: Any) -> list[Recurrence]:
    """Return the recurrent nodes of the main graph, in its order.

    Raises
    ------
    ValueError
        If there is none, or one whose weights are not constant or whose layout is not the usual.
    """
    held = constants(model)
    found = []
    for node in model.graph.node:
        if node.op_type not in GATES or node.domain not in ("", "ai.onnx"):
            continue
        where = node.name or node.op_type
        for place, what in ((1, "W"), (2, "R")):
            if node.input[place] not in held:
                raise ValueError(f"{where} must have constant weights {what}")
        optional = {
            place: held.get(node.input[place])
            for place in (3, 7)
            if len(node.input) > place and node.input[place]
        }
        attributes = {a.name: a for a in node.attribute}
        if "layout" in attributes and attributes["layout"].i:
            raise ValueError(f"{where} has layout = 1 (batch first inside the node), use layout 0")
        R = np.asarray(held[node.input[2]], np.float64)
        if R.ndim != 3 or R.shape[1] != GATES[node.op_type] * R.shape[2]:
            raise ValueError(f"R of {where} must be (directions, gates m, m), got {R.shape}")
        found.append(
            Recurrence(
                node,
                node.op_type,
                np.asarray(held[node.input[1]], np.float64),
                R,
                _float(optional.get(3)),
                _float(optional.get(7)),
                bool(attributes["linear_before_reset"].i)
                if "linear_before_reset" in attributes
                else False,
            )
        )
    if not found:
        raise ValueError("the graph must hold an RNN, GRU or LSTM node, got none")
    return found


def consumers(model: Any, name: str) -> list[Any]:
    """Return the nodes that read a value, and None for the graph's own outputs."""
    found = [node for node in model.graph.node if name in node.input]
    return found + [None for output in model.graph.output if output.name == name]


def linear_reader(
    model: Any, name: str, width: int, also: tuple[str, ...] = ()
) -> tuple[Any, int, Array] | None:
    """Return (node, which input, rows) of the one linear layer that reads a state, if it is so.

    Follows nodes that only hand entries on, and those of the kinds in `also`. None where the state
    has several readers, or one that is not a product with a constant matrix.
    """
    held = constants(model)
    while True:
        readers = consumers(model, name)
        if len(readers) != 1 or readers[0] is None:
            return None
        node = readers[0]
        if node.op_type in (*CARRIES, *also) and node.input[0] == name:
            name = node.output[0]
            continue
        if node.op_type not in ("MatMul", "Gemm") or node.input[0] != name:
            return None
        if node.input[1] not in held or len(consumers(model, node.input[1])) != 1:
            return None
        matrix = np.asarray(held[node.input[1]], np.float64)
        flags = {a.name: a.i for a in node.attribute}
        if flags.get("transA"):
            return None
        rows = matrix if flags.get("transB") else matrix.T
        if matrix.ndim != 2 or rows.shape[1] != width:
            return None
        return node, 1, rows


def _float(value: Any) -> Array | None:
    return None if value is None else np.asarray(value, np.float64)
