"""From an instance on which a probabilistic claim is refuted to a simpler one.

Every step is a test of its own at a false-alarm probability of 1e-9; a run makes fewer than a
thousand of them, and only for a claim that is refuted already. All take their draws from the run's
seed, so that the test which refuted the last instance is the one that a reproducer repeats.
"""

from __future__ import annotations

import time

from validation.checking.shrinking import kept_margin, simpler
from validation.checking.statistical import statistical
from validation.claims import Claim, ClaimError
from validation.instances import Instance
from validation.instances.product import complexity
from validation.verdict import Conclusion

DRAWS = 1500
MANY = 20_000
MOST = 999


def simplest(claim: Claim, instance: Instance, *, seconds: float, seed: int) -> Instance:
    """The simplest instance found on which the claim is refuted too.

    At least half of log(observed/permitted failure rate) is kept, or a rate of twice what is
    permitted, whichever is less.

    Parameters
    ----------
    claim : Claim
        A probabilistic one.
    instance : Instance
        From a verdict *refuted*; returned as it is where its own draws do not refute the claim.
    seconds : float
        Time limit.
    seed : int
        Of the draws, the same for every candidate.
    """
    end = time.monotonic() + seconds
    tests = 0

    def margin(candidate: Instance, draws: int) -> float | None:
        """The log ratio, where the claim is refuted on this instance alone."""
        nonlocal tests
        tests += 1
        try:
            verdict = statistical(
                claim,
                seconds=max(end - time.monotonic(), 0.1),
                seed=seed,
                instances=(candidate,),
                draws=draws,
                audit=False,
            )
        except ClaimError:  # the hypotheses reject it
            return None
        return verdict.log_ratio if verdict.conclusion is Conclusion.REFUTED else None

    draws = DRAWS
    first = margin(instance, draws)
    if first is None:  # a rate that is a little too high, or a small one
        draws = MANY
        first = margin(instance, draws)
    if first is None:
        return instance
    improved = True
    while improved:
        improved = False
        for candidate in simpler(claim, instance):
            if time.monotonic() > end or tests >= MOST:
                return instance
            if not complexity(candidate) < complexity(instance):
                continue
            found = margin(candidate, draws)
            if found is not None and found >= kept_margin(first):
                instance, improved = candidate, True
                break
    return instance
