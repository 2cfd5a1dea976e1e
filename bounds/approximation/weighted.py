"""`approximation.weighted`: any time weights, from the covariance of every step."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from bounds.approximation.closed import fails_closed
from bounds.approximation.global_ import json_log
from bounds.approximation.kernels import geometric_kernel, power_kernel
from bounds.approximation.residuals import log_drive, log_read_out, residuals, runs_condition
from bounds.rounding import add_up, log_sum_up, up
from bounds.terms import VALID, Bound, Condition, Term
from pruning.checks import Array, choice, real_array, time_weights

if TYPE_CHECKING:
    from pruning.spectral import PrunedRNN


@fails_closed("approximation.weighted")
def weighted_bound(
    pruned: PrunedRNN,
    per_step: ArrayLike,
    weights: ArrayLike | None = None,
    kernel: str = "geometric",
) -> Bound:
    r"""||f^ - f'||_{n,w} <= ||W_o r||_{n,w} + ||W_o'||_2 sqrt(sum_t w_t u_t^2).

    Parameters
    ----------
    pruned : PrunedRNN
        Both networks.
    per_step : (T, m, m) array
        S_t = (1/n) sum_i h_t^i (h_t^i)^T of the sample that the error is measured on.
    weights : (T,) array, optional
        Any w_t >= 0 that sum to 1; 1/T by default. ``[0, ..., 0, 1]`` is the last step only.
    kernel : {"geometric", "power"}
        u_t = rho sum_j c_j ||W_h[J,:] r_{t-1-j}||_n with c_j = (rho kappa)^j, which is the
        recursion u_t = rho (kappa u_{t-1} + ||W_h[J,:] r_{t-1}||_n), or with the c_j of
        `approximation.power`.

    Returns
    -------
    Bound
        Terms ``read-out`` and ``propagated``. At w = 1/T never above `toeplitz_bound`
        (``power_bound`` for that kernel), up to rounding.

    Notes
    -----
    Minkowski's inequality in L2 of the sample. Source: theory, section 3.
    """
    S = real_array("per_step", per_step, (None, pruned.original.m, pruned.original.m))
    T = len(S)
    if T == 0:
        raise ValueError("per_step must hold at least one step, got none")
    w = time_weights(weights, T)
    choice("kernel", kernel, ["geometric", "power"])
    parts = residuals(pruned)
    log_c = (geometric_kernel if kernel == "geometric" else power_kernel)(parts, T)
    drives = np.array([log_drive(parts, S_t) for S_t in S[:-1]])
    log_u = convolve(log_c, drives) + parts.log_rho
    spread = log_weighted_norm(log_u, w[1:])
    read_out = log_weighted_norm(np.array([log_read_out(parts, S_t) for S_t in S]), w)
    inputs = {
        "T": T,
        "k": len(pruned.nodes),
        "rho": parts.rho,
        "log kappa": json_log(parts.log_kappa),
        "log ||W_o'||_2": json_log(parts.log_readout),
        "log ||u||_w": json_log(spread),
    }
    id = "approximation.weighted"
    u = r"\|W_o'\|_2 \bigl(\sum_t w_t u_t^2\bigr)^{1/2}"
    terms = (
        Term("read-out", read_out, r"\|W_o r\|_{n,w}", id, {"T": T}),
        Term("propagated", add_up(parts.log_readout, spread), u, id, inputs),
    )
    rule = (
        r"u_t = \rho(\kappa u_{t-1} + \|W_h[J,:]\, r_{t-1}\|_n)"
        if kernel == "geometric"
        else r"u_t = \rho\sum_j c_j \|W_h[J,:]\, r_{t-1-j}\|_n,\;"
        r"c_j = \rho^j\min(\kappa^j, \||W_h'|^j\|_2)"
    )
    statement = rf"\|\hat f - f'\|_{{n,w}} \le \|W_o r\|_{{n,w}} + {u},\; {rule}"
    conditions = (
        Condition("w_t >= 0, sum 1", True, "Any time weights are allowed."),
        runs_condition(pruned, per_step),
    )
    return Bound(id, statement, terms, VALID, conditions)


def convolve(log_c: Array, log_g: Array) -> Array:
    """Log of sum_j c_j g_{s-j} for s = 0..N-1, rounded up."""
    N = len(log_g)
    out = np.full(N, -math.inf)
    for s in range(N):
        with np.errstate(invalid="ignore"):
            logs = log_c[: s + 1] + log_g[s::-1]
        out[s] = log_sum_up(logs)
    # The sum of two logarithms is rounded once more.
    return up(out, 2)


def log_weighted_norm(logs: Array, w: Array) -> float:
    """Log of sqrt(sum_t w_t e^{2 logs_t}), rounded up."""
    with np.errstate(divide="ignore"):
        squares = np.where(w > 0, np.log(w) + 2 * logs, -math.inf)
    return up(0.5 * log_sum_up(squares))
