r"""Anytime-valid inference for failures: an e-value against "each draw fails with p <= delta".

Draw t is made on an instance chosen from the past, whose permitted failure probability is delta_t.
Null hypothesis: given the past, draw t fails with probability at most delta_t. Bet a fraction b of
the wealth on failure at the odds that are fair for p = delta:

    a failure multiplies the wealth by 1 + b (1 - delta)/delta, a success by 1 - b,

which is 1 + b (p/delta - 1) <= 1 in the mean for every p <= delta: a supermartingale. It is the
likelihood ratio of q = delta + b (1 - delta) against delta, so a mixture over b is a mixture over
alternatives, spread evenly over a grid that halves down to 2^-24. The e-value is one mixture of
such wealths:

    1/2 of the same b bet on every draw of every instance (an excess that is everywhere),
    1/2 of sum_i w_i (b bet on instance i alone), w_i = 1/((i + 1)(i + 2)) (an excess at one
    instance, found by sampling it again),

a supermartingale that starts at 1. By Ville's inequality it ever reaches 1/alpha with probability
at most alpha, whatever the rule by which instances are chosen and the run is stopped. Since delta
does not change within an instance, the counts are sufficient.

Median draws until refuted at alpha = 1e-9, of 21 runs on one instance: 816 for p = 0.30 against
delta = 0.2, 3,280 for 0.25, 20,335 for 0.22, 454,790 for 0.011 against 0.01. No mixture needs
fewer than log(1e9)/kl(p, delta) in the mean: 736, 2,807, 16,981 and 423,640.

The upper confidence bound is a confidence sequence, valid at every stopping time too. For theta in
(0, 1] the product of (1 - theta)^{Z_t}/(1 - p_t theta) is a martingale, at least
(1 - theta)^k/(1 - p theta)^n for the mean p of the n conditional probabilities p_t, by concavity
of log(1 - p theta). So p stays below the root of "mixture over theta = 1/alpha" for all n with
probability 1 - alpha.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from validation.arithmetic.values import Value

ALPHA = 1e-9
# 3/4, 1/2, 3/8, 1/4, ...: exact floats, so that the tests can redo the sums in rationals.
BETS = tuple(b for j in range(1, 25) for b in (1.5 * 2.0**-j, 2.0**-j))
_BETS = np.array(BETS)
_LOSSES = np.log1p(-_BETS)
_THETAS = np.array([1.0, *(1 - 2.0**-j for j in range(30, 2, -1)), *BETS])
# The rounding of the sums below: 1e-15 times logarithms that add up to less than 1e8.
ROUNDING = 1e-6


def refutes(log_e: float, alpha: float = ALPHA) -> bool:
    """Whether an e-value refutes the null at false-alarm probability alpha."""
    return log_e >= -math.log(alpha) + ROUNDING


def log_e_value(
    failures: Sequence[int], draws: Sequence[int], deltas: Sequence[float]
) -> tuple[float, NDArray[np.float64]]:
    """The logarithm of the e-value, and of each instance's own.

    Parameters
    ----------
    failures, draws : sequences of int, (M,)
        Of every instance, in the order in which instances were first drawn.
    deltas : sequence of float, (M,)
        Permitted failure probabilities, rounded up; those above 1 count as 1.

    Returns
    -------
    float
        Of the whole mixture.
    (M,) array
        Of the bets on one instance alone, which say where the evidence is.
    """
    k = np.asarray(failures, dtype=np.float64)[:, None]
    n = np.asarray(draws, dtype=np.float64)[:, None]
    won = np.multiply(k, gains(deltas), where=k > 0, out=np.zeros((len(k), len(BETS))))
    logs = won + (n - k) * _LOSSES
    own = log_mean_exp(logs)
    M = len(own)
    shared = float(log_mean_exp(logs.sum(axis=0)[None, :])[0])
    places = np.arange(M)
    # Instances that were not drawn yet keep their wealth 1, and the weight 1/(M + 1).
    alone = np.append(own - np.log((places + 1) * (places + 2)), -math.log(M + 1))
    return float(_log_sum_exp(np.append(alone, shared)[None, :], last=False)[0]) - math.log(2), own


def gains(deltas: Sequence[float]) -> NDArray[np.float64]:
    """log(1 + b (1 - delta)/delta), (M, bets)."""
    delta = np.minimum(np.asarray(deltas, dtype=np.float64), 1.0)[:, None]
    with np.errstate(divide="ignore", over="ignore"):
        result: NDArray[np.float64] = np.log1p(_BETS * (1 - delta) / delta)
        return result


def log_mean_exp(logs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Logarithm of the mean over the last axis of exp, without overflow."""
    return _log_sum_exp(logs, last=True)


