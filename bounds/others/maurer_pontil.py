r"""`others.maurer_pontil`: empirical Bernstein for a fixed predictor on held-out data."""

from __future__ import annotations

import math

import numpy as np

from bounds.assembly import CONFIDENCE
from bounds.problem import Problem
from bounds.rounding import log_up, raised
from bounds.sample import ramp
from bounds.terms import IID, VALID, Bound, Condition, Term, violated
from pruning.checks import Array, probability

SOURCE = "Maurer, Pontil, COLT 2009; theory, section 9"


def maurer_pontil(problem: Problem) -> Bound:
    """Test mean of the ramp loss + sqrt(2 V ln(2/delta)/n) + 7 ln(2/delta)/(3 (n - 1)), n >= 2."""
    losses = ramp(problem.test_margins, problem.gamma)
    n = len(losses)
    enough = n >= 2
    mean, root, rest = empirical_bernstein(losses, problem.delta)
    inputs = {"n": n, "delta": problem.delta}
    return Bound(
        "others.maurer_pontil",
        r"\Psi_\gamma \le \bar\psi + \sqrt{\frac{2V\ln(2/\delta)}{n}}"
        r" + \frac{7\ln(2/\delta)}{3(n-1)}",
        (
            Term(
                "held-out loss",
                log_up(mean),
                r"\bar\psi",
                "measured on the test set",
                {**inputs, "gamma": problem.gamma},
            ),
            Term(
                "deviation",
                log_up(root),
                r"\sqrt{\frac{2V\ln(2/\delta)}{n}}",
                SOURCE,
                inputs,
            ),
            Term(CONFIDENCE, log_up(rest), r"\frac{7\ln(2/\delta)}{3(n-1)}", SOURCE, inputs),
        ),
        VALID if enough else violated("n >= 2 held-out sequences"),
        (
            IID,
            Condition("n >= 2", enough, f"n = {n} held-out sequences."),
            Condition("held-out data", None, "Nothing may have been chosen on the test sequences."),
        ),
    )


def empirical_bernstein(losses: Array, delta: float) -> tuple[float, float, float]:
    """Return the three summands, each rounded up, for losses in [0, 1]; n = 1 gives mean, 0, 1."""
    n, log_term = len(losses), math.log(2 / probability("delta", delta))
    mean = math.fsum(losses) / n
    if n == 1:
        return mean, 0.0, 1.0
    variance = math.fsum(np.square(losses - mean)) / (n - 1)
    root, rest = math.sqrt(2 * variance * log_term / n), 7 * log_term / (3 * (n - 1))
    return raised(mean), raised(root, 16), raised(rest, 8)
