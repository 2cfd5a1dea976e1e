"""Rows that a committed table holds need not be computed again."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from validation.experiments.declared import grid_named
from validation.experiments.grids import row_key
from validation.experiments.recover import recover
from validation.experiments.store import Store
from validation.experiments.summaries import Results
from validation.experiments.tables import written

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("name", ["digits", "pixel-mnist", "sotu"])
def test_the_committed_rows_come_back_and_are_written_as_they_stand(name, tmp_path):
    grid, path = grid_named(name, ROOT / "models"), ROOT / "results" / f"{name}.csv"
    lines = list(csv.DictReader(io.StringIO(path.read_text())))
    with Store(tmp_path / "rows.sqlite") as store:
        assert recover(grid, path, store) == len(lines)
        rows = {row_key(row): row for row in [*grid.rows(), *(grid.rows(True))]}
        held = store.keys()
        store.put_fact("grid", {"keys": [key for key in rows if key in held]})
        again = list(csv.DictReader(io.StringIO(written(Results.read(store), "csv"))))
    assert sorted(map(str, again)) == sorted(map(str, lines))


@pytest.mark.parametrize(
    ("text", "message"),
    [(None, "there is no table"), ("a,b\n1,2\n", "must be a table in CSV, it has no column")],
)
def test_what_is_no_table_is_refused(text, message, tmp_path):
    path = tmp_path / "table.csv"
    if text is not None:
        path.write_text(text)
    with Store(tmp_path / "rows.sqlite") as store, pytest.raises(ValueError, match=message):
        recover(grid_named("digits", ROOT / "models"), path, store)
