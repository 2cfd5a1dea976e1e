"""Arrays of enclosures: what a formula's value can be anywhere on a cell, thousands at a time.

A comparison of the body (``if x > 1``, ``bool(mu > lam)``) may be true on some cells, false on
others and open on the rest. `deciding` says which answers are to be given; where it gives none and
the cells do not agree, `Fork` says which cells allow which answer, so that the caller evaluates
both.
"""

from __future__ import annotations

import contextvars
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from typing import SupportsIndex

import numpy as np

from validation.arithmetic import enclosures
from validation.arithmetic.enclosures import Enclosure
from validation.arithmetic.errors import Doubt, Unsupported
from validation.arithmetic.namespace import ExactNamespace
from validation.arithmetic.objects import ObjectArray
from validation.arithmetic.small_matrices import EntryMatrix, SmallLinalg, refused
from validation.arithmetic.values import Axis, Number, Value


class Fork(Doubt, ArithmeticError):
    """The cells do not agree on the answer to a comparison.

    Attributes
    ----------
    yes, no : bool arrays (cells,)
        Where the answer may be true, may be false.
    """

    def __init__(self, yes: Number, no: Number) -> None:
        super().__init__("cells differ in a comparison")
        self.yes, self.no = yes, no


class _Answers:
    """The answers to the comparisons of one evaluation, in their order."""

    def __init__(self, given: tuple[bool, ...]) -> None:
        self.given, self.asked = given, 0
        self.fork: Fork | None = None

    def answer(self, yes: Number, no: Number) -> bool:
        """Answer a comparison that may be true where `yes`, false where `no`."""
        if self.fork is not None:  # the body caught it; what it asks after that is no matter
            raise self.fork
        place, self.asked = self.asked, self.asked + 1
        if place < len(self.given):
            return self.given[place]
        if not np.any(no):
            # Recorded, so that the places of later comparisons stay the same on fewer cells.
            self.given += (True,)
            return True
        if not np.any(yes):
            self.given += (False,)
            return False
        self.fork = Fork(yes, no)
        raise self.fork


current_answers: contextvars.ContextVar[_Answers | None] = contextvars.ContextVar(
    "answers", default=None
)


@contextmanager
def deciding(given: tuple[bool, ...]) -> Iterator[_Answers]:
    """Answer the first comparisons of a body by `given`."""
    answers = _Answers(given)
    token = current_answers.set(answers)
    try:
        yield answers
    finally:
        current_answers.reset(token)


class EntryArray(ObjectArray):
    """An array whose matrices are lists of entries."""

    __slots__ = ()
    matrix = EntryMatrix

    @classmethod
    def integer_powers(cls, base: Number, exponent: Number) -> Number:
        """Raise to a Python int, or to 1/2; None for other exponents."""
        if isinstance(base, cls) and isinstance(exponent, int):
            if exponent == 2:
                return base.mapped(lambda x: x.square())
            return base.mapped(lambda x: x**exponent)
        if isinstance(base, cls) and isinstance(exponent, float) and exponent == 0.5:
            return base.mapped(lambda x: x.sqrt())
        if isinstance(exponent, cls) and exponent.shape == ():
            entry = exponent.entries()
            if isinstance(base, cls) and cls.is_exact_integer(entry):
                return cls.integer_powers(base, cls.integer_part(entry))
        return None


class EntryNamespace(ExactNamespace):
    """`xp` over arrays whose matrices are lists of entries."""

    def __init__(self, draws: bool = False) -> None:
        super().__init__(draws)
        self.linalg = SmallLinalg(self)

    def eye(
        self,
        n_rows: SupportsIndex,
        n_cols: SupportsIndex | None = None,
        /,
        *,
        k: int = 0,
        dtype: object = None,
    ) -> Value:
        """Make a matrix with ones on the k-th diagonal."""
        rows = int(n_rows)
        columns = rows if n_cols is None else int(n_cols)
        one, zero = self.array.exact(1), self.array.exact(0)
        flat = [one if j - i == k else zero for i in range(rows) for j in range(columns)]
        if rows != columns or k != 0:
            return self.array.of_matrix(EntryMatrix(rows, columns, flat))
        return self.array.of_matrix(EntryMatrix(rows, columns, flat, one, "I"))

    def diag(self, x: Value, /) -> Value:
        """Make the diagonal matrix of a vector."""
        x = self._array(x)
        if x.ndim != 1:
            return super().diag(x)  # says what it needs
        return self.eye(x.size) * x

    def log2(self, x: Value, /) -> Value:
        """Return logarithms to base 2."""
        return self.log(x) / self.log(self.asarray(2))

    def logsumexp(self, x: Value, /, *, axis: Axis = None, keepdims: bool = False) -> Value:
        """Return the logarithm of the sum of exponentials along axes."""
        return self.log(self.sum(self.exp(x), axis=axis, keepdims=keepdims))

    def lgamma(self, x: Value, /) -> Value:
        """Refuse: no derivative is known here."""
        raise refused("xp.lgamma", self.array.kind)

    def erf(self, x: Value, /) -> Value:
        """Refuse: NumPy has none."""
        raise refused("xp.erf", self.array.kind)

    def _sorted(self, numbers: list[Number]) -> list[Number]:
        """Sort by exchanges that do not ask for the order."""
        larger, smaller = type(self).larger, type(self).smaller
        for last in range(len(numbers) - 1, 0, -1):
            for i in range(last):
                a, b = numbers[i], numbers[i + 1]
                numbers[i], numbers[i + 1] = smaller(a, b), larger(a, b)
        return numbers


