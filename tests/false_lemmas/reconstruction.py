"""False lemmas about reconstruction and information losses."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations

from planted import Lemmas

from validation import draw
from validation.catalogue import reconstruction as true
from validation.catalogue.reconstruction import (
    diagonal,
    minor,
    reconstruction,
    residual_covariance,
    ridge_schur_complement,
)

lemmas = Lemmas("1", __name__)
PRUNED = draw(
    S=draw.covariances(nonsingular=True),
    J=draw.node_sets(),
    tau=draw.ridges(),
    sizes={"k": (1, "m")},
)
GROWING = draw(
    S=draw.covariances(nonsingular=True),
    J=draw.node_sets(),
    sizes={"m": (2, 4), "k": (2, "m")},
)
READ_OUT = draw(
    S=draw.covariances(nonsingular=True),
    J=draw.node_sets(),
    tau=draw.ridges(),
    Z=draw.matrices("q", "m"),
    sizes={"k": (1, "m")},
)


def loss(xp, S, nodes):
    """L_A at tau = 0."""
    if len(nodes) == 0:
        return xp.linalg.trace(S)
    nodes = xp.asarray(nodes) if isinstance(nodes, list) else nodes
    return xp.linalg.trace(ridge_schur_complement(xp, S, nodes, xp.zeros((nodes.shape[0],))))


eckart_young_constant = lemmas.mutated(
    true.eckart_young,
    "eckart_young_constant",
    "The constant 1 is attained: S diagonal, J its largest entries, tau = 0.",
    c=Fraction(99, 100),
)


@lemmas.claim(
    "eckart_young_rank",
    r"\sum_{j \ge k} \mu_j \le L_A(J)",
    PRUNED,
    why="k nodes remove k eigenvalues, not k - 1.",
)
def eckart_young_rank(xp, S, J, tau):
    tail = xp.sum(xp.linalg.eigvalsh(S)[: S.shape[0] - J.shape[0] + 1])
    return tail, xp.linalg.trace(ridge_schur_complement(xp, S, J, tau))


@lemmas.claim(
    "volume_bound_for_every_set",
    r"L_A(J) \le (k + 1) \sum_{j>k} \mu_j \text{ for every } J, \; \tau = 0",
    PRUNED,
    why="It holds on average over volume sampling; a set of small nodes does not have it.",
)
def volume_bound_for_every_set(xp, S, J, tau):
    k = J.shape[0]
    return loss(xp, S, J), (k + 1) * xp.sum(xp.linalg.eigvalsh(S)[: S.shape[0] - k])


@lemmas.claim(
    "residual_above_schur",
    r"C \preceq R",
    PRUNED,
    kind="loewner",
    why="The inequality points the other way: C - R = A I_tau A^T.",
)
def residual_above_schur(xp, S, J, tau):
    R = residual_covariance(xp, S, J, reconstruction(xp, S, J, tau))
    return ridge_schur_complement(xp, S, J, tau), R


@lemmas.claim(
    "trace_without_regulariser",
    r"L_A(J) = \operatorname{Tr} R",
    PRUNED,
    kind="identity",
    why="The penalty sum_j tau_j ||A_{:,j}||^2 is missing.",
)
def trace_without_regulariser(xp, S, J, tau):
    R = residual_covariance(xp, S, J, reconstruction(xp, S, J, tau))
    return xp.linalg.trace(ridge_schur_complement(xp, S, J, tau)), xp.linalg.trace(R)


@lemmas.claim(
    "residual_by_pythagoras",
    r"R = S - A S_J A^T",
    PRUNED,
    kind="identity",
    why="Orthogonality of the residual needs tau = 0.",
)
def residual_by_pythagoras(xp, S, J, tau):
    A = reconstruction(xp, S, J, tau)
    return residual_covariance(xp, S, J, A), S - A @ minor(xp, S, J, J) @ A.T


@lemmas.claim(
    "regulariser_helps",
    r"L_A(J; \tau + \sigma) \le L_A(J; \tau), \; \sigma \ge 0",
    draw(
        S=draw.covariances(nonsingular=True),
        J=draw.node_sets(),
        tau=draw.ridges(),
        sigma=draw.ridges(),
        sizes={"k": (1, "m")},
    ),
    why="The loss increases with tau.",
)
def regulariser_helps(xp, S, J, tau, sigma):
    larger = ridge_schur_complement(xp, S, J, tau + sigma)
    return xp.linalg.trace(larger), xp.linalg.trace(ridge_schur_complement(xp, S, J, tau))


@lemmas.claim(
    "convex_in_tau",
    r"C(J; (\tau + \sigma)/2) \preceq \tfrac12 (C(J; \tau) + C(J; \sigma))",
    draw(
        S=draw.covariances(nonsingular=True),
        J=draw.node_sets(),
        tau=draw.ridges(),
        sigma=draw.ridges(),
        sizes={"k": (1, "m")},
    ),
    kind="loewner",
    why="(S_J + I_tau)^{-1} is convex in tau, and it enters with a minus: C is concave.",
)
def convex_in_tau(xp, S, J, tau, sigma):
    ends = ridge_schur_complement(xp, S, J, tau) + ridge_schur_complement(xp, S, J, sigma)
    return ridge_schur_complement(xp, S, J, (tau + sigma) / 2), ends / 2


@lemmas.claim(
    "gain_without_tau",
    r"C(J + j) = C(J) - C_{:j} C_{:j}^T/C_{jj}",
    draw(
        S=draw.covariances(nonsingular=True),
        J=draw.node_sets(),
        tau=draw.ridges("m"),
        sizes={"m": (2, 4), "k": (2, "m")},
    ),
    kind="identity",
    why="The pivot is C_jj + tau_j.",
)
def gain_without_tau(xp, S, J, tau):
    before, j = J[:-1], J[-1:]
    C = ridge_schur_complement(xp, S, before, xp.take(tau, before, axis=0))
    column = xp.take(C, j, axis=1)
    after = ridge_schur_complement(xp, S, J, xp.take(tau, J, axis=0))
    return after, C - column @ column.T / minor(xp, C, j, j)


@lemmas.claim(
    "gains_are_submodular",
    r"L_A(J + i) - L_A(J + i + j) \le L_A(J) - L_A(J + j), \; \tau = 0",
    GROWING,
    why="Two nodes whose difference explains a third gain more together than alone.",
)
def gains_are_submodular(xp, S, J):
    i, j, *base = (int(J[position]) for position in range(J.shape[0]))
    later = loss(xp, S, [*base, i]) - loss(xp, S, [*base, i, j])
    return later, loss(xp, S, base) - loss(xp, S, [*base, j])


@lemmas.claim(
    "gains_are_subadditive",
    r"\operatorname{Tr} S - L_A(J) \le \sum_{j \in J} (\operatorname{Tr} S - L_A(\{j\})),"
    r"\; \tau = 0",
    GROWING,
    why="Two nodes whose difference explains a third gain more together than alone.",
)
def gains_are_subadditive(xp, S, J):
    trace, single = xp.linalg.trace(S), xp.asarray(0.0)
    for i in range(J.shape[0]):
        single = single + trace - loss(xp, S, J[i : i + 1])
    return trace - loss(xp, S, J), single


@lemmas.claim(
    "greedy_is_optimal",
    r"L_A(J_{\text{greedy}}) \le L_A(J) \text{ for every } J \text{ of two nodes}, \; \tau = 0",
    draw(S=draw.covariances(nonsingular=True), sizes={"m": (3, 4)}),
    why="The best single node need not belong to the best pair.",
)
def greedy_is_optimal(xp, S):
    nodes: list[int] = []
    for _ in range(2):
        best = None
        for j in range(S.shape[0]):
            if j not in nodes:
                value = loss(xp, S, sorted([*nodes, j]))
                if best is None or bool(value < best[0]):
                    best = (value, j)
        nodes.append(best[1])
    pairs = [loss(xp, S, list(J)) for J in combinations(range(S.shape[0]), 2)]
    return best[0], xp.min(xp.stack(pairs))


@lemmas.claim(
    "monotone_with_the_kept_rows",
    r"L_B(J + j; Z = W_h[J + j,:]) \le L_B(J; Z = W_h[J,:]), \; \tau = 0",
    draw(
        S=draw.covariances(nonsingular=True),
        J=draw.node_sets(),
        W=draw.matrices("m", "m"),
        sizes={"m": (2, 4), "k": (2, "m")},
    ),
    why="The new node's row of W_h may read a node that is not kept.",
)
def monotone_with_the_kept_rows(xp, S, J, W):
    def objective(nodes):
        Z = xp.take(W, nodes, axis=0)
        C = ridge_schur_complement(xp, S, nodes, xp.zeros((nodes.shape[0],)))
        return xp.linalg.trace(Z @ C @ Z.T)

    return objective(J), objective(J[:-1])


@lemmas.claim(
    "never_worse_than_embedding",
    r"\operatorname{Tr} R(A) \le \operatorname{Tr} R(E),"
    r"\; E \text{ the embedding of } J, \; A = S_{:J}(S_J + I_\tau)^{-1}",
    PRUNED,
    why="A large tau sends A to 0, and then the kept nodes are lost too.",
)
def never_worse_than_embedding(xp, S, J, tau):
    R = residual_covariance(xp, S, J, reconstruction(xp, S, J, tau))
    E = xp.take(xp.eye(S.shape[0]), J, axis=1)
    return xp.linalg.trace(R), xp.linalg.trace(residual_covariance(xp, S, J, E))


@lemmas.claim(
    "reconstruction_is_a_contraction",
    r"\|A\|_F^2 \le m",
    PRUNED,
    why="A small node that is proportional to a large one needs a large coefficient.",
)
def reconstruction_is_a_contraction(xp, S, J, tau):
    return xp.sum(reconstruction(xp, S, J, tau) ** 2), xp.asarray(float(S.shape[0]))


@lemmas.claim(
    "output_loss_by_the_largest_row",
    r"L_B(J) \le \max_i \|Z_{i,:}\|^2 \, L_A(J)",
    READ_OUT,
    why="The maximum over the rows of Z stands where their sum, or ||Z||_2^2, belongs.",
)
def output_loss_by_the_largest_row(xp, S, J, tau, Z):
    C = ridge_schur_complement(xp, S, J, tau)
    largest = xp.max(xp.sum(Z**2, axis=1))
    return xp.linalg.trace(Z @ C @ Z.T), largest * xp.linalg.trace(C)


@lemmas.claim(
    "output_loss_by_the_largest_entry",
    r"L_B(J) \le q \max_{ij} Z_{ij}^2 \, L_A(J)",
    READ_OUT,
    why="A row of ones has norm sqrt m, not 1.",
)
def output_loss_by_the_largest_entry(xp, S, J, tau, Z):
    C = ridge_schur_complement(xp, S, J, tau)
    return xp.linalg.trace(Z @ C @ Z.T), Z.shape[0] * xp.max(Z**2) * xp.linalg.trace(C)


@lemmas.claim(
    "full_rank_schur",
    r"m \le \operatorname{rank} C(J; \tau) \text{ for } \tau > 0",
    draw(
        S=draw.covariances(),
        J=draw.node_sets(),
        tau=draw.vectors("k", low=2.0**-10, high=2.0**10),
        sizes={"m": (1, 3), "k": (1, "m")},
    ),
    why="rank C = rank S: it fails on singular S only, a set that no gradient points to.",
)
def full_rank_schur(xp, S, J, tau):
    rank = xp.linalg.matrix_rank(ridge_schur_complement(xp, S, J, tau))
    return xp.asarray(float(S.shape[0])), rank + xp.asarray(0.0)


@lemmas.claim(
    "equal_share",
    r"C(J) \preceq (1 - k/m) \, S, \; \tau = 0",
    PRUNED,
    kind="loewner",
    why="k of m nodes explain a share k/m of nothing in particular.",
)
def equal_share(xp, S, J, tau):
    C = ridge_schur_complement(xp, S, J, 0 * tau)
    m = xp.asarray(float(S.shape[0]))
    return C, (1 - J.shape[0] / m) * S


@lemmas.claim(
    "penalty_of_one_node",
    r"\|A\|_F^2 \min_j \tau_j \le \tfrac14 \|S_J\|_2",
    PRUNED,
    why="True of one node alone; further nodes and the rows outside J add to it.",
)
def penalty_of_one_node(xp, S, J, tau):
    A = reconstruction(xp, S, J, tau)
    largest = xp.linalg.matrix_norm(minor(xp, S, J, J), ord=2)
    return xp.sum(A**2) * xp.min(tau), largest / 4


@lemmas.claim(
    "ridge_by_diagonal",
    r"C(J; \tau)_{JJ} \preceq I_\tau/2",
    PRUNED,
    kind="loewner",
    why="C_JJ = S_J (S_J + I_tau)^{-1} I_tau is below I_tau, not below half of it.",
)
def ridge_by_diagonal(xp, S, J, tau):
    return minor(xp, ridge_schur_complement(xp, S, J, tau), J, J), diagonal(xp, tau) / 2
