"""Hypothesis as a finder: its simple numbers hit exact ties that generic draws never do."""

from __future__ import annotations

import math

import numpy as np

from validation.arithmetic import Unsupported
from validation.arithmetic.values import Value
from validation.checking.certified import certify
from validation.checking.evaluation import NUMERICAL, score
from validation.claims import Claim
from validation.instances import Instance
from validation.verdict import Conclusion


def hypothetical(claim: Claim) -> Instance | None:
    """The smallest violating instance that Hypothesis finds with the settings in force, if any.

    A violation counts when it is certified; `target` steers towards large left/right.
    """
    if not claim.deterministic:
        return None
    from hypothesis import HealthCheck, Phase, given, settings, target

    phases = (Phase.generate, Phase.target, Phase.shrink)
    failing: list[Instance] = []

    @settings(
        settings.default,
        deadline=None,
        database=None,
        phases=phases,
        print_blob=False,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    @given(claim.instances.strategy())
    def body(instance: Instance) -> None:
        with np.errstate(all="ignore"):
            found = score(claim, instance)
        if not found.met:
            return
        if math.isfinite(found.log_ratio):
            target(found.log_ratio, label="log(left/right)")
        if not found.log_ratio <= 0 and _violates(claim, instance):
            failing.append(instance)
            raise _FoundError

    try:
        body()
    except _FoundError:
        return failing[-1]
    return None


class _FoundError(Exception):
    """Tells Hypothesis that an instance violates."""


def _violates(claim: Claim, instance: Instance) -> Value:
    try:
        return certify(claim, instance).conclusion is Conclusion.VIOLATED
    except (*NUMERICAL, Unsupported):
        return False
