"""The vocabulary over exact arrays: one namespace, specialised to balls and to rationals.

Names, arguments and meanings are those of the Python array API standard; what is not defined here
does not exist in a claim. The functions that two kinds share are methods of the base class; those
that need roots, logarithms or eigenvalues are given by the kinds.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np

from . import objects
from .errors import OutsideVocabulary, Unsupported
from .objects import ObjectArray, _boxed, _scalar_or_array

Axis = int | tuple[int, ...] | None


class _Checked:
    """Answers a name that does not exist with the reason."""

    prefix = "xp"
    kind = "array"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise OutsideVocabulary(
            f"{self.prefix}.{name} is not in the vocabulary of claims; `rnnbounds vocabulary` "
            "lists what is"
        )


class ExactNamespace(_Checked):
    """The functions of `xp` that need no roots."""

    array: ClassVar[type[ObjectArray]]
    larger: ClassVar[Any]
    smaller: ClassVar[Any]
    ceiling: ClassVar[Any]
    rounding_down: ClassVar[Any]
    linalg: Any

    float64 = "float64"
    int64 = "int64"
    newaxis = None

    # -- creation -------------------------------------------------------------------------------

    def asarray(self, obj: Any, *, dtype: Any = None) -> Any:
        """Make an array of Python numbers, nested lists of them, or arrays of this kind."""
        cls = self.array
        if isinstance(obj, cls):
            return obj
        if isinstance(obj, list | tuple):
            parts = [self.asarray(x) for x in obj]
            if not parts:
                return cls.of_entries(np.empty(0, dtype=object))
            return objects.stack(cls, parts)
        if isinstance(obj, np.ndarray):
            return cls.lift(obj)
        return cls.literal(obj)

    def _filled(self, shape: Any, value: int) -> Any:
        number = self.array.exact(value)
        shape = _shape(shape)
        if shape == ():
            return self.array.of_entries(number)
        array = np.empty(shape, dtype=object)
        array[...] = number
        return self.array.of_entries(array)

    def zeros(self, shape: Any, *, dtype: Any = None) -> Any:
        """Make an array of zeros."""
        return self._filled(shape, 0)

    def ones(self, shape: Any, *, dtype: Any = None) -> Any:
        """Make an array of ones."""
        return self._filled(shape, 1)

    def full(self, shape: Any, fill_value: Any, *, dtype: Any = None) -> Any:
        """Make an array with one value everywhere."""
        return self.broadcast_to(self._array(fill_value), _shape(shape))

    def zeros_like(self, x: Any) -> Any:
        """Make an array of zeros with the shape of x."""
        return self._filled(x.shape, 0)

    def ones_like(self, x: Any) -> Any:
        """Make an array of ones with the shape of x."""
        return self._filled(x.shape, 1)

    def eye(self, n_rows: Any, n_cols: Any = None, /, *, k: int = 0, dtype: Any = None) -> Any:
        """Make a matrix with ones on the k-th diagonal."""
        rows = operator.index(n_rows)
        columns = rows if n_cols is None else operator.index(n_cols)
        return self.array.of_matrix(_eye(self.array.matrix, rows, columns, operator.index(k)))

    def arange(self, start: Any, /, stop: Any = None, step: Any = 1, *, dtype: Any = None) -> Any:
        """Make an array of integers, as `range` does."""
        if stop is None:
            start, stop = 0, start
        return self.array.lift(np.arange(*map(operator.index, (start, stop, step))))

    def astype(self, x: Any, dtype: Any, /) -> Any:
        """Make numbers of truth values (0 and 1); numbers stay."""
        return x if isinstance(x, self.array) else self.array.lift(np.asarray(x, dtype=np.int64))

    # -- elementwise ----------------------------------------------------------------------------

    def _array(self, x: Any) -> Any:
        if type(x) is self.array:
            return x
        converted = self.array.operand(x)
        if converted is NotImplemented:
            raise Unsupported(f"a {type(x).__name__} was given where xp needs an array")
        return converted

    def _pairwise(self, function: Callable[[Any, Any], Any], x1: Any, x2: Any) -> Any:
        a, b = self._array(x1).entries(), self._array(x2).entries()
        if type(a) is not np.ndarray and type(b) is not np.ndarray:
            return self.array.of_entries(function(a, b))
        return self.array.of_entries(np.frompyfunc(function, 2, 1)(a, b))

    def maximum(self, x1: Any, x2: Any, /) -> Any:
        """Return the larger of two, entry by entry."""
        return self._pairwise(type(self).larger, x1, x2)

    def minimum(self, x1: Any, x2: Any, /) -> Any:
        """Return the smaller of two, entry by entry."""
        return self._pairwise(type(self).smaller, x1, x2)

    def abs(self, x: Any, /) -> Any:
        """Return absolute values."""
        return abs(self._array(x))

    def square(self, x: Any, /) -> Any:
        """Return squares."""
        return self._array(x) ** 2

    def ceil(self, x: Any, /) -> Any:
        """Round up, where that is certain."""
        return self._array(x).mapped(type(self).ceiling)

    def floor(self, x: Any, /) -> Any:
        """Round down, where that is certain."""
        return self._array(x).mapped(type(self).rounding_down)

    # -- reductions -----------------------------------------------------------------------------

    def sum(self, x: Any, /, *, axis: Axis = None, keepdims: bool = False) -> Any:
        """Sum along axes (all of them by default)."""
        return self._reduced(x, axis, keepdims, operator.add, 0)

    def prod(self, x: Any, /, *, axis: Axis = None, keepdims: bool = False) -> Any:
        """Multiply along axes."""
        return self._reduced(x, axis, keepdims, operator.mul, 1)

    def mean(self, x: Any, /, *, axis: Axis = None, keepdims: bool = False) -> Any:
        """Average along axes."""
        total = self.sum(x, axis=axis, keepdims=keepdims)
        return total / (x.size // max(total.size, 1))

    def max(self, x: Any, /, *, axis: Axis = None, keepdims: bool = False) -> Any:
        """Return the largest entry along axes."""
        return self._reduced(x, axis, keepdims, type(self).larger, None)

    def min(self, x: Any, /, *, axis: Axis = None, keepdims: bool = False) -> Any:
        """Return the smallest entry along axes."""
        return self._reduced(x, axis, keepdims, type(self).smaller, None)

    def cumulative_sum(
        self, x: Any, /, *, axis: int | None = None, include_initial: bool = False
    ) -> Any:
        """Return the partial sums along an axis."""
        a = self._array(x).entries()
        if axis is None:
            if np.ndim(a) != 1:
                raise ValueError("cumulative_sum needs an axis unless x has only one")
            axis = 0
        sums = np.add.accumulate(a, axis=axis) if a.size else a
        if include_initial:
            shape = list(a.shape)
            shape[axis] = 1
            sums = np.concatenate([self._filled(tuple(shape), 0).entries(), sums], axis=axis)
        return self.array.of_entries(sums)

    def _reduced(
        self, x: Any, axis: Axis, keepdims: bool, function: Callable[..., Any], empty: int | None
    ) -> Any:
        x = self._array(x)
        shape = x.shape
        axes = tuple(range(len(shape)))
        if axis is not None:
            axes = np.lib.array_utils.normalize_axis_tuple(axis, len(shape))
        if len(axes) == len(shape):
            numbers = x.flat()
            if not numbers:
                if empty is None:
                    raise ValueError("an empty array has no largest or smallest entry")
                total = self.array.exact(empty)
            else:
                total = functools.reduce(function, numbers)
            result = self.array.of_entries(total)
            return result.reshaped((1,) * len(shape)) if keepdims else result
        kept = [i for i in range(len(shape)) if i not in axes]
        moved = np.transpose(x.entries(), (*kept, *axes))
        moved = moved.reshape(*(shape[i] for i in kept), -1)
        if moved.shape[-1] == 0:
            if empty is None:
                raise ValueError("an empty axis has no largest or smallest entry")
            result = self._filled(moved.shape[:-1], empty)
        else:
            result = self.array.of_entries(
                _scalar_or_array(np.frompyfunc(function, 2, 1).reduce(moved, axis=-1))
            )
        if keepdims:
            return result.reshaped(tuple(1 if i in axes else n for i, n in enumerate(shape)))
        return result

    # -- shapes ---------------------------------------------------------------------------------

    def stack(self, arrays: Sequence[Any], /, *, axis: int = 0) -> Any:
        """Join arrays along a new axis."""
        return objects.stack(self.array, [self._array(x) for x in arrays], axis)

    def concat(self, arrays: Sequence[Any], /, *, axis: int | None = 0) -> Any:
        """Join arrays along an axis they have."""
        parts = [self._array(x).entries() for x in arrays]
        return self.array.of_entries(np.concatenate(parts, axis=axis))

    def reshape(self, x: Any, /, shape: Any) -> Any:
        """Return the entries in another shape."""
        return x.reshaped(_shape(shape))

    def permute_dims(self, x: Any, /, axes: tuple[int, ...]) -> Any:
        """Reorder the axes."""
        return self.array.of_entries(np.transpose(x.entries(), axes))

    def matrix_transpose(self, x: Any, /) -> Any:
        """Exchange the last two axes."""
        return x.mT

    def expand_dims(self, x: Any, /, axis: int = 0) -> Any:
        """Insert an axis of length one."""
        return self.array.of_entries(np.expand_dims(_boxed(x.entries()), axis))

    def squeeze(self, x: Any, /, axis: Any) -> Any:
        """Remove axes of length one."""
        return self.array.of_entries(_scalar_or_array(np.squeeze(x.entries(), axis)))

    def broadcast_to(self, x: Any, /, shape: Any) -> Any:
        """Repeat along new axes and axes of length one."""
        array = np.broadcast_to(_boxed(x.entries()), _shape(shape))
        return self.array.of_entries(_scalar_or_array(array))

    def flip(self, x: Any, /, *, axis: Axis = None) -> Any:
        """Reverse the order along axes."""
        return self.array.of_entries(np.flip(x.entries(), axis))

    def take(self, x: Any, indices: Any, /, *, axis: int | None = None) -> Any:
        """Pick entries, rows or columns by their integer places."""
        if axis is None:
            if x.ndim != 1:
                raise ValueError("take needs an axis unless x has only one")
            axis = 0
        return self.array.of_entries(np.take(x.entries(), places(indices), axis=axis))

    def tril(self, x: Any, /, *, k: int = 0) -> Any:
        """Set the entries above the k-th diagonal to zero."""
        return self._masked(x, _below(x, k))

    def triu(self, x: Any, /, *, k: int = 0) -> Any:
        """Set the entries below the k-th diagonal to zero."""
        return self._masked(x, ~_below(x, k - 1))

    def _masked(self, x: Any, keep: Any) -> Any:
        return self.array.of_entries(np.where(keep, x.entries(), self.array.exact(0)))

    # -- products -------------------------------------------------------------------------------

    def matmul(self, x1: Any, x2: Any, /) -> Any:
        """Multiply matrices, as `@`."""
        return x1 @ x2

    def vecdot(self, x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
        """Return inner products along an axis."""
        return self.sum(x1 * x2, axis=axis)


class ExactLinalg(_Checked):
    """The functions of `xp.linalg` that need no roots."""

    prefix = "xp.linalg"

    def __init__(self, xp: Any) -> None:
        self._xp = xp
        self._array = xp.array

    def matmul(self, x1: Any, x2: Any, /) -> Any:
        """Multiply matrices, as `@`."""
        return x1 @ x2

    def vecdot(self, x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
        """Return inner products along an axis."""
        return self._xp.vecdot(x1, x2, axis=axis)

    def outer(self, x1: Any, x2: Any, /) -> Any:
        """Return the products of all pairs of entries of two vectors."""
        if x1.ndim != 1 or x2.ndim != 1:
            raise ValueError("outer needs two vectors")
        return x1[:, None] * x2[None, :]

    def matrix_transpose(self, x: Any, /) -> Any:
        """Exchange the last two axes."""
        return x.mT

    def trace(self, x: Any, /, *, offset: int = 0) -> Any:
        """Sum a diagonal of each matrix."""
        return self._xp.sum(self.diagonal(x, offset=offset), axis=-1)

    def diagonal(self, x: Any, /, *, offset: int = 0) -> Any:
        """Return a diagonal of each matrix."""
        _matrices("diagonal", x)
        if x.ndim == 2 and x._entries is None:
            m = x._matrix
            rows, columns = x.shape
            start, count = max(-offset, 0), 0
            count = max(min(rows - start, columns - max(offset, 0)), 0)
            numbers = [m[i, i + offset] for i in range(start, start + count)]
            return self._array._from_list(numbers, (len(numbers),))
        return self._array.of_entries(np.diagonal(x.entries(), offset, -2, -1))

    def solve(self, x1: Any, x2: Any, /) -> Any:
        """Solve x1 y = x2 for square x1."""
        _square("solve", x1)
        if x2.ndim == 1:
            return self.solve(x1, x2[:, None])[..., 0]
        if x1.shape[-1] != x2.shape[-2]:
            raise ValueError(f"solve was called with shapes {x1.shape} and {x2.shape}")
        return objects.over_stacks(self._solve, x1, x2)

    def _solve(self, a: Any, b: Any) -> Any:
        raise NotImplementedError

    def det(self, x: Any, /) -> Any:
        """Return determinants."""
        _square("det", x)
        return objects.over_stacks(lambda a: a.det(), x)

    def matrix_power(self, x: Any, n: int, /) -> Any:
        """Multiply a square matrix with itself; a negative power solves."""
        _square("matrix_power", x)
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
        self, x: Any, /, *, axis: Axis = None, keepdims: bool = False, ord: float = 2
    ) -> Any:
        """Return the 1-, 2- or infinity-norm along axes."""
        if ord == 1:
            return self._xp.sum(abs(x), axis=axis, keepdims=keepdims)
        if ord == math.inf:
            return self._xp.max(abs(x), axis=axis, keepdims=keepdims)
        if ord == 2:
            return self._xp.sqrt(self._xp.sum(x**2, axis=axis, keepdims=keepdims))
        raise Unsupported(f"xp.linalg.vector_norm has ord 1, 2 and inf, not {ord!r}")

    def matrix_norm(self, x: Any, /, *, keepdims: bool = False, ord: Any = "fro") -> Any:
        """Return the Frobenius ("fro"), spectral (2), row-sum (inf) or column-sum (1) norm."""
        _matrices("matrix_norm", x)
        if ord == "fro":
            result = self.vector_norm(x, axis=(-2, -1))
        elif ord in (1, math.inf):
            sums = self._xp.sum(abs(x), axis=-2 if ord == 1 else -1)
            result = self._xp.max(sums, axis=-1)
        elif ord == 2:
            result = self._spectral_norm(x)
        else:
            raise Unsupported(f"xp.linalg.matrix_norm has ord 'fro', 1, 2 and inf, not {ord!r}")
        return result.reshaped((*result.shape, 1, 1)) if keepdims else result

    def _spectral_norm(self, x: Any) -> Any:
        raise NotImplementedError


@functools.lru_cache(maxsize=256)
def _eye(matrix: Any, rows: int, columns: int, k: int) -> Any:
    return matrix(rows, columns, [int(j - i == k) for i in range(rows) for j in range(columns)])


def _below(x: Any, k: int) -> Any:
    rows, columns = x.shape[-2:]
    return np.tri(rows, columns, operator.index(k), dtype=bool)


def places(indices: Any) -> Any:
    """Return integer places for `take` as an int64 array; anything else is refused."""
    if isinstance(indices, ObjectArray):
        cls = type(indices)
        flat = indices.flat()
        if not all(cls.is_exact_integer(x) for x in flat):
            raise Unsupported("take needs integer places")
        numbers = [cls.integer_part(x) for x in flat]
        return np.array(numbers, dtype=np.int64).reshape(indices.shape)
    array = np.asarray(indices)
    if array.size == 0:
        return array.astype(np.int64)
    if array.dtype.kind == "f" and (array == np.floor(array)).all():
        return array.astype(np.int64)
    if array.dtype.kind not in "iu":
        raise Unsupported(f"take needs integer places, got {array.dtype}")
    return array


def _shape(shape: Any) -> tuple[int, ...]:
    if isinstance(shape, tuple | list):
        return tuple(operator.index(n) for n in shape)
    return (operator.index(shape),)


def _matrices(name: str, x: Any) -> None:
    if x.ndim < 2:
        raise ValueError(f"xp.linalg.{name} needs a matrix, got shape {x.shape}")


def _square(name: str, x: Any) -> None:
    _matrices(name, x)
    if x.shape[-1] != x.shape[-2]:
        raise ValueError(f"xp.linalg.{name} needs a square matrix, got shape {x.shape}")


def refuse(name: str) -> Callable[..., Any]:
    """Return a function that says that rationals do not have this one."""

    def refused(*args: Any, **kwargs: Any) -> Any:
        raise Unsupported(f"{name} of a rational is not rational; use balls")

    return refused
