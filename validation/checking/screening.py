"""Which instance of a probabilistic claim to test: a search over instances, beside the test itself.

Few instances may be bad, one in a thousand say. Here instances are drawn through all combinations
of sizes, and neighbours of the most suspicious ones are formed by structured moves and small steps;
each gets a few draws of its own, in float64, and those that fail most get as many draws again, as
long as they stay in front. What is found is proposed to the test (`statistical`), whose own draws
are others, so that its evidence is not touched by the choice.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from validation.arithmetic import FLOAT64, Unsupported
from validation.arithmetic.values import Value
from validation.checking.evaluation import NUMERICAL, accepts, hypothesis, missed, pair
from validation.checking.families import moved
from validation.checking.randomness import spawn
from validation.checking.strata import Strata
from validation.claims import Claim
from validation.instances import Instance

FIRST = 16  # draws on an instance that is new
MOST = 4096  # draws on one instance
CREDIT = 1  # draws for the j-th proposal, times j: in all, about as many as the test makes
KEPT = 64
VAIN = 3
_PATIENCE = 30


@dataclass
class Suspect:
    """An instance, and how its draws ended."""

    instance: Instance
    values: dict[str, Value]
    delta: float
    draws: int = 0
    failures: int = 0
    proposed: bool = False

    @property
    def excess(self) -> float:
        """Failures beyond what is permitted, in standard deviations."""
        spread = self.draws * self.delta * (1 - self.delta)
        return (self.failures - self.draws * self.delta) / math.sqrt(spread + 1)


class Screen:
    """Looks for instances that fail more often than they may.

    Parameters
    ----------
    claim : Claim
        A probabilistic one.
    seed : int
        Its streams are not those of the test.
    permitted : function of an Instance
        The permitted failure probability.
    """

    def __init__(self, claim: Claim, seed: int, permitted: Callable[[Instance], float]) -> None:
        self.claim, self.permitted = claim, permitted
        self.rng = spawn(seed, "search", 0)
        self.draws = spawn(seed, "search", 1)
        self.strata = Strata(claim)
        self.suspects: list[Suspect] = []
        self.known: set[Instance] = set()
        self.turn = self.proposals = self.credit = 0
        self.spent_on_new = self.spent_on_leaders = 0
        self.in_vain = 0  # times in a row that no new instance was found

    def propose(self) -> Instance | None:
        """The most suspicious instance that was not proposed yet, after some more work."""
        self.proposals += 1
        self.credit += CREDIT * self.proposals
        with np.errstate(all="ignore"):
            while self.credit >= FIRST and not self._idle():
                self.credit -= max(self._work(), 1)
        fresh = [s for s in self.suspects if not s.proposed and s.failures]
        if not fresh:
            return None
        best = max(fresh, key=lambda s: s.excess)
        best.proposed = True
        return best.instance

    def _idle(self) -> bool:
        """Whether there are no other instances, and those known were drawn from enough."""
        return self.in_vain >= VAIN and all(s.draws >= MOST for s in self.suspects)

    def _work(self) -> int:
        """One step; how many draws it made."""
        leader = max(self.suspects, key=lambda s: s.excess, default=None)
        new = leader is None or self.spent_on_new <= self.spent_on_leaders
        if new and self.in_vain < VAIN:
            self.turn += 1
            self.spent_on_new += FIRST
            suspect = self._opened(leader if self.turn % 2 else None)
            if suspect is None:
                self.in_vain += 1
                return 1
            self.in_vain = 0
            self._drawn(suspect, FIRST)
            self.suspects.append(suspect)
            if len(self.suspects) > KEPT:
                self.suspects.remove(min(self.suspects, key=lambda s: s.excess))
            return FIRST
        if leader is None:
            return FIRST
        self.spent_on_leaders += FIRST
        if leader.draws >= MOST:
            open_ = [s for s in self.suspects if s.draws < MOST]
            leader = max(open_, key=lambda s: s.excess, default=None)
            if leader is None:
                return 1
        count = min(leader.draws, MOST - leader.draws)
        self._drawn(leader, count)
        self.spent_on_leaders += count - FIRST
        return count

    def _opened(self, near: Suspect | None) -> Suspect | None:
        """An instance that was not looked at: a draw, or a neighbour of a suspicious one."""
        for _ in range(_PATIENCE):
            if near is None:
                instance = self.strata.draw(self.rng)
            elif self.rng.integers(2):
                instance = moved(self.claim, near.instance, self.rng)
            else:
                instance = self._step(near.instance)
            if instance in self.known:
                continue
            self.known.add(instance)
            values = self.claim.instances.realise(instance, FLOAT64)
            if self._admissible(instance, values):
                return Suspect(instance, values, self.permitted(instance))
        return None

    def _step(self, instance: Instance) -> Instance:
        """All numbers moved a little, on a logarithmic scale where they live on one."""
        numbers = self.claim.instances.parameters(instance)
        size = 10.0 ** self.rng.uniform(-2, 0)
        noise = size * self.rng.standard_normal(numbers.values.size)
        values = np.where(
            numbers.log,
            numbers.values * np.exp(noise),
            numbers.values + noise * np.maximum(np.abs(numbers.values), 0.1),
        )
        values = np.clip(np.nan_to_num(values), numbers.low, numbers.high)
        return self.claim.instances.with_parameters(instance, values)

    def _admissible(self, instance: Instance, values: dict[str, Value]) -> bool:
        if self.claim.given is not None and not accepts(self.claim, values):
            return False
        for name in self.claim.hypotheses:
            try:
                if missed(*hypothesis(self.claim, name, instance, FLOAT64)) > 0:
                    return False
            except (*NUMERICAL, Unsupported):
                return False
        return True

    def _drawn(self, suspect: Suspect, count: int) -> None:
        suspect.draws += count
        for _ in range(count):
            try:
                left, right = pair(self.claim, self.claim.body, suspect.values, FLOAT64, self.draws)
            except (*NUMERICAL, Unsupported):
                continue
            suspect.failures += bool((np.asarray(left) > np.asarray(right)).any())
