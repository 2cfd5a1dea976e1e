"""Branch and bound: cut a box into cells until each is proved, vacuous, or out of time.

The worst cells come first (those whose lower bound is deepest below 0), thousands at a time, so
that a counterexample is met early. A cell that is not proved is cut across the coordinate along
which the gap varies most; where slopes are unknown, or a coordinate has been neglected, across the
widest.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pruning.checks import Array
from validation.arithmetic.values import Value
from validation.claims import Claim
from validation.proving.gaps import Slack, evaluate, lower_bounds
from validation.proving.regions import Region, middle, widths

BATCH = 4096
FIRST_BATCH = 64
SMALLEST_BATCH = 16
MOST_PENDING = 2_000_000
NEGLECTED = 64.0  # a coordinate so many times wider than the one to be cut comes first
POINTS = 2048  # tried in each region before anything is cut
SUSPECTS = 4  # points a batch at which the statement fails in intervals


@dataclass
class Cover:
    """The cells of one region, by what is known of them.

    Attributes
    ----------
    low, high : arrays (p, n)
        The cells still open.
    depth : array (n,)
        Their lower bounds of the gap, -inf where none is known.
    done : list of (low, high) pairs of arrays (p, n)
        Cells proved, and cells on which a hypothesis certainly fails.
    proved, vacuous, stuck : float
        Shares of the region's volume (on the axes' scales).
    evaluated : int
        Cells that were looked at.
    suspects : list of arrays (p,)
        Points at which the statement certainly fails in intervals.
    """

    low: Array
    high: Array
    depth: Any
    done: list[tuple[Value, Value]] = field(default_factory=list)
    proved: float = 0.0
    vacuous: float = 0.0
    evaluated: int = 0
    suspects: list[Any] = field(default_factory=list)

    @property
    def open(self) -> int:
        """The number of open cells."""
        return int(self.low.shape[1])

    def joined(self) -> tuple[Value, Value]:
        """All cells that are done, as two arrays (p, n)."""
        if not self.done:
            return self.low[:, :0], self.high[:, :0]
        low, high = (np.concatenate(ends, axis=1) for ends in zip(*self.done))
        return low, high

    @property
    def cells(self) -> int:
        """The number of cells proved or vacuous."""
        return sum(low.shape[1] for low, _ in self.done)


def whole(region: Region) -> Cover:
    """The cover of a region by one open cell."""
    low = np.array([[axis.low] for axis in region.axes]).reshape(-1, 1)
    high = np.array([[axis.high] for axis in region.axes]).reshape(-1, 1)
    return Cover(low, high, np.full(1, -np.inf))


def share(region: Region, low: Array, high: Array) -> float:
    """The share of the region's volume that cells take up."""
    return float(widths(region, low, high).prod(axis=0).sum())


def random_points(region: Region, count: int, rng: np.random.Generator) -> Any:
    """Points of a region: inside it, and with coordinates at its ends, at 0, 1 and the middle."""
    points = np.empty((len(region.axes), count))
    for i, axis in enumerate(region.axes):
        if axis.log:
            inside = np.exp(rng.uniform(np.log(axis.low), np.log(axis.high), count))
        else:
            inside = rng.uniform(axis.low, axis.high, count)
        special = np.array([axis.low, axis.high, (axis.low + axis.high) / 2, 0.0, 1.0, 0.5])
        chosen = np.clip(rng.choice(special, count), axis.low, axis.high)
        values = np.where(rng.random(count) < 0.3, chosen, inside)
        points[i] = np.clip(values, axis.low, axis.high)
    return points


def try_points(claim: Claim, region: Region, rng: np.random.Generator) -> list[Any]:
    """Points at which the statement certainly fails in intervals, the worst first."""
    points = random_points(region, POINTS if region.axes else 1, rng)
    return failing(claim, region, points)


def failing(claim: Claim, region: Region, points: Any) -> list[Any]:
    """Those of the points (p, n) at which the statement certainly fails, the worst first."""
    found = evaluate(claim, region, points, points, (0, 0), slopes=False)  # type: ignore[arg-type]
    if not found.count:
        return []
    with np.errstate(all="ignore"):
        least = np.nanmin(np.where(np.isnan(found.high), np.inf, found.high), axis=0)
    least = np.where(found.vacuous, np.inf, least)
    order = np.argsort(least)[:SUSPECTS]
    return [points[:, i] for i in order if least[i] < 0]


