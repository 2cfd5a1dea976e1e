"""`approximation.local`: the slopes, the norms and where it stands among the other bounds.

That it is never below the error is tested with the other bounds of section 3.
"""

import math
from fractions import Fraction

import flint
import mpmath
import numpy as np
import pytest
from helpers.network_pairs import (
    exact_pairs,
    exact_states,
    float_pairs,
    log_sqrt,
    moments,
    pair,
    weightings,
)
from hypothesis import given
from hypothesis import strategies as st

from bounds.approximation import approximation_error, local_bound, recursion_bound, trajectory_bound
from bounds.approximation.local import (
    largest_slopes,
    log_scaled_norms,
    log_scaled_rows,
    slope_between,
)
from bounds.approximation.measured import paired_runs
from bounds.approximation.recursion import log_state_norms
from bounds.approximation.residuals import residuals
from pruning import RNN
from pruning.activations import Activation, activation
from pruning.spectral import prune_to

POINTS = st.one_of(st.floats(-800, 800), st.floats(-3, 3), st.sampled_from([0.0, -0.0, 1e-300]))
NAMES = ("relu", "tanh", "identity", "logistic", "leaky_relu", "leaky_relu:3", "leaky_relu:0.25")


@given(drawn=float_pairs(), data=st.data())
def test_it_is_never_above_the_recursion_with_full_norms(drawn, data):
    pruned, x, _ = drawn
    w = weightings(x.shape[1])[data.draw(st.sampled_from(["mean", "last", "rising"]))]
    local, full = local_bound(pruned, x, w), recursion_bound(pruned, x, w)
    assert local["read-out"].log_value == full["read-out"].log_value
    assert local.total <= full.total * (1 + 1e-11)


@given(drawn=exact_pairs())
def test_it_is_not_below_its_right_side_from_rational_states(drawn):
    # Which nodes are on in either run is decided by exact states, of which float64 has no error.
    pruned, x, _ = drawn
    parts = residuals(pruned)
    full, small = exact_states(pruned.original, x), exact_states(pruned.pruned, x)
    off = {"relu": 0.0, "identity": 1.0}.get(pruned.original.activation.name, 0.5)
    total = 0.0
    for run, run_small in zip(full, small):
        v = 0.0
        for t in range(1, x.shape[1]):
            on = np.array([max(run[t][i], h) > 0 for i, h in zip(pruned.nodes, run_small[t])], bool)
            delta = np.where(on, 1.0, off)
            gain = np.linalg.norm(delta[:, None] * parts.w_hidden, 2) if on.size else 0.0
            v = gain * v + np.linalg.norm(delta * (parts.hidden @ np.array(run[t - 1], float)))
            total += v * v
    readout = np.linalg.norm(parts.w_output, 2) if len(pruned.nodes) else 0.0
    lowest = readout * math.sqrt(total / x[..., 0].size)
    assert local_bound(pruned, x)["propagated"].value >= lowest * (1 - 1e-12)


def chain_of_two(b):
    """Node 2 feeds a large weight to node 1 through a third node that is dropped; bias b."""
    W = np.array([[0.0, 0.0, 1.0], [8.0, 0.0, 8.0], [0.0, 0.0, 0.0]])
    w_input, w_output = np.array([[0.0], [0.0], [1.0]]), np.array([[1.0, 1.0, 0.0]])
    rnn = RNN(W, w_input, np.array([0.0, b, 0.0]), w_output, [0.0], "relu")
    x = np.array([[[1.0], [0.0]]])
    return pair(rnn, [0, 1], np.eye(3)[:, :2], moments(rnn.states(x))[1]), x


def test_a_node_that_is_off_in_both_runs_carries_nothing():
    # The drive is (1, 8). With b = -100 the second node is off and the bound is the error.
    pruned, x = chain_of_two(-100.0)
    last = np.array([0.0, 1.0])
    assert approximation_error(pruned, x, last) == 1.0
    assert local_bound(pruned, x, last).total == pytest.approx(math.sqrt(2), rel=1e-12)
    assert recursion_bound(pruned, x, last).total == pytest.approx(math.sqrt(2 * 65), rel=1e-12)
    pruned, x = chain_of_two(0.0)
    assert local_bound(pruned, x, last).total == pytest.approx(math.sqrt(2 * 65), rel=1e-12)


