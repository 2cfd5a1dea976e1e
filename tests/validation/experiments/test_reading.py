"""Tables and figures of an experiment from what a fresh clone holds."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import pytest

from validation.commands import main
from validation.experiments.declared import DECLARED
from validation.experiments.reading import results_named

ROOT = Path(__file__).parents[3]


@pytest.fixture
def clone(tmp_path, monkeypatch):
    """The committed results and networks, and no store."""
    shutil.copytree(
        ROOT / "results", tmp_path / "results", ignore=shutil.ignore_patterns("*.sqlite*")
    )
    (tmp_path / "models").symlink_to(ROOT / "models")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def ended(capsys, *words):
    with pytest.raises(SystemExit) as ends:
        main(words)
    return ends.value.code, capsys.readouterr()


TABLES = sorted(
    path.stem
    for path in (ROOT / "results").glob("*.csv")
    if path.read_text().startswith("what,method,k,")
)


def test_the_tables_of_the_experiments_are_found():
    assert {*DECLARED, "row-mnist-long", "pixel-mnist-long", "ptb-long", "ptb-refit"} <= {*TABLES}


@pytest.mark.parametrize("name", TABLES)
def test_the_table_of_a_fresh_clone_is_the_committed_one(clone, capsys, name):
    code, said = ended(capsys, "table", name)
    assert code == 0
    assert said.out == (clone / "results" / f"{name}.md").read_text("utf-8")
    assert not list(clone.glob("**/*.sqlite*"))


def test_the_csv_of_a_csv_has_the_same_rows(clone, capsys):
    _, said = ended(capsys, "table", "results/digits.csv", "--format", "csv")
    again = list(csv.reader(said.out.splitlines()))
    with (clone / "results" / "digits.csv").open(newline="") as file:
        assert sorted(again) == sorted(csv.reader(file))


def test_figures_go_to_a_folder_of_their_own(clone, capsys):
    before = {path: path.stat().st_mtime_ns for path in (clone / "results").iterdir()}
    code, said = ended(capsys, "plot", "sotu", "--format", "pdf")
    assert code == 0
    assert "wrote figures/sotu-methods.pdf" in said.out
    assert (clone / "figures" / "sotu-methods.pdf").read_bytes().startswith(b"%PDF")
    assert {path: path.stat().st_mtime_ns for path in (clone / "results").iterdir()} == before


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "nothing",
            "there is neither a file results/nothing.sqlite nor a table results/nothing.csv: "
            "run the experiment first",
        ),
        ("nothing.csv", "there is no table nothing.csv"),
        ("results/gates.csv", "there is no table results/gates.csv"),
        ("README.md", "there is neither a file results/README.md.sqlite nor a table"),
    ],
)
def test_what_is_not_there_is_one_sentence(clone, capsys, name, message):
    code, said = ended(capsys, "table", name)
    assert code == 2
    assert message in said.err
    assert said.err.count("\n") == 1


def test_at_most_five_methods_are_in_colour_and_named():
    from validation.experiments.plots import scores_over_nodes

    results = results_named("digits", ROOT / "results", ROOT / "models")
    ax = scores_over_nodes(results)
    said = {text.get_text() for text in ax.texts}
    assert "spectral" in said
    assert "whole network" in said
    assert len(said) == 6
    assert f"grey: {len(results.methods) - 5} other methods" in ax.get_xlabel()
