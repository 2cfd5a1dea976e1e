"""Forward-mode dual numbers: the same body once more, with the slopes of its sides.

A dual array is a value and its derivatives along p directions, in a leading axis. Nothing is proved
with it: slopes tell a search which way to go. Values may be arrays of any kind whose namespace is
given (`Duals.base`), float64 by default; the rules use that namespace and operators wherever they
need no order of entries and no eigenvectors.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np

from validation.arithmetic.errors import Unsupported
from validation.arithmetic.values import Namespace, Value


class Dual:
    """A value (shape) and its derivatives (p, shape).

    Attributes
    ----------
    value : array or number
    tangent : array (p, *shape)
    """

    __slots__ = ("tangent", "value")
    __array_ufunc__ = None  # NumPy leaves the operators to this class

    def __init__(self, value: Value, tangent: Value) -> None:
        self.value, self.tangent = value, tangent

    # -- shape ----------------------------------------------------------------------------------

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes of the value."""
        return tuple(self.tangent.shape[1:])

    @property
    def ndim(self) -> int:
        """How many axes the value has."""
        return int(self.tangent.ndim) - 1

    @property
    def size(self) -> int:
        """How many entries the value has."""
        return math.prod(self.shape)

    @property
    def mT(self) -> Dual:
        """The last two axes exchanged."""
        return Dual(self.value.mT, self.tangent.mT)

    @property
    def T(self) -> Dual:
        """Transposed."""
        axes = tuple(range(self.ndim, 0, -1))
        return Dual(self.value.T, self.tangent.transpose((0, *axes)))

    def __len__(self) -> int:
        return len(self.value)

    def __iter__(self) -> Iterator[Value]:
        return (self[i] for i in range(len(self)))

    def __getitem__(self, key: Value) -> Dual:
        keys = key if isinstance(key, tuple) else (key,)
        return Dual(self.value[key], self.tangent[(slice(None), *keys)])

    def copy(self) -> Dual:
        """The same; dual arrays are never changed."""
        return self

    def any(self) -> bool:
        """Whether any entry is not 0."""
        return bool(np.any(self.value))

    def aligned(self, ndim: int) -> Value:
        """The derivatives, for broadcasting with values of `ndim` axes."""
        missing = ndim - self.ndim
        if missing <= 0:
            return self.tangent
        p, *shape = self.tangent.shape
        return self.tangent.reshape((p, *[1] * missing, *shape))

    # -- operators ------------------------------------------------------------------------------

    def __neg__(self) -> Dual:
        return Dual(-self.value, -self.tangent)

    def __pos__(self) -> Dual:
        return self

    def __abs__(self) -> Dual:
        return Dual(abs(self.value), np.sign(self.value) * self.tangent)

    def __add__(self, other: Value) -> Value:
        return self._sum(other, 1)

    __radd__ = __add__

    def __sub__(self, other: Value) -> Value:
        return self._sum(other, -1)

    def __rsub__(self, other: Value) -> Value:
        return (-self)._sum(other, 1)

    def _sum(self, other: Value, sign: int) -> Value:
        if type(other) is Dual:
            value = self.value + other.value if sign > 0 else self.value - other.value
            a, b = self.aligned(np.ndim(value)), other.aligned(np.ndim(value))
            return Dual(value, a + b if sign > 0 else a - b)
        if not _constant(other):
            return NotImplemented
        value = self.value + other if sign > 0 else self.value - other
        return Dual(value, spread(self.aligned(np.ndim(value)), np.shape(value)))

    def __mul__(self, other: Value) -> Value:
        if type(other) is Dual:
            value = self.value * other.value
            n = np.ndim(value)
            return Dual(value, self.aligned(n) * other.value + other.aligned(n) * self.value)
        if not _constant(other):
            return NotImplemented
        value = self.value * other
        return Dual(value, self.aligned(np.ndim(value)) * other)

    __rmul__ = __mul__

    def __truediv__(self, other: Value) -> Value:
        if type(other) is Dual:
            value = self.value / other.value
            n = np.ndim(value)
            return Dual(value, (self.aligned(n) - other.aligned(n) * value) / other.value)
        if not _constant(other):
            return NotImplemented
        value = self.value / other
        return Dual(value, self.aligned(np.ndim(value)) / other)

    def __rtruediv__(self, other: Value) -> Value:
        if not _constant(other):
            return NotImplemented
        value = other / self.value
        return Dual(value, -self.aligned(np.ndim(value)) * (value / self.value))

    def __pow__(self, power: Value) -> Value:
        if type(power) is Dual:
            value = self.value**power.value
            n = np.ndim(value)
            logs = np.log(np.where(self.value > 0, self.value, 1.0))
            own = self.aligned(n) * (power.value * self.value ** (power.value - 1))
            return Dual(value, own + power.aligned(n) * (value * logs))
        if not _constant(power):
            return NotImplemented
        value = self.value**power
        if np.ndim(power) == 0 and power == 0:
            return Dual(value, 0 * self.tangent)
        slope = power * self.value ** (power - 1)
        return Dual(value, self.aligned(np.ndim(value)) * slope)

    def __rpow__(self, base: Namespace) -> Value:
        if not _constant(base):
            return NotImplemented
        value = base**self.value
        return Dual(value, self.aligned(np.ndim(value)) * (value * np.log(base)))

    def __matmul__(self, other: Value) -> Value:
        return product(self, other)

    def __rmatmul__(self, other: Value) -> Value:
        return product(other, self)

    # -- comparisons: of the values; the slope is that of the branch taken -----------------------

    def __lt__(self, other: Value) -> Value:
        return self.value < value_of(other)

    def __le__(self, other: Value) -> Value:
        return self.value <= value_of(other)

    def __gt__(self, other: Value) -> Value:
        return self.value > value_of(other)

    def __ge__(self, other: Value) -> Value:
        return self.value >= value_of(other)

    def __eq__(self, other: object) -> Value:
        return self.value == value_of(other)

    def __ne__(self, other: object) -> Value:
        return self.value != value_of(other)

    __hash__ = None  # type: ignore[assignment]

    def _no_number(self) -> Value:
        raise Unsupported("a dual number that becomes a plain number loses its slope")

    __float__ = __int__ = __bool__ = __index__ = _no_number

    # -- what the factors of instances do to raw numbers -----------------------------------------

    def __array_function__(
        self,
        function: Callable[..., Value],
        types: object,
        args: tuple[Value, ...],
        kwargs: dict[str, Value],
    ) -> Value:
        if function is np.sort and len(args) == 1 and not kwargs:
            order = np.argsort(self.value, axis=-1)
            picked = np.take_along_axis(self.value, order, axis=-1)
            return Dual(picked, np.take_along_axis(self.tangent, order[None], axis=-1))
        if function in (np.ones_like, np.zeros_like, np.shape, np.ndim, np.size):
            return function(self.value, *args[1:], **kwargs)
        raise Unsupported(f"numpy.{function.__name__} of a dual number")


