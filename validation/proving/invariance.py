"""Test a declared invariance: along a ray both sides are multiplied by one positive number.

Every instance is scaled a little, and far beyond what is drawn: what is the same at the sizes that
are drawn (a maximum with a tiny number, a minimum with a huge one) shows only there.

So are both sides of every hypothesis: only then does an instance stand for its whole ray.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from validation.arithmetic import RATIONALS, Unsupported, balls
from validation.checking.evaluation import NUMERICAL, pair
from validation.claims import Claim, ClaimError
from validation.instances import Instance
from validation.instances.factors import ArrayFactor, Factor, Positive, Real
from validation.instances.matrices import Covariance, Spectrum

TRIALS = 12
SCALE = 4.0  # its square root is exact
POWERS = (1, -1, 20, -20, 200, -200)  # of SCALE: from 2^-400 to 2^400


def check_invariance(claim: Claim, seed: int = 0) -> None:
    """Compare the sides on drawn instances and on the same instances scaled.

    Raises
    ------
    ClaimError
        Where the declared invariance certainly fails, or could not be tried on any instance.
    """
    for name in claim.invariance:
        if not _can_scale(claim.instances.factors[name]):
            raise ClaimError(
                f"{claim.id} ({claim.location}): the declared invariance names {name}, a "
                f"{type(claim.instances.factors[name]).__name__}, of which no multiple is another"
            )
    rng = np.random.default_rng(seed)
    tried = 0
    for _ in range(20 * TRIALS):
        instance = claim.instances.sample(rng)
        outcomes = [_scales(claim, instance, power) for power in POWERS]
        if False in outcomes:
            raise ClaimError(
                f"{claim.id} ({claim.location}): the declared invariance {dict(claim.invariance)} "
                f"fails on {instance!r}: the sides of the claim, or of a hypothesis, are not "
                "multiplied by one positive number"
            )
        tried += outcomes[0] is True
        if tried >= TRIALS:
            return
    if not tried:
        raise ClaimError(
            f"{claim.id} ({claim.location}): the declared invariance could not be tried on any "
            "drawn instance"
        )


def _can_scale(factor: Factor) -> bool:
    """Whether multiples of what is drawn are meant; weights that sum to 1 stay as they are."""
    if isinstance(factor, Covariance | Spectrum | Positive | Real):
        return True
    return isinstance(factor, ArrayFactor) and type(factor).realise is Factor.realise


def _scales(claim: Claim, instance: Instance, power: int) -> bool | None:
    """Whether the sides scale; None where no arithmetic can tell."""
    try:
        scaled = _scaled(claim, instance, power)
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


def _scaled(claim: Claim, instance: Instance, power: int) -> Instance:
    """The instance scaled by SCALE^power, exactly.

    Raises
    ------
    OverflowError
        Where floats cannot hold it.
    """
    raw = dict(instance.raw)
    for name, degree in claim.invariance.items():
        factor = claim.instances.factors[name]
        of_raw = float(degree) / 2 if isinstance(factor, Covariance) else float(degree)
        if not (2 * of_raw).is_integer():
            raise ClaimError(
                f"{claim.id}: the degree of {name} must be a multiple of 1/2, got {degree}"
            )
        shift = round(2 * of_raw) * power  # SCALE is 2^2
        scaled = np.ldexp(raw[name], shift)
        if not np.isfinite(scaled).all() or np.any(np.ldexp(scaled, -shift) != raw[name]):
            raise OverflowError
        raw[name] = float(scaled) if isinstance(raw[name], float) else scaled
    return Instance(instance.sizes, raw)
