"""An ONNX graph as it is read, edited and run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from pruning.checks import Array
from validation.porting.onnx_graph import (
    GATES,
    Recurrence,
    constants,
    consumers,
    linear_reader,
)
from validation.porting.selecting import Chosen


def fold_target(model: Any, one: Recurrence) -> tuple[Any, int, Array] | None:
    """The one linear layer that reads the state, whichever output carries it."""
    used = [name for name in one.node.output[:2] if name and consumers(model, name)]
    return linear_reader(model, used[0], one.m) if len(used) == 1 else None


def check_outputs(model: Any, one: Recurrence) -> None:
    """Refuse a node with what pruning cannot keep, such as a cell state that is read."""
    where = one.node.name or one.kind
    if len(one.node.output) > 2 and one.node.output[2] and consumers(model, one.node.output[2]):
        raise ValueError(
            f"the cell state of {where} is read by the graph (Y_c), which pruning cannot rebuild"
        )
    clip = [a.name for a in one.node.attribute if a.name in ("clip", "input_forget") and a.type]
    if clip:
        raise ValueError(f"{where} has the attribute {clip[0]}, which is not supported")
    if one.kind == "GRU" and not one.linear_before_reset:
        named = [a for a in one.node.attribute if a.name == "activations"]
        words = [s.decode().lower() for s in named[0].strings] if named else []
        started = len(one.node.input) > 5 and one.node.input[5]
        if any(w not in ("sigmoid", "tanh") for w in words) or started:
            raise ValueError(
                f"{where} applies the reset gate before the product and has activations or an "
                "initial state of its own, which is not supported"
            )


def replace_recurrence(
    model: Any,
    one: Recurrence,
    chosen: list[Chosen],
    reader: tuple[Any, int, Array] | None,
    number: int,
) -> None:
    """Put the pruned weights into a recurrent node, and A behind it or into its reader."""
    onnx, _ = libraries()
    node, g, m = one.node, GATES[one.kind], one.m
    k = len(chosen[0].nodes)
    dtype = constants(model)[node.input[2]].dtype
    W: list[Any] = []
    R: list[Any] = []
    B: list[Any] = []
    P: list[Any] = []
    for side, kept in enumerate(chosen):
        own = (np.arange(g)[:, None] * m + kept.nodes).reshape(-1)
        W.append(one.W[side][own])
        smaller = one.R[side][own] @ kept.A
        if kept.A_reset is not None:
            smaller[2 * k :] = one.R[side][2 * m + kept.nodes] @ kept.A_reset
        R.append(smaller)
        if one.B is not None:
            halves = one.B[side][: g * m][own], one.B[side][g * m :][own]
            B.append(np.concatenate(halves))
        if one.P is not None:
            P.append(one.P[side].reshape(3, m)[:, kept.nodes].reshape(-1))
    for place, value in ((1, W), (2, R), (3, B), (7, P)):
        if value:
            name = add_constant(model, f"pruned_{number}_{place}", np.stack(value).astype(dtype))
            node.input[place] = name
    for attribute in node.attribute:
        if attribute.name == "hidden_size":
            attribute.i = k
    at = list(model.graph.node).index(node)
    for place in (5, 6):
        if len(node.input) > place and node.input[place]:
            at += _gather_start(model, node, place, chosen, at, number)
    if reader is not None:
        target, place, rows = reader
        folded: Any = rows @ chosen[0].A
        transposed = any(a.name == "transB" and a.i for a in target.attribute)
        value = folded if transposed else folded.T
        target.input[place] = add_constant(model, f"read_{number}", value.astype(dtype))
        forget_shapes(model)
        return
    A = np.stack([kept.A.T for kept in chosen]).astype(dtype)  # (directions, k, m)
    name = add_constant(model, f"reconstruction_{number}", A)
    for place in (1, 0):
        if len(node.output) > place and node.output[place]:
            whole = node.output[place]
            node.output[place] = f"{whole}_kept_{number}"
            product = onnx.helper.make_node("MatMul", [node.output[place], name], [whole])
            model.graph.node.insert(at + 1, product)
    forget_shapes(model)


def _gather_start(
    model: Any, node: Any, place: int, chosen: list[Chosen], at: int, number: int
) -> int:
    """Keep the kept coordinates of an initial state (directions, n, m)."""
    onnx, _ = libraries()
    out = f"start_{number}_{place}"
    if len(chosen) == 1:
        name = add_constant(model, f"kept_{number}_{place}", chosen[0].nodes.astype(np.int64))
        gather = onnx.helper.make_node("Gather", [node.input[place], name], [out], axis=2)
    else:
        kind = constants(model)[node.input[2]].dtype
        chooses = np.stack([np.eye(len(kept.A))[:, kept.nodes] for kept in chosen])
        name = add_constant(model, f"kept_{number}_{place}", chooses.astype(kind))
        gather = onnx.helper.make_node("MatMul", [node.input[place], name], [out])
    model.graph.node.insert(at, gather)
    node.input[place] = out
    return 1


def add_constant(model: Any, name: str, value: Any) -> str:
    """Add a constant tensor, and return its name."""
    from onnx import numpy_helper

    model.graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
    return name


def forget_shapes(model: Any) -> None:
    """Drop recorded shapes of inner values, and weights that nothing reads any more."""
    del model.graph.value_info[:]
    used = {name for node in model.graph.node for name in node.input}
    used |= {output.name for output in model.graph.output}
    kept = [t for t in model.graph.initializer if t.name in used]
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)
    dead = [
        node
        for node in model.graph.node
        if node.op_type == "Constant" and not used & set(node.output)
    ]
    for node in dead:
        model.graph.node.remove(node)


def count_parameters(model: Any) -> int:
    """Floating-point constants of a graph."""
    return sum(
        value.size for value in constants(model).values() if np.asarray(value).dtype.kind == "f"
    )


def copied(model: Any) -> Any:
    """A graph of its own with the same content."""
    onnx, _ = libraries()
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    return copy


def session_of(model: Any) -> Any:
    """An onnxruntime session of one thread."""
    _, runtime = libraries()
    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4  # errors are raised
    try:
        return runtime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:
        reason = str(error).strip().split("\n")[0]
        raise ValueError(f"onnxruntime refuses the graph: {reason}") from None


def run_session(session: Any, x: Any, names: Any = None) -> Any:
    """Outputs for the one input: all of them, or those of these names."""
    try:
        return session.run(names, {session.get_inputs()[0].name: x})
    except Exception as error:
        reason = str(error).strip().split("\n")[0]
        raise ValueError(f"the graph does not accept x of shape {x.shape}: {reason}") from None


def check_external(path: Path, onnx: Any) -> None:
    """Refuse weights that lie outside the model's folder, before anything reads them."""
    try:
        bare = onnx.load(str(path), load_external_data=False)
    except Exception as error:
        reason = str(error).strip().split("\n")[0] or type(error).__name__
        raise ValueError(f"{path} is not a readable ONNX model: {reason}") from None
    folder = path.resolve().parent
    for tensor in bare.graph.initializer:
        for entry in tensor.external_data:
            if entry.key == "location":
                target = (folder / entry.value).resolve()
                if not target.is_relative_to(folder):
                    raise ValueError(
                        f"{path} has weights outside its folder ({entry.value}), which are not read"
                    )


def libraries() -> tuple[Any, Any]:
    """The packages onnx and onnxruntime, or one sentence that says how to get them."""
    try:
        import onnx
        import onnxruntime
    except ImportError:
        raise ValueError(
            "ONNX files need onnx and onnxruntime, which are not installed: "
            "pip install 'rnnbounds[onnx]'"
        ) from None
    return onnx, onnxruntime
