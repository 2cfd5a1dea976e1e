"""False lemmas about determinantal sampling."""

from __future__ import annotations

from fractions import Fraction

from planted import Lemmas

from validation import draw
from validation.catalogue import determinantal as true
from validation.catalogue.degrees_of_freedom import degrees_of_freedom, smoothed
from validation.catalogue.determinantal import (
    SETTING,
    SINGULAR,
    mean,
    norm_bound,
    principal_minor,
    residual,
    smallest,
    squared_norm,
    subsets,
)

lemmas = Lemmas("2b", __name__)

norm_constant = lemmas.mutated(
    true.norm, "norm_constant", "Both sides are N at m = 1.", c=Fraction(99, 100)
)
norm_simple_constant = lemmas.mutated(
    true.norm_simple, "norm_simple_constant", "Equality at rank one.", c=Fraction(19, 20)
)
existence_constant = lemmas.mutated(
    true.existence,
    "existence_constant",
    "m = 1 and S = lam: both sets give 2.",
    c=Fraction(199, 100),
)
tradeoff_constant = lemmas.mutated(
    true.tradeoff,
    "tradeoff_constant",
    "m = 1, S = lam, 1/a = 1/b = 1/2: both sets give 1.",
    c=Fraction(49, 50),
)


@lemmas.claim(
    "norm_without_squares",
    r"\mathbb{E}\|A\|_F^2 \le N (m - N)",
    SETTING,
    why="The variance of |J| is missing: sum kap^2.",
)
def norm_without_squares(xp, S, lam):
    N = degrees_of_freedom(xp, S, lam)
    return mean(xp, S, lam, lambda J: squared_norm(xp, S, J)), N * (S.shape[0] - N)


@lemmas.claim(
    "size_is_poisson",
    r"\operatorname{Var}|J| = N(\lambda)",
    SINGULAR,
    kind="identity",
    why="|J| is a sum of Bernoulli variables: the variance is N - sum kap^2.",
)
def size_is_poisson(xp, S, lam):
    square = mean(xp, S, lam, lambda J: len(J) ** 2)
    N = degrees_of_freedom(xp, S, lam)
    return square - N**2, N


@lemmas.claim(
    "nodes_attract",
    r"l_i l_j \le P(i, j \in J), \; i \ne j",
    draw(S=draw.covariances(), lam=draw.positive(), sizes={"m": (2, 4)}),
    why="Nodes repel: P(i, j) = l_i l_j - K_ij^2; equality for uncorrelated nodes.",
)
def nodes_attract(xp, S, lam):
    scores = xp.linalg.diagonal(smoothed(xp, S, lam))
    together = mean(xp, S, lam, lambda J: int(0 in J and 1 in J))
    return scores[0] * scores[1], together


@lemmas.claim(
    "both_means_at_once",
    r"\exists J: |J| \le N \text{ and } L_A(J) \le \lambda N",
    SETTING,
    why="Each is true of the mean; no set need have both.",
)
def both_means_at_once(xp, S, lam):
    N = degrees_of_freedom(xp, S, lam)
    worst = []
    for J in subsets(S.shape[0]):
        ratios = [len(J) / N, xp.linalg.trace(residual(xp, S, J)) / (lam * N)]
        worst.append(xp.max(xp.stack(ratios)))
    return smallest(xp, worst), xp.asarray(1.0)


@lemmas.claim(
    "tradeoff_of_two_without_union",
    r"\exists J: |J| \le \tfrac43 N \text{ and } L_A(J) \le \tfrac43 \lambda N",
    SETTING,
    why="1/a + 1/b = 3/2 exceeds 1: Markov with the union forgotten.",
)
def tradeoff_of_two_without_union(xp, S, lam):
    N = degrees_of_freedom(xp, S, lam)
    worst = []
    for J in subsets(S.shape[0]):
        ratios = [len(J) / N, xp.linalg.trace(residual(xp, S, J)) / (lam * N)]
        worst.append(xp.max(xp.stack(ratios)))
    return 3 * smallest(xp, worst), xp.asarray(4.0)


