"""Eigenvectors of a symmetric matrix to any precision; none of it has to be believed.

The start is float64's `eigh`. A step of Ogita and Aishima ("Iterative refinement for symmetric
eigenvalue decomposition", Japan J. Indust. Appl. Math. 2018) squares the error wherever two
eigenvalues are further apart than it. Inside a cluster of closer ones the steps stall; there the
block of the cluster, less its mean, is diagonalised by float64 once more, which splits it 16 digits
further down. `eigenvalues.py` says what is proved of the result.
"""

from __future__ import annotations

import functools
import itertools
from dataclasses import dataclass

import flint
import numpy as np
from flint import arb, arb_mat, fmpz

from validation.arithmetic.errors import Undecided
from validation.arithmetic.values import Matrix, Number

# Steps double the number of correct bits from about 45: more than enough for 2^20 bits, with a
# few to spare for clusters within clusters.
MAX_STEPS = 30

# Where eigenvalues are closer than this many errors, they belong to one cluster; then no entry
# of a step exceeds an eighth.
SEPARATION = 8


@dataclass(frozen=True, slots=True)
class Diagonalised:
    """V^T M V = D + E and V^T V = I + G, in balls, for an exact symmetric M."""

    vectors: Matrix  # V, exact
    rotated: Matrix  # D + E
    gram: Matrix  # I + G
    diagonal: list[Number]  # D, exact
    error: Number  # a ball whose upper end is at least ||E||
    defect: Number  # one whose upper end is at least ||G||
    total: Number  # the error of the eigenvalues, roughly


def diagonalise(centre: Matrix) -> Diagonalised:
    """Return nearly orthogonal V that nearly diagonalise an exact symmetric matrix.

    Parameters
    ----------
    centre : arb_mat
        Symmetric, finite, without radii, of at least 1 row.
    """
    size = frobenius(centre)
    target = size * (8 * centre.nrows()) * arb(2) ** -flint.ctx.prec
    best = _examine(centre, size, float_vectors(centre))
    turned = False
    for _ in range(MAX_STEPS):
        if best.total <= target:
            break
        new = _examine(centre, size, _step(best))
        if 4 * new.total < best.total:
            best, turned = new, False
            continue
        # A large turn between close eigenvalues costs orthogonality, which is cheap to restore.
        new = _examine(centre, size, _orthogonal(new.vectors))
        if 4 * new.total < best.total:
            best, turned = new, False
            continue
        if turned:
            break
        # The stalled step may still have put everything outside the clusters right.
        start = new if new.total < 2 * best.total else best
        new = _examine(centre, size, _orthogonal(_turn(start)))
        if not new.total < best.total:
            break
        best, turned = new, not 4 * new.total < best.total
    return best


def frobenius(matrix: Matrix) -> Number:
    """Return an exact ball that is at least the Frobenius norm of a matrix of balls."""
    return (matrix * matrix.transpose()).trace().upper().sqrt().upper()


def identity(n: int) -> Number:
    """Return the identity matrix."""
    return arb_mat(n, n, 1)


def float_vectors(centre: Matrix) -> Number:
    """Return float64's eigenvectors of an exact symmetric matrix, as an exact matrix."""
    n = centre.nrows()
    try:
        vectors = np.linalg.eigh(_floats(centre.entries()).reshape(n, n))[1]
    except np.linalg.LinAlgError:
        raise Undecided("float64 found no eigenvectors to start from") from None
    return arb_mat(n, n, vectors.ravel().tolist())


def _floats(numbers: list[Number]) -> Number:
    """Return the numbers over a power of two that brings the largest of them near 1."""
    values = np.array([float(x) for x in numbers])
    largest = np.abs(values).max(initial=0.0)
    if 1e-100 < largest < 1e100:
        return values
    scale = power_of_two(-max((exponent(x) for x in numbers if x != 0), default=0))
    return np.array([float(x * scale) for x in numbers])


def exponent(x: Number) -> int:
    """Return e with |x| about 2^e, for the midpoint of a ball other than 0."""
    mantissa, power = x.mid().man_exp()
    return int(power) + int(mantissa).bit_length()


