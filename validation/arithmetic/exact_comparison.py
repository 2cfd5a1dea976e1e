"""Comparisons of balls and of rationals, where a relation other than *overlap* is a proof."""

from __future__ import annotations

import math

import numpy as np
from flint import arb

from validation.arithmetic import eigenvalues, rational
from validation.arithmetic.ball import Balls, first_reason, lower, upper
from validation.arithmetic.comparison import Comparison, Relation, check_sides
from validation.arithmetic.errors import Undecided, Undefined
from validation.arithmetic.objects import ObjectArray
from validation.arithmetic.rational import Rationals
from validation.arithmetic.refinement import frobenius
from validation.arithmetic.values import Matrix, Number


def compare_exact(cls: type[ObjectArray], left: Number, right: Number, order: str) -> Comparison:
    """Compare two arrays of one exact kind."""
    left, right = _side(cls, left), _side(cls, right)
    shape = check_sides(order, left.shape, right.shape)
    if 0 in shape:
        return Comparison(Relation.EQUAL, agreement_bits=math.inf if order == "identity" else None)
    if order == "loewner":
        return _loewner(cls, left, right)
    lefts, rights = left.flat(), right.flat()
    count = max(len(lefts), len(rights))
    lefts = lefts if len(lefts) == count else lefts * count
    rights = rights if len(rights) == count else rights * count
    if cls is Balls:
        for place, (a, b) in enumerate(zip(lefts, rights)):
            if not (a.is_finite() and b.is_finite()):
                return _not_finite(_unravel(place, shape))
    gaps = [b - a for a, b in zip(lefts, rights)]
    if order == "identity":
        return _identity(cls, lefts, rights, gaps, shape)
    relation, place = _worst(lefts, rights, gaps)
    low, high = _ratios(cls, lefts, rights)
    margin = min(_low(cls, gap) for gap in gaps)
    bits, absolute = None, False
    if relation is Relation.OVERLAP:
        open_ = [i for i, (a, b) in enumerate(zip(lefts, rights)) if not a <= b]
        bits, absolute = _agreement(cls, *([x[i] for i in open_] for x in (lefts, rights, gaps)))
    return Comparison(
        relation, low, high, margin, _unravel(place, shape), agreement_bits=bits, absolute=absolute
    )


def _not_finite(index: tuple[int, ...]) -> Comparison:
    return Comparison(Relation.NOT_FINITE, index=index, finite=False, reason=first_reason())


def _side(cls: type[ObjectArray], value: Number) -> Number:
    if type(value) is cls:
        return value
    converted = cls.operand(value)
    if converted is NotImplemented:
        raise ValueError(f"both sides must be arrays of {cls.kind}s, got {type(value).__name__}")
    return converted


def _relation(a: Number, b: Number) -> Relation:
    if a > b:
        return Relation.ABOVE
    if a <= b:
        return Relation.EQUAL if a == b else Relation.BELOW
    return Relation.OVERLAP


_SEVERITY = {Relation.BELOW: 0, Relation.EQUAL: 1, Relation.OVERLAP: 2, Relation.ABOVE: 3}


def _worst(lefts: list[Number], rights: list[Number], gaps: list[Number]) -> tuple[Relation, int]:
    relations = [_relation(a, b) for a, b in zip(lefts, rights)]
    worst = max(relations, key=_SEVERITY.__getitem__)
    places = [i for i, relation in enumerate(relations) if relation is worst]
    return worst, min(places, key=lambda i: _middle(gaps[i]))


def _middle(x: Number) -> float:
    """Return a float near the number, for choosing among places only."""
    return float(x) if isinstance(x, arb) else float(rational.to_fraction(x))


def _identity(
    cls: type[ObjectArray],
    lefts: list[Number],
    rights: list[Number],
    gaps: list[Number],
    shape: tuple[int, ...],
) -> Comparison:
    apart = [abs(gap) for gap in gaps]
    place = max(range(len(apart)), key=lambda i: _middle(apart[i]))
    different = [i for i, (a, b) in enumerate(zip(lefts, rights)) if a != b]
    if different:
        place = max(different, key=lambda i: _middle(apart[i]))
        relation = Relation.ABOVE
    elif all(a == b for a, b in zip(lefts, rights)):
        relation = Relation.EQUAL
    else:
        relation = Relation.OVERLAP
    low, high = _ratios(cls, lefts, rights)
    bits, absolute = _agreement(cls, lefts, rights, gaps)
    margin = min(_low(cls, gap) for gap in gaps)
    return Comparison(
        relation, low, high, margin, _unravel(place, shape), agreement_bits=bits, absolute=absolute
    )


def _agreement(
    cls: type[ObjectArray], lefts: list[Number], rights: list[Number], gaps: list[Number]
) -> tuple[float, bool]:
    """Return the least p such that an entry agrees to 2^-p, and whether one counted absolutely."""
    least, absolute = math.inf, False
    for a, b, gap in zip(lefts, rights, gaps):
        if gap == 0:
            continue
        scale = _scale(_as_ball(cls, a), _as_ball(cls, b))
        absolute = absolute or scale is None
        apart = abs(_as_ball(cls, gap))
        least = min(least, _negative_log2(apart if scale is None else apart / scale))
    return least, absolute


