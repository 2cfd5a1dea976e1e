r"""How small a constant may be: the smallest value at which no violation was found.

For one instance the smallest value of the constant that makes the statement true is a root in one
unknown. Where both sides are products of a power of the constant, which shows in a sample, it is
one evaluation away. The search of `searched` then looks for the instance whose value is largest,
which is the one that stops the constant. It is certified: the statement is violated on it a little
below the value, and not at the value.

A constant that makes the statement stronger as it grows is tightened upwards. One that does neither
throughout is bisected, with a search at every value.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np

from ..claims import Claim, ClaimError
from ..instances import Instance
from ..verdict import Conclusion, Coverage
from .certified import certify
from .evaluation import score
from .randomness import spawn
from .sampled import drawn
from .searched import run, search
from .trials import Progress, SpentError, Trial, Trials

LOOSE = 1e-3
DRAWS = 300
WIDEST = math.log(1e9)  # constants farther from the published one are not looked at
GAPS = tuple(2.0**-bits for bits in (48, 40, 32, 24, 16, 8, 4))
GOOD = (Conclusion.HOLDS, Conclusion.TIGHT)
BAD = Conclusion.VIOLATED
STEPS = 12  # of a bisection


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
        law = _law(claim, constant, [*start, *_draws(claim, seed)])
        if law.effect == 0 or published[constant] <= 0:
            found = _bisected(claim, constant, seconds, seed, max_evaluations, start)
        else:
            found = _searched(claim, constant, law, seconds, seed, max_evaluations, start, progress)
    return _noted(found, time.monotonic() - begun)


def _draws(claim: Claim, seed: int) -> list[Instance]:
    rng = spawn(seed, "tighten", 0)
    return [drawn(claim, rng) for _ in range(DRAWS)]


@dataclass(frozen=True)
class _Law:
    """How log(left/right) depends on the logarithm of the constant.

    Attributes
    ----------
    effect : int
        -1 where it falls, 1 where it grows, 0 where it does either on different instances.
    power : float or None
        The slope, where it is the same everywhere.
    """

    effect: int
    power: float | None


def _law(claim: Claim, constant: str, instances: list[Instance]) -> _Law:
    value = claim.constants[constant]
    slopes = []
    for instance in instances:
        here = score(claim, instance)
        if not (here.met and math.isfinite(here.log_ratio)):
            continue
        for factor in (0.75, 1.25):
            there = score(_at(claim, constant, float(value) * factor), instance).log_ratio
            if math.isfinite(there):
                slopes.append((there - here.log_ratio) / math.log(factor))
    moving = [slope for slope in slopes if abs(slope) > 1e-6]
    if not slopes or (moving and min(moving) < 0 < max(moving)):
        return _Law(0, None)
    if not moving:
        raise ClaimError(f"{claim.id}: {constant} does not change the sides on any instance drawn")
    same = len(moving) == len(slopes) and max(moving) - min(moving) <= 1e-6 * abs(moving[0])
    return _Law(int(math.copysign(1, moving[0])), float(np.median(moving)) if same else None)


def _at(claim: Claim, constant: str, value: Any) -> Claim:
    if isinstance(value, float) and math.isfinite(value):
        value = Fraction(value)  # exactly; a rounded float is no constant of a statement
    return claim.with_constants(**{constant: value})


class _Thresholds(Trials):
    """Trials whose worth is how far the constant has to move to make the statement true.

    The worth is -effect log(value/published), so that the search maximises it in either direction.
    """

    def __init__(self, claim: Claim, constant: str, law: _Law, **options: Any) -> None:
        super().__init__(claim, **options)
        self.published = float(claim.constants[constant])
        self.constant, self.law = constant, law
        self.bound = -math.inf  # the largest worth that is certified

    def value_of(self, worth: float) -> float:
        """The value of the constant that an instance of this worth needs."""
        return self.published * math.exp(-self.law.effect * worth)

    def _measured(self, instance: Instance) -> Trial:
        here = super()._measured(instance)
        if here.value <= -1e3 or here.excess > 0:
            return here
        worth = self._worth(instance, here.value)
        if math.isnan(worth):
            return Trial(-math.inf)
        # A new record that rounding may have made has to be certified before others follow it.
        worth = min(worth, WIDEST)
        bound = self.bound
        if bound == -math.inf or worth > bound + max(1e-6, 0.02 * abs(bound)):
            if self.checks <= 0:
                return Trial(-math.inf)
            self.checks -= 1
            if not self.stops(instance, worth - 1e-7):
                return Trial(-math.inf)
            self.bound = worth
        return Trial(worth)

    def _vetted(self, instance: Instance) -> Trial:
        return Trial(score(self.claim, instance).log_ratio)

    def _worth(self, instance: Instance, log_ratio: float) -> float:
        if math.isinf(log_ratio):
            return log_ratio
        if self.law.power is not None:
            return log_ratio / abs(self.law.power)
        # A secant on log(ratio) over the logarithm of the constant.
        t, g = 0.0, log_ratio
        step = 0.1 * math.copysign(1.0, g)
        for _ in range(8):
            if abs(g) <= 1e-13:
                break
            self.tick()
            after = min(max(t + step, -WIDEST), WIDEST)
            there = score(self._with(after), instance)
            if not there.met or not math.isfinite(there.log_ratio):
                return math.nan
            slope = (there.log_ratio - g) / (after - t) if after != t else 0.0
            t, g = after, there.log_ratio
            if slope >= 0:
                step = math.copysign(1.0, g)
            else:
                step = min(max(-g / slope, -3.0), 3.0)
            if abs(t) >= WIDEST:
                break
        return t

    def _with(self, worth: float) -> Claim:
        return _at(self.claim, self.constant, self.value_of(worth))

    def stops(self, instance: Instance, worth: float) -> bool:
        """Whether the statement is certainly violated at the value of this worth."""
        return certify(self._with(worth), instance).conclusion is BAD

    def passes(self, instance: Instance, worth: float) -> bool:
        """Whether the statement certainly holds at the value of this worth."""
        return certify(self._with(worth), instance).conclusion in GOOD


def _searched(
    claim: Claim,
    constant: str,
    law: _Law,
    seconds: float,
    seed: int,
    most: int | None,
    start: Sequence[Instance],
    progress: Progress | None,
) -> Tightened:
    trials = _Thresholds(claim, constant, law, seconds=seconds, most=most, progress=progress)
    rng = spawn(seed, "tighten", 1)
    try:
        run(trials, [*start, *_draws(claim, seed)], rng, seed)
    except SpentError:
        trials.finish()
    return _concluded(trials)


def _concluded(trials: _Thresholds) -> Tightened:
    """The value, with certificates on either side of it."""
    claim, constant, upwards = trials.claim, trials.constant, trials.law.effect > 0
    coverage = Coverage(trials.drawn, trials.rejected, trials.evaluated, trials.undecided)

    ranked = [(worth, instance) for worth, instance in trials.elite if worth > -1e3]
    logs = [certify(claim, instance) for _, instance in ranked]
    largest = max((found.log_ratio for found in logs if found.arithmetic), default=-math.inf)
    ratio = math.exp(min(largest, 700.0))

    def result(value: Any, fails_at: float | None, instance: Instance | None, sure: bool) -> Any:
        return Tightened(
            claim.id, constant, claim.published[constant], value, upwards, fails_at, instance,
            sure, ratio, coverage,
        )  # fmt: skip

    if not ranked:
        return result(trials.value_of(-WIDEST), None, None, False)
    for worth, instance in ranked:
        if worth >= WIDEST and trials.stops(instance, WIDEST):
            return result(None, trials.value_of(WIDEST), instance, True)
        bracket = _bracket(trials, instance, min(worth, WIDEST))
        if bracket is None:
            continue  # float64 was wrong about it
        fails, holds = bracket
        values = [*_simple(trials.value_of(holds)), trials.value_of(holds)]
        for value in values:
            changed = _at(claim, constant, value)
            if certify(changed, instance).conclusion not in GOOD:
                continue
            stopping = [i for _, i in ranked if certify(changed, i).conclusion is BAD]
            if not stopping:
                return result(value, trials.value_of(fails), instance, True)
    worth, instance = ranked[0]
    return result(trials.value_of(worth), None, instance, False)


def _bracket(trials: _Thresholds, instance: Instance, worth: float) -> tuple[float, float] | None:
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
    known: list[Instance] = list(start)
    coverage = Coverage()
    share = None if most is None else max(most // STEPS, 1)

    def stopped_by(value: Any) -> Instance | None:
        nonlocal coverage
        changed = _at(claim, constant, value)
        for instance in known:
            if certify(changed, instance).conclusion is Conclusion.VIOLATED:
                return instance
        found = search(changed, known, seconds=seconds / STEPS, seed=seed, max_evaluations=share)
        coverage = coverage + found.coverage
        for ratio, instance in found.worst:
            if ratio > 0 and certify(changed, instance).conclusion is Conclusion.VIOLATED:
                known.insert(0, instance)
                return instance
        return None

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
            tried = high - scale * 2.0 ** (i - 3)
            found = stopped_by(tried)
            if found is not None:
                low, culprit = tried, found
                break
            high = tried
    if stop is not None:
        return Tightened(
            claim.id, constant, published, None, False, high, stop, True, ratio, coverage
        )
    while low is not None and high - low > 1e-3 * scale:
        middle = (low + high) / 2
        found = stopped_by(middle)
        if found is None:
            high = middle
        else:
            low, culprit = middle, found
    return Tightened(
        claim.id, constant, published, high, False, low, culprit, low is not None, ratio, coverage,
        ("bisected: the constant does not move all instances the same way",),
    )  # fmt: skip


def _noted(found: Tightened, seconds: float) -> Tightened:
    notes = list(found.notes)
    if found.ratio < LOOSE:
        notes.append(
            f"loose: the largest ratio seen at the published value is {found.ratio:.2g}, or its "
            "instances are tame"
        )
    if found.value is None:
        notes.append("no value of the constant within a factor of 1e9 makes the statement true")
    elif found.fails_at is not None and _beyond(found.published, found.value, found.upwards):
        notes.append("the published value is violated")
    if found.fails_at is None:
        notes.append("no instance was certified to stop the constant")
    elif not found.certified:
        notes.append("the instance that stops it is not certified to hold at the value")
    return Tightened(**{**found.__dict__, "notes": tuple(notes), "seconds": seconds})


def _beyond(published: Any, value: Any, upwards: bool) -> bool:
    """Whether the published value claims more than what was found to hold."""
    return float(published) > float(value) if upwards else float(published) < float(value)
