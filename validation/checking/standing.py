"""From the instances that need the most of a constant to the tightest value that stands.

A candidate is the value at which the most demanding instance certainly ceases to violate; it is
tried (`tried`), and moves on where a search of its own finds something against it.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import NamedTuple

from validation.checking.certified import certify
from validation.checking.shrinking import simpler, size
from validation.checking.thresholds import BAD, WIDEST, Thresholds
from validation.checking.tightened import Tightened, Value
from validation.checking.tried import GOOD, Tried, at
from validation.claims import Claim
from validation.instances import Instance

GAPS = tuple(2.0**-bits for bits in (48, 40, 32, 24, 16, 8, 4))
READABLE = 200  # simpler instances that are looked at
TRIES = 6  # of values, each with a search of its own
SHOWN = 4  # draws that stand in where no instance needs any value
Ranked = list[tuple[float, Instance]]


class Candidate(NamedTuple):
    """A value to try, and what stops the constant a little beyond it.

    Attributes
    ----------
    value : int, float, Fraction or None
        None where no value holds.
    fails_at : float or None
        Where `instance` certainly violates the statement.
    instance : Instance or None
    sure : bool
        Whether it certainly does not violate at `value`.
    note : str
        A sentence that a reader must see; mostly empty.
    """

    value: Value | None
    fails_at: float | None
    instance: Instance | None
    sure: bool
    note: str = ""


def concluded(thresholds: Thresholds, tried: Tried) -> Tightened:
    """The tightest value that stands up to being tried, with certificates on either side of it.

    Parameters
    ----------
    thresholds : Thresholds
        After their trials have run.
    tried : Tried
        Tries the values.
    """
    claim, constant = thresholds.claim, thresholds.constant
    upwards = thresholds.law.effect > 0
    ranked = thresholds.ranked
    shown = [instance for _, instance in ranked] or tried.known[:SHOWN]
    logs = [certify(claim, instance) for instance in shown]
    largest = max((found.log_ratio for found in logs if found.arithmetic), default=-math.inf)
    found = _standing(thresholds, tried, ranked)
    coverage = thresholds.trials.coverage
    instance = found.instance
    notes = [found.note] if found.note else []
    if found.value is not None:
        if found.fails_at is not None and found.sure and instance is not None:
            instance = _readable(claim, constant, found.value, found.fails_at, instance)
        notes += tried.not_monotone(found.value, upwards, instance is not None)
    return Tightened(
        claim=claim.id,
        constant=constant,
        published=claim.published[constant],
        value=found.value,
        upwards=upwards,
        fails_at=found.fails_at,
        instance=instance,
        certified=found.sure,
        ratio=math.exp(min(largest, 700.0)),
        coverage=coverage + tried.coverage,
        notes=tuple(notes),
    )


def _standing(thresholds: Thresholds, tried: Tried, ranked: Ranked) -> Candidate:
    """The first candidate that stands, or what is beyond those that do not."""
    known: set[float] = set()
    candidate = _candidate(thresholds, ranked)
    for _ in range(TRIES):
        if candidate.value is None:
            return candidate._replace(sure=True)
        stop = tried.stops(candidate.value)
        if stop is None:
            return candidate
        known.add(float(candidate.value))
        if stop.instance is None:
            break
        ranked = [*ranked, (thresholds.needs(stop.instance), stop.instance)]
        ranked.sort(key=lambda item: -item[0])
        candidate = _candidate(thresholds, ranked)
        if candidate.value is not None and float(candidate.value) in known:
            break
    return _outwards(thresholds, tried, min(known) if thresholds.law.effect > 0 else max(known))


def _candidate(thresholds: Thresholds, ranked: Ranked) -> Candidate:
    """The tightest value that no ranked instance speaks against."""
    claim, constant = thresholds.claim, thresholds.constant
    if not ranked:
        return Candidate(thresholds.value_of(-WIDEST), None, None, False)
    for worth, instance in ranked:
        if worth >= WIDEST and thresholds.stops(instance, WIDEST):
            return Candidate(None, thresholds.value_of(WIDEST), instance, True)
        bracket = _bracket(thresholds, instance, min(worth, WIDEST))
        if bracket is None:
            continue  # float64 was wrong about it, or it meets a wall
        fails, holds = bracket
        for value in [*_simple(thresholds.value_of(holds)), thresholds.value_of(holds)]:
            changed = at(claim, constant, value)
            if certify(changed, instance).conclusion not in GOOD:
                continue
            if not any(certify(changed, i).conclusion is BAD for _, i in ranked):
                return Candidate(value, thresholds.value_of(fails), instance, True)
    worth, instance = ranked[0]
    return Candidate(thresholds.value_of(min(worth, WIDEST)), None, instance, False)


def _bracket(
    thresholds: Thresholds, instance: Instance, worth: float
) -> tuple[float, float] | None:
    """Worths next to each other: the instance certainly violates at one, and not at the other."""
    fails = next((w for w in (worth - g for g in GAPS) if thresholds.stops(instance, w)), None)
    holds = next((w for w in (worth + g for g in GAPS) if thresholds.passes(instance, w)), None)
    if fails is None or holds is None:
        return None
    while holds - fails > 1e-13 * max(1.0, abs(holds)):
        middle = (fails + holds) / 2
        if thresholds.stops(instance, middle):
            fails = middle
        elif thresholds.passes(instance, middle):
            holds = middle
        else:
            break
    return fails, holds


def _simple(value: float) -> list[Value]:
    """A short fraction that the value is within rounding of, if there is one."""
    for denominator in (1, 12, 1000):
        near = Fraction(value).limit_denominator(denominator)
        if near > 0 and abs(float(near) / value - 1) <= 1e-12:
            return [int(near) if near.denominator == 1 else near]
    return []


def _outwards(thresholds: Thresholds, tried: Tried, failing: float) -> Candidate:
    """Where a candidate did not stand: a value between it and the published one, or beyond that."""
    claim, constant = thresholds.claim, thresholds.constant
    weaker = [thresholds.value_of(worth) for worth in (0.1, 0.7, 2.3, 6.9)]
    fails, good = failing, None
    for value in [claim.constants[constant], *weaker]:
        if tried.stops(value) is None:
            good = value
            break
        fails = float(value)
    if good is None:
        note = f"no value of {constant} that was tried stands"
        return Candidate(None, None, None, False, note)
    for _ in range(TRIES):
        middle = math.sqrt(fails * float(good))
        if tried.stops(middle) is None:
            good = middle
        else:
            fails = middle
    note = f"{constant} = {fails:.6g} does not stand; nothing between was tried"
    instance = tried.known[0] if tried.known else None
    if instance is None or certify(at(claim, constant, fails), instance).conclusion is not BAD:
        return Candidate(good, None, None, False, note)
    return Candidate(good, fails, instance, True, note)


def _readable(claim: Claim, constant: str, value: Value, fails: float, found: Instance) -> Instance:
    """A simpler instance that stops the constant at the same place."""
    holding, failing = at(claim, constant, value), at(claim, constant, fails)
    looks = 0
    again = True
    while again:
        again = False
        for candidate in simpler(claim, found):
            if not size(claim, candidate) < size(claim, found):
                continue
            looks += 1
            if looks > READABLE:
                return found
            if certify(failing, candidate).conclusion is not BAD:
                continue
            if certify(holding, candidate).conclusion in GOOD:
                found, again = candidate, True
                break
    return found
