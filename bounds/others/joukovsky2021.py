r"""`others.joukovsky2021`: Joukovsky, Mukherjee, Van Luong, Deligiannis, UAI 2021, Theorem 3.3.

At depth 1. As read, the last constant was the smaller of a 2-norm and a 1-norm of the rows of W_o,
which is always the 2-norm; with it the statement is false (see the tests), so the 1-norm is used.
"""

from __future__ import annotations

import math

from bounds.assembly import COMPLEXITY, CONFIDENCE
from bounds.others.unbiased import row_norm
from bounds.problem import Problem, radii_condition
from bounds.rounding import add_up, log_sum_up, log_up, raised
from bounds.terms import FIXED_RADII, IID, Bound, Condition, Term, violated

SOURCE = "Joukovsky et al., UAI 2021, Theorem 3.3 at depth 1 (as read); theory, section 9"


def joukovsky2021(problem: Problem) -> Bound:
    """Ramp risk + (2c/gamma) Rad + 4 sqrt(2 log(4/delta)/n), from l1-norms of rows.

    Rad <= sqrt(2 (4 T log 2 + log d_x + log m)/n) b B_x sum_{t<T} a^t: a, b, c are the largest row
    l1-norms of W_h, W_i and W_o, B_x the largest root mean square over the sample of an input
    coordinate at any step; h_0 = 0. Biases become a constant input and node.
    """
    plain, n, T = problem.unbiased.rnn, problem.n, problem.T
    a, b, c = (row_norm(W) for W in (plain.w_hidden, plain.w_input, plain.w_output))
    B_x = raised(math.sqrt(problem.unbiased.diagonal), 128)
    log_rad = log_rademacher(a, b, B_x, T, plain.d_x, max(plain.m, 1), n)
    gap = add_up(math.log(2), log_up(c), -math.log(problem.gamma), log_rad)
    s = problem.rnn.activation
    fits = s.at_zero == 0 and s.lipschitz <= 1
    outputs = problem.rnn.d_y
    label = FIXED_RADII
    if not fits:
        label = violated("s is 1-Lipschitz with s(0) = 0")
    elif outputs > 1:
        label = violated(f"one output; the dependence on q = {outputs} classes was not checked")
    return Bound(
        "others.joukovsky2021",
        r"\Psi_\gamma \le \hat\Psi_\gamma + \frac{2c}{\gamma}\operatorname{Rad}"
        r" + 4\sqrt{\frac{2\log(4/\delta)}{n}}",
        (
            problem.empirical_term(),
            Term(
                COMPLEXITY,
                gap,
                r"\frac{2c}{\gamma}\sqrt{\frac{2(4T\log 2+\log d_x+\log m)}{n}}\,"
                r"b B_x \frac{a^T-1}{a-1}",
                SOURCE,
                {"a": a, "b": b, "c": c, "B_x": B_x, "T": T, "n": n, "m": plain.m},
            ),
            Term(
                CONFIDENCE,
                log_confidence(problem.delta, n),
                r"4\sqrt{\frac{2\log(4/\delta)}{n}}",
                SOURCE,
                {"delta": problem.delta, "n": n},
            ),
        ),
        label,
        (
            IID,
            Condition("s is 1-Lipschitz, s(0) = 0", fits, f"The activation is {s.name}."),
            Condition(
                "one output",
                True if outputs == 1 else None,
                f"q = {outputs}; how the bound depends on q was not checked.",
            ),
            radii_condition("a, b and c"),
            problem.gamma_condition(),
        ),
        ("c is the 1-norm: with the 2-norm, as read, a simulation contradicts the statement.",),
    )


def log_rademacher(a: float, b: float, B_x: float, T: int, d_x: int, m: int, n: int) -> float:
    """Return log of sqrt(2 (4 T log 2 + log d_x + log m)/n) b B_x sum_{t<T} a^t."""
    root = math.log(2 * (4 * T * math.log(2) + math.log(d_x) + math.log(m)) / n) / 2
    geometric = 0.0 if a == 0 else log_sum_up(t * math.log(a) for t in range(T))
    return add_up(root, log_up(b), log_up(B_x), geometric)


def log_confidence(delta: float, n: int) -> float:
    """Return log of 4 sqrt(2 log(4/delta)/n)."""
    return add_up(math.log(4), math.log(2 * math.log(4 / delta) / n) / 2)
