r"""`approximation.saturation`: an error of bounded states is bounded, however long the sequence.

Where |s| <= sup, e_i = h'_i - h_{J_i} has ||e_i||_{n,w} <= c_i := sup + sqrt((S_w)_{J_i J_i})
(Minkowski), and |e_i| <= sup s - inf s =: range. So for every diagonal diag(d) >= W_o'^T W_o'

    ||W_o' e||_{n,w} <= (sum_i d_i min(c_i, range)^2)^{1/2}.

The forms M_j of `approximation.sector` follow the error backwards: after j lags what is left of
W_o' e_t beyond sum_{i<j} p_{i,t-1-i} is e_{t-j} in the form M_j, and d_j with diag(d_j) >= M_j caps
it in the same way, with c_i of step t - j. Each step t takes the j that is best for it; e_1 = 0
ends every sum. From S alone, at w = 1/T, sum_t h_{t-j,i}^2/T <= S_ii serves for every j, and one j
serves for all t.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bounds.approximation.global_ import READ_OUT
from bounds.approximation.kernels import log_kernel_sum
from bounds.approximation.residuals import (
    EPS,
    Residuals,
    covariance_of,
    log_residual_norm,
    residuals,
    time_weights,
    up,
)
from bounds.approximation.scaled import MEAN_WEIGHTS
from bounds.approximation.sector import Form, _gram, _log_traces, forms
from bounds.approximation.stepwise import diagonal_majorant
from bounds.approximation.trajectory import is_nondecreasing
from bounds.approximation.weighted import log_weighted_norm
from bounds.terms import VALID, Bound, Condition, Term, safe_log
from pruning.activations import Activation
from pruning.checks import Array, integer, real_array

if TYPE_CHECKING:
    from pruning.spectral import PrunedRNN

ID = "approximation.saturation"
TINY = float(np.finfo(np.float64).tiny)
LAGS = 24  # further back the cap is no better than before
RANGES = {"tanh": 2.0, "logistic": 1.0}  # sup s - inf s, where it is known


def saturation_bound(
    pruned: PrunedRNN,
    T: int,
    weights: ArrayLike | None = None,
    per_step: ArrayLike | None = None,
) -> Bound:
    r"""||f^ - f'||_{n,w} <= ||W_o r||_{n,w} + lags before j + (sum_i d_{j,i} c_i^2)^{1/2}.

    Parameters
    ----------
    pruned : PrunedRNN
        Both networks and the time-mean covariance of the sample that the error is measured on.
    T : int
        Length of the sequences.
    weights : (T,) array, optional
        Time weights; 1/T by default. Others need `per_step`.
    per_step : (T, m, m) array, optional
        S_t of every step.

    Returns
    -------
    Bound
        Terms ``read-out`` and ``propagated``. Lags are used where s is nondecreasing; otherwise
        j = 0.

    Raises
    ------
    ValueError
        If s is not bounded, or weights are not 1/T without `per_step`.

    Notes
    -----
    Source: theory, section 3, and this module's docstring.
    """
    T = integer("T", T, low=1)
    s = pruned.original.activation
    if s.bound == math.inf:
        raise ValueError(f"the activation must be bounded for {ID}, got {s.name}")
    w = time_weights(weights, T)
    parts, S = residuals(pruned), covariance_of(pruned)
    if per_step is not None:
        steps = real_array("per_step", per_step, (T, len(S), len(S)))
        read_out = log_weighted_norm(
            np.array([log_residual_norm(parts.output, S_t) for S_t in steps]), w
        )
        read_formula = r"\|W_o r\|_{n,w}"
        condition = Condition("w_t >= 0, sum 1", True, "Any time weights are allowed.")
    else:
        if not np.allclose(w, 1 / T, rtol=1e-12, atol=0):
            raise ValueError("per_step must be given when weights are not 1/T: S_t of every step")
        steps = S[None]
        read_out, read_formula = log_residual_norm(parts.output, S), READ_OUT
        condition = MEAN_WEIGHTS
    propagated = _propagated(parts, s, steps, w, pruned.nodes)
    formula = (
        r"\min_j \sum_{i<j} \rho\sqrt{\operatorname{Tr}[P_i Q]}"
        r" + \bigl(\sum_i d_{j,i} c_i^2\bigr)^{1/2}"
    )
    conditions = (
        condition,
        Condition("s bounded", True, f"|{s.name}| is at most {s.bound:g}."),
    )
    terms = (
        Term("read-out", read_out, read_formula, ID, {"T": T}),
        Term("propagated", propagated, formula, ID, {"T": T, "sup|s|": s.bound}),
    )
    statement = (
        rf"\|\hat f - f'\|_{{n,w}} \le {read_formula} + {formula},\;"
        r" \operatorname{diag}(d_j) \succeq M_j,\; c_i = \sup|s| + \|h_{J_i}\|_{n,w}"
    )
    return Bound(ID, statement, terms, VALID, conditions)


def _propagated(
    parts: Residuals, s: Activation, steps: Array, w: Array, nodes: NDArray[np.int64]
) -> float:
    """Log of the propagated term, rounded up; `steps` is one matrix where only the mean is known."""
    T, k = len(w), len(nodes)
    if T == 1 or k == 0 or not parts.w_output.any():
        return -math.inf
    # In units of W_o', which are exact.
    unit = int(np.frexp(np.abs(parts.w_output).max())[1])
    parts = replace(parts, w_output=np.ldexp(parts.w_output, -unit))
    size = np.sqrt(np.maximum(np.diagonal(steps, axis1=1, axis2=2)[:, nodes], 0))
    reach = np.minimum((s.bound + size) * (1 + 8 * EPS), RANGES.get(s.name, 2 * s.bound))
    lags = T - 1 if is_nondecreasing(s.name) else 1
    S = steps.mean(axis=0)
    values = []
    for damping in (0.0, 0.3) if lags > 1 else (0.0,):
        used, caps = _followed(parts, S, reach, min(lags, LAGS), T, damping)
        values.append(_ended(parts, used, caps, steps, w))
    return up(min(values) + unit * math.log(2))


def _followed(
    parts: Residuals, S: Array, reach: Array, lags: int, T: int, damping: float
) -> tuple[list[Form], Array]:
    """Forms P_j, j = 0..lags-2, and log (sum_i d_{j,i} c_i^2)^{1/2} by j and step, rounded up."""
    k = reach.shape[1]
    weight = np.square(reach).mean(axis=0)
    Q = _gram(parts, S)[0]
    drive = float(np.trace(Q))
    target = Q / drive if drive > 0 else np.zeros((k, k))
    moved = target
    for _ in range(min(lags, 20)):
        moved = damping * parts.w_hidden @ moved @ parts.w_hidden.T
        if not 0 < float(np.abs(moved).max()) < 1e100:
            break
        target = target + moved
    target = target / max(float(np.trace(target)), TINY) + 1e-6 * np.eye(k) / k

    M = parts.w_output.T @ parts.w_output
    slip = 2 * (len(parts.w_output) + 2) * EPS * float(np.square(parts.w_output).sum())
    log_scale, used, caps = 0.0, [], []
    following = forms(parts, target, lags)
    while True:
        M = (M + M.T) / 2 + slip * np.eye(k)
        log_size = safe_log(float(np.trace(M)))
        if log_size == -math.inf:
            caps.append(np.full(len(reach), -math.inf))
            break
        d = majorant(M / float(np.trace(M)), weight)
        log_caps = np.log(np.square(reach) @ d) + log_size + log_scale
        caps.append(0.5 * log_caps + (k + 16) * EPS * (1 + np.abs(log_caps) + abs(log_size)))
        form = next(following, None)
        if form is None:
            break
        used.append(form)
        M = parts.w_hidden.T @ form.matrix @ parts.w_hidden
        weights = float(np.square(parts.w_hidden).sum())
        slip = 4 * (k + 2) * EPS * weights * float(np.linalg.norm(form.matrix))
        log_scale = form.log_scale + 2 * parts.log_rho
    return used, np.array(caps)


def _ended(parts: Residuals, used: list[Form], caps: Array, steps: Array, w: Array) -> float:
    """Log of the sums of lags, each ended where it is least, over all steps."""
    T = len(w)
    if len(steps) == 1:
        p = _log_traces(parts, used, steps)[:, 0] if used else np.zeros(0)
        ends = [log_kernel_sum(np.array([*p[:j], cap])) for j, cap in enumerate(caps[:, 0])]
        # One part for each of the T - 1 lags is the whole sum.
        return min([*ends, log_kernel_sum(p)] if len(p) == T - 1 else ends)
    p = _log_traces(parts, used, steps[:-1]) if used else np.zeros((0, T - 1))
    logs = np.full(T, -math.inf)
    for t in range(2, T + 1):
        # e_t = sum of the lags 0..j-1 (residuals of the steps t-1..t-j) and of e_{t-j}; e_1 = 0.
        known = [p[i, t - 2 - i] for i in range(min(len(p), t - 1))]
        ends = [
            log_kernel_sum(np.array([*known[:j], caps[j, t - j - 1]]))
            for j in range(min(len(caps), t - 1))
        ]
        if len(known) == t - 1:
            ends.append(log_kernel_sum(np.array(known)))
        logs[t - 1] = min(ends)
    return log_weighted_norm(logs[1:], w[1:])


def majorant(M: Array, weight: Array) -> Array:
    """A small d > 0 with diag(d) >= M: sum_i weight_i d_i is made small.

    Parameters
    ----------
    M : (k, k) array
        Symmetric, positive semidefinite up to rounding, of trace about 1.
    weight : (k,) array
        Positive.
    """
    k = len(M)
    values, U = np.linalg.eigh(M)
    root = (U * np.sqrt(np.maximum(values, 1e-15))).T
    d, _ = diagonal_majorant(root, weight / weight.max())
    scaled = M / np.sqrt(d) / np.sqrt(d)[:, None]
    # An eigenvalue is off by less than 16 k eps times the norm.
    top = float(np.linalg.eigvalsh(scaled)[-1]) + 32 * k * EPS * float(np.linalg.norm(scaled))
    return np.asarray(d * max(top, 1.0) * (1 + 8 * EPS))
