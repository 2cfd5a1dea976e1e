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

from ..claims import Claim, ClaimError
from ..instances import Instance
from ..instances.discrete import Choice, Integer, MultiSet, NodeSet, Size
from ..instances.factors import ArrayFactor, Factor, Positive, Real
from ..instances.matrices import Covariance, Distribution, Orthogonal, Spectrum
from ..instances.networks import WEIGHTS, Networks

DEFAULT_ENTRIES = 4.0
"""Entries of F in S = F F^T lie in [-4, 4] unless a box says otherwise."""

DEFAULT_POSITIVE = (2.0**-10, 2.0**10)
EDGE = 2.0**-30
"""How near to 0 a positive coordinate of the unit cube goes: beyond lies an open edge."""

MOST_CHOICES = 400
Number = Any


@dataclass(frozen=True)
class Axis:
    """One real coordinate.

    Attributes
    ----------
    name : str
        As ``S[1,0]`` (the entry of F where S = F F^T) or ``lam``.
    low, high : float
        Its closed range.
    log : bool
        Whether it is split on a logarithmic scale.
    open_end : float or None
        The part of the range below `low` that belongs to the statement and is left out.
    """

    name: str
    low: float
    high: float
    log: bool = False
    open_end: float | None = None


@dataclass(frozen=True)
class Piece:
    """One factor of a region.

    Attributes
    ----------
    axes : tuple of Axis
    value : function (arithmetic, numbers) -> what the body receives
    raw : function of floats -> raw value of an instance
    constraints : function of numbers -> pairs (left, right), each left <= right on the region
    note : str
        What discrete choice was made; empty where none.
    """

    axes: tuple[Axis, ...]
    value: Callable[[Any, Sequence[Number]], Any]
    raw: Callable[[Sequence[float]], Any]
    constraints: Callable[[Sequence[Number]], list[tuple[Number, Number]]] = lambda numbers: []
    note: str = ""


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

    def _full(self, numbers: Sequence[Any], lift: Callable[[float], Any]) -> list[Any]:
        rest = iter(numbers)
        count = len(self.all_axes)
        return [lift(self.fixed[i]) if i in self.fixed else next(rest) for i in range(count)]

    def _split(self, numbers: Sequence[Any]) -> Iterator[tuple[str, Piece, Sequence[Any]]]:
        start = 0
        for name, piece in self.pieces.items():
            stop = start + len(piece.axes)
            yield name, piece, numbers[start:stop]
            start = stop

    def values(self, arithmetic: Any, numbers: Sequence[Number]) -> dict[str, Any]:
        """What the body receives where the varying coordinates are `numbers`."""
        full = self._full(numbers, arithmetic.lift)
        return {name: piece.value(arithmetic, part) for name, piece, part in self._split(full)}

    def constraints(self, arithmetic: Any, numbers: Sequence[Number]) -> list[tuple[Any, Any]]:
        """Pairs (left, right) with left <= right on the region."""
        full = self._full(numbers, arithmetic.lift)
        found: list[tuple[Any, Any]] = []
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
        notes += [f"{axes[i].name} = {value:g}" for i, value in self.fixed.items()]
        ranges = [f"{a.name} in [{a.low:g}, {a.high:g}]" for a in self.axes]
        return "; ".join(filter(None, [sizes, ", ".join(notes), cell or ", ".join(ranges)]))


