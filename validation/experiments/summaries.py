"""The finished rows of an experiment, gathered over the seeds."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from validation.experiments.grids import READ_OUT, is_trained
from validation.experiments.methods import WHOLE, file_of, method_named
from validation.experiments.store import Store
from validation.output.schema import Facts, Record


@dataclass(frozen=True)
class Cell:
    """Values over the seeds.

    Attributes
    ----------
    values : tuple of float
        In the order of the seeds.
    """

    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        """The mean."""
        return statistics.fmean(self.values)

    @property
    def deviation(self) -> float:
        """The standard deviation of the sample, 0 for one value."""
        return statistics.stdev(self.values) if len(self.values) > 1 else 0.0


@dataclass(frozen=True)
class Results:
    """What a store holds of the grid that was declared last.

    Attributes
    ----------
    facts : mapping
        What `validation.experiments.runner.declare` wrote.
    rows : list of dict
        Settings and result of every finished row, in the order of the grid.
    """

    facts: Facts
    rows: list[Record]

    @classmethod
    def read(cls, store: Store) -> Results:
        """Read them; a ValueError says if there are none."""
        facts = store.fact("grid")
        rows = [] if facts is None else store.rows(facts["keys"])
        if not rows:
            raise ValueError(f"{store.path} holds no finished row")
        return cls(facts, rows)

    @property
    def missing(self) -> int:
        """How many rows of the grid are not finished."""
        return len(self.facts["keys"]) - len(self.rows)

    @property
    def missing_by_method(self) -> list[tuple[str, int, int]]:
        """Method, how many of its rows are not finished, and how many it has; those with some.

        Empty for a store that was written before it counted them.
        """
        held = Counter(row["method"] for row in self.rows)
        planned: Mapping[str, int] = self.facts.get("planned", {})
        return [(name, n - held[name], n) for name, n in planned.items() if n > held[name]]

    @property
    def focus(self) -> int:
        """The k of the sensitivities."""
        return int(self.facts["focus"])

    @property
    def larger_is_better(self) -> bool:
        """Whether the score is an accuracy."""
        return bool(self.facts["score"] == "accuracy")

    @property
    def methods(self) -> list[str]:
        """The methods with a finished row, in the order of the grid, without the whole network."""
        rows = (row for row in self.rows if row["what"] == "score")
        return [name for name in dict.fromkeys(row["method"] for row in rows) if name != WHOLE]

    @property
    def nodes(self) -> list[int]:
        """Every k with a finished row."""
        return sorted({row["k"] for row in self.rows if row["k"] is not None})

    @property
    def sensitive(self) -> list[str]:
        """The methods that have both theta and tau, where the grid varies them."""
        if len(self.facts["theta"]) * len(self.facts["tau"]) == 1:
            return []
        found = {row["method"] for row in self.rows if None not in (row["theta"], row["tau"])}
        return [name for name in self.methods if name in found]

    @property
    def fine_tuned(self) -> bool:
        """Whether a network was trained after pruning, or from scratch."""
        return any(is_trained(row) for row in self.rows)

    def scores(
        self,
        method: str,
        k: int | None,
        theta: float | None = None,
        tau: float | None = None,
        trained: bool = False,
    ) -> Cell | None:
        """The score over the seeds; theta and tau None are those used everywhere.

        None where no row is finished, or a score is beyond the range of floats.
        """
        values = [row["score"] for row in self.score_rows(method, k, theta, tau, trained)]
        return None if not values or None in values else Cell(tuple(values))

    def read_out(self, k: int) -> Cell | None:
        """The score of spectral pruning where the kept nodes hold their true states."""
        values = [row["score"] for row in self.rows if row["what"] == READ_OUT and row["k"] == k]
        return None if not values or None in values else Cell(tuple(values))

    def score_rows(
        self,
        method: str,
        k: int | None,
        theta: float | None = None,
        tau: float | None = None,
        trained: bool = False,
    ) -> list[Record]:
        """The rows behind `scores`, by seed."""
        theta = self.facts["theta"][0] if theta is None else theta
        tau = self.facts["tau"][0] if tau is None else tau
        found = [
            row
            for row in self.rows
            if row["what"] == "score"
            and (row["method"], row["k"]) == (method, k)
            and row["theta"] in (None, theta)  # None for a method that has no theta
            and row["tau"] in (None, tau)
            and is_trained(row) == trained
        ]
        return sorted(found, key=lambda row: row["seed"])

    def parameters(self, method: str, k: int | None) -> dict[str, float] | None:
        """The mean count of each block, with ``total`` and ``nodes``; None without rows."""
        rows = self.score_rows(method, k) or self.score_rows(method, k, trained=True)
        if not rows:
            return None
        counts = {
            name: statistics.fmean(row["parameters"][name] for row in rows)
            for name in rows[0]["parameters"]
        }
        nodes = statistics.fmean(row["nodes"] for row in rows)
        return {**counts, "total": sum(counts.values()), "nodes": nodes}

    def bounds(self, k: int, T: int | None) -> list[Record]:
        """The rows with the bounds at k and T steps (None: all), by seed."""
        found = [
            row for row in self.rows if row["what"] == "bound" and row["k"] == k and row["T"] == T
        ]
        return sorted(found, key=lambda row: row["seed"])

    @property
    def lengths(self) -> list[int]:
        """The shorter lengths at which there are bounds."""
        return sorted({row["T"] for row in self.rows if row["what"] == "bound" and row["T"]})

    def rivals(
        self, k: int, method: str = "spectral", trained: bool = False
    ) -> list[tuple[str, Cell]]:
        """The other methods with at most as many parameters as `method` at k, the best first."""
        own = self.parameters(method, k)
        found = []
        for name in self.methods:
            counts, cell = self.parameters(name, k), self.scores(name, k, trained=trained)
            if name == method or own is None or counts is None or cell is None:
                continue
            if counts["total"] <= own["total"]:
                found.append((name, cell))
        return sorted(found, key=lambda pair: pair[1].mean, reverse=self.larger_is_better)


def matched_by(method: str) -> str:
    """Return what a method has in common with the network of k nodes."""
    if method == WHOLE:
        return ""
    return "own" if file_of(method) is not None else method_named(method).matched


def reads_labels(method: str) -> bool:
    """Whether a method prunes by what the labels of the training data say."""
    takes = () if method == WHOLE else method_named(method).takes
    return "data" in takes and "training" not in takes


def show(cell: Cell | None, results: Results) -> str:
    """Return mean and deviation, accuracies in percent."""
    if cell is None:
        return "-"
    factor = 100 if results.larger_is_better else 1
    text = f"{factor * cell.mean:.1f}"
    return f"{text} ± {factor * cell.deviation:.1f}" if len(cell.values) > 1 else text
