"""An instance in decimals, as a person would write it down."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..arithmetic import FLOAT64, Unsupported
from ..claims import Claim
from ..instances import Instance
from .evaluation import NUMERICAL, sides


def facts(claim: Claim, instance: Instance) -> tuple[str, ...]:
    """One line an argument of the body, then the two sides, all in float64."""
    lines = []
    with FLOAT64.active(), np.errstate(all="ignore"):
        for name, value in claim.instances.realise(instance, FLOAT64).items():
            lines += _lines(name, value)
        if claim.deterministic:
            try:
                left, right = sides(claim, instance, FLOAT64)
                lines += [f"left = {number(left)}", f"right = {number(right)}"]
            except (*NUMERICAL, Unsupported) as error:
                lines.append(f"sides: {error}")
    return tuple(lines)


def number(value: Any) -> str:
    """A number or an array, with as many digits as it needs and no more than eight."""
    return np.array2string(np.asarray(value), precision=8, separator=", ").replace("\n", "")


def _lines(name: str, value: Any) -> list[str]:
    if hasattr(value, "__dataclass_fields__"):
        parts = [(field, getattr(value, field)) for field in value.__dataclass_fields__]
        return [line for field, part in parts for line in _lines(f"{name}.{field}", part)]
    if isinstance(value, str):
        return [f"{name} = {value}"]
    return [f"{name} = {number(value)}"]
