r"""The rung for claims "with probability at least 1 - delta": one anytime-valid test.

Every draw on every instance feeds one e-value (`evalues`), so the false-alarm probability of a
whole run is at most 1e-9, however long it lasts and whichever instances it turns to.

- Half of the draws go to the instance that failed most so far, against what it may, the others to
  new instances and to those drawn least: which one is decided before its outcome is seen, as the
  test requires.
- A failure is what float64 calls left > right. It counts against the claim only once it is certain:
  before *refuted* is said, the same draws (same generator, another arithmetic) are repeated in
  balls, and every failure that is not certain there is taken for a success. That keeps the test
  valid, since a certain failure is no more probable than a failure.
- The bound on the failure rate errs the other way: draws whose sides agree to a relative 2^-20,
  or on which float64 breaks down, count as failures.
- Hypotheses of a claim must be certified on an instance before it is drawn from.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..arithmetic import FLOAT64, Unsupported
from ..claims import Claim, ClaimError
from ..instances import Instance
from ..verdict import Conclusion, Coverage, Evidence, Verdict
from .certified import check_hypotheses
from .evaluation import NUMERICAL, accepts, pair
from .evalues import ALPHA, log_e_value, rate_bound, refutes, rounded_up
from .randomness import spawn
from .sampled import check_acceptance, drawn
from .streams import Stream, certainly_fails, permitted

NEAR = 2.0**-20
BLOCK = 8  # draws between two looks at the evidence
_PATIENCE = 200  # draws in search of an instance that meets the hypotheses


def statistical(
    claim: Claim,
    *,
    seconds: float,
    seed: int,
    instances: Sequence[Instance] = (),
    draws: float = math.inf,
) -> Verdict:
    """Test a probabilistic claim.

    Parameters
    ----------
    claim : Claim
        Of the kind ``probabilistic``.
    seconds : float
        Time for the draws; certifying the failures may take as long again, and at least 10 seconds.
    seed : int
        The same seed gives the same draws, as many of them as there is time for.
    instances : sequence of Instance
        Draw from these only.
    draws : int
        Stop after so many.

    Returns
    -------
    Verdict
        *refuted*; *not refuted* with an upper bound on the failure rate in the message; or
        *undecided* where nothing could be drawn or certified. Its `log_ratio` is that of the
        observed to the permitted failure rate, on the instance that fails most beyond chance.

    Raises
    ------
    ClaimError
        If the body fails, or the hypotheses reject more than 9 in 10 instances.
    """
    if claim.kind != "probabilistic":
        raise ClaimError(f"{claim.id}: not a probabilistic claim")
    run = _Run(claim, seed, instances)
    end = time.monotonic() + seconds
    extra = max(seconds, 10.0)
    certified_until = end + extra
    rounds = 0
    while run.draws < draws and (time.monotonic() < end or not run.draws):
        stream = run.next_stream(rounds)
        if stream is None:
            break
        for _ in range(int(min(BLOCK, draws - run.draws))):
            run.draw(stream)
            if time.monotonic() > end:
                break
        rounds += 1
        if refutes(run.log_e()):
            found = run.certify(certified_until)
            if found is not None:
                return run.refuted() if found else run.unfinished()
    run.check_acceptance()
    return run.not_refuted()


class _Run:
    def __init__(self, claim: Claim, seed: int, instances: Sequence[Instance]) -> None:
        self.claim, self.seed = claim, seed
        self.given = list(instances)
        self.source = spawn(seed, "instances")
        self.streams: list[Stream] = []
        self.known: dict[Instance, Stream] = {}
        self.rejected = self.repeats = 0
        self.exhausted = False

    @property
    def draws(self) -> int:
        return sum(stream.draws for stream in self.streams)

    @property
    def coverage(self) -> Coverage:
        evaluated = sum(stream.undecided < stream.draws for stream in self.streams)
        silent = len(self.streams) - evaluated
        return Coverage(len(self.streams) + self.rejected, self.rejected, evaluated, silent)

    def log_e(self, certain: bool = False) -> float:
        return self._evidence(certain)[0]

    def _evidence(self, certain: bool = False) -> tuple[float, Any]:
        return log_e_value(
            [s.certain if certain else s.failures for s in self.streams],
            [s.draws for s in self.streams],
            [s.delta for s in self.streams],
        )

    def most_failing(self) -> Stream:
        """The stream of the largest observed/permitted rate; half a failure is added to each."""
        return max(self.streams, key=lambda s: (s.failures + 0.5) / (s.delta * s.draws + 1))

    def worst(self) -> Stream:
        """The stream whose rate is large beyond chance: by its lower end at three deviations."""

        def surely(s: Stream) -> float:
            return (s.failures - 3 * math.sqrt(s.failures)) / max(s.delta * s.draws, 1e-300)

        return max(self.streams, key=lambda s: (surely(s), s.draws))

    def ranked(self) -> list[Stream]:
        """The streams, those with the most evidence first."""
        own = self._evidence()[1]
        return [self.streams[i] for i in np.argsort(-own, kind="stable")]

    def next_stream(self, rounds: int) -> Stream | None:
        """Decide what to draw from next; depends on the past only."""
        if self.streams and rounds % 2:
            return self.most_failing()
        if len(self.streams) <= 8 * math.isqrt(rounds) and not self.exhausted:
            opened = self._open()
            if opened is not None:
                return opened
        return min(self.streams, key=lambda s: s.draws) if self.streams else None

    def _open(self) -> Stream | None:
        for _ in range(_PATIENCE):
            if self.given:
                instance = self.given.pop(0)
                self.exhausted = not self.given
            else:
                instance = drawn(self.claim, self.source)
            if instance in self.known:  # few instances to draw from
                self.repeats += 1
                return self.known[instance]
            stream = self._admit(instance)
            if stream is not None:
                self.known[instance] = stream
                self.streams.append(stream)
                return stream
            self.rejected += 1
            if self.exhausted:
                return None
        self.check_acceptance()
        return None

    def check_acceptance(self) -> None:
        """Raise where nearly all instances drawn, repeated ones included, were rejected."""
        drawn = len(self.streams) + self.repeats + self.rejected
        check_acceptance(self.claim, Coverage(drawn, self.rejected))

    def _admit(self, instance: Instance) -> Stream | None:
        claim = self.claim
        values = claim.instances.realise(instance, FLOAT64)
        if claim.given is not None and not accepts(claim, values):
            return None
        if claim.hypotheses:
            states = check_hypotheses(claim, instance)
            if any(state is not Conclusion.HOLDS for state in states.values()):
                return None
        delta = permitted(claim, instance)
        return Stream(instance, len(self.streams), rounded_up(delta), values)

    def draw(self, stream: Stream) -> None:
        """One draw in float64."""
        rng = stream.generator(self.seed, stream.draws)
        number = stream.draws
        stream.draws += 1
        try:
            with np.errstate(all="ignore"):
                left, right = pair(self.claim, self.claim.body, stream.values, FLOAT64, rng)
                left, right = np.asarray(left), np.asarray(right)
                gap = left - right
                if not np.isfinite(gap).all():
                    raise ArithmeticError("a side is not finite")
                near = gap > -NEAR * (np.abs(left) + np.abs(right))
        except (*NUMERICAL, Unsupported):
            stream.undecided += 1
            stream.possible += 1
            return
        stream.possible += bool(near.any())
        if (gap > 0).any():
            stream.suspects.append(number)

    def certify(self, deadline: float) -> bool | None:
        """Look at suspects in balls until the certain failures alone refute.

        True: they do. None: they do not, all suspects are decided. False: no time left.
        """
        for stream in self.ranked():
            for number in list(stream.suspects):
                if time.monotonic() > deadline:
                    return False
                stream.suspects.remove(number)
                if certainly_fails(self.claim, stream, self.seed, number):
                    stream.certain += 1
            if refutes(self.log_e(certain=True)):
                return True
        return None

    def refuted(self) -> Verdict:
        first = self.ranked()[0]
        log_e = self.log_e(certain=True)
        message = (
            f"refuted after {self.draws} draws on {len(self.streams)} instances: e-value "
            f"{_power(log_e)} (false alarm with probability at most {ALPHA:g}); on the worst "
            f"instance {first.certain} of {first.draws} draws failed, certified in balls; "
            f"permitted {first.delta:.3g}"
        )
        return self._verdict(Conclusion.REFUTED, first, message)

    def unfinished(self) -> Verdict:
        message = (
            f"the failures of {self.draws} draws would refute the claim in float64, but there was "
            "no time to certify enough of them in balls"
        )
        return self._verdict(Conclusion.UNDECIDED, self.ranked()[0], message)

    def not_refuted(self) -> Verdict:
        coverage = self.coverage
        if not coverage.evaluated:
            return Verdict(
                Conclusion.UNDECIDED, Evidence.STATISTICAL, coverage,
                message="no draw gave finite sides",
            )  # fmt: skip
        n = self.draws
        bound = rate_bound(sum(s.possible for s in self.streams), n)
        mean = sum(s.delta * s.draws for s in self.streams) / n
        shown = _up(bound)
        message = (
            f"not refuted after {n} draws on {len(self.streams)} instances; failure rate <= "
            f"{shown} with confidence 1 - {ALPHA:g}, at any stopping time (mean over these draws; "
            f"permitted {mean:.3g})"
        )
        undecided = sum(s.undecided for s in self.streams)
        if undecided:
            message += f"; {undecided} draws undecided, counted as failures"
        conclusion = Conclusion.UNDECIDED if 2 * undecided > n else Conclusion.NOT_REFUTED
        return self._verdict(conclusion, self.worst(), message)

    def _verdict(self, conclusion: Conclusion, first: Stream, message: str) -> Verdict:
        log_ratio = -math.inf
        if first.failures:
            permitted = first.delta * first.draws
            log_ratio = math.log(first.failures / permitted) if permitted else math.inf
        return Verdict(
            conclusion, Evidence.STATISTICAL, self.coverage, log_ratio, (first.instance,), message
        )


def _power(log_e: float) -> str:
    return f"10^{log_e / math.log(10):.1f}" if math.isfinite(log_e) else "infinite"


def _up(value: float) -> str:
    """Three digits, rounded up."""
    digits = 2 - math.floor(math.log10(value))
    return f"{math.ceil(value * 10**digits) / 10**digits:.{max(digits, 0)}f}"
