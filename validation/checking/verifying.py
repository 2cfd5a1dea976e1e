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
from .certified import certified, certify
from .describing import facts
from .evaluation import NUMERICAL, fault, hypothesis, score, sides
from .randomness import spawn
from .reproducer import reproducer
from .sampled import Sample, check_acceptance, draw_sample, drawn, sampled

QUICK_SECONDS = 1.0
FULL_SECONDS = 10.0
QUICK_DRAWS = 300
FULL_DRAWS = 5000
CERTIFIED = 6
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
        An error of the claim itself (`Outcome.error`) is a result, not an exception.
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
    steps = tuple(verify(step, quick=quick, budget=seconds, seed=seed) for step in claim.steps)
    outcome = _with_steps(outcome, steps)
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
    rungs: dict[str, Verdict] = {}
    share = 0.3 * seconds
    sample = draw_sample(
        claim, count=QUICK_DRAWS if quick else FULL_DRAWS, seed=seed, seconds=share
    )
    rungs["sampled"] = sampled(sample)
    samples = [sample]
    search = plugin("searched")
    if search is not None:
        # Not from the worst draws: a longer run must begin with the trials of a shorter one.
        found = search.search(claim, (), seconds=seconds - share, seed=seed)
        rungs["searched"] = searched_verdict(found)
        samples.append(found)
    chosen = _most_suspicious(samples)
    rungs["certified"] = proof = certified(claim, [*instances, *chosen])
    _add_symbolic(claim, rungs)
    coverage = sum((s.coverage for s in samples), Coverage())
    verdict = _overall(proof, coverage)
    text, described = "", cast(tuple[str, ...], ())
    if proof.conclusion is Conclusion.VIOLATED:
        most = proof.instances[0]
        simplest = _shrink(claim, proof.instances, seconds)
        verdict = Verdict(
            proof.conclusion,
            proof.evidence,
            coverage,
            proof.log_ratio,
            (most, simplest),
            proof.message,
        )
        text, described = reproducer(claim, simplest), _both(claim, most, simplest)
    notes: tuple[str, ...] = ()
    if claim.kind != "identity" and -math.inf < verdict.log_ratio < LOOSE:
        notes = (
            f"loose: the largest ratio seen is {verdict.ratio:.2g}, or its instances are tame",
        )
    return Outcome(
        claim.id, claim.kind, claim.section, claim.source, verdict, rungs,
        reproducer=text, notes=notes, facts=described,
    )  # fmt: skip


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


def _overall(proof: Verdict, coverage: Coverage) -> Verdict:
    """What the certificates say of the whole; not green where most instances said nothing."""
    conclusion, message = proof.conclusion, proof.message
    if proof.conclusion in (Conclusion.HOLDS, Conclusion.TIGHT):
        evaluated = proof.coverage.evaluated
        message = (
            f"no violation in {coverage.evaluated} instances; certified on the {evaluated} worst: "
            f"{proof.message}"
        )
        if coverage.undecided:
            message += f"; float64 broke down on {coverage.undecided} more"
        if coverage.undecided > coverage.evaluated:
            conclusion = Conclusion.UNDECIDED
            message = f"float64 broke down on most instances; {message}"
    return Verdict(conclusion, proof.evidence, coverage, proof.log_ratio, proof.instances, message)


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
