r"""Section 2a of the theory: what holds with a probability when nodes are drawn by leverage scores.

One call of a body is one draw of the multiset J. Randomness enters as k uniform numbers u, and
node j is drawn where u falls between the partial sums of q_1..q_{j-1} and q_1..q_j. The q are
formed in the arithmetic of the moment, so the same u give the same J in balls as in float64. (u is
a multiple of 2^-53: probabilities are those of q up to k m 2^-53.)

S = F F^T with F in (m, r), and F stands where the theory writes S^{1/2}.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from validation.catalogue import proofs
from validation.catalogue.reconstruction import reconstruction, ridge_schur_complement
from validation.catalogue.stating import Section
from validation.instances import draw
from validation.instances.factors import ArrayFactor, Raw, Sizes
from validation.instances.matrices import rotation, spectrum
from validation.instances.sources import Source

section = Section("2a", {"paper": "S20, section 2a of the theory (reconstructed)"})


class LiveFactor(ArrayFactor):
    """F (m, m) without dead nodes, so that every node can be drawn: spectra, spikes, clusters.

    Flat spectra and one spike are the ones on which the event fails most often.
    """

    def make(self, source: Source, sizes: Sizes) -> Raw:
        m = self.shape(sizes)[0]
        family = source.choice(
            ("flat", "spike", "one large node", "one large node", "spectrum", "gram")
        )
        F = np.eye(m)
        if family == "spike":
            F[0, 0] = source.magnitude(1.0, 1e3)
        elif family == "one large node":
            # N is small, so k = 1, and the others have q = share/m: Markov is nearly tight where
            # share is just below 3/5 or 4/5.
            share = source.choice((0.599, 0.799, 0.66, 0.83))
            F[0, 0] = np.sqrt(m / share - m + 1)
            F *= 2.0**-12
        elif family == "spectrum":
            F = rotation(source, m) * np.sqrt(spectrum(source, m) + 2.0**-20)
        elif family == "gram":
            F = source.reals((m, m))
        return self._alive(F)

    def with_parameters(self, raw, values):
        return self._alive(super().with_parameters(raw, values))

    def drop(self, raw: Raw, size: str, index: int) -> Raw:
        return self._alive(super().drop(raw, size, index))

    def _alive(self, F):
        smallest = np.sqrt((F**2).sum(axis=1)) < 1e-6
        F = F.copy()
        F[smallest, np.flatnonzero(smallest)] = 1.0
        return F

    def simpler(self, raw):
        diagonal = np.diag(np.sqrt((raw**2).sum(axis=1)))
        if raw.shape[0] == raw.shape[1] and not np.array_equal(raw, diagonal):
            yield diagonal


SETTING = draw(
    F=LiveFactor("m", "m"),
    lam=draw.positive(above=2.0**-20, below=2.0**20),
    delta=draw.choices(0.5, 0.25, 0.75, 0.125, 0.0625),
    sizes={"m": (1, 12)},
)
EXISTENCE = draw(
    F=LiveFactor("m", "m"),
    lam=draw.positive(above=2.0**-20, below=2.0**20),
    sizes={"m": (1, 12)},
)


class Sampler:
    """What the draws of one covariance depend on.

    Attributes
    ----------
    whitened : (m, r)
        X with X X^T = K = S (S + lam)^{-1}.
    scores, q : (m,)
        l_j(lam), and l_j/N.
    N : number
        N(lam).
    """

    def __init__(self, xp, F, lam):
        self.xp, self.F, self.lam = xp, F, lam
        self.m = F.shape[0]
        gram = F.T @ F
        lower = xp.linalg.cholesky(gram + lam * xp.eye(gram.shape[0]))
        self.whitened = xp.linalg.solve(lower, F.T).T
        self.scores = xp.sum(self.whitened**2, axis=1)
        self.N = xp.sum(self.scores)
        self.q = self.scores / self.N

    def kap(self):
        """mu_j/(mu_j + lam), ascending."""
        return self.xp.linalg.eigvalsh(self.whitened.T @ self.whitened)

    def multiplicities(self, rng, k):
        """How often each node is among k draws, as numbers (m,)."""
        xp = self.xp
        u = xp.asarray(rng.random((k, 1)))
        if self.m == 1:
            return xp.full((1,), 1.0 * k)
        ends = xp.cumulative_sum(self.q)[: self.m - 1]
        below = xp.sum(xp.astype(u < ends, xp.float64), axis=0)
        count = xp.full((1,), 1.0 * k)
        return xp.concat([below, count]) - xp.concat([0 * count, below])

    def gap(self, multiplicities, k):
        """lambda_max((S + lam)^{-1/2}(S - G)(S + lam)^{-1/2}), as far as it is positive."""
        weights = 1 - multiplicities / (k * self.q)
        return self.xp.linalg.eigvalsh(self.whitened.T @ (self.whitened.T * weights).T)[-1]


def count(xp, need):
    """max(1, ceil(need)) of a number, as an int."""
    k = 1
    while bool(xp.asarray(1.0 * k) < need):
        k *= 2
    low = k // 2  # too few
    while k - low > 1:
        middle = (low + k) // 2
        if bool(xp.asarray(1.0 * middle) < need):
            low = middle
        else:
            k = middle
    return k


def event(xp, rng, sampler, k):
    """Both sides of the event, for one draw of k nodes."""
    return sampler.gap(sampler.multiplicities(rng, k), k), xp.asarray(0.75)


@section.paper(
    "leverage.event_probability",
    r"P\bigl(\lambda_{\max}((S+\lambda)^{-1/2}(S-G)(S+\lambda)^{-1/2}) > 3/4\bigr) \le \delta"
    r"\text{ for } k = \max(1, \lceil 5 N(\lambda) \log(16 N(\lambda)/\delta) \rceil)",
    SETTING,
    kind="probabilistic",
    failure="delta",
    source="B17 Prop. 1, section 2a of the theory",
    code="bounds.node_count",
)
def event_probability(xp, rng, F, lam, delta, *, c=5, inner=16):
    sampler = Sampler(xp, F, lam)
    need = c * sampler.N * xp.log(inner * sampler.N / xp.asarray(delta))
    return event(xp, rng, sampler, count(xp, need))


@section.sharper(
    "leverage.event_probability_bernstein",
    r"P(\text{not the event}) \le \delta \text{ for } k = \max(1, \lceil \tfrac{32}{9}"
    r"(N + \tfrac14) \log(4 \tilde N/\delta) \rceil), \; \tilde N = N (\mu_1 + \lambda)/\mu_1",
    SETTING,
    kind="probabilistic",
    failure="delta",
    code="bounds.node_count",
    proof="One-sided intrinsic-dimension Bernstein for the k centred summands.",
)
def event_probability_bernstein(
    xp, rng, F, lam, delta, *, c=Fraction(32, 9), shift=Fraction(1, 4), inner=4
):
    sampler = Sampler(xp, F, lam)
    intrinsic = sampler.N / sampler.kap()[-1]
    need = c * (sampler.N + shift) * xp.log(inner * intrinsic / xp.asarray(delta))
    return event(xp, rng, sampler, count(xp, need))


@section.sharper(
    "leverage.chernoff_exponent",
    r"\tfrac{1}{2.48} \le x (1 - \kappa) + (1 - e^{-x}) \kappa - x/4 \text{ at } x = \ln 4,"
    r"\; 0 \le \kappa \le 1",
    draw(kap=draw.reals(0, 1)),
    code="bounds.node_count",
    symbolic=proofs.chernoff_constant,
    proof="Decreasing in kap, since ln 4 > 3/4; at kap = 1 it is 3/4 - (1/4) ln 4 = 0.4034.",
)
def chernoff_exponent(xp, kap, *, c=Fraction(62, 25)):
    x = xp.log(xp.asarray(4.0))
    return 1 / c, x * (1 - kap) + 3 * kap / 4 - x / 4


@section.sharper(
    "leverage.event_probability_sum",
    r"P(\text{not the event}) \le \textstyle\sum_{\kappa_j > 0}"
    r"\exp(-\tfrac{k}{N}(x (1 - \kappa_j) + (1 - e^{-x}) \kappa_j - x/4)) \text{ for } x > 0,"
    r"\text{ so at most } \delta \text{ for the smallest } k \text{ with sum} \le \delta",
    draw(
        F=LiveFactor("m", "m"),
        lam=draw.positive(above=2.0**-20, below=2.0**20),
        delta=draw.choices(0.5, 0.25, 0.75, 0.125, 0.0625),
        x=draw.choices(1.5, 1.0, 2.0, 0.75, 3.0),
        sizes={"m": (1, 12)},
    ),
    kind="probabilistic",
    failure="delta",
    code="bounds.node_count",
    proof="Laplace transform: a draw Y has rank one and norm N, so E exp(-xY/N) = I - (1 - e^{-x}) "
    "K/N; then log(I - B) <= -B, and the trace bounds the largest eigenvalue. A fixed x needs at "
    "least as many nodes as the minimum over x.",
)
def event_probability_sum(xp, rng, F, lam, delta, x, *, c=1):
    sampler = Sampler(xp, F, lam)
    kap, x = sampler.kap(), xp.asarray(x)
    rates = x * (1 - kap) - xp.expm1(-x) * kap - x / 4

    def enough(k: int) -> bool:
        return bool(xp.sum(xp.exp(-c * k / sampler.N * rates)) <= xp.asarray(delta))

    k = 1
    while not enough(k):
        k *= 2
    low = k // 2
    while k - low > 1:
        middle = (low + k) // 2
        low, k = (low, middle) if enough(middle) else (middle, k)
    return event(xp, rng, sampler, k)


@section.sharper(
    "leverage.event_probability_chernoff",
    r"P(\text{not the event}) \le \delta \text{ for } k = \max(1, \lceil 2.48 \, N"
    r"\log(\operatorname{rank} S/\delta) \rceil)",
    SETTING,
    kind="probabilistic",
    failure="delta",
    steps=(chernoff_exponent,),
    code="bounds.node_count",
    proof="leverage.event_probability_sum with kap_j <= 1 and x = ln 4.",
)
def event_probability_chernoff(xp, rng, F, lam, delta, *, c=Fraction(62, 25)):
    sampler = Sampler(xp, F, lam)
    # The rank is at most m, and the condition grows with it.
    need = c * sampler.N * xp.log(xp.asarray(1.0 * sampler.m) / xp.asarray(delta))
    return event(xp, rng, sampler, count(xp, need))


def existence_draw(xp, rng, F, lam, c, inner):
    """The sampler, k of `leverage.existence`, and one draw."""
    sampler = Sampler(xp, F, lam)
    k = count(xp, c * sampler.N * xp.log(inner * sampler.N))
    return sampler, k, sampler.multiplicities(rng, k)


@section.paper(
    "leverage.existence_event",
    r"P(\text{not the event}) \le 1/5 \text{ for } k = \max(1, \lceil 5 N \log(80 N) \rceil)",
    EXISTENCE,
    kind="probabilistic",
    failure=Fraction(1, 5),
    code="bounds.node_count",
    proof="leverage.event_probability at delta = 1/5.",
)
def existence_event(xp, rng, F, lam, *, c=5, inner=80):
    sampler, k, J = existence_draw(xp, rng, F, lam, c, inner)
    return sampler.gap(J, k), xp.asarray(0.75)


@section.paper(
    "leverage.existence_sum",
    r"P\bigl(\textstyle\sum_{j \in J} 1/q_j > \tfrac53 m k\bigr) \le 3/5",
    EXISTENCE,
    kind="probabilistic",
    failure=Fraction(3, 5),
    code="bounds.node_count",
    proof="Markov: the mean of the sum is k times the number of nodes with q_j > 0.",
)
def existence_sum(xp, rng, F, lam, *, c=Fraction(5, 3)):
    sampler, k, J = existence_draw(xp, rng, F, lam, 5, 80)
    return xp.sum(J / sampler.q), c * sampler.m * k


@section.sharper(
    "leverage.existence_sum_tight",
    r"P\bigl(\textstyle\sum_{j \in J} 1/q_j > \tfrac54 m k\bigr) \le 4/5, \text{ strictly}",
    EXISTENCE,
    kind="probabilistic",
    failure=Fraction(4, 5),
    code="bounds.node_count",
    proof="Markov; equality would need a sum that is 0 with probability 1/5, and it never is: so "
    "with 1/5 for the event something is left.",
)
def existence_sum_tight(xp, rng, F, lam, *, c=Fraction(5, 4)):
    sampler, k, J = existence_draw(xp, rng, F, lam, 5, 80)
    return xp.sum(J / sampler.q), c * sampler.m * k


def existence_sides(xp, sampler, k, J, c, norm):
    """The event, the sum, and what follows for C and A: four entries a side."""
    lam, S = sampler.lam, sampler.F @ sampler.F.T
    places = xp.asarray([j for j in range(sampler.m) if bool(J[j] > 0)])
    tau = lam * k * xp.take(sampler.q, places) / xp.take(J, places)
    columns = xp.sum(xp.linalg.vector_norm(reconstruction(xp, S, places, tau), axis=0))
    loss = xp.linalg.trace(ridge_schur_complement(xp, S, places, tau))
    left = [sampler.gap(J, k), xp.sum(J / sampler.q), loss, columns]
    right = [
        xp.asarray(0.75),
        c * sampler.m * xp.asarray(1.0 * k),
        4 * lam * sampler.N,
        xp.sqrt(norm * sampler.m * sampler.N),
    ]
    return xp.stack(left), xp.stack(right)


@section.paper(
    "leverage.existence",
    r"P\bigl(\text{event}, \; \textstyle\sum_{j \in J} 1/q_j \le \tfrac53 m k, \;"
    r"L_A(J) \le 4 \lambda N, \; \sum_j \|A_{:,j}\| \le \sqrt{\tfrac{20}{3} m N}\bigr) \ge 1/5"
    r"\text{ for } k = \max(1, \lceil 5 N \log(80 N) \rceil): \text{ such a } J \text{ exists}",
    EXISTENCE,
    kind="probabilistic",
    failure=Fraction(4, 5),
    steps=(existence_event, existence_sum),
    code="bounds.node_count",
    proof="The first fails with probability at most 1/5, the second with at most 3/5; the others "
    "follow by leverage.loss_bound and leverage.norm. What has a positive probability exists.",
)
def existence(xp, rng, F, lam, *, c=Fraction(5, 3), norm=Fraction(20, 3)):
    sampler, k, J = existence_draw(xp, rng, F, lam, 5, 80)
    return existence_sides(xp, sampler, k, J, c, norm)


def alive(xp, F, lam):
    """No node is dead: each has a leverage score above 0, and so can be drawn."""
    return xp.asarray(2.0**-64), Sampler(xp, F, lam).scores


@section.sharper(
    "leverage.existence_tight",
    r"\text{for } k = \max(1, \lceil 5 N \log(80 N) \rceil) \text{ some } J \text{ has the event},"
    r"\; \textstyle\sum_{j \in J} 1/q_j \le \tfrac54 m k, \; L_A(J) \le 4 \lambda N, \;"
    r"\sum_j \|A_{:,j}\| \le \sqrt{5 m N}",
    draw(
        F=LiveFactor("m", "m"),
        lam=draw.positive(above=2.0**-20, below=2.0**20),
        sizes={"m": (1, 2)},
    ),
    hypotheses={r"l_j(\lambda) \ge 2^{-64} \text{ for every } j": alive},
    invariance={"F": 1, "lam": 2},
    steps=(existence_event, existence_sum_tight),
    code="bounds.node_count",
    proof="1/5 + 4/5 = 1 with a strict Markov inequality: both hold with a positive probability. "
    "No frequency tests that: here all multisets of k nodes are enumerated, and the left side is "
    "the smallest over J of the largest ratio.",
)
def existence_tight(xp, F, lam, *, c=Fraction(5, 4), norm=5):
    sampler = Sampler(xp, F, lam)
    k = count(xp, 5 * sampler.N * xp.log(80 * sampler.N))
    ratios = []
    for first in range(k + 1) if sampler.m == 2 else (k,):
        counts = [float(first), float(k - first)][: sampler.m]
        left, right = existence_sides(xp, sampler, k, xp.asarray(counts), c, norm)
        ratios.append(xp.max(left / right))
    return xp.min(xp.stack(ratios)), xp.asarray(1.0)
