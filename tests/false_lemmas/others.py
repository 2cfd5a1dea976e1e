"""False lemmas about the bounds of other people."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import product

from planted import Lemmas

from validation import draw
from validation.catalogue import martingales as text
from validation.catalogue import others as true
from validation.catalogue import others_probabilities as random
from validation.catalogue import pac_bayes as drawn

lemmas = Lemmas("9", __name__)


@lemmas.claim(
    "joukovsky2021_two_norm",
    r"\mathbb{E}_\sigma \sup_{\|v\|_2 \le 1, \|u_j\|_1 \le 1} \tfrac1n"
    r"\textstyle\sum_i \sigma_i \sum_{j \le m} v_j \langle u_j, x_i \rangle \le "
    r"B_x \sqrt{2(4 \log 2 + \log d + \log m)/n}",
    draw(X=draw.matrices("n", "d"), copies=draw.integers(1, 64), sizes={"n": (1, 4), "d": (1, 3)}),
    why="m equal nodes: the 2-norm lets the sum grow like sqrt(m), the right side like sqrt(log m)."
    " This is how the constant c of the source was read.",
)
def joukovsky2021_two_norm(xp, X, copies):
    n, d = X.shape
    total = xp.asarray(0.0)
    for signs in product((-1.0, 1.0), repeat=n):
        total = total + xp.max(xp.abs(xp.asarray(list(signs)) @ X)) / n
    left = total / 2**n * xp.sqrt(xp.asarray(1.0 * copies))
    B = xp.sqrt(xp.max(xp.sum(X**2, axis=0)) / n)
    logs = 4 * xp.log(xp.asarray(2.0)) + xp.log(xp.asarray(1.0 * d * copies))
    return left, B * xp.sqrt(2 * logs / n)


joukovsky2021_no_constant = lemmas.mutated(
    true.joukovsky_linear,
    "joukovsky2021_no_constant",
    "At d = 1 the right side would be 0.",
    c=0,
)
chen2020_ball = lemmas.mutated(
    true.chen_ball, "chen2020_ball", "The identity attains the factor.", c=Fraction(99, 100)
)
row_norm_state = lemmas.mutated(
    true.row_norm_state, "row_norm_state", "One node and T = 1 attain it.", c=Fraction(99, 100)
)
pac_bayes_prior = lemmas.mutated(
    true.pac_bayes_prior,
    "pac_bayes_prior",
    "The optimal prior variance attains it.",
    c=Fraction(11, 10),
)
maurer_pontil_rest = lemmas.mutated(
    random.maurer_pontil,
    "maurer_pontil_rest",
    "A sample of equal values has V = 0, however small delta is.",
    rest=0,
)
occam_hoeffding_constant = lemmas.mutated(
    random.occam_hoeffding,
    "occam_hoeffding_constant",
    "n = 1, delta = 1/2: a loss of 1 with probability 0.3 is seen as 0 too often.",
    c=8,
)
pac_bayes_root = lemmas.mutated(
    random.pac_bayes_kl,
    "pac_bayes_root",
    "n = 1, delta = 1/2: the right side would be 0.",
    root=Fraction(1, 2),
)
monte_carlo_forgotten = lemmas.mutated(
    drawn.pac_bayes_kl_drawn,
    "monte_carlo_forgotten",
    "One network is drawn: that it makes no error on the sample says little of the mean over Q.",
    monte_carlo=0,
)
NAMES = draw(n=draw.choices(8, 64, 4096), N=draw.integers(1, 6), delta=text.DELTAS)


@lemmas.claim(
    "draws_repeated",
    r"P(\Psi(Q) > \text{the bound of the best of 64 runs of } N \text{ draws}) \le \delta",
    NAMES,
    why="delta_1 is spent on each of the 64 estimates of one and the same error, Psi^(Q) = 1/2.",
)
def draws_repeated(xp, n, N, delta):
    return best_of(xp, n, N, delta, 64, 1), xp.asarray(delta)


@lemmas.claim(
    "posterior_after_the_draws",
    r"P(\Psi(Q) > \text{the bound of the } Q \text{ whose draws were best, of 64}) \le \delta",
    NAMES,
    why="One of 64 pairs of classifiers is chosen on the draws, each with the error 1/2: KL pays "
    "for the pair, and nothing for having looked at its estimate.",
)
def posterior_after_the_draws(xp, n, N, delta):
    return best_of(xp, n, N, delta, 64, 64), xp.asarray(delta)


def best_of(xp, n, N, delta, copies, pairs):
    """P(failure) where one of `copies` estimates is used, all of a Q on one of `pairs` pairs.

    Of each pair one classifier always errs and the other never does; the prior is uniform. So an
    estimate q is binomial over N, the error is 1/2, and KL(Q || P) = ln(pairs).
    """
    half, total = xp.asarray(0.5), xp.asarray(0.0)
    chances = [xp.asarray(float(math.comb(N, i))) * half**N for i in range(N + 1)]
    above = xp.asarray(1.0)
    for i, chance in enumerate(chances):
        # The smallest estimate is i/N: none is smaller, and not all are larger.
        smallest = above**copies - (above - chance) ** copies
        above = above - chance
        divergence = xp.log(xp.asarray(1.0 * pairs))
        if drawn.fails(xp, i * n, half, half, divergence, n, N, delta):
            total = total + smallest
    return total
