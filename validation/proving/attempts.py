"""A proof under way, which can be kept and taken up again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from validation.arithmetic import Unsupported
from validation.arithmetic.entry_arithmetics import INTERVALS
from validation.checking.evaluation import fault
from validation.claims import Claim
from validation.proving.covering import Cover, failing, whole
from validation.proving.invariance import check_invariance
from validation.proving.regions import Region, regions


@dataclass
class Attempt:
    """A proof under way; it can be kept and taken up again.

    Attributes
    ----------
    claim : Claim
    regions : list of Region
    covers : list of Cover
        One a region, for the slack of this level.
    level : int
        Which of the slacks is being tried.
    itself : list of Cover
        How far the claim itself, without slack, came; empty before that has ended.
    best : (level, list of Cover) or None
        The smallest slack with which everything was covered.
    spent : float
        Seconds.
    pace : (cells, share, seconds) or None
        Where the claim itself stood after the first 1,000 cells.
    """

    claim: Claim
    regions: list[Region]
    covers: list[Cover]
    level: int = 0
    itself: list[Cover] = field(default_factory=list)
    best: tuple[int, list[Cover]] | None = None
    evaluated: int = 0
    spent: float = 0.0
    pace: tuple[int, float, float] | None = None

    @property
    def share(self) -> float:
        """The share of the box that is proved or has no instances, at this level."""
        found = float(np.mean([min(c.proved + c.vacuous, 1.0) for c in self.covers]))
        return min(found, 1 - 1e-12) if self.open else found  # a sum of many floats

    @property
    def open(self) -> int:
        """The number of open cells at this level."""
        return sum(cover.open for cover in self.covers)


def begin(
    claim: Claim,
    sizes: Mapping[str, Sequence[int]],
    box: Mapping[str, tuple[float, float]],
    compact: bool,
) -> Attempt:
    """An attempt of which nothing is done yet; faults of the claim show here."""
    if claim.invariance and compact:
        check_invariance(claim)
    where = regions(claim, sizes, box, compact)
    for region in where[:1]:
        try:
            failing(claim, region, np.array([[axis.high] for axis in region.axes]).reshape(-1, 1))
        except Unsupported as error:
            raise fault(claim, claim.body, error, INTERVALS) from error
    return Attempt(claim, where, [whole(region) for region in where])
