"""Integers, sizes, nodes and names as factors of an instance."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .factors import Factor, Raw, Sizes
from .sources import Source


class Integer(Factor):
    """An integer in low..high; the body receives an int."""

    def __init__(self, low: int = 0, high: int = 8) -> None:
        self.low, self.high = low, high

    def make(self, source: Source, sizes: Sizes) -> Raw:
        return source.integer(self.low, self.high)

    def realise(self, arithmetic: Any, raw: Raw) -> Any:
        return raw

    def simpler(self, raw: Raw) -> Iterator[Raw]:
        yield from range(self.low, raw)


class Size(Factor):
    """The value of a size itself, as an int."""

    def __init__(self, size: str) -> None:
        self.sizes = (size,)

    def make(self, source: Source, sizes: Sizes) -> Raw:
        return sizes[self.sizes[0]]

    def realise(self, arithmetic: Any, raw: Raw) -> Any:
        return raw

    def drop(self, raw: Raw, size: str, index: int) -> Raw:
        return raw - 1 if size in self.sizes else raw


class NodeSet(Factor):
    """k distinct nodes of 0..m-1, sorted: an integer array."""

    def __init__(self, m: str = "m", k: str = "k") -> None:
        self.m, self.k = m, k
        self.sizes = (m, k)

    def make(self, source: Source, sizes: Sizes) -> Raw:
        return source.subset(sizes[self.m], sizes[self.k])

    def realise(self, arithmetic: Any, raw: Raw) -> Any:
        return raw

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

    def make(self, source: Source, sizes: Sizes) -> Raw:
        return source.multiset(sizes[self.m], sizes[self.k])


class Choice(Factor):
    """One of a few names or numbers, as it is."""

    def __init__(self, *options: Any) -> None:
        self.options = options

    def make(self, source: Source, sizes: Sizes) -> Raw:
        return source.choice(self.options)

    def realise(self, arithmetic: Any, raw: Raw) -> Any:
        return raw

    def simpler(self, raw: Raw) -> Iterator[Raw]:
        yield from self.options[: self.options.index(raw)]
