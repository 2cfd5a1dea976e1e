"""Closed intervals of float64, rounded outwards, thousands at a time.

An interval is a pair (low, high) of arrays of one shape, or of shapes that broadcast; the true
numbers lie between them. Where an operation may be undefined on an interval (a quotient by one that
contains 0, a logarithm of one that touches 0), both ends become nan: nan compares False with
everything, so that nothing is ever concluded from it, and every operation passes it on.

The four operations and the root are correctly rounded in IEEE 754, so one step outwards is enough;
they find out whether and in which direction they were rounded, and leave exact results as they are.
 Elementary functions are widened by `ULPS` units in the last
place, twice what NumPy states for its vectorised ones (4), and are cut at the values that they
cannot pass (exp >= 0, |tanh| <= 1, the sign of log x is that of x - 1).
"""

from __future__ import annotations

import numpy as np

from validation.arithmetic.values import Number

Pair = tuple[Number, Number]

ULPS = 8
_RELATIVE = ULPS * 2.0**-52
_TINY = 5e-324
_NO_UNDERFLOW = 1e-270  # products above it have errors that are floats


def down(x: Number) -> Number:
    """Return the next float below."""
    return np.nextafter(x, -np.inf)


def up(x: Number) -> Number:
    """Return the next float above."""
    return np.nextafter(x, np.inf)


def point(x: Number) -> Pair:
    """Return the interval of one exact float."""
    return x, x


def poisoned(low: Number, high: Number) -> Pair:
    """Return the pair with both ends nan where either is."""
    bad = np.isnan(low) | np.isnan(high)
    if np.any(bad):
        return np.where(bad, np.nan, low), np.where(bad, np.nan, high)
    return low, high


def _error_of_sum(a: Number, b: Number, total: Number) -> Number:
    """Return a + b - total exactly (Knuth); nan where something overflowed."""
    part = total - a
    return (a - (total - part)) + (b - part)


def _sum_down(a: Number, b: Number) -> Number:
    total = a + b
    return np.where(_error_of_sum(a, b, total) >= 0, total, down(total))


def _sum_up(a: Number, b: Number) -> Number:
    total = a + b
    return np.where(_error_of_sum(a, b, total) <= 0, total, up(total))


def add(a: Pair, b: Pair) -> Pair:
    """Return a + b."""
    return _sum_down(a[0], b[0]), _sum_up(a[1], b[1])


def negative(a: Pair) -> Pair:
    """Return -a."""
    return -a[1], -a[0]


def subtract(a: Pair, b: Pair) -> Pair:
    """Return a - b."""
    return add(a, negative(b))


def _signed(low: Number, high: Number, a: Pair, b: Pair) -> Pair:
    """Cut a product or quotient at 0 where the signs of its operands say so."""
    same = ((a[0] >= 0) & (b[0] >= 0)) | ((a[1] <= 0) & (b[1] <= 0))
    opposite = ((a[0] >= 0) & (b[1] <= 0)) | ((a[1] <= 0) & (b[0] >= 0))
    return np.where(same & (low < 0), 0.0, low), np.where(opposite & (high > 0), 0.0, high)


def _parts(x: Number) -> Pair:
    """Split floats into halves of 26 bits (Veltkamp); nan near the end of the range."""
    c = 134217729.0 * x
    high = c - (c - x)
    return high, x - high


def _error_of_product(a: Number, b: Number, product: Number) -> Number:
    """Return a b - product exactly (Dekker); nan where bits may have been lost."""
    (p, q), (r, s) = _parts(a), _parts(b)
    error = ((p * r - product) + p * s + q * r) + q * s
    return np.where(np.abs(product) > _NO_UNDERFLOW, error, np.nan)


def _products(a: Pair, b: Pair) -> list[tuple[Number, Number]]:
    """The products of the ends that can be least or largest, each rounded down and up."""
    ends = [(x, y) for x in a for y in b]
    if np.all(a[0] >= 0) and np.all(b[0] >= 0):
        ends = [(a[0], b[0]), (a[1], b[1])]
    found = []
    for x, y in ends:
        product = x * y
        error = _error_of_product(x, y, product)
        low = np.where(error >= 0, product, down(product))
        high = np.where(error <= 0, product, up(product))
        found.append((low, high))
    return found


