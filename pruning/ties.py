"""Sets of nodes between which a criterion cannot tell: how several are found, and one is kept.

What plain networks (`pruning.near_ties`) and stacks (`pruning.stack_ties`) share. Some sequences
are held out; the rest, its halves, their halves, ... each give a weight and so a set of nodes, and
of the different sets the one whose network runs best on the held-out sequences is kept.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np

from pruning.checks import Nodes, integer

HELD_OUT = 1000
"""At most so many sequences decide, and at most a fifth of those there are."""

HALVINGS = 3
"""So often the others are halved by default."""


@dataclass(frozen=True, eq=False)
class Tried:
    """One set of nodes and how far its network's outputs are from the large one's.

    Attributes
    ----------
    nodes : (k,) integer array, or tuples of them by layer and direction
    gap : float
        The mean squared gap of the outputs on the held-out sequences, or the divergence of their
        softmax; inf where a run leaves the range of floats, or floats cannot tell.
    """

    nodes: Any
    gap: float

    def __post_init__(self) -> None:
        # As nan it would be the least of all: no comparison with it is true.
        if math.isnan(self.gap):
            object.__setattr__(self, "gap", math.inf)


class Merging(Protocol):
    """What has seen sequences, and can take in what another has seen."""

    def merge(self, other: Any) -> Any:
        """Add what the other has seen; return self."""


Seen = TypeVar("Seen", bound=Merging)
Weight = TypeVar("Weight")
Found = TypeVar("Found")


def held_apart(n: int, rng: np.random.Generator) -> tuple[Nodes, Nodes]:
    """Return which of n sequences decide, and which others are left, both in random order."""
    if n < 2:
        raise ValueError(f"x must hold at least 2 sequences, one to decide by, got {n}")
    order = rng.permutation(n)
    deciding = min(HELD_OUT, max(1, n // 5))
    return order[:deciding], order[deciding:]


def nested(
    rows: Nodes, halvings: int, observe: Callable[[Nodes], Seen], weigh: Callable[[Seen], Weight]
) -> list[Weight]:
    """Return the weights of rows, of their halves, the halves' halves, ..., in this order.

    Every row is observed once: what a part has seen is what its halves have seen, merged. At most
    `halvings` + 2 observations are held at a time. A single row is not halved.

    Parameters
    ----------
    rows : (n,) integer array
        n >= 1.
    halvings : int
        >= 0.
    observe : callable
        What has seen these rows and no others.
    weigh : callable
        The weight of what was seen.
    """
    halvings = integer("halvings", halvings, low=0)
    weights: list[tuple[int, Weight]] = []

    def seen_by(part: Nodes, level: int) -> Seen:
        if level == halvings or len(part) < 2:
            observed = observe(part)
        else:
            first, second = np.array_split(part, 2)
            observed = seen_by(first, level + 1)
            observed = observed.merge(seen_by(second, level + 1))
        weights.append((level, weigh(observed)))
        return observed

    seen_by(rows, 0)
    weights.sort(key=lambda one: one[0])
    return [weight for _, weight in weights]


def distinct(found: Iterable[Found], nodes: Callable[[Found], Any]) -> list[Found]:
    """Return the first of each set of nodes; `nodes` is that of one, as `Tried.nodes`."""
    first: dict[Any, Found] = {}
    for one in found:
        first.setdefault(_key(nodes(one)), one)
    return list(first.values())


def _key(nodes: Any) -> Any:
    return tuple(map(_key, nodes)) if isinstance(nodes, tuple) else tuple(nodes.tolist())
