"""Nonlinear least squares from products alone: Gauss-Newton, Levenberg's damping, inner CG."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from pruning.checks import Array

_LEAST, _MOST = 1e-8, 1e8


class Problem(Protocol):
    """Residuals r(theta), scaled so that ||r||^2 is what is minimised."""

    def residuals(self, theta: Array) -> tuple[Array, Any]:
        """Return r(theta), flat, and whatever products at theta need."""
        ...

    def forward(self, state: Any, v: Array) -> Array:
        """J v."""
        ...

    def backward(self, state: Any, u: Array) -> Array:
        """J^T u."""
        ...


@dataclass(frozen=True)
class FitStep:
    """One accepted step: sums of squares on what is fitted and on what is held out."""

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
        The sum of squares of other sequences at theta.
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
    r, state = problem.residuals(theta)
    value = float(r @ r)
    best, best_value = theta, held_out(theta)
    if progress is not None:
        progress(FitStep(0, value, best_value, damping))
    stale = 0
    for step in range(1, steps + 1):
        gradient = problem.backward(state, r) * scale
        size = float(gradient @ gradient)
        if size == 0 or not np.isfinite(size):
            break
        along = problem.forward(state, scale * gradient)
        curvature = float(along @ along) / size
        accepted = False
        while damping <= _MOST and not accepted:
            move = _conjugate(problem, state, scale, -gradient, damping * curvature, iterations)
            trial = theta + scale * move
            r_trial, state_trial = problem.residuals(trial)
            found = float(r_trial @ r_trial)
            accepted = bool(np.isfinite(found)) and found < value
            if not accepted:
                damping *= 8
        if not accepted:
            break
        theta, r, state = trial, r_trial, state_trial
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
    """Return about (D J^T J D + shift I)^{-1} b, D the diagonal of `scale`."""
    x, r = np.zeros_like(b), b.copy()
    p, rho = r.copy(), float(r @ r)
    first = rho
    for _ in range(iterations):
        q = scale * problem.backward(state, problem.forward(state, scale * p)) + shift * p
        step = rho / float(p @ q)
        x += step * p
        r -= step * q
        new = float(r @ r)
        if new <= 1e-8 * first:
            break
        p = r + (new / rho) * p
        rho = new
    return x
