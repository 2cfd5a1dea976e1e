"""Near ties of the balanced choice, decided by runs."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import log_softmax, rel_entr

from pruning import RNN, Observability, balanced_weight, near_ties, prune_by_runs, spectral_prune
from pruning.covariance import seen

seeds = st.integers(0, 2**32)


def network(rng, m=6, q=2, act="tanh", d_x=2):
    w_hidden = rng.normal(size=(m, m)) / np.sqrt(m)
    return RNN(
        w_hidden, rng.normal(size=(m, d_x)), 0.1 * rng.normal(size=m), rng.normal(size=(q, m)),
        rng.normal(size=q), act,
    )  # fmt: skip


def outputs(rnn, x):
    """f_1..f_T of one sequence, step by step."""
    act = {"tanh": np.tanh, "relu": lambda z: np.maximum(z, 0)}[rnn.activation.name]
    h, found = np.zeros(rnn.m), []
    for now in x:
        drive = rnn.w_input[:, now] if np.ndim(now) == 0 else rnn.w_input @ now
        h = act(rnn.w_hidden @ h + drive + rnn.b_hidden)
        found.append(rnn.w_output @ h + rnn.b_output)
    return np.array(found)


@settings(max_examples=25, deadline=None)
@given(seeds, st.sampled_from(["tanh", "relu"]), st.sampled_from(["last", "every"]))
def test_the_gap_is_that_of_runs_step_by_step(seed, act, targets):
    rng = np.random.default_rng(seed)
    T = int(rng.integers(1, 5))
    large, small = network(rng, act=act), network(rng, m=3, act=act)
    x = rng.normal(size=(int(rng.integers(1, 6)), T, 2))
    gaps = [
        [np.sum((outputs(small, one)[t] - outputs(large, one)[t]) ** 2) for t in range(T)]
        for one in x
    ]
    wanted = np.mean(gaps if targets == "every" else [one[-1] for one in gaps])
    assert near_ties.output_gap(large, small, x, targets) == pytest.approx(wanted, rel=1e-9)


def test_the_gap_of_logits_is_the_divergence_of_their_softmax():
    rng = np.random.default_rng(1)
    large, small = network(rng, q=4, d_x=4), network(rng, m=3, q=4, d_x=4)
    x = rng.integers(0, 4, size=(5, 3))
    wanted = np.mean(
        [
            rel_entr(
                np.exp(log_softmax(outputs(large, one), axis=1)),
                np.exp(log_softmax(outputs(small, one), axis=1)),
            ).sum(axis=1).mean()
            for one in x
        ]
    )  # fmt: skip
    found = near_ties.output_gap(large, small, x, "every")
    assert found == pytest.approx(wanted, rel=1e-4)  # float32 logits


def test_a_run_that_leaves_the_range_is_infinitely_far():
    rng = np.random.default_rng(2)
    large = network(rng, act="relu")
    wild = RNN(np.full((3, 3), 1e200), np.ones((3, 2)), np.ones(3), np.ones((2, 3)), [0, 0], "relu")
    x = np.ones((2, 4, 2))
    assert near_ties.output_gap(large, wild, x) == np.inf


WILD = {
    "its run": {"w_hidden": np.full((3, 3), 1e200), "act": "relu"},
    "its run, to and fro": {"w_hidden": np.array([[0, -1e200, 0], [1e200, 0, 0], [1, 1, 1]])},
    "its logits in single precision": {"w_output": 1e39 * np.ones((4, 3))},
    "one logit": {"b_output": np.array([1e300, 0, 0, 0])},
    "its logits, of both signs": {"w_output": np.outer([1, -1, 1, -1], [1e308, 1e308, -1e308])},
}


@pytest.mark.parametrize("targets", ["last", "every"])
@pytest.mark.parametrize("which", WILD)
def test_a_divergence_that_leaves_the_range_is_infinitely_far(which, targets):
    rng = np.random.default_rng(3)
    own = {"w_hidden": np.eye(3), "w_output": np.ones((4, 3)), "b_output": np.zeros(4)} | WILD[
        which
    ]
    act = own.pop("act", "identity")
    wild = RNN(w_input=rng.normal(size=(3, 4)), b_hidden=np.ones(3), activation=act, **own)
    large = network(rng, q=4, d_x=4, act=act)
    x = rng.integers(0, 4, size=(5, 6))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert near_ties.output_gap(large, wild, x, targets) == np.inf


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("tokens", [True, False])
def test_what_is_no_number_is_never_the_nearest(tokens, bad, monkeypatch):
    rng = np.random.default_rng(4)
    rnn = network(rng, m=10, q=4, d_x=4)
    x = rng.integers(0, 4, size=(60, 3)) if tokens else rng.normal(size=(60, 3, 4))
    gaps = iter([bad, 3.0, *20 * [bad]])
    monkeypatch.setattr(near_ties, "output_gap", lambda *args: next(gaps))
    held, halvings = seen(rnn, x), 4
    args = np.random.default_rng(0), None, x
    (first, _), (second, _), *_ = near_ties.near_ties(rnn, held, 3, *args, halvings=halvings)
    assert first.gap == np.inf
    gaps = iter([bad, 3.0, *20 * [bad]])
    pruned = prune_by_runs(rnn, held, 3, rng=0, x=x, halvings=halvings)
    assert pruned.nodes.tolist() == second.nodes.tolist() != first.nodes.tolist()


@settings(max_examples=25, deadline=None)
@given(seeds, st.integers(0, 6), st.integers(2, 40), st.integers(0, 4))
def test_the_set_that_runs_best_is_kept(seed, k, n, halvings):
    """On sequences that no weight has seen, and never worse than the whole sample's set."""
    rng = np.random.default_rng(seed)
    rnn = network(rng)
    x = rng.normal(size=(n, 3, 2))
    watched = []

    def watching(self, part):
        watched.extend(part)
        return update(self, part)

    update = Observability.update
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Observability, "update", watching)
        tried = near_ties.near_ties(
            rnn, seen(rnn, x), k, np.random.default_rng(seed), None, x, halvings=halvings
        )
    order = np.random.default_rng(seed).permutation(n)
    deciding, others = np.split(x[order], [max(1, n // 5)])
    np.testing.assert_array_equal(watched, others)  # each of the others once, none of those
    pruned = prune_by_runs(rnn, x, k, rng=seed, halvings=halvings)
    gaps = [near_ties.output_gap(rnn, one.pruned, deciding) for _, one in tried]
    assert gaps == [one.gap for one, _ in tried]
    assert near_ties.output_gap(rnn, pruned.pruned, deciding) == min(gaps)
    assert len({tuple(one.nodes) for one, _ in tried}) == len(tried)


@settings(max_examples=25, deadline=None)
@given(seeds, st.integers(1, 20), st.integers(0, 6), st.sampled_from(["last", "mean"]))
def test_merged_parts_weigh_as_each_part_alone(seed, n, halvings, weights):
    rng = np.random.default_rng(seed)
    rnn = network(rng)
    x = rng.normal(size=(n, 3, 2))
    levels = [[x]]
    while len(levels) <= halvings and any(len(part) > 1 for part in levels[-1]):
        halved = [part for part in levels[-1] if len(part) > 1]
        levels.append([half for part in halved for half in np.array_split(part, 2)])
    wanted = [
        balanced_weight(Observability(rnn, 3, weights).update(part))
        for level in levels
        for part in level
    ]
    empty = Observability(rnn, 3, weights)
    found = near_ties.nested_weights(empty, x, halvings)
    assert empty.n == 0
    assert len(found) == len(wanted)
    np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-12)


def test_several_sets_are_tried_and_differ():
    rng = np.random.default_rng(3)
    rnn = network(rng, m=8, act="relu")
    x = rng.normal(size=(400, 6, 2))
    tried = near_ties.near_ties(rnn, seen(rnn, x), 4, np.random.default_rng(0), None, x)
    gaps = np.array([one.gap for one, _ in tried])
    assert len(tried) > 1
    assert gaps.min() < gaps.max()
    best = prune_by_runs(rnn, x, 4, rng=0)
    assert tuple(best.nodes) == tuple(tried[int(gaps.argmin())][0].nodes)


def test_one_sequence_cannot_decide():
    rnn = network(np.random.default_rng(4))
    with pytest.raises(ValueError, match=r"x must hold at least 2 sequences, .* got 1"):
        prune_by_runs(rnn, np.zeros((1, 3, 2)), 2)


def test_second_moments_alone_are_not_enough():
    rnn = network(np.random.default_rng(5))
    with pytest.raises(ValueError, match="x must be sequences"):
        prune_by_runs(rnn, np.eye(6), 2)


def test_refits_go_on_from_the_chosen_nodes():
    rng = np.random.default_rng(6)
    rnn = network(rng)
    x = rng.normal(size=(60, 3, 2))
    plain = prune_by_runs(rnn, x, 3, rng=1)
    fitted = prune_by_runs(rnn, x, 3, rng=1, refit="closed-loop")
    np.testing.assert_array_equal(plain.nodes, fitted.nodes)
    assert fitted.refit == "closed-loop"
    assert fitted.method == "balanced, by runs"
    assert near_ties.output_gap(rnn, fitted.pruned, x) <= near_ties.output_gap(rnn, plain.pruned, x)
    assert spectral_prune(rnn, x, 3).method != plain.method
