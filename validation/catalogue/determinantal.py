"""Section 2b of the theory: determinantal sampling. Every mean is a sum over all subsets.

J ~ DPP with L-ensemble S/lam: P(J) = det(S_J/lam)/det(I + S/lam). Where S may be singular, the
products det(S_J) (S - S_{:J} S_J^{-1} S_{J:}) and det(S_J) S_J^{-1} are written as minors (Cramer's
rule), which stay finite; the other claims draw a nonsingular S and solve.
"""

from __future__ import annotations

from validation.catalogue.degrees_of_freedom import degrees_of_freedom, smoothed
from validation.catalogue.reconstruction import minor
from validation.catalogue.stating import Section
from validation.instances import draw, subsets

section = Section("2b", {"sharper": "DKM20 and KT12, section 2b of the theory"})
SETTING = draw(S=draw.covariances(nonsingular=True), lam=draw.positive(), sizes={"m": (1, 4)})
SINGULAR = draw(S=draw.covariances(), lam=draw.positive(), sizes={"m": (1, 4)})


def principal_minor(xp, S, J):
    """The minor det S_J, 1 for the empty set."""
    if not J:
        return xp.asarray(1.0)
    nodes = xp.asarray(J)
    return xp.linalg.det(minor(xp, S, nodes, nodes))


def reconstruction(xp, S, J):
    """A = S_{:J} S_J^{-1}, (m, |J|), for S_J nonsingular and J not empty."""
    nodes = xp.asarray(J)
    return xp.linalg.solve(minor(xp, S, nodes, nodes), xp.take(S, nodes, axis=0)).T


def residual(xp, S, J):
    """S - S_{:J} S_J^{-1} S_{J:}, for S_J nonsingular."""
    return S - reconstruction(xp, S, J) @ xp.take(S, xp.asarray(J), axis=0) if J else S


def mean(xp, S, lam, value):
    """E value(J) under P(J) = det(S_J/lam)/det(I + S/lam)."""
    scaled, total = S / lam, xp.asarray(0.0)
    for J in subsets(S.shape[0]):
        total = total + principal_minor(xp, scaled, J) * value(J)
    return total / xp.linalg.det(xp.eye(S.shape[0]) + scaled)


@section.sharper(
    "dpp.size",
    r"\mathbb{E}|J| = N(\lambda)",
    SINGULAR,
    kind="identity",
    proof="|J| is a sum of independent Bernoulli variables with means mu_j/(mu_j + lam).",
    code="bounds.degrees_of_freedom",
    invariance={"S": 1, "lam": 1},
)
def size(xp, S, lam):
    return mean(xp, S, lam, len), degrees_of_freedom(xp, S, lam)


@section.sharper(
    "dpp.marginals",
    r"P(j \in J) = l_j(\lambda)",
    SINGULAR,
    kind="identity",
    code="pruning.leverage_scores",
    invariance={"S": 1, "lam": 1},
)
def marginals(xp, S, lam):
    m = S.shape[0]
    left = [mean(xp, S, lam, lambda J, j=j: int(j in J)) for j in range(m)]
    return xp.stack(left), xp.linalg.diagonal(smoothed(xp, S, lam))


@section.sharper(
    "dpp.residual",
    r"\mathbb{E}[S - S_{:J} S_J^{-1} S_{J:}] = \lambda S (S + \lambda)^{-1}",
    SETTING,
    kind="identity",
    invariance={"S": 1, "lam": 1},
)
def expected_residual(xp, S, lam):
    return mean(xp, S, lam, lambda J: residual(xp, S, J)), lam * smoothed(xp, S, lam)


@section.sharper(
    "dpp.residual_singular",
    r"\mathbb{E} L_A(J) = \lambda N(\lambda), \quad"
    r"\det(S_J) L_A(J) = \sum_{i \notin J} \det S_{J + i}, \text{ for any } S",
    SINGULAR,
    kind="identity",
    proof="det S_{J+i} = det(S_J) (S - S_{:J} S_J^{-1} S_{J:})_ii, also where det S_J = 0.",
    invariance={"S": 1, "lam": 1},
)
def expected_loss_by_minors(xp, S, lam):
    m = S.shape[0]
    total = xp.asarray(0.0)
    for J in subsets(m):
        for i in set(range(m)) - set(J):
            bordered = principal_minor(xp, S, sorted([*J, i]))
            total = total + bordered / lam ** len(J)
    normaliser = xp.linalg.det(xp.eye(m) + S / lam)
    return total / normaliser, lam * degrees_of_freedom(xp, S, lam)


