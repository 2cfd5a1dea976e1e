"""Prove a claim by algebra: for all instances of its sizes at once, without cells and exactly.

The body is read over quotients of polynomials in the coordinates of an instance. An identity then
holds where left - right is the quotient 0. An inequality right - left = p/q >= 0 holds where q > 0
and p has a certificate (`certificates`). Where the body chooses (a maximum, a comparison), each
choice is a case with what it assumes. Coordinates range over all that their factors admit
(S = F F^T for every F, every lam > 0), so that nothing is left out at the edges of a box.

What may be wrong here, the reading, is compared with the body in rational numbers at points.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np

from validation.arithmetic import RATIONALS, Undecided, Unsupported, balls
from validation.arithmetic.entry_arithmetics import QUOTIENTS
from validation.arithmetic.polynomials import fraction, rational, ring, terms_of
from validation.arithmetic.rational_functions import MOST_ROOTS, Parting, Quotient, choosing
from validation.checking.evaluation import pair
from validation.claims import Claim, ClaimError
from validation.proving.certificates import certificate
from validation.proving.fingerprints import fingerprint, versions
from validation.proving.gaps import NO_SLACK, statement
from validation.proving.pieces import Domain
from validation.proving.records import Ending, Proof
from validation.proving.regions import Region, regions
from validation.proving.signs import Chart, chart

SECONDS = 20.0
KINDS = {
    "equal": "equal as quotients of polynomials",
    "signs": "by the signs of all coefficients",
    "factors": "by its factors",
    "assumptions": "as a combination of what is assumed",
    "squares": "as a sum of squares",
    "empty": "in cases that cannot occur",
}
"""How right - left was shown not to be negative, as a reader is told."""
MOST_CASES = 256
TINY = Fraction(1, 2**40)  # nearness of values with roots in them
STYLES = ("wide", "by both ends", "by an end")
"""How an interval is written: as all numbers of its sign, which is more than is claimed; in the
coordinates of Bernstein's form; or from one end, the other end being assumed."""
POINTS = 4  # at which the reading is compared with the body, in every region


@dataclass(frozen=True)
class Case:
    """What a body gives where its choices go one way.

    Attributes
    ----------
    gaps : list of Quotient
        What must not be negative.
    chosen : list of (Quotient, bool)
        What the choices assume: >= 0, and > 0 where the second is true.
    hypotheses : list of Quotient
        What the region and the claim assume to be >= 0.
    divisors : list of Quotient
    roots : list of (Quotient, Quotient)
        Indeterminates for roots, and what they are the roots of.
    """

    gaps: list[Quotient]
    chosen: list[tuple[Quotient, bool]]
    hypotheses: list[Quotient]
    divisors: list[Quotient]
    roots: list[tuple[Quotient, Quotient]]


@dataclass(frozen=True)
class Algebra:
    """A proof by algebra.

    Attributes
    ----------
    regions : list of Region
        Over whose axes' domains it ranges.
    cases : int
    kinds : mapping of str to int
        How many gaps were proved in which way.
    compared : int
        Points at which body and reading agreed in rational numbers.
    everywhere : bool
        False where some divisor may be 0: then the statement is proved wherever it is defined.
    boxed : tuple of str
        Names of drawn values whose box the proof needs.
    """

    regions: list[Region]
    cases: int
    kinds: Mapping[str, int]
    compared: int
    everywhere: bool
    boxed: tuple[str, ...] = ()


class _Open(Exception):
    """Why algebra does not prove a claim."""


def by_algebra(
    claim: Claim,
    sizes: Mapping[str, Sequence[int]],
    box: Mapping[str, tuple[float, float]],
    seconds: float = SECONDS,
) -> Algebra | str:
    """Prove a claim by algebra, or say in a few words why that does not succeed.

    First over all that the factors admit; where that fails and a box is given, within the box.
    """
    where = regions(claim, sizes, box, compact=False, unlimited=True)
    end = time.monotonic() + seconds
    boxes = {**claim.box, **box}
    why = ""
    for names, style in itertools.product(((), tuple(boxes)) if boxes else ((),), STYLES):
        try:
            return _proved(claim, where, {name: boxes[name] for name in names}, style, end)
        except (_Open, Unsupported) as error:
            why = why or str(error)
        except ClaimError as error:
            if not isinstance(error.__cause__, Unsupported | ArithmeticError):
                raise
            why = why or str(error.__cause__)
    return why


