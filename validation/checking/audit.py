"""What looks harmless is looked at too: random instances go through balls, not only the worst.

Of every instance audited, the float64 sides (and those of the hypotheses) are compared with their
enclosures, and the claim is certified on it. A body whose float64 sides leave an enclosure by more
than 2^-26 of the largest number on the way to them, unless the claim states another accuracy, says
something else in float64 than in balls; it is searched in balls from then on.
So is one that float64 misleads: it does not see a violation that is certain, sees many where there
are none, or breaks down on most instances where balls do not. On an instance that `given` rejects
or that certainly does not meet a hypothesis, the body is not called.
"""

from __future__ import annotations

import dataclasses
import math
import time
from dataclasses import dataclass, field

import numpy as np

from validation.arithmetic import RATIONALS, Unsupported, balls
from validation.arithmetic.values import Value
from validation.checking.certified import Certificate, Certificates, realised
from validation.checking.evaluation import NUMERICAL, accepts, pair, score
from validation.checking.recording import Recording
from validation.claims import Body, Claim
from validation.instances import Instance
from validation.verdict import Conclusion

EVERY = 4  # one draw in so many is audited, while there is time
SHARE = 0.08  # of the time of a check that audits may take
ACCURACY = 2.0**-26
VISIBLE = 1e-9  # log ratios above it look like a violation
ALARMS = 4


@dataclass
class Audit:
    """The audit of one claim's random instances.

    Parameters
    ----------
    claim : Claim
        A deterministic one. `claim` changes where float64 turns out to be wrong.
    seconds : float
        Time for audits; the first is made in any case.

    Attributes
    ----------
    count : int
        Instances of the claim whose sides were enclosed and compared.
    tried : int
        All that were looked at, those that do not meet the hypotheses included.
    spent : float
        Seconds.
    alarms : int
        Instances on which float64 saw a violation where there certainly is none.
    lost : int
        Instances on which float64 broke down and balls did not.
    wrong : str
        How float64 left an enclosure; empty where it did not.
    """

    claim: Claim
    seconds: float = math.inf
    count: int = 0
    tried: int = 0
    spent: float = 0.0
    wrong: str = ""
    alarms: int = 0
    lost: int = 0
    certificates: Certificates = field(init=False)

    def __post_init__(self) -> None:
        self.certificates = Certificates(self.claim)

    @property
    def due(self) -> bool:
        """Whether there is time for another one."""
        each = self.spent / self.tried if self.tried else 0.0
        return not self.tried or self.spent + each <= self.seconds

    def look(self, instance: Instance) -> None:
        """Audit one instance."""
        begun = time.monotonic()
        self.tried += 1
        given = self.claim.given
        if given is None or accepts(self.claim, realised(self.claim, instance)):
            self._look(instance)
        self.spent += time.monotonic() - begun

    def _look(self, instance: Instance) -> None:
        searched, name = self._compared(instance)
        if name:
            found = self.certificates.add(instance)
            self.count += not found.inadmissible
            if not searched and self.claim.searched_in == "float64":
                searched = name if self._misled(instance, found) else ""
        if searched:
            self.claim = dataclasses.replace(self.claim, searched_in=searched)

    def _misled(self, instance: Instance, found: Certificate) -> bool:
        """Whether float64 would lead a search away: it does not see what is certain."""
        with np.errstate(all="ignore"):
            seen = score(self.claim, instance)
        if found.conclusion is Conclusion.VIOLATED and not (seen.met and seen.log_ratio > 0):
            self.wrong = "float64 does not see a violation that is certain"
            return True
        holds = found.conclusion in (Conclusion.HOLDS, Conclusion.TIGHT)
        self.alarms += seen.met and seen.log_ratio > VISIBLE and holds
        self.lost += seen.met and math.isnan(seen.log_ratio) and holds
        if self.lost > max(ALARMS, self.count / 2):
            self.wrong = "float64 breaks down on most instances"
            return True
        if self.alarms > max(ALARMS, self.count / 4):
            self.wrong = "float64 sees violations where there certainly are none"
            return True
        return False

    def _compared(self, instance: Instance) -> tuple[str, str]:
        """The arithmetic to search in from now on, or nothing; and the one that gave enclosures."""
        read = ""
        for function in (*self.claim.hypotheses.values(), self.claim.body):
            found = enclosed(self.claim, function, instance)
            if found is None:
                continue
            name, ends = found
            if function is self.claim.body:
                read = name
            if self.claim.searched_in != "float64":
                continue
            by = leaves(self.claim, function, instance, ends)
            if by > (self.claim.accuracy or ACCURACY):
                self.wrong = (
                    f"float64 is wrong by {by:.1g} of the largest number on the way to the sides"
                )
                return name, read
            if function is not self.claim.body and _certainly_above(*ends):
                return "", ""
        return "", read


def enclosed(claim: Claim, function: Body, instance: Instance) -> tuple[str, Value] | None:
    """Bounds on the sides and the arithmetic that gave them; None where none did."""
    for arithmetic in (balls(128), balls(256), RATIONALS):
        try:
            with arithmetic.active():
                values = claim.instances.realise(instance, arithmetic)
                both = pair(claim, function, values, arithmetic)
                ends = [arithmetic.enclosure(side) for side in both]
        except (*NUMERICAL, Unsupported):
            continue
        if all(np.isfinite(end).all() for pair_ in ends for end in pair_):
            return arithmetic.name, ends
    return None


def _certainly_above(left: Value, right: Value) -> bool:
    """Whether an entry of an enclosed left side lies above the right side."""
    return bool(np.any(left[0] > right[1]))


def leaves(claim: Claim, function: Body, instance: Instance, ends: Value) -> float:
    """By how much the float64 sides leave the enclosures, relative to the largest number met.

    0 where float64 breaks down, which is counted elsewhere; inf where the shapes differ.
    """
    recording = Recording()
    try:
        with recording.active():
            values = claim.instances.realise(instance, recording)
            both = [
                np.array(side, dtype=float) for side in pair(claim, function, values, recording)
            ]
    except (*NUMERICAL, Unsupported):
        return 0.0
    worst = 0.0
    for side, (low, high) in zip(both, ends):
        if side.shape != np.shape(low):
            return math.inf
        if not side.size or not np.isfinite(side).all():
            continue
        recording.note(float(np.abs(side).max()))
        worst = max(worst, float(np.maximum(low - side, side - high).max()))
    if worst == 0:
        return 0.0
    return worst / recording.largest if recording.largest > 0 else math.inf
