"""Intervals with ends computed in balls, and one derivative: the judge of what float64 has proved.

A `Jet` is an interval of a value and an interval of its derivative along one coordinate. Every end
is computed by FLINT's balls at some 80 bits and rounded outwards from there; derivatives of
elementary functions are taken from FLINT's power series at the ends. What `intervals` and
`enclosures` get wrong, in rounding, in an elementary function or in a derivative, is not got wrong
here in the same way.

(A ball around a wide cell would lose the signs of its ends, and with them every proof by
monotonicity: so each end is a ball of its own.)
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from fractions import Fraction

import numpy as np
from flint import arb, arb_series, fmpq

from validation.arithmetic import ball, spans
from validation.arithmetic.cells import EntryArray, EntryNamespace, add_functions, current_answers
from validation.arithmetic.errors import Unsupported
from validation.arithmetic.spans import Span
from validation.arithmetic.values import Number, Value


def _operator(method: Callable[..., Number]) -> Callable[..., Number]:
    @functools.wraps(method)
    def wrapped(self: Jet, other: Number) -> Number:
        if isinstance(other, int):
            other = Jet(spans.exactly(arb(other)))
        return method(self, other) if isinstance(other, Jet) else NotImplemented

    return wrapped


class Jet:
    """A value and a derivative, both as (low, high); the derivative is None where it is 0.

    A sum remembers what it is the sum of, for quotients a/(a + b).
    """

    __slots__ = ("addends", "slope", "value")

    def __init__(self, value: Span, slope: Span | None = None) -> None:
        self.value, self.slope = value, slope
        self.addends: tuple[Jet, ...] = ()

    def certainly_nonnegative(self) -> bool:
        """Whether the value is certainly >= 0."""
        return bool(self.value[0] >= 0)

    def finite(self) -> bool:
        """Whether both ends of the value are finite."""
        return bool(self.value[0].is_finite() and self.value[1].is_finite())

    def raised_to(self, floor: Jet) -> Jet:
        """The same value, of which it is known to be at least `floor`."""
        low, high = self.value
        if low < floor.value[0] <= high:
            return Jet((floor.value[0], high), self.slope)
        return self

    def agreeing(self, other: Jet) -> Jet:
        """The value of two that are to be equal; nothing is known where they certainly differ."""
        if other is self:
            return self
        if self.value[0] > other.value[1] or other.value[0] > self.value[1]:
            return Jet(spans.UNKNOWN, spans.UNKNOWN)
        slopes = [x.slope or spans.ZERO for x in (self, other)]
        return Jet(spans.hull(self.value, other.value), spans.hull(*slopes))

    def square(self) -> Jet:
        """Return the square."""
        slope = None
        if self.slope is not None:
            slope = spans.product((arb(2), arb(2)), spans.product(self.value, self.slope))
        return Jet(spans.square(self.value), slope)

    def sqrt(self) -> Jet:
        """Return the root."""
        value = spans.root(self.value)
        if self.slope is None:
            return Jet(value)
        return Jet(value, spans.quotient(self.slope, spans.plus(value, value)))

    @_operator
    def __add__(self, other: Number) -> Jet:
        slope = self.slope
        if slope is None:
            slope = other.slope
        elif other.slope is not None:
            slope = spans.plus(slope, other.slope)
        total = Jet(spans.plus(self.value, other.value), slope)
        total.addends = self, other
        return total

    __radd__ = __add__

    def __neg__(self) -> Jet:
        return Jet(spans.minus(self.value), None if self.slope is None else spans.minus(self.slope))

    @_operator
    def __sub__(self, other: Number) -> Jet:
        result: Jet = self + (-other)
        return result

    @_operator
    def __rsub__(self, other: Number) -> Jet:
        result: Jet = other + (-self)
        return result

    @_operator
    def __mul__(self, other: Number) -> Jet:
        if other is self:
            result: Jet = self.square()
            return result
        parts = []
        if self.slope is not None:
            parts.append(spans.product(self.slope, other.value))
        if other.slope is not None:
            parts.append(spans.product(self.value, other.slope))
        slope = functools.reduce(spans.plus, parts) if parts else None
        return Jet(spans.product(self.value, other.value), slope)

    __rmul__ = __mul__

    @_operator
    def __truediv__(self, other: Number) -> Jet:
        if any(self is part for part in other.addends):
            first, second = other.addends
            rest = second if first is self else first
            if self.value[0] >= 0 and rest.value[0] >= 0 and other.value[0] > 0:
                return _part_of_sum(self, rest)
        value = spans.quotient(self.value, other.value)
        if self.slope is None and other.slope is None:
            return Jet(value)
        top = spans.ZERO if self.slope is None else self.slope
        if other.slope is not None:
            top = spans.plus(top, spans.minus(spans.product(value, other.slope)))
        return Jet(value, spans.quotient(top, other.value))

    @_operator
    def __rtruediv__(self, other: Number) -> Jet:
        result: Jet = other / self
        return result

    def __abs__(self) -> Jet:
        low, high = self.value
        if low >= 0:
            return self
        if high <= 0:
            return -self
        value = (arb(0), -spans.least([low, -high])) if self.finite() else spans.UNKNOWN
        slope = self.slope
        return Jet(value, None if slope is None else spans.hull(slope, spans.minus(slope)))

    def __pow__(self, n: int) -> Jet:
        if n < 0:
            result: Jet = 1 / self ** (-n)
            return result
        value = (_even if n % 2 == 0 else spans.odd_power)(self.value, n)
        if self.slope is None or n == 0:
            return Jet(value)
        power = (_even if n % 2 == 1 else spans.odd_power)(self.value, n - 1)
        return Jet(value, spans.product(spans.product((arb(n), arb(n)), power), self.slope))


def _part_of_sum(a: Jet, b: Jet) -> Jet:
    """Return a/(a + b), end by end, for numbers >= 0 with a positive sum."""

    def at(x: Number, y: Number) -> Number:
        return arb(0) if x == 0 else 1 / (1 + y / x)

    low = at(a.value[0], b.value[1]).lower()
    high = at(a.value[1], b.value[0]).upper()
    value = -spans.least([-low, arb(0)]), spans.least([high, arb(1)])
    if a.slope is None and b.slope is None:
        return Jet(value)
    # (b/(a + b)) a'/(a + b) - (a/(a + b)) b'/(a + b)
    rest = (1 - value[1]).lower(), (1 - value[0]).upper()
    whole = spans.plus(a.value, b.value)
    first = spans.ZERO if a.slope is None else spans.quotient(spans.product(rest, a.slope), whole)
    second = spans.ZERO if b.slope is None else spans.quotient(spans.product(value, b.slope), whole)
    return Jet(value, spans.plus(first, spans.minus(second)))


def _even(a: Span, n: int) -> Span:
    size = abs(Jet(a)).value
    return spans.odd_power(size, n)


class Jets(EntryArray):
    """An array of jets."""

    __slots__ = ()
    kind = "jet"
    number = Jet

    @classmethod
    def exact(cls, value: Number) -> Number:
        """Convert one number exactly, except for fractions' last bit."""
        if isinstance(value, Jet):
            return value
        if isinstance(value, np.generic):
            value = value.item()
        if isinstance(value, int):
            return Jet(spans.exactly(arb(int(value))))
        if isinstance(value, float):
            return Jet(spans.exactly(arb(value)))
        if isinstance(value, Fraction):
            return Jet(spans.exactly(arb(fmpq(value.numerator, value.denominator))))
        raise Unsupported(f"a {type(value).__name__} has no exact value as a ball")

    @classmethod
    def is_exact_integer(cls, value: Number) -> bool:
        """Whether an entry is one integer."""
        low, high = value.value
        return bool(low.is_finite() and low.is_integer() and low == high)

    @classmethod
    def integer_part(cls, value: Number) -> int:
        """Convert an exact integer entry."""
        return int(value.value[0].unique_fmpz())

    @classmethod
    def power(cls, base: Number, exponent: Number) -> Number:
        """Raise to an integer, to 1/2, or a positive number to any power."""
        simple = cls.integer_powers(base, exponent)
        if simple is not None:
            return simple
        if not isinstance(exponent, Jets):
            exponent = cls.operand(exponent)
        if not isinstance(base, Jets) or exponent is NotImplemented:
            return NotImplemented
        return (exponent * base.mapped(_log)).mapped(_exp)

    def _answer(
        self, a: Number, b: Number, yes: Callable[..., Number], no: Callable[..., Number]
    ) -> bool:
        answers = current_answers.get()
        if answers is None:
            raise Unsupported("a comparison of jets outside of an evaluation")
        p, q, name = a.value, b.value, yes.__name__
        if name in ("gt", "ge"):
            p, q, name = q, p, {"gt": "lt", "ge": "le"}[name]
        if name == "lt":
            may, may_not = not p[0] >= q[1], not p[1] < q[0]
        elif name == "le":
            may, may_not = not p[0] > q[1], not p[1] <= q[0]
        else:
            may = not (p[0] > q[1] or p[1] < q[0])
            may_not = not (p[0] == p[1] and q[0] == q[1] and p[0] == q[0])
            if name == "ne":
                may, may_not = may_not, may
        return answers.answer(np.asarray(may), np.asarray(may_not))


