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
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from validation.arithmetic import Unsupported
from validation.arithmetic.rational_functions import MOST_ROOTS, Quotient
from validation.claims import Claim, ClaimError
from validation.proving.attacked import NOTHING, attack
from validation.proving.cases import Case, Open, below, domains_of, read_cases, wide
from validation.proving.certificates import certificate
from validation.proving.compared import compare
from validation.proving.fingerprints import fingerprint, versions
from validation.proving.pieces import Domain
from validation.proving.quotient_signs import kept, never_zero, sign_of
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
STYLES = ("wide", "by both ends", "by an end")
"""How an interval is written: as all numbers of its sign, which is more than is claimed; in the
coordinates of Bernstein's form; or from one end, the other end being assumed."""


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
        except (Open, Unsupported) as error:
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
    every = [domain for region in where for domain in domains_of(region, boxes)]
    if style != STYLES[0] and every == [wide(domain) for domain in every]:
        raise Open("there are no intervals to be written otherwise")
    kinds: dict[str, int] = {}
    for region in where:
        domains = domains_of(region, boxes)
        ends: list[tuple[int, Fraction]] = []
        if style == "wide":
            domains = [wide(domain) for domain in domains]
        if style == "by an end":
            ends = [
                (i, d.high)
                for i, d in enumerate(domains)
                if d.low is not None and d.high is not None
            ]
            domains = [d if d.low is None else replace(d, high=None) for d in domains]
        coordinates = chart([*domains, *[Domain(Fraction(0))] * MOST_ROOTS])
        bounds = [coordinates.written(below(coordinates, i, high)) for i, high in ends]
        found = read_cases(claim, region, coordinates, end)
        cases += len(found)
        for case in found:
            everywhere &= _one_case(claim, coordinates, case, bounds, kinds, end)
        compared += compare(claim, region, found)
    if not kinds:
        raise Open("its sides have no entries, so that nothing is compared")
    if set(kinds) == {"empty"}:
        raise Open("no instance meets its hypotheses")
    if not everywhere and claim.given is None:
        raise Open("something that is divided by may be 0")
    return Algebra(list(where), cases, kinds, compared, everywhere, tuple(boxes))


def _one_case(
    claim: Claim, coordinates: Chart, case: Case, bounds: Sequence[Any], kinds: dict[str, int],
    end: float,
) -> bool:  # fmt: skip
    """Prove every gap of a case; return whether nothing that is divided by can be 0."""
    assumed = list(bounds)
    for difference in [*(q for q, _ in case.chosen), *case.hypotheses]:
        sign = sign_of(coordinates, difference.bottom)
        if sign is None:
            continue  # less is assumed
        g = kept(coordinates, coordinates.written(difference.top) * sign, strictly=True)
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
            raise Open("its time was up")
        sign = sign_of(coordinates, gap.bottom)
        if sign is None:
            raise Open("the sign of a denominator is not known")
        p = kept(coordinates, coordinates.written(gap.top) * sign, strictly=False)
        found = None if empty else certificate(coordinates, p, assumed, not assumed, end)
        kind = "" if found is None else found.kind
        if found is None and assumed:
            # What is assumed may contradict itself: then there is nothing to prove.
            found = certificate(coordinates, nothing, assumed, False, end)
            kind = "empty"
        if found is None:
            raise Open("no certificate was found for right - left")
        kinds[kind] = kinds.get(kind, 0) + 1
    return all(never_zero(coordinates, divisor.top) for divisor in case.divisors)


def _defined(coordinates: Chart, square: Quotient) -> None:
    """Refuse the root of what may be negative."""
    if square.squares:
        return
    sign = sign_of(coordinates, square.bottom)
    if sign is not None:
        p = kept(coordinates, coordinates.written(square.top) * sign, strictly=False)
        if certificate(coordinates, p, []) is not None:
            return
    raise Open("a root of what may be negative")


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
    seen = attack(claim, found.regions, bool(found.boxed))
    if seen.violated is not None:
        return "the body contradicts its reading as polynomials at an instance"
    if not seen.met and (claim.hypotheses or claim.given):
        return NOTHING
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
    domains = domains_of(region, dict.fromkeys(boxed, (0.0, 0.0)))
    for axis, domain in zip(region.axes, domains):
        alike.setdefault(str(domain), []).append(axis.name)
    return [f"{', '.join(names)} {domain}" for domain, names in alike.items()]
