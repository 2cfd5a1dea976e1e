"""Write a file or a folder completely or not at all."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path


def write_atomically(path: str | Path, data: bytes) -> None:
    """Put `data` at `path`: whoever reads it finds the old file or the new one, never a part.

    Raises
    ------
    ValueError
        If it cannot be written, on a full disk for instance. What stood at `path` is still there.
    """
    path = Path(path)
    name = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException as error:
        if name is not None:
            with contextlib.suppress(OSError):
                os.unlink(name)
        if isinstance(error, OSError):
            raise ValueError(f"{path} cannot be written: {error.strerror}") from None
        raise


@contextmanager
def replaced_folder(
    out: str | Path, names: Collection[str], kind: str = "report"
) -> Iterator[Path]:
    """Yield an empty folder that takes the place of `out` when the block ends without an error.

    Parameters
    ----------
    out : path
        A folder that does not exist yet, is empty, or holds an older copy.
    names : collection of str
        What a copy may hold. A folder with anything else in it is somebody's, and is refused.
    kind : str
        What the message calls such a folder.

    Raises
    ------
    ValueError
        If `out` cannot be written or must not be replaced. This is found before the block runs,
        and whatever stood at `out` is left as it was.

    Notes
    -----
    The folder is filled beside `out` and renamed, so that a reader of `out` finds the old copy or
    the new one and never a mixture; only between the two renames is there none.
    """
    target = Path(out).resolve()
    check_replaceable(target, names, kind)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    except OSError as error:
        raise ValueError(f"{out} cannot be written: {error.strerror}") from None
    try:
        fresh.chmod(0o755)
        yield fresh
        _exchange(fresh, target, names, kind)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def check_replaceable(target: Path, names: Collection[str], kind: str = "report") -> None:
    """Raise a ValueError where a folder holds anything but an older copy."""
    target = target.resolve()
    if not target.exists():
        above = next(folder for folder in target.parents if folder.exists())
        if not above.is_dir() or not os.access(above, os.W_OK | os.X_OK):
            what = "no folder that can be written to" if above.is_dir() else "a file"
            raise ValueError(f"{target} cannot be written: {above} is {what}")
        return
    if not target.is_dir():
        raise ValueError(f"{target} must be a folder, it is a file")
    others = sorted(path.name for path in target.iterdir() if path.name not in names)
    if others:
        raise ValueError(
            f"{target} must be a new folder, an empty one or an older {kind}, "
            f"it holds {others[0]!r}, which is no part of a {kind}"
        )


def _exchange(fresh: Path, target: Path, names: Collection[str], kind: str) -> None:
    check_replaceable(target, names, kind)  # once more: the block may have taken minutes
    if not target.exists():
        fresh.rename(target)
        return
    older = Path(tempfile.mkdtemp(prefix=f".{target.name}-older-", dir=target.parent))
    target.rename(older / target.name)
    try:
        fresh.rename(target)
    except OSError:
        (older / target.name).rename(target)
        raise
    finally:
        shutil.rmtree(older, ignore_errors=True)
