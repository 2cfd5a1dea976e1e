"""Section 2a of the theory: sampling by leverage scores, what holds for every draw.

S = F F^T is drawn as its factor F, and F stands where the theory writes S^{1/2}: the two differ by
an isometry, which no trace, eigenvalue or Loewner order below can see. What holds with a
probability is in `leverage_probabilities`.
"""

from __future__ import annotations

import numpy as np

from validation.catalogue.degrees_of_freedom import degrees_of_freedom, smoothed
from validation.catalogue.reconstruction import reconstruction, ridge_schur_complement
from validation.catalogue.stating import Section
from validation.instances import draw

section = Section("2a", {"paper": "F22 and S20 (reconstructed), section 2a of the theory"})
SETTING = draw(
    F=draw.matrices("m", "r"),
    J=draw.multisets("m", "draws"),
    lam=draw.positive(),
    sizes={"draws": (1, 5), "r": (1, 4)},
)
SETTING_WITH_Z = draw(
    F=draw.matrices("m", "r"),
    J=draw.multisets("m", "draws"),
    lam=draw.positive(),
    Z=draw.matrices("q", "m"),
    sizes={"draws": (1, 5), "r": (1, 4)},
)


def drawn_nodes_live(F, J):
    """A node with leverage 0 is never drawn."""
    F, J = np.asarray(F), np.asarray(J)
    return bool((np.abs(F[J]).max(axis=1) > 1e-6 * max(1e-300, np.abs(F).max())).all())


def multiplicities(J, m):
    """How often each distinct node of the multiset was drawn, by node."""
    drawn = [J[i] for i in range(J.shape[0])]
    counts = {j: sum(int(bool(i == j)) for i in drawn) for j in range(m)}
    return {j: count for j, count in counts.items() if count}


def leverage_distribution(xp, S, lam):
    """q_j = l_j(lam)/N(lam)."""
    scores = xp.linalg.diagonal(smoothed(xp, S, lam))
    return scores / xp.sum(scores)


def sampled_gram(xp, F, J, lam):
    """G = (1/k) sum over draws of q_j^{-1} F^T e_j e_j^T F, (r, r)."""
    q = leverage_distribution(xp, F @ F.T, lam)
    G = xp.zeros((F.shape[1], F.shape[1]))
    for j, count in multiplicities(J, F.shape[0]).items():
        G = G + count / (J.shape[0] * q[j]) * xp.linalg.outer(F[j, :], F[j, :])
    return G


def merged(xp, S, J, lam):
    """The distinct nodes of the multiset J and tau_j = lam k q_j/c_j."""
    q = leverage_distribution(xp, S, lam)
    counts = multiplicities(J, S.shape[0])
    tau = xp.stack([lam * J.shape[0] * q[j] / count for j, count in counts.items()])
    return xp.asarray(list(counts)), tau


def event(xp, F, J, lam):
    """lambda_max((S + lam)^{-1/2}(S - G)(S + lam)^{-1/2}) <= 3/4, as an eigenvalue >= 0."""
    gram = F.T @ F
    shifted = gram + lam * xp.eye(gram.shape[0])
    gap = 3 * shifted / 4 - gram + sampled_gram(xp, F, J, lam)
    return xp.zeros(1), xp.linalg.eigvalsh(gap)[:1]


EVENT = {r"\lambda_{\max}((S+\lambda)^{-1/2}(S-G)(S+\lambda)^{-1/2}) \le 3/4": event}


def ridge_loss(xp, F, J, lam):
    """C with the merged multiplicities."""
    S = F @ F.T
    nodes, tau = merged(xp, S, J, lam)
    return ridge_schur_complement(xp, S, nodes, tau)


@section.paper(
    "leverage.identity",
    r"C = \lambda S^{1/2}(G + \lambda)^{-1}S^{1/2}, \text{ so } L_A(J) = \lambda "
    r"\operatorname{Tr}[S^{1/2}(G + \lambda)^{-1}S^{1/2}], \; \tau_j = \lambda k q_j/c_j",
    SETTING,
    kind="identity",
    given=drawn_nodes_live,
    code="pruning.sample_leverage",
    invariance={"F": 0.5, "lam": 1},
)
def identity(xp, F, J, lam):
    shifted = sampled_gram(xp, F, J, lam) + lam * xp.eye(F.shape[1])
    return ridge_loss(xp, F, J, lam), lam * F @ xp.linalg.solve(shifted, F.T)


@section.paper(
    "leverage.loss_bound",
    r"L_A(J) \le 4 \lambda N(\lambda) \text{ on the event}",
    SETTING,
    hypotheses=EVENT,
    given=drawn_nodes_live,
    steps=(identity,),
    proof="On the event G + lam >= (S + lam)/4. Attained: S = 3 lam on a direction J misses.",
    code="pruning.sample_leverage",
    invariance={"F": 0.5, "lam": 1},
)
def loss_bound(xp, F, J, lam, *, c=4):
    loss = xp.linalg.trace(ridge_loss(xp, F, J, lam))
    return loss, c * lam * degrees_of_freedom(xp, F @ F.T, lam)


@section.paper(
    "leverage.output_loss_bound",
    r"L_B(J) \le 4 \lambda \operatorname{Tr}[Z S (S + \lambda)^{-1} Z^T] \text{ on the event}",
    SETTING_WITH_Z,
    hypotheses=EVENT,
    given=drawn_nodes_live,
    steps=(identity,),
    code="pruning.sample_leverage",
)
def output_loss_bound(xp, F, J, lam, Z, *, c=4):
    S = F @ F.T
    K = smoothed(xp, S, lam)
    left = xp.linalg.trace(Z @ ridge_loss(xp, F, J, lam) @ Z.T)
    return left, c * lam * xp.linalg.trace(Z @ K @ Z.T)


@section.paper(
    "leverage.norm",
    r"\textstyle\sum_{j \in J} \|A_{:,j}\| \le 2 \sqrt{\lambda N(\lambda) \sum_j 1/\tau_j}"
    r"\text{ on the event}",
    SETTING,
    hypotheses=EVENT,
    given=drawn_nodes_live,
    source="S20 (reconstructed), section 2a of the theory",
    steps=(loss_bound,),
    proof="sum_j tau_j ||A_{:,j}||^2 <= L_A <= 4 lam N, then Cauchy-Schwarz. With "
    "sum 1/q_j <= (5/3) m k it is the sqrt((20/3) m N) of leverage.existence.",
    invariance={"F": 0.5, "lam": 1},
)
def norm(xp, F, J, lam, *, c=2):
    S = F @ F.T
    nodes, tau = merged(xp, S, J, lam)
    left = xp.sum(xp.linalg.vector_norm(reconstruction(xp, S, nodes, tau), axis=0))
    return left, c * xp.sqrt(lam * degrees_of_freedom(xp, S, lam) * xp.sum(1 / tau))
