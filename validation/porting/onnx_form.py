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
from validation.porting.chains import Chain, prune_chain, wanted
from validation.porting.measures import seconds
from validation.porting.onnx_chain import chain_of, put
from validation.porting.onnx_editing import (
    check_external,
    check_outputs,
    copied,
    count_parameters,
    fold_target,
    libraries,
    replace_recurrence,
    run_session,
    session_of,
)
from validation.porting.onnx_graph import (
    Recurrence,
    recurrences,
)
from validation.porting.selecting import choose, layer_sizes
from validation.porting.sequences import Sequences, check_numbers

_BATCH = 256


class OnnxForm:
    """An ONNX file.

    Parameters
    ----------
    path : path
        Its external data, if any, must lie in its own folder.
    """

    def __init__(self, path: Path) -> None:
        onnx, _ = libraries()
        if not path.is_file():
            raise ValueError(f"{path} must be a file, got nothing")
        check_external(path, onnx)
        try:
            self.model = onnx.load(str(path))
            onnx.checker.check_model(self.model)
        except Exception as error:
            reason = str(error).strip().split("\n")[0] or type(error).__name__
            raise ValueError(f"{path} is not a readable ONNX model: {reason}") from None
        try:
            self.found = recurrences(self.model)
            for one in self.found:
                check_outputs(self.model, one)
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
        check_numbers(held)
        if held.lengths is not None:
            raise ValueError("lengths are not supported for ONNX graphs, which read whole arrays")
        shape = [d.dim_value for d in self.inputs[0].type.tensor_type.shape.dim]
        if len(shape) == 3 and shape[2] > 0 and held.x.shape[-1] != shape[2]:
            raise ValueError(
                f"x has {held.x.shape[-1]} numbers a step, but the network reads {shape[2]}"
            )

    def prune(self, held: Sequences, settings: Any) -> PrunedGraph:
        """Prune every recurrent node."""
        if wanted(settings):
            return self._prune_chain(held, settings)
        moments = _moments(self.model, self.found, self._fed, held)
        rng = np.random.default_rng(settings.seed)
        model = copied(self.model)
        sizes = layer_sizes(
            settings,
            [
                [
                    (moments[number][side][0], one.R[side], _outside(model, one))
                    for side in range(one.directions)
                ]
                for number, one in enumerate(recurrences(model))
            ],
        )
        nodes, losses = [], []
        for number, one in enumerate(recurrences(model)):
            name = f"k of layer {number}" if len(self.found) > 1 else "k"
            reader = fold_target(model, one) if one.directions == 1 else None
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
            replace_recurrence(model, one, chosen, reader, number)
            nodes.append([side.nodes.tolist() for side in chosen])
            losses.append(float(np.mean([side.lost for side in chosen])))
        onnx, _ = libraries()
        onnx.checker.check_model(model)
        return PrunedGraph(self, model, nodes, losses, [])

    def chain(self, x: Any) -> Chain:
        """The recurrent nodes as a chain, and what the first of them reads of x."""
        starts = range(0, len(x), _BATCH)
        batches = [self._fed(x[start : start + _BATCH]) for start in starts]
        return chain_of(self.model, self.found, batches)

    def _prune_chain(self, held: Sequences, settings: Any) -> PrunedGraph:
        """Prune the recurrent nodes as a stack, whose gradients are known."""
        small = prune_chain(self.chain(held.x), settings, apart=True)
        model = copied(self.model)
        put(model, small)
        onnx, _ = libraries()
        onnx.checker.check_model(model)
        return PrunedGraph(self, model, small.nodes, small.losses, small.tried)

    def _fed(self, x: Any, model: Any = None) -> Any:
        """Return x as the graph wants it: its dtype, and time first where the graph says so."""
        kind = self.inputs[0].type.tensor_type.elem_type
        onnx, _ = libraries()
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


def _outside(model: Any, one: Any) -> Any:
    """The rows that read the states of a recurrent node linearly; None where they are not known."""
    reader = fold_target(model, one) if one.directions == 1 else None
    return None if reader is None else reader[2]


@dataclass(frozen=True, eq=False)
class PrunedGraph:
    """A pruned graph beside the whole one."""

    form: OnnxForm
    model: Any
    nodes: list[list[list[int]]]
    losses: list[float]
    tried: list[dict[str, Any]]

    @property
    def words(self) -> str:
        """The pruned network in a phrase."""
        return _phrase([(one.kind, one.directions, one.m) for one in recurrences(self.model)])

    @property
    def parameters(self) -> tuple[int, int]:
        """Floating-point constants before and after."""
        return count_parameters(self.form.model), count_parameters(self.model)

    def outputs(self, held: Sequences) -> tuple[Any, Any]:
        """What onnxruntime gives for both graphs: their first output."""
        n, T = held.x_eval.shape[:2]
        both = []
        for model in (self.form.model, self.model):
            session = session_of(model)
            parts = []
            for start in range(0, n, _BATCH):
                x = self.form._fed(held.x_eval[start : start + _BATCH])
                parts.append(
                    _batch_first(run_session(session, x)[0], len(x.swapaxes(0, 1)), T, x, self)
                )
            both.append(np.concatenate(parts))
        return both[0], both[1]

    def latency(self, held: Sequences) -> tuple[float, float, str]:
        """Of both whole graphs on one sequence, one thread."""
        x = self.form._fed(held.x_eval[:1])
        sessions = [session_of(model) for model in (self.form.model, self.model)]
        before, after = (seconds(lambda s=s: run_session(s, x)) for s in sessions)  # type: ignore[misc]
        return before, after, "onnxruntime"

    def write(self, out: Path) -> None:
        """Write the graph."""
        from pruning.storage import replacing

        onnx, _ = libraries()
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
    onnx, _ = libraries()
    watched = copied(model)
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
    session = session_of(watched)
    sums: list[list[Any]] = [[[0.0, 0.0] for _ in range(one.directions)] for one in found]
    count = 0
    asked = [name for name in wanted if name not in graph_inputs]
    for start in range(0, len(held.x), _BATCH):
        x = fed(held.x[start : start + _BATCH])
        values = dict(zip(asked, run_session(session, x, asked)))
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


def _phrase(layers: list[tuple[str, int, int]]) -> str:
    names = [f"{kind}{' both ways' if sides == 2 else ''} of {m}" for kind, sides, m in layers]
    return "ONNX graph with " + ", ".join(names) + " nodes"
