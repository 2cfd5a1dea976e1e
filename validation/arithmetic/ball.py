"""Arrays of balls: every entry is an interval that contains the true number.

What a ball says is certain or it is not said: a comparison of overlapping balls raises
`Undecided`. Roots follow one convention: a ball that touches zero is cut there, since the true
number has a root or the formula has no value at all.
"""

from __future__ import annotations

import contextvars
import functools
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction

import flint
import numpy as np
from flint import arb, arb_mat, fmpq

from validation.arithmetic.errors import Undecided, Unsupported
from validation.arithmetic.objects import ObjectArray
from validation.arithmetic.values import Number


class Balls(ObjectArray):
    """An array of balls (python-flint's `arb`)."""

    __slots__ = ()
    kind = "ball"
    number = arb
    matrix = arb_mat

    @classmethod
    def exact(cls, value: Number) -> Number:
        """Convert one number to a ball without any error, except for fractions' last bit."""
        if isinstance(value, np.generic):
            value = value.item()
        if isinstance(value, int | float):
            return arb(int(value)) if isinstance(value, bool) else arb(value)
        if isinstance(value, Fraction):
            return arb(fmpq(value.numerator, value.denominator))
        raise Unsupported(f"a {type(value).__name__} has no exact value as a ball")

    @classmethod
    def is_exact_integer(cls, value: Number) -> bool:
        """Whether a ball is one integer with no radius."""
        return bool(value.is_exact() and value.is_finite() and value.is_integer())

    @classmethod
    def integer_part(cls, value: Number) -> int:
        """Convert an exact integer ball."""
        return int(value.unique_fmpz())

    @classmethod
    def power(cls, base: Number, exponent: Number) -> Number:
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


_reasons: contextvars.ContextVar[dict[str, None] | None]
_reasons = contextvars.ContextVar("reasons", default=None)


@contextmanager
def working_precision(bits: int) -> Iterator[None]:
    """Return a context in which FLINT works with so many bits; contexts nest."""
    token = _reasons.set({})
    try:
        with flint.ctx.workprec(bits):
            yield
    finally:
        _reasons.reset(token)


def first_reason() -> str | None:
    """Return why the first value without an enclosure has none, as far as it was noted."""
    return next(iter(_reasons.get() or ()), None)


def nowhere(reason: str) -> Number:
    """Return the ball that contains everything, and note why a value has no enclosure.

    It is not an error yet: `xp.where` may leave it out.
    """
    noted = _reasons.get()
    if noted is not None and len(noted) < 8:
        noted[reason] = None
    return arb("nan")


def precision() -> int:
    """Return the number of bits that FLINT works with now."""
    return int(flint.ctx.prec)


# -- functions of one ball ----------------------------------------------------------------------


def square(x: Number) -> Number:
    """Return x^2, which is at least 0 even if x touches 0."""
    y = x * x
    return y if y >= 0 or not y.is_finite() else from_zero_to(y.upper())


def integer_power(x: Number, n: int) -> Number:
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


def square_root(x: Number) -> Number:
    """Return the root of a number that is known to have one; a ball is cut at 0."""
    root = x.sqrt()
    if root.is_finite() or not x.is_finite():
        return root
    if x < 0:
        return nowhere(f"the square root of {x}, which is negative")
    return from_zero_to(x.upper().sqrt().upper())


def logarithm(x: Number) -> Number:
    """Return log x; nan where the ball is not certainly positive."""
    return x.log() if x > 0 or not x.is_finite() else nowhere(_at_zero("the logarithm", x))


def logarithm_one_plus(x: Number) -> Number:
    """Return log(1 + x); nan where 1 + x is not certainly positive."""
    return x.log1p() if x > -1 or not x.is_finite() else nowhere(_at_zero("log1p", x, -1))


def logarithm_to_base_2(x: Number) -> Number:
    """Return the logarithm to base 2, without error of a power of 2."""
    if x.is_exact() and x > 0 and x.is_finite():
        mantissa, power = x.man_exp()
        if mantissa == 1:
            return arb(power)
    natural = logarithm(x)
    return natural / arb.const_log2()


def _at_zero(what: str, x: Number, at: int = 0) -> str:
    hint = ""
    if at == 0 and x.contains(0):
        hint = "; xp.xlogx is x log x with the value 0 at 0"
    return f"{what} of {x}, which is not certainly above {at}{hint}"


def x_log_x(x: Number) -> Number:
    """Return x log x, which is 0 at 0; a ball is cut at 0, as by `square_root`."""
    if x > 0 or not x.is_finite():
        return x * x.log()
    if x < 0:
        return nowhere(f"xlogx of {x}, which is negative")
    high = x.upper()
    if high == 0:
        return arb(0)
    # Falling from 0 at 0 to -1/e at 1/e, rising from there.
    end = high * high.log()
    lowest = end if high * arb.const_e() <= 1 else -1 / arb.const_e()
    return lowest.union(arb(0)).union(end)


