"""What pruning a stack decides and prints knows no units: read-outs of any size, long sequences."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from helpers.stacks import KINDS, stack_of
from hypothesis import given, settings
from hypothesis import strategies as st

from pruning import Observability
from pruning.cells.plain import Plain
from pruning.reconstruction import missed_share
from pruning.rnn import RNN
from pruning.selection.reading import reading_weight
from pruning.stack import Stack
from pruning.stack_balanced import StackObservability, balanced_weights
from pruning.stack_pruning import prune_stack

seeds = st.integers(0, 2**32)


@settings(max_examples=20, deadline=None)
@given(
    seeds,
    st.sampled_from(KINDS),
    st.sampled_from(["paper", "balanced"]),
    st.sampled_from([-1000, -600, 500, 1000]),
)
def test_units_of_the_outputs_change_neither_nodes_nor_what_is_said_to_be_lost(
    seed, kind, objective, exponent
):
    rng = np.random.default_rng(seed)
    stack, x = stack_of(kind, (5, 4), 1, 2, 3, rng), rng.normal(size=(12, 4, 2))
    far = replace(stack, w_output=np.ldexp(stack.w_output, exponent))
    here, there = (prune_stack(net, x, 2, objective=objective) for net in (stack, far))
    for ours, theirs in zip(here.nodes, there.nodes, strict=True):
        assert ours[0].tolist() == theirs[0].tolist()
    assert there.losses == pytest.approx(here.losses, rel=1e-9)
    assert there.losses[-1] > 0
    sizes = (prune_stack(net, x, total=5, objective=objective).pruned.nodes for net in (stack, far))
    assert next(sizes) == next(sizes)


@settings(max_examples=50, deadline=None)
@given(seeds, st.integers(1, 5), st.integers(0, 4), st.integers(0, 5), st.integers(-530, 510))
def test_the_missed_share_is_a_quotient_of_traces(seed, m, rows, k, exponent):
    rng = np.random.default_rng(seed)
    k = min(k, m)
    F, Z, A = rng.normal(size=(m, m)), rng.normal(size=(rows, m)), rng.normal(size=(m, k))
    nodes = np.sort(rng.permutation(m)[:k])
    h = rng.normal(size=(30, m)) @ F.T
    r = h - h[:, nodes] @ A.T
    exact = np.square(r @ Z.T).sum() / np.square(h @ Z.T).sum() if rows else 0.0
    S = np.ldexp(h.T @ h / 30, exponent)
    assert missed_share(np.ldexp(Z, -2 * exponent), S, nodes, A) == pytest.approx(exact, rel=1e-7)


def test_a_share_that_floats_cannot_tell_is_not_0():
    A = np.array([[1.0], [1e200]])
    assert missed_share(np.eye(2), np.eye(2), np.array([0]), A) == np.inf
    assert missed_share(np.zeros((2, 2)), np.eye(2), np.array([0]), A) == 0


@pytest.mark.parametrize("exponent", [-1000, -600, 600, 1000])
def test_what_reads_the_states_counts_at_any_size(exponent):
    rng = np.random.default_rng(0)
    blocks = [rng.normal(size=(3, 4)), rng.normal(size=(4, 4))]
    far = [np.ldexp(blocks[0], exponent), blocks[1]]
    np.testing.assert_array_equal(reading_weight(far, 0.5), reading_weight(blocks, 0.5))


@pytest.mark.parametrize("factor", [0.05, 20.0])
@pytest.mark.parametrize("T", [3, 150])
def test_gradients_whose_squares_are_no_floats_are_counted(factor, T):
    # Two nodes apart from each other, W_h = factor (2, 1): after 149 steps 20^149 is 1e194.
    w_hidden = factor * np.diag([1.0, 0.9])
    rnn = RNN(w_hidden, np.zeros((2, 1)), np.zeros(2), np.eye(2), np.zeros(2), "identity")
    cell = Plain(rnn.w_input, w_hidden, np.zeros(2), np.zeros(2), "identity")
    stack, x = Stack(((cell,),), rnn.w_output, rnn.b_output), np.zeros((2, T, 1))
    (M,) = balanced_weights(stack, x, probes=1)
    scaled, _ = Observability(rnn, T).update(x).scaled_steps()
    np.testing.assert_allclose(np.diag(M), np.diag(scaled.mean(axis=0)), rtol=1e-10)


def test_batches_of_very_different_gradients_are_summed_in_the_units_of_the_larger():
    # A node that grows by 1e4 a step, 1e236 in all, is on in one sequence and off in the other.
    cell = Plain(np.eye(2), np.diag([1e4, 1.0]), np.zeros(2), np.zeros(2), "relu")
    stack, x = Stack(((cell,),), np.eye(2), np.zeros(2)), np.zeros((2, 60, 2))
    x[0, :, 0] = 1.0
    for order in ([0, 1], [1, 0]):
        (M,) = balanced_weights(stack, x[order], probes=1, batch=1)
        np.testing.assert_allclose(np.diag(M), [59.5 / 60, 0.5 / 60], rtol=1e-10)


@pytest.mark.parametrize("seen_before", [0, 12])
def test_an_update_that_fails_leaves_the_sums_as_they_were(seen_before):
    cell = Plain(np.eye(4), np.full((4, 4), 1e308), np.zeros(4), np.zeros(4), "relu")
    stack = Stack([[cell]], np.ones((1, 4)), np.zeros(1))
    x = np.full((40, 3, 4), -1e-300)  # of which nothing is felt before the last step
    x[25:, 1:] *= -1  # and of these what leaves the range, in the third batch
    seen, other = (
        StackObservability(stack, 3, "last", 2, np.random.default_rng(1)) for _ in range(2)
    )
    if seen_before:
        seen.update(x[:seen_before])
        other.update(x[:seen_before])
    with pytest.raises(
        ValueError, match="must be finite, they leave the range of floats at step 2"
    ):
        seen.update(x, batch=10)
    assert seen.n == other.n == seen_before
    for mine, theirs in zip(seen._sums, other._sums, strict=True):
        assert (mine.matrices == theirs.matrices).all()
        assert (mine.exponents == theirs.exponents).all()
