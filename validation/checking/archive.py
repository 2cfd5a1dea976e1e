"""What a search remembers: the best instances of many kinds, not the best of one.

A *cell* holds the instances of the same sizes and discrete values. Within it, instances are told
apart by a description: zeros, repeated numbers, rank, orders of magnitude, the entry that is worst.
One instance is kept a description. Trivial equality, which a ratio of 1 mostly is, goes to a
list of its own, so that it crowds out nothing and no climb starts from it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

import numpy as np

from validation.arithmetic.values import Value
from validation.instances import Instance
from validation.instances.factors import Raw

TIED = 1e-7  # log ratios as near to 0 as this count as trivial equality
NICHES = 6  # descriptions kept in a cell
FEW = 2  # descriptions from which on plain draws of a cell have to be its best
TIES = 2  # ties kept in a cell
EXPLORING = 5  # every so many turns, the cell that was climbed from least
FALLING = 0.6  # a cell is worth this much of the next better one
DESCRIBED = 4  # arrays that a description looks at
Descriptor = Callable[[Instance], tuple[Hashable, ...]]


@dataclass
class Entry:
    """One instance that is remembered.

    Attributes
    ----------
    value : float
        What it is worth.
    instance : Instance
    visits : int
        How often a climb started here.
    """

    value: float
    instance: Instance
    visits: int = 0


@dataclass
class Cell:
    """The instances of the same sizes and discrete values.

    Attributes
    ----------
    key : tuple
    numbers : int
        How many real numbers there are to move.
    niches : dict
        The best entry of each description.
    ties : list of Entry
    climbs, stale : int
        Climbs that started here; those since the best value last grew.
    best : float
        The largest value that is not a tie.
    """

    key: tuple[Hashable, ...]
    numbers: int
    niches: dict[tuple[Hashable, ...], Entry] = field(default_factory=dict)
    ties: list[Entry] = field(default_factory=list)
    climbs: int = 0
    stale: int = 0
    best: float = -math.inf

    def ranked(self) -> list[Entry]:
        """The entries that are no ties, the best first."""
        return sorted(self.niches.values(), key=lambda entry: -entry.value)


class Archive:
    """The best instances of every cell.

    Parameters
    ----------
    describe : function
        What tells instances of a cell apart; `description` by default.
    """

    def __init__(self, describe: Descriptor | None = None) -> None:
        self.describe = describe or description
        self.cells: dict[tuple[Hashable, ...], Cell] = {}
        self.top = -math.inf
        self._turn = 0

    def __len__(self) -> int:
        return sum(len(c.niches) + len(c.ties) for c in self.cells.values())

    def keep(self, value: float, instance: Instance, casual: bool = False) -> bool:
        """Put an instance in its place; whether it got one.

        A *casual* one, such as a plain draw, is looked at closely only where it is the best of its
        cell or one of the first: descriptions cost more than most evaluations.
        """
        if value == -math.inf:
            return False
        self.top = max(self.top, value)
        key = cell_of(instance)
        cell = self.cells.get(key)
        if cell is None:
            cell = self.cells[key] = Cell(key, len(instance.numbers()))
        if abs(value) <= TIED:
            if len(cell.ties) < TIES:
                cell.ties.append(Entry(value, instance))
                return True
            return False
        if casual and len(cell.niches) >= FEW and value <= cell.best:
            return False
        full = len(cell.niches) >= NICHES
        if full and value <= min(entry.value for entry in cell.niches.values()):
            return False
        if any(_close(value, entry.value) for entry in cell.niches.values()):
            return False
        about = self.describe(instance)
        known = cell.niches.get(about)
        if known is not None and value <= known.value:
            return False
        if known is None and full:
            del cell.niches[min(cell.niches, key=lambda a: cell.niches[a].value)]
        cell.niches[about] = Entry(value, instance)
        if value > cell.best + 1e-5 * (1 + abs(value)):
            cell.stale = 0
        cell.best = max(cell.best, value)
        return True

    def ranked(self, most: int, alike: int) -> list[tuple[float, Instance]]:
        """The best of all, ties included, a few of each cell."""
        found = [
            (entry.value, entry.instance)
            for cell in self.cells.values()
            for entry in [*cell.ties, *cell.ranked()[:alike]]
        ]
        found.sort(key=lambda item: -item[0])
        return found[:most]

    def chosen(
        self, rng: np.random.Generator, among: Callable[[tuple[Hashable, ...]], bool] | None = None
    ) -> Entry | None:
        """Where to climb from next; None where nothing but ties is known.

        In four of five turns the better cells, those that still grow and those of few numbers are
        likelier; in the fifth, the cell that was climbed from least.
        """
        cells = [c for c in self.cells.values() if c.niches and (among is None or among(c.key))]
        if not cells:
            return None
        self._turn += 1
        if self._turn % EXPLORING == 0:
            fewest = min(cell.climbs for cell in cells)
            cells = [cell for cell in cells if cell.climbs == fewest]
            cell = cells[int(rng.integers(len(cells)))]
        else:
            cells.sort(key=lambda cell: -cell.best)
            weights = np.array(
                [FALLING**i / (1 + c.stale / 2) / (1 + c.numbers / 8) for i, c in enumerate(cells)]
            )
            cell = cells[int(rng.choice(len(cells), p=weights / weights.sum()))]
        entries = cell.ranked()
        weights = np.array([0.7**i / (1 + e.visits) for i, e in enumerate(entries)])
        entry = entries[int(rng.choice(len(entries), p=weights / weights.sum()))]
        entry.visits += 1
        cell.climbs += 1
        cell.stale += 1
        return entry

    def tie(self, rng: np.random.Generator) -> Entry | None:
        """An instance of trivial equality, if any is known."""
        cells = [cell for cell in self.cells.values() if cell.ties]
        if not cells:
            return None
        cell = cells[int(rng.integers(len(cells)))]
        return cell.ties[int(rng.integers(len(cell.ties)))]

    def others(self, instance: Instance) -> list[Instance]:
        """What is remembered of an instance's cell, to take parts of."""
        cell = self.cells.get(cell_of(instance))
        return [] if cell is None else [entry.instance for entry in cell.niches.values()]


