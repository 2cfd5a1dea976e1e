"""The difference of two gated runs is an exact recursion, and its lags bound the error."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.stacks import KINDS, cell_of, stack_of
from hypothesis import given
from hypothesis import strategies as st

from bounds.approximation.along_runs import along_runs_bound, measured_gap
from bounds.approximation.beside import beside_nodes
from pruning.cells.gated_secants import gru_secants, lstm_secants
from pruning.stack import Stack
from pruning.stack_gradients import run_stack
from pruning.stack_pruning import prune_stack

GATED = [kind for kind in KINDS if kind != "plain"]


@pytest.mark.parametrize("kind", GATED)
@given(data=st.data())
def test_the_recursion_is_exact_for_any_small_network(kind, data):
    rng = np.random.default_rng(data.draw(st.integers(0, 999)))
    m = data.draw(st.integers(1, 5))
    k = data.draw(st.integers(1, m))
    T, scale = data.draw(st.integers(1, 6)), data.draw(st.sampled_from([0.0, 0.5, 3.0]))
    large, small = cell_of(kind, m, 2, rng, scale), cell_of(kind, k, 2, rng, scale)
    nodes = np.sort(rng.permutation(m)[:k])
    x, other = rng.normal(size=(2, T, 3, 2))
    run, small_run = large.run(x), small.run(other)
    function = lstm_secants if kind == "lstm" else gru_secants
    secants = function(large, run, small, small_run, nodes, x, other)
    e = np.zeros((3, 1, secants.births.shape[2]))
    for t in range(T):
        e = secants.carry(t, e) + secants.births[t][:, None]
        gap = small_run.h[t] - run.h[t][:, nodes]
        np.testing.assert_allclose(e[:, 0, :k], gap, atol=1e-9)
        if kind == "lstm":
            np.testing.assert_allclose(e[:, 0, k:], small_run.c[t] - run.c[t][:, nodes], atol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("last", [True, False])
def test_the_lags_bound_the_measured_error(kind, last):
    rng = np.random.default_rng(1)
    stack = stack_of(kind, (6,), 1, 3, 2, rng, 0.8)
    x = rng.normal(size=(50, 6, 3))
    w = np.eye(6)[-1] if last else None
    for k in (1, 3, 5, 6):
        pruned = prune_stack(stack, x, k)
        bound, error = along_runs_bound(pruned, x, w), measured_gap(pruned, x, w)
        assert error <= bound.total * (1 + 1e-9)
        assert bound.total <= 30 * error + 1e-6


def test_a_stack_is_unrolled_at_its_last_layer():
    rng = np.random.default_rng(2)
    stack = stack_of("gru", (5, 4), 1, 3, 2, rng)
    x = rng.normal(size=(40, 5, 3))
    pruned = prune_stack(stack, x, [3, 2])
    assert measured_gap(pruned, x) <= along_runs_bound(pruned, x).total


@pytest.mark.long
@pytest.mark.parametrize("kind", GATED)
def test_no_violation_on_many_random_networks(kind):
    """10^4 random pairs a kind; the error may exceed the bound by rounding only."""
    rng = np.random.default_rng(3)
    for _ in range(10_000):
        m = int(rng.integers(1, 6))
        k = int(rng.integers(1, m + 1))
        scale = float(np.exp(rng.uniform(-3, 2)))
        T = int(rng.integers(1, 6))
        stack = stack_of(kind, (m,), 1, 2, 2, rng, scale)
        x = scale * rng.normal(size=(8, T, 2))
        pruned = prune_stack(stack, x, k, method="random", rng=rng)
        error, bound = measured_gap(pruned, x), along_runs_bound(pruned, x).total
        size = float(np.abs(stack.w_output).sum()) + 1
        assert error <= bound * (1 + 1e-9) + 1e-12 * size


def test_both_directions_are_refused_in_one_sentence():
    rng = np.random.default_rng(0)
    stack = stack_of("gru", (3,), 2, 3, 2, rng)
    x = rng.normal(size=(20, 4, 3))
    with pytest.raises(ValueError, match="one direction, got a bidirectional one"):
        along_runs_bound(prune_stack(stack, x, 2), x)


def test_the_difference_of_a_network_from_itself_is_nothing():
    rng = np.random.default_rng(0)
    stack = stack_of("lstm", (3,), 1, 3, 2, rng)
    same = Stack(stack.layers, stack.w_output, stack.b_output)
    x = rng.normal(size=(4, 5, 3))
    runs = run_stack(stack, x), run_stack(same, x)
    made = beside_nodes(stack, same, np.arange(3), *runs)
    assert not made.secants.births.any()
    assert not made.q.any()
    assert not made.e.any()
    assert not made.slip.any()
