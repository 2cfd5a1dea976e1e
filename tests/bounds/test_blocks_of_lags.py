"""Blocks of lags, and the small network beside images of the large one's states."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from helpers.stacks import KINDS, cell_of, stack_of
from hypothesis import given, settings
from hypothesis import strategies as st

from bounds.approximation import approximation_error, comparator_bound, general_bound
from bounds.approximation.along_runs import (
    along_runs_bound,
    along_runs_bounds,
    measured_gap,
)
from bounds.approximation.blocks import Blocks, checked_blocks
from pruning import RNN, prune_to
from pruning.cells.plain import Plain
from pruning.cells.stepped import beside_states
from pruning.stack import Stack
from pruning.stack_pruning import PrunedStack, prune_stack

seeds = st.integers(0, 2**32)


def networks(rng, m, k, activation):
    """A plain network and an unrelated one of k nodes, as a PrunedRNN and as a PrunedStack."""

    def drawn(m):
        return RNN(
            rng.normal(size=(m, m)) / np.sqrt(max(m, 1)),
            rng.normal(size=(m, 2)),
            rng.normal(size=m),
            rng.normal(size=(2, m)),
            rng.normal(size=2),
            activation,
        )

    def stacked(rnn):
        zero = np.zeros(rnn.m)
        cell = Plain(rnn.w_input, rnn.w_hidden, rnn.b_hidden, zero, activation)
        return Stack([[cell]], rnn.w_output, rnn.b_output)

    large, small = drawn(m), drawn(k)
    nodes = rng.choice(m, k, replace=False)
    pruned = replace(prune_to(large, rng.normal(size=(4, 2, 2)), nodes), pruned=small)
    kept = ((pruned.nodes,),)
    return pruned, PrunedStack(stacked(large), stacked(small), kept, (), (), (), None, "any")


def restarted(pruned, x, block, with_read_out):
    """The blocks at the last step, (n, d_y) each, from runs that set out anew from h_J.

    For s = id only: what the small network makes of a difference is then the same along any run.
    """
    full, small, (n, T) = pruned.original, pruned.pruned, x.shape[:2]
    h = full.states(x)

    def output(start):
        """f'_T of the small network that is given h_J at step `start`."""
        state = h[:, start - 1, pruned.nodes] if start else np.zeros((n, small.m))
        for t in range(start, T):
            state = state @ small.w_hidden.T + x[:, t] @ small.w_input.T + small.b_hidden
        return state @ small.w_output.T + small.b_output

    f = h[:, -1] @ full.w_output.T + full.b_output
    places = [T, *range(T - block, 0, -block), 0]
    if with_read_out:
        places = places[1:]
    points = [f, *(output(start) for start in places)]
    return [b - a for a, b in itertools.pairwise(points)]


@settings(max_examples=40, deadline=None)
@given(seeds, st.integers(1, 4), st.integers(1, 4), st.integers(2, 6), st.data())
def test_a_block_is_what_setting_out_anew_changes(seed, m, k, T, data):
    rng = np.random.default_rng(seed)
    block, with_read_out = data.draw(st.integers(1, T - 1)), data.draw(st.booleans())
    pruned, stack = networks(rng, m, min(k, m), "identity")
    x, last = rng.normal(size=(3, T, 2)), np.eye(T)[-1]
    parts = restarted(pruned, x, block, with_read_out)
    options = {"block": block, "with_read_out": with_read_out}
    close = {"rel": 1e-6, "abs": 1e-9}
    norms = [np.sqrt(np.square(part).sum() / 3) for part in parts]
    expected = pytest.approx(sum(norms), **close)
    assert along_runs_bound(stack, x, last, **options).total == expected
    assert along_runs_bound(pruned, x, last, **options).total == expected
    products = sum(abs((a * b).sum() / 3) for a in parts for b in parts)
    found = along_runs_bound(stack, x, last, products=True, **options)
    assert found.total == pytest.approx(np.sqrt(products), **close)
    # One term for all sequences: the sum over the parts is taken sequence by sequence.
    first, *others = (np.linalg.norm(part, axis=1) for part in parts)
    if not with_read_out:
        apart, each = np.sqrt(np.square(first).mean()), sum(others, np.zeros(3))
    else:
        apart, each = 0, sum(others, first)
    expected = pytest.approx(apart + np.sqrt(np.square(each).mean()), **close)
    assert general_bound(pruned, x, "trajectory", last, **options).total == expected