def value_of(x: Value) -> Value:
    """The value of a dual array, or a constant itself."""
    return x.value if type(x) is Dual else x


def _constant(x: Value) -> bool:
    return isinstance(x, int | float | np.ndarray | np.generic) or hasattr(x, "shape")


def spread(tangent: Value, shape: tuple[int, ...]) -> Value:
    """Derivatives repeated to the shape of a value."""
    whole = (tangent.shape[0], *shape)
    return tangent if tangent.shape == whole else np.broadcast_to(tangent, whole)


def product(a: Value, b: Value) -> Value:
    """Return a @ b, of which one or both are dual."""
    left, right = value_of(a), value_of(b)
    value = left @ right
    column, row = np.ndim(right) == 1, np.ndim(left) == 1
    n = max(np.ndim(left) + row, np.ndim(right) + column)
    total = None
    if type(a) is Dual:
        da = a.tangent[:, None, :] if row else a.tangent
        da = da.reshape((da.shape[0], *[1] * (n + 1 - da.ndim), *da.shape[1:]))
        total = da @ (right[:, None] if column else right)
    if type(b) is Dual:
        db = b.tangent[:, :, None] if column else b.tangent
        db = db.reshape((db.shape[0], *[1] * (n + 1 - db.ndim), *db.shape[1:]))
        second = (left[None, :] if row else left) @ db
        total = second if total is None else total + second
    assert total is not None
    if column:
        total = total[..., 0]
    if row:
        total = total[..., 0] if column else total[..., 0, :]
    return Dual(value, total)
