"""What a body computes as quotients of polynomials with rational coefficients, exactly.

A sixth reading of `xp`, for statements about all instances at once: coordinates are indeterminates,
and equal formulas have equal quotients. What a body divides by is recorded, since the quotient
says nothing where that is 0. Where a body chooses by comparing (``if x > 1``, a maximum, an
absolute value), the choice is made by the caller, who evaluates once for each, and what the choice
assumes is recorded as well; see `Choosing`.
"""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from typing import NoReturn

import numpy as np
from flint.utils.flint_exceptions import DomainError

from validation.arithmetic.cells import EntryArray, EntryNamespace
from validation.arithmetic.errors import Doubt, Unsupported
from validation.arithmetic.polynomials import fraction, rational, ring
from validation.arithmetic.values import Number, Value

MOST_TERMS = 20_000
MOST_ROOTS = 4


class Parting(Doubt, ArithmeticError):
    """A choice was met for which no answer was given."""


@dataclass
class Choosing:
    """One evaluation over quotients: its answers, and what came to light.

    Attributes
    ----------
    names : tuple of str
        The indeterminates.
    given : tuple of bool
        Answers to the comparisons of the body, in their order.
    known : function (difference, strict, ties) -> bool or None
        The answer to a comparison where it is the same everywhere.
    assumed : list of (Quotient, bool)
        What those answers assume: each at least 0, and above 0 where the second is true.
    divisors : list of Quotient
        What was divided by.
    roots : list of (Quotient, Quotient)
        Indeterminates that stand for a root, and what it is the root of: at least 0 both.
    """

    names: tuple[str, ...]
    given: tuple[bool, ...] = ()
    known: Callable[[Quotient, bool, bool], bool | None] = lambda difference, strict, ties: None
    asked: int = 0
    assumed: list[tuple[Quotient, bool]] = field(default_factory=list)
    divisors: list[Quotient] = field(default_factory=list)
    roots: list[tuple[Quotient, Quotient]] = field(default_factory=list)

    def __post_init__(self) -> None:
        names = (*self.names, *(f"root{i}" for i in range(MOST_ROOTS)))
        self.context = ring(names)

    def unknowns(self) -> list[Quotient]:
        """Every indeterminate as a number."""
        one = self.context.constant(1)
        return [Quotient(x, one) for x in self.context.gens()[: len(self.names)]]

    def root(self, of: Quotient) -> Quotient:
        """An indeterminate for the root of what is no square."""
        for root, square in self.roots:
            if square.top == of.top and square.bottom == of.bottom:
                return root
        if len(self.roots) == MOST_ROOTS:
            raise Unsupported(f"more than {MOST_ROOTS} roots")
        place = len(self.names) + len(self.roots)
        root = Quotient(self.context.gens()[place], self.context.constant(1), True)
        self.roots.append((root, of))
        return root

    def equal(self, difference: Quotient) -> bool:
        """Whether `difference` is to be taken as 0; where not, nothing is assumed of it."""
        known = difference.constant()
        if known is not None:
            return known == 0
        answer = self._next()
        if answer:
            self.assumed += [(difference, False), (-difference, False)]
        return answer

    def _next(self) -> bool:
        if self.asked >= len(self.given):
            raise Parting("the body compares")
        self.asked += 1
        return self.given[self.asked - 1]

    def chooses(self, difference: Quotient, strict: bool = False, ties: bool = True) -> bool:
        """Whether `difference` is to be taken as >= 0 (> 0 where strict); else its negative.

        Where `ties`, either answer is right at 0.
        """
        known = difference.constant()
        if known is not None:
            return known > 0 if strict else known >= 0
        certain = self.known(difference, strict, ties)
        if certain is not None:
            return certain
        answer = self._next()
        if answer:
            self.assumed.append((difference, strict))
        else:
            self.assumed.append((-difference, not strict))
        return answer


_current: contextvars.ContextVar[Choosing | None] = contextvars.ContextVar("choosing", default=None)


