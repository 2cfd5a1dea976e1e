"""Certificates that a polynomial is not negative where others are not: found in floats, kept exact.

A certificate is an identity of polynomials in the coordinates of a `Chart`,

    (s - t p) p = sum_i sigma_i g_{i1} g_{i2} ... + sum_i rho_i q_i^2,

in which s, t, every sigma_i and every rho_i are not negative by the signs of their coefficients,
s or t is positive, and the g are what a case assumes, or -p. It proves p >= 0 wherever all g >= 0:
at a point with p < 0 the left side would be negative and the right side not. It is
looked for in floating point (a linear program, a semidefinite one) and then made exact; `confirmed`
multiplies it out, and nothing else is believed.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from validation.arithmetic.polynomials import nearest, nullspace, only_solution, rational, terms_of
from validation.arithmetic.values import Number, Polynomial
from validation.proving.identities import MOST_SECONDS, Certificate, Exponents, confirmed
from validation.proving.signs import Chart

MOST_COLUMNS = 4000
MOST_ENTRIES = 2_000_000  # terms of all columns together
MOST_EXTRA = 4  # degrees by which a multiplier may raise a polynomial


def certificate(
    chart: Chart,
    p: Polynomial,
    assumed: Sequence[Polynomial],
    squares: bool = True,
    end: float = math.inf,
) -> Certificate | None:
    """Find a certificate of p >= 0 where all of `assumed` are >= 0; None where none is found.

    Nothing new is begun after `end`, on the clock of `time.monotonic`.
    """
    one = chart.context.constant(1)
    for find in _routes(squares, end):
        if time.monotonic() > end:
            return None
        found = find(chart, p, assumed, one)
        if found is not None and confirmed(chart, p, assumed, found):
            return found
    return None


def _routes(squares: bool, end: float) -> Iterator[Callable[..., Certificate | None]]:
    yield _equal
    yield _signs
    yield _factors
    yield partial(_program, end=end)
    if squares:
        from validation.proving.squares import sum_of_squares

        yield sum_of_squares


def _equal(
    chart: Chart, p: Polynomial, assumed: Sequence[Polynomial], one: Polynomial
) -> Certificate | None:
    return Certificate("equal", one) if p.is_zero() else None


def _signs(
    chart: Chart, p: Polynomial, assumed: Sequence[Polynomial], one: Polynomial
) -> Certificate | None:
    return Certificate("signs", one, ((p, ()),)) if chart.never_negative(p) else None


def _factors(
    chart: Chart, p: Polynomial, assumed: Sequence[Polynomial], one: Polynomial
) -> Certificate | None:
    """Find p = sigma q^2 with sigma of one sign."""
    constant, factors = p.factor()
    sigma, q = one * constant, one
    for factor, power in factors:
        if power % 2 and not chart.never_negative(factor) and not chart.never_negative(-factor):
            return None
        if power % 2:
            sigma = sigma * factor
        q = q * factor ** (power // 2)
    return Certificate("factors", one, (), ((sigma, q),))


# -- a linear program ---------------------------------------------------------------------------


def _program(
    chart: Chart,
    p: Polynomial,
    assumed: Sequence[Polynomial],
    one: Polynomial,
    end: float = math.inf,
) -> Certificate | None:
    """Find s p as a sum of terms not negative, times assumptions, and perhaps of small squares."""
    if p.is_constant() and not assumed:
        return None
    products = _products([*assumed, -p], one)
    steps = _steps(chart, [p, *assumed])
    for squares, extra in itertools.product((False, True), range(MOST_EXTRA + 1)):
        if squares and not assumed:
            return None  # sums of squares are looked for better elsewhere
        if (p.is_constant() and squares) or time.monotonic() > end:
            return None
        found = _one_program(chart, p, products, steps, p.total_degree() + extra, squares)
        if found is not None:
            return found
    return None


def _products(assumed: Sequence[Polynomial], one: Polynomial) -> list[tuple[Any, tuple[int, ...]]]:
    found: list[tuple[Any, tuple[int, ...]]] = [(one, ())]
    found += [(g, (i,)) for i, g in enumerate(assumed)]
    pairs = itertools.combinations(range(len(assumed)), 2)
    if len(assumed) <= 6:
        found += [(assumed[i] * assumed[j], (i, j)) for i, j in pairs]
    return found


def _steps(chart: Chart, polynomials: Sequence[Polynomial]) -> list[int]:
    """By what exponents go up in multipliers, coordinate by coordinate.

    0 where it does not occur, 2 where only its even powers do, or where it has both signs.
    """
    terms = [exponents for p in polynomials for exponents in terms_of(p)]
    found = []
    for i, sign in enumerate(chart.signs):
        powers = {exponents[i] for exponents in terms}
        even = sign == "any" or all(e % 2 == 0 for e in powers)
        found.append(0 if powers <= {0} else 2 if even else 1)
    return found


def _monomials(steps: Sequence[int], degree: int) -> list[Exponents]:
    """Exponents up to a total degree."""
    found: list[Exponents] = [()]
    for step in steps:
        found = [
            (*head, e)
            for head in found
            for e in (range(0, degree - sum(head) + 1, step) if step else (0,))
        ]
        if len(found) > MOST_COLUMNS:
            return []
    return found


@dataclass(frozen=True)
class _Column:
    """One unknown of a program: its terms, and what it belongs to.

    `of` is -1 for s, -2 for t, the place of a product, or a square (x^i + sign x^j)^2 as its
    (i, j, sign).
    """

    terms: dict[Exponents, Number]
    of: Any
    times: Exponents


def _one_program(
    chart: Chart,
    p: Polynomial,
    products: Sequence[Any],
    steps: Sequence[int],
    degree: int,
    squares: bool,
) -> Certificate | None:
    from scipy.optimize import linprog
    from scipy.sparse import csc_array

    bodies = [p, *(g for g, _ in products)]
    weights = _weights(bodies)
    marks = [_mark(weights, next(iter(terms_of(g)), (0,) * len(steps))) for g in bodies]
    scales = _monomials(steps, degree - p.total_degree())
    wanted = {tuple(np.add(marks[0], _mark(weights, mono)).tolist()) for mono in scales}
    size = len(scales) * len(terms_of(p))
    columns = [_Column(_times(p, mono, -1), -1, mono) for mono in scales if size <= MOST_ENTRIES]
    groups = [(k, g, marks[k + 1]) for k, g in enumerate(bodies[1:])]
    for k, g, mark in [*groups, (-2, p * p, np.add(marks[0], marks[0]))]:
        count = len(terms_of(g))
        for mono in _monomials(steps, degree - g.total_degree()):
            if tuple(np.add(mark, _mark(weights, mono)).tolist()) in wanted:
                size += count
                if size > MOST_ENTRIES or len(columns) > MOST_COLUMNS:
                    return None  # before the rest is formed
                columns.append(_Column(_times(g, mono, 1), k, mono))
    if squares:
        columns += _small_squares(steps, degree, weights, wanted)
    if not scales or len(columns) > MOST_COLUMNS:
        return None
    rows: dict[Exponents, int] = {}
    entries: list[tuple[int, int, Any]] = []
    for place, column in enumerate(columns):
        for exponents, c in column.terms.items():
            entries.append((rows.setdefault(exponents, len(rows)), place, c))
    sure = {i for i, sign in enumerate(chart.signs) if sign == ">"}
    strict = [
        place for place, column in enumerate(columns)
        if column.of in (-1, -2) and {i for i, e in enumerate(column.times) if e} <= sure
    ]  # fmt: skip
    if not strict:
        return None
    entries += [(len(rows), place, rational(1)) for place in strict]
    count = len(rows) + 1
    right = np.zeros(count)
    right[-1] = 1.0
    i, j, values = zip(*entries)
    numbers = [nearest(v) for v in values]
    if not np.isfinite(numbers).all():
        return None
    answer = linprog(
        np.array([0.0 if column.of in (-1, -2) else 1.0 for column in columns]),
        A_eq=csc_array((numbers, (i, j)), shape=(count, len(columns))),
        b_eq=right, bounds=(0, None), method="highs-ds", options={"time_limit": MOST_SECONDS},
    )  # fmt: skip
    if answer.status != 0:
        return None
    exact = _exact(entries, count, answer.x)
    return None if exact is None else _assembled(chart, columns, exact, products)


def _times(g: Polynomial, mono: Exponents, sign: int) -> dict[Exponents, Number]:
    return {tuple(a + b for a, b in zip(e, mono)): sign * c for e, c in terms_of(g).items()}


def _weights(bodies: Sequence[Polynomial]) -> Any:
    """Integer weights in which every polynomial is homogeneous, one a row."""
    differences = set()
    size = 0
    for g in bodies:
        terms = list(terms_of(g))
        size = max(size, *(len(e) for e in terms), 0)
        differences |= {tuple(a - b for a, b in zip(e, terms[0])) for e in terms[1:]}
    if not differences:
        return np.zeros((0, size), dtype=np.int64)
    return np.array(nullspace(sorted(differences)), dtype=np.int64).reshape(-1, size)


def _mark(weights: Any, exponents: Exponents) -> Any:
    """The weights of a monomial: columns of other weights cannot meet a column of s."""
    return weights @ np.array(exponents, dtype=np.int64)


def _small_squares(
    steps: Sequence[int], degree: int, weights: Any, wanted: set[Any]
) -> list[_Column]:
    """(x^i - x^j)^2 and (x^i + x^j)^2 of monomials whose products can occur."""
    half = _monomials([1 if step else 0 for step in steps], degree // 2)
    found = []
    for a, b in itertools.combinations(half, 2):
        if any(step == 2 and (x + y) % 2 for step, x, y in zip(steps, a, b)):
            continue
        mixed = tuple(x + y for x, y in zip(a, b))
        ends = [tuple(2 * x for x in e) for e in (a, b)]
        if any(tuple(_mark(weights, e).tolist()) not in wanted for e in (mixed, *ends)):
            continue
        for sign in (-1, 1):
            terms: dict[Exponents, Number] = {}
            for e, c in ((ends[0], 1), (ends[1], 1), (mixed, 2 * sign)):
                terms[e] = terms.get(e, rational(0)) + c
            found.append(_Column(terms, (a, b, sign), ()))
        if len(found) > MOST_COLUMNS:
            break
    return found


def _exact(entries: Sequence[Any], count: int, x: Any) -> dict[int, Any] | None:
    """A solution in fractions with the support of x, all >= 0; None where there is none."""
    support = np.flatnonzero(x > 1e-9)
    place = {int(column): i for i, column in enumerate(support)}
    table: dict[tuple[int, int], Any] = {}
    for row, column, value in entries:
        if column in place:
            key = row, place[column]
            table[key] = table.get(key, rational(0)) + value
    used = sorted({row for row, _ in table} | {count - 1})
    n = len(support)
    rows = [[table.get((row, i), rational(0)) for i in range(n)] for row in used]
    for row, numbers in zip(used, rows):
        numbers.append(rational(1 if row == count - 1 else 0))
    values = only_solution(rows)  # of a vertex, the numbers are determined
    if values is None or any(value < 0 for value in values):
        return None
    return {int(column): value for column, value in zip(support, values)}


def _assembled(
    chart: Chart, columns: Sequence[_Column], exact: dict[int, Any], products: Sequence[Any]
) -> Certificate:
    sums: dict[int, dict[Exponents, Number]] = {}
    squares = []
    context = chart.context
    for place, value in exact.items():
        column = columns[place]
        if value == 0:
            continue
        if isinstance(column.of, tuple):
            a, b, sign = column.of
            q = context.from_dict({a: rational(1), b: rational(sign)})
            squares.append((context.constant(value), q))
        else:
            sums.setdefault(column.of, {})[column.times] = value
    scale, own = (context.from_dict(sums.pop(place, {})) for place in (-1, -2))
    terms = tuple((context.from_dict(s), products[k][1]) for k, s in sorted(sums.items()))
    return Certificate("assumptions", scale, terms, tuple(squares), own)
