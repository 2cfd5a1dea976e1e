"""Which sequences are fitted and which are held out."""

from __future__ import annotations

from typing import Any

from pruning.checks import real, unused

SHARE = 0.2
"""Of the sequences, held out where nothing is said."""


def split(n: int, share: Any) -> tuple[slice, slice]:
    """Return the first sequences, to fit on, and the last `share` of them, to judge by.

    One sequence alone is fitted on, and none is held out.
    """
    share = real("held_out", share)
    if not 0 < share < 1:
        raise ValueError(f"held_out must lie strictly between 0 and 1, got {share:g}")
    held = min(n - 1, max(1, round(share * n)))
    return slice(0, n - held), slice(n - held, n)


def share_beside(ridge: Any, share: float | None) -> float:
    """Return the share to hold out, `SHARE` for None; none is where a ridge is given."""
    if ridge is not None:
        unused("held_out", share, "a ridge, which nothing has to choose,")
    return SHARE if share is None else share


def few_numbers(parameters: int, numbers: int, n: int) -> str:
    """What is said where a fit of all weights has fewer numbers to fit than parameters."""
    return (
        f"the closed loop has {parameters} parameters and only {numbers} numbers to fit "
        f"({n} sequences): the start and the held-out sequences decide; give more"
    )
