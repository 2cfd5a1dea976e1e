"""Counterexamples to a claim that is to be proved: at points of its regions, and by search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from validation.arithmetic import FLOAT64
from validation.arithmetic.values import Number
from validation.checking.certified import certify
from validation.checking.evaluation import accepts
from validation.checking.sampled import draw_sample
from validation.checking.searched import search
from validation.claims import Claim, ClaimError
from validation.instances import Instance, Product
from validation.proving.attempts import Attempt
from validation.proving.covering import try_points
from validation.proving.fingerprints import fingerprint, versions
from validation.proving.records import Ending, Proof
from validation.proving.regions import Region
from validation.verdict import Conclusion

SEARCH = 5.0  # seconds of `verify`'s search before cells are cut
DRAWS = 2000
TRIED = 12


def tried(claim: Claim, attempt: Attempt, seed: int) -> Instance | None:
    rng = np.random.default_rng(seed)
    for region in attempt.regions:
        found = first_certified(claim, region, try_points(claim, region, rng))
        if found is not None:
            return found
    return None


def searched(
    claim: Claim, sizes: Mapping[str, Sequence[int]], seconds: float, seed: int
) -> Instance | None:
    """A counterexample of these sizes, from the draws and the search that `verify` uses."""
    ranges = dict(claim.instances.sizes)
    ranges |= {name: (min(some), max(some)) for name, some in sizes.items() if name in ranges}
    try:
        narrow = replace(claim, instances=Product(claim.instances.factors, ranges))
        sample = draw_sample(narrow, count=DRAWS, seed=seed, seconds=seconds / 3)
        start = [instance for _, instance in sample.worst]
        found = search(narrow, start, seconds=seconds / 2, seed=seed)
    except (ClaimError, ValueError):
        return None  # nothing of these sizes is drawn
    for ratio, instance in [*found.worst, *sample.worst][:TRIED]:
        if ratio > 0 and certify(claim, instance).conclusion is Conclusion.VIOLATED:
            return instance
    return None


def refuted(claim: Claim, instance: Instance) -> Proof:
    """What a counterexample says of a claim that has no box."""
    return Proof(
        id=claim.id,
        ending=Ending.VIOLATED.value,
        statement="instances as they are drawn",
        instance=instance.to_json(),
        message="left certainly exceeds right at an instance found by search",
        fingerprint=fingerprint(claim),
        versions=versions(),
    )


def first_certified(claim: Claim, region: Region, points: Sequence[Number]) -> Instance | None:
    """The first of the points that is an instance on which the claim is certainly violated."""
    for point in points:
        instance = region.instance(point)
        if claim.given is not None:
            values = claim.instances.realise(instance, FLOAT64)
            if not accepts(claim, values):
                continue
        if certify(claim, instance).conclusion is Conclusion.VIOLATED:
            return instance
    return None
