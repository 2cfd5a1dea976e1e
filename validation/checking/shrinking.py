"""From a violating instance to a simpler one that a person can check."""

from __future__ import annotations

import math
import time

import numpy as np

from ..claims import Claim
from ..instances import Instance
from ..instances.product import complexity
from ..verdict import Conclusion
from .certified import certify
from .evaluation import score


def shrink(claim: Claim, instance: Instance, *, seconds: float = 10.0) -> Instance:
    """Simplify while the violation stays certified and keeps half of its margin.

    Greedy: the first simpler neighbour that still fails is taken, until none does. The margin is
    log(left/right), so that rounding does not turn a gross violation into a marginal one.
    """
    end = time.monotonic() + seconds
    with np.errstate(all="ignore"):
        margin = score(claim, instance).log_ratio
        least = margin / 2 if math.isfinite(margin) and margin > 0 else 0.0
        current = instance
        again = True
        while again and time.monotonic() < end:
            again = False
            for candidate in claim.instances.simpler(current):
                if time.monotonic() > end:
                    break
                if complexity(candidate) >= complexity(current):
                    continue
                found = score(claim, candidate)
                if found.met and not found.log_ratio < least and _fails(claim, candidate):
                    current, again = candidate, True
                    break
    return current


def _fails(claim: Claim, instance: Instance) -> bool:
    return certify(claim, instance).conclusion is Conclusion.VIOLATED
