"""What the output feels of each state: second moments of df/dh_t, with a backward pass.

Theory, section 11: O_t = E[sum_s w_s (df_s/dh_t)^T (df_s/dh_t)], the observability Gramian of step
t (`balanced.weight`); with random signs on the read-outs one gradient gives it without bias
(`balanced.probes`). Only W_o^T W_o matters of the read-out, so that W_o may be replaced by the
triangular factor of its QR decomposition: q = 10,000 words cost no more than m.

Range. Gradients through hundreds of steps leave every floating-point range. A batch of them carries
one power of two, and so does the sum of every step. What is below 2^-500 (float32: 2^-50) of the
largest may count as 0: an entry of W_h or of W_o, a sequence's gradient in its batch.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pruning.checks import Array, as_generator, choice, integer, time_weights
from pruning.observability_rows import Rows
from pruning.observability_steps import (
    LostDigits,
    Step,
    matrices_backwards,
    probes_backwards,
    states,
)
from pruning.rnn import RNN, same_network
from pruning.scaled_sums import NONE, ScaledSums, shifted

READS = ("last", "mean")
_PROBED = (
    4096  # bytes of a column of the gradients by probes multiplied at a time: they stay in cache
)
_STATES = 512  # sequences run at a time
_NUMBERS = 1 << 22  # numbers of the exact recursion held at a time


class Observability:
    """Running second moments of the gradients of the output in the states.

    Parameters
    ----------
    rnn : RNN
        Its read-out must not be 0.
    T : int
        Steps of every sequence.
    weights : {"last", "mean"} or (T,) array
        Time weights w_s >= 0 of the read-outs, of sum 1: the last step alone, 1/T, or as given.
    probes : int, optional
        Gradients of random signs on the read-outs, so many a sequence, drawn anew for each; None is
        the exact matrix. Exact costs min(q, m) gradients a sequence for every step that is read,
        or O(T m^3) a sequence where that is less; a probe costs one gradient for all of them.
    rng : numpy Generator or seed
        Needed for probes. As any generator, it is copied with the object that holds it: after
        pickling, or `copy.deepcopy`, both go on with the same signs. What is filled in several
        processes and merged needs a seed of its own in each.
    per_step : bool
        Keep O_1..O_T, O(T m^2) numbers. False keeps sum_t O_t/c_t and the traces Tr O_t only.
    log2_c : (T,) array, optional
        Base-2 logarithms of c_t > 0 for the sum, within 2^40 of 0; 0 by default. +inf leaves a step
        out.
    dtype : {"float64", "float32"}
        Precision of the backward pass; sums are float64.

    Attributes
    ----------
    n : int
        Sequences seen so far.

    Raises
    ------
    ValueError
        For bad input; if the read-out is 0, or states or gradients leave the range of floats in one
        step, with that step.

    Examples
    --------
    >>> import numpy as np
    >>> from pruning import RNN, Observability
    >>> rnn = RNN([[0.5]], [[1.0]], [0.0], [[2.0]], [0.0], "identity")
    >>> seen = Observability(rnn, T=3).update(np.ones((4, 3, 1)))
    >>> seen.traces
    array([0.25, 1.  , 4.  ])
    """

    def __init__(
        self,
        rnn: RNN,
        T: int,
        weights: str | ArrayLike = "last",
        probes: int | None = None,
        rng: np.random.Generator | int | None = None,
        *,
        per_step: bool = True,
        log2_c: ArrayLike | None = None,
        dtype: str = "float64",
    ) -> None:
        self.rnn, self.T, self.n = rnn, integer("T", T, low=1), 0
        self.dtype = choice("dtype", dtype, ("float64", "float32"))
        self.weights = read_weights(weights, self.T)
        self.probes = None if probes is None else integer("probes", probes, low=1)
        if self.probes is not None and rng is None:
            raise ValueError("rng must be given to draw probes, got None")
        self._rng = as_generator("rng", rng)
        self._root, self._root_exponent = _root(rnn)
        self.log2_c = np.zeros(self.T)
        if log2_c is not None:
            if per_step:
                raise ValueError("log2_c must be left out with per_step, which keeps every O_t")
            self.log2_c = _exponents(log2_c, self.T)
        self.m, self.keeps_steps = rnn.m, per_step
        self._sums = ScaledSums(self.T if per_step else 1, self.m)
        self._trace, self._trace_exponent = np.zeros(self.T), np.full(self.T, NONE)
        self._square = np.zeros(self.T)  # sum of ||G_i||_F^2, in units of 2^(2 trace exponents)

    def update(self, x: ArrayLike) -> Observability:
        """Add sequences x, (n, T, d_x) floats or (n, T) tokens, in place; return self.

        A failure leaves the sums as they were.
        """
        checked = self.rnn.check_input(x)
        if checked.shape[1] != self.T:
            raise ValueError(f"x must have T = {self.T} steps, got {checked.shape[1]}")
        scratch = self.fresh()
        with np.errstate(over="ignore", invalid="ignore"):
            if self.probes is None and not self._by_matrix:
                scratch._add_rows(checked)
            else:
                for start in range(0, len(checked), self._batch()):
                    scratch._add(checked[start : start + self._batch()])
        return self.merge(scratch)

    def fresh(self) -> Observability:
        """Return one of the same network and settings that has seen nothing.

        Probes go on from the same generator, so that no two draw the same signs.
        """
        new = object.__new__(Observability)
        new.__dict__.update(self.__dict__)
        new.n = 0
        new._sums = ScaledSums(len(self._sums.matrices), self.m)
        new._trace, new._square = np.zeros_like(self._trace), np.zeros_like(self._square)
        new._trace_exponent = np.full_like(self._trace_exponent, NONE)
        return new

    def merge(self, other: Observability) -> Observability:
        """Add what `other` has seen of the same network, in place; return self."""
        if not isinstance(other, Observability):
            raise ValueError(f"other must be an Observability, got {type(other).__name__}")
        same = (
            other.T == self.T
            and other.keeps_steps == self.keeps_steps
            and other.probes == self.probes
            and np.array_equal(other.weights, self.weights)
            and np.array_equal(other.log2_c, self.log2_c)
            and same_network(other.rnn, self.rnn)
        )
        if not same:
            raise ValueError(
                "other must be of the same network, T, weights, probes and log2_c, got another"
            )
        self._sums.merge(other._sums)
        self._count(other._trace, other._square, other._trace_exponent)
        self.n += other.n
        return self

    @property
    def log2_traces(self) -> Array:
        """log2 Tr O_t, shape (T,): always in range; -inf where O_t = 0."""
        self._seen()
        return (
            _log2(self._trace) + np.where(self._trace > 0, self._trace_exponent, 0) - self._log2_n
        )

    @property
    def traces(self) -> Array:
        """Tr O_t, shape (T,); inf or 0 beyond the range of floats, see `log2_traces`."""
        with np.errstate(over="ignore", under="ignore"):
            return np.asarray(np.exp2(self.log2_traces))

    @property
    def per_step(self) -> Array:
        """O_1..O_T, shape (T, m, m), symmetric; semidefinite up to rounding in `dtype`.

        Raises
        ------
        ValueError
            If the steps were not kept, or one of them is beyond the range of floats.
        """
        matrices, log2_scale = self.scaled_steps()
        with np.errstate(over="ignore", under="ignore"):
            out = np.asarray(np.exp2(log2_scale)[:, None, None] * matrices)
        bad = np.flatnonzero(~np.isfinite(out).all(axis=(1, 2)))
        if bad.size:
            t = int(bad[-1])
            raise ValueError(
                f"O_t must be within the range of floats, got Tr O_t = 2^{self.log2_traces[t]:.0f} "
                f"at t = {t + 1}; use weight() or scaled_steps()"
            )
        return out

    def scaled_steps(self) -> tuple[Array, Array]:
        """O_t / Tr O_t (T, m, m) and log2 Tr O_t (T,): in range however the gradients explode.

        Where O_t = 0 the matrix is 0.
        """
        if not self.keeps_steps:
            raise ValueError("the steps were not kept: make the Observability with per_step=True")
        self._seen()
        sums = self._sums.matrices
        sums = (sums + sums.transpose(0, 2, 1)) / 2
        trace = np.trace(sums, axis1=1, axis2=2)
        return sums / np.where(trace > 0, trace, 1)[:, None, None], self.log2_traces

    def weight(self, log2_c: ArrayLike | None = None) -> Array:
        """Return sum_t O_t/c_t scaled to trace 1, shape (m, m); the 0 matrix if every O_t is 0.

        Positive semidefinite up to rounding in float64: what rounding in float32 has made negative
        is taken away.

        Parameters
        ----------
        log2_c : (T,) array, optional
            Base-2 logarithms of the c_t > 0, in which a common summand does not matter; +inf leaves
            a step out. Where the steps were not kept, those of the constructor are used.
        """
        if not self.keeps_steps:
            if log2_c is not None:
                raise ValueError("log2_c must be given to the constructor where no steps are kept")
            self._seen()
            total = self._sums.matrices[0]
        else:
            matrices, log2_trace = self.scaled_steps()
            shift = log2_trace - (0 if log2_c is None else _exponents(log2_c, self.T))
            finite = shift[np.isfinite(shift)]
            if not finite.size:
                return np.zeros((self.m, self.m))
            total = np.tensordot(np.exp2(shift - finite.max()), matrices, axes=1)
        trace = float(np.trace(total))
        if trace <= 0:
            return np.zeros_like(total)
        return _semidefinite((total + total.T) / (2 * trace))

    @property
    def relative_error(self) -> Array:
        """The standard error of each O_t, in the Frobenius norm and relative to Tr O_t, shape (T,).

        With G_i the contribution of sequence i, sqrt(E ||mean of G - E G||_F^2) is estimated by
        sqrt((mean ||G_i||_F^2 - ||O_t||_F^2)/(n - 1)). It covers the spread among sequences as well
        as that of the probes, so that it is at least the error of the probes alone on the sequences
        seen, on average. inf for n = 1. Only with probes; NaN where O_t = 0.
        """
        if self.probes is None:
            raise ValueError(
                "relative_error needs probes: the exact matrix has no error of its own"
            )
        matrices, _ = self.scaled_steps()
        if self.n == 1:
            return np.full(self.T, math.inf)
        with np.errstate(invalid="ignore", divide="ignore"):
            squares = self._square / self.n / (self._trace / self.n) ** 2
        spread = squares - np.square(matrices).sum(axis=(1, 2))
        return np.asarray(np.sqrt(np.maximum(spread, 0) / (self.n - 1)))

    @property
    def _log2_n(self) -> float:
        return math.log2(self.n)

    def _seen(self) -> None:
        if self.n == 0:
            raise ValueError("the observability must have seen at least one sequence, got none")

    @property
    def _by_matrix(self) -> bool:
        """Whether the exact moments are carried as one m x m matrix a sequence, not as rows."""
        steps = np.flatnonzero(self.weights)
        rows = 3 * len(self._root) * int(steps.sum())  # half m^2 products, as what follows
        return self.probes is None and rows > 4 * self.m * (self.T - 1)

    def _batch(self) -> int:
        if self._by_matrix:
            return max(1, _NUMBERS // max(1, self.m * self.m))
        held = max(1, _NUMBERS // (self.T * max(1, self.m)))
        return min(_STATES, held)

    def _add(self, x: Any) -> None:
        """By probes, or by matrices."""
        h = states(self.rnn, x, self.dtype)
        if self.probes is None:
            scratch = self.fresh()
            try:
                scratch._take(matrices_backwards(self.rnn, h, self._root, self.weights))
            except LostDigits:
                self._add_rows(x)
                return
            self.merge(scratch)
        else:
            block = max(1, _PROBED // (h.itemsize * self.probes))
            for start in range(0, h.shape[1], block):
                part = h[:, start : start + block]
                self._take(
                    probes_backwards(
                        self.rnn, part, self._root, self.weights, self.probes, self._rng
                    )
                )
        self.n += h.shape[1]

    def _add_rows(self, x: Any) -> None:
        """By rows of gradients; W_h is multiplied once, at the end."""
        rows = Rows(self.rnn, self._root, len(x), self.dtype)
        inner = ScaledSums(len(self._sums.matrices), self.m)
        own = self._root.T @ self._root
        for start in range(0, len(x), self._batch()):
            h = states(self.rnn, x[start : start + self._batch()], self.dtype)
            n = h.shape[1]
            for s in np.flatnonzero(self.weights):
                weight, power = math.frexp(self.weights[s])
                gram = n * weight * own
                self._take([(int(s), Step(gram, float(np.trace(gram)), 0.0, power))])
                for steps in rows.back(h[: s + 1], float(self.weights[s])):
                    self._take(steps, inner)
            self.n += n
        for i in np.flatnonzero(inner.exponents > NONE):
            lower = np.tril(inner.matrices[i])
            moment = lower + np.tril(lower, -1).T
            moment = rows.w_hidden.T @ moment @ rows.w_hidden
            self._sums.add(int(i), moment, int(inner.exponents[i]))

    def _take(self, steps: Iterable[tuple[int, Step]], inner: ScaledSums | None = None) -> None:
        """Add steps t and `Step`; the matrices of those that say so to `inner`."""
        traces, squares = np.zeros(self.T), np.zeros(self.T)
        exponents = np.full(self.T, NONE)
        for t, step in steps:
            exponent = step.exponent + 2 * self._root_exponent
            traces[t], squares[t], exponents[t] = step.trace, step.square, exponent
            if step.trace <= 0:
                continue
            sums = inner if step.inner and inner is not None else self._sums
            if self.keeps_steps:
                sums.add(t, step.gram, exponent)
            elif self.log2_c[t] < math.inf:
                power = math.floor(self.log2_c[t])
                part = step.gram * 2.0 ** (power - self.log2_c[t])
                sums.add(0, part, exponent - power)
        self._count(traces, squares, exponents)

    def _count(self, trace: Array, square: Array, exponent: Array) -> None:
        exponent = np.where(trace > 0, exponent, NONE)
        top = np.maximum(exponent, self._trace_exponent)
        old, new = self._trace_exponent - top, exponent - top
        self._trace = shifted(self._trace, old) + shifted(trace, new)
        self._square = shifted(self._square, 2 * old) + shifted(square, 2 * new)
        self._trace_exponent = top


def read_weights(weights: str | ArrayLike, T: int) -> Array:
    """Return time weights (T,) from ``last``, ``mean`` or an array of sum 1."""
    if isinstance(weights, str):
        if choice("weights", weights, READS) == "mean":
            return np.full(T, 1 / T)
        w = np.zeros(T)
        w[-1] = 1
        return w
    return time_weights(weights, T)


def _root(rnn: RNN) -> tuple[Array, int]:
    """R (r, m) and e with 4^e R^T R = W_o^T W_o, r <= min(q, m) and no entry of R far from 1."""
    if not rnn.w_output.any():
        raise ValueError("rnn must have a read-out w_output that is not 0, got 0 everywhere")
    exponent = int(np.frexp(np.abs(rnn.w_output).max())[1])
    root = np.ldexp(rnn.w_output, -exponent)
    if rnn.d_y > rnn.m:
        root = np.asarray(np.linalg.qr(root, mode="r"))
    return root, exponent


def _exponents(log2_c: ArrayLike, T: int) -> Array:
    try:
        c = np.asarray(log2_c, dtype=np.float64)
    except (TypeError, ValueError):
        c = np.full(T, np.nan)
    if c.shape != (T,) or not ((np.abs(c) <= 2.0**40) | (c == math.inf)).all():
        raise ValueError(
            f"log2_c must be {T} numbers from -2^40 to 2^40, the logarithms of c_t > 0, or +inf, "
            f"got {log2_c!r}"
        )
    return c


def _semidefinite(M: Array) -> Array:
    """The nearest positive semidefinite matrix, where M is none by more than rounding; trace 1."""
    mu, U = np.linalg.eigh(M)
    if mu[0] >= -len(M) * np.finfo(np.float64).eps:
        return M
    nearest: Array = (U * np.maximum(mu, 0)) @ U.T
    return np.asarray((nearest + nearest.T) / (2 * float(np.trace(nearest))))


def _log2(values: Array) -> Array:
    with np.errstate(divide="ignore"):
        return np.asarray(np.log2(values))
