"""Second moments of df/dh_t against derivatives taken one node at a time (theory, section 11)."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from helpers import textbook_rnn as textbook
from hypothesis import given, settings
from hypothesis import strategies as st

from pruning import RNN, Observability
from pruning.observability import read_weights
from pruning.observability_steps import probes_backwards, states

seeds = st.integers(0, 2**32)
sizes = st.tuples(st.integers(1, 4), st.integers(1, 5), st.integers(1, 5), st.integers(1, 3))


def network(rng, m, q, d_x, act, scale=1.0):
    return RNN(
        scale * rng.normal(size=(m, m)),
        rng.normal(size=(m, d_x)),
        rng.normal(size=m),
        rng.normal(size=(q, m)),
        rng.normal(size=q),
        act,
    )


def jacobian(rnn, x, t, s):
    """df_s/dh_t by complex steps through the textbook's recursion, (q, m); t and s from 0."""
    weights = tuple(rnn.weights.values())
    h = rnn.states(x[None])[0, t]
    columns = []
    for j in range(rnn.m):
        now = h.astype(complex)
        now[j] += 1j * textbook.STEP
        for x_t in x[t + 1 : s + 1]:
            a = weights[0] @ now + weights[1] @ x_t + weights[2]
            now = np.array([textbook.activate(rnn.activation.name, complex(v)) for v in a])
        columns.append((weights[3] @ now).imag / textbook.STEP)
    return np.array(columns).T


def gramians(rnn, x, w):
    n, T = x.shape[:2]
    out = np.zeros((T, rnn.m, rnn.m))
    for one in x:
        for t in range(T):
            for s in range(t, T):
                J = jacobian(rnn, one, t, s)
                out[t] += w[s] * J.T @ J / n
    return out


@settings(max_examples=25, deadline=None)
@given(seeds, sizes, st.sampled_from([*textbook.SMOOTH, *textbook.PIECEWISE]), st.booleans())
def test_exact_gramians_are_those_of_derivatives_taken_one_by_one(seed, size, act, last):
    rng = np.random.default_rng(seed)
    T, m, q, n = size
    rnn = network(rng, m, q, 2, act)
    x = rng.normal(size=(n, T, 2))
    w = read_weights("last" if last else "mean", T)
    seen = Observability(rnn, T, w).update(x)
    expected = gramians(rnn, x, w)
    np.testing.assert_allclose(seen.per_step, expected, rtol=1e-9, atol=1e-9 * expected.max())
    np.testing.assert_allclose(
        seen.traces, np.trace(expected, axis1=1, axis2=2), rtol=1e-9, atol=1e-300
    )


class EverySign:
    """In place of a generator: sequence i draws the bits of i, so that all patterns occur once."""

    def __init__(self, n):
        self.n, self.next = n, 0

    def integers(self, low, high, size):
        bits = (np.arange(self.n)[:, None] >> (self.next + np.arange(size[1]))) & 1
        self.next += size[1]
        return bits


@pytest.mark.parametrize("weights", ["last", "mean", [0.25, 0.0, 0.75]])
def test_the_mean_of_probes_over_all_signs_is_the_exact_gramian(weights):
    rng = np.random.default_rng(3)
    rnn, T, q = network(rng, 3, 2, 1, "tanh"), 3, 2
    x = rng.normal(size=(1, T, 1))
    w = read_weights(weights, T)
    patterns = 2 ** (q * int((w > 0).sum()))
    h = states(rnn, np.repeat(x, patterns, axis=0), "float64")
    total = np.zeros((T, 3, 3))
    for t, step in probes_backwards(rnn, h, rnn.w_output, w, 1, EverySign(patterns)):
        total[t] = math.ldexp(1, step.exponent) * step.gram / patterns
    np.testing.assert_allclose(total, Observability(rnn, T, w).update(x).per_step, rtol=1e-12)


def test_probes_of_many_outputs_cost_no_more_than_their_triangular_factor_and_have_its_mean():
    rng = np.random.default_rng(0)
    rnn = network(rng, 4, 50, 1, "tanh", 0.5)
    x = np.repeat(rng.normal(size=(1, 5, 1)), 20_000, axis=0)
    probed = Observability(rnn, 5, "mean", probes=2, rng=0).update(x)
    exact = Observability(rnn, 5, "mean").update(x[:1])
    (ours, _), (theirs, _) = probed.scaled_steps(), exact.scaled_steps()
    gap = np.sqrt(np.square(ours - theirs).sum(axis=(1, 2)))
    # One sequence repeated: the error is that of the probes alone. Its fourth moment is bounded, a
    # sum of 20,000: eight standard errors have probability below 1e-12 for each step.
    assert (gap <= 8 * probed.relative_error).all()
    assert (probed.relative_error < 0.02).all()
    assert (gap > 0).any()