def _scale(a: Number, b: Number) -> Number:
    """Return the lower end of the larger of |a| and |b|, or None where that may be 0."""
    scale = abs(a).max(abs(b)).lower()
    return scale if scale > 0 else None


def _negative_log2(x: Number) -> float:
    """Return a float p with x <= 2^-p, for a ball x >= 0."""
    top = x.upper()
    return lower(-(top.log() / arb(2).log())) if top > 0 else math.inf


def _largest(cls: type[ObjectArray], numbers: list[Number]) -> Number:
    best = _as_ball(cls, numbers[0])
    for x in numbers[1:]:
        best = best.max(_as_ball(cls, x))
    return best


def _as_ball(cls: type[ObjectArray], x: Number) -> Number:
    return x if cls is Balls else arb(x)


def _low(cls: type[ObjectArray], x: Number) -> float:
    return lower(_as_ball(cls, x))


def _ratios(
    cls: type[ObjectArray], lefts: list[Number], rights: list[Number]
) -> tuple[float | None, float | None]:
    quotients = [a / b for a, b in zip(lefts, rights) if b > 0]
    if not quotients:
        return None, None
    if cls is Rationals:
        quotients = [max(quotients)]
    best = _largest(cls, quotients)
    return lower(best), upper(best)


def _loewner(cls: type[ObjectArray], left: Number, right: Number) -> Comparison:
    A, B = left.as_matrix(), right.as_matrix()
    if cls is Rationals:
        gap = B - A
        if A.transpose() != A or B.transpose() != B:
            raise ValueError("both sides must be symmetric matrices")
        semidefinite, singular = rational.is_positive_semidefinite(gap)
        relation = Relation.ABOVE
        if semidefinite:
            relation = Relation.EQUAL if singular else Relation.BELOW
        A, B = (_ball_matrix(x) for x in (A, B))
    else:
        for matrix in (A, B):
            if not frobenius(matrix).is_finite():
                place = next(i for i, x in enumerate(matrix.entries()) if not x.is_finite())
                return _not_finite(_unravel(place, left.shape))
        relation = Relation.OVERLAP
    A, B = eigenvalues.symmetric_part(A), eigenvalues.symmetric_part(B)
    low, high = _generalised_ratio(A, B)
    margin, bits, absolute = None, None, False
    if relation is Relation.OVERLAP:
        # Where B is positive definite, A <= c B with c <= 1 settles it, and so does c > 1.
        if high is not None and high <= 1:
            relation = Relation.BELOW
        elif low is not None and low > 1:
            relation = Relation.ABOVE
        else:
            relation, margin = _definiteness(B - A)
        if relation is Relation.OVERLAP:
            bits, absolute = _loewner_agreement(A, B)
    return Comparison(relation, low, high, margin, agreement_bits=bits, absolute=absolute)


def _loewner_agreement(A: Matrix, B: Matrix) -> tuple[float, bool]:
    """Return p such that the smallest eigenvalue of the scaled difference is 0 to 2^-p.

    Scaled by D^-1 from both sides, which keeps the order; D is the root of the larger diagonal.
    """
    n, absolute = A.nrows(), False
    roots = []
    for i in range(n):
        scale = _scale(A[i, i], B[i, i])
        absolute = absolute or scale is None
        roots.append(arb(1) if scale is None else scale.sqrt().mid())
    gap = B - A
    scaled = [gap[i, j] / (roots[i] * roots[j]) for i in range(n) for j in range(n)]
    try:
        smallest = eigenvalues.eigenvalues(Balls.matrix(n, n, scaled))[0]
    except Undecided:
        return -math.inf, absolute
    return _negative_log2(abs(smallest)), absolute


def _definiteness(gap: Number) -> tuple[Relation, float | None]:
    """Say whether a matrix is certainly PSD, or certainly not, and enclose its eigenvalues."""
    if all(x == 0 for x in gap.entries()):
        return Relation.EQUAL, 0.0
    try:
        smallest = eigenvalues.eigenvalues(gap)[0]
    except Undecided:
        return Relation.OVERLAP, None
    relation = Relation.OVERLAP
    if smallest >= 0:
        relation = Relation.BELOW
    elif smallest < 0:
        relation = Relation.ABOVE
    return relation, lower(smallest)


def _generalised_ratio(A: Matrix, B: Matrix) -> tuple[float | None, float | None]:
    """Enclose the smallest c with A <= c B, for a certainly positive definite B."""
    try:
        factor = eigenvalues.cholesky(B)
        half = factor.solve(A)
        whole = factor.solve(half.transpose())
        largest = eigenvalues.eigenvalues(whole)[-1]
    except (Undecided, Undefined, ZeroDivisionError):
        return None, None
    return lower(largest), upper(largest)


def _ball_matrix(matrix: Matrix) -> Number:
    return Balls.matrix(matrix.nrows(), matrix.ncols(), [arb(x) for x in matrix.entries()])


def _unravel(place: int, shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(int(i) for i in np.unravel_index(place, shape)) if shape else ()
