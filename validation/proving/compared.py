"""The reading as quotients of polynomials against the body itself, at points.

The body is called in rational numbers, else in narrow balls; one case of the reading must belong to
the point and give the same gaps.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from validation.arithmetic import RATIONALS, Undecided, Unsupported, balls
from validation.arithmetic.polynomials import fraction, terms_of
from validation.arithmetic.rational_functions import MOST_ROOTS, Quotient
from validation.arithmetic.values import Polynomial
from validation.checking.evaluation import pair
from validation.claims import Claim, ClaimError
from validation.proving.cases import Case, Open
from validation.proving.regions import Region

TINY = Fraction(1, 2**40)  # nearness of values with roots in them
POINTS = 4  # at which the reading is compared with the body, in every region


def compare(claim: Claim, region: Region, cases: Sequence[Case]) -> int:
    """Compare the gaps with the body in rational numbers; the count of points that could be."""
    rng = np.random.default_rng(0)
    agreed = 0
    for _ in range(8 * POINTS):
        point = _point(region, rng)
        values = _of_body(claim, region, point)
        if values is None:
            continue
        exact = [Fraction(x) for x in point]
        if not any(_agrees(claim, case, exact, values) for case in cases):
            raise Open("the reading as polynomials does not agree with the body at a point")
        agreed += 1
        if agreed == POINTS:
            return agreed
    if not agreed:
        raise Open("the reading as polynomials could not be compared with the body")
    return agreed


def _of_body(
    claim: Claim, region: Region, point: Sequence[float]
) -> list[tuple[Fraction, Fraction]] | None:
    """Bounds of right - left at a point: exact in rationals, else narrow in balls."""
    for arithmetic in (RATIONALS, balls(256)):
        try:
            with arithmetic.active():
                numbers = [arithmetic.xp.asarray(arithmetic.lift(x)) for x in point]
                values = region.values(arithmetic, numbers)
                left, right = pair(claim, claim.body, values, arithmetic)
                xp = arithmetic.xp
                gap = xp.asarray(right) - xp.asarray(left)
                if arithmetic is RATIONALS:
                    exact = [fraction(x) for x in gap.flat()]
                    return [(x, x) for x in exact]
                ends = [np.ravel(end).tolist() for end in arithmetic.enclosure(gap)]
                if all(np.isfinite(ends[0] + ends[1])):
                    return [(Fraction(a), Fraction(b)) for a, b in zip(*ends)]
        except (ClaimError, Undecided, Unsupported, ArithmeticError):
            continue
    return None


def _point(region: Region, rng: np.random.Generator) -> list[float]:
    found = []
    for axis in region.axes:
        low, high = max(axis.low, -4.0), min(axis.high, 4.0)
        if low > high:
            low, high = axis.low, axis.high
        x = low + (high - low) * rng.integers(0, 65) / 64
        found.append(float(min(max(x, axis.low), axis.high)))
    return found


def _agrees(
    claim: Claim, case: Case, point: Sequence[Fraction], bounds: Sequence[tuple[Fraction, Fraction]]
) -> bool:
    """Whether a case belongs to a point and its gaps have the values of the body there."""
    point = [*point, *[Fraction(0)] * MOST_ROOTS]
    first = len(point) - MOST_ROOTS
    for i, (_, square) in enumerate(case.roots):
        value = _at(square, point)
        if value is None or value < 0:
            return False
        point[first + i] = _root(value)
    near = 2 * TINY if case.roots else Fraction(0)
    for difference, strict in case.chosen:
        value = _at(difference, point)
        if value is None or value < -near or (strict and value == 0):
            return False
    values = [_at(gap, point) for gap in case.gaps]
    if claim.kind == "identity":
        values = values[len(bounds) :]
    if claim.kind == "loewner":
        values, bounds = values[:1], bounds[:1]  # the first minor is the first entry
    return len(values) == len(bounds) and all(
        v is not None and a - near <= v <= b + near for v, (a, b) in zip(values, bounds)
    )


def _root(value: Fraction) -> Fraction:
    """A root, to some 200 bits."""
    scale = 1 << 400
    return Fraction(math.isqrt(int(value * scale)), 1 << 200)


def _at(quotient: Quotient, point: Sequence[Fraction]) -> Fraction | None:
    bottom = _value(quotient.bottom, point)
    return None if bottom == 0 else _value(quotient.top, point) / bottom


def _value(polynomial: Polynomial, point: Sequence[Fraction]) -> Fraction:
    total = Fraction(0)
    for exponents, c in terms_of(polynomial).items():
        term = fraction(c)
        for x, e in zip(point, exponents):
            term *= x**e
        total += term
    return total
