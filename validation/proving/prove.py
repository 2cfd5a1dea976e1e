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
from dataclasses import replace
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np

from validation.claims import Claim, ClaimError
from validation.instances import Instance
from validation.proving.attacked import NOTHING, attack
from validation.proving.attempts import Attempt, begin
from validation.proving.counterexamples import SEARCH, first_certified, searched, tried
from validation.proving.covering import Cover, refine, whole
from validation.proving.endings import estimate, parting, record, relaxed
from validation.proving.gaps import NO_SLACK, Slack
from validation.proving.gaps_in_balls import proved_in_balls
from validation.proving.records import Ending, Proof
from validation.proving.regions import Region, widths

SLACKS: tuple[Slack, ...] = (
    (Fraction(1, 10**3), Fraction(1, 10**6)),
    (Fraction(1, 10**2), Fraction(1, 10**4)),
)
BUDGET = 60.0
SLICE = 2.0  # seconds between two looks at the clock, the progress bar and the interrupt
PROBED = 1000
RECHECKED = 256  # cells between two looks at the clock
ALGEBRA = 4  # the part of the budget that goes to algebra
Progress = Callable[[str, float], None]


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
    found = tried(claim, attempt, seed)
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
        proof = _attacked(claim, attempt, proof, bool(box), seed)
    else:
        proof = _violated(claim, attempt, found, where)
    if why and proof.kind in (Ending.OPEN, Ending.RELAXED):
        message = "; ".join(filter(None, [proof.message, f"no proof by algebra: {why}"]))
        proof = replace(proof, message=message)
    attempt.spent += time.monotonic() - start
    return replace(proof, seconds=round(attempt.spent, 3))


def _violated(claim: Claim, attempt: Attempt, found: Instance, where: str) -> Proof:
    message = f"left certainly exceeds right at an instance {where}"
    instance = found.to_json()
    return record(claim, attempt, Ending.VIOLATED, NO_SLACK, [], instance=instance, message=message)


def _attacked(claim: Claim, attempt: Attempt, proof: Proof, boxed: bool, seed: int) -> Proof:
    """A proof that instances bear out, an open one where they do not, or what contradicts it."""
    if proof.kind not in (Ending.PROVED, Ending.RELAXED):
        return proof
    seen = attack(claim, attempt.regions, boxed, seed)
    if seen.violated is not None:
        return _violated(claim, attempt, seen.violated, "of the box")
    if seen.met or not (claim.hypotheses or claim.given):
        return proof
    nothing = record(claim, attempt, Ending.OPEN, NO_SLACK, [], message=NOTHING)
    return replace(nothing, share=0.0)


def _by_algebra(claim: Claim, sizes: Any, box: Any, budget: float) -> Proof | str:
    from validation.proving.algebra import proof_by_algebra

    try:
        return proof_by_algebra(claim, sizes or {}, box or {}, budget / ALGEBRA)
    except ClaimError as error:  # a fault of the body shows again where cells are cut
        return str(error)


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
            if not cover.open or time.monotonic() >= limit + SLICE:
                continue
            waiting = sum(1 for other in attempt.covers[place:] if other.open)
            seconds = min(SLICE, max(limit - time.monotonic(), 0.0) / waiting + 0.05)
            if pool is None or cover.open < 2 * PROBED:
                refine(claim, region, cover, slack, seconds)
            else:
                pool.refine(claim, region, cover, slack, seconds)
            found = first_certified(claim, region, cover.suspects)
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
                "nothing is compared: no instance of the box meets the hypotheses, or the sides "
                "have no entries"
            )
            nothing = record(claim, attempt, Ending.OPEN, NO_SLACK, covers, message=message)
            return replace(nothing, share=0.0)
        refused = _rechecked(claim, attempt.regions, covers, levels[level], math.inf, pool, said)
        if not any(refused):
            ending = Ending.RELAXED if any(levels[level]) else Ending.PROVED
            return record(claim, attempt, ending, levels[level], covers)
        total = sum(cover.cells for cover in covers)
        message = (
            f"balls did not confirm {sum(r.low.shape[1] for r in refused if r)} of {total} cells, "
            "which count as open"
        )
        return record(claim, attempt, Ending.OPEN, levels[level], covers, refused, message=message)
    covers = attempt.itself
    seconds = max(budget / 4, 1.0)
    refused = _rechecked(claim, attempt.regions, covers, NO_SLACK, seconds, pool, said)
    notes = [estimate(attempt), relaxed(attempt, levels), parting(claim, attempt)]
    message = "; ".join(filter(None, notes))
    return record(claim, attempt, Ending.OPEN, NO_SLACK, covers, refused, message=message)


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
