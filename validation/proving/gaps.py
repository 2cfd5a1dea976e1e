"""How far right exceeds left, entry by entry, on cells (intervals) or on one cell (balls).

A statement is a list of numbers that must not be negative: right - left for every entry; for an
identity the slack less |left - right|, as two numbers; for matrices the principal minors of
right - left. With slack (eta, eta_0) the statement is left <= right + eta |right| + eta_0.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from validation.arithmetic import intervals as iv
from validation.arithmetic import jets
from validation.arithmetic.cells import Fork, deciding
from validation.arithmetic.enclosures import Enclosure, coordinate
from validation.arithmetic.entry_arithmetics import FINE_JETS, INTERVALS, JETS
from validation.arithmetic.errors import Unsupported
from validation.arithmetic.small_matrices import ROWS, determinant
from validation.checking.evaluation import pair
from validation.claims import Claim, ClaimError
from validation.proving.regions import Region, middle, widths

Slack = tuple[Fraction, Fraction]
NO_SLACK: Slack = (Fraction(0), Fraction(0))
MOST_FORKS = 64


@dataclass(frozen=True)
class Gaps:
    """What must not be negative, on n cells.

    Attributes
    ----------
    low, high : arrays (entries, n)
    slopes : pair of arrays (entries, p, n), or None
    vacuous : bool array (n,)
        Where a hypothesis certainly fails.
    doubtful : bool array (n,)
        Where a hypothesis does not certainly hold.
    """

    low: Any
    high: Any
    slopes: Any
    vacuous: Any
    doubtful: Any

    @property
    def count(self) -> int:
        """The number of entries."""
        return len(self.low)


def statement(claim: Claim, arithmetic: Any, left: Any, right: Any, slack: Slack) -> list[Any]:
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


def _minors(arithmetic: Any, left: Any, right: Any, slack: Slack) -> list[Any]:
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
    matrix = gap.as_matrix()
    found = []
    for size in range(1, m + 1):
        for J in itertools.combinations(range(m), size):
            found.append(determinant([[matrix[i, j] for j in J] for i in J]))
    return found


def evaluate(
    claim: Claim, region: Region, low: Any, high: Any, slack: Slack, slopes: bool = True
) -> Gaps:
    """The gaps on cells, in intervals; `low`, `high` have shape (p, n).

    Raises
    ------
    Unsupported
        Where the body needs what intervals do not have.
    """
    count = low.shape[1]
    if not count:
        empty = np.zeros(0, dtype=bool)
        return Gaps(np.zeros((0, 0)), np.zeros((0, 0)), None, empty, empty)
    with INTERVALS.active():
        return _branches(claim, region, low, high, slack, slopes, (), [0])


def _branches(
    claim: Claim, region: Region, low: Any, high: Any, slack: Slack, slopes: bool,
    given: tuple[bool, ...], forks: list[int],
) -> Gaps:  # fmt: skip
    with deciding(given) as answers:
        try:
            return _straight(claim, region, low, high, slack, slopes)
        except Fork as fork:
            known = answers.given[: answers.asked - 1]
            parted = fork
    forks[0] += 1
    if forks[0] > MOST_FORKS:
        raise ClaimError(
            f"{claim.id} ({claim.location}): its comparisons part the cells in more than "
            f"{MOST_FORKS} ways; write it with xp.maximum and xp.minimum"
        )
    n = low.shape[1]
    masks = [np.broadcast_to(mask, (n,)) for mask in (parted.yes, parted.no)]
    parts = [
        _branches(claim, region, low[:, m], high[:, m], slack, slopes, (*known, answer), forks)
        for m, answer in zip(masks, (True, False))
    ]
    return _merged(masks, parts, n, low.shape[0], slopes)


def _straight(
    claim: Claim, region: Region, low: Any, high: Any, slack: Slack, slopes: bool
) -> Gaps:
    p, n = low.shape
    numbers = [
        INTERVALS.number(
            coordinate(low[i], high[i], i, p) if slopes else Enclosure(low[i], high[i])
        )
        for i in range(p)
    ]
    values = region.values(INTERVALS, numbers)
    vacuous, doubtful = np.zeros(n, dtype=bool), np.zeros(n, dtype=bool)
    for left, right in _hypotheses(claim, region, INTERVALS, numbers, values):
        for entry in (right - left).flat():
            vacuous |= np.broadcast_to(entry.high < 0, (n,))
            doubtful |= ~np.broadcast_to(entry.low >= 0, (n,))
    left, right = pair(claim, claim.body, values, INTERVALS)
    entries = statement(claim, INTERVALS, left, right, slack)
    lows = np.array([np.broadcast_to(e.low, (n,)) for e in entries]).reshape(len(entries), n)
    highs = np.array([np.broadcast_to(e.high, (n,)) for e in entries]).reshape(len(entries), n)
    found = None
    if slopes:
        zero = np.zeros((p, 1))
        ends = [(zero, zero) if e.slopes is None else e.slopes for e in entries]
        found = tuple(
            np.array([np.broadcast_to(e[side], (p, n)) for e in ends]).reshape(len(entries), p, n)
            for side in (0, 1)
        )
    return Gaps(lows, highs, found, vacuous, doubtful)


def _hypotheses(
    claim: Claim, region: Region, arithmetic: Any, numbers: Any, values: Any
) -> list[tuple[Any, Any]]:
    xp = arithmetic.xp
    found = [(xp.asarray(a), xp.asarray(b)) for a, b in region.constraints(arithmetic, numbers)]
    for function in claim.hypotheses.values():
        left, right = pair(claim, function, values, arithmetic)
        found.append((xp.asarray(left), xp.asarray(right)))
    return found


def _merged(masks: Any, parts: Sequence[Gaps], n: int, p: int, slopes: bool) -> Gaps:
    """The hull of the two branches; what may go both ways may jump, so it has no slopes there."""
    entries = max(part.count for part in parts)
    low, high = np.full((entries, n), np.nan), np.full((entries, n), np.nan)
    ends = np.full((2, entries, p, n), np.nan) if slopes else None
    vacuous, doubtful = np.ones(n, dtype=bool), np.zeros(n, dtype=bool)
    if len({part.count for part in parts if part.low.shape[1]}) > 1:
        # Sides of different shapes cannot be compared with each other: nothing is known.
        return Gaps(low, high, None if ends is None else tuple(ends), ~vacuous, ~doubtful)
    both = masks[0] & masks[1]
    for mask, part in zip(masks, parts):
        new = ~np.isnan(low[:, mask]) & both[mask]
        old_low, old_high = low[:, mask], high[:, mask]
        low[:, mask] = np.where(new, np.minimum(old_low, part.low), part.low)
        high[:, mask] = np.where(new, np.maximum(old_high, part.high), part.high)
        if ends is not None:
            for side in (0, 1):
                ends[side][:, :, mask] = part.slopes[side]
        vacuous[mask] &= part.vacuous
        doubtful[mask] |= part.doubtful
    # A nan of the first branch must survive the second.
    first = np.zeros((entries, n), dtype=bool)
    for mask, part in zip(masks, parts):
        first[:, mask] |= np.isnan(part.low) | np.isnan(part.high)
    low, high = np.where(first, np.nan, low), np.where(first, np.nan, high)
    if ends is not None:
        ends[:, :, :, both] = np.nan
    return Gaps(low, high, None if ends is None else tuple(ends), vacuous, doubtful)


def lower_bounds(
    claim: Claim, region: Region, low: Any, high: Any, slack: Slack, found: Gaps
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


def proved_in_balls(
    claim: Claim, region: Region, low: Any, high: Any, slack: Slack, halvings: int = 6
) -> bool:
    """Whether one cell is proved by balls: no float64 and no derivative rule of `enclosures`.

    A cell that is not is halved, up to `halvings` times.
    """
    for arithmetic in (JETS, FINE_JETS):
        with arithmetic.active():
            if _one_cell(claim, region, low, high, slack):
                return True
    if not halvings or not len(low):
        return False
    cut = middle(region, low[:, None], high[:, None])[:, 0]
    axis = int(np.argmax(widths(region, low[:, None], high[:, None])[:, 0]))
    first, second = high.copy(), low.copy()
    first[axis] = second[axis] = cut[axis]
    return all(
        proved_in_balls(claim, region, a, b, slack, halvings - 1)
        for a, b in ((low, first), (second, high))
    )


def _one_cell(claim: Claim, region: Region, low: Any, high: Any, slack: Slack) -> bool:
    first = 0 if len(low) else None
    whole = _jet_gaps(claim, region, low, high, slack, first)
    if whole is None or all(gap.value[0] >= 0 for gap in whole):
        return True
    if not all(gap.finite() for gap in whole):
        return False
    columns = [whole]
    for i in range(1, len(low)):
        found = _jet_gaps(claim, region, low, high, slack, i)
        if found is None or len(found) != len(whole):
            return False
        columns.append(found)
    return all(
        gap.value[0] >= 0 or _by_slopes(claim, region, low, high, slack, columns, j)
        for j, gap in enumerate(whole)
    )


def _by_slopes(
    claim: Claim, region: Region, low: Any, high: Any, slack: Slack, columns: Any, j: int
) -> bool:
    centre, rest = [], jets.Jet(jets.ZERO)
    for i, column in enumerate(columns):
        slope = column[j].slope or jets.ZERO
        if slope[0] >= 0:
            centre.append(low[i])
        elif slope[1] <= 0:
            centre.append(high[i])
        else:
            middle = min(max(low[i] + (high[i] - low[i]) / 2, low[i]), high[i])
            centre.append(middle)
            step = jets.coordinate(low[i], high[i], False) - jets.coordinate(middle, middle, False)
            rest = rest + jets.Jet(slope) * step
    at = _jet_gaps(claim, region, centre, centre, slack, None, hypotheses=False)
    if at is None or len(at) <= j:
        return False
    return bool((at[j] + rest).value[0] >= 0)


def _jet_gaps(
    claim: Claim, region: Region, low: Any, high: Any, slack: Slack, moving: int | None,
    hypotheses: bool = True,
) -> list[Any] | None:  # fmt: skip
    """The gaps on one cell in balls, over all branches; None where a hypothesis fails on it."""
    numbers = [
        JETS.number(jets.coordinate(float(a), float(b), i == moving))
        for i, (a, b) in enumerate(zip(low, high))
    ]
    waiting: list[tuple[bool, ...]] = [()]
    found: list[Any] | None = None
    forked = False
    while waiting:
        with deciding(waiting.pop()) as answers:
            try:
                values = region.values(JETS, numbers)
                pairs = _hypotheses(claim, region, JETS, numbers, values) if hypotheses else []
                if any(e.value[1] < 0 for a, b in pairs for e in (b - a).flat()):
                    continue
                left, right = pair(claim, claim.body, values, JETS)
                entries = statement(claim, JETS, left, right, slack)
            except Fork:
                known = answers.given[: answers.asked - 1]
                waiting += [(*known, True), (*known, False)]
                forked = True
                continue
        if found is None:
            found = entries
        elif len(found) != len(entries):
            return [jets.Jet(jets.UNKNOWN)] * len(found)
        else:
            found = [jets.Jet(jets.hull(a.value, b.value)) for a, b in zip(found, entries)]
    if forked and found is not None:
        # A branch may jump: its slope says nothing of the whole.
        found = [jets.Jet(gap.value, jets.UNKNOWN) for gap in found]
    return found
