"""Hypothesis as a searcher: its simple numbers hit exact ties, and `target` climbs from them."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator

from validation.checking.trials import NEGATIVE, Trials
from validation.instances import Instance


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
        with _seed_alone():
            body()
    finally:
        trials.best = before


@contextlib.contextmanager
def _seed_alone() -> Iterator[None]:
    """Let nothing but the seed decide what Hypothesis tries.

    It also draws constants that it finds in the modules that happen to be loaded. No setting turns
    that off; where a version has other names for it, the constants stay.
    """
    from hypothesis.internal.conjecture import providers

    cache = getattr(getattr(providers, "CONSTANTS_CACHE", None), "cache", None)
    collect = getattr(providers, "_get_local_constants", None)
    if cache is None or collect is None:
        yield
        return
    nothing = type(collect())()
    cache.clear()
    providers._get_local_constants = lambda: nothing
    try:
        yield
    finally:
        providers._get_local_constants = collect
        cache.clear()
