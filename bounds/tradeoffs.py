r"""The bound as a function of lam (theory, section 7, `theorem.tradeoff`).

A smaller lam makes the approximation error smaller and asks for more nodes, hence a larger class.
`tradeoff` evaluates a whole theorem on a grid of lam; `tradeoff_order` the order alone,
sqrt(lam) + k^{5/4}/sqrt(n), whose constants are 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Unpack

import numpy as np
from numpy.typing import ArrayLike

from bounds.degrees_of_freedom import degrees_of_freedom, spectrum
from bounds.formerly import formerly, over_lam
from bounds.generalization import BY_NODES
from bounds.node_counts import node_count
from bounds.node_theorems import degrees_of_freedom_bound, determinantal_bound
from bounds.problem import Complexity, Problem, StatedProblem
from bounds.rounding import log_up, lowered
from bounds.terms import ORDER_ONLY, Bound, Label, Term, violated
from pruning.checks import Array, choice, integer, real_array

COUNTS: dict[str, Callable[[float], float]] = {
    "dof": lambda N: N,
    "leverage": lambda N: 5 * N * math.log(80 * N) if N else 0.0,
    "determinantal": lambda N: 3 * N,
}


@dataclass(frozen=True)
class Tradeoff:
    """A bound over a grid of lam.

    Attributes
    ----------
    lam : (g,) array
        The grid, increasing.
    N : (g,) array
        N(lam).
    nodes : (g,) array
        k at each lam: what the theorem asks for.
    bounds : tuple of Bound or None
        None where k exceeds m: the condition is empty there.
    label : str
        `ORDER_ONLY`, or that of the best bound.

    Examples
    --------
    >>> import numpy as np
    >>> from rnnbounds import Tradeoff, tradeoff_order
    >>> found = tradeoff_order(np.arange(1.0, 65.0) ** -2, n=10_000)
    >>> isinstance(found, Tradeoff), len(found.lam) == len(found.N)
    (True, True)
    """

    lam: Array
    N: Array
    nodes: Array
    bounds: tuple[Bound | None, ...]
    label: Label

    @property
    def log_totals(self) -> Array:
        """Logarithms of the totals, inf where there is no bound."""
        return np.array([math.inf if b is None else b.log_total for b in self.bounds])

    @property
    def best(self) -> int | None:
        """Index of the smallest total; None where the condition is empty on the whole grid."""
        return None if all(b is None for b in self.bounds) else int(self.log_totals.argmin())

    @property
    def interior(self) -> bool:
        """Whether the total is larger at both ends of the feasible part, and k above 1 there.

        At k = 1 no fewer nodes are possible: that is a boundary, wherever in the grid it lies.
        """
        if self.best is None:
            return False
        feasible = np.flatnonzero(np.isfinite(self.log_totals))
        inside = feasible[0] < self.best < feasible[-1]
        return bool(inside and self.nodes[self.best] > 1)

    def summary(self) -> str:
        """One sentence for a reader."""
        if self.best is None:
            return "The theorem asks for more nodes than there are at every lam of the grid."
        i = self.best
        where = "in the interior" if self.interior else "at the boundary"
        return (
            f"The bound is smallest at lam = {self.lam[i]:.3g}, {where}, with N(lam) = "
            f"{self.N[i]:.3g} and k = {self.nodes[i]:.4g} nodes."
        )


def lam_grid(S: ArrayLike, points: int = 61) -> Array:
    """A geometric grid, from far below the smallest positive eigenvalue to N(lam) < 1/1000."""
    mu = spectrum(S)
    positive = mu[mu > 0]
    if not positive.size:
        return np.logspace(-6, 6, integer("points", points, 2))
    low, high = 1e-6 * positive[-1], 1e3 * positive.sum()
    return np.geomspace(low, high, integer("points", points, 2))


@formerly(over_lam)
def tradeoff(
    problem: Problem | StatedProblem,
    S: ArrayLike,
    lams: ArrayLike | None = None,
    theorem: str = "degrees_of_freedom",
    **how: Unpack[Complexity],
) -> Tradeoff:
    """Evaluate a theorem over lam, each with the fewest nodes that it asks for there.

    Parameters
    ----------
    problem, S, **how
        As for `degrees_of_freedom_bound`.
    lams : array, optional
        Positive and increasing; `lam_grid(S)` by default.
    theorem : str
        ``degrees_of_freedom`` or ``determinantal``.

    Notes
    -----
    Each k on the grid belongs to a theorem of its own: the minimiser over lam is read off for
    insight, and the bound at it holds for a k that was fixed in advance.

    Examples
    --------
    >>> import numpy as np
    >>> from rnnbounds import Problem, StateCovariance, initial_rnn, tradeoff
    >>> rnn = initial_rnn(6, d_x=2, d_y=2, activation="tanh", rng=0)
    >>> x = np.random.default_rng(0).normal(size=(40, 5, 2)).clip(-1, 1)
    >>> y = (x.sum(axis=(1, 2)) > 0).astype(int)
    >>> S = StateCovariance.from_network(rnn, x).matrix
    >>> found = tradeoff(Problem(rnn, x, y, input_bound=2**0.5), S, theorem="determinantal")
    >>> len(found.lam) == len(found.nodes) == len(found.bounds)
    True
    """
    choice("theorem", theorem, BY_NODES)
    mu = spectrum(S)
    by_nodes = degrees_of_freedom_bound if theorem == "degrees_of_freedom" else determinantal_bound
    name = "leverage.existence" if theorem == "degrees_of_freedom" else "dpp.tradeoff_norm"
    grid = _grid(mu, lams)
    nodes = [max(1, node_count(mu, lam, name).nodes) for lam in grid]
    bounds = tuple(
        None if k > problem.rnn.m else by_nodes(problem, mu, k, lam=lam, **how)
        for k, lam in zip(nodes, grid)
    )
    N = np.array([degrees_of_freedom(mu, lam) for lam in grid])
    result = Tradeoff(grid, N, np.array(nodes, dtype=np.float64), bounds, ORDER_ONLY)
    best = None if result.best is None else bounds[result.best]
    label = violated(f"{name} asks for more than m nodes") if best is None else best.label
    return Tradeoff(grid, N, result.nodes, bounds, label)


def tradeoff_order(
    S: ArrayLike, n: int, lams: ArrayLike | None = None, count: str = "dof"
) -> Tradeoff:
    """sqrt(lam) + k^{5/4}/sqrt(n), with every constant 1: an order, never a bound.

    Parameters
    ----------
    S : (m, m) or (m,) array
        Covariance or eigenvalues.
    n : int
        Number of sequences.
    lams : array, optional
        Positive and increasing; a fine `lam_grid(S)` by default.
    count : str
        k(lam), the next integer of at least 1 above N (``dof``), 5 N log 80 N (``leverage``) or
        3 N (``determinantal``); not cut off at m.

    Examples
    --------
    >>> import numpy as np
    >>> from rnnbounds import tradeoff_order
    >>> found = tradeoff_order(np.arange(1.0, 65.0) ** -2, n=10_000)
    >>> int(found.nodes[found.best]), found.interior, str(found.label)
    (8, True, 'order only')
    """
    choice("count", count, COUNTS)
    integer("n", n, 1)
    mu = spectrum(S)
    grid = _grid(mu, lams, 2001)
    N = np.array([degrees_of_freedom(mu, lam) for lam in grid])
    nodes = np.array([max(1.0, math.ceil(lowered(COUNTS[count](value), 4096))) for value in N])
    bounds = tuple(
        Bound(
            "theorem.tradeoff",
            r"\sqrt{\lambda} + k^{5/4}/\sqrt{n}",
            (
                Term("approximation", math.log(lam) / 2, r"\sqrt{\lambda}", _SOURCE, {"lam": lam}),
                Term(
                    "complexity",
                    1.25 * log_up(k) - math.log(n) / 2,
                    r"k^{5/4}/\sqrt{n}",
                    _SOURCE,
                    {"k": k, "n": n},
                ),
            ),
            ORDER_ONLY,
        )
        for lam, k in zip(grid.tolist(), nodes.tolist())
    )
    return Tradeoff(grid, N, nodes, bounds, ORDER_ONLY)


_SOURCE = "F22 (reconstructed), theory, section 7"


def _grid(S: Array, lams: ArrayLike | None, points: int = 61) -> Array:
    if lams is None:
        return lam_grid(S, points)
    grid = real_array("lams", lams, (None,))
    if not grid.size or grid[0] <= 0 or (np.diff(grid) <= 0).any():
        raise ValueError("lams must be positive and increasing")
    return grid
