"""Gradients of stacks far beyond the range of floats, against difference quotients in mpmath."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pruning.cells.gru import GRU
from pruning.cells.lru import LRU
from pruning.cells.lstm import LSTM
from pruning.cells.plain import Plain
from pruning.stack import Stack
from pruning.stack_balanced import StackObservability, balanced_weights
from pruning.stack_gradients import run_stack, scaled_state_gradients, state_gradients

KINDS = ("plain", "gru", "gru, reset before", "lstm", "lru")
BITS, STEP = 3000, 1400


def cell_of(kind, m, d, rng, far):
    """A cell whose gradients shrink or grow by about 2^far at a step back."""
    if kind == "lru":
        lam = (rng.normal(size=m // 2) + 1j * rng.normal(size=m // 2)) * 2.0**far
        return LRU(lam, rng.normal(size=(m // 2, d)) + 1j * rng.normal(size=(m // 2, d)))
    gates = {"plain": 1, "lstm": 4}.get(kind, 3)
    w_input, b = rng.normal(size=(gates * m, d)), rng.normal(size=gates * m)
    w_hidden = np.ldexp(rng.normal(size=(gates * m, m)), far)
    closed = 1000.0  # the gate that hands the state on as it is: 0 to rounding, and 2^-1442
    if kind == "lstm":
        b[m : 2 * m] -= closed
        return LSTM(w_input, w_hidden, b, np.zeros(4 * m))
    if kind == "plain":
        return Plain(w_input, w_hidden, b, np.zeros(m), "tanh")
    b[m : 2 * m] -= closed
    return GRU(w_input, w_hidden, b, np.zeros(3 * m), reset_after=kind == "gru")


def stack_of(kind, sizes, directions, rng, far):
    layers, width = [], 2
    for m in sizes:
        layers.append([cell_of(kind, m, width, rng, far) for _ in range(directions)])
        width = m * directions
    return Stack(layers, rng.normal(size=(1, width)), rng.normal(size=1))


def sigma(u):
    return 1 / (1 + mpmath.exp(-u))


def step(cell, x, state):
    """One step of a cell in mpmath; a state is h, of an LSTM (h, c)."""

    def product(W, v, gate):
        rows = range(gate * m, (gate + 1) * m)
        return [mpmath.fdot([mpmath.mpf(float(w)) for w in W[i]], v) for i in rows]

    def drive(gate, h):
        b = [mpmath.mpf(float(v)) for v in cell.b_input[gate * m : (gate + 1) * m]]
        return [
            p + q + r
            for p, q, r in zip(product(cell.w_input, x, gate), product(cell.w_hidden, h, gate), b)
        ]

    m = cell.m
    if isinstance(cell, LSTM):
        h, c = state
        i, f, g, o = (drive(gate, h) for gate in range(4))
        c = [sigma(b) * e + sigma(a) * mpmath.tanh(d) for a, b, d, e in zip(i, f, g, c)]
        return [sigma(a) * mpmath.tanh(b) for a, b in zip(o, c)], c
    if isinstance(cell, GRU):
        h = state
        r, z = ([sigma(u) for u in drive(gate, h)] for gate in range(2))
        zero = [mpmath.mpf(0)] * m
        if cell.reset_after:
            n = [a + b * e for a, b, e in zip(drive(2, zero), r, product(cell.w_hidden, h, 2))]
        else:
            n = drive(2, [a * b for a, b in zip(r, h)])
        return [(1 - a) * mpmath.tanh(b) + a * e for a, b, e in zip(z, n, h)]
    u = drive(0, state)
    return u if isinstance(cell, LRU) else [mpmath.tanh(a) for a in u]


def output(stack, x, moved=None):
    """f at the end of one sequence x (T, d), one state (layer, side, t, j) moved by 2^-STEP."""
    below = [[mpmath.mpf(float(v)) for v in row] for row in x]
    for number, layer in enumerate(stack.layers):
        sides = []
        for side, cell in enumerate(layer):
            zero = [mpmath.mpf(0)] * cell.m
            state = (zero, zero) if isinstance(cell, LSTM) else zero
            rows = [None] * len(below)
            for t in range(len(below))[:: -1 if side else 1]:
                state = step(cell, below[t], state)
                h = list(state[0] if isinstance(cell, LSTM) else state)
                if moved is not None and moved[:3] == (number, side, t):
                    h[moved[3]] += mpmath.mpf(2) ** -STEP
                state = (h, state[1]) if isinstance(cell, LSTM) else h
                rows[t] = h
            sides.append(rows)
        below = [[v for rows in sides for v in rows[t]] for t in range(len(below))]
    return mpmath.fdot([mpmath.mpf(float(w)) for w in stack.w_output[0]], below[-1])


def exact_gradients(stack, x):
    """By layer the gradient of f in every state, lists (T, width) of mpf."""
    start, found = output(stack, x), []
    for number, layer in enumerate(stack.layers):
        rows = [[] for _ in x]
        for side, cell in enumerate(layer):
            for t in range(len(x)):
                for j in range(cell.m):
                    gap = output(stack, x, (number, side, t, j)) - start
                    rows[t].append(gap * mpmath.mpf(2) ** STEP)
        found.append(rows)
    return found


@pytest.mark.parametrize(
    ("kind", "directions", "far"),
    [*((kind, 1, -240) for kind in KINDS), ("lru", 1, 240), ("plain", 2, -450), ("gru", 2, -450)],
)
def test_what_floats_cannot_hold_is_what_a_difference_quotient_says(kind, directions, far):
    n, T, sizes = (2, 6, (2,)) if directions == 1 else (1, 4, (1, 1))
    rng = np.random.default_rng(3)
    stack = stack_of(kind, sizes, directions, rng, far)
    x = np.zeros((n, T, 2)) if far > 0 else rng.normal(size=(n, T, 2))
    seen = StackObservability(stack, T, "last", 1, np.random.default_rng(0)).update(x)
    with mpmath.workprec(BITS):
        each = [exact_gradients(stack, row) for row in x]
        for layer, (M, log2_traces) in enumerate(zip(seen.weights(), seen.log2_traces)):
            shares = []
            for t, log2_trace in enumerate(log2_traces):
                rows = [one[layer][t] for one in each]
                second = [
                    [sum(g[i] * g[j] for g in rows) / n for j in range(len(M))]
                    for i in range(len(M))
                ]
                trace = sum(second[i][i] for i in range(len(M)))
                assert log2_trace == pytest.approx(float(mpmath.log(trace, 2)), abs=1e-7)
                shares.append([[float(v / trace) for v in row] for row in second])
            np.testing.assert_allclose(M, np.mean(shares, axis=0), rtol=1e-7, atol=1e-9)
    assert np.abs(seen.log2_traces[0]).max() > 2200 > 100 > np.abs(seen.log2_traces[0]).min()


@settings(max_examples=30, deadline=None)
@given(
    st.integers(0, 2**32),
    st.sampled_from(KINDS),
    st.integers(1, 2),
    st.integers(1, 2),
    st.booleans(),
    st.booleans(),
)
def test_within_the_range_the_steps_give_what_the_whole_run_gives(
    seed, kind, directions, depth, padded, every
):
    rng = np.random.default_rng(seed)
    n, T = int(rng.integers(1, 4)), int(rng.integers(1, 6))
    stack = stack_of(kind, (2,) * depth, directions, rng, -1)
    lengths = rng.integers(1, T + 1, n) if padded else None
    run = run_stack(stack, rng.normal(size=(n, T, 2)), lengths)
    given = np.zeros((T, n, 2 * directions))
    ends = np.full(n, T) if lengths is None else lengths
    if every:
        given[...] = rng.normal(size=given.shape) * (np.arange(T)[:, None] < ends)[..., None]
    else:
        given[ends - 1, np.arange(n)] = rng.normal(size=(n, 2 * directions))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pruning.stack_gradients._kept", lambda g: False)
        far = scaled_state_gradients(run, given)
    for g, (scaled, exponents) in zip(state_gradients(run, given), far, strict=True):
        back = np.ldexp(scaled, np.maximum(exponents, -5000)[..., None])
        np.testing.assert_allclose(back, g, rtol=1e-12, atol=1e-300)


@pytest.mark.parametrize("exponent", [-1060, -700, 700, 1000])
def test_a_read_out_of_any_size_weighs_the_same(exponent):
    rng = np.random.default_rng(0)
    stack = stack_of("gru", (3, 2), 2, rng, 0)
    far = Stack(stack.layers, np.ldexp(np.round(stack.w_output, 2), exponent), [0.0])
    near = Stack(stack.layers, np.ldexp(far.w_output, -exponent), [0.0])
    x = rng.normal(size=(5, 4, 2))
    for one, other in zip(balanced_weights(far, x), balanced_weights(near, x), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_step_that_leaves_the_range_is_named():
    cell = Plain(np.ones((4, 2)), np.full((4, 4), 1.5e308), np.zeros(4), np.zeros(4), "identity")
    stack = Stack([[cell]], np.ones((1, 4)), [0.0])
    with pytest.raises(ValueError, match="leave the range of floats at step 3 on their way"):
        balanced_weights(stack, np.zeros((1, 4, 2)))
    with pytest.raises(ValueError, match="the states must stay within the range of float64, left"):
        balanced_weights(stack, np.ones((1, 4, 2)))


def test_what_another_network_has_seen_is_not_taken_in():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(4, 3, 2))

    def fresh(stack, T=3, reads="last", probes=2):
        return StackObservability(stack, T, reads, probes, np.random.default_rng(0))

    for kind in KINDS:
        stack = stack_of(kind, (2, 2), 1, rng, 0)
        copy = Stack(
            [
                [type(c)(*(getattr(c, name) for name in fields_of(c))) for c in row]
                for row in stack.layers
            ],
            stack.w_output,
            stack.b_output,
        )
        seen = fresh(stack).update(x)
        before = seen.weights()
        seen.merge(fresh(copy).update(x))  # equal weights, other objects
        for one, other in zip(before, seen.weights(), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-12)
        bits = Stack(stack.layers, np.nextafter(stack.w_output, 9), stack.b_output)
        for other in (
            fresh(stack, T=4),
            fresh(stack, reads="every"),
            fresh(stack, probes=1),
            fresh(bits),
            fresh(stack_of(kind, (2, 2), 1, rng, 0)),
            fresh(stack_of("plain" if kind != "plain" else "gru", (2, 2), 1, rng, 0)),
        ):
            with pytest.raises(ValueError, match="must be of the same network, T, reads and prob"):
                seen.merge(other)
        assert seen.n == 8
    with pytest.raises(ValueError, match="must be a StackObservability, got list"):
        seen.merge([])
    with pytest.raises(ValueError, match="x must have T = 3 steps, got 2"):
        seen.update(x[:, :2])


def fields_of(cell):
    if isinstance(cell, LRU):
        return ("lam", "w_complex", "b_complex")
    last = {"GRU": ("reset_after",), "Plain": ("activation",), "LSTM": ()}[type(cell).__name__]
    return ("w_input", "w_hidden", "b_input", "b_hidden", *last)
