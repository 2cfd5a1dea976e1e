r"""The inverse of the binary relative entropy, from above (theory, section 6).

:math:`\mathrm{kl}(q\|p) = q \log(q/p) + (1-q) \log((1-q)/(1-p))`.
"""

from __future__ import annotations

import math

from bounds.rounding import roundings
from pruning.bisection import last_holding
from pruning.checks import fraction, nonnegative


def kl(q: float, p: float) -> float:
    """Return kl(q || p) for q, p in [0, 1], in floating point; inf where p excludes q.

    Examples
    --------
    >>> from rnnbounds import kl
    >>> kl(0.5, 0.5), round(kl(0.0, 0.5), 6), kl(0.5, 0.0)
    (0.0, 0.693147, inf)
    """
    return _kl(fraction("q", q), fraction("p", p))[0]


def inverse_kl(q: float, c: float) -> float:
    """Return the upper end of a bracket of sup{p: kl(q || p) <= c}.

    The number returned is never below the supremum: it is 1, or a p > q at which kl(q || p), less a
    bound on its own rounding error, exceeds c. It lies above the supremum by that rounding and one
    unit in the last place.

    Parameters
    ----------
    q : float
        In [0, 1].
    c : float
        At least 0; infinity gives 1.

    Examples
    --------
    >>> from rnnbounds import inverse_kl, kl
    >>> p = inverse_kl(0.1, 0.05)
    >>> round(p, 4), round(kl(0.1, p), 6)
    (0.2201, 0.05)
    """
    fraction("q", q)
    if c == math.inf:
        return 1.0
    nonnegative("c", c)
    if q == 1:
        return 1.0

    def exceeds(p: float) -> bool:
        value, error = _kl(q, p)
        return value - error > c

    return last_holding(exceeds, 1.0, q)


def _kl(q: float, p: float) -> tuple[float, float]:
    """kl(q || p) and a bound on the error of its computation."""
    if p in (0.0, 1.0):
        return (0.0 if p == q else math.inf), 0.0
    # p - q is exact or nearly so where the two are close.
    left = -q * _log_ratio(p, q) if q else 0.0
    right = 0.0
    if q < 1:
        step = (p - q) / (1 - q)
        # Near p = 1, 1 - p is exact and 1 - step is not. The logarithms there are at most 37.
        log_ratio = math.log1p(-step) if step <= 0.5 else math.log(1 - p) - math.log1p(-q)
        right = -(1 - q) * log_ratio
    return left + right, roundings(256, abs(left) + abs(right))


def _log_ratio(p: float, q: float) -> float:
    """log(p/q)."""
    change = (p - q) / q
    return math.log1p(change) if -0.5 < change < math.inf else math.log(p) - math.log(q)