def refine(claim: Claim, region: Region, cover: Cover, slack: Slack, seconds: float) -> None:
    """Work on the open cells of a cover for so many seconds, or until a suspect is found.

    The cover is changed in place; between batches it is always whole.
    """
    end = time.monotonic() + seconds
    size = FIRST_BATCH
    while cover.open and cover.open <= MOST_PENDING:
        parted = step(claim, region, cover, slack, size)
        # Cells that go too many different ways go further in smaller company.
        size = max(size // 2, SMALLEST_BATCH) if parted else min(2 * size, BATCH)
        if cover.suspects or time.monotonic() > end:
            return


def step(claim: Claim, region: Region, cover: Cover, slack: Slack, size: int) -> bool:
    """Look at the worst `size` open cells; return whether comparisons part many of them."""
    n = cover.open
    if n > size:
        order = np.argpartition(cover.depth, size)
        chosen, rest = order[:size], order[size:]
    else:
        chosen, rest = np.arange(n), np.arange(0)
    low, high = cover.low[:, chosen], cover.high[:, chosen]
    found = evaluate(claim, region, low, high, slack)
    bounds, points, highest = lower_bounds(claim, region, low, high, slack, found)
    cover.evaluated += low.shape[1]
    proved = (bounds >= 0).all(axis=0)
    if not len(bounds):  # the sides have no entries: nothing is compared
        proved, found.vacuous[:] = ~proved, True
    settled = proved | found.vacuous
    if settled.any():
        cover.done.append((low[:, settled], high[:, settled]))
        cover.proved += share(region, low[:, proved], high[:, proved])
        only = found.vacuous & ~proved
        cover.vacuous += share(region, low[:, only], high[:, only])
    left = np.flatnonzero(~settled)
    # A point at which the relaxed statement fails is one at which the statement fails.
    worst = left[np.argsort(highest[left])[:SUSPECTS]]
    bad = [points[:, i] for i in worst if highest[i] < 0]
    if not bad and any(slack) and left.size:
        deep = left[np.argsort(np.nan_to_num(bounds[:, left].min(axis=0), nan=0.0))[:64]]
        bad = failing(claim, region, points[:, deep])
    cover.suspects += bad
    new = _halved(region, low[:, left], high[:, left], bounds[:, left], _of(found.slopes, left))
    cover.low = np.concatenate([cover.low[:, rest], new[0]], axis=1)
    cover.high = np.concatenate([cover.high[:, rest], new[1]], axis=1)
    cover.depth = np.concatenate([cover.depth[rest], new[2]])
    return bool(found.parted.mean() > 0.25)


def _of(slopes: tuple[Array, ...] | None, places: Value) -> tuple[Array, ...] | None:
    return None if slopes is None else tuple(side[:, :, places] for side in slopes)


def _halved(
    region: Region, low: Array, high: Array, bounds: Array, slopes: tuple[Array, ...] | None
) -> tuple[Array, Array, Array]:
    p, n = low.shape
    depth = np.where(np.isnan(bounds), -np.inf, bounds).min(axis=0, initial=np.inf)
    if not p or not n:
        return low, high, depth
    relative = widths(region, low, high)
    splittable = middle(region, low, high)
    can = (splittable > low) & (splittable < high)
    relative = np.where(can, relative, -1.0)
    varies = np.zeros((p, n))
    if slopes is not None:
        worst = np.where(np.isnan(bounds), -np.inf, bounds).argmin(axis=0)
        columns = np.arange(n)
        steep = [np.abs(side[worst, :, columns]).T for side in slopes]
        varies = np.maximum(*steep) * (high - low)
        varies = np.where(can, np.where(np.isnan(varies), np.inf, varies), -1.0)
    unclear = ~np.isfinite(varies).all(axis=0) | (varies.max(axis=0) <= 0)
    axis = np.where(unclear, relative.argmax(axis=0), varies.argmax(axis=0))
    columns = np.arange(n)
    neglected = relative.max(axis=0) > NEGLECTED * relative[axis, columns]
    axis = np.where(neglected, relative.argmax(axis=0), axis)
    cut = splittable[axis, columns]
    first_high, second_low = high.copy(), low.copy()
    stuck = ~can.any(axis=0)
    first_high[axis, columns] = np.where(stuck, high[axis, columns], cut)
    second_low[axis, columns] = np.where(stuck, low[axis, columns], cut)
    keep = ~stuck  # a cell of neighbouring floats cannot be cut: it stays, as the last to be seen
    depth = np.where(stuck, np.inf, depth)
    return (
        np.concatenate([low, second_low[:, keep]], axis=1),
        np.concatenate([first_high, high[:, keep]], axis=1),
        np.concatenate([depth, depth[keep]]),
    )
