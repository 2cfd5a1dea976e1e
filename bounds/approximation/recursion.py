"""`approximation.recursion`: the per-sequence recursion with the measured vectors."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from bounds.approximation.closed import exponent_of, fails_closed
from bounds.approximation.global_ import json_log
from bounds.approximation.kernels import log_powers
from bounds.approximation.measured import (
    RunErrors,
    read_rounding,
    relative_rounding,
    rounding_of_outputs,
    rounding_of_states,
)
from bounds.approximation.residuals import residuals
from bounds.rounding import (
    SMALLEST_NORMAL,
    add_up,
    inner_product,
    log_sum_up,
    norms_up,
    raised,
    roundings,
    up,
)
from bounds.terms import VALID, Bound, Term
from pruning.checks import Array, time_weights

if TYPE_CHECKING:
    from pruning.spectral import PrunedRNN


@fails_closed("approximation.recursion")
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
    Never above `weighted_bound` with the covariances of the same sample, but for roundings of the
    runs, which are in it. Source: F22 (reconstructed), theory, section 3.
    """
    checked = pruned.original.check_input(x)
    n, T = checked.shape[:2]
    w = time_weights(weights, T)
    parts = residuals(pruned)
    more = relative_rounding(pruned)
    log_a = add_up(parts.log_rho, parts.log_kappa, more)
    log_readout = add_up(parts.log_readout, more)
    log_c = log_powers(log_a, T + 1)
    read_out, spread, errors = [], [], RunErrors(pruned)
    for i, h in enumerate(pruned.original.state_batches(checked, batch)):
        inputs = checked[i * batch : i * batch + len(h)]
        off = errors.original(inputs, h)
        seen = rounding_of_outputs(pruned, h) + read_rounding(parts.output, off)
        gap = log_state_norms(h, parts.output, seen)
        read_out.append(log_square_mean(gap, w))
        # What enters at step t is the residual of the step before, and the rounding of this one.
        rounding = rounding_of_states(pruned, inputs, h)
        drive = log_norms(rounding) - parts.log_rho
        residual = log_state_norms(h[:, :-1], parts.hidden, read_rounding(parts.hidden, off[:-1]))
        drive[:, 1:] = np.logaddexp(drive[:, 1:], residual)
        drive = up(drive, 8)
        spread.append(log_square_mean(log_convolved(log_c, drive) + parts.log_rho, w))
    id = "approximation.recursion"
    log_n = math.log(n)
    log_read = up(0.5 * (log_sum_up(np.array(read_out)) - log_n))
    log_spread = up(0.5 * (log_sum_up(np.array(spread)) - log_n))
    formula = r"\|W_o'\|_2\,\|v\|_{n,w}"
    said = {
        "T": T,
        "n": n,
        "rho": parts.rho,
        "log kappa": json_log(parts.log_kappa),
        "log ||W_o'||_2": json_log(log_readout),
        "log ||v||": json_log(log_spread),
    }
    terms = (
        Term("read-out", log_read, r"\|W_o r\|_{n,w}", id, {"T": T, "n": n}),
        Term("propagated", add_up(log_readout, log_spread), formula, id, said),
    )
    statement = (
        rf"\|\hat f - f'\|_{{n,w}} \le \|W_o r\|_{{n,w}} + {formula},\; "
        r"v_t = \rho(\kappa v_{t-1} + \|W_h[J,:]\, r_{t-1}\|)"
    )
    return Bound(id, statement, terms, VALID, (errors.condition,))


def log_norms(values: Array) -> Array:
    """Log of the norms of the rows of an array >= 0, rounded up; -inf where all are 0."""
    top = values.max(axis=-1, initial=0.0)
    live = top > 0
    unit = np.where(live, top, 1.0)
    norm = raised(norms_up(values / unit[..., None]), 8)
    logs = np.log(unit) + np.log(np.where(live, norm, 1.0))
    return np.where(live, up(logs), -math.inf)


def log_state_norms(h: Array, G: Array, rounding: Array | None = None) -> Array:
    """Log of ||G h_t|| for every sequence and step, rounded up; h is (n, T, m).

    The allowance covers the rounding of G h for the states as given; `rounding`, (n, T, q), is
    added to the entries of |G h|. States are brought to size 1 by a power of two.
    """
    m = h.shape[-1]
    if G.size == 0 or not G.any():
        if rounding is None or not rounding.any():
            return np.full(h.shape[:2], -math.inf)
        return log_norms(rounding)
    scale, unit = exponent_of(G), exponent_of(h)
    G, h = np.ldexp(G, -scale), np.ldexp(h, -unit)
    rows = np.sqrt((G * G).sum(1))
    size = np.sqrt(np.einsum("ntm,ntm->nt", h, h))
    entries = np.abs(h @ G.T)
    if rounding is not None:
        entries = entries + np.ldexp(rounding, -scale - unit)
    slip = inner_product(m, 2 * size * float(np.sqrt((rows**2).sum())))
    norm = norms_up(entries) + slip
    live = h.any(axis=-1) | (norm > 0)
    logs = np.log(np.where(live, np.maximum(norm, SMALLEST_NORMAL), 1.0))
    logs = logs + (scale + unit) * math.log(2)
    return np.where(live, up(logs), -math.inf)


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
        out[live, s] += roundings(4, N + np.abs(finite).max(axis=1))
    return out


def log_square_mean(logs: Array, w: Array) -> float:
    """Log of sum_i sum_t w_t e^{2 logs_it}, rounded up."""
    with np.errstate(divide="ignore"):
        return log_sum_up((2 * logs + np.log(w)).ravel())
