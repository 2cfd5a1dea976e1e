r"""Section 6 of the theory: uniform deviation bounds, on classes small enough for exact suprema.

One call of a body is one sample of n points. B = 1 throughout.
"""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np

from validation.catalogue.finite_classes import GRID, TOTAL, Classes
from validation.catalogue.stating import Section
from validation.instances import draw

section = Section("6")
DELTAS = draw.choices(0.5, 0.5, 0.75, 0.25, 0.0625)
SETTING = draw(
    G=Classes("M", "points"),
    n=draw.choices(1, 1, 1, 2, 3, 8, 32),
    delta=DELTAS,
    sizes={"M": (1, 4), "points": (2, 4)},
)


def confidence(xp, delta):
    """log(1/delta)."""
    return -xp.log(xp.asarray(delta))


def log_of(xp, number):
    """Logarithm of a count."""
    return xp.log(xp.asarray(1.0 * number))


def rademacher_of_counts(xp, G, counts):
    """Empirical Rademacher complexity of a sample in which each point occurs so often.

    The signs of equal points only matter through their sum, which is binomial; the products of
    binomial coefficients stay below 2^n, so for n <= 52 they are exact floats.
    """
    sums, weights = np.zeros((0, 1)), np.ones(1)
    for c in counts:
        steps = np.arange(c + 1)
        chances = np.array([float(math.comb(c, i)) for i in steps]) * 0.5**c
        sums = np.concatenate(
            [np.repeat(sums, c + 1, axis=1), np.tile(2.0 * steps - c, len(weights))[None, :]]
        )
        weights = np.repeat(weights, c + 1) * np.tile(chances, len(weights))
    n = int(sum(counts))
    return xp.sum(xp.asarray(weights) * xp.max(G.values @ xp.asarray(sums), axis=0)) / n


@section.classic(
    "uniform.rademacher",
    r"P\bigl(\Psi(g) > \hat\Psi(g) + 2 \operatorname{Rad} + 3 B \sqrt{\log(2/\delta)/(2n)}"
    r"\text{ for some } g\bigr) \le \delta",
    draw(
        G=Classes("M", "points"),
        n=draw.choices(1, 1, 2, 4, 8, 24),
        delta=DELTAS,
        sizes={"M": (1, 4), "points": (2, 3)},
    ),
    kind="probabilistic",
    failure="delta",
    source="MRT, section 6 of the theory",
    code="bounds.uniform",
    proof="Bounded differences, twice, and symmetrisation; Rad is the empirical complexity.",
)
def rademacher(xp, rng, G, n, delta, *, c=2, b=3, inner=2):
    counts = G.sample(rng, n)
    true, seen = G.gaps(xp, counts)
    right = c * rademacher_of_counts(xp, G, counts)
    right = right + b * xp.sqrt(xp.log(inner / xp.asarray(delta)) / (2 * n))
    return xp.max(true - seen), right


@section.sharper(
    "uniform.net",
    r"P\bigl(\Psi(g) > \hat\Psi(g) + \inf_\epsilon (2 \epsilon + B \sqrt{(\log N(\epsilon) +"
    r"\log(1/\delta))/(2n)}) \text{ for some } g\bigr) \le \delta",
    SETTING,
    kind="probabilistic",
    failure="delta",
    code="bounds.uniform",
    proof="Hoeffding at each centre, union over the centres, 2 eps for the way there and back. The "
    "minimising eps does not depend on the sample.",
)
def net(xp, rng, G, n, delta, *, c=2, union=1, b=2):
    true, seen = G.gaps(xp, G.sample(rng, n))
    gaps = [
        c * xp.asarray(eps)
        + xp.sqrt((union * log_of(xp, size) + confidence(xp, delta)) / (b * xp.asarray(1.0 * n)))
        for eps, size in G.covers
    ]
    return xp.max(true - seen), xp.min(xp.stack(gaps))


def positive_kl(xp, q, p, q_is_zero):
    """kl(q || p) where q < p < 1 is certain, 0 where q >= p is."""
    if bool(p <= q):
        return 0 * q
    left = 0 * q if q_is_zero else q * xp.log(q / p)
    if bool(p >= 1):
        raise ArithmeticError("kl is infinite at p = 1")
    return left + (1 - q) * xp.log((1 - q) / (1 - p))


@section.sharper(
    "uniform.net_kl",
    r"P\bigl(\Psi(g) > \mathrm{kl}^{-1}(\hat\Psi(g) + \epsilon; (\log N(\epsilon) +"
    r"\log(1/\delta))/n) + \epsilon \text{ for some } g\bigr) \le \delta, \; \epsilon"
    r"\text{ fixed}",
    draw(
        G=Classes("M", "points"),
        n=draw.choices(1, 1, 1, 2, 3, 8, 32),
        delta=DELTAS,
        level=draw.integers(0, 2),
        sizes={"M": (1, 4), "points": (2, 4)},
    ),
    kind="probabilistic",
    failure="delta",
    code="bounds.uniform",
    proof="Chernoff at each centre, and the union. Sides: the largest one-sided "
    "kl(Psi^ + eps || Psi - eps), and (log N + log(1/delta))/n.",
)
def net_kl(xp, rng, G, n, delta, level, *, union=1, inner=1, shift=1):  # fmt: skip
    counts = G.sample(rng, n)
    true, seen = G.gaps(xp, counts)
    eps, size = G.covers[min(level, len(G.covers) - 1)]
    largest = xp.asarray(0.0)
    for i, total in enumerate(G.table @ counts):
        if G.table[i] @ G.weights == G.weights.sum():
            if total < n:  # a loss that is 1 everywhere cannot be seen below 1
                raise ArithmeticError("impossible sample")
            continue
        value = positive_kl(
            xp, seen[i] + shift * eps, true[i] - shift * eps, total == 0 and eps == 0
        )
        largest = xp.maximum(largest, value)
    right = union * log_of(xp, size) + xp.log(inner / xp.asarray(delta))
    return largest, right / n


