"""One number of a formula over many cells: an interval a cell, and the gradient enclosed.

Forward-mode dual numbers over `intervals`: beside the interval of the value, an `Enclosure` carries
intervals of its partial derivatives by the coordinates of the cells. Where a function has a kink
(maximum, absolute value), the hull of the slopes on both sides is carried, which contains Clarke's
generalised gradient, so that the mean-value theorem holds; where it jumps, or may be undefined, the
slopes are nan, of which nothing is concluded.
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable

import numpy as np

from validation.arithmetic import intervals as iv
from validation.arithmetic.errors import Unsupported
from validation.arithmetic.values import Number

_SMALLEST_SCALED = 1e-290
_NO_SLOPE = (np.zeros((1, 1)), np.zeros((1, 1)))


def _operator(method: Callable[..., Number]) -> Callable[..., Number]:
    """Leave operands that are neither enclosures nor ints to the other side, such as an array."""

    @functools.wraps(method)
    def wrapped(self: Enclosure, other: Number) -> Number:
        if isinstance(other, int):
            other = of_integer(other)
        return method(self, other) if isinstance(other, Enclosure) else NotImplemented

    return wrapped


class Enclosure:
    """Intervals (low, high) of a value on every cell, and of its partial derivatives.

    Attributes
    ----------
    low, high : arrays () or (cells,)
        Bounds of the value.
    slopes : None or pair of arrays (p, 1) or (p, cells)
        Bounds of the partial derivatives; None where all are 0.
    addends : pair of weak references to enclosures, or None
        What this is the sum of, while that exists: a quotient a/(a + b) is enclosed as such.
    """

    __slots__ = ("__weakref__", "addends", "high", "low", "slopes")

    def __init__(self, low: Number, high: Number, slopes: Number = None) -> None:
        self.low, self.high, self.slopes = low, high, slopes
        self.addends: tuple[Number, Number] | None = None

    @property
    def pair(self) -> iv.Pair:
        """The bounds of the value."""
        return self.low, self.high

    def certainly_nonnegative(self) -> bool:
        """Whether the value is >= 0 on every cell."""
        return bool(np.all(self.low >= 0))

    def raised_to(self, floor: Enclosure) -> Enclosure:
        """The same value, of which it is known to be at least `floor`."""
        low = np.where(floor.low > self.low, floor.low, self.low)
        return Enclosure(np.where(low > self.high, self.low, low), self.high, self.slopes)

    def agreeing(self, other: Enclosure) -> Enclosure:
        """The value of two that are to be equal; nothing is known on cells where they differ."""
        if other is self:
            return self
        apart = (self.low > other.high) | (other.low > self.high)
        low, high = iv.hull(self.pair, other.pair)
        slopes = None
        if self.slopes is not None or other.slopes is not None:
            slopes = iv.hull(*(_NO_SLOPE if x.slopes is None else x.slopes for x in (self, other)))
        return Enclosure(np.where(apart, np.nan, low), np.where(apart, np.nan, high), slopes)

    def square(self) -> Enclosure:
        """Return the square."""
        return self._chain(iv.square(self.pair), lambda: iv.multiply((2.0, 2.0), self.pair))

    def sqrt(self) -> Enclosure:
        """Return the root."""
        root = iv.square_root(self.pair)
        return self._chain(root, lambda: iv.divide((0.5, 0.5), root))

    def _chain(self, value: iv.Pair, slope: Number) -> Enclosure:
        """A function's value; `slope` is called where its derivative is needed."""
        if self.slopes is None:
            return Enclosure(*value)
        return Enclosure(*value, iv.multiply(slope(), self.slopes))

    # -- operators ------------------------------------------------------------------------------

    @_operator
    def __add__(self, other: Number) -> Enclosure:
        slopes = self.slopes
        if slopes is None:
            slopes = other.slopes
        elif other.slopes is not None:
            slopes = iv.add(slopes, other.slopes)
        total = Enclosure(*iv.add(self.pair, other.pair), slopes)
        total.addends = weakref.ref(self), weakref.ref(other)
        return total

    __radd__ = __add__

    def __neg__(self) -> Enclosure:
        slopes = None if self.slopes is None else iv.negative(self.slopes)
        return Enclosure(-self.high, -self.low, slopes)

    @_operator
    def __sub__(self, other: Number) -> Enclosure:
        result: Enclosure = self + (-other)
        return result

    @_operator
    def __rsub__(self, other: Number) -> Enclosure:
        result: Enclosure = other + (-self)
        return result

    @_operator
    def __mul__(self, other: Number) -> Enclosure:
        if other is self:
            result: Enclosure = self.square()
            return result
        for a, b in ((self, other), (other, self)):
            scaled = b._scaled_by(a)
            if scaled is not None:
                return scaled
        slopes = None
        if self.slopes is not None:
            slopes = iv.multiply(other.pair, self.slopes)
        if other.slopes is not None:
            second = iv.multiply(self.pair, other.slopes)
            slopes = second if slopes is None else iv.add(slopes, second)
        return Enclosure(*iv.multiply(self.pair, other.pair), slopes)

    __rmul__ = __mul__

    def _scaled_by(self, factor: Enclosure) -> Enclosure | None:
        """The product with an exact power of two, which needs no rounding; None for others."""
        c = factor.low
        if factor.slopes is not None or np.ndim(c) or c != factor.high or not 2**-64 <= abs(c) <= 4:
            return None
        if abs(np.frexp(c)[0]) != 0.5:
            return None
        low, high = self.low * c, self.high * c
        small = (np.abs(low) < _SMALLEST_SCALED) & (self.low != 0)
        small = small | ((np.abs(high) < _SMALLEST_SCALED) & (self.high != 0))
        large = np.isinf(low) | np.isinf(high)
        if np.any(small | large):
            return None
        if c < 0:
            low, high = high, low
        slopes = None if self.slopes is None else iv.multiply((c, c), self.slopes)
        return Enclosure(low, high, slopes)

    @_operator
    def __truediv__(self, other: Number) -> Enclosure:
        if other.slopes is None and np.ndim(other.low) == 0 and other.low == other.high != 0:
            c = float(other.low)
            if abs(np.frexp(c)[0]) == 0.5:
                result: Enclosure = self * Enclosure(1 / c, 1 / c)
                return result
        rest = _without(other, self)
        if rest is not None:
            return _share(self, rest, other)
        value = iv.divide(self.pair, other.pair)
        slopes = self.slopes
        if other.slopes is not None:
            # (a/b)' = (a' - (a/b) b')/b
            second = iv.negative(iv.multiply(value, other.slopes))
            slopes = second if slopes is None else iv.add(slopes, second)
        if slopes is not None:
            slopes = iv.divide(slopes, other.pair)
        return Enclosure(*value, slopes)

    @_operator
    def __rtruediv__(self, other: Number) -> Enclosure:
        result: Enclosure = other / self
        return result

    def __abs__(self) -> Enclosure:
        return self._chain(iv.absolute(self.pair), lambda: self._sign())

    def _sign(self) -> iv.Pair:
        bad = np.isnan(self.low)
        low = np.where(bad, np.nan, np.where(self.low >= 0, 1.0, -1.0))
        return low, np.where(bad, np.nan, np.where(self.high <= 0, -1.0, 1.0))

    def __pow__(self, n: int) -> Enclosure:
        if n == 0:
            result: Enclosure = self * 0 + 1
            return result
        return self._chain(
            iv.power(self.pair, n),
            lambda: iv.multiply((float(n), float(n)), iv.power(self.pair, n - 1)),
        )

    def __repr__(self) -> str:
        return f"[{self.low}, {self.high}]"


