"""Orders and sets of nodes: a permutation, and a subset."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from validation.arithmetic import Reading
from validation.arithmetic.values import Value
from validation.instances import checks
from validation.instances.factors import Factor, Raw, Sizes, length
from validation.instances.integers import guarded
from validation.instances.sources import Source


def permutation(source: Source, m: int) -> Value:
    """Draw an order of 0..m-1."""
    order = list(range(m))
    for i in range(m - 1, 0, -1):
        j = i - source.integer(0, i)
        order[i], order[j] = order[j], order[i]
    return np.array(order, dtype=np.int64)


def _permutation_without(order: Value, value: int) -> Value:
    kept = order[order != value]
    return kept - (kept > value)


class Permutation(Factor):
    """A permutation of 0..m-1: an integer array (m,)."""

    def __init__(self, m: str | int = "m") -> None:
        self.m = checks.size("permutations(m)", m)
        self.sizes = (self.m,)

    def make(self, source: Source, sizes: Sizes) -> Raw:
        m = length(sizes, self.m)
        family = source.choice(("identity", "plain", "plain", "plain", "reversed", "cycle"))
        if family == "plain":
            return permutation(source, m)
        order = np.arange(m)
        return order[::-1].copy() if family == "reversed" else np.roll(order, family == "cycle")

    def realise(self, arithmetic: Reading, raw: Raw) -> Value:
        return guarded(raw)

    def drop(self, raw: Raw, size: str, index: int) -> Raw:
        return _permutation_without(raw, index) if size == self.m else raw

    def simpler(self, raw: Raw) -> Iterator[Raw]:
        if not np.array_equal(raw, np.arange(len(raw))):
            yield np.arange(len(raw))
        for i in range(len(raw) - 1):
            if raw[i] > raw[i + 1]:
                yield np.concatenate([raw[:i], raw[i : i + 2][::-1], raw[i + 2 :]])


class Subset(Factor):
    """A subset of 0..m-1 of any size: a sorted integer array."""

    def __init__(self, m: str | int = "m") -> None:
        self.m = checks.size("subsets(m)", m)
        self.sizes = (self.m,)

    def make(self, source: Source, sizes: Sizes) -> Raw:
        m = length(sizes, self.m)
        return source.subset(m, source.integer(0, m))

    def realise(self, arithmetic: Reading, raw: Raw) -> Value:
        return guarded(raw)

    def drop(self, raw: Raw, size: str, index: int) -> Raw:
        if size != self.m:
            return raw
        kept = raw[raw != index]
        return kept - (kept > index)

    def simpler(self, raw: Raw) -> Iterator[Raw]:
        for i in reversed(range(len(raw))):
            yield np.delete(raw, i)
