"""The smallest value of a constant, where the constant does not move all instances the same way."""

from __future__ import annotations

import math
from collections.abc import Sequence

from validation.checking.evaluation import score
from validation.checking.tightened import Tightened
from validation.checking.tried import Effort, Stop, Tried
from validation.claims import Claim
from validation.instances import Instance

STEPS = 12  # of a bisection
OUTWARDS = 6
WITHIN = 1e-3  # of the published value, or of 1 where that is 0


def bisected(
    claim: Claim,
    constant: str,
    effort: Effort,
    *,
    start: Sequence[Instance],
    draws: Sequence[Instance],
) -> Tightened:
    """The smallest value above which no search found a violation, by bisection.

    Parameters
    ----------
    claim, constant
        An inequality.
    effort : Effort
        Of all searches together.
    start : sequence of Instance
        What may speak against a value from the beginning.
    draws : sequence of Instance
        On which the ratio at the published value is seen.
    """
    tried = Tried(claim, constant, effort.shared(STEPS), known=start)
    published = claim.constants[constant]
    seen = [score(claim, instance).log_ratio for instance in draws]
    ratio = math.exp(min(max((r for r in seen if not math.isnan(r)), default=-700.0), 700.0))
    scale = abs(float(published)) or 1.0
    high, low = float(published), None
    stop = tried.stops(published)
    culprit: Stop | None = None
    for i in range(OUTWARDS):  # to a value that holds and one that does not
        if stop is not None:
            low, culprit, high = high, stop, high + scale * 2.0**i
            stop = tried.stops(high)
            if stop is None:
                break
        elif low is None:
            tighter = high - scale * 2.0 ** (i - 3)
            found = tried.stops(tighter)
            if found is not None:
                low, culprit = tighter, found
                break
            high = tighter
    value: float | None = high
    note = "bisected: the constant does not move all instances the same way"
    if stop is not None:
        value, low, culprit = None, high, stop
        note = f"no value of {constant} that was tried, up to {high:.6g}, stands"
    while value is not None and low is not None and value - low > WITHIN * scale:
        middle = (low + value) / 2
        found = tried.stops(middle)
        if found is None:
            value = middle
        else:
            low, culprit = middle, found
    return Tightened(
        claim=claim.id,
        constant=constant,
        published=published,
        value=value,
        upwards=False,
        fails_at=low,
        instance=None if culprit is None else culprit.instance,
        certified=culprit is not None and culprit.violated,
        ratio=ratio,
        coverage=tried.coverage,
        notes=(note,),
    )
