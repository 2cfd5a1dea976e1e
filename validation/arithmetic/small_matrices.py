"""Small matrices over any numbers: products, determinants and eigenvalues by formula.

FLINT has matrices of balls and of rationals. Intervals over many cells, jets and recorded
expressions are kinds of numbers that it does not know; for them a matrix is a list of entries, and
what needs an elimination is done by cofactors, which is exact algebra, involves no choice of a
pivot, and is affordable for up to four rows.

Where a matrix is F F^T by its making, or a multiple of the identity, or a sum of such, a lower
bound on its eigenvalues is known (its *floor*); determinants use it: for P >= 0 and f >= 0,
det(P + f I) >= f^{m-1} (f + Tr P).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from validation.arithmetic import stacks
from validation.arithmetic.checked import check_square
from validation.arithmetic.errors import Unsupported
from validation.arithmetic.exact_linalg import ExactLinalg
from validation.arithmetic.values import Axis, Matrix, Number, Value

ROWS = 4  # the largest matrix whose determinant is expanded


class EntryMatrix:
    """A matrix as FLINT's are called: `entries`, products, `transpose`, `det`."""

    __slots__ = ("_columns", "_flat", "_rows", "base", "floor")

    def __init__(
        self,
        rows: int,
        columns: int,
        flat: Sequence[Number],
        floor: Number = None,
        base: EntryMatrix | str | None = None,
    ) -> None:
        """Make it of its entries.

        `base` is P where the matrix is P + floor I, or "I" where it is floor I.
        """
        self._rows, self._columns, self._flat = rows, columns, list(flat)
        self.floor, self.base = floor, base

    def nrows(self) -> int:
        """Return the number of rows."""
        return self._rows

    def ncols(self) -> int:
        """Return the number of columns."""
        return self._columns

    def entries(self) -> list[Number]:
        """Return the entries in row-major order."""
        return self._flat

    def __getitem__(self, place: tuple[int, int]) -> Number:
        return self._flat[place[0] * self._columns + place[1]]

    def transpose(self) -> EntryMatrix:
        """Return the transpose."""
        flat = [self[i, j] for j in range(self._columns) for i in range(self._rows)]
        return EntryMatrix(self._columns, self._rows, flat, self.floor)

    def trace(self) -> Number:
        """Return the sum of the diagonal."""
        return _sum([self[i, i] for i in range(self._rows)])

    def __add__(self, other: EntryMatrix) -> EntryMatrix:
        flat = [a + b for a, b in zip(self._flat, other._flat)]
        both = self.floor is not None and other.floor is not None
        floor = self.floor + other.floor if both else None
        base = self.base if other.base == "I" else other.base if self.base == "I" else None
        return EntryMatrix(self._rows, self._columns, flat, floor, base if both else None)

    def __sub__(self, other: EntryMatrix) -> EntryMatrix:
        return EntryMatrix(
            self._rows, self._columns, [a - b for a, b in zip(self._flat, other._flat)]
        )

    def __neg__(self) -> EntryMatrix:
        return EntryMatrix(self._rows, self._columns, [-a for a in self._flat])

    def __mul__(self, other: Number) -> EntryMatrix:
        if not isinstance(other, EntryMatrix):
            keeps = self.floor is not None and other.certainly_nonnegative()
            floor = other * self.floor if keeps else None
            base = "I" if self.base == "I" and keeps else None
            flat = [other * a for a in self._flat]
            return EntryMatrix(self._rows, self._columns, flat, floor, base)
        if self._columns == 0:
            raise Unsupported("a product of empty matrices over these numbers")
        if _is_transpose(self, other):
            return _gram(self)
        flat = [
            _sum([self[i, k] * other[k, j] for k in range(self._columns)])
            for i in range(self._rows)
            for j in range(other._columns)
        ]
        return EntryMatrix(self._rows, other._columns, flat)

    __rmul__ = __mul__

    def det(self) -> Number:
        """Return the determinant, by cofactors."""
        n = self._rows
        if n == 0:
            raise Unsupported("the determinant of an empty matrix over these numbers")
        if n > ROWS:
            raise Unsupported(f"determinants over these numbers have up to {ROWS} rows, not {n}")
        value = determinant([[self[i, j] for j in range(n)] for i in range(n)])
        # What is known of the eigenvalues narrows the enclosure.
        if self.floor is not None and self.floor.certainly_nonnegative():
            f = self.floor
            # Tr P = Tr M - m f, so that f^{m-1} (f + Tr P) = f^{m-1} (Tr M - (m - 1) f).
            least = self.trace() - f * (n - 1) if n > 1 else self.trace()
            for _ in range(n - 1):
                least = least * f
            value = value.raised_to(least)
        return value


