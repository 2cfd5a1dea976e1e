"""What was proved, attacked before it is called so: at instances, by the claim's own reading.

A proof reads the body over intervals or polynomials. Where that is not what the body means, or
where no instance meets the hypotheses, the proof is one of nothing; both show at instances.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from validation.checking.certified import Certificate, certify
from validation.claims import Claim
from validation.instances import Instance
from validation.proving.covering import random_points
from validation.proving.gaps import vacuous_cells
from validation.proving.regions import Region
from validation.verdict import Conclusion

INSTANCES = 48  # certified in all, and at least one a region
DRAWN = 64  # of the claim's own draws, where no point of a region meets the hypotheses
SECONDS = 10.0  # after which no region is looked at a second time
POINTS = 512  # of a region, of which those are taken whose hypotheses do not certainly fail
NOTHING = (
    "no instance was found that certainly meets the hypotheses, so that the proof may be one of "
    "nothing"
)


@dataclass(frozen=True)
class Attack:
    """What instances say of a statement that was proved.

    Attributes
    ----------
    violated : Instance or None
        One on which the claim is certainly violated.
    met : int
        Instances that certainly meet every hypothesis.
    """

    violated: Instance | None
    met: int


def attack(claim: Claim, regions: Sequence[Region], boxed: bool, seed: int = 0) -> Attack:
    """Certify a claim on instances of the regions on which it was proved.

    Parameters
    ----------
    claim : Claim
    regions : list of Region
    boxed : bool
        Whether the statement is about a box that was asked for, so that only instances in it count.
    seed : int

    Raises
    ------
    ClaimError
        Where the body itself fails on one of them.
    """
    rng = np.random.default_rng(seed)
    each = max(1, INSTANCES // max(len(regions), 1))
    end = time.monotonic() + SECONDS
    met = 0
    for instance in _of_regions(claim, regions, each, end, rng):
        found = certify(claim, instance)
        if found.conclusion is Conclusion.VIOLATED:
            return Attack(instance, met)
        met += _meets(found)
    if not met and not boxed:
        met = sum(_meets(certify(claim, instance)) for instance in _drawn(claim, regions, rng))
    return Attack(None, met)


def _meets(found: Certificate) -> bool:
    every = all(state is Conclusion.HOLDS for state in found.hypotheses.values())
    return every and not found.inadmissible


def _of_regions(
    claim: Claim, regions: Sequence[Region], each: int, end: float, rng: np.random.Generator
) -> Iterator[Instance]:
    for region in regions:
        count = POINTS if region.axes else 1
        points = random_points(region, count, rng).reshape(len(region.axes), count)
        points = points[:, ~vacuous_cells(claim, region, points, points)]
        for point in points.T[:each]:
            yield region.instance(point.tolist())
            if time.monotonic() > end:
                break


def _drawn(claim: Claim, regions: Sequence[Region], rng: np.random.Generator) -> Iterator[Instance]:
    """The claim's own draws, of the sizes of the regions."""
    sizes = [region.sizes for region in regions]
    left = DRAWN
    for _ in range(20 * DRAWN):
        instance = claim.instances.sample(rng)
        if left and any(all(instance.sizes.get(n) == k for n, k in some.items()) for some in sizes):
            left -= 1
            yield instance
