"""`verify`: one claim up all the rungs that apply to it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np

from validation.arithmetic import FLOAT64, RATIONALS, Arithmetic, Relation, Unsupported, balls
from validation.arithmetic.arithmetics import Order
from validation.arithmetic.values import Value
from validation.checking.deterministic import both, check_deterministic, outcome_of
from validation.checking.evaluation import NUMERICAL, fault, hypothesis, score, sides
from validation.checking.limits import OUT_OF_TIME
from validation.checking.orders import orders
from validation.checking.randomness import spawn
from validation.checking.refuted import simplest
from validation.checking.reproducer import reproducer
from validation.checking.sampled import check_acceptance, drawn
from validation.checking.statistical import statistical
from validation.checking.symbolic import symbolic
from validation.claims import Body, Claim, ClaimError
from validation.instances import Instance
from validation.verdict import Conclusion, Coverage, Evidence, Outcome, Verdict

QUICK_SECONDS = 1.0
FULL_SECONDS = 10.0
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

    Examples
    --------
    >>> from rnnbounds import load_claim, verify
    >>> outcome = verify(load_claim("dof.range"), quick=True, budget=0.1)
    >>> outcome.conclusion.value
    'holds'
    """
    start = time.monotonic()
    seconds = budget if budget is not None else QUICK_SECONDS if quick else FULL_SECONDS
    seconds /= 1 + len(claim.steps)
    try:
        preflight(claim, seed)
        if claim.deterministic:
            outcome = check_deterministic(claim, quick, seconds, seed, instances)
        else:
            outcome = _repeated(claim, seconds, seed, instances)
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
    return outcome_of(claim, verdict, {}, error=message)


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


def _everywhere(
    claim: Claim, function: Body, evaluate: Callable[[Arithmetic], tuple[Value, Value]]
) -> int:
    """In how many arithmetics the sides are finite; raises where no exact one has what they need.

    Numerical trouble in all of them is raised on.
    """
    finite = 0
    unsupported: dict[str, ClaimError] = {}
    troubles: list[Exception] = []
    order: Order = claim.order if function is claim.body else "elementwise"
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


def _any_sides(
    claim: Claim, instance: Instance, seed: int, arithmetic: Arithmetic
) -> tuple[Value, Value]:
    rng = spawn(seed, "first draw") if claim.kind == "probabilistic" else None
    x = arithmetic.lift(float(claim.ladder[0])) if claim.ladder else None
    return sides(claim, instance, arithmetic, rng=rng, x=x)


def _repeated(claim: Claim, seconds: float, seed: int, instances: tuple[Instance, ...]) -> Outcome:
    """A claim that needs many draws, or a ladder."""
    text = ""
    described: tuple[str, ...] = ()
    if claim.kind == "order":
        verdict, name = orders(claim, seconds=seconds, seed=seed), "sampled"
    else:
        verdict = statistical(claim, seconds=seconds, seed=seed, instances=instances)
        name = "statistical"
    if verdict.conclusion is Conclusion.REFUTED:
        most = verdict.instances[0]
        simple = simplest(claim, most, seconds=max(5.0, seconds / 3), seed=seed)
        verdict = replace(verdict, instances=(most, simple))
        text, described = reproducer(claim, simple, seed), both(claim, most, simple)
    rungs = {name: verdict}
    if claim.symbolic is not None:
        rungs["symbolic"] = symbolic(claim)
    late = verdict.message.startswith(OUT_OF_TIME)
    return outcome_of(claim, verdict, rungs, reproducer=text, facts=described, late=late)


def _with_steps(outcome: Outcome, steps: tuple[Outcome, ...]) -> Outcome:
    """A step that fails is reported by name; it does not change the claim's own verdict."""
    bad = tuple(
        f"the step {step.id} is {step.conclusion.value}" for step in steps if step.conclusion.bad
    )
    return replace(outcome, steps=steps, notes=outcome.notes + bad)
