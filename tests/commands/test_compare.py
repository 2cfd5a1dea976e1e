"""`rnnbounds compare` from outside: table, JSON, figures, and the mistakes of users."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from bounds.terms import FIXED_RADII, ORDER_ONLY, VALID
from pruning import RNN, save_network
from validation.commands import main

MODEL, DATA = ("--model", "net.npz"), ("--data", "good.npz")


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 6, 2))
    y = (x.sum(axis=(1, 2)) > 0).astype(np.int64)
    np.savez(tmp_path / "good.npz", x=x[:40], y=y[:40], x_test=x[40:], y_test=y[40:])
    np.savez(tmp_path / "no_test.npz", x=x, y=y)
    np.savez(tmp_path / "steps.npz", x=x, y=np.zeros((60, 6), dtype=np.int64))
    np.savez(tmp_path / "wide.npz", x=np.zeros((4, 6, 5)), y=np.array([0, 1, 1, 0]))
    np.savez(tmp_path / "constant.npz", x=x * [1, 0], y=y)
    weights = (np.eye(4) * 0.5, rng.normal(size=(4, 2)), np.zeros(4), rng.normal(size=(2, 4)))
    save_network(tmp_path / "net.npz", RNN(*weights, np.zeros(2), "relu"))
    steep = (np.eye(4) * 1e70, *weights[1:])
    save_network(tmp_path / "steep.npz", RNN(*steep, np.zeros(2), "tanh"))
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "mine.txt").write_text("")
    monkeypatch.chdir(tmp_path)


def strict(path: Path) -> list:
    """Parse JSON and refuse what the standard does not know."""

    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is not JSON")

    return json.loads(path.read_text(), parse_constant=refuse)


def run(*words: object) -> None:
    """Run the command; it must end well."""
    with pytest.raises(SystemExit) as stop:
        main(["compare", *map(str, words)])
    if stop.value.code:
        raise SystemExit(stop.value.code)


def test_the_json_is_a_list_of_bounds_with_their_terms(tmp_path, capsys):
    run(*MODEL, *DATA, "--json", "out.json")
    rows = strict(tmp_path / "out.json")
    for row in rows:
        assert {"id", "total", "label", "terms", "k", "n", "T"} <= set(row)
        known = (VALID, FIXED_RADII, ORDER_ONLY)
        assert row["label"] in known or row["label"].startswith("hypothesis violated: ")
        if row["total"] is not None:
            assert sum(t["value"] for t in row["terms"]) == pytest.approx(row["total"], rel=1e-9)
    assert {row["k"] for row in rows} == {2}
    printed = capsys.readouterr().out
    for row in rows:
        assert row["name"] in printed
    assert "theorem.fixed_nodes[weighted_from_mean]" in printed
    assert "95 % interval" in printed
    assert "0-1 loss without looking" in printed


def test_hypotheses_that_fail_are_shown_as_such(tmp_path):
    run(*MODEL, "--data", "constant.npz", "--json", "out.json")
    labels = {row["id"]: row["label"] for row in strict(tmp_path / "out.json")}
    assert labels["others.chen2020"] == "hypothesis violated: bounded activation, relu is not"
    assert "E x x^T is singular" in labels["others.tu2020"]
    assert labels["others.zhang2018"] == ORDER_ONLY


def test_sizes_are_compared_one_by_one(tmp_path):
    run(*MODEL, *DATA, "--nodes", "1,3,4", "--json", "out.json")
    rows = strict(tmp_path / "out.json")
    assert sorted({row["k"] for row in rows}) == [1, 3, 4]
    whole = {row["id"] for row in rows if row["k"] == 4}
    assert "theorem.determinantal" not in whole  # nothing was pruned
    assert "theorem.fixed_nodes.net_kl" in whole


def test_figures_and_curves_go_to_a_folder(tmp_path):
    run(*MODEL, *DATA, "--out", "out")
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {
        "comparison.json",
        "curves.json",
        *(
            f"{name}.{form}"
            for name in ("comparison", "comparison_not_valid", "nodes")
            for form in ("svg", "png", "pdf")
        ),
    }
    curves = strict(tmp_path / "out" / "curves.json")
    assert [sweep["axis"] for sweep in curves["sweeps"]] == ["k", "n", "T"]
    n = curves["sweeps"][1]
    assert (n["x"][0], n["x"][-1]) == (10**2, 10**8)
    assert curves["smaller_than_1_from_n"]["theorem.stratified.net_kl"] > 40
    needed = curves["nodes_for_4_lam_N"]["nodes"]
    pairs = zip(needed["greedy"], needed["volume.dof"])
    assert all(greedy <= theorem for greedy, theorem in pairs)


def test_overflow_is_a_power_of_ten(tmp_path, capsys):
    run("--model", "steep.npz", *DATA, "--json", "out.json")
    rows = {row["id"]: row for row in strict(tmp_path / "out.json")}
    assert rows["others.tu2020"]["total"] is None
    assert rows["others.tu2020"]["log10_total"] > 308
    printed = capsys.readouterr().out
    assert "10^" in printed
    assert "inf" not in printed.replace("inform", "")


def test_without_test_data_there_is_no_bound_on_them(tmp_path):
    run(*MODEL, "--data", "no_test.npz", "--json", "out.json")
    ids = {row["id"] for row in strict(tmp_path / "out.json")}
    assert not ids & {"others.maurer_pontil", "others.test_set_binomial"}


MISTAKES = {
    "unknown data": (
        (*MODEL, "--data", "mnist"),
        "row-fashion-mnist or an npz file",
    ),
    "missing model": (("--model", "nothing.npz", *DATA), "nothing.npz"),
    "model is data": (("--model", "good.npz", *DATA), "good.npz"),
    "labels of every step": ((*MODEL, "--data", "steps.npz"), "one label a sequence"),
    "model that reads less": ((*MODEL, "--data", "wide.npz"), "inputs of dimension 2"),
    "nodes beyond m": ((*MODEL, *DATA, "--nodes", "5"), "nodes must be an integer from 0 to 4"),
    "nodes in words": ((*MODEL, *DATA, "--nodes", "few"), "integers such as 8,16,32"),
    "gamma": ((*MODEL, *DATA, "--gamma", "0"), "gamma must be positive"),
    "delta": ((*MODEL, *DATA, "--delta", "1"), "delta must lie strictly between 0 and 1"),
    "pixels of another set": ((*MODEL, *DATA, "--pixels"), "form of the digits"),
    "json in no folder": ((*MODEL, *DATA, "--json", "no/where.json"), "there is no folder"),
    "json is a folder": ((*MODEL, *DATA, "--json", "folder"), "must be a file"),
    "out holds other files": ((*MODEL, *DATA, "--out", "folder"), "'mine.txt'"),
    "activation": (("--activation", "sine", *DATA), "activation must be one of tanh, relu"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_answered_by_one_sentence(tmp_path, capsys, mistake):
    words, said = MISTAKES[mistake]
    before = sorted(tmp_path.rglob("*"))

    with pytest.raises(SystemExit) as stop:
        run(*words)

    printed = capsys.readouterr()
    assert stop.value.code == 2
    assert said in printed.err
    assert printed.err.startswith("rnnbounds: ")
    assert printed.err.count("\n") == 1
    assert sorted(tmp_path.rglob("*")) == before


def test_as_a_user_runs_it(rnnbounds, tmp_path):
    done = rnnbounds("compare", *MODEL, *DATA, "--json", "out.json")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "others.test_set_binomial" in done.stdout
    assert len(strict(tmp_path / "out.json")) > 30


CONSTRAINED = Path(__file__).parents[2] / "models" / "row-mnist-14-constrained.safetensors"


def test_a_class_fixed_in_advance_makes_a_bound_valid(tmp_path, monkeypatch):
    """The committed network on images that only look like its data; nothing is fetched."""
    from validation.data import images
    from validation.data.dataset import Dataset
    from validation.training.constrained import constrained_bound_on

    rng = np.random.default_rng(1)
    x = rng.random((300, 14, 14)).astype(np.float32)
    y = rng.integers(0, 10, size=300)
    asked = []

    def pictures(*words: object, **options: object) -> Dataset:
        asked.append((words, options))
        return Dataset("pictures", x[:200], y[:200], x[200:], y[200:])

    monkeypatch.setattr(images, "images", pictures)
    run("--model", CONSTRAINED, "--data", "row-mnist-14", "--json", "out.json")

    assert asked == [(("mnist", "rows"), {"halvings": 1})]
    rows = strict(tmp_path / "out.json")
    own = rows[0]
    assert (own["id"], own["label"]) == ("theorem.fixed_nodes", VALID)
    expected = constrained_bound_on(CONSTRAINED, x[:200], y[:200])
    assert own["total"] == pytest.approx(expected.total, rel=1e-12)
    assert {row["id"]: row["label"] for row in rows}["theorem.fixed_nodes.net_kl"] == VALID


def test_a_class_fixed_in_advance_is_not_pruned(capsys):
    with pytest.raises(SystemExit) as stop:
        run("--model", CONSTRAINED, *DATA, "--nodes", "4")
    assert stop.value.code == 2
    assert "--nodes must be left out with a network whose class" in capsys.readouterr().err