@lemmas.claim(
    "inverse_singular_with_equality",
    r"\mathbb{E} \operatorname{Tr}(S_J^{-1}) = (m - N(\lambda))/\lambda,"
    r"\; \operatorname{rank} S < m",
    draw(F=draw.matrices("m", "r"), lam=draw.positive(), sizes={"m": (2, 4), "r": (1, 2)}),
    kind="identity",
    why="Equality needs a nonsingular S.",
)
def inverse_singular_with_equality(xp, F, lam):
    return true.inverse_singular.body(xp, F, lam)


@lemmas.claim(
    "inverse_by_rank",
    r"\mathbb{E} \operatorname{Tr}(S_J^{-1}) \le (\operatorname{rank} S - N(\lambda))/\lambda",
    draw(F=draw.matrices("m", "r"), lam=draw.positive(), sizes={"m": (2, 4), "r": (1, 2)}),
    why="m equal nodes of rank one have E Tr = m/(mu + lam), not 1/(mu + lam).",
)
def inverse_by_rank(xp, F, lam):
    left, right = true.inverse_singular.body(xp, F, lam)
    m, r = F.shape
    return left, right - (m - min(m, r)) / lam


@lemmas.claim(
    "conditional_without_schur",
    r"\mathbb{E}[|J| \mid j \in J] = 1 + \operatorname{Tr}[S_C (S_C + \lambda)^{-1}],"
    r"\; C \text{ the other nodes}",
    draw(S=draw.covariances(nonsingular=True), lam=draw.positive(), sizes={"m": (2, 4)}),
    kind="identity",
    why="What is kept explains part of the rest: S' is a Schur complement of S.",
)
def conditional_without_schur(xp, S, lam):
    weight, nodes = xp.asarray(0.0), xp.asarray(0.0)
    for J in subsets(S.shape[0]):
        if 0 in J:
            p = principal_minor(xp, S / lam, J)
            weight, nodes = weight + p, nodes + len(J) * p
    return nodes / weight, 1 + degrees_of_freedom(xp, S[1:, 1:], lam)


@lemmas.claim(
    "best_set_by_mode",
    r"L_A(J^*) \le \lambda N(\lambda) \text{ for the most probable } J^*",
    SETTING,
    why="The mode is not the mean: with S below lam it is the empty set.",
)
def best_set_by_mode(xp, S, lam):
    best = None
    for J in subsets(S.shape[0]):
        p = principal_minor(xp, S / lam, J)
        if best is None or bool(p > best[0]):
            best = (p, J)
    return xp.linalg.trace(residual(xp, S, best[1])), lam * degrees_of_freedom(xp, S, lam)


@lemmas.claim(
    "norm_by_loss",
    r"\mathbb{E}\|A\|_F^2 \le \mu_m (m - N)/\lambda",
    SETTING,
    why="mu_1 belongs where mu_m stands.",
)
def norm_by_loss(xp, S, lam):
    left = mean(xp, S, lam, lambda J: squared_norm(xp, S, J))
    smallest_eigenvalue = xp.linalg.eigvalsh(S)[0]
    return left, smallest_eigenvalue * (S.shape[0] - degrees_of_freedom(xp, S, lam)) / lam


@lemmas.claim(
    "norm_for_every_set",
    r"\|A\|_F^2 \le N (m - N) + \textstyle\sum_j \kappa_j^2 + m \text{ for every } J",
    SETTING,
    why="A bound on the mean is none on every set: a small node kept alone has a large A.",
)
def norm_for_every_set(xp, S, lam):
    norms = [squared_norm(xp, S, J) for J in subsets(S.shape[0])]
    return xp.max(xp.stack(norms)), norm_bound(xp, S, lam) + S.shape[0]