def cell_of(instance: Instance) -> tuple[Hashable, ...]:
    """Sizes, then the integers and names among the raw values."""
    return (tuple(instance.sizes.values()), *_discrete(instance.raw))


def _discrete(raw: Raw) -> list[Value]:
    found: list[Value] = []
    for value in raw.values():
        if isinstance(value, dict):
            found += _discrete(value)
        elif isinstance(value, int | str):
            found.append(value)
    return found


def description(instance: Instance) -> tuple[Hashable, ...]:
    """Zeros, repeated numbers, rank and order of magnitude of the arrays; magnitudes of numbers."""
    found: list[Value] = []
    for value in _numbers(instance.raw)[:DESCRIBED]:
        if isinstance(value, float):
            found.append(_order(abs(value)))
            continue
        if not value.size:
            continue
        sizes = np.abs(value.ravel())
        zeros = int(np.count_nonzero(sizes == 0))
        distinct = len(set(sizes.tolist()))
        pattern = 0 if distinct == 1 else 1 if distinct < sizes.size else 2
        rank = 0
        if value.ndim == 2 and min(value.shape) > 1 and np.isfinite(sizes).all():
            rank = int(np.linalg.matrix_rank(value))
        blank = 0 if zeros == 0 else 2 if zeros == sizes.size else 1
        found.append((blank, pattern, rank, _order(float(sizes.max()))))
    return tuple(found)


def _numbers(raw: Raw) -> list[Value]:
    found: list[Value] = []
    for value in raw.values():
        if isinstance(value, dict):
            found += _numbers(value)
        elif isinstance(value, float) or (
            isinstance(value, np.ndarray) and value.dtype.kind == "f"
        ):
            found.append(value)
    return found


def _order(size: float) -> int:
    return round(math.log10(size) / 3) if 0 < size < math.inf else -999


def _close(a: float, b: float) -> bool:
    return a == b or abs(a - b) <= 1e-13 * (1 + abs(a))
