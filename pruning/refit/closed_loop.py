"""The small network's own run fitted to the large one's outputs, without labels.

min over W_h', W_i', b_h', W_o', b_o' of ||f' - f^||_{n,w}^2 on unlabelled sequences, from the
weights that the network has, by Gauss-Newton with Levenberg and Marquardt's damping (theory,
section 11, `balanced.closed_loop`): the gradient through time is what tells a weight what its error
does later. The best W_o', b_o' lie in the span of the large network's columns [W_o, b_o], so that
outputs are written in an orthonormal basis of it: q = 10,000 words are m + 1 numbers.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import cho_factor, cho_solve

from pruning.activations import told_from
from pruning.checks import Array, Inputs, choice, integer, nonnegative
from pruning.gauss_newton import RefitStep, conjugate_gradients, descend
from pruning.observability import read_weights
from pruning.refit.held_out import few_numbers, split
from pruning.refit.products import Parameters, Sample
from pruning.refit.read_out import refit_read_out
from pruning.refit.units import in_output_units, in_units_of, output_exponent
from pruning.rnn import RNN

SOLVERS = ("auto", "dense", "cg")
DENSE_LIMIT = 20_000
_FIRST_DAMPING, _LEAST_DAMPING, _MOST_DAMPING = 1e-2, 1e-9, 1e6
_SOLVED = 1e-4
_NUMBERS = 1 << 22


def refit_closed_loop(
    large: RNN,
    small: RNN,
    x: ArrayLike,
    weights: str | ArrayLike = "last",
    *,
    inputs: bool | None = None,
    held_out: float = 0.2,
    steps: int = 20,
    patience: int = 3,
    ridge: float = 1e-8,
    solver: str = "auto",
    iterations: int = 60,
    progress: Callable[[RefitStep], None] | None = None,
) -> RNN:
    """Return the small network with all its weights fitted to the large one's outputs.

    Parameters
    ----------
    large, small : RNN
        Of the same activation, inputs and outputs. Without nodes only the read-out is fitted.
    x : (n, T, d_x) floats or (n, T) tokens
        Sequences; labels are not needed.
    weights : {"last", "mean"} or (T,) array
        Time weights of the outputs.
    inputs : bool, optional
        Fit W_i', too; by default where inputs are real numbers.
    held_out : float
        Share of the sequences, the last ones, that are not fitted: the weights that are best on
        them are returned, never worse on them than the start.
    steps : int
        At most so many.
    patience : int
        Stop when so many steps have not improved on the best by a thousandth. Where one of them
        was worse than the start, it goes on from the best, or from the start where that has gained
        less, with 16 times the damping, up to three times within `steps`.
    ridge : float
        >= 0: pull towards the start, in multiples of the mean diagonal of J^T J at the start.
    solver : {"auto", "dense", "cg"}
        J^T J formed, for outputs at the last step and at most 20,000 parameters; or conjugate
        gradients with products J v and J^T u. ``auto`` takes the cheaper by count of operations.
    iterations : int
        Of conjugate gradients, at most, in each step.
    progress : callable, optional
        Called with a `RefitStep` at the start and after each step; never without nodes.

    Raises
    ------
    ValueError
        For networks that do not fit, and where the start itself or its gradients leave the range
        of floats.

    Warns
    -----
    UserWarning
        Where there are fewer numbers to fit (sequences times outputs) than parameters.

    Examples
    --------
    >>> import numpy as np
    >>> from rnnbounds import initial_rnn, refit_closed_loop, spectral_prune
    >>> rnn = initial_rnn(6, d_x=2, d_y=1, activation="tanh", rng=0)
    >>> x = np.random.default_rng(0).normal(size=(100, 5, 2))
    >>> small = spectral_prune(rnn, x, k=3).pruned
    >>> fitted = refit_closed_loop(rnn, small, x)
    >>> def gap(net):
    ...     return float(np.abs(rnn.predictions(x) - net.predictions(x))[:, -1].mean())
    >>> gap(fitted) < gap(small)
    True
    """
    check_pair(large, small)
    checked = large.check_input(x)
    choice("solver", solver, SOLVERS)
    steps, patience = integer("steps", steps, low=0), integer("patience", patience, low=1)
    iterations = integer("iterations", iterations, low=1)
    w = read_weights(weights, checked.shape[1])
    real_inputs = checked.ndim == 3
    if inputs and not real_inputs:
        raise ValueError("inputs must be False or None for tokens, got True")
    inputs = real_inputs if inputs is None else inputs
    if small.m == 0:
        return refit_read_out(large, small, checked, w, held_out=held_out)
    exponent = output_exponent(large)
    large, small = (in_output_units(net, exponent) for net in (large, small))
    basis = _basis(large, small)
    fit, held = split(len(checked), held_out)
    ours = _sample(large, small, basis, checked[fit], w, inputs)
    theirs = (
        _sample(large, small, basis, checked[held], w, inputs) if held.stop > held.start else None
    )
    theta = ours.parameters(small, basis.T @ small.w_output, basis.T @ small.b_output)
    _warn_of_few(theta, ours)
    dense = _is_dense(solver, theta, ours, iterations)
    problem = _Fit(ours, theta, dense, nonnegative("ridge", ridge), iterations)
    # What leaves the range of floats is a trial that is refused.
    with np.errstate(over="ignore", invalid="ignore"):
        found = descend(
            problem,
            problem.origin,
            held_out=None if theirs is None else lambda flat: theirs.loss(theta.like(flat)),
            damping=_FIRST_DAMPING,
            most=_MOST_DAMPING,
            # Faster and faster: every trial is a system to be solved.
            growth=lambda refused: 4.0 * 2.0**refused,
            steps=steps,
            patience=patience,
            progress=in_units_of(progress, exponent),
        )
    best = theta.like(found)
    k = small.m
    fitted = RNN(
        best.w_hidden,
        ours.input_weights(best),
        best.V[:, -1],
        basis @ best.Y[:, :k],
        basis @ best.Y[:, k],
        small.activation,
    )
    return in_output_units(fitted, -exponent)


def check_pair(large: RNN, small: RNN) -> None:
    """Raise a ValueError that says how two networks differ where they must not."""
    for name in ("d_x", "d_y"):
        ours, theirs = getattr(small, name), getattr(large, name)
        if ours != theirs:
            raise ValueError(
                f"small must have the {name} of the large network, {theirs}, got {ours}"
            )
    if small.activation != large.activation:
        raise ValueError(
            f"small must have the activation of the large network, {large.activation.name}, "
            f"got {told_from(small.activation, large.activation)}"
        )


class _Fit:
    """The sample's loss and a ridge, as `descend` takes it."""

    def __init__(
        self, sample: Sample, start: Parameters, dense: bool, ridge: float, iterations: int
    ) -> None:
        self.sample, self.at, self.start, self.origin = sample, start, start, start.flat()
        self.dense, self.ridge, self.iterations = dense, ridge, iterations
        self.pull: float | None = None

    def value(self, theta: Array) -> float:
        # The start as it lies in memory: products round accordingly.
        self.at = self.start if theta is self.origin else self.start.like(theta)
        self.loss = self.sample.loss(self.at)
        return self.loss

    def local(self, theta: Array) -> _Ridged | None:
        system: _Dense | _Products | None = None
        if self.dense:
            system = _Dense(self.sample, self.at)
            # Of single precision, whose range states and gradients may leave.
            if not np.isfinite(system.A).all():
                system = None
        if system is None:
            system = _Products(self.sample, self.at, self.iterations)
        # Where there is no step every one would be refused, as if the start were the best.
        if not np.isfinite(system.scale) or (
            system.scale > 0 and not np.isfinite(system.b @ (system.b / system.D))
        ):
            raise FloatingPointError
        if self.pull is None:
            self.pull = self.ridge * system.scale
        if not math.isfinite(self.pull):  # nothing moves
            return None
        return _Ridged(system, self.loss, self.pull, theta - self.origin)


