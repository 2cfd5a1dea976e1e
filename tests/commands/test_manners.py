"""What one expects of any command: version, a doctor, a list, completion, exit codes, schemas."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from validation import catalogue
from validation.commands import COMMANDS, exits, main
from validation.output.schema import SCHEMA

ROOT = Path(__file__).parents[2]
HOUSE = (ROOT / "docs" / "house.md").read_text("utf-8")


def shown(capsys, *words):
    with pytest.raises(SystemExit) as ended:
        main(words)
    return ended.value.code, capsys.readouterr().out


def completed(line: str) -> list[str]:
    """What bash offers at the end of a line."""
    done = subprocess.run(
        [sys.executable, "-m", "rnnbounds"],
        env={
            **os.environ,
            "_RNNBOUNDS_COMPLETE": "complete_bash",
            "COMP_WORDS": line,
            "COMP_CWORD": str(len(line.split()) - (not line.endswith(" "))),
        },
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    return done.stdout.split()


def test_the_version_is_that_of_the_package(capsys):
    assert shown(capsys, "--version") == (0, f"rnnbounds {version('rnnbounds')}\n")


def test_the_doctor_names_versions_blas_threads_caches_and_data(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("RNNBOUNDS_DATA", str(tmp_path))
    (tmp_path / "file").write_bytes(bytes(3 << 19))

    code, out = shown(capsys, "doctor")

    assert code == 0
    for fact in (
        f"numpy {version('numpy')}",
        f"python-flint {version('python-flint')}",
        "blas: ",
        "OMP_NUM_THREADS: ",
        f"{tmp_path} (by RNNBOUNDS_DATA): 1.5 MiB",
        "mnist: 0 of 4 files",
    ):
        assert fact in out
    assert "MISSING" not in out
    versions = out.split("BLAS")[0].splitlines()
    assert len(versions) == len(set(versions))


def test_a_missing_requirement_is_said_aloud(capsys, monkeypatch):
    import validation.commands.doctor as doctor

    monkeypatch.setattr(doctor, "requires", lambda name: ["no-such-package>=3", "nor-this; extra"])

    lines = list(doctor.versions())

    assert "no-such-package MISSING, wanted no-such-package>=3" in lines
    assert not [line for line in lines if "nor-this" in line]


def test_bare_explain_lists_the_claims(capsys):
    code, out = shown(capsys, "explain")

    ids = [claim.id for claim in catalogue.claims()]
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()[:-1]] == ids
    assert out.splitlines()[-1].startswith(f"{len(ids)} claims")


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("rnnbounds ver", ["verify"]),
        ("rnnbounds report --mod", ["--model"]),
        ("rnnbounds explain dof.spectrum_split_", ["dof.spectrum_split_tail",
                                                   "dof.spectrum_split_joint"]),
    ],
)  # fmt: skip
def test_the_shell_completes_commands_options_and_ids(line, offered):
    assert completed(line) == offered


def test_completion_of_nothing_offers_every_command():
    assert set(completed("rnnbounds ")) == set(COMMANDS)


def test_exit_codes_are_those_of_the_table_in_the_docs():
    table = {int(code) for code in re.findall(r"^\| (\d+) \|", HOUSE, re.MULTILINE)}
    assert table == {value for name, value in vars(exits).items() if name.isupper()}


def test_json_outputs_carry_the_version_of_their_schema(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(
        "from validation import claim, draw\n\n\n"
        '@claim("mine.one", "x", draw(lam=draw.positive()))\n'
        "def one(xp, lam, *, c=2):\n    return lam, c * lam\n"
    )

    shown(capsys, "verify", "--quick", "--json", "v.json", "mine.py")
    with pytest.raises(SystemExit):
        main(["tighten", "mine.py::mine.one", "--constant", "c", "--json", "t.json"])

    for name in ("v.json", "t.json"):
        rows = json.loads((tmp_path / name).read_text())
        assert [row["schema"] for row in rows] == [SCHEMA]
