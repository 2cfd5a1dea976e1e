"""The vocabulary over exact arrays: one namespace, specialised to balls and to rationals.

Names, arguments and meanings are those of the Python array API standard, where it has the word;
what is not defined here does not exist in a claim. The functions that two kinds share are methods
of the base class; those that need roots, logarithms or eigenvalues are given by the kinds.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable, Sequence
from typing import ClassVar, SupportsIndex

import numpy as np

from validation.arithmetic import stacks
from validation.arithmetic.checked import (
    FLOAT64,
    INT64,
    Checked,
    check_short,
    is_short,
    places,
    remedy,
    shape_of,
    whole,
)
from validation.arithmetic.errors import Unsupported
from validation.arithmetic.objects import ObjectArray
from validation.arithmetic.stacks import boxed, scalar_or_array
from validation.arithmetic.truth import is_truth
from validation.arithmetic.values import Axis, Given, Matrix, Shape, Value


class ExactNamespace(Checked):
    """The functions of `xp` that need no roots."""

    array: ClassVar[type[ObjectArray]]
    larger: ClassVar[Value]
    smaller: ClassVar[Value]
    ceiling: ClassVar[Value]
    rounding_down: ClassVar[Value]
    truncation: ClassVar[Value]
    signs: ClassVar[Value]
    linalg: Value

    float64 = FLOAT64
    int64 = INT64
    newaxis = None

    def __init__(self, draws: bool = False) -> None:
        """Make the namespace; with `draws`, NumPy arrays of any floats are taken for draws."""
        self._draws = draws

    # -- creation -------------------------------------------------------------------------------

    def asarray(self, obj: Given, *, dtype: object = None) -> ObjectArray:
        """Make an array of Python numbers, nested lists of them, or arrays of this kind."""
        array = self._made(obj)
        return self._truncated(array) if whole(dtype, "asarray") else array

    def _made(self, obj: Given) -> Value:
        cls = self.array
        if isinstance(obj, cls):
            return obj
        if isinstance(obj, list | tuple):
            parts = [self._made(x) for x in obj]
            if not parts:
                return cls.of_entries(np.empty(0, dtype=object))
            return stacks.stack(cls, parts)
        if isinstance(obj, np.ndarray):
            if not self._draws:
                check_short(obj, cls.kind)
            return cls.lift(obj)
        if self._draws and isinstance(obj, float) and not is_short(obj):
            raise Unsupported(
                f"the float {obj!r} was rounded before, or drawn alone: draw arrays, as in "
                f"xp.asarray(rng.random(1))[0]; a constant is a fraction ({remedy(obj)})"
            )
        return cls.literal(obj)

    def _truncated(self, x: Given) -> ObjectArray:
        return self._array(x).mapped(type(self).truncation)

    def _filled(self, shape: Shape, value: int) -> ObjectArray:
        number = self.array.exact(value)
        shape = shape_of(shape)
        if shape == ():
            return self.array.of_entries(number)
        array = np.empty(shape, dtype=object)
        array[...] = number
        return self.array.of_entries(array)

    def zeros(self, shape: Shape, *, dtype: object = None) -> ObjectArray:
        """Make an array of zeros."""
        whole(dtype, "zeros")
        return self._filled(shape, 0)

    def ones(self, shape: Shape, *, dtype: object = None) -> ObjectArray:
        """Make an array of ones."""
        whole(dtype, "ones")
        return self._filled(shape, 1)

    def full(self, shape: Shape, fill_value: Given, *, dtype: object = None) -> ObjectArray:
        """Make an array with one value everywhere."""
        value = self._array(fill_value)
        if whole(dtype, "full"):
            value = self._truncated(value)
        return self.broadcast_to(value, shape)

    def zeros_like(self, x: Given) -> ObjectArray:
        """Make an array of zeros with the shape of x."""
        return self._filled(self._array(x).shape, 0)

    def ones_like(self, x: Given) -> ObjectArray:
        """Make an array of ones with the shape of x."""
        return self._filled(self._array(x).shape, 1)

    def eye(
        self,
        n_rows: SupportsIndex,
        n_cols: SupportsIndex | None = None,
        /,
        *,
        k: int = 0,
        dtype: object = None,
    ) -> ObjectArray:
        """Make a matrix with ones on the k-th diagonal."""
        whole(dtype, "eye")
        rows = operator.index(n_rows)
        columns = rows if n_cols is None else operator.index(n_cols)
        return self.array.of_matrix(_eye(self.array.matrix, rows, columns, operator.index(k)))

    def arange(
        self,
        start: SupportsIndex,
        /,
        stop: SupportsIndex | None = None,
        step: SupportsIndex = 1,
        *,
        dtype: object = None,
    ) -> ObjectArray:
        """Make an array of integers, as `range` does."""
        whole(dtype, "arange")
        if stop is None:
            start, stop = 0, start
        return self.array.lift(np.arange(*map(operator.index, (start, stop, step))))

    def astype(self, x: Given, dtype: object, /) -> ObjectArray:
        """Make numbers of truth values (0 and 1); as integers, numbers are rounded towards 0."""
        integers = whole(dtype, "astype")
        if is_truth(x):
            return self.array.lift(np.asarray(x, dtype=np.int64))
        return self._truncated(x) if integers else self._array(x)

    def diag(self, x: Given, /) -> ObjectArray:
        """Make the diagonal matrix of a vector."""
        x = self._array(x)
        if x.ndim != 1:
            raise ValueError(
                f"diag needs a vector, got shape {x.shape}: the diagonal of a matrix is "
                "xp.linalg.diagonal(x)"
            )
        flat, n = x.flat(), x.size
        entries = [flat[i] if i == j else 0 for i in range(n) for j in range(n)]
        return self.array.of_matrix(self.array.matrix(n, n, entries))

    # -- elementwise ----------------------------------------------------------------------------

    def _array(self, x: Given) -> ObjectArray:
        if type(x) is self.array:
            return x
        converted: ObjectArray = self.array.operand(x)
        if converted is NotImplemented:
            raise Unsupported(f"a {type(x).__name__} was given where xp needs an array")
        return converted

    def _pairwise(
        self, function: Callable[[Value, Value], Value], x1: Given, x2: Given
    ) -> ObjectArray:
        a, b = self._array(x1).entries(), self._array(x2).entries()
        if type(a) is not np.ndarray and type(b) is not np.ndarray:
            return self.array.of_entries(function(a, b))
        return self.array.of_entries(np.frompyfunc(function, 2, 1)(a, b))

    def maximum(self, x1: Given, x2: Given, /) -> ObjectArray:
        """Return the larger of two, entry by entry."""
        return self._pairwise(type(self).larger, x1, x2)

    def minimum(self, x1: Given, x2: Given, /) -> ObjectArray:
        """Return the smaller of two, entry by entry."""
        return self._pairwise(type(self).smaller, x1, x2)

    def abs(self, x: Given, /) -> ObjectArray:
        """Return absolute values."""
        return abs(self._array(x))

    def square(self, x: Given, /) -> ObjectArray:
        """Return squares."""
        return self._array(x) ** 2

    def sign(self, x: Given, /) -> ObjectArray:
        """Return -1, 0 or 1, where that is certain."""
        return self._array(x).mapped(type(self).signs)

    def where(self, condition: Given, x1: Given, x2: Given, /) -> ObjectArray:
        """Choose from two by truth values."""
        if not is_truth(condition):
            raise Unsupported("xp.where needs truth values, as in xp.where(x > 0, x, 0)")
        chosen = np.where(
            np.asarray(condition),
            boxed(self._array(x1).entries()),
            boxed(self._array(x2).entries()),
        )
        return self.array.of_entries(scalar_or_array(chosen))

    def ceil(self, x: Given, /) -> ObjectArray:
        """Round up, where that is certain."""
        return self._array(x).mapped(type(self).ceiling)

    def floor(self, x: Given, /) -> ObjectArray:
        """Round down, where that is certain."""
        return self._array(x).mapped(type(self).rounding_down)

    # -- reductions -----------------------------------------------------------------------------

    def sum(self, x: Given, /, *, axis: Axis = None, keepdims: bool = False) -> ObjectArray:
        """Sum along axes (all of them by default)."""
        return self._reduced(x, axis, keepdims, operator.add, 0)

    def prod(self, x: Given, /, *, axis: Axis = None, keepdims: bool = False) -> ObjectArray:
        """Multiply along axes."""
        return self._reduced(x, axis, keepdims, operator.mul, 1)

    def mean(self, x: Given, /, *, axis: Axis = None, keepdims: bool = False) -> ObjectArray:
        """Average along axes."""
        x = self._array(x)
        total = self.sum(x, axis=axis, keepdims=keepdims)
        return total / math.prod(x.shape[i] for i in _axes(axis, x.ndim))

    def max(self, x: Given, /, *, axis: Axis = None, keepdims: bool = False) -> ObjectArray:
        """Return the largest entry along axes."""
        return self._reduced(x, axis, keepdims, type(self).larger, None)

    def _largest_or_zero(self, x: Given, axis: Axis, keepdims: bool) -> ObjectArray:
        """Return the largest of nonnegative entries along axes, 0 of none."""
        return self._reduced(x, axis, keepdims, type(self).larger, 0)

    def min(self, x: Given, /, *, axis: Axis = None, keepdims: bool = False) -> ObjectArray:
        """Return the smallest entry along axes."""
        return self._reduced(x, axis, keepdims, type(self).smaller, None)

    def cumulative_sum(
        self, x: Given, /, *, axis: int | None = None, include_initial: bool = False
    ) -> ObjectArray:
        """Return the partial sums along an axis."""
        a = (
            np.atleast_1d(self._array(x).entries())
            if axis is not None
            else self._array(x).entries()
        )
        if axis is None:
            if np.ndim(a) != 1 or type(a) is not np.ndarray:
                raise ValueError("cumulative_sum needs an axis unless x has only one")
            axis = 0
        sums = np.add.accumulate(a, axis=axis) if np.size(a) else a
        if include_initial:
            shape = list(a.shape)
            shape[axis] = 1
            sums = np.concatenate([self._filled(tuple(shape), 0).entries(), sums], axis=axis)
        return self.array.of_entries(sums)

    def _reduced(
        self,
        x: Given,
        axis: Axis,
        keepdims: bool,
        function: Callable[..., Value],
        empty: int | None,
    ) -> ObjectArray:
        x = self._array(x)
        shape = x.shape
        axes = _reduced_axes(axis, len(shape))
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
        lengths = [shape[i] for i in kept], [shape[i] for i in axes]
        moved = moved.reshape(*lengths[0], math.prod(lengths[1]))
        if moved.shape[-1] == 0:
            if empty is None:
                raise ValueError("an empty axis has no largest or smallest entry")
            result = self._filled(moved.shape[:-1], empty)
        else:
            result = self.array.of_entries(
                scalar_or_array(np.frompyfunc(function, 2, 1).reduce(moved, axis=-1))
            )
        if keepdims:
            return result.reshaped(tuple(1 if i in axes else n for i, n in enumerate(shape)))
        return result

    def sort(self, x: Given, /, *, axis: int = -1, descending: bool = False) -> ObjectArray:
        """Sort along an axis; every entry is enclosed, whatever the order of balls that overlap."""
        x = self._array(x)
        if x.ndim == 0:
            raise ValueError("sort needs an array with an axis")
        rows = np.moveaxis(x.entries(), axis, -1)
        ordered = np.empty(rows.shape, dtype=object)
        for place in np.ndindex(*rows.shape[:-1]):
            numbers = self._sorted(rows[place].tolist())
            ordered[place] = numbers[::-1] if descending else numbers
        return self.array.of_entries(np.moveaxis(ordered, -1, axis))

    def _sorted(self, numbers: list[Value]) -> list[Value]:
        larger, smaller = type(self).larger, type(self).smaller
        for i in range(1, len(numbers)):
            for j in range(i, 0, -1):
                a, b = numbers[j - 1], numbers[j]
                if a <= b:
                    break
                numbers[j - 1], numbers[j] = smaller(a, b), larger(a, b)
        return numbers

    def _along(
        self, x: Given, axis: Axis, keepdims: bool, function: Callable[[list[Value]], Value]
    ) -> ObjectArray:
        """Apply a function of a list of numbers along axes."""
        x = self._array(x)
        axes = _reduced_axes(axis, x.ndim)
        if 0 in (x.shape[i] for i in axes):
            raise ValueError("an empty axis has no numbers to reduce")
        kept = [i for i in range(x.ndim) if i not in axes]
        moved = np.transpose(boxed(x.entries()), (*kept, *axes))
        shape = moved.shape[: len(kept)]
        results = np.empty(shape, dtype=object)
        for place in np.ndindex(*shape):
            results[place] = function(np.ravel(moved[place]).tolist())
        result = self.array.of_entries(scalar_or_array(results))
        if not keepdims:
            return result
        return result.reshaped(tuple(1 if i in axes else n for i, n in enumerate(x.shape)))

    # -- shapes ---------------------------------------------------------------------------------

    def stack(self, arrays: Sequence[Value], /, *, axis: int = 0) -> Value:
        """Join arrays along a new axis."""
        return stacks.stack(self.array, [self._array(x) for x in arrays], axis)

    def concat(self, arrays: Sequence[Value], /, *, axis: int | None = 0) -> ObjectArray:
        """Join arrays along an axis they have."""
        parts = [boxed(self._array(x).entries()) for x in arrays]
        return self.array.of_entries(np.concatenate(parts, axis=axis))

    def reshape(self, x: Given, /, shape: Shape) -> ObjectArray:
        """Return the entries in another shape."""
        return self._array(x).reshaped(-1 if shape == -1 else shape_of(shape))

    def permute_dims(self, x: Given, /, axes: tuple[int, ...]) -> ObjectArray:
        """Reorder the axes."""
        return self.array.of_entries(np.transpose(boxed(self._array(x).entries()), axes))

    def matrix_transpose(self, x: Given, /) -> ObjectArray:
        """Exchange the last two axes."""
        return self._array(x).mT

    def expand_dims(self, x: Given, /, axis: int = 0) -> ObjectArray:
        """Insert an axis of length one."""
        return self.array.of_entries(np.expand_dims(boxed(self._array(x).entries()), axis))

    def squeeze(self, x: Given, /, axis: Axis) -> ObjectArray:
        """Remove axes of length one."""
        return self.array.of_entries(
            scalar_or_array(np.squeeze(boxed(self._array(x).entries()), axis))
        )

    def broadcast_to(self, x: Given, /, shape: Shape) -> ObjectArray:
        """Repeat along new axes and axes of length one."""
        array = np.broadcast_to(boxed(self._array(x).entries()), shape_of(shape))
        return self.array.of_entries(scalar_or_array(array))

    def flip(self, x: Given, /, *, axis: Axis = None) -> ObjectArray:
        """Reverse the order along axes."""
        flipped = np.flip(boxed(self._array(x).entries()), axis)
        return self.array.of_entries(scalar_or_array(flipped))

    def take(self, x: Given, indices: Given, /, *, axis: int | None = None) -> ObjectArray:
        """Pick entries, rows or columns by their integer places."""
        x = self._array(x)
        if axis is None:
            if x.ndim != 1:
                raise ValueError("take needs an axis unless x has only one")
            axis = 0
        taken = np.take(x.entries(), _exact_places(indices), axis=axis)
        return self.array.of_entries(taken)

    def tril(self, x: Given, /, *, k: int = 0) -> ObjectArray:
        """Set the entries above the k-th diagonal to zero."""
        return self._masked(x, _below(self._array(x), k))

    def triu(self, x: Given, /, *, k: int = 0) -> ObjectArray:
        """Set the entries below the k-th diagonal to zero."""
        return self._masked(x, ~_below(self._array(x), k - 1))

    def _masked(self, x: Given, keep: Value) -> ObjectArray:
        kept = np.where(keep, self._array(x).entries(), self.array.exact(0))
        return self.array.of_entries(kept)

    # -- products -------------------------------------------------------------------------------

    def matmul(self, x1: Value, x2: Value, /) -> Value:
        """Multiply matrices, as `@`."""
        return x1 @ x2

    def vecdot(self, x1: Given, x2: Given, /, *, axis: int = -1) -> ObjectArray:
        """Return inner products along an axis."""
        x1, x2 = self._array(x1), self._array(x2)
        if x1.shape[axis] != x2.shape[axis]:
            raise ValueError(f"vecdot was called with shapes {x1.shape} and {x2.shape}")
        return self.sum(x1 * x2, axis=axis)

    def kron(self, x1: Given, x2: Given, /) -> ObjectArray:
        """Return the Kronecker product of two matrices."""
        x1, x2 = self._array(x1), self._array(x2)
        if x1.ndim != 2 or x2.ndim != 2:
            raise ValueError(f"kron needs two matrices, got shapes {x1.shape}, {x2.shape}")
        (p, q), (r, s) = x1.shape, x2.shape
        return (x1[:, None, :, None] * x2[None, :, None, :]).reshaped((p * r, q * s))


def _axes(axis: Axis, ndim: int) -> tuple[int, ...]:
    if axis is None:
        return tuple(range(ndim))
    return tuple(np.lib.array_utils.normalize_axis_tuple(axis, ndim))


def _reduced_axes(axis: Axis, ndim: int) -> tuple[int, ...]:
    """Return the axes of a reduction; as NumPy does, take 0 and -1 for axes of a number too."""
    return () if ndim == 0 and axis in (0, -1) else _axes(axis, ndim)


@functools.lru_cache(maxsize=256)
def _eye(matrix: Matrix, rows: int, columns: int, k: int) -> Value:
    return matrix(rows, columns, [int(j - i == k) for i in range(rows) for j in range(columns)])


def _below(x: ObjectArray, k: int) -> Value:
    rows, columns = x.shape[-2:]
    return np.tri(rows, columns, operator.index(k), dtype=bool)


def _exact_places(indices: Value) -> Value:
    """Return integer places for `take` as an int64 array; anything else is refused."""
    if not isinstance(indices, ObjectArray):
        return places(indices)
    cls = type(indices)
    flat = indices.flat()
    if not all(cls.is_exact_integer(x) for x in flat):
        raise Unsupported("take needs integer places")
    numbers = [cls.integer_part(x) for x in flat]
    return np.array(numbers, dtype=np.int64).reshape(indices.shape)
