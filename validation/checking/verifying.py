"""`verify`: one claim up all the rungs that apply to it."""

from __future__ import annotations

import importlib
import importlib.util
import math
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, cast

import numpy as np

from ..arithmetic import FLOAT64, RATIONALS, Relation, Unsupported, balls
from ..claims import Claim, ClaimError
from ..instances import Instance
from ..verdict import Conclusion, Coverage, Evidence, Outcome, Verdict
from .audit import SHARE, Audit
from .certified import Certificates, certify
from .describing import facts
from .evaluation import NUMERICAL, fault, hypothesis, line_of, score, sides
from .limits import TimeLimit
from .randomness import spawn
from .reproducer import reproducer
from .sampled import Keeper, Sample, check_acceptance, draw_sample, drawn, sampled

QUICK_SECONDS = 1.0
FULL_SECONDS = 10.0
QUICK_DRAWS = 300
FULL_DRAWS = 5000
CERTIFIED = 6
SAMPLED = 0.3  # of the budget, for draws
CERTIFYING = 10.0  # seconds that certificates may take, or two budgets where that is more
LOOSE = math.log(1e-3)
_PATIENCE = 200  # draws in search of one that meets the hypotheses


def verify(
    claim: Claim,
    *,
    quick: bool = False,
    budget: float | None = None,
    seed: int = 0,
    instances: tuple[Instance, ...] = (),
) -> Outcome:
    """Try to break a claim, and certify what was found.

    Parameters
    ----------
    claim : Claim
        What to check; its steps are checked too.
    quick : bool
        Fewer draws and a budget of 1 second.
    budget : float
        Seconds to spend on the search (10 by default). The certificates come on top.
    seed : int
        The same seed draws the same instances, as many of them as there is time for.
    instances : tuple of Instance
        Tried besides the drawn ones.

    Returns
    -------
    Outcome
        An error of the claim itself (`Outcome.error`) is a result, not an exception. So is a time
        limit from outside: `Outcome.late`, with what was found until then.
    """
    start = time.monotonic()
    seconds = budget if budget is not None else QUICK_SECONDS if quick else FULL_SECONDS
    seconds /= 1 + len(claim.steps)
    try:
        preflight(claim, seed)
        if claim.deterministic:
            outcome = _deterministic(claim, quick, seconds, seed, instances)
        else:
            outcome = _by_plugin(claim, seconds, seed, instances)
    except ClaimError as error:
        outcome = failed(claim, str(error))
    steps: list[Outcome] = []
    for step in claim.steps:
        if outcome.late or any(found.late for found in steps):
            steps.append(failed(step, "not begun: the claim was out of time"))
        else:
            steps.append(verify(step, quick=quick, budget=seconds, seed=seed))
    outcome = _with_steps(outcome, tuple(steps))
    return outcome.timed(time.monotonic() - start)


def failed(claim: Claim, message: str) -> Outcome:
    """The outcome of a claim that could not be checked at all."""
    verdict = Verdict(Conclusion.UNDECIDED, Evidence.SAMPLED, message=message)
    return Outcome(claim.id, claim.kind, claim.section, claim.source, verdict, error=message)


def preflight(claim: Claim, seed: int = 0) -> None:
    """Send the first instances through every arithmetic, so that a faulty body is known at once.

    Raises
    ------
    ClaimError
        If the body fails, or gives no finite sides on the first ten instances.
    """
    rng = spawn(seed, "first instances")
    finite = tried = rejected = 0
    trouble = ""
    for _ in range(_PATIENCE):
        instance = drawn(claim, rng)
        if claim.deterministic:
            with np.errstate(all="ignore"):
                if not score(claim, instance).met:
                    rejected += 1
                    continue
        tried += 1
        try:
            finite += _everywhere(claim, claim.body, partial(_any_sides, claim, instance, seed))
            for name, function in claim.hypotheses.items():
                _everywhere(claim, function, partial(hypothesis, claim, name, instance))
        except NUMERICAL as error:
            trouble = trouble or f"{type(error).__name__}: {error}"
        if finite or tried >= 10:
            break
    check_acceptance(claim, Coverage(tried + rejected, rejected))
    if not finite:
        raise ClaimError(
            f"{claim.id} ({claim.location}): no finite sides on the first {tried} instances: "
            f"{trouble}"
        )


