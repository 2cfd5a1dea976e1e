"""The data of a task as integers, version 1 (docs/certificates.md, section 3)."""

from __future__ import annotations

import gzip
import hashlib
import math
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pruning.checks import Inputs, choice

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
    _check_sample(path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    q = max(2, 1 + int(data.y.max()))
    x = rounded(data.x, exponent)
    return Task("npz", x, data.y, None, None, FLOAT_CAP, q, {path.name: digest})


def _check_sample(path: Path) -> None:
    """Raise a ValueError where a checker would refuse the file: section 3 of the document."""
    if not re.fullmatch(r"[\w-][\w.-]*\.npz", path.name, re.ASCII):
        raise ValueError(
            "data must be a file named by ASCII letters, digits, _, - and ., ending in .npz, to be "
            f"certified, got {path.name!r}"
        )
    if path.stat().st_size > 2**32:
        raise ValueError(f"{path} must have at most 2^32 bytes to be certified")
    with zipfile.ZipFile(path) as archive:
        names = sorted(archive.namelist())
        if names != ["x.npy", "y.npy"]:
            found = ", ".join(name.removesuffix(".npy") for name in names)
            raise ValueError(
                f"{path} must hold x and y alone, in C order, to be certified, it holds {found}: "
                "the file is the sample"
            )
        for name, kinds in (("x", "iuf"), ("y", "iu")):
            with archive.open(f"{name}.npy") as file:
                if (version := np.lib.format.read_magic(file)) != (1, 0):
                    raise ValueError(
                        f"{name} in {path} must be an npy of version 1.0 to be certified, as "
                        f"numpy.savez writes it, got version {version[0]}.{version[1]}"
                    )
                shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
                size = math.prod(shape) * dtype.itemsize
                behind = archive.getinfo(f"{name}.npy").file_size - file.tell() - size
            if fortran:
                raise ValueError(
                    f"{path} must hold x and y alone, in C order, to be certified, it holds "
                    f"{name} in Fortran's order"
                )
            if dtype.kind not in kinds or dtype.itemsize > 8:
                raise ValueError(
                    f"{name} in {path} must hold integers{' or floats' * (name == 'x')} of at most "
                    f"64 bits to be certified, got {dtype}"
                )
            if behind:
                raise ValueError(
                    f"{name} in {path} must end with its numbers to be certified, "
                    f"{behind} bytes stand behind them"
                )
            if shape[0] > 2**24 or size > min(2**31, shape[0] * 2**27):
                raise ValueError(
                    f"{name} in {path} must have at most 2^24 sequences, 2^31 bytes and 2^27 a "
                    f"sequence to be certified, got {shape} of {dtype}"
                )


def rounded(x: Inputs, exponent: int) -> Inputs:
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
