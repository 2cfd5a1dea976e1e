"""Where the numbers of an instance come from: Hypothesis, or a seeded NumPy generator.

A factor is written once against `Source`. Hypothesis gives few, simple, shrinkable numbers;
NumPy gives millions of generic ones. Options are listed simplest first, since Hypothesis shrinks
towards the first.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
T = TypeVar("T")


class Source(Protocol):
    """What a factor may ask for."""

    def integer(self, low: int, high: int) -> int:
        """An integer in low..high."""

    def choice(self, options: Sequence[T]) -> T:
        """One of the options, of which the first is the simplest."""

    def reals(self, shape: tuple[int, ...]) -> Array:
        """Numbers of order one, of both signs."""

    def magnitude(self, low: float, high: float) -> float:
        """A positive number in low..high, spread over its decades."""

    def subset(self, m: int, k: int) -> NDArray[np.int64]:
        """Draw k distinct integers of 0..m-1, sorted."""

    def multiset(self, m: int, k: int) -> NDArray[np.int64]:
        """Draw k integers of 0..m-1, sorted, repetitions allowed."""


class NumpySource:
    """Fast and seeded: the long run draws millions from it."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng

    def integer(self, low: int, high: int) -> int:
        return int(self.rng.integers(low, high + 1))

    def choice(self, options: Sequence[T]) -> T:
        return options[int(self.rng.integers(len(options)))]

    def reals(self, shape: tuple[int, ...]) -> Array:
        numbers = self.rng.standard_normal(shape)
        kind = self.rng.integers(4)
        if kind == 0:  # small integers: ties, zeros and exact equality happen only on a grid
            return np.rint(numbers)
        if kind == 1:  # entries of very different sizes
            return numbers * np.exp(2 * self.rng.standard_normal(shape))
        return numbers

    def magnitude(self, low: float, high: float) -> float:
        value = math.exp(self.rng.uniform(math.log(low), math.log(high)))
        if self.rng.integers(4) == 0:
            value = 2.0 ** round(math.log2(value))
        return min(max(value, low), high)

    def subset(self, m: int, k: int) -> NDArray[np.int64]:
        return np.sort(self.rng.permutation(m)[:k]).astype(np.int64)

    def multiset(self, m: int, k: int) -> NDArray[np.int64]:
        if m == 0:
            return np.zeros(0, dtype=np.int64)
        return np.sort(self.rng.integers(m, size=k)).astype(np.int64)


class HypothesisSource:
    """Simple dyadic numbers that shrink well; `draw` is that of a composite strategy."""

    def __init__(self, draw: Any) -> None:
        from hypothesis import strategies as st

        self.draw = draw
        self.st = st
        self.numbers = st.one_of(
            st.integers(-3, 3).map(float),
            st.integers(-64, 64).map(lambda i: i / 8),
            st.floats(-1e3, 1e3, allow_subnormal=False),
        )

    def integer(self, low: int, high: int) -> int:
        return int(self.draw(self.st.integers(low, high)))

    def choice(self, options: Sequence[T]) -> T:
        value: T = self.draw(self.st.sampled_from(list(options)))
        return value

    def reals(self, shape: tuple[int, ...]) -> Array:
        size = math.prod(shape)
        numbers = self.draw(self.st.lists(self.numbers, min_size=size, max_size=size))
        return np.array(numbers, dtype=np.float64).reshape(shape)

    def magnitude(self, low: float, high: float) -> float:
        powers = (math.ceil(math.log2(low)), math.floor(math.log2(high)))
        anything = self.st.floats(low, high, allow_subnormal=False)
        if powers[0] > powers[1]:
            return float(self.draw(anything))
        nearest = min(max(0, powers[0]), powers[1])  # shrinks towards 1, or what is nearest to it
        upwards = self.st.integers(nearest, powers[1])
        downwards = self.st.integers(0, nearest - powers[0]).map(lambda i: nearest - i)
        dyadic = self.st.one_of(upwards, downwards).map(lambda i: 2.0**i)
        return float(self.draw(self.st.one_of(dyadic, anything)))

    def subset(self, m: int, k: int) -> NDArray[np.int64]:
        nodes = self.draw(
            self.st.lists(self.st.integers(0, max(m - 1, 0)), min_size=k, max_size=k, unique=True)
        )
        return np.array(sorted(nodes), dtype=np.int64)

    def multiset(self, m: int, k: int) -> NDArray[np.int64]:
        nodes = self.draw(self.st.lists(self.st.integers(0, max(m - 1, 0)), min_size=k, max_size=k))
        return np.array(sorted(nodes), dtype=np.int64)
