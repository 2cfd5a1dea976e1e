"""Fitting the small network to the large one's outputs (theory, section 11)."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pruning import RNN, prune_to, refit_closed_loop, refit_read_out, refitted
from pruning.observability import read_weights
from pruning.refit.closed_loop import _is_dense
from pruning.refit.held_out import split
from pruning.refit.products import Parameters, Sample
from pruning.refit.read_out import paired_moments

seeds = st.integers(0, 2**32)


def network(rng, m, q=2, d_x=2, act="tanh"):
    return RNN(
        rng.normal(size=(m, m)) / np.sqrt(max(1, m)),
        rng.normal(size=(m, d_x)),
        0.3 * rng.normal(size=m),
        rng.normal(size=(q, m)),
        rng.normal(size=q),
        act,
    )


def gap(large, small, x, w):
    each = np.square(large.predictions(x) - small.predictions(x)).sum(axis=2)
    return float(each.mean(axis=0) @ w)


@settings(max_examples=25, deadline=None)
@given(seeds, st.integers(0, 4), st.integers(1, 8), st.sampled_from(["last", "mean"]))
def test_the_read_out_is_the_least_squares_solution(seed, k, q, weights):
    rng = np.random.default_rng(seed)
    large, x = network(rng, 5, q), rng.normal(size=(30, 3, 2))
    small = prune_to(large, x, np.arange(k)).pruned
    w = read_weights(weights, 3)
    fitted = refit_read_out(large, small, x, weights, ridge=0.0)
    h = np.concatenate([small.states(x), np.ones((30, 3, 1))], axis=2) * np.sqrt(w)[:, None]
    f = large.predictions(x) * np.sqrt(w)[:, None]
    best = np.linalg.lstsq(h.reshape(90, -1), f.reshape(90, -1))[0]
    left = float(np.square(h.reshape(90, -1) @ best - f.reshape(90, -1)).sum()) / 30
    assert gap(large, fitted, x, w) == pytest.approx(left, rel=1e-6, abs=1e-9)
    moments = paired_moments(large, fitted, x, w)
    assert moments.gap(fitted, large) == pytest.approx(left, rel=1e-6, abs=1e-9)


def test_the_ridge_pulls_to_the_read_out_that_was_there():
    rng = np.random.default_rng(0)
    large, x = network(rng, 5), rng.normal(size=(30, 3, 2))
    small = prune_to(large, x, [0, 2]).pruned
    held = refit_read_out(large, small, x, ridge=1e12)
    np.testing.assert_allclose(held.w_output, small.w_output, atol=1e-9)


def test_a_node_that_is_dead_on_the_sample_keeps_its_read_out():
    rng = np.random.default_rng(0)
    large = network(rng, 4, act="relu")
    large = replace(large, w_hidden=0 * large.w_hidden, b_hidden=np.array([0, 0, 0, -99.0]))
    small = prune_to(large, rng.normal(size=(30, 3, 2)), [0, 3], reconstruct=False).pruned
    fitted = refit_read_out(large, small, rng.normal(size=(30, 3, 2)))
    np.testing.assert_allclose(fitted.w_output[:, 1], small.w_output[:, 1], rtol=1e-12)


def sample(rng, act, inputs, weights, tokens=False, k=3, n=6, T=4, q=2):
    small = network(rng, k, q, act=act)
    x = rng.integers(0, 2, size=(n, T)) if tokens else rng.normal(size=(n, T, 2))
    w = read_weights(weights, T)
    read = np.flatnonzero(w)
    target = rng.normal(size=(len(read), n, q))
    held = Sample(small, x, target, read, w[read], inputs)
    return held, held.parameters(small, small.w_output, small.b_output), small, target


def residuals(held, theta):
    return np.concatenate([chunk.gap.ravel() for chunk in held.chunks(theta)])


CASES = [
    (act, inputs, weights, tokens)
    for act in ("tanh", "logistic", "leaky_relu:0.25")
    for inputs, tokens in ((True, False), (False, False), (False, True))
    for weights in ("last", "mean")
]


@pytest.mark.parametrize(("act", "inputs", "weights", "tokens"), CASES)
def test_products_with_the_jacobian_are_differences_of_the_gaps(act, inputs, weights, tokens):
    rng = np.random.default_rng(11)
    held, theta, small, target = sample(rng, act, inputs, weights, tokens)
    [chunk] = held.chunks(theta)
    f = small.predictions(held.x)[:, held.read].transpose(1, 0, 2)
    np.testing.assert_allclose(chunk.gap, (f - target) * held.root[:, None, None], atol=1e-12)
    J = []
    for i in range(theta.size):
        unit = np.eye(theta.size)[i]
        step = 1e-6
        ahead, back = (theta.like(theta.flat() + sign * step * unit) for sign in (1, -1))
        J.append((residuals(held, ahead) - residuals(held, back)) / (2 * step))
        moved = held.forwards(theta, chunk, theta.like(unit)).ravel()
        np.testing.assert_allclose(moved, J[-1], rtol=1e-6, atol=1e-7)
    J = np.array(J).T
    u = rng.normal(size=chunk.gap.shape)
    pulled = Parameters(*held.backwards(theta, chunk, u)).flat()
    np.testing.assert_allclose(pulled, J.T @ u.ravel(), rtol=1e-5, atol=1e-6)
    v = rng.normal(size=theta.size)
    np.testing.assert_allclose(
        held.normal_product(theta, v), J.T @ (J @ v) / held.n, rtol=1e-5, atol=1e-6
    )
    np.testing.assert_allclose(
        held.gradient(theta), J.T @ chunk.gap.ravel() / held.n, rtol=1e-5, atol=1e-6
    )
    if weights == "last":
        A = held.normal_matrix(theta)
        np.testing.assert_allclose(A, J.T @ J / held.n, rtol=1e-4, atol=1e-4 * np.abs(A).max())


@pytest.mark.parametrize("solver", ["dense", "cg"])
@pytest.mark.parametrize("act", ["tanh", "relu"])
def test_the_closed_loop_finds_weights_that_exist(solver, act):
    rng = np.random.default_rng(4)
    whole = network(rng, 4, act=act)
    # Every node twice, one of each pair with half of the read-out: four nodes can do it exactly.
    twice = RNN(
        np.kron(whole.w_hidden, [[0.5, 0.5], [0.5, 0.5]]),
        np.repeat(whole.w_input, 2, axis=0),
        np.repeat(whole.b_hidden, 2),
        np.repeat(whole.w_output, 2, axis=1) / 2,
        whole.b_output,
        act,
    )
    x = rng.normal(size=(300, 5, 2))
    start = prune_to(twice, x, [0, 2, 4, 6]).pruned
    spoiled = replace(start, w_hidden=start.w_hidden + 0.05 * rng.normal(size=(4, 4)))
    w = read_weights("last", 5)
    fitted = refit_closed_loop(twice, spoiled, x, solver=solver, steps=40, patience=10)
    # Kinks make the last digits of ReLU slow.
    share = 1e-4 if act == "tanh" else 0.03
    assert gap(twice, fitted, x, w) < share * gap(twice, spoiled, x, w)


@settings(max_examples=10, deadline=None)
@given(
    seeds,
    st.integers(1, 4),
    st.sampled_from([1, 3, 12]),
    st.integers(1, 3),
    st.sampled_from(["last", "mean"]),
    st.booleans(),
)
def test_never_worse_on_the_held_out_sequences_than_the_start(seed, k, q, T, weights, tokens):
    rng = np.random.default_rng(seed)
    large = network(rng, 4, q, act="relu")
    x = rng.integers(0, 2, size=(30, T)) if tokens else rng.normal(size=(30, T, 2))
    small = prune_to(large, x, np.arange(k)).pruned
    seen = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted = refit_closed_loop(
            large, small, x, weights, steps=3, iterations=10, progress=seen.append
        )
    w, (_, held) = read_weights(weights, T), split(30, 0.2)
    before, after = (gap(large, rnn, x[held], w) for rnn in (small, fitted))
    assert seen[0].held_out == pytest.approx(before, rel=1e-6, abs=1e-12)
    assert after == pytest.approx(min(step.held_out for step in seen), rel=1e-6, abs=1e-12)
    assert fitted.d_x == large.d_x
    assert fitted.d_y == q
    if tokens:
        np.testing.assert_array_equal(fitted.w_input, small.w_input)


def test_without_nodes_the_bias_is_the_mean_output():
    rng = np.random.default_rng(6)
    large, x = network(rng, 3), rng.normal(size=(40, 3, 2))
    fitted = refit_closed_loop(large, prune_to(large, x, []).pruned, x)
    np.testing.assert_allclose(fitted.b_output, large.predictions(x)[:, -1].mean(axis=0))


def test_few_sequences_are_warned_of_and_still_do_no_harm():
    rng = np.random.default_rng(7)
    large, x = network(rng, 6), rng.normal(size=(5, 3, 2))
    small = prune_to(large, x, [0, 1, 2]).pruned
    with pytest.warns(UserWarning, match="26 parameters and only 8 numbers to fit"):
        fitted = refit_closed_loop(large, small, x)
    assert np.isfinite(fitted.predictions(x)).all()


RNN_A = network(np.random.default_rng(0), 3)
X = np.random.default_rng(1).normal(size=(40, 3, 2))


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda: refit_closed_loop(RNN_A, network(np.random.default_rng(0), 2, 3), X), "d_y"),
        (
            lambda: refit_closed_loop(RNN_A, network(np.random.default_rng(0), 2, act="relu"), X),
            "activation",
        ),
        (lambda: refit_closed_loop(RNN_A, RNN_A, X, solver="qr"), "solver must be one of"),
        (
            lambda: refit_closed_loop(RNN_A, RNN_A, X, "mean", solver="dense"),
            "solver must be cg or auto unless the last step alone is read",
        ),
        (lambda: refit_closed_loop(RNN_A, RNN_A, X, held_out=1.0), "held_out must lie strictly"),
        (lambda: refit_closed_loop(RNN_A, RNN_A, X, ridge=-1), "ridge must be at least 0"),
        (lambda: refit_read_out(RNN_A, RNN_A, X, ridge=-1), "ridge must be at least 0"),
        (
            lambda: refit_closed_loop(RNN_A, RNN_A, np.zeros((9, 3), np.int64), inputs=True),
            "inputs must be False or None for tokens",
        ),
        (lambda: refit_closed_loop(RNN_A, RNN_A, X[:, :, :1]), "x must have shape"),
    ],
)
def test_bad_input_is_one_sentence(act, message):
    with pytest.raises(ValueError, match=message):
        act()


def test_a_start_that_overflows_is_named():
    rnn = RNN([[1e300]], [[1.0]], [0.0], [[1.0]], [0.0], "identity")
    fine = replace(rnn, w_hidden=np.zeros((1, 1)))
    with pytest.raises(ValueError, match="small must stay within the range of floats"):
        refit_closed_loop(fine, rnn, np.ones((10, 4, 1)))


@pytest.mark.parametrize(("weights", "dense"), [("last", True), ("mean", False)])
def test_the_normal_matrix_is_formed_only_where_the_last_step_alone_is_read(weights, dense):
    held, theta, _, _ = sample(np.random.default_rng(0), "tanh", True, weights, False)
    # Where products are dear enough that the matrix would be taken if it could be.
    assert _is_dense("auto", theta, held, 10**6) is dense


def test_a_gap_that_floats_cannot_tell_is_not_0():
    rng = np.random.default_rng(13)
    large, x = network(rng, 4), rng.normal(size=(20, 3, 2))
    large = replace(large, w_output=1e200 * np.ones((2, 4)))
    moments = paired_moments(large, large, x, read_weights("last", 3))
    other = replace(large, w_output=np.array([[1e200, -1e200, 0, 0], [0, 0, 0, 0]]))
    assert moments.gap(other, large) == np.inf


@pytest.mark.parametrize("act", ["relu", "identity"])
@pytest.mark.parametrize("T", [30, 55, 60, 90])
@pytest.mark.parametrize("refit", ["read-out", "closed-loop"])
def test_states_of_an_unstable_network_are_fitted_or_refused_in_a_sentence(act, T, refit):
    # States of 1e3^T: beyond single precision from T = 13 on, their squares from T = 52.
    rng = np.random.default_rng(12)
    large = network(rng, 4, act=act)
    large = replace(large, w_hidden=1e3 * np.eye(4) + large.w_hidden)
    x = np.abs(rng.normal(size=(40, T, 2)))
    pruned = prune_to(large, x, [0, 2])

    def error(net):
        return np.linalg.norm(large.predictions(x)[:, -1] - net.predictions(x)[:, -1])

    if T > 52:
        with pytest.raises(ValueError, match="must have squares within the range of floats"):
            refitted(pruned, x, refit)
    else:
        before, after = (error(net) for net in (pruned.pruned, refitted(pruned, x, refit).pruned))
        # Of 8 sequences that are held out one decides: the read-out may stay.
        assert after < before or (refit == "read-out" and after == before)
