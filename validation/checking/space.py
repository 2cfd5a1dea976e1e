"""The real numbers of an instance as a point that a climb can move."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from validation.claims import Claim
from validation.instances import Factor, Instance

Array = NDArray[np.float64]
KNEE = 1e-3  # where the logarithmic scale of real numbers becomes linear, of a factor's largest


class Space:
    """Coordinates in which a step of 1 is a large one.

    Numbers that live on a logarithmic scale move on it. The others move in units of the largest
    number of their factor, or with `logarithmic` by a signed logarithm, which reaches numbers of
    very different sizes. With `projecting`, points that miss a hypothesis stand for points that
    meet it.
    """

    def __init__(
        self,
        claim: Claim,
        instance: Instance,
        logarithmic: bool = False,
        projecting: bool = False,
    ) -> None:
        self.claim, self.instance = claim, instance
        self.projecting = projecting
        self.numbers = claim.instances.parameters(instance)
        values = self.numbers.values
        self.free = np.flatnonzero(self.numbers.low < self.numbers.high)
        self.log = self.numbers.log
        self._any_log = bool(self.log.any())
        self.logarithmic = logarithmic
        self.unit = np.ones(values.size)
        self._parts: list[tuple[str, Factor, int, int]] = []
        start = 0
        for name, factor in claim.instances.factors.items():
            stop = start + factor.parameters(instance.raw[name]).values.size
            if stop > start:
                self._parts.append((name, factor, start, stop))
                largest = float(np.abs(values[start:stop]).max())
                self.unit[start:stop] = largest if 0 < largest < np.inf else 1.0
            start = stop
        self._whole = self._out(values)

    @property
    def start(self) -> Array:
        """The instance's own point."""
        return self._whole[self.free]

    def point_of(self, other: Instance) -> Array:
        """The point of another instance of the same kind."""
        return self._out(self.claim.instances.parameters(other).values)[self.free]

    def at(self, point: Array) -> Instance:
        """The instance at a point, clipped to what its factors allow."""
        moved = self._whole.copy()
        moved[self.free] = point
        values = self._back(moved)
        unmoved = moved == self._whole  # means unchanged
        values = np.where(unmoved, self.numbers.values, values)
        if not np.isfinite(values).all():
            values = np.nan_to_num(values)
        values = np.minimum(np.maximum(values, self.numbers.low), self.numbers.high)
        raw = dict(self.instance.raw)
        for name, factor, start, stop in self._parts:
            if not unmoved[start:stop].all():
                raw[name] = factor.with_parameters(raw[name], values[start:stop])
        return Instance(self.instance.sizes, raw)

    def rates(self, point: Array) -> Array:
        """By how much the instance's numbers move as the point does, for the free ones.

        0 where a bound of the factor holds a number back.
        """
        whole = self._whole.copy()
        whole[self.free] = point
        with np.errstate(all="ignore"):
            values = self._back(whole)
            straight = np.cosh(np.clip(whole, -700, 700)) * KNEE if self.logarithmic else 1.0
            rates = np.where(self.log, values, straight * self.unit)
        held = (values < self.numbers.low) | (values > self.numbers.high)
        return np.where(held, 0.0, np.nan_to_num(rates))[self.free]

    def _out(self, values: Array) -> Array:
        with np.errstate(all="ignore"):
            straight = values / self.unit
            if self.logarithmic:
                straight = np.arcsinh(straight / KNEE)
            return np.where(self.log, np.log(np.where(self.log, values, 1.0)), straight)

    def _back(self, point: Array) -> Array:
        with np.errstate(all="ignore"):
            if not self.logarithmic and not self._any_log:
                return np.clip(point, -700, 700) * self.unit
            point = np.clip(point, -700, 700)
            straight = np.sinh(point) * KNEE if self.logarithmic else point
            return np.where(self.log, np.exp(point), straight * self.unit)
