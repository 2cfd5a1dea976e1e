"""Finished rows from a committed table, for a machine that has not its store."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from validation.experiments.grids import Grid, is_trained, row_key
from validation.experiments.store import Store
from validation.output.schema import Facts, Record

_BLOCKS = ("w_hidden", "w_input", "b_hidden", "w_output", "b_output")
_BOUNDS = (
    "error", "log10_trajectory", "log10_best", "log10_toeplitz", "log10_global", "risk",
    "log10_theorem",
)  # fmt: skip


def gather(grid: Grid, paths: Iterable[str | Path], store: Store) -> int:
    """Store the rows of the grid that other stores hold, or tables in CSV; return how many are new.

    Parameters
    ----------
    grid : Grid
    paths : paths
        Each a store NAME.sqlite of another machine or of a part, or a table as in `recover`. A row
        that is there already is left as it is, so that the first of them counts.
    store : Store

    Raises
    ------
    ValueError
        If one of them is missing, or is neither.
    """
    before = len(store.keys())
    rows = {row_key(row): row for row in _all_rows(grid)}
    for path in map(Path, paths):
        if path.suffix != ".sqlite":
            recover(grid, path, store)
            continue
        with Store(path, read_only=True) as other:
            found = other.results(rows).items()
        store.add_all((key, rows[key], result, seconds) for key, (result, seconds) in found)
    return len(store.keys()) - before


def recover(grid: Grid, path: str | Path, store: Store) -> int:
    """Store the rows of the grid that the CSV of `rnnbounds table --format csv` holds.

    A row that the store has already is left as it is. The seconds are lost; who reads a table that
    an older version has written must know that its rows are those of the versions now.

    Parameters
    ----------
    grid : Grid
    path : path
    store : Store

    Returns
    -------
    int
        How many rows of the grid were found.

    Raises
    ------
    ValueError
        If there is no such file, or it is not such a table.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"there is no table {path}")
    with path.open(newline="") as file:
        reader = csv.DictReader(file)
        missing = {"what", "method", "k", "seed", "score", "label"} - set(reader.fieldnames or ())
        if missing:
            raise ValueError(f"{path} must be a table in CSV, it has no column {min(missing)}")
        lines = list(reader)
    full = max((int(line["steps"]) for line in lines if line["what"] == "bound"), default=None)
    places = {_place_of_line(line, full): line for line in lines}
    found = [
        (key, row, _result(line), 0.0)
        for key, row in {row_key(row): row for row in _all_rows(grid)}.items()
        if (line := places.get(_place_of_row(row))) is not None
    ]
    store.add_all(found)
    return len(found)


def _all_rows(grid: Grid) -> list[Record]:
    return [*grid.rows(), *(grid.rows(True) if grid.fine_tuning else ())]


def _place_of_line(line: Mapping[str, str], full: int | None) -> tuple[Any, ...]:
    """What tells a row from the others; `full` is the length of whole sequences, T = None."""
    numbers = tuple(float(line[name]) if line[name] else None for name in ("k", "theta", "tau"))
    T = int(line["steps"]) if line["what"] == "bound" else None
    T = None if full == T else T
    return (line["what"], line["method"], *numbers, int(line["seed"]), bool(line["trained"]), T)


def _place_of_row(row: Facts) -> tuple[Any, ...]:
    numbers = tuple(row[name] for name in ("k", "theta", "tau"))
    return (row["what"], row["method"], *numbers, row["seed"], is_trained(row), row.get("T"))


def _result(line: Mapping[str, str]) -> Record:
    if line["what"] == "bound":
        values = {name: float(line[name]) if line[name] else None for name in _BOUNDS}
        return {"steps": int(line["steps"]), "n": int(line["n"]), **values, "label": line["label"]}
    result: Record = {"score": float(line["score"]) if line["score"] else None}
    if line["w_hidden"]:
        result["parameters"] = {name: int(line[name]) for name in _BLOCKS}
        result["nodes"] = int(line["nodes"])
    if line["lost"]:
        result["lost"] = float(line["lost"])
    return result
