"""Finished rows in one SQLite file, each written in a transaction of its own."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from validation.output.schema import Facts, Record

# One transaction: who reads, or was killed, in between must not find one table without the other.
_SCHEMA = """
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS rows (
    key TEXT PRIMARY KEY, settings TEXT NOT NULL, result TEXT NOT NULL, seconds REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
COMMIT;
"""


class Store:
    """The rows of an experiment.

    A row is in the file when `add` returns, and whoever kills the process at any moment finds every
    row that was added and no part of another. Several processes may use one file.

    Parameters
    ----------
    path : path
        Made, with its folder, if it does not exist.
    read_only : bool
        The file must exist, and is not changed.

    Raises
    ------
    ValueError
        If it cannot be opened, or is not such a file.
    """

    def __init__(self, path: str | Path, read_only: bool = False) -> None:
        self.path = Path(path)
        if read_only and not self.path.is_file():
            raise ValueError(f"there is no file {self.path}: run the experiment first")
        if not read_only:
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise ValueError(f"{self.path} cannot be written: {error.strerror}") from None
        # Not "ro": whoever was killed may have left a journal that a reader must roll back.
        mode = "rw" if read_only else "rwc"
        with self._named_errors("cannot be opened as a store of rows"):
            self._db = sqlite3.connect(
                f"{self.path.resolve().as_uri()}?mode={mode}", uri=True, timeout=60
            )
        try:
            with self._named_errors("cannot be opened as a store of rows"):
                if not read_only:
                    # A commit returns when the row is on the disk.
                    self._db.execute("PRAGMA synchronous = FULL")
                    self._db.executescript(_SCHEMA)
                elif not self._db.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone():
                    raise ValueError("it holds nothing yet, run the experiment first")
                self._db.execute("SELECT key, settings, result, seconds FROM rows LIMIT 1")
                self._db.execute("SELECT name, value FROM facts LIMIT 1")
        except ValueError:
            self._db.close()
            raise

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *exception: object) -> None:
        self._db.close()

    def keys(self) -> set[str]:
        """Return the keys of the finished rows."""
        with self._named_errors("cannot be read"):
            return {key for (key,) in self._db.execute("SELECT key FROM rows")}

    def add(self, key: str, settings: Facts, result: Facts, seconds: float) -> None:
        """Store a finished row; one that is there already is left as it is.

        Raises
        ------
        ValueError
            If it cannot be written, on a full disk for instance. The rows that were there are kept.
        """
        self.add_all([(key, settings, result, seconds)])

    def add_all(self, rows: Iterable[tuple[str, Facts, Facts, float]]) -> None:
        """Store rows as `add` does, all of them or none: one commit, however many there are."""
        values = [
            (key, _json(settings), _json(result), seconds)
            for key, settings, result, seconds in rows
        ]
        with self._named_errors("cannot take another row"), self._db:
            self._db.executemany("INSERT OR IGNORE INTO rows VALUES (?, ?, ?, ?)", values)

    def rows(self, keys: Iterable[str]) -> list[Record]:
        """Return the finished ones among these rows, in this order: settings and result."""
        with self._named_errors("cannot be read"):
            found = {
                key: {**json.loads(settings), **json.loads(result)}
                for key, settings, result in self._db.execute(
                    "SELECT key, settings, result FROM rows"
                )
            }
        return [found[key] for key in keys if key in found]

    def results(self, keys: Iterable[str]) -> dict[str, tuple[Record, float]]:
        """Return result and seconds of the finished ones among these rows, by key."""
        with self._named_errors("cannot be read"):
            found = {
                key: (json.loads(result), seconds)
                for key, result, seconds in self._db.execute(
                    "SELECT key, result, seconds FROM rows"
                )
            }
        return {key: found[key] for key in keys if key in found}

    def seconds(self) -> float:
        """Return the processor time that all rows took, added up."""
        with self._named_errors("cannot be read"):
            [(total,)] = self._db.execute("SELECT TOTAL(seconds) FROM rows")
        return float(total)

    def put_fact(self, name: str, value: object) -> None:
        """Store a value of JSON under a name, in place of an older one."""
        with self._named_errors("cannot be written"), self._db:
            self._db.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, _json(value)))

    def fact(self, name: str) -> Any:
        """Return the value of this name; None if there is none."""
        with self._named_errors("cannot be read"):
            found = self._db.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return None if found is None else json.loads(found[0])

    def clear(self) -> None:
        """Forget every row."""
        with self._named_errors("cannot be written"), self._db:
            self._db.execute("DELETE FROM rows")

    @contextmanager
    def _named_errors(self, what: str) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, ValueError) as error:
            raise ValueError(f"{self.path} {what}: {error}") from None


def _json(value: object) -> str:
    return json.dumps(value, sort_keys=True, allow_nan=False)
