"""Which claims are made while a file is loaded, whether or not it keeps them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

_made: ContextVar[list[Any] | None] = ContextVar("made", default=None)


@contextmanager
def making() -> Iterator[list[Any]]:
    """List the claims that are made within the block."""
    made: list[Any] = []
    token = _made.set(made)
    try:
        yield made
    finally:
        _made.reset(token)


def note(claim: Any) -> None:
    """Add a claim to the list of those that are being made, if there is one."""
    made = _made.get()
    if made is not None:
        made.append(claim)
