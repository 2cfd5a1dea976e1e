"""Moments of gradients at the ends of the range of floats, and where W_h takes nearly all away.

The oracle is the chain rule in rational numbers.
"""

from __future__ import annotations

import math
import pickle
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pruning import RNN, Activation, Observability, select_nodes
from pruning.observability_rows import Rows, product

seeds = st.integers(0, 2**32)


def product_of(A, B):
    return [[sum(a * b for a, b in zip(row, column)) for column in zip(*B)] for row in A]


def rational(array):
    return [[Fraction(float(v)) for v in row] for row in array]


def linear(factor):
    """s(a) = factor a."""
    return Activation(
        f"{factor} a",
        lambda a, out=None: np.multiply(a, a.dtype.type(factor), out=out),
        lambda h, out=None: np.multiply(np.ones_like(h), h.dtype.type(factor), out=out),
        abs(factor),
        math.inf,
        0.0,
    )


def exact(rnn, factor, w):
    """O_t of s(a) = factor a as rationals, [t][i][j]."""
    m, T = rnn.m, len(w)
    W, out = rational(rnn.w_hidden), [[[Fraction(0)] * m for _ in range(m)] for _ in range(T)]
    for s in np.flatnonzero(w):
        J = rational(rnn.w_output)
        for t in range(s, -1, -1):
            gram = product_of(zip(*J), J)
            out[t] = [
                [a + Fraction(float(w[s])) * b for a, b in zip(old, new)]
                for old, new in zip(out[t], gram)
            ]
            J = [[Fraction(factor) * v for v in row] for row in product_of(J, W)]
    return out


def assert_is(seen, expected, tolerance):
    matrices, log2_traces = seen.scaled_steps()
    np.testing.assert_array_equal(matrices, matrices.transpose(0, 2, 1))
    for got, power, wanted in zip(matrices, log2_traces, expected):
        trace = sum(wanted[i][i] for i in range(len(wanted)))
        if not trace:
            assert power == -math.inf
            continue
        log2 = math.log2(trace.numerator) - math.log2(trace.denominator)
        assert power == pytest.approx(log2, abs=tolerance)
        share = [[float(v / trace) for v in row] for row in wanted]
        np.testing.assert_allclose(got, share, atol=tolerance)


READS = [
    [0, 0, 0, 1.0],
    [0.25] * 4,
    [0, 0, 0.5, 0.5],
    [0, 2.0**-1060, 0, 1.0],
    [1.0, 0, 0, 2.0**-900],
]


@settings(max_examples=60, deadline=None)
@given(
    seeds,
    st.sampled_from(READS),
    st.sampled_from([(0, 1.0), (-700, 1.0), (600, 1.0), (0, -(2.0**-600)), (500, 2.0**-900)]),
    st.sampled_from([-1000, 0, 900]),
    st.sampled_from([1, 2, 5]),
    st.sampled_from([None, 1]),
)
def test_no_weight_slope_or_unit_makes_a_gradient_vanish_or_explode(
    seed, w, sizes, unit, q, probes
):
    power, factor = sizes
    rng = np.random.default_rng(seed)
    w = np.array(w)
    if probes:  # of one output at one step the signs do not matter
        q, w = 1, np.eye(4)[int(np.flatnonzero(w)[-1])]
    W = np.ldexp(rng.integers(-9, 10, size=(2, 2)), power)
    read = np.ldexp(rng.integers(1, 10, size=(q, 2)), unit)
    rnn = RNN(W, np.zeros((2, 1)), np.zeros(2), read, np.zeros(q), linear(factor))
    seen = Observability(rnn, 4, w, probes, 0).update(np.zeros((3, 4, 1)))
    assert_is(seen, exact(rnn, factor, w), 1e-8)


@settings(max_examples=40, deadline=None)
@given(seeds, st.sampled_from(READS[:3]), st.sampled_from([2.0**-17, 2.0**-70, -(2.0**60)]))
def test_one_step_that_shrinks_or_grows_by_more_than_float32_has_is_no_loss(seed, w, factor):
    rng = np.random.default_rng(seed)
    read = rng.integers(1, 10, size=(2, 3))
    W = rng.integers(-4, 5, size=(3, 3))
    rnn = RNN(W, np.zeros((3, 1)), np.zeros(3), read, np.zeros(2), linear(factor))
    seen = Observability(rnn, 4, np.array(w), dtype="float32").update(np.zeros((2, 4, 1)))
    assert_is(seen, exact(rnn, factor, np.array(w)), 1e-2)


