"""The shortcuts of an evaluation say what the long ways say."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from validation import claim, draw
from validation.arithmetic import FLOAT64
from validation.checking.evaluation import log_ratio, log_ratios, missed, score
from validation.checking.trials import Trials
from validation.instances.integers import guarded
from validation.instances.sources import NumpySource

XP = FLOAT64.xp
NUMBERS = st.floats() | st.sampled_from([0.0, -0.0, 1.0, -1.0, 5e-324, math.inf, -math.inf])


def _at_length(left, right):
    """`missed` and the log ratio of an inequality by arrays of two equal entries."""
    left, right = np.array([left, left]), np.array([right, right])
    with np.errstate(all="ignore"):
        return log_ratio("inequality", left, right), missed(left, right)


@given(NUMBERS, NUMBERS)
@example(0.0, 0.0)
@example(-1.0, -2.0)
@example(-2.0, -1.0)
@example(0.0, -1.0)
@example(1.7e308, -1.7e308)
def test_numbers_are_compared_as_arrays_are(left, right):
    ratio, gap = _at_length(left, right)
    forms = (float, np.float64, lambda x: np.array([x]), lambda x: np.array([[x]]), np.array)
    for form in forms:
        with np.errstate(all="ignore"):
            assert np.allclose(
                log_ratio("inequality", form(left), form(right)), ratio, 1e-14, 0, equal_nan=True
            )
            assert np.allclose(missed(form(left), form(right)), gap, 1e-14, 0, equal_nan=True)


def test_one_number_beside_an_array_is_spread_over_it():
    left, right = np.array([1.0, 4.0]), 2.0
    assert log_ratio("inequality", left, right) == float(
        log_ratios(*np.broadcast_arrays(left, right)).max()
    )


SHAPES = st.lists(st.integers(1, 4), min_size=2, max_size=3).map(tuple)


@given(SHAPES, st.integers(0, 2**32), st.booleans(), st.integers(-320, 300))
def test_norms_and_reductions_are_those_of_numpy(shape, seed, keepdims, exponent):
    x = np.random.default_rng(seed).standard_normal(shape) * 10.0**exponent
    with np.errstate(all="ignore"):
        for order in ("fro", 2, 1, math.inf, "nuc"):
            mine = XP.linalg.matrix_norm(x, keepdims=keepdims, ord=order)
            true = np.linalg.matrix_norm(x, keepdims=keepdims, ord=order)
            assert np.shape(mine) == np.shape(true)
            assert np.allclose(mine, true, 1e-14, 0, equal_nan=True)
        for axis in (None, 0, -1, (0, 1)):
            mine = XP.linalg.vector_norm(x, axis=axis, keepdims=keepdims)
            true = np.linalg.vector_norm(x, axis=axis, keepdims=keepdims)
            assert np.shape(mine) == np.shape(true)
            assert np.allclose(mine, true, 1e-14, 0)
            for name in ("sum", "prod", "max", "min"):
                mine = getattr(XP, name)(x, axis=axis, keepdims=keepdims)
                assert np.array_equal(mine, getattr(np, name)(x, axis=axis, keepdims=keepdims))


def test_reductions_of_numbers_and_of_truth_values():
    assert XP.sum(3) == XP.max(3.0) == XP.min(np.float64(3)) == XP.prod([1, 3]) == 3
    assert XP.linalg.vector_norm(np.float64(-3.0)) == 3
    with pytest.raises(Exception, match="truth values"):
        XP.sum(np.array([True, False]))


@pytest.mark.parametrize("index", [0, -1, slice(1), [0, 1], ..., (slice(None), None)])
def test_guarded_integers_have_the_entries_of_plain_ones(index):
    plain = np.array([3, 1, 2])
    part = guarded(plain)[index]
    assert np.array_equal(part, plain[index])
    assert isinstance(part, np.ndarray) or type(part) is int
    assert all(type(entry) is int for entry in guarded(plain))
    rows = list(guarded(plain.reshape(1, 3)))
    assert type(rows[0]) is type(guarded(plain))
    with pytest.raises(TypeError):
        iter(guarded(3))


def test_a_strict_evaluation_calls_each_hypothesis_once():
    calls = []

    def bounded(xp, x):
        calls.append(x)
        return x, 2

    instances = draw(x=draw.positive(), J=draw.multisets("m", "k"))

    @claim("shortcuts.strict", "x <= 2", instances, hypotheses={"x <= 2": bounded})
    def lemma(xp, x):
        return x, 2

    trials = Trials(lemma)
    trials.strict = True
    rng = np.random.default_rng(0)
    for _ in range(40):
        instance = lemma.instances.make(NumpySource(rng))
        calls.clear()
        tried = trials.attempt(instance)
        assert len(calls) == 1
        x = float(instance.raw["x"])
        found = score(lemma, instance, margin=True)
        assert found.met == score(lemma, instance).met == (x <= 2 + 1e-9 * (2 + x))
        assert max(found.margin, 0.0) == tried.excess == trials.excess(instance)
        assert (tried.excess > 0) == (x > 2)
