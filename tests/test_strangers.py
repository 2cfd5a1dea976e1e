"""Projects of strangers whose modules have our names: pytest runs as if we were not installed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HOME = Path(__file__).resolve().parents[1]
PACKAGE = {"validation/__init__.py": "", "validation/claims.py": "class Claim:\n    id = 1\n"}
ALONE = f"""
import sys


def test_nothing_of_rnnbounds_is_loaded_but_its_plugin():
    ours = [
        name
        for name, module in sys.modules.items()
        if str(getattr(module, "__file__", None) or "").startswith(({str(HOME / "validation")!r},
            {str(HOME / "bounds")!r}, {str(HOME / "pruning")!r}, {str(HOME / "rnnbounds")!r}))
    ]
    assert ours == ["rnnbounds_pytest"]
"""
PROJECTS = {
    "a package": {
        **PACKAGE,
        "conftest.py": "",  # by which pytest knows the root
        "tests/test_it.py": ALONE
        + "\n\ndef test_it():\n    from validation.claims import Claim\n    assert Claim.id == 1\n",
    },
    "a folder without __init__": {
        "validation/rules.py": "limit = 3\n",
        "test_it.py": "from validation.rules import limit\n\n\ndef test_it():\n    assert limit\n",
    },
    "a file": {
        "pruning.py": "rate = 0.5\n",
        "test_it.py": "from pruning import rate\n\n\ndef test_it():\n    assert rate == 0.5\n"
        + ALONE,
    },
    "tests inside": {
        "validation/__init__.py": "",
        "validation/test_it.py": "def test_it():\n    pass\n" + ALONE,
        "bounds/test_bounds.py": "def test_bounds():\n    pass\n" + ALONE,
    },
    "a conftest": {
        **PACKAGE,
        "bounds.py": "low = 1\n",
        "conftest.py": "import bounds\nimport validation.claims\n",
        "test_it.py": "from validation.claims import Claim\n\nclaim = Claim()\n\n\n"
        "def test_it():\n    assert Claim\n" + ALONE,
    },
    "objects with a will of their own": {
        "test_it.py": """
class Anything:
    def __getattr__(self, name):
        raise RuntimeError(name)

    @property
    def __class__(self):
        raise RuntimeError("class")


thing = Anything()


def test_it():
    pass
"""
        + ALONE,
    },
}
# `pytest` leaves the current folder off the path, `python -m pytest` puts it first. The last line
# has our packages behind everything else on the path, as a wheel does, and not by a finder.
CALLS = {
    "pytest": ["-P", "-m", "pytest"],
    "python -m pytest": ["-m", "pytest"],
    "importlib mode": ["-m", "pytest", "--import-mode=importlib"],
    "as a wheel": [
        "-c",
        f"import sys; sys.path.insert(0, ''); sys.path.append({str(HOME)!r}); import pytest;"
        "sys.exit(pytest.main(sys.argv[1:]))",
    ],
}


def made(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments, "-p", "no:cacheprovider", "-p", "no:hypothesispytest"],
        cwd=folder, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("project", PROJECTS)
def test_pytest_runs_as_if_we_were_not_installed(project, call, tmp_path):
    folder = made(tmp_path, PROJECTS[project])

    done = run(folder, *CALLS[call], "-q", "-W", "error")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "warning" not in done.stdout


SHADOWED = {
    "validation": {"validation/__init__.py": ""},
    "pruning": {"pruning.py": ""},
    "bounds": {"bounds/__init__.py": "raise RuntimeError('never imported')\n"},
}


@pytest.mark.parametrize("name", SHADOWED)
def test_where_another_package_stands_in_the_way_both_places_and_a_remedy_are_named(name, tmp_path):
    folder = made(tmp_path, SHADOWED[name])

    in_code = run(folder, "-c", "from rnnbounds import claim, spectral_prune, generalization_bound")
    as_command = run(folder, "-m", "rnnbounds", "--help")

    theirs = folder / next(iter(SHADOWED[name]))
    for text in (in_code.stderr, as_command.stderr):
        assert str(theirs) in text
        assert str(HOME / name / "__init__.py") in text
        assert "rename yours, run from another folder, or install rnnbounds" in text
    assert in_code.stderr.splitlines()[-1].startswith("ImportError: ")
    assert as_command.returncode == 2
    assert "Traceback" not in as_command.stderr


def test_a_folder_without_init_in_the_way_is_named_too(tmp_path):
    (tmp_path / "validation").mkdir()
    code = "import sys, rnnbounds; rnnbounds.claim"
    done = run(tmp_path, "-c", code)
    # Behind a package with __init__ such a folder does not count, before a finder it does.
    assert done.returncode == 0 or "a folder without __init__.py" in done.stderr


def test_the_command_itself_runs_in_such_a_folder(tmp_path):
    folder = made(tmp_path, {**PACKAGE, "pruning.py": "raise RuntimeError\n"})
    command = Path(sys.executable).with_name("rnnbounds")
    done = subprocess.run(
        [command, "explain", "dof.range"], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "dof.range" in done.stdout
