"""What the README tells its reader to do works."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def test_the_example_runs_as_it_stands(tmp_path):
    example, _ = BLOCKS

    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", example],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    first, *table = done.stdout.splitlines()
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
    (tmp_path / "lemmas.py").write_text(BLOCKS[1])
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