class _Ridged:
    """A system with a ridge around the start, `away` from theta."""

    def __init__(self, system: _Dense | _Products, loss: float, pull: float, away: Array) -> None:
        self.system, self.pull, self.away = system, pull, away
        self.total = loss + pull * float(away @ away)

    def solve(self, damping: float) -> Array:
        return self.system.solve(damping, self.pull, self.away)

    def total_at(self, fitted: float, change: Array) -> float:
        moved = self.away + change
        return fitted + self.pull * float(moved @ moved)

    def damping_after(self, damping: float, change: Array, fall: float) -> float:
        # The share of the fall that the quadratic model had promised.
        promised = self.system.promised(change, self.pull, self.away)
        gain = fall / promised if promised > 0 else 0.0
        damping *= max(1 / 3, 1 - (2 * min(gain, 1.5) - 1) ** 3) if gain > 0 else 2
        return max(damping, _LEAST_DAMPING)


class _Dense:
    """J^T J formed once for every theta; a step for another damping is one factorization."""

    def __init__(self, sample: Sample, theta: Parameters) -> None:
        # Of all sequences: the Jacobian is heavy-tailed, and a part of them promises too much.
        self.A = sample.normal_matrix(theta)
        self.b = sample.gradient(theta)
        diagonal = np.diag(self.A).copy()
        self.scale = float(diagonal.mean())
        # Marquardt's scaling, with Levenberg's for parameters that hardly matter.
        self.D = np.maximum(diagonal, 1e-3 * self.scale)

    def solve(self, damping: float, pull: float, away: Array) -> Array:
        M = self.A.copy(order="F")  # as LAPACK wants it, which would copy it again
        M.flat[:: len(M) + 1] += damping * self.D + pull + 1e-14 * self.scale
        right = self.b + pull * away
        try:
            return -np.asarray(cho_solve(cho_factor(M, overwrite_a=True), right))
        except np.linalg.LinAlgError:
            # The rounding of J^T J outweighs the damping: the loop asks again with more of it.
            return np.full_like(right, np.nan)

    def promised(self, change: Array, pull: float, away: Array) -> float:
        slope = self.b + pull * away
        curved = change @ (self.A @ change) + pull * float(change @ change)
        return float(-2 * slope @ change - curved)


