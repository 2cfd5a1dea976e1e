"""Which instances a proof is about: a claim's factors as boxes of real coordinates.

A region is one choice of everything discrete (sizes, integers, node sets, names) with one box of
coordinates for everything real. `regions` lists those whose union is all instances of the sizes
within the box. Nothing is lost by the coordinates: every S >= 0 is F F^T with F lower triangular
and a nonnegative diagonal; every orthogonal 2 x 2 matrix is a reflection, or one times
diag(-1, 1).

With a declared invariance (S -> cS, lam -> c lam) an instance stands for its whole ray, and every
ray meets the surface of the unit cube once: one coordinate is at its end and the others run over
the cube. That reaches instances of every scale, and has one dimension less.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pruning.checks import Array
from validation.arithmetic.values import Number, Value
from validation.claims import Claim, ClaimError
from validation.instances import Instance
from validation.instances.factors import ArrayFactor, Real
from validation.instances.matrices import Distribution, Spectrum
from validation.instances.networks import Networks
from validation.proving.pieces import Axis, Piece, as_it_is, pieces_of

EDGE = 2.0**-30
"""How near to 0 a positive coordinate of the unit cube goes: beyond lies an open edge."""

MOST_CHOICES = 400


@dataclass(frozen=True)
class Region:
    """Everything discrete chosen, everything real in a box.

    Attributes
    ----------
    sizes : mapping
    pieces : mapping of Piece
        By the factor's name.
    fixed : mapping of int to float
        Coordinates that do not vary, by their place among all axes of the pieces.
    """

    sizes: Mapping[str, int]
    pieces: Mapping[str, Piece]
    fixed: Mapping[int, float]

    @property
    def all_axes(self) -> tuple[Axis, ...]:
        """The axes of the pieces, those that are fixed among them."""
        return tuple(axis for piece in self.pieces.values() for axis in piece.axes)

    @property
    def axes(self) -> tuple[Axis, ...]:
        """The axes that vary."""
        return tuple(a for i, a in enumerate(self.all_axes) if i not in self.fixed)

    def _full(self, numbers: Sequence[Number], lift: Callable[[float], Any]) -> list[Value]:
        rest = iter(numbers)
        count = len(self.all_axes)
        return [lift(self.fixed[i]) if i in self.fixed else next(rest) for i in range(count)]

    def _split(self, numbers: Sequence[Number]) -> Iterator[tuple[str, Piece, Sequence[Number]]]:
        start = 0
        for name, piece in self.pieces.items():
            stop = start + len(piece.axes)
            yield name, piece, numbers[start:stop]
            start = stop

    def values(self, arithmetic: Any, numbers: Sequence[Number]) -> dict[str, Value]:
        """What the body receives where the varying coordinates are `numbers`."""
        full = self._full(numbers, arithmetic.lift)
        return {name: piece.value(arithmetic, part) for name, piece, part in self._split(full)}

    def constraints(self, arithmetic: Any, numbers: Sequence[Number]) -> list[tuple[Value, Value]]:
        """Pairs (left, right) with left <= right on the region."""
        full = self._full(numbers, arithmetic.lift)
        found: list[tuple[Value, Value]] = []
        for _, piece, part in self._split(full):
            found += piece.constraints(part)
        return found

    def instance(self, point: Sequence[float]) -> Instance:
        """The instance at a point of the box."""
        full = self._full([float(x) for x in point], float)
        return Instance(
            dict(self.sizes), {name: piece.raw(part) for name, piece, part in self._split(full)}
        )

    def describe(self, cell: str = "") -> str:
        """Sizes, discrete choices and ranges (or those of a cell) in one line."""
        sizes = ", ".join(f"{name} = {size}" for name, size in self.sizes.items())
        notes = [f"{name} = {piece.note}" for name, piece in self.pieces.items() if piece.note]
        axes = self.all_axes
        notes += [f"{axes[i].name} = {as_it_is(value)}" for i, value in self.fixed.items()]
        ranges = [f"{a.name} in [{as_it_is(a.low)}, {as_it_is(a.high)}]" for a in self.axes]
        return "; ".join(filter(None, [sizes, ", ".join(notes), cell or ", ".join(ranges)]))


def regions(
    claim: Claim,
    sizes: Mapping[str, Sequence[int]],
    box: Mapping[str, tuple[float, float]],
    compact: bool = True,
    unlimited: bool = False,
) -> list[Region]:
    """All regions of a claim.

    Parameters
    ----------
    claim : Claim
    sizes : mapping of a size's name to the values asked for
        A size not named takes the smallest value that its range allows, or every value where its
        range depends on another size (k in 0..m).
    box : mapping of a factor's name to (low, high)
        Ranges of its real coordinates.
    compact : bool
        Use a declared invariance.
    unlimited : bool
        Take what has no box as well, for a proof that looks at the axes' domains only.

    Raises
    ------
    ClaimError
        Where a factor has no box, or there are too many discrete choices.
    """
    unknown = set(box) - set(claim.instances.factors)
    if unknown:
        raise ClaimError(
            f"{claim.id}: --box names {', '.join(sorted(unknown))}, which is not drawn; drawn: "
            f"{', '.join(claim.instances.factors)}"
        )
    wrong = set(sizes) - set(claim.instances.sizes)
    if wrong and claim.instances.sizes:
        raise ClaimError(
            f"{claim.id}: --sizes names {', '.join(sorted(wrong))}; its sizes: "
            f"{', '.join(claim.instances.sizes)}"
        )
    box = {name: (float(a), float(b)) for name, (a, b) in {**claim.box, **box}.items()}
    unbounded = [
        name for name, factor in claim.instances.factors.items()
        if name not in box
        and isinstance(factor, ArrayFactor | Real | Networks)
        and not _bounded(factor)
    ]  # fmt: skip
    invariance = dict(claim.invariance) if compact else {}
    unbounded = [name for name in unbounded if name not in invariance]
    if unlimited:
        box |= dict.fromkeys(unbounded, (-1.0, 1.0))
    elif unbounded:
        raise ClaimError(
            f"{claim.id}: {' and '.join(unbounded)} {'is' if len(unbounded) == 1 else 'are'} "
            f"unbounded: say in which box, as --box {unbounded[0]}=-4..4"
        )
    found: list[Region] = []
    for chosen in _sizes(claim, sizes):
        options = [
            pieces_of(claim, name, factor, chosen, box.get(name))
            for name, factor in claim.instances.factors.items()
        ]
        for pieces in itertools.product(*options):
            region = Region(chosen, dict(zip(claim.instances.factors, pieces)), {})
            found += _compactified(region, invariance) if invariance else [region]
            if len(found) > MOST_CHOICES:
                raise ClaimError(
                    f"{claim.id}: more than {MOST_CHOICES} choices of sizes, integers and node "
                    "sets; narrow them, as --box n=1..4 or --sizes m=1"
                )
    if not found:
        raise ClaimError(f"{claim.id}: no instance has these sizes")
    return found


def _bounded(factor: Any) -> bool:
    if isinstance(factor, Spectrum | Distribution):
        return True
    if isinstance(factor, Networks):
        return False
    return bool(np.isfinite(factor.low) and np.isfinite(factor.high))


def _sizes(claim: Claim, asked: Mapping[str, Sequence[int]]) -> list[dict[str, int]]:
    found: list[dict[str, int]] = [{}]
    for name, (low, high) in claim.instances.sizes.items():
        longer = []
        for sizes in found:
            first = sizes[low] if isinstance(low, str) else low
            last = sizes[high] if isinstance(high, str) else high
            depends = isinstance(low, str) or isinstance(high, str)
            if name in asked:
                values: Sequence[int] = [n for n in asked[name] if first <= n <= last]
            else:
                values = range(first, last + 1) if depends else range(first, min(first, last) + 1)
            longer += [{**sizes, name: n} for n in values]
        found = longer
    return found


def _compactified(region: Region, invariance: Mapping[str, Any]) -> list[Region]:
    """The surface of the unit cube in the coordinates of the factors that scale."""
    pieces, scaled = {}, []
    place = 0
    for name, piece in region.pieces.items():
        axes = []
        for axis in piece.axes:
            if name in invariance:
                scaled.append(place)
                positive = axis.log or axis.low > 0
                low = EDGE if positive else (-1.0 if axis.low < 0 else 0.0)
                end = 0.0 if positive else None
                axis = replace(axis, low=low, high=1.0, log=positive, open_end=end)
            axes.append(axis)
            place += 1
        pieces[name] = replace(piece, axes=tuple(axes))
    whole = replace(region, pieces=pieces)
    if not scaled:
        return [whole]
    found = []
    for place in scaled:
        axis = whole.all_axes[place]
        for end in (1.0, -1.0) if axis.low < 0 else (1.0,):
            found.append(replace(whole, fixed={place: end}))
    return found


def widths(region: Region, low: Array, high: Array) -> Value:
    """Widths relative to the region's, on each axis's scale, (p, n); 1 where an axis is a point."""
    found = np.ones(low.shape)
    for i, axis in enumerate(region.axes):
        if axis.high == axis.low:
            continue
        if axis.log:
            found[i] = np.log(high[i] / low[i]) / np.log(axis.high / axis.low)
        else:
            found[i] = (high[i] - low[i]) / (axis.high - axis.low)
    return found


def middle(region: Region, low: Array, high: Array) -> Value:
    """Where cells are to be cut, (p, n): half way on each axis's scale."""
    found = low + (high - low) / 2
    for i, axis in enumerate(region.axes):
        if axis.log:  # where the ends are near each other both means agree
            wide = high[i] > 4 * low[i]
            found[i] = np.where(wide, np.sqrt(low[i]) * np.sqrt(high[i]), found[i])
    return found
