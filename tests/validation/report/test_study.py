"""The numbers of a study: trials, the reference network, determinism, and the targets."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from joblib import Parallel, delayed, parallel_config
from scipy.special import log_softmax, softmax

from bounds.approximation.a_priori import event_value, positive_tau
from pruning import StateCovariance, initial_rnn, prune_to, spectral_prune
from validation.data.dataset import Dataset
from validation.data.digits import digits
from validation.report.findings import order_kept, substitutes
from validation.report.gallery import planned
from validation.report.reference import examine, smallest_lam
from validation.report.settings import Settings, default_nodes, reference_size
from validation.report.study import check_fit, run
from validation.report.trials import (
    METHODS,
    RECONSTRUCTED,
    balanced,
    felt_weight,
    mean_accuracy,
    measure,
    prune,
    prune_trial,
    run_trial,
)


def test_five_trainings_on_the_digits_reach_the_targets():
    settings = Settings(nodes=(32,), seeds=5)
    with parallel_config(backend="loky", inner_max_num_threads=1):
        trials = Parallel(n_jobs=2)(
            delayed(run_trial)(settings, digits(), "tanh", seed) for seed in range(5)
        )
    whole, _ = mean_accuracy(trials)
    means = {method: mean_accuracy(trials, method, 32)[0] for method in METHODS}
    assert whole >= 0.955
    assert whole - means[RECONSTRUCTED] <= 0.03
    assert means[RECONSTRUCTED] >= means["spectral, without reconstruction"] + 0.2
    assert means[RECONSTRUCTED] >= means["random nodes, without reconstruction"] + 0.2
    assert means[RECONSTRUCTED] > means["random nodes, with reconstruction"]


def test_what_is_called_balanced_and_is_not_is_said(data):
    settings = Settings(nodes=(2,), seeds=1)
    rnn = initial_rnn(4, data.d_x, data.classes, activation="relu", rng=0)
    trial = prune_trial(settings, data, rnn, "relu", 0)
    assert trial.failed == ()
    assert substitutes([trial]) == ""
    unread = replace(rnn, w_output=np.zeros_like(rnn.w_output))
    trial = prune_trial(settings, data, unread, "relu", 0)
    assert "balanced hold spectral's nodes (rnn must have a read-out" in substitutes([trial])
    # Its squares of states are beyond the range of floats, the states are not.
    T = data.T
    loud = replace(rnn, w_hidden=10.0 ** (170 / (T - 1)) * np.eye(4))
    states = StateCovariance.from_network(loud, data.x)
    assert states.exponent > 0
    trial = prune_trial(settings, data, loud, "relu", 0)
    assert "networks whose refit could not be made (the states of " in substitutes([trial])


@pytest.mark.parametrize("every", [True, False])
def test_refits_of_a_language_model_are_by_the_softmax_of_its_outputs(every, monkeypatch):
    rng = np.random.default_rng(3)
    rnn = initial_rnn(8, d_x=6, d_y=6, activation="tanh", rng=0)
    rnn = replace(rnn, w_output=2 * rng.normal(size=(6, 8)))
    x = rng.integers(0, 6, (120, 5))
    data = Dataset("letters", x, x if every else x[:, -1])
    covariance = StateCovariance.from_network(rnn, x)
    weight, _ = felt_weight(rnn, data, 0.5)
    start = spectral_prune(rnn, covariance, 3, objective="balanced", weight=weight)

    def lost(method):
        small, why = balanced(method, start, data)
        assert why == ""
        f, g = (net.predictions(x)[:, slice(None) if every else -1] for net in (rnn, small))
        log_p, log_q = log_softmax(f, axis=-1), log_softmax(g, axis=-1)
        return float((np.exp(log_p) * (log_p - log_q)).sum(axis=-1).mean())

    plain, read, closed = (lost(method) for method in METHODS if method.startswith("balanced"))
    assert closed < read < plain
    # By squared gaps of the logits it would be worse.
    monkeypatch.setattr("validation.report.trials.are_logits", lambda *_: False)
    assert read < lost("balanced, read-out refitted")


@pytest.mark.parametrize("every", [True, False])
def test_the_picture_of_what_is_felt_has_the_nodes_of_the_rows_named_balanced(every, monkeypatch):
    monkeypatch.setattr("validation.report.reference.OBSERVED", 60)  # of 90
    monkeypatch.setattr("validation.report.reference.side_by_side", lambda *_: None)
    rng = np.random.default_rng(7)
    rnn = initial_rnn(10, d_x=6, d_y=6, activation="tanh", rng=1)
    # Improbable words of large weights: squared gaps of logits would choose other nodes.
    bias = np.array([0.0, 0, 0, -8, -8, -8])
    rnn = replace(rnn, w_output=(2 - bias)[:, None] * rng.normal(size=(6, 10)), b_output=bias)
    x = rng.integers(0, 6, (90, 4))
    data = Dataset("letters", x, x if every else x[:, -1])
    settings = Settings(nodes=(4,), seeds=1)
    trial = prune_trial(settings, data, rnn, "tanh", 0)
    reads = "every" if every else "last"
    for row in trial.rows:
        if row.method == "balanced":
            asked = spectral_prune(rnn, x, row.k, objective="balanced", targets=reads)
            np.testing.assert_array_equal(trial.balanced[row.k], asked.nodes)
            assert measure(asked.pruned, data, settings.gamma) == row.measured
            numbers = spectral_prune(
                rnn, x, row.k, objective="balanced", targets=reads, outputs="numbers"
            )
            assert set(asked.nodes) != set(numbers.nodes)
    reference = examine(settings, data, rnn, trial.balanced)
    kept = prune_to(rnn, x, trial.balanced[reference.k])
    h = rnn.states(x[:60])
    r = h - h[:, :, kept.nodes] @ kept.reconstruction.T
    drawn = reference.losses["balanced"]
    np.testing.assert_allclose(drawn.residual, np.square(r).sum(axis=2).mean(axis=0), rtol=1e-9)
    assert reference.logits
    if not every:
        # At the last step: Fisher's metric of the softmax, formed for every word.
        p = softmax(rnn.predictions(x[:60])[:, -1], axis=1)
        F = np.diag(p.mean(axis=0)) - p.T @ p / len(p)
        moved = r[:, -1] @ rnn.w_output.T
        felt = np.einsum("na,ab,nb->n", moved, F, moved).mean()
        np.testing.assert_allclose(drawn.residual_felt[-1], felt, rtol=1e-9)


def test_no_picture_calls_spectrals_nodes_balanced(data, monkeypatch):
    monkeypatch.setattr("validation.report.reference.side_by_side", lambda *_: None)
    settings = Settings(nodes=(2,), seeds=1)
    rnn = initial_rnn(4, data.d_x, data.classes, activation="relu", rng=0)
    unread = replace(rnn, w_output=np.zeros_like(rnn.w_output))
    trial = prune_trial(settings, data, unread, "relu", 0)
    assert trial.balanced == {}
    assert examine(settings, data, unread, trial.balanced).losses == {}


def test_the_caption_says_what_feels_the_residuals(study, every_step):
    def caption(one):
        return planned(one)["felt"][0]

    assert "what the output feels of it through" in caption(study)
    assert "estimated by random signs" in caption(every_step)
    words = replace(study, reference=replace(study.reference, logits=True))
    assert "what the softmax of the outputs feels of it (to second order twice" in caption(words)


def test_the_numbers_do_not_depend_on_the_number_of_processes(study, data):
    again = run(study.settings, data, workers=1)
    for one, two in zip(study.trials, again.trials, strict=True):
        assert (one.seed, one.activation, one.rows) == (two.seed, two.activation, two.rows)
        np.testing.assert_array_equal(one.rnn.w_hidden, two.rnn.w_hidden)
    totals = [[b.log_total for b in s.reference.bounds] for s in (study, again)]
    assert totals[0] == totals[1]


@pytest.mark.parametrize("which", ["study", "every_step"])
def test_every_chain_rises_and_the_sharpest_bound_lies_between(which, request):
    reference = request.getfixturevalue(which).reference
    for chains in reference.chains:
        assert order_kept(chains.mean)
        assert order_kept(chains.read)
    steps = reference.chain.read or reference.chain.mean
    assert steps[0].log_total <= reference.sharpest.log_total + 1e-9
    assert reference.sharpest.log_total <= steps[-1].log_total + 1e-9


def test_the_middle_term_is_in_the_norm_of_the_loss(study, every_step):
    assert study.reference.bound("theorem.fixed_nodes")["approximation"].source == (
        "approximation.weighted_from_mean"
    )
    assert every_step.reference.bound("theorem.fixed_nodes")["approximation"].source == (
        "approximation.global"
    )
    assert not every_step.reference.chain.read


@given(seed=st.integers(0, 10**6), k=st.integers(0, 6), ridge=st.floats(1e-9, 10))
def test_the_event_holds_at_the_lam_found_and_not_much_below(seed, k, ridge):
    rng = np.random.default_rng(seed)
    rnn = initial_rnn(6, 2, 1, "tanh", init="orthogonal", rng=rng)
    covariance = StateCovariance.from_network(rnn, rng.standard_normal((10, 4, 2)))
    pruned = spectral_prune(rnn, covariance, k, tau=ridge)
    S = pruned.covariance
    tau = positive_tau(pruned.tau, S, k)

    lam = smallest_lam(pruned)

    assert event_value(S, pruned.nodes, tau, lam) <= 0.75
    if lam > 1e-15 * np.trace(S):
        assert event_value(S, pruned.nodes, tau, lam * 0.99) > 0.75


def test_the_random_methods_share_their_nodes_and_the_embedding_shows(study):
    rnn = study.reference.rnn
    covariance = StateCovariance.from_network(rnn, study.data.x)
    kept = [
        prune(method, rnn, covariance, 3, 0.5, np.random.default_rng(0)) for method in METHODS[2:4]
    ]
    np.testing.assert_array_equal(kept[0].nodes, kept[1].nodes)
    np.testing.assert_array_equal(kept[1].reconstruction, np.eye(rnn.m)[:, kept[1].nodes])


@given(m=st.integers(1, 300))
def test_default_sizes_are_sorted_and_within_range(m):
    sizes = default_nodes(m)
    assert list(sizes) == sorted(set(sizes))
    assert sizes[0] >= 1
    assert sizes[-1] == m
    assert min(abs(2 * k - m) for k in sizes) == abs(2 * reference_size(sizes, m) - m)


def test_for_64_nodes_the_sizes_of_the_paper_are_among_them():
    assert {21, 32, 64} <= set(default_nodes(64))
    assert reference_size(default_nodes(64), 64) == 32


def test_a_model_that_does_not_fit_is_told_how(data):
    with pytest.raises(ValueError, match="inputs of dimension 2, the data have dimension 3"):
        check_fit(initial_rnn(4, 2, 2, rng=0), data)
    with pytest.raises(ValueError, match="predicts 1 classes"):
        check_fit(initial_rnn(4, 3, 1, rng=0), data)
    with pytest.raises(ValueError, match="at least one hidden node"):
        check_fit(initial_rnn(0, 3, 2, rng=0), data)
