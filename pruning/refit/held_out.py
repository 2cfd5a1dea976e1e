"""Which sequences are fitted and which are held out."""

from __future__ import annotations

from typing import Any

from pruning.checks import real


def split(n: int, share: Any) -> tuple[slice, slice]:
    """Return the first sequences, to fit on, and the last `share` of them, to judge by.

    One sequence alone is fitted on, and none is held out.
    """
    share = real("held_out", share)
    if not 0 < share < 1:
        raise ValueError(f"held_out must lie strictly between 0 and 1, got {share:g}")
    held = min(n - 1, max(1, round(share * n)))
    return slice(0, n - held), slice(n - held, n)