@pytest.mark.parametrize(("dtype", "seen_by"), [("float64", 2.0**-30), ("float32", 2.0**-14)])
@pytest.mark.parametrize("w", [[0, 0, 0, 0, 1.0], [0, 0, 0, 0.5, 0.5], [0, 0, 0.25, 0.5, 0.25]])
@pytest.mark.parametrize("shrinks", [1.0, 2.0**-40])
def test_read_outs_that_w_hidden_hardly_sees_leave_no_noise(dtype, seen_by, w, shrinks):
    # Every row of W_o is orthogonal to the range of W_h but for `seen_by`.
    W = shrinks * np.outer([1.0, 1.0, 0.0], [1.0, -1.0, 1.0])
    read = np.array([[1.0, seen_by - 1, 1.0], [3.0, seen_by - 3, 2.0], [1.0, -1.0, 0.0]])
    rnn = RNN(W, np.zeros((3, 1)), np.zeros(3), read, np.zeros(3), "identity")
    seen = Observability(rnn, 5, np.array(w), dtype=dtype).update(np.zeros((2, 5, 1)))
    assert_is(seen, exact(rnn, 1, np.array(w)), 1e-6 if dtype == "float64" else 2e-3)
    assert (seen.traces >= 0).all()


@settings(max_examples=40, deadline=None)
@given(
    seeds,
    st.integers(1, 24),
    st.integers(1, 4),
    st.sampled_from(["last", "mean", [0.0, 0.5, 0.5]]),
    st.sampled_from(["relu", "tanh", "identity"]),
    st.booleans(),
)
def test_a_weight_in_float32_is_one_that_selection_takes(seed, m, q, weights, act, summed):
    rng = np.random.default_rng(seed)
    rnn = RNN(
        rng.normal(size=(m, m)),
        rng.normal(size=(m, 1)),
        rng.normal(size=m),
        rng.normal(size=(q, m)),
        np.zeros(q),
        act,
    )
    seen = Observability(rnn, 3, weights, dtype="float32", per_step=not summed)
    weight = seen.update(rng.normal(size=(9, 3, 1))).weight()
    assert np.linalg.eigvalsh(weight)[0] >= -1e-14 * m
    assert len(select_nodes(np.eye(m), 1, weight=weight)) == 1


def test_what_rounding_made_negative_is_taken_away_and_nothing_else():
    class Seen(Observability):
        def scaled_steps(self):
            return np.diag([0.75, 0.25 + 1e-6, -1e-6])[None], np.zeros(1)

    rnn = RNN(np.eye(3), np.ones((3, 1)), np.zeros(3), np.eye(3), np.zeros(3), "identity")
    weight = Seen(rnn, 1).update(np.ones((1, 1, 1))).weight()
    np.testing.assert_allclose(np.diag(weight), [0.75, 0.25, 0], atol=1e-6)
    assert np.trace(weight) == pytest.approx(1)
    assert np.linalg.eigvalsh(weight)[0] >= 0


@pytest.mark.parametrize(
    "log2_c",
    [[1e300, 0], [-1e19, 0], [2.0**41, 2.0**41], ["a", 1], [1j, 0], [[1], 2], "ab", [np.nan, 0]],
)
@pytest.mark.parametrize("summed", [True, False])
def test_logarithms_that_are_none_are_refused_in_one_sentence(log2_c, summed):
    rnn = RNN([[1.0]], [[1.0]], [0.0], [[1.0]], [0.0])
    seen = Observability(rnn, 2).update(np.ones((1, 2, 1)))

    def act():
        if summed:
            return Observability(rnn, 2, per_step=False, log2_c=log2_c)
        return seen.weight(log2_c)

    with pytest.raises(ValueError, match=r"log2_c must be 2 numbers from -2\^40 to 2\^40"):
        act()


@pytest.mark.parametrize("summand", [-(2.0**40), 1e9, 2.0**40])
def test_a_common_summand_of_the_logarithms_does_not_matter(summand):
    rng = np.random.default_rng(2)
    rnn = RNN(rng.normal(size=(3, 3)), np.ones((3, 1)), np.zeros(3), np.eye(3), np.zeros(3), "tanh")
    x = rng.normal(size=(4, 3, 1))
    kept = Observability(rnn, 3).update(x)
    summed = Observability(rnn, 3, per_step=False, log2_c=np.full(3, summand)).update(x)
    np.testing.assert_allclose(summed.weight(), kept.weight(), rtol=1e-12)
    np.testing.assert_allclose(kept.weight(np.full(3, summand)), kept.weight(), rtol=1e-3)


