r"""Section 8 of the theory: average conditional losses along one text, by exact sums.

The text is a Markov chain on a few symbols that starts at the symbol 0; all its sequences are
listed, with their probabilities, so that the probability of a failure is a sum and no estimate. A
predictor c suffers the loss Z[c, (x_t + x_{t-1}) mod s] at x_t after x_{t-1}: it reads the past.
"""

from __future__ import annotations

from itertools import product

import numpy as np

from validation.catalogue.occam_probabilities import LENGTHS
from validation.catalogue.stating import Section
from validation.instances import draw

section = Section("8", {"sharper": "section 8 of the theory"})
DELTAS = draw.choices(0.5, 0.75, 0.25, 0.9375, 0.0625)
CHAIN = draw(
    P=draw.stochastic_matrices("s", "s"),
    Z=draw.matrices("M", "s", low=0.0, high=1.0),
    T=draw.size("T"),
    delta=DELTAS,
    sizes={"s": (1, 3), "M": (1, 3), "T": (1, 3)},
)
BETS = (1, 2, 3)  # theta = b/4


class Runs:
    """Every sequence of a chain.

    Attributes
    ----------
    chance : (S,)
        The probability of each sequence.
    z, mu : lists of (S,), one a step
        Losses of one predictor and their conditional means; set by `of`.
    """

    def __init__(self, xp, P, T):
        self.xp, self.P, self.s = xp, P, P.shape[0]
        self.paths = np.array(list(product(range(self.s), repeat=T)))
        before = np.concatenate([np.zeros((len(self.paths), 1), int), self.paths[:, :-1]], axis=1)
        self.before, flat = before, xp.reshape(P, (self.s * self.s,))
        self.chance = xp.ones(len(self.paths))
        for t in range(T):
            places = xp.asarray(self.s * before[:, t] + self.paths[:, t])
            self.chance = self.chance * xp.take(flat, places, axis=0)

    def of(self, row):
        """The losses of a predictor, and their conditional means, a step each, (S,)."""
        xp, s = self.xp, self.s
        means = xp.stack(
            [
                xp.sum(
                    self.P[i, :] * xp.take(row, xp.asarray([(i + j) % s for j in range(s)]), axis=0)
                )
                for i in range(s)
            ]
        )
        z, mu = [], []
        for t in range(self.paths.shape[1]):
            z.append(xp.take(row, xp.asarray((self.paths[:, t] + self.before[:, t]) % s), axis=0))
            mu.append(xp.take(means, xp.asarray(self.before[:, t]), axis=0))
        return z, mu


def failure_probability(xp, P, Z, T, evidence, levels, every=True):
    """P(evidence(n, z, mu) > level for some predictor and, where asked, some n <= T)."""
    runs = Runs(xp, P, T)
    failed = xp.zeros(len(runs.paths))
    for c in range(Z.shape[0]):
        z, mu = runs.of(Z[c, :])
        for n in range(1 if every else T, T + 1):
            over = evidence(n, z[:n], mu[:n]) > levels[c]
            failed = xp.maximum(failed, xp.astype(over, xp.float64))
    return xp.sum(failed * runs.chance)


def codeword_levels(xp, M, delta, price, lengths=None):
    """2^|c|/delta for every predictor."""
    used = (LENGTHS[M] if lengths is None else lengths)[:M]
    return [xp.asarray(2.0) ** length * price / xp.asarray(delta) for length in used]


def wealth(xp, n, z, m):
    """The mixture of prod (1 - theta z_t)/(1 - theta m) at one average m."""
    total = 0 * m
    for b in BETS:
        factor = 0 * m + 1
        for loss in z:
            factor = factor * (4 - b * loss) / (4 - b * m)
        total = total + factor
    return total / len(BETS)


def average(parts):
    """The mean of arrays."""
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total / len(parts)


@section.sharper(
    "martingale.wealth",
    r"\operatorname{E} \textstyle\prod_{t \le T} \frac{1 - \theta z_t}{1 - \theta \mu_t} = 1",
    draw(
        P=draw.stochastic_matrices("s", "s"),
        Z=draw.matrices("M", "s", low=0.0, high=1.0),
        T=draw.size("T"),
        b=draw.choices(*BETS),
        sizes={"s": (1, 3), "M": 1, "T": (1, 3)},
    ),
    kind="identity",
    code="bounds.martingales",
    proof="Given the past the numerator of step t has the mean of its denominator: take "
    "conditional expectations from the last step to the first.",
)
def wealth_has_mean_one(xp, P, Z, T, b):
    runs = Runs(xp, P, T)
    z, mu = runs.of(Z[0, :])
    product_of = runs.chance
    for loss, mean in zip(z, mu):
        product_of = product_of * (4 - b * loss) / (4 - b * mean)
    return xp.sum(product_of), xp.asarray(1.0)