@settings(max_examples=20, deadline=None)
@given(seeds, st.integers(1, 7), st.sampled_from(["last", "mean"]))
def test_batches_and_merging_do_not_matter(seed, cut, weights):
    rng = np.random.default_rng(seed)
    rnn = network(rng, 3, 4, 2, "relu")
    x = rng.normal(size=(8, 4, 2))
    whole = Observability(rnn, 4, weights).update(x)
    parts = Observability(rnn, 4, weights).update(x[:cut])
    parts.merge(Observability(rnn, 4, weights).update(x[cut:]))
    assert parts.n == whole.n == 8
    np.testing.assert_allclose(parts.per_step, whole.per_step, rtol=1e-12, atol=1e-300)


@pytest.mark.parametrize("weights", ["last", "mean"])
@pytest.mark.parametrize("factor", [1e5, 1e-5])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_exploding_and_vanishing_gradients_stay_in_range(factor, weights, dtype):
    T = 784
    rnn = RNN([[factor]], [[0.0]], [0.0], [[3.0]], [0.0], "identity")
    seen = Observability(rnn, T, weights, dtype=dtype).update(np.zeros((2, T, 1)))
    age = np.arange(T - 1, -1, -1)
    exact = 2 * (math.log2(3) + age * math.log2(factor))
    if weights == "mean":
        # sum_{s >= t} factor^{2(s - t)} / T
        exact = np.logaddexp2.accumulate(exact[::-1])[::-1] - math.log2(T)
    np.testing.assert_allclose(
        seen.log2_traces, exact, rtol=1e-12 if dtype == "float64" else 1e-4, atol=1e-3
    )
    assert seen.weight(seen.log2_traces) == pytest.approx(1)
    if factor > 1:
        with pytest.raises(ValueError, match=r"Tr O_t = 2\^\d+ at t = \d+"):
            _ = seen.per_step


@pytest.mark.parametrize("probes", [None, 1])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("factor", "lengths"), [(0.1, range(3, 75)), (1e-8, [300])])
def test_what_has_vanished_does_not_hide_outputs_that_are_read_before_it(
    factor, lengths, probes, dtype
):
    # What stays in range is scaled up, and may be of any size beside what is read then.
    for T in lengths:
        rnn = RNN([[factor]], [[0.0]], [0.0], [[3.0]], [0.0], "identity")
        w = np.zeros(T)
        w[[0, -1]] = 0.25, 0.75
        seen = Observability(rnn, T, w, probes, 0, dtype=dtype).update(np.zeros((2, T, 1)))
        later = 27 / 4 * factor ** (2.0 * (T - 1))
        # A probe's two signs are added up, and their product is not 0 in every draw.
        slack = 0 if probes is None else 2 * math.sqrt(9 / 4 * later)
        assert seen.traces[-1] == pytest.approx(27 / 4, rel=1e-5)
        assert seen.traces[0] == pytest.approx(9 / 4 + later, rel=1e-5, abs=slack)
        assert seen.log2_traces[1] == pytest.approx(
            math.log2(27 / 4) + 2 * (T - 2) * math.log2(factor), rel=1e-4
        )


@pytest.mark.parametrize("weights", ["last", "mean"])
@pytest.mark.parametrize("probes", [None, 2])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("exponent", [-900, 900])
def test_units_of_the_outputs_only_change_the_units(weights, probes, dtype, exponent):
    rng = np.random.default_rng(3)
    rnn, x = network(rng, 4, 6, 2, "tanh"), rng.normal(size=(7, 5, 2))
    far = replace(rnn, w_output=np.ldexp(rnn.w_output, exponent))
    here, there = (Observability(net, 5, weights, probes, 0, dtype=dtype) for net in (rnn, far))
    np.testing.assert_allclose(
        here.update(x).weight(), there.update(x).weight(), rtol=1e-11, atol=1e-13
    )
    np.testing.assert_allclose(there.log2_traces, here.log2_traces + 2 * exponent, rtol=1e-12)