def at_most(xp, values, level):
    """1[values <= level], elementwise."""
    return xp.stack([xp.asarray(1.0 if bool(v <= level) else 0.0) for v in values])


@section.sharper(
    "uniform.net_margin_step",
    r"1[\mu_f \le 0] \le 1[\mu_c \le \gamma/2] \le 1[\mu_f \le \gamma]"
    r"\text{ where } |\mu_f - \mu_c| \le \gamma/2",
    draw(
        f=draw.vectors("points"),
        u=draw.vectors("points", low=-1, high=1),
        gamma=draw.positive(),
        sizes={"points": (1, 4)},
    ),
    source="bounds.constrained.margin_bound",
    code="bounds.margin_bound",
    proof="mu_c = mu_f + u gamma/2 with |u| <= 1.",
)
def net_margin_step(xp, f, u, gamma, *, level=1):
    errs, close = at_most(xp, f, 0 * gamma), at_most(xp, f + u * gamma / 2, gamma / 2)
    return xp.stack([errs, close]), xp.stack([close, at_most(xp, f, level * gamma)])


@section.sharper(
    "uniform.net_margin",
    r"P\bigl(P(\mu_f \le 0) > \mathrm{kl}^{-1}(P_n(\mu_f \le \gamma); (\log N(\gamma/2) +"
    r"\log(1/\delta))/n) \text{ for some } f\bigr) \le \delta, \; \gamma = g/64 \text{ fixed}",
    draw(
        G=Classes("M", "points"),
        n=draw.choices(1, 1, 1, 2, 3, 8, 32),
        delta=DELTAS,
        g=draw.choices(16, 2, 128),  # at 128 one centre covers any class
        sizes={"M": (1, 4), "points": (2, 4)},
    ),
    kind="probabilistic",
    failure="delta",
    source="bounds.constrained.margin_bound",
    code="bounds.margin_bound",
    steps=(net_margin_step,),
    proof="Chernoff for 1[mu_c <= gamma/2] at each centre, the union, and uniform.net_margin_step. "
    "Margins are 1/2 less the values drawn. Sides: the largest one-sided "
    "kl(P_n(mu <= gamma) || P(mu <= 0)), and (log N + log(1/delta))/n.",
)
def net_margin(xp, rng, G, n, delta, g, *, union=1, level=1):  # fmt: skip
    counts, margins, gamma = G.sample(rng, n), 0.5 - G.table, g / GRID
    size = min(number for eps, number in G.covers if eps <= gamma / 2)
    largest = xp.asarray(0.0)
    for row in margins:
        close = np.array([bool(xp.asarray(v) <= level * gamma) for v in row.tolist()])
        seen = int(counts[close].sum())
        true = xp.asarray(float(G.weights[row <= 0].sum() / TOTAL))
        value = positive_kl(xp, xp.asarray(float(seen)) / n, true, seen == 0)
        largest = xp.maximum(largest, value)
    return largest, (union * log_of(xp, size) + confidence(xp, delta)) / n


@section.sharper(
    "uniform.net_chain",
    r"P\bigl(\Psi(g) > \hat\Psi(g) + 2 \epsilon_L + \textstyle\sum_j 2 \epsilon_{j-1}"
    r"\sqrt{(\log N_j + \log(L/\delta))/(2n)} \text{ for some } g\bigr) \le \delta,"
    r"\; \epsilon_0 = B/2",
    SETTING,
    kind="probabilistic",
    failure="delta",
    code="bounds.uniform",
    steps=(net,),
    proof="Project the finest centre down the tree: the increments of level j lie within "
    "eps_{j-1} of 0, so Hoeffding has range 2 eps_{j-1}, and there are at most N_j of them. One or "
    "two levels here.",
)
def net_chain(xp, rng, G, n, delta, *, c=2, union=1):
    true, seen = G.gaps(xp, G.sample(rng, n))
    levels = [cover for cover in G.covers if cover[0] < 0.5]
    gaps = []
    for L in (1, 2):
        for chain in combinations(reversed(levels), L):
            before, total = xp.asarray(0.5), c * xp.asarray(chain[-1][0])
            for eps, size in chain:
                price = union * (log_of(xp, size) + log_of(xp, L)) + confidence(xp, delta)
                total = total + c * before * xp.sqrt(price / (2 * n))
                before = xp.asarray(eps)
            gaps.append(total)
    return xp.max(true - seen), xp.min(xp.stack(gaps))
