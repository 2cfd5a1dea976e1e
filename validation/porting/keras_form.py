"""Keras 3 models (``.keras``) with SimpleRNN, GRU, LSTM and Bidirectional layers.

The model is cloned layer by layer. A pruned layer whose state is read by one Dense or recurrent
layer has A folded into it; otherwise it becomes a Sequential of itself and a Dense that rebuilds
the state, so that whatever reads it is carried along untouched.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pruning.checks import Array
from validation.porting.chains import Chain, prune_chain, wanted
from validation.porting.keras_chain import chain_of, with_chain
from validation.porting.keras_layers import (
    KerasLayer,
    flat_layers,
    predicted,
    reader_of,
    recurrent,
    small_weights,
    smaller,
)
from validation.porting.measures import seconds
from validation.porting.selecting import Chosen, choose, layer_sizes
from validation.porting.sequences import Sequences, check_numbers

_BATCH = 256


class KerasForm:
    """A Keras model in a file.

    Parameters
    ----------
    path : path
        Loaded in Keras's safe mode: nothing in it is executed.
    """

    def __init__(self, path: Path) -> None:
        keras = _keras()
        if not path.is_file():
            raise ValueError(f"{path} must be a file, got nothing")
        try:
            self.model = keras.saving.load_model(str(path), compile=False, safe_mode=True)
        except Exception as error:
            reason = str(error).strip().split("\n")[0] or type(error).__name__
            raise ValueError(f"{path} is not a Keras model that can be read: {reason}") from None
        try:
            self.found = _layers(self.model)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None

    @property
    def words(self) -> str:
        """The network in a phrase."""
        return _phrase(self.found)

    def check(self, held: Sequences, out: Path) -> None:
        """The width of the data, and the name of the output."""
        if out.suffix.lower() != ".keras":
            raise ValueError(f"the output file must end in .keras, got {out.name!r}")
        check_numbers(held)
        if held.lengths is not None:
            raise ValueError("lengths are not supported for Keras models, which read whole arrays")
        shape = self.model.input_shape
        if isinstance(shape, list):
            raise ValueError(f"the model must have one input, the sequences, got {len(shape)}")
        if len(self.model.outputs) != 1:
            raise ValueError(f"the model must have one output, got {len(self.model.outputs)}")
        if len(shape) != held.x.ndim:
            raise ValueError(f"the model reads {shape}, but x has the shape {held.x.shape}")
        if len(shape) == 3 and held.x.shape[2] != shape[2]:
            raise ValueError(
                f"x has {held.x.shape[2]} numbers a step, but the network reads {shape[2]}"
            )

    def prune(self, held: Sequences, settings: Any) -> PrunedKeras:
        """Prune every recurrent layer."""
        if wanted(settings):
            return self._prune_chain(held, settings)
        moments = _moments(self.model, self.found, held)
        rng = np.random.default_rng(settings.seed)
        readers = [reader_of(one.layer) for one in self.found]
        read = [None if target is None else _reading_rows(target) for target in readers]
        sizes = layer_sizes(
            settings,
            [
                [
                    (moments[number][side][0], cell.w_hidden, _part(read[number], side, one.m))
                    for side, cell in enumerate(one.cells)
                ]
                for number, one in enumerate(self.found)
            ],
        )
        chosen, targets, losses = {}, {}, []
        for number, one in enumerate(self.found):
            target = readers[number]
            name = f"k of layer {number}" if len(self.found) > 1 else "k"
            kept = []
            for side, cell in enumerate(one.cells):
                own = _part(read[number], side, one.m)
                S, S_reset = moments[number][side]
                kept.append(
                    choose(name, S, cell.w_hidden, own, sizes[number], settings, rng, S_reset)
                )
            chosen[one.layer.name], targets[one.layer.name] = kept, target
            losses.append(float(np.mean([side.lost for side in kept])))
        small = _cloned(self.model, self.found, chosen, targets)
        nodes = [[side.nodes.tolist() for side in chosen[one.layer.name]] for one in self.found]
        return PrunedKeras(self.model, small, nodes, losses, [])

    def chain(self, x: Any) -> Chain:
        """The recurrent layers as a chain, and what the first of them reads of x."""
        readers = [reader_of(one.layer) for one in self.found]
        return chain_of(_keras(), self.model, self.found, readers, x)

    def _prune_chain(self, held: Sequences, settings: Any) -> PrunedKeras:
        """Prune the recurrent layers as a stack, whose gradients are known."""
        readers = [reader_of(one.layer) for one in self.found]
        small = prune_chain(self.chain(held.x), settings)
        model = with_chain(_keras(), self.model, self.found, readers[-1], small)
        return PrunedKeras(self.model, model, small.nodes, small.losses, small.tried)


def _part(rows: Any, side: int, m: int) -> Any:
    """The columns of what reads both directions that belong to one."""
    return None if rows is None else rows[:, side * m : (side + 1) * m]


@dataclass(frozen=True, eq=False)
class PrunedKeras:
    """A pruned model beside the whole one."""

    whole: Any
    small: Any
    nodes: list[list[list[int]]]
    losses: list[float]
    tried: list[dict[str, Any]]

    @property
    def words(self) -> str:
        """The pruned network in a phrase."""
        return _phrase(_layers(self.small))

    @property
    def parameters(self) -> tuple[int, int]:
        """Weights before and after."""
        return self.whole.count_params(), self.small.count_params()

    def outputs(self, held: Sequences) -> tuple[Any, Any]:
        """What both models give."""
        before, after = (
            np.asarray(predicted(model, held.x_eval)) for model in (self.whole, self.small)
        )
        return before, after

    def latency(self, held: Sequences) -> tuple[float, float, str]:
        """Of both whole models on one sequence."""
        keras = _keras()
        one = keras.ops.convert_to_tensor(np.asarray(held.x_eval[:1]))
        before, after = (
            seconds(lambda m=model: m(one, training=False))  # type: ignore[misc]
            for model in (self.whole, self.small)
        )
        return before, after, f"Keras on {keras.backend.backend()}"

    def write(self, out: Path) -> None:
        """Write the model."""
        # Keras looks at the suffix, so that the temporary file is one in a folder beside `out`.
        with tempfile.TemporaryDirectory(dir=out.resolve().parent, prefix=".keras-") as folder:
            temporary = Path(folder) / out.name
            self.small.save(str(temporary))
            os.replace(temporary, out)


def _layers(model: Any) -> list[KerasLayer]:
    found = []
    for layer in flat_layers(model):
        if type(layer).__name__ == "Masking" or getattr(layer, "mask_zero", False):
            raise ValueError(f"{layer.name} masks steps, which is not supported")
        one = recurrent(layer)
        if one is not None:
            found.append(one)
    if not found:
        raise ValueError("the model must hold a SimpleRNN, GRU or LSTM layer, got none")
    return found


def _moments(
    model: Any, found: list[KerasLayer], held: Sequences
) -> list[list[tuple[Array, Array | None]]]:
    """Second moments of h, and of r * h where they are needed, by layer and direction."""
    keras = _keras()
    watched = keras.Model(model.inputs, [one.layer.input for one in found])
    sums: list[list[list[Any]]] = [[[0.0, None] for _ in one.cells] for one in found]
    steps = [0] * len(found)
    for start in range(0, len(held.x), _BATCH):
        values = predicted(watched, held.x[start : start + _BATCH])
        values = values if isinstance(values, list | tuple) else [values]
        for number, (one, below) in enumerate(zip(found, values, strict=True)):
            x = np.asarray(below, np.float64).transpose(1, 0, 2)
            steps[number] += x.shape[0] * x.shape[1]
            for side, cell in enumerate(one.cells):
                run: Any = cell.run(x[::-1].copy() if side else x)
                flat = run.h.reshape(-1, cell.m)
                sums[number][side][0] = sums[number][side][0] + flat.T @ flat
                if getattr(cell, "reset_after", True) is False:
                    product = (run.r * run.before).reshape(-1, cell.m)
                    held_sum = sums[number][side][1]
                    added = product.T @ product
                    sums[number][side][1] = added if held_sum is None else held_sum + added
    return [
        [(S / count, None if R is None else R / count) for S, R in layer]
        for layer, count in zip(sums, steps, strict=True)
    ]


def _reading_rows(target: Any) -> Array:
    """What a Dense or a recurrent layer multiplies its input by, (rows, width)."""
    if type(target).__name__ == "Dense":
        return np.asarray(target.get_weights()[0], np.float64).T
    one = recurrent(target)
    assert one is not None
    return np.vstack([cell.w_input for cell in one.cells])


def _joint(kept: list[Chosen]) -> Array:
    """A of both directions side by side: block diagonal, since each is rebuilt from its own."""
    from scipy.linalg import block_diag

    return np.asarray(block_diag(*[side.A for side in kept]))


def _cloned(
    model: Any,
    found: list[KerasLayer],
    chosen: dict[str, list[Chosen]],
    targets: dict[str, Any],
) -> Any:
    keras = _keras()
    by_name = {one.layer.name: one for one in found}
    lifts = {
        target.name: _joint(chosen[name]) for name, target in targets.items() if target is not None
    }

    def clone(layer: Any) -> Any:
        one = by_name.get(layer.name)
        if one is None:
            return type(layer).from_config(layer.get_config())
        kept = chosen[layer.name]
        small = smaller(layer, len(kept[0].nodes))
        if targets[layer.name] is not None:
            return small
        width = sum(len(side.A) for side in kept)
        rebuild = keras.layers.Dense(width, use_bias=False, name=f"{layer.name}_rebuilt")
        return keras.Sequential([small, rebuild], name=f"{layer.name}_with_rebuilt")

    small = keras.models.clone_model(model, clone_function=clone)
    after = {layer.name: layer for layer in flat_layers(small)}
    for layer in flat_layers(model):
        mine = after[layer.name]
        one = by_name.get(layer.name)
        lift = lifts.get(layer.name)
        if one is not None:
            kept = chosen[layer.name]
            weights = [
                w
                for side, cell, part in zip(one.sides, one.cells, kept, strict=True)
                for w in small_weights(side, cell, part, lift)
            ]
            mine.set_weights(weights)
            if targets[layer.name] is None:
                after[f"{layer.name}_rebuilt"].set_weights([_joint(kept).T])
        elif lift is not None:
            old = layer.get_weights()
            mine.set_weights([lift.T @ np.asarray(old[0], np.float64), *old[1:]])
        else:
            mine.set_weights(layer.get_weights())
    return small


def _phrase(found: list[KerasLayer]) -> str:
    names = [f"{one.kind}{' both ways' if len(one.cells) == 2 else ''} of {one.m}" for one in found]
    return "Keras model with " + ", ".join(names) + " nodes"


def _keras() -> Any:
    # Keras takes its backend from here when it is first imported; torch is ours, others' stay.
    os.environ.setdefault("KERAS_BACKEND", "torch")
    try:
        import keras
    except ImportError:
        raise ValueError(
            "Keras files need keras and torch, which are not installed: "
            "pip install 'rnnbounds[keras]'"
        ) from None
    return keras
