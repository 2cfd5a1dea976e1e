"""Truth values of exact comparisons: they answer questions, and they are not numbers.

NumPy's float64 gives `True + True = True`, Python 2: so that no statement depends on which of them
it meets, the arrays that comparisons of balls and of rationals return know logic only.
"""

from __future__ import annotations

from typing import Self

import numpy as np

from validation.arithmetic.errors import Unsupported
from validation.arithmetic.values import Value

_LOGIC = {
    "logical_and", "logical_or", "logical_not", "logical_xor",
    "bitwise_and", "bitwise_or", "bitwise_xor", "invert", "equal", "not_equal",
}  # fmt: skip


class Truth(np.ndarray):
    """A bool array of any number of axes that refuses arithmetic."""

    @staticmethod
    def of(values: Value) -> Truth:
        """Wrap a bool, or a bool array."""
        return np.asarray(values, dtype=bool).view(Truth)

    def __array_ufunc__(
        self, ufunc: np.ufunc, method: str, *inputs: object, **kwargs: object
    ) -> Value:
        if ufunc.__name__ not in _LOGIC:
            raise Unsupported(
                f"{ufunc.__name__} met truth values, which are not numbers: make numbers of them "
                "with xp.astype(truth, xp.float64), or choose with xp.where"
            )
        plain = [x.view(np.ndarray) if isinstance(x, Truth) else x for x in inputs]
        if any(getattr(x, "dtype", np.dtype(bool)).kind != "b" for x in plain):
            return NotImplemented
        return Truth.of(getattr(ufunc, method)(*plain, **kwargs))

    def __getitem__(self, key: Value) -> Self:
        return Truth.of(self.view(np.ndarray)[key])  # type: ignore[return-value]


def is_truth(x: Value) -> bool:
    """Whether a value is a truth value, or an array of them."""
    return isinstance(x, bool) or (isinstance(x, np.ndarray | np.generic) and x.dtype.kind == "b")
