"""Argument checks, made once at the public edge.

Every message is one sentence that names the argument, what it should be and what it was.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg.lapack import dpotrf

Array = NDArray[np.float64]
Nodes = NDArray[np.int64]
Inputs = NDArray[Any]
"""Checked sequences: floats (n, T, d_x), or integer tokens (n, T)."""
Targets = NDArray[Any]
"""Checked targets: integer classes, or numbers, of the last step or of every."""
TILE = 128


def as_array(name: str, value: object) -> NDArray[Any]:
    """Return `value` as an array of whatever it holds."""
    try:
        return np.asarray(value)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be an array of numbers, got {_brief(value)}") from None


def finite_states(h: Array) -> None:
    """Raise ValueError with the first step at which states (n, T, m) are not finite."""
    finite = np.isfinite(h).all(axis=(0, 2))
    if not finite.all():
        raise ValueError(
            f"the states must stay within the range of {h.dtype}, left it at t = "
            f"{int(np.argmin(finite)) + 1}"
        )


def unwarned(batches: Iterator[Any]) -> Iterator[Any]:
    """Batches made without NumPy's warnings: what leaves the range is refused in a sentence."""
    while True:
        with np.errstate(over="ignore", invalid="ignore"):
            batch = next(batches, None)
        if batch is None:
            return
        yield batch


def real_array(name: str, value: ArrayLike, shape: tuple[int | None, ...] | None = None) -> Array:
    """Return `value` as a finite float64 array of the given shape (None matches any length)."""
    array = as_array(name, value)
    if array.dtype.kind not in "fiub":
        raise ValueError(f"{name} must be an array of real numbers, got {_brief(value)}")
    array = array.astype(np.float64, copy=False)
    if shape is not None and not _fits(array.shape, shape):
        raise ValueError(f"{name} must have shape {_show(shape)}, got {array.shape}")
    if not np.isfinite(array).all():
        where = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        raise ValueError(f"{name} must be finite, got {array[where]} at index {where}")
    return array


def real(name: str, value: object) -> float:
    """Return `value` as a finite float."""
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"{name} must be a real number, got {_brief(value)}") from None
    if not np.isfinite(number):
        raise ValueError(f"{name} must be finite, got {number}")
    return number


def positive(name: str, value: object) -> float:
    """Return `value` as a finite float > 0."""
    number = real(name, value)
    if number <= 0:
        raise ValueError(f"{name} must be positive, got {shown(number)}")
    return number


def nonnegative(name: str, value: object) -> float:
    """Return `value` as a finite float >= 0."""
    number = real(name, value)
    if number < 0:
        raise ValueError(f"{name} must be at least 0, got {shown(number)}")
    return number


def probability(name: str, value: object) -> float:
    """Return `value` as a float in the open interval (0, 1)."""
    number = real(name, value)
    if not 0 < number < 1:
        raise ValueError(f"{name} must lie strictly between 0 and 1, got {shown(number)}")
    return number


def fraction(name: str, value: object) -> float:
    """Return `value` as a float in the closed interval [0, 1]."""
    number = real(name, value)
    if not 0 <= number <= 1:
        raise ValueError(f"{name} must lie between 0 and 1, got {shown(number)}")
    return number


def shown(number: float) -> str:
    """Return a float with all the digits that tell it from its neighbours: 1.0000000001, not 1."""
    return repr(float(number)).removesuffix(".0")


