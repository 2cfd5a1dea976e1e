"""One factor of a claim as boxes of real coordinates, for every discrete choice in it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from validation.arithmetic.values import Number, Value
from validation.claims import Claim, ClaimError
from validation.instances.discrete import Choice, Integer, MultiSet, NodeSet, Size
from validation.instances.factors import (
    LARGEST,
    SMALLEST,
    ArrayFactor,
    Factor,
    Positive,
    Real,
    length,
)
from validation.instances.matrices import Covariance, Distribution, Orthogonal, Spectrum
from validation.instances.networks import WEIGHTS, Networks

DEFAULT_ENTRIES = 4.0
"""Entries of F in S = F F^T lie in [-4, 4] unless a box says otherwise."""

DEFAULT_POSITIVE = (2.0**-10, 2.0**10)


def as_it_is(x: float | Fraction) -> str:
    """A number of a statement that is proved: in six digits, or in all that it has.

    A rounded end would widen the range, and say more than was proved.
    """
    value = Fraction(x)
    short = f"{float(value):g}"
    if Fraction(short) == value:
        return short
    exponent = round(math.log2(abs(float(value)))) if 0 < abs(value) < Fraction(1, 2**16) else 0
    if exponent and abs(value) == Fraction(2) ** exponent:
        return f"{'-' if value < 0 else ''}2^{exponent}"
    if value.denominator == 1 and abs(value) < 2**53:
        return str(value)
    return repr(float(value)) if Fraction(float(value)) == value else str(value)


@dataclass(frozen=True)
class Domain:
    """All that a coordinate may be, box or not: from `low` to `high`, None where there is no end.

    Attributes
    ----------
    low, high : Fraction or None
    positive : bool
        Whether `low` itself is left out.
    """

    low: Fraction | None = None
    high: Fraction | None = None
    positive: bool = False

    def __str__(self) -> str:
        if self.low is None and self.high is None:
            return "any number"
        if self.high is None:
            return f"{'>' if self.positive else '>='} {as_it_is(self.low or 0)}"
        if self.low is None:
            return f"<= {as_it_is(self.high)}"
        return f"in {'(' if self.positive else '['}{as_it_is(self.low)}, {as_it_is(self.high)}]"

    def within(self, low: float, high: float) -> Domain:
        """The part of it that lies in a box."""
        first, last = Fraction(low), Fraction(high)
        above = self.low is None or first > self.low
        return Domain(
            first if above else self.low,
            last if self.high is None else min(last, self.high),
            self.positive and not above,
        )


def _domain(low: float, high: float) -> Domain:
    first, last = (Fraction(x) if np.isfinite(x) else None for x in (low, high))
    return Domain(first, last)


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
    domain : Domain or None
        What the factor admits, whatever the box; None for the box itself.
    """

    name: str
    low: float
    high: float
    log: bool = False
    open_end: float | None = None
    domain: Domain | None = None


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


