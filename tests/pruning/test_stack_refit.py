"""Gradients, products and refits of stacks of every kind of cell."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.stacks import KINDS, stack_of

from pruning import RNN, refit_read_out
from pruning.gauss_newton import gauss_newton
from pruning.stack_balanced import balanced_weights, probe
from pruning.stack_fit import SquaredGaps
from pruning.stack_gradients import run_stack, state_gradients
from pruning.stack_pruning import prune_stack
from pruning.stack_refit import refit_stack, refit_stack_read_out

pytestmark = pytest.mark.filterwarnings("ignore:the closed loop has")

LENGTHS = np.array([6, 2, 3, 4, 5, 6, 1])


def pair(kind, rng, directions=2):
    whole = stack_of(kind, (5, 4), directions, 3, 2, rng)
    small = stack_of(kind, (3, 2), directions, 3, 2, rng)
    return whole, small, rng.normal(size=(7, 6, 3))


@pytest.mark.parametrize("reads", ["last", "every"])
@pytest.mark.parametrize("kind", KINDS)
def test_products_are_the_derivative_and_each_others_adjoint(kind, reads):
    rng = np.random.default_rng(0)
    whole, small, x = pair(kind, rng)
    fit = SquaredGaps(whole, small, x, LENGTHS, reads)
    theta = fit.weights.flat(small)
    r, state = fit.residuals(theta)
    v, u = rng.normal(size=theta.size), rng.normal(size=r.size)
    step = 1e-6
    slope = (fit.residuals(theta + step * v)[0] - fit.residuals(theta - step * v)[0]) / (2 * step)
    np.testing.assert_allclose(fit.forward(state, v), slope, rtol=1e-6, atol=1e-8)
    forwards, backwards = float(fit.forward(state, v) @ u), float(v @ fit.backward(state, u))
    assert forwards == pytest.approx(backwards, rel=1e-10)


@pytest.mark.parametrize("reads", ["last", "every"])
@pytest.mark.parametrize("kept", [1, 10**6])
def test_parts_of_the_sequences_and_kept_runs_do_not_matter(reads, kept, monkeypatch):
    rng = np.random.default_rng(0)
    whole, small, x = pair("gru", rng)
    once = SquaredGaps(whole, small, x, LENGTHS, reads)
    monkeypatch.setattr("pruning.stack_fit._NUMBERS", 2 * 6 * 10)
    monkeypatch.setattr("pruning.stack_fit._KEPT", kept)
    apart = SquaredGaps(whole, small, x, LENGTHS, reads)
    assert len(apart.parts) == 4
    theta = once.weights.flat(small)
    (r, one), (again, other) = once.residuals(theta), apart.residuals(theta)
    assert len(other.runs) == (1 if kept == 1 else 4)
    v, u = rng.normal(size=theta.size), rng.normal(size=r.size)
    np.testing.assert_allclose(again, r, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(apart.forward(other, v), once.forward(one, v), rtol=1e-10)
    np.testing.assert_allclose(
        apart.backward(other, u), once.backward(one, u), rtol=1e-9, atol=1e-11
    )


@pytest.mark.parametrize("kind", KINDS)
def test_state_gradients_are_the_derivative_of_the_outputs_in_each_state(kind):
    """One layer: h_t is moved by hand, and the run goes on from there."""
    rng = np.random.default_rng(1)
    stack = stack_of(kind, (4,), 1, 3, 2, rng)
    cell, x = stack.layers[0][0], rng.normal(size=(2, 5, 3))
    run = run_stack(stack, x)
    signs = rng.normal(size=(2, 2))
    given = np.zeros((5, 2, 4))
    given[-1] = signs @ stack.w_output
    g = state_gradients(run, given)[0]
    t, step = 2, 1e-6
    later = np.ascontiguousarray(x.transpose(1, 0, 2))[t + 1 :]
    h = run.runs[0][0].h

    def value(moved):
        start = (moved, run.runs[0][0].c[t]) if kind == "lstm" else moved
        return (cell.states(later, start)[-1] @ stack.w_output.T * signs).sum(axis=1)

    for j in range(4):
        shift = np.zeros((2, 4))
        shift[:, j] = step
        slope = (value(h[t] + shift) - value(h[t] - shift)) / (2 * step)
        np.testing.assert_allclose(g[t, :, j], slope, rtol=1e-6, atol=1e-8)


def test_probes_average_to_the_exact_second_moment():
    """All sign vectors once: the mean of g g^T over them is exact."""
    rng = np.random.default_rng(2)
    stack = stack_of("gru", (4,), 1, 3, 2, rng)
    x = rng.normal(size=(3, 4, 3))
    run = run_stack(stack, x)
    exact = np.zeros((4, 4, 4))
    for row in stack.w_output:
        given = np.zeros((4, 3, 4))
        given[-1] = row
        g = state_gradients(run, given)[0]
        exact += np.matmul(g.transpose(0, 2, 1), g)
    drawn = np.zeros_like(exact)
    for a in (-1.0, 1.0):
        for b in (-1.0, 1.0):
            given = np.zeros((4, 3, 4))
            given[-1] = np.array([a, b]) @ stack.w_output
            g = state_gradients(run, given)[0]
            drawn += np.matmul(g.transpose(0, 2, 1), g) / 4
    np.testing.assert_allclose(drawn, exact, rtol=1e-10, atol=1e-12)
    M = exact / np.trace(exact, axis1=1, axis2=2)[:, None, None]
    many = balanced_weights(stack, x, probes=400, rng=0)[0]
    np.testing.assert_allclose(many, M.mean(axis=0), atol=0.1)
    assert np.trace(many) == pytest.approx(1.0)


def test_many_outputs_are_probed_through_their_triangular_factor():
    rng = np.random.default_rng(3)
    stack = stack_of("gru", (3,), 1, 2, 40, rng)
    given = probe(stack, (2000, 3), None, "every", rng).reshape(-1, 3)
    second = given.T @ given / len(given)
    np.testing.assert_allclose(second, stack.w_output.T @ stack.w_output, rtol=0.2, atol=2.0)


@pytest.mark.parametrize("kind", KINDS)
def test_refits_do_not_make_held_out_outputs_worse(kind):
    rng = np.random.default_rng(4)
    whole = stack_of(kind, (6,), 1, 3, 2, rng)
    x = rng.normal(size=(80, 5, 3))
    small = prune_stack(whole, x, 4).pruned
    steps = []
    fitted = refit_stack(whole, small, x, steps=5, progress=steps.append)

    def gap(stack, part):
        return float(np.square(stack.predictions(part) - whole.predictions(part))[:, -1].sum())

    assert gap(fitted, x[64:]) < gap(small, x[64:])
    assert steps[-1].fitted < steps[0].fitted
    read = refit_stack_read_out(whole, small, x)
    assert gap(read, x) <= gap(small, x) * (1 + 1e-9)


def test_gauss_newton_solves_a_linear_problem_and_leaves_a_solved_one_alone():
    rng = np.random.default_rng(5)
    A, b = rng.normal(size=(30, 6)), rng.normal(size=30)

    class Linear:
        def residuals(self, theta):
            return A @ theta - b, None

        def forward(self, state, v):
            return A @ v

        def backward(self, state, u):
            return A.T @ u

    def value(theta):
        return float(np.square(A @ theta - b).sum())

    options = {"held_out": value, "scale": np.ones(6), "steps": 30, "iterations": 6}
    found = gauss_newton(Linear(), np.zeros(6), patience=30, **options)
    exact = np.linalg.lstsq(A, b, rcond=None)[0]
    assert value(found) == pytest.approx(value(exact), rel=1e-6)
    again = gauss_newton(Linear(), exact, **options)
    assert value(again) <= value(exact)


def test_bad_input_is_one_sentence():
    rng = np.random.default_rng(6)
    whole, small, x = pair("gru", rng)
    with pytest.raises(ValueError, match="reads must be one of last, every"):
        balanced_weights(whole, x, reads="first")
    with pytest.raises(ValueError, match="small must have the d_y of whole, 2, got 1"):
        refit_stack_read_out(whole, stack_of("gru", (3,), 1, 3, 1, rng), x)
    with pytest.raises(ValueError, match="held_out must lie strictly between 0 and 1"):
        refit_stack(whole, small, x, held_out=0.0)
    with pytest.raises(ValueError, match="needs the sequences as one array"):
        prune_stack(whole, iter([x]), 2, objective="balanced")
    dead = stack_of("gru", (4,), 1, 3, 2, rng, scale=0.0)
    from dataclasses import replace

    with pytest.raises(ValueError, match="the outputs must depend on the states of layer 0"):
        balanced_weights(replace(dead, w_output=np.zeros((2, 4))), x)


@pytest.mark.parametrize("reads", ["last", "every"])
def test_many_outputs_are_fitted_as_in_full(reads):
    """Outputs in a basis of what the whole network says: the same least squares, far smaller."""
    rng = np.random.default_rng(5)
    whole, x = stack_of("gru", (4,), 1, 3, 12, rng, 0.7), rng.normal(size=(40, 5, 3))
    small = prune_stack(whole, x, 2).pruned
    found = refit_stack_read_out(whole, small, x, reads=reads, ridge=0.0)
    h, f = small.layer_states(x)[-1], whole.predictions(x)
    if reads == "last":
        h, f = h[:, -1:], f[:, -1:]
    H = np.column_stack([h.reshape(-1, 2), np.ones(h[..., 0].size)])
    best = np.linalg.lstsq(H, f.reshape(len(H), -1), rcond=None)[0]
    np.testing.assert_allclose(found.w_output, best[:-1].T, atol=1e-8)
    np.testing.assert_allclose(found.b_output, best[-1], atol=1e-8)

    more = rng.normal(size=(300, 5, 3))

    def gap(net):
        difference = net.predictions(more) - whole.predictions(more)
        return float(np.square(difference[:, -1:] if reads == "last" else difference).sum())

    assert gap(refit_stack(whole, small, more, reads=reads, steps=3)) < 0.95 * gap(small)


@pytest.mark.parametrize("n", [1, 2, 4])
@pytest.mark.parametrize("kind", KINDS)
def test_few_sequences_are_fitted_with_a_warning(n, kind):
    rng = np.random.default_rng(8)
    whole = stack_of(kind, (6,), 1, 3, 2, rng)
    x = rng.normal(size=(n, 5, 3))
    small = prune_stack(whole, x, 4).pruned
    with pytest.warns(
        UserWarning, match=rf"parameters and only \d+ numbers to fit \({max(1, n - 1)}"
    ):
        fitted = refit_stack(whole, small, x)

    def gap(stack, part):
        return float(np.square(stack.predictions(part) - whole.predictions(part))[:, -1].sum())

    judged = x if n == 1 else x[-1:]
    assert gap(fitted, judged) <= gap(small, judged)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("kind", "plainly"), [("gru", False), ("plain", False), ("plain", True)])
def test_a_read_out_with_more_columns_than_sequences_is_hardly_moved(kind, plainly, seed):
    # A fixed small ridge made the error on other sequences up to six times as large.
    rng = np.random.default_rng(seed)
    whole = stack_of(kind, (32,), 1, 3, 5, rng, scale=0.3)
    x, others = rng.normal(size=(10, 8, 3)), rng.normal(size=(300, 8, 3))
    small, fit = prune_stack(whole, x, 12).pruned, refit_stack_read_out
    if plainly:
        whole, small, fit = as_rnn(whole), as_rnn(small), refit_read_out

    def gap(net):
        f = (net.predictions(others) - whole.predictions(others))[:, -1]
        return float(np.sqrt(np.square(f).mean()))

    assert gap(fit(whole, small, x)) <= 1.25 * gap(small)


def as_rnn(stack):
    ((cell,),) = stack.layers
    return RNN(
        cell.w_hidden, cell.w_input, cell.b_input + cell.b_hidden, stack.w_output, stack.b_output,
        "tanh",
    )  # fmt: skip
