"""Matrices and vectors with a structure that is exact by construction, in every arithmetic."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from validation.arithmetic import Reading
from validation.arithmetic.values import Value
from validation.instances import checks
from validation.instances.factors import Array, Factor, Parameters, Raw, Sizes, length
from validation.instances.matrices import Covariance, spectrum
from validation.instances.permutations import _permutation_without, permutation
from validation.instances.sources import Source

AWAY = 2.0**-20  # how far what must not vanish is kept from 0


class Bounded(Factor):
    """A factor whose raw value is a float array, or a dict of them, with bounds of every entry."""

    def bounds(self, name: str, raw: Array) -> tuple[Array, Array]:
        """The closed bounds of the entries of the array `name` ("" where there is only one)."""
        return np.full(raw.shape, -np.inf), np.full(raw.shape, np.inf)

    def parameters(self, raw: Raw) -> Parameters:
        parts = []
        for name, array in _arrays(raw):
            low, high = self.bounds(name, array)
            flat = Parameters.of(array)
            parts.append(Parameters(flat.values, low.ravel(), high.ravel(), flat.log))
        return Parameters.join(parts)

    def with_parameters(self, raw: Raw, values: Array) -> Raw:
        result, start = {}, 0
        for name, array in _arrays(raw):
            low, high = self.bounds(name, array)
            part = np.asarray(values[start : start + array.size], dtype=np.float64)
            result[name] = np.clip(part.reshape(array.shape), low, high)
            start += array.size
        return {**raw, **result} if isinstance(raw, dict) else result[""]


def _arrays(raw: Raw) -> list[tuple[str, Array]]:
    if isinstance(raw, dict):
        return [(name, value) for name, value in raw.items() if value.dtype.kind == "f"]
    return [("", raw)]


def _square_without(raw: Array, index: int) -> Array:
    return np.delete(np.delete(raw, index, axis=0), index, axis=1)


class Symmetric(Bounded):
    """A symmetric matrix (m, m) of any signature. Raw: its lower triangle, (m, m)."""

    def __init__(self, m: str | int = "m") -> None:
        self.m = checks.size("symmetric(m)", m)
        self.sizes = (self.m,)

    def make(self, source: Source, sizes: Sizes) -> Raw:
        m = length(sizes, self.m)
        family = source.choice(
            ("zero", "diagonal", "plain", "plain", "plain", "rank one", "plus and minus", "flip")
        )
        raw = np.zeros((m, m))
        if family == "diagonal":
            raw = np.diag(source.reals((m,)))
        elif family == "plain":
            raw = source.reals((m, m))
        elif family == "rank one":
            v = np.rint(4 * source.reals((m, 1))) / 4
            raw = source.choice((1.0, -1.0)) * (v @ v.T)
        elif family == "plus and minus":
            signs = np.where(np.arange(m) < source.integer(0, m), 1.0, -1.0)
            raw = np.diag(signs * spectrum(source, m))
        elif family == "flip":  # eigenvalues in pairs of opposite sign
            raw = np.fliplr(np.diag(source.reals((m,))))
        return np.tril(raw)

    def realise(self, arithmetic: Reading, raw: Raw) -> Value:
        return arithmetic.lift(np.tril(raw) + np.tril(raw, -1).T)

    def bounds(self, name: str, raw: Array) -> tuple[Array, Array]:
        free = np.tri(len(raw), dtype=bool)
        return np.where(free, -np.inf, 0.0), np.where(free, np.inf, 0.0)

    def drop(self, raw: Raw, size: str, index: int) -> Raw:
        return _square_without(raw, index) if size == self.m else raw

    def simpler(self, raw: Raw) -> Iterator[Raw]:
        if np.tril(raw, -1).any():
            yield np.diag(np.diag(raw))


class Triangular(Bounded):
    """A triangular matrix (m, m), lower or upper, with a diagonal away from 0 if nonsingular."""

    def __init__(self, m: str | int = "m", upper: bool = False, nonsingular: bool = False) -> None:
        self.m = checks.size("triangular(m)", m)
        self.sizes = (self.m,)
        self.upper = checks.flag("triangular(upper)", upper)
        self.nonsingular = checks.flag("triangular(nonsingular)", nonsingular)

    def make(self, source: Source, sizes: Sizes) -> Raw:
        m = length(sizes, self.m)
        family = source.choice(("identity", "diagonal", "plain", "plain", "plain", "nilpotent"))
        raw = np.eye(m)
        if family == "diagonal":
            raw = np.diag(source.reals((m,)))
        elif family == "plain":
            raw = np.tril(source.reals((m, m)))
        elif family == "nilpotent":
            raw = np.tril(source.reals((m, m)), -1)
        return _away(raw) if self.nonsingular else raw

    def realise(self, arithmetic: Reading, raw: Raw) -> Value:
        return arithmetic.lift(raw.T.copy() if self.upper else raw)

    def bounds(self, name: str, raw: Array) -> tuple[Array, Array]:
        return _triangle_bounds(raw, self.nonsingular)

    def drop(self, raw: Raw, size: str, index: int) -> Raw:
        return _square_without(raw, index) if size == self.m else raw

    def simpler(self, raw: Raw) -> Iterator[Raw]:
        if np.tril(raw, -1).any():
            yield np.diag(np.diag(raw))


def _away(raw: Array) -> Array:
    """Move the diagonal away from 0."""
    diagonal = np.diag(raw)
    result = raw.copy()
    signs = np.where(diagonal < 0, -1.0, 1.0)
    np.fill_diagonal(result, signs * np.maximum(np.abs(diagonal), AWAY))
    return result


def _triangle_bounds(raw: Array, nonsingular: bool) -> tuple[Array, Array]:
    """Bounds of a lower triangle; a diagonal that must not vanish keeps its signs."""
    free = np.tri(len(raw), dtype=bool)
    low, high = np.where(free, -np.inf, 0.0), np.where(free, np.inf, 0.0)
    if nonsingular:
        positive = np.diag(raw) > 0
        np.fill_diagonal(low, np.where(positive, AWAY, -np.inf))
        np.fill_diagonal(high, np.where(positive, np.inf, -AWAY))
    return low, high


class Nonsingular(Bounded):
    """A nonsingular matrix (m, m) without other structure: rows of L U in some order.

    Raw: "lower" (L, with a diagonal of ones that is not stored: 0), "upper" (U^T, with a diagonal
    away from 0), "order" (ints). The product is formed in the arithmetic, so that it is
    nonsingular exactly.
    """

    def __init__(self, m: str | int = "m") -> None:
        self.m = checks.size("nonsingular(m)", m)
        self.sizes = (self.m,)

    def make(self, source: Source, sizes: Sizes) -> Raw:
        m = length(sizes, self.m)
        family = source.choice(("identity", "plain", "plain", "plain", "near singular", "scaled"))
        lower, upper, order = np.zeros((m, m)), np.eye(m), np.arange(m)
        if family != "identity":
            lower, upper = np.tril(source.reals((m, m)), -1), np.tril(source.reals((m, m)))
            order = permutation(source, m)
        if family == "near singular" and m:
            upper[m - 1, m - 1] = source.magnitude(AWAY, 1.0)
        elif family == "scaled":
            upper *= source.magnitude(1e-3, 1e3)
        return {"lower": lower, "upper": _away(upper), "order": order}

    def realise(self, arithmetic: Reading, raw: Raw) -> Value:
        m = len(raw["lower"])
        L, U = arithmetic.lift(raw["lower"] + np.eye(m)), arithmetic.lift(raw["upper"].T.copy())
        return arithmetic.xp.take(L @ U, raw["order"], axis=0)

    def bounds(self, name: str, raw: Array) -> tuple[Array, Array]:
        low, high = _triangle_bounds(raw, name == "upper")
        if name == "lower":
            np.fill_diagonal(low, 0.0)
            np.fill_diagonal(high, 0.0)
        return low, high

    def drop(self, raw: Raw, size: str, index: int) -> Raw:
        if size != self.m:
            return raw
        return {
            "lower": _square_without(raw["lower"], index),
            "upper": _square_without(raw["upper"], index),
            "order": _permutation_without(raw["order"], index),
        }

    def simpler(self, raw: Raw) -> Iterator[Raw]:
        m = len(raw["order"])
        if not np.array_equal(raw["order"], np.arange(m)):
            yield {**raw, "order": np.arange(m)}
        if raw["lower"].any():
            yield {**raw, "lower": np.zeros((m, m))}
        if np.tril(raw["upper"], -1).any():
            yield {**raw, "upper": np.diag(np.diag(raw["upper"]))}


class OrderedPair(Factor):
    """A pair (S, S') of covariances with S <= S', each (m, m): F F^T and F F^T + G G^T."""

    def __init__(self, m: str | int = "m") -> None:
        self.small, self.more = Covariance(m), Covariance(m)
        self.m = self.small.m
        self.sizes = (self.m,)

    def make(self, source: Source, sizes: Sizes) -> Raw:
        F = self.small.make(source, sizes)
        family = source.choice(("equal", "plain", "plain", "plain", "multiple"))
        G = np.zeros((len(F), 1))
        if family == "plain":
            G = self.more.make(source, sizes)
        elif family == "multiple":
            G = F * source.magnitude(1e-3, 1e3)
        return {"F": F, "G": G}

    def realise(self, arithmetic: Reading, raw: Raw) -> Value:
        S = self.small.realise(arithmetic, raw["F"])
        return S, S + self.more.realise(arithmetic, raw["G"])

    def parameters(self, raw: Raw) -> Parameters:
        return Parameters.join([Parameters.of(raw["F"]), Parameters.of(raw["G"])])

    def with_parameters(self, raw: Raw, values: Array) -> Raw:
        values = np.asarray(values, dtype=np.float64)
        first = raw["F"].size
        return {
            "F": values[:first].reshape(raw["F"].shape),
            "G": values[first:].reshape(raw["G"].shape),
        }

    def drop(self, raw: Raw, size: str, index: int) -> Raw:
        return {name: self.small.drop(part, size, index) for name, part in raw.items()}

    def simpler(self, raw: Raw) -> Iterator[Raw]:
        if raw["G"].any():
            yield {**raw, "G": np.zeros((len(raw["G"]), 1))}
        for name in ("F", "G"):
            for part in self.small.simpler(raw[name]):
                yield {**raw, name: part}


class CovarianceStack(Bounded):
    """Covariances (n, m, m) in a stack, each F F^T. Raw: the factors (n, m, r)."""

    def __init__(self, n: str | int = "n", m: str | int = "m") -> None:
        self.n = checks.size("covariance_stacks(n, m): n", n)
        self.one = Covariance(m)
        self.m = self.one.m
        self.sizes = tuple(dict.fromkeys((self.n, self.m)))

    def make(self, source: Source, sizes: Sizes) -> Raw:
        n, m = length(sizes, self.n), length(sizes, self.m)
        family = source.choice(("equal", "plain", "plain", "commuting", "multiples"))
        if family == "plain":
            return _padded([self.one.make(source, sizes) for _ in range(n)], m)
        if family == "commuting":
            columns = [np.sqrt(spectrum(source, m)) for _ in range(n)]
            return _padded([np.diag(column) for column in columns], m)
        F = self.one.make(source, sizes)
        scales = source.reals((n,)) if family == "multiples" else np.ones(n)
        return _padded([F * scale for scale in scales], m)

    def realise(self, arithmetic: Reading, raw: Raw) -> Value:
        F = arithmetic.lift(raw)
        return F @ arithmetic.xp.matrix_transpose(F)

    def drop(self, raw: Raw, size: str, index: int) -> Raw:
        if size == self.n:
            raw = np.delete(raw, index, axis=0)
        return np.delete(raw, index, axis=1) if size == self.m else raw

    def simpler(self, raw: Raw) -> Iterator[Raw]:
        for column in range(raw.shape[2]):
            if raw.shape[2] > 1:
                yield np.delete(raw, column, axis=2)
        if len(raw) > 1 and not (raw == raw[0]).all():
            yield np.repeat(raw[:1], len(raw), axis=0)


def _padded(factors: list[Array], m: int) -> Array:
    width = max((F.shape[1] for F in factors), default=1)
    result = np.zeros((len(factors), m, width))
    for i, F in enumerate(factors):
        result[i, :, : F.shape[1]] = F
    return result


class UnitRows(Bounded):
    """Vectors of norm 1 as rows (n, m), or one of them, exact in rationals.

    Raw: w (n, m), or (m,); each row stands for the reflection of e_1 in the plane orthogonal to w,
    e_1 - 2 w w_1/(w^T w), and for e_1 itself where w = 0. Every unit vector is one.
    """

    def __init__(self, rows: str | int | None, length: str | int = "m") -> None:
        what = "unit_vectors(length)" if rows is None else "unit_rows(rows, length)"
        self.length = checks.size(what, length)
        self.rows = None if rows is None else checks.size(what, rows)
        self.sizes = tuple(dict.fromkeys(s for s in (self.rows, self.length) if s is not None))
        self.at_least = {self.length: 1}

    def make(self, source: Source, sizes: Sizes) -> Raw:
        m = length(sizes, self.length)
        n = 1 if self.rows is None else length(sizes, self.rows)
        family = source.choice(("first", "axes", "plain", "plain", "plain", "near", "equal"))
        w = np.zeros((n, m))
        if family == "axes":  # w = e_1 - e_j gives e_j, and w = e_1 gives -e_1
            for row in w:
                row[source.integer(0, m - 1)] = -1.0
                row[0] += 1.0
        elif family == "plain":
            w = source.reals((n, m))
        elif family == "near":
            w = source.reals((n, m)) * np.append(2.0**-20, np.ones(m - 1))
        elif family == "equal":
            w = np.repeat(source.reals((1, m)), n, axis=0)
        return w[0] if self.rows is None else w

    def realise(self, arithmetic: Reading, raw: Raw) -> Value:
        rows = [_reflected(arithmetic, w) for w in np.atleast_2d(raw)]
        if self.rows is None:
            return rows[0]
        if not rows:
            return arithmetic.xp.zeros(raw.shape)
        return arithmetic.xp.stack(rows)

    def drop(self, raw: Raw, size: str, index: int) -> Raw:
        if self.rows == size:
            raw = np.delete(raw, index, axis=0)
        return np.delete(raw, index, axis=-1) if size == self.length else raw

    def simpler(self, raw: Raw) -> Iterator[Raw]:
        if raw.any():
            yield np.zeros_like(raw)


def _reflected(arithmetic: Reading, w: Array) -> Value:
    xp, first = arithmetic.xp, np.zeros(len(w))
    first[0] = 1.0
    scale = np.abs(w).max()
    if scale == 0:
        return arithmetic.lift(first)
    w = np.ldexp(w, -np.frexp(scale)[1])  # the same reflection, safe from overflow
    v = arithmetic.lift(w)
    return arithmetic.lift(first) - 2 * v[0] * v / xp.sum(v * v)


class Correlation(UnitRows):
    """A correlation matrix (m, m): the inner products of m unit vectors of length r."""

    def __init__(self, m: str | int = "m") -> None:
        super().__init__(m, m)
        self.m = self.length

    def drop(self, raw: Raw, size: str, index: int) -> Raw:
        return np.delete(raw, index, axis=0) if size == self.m else raw

    def realise(self, arithmetic: Reading, raw: Raw) -> Value:
        W = super().realise(arithmetic, raw)
        return W @ W.T


class Stochastic(Bounded):
    """A matrix (rows, columns) >= 0 whose rows sum to 1. Raw: any weights >= 0."""

    def __init__(self, rows: str | int = "m", columns: str | int = "m") -> None:
        self.rows = checks.size("stochastic_matrices(rows, columns): rows", rows)
        self.columns = checks.size("stochastic_matrices(rows, columns): columns", columns)
        self.sizes = tuple(dict.fromkeys((self.rows, self.columns)))
        self.at_least = {self.columns: 1}

    def make(self, source: Source, sizes: Sizes) -> Raw:
        n, m = length(sizes, self.rows), length(sizes, self.columns)
        family = source.choice(("uniform", "plain", "plain", "plain", "places", "equal rows"))
        if family == "plain":
            return np.abs(source.reals((n, m)))
        if family == "equal rows":
            return np.repeat(np.abs(source.reals((1, m))), n, axis=0)
        raw = np.zeros((n, m))
        for row in raw if family == "places" else ():
            row[source.integer(0, m - 1)] = 1.0
        return raw

    def realise(self, arithmetic: Reading, raw: Raw) -> Value:
        weights = arithmetic.lift(np.where(raw.any(axis=1, keepdims=True), raw, 1.0))
        return weights / arithmetic.xp.sum(weights, axis=1, keepdims=True)

    def bounds(self, name: str, raw: Array) -> tuple[Array, Array]:
        return np.zeros(raw.shape), np.full(raw.shape, np.inf)

    def drop(self, raw: Raw, size: str, index: int) -> Raw:
        if size == self.rows:
            raw = np.delete(raw, index, axis=0)
        return np.delete(raw, index, axis=1) if size == self.columns else raw

    def simpler(self, raw: Raw) -> Iterator[Raw]:
        if raw.any():
            yield np.zeros_like(raw)
