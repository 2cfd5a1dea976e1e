"""The diagonal and sector forms attacked from inside, and what the bounds refuse."""

import dataclasses
import math
from dataclasses import replace

import numpy as np
import pytest
from helpers.network_pairs import float_pairs, moments, pair
from hypothesis import given
from hypothesis import strategies as st

from bounds.approximation import (
    approximation_bound,
    approximation_error,
    global_bound,
    recursion_bound,
    scaled_bound,
    sector_bound,
    slack_chain,
    stepwise_bound,
    toeplitz_bound,
    trajectory_bound,
    weighted_bound,
)
from bounds.approximation.measured import paired_runs
from bounds.approximation.residuals import Residuals
from bounds.approximation.scaled import balancing
from bounds.approximation.sector import _form, forms, rescaled
from bounds.approximation.stepwise import diagonal_majorant, log_majorants
from bounds.approximation.trajectory import deltas, residuals, unrolled_gap
from pruning.activations import Activation
from pruning.rnn import RNN


def example(m=8, k=4, T=6, activation="relu", seed=0, scale=1.0):
    rng = np.random.default_rng(seed)
    W = scale * np.linalg.qr(rng.normal(size=(m, m)))[0]
    w_input, w_output = rng.normal(size=(m, 2)), rng.normal(size=(2, m))
    rnn = RNN(W, w_input, rng.normal(size=m), w_output, [1, 2], activation)
    x = rng.normal(size=(20, T, 2))
    per_step, S = moments(rnn.states(x))
    nodes = np.arange(k)
    tau = np.full(k, 1e-8)
    A = np.linalg.solve(S[:k, :k] + np.diag(tau), S[:k]).T
    return pair(rnn, nodes, A, S, tau), x, per_step


def random_parts(seed, k, d_y=2, rho=1.0):
    rng = np.random.default_rng(seed)
    W = rng.normal(size=(k, k)) * rng.choice([1.0, 1e-4], size=(k, 1))
    return Residuals(
        rng.normal(size=(k, k + 1)), np.zeros((d_y, k + 1)), W, rng.normal(size=(d_y, k)), rho
    )


@given(seed=st.integers(0, 2**32 - 1), k=st.integers(1, 6), q=st.integers(1, 6))
def test_a_diagonal_majorant_majorises(seed, k, q):
    rng = np.random.default_rng(seed)
    F = rng.normal(size=(q, k)) * rng.choice([1.0, 1e-5, 0.0], size=(1, k))
    if not F.any():
        return
    F /= np.linalg.norm(F, 2)
    d, _ = diagonal_majorant(F, rng.random(k) + 1e-3)
    assert np.linalg.norm(F / np.sqrt(d), 2) <= 1 + 1e-14


def test_a_diagonal_majorant_is_optimal_where_the_optimum_is_known():
    # F^T F = 1 1^T in the plane with weights p: the least p_1 d_1 + p_2 d_2 subject to
    # 1/d_1 + 1/d_2 <= 1 is (sqrt p_1 + sqrt p_2)^2.
    F = np.array([[1.0, 1.0]])
    p = np.array([1.0, 4.0])
    d, _ = diagonal_majorant(F, p)
    assert p @ d == pytest.approx(9.0, rel=1e-9)


@given(seed=st.integers(0, 2**32 - 1), k=st.integers(1, 5), rho=st.sampled_from([0.25, 1.0, 2.0]))
def test_no_signed_factors_escape_the_chain_of_diagonals(seed, k, rho):
    parts = random_parts(seed, k, rho=rho)
    chain = log_majorants(parts, np.zeros(k), 5)
    rng = np.random.default_rng(seed + 1)
    for _ in range(10):
        g = rng.normal(size=k)
        for j in range(4):
            v = rho * rng.choice([-1, 1], size=k) * g
            for _ in range(j):
                v = rho * rng.choice([-1, 1], size=k) * (parts.w_hidden @ v)
            size = np.linalg.norm(parts.w_output @ v)
            assert size <= rho * np.sqrt(np.exp(chain[j]) @ g**2) * (1 + 1e-12)


