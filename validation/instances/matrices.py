"""Covariances, spectra, orthogonal matrices, weights: factors with structured families."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from validation.arithmetic import Reading
from validation.arithmetic.values import Value
from validation.instances import checks
from validation.instances.factors import Array, ArrayFactor, Factor, Parameters, Raw, Sizes, length
from validation.instances.sources import Source


def spectrum(source: Source, m: int) -> Array:
    """Return m nonnegative numbers from the families on which inequalities of spectra turn."""
    j = np.arange(1, m + 1, dtype=np.float64)
    family = source.choice(
        (
            "flat",
            "plain",
            "plain",
            "polynomial",
            "exponential",
            "one spike",
            "low rank",
            "repeated",
            "near tie",
            "ill conditioned",
        )
    )
    if family == "flat":
        values = np.ones(m)
    elif family == "polynomial":
        values = j ** -source.choice((2.0, 1.0, 1.5, 3.0))
    elif family == "exponential":
        values = 2.0 ** -(source.choice((1.0, 0.5, 3.0)) * j)
    elif family == "one spike":
        values = np.full(m, source.magnitude(1e-9, 1.0))
        values[:1] = 1.0
    elif family == "low rank":
        values = np.where(j <= source.integer(0, m), 1.0 / j, 0.0)
    elif family == "repeated":
        values = np.where(j <= source.integer(0, m), 2.0, 1.0)
    elif family == "near tie":
        values = 1 + j * 2.0**-30
    elif family == "ill conditioned":
        values = 10.0 ** (-12 * (j - 1) / max(m - 1, 1))
    else:
        values = np.abs(source.reals((m,)))
    if source.choice((False, False, True)):
        values = values * source.magnitude(1e-6, 1e6)
    return values


def rotation(source: Source, m: int) -> Array:
    """An orthogonal matrix up to rounding; it need not be exact, since it goes into a factor F."""
    if m == 0 or source.choice((True, False, False)):
        return np.eye(m)
    return np.linalg.qr(source.reals((m, m)) + 1e-3 * np.eye(m))[0]


class Covariance(Factor):
    """S = F F^T, (m, m), of any rank 0..m. Raw: F (m, r), r >= 1 (a zero column at rank 0)."""

    def __init__(self, m: str | int = "m", nonsingular: bool = False) -> None:
        self.m = checks.size("covariances(m)", m)
        self.sizes = (self.m,)
        self.nonsingular = checks.flag("covariances(nonsingular)", nonsingular)

    def make(self, source: Source, sizes: Sizes) -> Raw:
        m = length(sizes, self.m)
        families: tuple[str, ...] = (
            "spectrum", "spectrum", "factor", "equal nodes", "near tie of nodes", "aligned",
        )  # fmt: skip
        if not self.nonsingular:
            families = ("rank one", *families, "thin factor", "dead nodes", "zero")
        family = source.choice(families)
        if family == "rank one":
            F = source.reals((m, 1))
        elif family == "zero":
            F = np.zeros((m, 1))
        elif family == "thin factor":
            F = source.reals((m, source.integer(1, max(m, 1))))
        elif family == "spectrum":
            F = rotation(source, m) * np.sqrt(spectrum(source, m))
        elif family == "dead nodes":
            F = source.reals((m, max(m, 1)))
            F[: source.integer(0, m)] = 0.0
        elif family == "equal nodes" and not self.nonsingular and m > 1:
            F = source.reals((m, m))
            F[1] = F[0]
        elif family == "near tie of nodes" and m > 1:
            F = source.reals((m, m))
            F[1] = F[0] * (1 + 2.0**-20)
        elif family == "aligned":
            F = source.reals((m, 1)) + 2.0**-10 * source.reals((m, max(m, 1)))
        else:
            F = source.reals((m, max(m, 1)))
        if self.nonsingular:
            # A lower triangle with a positive diagonal has full rank exactly, not up to rounding.
            F = np.tril(F)
            np.fill_diagonal(F, np.abs(np.diag(F)) + 2.0**-20)
        return F

    def realise(self, arithmetic: Reading, raw: Raw) -> Value:
        F = arithmetic.lift(raw)
        return F @ F.T

    def parameters(self, raw: Raw) -> Parameters:
        if not self.nonsingular:
            return Parameters.of(raw)
        low = np.full(raw.shape, -np.inf)
        np.fill_diagonal(low, 2.0**-20)
        free = np.full(raw.shape, np.inf)
        free[np.triu_indices(len(raw), 1)] = 0.0
        low[np.triu_indices(len(raw), 1)] = 0.0
        flat = Parameters.of(raw)
        return Parameters(flat.values, low.ravel(), free.ravel(), flat.log)

    def with_parameters(self, raw: Raw, values: Array) -> Raw:
        bounds = self.parameters(raw)
        return np.clip(values, bounds.low, bounds.high).reshape(raw.shape)

    def drop(self, raw: Raw, size: str, index: int) -> Raw:
        if size != self.m:
            return raw
        F = np.delete(raw, index, axis=0)
        if self.nonsingular:  # stays triangular, so that the rank stays certain
            F = np.delete(F, index, axis=1)
        return F

    def simpler(self, raw: Raw) -> Iterator[Raw]:
        if self.nonsingular:
            if not np.array_equal(raw, np.diag(np.diag(raw))):
                yield np.diag(np.diag(raw))
            return
        for column in range(raw.shape[1]):
            if raw.shape[1] > 1:
                yield np.delete(raw, column, axis=1)
        if raw.shape[0] == raw.shape[1] and not np.array_equal(raw, np.diag(np.diag(raw))):
            yield np.diag(np.sqrt((raw**2).sum(axis=1)))


class Spectrum(Factor):
    """Eigenvalues mu_1 >= ... >= mu_m >= 0, (m,). Raw: the same in any order."""

    def __init__(self, m: str | int = "m") -> None:
        self.m = checks.size("spectra(m)", m)
        self.sizes = (self.m,)

    def make(self, source: Source, sizes: Sizes) -> Raw:
        return spectrum(source, length(sizes, self.m))

    def realise(self, arithmetic: Reading, raw: Raw) -> Value:
        return arithmetic.lift(np.sort(raw)[::-1].copy())

    def parameters(self, raw: Raw) -> Parameters:
        return Parameters.of(raw, 0.0)

    def with_parameters(self, raw: Raw, values: Array) -> Raw:
        return np.maximum(values, 0.0)

    def drop(self, raw: Raw, size: str, index: int) -> Raw:
        return np.delete(raw, index) if size == self.m else raw


class Orthogonal(Factor):
    """An orthogonal matrix (m, m): a product of Householder reflections, exact in rationals.

    Raw: the vectors v, (m, r); reflection I - 2 v v^T/(v^T v), formed inside the arithmetic; a zero
    vector stands for the identity.
    """

    def __init__(self, m: str | int = "m") -> None:
        self.m = checks.size("orthogonal(m)", m)
        self.sizes = (self.m,)

    def make(self, source: Source, sizes: Sizes) -> Raw:
        m = length(sizes, self.m)
        return source.reals((m, source.choice((0, 1, 2, m))))

    def realise(self, arithmetic: Reading, raw: Raw) -> Value:
        xp = arithmetic.xp
        m = raw.shape[0]
        Q = xp.eye(m)
        for column in range(raw.shape[1]):
            if raw[:, column].any():
                v = arithmetic.lift(raw[:, column : column + 1].copy())
                Q = Q - 2 * (Q @ v) @ v.T / xp.sum(v * v)
        return Q

    def parameters(self, raw: Raw) -> Parameters:
        return Parameters.of(raw)

    def with_parameters(self, raw: Raw, values: Array) -> Raw:
        return np.asarray(values).reshape(raw.shape)

    def drop(self, raw: Raw, size: str, index: int) -> Raw:
        return np.delete(raw, index, axis=0) if size == self.m else raw

    def simpler(self, raw: Raw) -> Iterator[Raw]:
        for column in range(raw.shape[1]):
            yield np.delete(raw, column, axis=1)


class Ridge(ArrayFactor):
    """tau >= 0, one a node of the size, (k,)."""

    def __init__(self, k: str | int = "k") -> None:
        super().__init__(k, low=0.0)

    def make(self, source: Source, sizes: Sizes) -> Raw:
        shape = self.shape(sizes)
        family = source.choice(("zero", "equal", "plain", "plain", "extreme"))
        if family == "zero":
            return np.zeros(shape)
        if family == "equal":
            return np.full(shape, source.magnitude(1e-6, 1e3))
        if family == "extreme":
            return np.abs(source.reals(shape)) * source.magnitude(1e-12, 1e12)
        return np.abs(source.reals(shape))


class Distribution(ArrayFactor):
    """Weights >= 0 that sum to 1, (m,). Raw: any weights >= 0, not all 0; divided by their sum."""

    def __init__(
        self, m: str | int = "m", decreasing: bool = False, positive: bool = False
    ) -> None:
        checks.flag("distributions(positive)", positive)
        super().__init__(m, low=2.0**-30 if positive else 0.0)
        self.decreasing = checks.flag("time_weights(decreasing)", decreasing)
        if m == 0:
            raise ValueError("weights that sum to 1 need at least one entry, got m = 0")
        self.at_least = dict.fromkeys(self.sizes, 1)

    def make(self, source: Source, sizes: Sizes) -> Raw:
        (m,) = self.shape(sizes)
        family = source.choice(("uniform", "plain", "plain", "last", "first", "geometric"))
        values: Array = np.zeros(m)
        if family == "plain":
            values = abs(source.reals((m,)))
        elif family == "last":
            values[-1:] = 1.0
        elif family == "first":
            values[:1] = 1.0
        elif family == "geometric":
            values = np.ldexp(np.ones(m), -np.arange(m))
        if not values.any():
            values = np.ones(m)
        return np.maximum(values, self.low).astype(np.float64)

    def realise(self, arithmetic: Reading, raw: Raw) -> Value:
        raw = np.sort(raw)[::-1].copy() if self.decreasing else raw
        if not raw.any():
            raw = np.ones_like(raw)
        weights = arithmetic.lift(raw)
        return weights / arithmetic.xp.sum(weights)

    def simpler(self, raw: Raw) -> Iterator[Raw]:
        if not np.array_equal(raw, np.ones_like(raw)):
            yield np.ones_like(raw)


class Sequences(ArrayFactor):
    """Input sequences (n, T, d): generic ones, impulses, constants, period two, zero."""

    def __init__(self, n: str | int = "n", T: str | int = "T", d: str | int = "d") -> None:
        super().__init__(n, T, d)

    def make(self, source: Source, sizes: Sizes) -> Raw:
        n, T, d = self.shape(sizes)
        family = source.choice(
            ("zero", "impulse", "constant", "plain", "plain", "plain", "period two", "large")
        )
        x = np.zeros((n, T, d))
        if family == "impulse" and T:
            x[:, 0] = source.reals((n, d))
        elif family == "constant":
            x = np.repeat(source.reals((n, 1, d)), T, axis=1)
        elif family == "plain":
            x = source.reals((n, T, d))
        elif family == "period two":
            x = np.repeat(source.reals((n, 1, d)), T, axis=1)
            x[:, 1::2] *= -1
        elif family == "large":
            x = source.reals((n, T, d)) * source.magnitude(1e-3, 1e3)
        return x