@section.sharper(
    "dpp.output_loss",
    r"\mathbb{E} L_B(J) = \lambda \operatorname{Tr}[Z S (S + \lambda)^{-1} Z^T]",
    draw(
        S=draw.covariances(nonsingular=True),
        lam=draw.positive(),
        Z=draw.matrices("q", "m"),
        sizes={"m": (1, 4)},
    ),
    kind="identity",
    invariance={"S": 1, "lam": 1},
)
def expected_output_loss(xp, S, lam, Z):
    left = mean(xp, S, lam, lambda J: xp.linalg.trace(Z @ residual(xp, S, J) @ Z.T))
    return left, lam * xp.linalg.trace(Z @ smoothed(xp, S, lam) @ Z.T)


@section.sharper(
    "dpp.inverse",
    r"\mathbb{E} \operatorname{Tr}(S_J^{-1}) = (m - N(\lambda))/\lambda"
    r"\text{ for nonsingular } S",
    SETTING,
    kind="identity",
    invariance={"S": 1, "lam": 1},
)
def inverse(xp, S, lam):
    def trace_of_inverse(J):
        if not J:
            return 0
        nodes = xp.asarray(J)
        return xp.linalg.trace(xp.linalg.solve(minor(xp, S, nodes, nodes), xp.eye(len(J))))

    left = mean(xp, S, lam, trace_of_inverse)
    return left, (S.shape[0] - degrees_of_freedom(xp, S, lam)) / lam


@section.sharper(
    "dpp.inverse_singular",
    r"\mathbb{E} \operatorname{Tr}(S_J^{-1}) \le (m - N(\lambda))/\lambda"
    r"\text{ for } \operatorname{rank} S \le r < m",
    draw(F=draw.matrices("m", "r"), lam=draw.positive(), sizes={"m": (2, 4), "r": (1, 2)}),
    proof="det(S_J) Tr S_J^{-1} = sum_j det S_{J-j}; over all J these sum to the right side, and "
    "the sets with det S_J = 0, |J| > r among them, do not count on the left.",
)
def inverse_singular(xp, F, lam, *, c=1):
    S, (m, r) = F @ F.T, F.shape
    total = xp.asarray(0.0)
    for J in subsets(m):
        if len(J) <= r:
            for j in J:
                minors = principal_minor(xp, S, [i for i in J if i != j])
                total = total + minors / lam ** len(J)
    left = total / xp.linalg.det(xp.eye(m) + S / lam)
    return left, c * (m - degrees_of_freedom(xp, S, lam)) / lam


def norm_bound(xp, S, lam):
    """N (m - N) + sum_j kap_j^2, kap_j = mu_j/(mu_j + lam)."""
    K = smoothed(xp, S, lam)
    N = xp.linalg.trace(K)
    return N * (S.shape[0] - N) + xp.linalg.trace(K @ K)


def squared_norm(xp, S, J):
    """||A||_F^2, A = S_{:J} S_J^{-1}; 0 for the empty set."""
    return xp.sum(reconstruction(xp, S, J) ** 2) if J else xp.asarray(0.0)


@section.sharper(
    "dpp.norm",
    r"\mathbb{E}\|A\|_F^2 \le N (m - N) + \textstyle\sum_j \kappa_j^2,"
    r"\quad \kappa_j = \mu_j/(\mu_j + \lambda)",
    SETTING,
    source="section 2b of the theory",
    proof="A is the identity on J; for i outside J, A_ij = det S_{J-j+i,J}/det S_J (Cramer) and "
    "det(S_{J',J})^2 <= det S_J' det S_J, so that P(J) A_ij^2 <= P(J - j + i).",
    invariance={"S": 1, "lam": 1},
)
def norm(xp, S, lam, *, c=1):
    return mean(xp, S, lam, lambda J: squared_norm(xp, S, J)), c * norm_bound(xp, S, lam)


@section.sharper(
    "dpp.norm_simple",
    r"N (m - N) + \textstyle\sum_j \kappa_j^2 \le m N",
    SINGULAR,
    source="section 2b of the theory",
    proof="sum kap^2 <= N^2 since every kap is at least 0.",
    invariance={"S": 1, "lam": 1},
)
def norm_simple(xp, S, lam, *, c=1):
    return norm_bound(xp, S, lam), c * S.shape[0] * degrees_of_freedom(xp, S, lam)


