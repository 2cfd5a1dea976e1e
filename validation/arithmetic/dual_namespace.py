"""`xp` over dual numbers: every word of the vocabulary with its derivative, or refused by name.

What has no dual number among its arguments is left to the namespace of the values.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from validation.arithmetic.checked import Checked
from validation.arithmetic.dual_linalg import DualLinalg
from validation.arithmetic.duals import Dual, spread, value_of
from validation.arithmetic.errors import Unsupported
from validation.arithmetic.values import Axis, Namespace, Shape, Value

# The derivative, from the argument x and the value y.
_SLOPES: dict[str, Callable[[Value, Value, Value], Value]] = {
    "sqrt": lambda xp, x, y: 1 / (2 * y),
    "exp": lambda xp, x, y: y,
    "expm1": lambda xp, x, y: y + 1,
    "log": lambda xp, x, y: 1 / x,
    "log1p": lambda xp, x, y: 1 / (1 + x),
    "log2": lambda xp, x, y: 1 / (x * math.log(2)),
    "tanh": lambda xp, x, y: 1 - y * y,
    "sin": lambda xp, x, y: xp.cos(x),
    "cos": lambda xp, x, y: -xp.sin(x),
    "square": lambda xp, x, y: 2 * x,
    "abs": lambda xp, x, y: xp.sign(x),
    "sign": lambda xp, x, y: 0 * y,
    "ceil": lambda xp, x, y: 0 * y,
    "floor": lambda xp, x, y: 0 * y,
    "xlogx": lambda xp, x, y: xp.log(x) + 1,
    "erf": lambda xp, x, y: 2 / math.sqrt(math.pi) * xp.exp(-x * x),
    "lgamma": lambda xp, x, y: _digamma(x),
}
# Linear maps that act on the last axes only, and those that name an axis.
_LAST = ("tril", "triu", "matrix_transpose")
_CONSTANT = ("zeros", "ones", "eye", "arange")


def _digamma(x: Value) -> Value:
    from scipy.special import digamma

    return digamma(x)


class DualNamespace(Checked):
    """`xp` over dual numbers, above a namespace for their values."""

    newaxis = None

    def __init__(self, base: Namespace) -> None:
        self.base = base
        self.linalg = DualLinalg(self)
        self.float64, self.int64 = base.float64, base.int64
        self.pi, self.e = base.pi, base.e
        for name, slope in _SLOPES.items():
            setattr(self, name, self._unary(name, slope))
        for name in _LAST:
            setattr(self, name, self._linear(name))
        for name in _CONSTANT:
            setattr(self, name, getattr(base, name))

    def __getattr__(self, name: str) -> Value:
        if not name.startswith("_") and hasattr(self.base, name):
            raise Unsupported(f"xp.{name} has no derivative in dual numbers")
        return super().__getattr__(name)

    def _unary(self, name: str, slope: Callable[[Value, Value, Value], Value]) -> Value:
        base, function = self.base, getattr(self.base, name)

        def applied(x: Value, /) -> Value:
            if type(x) is not Dual:
                return function(x)
            y = function(x.value)
            return Dual(y, slope(base, x.value, y) * x.tangent)

        return applied

    def _linear(self, name: str) -> Value:
        function = getattr(self.base, name)

        def applied(x: Value, /, **options: Value) -> Value:
            if type(x) is not Dual:
                return function(x, **options)
            return Dual(function(x.value, **options), function(x.tangent, **options))

        return applied

    # -- creation -------------------------------------------------------------------------------

    def asarray(self, obj: Value, *, dtype: object = None) -> Value:
        """Make an array of numbers, nested lists of them, or dual numbers."""
        if type(obj) is Dual:
            return obj
        if isinstance(obj, list | tuple) and _has_dual(obj):
            return self.stack([self.asarray(x) for x in obj])
        return self.base.asarray(obj, dtype=dtype)

    def full(self, shape: Shape, fill_value: Value, *, dtype: object = None) -> Value:
        """Make an array with one value everywhere."""
        if type(fill_value) is Dual:
            return self.broadcast_to(fill_value, shape)
        return self.base.full(shape, fill_value, dtype=dtype)

    def zeros_like(self, x: Value) -> Value:
        """Make an array of zeros with the shape of x."""
        return self.base.zeros(np.shape(x))

    def ones_like(self, x: Value) -> Value:
        """Make an array of ones with the shape of x."""
        return self.base.ones(np.shape(x))

    def astype(self, x: Value, dtype: object, /) -> Value:
        """Make numbers of truth values; truncated dual numbers lose their slope."""
        if type(x) is not Dual:
            return self.base.astype(x, dtype)
        value = self.base.astype(x.value, dtype)
        same = dtype in (self.float64, float, np.float64)
        return Dual(value, x.tangent if same else 0 * x.tangent)

    def diag(self, x: Value, /) -> Value:
        """Make the diagonal matrix of a vector."""
        if type(x) is not Dual:
            return self.base.diag(x)
        value = self.base.diag(x.value)
        return Dual(value, x.tangent[:, :, None] * self.base.eye(x.shape[0]))

    # -- choices --------------------------------------------------------------------------------

    def where(self, condition: Value, x1: Value, x2: Value, /) -> Value:
        """Choose from two by truth values."""
        value = self.base.where(condition, value_of(x1), value_of(x2))
        duals = [x for x in (x1, x2) if type(x) is Dual]
        if not duals:
            return value
        n, p = np.ndim(value), duals[0].tangent.shape[0]
        zero = np.zeros((p, *[1] * n))
        first, second = (x.aligned(n) if type(x) is Dual else zero for x in (x1, x2))
        return Dual(value, spread(np.where(condition, first, second), np.shape(value)))

    def maximum(self, x1: Value, x2: Value, /) -> Value:
        """Return the larger of two, entry by entry."""
        a, b = value_of(x1), value_of(x2)
        chosen = self.where(np.asarray(a >= b), x1, x2)
        return _with_value(chosen, self.base.maximum(a, b))

    def minimum(self, x1: Value, x2: Value, /) -> Value:
        """Return the smaller of two, entry by entry."""
        a, b = value_of(x1), value_of(x2)
        chosen = self.where(np.asarray(a <= b), x1, x2)
        return _with_value(chosen, self.base.minimum(a, b))

    def sort(self, x: Value, /, *, axis: int = -1, descending: bool = False) -> Value:
        """Sort along an axis."""
        if type(x) is not Dual:
            return self.base.sort(x, axis=axis, descending=descending)
        axis = axis % x.ndim
        order = np.argsort(x.value, axis=axis)
        order = np.flip(order, axis=axis) if descending else order
        tangent = np.take_along_axis(x.tangent, order[None], axis=axis + 1)
        return Dual(np.take_along_axis(x.value, order, axis=axis), tangent)

    # -- reductions -----------------------------------------------------------------------------

    def sum(self, x: Value, /, *, axis: Axis = None, keepdims: bool = False) -> Value:
        """Sum along axes (all of them by default)."""
        value = self.base.sum(value_of(x), axis=axis, keepdims=keepdims)
        if type(x) is not Dual:
            return value
        return Dual(value, np.sum(x.tangent, axis=_shifted(axis, x.ndim), keepdims=keepdims))

    def mean(self, x: Value, /, *, axis: Axis = None, keepdims: bool = False) -> Value:
        """Average along axes."""
        value = self.base.mean(value_of(x), axis=axis, keepdims=keepdims)
        if type(x) is not Dual:
            return value
        return Dual(value, np.mean(x.tangent, axis=_shifted(axis, x.ndim), keepdims=keepdims))

    def prod(self, x: Value, /, *, axis: Axis = None, keepdims: bool = False) -> Value:
        """Multiply along axes."""
        value = self.base.prod(value_of(x), axis=axis, keepdims=keepdims)
        if type(x) is not Dual:
            return value
        flat = _to_the_end(x, axis)
        result: Value = 1.0
        for i in range(flat.shape[-1]):
            result = result * flat[..., i]
        if type(result) is not Dual:
            return value
        return Dual(value, result.tangent.reshape((len(x.tangent), *np.shape(value))))

    def max(self, x: Value, /, *, axis: Axis = None, keepdims: bool = False) -> Value:
        """Return the largest entry along axes."""
        return self._extreme("max", np.argmax, x, axis, keepdims)

    def min(self, x: Value, /, *, axis: Axis = None, keepdims: bool = False) -> Value:
        """Return the smallest entry along axes."""
        return self._extreme("min", np.argmin, x, axis, keepdims)

    def _extreme(self, name: str, place: Value, x: Value, axis: Axis, keepdims: bool) -> Value:
        value = getattr(self.base, name)(value_of(x), axis=axis, keepdims=keepdims)
        if type(x) is not Dual:
            return value
        flat = _to_the_end(x, axis)
        where = np.asarray(place(flat.value, axis=-1))
        tangent = np.take_along_axis(flat.tangent, where[None, ..., None], axis=-1)[..., 0]
        return Dual(value, tangent.reshape((len(x.tangent), *np.shape(value))))

    def logsumexp(self, x: Value, /, *, axis: Axis = None, keepdims: bool = False) -> Value:
        """Return the logarithm of the sum of exponentials along axes."""
        value = self.base.logsumexp(value_of(x), axis=axis, keepdims=keepdims)
        if type(x) is not Dual:
            return value
        top = self.base.logsumexp(x.value, axis=axis, keepdims=True)
        parts = x.tangent * self.base.exp(x.value - top)
        return Dual(value, np.sum(parts, axis=_shifted(axis, x.ndim), keepdims=keepdims))

    def cumulative_sum(
        self, x: Value, /, *, axis: int | None = None, include_initial: bool = False
    ) -> Value:
        """Return the partial sums along an axis."""
        value = self.base.cumulative_sum(value_of(x), axis=axis, include_initial=include_initial)
        if type(x) is not Dual:
            return value
        along = 1 + (0 if axis is None else axis % x.ndim)
        sums = self.base.cumulative_sum(x.tangent, axis=along, include_initial=include_initial)
        return Dual(value, sums)

    # -- shapes ---------------------------------------------------------------------------------

    def _joined(self, join: Value, arrays: Sequence[Value], axis: int, new: int) -> Value:
        value = join([value_of(x) for x in arrays], axis=axis)
        duals = [x for x in arrays if type(x) is Dual]
        if not duals:
            return value
        p = len(duals[0].tangent)
        tangents = [x.tangent if type(x) is Dual else np.zeros((p, *np.shape(x))) for x in arrays]
        along = axis % (np.ndim(value)) + 1 if new else axis % tangents[0][0].ndim + 1
        return Dual(value, join(tangents, axis=along))

    def stack(self, arrays: Sequence[Value], /, *, axis: int = 0) -> Value:
        """Join arrays along a new axis."""
        return self._joined(self.base.stack, list(arrays), axis, 1)

    def concat(self, arrays: Sequence[Value], /, *, axis: int | None = 0) -> Value:
        """Join arrays along an axis they have."""
        if axis is None:
            return self.concat([self.reshape(x, (-1,)) for x in arrays])
        return self._joined(self.base.concat, list(arrays), axis, 0)

    def reshape(self, x: Value, /, shape: Shape) -> Value:
        """Return the entries in another shape."""
        value = self.base.reshape(value_of(x), shape)
        if type(x) is not Dual:
            return value
        return Dual(value, x.tangent.reshape((len(x.tangent), *np.shape(value))))

    def permute_dims(self, x: Value, /, axes: tuple[int, ...]) -> Value:
        """Reorder the axes."""
        value = self.base.permute_dims(value_of(x), axes)
        if type(x) is not Dual:
            return value
        return Dual(value, np.transpose(x.tangent, (0, *(a % x.ndim + 1 for a in axes))))

    def expand_dims(self, x: Value, /, axis: int = 0) -> Value:
        """Insert an axis of length one."""
        value = self.base.expand_dims(value_of(x), axis)
        return value if type(x) is not Dual else self._reshaped(x, value)

    def squeeze(self, x: Value, /, axis: Axis) -> Value:
        """Remove axes of length one."""
        value = self.base.squeeze(value_of(x), axis)
        return value if type(x) is not Dual else self._reshaped(x, value)

    def _reshaped(self, x: Dual, value: Value) -> Dual:
        return Dual(value, x.tangent.reshape((len(x.tangent), *np.shape(value))))

    def broadcast_to(self, x: Value, /, shape: Shape) -> Value:
        """Repeat along new axes and axes of length one."""
        value = self.base.broadcast_to(value_of(x), shape)
        if type(x) is not Dual:
            return value
        return Dual(value, spread(x.aligned(np.ndim(value)), np.shape(value)))

    def flip(self, x: Value, /, *, axis: Axis = None) -> Value:
        """Reverse the order along axes."""
        value = self.base.flip(value_of(x), axis=axis)
        if type(x) is not Dual:
            return value
        return Dual(value, np.flip(x.tangent, axis=_shifted(axis, x.ndim)))

    def take(self, x: Value, indices: Value, /, *, axis: int | None = None) -> Value:
        """Pick entries, rows or columns by their integer places."""
        value = self.base.take(value_of(x), value_of(indices), axis=axis)
        if type(x) is not Dual:
            return value
        along = 1 + (0 if axis is None else axis % x.ndim)
        return Dual(value, self.base.take(x.tangent, value_of(indices), axis=along))

    # -- products -------------------------------------------------------------------------------

    def matmul(self, x1: Value, x2: Value, /) -> Value:
        """Multiply matrices, as `@`."""
        return x1 @ x2

    def vecdot(self, x1: Value, x2: Value, /, *, axis: int = -1) -> Value:
        """Return inner products along an axis."""
        return self.sum(x1 * x2, axis=axis)

    def kron(self, x1: Value, x2: Value, /) -> Value:
        """Return the Kronecker product of two matrices."""
        value = self.base.kron(value_of(x1), value_of(x2))
        parts = x1[:, None, :, None] * x2[None, :, None, :]
        return self._reshaped(parts, value) if type(parts) is Dual else value


def _with_value(x: Value, value: Value) -> Value:
    return Dual(value, x.tangent) if type(x) is Dual else value


def _has_dual(obj: Value) -> bool:
    if isinstance(obj, list | tuple):
        return any(_has_dual(x) for x in obj)
    return type(obj) is Dual


def _shifted(axis: Axis, ndim: int) -> tuple[int, ...]:
    """Axes of the value, as axes of the derivatives."""
    if axis is None:
        return tuple(range(1, ndim + 1))
    return tuple(a % ndim + 1 for a in (axis if isinstance(axis, tuple) else (axis,)))


def _to_the_end(x: Dual, axis: Axis) -> Dual:
    """The axes that are reduced, as one last axis."""
    reduced = [a - 1 for a in _shifted(axis, x.ndim)]
    kept = [a for a in range(x.ndim) if a not in reduced]
    shape = (*(x.shape[a] for a in kept), math.prod(x.shape[a] for a in reduced))
    value = np.transpose(np.asarray(x.value), (*kept, *reduced)).reshape(shape)
    order = (0, *(a + 1 for a in kept), *(a + 1 for a in reduced))
    return Dual(value, np.transpose(x.tangent, order).reshape((len(x.tangent), *shape)))
