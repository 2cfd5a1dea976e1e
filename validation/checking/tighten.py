r"""How small a constant may be: the smallest value at which no violation was found.

For one instance the smallest value of the constant that makes the statement true is a root in one
unknown. Where both sides are products of a power of the constant, which shows in a sample, it is
one evaluation away. The search of `searched` then looks for the instance whose value is largest,
which is the one that stops the constant. It is certified: the statement is violated on it a little
below the value, and not at the value.

A constant that makes the statement stronger as it grows is tightened upwards. One that does neither
throughout is bisected, with a search at every value.

What is printed was tried: at the value itself every instance known is certified and a search of its
own is run (`tried`); where that finds a violation, or instances on which a side is lost, the value
moves on. What is not a number, or has no positive right side, is a wall and not a passage.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from ..claims import Claim, ClaimError
from ..instances import Instance
from ..verdict import Conclusion, Coverage
from .certified import certify, check_hypotheses
from .evaluation import score
from .randomness import spawn
from .sampled import drawn
from .searched import run
from .shrinking import simpler, size
from .thresholds import BAD, WIDEST, Law, Thresholds, find_law
from .trials import Progress, SpentError
from .tried import GOOD, Stop, Tried, at

LOOSE = 1e-3
DRAWS = 300
GAPS = tuple(2.0**-bits for bits in (48, 40, 32, 24, 16, 8, 4))
READABLE = 200  # simpler instances that are looked at
TRIES = 6  # of values, each with a search of its own
STEPS = 12  # of a bisection
SHOWN = 4  # draws that stand in where no instance needs any value
SEARCHING = 0.7  # share of the budget; the rest tries the value


@dataclass(frozen=True)
class Tightened:
    """What is known of one constant of a claim.

    Attributes
    ----------
    claim : str
        Its id.
    constant : str
        Which one.
    published : int, float or Fraction
        The value in the statement.
    value : int, float, Fraction or None
        The tightest value at which no violation was found; None where none holds.
    upwards : bool
        Whether the tightest value is the largest one: the statement gets stronger as it grows.
    fails_at : float or None
        A value next to it at which `instance` certainly violates the statement.
    instance : Instance or None
        The one that stops the constant.
    certified : bool
        Whether `instance` certainly violates at `fails_at` and certainly does not at `value`.
    ratio : float
        The largest left/right at the published value, on the instances that need the most.
    coverage : Coverage
        Of the search.
    notes : tuple of str
        Sentences that a reader must see.
    """

    claim: str
    constant: str
    published: Any
    value: Any
    upwards: bool
    fails_at: float | None
    instance: Instance | None
    certified: bool
    ratio: float
    coverage: Coverage
    notes: tuple[str, ...] = ()
    seconds: float = field(default=0.0, compare=False)


def tighten(
    claim: Claim,
    constant: str,
    *,
    seconds: float = 30.0,
    seed: int = 0,
    max_evaluations: int | None = None,
    start: Sequence[Instance] = (),
    progress: Progress | None = None,
) -> Tightened:
    """Find the tightest value of a constant at which no violation is found.

    Parameters
    ----------
    claim : Claim
        An inequality, scalar, elementwise or in the Loewner order.
    constant : str
        Its name; the others stay as they are.
    seconds, seed, max_evaluations, progress
        As for `search`.
    start : sequence of Instance
        Where to begin, besides random draws.

    Raises
    ------
    ClaimError
        If there is no such constant, or the claim is not an inequality.
    """
    begun = time.monotonic()
    if claim.kind not in ("inequality", "loewner"):
        why = "an identity has no slack" if claim.kind == "identity" else f"it is {claim.kind}"
        raise ClaimError(f"{claim.id}: only the constants of inequalities are tightened; {why}")
    published = claim.with_constants(**{constant: claim.constants.get(constant, 0)}).constants
    with np.errstate(all="ignore"):
        instances = [*start, *_draws(claim, seed)]
        if not _admissible(claim, instances):
            raise ClaimError(
                f"{claim.id}: none of {len(instances)} instances certainly meets the hypotheses, "
                f"so no value of {constant} can be tried"
            )
        law = find_law(claim, constant, instances)
        if law.effect == 0 or published[constant] <= 0:
            found = _bisected(claim, constant, seconds, seed, max_evaluations, start)
        else:
            found = _searched(claim, constant, law, seconds, seed, max_evaluations, start, progress)
    return _noted(found, time.monotonic() - begun)


def _admissible(claim: Claim, instances: list[Instance]) -> bool:
    """Whether any of them certainly meets all hypotheses."""
    met = (instance for instance in instances if score(claim, instance).met)
    return any(
        all(state is Conclusion.HOLDS for state in check_hypotheses(claim, instance).values())
        for instance in met
    )


def _draws(claim: Claim, seed: int) -> list[Instance]:
    rng = spawn(seed, "tighten", 0)
    return [drawn(claim, rng) for _ in range(DRAWS)]


def _searched(
    claim: Claim,
    constant: str,
    law: Law,
    seconds: float,
    seed: int,
    most: int | None,
    start: Sequence[Instance],
    progress: Progress | None,
) -> Tightened:
    share = None if most is None else max(1, int(SEARCHING * most))
    trials = Thresholds(
        claim, constant, law, seconds=SEARCHING * seconds, most=share, progress=progress
    )
    rng = spawn(seed, "tighten", 1)
    try:
        run(trials, [*start, *_draws(claim, seed)], rng, seed)
    except SpentError:
        trials.finish()
    left = None if most is None else max(1, (most - (share or 0)) // TRIES)
    known = [instance for worth, instance in trials.elite if worth > -1e3]
    tried = Tried(
        claim, constant, seconds=(1 - SEARCHING) * seconds / TRIES, most=left, seed=seed,
        known=known or _draws(claim, seed)[:SHOWN],
    )  # fmt: skip
    return _concluded(trials, tried)


def _concluded(trials: Thresholds, tried: Tried) -> Tightened:
    """The tightest value that stands up to being tried, with certificates on either side of it."""
    claim, constant, upwards = trials.claim, trials.constant, trials.law.effect > 0
    ranked = [(worth, instance) for worth, instance in trials.elite if worth > -1e3]
    shown = [instance for _, instance in ranked] or tried.known[:SHOWN]
    logs = [certify(claim, instance) for instance in shown]
    largest = max((found.log_ratio for found in logs if found.arithmetic), default=-math.inf)

    def result(value: Any, fails: float | None, instance: Any, sure: bool, *notes: str) -> Any:
        coverage = Coverage(trials.drawn, trials.rejected, trials.evaluated, trials.undecided)
        if value is not None and fails is not None and sure:
            instance = _readable(claim, constant, value, fails, instance)
        if value is not None:
            notes = (*notes, *tried.not_monotone(value, upwards, instance is not None))
        return Tightened(
            claim.id, constant, claim.published[constant], value, upwards, fails, instance,
            sure, math.exp(min(largest, 700.0)), coverage + tried.coverage, notes,
        )  # fmt: skip

    known: set[float] = set()
    candidate = _candidate(trials, ranked)
    for _ in range(TRIES):
        if candidate.value is None:
            return result(None, candidate.fails_at, candidate.instance, True)
        stop = tried.stops(candidate.value)
        if stop is None:
            return result(*candidate)
        known.add(float(candidate.value))
        if stop.instance is None:
            break
        ranked.append((trials.needs(stop.instance), stop.instance))
        ranked.sort(key=lambda item: -item[0])
        candidate = _candidate(trials, ranked)
        if candidate.value is not None and float(candidate.value) in known:
            break
    return result(*_outwards(trials, tried, max(known) if not upwards else min(known)))


def _readable(claim: Claim, constant: str, value: Any, fails: float, found: Instance) -> Instance:
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


class _Candidate(NamedTuple):
    """A value to try, and the instance that certainly violates a little beyond it."""

    value: Any
    fails_at: float | None
    instance: Instance | None
    sure: bool


def _candidate(trials: Thresholds, ranked: list[tuple[float, Instance]]) -> _Candidate:
    """The tightest value that no ranked instance speaks against."""
    claim, constant = trials.claim, trials.constant
    if not ranked:
        return _Candidate(trials.value_of(-WIDEST), None, None, False)
    for worth, instance in ranked:
        if worth >= WIDEST and trials.stops(instance, WIDEST):
            return _Candidate(None, trials.value_of(WIDEST), instance, True)
        bracket = _bracket(trials, instance, min(worth, WIDEST))
        if bracket is None:
            continue  # float64 was wrong about it, or it meets a wall
        fails, holds = bracket
        for value in [*_simple(trials.value_of(holds)), trials.value_of(holds)]:
            changed = at(claim, constant, value)
            if certify(changed, instance).conclusion not in GOOD:
                continue
            if not any(certify(changed, i).conclusion is BAD for _, i in ranked):
                return _Candidate(value, trials.value_of(fails), instance, True)
    worth, instance = ranked[0]
    return _Candidate(trials.value_of(min(worth, WIDEST)), None, instance, False)


def _outwards(trials: Thresholds, tried: Tried, failing: float) -> tuple[Any, ...]:
    """Where a candidate did not stand: a value between it and the published one, or beyond that."""
    published = trials.claim.constants[trials.constant]
    weaker = [trials.value_of(worth) for worth in (0.1, 0.7, 2.3, 6.9)]
    fails, good = failing, None
    for value in [published, *weaker]:
        if tried.stops(value) is None:
            good = value
            break
        fails = float(value)
    if good is None:
        return (None, None, None, False, f"no value of {trials.constant} that was tried stands")
    for _ in range(TRIES):
        middle = math.sqrt(fails * float(good))
        if tried.stops(middle) is None:
            good = middle
        else:
            fails = middle
    instance = tried.known[0] if tried.known else None
    sure = instance is not None and certify(
        at(trials.claim, trials.constant, fails), instance
    ).conclusion is BAD  # fmt: skip
    note = f"{trials.constant} = {fails:.6g} does not stand; nothing between was tried"
    return (good, fails if sure else None, instance if sure else None, sure, note)


def _bracket(trials: Thresholds, instance: Instance, worth: float) -> tuple[float, float] | None:
    """Worths next to each other: the instance certainly violates at one, and not at the other."""
    fails = next((w for w in (worth - g for g in GAPS) if trials.stops(instance, w)), None)
    holds = next((w for w in (worth + g for g in GAPS) if trials.passes(instance, w)), None)
    if fails is None or holds is None:
        return None
    while holds - fails > 1e-13 * max(1.0, abs(holds)):
        middle = (fails + holds) / 2
        if trials.stops(instance, middle):
            fails = middle
        elif trials.passes(instance, middle):
            holds = middle
        else:
            break
    return fails, holds


def _simple(value: float) -> list[Any]:
    """A short fraction that the value is within rounding of, if there is one."""
    for denominator in (1, 12, 1000):
        near = Fraction(value).limit_denominator(denominator)
        if near > 0 and abs(float(near) / value - 1) <= 1e-12:
            return [int(near) if near.denominator == 1 else near]
    return []


def _bisected(
    claim: Claim,
    constant: str,
    seconds: float,
    seed: int,
    most: int | None,
    start: Sequence[Instance],
) -> Tightened:
    """The smallest value above which no search found a violation, by bisection."""
    share = None if most is None else max(most // STEPS, 1)
    tried = Tried(claim, constant, seconds=seconds / STEPS, most=share, seed=seed, known=start)

    def stopped_by(value: Any) -> Stop | None:
        return tried.stops(value)

    published = claim.constants[constant]
    seen = [score(claim, instance).log_ratio for instance in _draws(claim, seed)]
    ratio = math.exp(min(max((r for r in seen if not math.isnan(r)), default=-700.0), 700.0))
    scale = abs(float(published)) or 1.0
    high, low = float(published), None
    stop = stopped_by(published)
    culprit = None
    for i in range(6):  # outwards, to a value that holds and one that does not
        if stop is not None:
            low, culprit, high = high, stop, high + scale * 2.0**i
            stop = stopped_by(high)
            if stop is None:
                break
        elif low is None:
            tighter = high - scale * 2.0 ** (i - 3)
            found = stopped_by(tighter)
            if found is not None:
                low, culprit = tighter, found
                break
            high = tighter
    if stop is not None:
        return Tightened(
            claim.id, constant, published, None, False, high, stop.instance, stop.violated, ratio,
            tried.coverage, (f"no value of {constant} that was tried, up to {high:.6g}, stands",),
        )  # fmt: skip
    while low is not None and high - low > 1e-3 * scale:
        middle = (low + high) / 2
        found = stopped_by(middle)
        if found is None:
            high = middle
        else:
            low, culprit = middle, found
    return Tightened(
        claim.id, constant, published, high, False, low,
        None if culprit is None else culprit.instance,
        culprit is not None and culprit.violated, ratio, tried.coverage,
        ("bisected: the constant does not move all instances the same way",),
    )  # fmt: skip


def _noted(found: Tightened, seconds: float) -> Tightened:
    notes = list(found.notes)
    if found.ratio < LOOSE:
        notes.append(
            f"loose: the largest ratio seen at the published value is {found.ratio:.2g}, or its "
            "instances are tame"
        )
    if found.value is None and not notes:
        notes.append("no value of the constant within a factor of 1e9 makes the statement true")
    elif found.fails_at is not None and _beyond(found):
        notes.append("the published value is violated")
    if found.fails_at is None:
        notes.append("no instance was certified to stop the constant")
    elif not found.certified:
        notes.append("what stops the constant is not a certified violation: a side is lost there")
    return Tightened(**{**found.__dict__, "notes": tuple(notes), "seconds": seconds})


def _beyond(found: Tightened) -> bool:
    """Whether the published value claims more than what was found to hold."""
    if found.value is None:
        return False
    published, value = float(found.published), float(found.value)
    return published > value if found.upwards else published < value
