r"""Average conditional losses along one text: no sequences, no independence (theory, section 8).

A text is x_1, x_2, ... under any law at all. A predictor c that reads x_1, ..., x_{t-1} suffers the
loss z_t in [0, 1] at x_t, and mu_t = E[z_t | x_1, ..., x_{t-1}] is what it had to expect there. All
bounds here are on the *average conditional loss* (mu_1 + ... + mu_n)/n along this very text, from
z_1, ..., z_n; they say nothing of another text. Write zbar for the mean of z, L for log(1/delta),
with |c| ln 2 added for a prefix-free code of |c| bits (Kraft, and a union over the codes).

Betting. 1 - theta z_t has the conditional mean 1 - theta mu_t, so for theta in (0, 1)

    W_n(theta) = prod_t (1 - theta z_t)/(1 - theta mu_t)

is a nonnegative martingale that starts at 1, and so is a mixture over theta with weights w fixed in
advance. By Ville's inequality it ever reaches e^L with probability at most e^-L. The logarithm of
1 - theta mu is concave, so prod_t (1 - theta mu_t) <= (1 - theta m)^n at m = (mu_1 + ... + mu_n)/n:

    sum_j w_j exp(sum_t log(1 - theta_j z_t)) (1 - theta_j m)^-n < e^L  for all n at once.

The left side grows with m; the bound is the root. To second order in theta the exponent is
theta n (m - zbar) - theta^2 n Var/2 with the variance of the z_t seen, so it adapts to it; for
losses in {0, 1} the best theta alone gives kl(zbar || m) = L/n.

Bernstein, in closed form. Let a_t in [0, 1] depend on z_1, ..., z_{t-1} only, xi = a_t - z_t >= -1
and psi(lam) = -log(1 - lam) - lam. exp(lam xi - psi(lam) xi^2) <= 1 + lam xi for 0 <= lam < 1 (Fan,
Grama, Liu 2015), hence E[exp(lam (mu_t - z_t) - psi(lam) (z_t - a_t)^2) | past]
<= (1 + lam (a_t - mu_t)) exp(-lam (a_t - mu_t)) <= 1, and with V = sum_t (z_t - a_t)^2

    sum_j w_j exp(lam_j n (m - zbar) - psi(lam_j) V) < e^L  for all n at once.

Azuma, for one n that was fixed in advance: m <= zbar + sqrt(L/(2n)).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bounds.assembly import COMPLEXITY, CONFIDENCE, EMPIRICAL
from bounds.rounding import log_up, lowered, raised, roundings
from bounds.terms import VALID, Bound, Condition, Term
from pruning.bisection import last_holding
from pruning.checks import Array, choice, integer, nonnegative, positive, probability

FORMS = ("betting", "bernstein", "azuma")
# Of theta and of lam: u/(1 + u) for u from 2^-20 to 1920, eight an octave. Fixed here, in advance;
# all have the same weight.
GRID = tuple(u / (2**23 + u) for u in (m << i for i in range(31) for m in range(8, 16)))
PIECE = 1 << 16  # losses at a time
FINE = 1 << 18  # beyond so many losses they are rounded up to multiples of 2^-18, and counted
SOURCE = "theory, section 8"


def smoothed_range(alphabet: int, weight: float) -> float:
    """Return log2(V/a), rounded up: the largest loss in bits of (1 - a) q + a/V, V symbols.

    Parameters
    ----------
    alphabet : int
        V, at least 1.
    weight : float
        a in (0, 1]; it is chosen on the text, so it belongs to the code.
    """
    V = integer("alphabet", alphabet, 1)
    a = positive("weight", weight)
    if a > 1:
        raise ValueError(f"weight must be at most 1, got {a}")
    return raised(math.log2(V) - math.log2(a), 4)


def conditional_loss(
    losses: Any, log_inv_delta: float, form: str = "betting", counts: Any = None
) -> float:
    """Return an upper bound on the average conditional loss of losses in [0, 1], rounded up.

    Parameters
    ----------
    losses : (n,) array
        z_1, ..., z_n in [0, 1], in the order of the text; n >= 1.
    log_inv_delta : float
        L >= 0: log(1/delta), with |c| ln 2 added for a code; infinity gives 1.
    form : str
        ``betting`` or ``bernstein``, valid for all n at once, or ``azuma``, for an n fixed in
        advance.
    counts : (n,) integer array, optional
        How often each loss occurred; not for ``bernstein``, which needs their order.

    Returns
    -------
    float
        In [0, 1]; 1 where nothing better is certain.
    """
    z, times = _checked(losses, counts)
    choice("form", form, FORMS)
    if form == "bernstein" and counts is not None:
        raise ValueError("counts must be None for the form bernstein, which needs the order")
    if log_inv_delta == math.inf:
        return 1.0
    L = raised(nonnegative("log_inv_delta", log_inv_delta))
    n = float(times.sum())
    if form == "azuma":
        return min(1.0, raised(_mean_up(z, times) + math.sqrt(raised(L / (2 * n))), 4))
    evidence = _betting(z, times) if form == "betting" else _bernstein(z)
    return last_holding(lambda m: evidence(m) > L, 1.0, 0.0)


def text_bound(
    losses: Any,
    scale: float,
    *,
    bits: int,
    delta: float,
    form: str = "betting",
    counts: Any = None,
) -> Bound:
    """The bound for a code, as terms, in the units of the loss.

    Parameters
    ----------
    losses : (n,) array
        In [0, scale], as in `conditional_loss`.
    scale : float
        The largest possible loss, not the largest seen; see `smoothed_range`.
    bits : int
        |c|: alphabet, smoothing weight and all else that was chosen on the text are in the code.
    delta : float
        Failure probability in (0, 1).
    form, counts
        See `conditional_loss`.
    """
    scale = positive("scale", scale)
    given = np.asarray(losses, dtype=np.float64)
    if not (given.size and np.all((given >= 0) & (given <= scale))):
        raise ValueError(f"losses must be at least one number, all in [0, {scale}]")
    z = np.minimum(raised(given / scale, 2), 1.0)
    price = raised(integer("bits", bits, 0) * math.log(2))
    log_inv = raised(-math.log(probability("delta", delta)))
    z_checked, times = _checked(z, counts)
    mean = min(1.0, _mean_up(z_checked, times))
    without, reached = (
        conditional_loss(z, price + extra, form, counts) for extra in (0.0, log_inv)
    )
    coded = max(without - mean, 0.0)
    rest = max(reached - mean - coded, 0.0)
    inputs = {"|c|": bits, "n": int(times.sum()), "delta": delta, "range": scale}
    time = form != "azuma"
    return Bound(
        f"martingale.{form}",
        r"\frac1n \sum_{t \le n} \operatorname{E}[\ell_t \mid x_{<t}] \le " + _FORMULAS[form],
        (
            Term(
                EMPIRICAL,
                log_up(raised(mean * scale, 2)),
                r"\frac1n \sum_t \ell_t",
                "measured along the text",
                inputs,
            ),
            Term(
                COMPLEXITY,
                log_up(raised(coded * scale, 4)),
                r"\text{what } |c| \text{ bits add at } \delta = 1",
                SOURCE,
                inputs,
            ),
            Term(
                CONFIDENCE,
                log_up(raised(rest * scale, 4) + roundings(4, scale)),
                r"\text{what } \delta \text{ adds}",
                SOURCE,
                inputs,
            ),
        ),
        VALID,
        (
            Condition(
                "prefix-free code",
                None,
                f"{bits} bits, in which are the alphabet, the smoothing weight and all that was "
                "chosen on the text.",
            ),
            Condition(
                "reads the past only", None, "The prediction of x_t reads x_1, ..., x_{t-1}."
            ),
            Condition(
                "n fixed in advance",
                True if time else None,
                "Valid for every n at once." if time else "The length may not depend on the text.",
            ),
        ),
        ("The bound is on the average conditional loss along this very text, of any law.",),
    )


_FORMULAS = {
    "betting": r"\sup\{m: \sum_j w_j \prod_t \frac{1 - \theta_j \ell_t}{1 - \theta_j m} <"
    r"2^{|c|}/\delta\}",
    "bernstein": r"\sup\{m: \sum_j w_j e^{\lambda_j n (m - \bar\ell) - \psi(\lambda_j) V} <"
    r"2^{|c|}/\delta\}",
    "azuma": r"\bar\ell + \sqrt{\frac{|c| \ln 2 + \ln(1/\delta)}{2n}}",
}


def _checked(losses: ArrayLike, counts: ArrayLike) -> tuple[Array, NDArray[np.int64]]:
    z = np.asarray(losses, dtype=np.float64)
    if z.ndim != 1 or not z.size or not np.all((z >= 0) & (z <= 1)):
        raise ValueError("losses must be at least one number in [0, 1], in one axis")
    if counts is None:
        return z, np.ones(len(z), np.int64)
    times = np.asarray(counts)
    if (
        times.shape != z.shape
        or times.dtype.kind not in "iu"
        or (times < 0).any()
        or not times.any()
    ):
        raise ValueError("counts must be integers >= 0, one a loss, not all 0")
    return z, times.astype(np.int64)


def _mean_up(z: Array, times: NDArray[np.int64]) -> float:
    return raised(math.fsum(z * times) / float(times.sum()), 4)


def _betting(z: Array, times: NDArray[np.int64]) -> Callable[[float], float]:
    """A lower bound of the logarithm of the mixed wealth as a function of m."""
    theta, n = np.array(GRID), float(times.sum())
    if len(z) > FINE:
        # Larger losses make the evidence smaller, for every m.
        places = np.ceil(z * FINE).astype(np.int64)  # the product is exact
        times = np.bincount(places, weights=times, minlength=FINE + 1).astype(np.int64)
        z = np.arange(FINE + 1) / FINE
    z, times = z[times > 0], times[times > 0]
    pieces = [slice(begin, begin + PIECE) for begin in range(0, len(z), PIECE)]
    totals = [
        math.fsum(float(np.sum(times[part] * np.log1p(-bet * z[part]))) for part in pieces)
        for bet in GRID
    ]
    # All summands have one sign, so relative errors do not grow: 4 of a logarithm, less than 40 of
    # a pairwise sum of 2^16. 1 - theta z is known to a relative 2^-53/(1 - theta).
    unknown = roundings(n, theta / (1 - theta))
    paid = raised(np.array(totals), 63) - unknown

    def evidence(m: float) -> float:
        gained = lowered(-n * np.log1p(-theta * m), 16) - unknown
        return _log_mean_down(paid + gained, float(np.abs(paid).max() + np.abs(gained).max()))

    return evidence


def _bernstein(z: Array) -> Callable[[float], float]:
    lam, n = np.array(GRID), len(z)
    # a_t is the mean of 1/2 and the losses before t; what rounding makes of it is in the past too.
    before = np.concatenate([[0.5], 0.5 + np.cumsum(z)[:-1]]) / np.arange(1, n + 1)
    V = raised(math.fsum(np.square(z - np.clip(before, 0, 1))), 8)
    # psi(lam) = lam^2/2 + lam^3/3 + ... >= lam^2/2: what cancels is at most 1 of its own size/lam.
    psi = (-np.log1p(-lam) - lam) + roundings(8, (1 - np.log1p(-lam)) * lam)
    mean = _mean_up(z, np.ones(n, np.int64))

    def evidence(m: float) -> float:
        logs = lam * n * (m - mean) - psi * V
        size = float(np.max(lam * n * (m + mean) + psi * V))
        return _log_mean_down(logs, size)

    return evidence


def _log_mean_down(logs: Array, size: float) -> float:
    """Log of the mean of exp, rounded down; the logs come from numbers up to `size`."""
    top = float(logs.max())
    value = top + math.log(math.fsum(np.exp(logs - top)) / len(logs))
    return value - roundings(16, 1 + size)
