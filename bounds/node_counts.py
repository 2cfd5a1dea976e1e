"""How many nodes each theorem asks for (theory, sections 2a to 2c).

Every theorem promises a node set whose loss is a stated multiple of lam N(lam), from a condition on
k. One table of them answers three questions: the k that is needed, the largest N(lam) that k nodes
serve, and the failure probability that the condition leaves.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import minimize_scalar

from bounds.degrees_of_freedom import degrees_of_freedom, spectrum
from pruning.bisection import last_holding
from pruning.checks import Array, choice, integer, positive, probability

CHERNOFF = 2.48  # 1 / (3/4 - (1/4) ln 4) = 2.4788..., rounded up


@dataclass(frozen=True)
class Problem:
    """What the conditions depend on.

    Attributes
    ----------
    N : float
        N(lam).
    m, rank : int
        Number of nodes and rank of S.
    intrinsic : float
        N(lam) (mu_1 + lam)/mu_1, the intrinsic dimension.
    kap : (rank,) array
        mu_j/(mu_j + lam) of the positive eigenvalues.
    """

    N: float
    m: int
    rank: int
    intrinsic: float
    kap: Array

    @classmethod
    def of(cls, S: ArrayLike, lam: float) -> Problem:
        """From a covariance or its eigenvalues."""
        lam = positive("lam", lam)
        mu = spectrum(S)
        live = mu[mu > 0]
        N = degrees_of_freedom(mu, lam)
        intrinsic = N * (1 + lam / live[0]) if live.size else 0.0
        return cls(N, len(mu), len(live), intrinsic, live / (live + lam))


@dataclass(frozen=True)
class NodeCount:
    """What one theorem asks and gives at a given S and lam.

    Attributes
    ----------
    id : str
        Claim id.
    nodes : int
        Smallest k that meets the condition.
    empty : bool
        The condition asks for more nodes than S has.
    loss : float
        L_A(J) <= loss * lam N(lam).
    norm : float or None
        ||A||_F <= norm * sqrt(m N(lam)); None where the theorem bounds no norm.
    condition : str
        LaTeX.
    source : str
        Paper and section of the theory.
    detail : str
        One sentence with the numbers.
    """

    id: str
    nodes: int
    empty: bool
    loss: float
    norm: float | None
    condition: str
    source: str
    detail: str


@dataclass(frozen=True)
class _Theorem:
    need: Callable[[Problem, float], float]
    loss: float
    norm: float | None
    condition: str
    source: str
    uses_delta: bool = False


def _bach(p: Problem, delta: float) -> float:
    return 5 * p.N * math.log(16 * p.N / delta)


def _bernstein(p: Problem, delta: float) -> float:
    return bernstein_nodes(p.N, p.intrinsic, delta)


def _chernoff(p: Problem, delta: float) -> float:
    return CHERNOFF * p.N * math.log(p.rank / delta)


def _sum(p: Problem, delta: float) -> float:
    return float(_smallest(lambda k: sum_failure(p, k) <= delta))


def _existence(p: Problem, delta: float) -> float:
    return 5 * p.N * math.log(80 * p.N)


def _times(factor: float) -> Callable[[Problem, float], float]:
    return lambda p, delta: factor * p.N


def _volume(p: Problem, delta: float) -> float:
    # Where 4 N exceeds the rank, rank nodes leave the residual 0.
    return float(min(p.rank, math.ceil(4 * p.N)))


THEOREMS = {
    "leverage.event_probability": _Theorem(
        _bach, 4, None, r"k \ge 5N\log(16N/\delta)", "B17 Prop. 1, theory 2a", True
    ),
    "leverage.existence": _Theorem(
        _existence,
        4,
        math.sqrt(20 / 3),
        r"k \ge 5N\log(80N)",
        "S20 (reconstructed), theory 2a",
    ),
    "leverage.existence_tight": _Theorem(
        _existence, 4, math.sqrt(5), r"k \ge 5N\log(80N)", "theory 2a"
    ),
    "leverage.event_probability_bernstein": _Theorem(
        _bernstein,
        4,
        None,
        r"k \ge \tfrac{32}{9}(N + \tfrac14)\log(4\tilde N/\delta)",
        "theory 2a",
        True,
    ),
    "leverage.event_probability_chernoff": _Theorem(
        _chernoff, 4, None, r"k \ge 2.48\,N\log(\operatorname{rank} S/\delta)", "theory 2a", True
    ),
    "leverage.event_probability_sum": _Theorem(
        _sum,
        4,
        None,
        r"\min_{x>0}\sum_j e^{-(k/N)(x(1-\kappa_j)+(1-e^{-x})\kappa_j-x/4)} \le \delta",
        "theory 2a",
        True,
    ),
    "dpp.existence": _Theorem(_times(2), 2, None, r"k \ge 2N", "DKM20, theory 2b"),
    "dpp.tradeoff": _Theorem(_times(4 / 3), 4, None, r"k \ge \tfrac43 N", "theory 2b"),
    "dpp.tradeoff_norm": _Theorem(_times(3), 3, math.sqrt(3), r"k \ge 3N", "theory 2b"),
    "volume.dof": _Theorem(
        _volume, 4, None, r"k = \min(\operatorname{rank} S, \lceil 4N\rceil)", "GS12, theory 2c"
    ),
}


def node_count(S: ArrayLike, lam: float, claim: str, delta: float = 0.2) -> NodeCount:
    """Nodes that a theorem asks for, and what it gives for them.

    Parameters
    ----------
    S : (m, m) or (m,) array
        Covariance or its eigenvalues.
    lam : float
        lam > 0.
    claim : str
        Its id, one of `THEOREMS`.
    delta : float
        Failure probability, where the theorem has one; at most 1/5 leaves room for the norm.

    Raises
    ------
    ValueError
        If the claim is unknown, lam is not positive or delta not in (0, 1).

    Examples
    --------
    >>> import numpy as np
    >>> from rnnbounds import node_count
    >>> count = node_count(np.arange(1.0, 65.0) ** -2, lam=0.1, claim="dpp.existence")
    >>> count.nodes, count.empty
    (9, False)
    """
    choice("claim", claim, THEOREMS)
    delta = probability("delta", delta)
    return _node_count(Problem.of(S, lam), claim, delta)


def node_counts(S: ArrayLike, lam: float, delta: float = 0.2) -> list[NodeCount]:
    """`node_count` for every theorem, fewest nodes first.

    Examples
    --------
    >>> import numpy as np
    >>> from rnnbounds import node_counts
    >>> counts = node_counts(np.arange(1.0, 65.0) ** -2, lam=0.1)
    >>> counts[0].nodes <= counts[-1].nodes
    True
    """
    delta = probability("delta", delta)
    problem = Problem.of(S, lam)
    return sorted((_node_count(problem, id, delta) for id in THEOREMS), key=lambda c: c.nodes)


def largest_degrees_of_freedom(
    k: int, claim: str, m: int, delta: float = 0.2, intrinsic_ratio: float = 1.0
) -> float:
    """The largest N(lam) for which k nodes meet a theorem's condition.

    Parameters
    ----------
    k : int
        Number of nodes, at least 1.
    claim : str
        Its id; not ``leverage.event_probability_sum``, which depends on the whole spectrum.
    m : int
        Number of nodes of the network; taken as the rank where the condition has one.
    delta : float
        Failure probability, where the theorem has one; 1 is allowed here as the limit.
    intrinsic_ratio : float
        (mu_1 + lam)/mu_1 >= 1, for the Bernstein form.

    Returns
    -------
    float
        Within a relative 1e-12, from below.

    Examples
    --------
    >>> from rnnbounds import largest_degrees_of_freedom
    >>> N = largest_degrees_of_freedom(100, "leverage.event_probability", m=64)
    >>> 0 < N < 100
    True
    """
    choice("claim", claim, [id for id in THEOREMS if id != "leverage.event_probability_sum"])
    k, m = integer("k", k, low=1), integer("m", m, low=1)
    delta = 1.0 if delta == 1 else probability("delta", delta)
    rule = THEOREMS[claim]

    def enough(N: float) -> bool:
        problem = Problem(N, m, m, N * intrinsic_ratio, np.zeros(0))
        return _need(rule, problem, delta) <= k

    return float(m) if enough(float(m)) else last_holding(enough, 0.0, float(m), rtol=1e-15)


def failure_probability(S: ArrayLike, lam: float, k: int, claim: str) -> float:
    """The smallest bound that a theorem gives on the probability that k draws miss the event of 2a.

    Parameters
    ----------
    S : (m, m) or (m,) array
        Covariance or its eigenvalues.
    lam : float
        lam > 0.
    k : int
        Number of draws with replacement, at least 1.
    claim : str
        ``leverage.event_probability``, or that with ``_bernstein``, ``_chernoff`` or ``_sum``.

    Returns
    -------
    float
        At most 1, which says nothing.

    Examples
    --------
    >>> import numpy as np
    >>> from rnnbounds import failure_probability
    >>> mu = np.arange(1.0, 65.0) ** -2
    >>> claim = "leverage.event_probability"
    >>> failure_probability(mu, 0.1, 500, claim) < failure_probability(mu, 0.1, 50, claim) <= 1
    True
    """
    forms = [id for id, rule in THEOREMS.items() if rule.uses_delta]
    choice("claim", claim, forms)
    k = integer("k", k, low=1)
    p = Problem.of(S, lam)
    if p.rank == 0:
        return 0.0
    if claim == "leverage.event_probability":
        value = 16 * p.N * math.exp(-k / (5 * p.N))
    elif claim == "leverage.event_probability_bernstein":
        value = 4 * p.intrinsic * math.exp(-k * 9 / 32 / (p.N + 0.25))
    elif claim == "leverage.event_probability_chernoff":
        value = p.rank * math.exp(-k / (CHERNOFF * p.N))
    else:
        value = sum_failure(p, k)
    return min(1.0, value)


def bernstein_nodes(N: float, intrinsic: float, delta: float, t: float = 0.75) -> float:
    """(2/t^2)(N + t/3) log(4 Nt/delta): draws that give L_A <= lam N/(1 - t), t in (0, 1)."""
    return 2 / t**2 * (N + t / 3) * math.log(4 * intrinsic / delta)


def sum_failure(p: Problem, k: int) -> float:
    """Minimum over x > 0 of sum_j exp(-(k/N)(x (1 - kap_j) + (1 - e^{-x}) kap_j - x/4)).

    The minimum is searched; every x gives a true bound, so an imperfect search only costs.
    """
    if p.rank == 0:
        return 0.0

    def log_value(x: float) -> float:
        # The j of the largest kap has the largest summand: 1 - e^-x <= x.
        exponents = -(k / p.N) * (x * (1 - p.kap) - math.expm1(-x) * p.kap - x / 4)
        top = float(exponents.max())
        return top + math.log(math.fsum(np.exp(exponents - top)))

    # Convex in x: a log-sum-exp of convex functions. At kap = 1 the best x is ln 4.
    high = 1.0
    while high < 1e6 and log_value(2 * high) < log_value(high):
        high *= 2
    found = minimize_scalar(
        log_value, bounds=(0, 2 * high), method="bounded", options={"xatol": 1e-10 * high}
    )
    best = min(float(found.fun), log_value(math.log(4)))
    return math.exp(best) if best < 0 else 1.0


def _need(rule: _Theorem, p: Problem, delta: float) -> float:
    if p.N == 0:
        return 0.0
    least = 1.0 if rule.uses_delta else 0.0
    return max(least, rule.need(p, delta))


def _node_count(p: Problem, id: str, delta: float) -> NodeCount:
    rule = THEOREMS[id]
    nodes = math.ceil(_need(rule, p, delta))
    empty = nodes > p.m
    detail = f"asks for {nodes} of m = {p.m} nodes at N = {p.N:.4g}"
    if rule.uses_delta:
        detail += f", delta = {delta:g}"
    detail += "; the condition is empty at this size." if empty else "."
    return NodeCount(id, nodes, empty, rule.loss, rule.norm, rule.condition, rule.source, detail)


def _smallest(enough: Callable[[int], bool]) -> int:
    """Smallest k >= 1 that is enough, for a monotone condition."""
    high = 1
    while not enough(high):
        high *= 2
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
