"""A data set of sequences, split into training and test, and the reader of a user's own file."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np

from pruning.checks import Inputs, Targets, real_array
from pruning.storage import UNREADABLE
from validation.output.schema import Facts, Record


@dataclass(frozen=True, eq=False)
class Dataset:
    """Sequences with labels.

    Attributes
    ----------
    name : str
        What the report calls it.
    x : (n, T, d_x) float array, or (n, T) integer tokens
        Training sequences.
    y : (n,) or (n, T) integer array
        One label a sequence (read out at the last step), or one a step.
    x_test, y_test : arrays as `x` and `y`, or None
        Held-out sequences that no training, selection or pruning sees.
    settings : mapping
        What it takes to make the same arrays again: hash of the file, split, seed.
    x_bound : float or None
        A bound on ||x_t|| that holds for every possible input, known before any was seen; None
        where only the sample's maximum is at hand.

    Examples
    --------
    >>> import numpy as np
    >>> from rnnbounds import Dataset
    >>> data = Dataset("mine", np.zeros((30, 10, 3)), np.zeros(30, int))
    >>> data.n, data.T, data.every_step
    (30, 10, False)
    """

    name: str
    x: Any
    y: Any
    x_test: Any = None
    y_test: Any = None
    settings: Facts = field(default_factory=dict)
    x_bound: float | None = None

    @property
    def n(self) -> int:
        """Number of training sequences."""
        return len(self.x)

    @property
    def T(self) -> int:
        """Number of steps."""
        return int(self.x.shape[1])

    @property
    def every_step(self) -> bool:
        """Whether there is one label a step."""
        return bool(self.y.ndim == 2)

    @property
    def classes(self) -> int:
        """Number of classes: one more than the largest label."""
        labels = [self.y] if self.y_test is None else [self.y, self.y_test]
        return 1 + max(int(array.max()) for array in labels)

    @property
    def d_x(self) -> int:
        """Dimension of one input; for tokens the size of the vocabulary."""
        if self.x.ndim == 3:
            return int(self.x.shape[2])
        tokens = [self.x] if self.x_test is None else [self.x, self.x_test]
        return 1 + max(int(array.max()) for array in tokens)


def read_file(path: str | Path) -> Dataset:
    """Read a user's own data set.

    Parameters
    ----------
    path : path
        An npz file with ``x`` and ``y``, or ``x``, ``y``, ``x_test`` and ``y_test``. x holds floats
        (n, T, d_x) or integer tokens (n, T); y holds integer labels from 0, (n,) or (n, T).

    Raises
    ------
    ValueError
        If the file is missing, is not an npz file, holds pickled objects, lacks x or y, or holds
        arrays that do not fit each other. Nothing is ever unpickled.
    """
    path = Path(path)
    arrays = _arrays(path)
    if ("x_test" in arrays) != ("y_test" in arrays):
        raise ValueError(f"{path} must hold both x_test and y_test or neither of them")
    x, y = sequences("x", arrays["x"]), arrays["y"]
    y = labels("y", y, x)
    x_test = y_test = None
    if "x_test" in arrays:
        x_test = sequences("x_test", arrays["x_test"])
        if x_test.shape[1:] != x.shape[1:] or x_test.dtype.kind != x.dtype.kind:
            raise ValueError(
                f"x_test must look like x with other sequences, got {x_test.dtype} "
                f"{x_test.shape} beside {x.dtype} {x.shape}"
            )
        y_test = labels("y_test", arrays["y_test"], x_test)
        if y_test.ndim != y.ndim:
            raise ValueError(
                f"y_test must have as many axes as y, got {y_test.shape} beside {y.shape}"
            )
    settings = {"file": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    x_bound = 1.0 if x.ndim == 2 else None  # a token stands for a one-hot vector
    return Dataset(path.stem, x, y, x_test, y_test, settings, x_bound)


def sequences(name: str, value: object) -> Inputs:
    """Return the sequences as finite floats (n, T, d_x) or as integer tokens (n, T)."""
    array = np.asarray(value)
    if array.ndim == 2 and array.dtype.kind in "iu":
        if array.size and array.min() < 0:
            raise ValueError(f"tokens in {name} must be at least 0, got {int(array.min())}")
        array = array.astype(np.int64)
    elif array.ndim == 3:
        array = real_array(name, array)
    else:
        raise ValueError(
            f"{name} must hold numbers (n, T, d_x) or integer tokens (n, T), "
            f"got {array.dtype} {array.shape}"
        )
    if array.size == 0:
        raise ValueError(f"{name} must hold at least one sequence and step, got {array.shape}")
    return array


def labels(name: str, value: object, x: Inputs) -> Targets:
    """Return the labels of `x` as an integer array (n,) or (n, T)."""
    array = np.asarray(value)
    if array.dtype.kind not in "iu":
        raise ValueError(f"{name} must hold integer labels, got {array.dtype} {array.shape}")
    if array.shape not in (x.shape[:1], x.shape[:2]):
        raise ValueError(
            f"{name} must have shape {x.shape[:1]} or {x.shape[:2]} to fit its sequences, "
            f"got {array.shape}"
        )
    if array.min() < 0:
        raise ValueError(f"{name} must hold labels of at least 0, got {int(array.min())}")
    return array.astype(np.int64)


def _arrays(path: Path) -> Record:
    if not path.is_file():
        raise ValueError(f"{path} must be an npz file, but there is no such file")
    with path.open("rb") as file:
        held = _opened(path, file)
        for name in ("x", "y"):
            if name not in held.files:
                found = ", ".join(sorted(held.files)) or "nothing"
                raise ValueError(f"{path} must hold the arrays x and y, it holds {found}")
        names = [name for name in ("x", "y", "x_test", "y_test") if name in held.files]
        return {name: _array(path, held, name) for name in names}


def _opened(path: Path, file: IO[bytes]) -> Any:
    try:
        held = np.load(file, allow_pickle=False)
    except ValueError:
        # np.load takes whatever is neither npz nor npy for a pickle.
        raise ValueError(
            f"{path} must be an npz file of plain arrays; pickles are never loaded"
        ) from None
    except UNREADABLE as error:
        raise ValueError(f"{path} must be an npz file, and it cannot be read: {error}") from None
    if not isinstance(held, np.lib.npyio.NpzFile):
        raise ValueError(f"{path} must be an npz file, it is a single npy array")
    return held


def _array(path: Path, held: Any, name: str) -> Any:
    try:
        return held[name]
    except ValueError as error:
        if "allow_pickle" in str(error):
            raise ValueError(
                f"{name} in {path} must be a plain array; pickled objects are never loaded"
            ) from None
        raise ValueError(f"{name} in {path} cannot be read: {error}") from None
    except UNREADABLE as error:
        raise ValueError(f"{name} in {path} cannot be read: {error}") from None
