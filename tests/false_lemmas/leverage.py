"""False lemmas about sampling by leverage scores."""

from __future__ import annotations

from fractions import Fraction

from planted import Lemmas

from validation import draw
from validation.catalogue import leverage as true
from validation.catalogue.degrees_of_freedom import degrees_of_freedom
from validation.catalogue.leverage import (
    EVENT,
    SETTING,
    drawn_nodes_live,
    leverage_distribution,
    merged,
    multiplicities,
    ridge_loss,
    sampled_gram,
)
from validation.catalogue.reconstruction import reconstruction, ridge_schur_complement

lemmas = Lemmas("2a", __name__)
SAMPLING = draw(
    F=draw.matrices("m", "r"),
    lam=draw.positive(above=1e-6, below=1e6),
    delta=draw.probabilities(),
    sizes={"m": (1, 3), "r": (1, 3)},
)

loss_bound_constant = lemmas.mutated(
    true.loss_bound,
    "loss_bound_constant",
    "4 is attained: S = 3 lam on a direction that J misses, little elsewhere.",
    c=Fraction(39, 10),
)
output_loss_bound_constant = lemmas.mutated(
    true.output_loss_bound,
    "output_loss_bound_constant",
    "4 is attained: S = 3 lam on a direction that J misses, and Z reads it alone.",
    c=Fraction(39, 10),
)
loss_bound_without_event = lemmas.mutated(
    true.loss_bound,
    "loss_bound_without_event",
    "Off the event a direction with S far above lam may be missed.",
    statement=r"L_A(J) \le 4 \lambda N(\lambda) \text{ for every } J",
    hypotheses={},
)
norm_without_event = lemmas.mutated(
    true.norm,
    "norm_without_event",
    "Off the event L_A is not bounded by 4 lam N.",
    statement=r"\textstyle\sum_j \|A_{:,j}\| \le 2 \sqrt{\lambda N \sum_j 1/\tau_j}"
    r"\text{ for every } J",
    hypotheses={},
    c=Fraction(1, 2),
)


def gap(xp, F, J, lam, threshold):
    """The threshold's event, as the least eigenvalue of a matrix that is then PSD."""
    gram = F.T @ F
    shifted = gram + lam * xp.eye(gram.shape[0])
    matrix = threshold * shifted - gram + sampled_gram(xp, F, J, lam)
    return xp.zeros(1), xp.linalg.eigvalsh(matrix)[:1]


def weaker_event(xp, F, J, lam):
    return gap(xp, F, J, lam, xp.asarray(0.875))


def unscaled_event(xp, F, J, lam):
    """lambda_max(S - G) <= (3/4) (||S||_2 + lam)."""
    gram = F.T @ F
    largest = xp.linalg.eigvalsh(gram)[-1:] + lam
    difference = gram - sampled_gram(xp, F, J, lam)
    return xp.linalg.eigvalsh(difference)[-1:], 3 * largest / 4


loss_bound_weaker_event = lemmas.mutated(
    true.loss_bound,
    "loss_bound_weaker_event",
    "The threshold 7/8 gives 8 lam N, not 4.",
    statement=r"L_A(J) \le 4 \lambda N(\lambda) \text{ on the event with } 7/8 \text{ for } 3/4",
    hypotheses={r"\lambda_{\max}((S+\lambda)^{-1/2}(S-G)(S+\lambda)^{-1/2}) \le 7/8": weaker_event},
)
loss_bound_unscaled_event = lemmas.mutated(
    true.loss_bound,
    "loss_bound_unscaled_event",
    "A norm of S - G says nothing about directions in which S is small but above lam.",
    statement=r"L_A(J) \le 4 \lambda N(\lambda)"
    r"\text{ if } \lambda_{\max}(S - G) \le \tfrac34 \|S + \lambda\|_2",
    hypotheses={r"\lambda_{\max}(S - G) \le \tfrac34 \|S + \lambda\|_2": unscaled_event},
)


def unmerged_loss(xp, F, J, lam):
    """C on the distinct nodes with tau_j = lam k q_j, multiplicities ignored."""
    S = F @ F.T
    q = leverage_distribution(xp, S, lam)
    nodes = list(multiplicities(J, F.shape[0]))
    tau = xp.stack([lam * J.shape[0] * q[j] for j in nodes])
    return ridge_schur_complement(xp, S, xp.asarray(nodes), tau)


