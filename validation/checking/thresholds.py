"""What one instance needs of a constant: the value next to which the statement fails on it.

The search of `tighten` maximises it. Values at which a side is not a number are walls: they count
as failures.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from validation.checking.certified import certify
from validation.checking.evaluation import score
from validation.checking.trials import NEGATIVE, Progress, Trial, Trials
from validation.checking.tried import GOOD, at
from validation.claims import Claim, ClaimError
from validation.instances import Instance
from validation.verdict import Conclusion

WIDEST = math.log(1e9)  # constants farther from the published one are not looked at
BISECTIONS = 44  # of one instance: to 1e-12 of a factor
BAD = Conclusion.VIOLATED
FAR = (0.5, 2.0, 0.1, 10.0, 1e-3, 1e3, 1e-9, 1e9)
CLIFFS = 16


@dataclass(frozen=True)
class Law:
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


def find_law(claim: Claim, constant: str, instances: list[Instance]) -> Law:
    """The law, as far as the instances show it.

    Raises
    ------
    ClaimError
        If the constant does not change the sides on any of them.
    """
    value = claim.constants[constant]
    slopes: list[float] = []
    for instance in instances:
        here = score(claim, instance)
        if not (here.met and math.isfinite(here.log_ratio)):
            continue
        for factor in (0.75, 1.25):
            there = score(at(claim, constant, float(value) * factor), instance).log_ratio
            if math.isfinite(there):
                slopes.append((there - here.log_ratio) / math.log(factor))
    moving = [slope for slope in slopes if abs(slope) > 1e-6]
    if not slopes or (moving and min(moving) < 0 < max(moving)):
        return Law(0, None)
    if not moving:
        if _has_cliff(claim, constant, instances):
            return Law(0, None)
        raise ClaimError(f"{claim.id}: {constant} does not change the sides on any instance drawn")
    same = len(moving) == len(slopes) and max(moving) - min(moving) <= 1e-6 * abs(moving[0])
    return Law(int(math.copysign(1, moving[0])), float(np.median(moving)) if same else None)


def _has_cliff(claim: Claim, constant: str, instances: list[Instance]) -> bool:
    """Whether the constant matters farther from its value, though not near it."""
    value = float(claim.constants[constant])
    for instance in instances[:CLIFFS]:
        here = score(claim, instance)
        if not (here.met and math.isfinite(here.log_ratio)):
            continue
        for factor in FAR:
            there = score(at(claim, constant, value * factor), instance).log_ratio
            if not abs(there - here.log_ratio) <= 1e-6:  # nan is a change as well
                return True
    return False


class Thresholds:
    """What instances need of a constant: the worth that the trials of a search climb by.

    The worth is -effect log(value/published), so that the search maximises it in either direction.

    Parameters
    ----------
    claim, constant, law
        The published value is the claim's own.
    seconds, most, progress
        As for `Trials`.

    Attributes
    ----------
    trials : Trials
        To be run; what they keep is ranked by this worth.
    """

    def __init__(
        self,
        claim: Claim,
        constant: str,
        law: Law,
        *,
        seconds: float,
        most: int | None = None,
        progress: Progress | None = None,
    ) -> None:
        self.claim, self.constant, self.law = claim, constant, law
        self.published = float(claim.constants[constant])
        self.bound = -math.inf  # the largest worth that is certified
        self.trials = Trials(
            claim,
            seconds=seconds,
            most=most,
            progress=progress,
            vet=self._as_seen,
            worth=self._needed,
        )

    def value_of(self, worth: float) -> float:
        """The value of the constant that an instance of this worth needs."""
        return self.published * math.exp(-self.law.effect * worth)

    @property
    def ranked(self) -> list[tuple[float, Instance]]:
        """The instances that need the most, with their worth."""
        return [(worth, instance) for worth, instance in self.trials.elite if worth > NEGATIVE]

    def _needed(self, instance: Instance, here: Trial) -> Trial:
        if here.value <= NEGATIVE or here.excess > 0:
            return here
        worth = self._worth(instance, here.value)
        if math.isnan(worth):
            return Trial(-math.inf)
        # A new record that rounding may have made has to be certified before others follow it.
        worth = min(worth, WIDEST)
        bound = self.bound
        if bound == -math.inf or worth > bound + max(1e-6, 0.02 * abs(bound)):
            if self.trials.checks <= 0:
                return Trial(-math.inf)
            self.trials.checks -= 1
            if not self.stops(instance, worth - 1e-7) and not self.walled(instance, worth):
                return Trial(-math.inf)
            self.bound = worth
        return Trial(worth)

    def _as_seen(self, instance: Instance) -> Trial:
        """No certificate of the published value: what counts is certified at the value needed."""
        return Trial(score(self.claim, instance).log_ratio)

    def _worth(self, instance: Instance, log_ratio: float) -> float:
        if math.isinf(log_ratio):
            return log_ratio
        if self.law.power is not None:
            return log_ratio / abs(self.law.power)
        root = self._secant(instance, log_ratio)
        return self._bracketed(instance, log_ratio) if math.isnan(root) else root

    def _secant(self, instance: Instance, log_ratio: float) -> float:
        """A secant on log(ratio) over the logarithm of the constant; nan where it meets a wall."""
        t, g = 0.0, log_ratio
        step = 0.1 * math.copysign(1.0, g)
        for _ in range(8):
            if abs(g) <= 1e-13:
                break
            self.trials.tick()
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
        return t if abs(g) <= 1e-6 or abs(t) >= WIDEST else math.nan

    def _bracketed(self, instance: Instance, log_ratio: float) -> float:
        """The worth next to a failure or a wall, by bisection from the published value."""

        def holds(worth: float) -> bool:
            self.trials.tick()
            there = score(self._with(worth), instance)
            return there.met and there.log_ratio <= 0  # nan is a wall

        good = log_ratio <= 0
        here, step = 0.0, -0.05 if good else 0.05
        while abs(here) < WIDEST:
            there = min(max(here + step, -WIDEST), WIDEST)
            if holds(there) is not good:
                low, high = min(here, there), max(here, there)
                for _ in range(BISECTIONS):
                    middle = (low + high) / 2
                    low, high = (low, middle) if holds(middle) else (middle, high)
                return high
            here, step = there, 2 * step
        return here

    def _with(self, worth: float) -> Claim:
        return at(self.claim, self.constant, self.value_of(worth))

    def walled(self, instance: Instance, worth: float) -> bool:
        """Whether a side is lost a little below a worth."""
        return math.isnan(score(self._with(worth - 1e-3), instance).log_ratio)

    def needs(self, instance: Instance) -> float:
        """The worth of an instance that speaks against a value, found after the search."""
        self.trials.lift_limits()
        worth = self._bracketed(instance, score(self.claim, instance).log_ratio)
        return min(worth, WIDEST)

    def stops(self, instance: Instance, worth: float) -> bool:
        """Whether the statement is certainly violated at the value of this worth."""
        return certify(self._with(worth), instance).conclusion is BAD

    def passes(self, instance: Instance, worth: float) -> bool:
        """Whether the statement certainly holds at the value of this worth."""
        return certify(self._with(worth), instance).conclusion in GOOD