@contextmanager
def choosing(
    names: Sequence[str],
    given: tuple[bool, ...] = (),
    known: Callable[[Quotient, bool, bool], bool | None] | None = None,
) -> Iterator[Choosing]:
    """Read bodies over quotients in these indeterminates within the block."""
    now = Choosing(tuple(names), given)
    if known is not None:
        now.known = known
    token = _current.set(now)
    try:
        yield now
    finally:
        _current.reset(token)


def _now() -> Choosing:
    now = _current.get()
    if now is None:
        raise Unsupported("quotients of polynomials outside of an evaluation")
    return now


class Quotient:
    """A quotient of polynomials without a common factor.

    Attributes
    ----------
    top, bottom : fmpq_mpoly
    squares : bool
        Whether it was made of squares by sums, products and quotients: then it is never negative.
    """

    __slots__ = ("bottom", "squares", "top")

    def __init__(self, top: Number, bottom: Number, squares: bool = False) -> None:
        self.top, self.bottom, self.squares = top, bottom, squares

    @staticmethod
    def _reduced(top: Number, bottom: Number, squares: bool = False) -> Quotient:
        if len(top) + len(bottom) > MOST_TERMS:
            raise Unsupported(f"a polynomial of more than {MOST_TERMS} terms")
        if not bottom.is_constant():
            common = top.gcd(bottom)
            if not common.is_constant():
                top, bottom = top / common, bottom / common
        scale = bottom.leading_coefficient()
        return Quotient(top / scale, bottom / scale, squares)

    def constant(self) -> Fraction | None:
        """The number that this is, or None."""
        if not (self.top.is_constant() and self.bottom.is_constant()):
            return None
        if self.top.is_zero():
            return Fraction(0)
        value = self.top.leading_coefficient() / self.bottom.leading_coefficient()
        return fraction(value)

    def certainly_nonnegative(self) -> bool:
        """Never used: no enclosure is to be narrowed here."""
        return False

    def raised_to(self, floor: Quotient) -> Quotient:
        """The same."""
        return self

    def agreeing(self, other: Quotient) -> Quotient:
        """Return one of two that are the same quotient; others are refused."""
        if other is self or (self - other).top.is_zero():
            return self
        raise Unsupported("a matrix that is to be symmetric is not so as a formula")

    def square(self) -> Quotient:
        """Return the square."""
        return Quotient(self.top * self.top, self.bottom * self.bottom, True)

    def sqrt(self) -> Quotient:
        """Return the root: of a square, with a choice of its sign, or a new indeterminate."""
        try:
            root = Quotient(self.top.sqrt(), self.bottom.sqrt())
        except DomainError:
            return _now().root(self)
        return abs(root)

    def __add__(self, other: Number) -> Quotient:
        other = _operand(other)
        if other is NotImplemented:
            return NotImplemented
        both = self.squares and other.squares
        if self.bottom == other.bottom:
            return self._reduced(self.top + other.top, self.bottom, both)
        top = self.top * other.bottom + other.top * self.bottom
        return self._reduced(top, self.bottom * other.bottom, both)

    __radd__ = __add__

    def __neg__(self) -> Quotient:
        return Quotient(-self.top, self.bottom)

    def __sub__(self, other: Number) -> Quotient:
        other = _operand(other)
        return NotImplemented if other is NotImplemented else self + (-other)

    def __rsub__(self, other: Number) -> Quotient:
        result: Quotient = (-self) + other
        return result

    def __mul__(self, other: Number) -> Quotient:
        other = _operand(other)
        if other is NotImplemented:
            return NotImplemented
        both = (self.squares and other.squares) or other is self
        return self._reduced(self.top * other.top, self.bottom * other.bottom, both)

    __rmul__ = __mul__

    def __truediv__(self, other: Number) -> Quotient:
        other = _operand(other)
        if other is NotImplemented:
            return NotImplemented
        if other.top.is_zero():
            raise ZeroDivisionError("a formula divides by 0")
        _now().divisors.append(other)
        both = self.squares and other.squares
        return self._reduced(self.top * other.bottom, self.bottom * other.top, both)

    def __rtruediv__(self, other: Number) -> Quotient:
        result: Quotient = _operand(other) / self
        return result

    def __abs__(self) -> Quotient:
        return self if _now().chooses(self) else -self

    def __pow__(self, n: int) -> Quotient:
        if n < 0:
            result: Quotient = _operand(1) / self**-n
            return result
        return Quotient(self.top**n, self.bottom**n, self.squares or n % 2 == 0)

    def __repr__(self) -> str:
        return f"({self.top})/({self.bottom})"


