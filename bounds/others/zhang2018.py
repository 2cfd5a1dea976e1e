r"""`others.zhang2018`: the order of Zhang, Lei, Dhillon, ICML 2018. Never a certified number."""

from __future__ import annotations

import math

from bounds.problem import Problem, radii_condition
from bounds.radii import matrix_norm
from bounds.rounding import add_up, log_up
from bounds.terms import IID, ORDER_ONLY, Bound, Term


def zhang2018(problem: Problem) -> Bound:
    """max(d) T^2 ||U|| ||V|| max(1, ||W||^T)/(sqrt n gamma), spectral norms, constants unknown."""
    plain, n, T = problem.unbiased.rnn, problem.n, problem.T
    U, W, V = (matrix_norm(M, "spectral") for M in (plain.w_input, plain.w_hidden, plain.w_output))
    largest = max(plain.m, plain.d_x, plain.d_y)
    value = add_up(
        math.log(largest),
        2 * math.log(T),
        log_up(U),
        log_up(V),
        T * max(0.0, log_up(W)),
        -math.log(n) / 2,
        -math.log(problem.gamma),
    )
    formula = r"\frac{\max(d)\,T^2\|U\|\|V\|\max(1,\|W\|^T)}{\sqrt n\,\gamma}"
    inputs = {"||U||": U, "||V||": V, "||W||": W, "max d": largest, "T": T, "n": n}
    source = "Zhang, Lei, Dhillon, ICML 2018 (order as read); theory, section 9"
    return Bound(
        "others.zhang2018",
        rf"\Psi - \hat\Psi = \tilde O\Bigl({formula}\Bigr)",
        (Term("order of the gap", value, formula, source, inputs),),
        ORDER_ONLY,
        (IID, radii_condition("The norms"), problem.gamma_condition()),
        ("An order without its constants and logarithms: no number follows from it.",),
    )