@given(
    seed=st.integers(0, 2**32 - 1),
    k=st.integers(1, 5),
    rho=st.sampled_from([0.25, 1.0, 2.0]),
    corners=st.booleans(),
)
def test_no_factors_between_zero_and_rho_escape_the_sector_forms(seed, k, rho, corners):
    parts = random_parts(seed, k, rho=rho)
    rng = np.random.default_rng(seed + 1)
    root = rng.normal(size=(k, k))
    parts = rescaled(parts, rng.normal(size=k))
    chain = list(forms(parts, root @ root.T + 1e-3 * np.eye(k), 5))
    for _ in range(10):
        g = rng.normal(size=k)
        for j in range(4):
            draw = (lambda: rng.integers(0, 2, size=k)) if corners else (lambda: rng.random(k))
            v = rho * draw() * g
            for _ in range(j):
                v = rho * draw() * (parts.w_hidden @ v)
            size = np.linalg.norm(parts.w_output @ v)
            form = chain[j]
            bound = rho * np.exp(form.log_scale / 2) * np.sqrt(g @ form.matrix @ g)
            assert size <= bound * (1 + 1e-12)


def test_the_sector_form_of_one_node_is_exact():
    # k = 1: Lambda (2 Lambda - M)^{-1} Lambda is least at Lambda = M, where it is M.
    parts = Residuals(np.eye(1), np.zeros((1, 1)), np.array([[0.5]]), np.array([[3.0]]), 1.0)
    sizes = [f.matrix[0, 0] * np.exp(f.log_scale) for f in forms(parts, np.eye(1), 4)]
    assert sizes == pytest.approx([9.0, 9 / 4, 9 / 16], rel=1e-9)


@pytest.mark.parametrize("activation", ["relu", "tanh", "leaky_relu:0.1"])
def test_the_sector_bound_is_the_smallest_from_second_moments_on_a_contracting_network(activation):
    pruned, x, per_step = example(m=10, k=5, T=6, activation=activation, scale=0.9)
    T = x.shape[1]
    mean = {f.__name__: f(pruned, T).total for f in (toeplitz_bound, scaled_bound, stepwise_bound)}
    assert sector_bound(pruned, T).total < min(mean.values())
    by_step = sector_bound(pruned, T, per_step=per_step).total
    assert by_step < weighted_bound(pruned, per_step).total
    best = approximation_bound(pruned, T, "best", per_step=per_step).total
    assert approximation_error(pruned, x) <= best <= by_step


def test_any_diagonal_may_be_given_and_the_optimised_one_is_never_worse_than_the_identity():
    pruned, x, _ = example()
    T, k = x.shape[1], len(pruned.nodes)
    assert scaled_bound(pruned, T, np.ones(k)).log_total == pytest.approx(
        toeplitz_bound(pruned, T).log_total, abs=1e-9
    )
    rng = np.random.default_rng(0)
    optimised = scaled_bound(pruned, T).log_total
    for _ in range(50):
        D = np.exp(0.3 * rng.normal(size=k))
        given_D = scaled_bound(pruned, T, D)
        assert approximation_error(pruned, x) <= given_D.total
        assert optimised <= given_D.log_total + 1e-6
    with pytest.raises(ValueError, match="scaling must be positive"):
        scaled_bound(pruned, T, np.zeros(k))


def test_a_diagonal_turns_an_exponential_in_t_into_a_constant():
    # W_h' = [[0.5, 100], [0, 0.5]]: norm 100, spectral radius 1/2.
    W = np.zeros((3, 3))
    W[:2, :2] = [[0.5, 100.0], [0.0, 0.5]]
    W[0, 2] = W[1, 2] = 1.0
    rnn = RNN(W, np.eye(3), np.zeros(3), np.ones((1, 3)), [0.0], "identity")
    pruned = pair(rnn, [0, 1], np.eye(3)[:, :2], np.diag([1.0, 1.0, 1e-4]))
    short, long = (scaled_bound(pruned, T)["propagated"].value for T in (50, 784))
    assert long <= 1.1 * short
    assert toeplitz_bound(pruned, 784).log10_total > 1500


@given(drawn=float_pairs())
def test_the_unrolled_products_of_actual_factors_equal_the_gap(drawn):
    pruned, x, _ = drawn
    parts = residuals(pruned)
    for runs in paired_runs(pruned, x):
        Delta = deltas(pruned, parts, runs)
        assert Delta.min(initial=0.0) >= 0
        assert Delta.max(initial=0.0) <= pruned.original.activation.lipschitz
        gap, total = unrolled_gap(pruned, runs)
        scale = 1 + np.abs(runs.states).max() * np.abs(pruned.original.w_output).max()
        growth = (1 + np.linalg.norm(parts.w_hidden, 2)) ** x.shape[1]
        np.testing.assert_allclose(total, gap, rtol=0, atol=1e-13 * scale * growth * 10)


