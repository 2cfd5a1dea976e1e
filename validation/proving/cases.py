"""What a claim says over quotients of polynomials, once for each way in which its choices may go.

Coordinates range over all that their factors admit, whatever the box, unless a box is asked for.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from validation.arithmetic.entry_arithmetics import QUOTIENTS
from validation.arithmetic.polynomials import rational, ring
from validation.arithmetic.rational_functions import MOST_ROOTS, Parting, Quotient, choosing
from validation.checking.evaluation import pair
from validation.claims import Claim
from validation.proving.gaps import NO_SLACK, statement
from validation.proving.pieces import Domain
from validation.proving.quotient_signs import certain
from validation.proving.regions import Region, regions
from validation.proving.signs import Chart, chart

MOST_CASES = 256


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


class Open(Exception):
    """Why algebra does not prove a claim."""


def cases_of(
    claim: Claim, sizes: Mapping[str, Sequence[int]], end: float
) -> Iterator[tuple[Region, list[Case]]]:
    """What a claim says over quotients of polynomials, region by region and case by case."""
    for region in regions(claim, sizes, {}, compact=False, unlimited=True):
        domains = [wide(domain) for domain in domains_of(region, {})]
        coordinates = chart([*domains, *[Domain(Fraction(0))] * MOST_ROOTS])
        yield region, read_cases(claim, region, coordinates, end)


def wide(domain: Domain) -> Domain:
    """All numbers of the sign that a domain has, or all numbers."""
    if domain.low is None or domain.low < 0:
        return Domain()
    return Domain(domain.low, None, domain.positive)


def below(coordinates: Chart, place: int, high: Fraction) -> Any:
    """The polynomial high - x in the old coordinates."""
    names = tuple(f"x{i}" for i in range(len(coordinates.images)))
    context = ring(names)
    return context.constant(rational(high)) - context.gens()[place]


def domains_of(region: Region, boxes: Mapping[str, tuple[float, float]]) -> list[Domain]:
    found = []
    for name, piece in region.pieces.items():
        for axis in piece.axes:
            box = Domain(Fraction(axis.low), Fraction(axis.high))
            domain = axis.domain or box
            found.append(domain.within(axis.low, axis.high) if name in boxes else domain)
    return found


def read_cases(claim: Claim, region: Region, coordinates: Chart, end: float) -> list[Case]:
    """The body over quotients, once for each way in which its choices may go."""
    names = [f"x{i}" for i in range(len(region.axes))]
    waiting: list[tuple[bool, ...]] = [()]
    found: list[Case] = []

    def known(difference: Quotient, strict: bool, ties: bool) -> bool | None:
        return certain(coordinates, difference, strict, ties)

    while waiting:
        given = waiting.pop()
        if len(found) + len(waiting) > MOST_CASES:
            raise Open(f"more than {MOST_CASES} cases")
        if time.monotonic() > end:
            raise Open("its time was up")
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
