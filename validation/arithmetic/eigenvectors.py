"""Certified eigenvectors of symmetric matrices of balls, where the eigenvalues are apart.

With v near the j-th eigenvector and r = M v - theta v for the true M, the angle between them has a
sine of at most ||r|| / (||v|| gap), gap being the distance of theta from the other eigenvalues
(Davis and Kahan). So does every point of a ball around v/||v|| of radius sqrt(2) times that.
"""

from __future__ import annotations

from flint import arb, arb_mat

from validation.arithmetic.ball import square
from validation.arithmetic.checked import ORIENTATION
from validation.arithmetic.eigenvalues import eigenvalues, symmetric_part
from validation.arithmetic.errors import Undecided
from validation.arithmetic.refinement import (
    diagonalise,
    exponent,
    frobenius,
    power_of_two,
    sorted_places,
)
from validation.arithmetic.values import Matrix, Number


def eigenvectors(matrix: Matrix) -> Number:
    """Return a matrix whose columns contain the unit eigenvectors, eigenvalues ascending.

    Of v and -v it is the one whose inner product with (1, w, w^2, ...) is positive, w being
    `checked.ORIENTATION`.

    Raises
    ------
    Undefined
        If the true matrix is not symmetric.
    Undecided
        If two eigenvalues, or the sign of an inner product, are not certainly apart.
    """
    n = matrix.nrows()
    if n == 0:
        return arb_mat(0, 0)
    size = frobenius(matrix)
    if not size.is_finite():
        return arb_mat(n, n, [arb("nan")] * (n * n))
    matrix = symmetric_part(matrix)
    if size > 0:  # the vectors do not change with the scale, and the refinement looks at floats
        matrix = matrix * power_of_two(-exponent(size))
    values = eigenvalues(matrix)
    state = diagonalise(matrix.mid())
    columns = []
    for place, j in enumerate(sorted_places(state.diagonal)):
        v = [state.vectors[i, j] for i in range(n)]
        theta = state.diagonal[j]
        gap = arb("inf")
        for other in range(n):
            if other != place:
                gap = gap.min(abs(values[other] - theta))
        if not gap > 0:
            raise Undecided("eigh: two eigenvalues are not certainly different")
        column = arb_mat(n, 1, v)
        residual = frobenius(matrix * column - column * theta)
        length = sum((square(x) for x in v), arb(0)).sqrt()
        around = arb(0, (residual / (length * gap) * arb(2).sqrt()).upper()) if n > 1 else arb(0)
        columns.append(_oriented([x / length + around for x in v]))
    return arb_mat(n, n, [columns[j][i] for i in range(n) for j in range(n)])


def _oriented(v: list[Number]) -> list[Number]:
    product = sum((x * arb(ORIENTATION) ** i for i, x in enumerate(v)), arb(0))
    if product > 0:
        return v
    if product < 0:
        return [-x for x in v]
    raise Undecided("eigh: the orientation of an eigenvector is not certain")