def _slope_at(name: str, x: Number) -> Number:
    """The derivative of an elementary function at a point, from FLINT's power series."""
    return getattr(arb_series([x, arb(1)], prec=2), name)()[1]


def _exp(x: Jet) -> Jet:
    value = x.value[0].exp().lower(), x.value[1].exp().upper()
    return _chained(x, value, lambda a, b: (_slope_at("exp", a), _slope_at("exp", b)))


def _expm1(x: Jet) -> Jet:
    value = x.value[0].expm1().lower(), x.value[1].expm1().upper()
    return _chained(x, value, lambda a, b: (_slope_at("exp", a), _slope_at("exp", b)))


def _log(x: Jet) -> Jet:
    if not x.value[0] > 0:
        return Jet(spans.UNKNOWN, spans.UNKNOWN)
    value = x.value[0].log().lower(), x.value[1].log().upper()
    return _chained(x, value, lambda a, b: (_slope_at("log", b), _slope_at("log", a)))


def _log1p(x: Jet) -> Jet:
    if not x.value[0] > -1:
        return Jet(spans.UNKNOWN, spans.UNKNOWN)
    value = x.value[0].log1p().lower(), x.value[1].log1p().upper()
    return _chained(x, value, lambda a, b: (_slope_at("log", 1 + b), _slope_at("log", 1 + a)))


