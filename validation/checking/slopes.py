"""The slope of log(left/right) along an instance's real numbers, by dual numbers.

One evaluation of the body gives the value and all slopes. Where that is not possible - the body
makes plain numbers of its arguments, a factor forms its value in a way of its own - the caller
takes differences. Which it is, is found out once a claim by comparing the two.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from validation.arithmetic.dual_arithmetic import DUALS
from validation.arithmetic.duals import Dual
from validation.arithmetic.values import Value
from validation.checking.evaluation import log_ratio, pair
from validation.checking.smoothing import smoothed
from validation.claims import Claim
from validation.instances import Instance
from validation.instances.factors import Factor

Array = Any  # NDArray[np.float64]; the checker cannot follow indices of any dimension
STEP = 1e-6


class Slope(NamedTuple):
    """A value and its slopes along all real numbers of an instance."""

    value: float
    slope: Array


class NoSlopeError(Exception):
    """The claim, or this instance, has no slope in dual numbers."""


def seeded(claim: Claim, instance: Instance) -> dict[str, Value]:
    """The raw values of an instance with every real number a direction of its own.

    Raises
    ------
    NoSlopeError
        If a factor's raw value does not show where its numbers are.
    """
    counts = {
        name: factor.parameters(instance.raw[name]).values.size
        for name, factor in claim.instances.factors.items()
    }
    p = sum(counts.values())
    raw: dict[str, Value] = {}
    start = 0
    for name, factor in claim.instances.factors.items():
        raw[name] = _seeded(factor, instance.raw[name], start, counts[name], p)
        start += counts[name]
    return raw


def _seeded(factor: Factor, value: Value, start: int, count: int, p: int) -> Value:
    if count == 0:
        return value
    if isinstance(value, float | np.ndarray) and np.size(value) == count:
        tangent = np.zeros((p, count))
        tangent[start : start + count] = np.eye(count)
        return Dual(value, tangent.reshape((p, *np.shape(value))))
    if isinstance(value, dict):
        numbers = factor.parameters(value).values
        again = factor.with_parameters(value, numbers)
        free = [k for k, v in value.items() if isinstance(v, np.ndarray) and again[k] is not v]
        flat = [value[k].ravel() for k in free]
        if free and np.array_equal(np.concatenate(flat), numbers):
            result = dict(value)
            for key in free:
                result[key] = _seeded(factor, value[key], start, value[key].size, p)
                start += value[key].size
            return result
    raise NoSlopeError


def _sides(claim: Claim, function: Value, raw: dict[str, Value]) -> tuple[Value, Value]:
    values = {
        name: factor.realise(DUALS, raw[name]) for name, factor in claim.instances.factors.items()
    }
    return pair(claim, function, values, DUALS)


def _parts(x: Value, p: int, shape: tuple[int, ...]) -> tuple[Array, Array]:
    """Value and derivatives of a side, of one shape."""
    if type(x) is not Dual:
        return np.broadcast_to(np.asarray(x, dtype=float), shape), np.zeros((p, *shape))
    value = np.broadcast_to(np.asarray(x.value, dtype=float), shape)
    return value, np.broadcast_to(x.aligned(len(shape)), (p, *shape))


def ratio_slope(claim: Claim, instance: Instance, sharpness: float) -> Slope:
    """The soft maximum of log(left/right) over the entries, with its slopes.

    Raises
    ------
    NoSlopeError
        Where there is none, or the value is not finite.
    """
    try:
        left, right = _sides(claim, claim.body, seeded(claim, instance))
    except NoSlopeError:
        raise
    except Exception as error:  # whatever it is, differences will show it again
        raise NoSlopeError from error
    p = _directions(claim, instance)
    shape = np.broadcast_shapes(np.shape(_value(left)), np.shape(_value(right)))
    left, d_left = _parts(left, p, shape)
    right, d_right = _parts(right, p, shape)
    if claim.kind == "loewner":
        return _loewner(left, right, d_left, d_right)
    if claim.kind == "identity":
        return _identity(left, right, d_left, d_right)
    positive = (left > 0) & (right > 0)
    if not positive.any():
        return _signed(left, right, d_left, d_right)
    a, b = left[positive], right[positive]
    logs = np.log(a) - np.log(b)
    slopes = d_left[:, positive] / a - d_right[:, positive] / b
    weights = np.exp(sharpness * (logs - logs.max()))
    value = float(logs.max() + math.log(weights.sum()) / sharpness)
    return _finite(value, slopes @ (weights / weights.sum()))


def _value(x: Value) -> Value:
    return x.value if type(x) is Dual else x


def _directions(claim: Claim, instance: Instance) -> int:
    return int(claim.instances.parameters(instance).values.size)


def _signed(left: Array, right: Array, d_left: Array, d_right: Array) -> Slope:
    """Left sides at or below 0: their quotient, far below all logarithms."""
    fair = right > 0
    if not fair.any():
        raise NoSlopeError
    quotients = np.where(fair, left / np.where(fair, right, 1.0), -np.inf)
    i = np.unravel_index(int(np.argmax(quotients)), quotients.shape)
    q = float(quotients[i])
    slope = (d_left[(slice(None), *i)] - q * d_right[(slice(None), *i)]) / right[i]
    return _finite(-1e3 - math.log1p(max(-q, 0.0)), slope / (1 + max(-q, 0.0)))


def _loewner(left: Array, right: Array, d_left: Array, d_right: Array) -> Slope:
    value = log_ratio("loewner", left, right)
    left, right = (left + left.T) / 2, (right + right.T) / 2
    try:
        values, vectors = np.linalg.eigh(right)
        if not values[0] > 1e-10 * values[-1] > 0:
            raise NoSlopeError
        W = vectors / np.sqrt(values)
        mu, inner = np.linalg.eigh(W.T @ left @ W)
    except np.linalg.LinAlgError:
        raise NoSlopeError from None
    if not mu[-1] > 0:
        raise NoSlopeError
    v = W @ inner[:, -1]  # v^T right v = 1
    return _finite(value, np.einsum("i,pij,j->p", v, d_left - mu[-1] * d_right, v) / mu[-1])


def _identity(left: Array, right: Array, d_left: Array, d_right: Array) -> Slope:
    scale = max(np.abs(left).max(initial=0.0), np.abs(right).max(initial=0.0))
    if not scale > 0:
        raise NoSlopeError
    gap = left - right
    i = np.unravel_index(int(np.argmax(np.abs(gap))), gap.shape)
    slope = np.sign(gap[i]) * (d_left[(slice(None), *i)] - d_right[(slice(None), *i)]) / scale
    relative = abs(float(gap[i])) / scale
    return _finite(math.log1p(relative), slope / (1 + relative))


def margin_slope(claim: Claim, instance: Instance) -> Slope:
    """By how much the worst hypothesis is missed (below 0: met), with its slopes.

    Raises
    ------
    NoSlopeError
        As for `ratio_slope`.
    """
    p = _directions(claim, instance)
    worst = Slope(-math.inf, np.zeros(p))
    try:
        raw = seeded(claim, instance)
        pairs = [_sides(claim, function, raw) for function in claim.hypotheses.values()]
    except NoSlopeError:
        raise
    except Exception as error:
        raise NoSlopeError from error
    for left, right in pairs:
        shape = np.broadcast_shapes(np.shape(_value(left)), np.shape(_value(right)))
        a, da = _parts(left, p, shape)
        b, db = _parts(right, p, shape)
        if not a.size:
            continue
        gap = a - b
        with np.errstate(all="ignore"):
            logs = np.where((a > 0) & (b > 0), np.log(np.abs(a / b)), np.nan)
        i = np.unravel_index(int(np.argmax(gap)), gap.shape)
        here = (slice(None), *i)
        if logs[i] * gap[i] > 0:
            found = Slope(float(logs[i]), da[here] / a[i] - db[here] / b[i])
        else:
            root = math.hypot(1.0, float(gap[i]))
            found = Slope(float(np.arcsinh(gap[i])), (da[here] - db[here]) / root)
        if found.value > worst.value:
            worst = found
    return _finite(worst.value, worst.slope) if worst.value > -math.inf else worst


def _finite(value: float, slope: Array) -> Slope:
    slope = np.asarray(slope, dtype=np.float64)
    if not (math.isfinite(value) and np.isfinite(slope).all()):
        raise NoSlopeError
    return Slope(value, slope)


def agrees(claim: Claim, instance: Instance, sharpness: float, rng: np.random.Generator) -> bool:
    """Whether the slope agrees with a difference along one direction: asked once a claim.

    Raises
    ------
    NoSlopeError
        As `ratio_slope`.
    """
    found = ratio_slope(claim, instance, sharpness)
    numbers = claim.instances.parameters(instance)
    way = rng.standard_normal(numbers.values.size) * np.maximum(np.abs(numbers.values), 1e-3)
    ends = [numbers.values + sign * STEP * way for sign in (1, -1)]
    inside = [(numbers.low <= end) & (end <= numbers.high) for end in ends]
    way = np.where(inside[0] & inside[1], way, 0.0)
    up, down = (
        smoothed(claim, claim.instances.with_parameters(instance, end), sharpness)
        for end in (numbers.values + STEP * way, numbers.values - STEP * way)
    )
    scale = float(np.abs(found.slope * way).sum())
    return abs((up - down) / (2 * STEP) - float(found.slope @ way)) <= 0.05 * scale + 1e-4
