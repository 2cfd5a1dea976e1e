"""The recurrent nodes of an ONNX graph as a chain of layers, and back into the graph.

That the cells here run as the nodes do, and that each layer reads the one below and nothing else,
is seen on the data: what a graph puts in between need not be known.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from pruning.activations import activation
from pruning.cells.gru import GRU
from pruning.cells.lstm import LSTM
from pruning.cells.plain import Plain
from pruning.checks import Array
from pruning.stack import Stack
from validation.porting.chains import Chain, SmallChain, alike
from validation.porting.onnx_editing import (
    add_constant,
    copied,
    forget_shapes,
    libraries,
    run_session,
    session_of,
)
from validation.porting.onnx_graph import (
    CARRIES,
    GATES,
    Recurrence,
    constants,
    consumers,
    linear_reader,
)

# ONNX's order of the gates, as places in torch's order, and the other way round.
ORDER = {"RNN": (0,), "GRU": (1, 0, 2), "LSTM": (0, 2, 3, 1)}
BACK = {"RNN": (0,), "GRU": (1, 0, 2), "LSTM": (0, 3, 1, 2)}
_INSTEAD = "leave --objective and --refit away, or take a state_dict of torch"
_ADVICE = f": {_INSTEAD}"


def turned(rows: Array, places: tuple[int, ...]) -> Array:
    """Blocks of rows, one a gate, in another order."""
    blocks = np.split(rows, len(places))
    return np.concatenate([blocks[place] for place in places])


def cell_of(one: Recurrence, side: int) -> Plain | GRU | LSTM:
    """One direction of a node as a cell."""
    places, rows = ORDER[one.kind], GATES[one.kind] * one.m
    both = np.zeros(2 * rows) if one.B is None else one.B[side]
    parts = one.W[side], one.R[side], both[:rows], both[rows:]
    W, R, b_input, b_hidden = (turned(part, places) for part in parts)
    if one.kind == "GRU":
        return GRU(W, R, b_input, b_hidden, one.linear_before_reset)
    if one.kind == "LSTM":
        if one.P is not None:
            raise ValueError(
                f"{_name(one)} has peepholes, which gradients here do not know{_ADVICE}"
            )
        return LSTM(W, R, b_input, b_hidden)
    named = [a for a in one.node.attribute if a.name == "activations"]
    words = {s.decode().lower() for s in named[0].strings} if named else {"tanh"}
    if len(words) != 1 or not words <= {"tanh", "relu"}:
        raise ValueError(f"{_name(one)} has activations other than tanh or ReLU{_ADVICE}")
    return Plain(W, R, b_input, b_hidden, activation(words.pop()))


def chain_of(model: Any, found: list[Recurrence], batches: Any) -> Chain:
    """Return the recurrent nodes as a chain.

    Parameters
    ----------
    model : onnx ModelProto
    found : list of Recurrence
        Of this model.
    batches : list of arrays
        As the graph takes them.

    Raises
    ------
    ValueError
        If they are no chain, or a node does not run as its cell does.
    """
    for one in found:
        direction = next((a.s for a in one.node.attribute if a.name == "direction"), b"forward")
        if direction == b"reverse":
            raise ValueError(f"{_name(one)} reads its sequences backwards alone{_ADVICE}")
    if len(found) > 1 and any(one.directions == 2 for one in found):
        raise ValueError(
            "--objective and --refit are for ONNX graphs of one direction, or of one layer, got "
            f"{len(found)} layers in both directions: {_INSTEAD}"
        )
    for below, above in pairwise(found):
        if carried(model, _used(model, below)) != above.node.input[0]:
            raise ValueError(
                f"{_name(above)} must read the states of {_name(below)} and nothing else may"
                f"{_ADVICE}"
            )
    layers = tuple(tuple(cell_of(one, side) for side in range(one.directions)) for one in found)
    top = found[-1]
    names = [_used(model, one) for one in found]
    end = carried(model, names[-1])
    starts = [n for one in found for n in list(one.node.input[5:7]) if n]
    shown = [found[0].node.input[0], *names, end, *starts]
    values = _values(model, shown, batches)
    x = np.concatenate([np.asarray(v, np.float64).transpose(1, 0, 2) for v in values[0]])
    n, T = values[0][0].shape[1], x.shape[1]
    stack = Stack(layers, np.zeros((1, sum(c.m for c in layers[-1]))), np.zeros(1))
    states = stack.layer_states(x[:n])
    for one, name, seen, ours in zip(found, names, values[1:], states, strict=False):
        if not alike(_expected(one, ours, name), np.asarray(seen[0], np.float64)):
            raise ValueError(f"{_name(one)} has a setting that gradients here do not know{_ADVICE}")
    if any(np.any(start[0]) for start in values[len(found) + 2 :]):
        raise ValueError(f"the states must start at 0 for gradients here, they do not{_ADVICE}")
    reads = "last"
    if names[-1] == top.node.output[0]:
        read = np.sort(np.asarray(values[len(found) + 1][0], np.float64).ravel())
        last = np.sort(_expected(top, states[-1], "").ravel())
        reads = "last" if alike(read, last) else "every"
        if T > 1 and reads == "every" and not alike(read, np.sort(states[-1].ravel())):
            raise ValueError(
                f"what is read of {_name(top)} is neither the last state nor every one{_ADVICE}"
            )
    reader = _reader(model, top)
    if reader is not None and top.directions == 2:
        width = 2 * top.m
        ends = np.concatenate(list(_expected(top, states[-1], "")), axis=1)
        rows_read = np.asarray(_values(model, [reader[0].input[0]], batches[:1])[0][0], np.float64)
        orders = (ends, states[-1], states[-1].transpose(1, 0, 2))
        if not any(alike(rows_read.reshape(-1, width), o.reshape(-1, width)) for o in orders):
            raise ValueError(
                f"what reads {_name(top)} must read both directions side by side{_ADVICE}"
            )
    rows = None if reader is None else _scale(reader[0]) * reader[2]
    return Chain(layers, x, rows, None, reads)


def put(model: Any, small: SmallChain) -> None:
    """Write a pruned chain into a copy of its graph."""
    from validation.porting.onnx_graph import recurrences

    found = recurrences(model)
    top = found[-1]
    used = _used(model, top)
    reader = _reader(model, top)
    dtype = constants(model)[top.node.input[2]].dtype
    for number, (one, cells) in enumerate(zip(found, small.layers, strict=True)):
        back = BACK[one.kind]
        W = [turned(c.w_input, back) for c in cells]
        R = [turned(c.w_hidden, back) for c in cells]
        B = [np.concatenate([turned(c.b_input, back), turned(c.b_hidden, back)]) for c in cells]
        for place, value in ((1, W), (2, R), (3, B)):
            while len(one.node.input) <= place:
                one.node.input.append("")
            name = f"pruned_{number}_{place}"
            one.node.input[place] = add_constant(model, name, np.stack(value).astype(dtype))
        for place in range(5, min(7, len(one.node.input))):
            one.node.input[place] = ""  # 0, as was seen
        for attribute in one.node.attribute:
            if attribute.name == "hidden_size":
                attribute.i = cells[0].m
    if reader is not None and top.directions == 1:
        node, place, _ = reader
        rows = small.rows / _scale(node)
        flipped = any(a.name == "transB" and a.i for a in node.attribute)
        matrix: Any = rows if flipped else rows.T
        node.input[place] = add_constant(model, "read_pruned", matrix.astype(dtype))
        steps = [("Add", small.bias)]
        at = node, 0
    else:
        # Each direction is rebuilt from its own nodes, so that what stands between it and a linear
        # layer V need not be known: V V^+ W = W for the W that are fitted to V h.
        m, k, sides = top.m, small.layers[-1][0].m, range(top.directions)
        V = np.eye(m * top.directions) if reader is None else _scale(reader[0]) * reader[2]
        inverse = [np.linalg.pinv(V[:, s * m : (s + 1) * m]) for s in sides]
        A = np.stack([(inverse[s] @ small.rows[:, s * k : (s + 1) * k]).T for s in sides])
        b = (np.linalg.pinv(V) @ small.bias).reshape(top.directions, 1, m)
        steps = [("MatMul", A), ("Add", b)]
        at = top.node, list(top.node.output).index(used)
    _after(model, *at, [(kind, v.astype(dtype)) for kind, v in steps if kind != "Add" or v.any()])
    forget_shapes(model)


def _after(model: Any, node: Any, place: int, steps: list[tuple[str, Any]]) -> None:
    """Put operations with constants between an output of a node and those that read it."""
    onnx, _ = libraries()
    if not steps:
        return
    at = list(model.graph.node).index(node)
    whole = node.output[place]
    before = f"{whole}_pruned_0"
    node.output[place] = before
    for number, (kind, constant) in enumerate(steps, 1):
        after = whole if number == len(steps) else f"{whole}_pruned_{number}"
        held = add_constant(model, f"{whole}_constant_{number}", constant)
        model.graph.node.insert(at + number, onnx.helper.make_node(kind, [before, held], [after]))
        before = after


def carried(model: Any, name: str) -> str:
    """Follow a value through nodes that hand its entries on, as long as nothing else reads it."""
    while True:
        readers = consumers(model, name)
        if len(readers) != 1 or readers[0] is None:
            return name
        node = readers[0]
        if node.op_type not in CARRIES or node.input[0] != name:
            return name
        name = node.output[0]


def _reader(model: Any, one: Recurrence) -> tuple[Any, int, Array] | None:
    """The one linear layer that reads the states, of both directions side by side."""
    shapes = () if one.directions == 1 else ("Reshape", "Flatten")
    return linear_reader(model, _used(model, one), one.m * one.directions, shapes)


def _used(model: Any, one: Recurrence) -> str:
    """The one output of a node that carries its states."""
    used = [name for name in one.node.output[:2] if name and consumers(model, name)]
    if len(used) != 1:
        raise ValueError(
            f"of {_name(one)} either all states or the last ones must be read, got "
            f"{'both' if used else 'neither'}{_ADVICE}"
        )
    return str(used[0])


def _expected(one: Recurrence, states: Array, used: str) -> Array:
    """Our states (n, T, width) as the node's output: Y (T, sides, n, m), or Y_h (sides, n, m)."""
    n, T, _ = states.shape
    apart = states.reshape(n, T, one.directions, one.m)
    if used == one.node.output[0]:
        return apart.transpose(1, 2, 0, 3)
    ends = [apart[:, 0 if side else -1, side] for side in range(one.directions)]
    return np.stack(ends)


def _values(model: Any, names: list[str], batches: Any) -> list[list[Any]]:
    """What the graph holds under these names: the first on all batches, others on the first."""
    onnx, _ = libraries()
    watched = copied(model)
    inputs = {i.name for i in watched.graph.input}
    known = {o.name for o in watched.graph.output} | inputs
    for name in dict.fromkeys(names):
        if name not in known:
            watched.graph.output.append(onnx.ValueInfoProto(name=name))
    session = session_of(watched)
    found: list[list[Any]] = [[] for _ in names]
    for number, batch in enumerate(batches):
        wanted = names if number == 0 else names[:1]
        asked = [name for name in dict.fromkeys(wanted) if name not in inputs]
        values = dict(zip(asked, run_session(session, batch, asked))) if asked else {}
        values |= dict.fromkeys(inputs, batch)
        for name, into in zip(wanted, found):
            into.append(values[name])
    return found


def _scale(node: Any) -> float:
    """Alpha of a Gemm."""
    return next((float(a.f) for a in node.attribute if a.name == "alpha"), 1.0)


def _name(one: Recurrence) -> str:
    return str(one.node.name or one.kind)
