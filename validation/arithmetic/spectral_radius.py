"""The spectral radius of a general matrix of balls, certified.

With X near the eigenvectors of A, X^-1 A X is enclosed in balls, and its eigenvalues (those of A)
lie in Gershgorin's discs: as many in every connected union of discs as it has discs. So the radius
is at most the furthest point of any disc, and at least the nearest point of the union that
contains the disc whose centre is furthest. X is only a guess: nothing about it has to be believed.
"""

from __future__ import annotations

from typing import Any

import flint
from flint import acb_mat, arb

from .ball import from_zero_to
from .eigenvalues import eigenvalues
from .errors import Undecided


def spectral_radius(matrix: Any) -> Any:
    """Return a ball that contains the largest absolute value of an eigenvalue.

    Of a defective matrix it is as wide as its eigenvalues are sensitive.

    Parameters
    ----------
    matrix : arb_mat
        Square.

    Raises
    ------
    Undecided
        If no enclosure was found at this precision.
    """
    n = matrix.nrows()
    if n == 0:
        return arb(0)
    if not all(x.is_finite() for x in matrix.entries()):
        return arb("nan")
    if _is_triangular(matrix):
        return _largest([abs(matrix[i, i]) for i in range(n)])
    if matrix == matrix.transpose():  # certainly symmetric: no radii off the diagonal
        values = eigenvalues(matrix)
        return abs(values[0]).max(abs(values[-1]))
    with flint.ctx.workprec(2 * flint.ctx.prec + 32):
        discs = _discs(matrix)
    if discs is None:
        raise Undecided("spectral_radius: the guessed eigenvectors are not certainly independent")
    return _largest_of(discs)


def _is_triangular(matrix: Any) -> bool:
    n = matrix.nrows()
    below = all(matrix[i, j] == 0 for i in range(n) for j in range(i))
    return below or all(matrix[i, j] == 0 for j in range(n) for i in range(j))


def _largest(numbers: list[Any]) -> Any:
    best = numbers[0]
    for x in numbers[1:]:
        best = best.max(x)
    return best


def _discs(matrix: Any) -> list[tuple[Any, Any]] | None:
    """Return centres (complex) and radii of discs that contain the eigenvalues."""
    n = matrix.nrows()
    A = acb_mat(matrix)
    try:
        X = acb_mat(matrix.mid()).eig(right=True, algorithm="approx")[1]
        X = X.mid()
        D = X.solve(A * X)
    except (ValueError, ZeroDivisionError):
        return None
    discs = []
    for i in range(n):
        radius = sum((abs(D[i, j]) for j in range(n) if j != i), arb(0))
        centre = D[i, i]
        around = abs(centre - centre.mid()).upper()
        if not (radius + around).is_finite():
            return None
        discs.append((centre.mid(), (radius + around).upper()))
    return discs


def _largest_of(discs: list[tuple[Any, Any]]) -> Any:
    sizes = [abs(centre) for centre, _ in discs]
    high = _largest([size + radius for size, (_, radius) in zip(sizes, discs)]).upper()
    furthest = max(range(len(discs)), key=lambda i: float(sizes[i].mid()))
    union, waiting = {furthest}, [furthest]
    while waiting:
        i = waiting.pop()
        for j in range(len(discs)):
            apart = abs(discs[i][0] - discs[j][0]) > discs[i][1] + discs[j][1]
            if j not in union and not apart:
                union.add(j)
                waiting.append(j)
    nearest = [sizes[i] - discs[i][1] for i in union]
    low = nearest[0]
    for x in nearest[1:]:
        low = low.min(x)
    low = low.lower()
    if not low > 0:
        return from_zero_to(high)
    return low.union(high)
