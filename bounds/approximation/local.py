r"""`approximation.local`: the recursion with the slopes that the two runs leave possible.

s(a) - s(b) = Delta (a - b) with Delta diagonal, and its entry j is a secant slope of s between the
two pre-activations of node j. Both runs are known, so delta_j, the largest slope of s between the
two, stands for rho: 0 where a ReLU is off in both runs. The rows of W_h' and of W_h[J,:] r are
scaled by it before their norms are taken.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from bounds.approximation.closed import exponent_of, fails_closed
from bounds.approximation.global_ import json_log
from bounds.approximation.measured import (
    RunErrors,
    Runs,
    paired_runs,
    read_rounding,
    relative_rounding,
    rounding_of_outputs,
    rounding_of_states,
)
from bounds.approximation.recursion import log_norms, log_square_mean, log_state_norms
from bounds.approximation.residuals import residuals
from bounds.rounding import add_up, inner_product, log_sum_up, norms_up, raised, roundings, up
from bounds.terms import VALID, Bound, Term
from pruning.activations import Activation
from pruning.checks import Array, time_weights

if TYPE_CHECKING:
    from pruning.rnn import RNN
    from pruning.spectral import PrunedRNN

TINY = float(np.finfo(np.float64).tiny)


@fails_closed("approximation.local")
def local_bound(
    pruned: PrunedRNN, x: ArrayLike, weights: ArrayLike | None = None, batch: int = 256
) -> Bound:
    r"""||f^ - f'||_{n,w} <= ||W_o r||_{n,w} + ||W_o'||_2 ||v||_{n,w}, v by a local recursion.

    v_t = ||delta_t W_h'||_2 v_{t-1} + ||delta_t W_h[J,:] r_{t-1}||, v_1 = 0, for each sequence;
    delta_t is diagonal, see `largest_slopes`.

    Parameters
    ----------
    pruned : PrunedRNN
        Both networks.
    x : (n, T, d_x) floats or (n, T) tokens
        The sample; both networks are run on it.
    weights : (T,) array, optional
        Any time weights; 1/T by default.
    batch : int
        Sequences held in memory at a time.

    Notes
    -----
    Never above `recursion_bound`, as delta <= rho. Cost: one k x k singular value for every
    sequence and step, or for every set of active nodes that occurs in a batch. The
    roundings of both runs are in it. Source: this module, whose first sentence is the proof, with
    the factors Delta of theory, section 3, `approximation.trajectory`.

    Examples
    --------
    >>> import numpy as np
    >>> from rnnbounds import approximation_error, initial_rnn, local_bound, spectral_prune
    >>> rnn = initial_rnn(6, d_x=2, d_y=1, activation="tanh", rng=0)
    >>> x = np.random.default_rng(0).normal(size=(20, 5, 2))
    >>> pruned = spectral_prune(rnn, x, k=4)
    >>> approximation_error(pruned, x) <= local_bound(pruned, x).total
    True
    """
    checked = pruned.original.check_input(x)
    n, T = checked.shape[:2]
    w = time_weights(weights, T)
    parts = residuals(pruned)
    more = relative_rounding(pruned)
    log_kappa = add_up(parts.log_rho, parts.log_kappa, more)
    log_readout = add_up(parts.log_readout, more)
    read_out, spread, errors = [], [], RunErrors(pruned)
    for i, runs in enumerate(paired_runs(pruned, checked, batch)):
        inputs, h = checked[i * batch : i * batch + len(runs.states)], runs.states
        off = errors.original(inputs, h)
        off_small = errors.pruned(inputs, runs.pruned_states)
        delta = largest_slopes(pruned, inputs, runs, (off, off_small))
        gain = log_scaled_norms(parts.w_hidden, delta) + more
        log_gain = np.full(h.shape[:2], -math.inf)
        log_gain[:, 1:] = np.minimum(gain, log_kappa)
        unseen = read_rounding(parts.hidden, off[:-1])
        full = log_state_norms(h[:, :-1], parts.hidden, unseen) + parts.log_rho
        residual = np.minimum(log_scaled_rows(h[:, :-1], parts.hidden, delta, unseen), full)
        # From the first step on, for its rounding.
        rounding = rounding_of_states(pruned, inputs, h)
        log_drive = log_norms(rounding)
        log_drive[:, 1:] = np.logaddexp(log_drive[:, 1:], residual)
        log_drive = up(log_drive, 8)
        seen = rounding_of_outputs(pruned, h) + read_rounding(parts.output, off)
        gap = log_state_norms(h, parts.output, seen)
        read_out.append(log_square_mean(gap, w))
        spread.append(log_square_mean(log_unrolled(log_gain, log_drive), w))
    id = "approximation.local"
    log_n = math.log(n)
    log_read = up(0.5 * (log_sum_up(np.array(read_out)) - log_n))
    log_spread = up(0.5 * (log_sum_up(np.array(spread)) - log_n))
    formula = r"\|W_o'\|_2\,\|v\|_{n,w}"
    values = {
        "T": T,
        "n": n,
        "rho": parts.rho,
        "log ||W_o'||_2": json_log(log_readout),
        "log ||v||": json_log(log_spread),
    }
    terms = (
        Term("read-out", log_read, r"\|W_o r\|_{n,w}", id, {"T": T, "n": n}),
        Term("propagated", add_up(log_readout, log_spread), formula, id, values),
    )
    statement = (
        rf"\|\hat f - f'\|_{{n,w}} \le \|W_o r\|_{{n,w}} + {formula},\; "
        r"v_t = \|\delta_t W_h'\|_2 v_{t-1} + \|\delta_t W_h[J,:]\, r_{t-1}\|"
    )
    return Bound(id, statement, terms, VALID, (errors.condition,))


def largest_slopes(
    pruned: PrunedRNN, inputs: Any, runs: Runs, off: tuple[Array, Array] | None = None
) -> Array:
    """Largest slope of s between the two pre-activations, (n, T - 1, k), from the second step.

    They are those of a kept node in the two runs. Each end is
    moved outwards by what rounding may have done to it, given the states of the step before, and
    by what these may be `off`, (T, m) and (T, k).
    """
    full, small, nodes = pruned.original, pruned.pruned, pruned.nodes
    ends: list[Array] = []
    for i, (rnn, w_hidden, states) in enumerate(
        (
            (full, full.w_hidden[nodes], runs.states),
            (small, small.w_hidden, runs.pruned_states),
        )
    ):
        low, high = _pre_activations(rnn, w_hidden, small.w_input, small.b_hidden, inputs, states)
        more = 0.0 if off is None else read_rounding(w_hidden, off[i][:-1])
        ends += low - more, high + more
    low, high = np.minimum(ends[0], ends[2]), np.maximum(ends[1], ends[3])
    return slope_between(full.activation, low, high)


def slope_between(activation: Activation, low: Array, high: Array) -> Array:
    """The largest slope of the activation on [low, high], rounded up and at most rho.

    rho for an activation that is not known here.
    """
    name, rho = activation.name.partition(":")[0], activation.lipschitz
    nearest = np.abs(np.clip(0.0, low, high))
    if name == "relu":
        return np.where(high > 0, 1.0, 0.0)
    if name == "leaky_relu":
        left, right = (float(activation.apply(np.array(a))) for a in (-1.0, 1.0))
        return np.where(high <= 0, -left, np.where(low > 0, right, rho))
    if name in ("tanh", "logistic"):
        # Both are even and fall away from 0: 4 e/(1 + e)^2 at 2|z|, a quarter of it at |z|.
        e = np.exp(-2 * nearest if name == "tanh" else -nearest)
        slope = (4 * rho) * e / np.square(1 + e)
        result: Array = np.minimum(np.maximum(raised(slope, 16), TINY), rho)
        return result
    return np.full(low.shape, rho)


def log_scaled_norms(W: Array, delta: Array) -> Array:
    """Log of ||diag(delta) W||_2 for every row of factors (n, N, k), rounded up."""
    k = delta.shape[-1]
    scale = float(np.abs(W).max(initial=0.0))
    if scale == 0 or delta.size == 0:
        return np.full(delta.shape[:-1], -math.inf)
    W = W / scale
    distinct, index = np.unique(delta.reshape(-1, k), axis=0, return_inverse=True)
    top = np.linalg.svd(distinct[:, :, None] * W, compute_uv=False)[:, 0]
    # Products may underflow where they are not 0, each by less than the smallest normal number.
    top = np.asarray(raised(np.asarray(top, dtype=np.float64), 8 * k)) + k * TINY
    top[~(distinct > 0)[:, W.any(axis=1)].any(axis=1)] = 0.0
    with np.errstate(divide="ignore"):
        logs = np.log(top) + math.log(scale)
    reach = np.abs(np.log(np.where(top > 0, top, 1.0))) + abs(math.log(scale))
    logs += roundings(4, 2 + reach)
    result: Array = logs[index.reshape(-1)].reshape(delta.shape[:-1])
    return result


def log_scaled_rows(h: Array, G: Array, delta: Array, off: Array) -> Array:
    """Log of ||diag(delta_t) G h_t|| for every sequence and step, rounded up.

    `off`, (N, q), is how far G h_t may be from G times the exact state.
    """
    m = G.shape[1]
    if not G.any():
        return np.full(h.shape[:2], -math.inf)
    scale, unit = exponent_of(G), exponent_of(h)
    G, h = np.ldexp(G, -scale), np.ldexp(h, -unit)
    rows = np.linalg.norm(G, axis=1)
    size = np.linalg.norm(h, axis=-1, keepdims=True)
    off = np.ldexp(off, -scale - unit)
    entries = delta * (np.abs(h @ G.T) + inner_product(m, 2 * size * rows) + off)
    # A product may underflow where it is not 0.
    live = (delta > 0) & (rows > 0) & (h.any(axis=-1, keepdims=True) | (off > 0))
    entries = np.where(live, np.maximum(entries, TINY), entries)
    top = entries.max(axis=-1, initial=0.0)
    shown = entries / np.where(top > 0, top, 1.0)[..., None]
    norm = norms_up(shown)
    found = top > 0
    logs = np.log(np.where(found, top, 1.0)) + np.log(np.where(found, norm, 1.0))
    logs = logs + (scale + unit) * math.log(2)
    reach = np.abs(np.log(np.where(found, top, 1.0))) + abs(scale + unit)
    return np.where(found, logs + roundings(8, 2 + reach), -math.inf)


def log_unrolled(log_gain: Array, log_drive: Array) -> Array:
    """Log of v_s = gain_s v_{s-1} + drive_s along the last axis of (n, N), rounded up; v_0 = 0."""
    out = np.empty(log_drive.shape)
    v = np.full(len(log_drive), -math.inf)
    for s in range(log_drive.shape[1]):
        carried = log_gain[:, s] + v
        v = np.logaddexp(carried, log_drive[:, s])
        logs = np.array([carried, log_drive[:, s], v])
        reach = np.where(logs > -math.inf, np.abs(logs), 0.0).max(axis=0)
        v = v + roundings(4, 2 + reach)
        out[:, s] = v
    return out


def _pre_activations(
    rnn: RNN, w_hidden: Array, w_input: Array, b_hidden: Array, inputs: Any, states: Array
) -> tuple[Array, Array]:
    """Enclosures of the pre-activations of the kept nodes from the second step, (n, T - 1, k)."""
    if inputs.ndim == 2:
        drive = w_input.T[inputs[:, 1:]]
        reach = np.abs(drive)
    else:
        drive = inputs[:, 1:] @ w_input.T
        reach = np.abs(inputs[:, 1:]) @ np.abs(w_input).T
    before = states[:, :-1]
    a = before @ w_hidden.T + drive + b_hidden
    reach = np.abs(before) @ np.abs(w_hidden).T + reach + np.abs(b_hidden)
    error = inner_product(rnn.m + rnn.d_x, reach)
    return a - error, a + error
