"""How far right exceeds left on one cell, in balls: the second proof of a cell.

No float64 and no derivative rule of the first proof (`gaps`) is used here.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from validation.arithmetic import jets, spans
from validation.arithmetic.cells import Fork, deciding
from validation.arithmetic.entry_arithmetics import FINE_JETS, JETS
from validation.checking.evaluation import pair
from validation.claims import Claim
from validation.proving.gaps import MOST_FORKS, Slack, hypotheses_of, statement
from validation.proving.regions import Region, middle, widths


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
    centre, rest = [], jets.Jet(spans.ZERO)
    for i, column in enumerate(columns):
        slope = column[j].slope or spans.ZERO
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
    """The gaps on one cell in balls, over all branches; None where a hypothesis fails on it.

    One gap of which nothing is known where comparisons part the cell in too many ways.
    """
    numbers = [
        JETS.number(jets.coordinate(float(a), float(b), i == moving))
        for i, (a, b) in enumerate(zip(low, high))
    ]
    waiting: list[tuple[bool, ...]] = [()]
    found: list[Any] | None = None
    forks = 0
    while waiting:
        with deciding(waiting.pop()) as answers:
            try:
                values = region.values(JETS, numbers)
                pairs = hypotheses_of(claim, region, JETS, numbers, values) if hypotheses else []
                if any(e.value[1] < 0 for a, b in pairs for e in (b - a).flat()):
                    continue
                left, right = pair(claim, claim.body, values, JETS)
                entries = statement(claim, JETS, left, right, slack)
            except Fork:
                known = answers.given[: answers.asked - 1]
                waiting += [(*known, True), (*known, False)]
                forks += 1
                if forks > MOST_FORKS:
                    return [jets.Jet(spans.UNKNOWN)]
                continue
        if found is None:
            found = entries
        elif len(found) != len(entries):
            return [jets.Jet(spans.UNKNOWN)] * len(found)
        else:
            found = [jets.Jet(spans.hull(a.value, b.value)) for a, b in zip(found, entries)]
    if forks and found is not None:
        # A branch may jump: its slope says nothing of the whole.
        found = [jets.Jet(gap.value, spans.UNKNOWN) for gap in found]
    return found
