"""Test a declared invariance: along a ray both sides are multiplied by one positive number.

So are both sides of every hypothesis: only then does an instance stand for its whole ray.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from validation.arithmetic import RATIONALS, Unsupported, balls
from validation.checking.evaluation import NUMERICAL, pair
from validation.claims import Claim, ClaimError
from validation.instances import Instance
from validation.instances.matrices import Covariance

TRIALS = 12
SCALE = 4.0  # its square root is exact


def check_invariance(claim: Claim, seed: int = 0) -> None:
    """Compare the sides on drawn instances and on the same instances scaled.

    Raises
    ------
    ClaimError
        Where the declared invariance certainly fails, or could not be tried on any instance.
    """
    rng = np.random.default_rng(seed)
    tried = 0
    for _ in range(20 * TRIALS):
        instance = claim.instances.sample(rng)
        outcome = _scales(claim, instance)
        if outcome is False:
            raise ClaimError(
                f"{claim.id} ({claim.location}): the declared invariance {dict(claim.invariance)} "
                f"fails on {instance!r}: the sides of the claim, or of a hypothesis, are not "
                "multiplied by one positive number"
            )
        tried += outcome is True
        if tried >= TRIALS:
            return
    if not tried:
        raise ClaimError(
            f"{claim.id} ({claim.location}): the declared invariance could not be tried on any "
            "drawn instance"
        )


def _scales(claim: Claim, instance: Instance) -> bool | None:
    """Whether the sides scale; None where no arithmetic can tell."""
    try:
        scaled = _scaled(claim, instance)
    except OverflowError:
        return None
    for arithmetic in (RATIONALS, balls(256)):
        try:
            with arithmetic.active():
                a, b = (_pairs(arithmetic, claim, x) for x in (instance, scaled))
                return _all_proportional(a, b)
        except (*NUMERICAL, Unsupported):
            continue
    return None


def _pairs(arithmetic: Any, claim: Claim, instance: Instance) -> list[list[Any]]:
    """Both sides of the body and of every hypothesis, since all of them must scale."""
    values = claim.instances.realise(instance, arithmetic)
    found = []
    for function in (claim.body, *claim.hypotheses.values()):
        left, right = pair(claim, function, values, arithmetic)
        asarray = arithmetic.xp.asarray
        found.append([*asarray(left).flat(), *asarray(right).flat()])
    return found


def _all_proportional(a: list[list[Any]], b: list[list[Any]]) -> bool | None:
    """Whether each pair scales by a positive number of its own; None where none can be told."""
    answers = [_proportional(x, y) for x, y in zip(a, b)]
    return False if False in answers else answers[0]


def _proportional(a: list[Any], b: list[Any]) -> bool | None:
    """Whether b is a positive multiple of a, as far as the arithmetic sees."""
    if len(a) != len(b):
        return False
    for x, y in zip(a, b):
        if (x > 0 and y < 0) or (x < 0 and y > 0):
            return False
        if (x == 0 and y != 0) or (x != 0 and y == 0):
            return False
    pivot = next((i for i, x in enumerate(a) if x > 0 or x < 0), None)
    if pivot is None:
        return None
    return not any(x * b[pivot] != y * a[pivot] for x, y in zip(a, b))


def _scaled(claim: Claim, instance: Instance) -> Instance:
    raw = dict(instance.raw)
    for name, degree in claim.invariance.items():
        factor = claim.instances.factors[name]
        power = float(degree) / 2 if isinstance(factor, Covariance) else float(degree)
        scale = SCALE**power
        if scale != 2.0 ** round(np.log2(scale)):
            raise ClaimError(
                f"{claim.id}: the degree of {name} must be a multiple of 1/2, got {degree}"
            )
        value = raw[name]
        raw[name] = float(value) * scale if isinstance(value, float) else np.asarray(value) * scale
    return Instance(instance.sizes, raw)
