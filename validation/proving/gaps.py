"""How far right exceeds left, entry by entry, on thousands of cells at once, in intervals.

A statement is a list of numbers that must not be negative: right - left for every entry; for an
identity the slack less |left - right|, as two numbers; for matrices the principal minors of
right - left. With slack (eta, eta_0) the statement is left <= right + eta |right| + eta_0.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pruning.checks import Array
from validation.arithmetic import intervals as iv
from validation.arithmetic.cells import Fork, deciding
from validation.arithmetic.enclosures import Enclosure, coordinate
from validation.arithmetic.entry_arithmetics import INTERVALS
from validation.arithmetic.errors import Unsupported
from validation.arithmetic.small_matrices import ROWS, determinant, symmetric
from validation.arithmetic.values import Value
from validation.checking.evaluation import pair
from validation.claims import Claim
from validation.proving.regions import Region

Slack = tuple[Fraction, Fraction]
NO_SLACK: Slack = (Fraction(0), Fraction(0))
MOST_UNSURE = 3
"""Comparisons that one cell may leave open in a row, each of which doubles the ways to go."""
MOST_FORKS = 64
"""Comparisons on which the cells of one batch may differ."""
LONGEST = 8.0
"""Seconds after which no further ways are gone in one batch."""
PARTED = "its comparisons part some cells in too many ways; write it with xp.maximum and xp.minimum"


@dataclass(frozen=True)
class Gaps:
    """What must not be negative, on n cells.

    Attributes
    ----------
    low, high : arrays (entries, n)
    slopes : pair of arrays (entries, p, n), or None
    vacuous : bool array (n,)
        Where a hypothesis certainly fails.
    parted : bool array (n,)
        Where comparisons leave too many ways open, so that nothing is known.
    """

    low: Array
    high: Array
    slopes: tuple[Array, ...] | None
    vacuous: NDArray[np.bool_]
    parted: NDArray[np.bool_]

    @property
    def count(self) -> int:
        """The number of entries."""
        return len(self.low)


def statement(
    claim: Claim, arithmetic: Any, left: Value, right: Value, slack: Slack
) -> list[Value]:
    """The numbers that must not be negative, as entries of the arithmetic."""
    xp = arithmetic.xp
    left, right = xp.asarray(left), xp.asarray(right)
    if claim.kind == "loewner":
        return _minors(arithmetic, left, right, slack)
    gap = right - left
    eta, eta_0 = (arithmetic.lift(part) for part in slack)
    room = None
    if slack[0]:
        room = eta * abs(right)
    if slack[1]:
        room = eta_0 if room is None else room + eta_0
    if claim.kind == "identity":
        room = 0 * gap if room is None else room
        entries = (room - gap).flat() + (room + gap).flat()
        return list(entries)
    return list((gap if room is None else gap + room).flat())


def _minors(arithmetic: Any, left: Value, right: Value, slack: Slack) -> list[Value]:
    m = left.shape[0]
    if m > ROWS:
        raise Unsupported(f"the Loewner order is proved for up to {ROWS} rows, not {m}")
    gap = right - left
    if slack[0]:
        gap = gap + arithmetic.lift(slack[0]) * arithmetic.xp.linalg.matrix_norm(
            right
        ) * arithmetic.xp.eye(m)
    if slack[1]:
        gap = gap + arithmetic.lift(slack[1]) * arithmetic.xp.eye(m)
    matrix = symmetric(gap.as_matrix())
    found = []
    for size in range(1, m + 1):
        for J in itertools.combinations(range(m), size):
            found.append(determinant([[matrix[i, j] for j in J] for i in J]))
    return found


def evaluate(
    claim: Claim, region: Region, low: Array, high: Array, slack: Slack, slopes: bool = True
) -> Gaps:
    """The gaps on cells, in intervals; `low`, `high` have shape (p, n).

    Raises
    ------
    Unsupported
        Where the body needs what intervals do not have.
    """
    p, n = low.shape
    vacuous = np.zeros(n, dtype=bool)
    if not n:
        return Gaps(np.zeros((0, 0)), np.zeros((0, 0)), None, vacuous, vacuous)
    with INTERVALS.active():
        vacuous = vacuous_cells(claim, region, low, high)
        # Where a hypothesis certainly fails the body may be undefined, or part without end.
        inside = np.flatnonzero(~vacuous)

        def read(places: Value) -> tuple[Any, ...]:
            a, b = low[:, inside[places]], high[:, inside[places]]
            return _straight(claim, region, a, b, slack, slopes)

        found = _hull(list(_leaves(read, inside.size)), p, inside.size, slopes)
    if inside.size == n:
        return found
    whole = _unknown(p, n, slopes, found.count)
    whole.low[:, inside], whole.high[:, inside] = found.low, found.high
    for side, known in zip(whole.slopes or (), found.slopes or ()):
        side[:, :, inside] = known
    whole.parted[inside] = found.parted
    whole.vacuous[:] = vacuous
    return whole


def _leaves(read: Callable[[Any], Any], n: int) -> Iterator[tuple[Value, Value]]:
    """What a reading gives for every way in which comparisons may go, with the cells that go it.

    A cell that leaves too many comparisons open goes no further and comes with None; it stands for
    less once it is cut.
    """
    waiting: list[tuple[tuple[bool, ...], Any, Any]] = []
    if n:
        waiting.append(((), np.arange(n), np.zeros(n, dtype=np.int64)))
    forks, end = 0, time.monotonic() + LONGEST
    while waiting:
        given, places, unsure = waiting.pop()
        with deciding(given) as answers:
            try:
                found, parted = read(places), None
            except Fork as fork:
                parted = fork
        if parted is None:
            yield places, found
            continue
        forks += 1
        yes, no = (np.broadcast_to(mask, places.shape) for mask in (parted.yes, parted.no))
        unsure = unsure + (yes & no)
        further = (unsure <= MOST_UNSURE) & (forks <= MOST_FORKS)
        further &= time.monotonic() < end
        known = answers.given[: answers.asked - 1]
        for mask, answer in ((no & further, False), (yes & further, True)):
            if mask.any():
                waiting.append(((*known, answer), places[mask], unsure[mask]))
        stopped = ~further | ~(yes | no)
        if stopped.any():
            yield places[stopped], None


def vacuous_cells(claim: Claim, region: Region, low: Array, high: Array) -> Value:
    """Where a hypothesis certainly fails, whichever way its comparisons go, (n,)."""
    with INTERVALS.active():
        if not claim.hypotheses and not region.constraints(INTERVALS, _coordinates(low, high)):
            return np.zeros(low.shape[1], dtype=bool)
        return _vacuous(claim, region, low, high)


def _vacuous(claim: Claim, region: Region, low: Array, high: Array) -> Value:

    def read(places: Value) -> Value:
        numbers = _coordinates(low[:, places], high[:, places])
        fails = np.zeros(places.shape, dtype=bool)
        values = region.values(INTERVALS, numbers)
        for left, right in hypotheses_of(claim, region, INTERVALS, numbers, values):
            for entry in (right - left).flat():
                fails |= np.broadcast_to(entry.high < 0, places.shape)
        return fails

    found, seen = np.ones(low.shape[1], dtype=bool), np.zeros(low.shape[1], dtype=bool)
    for places, fails in _leaves(read, low.shape[1]):
        seen[places] = True
        found[places] &= False if fails is None else fails
    return found & seen


def _coordinates(low: Array, high: Array) -> list[Value]:
    """The coordinates of cells, without slopes."""
    return [INTERVALS.number(Enclosure(a, b)) for a, b in zip(low, high)]


def _straight(
    claim: Claim, region: Region, low: Array, high: Array, slack: Slack, slopes: bool
) -> tuple[Any, Any, Any]:
    """Ends of the gaps (entries, n), and of their slopes (2, entries, p, n) or None."""
    p, n = low.shape
    numbers = _coordinates(low, high)
    if slopes:
        numbers = [INTERVALS.number(coordinate(low[i], high[i], i, p)) for i in range(p)]
    values = region.values(INTERVALS, numbers)
    left, right = pair(claim, claim.body, values, INTERVALS)
    entries = statement(claim, INTERVALS, left, right, slack)
    lows = np.array([np.broadcast_to(e.low, (n,)) for e in entries]).reshape(len(entries), n)
    highs = np.array([np.broadcast_to(e.high, (n,)) for e in entries]).reshape(len(entries), n)
    if not slopes:
        return lows, highs, None
    zero = np.zeros((p, 1))
    ends = [(zero, zero) if e.slopes is None else e.slopes for e in entries]
    found = [
        np.array([np.broadcast_to(e[side], (p, n)) for e in ends]).reshape(len(entries), p, n)
        for side in (0, 1)
    ]
    return lows, highs, np.array(found)


def _hull(leaves: Sequence[tuple[Value, Value]], p: int, n: int, slopes: bool) -> Gaps:
    """The hull of all ways; what may go several ways may jump, so it has no slopes there."""
    counts = {len(found[0]) for _, found in leaves if found is not None}
    # Where the ways give sides of different shapes, these cannot be compared: nothing is known.
    low = np.full((max(counts, default=1), n), np.inf)
    high, ends = -low, np.full((2, len(low), p, n), np.nan) if slopes else None
    ways, parted = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=bool)
    for places, found in leaves:
        if found is None or len(counts) > 1:
            parted[places] |= found is None
            low[:, places] = high[:, places] = np.nan
            continue
        ways[places] += 1
        # A nan of one way survives the others.
        low[:, places] = np.minimum(low[:, places], found[0])
        high[:, places] = np.maximum(high[:, places], found[1])
        if ends is not None:
            ends[:, :, :, places] = found[2]
    unknown = (ways == 0) | parted
    low[:, unknown] = high[:, unknown] = np.nan
    if ends is not None:
        ends[:, :, :, unknown | (ways > 1)] = np.nan
    return Gaps(low, high, None if ends is None else tuple(ends), np.zeros(n, dtype=bool), parted)


def _unknown(p: int, n: int, slopes: bool, entries: int = 1) -> Gaps:
    """Nothing is known of n cells."""
    low, high = np.full((entries, n), np.nan), np.full((entries, n), np.nan)
    ends = tuple(np.full((2, entries, p, n), np.nan)) if slopes else None
    return Gaps(low, high, ends, np.zeros(n, dtype=bool), np.zeros(n, dtype=bool))


def hypotheses_of(
    claim: Claim, region: Region, arithmetic: Any, numbers: Any, values: Value
) -> list[tuple[Value, Value]]:
    xp = arithmetic.xp
    found = [(xp.asarray(a), xp.asarray(b)) for a, b in region.constraints(arithmetic, numbers)]
    for function in claim.hypotheses.values():
        left, right = pair(claim, function, values, arithmetic)
        found.append((xp.asarray(left), xp.asarray(right)))
    return found


def lower_bounds(
    claim: Claim, region: Region, low: Array, high: Array, slack: Slack, found: Gaps
) -> tuple[Any, Any, Any]:
    """Sharper lower bounds of every gap on every cell, from the enclosed slopes.

    Along coordinates whose slope has one sign only the face where the gap is least needs a look;
    along the others the mean-value form is used: f(x) >= f(c) + sum of slope_i (x_i - c_i).

    Returns
    -------
    bounds : array (entries, n)
        At least as high as ``found.low``.
    points : array (p, n)
        Where the least gap was evaluated.
    highest : array (n,)
        An upper bound of the least gap there; negative where the statement fails there.
    """
    bounds = found.low.copy()
    entries, n = bounds.shape
    points = (low + high) / 2
    highest = np.full(n, np.inf)
    if found.slopes is None:
        return bounds, points, highest
    for j in range(entries):
        # Where the plain enclosure is not finite, the statement may be undefined on the cell.
        sure = np.isfinite(found.low[j]) & np.isfinite(found.high[j])
        open_ = np.flatnonzero(sure & ~(found.low[j] >= 0))
        if not open_.size:
            continue
        a, b = low[:, open_], high[:, open_]
        first, last = found.slopes[0][j][:, open_], found.slopes[1][j][:, open_]
        centre = np.clip((a + b) / 2, a, b)
        centre = np.where(first >= 0, a, np.where(last <= 0, b, centre))
        # Each coordinate is dealt with on its own: a nan slope makes its own term nan.
        at = evaluate(claim, region, centre, centre, slack, slopes=False)
        if at.count != entries:  # a comparison that changes the shapes of the sides
            continue
        total = at.low[j]
        with INTERVALS.active():
            for i in range(len(a)):
                settled = (first[i] >= 0) | (last[i] <= 0)
                steps = iv.subtract((a[i], b[i]), (centre[i], centre[i]))
                term = iv.multiply((first[i], last[i]), steps)[0]
                total = iv.add((total, total), (np.where(settled, 0.0, term),) * 2)[0]
        better = total > bounds[j, open_]  # False for nan
        bounds[j, open_] = np.where(better, total, bounds[j, open_])
        worse = at.high[j] < highest[open_]
        usable = worse & ~at.vacuous
        highest[open_] = np.where(usable, at.high[j], highest[open_])
        points[:, open_] = np.where(usable, centre, points[:, open_])
    return bounds, points, highest