def pieces_of(
    claim: Claim, name: str, factor: Factor, sizes: Mapping[str, int], box: Any
) -> list[Piece]:
    if isinstance(factor, Integer):
        first, last = factor.low, factor.high
        if box is not None:
            first, last = max(first, int(np.ceil(box[0]))), min(last, int(np.floor(box[1])))
        return [_constant(factor, n, str(n)) for n in range(first, last + 1)]
    if isinstance(factor, Size):
        return [_constant(factor, length(sizes, factor.sizes[0]), "")]
    if isinstance(factor, NodeSet):
        choose = (
            itertools.combinations_with_replacement
            if isinstance(factor, MultiSet)
            else itertools.combinations
        )
        places = choose(range(length(sizes, factor.m)), length(sizes, factor.k))
        return [
            _constant(factor, np.array(J, dtype=np.int64), "{" + ", ".join(map(str, J)) + "}")
            for J in places
        ]
    if isinstance(factor, Choice):
        return [_constant(factor, option, str(option)) for option in factor.options]
    if isinstance(factor, Covariance):
        return [_covariance(factor, name, length(sizes, factor.m), box)]
    if isinstance(factor, Spectrum):
        return [_spectrum(factor, name, length(sizes, factor.m), box)]
    if isinstance(factor, Distribution):
        return [_simplex(factor, name, factor.shape(sizes)[0])]
    if isinstance(factor, Orthogonal):
        return _orthogonal(factor, name, length(sizes, factor.m))
    if isinstance(factor, Positive):
        low, high = DEFAULT_POSITIVE if box is None else box
        if factor.high < 1e12 and box is None:
            high = factor.high
        low, high = max(low, factor.low), min(high, factor.high)
        _check(claim, name, low, high)
        domain = _positive(factor)
        return [_scalar(factor, Axis(name, low, high, log=high > 4 * low, domain=domain))]
    if isinstance(factor, Real):
        low, high = (factor.low, factor.high) if box is None else box
        low, high = max(low, factor.low), min(high, factor.high)
        _check(claim, name, low, high)
        domain = _domain(factor.low, factor.high)
        return [_scalar(factor, Axis(name, low, high, domain=domain))]
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


def _positive(factor: Positive) -> Domain:
    """The open interval that was asked for, and the floats at its ends."""
    low, high = np.nextafter(factor.low, 0.0), np.nextafter(factor.high, np.inf)
    least = Fraction(0) if factor.low <= SMALLEST else Fraction(low)
    return Domain(least, None if factor.high >= LARGEST else Fraction(high), least == 0)


def _constant(factor: Factor, raw: Value, note: str) -> Piece:
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
    domain = _domain(factor.low, factor.high)
    axes = tuple(
        Axis(f"{name}[{','.join(map(str, place))}]", low, high, domain=domain) for place in places
    )

    def value(arithmetic: Any, numbers: Sequence[Number]) -> Value:
        if not numbers:
            return arithmetic.xp.zeros(shape)
        return arithmetic.xp.reshape(arithmetic.xp.stack(list(numbers)), shape)

    return Piece(axes, value, lambda numbers: np.array(numbers, dtype=np.float64).reshape(shape))


def _networks(
    factor: Networks, name: str, sizes: Mapping[str, int], low: float, high: float
) -> list[Piece]:
    """All weights as coordinates, one piece an activation."""
    m, d, q = (length(sizes, n) for n in (factor.m, factor.d, factor.q))
    shapes = dict(zip(WEIGHTS, ((m, m), (m, d), (m,), (q, m), (q,))))
    free = [weight for weight in WEIGHTS if factor.biases or weight not in ("b_hidden", "b_output")]
    parts = {
        weight: _array(ArrayFactor(*shapes[weight]), f"{name}.{weight}", shapes[weight], low, high)
        for weight in free
    }
    axes = tuple(axis for part in parts.values() for axis in part.axes)

    def of(
        numbers: Sequence[Number], make: Callable[[Piece, Sequence[Number]], Any]
    ) -> dict[str, Value]:
        start, made = 0, {}
        for weight, part in parts.items():
            made[weight] = make(part, numbers[start : start + len(part.axes)])
            start += len(part.axes)
        return made

    def pieces(activation: str) -> Piece:
        fixed = {weight: np.zeros(shapes[weight]) for weight in WEIGHTS if weight not in parts}

        def value(arithmetic: Any, numbers: Sequence[Number]) -> Value:
            weights = of(numbers, lambda part, some: part.value(arithmetic, some))
            return factor.realise(arithmetic, {**fixed, **weights, "activation": activation})

        def raw(numbers: Sequence[float]) -> Value:
            weights = of(numbers, lambda part, some: part.raw(some))
            return {**fixed, **weights, "activation": activation}

        return Piece(axes, value, raw, note=activation)

    return [pieces(activation) for activation in factor.activations]


