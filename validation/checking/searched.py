"""The rung that searches: local optimisation of log(left/right) and structured families.

It starts from the worst draws. Rounds follow each other until the budget is spent: structured
moves, climbs by one of four methods, runs of Hypothesis with `target`, fresh draws. Each round goes
on from one of the best instances so far, of which a few of each kind are kept, and those that have
not improved for long are left alone.

The sequence of trials is a function of the seed; how many of them there is time for is not. With
``max_evaluations`` and enough seconds the whole run is reproduced exactly.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np

from ..claims import Claim
from ..instances import Instance
from .climbing import METHODS
from .families import moved, snaps
from .randomness import hypothesis_seed, spawn
from .sampled import Sample, drawn
from .space import Space
from .targeted import targeted
from .trials import Progress, SpentError, Trials

ROUNDS = (
    "moves", "coordinates", "smaller", "evolution", "moves", "gradient", "hypothesis", "snaps",
    "simplex", "fresh", "smaller", "coordinates", "moves", "evolution", "fresh",
)  # fmt: skip
FRESH = 40
TOO_MANY = 24  # numbers beyond which a simplex is no use


def search(
    claim: Claim,
    start: Sequence[Instance] = (),
    *,
    seconds: float,
    seed: int = 0,
    max_evaluations: int | None = None,
    progress: Progress | None = None,
) -> Sample:
    """Look for the largest left/right of a deterministic claim.

    Parameters
    ----------
    claim : Claim
        Of the kinds inequality, loewner or identity.
    start : sequence of Instance
        Where to begin, such as the worst draws; may be empty.
    seconds : float
        Wall-clock time. A search that has certified a violation goes on for as long again as it
        took to find it (one second at least), to see how bad it gets.
    seed : int
        Determines the sequence of trials.
    max_evaluations : int
        A further limit, on the number of trials.
    progress : function of (share of the budget spent, largest log ratio so far)
        Called now and then.

    Returns
    -------
    Sample
        What looks violated has been certified, and ratios of violations are certified ones; ratios
        up to 1 + 1e-9 are float64's.
    """
    trials = Trials(claim, seconds=seconds, most=max_evaluations, progress=progress)
    with np.errstate(all="ignore"):
        try:
            run(trials, list(start), spawn(seed, "search"), seed)
        except SpentError:
            trials.finish()
        return trials.sample()


def run(trials: Trials, start: list[Instance], rng: np.random.Generator, seed: int) -> None:
    """Run the rounds until `trials` is spent and raises, or until nothing worse can be found."""
    trials.demand_hypotheses(start)
    for instance in start:
        trials.keep(trials.attempt(instance).value, instance)
    trials.best = None
    if len(trials.elite) < 4:
        _fresh(trials, rng, 4 * FRESH)
        trials.demand_hypotheses([instance for _, instance in trials.elite])
    visits: dict[Instance, int] = {}
    for i in itertools.count():
        if trials.certified == math.inf:
            return
        method = ROUNDS[i % len(ROUNDS)]
        allowed = 60 + 30 * min(i // len(ROUNDS) + 1, 8)
        if method == "fresh" or not trials.elite:
            _fresh(trials, rng, FRESH)
        elif method == "hypothesis":
            examples = 40 * min(i // len(ROUNDS) + 1, 10)
            targeted(
                trials,
                hypothesis_seed(seed, i),
                examples,
                lambda instance, v: _keep(trials, v, instance),
            )
        else:
            value, instance = _chosen(trials, visits, rng)
            visits[instance] = visits.get(instance, 0) + 1
            if method == "moves":
                _moves(trials, value, instance, rng, allowed)
            elif method == "snaps":
                _snaps(trials, value, instance, allowed)
            elif method == "smaller":
                _smaller(trials, instance, rng, allowed)
            else:
                _climb(trials, method, value, instance, rng, allowed)


def _keep(trials: Trials, value: float, instance: Instance) -> None:
    if len(trials.elite) < 4 or value > trials.elite[-1][0]:
        trials.keep(value, instance)


def _fresh(trials: Trials, rng: np.random.Generator, count: int) -> None:
    for _ in range(count):
        instance = drawn(trials.claim, rng)
        trials.begin(-math.inf, instance)
        trials.attempt(instance)
        trials.finish()


def _chosen(
    trials: Trials, visits: dict[Instance, int], rng: np.random.Generator
) -> tuple[float, Instance]:
    """One of the elite: the better and smaller, the likelier; the more visited, the less so."""
    weights = np.array(
        [
            0.7**place / (1 + visits.get(instance, 0)) / (1 + _numbers(trials, instance) / 8)
            for place, (_, instance) in enumerate(trials.elite)
        ]
    )
    place = int(rng.choice(len(weights), p=weights / weights.sum()))
    return trials.elite[place]


def _numbers(trials: Trials, instance: Instance) -> int:
    return int(trials.claim.instances.parameters(instance).values.size)


def _moves(
    trials: Trials, value: float, instance: Instance, rng: np.random.Generator, allowed: int
) -> None:
    """Structured moves, one to three at a time; the better instance is kept, equal ones at times.

    Equally good ones count too, since a violation on a thin set is often two ties away.
    """
    others = [other for _, other in trials.elite]
    trials.begin(value, instance)
    last = trials.count + allowed
    while trials.count < last and value < math.inf:
        tried = instance
        for _ in range(int(rng.integers(1, 4))):
            tried = moved(trials.claim, tried, rng, others)
        found = trials.attempt(tried).value
        if found > value or (found == value and rng.integers(2)):
            value, instance = found, tried
    trials.finish()


def _snaps(trials: Trials, value: float, instance: Instance, allowed: int) -> None:
    trials.begin(value, instance)
    for tried in itertools.islice(snaps(trials.claim, instance), 4 * allowed):
        trials.attempt(tried)
    trials.finish()


def _smaller(trials: Trials, instance: Instance, rng: np.random.Generator, allowed: int) -> None:
    """Leave out the entry that costs least, and climb there: few numbers climb faster."""
    instances = trials.claim.instances
    trials.begin(-math.inf, instance)
    for name, length in instance.sizes.items():
        for index in range(length):
            smaller = instances.drop(instance, name, index)
            if smaller is not None:
                trials.attempt(smaller)
    best = trials.best
    trials.best = None
    if best is not None and best[0] > -math.inf:
        method = list(METHODS)[int(rng.integers(len(METHODS)))]
        _climb(trials, method, *best, rng, allowed)


def _climb(
    trials: Trials,
    method: str,
    value: float,
    instance: Instance,
    rng: np.random.Generator,
    allowed: int,
) -> None:
    logarithmic, projecting = bool(rng.integers(2)), bool(rng.integers(8))
    space = Space(trials.claim, instance, logarithmic, projecting)
    count = space.free.size
    if method == "simplex" and count > TOO_MANY:
        method = "evolution"
    if method == "gradient":
        allowed += 10 * count
    trials.begin(value, instance)
    METHODS[method](trials, space, value, rng, allowed + 5 * count)
    trials.finish()
