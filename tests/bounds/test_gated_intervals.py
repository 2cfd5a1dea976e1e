"""The bound that leaves the small gated network unrun is not below its exact error."""

from __future__ import annotations

import importlib.util
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers.stacks import KINDS, cell_of, stack_of
from hypothesis import given, settings
from hypothesis import strategies as st

from bounds.approximation import gated_intervals, gated_intervals_bound
from bounds.approximation.along_runs import measured_gap
from pruning.cells.lstm import LSTM
from pruning.stack import Stack
from pruning.stack_gradients import run_stack
from pruning.stack_pruning import prune_stack
from validation.arithmetic.arithmetics import balls
from validation.arithmetic.errors import Undecided

PATH = Path(__file__).parents[2] / "benchmarks" / "studies" / "gated_networks.py"
GATED = [kind for kind in KINDS if kind != "plain"]


@pytest.fixture(scope="module")
def study():
    spec = importlib.util.spec_from_file_location("gated_networks", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def exact_error(study, pruned, x):
    """Both ends of ||f'_T - f_T|| in balls, from the weights as stored."""
    kind = pruned.original.layers[0][0].kind
    for precision in study.PRECISIONS:
        arithmetic = balls(precision)
        with arithmetic.active():
            try:
                left, _ = study.exact(arithmetic, kind, pruned, x)
            except Undecided:
                continue
            return arithmetic.enclosure(left)
    return None


def below(study, seeds):
    """The seeds whose bound is below the exact error, and how many were decided."""
    found, decided = [], 0
    for seed in seeds:
        pruned, x = study.drawn(seed)
        ends = exact_error(study, pruned, x)
        if ends is not None:
            decided += 1
            if not gated_intervals_bound(pruned, x, np.eye(x.shape[1])[-1]).total >= ends[1]:
                found.append(seed)
    return found, decided


def test_no_bound_is_below_the_exact_error(study):
    found, decided = below(study, range(60))
    assert found == []
    assert decided >= 57


@pytest.mark.long
def test_no_bound_is_below_the_exact_error_on_many_networks(study):
    found, decided = below(study, range(1000, 5000))
    assert found == []
    assert decided >= 3900


def test_a_gate_at_its_centre_is_seen(study, monkeypatch):
    true = gated_intervals._logistic

    def centre(a):
        low, high = true(a)
        return (low + high) / 2, (low + high) / 2

    monkeypatch.setattr(gated_intervals, "_logistic", centre)
    assert below(study, (69, 88, 223))[0]


def test_no_rounding_is_seen(study, monkeypatch):
    """Nodes that all stay leave an error of roundings alone."""
    for name, value in (("roundings", 0.0), ("inner_product", 0.0)):
        monkeypatch.setattr(gated_intervals, name, lambda *given, value=value: value)
    monkeypatch.setattr(gated_intervals, "raised", lambda value, *units: value)
    monkeypatch.setattr(gated_intervals, "stack_rounding", lambda run: 0 * run.top)
    assert below(study, range(40))[0]


@pytest.mark.parametrize("kind", GATED)
@settings(max_examples=60)
@given(data=st.data())
def test_the_measured_error_of_any_small_network_is_bounded(kind, data):
    rng = np.random.default_rng(data.draw(st.integers(0, 999)))
    m, T = data.draw(st.integers(1, 5)), data.draw(st.integers(1, 6))
    k = data.draw(st.integers(1, m))
    scale = data.draw(st.sampled_from([0.0, 1e-12, 0.1, 1.0, 30.0, 1e12, 1e100]))
    n, d_y = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 3))
    stack = stack_of(kind, (m,), 1, 2, d_y, rng, scale)
    if data.draw(st.booleans()):
        stack = dead(stack, int(rng.integers(m)))
    x = rng.normal(size=(n, T, 2))
    pruned = prune_stack(stack, x, k, method="random", rng=rng)
    if data.draw(st.booleans()):
        other = Stack(
            ((cell_of(kind, k, 2, rng, data.draw(st.sampled_from([0.0, 1.0, 1e12, 1e200]))),),),
            rng.normal(size=(d_y, k)),
            rng.normal(size=d_y),
        )
        pruned = replace(pruned, pruned=other)
    w = data.draw(st.sampled_from([None, np.eye(T)[-1], np.eye(T)[0]]))
    bound = gated_intervals_bound(pruned, x, w, batch=2)
    # The read-outs that are measured are rounded; of exact ones nothing is taken off.
    read = sum(
        np.abs(net.w_output).sum() + np.abs(net.b_output).sum() for net in (stack, pruned.pruned)
    )
    assert measured_gap(pruned, x, w) <= bound.total + 64 * np.finfo(float).eps * read
    assert [term.name for term in bound.terms] == ["read-out", "propagated", "rounding"]


def dead(stack, node):
    """The stack with nothing into a node."""
    cell = stack.layers[0][0]
    arrays = [np.array(w) for w in (cell.w_input, cell.w_hidden, cell.b_input, cell.b_hidden)]
    for w in arrays:
        w.reshape(-1, cell.m, *w.shape[1:])[:, node] = 0
    names = ("w_input", "w_hidden", "b_input", "b_hidden")
    return replace(stack, layers=((replace(cell, **dict(zip(names, arrays, strict=True))),),))


