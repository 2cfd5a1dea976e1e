"""Local optimisation of log(left/right) over an instance's real numbers, by four methods.

Each takes (trials, space, value at the start, generator, share of trials) and returns nothing:
what it finds, `Trials` remembers, and how long it may go on, `Trials.going` says.

No method is right for all claims. Coordinates suit ridges along one number, the covariance matrix
of the evolution strategy turned ones, the simplex few numbers without derivatives, the gradient
many numbers with them. Where hypotheses are missed, the evolution strategy turns along their
boundary; the others look at the nearest point on the way to an instance well inside, since attained
constants tend to sit on the boundary.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from validation.checking.slopes import NoSlopeError, agrees, margin_slope, ratio_slope
from validation.checking.smoothing import WORST, smoothed
from validation.checking.space import Space
from validation.checking.trials import Trials, kind_of
from validation.instances import Instance

Array = NDArray[np.float64]
Climb = Callable[[Trials, Space, float, np.random.Generator, int], None]
SMALLEST_STEP = 1e-10
ITERATIONS = 30
ASKED = 6  # instances on which slopes are compared with differences before these are taken
NEAR = 1e-9  # this near to the boundary of the hypotheses is on it


def coordinates(
    trials: Trials, space: Space, value: float, rng: np.random.Generator, allowed: int
) -> None:
    """One number at a time, each with a step of its own that grows on success; then all at once."""
    point = space.start
    step = np.full(point.size, 0.5)
    while point.size and step.max() > SMALLEST_STEP:
        before = point.copy()
        for i in rng.permutation(point.size):
            if not trials.going(allowed):
                return
            for move in (step[i], -step[i]):
                tried = point.copy()
                tried[i] += move
                found = _inside(trials, space, tried)
                if found > value:
                    point, value = tried, found
                    step[i] = 2 * move
                    break
            else:
                step[i] /= -4
        while not np.array_equal(point, before) and trials.going(allowed):
            tried = 2 * point - before
            found = _inside(trials, space, tried)
            if not found > value:
                break
            before, point, value = point, tried, found
        step = np.clip(np.abs(step), 0, 8.0)


def evolution(
    trials: Trials, space: Space, value: float, rng: np.random.Generator, allowed: int
) -> None:
    """The (1+1) evolution strategy with covariance adaptation.

    Trials that miss a hypothesis shrink the distribution along the direction that led there
    (Arnold and Hansen 2012), so that the search goes along the boundary.
    """
    point = space.start
    n = point.size
    if n == 0:
        return
    A, sigma = np.eye(n), 10.0 ** rng.uniform(-3, 0)
    path, fading = np.zeros(n), np.zeros(n)
    rate, target, damping = 2 / 11, 2 / 11, 1 + n / 2
    c, c_cov, c_fade, shrink = 2 / (n + 2), 2 / (n**2 + 6), 1 / (n + 2), 0.1 / (n + 2)
    while trials.going(allowed) and sigma > SMALLEST_STEP:
        z = rng.standard_normal(n)
        move = A @ z
        tried = point + sigma * move
        found = trials.attempt(space.at(tried))
        if found.excess > 0:
            fading = (1 - c_fade) * fading + c_fade * move
            w = _solved(A, fading)
            A = A - shrink * np.outer(fading, w) / max(float(w @ w), 1e-300)
            if not found.value > value:
                sigma *= math.exp(-1 / (4 * (n + 1)))
                continue
        success = found.value > value
        rate = (1 - 1 / 12) * rate + float(success) / 12
        sigma = min(sigma * math.exp((rate - target) / (damping * (1 - target))), 10.0)
        if success:
            point, value = tried, found.value
            path = (1 - c) * path + math.sqrt(c * (2 - c)) * move
            w = _solved(A, path)
            norm = max(float(w @ w), 1e-300)
            a = math.sqrt(1 - c_cov)
            b = a / norm * (math.sqrt(1 + c_cov / (1 - c_cov) * norm) - 1)
            A = a * A + b * np.outer(path, w)


def _solved(A: Array, v: Array) -> Array:
    try:
        solution = np.asarray(np.linalg.solve(A, v), dtype=np.float64)
    except np.linalg.LinAlgError:
        return np.zeros_like(v)
    return solution


def simplex(
    trials: Trials, space: Space, value: float, rng: np.random.Generator, allowed: int
) -> None:
    """Nelder and Mead's method, from a simplex of random size."""
    from scipy.optimize import minimize

    point = space.start
    n = point.size
    if n == 0:
        return
    size = 10.0 ** rng.uniform(-3, 0)
    corners = np.vstack([point, point + size * np.linalg.qr(rng.standard_normal((n, n)))[0]])

    def worth(z: Array) -> float:
        if not trials.going(allowed):
            raise _EnoughError
        found = _inside(trials, space, z)
        return -found if math.isfinite(found) else math.copysign(WORST, -found)

    options = {"initial_simplex": corners, "maxfev": None, "adaptive": n > 4, "xatol": 0.0}
    with contextlib.suppress(_EnoughError):
        minimize(worth, point, method="Nelder-Mead", options={**options, "fatol": 1e-14})


