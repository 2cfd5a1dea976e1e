"""A stack of recurrent layers in torch's names, read from a state_dict and put back.

What stands in the file beside the recurrence and what reads it is carried along untouched, where
it is certain that it neither reads nor writes the pruned state. Where the file alone does not
tell, it is refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pruning.activations import Activation
from pruning.cells.gru import GRU
from pruning.cells.lstm import LSTM
from pruning.cells.plain import Plain
from pruning.checkpoints.tensors import Tensors, cleaned
from pruning.checks import Array
from pruning.stack import Stack, StackCell

_KINDS = {1: "plain", 3: "gru", 4: "lstm"}
_LAYER = re.compile(r"^(?P<head>.*?)weight_ih(?:_l(?P<layer>\d+)(?P<reverse>_reverse)?)?$")


@dataclass(frozen=True, eq=False)
class TorchNetwork:
    """A state_dict with one recurrent network in it.

    Attributes
    ----------
    stack : Stack
        The network, an embedding in front included.
    before : (weight, bias) or None
        A linear layer in front of the recurrence, which is carried along.
    tensors : Tensors
        All that the file held.
    cells : tuple of tuples of str
        The names up to ``weight_ih`` and what follows it, by layer and direction.
    linear : str
        Name of the layer that reads the states out, without ``.weight``.
    """

    stack: Stack
    tensors: Tensors
    cells: tuple[tuple[tuple[str, str], ...], ...]
    linear: str

    @property
    def kind(self) -> str:
        """The cell: plain, gru or lstm."""
        return self.stack.layers[0][0].kind

    def replaced(self, pruned: Stack) -> dict[str, Array]:
        """Return the file's tensors with those of a pruned stack in their places, in float64.

        Both biases of torch are kept; masks and parametrisations stay folded in. A bias that the
        file does not hold is added where a refit has made it other than 0; see `new_biases`.
        """
        arrays = dict(self.tensors.arrays)
        values, added = self._values(pruned)
        for name, value in values.items():
            if name in arrays or name in added:
                arrays[name] = value
        prefix = self.tensors.prefix
        return {prefix + name: value for name, value in arrays.items()}

    def new_biases(self, pruned: Stack) -> list[str]:
        """Names of the biases that `replaced` adds."""
        return [self.tensors.prefix + name for name in self._values(pruned)[1]]

    def dtype(self, name: str) -> str:
        """The precision that a tensor of `replaced` has in the file."""
        held = self.tensors.dtypes
        own = name.removeprefix(self.tensors.prefix)
        return held[own] if own in held else held[self.linear + ".weight"]

    def _values(self, pruned: Stack) -> tuple[dict[str, Array], list[str]]:
        """The weights of a pruned stack by name, and the biases for which there was no place."""
        found: dict[str, Array] = {}
        needed = []
        for names, cells in zip(self.cells, pruned.layers, strict=True):
            for (head, tail), cell in zip(names, cells, strict=True):
                biases = {
                    f"{head}bias_ih{tail}": cell.b_input,
                    f"{head}bias_hh{tail}": cell.b_hidden,
                }
                found |= {
                    f"{head}weight_ih{tail}": cell.w_input,
                    f"{head}weight_hh{tail}": cell.w_hidden,
                    **biases,
                }
                if any(value.any() for value in biases.values()):
                    needed += list(biases)  # torch has both or none
        found[self.linear + ".weight"] = pruned.w_output
        found[self.linear + ".bias"] = pruned.b_output
        if pruned.b_output.any():
            needed.append(self.linear + ".bias")
        return found, [name for name in needed if name not in self.tensors.arrays]


def torch_network(
    state_dict: Mapping[str, Any] | Tensors, activation: str | Activation = "tanh"
) -> TorchNetwork:
    """Return the recurrent network that a state_dict holds.

    Parameters
    ----------
    state_dict : mapping or Tensors
        Of a module with ``nn.RNN``, ``nn.GRU`` or ``nn.LSTM`` of any number of layers and both
        directions (or their cells), an embedding in front or not, and one ``nn.Linear`` behind.
    activation : str
        Of a plain RNN; a state_dict does not tell it.

    Raises
    ------
    ValueError
        If there is no such network in it, or something beside it whose place the names do not
        tell: a second linear layer, a LayerNorm.
    """
    tensors = state_dict if isinstance(state_dict, Tensors) else cleaned(state_dict)
    arrays = tensors.arrays
    layers = _layers(arrays)
    if not layers:
        raise ValueError(
            "the state_dict must hold a recurrent network, with a key that ends in weight_ih_l0 "
            f"or weight_ih, got {', '.join(list(arrays)[:6])}"
        )
    projected = [name for name in arrays if "weight_hr_l" in name]
    if projected:
        raise ValueError(f"an LSTM with projections is not supported, got {projected[0]}")
    cells: list[tuple[StackCell, ...]] = []
    own: set[str] = set()
    for names in layers:
        row = []
        for head, tail in names:
            cell, used = _cell(arrays, head, tail, activation)
            row.append(cell)
            own |= used
        cells.append(tuple(row))
    _one_kind(cells)
    width = sum(cell.m for cell in cells[-1])
    others = [name for name in arrays if name not in own]
    embedding = _embedding(arrays, others, cells[0][0].d_x, width, layers[0][0][0])
    if embedding is not None:
        others.remove(embedding)
    linear = _read_out(arrays, others, width)
    for name in [*sorted(own), linear + ".weight", linear + ".bias", embedding]:
        if name is not None and "float" not in tensors.dtypes.get(name, "float"):
            raise ValueError(
                f"{name} must hold floating-point numbers, got {tensors.dtypes[name]}: of a "
                "quantised network save the weights that it stands for"
            )
    bias = arrays.get(linear + ".bias")
    w_output = arrays[linear + ".weight"]
    stack = Stack(
        tuple(cells),
        w_output,
        np.zeros(len(w_output)) if bias is None else bias,
        None if embedding is None else arrays[embedding],
    )
    return TorchNetwork(stack, tensors, tuple(tuple(row) for row in layers), linear)


def _layers(arrays: Mapping[str, Array]) -> list[list[tuple[str, str]]]:
    """Return (head, tail) of the names of each cell, by layer and direction."""
    found: dict[tuple[str, int], dict[bool, tuple[str, str]]] = {}
    for name in arrays:
        match = _LAYER.match(name)
        if not match:
            continue
        layer = match["layer"]
        head, reverse = match["head"], bool(match["reverse"])
        tail = "" if layer is None else f"_l{layer}{match['reverse'] or ''}"
        found.setdefault((head, int(layer or 0)), {})[reverse] = (head, tail)
    heads = list(dict.fromkeys(head for head, _ in found))
    ordered = []
    for head in heads:
        numbers = sorted(number for other, number in found if other == head)
        if numbers != list(range(len(numbers))):
            raise ValueError(f"{head}weight_ih must have its layers from 0 on, got {numbers}")
        for number in numbers:
            sides = found[head, number]
            if False not in sides:
                raise ValueError(f"{head}weight_ih_l{number} is missing beside its reverse")
            ordered.append([sides[key] for key in (False, True) if key in sides])
    return ordered


def _cell(
    arrays: Mapping[str, Array], head: str, tail: str, activation: str | Activation
) -> tuple[StackCell, set[str]]:
    names = [f"{head}{part}{tail}" for part in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
    if names[1] not in arrays:
        raise ValueError(f"state_dict must hold {names[1]}, got no such key")
    w_input, w_hidden = arrays[names[0]], arrays[names[1]]
    if w_hidden.ndim != 2 or w_input.ndim != 2 or w_hidden.shape[1] == 0:
        raise ValueError(f"{names[1]} must be a matrix, got shape {w_hidden.shape}")
    rows, m = w_hidden.shape
    kind = _KINDS.get(rows // m if rows % m == 0 else 0)
    if kind is None:
        raise ValueError(
            f"{names[1]} must have 1, 3 or 4 times as many rows as columns (RNN, GRU, LSTM), "
            f"got {rows} x {m}"
        )
    if len(w_input) != rows:
        raise ValueError(
            f"{names[0]} and {names[1]} must have as many rows, got {len(w_input)} and {rows}: "
            "weights of two kinds of cell?"
        )
    if (names[2] in arrays) != (names[3] in arrays):
        there, missing = names[2:] if names[2] in arrays else names[:1:-1]
        raise ValueError(f"{there} must come with {missing}, got no such key")
    biases = [arrays.get(name, np.zeros(rows)) for name in names[2:]]
    for name, bias in zip(names[2:], biases, strict=True):
        if bias.shape != (rows,):
            raise ValueError(f"{name} must have shape ({rows},), got {bias.shape}")
    used = {name for name in names if name in arrays}
    b_input, b_hidden = biases
    if kind == "plain":
        return Plain(w_input, w_hidden, b_input, b_hidden, activation), used  # type: ignore[arg-type]
    cell = GRU if kind == "gru" else LSTM
    return cell(w_input, w_hidden, b_input, b_hidden), used


def _one_kind(layers: list[tuple[StackCell, ...]]) -> None:
    kinds = sorted({cell.kind for layer in layers for cell in layer})
    if len(kinds) > 1:
        raise ValueError(f"the layers must be of one kind of cell, got {' and '.join(kinds)}")
    width = None
    for number, layer in enumerate(layers):
        d_x = {cell.d_x for cell in layer}
        if len(d_x) > 1 or (width is not None and d_x != {width}):
            raise ValueError(
                f"recurrent layer {number} reads {sorted(d_x)} inputs, but the one below gives "
                f"{width}: in which order they stand is not certain"
            )
        width = sum(cell.m for cell in layer)


def _embedding(
    arrays: Mapping[str, Array], others: list[str], d_x: int, width: int, head: str
) -> str | None:
    """The one matrix without a bias in front whose rows are the inputs."""
    found = []
    for name in others:
        value = arrays[name]
        lone = name.endswith("weight") and name[:-6] + "bias" not in arrays and value.ndim == 2
        if lone and value.shape[1] == d_x and re.search(r"emb|wte|lookup|encoder\.weight", name):
            found.append(name)
    return found[0] if len(found) == 1 else None


def _read_out(arrays: Mapping[str, Array], others: list[str], width: int) -> str:
    matrices = [name for name in others if name.endswith(".weight") and arrays[name].ndim == 2]
    modules = {name.rsplit(".", 1)[0] if "." in name else name for name in others}
    if len(matrices) != 1 or len(modules) != 1:
        raise ValueError(
            "beside the recurrence and an embedding the state_dict must hold one nn.Linear that "
            f"reads it, got {', '.join(sorted(modules)) or 'nothing'}: the names do not tell what "
            "reads the state; prune the module itself (prune_module) or its ONNX export"
        )
    if arrays[matrices[0]].shape[1] != width:
        raise ValueError(
            f"{matrices[0]} reads {arrays[matrices[0]].shape[1]} numbers, but the recurrence gives "
            f"{width}"
        )
    return matrices[0][: -len(".weight")]
