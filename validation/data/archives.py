"""Read the files in a folder or an archive, archives inside it included, without unpacking them.

Everything stays in memory; nothing is written and nothing is executed. Formats: zip (wheels), tar
(npm and source packages), gzip, and Debian packages.
"""

from __future__ import annotations

import gzip
import io
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

DEPTH = 4
"""Archives inside archives are opened down to here."""

LARGEST = 1 << 30
"""No member of more bytes than this is read."""

Member = tuple[str, bytes]


def members(path: Path) -> list[Member]:
    """Return (name, content) of every plain file that a file, folder or archive holds.

    Raises
    ------
    ValueError
        If the path does not exist or cannot be read, or an archive is damaged or cut short.
    """
    path = Path(path)
    if not path.exists():
        raise ValueError(f"{path} must be a file, a folder or an archive, but it does not exist")
    files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
    found: list[Member] = []
    for file in files:
        if file.stat().st_size <= LARGEST:
            found += _opened(str(file), file.read_bytes(), DEPTH)
    return found


def _opened(name: str, data: bytes, depth: int) -> Iterator[Member]:
    opener = next((read for magic, read in _OPENERS if data.startswith(magic)), None)
    if opener is None and data[257:262] == b"ustar":
        opener = _tar
    # An npz file is a zip, and what a data set is made of.
    if opener is None or depth == 0 or name.endswith(".npz"):
        yield name, data
        return
    try:
        inner = list(opener(name, data))
    except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError, *_DAMAGED) as error:
        raise ValueError(f"{name} is damaged or cut short: {error}") from None
    for inner_name, content in inner:
        yield from _opened(inner_name, content, depth - 1)


def _zip(name: str, data: bytes) -> Iterator[Member]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for info in archive.infolist():
            if not info.is_dir() and info.file_size <= LARGEST:
                yield info.filename, archive.read(info)


def _tar(name: str, data: bytes) -> Iterator[Member]:
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        for info in archive:
            file = archive.extractfile(info) if info.isreg() and info.size <= LARGEST else None
            if file is not None:
                yield info.name, file.read()


def _gzip(name: str, data: bytes) -> Iterator[Member]:
    with gzip.open(io.BytesIO(data)) as file:
        yield name.removesuffix(".gz").removesuffix(".tgz"), _bounded(file.read(LARGEST + 1))


def _xz(name: str, data: bytes) -> Iterator[Member]:
    with lzma.open(io.BytesIO(data)) as file:
        yield name.removesuffix(".xz"), _bounded(file.read(LARGEST + 1))


def _debian(name: str, data: bytes) -> Iterator[Member]:
    """Members of an ar archive: a header of 60 bytes, the content, padded to an even length."""
    place = 8
    while place + 60 <= len(data):
        label = data[place : place + 16].decode("ascii", "replace").strip().rstrip("/")
        size = int(data[place + 48 : place + 58])
        content = data[place + 60 : place + 60 + size]
        if len(content) < size:
            raise ValueError(f"{label} should have {size} bytes, {len(content)} are there")
        if label.endswith(".zst"):
            raise ValueError("it is compressed with zstandard; unpack it and give the folder")
        yield label, content
        place += 60 + size + size % 2


def _bounded(data: bytes) -> bytes:
    if len(data) > LARGEST:
        raise ValueError(f"it holds more than {LARGEST} bytes")
    return data


_DAMAGED = (zipfile.BadZipFile, tarfile.TarError)

_OPENERS = (
    (b"PK\x03\x04", _zip),
    (b"\x1f\x8b", _gzip),
    (b"\xfd7zXZ\x00", _xz),
    (b"!<arch>\n", _debian),
)
