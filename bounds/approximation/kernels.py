"""Gains of the recurrence, in log space: Gam_T, Toeplitz norms, norms of matrix powers.

A kernel is the array of log c_j, j = 0..T-2, where the error at step t is at most
rho sum_j c_j ||W_h[J,:] r_{t-1-j}||. Everything returned is rounded up: the allowance added is at
least the first-order bound on the rounding of the sums and exponentials that made it.
"""

from __future__ import annotations

import math

import numpy as np

from bounds.approximation.residuals import Residuals, log_norm
from bounds.rounding import add_up, log_sum_up, roundings, up
from pruning.bisection import last_holding
from pruning.checks import Array

DENSE_LIMIT = 1200  # (T-1) x (T-1) singular values take a second at this size


def geometric_kernel(residuals: Residuals, T: int) -> Array:
    """Log of (rho kappa)^j, j = 0..T-2 (0^0 = 1)."""
    return log_powers(residuals.log_rho + residuals.log_kappa, T)


def power_kernel(residuals: Residuals, T: int) -> Array:
    """Log of rho^j min(kappa^j, || |W_h'|^j ||_2), j = 0..T-2 (`approximation.power`)."""
    kappa = log_powers(residuals.log_kappa, T)
    powers = log_power_norms(np.abs(residuals.w_hidden), T)
    result: Array = np.minimum(kappa, powers) + np.arange(T - 1) * residuals.log_rho
    return result


def log_powers(log_a: float, T: int) -> Array:
    """Log of a^j, j = 0..T-2."""
    if log_a == -math.inf:
        return np.where(np.arange(T - 1) == 0, 0.0, -math.inf)
    return np.asarray(np.arange(T - 1) * log_a, dtype=np.float64)


def log_geometric_sum(log_a: float, T: int) -> float:
    """Log of Gam_T(a) = sum_{j=0}^{T-2} a^j, rounded up; -inf at T = 1.

    The sum is taken term by term: (a^{T-1} - 1)/(a - 1) cancels near a = 1.
    """
    return log_sum_up(log_powers(log_a, T))


def log_toeplitz_norm(kernel: Array, weights: Array | None = None) -> float:
    """Log of the spectral norm of the lower triangular Toeplitz matrix (c_{s-t}), rounded up.

    Parameters
    ----------
    kernel : (N,) array
        log c_j.
    weights : (N,) array, optional
        Row s is multiplied by sqrt(weights_s).

    Notes
    -----
    Never above Young's sum when unweighted. Up to N = 1200 singular values are computed, with the
    largest exponent taken out; above it Schur's test, sqrt(largest row sum times largest column
    sum), which for no weights is Young's sum.
    """
    N = len(kernel)
    if N == 0:
        return -math.inf
    log_w = np.zeros(N)
    if weights is not None:
        with np.errstate(divide="ignore"):
            log_w = 0.5 * np.log(weights)
    if log_w.max() == -math.inf:
        return -math.inf
    young = add_up(log_sum_up(kernel), float(log_w.max()))
    if N > DENSE_LIMIT:
        return young
    lag = np.arange(N)[:, None] - np.arange(N)[None, :]
    logs = np.where(lag >= 0, kernel[np.maximum(lag, 0)], -math.inf) + log_w[:, None]
    return min(young, log_norm_of_nonnegative(logs))