def _is_transpose(a: EntryMatrix, b: EntryMatrix) -> bool:
    if a._rows != b._columns or a._columns != b._rows:
        return False
    return all(a[i, k] is b[k, i] for i in range(a._rows) for k in range(a._columns))


def _gram(a: EntryMatrix) -> EntryMatrix:
    n = a._rows
    table: dict[tuple[int, int], Number] = {}
    for i in range(n):
        table[i, i] = _sum([a[i, k].square() for k in range(a._columns)])
        for j in range(i):
            table[i, j] = table[j, i] = _sum([a[i, k] * a[j, k] for k in range(a._columns)])
    zero = a[0, 0] * 0
    gram = EntryMatrix(n, n, [table[i, j] for i in range(n) for j in range(n)], zero)
    gram.base = gram
    return gram


def _sum(numbers: list[Number]) -> Number:
    total = numbers[0]
    for number in numbers[1:]:
        total = total + number
    return total


def symmetric(a: EntryMatrix) -> EntryMatrix:
    """Return a matrix that is to be symmetric, each pair of its entries as one number.

    A pair that differs is refused, or has no value: of half a matrix nothing follows.
    """
    n = a.nrows()
    both = {(i, j): a[i, j].agreeing(a[j, i]) for i in range(n) for j in range(i + 1)}
    flat = [both[max(i, j), min(i, j)] for i in range(n) for j in range(n)]
    return EntryMatrix(n, n, flat, a.floor, a.base)


def determinant(rows: list[list[Number]]) -> Number:
    """Return the determinant of a table of numbers, by cofactors along its first row."""
    n = len(rows)
    if n == 1:
        return rows[0][0]
    if n == 2:
        (a, b), (c, d) = rows
        return a * d - (b.square() if b is c else b * c)
    terms = []
    for j in range(n):
        minor = determinant([row[:j] + row[j + 1 :] for row in rows[1:]])
        terms.append(rows[0][j] * minor if j % 2 == 0 else -(rows[0][j] * minor))
    return _sum(terms)


def refused(name: str, kind: str) -> Unsupported:
    """Say that numbers of a kind do not have a function of the vocabulary, and what does."""
    return Unsupported(
        f"{name} is not known over {kind}s: `rnnbounds verify` has it in float64 and in balls, and "
        "a proof needs the statement without it"
    )


