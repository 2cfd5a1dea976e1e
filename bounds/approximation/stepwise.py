"""`approximation.scaled` with one diagonal a lag, by backward recursion.

The part of the error that is j steps old is W_o' Delta W_h' Delta ... W_h' Delta g, with j factors
W_h' and |Delta| <= rho. If, in the order of symmetric matrices,

    diag(d_0) >= W_o'^T W_o'  and  diag(d_{j+1}) >= rho^2 W_h'^T diag(d_j) W_h',

its square is at most rho^2 sum_i d_{j,i} g_i^2: a diagonal passes through Delta, and every full
matrix is majorised by a diagonal before the next one. So, by Minkowski's inequality over the lags,

    ||f^ - f'||_{n,T} <= ||W_o r||_{n,T} + rho sum_{j=0}^{T-2} sqrt(sum_i d_{j,i} q_i),
    q_i = ||(W_h[J,:] r)_i||_{n,T}^2,

and, for every positive diagonal D, with c_j = max_i sqrt(d_{j,i})/D_i,

    ||f^ - f'||_{n,T} <= ||W_o r||_{n,T} + rho ||(c_{s-t})_{s >= t}||_2 ||D W_h[J,:] r||_{n,T}.

Choosing d_0 for W_o' and each d_{j+1} for the step after it is the chain of diagonals
D_j = diag(d_j)^{1/2} with ||D_j W_h' D_{j+1}^{-1}||_2 <= 1/rho. Several chains are tried; the
smallest value is kept.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from bounds.approximation.closed import fails_closed
from bounds.approximation.global_ import READ_OUT
from bounds.approximation.kernels import log_toeplitz_norm
from bounds.approximation.residuals import (
    Residuals,
    covariance_of,
    log_norm,
    log_read_out,
    log_row_drives,
    residuals,
    runs_condition,
)
from bounds.approximation.scaled import MEAN_WEIGHTS, optimal_scaling
from bounds.rounding import add_up, log_sum_up, roundings, up
from bounds.terms import VALID, Bound, Term
from pruning.checks import Array, integer

if TYPE_CHECKING:
    from pruning.spectral import PrunedRNN

SWEEPS, WARM_SWEEPS = 200, 40  # of the search for a majorant, for the first lag and later ones


@fails_closed("approximation.scaled")
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
    log_q = log_row_drives(parts, S)
    chains = _chains(parts, log_q, T)
    young = min((_young(parts, chain, log_q) for chain in chains), key=_total)
    id = "approximation.scaled"
    formula = r"\rho \sum_{j=0}^{T-2} \bigl(\sum_i d_{j,i} q_i\bigr)^{1/2}"
    each = tuple(
        Term(f"lag {j}", value, r"\rho\,\bigl(\sum_i d_{j,i} q_i\bigr)^{1/2}", id, {"j": j})
        for j, value in enumerate(young)
    )
    total = _total(young)
    toeplitz = min((_toeplitz(parts, chain, log_q) for chain in chains), default=math.inf)
    if toeplitz < total:
        total, each = toeplitz, ()
        formula = r"\rho\,\|(c_{s-t})_{s \ge t}\|_2\,\|D W_h[J,:]\, r\|_{n,T}"
    terms = (
        Term("read-out", log_read_out(parts, S), READ_OUT, id, {"T": T}),
        Term("propagated", total, formula, id, {"T": T, "rho": parts.rho}, each),
    )
    statement = (
        rf"\|\hat f - f'\|_{{n,T}} \le {READ_OUT} + {formula},\;"
        r" \operatorname{diag}(d_0) \succeq W_o'^\top W_o',\;"
        r" \operatorname{diag}(d_{j+1}) \succeq \rho^2 W_h'^\top \operatorname{diag}(d_j) W_h'"
    )
    return Bound(id, statement, terms, VALID, (MEAN_WEIGHTS, runs_condition(pruned)))


def _chains(parts: Residuals, log_q: Array, T: int) -> list[Array]:
    """Chains log d_j, (T - 1, k), for several weights in the search of the majorants."""
    k = len(log_q)
    if k == 0 or T == 1 or not np.isfinite(log_q).any():
        return [np.full((T - 1, k), -math.inf)]
    constant = optimal_scaling(parts, log_q, T)
    direct = np.maximum(log_q, log_q.max() - 9)
    # Small where the residual is, or small in the norm that is best for all steps at once.
    weights = [direct, -2 * constant, 0.5 * (direct - 2 * constant), np.zeros(k)]
    return [log_majorants(parts, weight - weight.max(), T) for weight in weights]


def log_majorants(parts: Residuals, log_weight: Array, T: int) -> Array:
    """Log of d_j, j = 0..T-2, each rounded up, (T - 1, k)."""
    k = len(log_weight)
    weight = np.exp(np.maximum(log_weight, -60))
    out = np.full((T - 1, k), -math.inf)
    factor, log_scale = parts.w_output, 0.0
    start: Array | None = None
    for j in range(T - 1):
        size = log_norm(factor)
        if size == -math.inf:
            if factor.size and j and parts.w_hidden.any():
                raise FloatingPointError("a majorant underflows")
            break  # W_o' or W_h' is 0, and so is all that is older
        factor = factor * math.exp(-size)
        sweeps = SWEEPS if start is None else WARM_SWEEPS
        d, start = diagonal_majorant(factor, weight, start, sweeps)
        # Roundings: of the entries of `factor` (a product, a root, a scaling), of the exponent,
        # and of d; a perturbation a of the entries moves the square of a norm by 2 a sqrt(k).
        log_scale = up(log_scale + 2 * size, 4) + roundings(32, k + abs(size))
        out[j] = np.log(d) + log_scale
        factor = np.sqrt(d)[:, None] * parts.w_hidden
        log_scale += 2 * parts.log_rho
    return out


def _young(parts: Residuals, chain: Array, log_q: Array) -> list[float]:
    """Log of rho sqrt(sum_i d_{j,i} q_i) for every lag."""
    return [add_up(parts.log_rho, up(0.5 * log_sum_up(log_d + log_q))) for log_d in chain]


def _total(lags: list[float]) -> float:
    return log_sum_up(np.array(lags))


def _toeplitz(parts: Residuals, chain: Array, log_q: Array) -> float:
    """Log of rho ||(c_{s-t})||_2 ||D g|| for the best of a few D."""
    if chain.size == 0 or chain[0].max() == -math.inf:
        return -math.inf
    live = chain[np.isfinite(chain).all(axis=1)]
    # With D_i^2 = sum_j r^j d_{j,i} the c_j are at most r^{-j/2}; r makes the lags comparable.
    level = live.mean(axis=1)
    slope = (level[-1] - level[0]) / max(len(live) - 1, 1)
    lag = np.arange(len(live))
    candidates = [live[0], live[-1], live[len(live) // 2]]
    candidates += [np.logaddexp.reduce(live - (r * slope * lag)[:, None]) for r in (0.5, 1.0, 1.5)]
    best = math.inf
    for twice_log_d in candidates:
        log_c = 0.5 * (chain - twice_log_d).max(axis=1)
        drive = 0.5 * log_sum_up(log_q + twice_log_d)
        best = min(best, add_up(parts.log_rho, log_toeplitz_norm(log_c), up(drive)))
    return best


def diagonal_majorant(
    F: Array, weight: Array, start: Array | None = None, sweeps: int = SWEEPS
) -> tuple[Array, Array]:
    """A small d > 0 with diag(d) >= F^T F, and the state of the search for the next call.

    Parameters
    ----------
    F : (q, k) array
        Of norm about 1.
    weight : (k,) array
        Positive; sum_i weight_i d_i is made small.
    start : (k, r) array, optional
        State of an earlier search.
    sweeps : int
        Steps of the search.
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
    for _ in range(sweeps):
        size = np.linalg.norm(pull, axis=1)
        moving = size > 1e-200
        V[moving] = (root[moving] / size[moving])[:, None] * pull[moving]
        pull = M @ V
    d = np.linalg.norm(pull, axis=1) / root
    d = np.maximum(d, 1e-12 * d.max())
    d *= math.exp(2 * log_norm(F / np.sqrt(d)))
    return d, V
