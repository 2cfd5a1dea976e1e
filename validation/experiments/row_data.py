"""What the rows of an experiment are made from: networks, data sets, covariances and weights.

All are kept by the process; covariances and balanced weights are kept on disk, too.
"""

from __future__ import annotations

import functools
import hashlib
import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from pruning.checks import Array, Inputs
from pruning.covariance import StateCovariance
from pruning.rnn import RNN
from pruning.spectral import observed_weight
from pruning.storage import UNREADABLE, load_network, save_network
from validation.data.dataset import Dataset, read_file
from validation.data.fetching import cache_folder
from validation.data.language import sampled_windows
from validation.output.schema import Facts
from validation.output.writing import write_atomically
from validation.training.recipes import LOADERS
from validation.training.scores import batch

WEIGHT_VERSION = 2
"""Raised whenever the same network and data would give another balanced weight."""

_DIGEST = hashlib.sha256().digest_size
_HELD: dict[Path, Array] = {}


def covariance(rnn: RNN, data: Dataset, row: Facts) -> Array:
    """S of the row's network on its sample, from the disk if it was ever formed."""
    facts = {name: row[name] for name in ("version", "network", "data", "sample")}
    if row["sample"] is not None:
        facts["seed"] = row["seed"]
    return _cached("covariances", facts, rnn, lambda: _formed(rnn, data.x, row))


def balanced_weight(rnn: RNN, data: Dataset, row: Facts) -> Array:
    """M of the row's network on training sequences that its seed draws, kept on disk alike."""
    facts = {name: row[name] for name in ("version", "network", "data", "seed")}
    facts["balanced"] = WEIGHT_VERSION
    if "outputs" in row:
        facts["outputs"] = row["outputs"]

    def formed() -> Array:
        targets = "every" if data.every_step else "last"
        return observed_weight(rnn, data.x, targets, np.random.default_rng([row["seed"], 0xBA1A]))

    return _cached("balanced", facts, rnn, formed)


def fitted_network(row: Facts, fitted: Callable[[], RNN]) -> RNN:
    """Return the small network that a row's fit ends with, kept on disk: it may take minutes.

    The rows before and after fine-tuning begin with the same one, those of other experiments, too.
    """
    facts = {
        name: value
        for name, value in row.items()
        if name not in ("what", "fine_tuning", "theta", "small", "training", "start")
    }
    facts["balanced"] = WEIGHT_VERSION
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:32]
    path = cache_folder() / "fitted" / f"{digest}.npz"
    if path.is_file():
        try:
            return load_network(path)
        except ValueError:
            pass  # not whole
    rnn = fitted()
    path.parent.mkdir(parents=True, exist_ok=True)
    save_network(path, rnn)
    return rnn


def _cached(folder: str, facts: Facts, rnn: RNN, formed: Callable[[], Array]) -> Array:
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:32]
    path = cache_folder() / folder / f"{digest}.npy"
    if path not in _HELD:
        S = _stored(path, rnn.m)
        if S is None:
            S = formed()
            buffer = io.BytesIO()
            np.save(buffer, S)
            held = buffer.getvalue()
            write_atomically(path, held + hashlib.sha256(held).digest())
        _HELD[path] = S
    return _HELD[path]


def _stored(path: Path, m: int) -> Array | None:
    """The covariance in a file, or None where it is not whole, or not one of m nodes.

    An npy file says nothing of its bytes, so the digest of them follows it.
    """
    try:
        held = path.read_bytes()
        if hashlib.sha256(held[:-_DIGEST]).digest() != held[-_DIGEST:]:
            return None
        S = np.load(io.BytesIO(held[:-_DIGEST]), allow_pickle=False)
    except UNREADABLE:
        return None
    fits = S.shape == (m, m) and S.dtype == np.float64
    return S if fits and np.isfinite(S).all() else None


def _formed(rnn: RNN, x: Inputs, row: Facts) -> Array:
    """S over the sample: all sequences, or those that the seed draws, a batch at a time."""
    order = np.arange(len(x))
    if row["sample"] is not None and row["data"]["loader"] != "windows":
        size = row["sample"]["sequences"] or len(x)
        rng = np.random.default_rng([row["seed"], 0x5EED])
        order = np.sort(rng.integers(len(x), size=size))
    S = StateCovariance(rnn.m, x.shape[1])
    step = batch(rnn, x.shape[1])
    for begin in range(0, len(order), step):
        S.update(rnn.states(x[order[begin : begin + step]]))
    return S.matrix


def window_seed(row: Facts) -> int:
    """The windows of a text are themselves the sample, and a seed draws them."""
    return int(row["seed"]) if row["data"]["loader"] == "windows" else 0


@functools.lru_cache(maxsize=8)
def network(path: str, digest: str) -> RNN:
    """Return the network of a file whose sha256 is known."""
    held = hashlib.sha256(Path(path).read_bytes()).hexdigest()
    if held != digest:
        raise ValueError(f"{path} has changed while the experiment ran")
    return load_network(path)


@functools.lru_cache(maxsize=2)
def data_set(spec: str, seed: int) -> Dataset:
    """Return the data that a JSON text describes."""
    options = json.loads(spec)
    loader = options.pop("loader")
    if loader == "windows":
        return sampled_windows(**options, seed=seed)
    if loader == "file":
        return read_file(options["path"])
    return LOADERS[loader](**options)