@settings(max_examples=40, deadline=None)
@given(
    seeds,
    st.integers(1, 4),
    st.integers(0, 4),
    st.integers(2, 6),
    st.sampled_from(["tanh", "relu", "logistic", "leaky_relu:3"]),
    st.sampled_from(["last", "mean", "any"]),
    st.data(),
)
def test_no_error_is_above_a_bound_by_blocks(seed, m, k, T, activation, kind, data):
    rng = np.random.default_rng(seed)
    pruned, stack = networks(rng, m, min(k, m), activation)
    n = data.draw(st.integers(1, 9))
    x = rng.normal(size=(n, T, 2))
    w = {"last": np.eye(T)[-1], "mean": None, "any": rng.dirichlet(np.ones(T))}[kind]
    block, with_read_out = data.draw(st.integers(1, T - 1)), data.draw(st.booleans())
    options = {"block": block, "with_read_out": with_read_out}
    error = approximation_error(pruned, x, w)
    assert error <= general_bound(pruned, x, "trajectory", w, **options).total
    assert error <= comparator_bound(pruned, x, w, **options).total
    for products in (False, True):
        options["products"] = products
        assert error <= along_runs_bound(stack, x, w, **options).total
        if k:
            assert error <= along_runs_bound(stack, x, w, beside="images", **options).total


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("last", [True, False])
def test_larger_blocks_and_the_read_out_in_the_first_only_lower_the_bound(kind, last):
    rng = np.random.default_rng(4)
    stack, x = stack_of(kind, (7,), 1, 3, 4, rng, 0.8), rng.normal(size=(60, 7, 3))
    pruned = prune_stack(stack, x, 3)
    w = np.eye(7)[-1] if last else None
    error = measured_gap(pruned, x, w)
    kinds = [Blocks(*one) for one in itertools.product((1, 2, 3, 6), *[(False, True)] * 2)]
    for beside in ("nodes", "images"):
        bounds = along_runs_bounds(pruned, x, kinds, w, beside=beside)
        totals = {kind: bound.total for kind, bound in zip(kinds, bounds, strict=True)}
        for kind in kinds:
            assert error <= totals[kind]
            if kind.products:
                assert totals[kind] <= totals[replace(kind, products=False)] * (1 + 1e-12)
            if kind.with_read_out:
                assert totals[kind] <= totals[replace(kind, with_read_out=False)] * (1 + 1e-12)
            for coarser in (2, 3, 6):
                if coarser % kind.size == 0:
                    assert totals[replace(kind, size=coarser)] <= totals[kind] * (1 + 1e-12)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_beside_any_states_the_recursion_is_exact(kind, data):
    rng = np.random.default_rng(data.draw(seeds))
    k, T, n = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 6)), 3
    cell = cell_of(kind, k, 2, rng, data.draw(st.sampled_from([0.0, 0.5, 3.0])))
    x = rng.normal(size=(T, n, 2))
    run, width = cell.run(x), 2 * k if kind == "lstm" else k
    along = rng.normal(size=(T, n, width))
    secants, e = beside_states(cell, run, along, x)
    own = np.concatenate([run.h, run.c], axis=-1) if kind == "lstm" else run.h
    carried = np.zeros((n, 1, width))
    for t in range(T):
        carried = secants.carry(t, carried) + secants.births[t][:, None]
        np.testing.assert_allclose(carried[:, 0], own[t] - along[t], atol=1e-8)
    np.testing.assert_allclose(e, (own - along)[..., :k], atol=1e-12)
    # The cell beside its own run: nothing is born.
    secants, e = beside_states(cell, run, own, x)
    assert np.abs(secants.births).max() < 1e-12
    assert not e.any()


def test_a_turned_network_is_an_image_of_the_large_one():
    rng = np.random.default_rng(0)
    pruned, stack = networks(rng, 3, 3, "identity")
    large, Q = pruned.original, np.linalg.qr(rng.normal(size=(3, 3)))[0]
    cell = Plain(Q @ large.w_input, Q @ large.w_hidden @ Q.T, Q @ large.b_hidden, np.zeros(3),
                 "identity")  # fmt: skip
    turned = replace(stack, pruned=Stack([[cell]], large.w_output @ Q.T, large.b_output))
    x, other = rng.normal(size=(50, 6, 2)), rng.normal(size=(30, 6, 2))
    assert along_runs_bound(turned, x).total > 0.1
    for options in ({}, {"fitted_on": other}):
        assert along_runs_bound(turned, x, beside="images", **options).total < 1e-8


def test_outputs_beyond_the_nodes_are_seen():
    """W_o' of 6 rows for 2 nodes: norms come from its triangular factor, q has a part outside."""
    rng = np.random.default_rng(3)
    stack, x = stack_of("gru", (5,), 1, 2, 6, rng), rng.normal(size=(20, 5, 2))
    pruned = prune_stack(stack, x, 2)
    square = np.linalg.qr(rng.normal(size=(6, 6)))[0]
    turned = [Stack(s.layers, square @ s.w_output, square @ s.b_output) for s in
              (pruned.original, pruned.pruned)]  # fmt: skip
    also = replace(pruned, original=turned[0], pruned=turned[1])
    for options in (
        {},
        {"with_read_out": True},
        {"with_read_out": True, "block": 3},
        {"products": True},
        {"products": True, "with_read_out": True},
    ):
        first, second = (along_runs_bound(p, x, **options).total for p in (pruned, also))
        assert first == pytest.approx(second, rel=1e-9)
        assert measured_gap(pruned, x) <= first


