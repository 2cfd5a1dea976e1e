"""Fits that gain nothing at first: they begin anew, or are patient, within their steps."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from helpers.stacks import KINDS, stack_of
from hypothesis import given, settings
from hypothesis import strategies as st

from pruning import RNN, prune_to, refit_closed_loop, refit_divergence, refit_read_out
from pruning.cells.plain import Plain
from pruning.gauss_newton import gauss_newton
from pruning.refit.coordinates import Coordinates, quasi_newton
from pruning.refit.softmax_gaps import SoftmaxGaps
from pruning.stack import Stack
from pruning.stack_refit import refit_stack, refit_stack_read_out

pytestmark = pytest.mark.filterwarnings("ignore:the closed loop has")


def pair(seed, act="relu", n=60, T=6, k=4, q=3):
    rng = np.random.default_rng(seed)
    m = 2 * k
    large = RNN(
        1.2 * rng.normal(size=(m, m)) / np.sqrt(m), rng.normal(size=(m, 2)),
        0.1 * rng.normal(size=m), rng.normal(size=(q, m)), rng.normal(size=q), act,
    )  # fmt: skip
    return large, prune_to(large, rng.normal(size=(n, T, 2)), range(k)).pruned, rng


def gap(large, small, x):
    return float(np.square(small.predictions(x) - large.predictions(x))[:, -1].sum(axis=1).mean())


class Toward:
    """Residuals theta - 1: a step damped by d, of the curvature 1, leads to 1 / (1 + d)."""

    def residuals(self, theta):
        return theta - 1, None

    def forward(self, state, direction):
        return direction

    def backward(self, state, r):
        return r


def hollow(theta):
    """A number that falls by 1e-6 on the way to 1, and to a half around 0.3."""
    t = float(theta[0])
    return 1 - 1e-6 * t - 0.5 * np.exp(-(((t - 0.3) / 0.06) ** 2)) + (t > 0.995) * t


def test_a_gain_of_nothing_on_the_way_to_worse_ones_is_none():
    told = []
    found = gauss_newton(
        Toward(), np.zeros(1), held_out=hollow, scale=np.ones(1), steps=20, progress=told.append
    )
    assert told[1].held_out == pytest.approx(1 - 1e-6, abs=1e-7)
    assert told[2].held_out > 1.9
    assert hollow(found) < 0.6
    assert [step.step for step in told] == list(range(len(told)))


def test_where_nothing_is_held_out_a_fit_does_not_begin_anew():
    told, start = [], np.full(1, 1 + 1e-9)

    class Nearly(Toward):
        def residuals(self, theta):
            return np.append(theta - 1, 1.0), None

        def forward(self, state, direction):
            return np.append(direction, 0.0)

        def backward(self, state, r):
            return r[:1]

    found = gauss_newton(
        Nearly(), start, held_out=None, scale=np.ones(1), steps=50, progress=told.append
    )
    assert len(told) <= 3
    assert (found - 1) ** 2 <= (start - 1) ** 2


def test_a_recursion_whose_first_steps_overshoot_ends_better():
    large, small, rng = pair(3)
    x, told = rng.normal(size=(30, 6, 2)), []
    fitted = refit_closed_loop(large, small, x, patience=3, progress=told.append)
    held = [step.held_out for step in told]
    assert all(one > held[0] for one in held[1:4])
    assert told[4].damping > told[3].damping
    assert min(held) < 0.8 * held[0]
    assert gap(large, fitted, x[24:]) == pytest.approx(min(held), rel=1e-9)
    stays = refit_closed_loop(large, small, x, patience=3, steps=3)
    for name, value in small.weights.items():
        np.testing.assert_allclose(stays.weights[name], value, rtol=1e-12, err_msg=name)


@pytest.mark.parametrize(
    ("judged", "best"),
    [
        ([1.2] * 5 + [0.5, 0.6, 0.6, 0.6], 6),
        ([1.2] * 4 + [1 - 1e-6, 1.1, 0.5], 5),
        ([1.2] * 4 + [1 - 1e-6, 0.5, 0.6, 0.6, 0.4], 6),
        ([1.2] * 9, 0),
    ],
)
def test_quasi_newton_wades_through_worse_ones_until_it_has_gained(judged, best):
    rng = np.random.default_rng(0)
    A, b = rng.normal(size=(30, 12)) * np.logspace(0, 2, 12), rng.normal(size=30)
    start, calls, seen = np.zeros(12), iter([1.0, *judged]), []

    def value_and_gradient(theta):
        r = A @ theta - b
        return float(r @ r), 2 * A.T @ r

    def judge(theta, value):
        seen.append(theta)
        return next(calls)

    found = quasi_newton(
        value_and_gradient, judge, start, lambda: Coordinates(start, ((np.eye(1), np.eye(12)),)),
        steps=len(judged), patience=2,
    )  # fmt: skip
    np.testing.assert_array_equal(found, seen[best])


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10**6), n=st.integers(1, 12), T=st.integers(1, 4),
    steps=st.integers(0, 6), patience=st.integers(1, 3), act=st.sampled_from(["tanh", "relu"]),
    divergence=st.booleans(), share=st.sampled_from([0.01, 0.2, 0.9]),
)  # fmt: skip
def test_no_fit_is_longer_than_its_steps_or_worse_than_its_start(
    seed, n, T, steps, patience, act, divergence, share
):
    large, small, rng = pair(seed, act, k=2)
    x, told = rng.normal(size=(n, T, 2)), []
    kind = {"fit_recursion": True, "dtype": "float64"} if divergence else {}
    fit = refit_divergence if divergence else refit_closed_loop
    options = {"held_out": share, "steps": steps, "patience": patience, **kind}
    fitted = fit(large, small, x, progress=told.append, **options)
    assert [step.step for step in told] == list(range(len(told)))
    assert len(told) <= steps + 1
    again = fit(large, small, x, **options)
    for name, value in fitted.weights.items():
        np.testing.assert_array_equal(again.weights[name], value, err_msg=name)
    held = min(n - 1, max(1, round(share * n)))
    if held and not divergence:
        theirs = x[n - held :]
        assert gap(large, fitted, theirs) <= gap(large, small, theirs) * (1 + 1e-9) + 1e-28


@pytest.mark.parametrize("act", ["tanh", "relu"])
def test_a_network_that_is_the_large_one_stays_what_it_is(act):
    large, _, rng = pair(0, act)
    x = rng.normal(size=(40, 5, 2))
    for fitted in (
        refit_closed_loop(large, large, x),
        refit_closed_loop(large, large, x, solver="cg"),
        refit_divergence(large, large, x, fit_recursion=True),
        refit_read_out(large, large, x),
    ):
        for name, value in large.weights.items():
            np.testing.assert_allclose(fitted.weights[name], value, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("outputs", ["numbers", "logits"])
def test_a_stack_that_is_the_whole_one_stays_what_it_is(kind, outputs):
    rng = np.random.default_rng(1)
    whole = stack_of(kind, (3,), 1, 2, 2, rng)
    x = rng.normal(size=(20, 4, 2))
    for fit in (refit_stack, refit_stack_read_out):
        fitted = fit(whole, whole, x, outputs=outputs)
        np.testing.assert_allclose(fitted.w_output, whole.w_output, rtol=1e-6, atol=1e-8)
        got, had = fitted.layers[0][0], whole.layers[0][0]
        np.testing.assert_allclose(got.w_hidden, had.w_hidden, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("seed", range(4))
def test_a_read_out_that_is_far_better_than_every_fitted_one_stays(seed):
    large, small, rng = pair(seed, "tanh")
    x = rng.normal(size=(5, 3, 2))
    # Exact on the sequence that is held out, which no fit to the others is.
    off = (large.predictions(x[4:]) - small.predictions(x[4:]))[0, -1]
    exact = replace(small, b_output=small.b_output + off)
    fitted = refit_read_out(large, exact, x)
    stack = refit_stack_read_out(as_stack(large), as_stack(exact), x)
    for name, value in exact.weights.items():
        np.testing.assert_array_equal(fitted.weights[name], value, err_msg=name)
    np.testing.assert_array_equal(stack.w_output, exact.w_output)
    np.testing.assert_array_equal(stack.b_output, exact.b_output)


def as_stack(net):
    cell = Plain(net.w_input, net.w_hidden, net.b_hidden, np.zeros(net.m), net.activation)
    return Stack(((cell,),), net.w_output, net.b_output)


@pytest.mark.parametrize("ridge", [1e200, 1e300, 1.7e308])
@pytest.mark.parametrize("size", [1e-100, 1.0, 1e100])
def test_a_ridge_beyond_floats_holds_everything_that_it_holds(ridge, size):
    large, small, rng = pair(2)
    x = size * rng.normal(size=(30, 3, 2))
    held = refit_read_out(large, small, x, ridge=ridge)
    np.testing.assert_allclose(held.w_output, small.w_output, rtol=1e-12)
    off = (large.predictions(x) - small.predictions(x))[:, -1].mean(axis=0)
    np.testing.assert_allclose(held.b_output - small.b_output, off, rtol=1e-6, atol=1e-14 * size)
    fitted = refit_closed_loop(large, small, x, ridge=ridge)
    for name, value in small.weights.items():
        np.testing.assert_allclose(fitted.weights[name], value, rtol=1e-12, err_msg=name)


@pytest.mark.parametrize("ridge", [1e200, 1.7e308])
def test_a_ridge_beyond_floats_holds_the_read_out_of_a_stack(ridge):
    rng = np.random.default_rng(3)
    whole, small = (stack_of("gru", (m,), 1, 2, 2, rng) for m in (4, 2))
    held = refit_stack_read_out(whole, small, rng.normal(size=(30, 4, 2)), ridge=ridge)
    np.testing.assert_allclose(held.w_output, small.w_output, rtol=1e-12)
    np.testing.assert_allclose(held.b_output, small.b_output, rtol=1e-12)


@pytest.mark.parametrize("size", [1e-90, 1e-120, 1e-150, 1e-170])
def test_a_curvature_below_floats_ends_a_fit_at_its_start(size):
    class Flat(Toward):
        def forward(self, state, direction):
            return size * direction

        def backward(self, state, r):
            return size * r

        def residuals(self, theta):
            return size * theta - 1, None

    found = gauss_newton(Flat(), np.zeros(1), held_out=None, scale=np.ones(1))
    assert np.square(size * found - 1) <= 1


def test_a_divergence_is_not_less_than_0():
    rng = np.random.default_rng(4)
    for _ in range(50):
        Y, h = rng.normal(size=(7, 4)), rng.normal(size=(9, 3))
        gaps = SoftmaxGaps(Y, h, np.full(9, 1 / 9), "float32")
        nearly = Y * (1 + 1e-7 * rng.normal(size=Y.shape))
        assert gaps.value(nearly, h) >= 0
        assert gaps.value_and_gradient(nearly, h, True)[0] >= 0


@pytest.mark.parametrize("ridge", [1e-6, 1e-2, 1.0, 1e2, 1e4])
def test_a_state_that_hardly_moves_does_not_stop_the_others(ridge):
    large, small, rng = pair(5, "tanh")
    x = rng.normal(size=(50, 3, 2))
    faint = replace(
        small,
        w_hidden=small.w_hidden * np.where(np.arange(small.m) == 0, 1e-9, 1)[:, None],
        w_input=small.w_input * np.where(np.arange(small.m) == 0, 1e-9, 1)[:, None],
        b_hidden=small.b_hidden * (np.arange(small.m) > 0),
    )
    fitted = refit_read_out(large, faint, x, ridge=ridge)
    # Least squares with the ridge as rows of its own.
    h, k = faint.states(x)[:, -1], faint.m
    lacking = (large.predictions(x) - faint.predictions(x))[:, -1]
    pull = ridge * np.square(h).sum() / len(x) / k
    H = np.vstack(
        [np.column_stack([h, np.ones(len(x))]) / np.sqrt(len(x)), np.sqrt(pull) * np.eye(k, k + 1)]
    )
    D = np.vstack([lacking / np.sqrt(len(x)), np.zeros((k, large.d_y))])
    move = np.linalg.lstsq(H, D, rcond=None)[0]
    np.testing.assert_allclose(fitted.b_output - faint.b_output, move[-1], rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(fitted.w_output - faint.w_output, move[:-1].T, rtol=1e-6, atol=1e-9)


def hilly(theta):
    """Falls to 0.8 at 0.2, is above 1 from there to 0.97, but for a valley of 0.2 around 0.3."""
    t = float(theta[0])
    if t <= 0.2:
        return 1 - t
    return 0.2 if 0.25 < t < 0.4 else 1.5


def test_what_was_gained_and_lost_again_is_gone_on_from_with_shorter_steps():
    told = []

    class Slow(Toward):
        """Steps of a fifth at first: the damping falls only where a step is made."""

    found = gauss_newton(
        Slow(), np.zeros(1), held_out=hilly, scale=np.ones(1), steps=30, damping=4.0,
        progress=told.append,
    )  # fmt: skip
    held = [step.held_out for step in told]
    first = held.index(1.5)
    assert min(held[:first]) == pytest.approx(0.8)
    assert hilly(found) == 0.2
    assert len(told) <= 31


def test_a_dense_fit_has_two_matrices_in_memory_and_not_three():
    rng = np.random.default_rng(6)
    large, small, _ = pair(6, "tanh", k=30)
    x = rng.normal(size=(40, 4, 2))
    size = sum(value.size for value in small.weights.values())
    tracemalloc.start()
    try:
        refit_closed_loop(large, small, x, solver="dense", steps=3)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2.6 * size**2 * 8
