"""The balanced weight, and pruning by it (theory, section 11)."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pruning import (
    RNN,
    Observability,
    StateCovariance,
    alternating_weight,
    balanced_weight,
    certified_nodes,
    information_loss,
    prune_to,
    reconstruction_matrix,
    refitted,
    residual_covariance,
    select_nodes,
    spectral_prune,
)
from pruning.balanced import log2_felt_residuals
from pruning.baselines import METHODS, prune_by
from pruning.spectral import REFITS

seeds = st.integers(0, 2**32)


def network(rng, m=6, q=2, act="tanh"):
    w_hidden = rng.normal(size=(m, m)) / np.sqrt(m)
    return RNN(
        w_hidden, rng.normal(size=(m, 2)), 0.1 * rng.normal(size=m), rng.normal(size=(q, m)),
        rng.normal(size=q), act,
    )  # fmt: skip


def moments(rnn, x):
    covariance = StateCovariance.from_network(rnn, x, per_step=True)
    return covariance.matrix, covariance.per_step, Observability(rnn, x.shape[1]).update(x)


@settings(max_examples=20, deadline=None)
@given(seeds)
def test_the_forms_are_sums_of_the_steps_over_powers_of_their_traces(seed):
    rng = np.random.default_rng(seed)
    rnn, x = network(rng), rng.normal(size=(20, 4, 2))
    _, _, seen = moments(rnn, x)
    for form, power in (("trace", 1), ("root", 0.5), ("one", 0)):
        M = sum(O_t / trace**power for O_t, trace in zip(seen.per_step, seen.traces))
        np.testing.assert_allclose(
            balanced_weight(seen, form), M / np.trace(M), rtol=1e-10, atol=1e-14
        )


def felt(seen, per_step, S, nodes, tau):
    """(sum_t sqrt(Tr[O_t R_t]))^2: the bound of `balanced.weight` at its best c_t."""
    A = reconstruction_matrix(S, nodes, tau)
    R = [residual_covariance(S_t, nodes, A) for S_t in per_step]
    return sum(np.sqrt(max(0, np.vdot(O_t, R_t))) for O_t, R_t in zip(seen.per_step, R)) ** 2


@settings(max_examples=20, deadline=None)
@given(seeds, st.integers(0, 6))
def test_alternating_never_ends_with_a_larger_bound_than_it_began_with(seed, k):
    rng = np.random.default_rng(seed)
    rnn, x = network(rng, act="relu"), rng.normal(size=(30, 5, 2))
    S, per_step, seen = moments(rnn, x)
    tau = 1e-8 * np.trace(S) / 6
    found = [
        felt(seen, per_step, S, select_nodes(S, k, weight=M, tau=tau), tau)
        for M in (balanced_weight(seen), alternating_weight(seen, per_step, k))
    ]
    assert found[1] <= found[0] * (1 + 1e-9) + 1e-12 * found[0] + 1e-20


def test_balanced_pruning_keeps_what_the_output_feels_later():
    # Node 1 is loud and is forgotten; node 2 is faint and is carried to the end.
    rnn = RNN(
        [[0, 0, 0], [0, 1, 0], [0, 1, 0]], [[1, 0], [0, 0.1], [0, 0]], [0, 0, 0], [[0, 0, 1]],
        [0], "identity",
    )  # fmt: skip
    x = np.random.default_rng(0).normal(size=(200, 6, 2))
    loud = spectral_prune(rnn, x, 2, theta=1.0)
    kept = spectral_prune(rnn, x, 2, objective="balanced")
    assert 0 in loud.nodes
    assert kept.nodes.tolist() == [1, 2]
    assert (kept.objective, kept.theta, kept.refit) == ("balanced", None, None)
    gap = rnn.predictions(x)[:, -1] - kept.pruned.predictions(x)[:, -1]
    assert np.abs(gap).max() < 1e-5


@pytest.mark.parametrize("refit", REFITS)
@pytest.mark.parametrize("targets", ["last", "every"])
def test_pruning_with_a_refit_comes_nearer_to_the_outputs_and_keeps_the_node_map(refit, targets):
    rng = np.random.default_rng(1)
    rnn, x = network(rng, m=8), rng.normal(size=(120, 5, 2))
    options = {"objective": "balanced", "targets": targets}
    plain, fitted = (spectral_prune(rnn, x, 4, refit=one, **options) for one in (None, refit))
    assert plain.nodes.tolist() == fitted.nodes.tolist()
    assert fitted.refit == refit
    assert fitted.parameters == plain.parameters
    whole = rnn.predictions(x)

    def gap(pruned):
        f = whole - pruned.pruned.predictions(x)
        return float(np.square(f if targets == "every" else f[:, -1]).sum())

    assert gap(fitted) < gap(plain)
    np.testing.assert_array_equal(fitted.reconstruction, plain.reconstruction)
    if refit == "read-out":
        np.testing.assert_array_equal(fitted.pruned.w_hidden, plain.pruned.w_hidden)


def test_a_weight_that_is_given_was_not_made_with_theta():
    rng = np.random.default_rng(2)
    rnn, x = network(rng), rng.normal(size=(20, 4, 2))
    assert spectral_prune(rnn, x, 3, theta=0.25).theta == 0.25
    assert spectral_prune(rnn, x, 3, weight=np.eye(6)).theta is None


def test_a_weight_of_0_chooses_nodes_without_a_word(capfd):
    S = np.diag([1.0, 2.0, 3.0])
    for method in ("greedy", "exchange", "exhaustive"):
        assert len(select_nodes(S, 2, method, weight=np.zeros((3, 3)))) == 2
    assert capfd.readouterr() == ("", "")


def test_the_same_seed_gives_the_same_network_and_sequences_may_come_besides_moments():
    rng = np.random.default_rng(2)
    rnn, x = network(rng), rng.normal(size=(50, 4, 2))
    S = StateCovariance.from_network(rnn, x)
    a = spectral_prune(rnn, S, 3, objective="balanced", refit="read-out", x=x, rng=7)
    b = spectral_prune(rnn, x, 3, objective="balanced", refit="read-out", rng=7)
    assert a.nodes.tolist() == b.nodes.tolist()
    np.testing.assert_allclose(a.pruned.w_output, b.pruned.w_output, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"objective": "balance"}, "objective must be one of spectral, balanced"),
        ({"refit": "readout"}, "refit must be one of read-out, closed-loop"),
        ({"targets": "first"}, "targets must be one of last, every"),
        ({"objective": "balanced", "method": "leverage", "lam": 1.0}, "method must be one of"),
        ({"weight": np.eye(6), "method": "volume"}, "weight must be left out but for the methods"),
        ({"objective": "balanced", "x": None}, "x must be sequences"),
        ({"refit": "read-out", "x": None}, "x must be sequences"),
    ],
)
def test_bad_input_is_one_sentence(options, message):
    rng = np.random.default_rng(0)
    rnn, x = network(rng), rng.normal(size=(10, 4, 2))
    S = StateCovariance.from_network(rnn, x).matrix
    with pytest.raises(ValueError, match=message):
        spectral_prune(rnn, S, 2, **({"x": x} | options))


@settings(max_examples=40, deadline=None)
@given(seeds, st.integers(1, 6), st.integers(0, 6), st.integers(0, 6), st.floats(-8, 8))
def test_derandomised_selection_with_a_weight_keeps_its_certificate(seed, m, r, s, log_lam):
    rng = np.random.default_rng(seed)
    F, L = rng.normal(size=(m, r)), rng.normal(size=(m, s))
    S, M, lam = F @ F.T, L @ L.T, 10**log_lam
    found = certified_nodes(S, lam, M)
    mu, U = np.linalg.eigh(S)
    mu = np.maximum(mu, 0)
    expected = lam * np.einsum("ij,ik,kj->j", U, M, U) @ (mu / (mu + lam))
    assert found.expected == pytest.approx(expected, rel=1e-6, abs=1e-9 * lam * np.trace(M))
    assert found.loss == information_loss(S, found.nodes, 0.0, M)
    assert found.value <= 2 + 1e-6
    plain, identity = certified_nodes(S, lam), certified_nodes(S, lam, np.eye(m))
    assert identity.value <= 2 + 1e-6
    # The same decisions but for exact ties, which rank one has.
    if r >= m:
        assert plain.nodes.tolist() == identity.nodes.tolist()


@settings(max_examples=25, deadline=None)
@given(seeds, st.integers(2, 7), st.integers(0, 7))
def test_exchanges_end_no_worse_than_greedy_and_no_exchange_is_left(seed, m, k):
    rng = np.random.default_rng(seed)
    k = min(k, m)
    F, L = rng.normal(size=(m, m)), rng.normal(size=(m, 2))
    S, M, tau = F @ F.T, L @ L.T, 1e-6 * np.ones(m)
    loss = {
        method: information_loss(S, nodes, tau[nodes], M)
        for method in ("greedy", "exchange")
        for nodes in [select_nodes(S, k, method, M, tau)]
    }
    assert loss["exchange"] <= loss["greedy"] * (1 + 1e-9) + 1e-12
    nodes = select_nodes(S, k, "exchange", M, tau)
    for i in nodes:
        for j in np.setdiff1d(np.arange(m), nodes):
            other = np.sort(np.append(nodes[nodes != i], j))
            assert information_loss(S, other, tau[other], M) >= loss["exchange"] * (1 - 1e-6) - 1e-9


@pytest.mark.parametrize("name", [name for name in METHODS if "inputs" in METHODS[name].takes])
def test_no_method_of_the_family_asks_for_labels(name):
    rng = np.random.default_rng(3)
    rnn, x = network(rng), rng.normal(size=(60, 4, 2))
    S = StateCovariance.from_network(rnn, x).matrix
    pruned = prune_by(name, rnn, S, 3, 0, x=x, targets="last")
    assert len(pruned.nodes) == 3
    assert np.isfinite(pruned.pruned.predictions(x)).all()


@settings(max_examples=10, deadline=None)
@given(seed=seeds, k=st.integers(1, 5))
def test_taylor_nodes_read_labels_and_the_fit_that_follows_reads_none(seed, k):
    rng = np.random.default_rng(seed)
    rnn, x = network(rng), rng.normal(size=(60, 4, 2))
    y = rng.integers(rnn.d_y, size=60)
    S = StateCovariance.from_network(rnn, x).matrix
    made = prune_by("Taylor nodes, closed loop", rnn, S, k, seed, x=x, y=y)
    chosen = prune_by("Taylor nodes", rnn, S, k, seed, x=x, y=y)
    assert made.nodes.tolist() == chosen.nodes.tolist()
    fitted = refitted(prune_to(rnn, S, chosen.nodes), x, "closed-loop", rng=seed)
    for name, weight in fitted.pruned.weights.items():
        assert np.array_equal(made.pruned.weights[name], weight)


def test_a_residual_that_floats_cannot_tell_is_not_felt_as_nothing():
    """A nan was read as 0: its nodes were the best of all rounds."""
    v, h = np.array([1.0, -3.0, -3.0]), np.array([1.0, 3.0, 2.0])
    S, S_t = np.outer(v, v) + np.diag([0, 1, 1]), 1.9e307 * np.outer(h, h)[None]
    O_t = np.array([[[0.0, 0, 0], [0, 0.5, -0.5], [0, -0.5, 0.5]]])
    # R_t is beyond floats, and what is felt the difference of its entries.
    found = log2_felt_residuals(O_t, np.zeros(1), S_t, S, np.array([0]), np.zeros(1))
    assert found[0] == np.inf
