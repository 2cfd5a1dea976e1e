"""Stacks of layers: states, padding, and pruning that keeps what can be kept."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from helpers.stacks import GATES, KINDS, stack_of
from hypothesis import given
from hypothesis import strategies as st

from pruning.cells.gru import GRU
from pruning.stack import Stack
from pruning.stack_moments import stack_moments
from pruning.stack_pruning import prune_stack, prune_stack_to
from pruning.stack_sizes import shared_sizes


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("directions", [1, 2])
def test_padding_changes_nothing(kind, directions):
    rng = np.random.default_rng(0)
    stack = stack_of(kind, (3, 4), directions, 2, 3, rng)
    x, lengths = rng.normal(size=(4, 6, 2)), np.array([6, 1, 3, 5])
    padded = stack.predictions(x, lengths)
    for i, end in enumerate(lengths):
        alone = stack.predictions(x[i : i + 1, :end])
        np.testing.assert_allclose(padded[i, :end], alone[0], rtol=1e-12, atol=1e-13)
    garbage = x.copy()
    garbage[np.arange(6)[None] >= lengths[:, None]] = 1e3
    moments, same = stack_moments(stack, x, lengths), stack_moments(stack, garbage, lengths)
    for S, other in zip(moments.states, same.states):
        np.testing.assert_allclose(S, other, rtol=1e-12)
    assert moments.steps == lengths.sum()


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_keeping_every_node_changes_nothing(kind, data):
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    directions, depth = data.draw(st.integers(1, 2)), data.draw(st.integers(1, 3))
    sizes = [data.draw(st.integers(1, 4)) for _ in range(depth)]
    stack = stack_of(kind, sizes, directions, 2, 2, rng)
    x = rng.normal(size=(12, 5, 2))
    everything = [[np.arange(cell.m) for cell in layer] for layer in stack.layers]
    pruned = prune_stack_to(stack, x, everything, tau=0.0)
    # Where S is nonsingular A is the identity; the seeds make it so.
    np.testing.assert_allclose(pruned.pruned.predictions(x), stack.predictions(x), atol=1e-6)
    plain = prune_stack_to(stack, x, everything, reconstruct=False)
    np.testing.assert_allclose(plain.pruned.predictions(x), stack.predictions(x), atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("directions", [1, 2])
def test_copies_of_nodes_are_pruned_without_loss(kind, directions):
    """Every node twice, read half by each: half of them say everything."""
    rng = np.random.default_rng(3)
    small = stack_of(kind, (3, 2), directions, 2, 2, rng)
    layers = []
    for number, layer in enumerate(small.layers):
        row = []
        for cell in layer:
            m, g = cell.m, GATES[kind]
            rows = (np.arange(g)[:, None] * m + np.tile(np.arange(m), 2)).reshape(-1)
            w_input = cell.w_input[rows]
            if number:
                below = small.layers[number - 1]
                ends = np.cumsum([0, *(other.m for other in below)])
                w_input = np.hstack(
                    [np.tile(w_input[:, a:b], 2) / 2 for a, b in itertools.pairwise(ends)]
                )
            weights = (
                w_input,
                np.tile(cell.w_hidden[rows], 2) / 2,
                cell.b_input[rows],
                cell.b_hidden[rows],
            )
            last = (cell.reset_after,) if isinstance(cell, GRU) else ()
            last = (cell.activation,) if kind == "plain" else last
            row.append(type(cell)(*weights, *last))
        layers.append(tuple(row))
    ends = np.cumsum([0, *(cell.m for cell in small.layers[-1])])
    halves = [np.tile(small.w_output[:, a:b], 2) / 2 for a, b in itertools.pairwise(ends)]
    w_output = np.hstack(halves)
    large = Stack(tuple(layers), w_output, small.b_output)
    x = rng.normal(size=(30, 6, 2))
    np.testing.assert_allclose(large.predictions(x), small.predictions(x), atol=1e-12)
    pruned = prune_stack(large, x, [3, 2], tau=0.0)
    np.testing.assert_allclose(pruned.pruned.predictions(x), small.predictions(x), atol=1e-5)
    assert max(pruned.losses) < 1e-10
    assert pruned.pruned.nodes == small.nodes


def test_the_reset_gate_before_the_product_has_a_reconstruction_of_its_own():
    """Two nodes with equal h and different r: W_hn A with h's A is wrong (theory, section 12)."""
    rng = np.random.default_rng(5)
    m = 2
    w_input = np.zeros((3 * m, 1))
    w_hidden = np.zeros((3 * m, m))
    w_input[2 * m :] = 1.0  # both candidates read x alone, so that h_1 = h_2
    b = np.zeros(3 * m)
    b[0], b[1] = 4.0, -4.0  # and their reset gates differ
    w_hidden[2 * m + 0, 1] = 0.0
    cell = GRU(w_input, w_hidden, b, np.zeros(3 * m), reset_after=False)
    third = GRU(
        np.vstack([np.insert(w, 2, 0.3, axis=0) for w in w_input.reshape(3, 2, 1)]),
        np.zeros((9, 3)),
        np.array([4.0, -4, 0, 0, 0, 0, 0, 0, 0]),
        np.zeros(9),
        reset_after=False,
    )
    w = third.w_hidden.copy()
    w[8, 1] = 2.0  # node 2 reads r_1 h_1
    net = Stack(
        ((GRU(third.w_input, w, third.b_input, third.b_hidden, reset_after=False),),),
        np.array([[0.0, 0.0, 1.0]]),
        [0.0],
    )
    assert cell.m == 2
    x = rng.normal(size=(200, 5, 1))
    pruned = prune_stack_to(net, x, [[[0, 2]]], tau=0.0)
    error = np.abs(pruned.pruned.predictions(x) - net.predictions(x)).max()
    J = np.array([0, 2])
    naive = net.layers[0][0].restricted(J, pruned.chains[0][0], None, pruned.chains[0][0])
    wrong = Stack(((naive,),), pruned.pruned.w_output, [0.0])
    assert error < 1e-3
    assert np.abs(wrong.predictions(x) - net.predictions(x)).max() > 0.1