def multiply(a: Pair, b: Pair) -> Pair:
    """Return a b."""
    return _signed(*_outermost(_products(a, b)), a, b)


def _outermost(ends: list[tuple[Number, Number]]) -> Pair:
    low, high = ends[0]
    for first, last in ends[1:]:
        low, high = np.minimum(low, first), np.maximum(high, last)
    return low, high


def divide(a: Pair, b: Pair) -> Pair:
    """Return a/b; nan where b contains 0."""
    safe = (b[0] > 0) | (b[1] < 0)
    divisor = np.where(safe, b[0], np.nan), np.where(safe, b[1], np.nan)
    found = []
    for x in a:
        for y in divisor:
            quotient = x / y
            product = quotient * y
            # The remainder of a division is a float, found exactly where nothing underflows.
            rest = (x - product) - _error_of_product(quotient, y, product)
            sure = np.abs(quotient) > _NO_UNDERFLOW
            rest = np.where(sure, np.where(y > 0, rest, -rest), np.nan)
            found.append(
                (
                    np.where(rest >= 0, quotient, down(quotient)),
                    np.where(rest <= 0, quotient, up(quotient)),
                )
            )
    return _signed(*_outermost(found), a, divisor)


def absolute(a: Pair) -> Pair:
    """Return |a|."""
    low = np.where(a[0] > 0, a[0], np.where(a[1] < 0, -a[1], 0.0))
    return poisoned(low, np.maximum(-a[0], a[1]))


def square(a: Pair) -> Pair:
    """Return a^2, which is at least 0."""
    size = absolute(a)
    found = _products(size, size)
    low, high = found[0][0], found[-1][1]
    return np.where(low < 0, 0.0, low), np.where(size[1] == 0, 0.0, high)


def power(a: Pair, n: int) -> Pair:
    """Return a^n for an integer n; 0^0 = 1."""
    if n < 0:
        return divide((1.0, 1.0), power(a, -n))
    if n == 0:
        one = np.where(np.isnan(a[0]) | np.isnan(a[1]), np.nan, 1.0)
        return one, one
    if n == 1:
        return a
    if n == 2:
        return square(a)
    if n % 2 == 0:
        return _even(a, n)
    # Odd powers increase: each end by itself.
    return _odd(a[0], n)[0], _odd(a[1], n)[1]


def _even(a: Pair, n: int) -> Pair:
    size = absolute(a)
    return _positive(size[0], n)[0], _positive(size[1], n)[1]


def _odd(x: Number, n: int) -> Pair:
    low, high = _positive(np.abs(x), n)
    return np.where(x < 0, -high, low), np.where(x < 0, -low, high)


def _positive(x: Number, n: int) -> Pair:
    """Enclose x^n for floats x >= 0, by repeated multiplication."""
    result = point(x)
    for _ in range(n - 1):
        result = multiply(result, point(x))
    return result


def square_root(a: Pair) -> Pair:
    """Return the root; nan where a contains negative numbers."""
    low = np.sqrt(np.where(a[0] >= 0, a[0], np.nan))
    high = np.sqrt(a[1])
    lower, higher = down(low), up(high)
    for root, x, place in ((low, a[0], 0), (high, a[1], 1)):
        product = root * root
        exact = (product == x) & (_error_of_product(root, root, product) == 0)
        if place == 0:
            lower = np.where(exact | (root == 0), root, lower)
        else:
            higher = np.where(exact | (root == 0), root, higher)
    return poisoned(lower, higher)


def maximum(a: Pair, b: Pair) -> Pair:
    """Return the larger of two."""
    return poisoned(np.maximum(a[0], b[0]), np.maximum(a[1], b[1]))


def minimum(a: Pair, b: Pair) -> Pair:
    """Return the smaller of two."""
    return poisoned(np.minimum(a[0], b[0]), np.minimum(a[1], b[1]))


def hull(a: Pair, b: Pair) -> Pair:
    """Return the smallest interval that contains both."""
    return poisoned(np.minimum(a[0], b[0]), np.maximum(a[1], b[1]))


