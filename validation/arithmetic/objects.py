"""Arrays of exact numbers or of balls, as far as the two have their code in common.

An array holds its entries as an object array of NumPy (shape, broadcasting, indexing), or as a
matrix of FLINT (products, solutions, determinants), or both: each is made from the other when it
is first needed and kept, since arrays never change. An array without axes holds the bare number.
Nothing that NumPy would do to the entries by comparing them (maximum, sort, unique, truth) is
reachable from here.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from fractions import Fraction
from typing import ClassVar, NoReturn, Self

import numpy as np

from validation.arithmetic.checked import check_short, named
from validation.arithmetic.errors import OutsideVocabulary, Undecided, Unsupported
from validation.arithmetic.stacks import boxed, check_product, matmul, scalar_or_array, stack
from validation.arithmetic.truth import Truth
from validation.arithmetic.values import Given, Matrix, Value
from validation.arithmetic.vocabulary import substitute


class ObjectArray:
    """An immutable array of numbers of one exact kind; see `Balls` and `Rationals`."""

    __slots__ = ("_entries", "_matrix")
    __hash__ = None  # type: ignore[assignment]

    # Filled in by the two subclasses.
    kind: ClassVar[str]  # what one entry is called in messages
    number: ClassVar[Value]  # the type of one entry, made from an int
    matrix: ClassVar[Matrix]  # the matrix type of FLINT

    _entries: Value
    _matrix: Matrix

    # -- construction ---------------------------------------------------------------------------

    @classmethod
    def of_entries(cls, entries: Value) -> Self:
        """Wrap an object array, or one number."""
        self = object.__new__(cls)
        self._entries = entries
        self._matrix = None
        return self

    @classmethod
    def of_matrix(cls, matrix: Matrix) -> Self:
        """Wrap a matrix of FLINT."""
        self = object.__new__(cls)
        self._entries = None
        self._matrix = matrix
        return self

    @classmethod
    def exact(cls, value: Given) -> Value:
        """Convert one Python or NumPy number exactly."""
        raise NotImplementedError

    @classmethod
    def lift(cls, value: Given) -> Self:
        """Convert numbers, arrays and nested lists of them exactly; arrays of this kind pass."""
        if isinstance(value, cls):
            return value
        if isinstance(value, np.ndarray):
            if value.dtype.kind not in "fiubO":
                raise Unsupported(f"an array of {value.dtype} has no exact value as {cls.kind}s")
            flat = value.ravel().tolist()
            return cls._from_list([cls.exact(x) for x in flat], value.shape)
        if isinstance(value, list | tuple):
            parts = [cls.lift(x) for x in value]
            return stack(cls, parts) if parts else cls.of_entries(np.empty(0, dtype=object))
        return cls.of_entries(cls.exact(value))

    @classmethod
    def literal(cls, value: Given) -> Self:
        """Convert a Python number that a formula itself mentions; refuse rounded ones."""
        check_short(value, cls.kind)
        return cls.of_entries(cls.exact(value))

    @classmethod
    def operand(cls, value: Given) -> Value:
        """Convert the other side of an operator, or return NotImplemented."""
        if isinstance(value, Truth | np.bool_):
            raise Unsupported(
                f"a truth value met {named(cls.kind)}: make a number of it with "
                "xp.astype(truth, xp.float64), or choose with xp.where"
            )
        if isinstance(value, np.ndarray | np.generic):
            raise Unsupported(
                f"a NumPy {type(value).__name__} met {named(cls.kind)}; lift it first"
            )
        if isinstance(value, int | float | Fraction):
            return cls.literal(value)
        if isinstance(value, ObjectArray):
            raise Unsupported(f"{named(value.kind)} met {named(cls.kind)}")
        return NotImplemented

    @classmethod
    def _from_list(cls, flat: list[Value], shape: tuple[int, ...]) -> Self:
        if shape == ():
            return cls.of_entries(flat[0])
        array = np.empty(len(flat), dtype=object)
        array[:] = flat
        return cls.of_entries(array.reshape(shape))

    # -- the two representations ----------------------------------------------------------------

    def entries(self) -> Value:
        """Return the entries as an object array (or the one number); not to be written to."""
        a = self._entries
        if a is None:
            m = self._matrix
            rows, columns = m.nrows(), m.ncols()
            a = np.fromiter(m.entries(), dtype=object, count=rows * columns)
            self._entries = a = a.reshape(rows, columns)
        return a

    def as_matrix(self) -> Value:
        """Return the matrix of FLINT with these entries; the array must have two axes."""
        m = self._matrix
        if m is None:
            a = self._entries
            self._matrix = m = self.matrix(a.shape[0], a.shape[1], a.ravel().tolist())
        return m

    def flat(self) -> list[Value]:
        """Return the entries as a list, in row-major order."""
        a = self._entries
        if a is None:
            result: list[Value] = self._matrix.entries()
            return result
        return a.ravel().tolist() if type(a) is np.ndarray else [a]

    # -- what an array of the standard has ------------------------------------------------------

    @property
    def shape(self) -> tuple[int, ...]:
        """The lengths of the axes."""
        a = self._entries
        if a is None:
            return (self._matrix.nrows(), self._matrix.ncols())
        return a.shape if type(a) is np.ndarray else ()

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of entries."""
        a = self._entries
        if a is None:
            return int(self._matrix.nrows() * self._matrix.ncols())
        return a.size if type(a) is np.ndarray else 1

    @property
    def dtype(self) -> str:
        """The one dtype, called float64 by the namespace."""
        return "float64"

    @property
    def T(self) -> Self:
        """The transpose of a matrix."""
        if self.ndim != 2:
            raise ValueError(f"x.T needs two axes, got {self.ndim}; use xp.matrix_transpose")
        return self.mT

    @property
    def mT(self) -> Self:
        """The transpose of the last two axes."""
        if self._matrix is not None:
            return self.of_matrix(self._matrix.transpose())
        if self.ndim < 2:
            raise ValueError(f"a transpose needs two axes, got {self.ndim}")
        return self.of_entries(np.swapaxes(self._entries, -1, -2))

    def __getitem__(self, key: Value) -> Self:
        parts = key if type(key) is tuple else (key,)
        clean = tuple(self._index(part) for part in parts)
        return self.of_entries(scalar_or_array(boxed(self.entries())[clean]))

    @staticmethod
    def _index(part: Value) -> Value:
        if part is None or part is Ellipsis:
            return part
        if isinstance(part, slice):
            ends = (part.start, part.stop, part.step)
            return slice(*(None if e is None else operator.index(e) for e in ends))
        if isinstance(part, bool | np.bool_):
            raise Unsupported("an array is not indexed by truth values; multiply, or use xp.take")
        try:
            return operator.index(part)
        except TypeError:
            raise Unsupported(
                f"an array is not indexed by a {type(part).__name__}; use xp.take"
            ) from None

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("an array without axes has no length")
        return self.shape[0]

    # -- arithmetic -----------------------------------------------------------------------------

    def __add__(self, other: Value) -> Self:
        if type(other) is not type(self):
            other = self.operand(other)
            if other is NotImplemented:
                return NotImplemented
        m, n = self._matrix, other._matrix
        if m is not None and n is not None and self.shape == other.shape:
            return self.of_matrix(m + n)
        return self.of_entries(self.entries() + other.entries())

    def __radd__(self, other: Value) -> Self:
        other = self.operand(other)
        return NotImplemented if other is NotImplemented else other.__add__(self)

    def __sub__(self, other: Value) -> Self:
        if type(other) is not type(self):
            other = self.operand(other)
            if other is NotImplemented:
                return NotImplemented
        m, n = self._matrix, other._matrix
        if m is not None and n is not None and self.shape == other.shape:
            return self.of_matrix(m - n)
        return self.of_entries(self.entries() - other.entries())

    def __rsub__(self, other: Value) -> Self:
        other = self.operand(other)
        return NotImplemented if other is NotImplemented else other.__sub__(self)

    def __mul__(self, other: Value) -> Self:
        if type(other) is not type(self):
            other = self.operand(other)
            if other is NotImplemented:
                return NotImplemented
        # A number times a matrix stays a matrix.
        m, n = self._matrix, other._matrix
        if m is not None and n is None and type(other._entries) is not np.ndarray:
            return self.of_matrix(m * other._entries)
        if n is not None and m is None and type(self._entries) is not np.ndarray:
            return self.of_matrix(n * self._entries)
        return self.of_entries(self.entries() * other.entries())

    def __rmul__(self, other: Value) -> Self:
        other = self.operand(other)
        return NotImplemented if other is NotImplemented else other.__mul__(self)

    def __truediv__(self, other: Value) -> Self:
        if type(other) is not type(self):
            other = self.operand(other)
            if other is NotImplemented:
                return NotImplemented
        m, b = self._matrix, other._entries
        if m is not None and b is not None and type(b) is not np.ndarray:
            return self.of_matrix(m * self.quotient(1, b))
        return self.of_entries(self.quotient(self.entries(), other.entries()))

    def __rtruediv__(self, other: Value) -> Self:
        other = self.operand(other)
        return NotImplemented if other is NotImplemented else other.__truediv__(self)

    def __neg__(self) -> Self:
        if self._matrix is not None:
            return self.of_matrix(-self._matrix)
        return self.of_entries(-self._entries)

    def __pos__(self) -> Self:
        return self

    def __abs__(self) -> Self:
        return self.of_entries(abs(self.entries()))

    def __pow__(self, exponent: Given) -> Self:
        result: Self = self.power(self, exponent)
        return result

    def __rpow__(self, base: Given) -> Self:
        base = self.operand(base)
        return NotImplemented if base is NotImplemented else self.power(base, self)

    def __matmul__(self, other: Given) -> Self:
        if type(other) is not type(self):
            if self.operand(other) is NotImplemented:
                return NotImplemented
            raise ValueError("@ needs two arrays with axes")
        if self._matrix is not None and other._matrix is not None:
            check_product(self.shape, other.shape)
            return self.of_matrix(self._matrix * other._matrix)
        result: Self = matmul(self, other)
        return result

    @classmethod
    def quotient(cls, top: Value, bottom: Value) -> Value:
        """Divide entries."""
        return top / bottom

    @classmethod
    def power(cls, base: Given, exponent: Given) -> Value:
        """Raise to a power."""
        raise NotImplementedError

    # -- questions: answered when certain -------------------------------------------------------

    def __lt__(self, other: Given) -> Value:
        return self._compare(other, operator.lt, operator.ge)

    def __le__(self, other: Given) -> Value:
        return self._compare(other, operator.le, operator.gt)

    def __gt__(self, other: Given) -> Value:
        return self._compare(other, operator.gt, operator.le)

    def __ge__(self, other: Given) -> Value:
        return self._compare(other, operator.ge, operator.lt)

    def __eq__(self, other: Given) -> Value:
        return self._compare(other, operator.eq, operator.ne)

    def __ne__(self, other: Given) -> Value:
        return self._compare(other, operator.ne, operator.eq)

    def _compare(self, other: Value, yes: Callable[..., Value], no: Callable[..., Value]) -> Value:
        if type(other) is not type(self):
            other = self.operand(other)
            if other is NotImplemented:
                return NotImplemented
        a, b = self.entries(), other.entries()
        if type(a) is not np.ndarray and type(b) is not np.ndarray:
            return Truth.of(self._answer(a, b, yes, no))
        a, b = np.broadcast_arrays(boxed(a), boxed(b))
        flat = [self._answer(x, y, yes, no) for x, y in zip(a.ravel(), b.ravel())]
        return Truth.of(np.array(flat, dtype=bool).reshape(a.shape))

    def _answer(
        self, a: Value, b: Value, yes: Callable[..., Value], no: Callable[..., Value]
    ) -> bool:
        if yes(a, b):
            return True
        if no(a, b):
            return False
        raise Undecided(f"the {self.kind}s {a} and {b} overlap, so that their order is not certain")

    def __bool__(self) -> bool:
        if self.size != 1:
            raise ValueError(f"an array of shape {self.shape} has no truth value")
        return bool(self.reshaped(()) != 0)

    def __index__(self) -> int:
        value = self._only_entry("an index")
        if not self.is_exact_integer(value):
            raise Undecided(f"the {self.kind} {value} is not exactly an integer")
        return int(self.integer_part(value))

    def __int__(self) -> int:
        return self.__index__()

    def __float__(self) -> float:
        raise Unsupported(
            f"float() was called on {named(self.kind)}; stay in xp, and read values outside the "
            "body with the arithmetic's enclosure"
        )

    def __complex__(self) -> complex:
        raise Unsupported(f"complex() was called on {named(self.kind)}")

    def __round__(self, *args: object) -> NoReturn:
        raise Unsupported(f"round() was called on {named(self.kind)}")

    def __contains__(self, value: Given) -> NoReturn:
        raise Unsupported(f"`in` was asked of {named(self.kind)} array")

    def _only_entry(self, use: str) -> Value:
        if self.size != 1 or self.shape:
            raise TypeError(f"an array of shape {self.shape} is not {use}")
        return self.entries()

    @classmethod
    def is_exact_integer(cls, value: Given) -> bool:
        """Whether an entry is certainly one integer and nothing else."""
        raise NotImplementedError

    @classmethod
    def integer_part(cls, value: Given) -> int:
        """Convert an exact integer entry."""
        raise NotImplementedError

    # -- what is refused ------------------------------------------------------------------------

    def __setitem__(self, key: Value, value: Given) -> NoReturn:
        raise Unsupported(f"arrays of {self.kind}s do not change; build a new one with xp.stack")

    def __getattr__(self, name: str) -> Value:
        if name.startswith("__"):
            raise AttributeError(name)
        instead = substitute(name) or "a function of xp"
        raise OutsideVocabulary(
            f"x.{name} was read on an array of {self.kind}s; use {instead} "
            "(`rnnbounds vocabulary` lists what is)"
        )

    def __array__(self, *args: object, **kwargs: object) -> NoReturn:
        raise Unsupported(f"NumPy asked for the entries of {named(self.kind)} array; stay in xp")

    def __array_ufunc__(
        self, ufunc: np.ufunc, method: str, *inputs: object, **kwargs: object
    ) -> Value:
        name = ufunc.__name__
        called = f"numpy.{name}" + ("" if method == "__call__" else f".{method}")
        if name in _OPERATORS:
            raise Unsupported(f"{called}: a NumPy value met {named(self.kind)}; lift it first")
        raise Unsupported(f"{called} was called on {named(self.kind)}; use {_instead('', name)}")

    def __array_function__(self, func: Value, types: object, args: object, kwargs: object) -> Value:
        module = getattr(func, "__module__", None) or "numpy"
        name = func.__name__
        place = "linalg." if module.endswith("linalg") else ""
        raise Unsupported(
            f"{module}.{name} was called on {named(self.kind)}; use {_instead(place, name)}"
        )

    def __reduce_ex__(self, protocol: Value) -> NoReturn:
        raise Unsupported(
            f"{named(self.kind)} does not pickle; send the numbers, and lift them there"
        )

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: Value) -> Self:
        return self

    def __repr__(self) -> str:
        a = self.entries()
        text = str(a) if type(a) is not np.ndarray else np.array2string(a, formatter={"all": str})
        return f"{type(self).__name__}({text})"

    # -- shapes ---------------------------------------------------------------------------------

    def reshaped(self, shape: int | tuple[int, ...]) -> Self:
        """Return the entries in another shape."""
        return self.of_entries(scalar_or_array(boxed(self.entries()).reshape(shape)))

    def mapped(self, function: Callable[[Value], Value]) -> Self:
        """Apply a function of one number to every entry."""
        a = self.entries()
        if type(a) is not np.ndarray:
            return self.of_entries(function(a))
        return self._from_list([function(x) for x in a.ravel().tolist()], a.shape)


_OPERATORS = {
    "add", "subtract", "multiply", "divide", "power", "matmul", "negative", "positive",
    "less", "less_equal", "greater", "greater_equal", "equal", "not_equal", "floor_divide",
    "remainder",
}  # fmt: skip


def _instead(place: str, name: str) -> str:
    named = substitute(name, place)
    return named or "a name of the vocabulary (`rnnbounds vocabulary` lists them)"