def test_a_few_exploding_steps_decide_the_plain_sum_but_not_the_scaled_one():
    # Node 2 feeds back on itself by 1e4; node 1 is read at the end only.
    rnn = RNN([[0.0, 0.0], [0.0, 1e4]], [[1.0], [1.0]], [0, 0], [[1.0, 1.0]], [0.0], "identity")
    seen = Observability(rnn, 4).update(np.ones((1, 4, 1)))
    plain, scaled = seen.weight(), seen.weight(seen.log2_traces)
    assert plain[0, 0] < 1e-20
    assert scaled[0, 0] == pytest.approx(1 / 8, rel=1e-6)


def test_the_summed_form_is_the_sum_of_the_steps():
    rng = np.random.default_rng(5)
    rnn, x = network(rng, 3, 2, 1, "tanh"), rng.normal(size=(6, 5, 1))
    steps = Observability(rnn, 5).update(x)
    log2_c = steps.log2_traces.copy()
    log2_c[1] = math.inf
    summed = Observability(rnn, 5, per_step=False, log2_c=log2_c).update(x[:2]).update(x[2:])
    np.testing.assert_allclose(summed.weight(), steps.weight(log2_c), rtol=1e-12)
    np.testing.assert_allclose(summed.traces, steps.traces, rtol=1e-12)


def chained(rnn, x, w):
    """The Gramians by the chain rule, a sequence and a pair of steps at a time."""
    h = rnn.states(x)
    out = np.zeros((x.shape[1], rnn.m, rnn.m))
    for one in h:
        for s in np.flatnonzero(w):
            J = rnn.w_output
            for t in range(s, -1, -1):
                out[t] += w[s] * J.T @ J / len(h)
                J = (J * rnn.activation.slope(one[t])) @ rnn.w_hidden
    return out


@settings(max_examples=20, deadline=None)
@given(
    seeds,
    st.sampled_from(["last", "mean", [0, 0.25, 0, 0.75], [1, 0, 0, 0]]),
    st.floats(-4, 1),
    st.sampled_from([1, 3, 30]),
    st.booleans(),
)
def test_nodes_at_rest_are_left_out_of_the_products_only(seed, weights, bias, q, summed):
    # The lower the biases, the more nodes of ReLU pass nothing back, up to all of them.
    rng = np.random.default_rng(seed)
    m, T, n = 20, 4, 150
    rnn = replace(network(rng, m, q, 2, "relu", 0.3), b_hidden=bias + rng.normal(size=m))
    x, w = rng.normal(size=(n, T, 2)), read_weights(weights, T)
    expected = chained(rnn, x, w)
    scale = max(expected.max(), 1e-300)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pruning.observability_rows._UNCOPIED", 16 * m * q * 12)  # blocks of twelve
        patch.setattr("pruning.observability._STATES", 64)
        log2_c = rng.normal(size=T)
        seen = Observability(
            rnn, T, w, per_step=not summed, log2_c=log2_c if summed else None
        ).update(x)
    traces = np.trace(expected, axis1=1, axis2=2)
    np.testing.assert_allclose(seen.traces, traces, rtol=1e-9, atol=1e-12 * scale)
    if summed:
        total = np.tensordot(np.exp2(-log2_c), expected, axes=1)
        got, total = seen.weight(), total / np.trace(total)
        np.testing.assert_allclose(got, total, rtol=1e-9, atol=1e-12)
    else:
        np.testing.assert_allclose(seen.per_step, expected, rtol=1e-9, atol=1e-12 * scale)


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-9), ("float32", 1e-3)])
@pytest.mark.parametrize("seen_by", [1e-2, 1e-5, 0.0])
def test_what_w_hidden_takes_away_leaves_no_noise_behind(dtype, tolerance, seen_by):
    # The read-out is nearly orthogonal to the range of W_h: what is left is far below S_T.
    rng = np.random.default_rng(1)
    basis = np.linalg.qr(rng.normal(size=(6, 6)))[0]
    w_hidden = np.outer(basis[0], basis[1] + basis[0])
    if dtype == "float32":  # as the network is: its rounding is not what is tested
        w_hidden = w_hidden.astype(np.float32).astype(float)
        seen_by *= 10
    away = np.linalg.qr(np.column_stack([w_hidden @ np.ones(6), rng.normal(size=6)]))[0]
    read = away[:, 1] + seen_by * away[:, 0]
    rnn = RNN(w_hidden, np.zeros((6, 1)), np.zeros(6), [read], [0.0], "identity")
    seen = Observability(rnn, 2, dtype=dtype).update(np.zeros((3, 2, 1)))
    exact = np.outer(read @ w_hidden, read @ w_hidden)
    np.testing.assert_allclose(seen.per_step[0], exact, rtol=tolerance, atol=1e-14)
    assert np.linalg.eigvalsh(seen.per_step[0]).min() >= -tolerance * seen.traces[0]


