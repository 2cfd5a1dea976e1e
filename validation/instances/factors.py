"""What an instance is made of: one class a kind of object.

A factor's *raw* value is what is free and exactly representable: floats, integers, float64 arrays,
a name, or a dict of these. `realise` turns it into what a claim's body receives, inside the
arithmetic of the moment, so that S = F F^T is positive semidefinite by construction in each.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from validation.arithmetic import Reading
from validation.arithmetic.values import Value
from validation.instances import checks
from validation.instances.sources import Source

Bound = float | Fraction  # or an int; a float means the decimals that it is written as
Array = NDArray[np.float64]
Sizes = Mapping[str, int]
Raw = Any

LARGEST = 1e12
SMALLEST = 1e-12


@dataclass(frozen=True)
class Parameters:
    """The real numbers of an instance, for local optimisation and for rounding.

    Attributes
    ----------
    values, low, high : arrays (p,)
        Values and their closed bounds (infinite where there is none).
    log : bool array (p,)
        Where to move on a logarithmic scale.
    """

    values: Array
    low: Array
    high: Array
    log: NDArray[np.bool_]

    @staticmethod
    def none() -> Parameters:
        """No parameters."""
        empty = np.zeros(0)
        return Parameters(empty, empty, empty, np.zeros(0, dtype=bool))

    @staticmethod
    def of(
        values: Value, low: float = -np.inf, high: float = np.inf, log: bool = False
    ) -> Parameters:
        """All with the same bounds."""
        flat = np.array(values, dtype=np.float64).ravel()
        return Parameters(
            flat, np.full(flat.shape, low), np.full(flat.shape, high), np.full(flat.shape, log)
        )

    @staticmethod
    def join(parts: list[Parameters]) -> Parameters:
        """One after the other."""
        if not parts:
            return Parameters.none()
        return Parameters(
            np.concatenate([p.values for p in parts]),
            np.concatenate([p.low for p in parts]),
            np.concatenate([p.high for p in parts]),
            np.concatenate([p.log for p in parts]),
        )


def length(sizes: Sizes, name: str) -> int:
    """Return the value of a size; one that is called by its digits always has that value."""
    return int(name) if name.isdigit() else sizes[name]


class Factor:
    """One argument of a claim's body. Subclasses say how to make it; the rest has defaults.

    Attributes
    ----------
    sizes : tuple of str
        The sizes (m, k, n, T, d, q, ...) that the value's shape depends on; factors that name the
        same size agree on it.
    at_least : mapping
        Sizes that cannot be smaller than so much.
    inside : tuple of pairs of sizes
        The first of which is never larger than the second.
    """

    sizes: tuple[str, ...] = ()
    at_least: Mapping[str, int] = {}
    inside: tuple[tuple[str, str], ...] = ()

    def make(self, source: Source, sizes: Sizes) -> Raw:
        """Draw a raw value."""
        raise NotImplementedError

    def realise(self, arithmetic: Reading, raw: Raw) -> Value:
        """Form what the body receives."""
        return arithmetic.lift(raw)

    def parameters(self, raw: Raw) -> Parameters:
        """The real numbers in `raw`."""
        return Parameters.none()

    def with_parameters(self, raw: Raw, values: Array) -> Raw:
        """`raw` with its real numbers replaced."""
        return raw

    def drop(self, raw: Raw, size: str, index: int) -> Raw:
        """`raw` after entry `index` along `size` has gone."""
        return raw

    def consequences(self, raw: Raw, size: str, index: int) -> list[tuple[str, int]]:
        """What else goes when entry `index` along `size` goes."""
        return []

    def simpler(self, raw: Raw) -> Iterator[Raw]:
        """Structurally simpler raw values of the same sizes, the boldest first."""
        return iter(())


class ArrayFactor(Factor):
    """A float64 array whose axes are named sizes (or fixed lengths).

    Parameters
    ----------
    axes : names or lengths
        One an axis.
    low, high : number
        Closed bounds of the entries.
    """

    def __init__(self, *axes: str | int, low: Bound = -np.inf, high: Bound = np.inf) -> None:
        if not axes:
            raise ValueError("an array needs at least one axis; a number is draw.reals()")
        self.axes = tuple(checks.axis(f"axis {i} of an array", a) for i, a in enumerate(axes))
        self.sizes = tuple(dict.fromkeys(axis for axis in axes if isinstance(axis, str)))
        self.low, self.high = checks.interval("an array of numbers", low, high)

    def shape(self, sizes: Sizes) -> tuple[int, ...]:
        """The lengths of the axes."""
        return tuple(sizes[axis] if isinstance(axis, str) else axis for axis in self.axes)

    def make(self, source: Source, sizes: Sizes) -> Raw:
        shape = self.shape(sizes)
        family = source.choice(
            ("zero", "one entry", "plain", "plain", "plain", "scaled", "one row")
        )
        values = np.zeros(shape)
        if family == "one entry" and values.size:
            values.flat[source.integer(0, values.size - 1)] = source.reals((1,))[0]
        elif family == "plain":
            values = source.reals(shape)
        elif family == "scaled":
            values = source.reals(shape) * source.magnitude(1e-6, 1e6)
        elif family == "one row" and values.size:
            values[source.integer(0, shape[0] - 1)] = source.reals(shape[1:])
        return self._clip(values)

    def _clip(self, values: Array) -> Array:
        if self.low >= 0:
            values = np.abs(values)
        return np.clip(values, self.low, self.high)

    def parameters(self, raw: Raw) -> Parameters:
        return Parameters.of(raw, self.low, self.high)

    def with_parameters(self, raw: Raw, values: Array) -> Raw:
        return np.clip(np.asarray(values, dtype=np.float64), self.low, self.high).reshape(raw.shape)

    def drop(self, raw: Raw, size: str, index: int) -> Raw:
        for axis, name in enumerate(self.axes):
            if name == size:
                raw = np.delete(raw, index, axis=axis)
        return raw

    def simpler(self, raw: Raw) -> Iterator[Raw]:
        if self.low <= 0 <= self.high and raw.any():
            yield np.zeros_like(raw)


class Positive(Factor):
    """A positive number, by default within 1e-12..1e12, in the open interval (above, below)."""

    def __init__(self, above: Bound = 0.0, below: Bound = np.inf) -> None:
        a, b = checks.number("positive: above", above), checks.number("positive: below", below)
        if not 0 <= a < b:
            raise ValueError(
                f"positive(above, below) needs 0 <= above < below, got {above}, {below}"
            )
        first, last = checks.beyond(a, 1), checks.beyond(b, -1)
        self.low = first if a > 0 else min(SMALLEST, last / 1e12)
        self.high = last if b < np.inf else max(LARGEST, first * 1e12)
        if not 0 < self.low <= self.high < np.inf:
            raise ValueError(f"positive: there is no float in ({above}, {below}) to draw")

    def make(self, source: Source, sizes: Sizes) -> Raw:
        family = source.choice(("one", "plain", "plain", "plain", "extreme"))
        if family == "one":
            return self._clip(1.0)
        if family == "extreme":
            return source.magnitude(self.low, self.high)
        low = self._clip(1e-3 if self.low < 1e-3 < self.high else self.low)
        high = self._clip(max(1e3, low * 1e3))
        return source.magnitude(low, high)

    def _clip(self, value: float) -> float:
        return float(min(max(value, self.low), self.high))

    def parameters(self, raw: Raw) -> Parameters:
        return Parameters.of([raw], self.low, self.high, log=True)

    def with_parameters(self, raw: Raw, values: Array) -> Raw:
        return self._clip(float(values[0]))


class Real(Factor):
    """A number in the closed interval [low, high]."""

    def __init__(self, low: Bound = -np.inf, high: Bound = np.inf) -> None:
        self.low, self.high = checks.interval("reals(low, high)", low, high)

    def make(self, source: Source, sizes: Sizes) -> Raw:
        family = source.choice(
            ("simple", "plain", "plain", "plain", "low end", "high end", "large")
        )
        if family == "low end" and np.isfinite(self.low):
            return self.low
        if family == "high end" and np.isfinite(self.high):
            return self.high
        if family == "simple":
            return self._clip(float(source.integer(-2, 2)))
        value = float(source.reals((1,))[0])
        if np.isfinite(self.low) and np.isfinite(self.high):
            # tanh spreads numbers of order one over the whole interval.
            return self._clip(self.low + (self.high - self.low) * (1 + np.tanh(value)) / 2)
        if family == "large":
            value *= source.magnitude(1e-6, 1e6)
        return self._clip(value)

    def _clip(self, value: float) -> float:
        return float(min(max(value, self.low), self.high))

    def parameters(self, raw: Raw) -> Parameters:
        return Parameters.of([raw], self.low, self.high)

    def with_parameters(self, raw: Raw, values: Array) -> Raw:
        return self._clip(float(values[0]))


class Probability(Real):
    """A number in the open interval (0, 1)."""

    def __init__(self) -> None:
        super().__init__(2.0**-40, 1 - 2.0**-40)

    def make(self, source: Source, sizes: Sizes) -> Raw:
        family = source.choice(("half", "small", "plain", "plain", "near one"))
        if family == "half":
            return 0.5
        if family == "small":
            return source.magnitude(self.low, 0.5)
        if family == "near one":
            return 1 - source.magnitude(self.low, 0.5)
        return super().make(source, sizes)
