"""Arrays of integers, such as nodes, whose arithmetic outside `xp` is exact or refused.

NumPy's integers wrap, and they do so before any arithmetic of `xp` sees them: then float64, balls
and rationals would agree on a number that is wrong.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from validation.arithmetic import Unsupported
from validation.arithmetic.values import Value
from validation.instances.factors import Raw

_LARGEST = 2**63 - 1
_LIFT = "; bring integers into xp first: xp.asarray(J)"
_getitem = np.ndarray.__getitem__
_ROUNDED = (np.true_divide, np.sqrt, np.exp, np.log)


class Integers(np.ndarray):
    """An integer array that does not wrap; its entries are Python's own integers.

    A result beyond 2^63 - 1 is an error, and so is a quotient, which NumPy would round.
    """

    def __getitem__(self, index: Value) -> Value:
        part = _getitem(self, index)
        return part if isinstance(part, np.ndarray) else int(part)

    def __iter__(self) -> Iterator[Value]:
        return (self[i] for i in range(len(self))) if self.ndim > 1 else iter(self.tolist())

    def __array_ufunc__(
        self, ufunc: np.ufunc, method: str, *inputs: Value, **options: Value
    ) -> Value:
        plain = [_plain(x) for x in inputs]
        if "out" in options:
            options["out"] = tuple(_plain(x) for x in options["out"])
        if ufunc in _ROUNDED:
            raise Unsupported(f"{ufunc.__name__} of integers is rounded by NumPy{_LIFT}")
        result = getattr(ufunc, method)(*plain, **options)
        if not isinstance(result, np.ndarray | np.integer) or result.dtype.kind not in "iu":
            return result
        exact = [x.astype(object) if isinstance(x, np.ndarray) else x for x in plain]
        if any(isinstance(x, np.floating) for x in exact):
            return result
        true = np.asarray(getattr(ufunc, method)(*exact, **_exact(options)))
        if any(abs(int(x)) > _LARGEST for x in true.ravel()):
            raise Unsupported(f"{ufunc.__name__} of integers goes beyond 2^63 - 1{_LIFT}")
        return result.view(Integers) if isinstance(result, np.ndarray) else result


def guarded(raw: Raw) -> Value:
    """The same integers, guarded."""
    return np.asarray(raw).view(Integers)


def _plain(x: Value) -> Value:
    return x.view(np.ndarray) if isinstance(x, Integers) else x


def _exact(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if name not in ("out", "dtype")}
