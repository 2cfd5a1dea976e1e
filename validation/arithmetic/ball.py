"""Arrays of balls: every entry is an interval that contains the true number.

What a ball says is certain or it is not said: a comparison of overlapping balls raises
`Undecided`. Roots follow one convention: a ball that touches zero is cut there, since the true
number has a root or the formula has no value at all.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import flint
import numpy as np
from flint import arb, arb_mat, fmpq

from .errors import Undecided, Undefined, Unsupported
from .objects import ObjectArray


class Balls(ObjectArray):
    """An array of balls (python-flint's `arb`)."""

    __slots__ = ()
    kind = "ball"
    number = arb
    matrix = arb_mat

    @classmethod
    def exact(cls, value: Any) -> Any:
        """Convert one number to a ball without any error, except for fractions' last bit."""
        if isinstance(value, np.generic):
            value = value.item()
        if isinstance(value, int | float):
            return arb(int(value)) if isinstance(value, bool) else arb(value)
        if isinstance(value, Fraction):
            return arb(fmpq(value.numerator, value.denominator))
        raise Unsupported(f"a {type(value).__name__} has no exact value as a ball")

    @classmethod
    def is_exact_integer(cls, value: Any) -> bool:
        """Whether a ball is one integer with no radius."""
        return bool(value.is_exact() and value.is_finite() and value.is_integer())

    @classmethod
    def integer_part(cls, value: Any) -> int:
        """Convert an exact integer ball."""
        return int(value.unique_fmpz())

    @classmethod
    def power(cls, base: Any, exponent: Any) -> Any:
        """Raise balls to a Python int, to the power 1/2, or a positive ball to any power."""
        if isinstance(base, Balls) and isinstance(exponent, int):
            if exponent == 2:
                return base.mapped(square)
            return base.mapped(functools.partial(integer_power, n=int(exponent)))
        if isinstance(base, Balls) and isinstance(exponent, float) and exponent == 0.5:
            return base.mapped(square_root)
        if not isinstance(exponent, Balls):
            exponent = cls.operand(exponent)
            if exponent is NotImplemented:
                return NotImplemented
        return cls.of_entries(_general_power(base.entries(), exponent.entries()))


def working_precision(bits: int) -> Any:
    """Return a context in which FLINT works with so many bits; contexts nest."""
    return flint.ctx.workprec(bits)


def precision() -> int:
    """Return the number of bits that FLINT works with now."""
    return int(flint.ctx.prec)


# -- functions of one ball ----------------------------------------------------------------------


def square(x: Any) -> Any:
    """Return x^2, which is at least 0 even if x touches 0."""
    y = x * x
    return y if y >= 0 or not y.is_finite() else from_zero_to(y.upper())


def integer_power(x: Any, n: int) -> Any:
    """Return x^n by squaring, for any integer n (arb's own power of a ball around 0 is nan)."""
    if n < 0:
        return arb(1) / integer_power(x, -n)
    result = arb(1)
    while n:
        if n & 1:
            result = result * x
        n >>= 1
        if n:
            x = square(x)
    return result


def square_root(x: Any) -> Any:
    """Return the root of a number that is known to have one; a ball is cut at 0."""
    root = x.sqrt()
    if root.is_finite() or not x.is_finite():
        return root
    if x < 0:
        raise Undefined(f"the square root of {x}, which is certainly negative")
    return from_zero_to(x.upper().sqrt().upper())


def logarithm(x: Any) -> Any:
    """Return log x; nan where the ball touches 0, an error where it is certainly negative."""
    if x < 0:
        raise Undefined(f"the logarithm of {x}, which is certainly negative")
    return x.log()


def logarithm_one_plus(x: Any) -> Any:
    """Return log(1 + x); nan where 1 + x touches 0."""
    if x < -1:
        raise Undefined(f"log1p of {x}, which is certainly below -1")
    return x.log1p()


def ceiling(x: Any) -> Any:
    """Return the smallest integer that is at least x, if it is certain."""
    return _certain_integer(x, "ceil")


def floor(x: Any) -> Any:
    """Return the largest integer that is at most x, if it is certain."""
    return _certain_integer(x, "floor")


def _certain_integer(x: Any, name: str) -> Any:
    if x.is_finite():
        low = getattr(x.lower(), name)().unique_fmpz()
        high = getattr(x.upper(), name)().unique_fmpz()
        if low is not None and low == high:
            return arb(low)
    raise Undecided(f"{name} of the ball {x}")


def from_zero_to(high: Any) -> Any:
    """Return a ball whose lower end is exactly 0 and that contains [0, high]."""
    if not high > 0:
        return arb(0)
    # arb(mid, rad) always rounds rad upwards, to 30 bits; so the midpoint is moved to the radius.
    half = arb(0, high / 2)
    return half + half.rad()


def _general_power(a: Any, b: Any) -> Any:
    if type(a) is not np.ndarray and type(b) is not np.ndarray:
        return _number_power(a, b)
    return np.frompyfunc(_number_power, 2, 1)(a, b)


def _number_power(a: Any, b: Any) -> Any:
    if b.is_exact() and b.is_integer() and abs(b) < 2**31:
        return integer_power(a, int(b.unique_fmpz()))
    if a < 0:
        raise Undefined(f"a power of {a}, which is certainly negative, with a broken exponent")
    if a.is_exact() and a == 0:
        return arb(0) if b > 0 else arb("nan")
    return (b * a.log()).exp()


def larger(a: Any, b: Any) -> Any:
    """Return a ball that contains the larger of two numbers."""
    return a.max(b)


def smaller(a: Any, b: Any) -> Any:
    """Return a ball that contains the smaller of two numbers."""
    return a.min(b)


# -- ends of a ball, rounded outwards -----------------------------------------------------------


def lower(x: Any) -> float:
    """Return a float that is certainly at most the number in the ball; nan if there is none."""
    return -upper(-x)


def upper(x: Any) -> float:
    """Return a float that is certainly at least the number in the ball; nan if there is none."""
    if x.is_nan():
        return math.nan
    end = x.upper()
    value = float(end)
    if math.isinf(value) and value < 0 and end.is_finite():
        return -float(np.finfo(np.float64).max)
    return value if arb(value) >= end else math.nextafter(value, math.inf)


def exact_end(x: Any) -> Fraction | None:
    """Return the number that an exact ball is; None where it is none, or has 20,000 bits."""
    if not x.is_finite():
        return None
    mantissa, exponent = (int(part) for part in x.man_exp())
    if abs(exponent) > _LONGEST:
        return None
    return Fraction(mantissa) * Fraction(2) ** exponent


_LONGEST = 20_000


def elementwise(name: str) -> Callable[[Any], Any]:
    """Return the method of one ball with this name, as a function."""
    method = getattr(arb, name)
    return lambda x: method(x)


def constant(name: str) -> Any:
    """Return pi or e to the present precision."""
    return arb.pi() if name == "pi" else arb.const_e()
