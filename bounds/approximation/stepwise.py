"""`approximation.scaled` with one diagonal a lag, by backward recursion.

The part of the error that is j steps old is W_o' Delta W_h' Delta ... W_h' Delta g, with j factors
W_h' and |Delta| <= rho. If, in the order of symmetric matrices, diag(d_0) >= W_o'^T W_o' and
diag(d_{j+1}) >= rho^2 W_h'^T diag(d_j) W_h', its square is at most rho^2 sum_i d_{j,i} g_i^2: a diagonal
passes through Delta, and every full matrix is majorised by a diagonal before the next one. So

    ||f^ - f'||_{n,T} <= ||W_o r||_{n,T} + rho sum_{j=0}^{T-2} sqrt(sum_i d_{j,i} q_i),
    q_i = ||(W_h[J,:] r)_i||_{n,T}^2,

by Minkowski's inequality over the lags. Choosing d_0 for W_o' and each d_{j+1} for the step after
it is the chain of diagonals D_j = diag(d_j)^{1/2} with ||D_j W_h' D_{j+1}^{-1}||_2 <= 1/rho.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from bounds.approximation.global_ import READ_OUT, product
from bounds.approximation.kernels import log_kernel_sum
from bounds.approximation.residuals import (
    EPS,
    covariance_of,
    log_norm,
    log_residual_norm,
    residuals,
    up,
)
from bounds.approximation.scaled import MEAN_WEIGHTS, log_row_drives
from bounds.terms import VALID, Bound, Term
from pruning.checks import Array, integer

if TYPE_CHECKING:
    from pruning.spectral import PrunedRNN

SWEEPS = 200


def stepwise_bound(pruned: PrunedRNN, T: int) -> Bound:
    r"""||f^ - f'||_{n,T} <= ||W_o r||_{n,T} + rho sum_j sqrt(sum_i d_{j,i} q_i).

    Parameters
    ----------
    pruned : PrunedRNN
        Both networks and the time-mean covariance of the sample that the error is measured on.
    T : int
        Length of the sequences.

    Returns
    -------
    Bound
        Terms ``read-out`` and ``propagated``; the latter has one part a lag.

    Notes
    -----
    The least sum_i d_i q_i with diag(d) >= F^T F is a semidefinite program, dual to
    max Tr[F^T F X] with X_ii = q_i. A power method on a factor of X gives d up to scale, and d is
    then multiplied by ||F diag(d)^{-1/2}||_2^2, rounded up, so that it majorises however well the
    search did. Source: theory, section 3 (`approximation.scaled`).
    """
    T = integer("T", T, low=1)
    parts = residuals(pruned)
    S = covariance_of(pruned)
    log_q = log_row_drives(parts.hidden, S)
    lags = lag_logs(parts.w_output, parts.w_hidden, parts.log_rho, log_q, T)
    id = "approximation.scaled"
    formula = r"\rho \sum_{j=0}^{T-2} \bigl(\sum_i d_{j,i} q_i\bigr)^{1/2}"
    each = tuple(
        Term(f"lag {j}", value, r"\rho\,\bigl(\sum_i d_{j,i} q_i\bigr)^{1/2}", id, {"j": j})
        for j, value in enumerate(lags)
    )
    total = log_kernel_sum(np.array(lags)) if lags else -math.inf
    terms = (
        Term("read-out", log_residual_norm(parts.output, S), READ_OUT, id, {"T": T}),
        Term("propagated", total, formula, id, {"T": T, "rho": parts.rho}, each),
    )
    statement = (
        rf"\|\hat f - f'\|_{{n,T}} \le {READ_OUT} + {formula},\;"
        r" \operatorname{diag}(d_0) \succeq W_o'^\top W_o',\;"
        r" \operatorname{diag}(d_{j+1}) \succeq \rho^2 W_h'^\top \operatorname{diag}(d_j) W_h'"
    )
    return Bound(id, statement, terms, VALID, (MEAN_WEIGHTS,))


def lag_logs(w_output: Array, w_hidden: Array, log_rho: float, log_q: Array, T: int) -> list[float]:
    """Log of rho sqrt(sum_i d_{j,i} q_i) for j = 0..T-2, rounded up."""
    k = len(log_q)
    if k == 0 or not np.isfinite(log_q).any():
        return [-math.inf] * (T - 1)
    top = float(log_q.max())
    # Nodes without residual still carry what others send: weigh them a little.
    weight = np.exp(np.maximum(log_q - top, math.log(1e-4)))
    factor, log_scale = w_output, 0.0
    start: Array | None = None
    out: list[float] = []
    for j in range(T - 1):
        log_norm_factor = log_norm(factor)
        if log_norm_factor == -math.inf:
            return out + [-math.inf] * (T - 1 - j)
        factor = factor * math.exp(-log_norm_factor)
        log_scale += 2 * log_norm_factor
        d, start = diagonal_majorant(factor, weight, start)
        # Four roundings for the factor just scaled and the square root below, k for the norm.
        log_d = np.log(d) + 16 * k * EPS
        lag = log_kernel_sum(log_d + log_q)
        out.append(product(log_rho, up(0.5 * (lag + log_scale), 8 * (j + 1))))
        factor = np.sqrt(d)[:, None] * w_hidden
        log_scale += 2 * log_rho + 16 * k * EPS
    return out


def diagonal_majorant(F: Array, weight: Array, start: Array | None = None) -> tuple[Array, Array]:
    """A small d > 0 with diag(d) >= F^T F, and the state of the search for the next call.

    Parameters
    ----------
    F : (q, k) array
        Of norm about 1.
    weight : (k,) array
        Positive; sum_i weight_i d_i is made small.
    start : (k, r) array, optional
        State of an earlier search.
    """
    k = F.shape[1]
    M = F.T @ F
    if start is None:
        # Any generic start will do; a fixed one keeps the bound reproducible.
        rank = int(math.sqrt(2 * k)) + 2
        start = np.random.default_rng(0).standard_normal((k, rank))
    root = np.sqrt(weight)
    V = start / np.linalg.norm(start, axis=1, keepdims=True) * root[:, None]
    pull = M @ V
    for _ in range(SWEEPS):
        size = np.linalg.norm(pull, axis=1)
        moving = size > 1e-200
        V[moving] = (root[moving] / size[moving])[:, None] * pull[moving]
        pull = M @ V
    d = np.linalg.norm(pull, axis=1) / root
    d = np.maximum(d, 1e-12 * d.max())
    d *= math.exp(2 * log_norm(F / np.sqrt(d)))
    return d, V
