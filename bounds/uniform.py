r"""Uniform deviation bounds: Psi <= Psi^ + gap for a whole loss class at once (theory, section 6).

Each function returns a `Deviation`: the gap split into a part for the size of the class and a part
for the confidence, as logarithms, rounded up. The failure probability enters as log(1/delta), to
which prices for what was chosen on the data can be added.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np

from bounds.complexity import chain, chain_grid, dudley, grid, log_radii
from bounds.covering import LogCovering
from bounds.relative_entropy import inverse_kl
from bounds.rounding import add_up, log_sum_up, log_up, raised, roundings
from pruning.checks import choice, fraction, integer, positive

MAX_LEVELS = 12
METHODS = ("dudley", "chain", "net", "net_chain", "net_kl")
_NONE: tuple[float, ...] = ()


@dataclass(frozen=True)
class Deviation:
    """A bound Psi <= Psi^ + complexity + confidence that holds for the whole class.

    Attributes
    ----------
    log_complexity, log_confidence : float
        Logarithms, rounded up; -inf for 0.
    eps : tuple of float
        log eps of the cover or of the levels of the chain; empty for Dudley's integral.
    """

    log_complexity: float
    log_confidence: float
    eps: tuple[float, ...] = ()

    @property
    def log_total(self) -> float:
        """Logarithm of the gap, rounded up."""
        return log_sum_up([self.log_complexity, self.log_confidence])


def rademacher_term(
    log_rademacher: float, log_range: float, n: int, log_inv_delta: float
) -> Deviation:
    """2 Rad + 3 B sqrt(log(2/delta)/(2 n)), Rad the empirical complexity (`uniform.rademacher`).

    Parameters
    ----------
    log_rademacher : float
        log Rad; -inf for 0.
    log_range : float
        log B, where the losses lie in [0, B].
    n : int
        Number of sequences, at least 1.
    log_inv_delta : float
        log(1/delta) > 0.

    Examples
    --------
    >>> import math
    >>> from rnnbounds import rademacher_term
    >>> gap = rademacher_term(math.log(0.05), 0.0, n=1000, log_inv_delta=math.log(20))
    >>> round(math.exp(gap.log_complexity), 3), round(math.exp(gap.log_confidence), 4)
    (0.1, 0.1288)
    """
    integer("n", n, 1)
    positive("log_inv_delta", log_inv_delta)
    exponent = math.log(math.log(2) + log_inv_delta) - math.log(2 * n)
    confidence = add_up(math.log(3), log_range, exponent / 2, roundings(4))
    return Deviation(add_up(math.log(2), log_rademacher), confidence)


def net(log_covering: LogCovering, n: int, log_range: float, log_inv_delta: float) -> Deviation:
    """The gap inf over eps of 2 eps + B sqrt((log N(eps) + log(1/delta))/(2 n)) (`uniform.net`).

    The covers are in sup norm. The minimising eps does not depend on the sample.

    Parameters
    ----------
    log_covering, n, log_range, log_inv_delta
        As for `rademacher_term`.

    Examples
    --------
    >>> import math
    >>> import numpy as np
    >>> from rnnbounds import net
    >>> cover = lambda log_eps: 2 * np.logaddexp(0, math.log(2) - np.asarray(log_eps))  # p = 2
    >>> gap = net(cover, 10_000, log_range=0.0, log_inv_delta=math.log(20))
    >>> round(math.exp(gap.log_total), 3)
    0.032
    """
    return net_chain(log_covering, n, log_range, log_inv_delta, levels=1)


def net_chain(
    log_covering: LogCovering,
    n: int,
    log_range: float,
    log_inv_delta: float,
    levels: int | None = None,
) -> Deviation:
    """2 eps_L + sum_j 2 eps_{j-1} sqrt((log N_j + log(L/delta))/(2 n)) (`uniform.net_chain`).

    eps_0 = B/2, internal covers in sup norm. The best levels on a grid are found by dynamic
    programming, for each L up to `levels` (12 by default); the best L is free, as nothing here
    depends on the sample. L = 0 is the trivial gap B.

    Parameters
    ----------
    log_covering, n, log_range, log_inv_delta
        As for `rademacher_term`.
    levels : int, optional
        The largest L.

    Examples
    --------
    >>> import math
    >>> import numpy as np
    >>> from rnnbounds import net_chain
    >>> cover = lambda log_eps: 2 * np.logaddexp(0, math.log(2) - np.asarray(log_eps))  # p = 2
    >>> gap = net_chain(cover, 10_000, log_range=0.0, log_inv_delta=math.log(20))
    >>> 0 < math.exp(gap.log_total) < 0.1
    True
    """
    integer("n", n, 1)
    positive("log_inv_delta", log_inv_delta)
    count = integer("levels", MAX_LEVELS if levels is None else levels, 1)
    if log_range == -math.inf:
        return Deviation(-math.inf, -math.inf)
    log_half = log_range - math.log(2)
    best: tuple[float, float, tuple[float, ...]] = (2.0, 0.0, ())
    for L in range(1, count + 1):
        # One level has one eps, for which the fine grid is cheap.
        u = grid() if L == 1 else chain_grid()
        radii = log_radii(log_half, u)
        if L <= 2:
            log_numbers = log_covering(radii)
        price = log_inv_delta + math.log(L)
        path = _best_path(u, 2 * np.sqrt((log_numbers + price) / (2 * n)), L)
        before = u[[0, *path[:-1]]]
        sized = np.sqrt(log_numbers[path] / (2 * n))
        # sqrt(x + y) - sqrt(x) without cancellation.
        added = price / (2 * n) / (np.sqrt((log_numbers[path] + price) / (2 * n)) + sized)
        size = 2 * float(u[path[-1]]) + math.fsum(2 * before * sized)
        extra = math.fsum(2 * before * added)
        if size + extra < best[0] + best[1]:
            best = (size, extra, tuple(float(radii[i]) for i in path))
    slack = roundings(32 * (len(best[2]) + 1))
    return Deviation(
        add_up(log_half, math.log(best[0]), slack),
        add_up(log_half, log_up(best[1]), slack),
        best[2],
    )


def net_kl(
    log_covering: LogCovering,
    n: int,
    log_inv_delta: float,
    empirical: float,
    eps: float | tuple[float, ...],
) -> Deviation:
    """kl^{-1}(Psi^ + eps; (log N(eps) + log(1/delta))/n) + eps - Psi^ (`uniform.net_kl`).

    For losses in [0, 1]. One eps must be fixed in advance. For several, also fixed in advance,
    delta is shared equally among them, and the best is taken.

    Parameters
    ----------
    log_covering, n, log_inv_delta
        As for `net`.
    empirical : float
        Psi^, an upper bound on the empirical loss, in [0, 1].
    eps : float or tuple of float
        Positive.

    Examples
    --------
    >>> import math
    >>> import numpy as np
    >>> from rnnbounds import net_kl
    >>> cover = lambda log_eps: 2 * np.logaddexp(0, math.log(2) - np.asarray(log_eps))  # p = 2
    >>> gap = net_kl(cover, 10_000, math.log(20), empirical=0.0, eps=0.001)
    >>> round(math.exp(gap.log_total), 4)
    0.0053
    """
    integer("n", n, 1)
    positive("log_inv_delta", log_inv_delta)
    fraction("empirical", empirical)
    radii = tuple(eps) if isinstance(eps, tuple | list) else (eps,)
    price = log_inv_delta + math.log(len(radii))
    # Without any net: a loss of at most 1.
    gap, bare, chosen = 1.0 - empirical, 1.0 - empirical, _NONE
    for value in radii:
        log_eps = math.log(positive("eps", value))
        log_number = float(log_covering(np.array(log_eps - roundings(4, 1 + abs(log_eps)))))
        start = min(1.0, raised(empirical + value, 2))
        reached = inverse_kl(start, raised((log_number + price) / n, 8)) + value
        if reached - empirical < gap:
            without = inverse_kl(start, raised(log_number / n, 8)) + value
            gap, bare, chosen = reached - empirical, without - empirical, (log_eps,)
    # The parts, each rounded up, add up to at least the gap.
    bare = min(bare, gap) + roundings(4)
    return Deviation(log_up(bare), log_up(max(gap + roundings(8) - bare, 0.0)), chosen)


def deviation(
    method: str,
    log_covering: LogCovering,
    n: int,
    log_range: float,
    log_inv_delta: float,
    log_diameter: float,
    *,
    empirical: float | None = None,
    eps: float | tuple[float, ...] = 0.05,
) -> Deviation:
    """Return the gap by ``dudley``, ``chain``, ``net``, ``net_chain`` or ``net_kl``."""
    choice("complexity", method, METHODS)
    if method in ("dudley", "chain"):
        bound = dudley if method == "dudley" else chain
        log_rademacher = bound(log_covering, n, log_diameter)
        return rademacher_term(log_rademacher, log_range, n, log_inv_delta)
    if method == "net_kl":
        if log_range > 0 or empirical is None:
            raise ValueError("complexity 'net_kl' needs losses in [0, 1] and the empirical loss")
        return net_kl(log_covering, n, log_inv_delta, min(1.0, empirical), eps)
    return (net if method == "net" else net_chain)(log_covering, n, log_range, log_inv_delta)


def _best_path(u: np.ndarray, factors: np.ndarray, L: int) -> list[int]:
    """Indices of eps_1..eps_L that minimise 2 eps_L + sum eps_{j-1} factor(eps_j), from u[0]."""
    if L == 1:
        return [int(np.argmin(2 * u + u[0] * factors))]
    cost, choices = 2 * u, []
    for _ in range(L):
        # Going from u[i] to a strictly smaller u[j] costs u[i] factors[j] and what remains.
        table = np.where(_later(), u[:, None] * factors + cost, np.inf)
        choices.append(table.argmin(axis=1))
        cost = table.min(axis=1)
    path, i = [], 0
    for chosen in reversed(choices):
        i = int(chosen[i])
        path.append(i)
    return path


@functools.cache
def _later() -> np.ndarray:
    return np.triu(np.ones((len(chain_grid()),) * 2, dtype=bool), 1)
