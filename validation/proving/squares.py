"""Sums of squares: found by a semidefinite program, rounded to fractions, checked exactly.

Every coordinate that is not negative is written as a square, so that all coordinates may have both
signs; then p = z^T Q z with monomials z and Q >= 0 proves p >= 0. Monomials fall into classes by
the parities of their exponents: Q is looked for block by block. What the solver returns is rounded
to fractions, moved onto the identity exactly, and factored as L D L^T in fractions.
"""

from __future__ import annotations

import importlib.util
import itertools
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from validation.arithmetic.polynomials import fraction, nearest, rational, terms_of
from validation.arithmetic.values import Number, Polynomial
from validation.proving.identities import MOST_SECONDS, Certificate, Exponents
from validation.proving.signs import Chart

MOST_MONOMIALS = 160
ROUNDINGS = (1, 2, 4, 12, 60, 2**10, 2**20, 2**30)


def sum_of_squares(
    chart: Chart, p: Polynomial, assumed: Sequence[Polynomial], one: Polynomial
) -> Certificate | None:
    """A certificate without assumptions, whose squares are times monomials in coordinates >= 0."""
    terms = terms_of(p)
    if not terms or importlib.util.find_spec("clarabel") is None:
        return None  # the solver comes with the extra `sharp`
    doubled = [sign != "any" for sign in chart.signs]
    lifted = {
        tuple(2 * e if twice else e for e, twice in zip(exponents, doubled)): c
        for exponents, c in terms.items()
    }
    blocks = _blocks(_half(lifted), lifted)
    if not blocks or sum(len(block) for block in blocks) > MOST_MONOMIALS:
        return None
    matrices = _solved(blocks, lifted)
    if matrices is None:
        return None
    for denominator in ROUNDINGS:
        exact = _moved(blocks, [_rounded(Q, denominator) for Q in matrices], lifted)
        if exact is None:
            continue
        parts = [_factored(Q) for Q in exact]
        if all(part is not None for part in parts):
            return _assembled(chart, blocks, parts, doubled, one)
    return None


