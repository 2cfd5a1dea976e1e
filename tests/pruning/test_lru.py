"""The diagonal linear recurrence: complex states, gradients, and pruning whose cost is exact."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bounds.approximation.along_runs import along_runs_bound, measured_gap
from pruning.cells.gru import GRU
from pruning.cells.lru import LRU, greedy_pairs
from pruning.reconstruction import reconstruction_matrix, residual
from pruning.stack import Stack
from pruning.stack_moments import stack_moments
from pruning.stack_pruning import prune_stack
from pruning.stack_refit import refit_stack, refit_stack_read_out


def cell_of(p, d, rng, largest=0.97):
    lam = largest * rng.random(p) * np.exp(2j * np.pi * rng.random(p))
    w = rng.normal(size=(p, d)) + 1j * rng.normal(size=(p, d))
    return LRU(lam, w, rng.normal(size=p) + 1j * rng.normal(size=p))


def stack_of(p, rng, q=2, d=3):
    return Stack(((cell_of(p, d, rng),),), rng.normal(size=(q, 2 * p)), rng.normal(size=q))


@given(st.integers(1, 5), st.integers(1, 6), st.integers(0, 99))
def test_states_are_the_powers_of_lam(p, T, seed):
    rng = np.random.default_rng(seed)
    cell = cell_of(p, 2, rng)
    x, start = rng.normal(size=(T, 3, 2)), rng.normal(size=(3, 2 * p))
    found = cell.states(x, start)
    h0 = start[:, :p] + 1j * start[:, p:]
    for t in range(1, T + 1):
        expected = h0 * cell.lam**t + sum(
            (x[s] @ cell.w_complex.T + cell.b_complex) * cell.lam ** (t - 1 - s) for s in range(t)
        )
        np.testing.assert_allclose(found[t - 1, :, :p], expected.real, atol=1e-12)
        np.testing.assert_allclose(found[t - 1, :, p:], expected.imag, atol=1e-12)
    before = np.concatenate([start[None], found[:-1]])
    drive = x @ cell.w_input.T + cell.b_input
    np.testing.assert_allclose(before @ cell.w_hidden.T + drive, found, atol=1e-12)
    single = cell.states(x.astype(np.float32), start)
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, found, rtol=1e-4, atol=1e-4)


def test_gradients_are_derivatives():
    rng = np.random.default_rng(0)
    cell = cell_of(3, 2, rng)
    x, start = rng.normal(size=(4, 2, 2)), rng.normal(size=(2, 6))
    given_ = rng.normal(size=(4, 2, 6))
    total, at_drive, _, at_start = cell.backward(cell.run(x, start), given_)

    def value(x, start):
        return float((cell.states(x, start) * given_).sum())

    moved = rng.normal(size=start.shape)
    slope = (value(x, start + 1e-6 * moved) - value(x, start - 1e-6 * moved)) / 2e-6
    assert slope == pytest.approx((at_start * moved).sum(), rel=1e-6)
    moved = rng.normal(size=x.shape)
    slope = (value(x + 1e-6 * moved, start) - value(x - 1e-6 * moved, start)) / 2e-6
    assert slope == pytest.approx(((at_drive @ cell.w_input) * moved).sum(), rel=1e-6)
    np.testing.assert_allclose(total[-1], given_[-1])
    direction = rng.normal(size=(4, 2, 6))
    tangent = cell.tangent(cell.run(x, start), direction, np.zeros_like(direction))
    assert (tangent * given_).sum() == pytest.approx((direction * at_drive).sum(), rel=1e-9)


@given(st.integers(1, 6), st.integers(0, 99))
def test_the_error_of_pruning_is_what_the_moments_say(p, seed):
    """Kept nodes run as they did, so Tr[Z R Z^T] is the error itself, and so is the bound."""
    rng = np.random.default_rng(seed)
    stack = stack_of(p, rng)
    x = rng.normal(size=(30, 5, 3))
    k = int(rng.integers(1, p + 1))
    balanced = {"objective": "balanced", "reads": "every"}
    for choices in ({}, {"method": "random", "rng": seed}, balanced):
        pruned = prune_stack(stack, x, k, **choices)
        nodes = pruned.nodes[0][0]
        assert np.array_equal(nodes, np.concatenate([nodes[:k], nodes[:k] + p]))
        assert pruned.pruned.layers[0][0].pairs == k
        S = pruned.moments.states[0]
        R = residual(S, nodes, reconstruction_matrix(S, nodes))
        expected = np.sqrt(max(np.vdot(stack.w_output @ R, stack.w_output), 0.0))
        size = np.abs(stack.predictions(x)).max()
        error = measured_gap(pruned, x)
        assert error == pytest.approx(expected, rel=1e-6, abs=1e-6 * size)
        bound = along_runs_bound(pruned, x)
        assert bound.total == pytest.approx(error, rel=1e-9, abs=1e-12 * size)


def test_greedy_takes_the_pair_that_helps_most():
    rng = np.random.default_rng(1)
    F, G = rng.normal(size=(8, 9)), rng.normal(size=(8, 8))
    S, M = F @ F.T, G @ G.T
    chosen = []
    for size in range(1, 5):

        def left(pair, chosen=tuple(chosen)):
            nodes = [*chosen, pair]
            place = np.sort([*nodes, *(n + 4 for n in nodes)])
            return np.vdot(M, residual(S, place, reconstruction_matrix(S, place, 0.0)))

        best = min((j for j in range(4) if j not in chosen), key=left)
        chosen.append(best)
        assert np.array_equal(greedy_pairs(S, size, M), np.sort(chosen))
    # Dead and repeated nodes leave nothing to choose from, and are chosen last.
    S = np.zeros((4, 4))
    S[0, 0] = 1.0
    assert np.array_equal(greedy_pairs(S, 1, np.eye(4)), [0])
    assert np.array_equal(greedy_pairs(S, 2, np.eye(4)), [0, 1])


def test_an_lru_stands_in_a_stack_with_other_cells():
    rng = np.random.default_rng(2)
    first = [cell_of(4, 3, rng), cell_of(4, 3, rng)]
    weights = ((9, 16), (9, 3), (9,), (9,))
    second = [GRU(*(0.4 * rng.normal(size=shape) for shape in weights))]
    stack = Stack((first, second), rng.normal(size=(2, 3)), np.zeros(2))
    x = rng.normal(size=(40, 5, 3))
    pruned = prune_stack(stack, x, [(2, 3), 2])
    assert pruned.pruned.nodes == ((4, 6), (2,))
    assert pruned.pruned.layers[1][0].d_x == 10
    whole = prune_stack(stack, x, [(4, 4), 3]).pruned
    np.testing.assert_allclose(whole.predictions(x), stack.predictions(x), atol=1e-6)


def test_the_read_out_is_refitted_and_the_rest_is_refused():
    rng = np.random.default_rng(3)
    stack = stack_of(6, rng)
    x = rng.normal(size=(60, 5, 3))
    pruned = prune_stack(stack, x, 3)
    refitted = refit_stack_read_out(stack, pruned.pruned, x, reads="every")

    def gap(net):
        return float(np.square(net.predictions(x) - stack.predictions(x)).sum())

    assert gap(refitted) <= gap(pruned.pruned) * (1 + 1e-9)
    with pytest.raises(ValueError, match="through time"):
        refit_stack(stack, pruned.pruned, x)
    with pytest.raises(ValueError, match="total"):
        prune_stack(stack, x, total=3)
    with pytest.raises(ValueError, match="greedy or random"):
        prune_stack(stack, x, 3, method="volume")
    with pytest.raises(ValueError, match="k"):
        prune_stack(stack, x, 7)
    cell = stack.layers[0][0]
    with pytest.raises(ValueError, match="both parts"):
        cell.restricted(np.array([0, 1]), np.zeros((12, 2)))
    with pytest.raises(ValueError, match="lam"):
        LRU([np.nan], [[1.0]])
    with pytest.raises(ValueError, match="w_complex"):
        LRU([0.5], [[1.0], [2.0]])


def test_moments_of_long_runs_are_those_of_every_start():
    """Sequences of unequal length: the second moment is over the true steps."""
    rng = np.random.default_rng(4)
    stack = stack_of(2, rng)
    x, lengths = rng.normal(size=(5, 6, 3)), np.array([1, 2, 3, 6, 4])
    S = stack_moments(stack, x, lengths).states[0]
    rows = [stack.layer_states(x)[0][i, :n] for i, n in enumerate(lengths)]
    h = np.array(list(itertools.chain.from_iterable(rows)))
    np.testing.assert_allclose(S, h.T @ h / len(h), atol=1e-10)
