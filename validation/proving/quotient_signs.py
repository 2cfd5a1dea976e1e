"""Signs of quotients of polynomials, wherever their coordinates are in a chart."""

from __future__ import annotations

from typing import Any

from validation.arithmetic.polynomials import rational, terms_of
from validation.arithmetic.rational_functions import Quotient
from validation.arithmetic.values import Polynomial
from validation.proving.certificates import certificate
from validation.proving.signs import Chart


def certain(coordinates: Chart, difference: Quotient, strict: bool, ties: bool) -> bool | None:
    """Whether a difference is >= 0 (> 0 where strict) everywhere, or nowhere; None otherwise."""
    sign = sign_of(coordinates, difference.bottom)
    if sign is None:
        return None
    p = coordinates.written(difference.top) * sign
    if strict and not ties:
        yes, no = coordinates.always_positive(p), coordinates.never_negative(-p)
    elif ties:
        yes, no = coordinates.never_negative(p), coordinates.never_negative(-p)
    else:
        yes, no = coordinates.never_negative(p), coordinates.always_positive(-p)
    return True if yes else False if no else None


def sign_of(coordinates: Chart, polynomial: Polynomial) -> int | None:
    """1 or -1 where a polynomial has that sign wherever it is not 0; None where unknown."""
    p = coordinates.written(polynomial)
    if coordinates.never_negative(p):
        return 1
    if coordinates.never_negative(-p):
        return -1
    constant, factors = p.factor()
    sign = 1 if constant > 0 else -1
    for factor, power in factors:
        if power % 2 == 0 or _not_negative(coordinates, factor):
            continue
        if not _not_negative(coordinates, -factor):
            return None
        sign = -sign
    return sign


def _not_negative(coordinates: Chart, p: Polynomial) -> bool:
    """Whether a polynomial is not negative, by its signs or as a sum of squares."""
    if coordinates.never_negative(p):
        return True
    return _leading(p) > 0 and certificate(coordinates, p, []) is not None


def _leading(p: Polynomial) -> Any:
    """The sum of the coefficients of squares: one that is a sum of squares has it above 0."""
    return sum((c for e, c in terms_of(p).items() if all(x % 2 == 0 for x in e)), rational(0))


def positive(coordinates: Chart, p: Polynomial) -> bool:
    """Whether a polynomial is positive: what is left without its positive terms is not negative."""
    if coordinates.always_positive(p):
        return True
    sure = coordinates.context.from_dict(
        {
            e: c
            for e, c in terms_of(p).items()
            if c > 0 and all(sign == ">" for x, sign in zip(e, coordinates.signs) if x)
        }
    )
    return not sure.is_zero() and certificate(coordinates, p - sure, []) is not None


def kept(coordinates: Chart, p: Polynomial, strictly: bool) -> Any:
    """A polynomial of the same sign, without the factors that are positive (or not negative)."""
    if p.is_zero() or p.is_constant():
        return p
    drops = coordinates.always_positive if strictly else coordinates.never_negative
    constant, factors = p.factor()
    rest = coordinates.context.constant(1 if constant > 0 else -1)
    for factor, power in factors:
        if drops(factor):
            continue
        if drops(-factor):
            rest = rest * (-1 if power % 2 else 1)
            continue
        rest = rest * (factor if power % 2 else factor * factor)
    return rest


def never_zero(coordinates: Chart, polynomial: Polynomial) -> bool:
    p = coordinates.written(polynomial)
    if p.is_constant():
        return not p.is_zero()
    return all(
        positive(coordinates, factor) or positive(coordinates, -factor)
        for factor, _ in p.factor()[1]
    )
