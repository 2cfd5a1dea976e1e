"""`others.test_set_binomial`: Clopper and Pearson's upper end on held-out data."""

from __future__ import annotations

import math

from bounds.assembly import CONFIDENCE
from bounds.binomial import upper_risk
from bounds.problem import Problem
from bounds.rounding import log_up, raised
from bounds.terms import IID, VALID, Bound, Condition, Term

SOURCE = "Langford, JMLR 2005; theory, sections 8 and 9"


def test_set_binomial(problem: Problem) -> Bound:
    """sup{p: P(Bin(n, p) <= k) >= delta}, k errors among n test sequences; one-sided."""
    n = len(problem.test_margins)
    k = int((problem.test_margins <= 0).sum())
    upper = upper_risk(k, n, raised(-math.log(problem.delta), 2))
    inputs = {"n": n, "errors": k, "delta": problem.delta}
    return Bound(
        "others.test_set_binomial",
        r"\operatorname{err} \le \sup\{p: P(\operatorname{Bin}(n,p)\le k)\ge\delta\}",
        (
            Term("held-out error", log_up(k / n), "k/n", "measured on the test set", inputs),
            Term(
                CONFIDENCE,
                log_up(raised(max(upper - k / n, 0.0), 2)),
                r"\sup\{p: P(\operatorname{Bin}(n,p)\le k)\ge\delta\} - k/n",
                SOURCE,
                inputs,
            ),
        ),
        VALID,
        (
            IID,
            Condition("held-out data", None, "Nothing may have been chosen on the test sequences."),
        ),
    )


# The name is that of the theory, and no test.
test_set_binomial.__test__ = False  # type: ignore[attr-defined]
