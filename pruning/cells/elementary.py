"""Elementary functions of gates."""

from __future__ import annotations

import numpy as np

from pruning.checks import Array


def logistic(x: Array, out: Array | None = None) -> Array:
    """Return 1/(1 + exp(-x)), in place where `out` is `x`.

    By (1 + tanh(x/2))/2, which overflows nowhere and runs at the speed of tanh.
    """
    out = np.multiply(x, 0.5, out=out)
    np.tanh(out, out=out)
    out += 1
    out *= 0.5
    return out