class SmallLinalg(ExactLinalg):
    """`xp.linalg` for matrices of a few rows."""

    def __getattribute__(self, name: str) -> Number:
        if name in ("eigh", "matrix_rank", "pinv", "spectral_radius"):
            raise refused(f"xp.linalg.{name}", self._array.kind)
        return super().__getattribute__(name)

    def trace(self, x: Value, /, *, offset: int = 0) -> Value:
        """Sum a diagonal of each matrix."""
        return self._xp.sum(self.diagonal(x, offset=offset), axis=-1)

    def _solve(self, a: EntryMatrix, b: EntryMatrix) -> EntryMatrix:
        n = a.nrows()
        if a.base is b and a.floor is not None:
            # (P + f I)^{-1} P = I - f (P + f I)^{-1}, in which every number occurs less often.
            one = a.floor * 0 + 1
            eye = [one if i == j else one * 0 for i in range(n) for j in range(n)]
            inverse = self._solve(a, EntryMatrix(n, n, eye))
            rest = [a.floor * x for x in inverse.entries()]
            return EntryMatrix(n, n, [x - y for x, y in zip(eye, rest)])
        if n == 1:
            return EntryMatrix(1, b.ncols(), [x / a[0, 0] for x in b.entries()])
        det = a.det()
        cofactors = _cofactors(a)
        flat = [
            _sum([cofactors[k][i] * b[k, j] for k in range(n)]) / det
            for i in range(n)
            for j in range(b.ncols())
        ]
        return EntryMatrix(n, b.ncols(), flat)

    def slogdet(self, x: Value, /) -> tuple[Value, Value]:
        """Return the signs and the logarithms of the absolute values of determinants."""
        det = self.det(x)
        if bool((det > 0) if det.shape == () else (det > 0).all()):
            return self._xp.ones_like(det), self._xp.log(det)
        return -self._xp.ones_like(det), self._xp.log(-det)

    def eigvalsh(self, x: Value, /) -> Value:
        """Return the eigenvalues of symmetric matrices of one or two rows, ascending."""
        check_square("eigvalsh", x)
        return stacks.over_stacks(self._eigenvalues, x)

    def _eigenvalues(self, a: EntryMatrix) -> list[Number]:
        a = symmetric(a)
        n = a.nrows()
        if n == 1:
            return [a[0, 0]]
        if n != 2:
            raise Unsupported(f"eigenvalues over these numbers have up to 2 rows, not {n}")
        middle = (a[0, 0] + a[1, 1]) / 2
        distance = _radius(a)
        low, high = middle - distance, middle + distance
        if a.floor is not None:
            low, high = low.raised_to(a.floor), high.raised_to(a.floor)
        return [low, high]

    def svdvals(self, x: Value, /) -> Value:
        """Return the singular values in descending order, where a side is 1 or 2."""
        return stacks.over_stacks(self._singular_values, x)

    def _singular_values(self, a: EntryMatrix) -> list[Number]:
        if min(a.nrows(), a.ncols()) == 1:
            return [self._largest_singular(a)]
        gram = _gram(a if a.nrows() <= a.ncols() else a.transpose())
        if gram.nrows() != 2:
            raise Unsupported(
                "singular values over these numbers need a side of 1 or 2, not "
                f"{a.nrows()} x {a.ncols()}"
            )
        return [value.sqrt() for value in reversed(self._eigenvalues(gram))]

    def cholesky(self, x: Value, /) -> Value:
        """Return the lower triangular factor of positive definite matrices."""
        check_square("cholesky", x)
        return stacks.over_stacks(self._cholesky, x)

    def _cholesky(self, a: EntryMatrix) -> EntryMatrix:
        a = symmetric(a)
        n = a.nrows()
        zero = a[0, 0] * 0
        factor: list[list[Matrix]] = [[zero] * n for _ in range(n)]
        for i in range(n):
            for j in range(i + 1):
                rest = a[i, j]
                for k in range(j):
                    product = factor[i][k].square() if i == j else factor[i][k] * factor[j][k]
                    rest = rest - product
                factor[i][j] = rest.sqrt() if i == j else rest / factor[j][j]
        return EntryMatrix(n, n, [x for row in factor for x in row])

    def _spectral_norm(self, x: Value) -> Value:
        return stacks.over_stacks(self._largest_singular, x)

    def _largest_singular(self, a: EntryMatrix) -> Number:
        rows, columns = a.nrows(), a.ncols()
        if min(rows, columns) == 1:
            if rows * columns == 1:
                return abs(a[0, 0])
            return _sum([x.square() for x in a.entries()]).sqrt()
        wide = a if rows <= columns else a.transpose()
        gram = _gram(wide)
        if gram.nrows() != 2:
            raise Unsupported(
                f"spectral norms over these numbers need a side of 1 or 2, not {rows} x {columns}"
            )
        return self._eigenvalues(gram)[1].sqrt()

    def vector_norm(
        self, x: Value, /, *, axis: Axis = None, keepdims: bool = False, ord: float = 2
    ) -> Value:
        """Return the 1-, 2- or infinity-norm along axes."""
        if ord in (1, 2, math.inf) and x.size == 1:
            axes = 1 if isinstance(axis, int) else x.ndim if axis is None else len(axis)
            return abs(x).reshaped((1,) * (x.ndim if keepdims else x.ndim - axes))
        return super().vector_norm(x, axis=axis, keepdims=keepdims, ord=ord)


def _radius(a: EntryMatrix) -> Number:
    """Return half the distance of the eigenvalues of a symmetric 2 x 2 matrix."""
    return (((a[0, 0] - a[1, 1]) / 2).square() + a[0, 1].square()).sqrt()


def _cofactors(a: EntryMatrix) -> list[list[Number]]:
    n = a.nrows()
    table = []
    for i in range(n):
        row = []
        for j in range(n):
            rest = [[a[p, q] for q in range(n) if q != j] for p in range(n) if p != i]
            minor = determinant(rest)
            row.append(minor if (i + j) % 2 == 0 else -minor)
        table.append(row)
    return table