class _EnoughError(Exception):
    """The climb's share is used up."""


def gradient(
    trials: Trials, space: Space, value: float, rng: np.random.Generator, allowed: int
) -> None:
    """L-BFGS on a smoothed maximum over the entries; missed hypotheses cost in proportion.

    Slopes are exact, by dual numbers, where the claim has them: one evaluation gives all. Else
    they are differences.
    """
    from scipy.optimize import minimize

    start = space.start
    if start.size == 0:
        return
    sharpness = 10.0 ** rng.uniform(1, 3)
    price = 10.0 ** rng.uniform(0, 3)
    exact = _has_slopes(trials, space.instance, sharpness, rng)

    def worth(z: Array) -> float:
        if not trials.going(allowed):
            raise _EnoughError
        trials.tick()
        instance = space.at(z)
        cost = price * min(trials.excess(instance), WORST) if trials.claim.hypotheses else 0.0
        return min(cost - smoothed(trials.claim, instance, sharpness), WORST)

    def with_differences(z: Array) -> tuple[float, Array]:
        here = worth(z)
        trials.attempt(space.at(z))
        slope = np.array([worth(z + h) for h in 1e-7 * np.eye(z.size)])
        slope = np.clip((slope - here) / 1e-7, -WORST, WORST)
        seen.append((here, z.copy()))
        return here, slope

    def with_slope(z: Array) -> tuple[float, Array]:
        if not trials.going(allowed):
            raise _EnoughError
        instance = space.at(z)
        tried = trials.attempt(instance)
        trials.tick()
        inside = trials.strict and tried.value > -math.inf and tried.excess == 0
        try:
            found = ratio_slope(trials.claim, instance, sharpness)
            here, slope = -found.value, -found.slope
            if trials.claim.hypotheses and not inside:
                missed = margin_slope(trials.claim, instance)
                if missed.value > 0:
                    here, slope = here + price * missed.value, slope + price * missed.slope
        except NoSlopeError:
            return WORST, np.zeros(z.size)
        slope = np.clip(slope[space.free] * space.rates(z), -WORST, WORST)
        seen.append((here, z.copy()))
        return min(here, WORST), slope

    seen = [(math.inf, start)]
    with contextlib.suppress(_EnoughError):
        slopes = with_slope if exact else with_differences
        minimize(slopes, start, jac=True, method="L-BFGS-B", options={"maxcor": 20})
    _inside(trials, space, min(seen, key=lambda point: point[0])[1])


def _has_slopes(
    trials: Trials, instance: Instance, sharpness: float, rng: np.random.Generator
) -> bool:
    """Whether slopes by dual numbers are to be trusted: they agreed once, or may still do."""
    if trials.sloped is None:
        try:
            if agrees(trials.claim, instance, sharpness, rng):
                trials.sloped = True
        except NoSlopeError:
            pass
        trials.asked += 1
        if trials.sloped is None and trials.asked >= ASKED:
            trials.sloped = False
    return trials.sloped is True


def _inside(trials: Trials, space: Space, point: Array) -> float:
    """The value at a point, or where the hypotheses begin to be met on the way to the inside."""
    found = trials.attempt(space.at(point))
    if not space.projecting or not 0 < found.excess < math.inf:
        return found.value
    known = trials.inside.get(kind_of(space.instance))
    if known is None:
        return found.value
    inside = space.point_of(known)

    def between(share: float) -> Instance:
        return space.at(inside + share * (point - inside))

    return trials.attempt(between(_crossing(trials, between, found.excess))).value


def _crossing(trials: Trials, between: Callable[[float], Instance], outside: float) -> float:
    """Just before the share of the way at which the hypotheses cease to be met: Illinois."""
    trials.look()
    met = trials.margin(between(0.0))
    # tanh: a logarithm that is very negative well inside would pull every step outwards.
    low, high, below, above = 0.0, 1.0, math.tanh(met), math.tanh(outside)
    side = 0
    for _ in range(ITERATIONS):
        if met > -NEAR or high - low < SMALLEST_STEP:
            break
        share = low + (high - low) * below / (below - above)
        trials.look()
        margin = trials.margin(between(share))
        if margin > 0:
            high, above, below = share, math.tanh(margin), below / 2 if side > 0 else below
            side = 1
        else:
            low, below, above = share, math.tanh(margin), above / 2 if side < 0 else above
            met, side = margin, -1
    return low


METHODS: dict[str, Climb] = {
    "coordinates": coordinates,
    "evolution": evolution,
    "simplex": simplex,
    "gradient": gradient,
}
