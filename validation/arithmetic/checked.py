"""What the namespaces of all arithmetics have in common: refusals, dtypes, places, shapes."""

from __future__ import annotations

import math
import operator

import numpy as np

from validation.arithmetic.errors import OutsideVocabulary, Unsupported
from validation.arithmetic.values import Shape, Value
from validation.arithmetic.vocabulary import substitute

FLOAT64 = "float64"
INT64 = "int64"

# A literal like 0.5 or 12.25 is short. A float that needs more bits than this was rounded before
# it met an exact number: 1/3, 0.1, math.sqrt(2). It would silently change the statement. Of the
# narrow dtypes, which round to 24 and 11 bits, half of these may be used.
LONGEST_SHOWN = 20  # digits of a fraction in a message
LITERAL_BITS = 32
NARROW = {"float32": 12, "float16": 6}


class Checked:
    """Answers a name that does not exist with the reason and with what says it here."""

    prefix = "xp"

    def __getattr__(self, name: str) -> Value:
        if name.startswith("__"):
            raise AttributeError(name)
        instead = substitute(name, self.prefix.removeprefix("xp").lstrip(".") and "linalg.")
        raise OutsideVocabulary(
            f"{self.prefix}.{name} is not in the vocabulary of claims; "
            + (f"use {instead} " if instead else "")
            + ("(" if instead else "")
            + "`rnnbounds vocabulary` lists what is"
            + (")" if instead else "")
        )


def whole(dtype: object, name: str) -> bool:
    """Return whether a dtype asks for integers; arrays have the dtypes float64 and int64 only.

    An array of integers is an array of numbers that are integers: there is one kind of number.
    """
    if dtype is None or dtype in (FLOAT64, float) or dtype == np.float64:
        return False
    if dtype in (INT64, int) or dtype == np.int64:
        return True
    raise Unsupported(f"{name}: dtype must be xp.float64 or xp.int64, got {dtype!r}")


def is_short(value: float, bits: int = LITERAL_BITS) -> bool:
    """Whether a float looks like a literal that was not rounded: an integer, or few bits."""
    if not math.isfinite(value) or (value.is_integer() and abs(value) <= 2.0**53):
        return True
    top = abs(value.as_integer_ratio()[0])
    return (top >> ((top & -top).bit_length() - 1)).bit_length() <= bits


def check_short(value: Value, kind: str) -> None:
    """Refuse a Python or NumPy float, or an array of them, that was rounded before.

    Raises
    ------
    Unsupported
        With the remedy, naming the first such number.
    """
    if isinstance(value, np.ndarray | np.generic):
        if value.dtype.kind != "f":
            return
        bits = NARROW.get(value.dtype.name, LITERAL_BITS)
        numbers = value.ravel().tolist()
    elif isinstance(value, float):
        bits, numbers = LITERAL_BITS, [value]
    else:
        return
    for number in numbers:
        if not is_short(number, bits):
            raise Unsupported(
                f"the float {number!r} met {named(kind)}, and was rounded before: write it as a "
                f"fraction ({remedy(number)}), divide or take roots inside xp, as in "
                "1 / xp.asarray(3), or draw it, so that it is lifted"
            )


def named(kind: str) -> str:
    """A noun with its article."""
    return f"{'an' if kind[0] in 'aeio' else 'a'} {kind}"


def remedy(value: float) -> str:
    """Return the fraction that was probably meant by a rounded float, as Python code."""
    from fractions import Fraction

    exact = Fraction(repr(float(value)))  # what was written, if it was written in decimals
    simple = Fraction(value).limit_denominator(1000)
    best = simple if float(simple) == value else exact
    if max(len(str(best.numerator)), len(str(best.denominator))) > LONGEST_SHOWN:
        return f'Fraction("{float(value)!r}")'
    return f"Fraction({best.numerator}, {best.denominator})"


def places(indices: Value) -> Value:
    """Return integer places for `take` as an int64 array; anything else is refused."""
    array = np.asarray(indices)
    kind = array.dtype.kind
    if kind == "i":
        return array
    if array.size == 0:
        return array.astype(np.int64)
    if kind == "f":
        whole_numbers = array.astype(np.int64)
        if whole_numbers.tolist() == array.tolist():  # faster than NumPy for a few nodes
            return whole_numbers
        raise Unsupported("take needs integer places")
    if kind != "u":
        raise Unsupported(f"take needs integer places, got {array.dtype}")
    return array


def shape_of(shape: Shape) -> tuple[int, ...]:
    """Return a shape that was given as an int or as a sequence of ints."""
    if isinstance(shape, tuple | list):
        return tuple(operator.index(n) for n in shape)
    return (operator.index(shape),)


def check_matrix(name: str, x: Value) -> None:
    """Refuse what has fewer than two axes."""
    if np.ndim(x) < 2 if not hasattr(x, "ndim") else x.ndim < 2:
        raise ValueError(f"xp.linalg.{name} needs a matrix, got shape {getattr(x, 'shape', ())}")


def check_square(name: str, x: Value) -> None:
    """Refuse what is not a square matrix or a stack of them."""
    check_matrix(name, x)
    if x.shape[-1] != x.shape[-2]:
        raise ValueError(f"xp.linalg.{name} needs a square matrix, got shape {x.shape}")


def check_vector_order(ord: object) -> None:
    """Refuse orders of vector norms other than 1, 2 and inf."""
    if ord not in (1, 2, math.inf):
        raise Unsupported(f"xp.linalg.vector_norm has ord 1, 2 and inf, not {ord!r}")


def check_matrix_order(ord: object) -> None:
    """Refuse orders of matrix norms other than 'fro', 'nuc', 1, 2 and inf."""
    if ord not in ("fro", "nuc", 1, 2, math.inf):
        raise Unsupported(f"xp.linalg.matrix_norm has ord 'fro', 'nuc', 1, 2 and inf, not {ord!r}")


# Of the two unit eigenvectors v and -v, `eigh` returns the one with sum_i v_i w^i > 0. With this w
# (near the golden section) no vector of small integers is orthogonal to (1, w, w^2, ...).
ORIENTATION = 633 / 1024
