"""Hypothesis as a searcher: its simple numbers hit exact ties, and `target` climbs from them."""

from __future__ import annotations

import math
from collections.abc import Callable

from ..instances import Instance
from .trials import NEGATIVE, Trials


def targeted(
    trials: Trials, seed: int, examples: int, show: Callable[[Instance, float], None]
) -> None:
    """Run Hypothesis with `target` on log(left/right); raises `SpentError` when `trials` does.

    Parameters
    ----------
    trials : Trials
        Evaluates and counts.
    seed : int
        Of Hypothesis; there is no database, so that nothing else decides what is tried.
    examples : int
        How many.
    show : function of (Instance, value)
        Called with every instance worth something.
    """
    import hypothesis
    from hypothesis import HealthCheck, Phase, given, settings, target

    @hypothesis.seed(seed)
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=False,
        phases=(Phase.generate, Phase.target),
        print_blob=False,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    @given(trials.claim.instances.strategy())
    def body(instance: Instance) -> None:
        value = trials.attempt(instance).value
        if math.isfinite(value):
            target(max(value, 2 * NEGATIVE), label="log(left/right)")
        if value > -math.inf:
            show(instance, value)

    before = trials.best
    try:
        body()
    finally:
        trials.best = before