def power_of_two(e: int) -> Number:
    """Return 2^e exactly."""
    return arb(1) / arb(fmpz(1) << -e) if e < 0 else arb(fmpz(1) << e)


def _examine(centre: Matrix, size: Number, vectors: Matrix) -> Diagonalised:
    n = centre.nrows()
    transpose = vectors.transpose()
    gram = transpose * vectors
    rotated = transpose * (centre * vectors)
    diagonal = [rotated[i, i].mid() for i in range(n)]
    remainder = arb_mat(rotated)
    for i, value in enumerate(diagonal):
        remainder[i, i] = rotated[i, i] - value
    error, defect = frobenius(remainder), frobenius(gram - identity(n))
    total = (error + size * defect).upper()
    return Diagonalised(vectors, rotated, gram, diagonal, error, defect, total)


def _step(state: Diagonalised) -> Number:
    """Return V + V X, X the solution of the linearised equations.

    X_ij = (T_ij + lambda_j R_ij)/(lambda_j - lambda_i) with T = V^T M V, R = I - V^T V, between
    separated eigenvalues; R_ij/2, which only restores orthogonality, elsewhere.
    """
    n = len(state.diagonal)
    T = _objects(state.rotated.mid())
    R = _objects((identity(n) - state.gram).mid())
    values = np.diagonal(T) * (1 + np.diagonal(R))
    gaps = values[None, :] - values[:, None]
    apart = np.abs(np.array([float(g) for g in gaps.ravel().tolist()]).reshape(n, n))
    close = apart <= _float_up(SEPARATION * state.total)
    X = R * arb(0.5)
    far = ~close
    X[far] = ((T + R * values[None, :])[far]) / gaps[far]
    V = state.vectors
    # Radii are dropped first: a product of balls keeps no digits below them.
    return (V + V * arb_mat(n, n, X.ravel().tolist()).mid()).mid()


def _turn(state: Diagonalised) -> Number:
    """Return V with each cluster turned by float64's eigenvectors of its block."""
    n = len(state.diagonal)
    T = state.rotated.mid()
    W = identity(n)
    for cluster in _clusters(state.diagonal, SEPARATION * state.total):
        mean = state.diagonal[cluster[0]]
        block = [T[i, j] - mean if i == j else T[i, j] for i in cluster for j in cluster]
        size = len(cluster)
        turn = float_vectors(arb_mat(size, size, block).mid())
        for a, i in enumerate(cluster):
            for b, j in enumerate(cluster):
                W[i, j] = turn[a, b]
    return (state.vectors * W).mid()


def _orthogonal(vectors: Matrix) -> Number:
    """Return the nearly orthogonal V after Newton's steps V <- V + V (I - V^T V)/2."""
    one = identity(vectors.nrows())
    before = None
    while True:
        remainder = one - vectors.transpose() * vectors
        defect = frobenius(remainder)
        if not defect < 1 or (before is not None and not 4 * defect < before):
            return vectors
        before = defect
        vectors = (vectors + vectors * (remainder.mid() * arb(0.5))).mid()


def _clusters(diagonal: list[Number], width: Number) -> list[list[int]]:
    """Group the places whose sorted values follow each other within `width`."""
    order = sorted_places(diagonal)
    clusters = [[order[0]]]
    for before, place in itertools.pairwise(order):
        if diagonal[place] - diagonal[before] <= width:
            clusters[-1].append(place)
        else:
            clusters.append([place])
    return [cluster for cluster in clusters if len(cluster) > 1]


def sorted_places(values: list[Number]) -> list[int]:
    """Return the places of balls without radius, in ascending order of the values."""

    def order(i: int, j: int) -> int:
        return -1 if values[i] < values[j] else int(values[i] > values[j])

    return sorted(range(len(values)), key=functools.cmp_to_key(order))


def _objects(matrix: Matrix) -> Number:
    n = matrix.nrows()
    return np.fromiter(matrix.entries(), dtype=object, count=n * n).reshape(n, n)


def _float_up(x: Number) -> float:
    """Return a float not far below x, and never 0 for a positive one."""
    return max(float(x), 5e-324)
