"""Gauss-Newton from products alone: Levenberg's damping, inner conjugate gradients.

For sums of squares, and for other values whose curvature is known up to terms that vanish at a
perfect fit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from pruning.checks import Array

_LEAST, _MOST = 1e-8, 1e8


class Problem(Protocol):
    """A value that is minimised; gradients and curvature are up to one common factor."""

    def at(self, theta: Array) -> tuple[float, Any]:
        """The value, and whatever gradient and curvature at theta need."""
        ...

    def gradient(self, state: Any) -> Array:
        """Its gradient."""
        ...

    def product(self, state: Any, v: Array) -> Array:
        """A positive semidefinite matrix near its Hessian, times v."""
        ...


class LeastSquares:
    """||r(theta)||^2 as a `Problem`, for who knows r, J v and J^T u."""

    def residuals(self, theta: Array) -> tuple[Array, Any]:
        """r(theta), flat, and whatever products at theta need."""
        raise NotImplementedError

    def forward(self, state: Any, v: Array) -> Array:
        """J v."""
        raise NotImplementedError

    def backward(self, state: Any, u: Array) -> Array:
        """J^T u."""
        raise NotImplementedError

    def at(self, theta: Array) -> tuple[float, Any]:
        """See `Problem`."""
        r, state = self.residuals(theta)
        return float(r @ r), (r, state)

    def gradient(self, state: Any) -> Array:
        """J^T r."""
        r, inner = state
        return self.backward(inner, r)

    def product(self, state: Any, v: Array) -> Array:
        """J^T J v."""
        inner = state[1]
        return self.backward(inner, self.forward(inner, v))


@dataclass(frozen=True)
class FitStep:
    """One accepted step: values on what is fitted and on what is held out."""

    step: int
    fitted: float
    held_out: float
    damping: float


def gauss_newton(
    problem: Problem,
    theta: Array,
    *,
    held_out: Callable[[Array], float],
    scale: Array,
    steps: int = 10,
    patience: int = 2,
    iterations: int = 20,
    damping: float = 1e-2,
    progress: Callable[[FitStep], None] | None = None,
) -> Array:
    """Return the theta that is best on what is held out, never worse there than the start.

    Parameters
    ----------
    problem : Problem
    theta : (p,) array
        The start.
    held_out : callable
        The value of other sequences at theta.
    scale : (p,) array
        > 0: steps are measured in units of it.
    steps, patience : int
        At most so many steps; stop after so many that did not improve on the best by a thousandth.
    iterations : int
        Of conjugate gradients in each step.
    damping : float
        The first, relative to the curvature along the gradient.
    progress : callable, optional
        Called with a `FitStep` at the start and after each accepted step.
    """
    value, state = problem.at(theta)
    best, best_value = theta, held_out(theta)
    if progress is not None:
        progress(FitStep(0, value, best_value, damping))
    stale = 0
    for step in range(1, steps + 1):
        gradient = problem.gradient(state) * scale
        size = float(gradient @ gradient)
        # A value that cannot be negative is, by rounding, at a perfect fit.
        if size == 0 or not np.isfinite(size) or value <= 0:
            break
        along = scale * gradient
        curvature = float(along @ problem.product(state, along)) / size
        accepted = False
        while damping <= _MOST and not accepted:
            move = _conjugate(problem, state, scale, -gradient, damping * curvature, iterations)
            trial = theta + scale * move
            found, state_trial = problem.at(trial)
            accepted = bool(np.isfinite(found)) and found < value
            if not accepted:
                damping *= 8
        if not accepted:
            break
        theta, state = trial, state_trial
        gain = 1 - found / value
        value, damping = found, max(_LEAST, damping / 4)
        other = held_out(theta)
        stale = 0 if other < best_value * (1 - 1e-3) else stale + 1
        if other < best_value:
            best, best_value = theta, other
        if progress is not None:
            progress(FitStep(step, value, other, damping))
        if stale >= patience or gain < 1e-5:
            break
    return best


def _conjugate(
    problem: Problem, state: Any, scale: Array, b: Array, shift: float, iterations: int
) -> Array:
    """Return about (D H D + shift I)^{-1} b, H the curvature, D the diagonal of `scale`."""
    x, r = np.zeros_like(b), b.copy()
    p, rho = r.copy(), float(r @ r)
    first = rho
    for _ in range(iterations):
        q = scale * problem.product(state, scale * p) + shift * p
        step = rho / float(p @ q)
        x += step * p
        r -= step * q
        new = float(r @ r)
        if new <= 1e-8 * first:
            break
        p = r + (new / rho) * p
        rho = new
    return x