def _chained(x: Jet, value: Span, slopes: Callable[[Number, Number], tuple[Number, Number]]) -> Jet:
    """The chain rule for a function whose derivative is monotone between the ends."""
    if x.slope is None:
        return Jet(value)
    if not x.finite():
        return Jet(value, spans.UNKNOWN)
    low, high = slopes(*x.value)
    return Jet(value, spans.product((low.lower(), high.upper()), x.slope))


def _tanh(x: Jet) -> Jet:
    value = x.value[0].tanh().lower(), x.value[1].tanh().upper()
    if x.finite():  # balls of tanh near 1 reach beyond it
        value = -spans.least([-value[0], arb(1)]), spans.least([value[1], arb(1)])
    if x.slope is None:
        return Jet(value)
    # tanh' rises up to 0 and falls after it.
    ends = [_slope_of_tanh(end) for end in x.value]
    low, high = spans.hull(spans.exactly(ends[0]), spans.exactly(ends[1]))
    if not (x.value[0] > 0 or x.value[1] < 0):
        high = -spans.least([-high, arb(-1)])
    return Jet(value, spans.product((low, high), x.slope))


def _slope_of_tanh(x: Number) -> Number:
    """The derivative of 1 - 2/(e^{2x} + 1) by FLINT's series, on the side where e^{2x} is small."""
    side = -1 if x > 0 else 1
    top = arb_series([2 * side * x, arb(2 * side)], prec=2).exp()
    return side * (1 - 2 / (top + 1))[1]


