"""False lemmas about uniform deviations and Rademacher complexities."""

from __future__ import annotations

from fractions import Fraction

from planted import Lemmas

from validation import draw
from validation.catalogue import uniform as true
from validation.catalogue import uniform_probabilities as deviations
from validation.catalogue.uniform import (
    CLASS,
    greedy_cover,
    largest_norm,
    rademacher,
    squared_distances,
)

lemmas = Lemmas("6", __name__)

finite_constant = lemmas.mutated(
    true.finite,
    "finite_constant",
    "M = 2, n = 1: f and -f have complexity D.",
    statement=r"\operatorname{Rad}(F) \le D \sqrt{\log M/n}",
    c=1,
)
diameter_constant = lemmas.mutated(
    true.diameter, "diameter_constant", "f and -f at n = 1.", c=Fraction(99, 100)
)
symmetrisation_factor = lemmas.mutated(
    true.symmetrisation,
    "symmetrisation_factor",
    "f and -f, n = 1, f = 1 with a small probability p: 2 p (1 - p) against p.",
    c=1,
)
symmetrisation_constant = lemmas.mutated(
    true.symmetrisation,
    "symmetrisation_constant",
    "The factor 2 is approached by rare values.",
    c=Fraction(9, 5),
)
dudley_constant = lemmas.mutated(
    true.dudley,
    "dudley_constant",
    "Two functions f, -f at n = 1 need c >= 2.2.",
    c=2,
)
chain_constant = lemmas.mutated(
    true.chain, "chain_constant", "One level, ratio 1/8, f and -f: 0.96 D < D.", c=1
)


@lemmas.claim(
    "chain_off_by_one",
    r"\operatorname{Rad} \le \epsilon_L"
    r"+ \textstyle\sum_j \epsilon_j \sqrt{2 \log N(\epsilon_j)/n}",
    true.chain.instances,
    why="Increments of level j have size eps_{j-1}, not eps_j.",
)
def chain_off_by_one(xp, F, levels, ratio):
    distances, total = squared_distances(xp, F), xp.asarray(0.0)
    eps = largest_norm(xp, F)
    for _ in range(levels):
        eps = eps * ratio
        count = xp.asarray(float(greedy_cover(distances, eps**2)))
        total = total + eps * xp.sqrt(2 * xp.log(count) / F.shape[1])
    return rademacher(xp, F), eps + total


@lemmas.claim(
    "dudley_without_remainder",
    r"\operatorname{Rad} \le \frac{12}{\sqrt n} \int_{D/4}^{D/2}"
    r"\sqrt{\log N(\epsilon)} \, d\epsilon",
    draw(F=draw.matrices("M", "n"), sizes={"M": (1, 4), "n": (1, 4)}),
    why="4 a is missing: functions nearer than a to each other count for nothing.",
)
def dudley_without_remainder(xp, F):
    D, n = largest_norm(xp, F), xp.asarray(float(F.shape[1]))
    count = xp.asarray(float(greedy_cover(squared_distances(xp, F), (D / 4) ** 2)))
    return rademacher(xp, F), 12 / xp.sqrt(n) * D / 4 * xp.sqrt(xp.log(count))


@lemmas.claim(
    "finite_rate",
    r"\operatorname{Rad}(F) \le D \sqrt{2 \log M}/n",
    CLASS,
    why="The rate is 1/sqrt n.",
)
def finite_rate(xp, F):
    M, n = F.shape
    return rademacher(xp, F), largest_norm(xp, F) * xp.sqrt(2 * xp.log(xp.asarray(float(M)))) / n


def absolute_rademacher(xp, F):
    """E max_f |(1/n) sum sigma_i f(x_i)|."""
    return rademacher(xp, xp.concat([F, -F], axis=0))


@lemmas.claim(
    "centre_with_absolute_value",
    r"\operatorname{Rad}_{|\cdot|}(F - c) = \operatorname{Rad}_{|\cdot|}(F)",
    true.centre.instances,
    kind="identity",
    why="With the absolute value inside, a single function already has a complexity.",
)
def centre_with_absolute_value(xp, F, shift):
    return absolute_rademacher(xp, F - shift), absolute_rademacher(xp, F)


