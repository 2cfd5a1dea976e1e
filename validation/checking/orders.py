r"""The rung for claims "left = O(right)": what a finite ladder can honestly say.

Both sides are enclosed in balls at every rung of a geometric ladder x_1, ..., x_R, for several
instances. Let M(i) be the largest log(left/right) up to rung i. From rung R/4 to R/2 and from there
to R, a ratio like a power of log x adds the same to M twice, a power of x adds more the second
time, and a ratio that converges at most about half as much (as A - B/i does). So:

- where M(R) - M(R/2) is not positive, or less than M(R/2) - M(R/4) over sqrt 2, the ratio looks
  bounded. The verdict is *not refuted*, with the largest ratio seen;
- otherwise *undecided*, with the exponent by which the ratio still grows.

No finite ladder refutes an order, and none proves it. Proof is for explicit inequalities, which
claims of order have as their steps.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace

import numpy as np

from validation.arithmetic import RATIONALS, Unsupported, balls
from validation.checking.certified import check_hypotheses
from validation.checking.evaluation import NUMERICAL, fault, sides
from validation.checking.limits import OUT_OF_TIME, TimeLimit
from validation.checking.randomness import spawn
from validation.checking.sampled import check_acceptance, drawn
from validation.claims import Claim, ClaimError
from validation.instances import Instance
from validation.verdict import Conclusion, Coverage, Evidence, Verdict

MOST = 24  # instances
LEAST_RUNGS = 8


@dataclass(frozen=True)
class Climb:
    """Left/right along the ladder on one instance.

    Attributes
    ----------
    instance : Instance
    x : (R,) array
    low, high : (R,) arrays
        Enclosures of log(left/right); -inf where the left side is 0.
    """

    instance: Instance
    x: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @property
    def bounded(self) -> bool:
        """Whether the ratio looks bounded; see the module."""
        first, second = self._growth()
        return second <= 0 or second < first / math.sqrt(2)

    @property
    def slope(self) -> float:
        """The exponent of left/right in x over the last half, by least squares."""
        half = len(self.x) // 2
        middle = (self.low + self.high)[half:] / 2
        if not np.isfinite(middle).all():
            return -math.inf
        logs = np.log(self.x[half:])
        return float(np.polyfit(logs - logs.mean(), middle, 1)[0])

    @property
    def growth(self) -> float:
        """By how much the largest log(left/right) grows over the last half."""
        return self._growth()[1]

    def _growth(self) -> tuple[float, float]:
        """M(R/2) - M(R/4) and M(R) - M(R/2), as far as they are certain."""
        quarter, half = len(self.x) // 4, len(self.x) // 2
        before, after = float(self.high[:half].max()), float(self.low[half:].max())
        if after == -math.inf:
            return 0.0, 0.0
        if before == -math.inf:
            return 0.0, math.inf
        return float(self.low[:half].max() - self.high[:quarter].max()), after - before


def orders(claim: Claim, *, seconds: float, seed: int) -> Verdict:
    """Climb the ladder of a claim of order on random instances.

    Parameters
    ----------
    claim : Claim
        Of the kind ``order``; its ladder has at least 8 rungs.
    seconds : float
        No instance is begun after so many seconds.
    seed : int
        The same seed draws the same instances.

    Returns
    -------
    Verdict
        *not refuted* where the ratio looks bounded on every instance, else *undecided*; its
        `log_ratio` is the logarithm of the factor by which left/right grows over the last half.

    Raises
    ------
    ClaimError
        If the body fails, or the ladder has too few rungs.
    """
    if claim.kind != "order":
        raise ClaimError(f"{claim.id}: not a claim of order")
    x = rungs(claim)
    rng = spawn(seed, "ladder")
    climbs: list[Climb] = []
    rejected = undecided = 0
    late = False
    end = time.monotonic() + seconds
    for count in range(MOST):
        if count and time.monotonic() > end:
            break
        instance = drawn(claim, rng)
        states = check_hypotheses(claim, instance)
        if any(state is not Conclusion.HOLDS for state in states.values()):
            rejected += 1
            continue
        try:
            climb = _climb(claim, instance, x)
        except TimeLimit:
            if not climbs:
                raise
            late = True
            break
        if climb is None:
            undecided += 1
        else:
            climbs.append(climb)
    total = len(climbs) + rejected + undecided
    coverage = Coverage(total, rejected, len(climbs), undecided)
    check_acceptance(claim, coverage)
    verdict = _verdict(climbs, coverage, x)
    if late:
        message = f"{OUT_OF_TIME}; {verdict.message}"
        return replace(verdict, conclusion=Conclusion.UNDECIDED, message=message)
    return verdict


def rungs(claim: Claim) -> np.ndarray:
    """The ladder: a geometric sequence of floats from its first to its last.

    Raises
    ------
    ClaimError
        If it has fewer than 8 rungs, or its ends are not positive and different.
    """
    assert claim.ladder is not None
    first, last, count = claim.ladder
    if not (first > 0 and last > 0 and first != last and count >= LEAST_RUNGS):
        raise ClaimError(
            f"{claim.id} ({claim.location}): a ladder needs two different positive ends and at "
            f"least {LEAST_RUNGS} rungs, got {claim.ladder}"
        )
    x: np.ndarray = np.geomspace(first, last, count)
    whole = float(first).is_integer() and float(last).is_integer() and min(first, last) >= 1
    return np.rint(x) if whole else x


def _verdict(climbs: list[Climb], coverage: Coverage, x: np.ndarray) -> Verdict:
    if not climbs:
        return Verdict(
            Conclusion.UNDECIDED, Evidence.SAMPLED, coverage, message="no ladder was evaluated"
        )
    worst = max(climbs, key=lambda c: (not c.bounded, c.growth))
    largest = max(float(climb.high.max()) for climb in climbs)
    where = f"on the ladder {x[0]:.3g}..{x[-1]:.3g} ({len(x)} rungs), {len(climbs)} instances"
    bounded = all(climb.bounded for climb in climbs)
    if bounded and coverage.undecided:
        # What grows fastest is the first to leave the range of floats.
        message = (
            f"undecided {where}: left/right does not grow there, but on {coverage.undecided} more "
            "a side is negative, or is not finite, somewhere on the ladder; shorten the ladder, or "
            "draw from smaller ranges"
        )
        conclusion = Conclusion.UNDECIDED
    elif bounded:
        ratio = math.exp(largest) if largest < 709 else math.inf
        message = (
            f"not refuted {where}: left/right <= {ratio:.4g}, and does not grow, or ever more "
            f"slowly (as x^{worst.slope:.2g} over the last half); a finite ladder proves no order"
        )
        conclusion = Conclusion.NOT_REFUTED
    else:
        message = (
            f"undecided {where}: left/right still grows, as x^{worst.slope:.2g} over the last "
            "half; a finite ladder refutes no order"
        )
        conclusion = Conclusion.UNDECIDED
    return Verdict(conclusion, Evidence.SAMPLED, coverage, worst.growth, (worst.instance,), message)


def _climb(claim: Claim, instance: Instance, x: np.ndarray) -> Climb | None:
    """Enclose left/right at every rung; None where an arithmetic breaks down."""
    low, high = np.empty(len(x)), np.empty(len(x))
    unsupported: Exception | None = None
    for arithmetic in (balls(128), balls(512), RATIONALS):
        try:
            with arithmetic.active():
                for i, value in enumerate(x):
                    left, right = sides(claim, instance, arithmetic, x=arithmetic.lift(value))
                    low[i], high[i] = _log_ratio(arithmetic, left, right)
        except Unsupported as error:
            unsupported = unsupported or fault(claim, claim.body, error, arithmetic)
            continue
        except NUMERICAL:
            continue
        if not np.isnan(low).any() and not np.isnan(high).any():
            return Climb(instance, x, low, high)
    if unsupported is not None:
        raise unsupported
    return None


def _log_ratio(arithmetic: object, left: object, right: object) -> tuple[float, float]:
    bounds = [arithmetic.enclosure(side) for side in (left, right)]  # type: ignore[attr-defined]
    (l_low, l_high), (r_low, r_high) = ((float(a), float(b)) for a, b in bounds)
    if not (l_low >= 0 and r_low > 0 and math.isfinite(l_high) and math.isfinite(r_high)):
        return math.nan, math.nan
    slack = 1e-14
    return (
        (math.log(l_low) - math.log(r_high)) - slack if l_low > 0 else -math.inf,
        (math.log(l_high) - math.log(r_low)) + slack if l_high > 0 else -math.inf,
    )
