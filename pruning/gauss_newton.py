"""Nonlinear least squares by Gauss-Newton steps that are damped.

`descend` is the loop: it asks a `Local` model for steps, more and more damped until one makes the
sum of squares smaller, and stops by what other sequences say (`Judged`). Where these are worse off
than at the start, the steps were too long for them, and it begins anew with shorter ones: on a
recursion of 784 steps the first three of one fit made the gaps that are fitted smaller and the
others four times as large.
`gauss_newton` runs it from products J v and J^T u alone, with Levenberg's damping;
`pruning.refit.closed_loop` with Marquardt's.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from pruning.checks import Array

_LEAST, _MOST, _GROWTH = 1e-8, 1e8, 8.0
_LEAST_GAIN = 1e-5
_SOLVED = 1e-8
_SHARE = 1e-3  # of what is held out: less is no gain
_TRIES, _SHORTER = 3, 16.0  # how often a fit that led away begins anew, and how much more damped

GRADIENTS = (
    "the gradients of small must have squares within the range of floats on x for a closed loop, "
    "left it: refit the read-out alone, or take shorter sequences or smaller x"
)


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
class RefitStep:
    """What one step of a fit came to: mean squared gaps of the outputs.

    Attributes
    ----------
    step : int
        0 is the start.
    fitted, held_out : float
        ||f' - f^||_{n,w}^2 on the sequences that are fitted and on those held out.
    damping : float

    Examples
    --------
    >>> import numpy as np
    >>> from rnnbounds import initial_rnn, refit_closed_loop, RefitStep, spectral_prune
    >>> rnn = initial_rnn(6, d_x=2, d_y=1, activation="tanh", rng=0)
    >>> x = np.random.default_rng(0).normal(size=(100, 5, 2))
    >>> steps = []
    >>> small = spectral_prune(rnn, x, k=3).pruned
    >>> fitted = refit_closed_loop(rnn, small, x, progress=steps.append)
    >>> isinstance(steps[0], RefitStep), [one.step for one in steps[:2]]
    (True, [0, 1])
    """

    step: int
    fitted: float
    held_out: float
    damping: float


class Local(Protocol):
    """What is minimised near one theta: its value there, and the quadratic model of it."""

    total: float
    """What is minimised, at theta: the sum of squares, and a ridge where there is one."""

    def solve(self, damping: float) -> Array:
        """Return the change of theta that the model asks for."""
        ...

    def total_at(self, fitted: float, change: Array) -> float:
        """Return what is minimised at theta + change, where the sum of squares is `fitted`."""
        ...

    def damping_after(self, damping: float, change: Array, fall: float) -> float:
        """Return the damping of the next step, `total` having fallen by `fall`."""
        ...


class Descent(Protocol):
    """What `descend` minimises."""

    def value(self, theta: Array) -> float:
        """Return the sum of squares at theta; not finite where there is none."""
        ...

    def local(self, theta: Array) -> Local | None:
        """Return the model at theta, whose value was asked for last; None where it is at rest.

        A `FloatingPointError` says that there is none: that its gradients are beyond floats.
        """
        ...


class Judged:
    """The best theta so far by what judges, and for how many steps none has been better.

    A step counts as better if it improves on the best by a thousandth; on the start, until that is
    what has been gained: a gain of 1e-6 on the way to worse ones is none.

    Attributes
    ----------
    theta : (p,) array
        The best, whatever it has gained.
    value : float
        What it comes to.
    stale : int
        Steps that were not better, since the last that was.
    led_away : bool
        Whether one of these came out no better than the start.
    """

    def __init__(self, start: Array, value: float) -> None:
        self.theta, self.value, self.first = start, value, value
        self.stale, self.led_away = 0, False

    def begin(self) -> None:
        """Count steps anew; having led away is forgotten where something has been gained."""
        self.stale, self.led_away = 0, self.led_away and not self.gained

    @property
    def gained(self) -> bool:
        """Whether the best is better than the start by a thousandth."""
        return self.value < (1 - _SHARE) * self.first

    def take(self, theta: Array, value: float) -> None:
        """Judge what a step led to."""
        level = self.value if self.gained else self.first
        better = value < (1 - _SHARE) * level
        if value < self.value:
            self.theta, self.value = theta, value
        if better:
            self.begin()
        else:
            self.stale += 1
            self.led_away = self.led_away or not value < self.first


def descend(
    problem: Descent,
    theta: Array,
    *,
    held_out: Callable[[Array], float] | None,
    damping: float,
    most: float,
    growth: Callable[[int], float],
    steps: int,
    patience: int,
    least_gain: float = 0.0,
    progress: Callable[[RefitStep], None] | None = None,
) -> Array:
    """Return the theta that is best on what is held out, never worse there than the start.

    Where the patience ends after a step that made what is held out larger than it was at the start,
    the steps were too long: it begins anew from the best, or from the start where that has gained
    less than a thousandth, 16 times as damped, up to three times.

    Parameters
    ----------
    problem : Descent
    theta : (p,) array
        The start.
    held_out : callable or None
        The sum of squares of other sequences at theta; None: those that are fitted decide.
    damping, most : float
        The first, and the one above which there is no step left to try.
    growth : callable
        By how much the damping grows after so many refused trials of one step, from 0.
    steps, patience : int
        At most so many steps, of all tries together; stop after so many that did not improve on the
        best by a thousandth.
    least_gain : float
        Stop after a step that made what is minimised smaller by less than this share.
    progress : callable, optional
        Called with a `RefitStep` at the start and after each accepted step.

    Raises
    ------
    ValueError
        Where the start itself leaves the range of floats, or its gradients do.
    """
    fitted = problem.value(theta)
    judged = fitted if held_out is None else held_out(theta)
    if not (math.isfinite(fitted) and math.isfinite(judged)):
        raise ValueError("small must stay within the range of floats on x, left it")
    if progress is not None:
        progress(RefitStep(0, fitted, judged, damping))
    start, best = theta, Judged(theta, judged)
    step, tries = 0, 0
    while step < steps and tries <= _TRIES:
        if tries > 0:
            problem.value(start)
        best.begin()
        for theta, fitted, gain, now in _walk(
            problem, start, damping * _SHORTER**tries, most, growth
        ):
            step += 1
            judged = fitted if held_out is None else held_out(theta)
            if progress is not None:
                progress(RefitStep(step, fitted, judged, now))
            best.take(theta, judged)
            if step == steps or best.stale >= patience or gain < least_gain:
                break
        if not best.led_away:
            break
        start = best.theta if best.gained else start
        tries += 1
    return best.theta


def _walk(
    problem: Descent,
    theta: Array,
    damping: float,
    most: float,
    growth: Callable[[int], float],
) -> Iterator[tuple[Array, float, float, float]]:
    """Yield, after each step that made what is minimised smaller, theta, the sum of squares, the
    share by which it is smaller, and the damping of the next step; end where there is no step.
    """
    moved = False
    while True:
        try:
            model = problem.local(theta)
        except FloatingPointError:
            if moved:
                return
            raise ValueError(GRADIENTS) from None
        if model is None:
            return
        refused = 0
        while True:
            change = model.solve(damping)
            trial = theta + change
            fitted = problem.value(trial)
            after = model.total_at(fitted, change)
            if after < model.total:
                break
            damping *= growth(refused)
            refused += 1
            if damping > most:
                return
        damping = model.damping_after(damping, change, model.total - after)
        gain = 1 - after / model.total
        theta, moved = trial, True
        del model  # may be large, and the next one is made before its name is given away
        yield theta, fitted, gain, damping


def conjugate_gradients(
    product: Callable[[Array], Array],
    shift: float | Array,
    b: Array,
    iterations: int,
    tolerance: float,
    inverse: float | Array = 1.0,
) -> tuple[Array, Array]:
    """Return about x = (A + diag shift)^{-1} b, and A x.

    Parameters
    ----------
    product : callable
        A v, A symmetric and positive semidefinite.
    shift : float or (p,) array
        > 0.
    b : (p,) array
    iterations : int
        At most so many.
    tolerance : float
        Stop where r^T diag(inverse) r, r being what is left of b, has fallen by this factor.
    inverse : float or (p,) array
        The preconditioner, about the inverse of the diagonal.
    """
    x, image, r = np.zeros_like(b), np.zeros_like(b), b.copy()
    s = inverse * r
    p, rs = s.copy(), float(r @ s)
    first = rs
    for _ in range(iterations):
        if rs <= tolerance * first:
            break
        Ap = product(p)
        full = Ap + shift * p
        curved = float(p @ full)
        if not curved > 0:  # it leaves the range of floats
            break
        step = rs / curved
        x += step * p
        image += step * Ap
        r -= step * full
        s = inverse * r
        rs, last = float(r @ s), rs
        p = s + (rs / last) * p
    return x, image


def gauss_newton(
    problem: Problem,
    theta: Array,
    *,
    held_out: Callable[[Array], float] | None,
    scale: Array,
    steps: int = 10,
    patience: int = 2,
    iterations: int = 20,
    damping: float = 1e-2,
    progress: Callable[[RefitStep], None] | None = None,
) -> Array:
    """Return the theta that is best on what is held out, never worse there than the start.

    Parameters
    ----------
    problem : Problem
    theta : (p,) array
        The start.
    held_out : callable or None
        As in `descend`.
    scale : (p,) array
        > 0: steps are measured in units of it.
    steps, patience : int
        At most so many steps; stop after so many that did not improve on the best by a thousandth.
    iterations : int
        Of conjugate gradients in each step.
    damping : float
        The first, relative to the curvature along the gradient.
    progress : callable, optional
        Called with a `RefitStep` at the start and after each accepted step.
    """
    # What leaves the range of floats is a trial that is refused.
    with np.errstate(over="ignore", invalid="ignore"):
        return descend(
            _FromProducts(problem, scale, iterations),
            theta,
            held_out=held_out,
            damping=damping,
            most=_MOST,
            growth=lambda refused: _GROWTH,
            steps=steps,
            patience=patience,
            least_gain=_LEAST_GAIN,
            progress=progress,
        )


class _FromProducts:
    """A `Problem` as `descend` takes it: the residuals of the last trial are kept."""

    def __init__(self, problem: Problem, scale: Array, iterations: int) -> None:
        self.problem, self.scale, self.iterations = problem, scale, iterations

    def value(self, theta: Array) -> float:
        self.r, self.state = self.problem.residuals(theta)
        return float(self.r @ self.r)

    def local(self, theta: Array) -> _Levenberg | None:
        found = _Levenberg(self.problem, self.r, self.state, self.scale, self.iterations)
        if not math.isfinite(found.size):
            raise FloatingPointError
        return found if found.size > 0 else None


class _Levenberg:
    """Steps in units of `scale`, all damped alike, relative to the curvature along the gradient."""

    def __init__(
        self, problem: Problem, r: Array, state: Any, scale: Array, iterations: int
    ) -> None:
        self.problem, self.state, self.scale, self.iterations = problem, state, scale, iterations
        self.total = float(r @ r)
        self.gradient = problem.backward(state, r) * scale
        self.size = float(self.gradient @ self.gradient)

    @cached_property
    def curvature(self) -> float:
        along = self.problem.forward(self.state, self.scale * self.gradient)
        return float(along @ along) / self.size

    def solve(self, damping: float) -> Array:
        shift = damping * self.curvature
        move, _ = conjugate_gradients(self.product, shift, -self.gradient, self.iterations, _SOLVED)
        return self.scale * move

    def product(self, v: Array) -> Array:
        """D J^T J D v, D the diagonal of `scale`."""
        forth = self.problem.forward(self.state, self.scale * v)
        return self.scale * self.problem.backward(self.state, forth)

    def total_at(self, fitted: float, change: Array) -> float:
        return fitted

    def damping_after(self, damping: float, change: Array, fall: float) -> float:
        return max(_LEAST, damping / 4)