def test_a_total_is_shared_out_and_spent():
    rng = np.random.default_rng(0)
    stack = stack_of("gru", (6, 8), 2, 3, 2, rng)
    x = rng.normal(size=(40, 5, 3))
    pruned = prune_stack(stack, x, total=13)
    # Both directions of a layer get as many, so one of 13 is left.
    assert sum(map(sum, pruned.pruned.nodes)) == 12
    assert all(len(set(row)) == 1 and row[0] >= 1 for row in pruned.pruned.nodes)
    one = prune_stack(stack_of("gru", (6, 8), 1, 3, 2, rng), x, total=9)
    assert sum(map(sum, one.pruned.nodes)) == 9


@pytest.mark.parametrize("seed", range(5))
def test_a_total_is_shared_out_as_trying_every_sharing_would_do(seed):
    """Of curves that fall ever slower greedy sharing is the best there is."""
    rng = np.random.default_rng(seed)
    curves = [[np.sort(rng.random(6)).cumsum()[::-1] for _ in range(sides)] for sides in (1, 1, 1)]
    sizes = shared_sizes(curves, 9)
    every = [
        (sum(row[0][k] for row, k in zip(curves, ks)), ks)
        for ks in itertools.product(range(1, 6), repeat=3)
        if sum(ks) == 9
    ]
    assert sum(row[0][k] for row, k in zip(curves, sizes)) == pytest.approx(min(every)[0])


def test_batches_that_are_read_once_give_the_same_moments():
    rng = np.random.default_rng(0)
    stack = stack_of("lstm", (4,), 1, 3, 2, rng)
    x = rng.normal(size=(20, 5, 3))
    whole = stack_moments(stack, x)
    pieces = stack_moments(stack, (x[i : i + 7] for i in range(0, 20, 7)))
    np.testing.assert_allclose(pieces.states[0], whole.states[0], rtol=1e-12)
    padded = stack_moments(stack, ((x[i : i + 5], np.full(len(x[i : i + 5]), 3)) for i in (0, 5)))
    np.testing.assert_allclose(
        padded.states[0], stack_moments(stack, x[:10, :3]).states[0], rtol=1e-12
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"k": 9}, "k must be an integer from 1 to 4, got 9"),
        ({"k": 0}, "k must be an integer from 1 to 4, got 0"),
        ({"k": [2, 2]}, "k must be one number or one for each of the 1 layers, got 2"),
        ({"k": None}, "either k or total must be given, got neither"),
        ({"k": 2, "method": "best"}, "method must be one of"),
        ({"k": 2, "theta": 2}, "theta must lie between 0 and 1"),
        ({"k": 2, "objective": "balanced", "method": "volume"}, "method must be greedy or exh"),
        ({"total": 2, "objective": "balanced", "method": "random"}, "method must be greedy or exh"),
    ],
)
def test_bad_settings_are_one_sentence(change, words):
    rng = np.random.default_rng(0)
    stack = stack_of("gru", (4,), 1, 3, 2, rng)
    x = rng.normal(size=(20, 5, 3))
    with pytest.raises(ValueError, match=words):
        prune_stack(stack, x, **change)


def test_no_data_and_data_of_another_width_are_one_sentence():
    rng = np.random.default_rng(0)
    stack = stack_of("gru", (4,), 1, 3, 2, rng)
    with pytest.raises(ValueError, match="at least one sequence, got none"):
        stack_moments(stack, iter(()))
    with pytest.raises(ValueError, match="x has 2 numbers a step, but the network reads 3"):
        stack_moments(stack, np.zeros((4, 5, 2)))
    with pytest.raises(ValueError, match=r"lengths must lie in 1..5, got 6"):
        stack_moments(stack, np.zeros((1, 5, 3)), np.array([6]))
