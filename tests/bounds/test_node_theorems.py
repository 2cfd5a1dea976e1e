"""Section 7: the theorems whose k comes from N(lam)."""

import dataclasses
import itertools
import math

import numpy as np
import pytest
from helpers.theorems import PRUNED, RNN_, SETTING, WIDE, network, sample
from hypothesis import given
from hypothesis import strategies as st

from bounds import (
    VALID,
    Setting,
    StatedProblem,
    degrees_of_freedom_bound,
    determinantal_bound,
)
from bounds.approximation.a_priori import a_priori_bound
from bounds.assembly import loss_class
from bounds.degrees_of_freedom import degrees_of_freedom
from bounds.node_counts import largest_degrees_of_freedom
from bounds.node_theorems import log_norm_of_reconstruction
from pruning import RNN, spectral_prune
from pruning.spectral import prune_to


class TestDegreesOfFreedom:
    def test_the_radii_follow_from_the_largest_degrees_of_freedom(self):
        k, m = 6, RNN_.m
        N = largest_degrees_of_freedom(k, "leverage.existence", m)
        alpha = math.sqrt(20 / 3 * m * N)
        bound = degrees_of_freedom_bound(StatedProblem(RNN_, SETTING, WIDE), PRUNED.covariance, k)
        members = loss_class(
            SETTING,
            dataclasses.replace(WIDE, hidden=WIDE.hidden * alpha, output=WIDE.output * alpha),
            k,
            RNN_.d_x,
            RNN_.d_y,
            "tanh",
        )
        reach = bound["complexity"].inputs["log R L"]
        for name, log_reach in zip(members.cover.names, members.cover.log_reach):
            assert reach[name] == pytest.approx(log_reach, abs=1e-8)

    def test_the_approximation_is_that_of_section_3_when_all_nodes_may_be_kept(self):
        T, lam = 5, 0.3
        all_nodes = prune_to(RNN_, PRUNED.covariance, np.arange(RNN_.m))
        published = a_priori_bound(all_nodes, T, lam, form="a_priori")
        setting = Setting(60, T, 0.0, weights="mean")
        bound = degrees_of_freedom_bound(
            StatedProblem(RNN_, setting, WIDE), PRUNED.covariance, RNN_.m, lam=lam
        )["approximation"]
        assert bound.log_value == pytest.approx(
            published.log_total + math.log(math.sqrt(2)), abs=1e-6
        )

    def test_the_last_step_pays_what_the_time_mean_norm_leaves_open(self):
        # approximation.weighted_from_mean: sqrt(T) for W_o r and sqrt(T Gam_T(a^2)) for W_h r.
        T, lam = 5, 0.3
        parts = {}
        for weights in ("mean", "last"):
            setting = Setting(60, T, 0.0, weights=weights)
            bound = degrees_of_freedom_bound(
                StatedProblem(RNN_, setting, WIDE), PRUNED.covariance, 8, lam=lam
            )
            parts[weights] = {part.name: part.value for part in bound["approximation"].parts}
        read = parts["last"]["read-out"] / parts["mean"]["read-out"]
        assert read == pytest.approx(math.sqrt(T), rel=1e-9)
        N = degrees_of_freedom(PRUNED.covariance, lam)
        a = np.linalg.norm(RNN_.w_hidden, 2) * math.sqrt(20 / 3 * 8 * N)
        gain = math.sqrt(T * sum(a ** (2 * j) for j in range(T - 1)))
        young = sum(a**j for j in range(T - 1))
        found = parts["last"]["propagated"] / parts["mean"]["propagated"]
        assert found == pytest.approx(gain / young, rel=1e-6)

    def test_too_few_nodes_violate_the_condition_and_empty_conditions_are_said(self):
        bound = degrees_of_freedom_bound(StatedProblem(RNN_, SETTING, WIDE), np.eye(8), 4, lam=0.1)
        assert "5 N log 80 N" in bound.label
        assert "violated" in bound.label
        assert any("empty" in note for note in bound.notes)

    def test_the_default_lam_is_the_smallest_that_k_serves(self):
        S = PRUNED.covariance
        for theorem, bound in [
            ("leverage.existence", degrees_of_freedom_bound),
            ("dpp.tradeoff_norm", determinantal_bound),
        ]:
            for k in (1, 3, 8):
                found = bound(StatedProblem(RNN_, SETTING, WIDE), S, k)
                assert found.label == VALID
                lam = found["approximation"].parts[0].inputs["lam"]
                N = largest_degrees_of_freedom(k, theorem, 8)
                assert degrees_of_freedom(S, lam) == pytest.approx(N, rel=1e-6)

    def test_dead_networks_have_no_error(self):
        rnn = RNN(np.zeros((3, 3)), np.zeros((3, 2)), np.zeros(3), np.ones((2, 3)), np.zeros(2))
        bound = degrees_of_freedom_bound(StatedProblem(rnn, SETTING, WIDE), np.zeros((3, 3)), 2)
        assert bound["approximation"].value == 0

    @given(st.integers(0, 2**32), st.integers(1, 12), st.sampled_from(["relu", "tanh"]))
    def test_what_was_shown_for_the_nodes_at_hand_is_true_of_them(self, seed, k, activation):
        rnn = network(m=12, seed=seed, activation=activation)
        rng = np.random.default_rng(seed)
        x, _ = sample(rnn, n=30, seed=seed)
        pruned = spectral_prune(rnn, x, k)
        w = rng.dirichlet(np.ones(5)) if seed % 2 else np.full(5, 0.2)
        w /= math.fsum(w)
        gap = rnn.predictions(x) - pruned.pruned.predictions(x)
        measured = math.sqrt(((gap**2).sum(axis=-1) @ w).mean())
        for theorem in (degrees_of_freedom_bound, determinantal_bound):
            setting = Setting(30, 5, 0.0, weights=w)
            bound = theorem(StatedProblem(rnn, setting, WIDE), pruned.covariance, k, pruned=pruned)
            shown = next(c for c in bound.conditions if c.name == "the nodes at hand")
            if shown.holds:
                assert measured * math.sqrt(2) <= bound["approximation"].value


