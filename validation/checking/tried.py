"""One value of a constant, tried: every known instance certified there, and a search of its own.

A value that `tighten` prints has been through this. Besides violations it finds instances that are
*lost*: on which a side is finite at the published value and is not a number at this one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from validation.arithmetic.values import Value
from validation.checking.certified import certify
from validation.checking.evaluation import score
from validation.checking.searched import search
from validation.claims import Claim
from validation.instances import Instance
from validation.verdict import Conclusion, Coverage

GOOD = (Conclusion.HOLDS, Conclusion.TIGHT)
KNOWN = 40  # instances that are certified before the search
STARTS = 12  # of them, for the search
TIGHTER = (1.05, 1.5, 4.0, 30.0)
CLOSELY, FEW = 500, 4  # values, instances
BETWEEN = (0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class Stop:
    """What speaks against a value.

    Attributes
    ----------
    instance : Instance or None
        None where no instance at all could be evaluated.
    violated : bool
        Whether the statement is certainly violated on it; else it cannot be evaluated there.
    """

    instance: Instance | None
    violated: bool


@dataclass(frozen=True)
class Effort:
    """How much a search may take.

    Attributes
    ----------
    seconds : float
    most : int or None
        Evaluations, where a run has to be repeated exactly.
    seed : int
        Determines what is tried.
    """

    seconds: float
    most: int | None
    seed: int

    def part(self, share: float) -> Effort:
        """A share of it, one evaluation at least."""
        most = None if self.most is None else max(1, int(share * self.most))
        return replace(self, seconds=share * self.seconds, most=most)

    def less(self, other: Effort) -> Effort:
        """What is left after another."""
        most = None if self.most is None else self.most - (other.most or 0)
        return replace(self, seconds=self.seconds - other.seconds, most=most)

    def shared(self, count: int) -> Effort:
        """For each of so many searches, one evaluation at least."""
        most = None if self.most is None else max(1, self.most // count)
        return replace(self, seconds=self.seconds / count, most=most)


def at(claim: Claim, constant: str, value: Value) -> Claim:
    """The claim with another value; floats are taken exactly."""
    if isinstance(value, float) and math.isfinite(value):
        value = Fraction(value)  # a rounded float is no constant of a statement
    return claim.with_constants(**{constant: value})


class Tried:
    """Tries values of one constant of a claim.

    Parameters
    ----------
    claim, constant
        The published value is the claim's own.
    effort : Effort
        Of the search at each value.
    known : sequence of Instance
        Instances that may speak against a value; what is found is added in front.
    """

    def __init__(
        self,
        claim: Claim,
        constant: str,
        effort: Effort,
        *,
        known: Sequence[Instance] = (),
    ) -> None:
        self.claim, self.constant, self.effort = claim, constant, effort
        self.known = list(known)
        self.coverage = Coverage()

    def stops(self, value: Value) -> Stop | None:
        """What speaks against the value; None where nothing was found."""
        changed = at(self.claim, self.constant, value)
        for instance in self.known[:KNOWN]:
            found = self._against(changed, instance)
            if found is not None:
                return found
        sample = search(
            changed,
            self.known[:STARTS],
            seconds=self.effort.seconds,
            seed=self.effort.seed,
            max_evaluations=self.effort.most,
        )
        self.coverage = self.coverage + sample.coverage
        suspects = [instance for ratio, instance in sample.worst if ratio > 0] + sample.strange
        for instance in suspects:
            found = self._against(changed, instance)
            if found is not None:
                self.known.insert(0, instance)
                return found
        return None if sample.coverage.evaluated else Stop(None, False)

    def _against(self, changed: Claim, instance: Instance) -> Stop | None:
        there = score(changed, instance)
        if there.met and math.isnan(there.log_ratio):
            here = score(self.claim, instance).log_ratio
            undecided = certify(changed, instance).conclusion not in GOOD
            return Stop(instance, False) if undecided and not math.isnan(here) else None
        if certify(changed, instance).conclusion is Conclusion.VIOLATED:
            return Stop(instance, True)
        return None

    def not_monotone(self, value: Value, upwards: bool, stopped: bool = True) -> list[str]:
        """Sentences on values where the known instances contradict a monotone dependence.

        Where nothing stopped the constant, the way to the published value is looked at closely.
        """
        notes = []
        name, published = self.constant, float(self.claim.constants[self.constant])
        for factor in TIGHTER if stopped else ():
            tighter = float(value) * factor if upwards else float(value) / factor
            changed = at(self.claim, name, tighter)
            scores = [score(changed, instance) for instance in self.known[:KNOWN]]
            if scores and all(s.met and s.log_ratio <= 0 for s in scores):
                notes.append(
                    f"not monotone in {name}: no known instance violates {name} = {tighter:.6g}, "
                    f"which is tighter than {_shown(value)}"
                )
                break
        far = abs(published / float(value) - 1) > 1e-6
        shares = BETWEEN if stopped else [i / CLOSELY for i in range(1, CLOSELY + 1)]
        for share in shares if far else ():
            between = float(value) ** (1 - share) * published**share if share < 1 else published
            changed = at(self.claim, name, between)
            known = self.known[: KNOWN if stopped else FEW]
            if any(self._violates(changed, instance) for instance in known):
                notes.append(
                    f"not monotone in {name}: {name} = {between:.6g}, between the value and the "
                    "published one, is violated"
                )
                break
        return notes

    def _violates(self, changed: Claim, instance: Instance) -> bool:
        seen = score(changed, instance)
        return seen.log_ratio > 0 and certify(changed, instance).conclusion is Conclusion.VIOLATED


def _shown(value: Value) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
