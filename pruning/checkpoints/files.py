"""Files of weights: safetensors (bfloat16 too), npz, and torch's own through torch."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

SUFFIXES = (".safetensors", ".npz", ".pt", ".pth")
_DTYPES = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "i1",
    "U8": "u1",
    "BOOL": "?",
}


def read_state_dict(path: str | os.PathLike[str]) -> tuple[Mapping[str, Any], dict[str, str]]:
    """Return what a file of weights holds, and its metadata.

    Pickles that need code are refused by torch's own reader (``weights_only=True``), and nothing
    is executed.

    Raises
    ------
    ValueError
        If the file is missing, not of the kind that its name says, or needs code to be read.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise ValueError(
            f"the name of a network file must end in {', '.join(SUFFIXES)}, got {path.name!r}"
        )
    if not path.is_file():
        raise ValueError(f"{path} must be a file, got {'a folder' if path.is_dir() else 'nothing'}")
    if suffix == ".safetensors":
        return _safetensors(path)
    if suffix == ".npz":
        from pruning.storage import read_arrays

        arrays, metadata = read_arrays(path)
        return {name: np.asarray(value) for name, value in arrays.items()}, metadata
    return _torch(path), {}


def _safetensors(path: Path) -> tuple[dict[str, Any], dict[str, str]]:
    from safetensors import SafetensorError, deserialize, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
        entries = deserialize(path.read_bytes())
        arrays = {name: _decoded(name, entry) for name, entry in entries}
    except (OSError, ValueError, TypeError, KeyError, MemoryError, SafetensorError) as error:
        reason = str(error).strip().split("\n")[0] or type(error).__name__
        raise ValueError(f"{path} is not a readable safetensors file: {reason}") from None
    return arrays, metadata


def _decoded(name: str, entry: Mapping[str, Any]) -> Any:
    kind, shape, data = entry["dtype"], entry["shape"], bytes(entry["data"])
    if kind == "BF16":
        # The upper half of a float32: exact.
        bits = np.frombuffer(data, "<u2").astype(np.uint32) << 16
        return bits.view(np.float32).reshape(shape)
    if kind not in _DTYPES:
        raise ValueError(f"{name} has numbers of a kind that is not read, {kind}")
    return np.frombuffer(data, _DTYPES[kind]).reshape(shape)


def _torch(path: Path) -> Mapping[str, Any]:
    try:
        import torch
    except ImportError:
        raise ValueError(
            f"{path.name} can only be read with torch, which is not installed: "
            "pip install 'rnnbounds[torch]', or save it as safetensors"
        ) from None
    import pickle

    try:
        value = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise ValueError(
            f"{path} holds more than tensors: reading it would execute code, which is refused; "
            "save module.state_dict() instead of the module"
        ) from None
    except (RuntimeError, OSError, EOFError, ValueError, KeyError) as error:
        reason = str(error).strip().split("\n")[0]
        # Of a text or an empty file torch says a number or nothing.
        because = f": {reason}" if " " in reason else ""
        raise ValueError(f"{path} is not a readable file of torch{because}") from None
    if not isinstance(value, Mapping):
        raise ValueError(f"{path} must hold a state_dict, got {type(value).__name__}")
    return value
