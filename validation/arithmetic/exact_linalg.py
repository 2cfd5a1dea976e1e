"""`xp.linalg` over exact arrays, as far as it needs no roots."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable

import numpy as np

from validation.arithmetic import stacks
from validation.arithmetic.checked import (
    Checked,
    check_matrix,
    check_matrix_order,
    check_square,
    check_vector_order,
)
from validation.arithmetic.errors import Unsupported
from validation.arithmetic.objects import ObjectArray
from validation.arithmetic.values import Axis, Given, Namespace, Value


class ExactLinalg(Checked):
    """The functions of `xp.linalg` that need no roots."""

    prefix = "xp.linalg"

    def __init__(self, xp: Namespace) -> None:
        self._xp = xp
        self._array = xp.array

    def matmul(self, x1: Value, x2: Value, /) -> Value:
        """Multiply matrices, as `@`."""
        return x1 @ x2

    def vecdot(self, x1: Given, x2: Given, /, *, axis: int = -1) -> Value:
        """Return inner products along an axis."""
        return self._xp.vecdot(x1, x2, axis=axis)

    def outer(self, x1: Value, x2: Value, /) -> Value:
        """Return the products of all pairs of entries of two vectors."""
        if x1.ndim != 1 or x2.ndim != 1:
            raise ValueError("outer needs two vectors")
        return x1[:, None] * x2[None, :]

    def matrix_transpose(self, x: Value, /) -> Value:
        """Exchange the last two axes."""
        return x.mT

    def trace(self, x: Given, /, *, offset: int = 0) -> Value:
        """Sum a diagonal of each matrix."""
        return self._xp.sum(self.diagonal(x, offset=offset), axis=-1)

    def diagonal(self, x: Value, /, *, offset: int = 0) -> Value:
        """Return a diagonal of each matrix."""
        check_matrix("diagonal", x)
        if x.ndim == 2 and x._entries is None:
            m = x._matrix
            rows, columns = x.shape
            start, count = max(-offset, 0), 0
            count = max(min(rows - start, columns - max(offset, 0)), 0)
            numbers = [m[i, i + offset] for i in range(start, start + count)]
            return self._array._from_list(numbers, (len(numbers),))
        return self._array.of_entries(np.diagonal(x.entries(), offset, -2, -1))

    def solve(self, x1: Value, x2: Value, /) -> Value:
        """Solve x1 y = x2 for square x1."""
        check_square("solve", x1)
        if x2.ndim == 1:
            return self.solve(x1, x2[:, None])[..., 0]
        if x1.shape[-1] != x2.shape[-2]:
            raise ValueError(f"solve was called with shapes {x1.shape} and {x2.shape}")
        return stacks.over_stacks(self._solve, x1, x2)

    def _solve(self, a: Value, b: Value) -> Value:
        raise NotImplementedError

    def inv(self, x: Value, /) -> Value:
        """Return inverses; `solve` is sharper where the inverse meets a matrix at once."""
        check_square("inv", x)
        return self.solve(x, self._xp.broadcast_to(self._xp.eye(x.shape[-1]), x.shape))

    def det(self, x: Given, /) -> Value:
        """Return determinants."""
        check_square("det", x)
        return stacks.over_stacks(lambda a: a.det(), x)

    def matrix_power(self, x: Value, n: int, /) -> Value:
        """Multiply a square matrix with itself; a negative power solves."""
        check_square("matrix_power", x)
        n = operator.index(n)
        result = self._xp.eye(x.shape[-1])
        if x.ndim > 2:
            result = self._xp.broadcast_to(result, x.shape)
        if n < 0:
            return self.solve(self.matrix_power(x, -n), result)
        while n:
            if n & 1:
                result = result @ x
            n >>= 1
            if n:
                x = x @ x
        return result

    def vector_norm(
        self, x: Value, /, *, axis: Axis = None, keepdims: bool = False, ord: float = 2
    ) -> Value:
        """Return the 1-, 2- or infinity-norm along axes."""
        check_vector_order(ord)
        if axis is not None:
            np.lib.array_utils.normalize_axis_tuple(axis, x.ndim)  # a number has no axis here
        if ord == 1:
            return self._xp.sum(abs(x), axis=axis, keepdims=keepdims)
        if ord == math.inf:
            return self._xp._largest_or_zero(abs(x), axis, keepdims)
        return self._xp.sqrt(self._xp.sum(x**2, axis=axis, keepdims=keepdims))

    def matrix_norm(self, x: Value, /, *, keepdims: bool = False, ord: object = "fro") -> Value:
        """Return the norm "fro" (Frobenius), "nuc" (nuclear), 2 (spectral), 1 or inf (sums)."""
        check_matrix_order(ord)
        check_matrix("matrix_norm", x)
        if 0 in x.shape[-2:]:
            result = self._xp.zeros(x.shape[:-2])
        elif ord == "fro":
            result = self.vector_norm(x, axis=(-2, -1))
        elif ord == "nuc":
            result = self._xp.sum(self.svdvals(x), axis=-1)
        elif ord == 2:
            result = self._spectral_norm(x)
        else:
            sums = self._xp.sum(abs(x), axis=-2 if ord == 1 else -1)
            result = self._xp.max(sums, axis=-1)
        return result.reshaped((*result.shape, 1, 1)) if keepdims else result

    def _spectral_norm(self, x: Given) -> ObjectArray:
        raise NotImplementedError

    def svdvals(self, x: Given, /) -> ObjectArray:
        """Return the singular values in descending order."""
        raise NotImplementedError


def refuse(name: str) -> Callable[..., Value]:
    """Return a function that says that rationals do not have this one."""

    def refused(*args: object, **kwargs: object) -> ObjectArray:
        raise Unsupported(f"{name} of a rational is not rational; use balls")

    return refused
