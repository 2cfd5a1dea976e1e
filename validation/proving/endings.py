"""How an attempt ended, as a record: what is proved of the box, what stays open, and why."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pruning.checks import Array
from validation.claims import Claim
from validation.proving.attempts import Attempt
from validation.proving.covering import Cover, share
from validation.proving.fingerprints import fingerprint, versions
from validation.proving.gaps import NO_SLACK, PARTED, Slack, evaluate
from validation.proving.pieces import as_it_is
from validation.proving.records import Ending, Proof, percent
from validation.proving.regions import Region, widths

SHOWN = 5
PARTINGS = 64  # open cells asked whether it is comparisons that keep them open


def estimate(attempt: Attempt) -> str:
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


def parting(claim: Claim, attempt: Attempt) -> str:
    """Whether it is comparisons that keep some of the open cells open."""
    unfinished = [(r, c) for r, c in zip(attempt.regions, attempt.covers) if c.open]
    for region, cover in unfinished[:SHOWN]:
        low, high = cover.low[:, :PARTINGS], cover.high[:, :PARTINGS]
        if evaluate(claim, region, low, high, NO_SLACK, slopes=False).parted.any():
            return PARTED
    return ""


def relaxed(attempt: Attempt, levels: Sequence[Slack]) -> str:
    """How far the relaxed statement came that was tried last."""
    if not 0 < attempt.level < len(levels):
        return ""
    eta, eta_0 = (as_it_is(part) for part in levels[attempt.level])
    return (
        f"with the slack {eta} |right| + {eta_0} intervals covered {percent(attempt.share)} "
        "(not proved again in balls)"
    )


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


def _described(region: Region, low: Array, high: Array) -> str:
    ends = ", ".join(
        f"{axis.name} in [{a:.6g}, {b:.6g}]" for axis, a, b in zip(region.axes, low, high)
    )
    return region.describe(ends)


def record(
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
                f"least {as_it_is(ends[0].low)}; the edge below is left out)"
            )
        parts.append(text)
    for name, axis in edges.items():
        if not (cube and name in scaled):
            parts.append(f"{name} in [{as_it_is(axis.low)}, {as_it_is(axis.high)}]")
    return "; ".join(filter(None, [names, ", ".join(parts)]))