def regions(
    claim: Claim,
    sizes: Mapping[str, Sequence[int]],
    box: Mapping[str, tuple[float, float]],
    compact: bool = True,
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
    if unbounded:
        raise ClaimError(
            f"{claim.id}: {' and '.join(unbounded)} {'is' if len(unbounded) == 1 else 'are'} "
            f"unbounded: say in which box, as --box {unbounded[0]}=-4..4"
        )
    found: list[Region] = []
    for chosen in _sizes(claim, sizes):
        options = [
            _pieces(claim, name, factor, chosen, box.get(name))
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


def _pieces(
    claim: Claim, name: str, factor: Factor, sizes: Mapping[str, int], box: Any
) -> list[Piece]:
    if isinstance(factor, Integer):
        first, last = factor.low, factor.high
        if box is not None:
            first, last = max(first, int(np.ceil(box[0]))), min(last, int(np.floor(box[1])))
        return [_constant(factor, n, str(n)) for n in range(first, last + 1)]
    if isinstance(factor, Size):
        return [_constant(factor, sizes[factor.sizes[0]], "")]
    if isinstance(factor, NodeSet):
        choose = (
            itertools.combinations_with_replacement
            if isinstance(factor, MultiSet)
            else itertools.combinations
        )
        places = choose(range(sizes[factor.m]), sizes[factor.k])
        return [
            _constant(factor, np.array(J, dtype=np.int64), "{" + ", ".join(map(str, J)) + "}")
            for J in places
        ]
    if isinstance(factor, Choice):
        return [_constant(factor, option, str(option)) for option in factor.options]
    if isinstance(factor, Covariance):
        return [_covariance(factor, name, sizes[factor.m], box)]
    if isinstance(factor, Spectrum):
        return [_spectrum(factor, name, sizes[factor.m], box)]
    if isinstance(factor, Distribution):
        return [_simplex(factor, name, factor.shape(sizes)[0])]
    if isinstance(factor, Orthogonal):
        return _orthogonal(factor, name, sizes[factor.m])
    if isinstance(factor, Positive):
        low, high = DEFAULT_POSITIVE if box is None else box
        if factor.high < 1e12 and box is None:
            high = factor.high
        low, high = max(low, factor.low), min(high, factor.high)
        _check(claim, name, low, high)
        return [_scalar(factor, Axis(name, low, high, log=high > 4 * low))]
    if isinstance(factor, Real):
        low, high = (factor.low, factor.high) if box is None else box
        low, high = max(low, factor.low), min(high, factor.high)
        _check(claim, name, low, high)
        return [_scalar(factor, Axis(name, low, high))]
    if isinstance(factor, ArrayFactor) and type(factor).realise is Factor.realise:
        low, high = (factor.low, factor.high) if box is None else box
        if name in claim.invariance and not np.isfinite([low, high]).all():
            low, high = max(low, -1.0), min(high, 1.0)  # the unit cube takes their place
        low, high = max(low, factor.low), min(high, factor.high)
        _check(claim, name, low, high)
        return [_array(factor, name, factor.shape(sizes), low, high)]
    if isinstance(factor, Networks) and type(factor).realise is Networks.realise:
        low, high = (-np.inf, np.inf) if box is None else box
        _check(claim, name, low, high)
        return _networks(factor, name, sizes, low, high)
    raise ClaimError(
        f"{claim.id}: {name} is a {type(factor).__name__}, which has no coordinates for a proof; "
        "matrices, vectors, numbers, covariances, spectra, distributions, networks, integers and "
        "node sets have"
    )


def _check(claim: Claim, name: str, low: float, high: float) -> None:
    if not (np.isfinite(low) and np.isfinite(high) and low <= high):
        raise ClaimError(
            f"{claim.id}: the box of {name} must be a bounded interval within what is drawn, got "
            f"{low:g}..{high:g}"
        )


def _constant(factor: Factor, raw: Any, note: str) -> Piece:
    return Piece(
        (),
        lambda arithmetic, numbers: factor.realise(arithmetic, raw),
        lambda numbers: raw,
        note=note,
    )


def _scalar(factor: Factor, axis: Axis) -> Piece:
    return Piece(
        (axis,),
        lambda arithmetic, numbers: numbers[0],
        lambda numbers: float(numbers[0]),
    )


def _array(
    factor: ArrayFactor, name: str, shape: tuple[int, ...], low: float, high: float
) -> Piece:
    places = list(np.ndindex(*shape))
    axes = tuple(Axis(f"{name}[{','.join(map(str, place))}]", low, high) for place in places)

    def value(arithmetic: Any, numbers: Sequence[Number]) -> Any:
        if not numbers:
            return arithmetic.xp.zeros(shape)
        return arithmetic.xp.reshape(arithmetic.xp.stack(list(numbers)), shape)

    return Piece(axes, value, lambda numbers: np.array(numbers, dtype=np.float64).reshape(shape))


def _networks(
    factor: Networks, name: str, sizes: Mapping[str, int], low: float, high: float
) -> list[Piece]:
    """All weights as coordinates, one piece an activation."""
    m, d, q = (n if isinstance(n, int) else sizes[n] for n in (factor.m, factor.d, factor.q))
    shapes = dict(zip(WEIGHTS, ((m, m), (m, d), (m,), (q, m), (q,))))
    free = [weight for weight in WEIGHTS if factor.biases or weight not in ("b_hidden", "b_output")]
    parts = {
        weight: _array(ArrayFactor(*shapes[weight]), f"{name}.{weight}", shapes[weight], low, high)
        for weight in free
    }
    axes = tuple(axis for part in parts.values() for axis in part.axes)

    def of(numbers: Sequence[Any], make: Callable[[Piece, Sequence[Any]], Any]) -> dict[str, Any]:
        start, made = 0, {}
        for weight, part in parts.items():
            made[weight] = make(part, numbers[start : start + len(part.axes)])
            start += len(part.axes)
        return made

    def pieces(activation: str) -> Piece:
        fixed = {weight: np.zeros(shapes[weight]) for weight in WEIGHTS if weight not in parts}

        def value(arithmetic: Any, numbers: Sequence[Number]) -> Any:
            weights = of(numbers, lambda part, some: part.value(arithmetic, some))
            return factor.realise(arithmetic, {**fixed, **weights, "activation": activation})

        def raw(numbers: Sequence[float]) -> Any:
            weights = of(numbers, lambda part, some: part.raw(some))
            return {**fixed, **weights, "activation": activation}

        return Piece(axes, value, raw, note=activation)

    return [pieces(activation) for activation in factor.activations]


def _covariance(factor: Covariance, name: str, m: int, box: Any) -> Piece:
    low, high = (-DEFAULT_ENTRIES, DEFAULT_ENTRIES) if box is None else box
    least = 2.0**-20 if factor.nonsingular else 0.0
    places = [(i, j) for i in range(m) for j in range(i + 1)]
    axes = tuple(
        Axis(f"{name}.F[{i},{j}]", max(low, least) if i == j else low, high) for i, j in places
    )

    def value(arithmetic: Any, numbers: Sequence[Number]) -> Any:
        entry = dict(zip(places, numbers))
        zero = arithmetic.lift(0.0)
        rows = [[entry.get((i, j), zero) for j in range(m)] for i in range(m)]
        return factor.realise(arithmetic, arithmetic.xp.asarray(rows))

    def raw(numbers: Sequence[float]) -> Any:
        F = np.zeros((m, m))
        for place, number in zip(places, numbers):
            F[place] = number
        return F

    return Piece(axes, value, raw)


def _spectrum(factor: Spectrum, name: str, m: int, box: Any) -> Piece:
    low, high = (0.0, DEFAULT_ENTRIES**2) if box is None else box
    axes = tuple(Axis(f"{name}[{j}]", max(low, 0.0), high) for j in range(m))
    return Piece(
        axes,
        lambda arithmetic, numbers: arithmetic.xp.stack(list(numbers)),
        lambda numbers: np.array(numbers, dtype=np.float64),
        # Only the decreasing order is drawn; each spectrum has one.
        lambda numbers: list(zip(numbers[1:], numbers[:-1])),
    )


def _simplex(factor: Distribution, name: str, m: int) -> Piece:
    axes = tuple(Axis(f"{name}[{j}]", 0.0, 1.0) for j in range(m - 1))

    def last(numbers: Sequence[Number]) -> Any:
        rest: Any = 1
        for number in numbers:
            rest = rest - number
        return rest

    def value(arithmetic: Any, numbers: Sequence[Number]) -> Any:
        if not numbers:
            return arithmetic.xp.ones(1)
        return arithmetic.xp.stack([*numbers, last(numbers)])

    def constraints(numbers: Sequence[Number]) -> list[tuple[Any, Any]]:
        found = [(0 * numbers[0], last(numbers))] if numbers else []
        if factor.decreasing and numbers:
            whole = [*numbers, last(numbers)]
            found += list(zip(whole[1:], whole[:-1]))
        return found

    def raw(numbers: Sequence[float]) -> Any:
        return np.maximum([*numbers, 1 - sum(numbers)], factor.low)

    return Piece(axes, value, raw, constraints)


def _orthogonal(factor: Orthogonal, name: str, m: int) -> list[Piece]:
    if m == 1:
        return [_constant(factor, np.ones((1, r)), f"{'-' * r}1") for r in (0, 1)]
    if m != 2:
        raise ClaimError(f"{name}: orthogonal matrices have coordinates for 1 or 2 rows, not {m}")
    found = []
    for first, second in itertools.product((True, False), (False, True)):
        # The normal of the reflection is (1, t) or (t, 1); then perhaps diag(-1, 1).
        def value(
            arithmetic: Any, numbers: Sequence[Number], first: bool = first, second: bool = second
        ) -> Any:
            xp, t = arithmetic.xp, numbers[0]
            scale = 1 + t * t
            a, b = (t * t - 1) / scale, -2 * t / scale
            Q = xp.stack([xp.stack([a, b]), xp.stack([b, -a])])
            if not first:
                Q = xp.stack([xp.stack([-a, b]), xp.stack([b, a])])
            if second:
                Q = Q @ xp.asarray([[-1.0, 0.0], [0.0, 1.0]])
            return Q

        def raw(numbers: Sequence[float], first: bool = first, second: bool = second) -> Any:
            t = float(numbers[0])
            columns = [[1.0, t] if first else [t, 1.0]] + [[1.0, 0.0]] * second
            return np.array(columns).T

        note = ("(1, t)" if first else "(t, 1)") + (" and (1, 0)" if second else "")
        found.append(Piece((Axis(f"{name}.t", -1.0, 1.0),), value, raw, note=note))
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


def widths(region: Region, low: Any, high: Any) -> Any:
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


def middle(region: Region, low: Any, high: Any) -> Any:
    """Where cells are to be cut, (p, n): half way on each axis's scale."""
    found = low + (high - low) / 2
    for i, axis in enumerate(region.axes):
        if axis.log:  # where the ends are near each other both means agree
            wide = high[i] > 4 * low[i]
            found[i] = np.where(wide, np.sqrt(low[i]) * np.sqrt(high[i]), found[i])
    return found
