"""Argument checks: what passes, what does not, and that each message is one sentence."""

import numpy as np
import pytest
from helpers.moments import exact_covariances, spectra_covariances
from hypothesis import given
from hypothesis import strategies as st

from pruning import checks


def test_arrays_come_back_as_float64_of_the_shape_asked_for():
    array = checks.real_array("a", [[1, 2], [3, 4]], (None, 2))
    assert array.dtype == np.float64
    assert array.tolist() == [[1, 2], [3, 4]]
    assert checks.real_array("a", np.float32([1.5]), (1,)).dtype == np.float64
    assert checks.real_array("a", [True, False]).tolist() == [1, 0]
    assert checks.real_array("a", np.zeros((0, 3)), (None, 3)).shape == (0, 3)


def test_numbers_may_come_as_numpy_scalars_and_whole_floats():
    assert checks.integer("k", np.int32(3)) == 3
    assert checks.integer("k", 3.0, low=3, high=3) == 3
    assert checks.real("x", np.float32(0.5)) == 0.5
    assert checks.probability("delta", 0.05) == 0.05
    assert checks.fraction("theta", 0) == 0.0
    assert checks.fraction("theta", 1) == 1.0
    assert checks.nonnegative("tau", 0) == 0.0


REFUSED = [
    (checks.real_array, ([[1, 2], [3]],), "a must be an array of numbers"),
    (checks.real_array, (["x"],), "a must be an array of real numbers"),
    (checks.real_array, ([1j],), "a must be an array of real numbers"),
    (checks.real_array, ([None],), "a must be an array of real numbers"),
    (checks.real_array, ([1.0, np.nan],), r"a must be finite, got nan at index \(1,\)"),
    (checks.real_array, ([[1.0], [-np.inf]],), r"a must be finite, got -inf at index \(1, 0\)"),
    (checks.real_array, ([1.0], (2,)), r"a must have shape \(2,\), got \(1,\)"),
    (checks.real_array, ([1.0], (None, 2)), r"a must have shape \(any, 2\), got \(1,\)"),
    (checks.real, ("x",), "a must be a real number, got 'x'"),
    (checks.real, (None,), "a must be a real number, got None"),
    (checks.real, (10**400,), "a must be a real number"),
    (checks.real, (np.inf,), "a must be finite, got inf"),
    (checks.positive, (0,), "a must be positive, got 0"),
    (checks.positive, (-0.1,), "a must be positive, got -0.1"),
    (checks.nonnegative, (-1e-300,), "a must be at least 0, got -1e-300"),
    (checks.probability, (0,), "a must lie strictly between 0 and 1, got 0"),
    (checks.probability, (1,), "a must lie strictly between 0 and 1, got 1"),
    (checks.fraction, (1.01,), "a must lie between 0 and 1, got 1.01"),
    (checks.integer, (1.5,), "a must be an integer, got 1.5"),
    (checks.integer, (True,), "a must be an integer, got True"),
    (checks.integer, ("3",), "a must be an integer, got '3'"),
    (checks.integer, (np.nan,), "a must be an integer, got nan"),
    (checks.integer, (5, 0, 4), "a must be an integer from 0 to 4, got 5"),
    (checks.integer, (-1, 0), "a must be an integer of at least 0, got -1"),
    (checks.integer, (9, None, 8), "a must be an integer of at most 8, got 9"),
    (checks.choice, ("c", ["a", "b"]), "a must be one of a, b, got 'c'"),
    (checks.covariance, (np.zeros((0, 0)),), r"a must be a square matrix .* got \(0, 0\)"),
    (checks.covariance, ([[1.0, 2, 3]],), r"a must be a square matrix .* got \(1, 3\)"),
    (checks.covariance, ([[1.0, 1e-9], [0, 1]],), "a must be symmetric, got entries that differ"),
    (checks.covariance, ([[-1.0]],), "a must be positive semidefinite, got the eigenvalue -1"),
    (checks.covariance, ([[1.0, 1.001], [1.001, 1]],), "a must be positive semidefinite"),
    (checks.node_set, ([[0]], 2), "a must be a one-dimensional array of integers"),
    (checks.node_set, ([0.0], 2), "a must be a one-dimensional array of integers"),
    (checks.node_set, ([True, False], 2), "a must be a one-dimensional array of integers"),
    (checks.node_set, ([3, 1, 3], 4), "a must be distinct, got 3 more than once"),
    (checks.node_set, ([4], 4), r"a must lie in 0\.\.3, got 4"),
    (checks.node_set, ([-2, 1], 4), r"a must lie in 0\.\.3, got -2"),
    (checks.ridge, ([1.0], 2, np.eye(2)), r"a must be a number or have shape \(2,\), got \(1,\)"),
    (checks.ridge, ([1.0, -1.0], 2, np.eye(2)), "a must be at least 0, got -1"),
    (checks.ridge, (np.nan, 2, np.eye(2)), "a must be finite"),
]


