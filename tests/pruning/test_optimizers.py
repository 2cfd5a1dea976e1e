"""Update rules against torch's numbers and against paths that can be written in closed form."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pruning.optimizers import OPTIMIZERS, SCHEDULES, clip, learning_rate_factor, optimizer_named

TORCH = Path(__file__).parents[1] / "fixtures" / "torch_optimizers.npz"
seeds = st.integers(0, 2**32)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_six_steps_are_those_of_torch(name):
    with np.load(TORCH) as data:
        case = dict(data)
    weights = case["start"].copy()
    rule = optimizer_named(name, weights, weight_decay=0.3, momentum=0.8)
    for gradient, expected in zip(case["gradients"], case[name]):
        rule.step(gradient.copy(), 0.1)
        np.testing.assert_allclose(weights, expected, rtol=1e-13, atol=1e-15)


def test_clipping_is_that_of_torch():
    with np.load(TORCH) as data:
        gradient, expected = data["gradients"][0].copy(), data["clipped"]
    norm = np.linalg.norm(gradient)
    assert clip(gradient, 0.5) == pytest.approx(norm, rel=1e-14)
    # torch divides by the norm + 1e-6.
    np.testing.assert_allclose(gradient, expected, rtol=2e-6)
    assert np.linalg.norm(gradient) == pytest.approx(0.5, rel=1e-14)


def test_short_gradients_are_not_clipped(rng):
    gradient = rng.standard_normal(4)
    before = gradient.copy()
    assert clip(gradient, np.inf) == pytest.approx(np.linalg.norm(before))
    clip(gradient, 100.0)
    np.testing.assert_array_equal(gradient, before)


@given(seeds, st.integers(1, 8))
def test_adam_moves_by_the_learning_rate_along_a_constant_gradient(seed, steps):
    # The bias-corrected moments of a constant are the constant and its square.
    rng = np.random.default_rng(seed)
    start, gradient = rng.standard_normal(3), rng.standard_normal(3)
    weights = start.copy()
    rule = optimizer_named("adam", weights)
    for _ in range(steps):
        rule.step(gradient.copy(), 0.01)
    moved = start - steps * 0.01 * gradient / (np.abs(gradient) + 1e-8)
    np.testing.assert_allclose(weights, moved, rtol=1e-11, atol=1e-13)


@given(st.integers(1, 20), st.floats(0, 0.9), st.floats(0, 1))
def test_decoupled_decay_shrinks_weights_geometrically(steps, rate, decay):
    weights = np.array([1.0, -2.0])
    rule = optimizer_named("adamw", weights, decay)
    for _ in range(steps):
        rule.step(np.zeros(2), rate)
    np.testing.assert_allclose(weights, np.array([1.0, -2.0]) * (1 - rate * decay) ** steps)


@given(st.integers(1, 20), st.floats(0, 0.99))
def test_momentum_along_a_constant_gradient_is_a_geometric_sum(steps, momentum):
    weights = np.zeros(2)
    rule = optimizer_named("sgd", weights, momentum=momentum)
    for _ in range(steps):
        rule.step(np.array([1.0, -2.0]), 0.1)
    velocities = [sum(momentum**i for i in range(t)) for t in range(1, steps + 1)]
    np.testing.assert_allclose(weights, -0.1 * sum(velocities) * np.array([1.0, -2.0]), rtol=1e-11)


@pytest.mark.parametrize("name", ["adam", "sgd"])
def test_coupled_decay_is_a_term_of_the_gradient(rng, name):
    start, gradients = rng.standard_normal(4), rng.standard_normal((5, 4))
    a, b = start.copy(), start.copy()
    decayed, plain = optimizer_named(name, a, 0.2), optimizer_named(name, b)
    for gradient in gradients:
        plain.step(gradient + 0.2 * b, 0.05)
        decayed.step(gradient.copy(), 0.05)
    np.testing.assert_allclose(a, b, rtol=1e-12)


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_restored_state_goes_on_to_the_same_bits(rng, name, dtype):
    gradients = rng.standard_normal((9, 6)).astype(dtype)
    one = optimizer_named(name, rng.standard_normal(6).astype(dtype), 0.1)
    for gradient in gradients[:4]:
        one.step(gradient.copy(), 0.01)
    state = one.state()
    two = optimizer_named(name, np.zeros(6, dtype), 0.1)
    two.restore(state)
    for gradient in gradients[4:]:
        one.step(gradient.copy(), 0.01)
        two.step(gradient.copy(), 0.01)
    assert two.weights.dtype == dtype
    np.testing.assert_array_equal(one.weights, two.weights)
    assert not np.array_equal(state["weights"], one.weights)  # the state is a copy


def test_schedules_begin_and_end_where_they_say():
    late = 1 - 1e-12
    assert learning_rate_factor("constant", 0.0) == learning_rate_factor("constant", late) == 1
    assert learning_rate_factor("cosine", 0.0) == 1
    assert learning_rate_factor("cosine", 0.5) == pytest.approx(0.5)
    assert learning_rate_factor("cosine", late) == pytest.approx(0, abs=1e-11)
    assert [learning_rate_factor("step", at) for at in (0.49, 0.5, 0.74, 0.75)] == [
        1,
        0.1,
        0.1,
        0.01,
    ]
    assert learning_rate_factor("one_cycle", 0.0) == pytest.approx(1 / 25)
    assert learning_rate_factor("one_cycle", 0.3) == pytest.approx(1)
    assert learning_rate_factor("one_cycle", late) == pytest.approx(0, abs=1e-11)
    assert learning_rate_factor(lambda done: 2 * done, 0.25) == 0.5


@given(st.sampled_from(SCHEDULES), st.floats(0, 1, exclude_max=True))
def test_factors_lie_between_0_and_1_and_only_one_cycle_rises(schedule, done):
    factor = learning_rate_factor(schedule, done)
    assert 0 <= factor <= 1
    if schedule != "one_cycle" or done >= 0.3:
        assert learning_rate_factor(schedule, (done + 1) / 2) <= factor


def test_the_warm_up_meets_the_decay():
    before, after = (learning_rate_factor("one_cycle", 0.3 + gap) for gap in (-1e-9, 1e-9))
    assert before == pytest.approx(after, abs=1e-7)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: optimizer_named("rmsprop", np.zeros(1)),
            "optimizer must be one of adamw, adam, sgd",
        ),
        (lambda: optimizer_named("sgd", np.zeros(1), -0.1), "weight_decay must be at least 0"),
        (lambda: optimizer_named("sgd", np.zeros(1), momentum=1.0), "momentum must be less than 1"),
        (lambda: optimizer_named("sgd", np.zeros(1), momentum=-0.1), "momentum must be at least 0"),
        (lambda: learning_rate_factor(lambda done: -1.0, 0.0), "factor of the schedule"),
    ],
)
def test_bad_arguments_are_one_clear_sentence(call, message):
    with pytest.raises(ValueError, match=message):
        call()
