"""Activations: values, slopes and the constants of section 0, against their definitions."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pruning import Activation, activation

NAMES = ["relu", "tanh", "identity", "logistic", "leaky_relu", "leaky_relu:0.3", "leaky_relu:2.5"]
DEFINITIONS = {
    "relu": lambda a: max(a, 0.0),
    "tanh": math.tanh,
    "identity": lambda a: a,
    "logistic": lambda a: 1 / (1 + math.exp(-a)) if a > -700 else math.exp(a),
    "leaky_relu": lambda a: a if a > 0 else 0.01 * a,
    "leaky_relu:0.3": lambda a: a if a > 0 else 0.3 * a,
    "leaky_relu:2.5": lambda a: a if a > 0 else 2.5 * a,
}
inputs = st.lists(st.floats(-800, 800), min_size=1, max_size=5).map(np.array)


@pytest.mark.parametrize("name", NAMES)
@given(a=inputs)
def test_the_function_is_its_definition(name, a):
    expected = np.array([DEFINITIONS[name](v) for v in a.tolist()])
    s = activation(name)
    given_to = a.copy()
    assert np.allclose(s.apply(a), expected, rtol=4e-16, atol=1e-300)
    assert np.array_equal(a, given_to)
    out = np.empty_like(a)
    assert s.apply(a, out=out) is out
    assert np.array_equal(out, s.apply(given_to))
    assert s.apply(a, out=a) is a
    assert np.array_equal(a, out)


@pytest.mark.parametrize("name", NAMES)
@given(a=st.floats(-20, 20).filter(lambda v: abs(v) > 1e-3))
def test_the_slope_is_the_derivative_by_central_differences(name, a):
    s = activation(name)
    point, step = np.array([a]), 1e-4
    difference = (s.apply(point + step) - s.apply(point - step)) / (2 * step)
    assert s.slope(s.apply(point)) == pytest.approx(difference, abs=1e-7)


@pytest.mark.parametrize("name", NAMES)
@given(a=st.floats(-800, 800), b=st.floats(-800, 800))
def test_no_two_points_break_the_lipschitz_constant_or_the_bound(name, a, b):
    s = activation(name)
    both = s.apply(np.array([a, b]))
    assert abs(both[0] - both[1]) <= s.lipschitz * abs(a - b) * (1 + 1e-12) + 1e-15
    assert np.abs(both).max() <= s.bound


@pytest.mark.parametrize("name", NAMES)
def test_the_constants_are_attained(name):
    s = activation(name)
    assert s.apply(np.zeros(1))[0] == s.at_zero
    a = np.array([-1e-6, 0.0, 1e-6]) if name in ("tanh", "logistic") else np.array([-1.0, 0.0, 1.0])
    ratios = np.abs(np.diff(s.apply(a))) / np.diff(a)
    assert ratios.max() == pytest.approx(s.lipschitz, rel=1e-9)
    if np.isfinite(s.bound):
        assert s.apply(np.array([750.0]))[0] == s.bound


@pytest.mark.parametrize("name", NAMES)
def test_float32_stays_float32(name):
    s = activation(name)
    a = np.array([-1.0, 0.5], dtype=np.float32)
    assert s.apply(a).dtype == np.float32
    assert s.slope(s.apply(a)).dtype == np.float32


@pytest.mark.parametrize("name", NAMES)
def test_an_activation_is_found_again_by_its_own_name(name):
    s = activation(name)
    assert isinstance(s, Activation)
    assert activation(s) is s
    again = activation(s.name)
    assert (again.name, again.lipschitz, again.bound) == (s.name, s.lipschitz, s.bound)


def test_relu_has_slope_0_at_its_kink():
    assert activation("relu").slope(np.zeros(1))[0] == 0


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("softplus", "activation must be one of relu, tanh, identity, logistic, .* got 'softplus'"),
        (3, "activation must be one of .* got 3"),
        (["relu"], "activation must be one of .* got"),
        ("leaky_relu:0", "the slope of leaky_relu must be positive, got 0"),
        ("leaky_relu:-1", "the slope of leaky_relu must be positive, got -1"),
        ("leaky_relu:x", "the slope of leaky_relu must be a real number, got 'x'"),
        ("leaky_relu:nan", "the slope of leaky_relu must be finite, got nan"),
    ],
)
def test_an_unknown_activation_is_one_sentence(name, message):
    with pytest.raises(ValueError, match=message):
        activation(name)