@lemmas.claim(
    "identity_unmerged",
    r"L_A(J) = \lambda \operatorname{Tr}[S^{1/2}(G + \lambda)^{-1}S^{1/2}],"
    r"\; \tau_j = \lambda k q_j \text{ on the set}",
    SETTING,
    kind="identity",
    given=drawn_nodes_live,
    why="A node drawn c_j times needs tau_j = lam k q_j/c_j.",
)
def identity_unmerged(xp, F, J, lam):
    shifted = sampled_gram(xp, F, J, lam) + lam * xp.eye(F.shape[1])
    right = lam * xp.linalg.trace(F @ xp.linalg.solve(shifted, F.T))
    return xp.linalg.trace(unmerged_loss(xp, F, J, lam)), right


@lemmas.claim(
    "loss_bound_unmerged",
    r"L_A(J) \le 4 \lambda N(\lambda) \text{ on the event},"
    r"\; \tau_j = \lambda k q_j \text{ on the set}",
    SETTING,
    hypotheses=EVENT,
    given=drawn_nodes_live,
    why="m = 1, drawn five times: tau = 5 lam gives nearly 5 lam N.",
)
def loss_bound_unmerged(xp, F, J, lam):
    right = 4 * lam * degrees_of_freedom(xp, F @ F.T, lam)
    return xp.linalg.trace(unmerged_loss(xp, F, J, lam)), right


@lemmas.claim(
    "norm_largest_term",
    r"\textstyle\sum_j \|A_{:,j}\| \le \sqrt{\lambda N(\lambda) \max_j 1/\tau_j}"
    r"\text{ on the event}",
    SETTING,
    hypotheses=EVENT,
    given=drawn_nodes_live,
    why="The maximum stands where Cauchy-Schwarz has a sum.",
)
def norm_largest_term(xp, F, J, lam):
    S = F @ F.T
    nodes, tau = merged(xp, F @ F.T, J, lam)
    left = xp.sum(xp.linalg.vector_norm(reconstruction(xp, S, nodes, tau), axis=0))
    return left, xp.sqrt(lam * degrees_of_freedom(xp, S, lam) * xp.max(1 / tau))


@lemmas.claim(
    "gram_alone",
    r"\tfrac14 S \preceq G \text{ on the event}",
    SETTING,
    kind="loewner",
    hypotheses=EVENT,
    given=drawn_nodes_live,
    why="The event gives G + lam >= (S + lam)/4 only; G may miss directions below 3 lam.",
)
def gram_alone(xp, F, J, lam):
    return F.T @ F / 4, sampled_gram(xp, F, J, lam)


@lemmas.claim(
    "inverse_weights_for_every_set",
    r"\textstyle\sum_{j \in J} 1/q_j \le (5/3) m k \text{ on the event}",
    SETTING,
    hypotheses=EVENT,
    given=drawn_nodes_live,
    why="Markov gives it with probability 2/5; a set of rare nodes does not have it.",
)
def inverse_weights_for_every_set(xp, F, J, lam, *, c=Fraction(5, 3)):
    q = leverage_distribution(xp, F @ F.T, lam)
    total = xp.asarray(0.0)
    for j, count in multiplicities(J, F.shape[0]).items():
        total = total + count / q[j]
    return total, c * F.shape[0] * J.shape[0]


@lemmas.claim(
    "reconstruction_norm_for_every_set",
    r"\|A\|_F^2 \le (20/3) m N(\lambda) \text{ on the event}",
    SETTING,
    hypotheses=EVENT,
    given=drawn_nodes_live,
    why="It needs sum 1/q_j <= (5/3) m k besides; a small node kept alone has a large A.",
)
def reconstruction_norm_for_every_set(xp, F, J, lam, *, c=Fraction(20, 3)):
    S = F @ F.T
    nodes, tau = merged(xp, F @ F.T, J, lam)
    left = xp.sum(reconstruction(xp, S, nodes, tau) ** 2)
    return left, c * F.shape[0] * degrees_of_freedom(xp, S, lam)


@lemmas.claim(
    "loss_without_ridge_gap",
    r"L_A(J; \tau) \le L_A(J; 0) + \lambda N(\lambda)/2 \text{ on the event}",
    draw(
        F=draw.matrices("m", "m"),
        J=draw.multisets("m", "draws"),
        lam=draw.positive(),
        sizes={"m": (1, 3), "draws": (1, 5)},
    ),
    hypotheses=EVENT,
    given=drawn_nodes_live,
    why="With every node drawn the loss at tau = 0 is 0, and lam N at the tau of sampling.",
)
def loss_without_ridge_gap(xp, F, J, lam):
    S = F @ F.T + lam / 4 * xp.eye(F.shape[0])
    nodes, tau = merged(xp, F @ F.T, J, lam)
    without = xp.linalg.trace(ridge_schur_complement(xp, S, nodes, 0 * tau))
    left = xp.linalg.trace(ridge_schur_complement(xp, S, nodes, tau))
    return left, without + lam * degrees_of_freedom(xp, S, lam) / 2