def bent(a, out=None):
    return np.tanh(a, out=out)


def bent_slope(h, out=None):
    return np.subtract(1, h * h, out=out)


def test_a_network_with_an_activation_of_ones_own_travels_and_merges():
    rng = np.random.default_rng(4)
    own = Activation("bent", bent, bent_slope, 1.0, 1.0, 0.0, True)
    rnn = RNN(rng.normal(size=(3, 3)), np.ones((3, 1)), np.zeros(3), np.eye(3), np.zeros(3), own)
    x = rng.normal(size=(6, 4, 1))
    there = pickle.loads(pickle.dumps(Observability(rnn, 4))).update(x[:2])
    merged = Observability(rnn, 4).update(x[2:]).merge(there)
    known = Observability(replace(rnn, activation="tanh"), 4).update(x)
    np.testing.assert_allclose(merged.per_step, known.per_step, rtol=1e-12)


@pytest.mark.parametrize(
    ("apply", "slope", "message"),
    [
        (lambda a, out=None: np.tanh(a), bent_slope, "apply must write its values to out"),
        (bent, lambda h, out=None: 1 - h * h, "slope must write its values to out"),
        (bent, lambda h: 1 - h * h, r"slope must be called as slope\(array, out=None\)"),
        (bent, None, r"slope must be called as slope\(array, out=None\)"),
        (np.zeros(3), bent_slope, r"apply must be called as apply\(array, out=None\)"),
    ],
)
def test_an_activation_that_leaves_out_as_it_was_is_refused(apply, slope, message):
    with pytest.raises(ValueError, match=message):
        Activation("mine", apply, slope, 1.0, 1.0, 0.0)


@pytest.mark.parametrize("m", [64, 200, 512])
def test_products_with_large_matrices_are_not_made_a_few_rows_at_a_time(m, monkeypatch):
    rows, w, out = np.ones((600, m)), np.eye(m), np.zeros((600, m))
    sizes, multiply = [], np.matmul

    def counted(a, b, out):
        sizes.append(len(a))
        return multiply(a, b, out=out)

    with monkeypatch.context() as patch:
        patch.setattr(np, "matmul", counted)
        product(rows, w, out)
    assert min(sizes[:-1], default=600) >= 40
    np.testing.assert_array_equal(out, rows)


@pytest.mark.parametrize("n", [1, 2, 3, 40])
def test_few_sequences_at_a_time_sum_to_all_at_once(n):
    rng = np.random.default_rng(n)
    m, q = 12, 2
    rnn = RNN(
        rng.normal(size=(m, m)) / 4,
        rng.normal(size=(m, 1)),
        rng.normal(size=m),
        rng.normal(size=(q, m)),
        np.zeros(q),
        "relu",
    )
    x = rng.normal(size=(80, 5, 1))
    whole, parts = Observability(rnn, 5).update(x), Observability(rnn, 5)
    for start in range(0, 80, n):
        parts.update(x[start : start + n])
    assert parts.n == 80
    np.testing.assert_allclose(parts.per_step, whole.per_step, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_what_rows_give_does_not_depend_on_what_they_were_given_before(dtype):
    """A batch of which every node passes something back once made all later ones count as such."""
    rng = np.random.default_rng(0)
    m, q, n, T = 16, 3, 40, 5
    rnn = RNN(rng.normal(size=(m, m)), np.ones((m, 1)), np.zeros(m), np.ones((q, m)), [0.0] * q)
    root = rng.normal(size=(q, m))
    sparse, dense = (np.abs(rng.normal(size=(T, n, m))).astype(dtype) for _ in range(2))
    sparse *= rng.random(sparse.shape) < 0.7
    sparse[:, :, m // 2 :] = 0.0  # at rest in every sequence

    def given(rows, h):
        return [
            [(t, step.gram.tobytes(), step.trace, step.exponent) for t, step in block]
            for block in rows.back(h, 1.0)
        ]

    alone, before = (Rows(rnn, root, n, np.dtype(dtype)) for _ in range(2))
    given(before, dense)
    assert given(before, sparse) == given(alone, sparse)
