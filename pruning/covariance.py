"""The second moments of the hidden states: all that pruning needs to see of the data.

Theory, section 0: S = (1/nT) sum_i sum_t h_t^i (h_t^i)^T, time-mean and not centred.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from pruning.checks import Array, covariance, integer, real_array

if TYPE_CHECKING:
    from pruning.rnn import RNN

_ROWS = 16_384  # states turned into float64 and multiplied at a time


class StateCovariance:
    """A running sum of h h^T over states that arrive in batches.

    Memory is O(m^2), or O(T m^2) with `per_step`, whatever the number of sequences. Sums are kept
    in float64 with a compensating term, so that the error does not grow with the number of batches.

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

    Examples
    --------
    >>> import numpy as np
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
        result = cls(rnn.m, checked.shape[1], per_step)
        for h in rnn.state_batches(checked, integer("batch", batch, low=1)):
            result.update(h)
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
        added, carried = other._sum.copy(), other._carry.copy()
        self._accumulate(added)
        self._accumulate(carried)
        self.n += other.n
        return self

    @property
    def matrix(self) -> Array:
        """S, shape (m, m): symmetric, the mean over sequences and steps."""
        total = self._total()
        return total.mean(axis=0) if self._keeps_steps else total / self.T

    @property
    def per_step(self) -> Array | None:
        """S_1..S_T, shape (T, m, m); None if they were not kept."""
        return self._total() if self._keeps_steps else None

    def weighted(self, weights: ArrayLike) -> Array:
        """Return S_w = sum_t w_t S_t, shape (m, m).

        Parameters
        ----------
        weights : (T,) array
            w_t >= 0 with sum 1, within 1e-9.

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
        return np.tensordot(w, self._total(), axes=1)

    @property
    def _keeps_steps(self) -> bool:
        return self._sum.ndim == 3

    def _total(self) -> Array:
        if self.n == 0:
            raise ValueError("the covariance must have seen at least one sequence, got none")
        return (self._sum + self._carry) / self.n

    def _add(self, h: Array) -> StateCovariance:
        with np.errstate(over="ignore", invalid="ignore"):
            if self._keeps_steps:
                by_step = np.ascontiguousarray(h.transpose(1, 0, 2))
                gram = np.stack([step.T @ step for step in by_step])
            else:
                rows = h.reshape(-1, self.m)
                gram = rows.T @ rows
        if not np.isfinite(gram).all():
            raise ValueError(f"h must have finite squares, got up to {np.abs(h).max():.3g}")
        self._accumulate(gram)
        self.n += len(h)
        return self

    def _accumulate(self, term: Array) -> None:
        """Add `term` by Neumaier's compensated summation; `term` is overwritten."""
        total = self._sum + term
        small = np.abs(self._sum) < np.abs(term)
        # The rounding error of the sum is (larger - total) + smaller, exactly.
        larger = np.where(small, term, self._sum)
        np.copyto(term, self._sum, where=small)
        self._carry += (larger - total) + term
        self._sum = total


def time_weights(weights: ArrayLike | None, T: int) -> Array:
    """Return the time weights as a (T,) array >= 0 of sum 1; None means 1/T."""
    if weights is None:
        return np.full(T, 1 / T)
    w = real_array("weights", weights, (T,))
    if w.min() < 0 or abs(w.sum() - 1) > 1e-9:
        raise ValueError(
            f"weights must be nonnegative with sum 1, got minimum {w.min():g} and sum {w.sum():g}"
        )
    return w


def covariance_of(rnn: RNN, covariance_or_x: Any) -> Array:
    """Return S, shape (m, m), from a StateCovariance, a matrix, or the data themselves.

    A two-dimensional array of floats is read as S; integers (n, T) are tokens and floats
    (n, T, d_x) are inputs, whose states are then streamed.
    """
    if isinstance(covariance_or_x, StateCovariance):
        S = covariance_or_x.matrix
    else:
        array = np.asarray(covariance_or_x)
        if array.ndim != 2 or array.dtype.kind != "f":
            S = StateCovariance.from_network(rnn, covariance_or_x).matrix
        else:
            S = covariance("S", array).copy()
    if S.shape != (rnn.m, rnn.m):
        raise ValueError(f"S must have shape ({rnn.m}, {rnn.m}), got {S.shape}")
    return S
