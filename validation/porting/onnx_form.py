"""ONNX graphs with RNN, GRU or LSTM nodes.

The whole graph is carried along. A pruned node is followed by a product with A that rebuilds the
state, so that whatever reads it need not be known; where one linear layer reads it, A is folded
into that layer instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pruning.cells.gru import GRU
from pruning.checks import Array
from validation.porting.measures import seconds
from validation.porting.onnx_graph import (
    GATES,
    Recurrence,
    constants,
    consumers,
    linear_reader,
    recurrences,
)
from validation.porting.selecting import Chosen, choose, layer_sizes
from validation.porting.sequences import Sequences

_BATCH = 256


class OnnxForm:
    """An ONNX file.

    Parameters
    ----------
    path : path
        Its external data, if any, must lie in its own folder.
    """

    def __init__(self, path: Path) -> None:
        onnx, _ = _libraries()
        if not path.is_file():
            raise ValueError(f"{path} must be a file, got nothing")
        _check_external(path, onnx)
        try:
            self.model = onnx.load(str(path))
            onnx.checker.check_model(self.model)
        except Exception as error:
            reason = str(error).strip().split("\n")[0] or type(error).__name__
            raise ValueError(f"{path} is not a readable ONNX model: {reason}") from None
        try:
            self.found = recurrences(self.model)
            for one in self.found:
                _check_outputs(self.model, one)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None
        held = {t.name for t in self.model.graph.initializer}
        self.inputs = [i for i in self.model.graph.input if i.name not in held]
        if len(self.inputs) != 1:
            raise ValueError(
                f"{path} must have one input, the sequences, got {len(self.inputs)}: "
                f"{', '.join(i.name for i in self.inputs)}"
            )

    @property
    def words(self) -> str:
        """The network in a phrase."""
        return _phrase([(one.kind, one.directions, one.m) for one in self.found])

    def check(self, held: Sequences, out: Path) -> None:
        """The width of the data, and the name of the output."""
        if out.suffix.lower() != ".onnx":
            raise ValueError(f"the output file must end in .onnx, got {out.name!r}")
        if held.lengths is not None:
            raise ValueError("lengths are not supported for ONNX graphs, which read whole arrays")
        shape = [d.dim_value for d in self.inputs[0].type.tensor_type.shape.dim]
        if len(shape) == 3 and shape[2] > 0 and held.x.shape[-1] != shape[2]:
            raise ValueError(
                f"x has {held.x.shape[-1]} numbers a step, but the network reads {shape[2]}"
            )

    def prune(self, held: Sequences, settings: Any) -> PrunedGraph:
        """Prune every recurrent node."""
        if settings.total is not None:
            raise ValueError("--total is not supported for ONNX graphs, give -k")
        if settings.objective != "paper" or settings.refit:
            raise ValueError(
                "--objective and --refit need gradients through the network, which ONNX graphs "
                "do not give here; take a state_dict of torch"
            )
        sizes = layer_sizes(settings.k, len(self.found))
        moments = _moments(self.model, self.found, self._fed, held)
        rng = np.random.default_rng(settings.seed)
        model = _copy(self.model)
        nodes, losses = [], []
        for number, one in enumerate(recurrences(model)):
            name = f"k of layer {number}" if len(self.found) > 1 else "k"
            reader = _fold_target(model, one) if one.directions == 1 else None
            rows = None if reader is None else reader[2]
            chosen = [
                choose(
                    name,
                    moments[number][side][0],
                    one.R[side],
                    rows,
                    sizes[number],
                    settings,
                    rng,
                    moments[number][side][1],
                )
                for side in range(one.directions)
            ]
            _replace(model, one, chosen, reader, number)
            nodes.append([side.nodes.tolist() for side in chosen])
            losses.append(float(np.mean([side.lost for side in chosen])))
        onnx, _ = _libraries()
        onnx.checker.check_model(model)
        return PrunedGraph(self, model, nodes, losses)

    def _fed(self, x: Any, model: Any = None) -> Any:
        """Return x as the graph wants it: its dtype, and time first where the graph says so."""
        kind = self.inputs[0].type.tensor_type.elem_type
        onnx, _ = _libraries()
        array = np.asarray(x).astype(onnx.helper.tensor_dtype_to_np_dtype(kind))
        return np.ascontiguousarray(array.swapaxes(0, 1) if self.time_major else array)

    @property
    def time_major(self) -> bool:
        """Whether the sequences reach the first recurrent node as they come in, time first."""
        first = self.found[0].node.input[0]
        if first == self.inputs[0].name:
            return True
        made = {name: node for node in self.model.graph.node for name in node.output}
        steps = 0
        while first in made and steps < 50:
            node = made[first]
            if node.op_type == "Transpose":
                perm = next((list(a.ints) for a in node.attribute if a.name == "perm"), [])
                if perm[:2] == [1, 0]:
                    return False
            first, steps = node.input[0] if node.op_type != "Gather" else node.input[1], steps + 1
        return True


@dataclass(frozen=True, eq=False)
class PrunedGraph:
    """A pruned graph beside the whole one."""

    form: OnnxForm
    model: Any
    nodes: list[list[list[int]]]
    losses: list[float]

    @property
    def words(self) -> str:
        """The pruned network in a phrase."""
        return _phrase([(one.kind, one.directions, one.m) for one in recurrences(self.model)])

    @property
    def parameters(self) -> tuple[int, int]:
        """Floating-point constants before and after."""
        return _parameters(self.form.model), _parameters(self.model)

    def outputs(self, held: Sequences) -> tuple[Any, Any]:
        """What onnxruntime gives for both graphs: their first output."""
        n, T = held.x_eval.shape[:2]
        both = []
        for model in (self.form.model, self.model):
            session = _session(model)
            parts = []
            for start in range(0, n, _BATCH):
                x = self.form._fed(held.x_eval[start : start + _BATCH])
                parts.append(_batch_first(_run(session, x)[0], len(x.swapaxes(0, 1)), T, x, self))
            both.append(np.concatenate(parts))
        return both[0], both[1]

    def latency(self, held: Sequences) -> tuple[float, float, str]:
        """Of both whole graphs on one sequence, one thread."""
        x = self.form._fed(held.x_eval[:1])
        sessions = [_session(model) for model in (self.form.model, self.model)]
        before, after = (seconds(lambda s=s: _run(s, x)) for s in sessions)  # type: ignore[misc]
        return before, after, "onnxruntime"

    def write(self, out: Path) -> None:
        """Write the graph."""
        from pruning.storage import replacing

        onnx, _ = _libraries()
        with replacing(out) as temporary:
            onnx.save(self.model, temporary)


def _batch_first(f: Any, _: int, T: int, x: Any, pruned: PrunedGraph) -> Any:
    """An output (n, q), (n, T, q) or (T, n, q) with the sequences first."""
    n = x.shape[1] if pruned.form.time_major else x.shape[0]
    if f.ndim == 3 and f.shape[0] == T and f.shape[1] == n and (n != T or pruned.form.time_major):
        return f.swapaxes(0, 1)
    return f


def _moments(
    model: Any, found: list[Recurrence], fed: Any, held: Sequences
) -> list[list[tuple[Array, Array | None]]]:
    """Return by layer and direction the second moments of h, and of r * h where they are needed."""
    onnx, _ = _libraries()
    watched = _copy(model)
    names = []
    for number, one in enumerate(recurrences(watched)):
        if not one.node.output[0]:
            one.node.output[0] = f"states_of_layer_{number}"
        names.append((one.node.output[0], one.node.input[0]))
    wanted = list(dict.fromkeys(n for pair in names for n in pair))
    graph_inputs = {i.name for i in watched.graph.input}
    known = {o.name for o in watched.graph.output} | graph_inputs
    for name in wanted:
        if name not in known:
            watched.graph.output.append(onnx.ValueInfoProto(name=name))
    session = _session(watched)
    sums: list[list[Any]] = [[[0.0, 0.0] for _ in range(one.directions)] for one in found]
    count = 0
    asked = [name for name in wanted if name not in graph_inputs]
    for start in range(0, len(held.x), _BATCH):
        x = fed(held.x[start : start + _BATCH])
        values = dict(zip(asked, session.run(asked, {session.get_inputs()[0].name: x})))
        values |= dict.fromkeys(graph_inputs, x)
        for number, (one, (y, below)) in enumerate(zip(found, names, strict=True)):
            h = np.asarray(values[y], np.float64)  # (T, directions, n, m)
            for side in range(one.directions):
                flat = h[:, side].reshape(-1, one.m)
                sums[number][side][0] = sums[number][side][0] + flat.T @ flat
                if one.kind == "GRU" and not one.linear_before_reset:
                    product = _reset_product(one, side, np.asarray(values[below], np.float64))
                    sums[number][side][1] = sums[number][side][1] + product.T @ product
            if number == 0:
                count += h.shape[0] * h.shape[2]
    return [
        [(S / count, R / count if isinstance(R, np.ndarray) else None) for S, R in layer]
        for layer in sums
    ]


def _reset_product(one: Recurrence, side: int, x: Array) -> Array:
    """R * h along the run of one direction, from h_0 = 0, (steps, m); ONNX's gates are z, r, h."""
    m = one.m
    order = np.concatenate([np.arange(m, 2 * m), np.arange(m), np.arange(2 * m, 3 * m)])
    B = np.zeros(6 * m) if one.B is None else one.B[side]
    cell = GRU(
        one.W[side][order],
        one.R[side][order],
        B[: 3 * m][order],
        B[3 * m :][order],
        reset_after=False,
    )
    run = cell.run(x[::-1].copy() if _reversed(one, side) else x)
    return (run.r * run.before).reshape(-1, m)


