"""Where a search has looked, and where not: what a green verdict has to say."""

from __future__ import annotations

from dataclasses import dataclass

SEEN = 20  # evaluations from which on a combination of sizes counts as looked at
Sizes = tuple[int, ...]


@dataclass(frozen=True)
class Looked:
    """Where a search has looked, for the words of a verdict.

    Attributes
    ----------
    evaluations : int
        Instances evaluated.
    tied : int
        Those of them on which both sides are equal, up to 1e-7 of their ratio.
    cells : int
        Combinations of sizes that the claim draws; 0 where they are too many to list.
    seldom : int
        Combinations that were evaluated less than 20 times.
    names : tuple of str
        The sizes.
    largest : tuple of int
        The largest combination.
    there : int
        How often that one was evaluated.
    """

    evaluations: int
    tied: int
    cells: int
    seldom: int
    names: tuple[str, ...] = ()
    largest: Sizes = ()
    there: int = 0

    def __str__(self) -> str:
        """What a reader of a green verdict must know."""
        parts = [f"{self.evaluations} evaluations in the search"]
        if self.tied and self.evaluations:
            parts.append(f"{100 * self.tied / self.evaluations:.0f} % of them at equality")
        if self.names and self.cells:
            sizes = ", ".join(f"{n} = {s}" for n, s in zip(self.names, self.largest, strict=True))
            parts.append(f"{self.there} at the largest sizes ({sizes})")
        if self.seldom:
            parts.append(
                f"{self.seldom} of {self.cells} combinations of sizes tried less than {SEEN} times"
            )
        return ", ".join(parts)
