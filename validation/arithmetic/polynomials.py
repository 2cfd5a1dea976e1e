"""Polynomials with rational coefficients and exact linear algebra, as FLINT has them.

What proves by algebra needs these and nothing else of FLINT: polynomials multiply, divide, factor
and are compared exactly; coefficients are fractions.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from flint import Ordering, fmpq, fmpq_mat, fmpq_mpoly_ctx, fmpz_mat

from validation.arithmetic.values import Number


def ring(names: Sequence[str]) -> Number:
    """The polynomials in these indeterminates: `gens()`, `constant(c)`, `from_dict(terms)`."""
    return fmpq_mpoly_ctx.get(tuple(names) or ("unused",), Ordering.degrevlex)


def rational(value: int | Fraction) -> Any:
    """A fraction as a coefficient."""
    exact = Fraction(value)
    return fmpq(exact.numerator, exact.denominator)


def fraction(value: Number) -> Fraction:
    """A coefficient as a fraction."""
    return Fraction(int(value.p), int(value.q))


def nearest(value: Number) -> float:
    """The nearest float of a coefficient, infinite where it is beyond all floats."""
    top, bottom = int(value.p), int(value.q)
    try:
        return top / bottom
    except OverflowError:
        return math.inf if top > 0 else -math.inf


def terms_of(p: Number) -> dict[tuple[int, ...], Number]:
    """The terms of a polynomial: its coefficients by their exponents."""
    return {tuple(int(e) for e in exponents): c for exponents, c in p.to_dict().items()}


def nullspace(rows: Sequence[Sequence[int]]) -> list[list[int]]:
    """Integer vectors that span the numbers orthogonal to all rows."""
    basis, nullity = fmpz_mat([list(row) for row in rows]).nullspace()
    size = len(rows[0])
    return [[int(basis[i, j]) for i in range(size)] for j in range(int(nullity))]


def only_solution(rows: Sequence[Sequence[Number]]) -> list[Number] | None:
    """The solution of a system [A | b] where it is the only one; None where it is not."""
    count = len(rows[0]) - 1
    reduced, rank = fmpq_mat([list(row) for row in rows]).rref()
    if rank != count or any(reduced[r, r] != 1 for r in range(count)):
        return None
    return [reduced[r, count] for r in range(count)]
