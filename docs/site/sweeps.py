"""Both sides of a claim over one of its arguments, all else being as in an instance.

Sides are the middles of narrow enclosures in balls, so that no curve shows rounding; where none is
narrow there is no point.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from validation import Claim, ClaimError, Instance
from validation.arithmetic import Unsupported
from validation.checking.evaluation import NUMERICAL, middles, score
from validation.checking.orders import rungs
from validation.instances.discrete import Integer, Size

POINTS = 41
OCTAVES = 8  # a positive number is moved by 2^-8 to 2^8, a matrix by the square roots of these
SECONDS = 2.0  # of sweeping a claim
LEAST = 3  # points of a curve
ROUNDING = 1e-14  # relative distances that floats do not see


@dataclass(frozen=True)
class Sweep:
    """Both sides, at one entry, while one argument moves and all else is as in the instance."""

    label: str
    at: np.ndarray
    here: float
    left: np.ndarray
    right: np.ndarray
    log: bool


def curves(claim: Claim, instance: Instance, count: int) -> list[Sweep]:
    """What can be drawn of the two sides: along the ladder of an order, else over arguments."""
    if claim.kind == "order":
        ladder = _ladder(claim, instance)
        return [] if ladder is None else [ladder]
    # The sides of an identity agree wherever they are; drawn where nothing else can be.
    drawn = claim.kind == "inequality" or (claim.kind == "identity" and count > 1)
    return sweeps(claim, instance, count) if drawn else []


def sweeps(claim: Claim, instance: Instance, count: int) -> list[Sweep]:
    """The sides over those arguments, positive numbers first, that change left over right."""
    end = time.monotonic() + SECONDS
    found: list[Sweep] = []
    ways = sorted(_ways(claim, instance), key=lambda way: way[0])
    dull: list[Sweep] = []
    for _, label, at, here, log, place in ways:
        if len(found) == count or time.monotonic() > end:
            break
        sweep = _over(claim, label, at, here, log, place, instance, end)
        if sweep is not None:
            (found if _tells(sweep) else dull).append(sweep)
    return found or dull[:1]


def _tells(sweep: Sweep) -> bool:
    """Whether the ratio of the sides moves; both may be homogeneous in what was moved."""
    good = np.isfinite(sweep.left) & np.isfinite(sweep.right)
    left, right = sweep.left[good], sweep.right[good]
    scale = np.maximum(np.abs(left), np.abs(right))
    apart = (right - left) / np.where(scale > 0, scale, 1.0)
    low, high = np.quantile(apart, [0.05, 0.95])
    return bool(high - low > max(ROUNDING, 1e-3 * np.abs(apart).max()))


Way = tuple[int, str, np.ndarray, float, bool, Callable[[float], Instance]]


def _ways(claim: Claim, instance: Instance) -> Iterator[Way]:
    """What can move: how early to try it, its name, where to, from where, and how."""
    for name, factor in claim.instances.factors.items():
        raw = instance.raw[name]
        if isinstance(factor, Integer | Size):
            yield from _whole(claim, instance, name)
            continue
        free = factor.parameters(raw)
        if free.values.size == 0:
            continue

        def moved(
            values: np.ndarray, name: str = name, factor: Any = factor, raw: Any = raw
        ) -> Instance:
            new = factor.with_parameters(raw, np.asarray(values, dtype=float))
            return Instance(instance.sizes, {**instance.raw, name: new})

        low, high, here = float(free.low[0]), float(free.high[0]), float(free.values[0])
        scalar = np.ndim(raw) == 0 and free.values.size == 1
        if scalar and free.log[0]:
            at = np.clip(here * 2.0 ** np.linspace(-OCTAVES, OCTAVES, POINTS), low, high)
            yield 0, name, np.unique(at), here, True, lambda v, moved=moved: moved([v])
        elif scalar:
            reach = 2 * max(1.0, abs(here))
            ends = max(low, here - reach), min(high, here + reach)
            yield (
                1,
                name,
                np.linspace(*ends, POINTS),
                here,
                False,
                lambda v, moved=moved: moved([v]),
            )
        elif free.values.any():
            at = 2.0 ** np.linspace(-OCTAVES / 2, OCTAVES / 2, POINTS)

            def scaled(v: float, moved: Any = moved, values: np.ndarray = free.values) -> Instance:
                return moved(v * values)

            yield 2, f"factor on the free numbers of {name}", at, 1.0, True, scaled
            largest = int(np.abs(free.values).argmax())
            value = float(free.values[largest])
            ends = (
                max(float(free.low[largest]), value - 2 * abs(value)),
                min(float(free.high[largest]), value + 2 * abs(value)),
            )

            def one(
                v: float, moved: Any = moved, values: np.ndarray = free.values, j: int = largest
            ) -> Instance:
                changed = values.copy()
                changed[j] = v
                return moved(changed)

            label = f"largest free number of {name}"
            yield 3, label, np.linspace(*ends, POINTS), value, False, one


def _whole(claim: Claim, instance: Instance, name: str) -> Iterator[Way]:
    """The integers near that of the instance; of a size, where no array has that size."""
    factor, raw, sizes = claim.instances.factors[name], instance.raw[name], instance.sizes
    if isinstance(factor, Integer):
        low, high, shared = factor.low, factor.high, False
    else:
        [size] = factor.sizes
        low, high = claim.instances.sizes.get(size, (raw, raw))
        others = (f for other, f in claim.instances.factors.items() if other != name)
        shared = any(size in other.sizes for other in others)
    if shared or not (isinstance(low, int) and isinstance(high, int)):
        return
    at = np.arange(max(low, raw - POINTS // 2), min(high, raw + POINTS // 2) + 1, dtype=float)

    def place(v: float) -> Instance:
        moved = sizes if isinstance(factor, Integer) else {**sizes, factor.sizes[0]: int(v)}
        return Instance(moved, {**instance.raw, name: int(v)})

    yield 1, name, at, float(raw), False, place


def _over(
    claim: Claim, label: str, at: np.ndarray, here: float, log: bool,
    place: Callable[[float], Instance], instance: Instance, end: float,
) -> Sweep | None:  # fmt: skip
    """One sweep; None where it shows nothing: a side is missing, or the ratio stays as it is."""
    first = _both(claim, instance)
    if first is None or len(at) < LEAST:
        return None
    shape = np.broadcast_shapes(*(side.shape for side in first))
    if 0 in shape:
        return None
    left, right = (np.broadcast_to(side, shape) for side in first)
    with np.errstate(all="ignore"):
        ratio = np.where(left == right, 1.0, left / right)
    entry = np.unravel_index(int(np.nanargmax(np.where(np.isnan(ratio), -1, ratio))), shape)
    pairs = np.full((len(at), 2), np.nan)
    for row, value in zip(pairs, at):
        if time.monotonic() > end:
            return None
        moved = place(float(value))
        both = _both(claim, moved)
        if both is None or np.broadcast_shapes(*(s.shape for s in both)) != shape:
            continue
        if claim.hypotheses and not score(claim, moved).met:
            continue
        row[:] = [np.broadcast_to(side, shape)[entry] for side in both]
    good = np.isfinite(pairs).all(axis=1)
    if good.sum() < LEAST:
        return None
    if np.ptp(pairs[good], axis=0).max() <= 1e-9 * np.abs(pairs[good]).max():
        return None
    return Sweep(label, at, here, pairs[:, 0], pairs[:, 1], log)


def _both(claim: Claim, instance: Instance, x: float | None = None) -> list[np.ndarray] | None:
    """Both sides as floats, None where balls do not enclose them narrowly."""
    with np.errstate(all="ignore"):
        try:
            pair = middles(claim, claim.body, instance, x=x)
            return [np.asarray(side, dtype=float) for side in pair]
        except (*NUMERICAL, Unsupported, ClaimError, TypeError, ValueError):
            return None


def _ladder(claim: Claim, instance: Instance) -> Sweep | None:
    """Both sides along the ladder of an order."""
    at = np.asarray(rungs(claim), dtype=float)
    found = [_both(claim, instance, float(x)) for x in at]
    pairs = np.array([[s.max() for s in both] if both else [np.nan] * 2 for both in found])
    if np.isfinite(pairs).all(axis=1).sum() < 2:
        return None
    return Sweep("x, along the ladder", at, np.nan, pairs[:, 0], pairs[:, 1], log=True)
