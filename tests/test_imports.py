"""Nothing heavy is loaded before it is needed; each check in a fresh process."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = {
    "dask",
    "distributed",
    "flint",
    "hypothesis",
    "jinja2",
    "joblib",
    "latex2mathml",
    "matplotlib",
    "pandas",
    "safetensors",
    "scipy.optimize",
    "scipy.sparse",
    "scipy.stats",
    "sklearn",
    "sympy",
    "torch",
}

PLUGIN = """
import sys, types
sys.modules["pytest"] = types.ModuleType("pytest")
sys.modules["pytest"].__getattr__ = lambda name: object
"""

HELP = """
import contextlib, io
from validation.commands import main
with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
    main(["--help"])
"""


def loaded(code: str) -> set[str]:
    """Return the modules that a fresh interpreter has loaded after this code."""
    code += "\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize(
    "code",
    [
        "import bounds",
        "import pruning",
        "import validation",
        "import rnnbounds",
        PLUGIN + "import rnnbounds_pytest",
    ],
)
def test_an_import_loads_nothing_heavy(code):
    assert not loaded(code) & HEAVY


def test_help_loads_neither_the_commands_nor_what_they_need():
    modules = loaded(HELP)
    assert not modules & (HEAVY | {"numpy", "scipy"})
    commands = {name for name in modules if name.startswith("validation.commands.")}
    assert commands <= {"validation.commands.exits"}  # five numbers


@pytest.mark.parametrize("package", ["bounds", "pruning", "validation"])
def test_every_name_that_a_package_offers_is_there(package):
    code = (
        f"import {package}\n"
        f"for name in {package}.__all__: getattr({package}, name)\n"
        f"assert set({package}.__all__) <= set(dir({package}))"
    )
    loaded(code)


def test_the_packages_depend_on_each_other_one_way():
    assert not {name for name in loaded("import pruning.spectral") if name.startswith("bounds")}
    bound = loaded("import bounds.generalization, bounds.approximation.chain")
    assert not {name for name in bound if name.startswith("validation")}
