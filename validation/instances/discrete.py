"""Integers, sizes, nodes and names as factors of an instance."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import numpy as np

from validation.arithmetic import Reading
from validation.arithmetic.values import Value
from validation.instances import checks
from validation.instances.factors import Factor, Raw, Sizes, length
from validation.instances.integers import guarded
from validation.instances.sources import Source


class Integer(Factor):
    """An integer in low..high; the body receives an int."""

    def __init__(self, low: int = 0, high: int = 8) -> None:
        for name, end in (("low", low), ("high", high)):
            if isinstance(end, bool) or not isinstance(end, int):
                raise TypeError(f"integers({name}) must be an int, got {end!r}")
        if low > high:
            raise ValueError(f"integers(low, high) needs low <= high, got {low}, {high}")
        if low < -(2**63) or high >= 2**63:
            raise ValueError(
                f"integers(low, high) must lie within -2^63 and 2^63 - 1, got {low}, {high}"
            )
        self.low, self.high = low, high

    def make(self, source: Source, sizes: Sizes) -> Raw:
        return source.integer(self.low, self.high)

    def realise(self, arithmetic: Reading, raw: Raw) -> Value:
        return raw

    def simpler(self, raw: Raw) -> Iterator[Raw]:
        yield from range(self.low, raw)


class Size(Factor):
    """The value of a size itself, as an int."""

    def __init__(self, size: str) -> None:
        if not isinstance(size, str):
            raise TypeError(f"size(name) must be the name of a size, got {size!r}")
        self.sizes = (checks.size("size(name)", size),)

    def make(self, source: Source, sizes: Sizes) -> Raw:
        return length(sizes, self.sizes[0])

    def realise(self, arithmetic: Reading, raw: Raw) -> Value:
        return raw

    def drop(self, raw: Raw, size: str, index: int) -> Raw:
        return raw - 1 if size in self.sizes else raw


class NodeSet(Factor):
    """k distinct nodes of 0..m-1, sorted: an integer array."""

    def __init__(self, m: str | int = "m", k: str | int = "k") -> None:
        self.m, self.k = checks.size("node_sets(m, k): m", m), checks.size("node_sets(m, k): k", k)
        self.sizes = tuple(dict.fromkeys((self.m, self.k)))
        self._limit()

    def _limit(self) -> None:
        self.inside = ((self.k, self.m),)

    def make(self, source: Source, sizes: Sizes) -> Raw:
        return source.subset(length(sizes, self.m), length(sizes, self.k))

    def realise(self, arithmetic: Reading, raw: Raw) -> Value:
        return guarded(raw)

    def consequences(self, raw: Raw, size: str, index: int) -> list[tuple[str, int]]:
        if size != self.m:
            return []
        # Each removal shifts what follows, so the positions are given from the back.
        return [(self.k, int(p)) for p in reversed(np.flatnonzero(raw == index))]

    def drop(self, raw: Raw, size: str, index: int) -> Raw:
        if size == self.k:
            return np.delete(raw, index)
        if size == self.m:
            return raw - (raw > index)
        return raw


class MultiSet(NodeSet):
    """k nodes of 0..m-1 with repetitions, sorted: an integer array."""

    def _limit(self) -> None:
        self.at_least = {self.m: 1}

    def make(self, source: Source, sizes: Sizes) -> Raw:
        return source.multiset(length(sizes, self.m), length(sizes, self.k))


class Choice(Factor):
    """One of a few names or numbers, as it is."""

    def __init__(self, *options: Value) -> None:
        if not options:
            raise ValueError("choices() needs at least one option")
        for option in options:
            _check_option(option)
        self.options = options

    def make(self, source: Source, sizes: Sizes) -> Raw:
        return source.choice(self.options)

    def realise(self, arithmetic: Reading, raw: Raw) -> Value:
        return raw

    def simpler(self, raw: Raw) -> Iterator[Raw]:
        yield from self.options[: self.options.index(raw)]


def _check_option(value: Value) -> None:
    """Refuse what an instance cannot hold."""
    if isinstance(value, tuple):
        for part in value:
            _check_option(part)
    elif isinstance(value, list) or not (
        value is None or isinstance(value, str | int | float | Fraction | np.generic | np.ndarray)
    ):
        raise TypeError(
            "choices() takes numbers, fractions, strings, truth values, None and tuples of these, "
            f"got {value!r}"
        )
