"""Intervals whose ends are balls of FLINT, rounded outwards: what a `Jet` computes with."""

from __future__ import annotations

from flint import arb

from validation.arithmetic import ball
from validation.arithmetic.values import Number

Span = tuple[Number, Number]


UNKNOWN = (arb("nan"), arb("nan"))


ZERO = (arb(0), arb(0))


ONE = (arb(1), arb(1))


def exactly(x: Number) -> Span:
    return x.lower(), x.upper()


def least(numbers: list[Number]) -> Number:
    best = numbers[0]
    for x in numbers[1:]:
        if x < best:
            best = x
        elif not x >= best:
            return UNKNOWN[0]
    return best


def plus(a: Span, b: Span) -> Span:
    return (a[0] + b[0]).lower(), (a[1] + b[1]).upper()


def minus(a: Span) -> Span:
    return -a[1], -a[0]


def product(a: Span, b: Span) -> Span:
    if a[0] >= 0 and b[0] >= 0:
        return (a[0] * b[0]).lower(), (a[1] * b[1]).upper()
    products = [x * y for x in a for y in b]
    return least([x.lower() for x in products]), -least([-(x.upper()) for x in products])


def quotient(a: Span, b: Span) -> Span:
    if not (b[0] > 0 or b[1] < 0):
        return UNKNOWN
    quotients = [x / y for x in a for y in b]
    return least([x.lower() for x in quotients]), -least([-(x.upper()) for x in quotients])


def square(a: Span) -> Span:
    if a[0] >= 0:
        return (a[0] * a[0]).lower(), (a[1] * a[1]).upper()
    if a[1] <= 0:
        return (a[1] * a[1]).lower(), (a[0] * a[0]).upper()
    top = -least([-((x * x).upper()) for x in a])
    return (arb(0), top) if top.is_finite() else UNKNOWN


def hull(a: Span, b: Span) -> Span:
    return least([a[0], b[0]]), -least([-a[1], -b[1]])


def root(a: Span) -> Span:
    return (a[0].sqrt().lower(), a[1].sqrt().upper()) if a[0] >= 0 else UNKNOWN


def odd_power(a: Span, n: int) -> Span:
    return integer_power(a[0], n).lower(), integer_power(a[1], n).upper()


def integer_power(x: Number, n: int) -> Number:
    return ball.integer_power(x, n)
