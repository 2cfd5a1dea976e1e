"""Rival methods for stacks: what is kept is counted, and found again by the methods' own words."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.stacks import KINDS, stack_of

from pruning.stack_baselines import NODE_METHODS, baseline_nodes, masked_weights, taylor_scores
from pruning.stack_gradients import CELL_WEIGHTS
from pruning.stack_moments import stack_moments
from pruning.stack_pruning import prune_stack, prune_stack_to


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("method", NODE_METHODS)
def test_every_method_keeps_k_nodes_of_every_cell(kind, method):
    rng = np.random.default_rng(0)
    stack = stack_of(kind, (6, 5), 2, 3, 4, rng)
    x, y = rng.normal(size=(30, 5, 3)), rng.integers(0, 4, 30)
    moments = stack_moments(stack, x)
    labelled = {"x": x, "y": y} if method == "Taylor nodes" else {}
    nodes = baseline_nodes(stack, moments, 3, method, rng=1, **labelled)
    assert [len(layer) for layer in nodes] == [2, 2]
    for layer, row in zip(nodes, stack.nodes, strict=True):
        for side, m in zip(layer, row, strict=True):
            assert len(side) <= 3
            assert len(side) == 3 or method == "determinantal"
            assert np.array_equal(side, np.unique(side))
            assert side.size == 0 or side.max() < m
    if method != "determinantal":
        prune_stack_to(stack, moments, nodes).pruned.predictions(x)


@pytest.mark.parametrize("kind", KINDS)
def test_taylor_scores_are_derivatives_of_the_loss(kind):
    rng = np.random.default_rng(1)
    stack = stack_of(kind, (4,), 1, 3, 2, rng)
    x, y = rng.normal(size=(1, 4, 3)), np.array([1])
    scores = taylor_scores(stack, x, y)[0]
    (cell,) = stack.layers[0]

    def loss(node, factor):
        """The state is multiplied by c after every step: h, of an LSTM not c."""
        c = np.ones(4)
        c[node] = factor
        h, inner = np.zeros((1, 4)), np.zeros((1, 4))
        for now in x[0]:
            run = cell.run(now[None, None], (h, inner) if kind == "lstm" else h)
            h = run.h[0] * c
            inner = run.c[0] if kind == "lstm" else inner
        f = (h @ stack.w_output.T + stack.b_output)[0]
        return float(np.log(np.exp(f).sum()) - f[y[0]])

    for node in range(4):
        slope = (loss(node, 1 + 1e-6) - loss(node, 1 - 1e-6)) / 2e-6
        assert abs(slope) == pytest.approx(scores[node], rel=1e-5, abs=1e-8)


@pytest.mark.parametrize("by", ["magnitude", "random"])
@pytest.mark.parametrize("kind", KINDS)
def test_masked_weights_are_as_many_as_the_pruned_network_has(kind, by):
    rng = np.random.default_rng(2)
    stack = stack_of(kind, (6, 5), 1, 3, 4, rng)
    small = prune_stack(stack, rng.normal(size=(20, 5, 3)), 2).pruned
    masked = masked_weights(stack, 2, by, 0)
    for layer, other in zip(masked.layers, small.layers, strict=True):
        for name in CELL_WEIGHTS[:2]:
            assert np.count_nonzero(getattr(layer[0], name)) == getattr(other[0], name).size
    assert np.count_nonzero(masked.w_output) == small.w_output.size
    if by == "magnitude":
        W, kept = np.abs(stack.w_output), masked.w_output != 0
        assert W[kept].min() >= W[~kept].max()


def test_taylor_nodes_without_labels_are_refused():
    rng = np.random.default_rng(3)
    stack = stack_of("gru", (4,), 1, 3, 2, rng)
    x = rng.normal(size=(5, 4, 3))
    with pytest.raises(ValueError, match="x and y"):
        baseline_nodes(stack, stack_moments(stack, x), 2, "Taylor nodes")
    with pytest.raises(ValueError, match="5 labels"):
        taylor_scores(stack, x, np.zeros(3, int))
    with pytest.raises(ValueError, match="got 7"):
        taylor_scores(stack, x, np.full(5, 7))
