"""Section 2c of the theory: volume sampling and oversampling, over all subsets of a size."""

from __future__ import annotations

from itertools import combinations

from validation.catalogue.degrees_of_freedom import degrees_of_freedom
from validation.catalogue.determinantal import principal_minor, residual, smallest
from validation.catalogue.stating import Section
from validation.instances import draw

section = Section("2c", {"sharper": "GS12, section 2c of the theory"})


@section.sharper(
    "volume.expectation",
    r"\mathbb{E} L_A(J) \le \frac{s + 1}{s + 1 - k} \sum_{j > k} \mu_j,"
    r"\quad P(J) \propto \det S_J, \; |J| = s \ge k",
    draw(
        S=draw.covariances(nonsingular=True),
        s=draw.size("s"),
        k=draw.size("k"),
        sizes={"m": (1, 5), "s": (1, "m"), "k": (0, "s")},
    ),
    proof="E L_A = (s + 1) e_{s+1}/e_s in the elementary symmetric functions of mu.",
    invariance={"S": 1},
)
def expectation(xp, S, s, k, *, c=1):
    m = S.shape[0]
    weight, loss = xp.asarray(0.0), xp.asarray(0.0)
    for chosen in combinations(range(m), s):
        J = list(chosen)
        volume = principal_minor(xp, S, J)
        weight, loss = weight + volume, loss + volume * xp.linalg.trace(residual(xp, S, J))
    tail = xp.sum(xp.linalg.eigvalsh(S)[: m - k])  # ascending
    return loss / weight, (s + c) * tail / (s + 1 - k)


@section.sharper(
    "volume.elementary",
    r"\mathbb{E} L_A(J) = (s + 1)\, e_{s+1}(\mu)/e_s(\mu)",
    draw(S=draw.covariances(nonsingular=True), s=draw.size("s"), sizes={"s": (1, "m")}),
    kind="identity",
    proof="det(S_J) L_A(J) = sum over i outside J of det S_{J+i}; each (s+1)-set is met s + 1 "
    "times, and sums of principal minors are elementary symmetric functions.",
    invariance={"S": 1},
)
def elementary(xp, S, s):
    m = S.shape[0]
    weight, loss = xp.asarray(0.0), xp.asarray(0.0)
    for chosen in combinations(range(m), s):
        J = list(chosen)
        volume = principal_minor(xp, S, J)
        weight, loss = weight + volume, loss + volume * xp.linalg.trace(residual(xp, S, J))
    # e_j from power sums (Newton), a second route that never looks at a minor.
    powers = [xp.linalg.trace(S)]
    power = S
    for _ in range(s):
        power = power @ S
        powers.append(xp.linalg.trace(power))
    e = [xp.asarray(1.0)]
    for j in range(1, s + 2):
        total = xp.asarray(0.0)
        for i in range(1, j + 1):
            total = total + (-1) ** (i - 1) * e[j - i] * powers[i - 1]
        e.append(total / j)
    return loss / weight, (s + 1) * e[s + 1] / e[s]


@section.sharper(
    "volume.dof",
    r"\min_{|J| = \min(m, \lceil 4 N(\lambda) \rceil)} L_A(J) \le 4 \lambda N(\lambda)",
    draw(S=draw.covariances(nonsingular=True), lam=draw.positive()),
    source="section 2c of the theory",
    steps=(expectation,),
    proof="With k = #{mu_j > lam} <= 2 N and s >= 4 N the factor (s + 1)/(s + 1 - k) is below 2, "
    "and the tail is at most 2 lam N.",
    code="bounds.node_counts",
    invariance={"S": 1, "lam": 1},
)
def dof(xp, S, lam, *, c=4):
    m, N = S.shape[0], degrees_of_freedom(xp, S, lam)
    s = 0
    while s < m and bool(s < 4 * N):
        s += 1
    losses = [xp.linalg.trace(residual(xp, S, list(J))) for J in combinations(range(m), s)]
    return smallest(xp, losses), c * lam * N