def _everywhere(claim: Claim, function: Any, evaluate: Callable[[Any], tuple[Any, Any]]) -> int:
    """In how many arithmetics the sides are finite; raises where no exact one has what they need.

    Numerical trouble in all of them is raised on.
    """
    finite = 0
    unsupported: dict[str, ClaimError] = {}
    troubles: list[Exception] = []
    order: Any = claim.order if function is claim.body else "elementwise"
    for arithmetic in (FLOAT64, balls(128), RATIONALS):
        try:
            with arithmetic.active():
                relation = arithmetic.compare(*evaluate(arithmetic), order).relation
        except Unsupported as error:
            unsupported[arithmetic.name] = fault(claim, function, error, arithmetic)
        except NUMERICAL as error:
            troubles.append(error)
        else:
            if relation is Relation.NOT_FINITE:
                troubles.append(ArithmeticError(f"a side is not finite in {arithmetic}"))
            else:
                finite += 1
    if len(unsupported) == 2 or FLOAT64.name in unsupported:
        raise next(iter(unsupported.values()))
    if not finite and troubles:
        raise troubles[0]
    return finite


def _any_sides(claim: Claim, instance: Instance, seed: int, arithmetic: Any) -> tuple[Any, Any]:
    rng = spawn(seed, "first draw") if claim.kind == "probabilistic" else None
    x = arithmetic.lift(float(claim.ladder[0])) if claim.ladder else None
    return sides(claim, instance, arithmetic, rng=rng, x=x)


def _deterministic(
    claim: Claim, quick: bool, seconds: float, seed: int, instances: tuple[Instance, ...]
) -> Outcome:
    check = _Check(claim, quick, seconds, seed, instances)
    try:
        check.run()
    except TimeLimit as error:
        if not any(sample.coverage.drawn for sample in check.samples()):
            raise
        check.late = f"out of time while {check.stage} ({line_of(claim, error)})"
    return check.outcome()


