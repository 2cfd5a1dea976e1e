"""The difference of two runs, as an exact linear recursion; and every cell behind one interface."""

from __future__ import annotations

import numpy as np
import pytest
from helpers import textbook_rnn as textbook
from hypothesis import given
from hypothesis import strategies as st

from pruning.activations import activation
from pruning.cells.cell import Cell
from pruning.cells.gru import GRU
from pruning.cells.lstm import LSTM
from pruning.cells.plain import Plain
from pruning.cells.secants import plain_secants, secant_factors

NAMES = (*textbook.PIECEWISE, *textbook.SMOOTH)
sizes = st.tuples(st.integers(1, 4), st.integers(1, 11), st.integers(1, 5), st.integers(1, 3))


def plain(rng, m, d_x, name):
    return textbook.random_rnn(rng, m, d_x, 1, name).cell


@given(seed=st.integers(0, 2**32), size=sizes, name=st.sampled_from(NAMES), data=st.data())
def test_secants_unroll_to_the_difference_of_two_runs(seed, size, name, data):
    n, T, m, d_x = size
    rng = np.random.default_rng(seed)
    large = plain(rng, m, d_x, name)
    k = data.draw(st.integers(0, m))
    nodes = np.sort(rng.permutation(m)[:k])
    small = large.restricted(nodes, np.eye(m)[:, nodes])
    if data.draw(st.booleans()):  # any weights at all, as after a refit
        small = plain(rng, k, d_x, name)
    x = rng.standard_normal((T, n, d_x))
    start = small_start = None
    if data.draw(st.booleans()):
        start, small_start = rng.standard_normal((n, m)), rng.standard_normal((n, k))
    run, small_run = large.run(x, start), small.run(x, small_start)

    secants = plain_secants(large, run, small, small_run, nodes, x)

    assert (secants.factors >= 0).all()
    assert (secants.factors <= large.activation.lipschitz).all()
    e = small_run.start - run.start[:, nodes]
    reach = 1e-9 * (1 + np.abs(run.h).max() + np.abs(small_run.h).max(initial=0))
    for t in range(T):
        e = secants.carry(t, e) + secants.births[t]
        gap = small_run.h[t] - run.h[t][:, nodes]
        np.testing.assert_allclose(e, gap, rtol=1e-7, atol=reach)
        e = gap  # rounding of one step is not carried on


@given(seed=st.integers(0, 2**32), size=sizes, rows=st.integers(0, 3))
def test_many_vectors_are_carried_as_one_each(seed, size, rows):
    n, T, m, d_x = size
    rng = np.random.default_rng(seed)
    large, small = plain(rng, m, d_x, "tanh"), plain(rng, m, d_x, "tanh")
    x = rng.standard_normal((T, n, d_x))
    secants = plain_secants(large, large.run(x), small, small.run(x), np.arange(m), x)
    v = rng.standard_normal((n, rows, m))

    carried = secants.carry(T - 1, v)

    assert carried.shape == v.shape
    for j in range(rows):
        np.testing.assert_allclose(carried[:, j], secants.carry(T - 1, v[:, j]), rtol=1e-12)


def test_secants_of_an_activation_of_unknown_kind_may_be_negative():
    s = activation("tanh")
    wave = type(s)("wave", lambda a, out=None: np.sin(a, out=out), np.cos, 1.0, 1.0, 0.0)
    a, b = np.array([3.0]), np.array([2.0])

    factor = secant_factors(np.sin(a) - np.sin(b), a - b, wave)

    np.testing.assert_allclose(factor, np.sin(3.0) - np.sin(2.0))
    assert factor < 0


def test_a_small_network_of_another_activation_is_refused(rng):
    large, small = plain(rng, 3, 2, "tanh"), plain(rng, 2, 2, "relu")
    x = rng.standard_normal((3, 2, 2))
    with pytest.raises(ValueError, match="small must have the activation tanh of large, got relu"):
        plain_secants(large, large.run(x), small, small.run(x), np.array([0, 1]), x)


@pytest.mark.parametrize("name", NAMES)
def test_the_cell_of_a_network_has_its_states(name, rng):
    net = textbook.random_rnn(rng, 4, 3, 2, name)
    x = rng.standard_normal((5, 6, 3))

    states = net.cell.states(np.ascontiguousarray(x.transpose(1, 0, 2)))

    np.testing.assert_allclose(states.transpose(1, 0, 2), net.states(x), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kind", [Plain, GRU, LSTM])
def test_every_cell_has_what_the_interface_asks_for(kind, rng):
    gates = len(kind.gates)
    weights = [rng.standard_normal(s) for s in ((4 * gates, 3), (4 * gates, 4))]
    cell = kind(*weights, np.zeros(4 * gates), np.zeros(4 * gates))
    wanted = {name for name in vars(Cell) if not name.startswith("_")}
    assert wanted >= {"m", "d_x", "reads_state", "states", "run", "backward", "restricted"}
    assert wanted <= set(dir(cell))
    assert cell.reads_state.shape == (4 * gates, 4)
    assert cell.run(rng.standard_normal((5, 2, 3))).before.shape == (5, 2, 4)
