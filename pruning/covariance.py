"""The second moments of the hidden states: all that pruning needs to see of the data.

Theory, section 0: S = (1/nT) sum_i sum_t h_t^i (h_t^i)^T, time-mean and not centred.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pruning.checks import (
    Array,
    as_array,
    covariance,
    finite_states,
    integer,
    real_array,
    time_weights,
    unwarned,
)
from pruning.rnn import RNN, same_network
from pruning.run_rounding import RunExtremes, RunRounding, outward

_ROWS = 16_384  # states turned into float64 and multiplied at a time


class StateCovariance:
    """A running sum of h h^T over states that arrive in batches.

    Memory is O(m^2), or O(T m^2) with `per_step`, whatever the number of sequences. Sums are kept
    in float64 with a compensating term, so that the error does not grow with the number of batches.
    States whose squares are no floats, below 1e-120 or above 1e120, say, are counted in units of a
    power of two. A node that is not 0 at every step has a diagonal entry that is not 0.

    Parameters
    ----------
    m : int
        Number of hidden nodes.
    T : int
        Steps of every sequence.
    per_step : bool
        Keep S_t = (1/n) sum_i h_t^i (h_t^i)^T for every t, not their mean only.

    Attributes
    ----------
    n : int
        Sequences seen so far.
    exponent : int
        `scaled` is in units of 4^exponent: 0 but for extreme states.

    Examples
    --------
    >>> import numpy as np
    >>> from rnnbounds import StateCovariance
    >>> covariance = StateCovariance.from_states(np.ones((4, 3, 2)))
    >>> covariance.update(np.zeros((4, 3, 2))).matrix
    array([[0.5, 0.5],
           [0.5, 0.5]])
    """

    def __init__(self, m: int, T: int, per_step: bool = False) -> None:
        self.m = integer("m", m, low=0)
        self.T = integer("T", T, low=1)
        self.n = 0
        shape = (self.T, self.m, self.m) if per_step else (self.m, self.m)
        self._sum = np.zeros(shape)
        self._carry = np.zeros(shape)
        # By step and node, or by node: whether a state was not 0, however small its square.
        self._alive = np.zeros(shape[:-1], dtype=bool)
        self._run: RunExtremes | None = None
        self.exponent = 0

    @classmethod
    def from_states(cls, h: ArrayLike, per_step: bool = False) -> StateCovariance:
        """Return the covariance of the states h, shape (n, T, m)."""
        array = np.asarray(h)
        if array.ndim != 3 or 0 in array.shape[:2]:
            raise ValueError(f"h must be states (n, T, m) with n, T >= 1, got shape {array.shape}")
        return cls(array.shape[2], array.shape[1], per_step).update(array)

    @classmethod
    def from_network(
        cls, rnn: RNN, x: ArrayLike, per_step: bool = False, batch: int = 256
    ) -> StateCovariance:
        """Return the covariance of the states of `rnn` on x, `batch` sequences at a time."""
        checked = rnn.check_input(x)
        result, run = cls(rnn.m, checked.shape[1], per_step), RunExtremes(rnn)
        batch = integer("batch", batch, low=1)
        for i, h in enumerate(unwarned(rnn.state_batches(checked, batch))):
            finite_states(h)
            result.update(h)
            run.update(checked[i * batch : i * batch + len(h)], h)
        result._run = run
        return result

    def update(self, h: ArrayLike) -> StateCovariance:
        """Add the states h, shape (n, T, m), in place; return self.

        Raises
        ------
        ValueError
            If the shape does not fit, or a state is not finite. Nothing is added then.
        """
        array = np.asarray(h)
        if array.ndim != 3 or array.shape[1:] != (self.T, self.m):
            raise ValueError(f"h must have shape (any, {self.T}, {self.m}), got {array.shape}")
        if len(array):
            self._run = None  # nothing is known of how these states were rounded
        step = max(1, _ROWS // self.T)
        if len(array) > step:
            # On a scratch sum, so that a state that is not finite leaves this one as it was.
            scratch = StateCovariance(self.m, self.T, self._keeps_steps)
            for start in range(0, len(array), step):
                scratch._add(real_array("h", array[start : start + step]))
            return self.merge(scratch)
        return self._add(real_array("h", array))

    def merge(self, other: StateCovariance) -> StateCovariance:
        """Add what `other` has seen, in place; return self. `other` is left as it is."""
        if not isinstance(other, StateCovariance):
            raise ValueError(f"other must be a StateCovariance, got {type(other).__name__}")
        if (other.m, other.T) != (self.m, self.T):
            raise ValueError(
                f"other must have m = {self.m} and T = {self.T}, "
                f"got m = {other.m} and T = {other.T}"
            )
        if other._keeps_steps != self._keeps_steps:
            raise ValueError("both covariances must keep their steps, or neither")
        if other.n:
            self._run = _joined(self._run, other._run) if self.n else other._run
        self._widen(other.exponent, bool(other._alive.any()))
        shift = 2 * (other.exponent - self.exponent)
        added, carried = np.ldexp(other._sum, shift), np.ldexp(other._carry, shift)
        self._alive |= other._alive
        self._accumulate(added)
        self._accumulate(carried)
        self.n += other.n
        return self

    @property
    def matrix(self) -> Array:
        """S, shape (m, m): symmetric, the mean over sequences and steps.

        Raises
        ------
        ValueError
            If an entry exceeds the range of floats.
        """
        return self._rescaled(self.scaled)

    @property
    def scaled(self) -> Array:
        """S in units of 4^exponent, shape (m, m)."""
        total = self._total()
        S = total.mean(axis=0) if self._keeps_steps else total / self.T
        alive = np.asarray(self._alive.any(axis=0) if self._keeps_steps else self._alive)
        return _not_dead(S, alive)

    @property
    def per_step(self) -> Array | None:
        """S_1..S_T, shape (T, m, m); None if they were not kept.

        Of a run made here (`from_network`) they are rounded outwards, by what the rounding of the
        run may be: never below those of the exact states, in the order of symmetric matrices.
        """
        return self._outward_steps() if self._keeps_steps else None

    @property
    def rounding(self) -> RunRounding | None:
        """How far the states may be from exact ones; None for states that came from elsewhere."""
        return None if self._run is None else self._run.rounding()

    def is_run_of(self, rnn: RNN) -> bool:
        """Whether all states are those of runs of this very network, made by `from_network`."""
        return self._run is not None and same_network(self._run.rnn, rnn)

    def weighted(self, weights: ArrayLike) -> Array:
        """Return S_w = sum_t w_t S_t, shape (m, m).

        Parameters
        ----------
        weights : (T,) array
            w_t >= 0 with sum 1, within T roundings.

        Raises
        ------
        ValueError
            If the weights are not such, or the steps were not kept and the weights are not 1/T.
        """
        w = time_weights(weights, self.T)
        if not self._keeps_steps:
            if np.all(w == w[0]):
                return self.matrix
            raise ValueError("unequal weights need a StateCovariance made with per_step=True")
        return np.tensordot(w, self._outward_steps(), axes=1)

    @property
    def _keeps_steps(self) -> bool:
        return self._sum.ndim == 3

    def _total(self) -> Array:
        if self.n == 0:
            raise ValueError("the covariance must have seen at least one sequence, got none")
        return (self._sum + self._carry) / self.n

    def _alive_steps(self) -> Array:
        S = self._total()
        return np.stack([_not_dead(S_t, alive) for S_t, alive in zip(S, self._alive, strict=True)])

    def _outward_steps(self) -> Array:
        S, rounding = self._rescaled(self._alive_steps()), self.rounding
        if rounding is None or not rounding.covered:
            return S
        raised = outward(S, rounding.spread)
        if not np.isfinite(raised).all():
            raise ValueError(
                "the states must be known to the range of floats, got a run in which products "
                "cancel and whose rounding may be beyond it; `matrix` has the states as they were"
            )
        return raised

    def _rescaled(self, S: Array) -> Array:
        """S without its units; an entry of its diagonal that is not 0 stays so."""
        if not self.exponent:
            return S
        with np.errstate(over="ignore"):
            out = np.ldexp(S, 2 * self.exponent)
        if not np.isfinite(out).all():
            raise ValueError(
                f"the states must have finite mean squares, got {S.max():.3g} times "
                f"4^{self.exponent}; `scaled` has them in these units"
            )
        alive = np.diagonal(S, axis1=-2, axis2=-1) > 0
        if out.ndim == 2:
            return _not_dead(out, alive)
        return np.stack([_not_dead(step, live) for step, live in zip(out, alive, strict=True)])

    def _add(self, h: Array) -> StateCovariance:
        largest = float(np.abs(h).max(initial=0.0))
        if largest > 0:
            self._widen(_exponent(largest), True)
        if self.exponent:
            # Exactly, but for states that are nothing beside the largest.
            scaled = np.ldexp(h, -self.exponent)
        else:
            scaled = h
        if self._keeps_steps:
            by_step = np.ascontiguousarray(scaled.transpose(1, 0, 2))
            gram = np.stack([step.T @ step for step in by_step])
            self._alive |= (h != 0).any(axis=0)
        else:
            rows = scaled.reshape(-1, self.m)
            gram = rows.T @ rows
            self._alive |= (h != 0).any(axis=(0, 1))
        self._accumulate(gram)
        self.n += len(h)
        return self

    def _widen(self, exponent: int, seen: bool) -> None:
        """Take units of 4^exponent where what was seen so far is nothing, or the smaller part."""
        if not seen or exponent == self.exponent:
            return
        if self._alive.any() and exponent < self.exponent:
            return
        shift = 2 * (self.exponent - exponent)
        self._sum, self._carry = np.ldexp(self._sum, shift), np.ldexp(self._carry, shift)
        self.exponent = exponent

    def _accumulate(self, term: Array) -> None:
        """Add `term` by Neumaier's compensated summation; `term` is overwritten."""
        total = self._sum + term
        small = np.abs(self._sum) < np.abs(term)
        # The rounding error of the sum is (larger - total) + smaller, exactly.
        larger = np.where(small, term, self._sum)
        np.copyto(term, self._sum, where=small)
        self._carry += (larger - total) + term
        self._sum = total