def test_equal_networks_have_error_zero_and_bounds_at_rounding_level_only():
    pruned, x, per_step = example(m=4, k=4)
    same = pair(pruned.original, np.arange(4), np.eye(4), pruned.covariance)
    T = x.shape[1]
    assert approximation_error(same, x) == 0.0
    for bound in (
        global_bound(same, T),
        scaled_bound(same, T),
        stepwise_bound(same, T),
        sector_bound(same, T),
        weighted_bound(same, per_step),
        recursion_bound(same, x),
        trajectory_bound(same, x),
        *slack_chain(same, x),
    ):
        assert bound.total == 0.0


def test_no_nodes_leave_the_read_out_alone():
    pruned, x, _ = example()
    none = pair(pruned.original, [], np.zeros((8, 0)), pruned.covariance)
    T = x.shape[1]
    error = approximation_error(none, x)
    for bound in (global_bound(none, T), sector_bound(none, T), recursion_bound(none, x)):
        assert bound["propagated"].value == 0.0
        assert bound["read-out"].value == pytest.approx(error, rel=1e-9)


def test_a_long_sequence_with_ratio_three_is_a_power_of_ten():
    rnn = RNN(3 * np.eye(2), np.eye(2), np.zeros(2), np.ones((1, 2)), [0.0], "tanh")
    rnn = replace(rnn, w_hidden=np.array([[3.0, 1.0], [0.0, 3.0]]))
    pruned = pair(rnn, [0], np.eye(2)[:, :1], np.eye(2))
    bound = global_bound(pruned, 784)
    assert bound.total is None
    assert bound.log10_total == pytest.approx(373.2, abs=0.5)
    # Rounded up: what is printed of a bound is never below it.
    assert "10^374" in bound.table()
    assert bound.log10_total <= 374


@pytest.mark.parametrize("what", ["w_input", "b_hidden", "b_output"])
def test_a_pair_that_differs_in_what_pruning_keeps_is_refused(what):
    pruned, x, _ = example()
    changed = replace(pruned.pruned, **{what: getattr(pruned.pruned, what) + 1})
    with pytest.raises(ValueError, match="must keep"):
        global_bound(replace(pruned, pruned=changed), x.shape[1])


def test_a_pair_of_different_activations_is_refused():
    pruned, x, _ = example()
    changed = replace(pruned.pruned, activation="tanh")
    with pytest.raises(ValueError, match="activation"):
        global_bound(replace(pruned, pruned=changed), x.shape[1])


def test_an_activation_not_known_to_rise_is_refused_by_the_sector_bound_only():
    wave = Activation("wave", lambda a, out=None: np.sin(a, out=out), np.cos, 1.0, 1.0, 0.0)
    pruned, x, per_step = example(activation=wave)
    T = x.shape[1]
    with pytest.raises(ValueError, match="nondecreasing"):
        sector_bound(pruned, T)
    error = approximation_error(pruned, x)
    best = approximation_bound(pruned, T, "best", per_step=per_step)
    assert error <= best.total
    assert error <= trajectory_bound(pruned, x).total * (1 + 1e-9)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"T": 0}, "T must be an integer"),
        ({"method": "magic"}, "method must be one of"),
        ({"method": "weighted"}, "per_step must be given"),
        ({"method": "a_priori"}, "lam must be given"),
        ({"method": "scaled", "weights": [0, 0, 0, 0, 0, 1]}, "weights must be 1/T"),
        ({"method": "sector", "weights": [0, 0, 0, 0, 0, 1]}, "per_step must be given"),
        ({"method": "global", "weights": [1, 0, 0, 0, 0, 0]}, "weighted_covariance must be given"),
        ({"method": "best", "weights": [1, 1, 0, 0, 0, 0]}, "weights must sum to 1"),
        ({"method": "best", "weights": [2, -1, 0, 0, 0, 0]}, "weights must be at least 0"),
        ({"method": "best", "weights": [1, 0]}, "weights must have shape"),
        ({"method": "best", "per_step": np.zeros((2, 8, 8))}, "per_step must have shape"),
    ],
)
def test_bad_arguments_are_refused_in_one_sentence(arguments, message):
    pruned, _, _ = example()
    with pytest.raises(ValueError, match=message):
        approximation_bound(pruned, **{"T": 6, **arguments})


