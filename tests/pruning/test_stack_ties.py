"""Near ties of a stack's balanced choice, decided by runs."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.stacks import KINDS, cell_of, stack_of
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import log_softmax, rel_entr

from pruning import RNN, near_ties, prune_by_runs, stack_ties
from pruning.cells.lru import LRU
from pruning.cells.plain import Plain
from pruning.covariance import seen
from pruning.stack import Stack
from pruning.stack_balanced import StackObservability, balanced_weights
from pruning.stack_moments import stack_moments
from pruning.stack_pruning import prune_stack, prune_stack_to

seeds = st.integers(0, 2**32)


def gap(whole, small, x, lengths=None, reads="last", logits=False):
    """By the definition, sequence after sequence, each cut at its end."""
    found = []
    for i, one in enumerate(x):
        one = one[None] if lengths is None else one[None, : lengths[i]]
        f, own = (net.predictions(one)[0] for net in (whole, small))
        if logits:
            p, q = (np.exp(log_softmax(each, axis=1)) for each in (f, own))
            gaps = rel_entr(p, q).sum(axis=1)
        else:
            gaps = np.square(own - f).sum(axis=1)
        found.extend(gaps if reads == "every" else gaps[-1:])
    return np.mean(found)


def drawn(seed, d_y=2, kinds=KINDS, tokens=False):
    """A stack, sequences and perhaps lengths, of every kind."""
    rng = np.random.default_rng(seed)
    kind, directions = rng.choice(kinds), int(rng.integers(1, 3))
    sizes = tuple(rng.integers(2, 6, size=rng.integers(1, 3)))
    d_x = d_y if tokens else 2
    stack = stack_of(kind, sizes, directions, 2, d_y, rng)
    n, T = int(rng.integers(2, 30)), int(rng.integers(1, 5))
    if tokens:
        stack = Stack(stack.layers, stack.w_output, stack.b_output, rng.normal(size=(d_x, 2)))
    x = rng.integers(0, d_x, size=(n, T)) if tokens else rng.normal(size=(n, T, 2))
    lengths = rng.integers(1, T + 1, size=n) if rng.random() < 0.5 else None
    return stack, x, lengths, rng


def apart(n, seed):
    """Which sequences decide, and which are left, by the same draw."""
    return np.split(np.random.default_rng(seed).permutation(n), [max(1, n // 5)])


def rows_of(lengths, which):
    return None if lengths is None else lengths[which]


@settings(max_examples=25, deadline=None)
@given(seeds, st.sampled_from(["last", "every"]), st.booleans())
def test_the_gap_is_that_of_single_sequences_cut_at_their_ends(seed, reads, logits):
    stack, x, lengths, rng = drawn(seed, d_y=3)
    small = [
        stack_of("gru", (3,), 1, 2, 3, rng),
        prune_stack(stack, x, 1, lengths=lengths, method="random", rng=0).pruned,
    ]
    outputs = "logits" if logits else "numbers"
    wanted = [gap(stack, one, x, lengths, reads, logits) for one in small]
    whole_batch = stack_ties.output_gaps(stack, small, x, lengths, reads, outputs)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stack_ties, "_STATES", 30)
        patch.setattr(stack_ties, "_OUTPUTS", 4)
        batches = stack_ties.output_gaps(stack, small, x, lengths, reads, outputs)
    # Logits are float32: a divergence is right to their rounding.
    close = {"rel": 1e-4, "abs": 1e-6} if logits else {"rel": 1e-9}
    assert whole_batch == pytest.approx(wanted, **close)
    assert batches == pytest.approx(wanted, **close)


@settings(max_examples=25, deadline=None)
@given(seeds, st.sampled_from(["last", "every"]), st.booleans())
def test_the_set_that_runs_best_on_what_no_weight_has_seen_is_kept(seed, reads, tokens):
    stack, x, lengths, rng = drawn(seed, d_y=3, tokens=tokens)
    k = [int(rng.integers(1, min(row) + 1)) for row in stack.nodes]
    method = rng.choice(["greedy", "exhaustive"])
    weighed = []

    def watching(self, part, ends=None, *rest):
        weighed.extend(zip(part.tolist(), [None] * len(part) if ends is None else ends.tolist()))
        return update(self, part, ends, *rest)

    update = StackObservability.update
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(StackObservability, "update", watching)
        pruned = prune_stack(
            stack,
            x,
            k,
            lengths=lengths,
            objective="balanced",
            method=method,
            reads=reads,
            by_runs=True,
            rng=seed,
        )
    deciding, others = apart(len(x), seed)
    ends = [None] * len(x) if lengths is None else lengths.tolist()
    assert weighed == [(x[i].tolist(), ends[i]) for i in others]  # each once, none that decides
    moments = stack_moments(stack, x, lengths)
    gaps = []
    for one in pruned.tried:
        small = prune_stack_to(stack, moments, one.nodes).pruned
        gaps.append(gap(stack, small, x[deciding], rows_of(lengths, deciding), reads, tokens))
        assert one.gap == pytest.approx(gaps[-1], rel=1e-4, abs=1e-6 if tokens else 1e-12)
        assert [[len(side) for side in row] for row in one.nodes] == [
            [size] * len(row) for size, row in zip(k, stack.nodes)
        ]
    sets = [str(one.nodes) for one in pruned.tried]
    assert len(set(sets)) == len(sets)
    best = int(np.argmin([one.gap for one in pruned.tried]))
    assert str(pruned.nodes) == sets[best]
    assert gaps[best] <= min(gaps) + (1e-6 if tokens else 0)


@settings(max_examples=12, deadline=None)
@given(seeds, st.integers(0, 5))
def test_parts_weigh_as_each_of_them_alone(seed, halvings):
    """Of one output the sign of a probe does not matter: both are exact."""
    stack, x, lengths, rng = drawn(seed, d_y=1)
    levels = [[rng.permutation(len(x))]]
    while len(levels) <= halvings and any(len(part) > 1 for part in levels[-1]):
        halved = [part for part in levels[-1] if len(part) > 1]
        levels.append([half for part in halved for half in np.array_split(part, 2)])
    wanted = [
        balanced_weights(stack, x[part], rows_of(lengths, part))
        for level in levels
        for part in level
    ]
    found = stack_ties.nested_weights(stack, x, lengths, levels[0][0], halvings=halvings)
    assert len(found) == len(wanted)
    for ours, theirs in zip(found, wanted):
        for M, N in zip(ours, theirs):
            np.testing.assert_allclose(M, N, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("act", ["tanh", "relu"])
def test_a_plain_network_is_decided_as_by_prune_by_runs(act):
    """One output, last step: what the one does by exact gradients the other does by probes."""
    rng = np.random.default_rng(3)
    cell = Plain(
        rng.normal(size=(8, 2)), rng.normal(size=(8, 8)) / np.sqrt(8), rng.normal(size=8) / 9,
        np.zeros(8), activation=act,
    )  # fmt: skip
    stack = Stack([[cell]], rng.normal(size=(1, 8)), rng.normal(size=1))
    rnn = RNN(cell.w_hidden, cell.w_input, cell.b_input, stack.w_output, stack.b_output, act)
    x = rng.normal(size=(40, 6, 2))
    tried = near_ties.near_ties(rnn, seen(rnn, x), 4, np.random.default_rng(7), None, x)
    pruned = prune_stack(stack, x, 4, objective="balanced", by_runs=True, rng=7)
    ours = {tuple(one.nodes[0][0]): one.gap for one in pruned.tried}
    theirs = {tuple(one.nodes): one.gap for one, _ in tried}
    assert ours == pytest.approx(theirs, rel=1e-5)
    assert len(ours) > 1
    assert list(pruned.nodes[0][0]) == list(prune_by_runs(rnn, x, 4, rng=7).nodes)


def test_a_total_is_shared_out_by_each_weight():
    rng = np.random.default_rng(5)
    stack = stack_of("lstm", (6, 5), 2, 3, 2, rng)
    x = rng.normal(size=(30, 4, 3))
    pruned = prune_stack(stack, x, total=11, objective="balanced", reads="every", by_runs=True)
    assert len({tuple(len(row[0]) for row in one.nodes) for one in pruned.tried}) > 1
    for one in pruned.tried:
        assert all(len(row[0]) == len(row[1]) for row in one.nodes)
        assert sum(len(side) for row in one.nodes for side in row) == 10  # 11 is odd
    again = prune_stack(stack, x, total=11, objective="balanced", reads="every", by_runs=True)
    assert str(again.nodes) == str(pruned.nodes)  # seed 0 unless told


def test_pairs_of_an_lru_are_decided_too():
    rng = np.random.default_rng(6)
    pairs = 5
    lru = LRU(
        0.9 * rng.random(pairs) * np.exp(1j * rng.random(pairs)),
        rng.normal(size=(pairs, 2)) + 1j * rng.normal(size=(pairs, 2)),
    )
    stack = Stack([[lru]], rng.normal(size=(2, 2 * pairs)), np.zeros(2))
    x = rng.normal(size=(60, 4, 2))
    pruned = prune_stack(stack, x, 2, objective="balanced", by_runs=True)
    deciding, _ = apart(60, 0)
    for one in pruned.tried:
        small = prune_stack_to(stack, x, one.nodes).pruned
        assert one.gap == pytest.approx(gap(stack, small, x[deciding]), rel=1e-9)
    assert str(pruned.nodes) == str(min(pruned.tried, key=lambda one: one.gap).nodes)


def test_a_part_that_the_outputs_do_not_feel_has_no_set_and_no_say():
    """The upper layer is dead at -1, so that nothing is felt of the lower one."""
    cells = [
        [Plain(np.ones((2, d)), np.eye(2) / 2, np.zeros(2), np.zeros(2), activation=act)]
        for d, act in ((1, "tanh"), (2, "relu"))
    ]
    stack = Stack(cells, [[1.0, 1.0]], [0.0])
    x = np.array([[[1.0]], [[-1.0]]])
    found = stack_ties.nested_weights(stack, x, None, np.array([0, 1]), halvings=1)
    assert len(found) == 2
    for weights in found:
        assert [np.trace(M) for M in weights] == pytest.approx([1, 1])
    with pytest.raises(ValueError, match="must depend on the states of layer 0"):
        stack_ties.nested_weights(stack, x, None, np.array([1, 1]), halvings=1)


def test_a_run_that_leaves_the_range_is_infinitely_far():
    rng = np.random.default_rng(8)
    whole = Stack([[cell_of("gru", 3, 2, rng)]], rng.normal(size=(2, 3)), np.zeros(2))
    wild = Plain(np.ones((3, 2)), np.full((3, 3), 1e200), np.ones(3), np.ones(3), activation="relu")
    both = [Stack([[wild]], np.ones((2, 3)), np.zeros(2)), whole]
    for outputs in ("numbers", "logits"):
        found = stack_ties.output_gaps(whole, both, np.ones((2, 4, 2)), outputs=outputs)
        assert found[0] == np.inf
        assert found[1] == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("reads", ["last", "every"])
@pytest.mark.parametrize("padded", [True, False])
def test_a_divergence_that_leaves_the_range_is_infinitely_far(padded, reads):
    """Of a language model, by the run or by the logits alone; whatever stands beside it."""
    rng = np.random.default_rng(9)
    table = rng.normal(size=(4, 2))
    whole = Stack([[cell_of("gru", 5, 2, rng)]], rng.normal(size=(4, 5)), np.zeros(4), table)
    cell, own = cell_of("gru", 3, 2, rng), rng.normal(size=(4, 3))
    away = Plain(np.ones((3, 2)), 1e200 * np.array([[0, -1, 0], [1, 0, 0], [1, 1, 1]]),
                 np.ones(3), np.ones(3), activation="relu")  # fmt: skip
    wild = [
        Stack([[away]], own, np.zeros(4), table),
        Stack([[cell]], 1e39 * own, np.zeros(4), table),
        Stack([[cell]], np.outer([1, -1, 1, -1], [1e308, 1e308, -1e308]), np.zeros(4), table),
        Stack([[cell]], own, np.array([0, 1e300, 0, 0]), table),
    ]
    x = rng.integers(0, 4, size=(6, 5))
    lengths = rng.integers(1, 6, size=6) if padded else None
    tame = Stack([[cell]], own, np.zeros(4), table)
    found = stack_ties.output_gaps(whole, [wild[0], tame, *wild[1:]], x, lengths, reads)
    assert [g == np.inf for g in found] == [True, False, True, True, True]
    assert found[1] == pytest.approx(gap(whole, tame, x, lengths, reads, logits=True), rel=1e-4)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("tokens", [True, False])
def test_what_is_no_number_is_never_the_nearest(tokens, bad, monkeypatch):
    rng = np.random.default_rng(10)
    table = rng.normal(size=(4, 2)) if tokens else None
    stack = Stack([[cell_of("lstm", 9, 2, rng)]], rng.normal(size=(4, 9)), np.zeros(4), table)
    x = rng.integers(0, 4, size=(60, 3)) if tokens else rng.normal(size=(60, 3, 2))
    worth = [bad, 3.0, bad]
    monkeypatch.setattr(
        stack_ties, "output_gaps", lambda whole, small, *_, **__: (worth + 20 * [bad])[: len(small)]
    )
    pruned = prune_stack(stack, x, 3, objective="balanced", by_runs=True, rng=0)
    assert len(pruned.tried) >= 2
    assert pruned.tried[0].gap == np.inf
    assert pruned.nodes is pruned.tried[1].nodes


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"objective": "paper"},
            "nodes of the objective balanced, got the objective paper",
        ),
        (
            {"method": "random"},
            "greedy or exhaustive for the objective .* got 'random'",
        ),
        (
            {"method": "volume"},
            "greedy or exhaustive for the objective .* got 'volume'",
        ),
        ({"reads": "first"}, "reads must be one of last, every"),
        ({"outputs": "words"}, "outputs must be one of numbers, logits"),
        ({"data": np.zeros((1, 3, 2))}, "x must hold at least 2 sequences, .* got 1"),
        ({"data": iter([np.zeros((5, 3, 2))])}, "needs the sequences as one array, got list_iter"),
    ],
)
def test_what_cannot_be_decided_by_runs_is_one_sentence(change, words):
    stack = stack_of("gru", (4,), 1, 2, 2, np.random.default_rng(9))
    settings = {"data": np.ones((5, 3, 2)), "k": 2, "objective": "balanced", "by_runs": True}
    with pytest.raises(ValueError, match=words):
        prune_stack(stack, **{**settings, **change})


def test_nothing_is_tried_unless_asked():
    stack, x, lengths, _ = drawn(10)
    assert prune_stack(stack, x, 2, lengths=lengths, objective="balanced").tried == ()