def test_a_node_off_in_one_run_only_counts():
    # Its pre-activation is 8 - 4 in the large network and -4 in the small one.
    pruned, x = chain_of_two(-4.0)
    last = np.array([0.0, 1.0])
    assert approximation_error(pruned, x, last) == 5.0
    assert local_bound(pruned, x, last).total == pytest.approx(math.sqrt(2 * 65), rel=1e-12)


def ball(name, a):
    """s(a) in ball arithmetic."""
    if name == "tanh":
        return a.tanh()
    if name == "logistic":
        return 1 / (1 + (-a).exp())
    slope = {"relu": 0.0, "identity": 1.0}.get(name)
    slope = float(name.partition(":")[2] or 0.01) if slope is None else slope
    return a if a > 0 else slope * a


@pytest.mark.parametrize("name", NAMES)
@given(a=POINTS, b=POINTS)
def test_no_secant_is_steeper_than_the_slope_stated(name, a, b):
    s = activation(name)
    slope = float(slope_between(s, np.array(min(a, b)), np.array(max(a, b))))
    assert 0 <= slope <= s.lipschitz
    with flint.ctx.workprec(5000):
        left = abs(ball(name, flint.arb(a)) - ball(name, flint.arb(b)))
        assert not left > flint.arb(slope) * abs(flint.arb(a) - flint.arb(b))


@pytest.mark.parametrize("name", ["tanh", "logistic"])
@given(z=st.floats(-300, 300))
def test_at_one_point_the_slope_is_the_derivative(name, z):
    with flint.ctx.workprec(2000):
        half = flint.arb(z) / (1 if name == "tanh" else 2)
        exact = (1 if name == "tanh" else 0.25) / half.cosh() ** 2
        slope = float(slope_between(activation(name), np.array(z), np.array(z)))
        assert flint.arb(slope) >= exact or slope == activation(name).lipschitz
        assert slope <= float(exact) * (1 + 1e-14) + 2.3e-308


@given(drawn=float_pairs())
def test_the_factors_of_the_measured_runs_are_within_the_slopes(drawn):
    pruned, x, _ = drawn
    for runs in paired_runs(pruned, x):
        delta = largest_slopes(pruned, x, runs)
        parts = residuals(pruned)
        e = runs.pruned_states - runs.states[:, :, pruned.nodes]
        before = e[:, :-1] @ parts.w_hidden.T - runs.states[:, :-1] @ parts.hidden.T
        size = 1 + np.abs(runs.states).max() + np.abs(runs.pruned_states).max(initial=0.0)
        assert (np.abs(e[:, 1:]) <= delta * np.abs(before) + 1e-12 * size).all()


@given(seed=st.integers(0, 2**32 - 1), k=st.integers(1, 5), power=st.sampled_from([0, 250, -250]))
def test_norms_of_scaled_rows_are_those_of_the_matrices(seed, k, power):
    rng = np.random.default_rng(seed)
    W = rng.normal(size=(k, k)) * 10.0**power
    delta = rng.choice([0.0, 0.25, 1.0], size=(3, 2, k))
    logs = log_scaled_norms(W, delta)
    for index in np.ndindex(3, 2):
        top = np.linalg.norm(delta[index][:, None] * (W / 10.0**power), 2)
        assert np.exp(logs[index] - power * math.log(10)) == pytest.approx(top, rel=1e-11)
        assert (logs[index] == -math.inf) == (top == 0)


def test_factors_that_underflow_are_not_lost():
    logs = log_scaled_norms(np.array([[1e-200, 0.0], [0.0, 1.0]]), np.array([[1e-200, 0.0]]))
    assert logs[0] > -math.inf


def test_batches_tokens_and_unknown_activations():
    rng = np.random.default_rng(3)
    W, w_input = rng.normal(size=(5, 5)) / 2, rng.normal(size=(5, 3))
    s = activation("tanh")
    tokens = rng.integers(0, 3, size=(7, 4))
    totals = []
    for each in (s, Activation("mine", s.apply, s.slope, s.lipschitz, s.bound, s.at_zero)):
        rnn = RNN(W, w_input, rng.normal(size=5) * 0, np.ones((1, 5)), [0.0], each)
        pruned = pair(rnn, [0, 2], np.eye(5)[:, [0, 2]], moments(rnn.states(tokens))[1])
        by_token = [local_bound(pruned, tokens, batch=size).log_total for size in (1, 3, 256)]
        assert by_token == pytest.approx([by_token[0]] * 3, rel=1e-12)
        hot = local_bound(pruned, np.eye(3)[tokens]).log_total
        assert hot == pytest.approx(by_token[0], rel=1e-12)
        totals.append(hot)
    # Of an activation that is not known only rho is used.
    assert totals[0] < totals[1]
    assert totals[1] == pytest.approx(recursion_bound(pruned, tokens).log_total, rel=1e-12)