def _proved(
    claim: Claim, where: Sequence[Region], boxes: Mapping[str, tuple[float, float]], style: str,
    end: float,
) -> Algebra:  # fmt: skip
    cases, compared, everywhere = 0, 0, True
    every = [domain for region in where for domain in _domains(region, boxes)]
    if style != STYLES[0] and every == [_wide(domain) for domain in every]:
        raise _Open("there are no intervals to be written otherwise")
    kinds: dict[str, int] = {}
    for region in where:
        domains = _domains(region, boxes)
        ends: list[tuple[int, Fraction]] = []
        if style == "wide":
            domains = [_wide(domain) for domain in domains]
        if style == "by an end":
            ends = [
                (i, d.high)
                for i, d in enumerate(domains)
                if d.low is not None and d.high is not None
            ]
            domains = [d if d.low is None else replace(d, high=None) for d in domains]
        coordinates = chart([*domains, *[Domain(Fraction(0))] * MOST_ROOTS])
        bounds = [coordinates.written(_below(coordinates, i, high)) for i, high in ends]
        found = _cases(claim, region, coordinates, end)
        cases += len(found)
        for case in found:
            everywhere &= _one_case(claim, coordinates, case, bounds, kinds, end)
        compared += _compared(claim, region, found)
    if set(kinds) == {"empty"}:
        raise _Open("no instance meets its hypotheses")
    if not everywhere and claim.given is None:
        raise _Open("something that is divided by may be 0")
    return Algebra(list(where), cases, kinds, compared, everywhere, tuple(boxes))


def cases_of(
    claim: Claim, sizes: Mapping[str, Sequence[int]], end: float
) -> Iterator[tuple[Region, list[Case]]]:
    """What a claim says over quotients of polynomials, region by region and case by case."""
    for region in regions(claim, sizes, {}, compact=False, unlimited=True):
        domains = [_wide(domain) for domain in _domains(region, {})]
        coordinates = chart([*domains, *[Domain(Fraction(0))] * MOST_ROOTS])
        yield region, _cases(claim, region, coordinates, end)


def _wide(domain: Domain) -> Domain:
    """All numbers of the sign that a domain has, or all numbers."""
    if domain.low is None or domain.low < 0:
        return Domain()
    return Domain(domain.low, None, domain.positive)


def _below(coordinates: Chart, place: int, high: Fraction) -> Any:
    """The polynomial high - x in the old coordinates."""
    names = tuple(f"x{i}" for i in range(len(coordinates.images)))
    context = ring(names)
    return context.constant(rational(high)) - context.gens()[place]


def _domains(region: Region, boxes: Mapping[str, tuple[float, float]]) -> list[Domain]:
    found = []
    for name, piece in region.pieces.items():
        for axis in piece.axes:
            box = Domain(Fraction(axis.low), Fraction(axis.high))
            domain = axis.domain or box
            found.append(domain.within(axis.low, axis.high) if name in boxes else domain)
    return found


def _cases(claim: Claim, region: Region, coordinates: Chart, end: float) -> list[Case]:
    """The body over quotients, once for each way in which its choices may go."""
    names = [f"x{i}" for i in range(len(region.axes))]
    waiting: list[tuple[bool, ...]] = [()]
    found: list[Case] = []

    def known(difference: Quotient, strict: bool, ties: bool) -> bool | None:
        return _certain(coordinates, difference, strict, ties)

    while waiting:
        given = waiting.pop()
        if len(found) + len(waiting) > MOST_CASES:
            raise _Open(f"more than {MOST_CASES} cases")
        if time.monotonic() > end:
            raise _Open("its time was up")
        with choosing(names, given, known) as now:
            try:
                numbers = [QUOTIENTS.number(x) for x in now.unknowns()]
                values = region.values(QUOTIENTS, numbers)
                xp = QUOTIENTS.xp
                pairs = list(region.constraints(QUOTIENTS, numbers))
                for function in claim.hypotheses.values():
                    pairs.append(pair(claim, function, values, QUOTIENTS))
                left, right = pair(claim, claim.body, values, QUOTIENTS)
                gaps = statement(claim, QUOTIENTS, left, right, NO_SLACK)
                hypotheses = [
                    entry for a, b in pairs for entry in (xp.asarray(b) - xp.asarray(a)).flat()
                ]
            except Parting:
                waiting += [(*given, True), (*given, False)]
                continue
        found.append(Case(gaps, now.assumed, hypotheses, now.divisors, now.roots))
    return found


def _certain(coordinates: Chart, difference: Quotient, strict: bool, ties: bool) -> bool | None:
    """Whether a difference is >= 0 (> 0 where strict) everywhere, or nowhere; None otherwise."""
    sign = _sign_of(coordinates, difference.bottom)
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


def _sign_of(coordinates: Chart, polynomial: Any) -> int | None:
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


def _not_negative(coordinates: Chart, p: Any) -> bool:
    """Whether a polynomial is not negative, by its signs or as a sum of squares."""
    if coordinates.never_negative(p):
        return True
    return _leading(p) > 0 and certificate(coordinates, p, []) is not None


def _leading(p: Any) -> Any:
    """The sum of the coefficients of squares: one that is a sum of squares has it above 0."""
    return sum((c for e, c in terms_of(p).items() if all(x % 2 == 0 for x in e)), rational(0))


def _positive(coordinates: Chart, p: Any) -> bool:
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


