"""array-api-strict as a fourth arithmetic: bodies that run here use standard names only.

`extended` adds the words of ours that the standard lacks, from SciPy and Python's own functions.
"""

from __future__ import annotations

import math

import array_api_strict
import numpy as np
import scipy.special

xp = array_api_strict


class _Extended:
    """Ours where the standard has no such word, the standard's elsewhere."""

    def __init__(self, standard, ours) -> None:
        self._standard = standard
        self.__dict__.update(ours)

    def __getattr__(self, name: str):
        return getattr(self._standard, name)


def _of_numpy(function):
    def called(*arrays, **options):
        return xp.asarray(np.asarray(function(*map(np.asarray, arrays), **options)))

    return called


def _eigh(x):
    values, vectors = np.linalg.eigh(np.asarray(x))
    for column in vectors.T:
        if sum(v * (633 / 1024) ** i for i, v in enumerate(column)) < 0:
            column *= -1
    return xp.asarray(values), xp.asarray(vectors)


extended = _Extended(
    xp,
    {
        "xlogx": _of_numpy(lambda x: scipy.special.xlogy(x, x)),
        "logsumexp": _of_numpy(scipy.special.logsumexp),
        "lgamma": _of_numpy(np.vectorize(math.lgamma)),
        "erf": _of_numpy(np.vectorize(math.erf)),
        "diag": _of_numpy(np.diagflat),
        "kron": _of_numpy(
            lambda a, b: np.block([[entry * b for entry in row] for row in a.tolist()])
        ),
        "linalg": _Extended(
            xp.linalg,
            {
                "eigh": _eigh,
                "spectral_radius": _of_numpy(lambda x: max(abs(np.linalg.eigvals(x)))),
            },
        ),
    },
)


def lift(value):
    """Lift as `Arithmetic.lift` does: numbers with a fraction become arrays, counts stay."""
    if isinstance(value, bool | int | np.integer | str) or value is None or callable(value):
        return value
    return xp.asarray(np.asarray(value, dtype=np.float64))


def values(array) -> np.ndarray:
    """Return the entries as NumPy's."""
    return np.asarray(array)