@section.sharper(
    "martingale.average",
    r"\textstyle\prod_{t \le n} (1 - \theta \mu_t) \le (1 - \theta \bar\mu)^n",
    draw(
        mu=draw.vectors("n", low=0.0, high=1.0),
        b=draw.choices(*BETS),
        sizes={"n": (1, 4)},
    ),
    proof="log(1 - theta mu) is concave in mu (or: the mean of the factors is at least their "
    "geometric mean).",
)
def concave_in_the_means(xp, mu, b):
    n = mu.shape[0]
    left = xp.prod(4 - b * mu)
    return left, (4 - b * xp.sum(mu) / n) ** n


@section.sharper(
    "martingale.betting",
    r"P\bigl(\exists c, n: \tfrac1{|\Theta|} \sum_\theta \prod_{t \le n} \frac{1 - \theta z_t}"
    r"{1 - \theta m_n} > 2^{|c|}/\delta\bigr) \le \delta, \; m_n = \tfrac1n \sum_{t \le n} \mu_t",
    CHAIN,
    steps=(wealth_has_mean_one, concave_in_the_means),
    code="bounds.martingales",
    proof="The mixture is at most a nonnegative martingale that starts at 1 (the two steps); "
    "Ville's inequality at 2^|c|/delta for each code, and Kraft. Summed over all texts: the left "
    "side is the exact probability.",
)
def betting(xp, P, Z, T, delta, *, price=1):
    def evidence(n, z, mu):
        return wealth(xp, n, z, average(mu))

    levels = codeword_levels(xp, Z.shape[0], delta, price)
    return failure_probability(xp, P, Z, T, evidence, levels), xp.asarray(delta)


def psi(xp, lam):
    """-log(1 - lam) - lam."""
    return -xp.log1p(-lam) - lam


@section.sharper(
    "martingale.bernstein_step",
    r"e^{\lambda \xi - \psi(\lambda) \xi^2} \le 1 + \lambda \xi, \; \xi \ge -1, \; \psi(\lambda) ="
    r"-\log(1 - \lambda) - \lambda",
    draw(xi=draw.reals(low=-1.0, high=4.0), lam=draw.probabilities()),
    source="Fan, Grama, Liu 2015 (as read), section 8 of the theory",
    proof="(log(1 + y) - y)/y^2 increases with y > -1; at y = lam xi >= -lam it is at least its "
    "value at -lam, which is -psi(lam)/lam^2.",
)
def bernstein_step(xp, xi, lam, *, c=1):
    left = xp.exp(lam * xi - c * psi(xp, lam) * xi**2)
    return left, 1 + lam * xi


@section.sharper(
    "martingale.bernstein",
    r"P\bigl(\exists c, n: \tfrac1{|\Lambda|} \sum_\lambda e^{\lambda n (m_n - \bar z_n) -"
    r"\psi(\lambda) V_n} > 2^{|c|}/\delta\bigr) \le \delta, \; V_n = \textstyle\sum_{t \le n}"
    r"(z_t - a_t)^2, \; a_t = (\tfrac12 + \sum_{s<t} z_s)/t",
    CHAIN,
    steps=(bernstein_step,),
    code="bounds.martingales",
    proof="With xi = a_t - z_t the step bounds the conditional mean of each factor by (1 + lam "
    "(a_t - mu_t)) e^{-lam (a_t - mu_t)} <= 1; then as for betting. a_t may be any function of "
    "the past with values in [0, 1].",
)
def bernstein(xp, P, Z, T, delta, *, price=1, c=1):
    def evidence(n, z, mu):
        gap = 0 * z[0]
        V, before = 0 * z[0], 0 * z[0] + xp.asarray(0.5)
        for t, (loss, mean) in enumerate(zip(z, mu), start=1):
            gap = gap + mean - loss
            V = V + (loss - before / t) ** 2
            before = before + loss
        total = 0 * z[0]
        for b in BETS:
            lam = xp.asarray(b / 4)
            total = total + xp.exp(lam * gap - c * psi(xp, lam) * V)
        return total / len(BETS)

    levels = codeword_levels(xp, Z.shape[0], delta, price)
    return failure_probability(xp, P, Z, T, evidence, levels), xp.asarray(delta)


@section.sharper(
    "martingale.azuma",
    r"P\bigl(\exists c: m_T - \bar z_T > \sqrt{(|c| \ln 2 + \ln(1/\delta))/(2 T)}\bigr) \le \delta",
    CHAIN,
    code="bounds.martingales",
    source="Lotfi et al. 2024 (as read), section 8 of the theory",
    proof="Given the past mu_t - z_t has the mean 0 and a range of 1: Hoeffding's lemma at each "
    "step, for one T fixed in advance, and Kraft.",
)
def azuma(xp, P, Z, T, delta, *, price=1, c=2):
    logs = [xp.log(x) for x in codeword_levels(xp, Z.shape[0], delta, price)]

    def evidence(n, z, mu):
        gap = xp.maximum(average(mu) - average(z), xp.asarray(0.0))
        return c * n * gap**2

    return failure_probability(xp, P, Z, T, evidence, logs, every=False), xp.asarray(delta)
