"""The recurrent layers of a Keras model as a chain, and back into a clone of the model."""

from __future__ import annotations

from typing import Any

import numpy as np

from pruning.stack import Stack
from validation.porting.chains import Chain, SmallChain, alike
from validation.porting.keras_layers import (
    KerasLayer,
    cell_weights,
    flat_layers,
    predicted,
    smaller,
)

_ADVICE = "leave --objective and --refit away, or take a state_dict of torch"


def chain_of(keras: Any, model: Any, found: list[KerasLayer], readers: list[Any], x: Any) -> Chain:
    """Return the recurrent layers as a chain.

    Parameters
    ----------
    keras : module
    model : keras Model
    found : list of KerasLayer
        From the input upwards.
    readers : list of layers or None
        What reads each of them, where it is one Dense or recurrent layer.
    x : (n, T, ...) array

    Raises
    ------
    ValueError
        If they are no chain, or a layer does not run as its cell does.
    """
    for number, (one, reader) in enumerate(zip(found[:-1], readers)):
        if reader is not found[number + 1].layer:
            raise ValueError(
                f"{found[number + 1].layer.name} must read the states of {one.layer.name} and "
                f"nothing else may: {_ADVICE}"
            )
    watched = keras.Model(
        model.inputs, [one.layer.input for one in found] + [found[-1].layer.output]
    )
    batch, fronts, first = 256, [], None
    for start in range(0, len(x), batch):
        values = predicted(watched, x[start : start + batch])
        fronts.append(np.asarray(values[0], np.float64))
        first = values if first is None else first
    assert first is not None
    layers = tuple(one.cells for one in found)
    width = sum(cell.m for cell in layers[-1])
    states = Stack(layers, np.zeros((1, width)), np.zeros(1)).layer_states(fronts[0])
    every = bool(found[-1].sides[0].return_sequences)
    if not every:
        m = found[-1].m
        top = states[-1]
        states[-1] = np.concatenate([top[:, -1, :m], top[:, 0, m:]], axis=1)
    for one, seen, ours in zip(found, first[1:], states, strict=True):
        if not alike(np.asarray(seen, np.float64), ours):
            raise ValueError(
                f"{one.layer.name} has a setting that gradients here do not know, or something "
                f"between it and the next layer: {_ADVICE}"
            )
    rows = bias = None
    if readers[-1] is not None:
        weights = [np.asarray(w, np.float64) for w in readers[-1].get_weights()]
        rows = weights[0].T
        bias = weights[1] if len(weights) > 1 else None
    reads = "every" if every else "last"
    return Chain(layers, np.concatenate(fronts), rows, bias, reads)


def with_chain(
    keras: Any, model: Any, found: list[KerasLayer], target: Any, small: SmallChain
) -> Any:
    """Return a clone of the model with a pruned chain in it."""
    cells = {one.layer.name: row for one, row in zip(found, small.layers, strict=True)}
    top = found[-1].layer.name

    def clone(layer: Any) -> Any:
        if layer.name in cells:
            own = smaller(layer, cells[layer.name][0].m, biased=True)
            if layer.name != top or target is not None:
                return own
            rebuild = keras.layers.Dense(len(small.rows), name=f"{top}_rebuilt")
            return keras.Sequential([own, rebuild], name=f"{top}_with_rebuilt")
        config = layer.get_config()
        if layer is target:
            config["use_bias"] = True
        return type(layer).from_config(config)

    result = keras.models.clone_model(model, clone_function=clone)
    after = {layer.name: layer for layer in flat_layers(result)}
    for layer in flat_layers(model):
        if layer.name in cells:
            row = cells[layer.name]
            weights = [w for cell in row for w in cell_weights(cell)]
            after[layer.name].set_weights(weights)
        elif layer is target:
            after[layer.name].set_weights([small.rows.T, small.bias])
        else:
            after[layer.name].set_weights(layer.get_weights())
    if target is None:
        after[f"{top}_rebuilt"].set_weights([small.rows.T, small.bias])
    return result
