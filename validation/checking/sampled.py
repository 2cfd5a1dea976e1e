"""The first rung: many instances in float64. It ranks them and proves nothing."""

from __future__ import annotations

import heapq
import itertools
import math
import time
from dataclasses import dataclass

import numpy as np

from validation.checking.audit import EVERY, VISIBLE, Audit
from validation.checking.certified import certify
from validation.checking.evaluation import Score, score
from validation.checking.looked import Looked
from validation.checking.randomness import spawn
from validation.claims import Claim, ClaimError
from validation.instances import Instance
from validation.verdict import Conclusion, Coverage, Evidence, Verdict

KEPT = 32
KEPT_STRANGE = 3
# Log ratios above VISIBLE are certified at once; those below it, when they are among the worst.
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
        self._keep(ratio, instance)

    def read_again(self, claim: Claim) -> None:
        """Rank what was kept anew, by another reading of the claim."""
        self.claim = claim
        kept, self.heap = self.heap, []
        for _, _, instance in kept:
            found = score(claim, instance)
            if found.met and not math.isnan(found.log_ratio):
                self._keep(found.log_ratio, instance)

    def _keep(self, ratio: float, instance: Instance) -> None:
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
    claim: Claim,
    *,
    count: int,
    seed: int,
    seconds: float = math.inf,
    kept: int = KEPT,
    part: int = 0,
    audit: Audit | None = None,
    keeper: Keeper | None = None,
) -> Sample:
    """Draw `count` instances (fewer where time runs out) and keep the worst.

    Parameters
    ----------
    part : int
        Another number draws other instances from the same seed.
    audit : Audit
        Is shown one draw in four, whatever float64 says of it, while it has time; where it finds
        float64 to be wrong, the rest is read in balls.
    keeper : Keeper
        Where the draws go, for a caller that may have to stop half-way.

    Raises
    ------
    ClaimError
        If fewer than 1 in 10 draws meet the hypotheses.
    """
    rng = spawn(seed, "sample", part)
    keeper = Keeper(claim) if keeper is None else keeper
    keeper.claim, keeper.size, keeper.checks = claim, kept, max(CHECKS, count // 20)
    end = time.monotonic() + seconds
    with np.errstate(all="ignore"):
        for i in range(count):
            if i % 16 == 0 and time.monotonic() > end and i >= 16:
                break
            instance = drawn(claim, rng)
            if audit is not None and i % EVERY == 0 and audit.due:
                audit.look(instance)
                if audit.claim is not keeper.claim:
                    keeper.read_again(audit.claim)
            keeper.show(instance, score(keeper.claim, instance))
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
        "instances do not meet the hypotheses, or their sides have no entries to compare; draw "
        "them so that at least 1 in 10 is of use"
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
