"""The streaming covariance: exact sums, any batches, merging, memory."""

import tracemalloc
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pruning import RNN, StateCovariance


@st.composite
def states(draw):
    n, T, m = draw(st.integers(1, 6)), draw(st.integers(1, 4)), draw(st.integers(1, 4))
    value = st.floats(-100, 100, allow_subnormal=False).map(lambda v: round(v, 3))
    entries = draw(st.lists(value, min_size=n * T * m, max_size=n * T * m))
    return np.array(entries).reshape(n, T, m)


def exact(h, t=None):
    """Second moments in rationals, at step t or over all steps."""
    rows = (h[:, t] if t is not None else h.reshape(-1, h.shape[2])).tolist()
    rows = [[Fraction(v) for v in row] for row in rows]
    m = h.shape[2]
    return np.array(
        [
            [float(sum((r[i] * r[j] for r in rows), Fraction(0)) / len(rows)) for j in range(m)]
            for i in range(m)
        ]
    )


def close(h):
    """Rounding of a mean of products is relative to the mean of their sizes."""
    rows = np.abs(h.reshape(-1, h.shape[2]))
    return 8 * np.finfo(float).eps * (rows.T @ rows).max() + 1e-300


@given(states(), st.booleans())
def test_the_matrix_is_that_of_exact_rationals(h, per_step):
    cov = StateCovariance.from_states(h, per_step=per_step)
    assert np.abs(cov.matrix - exact(h)).max() <= close(h)
    assert np.array_equal(cov.matrix, cov.matrix.T)
    assert (cov.n, cov.T, cov.m) == h.shape
    if per_step:
        for t in range(h.shape[1]):
            assert np.abs(cov.per_step[t] - exact(h, t)).max() <= close(h)
    else:
        assert cov.per_step is None


@given(states(), st.data())
def test_any_batches_merged_in_any_order_say_the_same(h, data):
    cuts = sorted(data.draw(st.sets(st.integers(1, len(h)))))
    pieces = [p for p in np.split(h, cuts) if len(p)]
    whole = StateCovariance.from_states(h, per_step=True)
    streamed = StateCovariance(h.shape[2], h.shape[1], per_step=True)
    for piece in pieces:
        assert streamed.update(piece) is streamed
    merged = StateCovariance(h.shape[2], h.shape[1], per_step=True)
    for piece in data.draw(st.permutations(pieces)):
        part = StateCovariance.from_states(piece, per_step=True)
        before = part.matrix
        assert merged.merge(part) is merged
        assert np.array_equal(part.matrix, before)
    for other in (streamed, merged):
        assert other.n == len(h)
        assert np.abs(other.per_step - whole.per_step).max() <= close(h)
        assert np.array_equal(other.matrix, other.matrix.T)


@given(states(), st.data())
def test_weights_mix_the_steps(h, data):
    T = h.shape[1]
    raw = np.array(data.draw(st.lists(st.integers(0, 5), min_size=T, max_size=T)), dtype=float)
    raw[-1] += 1
    w = raw / raw.sum()
    cov = StateCovariance.from_states(h, per_step=True)
    expected = sum(w[t] * exact(h, t) for t in range(T))
    assert np.abs(cov.weighted(w) - expected).max() <= close(h)
    assert np.allclose(cov.weighted(np.full(T, 1 / T)), cov.matrix, rtol=1e-12, atol=close(h))
    last = np.eye(T)[-1]
    assert np.array_equal(cov.weighted(last), cov.per_step[-1])


def test_streaming_a_network_is_the_covariance_of_its_states(rng):
    rnn = RNN(
        rng.normal(size=(5, 5)) / 3, rng.normal(size=(5, 2)), np.ones(5), np.ones((1, 5)), [0.0]
    )
    x = rng.normal(size=(23, 7, 2))
    for batch in (1, 4, 23, 100):
        cov = StateCovariance.from_network(rnn, x, per_step=True, batch=batch)
        expected = np.einsum("nti,ntj->tij", rnn.states(x), rnn.states(x)) / 23
        # Raised by what the rounding of the run may be, and by no more than a few times that.
        raised = cov.per_step - expected
        assert np.linalg.eigvalsh(raised).min() >= -1e-15
        assert np.abs(raised).max() <= 2.0**-29 * np.abs(expected).max()
        assert cov.n == 23


