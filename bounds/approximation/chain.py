"""The slack chain: measured error <= every step of the proof <= the published bound.

Each entry is provably at least the one before it, so the ratio of two neighbours is what that step
of the proof of `approximation.global` gives away. Everything is measured on one sample, in one
pass over both networks.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from bounds.approximation.kernels import (
    geometric_kernel,
    log_geometric_sum,
    log_geometric_toeplitz_norm,
    log_toeplitz_norm,
)
from bounds.approximation.measured import output_gap, paired_runs
from bounds.approximation.recursion import log_convolved, log_state_norms
from bounds.approximation.residuals import Residuals, residuals
from bounds.approximation.weighted import convolve, log_weighted_norm
from bounds.rounding import add_up, log_sum_up, log_up, roundings, up
from bounds.terms import Bound, Term
from pruning.checks import Array, time_weights

if TYPE_CHECKING:
    from pruning.spectral import PrunedRNN

SOURCE = "approximation.global"


def slack_chain(
    pruned: PrunedRNN, x: ArrayLike, batch: int = 256, weights: ArrayLike | None = None
) -> list[Bound]:
    r"""Every step from the measured error to the published bound.

    Parameters
    ----------
    pruned : PrunedRNN
        Both networks; its covariance is not used, the sample's own second moments are.
    x : (n, T, d_x) floats or (n, T) tokens
        The sample.
    batch : int
        Sequences held in memory at a time.
    weights : (T,) array, optional
        Time weights w; 1/T by default.

    Returns
    -------
    list of Bound
        In rising order, with the ids

        - ``measured``: ||f^ - f'||_{n,w};
        - ``split``: ||W_o r|| + ||W_o' e|| (triangle inequality);
        - ``operator``: ||W_o' e|| <= ||W_o'||_2 ||e||;
        - ``lipschitz``: ||e_t|| <= rho (||W_h' e_{t-1}|| + ||W_h[J,:] r_{t-1}||), measured e;
        - ``one_step``: ||W_h' e_{t-1}|| <= kappa ||e_{t-1}||, measured e;
        - ``approximation.recursion``: unrolled, so that e is not needed any more;
        - ``approximation.weighted``: Minkowski over the sample, one number a step;
        - ``approximation.toeplitz``: the time steps replaced by their mean, spectral norm;
        - ``approximation.global``: Young's inequality;
        - ``losses``: residuals replaced by the ridge losses, which charge for tau.

        With `weights` the last three, which hold for 1/T, give way to one:

        - ``approximation.weighted_from_mean``: the time steps replaced by their mean.

        The terms of each are ``read-out`` and ``propagated`` (one term ``error`` in the first).

    Examples
    --------
    >>> import numpy as np
    >>> from rnnbounds import initial_rnn, slack_chain, spectral_prune
    >>> rnn = initial_rnn(6, d_x=2, d_y=1, activation="tanh", rng=0)
    >>> x = np.random.default_rng(0).normal(size=(20, 5, 2))
    >>> steps = slack_chain(spectral_prune(rnn, x, k=4), x)
    >>> [step.id.removeprefix("approximation.") for step in steps[:4]]
    ['measured', 'split', 'operator', 'lipschitz']
    >>> steps[0].total <= steps[-1].total
    True
    """
    parts = residuals(pruned)
    sums = _measure(pruned, parts, x, batch, weights)
    norm = "n,T" if weights is None else "n,w"
    read_out = sums.mean_norm(sums.read_out)
    log_a = parts.log_rho + parts.log_kappa
    log_T = math.log(sums.T)
    per_step = np.array([up(0.5 * (v - math.log(sums.n))) for v in _logs(sums.drive_per_step)])
    steps = convolve(geometric_kernel(parts, sums.T), per_step[:-1]) + parts.log_rho
    w = time_weights(weights, sums.T)
    minkowski = log_weighted_norm(steps, w[1:])

    def entry(id: str, propagated: float, formula: str, read: float = read_out) -> Bound:
        formula = formula.replace("n,*", norm).replace("_*", "_T" if weights is None else "_w")
        read_formula = rf"\|W_o r\|_{{{norm}}}"
        terms = (
            Term("read-out", read, read_formula, SOURCE),
            Term("propagated", propagated, formula, SOURCE),
        )
        return Bound(id, rf"\|\hat f - f'\|_{{{norm}}} \le {read_formula} + {formula}", terms)

    def outside(log_value: float) -> float:
        return add_up(parts.log_readout, log_value)

    error = 0.5 * (log_up(sums.error) - math.log(sums.n) - (log_T if weights is None else 0.0))
    measured = rf"\|\hat f - f'\|_{{{norm}}}"
    chain = [
        Bound("measured", measured, (Term("error", error, measured, SOURCE),)),
        entry("split", sums.mean_norm(sums.spread_out), r"\|W_o' e\|_{n,*}"),
        entry("operator", outside(sums.mean_norm(sums.spread)), r"\|W_o'\|_2 \|e\|_{n,*}"),
        entry(
            "lipschitz",
            outside(sums.mean_norm(sums.lipschitz)),
            r"\|W_o'\|_2\,\rho\,\bigl\| \|W_h' e_{t-1}\| + \|W_h[J,:] r_{t-1}\| \bigr\|_{n,*}",
        ),
        entry(
            "one_step",
            outside(sums.mean_norm(sums.one_step)),
            r"\|W_o'\|_2\,\rho\,\bigl\| \kappa\|e_{t-1}\| + \|W_h[J,:] r_{t-1}\| \bigr\|_{n,*}",
        ),
        entry(
            "approximation.recursion",
            outside(sums.mean_norm(sums.recursion)),
            r"\|W_o'\|_2 \|v\|_{n,*},\; v_t = \rho(\kappa v_{t-1} + \|W_h[J,:] r_{t-1}\|)",
        ),
        entry(
            "approximation.weighted",
            outside(minkowski),
            r"\|W_o'\|_2 \|u\|_*,\; u_t = \rho(\kappa u_{t-1} + \|W_h[J,:] r_{t-1}\|_n)",
        ),
    ]
    if weights is not None:
        toeplitz = r"\rho\sqrt{T}\,\|\operatorname{diag}(\sqrt{w_2},\dots,\sqrt{w_T})\,L_T\|_2"
        log_gain = log_toeplitz_norm(geometric_kernel(parts, sums.T), w[1:])
        value = add_up(parts.log_readout, parts.log_rho, 0.5 * log_T, log_gain, sums.log_drive)
        formula = rf"\|W_o'\|_2\,{toeplitz}\,\|W_h[J,:]\, r\|_{{n,T}}"
        return [*chain, entry("approximation.weighted_from_mean", value, formula)]
    drive = sums.log_drive
    gains = {
        "approximation.toeplitz": log_geometric_toeplitz_norm(log_a, sums.T),
        "approximation.global": log_geometric_sum(log_a, sums.T),
    }
    symbols = {
        "approximation.toeplitz": r"\|L_T(\rho\kappa)\|_2",
        "approximation.global": r"\Gamma_T(\rho\kappa)",
    }
    for id, gain in gains.items():
        formula = rf"\|W_o'\|_2\,\rho\,{symbols[id]}\,\|W_h[J,:]\, r\|_{{n,T}}"
        chain.append(entry(id, add_up(parts.log_readout, parts.log_rho, gain, drive), formula))
    lossy_read = _with_ridge(read_out, pruned.pruned.w_output, pruned.tau)
    lossy_drive = _with_ridge(drive, pruned.pruned.w_hidden, pruned.tau)
    chain.append(
        entry(
            "losses",
            add_up(parts.log_readout, parts.log_rho, gains["approximation.global"], lossy_drive),
            r"\|W_o'\|_2\,\rho\,\Gamma_T(\rho\kappa)\sqrt{L_B(W_h[J,:])}",
            lossy_read,
        )
    )
    return chain


@dataclass
class _Sums:
    """Logarithms of weighted sums of squares over sequences and steps; `error` is the plain sum.

    Without weights every step counts once, and with `drive` in any case.
    """

    n: int
    T: int
    weighted: bool
    error: float
    read_out: list[float]
    drive: list[float]
    spread_out: list[float]
    spread: list[float]
    lipschitz: list[float]
    one_step: list[float]
    recursion: list[float]
    drive_per_step: list[Array]

    def mean_norm(self, logs: list[float]) -> float:
        """Log of the norm in L2 of the sample and of the time weights, rounded up."""
        if self.weighted:
            return up(0.5 * (log_sum_up(np.array(logs)) - math.log(self.n)))
        return self._over_time(logs)

    @property
    def log_drive(self) -> float:
        """Log of ||W_h[J,:] r||_{n,T}, rounded up."""
        return self._over_time(self.drive)

    def _over_time(self, logs: list[float]) -> float:
        total = log_sum_up(np.array(logs))
        return up(0.5 * (total - math.log(self.n) - math.log(self.T)))


def _measure(
    pruned: PrunedRNN, parts: Residuals, x: ArrayLike, batch: int, weights: ArrayLike | None
) -> _Sums:
    log_c, nodes = None, pruned.nodes
    w: Array | None = None
    sums: _Sums | None = None
    for runs in paired_runs(pruned, x, batch):
        h = runs.states
        n, T = h.shape[:2]
        if sums is None:
            sums = _Sums(0, T, weights is not None, 0.0, [], [], [], [], [], [], [], [])
            log_c = geometric_kernel(parts, T)
            w = None if weights is None else time_weights(weights, T)
        assert log_c is not None
        sums.n += n
        gap = output_gap(pruned, runs)
        squares = np.square(gap)
        sums.error += float(squares.sum() if w is None else squares.sum(axis=(0, 2)) @ w)
        e = runs.pruned_states - h[:, :, nodes]
        k = len(nodes)
        norm_e = log_state_norms(e, np.eye(k))
        inner_e = log_state_norms(e[:, :-1], parts.w_hidden)
        log_drive = log_state_norms(h, parts.hidden)
        drive = log_drive[:, :-1]
        sums.read_out.append(_log_squares(log_state_norms(h, parts.output), w))
        sums.drive.append(_log_squares(log_drive))
        sums.drive_per_step.append(_log_squares_by_step(log_drive))
        sums.spread_out.append(_log_squares(log_state_norms(e, parts.w_output), w))
        sums.spread.append(_log_squares(norm_e, w))
        step = np.logaddexp(inner_e, drive) + parts.log_rho
        sums.lipschitz.append(_log_squares(step, w))
        step = np.logaddexp(parts.log_kappa + norm_e[:, :-1], drive) + parts.log_rho
        sums.one_step.append(_log_squares(step, w))
        sums.recursion.append(_log_squares(log_convolved(log_c, drive) + parts.log_rho, w))
    assert sums is not None
    return sums


def _log_squares(logs: Array, w: Array | None = None) -> float:
    """Log of the sum of squares; with w the squares of its last steps count w_t times."""
    if w is None:
        return log_sum_up(2 * logs.ravel())
    w = w[len(w) - logs.shape[1] :]
    return log_sum_up((2 * logs[:, w > 0] + np.log(w[w > 0])).ravel())


def _log_squares_by_step(logs: Array) -> Array:
    return np.array([log_sum_up(2 * logs[:, t]) for t in range(logs.shape[1])])


def _logs(per_batch: list[Array]) -> Array:
    stacked = np.array(per_batch)
    return np.array([log_sum_up(stacked[:, t]) for t in range(stacked.shape[1])])


def _with_ridge(log_norm: float, W: Array, tau: Array) -> float:
    """Log of sqrt(Tr[Z R Z^T] + ||Z A||_tau^2), which is L_B at the ridge reconstruction."""
    tau = np.broadcast_to(np.asarray(tau, dtype=np.float64), (W.shape[1],))
    with np.errstate(over="ignore", invalid="ignore"):
        charge = float((np.square(W).sum(0) * tau).sum())
    if math.isnan(charge):
        charge = math.inf
    if charge == 0:
        return log_norm
    total = float(np.logaddexp(2 * log_norm, math.log(charge)))
    return up(0.5 * total + roundings(W.size))
