"""The weights of torch's ``nn.RNN`` and ``nn.Linear``, read from a state_dict without torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pruning.checks import Array, real_array

_ENDS = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")


def weights_of(state_dict: Mapping[str, Any]) -> dict[str, Array]:
    """Return the weights of a one-layer ``nn.RNN`` and an ``nn.Linear``, by the names of `RNN`.

    Parameters
    ----------
    state_dict : mapping
        Of a module that holds the two, under whatever attribute names, or the two merged by hand.
        torch keeps two biases in ``nn.RNN``, which are added; ``bias=False`` reads as zeros.

    Raises
    ------
    ValueError
        For an LSTM, a GRU, several layers, two directions, or anything else beside the two.
    """
    if not isinstance(state_dict, Mapping):
        raise ValueError(
            f"state_dict must be a mapping from names to arrays, got {type(state_dict).__name__}"
        )
    keys = [str(key) for key in state_dict]
    heads = sorted({key[: -len(_ENDS[0])] for key in keys if key.endswith(_ENDS[0])})
    if len(heads) != 1:
        raise ValueError(
            f"state_dict must hold one nn.RNN, with one key that ends in {_ENDS[0]}, "
            f"got {len(heads)} such keys"
        )
    _refuse_other_recurrences(state_dict, keys, heads[0])
    own = [heads[0] + end for end in _ENDS]
    linear = [key for key in keys if key not in own]
    weights = [key for key in linear if key.split(".")[-1] == "weight"]
    if len(weights) != 1 or set(linear) - {weights[0], weights[0][:-6] + "bias"}:
        raise ValueError(
            "state_dict must hold one nn.Linear beside the nn.RNN, "
            f"got {', '.join(linear) or 'nothing else'}"
        )
    w_hidden = _array(state_dict, own[1])
    w_output = _array(state_dict, weights[0])
    m = len(w_hidden)
    b_hidden = np.zeros(m)
    for key in own[2:]:
        if key in state_dict:
            b_hidden = b_hidden + real_array(key, _array(state_dict, key), (m,))
    bias = weights[0][:-6] + "bias"
    b_output = _array(state_dict, bias) if bias in state_dict else np.zeros(len(w_output))
    return {
        "w_hidden": w_hidden,
        "w_input": _array(state_dict, own[0]),
        "b_hidden": b_hidden,
        "w_output": w_output,
        "b_output": b_output,
    }


def looks_like_torch(names: Mapping[str, Any]) -> bool:
    """Whether these are the names of a state_dict with a recurrent layer."""
    return any(name.endswith(_ENDS[0]) for name in names)


def _refuse_other_recurrences(state_dict: Mapping[str, Any], keys: list[str], head: str) -> None:
    own = [key[len(head) :] for key in keys if key.startswith(head + "weight_")]
    if any(name.endswith("_reverse") for name in own):
        raise ValueError(
            "state_dict must be of an nn.RNN in one direction, got a bidirectional one"
        )
    if any(name.startswith("weight_ih_l") and name != _ENDS[0] for name in own):
        raise ValueError("state_dict must be of an nn.RNN of one layer, got several layers")
    if head + _ENDS[1] not in keys:
        raise ValueError(f"state_dict must hold {head + _ENDS[1]}, got no such key")
    shape = np.shape(_array(state_dict, head + _ENDS[1]))
    if len(shape) == 2 and shape[0] in (3 * shape[1], 4 * shape[1]) and shape[1]:
        kind = "a GRU" if shape[0] == 3 * shape[1] else "an LSTM"
        raise ValueError(f"state_dict must be of an nn.RNN, got {kind}")


def _array(state_dict: Mapping[str, Any], key: str) -> Array:
    """A tensor or an array as float64; tensors are known by their methods only."""
    value = state_dict[key]
    if hasattr(value, "detach"):
        # double() as NumPy has no bfloat16.
        value = value.detach().cpu().double().numpy()
    return real_array(key, value)
