"""Sums of matrices that carry a power of two each, so that no sum leaves the range of floats."""

from __future__ import annotations

from typing import Any

import numpy as np

from pruning.checks import Array, Nodes

NONE = -(1 << 50)  # the exponent of an empty sum


class ScaledSums:
    """`count` sums of (m, m) matrices: 2^exponents[i] matrices[i].

    Attributes
    ----------
    matrices : (count, m, m) array
    exponents : (count,) integer array
        `NONE` where nothing was added.
    """

    def __init__(self, count: int, m: int) -> None:
        self.matrices: Array = np.zeros((count, m, m))
        self.exponents: Nodes = np.full(count, NONE)

    def add(self, i: int, matrix: Array, exponent: int) -> None:
        """Add 2^exponent matrix to sum i, in place."""
        now = int(self.exponents[i])
        if now < exponent:
            self.matrices[i] = shifted(self.matrices[i], now - exponent)
            self.exponents[i] = exponent
        total = self.matrices[i]
        np.add(total, matrix if exponent >= now else shifted(matrix, exponent - now), out=total)

    def merge(self, other: ScaledSums) -> None:
        """Add what `other` holds, in place."""
        for i in np.flatnonzero(other.exponents > NONE):
            self.add(int(i), other.matrices[i], int(other.exponents[i]))


def shifted(values: Array, shift: Any) -> Array:
    """Return 2^shift values, where shift <= 0."""
    return values if not np.any(shift) else np.ldexp(values, np.maximum(shift, -5000))
