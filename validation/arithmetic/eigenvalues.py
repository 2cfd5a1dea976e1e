"""Certified eigenvalues of symmetric matrices of balls, repeated ones included.

With V from `refinement.py`, which is exact but only nearly right, V^T M V = D + E and
V^T V = I + G are formed in balls for the midpoints M, and

- Weyl: the eigenvalues of D + E are those of D, up to ||E||;
- Ostrowski: those of V^T M V are those of M times numbers in [1 - ||G||, 1 + ||G||];
- Weyl: those of the true matrix are those of M, up to the norm of the radii.
"""

from __future__ import annotations

from flint import arb, arb_mat

from validation.arithmetic.ball import square, square_root
from validation.arithmetic.errors import Undecided, Undefined
from validation.arithmetic.refinement import (
    diagonalise,
    exponent,
    frobenius,
    power_of_two,
    sorted_places,
)
from validation.arithmetic.values import Matrix, Number


def eigenvalues(matrix: Matrix) -> list[Number]:
    """Return balls that contain the eigenvalues, in ascending order.

    Parameters
    ----------
    matrix : arb_mat
        Square. The true matrix is taken to be symmetric.

    Raises
    ------
    Undefined
        If the two triangles do not overlap, so that the true matrix is not symmetric.
    Undecided
        If the precision is too low for any enclosure.
    """
    n = matrix.nrows()
    if n == 0:
        return []
    if n == 1:
        return [matrix[0, 0]]
    size = frobenius(matrix)
    if not size.is_finite():
        return [arb("nan")] * n
    matrix = symmetric_part(matrix)
    if size > 0 and not 1e-100 < size < 1e100:
        # The refinement looks at floats here and there.
        power = exponent(size)
        scaled = eigenvalues(matrix * power_of_two(-power))
        return [x * power_of_two(power) for x in scaled]
    centre = matrix.mid()
    state = diagonalise(centre)
    if not state.defect < 1:
        raise Undecided("the refined eigenvectors are not certainly independent")
    around = arb(0, state.error)
    scale = arb(1, state.defect)
    beyond = arb(0, frobenius(matrix - centre))
    order = sorted_places(state.diagonal)
    return [(state.diagonal[i] + around) / scale + beyond for i in order]


def symmetric_part(matrix: Matrix) -> Number:
    """Return balls that contain the true matrix, which is known to be symmetric."""
    transpose = matrix.transpose()
    if not matrix.overlaps(transpose):
        raise Undefined("a matrix that has to be symmetric certainly is not")
    return (matrix + transpose) * arb(0.5)


def spectral_norm(matrix: Matrix) -> Number:
    """Return a ball that contains the largest singular value."""
    rows, columns = matrix.nrows(), matrix.ncols()
    if rows == 0 or columns == 0:
        return arb(0)
    if rows == 1 or columns == 1:
        return square_root(sum((square(x) for x in matrix.entries()), arb(0)))
    transpose = matrix.transpose()
    gram = matrix * transpose if rows <= columns else transpose * matrix
    return square_root(eigenvalues(gram)[-1])


def cholesky(matrix: Matrix) -> Number:
    """Return the lower triangular factor of a matrix that is certainly positive definite.

    Raises
    ------
    Undefined
        If a pivot is certainly negative after pivots that are certainly positive, so that the
        true matrix is not positive semidefinite.
    Undecided
        If the sign of a pivot is not certain.
    """
    n = matrix.nrows()
    rows = [[arb(0)] * n for _ in range(n)]
    for j in range(n):
        left = rows[j]
        pivot = matrix[j, j]
        for p in range(j):
            pivot = pivot - square(left[p])
        if not pivot > 0:
            if pivot < 0:
                raise Undefined("cholesky: the matrix is certainly not positive semidefinite")
            raise Undecided("cholesky: the matrix is not certainly positive definite")
        root = pivot.sqrt()
        left[j] = root
        for i in range(j + 1, n):
            row = rows[i]
            total = matrix[i, j]
            for p in range(j):
                total = total - row[p] * left[p]
            row[j] = total / root
    return arb_mat(n, n, [x for row in rows for x in row])