def log_geometric_toeplitz_norm(log_a: float, T: int) -> float:
    """Log of ||L_T(a)||_2, L_T = (a^{s-t})_{s >= t} of size T - 1, rounded up, in O(T).

    For L >= 0 and any vector v > 0, ||L||_2^2 <= max_i (L^T L v)_i / v_i (Collatz and Wielandt), so
    v need not be exact. The inverse of L is bidiagonal, (L^T L)^{-1} tridiagonal, and its lowest
    eigenvector is v_i = sin((T - i) theta) with sin(T theta) = a sin((T - 1) theta), or sinh in
    place of sin when a > T/(T - 1). At a = 1 the norm is 1/(2 sin(pi/(4T - 2))).
    """
    N = T - 1
    if N == 0:
        return -math.inf
    young = log_geometric_sum(log_a, T)
    if N == 1 or log_a == -math.inf:
        return young
    log_v = _log_perron_vector(log_a, N)
    steps = np.arange(N) * log_a
    # y = L v and z = L^T y, each a running sum of positive numbers.
    y = np.logaddexp.accumulate(log_v - steps) + steps
    z = np.logaddexp.accumulate((y + steps)[::-1])[::-1] - steps
    size = float(max(np.abs(steps).max(), np.abs(y).max(), np.abs(z).max(), np.abs(log_v).max()))
    return min(young, 0.5 * float((z - log_v).max()) + roundings(4 * N, 2 + size))


def _log_perron_vector(log_a: float, N: int) -> Array:
    """Log of an approximate top right singular vector of L, up to scale."""
    index = np.arange(N, 0, -1.0)
    if log_a <= math.log1p(1 / N):
        a = math.exp(log_a)
        low = last_holding(
            lambda theta: math.sin((N + 1) * theta) > a * math.sin(N * theta),
            0.0,
            math.pi / (N + 1),
            rtol=1e-15,
        )
        # Within rounding of theta = 0 the vector is linear.
        return np.log(np.sin(index * low)) if low > 1e-6 / N else np.log(index)
    low = last_holding(
        lambda phi: bool(_log_sinh((N + 1) * phi) - _log_sinh(N * phi) < log_a),
        0.0,
        log_a,
        rtol=1e-15,
    )
    return np.log(index) if low < 1e-6 / N else np.asarray(_log_sinh(index * low))


def _log_sinh(x: Array | float) -> Array:
    x = np.asarray(x)
    return x + np.log(-np.expm1(-2 * x)) - math.log(2)


def log_norm_of_nonnegative(logs: Array) -> float:
    """Log of the spectral norm of a nonnegative square matrix given by logarithms, rounded up."""
    top = float(logs.max())
    if top == -math.inf:
        return -math.inf
    # Entries below e^-745 of the largest become 0; together they are below N e^-745.
    finite = float(np.abs(logs[logs > -math.inf]).max())
    allowance = roundings(4, 1 + finite + abs(top)) + len(logs) * 1e-300
    return up(top + log_norm(np.exp(logs - top)) + allowance)


def log_power_norms(W: Array, T: int) -> Array:
    """Log of ||W^j||_2 for a nonnegative W and j = 0..T-2, rounded up.

    Sums of nonnegative products lose at most k eps a multiplication, relative to each entry.
    Entries that would underflow beside the largest are held at 1e-300 where the pattern of W^j
    says that they are not 0, so a nilpotent block that dies later cannot make a lost entry matter.
    """
    N, k = T - 1, len(W)
    out = np.full(N, -math.inf)
    if N == 0:
        return out
    out[0] = 0.0
    scale = float(W.max()) if W.size else 0.0
    if scale == 0:
        return out
    base, log_scale = W / scale, math.log(scale)
    pattern, log_power = np.eye(k), 0.0
    # Of W itself: the quotient of a small entry by a large one may be 0.
    power, steps = np.eye(k), (W > 0).astype(np.float64)
    base = np.where(steps > 0, np.maximum(base, 1e-290), 0.0)
    for j in range(1, N):
        power = power @ base
        pattern = ((pattern @ steps) > 0).astype(np.float64)
        if not pattern.any():
            break
        # What underflowed was below k 1e-308.
        power = np.where(pattern > 0, np.maximum(power, 1e-300), 0.0)
        top = float(power.max())
        log_power += math.log(top)
        power = power / top
        log_value = j * log_scale + log_power + log_norm(power)
        out[j] = up(log_value, 4 * j) + roundings(2 * (k + 4) * j)
    return out