@pytest.mark.parametrize("nodes", [[], [0], [1, 2]])
def test_no_nodes_and_a_single_step(nodes):
    rng = np.random.default_rng(4)
    W, w_input = rng.normal(size=(3, 3)), rng.normal(size=(3, 1))
    rnn = RNN(W, w_input, np.zeros(3), np.ones((2, 3)), [0.0, 0.0], "relu")
    for T in (1, 3):
        x = rng.normal(size=(4, T, 1))
        pruned = pair(rnn, nodes, np.eye(3)[:, nodes], moments(rnn.states(x))[1])
        bound = local_bound(pruned, x)
        if T == 1 or not nodes:
            # Nothing but the rounding of the runs.
            assert bound["propagated"].value <= 1e-12
            error = approximation_error(pruned, x)
            assert bound.total == pytest.approx(error, rel=1e-12, abs=1e-12)


@given(seed=st.integers(0, 2**32 - 1), size=st.sampled_from([1.0, 1e-170, 1e150]))
def test_norms_along_the_states_are_rounded_up_and_by_little(seed, size):
    """Rows that cancel: the exact norm of G h in rationals is never above what is returned."""
    rng = np.random.default_rng(seed)
    n, T, m, q = 2, 2, 5, 3
    h = rng.normal(size=(n, T, m)) * size
    G = rng.normal(size=(q, m))
    # G h is rounding only: what is left of a projection.
    G -= np.outer(G @ h[0, 0], h[0, 0]) / (h[0, 0] @ h[0, 0]) if size == 1 else 0
    found = log_state_norms(h, G)
    for i in range(n):
        for t in range(T):
            exact = [
                sum((Fraction(a) * Fraction(b) for a, b in zip(row, h[i, t])), Fraction(0))
                for row in G.tolist()
            ]
            square = sum((v * v for v in exact), Fraction(0))
            with mpmath.workdps(60):
                log_norm = log_sqrt(square)
                assert found[i, t] >= log_norm
                # The allowance is some hundred roundings of ||G|| ||h||.
                reach = np.log(np.linalg.norm(G)) + np.log(np.linalg.norm(h[i, t] / size))
                allowed = mpmath.exp(log_norm) + 300 * 2.0**-52 * mpmath.exp(reach) * size
                assert mpmath.exp(found[i, t]) <= allowed * (1 + 1e-12)


@given(seed=st.integers(0, 2**32 - 1))
def test_an_error_of_rounding_alone_is_in_the_bounds_along_the_runs(seed):
    """Nodes that read nothing are dropped: the exact error is 0, the measured one is rounding."""
    rng = np.random.default_rng(seed)
    m, k, T = 7, 5, 6
    W = rng.normal(size=(m, m))
    W[:k, k:] = 0  # nothing kept reads what is dropped
    w_output = rng.normal(size=(2, m))
    w_output[:, k:] = 0
    rnn = RNN(W, rng.normal(size=(m, 3)), rng.normal(size=m), w_output, np.zeros(2), "relu")
    x = rng.normal(size=(4, T, 3))
    pruned = prune_to(rnn, x, np.arange(k), tau=0.0, reconstruct=False)
    error = approximation_error(pruned, x)
    for bound in (recursion_bound, local_bound, trajectory_bound):
        total = bound(pruned, x).total
        assert error <= total
        assert "exact runs" in [c.name for c in bound(pruned, x).conditions]


def test_an_entry_that_underflows_is_not_taken_for_zero():
    # The only live row is 2^-60 of the other, times the smallest slope: 2^-1082 is no float.
    G = np.array([[1.0], [2.0**-60]])
    delta = np.array([[[0.0, np.finfo(float).tiny]]])
    still = np.zeros((1, 2))
    found = log_scaled_rows(np.ones((1, 1, 1)), G, delta, still)
    assert found[0, 0] >= -1082 * math.log(2)
    # Nor is a state that only rounding keeps at 0, and a row that reads nothing is 0.
    off = np.array([[0.0, 2.0**-40]])
    assert log_scaled_rows(np.zeros((1, 1, 1)), G, np.ones((1, 1, 2)), off)[0, 0] >= -40 * math.log(
        2
    )
    nothing = log_scaled_rows(np.ones((1, 1, 1)), np.array([[1.0], [0.0]]), delta, still)
    assert nothing[0, 0] == -math.inf
