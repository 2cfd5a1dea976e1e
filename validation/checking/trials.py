"""The trials of a search: what each is worth, how many there were, and when to stop.

A trial is worth log(left/right). Where that says nothing, a stand-in ranks it below all that count,
so that a climb can start there: how negative the left side is, or how far the instance is from
meeting the hypotheses.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Hashable
from typing import NamedTuple

import numpy as np

from validation.arithmetic import FLOAT64, Unsupported
from validation.arithmetic.values import Value
from validation.checking.archive import TIED, Archive, description
from validation.checking.audit import VISIBLE
from validation.checking.certified import certify
from validation.checking.evaluation import NUMERICAL, hypothesis, log_ratios, missed, score, sides
from validation.checking.sampled import KEPT_STRANGE, Sample
from validation.checking.strata import Strata
from validation.claims import Claim, ClaimError
from validation.instances import Instance
from validation.verdict import Conclusion, Coverage

NEGATIVE = -1e3  # a left side below 0 ranks here and below
OUTSIDE = -3e3  # hypotheses not met: here and below
CERTIFICATES = 200
FAINT = 1e-12  # below it float64 sees nothing
FAINT_CERTIFICATES = 40
KEPT = 24
LINGER = 1.0
# Beyond it products leave the range of floats, and a climb finds rounding and no counterexample.
REACH = 2.0**200
LONGEST = 10  # shares that a climb may take while it gains
A_KIND = 3  # kept of the same sizes and discrete parts
Progress = Callable[[float, float], None]
"""Called with the share of the budget spent and the largest log ratio so far."""


class SpentError(BaseException):
    """The time, or the number of trials, is used up.

    Not an `Exception`: it has to pass through Hypothesis, which takes those for failures.
    """


class Trial(NamedTuple):
    """What an instance is worth.

    Attributes
    ----------
    value : float
        log(left/right) or a stand-in; -inf where there is nothing to climb by.
    excess : float
        By how much the worst hypothesis is missed, as a logarithm; 0 where all are met.
    """

    value: float
    excess: float = 0.0


Vet = Callable[[Instance], Trial]
"""The true worth of an instance that looks violated."""
Worth = Callable[[Instance, Trial], Trial]
"""What an instance is worth to a search for something else, from its worth by log(left/right)."""


class Trials:
    """Evaluates instances within a budget and remembers the best, some of each kind.

    What looks violated beyond doubt of rounding, and by more than is certified already, is
    certified before it counts: 0/0 in float64 can look like any ratio and would lead a climb away.

    Parameters
    ----------
    claim : Claim
        A deterministic one.
    seconds : float
        Wall-clock time from now.
    most : int or None
        Trials, where a run has to be reproduced exactly.
    progress : function of (share of the budget spent, largest log ratio so far)
        Called now and then.
    linger : float
        Seconds (and for as long as it took, whichever is longer) to go on after the first certified
        violation, to see how bad it gets; 0 ends the run there.
    clock : function giving seconds
        The wall clock; ``time.process_time`` measures effort on a busy machine.
    vet : function of an instance, optional
        Says what something that looks violated is worth, in place of its certificate.
    worth : function of (instance, trial), optional
        Turns a worth by log(left/right) into what this search climbs by.
    """

    def __init__(
        self,
        claim: Claim,
        *,
        seconds: float = math.inf,
        most: int | None = None,
        progress: Progress | None = None,
        linger: float = LINGER,
        clock: Callable[[], float] = time.monotonic,
        vet: Vet | None = None,
        worth: Worth | None = None,
    ) -> None:
        self.claim = claim
        self.linger = linger
        self.clock = clock
        self.begun = clock()
        self.end = self.begun + seconds
        self.seconds = seconds
        self.most = most
        self.progress = progress
        self._vet = vet or self._by_certificate
        self._worth = worth
        self.count = 0  # evaluations of the body, for whatever purpose
        self.drawn = self.rejected = self.evaluated = self.undecided = 0
        self.checks = CERTIFICATES
        self.faint_checks = FAINT_CERTIFICATES
        self.certified = 0.0  # the largest log ratio of a certified violation
        self.violations: list[tuple[float, Instance]] = []
        self.archive = Archive(self._described)
        self.strata = Strata(claim)
        self.tied = 0  # evaluations at trivial equality
        self.sloped: bool | None = None  # whether slopes by dual numbers agree with differences
        self.asked = 0  # how often that was asked
        self.strange: list[Instance] = []
        self.strict = False
        self.inside: dict[Value, Instance] = {}  # one that meets the hypotheses, of each kind
        self.best: tuple[float, Instance] | None = None  # of the climb under way
        self._started = self._gained = 0
        self._scalar = False  # the sides are numbers
        self._level = -math.inf

    def tick(self) -> None:
        """Count an evaluation of the body.

        Raises
        ------
        SpentError
            If the budget does not allow another one.
        """
        if self.most is not None and self.count >= self.most:
            raise SpentError
        now = self.look()
        self.count += 1
        if self.progress is not None and self.count % 64 == 0:
            self.progress(self._spent(now), self.archive.top)

    def look(self) -> float:
        """The time; raises `SpentError` where it is up."""
        now = self.clock()
        if now > self.end:
            raise SpentError
        return now

    def lift_limits(self) -> None:
        """From now on there is no budget."""
        self.most, self.end = None, math.inf

    def _spent(self, now: float) -> float:
        shares = [self.count / self.most] if self.most else []
        if math.isfinite(self.seconds) and self.seconds > 0:
            shares.append((now - self.begun) / self.seconds)
        return min(1.0, max(shares, default=0.0))

    def attempt(self, instance: Instance) -> Trial:
        """Evaluate one instance and keep it if it is good; raises as `tick`."""
        self.tick()
        if any(n != 0 and not 1 / REACH <= abs(n) <= REACH for n in instance.numbers()):
            return Trial(-math.inf)
        self.drawn += 1
        self.strata.count(instance)
        trial = self._measured(instance)
        if self._worth is not None:
            trial = self._worth(instance, trial)
        if abs(trial.value) <= TIED:
            self.tied += 1
        if trial.value > (self.best[0] if self.best else -math.inf):
            self.best = (trial.value, instance)
            if trial.value > self._level + 1e-5 * (1 + abs(self._level)):
                self._level, self._gained = trial.value, self.count
        return trial

    def _measured(self, instance: Instance) -> Trial:
        found = score(self.claim, instance, margin=self.strict)
        excess = 0.0
        if found.margin is not None:
            excess = max(found.margin, 0.0)
        elif self.strict or not found.met:
            excess = self.excess(instance)
        if not found.met or excess > 0:
            self.rejected += 1
            # Hypotheses that look met although the score says no: `given` rejects, nothing to climb
            return Trial(OUTSIDE - min(excess, 1e3) if excess > 0 else -math.inf, excess)
        if self.claim.hypotheses:
            self.inside.setdefault(kind_of(instance), instance)
        value = found.log_ratio
        if math.isnan(value):
            return self._lost(instance)
        if value > max(VISIBLE, 1.1 * self.certified):
            return self._vet(instance)
        if 0 < value <= VISIBLE:
            if value > FAINT and self.faint_checks > 0 and not self.violations:
                self.faint_checks -= 1
                return self._vet(instance)
            value = 0.0  # else the climb would follow the rounding upwards
        if value > self.certified > 0:
            value = self.certified  # float64 alone does not say more than the certificates do
        self.evaluated += 1
        return Trial(self._stand_in(instance) if value == -math.inf else value)

    def _lost(self, instance: Instance) -> Trial:
        self.undecided += 1
        if len(self.strange) < KEPT_STRANGE:
            self.strange.append(instance)
        return Trial(-math.inf)

    def _by_certificate(self, instance: Instance) -> Trial:
        """The true worth of what looks like a violation."""
        if self.checks <= 0:
            return self._lost(instance)
        self.checks -= 1
        certificate = certify(self.claim, instance)
        if certificate.inadmissible:
            self.rejected += 1
            return Trial(-math.inf)
        if certificate.conclusion is Conclusion.UNDECIDED:
            return self._lost(instance)
        self.evaluated += 1
        value = certificate.log_ratio
        if certificate.conclusion is not Conclusion.VIOLATED:
            return Trial(min(value, 0.0))
        if self.claim.kind == "identity":  # from larger over smaller to what float64 measures
            value = math.log1p(-math.expm1(-value))
        if value > self.certified:
            if not self.violations:
                self._shorten()
            self.certified = value
            self.violations.append((value, instance))
        return Trial(value)

    def _shorten(self) -> None:
        """After the first violation: as long again as it took to find, to see how bad it gets."""
        now = self.clock()
        if self.linger <= 0:
            self.end, self.most = now, self.count
            return
        self.end = min(self.end, now + max(self.linger, now - self.begun))
        if self.most is not None:
            self.most = min(self.most, 2 * self.count + 200)

    def _stand_in(self, instance: Instance) -> float:
        """Rank left sides at or below 0 by left/right."""
        if self.claim.kind != "inequality":
            return NEGATIVE
        try:
            left, right = (
                np.asarray(side, dtype=float) for side in sides(self.claim, instance, FLOAT64)
            )
        except (*NUMERICAL, Unsupported, ClaimError):  # of a body outside the hypotheses
            return -math.inf
        if not left.size or not right.size:
            return -math.inf
        with np.errstate(all="ignore"):
            ratio = float(np.max(np.where(right > 0, left / right, -np.inf), initial=-np.inf))
        return NEGATIVE - min(math.log1p(max(-ratio, 0.0)), 1e3)

    def excess(self, instance: Instance) -> float:
        """By how much the worst hypothesis is missed; 0 where all look met, without tolerance."""
        return max(self.margin(instance), 0.0)

    def margin(self, instance: Instance) -> float:
        """The same with a sign: below 0 by how much the tightest hypothesis is met."""
        tightest = -math.inf
        for name in self.claim.hypotheses:
            try:
                pair = hypothesis(self.claim, name, instance, FLOAT64)
            except (*NUMERICAL, Unsupported, ClaimError):  # outside the hypotheses before it
                return math.inf
            tightest = max(tightest, missed(*pair))
        return tightest

    def demand_hypotheses(self, instances: list[Instance]) -> None:
        """From now on a hypothesis missed by rounding counts as missed, where any start meets all.

        A climb along the boundary would otherwise end on its far side, where nothing counts.
        """
        if self.claim.hypotheses:
            self.strict = any(self.excess(instance) == 0 for instance in instances)

    def begin(self, value: float, instance: Instance) -> None:
        """Start a climb."""
        self.best = (value, instance)
        self._started = self._gained = self.count
        self._level = max(value, -1e300)

    def going(self, allowed: int) -> bool:
        """Whether the climb may go on: its share is not used up, or it has just gained much."""
        if self.best is not None and self.best[0] == math.inf:
            return False
        used = self.count - self._started
        late = self.count - self._gained
        return used < allowed or (late < allowed / 2 and used < LONGEST * allowed)

    def finish(self) -> bool:
        """End the climb; whether it made the elite better."""
        better = self.best is not None and self.keep(*self.best)
        self.best = None
        return better

    @property
    def elite(self) -> list[tuple[float, Instance]]:
        """The best of all, a few of each kind, the best first."""
        return self.archive.ranked(KEPT, A_KIND)

    def keep(self, value: float, instance: Instance, casual: bool = False) -> bool:
        """Put an instance into the archive; whether it got in."""
        return self.archive.keep(value, instance, casual)

    def _described(self, instance: Instance) -> tuple[Hashable, ...]:
        """Its looks, and its activity: the entry of the sides that is worst."""
        return (*description(instance), self._worst_entry(instance))

    def _worst_entry(self, instance: Instance) -> int:
        if self.claim.kind != "inequality" or self._scalar:
            return 0
        try:
            left, right = sides(self.claim, instance, FLOAT64)
        except (*NUMERICAL, Unsupported, ClaimError):  # of a body outside the hypotheses
            return -1
        if max(np.ndim(left), np.ndim(right)) == 0:
            self._scalar = True
            return 0
        logs = np.nan_to_num(log_ratios(*np.broadcast_arrays(left, right)), nan=-np.inf)
        return int(np.argmax(logs)) if logs.size else -1

    @property
    def coverage(self) -> Coverage:
        """What was counted."""
        return Coverage(self.drawn, self.rejected, self.evaluated, self.undecided)

    def sample(self) -> Sample:
        """What was found: certified violations, then the elite, the largest ratios first."""
        found = {instance: value for value, instance in self.violations[-A_KIND:]}
        for value, instance in self.elite:
            found.setdefault(instance, value if value > NEGATIVE else -math.inf)
        ranked = sorted(
            ((v, i) for i, v in found.items() if i is not None and self._counts(v, i)),
            key=lambda item: -item[0],
        )
        return Sample(self.coverage, ranked, list(self.strange), self.strata.looked(self.tied))

    def _counts(self, value: float, instance: Instance) -> bool:
        return value > -math.inf or score(self.claim, instance).met


def kind_of(instance: Instance) -> tuple[Hashable, ...]:
    """The sizes and the discrete parts: what a climb leaves as it is."""
    discrete: list[Value] = [tuple(instance.sizes.items())]
    for value in instance.raw.values():
        if isinstance(value, np.ndarray):
            discrete.append(value.tobytes() if value.dtype.kind in "iu" else value.shape)
        elif isinstance(value, dict):
            discrete.append(tuple(v for v in value.values() if isinstance(v, str)))
        elif not isinstance(value, float):
            discrete.append(value)
    return tuple(discrete)
