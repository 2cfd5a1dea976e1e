"""The plain cell behind the interface of `pruning.cells`: its steps, both ways, and secants."""

from __future__ import annotations

import numpy as np
import pytest
from helpers import textbook_rnn as textbook
from hypothesis import given
from hypothesis import strategies as st

from pruning.activations import activation
from pruning.cells.plain import secant_factors
from pruning.cells.recursion import time_major

NAMES = (*textbook.PIECEWISE, *textbook.SMOOTH)
seeds = st.integers(0, 2**32)
sizes = st.tuples(st.integers(1, 4), st.integers(1, 11), st.integers(1, 5), st.integers(1, 3))


def cell_of(rng, m, d_x, name):
    net = textbook.random_rnn(rng, m, d_x, 1, name)
    return net.cell


@given(seed=seeds, size=sizes, name=st.sampled_from(NAMES))
def test_a_run_from_a_start_is_the_definition_step_by_step(seed, size, name):
    n, T, m, d_x = size
    rng = np.random.default_rng(seed)
    cell = cell_of(rng, m, d_x, name)
    x, start = rng.standard_normal((n, T, d_x)), rng.standard_normal((n, m))

    run = cell.run(time_major(x, "float64"), start=start)

    h = start
    for t in range(T):
        h = cell.activation.apply(h @ cell.w_hidden.T + x[:, t] @ cell.w_input.T + cell.b_hidden)
        np.testing.assert_allclose(run.states[t], h, rtol=1e-10, atol=1e-10)


@given(seed=seeds, size=sizes, name=st.sampled_from(textbook.SMOOTH))
def test_push_is_the_derivative_of_a_step_and_pull_its_transpose(seed, size, name):
    n, T, m, d_x = size
    rng = np.random.default_rng(seed)
    cell = cell_of(rng, m, d_x, name)
    x, start = time_major(rng.standard_normal((n, T, d_x)), "float64"), rng.standard_normal((n, m))
    run = cell.run(x, start=start)
    t = T - 1
    before = start if t == 0 else run.states[t - 1]
    v, g = rng.standard_normal((n, 3, m)), rng.standard_normal((n, 3, m))

    pushed, pulled = cell.push(run, t, v), cell.pull(run, t, g)

    np.testing.assert_allclose((pushed * g).sum(-1), (v * pulled).sum(-1), rtol=1e-9, atol=1e-12)
    eps = 1e-6
    for j in range(3):
        up, down = (
            cell.run(x[t : t + 1], start=before + sign * eps * v[:, j]).states[0]
            for sign in (1, -1)
        )
        np.testing.assert_allclose(pushed[:, j], (up - down) / (2 * eps), rtol=1e-5, atol=1e-6)


@given(seed=seeds, size=sizes, name=st.sampled_from(NAMES), tokens=st.booleans(), data=st.data())
def test_secants_unroll_to_the_difference_of_two_runs(seed, size, name, tokens, data):
    n, T, m, d_x = size
    rng = np.random.default_rng(seed)
    large = cell_of(rng, m, d_x, name)
    k = data.draw(st.integers(0, m))
    nodes = np.sort(rng.permutation(m)[:k])
    # Any weights at all, as after a refit; the same as before for some.
    small = large.pruned(nodes, np.eye(m)[:, nodes])
    if data.draw(st.booleans()):
        small = cell_of(rng, k, d_x, name)
    raw = rng.integers(0, d_x, (n, T)) if tokens else rng.standard_normal((n, T, d_x))
    x = time_major(raw, "float64")
    begun = rng.standard_normal((n, m)), rng.standard_normal((n, k))
    start, small_start = begun if data.draw(st.booleans()) else (None, None)
    run, small_run = large.run(x, start=start), small.run(x, start=small_start)

    secants = large.secants(run, small, small_run, nodes)

    assert (secants.factors >= 0).all()
    assert (secants.factors <= large.activation.lipschitz).all()
    e = np.zeros((n, k)) if start is None else small_start - start[:, nodes]
    for t in range(T):
        e = secants.carry(t, e) + secants.births[t]
        gap = small_run.states[t] - run.states[t][:, nodes]
        # Rounding of one step is carried on by the later ones.
        reach = 1e-9 * (1 + np.abs(run.states).max() + np.abs(small_run.states).max(initial=0))
        np.testing.assert_allclose(e, gap, rtol=1e-7, atol=reach)
        e = gap


def test_a_pruned_cell_is_what_section_0_says(rng):
    cell = cell_of(rng, 5, 2, "tanh")
    nodes, A = np.array([1, 4]), rng.standard_normal((5, 2))

    small = cell.pruned(nodes, A)

    np.testing.assert_array_equal(small.w_hidden, cell.w_hidden[[1, 4]] @ A)
    np.testing.assert_array_equal(small.w_input, cell.w_input[[1, 4]])
    np.testing.assert_array_equal(small.b_hidden, cell.b_hidden[[1, 4]])
    assert list(cell.readers) == ["w_hidden"]


def test_secants_of_an_activation_of_unknown_kind_may_be_negative():
    s = activation("tanh")
    wave = type(s)("wave", lambda a, out=None: np.sin(a, out=out), np.cos, 1.0, 1.0, 0.0)
    a, b = np.array([3.0]), np.array([2.0])

    factor = secant_factors(np.sin(a) - np.sin(b), a - b, wave)

    np.testing.assert_allclose(factor, np.sin(3.0) - np.sin(2.0))
    assert factor < 0


def test_a_small_network_of_another_activation_is_refused(rng):
    large, small = cell_of(rng, 3, 2, "tanh"), cell_of(rng, 2, 2, "relu")
    x = time_major(rng.standard_normal((2, 3, 2)), "float64")
    with pytest.raises(ValueError, match="must be a plain one with the activation tanh"):
        large.secants(large.run(x), small, small.run(x), np.array([0, 1]))