def _covariance(factor: Covariance, name: str, m: int, box: Any) -> Piece:
    low, high = (-DEFAULT_ENTRIES, DEFAULT_ENTRIES) if box is None else box
    least = 2.0**-20 if factor.nonsingular else 0.0
    places = [(i, j) for i in range(m) for j in range(i + 1)]
    diagonal = Domain(Fraction(0), positive=factor.nonsingular)
    axes = tuple(
        Axis(f"{name}.F[{i},{j}]", max(low, least), high, domain=diagonal)
        if i == j
        else Axis(f"{name}.F[{i},{j}]", low, high, domain=Domain())
        for i, j in places
    )

    def value(arithmetic: Any, numbers: Sequence[Number]) -> Value:
        entry = dict(zip(places, numbers))
        zero = arithmetic.lift(0.0)
        rows = [[entry.get((i, j), zero) for j in range(m)] for i in range(m)]
        return factor.realise(arithmetic, arithmetic.xp.asarray(rows))

    def raw(numbers: Sequence[float]) -> Value:
        F = np.zeros((m, m))
        for place, number in zip(places, numbers):
            F[place] = number
        return F

    return Piece(axes, value, raw)


def _spectrum(factor: Spectrum, name: str, m: int, box: Any) -> Piece:
    low, high = (0.0, DEFAULT_ENTRIES**2) if box is None else box
    domain = Domain(Fraction(0))
    axes = tuple(Axis(f"{name}[{j}]", max(low, 0.0), high, domain=domain) for j in range(m))
    return Piece(
        axes,
        lambda arithmetic, numbers: arithmetic.xp.stack(list(numbers)),
        lambda numbers: np.array(numbers, dtype=np.float64),
        # Only the decreasing order is drawn; each spectrum has one.
        lambda numbers: list(zip(numbers[1:], numbers[:-1])),
    )


def _simplex(factor: Distribution, name: str, m: int) -> Piece:
    # That the last is not negative bounds the others, too; it is among the constraints.
    domain = Domain(Fraction(0))
    axes = tuple(Axis(f"{name}[{j}]", 0.0, 1.0, domain=domain) for j in range(m - 1))

    def last(numbers: Sequence[Number]) -> Value:
        rest: Any = 1
        for number in numbers:
            rest = rest - number
        return rest

    def value(arithmetic: Any, numbers: Sequence[Number]) -> Value:
        if not numbers:
            return arithmetic.xp.ones(1)
        return arithmetic.xp.stack([*numbers, last(numbers)])

    def constraints(numbers: Sequence[Number]) -> list[tuple[Value, Value]]:
        found = [(0 * numbers[0], last(numbers))] if numbers else []
        if factor.decreasing and numbers:
            whole = [*numbers, last(numbers)]
            found += list(zip(whole[1:], whole[:-1]))
        return found

    def raw(numbers: Sequence[float]) -> Value:
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
        ) -> Value:
            xp, t = arithmetic.xp, numbers[0]
            scale = 1 + t * t
            a, b = (t * t - 1) / scale, -2 * t / scale
            Q = xp.stack([xp.stack([a, b]), xp.stack([b, -a])])
            if not first:
                Q = xp.stack([xp.stack([-a, b]), xp.stack([b, a])])
            if second:
                Q = Q @ xp.asarray([[-1.0, 0.0], [0.0, 1.0]])
            return Q

        def raw(numbers: Sequence[float], first: bool = first, second: bool = second) -> Value:
            t = float(numbers[0])
            columns = [[1.0, t] if first else [t, 1.0]] + [[1.0, 0.0]] * second
            return np.array(columns).T

        note = ("(1, t)" if first else "(t, 1)") + (" and (1, 0)" if second else "")
        axis = Axis(f"{name}.t", -1.0, 1.0, domain=Domain())
        found.append(Piece((axis,), value, raw, note=note))
    return found