def integer(name: str, value: object, low: int | None = None, high: int | None = None) -> int:
    """Return `value` as an int in low..high (either end may be open)."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | np.integer):
        if isinstance(value, float | np.floating) and float(value).is_integer():
            value = int(value)
        else:
            raise ValueError(f"{name} must be an integer, got {_brief(value)}")
    number = int(value)
    if low is not None and high is not None and not low <= number <= high:
        raise ValueError(f"{name} must be an integer from {low} to {high}, got {number}")
    if low is not None and number < low:
        raise ValueError(f"{name} must be an integer of at least {low}, got {number}")
    if high is not None and number > high:
        raise ValueError(f"{name} must be an integer of at most {high}, got {number}")
    return number


def choice(name: str, value: object, known: Iterable[str]) -> str:
    """Return `value` if it is one of the known names."""
    names = list(known)
    if value not in names:
        raise ValueError(f"{name} must be one of {', '.join(names)}, got {_brief(value)}")
    return str(value)


def as_generator(name: str, value: object) -> np.random.Generator:
    """Return a Generator as it is, or one of a seed: whatever NumPy takes for one, and no bool."""
    try:
        if isinstance(value, bool | np.bool_):
            raise TypeError
        return np.random.default_rng(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise ValueError(
            f"{name} must be a NumPy Generator or a seed >= 0, got {_brief(value)}"
        ) from None


def unused(name: str, value: object, beside: str) -> None:
    """Raise ValueError where an argument is given that has no effect beside another; None is not.

    A setting that is quietly left aside is taken for one that was followed.
    """
    if value is not None:
        raise ValueError(
            f"{name} must be left out with {beside}, where it has no effect, got {_brief(value)}"
        )


def unused_tau(tau: ArrayLike | None, beside: str) -> None:
    """Raise ValueError as `unused` does; 0 is what there is where no tau has an effect."""
    if tau is not None and np.any(real_array("tau", tau)):
        unused("tau", tau, beside)


def covariance(name: str, value: ArrayLike) -> Array:
    """Return `value` as a symmetric positive semidefinite (m, m) matrix.

    Asymmetry and negative eigenvalues within rounding of the computation that made the matrix
    (1e-10 and 1e-8 of its largest entry) are accepted, and the symmetric part is returned.
    """
    matrix = _symmetric(name, value)
    exponent = unit_exponent(matrix)
    _check_semidefinite(name, in_units(matrix, exponent), exponent)
    return matrix


def covariance_in_units(name: str, value: ArrayLike) -> tuple[Array, Array, int]:
    """Return `value` as `covariance` does; then in units of 4^exponent, and its `unit_exponent`."""
    matrix = _symmetric(name, value)
    exponent = unit_exponent(matrix)
    unit = in_units(matrix, exponent)
    _check_semidefinite(name, unit, exponent)
    return matrix, unit, exponent


def factored_covariance(name: str, value: ArrayLike) -> tuple[Array, Array | None]:
    """Return `value` as `covariance` does, in its units, and its Cholesky factor where it has one.

    Returns
    -------
    unit : (m, m) array
        In units of its `unit_exponent`.
    factor : (m, m) array or None
        Lower triangular, of `unit`. What has one is positive semidefinite up to m^2 rounding
        errors, so that it needs no other check.
    """
    matrix = _symmetric(name, value)
    exponent = unit_exponent(matrix)
    unit = in_units(matrix, exponent)
    factor, failed = dpotrf(unit.T, lower=1, clean=1)
    if not failed:
        return unit, factor
    _check_semidefinite(name, unit, exponent)
    return unit, None


def _symmetric(name: str, value: ArrayLike) -> Array:
    matrix = real_array(name, value)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or matrix.shape[0] == 0:
        raise ValueError(f"{name} must be a square matrix (m, m) with m >= 1, got {matrix.shape}")
    if not _is_symmetric(matrix):
        gap = _largest(matrix / 2 - matrix.T / 2)
        if gap > 1e-10 * _largest(matrix / 2):
            raise ValueError(f"{name} must be symmetric, got entries that differ by {2 * gap:.3g}")
        matrix = matrix / 2 + matrix.T / 2
    return matrix


def _is_symmetric(matrix: Array) -> bool:
    """Whether it is so exactly; tile by tile, as one pass along columns waits for memory."""
    for a in range(0, len(matrix), TILE):
        for b in range(0, a + 1, TILE):
            if (matrix[a : a + TILE, b : b + TILE] != matrix[b : b + TILE, a : a + TILE].T).any():
                return False
    return True


def _check_semidefinite(name: str, unit: Array, exponent: int) -> None:
    """Refuse what is not positive semidefinite; the matrix is given in units of 4^exponent."""
    m = len(unit)
    # A Cholesky factorization is a third of the price of the eigenvalues, and nearly always enough.
    scale = _largest(unit)
    shifted = unit.copy()
    shifted.flat[:: m + 1] += 1e-9 * scale * m
    _, failed = dpotrf(shifted.T, lower=1, clean=0, overwrite_a=1)
    if failed:
        smallest = float(np.linalg.eigvalsh(unit)[0])
        if smallest < -1e-8 * scale * m:
            raise ValueError(
                f"{name} must be positive semidefinite, got the eigenvalue "
                f"{float(from_units(np.array(smallest), exponent)):.3g}"
            )


def node_set(name: str, value: ArrayLike, m: int) -> Nodes:
    """Return `value` as a sorted array of distinct integers in 0..m-1."""
    array = np.asarray(value)
    if array.size == 0:
        return np.zeros(0, dtype=np.int64)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise ValueError(f"{name} must be a one-dimensional array of integers, got {_brief(value)}")
    nodes = np.sort(array.astype(np.int64))
    if nodes[0] < 0 or nodes[-1] >= m:
        bad = int(nodes[0] if nodes[0] < 0 else nodes[-1])
        raise ValueError(f"{name} must lie in 0..{m - 1}, got {bad}")
    repeated = nodes[1:][nodes[1:] == nodes[:-1]]
    if repeated.size:
        raise ValueError(f"{name} must be distinct, got {int(repeated[0])} more than once")
    return nodes


def ridge(name: str, value: ArrayLike | None, size: int, S: Array) -> Array:
    """Return the regulariser as a (size,) array >= 0; None means 1e-8 Tr S / m."""
    if value is None:
        value = 1e-8 * float(np.trace(S)) / len(S)
    array = real_array(name, value)
    if array.ndim == 0:
        array = np.full(size, float(array))
    if array.shape != (size,):
        raise ValueError(f"{name} must be a number or have shape ({size},), got {array.shape}")
    if array.size and array.min() < 0:
        raise ValueError(f"{name} must be at least 0, got {array.min():g}")
    return array


def time_weights(weights: ArrayLike | str | None, T: int) -> Array:
    """Return time weights (T,) >= 0 of sum 1: the array given, ``mean`` or None for 1/T, ``last``.

    Raises
    ------
    ValueError
        If a weight is negative, or they do not sum to 1 (within T rounding errors).
    """
    if weights is None or isinstance(weights, str):
        name = "mean" if weights is None else choice("weights", weights, ("mean", "last"))
        return np.full(T, 1.0 / T) if name == "mean" else np.eye(1, T, T - 1)[0]
    w = real_array("weights", weights, (T,))
    if w.min() < 0:
        raise ValueError(f"weights must be at least 0, got {w.min():g}")
    if abs(math.fsum(w) - 1) > 4 * T * float(np.finfo(np.float64).eps):
        raise ValueError(f"weights must sum to 1, got {math.fsum(w):.17g}")
    return w


def unit_exponent(*matrices: Array) -> int:
    """Return e where the largest entries of the matrices lie in [4^e/4, 4^e); 0 where all are 0.

    In units of 4^e their squares and products are ordinary floats, and square roots of the units
    are powers of two: what is computed in them is the same, bit by bit, whatever the units were.
    """
    largest = max(map(_largest, matrices), default=0.0)
    return (int(np.frexp(largest)[1]) + 1) // 2 if largest else 0


def in_units(matrix: Array, exponent: int) -> Array:
    """Return the matrix in units of 4^exponent."""
    if abs(exponent) <= 500:  # a product with a power of two is rounded as ldexp is, and faster
        return matrix * math.ldexp(1.0, -2 * exponent) if exponent else matrix
    return np.ldexp(matrix, -2 * exponent)


def ridge_in_units(tau: Array, exponent: int) -> Array:
    """Return a regulariser as `in_units` does; beyond the range of floats it is the largest.

    What it stands beside is about 1: with either nothing is read of the node.
    """
    with np.errstate(over="ignore"):
        return np.minimum(in_units(tau, exponent), np.finfo(np.float64).max)


def positive_in_units(value: float, exponent: int) -> float:
    """Return a number > 0 as `ridge_in_units` does; what would be 0 is the smallest float > 0."""
    return max(float(ridge_in_units(np.array(value), exponent)), math.ulp(0.0))


def from_units(matrix: Array, exponent: int) -> Array:
    """Return what `in_units` was given: entries beyond the range of floats become infinite."""
    with np.errstate(over="ignore"):
        return np.ldexp(matrix, 2 * exponent) if exponent else matrix


def _largest(matrix: Array) -> float:
    """The largest absolute value, without an array of them all."""
    return max(float(matrix.max(initial=0.0)), -float(matrix.min(initial=0.0)))


def _fits(shape: tuple[int, ...], wanted: tuple[int | None, ...]) -> bool:
    return len(shape) == len(wanted) and all(b in (None, a) for a, b in zip(shape, wanted))


def _show(shape: tuple[int | None, ...]) -> str:
    inner = ", ".join("any" if length is None else str(length) for length in shape)
    return f"({inner},)" if len(shape) == 1 else f"({inner})"


def _brief(value: object) -> str:
    text = repr(value).replace("\n", " ")
    return text if len(text) <= 60 else text[:57] + "..."
