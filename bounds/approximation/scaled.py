"""`approximation.scaled`: norms weighted by a positive diagonal, optimised.

An elementwise rho-Lipschitz s keeps ||D(s(a) - s(b))|| <= rho ||D(a - b)|| for every positive
diagonal D, so the recursion may be read in any such norm. One D for all steps is here; one a lag is
in `stepwise`. The search for D is numerical, and its quality cannot invalidate the bound, which is
evaluated anew, rounded up, at the D that it ends with.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import minimize

from bounds.approximation.closed import fails_closed
from bounds.approximation.global_ import READ_OUT, json_log
from bounds.approximation.kernels import log_geometric_toeplitz_norm
from bounds.approximation.residuals import (
    Residuals,
    covariance_of,
    log_norm,
    log_read_out,
    log_row_drives,
    residuals,
    runs_condition,
)
from bounds.rounding import add_up, log_sum_up, roundings, up
from bounds.terms import VALID, Bound, Condition, Term
from pruning.checks import Array, integer, real_array

if TYPE_CHECKING:
    from pruning.spectral import PrunedRNN

REACH = 40.0  # largest |log D_i|: the infimum may lie at infinity, for a nilpotent W_h' say
MEAN_WEIGHTS = Condition(
    "w = 1/T", True, "The error and the residuals are averaged evenly over time."
)


@fails_closed("approximation.scaled")
def scaled_bound(pruned: PrunedRNN, T: int, scaling: ArrayLike | None = None) -> Bound:
    r"""`approximation.toeplitz` in the norm ||D .||, D a positive diagonal.

    ||f^ - f'||_{n,T} <= ||W_o r||_{n,T}
    + ||W_o' D^{-1}||_2 rho ||L_T(rho ||D W_h' D^{-1}||_2)||_2 ||D W_h[J,:] r||_{n,T}.

    Parameters
    ----------
    pruned : PrunedRNN
        Both networks and the time-mean covariance of the sample that the error is measured on.
    T : int
        Length of the sequences.
    scaling : (k,) array, optional
        The diagonal of D, positive. By default it is optimised, from D = I and from the D that
        balances W_h'; the best one met, D = I included, is kept, so the result is never above
        `toeplitz_bound`.

    Notes
    -----
    The propagated term is log-convex in log D. Norms are replaced by Schatten norms of rising order
    during the search, because the spectral norm has a kink where its minima usually are.
    Source: theory, section 3.
    """
    T = integer("T", T, low=1)
    parts = residuals(pruned)
    S = covariance_of(pruned)
    log_q = log_row_drives(parts, S)
    k = len(log_q)
    if scaling is None:
        log_d = optimal_scaling(parts, log_q, T)
    else:
        log_d = np.log(positive_array("scaling", scaling, k))
    id = "approximation.scaled"
    log_kappa, log_readout, log_drive = scaled_norms(parts, log_q, log_d)
    log_gain = log_geometric_toeplitz_norm(parts.log_rho + log_kappa, T)
    formula = (
        r"\|W_o' D^{-1}\|_2\,\rho\,\|L_T(\rho\|D W_h' D^{-1}\|_2)\|_2\,\|D W_h[J,:]\, r\|_{n,T}"
    )
    inputs = {
        "T": T,
        "k": k,
        "rho": parts.rho,
        "log kappa_D": json_log(log_kappa),
        "log kappa": json_log(parts.log_kappa),
        "log ||W_o' D^-1||_2": json_log(log_readout),
        "log gain": json_log(log_gain),
        "log ||D W_h[J,:] r||": json_log(log_drive),
        "log D": [float(v) for v in log_d],
    }
    terms = (
        Term("read-out", log_read_out(parts, S), READ_OUT, id, {"T": T}),
        Term(
            "propagated",
            add_up(log_readout, parts.log_rho, log_gain, log_drive),
            formula,
            id,
            inputs,
        ),
    )
    statement = rf"\|\hat f - f'\|_{{n,T}} \le {READ_OUT} + {formula}"
    return Bound(id, statement, terms, VALID, (MEAN_WEIGHTS, runs_condition(pruned)))


def positive_array(name: str, value: ArrayLike, size: int) -> Array:
    """Return `value` as a (size,) array > 0."""
    array = real_array(name, value, (size,))
    if array.size and array.min() <= 0:
        raise ValueError(f"{name} must be positive, got {array.min():g}")
    return array


def scaled_norms(parts: Residuals, log_q: Array, log_d: Array) -> tuple[float, float, float]:
    """Log of ||D W_h' D^{-1}||_2, ||W_o' D^{-1}||_2 and ||D W_h[J,:] r||, rounded up.

    Each entry is off by a factor in 1 +- a, a few roundings of its exponent; a matrix perturbed in
    that way moves by at most a sqrt(k) of its norm.
    """
    if log_d.size == 0:
        return -math.inf, -math.inf, -math.inf
    slack = roundings(8 * len(log_d), 1 + float(np.abs(log_d).max()))
    kappa = log_norm(parts.w_hidden * np.exp(log_d[:, None] - log_d[None, :]))
    readout = log_norm(parts.w_output * np.exp(-log_d))
    drive = 0.5 * log_sum_up(log_q + 2 * log_d)
    return kappa + slack, readout + slack, up(drive) + slack


def optimal_scaling(parts: Residuals, log_q: Array, T: int) -> Array:
    """Log of a diagonal that makes the propagated term small; never worse than D = I."""
    k = len(log_q)
    identity = np.zeros(k)
    live = np.isfinite(log_q)
    if k == 0 or T < 2 or not live.any() or not parts.w_output.any():
        return identity
    # A row without residual costs nothing to weigh; a floor keeps it from running to infinity.
    floor = np.where(live, log_q, -math.inf)
    floor = np.maximum(floor, floor.max() - 60)

    def value(log_d: Array) -> float:
        kappa, readout, drive = scaled_norms(parts, log_q, log_d)
        gain = log_geometric_toeplitz_norm(parts.log_rho + kappa, T)
        return add_up(readout, gain, drive)

    best, best_value = identity, value(identity)
    for start in (identity, balancing(parts.w_hidden)):
        log_d = start
        for order in (4, 16, 64, 256):
            found = minimize(
                _smooth_value,
                log_d,
                args=(parts, floor, T, order),
                jac=True,
                method="L-BFGS-B",
                bounds=[(-REACH, REACH)] * k,
                options={"maxiter": 150},
            )
            log_d = np.clip(found.x - found.x.mean(), -REACH, REACH)
            now = value(log_d)
            if now < best_value:
                best, best_value = log_d, now
    return best


def balancing(W: Array) -> Array:
    """Log of the D that balances row and column norms of D W D^{-1} (Osborne's iteration)."""
    k = len(W)
    log_d = np.zeros(k)
    square = np.square(W)
    np.fill_diagonal(square, 0)
    for _ in range(30):
        scaled = square * np.exp(2 * (log_d[:, None] - log_d[None, :]))
        rows, columns = scaled.sum(1), scaled.sum(0)
        both = (rows > 0) & (columns > 0)
        # Half a step: all coordinates move at once.
        step = np.zeros(k)
        step[both] = 0.125 * np.log(columns[both] / rows[both])
        log_d = np.clip(log_d + step, -REACH / 2, REACH / 2)
    return log_d


def _smooth_value(
    log_d: Array, parts: Residuals, log_q: Array, T: int, order: int
) -> tuple[float, Array]:
    """Log of the propagated term with Schatten norms, and its gradient in log D."""
    readout, _, right = _schatten(parts.w_output * np.exp(-log_d), order)
    log_kappa, rows, columns = _schatten(
        parts.w_hidden * np.exp(log_d[:, None] - log_d[None, :]), order
    )
    log_a = parts.log_rho + log_kappa
    gain = log_geometric_toeplitz_norm(log_a, T)
    slope = 0.0
    if math.isfinite(log_a):
        slope = (log_geometric_toeplitz_norm(log_a + 1e-5, T) - gain) / 1e-5
    logs = log_q + 2 * log_d
    top = float(logs.max())
    shares = np.exp(logs - top)
    drive = 0.5 * (top + math.log(float(shares.sum())))
    gradient = -right + slope * (rows - columns) + shares / shares.sum()
    return readout + gain + drive, gradient


def _schatten(M: Array, order: int) -> tuple[float, Array, Array]:
    """Log of (sum sigma^p)^{1/p} with its derivatives in the logs of the row and column scales."""
    u, sigma, vt = np.linalg.svd(M, full_matrices=False)
    if sigma.size == 0 or sigma[0] == 0:
        return -math.inf, np.zeros(M.shape[0]), np.zeros(M.shape[1])
    with np.errstate(under="ignore"):
        ratio = (sigma / sigma[0]) ** order
    total = float(ratio.sum())
    weight = ratio / total
    value = math.log(float(sigma[0])) + math.log(total) / order
    return value, np.square(u) @ weight, weight @ np.square(vt)