def log_sum_exp(numbers: list[Number]) -> Number:
    """Return log(sum_i exp(x_i)), shifted by an exact number near the largest."""
    if not all(x.is_finite() for x in numbers):
        return arb("nan")
    shift = functools.reduce(lambda a, b: b if b > a else a, (x.mid() for x in numbers))
    return shift + sum(((x - shift).exp() for x in numbers), arb(0)).log()


def log_gamma(x: Number) -> Number:
    """Return log Gamma(x) of positive x; nan where the ball is not certainly positive."""
    if x > 0 or not x.is_finite():
        return x.lgamma()
    return nowhere(f"lgamma of {x}, which is not certainly positive")


def sign(x: Number) -> Number:
    """Return -1, 0 or 1, if that is certain."""
    if x > 0:
        return arb(1)
    if x < 0:
        return arb(-1)
    if x.is_exact() and x == 0:
        return arb(0)
    raise Undecided(f"the sign of the ball {x}")


def truncation(x: Number) -> Number:
    """Return x rounded towards 0, if that is certain."""
    if x.is_finite() and abs(x) < 1:
        return arb(0)
    return floor(x) if x > 0 else ceiling(x)


def ceiling(x: Number) -> Number:
    """Return the smallest integer that is at least x, if it is certain."""
    return _certain_integer(x, "ceil")


def floor(x: Number) -> Number:
    """Return the largest integer that is at most x, if it is certain."""
    return _certain_integer(x, "floor")


def _certain_integer(x: Number, name: str) -> Number:
    if x.is_finite():
        low = getattr(x.lower(), name)().unique_fmpz()
        high = getattr(x.upper(), name)().unique_fmpz()
        if low is not None and low == high:
            return arb(low)
    raise Undecided(f"{name} of the ball {x}")


def from_zero_to(high: Number) -> Number:
    """Return a ball whose lower end is exactly 0 and that contains [0, high]."""
    if not high.is_finite():
        return arb("nan")
    if not high > 0:
        return arb(0)
    # arb(mid, rad) always rounds rad upwards, to 30 bits; so the midpoint is moved to the radius.
    half = arb(0, high / 2)
    return half + half.rad()


def _general_power(a: Number, b: Number) -> Number:
    if type(a) is not np.ndarray and type(b) is not np.ndarray:
        return _number_power(a, b)
    return np.frompyfunc(_number_power, 2, 1)(a, b)


def _number_power(a: Number, b: Number) -> Number:
    if b.is_exact() and b.is_integer() and abs(b) < 2**31:
        return integer_power(a, int(b.unique_fmpz()))
    if a < 0:
        return nowhere(
            f"{a}, which is negative, to the power {b}, which is not an integer for sure"
        )
    if a > 0 or not a.is_finite():
        return (b * a.log()).exp()
    if not b > 0:
        return nowhere(f"{a} to the power {b}")
    high = a.upper()  # the ball is cut at 0, as by `square_root`
    return from_zero_to((b * high.log()).exp().upper()) if high > 0 else arb(0)


def larger(a: Number, b: Number) -> Number:
    """Return a ball that contains the larger of two numbers."""
    return a.max(b)


def smaller(a: Number, b: Number) -> Number:
    """Return a ball that contains the smaller of two numbers."""
    return a.min(b)


def secant_slope(
    change: Number, after: Number, before: Number, slope: Callable[[Number], Number]
) -> Number:
    """Return (after - before)/change of two values of a function, or what contains it.

    Where the ball of `change` touches 0, it is a derivative somewhere between the two points:
    `slope`, the derivative as a function of the value, on all that lies between the values.
    """
    if change.contains(0):
        return slope(after.union(before))
    return (after - before) / change


# -- ends of a ball, rounded outwards -----------------------------------------------------------


def lower(x: Number) -> float:
    """Return a float that is certainly at most the number in the ball; nan if there is none."""
    return -upper(-x)


def upper(x: Number) -> float:
    """Return a float that is certainly at least the number in the ball; nan if there is none."""
    if x.is_nan():
        return math.nan
    end = x.upper()
    value = float(end)
    if math.isinf(value) and value < 0 and end.is_finite():
        return -float(np.finfo(np.float64).max)
    return value if arb(value) >= end else math.nextafter(value, math.inf)


def exact_end(x: Number) -> Fraction | None:
    """Return the number that an exact ball is; None where it is none, or has 20,000 bits."""
    if not x.is_finite():
        return None
    mantissa, exponent = (int(part) for part in x.man_exp())
    if abs(exponent) > _LONGEST:
        return None
    return Fraction(mantissa) * Fraction(2) ** exponent


_LONGEST = 20_000


def elementwise(name: str) -> Callable[[Number], Number]:
    """Return the method of one ball with this name, as a function."""
    method = getattr(arb, name)
    return lambda x: method(x)


def constant(name: str) -> Number:
    """Return pi or e to the present precision."""
    return arb.pi() if name == "pi" else arb.const_e()
