"""Section 6 of the theory: from covers to generalization, what can be enumerated.

Classes are finite, F of shape (functions, points), so that suprema, signs and samples are summed
exactly. What holds with a probability is in `uniform_probabilities`.
"""

from __future__ import annotations

from itertools import product

from validation.catalogue.stating import Section
from validation.instances import draw

section = Section("6")
CLASS = draw(F=draw.matrices("M", "n"), sizes={"M": (1, 4), "n": (1, 5)})


def rademacher(xp, F):
    """E_sigma max_f (1/n) sum_i sigma_i f(x_i), over all 2^n signs; no absolute value."""
    n, total = F.shape[1], xp.asarray(0.0)
    for signs in product((-1.0, 1.0), repeat=n):
        total = total + xp.max(F @ xp.asarray(list(signs))) / n
    return total / 2**n


def largest_norm(xp, F):
    """D = max ||f||_{L2(P_n)}."""
    return xp.sqrt(xp.max(xp.sum(F**2, axis=1)) / F.shape[1])


@section.classic(
    "uniform.finite",
    r"\operatorname{Rad}(F) \le D \sqrt{2 \log M/n}, \; \|f\|_{L_2(P_n)} \le D",
    CLASS,
    source="Massart; MRT, section 6 of the theory",
    code="bounds.massart",
    proof="Jensen with the moment generating function of a Rademacher sum.",
)
def finite(xp, F, *, c=2):
    M, n = F.shape
    return rademacher(xp, F), largest_norm(xp, F) * xp.sqrt(c * xp.log(xp.asarray(float(M))) / n)


@section.classic(
    "uniform.diameter",
    r"\operatorname{Rad}(F) \le D",
    CLASS,
    code="bounds.dudley",
    proof="Cauchy-Schwarz for every sign vector.",
)
def diameter(xp, F, *, c=1):
    return rademacher(xp, F), c * largest_norm(xp, F)


@section.classic(
    "uniform.centre",
    r"\operatorname{Rad}(F - c) = \operatorname{Rad}(F) \text{ for a fixed function } c",
    draw(F=draw.matrices("M", "n"), shift=draw.vectors("n"), sizes={"M": (1, 4), "n": (1, 5)}),
    kind="identity",
    code="bounds.dudley",
    proof="The signs are centred; this is why D may be taken about any centre.",
)
def centre(xp, F, shift):
    return rademacher(xp, F - shift), rademacher(xp, F)


@section.classic(
    "uniform.symmetrisation",
    r"\mathbb{E} \max_f (P f - P_n f) \le 2 \, \mathbb{E} \operatorname{Rad}(F)",
    draw(
        F=draw.matrices("M", "points"),
        p=draw.distributions("points"),
        n=draw.size("n"),
        sizes={"M": (1, 3), "points": (1, 3), "n": (1, 3)},
    ),
    source="MRT, section 6 of the theory",
    code="bounds.uniform",
    proof="A ghost sample, and the exchange of the two samples.",
)
def symmetrisation(xp, F, p, n, *, c=2):
    means = F @ p
    left, right = xp.asarray(0.0), xp.asarray(0.0)
    for sample in product(range(F.shape[1]), repeat=n):
        weight = xp.asarray(1.0)
        for i in sample:
            weight = weight * p[i]
        values = xp.take(F, xp.asarray(list(sample)), axis=1)
        left = left + weight * xp.max(means - xp.sum(values, axis=1) / n)
        right = right + weight * rademacher(xp, values)
    return left, c * right


def squared_distances(xp, F):
    """||f - g||^2 in L2(P_n)."""
    M, n = F.shape
    return [[xp.sum((F[i, :] - F[j, :]) ** 2) / n for j in range(M)] for i in range(M)]


def greedy_cover(distances, radius):
    """The size of an internal cover at `radius` (squared); at least the covering number."""
    uncovered, centres = list(range(len(distances))), 0
    while uncovered:
        first = uncovered[0]
        uncovered = [j for j in uncovered if not bool(distances[first][j] <= radius)]
        centres += 1
    return centres


@section.paper(
    "uniform.dudley",
    r"\operatorname{Rad} \le 4 a + \frac{12}{\sqrt n} \int_a^{D/2}"
    r"\sqrt{\log N(\epsilon)} \, d\epsilon, \; 0 < a < D/2",
    draw(
        F=draw.matrices("M", "n"),
        levels=draw.integers(1, 4),
        sizes={"M": (1, 4), "n": (1, 4)},
    ),
    source="BFT17 Lemma A.5; Lean 4 in arXiv 2503.19605; section 6 of the theory",
    code="bounds.dudley",
    proof="Chaining. The integral is enclosed by left sums over D/2 > D/4 > ... > a, with covers "
    "that need not be the smallest, so that the right side here is never below the published one.",
)
def dudley(xp, F, levels, *, c=12):
    n = F.shape[1]
    D, distances = largest_norm(xp, F), squared_distances(xp, F)
    integral = xp.asarray(0.0)
    for j in range(1, levels + 1):
        low = D / 2 ** (j + 1)
        count = xp.asarray(float(greedy_cover(distances, low**2)))
        integral = integral + low * xp.sqrt(xp.log(count))
    a = D / 2 ** (levels + 1)
    return rademacher(xp, F), 4 * a + c / xp.sqrt(xp.asarray(float(n))) * integral


@section.sharper(
    "uniform.chain",
    r"\operatorname{Rad} \le \epsilon_L + \textstyle\sum_j \epsilon_{j-1}"
    r"\sqrt{2 \log N(\epsilon_j)/n}, \; \epsilon_0 = D",
    draw(
        F=draw.matrices("M", "n"),
        levels=draw.integers(1, 4),
        ratio=draw.reals(0.125, 0.875),
        sizes={"M": (1, 4), "n": (1, 4)},
    ),
    code="bounds.chain",
    proof="Project the finest centre down the tree of internal covers: level j has at most N_j "
    "increments of size at most eps_{j-1}; Massart on each level.",
)
def chain(xp, F, levels, ratio, *, c=2):
    n = F.shape[1]
    distances, total = squared_distances(xp, F), xp.asarray(0.0)
    before = largest_norm(xp, F)
    for _ in range(levels):
        eps = before * ratio
        count = xp.asarray(float(greedy_cover(distances, eps**2)))
        total = total + before * xp.sqrt(c * xp.log(count) / n)
        before = eps
    return rademacher(xp, F), before + total
