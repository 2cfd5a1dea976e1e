"""What an arithmetic says when it cannot answer (theory, section 10).

It says so by raising. A body that catches it would answer in its place ("there is no factor, so
there is nothing to show"), once for each arithmetic that cannot tell. So what is raised while a
body is read is written down and counts, whether the body goes on or not; see `doubting`.
"""

from __future__ import annotations

import contextvars
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_doubts: contextvars.ContextVar[list[Exception] | None] = contextvars.ContextVar(
    "doubts", default=None
)


@contextmanager
def doubting() -> Iterator[list[Exception]]:
    """List the doubts that come up within the block, those that are caught in it among them."""
    found: list[Exception] = []
    token = _doubts.set(found)
    try:
        yield found
    finally:
        _doubts.reset(token)


class Doubt(Exception):
    """What an arithmetic cannot answer, though there is an answer; never to be caught by a body."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        found = _doubts.get()
        if found is not None:
            found.append(self)


class Undecided(Doubt, ArithmeticError):
    """A question about a ball that its radius leaves open; a higher precision may answer it."""


class Undefined(ArithmeticError):
    """A value that certainly does not exist: a root of a negative number, a singular solve."""


class Unsupported(Doubt, TypeError):
    """A function, a name or an operand that this arithmetic does not have."""


class OutsideVocabulary(Unsupported, AttributeError):
    """A name that is not in the vocabulary, so that `hasattr` says no and the message says why."""
