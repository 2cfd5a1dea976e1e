"""Arrays of exact rational numbers: every comparison is certain, and most roots do not exist."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
from flint import fmpq, fmpq_mat

from .errors import Undefined, Unsupported
from .objects import ObjectArray


class Rationals(ObjectArray):
    """An array of rational numbers (python-flint's `fmpq`)."""

    __slots__ = ()
    kind = "rational"
    number = fmpq
    matrix = fmpq_mat

    @classmethod
    def exact(cls, value: Any) -> Any:
        """Convert one finite number exactly."""
        if isinstance(value, np.generic):
            value = value.item()
        if isinstance(value, int):
            return fmpq(int(value))
        if isinstance(value, float):
            if not math.isfinite(value):
                raise Undefined(f"{value} is not a rational number")
            return fmpq(*value.as_integer_ratio())
        if isinstance(value, Fraction):
            return fmpq(value.numerator, value.denominator)
        raise Unsupported(f"a {type(value).__name__} has no exact value as a rational")

    @classmethod
    def is_exact_integer(cls, value: Any) -> bool:
        """Whether a rational is an integer."""
        return bool(value.q == 1)

    @classmethod
    def integer_part(cls, value: Any) -> int:
        """Convert an integer."""
        return int(value.p)

    @classmethod
    def quotient(cls, top: Any, bottom: Any) -> Any:
        """Divide; by zero is an error."""
        try:
            return top / bottom
        except ZeroDivisionError:
            raise Undefined("a rational was divided by zero") from None

    @classmethod
    def power(cls, base: Any, exponent: Any) -> Any:
        """Raise to an integer power, or to 1/2 where the root is rational."""
        if isinstance(base, Rationals) and isinstance(exponent, float) and exponent == 0.5:
            return base.mapped(square_root)
        if not isinstance(exponent, int):
            if not (isinstance(exponent, Rationals) and exponent.shape == ()):
                raise Unsupported(f"a rational to the power {exponent!r}")
            value = exponent.entries()
            if not cls.is_exact_integer(value):
                raise Unsupported(f"a rational to the power {value}, which is not an integer")
            exponent = int(value.p)
        try:
            return base.mapped(lambda x: x**exponent)
        except ZeroDivisionError:
            raise Undefined("zero was raised to a negative power") from None


def square_root(x: Any) -> Any:
    """Return the root of a square of a rational; others are not rational."""
    if x < 0:
        raise Undefined(f"the square root of {x}")
    top, bottom = math.isqrt(int(x.p)), math.isqrt(int(x.q))
    if top * top != int(x.p) or bottom * bottom != int(x.q):
        raise Unsupported(f"sqrt: the root of {x} is not rational")
    return fmpq(top, bottom)


def larger(a: Any, b: Any) -> Any:
    """Return the larger of two numbers."""
    return a if a >= b else b


def smaller(a: Any, b: Any) -> Any:
    """Return the smaller of two numbers."""
    return a if a <= b else b


def ceiling(x: Any) -> Any:
    """Return the smallest integer that is at least x."""
    return fmpq(x.ceil())


def floor(x: Any) -> Any:
    """Return the largest integer that is at most x."""
    return fmpq(x.floor())


def to_fraction(x: Any) -> Fraction:
    """Convert to Python's own type."""
    return Fraction(int(x.p), int(x.q))


def is_positive_semidefinite(matrix: Any) -> tuple[bool, bool]:
    """Decide exactly whether a symmetric matrix (fmpq_mat) is PSD, and whether it is singular.

    Symmetric elimination: a negative pivot, or a zero pivot whose row is not zero, is a direction
    with a negative value; a zero row can be left out.
    """
    rows = [[matrix[i, j] for j in range(matrix.ncols())] for i in range(matrix.nrows())]
    singular = False
    for p in range(len(rows)):
        pivot = rows[p][p]
        if pivot < 0:
            return False, False
        if pivot == 0:
            if any(x != 0 for x in rows[p][p + 1 :]):
                return False, False
            singular = True
            continue
        for i in range(p + 1, len(rows)):
            factor = rows[i][p] / pivot
            if factor != 0:
                for j in range(i, len(rows)):
                    rows[i][j] = rows[i][j] - factor * rows[p][j]
                    rows[j][i] = rows[i][j]
        # The entries left of the diagonal are not read again.
    return True, singular
