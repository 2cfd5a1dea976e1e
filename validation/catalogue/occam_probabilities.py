r"""Section 8 of the theory: Occam bounds for a few classifiers with prefix-free codes.

Classifiers err on some of a few points with stated probabilities; one call of a body is one sample.
"""

from __future__ import annotations

import math

from validation.catalogue.finite_classes import Classes
from validation.catalogue.stating import Section
from validation.catalogue.uniform_probabilities import DELTAS, log_of, positive_kl
from validation.instances import draw

section = Section("8", {"sharper": "L05, section 8 of the theory"})
# Code lengths in bits for 1 to 4 classifiers; each list is complete (Kraft's sum is 1).
LENGTHS = {1: (0,), 2: (1, 1), 3: (1, 2, 2), 4: (1, 2, 3, 3)}
SETTING = draw(
    G=Classes("M", "points", binary=True),
    n=draw.choices(1, 1, 1, 2, 3, 8, 32),
    delta=DELTAS,
    sizes={"M": (1, 4), "points": (2, 4)},
)


def binomial_tail(xp, n, p, k):
    """P(Bin(n, p) <= k)."""
    if k >= n:
        return 0 * p + 1
    total = 0 * p
    for i in range(k + 1):
        total = total + float(math.comb(n, i)) * p**i * (1 - p) ** (n - i)
    return total


@section.sharper(
    "occam.binomial",
    r"P\bigl(\operatorname{err}(c) > \sup\{p: P(\operatorname{Bin}(n, p) \le k) \ge \delta"
    r"2^{-|c|}\} \text{ for some } c\bigr) \le \delta",
    SETTING,
    kind="probabilistic",
    failure="delta",
    proof="The tail decreases in p, so the event is P(Bin(n, err(c)) <= k) < delta 2^{-|c|}: of "
    "probability below delta 2^{-|c|} for each c; then the union, by Kraft. Sides: delta 2^{-|c|} "
    "and the tail.",
)
def binomial(xp, rng, G, n, delta, *, c=1, bits=1):
    counts = G.sample(rng, n)
    true, _ = G.gaps(xp, counts)
    left, right = [], []
    for i, length in enumerate(LENGTHS[len(G.table)]):
        k = int(G.table[i] @ counts)
        shorter = xp.exp(-bits * length * log_of(xp, 2))
        left.append(c * xp.asarray(delta) * shorter)
        right.append(binomial_tail(xp, n, true[i], k))
    return xp.stack(left), xp.stack(right)


@section.sharper(
    "occam.kl",
    r"P\bigl(\operatorname{err}(c) > \sup\{p \ge k/n: \mathrm{kl}(k/n \| p) \le (|c| \ln 2 +"
    r"\ln(1/\delta))/n\} \text{ for some } c\bigr) \le \delta",
    SETTING,
    kind="probabilistic",
    failure="delta",
    steps=(binomial,),
    proof="The tail is at most exp(-n kl(k/n || p)) for k/n <= p. One-sided: the two-sided form "
    "needs ln(2/delta).",
)
def kl(xp, rng, G, n, delta, *, bits=1, inner=1):
    counts = G.sample(rng, n)
    true, seen = G.gaps(xp, counts)
    left, right = [], []
    for i, length in enumerate(LENGTHS[len(G.table)]):
        price = bits * length * log_of(xp, 2) + xp.log(inner / xp.asarray(delta))
        right.append(price / n)
        always = bool(G.table[i] @ G.weights == G.weights.sum())
        value = positive_kl(xp, seen[i], true[i], bool(G.table[i] @ counts == 0))
        left.append(0 * price if always else value)
    return xp.stack(left), xp.stack(right)
