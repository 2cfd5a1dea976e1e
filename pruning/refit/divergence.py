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

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import minimize

from pruning.cells import recursion
from pruning.checks import Array, choice, integer
from pruning.gauss_newton import RefitStep
from pruning.observability import read_weights
from pruning.refit.closed_loop import check_pair
from pruning.refit.held_out import split
from pruning.refit.products import Parameters
from pruning.rnn import RNN

_NUMBERS = 1 << 23  # logits formed at a time
_KEPT = 1 << 28  # probabilities of the large network that are kept between steps
_SHAPED = 1 << 27  # logits formed to find the coordinates
_RARE = 1e-7  # words less probable than this hardly move
_DAMPED = 1e-3  # nor do directions whose share of a second moment is below this


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
        At most so many steps; stop when so many have not improved on the best by a thousandth.
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
    if large.d_y < 2:
        raise ValueError(
            f"large must have at least 2 outputs, the logits of classes, got {large.d_y}"
        )
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
    theirs = None
    if held.stop > held.start:
        theirs = Divergence(large, small, checked[held], w, fit_recursion, inputs, dtype)
    best = _descend(ours, theirs, steps, patience, progress)
    k = small.m
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
        self, large: RNN, small: RNN, x: Any, w: Array, moves: bool, inputs: bool, dtype: str
    ) -> None:
        self.small, self.moves, self.inputs = small, moves and small.m > 0, inputs
        self.dtype = np.dtype(dtype)
        self.n, self.T = x.shape[:2]
        self.k, self.q = small.m, large.d_y
        self.read = np.flatnonzero(w)
        self.w = w[self.read]
        self.x = recursion.time_major(x, np.float64)
        self._kept: dict[tuple[int, int], tuple[Array, float]] = {}
        self.teacher = self._rounded(np.hstack([large.w_output, large.b_output[:, None]]))
        self.target = np.ones((len(self.read), self.n, large.m + 1), self.dtype)
        step = max(1, _NUMBERS // (self.T * max(1, large.m)))
        with np.errstate(over="ignore", invalid="ignore"):
            for start in range(0, self.n, step):
                h = large.states(x[start : start + step])[:, self.read]
                self.target[:, start : start + step, :-1] = h.transpose(1, 0, 2)
        if not (np.isfinite(self.target).all() and np.isfinite(self.teacher).all()):
            raise ValueError(f"large must stay within the range of {dtype} on x, left it")
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
        with np.errstate(over="ignore", invalid="ignore"):
            h = self._run(theta)
            total = sum(
                float(self.w[place]) * self._gaps(theta, y, place, part)[0]
                for place, part, y in self._batches(h)
            )
        return total / self.n if math.isfinite(total) else math.inf

    def value_and_gradient(self, theta: Parameters) -> tuple[float, Parameters]:
        """D and its gradient, which is 0 where D is inf."""
        V, Y, total = np.zeros_like(theta.V), np.zeros_like(theta.Y), 0.0
        w_output = self._rounded(theta.w_output)
        with np.errstate(over="ignore", invalid="ignore"):
            h = self._run(theta)
            pulled = np.zeros((self.T, self.n, self.k)) if self.moves else None
            for place, part, y in self._batches(h):
                value, u = self._gaps(theta, y, place, part)
                u *= self.w[place]
                total += float(self.w[place]) * value
                Y += u.T @ y
                if pulled is not None:
                    pulled[self.read[place], part] = u @ w_output
            if pulled is not None and math.isfinite(total):
                delta = self._through_time(theta, h, pulled)
                V = delta.reshape(-1, self.k).T @ self._read_by_v(h)
        gradient = Parameters(V / self.n, Y / self.n)
        if not (math.isfinite(total) and np.isfinite(gradient.flat()).all()):
            return math.inf, Parameters(np.zeros_like(V), np.zeros_like(Y))
        return total / self.n, gradient

    def coordinates(self) -> Coordinates:
        """Return coordinates in which the curvature of D at the start is about I."""
        theta, k = self.start, self.k
        with np.errstate(over="ignore", invalid="ignore"):
            h = self._run(theta)
        probability, outer = np.zeros(self.q), np.zeros((k + 1, k + 1))
        # Gradients of v = sqrt(p) e - p (sqrt(p) . e), e random signs: E v v^T = diag p - p p^T.
        rng = np.random.default_rng(0)
        pulled = np.zeros((self.T, self.n, k)) if self.moves else None
        w_output = self._rounded(theta.w_output)
        rows = 0
        for place, part, y in self._batches(h):
            outer += self.w[place] * (y.T @ y)
            if rows * self.q > _SHAPED:
                continue
            rows += len(y)
            p, _ = self._taught(place, part)
            probability += self.w[place] * p.sum(axis=0, dtype=np.float64)
            if pulled is not None:
                e = np.sqrt(p) * (2 * rng.integers(0, 2, p.shape, np.int8) - 1)
                v = e - p * e.sum(axis=1, keepdims=True)
                pulled[self.read[place], part] = math.sqrt(self.w[place]) * (v @ w_output)
        read_out = _root(outer / self.n)
        probability /= probability.sum()
        scale = 1 / np.sqrt(probability + _RARE)
        if pulled is None:
            return Coordinates(theta, scale, read_out, None, None)
        share = len(self.read) * self.n / rows
        delta = self._through_time(theta, h, pulled).reshape(-1, k)
        z = self._read_by_v(h)
        left = _root(share * (delta.T @ delta) / self.n)
        return Coordinates(theta, scale, read_out, left, _root(z.T @ z / len(z)))

    def _rounded(self, values: Array) -> Array:
        """In the precision of the logits; inf beyond its range, which ends in D = inf."""
        with np.errstate(over="ignore"):
            return values.astype(self.dtype)

    def _run(self, theta: Parameters) -> Array:
        return self.states(theta) if self._states is None else self._states

    def _batches(self, h: Array) -> Iterator[tuple[int, slice, Array]]:
        """Yield the place of a read, some sequences, and their (h', 1), by sequences first."""
        step = max(1, _NUMBERS // self.q)
        for start in range(0, self.n, step):
            part = slice(start, min(start + step, self.n))
            for place, t in enumerate(self.read):
                y = np.ones((part.stop - start, self.k + 1), self.dtype)
                with np.errstate(over="ignore"):
                    y[:, :-1] = h[t, part]
                yield place, part, y

    def _gaps(self, theta: Parameters, y: Array, place: int, part: slice) -> tuple[float, Array]:
        """Sum of KL(p || p') over some sequences, and p' - p."""
        p, entropy = self._taught(place, part)
        log_own = _log_softmax(y, self._rounded(theta.Y))
        value = -entropy - float((p * log_own).sum(axis=1).sum(dtype=np.float64))
        own = np.exp(log_own, out=log_own)
        own -= p
        return value, own

    def _taught(self, place: int, part: slice) -> tuple[Array, float]:
        """P of some sequences, and their entropies, added up; kept as far as there is room."""
        key = (place, part.start)
        if key in self._kept:
            return self._kept[key]
        log_p = _log_softmax(self.target[place, part], self.teacher)
        p = np.exp(log_p)
        log_p *= p
        found = p, -float(log_p.sum(axis=1).sum(dtype=np.float64))
        if sum(kept.size for kept, _ in self._kept.values()) + p.size <= _KEPT:
            self._kept[key] = found
        return found

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


@dataclass(frozen=True, eq=False)
class Coordinates:
    """Parameters as an affine map of v: V = V_0 + L v R^T and Y = Y_0 + diag(scale) v Q^T."""

    origin: Parameters
    scale: Array  # (q,)
    read_out: Array  # Q (k + 1, k + 1)
    left: Array | None  # L (k, k); None where V stays
    right: Array | None  # R (p, p)

    def at(self, v: Array) -> Parameters:
        """Return the parameters at v."""
        own, V = self.origin, self.origin.V
        cut = v.size - own.Y.size
        if self.left is not None and self.right is not None:
            V = V + self.left @ v[:cut].reshape(V.shape) @ self.right.T
        change = v[cut:].reshape(own.Y.shape) @ self.read_out.T
        return Parameters(V, own.Y + self.scale[:, None] * change)

    def pull(self, gradient: Parameters) -> Array:
        """Return the gradient in v."""
        Y = (self.scale[:, None] * gradient.Y @ self.read_out).ravel()
        if self.left is None or self.right is None:
            return np.asarray(Y)
        return np.concatenate([(self.left.T @ gradient.V @ self.right).ravel(), Y])


def _descend(
    ours: Divergence,
    theirs: Divergence | None,
    steps: int,
    patience: int,
    progress: Callable[[RefitStep], None] | None,
) -> Parameters:
    value, gradient = ours.value_and_gradient(ours.start)
    judged = value if theirs is None else theirs.value(ours.start)
    if not (math.isfinite(value) and math.isfinite(judged)):
        raise ValueError("small must stay within the range of floats on x, left it")
    if progress is not None:
        progress(RefitStep(0, value, judged, 0.0))
    at = ours.coordinates()
    first = at.pull(gradient)
    length = float(np.linalg.norm(first))
    best, least, since, step = ours.start, judged, 0, 0
    if steps == 0 or length == 0:
        return best
    # SciPy's first trial has length 1; a Newton step would have `length` in these coordinates.
    unit = length / 4
    far = 1e3 * (1 + value)  # in place of inf, which its line search does not take
    last = ours.start, value

    def objective(u: Array) -> tuple[float, Array]:
        nonlocal last
        theta = at.at(unit * u)
        found, slope = ours.value_and_gradient(theta)
        last = theta, found
        return (found, unit * at.pull(slope)) if math.isfinite(found) else (far, np.zeros_like(u))

    def judge(u: Array) -> None:
        nonlocal best, least, since, step
        step += 1
        theta = at.at(unit * u)
        reached = theirs.value(theta) if theirs is not None else ours.value(theta)
        if progress is not None:
            progress(RefitStep(step, last[1], reached, 0.0))
        since = 0 if reached < (1 - 1e-3) * least else since + 1
        if reached < least:
            best, least = theta, reached
        if since >= patience:
            raise StopIteration

    minimize(
        objective,
        np.zeros(first.size),
        jac=True,
        method="L-BFGS-B",
        callback=judge,
        options={"maxiter": steps, "maxcor": 10, "ftol": 1e-9, "gtol": 0.0},
    )
    return best


def _log_softmax(rows: Array, read_out: Array) -> Array:
    """Log-probabilities of the classes, (n, q)."""
    f: Array = rows @ read_out.T
    f -= f.max(axis=1, keepdims=True)
    f -= np.log(np.exp(f).sum(axis=1, keepdims=True))
    return f


def _root(moment: Array) -> Array:
    """G with G^T moment G about I: directions of a small share of it are damped."""
    mu, U = np.linalg.eigh(moment)
    mean = float(np.trace(moment)) / len(mu)
    damped = np.maximum(mu, 0) + (_DAMPED * mean if mean > 0 else 1)
    result: Array = U / np.sqrt(damped)
    return result