def _reversed(one: Recurrence, side: int) -> bool:
    direction = next((a.s.decode() for a in one.node.attribute if a.name == "direction"), "forward")
    return side == 1 or direction == "reverse"


def _fold_target(model: Any, one: Recurrence) -> tuple[Any, int, Array] | None:
    """The one linear layer that reads the state, whichever output carries it."""
    used = [name for name in one.node.output[:2] if name and consumers(model, name)]
    return linear_reader(model, used[0], one.m) if len(used) == 1 else None


def _check_outputs(model: Any, one: Recurrence) -> None:
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


def _replace(
    model: Any,
    one: Recurrence,
    chosen: list[Chosen],
    reader: tuple[Any, int, Array] | None,
    number: int,
) -> None:
    """Put the pruned weights into a recurrent node, and A behind it or into its reader."""
    onnx, _ = _libraries()
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
            name = _add(model, f"pruned_{number}_{place}", np.stack(value).astype(dtype))
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
        target.input[place] = _add(model, f"read_{number}", value.astype(dtype))
        _forget_shapes(model)
        return
    A = np.stack([kept.A.T for kept in chosen]).astype(dtype)  # (directions, k, m)
    name = _add(model, f"reconstruction_{number}", A)
    for place in (1, 0):
        if len(node.output) > place and node.output[place]:
            whole = node.output[place]
            node.output[place] = f"{whole}_kept_{number}"
            product = onnx.helper.make_node("MatMul", [node.output[place], name], [whole])
            model.graph.node.insert(at + 1, product)
    _forget_shapes(model)


