"""The data of a task as integers, version 1 (docs/certificates.md, section 3)."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pruning.checks import choice

TASKS = ("mnist", "fashion-mnist", "digits")
PREPROCESSING = 1
FLOAT_CAP = 1 << 15
_PERMUTATION = "14b7f6bc58ce844efd500d56ca64ce44abff6e3dd1d9b8d2a6d11825767e38d3"


@dataclass(frozen=True, eq=False)
class Task:
    """Images of integers and their labels.

    Attributes
    ----------
    name : str
        As in ``certificate.json``.
    images : (n, R0, C0) integer array
    labels : (n,) integer array
    test_images, test_labels : arrays, or None
        What the count never sees.
    x_max : int
        The largest size that a pixel can have.
    q : int
        Number of classes.
    data_sha256 : mapping of str to str
        File to checksum.
    """

    name: str
    images: Any
    labels: Any
    test_images: Any
    test_labels: Any
    x_max: int
    q: int
    data_sha256: Mapping[str, str]

    @property
    def n(self) -> int:
        """Number of training sequences."""
        return len(self.labels)


def task(name: str) -> Task:
    """Return a task of the table, its files checked against their checksums."""
    choice("task", name, TASKS)
    return _digits() if name == "digits" else _images(name)


def npz_task(path: str | Path, exponent: int) -> Task:
    """Return the data of a user's npz file, rounded to multiples of 2^-exponent.

    Parameters
    ----------
    path : path
        As `validation.data.dataset.read_file` takes it: x (n, T, d_x) and one label a sequence.
    exponent : int
        -64..64; it is coded, so that it may be chosen on the data.
    """
    from validation.data.dataset import read_file

    path = Path(path)
    data = read_file(path)
    if data.x.ndim != 3 or data.every_step:
        raise ValueError(
            f"{path} must hold numbers (n, T, d_x) with one label a sequence to be certified, "
            f"got x {data.x.shape} and y {data.y.shape}"
        )
    with np.load(path, allow_pickle=False) as held:
        names, flat = sorted(held.files), held["x"].flags.c_contiguous
    if names != ["x", "y"] or not flat:
        found = ", ".join(names) if flat else "an array in Fortran's order"
        raise ValueError(
            f"{path} must hold x and y alone, in C order, to be certified, it holds {found}: "
            "the file is the sample"
        )
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    q = max(2, 1 + int(data.y.max()))
    x = rounded(data.x, exponent)
    return Task("npz", x, data.y, None, None, FLOAT_CAP, q, {path.name: digest})


def rounded(x: Any, exponent: int) -> Any:
    """Return x in units of 2^-exponent, rounded half up and clipped to 2^15 in size."""
    units = np.floor(np.ldexp(np.asarray(x, np.float64), exponent) + 0.5)
    return np.clip(units, -FLOAT_CAP, FLOAT_CAP).astype(np.int32)


def _images(name: str) -> Task:
    from validation.data.fetching import read
    from validation.data.images import _idx
    from validation.data.sources import IDX_FILES, SOURCES

    train_x, train_y, test_x, test_y = (_idx(read(name, file), file) for file in IDX_FILES)
    sums = {file: SOURCES[name].files[file] for file in IDX_FILES[:2]}
    return Task(name, train_x, train_y, test_x, test_y, 255, 10, sums)


def _digits() -> Task:
    from validation.data.digits import FILE, SHA256, TRAINING

    text = gzip.decompress(FILE.read_bytes())
    if hashlib.sha256(text).hexdigest() != SHA256:
        raise ValueError(f"{FILE.name} must have the sha256 {SHA256}")
    table = np.loadtxt(text.decode().splitlines(), delimiter=",").astype(np.int64)
    order = np.random.default_rng(0).permutation(len(table))
    if hashlib.sha256(order.astype("<i8").tobytes()).hexdigest() != _PERMUTATION:
        raise ValueError("this NumPy permutes otherwise than the one of preprocessing 1")
    x, y = table[order, :64].reshape(-1, 8, 8), table[order, 64]
    return Task(
        "digits",
        x[:TRAINING],
        y[:TRAINING],
        x[TRAINING:],
        y[TRAINING:],
        16,
        10,
        {"digits.csv": SHA256},
    )