@settings(max_examples=40, deadline=None)
@given(seeds, st.integers(0, 7), st.integers(1, 9), st.integers(1, 3), st.booleans())
def test_sums_over_blocks_are_the_definition(seed, lags, size, d, with_read_out):
    rng = np.random.default_rng(seed)
    terms, q = rng.normal(size=(2, lags, d)), rng.normal(size=(2, d))
    found = Blocks(size, with_read_out).summed(terms, q)
    count = max(-(-lags // size), 1 if with_read_out else 0)
    expected = np.zeros((2, count, d))
    for lag in range(lags):
        expected[:, lag // size] += terms[:, lag]
    if with_read_out:
        expected[:, 0] += q
    np.testing.assert_allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize(
    ("T", "block", "with_read_out"), [(4, 4, False), (4, 9, True), (1, 1, True), (1, 2, False)]
)
def test_one_block_of_all_lags_is_the_error_and_refused(T, block, with_read_out):
    rng = np.random.default_rng(0)
    pruned, stack = networks(rng, 3, 2, "tanh")
    x, options = rng.normal(size=(9, T, 2)), {"block": block, "with_read_out": with_read_out}
    for call in (
        lambda: general_bound(pruned, x, "trajectory", **options),
        lambda: comparator_bound(pruned, x, **options),
        lambda: along_runs_bound(stack, x, **options),
    ):
        with pytest.raises(ValueError, match="is the error itself, and no bound on it"):
            call()


def test_of_one_step_there_are_no_inner_products_to_take():
    rng = np.random.default_rng(0)
    _, stack = networks(rng, 3, 2, "tanh")
    with pytest.raises(ValueError, match="block must be below 1"):
        along_runs_bound(stack, rng.normal(size=(9, 1, 2)), products=True)


def test_what_counts_is_the_last_step_that_is_read():
    w = np.array([0.5, 0.5, 0.0, 0.0])
    assert checked_blocks(1, True, w) == Blocks(1, True)
    with pytest.raises(ValueError, match="block must be below 2"):
        checked_blocks(2, False, w)
    with pytest.raises(ValueError, match="block must be"):
        checked_blocks(0, False, w)


def test_blocks_are_for_the_trajectory_alone():
    rng = np.random.default_rng(0)
    pruned, _ = networks(rng, 3, 2, "tanh")
    with pytest.raises(ValueError, match="for the method trajectory, got 'toeplitz'"):
        general_bound(pruned, rng.normal(size=(9, 4, 2)), "toeplitz", block=2)


def test_images_through_all_states_are_no_bound():
    rng = np.random.default_rng(0)
    pruned, stack = networks(rng, 6, 3, "tanh")
    few, many = rng.normal(size=(7, 5, 2)), rng.normal(size=(40, 5, 2))
    for bound in (
        comparator_bound(pruned, few),
        along_runs_bound(stack, few, beside="images"),
        along_runs_bound(stack, few, beside="images", fitted_on=few.copy()),
    ):
        assert not bound.label.is_bound
        assert "the measured error, and no bound" in bound.notes[-1]
    assert along_runs_bound(stack, few, beside="images").total == pytest.approx(
        approximation_error(pruned, few), rel=1e-6
    )
    assert comparator_bound(pruned, many).label.is_bound
    for fitted_on in (few, many):
        found = along_runs_bound(stack, many, beside="images", fitted_on=fitted_on)
        assert found.label.is_bound
        assert found.total > 1.01 * approximation_error(pruned, many)


def test_images_of_other_sequences_must_have_as_many_steps():
    rng = np.random.default_rng(0)
    _, stack = networks(rng, 4, 2, "tanh")
    x = rng.normal(size=(9, 5, 2))
    with pytest.raises(ValueError, match="fitted_on must have 5 steps as x has, got 4"):
        along_runs_bound(stack, x, beside="images", fitted_on=x[:, :4])
    with pytest.raises(ValueError, match="fitted_on is for images, got nodes"):
        along_runs_bound(stack, x, fitted_on=x)


def test_what_is_beyond_floats_is_infinite():
    rng = np.random.default_rng(0)
    _, stack = networks(rng, 4, 2, "relu")
    cell = stack.original.layers[0][0]
    wild = replace(cell, w_hidden=1e200 * np.ones((4, 4)), b_hidden=np.ones(4))
    wide = replace(
        stack, original=Stack([[wild]], stack.original.w_output, stack.original.b_output)
    )
    with np.errstate(all="ignore"):
        for options in ({}, {"products": True}, {"beside": "images"}):
            found = along_runs_bound(wide, rng.normal(size=(20, 5, 2)), **options)
            assert found.log_total == math.inf
