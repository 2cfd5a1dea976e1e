r"""`others.tu2020`: Tu, He, Tao, ICLR 2020, Theorem 2, as printed in the version read."""

from __future__ import annotations

import math

import numpy as np

from bounds.assembly import CONFIDENCE
from bounds.others.unbiased import row_norm
from bounds.problem import Problem, radii_condition
from bounds.rounding import add_up, log_sum_up, log_up
from bounds.terms import FIXED_RADII, IID, Bound, Condition, Term, violated
from pruning.checks import nonnegative, positive

SOURCE = "Tu, He, Tao, ICLR 2020, Theorem 2 (as read in the anonymous submission); theory, sec. 9"


def tu2020(
    problem: Problem, *, smallest_moment: float | None = None, radius: float | None = None
) -> Bound:
    r"""Share of margins <= gamma + (4q/gamma)(r ||X||_F lambda^{-1/2}/(2n) + ...) + confidence.

    The second part in the bracket is b_V b_U ||X^T||_1 Lam/n; X in R^{Td x n} has one whole
    sequence a column.

    Parameters
    ----------
    problem : Problem
    smallest_moment : float, optional
        A lower bound > 0 on lambda_min(E x x^T), x in R^{Td} a whole sequence, that is known for
        the population. Without it the sample's own value is put in where that is positive, and the
        label says so.
    radius : float, optional
        r >= ||theta||_fs, see `unbiased.log_fisher_rao`; measured where not given.

    Returns
    -------
    Bound
        Where the moment is singular the first part is infinite, and so is the total: with T >= 2
        that is so for every network with a bias, which becomes a constant input.

    Notes
    -----
    ||.||_1 is the largest column sum, so ||X^T||_1/n is the largest mean absolute value of an input
    coordinate: it does not vanish as n grows. The theorem is for ReLU and no biases.
    """
    own = problem.unbiased
    plain, n, T, q = own.rnn, problem.n, problem.T, problem.rnn.d_y
    log_frobenius = (log_up(own.sequence_trace) + math.log(n)) / 2
    constant = plain.d_x > problem.rnn.d_x and T >= 2
    known = smallest_moment is not None and not constant
    least = positive("smallest_moment", smallest_moment) if known else own.sequence_smallest
    log_r = own.log_fisher_rao if radius is None else log_up(nonnegative("radius", radius))
    b_V, b_W, b_U = (row_norm(W) for W in (plain.w_output, plain.w_hidden, plain.w_input))
    front = math.log(4 * q) - math.log(problem.gamma)
    inputs = {"q": q, "gamma": problem.gamma, "n": n, "T": T}

    terms = [problem.share_term()]
    if least:
        value = add_up(front, log_r, log_frobenius, -math.log(2 * n), -math.log(least) / 2)
    else:
        value = math.inf
    formula = r"\frac{4q}{\gamma}\frac{r\|X\|_F}{2n}\lambda_{\min}(\mathbb{E}xx^\top)^{-1/2}"
    extra = {"log r": log_r, "lambda_min": least, "log ||X||_F": log_frobenius}
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
    missing = []
    if known:
        state, detail = True, f"A lower bound {least:.4g} was declared for the population."
    elif least is None:
        state, detail = None, f"The moment of {T * plain.d_x} coordinates was not computed."
        missing.append("lambda_min(E x x^T) not known, and not computed")
    elif least > 0:
        state = None
        detail = f"The sample has {least:.4g}; the population's is not known."
        missing.append("lambda_min(E x x^T) not known, the sample's was put in")
    else:
        state, detail = False, "The second moment of whole sequences is singular on the sample."
        if constant:
            detail = "A bias is a constant input, the same at every step: the moment is singular."
        missing.append("lambda_min(E x x^T) > 0, E x x^T is singular on the sample")
    rectified = problem.rnn.activation.name == "relu"
    if not rectified:
        missing.append("s is ReLU")
    label = violated("; ".join(missing)) if missing else FIXED_RADII
    notes = [
        "||X^T||_1/n does not vanish as n grows, so that the bound as printed does not either.",
        "r is measured on the sample, as the norm of the linear network.",
    ]
    if not least:
        notes.append("Its Fisher-Rao part is infinite here.")
    return Bound(
        "others.tu2020",
        r"\operatorname{err} \le P_n(\mu \le \gamma) + \frac{4q}{\gamma}\Bigl(\frac{r\|X\|_F}{2n}"
        r"\lambda_{\min}(\mathbb{E}xx^\top)^{-1/2} + \frac1n b_V b_U\|X^\top\|_1\Lambda\Bigr)"
        r" + 3\sqrt{\frac{\log(2/\delta)}{2n}}",
        tuple(terms),
        label,
        (
            Condition(moment, state, detail),
            Condition("s is ReLU", rectified, problem.rnn.activation.name),
            IID,
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
