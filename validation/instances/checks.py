"""Arguments of `draw`, checked where they are declared: one sentence, naming the argument."""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction

from validation.arithmetic.checked import is_short

End = int | str


def axis(name: str, value: object) -> str | int:
    """Return the length of an axis: the name of a size, or a fixed length.

    Raises
    ------
    TypeError, ValueError
        If it is neither.
    """
    if isinstance(value, str):
        if not value.isidentifier():
            raise ValueError(f"{name} must be the name of a size or an int, got {value!r}")
        return value
    return count(name, value, "must be the name of a size or an int >= 0")


def size(name: str, value: object) -> str:
    """Return the name of a size; an int stands for the size that is always that long.

    Such a size is called by its digits, and `ranges_of` knows it.
    """
    return str(axis(name, value))


def count(name: str, value: object, must: str = "must be an int >= 0") -> int:
    """Return an int >= 0."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} {must}, got {value!r}")
    if value < 0:
        raise ValueError(f"{name} {must}, got {value}")
    return int(value)


def flag(name: str, value: object) -> bool:
    """Return a truth value."""
    if not isinstance(value, bool):
        raise TypeError(f"{name} must be True or False, got {value!r}")
    return value


def range_of(size: str, value: object) -> tuple[End, End]:
    """Return the smallest and the largest value of a size, as given in `sizes`.

    Either may be the name of another size; an int stands for exactly that.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        value = (value, value)
    wanted = f"sizes[{size!r}] must be an int or a pair (low, high) of ints >= 0 or names of sizes"
    if not isinstance(value, tuple | list) or len(value) != 2:
        raise TypeError(f"{wanted}, got {value!r}")
    for end in value:
        if isinstance(end, str) and end.isidentifier():
            continue
        if isinstance(end, bool) or not isinstance(end, int):
            raise TypeError(f"{wanted}, got {value!r}")
        if end < 0:
            raise ValueError(f"{wanted}, got {value!r}")
    low, high = value
    if isinstance(low, int) and isinstance(high, int) and low > high:
        raise ValueError(f"sizes[{size!r}] needs low <= high, got {value!r}")
    return low, high


def fixed(size: str) -> tuple[End, End] | None:
    """Return the range of a size that is called by its digits, as (3, 3) of "3"."""
    return (int(size), int(size)) if size.isdigit() else None


def extreme(size: str, ranges: Mapping[str, tuple[End, End]], which: int) -> int:
    """Return the smallest (0) or largest (1) value that a size can take by its range."""
    end = ranges[size][which]
    return end if isinstance(end, int) else extreme(end, ranges, which)


def within(size: str, other: str, ranges: Mapping[str, tuple[End, End]]) -> bool:
    """Whether a size is at most another one, whatever is drawn."""
    if size == other:
        return True
    high = ranges[size][1]
    if isinstance(high, str) and within(high, other, ranges):
        return True
    low = ranges[other][0]
    if isinstance(low, str) and within(size, low, ranges):
        return True
    return extreme(size, ranges, 1) <= extreme(other, ranges, 0)


def number(name: str, value: object) -> float | Fraction:
    """Return what a bound means exactly: a rounded float means the decimals that it is written as.

    0.1 is 1/10, though the nearest float lies above it.

    Raises
    ------
    TypeError, ValueError
        If it is not a number, or is nan.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | Fraction):
        raise TypeError(f"{name} must be a number, got {value!r}")
    if isinstance(value, float) and math.isnan(value):
        raise ValueError(f"{name} must be a number, got nan")
    if isinstance(value, float) and (math.isinf(value) or is_short(value)):
        return float(value)
    return Fraction(repr(float(value))) if isinstance(value, float) else Fraction(value)


def interval(what: str, low: object, high: object) -> tuple[float, float]:
    """Return the first and the last float of the closed interval [low, high].

    Raises
    ------
    TypeError, ValueError
        If an end is not a number, or the interval contains no float.
    """
    a, b = number(f"{what}: low", low), number(f"{what}: high", high)
    if not a <= b:
        raise ValueError(f"{what} needs low <= high, got {low}, {high}")
    first, last = at_least(a), at_most(b)
    if not first <= last or (math.isinf(first) and first > 0) or (math.isinf(last) and last < 0):
        raise ValueError(f"{what}: there is no float in [{low}, {high}]")
    return first, last


def at_least(value: float | Fraction) -> float:
    """Return the smallest float that is not below a number."""
    nearest = _nearest(value)
    return nearest if nearest >= value else math.nextafter(nearest, math.inf)


def at_most(value: float | Fraction) -> float:
    """Return the largest float that is not above a number."""
    nearest = _nearest(value)
    return nearest if nearest <= value else math.nextafter(nearest, -math.inf)


def beyond(value: float | Fraction, direction: int) -> float:
    """Return the float next to a number that is strictly above (1) or below (-1) it."""
    if direction > 0:
        first = at_least(value)
        return first if first > value else math.nextafter(first, math.inf)
    last = at_most(value)
    return last if last < value else math.nextafter(last, -math.inf)


def _nearest(value: float | Fraction) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
