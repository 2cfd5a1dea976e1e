"""Tensors by name as training code leaves them, brought to the names that a module has.

Prefixes of wrappers (``module.``, ``_orig_mod.``) go; what ``torch.nn.utils.prune`` left in place
(``NAME_orig`` times ``NAME_mask``) and parametrised weights (``parametrizations.NAME.original``)
are folded into NAME. Nothing is executed, and torch is not imported.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pruning.checks import Array, real_array

WRAPPERS = ("module.", "_orig_mod.", "model.module.")
NESTED = ("state_dict", "model_state_dict", "model", "net", "network")


@dataclass(frozen=True, eq=False)
class Tensors:
    """Named arrays in float64, and how they were stored.

    Attributes
    ----------
    arrays : dict of name to array
        In the order of the file.
    dtypes : dict of name to str
        Such as "float32" or "bfloat16".
    prefix : str
        What was taken off every name.
    folded : tuple of str
        Names whose masks or parametrisations were folded in.
    path : tuple of str
        Keys under which the state_dict stood in what was read.
    """

    arrays: dict[str, Array]
    dtypes: dict[str, str]
    prefix: str = ""
    folded: tuple[str, ...] = ()
    path: tuple[str, ...] = ()


def cleaned(state_dict: Mapping[str, Any]) -> Tensors:
    """Return the tensors of a state_dict under their modules' own names.

    Raises
    ------
    ValueError
        If it is no mapping, holds no tensors (an optimizer's state, say), or has a parametrisation
        that cannot be folded in from the file alone.
    """
    state_dict, path = _unwrapped(state_dict)
    names = [str(name) for name in state_dict]
    prefix = _common_prefix(names)
    arrays, dtypes = {}, {}
    for name, value in state_dict.items():
        if not hasattr(value, "shape") or not hasattr(value, "dtype"):
            continue  # counters and settings that lie beside the tensors
        own = str(name).removeprefix(prefix)
        arrays[own], dtypes[own] = _array(own, value)
    if not arrays:
        raise ValueError(
            f"the file must hold the tensors of a network, got {', '.join(names[:4]) or 'nothing'}"
        )
    folded = [*_fold_masks(arrays, dtypes), *_fold_parametrizations(arrays, dtypes)]
    return Tensors(arrays, dtypes, prefix, tuple(folded), path)


def _unwrapped(value: Any) -> tuple[Mapping[str, Any], tuple[str, ...]]:
    path: list[str] = []
    while isinstance(value, Mapping) and not any(hasattr(v, "shape") for v in value.values()):
        inner = [key for key in NESTED if isinstance(value.get(key), Mapping)]
        if not inner:
            break
        path.append(inner[0])
        value = value[inner[0]]
    if not isinstance(value, Mapping):
        raise ValueError(
            f"state_dict must be a mapping from names to arrays, got {type(value).__name__}"
        )
    if {"state", "param_groups"} <= set(map(str, value)):
        raise ValueError("the file holds the state of an optimizer only, not a network")
    return value, tuple(path)


def _common_prefix(names: list[str]) -> str:
    found = ""
    while True:
        here = [w for w in WRAPPERS if names and all(n.startswith(found + w) for n in names)]
        if not here:
            return found
        found += here[0]


def _array(name: str, value: Any) -> tuple[Array, str]:
    """A tensor or an array in float64, with the dtype that it had."""
    dtype = str(value.dtype).removeprefix("torch.")
    if dtype.startswith("complex"):
        raise ValueError(f"{name} must hold real numbers, got {dtype}")
    if hasattr(value, "detach"):
        value = value.detach().cpu().double().numpy()  # NumPy has no bfloat16
    return real_array(name, value), dtype


def _fold_masks(arrays: dict[str, Array], dtypes: dict[str, str]) -> list[str]:
    """NAME_orig times NAME_mask, as torch.nn.utils.prune keeps them, becomes NAME."""
    folded = []
    for original in [name for name in arrays if name.endswith("_orig")]:
        name = original.removesuffix("_orig")
        mask = name + "_mask"
        if mask not in arrays:
            raise ValueError(f"{original} must come with {mask}, got no such tensor")
        product = arrays.pop(original) * arrays.pop(mask)
        arrays[name], dtypes[name] = product, dtypes.pop(original)
        dtypes.pop(mask)
        folded.append(name)
    return folded


def _fold_parametrizations(arrays: dict[str, Array], dtypes: dict[str, str]) -> list[str]:
    """``parametrizations.NAME.original`` becomes NAME; weight normalisation is multiplied out."""
    marker = "parametrizations."
    groups: dict[str, dict[str, str]] = {}
    for key in [name for name in arrays if marker in name]:
        module, rest = key.split(marker, 1)
        name, kind = rest.split(".", 1)
        groups.setdefault(module + name, {})[kind] = key
    for name, parts in groups.items():
        kinds = set(parts)
        if kinds == {"original"}:
            value = arrays[parts["original"]]
        elif kinds == {"original0", "original1"}:
            value = _weight_norm(name, arrays[parts["original0"]], arrays[parts["original1"]])
        else:
            raise ValueError(
                f"{name} is parametrised in a way that the file alone does not tell "
                f"({', '.join(sorted(kinds))}): save it after "
                "torch.nn.utils.parametrize.remove_parametrizations"
            )
        dtypes[name] = dtypes[next(iter(parts.values()))]
        for key in parts.values():
            del arrays[key], dtypes[key]
        arrays[name] = value
    return list(groups)


def _weight_norm(name: str, g: Array, v: Array) -> Array:
    """G v/||v||, the norm over all axes along which g has length 1."""
    if g.ndim != v.ndim or any(a not in (1, b) for a, b in zip(g.shape, v.shape)):
        raise ValueError(
            f"{name} is parametrised in a way that the file alone does not tell: save it after "
            "torch.nn.utils.parametrize.remove_parametrizations"
        )
    axes = tuple(i for i, length in enumerate(g.shape) if length == 1)
    norm = np.sqrt((v * v).sum(axis=axes, keepdims=True))
    if not (norm > 0).all():
        raise ValueError(f"{name} is weight-normalised with a zero direction")
    return np.asarray(v * (g / norm))
