"""`prove`: decide a deterministic claim on all instances of a box, or say what stayed open.

First points are tried; then the box is cut until every cell is proved (branch and bound, in
intervals of float64), or until the time is up. Where cells stay open, since left = right on a
surface among them, they are tried again with slack. Whatever was proved is proved a second time,
cell by cell, in balls; a cell that balls do not confirm is open.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np

from validation.arithmetic import FLOAT64, Unsupported
from validation.arithmetic.entry_arithmetics import INTERVALS
from validation.checking.certified import certify
from validation.checking.evaluation import accepts, fault
from validation.checking.sampled import draw_sample
from validation.checking.searched import search
from validation.claims import Claim, ClaimError
from validation.instances import Instance, Product
from validation.proving.covering import Cover, failing, refine, share, try_points, whole
from validation.proving.fingerprints import fingerprint, versions
from validation.proving.gaps import NO_SLACK, PARTED, Slack, evaluate, proved_in_balls
from validation.proving.invariance import check_invariance
from validation.proving.records import Ending, Proof
from validation.proving.regions import Region, regions, widths
from validation.verdict import Conclusion

SLACKS: tuple[Slack, ...] = (
    (Fraction(1, 10**3), Fraction(1, 10**6)),
    (Fraction(1, 10**2), Fraction(1, 10**4)),
)
BUDGET = 60.0
SLICE = 2.0  # seconds between two looks at the clock, the progress bar and the interrupt
PROBED = 1000
RECHECKED = 256  # cells between two looks at the clock
SHOWN = 5
PARTINGS = 64  # open cells asked whether it is comparisons that keep them open
ALGEBRA = 4  # the part of the budget that goes to algebra
SEARCH = 5.0  # seconds of `verify`'s search before cells are cut
DRAWS = 2000
TRIED = 12
Progress = Callable[[str, float], None]


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
        return float(np.mean([min(c.proved + c.vacuous, 1.0) for c in self.covers]))

    @property
    def open(self) -> int:
        """The number of open cells at this level."""
        return sum(cover.open for cover in self.covers)


def prove(
    claim: Claim,
    *,
    sizes: Mapping[str, Sequence[int]] | None = None,
    box: Mapping[str, tuple[float, float]] | None = None,
    slacks: Sequence[Slack] | None = None,
    budget: float = BUDGET,
    seed: int = 0,
    compact: bool = True,
    algebra: bool = True,
    pool: Any = None,
    attempt: Attempt | None = None,
    progress: Progress | None = None,
    checkpoint: Callable[[Attempt], None] | None = None,
) -> Proof:
    """Try to prove a claim on all instances of a box.

    Parameters
    ----------
    claim : Claim
        An inequality, a Loewner inequality, or an identity.
    sizes : mapping
        Sizes by name, as ``{"m": [1, 2]}``.
    box : mapping
        Ranges by the drawn value's name.
    slacks : sequence of (eta, eta_0)
        Tried in turn where the claim itself stays open: left <= right + eta |right| + eta_0.
    budget : float
        Seconds for the cover; the recheck in balls comes on top.
    seed : int
        Of the points tried first.
    compact : bool
        Use a declared invariance to reach instances of every scale.
    algebra : bool
        Try a proof by algebra before cells are cut: it has no box and no slack.
    pool : `Pool` or None
        Where batches are run; None runs them here.
    attempt : Attempt
        To be taken up again.
    progress : function (stage, share done)
    checkpoint : function of the attempt
        Called between slices, and before an interrupt leaves.

    Raises
    ------
    ClaimError
        Where the claim cannot be proved this way; the message says why and what would do.
    """
    if not claim.deterministic:
        raise ClaimError(
            f"{claim.id}: a claim of the kind {claim.kind!r} is not a comparison on instances; "
            "`rnnbounds verify` tests it, and its deterministic steps can be proved"
        )
    start = time.monotonic()
    if attempt is None:
        try:
            attempt = begin(claim, sizes or {}, box or {}, compact)
        except ClaimError:
            exact = _by_algebra(claim, sizes, box, budget) if algebra else ""
            if isinstance(exact, Proof):
                return exact
            raise
    # The claim itself first; then the easiest relaxed statement, then sharper ones.
    levels = [NO_SLACK, *sorted(SLACKS if slacks is None else slacks, reverse=True)]
    said = progress or (lambda stage, done: None)
    found = _tried(claim, attempt, seed)
    why = ""
    if found is None and algebra:
        exact = _by_algebra(claim, sizes, box, budget)
        if isinstance(exact, Proof):
            attempt.spent += time.monotonic() - start
            return replace(exact, seconds=round(attempt.spent, 3))
        why = exact
    where = "of the box"
    if found is None and not box:
        found = searched(claim, sizes or {}, min(SEARCH, budget / 4), seed)
        where = "of these sizes, found by search"
    if found is None:
        where = "of the box"
        found = _covered(claim, attempt, levels, budget, pool, said, checkpoint)
    if found is None:
        proof = _ended(claim, attempt, levels, budget, pool, said)
    else:
        proof = _proof(
            claim, attempt, Ending.VIOLATED, NO_SLACK, [], instance=found.to_json(),
            message=f"left certainly exceeds right at an instance {where}",
        )  # fmt: skip
    if why and proof.kind in (Ending.OPEN, Ending.RELAXED):
        message = "; ".join(filter(None, [proof.message, f"no proof by algebra: {why}"]))
        proof = replace(proof, message=message)
    attempt.spent += time.monotonic() - start
    return replace(proof, seconds=round(attempt.spent, 3))


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


def _by_algebra(claim: Claim, sizes: Any, box: Any, budget: float) -> Proof | str:
    from validation.proving.algebra import proof_by_algebra

    try:
        return proof_by_algebra(claim, sizes or {}, box or {}, budget / ALGEBRA)
    except ClaimError as error:  # a fault of the body shows again where cells are cut
        return str(error)


def _tried(claim: Claim, attempt: Attempt, seed: int) -> Instance | None:
    rng = np.random.default_rng(seed)
    for region in attempt.regions:
        found = _certified(claim, region, try_points(claim, region, rng))
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


def _certified(claim: Claim, region: Region, points: Sequence[Any]) -> Instance | None:
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


def _covered(
    claim: Claim,
    attempt: Attempt,
    levels: Sequence[Slack],
    budget: float,
    pool: Any,
    said: Progress,
    checkpoint: Callable[[Attempt], None] | None,
) -> Instance | None:
    """Try one slack after the other; return a counterexample where one turns up."""
    end = time.monotonic() + budget
    kept = checkpoint or (lambda attempt: None)
    try:
        while attempt.level < len(levels):
            now = time.monotonic()
            # What is left is shared out evenly among the levels to come.
            limit = now + max(end - now, 0.0) / (len(levels) - attempt.level)
            found = _one_level(claim, attempt, levels[attempt.level], limit, pool, said, kept)
            if found is not None:
                return found
            attempt.evaluated += sum(cover.evaluated for cover in attempt.covers)
            if attempt.level == 0:
                attempt.itself = attempt.covers
            if not attempt.open:
                attempt.best = attempt.level, attempt.covers
            if attempt.level == 0 and not attempt.open:
                break
            if attempt.level > 0 and attempt.open:
                break  # a smaller slack would not do either
            attempt.level += 1
            attempt.covers = [whole(region) for region in attempt.regions]
    except KeyboardInterrupt:
        kept(attempt)
        raise
    return None


def _one_level(
    claim: Claim, attempt: Attempt, slack: Slack, limit: float, pool: Any, said: Progress,
    kept: Callable[[Attempt], None],
) -> Instance | None:  # fmt: skip
    stage = "covering with slack" if any(slack) else "covering"
    start = time.monotonic()
    while attempt.open:
        evaluated = sum(cover.evaluated for cover in attempt.covers)
        for place, (region, cover) in enumerate(zip(attempt.regions, attempt.covers)):
            if not cover.open:
                continue
            waiting = sum(1 for other in attempt.covers[place:] if other.open)
            seconds = min(SLICE, max(limit - time.monotonic(), 0.0) / waiting + 0.05)
            if pool is None or cover.open < 2 * PROBED:
                refine(claim, region, cover, slack, seconds)
            else:
                pool.refine(claim, region, cover, slack, seconds)
            found = _certified(claim, region, cover.suspects)
            cover.suspects.clear()
            if found is not None:
                return found
            seen = sum(other.evaluated for other in attempt.covers)
            if attempt.level == 0 and attempt.pace is None and seen >= PROBED:
                attempt.pace = seen, attempt.share, time.monotonic() - start
            said(stage, attempt.share)
            kept(attempt)
        stopped = sum(cover.evaluated for cover in attempt.covers) == evaluated
        if stopped or time.monotonic() >= limit:
            break
    return None


def _ended(
    claim: Claim, attempt: Attempt, levels: Sequence[Slack], budget: float, pool: Any,
    said: Progress,
) -> Proof:  # fmt: skip
    """Prove the cover again in balls, and say what is known."""
    if attempt.best is not None:
        level, covers = attempt.best
        if not any(cover.proved for cover in covers):
            message = (
                "no instance of the box meets its hypotheses, so that there is nothing to prove"
            )
            return _proof(claim, attempt, Ending.OPEN, NO_SLACK, covers, message=message)
        refused = _rechecked(claim, attempt.regions, covers, levels[level], math.inf, pool, said)
        if not any(refused):
            ending = Ending.RELAXED if any(levels[level]) else Ending.PROVED
            return _proof(claim, attempt, ending, levels[level], covers)
        total = sum(cover.cells for cover in covers)
        message = (
            f"balls did not confirm {sum(r.low.shape[1] for r in refused if r)} of {total} cells, "
            "which count as open"
        )
        return _proof(claim, attempt, Ending.OPEN, levels[level], covers, refused, message=message)
    covers = attempt.itself
    seconds = max(budget / 4, 1.0)
    refused = _rechecked(claim, attempt.regions, covers, NO_SLACK, seconds, pool, said)
    notes = [_estimate(attempt), _relaxed(attempt, levels), _parting(claim, attempt)]
    message = "; ".join(filter(None, notes))
    return _proof(claim, attempt, Ending.OPEN, NO_SLACK, covers, refused, message=message)


def _estimate(attempt: Attempt) -> str:
    """What the first cells let expect of the whole; empty where they proved most of it."""
    if attempt.pace is None or attempt.pace[1] > 0.9:
        return ""
    cells, share, seconds = attempt.pace
    head = f"the first {cells:,} cells proved {share:.1%} of the box"
    if share <= 0:
        return f"{head}: narrow the box, or take smaller sizes"
    return (
        f"{head}, so that the whole needs about {cells / share:,.0f} cells or "
        f"{seconds / share:,.0f} s at least: raise --budget, narrow the box, or take smaller sizes"
    )


def _parting(claim: Claim, attempt: Attempt) -> str:
    """Whether it is comparisons that keep some of the open cells open."""
    unfinished = [(r, c) for r, c in zip(attempt.regions, attempt.covers) if c.open]
    for region, cover in unfinished[:SHOWN]:
        low, high = cover.low[:, :PARTINGS], cover.high[:, :PARTINGS]
        if evaluate(claim, region, low, high, NO_SLACK, slopes=False).parted.any():
            return PARTED
    return ""


def _relaxed(attempt: Attempt, levels: Sequence[Slack]) -> str:
    """How far the relaxed statement came that was tried last."""
    if not 0 < attempt.level < len(levels):
        return ""
    eta, eta_0 = (float(part) for part in levels[attempt.level])
    return (
        f"with the slack {eta:g} |right| + {eta_0:g} intervals covered {attempt.share:.3%} "
        "(not proved again in balls)"
    )


def _rechecked(
    claim: Claim, where: Sequence[Region], covers: Sequence[Cover], slack: Slack, seconds: float,
    pool: Any, said: Progress,
) -> list[Cover | None]:  # fmt: skip
    """The cells, region by region, that balls did not prove in the time, as open cells."""
    total = sum(cover.cells for cover in covers) or 1
    end, seen = time.monotonic() + seconds, 0
    refused: list[Cover | None] = []
    for region, cover in zip(where, covers):
        low, high = cover.joined()
        order = np.argsort(-widths(region, low, high).prod(axis=0))
        low, high = low[:, order], high[:, order]
        sure = np.zeros(low.shape[1], dtype=bool)
        for start in range(0, low.shape[1], RECHECKED):
            part = slice(start, start + RECHECKED)
            if time.monotonic() < end:
                one = partial(recheck, claim, region, slack=slack)
                a, b = low[:, part], high[:, part]
                sure[part] = one(a, b) if pool is None else pool.recheck(claim, region, a, b, slack)
            seen += low[:, part].shape[1]
            said("rechecking in balls", seen / total)
        bad = ~sure
        depth = np.full(int(bad.sum()), -np.inf)
        refused.append(Cover(low[:, bad], high[:, bad], depth) if bad.any() else None)
    return refused


def recheck(claim: Claim, region: Region, low: Any, high: Any, slack: Slack) -> list[bool]:
    """Whether balls prove each of the cells (p, n)."""
    return [
        proved_in_balls(claim, region, low[:, i], high[:, i], slack) for i in range(low.shape[1])
    ]


def _largest_open(
    regions: Sequence[Region], covers: Sequence[Cover], refused: Sequence[Cover | None]
) -> tuple[str, ...]:
    cells: list[tuple[float, str]] = []
    for region, *parts in zip(regions, covers, refused):
        for cover in filter(None, parts):
            sizes = widths(region, cover.low, cover.high).prod(axis=0)
            for i in np.argsort(-sizes)[:SHOWN]:
                cells.append((sizes[i], _described(region, cover.low[:, i], cover.high[:, i])))
    cells.sort(key=lambda cell: -cell[0])
    return tuple(text for _, text in cells[:SHOWN])


def _described(region: Region, low: Any, high: Any) -> str:
    ends = ", ".join(
        f"{axis.name} in [{a:.6g}, {b:.6g}]" for axis, a, b in zip(region.axes, low, high)
    )
    return region.describe(ends)


def _proof(
    claim: Claim,
    attempt: Attempt,
    ending: Ending,
    slack: Slack,
    covers: Sequence[Cover],
    refused: Sequence[Cover | None] = (),
    *,
    instance: Any = None,
    message: str = "",
) -> Proof:
    lost = [share(r, c.low, c.high) if c else 0.0 for r, c in zip(attempt.regions, refused)]
    unsure = sum(c.open for c in refused if c)
    proved = [min(c.proved + c.vacuous, 1.0) for c in covers]
    finished = ending in (Ending.PROVED, Ending.RELAXED)
    known = float(np.mean(np.subtract(proved, lost or 0.0))) if proved else 0.0
    cells = sum(cover.cells for cover in covers)
    return Proof(
        id=claim.id,
        ending=ending.value,
        statement=_statement(attempt),
        regions=tuple(region.describe() for region in attempt.regions),
        slack=(str(slack[0]), str(slack[1])),
        cells=cells,
        evaluated=attempt.evaluated or sum(cover.evaluated for cover in attempt.covers),
        # Shares are sums of many floats; only a whole cover is called whole.
        share=1.0 if finished else min(max(known, 0.0), 1 - 1e-12),
        vacuous=float(np.mean([cover.vacuous for cover in covers])) if covers else 0.0,
        left=() if finished else _largest_open(
            attempt.regions, covers, refused or [None] * len(covers)
        ),
        instance=instance,
        message=message,
        rechecked=cells - unsure,
        fingerprint=fingerprint(claim),
        versions=versions(),
    )  # fmt: skip


def _statement(attempt: Attempt) -> str:
    """What the attempt is about, in one line."""
    claim = attempt.claim
    sizes = sorted({tuple(sorted(region.sizes.items())) for region in attempt.regions})
    names = "; ".join(", ".join(f"{n} = {v}" for n, v in chosen) for chosen in sizes)
    edges = {axis.name: axis for region in attempt.regions for axis in region.all_axes}
    scaled = {n for n in edges if n.split("[")[0].split(".")[0] in claim.invariance}
    cube = any(region.fixed for region in attempt.regions)
    parts = []
    if cube:
        ends = [a for a in edges.values() if a.open_end is not None]
        text = f"{', '.join(sorted(scaled))} of every scale"
        if ends:
            text += (
                f" (in units in which the largest is 1, {' and '.join(a.name for a in ends)} at "
                f"least {ends[0].low:.3g}; the edge below is left out)"
            )
        parts.append(text)
    for name, axis in edges.items():
        if not (cube and name in scaled):
            parts.append(f"{name} in [{axis.low:.6g}, {axis.high:.6g}]")
    return "; ".join(filter(None, [names, ", ".join(parts)]))


def slack_of(text: str) -> Slack:
    """Read ``1e-3,1e-6``.

    Raises
    ------
    ClaimError
        If it is not two numbers >= 0.
    """
    try:
        eta, eta_0 = (Fraction(part) for part in text.split(","))
    except (ValueError, ZeroDivisionError):
        raise ClaimError(f"--slack needs eta,eta_0, as 1e-3,1e-6, got {text!r}") from None
    if eta < 0 or eta_0 < 0 or not math.isfinite(eta) or not math.isfinite(eta_0):
        raise ClaimError(f"--slack needs two numbers >= 0, got {text!r}")
    return eta, eta_0
