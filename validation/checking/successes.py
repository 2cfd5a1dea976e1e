"""What float64 calls a success of a probabilistic claim, and whether it is to be believed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from validation.arithmetic import FLOAT64, Relation, Unsupported
from validation.arithmetic.values import Value
from validation.checking.evaluation import NUMERICAL, accepts, is_empty, pair
from validation.checking.randomness import spawn
from validation.checking.sampled import drawn
from validation.checking.streams import judged_draw
from validation.claims import Claim
from validation.instances import Instance

NEAR = 2.0**-20
PILOT_INSTANCES, PILOT_DRAWS = 8, 4


class Pilot:
    """A few draws of their own in float64 and in balls, before a run.

    Attributes
    ----------
    claim : Claim
        To be read in balls where float64 took a certain failure for a success.
    wrong : str
        That sentence, or empty.
    cost : float
        Seconds that a draw takes in balls.
    """

    def __init__(
        self, claim: Claim, seed: int, instances: Sequence[Instance], seconds: float
    ) -> None:
        self.claim, self.wrong, self.cost = claim, "", 1e-3
        source, begun, count = spawn(seed, "audit", 0), time.monotonic(), 0
        for place in range(PILOT_INSTANCES):
            instance = instances[place % len(instances)] if instances else drawn(claim, source)
            for number in range(PILOT_DRAWS):
                if count and time.monotonic() - begun > seconds / 2:
                    return
                count += self._draw(seed, instance, place, number)
                self.cost = (time.monotonic() - begun) / max(count, 1)
                if self.wrong:
                    return

    def _draw(self, seed: int, instance: Instance, place: int, number: int) -> int:
        def generator() -> np.random.Generator:
            return spawn(seed, "audit", 1, place, number)

        with np.errstate(all="ignore"):
            values = self.claim.instances.realise(instance, FLOAT64)
            if self.claim.given is not None and not accepts(self.claim, values):
                return 0
            try:
                clear = clear_success(self.claim, values, generator())
            except (*NUMERICAL, Unsupported):
                return 1
        truth = judged_draw(self.claim, instance, generator)
        if clear and truth is Relation.ABOVE:
            self.wrong = "float64 takes certain failures for successes, so draws were read in balls"
            self.claim = replace(self.claim, searched_in="balls")
        return 1


def clear_success(claim: Claim, values: dict[str, Value], rng: np.random.Generator) -> bool | None:
    """What float64 says of a draw: a success beyond doubt of rounding, or not; None: a failure."""
    left, right = pair(claim, claim.body, values, FLOAT64, rng)
    if is_empty(left) or is_empty(right):
        raise ArithmeticError("the sides have no entries")
    left, right = np.asarray(left), np.asarray(right)
    gap = left - right
    if not np.isfinite(gap).all():
        raise ArithmeticError("a side is not finite")
    if (gap > 0).any():
        return None
    return not bool((gap > -NEAR * (np.abs(left) + np.abs(right))).any())