def _wave(name: str) -> Callable[[Jet], Jet]:
    def function(x: Jet) -> Jet:
        value = _range_of_wave(name, x.value)
        if x.slope is None:
            return Jet(value)
        other = _range_of_wave("cos", x.value)
        if name == "cos":
            other = spans.minus(_range_of_wave("sin", x.value))
        return Jet(value, spans.product(other, x.slope))

    return function


def _range_of_wave(name: str, a: Span) -> Span:
    """Enclose sin or cos of an interval by one ball around it."""
    if not (a[0].is_finite() and a[1].is_finite()):
        return spans.UNKNOWN
    found = getattr(a[0].union(a[1]), name)()
    return -spans.least([arb(1), -(found.lower())]), spans.least([arb(1), found.upper()])


def _xlogx(x: Jet) -> Jet:
    low, high = x.value
    if low > 0:
        slope = None
        if x.slope is not None:
            slope = spans.product(((1 + low.log()).lower(), (1 + high.log()).upper()), x.slope)
        return Jet(_range_of_xlogx(x.value), slope)
    if not low >= 0:
        return Jet(spans.UNKNOWN, spans.UNKNOWN)
    return Jet(_range_of_xlogx(x.value), None if x.slope is None else spans.UNKNOWN)


def _range_of_xlogx(a: Span) -> Span:
    ends = [arb(0) if x == 0 else x * x.log() for x in a]
    low, high = spans.hull(spans.exactly(ends[0]), spans.exactly(ends[1]))
    bottom = arb(-1).exp()
    if not (a[1] < bottom or a[0] > bottom):  # it falls before 1/e and rises after it
        low = spans.least([low, (-bottom).lower()])
    return low, high


def _larger(a: Jet, b: Jet) -> Jet:
    if a.value[0] >= b.value[1]:
        return a
    if b.value[0] >= a.value[1]:
        return b
    value = -spans.least([-a.value[0], -b.value[0]]), -spans.least([-a.value[1], -b.value[1]])
    if a.slope is None and b.slope is None:
        return Jet(value)
    p, q = (spans.ZERO if x.slope is None else x.slope for x in (a, b))
    return Jet(value, spans.hull(p, q))


def _smaller(a: Jet, b: Jet) -> Jet:
    return -_larger(-a, -b)


def _truncated(x: Number) -> Number:
    return x.floor() if x >= 0 else x.ceil()


def _step(at: Callable[[Number], Number]) -> Callable[[Jet], Jet]:
    def function(x: Jet) -> Jet:
        if not x.finite():
            return Jet(spans.UNKNOWN, spans.UNKNOWN)
        low, high = (at(end) for end in x.value)
        value = low.lower(), high.upper()
        return Jet(value, None if x.slope is None or value[0] == value[1] else spans.UNKNOWN)

    return function


class JetNamespace(EntryNamespace):
    """`xp` over jets."""

    array = Jets
    larger = staticmethod(_larger)
    smaller = staticmethod(_smaller)
    ceiling = staticmethod(_step(arb.ceil))
    rounding_down = staticmethod(_step(arb.floor))
    truncation = staticmethod(_step(_truncated))
    signs = staticmethod(_step(arb.sgn))

    @property
    def pi(self) -> Value:
        """The number pi."""
        return Jets.of_entries(Jet(spans.exactly(ball.constant("pi"))))

    @property
    def e(self) -> Value:
        """The number e."""
        return Jets.of_entries(Jet(spans.exactly(ball.constant("e"))))


add_functions(
    JetNamespace,
    {
        "sqrt": Jet.sqrt,
        "exp": _exp,
        "expm1": _expm1,
        "log": _log,
        "log1p": _log1p,
        "xlogx": _xlogx,
        "tanh": _tanh,
        "sin": _wave("sin"),
        "cos": _wave("cos"),
    },
)


def coordinate(low: float, high: float, moves: bool) -> Jet:
    """Return a coordinate of a cell, with derivative 1 if it is the one that moves."""
    return Jet((arb(low), arb(high)), spans.ONE if moves else None)
