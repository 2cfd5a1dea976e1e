"""Functions of whole object arrays: products, and one function over stacks of matrices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from validation.arithmetic.values import Value

if TYPE_CHECKING:
    from validation.arithmetic.objects import ObjectArray


def stack(cls: type[ObjectArray], parts: Sequence[Value], axis: int = 0) -> Value:
    """Join arrays of one shape along a new axis."""
    boxes = [boxed(part.entries()) for part in parts]
    if len({box.shape for box in boxes}) != 1:
        raise ValueError(f"arrays of one shape are stacked, got {[box.shape for box in boxes]}")
    return cls.of_entries(np.stack(boxes, axis=axis))


def matmul(x: Value, y: Value) -> Value:
    """Multiply matrices and vectors, and stacks of them, as `@` of the standard does."""
    cls = type(x)
    left, right = x.shape, y.shape
    if not left or not right:
        raise ValueError("@ needs arrays with at least one axis")
    if len(left) == 1 and len(right) == 1:
        if left != right:
            raise ValueError(f"arrays of shapes {left} and {right} cannot be multiplied")
        return matmul(x.reshaped((1, *left)), y.reshaped((*right, 1)))[0, 0]
    if len(left) == 1:
        product = matmul(x.reshaped((1, *left)), y)
        return product.reshaped(product.shape[:-2] + product.shape[-1:])
    if len(right) == 1:
        product = matmul(x, y.reshaped((*right, 1)))
        return product.reshaped(product.shape[:-1])
    check_product(left, right)
    if len(left) == 2 and len(right) == 2:
        return cls.of_matrix(x.as_matrix() * y.as_matrix())
    return over_stacks(lambda a, b: a * b, x, y)


def over_stacks(function: Callable[..., Value], *arrays: Value) -> Value:
    """Apply a function of FLINT matrices to every matrix of broadcast stacks.

    The function returns a matrix, a number, or a list of numbers; the results are stacked.
    """
    cls = type(arrays[0])
    lead = np.broadcast_shapes(*(x.shape[:-2] for x in arrays))
    if lead == ():
        return _of_result(cls, function(*(x.as_matrix() for x in arrays)))
    wide = [np.broadcast_to(x.entries(), lead + x.shape[-2:]) for x in arrays]
    results = []
    for place in np.ndindex(*lead):
        matrices = [cls.matrix(w.shape[-2], w.shape[-1], w[place].ravel().tolist()) for w in wide]
        results.append(_of_result(cls, function(*matrices)))
    if not results:
        # For the shape, the function is asked of matrices like the identity: it takes those.
        units = [_unit(cls, *w.shape[-2:]) for w in wide]
        shape = _of_result(cls, function(*units)).shape
        return cls.of_entries(np.empty(lead + shape, dtype=object))
    stacked = stack(cls, results)
    return stacked.reshaped(lead + stacked.shape[1:])


def _unit(cls: type[ObjectArray], rows: int, columns: int) -> Value:
    return cls.matrix(rows, columns, [int(i == j) for i in range(rows) for j in range(columns)])


def _of_result(cls: type[ObjectArray], result: Value) -> Value:
    if isinstance(result, cls.matrix):
        return cls.of_matrix(result)
    if isinstance(result, list):
        return cls._from_list(result, (len(result),))
    return cls.of_entries(result)


def check_product(left: tuple[int, ...], right: tuple[int, ...]) -> None:
    if left[-1] != right[-2]:
        raise ValueError(f"arrays of shapes {left} and {right} cannot be multiplied")


def boxed(a: Value) -> Value:
    """What NumPy's functions take: entries are an array or a single number."""
    if type(a) is np.ndarray:
        return a
    box = np.empty((), dtype=object)
    box[()] = a
    return box


def scalar_or_array(a: Value) -> Value:
    """The reverse of `boxed`."""
    return a[()] if type(a) is np.ndarray and a.ndim == 0 else a
