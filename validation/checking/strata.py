"""Sizes are strata: every cell of sizes gets its share of the draws.

A statement that is trivially an equality at T = 1 would otherwise be tried mostly there.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping

import numpy as np

from validation.arithmetic.values import Value
from validation.checking.looked import SEEN, Looked, Sizes
from validation.checking.sampled import drawn
from validation.claims import Claim, ClaimError
from validation.instances import Instance, Product
from validation.instances.sources import NumpySource

MOST = 3000  # cells that are listed one by one
LARGE = 0.25  # the share of the cells that counts as large


def size_cells(product: Product) -> list[Sizes] | None:
    """All sizes that instances may have, small ones first; None where they are too many."""
    found: list[dict[str, int]] = [{}]
    for name, (low, high) in product.sizes.items():
        found = [
            {**sizes, name: size}
            for sizes in found
            for size in range(_end(low, sizes), _end(high, sizes) + 1)
        ]
        if len(found) > MOST:
            return None
    return sorted((tuple(sizes.values()) for sizes in found), key=lambda s: (sum(s), s))


def _end(end: Value, sizes: Mapping[str, int]) -> int:
    return sizes[end] if isinstance(end, str) else int(end)


class Strata:
    """Draws from all combinations of sizes in turn, and counts what was evaluated where."""

    def __init__(self, claim: Claim) -> None:
        self.claim = claim
        self.names = tuple(claim.instances.sizes)
        self.cells = size_cells(claim.instances)
        self.seen: dict[Sizes, int] = {}
        self._waiting: list[Sizes] = []
        self._large: list[Sizes] = []
        if self.cells:
            count = max(1, round(LARGE * len(self.cells)))
            self._large = self.cells[-count:]
        self._largest = set(self._large)

    def draw(self, rng: np.random.Generator) -> Instance:
        """The next draw: all combinations once, in random order, then again."""
        if not self.cells or len(self.cells) == 1:
            return drawn(self.claim, rng)
        if not self._waiting:
            self._waiting = [self.cells[i] for i in rng.permutation(len(self.cells))]
        return self.draw_at(self._waiting.pop(), rng)

    def draw_at(self, sizes: Sizes, rng: np.random.Generator) -> Instance:
        """A draw of given sizes."""
        named = dict(zip(self.names, sizes, strict=True))
        source = NumpySource(rng)
        factors = self.claim.instances.factors.items()
        try:
            return Instance(named, {name: f.make(source, named) for name, f in factors})
        except Exception as error:
            raise ClaimError(
                f"{self.claim.id} ({self.claim.location}): its instances cannot be drawn: {error}"
            ) from error

    def large(self, rng: np.random.Generator) -> Sizes | None:
        """One of the largest combinations."""
        return self._large[int(rng.integers(len(self._large)))] if self._large else None

    def is_large(self, key: tuple[Hashable, ...]) -> bool:
        """Whether the cell of an archive is one of the largest."""
        return key[0] in self._largest

    def least_seen(self, rng: np.random.Generator) -> Sizes | None:
        """A combination that was evaluated least."""
        if not self.cells:
            return None
        counts = [self.seen.get(sizes, 0) for sizes in self.cells]
        least = [i for i, count in enumerate(counts) if count == min(counts)]
        return self.cells[least[int(rng.integers(len(least)))]]

    def count(self, instance: Instance) -> None:
        """Remember that an instance was evaluated."""
        sizes = tuple(instance.sizes.values())
        self.seen[sizes] = self.seen.get(sizes, 0) + 1

    def looked(self, tied: int) -> Looked:
        """The account."""
        cells = self.cells or []
        largest = cells[-1] if cells else ()
        return Looked(
            evaluations=sum(self.seen.values()),
            tied=tied,
            cells=len(cells),
            seldom=sum(self.seen.get(sizes, 0) < SEEN for sizes in cells),
            names=self.names,
            largest=largest,
            there=self.seen.get(largest, 0),
        )
