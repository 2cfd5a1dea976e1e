"""Precision is raised until the answer is certain, or a limit is reached."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from validation.arithmetic.arithmetics import Arithmetic, balls
from validation.arithmetic.comparison import Comparison, Relation
from validation.arithmetic.errors import Undecided


class Raised(NamedTuple):
    """The last comparison, and the precision at which it was made."""

    comparison: Comparison
    precision: int


def raise_precision(
    evaluate: Callable[[Arithmetic], Comparison], start: int = 64, limit: int = 1024
) -> Raised:
    """Evaluate at doubled precisions until the relation is certain.

    Parameters
    ----------
    evaluate : callable
        Called with a ball arithmetic inside its context; lifts, computes and compares.
    start, limit : int
        The first precision in bits, and the largest one tried.

    Returns
    -------
    Raised
        The first certain comparison, or the one at the limit. Where `Undecided` was raised even
        there, an overlap whose `reason` is its message.
    """
    if not 2 <= start <= limit:
        raise ValueError(f"start must lie between 2 and limit = {limit}, got {start}")
    precision = start
    while True:
        arithmetic = balls(precision)
        try:
            with arithmetic.active():
                comparison = evaluate(arithmetic)
        except Undecided as doubt:
            comparison = Comparison(Relation.OVERLAP, reason=str(doubt))
        if comparison.certain or precision >= limit:
            return Raised(comparison, precision)
        precision = min(2 * precision, limit)
