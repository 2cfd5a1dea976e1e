"""The small network fitted to the large one's distribution over classes, without labels.

min over W_o', b_o' (and over W_h', W_i', b_h', where the recursion is fitted too) of

    D = E_n sum_t w_t KL(softmax f^_t || softmax f'_t).

The perplexity that the large network's own words have under the small one is its own times exp(D):
this is what is lost on a text. Squared gaps of 10,000 logits are something else: most words are
improbable everywhere, and to have their logits right is worth nothing. Near f' = f^ one has
D = E sum_t w_t (f'_t - f^_t)^T (diag p - p p^T)(f'_t - f^_t)/2: gaps count as their words are
probable.

D is convex in the read-out. It is minimised by L-BFGS in coordinates in which its curvature is
about I: K-factored blocks, E[diag p] x E[(h', 1)(h', 1)^T] for the read-out and
E[delta delta^T] x E[z z^T] for the recursion, delta being gradients of random signs in Fisher's
metric. No more of it is formed than a batch of logits.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from pruning.cells import recursion
from pruning.checks import Array, Inputs, choice, integer
from pruning.fisher import check_classes
from pruning.gauss_newton import RefitStep
from pruning.observability import read_weights
from pruning.refit.closed_loop import check_pair
from pruning.refit.coordinates import Coordinates, beyond, quasi_newton, root
from pruning.refit.held_out import few_numbers, split
from pruning.refit.products import Parameters
from pruning.refit.softmax_gaps import SoftmaxGaps
from pruning.rnn import RNN

_NUMBERS = 1 << 23  # states formed at a time


def refit_divergence(
    large: RNN,
    small: RNN,
    x: ArrayLike,
    weights: str | ArrayLike = "last",
    *,
    fit_recursion: bool = False,
    inputs: bool | None = None,
    held_out: float = 0.2,
    steps: int = 30,
    patience: int = 3,
    dtype: str = "float32",
    progress: Callable[[RefitStep], None] | None = None,
) -> RNN:
    """Return the small network with the least divergence from the large one's softmax.

    Parameters
    ----------
    large, small : RNN
        Of the same activation, inputs and outputs, which are logits of d_y >= 2 classes.
    x : (n, T, d_x) floats or (n, T) tokens
        Sequences; labels are not needed.
    weights : {"last", "mean"} or (T,) array
        Time weights of the outputs.
    fit_recursion : bool
        Fit W_h' and b_h', too; the read-out is fitted in any case.
    inputs : bool, optional
        With the recursion fit W_i', too; by default where inputs are real numbers.
    held_out : float
        Share of the sequences, the last ones, that are not fitted: the weights that are best on
        them are returned, never worse on them than the start.
    steps, patience : int
        At most so many steps; stop when so many have not improved on the best by a thousandth,
        three times as many while none has improved on the start by that.
    dtype : {"float32", "float64"}
        Precision of the logits. Sums over sequences are float64.
    progress : callable, optional
        Called with a `RefitStep` at the start and after each step; its gaps are divergences here,
        and its damping is 0.

    Raises
    ------
    ValueError
        For networks that do not fit, one class alone, and where the start leaves the range of
        floats.

    Warns
    -----
    UserWarning
        Where the recursion is fitted to fewer numbers (outputs that count times classes) than
        there are parameters.

    Examples
    --------
    >>> import numpy as np
    >>> from rnnbounds import initial_rnn, refit_divergence, spectral_prune
    >>> rnn = initial_rnn(6, d_x=2, d_y=3, activation="tanh", rng=0)
    >>> x = np.random.default_rng(0).normal(size=(100, 5, 2))
    >>> small = spectral_prune(rnn, x, k=3).pruned
    >>> steps = []
    >>> fitted = refit_divergence(rnn, small, x, progress=steps.append)
    >>> bool((fitted.w_hidden == small.w_hidden).all()), steps[-1].fitted < steps[0].fitted
    (True, True)
    """
    check_pair(large, small)
    check_classes("large", large.d_y)
    checked = large.check_input(x)
    w = read_weights(weights, checked.shape[1])
    steps, patience = integer("steps", steps, low=0), integer("patience", patience, low=1)
    choice("dtype", dtype, ("float32", "float64"))
    real_inputs = checked.ndim == 3
    if inputs and not (real_inputs and fit_recursion):
        raise ValueError(
            "inputs must be False or None for tokens and where the recursion is not fitted, "
            "got True"
        )
    inputs = fit_recursion and real_inputs and inputs is not False
    fit, held = split(len(checked), held_out)
    ours = Divergence(large, small, checked[fit], w, fit_recursion, inputs, dtype)
    numbers = ours.n * len(ours.read) * large.d_y
    if fit_recursion and numbers < ours.start.size:
        warnings.warn(few_numbers(ours.start.size, numbers, ours.n), stacklevel=2)
    theirs = None
    if held.stop > held.start:
        theirs = Divergence(large, small, checked[held], w, fit_recursion, inputs, dtype)

    def judge(theta: Array, value: float) -> float:
        return value if theirs is None else theirs.value(ours.start.like(theta))

    found = quasi_newton(
        ours.flat_value_and_gradient,
        judge,
        ours.start.flat(),
        ours.coordinates,
        steps=steps,
        patience=patience,
        progress=progress,
    )
    best, k = ours.start.like(found), small.m
    w_output, b_output = best.Y[:, :k].copy(), best.Y[:, k].copy()
    if not ours.moves:
        return replace(small, w_output=w_output, b_output=b_output)
    return RNN(
        best.w_hidden.copy(),
        best.V[:, k:-1].copy() if inputs else small.w_input,
        best.V[:, -1].copy(),
        w_output,
        b_output,
        small.activation,
    )


class Divergence:
    """D on a sample, as a function of the parameters V = [W_h', W_i', b_h'] and Y = [W_o', b_o'].

    W_i' is in V only where `inputs`. Without `moves` the states are those of `small`, and V is a
    constant.
    """

    def __init__(
        self, large: RNN, small: RNN, x: Inputs, w: Array, moves: bool, inputs: bool, dtype: str
    ) -> None:
        self.small, self.moves, self.inputs = small, moves and small.m > 0, inputs
        self.n, self.T = x.shape[:2]
        self.k = small.m
        self.read = np.flatnonzero(w)
        self.x = recursion.time_major(x, np.float64)
        teacher = np.hstack([large.w_output, large.b_output[:, None]])
        states = np.empty((self.n, len(self.read), large.m), dtype)
        step = max(1, _NUMBERS // (self.T * max(1, large.m)))
        with np.errstate(over="ignore", invalid="ignore"):
            for start in range(0, self.n, step):
                part = slice(start, start + step)
                states[part] = large.states(x[part])[:, self.read]
        shares = np.tile(w[self.read] / self.n, self.n)
        self.gaps = SoftmaxGaps(teacher, states.reshape(len(shares), large.m), shares, dtype)
        V = [small.w_hidden, *([small.w_input] if inputs else []), small.b_hidden[:, None]]
        self.start = Parameters(np.hstack(V), np.hstack([small.w_output, small.b_output[:, None]]))
        self._states = None if self.moves else self.states(self.start)

    def states(self, theta: Parameters) -> Array:
        """Return h' of every step, (T, n, k); those of the start where the recursion stays."""
        own = theta.V[:, self.k : -1] if self.inputs else self.small.w_input
        h = np.empty((self.T, self.n, self.k))
        drive = np.ascontiguousarray(np.vstack([own.T, theta.V[:, -1]]))
        with np.errstate(over="ignore", invalid="ignore"):
            recursion.run(self.x, theta.w_hidden, drive, self.small.activation, h)
        return h

    def value(self, theta: Parameters) -> float:
        """D; inf where the run leaves the range of floats."""
        return self.gaps.value(theta.Y, self._rows(self._run(theta)))

    def value_and_gradient(self, theta: Parameters) -> tuple[float, Parameters]:
        """D and its gradient, which is 0 where D is inf."""
        h = self._run(theta)
        value, Y, rows = self.gaps.value_and_gradient(theta.Y, self._rows(h), self.moves)
        V = np.zeros_like(theta.V)
        if rows is not None and np.isfinite(value):
            with np.errstate(over="ignore", invalid="ignore"):
                delta = self._through_time(theta, h, self._pulled(rows))
                V = delta.reshape(-1, self.k).T @ self._read_by_v(h)
        gradient = Parameters(V, Y)
        if not (np.isfinite(value) and np.isfinite(gradient.flat()).all()):
            return np.inf, Parameters(np.zeros_like(V), np.zeros_like(Y))
        return value, gradient

    def flat_value_and_gradient(self, theta: Array) -> tuple[float, Array]:
        """The same of a vector."""
        value, gradient = self.value_and_gradient(self.start.like(theta))
        return value, gradient.flat()

    def coordinates(self) -> Coordinates:
        """Return coordinates in which the curvature of D at the start is about I."""
        theta = self.start
        h = self._run(theta)
        shape = self.gaps.shape(theta.Y, self._rows(h), self.moves)
        factors = [(shape.left, shape.right)]
        if shape.pulled is not None:
            with np.errstate(over="ignore", invalid="ignore"):
                delta = self._through_time(theta, h, self._pulled(shape.pulled)).reshape(-1, self.k)
                z = self._read_by_v(h)
                moments = shape.share * (delta.T @ delta), z.T @ z / len(z)
            own = np.diag(moments[1])[self.k : -1]  # of x, where it is in z
            name = "the states of small" if np.isfinite(own).all() else "x"
            factors.insert(0, (root(moments[0]), root(moments[1], beyond(name))))
        return Coordinates(theta.flat(), tuple(factors))

    def _run(self, theta: Parameters) -> Array:
        return self.states(theta) if self._states is None else self._states

    def _rows(self, h: Array) -> Array:
        """Return h' where it is read, sequence by sequence, (n reads, k)."""
        return h[self.read].transpose(1, 0, 2).reshape(self.n * len(self.read), self.k)

    def _pulled(self, rows: Array) -> Array:
        """Gradients in the rows as gradients in the h'_t of all steps, (T, n, k)."""
        pulled = np.zeros((self.T, self.n, self.k))
        pulled[self.read] = rows.reshape(self.n, len(self.read), self.k).transpose(1, 0, 2)
        return pulled

    def _through_time(self, theta: Parameters, h: Array, pulled: Array) -> Array:
        """Gradients in a_t of sums whose gradients in the outputs' h'_t are `pulled`, in place."""
        g = np.zeros((self.n, self.k))
        for t in range(self.T - 1, -1, -1):
            g += pulled[t]
            np.multiply(g, self.small.activation.slope(h[t]), out=pulled[t])
            g = pulled[t] @ theta.w_hidden
        return pulled

    def _read_by_v(self, h: Array) -> Array:
        """z_t = (h'_{t-1}, x_t, 1) of all steps and sequences, (T n, p)."""
        k, p = self.start.V.shape
        z = np.ones((self.T, self.n, p))
        z[0, :, :k] = 0
        z[1:, :, :k] = h[:-1]
        if self.inputs:
            z[:, :, k:] = self.x
        return z.reshape(-1, p)