class TestDeterminantal:
    @given(st.integers(1, 5), st.floats(-3, 3), st.integers(0, 2**32))
    def test_some_set_has_what_is_promised(self, m, log_lam, seed):
        rng = np.random.default_rng(seed)
        F = rng.normal(size=(m, m)) * 10.0 ** rng.integers(-2, 2, size=m)
        S = F @ F.T
        lam = math.exp(log_lam) * np.trace(S) / m
        N = degrees_of_freedom(S, lam)
        k = max(1, math.ceil(3 * N * (1 - 1e-9)))
        alpha = math.exp(log_norm_of_reconstruction("theorem.determinantal", m, N))
        rnn = network(m=m)
        found = False
        for size in range(min(k, m) + 1):
            for nodes in itertools.combinations(range(m), size):
                pruned = prune_to(rnn, S, np.array(nodes, dtype=int), tau=0.0)
                small = pruned.losses["hidden"] <= 3 * lam * N * (1 + 1e-9)
                found |= small and np.linalg.norm(pruned.reconstruction) <= alpha * (1 + 1e-9)
        assert found

    @given(st.lists(st.floats(0, 0.999), min_size=1, max_size=20), st.floats(1, 3))
    def test_the_norm_in_advance_covers_every_spectrum(self, kap, more):
        kap = np.array(kap)
        N, m = float(kap.sum()), len(kap)
        own = 3 * (N * (m - N) + float((kap**2).sum()))
        log_norm = log_norm_of_reconstruction("theorem.determinantal", m, min(more * N, m))
        assert own <= math.exp(2 * log_norm) * (1 + 1e-12) if N else log_norm == -math.inf
        assert math.exp(2 * log_norm) <= 3 * m * max(min(more * N, m), 1e-300) * (1 + 1e-12)

    def test_it_is_not_empty_where_the_published_condition_is(self):
        S = np.diag(np.arange(1, 9.0) ** -2)
        sharp = determinantal_bound(StatedProblem(RNN_, SETTING, WIDE), S, 8, lam=0.3)
        published = degrees_of_freedom_bound(StatedProblem(RNN_, SETTING, WIDE), S, 8, lam=0.3)
        assert sharp.label == VALID
        assert "violated" in published.label