def _gather_start(
    model: Any, node: Any, place: int, chosen: list[Chosen], at: int, number: int
) -> int:
    """Keep the kept coordinates of an initial state (directions, n, m)."""
    onnx, _ = _libraries()
    if len(chosen) == 2 and not np.array_equal(chosen[0].nodes, chosen[1].nodes):
        index = np.stack([kept.nodes for kept in chosen])[:, None, :]
        raise ValueError(
            "an initial state of a bidirectional layer is not supported, "
            f"got one beside {index.shape[-1]} nodes a direction"
        )
    name = _add(model, f"kept_{number}_{place}", chosen[0].nodes.astype(np.int64))
    out = f"start_{number}_{place}"
    gather = onnx.helper.make_node("Gather", [node.input[place], name], [out], axis=2)
    model.graph.node.insert(at, gather)
    node.input[place] = out
    return 1


def _add(model: Any, name: str, value: Any) -> str:
    from onnx import numpy_helper

    model.graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
    return name


def _forget_shapes(model: Any) -> None:
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


def _parameters(model: Any) -> int:
    return sum(
        value.size for value in constants(model).values() if np.asarray(value).dtype.kind == "f"
    )


def _phrase(layers: list[tuple[str, int, int]]) -> str:
    names = [f"{kind}{' both ways' if sides == 2 else ''} of {m}" for kind, sides, m in layers]
    return "ONNX graph with " + ", ".join(names) + " nodes"


def _copy(model: Any) -> Any:
    onnx, _ = _libraries()
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    return copy


def _session(model: Any) -> Any:
    _, runtime = _libraries()
    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return runtime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:
        reason = str(error).strip().split("\n")[0]
        raise ValueError(f"onnxruntime refuses the graph: {reason}") from None


def _run(session: Any, x: Any) -> Any:
    try:
        return session.run(None, {session.get_inputs()[0].name: x})
    except Exception as error:
        reason = str(error).strip().split("\n")[0]
        raise ValueError(f"the graph does not accept x of shape {x.shape}: {reason}") from None


def _check_external(path: Path, onnx: Any) -> None:
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


def _libraries() -> tuple[Any, Any]:
    try:
        import onnx
        import onnxruntime
    except ImportError:
        raise ValueError(
            "ONNX files need onnx and onnxruntime, which are not installed: "
            "pip install 'rnnbounds[onnx]'"
        ) from None
    return onnx, onnxruntime
