r"""Section 9 of the theory: bounds for one predictor on held-out data, and for randomised ones.

One call of a body is one sample; predictors are functions on a few points, see `finite_classes`.
"""

from __future__ import annotations

import numpy as np

from validation.catalogue.finite_classes import Classes
from validation.catalogue.occam_probabilities import LENGTHS, binomial_tail
from validation.catalogue.stating import Section
from validation.catalogue.uniform_probabilities import DELTAS, confidence, log_of
from validation.instances import draw

section = Section("9")
ONE = draw(
    G=Classes("M", "points"),
    n=draw.choices(2, 2, 2, 3, 8, 32),
    delta=DELTAS,
    sizes={"M": (1, 1), "points": (2, 4)},
)
ONE_BINARY = draw(
    G=Classes("M", "points", binary=True),
    n=draw.choices(1, 1, 1, 2, 3, 8, 32),
    delta=DELTAS,
    sizes={"M": (1, 1), "points": (2, 4)},
)
SEVERAL = draw(
    G=Classes("M", "points"),
    n=draw.choices(1, 1, 1, 2, 3, 8, 32),
    delta=DELTAS,
    sizes={"M": (1, 4), "points": (2, 4)},
)


@section.classic(
    "others.test_set_binomial",
    r"P\bigl(\operatorname{err} > \sup\{p: P(\operatorname{Bin}(n, p) \le k) \ge \delta\}\bigr)"
    r"\le \delta",
    ONE_BINARY,
    kind="probabilistic",
    failure="delta",
    source="L05, section 9 of the theory",
    code="bounds.others.test_set_binomial",
    proof="The tail decreases in p, and P(tail at k < delta) < delta. Sides: delta and the tail.",
)
def held_out_binomial(xp, rng, G, n, delta, *, c=1):
    counts = G.sample(rng, n)
    true, _ = G.gaps(xp, counts)
    return c * xp.asarray(delta), binomial_tail(xp, n, true[0], int(G.table[0] @ counts))


@section.classic(
    "others.maurer_pontil",
    r"P\bigl(\Psi > \bar\psi + \sqrt{2 V \ln(2/\delta)/n} + 7 \ln(2/\delta)/(3(n-1))\bigr)"
    r"\le \delta, \; \psi \in [0, 1]",
    ONE,
    kind="probabilistic",
    failure="delta",
    source="Maurer, Pontil 2009 (as read), section 9 of the theory",
    code="bounds.others.maurer_pontil",
)
def maurer_pontil(xp, rng, G, n, delta, *, variance=2, rest=7, inner=2):
    counts = G.sample(rng, n)
    true, seen = G.gaps(xp, counts)
    squares = G.values[0] - seen[0]
    V = xp.sum(xp.asarray(counts.astype(np.float64)) * squares**2) / (n - 1)
    log = xp.log(inner / xp.asarray(delta))
    right = seen[0] + xp.sqrt(variance * V * log / n) + rest * log / (3 * xp.asarray(n - 1.0))
    return true[0], right


@section.classic(
    "others.occam_hoeffding",
    r"P\bigl(\Psi(c) > \hat\Psi(c) + \sqrt{(|c| \ln 2 + \log(1/\delta))/(2n)}"
    r"\text{ for some } c\bigr) \le \delta",
    SEVERAL,
    kind="probabilistic",
    failure="delta",
    code="bounds.others.occam",
    proof="Hoeffding for each c at delta 2^{-|c|}, then the union, by Kraft.",
)
def occam_hoeffding(xp, rng, G, n, delta, *, bits=1, c=2):
    true, seen = G.gaps(xp, G.sample(rng, n))
    roots = [
        xp.sqrt((bits * length * log_of(xp, 2) + confidence(xp, delta)) / (c * xp.asarray(1.0 * n)))
        for length in LENGTHS[len(G.table)]
    ]
    return true - seen, xp.stack(roots)


@section.classic(
    "others.pac_bayes_kl",
    r"P\bigl(n\, \mathrm{kl}(\hat\Psi(Q) \| \Psi(Q)) > KL(Q \| P) + \ln(2 \sqrt n/\delta)"
    r"\text{ for some } Q\bigr) \le \delta",
    SEVERAL,
    kind="probabilistic",
    failure="delta",
    source="Maurer 2004 (as read), section 9 of the theory",
    code="bounds.others.pac_bayes_kl",
    proof="E exp(n kl) <= 2 sqrt n at each g, change of measure, and kl is jointly convex. Here P "
    "is uniform, and Q is P, a point mass, or weighs by exp(-b n Psi^), all at once.",
)
def pac_bayes_kl(xp, rng, G, n, delta, *, root=2, price=1):
    counts = G.sample(rng, n)
    true, seen = G.gaps(xp, counts)
    M = len(G.table)
    losses = G.table @ counts
    posteriors = [np.full(M, 1.0 / M) if M in (1, 2, 4) else np.array([0.25, 0.25, 0.5])]
    posteriors += list(np.eye(M))
    for b in (0.5, 2.0):
        weights = np.exp(-b * (losses - losses.min()))
        # Multiples of 2^-20 that sum to 1: exact in every arithmetic.
        parts = np.floor(weights / weights.sum() * 2**20)
        parts[parts.argmax()] += 2**20 - parts.sum()
        posteriors.append(parts / 2**20)
    left, right = [], []
    log_bound = xp.log(root * xp.sqrt(xp.asarray(1.0 * n)) / xp.asarray(delta))
    for Q in posteriors:
        q = xp.asarray(Q)
        divergence = log_of(xp, M)
        for value in Q[Q > 0]:
            divergence = divergence + float(value) * xp.log(xp.asarray(float(value)))
        mean, expected = xp.sum(q * seen), xp.sum(q * true)
        left.append(n * _kl(xp, mean, expected, Q, G, counts))
        right.append(price * divergence + log_bound)
    return xp.stack(left), xp.stack(right)


def _kl(xp, q, p, Q, G, counts):
    """kl(q || p), where 0 and 1 are decided in floats, which are exact for these sums."""
    used = Q > 0
    seen = G.table[used][:, counts > 0]
    reached = G.table[used][:, G.weights > 0]
    if bool((reached == 0).all()) or bool((reached == 1).all()):
        return 0 * q  # p is 0 or 1, and q is as well
    left = 0 * q if bool((seen == 0).all()) else q * xp.log(q / p)
    rest = 0 * q if bool((seen == 1).all()) else (1 - q) * xp.log((1 - q) / (1 - p))
    return left + rest
