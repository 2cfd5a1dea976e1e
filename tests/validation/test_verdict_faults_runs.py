"""Faults of whole runs, as a service would see them, each with the input that showed it."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest

from validation import claim, draw, load_file, verify
from validation.commands import main
from validation.commands.verify import record

ONE = draw(x=draw.reals(1, 2))


def checked(statement, **options):
    return verify(statement, quick=True, **options)


# -- 9. asserts that are stripped, exits that are raised -----------------------------------------

PROOF = """
from validation import claim, draw


def proof():
    assert 1 + 1 == 3, "wrong"
    return "1 + 1 = 3"


@claim("mine.proof", "x", draw(x=draw.reals(1, 2)), symbolic=proof)
def proved(xp, x):
    return x, 2 * x


@claim("mine.leaves", "x", draw(x=draw.reals(1, 2)))
def leaves(xp, x):
    raise KeyboardInterrupt


@claim("mine.exits", "x", draw(x=draw.reals(1, 2)))
def exits(xp, x):
    raise SystemExit(0)


@claim("mine.given", "x", draw(x=draw.reals(1, 2)), given=lambda x: leaves(None, x))
def given(xp, x):
    return x, 2 * x


@claim("mine.holds", "x", draw(x=draw.reals(1, 2)))
def holds(xp, x):
    return x, 2 * x
"""


@pytest.fixture
def proofs(tmp_path):
    path = tmp_path / "proofs_of_mine.py"
    path.write_text(PROOF)
    return path


def run(*words, cwd, **options):
    command = [sys.executable, *words]
    return subprocess.run(
        command, capture_output=True, text=True, cwd=cwd, timeout=300, check=False, **options
    )


COMMAND = "from validation.commands import main; main()"


@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_proof_by_assert_is_not_run_where_asserts_are_stripped(proofs, workers):
    words = ("verify", f"{proofs}::mine.proof", "--quick", "--workers", workers)

    plain = run("-c", COMMAND, *words, cwd=proofs.parent)
    optimised = run("-O", "-c", COMMAND, *words, cwd=proofs.parent)

    assert plain.returncode == 2
    assert "the symbolic proof fails: wrong" in plain.stdout
    assert "python -O removes the assert statements" in optimised.stdout
    assert "symbolic undecided" in optimised.stdout
    assert "symbolic holds" not in optimised.stdout


@pytest.mark.parametrize("workers", ["0", "2"])
def test_an_exit_that_a_body_raises_ends_that_claim_only(proofs, workers):
    ids = ["mine.leaves", "mine.exits", "mine.given", "mine.holds"]
    words = [f"{proofs}::{id}" for id in ids]

    found = run("-c", COMMAND, "verify", *words, "--quick", "--workers", workers, cwd=proofs.parent)

    assert found.returncode == 2, found.stderr
    assert "mine.holds: holds" in found.stdout
    assert "in float64: raised KeyboardInterrupt" in found.stdout
    assert "in float64: raised SystemExit" in found.stdout
    assert "4 of 4 claims" in found.stdout


# -- 13. as a service would run it ---------------------------------------------------------------


@pytest.mark.parametrize("width", [40, 80])
def test_ids_and_verdicts_are_whole_on_narrow_terminals(width, proofs):
    outcome = checked(load_file(proofs)[-1])
    long = dataclasses.replace(outcome, id="a.claim_with_a_name_that_is_as_long_as_a_name_may_be")
    for one in (outcome, long):
        lines = record(one, width)

        assert any(one.id in line for line in lines)
        assert any("holds" in line.split() or line.endswith(": holds") for line in lines)
        assert all(len(line) <= max(width, len(one.id) + 1) for line in lines)


def test_a_matrix_prints_as_a_matrix():
    statement = claim("t.matrix", "x", draw(F=draw.matrices("m", "m"), sizes={"m": (2, 2)}))(
        lambda xp, F: (F * F + 1, F * F)
    )

    facts = checked(statement).facts

    places = [i for i, line in enumerate(facts) if line.startswith("F = [[")]
    assert places
    for i in places:
        assert re.fullmatch(r"F = \[\[.*\],", facts[i])
        assert re.fullmatch(r"     \[.*\]\]", facts[i + 1])


SLOW = """
import time
from validation import claim, draw

ONE = draw(lam=draw.positive())

@claim("good.one", "x", ONE)
def good(xp, lam):
    return lam, 2 * lam

@claim("bad.sleeps", "x", ONE)
def sleeps(xp, lam):
    time.sleep(1000)
    return lam, lam
"""


def processes_of(session):
    return [
        pid
        for pid in os.listdir("/proc")
        if pid.isdigit() and _session(pid) == session
    ]  # fmt: skip


def _session(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return int(file.read().rsplit(")", 1)[1].split()[3])
    except OSError:
        return None


@pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="needs /proc")
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_no_worker_outlives_its_parent_and_what_is_finished_is_written(how, tmp_path):
    path, target = tmp_path / "slow_ones.py", tmp_path / "out.json"
    path.write_text(SLOW)
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND, "verify", str(path), "--quick", "--budget", "20",
         "--workers", "2", "--json", str(target)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    with process:
        first = process.stdout.readline()  # comes while the other claim still sleeps
        written = json.loads(target.read_text())

        process.send_signal(how)
        process.communicate(timeout=120)

    assert first.startswith("good.one: holds (")
    assert [row["id"] for row in written] == ["good.one"]
    assert process.returncode == (143 if how == signal.SIGTERM else -9)
    end = time.monotonic() + 60
    while processes_of(process.pid) and time.monotonic() < end:
        time.sleep(0.2)
    assert processes_of(process.pid) == []


def test_a_json_file_that_cannot_be_written_costs_no_work(proofs, capsys):
    with pytest.raises(SystemExit) as leaving:
        main(["verify", str(proofs), "--json", str(proofs.parent)])

    printed = capsys.readouterr()
    assert leaving.value.code == 2
    assert "--json" in printed.err
    assert not printed.out
