"""Units in which the outputs of a fit have squares that are floats.

What is fitted knows no units of the outputs; powers of two change no digit. Outputs of an ordinary
size keep theirs.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np

from pruning.gauss_newton import RefitStep

_ORDINARY = 100  # exponents up to which no square is near the ends of the range

Net = TypeVar("Net")


def output_exponent(net: Any) -> int:
    """Return e where the read-out of a network or stack is about 2^e; 0 where it is ordinary."""
    largest = max(float(np.abs(part).max(initial=0.0)) for part in (net.w_output, net.b_output))
    exponent = math.frexp(largest)[1]
    return exponent if abs(exponent) > _ORDINARY else 0


def in_output_units(net: Net, exponent: int) -> Net:
    """Return the network with its outputs in units of 2^exponent.

    Raises
    ------
    ValueError
        If the read-out leaves the range of floats in these units.
    """
    owner: Any = net
    with np.errstate(over="ignore"):
        parts = {
            name: np.ldexp(getattr(owner, name), -exponent) for name in ("w_output", "b_output")
        }
    if not all(np.isfinite(part).all() for part in parts.values()):
        raise ValueError(
            "the outputs of large and small must be of comparable size for a refit, got read-outs "
            "of which one is beyond the range of floats in units of the other"
        )
    result: Net = replace(owner, **parts)
    return result


def in_units_of(
    progress: Callable[[RefitStep], None] | None, exponent: int
) -> Callable[[RefitStep], None] | None:
    """Return what is told of steps in units of 2^exponent where `progress` is told of gaps."""
    if progress is None:
        return None
    tell = progress

    def told(step: RefitStep) -> None:
        with np.errstate(over="ignore"):
            fitted, held_out = np.ldexp([step.fitted, step.held_out], 2 * exponent).tolist()
        tell(replace(step, fitted=fitted, held_out=held_out))

    return told