@lemmas.claim(
    "loss_equals_expectation",
    r"\lambda N(\lambda) \le L_A(J)",
    SETTING,
    given=drawn_nodes_live,
    why="lam N is the loss at G = S; a G that exceeds S has less.",
)
def loss_equals_expectation(xp, F, J, lam):
    left = lam * degrees_of_freedom(xp, F @ F.T, lam)
    return left, xp.linalg.trace(ridge_loss(xp, F, J, lam))


def draws(xp, rng, F, lam, count):
    """`count` nodes from q, by inversion of uniform numbers."""
    q = leverage_distribution(xp, F @ F.T, lam)
    cumulative = [xp.sum(q[: j + 1]) for j in range(F.shape[0] - 1)]
    uniform = xp.asarray(rng.random(count))
    return xp.asarray(
        sorted(sum(int(bool(c < uniform[i])) for c in cumulative) for i in range(count))
    )


def at_least(count):
    """The smallest integer k >= 1 with k >= count."""
    k = 1
    while bool(k < count):
        k += 1
    return k


def live(F):
    """No S = 0: it has no leverage distribution."""
    return bool((F != 0).any())


def whitened_gap(xp, F, J, lam):
    """The event's left and right sides, as (0, least eigenvalue)."""
    zero, eigenvalue = gap(xp, F, J, lam, xp.asarray(0.75))
    return zero[0], eigenvalue[0]


@lemmas.claim(
    "event_probability_without_logarithm",
    r"k \ge (32/9)(N(\lambda) + 1/4) \text{ implies the event with probability} \ge 1 - \delta"
    r"\text{ for uncorrelated nodes}",
    draw(
        mu=draw.spectra(),
        lam=draw.positive(above=2.0**-6, below=0.5),
        delta=draw.reals(2.0**-10, 2.0**-6),
        sizes={"m": (2, 3)},
    ),
    kind="probabilistic",
    failure="delta",
    given=lambda mu: bool((mu != 0).any()),
    why="Bernstein without its logarithm: to miss one of m equal directions has the probability "
    "(1 - 1/m)^k, whatever delta.",
)
def event_probability_without_logarithm(xp, rng, mu, lam, *, c=Fraction(32, 9)):
    F = xp.eye(mu.shape[0]) * xp.sqrt(mu)
    count = at_least(c * (xp.sum(mu / (mu + lam)) + 0.25))
    return whitened_gap(xp, F, draws(xp, rng, F, lam, count), lam)


@lemmas.claim(
    "event_probability_without_union",
    r"k \ge 2.48 N(\lambda) \log(1/\delta)"
    r"\text{ implies the event with probability} \ge 1 - \delta",
    SAMPLING,
    kind="probabilistic",
    failure="delta",
    given=live,
    why="The union over the directions costs log rank S: at delta near 1 one draw would do.",
)
def event_probability_without_union(xp, rng, F, lam, delta, *, c=Fraction(62, 25)):
    count = at_least(c * degrees_of_freedom(xp, F @ F.T, lam) * xp.log(1 / delta))
    return whitened_gap(xp, F, draws(xp, rng, F, lam, count), lam)


@lemmas.claim(
    "existence_for_most_sets",
    r"P(\textstyle\sum_{j \in J} 1/q_j > m k) \le 1/4",
    draw(
        F=draw.matrices("m", "r"),
        lam=draw.positive(above=1e-6, below=1e6),
        k=draw.integers(1, 4),
        sizes={"m": (1, 3), "r": (1, 3)},
    ),
    kind="probabilistic",
    failure=Fraction(1, 4),
    given=live,
    why="m k is the mean: Markov at the mean itself says nothing.",
)
def existence_for_most_sets(xp, rng, F, lam, k):
    q = leverage_distribution(xp, F @ F.T, lam)
    J = draws(xp, rng, F, lam, k)
    total = xp.asarray(0.0)
    for i in range(k):
        total = total + 1 / q[int(J[i])]
    return total, xp.asarray(float(F.shape[0] * k))
