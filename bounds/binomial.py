r"""Confidence bounds for a binomial probability, in logarithms (theory, section 8).

With k errors among n, sup{p: P(Bin(n, p) <= k) >= delta} is Clopper and Pearson's upper end. A code
of |c| bits replaces delta by delta 2^{-|c|}, which underflows: only log(1/delta) appears here, and
the tail is summed from the logarithms of its terms.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.special import gammaln

from bounds.relative_entropy import inverse_kl
from bounds.rounding import lowered, raised, roundings
from pruning.bisection import last_holding
from pruning.checks import Array, integer, nonnegative, probability

# Beyond this many errors the tail is not summed: the Chernoff form is used, which is no smaller.
SUMMED = 1 << 17


def log_binomial_tail(k: int, n: int, p: float) -> tuple[float, float]:
    """Return log P(Bin(n, p) <= k) for p in (0, 1), and how far above it the truth may be.

    Parameters
    ----------
    k, n : int
        0 <= k <= n.
    p : float
        In the open interval (0, 1).
    """
    value, error = _log_sum_of_terms(np.arange(k + 1, dtype=np.float64), n, p)
    if k < n and value > -1:
        # Near 1 the tail is known from what is missing: any part of it is a lower bound of that.
        rest = np.arange(k + 1, min(n, k + SUMMED) + 1, dtype=np.float64)
        log_missing, relative = _log_sum_of_terms(rest, n, p)
        missing = math.exp(min(log_missing, 0.0))
        if missing < 0.9 and relative < 1e-2:
            # log(1 - U) moves by dU/(1 - U); all of what was not summed can only lower it.
            room = 2 * missing * relative / (1 - missing) + roundings(4, -math.log1p(-missing))
            if math.log1p(-missing) + room < value + error:
                return math.log1p(-missing), room
    return value, error


def _log_sum_of_terms(i: Array, n: int, p: float) -> tuple[float, float]:
    """Log of sum P(Bin(n, p) = i), and a bound on the error of its computation."""
    log_p, log_q = math.log(p), math.log1p(-p)
    counts = float(gammaln(n + 1)) - gammaln(i + 1) - gammaln(n - i + 1)
    logs = counts + i * log_p + (n - i) * log_q
    top = float(logs.max())
    value = top + math.log(math.fsum(np.exp(logs - top)))
    size = 3 * float(gammaln(n + 2)) + float(np.max(i * -log_p + (n - i) * -log_q))
    return min(value, 0.0), roundings(32, 1 + size)


def upper_risk(k: int, n: int, log_inv_delta: float) -> float:
    """Return an upper bound on sup{p: P(Bin(n, p) <= k) >= delta}, tight to rounding.

    What is returned is 1, or a p at which the tail is certainly below delta: the upper end of a
    bracket. Above 2^17 errors it is sup{p >= k/n: kl(k/n || p) <= log(1/delta)/n}, which is larger.

    Parameters
    ----------
    k, n : int
        Errors and trials, 0 <= k <= n, n >= 1.
    log_inv_delta : float
        log(1/delta) >= 0; infinity gives 1.

    Examples
    --------
    >>> import math
    >>> from rnnbounds import upper_risk
    >>> round(upper_risk(0, 100, math.log(20)), 5)  # no error seen: 1 - 0.05^(1/100)
    0.02951
    """
    integer("n", n, 1)
    integer("k", k, 0, n)
    if log_inv_delta == math.inf or k == n:
        return 1.0
    nonnegative("log_inv_delta", log_inv_delta)
    if k > SUMMED:
        q = min(1.0, raised(k / n, 1))
        return inverse_kl(q, raised(log_inv_delta / n))
    if k == 0:
        # (1 - p)^n = delta, in closed form.
        return min(1.0, raised(-math.expm1(-raised(log_inv_delta / n)), 8))

    def excluded(p: float) -> bool:
        value, error = log_binomial_tail(k, n, p)
        return value + error < -log_inv_delta

    return last_holding(excluded, 1.0, 0.0, rtol=roundings(4))


def clopper_pearson(k: int, n: int, delta: float) -> tuple[float, float]:
    """Return the two-sided interval of Clopper and Pearson at confidence 1 - delta, widened.

    Parameters
    ----------
    k, n : int
        Errors and trials.
    delta : float
        Failure probability in (0, 1), half of it at either end.

    Examples
    --------
    >>> from rnnbounds import clopper_pearson
    >>> low, high = clopper_pearson(5, 100, delta=0.05)
    >>> round(low, 4), round(high, 4)
    (0.0164, 0.1128)
    """
    log_inv = raised(math.log(2 / probability("delta", delta)), 2)
    if k == n:
        # p^n = delta/2, in closed form.
        return lowered(math.exp(-raised(log_inv / n)), 4), 1.0
    # The subtraction may round up.
    lower = max(0.0, math.nextafter(1 - upper_risk(n - k, n, log_inv), 0.0))
    return (lower if k else 0.0), upper_risk(k, n, log_inv)
