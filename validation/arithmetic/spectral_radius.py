"""The spectral radius of a general matrix of balls, certified.

A matrix without radii has an exact characteristic polynomial, whose roots FLINT isolates with
their multiplicities, so that a defective matrix loses nothing.

Otherwise, with X near the eigenvectors of A, X^-1 A X is enclosed in balls, and its eigenvalues
(those of A) lie in Gershgorin's discs: as many in every connected union of discs as it has discs.
So the radius is at most the furthest point of any disc, and at least the nearest point of the union
that contains the disc whose centre is furthest. X is only a guess: nothing about it has to be
believed. Near a defective matrix the guess is made for a matrix nearby that is not.
"""

from __future__ import annotations

import math

import flint
from flint import acb_mat, arb, fmpz, fmpz_mat

from validation.arithmetic.ball import from_zero_to
from validation.arithmetic.eigenvalues import eigenvalues
from validation.arithmetic.refinement import frobenius
from validation.arithmetic.singular_values import dyadic_entries
from validation.arithmetic.values import Matrix, Number

# The entries of the exact characteristic polynomial may have so many bits.
EXACT_BITS = 1 << 13


def spectral_radius(matrix: Matrix) -> Number:
    """Return a ball that contains the largest absolute value of an eigenvalue.

    With radii near a defective matrix it is as wide as the eigenvalues are sensitive.

    Parameters
    ----------
    matrix : arb_mat
        Square.
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
    exact = _of_exact(matrix)
    return exact if exact is not None else _of_balls(matrix)


def _is_triangular(matrix: Matrix) -> bool:
    n = matrix.nrows()
    below = all(matrix[i, j] == 0 for i in range(n) for j in range(i))
    return below or all(matrix[i, j] == 0 for j in range(n) for i in range(j))


def _largest(numbers: list[Number]) -> Number:
    best = numbers[0]
    for x in numbers[1:]:
        best = best.max(x)
    return best


def _of_exact(matrix: Matrix) -> Number:
    """Return the radius of a matrix without radii, or None for others."""
    numbers = dyadic_entries(matrix, EXACT_BITS // matrix.nrows())
    if numbers is None:
        return None
    lowest = min(power for mantissa, power in numbers if mantissa)
    n = matrix.nrows()
    integers = [fmpz(m) << (power - lowest) if m else 0 for m, power in numbers]
    roots: Number = fmpz_mat(n, n, integers).charpoly().complex_roots()  # pairs with multiplicities
    unit = arb(fmpz(1) << lowest) if lowest >= 0 else 1 / arb(fmpz(1) << -lowest)
    return _largest([abs(root) for root, _ in roots]) * unit


def _of_balls(matrix: Matrix) -> Number:
    size = frobenius(matrix)
    best = from_zero_to(size)
    with flint.ctx.workprec(2 * flint.ctx.prec + 32):
        centre = matrix.mid()
        away = frobenius(matrix - centre).max(size * arb(2) ** (-flint.ctx.prec // 2)).mid()
        for shift in (arb(0), away):
            discs = _discs(matrix, _moved(centre, shift))
            if discs is not None:
                found = _largest_of(discs)
                best = found if found.rad() < best.rad() else best
    return best


def _moved(centre: Matrix, shift: Number) -> Number:
    """Return a matrix nearby whose eigenvalues are apart, if anything but chance forbids it."""
    n = centre.nrows()
    entries = [shift * ((5 * i * i + 3 * j + i * j) % 11 - 5) for i in range(n) for j in range(n)]
    return (centre + type(centre)(n, n, entries)).mid()


def _discs(matrix: Matrix, near: Number) -> list[tuple[Number, Number]] | None:
    """Return centres (complex) and radii of discs that contain the eigenvalues."""
    n = matrix.nrows()
    A = acb_mat(matrix)
    try:
        X = acb_mat(near).eig(right=True, algorithm="approx")[1].mid()
        D = X.solve(A * X)
    except (ValueError, ZeroDivisionError):
        return None
    sizes = [[abs(D[i, j]).upper() for j in range(n)] for i in range(n)]
    if not all(x.is_finite() for row in sizes for x in row):
        return None
    scales = _balance([[float(x) for x in row] for row in sizes])
    discs = []
    for i in range(n):
        others = (sizes[i][j] * (scales[j] / scales[i]) for j in range(n) if j != i)
        radius = sum(others, arb(0))
        centre = D[i, i]
        around = abs(centre - centre.mid()).upper()
        discs.append((centre.mid(), (radius + around).upper()))
    return discs


def _balance(sizes: list[list[float]]) -> list[float]:
    """Return powers of 2, d, that make rows and columns of (d_j/d_i sizes_ij) alike (Osborne)."""
    n = len(sizes)
    d = [1.0] * n
    for _ in range(4):
        for i in range(n):
            row = sum(sizes[i][j] * d[j] / d[i] for j in range(n) if j != i)
            column = sum(sizes[j][i] * d[i] / d[j] for j in range(n) if j != i)
            if row > 0 and column > 0:
                power = round((math.log2(row) - math.log2(column)) / 2)
                d[i] = min(max(d[i] * 2.0 ** max(min(power, 300), -300), 2.0**-300), 2.0**300)
    return d


def _largest_of(discs: list[tuple[Number, Number]]) -> Number:
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
    return low.union(high) if low > 0 else from_zero_to(high)