def test_dead_paths_have_no_observability():
    # A ReLU that is off passes nothing back.
    rnn = RNN([[1.0]], [[1.0]], [-5.0], [[1.0]], [0.0], "relu")
    seen = Observability(rnn, 3).update(np.zeros((2, 3, 1)))
    assert seen.traces.tolist() == [0, 0, 1]
    assert seen.log2_traces[0] == -math.inf


RNN_1 = RNN([[1.0]], [[1.0]], [0.0], [[1.0]], [0.0], "identity")


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda: Observability(RNN([[1.0]], [[1.0]], [0.0], [[0.0]], [0.0]), 3), "w_output"),
        (lambda: Observability(RNN_1, 0), "T must be an integer of at least 1, got 0"),
        (lambda: Observability(RNN_1, 3, "first"), "weights must be one of last, mean"),
        (lambda: Observability(RNN_1, 3, [0.5, 0.5]), r"weights must have shape \(3,\)"),
        (lambda: Observability(RNN_1, 3, probes=1), "rng must be given to draw probes"),
        (lambda: Observability(RNN_1, 3, probes=0, rng=0), "probes must be"),
        (lambda: Observability(RNN_1, 3).update(np.ones((2, 4, 1))), "x must have T = 3 steps"),
        (lambda: Observability(RNN_1, 3).traces, "at least one sequence"),
        (lambda: Observability(RNN_1, 3).merge(3), "other must be an Observability"),
        (lambda: Observability(RNN_1, 3).merge(Observability(RNN_1, 4)), "of the same network"),
        (lambda: Observability(RNN_1, 3, log2_c=[1, 2, 3]), "log2_c must be left out"),
        (
            lambda: Observability(RNN_1, 2, per_step=False, log2_c=[0.0, -math.inf]),
            "log2_c must be 2 numbers",
        ),
        (
            lambda: Observability(RNN_1, 1).update(np.ones((1, 1, 1))).relative_error,
            "relative_error needs probes",
        ),
    ],
)
def test_bad_input_is_one_sentence(act, message):
    with pytest.raises(ValueError, match=message):
        act()


def test_states_and_gradients_that_leave_the_range_name_their_step():
    rnn = RNN([[1e200]], [[1.0]], [0.0], [[1.0]], [0.0], "identity")
    seen = Observability(rnn, 4)
    with pytest.raises(ValueError, match=r"the states must stay .* left it at t = 3"):
        seen.update(np.ones((1, 4, 1)))
    assert seen.n == 0
    # States at rest, and slopes without bound.
    rnn = RNN([[1e300]], [[1.0]], [0.0], [[1.0]], [0.0], "leaky_relu:1e300")
    with pytest.raises(ValueError, match=r"the gradients must stay .* left it at t = 3"):
        Observability(rnn, 4, "last", 1, 0).update(np.zeros((1, 4, 1)))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("T", [1, 2, 3, 5])
def test_blocks_of_gradients_and_of_states_do_not_matter(T, dtype, monkeypatch):
    rng = np.random.default_rng(T)
    rnn = network(rng, 4, 3, 2, "tanh", 0.7)
    x = rng.normal(size=(9, T, 2))
    whole = Observability(rnn, T, dtype=dtype).update(x)
    monkeypatch.setattr("pruning.observability._STATES", 4)
    monkeypatch.setattr("pruning.observability_rows._UNCOPIED", 400)
    parts = Observability(rnn, T, dtype=dtype).update(x)
    tolerance = 1e-12 if dtype == "float64" else 1e-5
    np.testing.assert_allclose(parts.per_step, whole.per_step, rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(parts.per_step, gramians(rnn, x, read_weights("last", T)), rtol=1e-4)
