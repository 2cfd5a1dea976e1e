"""The check of a claim that one instance decides: draws, audits, search, certificates."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from typing import Any

import numpy as np

from validation.checking.audit import SHARE, Audit
from validation.checking.certified import Certificates, certify
from validation.checking.describing import facts
from validation.checking.evaluation import line_of, score
from validation.checking.limits import OUT_OF_TIME, TimeLimit
from validation.checking.reproducer import reproducer
from validation.checking.sampled import Keeper, Sample, draw_sample, sampled
from validation.checking.searched import search
from validation.checking.shrinking import shrink
from validation.checking.symbolic import symbolic
from validation.claims import Claim
from validation.instances import Instance
from validation.verdict import Conclusion, Coverage, Evidence, Outcome, Verdict

QUICK_DRAWS = 300
FULL_DRAWS = 5000
CERTIFIED = 6
SAMPLED = 0.3  # of the budget, for draws
CERTIFYING = 10.0  # seconds that certificates may take, or two budgets where that is more
LOOSE = math.log(1e-3)


def check_deterministic(
    claim: Claim, quick: bool, seconds: float, seed: int, instances: tuple[Instance, ...]
) -> Outcome:
    """Draw, audit, search, certify, simplify; what a time limit leaves of it is an outcome too."""
    check = _Check(claim, quick, seconds, seed, instances)
    try:
        check.run()
    except TimeLimit as error:
        if not any(sample.coverage.drawn for sample in check.samples()):
            raise
        check.late = f"{OUT_OF_TIME} while {check.stage} ({line_of(claim, error)})"
    return check.outcome()


class _Check:
    """The check of a deterministic claim; `outcome` says what is known at any time.

    More time adds to what less time does: the first draws and the search are the same for every
    budget, further draws come on top.
    """

    def __init__(
        self,
        claim: Claim,
        quick: bool,
        seconds: float,
        seed: int,
        instances: tuple[Instance, ...],
    ) -> None:
        self.claim, self.quick, self.seconds, self.seed = claim, quick, seconds, seed
        self.instances = instances
        self.audit = Audit(claim, SHARE * seconds)
        self.first, self.more = Keeper(claim), Keeper(claim)
        self.found: Sample | None = None
        self.proof = Certificates(claim)
        self.simplest: Instance | None = None
        self.symbolic: Verdict | None = None
        self.missing = 0  # instances that there was no time to certify
        self.stage = "drawing"
        self.late = ""

    def run(self) -> None:
        """Draw, search, certify, simplify."""
        share = SAMPLED * self.seconds
        begun = time.monotonic()
        options: dict[str, Any] = {"seed": self.seed, "audit": self.audit}
        draw_sample(self.claim, count=QUICK_DRAWS, seconds=share, keeper=self.first, **options)
        left = share - (time.monotonic() - begun)
        if not self.quick and left > 0:
            count = FULL_DRAWS - QUICK_DRAWS
            draw_sample(
                self.audit.claim, count=count, seconds=left, keeper=self.more, part=1, **options
            )
        self.stage = "searching"
        rest = self.seconds - share
        # Not from the worst draws: a longer run must begin with the trials of a shorter one.
        self.found = search(self.audit.claim, (), seconds=rest, seed=self.seed)
        self.stage = "certifying"
        self._certify()
        if self.proof.failing:
            self.stage = "simplifying"
            failing = self.proof.verdict().instances
            self.simplest = shrink(
                self._readable(failing[0]),
                failing[0],
                seconds=max(5.0, self.seconds / 3),
                others=failing[1:],
            )
        if self.claim.symbolic is not None:
            self.stage = "running the symbolic proof"
            self.symbolic = symbolic(self.claim)

    def _readable(self, failing: Instance) -> Claim:
        """The claim in an arithmetic that sees the violation."""
        claim = self.audit.claim
        with np.errstate(all="ignore"):
            seen = score(claim, failing)
        blind = claim.searched_in == "float64" and not (seen.met and seen.log_ratio > 0)
        return replace(claim, searched_in="balls") if blind else claim

    def samples(self) -> list[Sample]:
        """What was drawn and found so far."""
        kept = [keeper.sample() for keeper in (self.first, self.more) if keeper.drawn]
        return [*kept, *([self.found] if self.found is not None else [])]

    def _certify(self) -> None:
        """Certify what is most suspicious, the first few whatever the time."""
        end = time.monotonic() + max(2 * self.seconds, CERTIFYING)
        failing = [instance for _, instance, _ in self.audit.certificates.failing]
        chosen = [*self.instances, *failing, *_most_suspicious(self.samples())]
        for place, instance in enumerate(dict.fromkeys(chosen)):
            if place >= CERTIFIED and time.monotonic() > end:
                self.missing = len(chosen) - place
                break
            self.proof.add(instance)

    def outcome(self) -> Outcome:
        """What is known."""
        claim, samples = self.claim, self.samples()
        sampled_ = sampled(_joined(samples[:-1] if self.found is not None else samples))
        rungs = {"sampled": replace(sampled_, coverage=self._audited(sampled_.coverage))}
        if self.found is not None:
            rungs["searched"] = searched_verdict(self.found)
        proof = self.proof.verdict()
        rungs["certified"] = proof
        if self.symbolic is not None:
            rungs["symbolic"] = self.symbolic
        coverage = self._audited(sum((s.coverage for s in samples), Coverage()))
        said = proof.conclusion
        if said in (Conclusion.HOLDS, Conclusion.TIGHT) and not self._green(coverage):
            said = Conclusion.UNDECIDED
        message = self._message(proof, coverage)
        verdict = replace(proof, conclusion=said, coverage=coverage, message=message)
        text = ""
        described: tuple[str, ...] = ()
        if proof.conclusion is Conclusion.VIOLATED:
            most = proof.instances[0]
            simplest = self.simplest or most
            # What is said, such as which entry, is said of the instance that is shown first.
            said_of = certify(claim, simplest)
            if said_of.conclusion is not Conclusion.VIOLATED:
                simplest, said_of = most, certify(claim, most)
            verdict = replace(verdict, instances=(most, simplest), message=said_of.message)
            text, described = reproducer(claim, simplest), both(claim, most, simplest)
        return outcome_of(
            claim,
            verdict,
            rungs,
            reproducer=text,
            notes=self._notes(verdict),
            facts=described,
            late=bool(self.late),
        )

    def _audited(self, coverage: Coverage) -> Coverage:
        return replace(coverage, audited=self.audit.count)

    def _green(self, coverage: Coverage) -> bool:
        """Whether most instances said something, in float64 and in balls."""
        unknown = len(self.audit.certificates.open)
        known = 0 < coverage.evaluated >= coverage.undecided
        return known and 2 * unknown <= self.audit.count

    def _message(self, proof: Verdict, coverage: Coverage) -> str:
        if proof.conclusion not in (Conclusion.HOLDS, Conclusion.TIGHT):
            return "; ".join(filter(None, [self.late, proof.message]))
        open_ = len(self.audit.certificates.open)
        parts = [
            f"no violation in {coverage.evaluated} instances; certified on the "
            f"{proof.coverage.evaluated} worst ({proof.message}) and on "
            f"{self.audit.count - open_} taken at random"
        ]
        if open_:
            parts.append(f"{open_} more taken at random undecided")
        if coverage.undecided:
            parts.append(f"float64 broke down on {coverage.undecided} more")
        if not self._green(coverage):
            parts.insert(0, "most instances say nothing")
        if self.missing:
            parts.append(f"no time to certify {self.missing} more")
        if self.late:
            parts.insert(0, self.late)
        parts.append(not_looked_at(self.claim, self.found))
        return "; ".join(filter(None, parts))

    def _notes(self, verdict: Verdict) -> tuple[str, ...]:
        notes = []
        if self.audit.wrong:
            notes.append(
                f"{self.audit.wrong}, so the search read the body in {self.audit.claim.searched_in}"
            )
        if self.claim.kind != "identity" and -math.inf < verdict.log_ratio < LOOSE:
            notes.append(
                f"loose: the largest ratio seen is {verdict.ratio:.2g}, or its instances are tame"
            )
        if self.symbolic is not None and self.symbolic.conclusion is not Conclusion.HOLDS:
            notes.append(f"symbolic: {self.symbolic.message}")
        return tuple(notes)


def outcome_of(
    claim: Claim,
    verdict: Verdict,
    rungs: dict[str, Verdict],
    *,
    reproducer: str = "",
    error: str = "",
    notes: tuple[str, ...] = (),
    facts: tuple[str, ...] = (),
    late: bool = False,
) -> Outcome:
    """What was found about a claim, under its name; see `Outcome`."""
    return Outcome(
        id=claim.id,
        kind=claim.kind,
        section=claim.section,
        source=claim.source,
        verdict=verdict,
        rungs=rungs,
        reproducer=reproducer,
        error=error,
        notes=notes,
        facts=facts,
        late=late,
    )


def _joined(samples: list[Sample]) -> Sample:
    """Several samples of draws as one."""
    worst = sorted((item for s in samples for item in s.worst), key=lambda item: -item[0])
    coverage = sum((s.coverage for s in samples), Coverage())
    strange = [instance for s in samples for instance in s.strange]
    return Sample(coverage, worst, strange)


def not_looked_at(claim: Claim, found: Sample | None) -> str:
    """What a green says nothing about: sizes beyond the drawn ones, and where the search was."""
    parts = [str(found.looked)] if found is not None and found.looked is not None else []
    largest = claim.instances.largest()
    if largest:
        parts.append("not looked at: " + ", ".join(f"{s} > {n}" for s, n in largest.items()))
    return "; ".join(parts)


def both(claim: Claim, most: Instance, simplest: Instance) -> tuple[str, ...]:
    """The simplest counterexample in decimals, then the one that fails most, if by more."""
    if most == simplest or (claim.deterministic and _no_more(claim, most, simplest)):
        return facts(claim, simplest)
    return (*facts(claim, simplest), "", "it fails most at", *facts(claim, most))


def _no_more(claim: Claim, most: Instance, simplest: Instance) -> bool:
    """Whether the first is not certified to fail by more than the second."""
    return certify(claim, most).log_ratio <= certify(claim, simplest).log_ratio


def _most_suspicious(samples: list[Sample]) -> list[Instance]:
    """The worst of every rung, all kept that look violated, and those float64 broke down on."""
    chosen: list[Instance] = []
    for sample in samples:
        for place, (ratio, instance) in enumerate(sample.worst):
            if place < CERTIFIED or ratio > 0:
                chosen.append(instance)
        chosen.extend(sample.strange)
    return list(dict.fromkeys(chosen))


def searched_verdict(found: Sample) -> Verdict:
    """The searched rung's verdict: like the sampled one, float64 proves nothing."""
    return replace(sampled(found), evidence=Evidence.SEARCHED)