def _without(total: Enclosure, part: Enclosure) -> Enclosure | None:
    """The other addend of a sum, where this one and it are not negative on any cell."""
    if total.addends is None:
        return None
    first, second = (reference() for reference in total.addends)
    rest: Enclosure | None = second if first is part else first if second is part else None
    if rest is None or not part.certainly_nonnegative() or not rest.certainly_nonnegative():
        return None
    return rest


def _share(a: Enclosure, b: Enclosure, total: Enclosure) -> Enclosure:
    """The quotient a/(a + b) of numbers >= 0: it rises in a and falls in b."""
    least = iv.divide(iv.point(a.low), iv.add(iv.point(a.low), iv.point(b.high)))
    most = iv.divide(iv.point(a.high), iv.add(iv.point(a.high), iv.point(b.low)))
    low, high = iv.poisoned(least[0], most[1])
    if a.slopes is None and b.slopes is None:
        return Enclosure(low, high)
    # (b a' - a b')/(a + b)^2, with a/(a + b) and b/(a + b) as enclosed.
    other = iv.subtract((1.0, 1.0), (low, high))
    other = np.where(other[0] < 0, 0.0, other[0]), other[1]
    zero = (np.zeros((1, 1)), np.zeros((1, 1)))
    rising = zero if a.slopes is None else iv.multiply(other, a.slopes)
    falling = zero if b.slopes is None else iv.multiply((low, high), b.slopes)
    top = iv.subtract(rising, falling)
    return Enclosure(low, high, iv.divide(top, total.pair))


def of_integer(value: int) -> Enclosure:
    """Enclose an integer of any size."""
    try:
        nearest = float(value)
    except OverflowError:
        largest = np.float64(np.finfo(np.float64).max)
        return Enclosure(largest, np.inf) if value > 0 else Enclosure(-np.inf, -largest)
    return _around(nearest, nearest < value, nearest > value)


