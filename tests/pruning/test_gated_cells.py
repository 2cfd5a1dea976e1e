"""GRU, LSTM and plain cells against a second derivation, step by step in plain Python floats."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from helpers.stacks import KINDS, cell_of
from hypothesis import given
from hypothesis import strategies as st

from pruning.cells import lstm_steps
from pruning.cells.gru import GRU


def by_hand(cell, kind, x, h, c):
    """One sequence, scalar by scalar."""

    def sigma(u):
        return 1 / (1 + math.exp(-u)) if u >= 0 else math.exp(u) / (1 + math.exp(u))

    def dot(row, vector):
        return math.fsum(a * b for a, b in zip(row, vector))

    m = cell.m
    states = []
    for step in x:

        def drive(gate, i, step=step):
            return dot(cell.w_input[gate * m + i], step) + cell.b_input[gate * m + i]

        def back(gate, i, h=h):
            return dot(cell.w_hidden[gate * m + i], h) + cell.b_hidden[gate * m + i]

        if kind == "plain":
            h = [math.tanh(drive(0, i) + back(0, i)) for i in range(m)]
        elif kind == "lstm":
            new, cells = [], []
            for i in range(m):
                gi, gf, gg, go = (drive(g, i) + back(g, i) for g in range(4))
                cells.append(sigma(gf) * c[i] + sigma(gi) * math.tanh(gg))
                new.append(sigma(go) * math.tanh(cells[-1]))
            h, c = new, cells
        else:
            r = [sigma(drive(0, i) + back(0, i)) for i in range(m)]
            z = [sigma(drive(1, i) + back(1, i)) for i in range(m)]
            read = [a * b for a, b in zip(r, h)]
            n = []
            for i in range(m):
                if kind == "gru":
                    n.append(math.tanh(drive(2, i) + r[i] * back(2, i)))
                else:
                    b = cell.b_hidden[2 * m + i]
                    n.append(math.tanh(drive(2, i) + dot(cell.w_hidden[2 * m + i], read) + b))
            h = [(1 - z[i]) * n[i] + z[i] * h[i] for i in range(m)]
        states.append(h)
    return np.array(states)


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_states_and_runs_equal_scalar_arithmetic(kind, data):
    m, d, T, n = (data.draw(st.integers(1, high)) for high in (4, 3, 5, 3))
    scale = data.draw(st.sampled_from([0.0, 0.3, 1.0, 30.0]))
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    cell = cell_of(kind, m, d, rng, scale)
    x = rng.normal(size=(T, n, d))
    h0, c0 = rng.normal(size=(2, n, m))
    start = (h0, c0) if kind == "lstm" else h0
    expected = np.stack([by_hand(cell, kind, x[:, i], h0[i], c0[i]) for i in range(n)], axis=1)
    np.testing.assert_allclose(cell.states(x, start), expected, rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(cell.run(x, start).h, expected, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("kind", KINDS)
def test_the_backward_pass_is_the_derivative(kind):
    rng = np.random.default_rng(1)
    cell = cell_of(kind, 4, 3, rng, 0.7)
    x, h0, c0 = rng.normal(size=(5, 2, 3)), rng.normal(size=(2, 4)), rng.normal(size=(2, 4))
    given_ = rng.normal(size=(5, 2, 4))

    def value(x, h0, c0):
        start = (h0, c0) if kind == "lstm" else h0
        return float((cell.states(x, start) * given_).sum())

    start = (h0, c0) if kind == "lstm" else h0
    parts = cell.backward(cell.run(x, start), given_)
    total, at_drive = parts[:2]
    at_start, at_c = (parts[2], parts[3]) if kind == "lstm" else (parts[3], None)
    step = 1e-6
    for index in np.ndindex(x.shape):
        shift = np.zeros_like(x)
        shift[index] = step
        slope = (value(x + shift, h0, c0) - value(x - shift, h0, c0)) / (2 * step)
        assert slope == pytest.approx(float((at_drive @ cell.w_input)[index]), rel=1e-6, abs=1e-7)
    for index in np.ndindex(h0.shape):
        shift = np.zeros_like(h0)
        shift[index] = step
        slope = (value(x, h0 + shift, c0) - value(x, h0 - shift, c0)) / (2 * step)
        assert slope == pytest.approx(float(at_start[index]), rel=1e-6, abs=1e-7)
        if kind == "lstm":
            slope = (value(x, h0, c0 + shift) - value(x, h0, c0 - shift)) / (2 * step)
            assert slope == pytest.approx(float(at_c[index]), rel=1e-6, abs=1e-7)
    assert total.shape == given_.shape
    np.testing.assert_array_equal(total[-1], given_[-1])


@pytest.mark.parametrize("kind", KINDS)
def test_float32_states_are_those_of_float64_to_rounding(kind):
    rng = np.random.default_rng(2)
    cell = cell_of(kind, 16, 5, rng, 0.4)
    x = rng.normal(size=(20, 3, 5))
    single = cell.states(x.astype(np.float32))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, cell.states(x), atol=2e-5)


def test_weights_of_two_cells_are_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match=r"w_input must have shape \(12, any\)"):
        GRU(rng.normal(size=(16, 3)), rng.normal(size=(12, 4)), np.zeros(12), np.zeros(12))


def test_a_gru_with_the_reset_before_needs_its_own_reconstruction():
    rng = np.random.default_rng(0)
    cell = cell_of("gru, reset before", 4, 2, rng)
    with pytest.raises(ValueError, match="A_reset must be given"):
        cell.restricted(np.array([0]), np.ones((4, 1)))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("m", "n"), [(1, 1), (1, 3), (3, 1)])
def test_the_start_is_left_as_it_was(kind, m, n):
    """A transpose of one row or column is contiguous as it is: no copy was made of it."""
    rng = np.random.default_rng(0)
    cell = cell_of(kind, m, 2, rng)
    h0, c0 = rng.normal(size=(2, n, m))
    before = h0.copy(), c0.copy()
    start = (h0, c0) if kind == "lstm" else h0
    first = cell.states(rng.normal(size=(3, n, 2)), start)
    assert np.array_equal(h0, before[0])
    assert np.array_equal(c0, before[1])
    assert np.isfinite(first).all()


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("n", [1, 2, 64])
def test_states_do_not_depend_on_how_many_sequences_and_inputs_go_together(n, dtype, monkeypatch):
    # One sequence, rows a power of two apart, weights by rows and by columns, pieces of inputs.
    rng = np.random.default_rng(n)
    cell = cell_of("lstm", 5, 3, rng, 0.9)
    x = rng.normal(size=(7, n, 3)).astype(dtype)
    start = tuple(rng.normal(size=(2, n, 5)).astype(dtype))
    expected = cell.run(x.astype(float), start).h
    tolerance = 1e-12 if dtype == "float64" else 1e-5
    for numbers in (lstm_steps._CACHE, 0):
        monkeypatch.setattr(lstm_steps, "_DRIVE", 40 if numbers else 1)
        monkeypatch.setattr(lstm_steps, "_CACHE", numbers)
        again = replace(cell)
        found = again.states(x, start)
        assert found.dtype == dtype
        np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)
        # Weights in both precisions are kept side by side.
        other = again.states(x.astype(np.float64), start)
        np.testing.assert_allclose(other, expected, rtol=1e-12, atol=1e-12)
