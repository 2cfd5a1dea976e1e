"""Losses against their definitions, and with the constants of section 4 of the theory."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from helpers import textbook_rnn as textbook
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import logsumexp

from pruning.losses import LOSSES, loss_values, margins, value_and_gradient

seeds = st.integers(0, 2**32)
dyadic = st.integers(-64, 64).map(lambda k: k / 16)  # exact in binary, so ties do occur


@given(st.lists(dyadic, min_size=2, max_size=5), st.data())
def test_margins_and_ramp_are_exact_on_exact_numbers(f, data):
    y = data.draw(st.integers(0, len(f) - 1))
    gamma = data.draw(st.sampled_from([0.25, 0.5, 1.0, 4.0]))
    mu = Fraction(f[y]) - max(Fraction(value) for j, value in enumerate(f) if j != y)
    ramp = min(Fraction(1), max(Fraction(0), 1 - mu / Fraction(gamma)))
    assert margins(f, y) == float(mu)
    assert loss_values("margin_ramp", f, y, gamma=gamma) == float(ramp)
    assert loss_values("zero_one", f, y) == float(mu <= 0)


@given(dyadic, st.sampled_from([-1, 1]))
def test_one_prediction_has_the_margin_y_f(f, y):
    assert margins([f], y) == y * f
    assert loss_values("margin_ramp", [f], y, gamma=0.5) == min(1, max(0, 1 - 2 * y * f))


def test_a_tie_is_an_error():
    assert loss_values("zero_one", [[1.0, 1.0, 0.0]], [0]) == 1
    assert loss_values("margin_ramp", [[1.0, 1.0, 0.0]], [0], gamma=1e-9) == 1


@given(seeds, st.integers(1, 6), st.sampled_from([1e-3, 1.0, 700.0]))
def test_cross_entropy_is_the_negative_log_of_the_softmax(seed, d_y, scale):
    rng = np.random.default_rng(seed)
    f, y = scale * rng.standard_normal((4, 3, d_y)), rng.integers(0, d_y, (4, 3))
    expected = logsumexp(f, axis=-1) - np.take_along_axis(f, y[..., None], -1)[..., 0]
    values = loss_values("cross_entropy", f, y)
    np.testing.assert_allclose(values, expected, rtol=1e-12, atol=1e-12 * scale)
    assert (values >= 0).all()


@given(seeds, st.integers(1, 4))
def test_squared_loss_is_half_the_squared_distance(seed, d_y):
    rng = np.random.default_rng(seed)
    f, y = rng.standard_normal((2, 3, d_y)), rng.standard_normal((2, 3, d_y))
    values = loss_values("squared", f, y)
    np.testing.assert_allclose(values, np.linalg.norm(f - y, axis=-1) ** 2 / 2, rtol=1e-13)


def test_cross_entropy_of_predictions_far_apart_is_finite_and_right():
    assert loss_values("cross_entropy", [1e300, -1e300], 0) == 0
    assert loss_values("cross_entropy", [1e300, 0.0], 1) == 1e300


@given(seeds, st.integers(2, 6), st.sampled_from([1e-6, 1.0, 100.0]))
def test_lipschitz_constants_and_envelope_of_section_4(seed, d_y, step):
    rng = np.random.default_rng(seed)
    f = rng.standard_normal((50, d_y)) * 3
    g = f + step * rng.standard_normal((50, d_y))
    y = rng.integers(0, d_y, 50)
    gap = np.linalg.norm(f - g, axis=-1)
    rounding = 1e-13 * (1 + np.abs(f).max() + np.abs(g).max())
    for name, gamma, constant in (
        ("cross_entropy", 1.0, 2**0.5),
        ("margin_ramp", 1.0, 2**0.5),
        ("margin_ramp", 0.1, 2**0.5 / 0.1),
    ):
        a, b = (loss_values(name, at, y, gamma=gamma) for at in (f, g))
        assert (np.abs(a - b) <= constant * gap + rounding * constant).all(), name
    envelope = np.log(d_y) + 2**0.5 * np.linalg.norm(f, axis=-1)
    assert (loss_values("cross_entropy", f, y) <= envelope + rounding).all()


@given(seeds, st.integers(1, 5), st.floats(1e-3, 10))
def test_the_ramp_lies_between_the_error_and_the_error_at_margin_gamma(seed, d_y, gamma):
    rng = np.random.default_rng(seed)
    f = rng.standard_normal((30, d_y))
    y = textbook.random_targets(rng, "margin_ramp", (30,), d_y)
    ramp = loss_values("margin_ramp", f, y, gamma=gamma)
    assert (loss_values("zero_one", f, y) <= ramp).all()
    assert (ramp <= (margins(f, y) < gamma)).all()


@given(seeds, st.sampled_from(LOSSES), st.integers(1, 4), st.sampled_from([0.3, 1.0, 3.0]))
def test_gradients_in_the_predictions_are_complex_steps(seed, name, d_y, gamma):
    rng = np.random.default_rng(seed)
    f = rng.standard_normal((3, d_y))
    y = textbook.random_targets(rng, name, (3,), d_y)
    values, gradient = value_and_gradient(name, f, y, gamma)
    np.testing.assert_allclose(values, loss_values(name, f, y, gamma=gamma), rtol=1e-13, atol=1e-15)
    for i, j in np.ndindex(f.shape):
        moved = f[i].astype(complex)
        moved[j] += 1j * textbook.STEP
        value, _ = textbook.loss(name, moved, y[i], gamma)
        derivative = complex(value).imag / textbook.STEP
        assert gradient[i, j] == pytest.approx(derivative, rel=1e-12, abs=1e-14)


@pytest.mark.parametrize("name", LOSSES)
def test_single_precision_stays_single(rng, name):
    f = rng.standard_normal((5, 3)).astype(np.float32)
    y = textbook.random_targets(rng, name, (5,), 3)
    y = y.astype(np.float32) if name == "squared" else y
    values, gradient = value_and_gradient(name, f, y, 1.0)
    assert values.dtype == gradient.dtype == np.float32


@pytest.mark.parametrize(
    ("name", "f", "y", "message"),
    [
        ("hinge", [[0.0, 1.0]], [0], "loss must be one of squared, cross_entropy, margin_ramp"),
        ("cross_entropy", [[0.0, 1.0]], [2], r"classes in y must lie in 0\.\.1, got 2"),
        ("cross_entropy", [[0.0, 1.0]], [-1], r"classes in y must lie in 0\.\.1, got -1"),
        ("margin_ramp", [[0.0, 1.0]], [0, 1], r"y must have shape \(1,\), got \(2,\)"),
        ("margin_ramp", [[0.0]], [0], "y must be -1 or 1"),
        ("cross_entropy", [[0.0, 1.0]], [0.5], "y must hold integer classes"),
        ("squared", [[0.0, 1.0]], [0.0], r"y must have shape \(1, 2\), got \(1,\)"),
        ("squared", [[0.0]], [[np.nan]], "y must be finite"),
        ("squared", [[np.inf]], [[0.0]], "predictions must be finite"),
        ("squared", np.zeros((2, 0)), np.zeros((2, 0)), "d_y >= 1"),
        ("zero_one", 1.0, 0, "d_y >= 1"),
    ],
)
def test_targets_that_do_not_fit_are_one_clear_sentence(name, f, y, message):
    with pytest.raises(ValueError, match=message):
        loss_values(name, f, y)


@pytest.mark.parametrize("gamma", [0, -1, np.nan, np.inf])
def test_the_margin_must_be_positive(gamma):
    with pytest.raises(ValueError, match="gamma must be"):
        loss_values("margin_ramp", [[0.0, 1.0]], [0], gamma=gamma)


@pytest.mark.parametrize("predictions", [0.0, np.zeros(0), np.zeros((3, 0))])
def test_margins_need_an_output(predictions):
    with pytest.raises(ValueError, match=r"predictions must have shape .* with d_y >= 1"):
        margins(predictions, 0)
