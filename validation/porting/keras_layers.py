"""Recurrent layers of Keras 3 as cells, and back."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from pruning.cells.gru import GRU
from pruning.cells.lstm import LSTM
from pruning.cells.plain import Plain
from pruning.checks import Array
from validation.porting.selecting import Chosen

_HANDS_ON = ("Dropout", "SpatialDropout1D", "GaussianNoise", "GaussianDropout", "Identity")
KINDS = {"SimpleRNN": 1, "GRU": 3, "LSTM": 4}
# Keras's order of the gates, as places in torch's order.
ORDER = {"SimpleRNN": (0,), "GRU": (1, 0, 2), "LSTM": (0, 1, 2, 3)}


@dataclass(frozen=True, eq=False)
class KerasLayer:
    """A recurrent layer with one direction or two.

    Attributes
    ----------
    layer : keras Layer
    sides : tuple of keras RNN layers
        Itself, or the forward and the backward layer of a Bidirectional.
    cells : tuple of cells
    """

    layer: Any
    sides: tuple[Any, ...]
    cells: tuple[GRU | LSTM | Plain, ...]

    @property
    def kind(self) -> str:
        """SimpleRNN, GRU or LSTM."""
        return type(self.sides[0]).__name__

    @property
    def m(self) -> int:
        """Nodes of one direction."""
        return self.cells[0].m


def recurrent(layer: Any) -> KerasLayer | None:
    """Return a recurrent layer read into cells; None for any other layer.

    Raises
    ------
    ValueError
        If it has a setting that pruning does not know.
    """
    both = type(layer).__name__ == "Bidirectional"
    sides = (layer.forward_layer, layer.backward_layer) if both else (layer,)
    if type(sides[0]).__name__ not in KINDS:
        return None
    if both and layer.merge_mode != "concat":
        raise ValueError(
            f"{layer.name} must merge its directions by concat, got {layer.merge_mode!r}"
        )
    for number, side in enumerate(sides):
        wrong = [
            word
            for word, value in (
                ("return_state", getattr(side, "return_state", False)),
                ("stateful", getattr(side, "stateful", False)),
                ("go_backwards", side.go_backwards and not (both and number)),
            )
            if value
        ]
        if wrong:
            raise ValueError(f"{layer.name} has {wrong[0]} set, which is not supported")
    return KerasLayer(layer, sides, tuple(_cell(layer.name, side) for side in sides))


def _cell(name: str, side: Any) -> GRU | LSTM | Plain:
    kind = type(side).__name__
    act = side.activation.__name__
    if kind == "SimpleRNN":
        if act not in ("tanh", "relu", "linear"):
            raise ValueError(f"{name} must have tanh, relu or linear, got {act}")
    elif act != "tanh" or side.recurrent_activation.__name__ != "sigmoid":
        raise ValueError(
            f"{name} must have the activations tanh and sigmoid, got {act} and "
            f"{side.recurrent_activation.__name__}"
        )
    weights = [np.asarray(w, np.float64) for w in side.get_weights()]
    g, m = KINDS[kind], side.units
    w_input, w_hidden = (_turned(w.T, kind) for w in weights[:2])
    zero = np.zeros(g * m)
    b_input, b_hidden = zero, zero
    if side.use_bias:
        bias = weights[2]
        b_input = _turned(bias[0] if bias.ndim == 2 else bias, kind)
        b_hidden = _turned(bias[1], kind) if bias.ndim == 2 else zero
    if kind == "SimpleRNN":
        name_of = {"linear": "identity"}.get(act, act)
        return Plain(w_input, w_hidden, b_input, b_hidden, name_of)
    if kind == "LSTM":
        return LSTM(w_input, w_hidden, b_input, b_hidden)
    return GRU(w_input, w_hidden, b_input, b_hidden, bool(side.reset_after))


def _turned(rows: Array, kind: str) -> Array:
    """Rows gate by gate from Keras's order into torch's, or back: the orders are involutions."""
    blocks = np.split(rows, KINDS[kind])
    return np.concatenate([blocks[place] for place in ORDER[kind]])


def small_weights(side: Any, cell: Any, kept: Chosen, lift: Array | None) -> list[Array]:
    """Return the weights of a pruned direction as Keras holds them.

    Parameters
    ----------
    side : keras RNN layer
        The whole one.
    cell : its cell
    kept : Chosen
    lift : (d, d') array or None
        What the layer below was pruned by.
    """
    w_input = cell.w_input if lift is None else cell.w_input @ lift
    if isinstance(cell, GRU):
        small: Any = cell.restricted(kept.nodes, kept.A, w_input, kept.A_reset)
    else:
        small = cell.restricted(kept.nodes, kept.A, w_input)
    return cell_weights(small, side.use_bias)


def cell_weights(cell: Any, biased: bool = True) -> list[Array]:
    """Return the weights of a cell as the layer of Keras holds them that it stands for."""
    kind = {"plain": "SimpleRNN", "gru": "GRU", "lstm": "LSTM"}[cell.kind]
    weights = [_turned(cell.w_input, kind).T, _turned(cell.w_hidden, kind).T]
    if biased:
        biases = [_turned(cell.b_input, kind), _turned(cell.b_hidden, kind)]
        two = isinstance(cell, GRU) and cell.reset_after
        weights.append(np.stack(biases) if two else biases[0] + biases[1])
    return weights


def flat_layers(model: Any) -> list[Any]:
    """The layers, those of Sequentials inside too."""
    layers = []
    for layer in model.layers:
        layers += flat_layers(layer) if type(layer).__name__ == "Sequential" else [layer]
    return layers


def predicted(model: Any, x: Any) -> Any:
    """Return what a model gives, or one sentence where it does not accept x."""
    x = np.asarray(x)
    try:
        return model.predict(x, batch_size=256, verbose=0)
    except Exception as error:
        lines = [line for line in str(error).split("\n") if line.strip()]
        reason = re.sub(r"\x1b\[[0-9;]*m", "", " ".join(lines[:2])) or type(error).__name__
        raise ValueError(f"the model does not accept x of shape {x.shape}: {reason}") from None


def reader_of(layer: Any) -> Any:
    """Return the one Dense or recurrent layer that reads a layer's output, if it is so."""
    while True:
        # A model that is built again on the same layers adds calls, not readers.
        readers = {id(node.operation): node.operation for node in layer._outbound_nodes}
        if len(readers) != 1:
            return None
        (after,) = readers.values()
        if len(_sources(after)) != 1:
            return None
        kind = type(after).__name__
        if kind in _HANDS_ON:
            layer = after
            continue
        if kind == "Dense" or recurrent(after) is not None:
            return after
        return None


def _sources(layer: Any) -> set[int]:
    """The layers whose outputs a layer reads, over all of its calls."""
    found = set()
    for node in layer._inbound_nodes:
        for tensor in node.input_tensors:
            found.add(id(tensor._keras_history.operation))
    return found


def smaller(layer: Any, k: int, biased: bool = False) -> Any:
    """The same layer with k nodes in each direction, with biases at any rate if `biased`."""
    config = layer.get_config()
    sides = [config]
    if type(layer).__name__ == "Bidirectional":
        inner = [config[name] for name in ("layer", "backward_layer") if name in config]
        for one in inner:
            one.pop("build_config", None)  # of the width that the layer below has had
        sides = [one["config"] for one in inner]
    for side in sides:
        side["units"] = k
        side["use_bias"] = side["use_bias"] or biased
    return type(layer).from_config(config)
