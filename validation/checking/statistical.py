r"""The rung for claims "with probability at least 1 - delta": one anytime-valid test.

Every draw on every instance feeds one e-value (`evalues`), so the false-alarm probability of a
whole run is at most 1e-9, however long it lasts and whichever instances it turns to.

- Half of the draws go to the instance that failed most so far, against what it may, the others to
  new instances and to those drawn least; every other new instance comes from a search over
  instances with draws of its own (`screening`). Which one is decided before its outcome is seen, as
  the test requires.
- A failure is what float64 calls left > right. It counts against the claim only once it is certain:
  before *refuted* is said, the same draws (same generator, another arithmetic) are repeated in
  balls, and every failure that is not certain there is taken for a success. That keeps the test
  valid, since a certain failure is no more probable than a failure.
- The bound on the failure rate errs the other way: draws whose sides agree to a relative 2^-20,
  or on which float64 breaks down, count as failures. The others are float64's successes, and they
  are not believed either: a random subset of them is repeated in balls at the end, and the bound
  counts as many failures among all of them as that subset leaves possible.
- Before the run a few draws of their own are made in both arithmetics. Where float64 takes a
  certain failure for a success, the run is made in balls.
- Hypotheses of a claim must be certified on an instance before it is drawn from.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

import numpy as np

from validation.arithmetic import FLOAT64, Relation, Unsupported
from validation.arithmetic.values import Value
from validation.checking.audit import SHARE
from validation.checking.certified import check_hypotheses
from validation.checking.evaluation import NUMERICAL, accepts
from validation.checking.evalues import (
    ALPHA,
    log_e_value,
    misjudged_bound,
    rate_bound,
    refutes,
    rounded_up,
)
from validation.checking.limits import OUT_OF_TIME, TimeLimit
from validation.checking.randomness import spawn
from validation.checking.sampled import check_acceptance, drawn
from validation.checking.screening import Screen
from validation.checking.streams import Stream, judged, permitted
from validation.checking.successes import Pilot, clear_success
from validation.claims import Claim, ClaimError
from validation.instances import Instance
from validation.verdict import Conclusion, Coverage, Evidence, Verdict

BLOCK = 8  # draws between two looks at the evidence
LEAST_AUDITED, MOST_AUDITED = 20, 1000
_PATIENCE = 200  # draws in search of an instance that meets the hypotheses


def statistical(
    claim: Claim,
    *,
    seconds: float,
    seed: int,
    instances: Sequence[Instance] = (),
    draws: float = math.inf,
    audit: bool = True,
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
    audit : bool
        Whether to audit the successes; without it nothing but *refuted* says anything.

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
    begun = time.monotonic()
    pilot = Pilot(claim, seed, instances, SHARE * seconds)
    run = _Run(pilot.claim, seed, instances)
    end = begun + seconds
    extra = max(seconds, 10.0)
    certified_until = end + extra
    run.wrong = pilot.wrong
    rounds = 0
    try:
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
        if audit:
            affordable = SHARE * seconds / pilot.cost if math.isinf(draws) else math.inf
            run.audit(int(min(max(affordable, LEAST_AUDITED), MOST_AUDITED)))
    except TimeLimit:
        if not run.draws:
            raise
        return run.late()
    return run.not_refuted()


class _Run:
    def __init__(self, claim: Claim, seed: int, instances: Sequence[Instance]) -> None:
        self.claim, self.seed = claim, seed
        self.given = list(instances)
        self.source = spawn(seed, "instances")
        self.screen: Screen | None = None
        if not self.given:
            self.screen = Screen(claim, seed, lambda i: rounded_up(permitted(claim, i)))
        self.streams: list[Stream] = []
        self.known: dict[Instance, Stream] = {}
        self.rejected = self.repeats = 0
        self.audited = self.misjudged = 0
        self.wrong = ""
        self.exhausted = False

    @property
    def draws(self) -> int:
        return sum(stream.draws for stream in self.streams)

    @property
    def coverage(self) -> Coverage:
        evaluated = sum(stream.undecided < stream.draws for stream in self.streams)
        silent = len(self.streams) - evaluated
        return Coverage(
            len(self.streams) + self.rejected, self.rejected, evaluated, silent, self.audited
        )

    def log_e(self, certain: bool = False) -> float:
        return self._evidence(certain)[0]

    def _evidence(self, certain: bool = False) -> tuple[float, Value]:
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
                instance = self._next_instance()
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

    def _next_instance(self) -> Instance:
        """A draw, or every other time what the screen of instances proposes."""
        if len(self.streams) % 2 and self.screen is not None:
            proposed = self.screen.propose()
            if proposed is not None and proposed not in self.known:
                return proposed
        return drawn(self.claim, self.source)

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
        """One draw, in float64 unless that is known to be wrong."""
        number = stream.draws
        stream.draws += 1
        if self.claim.searched_in != "float64":
            self._draw_in_balls(stream, number)
            return
        rng = stream.generator(self.seed, number)
        try:
            with np.errstate(all="ignore"):
                success = clear_success(self.claim, stream.values, rng)
        except (*NUMERICAL, Unsupported):
            stream.undecided += 1
            stream.doubtful.add(number)
            return
        if not success:
            stream.doubtful.add(number)
        if success is None:
            stream.suspects.append(number)

    def _draw_in_balls(self, stream: Stream, number: int) -> None:
        relation = judged(self.claim, stream, self.seed, number)
        if relation in (Relation.BELOW, Relation.EQUAL):
            return
        stream.doubtful.add(number)
        if relation is Relation.ABOVE:
            stream.certain += 1
        else:
            stream.undecided += 1

    def audit(self, most: int) -> None:
        """Repeat a random subset of the successes in balls; draws in balls are certain already."""
        counts = [s.draws - s.possible for s in self.streams]
        if self.claim.searched_in != "float64":
            self.audited = sum(counts)
            return
        ends = np.cumsum(counts)
        total = int(ends[-1]) if counts else 0
        rng = spawn(self.seed, "audit", 2)
        chosen = np.sort(rng.choice(total, size=min(most, total), replace=False))
        places = np.searchsorted(ends, chosen, side="right")
        for place in np.unique(places):
            stream = self.streams[place]
            successes = np.setdiff1d(
                np.arange(stream.draws), np.fromiter(stream.doubtful, np.int64, stream.possible)
            )
            first = int(ends[place]) - counts[place]
            for number in successes[chosen[places == place] - first]:
                self.audited += 1
                relation = judged(self.claim, stream, self.seed, int(number))
                self.misjudged += relation not in (Relation.BELOW, Relation.EQUAL)

    def certify(self, deadline: float) -> bool | None:
        """Look at suspects in balls until the certain failures alone refute.

        True: they do. None: they do not, all suspects are decided. False: no time left.
        """
        for stream in self.ranked():
            for number in list(stream.suspects):
                if time.monotonic() > deadline:
                    return False
                stream.suspects.remove(number)
                relation = judged(self.claim, stream, self.seed, number)
                stream.certain += relation is Relation.ABOVE
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
        message = "; ".join(filter(None, [message, self.wrong]))
        return self._verdict(Conclusion.REFUTED, first, message)

    def unfinished(self) -> Verdict:
        message = (
            f"the failures of {self.draws} draws would refute the claim in float64, but there was "
            "no time to certify enough of them in balls"
        )
        return self._verdict(Conclusion.UNDECIDED, self.ranked()[0], message)

    def late(self) -> Verdict:
        message = f"{OUT_OF_TIME} after {self.draws} draws on {len(self.streams)} instances"
        return self._verdict(Conclusion.UNDECIDED, self.worst(), message)

    def not_refuted(self) -> Verdict:
        coverage = self.coverage
        if not coverage.evaluated:
            return Verdict(
                Conclusion.UNDECIDED, Evidence.STATISTICAL, coverage,
                message="no draw gave finite sides",
            )  # fmt: skip
        n, possible = self.draws, sum(s.possible for s in self.streams)
        hidden = misjudged_bound(n - possible, self.audited, self.misjudged, ALPHA / 2)
        shown = _up(rate_bound(possible + hidden, n, ALPHA / 2))
        mean = sum(s.delta * s.draws for s in self.streams) / n
        first = self.worst()
        message = (
            f"not refuted after {n} draws on {len(self.streams)} instances; pooled over them, "
            f"failure rate <= {shown} with confidence 1 - {ALPHA:g}, at any stopping time "
            f"(permitted {mean:.3g} in the mean; {self.audited} of {n - possible} successes, taken "
            f"at random, were repeated in balls, {self.audited - self.misjudged} are certain); "
            f"the instance that failed most: {first.possible} of {first.draws} draws (permitted "
            f"{first.delta:.3g})"
        )
        undecided = sum(s.undecided for s in self.streams)
        if undecided:
            message += f"; {undecided} draws undecided, counted as failures"
        if self.wrong:
            message += f"; {self.wrong}"
        conclusion = Conclusion.NOT_REFUTED
        if 2 * undecided > n:
            conclusion = Conclusion.UNDECIDED
        elif n > possible and 2 * self.misjudged >= self.audited:
            conclusion = Conclusion.UNDECIDED
            message = f"float64's successes are not to be believed: {message}"
        return self._verdict(conclusion, first, message)

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
