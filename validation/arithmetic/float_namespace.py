"""`xp` over float64: NumPy's own functions, and no others than the vocabulary's."""

from __future__ import annotations

from typing import Any

import numpy as np

from .errors import Undefined
from .namespace import _Checked, places


class FloatLinalg(_Checked):
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
    vector_norm = staticmethod(np.linalg.vector_norm)
    matrix_rank = staticmethod(np.linalg.matrix_rank)

    @staticmethod
    def solve(x1: Any, x2: Any, /) -> Any:
        """Solve x1 y = x2 for square x1."""
        try:
            return np.linalg.solve(x1, x2)
        except np.linalg.LinAlgError as error:
            raise _explained("solve", error) from None

    @staticmethod
    def matrix_power(x: Any, n: Any, /) -> Any:
        """Multiply a square matrix with itself."""
        try:
            return np.linalg.matrix_power(x, n)
        except np.linalg.LinAlgError as error:
            raise _explained("matrix_power", error) from None

    @staticmethod
    def matrix_norm(x: Any, /, *, keepdims: bool = False, ord: Any = "fro") -> Any:
        """Return the Frobenius ("fro"), spectral (2), row-sum (inf) or column-sum (1) norm."""
        if 0 in x.shape[-2:]:
            return np.zeros(x.shape[:-2] + (1, 1) * keepdims)[()]
        try:
            return np.linalg.matrix_norm(x, keepdims=keepdims, ord=ord)
        except np.linalg.LinAlgError as error:
            raise _explained("matrix_norm", error) from None

    @staticmethod
    def eigvalsh(x: Any, /) -> Any:
        """Return the eigenvalues of symmetric matrices in ascending order."""
        try:
            return np.linalg.eigvalsh(x)
        except np.linalg.LinAlgError as error:
            raise _explained("eigvalsh", error) from None

    @staticmethod
    def cholesky(x: Any, /) -> Any:
        """Return the lower triangular factor of positive definite matrices."""
        try:
            return np.linalg.cholesky(x)
        except np.linalg.LinAlgError as error:
            raise _explained("cholesky", error) from None

    @staticmethod
    def pinv(x: Any, /) -> Any:
        """Return Moore-Penrose inverses."""
        try:
            return np.linalg.pinv(x)
        except np.linalg.LinAlgError as error:
            raise _explained("pinv", error) from None


class FloatNamespace(_Checked):
    """`xp` over float64."""

    linalg = FloatLinalg()
    float64 = np.float64
    int64 = np.int64
    newaxis = None
    pi = np.pi
    e = np.e

    asarray = staticmethod(np.asarray)
    zeros = staticmethod(np.zeros)
    ones = staticmethod(np.ones)
    full = staticmethod(np.full)
    zeros_like = staticmethod(np.zeros_like)
    ones_like = staticmethod(np.ones_like)
    arange = staticmethod(np.arange)
    sqrt = staticmethod(np.sqrt)
    exp = staticmethod(np.exp)
    expm1 = staticmethod(np.expm1)
    log = staticmethod(np.log)
    log1p = staticmethod(np.log1p)
    tanh = staticmethod(np.tanh)
    sin = staticmethod(np.sin)
    cos = staticmethod(np.cos)
    maximum = staticmethod(np.maximum)
    minimum = staticmethod(np.minimum)
    abs = staticmethod(np.abs)
    square = staticmethod(np.square)
    ceil = staticmethod(np.ceil)
    floor = staticmethod(np.floor)
    sum = staticmethod(np.sum)
    prod = staticmethod(np.prod)
    mean = staticmethod(np.mean)
    max = staticmethod(np.max)
    min = staticmethod(np.min)
    cumulative_sum = staticmethod(np.cumulative_sum)
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

    @staticmethod
    def eye(n_rows: int, n_cols: int | None = None, /, *, k: int = 0, dtype: Any = None) -> Any:
        """Make a matrix with ones on the k-th diagonal."""
        return np.eye(n_rows, n_cols, k=k)

    @staticmethod
    def astype(x: Any, dtype: Any, /) -> Any:
        """Make numbers of truth values (0 and 1)."""
        return np.asarray(x).astype(dtype)[()]

    @staticmethod
    def expand_dims(x: Any, /, axis: int = 0) -> Any:
        """Insert an axis of length one."""
        return np.expand_dims(x, axis)

    @staticmethod
    def squeeze(x: Any, /, axis: Any) -> Any:
        """Remove axes of length one."""
        return np.squeeze(x, axis)

    @staticmethod
    def take(x: Any, indices: Any, /, *, axis: int | None = None) -> Any:
        """Pick entries, rows or columns by their integer places."""
        if axis is None and np.ndim(x) != 1:
            raise ValueError("take needs an axis unless x has only one")
        return np.take(x, places(indices), axis=axis)


def _explained(name: str, error: Exception) -> Undefined:
    return Undefined(f"xp.linalg.{name}: {str(error).lower()}")
