r"""`others.pick_to_learn`: the risk of a sample compression, from the size of its set alone.

Paccagnan, Campi and Garatti 2023. A learner that keeps T of n sequences, such that the network
learned from T alone makes no error on the rest and more of what it misjudges only enlarges T
(a preferent compression), has, with probability >= 1 - delta, a risk of at most the solution eps of

    (delta/n) sum_{m=k}^{n-1} (C(m, k)/C(n, k)) (1 - eps)^{m - n} = 1,  k = |T|,

for all k < n at once (Campi, Garatti 2023). The left side grows with eps.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.special import gammaln

from bounds.assembly import CONFIDENCE
from bounds.others.test_set_binomial import test_set_binomial
from bounds.problem import Problem
from bounds.rounding import log_up, roundings
from bounds.terms import IID, VALID, Bound, Condition, Term, violated
from pruning.bisection import last_holding
from pruning.checks import integer, probability

SOURCE = (
    "Paccagnan, Campi, Garatti, NeurIPS 2023 and Campi, Garatti, JMLR 2023 (as read in public "
    "code and summaries); theory, section 9"
)


def compression_risk(k: int, n: int, delta: float) -> float:
    """Return the eps of the equation of this module, rounded up; 1 for k = n.

    Parameters
    ----------
    k, n : int
        |T| and the number of sequences, 0 <= k <= n, n >= 1.
    delta : float
        Failure probability in (0, 1).
    """
    n = integer("n", n, 1)
    k = integer("k", k, 0, n)
    log_price = math.log(probability("delta", delta)) - math.log(n)
    if k == n:
        return 1.0
    m = np.arange(k, n, dtype=np.float64)
    logs = gammaln(m + 1) - gammaln(m - k + 1) - float(gammaln(n + 1) - gammaln(n - k + 1))
    error = roundings(64, 1 + 2 * float(gammaln(n + 2)))

    def certainly_above(eps: float) -> bool:
        steps = (n - m) * -math.log1p(-eps)
        exponents = logs + steps
        top = float(exponents.max())
        value = log_price + top + math.log(math.fsum(np.exp(exponents - top)))
        return value - error - roundings(8, float(steps.max())) > 0

    return last_holding(certainly_above, math.nextafter(1.0, 0.0), 0.0, rtol=roundings(4))


def pick_to_learn(problem: Problem, size: int, *, picked: bool = False) -> Bound:
    """Return the bound for a network that was learned from `size` of the n sequences.

    Parameters
    ----------
    problem : Problem
    size : int
        |T|.
    picked : bool
        Whether the network is that of a pick-to-learn loop, which ended without an error outside
        of T. Nothing in the network shows it; without it the label says what is missing.
    """
    n = problem.n
    risk = compression_risk(size, n, problem.delta)
    inputs = {"n": n, "|T|": size, "delta": problem.delta}
    notes = []
    if problem.x_test is not None:
        held_out = test_set_binomial(problem).total
        notes.append(f"The binomial bound of the held-out data is {held_out:.4g}.")
    return Bound(
        "others.pick_to_learn",
        r"\operatorname{err} \le \epsilon:\; \frac{\delta}{n}\sum_{m=k}^{n-1}"
        r"\frac{\binom mk}{\binom nk}(1-\epsilon)^{m-n} = 1,\; k = |T|",
        (Term(CONFIDENCE, log_up(risk), r"\epsilon(|T|, n, \delta)", SOURCE, inputs),),
        VALID if picked else violated("a network learned from |T| sequences by pick-to-learn"),
        (
            IID,
            Condition(
                "preferent compression",
                True if picked else None,
                f"Learned from {size} sequences, without an error on the other {n - size}.",
            ),
        ),
        tuple(notes),
    )
