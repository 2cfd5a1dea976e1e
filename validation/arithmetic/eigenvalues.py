"""Certified eigenvalues of symmetric matrices of balls, repeated ones included.

The eigenvectors are float64's, refined on the midpoints by the iteration of Ogita and Aishima
("Iterative refinement for symmetric eigenvalue decomposition", Japan J. Indust. Appl. Math. 2018),
which nothing has to be believed about: at the end V^T A V = D + E and V^T V = I + G are formed in
balls, and

- Weyl: the eigenvalues of D + E are those of D up to ||E||;
- Ostrowski: those of V^T A V are those of A times numbers in [1 - ||G||, 1 + ||G||];
- Weyl again for the radii of A.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from flint import arb, arb_mat

from .ball import square, square_root
from .errors import Undecided, Undefined

# Each step doubles the number of correct bits, from about 45; 10 steps reach 2^15 bits.
MAX_STEPS = 12


def eigenvalues(matrix: Any) -> list[Any]:
    """Return balls that contain the eigenvalues, in ascending order.

    Parameters
    ----------
    matrix : arb_mat
        Square; the true matrix inside is taken to be symmetric. If its two triangles do not
        overlap, it is not, and `Undefined` is raised.
    """
    n = matrix.nrows()
    if n != matrix.ncols():
        raise ValueError(f"eigenvalues need a square matrix, got {(n, matrix.ncols())}")
    if n == 0:
        return []
    if n == 1:
        return [matrix[0, 0]]
    matrix = symmetric_part(matrix)
    if not frobenius(matrix).is_finite():
        return [arb("nan")] * n
    vectors, error, defect, values = refined_vectors(matrix)
    if not defect < 1:
        raise Undecided("the refined eigenvectors are not certainly independent")
    outer = frobenius(matrix - matrix.mid())
    around = arb(0, error.upper())
    scale = arb(1, defect.upper())
    beyond = arb(0, outer.upper())
    return [(value + around) / scale + beyond for value in sorted_exact(values)]


def symmetric_part(matrix: Any) -> Any:
    """Return balls that contain the true matrix, which is known to be symmetric."""
    transpose = matrix.transpose()
    if not matrix.overlaps(transpose):
        raise Undefined("eigvalsh was called on a matrix that is certainly not symmetric")
    return (matrix + transpose) * arb(0.5)


def frobenius(matrix: Any) -> Any:
    """Return a ball whose upper end is at least the Frobenius norm of a matrix of balls."""
    return (matrix * matrix.transpose()).trace().upper().sqrt()


def refined_vectors(matrix: Any) -> tuple[Any, Any, Any, list[Any]]:
    """Return V, ||E||, ||G|| and the diagonal D of the module's docstring.

    V is exact (a matrix of midpoints) and belongs to the midpoint of the matrix, E and G too.
    """
    centre = matrix.mid()
    n = centre.nrows()
    vectors = float_vectors(centre)
    size = frobenius(centre)
    best: tuple[Any, Any, Any, list[Any]] | None = None
    for _ in range(MAX_STEPS):
        transpose = vectors.transpose()
        gram = transpose * vectors
        rotated = transpose * (centre * vectors)
        diagonal = [rotated[i, i].mid() for i in range(n)]
        error = frobenius(rotated - diagonal_matrix(diagonal))
        defect = frobenius(gram - identity(n))
        if best is not None and not 4 * (error + size * defect) < best[1] + size * best[2]:
            return best if not error < best[1] else (vectors, error, defect, diagonal)
        best = (vectors, error, defect, diagonal)
        correction = _correction(rotated, gram, error + size * defect)
        vectors = (vectors + vectors * correction).mid()
    assert best is not None
    return best


def float_vectors(centre: Any) -> Any:
    """Return float64's eigenvectors of an exact symmetric matrix, as an exact matrix."""
    n = centre.nrows()
    entries = np.array([float(x) for x in centre.entries()])
    largest = np.abs(entries).max(initial=0.0)
    if not 1e-100 < largest < 1e100:
        entries = np.array(_scaled_floats(centre.entries()))
    # Off-diagonal rounding differs between the triangles of nothing: the centre is symmetric.
    vectors = np.linalg.eigh(entries.reshape(n, n))[1]
    return arb_mat(n, n, vectors.ravel().tolist())


def identity(n: int) -> Any:
    """Return the identity matrix."""
    return arb_mat(n, n, 1)


def diagonal_matrix(diagonal: list[Any]) -> Any:
    """Return a matrix with this diagonal."""
    n = len(diagonal)
    matrix = arb_mat(n, n)
    for i, value in enumerate(diagonal):
        matrix[i, i] = value
    return matrix


def sorted_exact(values: list[Any]) -> list[Any]:
    """Sort balls without radius, whose order is always certain."""
    ordered: list[Any] = []
    for value in values:
        place = len(ordered)
        while place and value < ordered[place - 1]:
            place -= 1
        ordered.insert(place, value)
    return ordered


def _scaled_floats(numbers: list[Any]) -> list[float]:
    """Return the numbers divided by a power of two, so that the largest is about 1."""
    exponents = [0 if x == 0 else _exponent(x) for x in numbers]
    top = max((e for e, x in zip(exponents, numbers) if x != 0), default=0)
    scale = arb(2) ** -top
    return [float(x * scale) for x in numbers]


def _exponent(x: Any) -> int:
    mantissa, exponent = x.mid().man_exp()
    return int(exponent) + int(mantissa).bit_length()


def _correction(rotated: Any, gram: Any, noise: Any) -> Any:
    """Return the matrix X of one step V <- V + V X.

    Where two diagonal entries are further apart than the error, X solves the linearised equations;
    where they are not, it only restores orthogonality, and a cluster whose own block is still far
    from diagonal is turned by float64's eigenvectors of the block's deviation from its mean.
    """
    n = rotated.nrows()
    rotated, gram = rotated.mid(), gram.mid()
    T = np.fromiter(rotated.entries(), dtype=object, count=n * n).reshape(n, n)
    R = np.fromiter((identity(n) - gram).entries(), dtype=object, count=n * n).reshape(n, n)
    # lambda_i = T_ii / (1 - R_ii) to first order
    values = np.diagonal(T) * (1 + np.diagonal(R))
    gaps = values[None, :] - values[:, None]
    threshold = float(2 * noise)
    close = np.abs(np.array([float(g) for g in gaps.ravel().tolist()]).reshape(n, n)) <= threshold
    X = np.where(close, R * arb(0.5), (T + R * values[None, :]) / np.where(close, arb(1), gaps))
    return arb_mat(n, n, X.ravel().tolist())


def cholesky(matrix: Any) -> Any:
    """Return the lower triangular factor of a matrix that is certainly positive definite."""
    n = matrix.nrows()
    rows = [[arb(0)] * n for _ in range(n)]
    for j in range(n):
        left = rows[j]
        pivot = matrix[j, j]
        for p in range(j):
            pivot = pivot - left[p] * left[p]
        if not pivot > 0:
            if pivot < 0:
                raise Undefined("cholesky: the matrix is certainly not positive definite")
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


def spectral_norm(matrix: Any) -> Any:
    """Return a ball that contains the largest singular value."""
    rows, columns = matrix.nrows(), matrix.ncols()
    if rows == 0 or columns == 0:
        return arb(0)
    if rows == 1 or columns == 1:
        total = arb(0)
        for x in matrix.entries():
            total = total + square(x)
        return square_root(total)
    transpose = matrix.transpose()
    gram = matrix * transpose if rows <= columns else transpose * matrix
    return square_root(eigenvalues(gram)[-1])
