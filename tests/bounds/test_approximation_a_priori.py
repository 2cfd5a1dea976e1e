"""`approximation.a_priori`: the event on the actual draws, the order of the bounds, its words."""

from fractions import Fraction

import numpy as np
import pytest
from helpers.network_pairs import moments, pair
from hypothesis import given
from hypothesis import strategies as st

from bounds import degrees_of_freedom
from bounds.approximation import a_priori_bound, approximation_error, global_bound
from bounds.approximation.a_priori import EVENT, NORM, RIDGE, event_value
from pruning import reconstruction_matrix, sample_leverage
from pruning.rnn import RNN


def sampled_pair(seed, lam_share=0.3, k=40, m=6, T=4, activation="tanh"):
    rng = np.random.default_rng(seed)
    W = 0.8 * np.linalg.qr(rng.normal(size=(m, m)))[0]
    rnn = RNN(W, rng.normal(size=(m, 2)), rng.normal(size=m), rng.normal(size=(2, m)), [0, 0])
    x = rng.normal(size=(30, T, 2))
    _, S = moments(rnn.states(x))
    lam = lam_share * float(np.trace(S)) / m
    nodes, tau = sample_leverage(S, lam, k, rng)
    return pair(rnn, nodes, reconstruction_matrix(S, nodes, tau), S, tau, "leverage"), x, lam


def textbook_event(S, nodes, tau, lam):
    """The largest eigenvalue of (S + lam)^{-1} (S - G), which is similar to the event's matrix."""
    mu, U = np.linalg.eigh(S)
    root = (U * np.sqrt(np.maximum(mu, 0))) @ U.T
    G = sum(lam / t * np.outer(root[:, j], root[:, j]) for j, t in zip(nodes, tau))
    values = np.linalg.eigvals(np.linalg.solve(S + lam * np.eye(len(S)), S - G))
    return values.real.max()


@given(seed=st.integers(0, 2**32 - 1), k=st.sampled_from([1, 5, 40]))
def test_the_event_is_that_of_the_draws_with_multiplicity(seed, k):
    pruned, _, lam = sampled_pair(seed, k=k)
    found = event_value(pruned.covariance, pruned.nodes, pruned.tau, lam)
    wanted = textbook_event(pruned.covariance, pruned.nodes, pruned.tau, lam)
    assert found == pytest.approx(wanted, abs=1e-9)


@given(seed=st.integers(0, 2**32 - 1), k=st.sampled_from([5, 20, 40]))
def test_a_valid_a_priori_bound_is_above_the_measured_residuals_and_so_the_error(seed, k):
    pruned, x, lam = sampled_pair(seed, k=k)
    T = x.shape[1]
    measured = a_priori_bound(pruned, T, lam)
    full = a_priori_bound(pruned, T, lam, form="a_priori")
    conditions = {c.name: c.holds for c in full.conditions}
    if measured.label == "valid":
        assert global_bound(pruned, T).log_total <= measured.log_total
        assert approximation_error(pruned, x) <= measured.total
    if full.label == "valid":
        assert conditions[EVENT]
        assert conditions[RIDGE]
        assert conditions[NORM]
        assert measured.log_total <= full.log_total + 1e-9
        N = degrees_of_freedom(pruned.covariance, lam)
        A = pruned.reconstruction
        assert np.linalg.norm(A) <= np.sqrt(20 / 3 * len(A) * N)


def test_most_draws_of_enough_nodes_make_the_bound_valid():
    labels = [a_priori_bound(*_without_x(sampled_pair(seed, k=120))).label for seed in range(20)]
    assert labels.count("valid") == 20


def _without_x(drawn):
    pruned, x, lam = drawn
    return pruned, x.shape[1], lam


def test_without_reconstruction_nothing_is_promised():
    pruned, x, lam = sampled_pair(3, k=5)
    embedding = np.eye(6)[:, pruned.nodes]
    plain = pair(pruned.original, pruned.nodes, embedding, pruned.covariance, pruned.tau)
    bound = a_priori_bound(plain, x.shape[1], lam)
    assert "hypothesis violated" in bound.label
    assert RIDGE in bound.label


def test_a_node_set_that_misses_the_event_is_labelled_so():
    m = 4
    S = np.diag([1.0, 1.0, 1.0, 1e-6])
    rnn = RNN(np.eye(m), np.zeros((m, 1)), np.zeros(m), np.ones((1, m)), [0.0], "identity")
    nodes, tau = np.array([3]), np.array([0.1])
    pruned = pair(rnn, nodes, reconstruction_matrix(S, nodes, tau), S, tau)
    bound = a_priori_bound(pruned, 3, 0.1)
    assert EVENT in bound.label
    assert any(
        "k >= 5 N" in c.name and not c.holds and "empty" in c.detail for c in bound.conditions
    )


def test_the_output_loss_pays_for_more_than_the_spectral_norm_of_z():
    # S = 3 lam I_3, one draw, Z = I: L_B = 6.3 lam lies above 4 lam ||Z||_2^2.
    lam = Fraction(1)
    k, score = 1, Fraction(3, 4)
    N = 3 * score
    tau = lam * k * (score / N)
    assert tau == Fraction(1, 3)
    loss = 3 * lam * 2 + 3 * lam - (3 * lam) ** 2 / (3 * lam + tau)
    assert float(loss) == pytest.approx(6.3)
    rnn = RNN(np.eye(3), np.zeros((3, 1)), np.zeros(3), np.eye(3), np.zeros(3), "identity")
    S = 3 * np.eye(3)
    A = reconstruction_matrix(S, [0], float(tau))
    pruned = pair(rnn, [0], A, S, np.array([float(tau)]))
    bound = a_priori_bound(pruned, 1, 1.0)
    # 3 lam on a direction that is missed altogether attains the event's 3/4 ...
    assert event_value(S, pruned.nodes, pruned.tau, 1.0) == pytest.approx(0.75)
    # ... and the read-out term is sqrt(4 lam min(3, 2.25)), not sqrt(4 lam).
    assert bound["read-out"].value == pytest.approx(3.0)
    assert bound["read-out"].value ** 2 >= float(loss)


def test_without_a_regulariser_the_residual_is_bounded_but_the_norm_is_not():
    pruned, x, lam = sampled_pair(4, k=120)
    S, nodes = pruned.covariance, pruned.nodes
    zero = np.zeros(len(nodes))
    plain = pair(pruned.original, nodes, reconstruction_matrix(S, nodes, zero), S, zero)
    T = x.shape[1]
    assert a_priori_bound(plain, T, lam).label == "valid"
    assert NORM in a_priori_bound(plain, T, lam, form="a_priori").label


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"lam": 0.0}, "lam must be positive"),
        ({"T": 0}, "T must be an integer"),
        ({"form": "other"}, "form must be one of"),
    ],
)
def test_bad_arguments_are_refused_in_one_sentence(change, message):
    pruned, _, lam = sampled_pair(0, k=5)
    arguments = {"T": 4, "lam": lam, "form": "measured", **change}
    with pytest.raises(ValueError, match=message):
        a_priori_bound(pruned, **arguments)
