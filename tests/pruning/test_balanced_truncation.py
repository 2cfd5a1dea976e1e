"""The linear recurrence against classical balanced truncation (Moore 1981), by SciPy.

For s = id and white inputs the time-mean covariance tends to the controllability Gramian, and the
sum of the O_t to the observability Gramian. Truncation in balanced coordinates is free to mix
nodes; pruning keeps nodes.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import cholesky, solve_discrete_lyapunov, svd

from pruning import RNN, Observability, StateCovariance, refit_closed_loop, spectral_prune

T = 60


def system(seed, m=8):
    rng = np.random.default_rng(seed)
    Q = np.linalg.qr(rng.normal(size=(m, m)))[0]
    w_hidden = Q @ np.diag(rng.uniform(0.2, 0.8, m)) @ Q.T
    return RNN(
        w_hidden, rng.normal(size=(m, 2)), np.zeros(m), rng.normal(size=(2, m)), [0, 0], "identity"
    )


def gramians(rnn):
    B, C = rnn.w_input, rnn.w_output
    controllable = solve_discrete_lyapunov(rnn.w_hidden, B @ B.T)
    return controllable, solve_discrete_lyapunov(rnn.w_hidden.T, C.T @ C)


def truncated(rnn, k):
    """W_h, W_i, W_o of the balanced truncation to k coordinates."""
    P, Q = gramians(rnn)
    L, R = cholesky(P, lower=True), cholesky(Q, lower=True)
    U, s, Vt = svd(R.T @ L)
    left = (R @ U[:, :k]) / np.sqrt(s[:k])
    right = (L @ Vt[:k].T) / np.sqrt(s[:k])
    weights = (left.T @ rnn.w_hidden @ right, left.T @ rnn.w_input, rnn.w_output @ right)
    return RNN(weights[0], weights[1], np.zeros(k), weights[2], rnn.b_output, "identity")


def gap(large, small, x):
    f = large.predictions(x)[:, -1] - small.predictions(x)[:, -1]
    return float(np.sqrt(np.square(f).sum(axis=1).mean()))


def test_the_sum_of_the_gramians_is_the_observability_gramian():
    rnn = system(0)
    seen = Observability(rnn, T).update(np.zeros((1, T, 2)))
    np.testing.assert_allclose(seen.per_step.sum(axis=0), gramians(rnn)[1], rtol=1e-9, atol=1e-9)


def test_the_last_covariance_of_white_inputs_is_the_controllability_gramian():
    rnn = system(1)
    # Whitened inputs: every second moment of the sample is exact, so that no chance is left.
    n = 2 * 2 * T
    white = np.linalg.qr(np.random.default_rng(0).normal(size=(n, 2 * T)))[0] * np.sqrt(n)
    x = white.reshape(n, T, 2)
    last = StateCovariance.from_network(rnn, x, per_step=True).per_step[-1]
    np.testing.assert_allclose(last, gramians(rnn)[0], rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("seed", range(3))
def test_the_closed_loop_reaches_what_balanced_truncation_reaches(seed):
    rnn, k = system(seed), 3
    x = np.random.default_rng(seed).normal(size=(800, T, 2))
    reference = gap(rnn, truncated(rnn, k), x)
    errors = {}
    for name, options in {
        "spectral": {},
        "balanced": {"objective": "balanced"},
        "closed loop": {"objective": "balanced"},
    }.items():
        small = spectral_prune(rnn, x, k, **options).pruned
        if name == "closed loop":
            small = refit_closed_loop(rnn, small, x, steps=40, patience=6)
        errors[name] = gap(rnn, small, x)
    # Truncation is within twice the best k coordinates can do in the Hankel norm, so the fit may
    # even be better; nodes as they stand cannot be expected to.
    assert errors["closed loop"] <= 1.05 * reference
    assert errors["closed loop"] < 0.5 * errors["balanced"]
