"""Claims in a collected test file are test items: ``lemmas.py::mine.trace``.

A file's own claims are collected, not those that it imports. This module is loaded in every pytest
run of everyone who has the package installed, next to packages of theirs that may be called
`validation`, `bounds` or `pruning`. So it has a name of its own, imports nothing but pytest, and
imports something of ours only once a collected file has defined a claim: then ours is loaded.
"""

from __future__ import annotations

from typing import Any

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("rnnbounds")
    group.addoption(
        "--rnnbounds-budget",
        type=float,
        default=None,
        metavar="SECONDS",
        help="seconds of search for each claim (default 1)",
    )


def pytest_pycollect_makeitem(collector: Any, name: str, obj: Any) -> Any:
    """Make an item of an attribute that is a claim of the module being collected."""
    if not _is_claim(obj):
        return None
    if obj.module != collector.module.__name__:
        return []
    if not isinstance(collector, pytest.Module):
        raise collector.CollectError(
            f"{obj.id} ({obj.location}): a claim in a class is not run; put it at the top level"
        )
    for other in vars(collector.module).values():
        if _is_claim(other) and other.id == obj.id and other is not obj:
            raise collector.CollectError(
                f"two claims have the id {obj.id!r}: {obj.location} and {other.location}"
            )
    return ClaimItem.from_parent(collector, name=obj.id, claim=obj)


def _is_claim(obj: Any) -> bool:
    # By a mark, since the module that defines claims may never have been imported. The class is
    # asked, and its own entries only: attributes of a stranger's objects can do anything.
    return any(vars(kind).get("__rnnbounds_claim__") is True for kind in type(obj).__mro__)


class ClaimFailed(Exception):
    """A claim that is violated, refuted or at fault."""


class ClaimItem(pytest.Item):
    """Runs one claim: Hypothesis first, with its settings, then the rungs of `verify`."""

    def __init__(self, *, claim: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.claim = claim

    def runtest(self) -> None:
        from validation.checking.hypothetical import hypothetical
        from validation.checking.runner import TimeLimit, alarm, limited
        from validation.claims import ClaimError

        budget = self.config.getoption("--rnnbounds-budget")
        seconds = 1.0 if budget is None else budget
        limit = 4 * seconds + 15
        try:
            with alarm(limit):
                found = hypothetical(self.claim)
        except (ClaimError, TimeLimit):
            found = None  # what follows meets the same trouble, and reports it
        outcome = limited(
            self.claim,
            quick=budget is None,
            budget=seconds,
            seed=0,
            instances=() if found is None else (found,),
            limit=limit,
        )
        everything = [outcome, *outcome.steps]
        if any(o.error or o.conclusion.bad for o in everything):
            from validation.commands.verify import details

            raise ClaimFailed("\n".join(line for o in everything for line in details(o)))
        if outcome.conclusion.value == "undecided":
            raise ClaimFailed(f"{self.claim.id} is undecided: {outcome.verdict.message}")

    def repr_failure(self, excinfo: Any, style: Any = None) -> Any:
        if isinstance(excinfo.value, ClaimFailed):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Any, int, str]:
        return self.path, self.claim.where[1] - 1, f"claim {self.claim.id}"
