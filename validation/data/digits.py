"""The 1,797 handwritten digits of 8 x 8 pixels that come with the package."""

from __future__ import annotations

import gzip
import hashlib
import io
import math
from pathlib import Path

import numpy as np

from pruning.checks import integer
from validation.data.dataset import Dataset

FILE = Path(__file__).parents[1] / "data" / "digits.csv.gz"
SHA256 = "6ebb3d2fee246a4e99363262ddf8a00a3c41bee6014c373ed9d9216ba7f651b8"
TRAINING = 1437


def digits(pixels: bool = False, seed: int = 0) -> Dataset:
    """Return the digits as sequences, split into 1,437 for training and 360 for testing.

    Parameters
    ----------
    pixels : bool
        One pixel a step, (n, 64, 1), instead of one row a step, (n, 8, 8).
    seed : int
        Seed of the permutation before the split (the file has no split of its own).

    Returns
    -------
    Dataset
        Pixels are divided by 16, so that they lie in [0, 1]; the division is exact.

    Examples
    --------
    >>> from rnnbounds import digits
    >>> data = digits()
    >>> data.x.shape, data.x_test.shape, data.T
    ((1437, 8, 8), (360, 8, 8), 8)
    """
    seed = integer("seed", seed, 0)
    text = gzip.decompress(FILE.read_bytes())
    digest = hashlib.sha256(text).hexdigest()
    if digest != SHA256:
        raise ValueError(f"digits.csv.gz must have the sha256 {SHA256[:12]}..., got {digest}")
    table = np.loadtxt(io.BytesIO(text), delimiter=",")
    order = np.random.default_rng(seed).permutation(len(table))
    shape = (len(table), 64, 1) if pixels else (len(table), 8, 8)
    x = (table[:, :64] / 16).reshape(shape)[order]
    y = table[order, 64].astype(np.int64)
    name = "digits by pixel" if pixels else "digits"
    settings = {
        "file": "digits.csv.gz",
        "sha256": digest,
        "pixels": pixels,
        "permutation_seed": seed,
        "training": TRAINING,
        "test": len(table) - TRAINING,
    }
    return Dataset(
        name,
        x[:TRAINING],
        y[:TRAINING],
        x[TRAINING:],
        y[TRAINING:],
        settings,
        x_bound=math.sqrt(x.shape[2]),  # pixels lie in [0, 1]
    )