class _Check:
    """The check of a deterministic claim; `outcome` says what is known at any time.

    More time adds to what less time does: the first draws and the search that starts from them are
    the same for every budget, further draws come on top.
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
        self.symbolic: dict[str, Verdict] = {}
        self.missing = 0  # instances that there was no time to certify
        self.stage = "drawing"
        self.late = ""

    def run(self) -> None:
        """Draw, search, certify, simplify."""
        share = SAMPLED * self.seconds
        begun = time.monotonic()
        options: dict[str, Any] = {"seed": self.seed, "audit": self.audit}
        draw_sample(self.claim, count=QUICK_DRAWS, seconds=share, keeper=self.first, **options)
        start = [instance for _, instance in self.first.sample().worst]
        left = share - (time.monotonic() - begun)
        if not self.quick and left > 0:
            count = FULL_DRAWS - QUICK_DRAWS
            draw_sample(
                self.audit.claim, count=count, seconds=left, keeper=self.more, part=1, **options
            )
        search = plugin("searched")
        if search is not None:
            self.stage = "searching"
            rest = self.seconds - share
            self.found = search.search(self.audit.claim, start, seconds=rest, seed=self.seed)
        self.stage = "certifying"
        self._certify()
        if self.proof.failing:
            self.stage = "simplifying"
            failing = self.proof.verdict().instances
            self.simplest = _shrink(self.audit.claim, failing, self.seconds)
        _add_symbolic(self.claim, self.symbolic)

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
        rungs.update(self.symbolic)
        coverage = self._audited(sum((s.coverage for s in samples), Coverage()))
        verdict = replace(proof, coverage=coverage, message=self._message(proof, coverage))
        if proof.conclusion in (Conclusion.HOLDS, Conclusion.TIGHT) and not self._green(coverage):
            verdict = replace(verdict, conclusion=Conclusion.UNDECIDED)
        text, described = "", cast(tuple[str, ...], ())
        if proof.conclusion is Conclusion.VIOLATED:
            most = proof.instances[0]
            simplest = self.simplest or most
            verdict = replace(verdict, instances=(most, simplest), message=proof.message)
            text, described = reproducer(claim, simplest), _both(claim, most, simplest)
        return Outcome(
            claim.id, claim.kind, claim.section, claim.source, verdict, rungs,
            reproducer=text, notes=self._notes(verdict), facts=described, late=bool(self.late),
        )  # fmt: skip

    def _audited(self, coverage: Coverage) -> Coverage:
        return replace(coverage, audited=self.audit.count)

    def _green(self, coverage: Coverage) -> bool:
        """Whether most instances said something, in float64 and in balls."""
        unknown = len(self.audit.certificates.open)
        return coverage.undecided <= coverage.evaluated and 2 * unknown <= self.audit.count

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
        parts.append(not_looked_at(self.claim, self.samples()))
        return "; ".join(parts)

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
        if "symbolic" in self.symbolic and self.symbolic["symbolic"].conclusion is not (
            Conclusion.HOLDS
        ):
            notes.append(f"symbolic: {self.symbolic['symbolic'].message}")
        return tuple(notes)


def _joined(samples: list[Sample]) -> Sample:
    """Several samples of draws as one."""
    worst = sorted((item for s in samples for item in s.worst), key=lambda item: -item[0])
    coverage = sum((s.coverage for s in samples), Coverage())
    strange = [instance for s in samples for instance in s.strange]
    return Sample(coverage, worst, strange, sum(s.ties for s in samples))


def not_looked_at(claim: Claim, samples: list[Sample]) -> str:
    """What a green says nothing about: sizes beyond the drawn ones; and the share of ties."""
    parts = []
    largest = claim.instances.largest()
    if largest:
        parts.append("not looked at: " + ", ".join(f"{s} > {n}" for s, n in largest.items()))
    drawn = samples[0].coverage.evaluated
    if drawn and samples[0].ties and claim.kind != "identity":
        parts.append(f"{100 * samples[0].ties / drawn:.2g} % of the first {drawn} draws are ties")
    searched = samples[-1].coverage.drawn
    parts.append(f"{searched} evaluations of the search")
    return "; ".join(parts)


def _shrink(claim: Claim, failing: tuple[Instance, ...], seconds: float) -> Instance:
    from .shrinking import shrink

    return shrink(claim, failing[0], seconds=max(5.0, seconds / 3), others=failing[1:])


def _both(claim: Claim, most: Instance, simplest: Instance) -> tuple[str, ...]:
    """The simplest counterexample in decimals, then the one that fails most."""
    if most == simplest:
        return facts(claim, simplest)
    return (*facts(claim, simplest), "", "it fails most at", *facts(claim, most))


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
    verdict = sampled(found)
    return Verdict(
        verdict.conclusion,
        Evidence.SEARCHED,
        verdict.coverage,
        verdict.log_ratio,
        verdict.instances,
        verdict.message,
    )


def _by_plugin(claim: Claim, seconds: float, seed: int, instances: tuple[Instance, ...]) -> Outcome:
    rungs: dict[str, Verdict] = {}
    name = "statistical" if claim.kind == "probabilistic" else "orders"
    module = plugin(name)
    if module is None:
        raise ClaimError(f"{claim.id}: the rung for {claim.kind} claims is not installed")
    options = {"instances": instances} if name == "statistical" else {}
    verdict: Verdict = getattr(module, name)(claim, seconds=seconds, seed=seed, **options)
    text, described = "", cast(tuple[str, ...], ())
    if verdict.conclusion is Conclusion.REFUTED:
        from .refuted import simplest

        most = verdict.instances[0]
        simple = simplest(claim, most, seconds=max(5.0, seconds / 3), seed=seed)
        verdict = replace(verdict, instances=(most, simple))
        text, described = reproducer(claim, simple, seed), _both(claim, most, simple)
    rungs["statistical" if claim.kind == "probabilistic" else "sampled"] = verdict
    _add_symbolic(claim, rungs)
    return Outcome(
        claim.id, claim.kind, claim.section, claim.source, verdict, rungs,
        reproducer=text, facts=described,
    )  # fmt: skip


def _add_symbolic(claim: Claim, rungs: dict[str, Verdict]) -> None:
    if claim.symbolic is not None:
        module = plugin("symbolic")
        if module is not None:
            rungs["symbolic"] = module.symbolic(claim)


def _with_steps(outcome: Outcome, steps: tuple[Outcome, ...]) -> Outcome:
    """A step that fails is reported by name; it does not change the claim's own verdict."""
    bad = tuple(
        f"the step {step.id} is {step.conclusion.value}" for step in steps if step.conclusion.bad
    )
    return replace(outcome, steps=steps, notes=outcome.notes + bad)


def plugin(name: str) -> Any:
    """The module of a rung, or None where it is absent."""
    full = f"{__package__}.{name}"
    return importlib.import_module(full) if importlib.util.find_spec(full) else None


__all__ = ["certify", "failed", "preflight", "verify"]
