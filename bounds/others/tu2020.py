r"""`others.tu2020`: Tu, He, Tao, ICLR 2020, Theorem 2, as printed in the version read."""

from __future__ import annotations

import math

import numpy as np

from bounds.assembly import CONFIDENCE
from bounds.others.problem import Problem, radii_condition
from bounds.others.unbiased import row_norm
from bounds.rounding import add_up, log_sum_up, log_up
from bounds.terms import FIXED_RADII, Bound, Condition, Term, violated
from pruning.checks import nonnegative, positive

SOURCE = "Tu, He, Tao, ICLR 2020, Theorem 2 (as read); theory, section 9"


def tu2020(
    problem: Problem, *, smallest_moment: float | None = None, radius: float | None = None
) -> Bound:
    r"""Ramp risk + (4q/gamma)(r ||X||_F lambda^{-1/2}/(2n) + b_V b_U ||X^T||_1 Lam/n) + confidence.

    Parameters
    ----------
    problem : Problem
    smallest_moment : float, optional
        A lower bound > 0 on lambda_min(E x x^T) that is known for the population. Without it the
        sample's own value is put in where that is positive, and the label says so.
    radius : float, optional
        r, the Fisher-Rao radius; measured where not given, see `unbiased.fisher_rao`.

    Returns
    -------
    Bound
        Where the sample's moment is singular the first part is infinite: it is left out, the label
        names the hypothesis, and what is printed is only a lower bound on the printed right side.

    Notes
    -----
    ||.||_1 is the largest column sum, so ||X^T||_1/n is the largest mean absolute value of an input
    coordinate: it does not vanish as n grows. X is taken at the step where each norm is largest,
    the moment at the step where it is smallest. Biases become a constant input and node.
    """
    own = problem.unbiased
    plain, n, T, q = own.rnn, problem.n, problem.T, problem.rnn.d_y
    log_frobenius = (log_up(own.trace) + math.log(n)) / 2
    known = smallest_moment is not None
    least = positive("smallest_moment", smallest_moment) if known else own.smallest
    r = own.fisher_rao if radius is None else nonnegative("radius", radius)
    b_V, b_W, b_U = (row_norm(W) for W in (plain.w_output, plain.w_hidden, plain.w_input))
    front = math.log(4 * q) - math.log(problem.gamma)
    inputs = {"q": q, "gamma": problem.gamma, "n": n, "T": T}

    terms = [problem.empirical_term()]
    if least > 0:
        value = add_up(front, log_up(r), log_frobenius, -math.log(2 * n), -math.log(least) / 2)
        formula = r"\frac{4q}{\gamma}\frac{r\|X\|_F}{2n}\lambda_{\min}(\mathbb{E}xx^\top)^{-1/2}"
        extra = {"r": r, "lambda_min": least, "log ||X||_F": log_frobenius}
        terms.append(Term("Fisher-Rao", value, formula, SOURCE, {**inputs, **extra}))
    norms = {"b_V": b_V, "b_W": b_W, "b_U": b_U, "||X^T||_1/n": own.absolute}
    value = add_up(front, log_up(b_V), log_up(b_U), log_up(own.absolute), log_growth(b_W, T))
    formula = r"\frac{4q}{\gamma}\frac{1}{n} b_V b_U \|X^\top\|_1 \sum_{t=1}^T t\,b_W^{t-1}"
    terms.append(Term("matrix 1-norms", value, formula, SOURCE, {**inputs, **norms}))
    log_confidence = math.log(3) + math.log(math.log(2 / problem.delta) / (2 * n)) / 2
    terms.append(
        Term(
            CONFIDENCE,
            add_up(log_confidence),
            r"3\sqrt{\frac{\log(2/\delta)}{2n}}",
            SOURCE,
            {"delta": problem.delta, "n": n},
        )
    )
    moment = "lambda_min(E x x^T) > 0"
    if known:
        state, detail = True, f"A lower bound {least:.4g} was declared for the population."
        label = FIXED_RADII
    elif least > 0:
        state = None
        detail = f"The sample has {least:.4g} at its worst step; the population's is not known."
        label = violated("lambda_min(E x x^T) not known, the sample's was put in")
    else:
        state, detail = False, "The second moment of the inputs is singular on the sample."
        label = violated("lambda_min(E x x^T) > 0, E x x^T is singular on the sample")
    zero, one = problem.rnn.activation.at_zero == 0, problem.rnn.activation.lipschitz <= 1
    if not (zero and one):
        label = violated("s is 1-Lipschitz with s(0) = 0")
    notes = [
        "||X^T||_1/n does not vanish as n grows, so that the bound as printed does not either.",
        "r is measured as the norm of the derivative of c -> f(c theta) at c = 1.",
    ]
    if least <= 0:
        notes.append("Its Fisher-Rao part is infinite here and left out of the total.")
    return Bound(
        "others.tu2020",
        r"\Psi_\gamma \le \hat\Psi_\gamma + \frac{4q}{\gamma}\Bigl(\frac{r\|X\|_F}{2n}"
        r"\lambda_{\min}(\mathbb{E}xx^\top)^{-1/2} + \frac1n b_V b_U\|X^\top\|_1\Lambda\Bigr)"
        r" + 3\sqrt{\frac{\log(2/\delta)}{2n}}",
        tuple(terms),
        label,
        (
            Condition(moment, state, detail),
            Condition("s is 1-Lipschitz, s(0) = 0", zero and one, problem.rnn.activation.name),
            radii_condition("r, b_U, b_V and b_W"),
            problem.gamma_condition(),
        ),
        tuple(notes),
    )


def log_growth(b: float, T: int) -> float:
    """Return log sum_{t=1}^T t b^{t-1}; the sum has no singularity at b = 1."""
    t = np.arange(1, T + 1)
    if b == 0:
        return 0.0
    return log_sum_up((np.log(t) + (t - 1) * math.log(b)).tolist())
