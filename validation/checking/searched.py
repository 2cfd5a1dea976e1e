"""The rung that searches: an archive of diverse instances, climbs by slopes, structured families.

Rounds follow each other until the budget is spent. Draws go through all combinations of sizes in
turn (`strata`); what is good of its kind is kept (`archive`); climbs start from what is kept, from
fresh draws of sizes that were tried least, and for a stated share from the largest sizes. Trivial
equality - T = 1, equal matrices - is no prey: no climb starts there, only structured moves do.

The sequence of trials is a function of the seed; how many of them there is time for is not, so
that a longer run begins with the trials of a shorter one and never says less. With
``max_evaluations`` and enough seconds the whole run is reproduced exactly.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Sequence

import numpy as np

from validation.checking.archive import TIED, Entry
from validation.checking.climbing import METHODS
from validation.checking.families import moved, snaps
from validation.checking.randomness import hypothesis_seed, spawn
from validation.checking.sampled import Sample
from validation.checking.space import Space
from validation.checking.targeted import targeted
from validation.checking.trials import LINGER, Progress, SpentError, Trials
from validation.claims import Claim
from validation.instances import Instance

ROUNDS = (
    "draws", "moves", "gradient", "restart", "coordinates", "ties", "smaller", "draws",
    "evolution", "large", "moves", "restart", "gradient", "snaps", "hypothesis", "simplex",
    "draws", "large", "coordinates", "ties", "smaller", "restart", "evolution", "moves",
)  # fmt: skip
DRAWS = 40
FIRST = 160  # draws before the first round
RESTARTS = 4  # draws of which the best is climbed from
TOO_MANY = 24  # numbers beyond which a simplex is no use


def search(
    claim: Claim,
    start: Sequence[Instance] = (),
    *,
    seconds: float,
    seed: int = 0,
    max_evaluations: int | None = None,
    progress: Progress | None = None,
    linger: float = LINGER,
    clock: Callable[[], float] = time.monotonic,
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
    linger, clock
        See `Trials`.

    Returns
    -------
    Sample
        What looks violated has been certified, and ratios of violations are certified ones; ratios
        up to 1 + 1e-9 are float64's.
    """
    trials = Trials(
        claim, seconds=seconds, most=max_evaluations, progress=progress, linger=linger, clock=clock
    )
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
    _draws(trials, rng, FIRST)
    if not trials.strict:
        trials.demand_hypotheses([instance for _, instance in trials.elite])
    for i in itertools.count():
        if trials.certified == math.inf:
            return
        cycle = i // len(ROUNDS) + 1
        _round(trials, ROUNDS[i % len(ROUNDS)], i, cycle, rng, seed)


def _round(
    trials: Trials, method: str, i: int, cycle: int, rng: np.random.Generator, seed: int
) -> None:
    allowed = 60 + 30 * min(cycle, 8)
    if method == "draws":
        _draws(trials, rng, DRAWS)
    elif method == "restart":
        _restart(trials, rng, allowed, large=False)
    elif method == "large":
        _restart(trials, rng, allowed, large=True)
    elif method == "hypothesis":
        examples = 40 * min(cycle, 10)
        targeted(trials, hypothesis_seed(seed, i), examples, lambda x, v: _keep(trials, v, x))
    elif method == "ties":
        tie = trials.archive.tie(rng)
        if tie is None:
            _draws(trials, rng, DRAWS)
        else:
            _moves(trials, tie, rng, allowed)
    else:
        entry = trials.archive.chosen(rng) or trials.archive.tie(rng)
        if entry is None:
            _draws(trials, rng, DRAWS)
        elif method == "moves":
            _moves(trials, entry, rng, allowed)
        elif method == "snaps":
            _snaps(trials, entry, allowed)
        elif method == "smaller":
            _smaller(trials, entry.instance, rng, allowed)
        else:
            _climb(trials, method, entry.value, entry.instance, rng, allowed)


def _keep(trials: Trials, value: float, instance: Instance) -> None:
    trials.keep(value, instance)


def _draws(trials: Trials, rng: np.random.Generator, count: int) -> None:
    """Draws of all combinations of sizes in turn."""
    for _ in range(count):
        instance = trials.strata.draw(rng)
        trials.best = None
        trials.keep(trials.attempt(instance).value, instance, casual=True)
    trials.best = None


def _restart(trials: Trials, rng: np.random.Generator, allowed: int, *, large: bool) -> None:
    """Climb from the best of a few draws of sizes that were tried least, or of the largest ones.

    Every other time at large sizes it goes on from the best instance that is known there.
    """
    strata = trials.strata
    if large and rng.integers(2):
        entry = trials.archive.chosen(rng, strata.is_large)
        if entry is not None:
            _climb(trials, "gradient", entry.value, entry.instance, rng, allowed)
            return
    sizes = strata.large(rng) if large else strata.least_seen(rng)
    best: tuple[float, Instance] | None = None
    for _ in range(RESTARTS):
        instance = strata.draw(rng) if sizes is None else strata.draw_at(sizes, rng)
        trials.best = None
        value = trials.attempt(instance).value
        trials.keep(value, instance, casual=True)
        if abs(value) > TIED and (best is None or value > best[0]):
            best = value, instance
    trials.best = None
    if best is not None and best[0] > -math.inf:
        method = "gradient" if rng.integers(4) else list(METHODS)[int(rng.integers(len(METHODS)))]
        _climb(trials, method, *best, rng, allowed)


def _moves(trials: Trials, entry: Entry, rng: np.random.Generator, allowed: int) -> None:
    """Structured moves, one to three at a time; the better instance is kept, equal ones at times.

    Equally good ones count too, since a violation on a thin set is often two ties away.
    """
    value, instance = entry.value, entry.instance
    others = trials.archive.others(instance)
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


def _snaps(trials: Trials, entry: Entry, allowed: int) -> None:
    trials.begin(entry.value, entry.instance)
    for tried in itertools.islice(snaps(trials.claim, entry.instance), 4 * allowed):
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
    if method == "gradient" and trials.sloped is not True:
        allowed += 10 * count
    trials.begin(value, instance)
    METHODS[method](trials, space, value, rng, allowed + 5 * count)
    trials.finish()
