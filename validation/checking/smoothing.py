"""The soft maximum of log(left/right): what is climbed, and what slopes are checked against."""

from __future__ import annotations

import math

import numpy as np

from validation.arithmetic import FLOAT64, Unsupported
from validation.arithmetic.values import Value
from validation.checking.evaluation import NUMERICAL, log_ratio, log_ratios, sides
from validation.claims import Claim, ClaimError
from validation.instances import Instance

WORST = 1e9  # stands for -inf where a method needs numbers


def smoothed(claim: Claim, instance: Instance, sharpness: float) -> float:
    """The soft maximum of log(left/right) over the entries; -1e9 where there is none."""
    try:
        left, right = sides(claim, instance, FLOAT64)
    except (*NUMERICAL, Unsupported, ClaimError):
        # The body may fail where a hypothesis is not met; where it is met, `score` says so.
        return -WORST
    if claim.kind == "inequality" and max(np.ndim(left), np.ndim(right)) > 0:
        logs: Value = log_ratios(*np.broadcast_arrays(left, right)).ravel()
        logs = logs[~np.isnan(logs)]
        if logs.size and np.isfinite(logs.max()):
            weights = np.exp(sharpness * (logs - logs.max()))
            return float(logs.max() + math.log(weights.sum()) / sharpness)
    value = log_ratio(claim.kind, left, right)
    return value if math.isfinite(value) else math.copysign(WORST, value) if value else 0.0
