"""Old import paths still work, with a warning that names the new one."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

from validation.moved import MOVED


@pytest.mark.parametrize("old", MOVED)
def test_an_old_name_imports_with_a_warning_that_names_the_new_one(old, monkeypatch):
    monkeypatch.delitem(sys.modules, old, raising=False)

    with pytest.warns(DeprecationWarning, match=f"{old} is now {MOVED[old]}"):
        module = importlib.import_module(old)

    new = importlib.import_module(MOVED[old])
    public = {name: value for name, value in vars(new).items() if not name.startswith("_")}
    assert public
    assert all(getattr(module, name) is value for name, value in public.items())
    assert new.__spec__.name == MOVED[old]
    monkeypatch.delitem(sys.modules, old)


def test_the_warning_points_at_the_line_that_imports(monkeypatch):
    monkeypatch.delitem(sys.modules, "validation.experiments.digits", raising=False)

    with pytest.warns(DeprecationWarning, match="is now validation.data.digits") as caught:
        from validation.experiments.digits import digits

    assert blamed("from bounds.others.problem import Problem")
    assert len(caught) == 1
    assert len(digits().x) > 0
    monkeypatch.delitem(sys.modules, "validation.experiments.digits")


def blamed(line):
    """Whether a warning names the user's line; pytest's import hook stands between in here."""
    done = subprocess.run(
        [sys.executable, "-W", "always", "-c", line], capture_output=True, text=True, check=True
    )
    return done.stderr.startswith("<string>:1: DeprecationWarning")


def test_optimisers_of_the_british_kind_still_import(monkeypatch):
    monkeypatch.delitem(sys.modules, "pruning.optimisers", raising=False)

    with pytest.warns(DeprecationWarning, match=r"pruning\.optimizers") as caught:
        from pruning.optimisers import SGD, Optimiser, optimiser

    assert blamed("from pruning.optimisers import SGD")
    assert len(caught) == 1
    assert issubclass(SGD, Optimiser)
    assert callable(optimiser)


def test_the_problem_still_imports_from_the_room_that_it_had(monkeypatch):
    monkeypatch.delitem(sys.modules, "bounds.others.problem", raising=False)

    with pytest.warns(DeprecationWarning, match=r"is now bounds\.problem") as caught:
        from bounds.others.problem import Problem, last_margins, radii_condition, ramp

    new = importlib.import_module("bounds.problem")
    assert blamed("from bounds.others.problem import Problem")
    assert len(caught) == 1
    assert Problem is new.Problem
    assert (last_margins, radii_condition, ramp) == (
        new.last_margins,
        new.radii_condition,
        new.ramp,
    )


def test_a_name_that_never_was_is_still_missing():
    with pytest.raises(ModuleNotFoundError, match=r"validation\.experiments\.nothing"):
        importlib.import_module("validation.experiments.nothing")
