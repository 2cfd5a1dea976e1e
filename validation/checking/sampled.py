"""The first rung: many instances in float64. It ranks them and proves nothing."""

from __future__ import annotations

import heapq
import itertools
import math
import time
from dataclasses import dataclass

import numpy as np

from ..claims import Claim, ClaimError
from ..instances import Instance
from ..verdict import Conclusion, Coverage, Evidence, Verdict
from .certified import certify
from .evaluation import Score, score
from .looked import Looked
from .randomness import spawn

KEPT = 32
KEPT_STRANGE = 3
VISIBLE = 1e-9  # a log ratio above this is certified at once; below it, when it is among the worst
CHECKS = 500
LEAST_ACCEPTED = 0.1
ENOUGH = 300


@dataclass(frozen=True)
class Sample:
    """What a run of draws has found.

    Attributes
    ----------
    coverage : Coverage
        ``undecided`` counts instances on which float64 gave no finite ratio.
    worst : list of (log ratio, Instance)
        The largest ratios, the largest first.
    strange : list of Instance
        Instances on which float64 broke down; balls have to look at them.
    looked : Looked or None
        Where a search has looked.
    """

    coverage: Coverage
    worst: list[tuple[float, Instance]]
    strange: list[Instance]
    looked: Looked | None = None


class Keeper:
    """Keeps the worst few of the instances that it is shown.

    What looks violated beyond doubt of rounding is certified at once, and ranked by its true
    ratio: otherwise 0/0 of singular instances, which is noise over noise in float64, would crowd
    out everything else.
    """

    def __init__(self, claim: Claim, size: int = KEPT, checks: int = CHECKS) -> None:
        self.claim = claim
        self.size = size
        self.checks = checks
        self.heap: list[tuple[float, int, Instance]] = []
        self.strange: list[Instance] = []
        self.drawn = self.rejected = self.evaluated = self.undecided = 0
        self._ticket = itertools.count()

    def show(self, instance: Instance, found: Score) -> None:
        """Count the instance, and keep it if it is among the worst."""
        self.drawn += 1
        if not found.met:
            self.rejected += 1
            return
        if math.isnan(found.log_ratio):
            self.undecided += 1
            if len(self.strange) < KEPT_STRANGE:
                self.strange.append(instance)
            return
        ratio = found.log_ratio
        if ratio > VISIBLE and self.checks > 0:
            self.checks -= 1
            certificate = certify(self.claim, instance)
            if certificate.inadmissible:
                self.rejected += 1
                return
            if certificate.conclusion is Conclusion.UNDECIDED:
                self.undecided += 1
                if len(self.strange) < KEPT_STRANGE:
                    self.strange.append(instance)
                return
            ratio = certificate.log_ratio
        self.evaluated += 1
        item = (ratio, -next(self._ticket), instance)
        if len(self.heap) < self.size:
            heapq.heappush(self.heap, item)
        elif item[0] > self.heap[0][0]:
            heapq.heapreplace(self.heap, item)

    def sample(self) -> Sample:
        """What was kept."""
        ranked = sorted(self.heap, key=lambda item: item[:2], reverse=True)
        return Sample(
            Coverage(self.drawn, self.rejected, self.evaluated, self.undecided),
            [(ratio, instance) for ratio, _, instance in ranked],
            list(self.strange),
        )


def draw_sample(
    claim: Claim, *, count: int, seed: int, seconds: float = math.inf, kept: int = KEPT
) -> Sample:
    """Draw `count` instances (fewer where time runs out) and keep the worst.

    Raises
    ------
    ClaimError
        If fewer than 1 in 10 draws meet the hypotheses.
    """
    rng = spawn(seed, "sample")
    keeper = Keeper(claim, kept, max(CHECKS, count // 20))
    end = time.monotonic() + seconds
    with np.errstate(all="ignore"):
        for i in range(count):
            if i % 16 == 0 and time.monotonic() > end and i >= 16:
                break
            instance = drawn(claim, rng)
            keeper.show(instance, score(claim, instance))
    sample = keeper.sample()
    check_acceptance(claim, sample.coverage)
    return sample


def drawn(claim: Claim, rng: np.random.Generator) -> Instance:
    """Draw an instance; instances that cannot be drawn are an error of the claim."""
    try:
        return claim.instances.sample(rng)
    except Exception as error:
        raise ClaimError(
            f"{claim.id} ({claim.location}): its instances cannot be drawn: {error}"
        ) from error


def check_acceptance(claim: Claim, coverage: Coverage) -> None:
    """Raise where the hypotheses reject more than 9 in 10 draws.

    Few draws say so only where it is no accident: below `ENOUGH` of them, the count must be one
    that an acceptance of 1 in 10 gives with probability at most 1e-3.
    """
    drawn, accepted = coverage.drawn, coverage.drawn - coverage.rejected
    if accepted >= LEAST_ACCEPTED * drawn:
        return
    if drawn < ENOUGH and _at_most(accepted, drawn) > 1e-3:
        return
    raise ClaimError(
        f"{claim.id} ({claim.location}): {coverage.rejected} of {drawn} drawn "
        "instances do not meet the hypotheses; draw them so that at least 1 in 10 does"
    )


def _at_most(accepted: int, drawn: int) -> float:
    """Probability of so few successes in `drawn` trials of probability `LEAST_ACCEPTED`."""
    p = LEAST_ACCEPTED
    return math.fsum(
        math.comb(drawn, i) * p**i * (1 - p) ** (drawn - i) for i in range(accepted + 1)
    )


def sampled(sample: Sample) -> Verdict:
    """The rung's verdict: never more than *undecided*, since float64 alone proves nothing."""
    coverage = sample.coverage
    if not coverage.evaluated:
        return Verdict(
            Conclusion.UNDECIDED, Evidence.SAMPLED, coverage, message="no instance was evaluated"
        )
    largest = sample.worst[0][0]
    seen = "no violation seen in float64"
    if largest > VISIBLE:
        seen = "a ratio above 1 was seen in float64"
    return Verdict(
        Conclusion.UNDECIDED,
        Evidence.SAMPLED,
        coverage,
        largest,
        tuple(instance for _, instance in sample.worst),
        f"{seen}, {coverage.evaluated} instances",
    )