def _wider(low: Number, high: Number) -> Pair:
    """Widen by the library's error; an infinite lower end is no bound and becomes nan."""
    return (
        low - (np.abs(low) * _RELATIVE + _TINY),
        high + (np.abs(high) * _RELATIVE + _TINY),
    )


def _cut(low: Number, high: Number, a: Pair, at: float, value: float) -> Pair:
    """Use that an increasing function takes `value` at `at` exactly."""
    low = np.where((a[0] >= at) & (low < value), value, low)
    return low, np.where((a[1] <= at) & (high > value), value, high)


def exp(a: Pair) -> Pair:
    """Return e^a."""
    low, high = _wider(np.exp(a[0]), np.exp(a[1]))
    low, high = _cut(np.where(low < 0, 0.0, low), high, a, 0.0, 1.0)
    return poisoned(low, high)


def expm1(a: Pair) -> Pair:
    """Return e^a - 1."""
    low, high = _wider(np.expm1(a[0]), np.expm1(a[1]))
    low, high = _cut(np.where(low < -1, -1.0, low), high, a, 0.0, 0.0)
    return poisoned(low, high)


def log(a: Pair) -> Pair:
    """Return log a; nan where a is not certainly positive."""
    low, high = _wider(np.log(np.where(a[0] > 0, a[0], np.nan)), np.log(a[1]))
    return poisoned(*_cut(low, high, a, 1.0, 0.0))


def log1p(a: Pair) -> Pair:
    """Return log(1 + a); nan where 1 + a is not certainly positive."""
    low, high = _wider(np.log1p(np.where(a[0] > -1, a[0], np.nan)), np.log1p(a[1]))
    return poisoned(*_cut(low, high, a, 0.0, 0.0))


def xlogx(a: Pair) -> Pair:
    """Return a log a, 0 at 0; nan where a contains negative numbers."""
    a = np.where(a[0] >= 0, a[0], np.nan), a[1]
    ends = [_xlogx_at(x) for x in a]
    low, high = hull(*ends)
    # It falls before 1/e and rises after it; -1/e lies in -0.36787944117144233 -+ 1e-17.
    inside = (a[0] <= 0.36787944117144239) & (a[1] >= 0.36787944117144227)
    return poisoned(np.where(inside, -0.36787944117144239, low), high)


def _xlogx_at(x: Number) -> Pair:
    low, high = multiply(point(x), log(point(np.where(x == 0, 1.0, x))))
    return np.where(x == 0, 0.0, low), np.where(x == 0, 0.0, high)


def tanh(a: Pair) -> Pair:
    """Return tanh a."""
    low, high = _wider(np.tanh(a[0]), np.tanh(a[1]))
    low, high = np.where(low < -1, -1.0, low), np.where(high > 1, 1.0, high)
    return poisoned(*_cut(low, high, a, 0.0, 0.0))


def sin(a: Pair) -> Pair:
    """Return sin a."""
    return _wave(np.sin, a, 0.25)


def cos(a: Pair) -> Pair:
    """Return cos a."""
    return _wave(np.cos, a, 0.0)


def _wave(function: Number, a: Pair, peak: float) -> Pair:
    """Enclose a function of period 2 pi with its maxima at 2 pi (peak + n), minima between."""
    first, last = function(a[0]), function(a[1])
    low = np.minimum(first, last) - 2.0**-49
    high = np.maximum(first, last) + 2.0**-49
    turns = a[0] / (2 * np.pi), a[1] / (2 * np.pi)
    # Places are compared with room for the rounding of the quotients; huge arguments are all of it.
    room = 1e-12 * (1 + np.maximum(np.abs(turns[0]), np.abs(turns[1])))
    wide = (turns[1] - turns[0] >= 1) | (room > 1e-6)

    def contains(place: float) -> Number:
        return wide | (np.ceil(turns[0] - place - room) <= np.floor(turns[1] - place + room))

    high = np.where(contains(peak) | (high > 1), 1.0, high)
    low = np.where(contains(peak + 0.5) | (low < -1), -1.0, low)
    bad = np.isnan(a[0]) | np.isnan(a[1])
    return np.where(bad, np.nan, low), np.where(bad, np.nan, high)