@lemmas.claim(
    "union_by_maximum",
    r"\operatorname{Rad}(F \cup G) \le \max(\operatorname{Rad} F, \operatorname{Rad} G)",
    draw(
        F=draw.matrices("M", "n"),
        G=draw.matrices("L", "n"),
        sizes={"M": (1, 3), "L": (1, 3), "n": (1, 4)},
    ),
    why="Two single functions have complexity 0 each, their union has not.",
)
def union_by_maximum(xp, F, G):
    apart = xp.maximum(rademacher(xp, F), rademacher(xp, G))
    return rademacher(xp, xp.concat([F, G], axis=0)), apart


@lemmas.claim(
    "contraction_of_squares",
    r"\operatorname{Rad}(F^2) \le \max|f| \, \operatorname{Rad}(F)",
    CLASS,
    why="The square has Lipschitz constant 2 max|f|.",
)
def contraction_of_squares(xp, F):
    return rademacher(xp, F**2), xp.max(xp.abs(F)) * rademacher(xp, F)


def kl(xp, q, p):
    """kl(q || p) of Bernoulli variables, 0 < q, p < 1."""
    return q * xp.log(q / p) + (1 - q) * xp.log((1 - q) / (1 - p))


PAIR = draw(q=draw.reals(2.0**-10, 1 - 2.0**-10), p=draw.reals(2.0**-10, 1 - 2.0**-10))


@lemmas.claim(
    "pinsker_constant",
    r"2.1 \, (p - q)^2 \le \operatorname{kl}(q \| p)",
    PAIR,
    why="The constant is 2, approached at p and q near 1/2.",
)
def pinsker_constant(xp, q, p, *, c=Fraction(21, 10)):
    return c * (p - q) ** 2, kl(xp, q, p)


@lemmas.claim(
    "kl_is_symmetric",
    r"\operatorname{kl}(q \| p) \le \operatorname{kl}(p \| q), \; q \le p",
    PAIR,
    why="kl is not symmetric.",
)
def kl_is_symmetric(xp, q, p):
    low, high = xp.minimum(q, p), xp.maximum(q, p)
    return kl(xp, low, high), kl(xp, high, low)


@lemmas.claim(
    "kl_inverse_midpoint",
    r"c \le \operatorname{kl}(q \| p) \text{ for the midpoint } p \text{ of the last bracket}",
    draw(
        q=draw.reals(2.0**-10, 0.5),
        c=draw.positive(above=2.0**-6, below=2.0),
        steps=draw.integers(1, 6),
    ),
    why="Half of the midpoints lie below the root: an upper bound returns the upper end.",
)
def kl_inverse_midpoint(xp, q, c, steps):
    low, high = q, xp.asarray(1 - 2.0**-20)
    for _ in range(steps):
        middle = (low + high) / 2
        if bool(kl(xp, q, middle) <= c):
            low = middle
        else:
            high = middle
    return c, kl(xp, q, (low + high) / 2)


SAMPLE = draw(
    F=draw.matrices("M", "points", low=0, high=1),
    p=draw.distributions("points"),
    n=draw.size("n"),
    delta=draw.reals(0.625, 0.9375),
    sizes={"M": (2, 3), "points": (2, 3), "n": (1, 2)},
)


def sample(xp, rng, p, n):
    """n points from p, by inversion of uniform numbers."""
    cumulative = [xp.sum(p[: j + 1]) for j in range(p.shape[0] - 1)]
    uniform = xp.asarray(rng.random(n))
    return xp.asarray([sum(int(bool(c < uniform[i])) for c in cumulative) for i in range(n)])


def hoeffding(xp, n, delta):
    """sqrt(log(1/delta)/(2n))."""
    return xp.sqrt(xp.log(1 / delta) / (2 * n))


