"""array-api-strict as a fourth arithmetic: bodies that run here use standard names only."""

from __future__ import annotations

from typing import Any

import array_api_strict
import numpy as np

xp = array_api_strict


def lift(value: Any) -> Any:
    """Lift as `Arithmetic.lift` does: numbers with a fraction become arrays, counts stay."""
    if isinstance(value, bool | int | np.integer | str) or value is None or callable(value):
        return value
    return xp.asarray(np.asarray(value, dtype=np.float64))


def values(array: Any) -> np.ndarray:
    """Return the entries as NumPy's."""
    return np.asarray(array)