def test_float32_states_are_summed_in_float64():
    h = np.full((3, 20_000, 1), 0.1, dtype=np.float32)
    assert StateCovariance.from_states(h).matrix[0, 0] == pytest.approx(
        float(np.float32(0.1)) ** 2, rel=1e-15
    )


def test_many_batches_do_not_wear_the_sum_down():
    # 30,000 batches of 0.1^2 after one of 1e8: plain summation loses 1e-8 of each of them.
    cov = StateCovariance(1, 1)
    cov.update(np.full((1, 1, 1), 1e4))
    tenth = np.full((1, 1, 1), 0.1)
    count = 30_000
    for _ in range(count):
        cov.update(tenth)
    total = Fraction(1e4) ** 2 + count * Fraction(0.1) * Fraction(0.1)
    assert cov.matrix[0, 0] * (count + 1) == pytest.approx(float(total), rel=4e-16)


def test_memory_does_not_grow_with_the_number_of_sequences():
    # float32 in, so that a conversion of the whole would show: 40 MB of input, 80 MB converted.
    h = np.ones((5_000, 50, 40), dtype=np.float32)
    tracemalloc.start()
    StateCovariance.from_states(h)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 16e6


@pytest.mark.parametrize("size", [3, 50_000])
def test_a_state_that_is_not_finite_adds_nothing(size):
    cov = StateCovariance.from_states(np.ones((2, 3, 2)))
    bad = np.ones((size, 3, 2))
    bad[-1, 0, 1] = np.nan
    with pytest.raises(ValueError, match="h must be finite, got nan"):
        cov.update(bad)
    assert cov.n == 2
    assert np.array_equal(cov.matrix, np.ones((2, 2)))


def make(**change):
    return StateCovariance(**({"m": 2, "T": 3} | change))


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda: make().matrix, "must have seen at least one sequence, got none"),
        (lambda: make(T=0), "T must be an integer of at least 1, got 0"),
        (lambda: make().update(np.ones((1, 3, 3))), r"h must have shape \(any, 3, 2\)"),
        (lambda: make().update(np.ones((1, 2, 2))), r"h must have shape \(any, 3, 2\)"),
        (lambda: make().update(np.full((1, 3, 2), 1e200)).matrix, "finite mean squares"),
        (lambda: make().update(np.full((1, 3, 2), "a")), "h must be an array of real numbers"),
        (lambda: make().update(np.full((1, 3, 2), 1j)), "h must be an array of real numbers"),
        (lambda: StateCovariance.from_states(np.ones((2, 2))), r"h must be states \(n, T, m\)"),
        (lambda: StateCovariance.from_states(np.ones((0, 3, 2))), "with n, T >= 1"),
        (lambda: make().merge(make(T=4)), "other must have m = 2 and T = 3, got m = 2 and T = 4"),
        (lambda: make().merge(make(per_step=True)), "both covariances must keep their steps"),
        (lambda: make().merge(np.eye(2)), "other must be a StateCovariance, got ndarray"),
        (lambda: make().weighted([0.5, 0.5]), r"weights must have shape \(3,\), got \(2,\)"),
        (lambda: make().weighted([0.5, 0.6, -0.1]), "weights must be at least 0"),
        (lambda: make().weighted([0.5, 0.6, 0.1]), "weights must sum to 1"),
        (lambda: make().weighted([0, 0, 1.0]), "need a StateCovariance made with per_step=True"),
    ],
)
def test_bad_input_is_one_sentence(act, message):
    with pytest.raises(ValueError, match=message):
        act()
