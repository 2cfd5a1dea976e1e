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

from bounds.approximation.closed import FAILED, exponent_of, nothing_found
from bounds.approximation.global_ import READ_OUT
from bounds.approximation.residuals import (
    Residuals,
    covariance_of,
    log_read_out,
    residuals,
    runs_condition,
)
from bounds.approximation.scaled import MEAN_WEIGHTS
from bounds.approximation.sector import Form, first_target, forms, log_traces
from bounds.approximation.stepwise import diagonal_majorant
from bounds.approximation.trajectory import is_nondecreasing
from bounds.approximation.weighted import log_weighted_norm
from bounds.rounding import inner_product, log_sum_up, raised, roundings, up
from bounds.terms import VALID, Bound, Condition, Term
from pruning.activations import Activation
from pruning.checks import Array, integer, real_array, time_weights

if TYPE_CHECKING:
    from pruning.spectral import PrunedRNN

ID = "approximation.saturation"
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
    parts = residuals(pruned)
    try:
        S = covariance_of(pruned)
    except FAILED as error:
        return nothing_found(ID, str(error))
    # The covariance of the pair may be in units of its own.
    exponent = pruned.exponent if per_step is None else 0
    if per_step is not None:
        steps = real_array("per_step", per_step, (T, len(S), len(S)))
        read_out = log_weighted_norm(np.array([log_read_out(parts, S_t) for S_t in steps]), w)
        read_formula = r"\|W_o r\|_{n,w}"
        condition = Condition("w_t >= 0, sum 1", True, "Any time weights are allowed.")
    else:
        if not np.allclose(w, 1 / T, rtol=1e-12, atol=0):
            raise ValueError("per_step must be given when weights are not 1/T: S_t of every step")
        steps = S[None]
        read_out, read_formula = up(log_read_out(parts, S) + exponent * math.log(2)), READ_OUT
        condition = MEAN_WEIGHTS
    notes: tuple[str, ...] = ()
    try:
        with np.errstate(over="raise", invalid="raise", divide="raise", under="ignore"):
            propagated = _propagated(parts, s, steps, w, pruned.nodes, exponent)
    except FAILED as error:
        propagated, notes = math.inf, (f"No bound was found in floating point ({error}).",)
    formula = (
        r"\min_j \sum_{i<j} \rho\sqrt{\operatorname{Tr}[P_i Q]}"
        r" + \bigl(\sum_i d_{j,i} c_i^2\bigr)^{1/2}"
    )
    conditions = (
        condition,
        Condition("s bounded", True, f"|{s.name}| is at most {s.bound:g}."),
        runs_condition(pruned, per_step),
    )
    terms = (
        Term("read-out", read_out, read_formula, ID, {"T": T}),
        Term("propagated", propagated, formula, ID, {"T": T, "sup|s|": s.bound}),
    )
    statement = (
        rf"\|\hat f - f'\|_{{n,w}} \le {read_formula} + {formula},\;"
        r" \operatorname{diag}(d_j) \succeq M_j,\; c_i = \sup|s| + \|h_{J_i}\|_{n,w}"
    )
    return Bound(ID, statement, terms, VALID, conditions, notes)


def _propagated(
    parts: Residuals,
    s: Activation,
    steps: Array,
    w: Array,
    nodes: NDArray[np.int64],
    exponent: int,
) -> float:
    """Log of the propagated term, rounded up; one matrix in `steps` is the mean over time."""
    T, k = len(w), len(nodes)
    if T == 1 or k == 0 or not parts.w_output.any():
        return -math.inf
    # In units of W_o', which are exact.
    unit = exponent_of(parts.w_output)
    scaled = np.ldexp(parts.w_output, -unit)
    if ((scaled == 0) & (parts.w_output != 0)).any():
        raise FloatingPointError("the entries of the read-outs span more than the range of floats")
    parts = replace(parts, w_output=scaled)
    size = np.sqrt(np.maximum(np.diagonal(steps, axis1=1, axis2=2)[:, nodes], 0))
    reach = np.ldexp(raised(size, 64), exponent) + s.bound
    reach = np.minimum(raised(reach, 8), RANGES.get(s.name, 2 * s.bound))
    # States in units of their own are tiny or huge: then no lag is followed.
    lags = min(T - 1, LAGS) if is_nondecreasing(s.name) and exponent == 0 else 0
    S = steps.mean(axis=0)
    values = []
    for damping in (0.0, 0.3) if lags else (0.0,):
        used, caps = followed_back(parts, S, reach, lags, damping)
        values.append(log_ended(parts, used, caps, steps, w))
    return up(min(values) + unit * math.log(2))


def followed_back(
    parts: Residuals, S: Array, reach: Array, lags: int, damping: float
) -> tuple[list[Form], Array]:
    """Forms P_j of the lags, and log (sum_i d_{j,i} c_i^2)^{1/2} by j and step, rounded up."""
    k = reach.shape[1]
    weight = np.square(reach).mean(axis=0)
    M = parts.w_output.T @ parts.w_output
    slip = inner_product(len(parts.w_output), 2 * float(np.square(parts.w_output).sum()))
    log_scale, caps = 0.0, []
    used: list[Form] = []
    if lags:
        following = forms(parts, first_target(parts, S, lags + 1, damping, 1e-6), lags + 1)
    while True:
        # What rounding may have taken from M comes back as a multiple of I.
        M = (M + M.T) / 2 + slip * np.eye(k)
        size = float(np.trace(M))
        d = majorant(M / size, weight)
        logs = np.log(np.square(reach) @ d) + math.log(size) + log_scale
        reached = 1 + np.abs(logs) + abs(math.log(size)) + abs(log_scale)
        caps.append(0.5 * logs + roundings(k + 16, reached))
        if len(used) == lags:
            break
        used.append(next(following))
        if len(used) == lags or not used[-1].matrix.any():
            break
        P = used[-1]
        M = parts.w_hidden.T @ P.matrix @ parts.w_hidden
        if not M.any():
            break
        square = float(np.square(parts.w_hidden).sum())
        slip = inner_product(k, 4 * square * float(np.linalg.norm(P.matrix)))
        log_scale = up(P.log_scale + 2 * parts.log_rho)
    return used, np.array(caps)


def log_ended(parts: Residuals, used: list[Form], caps: Array, steps: Array, w: Array) -> float:
    """Log of the sums of lags, each ended where it is least, over all steps."""
    T = len(w)
    if len(steps) == 1:
        p = log_traces(parts, used, steps)[:, 0] if used else np.zeros(0)
        ends = [log_sum_up(np.array([*p[:j], cap])) for j, cap in enumerate(caps[:, 0])]
        # One part for each of the T - 1 lags is the whole sum.
        return min([*ends, log_sum_up(p)] if len(p) == T - 1 else ends)
    p = log_traces(parts, used, steps[:-1]) if used else np.zeros((0, T - 1))
    logs = np.full(T, -math.inf)
    for t in range(2, T + 1):
        # e_t = sum of the lags 0..j-1 (residuals of the steps t-1..t-j) and of e_{t-j}; e_1 = 0.
        known = [p[i, t - 2 - i] for i in range(min(len(p), t - 1))]
        ends = [
            log_sum_up(np.array([*known[:j], caps[j, t - j - 1]]))
            for j in range(min(len(caps), t - 1))
        ]
        if len(known) == t - 1:
            ends.append(log_sum_up(np.array(known)))
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
    top = float(np.linalg.eigvalsh(scaled)[-1]) + roundings(32 * k, float(np.linalg.norm(scaled)))
    return np.asarray(raised(d * max(top, 1.0), 8))