def _operand(other: Number) -> Number:
    if isinstance(other, Quotient):
        return other
    if isinstance(other, int | Fraction):
        return number(other)
    return NotImplemented


def number(value: int | Fraction) -> Quotient:
    """Return an exact number."""
    context = _now().context
    return Quotient(context.constant(rational(value)), context.constant(1), value >= 0)


class Quotients(EntryArray):
    """An array of quotients."""

    __slots__ = ()
    kind = "quotient of polynomials"
    number = staticmethod(number)

    @classmethod
    def exact(cls, value: Number) -> Number:
        """Convert one number exactly."""
        if isinstance(value, Quotient):
            return value
        if isinstance(value, np.generic):
            value = value.item()
        if isinstance(value, int | float | Fraction) and np.isfinite(float(value)):
            return number(Fraction(value))
        raise Unsupported(f"{value!r} has no value as a quotient of polynomials")

    @classmethod
    def is_exact_integer(cls, value: Number) -> bool:
        """Whether an entry is a whole number."""
        known = value.constant()
        return known is not None and known.denominator == 1

    @classmethod
    def integer_part(cls, value: Number) -> int:
        """Convert a whole number."""
        return int(value.constant())

    @classmethod
    def power(cls, base: Number, exponent: Number) -> Number:
        """Raise to an integer or to 1/2; refuse other powers."""
        simple = cls.integer_powers(base, exponent)
        if simple is not None:
            return simple
        raise Unsupported("a power of a polynomial that is not a whole one")

    def _answer(
        self, a: Number, b: Number, yes: Callable[..., Number], no: Callable[..., Number]
    ) -> bool:
        name = yes.__name__
        if name in ("gt", "ge"):
            a, b, name = b, a, {"gt": "lt", "ge": "le"}[name]
        if name in ("lt", "le"):
            return _now().chooses(b - a, strict=name == "lt", ties=False)
        return _now().equal(a - b) == (name == "eq")


def _larger(a: Quotient, b: Quotient) -> Quotient:
    return a if _now().chooses(a - b) else b


def _smaller(a: Quotient, b: Quotient) -> Quotient:
    return a if _now().chooses(b - a) else b


def _refused(name: str) -> Callable[..., NoReturn]:
    def function(*parts: Number) -> NoReturn:
        raise Unsupported(f"xp.{name} has no form as a quotient of polynomials")

    return function


class QuotientNamespace(EntryNamespace):
    """`xp` over quotients of polynomials."""

    array = Quotients
    larger = staticmethod(_larger)
    smaller = staticmethod(_smaller)
    ceiling = staticmethod(_refused("ceil"))
    rounding_down = staticmethod(_refused("floor"))
    truncation = staticmethod(_refused("astype to integers"))
    signs = staticmethod(_refused("sign"))

    @property
    def pi(self) -> Value:
        """Refuse: pi is not rational."""
        raise Unsupported("xp.pi is not rational")

    @property
    def e(self) -> Value:
        """Refuse: e is not rational."""
        raise Unsupported("xp.e is not rational")

    def sqrt(self, x: Value, /) -> Value:
        """Return the roots."""
        return self._array(x).mapped(Quotient.sqrt)


def _no(name: str) -> Callable[..., Number]:
    def method(self: Number, x: Number, /) -> Number:
        raise Unsupported(f"xp.{name} has no form as a quotient of polynomials")

    method.__name__ = name
    method.__doc__ = f"Refuse {name}."
    return method


for _name in ("exp", "expm1", "log", "log1p", "xlogx", "tanh", "sin", "cos"):
    setattr(QuotientNamespace, _name, _no(_name))
