"""Classes of functions on a few points with stated probabilities: suprema are exact there.

Probabilities are whole multiples of 1/1024, so that a sample is drawn with integers and is exactly
distributed; values are multiples of 1/64 in [0, 1], so that distances in sup norm are exact floats
and covering numbers are counted, once an instance.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from validation.arithmetic.values import Value
from validation.instances.factors import Factor, Raw, Sizes
from validation.instances.sources import Source

TOTAL = 1024
GRID = 64


@dataclass(frozen=True)
class FiniteClass:
    """M functions on a finite space, inside an arithmetic.

    Attributes
    ----------
    values : (M, points)
        In [0, 1].
    p : (points,)
        Probabilities.
    weights : (points,) integers
        1024 p.
    table : (M, points) float64
        The values as floats, exactly.
    covers : tuple of (float, int)
        eps, and the smallest number of members whose balls of radius eps in sup norm cover the
        class: for every eps at which it changes, eps = 0 first.
    """

    values: Value
    p: Value
    weights: NDArray[np.int64]
    table: NDArray[np.float64]
    covers: tuple[tuple[float, int], ...]

    def sample(self, rng: np.random.Generator, n: int) -> NDArray[np.int64]:
        """How often each point is among n draws."""
        ends = np.cumsum(self.weights)
        drawn = np.searchsorted(ends, rng.integers(TOTAL, size=n), side="right")
        return np.bincount(drawn, minlength=len(ends))

    def gaps(self, xp, counts):
        """Psi and Psi^ of every function, (M,) each."""
        n = int(counts.sum())
        return self.values @ self.p, self.values @ xp.asarray(counts.astype(np.float64)) / n


class Weights(Factor):
    """Integers (points,) >= 0 with sum 1024, as they are."""

    # 1024 P(the last point): where n = 1 is nearly tight at delta = 1/2, 3/4, 1/4 for Hoeffding
    # (the first three) and for kl.
    NEARLY_TIGHT = (603, 389, 853, 513, 257, 769)

    def __init__(self, points: str = "points") -> None:
        self.points = points
        self.sizes = (points,)

    def make(self, source: Source, sizes: Sizes) -> Raw:
        size = sizes[self.points]
        family = source.choice(("uniform", "nearly tight", "nearly tight", "plain"))
        if family == "uniform" or size == 1:
            shares = np.ones(size)
        elif family == "nearly tight":
            last = source.choice(self.NEARLY_TIGHT)
            shares = np.full(size, (TOTAL - last) / (size - 1))
            shares[-1] = last
        else:
            shares = np.abs(source.reals((size,))) + 0.01
        weights = np.floor(TOTAL * shares / shares.sum()).astype(np.int64)
        weights[0] += TOTAL - weights.sum()
        return weights

    def realise(self, arithmetic, raw):
        return raw


class Classes(Factor):
    """A `FiniteClass`. Raw: values and weights."""

    def __init__(self, M: str = "M", points: str = "points", binary: bool = False) -> None:
        self.M, self.points, self.binary = M, points, binary
        self.sizes = (M, points)

    def make(self, source: Source, sizes: Sizes) -> Raw:
        shape = sizes[self.M], sizes[self.points]
        families: tuple[str, ...] = ("last point", "last point", "one point each", "indicators")
        if not self.binary:
            families = (*families, "grid", "close together")
        family = source.choice(families)
        values = np.zeros(shape)
        if family == "last point":  # all functions equal: the class is one Bernoulli variable
            values[:, -1] = 1.0
        elif family == "one point each":  # each looks good on its own point: unions are needed
            values = (np.arange(shape[1]) != np.arange(shape[0])[:, None]).astype(np.float64)
        elif family == "indicators":
            values = (source.reals(shape) > 0).astype(np.float64)
        else:
            values = np.rint(GRID * (1 + np.tanh(source.reals(shape))) / 2) / GRID
            if family == "close together":
                values = np.rint((values[:1] * 0.875 + values / 8) * GRID) / GRID
        return {"values": values, "weights": Weights(self.points).make(source, sizes)}

    def realise(self, arithmetic, raw):
        weights, table = raw["weights"], raw["values"]
        return FiniteClass(
            values=arithmetic.lift(table),
            p=arithmetic.lift(weights / TOTAL),
            weights=weights,
            table=table,
            covers=covering_numbers(table),
        )

    def drop(self, raw: Raw, size: str, index: int) -> Raw:
        if size == self.M:
            return {**raw, "values": np.delete(raw["values"], index, axis=0)}
        if size != self.points or len(raw["weights"]) == 1:
            return raw
        weights = np.delete(raw["weights"], index)
        weights[0] += raw["weights"][index]
        return {"values": np.delete(raw["values"], index, axis=1), "weights": weights}


def covering_numbers(table: NDArray[np.float64]) -> tuple[tuple[float, int], ...]:
    """The internal covering numbers in sup norm, by trying all sets of centres.

    Parameters
    ----------
    table : (M, points) array
        Multiples of 1/64, so that distances are exact.

    Returns
    -------
    tuple of (eps, N(eps))
        At every eps at which N changes; N decreases.
    """
    distances = np.abs(table[:, None, :] - table[None, :, :]).max(axis=-1)
    found: list[tuple[float, int]] = []
    for eps in np.unique(distances):
        size = _smallest_cover(distances <= eps)
        if not found or size < found[-1][1]:
            found.append((float(eps), size))
    return tuple(found)


def _smallest_cover(near: NDArray[np.bool_]) -> int:
    M = len(near)
    for size in range(1, M):
        for centres in combinations(range(M), size):
            if near[list(centres)].any(axis=0).all():
                return size
    return M
