"""The results of an experiment by its name: from its store, or from its committed table."""

from __future__ import annotations

import tempfile
from pathlib import Path

from validation.experiments.declared import DECLARED, grid_named
from validation.experiments.grid_files import read_grid
from validation.experiments.recover import recover
from validation.experiments.runner import declare
from validation.experiments.store import Store
from validation.experiments.summaries import Results


def results_named(name: str, out: Path, models: Path = Path("models")) -> Results:
    """Read the finished rows of an experiment.

    Parameters
    ----------
    name : str
        An experiment, its grid file, or a store NAME.sqlite or a table NAME.csv itself.
    out : path
        The folder of NAME.sqlite. Where there is none, NAME.csv is read, as `rnnbounds table
        --format csv` wrote it; a fresh clone has these.
    models : path
        The folder of the trained networks that a declared experiment is about.

    Raises
    ------
    ValueError
        If there is neither, or nothing in it.
    """
    path = Path(name)
    table = path if path.suffix == ".csv" else out / f"{experiment_name(name)}.csv"
    if path.suffix == ".csv":
        if not path.is_file():
            raise ValueError(f"there is no table {path}")
    else:
        stored = path if path.suffix == ".sqlite" else out / f"{experiment_name(name)}.sqlite"
        if path.suffix != ".sqlite" and not stored.is_file() and not table.is_file():
            raise ValueError(
                f"there is neither a file {stored} nor a table {table}: run the experiment first"
            )
        if path.suffix == ".sqlite" or stored.is_file():
            with Store(stored, read_only=True) as store:
                return Results.read(store)
    return _from_table(name, table, models)


def experiment_name(name: str) -> str:
    """Return what the files of an experiment begin with."""
    path = Path(name)
    return path.stem if path.suffix in (".toml", ".sqlite", ".csv") else name


def _from_table(name: str, table: Path, models: Path) -> Results:
    plan = Path(name) if name.endswith(".toml") else table.with_suffix(".toml")
    if plan.is_file():
        grid = read_grid(plan)
    elif table.stem in DECLARED:
        grid = grid_named(table.stem, models)
    else:
        raise ValueError(
            f"{table} is no table of an experiment that is declared, and there is no {plan}"
        )
    with tempfile.TemporaryDirectory() as folder, Store(Path(folder) / "rows.sqlite") as store:
        recover(grid, table, store)
        declare(grid, store)
        return Results.read(store)
