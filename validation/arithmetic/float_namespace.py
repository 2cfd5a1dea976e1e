"""`xp` over float64: NumPy's own functions, and no others than the vocabulary's.

Every array is of float64: integers become floats as soon as `xp` sees them, so that none wraps
where balls and rationals go on. What NumPy would answer and the exact arithmetics refuse (sums of
truth values, other orders of norms) is refused here too, where that costs nothing.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from typing import Literal, SupportsIndex

import numpy as np

from validation.arithmetic.checked import (
    FLOAT64,
    INT64,
    ORIENTATION,
    Checked,
    check_matrix,
    check_matrix_order,
    check_square,
    check_vector_order,
    places,
    shape_of,
    whole,
)
from validation.arithmetic.errors import Undefined, Unsupported
from validation.arithmetic.truth import is_truth
from validation.arithmetic.values import Axis, Shape, Value

_FLOAT = np.dtype(np.float64)
_add: Value = np.add.reduce


def _linalg(function: Callable[..., Value]) -> Value:
    """Return a function of `numpy.linalg` as a method whose failures are `Undefined`."""
    name = function.__name__

    @functools.wraps(function)
    def wrapped(*args: object, **kwargs: object) -> Value:
        try:
            return function(*args, **kwargs)
        except np.linalg.LinAlgError as error:
            raise Undefined(f"xp.linalg.{name}: {str(error).lower()}") from None

    return staticmethod(wrapped)


class FloatLinalg(Checked):
    """`xp.linalg` over float64."""

    prefix = "xp.linalg"
    matmul = staticmethod(np.linalg.matmul)
    vecdot = staticmethod(np.linalg.vecdot)
    outer = staticmethod(np.linalg.outer)
    matrix_transpose = staticmethod(np.linalg.matrix_transpose)
    trace = staticmethod(np.linalg.trace)
    diagonal = staticmethod(np.linalg.diagonal)
    det = staticmethod(np.linalg.det)
    slogdet = staticmethod(np.linalg.slogdet)
    solve = _linalg(np.linalg.solve)
    inv = _linalg(np.linalg.inv)
    matrix_power = _linalg(np.linalg.matrix_power)
    eigvalsh = _linalg(np.linalg.eigvalsh)
    cholesky = _linalg(np.linalg.cholesky)

    @staticmethod
    def vector_norm(
        x: Value, /, *, axis: Value = None, keepdims: bool = False, ord: float = 2
    ) -> Value:
        """Return the 1-, 2- or infinity-norm along axes."""
        check_vector_order(ord)
        quick = axis is None or (type(axis) is int and getattr(x, "ndim", 0) > 0)
        if ord == 2 and quick and getattr(x, "dtype", 0) is _FLOAT:
            # What NumPy does, without its checks, which cost three times as much. (A number has no
            # axis, but add.reduce takes 0 and -1 for one.)
            return np.sqrt(_add(x * x, axis=axis, keepdims=keepdims))
        return np.linalg.vector_norm(x, axis=axis, keepdims=keepdims, ord=ord)

    @staticmethod
    def matrix_norm(
        x: Value, /, *, keepdims: bool = False, ord: Literal["fro", "nuc"] | float = "fro"
    ) -> Value:
        """Return the norm "fro" (Frobenius), "nuc" (nuclear), 2 (spectral), 1 or inf (sums)."""
        check_matrix_order(ord)
        check_matrix("matrix_norm", x)
        if 0 in x.shape[-2:]:
            return np.zeros(x.shape[:-2] + (1, 1) * keepdims)[()]
        if ord == "fro" and x.dtype is _FLOAT:
            return np.sqrt(_add(x * x, axis=(-2, -1), keepdims=keepdims))
        if ord in (2, "nuc"):
            _finite("matrix_norm", x)
        try:
            if ord == 2 and not keepdims:
                return np.linalg.svd(x, compute_uv=False)[..., 0]
            return np.linalg.matrix_norm(x, keepdims=keepdims, ord=ord)
        except np.linalg.LinAlgError as error:
            raise Undefined(f"xp.linalg.matrix_norm: {str(error).lower()}") from None

    @staticmethod
    def svdvals(x: Value, /) -> Value:
        """Return the singular values in descending order."""
        check_matrix("svdvals", x)
        _finite("svdvals", x)
        try:
            return np.linalg.svd(x, compute_uv=False)
        except np.linalg.LinAlgError as error:
            raise Undefined(f"xp.linalg.svdvals: {str(error).lower()}") from None

    @staticmethod
    def matrix_rank(x: Value, /) -> Value:
        """Return ranks, up to rounding."""
        check_matrix("matrix_rank", x)
        if 0 in x.shape:
            return np.zeros(x.shape[:-2])[()]
        _finite("matrix_rank", x)
        return np.asarray(np.linalg.matrix_rank(x), dtype=np.float64)[()]

    @staticmethod
    def pinv(x: Value, /) -> Value:
        """Return Moore-Penrose inverses."""
        check_matrix("pinv", x)
        _finite("pinv", x)
        try:
            return np.linalg.pinv(x)
        except np.linalg.LinAlgError as error:
            raise Undefined(f"xp.linalg.pinv: {str(error).lower()}") from None

    @staticmethod
    def eigh(x: Value, /) -> Value:
        """Return ascending eigenvalues and oriented unit eigenvectors of symmetric matrices."""
        check_square("eigh", x)
        try:
            values, vectors = np.linalg.eigh(x)
        except np.linalg.LinAlgError as error:
            raise Undefined(f"xp.linalg.eigh: {str(error).lower()}") from None
        weights = ORIENTATION ** np.arange(x.shape[-1])
        return values, vectors * np.where(weights @ vectors < 0, -1.0, 1.0)[..., None, :]

    @staticmethod
    def spectral_radius(x: Value, /) -> Value:
        """Return the largest absolute value of an eigenvalue of square matrices."""
        check_square("spectral_radius", x)
        if x.shape[-1] == 0:
            return np.zeros(x.shape[:-2])[()]
        try:
            return np.abs(np.linalg.eigvals(x)).max(axis=-1)
        except np.linalg.LinAlgError as error:
            raise Undefined(f"xp.linalg.spectral_radius: {str(error).lower()}") from None


def _finite(name: str, x: Value) -> None:
    """Refuse what is not finite: LAPACK's singular values may then never come to an end."""
    if not np.isfinite(x).all():
        raise Undefined(f"xp.linalg.{name}: the matrix is not finite in float64")


