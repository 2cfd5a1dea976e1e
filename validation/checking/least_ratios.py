"""How far apart two sides certainly are: the log of a ratio that is not too large."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np

from validation.arithmetic import (
    Arithmetic,
    Comparison,
    Relation,
)
from validation.arithmetic.values import Value
from validation.claims import Claim

TINY = 5e-324  # the log ratio of a violation that no float tells from 0


def least_ratio(
    claim: Claim, arithmetic: Arithmetic, left: Value, right: Value, compared: Comparison
) -> float:
    """Of a violation: a lower end of log(left/right), for identities of larger over smaller."""
    if compared.relation is not Relation.ABOVE:
        return math.nan
    ends = [*arithmetic.ends(left), *arithmetic.ends(right)]
    if claim.kind == "loewner":
        low = compared.ratio_low
        if low is None:  # the right side is not certainly positive definite
            return _least_of_forms(*ends)
        return max(_below(math.log(low)) if low > 0 else 0.0, TINY)
    shape = max((end.shape for end in ends), key=len)
    l_low, l_high, r_low, r_high = (np.broadcast_to(end, shape)[compared.index] for end in ends)
    if claim.kind == "identity":
        return _apart((l_low, l_high), (r_low, r_high))
    elsewhere = compared.ratio_low  # of other entries, perhaps
    least = TINY if elsewhere is None or elsewhere <= 1 else _below(math.log(elsewhere))
    return max(least, _quotient(l_low, r_high))


def _least_of_forms(l_low: Value, l_high: Value, r_low: Value, r_high: Value) -> float:
    """The largest lower end of log(v'Lv / v'Rv) over the axes and over what float64 calls worst.

    inf only where v'Rv is certainly not positive and v'Lv certainly is.
    """
    if any(end is None for ends in (l_low, l_high, r_low, r_high) for end in ends.flat):
        return TINY
    gap = np.array(l_low - r_high, dtype=np.float64)
    directions = list(np.eye(len(gap)))
    if np.isfinite(gap).all():
        directions.append(np.linalg.eigh((gap + gap.T) / 2)[1][:, -1])
    least = TINY
    for direction in directions:
        v = np.array([Fraction(float(x)) for x in direction], dtype=object)
        vv = np.outer(v, v)
        top, bottom = (
            (vv * np.where(vv > 0, ends[0], ends[1])).sum()
            for ends in ((l_low, l_high), (r_high, r_low))
        )
        if top > max(bottom, 0):
            least = max(least, _quotient(top, bottom))
    return least


def _quotient(top: Fraction | None, bottom: Fraction | None) -> float:
    """A lower end of log(top/bottom) for top > bottom; inf where bottom is not positive."""
    if top is None or bottom is None:  # beyond the range of exact ends
        return TINY
    if bottom <= 0:
        return math.inf
    excess = top / bottom - 1
    if excess < 1:
        return max(_below(math.log1p(float(excess))), TINY)
    return max(_below(_log_of(top) - _log_of(bottom)), TINY)


def _apart(a: Value, b: Value) -> float:
    """The same for the larger over the smaller of two disjoint enclosures of one sign."""
    if None in (*a, *b):
        return TINY
    if a[1] <= 0 and b[1] <= 0:
        a, b = (-a[1], -a[0]), (-b[1], -b[0])
    if b[0] > a[1]:
        a, b = b, a
    return _quotient(a[0], b[1])


def _log_of(x: Fraction) -> float:
    return math.log(x.numerator) - math.log(x.denominator)


def _below(log: float) -> float:
    """A little less than a logarithm, so that its rounding does not make it too large."""
    return log - 1e-15 * (1 + abs(log)) if log > 1e-3 else log * (1 - 1e-12)