def test_every_step_of_the_slack_chain_is_its_formula():
    pruned, x, _ = example(scale=0.8, activation="leaky_relu:0.5")
    pruned = dataclasses.replace(pruned, tau=np.linspace(0.1, 3, len(pruned.nodes)))
    T = x.shape[1]
    chain = {bound.id: bound for bound in slack_chain(pruned, x)}
    full, small, nodes = pruned.original, pruned.pruned, pruned.nodes
    h, h_small = full.states(x), small.states(x)
    e = h_small - h[:, :, nodes]
    G, Go = full.w_hidden[nodes].copy(), full.w_output.copy()
    G[:, nodes] -= small.w_hidden
    Go[:, nodes] -= small.w_output

    def size(values):
        return np.sqrt(np.square(values).sum(axis=-1))

    def mean(norms):
        return np.sqrt(np.square(norms).sum() / (len(x) * T))

    drive = size(h @ G.T)
    kappa, outer = (np.linalg.norm(W, 2) for W in (small.w_hidden, small.w_output))
    read = mean(size(h @ Go.T))
    v, u = np.zeros((len(x), T)), np.zeros(T)
    for t in range(1, T):
        v[:, t] = kappa * v[:, t - 1] + drive[:, t - 1]
        u[t] = kappa * u[t - 1] + np.sqrt(np.square(drive[:, t - 1]).mean())
    inner = np.zeros((len(x), T))
    inner[:, 1:] = size(e[:, :-1] @ small.w_hidden.T) + drive[:, :-1]
    one = np.zeros((len(x), T))
    one[:, 1:] = kappa * size(e[:, :-1]) + drive[:, :-1]
    lag = np.arange(T - 1)[:, None] - np.arange(T - 1)  # the first step has no e
    toeplitz = np.where(lag >= 0, kappa ** np.maximum(lag, 0), 0.0)
    formulas = {
        "split": mean(size(e @ small.w_output.T)),
        "operator": outer * mean(size(e)),
        "lipschitz": outer * mean(inner),
        "one_step": outer * mean(one),
        "approximation.recursion": outer * mean(v),
        "approximation.weighted": outer * np.sqrt(np.square(u).mean()),
        "approximation.toeplitz": outer * np.linalg.norm(toeplitz, 2) * mean(drive),
        "approximation.global": outer * (kappa ** np.arange(T - 1)).sum() * mean(drive),
    }
    charge = (np.square(small.w_hidden).sum(axis=0) * pruned.tau).sum()
    young = (kappa ** np.arange(T - 1)).sum()
    formulas["losses"] = outer * young * np.sqrt(mean(drive) ** 2 + charge)
    for id, value in formulas.items():
        if id not in ("split", "losses"):
            assert math.exp(chain[id]["read-out"].log_value) == pytest.approx(read, rel=1e-9)
        propagated = math.exp(chain[id]["propagated"].log_value)
        assert propagated == pytest.approx(value, rel=1e-9), id
        assert propagated >= value * (1 - 1e-12), id


def test_the_slack_chain_begins_at_the_measured_error():
    pruned, x, _ = example()
    for weights in (None, np.eye(x.shape[1])[-1]):
        measured = slack_chain(pruned, x[:3], weights=weights)[0]
        error = approximation_error(pruned, x[:3], weights)
        assert measured.total == pytest.approx(error, rel=1e-12)


def test_weights_that_are_even_may_be_given_and_others_may_not():
    pruned, x, _ = example()
    T = x.shape[1]
    even = np.nextafter(np.full(T, 1 / T), 1)  # rounded otherwise
    for method in ("scaled", "stepwise"):
        found = approximation_bound(pruned, T, method, weights=even)
        assert found.log_total == approximation_bound(pruned, T, method).log_total
        tilted = even + 1e-9 * np.array([1, *np.zeros(T - 2), -1])
        with pytest.raises(ValueError, match="weights must be 1/T for method"):
            approximation_bound(pruned, T, method, weights=tilted)


def test_balancing_undoes_a_similarity():
    rng = np.random.default_rng(0)
    W, log_d = rng.normal(size=(5, 5)), np.array([0.0, 3, -3, 5, -5])
    found = balancing(W * np.exp(log_d[:, None] - log_d))
    plain = balancing(W)
    assert np.abs((found - plain) - (found - plain).mean() + log_d).max() < 0.5


@pytest.mark.parametrize("k", [1, 3, 100, 400])
def test_a_form_pays_for_the_rounding_of_its_product(k):
    # With M = 0 and Lambda = 1, P is I/2 but for its allowances; a product is off by k Tr P.
    P = _form(np.zeros((k, k)), np.ones(k))
    assert np.linalg.eigvalsh(P)[0] >= 0.5 + k * 2.0**-53 * k / 2
    assert np.linalg.eigvalsh(P)[-1] <= 0.5 * (1 + 200 * k**2 * 2.0**-52)
