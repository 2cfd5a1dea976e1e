"""Every shell block of the README and the guides is run here, as it stands or made smaller.

`PLANS` says how, by a block's first line: what is replaced, and why; and the few that another test
runs. A block without a plan is a fault, and so is a plan without a block.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from typer.main import get_command

from pruning import initial_rnn, save_network
from validation.commands import COMMANDS, _app
from validation.data.fetching import cache_folder

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", DOCS / "index.md", DOCS / "your_network.md"]
PAGES += sorted((DOCS / "guides").glob("*.md"))
PORT = 28786


@dataclass(frozen=True)
class Plan:
    """How a block is run.

    Attributes
    ----------
    replace : mapping
        What is run in place of a part of the text.
    because : str
        Why it is replaced, or where else the block is run.
    elsewhere : bool
        Another test runs it.
    long : bool
        It takes more than a few seconds.
    says : str
        A pattern in what is printed.
    needs : str
        A data set that must have been fetched: nothing is asked of a network here.
    """

    replace: tuple[tuple[str, str], ...] = ()
    because: str = ""
    elsewhere: bool = False
    long: bool = False
    says: str = ""
    needs: str = ""


PLANS = {
    "make report": Plan(
        elsewhere=True,
        because="tests/commands/test_report_command.py runs the report; this is the other line",
    ),
    ".venv/bin/rnnbounds verify lemmas.py": Plan(
        elsewhere=True, because="tests/test_readme.py, with the verdicts that it must give"
    ),
    ".venv/bin/rnnbounds prune network.safetensors": Plan(says="24"),
    ".venv/bin/rnnbounds report --model network.npz": Plan(long=True, says="index.html"),
    ".venv/bin/rnnbounds data fetch mnist": Plan(
        long=True, needs="mnist", says=r"theorem\.fixed_nodes"
    ),
    ".venv/bin/rnnbounds check certificates/row-mnist": Plan(
        long=True, needs="mnist", says="^VALID: mnist"
    ),
    "rnnbounds prune network.safetensors": Plan(says="24"),
    "rnnbounds bounds network.safetensors": Plan(says="approximation"),
    "rnnbounds report --model network.npz": Plan(long=True, says="index.html"),
    "rnnbounds data fetch mnist": Plan(long=True, needs="mnist", says="^VALID: mnist"),
    "cp .../validation/check_certificate.py .": Plan(
        replace=((".../", f"{ROOT}/"),),
        because="the dots stand for wherever the sources are",
        says="^VALID: digits",
    ),
    "rnnbounds certify --model network.safetensors": Plan(
        replace=(("network.safetensors", "relu.safetensors"), ("data.npz", "labelled.npz")),
        because="the language has no tanh, and the data are the sample and nothing else",
        says="VALID",
    ),
    "rnnbounds experiment digits --out": Plan(
        replace=(("experiment digits", "experiment grid.toml"),),
        because="hundreds of rows, hours on two cores; here a grid of nine",
        says="9 rows finished now, 9 in all",
        long=True,
    ),
    "rnnbounds experiment row-mnist --seed 3": Plan(
        elsewhere=True,
        because="tests/validation/experiments/test_parts.py takes parts together, of a small grid",
    ),
    "dask scheduler": Plan(
        replace=(
            ("experiment digits", "experiment grid.toml"),
            ("8786", str(PORT)),
            ("--nworkers 4", "--nworkers 2"),
        ),
        says="9 rows finished now, 9 in all",
        because="as above; a port that a test may take, and two workers for two cores",
        long=True,
    ),
}


# What a block leaves in the background, such as a scheduler, ends with it.
LEAVING = "trap 'kill $(jobs -p) 2>/dev/null || true; wait' EXIT\n"


def blocks():
    """Every shell block, with its page."""
    for page in PAGES:
        for text in re.findall(r"```sh\n(.*?)```", page.read_text("utf-8"), re.DOTALL):
            yield page, text


def plan_of(text):
    found = [plan for first, plan in PLANS.items() if text.startswith(first)]
    assert len(found) == 1, f"no plan, or more than one, for the block\n{text}"
    return found[0]


def params():
    for page, text in blocks():
        plan = plan_of(text)
        if not plan.elsewhere:
            marks = [pytest.mark.long] if plan.long else []
            name = f"{page.stem}-{'_'.join(text.split()[:3])}"
            yield pytest.param(text, plan, marks=marks, id=name)


@pytest.fixture
def folder(tmp_path):
    """A folder that holds what the blocks name, with the commands on its path."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(60, 6, 3)), rng.integers(2, size=60)
    np.savez(tmp_path / "data.npz", x=x[:40], y=y[:40], x_test=x[40:], y_test=y[40:])
    np.savez(tmp_path / "labelled.npz", x=x, y=y)
    network = initial_rnn(32, 3, 2, "tanh", rng=0)
    save_network(tmp_path / "network.npz", network)
    save_network(tmp_path / "network.safetensors", network)
    save_network(tmp_path / "relu.safetensors", initial_rnn(32, 3, 2, "relu", rng=0))
    shutil.copy(ROOT / "models" / "digits-0.safetensors", tmp_path)
    (tmp_path / "grid.toml").write_text(
        'network = "digits-0.safetensors"\ndata = {loader = "digits"}\n'
        'methods = ["spectral", "random nodes"]\nnodes = [8, 21]\nseeds = 1\n'
        "bound_sequences = 20\n"
    )
    for name in ("certificates", "models"):
        (tmp_path / name).symlink_to(ROOT / name)
    programs = {"rnnbounds": "-m rnnbounds", "dask": "-m dask", "python": ""}
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    for name, words in programs.items():
        program = tmp_path / ".venv" / "bin" / name
        program.write_text(f'#!/bin/sh\nexec {sys.executable} {words} "$@"\n')
        program.chmod(0o755)
    return tmp_path


@pytest.mark.parametrize(("text", "plan"), list(params()))
def test_a_block_runs(text, plan, folder):
    if "dask" in text:
        pytest.importorskip("distributed")
    if plan.needs and not (cache_folder() / plan.needs).is_dir():
        pytest.skip(f"{plan.needs} has not been fetched")
    for old, new in plan.replace:
        assert old in text
        assert plan.because
        text = text.replace(old, new)
    # Data that were fetched are found; nothing is asked of a network.
    words = {"PATH": f"{folder}/.venv/bin:{os.environ['PATH']}", "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        ["bash", "-e", "-c", LEAVING + text],
        cwd=folder,
        env={**os.environ, **words},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        said, errors = process.communicate(timeout=280)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        raise
    assert process.returncode == 0, errors
    assert re.search(plan.says, said, re.MULTILINE), said


def test_every_plan_has_a_block():
    texts = [text for _, text in blocks()]
    for first in PLANS:
        assert [text for text in texts if text.startswith(first)], first


INLINE = re.compile(r"`(?:\.venv/bin/)?rnnbounds ([a-z][^`]*)`")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_command_within_a_sentence_exists_with_its_options(page):
    for line in INLINE.findall(page.read_text("utf-8")):
        name, *words = line.split()
        assert name in COMMANDS, line
        params = get_command(_app([name])).commands[name].params
        known = {option for param in params for option in param.opts}
        named = {word for word in words if word.startswith("-")}
        assert named <= known, (line, named - known)