def smallest(xp, values):
    """The least of a list of scalars."""
    return xp.min(xp.stack(values))


@section.sharper(
    "dpp.existence",
    r"\min_J \; |J|/N(\lambda) + L_A(J)/(\lambda N(\lambda)) \le 2",
    SETTING,
    source="section 2b of the theory",
    steps=(size, expected_residual),
    proof="The mean of the sum is 2.",
    code="bounds.node_counts",
    invariance={"S": 1, "lam": 1},
)
def existence(xp, S, lam, *, c=2):
    N = degrees_of_freedom(xp, S, lam)
    sums = [
        len(J) / N + xp.linalg.trace(residual(xp, S, J)) / (lam * N) for J in subsets(S.shape[0])
    ]
    return smallest(xp, sums), xp.asarray(c)


@section.sharper(
    "dpp.tradeoff",
    r"\exists J: |J| \le a N, \; L_A(J) \le b \lambda N, \;"
    r"\|A\|_F^2 \le c\,(N (m - N) + \textstyle\sum_j \kappa_j^2), \quad 1/a + 1/b + 1/c = 1",
    draw(
        S=draw.covariances(nonsingular=True),
        lam=draw.positive(),
        p=draw.distributions("three"),
        sizes={"m": (1, 4), "three": (3, 3)},
    ),
    source="section 2b of the theory",
    steps=(size, expected_residual, norm),
    proof="With p = (1/a, 1/b, 1/c) the mean of the weighted sum of the three ratios is at most 1; "
    "p_i = 0 drops a term.",
    code="bounds.node_counts",
    invariance={"S": 1, "lam": 1},
)
def tradeoff(xp, S, lam, p, *, c=1):
    N, bound = degrees_of_freedom(xp, S, lam), norm_bound(xp, S, lam)
    worst = []
    for J in subsets(S.shape[0]):
        ratios = xp.stack(
            [
                len(J) / N,
                xp.linalg.trace(residual(xp, S, J)) / (lam * N),
                squared_norm(xp, S, J) / bound,
            ]
        )
        worst.append(xp.max(ratios * p))
    return smallest(xp, worst), xp.asarray(c)


@section.sharper(
    "dpp.conditional",
    r"\mathbb{E}[|J'| \mid A \subseteq J, B \cap J = \emptyset]"
    r"= \operatorname{Tr}[S'_C (S'_C + \lambda)^{-1}], \quad"
    r"\mathbb{E} L_A = \operatorname{Tr} S'"
    r"- \operatorname{Tr}[S'_{:C}(S'_C + \lambda)^{-1}S'_{C:}]",
    draw(
        S=draw.covariances(nonsingular=True),
        lam=draw.positive(),
        kept=draw.node_sets("m", "a"),
        dropped=draw.integers(0, 2),
        sizes={"m": (1, 4), "a": (0, "m")},
    ),
    kind="identity",
    source="section 2b of the theory",
    proof="P(A + J') is proportional to det(S_A) det(S'_J'/lam), S' = S - S_{:A} S_A^{-1} S_{A:}.",
)
def conditional(xp, S, lam, kept, dropped):
    m = S.shape[0]
    A = [j for j in range(m) if any(bool(kept[i] == j) for i in range(kept.shape[0]))]
    free = [j for j in range(m) if j not in A]
    C = free[min(dropped, len(free)) :]
    weight, nodes, loss = xp.asarray(0.0), xp.asarray(0.0), xp.asarray(0.0)
    for chosen in subsets(len(C)):
        J = sorted([*A, *(C[i] for i in chosen)])
        p = principal_minor(xp, S / lam, J)
        weight, nodes = weight + p, nodes + p * len(chosen)
        loss = loss + p * xp.linalg.trace(residual(xp, S, J))
    rest = residual(xp, S, A)
    if not C:
        expected = xp.stack([xp.asarray(0.0), xp.linalg.trace(rest)])
    else:
        C_nodes = xp.asarray(C)
        rest_C, rows = minor(xp, rest, C_nodes, C_nodes), xp.take(rest, C_nodes, axis=0)
        shifted = rest_C + lam * xp.eye(len(C))
        explained = xp.linalg.trace(rows.T @ xp.linalg.solve(shifted, rows))
        expected = xp.stack(
            [
                xp.linalg.trace(xp.linalg.solve(shifted, rest_C)),
                xp.linalg.trace(rest) - explained,
            ]
        )
    return xp.stack([nodes / weight, loss / weight]), expected