def _half(lifted: dict[Exponents, Number]) -> list[Exponents]:
    """Monomials whose squares lie in the Newton polytope: no other can occur."""
    exponents = np.array(list(lifted))
    top = exponents.max(axis=0)
    ranges = [range(int(t) // 2 + 1) for t in top]
    if np.prod([len(r) for r in ranges], dtype=float) > 200_000:
        return []
    total = exponents.sum(axis=1)
    candidates = [z for z in itertools.product(*ranges) if total.min() <= 2 * sum(z) <= total.max()]
    # Random directions cut most of what is outside; a linear program decides on the rest.
    rng = np.random.default_rng(0)
    directions = np.vstack([rng.normal(size=(400, len(top))), np.eye(len(top)), -np.eye(len(top))])
    bounds = (directions @ exponents.T).max(axis=1) + 1e-7
    points = np.array(candidates).reshape(-1, len(top))
    inside = (2 * points @ directions.T <= bounds).all(axis=1)
    return [candidates[i] for i in np.flatnonzero(inside)]


def _blocks(half: list[Exponents], lifted: dict[Exponents, Number]) -> list[list[Exponents]]:
    """Monomials by parity, where only even exponents occur; without those that must have 0."""
    kept = set(half)
    while True:
        # A square that no term and no other product can balance has coefficient 0.
        sums: dict[Exponents, int] = {}
        for a, b in itertools.combinations_with_replacement(sorted(kept), 2):
            key = tuple(x + y for x, y in zip(a, b))
            sums[key] = sums.get(key, 0) + 1
        gone = {
            z for z in kept
            if sums[tuple(2 * e for e in z)] == 1 and tuple(2 * e for e in z) not in lifted
        }  # fmt: skip
        if not gone:
            break
        kept -= gone
    symmetric = [all(e[i] % 2 == 0 for e in lifted) for i in range(len(next(iter(lifted))))]
    groups: dict[Exponents, list[Exponents]] = {}
    for z in sorted(kept):
        mark = tuple(e % 2 if s else 0 for e, s in zip(z, symmetric))
        groups.setdefault(mark, []).append(z)
    return list(groups.values())


def _places(blocks: Sequence[Sequence[Exponents]]) -> dict[Exponents, list[tuple[int, int, int]]]:
    """Where in the blocks (upper triangle) each monomial of p comes from."""
    found: dict[Exponents, list[tuple[int, int, int]]] = {}
    for k, block in enumerate(blocks):
        for i, j in itertools.combinations_with_replacement(range(len(block)), 2):
            key = tuple(x + y for x, y in zip(block[i], block[j]))
            found.setdefault(key, []).append((k, i, j))
    return found


def _solved(blocks: Sequence[Sequence[Exponents]], lifted: dict[Exponents, Number]) -> Any:
    """Gram matrices in floats, as far inside the cone as can be; None where there are none."""
    import clarabel
    from scipy.sparse import csc_array, eye_array

    places = _places(blocks)
    if any(key not in places for key in lifted):
        return None
    offsets = np.cumsum([0, *(len(b) * (len(b) + 1) // 2 for b in blocks)])
    size = int(offsets[-1])

    def position(k: int, i: int, j: int) -> int:  # the upper triangle, by columns
        return int(offsets[k]) + j * (j + 1) // 2 + i

    # Variables: scaled entries of all triangles, then t with Q - t I >= 0; t is made large.
    root = np.sqrt(2.0)
    entries, right = [], np.zeros(len(places))
    for row, (key, where) in enumerate(places.items()):
        c = lifted.get(key)
        right[row] = 0.0 if c is None else nearest(c)
        for k, i, j in where:
            entries.append((row, position(k, i, j), 1.0 if i == j else root))
            if i == j:
                entries.append((row, size, 1.0))
    if not np.isfinite(right).all():
        return None
    at, across, values = zip(*entries)
    equal = csc_array((values, (at, across)), shape=(len(places), size + 1))
    cone = csc_array(-eye_array(size, size + 1))
    least = csc_array(([1.0], ([0], [size])), shape=(1, size + 1))
    from scipy.sparse import vstack

    A = csc_array(vstack([equal, least, cone]))
    b = np.concatenate([right, [1.0], np.zeros(size)])
    cost = np.zeros(size + 1)
    cost[-1] = -1.0
    cones = [clarabel.ZeroConeT(len(places)), clarabel.NonnegativeConeT(1)]
    cones += [clarabel.PSDTriangleConeT(len(block)) for block in blocks]
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.time_limit = MOST_SECONDS
    solver = clarabel.DefaultSolver(csc_array((size + 1, size + 1)), cost, A, b, cones, settings)
    answer = solver.solve()
    x = np.array(answer.x)
    if str(answer.status) not in ("Solved", "AlmostSolved") or x[-1] < -1e-6:
        return None
    matrices = []
    for k, block in enumerate(blocks):
        n = len(block)
        Q = np.zeros((n, n))
        for a, c in itertools.combinations_with_replacement(range(n), 2):
            value = x[position(k, a, c)]
            Q[a, c] = Q[c, a] = value if a == c else value / root
        matrices.append(Q + max(x[-1], 0.0) * np.eye(n))
    return matrices


def _rounded(Q: Any, denominator: int) -> list[list[Fraction]]:
    return [[Fraction(round(float(x) * denominator), denominator) for x in row] for row in Q]


def _moved(
    blocks: Sequence[Sequence[Exponents]], exact: list[Any], lifted: dict[Exponents, Number]
) -> list[Any] | None:
    """The nearest matrices that satisfy the identity: what is missing is shared out evenly."""
    for key, where in _places(blocks).items():
        c = lifted.get(key)
        missing = Fraction(0) if c is None else fraction(c)
        weight = 0
        for k, i, j in where:
            missing -= exact[k][i][j] * (1 if i == j else 2)
            weight += 1 if i == j else 2
        if missing:
            for k, i, j in where:
                exact[k][i][j] += missing / weight
                if i != j:
                    exact[k][j][i] = exact[k][i][j]
    return exact


def _factored(Q: list[list[Fraction]]) -> list[tuple[Fraction, list[Fraction]]] | None:
    """Q = sum of d l l^T with d > 0, in fractions; None where Q is not positive semidefinite."""
    n = len(Q)
    rest = [row[:] for row in Q]
    found = []
    for i in range(n):
        pivot = rest[i][i]
        if pivot < 0:
            return None
        if pivot == 0:
            if any(rest[i][j] for j in range(n)):
                return None
            continue
        column = [rest[j][i] / pivot for j in range(n)]
        found.append((pivot, column))
        for a in range(n):
            if column[a]:
                for b in range(n):
                    rest[a][b] -= pivot * column[a] * column[b]
    return found


def _assembled(
    chart: Chart,
    blocks: Sequence[Any],
    parts: Sequence[Any],
    doubled: Sequence[bool],
    one: Polynomial,
) -> Certificate | None:
    """Back in the coordinates of the chart: odd exponents of squares come out in front."""
    squares, context = [], chart.context
    for block, part in zip(blocks, parts):
        # In doubled coordinates a block has one parity: z = w^parity times even powers.
        parity = tuple(e % 2 if twice else 0 for e, twice in zip(block[0], doubled))
        front = context.from_dict({parity: rational(1)})
        for pivot, column in part:
            terms = {
                tuple((e - o) // 2 if t else e for e, o, t in zip(z, parity, doubled)): x
                for z, x in zip(block, column)
                if x
            }
            q = context.from_dict({e: rational(x) for e, x in terms.items()})
            squares.append((front * rational(pivot), q))
    return Certificate("squares", one, (), tuple(squares))