@pytest.mark.parametrize("kind", GATED)
def test_the_large_network_permuted_leaves_roundings(kind):
    rng = np.random.default_rng(5)
    stack = stack_of(kind, (5,), 1, 3, 2, rng, 0.4)
    x = rng.normal(size=(10, 6, 3))
    pruned = prune_stack(stack, x, 5)
    order = rng.permutation(5)
    cell = stack.layers[0][0]
    gates = len(cell.w_hidden) // 5
    rows = (np.arange(gates)[:, None] * 5 + order).ravel()
    weights = {
        "w_input": cell.w_input[rows],
        "w_hidden": cell.w_hidden[rows][:, order],
        "b_input": cell.b_input[rows],
        "b_hidden": cell.b_hidden[rows],
    }
    small = Stack(((replace(cell, **weights),),), stack.w_output[:, order], stack.b_output)
    bound = gated_intervals_bound(replace(pruned, pruned=small, nodes=((order,),)), x)
    values = {term.name: term.value for term in bound.terms}
    assert values["read-out"] == 0
    assert values["propagated"] < 1e-9
    assert values["rounding"] < 1e-9
    assert bound.conditions[0].name == "exact runs"


def test_it_is_never_more_than_what_needs_no_step():
    rng = np.random.default_rng(6)
    stack = stack_of("lstm", (6,), 1, 3, 2, rng, 3.0)
    x = rng.normal(size=(10, 20, 3))
    pruned = prune_stack(stack, x, 3)
    h = run_stack(stack, x).top[:, :, pruned.nodes[0][0]]
    cap = (1 + np.abs(h)) @ np.abs(pruned.pruned.w_output).T
    most = np.sqrt(np.square(cap).sum(axis=2).mean())
    assert most / 2 < gated_intervals_bound(pruned, x).terms[1].value <= most * (1 + 1e-9)


def opposite():
    """LSTMs of one node with every gate open, whose states go to -1 and to 1."""
    large, small = (
        LSTM(np.zeros((4, 1)), np.zeros((4, 1)), np.array([40.0, 40, side, 40]), np.zeros(4))
        for side in (-40.0, 40.0)
    )
    whole, other = (Stack(((cell,),), np.ones((1, 1)), np.zeros(1)) for cell in (large, small))
    x = np.ones((1, 5, 1))
    return replace(prune_stack(whole, x, 1), pruned=other), x


def test_states_at_opposite_ends_are_their_distance_apart():
    """|c'| is t where the forget gate stays open, and |h'| tanh(t)."""
    pruned, x = opposite()
    for t, w in enumerate(np.eye(5), start=1):
        assert gated_intervals_bound(pruned, x, w).total >= measured_gap(pruned, x, w)
        assert gated_intervals_bound(pruned, x, w).total <= 2 * math.tanh(t) * (1 + 1e-9)


def test_a_cap_without_the_state_of_the_large_network_is_seen(monkeypatch):
    """|h'| <= 1 gives |e| <= 1 + |h|, and not 1."""
    true = gated_intervals._reach
    monkeypatch.setattr(
        gated_intervals, "_reach", lambda after, h, most: np.minimum(true(after, h, most), most)
    )
    pruned, x = opposite()
    assert gated_intervals_bound(pruned, x).total < measured_gap(pruned, x)


def test_what_it_does_not_take_is_refused_in_one_sentence():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(20, 4, 3))
    for kind, sizes, directions, said in (
        ("gru", (3,), 2, "one direction, got a bidirectional one"),
        ("gru", (3, 3), 1, "one layer, got 2"),
        ("plain", (3,), 1, "two GRUs or two LSTMs, got plain, plain"),
    ):
        stack = stack_of(kind, sizes, directions, 3, 2, rng)
        with pytest.raises(ValueError, match=said):
            gated_intervals_bound(prune_stack(stack, x, 2), x)


def test_tokens_are_read_by_the_embedding_of_each_network():
    rng = np.random.default_rng(3)
    stack = replace(stack_of("gru", (4,), 1, 3, 2, rng), embedding=rng.normal(size=(7, 3)))
    x = rng.integers(7, size=(10, 5))
    pruned = prune_stack(stack, x, 2)
    other = replace(pruned.pruned, embedding=pruned.pruned.embedding + 0.5)
    for one in (pruned, replace(pruned, pruned=other)):
        assert measured_gap(one, x) <= gated_intervals_bound(one, x).total


def test_floats_that_cannot_tell_give_no_finite_bound():
    rng = np.random.default_rng(4)
    stack = stack_of("gru", (3,), 1, 2, 1, rng)
    x = rng.normal(size=(6, 3, 2))
    pruned = prune_stack(stack, x, 2)
    huge = replace(pruned.pruned, w_output=np.full((1, 2), 1e308))
    assert gated_intervals_bound(replace(pruned, pruned=huge), x).log_total > 700
