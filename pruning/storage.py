"""Networks as files: npz and safetensors. Pickles are never loaded.

A file holds w_hidden, w_input, b_hidden, w_output, b_output and the name of the activation; a
file with the names of a torch state_dict of ``nn.RNN`` and ``nn.Linear`` is read too.
"""

from __future__ import annotations

import os
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np

from pruning.activations import Activation
from pruning.checks import choice
from pruning.rnn import RNN
from pruning.torch_weights import looks_like_torch

# What NumPy, zipfile and zlib raise for a file that is damaged or absurd, such as an array of 10^30
# entries: a header is a Python literal, and evaluated as one.
UNREADABLE: tuple[type[Exception], ...] = (
    OSError,
    EOFError,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    MemoryError,
    OverflowError,
    NotImplementedError,
    RuntimeError,
    SyntaxError,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)
_WEIGHTS = ("w_hidden", "w_input", "b_hidden", "w_output", "b_output")


def save_network(path: str | os.PathLike[str], rnn: RNN, dtype: str = "float64") -> None:
    """Write the network to `path`, whose suffix ``.npz`` or ``.safetensors`` says how.

    The file appears whole or not at all. With a `dtype` of ``float32`` or ``float16`` it is smaller
    and holds the weights rounded to that; they are float64 again when they are loaded.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from rnnbounds import initial_rnn, load_network, save_network
    >>> path = Path(tempfile.mkdtemp()) / "network.safetensors"
    >>> save_network(path, initial_rnn(3, d_x=2, d_y=1, rng=0))
    >>> load_network(path).m
    3
    """
    path = Path(path)
    suffix = _suffix(path)
    choice("dtype", dtype, ("float64", "float32", "float16"))
    # A C-ordered copy, since safetensors writes memory as it lies.
    arrays = {name: np.array(getattr(rnn, name), dtype, order="C") for name in _WEIGHTS}
    with replacing(path) as temporary:
        if suffix == ".npz":
            with open(temporary, "wb") as file:
                np.savez(file, activation=np.array(rnn.activation.name), **arrays)  # type: ignore[arg-type]
        else:
            from safetensors.numpy import save_file

            save_file(arrays, temporary, metadata={"activation": rnn.activation.name})


def load_network(path: str | os.PathLike[str], activation: str | Activation | None = None) -> RNN:
    """Read a network from an npz or safetensors file.

    Parameters
    ----------
    path : path
        Ends in ``.npz`` or ``.safetensors``.
    activation : str, optional
        Needed where the file does not name one, as a torch state_dict does not; overrides it
        where it does.

    Raises
    ------
    ValueError
        If there is no such file, it is not of the kind that its name says, or its arrays are not
        those of a network.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from rnnbounds import initial_rnn, load_network, save_network
    >>> rnn = initial_rnn(3, d_x=2, d_y=1, activation="relu", rng=0)
    >>> path = Path(tempfile.mkdtemp()) / "network.npz"
    >>> save_network(path, rnn)
    >>> again = load_network(path)
    >>> again.activation.name, bool((again.w_hidden == rnn.w_hidden).all())
    ('relu', True)
    """
    path = Path(path)
    arrays, metadata = read_arrays(path)
    stored = metadata.get("activation")
    if "activation" in arrays:
        stored = str(arrays.pop("activation"))
    used = activation if activation is not None else stored
    torch = looks_like_torch(arrays)
    missing = [name for name in _WEIGHTS if name not in arrays]
    if missing and not torch:
        raise ValueError(
            f"{path} does not hold a network: the arrays must include {', '.join(missing)}, "
            f"got {', '.join(arrays) or 'none'}"
        )
    if used is None:
        raise ValueError(
            f"{path} does not say which activation the network has, activation must be given"
        )
    try:
        if torch:
            return RNN.from_torch(arrays, used)
        weights = [arrays[name] for name in _WEIGHTS]
        return RNN(*weights, activation=used)  # type: ignore[misc, arg-type]
    except ValueError as error:
        raise ValueError(f"{path} does not hold a network: {error}") from None


def read_arrays(path: str | os.PathLike[str]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the arrays and the metadata of an npz or safetensors file; never unpickles.

    Raises
    ------
    ValueError
        If there is no such file, or it is not of the kind that its name says.
    """
    path = Path(path)
    suffix = _suffix(path)
    if not path.is_file():
        raise ValueError(f"{path} must be a file, got {'a folder' if path.is_dir() else 'nothing'}")
    return _read_npz(path) if suffix == ".npz" else _read_safetensors(path)


def _read_npz(path: Path) -> tuple[dict[str, Any], dict[str, str]]:
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as archive:
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise ValueError("a single array")
            return {name: archive[name] for name in archive.files}, {}
    except UNREADABLE as error:
        raise ValueError(
            f"{path} is not a readable npz file of plain arrays: {_first(error)}"
        ) from None


def _read_safetensors(path: Path) -> tuple[dict[str, Any], dict[str, str]]:
    from safetensors import SafetensorError, safe_open

    unreadable: tuple[type[Exception], ...] = (SafetensorError, *UNREADABLE)
    try:
        with safe_open(path, framework="numpy") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except unreadable as error:
        raise ValueError(f"{path} is not a readable safetensors file: {_first(error)}") from None


def _suffix(path: Path) -> str:
    suffix = path.suffix.lower()
    if suffix not in (".npz", ".safetensors"):
        raise ValueError(
            f"the name of a network file must end in .npz or .safetensors, got {path.name!r}"
        )
    return suffix


@contextmanager
def replacing(path: Path) -> Iterator[str]:
    """A temporary file beside `path` that takes its place if the block succeeds."""
    # Not by tempfile, whose files only their owner may read.
    temporary = str(path.with_name(f".{path.name}.{uuid4().hex}"))
    try:
        yield temporary
        os.chmod(temporary, 0o644)  # mkstemp lets nobody else read
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _first(error: BaseException) -> str:
    """The first sentence of a message, for messages of one sentence."""
    text = str(error).strip().split("\n")[0].split(". ")[0]
    return text.rstrip(".") or type(error).__name__