class _Products:
    """Products with J^T J only; the system is solved by preconditioned conjugate gradients."""

    def __init__(self, sample: Sample, theta: Parameters, iterations: int) -> None:
        self.sample, self.theta, self.iterations = sample, theta, iterations
        self.b = sample.gradient(theta)
        self.D = _diagonal(sample, theta)
        self.scale = float(self.D.mean())
        self.D = np.maximum(self.D, 1e-3 * self.scale)
        self.image = self.b

    def solve(self, damping: float, pull: float, away: Array) -> Array:
        shift = damping * self.D + pull + 1e-14 * self.scale
        right = -(self.b + pull * away)
        x, image = conjugate_gradients(
            lambda v: self.sample.normal_product(self.theta, v),
            shift,
            right,
            self.iterations,
            _SOLVED,
            1 / (self.D + shift),
        )
        self.image = image
        return x

    def promised(self, change: Array, pull: float, away: Array) -> float:
        slope = self.b + pull * away
        return float(-2 * slope @ change - change @ self.image - pull * float(change @ change))


def _diagonal(sample: Sample, theta: Parameters) -> Array:
    """The diagonal of J^T J / n, estimated: signs on the outputs of every sequence and step."""
    rng = np.random.default_rng(0)
    V, Y = np.zeros_like(theta.V), np.zeros_like(theta.Y)
    for chunk in sample.chunks(theta):
        signs = np.where(rng.random(chunk.gap.shape) < 0.5, -1.0, 1.0)
        V += sample.squares(theta, chunk, signs)
        for t, place in sample.place.items():
            Y += sample.root[place] ** 2 * np.square(chunk.y(t)).sum(axis=0)
    result: Array = Parameters(V, Y).flat() / sample.n
    return result


def _basis(large: RNN, small: RNN) -> Array:
    """Orthonormal columns (q, r) that span what the read-outs can be; I where q is small."""
    if large.d_y <= large.m + small.m + 2:
        return np.eye(large.d_y)
    own = [large.w_output, large.b_output[:, None], small.w_output, small.b_output[:, None]]
    return np.asarray(np.linalg.qr(np.hstack(own))[0])


def _sample(large: RNN, small: RNN, basis: Array, x: Inputs, w: Array, inputs: bool) -> Sample:
    read = np.flatnonzero(w)
    n, T = x.shape[:2]
    w_output, b_output = basis.T @ large.w_output, basis.T @ large.b_output
    target = np.empty((len(read), n, len(w_output)))
    batch = max(1, _NUMBERS // (T * max(1, large.m)))
    for start in range(0, n, batch):
        h = large.states(x[start : start + batch])[:, read].transpose(1, 0, 2)
        target[:, start : start + batch] = h @ w_output.T + b_output
    return Sample(small, x, target, read, w[read], inputs)


def _is_dense(solver: str, theta: Parameters, sample: Sample, iterations: int) -> bool:
    possible = len(sample.read) == 1 and sample.read[0] == sample.T - 1
    if solver == "dense" and not possible:
        raise ValueError("solver must be cg or auto unless the last step alone is read, got dense")
    if solver == "dense" and theta.size > DENSE_LIMIT:
        raise ValueError(
            f"solver must be cg or auto above {DENSE_LIMIT} parameters, got dense for {theta.size}"
        )
    if solver != "auto":
        return solver == "dense"
    if not possible or theta.size > DENSE_LIMIT:
        return False
    p = theta.V.shape[1]
    formed = sample.n * sample.q * theta.V.size * (theta.V.size / 2 + sample.T)
    products = 8 * iterations * sample.n * sample.T * theta.k * p
    return bool(formed <= products)


def _warn_of_few(theta: Parameters, sample: Sample) -> None:
    numbers = sample.n * len(sample.read) * sample.q
    if numbers < theta.size:
        warnings.warn(few_numbers(theta.size, numbers, sample.n), stacklevel=3)