@lemmas.claim(
    "net_without_union",
    r"P(\exists f: P f > P_n f + \sqrt{\log(1/\delta)/(2n)}) \le \delta",
    SAMPLE,
    kind="probabilistic",
    failure="delta",
    why="M functions need log(M/delta).",
)
def net_without_union(xp, rng, F, p, n, delta):
    values = xp.take(F, sample(xp, rng, p, n), axis=1)
    gaps = F @ p - xp.sum(values, axis=1) / n
    return xp.max(gaps), hoeffding(xp, n, delta)


@lemmas.claim(
    "hoeffding_two_sided",
    r"P(|P f - P_n f| > \sqrt{\log(1/\delta)/(2n)}) \le \delta",
    draw(
        f=draw.vectors("points", low=0, high=1),
        p=draw.distributions("points"),
        n=draw.size("n"),
        delta=draw.reals(0.625, 0.9375),
        sizes={"points": (2, 2), "n": (1, 2)},
    ),
    kind="probabilistic",
    failure="delta",
    why="Two sides need log(2/delta): a fair coin, n = 1, delta = 3/4 fails always.",
)
def hoeffding_two_sided(xp, rng, f, p, n, delta):
    values = xp.take(f, sample(xp, rng, p, n), axis=0)
    return xp.abs(f @ p - xp.sum(values) / n), hoeffding(xp, n, delta)


@lemmas.claim(
    "kl_two_sided",
    r"P(\operatorname{kl}(k/n \| p) > \log(1/\delta)/n) \le \delta, \; k \sim \mathrm{Bin}(n, p)",
    draw(
        p=draw.reals(2.0**-6, 1 - 2.0**-6),
        n=draw.integers(1, 4),
        delta=draw.probabilities(),
    ),
    kind="probabilistic",
    failure="delta",
    why="Two sides need log(2/delta): n = 1, p = 1/2, delta = 0.501 fails always.",
)
def kl_two_sided(xp, rng, p, n, delta):
    uniform = xp.asarray(rng.random(n))
    k = sum(int(bool(uniform[i] < p)) for i in range(n))
    divergence = xp.asarray(0.0)
    if k:
        divergence = divergence + k * xp.log(xp.asarray(float(k)) / (n * p))
    if k < n:
        divergence = divergence + (n - k) * xp.log(xp.asarray(float(n - k)) / (n * (1 - p)))
    return divergence, xp.log(1 / delta)


@lemmas.claim(
    "steps_are_independent",
    r"P(P f > \tfrac{1}{nT}\textstyle\sum_{i,t} f(x_t^i)"
    r"+ \sqrt{\log(1/\delta)/(2 n T)}) \le \delta",
    draw(
        f=draw.vectors("points", low=0, high=1),
        p=draw.distributions("points"),
        n=draw.size("n"),
        T=draw.size("T"),
        delta=draw.reals(0.125, 0.5),
        sizes={"points": (2, 3), "n": (1, 2), "T": (2, 6)},
    ),
    kind="probabilistic",
    failure="delta",
    why="Steps of one sequence are not independent; here each sequence is constant in time.",
)
def steps_are_independent(xp, rng, f, p, n, T, delta):
    values = xp.take(f, sample(xp, rng, p, n), axis=0)  # the same value at all T steps
    return f @ p - xp.sum(values) / n, hoeffding(xp, n * T, delta)


margin_step_at_half = lemmas.mutated(
    deviations.net_margin_step,
    "margin_step_at_half",
    "mu_f may be gamma and mu_c half of that.",
    statement=r"1[\mu_c \le \gamma/2] \le 1[\mu_f \le \gamma/2]"
    r"\text{ where } |\mu_f - \mu_c| \le \gamma/2",
    level=Fraction(1, 2),
)
net_margin_without_union = lemmas.mutated(
    deviations.net_margin,
    "net_margin_without_union",
    "M = 2 classifiers with one right point each: at n = 1 some one is right for certain.",
    union=0,
)
net_margin_at_no_margin = lemmas.mutated(
    deviations.net_margin,
    "net_margin_at_no_margin",
    "Margins near 0 are one centre, and their signs are many classifiers.",
    statement=deviations.net_margin.statement.replace(
        r"P_n(\mu_f \le \gamma)", r"P_n(\mu_f \le 0)"
    ),
    level=0,
)
