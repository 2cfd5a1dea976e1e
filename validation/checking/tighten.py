r"""How small a constant may be: the smallest value at which no violation was found.

For one instance the smallest value of the constant that makes the statement true is a root in one
unknown. Where both sides are products of a power of the constant, which shows in a sample, it is
one evaluation away. The search of `searched` then looks for the instance whose value is largest,
which is the one that stops the constant. It is certified: the statement is violated on it a little
below the value, and not at the value.

A constant that makes the statement stronger as it grows is tightened upwards. One that does neither
throughout is bisected, with a search at every value.

What is printed was tried: at the value itself every instance known is certified and a search of its
own is run (`tried`); where that finds a violation, or instances on which a side is lost, the value
moves on. What is not a number, or has no positive right side, is a wall and not a passage.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from validation.checking.bisecting import bisected
from validation.checking.certified import check_hypotheses
from validation.checking.evaluation import score
from validation.checking.randomness import spawn
from validation.checking.sampled import drawn
from validation.checking.searched import run
from validation.checking.standing import SHOWN, TRIES, concluded
from validation.checking.thresholds import Thresholds, find_law
from validation.checking.tightened import Tightened
from validation.checking.trials import Progress, SpentError
from validation.checking.tried import Effort, Tried
from validation.claims import Claim, ClaimError
from validation.instances import Instance
from validation.verdict import Conclusion

DRAWS = 300
SEARCHING = 0.7  # share of the budget; the rest tries the value


def tighten(
    claim: Claim,
    constant: str,
    *,
    seconds: float = 30.0,
    seed: int = 0,
    max_evaluations: int | None = None,
    start: Sequence[Instance] = (),
    progress: Progress | None = None,
) -> Tightened:
    """Find the tightest value of a constant at which no violation is found.

    Parameters
    ----------
    claim : Claim
        An inequality, scalar, elementwise or in the Loewner order.
    constant : str
        Its name; the others stay as they are.
    seconds, seed, max_evaluations, progress
        As for `search`.
    start : sequence of Instance
        Where to begin, besides random draws.

    Raises
    ------
    ClaimError
        If there is no such constant, or the claim is not an inequality.
    """
    begun = time.monotonic()
    if claim.kind not in ("inequality", "loewner"):
        why = "an identity has no slack" if claim.kind == "identity" else f"it is {claim.kind}"
        raise ClaimError(f"{claim.id}: only the constants of inequalities are tightened; {why}")
    published = claim.with_constants(**{constant: claim.constants.get(constant, 0)}).constants
    effort = Effort(seconds, max_evaluations, seed)
    with np.errstate(all="ignore"):
        draws = _draws(claim, seed)
        instances = [*start, *draws]
        if not _admissible(claim, instances):
            raise ClaimError(
                f"{claim.id}: none of {len(instances)} instances certainly meets the hypotheses, "
                f"so no value of {constant} can be tried"
            )
        law = find_law(claim, constant, instances)
        if law.effect == 0 or published[constant] <= 0:
            found = bisected(claim, constant, effort, start=start, draws=draws)
        else:
            searching = effort.part(SEARCHING)
            thresholds = Thresholds(
                claim,
                constant,
                law,
                seconds=searching.seconds,
                most=searching.most,
                progress=progress,
            )
            _search(thresholds, instances, seed)
            known = [instance for _, instance in thresholds.ranked] or draws[:SHOWN]
            trying = effort.less(searching).shared(TRIES)
            found = concluded(thresholds, Tried(claim, constant, trying, known=known))
    return found.noted(time.monotonic() - begun)


def _admissible(claim: Claim, instances: list[Instance]) -> bool:
    """Whether any of them certainly meets all hypotheses."""
    met = (instance for instance in instances if score(claim, instance).met)
    return any(
        all(state is Conclusion.HOLDS for state in check_hypotheses(claim, instance).values())
        for instance in met
    )


def _draws(claim: Claim, seed: int) -> list[Instance]:
    rng = spawn(seed, "tighten", 0)
    return [drawn(claim, rng) for _ in range(DRAWS)]


def _search(thresholds: Thresholds, start: list[Instance], seed: int) -> None:
    """Look for the instances that need the most, until the trials are spent."""
    try:
        run(thresholds.trials, start, spawn(seed, "tighten", 1), seed)
    except SpentError:
        thresholds.trials.finish()


__all__ = ["Tightened", "tighten"]
