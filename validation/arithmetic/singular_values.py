"""Certified singular values, ranks and pseudo-inverses of matrices of balls.

The singular values are the largest eigenvalues of the symmetric matrix [[0, A], [A^T, 0]], so that
those near 0 are as accurate as the others (the Gram matrix would lose half of their bits). A
matrix without radii has an exact rank, and the singular values beyond it are exactly 0.
"""

from __future__ import annotations

import contextlib

from flint import arb, arb_mat, fmpq, fmpq_mat, fmpz

from validation.arithmetic.ball import square, square_root
from validation.arithmetic.eigenvalues import eigenvalues
from validation.arithmetic.errors import Undecided
from validation.arithmetic.rational import pseudo_inverse as exact_pseudo_inverse
from validation.arithmetic.values import Matrix, Number

# Exact ranks are computed with integers of so many bits at most.
EXACT_BITS = 1 << 14


def singular_values(matrix: Matrix) -> list[Number]:
    """Return balls that contain the singular values, in descending order.

    Parameters
    ----------
    matrix : arb_mat
        Of any shape.
    """
    rows, columns = matrix.nrows(), matrix.ncols()
    count = min(rows, columns)
    if count == 0:
        return []
    if count == 1:
        return [square_root(sum((square(x) for x in matrix.entries()), arb(0)))]
    exact = as_rationals(matrix)
    known = count if exact is None else exact.rank()
    if known == 0:
        return [arb(0)] * count
    values = eigenvalues(_both_ways(matrix))[-known:]
    return [x.nonnegative_part() for x in reversed(values)] + [arb(0)] * (count - known)


def eigenvalues_with_zeros(matrix: Matrix) -> list[Number]:
    """Return the eigenvalues of a symmetric matrix, with exact zeros where the rank tells them.

    Where as many enclosures contain 0 as a matrix without radii lacks in rank, the others hold the
    eigenvalues that are not 0, and these are 0: a root of them loses nothing.
    """
    values = eigenvalues(matrix)
    around = [i for i, x in enumerate(values) if x.contains(0) and not x.is_exact()]
    exact = as_rationals(matrix) if around else None
    if exact is None:
        return values
    zeros = sum(x == 0 for x in values)
    if len(around) + zeros == matrix.nrows() - exact.rank():
        for i in around:
            values[i] = arb(0)
    return values


def _both_ways(matrix: Matrix) -> Number:
    """Return [[0, A], [A^T, 0]]."""
    rows, columns = matrix.nrows(), matrix.ncols()
    n = rows + columns
    whole = arb_mat(n, n)
    for i in range(rows):
        for j in range(columns):
            whole[i, rows + j] = whole[rows + j, i] = matrix[i, j]
    return whole


def rank(matrix: Matrix) -> int:
    """Return the rank, if it is certain: of a matrix of full rank, or of one without radii.

    Raises
    ------
    Undecided
        Otherwise: every ball around a matrix of deficient rank contains one of full rank.
    """
    if _has_full_rank(matrix):
        return int(min(matrix.nrows(), matrix.ncols()))
    exact = as_rationals(matrix)
    if exact is None:
        raise Undecided("matrix_rank: the matrix is not exact and not certainly of full rank")
    return int(exact.rank())


def pseudo_inverse(matrix: Matrix) -> Number:
    """Return the Moore-Penrose inverse, if the rank is certain (see `rank`)."""
    rows, columns = matrix.nrows(), matrix.ncols()
    transpose = matrix.transpose()
    if min(rows, columns) == 0:
        return transpose
    with contextlib.suppress(ZeroDivisionError):  # raised where it is not certainly nonsingular
        if rows == columns:
            return matrix.inv()
        if rows > columns:
            return (transpose * matrix).solve(transpose)
        return (matrix * transpose).solve(matrix).transpose()
    exact = as_rationals(matrix)
    if exact is None:
        raise Undecided("pinv: the matrix is not exact and not certainly of full rank")
    inverse = exact_pseudo_inverse(exact)
    return arb_mat(columns, rows, [arb(x) for x in inverse.entries()])


def _has_full_rank(matrix: Matrix) -> bool:
    rows, columns = matrix.nrows(), matrix.ncols()
    if min(rows, columns) == 0:
        return True
    transpose = matrix.transpose()
    square_matrix = matrix
    if rows != columns:
        square_matrix = transpose * matrix if rows > columns else matrix * transpose
    try:
        square_matrix.solve(arb_mat(square_matrix.nrows(), 1))
    except ZeroDivisionError:
        return False
    return True


def as_rationals(matrix: Matrix) -> Number:
    """Return the matrix of rationals with these entries, or None where one has a radius."""
    numbers = dyadic_entries(matrix, EXACT_BITS)
    if numbers is None:
        return None
    entries = [
        fmpq(fmpz(mantissa) << power) if power >= 0 else fmpq(mantissa, 1 << -power)
        for mantissa, power in numbers
    ]
    return fmpq_mat(matrix.nrows(), matrix.ncols(), entries)


def dyadic_entries(matrix: Matrix, bits: int) -> list[tuple[int, int]] | None:
    """Return (mantissa, power of 2) of every entry, or None.

    None where an entry has a radius, is not finite, or would need more than so many bits.
    """
    numbers = []
    for x in matrix.entries():
        if not (x.is_exact() and x.is_finite()):
            return None
        mantissa, power = (int(v) for v in x.man_exp())
        if abs(power) + mantissa.bit_length() > bits:
            return None
        numbers.append((mantissa, power))
    return numbers
