"""What rounding may have made of a run covers what it made; bounds along runs pay for it."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from helpers.stacks import KINDS, cell_of, stack_of

from bounds.approximation.along_runs import FLOAT_STATES, along_runs_bound
from bounds.approximation.defect import linear_bound
from bounds.approximation.measured import EXACT_RUNS
from bounds.approximation.stack_rounding import stack_rounding
from pruning import RNN, Activation, activation, prune_to
from pruning.cells.gru import GRU
from pruning.cells.lru import LRU
from pruning.cells.plain import Plain
from pruning.stack import Stack, same_stack
from pruning.stack_gradients import run_stack
from pruning.stack_pruning import prune_stack

LONG = np.longdouble
EPS = float(np.finfo(np.float64).eps)
TANH = activation("tanh")


def logistic(u):
    return 1 / (1 + np.exp(-u))


def long_states(cell, x):
    """States of a cell, written out once more, in long doubles: x and states are (T, n, d)."""
    V, W, b, c = (
        np.asarray(w, LONG) for w in (cell.w_input, cell.w_hidden, cell.b_input, cell.b_hidden)
    )
    m, out = cell.m, []
    h = memory = np.zeros((x.shape[1], m), LONG)
    for now in x:
        given, read = now @ V.T + b, h @ W.T + c
        if cell.kind == "gru":
            r, z = (logistic((given + read)[:, g * m : (g + 1) * m]) for g in (0, 1))
            v = r * read[:, 2 * m :]
            if not cell.reset_after:
                v = (r * h) @ W[2 * m :].T + c[2 * m :]
            n = np.tanh(given[:, 2 * m :] + v)
            h = (1 - z) * n + z * h
        elif cell.kind == "lstm":
            i, f, g, o = np.split(given + read, 4, axis=1)
            memory = logistic(f) * memory + logistic(i) * np.tanh(g)
            h = logistic(o) * np.tanh(memory)
        else:
            h = cell.activation.apply(given + read)
        out.append(h)
    return np.array(out)


def long_run(stack, x):
    """States of the last layer, of inputs (n, T, d)."""
    states = np.asarray(x.transpose(1, 0, 2), LONG)
    for layer in stack.layers:
        states = long_states(layer[0], states)
    return states


def stacks(rng):
    """Cells of every kind, both places of the reset gate, one layer and two."""
    for kind in KINDS:
        for scale in (0.3, 1.0, 4.0):
            yield stack_of(kind, (4,), 1, 3, 2, rng, scale)
            yield stack_of(kind, (4, 3), 1, 3, 2, rng, scale)
    lam = 0.9 * np.exp(1j * rng.uniform(0, 3, 3))
    lru = LRU(lam, rng.normal(size=(3, 3)) + 1j * rng.normal(size=(3, 3)))
    yield Stack([[lru]], rng.normal(size=(2, 6)), np.zeros(2))


@pytest.mark.skipif(np.finfo(LONG).eps > 1e-18, reason="long doubles are doubles here")
def test_delta_covers_what_rounding_made_of_a_run_and_is_no_guess():
    """A run in 64 bits is 2^11 times nearer to the exact one, and delta a worst case."""
    rng = np.random.default_rng(0)
    near = []
    for stack in stacks(rng):
        x = np.exp(rng.uniform(-2, 2)) * rng.normal(size=(40, 6, 3))
        run = run_stack(stack, x)
        delta, apart = stack_rounding(run), np.abs(run.top - long_run(stack, x))
        assert delta.shape == run.top.shape
        assert (apart <= delta).all(), stack
        assert (np.abs(stack.layer_states(x)[-1].transpose(1, 0, 2) - run.top) <= 2 * delta).all()
        near.append(float(np.median(apart.astype(float) / delta)))
    # An allowance a thousand times smaller would not do.
    assert max(near) > 1e-3


@pytest.mark.parametrize("T", [1, 5])
def test_delta_is_of_the_order_of_roundings_where_nothing_grows(T):
    rng = np.random.default_rng(1)
    for kind in KINDS:
        stack = stack_of(kind, (4,), 1, 3, 2, rng, 0.3)
        assert stack_rounding(run_stack(stack, rng.normal(size=(9, T, 3)))).max() < 1000 * EPS


@pytest.mark.parametrize("kind", KINDS)
def test_the_bound_says_which_runs_it_is_about(kind):
    rng = np.random.default_rng(2)
    calm, wild = (stack_of(kind, (m,), 1, 3, 2, rng, scale) for m, scale in ((5, 0.4), (16, 1.0)))
    short, long = rng.normal(size=(9, 4, 3)), 0.1 * rng.normal(size=(9, 60, 3))
    exact = along_runs_bound(prune_stack(calm, short, 3), short)
    assert exact.conditions == (EXACT_RUNS,)
    assert exact["rounding"].value > 0
    worst = along_runs_bound(prune_stack(wild, long, 3), long)
    assert worst.conditions == (FLOAT_STATES,)
    assert 0 < worst["rounding"].value < 1e-12 * worst.total


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("exponent", [-60, 60])
def test_outputs_in_other_units_have_the_same_bound(kind, exponent):
    rng = np.random.default_rng(3)
    stack, x = stack_of(kind, (5,), 1, 3, 2, rng, 0.7), rng.normal(size=(9, 4, 3))
    unit = 2.0**exponent
    other = Stack(stack.layers, unit * stack.w_output, unit * stack.b_output)
    mine, theirs = (along_runs_bound(prune_stack(s, x, 3), x) for s in (stack, other))
    assert theirs.total == pytest.approx(unit * mine.total, rel=1e-12)
    assert theirs["rounding"].value == pytest.approx(unit * mine["rounding"].value, rel=1e-9)


def test_the_same_network_twice_costs_nothing_and_others_are_told_apart():
    rng = np.random.default_rng(4)
    gru = cell_of("gru", 3, 2, rng, 1.0)
    stack = Stack([[gru]], rng.normal(size=(1, 3)), np.zeros(1))
    assert same_stack(stack, Stack([[gru]], stack.w_output.copy(), np.zeros(1)))
    before = GRU(gru.w_input, gru.w_hidden, gru.b_input, gru.b_hidden, not gru.reset_after)
    for cell, read in ((before, stack.w_output), (gru, 2 * stack.w_output)):
        assert not same_stack(stack, Stack([[cell]], read, np.zeros(1)))

    # Of one name, but not one function: these do not run with the same roundings.
    def halved(a, out=None):
        return np.tanh(a / 2, out=out)

    half = Activation("tanh", halved, TANH.slope, 1.0, 1.0, 0.0)
    weights = [rng.normal(size=shape) for shape in ((3, 2), (3, 3), 3, 3)]
    one, other = (
        Stack([[Plain(*weights, activation=s)]], stack.w_output, np.zeros(1)) for s in (TANH, half)
    )
    assert same_stack(one, Stack([[Plain(*weights, activation="tanh")]], one.w_output, [0.0]))
    assert not same_stack(one, other)
    x = rng.normal(size=(5, 4, 2))
    assert along_runs_bound(prune_stack(stack, x, 3, reconstruct=False), x).total == 0


def test_runs_that_overflow_have_the_bound_infinity():
    def line(width, size):
        cell = Plain(
            np.ones((width, 1)), size * np.eye(width), np.zeros(width), np.zeros(width), "relu"
        )
        return Stack([[cell]], np.ones((1, width)), np.zeros(1))

    x = np.random.default_rng(6).random(size=(3, 4, 1))
    pruned = replace(
        prune_stack(line(2, 1.0), x, 1), original=line(2, 1e200), pruned=line(1, 1e200)
    )
    with np.errstate(all="ignore"):
        assert along_runs_bound(pruned, x).log_total == math.inf


def exact_output(rnn, x):
    """f_T of one sequence, in rationals."""
    W, V, Z, b, c = (
        np.vectorize(Fraction, otypes=[object])(w)
        for w in (rnn.w_hidden, rnn.w_input, rnn.w_output, rnn.b_hidden, rnn.b_output)
    )
    h = np.full(rnn.m, Fraction(0))
    for now in x:
        h = W @ h + V @ np.vectorize(Fraction, otypes=[object])(now) + b
    return Z @ h + c


def test_the_linear_bound_is_not_below_the_exact_error():
    rng = np.random.default_rng(5)
    for _ in range(150):
        m, T = (int(rng.integers(1, most + 1)) for most in (4, 4))
        scale = float(np.exp(rng.uniform(-3, 3)))
        W, V, b = (scale * rng.normal(size=s) for s in ((m, m), (m, 2), (m,)))
        rnn = RNN(W, V, b, rng.normal(size=(1, m)), rng.normal(size=1), "identity")
        x = rng.normal(size=(2, T, 2))
        pruned = prune_to(rnn, x, np.sort(rng.permutation(m)[: int(rng.integers(1, m + 1))]))
        bound = linear_bound(pruned, x)
        gaps = [exact_output(rnn, one) - exact_output(pruned.pruned, one) for one in x]
        square = sum(value**2 for gap in gaps for value in gap) / len(x)
        assert Fraction(bound.total) ** 2 >= square
        assert bound["rounding"].value <= 1e-9 * (bound.total + np.abs(rnn.predictions(x)).max())
        assert bound.conditions[0].holds
        assert len(bound.conditions) == 2
        assert math.isfinite(bound.log_total) or square == 0
