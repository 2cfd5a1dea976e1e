"""Arrays of exact rational numbers: every comparison is certain, and most roots do not exist."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
from flint import fmpq, fmpq_mat

from validation.arithmetic.errors import Undefined, Unsupported
from validation.arithmetic.objects import ObjectArray
from validation.arithmetic.values import Matrix, Number

# So many bits may a power have; 2 ** 10^12 would never be finished.
LONGEST = 1 << 20


class Rationals(ObjectArray):
    """An array of rational numbers (python-flint's `fmpq`)."""

    __slots__ = ()
    kind = "rational"
    number = fmpq
    matrix = fmpq_mat

    @classmethod
    def exact(cls, value: Number) -> Number:
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
    def is_exact_integer(cls, value: Number) -> bool:
        """Whether a rational is an integer."""
        return bool(value.q == 1)

    @classmethod
    def integer_part(cls, value: Number) -> int:
        """Convert an integer."""
        return int(value.p)

    @classmethod
    def quotient(cls, top: Number, bottom: Number) -> Number:
        """Divide; by zero is an error."""
        try:
            return top / bottom
        except ZeroDivisionError:
            raise Undefined("a rational was divided by zero") from None

    @classmethod
    def power(cls, base: Number, exponent: Number) -> Number:
        """Raise to powers whose values are rational: integers, and roots of powers."""
        exponent = exponent if isinstance(exponent, Rationals) else cls.operand(exponent)
        if exponent is NotImplemented:
            return NotImplemented
        a, b = base.entries(), exponent.entries()
        if type(a) is not np.ndarray and type(b) is not np.ndarray:
            return cls.of_entries(_number_power(a, b))
        if type(b) is not np.ndarray:
            return base.mapped(lambda x: _number_power(x, b))
        return cls.of_entries(np.frompyfunc(_number_power, 2, 1)(a, b))


def _number_power(a: Number, b: Number) -> Number:
    if a == 0 and b < 0:
        raise Undefined("zero was raised to a negative power")
    degree = int(b.q)
    if abs(int(b.p)) * max(int(a.p).bit_length(), int(a.q).bit_length()) > LONGEST * degree:
        raise Unsupported(f"power: {a} to the power {b} is too long to write out")
    if degree == 1:
        return a ** int(b.p)
    if a < 0:
        raise Undefined(f"a power of {a}, which is negative, with a broken exponent")
    top, bottom = _integer_root(int(a.p), degree), _integer_root(int(a.q), degree)
    if top is None or bottom is None:
        raise Unsupported(f"power: {a} to the power {b} is not rational")
    return fmpq(top, bottom) ** int(b.p)


def _integer_root(n: int, degree: int) -> int | None:
    """Return the exact root of n >= 0, if it is an integer."""
    if n < 2:
        return n
    if n.bit_length() <= degree:  # the root lies strictly between 1 and 2
        return None
    high = 1 << -(-n.bit_length() // degree)
    low = 1
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if middle**degree <= n else (low, middle - 1)
    return low if low**degree == n else None


def square_root(x: Number) -> Number:
    """Return the root of a square of a rational; others are not rational."""
    if x < 0:
        raise Undefined(f"the square root of {x}")
    top, bottom = math.isqrt(int(x.p)), math.isqrt(int(x.q))
    if top * top != int(x.p) or bottom * bottom != int(x.q):
        raise Unsupported(f"sqrt: the root of {x} is not rational")
    return fmpq(top, bottom)


def larger(a: Number, b: Number) -> Number:
    """Return the larger of two numbers."""
    return a if a >= b else b


def smaller(a: Number, b: Number) -> Number:
    """Return the smaller of two numbers."""
    return a if a <= b else b


def ceiling(x: Number) -> Number:
    """Return the smallest integer that is at least x."""
    return fmpq(x.ceil())


def floor(x: Number) -> Number:
    """Return the largest integer that is at most x."""
    return fmpq(x.floor())


def sign(x: Number) -> Number:
    """Return -1, 0 or 1."""
    return fmpq((x > 0) - (x < 0))


def truncation(x: Number) -> Number:
    """Return x rounded towards 0."""
    return fmpq(x.trunc())


def logarithm_to_base_2(x: Number) -> Number:
    """Return the logarithm to base 2 of a power of 2; others are not rational."""
    if x <= 0:
        raise Undefined(f"log2 of {x}, which is not positive")
    top, bottom = int(x.p), int(x.q)
    if (top & (top - 1)) or (bottom & (bottom - 1)):
        raise Unsupported(f"log2: the logarithm of {x} is not rational")
    return fmpq(top.bit_length() - bottom.bit_length())


def x_log_x(x: Number) -> Number:
    """Return 0 at 0 and at 1; other values are not rational."""
    if x < 0:
        raise Undefined(f"x log x of {x}, which is negative")
    if x != 0 and x != 1:
        raise Unsupported(f"xlogx: the logarithm of {x} is not rational")
    return fmpq(0)


def to_fraction(x: Number) -> Fraction:
    """Convert to Python's own type."""
    return Fraction(int(x.p), int(x.q))


def is_positive_semidefinite(matrix: Matrix) -> tuple[bool, bool]:
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


def pseudo_inverse(a: Number) -> Number:
    """Return the Moore-Penrose inverse of a matrix (fmpq_mat).

    It is A^+ = C^T (C C^T)^{-1} (B^T B)^{-1} B^T for the full-rank factorization A = B C.
    """
    reduced, rank = a.rref()
    rows, columns = a.nrows(), a.ncols()
    if rank == 0:
        return fmpq_mat(columns, rows, [0] * (rows * columns))
    pivots = [next(j for j in range(columns) if reduced[i, j] != 0) for i in range(rank)]
    B = fmpq_mat(rows, rank, [a[i, j] for i in range(rows) for j in pivots])
    C = fmpq_mat(rank, columns, [reduced[i, j] for i in range(rank) for j in range(columns)])
    Bt, Ct = B.transpose(), C.transpose()
    return Ct * (C * Ct).solve((Bt * B).solve(Bt))
