r"""From covering numbers to Rademacher complexities (theory, section 6).

A covering number enters as a function log eps -> log N(eps) that is nonincreasing and never too
small, such as `bounds.covering.ClassCover`. Radii are eps = D u with u on a fixed geometric grid:
every infimum of the theory is taken over grid points, each of which gives a valid bound, so that
the results are upper bounds and inherit monotonicity in n and in the cover. Values are returned as
logarithms, and rounded up.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from bounds.covering import LogCovering
from bounds.rounding import add_up, roundings
from pruning.checks import Array, integer, real

# u = exp(-h i): steps h of 1/250 down to e^-8, of 1/25 down to e^-48. The left sums exceed the
# integral by a relative h/(2 log(c/u)) or so where log N is p log(c/u).
_DEPTHS = ((4e-3, 8.0), (4e-2, 48.0))
# Levels of a chain are chosen on this coarser grid.
_CHAIN_STEP, _CHAIN_DEPTH = 0.1, 28.0


def dudley(log_covering: LogCovering, n: int, log_diameter: float) -> float:
    r"""Return the log of Dudley's bound on the empirical Rademacher complexity (`uniform.dudley`).

    Rad <= min(D, inf over 0 < a < D/2 of 4 a + (12/sqrt n) int_a^{D/2} sqrt(log N(eps)) d eps),
    and 0 for D = 0 (BFT17 Lemma A.5, without absolute value). The integrand decreases, so its left
    sums are above the integral; a runs through the grid.

    Parameters
    ----------
    log_covering : callable
        log eps -> log N(eps) in L2(P_n), or in sup norm, which is at least that.
    n : int
        Number of sequences, at least 1.
    log_diameter : float
        log D, D = sup ||g - c|| in L2(P_n) over the class for some fixed c; -inf for D = 0.

    Examples
    --------
    >>> import math
    >>> import numpy as np
    >>> from rnnbounds import dudley
    >>> cover = lambda log_eps: 2 * np.logaddexp(0, math.log(2) - np.asarray(log_eps))  # p = 2
    >>> round(math.exp(dudley(cover, 10_000, 0.0)), 2)
    0.13
    >>> dudley(cover, 1, 0.0)  # never above the diameter, log 1
    0.0
    """
    integer("n", n, 1)
    if _zero(log_diameter):
        return -math.inf
    u = grid() / 2
    roots = np.sqrt(log_covering(log_radii(log_diameter, u)))
    # roots[i + 1] is the integrand at the left end of [u[i + 1], u[i]].
    integral = np.concatenate([[0.0], np.cumsum((u[:-1] - u[1:]) * roots[1:])])
    best = float(np.min(4 * u + 12 / math.sqrt(n) * integral))
    # A sum of N positive terms is off by at most N units in the last place.
    return log_diameter + min(0.0, add_up(math.log(best), roundings(2, len(u))))


def chain(log_covering: LogCovering, n: int, log_diameter: float) -> float:
    r"""Return the log of the chained bound on the Rademacher complexity (`uniform.chain`).

    Rad <= eps_L + sum_j eps_{j-1} sqrt(2 log N(eps_j)/n), eps_0 = D > eps_1 > ... > eps_L, with
    internal covers; the best levels on a grid are found by dynamic programming. L = 0 is Rad <= D.

    Parameters
    ----------
    log_covering, n, log_diameter
        As for `dudley`; the covers must be internal.

    Examples
    --------
    >>> import math
    >>> import numpy as np
    >>> from rnnbounds import chain, dudley
    >>> cover = lambda log_eps: 2 * np.logaddexp(0, math.log(2) - np.asarray(log_eps))  # p = 2
    >>> math.exp(chain(cover, 1000, 0.0)) < math.exp(dudley(cover, 1000, 0.0)) < 1
    True
    """
    integer("n", n, 1)
    if _zero(log_diameter):
        return -math.inf
    u = chain_grid()
    factors = np.sqrt(2 * log_covering(log_radii(log_diameter, u)) / n)
    # cost[i]: the least sum of a chain that starts at u[i]; it may stop there, at the price u[i].
    cost = u.copy()
    for i in range(len(u) - 2, -1, -1):
        cost[i] = min(cost[i], float(np.min(u[i] * factors[i + 1 :] + cost[i + 1 :])))
    return log_diameter + min(0.0, add_up(math.log(cost[0]), roundings(8, len(u))))


def massart(log_size: float, log_diameter: float, n: int) -> float:
    """Return log(D sqrt(2 log M/n)) for a class of M functions (`uniform.finite`).

    Parameters
    ----------
    log_size : float
        log M >= 0.
    log_diameter : float
        log D, D a bound on the L2(P_n) norms.
    n : int
        Number of samples, at least 1.

    Examples
    --------
    >>> import math
    >>> from rnnbounds import massart
    >>> round(math.exp(massart(math.log(100), 0.0, n=1000)), 4)  # sqrt(2 log 100/1000)
    0.096
    """
    integer("n", n, 1)
    if real("log_size", log_size) < 0:
        raise ValueError(f"log_size must be at least 0, got {log_size:g}")
    if log_size == 0 or _zero(log_diameter):
        return -math.inf
    return add_up(log_diameter, (math.log(2) + math.log(log_size) - math.log(n)) / 2, roundings(4))


def _zero(log_diameter: float) -> bool:
    if math.isnan(log_diameter) or log_diameter == math.inf:
        raise ValueError(f"log_diameter must be finite or -inf, got {log_diameter}")
    return log_diameter == -math.inf


def log_radii(log_diameter: float, u: Array) -> Array:
    """log(D u), rounded down, at which log N is not smaller."""
    logs = np.log(u)
    return log_diameter + logs - roundings(4, 1 + abs(log_diameter) - logs)


@functools.cache
def grid() -> Array:
    """1 = u_0 > u_1 > ..., fine near 1."""
    pieces: list[Any] = [np.zeros(1)]
    top = 0.0
    for step, depth in _DEPTHS:
        pieces.append(top + step * np.arange(1, round((depth - top) / step) + 1))
        top = depth
    result: Array = np.exp(-np.concatenate(pieces))
    return result


@functools.cache
def chain_grid() -> Array:
    result: Array = np.exp(-_CHAIN_STEP * np.arange(round(_CHAIN_DEPTH / _CHAIN_STEP) + 1))
    return result
