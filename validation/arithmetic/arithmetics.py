"""The three meanings of one formula (design, idea 2).

An arithmetic is a frozen value: it lifts instances exactly, names the namespace `xp` that a body
is called with, and compares the two sides. Values travel between processes as floats, and are
lifted where they are used.

Examples
--------
>>> arith = balls(precision=128)
>>> with arith.active():
...     S = arith.lift([[2.0, 1.0], [1.0, 2.0]])
...     N = arith.xp.linalg.trace(arith.xp.linalg.solve(S + arith.xp.eye(2), S))
...     arith.compare(N, 2).relation
<Relation.BELOW: 'below'>
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, Protocol

import numpy as np

from validation.arithmetic.comparison import Comparison, compare_floats
from validation.arithmetic.errors import Unsupported
from validation.arithmetic.values import Value

Order = Literal["scalar", "elementwise", "loewner", "identity"]


class Reading(Protocol):
    """What gives a body its meaning: an `Arithmetic`, intervals, dual numbers, a recording."""

    @property
    def name(self) -> str:
        """Such as "float64"."""
        ...

    @property
    def xp(self) -> Value:
        """The namespace that a body receives."""
        ...

    @property
    def xp_of_draws(self) -> Value:
        """The namespace of a body that draws."""
        ...

    def active(self) -> AbstractContextManager[Value]:
        """Return a context in which bodies are to be called."""
        ...

    def lift(self, value: Value) -> Value:
        """Convert an instance's value, exactly or to an enclosure."""
        ...


@dataclass(frozen=True)
class Arithmetic:
    """One meaning of a formula; made by `balls`, or one of the constants FLOAT64 and RATIONALS.

    Attributes
    ----------
    name : str
        "float64", "balls" or "rationals".
    precision : int or None
        Bits of the midpoints of balls; None for the others.
    """

    name: Literal["float64", "balls", "rationals"]
    precision: int | None = None

    @property
    def xp(self) -> Value:
        """The namespace that a body receives."""
        return _namespace(self.name)

    @property
    def xp_of_draws(self) -> Value:
        """The namespace of a body that draws: its `asarray` takes any floats of NumPy arrays.

        Elsewhere such an array is a constant of the body, and refused if it was rounded before.
        """
        return _namespace(self.name, draws=True)

    @property
    def _array(self) -> Value:
        return self.xp.array

    def active(self) -> AbstractContextManager[Value]:
        """Return a context in which bodies are to be called; contexts nest and restore.

        Balls work with this arithmetic's precision inside it. In float64 nothing warns: what
        overflows or is undefined becomes inf or nan, and the comparison says so.
        """
        if self.name == "balls":
            return _ball_precision(self.precision or 53)
        return np.errstate(all="ignore")

    def lift(self, value: Value) -> Value:
        """Convert an instance's value exactly (in float64: to the nearest float).

        Floats, fractions, NumPy scalars, arrays of any real dtype and nested lists of these become
        arrays; so do integer arrays. Python integers, truth values, strings, None and functions
        pass unchanged: a count stays usable in `range` and in shapes.
        """
        if isinstance(value, bool | np.bool_):
            return bool(value)
        if isinstance(value, int | np.integer):
            return int(value)
        if value is None or isinstance(value, str) or callable(value):
            return value
        if self.name == "float64":
            return _float_array(value)
        return self._array.lift(value)

    def compare(self, left: Value, right: Value, order: Order = "elementwise") -> Comparison:
        """Compare two sides; see `Comparison`.

        Parameters
        ----------
        left, right : array of this arithmetic, or number
            Of one shape; a number stands for an array of that value.
        order : {"scalar", "elementwise", "loewner", "identity"}
            Whether left <= right is meant for numbers, entry by entry, for symmetric matrices, or
            whether left = right is.

        Raises
        ------
        ValueError
            If the sides have the wrong shapes or are not real.
        """
        if self.name == "float64":
            if isinstance(left, Fraction) or isinstance(right, Fraction):
                left, right = _float_array(left), _float_array(right)
            return compare_floats(left, right, order)
        from validation.arithmetic.exact_comparison import compare_exact

        return compare_exact(self._array, left, right, order)

    def enclosure(self, value: Value) -> tuple[Value, Value]:
        """Return float64 bounds, rounded outwards, on a number or on every entry of an array."""
        if self.name == "float64":
            array = np.asarray(value, dtype=np.float64)
            return array[()], array[()]
        from flint import arb

        from validation.arithmetic import ball

        value = self._array.lift(value)
        numbers = [arb(x) for x in value.flat()]
        low = np.array([ball.lower(x) for x in numbers]).reshape(value.shape)
        high = np.array([ball.upper(x) for x in numbers]).reshape(value.shape)
        return low[()], high[()]

    def ends(self, value: Value) -> tuple[Value, Value]:
        """Return the exact ends of the enclosure of every entry, as object arrays of fractions.

        None stands for an end that is not finite or has more than 20,000 bits.
        """
        if self.name == "float64":
            array = np.asarray(value, dtype=np.float64)
            exact = [Fraction(float(x)) if np.isfinite(x) else None for x in array.ravel()]
            return _objects(exact, array.shape), _objects(exact, array.shape)
        from validation.arithmetic import ball, rational

        value = self._array.lift(value)
        entries = list(value.flat())
        if self.name == "rationals":
            exact = [rational.to_fraction(x) for x in entries]
            return _objects(exact, value.shape), _objects(exact, value.shape)
        low = [ball.exact_end(x.lower()) for x in entries]
        high = [ball.exact_end(x.upper()) for x in entries]
        return _objects(low, value.shape), _objects(high, value.shape)

    def __str__(self) -> str:
        return self.name if self.precision is None else f"{self.name} of {self.precision} bits"


FLOAT64 = Arithmetic("float64")
RATIONALS = Arithmetic("rationals")


def balls(precision: int = 128) -> Arithmetic:
    """Return ball arithmetic with midpoints of `precision` bits (at least 2)."""
    if isinstance(precision, bool) or not isinstance(precision, int) or precision < 2:
        raise ValueError(f"precision must be an integer of at least 2, got {precision!r}")
    return Arithmetic("balls", precision)


@functools.cache
def _namespace(name: str, draws: bool = False) -> Value:
    """Return the namespace of an arithmetic; FLINT is imported when it is first needed."""
    if name == "balls":
        from validation.arithmetic.ball_namespace import BallNamespace

        return BallNamespace(draws)
    if name == "rationals":
        from validation.arithmetic.rational_namespace import RationalNamespace

        return RationalNamespace(draws)
    from validation.arithmetic.float_namespace import FloatNamespace

    return FloatNamespace()


@contextmanager
def _ball_precision(bits: int) -> Iterator[None]:
    from validation.arithmetic.ball import working_precision

    with working_precision(bits):
        yield


def _objects(entries: list[Value], shape: tuple[int, ...]) -> Value:
    array = np.empty(len(entries), dtype=object)
    array[:] = entries
    return array.reshape(shape)


def _float_array(value: Value) -> Value:
    if isinstance(value, np.ndarray | np.generic) and value.dtype.kind not in "fiubO":
        raise Unsupported(f"an array of {value.dtype} is not real")
    array = np.asarray(value)
    if array.dtype.kind == "O":
        array = np.array([float(x) for x in array.ravel()]).reshape(array.shape)
    return array.astype(np.float64, copy=False)[()]
