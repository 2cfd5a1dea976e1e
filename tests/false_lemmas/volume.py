"""False lemmas about volume sampling and oversampling."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations

from planted import Lemmas

from validation import draw
from validation.catalogue import volume as true
from validation.catalogue.degrees_of_freedom import degrees_of_freedom
from validation.catalogue.determinantal import residual, smallest

lemmas = Lemmas("2c", __name__)
VOLUME = true.expectation.instances

expectation_factor = lemmas.mutated(
    true.expectation,
    "expectation_factor",
    "s = k gives k + 1, approached where k eigenvalues dominate.",
    statement=r"\mathbb{E} L_A(J) \le \frac{s}{s + 1 - k} \sum_{j > k} \mu_j",
    c=0,
)
expectation_constant = lemmas.mutated(
    true.expectation,
    "expectation_constant",
    "s = k gives k + 1, approached where k eigenvalues dominate.",
    c=Fraction(9, 10),
)


@lemmas.claim(
    "expectation_denominator",
    r"\mathbb{E} L_A(J) \le \frac{s + 1}{s + 2 - k} \sum_{j > k} \mu_j",
    VOLUME,
    why="One more in the denominator: s = k would give (k + 1)/2.",
)
def expectation_denominator(xp, S, s, k):
    left, right = true.expectation.body(xp, S, s, k)
    return left, right * (s + 1 - k) / (s + 2 - k)


@lemmas.claim(
    "expectation_largest",
    r"\mathbb{E} L_A(J) \le \frac{s + 1}{s + 1 - k} \mu_{k+1}",
    VOLUME,
    why="The largest eigenvalue of the tail stands where its sum belongs.",
)
def expectation_largest(xp, S, s, k):
    left, _ = true.expectation.body(xp, S, s, k)
    mu = xp.linalg.eigvalsh(S)
    m = S.shape[0]
    largest = mu[m - k - 1] if k < m else xp.asarray(0.0)
    return left, (s + 1) * largest / (s + 1 - k)


@lemmas.claim(
    "elementary_index",
    r"\mathbb{E} L_A(J) = s\, e_{s+1}(\mu)/e_s(\mu)",
    true.elementary.instances,
    kind="identity",
    why="Each (s + 1)-set is met s + 1 times.",
)
def elementary_index(xp, S, s):
    left, right = true.elementary.body(xp, S, s)
    return left, right * s / (s + 1)


@lemmas.claim(
    "every_set_of_2N",
    r"\max_{|J| = \min(m, \lceil 2 N(\lambda) \rceil)} L_A(J) \le 2 \lambda N(\lambda)",
    draw(S=draw.covariances(nonsingular=True), lam=draw.positive()),
    why="Some set has it; a set that misses the only large direction has not.",
)
def every_set_of_2N(xp, S, lam):
    m, N = S.shape[0], degrees_of_freedom(xp, S, lam)
    s = 0
    while s < m and bool(s < 2 * N):
        s += 1
    losses = [xp.linalg.trace(residual(xp, S, list(J))) for J in combinations(range(m), s)]
    return xp.max(xp.stack(losses)), 2 * lam * N


@lemmas.claim(
    "dof_rounded_down",
    r"\min_{|J| = \lfloor N(\lambda) \rfloor} L_A(J) \le \tfrac{11}{10} \lambda N(\lambda)",
    draw(S=draw.covariances(nonsingular=True), lam=draw.positive()),
    why="Rounding down loses up to a node, which may carry more than lam N.",
)
def dof_rounded_down(xp, S, lam, *, c=Fraction(11, 10)):
    m, N = S.shape[0], degrees_of_freedom(xp, S, lam)
    s = 0
    while bool(s + 1 <= N):
        s += 1
    losses = [xp.linalg.trace(residual(xp, S, list(J))) for J in combinations(range(m), s)]
    return smallest(xp, losses), c * lam * N
