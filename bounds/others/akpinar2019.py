r"""`others.akpinar2019`: the order of Akpinar, Kratzwald, Feuerriegel. Never a certified number."""

from __future__ import annotations

import math

from bounds.problem import Problem
from bounds.rounding import add_up, log_up
from bounds.terms import IID, ORDER_ONLY, Bound, Condition, Term


def akpinar2019(problem: Problem) -> Bound:
    """The gap eps at which a^4 T/eps^2 samples are asked for: sqrt(a^4 T/n), a hidden nodes."""
    a, T, n = problem.rnn.m, problem.T, problem.n
    value = add_up(2 * log_up(a), math.log(T) / 2, -math.log(n) / 2)
    source = "Akpinar, Kratzwald, Feuerriegel, 2019 (order as read); theory, section 9"
    rectified = problem.rnn.activation.name == "relu"
    return Bound(
        "others.akpinar2019",
        r"n = \tilde O(a^4 T/\epsilon^2)",
        (Term("order of the gap", value, r"\sqrt{a^4 T/n}", source, {"a": a, "T": T, "n": n}),),
        ORDER_ONLY,
        (
            IID,
            Condition("rectified units", rectified, f"s is {problem.rnn.activation.name}."),
        ),
        ("An order without its constants and logarithms: no number follows from it.",),
    )
