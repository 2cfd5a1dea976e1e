"""Nonnegative numbers that are only ever rounded up, and logarithms rounded up.

The constants of section 4 of the theory are sums of products of given floats. `Upward` keeps such a
number as an integer of 96 bits times a power of two and rounds every operation towards +infinity,
so that what comes out is never below the exact value, never overflows (ratio 3 over T = 784 steps),
and is monotone in everything that went in. Exact inputs stay exact while they fit: no drift where
the ratio of a geometric sum is 1.

`add_up` and `log_sum_up` do the same for floats that are logarithms. They assume what the C
libraries keep: log, exp and log1p are off by at most two units in the last place.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from bounds.terms import log_sum

BITS = 96
EPS = 2.0**-52
_LOG2 = math.log(2)


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


def add_up(*logs: float) -> float:
    """Sum of float logarithms, rounded up by 2^-50 (1 + sum |log|); -inf where one is -inf.

    Each may be off by two units in the last place, in either direction.
    """
    if -math.inf in logs:
        return -math.inf
    return math.fsum(logs) + 4 * EPS * (1 + math.fsum(abs(value) for value in logs))


def log_sum_up(logs: Iterable[float]) -> float:
    """Logarithm of a sum of numbers given by their logarithms, rounded up."""
    values = list(logs)
    total = log_sum(values)
    return total if total == -math.inf else total + 8 * EPS * (2 + abs(total) + _largest(values))


def log_up(value: float) -> float:
    """Logarithm of a float >= 0, rounded up; -inf for 0."""
    return Upward(value).log()


def _largest(logs: list[float]) -> float:
    return max((abs(value) for value in logs if value != -math.inf), default=0.0)


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
