"""The balanced weight: residuals counted by what the output feels of them later.

Theory, section 11, `balanced.weight`: ||sum_t (df_T/dh_t) r_t||_n^2 <= (sum_t c_t)
sum_t Tr[O_t R_t]/c_t for linear s and every c_t > 0, and sum_t Tr[O_t R_t]/c_t <= T Tr[M R] with
M = sum_t O_t/c_t. So M is the weight of the selection's objective Tr[M C].
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from pruning.checks import Array, Nodes, choice, integer, real_array, ridge
from pruning.observability import Observability
from pruning.reconstruction import reconstruction_matrix, residual
from pruning.selection.greedy import greedy_order

FORMS = ("trace", "root", "one")
DEFAULT_FORM = "trace"


def balanced_weight(observability: Observability, form: str = DEFAULT_FORM) -> Array:
    """Return M = sum_t O_t/c_t scaled to trace 1, shape (m, m).

    Parameters
    ----------
    observability : Observability
        With its steps.
    form : {"trace", "root", "one"}
        c_t = Tr O_t, so that every step counts alike and a few exploding ones decide nothing;
        sqrt(Tr O_t); or 1. Steps with O_t = 0 are left out.

    Examples
    --------
    >>> import numpy as np
    >>> from rnnbounds import balanced_weight, initial_rnn, Observability
    >>> rnn = initial_rnn(6, d_x=2, d_y=1, activation="tanh", rng=0)
    >>> x = np.random.default_rng(0).normal(size=(20, 5, 2))
    >>> M = balanced_weight(Observability(rnn, T=5).update(x))
    >>> M.shape, bool(np.linalg.eigvalsh(M).min() > -1e-12)
    ((6, 6), True)
    """
    log2_trace = observability.log2_traces
    share = {"trace": 1.0, "root": 0.5, "one": 0.0}[choice("form", form, FORMS)]
    log2_c = np.where(np.isfinite(log2_trace), share * np.maximum(log2_trace, -1e6), np.inf)
    return observability.weight(log2_c)


def alternating_weight(
    observability: Observability,
    per_step: ArrayLike,
    k: int,
    tau: ArrayLike | None = None,
    rounds: int = 5,
) -> Array:
    """Return M with c_t proportional to sqrt(Tr[O_t R_t]), the best c_t for R_t, shape (m, m).

    R_t depends on the nodes, and they on M: the greedy nodes of the last M give the next c_t,
    from c_t = Tr O_t on. Of all rounds the M whose own nodes have the least
    (sum_t sqrt(Tr[O_t R_t]))^2, the bound at its best c_t, is returned.

    Parameters
    ----------
    observability : Observability
        With its steps.
    per_step : (T, m, m) array
        S_t of every step, `StateCovariance.per_step`.
    k : int
        Nodes to keep, 0..m.
    tau : float or (m,) array, optional
        As in `pruning.spectral_prune`.
    rounds : int
        At least 1.

    Examples
    --------
    >>> import numpy as np
    >>> from rnnbounds import alternating_weight, initial_rnn, Observability, StateCovariance
    >>> rnn = initial_rnn(6, d_x=2, d_y=1, activation="tanh", rng=0)
    >>> x = np.random.default_rng(0).normal(size=(20, 5, 2))
    >>> covariance = StateCovariance.from_network(rnn, x, per_step=True)
    >>> seen = Observability(rnn, T=5, weights="mean").update(x)
    >>> alternating_weight(seen, covariance.per_step, k=3).shape
    (6, 6)
    """
    m, T = observability.m, observability.T
    S_t = real_array("per_step", per_step, (T, m, m))
    k = integer("k", k, low=0, high=m)
    S = S_t.mean(axis=0)
    all_tau = ridge("tau", tau, m, S)
    matrices, log2_trace = observability.scaled_steps()
    M = best = balanced_weight(observability, "trace")
    least = np.inf
    for _ in range(integer("rounds", rounds, low=1)):
        nodes = np.sort(greedy_order(S, k, M, all_tau))
        log2_felt = log2_felt_residuals(matrices, log2_trace, S_t, S, nodes, all_tau[nodes])
        bound = float(np.logaddexp2.reduce(log2_felt / 2, initial=-np.inf))
        if bound < least:
            least, best = bound, M
        if bound == -np.inf:
            break
        # A step without a residual costs nothing at any c_t; the least of the others keeps it in.
        floor = log2_felt[np.isfinite(log2_felt)].min()
        log2_c = np.where(np.isfinite(log2_trace), np.maximum(log2_felt, floor) / 2, np.inf)
        M = observability.weight(log2_c)
    return best


def log2_felt_residuals(
    matrices: Array, log2_trace: Array, S_t: Array, S: Array, nodes: Nodes, tau: Array
) -> Array:
    """log2 Tr[O_t R_t] of the nodes with the reconstruction from S, (T,); -inf for 0."""
    A = reconstruction_matrix(S, nodes, tau)
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        felt = np.array(
            [
                float(np.vdot(felt_now, residual(np.asarray(S_now), nodes, A)))
                for felt_now, S_now in zip(matrices, S_t)
            ]
        )
        # What floats cannot tell is not nothing: these nodes are not the best.
        felt = np.where(np.isnan(felt), np.inf, np.maximum(felt, 0.0))
        return np.where(np.isfinite(log2_trace), np.log2(felt) + log2_trace, -np.inf)
