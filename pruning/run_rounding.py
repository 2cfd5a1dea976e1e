"""How far a run in float64 may be from the run of the same network in exact arithmetic.

Running error analysis (Higham, Accuracy and Stability of Numerical Algorithms, section 3.3) of
h_t = s(W_h h_{t-1} + W_i x_t + b_h): the pre-activation that float64 forms from *its* last state is
off by at most gamma (|W_h| |h_{t-1}| + |W_i| |x_t| + |b_h|), however much of that sum cancels, and
the error of the last state passes through W_h and s,

    delta_t <= rho (|W_h| delta_{t-1} + gamma size_t) + the rounding of s,
    ||D delta_t|| <= rho ||D W_h D^{-1}||_2 ||D delta_{t-1}|| + ||D (rho gamma size_t + ...)||,

the smaller of the two at every step, D a diagonal that balances W_h. A ReLU whose pre-activation is
below 0 by more than all this is exactly 0 in both runs. Only the extremes of the states and inputs
over the sequences enter, (T, m) numbers: what is kept during a run is cheap beside the run.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import matrix_balance

from pruning.checks import Array, Inputs

if TYPE_CHECKING:
    from pruning.rnn import RNN

_EPS = float(np.finfo(np.float64).eps)
_TINY = float(np.finfo(np.float64).tiny)

RESOLVED = 2.0**-30  # rounding of the run beside its states, up to which the two are one
WELL_CONDITIONED = 2.0**8  # sum of the absolute values in a pre-activation, beside the states
SHARE = 2.0**-30
"""`outward` raises S by this part, to pay for the mixed terms."""


@dataclass(frozen=True, eq=False)
class RunRounding:
    """Bounds on |float64 state - exact state|, over all sequences of a sample.

    Attributes
    ----------
    step : (T, m) array
        What one step adds, given the state before it.
    state : (T, m) array
        delta_t: of the state itself, after all steps.
    spread : (T, m) array
        (v . (float64 state - exact state))^2 <= sum_i v_i^2 spread_i^2 for every v.
    beside_step, beside_state : float
        The largest share of `step` and of `state` in what a node reads of states and inputs, or an
        output of states, by absolute values.
    gamma : float
        What `step` is beside the sum of the absolute values in a pre-activation, rho = 1.
    """

    step: Array
    state: Array
    spread: Array
    beside_step: float
    beside_state: float
    gamma: float

    @property
    def covered(self) -> bool:
        """Whether second moments are to be raised by `spread`: then bounds hold for exact runs.

        Not where many steps have blown up the roundings of a run in which nothing cancels: what
        this worst case leaves says nothing of the run, and the reference is the float64 run itself.
        """
        cancels = self.beside_step > WELL_CONDITIONED * self.gamma
        return cancels or self.beside_state <= RESOLVED

    def scaled(self, exponent: int) -> RunRounding:
        """The same for states times 2^exponent; what is not 0 stays so."""
        return replace(
            self,
            step=_times(self.step, exponent),
            state=_times(self.state, exponent),
            spread=_times(self.spread, exponent),
        )

    @property
    def mean_spread(self) -> Array:
        """`spread` in the root mean square over time, rounded up, (m,)."""
        return root_mean_square(self.spread)


class RunExtremes:
    """Least and largest states and drives of a run, by step and node, over the sequences seen.

    Parameters
    ----------
    rnn : RNN
    """

    def __init__(self, rnn: RNN) -> None:
        self.rnn = rnn
        self._seen: _Extremes | None = None
        self._found: RunRounding | None = None

    def update(self, x: Inputs, h: Array) -> None:
        """See checked inputs x and their states h, (n, T, m)."""
        self._join(_extremes(self.rnn, x, h))

    def merge(self, other: RunExtremes) -> None:
        """See what `other`, of the same network, has seen."""
        if other._seen is not None:
            self._join(other._seen)

    def rounding(self) -> RunRounding:
        """Return the bounds for all sequences seen, of which there must be one."""
        if self._seen is None:
            raise ValueError("a run must have at least one sequence, got none")
        if self._found is None:
            self._found = self._analysed(self._seen)
        return self._found

    def rounding_of(self, x: Inputs, h: Array) -> RunRounding:
        """Return the bounds for these sequences alone; they are not counted as seen."""
        return self._analysed(_extremes(self.rnn, x, h))

    @cached_property
    def _balance(self) -> tuple[Array, float]:
        return _balanced(self.rnn.w_hidden)

    def _analysed(self, seen: _Extremes) -> RunRounding:
        with np.errstate(all="ignore"):  # what is not a number is read as +inf
            return _analysed(self.rnn, seen, *self._balance)

    def _join(self, new: _Extremes) -> None:
        old = self._seen
        if old is not None:
            new = _Extremes(
                np.minimum(old.low, new.low),
                np.maximum(old.high, new.high),
                np.maximum(old.largest, new.largest),
                np.maximum(old.drive, new.drive),
                max(old.inputs, new.inputs),
            )
        self._seen, self._found = new, None


@dataclass(frozen=True, eq=False)
class _Extremes:
    """Least and largest state, largest W_i x + b_h, and |W_i| |x| + |b_h|, (T, m).

    `inputs` is how many products are in W_i x.
    """

    low: Array
    high: Array
    largest: Array
    drive: Array
    inputs: int


def _extremes(rnn: RNN, x: Inputs, h: Array) -> _Extremes:
    """Of checked inputs and their states. Of tokens any may come at any step."""
    V, b, low, high = rnn.w_input, rnn.b_hidden, h.min(axis=0), h.max(axis=0)
    with np.errstate(over="ignore", invalid="ignore"):
        if x.ndim == 2:
            rows = V.max(axis=1) + b, np.abs(V).max(axis=1) + np.abs(b)
            largest, drive = (np.broadcast_to(row, low.shape) for row in rows)
            return _Extremes(low, high, largest, drive, 1)
        smallest, largest = x.min(axis=0), x.max(axis=0)
        positive, negative = np.maximum(V, 0).T, np.minimum(V, 0).T
        reach = np.maximum(-smallest, largest)
        drive = _live(reach @ np.abs(V).T + np.abs(b), V, reach > 0)
        return _Extremes(low, high, largest @ positive + smallest @ negative + b, drive, rnn.d_x)


def outward(S: Array, spread: Array, exponent: int = 0) -> Array:
    """Second moments that are at least those of the exact states, in the order of matrices.

    Parameters
    ----------
    S : (m, m) or (T, m, m) array
        Second moments of float64 states, in units of 4^exponent.
    spread : (m,) or (T, m) array
        Of `RunRounding`, or its root mean square over time.
    exponent : int
        Units of S.

    Returns
    -------
    array
        Of the shape of S. An entry is infinite where the rounding is beyond floats.

    Notes
    -----
    With delta the float64 state less the exact one, (v . exact)^2 is at most
    (1 + c) (v . float64)^2 + (1 + 1/c) (v . delta)^2 for every c > 0; c is `SHARE`.
    """
    if not spread.any():
        return S
    spread = _at_least(spread)
    i = np.arange(S.shape[-1])
    with np.errstate(over="ignore"):
        root = _times(spread, -exponent) * math.sqrt(1 + 1 / SHARE)
        added = np.where(spread > 0, np.maximum(np.square(root) * (1 + 8 * _EPS), _TINY), 0.0)
        out = S * (1 + SHARE)
        out[..., i, i] = (out[..., i, i] + added) * (1 + 4 * _EPS)
    return np.asarray(out)


def root_mean_square(spread: Array) -> Array:
    """Root mean square over time, rounded up, (m,)."""
    top = spread.max(axis=0, initial=0.0)
    unit = np.where((top > 0) & np.isfinite(top), top, 1.0)
    mean = np.sqrt(np.square(spread / unit).mean(axis=0))
    return np.asarray(np.where(top > 0, unit * mean * (1 + (len(spread) + 8) * _EPS), 0.0))


def _analysed(rnn: RNN, seen: _Extremes, balance: Array, kappa: float) -> RunRounding:
    T, m = seen.low.shape
    W = np.abs(rnn.w_hidden)
    positive, negative = np.maximum(rnn.w_hidden, 0), np.minimum(rnn.w_hidden, 0)
    s = rnn.activation
    rho, relu = s.lipschitz, s.name == "relu"
    # Twice what an inner product of m + d_x + 1 terms, a sum, may be off by: the rest is for
    # `size`, which is itself computed.
    terms = m + seen.inputs + 2
    gamma = (terms + 14) * _EPS
    reach = np.maximum(-seen.low, seen.high)
    step, state, spread = np.zeros((T, m)), np.zeros((T, m)), np.zeros((T, m))
    before, joint = np.zeros(m), 0.0
    for t in range(T):
        size, top = seen.drive[t].copy(), seen.largest[t].copy()
        if t:
            size = _live(size + W @ reach[t - 1], W, (reach[t - 1] > 0) | (before > 0))
            top += positive @ seen.high[t - 1] + negative @ seen.low[t - 1]
        own = gamma * size
        # A product may have underflowed; a sum of products of that size, by less than this.
        own = np.where(size <= 0, 0.0, np.maximum(_at_least(own), terms * _TINY))
        moved = _live(_at_least(W @ before), W, before > 0) if before.any() else np.zeros(m)
        alive = np.ones(m, dtype=bool)
        if relu:
            # `top` is off by less than its own rounding, which `own` is too.
            alive = ~(top + 2 * (own + moved) <= 0)
        own = np.where(alive, rho * own + 8 * _EPS * reach[t], 0.0)
        moved = np.where(alive, rho * moved, 0.0)
        step[t] = _limited(own * (1 + 4 * _EPS), s.bound)
        total = (own + moved) * (1 + (m + 8) * _EPS)
        joint = _number(rho * kappa * joint + _norm(balance * own)) * (1 + 16 * _EPS)
        total = _limited(np.minimum(_at_least(total), _at_least(joint / balance)), s.bound)
        total = np.where(alive, total, 0.0)
        joint = min(joint, _norm(balance * total))
        state[t], before = total, total
        spread[t] = _spread(total, joint / balance)
    beside = [_beside(rnn, seen, each) for each in (step, state)]
    return RunRounding(step, state, spread, beside[0], beside[1], gamma)


def _spread(state: Array, joint: Array) -> Array:
    """The better of Cauchy and Schwarz with equal weights, and of the norm ||D delta||, by node."""
    live = state > 0
    even = math.sqrt(int(live.sum())) * state
    joint = np.where(live, _at_least(joint), 0.0)
    both = np.minimum(even, joint)
    if (both == even).all() or (both == joint).all():
        return both * (1 + 8 * _EPS)
    return both * (math.sqrt(2) * (1 + 8 * _EPS))


def _balanced(W: Array) -> tuple[Array, float]:
    """D > 0, powers of two, and ||D W D^{-1}||_2 rounded up; D = I where floats cannot."""
    m = len(W)
    if m == 0 or not W.any():
        return np.ones(m), 0.0
    top = math.frexp(float(np.abs(W).max()))[1]
    unit = np.ldexp(W, -top)  # what underflows here is below _TINY, and paid for below
    _, (scale, _) = matrix_balance(unit, permute=False, separate=True)
    scaled = unit * scale / scale[:, None]
    back = np.ldexp(scaled * scale[:, None] / scale, top)
    if not (np.isfinite(scaled).all() and np.array_equal(back, W)):
        scale, scaled = np.ones(m), unit
    norm = float(np.linalg.norm(scaled, 2)) * (1 + 8 * m * _EPS) + m * _TINY
    return 1 / scale, float(np.ldexp(norm, top))


def _beside(rnn: RNN, seen: _Extremes, rounding: Array) -> float:
    """The largest share of rounding in what a node or an output reads, over all steps.

    A node reads states and inputs. Every step and row counts on its own: a large state hides none
    that was lost.
    """
    reach = np.maximum(-seen.low, seen.high)
    W, W_o = np.abs(rnn.w_hidden).T, np.abs(rnn.w_output).T
    lost = [rounding[:-1] @ W, rounding @ W_o]
    whole = [reach[:-1] @ W + seen.drive[1:], reach @ W_o]
    shares = [off / of for off, of in zip(lost, whole, strict=True)]
    # 0/0 is nothing that is lost; other quotients that are no numbers tell of overflow.
    shares = [np.where(off == 0, 0.0, _at_least(s)) for off, s in zip(lost, shares, strict=True)]
    return float(max(share.max(initial=0.0) for share in shares))


def _times(values: Array, exponent: int) -> Array:
    """Values >= 0 times 2^exponent, rounded up below the normal range."""
    scaled = np.ldexp(values, exponent)
    return np.where((values > 0) & (scaled < _TINY), _TINY, scaled)


def _norm(values: Array) -> float:
    """Euclidean norm of values >= 0, rounded up, without overflow or underflow on the way."""
    top = _number(float(values.max(initial=0.0)))
    if top in (0.0, math.inf):
        return top
    return top * float(np.sqrt(np.square(values / top).sum())) * (1 + (len(values) + 8) * _EPS)


def _live(sums: Array, W: Array, live: NDArray[np.bool_]) -> Array:
    """Sums of products with W of what is `live`, none of which is nothing because it underflows."""
    some = live @ (W != 0).T
    return np.where(some & ~(sums >= _TINY), np.where(np.isnan(sums), sums, _TINY), sums)


def _number(value: float) -> float:
    return math.inf if math.isnan(value) else value


def _at_least(values: Array) -> Array:
    return np.where(np.isnan(values), math.inf, values)


def _limited(values: Array, bound: float) -> Array:
    """Both states are at most `bound` in absolute value."""
    return np.minimum(_at_least(values), 2 * bound)