@pytest.mark.parametrize(("check", "arguments", "message"), REFUSED)
def test_refusals_name_the_argument_what_it_should_be_and_what_it_was(check, arguments, message):
    with pytest.raises(ValueError, match=message) as caught:
        check("a", *arguments)
    assert str(caught.value).startswith("a must ")
    assert "\n" not in str(caught.value)


@given(st.one_of(exact_covariances(), spectra_covariances()), st.floats(-150, 150))
def test_every_covariance_passes_in_any_unit_and_is_returned_symmetric(S, exponent):
    scaled = S * 10.0**exponent
    matrix = checks.covariance("S", scaled)
    assert np.array_equal(matrix, matrix.T)
    assert np.allclose(matrix, scaled, rtol=1e-15, atol=0)


@given(spectra_covariances(), st.integers(0, 2**32 - 1))
def test_asymmetry_and_indefiniteness_of_rounding_size_pass_larger_ones_do_not(S, seed):
    rng = np.random.default_rng(seed)
    scale = np.abs(S).max()
    noise = rng.uniform(-1, 1, size=S.shape)
    accepted = S + 2e-11 * scale * noise
    assert np.allclose(checks.covariance("S", accepted), (accepted + accepted.T) / 2, atol=0)
    if len(S) > 1 and scale > 0:
        skew = np.zeros_like(S)
        skew[0, 1] = 1e-9 * scale
        with pytest.raises(ValueError, match="S must be symmetric"):
            checks.covariance("S", S + skew)
    if scale > 0:
        values, vectors = np.linalg.eigh(S)
        values[0] = -3e-8 * scale * len(S)
        bad = (vectors * values) @ vectors.T
        with pytest.raises(ValueError, match="S must be positive semidefinite"):
            checks.covariance("S", (bad + bad.T) / 2)


def test_the_argument_is_not_written_to():
    S = np.array([[1.0, 1 + 1e-13], [1, 1]])
    before = S.copy()
    checks.covariance("S", S)
    assert np.array_equal(S, before)


def test_nodes_are_sorted_and_no_nodes_is_a_set():
    assert checks.node_set("nodes", [2, 0], 3).tolist() == [0, 2]
    assert checks.node_set("nodes", np.array([1], dtype=np.uint8), 3).dtype == np.int64
    assert checks.node_set("nodes", [], 3).shape == (0,)
    assert checks.node_set("nodes", (), 3).dtype == np.int64


def test_the_default_ridge_is_1e_minus_8_of_the_mean_variance():
    assert checks.ridge("tau", None, 2, np.diag([1.0, 3.0])).tolist() == [2e-8, 2e-8]
    assert checks.ridge("tau", 0.5, 3, np.eye(3)).tolist() == [0.5] * 3
    assert checks.ridge("tau", [0.0, 1.0], 2, np.eye(3)).tolist() == [0, 1]
    assert checks.ridge("tau", 0.5, 0, np.eye(3)).shape == (0,)


@pytest.mark.parametrize(
    ("check", "value", "shows"),
    [
        (checks.fraction, 1.0000000001, "1.0000000001"),
        (checks.fraction, float(np.nextafter(1, 2)), "1.0000000000000002"),
        (checks.fraction, -1e-300, "-1e-300"),
        (checks.fraction, 2.0, "2"),
        (checks.probability, 1 + 2.0**-40, "1.0000000000009095"),
        (checks.probability, 1.0, "1"),
        (checks.positive, 0.0, "0"),
        (checks.nonnegative, -1.25, "-1.25"),
    ],
)
def test_a_refused_number_is_shown_with_the_digits_that_matter(check, value, shows):
    with pytest.raises(ValueError, match=rf"got {shows}$"):
        check("q", value)
    assert float(shows) == value or abs(float(shows) - value) < 1e-15
