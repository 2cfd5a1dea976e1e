"""Data for pruning: labels are welcome and not needed, and arrays may be larger than memory."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pruning.stack import true_lengths
from pruning.storage import UNREADABLE

_BATCH = 256
KEYS = ("x", "y", "x_test", "y_test", "lengths", "lengths_test")


@dataclass(frozen=True, eq=False)
class Sequences:
    """Sequences to prune on and to measure on.

    Attributes
    ----------
    x : (n, T, d_x) floats or (n, T) integer tokens
        What S is formed from.
    lengths : (n,) integer array or None
        True lengths where x is padded.
    x_eval, lengths_eval, y_eval : as x and lengths; labels or None
        What the networks are compared on: the test part where there is one, else x again.
    held_out : bool
        Whether x_eval is another part than x.
    """

    x: Any
    lengths: Any
    x_eval: Any
    lengths_eval: Any
    y_eval: Any
    held_out: bool


def read_sequences(path: str | Path, time_major: bool = False) -> Sequences:
    """Read sequences from an npz file, or from one npy file that stays on disk.

    Parameters
    ----------
    path : path
        npz: ``x`` and perhaps ``y``, ``x_test``, ``y_test``, ``lengths``, ``lengths_test``. npy: x
        alone, mapped and read a batch at a time.
    time_major : bool
        The sequences are (T, n, ...) instead of (n, T, ...).

    Raises
    ------
    ValueError
        If the file is missing, is of another kind, or its arrays do not fit each other.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"{path} must be an npz or npy file, but there is no such file")
    try:
        held = np.load(path, mmap_mode="r" if path.suffix == ".npy" else None, allow_pickle=False)
        arrays = {"x": held} if isinstance(held, np.ndarray) else _named(held)
    except ValueError as error:
        if "pickle" in str(error).lower():
            raise ValueError(f"{path} must hold plain arrays; pickles are never loaded") from None
        raise ValueError(f"{path} cannot be read: {error}") from None
    except UNREADABLE as error:
        raise ValueError(f"{path} cannot be read: {error}") from None
    if "x" not in arrays:
        names = [] if isinstance(held, np.ndarray) else held.files
        raise ValueError(f"{path} must hold the array x, it holds {', '.join(names) or 'nothing'}")
    x = _sequences("x", arrays["x"], time_major)
    lengths = _ends("lengths", arrays, x)
    if "x_test" not in arrays:
        y = _labels("y", arrays.get("y"), x, time_major)
        return Sequences(x, lengths, x, lengths, y, False)
    x_test = _sequences("x_test", arrays["x_test"], time_major)
    if x_test.ndim != x.ndim or x_test.shape[2:] != x.shape[2:]:
        raise ValueError(
            f"x_test must hold steps like those of x, {_steps(x)}, got {_steps(x_test)}"
        )
    ends = _ends("lengths_test", arrays, x_test)
    y_test = _labels("y_test", arrays.get("y_test"), x_test, time_major)
    return Sequences(x, lengths, x_test, ends, y_test, True)


def _named(held: Any) -> dict[str, Any]:
    return {name: held[name] for name in held.files if name in KEYS}


def _sequences(name: str, array: Any, time_major: bool) -> Any:
    tokens = array.ndim == 2 and array.dtype.kind in "iu"
    if not tokens and not (array.ndim == 3 and array.dtype.kind in "fiu"):
        raise ValueError(
            f"{name} must hold numbers (n, T, d_x) or integer tokens (n, T), "
            f"got {array.dtype} {array.shape}"
        )
    if array.size == 0:
        raise ValueError(f"{name} must hold at least one sequence and step, got {array.shape}")
    return array.swapaxes(0, 1) if time_major else array


def _steps(x: Any) -> str:
    return "tokens" if x.ndim == 2 else f"{x.shape[2]} numbers"


def check_numbers(data: Sequences) -> None:
    """Raise ValueError where a number is not finite or a token negative, a batch at a time.

    What other libraries run does not complain of either.
    """
    for name, x in (("x", data.x), ("x_test", data.x_eval if data.held_out else data.x[:0])):
        for start in range(0, len(x), _BATCH):
            part = np.asarray(x[start : start + _BATCH])
            if part.ndim == 2 and part.min() < 0:
                raise ValueError(f"tokens in {name} must be at least 0, got {part.min()}")
            if part.ndim == 3 and not np.isfinite(part).all():
                raise ValueError(
                    f"{name} must be finite, it is not in sequences {start} to "
                    f"{start + len(part) - 1}"
                )


def _ends(name: str, arrays: dict[str, Any], x: Any) -> Any:
    if name not in arrays:
        return None
    try:
        return true_lengths(arrays[name], x)
    except ValueError as error:
        raise ValueError(str(error).replace("lengths", name, 1)) from None


def _labels(name: str, y: Any, x: Any, time_major: bool) -> Any:
    if y is None:
        return None
    if y.dtype.kind not in "iu":
        raise ValueError(f"{name} must hold integer labels, got {y.dtype} {y.shape}")
    if time_major and y.ndim == 2:
        y = y.T
    if y.shape not in (x.shape[:1], x.shape[:2]):
        raise ValueError(
            f"{name} must have shape {x.shape[:1]} or {x.shape[:2]} to fit its sequences, "
            f"got {y.shape}"
        )
    return y
