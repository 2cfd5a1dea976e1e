"""Sums over all subsets, for bodies that need a mean exactly."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import combinations

from validation.arithmetic.values import Value


def subsets(m: int, k: int | None = None) -> Iterator[list[int]]:
    """Yield the subsets of 0..m-1 as sorted lists, small ones first.

    Parameters
    ----------
    m : int
        At least 0; there are 2^m subsets.
    k : int, optional
        Only those of this size.

    Examples
    --------
    >>> from rnnbounds import subsets
    >>> list(subsets(3, 2))
    [[0, 1], [0, 2], [1, 2]]
    """
    for size in range(m + 1) if k is None else (k,):
        yield from (list(J) for J in combinations(range(m), size))


def expectation(outcomes: Iterable[tuple[Value, Value]]) -> Value:
    """Return the mean of values that have weights, in the arithmetic of the weights.

    ``expectation((weight(J), value(J)) for J in subsets(m))``: weights >= 0, not all 0; they need
    not sum to 1.

    Parameters
    ----------
    outcomes : iterable of pairs (weight, value)
        Values of one shape.

    Raises
    ------
    ValueError
        If there is no outcome.

    Examples
    --------
    >>> from fractions import Fraction
    >>> from rnnbounds import expectation
    >>> expectation((Fraction(w), Fraction(v)) for w, v in ((1, 0), (3, 4)))
    Fraction(3, 1)
    """
    total = mass = None
    for weight, value in outcomes:
        product = weight * value
        total = product if total is None else total + product
        mass = weight if mass is None else mass + weight
    if total is None:
        raise ValueError("expectation needs at least one pair (weight, value)")
    return total / mass