def _reduction(function: Callable[..., Value], ufunc: np.ufunc) -> Value:
    """Return a reduction of numbers, by the ufunc: NumPy's wrapper costs as much again."""
    name = function.__name__.removeprefix("a")  # numpy.max calls itself amax
    reduce: Value = ufunc.reduce

    @functools.wraps(function)
    def reduced(x: Value, /, *, axis: Axis = None, keepdims: bool = False) -> Value:
        if getattr(x, "dtype", None) is not _FLOAT:
            x = _numbers(x, name)
        return reduce(x, axis=axis, keepdims=keepdims)

    return staticmethod(reduced)


def _numbers(x: Value, name: str) -> Value:
    """Return x as an array of float64, unless it consists of truth values."""
    if getattr(x, "dtype", None) is _FLOAT:
        return x
    if is_truth(x):
        raise Unsupported(
            f"xp.{name} met truth values, which are not numbers: make numbers of them with "
            "xp.astype(truth, xp.float64)"
        )
    return np.asarray(x, dtype=np.float64)


class FloatNamespace(Checked):
    """`xp` over float64."""

    linalg = FloatLinalg()
    float64 = FLOAT64
    int64 = INT64
    newaxis = None
    pi = np.pi
    e = np.e

    sqrt = staticmethod(np.sqrt)
    exp = staticmethod(np.exp)
    expm1 = staticmethod(np.expm1)
    log = staticmethod(np.log)
    log1p = staticmethod(np.log1p)
    log2 = staticmethod(np.log2)
    tanh = staticmethod(np.tanh)
    sin = staticmethod(np.sin)
    cos = staticmethod(np.cos)
    maximum = staticmethod(np.maximum)
    minimum = staticmethod(np.minimum)
    abs = staticmethod(np.abs)
    sign = staticmethod(np.sign)
    square = staticmethod(np.square)
    ceil = staticmethod(np.ceil)
    floor = staticmethod(np.floor)
    sum = _reduction(np.sum, np.add)
    prod = _reduction(np.prod, np.multiply)
    max = _reduction(np.max, np.maximum)
    min = _reduction(np.min, np.minimum)
    stack = staticmethod(np.stack)
    concat = staticmethod(np.concat)
    reshape = staticmethod(np.reshape)
    permute_dims = staticmethod(np.permute_dims)
    matrix_transpose = staticmethod(np.matrix_transpose)
    broadcast_to = staticmethod(np.broadcast_to)
    flip = staticmethod(np.flip)
    tril = staticmethod(np.tril)
    triu = staticmethod(np.triu)
    matmul = staticmethod(np.matmul)
    vecdot = staticmethod(np.vecdot)

    # -- creation -------------------------------------------------------------------------------

    @staticmethod
    def asarray(obj: Value, *, dtype: object = None) -> Value:
        """Make an array of numbers."""
        try:
            array = np.asarray(obj, dtype=np.float64)
        except TypeError:
            raise Unsupported(f"xp.asarray: {obj!r:.60} is not made of real numbers") from None
        return array if dtype is None or not whole(dtype, "asarray") else np.trunc(array)

    @staticmethod
    def zeros(shape: Shape, *, dtype: object = None) -> Value:
        """Make an array of zeros."""
        whole(dtype, "zeros")
        return np.zeros(shape)

    @staticmethod
    def ones(shape: Shape, *, dtype: object = None) -> Value:
        """Make an array of ones."""
        whole(dtype, "ones")
        return np.ones(shape)

    @staticmethod
    def full(shape: Shape, fill_value: Value, *, dtype: object = None) -> Value:
        """Make an array with one value everywhere."""
        value = np.trunc(fill_value) if whole(dtype, "full") else fill_value
        return np.full(shape_of(shape), value, dtype=np.float64)

    @staticmethod
    def zeros_like(x: Value) -> Value:
        """Make an array of zeros with the shape of x."""
        return np.zeros(np.shape(x))

    @staticmethod
    def ones_like(x: Value) -> Value:
        """Make an array of ones with the shape of x."""
        return np.ones(np.shape(x))

    @staticmethod
    def eye(
        n_rows: int, n_cols: int | None = None, /, *, k: int = 0, dtype: object = None
    ) -> Value:
        """Make a matrix with ones on the k-th diagonal."""
        whole(dtype, "eye")
        return np.eye(n_rows, n_cols, k=k)

    @staticmethod
    def arange(
        start: SupportsIndex,
        /,
        stop: SupportsIndex | None = None,
        step: SupportsIndex = 1,
        *,
        dtype: object = None,
    ) -> Value:
        """Make an array of integers, as `range` does."""
        whole(dtype, "arange")
        if stop is None:
            start, stop = 0, start
        return np.arange(*map(operator.index, (start, stop, step)), dtype=np.float64)

    @staticmethod
    def astype(x: Value, dtype: object, /) -> Value:
        """Make numbers of truth values (0 and 1); as integers, numbers are rounded towards 0."""
        array = np.asarray(x, dtype=np.float64)
        return (np.trunc(array) if whole(dtype, "astype") else array)[()]

    @staticmethod
    def diag(x: Value, /) -> Value:
        """Make the diagonal matrix of a vector."""
        if np.ndim(x) != 1:
            raise ValueError(f"diag needs a vector, got shape {np.shape(x)}: {_DIAGONAL}")
        return np.diag(x)

    # -- functions that NumPy lacks, or has with another meaning --------------------------------

    @staticmethod
    def where(condition: Value, x1: Value, x2: Value, /) -> Value:
        """Choose from two by truth values."""
        if not is_truth(condition):
            raise Unsupported("xp.where needs truth values, as in xp.where(x > 0, x, 0)")
        return np.asarray(np.where(condition, x1, x2), dtype=np.float64)[()]

    @staticmethod
    def xlogx(x: Value, /) -> Value:
        """Return x log x, 0 at 0."""
        x = np.asarray(x, dtype=np.float64)
        return (x * np.log(np.where(x == 0, 1.0, x)))[()]

    @staticmethod
    def logsumexp(x: Value, /, *, axis: Axis = None, keepdims: bool = False) -> Value:
        """Return the logarithm of the sum of exponentials along axes."""
        x = _numbers(x, "logsumexp")
        top = np.max(x, axis=axis, keepdims=True)
        top = np.where(np.isfinite(top), top, 0.0)
        total = np.log(np.sum(np.exp(x - top), axis=axis, keepdims=True)) + top
        return total if keepdims else np.squeeze(total, axis=axis)[()]

    @staticmethod
    def lgamma(x: Value, /) -> Value:
        """Return log Gamma(x) of positive numbers."""
        from scipy.special import gammaln

        return np.where(np.asarray(x) > 0, gammaln(x), np.nan)[()]

    @staticmethod
    def erf(x: Value, /) -> Value:
        """Return the error function."""
        from scipy.special import erf

        return erf(x)

    @staticmethod
    def mean(x: Value, /, *, axis: Axis = None, keepdims: bool = False) -> Value:
        """Average along axes."""
        x = _numbers(x, "mean")
        if x.size == 0:
            total = np.sum(x, axis=axis, keepdims=keepdims)
            return total / 0.0 if total.size else total
        return np.mean(x, axis=axis, keepdims=keepdims)

    @staticmethod
    def cumulative_sum(
        x: Value, /, *, axis: int | None = None, include_initial: bool = False
    ) -> Value:
        """Return the partial sums along an axis."""
        x = _numbers(x, "cumulative_sum")
        return np.cumulative_sum(x, axis=axis, include_initial=include_initial)

    @staticmethod
    def sort(x: Value, /, *, axis: int = -1, descending: bool = False) -> Value:
        """Sort along an axis."""
        x = np.sort(_numbers(x, "sort"), axis=axis)
        return np.flip(x, axis=axis) if descending else x

    @staticmethod
    def kron(x1: Value, x2: Value, /) -> Value:
        """Return the Kronecker product of two matrices."""
        if np.ndim(x1) != 2 or np.ndim(x2) != 2:
            raise ValueError(f"kron needs two matrices, got shapes {np.shape(x1)}, {np.shape(x2)}")
        return np.kron(x1, x2)

    # -- shapes ---------------------------------------------------------------------------------

    @staticmethod
    def expand_dims(x: Value, /, axis: int = 0) -> Value:
        """Insert an axis of length one."""
        return np.expand_dims(x, axis)

    @staticmethod
    def squeeze(x: Value, /, axis: Axis) -> Value:
        """Remove axes of length one."""
        return np.squeeze(x, axis)

    @staticmethod
    def take(x: Value, indices: Value, /, *, axis: int | None = None) -> Value:
        """Pick entries, rows or columns by their integer places."""
        if axis is None and np.ndim(x) != 1:
            raise ValueError("take needs an axis unless x has only one")
        if not isinstance(x, np.ndarray):
            x = np.asarray(x)
        return x.take(places(indices), axis=axis)


_DIAGONAL = "the diagonal of a matrix is xp.linalg.diagonal(x)"
