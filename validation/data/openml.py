"""MNIST and Fashion-MNIST from OpenML, through scikit-learn, as the IDX files they once were."""

from __future__ import annotations

import importlib.util
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from pruning.checks import Inputs, Targets
from validation.data.sources import IDX_FILES, FetchError

SECONDS = 10.0
"""Without an answer for so long, OpenML is given up."""

TRAINING = 60_000


def idx_files(name: str, scratch: Path) -> dict[str, bytes]:
    """Fetch a data set of 70,000 images and return its four IDX files.

    Parameters
    ----------
    name : str
        At OpenML.
    scratch : path
        What scikit-learn downloads is kept here.

    Raises
    ------
    FetchError
        If scikit-learn is not installed, or gets no answer.
    """
    try:
        from sklearn.datasets import fetch_openml
    except ImportError:
        raise FetchError("scikit-learn is not installed") from None
    # The parser of scikit-learn that needs no pandas is slower by a minute.
    parser = "pandas" if importlib.util.find_spec("pandas") else "liac-arff"
    try:
        with _time_limit(SECONDS):
            bunch = fetch_openml(
                name,
                version=1,
                as_frame=False,
                parser=parser,
                data_home=str(scratch),
                n_retries=0,
            )
    except Exception as error:  # whatever it is, another source is tried next
        reason = " ".join(str(error).split())[:160]
        raise FetchError(f"no data ({type(error).__name__}: {reason})") from None
    return to_idx(bunch.data, bunch.target)


def to_idx(pixels: Inputs, labels: Targets) -> dict[str, bytes]:
    """Return (n, 784) numbers and (n,) labels as IDX files, the first 60,000 for training."""
    images = np.asarray(pixels, np.float64)
    digits = np.asarray(labels).astype(np.int64)
    if images.shape != (len(digits), 784) or not np.isin(images, np.arange(256)).all():
        raise FetchError(f"it holds {images.shape}, which are not images of 784 bytes")
    parts = []
    for part in (slice(0, TRAINING), slice(TRAINING, None)):
        count = len(digits[part])
        header = struct.pack(">4I", 0x803, count, 28, 28)
        parts.append(header + images[part].astype(np.uint8).tobytes())
        parts.append(struct.pack(">2I", 0x801, count) + digits[part].astype(np.uint8).tobytes())
    return dict(zip(IDX_FILES, parts))


@contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    """Bound the wait for every single answer of the network."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
