r"""Covers whose centres may lie just outside the class (theory, section 5, sharper).

`covering.ball` covers a ball of a norm on R^p with (1 + 2/eps)^p balls whose centres lie in it. The
2 is the price of centres inside. `lipschitz.parameters` needs both networks in one class, and that
class may be a little larger than the one to be covered.

Lemma. For 0 < eps, 0 < eta < 1, the unit ball K of a norm on R^p has an eps-cover with centres in
(1 + (1 - eta) eps) K of at most 1 + q^{-1} p log(1 + 2/(eta eps)) balls, where
q = ((1 - eta) eps/(1 + (1 - eta) eps))^p.
Proof. Take an (eta eps)-net of K with at most M = (1 + 2/(eta eps))^p points, and draw N centres
independently and uniformly from (1 + (1 - eta) eps) K. The ball of radius (1 - eta) eps around a
point of the net lies in that set, so that a centre falls into it with probability q. The expected
number of points of the net without a centre that near is at most M (1 - q)^N < M exp(-q N), which
is at most 1 for N >= log(M)/q; then some draw leaves none, as an expectation strictly below 1 of
integers needs a 0. Points of K are within eta eps of the net.

With eta = 1/(p + 1), (1 - eta)^-p <= e: log N <= p log((1 - eta) + 1/eps) + 1 + log of the rest.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from bounds.covering import ClassCover, log1p_exp_up
from bounds.lipschitz import BLOCKS, Radii
from bounds.rounding import raised
from pruning.checks import Array

MARGIN = 2.0**-10
"""How much larger, relatively, the class is in which the centres may lie."""


def enlarged(radii: Radii) -> Radii:
    """Return the class with every ball around its centre larger by the share `MARGIN`.

    The centre of the class stays where it is.
    """
    balls = {block: radii.ball(block) * (1 + 2 * MARGIN) for block in BLOCKS}
    if radii.centre is None:
        return replace(radii, **balls)  # type: ignore[arg-type]
    return Radii.around(
        radii.centre,
        balls,
        radii.data,
        radii.norm,
        fixed=radii.fixed,
        data_fixed=radii.data_fixed,
    )


@dataclass(frozen=True)
class EnlargedCover(ClassCover):
    """log N(eps) of a class by the smaller of the two covers, block by block.

    ``log_reach`` holds R L with the constants L, and the radii R, of the `enlarged` class. Blocks
    whose eps would let centres leave it are covered from inside; the value jumps up there as eps
    grows, so that it serves a net at one eps, and no integral over eps.
    """

    def __call__(self, log_eps: ArrayLike) -> Array:
        """Return log N(eps), rounded up, elementwise for an array of log eps."""
        log_eps = np.asarray(log_eps, dtype=np.float64)
        total = np.zeros(log_eps.shape)
        if not self.names:
            return total
        for p, reach, share in zip(self.sizes, self.log_reach, self.shares(log_eps)):
            inverse = reach - log_eps - np.log(share)  # log(1/eps) of the unit ball
            size = 1 + abs(reach) + np.abs(log_eps) + np.abs(np.log(share))
            inside = p * log1p_exp_up(math.log(2) + inverse, size)
            log_net = p * log1p_exp_up(math.log(2 * (p + 1)) + inverse, size)
            outside = p * log1p_exp_up(inverse, size) + 1 + raised(np.log1p(log_net))
            outside = np.where(inverse >= -math.log(MARGIN), outside, np.inf)
            total += np.minimum(inside, outside)
        return raised(total, 8 * (len(self.names) + 1))
