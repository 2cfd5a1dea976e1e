"""Every rounding of a bound, in one place: numbers and logarithms that are only ever rounded up.

Three kinds of numbers are rounded here, each towards the safe side of an upper bound:

* `Upward`, an integer of 96 bits times a power of two. What comes out of its operations is never
  below the exact value, never overflows (ratio 3 over T = 784 steps), and is monotone in
  everything that went in. Exact inputs stay exact while they fit: no drift where the ratio of a
  geometric sum is 1.
* Logarithms: `add_up` (a product), `log_sum_up` (a sum), `up` (a stated number of roundings),
  `log_up` and `exp_up` (there and back).
* Floats: `raised` and `lowered` by a stated number of units, `sum_up`, `norms_up`.
* Allowances, for what is added or compared: `roundings` of numbers of a stated size, and what
  the rounding of an `inner_product`, of a `quadratic_form` or of a `spectral_norm_up` may be.

All assume what C libraries keep: log, exp and log1p are off by at most two units in the last place;
and of LAPACK that a singular value is off by less than 8 max(shape) units of the largest one.
Nothing here imports from the rest of `bounds`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TypeVar

import numpy as np

from pruning.checks import Array

BITS = 96
EPS = 2.0**-52
SMALLEST_NORMAL = 2.0**-1022
_LOG2 = math.log(2)

Number = TypeVar("Number", float, Array)


class Upward:
    """A number >= 0, rounded up: mantissa times 2 to the exponent.

    Parameters
    ----------
    value : float or int
        A finite number >= 0; it is kept exactly where it has at most 96 bits.
    """

    __slots__ = ("exponent", "mantissa")

    def __init__(self, value: float | int = 0) -> None:
        numerator, denominator = value.as_integer_ratio()
        if numerator < 0:
            raise ValueError(f"value must be at least 0, got {value}")
        # The denominator of a float is a power of two.
        self.mantissa, self.exponent = _normal(numerator, 1 - denominator.bit_length())

    @classmethod
    def _of(cls, mantissa: int, exponent: int) -> Upward:
        number = cls.__new__(cls)
        number.mantissa, number.exponent = _normal(mantissa, exponent)
        return number

    def __add__(self, other: Upward | float) -> Upward:
        other = _upward(other)
        if not self.mantissa or not other.mantissa:
            return self if self.mantissa else other
        high, low = (self, other) if self.exponent >= other.exponent else (other, self)
        shift = high.exponent - low.exponent
        if shift > 2 * BITS:
            # `low` is below the last bit of `high` (a mantissa has at most 96 bits).
            wide = high.mantissa << BITS
            return Upward._of(wide + 1, high.exponent - BITS)
        return Upward._of((high.mantissa << shift) + low.mantissa, low.exponent)

    def __mul__(self, other: Upward | float) -> Upward:
        other = _upward(other)
        return Upward._of(self.mantissa * other.mantissa, self.exponent + other.exponent)

    def __truediv__(self, other: float) -> Upward:
        divisor = Upward(other)  # exact: a float has 53 bits
        if not divisor.mantissa:
            raise ZeroDivisionError("division of an Upward number by 0")
        shift = BITS + divisor.mantissa.bit_length()
        quotient = -(-(self.mantissa << shift) // divisor.mantissa)
        return Upward._of(quotient, self.exponent - shift - divisor.exponent)

    __radd__ = __add__
    __rmul__ = __mul__

    def sqrt(self) -> Upward:
        """The square root, rounded up."""
        shift = 2 * BITS + self.exponent % 2
        wide = self.mantissa << shift
        root = math.isqrt(wide)
        return Upward._of(root + (root * root < wide), (self.exponent - shift) // 2)

    def __le__(self, other: Upward | float) -> bool:
        other = _upward(other)
        shift = self.exponent - other.exponent
        if shift >= 0:
            return self.mantissa << shift <= other.mantissa
        return self.mantissa <= other.mantissa << -shift

    def __lt__(self, other: Upward | float) -> bool:
        return not _upward(other) <= self

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Upward | float | int):
            return NotImplemented
        number = _upward(other)
        return self <= number and number <= self

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Upward(exp({self.log()!r}))"

    def log(self) -> float:
        """The logarithm as a float, rounded up by at most 4 ulp; -inf for 0."""
        if not self.mantissa:
            return -math.inf
        excess = max(self.mantissa.bit_length() - 53, 0)
        mantissa = -(-self.mantissa >> excess)
        exponent = self.exponent + excess
        if -900 < exponent < 900:
            result = math.log(math.ldexp(mantissa, exponent))
            return result if result == 0 else result + 2 * math.ulp(result)
        return add_up(math.log(mantissa), exponent * _LOG2)


def raised(value: Number, units: float = 4) -> Number:
    """At least `value` times 1 + units eps, for a float or an array >= 0.

    One more unit pays for the multiplication itself, and the smallest float for what may have
    underflowed; 0 stays 0.
    """
    return value * (1 + (units + 1) * EPS)


def lowered(value: Number, units: float = 4) -> Number:
    """At most `value` times 1 - units eps, for a float or an array >= 0."""
    return value * (1 - (units + 1) * EPS)


def roundings(units: float, size: Number = 1.0) -> Number:  # type: ignore[assignment]
    """What `units` roundings of numbers of at most `size` come to, in a sum or a difference."""
    return units * EPS * size


def inner_product(length: int, size: Number = 1.0) -> Number:  # type: ignore[assignment]
    """What rounding may make of an inner product of `length` terms, summed in any order.

    `size` is the sum of the absolute values of its terms, or an upper bound of it, computed alike:
    (length + 8) eps is twice the error of the product, and 8 units for that of `size`, and for
    entries that are themselves rounded once.
    """
    return (length + 8) * EPS * size


def quadratic_form(length: int, size: Number = 1.0) -> Number:  # type: ignore[assignment]
    """What rounding may make of g^T C g with `length` terms in g, in any order.

    `size` is |g|^T |C| |g|, or an upper bound; entries of C and of g may be off by some units.
    """
    return 2 * (length + 64) * EPS * size


def norms_up(values: Array) -> Array:
    """Euclidean norms along the last axis, rounded up; of numbers whose squares are ordinary."""
    return np.asarray(raised(np.sqrt(np.square(values).sum(axis=-1)), values.shape[-1] + 7))


def spectral_norm_up(matrix: Array) -> float:
    """The largest singular value, rounded up; 0 for a matrix without entries."""
    if matrix.size == 0:
        return 0.0
    return raised(float(np.linalg.norm(matrix, 2)), 8 * max(matrix.shape))


def sum_up(values: Iterable[float]) -> float:
    """Sum of floats >= 0, rounded up: the least float not below the exact sum, or the next one."""
    numbers = list(values)
    if not numbers or max(numbers) == math.inf:
        return math.inf if numbers else 0.0
    # fsum rounds the exact sum to the nearest float.
    try:
        total = math.fsum(numbers)
    except OverflowError:
        return math.inf
    rest = math.fsum([*numbers, -total])
    return math.nextafter(total, math.inf) if rest > 0 else total


def add_up(*logs: float) -> float:
    """Log of a product of numbers given by their logarithms, rounded up.

    The sum of the logarithms is raised by 2^-50 (1 + sum |log|): each may be off by two units in
    the last place, in either direction. A factor that is exactly 0 (-inf) makes the product 0;
    otherwise one that is not known (+inf) makes it +inf.
    """
    if -math.inf in logs:
        return -math.inf
    if math.inf in logs:
        return math.inf
    return math.fsum(logs) + 4 * EPS * (1 + math.fsum(abs(value) for value in logs))


def up(log_value: Number, units: float = 4) -> Number:
    """A logarithm, or an array of them, raised by `units` roundings of its own size, at least of 1.

    What is infinite stays so.
    """
    if isinstance(log_value, np.ndarray):
        size = np.where(np.isinf(log_value), 0.0, np.abs(log_value))
        return log_value + units * EPS * (1 + size)
    if math.isinf(log_value):
        return log_value
    return log_value + units * EPS * (1 + abs(log_value))


def log_sum_up(logs: Iterable[float] | Array) -> float:
    """Log of a sum of numbers given by their logarithms, rounded up.

    -inf where all of them are 0, +inf where one is not known; a single number stays as it is.
    """
    given = np.asarray(logs if isinstance(logs, np.ndarray) else list(logs), dtype=np.float64)
    values = given[given != -math.inf]
    if values.size <= 1:
        return float(values[0]) if values.size else -math.inf
    top = float(values.max())
    if not math.isfinite(top):
        return top  # +inf, or not a number
    total = top + math.log(math.fsum(np.exp(values - top)))
    # An exponent is off by the rounding of what entered it; those 40 below the largest add less
    # than a rounding in all.
    size = float(np.abs(values[values > top - 40]).max())
    return total + 4 * EPS * (2 + abs(total) + size)


def log_up(value: float) -> float:
    """Logarithm of a float >= 0, rounded up; -inf for 0, +inf for infinity."""
    return math.inf if value == math.inf else Upward(value).log()


def exp_up(log_value: float) -> float:
    """exp, rounded up; infinity beyond the range of floats. exp(0) = 1 and exp(-inf) = 0."""
    if log_value == -math.inf:
        return 0.0
    if log_value > 709.78:
        return math.inf
    value = math.exp(log_value)
    return value if log_value == 0 else value + 3 * math.ulp(value)


def ldexp_up(value: float, exponent: int) -> float:
    """Value 2^exponent for a float >= 0: exact, or rounded up below the normal range."""
    if value == 0 or value == math.inf:
        return value
    try:
        scaled = math.ldexp(value, exponent)
    except OverflowError:
        return math.inf
    if scaled >= SMALLEST_NORMAL or math.ldexp(scaled, -exponent) >= value:
        return scaled
    return math.nextafter(scaled, math.inf)


def _upward(value: Upward | float) -> Upward:
    return value if isinstance(value, Upward) else Upward(value)


def _normal(mantissa: int, exponent: int) -> tuple[int, int]:
    """Round the mantissa up to 96 bits."""
    if not mantissa:
        return 0, 0
    excess = mantissa.bit_length() - BITS
    if excess > 0:
        # Rounding up may carry to 97 bits; the last of them is 0 then, and harmless.
        return -(-mantissa >> excess), exponent + excess
    return mantissa, exponent
