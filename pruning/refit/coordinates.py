"""Coordinates in which the curvature of a fit is about I, and quasi-Newton steps in them.

Of a block of weights that reads z and passes on a, a curvature E[delta delta^T] x E[z z^T], delta
being gradients in a, is I in the coordinates v of W_0 + L v R^T where L^T E[delta delta^T] L = I
and R^T E[z z^T] R = I: every block has two small factors, and none of the curvature is formed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from pruning.checks import Array
from pruning.gauss_newton import GRADIENTS, Judged, RefitStep

_DAMPED = 1e-3  # directions whose share of a second moment is below this hardly move
_AT_FIRST = 3  # times the patience, while nothing has been gained


@dataclass(frozen=True, eq=False)
class Coordinates:
    """Weights as an affine map of v: block by block W_0 + L v R^T.

    Attributes
    ----------
    origin : (p,) array
        The start: the blocks, flat, one behind the other.
    factors : sequence of (L, R)
        Of each block; L (r, r), or (r,) where it is diagonal, and R (c, c). Weights before the
        first block stay what they are.
    """

    origin: Array
    factors: tuple[tuple[Array, Array], ...]

    @property
    def size(self) -> int:
        """How many numbers v has."""
        return sum(len(left) * len(right) for left, right in self.factors)

    def at(self, v: Array) -> Array:
        """Return the weights at v."""
        found = self.origin.copy()
        found[len(found) - self.size :] += self.move(v)
        return found

    def move(self, v: Array) -> Array:
        """Return how the blocks move with v."""
        parts, at = [], 0
        for left, right in self.factors:
            size = len(left) * len(right)
            change = v[at : at + size].reshape(len(left), len(right)) @ right.T
            parts.append((left[:, None] * change if left.ndim == 1 else left @ change).ravel())
            at += size
        return np.concatenate(parts)

    def pull(self, gradient: Array) -> Array:
        """Return the gradient in v of what has this gradient in the weights."""
        parts, at = [], len(gradient) - self.size
        for left, right in self.factors:
            size = len(left) * len(right)
            change = gradient[at : at + size].reshape(len(left), len(right)) @ right
            parts.append((left[:, None] * change if left.ndim == 1 else left.T @ change).ravel())
            at += size
        return np.concatenate(parts)


def beyond(name: str, fit: str = "a closed loop", floats: str = "floats") -> str:
    """Return what is said of something other than gradients whose moment is out of range."""
    less = ": refit the read-out alone, or give smaller x" if fit == "a closed loop" else ""
    return f"{name} must have squares within the range of {floats} for {fit}, left it{less}"


def root(moment: Array, beyond: str = GRADIENTS) -> Array:
    """G with G^T moment G about I: directions of a small share of it are damped.

    Raises
    ------
    ValueError
        If the moment is beyond floats, in the words given; by default it is one of gradients.
    """
    if not np.isfinite(moment).all():
        raise ValueError(beyond)
    mu, U = np.linalg.eigh(moment)
    mean = float(np.trace(moment)) / max(1, len(mu))
    damped = np.maximum(mu, 0) + (_DAMPED * mean if mean > 0 else 1)
    result: Array = U / np.sqrt(damped)
    return result


def quasi_newton(
    value_and_gradient: Callable[[Array], tuple[float, Array]],
    judge: Callable[[Array, float], float],
    start: Array,
    shape: Callable[[], Coordinates],
    *,
    steps: int,
    patience: int,
    progress: Callable[[RefitStep], None] | None = None,
) -> Array:
    """Return the weights that are best on what judges, never worse there than the start: L-BFGS.

    The first steps, of a curvature that is not known yet, may lead through worse ones: until one is
    better on what judges than the start by a thousandth, the patience is three times as long.

    Parameters
    ----------
    value_and_gradient : callable
        Of the weights; inf where they leave the range of floats.
    judge : callable
        Value of other sequences, of the weights and of what they came to on those that are fitted.
    start : (p,) array
    shape : callable
        Coordinates with the start as their origin; called for a start that is in range.
    steps, patience : int
        At most so many steps; stop after so many that did not improve on the best by a thousandth,
        three times as many while none has improved on the start by that.
    progress : callable, optional
        Called with a `RefitStep`, whose damping is 0, at the start and after each step.

    Raises
    ------
    ValueError
        Where the start leaves the range of floats.
    """
    value, gradient = value_and_gradient(start)
    judged = judge(start, value)
    if not (math.isfinite(value) and math.isfinite(judged)):
        raise ValueError(
            "small must stay within the range of floats on x, left it, in its run or its gradients"
        )
    if progress is not None:
        progress(RefitStep(0, value, judged, 0.0))
    with np.errstate(over="ignore", invalid="ignore"):
        coordinates = shape()
    first = coordinates.pull(gradient)
    length = float(np.linalg.norm(first))
    best, step = Judged(start, judged), 0
    if steps == 0 or length == 0:
        return start
    # SciPy's first trial has length 1; a Newton step would have `length` in these coordinates.
    unit = length / 4
    far = 1e3 * (1 + value)  # in place of inf, which its line search does not take
    last = value

    def objective(u: Array) -> tuple[float, Array]:
        nonlocal last
        last, slope = value_and_gradient(coordinates.at(unit * u))
        if not math.isfinite(last):
            return far, np.zeros_like(u)
        return last, unit * coordinates.pull(slope)

    def after(u: Array) -> None:
        nonlocal step
        step += 1
        theta = coordinates.at(unit * u)
        reached = judge(theta, last)
        if progress is not None:
            progress(RefitStep(step, last, reached, 0.0))
        best.take(theta, reached)
        if best.stale >= patience * (1 if best.gained else _AT_FIRST):
            raise StopIteration

    minimize(
        objective,
        np.zeros(first.size),
        jac=True,
        method="L-BFGS-B",
        callback=after,
        options={"maxiter": steps, "maxcor": 10, "ftol": 1e-9, "gtol": 0.0},
    )
    return best.theta
