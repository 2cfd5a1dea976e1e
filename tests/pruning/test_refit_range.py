"""Fits at the ends of the range of floats: in units of the outputs, or refused in a sentence."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pytest
from helpers.stacks import stack_of

from pruning import (
    RNN,
    prune_to,
    refit_closed_loop,
    refit_divergence,
    refit_read_out,
)
from pruning.cells.plain import Plain
from pruning.gauss_newton import descend
from pruning.refit import read_out
from pruning.refit.coordinates import root
from pruning.stack import Stack
from pruning.stack_fit import SquaredGaps
from pruning.stack_pruning import prune_stack
from pruning.stack_refit import refit_stack, refit_stack_read_out

pytestmark = pytest.mark.filterwarnings("ignore:the closed loop has")


def network(rng, m=6, act="tanh", q=2):
    return RNN(
        rng.normal(size=(m, m)) / np.sqrt(m), rng.normal(size=(m, 2)), 0.1 * rng.normal(size=m),
        rng.normal(size=(q, m)), rng.normal(size=q), act,
    )  # fmt: skip


def scaled(net, exponent):
    parts = {name: np.ldexp(getattr(net, name), exponent) for name in ("w_output", "b_output")}
    return replace(net, **parts)


@pytest.mark.parametrize("exponent", [-900, -400, 400, 900])
@pytest.mark.parametrize("fit", [refit_read_out, refit_closed_loop])
def test_a_fit_knows_no_units_of_the_outputs(fit, exponent):
    rng = np.random.default_rng(0)
    large, x = network(rng), rng.normal(size=(60, 4, 2))
    small = prune_to(large, x, [0, 2, 3]).pruned
    told = []
    more = {"progress": told.append} if fit is refit_closed_loop else {}
    here = scaled(fit(*(scaled(net, 200) for net in (large, small)), x), -200)
    there = fit(scaled(large, exponent), scaled(small, exponent), x, **more)
    for name, value in here.weights.items():
        own = scaled(there, -exponent).weights[name]
        np.testing.assert_array_equal(own, value, err_msg=name)
    f = large.predictions(x)[:, -1]
    before, after = (np.linalg.norm(net.predictions(x)[:, -1] - f) for net in (small, here))
    assert after < before
    if told and abs(exponent) < 500:
        fitted = np.square(small.predictions(x[:48])[:, -1] - f[:48]).sum(axis=1).mean()
        assert told[0].fitted == pytest.approx(np.ldexp(fitted, 2 * exponent), rel=1e-9)


@pytest.mark.parametrize("exponent", [-900, -400, 400, 900])
@pytest.mark.parametrize("fit", [refit_stack_read_out, refit_stack])
def test_a_fit_of_a_stack_knows_no_units_of_the_outputs(fit, exponent):
    rng = np.random.default_rng(1)
    whole, x = stack_of("gru", (5, 4), 1, 2, 3, rng), rng.normal(size=(60, 4, 2))
    small = prune_stack(whole, x, 2).pruned
    here = scaled(fit(*(scaled(net, 200) for net in (whole, small)), x), -200)
    there = scaled(fit(scaled(whole, exponent), scaled(small, exponent), x), -exponent)
    np.testing.assert_array_equal(here.w_output, there.w_output)
    np.testing.assert_array_equal(here.layers[0][0].w_hidden, there.layers[0][0].w_hidden)
    f = whole.predictions(x)[:, -1]
    before, after = (np.linalg.norm(net.predictions(x)[:, -1] - f) for net in (small, here))
    assert after < before


def exploding(T):
    """Networks at rest until the last step: states stay small, gradients grow as 3^T."""
    rng = np.random.default_rng(2)
    W = 3 * np.linalg.qr(rng.normal(size=(4, 4)))[0]
    large = RNN(
        W, rng.normal(size=(4, 2)), np.zeros(4), rng.normal(size=(3, 4)), np.zeros(3), "tanh"
    )
    small = replace(prune_to(large, np.ones((2, 2, 2)), [0, 1, 2]).pruned, w_hidden=3 * np.eye(3))
    x = np.zeros((20, T, 2))
    x[:, -1] = rng.normal(size=(20, 2))
    return large, small, x


def as_stack(rnn):
    cell = Plain(rnn.w_input, rnn.w_hidden, rnn.b_hidden, np.zeros(rnn.m), rnn.activation)
    return Stack(((cell,),), rnn.w_output, rnn.b_output)


FITS = {
    "dense": lambda large, small, x: refit_closed_loop(large, small, x),
    "products": lambda large, small, x: refit_closed_loop(large, small, x, solver="cg"),
    "divergence": lambda large, small, x: refit_divergence(large, small, x, fit_recursion=True),
    "stack": lambda large, small, x: refit_stack(as_stack(large), as_stack(small), x),
    "stack, logits": lambda large, small, x: refit_stack(
        as_stack(large), as_stack(small), x, outputs="logits"
    ),
}


@pytest.mark.parametrize("T", [400, 900])  # squares of the gradients are no floats, or they are not
@pytest.mark.parametrize("which", FITS)
def test_a_fit_without_gradients_is_refused_and_does_not_return_its_start(which, T):
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        with pytest.raises(ValueError, match=r"the gradients of small must|or its gradients"):
            FITS[which](*exploding(T))


def test_gradients_that_are_lost_later_end_a_fit_at_the_best_so_far():
    class Local:
        total = 4.0

        def solve(self, damping):
            return np.ones(1)

        def total_at(self, fitted, change):
            return fitted

        def damping_after(self, damping, change, fall):
            return damping

    class Descent:
        asked = 0

        def value(self, theta):
            return float((theta[0] - 2) ** 2)

        def local(self, theta):
            self.asked += 1
            if self.asked > 1:
                raise FloatingPointError
            return Local()

    options = {"damping": 1.0, "most": 9.0, "growth": lambda n: 2.0, "steps": 5, "patience": 3}
    assert descend(Descent(), np.zeros(1), held_out=None, **options) == [1.0]


def test_a_trial_of_no_numbers_is_infinitely_far_and_not_the_start():
    rng = np.random.default_rng(3)
    whole, x = stack_of("lstm", (4,), 1, 2, 2, rng), rng.normal(size=(9, 3, 2))
    gaps = SquaredGaps(whole, whole, x, None, "last")
    theta = gaps.weights.flat(whole)
    assert np.square(gaps.residuals(theta)[0]).sum() < 1e-20
    for bad in (np.nan, np.inf):
        theta[3] = bad
        r = gaps.residuals(theta)[0]
        assert r @ r == np.inf


def test_no_ridge_is_the_best_where_no_gap_is_a_number(monkeypatch):
    rng = np.random.default_rng(4)
    large, x = network(rng), rng.normal(size=(30, 3, 2))
    small = prune_to(large, x, [1, 2]).pruned
    monkeypatch.setattr(read_out.PairedMoments, "gap", lambda *args: np.inf)
    with pytest.raises(ValueError, match="on the held-out sequences for a refit"):
        refit_read_out(large, small, x)
    whole = as_stack(large)
    monkeypatch.setattr("pruning.stack_refit._ReadOutMoments.gap", lambda *args: np.inf)
    with pytest.raises(ValueError, match="on the held-out sequences for a refit"):
        refit_stack_read_out(whole, as_stack(small), x)


@pytest.mark.parametrize("size", [1e-200, 1e-160, 1e152, 1e160])
def test_states_whose_squares_are_no_floats_are_not_fitted(size):
    rng = np.random.default_rng(5)
    large, x = network(rng, act="identity"), rng.normal(size=(30, 3, 2))
    large = replace(large, w_input=size * large.w_input, b_hidden=size * large.b_hidden)
    small = prune_to(large, x, [0, 1]).pruned
    with pytest.raises(ValueError, match="must have squares within the range of floats"):
        refit_read_out(large, small, x)


def test_moments_beyond_floats_have_no_coordinates():
    for bad in (np.inf, np.nan):
        with pytest.raises(ValueError, match="the gradients of small must have squares"):
            root(np.diag([1.0, bad]))


def test_read_outs_of_incomparable_size_are_refused():
    rng = np.random.default_rng(6)
    large, x = network(rng), rng.normal(size=(30, 3, 2))
    small = scaled(prune_to(large, x, [0, 1]).pruned, 900)
    with pytest.raises(ValueError, match="must be of comparable size for a refit"):
        refit_read_out(scaled(large, -900), small, x)