Moments: TypeAlias = StateCovariance | ArrayLike
"""Second moments that are there, or data: see `seen`."""


def seen(rnn: RNN, covariance_or_x: Moments) -> StateCovariance | Array:
    """Return a StateCovariance or S as they are; of data, the covariance of their streamed states.

    A two-dimensional array of floats is read as S; integers (n, T) are tokens and floats
    (n, T, d_x) are inputs.
    """
    if isinstance(covariance_or_x, StateCovariance):
        return covariance_or_x
    array = as_array("x", covariance_or_x)
    if array.ndim != 2 or array.dtype.kind != "f":
        return StateCovariance.from_network(rnn, covariance_or_x)
    return covariance("S", array).copy()


def covariance_of(rnn: RNN, covariance_or_x: Moments) -> tuple[Array, int]:
    """Return S, shape (m, m), and e: S is in units of 4^e, e = 0 but for extreme states.

    The argument is that of `seen`.
    """
    found = seen(rnn, covariance_or_x)
    S, e = (found.scaled, found.exponent) if isinstance(found, StateCovariance) else (found, 0)
    if S.shape != (rnn.m, rnn.m):
        raise ValueError(f"S must have shape ({rnn.m}, {rnn.m}), got {S.shape}")
    return S, e


def _joined(one: RunExtremes | None, other: RunExtremes | None) -> RunExtremes | None:
    """What is known of both runs, if they are of one network."""
    if one is None or other is None or not same_network(one.rnn, other.rnn):
        return None
    both = RunExtremes(one.rnn)
    both.merge(one)
    both.merge(other)
    return both


def _exponent(largest: float) -> int:
    """Units for states of this size: none where their squares are ordinary floats."""
    exponent = int(np.frexp(largest)[1])
    return exponent if abs(exponent) > 400 else 0


def _not_dead(S: Array, alive: NDArray[np.bool_]) -> Array:
    """S with the diagonal of live nodes rounded up to normal floats, which keeps it semidefinite.

    The square of a small state may be 0; a bound that reads 0 as *dead* would be wrong then.
    """
    tiny = float(np.finfo(np.float64).tiny)
    low = alive & (np.diag(S) < tiny)
    if low.any():
        S = S.copy()
        S[low, low] = tiny
    return S
