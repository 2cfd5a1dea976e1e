"""The weights of torch's ``nn.RNN`` and ``nn.Linear``, read from a state_dict without torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pruning.checkpoints.tensors import cleaned
from pruning.checks import Array, real_array

_ENDS = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")


def weights_of(state_dict: Mapping[str, Any]) -> dict[str, Array]:
    """Return the weights of a one-layer ``nn.RNN`` and an ``nn.Linear``, by the names of `RNN`.

    Parameters
    ----------
    state_dict : mapping
        Of a module that holds the two, under whatever attribute names, or the two merged by hand.
        torch keeps two biases in ``nn.RNN``, which are added; ``bias=False`` reads as zeros.
        Prefixes of wrappers, masks and parametrisations: see `pruning.checkpoints.tensors`.

    Raises
    ------
    ValueError
        For an LSTM, a GRU, several layers, two directions, or anything else beside the two.
    """
    if not isinstance(state_dict, Mapping):
        raise ValueError(
            f"state_dict must be a mapping from names to arrays, got {type(state_dict).__name__}"
        )
    arrays = cleaned(state_dict).arrays
    keys = list(arrays)
    heads = sorted({key[: -len(_ENDS[0])] for key in keys if key.endswith(_ENDS[0])})
    if len(heads) != 1:
        raise ValueError(
            f"state_dict must hold one nn.RNN, with one key that ends in {_ENDS[0]}, "
            f"got {len(heads)} such keys"
        )
    _refuse_other_recurrences(arrays, heads[0])
    own = [heads[0] + end for end in _ENDS]
    linear = [key for key in keys if key not in own]
    weights = [key for key in linear if key.split(".")[-1] == "weight"]
    if len(weights) != 1 or set(linear) - {weights[0], weights[0][:-6] + "bias"}:
        raise ValueError(
            "state_dict must hold one nn.Linear beside the nn.RNN, "
            f"got {', '.join(linear) or 'nothing else'}"
        )
    w_hidden, w_output = arrays[own[1]], arrays[weights[0]]
    m = len(w_hidden)
    b_hidden = np.zeros(m)
    for key in own[2:]:
        if key in arrays:
            b_hidden = b_hidden + real_array(key, arrays[key], (m,))
    b_output = arrays.get(weights[0][:-6] + "bias", np.zeros(len(w_output)))
    return {
        "w_hidden": w_hidden,
        "w_input": arrays[own[0]],
        "b_hidden": b_hidden,
        "w_output": w_output,
        "b_output": b_output,
    }


def looks_like_torch(names: Mapping[str, Any]) -> bool:
    """Whether these are the names of a state_dict with a recurrent layer."""
    # Within a name, too: masks and parametrisations stand behind it.
    return any(_ENDS[0] in name or "parametrizations.weight_" in name for name in names)


def _refuse_other_recurrences(arrays: Mapping[str, Array], head: str) -> None:
    own = [key[len(head) :] for key in arrays if key.startswith(head + "weight_")]
    if any(name.endswith("_reverse") for name in own):
        raise ValueError(
            "state_dict must be of an nn.RNN in one direction, got a bidirectional one"
        )
    if any(name.startswith("weight_ih_l") and name != _ENDS[0] for name in own):
        raise ValueError("state_dict must be of an nn.RNN of one layer, got several layers")
    if head + _ENDS[1] not in arrays:
        raise ValueError(f"state_dict must hold {head + _ENDS[1]}, got no such key")
    shape = arrays[head + _ENDS[1]].shape
    if len(shape) == 2 and shape[0] in (3 * shape[1], 4 * shape[1]) and shape[1]:
        kind = "a GRU" if shape[0] == 3 * shape[1] else "an LSTM"
        raise ValueError(f"state_dict must be of an nn.RNN, got {kind}")
