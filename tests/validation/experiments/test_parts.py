"""Parts of an experiment, finished here and there, and put together."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from pruning.baselines import METHODS
from validation.commands import main
from validation.experiments import row_data, workbench
from validation.experiments.grid_files import read_grid
from validation.experiments.recover import gather
from validation.experiments.store import Store
from validation.experiments.workbench import Task, finish

ROOT = Path(__file__).parents[3]
CLOSED = "balanced, closed loop"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    for seed in range(2):
        shutil.copy(ROOT / "models" / f"digits-{seed}.safetensors", tmp_path)
    (tmp_path / "grid.toml").write_text(
        'network = ["digits-0.safetensors", "digits-1.safetensors"]\n'
        'data = {loader = "digits"}\n'
        f'methods = ["spectral", "magnitude nodes", "{CLOSED}"]\n'
        "nodes = [4, 6]\n"
        "bound_sequences = 50\n"
        "fine_tuning = {epochs = 1, learning_rate = 1e-3}\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RNNBOUNDS_DATA", str(tmp_path / "cache"))
    monkeypatch.setattr(row_data, "_HELD", {})
    return tmp_path


def ended(*words):
    placed = [] if "--no-run" in words else ["--workers", "1"]
    with pytest.raises(SystemExit) as end:
        main(["experiment", "grid.toml", *placed, *words])
    return end.value.code


def rows(out):
    with Store(Path(out) / "grid.sqlite", read_only=True) as store:
        held = store.rows(sorted(store.keys()))
    return {
        (row["what"], row["method"], row["k"], row["seed"], "fine_tuning" in row): row["score"]
        for row in held
        if row["what"] != "bound"
    }, sum(row["what"] == "bound" for row in held)


def test_a_part_is_those_rows_and_parts_together_are_the_whole(folder):
    method = ["--method", "magnitude nodes", "--method", "spectral"]
    assert ended("--out", "a", *method, "--nodes", "4", "--seed", "1", "--finetune") == 0
    found, bounds = rows("a")
    assert set(found) == {("score", name, 4, 1, False) for name in ("spectral", "magnitude nodes")}
    assert bounds == 0
    assert ended("--out", "b", "--seed", "0") == 0
    assert ended("--out", "c", "--seed", "1", "--take", "a/grid.sqlite") == 0
    assert ended("--out", "all") == 0
    assert (
        ended("--out", "d", "--take", "b/grid.sqlite", "--take", "c/grid.sqlite", "--no-run") == 0
    )
    assert rows("d") == rows("all")
    again = read_grid("grid.toml")
    with Store("e/grid.sqlite") as store:
        assert gather(again, ["b/grid.sqlite", "c/grid.sqlite"], store) == len(again.rows())
        assert gather(again, ["b/grid.sqlite"], store) == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--method", "random nodes"], "a method of the part must be one of whole network, spec"),
        (["--nodes", "5"], "a size of the part must be one of (4, 6), got 5"),
        (["--seed", "2"], "a seed of the part must be one of 0..1, got 2"),
        (["--take", "none.sqlite"], "there is no file none.sqlite"),
        (["--take", "none.csv"], "there is no table none.csv"),
    ],
)
def test_what_is_not_there_is_one_sentence(folder, capsys, words, message):
    assert ended("--out", "a", *words) == 2
    assert message in " ".join(capsys.readouterr().err.replace("│", " ").split())
    assert not (folder / "a").exists()


@pytest.mark.parametrize("name", [CLOSED, "balanced, read-out"])
def test_a_fit_is_made_once_before_and_after_fine_tuning(folder, monkeypatch, name):
    grid_file = Path("grid.toml")
    grid_file.write_text(grid_file.read_text().replace(CLOSED, name))
    calls = []
    method = METHODS[name]

    def counted(*arguments, **options):
        calls.append(options.get("refit", "its own"))
        return method.call(*arguments, **options)

    changed = type(method)(counted, method.matched, method.takes, method.draws, refit=method.refit)
    monkeypatch.setattr(workbench, "method_named", lambda name: changed)
    grid = read_grid("grid.toml")
    wanted = [
        row
        for row in grid.rows(True)
        if row["method"] == name and row["k"] == 6 and row["seed"] == 1
    ]
    tasks = [Task(str(i), row, grid.network(1)[0], grid.data) for i, row in enumerate(wanted)]
    before, _ = (finish(task)[1] for task in tasks)
    assert calls == ["its own", None]
    again = finish(tasks[0])[1]
    assert calls == ["its own", None, None]
    assert again == before
    [held] = (folder / "cache" / "fitted").glob("*.npz")
    held.write_bytes(held.read_bytes()[:-50])  # a damaged one is no network
    assert finish(tasks[0])[1] == before
    assert calls[-1] == "its own"
    assert np.isfinite(before["score"])
