"""`rnnbounds report` from outside: what it writes, and that it writes the same again."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from pruning import RNN, save_network

QUICK = ("--epochs", "2", "--seeds", "2", "--activation", "tanh", "--nodes", "8,32", "--hidden", 40)
TOP = ("bounds", "chain", "measured", "network", "settings")


def strict(text: str) -> dict:
    """Parse JSON and refuse what the standard does not know."""

    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is not JSON")

    return json.loads(text, parse_constant=refuse)


@pytest.fixture
def own(tmp_path: Path) -> tuple[Path, Path]:
    """A network and a data set of a user's own, with a growth that no float holds."""
    rng = np.random.default_rng(0)
    rnn = RNN(
        100 * np.eye(6) + rng.standard_normal((6, 6)),
        rng.standard_normal((6, 2)),
        np.zeros(6),
        rng.standard_normal((3, 6)),
        np.zeros(3),
        "tanh",
    )
    save_network(tmp_path / "own.npz", rnn)
    x = rng.standard_normal((12, 200, 2))
    np.savez(tmp_path / "data.npz", x=x, y=rng.integers(0, 3, 12))
    return tmp_path / "own.npz", tmp_path / "data.npz"


def test_a_quick_report_is_complete_and_the_same_again(rnnbounds, tmp_path):
    first = rnnbounds("report", *QUICK, "--out", "first")
    again = rnnbounds("report", *QUICK, "--out", "again", "--workers", 1)

    assert first.returncode == again.returncode == 0, first.stderr + again.stderr
    assert {path.name for path in (tmp_path / "first").iterdir()} == {
        "index.html",
        "report.json",
        "figures",
    }
    texts = [(tmp_path / name / "report.json").read_text() for name in ("first", "again")]
    assert texts[0] == texts[1]
    values = strict(texts[0])
    assert set(TOP) <= set(values)
    fixed = values["bounds"][0]
    assert fixed["id"] == "theorem.fixed_nodes"
    assert fixed["total"] == pytest.approx(sum(term["value"] for term in fixed["terms"]))
    assert values["settings"]["data"]["permutation_seed"] == 0
    page = (tmp_path / "first" / "index.html").read_text()
    assert not re.search(r'src="?(https?:|//)|<link|url\(["\']?http|@import|<script', page)
    figures = tmp_path / "first" / "figures"
    names = {path.stem for path in figures.iterdir()} - {"captions"}
    assert {path.name for path in figures.iterdir()} == {"captions.md"} | {
        f"{name}.{form}" for name in names for form in ("svg", "png", "pdf")
    }
    said = set(re.findall(r"^## (.*)$", (figures / "captions.md").read_text(), re.MULTILINE))
    assert said == names - {"overview"}
    # The table of accuracies is too wide for 100 columns: its rows are records.
    assert "spectral, with reconstruction" in first.stdout
    assert "…" not in first.stdout
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_a_bound_beyond_floats_is_null_in_the_json_and_its_logarithm_is_not(
    rnnbounds, tmp_path, own
):
    model, data = own
    done = rnnbounds("report", "--model", model, "--data", data, "--nodes", "2,3", "--seeds", 1)

    assert done.returncode == 0, done.stderr
    values = strict((tmp_path / "report" / "report.json").read_text())
    total = values["bounds"][0]
    assert total["total"] is None
    assert total["log10_total"] > 308
    assert values["measured"]["reference"]["pruned"]["test_accuracy"] is None
    assert "10^" in (tmp_path / "report" / "index.html").read_text()


def test_a_failing_run_leaves_the_older_report_alone(rnnbounds, tmp_path, own):
    model, data = own
    report = tmp_path / "report"
    report.mkdir()
    (report / "report.json").write_text("{}")
    (report / "index.html").write_text("the old one")

    done = rnnbounds("report", "--model", model, "--data", data, "--nodes", "3,7")

    assert done.returncode == 2
    assert (report / "index.html").read_text() == "the old one"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data.npz", "own.npz", "report"]


def test_a_report_takes_the_place_of_an_older_one(rnnbounds, tmp_path, own):
    model, data = own
    report = tmp_path / "report"
    (report / "figures").mkdir(parents=True)
    (report / "figures" / "old.png").write_text("")
    (report / "report.json").write_text("{}")

    done = rnnbounds("report", "--model", model, "--data", data, "--nodes", "3", "--seeds", 1)

    assert done.returncode == 0, done.stderr
    assert not (report / "figures" / "old.png").exists()
    assert strict((report / "report.json").read_text())["network"]["k"] == 3


def test_an_interrupted_report_ends_quietly_and_leaves_the_older_one(tmp_path):
    report = tmp_path / "report"
    report.mkdir()
    (report / "index.html").write_text("the old one")
    # A shell's background job hands "ignore SIGINT" on to what it starts.
    hear = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    call = "from validation.commands import main; main(['report', '--epochs', '1000'])"
    command = [sys.executable, "-c", hear + call]

    with subprocess.Popen(
        command, cwd=tmp_path, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as running:
        while not list(tmp_path.glob(".report-*")):
            assert running.poll() is None
            time.sleep(0.05)
        # Ctrl-C reaches the whole group, the workers too.
        os.killpg(running.pid, signal.SIGINT)
        _, said = running.communicate(timeout=60)

    assert running.returncode == 130
    assert "rnnbounds: interrupted" in said
    assert [path.name for path in tmp_path.iterdir()] == ["report"]
    assert (report / "index.html").read_text() == "the old one"
