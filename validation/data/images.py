"""MNIST and Fashion-MNIST as sequences: a row a step, or a pixel a step."""

from __future__ import annotations

import math
import struct
from typing import Any

import numpy as np

from pruning.checks import Inputs, choice, integer
from validation.data.dataset import Dataset
from validation.data.fetching import read
from validation.data.sources import IDX_FILES, SOURCES

FORMS = ("rows", "pixels")


def images(
    name: str = "mnist", form: str = "rows", halvings: int = 0, permutation: int | None = None
) -> Dataset:
    """Return the images as sequences of floats in [0, 1], 60,000 for training and 10,000 for tests.

    Parameters
    ----------
    name : {"mnist", "fashion-mnist"}
        It must have been fetched.
    form : {"rows", "pixels"}
        One row a step, (n, 28, 28), or one pixel a step, (n, 784, 1), row by row.
    halvings : int
        How often height and width are halved before, by the mean of 2 x 2 pixels; 28 can be halved
        twice.
    permutation : int, optional
        Seed of a permutation of the pixels, the same for all images; for form "pixels" only.

    Returns
    -------
    Dataset
        x is float32, a quarter of a gigabyte for the pixels at full size.
    """
    choice("name", name, [key for key in SOURCES if "mnist" in key])
    choice("form", form, FORMS)
    halvings = integer("halvings", halvings, 0, 2)
    if permutation is not None:
        permutation = integer("permutation", permutation, 0)
        if form != "pixels":
            raise ValueError("permutation needs the form pixels, got rows")
    train_x, train_y, test_x, test_y = (_idx(read(name, file), file) for file in IDX_FILES)
    x, x_test = (_sequences(a, form, halvings, permutation) for a in (train_x, test_x))
    settings = {
        "data": name,
        "form": form,
        "halvings": halvings,
        "permutation_seed": permutation,
        "sha256": SOURCES[name].files[IDX_FILES[0]],
    }
    title = f"{name} by {form.removesuffix('s')}"
    if halvings:
        title += f" at {28 >> halvings} x {28 >> halvings}"
    if permutation is not None:
        title += ", permuted"
    return Dataset(
        title,
        x,
        train_y.astype(np.int64),
        x_test,
        test_y.astype(np.int64),
        settings,
        x_bound=math.sqrt(x.shape[2]),  # pixels lie in [0, 1]
    )


def halve(pixels: Any) -> Any:
    """Return images (n, h, w) at half the height and width: the mean of every 2 x 2 pixels."""
    n, height, width = pixels.shape
    return pixels.reshape(n, height // 2, 2, width // 2, 2).mean(axis=(2, 4), dtype=np.float32)


def _sequences(pixels: Inputs, form: str, halvings: int, permutation: int | None) -> Inputs:
    x = pixels.astype(np.float32) / np.float32(255)
    for _ in range(halvings):
        x = halve(x)
    if form == "rows":
        return x
    x = x.reshape(len(x), -1, 1)
    if permutation is not None:
        x = x[:, np.random.default_rng(permutation).permutation(x.shape[1])]
    return x


def _idx(data: bytes, file: str) -> Inputs:
    """Read the IDX format: two zero bytes, the type (8: bytes), the number of axes, their sizes."""
    zero, kind, axes = struct.unpack(">HBB", data[:4])
    shape = struct.unpack(f">{axes}I", data[4 : 4 + 4 * axes])
    if zero or kind != 8 or len(data) != 4 + 4 * axes + int(np.prod(shape)):
        raise ValueError(f"{file} is not an IDX file of bytes")
    return np.frombuffer(data, np.uint8, offset=4 + 4 * axes).reshape(shape)
