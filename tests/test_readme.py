"""What the README tells its reader to do works."""

from __future__ import annotations

import importlib
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers.programs import run_program

from pruning import initial_rnn, load_network, save_network
from pruning.baselines import METHODS
from validation.commands import COMMANDS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
FIRST = README[: README.index("## ")]
"""The first screen: nothing is in it that is not run here, or by the whole suite (`make test`)."""


def test_the_example_runs_as_it_stands(tmp_path):
    _, example = BLOCKS

    first, *table = run_program(example, tmp_path).splitlines()
    found = re.fullmatch(r"32 of 64 nodes: test accuracy (\d+\.\d)%", first)
    assert found
    # Ten epochs in place of sixty; guessing is at 10 %.
    assert float(found[1]) > 60
    assert [line.split("  ")[0] for line in table] == [
        "theorem.fixed_nodes[saturation]",
        "empirical loss",
        "approximation",
        "complexity",
        "confidence",
        "total",
    ]
    assert "fixed in advance" in table[-1]


def test_the_example_is_about_ten_lines():
    for example in BLOCKS:
        assert len([line for line in example.splitlines() if line]) <= 11


def test_of_the_lemmas_one_holds_and_one_is_violated(tmp_path):
    (tmp_path / "lemmas.py").write_text(BLOCKS[0])
    assert ".venv/bin/rnnbounds verify lemmas.py" in FIRST
    command = ["verify", "--quick", "--json", "out.json", "lemmas.py"]
    done = subprocess.run(
        [sys.executable, "-c", "from validation.commands import main; main()", *command],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    verdicts = {row["id"]: row for row in json.loads((tmp_path / "out.json").read_text())}
    assert verdicts["mine.trace"]["verdict"] == "holds"
    assert verdicts["mine.leverage"]["verdict"] == "violated"
    shown = done.stdout[done.stdout.index("mine.leverage is violated") :]
    size = int(re.search(r'"m": (\d+)', shown)[1])
    assert size <= 3


def test_the_number_of_methods_is_that_of_the_table():
    assert f"by {len(METHODS)} methods." in README


@pytest.mark.parametrize("target", re.findall(r"\]\(([^)]+)\)", README))
def test_every_link_leads_somewhere(target):
    assert (ROOT / target).is_file()


@pytest.mark.parametrize("name", re.findall(r"^make (\S+)", README, re.MULTILINE))
def test_every_make_target_exists(name):
    assert re.search(rf"^{name}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


def test_the_command_for_an_own_network_has_the_options_it_names():
    from validation.commands import COMMANDS, report

    [line] = re.findall(r"rnnbounds report (.*)$", README, re.MULTILINE)
    assert "report" in COMMANDS
    known = report.report.__annotations__
    assert {word.removeprefix("--") for word in line.split() if word[:2] == "--"} <= set(known)


def test_the_first_screen_is_a_sentence_two_commands_a_picture_a_lemma_and_a_network():
    blocks = re.findall(r"```(\w*)\n(.*?)```", FIRST, re.DOTALL)
    assert [kind for kind, _ in blocks] == ["sh", "python", "sh", "", "sh"]
    assert [line.split("#")[0].strip() for line in blocks[0][1].splitlines()] == [
        "make report",
        "make test",
    ]
    sentence = FIRST.split("\n\n")[1]
    assert sentence.count(". ") == 0
    makefile = (ROOT / "Makefile").read_text()
    # What tests/commands/test_report_command.py runs.
    assert re.search(r"^report: .*\n\t\$\(BIN\)/rnnbounds report --out report$", makefile, re.M)


def test_what_the_readme_shows_of_a_counterexample_is_what_is_printed():
    [shown] = re.findall(r"```\n(mine.leverage.*?)```", FIRST, re.DOTALL)
    namespace: dict = {}
    exec(compile(BLOCKS[0], "lemmas.py", "exec"), namespace)
    values = dict(line.strip().split(" = ") for line in shown.splitlines()[1:])
    S, lam = np.array(eval(values["S"])), float(values["lam"])
    left, right = namespace["leverage"].body(np, S, lam)
    np.testing.assert_array_equal(left, eval(values["left"]))
    assert right == float(values["right"])
    assert left[1] > right


def test_a_network_is_pruned_by_the_line_of_the_readme(tmp_path):
    [line] = re.findall(r"^\.venv/bin/rnnbounds (prune .*)$", FIRST, re.MULTILINE)
    rng = np.random.default_rng(0)
    save_network(tmp_path / "network.safetensors", initial_rnn(32, 3, 2, "tanh", rng=0))
    np.savez(tmp_path / "data.npz", x=rng.normal(size=(40, 6, 3)), y=rng.integers(2, size=40))
    done = subprocess.run(
        [sys.executable, "-m", "rnnbounds", *line.split()],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert load_network(tmp_path / "small.safetensors").m == 24


@pytest.mark.parametrize(
    "line", sorted(set(re.findall(r"^\.venv/bin/rnnbounds .*$", README, re.MULTILINE)))
)
def test_every_command_of_the_readme_has_the_options_it_names(line):
    _, name, *words = line.split("#")[0].split()
    module, function, _ = COMMANDS[name]
    known = set(getattr(importlib.import_module(module), function).__annotations__)
    named = {word[2:].replace("-", "_") for word in words if word.startswith("--")}
    assert named <= known


def test_the_table_of_experiments_is_that_of_the_overview():
    overview = (ROOT / "results" / "overview.md").read_text("utf-8")
    header, *wanted = _cells(overview)
    ours, *rows = _cells(README[README.index("| experiment | nodes |") :].split("\n\n")[0])
    same = {"closed loop": "balanced, closed loop"}
    places = [header.index(same.get(name, name)) for name in ours]
    links = [re.sub(r"\[(.*)\]\(results/\1\.md\)", r"\1", name) for name, *_ in rows]
    assert [[name, *row[1:]] for name, row in zip(links, rows)] == [
        [row[place] for place in places] for row in wanted
    ]


def _cells(table: str) -> list[list[str]]:
    lines = [line for line in table.splitlines() if line.startswith("| ")]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [row for row in rows if set(row[0]) != {"-"}]
