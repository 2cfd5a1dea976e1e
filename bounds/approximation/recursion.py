"""`approximation.recursion`: the per-sequence recursion with the measured vectors."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from bounds.approximation.global_ import json_log
from bounds.approximation.kernels import geometric_kernel
from bounds.approximation.residuals import residuals
from bounds.rounding import EPS, add_up, log_sum_up, up
from bounds.terms import VALID, Bound, Term
from pruning.checks import Array, time_weights

if TYPE_CHECKING:
    from pruning.spectral import PrunedRNN


def recursion_bound(
    pruned: PrunedRNN, x: ArrayLike, weights: ArrayLike | None = None, batch: int = 256
) -> Bound:
    r"""||f^ - f'||_{n,w} <= ||W_o r||_{n,w} + ||W_o'||_2 ||v||_{n,w}, v by the recursion.

    v_t = rho (kappa v_{t-1} + ||W_h[J,:] r_{t-1}||), v_0 = 0, for each sequence of the sample; the
    vectors r_t are measured in one pass of the original network, the pruned one is not run.

    Parameters
    ----------
    pruned : PrunedRNN
        Both networks.
    x : (n, T, d_x) floats or (n, T) tokens
        The sample.
    weights : (T,) array, optional
        Any time weights; 1/T by default.
    batch : int
        Sequences held in memory at a time.

    Notes
    -----
    Never above `weighted_bound` with the covariances of the same sample. States are those of
    float64. Source: F22 (reconstructed), theory, section 3.
    """
    checked = pruned.original.check_input(x)
    n, T = checked.shape[:2]
    w = time_weights(weights, T)
    parts = residuals(pruned)
    log_c = geometric_kernel(parts, T)
    read_out, spread = [], []
    for h in pruned.original.state_batches(checked, batch):
        read_out.append(log_square_mean(log_row_norms(h, parts.output), w))
        drive = log_row_norms(h[:, :-1], parts.hidden)
        spread.append(log_square_mean(log_convolved(log_c, drive) + parts.log_rho, w[1:]))
    id = "approximation.recursion"
    log_n = math.log(n)
    log_read = up(0.5 * (log_sum_up(np.array(read_out)) - log_n))
    log_spread = up(0.5 * (log_sum_up(np.array(spread)) - log_n))
    formula = r"\|W_o'\|_2\,\|v\|_{n,w}"
    inputs = {
        "T": T,
        "n": n,
        "rho": parts.rho,
        "log kappa": json_log(parts.log_kappa),
        "log ||W_o'||_2": json_log(parts.log_readout),
        "log ||v||": json_log(log_spread),
    }
    terms = (
        Term("read-out", log_read, r"\|W_o r\|_{n,w}", id, {"T": T, "n": n}),
        Term("propagated", add_up(parts.log_readout, log_spread), formula, id, inputs),
    )
    statement = (
        rf"\|\hat f - f'\|_{{n,w}} \le \|W_o r\|_{{n,w}} + {formula},\; "
        r"v_t = \rho(\kappa v_{t-1} + \|W_h[J,:]\, r_{t-1}\|)"
    )
    return Bound(id, statement, terms, VALID)


def log_row_norms(h: Array, G: Array) -> Array:
    """Log of ||G h_t|| for every sequence and step, rounded up; h is (n, T, m).

    The allowance covers the rounding of G h for the states as given.
    """
    m = h.shape[-1]
    if G.size == 0 or not G.any():
        return np.full(h.shape[:2], -math.inf)
    scale = float(np.abs(G).max())
    G = G / scale
    rows = np.sqrt((G * G).sum(1))
    size = np.sqrt(np.einsum("ntm,ntm->nt", h, h))
    norm = np.sqrt(np.square(h @ G.T).sum(-1))
    norm = norm * (1 + (len(G) + 4) * EPS) + 2 * m * EPS * size * float(np.sqrt((rows**2).sum()))
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(norm) + math.log(scale))


def log_convolved(log_c: Array, log_g: Array) -> Array:
    """Log of sum_j c_j g_{s-j} along the last axis of (n, N), rounded up."""
    N = log_g.shape[1]
    out = np.full(log_g.shape, -math.inf)
    for s in range(N):
        logs = log_c[: s + 1] + log_g[:, s::-1]
        top = logs.max(axis=1)
        live = top > -math.inf
        finite = np.where(logs[live] > -math.inf, logs[live], 0.0)
        shifted = np.exp(logs[live] - top[live, None])
        out[live, s] = top[live] + np.log(shifted.sum(axis=1))
        out[live, s] += 4 * EPS * (N + np.abs(finite).max(axis=1))
    return out


def log_square_mean(logs: Array, w: Array) -> float:
    """Log of sum_i sum_t w_t e^{2 logs_it}, rounded up."""
    with np.errstate(divide="ignore"):
        return log_sum_up((2 * logs + np.log(w)).ravel())
