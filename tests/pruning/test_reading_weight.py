"""One weight of the selection's objective for networks, stacks, pairs and foreign graphs."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pruning import RNN, selection_weight
from pruning.cells.plain import Plain
from pruning.selection.reading import reading_weight
from pruning.stack import Stack
from pruning.stack_pruning import selection_weight as stack_weight


@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 6),
    st.integers(0, 4),
    st.integers(1, 9),
    st.sampled_from([0.0, 0.3, 1.0]),
)
@settings(deadline=None, max_examples=60)
def test_the_weight_is_that_of_the_theory_in_exact_rationals(seed, m, q, rows, theta):
    rng = np.random.default_rng(seed)
    blocks = [rng.integers(-8, 9, (q, m)).astype(float), rng.integers(-8, 9, (rows, m)) / 4]
    M = reading_weight(blocks, theta, normalise=False)
    Z = [[Fraction(x) for x in row] for block in blocks for row in block.tolist()]
    t = Fraction(theta)
    for i in range(m):
        for j in range(m):
            exact = t * (i == j) + (1 - t) * sum(row[i] * row[j] for row in Z)
            assert M[i, j] == pytest.approx(float(exact), rel=1e-13, abs=1e-13)
    scaled = reading_weight(blocks, theta)
    live = theta > 0 or any(block.any() for block in blocks)
    share = theta if not any(block.any() for block in blocks) else 1.0
    assert np.trace(scaled) == pytest.approx(share if live else 0.0)


def test_a_stack_of_one_plain_layer_has_the_weight_of_the_network_bit_by_bit():
    rng = np.random.default_rng(4)
    w_in, w, out = rng.normal(size=(5, 3)), rng.normal(size=(5, 5)), rng.normal(size=(2, 5))
    rnn = RNN(w, w_in, np.zeros(5), out, np.zeros(2), "tanh")
    stack = Stack(((Plain(w_in, w, np.zeros(5), np.zeros(5), "tanh"),),), out, np.zeros(2))
    for theta in (0.0, 0.5, 1.0):
        assert np.array_equal(selection_weight(rnn, theta), stack_weight(stack, 0, 0, theta))


@pytest.mark.parametrize("theta", [-0.1, 1.1, np.nan])
def test_a_theta_outside_of_0_1_is_refused(theta):
    with pytest.raises(ValueError, match="theta"):
        reading_weight([np.eye(2)], theta)