def _log_sum_exp(logs: NDArray[np.float64], last: bool) -> NDArray[np.float64]:
    top = logs.max(axis=-1, keepdims=True)
    top = np.where(np.isneginf(top), 0.0, top)
    with np.errstate(invalid="ignore"):
        total = np.log(np.exp(logs - top).sum(axis=-1)) + top[..., 0]
    total = np.where(np.isposinf(top[..., 0]), math.inf, total)
    return np.asarray(total - math.log(logs.shape[-1]) if last else total)


def rate_bound(failures: int, draws: int, alpha: float = ALPHA) -> float:
    """Upper bound on the mean failure probability of the draws made, valid at any stopping time.

    Parameters
    ----------
    failures, draws : int
        Failures among the draws.
    alpha : float
        Probability with which the bound is ever too small.

    Returns
    -------
    float
        The upper end of the bracket; 1 where nothing better is known.
    """
    with np.errstate(divide="ignore"):
        paid = failures * np.log1p(-_THETAS) if failures else np.zeros_like(_THETAS)

    def excluded(p: float) -> bool:
        log_e = log_mean_exp((paid - draws * np.log1p(-p * _THETAS))[None, :])[0]
        return refutes(float(log_e), alpha)

    low, high = failures / draws if draws else 0.0, 1.0
    if not excluded(1 - 2.0**-40):
        return 1.0
    high = 1 - 2.0**-40
    while True:
        middle = (low + high) / 2
        if not low < middle < high:
            return high
        low, high = (low, middle) if excluded(middle) else (middle, high)


def misjudged_bound(successes: int, audited: int, wrong: int, alpha: float) -> int:
    """Upper bound on how many of some successes are none, from a random subset looked at closely.

    The subset is drawn without replacement, whatever the successes were; so `wrong` has the
    hypergeometric law, and the bound is too small with probability at most alpha.

    Parameters
    ----------
    successes : int
        All of them.
    audited : int
        The size of the subset.
    wrong : int
        Those of the subset that are no certain successes.
    alpha : float
        Probability with which the bound is too small.
    """
    if not 0 <= wrong <= audited <= successes:
        raise ValueError(
            f"0 <= wrong <= audited <= successes must hold, got {wrong}, {audited}, {successes}"
        )
    if audited == 0:
        return successes

    def plausible(bad: int) -> bool:
        """Whether so few wrong ones have probability above alpha if `bad` are in the whole."""
        logs = [
            _log_binomial(bad, j) + _log_binomial(successes - bad, audited - j)
            for j in range(wrong + 1)
        ]
        total = float(_log_sum_exp(np.array([logs]), last=False)[0])
        return total - _log_binomial(successes, audited) > math.log(alpha) - ROUNDING

    low, high = wrong, successes - (audited - wrong)  # the ends that the subset leaves open
    while low < high:  # the probability falls as `bad` grows
        middle = (low + high + 1) // 2
        low, high = (middle, high) if plausible(middle) else (low, middle - 1)
    return low


def _log_binomial(n: int, k: int) -> float:
    if not 0 <= k <= n:
        return -math.inf
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def rounded_up(delta: Value) -> float:
    """A float that is at least the permitted probability."""
    value = float(delta)
    return value if Fraction(value) >= Fraction(delta) else math.nextafter(value, math.inf)