def _one_case(
    claim: Claim, coordinates: Chart, case: Case, bounds: Sequence[Any], kinds: dict[str, int],
    end: float,
) -> bool:  # fmt: skip
    """Prove every gap of a case; return whether nothing that is divided by can be 0."""
    assumed = list(bounds)
    for difference in [*(q for q, _ in case.chosen), *case.hypotheses]:
        sign = _sign_of(coordinates, difference.bottom)
        if sign is None:
            continue  # less is assumed
        g = _kept(coordinates, coordinates.written(difference.top) * sign, strictly=True)
        if not coordinates.never_negative(g) and g not in assumed:
            assumed.append(g)
    for root, square in case.roots:
        _defined(coordinates, square)
        rest = coordinates.written(root.top * root.top * square.bottom - square.top)
        assumed += [rest, -rest]
    nothing = coordinates.context.constant(-1)
    # A proof that hypotheses contradict each other is not one of the statement.
    empty = bool(claim.hypotheses) and certificate(coordinates, nothing, assumed, False) is not None
    for gap in case.gaps:
        if time.monotonic() > end:
            raise _Open("its time was up")
        sign = _sign_of(coordinates, gap.bottom)
        if sign is None:
            raise _Open("the sign of a denominator is not known")
        p = _kept(coordinates, coordinates.written(gap.top) * sign, strictly=False)
        found = None if empty else certificate(coordinates, p, assumed, not assumed, end)
        kind = "" if found is None else found.kind
        if found is None and assumed:
            # What is assumed may contradict itself: then there is nothing to prove.
            found = certificate(coordinates, nothing, assumed, False, end)
            kind = "empty"
        if found is None:
            raise _Open("no certificate was found for right - left")
        kinds[kind] = kinds.get(kind, 0) + 1
    return all(_never_zero(coordinates, divisor.top) for divisor in case.divisors)


def _defined(coordinates: Chart, square: Quotient) -> None:
    """Refuse the root of what may be negative."""
    if square.squares:
        return
    sign = _sign_of(coordinates, square.bottom)
    if sign is not None:
        p = _kept(coordinates, coordinates.written(square.top) * sign, strictly=False)
        if certificate(coordinates, p, []) is not None:
            return
    raise _Open("a root of what may be negative")


def _kept(coordinates: Chart, p: Any, strictly: bool) -> Any:
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


def _never_zero(coordinates: Chart, polynomial: Any) -> bool:
    p = coordinates.written(polynomial)
    if p.is_constant():
        return not p.is_zero()
    return all(
        _positive(coordinates, factor) or _positive(coordinates, -factor)
        for factor, _ in p.factor()[1]
    )


def proof_by_algebra(
    claim: Claim,
    sizes: Mapping[str, Sequence[int]],
    box: Mapping[str, tuple[float, float]],
    seconds: float = SECONDS,
) -> Proof | str:
    """The record of a proof by algebra, or why there is none."""
    start = time.monotonic()
    found = by_algebra(claim, sizes, box, seconds)
    if isinstance(found, str):
        return found
    ways = ", ".join(f"{count} {KINDS[kind]}" for kind, count in sorted(found.kinds.items()))
    return Proof(
        id=claim.id,
        ending=Ending.PROVED.value,
        statement=_statement(found),
        regions=tuple(_described(region, found.boxed) for region in found.regions),
        share=1.0,
        rechecked=found.compared,
        method=f"algebra: {ways}",
        seconds=round(time.monotonic() - start, 3),
        fingerprint=fingerprint(claim),
        versions=versions(),
    )


def _statement(found: Algebra) -> str:
    sizes = {tuple(sorted(region.sizes.items())) for region in found.regions}
    names = "; ".join(", ".join(f"{n} = {v}" for n, v in chosen) for chosen in sorted(sizes))
    ranges = list(
        dict.fromkeys(text for region in found.regions for text in _ranges(region, found.boxed))
    )
    rest = "" if found.everywhere else "wherever nothing is divided by 0"
    return "; ".join(filter(None, [names, ", ".join(ranges), rest]))


def _described(region: Region, boxed: Sequence[str]) -> str:
    sizes = ", ".join(f"{name} = {size}" for name, size in region.sizes.items())
    notes = ", ".join(
        f"{name} = {piece.note}" for name, piece in region.pieces.items() if piece.note
    )
    return "; ".join(filter(None, [sizes, notes, ", ".join(_ranges(region, boxed))]))


def _ranges(region: Region, boxed: Sequence[str]) -> list[str]:
    """What every coordinate may be, those alike together."""
    alike: dict[str, list[str]] = {}
    domains = _domains(region, dict.fromkeys(boxed, (0.0, 0.0)))
    for axis, domain in zip(region.axes, domains):
        alike.setdefault(str(domain), []).append(axis.name)
    return [f"{', '.join(names)} {domain}" for domain, names in alike.items()]


# -- the reading against the body, at points ----------------------------------------------------


def _compared(claim: Claim, region: Region, cases: Sequence[Case]) -> int:
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
            raise _Open("the reading as polynomials does not agree with the body at a point")
        agreed += 1
        if agreed == POINTS:
            return agreed
    if not agreed:
        raise _Open("the reading as polynomials could not be compared with the body")
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


def _value(polynomial: Any, point: Sequence[Fraction]) -> Fraction:
    total = Fraction(0)
    for exponents, c in terms_of(polynomial).items():
        term = fraction(c)
        for x, e in zip(point, exponents):
            term *= x**e
        total += term
    return total
