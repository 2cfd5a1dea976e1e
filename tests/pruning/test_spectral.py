"""`spectral_prune`, its result, and the trivial baselines."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pruning import (
    RNN,
    StateCovariance,
    information_loss,
    prune_to,
    select_nodes,
    selection_weight,
    spectral_prune,
)
from pruning.baselines import no_reconstruction, random_nodes


def network(seed, m=6, activation="tanh", dead=()):
    rng = np.random.default_rng(seed)
    w_hidden = rng.normal(size=(m, m)) / np.sqrt(m)
    w_input, b = rng.normal(size=(m, 3)), rng.normal(size=m)
    for j in dead:
        w_hidden[j], w_input[j], b[j] = 0, 0, 0
    return RNN(w_hidden, w_input, b, rng.normal(size=(2, m)), rng.normal(size=2), activation)


def data(seed, n=20, T=5):
    return np.random.default_rng(seed + 1000).normal(size=(n, T, 3))


seeds = st.integers(0, 2**32 - 1001)


@given(seeds, st.integers(0, 6), st.sampled_from(["tanh", "relu", "identity", "logistic"]))
def test_losses_are_those_of_the_definition_on_the_data(seed, k, activation):
    # The definition, with the states themselves: mean squared residual plus the ridge.
    rnn, x = network(seed, activation=activation), data(seed)
    for reconstruct in (True, False):
        result = spectral_prune(rnn, x, k, tau=1e-3, reconstruct=reconstruct)
        h = rnn.states(x).reshape(-1, rnn.m)
        r = h - h[:, result.nodes] @ result.reconstruction.T
        for name, Z in (
            ("hidden", np.eye(rnn.m)),
            ("output", rnn.w_output),
            ("recurrent", rnn.w_hidden[result.nodes]),
        ):
            ridge = np.sum((Z @ result.reconstruction) ** 2 * result.tau)
            measured = np.mean(np.sum((r @ Z.T) ** 2, axis=1)) + ridge
            scale = np.mean(np.sum(h * h, axis=1)) * (1 + np.linalg.norm(Z) ** 2)
            assert result.losses[name] == pytest.approx(measured, rel=1e-9, abs=1e-12 * scale)


@given(seeds, st.integers(0, 6))
def test_the_pruned_network_is_that_of_the_paper(seed, k):
    rnn, x = network(seed), data(seed)
    result = spectral_prune(rnn, x, k)
    J, A, S = result.nodes, result.reconstruction, result.covariance
    expected = S[:, J] @ np.linalg.solve(S[np.ix_(J, J)] + np.diag(result.tau), np.eye(k))
    assert np.allclose(A, expected, rtol=1e-6, atol=1e-6)
    assert np.array_equal(result.pruned.w_hidden, rnn.w_hidden[J] @ A)
    assert np.array_equal(result.pruned.w_input, rnn.w_input[J])
    assert np.array_equal(result.pruned.b_hidden, rnn.b_hidden[J])
    assert np.array_equal(result.pruned.w_output, rnn.w_output @ A)
    assert np.array_equal(result.pruned.b_output, rnn.b_output)
    assert result.pruned.activation == rnn.activation
    assert result.original is rnn
    assert (result.theta, result.method) == (0.5, "greedy")


@given(seeds, st.sampled_from(["tanh", "relu", "logistic", "leaky_relu:0.5"]))
def test_all_nodes_without_tau_reproduce_the_predictions(seed, activation):
    rnn, x = network(seed, activation=activation, dead=() if seed % 2 else (1, 4)), data(seed)
    for reconstruct in (True, False):
        result = spectral_prune(rnn, x, 6, tau=0.0, reconstruct=reconstruct)
        assert result.nodes.tolist() == list(range(6))
        assert np.allclose(result.pruned.predictions(x), rnn.predictions(x), rtol=1e-9, atol=1e-9)


@given(seeds)
def test_no_nodes_predict_the_output_bias(seed):
    rnn, x = network(seed), data(seed)
    for reconstruct in (True, False):
        result = spectral_prune(rnn, x, 0, reconstruct=reconstruct)
        assert result.pruned.m == 0
        assert np.array_equal(
            result.pruned.predictions(x), np.broadcast_to(rnn.b_output, (20, 5, 2))
        )
        assert result.losses["hidden"] == pytest.approx(np.trace(result.covariance))
        assert result.losses["recurrent"] == 0


def test_dead_nodes_of_a_relu_network_can_go_without_loss():
    rnn, x = network(5, m=8, activation="relu", dead=(0, 3, 7)), data(5)
    result = spectral_prune(rnn, x, 5, tau=0.0)
    assert np.allclose(result.pruned.predictions(x), rnn.predictions(x), atol=1e-10)


def test_data_covariance_and_matrix_say_the_same():
    rnn, x = network(1), data(1)
    cov = StateCovariance.from_network(rnn, x)
    results = [spectral_prune(rnn, given, 3) for given in (x, cov, cov.matrix)]
    for result in results[1:]:
        assert np.array_equal(result.nodes, results[0].nodes)
        assert np.array_equal(result.reconstruction, results[0].reconstruction)


def test_a_square_array_of_integers_is_tokens_and_of_floats_is_a_covariance():
    rnn = network(2, m=3)
    tokens = np.array([[0, 1, 2], [2, 2, 2], [1, 0, 1]])
    assert not np.array_equal(spectral_prune(rnn, tokens, 1).covariance, tokens)
    assert np.array_equal(spectral_prune(rnn, np.eye(3), 1).covariance, np.eye(3))


def test_the_selection_uses_the_fixed_weight_and_tau():
    rnn, x = network(3), data(3)
    S = StateCovariance.from_network(rnn, x).matrix
    tau = np.linspace(0, 0.3, 6)
    for theta, normalise in ((0.0, True), (0.7, False), (1.0, True)):
        result = spectral_prune(rnn, x, 3, theta=theta, tau=tau, normalise=normalise)
        weight = selection_weight(rnn, theta, normalise)
        assert np.array_equal(result.nodes, select_nodes(S, 3, weight=weight, tau=tau))
        assert np.array_equal(result.tau, tau[result.nodes])
        assert result.losses["hidden"] == pytest.approx(
            information_loss(S, result.nodes, result.tau), rel=1e-9
        )


def test_leverage_keeps_the_merged_tau_and_exhaustive_is_not_above_greedy():
    rnn, x = network(4), data(4)
    result = spectral_prune(rnn, x, 5, method="leverage", lam=0.5, rng=7)
    assert len(set(np.round(result.tau, 12))) > 1
    assert len(result.nodes) <= 5
    S, M = result.covariance, selection_weight(rnn, 0.5)
    best = spectral_prune(rnn, x, 3, method="exhaustive")
    greedy = spectral_prune(rnn, x, 3)
    assert information_loss(S, best.nodes, best.tau, M) <= information_loss(
        S, greedy.nodes, greedy.tau, M
    )


def test_reconstruction_beats_the_embedding_in_every_loss_without_tau():
    for seed in range(20):
        rnn, x = network(seed), data(seed)
        on = spectral_prune(rnn, x, 3, tau=0.0)
        off = spectral_prune(rnn, x, 3, tau=0.0, reconstruct=False)
        assert np.array_equal(on.nodes, off.nodes)
        assert all(on.losses[name] <= off.losses[name] for name in on.losses)


def test_given_nodes_take_their_tau_in_the_order_given():
    rnn, x = network(6), data(6)
    one = prune_to(rnn, x, [4, 1], [0.4, 0.1])
    two = prune_to(rnn, x, [1, 4], [0.1, 0.4])
    assert one.nodes.tolist() == [1, 4]
    assert one.tau.tolist() == [0.1, 0.4]
    assert np.array_equal(one.reconstruction, two.reconstruction)
    assert one.theta is None


def test_random_nodes_reach_every_set_and_the_embedding_has_no_tau():
    rnn, cov = network(9, m=4), StateCovariance.from_network(network(9, m=4), data(9))
    found = {tuple(random_nodes(rnn, cov, 2, seed).nodes.tolist()) for seed in range(200)}
    assert len(found) == 6
    off = random_nodes(rnn, cov, 2, 0, reconstruct=False)
    assert off.tau.tolist() == [0, 0]
    assert np.array_equal(off.reconstruction[off.nodes], np.eye(2))
    assert np.array_equal(no_reconstruction(rnn, cov, 2).nodes, spectral_prune(rnn, cov, 2).nodes)


def test_the_result_can_be_sent_to_a_worker():
    result = spectral_prune(network(1), data(1), 3)
    copy = pickle.loads(pickle.dumps(result))
    assert np.array_equal(copy.pruned.w_hidden, result.pruned.w_hidden)


def test_the_callers_matrix_is_not_kept():
    S = np.eye(6)
    result = spectral_prune(network(1), S, 3)
    S[:] = 7
    assert np.array_equal(result.covariance, np.eye(6))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"k": 7}, "k must be an integer from 0 to 6, got 7"),
        ({"theta": 1.5}, "theta must lie between 0 and 1, got 1.5"),
        ({"theta": np.nan}, "theta must be finite"),
        ({"tau": -1.0}, "tau must be at least 0"),
        ({"tau": np.zeros(3)}, r"tau must be a number or have shape \(6,\), got \(3,\)"),
        ({"method": "magic"}, "method must be one of"),
        ({"method": "leverage"}, "lam must be given"),
        ({"covariance_or_x": np.eye(5)}, r"S must have shape \(6, 6\), got \(5, 5\)"),
        ({"covariance_or_x": np.zeros((0, 4, 3))}, "x must hold at least one sequence"),
        ({"covariance_or_x": np.full((2, 4, 3), np.nan)}, "x must be finite"),
        ({"covariance_or_x": np.full((6, 6), np.inf)}, "S must be finite"),
        ({"covariance_or_x": np.zeros((2, 4, 5))}, "x must have shape"),
    ],
)
def test_bad_input_is_one_sentence(change, message):
    arguments = {"rnn": network(0), "covariance_or_x": data(0), "k": 3} | change
    with pytest.raises(ValueError, match=message):
        spectral_prune(**arguments)