def of_quotient(numerator: int, denominator: int) -> Enclosure:
    """Enclose a fraction."""
    from fractions import Fraction

    exact = Fraction(numerator, denominator)
    try:
        nearest = float(exact)
    except OverflowError:
        raise Unsupported(f"the fraction {exact} is beyond the range of floats") from None
    return _around(nearest, Fraction(nearest) < exact, Fraction(nearest) > exact)


def _around(nearest: float, above: bool, below: bool) -> Enclosure:
    x = np.float64(nearest)
    return Enclosure(iv.down(x) if below else x, iv.up(x) if above else x)


def coordinate(low: Number, high: Number, place: int, count: int) -> Enclosure:
    """Return coordinate number `place` of cells with `count` coordinates."""
    slopes = np.zeros((count, 1))
    slopes[place] = 1.0
    return Enclosure(low, high, (slopes, slopes))


# -- functions of one and of two enclosures -----------------------------------------------------


def exp(x: Enclosure) -> Enclosure:
    """Return e^x."""
    value = iv.exp(x.pair)
    return x._chain(value, lambda: value)


def expm1(x: Enclosure) -> Enclosure:
    """Return e^x - 1."""
    return x._chain(iv.expm1(x.pair), lambda: iv.exp(x.pair))


def log(x: Enclosure) -> Enclosure:
    """Return log x."""
    return x._chain(iv.log(x.pair), lambda: iv.divide((1.0, 1.0), x.pair))


def log1p(x: Enclosure) -> Enclosure:
    """Return log(1 + x)."""
    return x._chain(iv.log1p(x.pair), lambda: iv.divide((1.0, 1.0), iv.add((1.0, 1.0), x.pair)))


def xlogx(x: Enclosure) -> Enclosure:
    """Return x log x, 0 at 0."""
    return x._chain(iv.xlogx(x.pair), lambda: iv.add((1.0, 1.0), iv.log(x.pair)))


def tanh(x: Enclosure) -> Enclosure:
    """Return tanh x."""
    value = iv.tanh(x.pair)
    return x._chain(value, lambda: iv.subtract((1.0, 1.0), iv.square(value)))


def sin(x: Enclosure) -> Enclosure:
    """Return sin x."""
    return x._chain(iv.sin(x.pair), lambda: iv.cos(x.pair))


def cos(x: Enclosure) -> Enclosure:
    """Return cos x."""
    return x._chain(iv.cos(x.pair), lambda: iv.negative(iv.sin(x.pair)))


def square_root(x: Enclosure) -> Enclosure:
    """Return the root."""
    return x.sqrt()


def larger(a: Enclosure, b: Enclosure) -> Enclosure:
    """Return the larger of two."""
    return _chosen(iv.maximum(a.pair, b.pair), a, b, a.low >= b.high, b.low >= a.high)


def smaller(a: Enclosure, b: Enclosure) -> Enclosure:
    """Return the smaller of two."""
    return _chosen(iv.minimum(a.pair, b.pair), a, b, a.high <= b.low, b.high <= a.low)


def _chosen(value: iv.Pair, a: Enclosure, b: Enclosure, first: Number, second: Number) -> Enclosure:
    """The slopes of the one that is certainly chosen, else the hull of both."""
    if a.slopes is None and b.slopes is None:
        return Enclosure(*value)
    zero = (np.zeros((1, 1)), np.zeros((1, 1)))
    p, q = (zero if x.slopes is None else x.slopes for x in (a, b))
    low, high = iv.hull(p, q)
    low = np.where(first, p[0], np.where(second, q[0], low))
    high = np.where(first, p[1], np.where(second, q[1], high))
    return Enclosure(*value, (low, high))


def ceiling(x: Enclosure) -> Enclosure:
    """Return the smallest integer that is at least x."""
    return _step(x, np.ceil)


def floor(x: Enclosure) -> Enclosure:
    """Return the largest integer that is at most x."""
    return _step(x, np.floor)


def truncation(x: Enclosure) -> Enclosure:
    """Return x rounded towards 0."""
    return _step(x, np.trunc)


def sign(x: Enclosure) -> Enclosure:
    """Return -1, 0 or 1."""
    return _step(x, np.sign)


def _step(x: Enclosure, function: Number) -> Enclosure:
    value = iv.poisoned(function(x.low), function(x.high))
    if x.slopes is None:
        return Enclosure(*value)
    slope = np.where(value[0] == value[1], 0.0, np.nan)  # nan where it may jump
    return Enclosure(*value, iv.multiply((slope, slope), x.slopes))