class Cells(EntryArray):
    """An array of enclosures."""

    __slots__ = ()
    kind = "interval"
    number = Enclosure

    @classmethod
    def exact(cls, value: Number) -> Number:
        """Enclose one number as narrowly as floats can."""
        if isinstance(value, Enclosure):
            return value
        if isinstance(value, np.generic):
            value = value.item()
        if isinstance(value, int):
            return enclosures.of_integer(int(value))
        if isinstance(value, float):
            return Enclosure(np.float64(value), np.float64(value))
        if isinstance(value, Fraction):
            return enclosures.of_quotient(value.numerator, value.denominator)
        raise Unsupported(f"a {type(value).__name__} has no value as an interval")

    @classmethod
    def is_exact_integer(cls, value: Number) -> bool:
        """Whether an entry is one integer on every cell."""
        first = np.ravel(value.low)[0]
        same = np.all(value.low == first) and np.all(value.high == first)
        return bool(same and first == np.floor(first) and np.isfinite(first))

    @classmethod
    def integer_part(cls, value: Number) -> int:
        """Convert an exact integer entry."""
        return int(np.ravel(value.low)[0])

    @classmethod
    def power(cls, base: Number, exponent: Number) -> Number:
        """Raise to an integer, to 1/2, or a positive interval to any power."""
        simple = cls.integer_powers(base, exponent)
        if simple is not None:
            return simple
        if not isinstance(exponent, Cells):
            exponent = cls.operand(exponent)
        if not isinstance(base, Cells) or exponent is NotImplemented:
            return NotImplemented
        logs = base.mapped(enclosures.log)
        return (exponent * logs).mapped(enclosures.exp)

    def _answer(
        self, a: Number, b: Number, yes: Callable[..., Number], no: Callable[..., Number]
    ) -> bool:
        answers = current_answers.get()
        if answers is None:
            raise Unsupported("a comparison of intervals outside of an evaluation")
        name = yes.__name__
        if name in ("gt", "ge"):
            a, b, name = b, a, {"gt": "lt", "ge": "le"}[name]
        if name == "lt":
            may, may_not = ~(a.low >= b.high), ~(a.high < b.low)
        elif name == "le":
            may, may_not = ~(a.low > b.high), ~(a.high <= b.low)
        else:
            apart = (a.low > b.high) | (a.high < b.low)
            same = (a.low == a.high) & (b.low == b.high) & (a.low == b.low)
            may, may_not = ~apart, ~same
            if name == "ne":
                may, may_not = may_not, may
        return answers.answer(np.asarray(may), np.asarray(may_not))


class CellNamespace(EntryNamespace):
    """`xp` over cells."""

    array = Cells
    larger = staticmethod(enclosures.larger)
    smaller = staticmethod(enclosures.smaller)
    ceiling = staticmethod(enclosures.ceiling)
    rounding_down = staticmethod(enclosures.floor)
    truncation = staticmethod(enclosures.truncation)
    signs = staticmethod(enclosures.sign)

    @property
    def pi(self) -> Value:
        """The number pi."""
        return Cells.of_entries(Enclosure(np.float64(np.pi), np.nextafter(np.pi, 4)))

    @property
    def e(self) -> Value:
        """The number e."""
        return Cells.of_entries(Enclosure(np.float64(math.e), np.nextafter(math.e, 3)))


def add_functions(namespace: Number, functions: dict[str, Callable[[Number], Number]]) -> None:
    """Give a namespace functions of one entry, by name."""
    for name, function in functions.items():

        def method(self: Number, x: Number, /, _function: Number = function) -> Number:
            return self._array(x).mapped(_function)

        method.__name__ = name
        method.__doc__ = f"Return {name} of every entry."
        setattr(namespace, name, method)


add_functions(
    CellNamespace,
    {
        "sqrt": enclosures.square_root,
        "exp": enclosures.exp,
        "expm1": enclosures.expm1,
        "log": enclosures.log,
        "log1p": enclosures.log1p,
        "xlogx": enclosures.xlogx,
        "tanh": enclosures.tanh,
        "sin": enclosures.sin,
        "cos": enclosures.cos,
    },
)

__all__ = ["CellNamespace", "Cells", "Fork", "deciding"]
