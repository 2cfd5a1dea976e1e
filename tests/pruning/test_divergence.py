"""Fitting to the large network's distribution over classes (theory, section 11)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import log_softmax, softmax

from pruning import (
    RNN,
    Observability,
    balanced_weight,
    observed_weight,
    prune_to,
    refit_divergence,
    softmax_network,
    spectral_prune,
)
from pruning.observability import read_weights
from pruning.refit.divergence import Divergence
from pruning.refit.held_out import split

seeds = st.integers(0, 2**32)
sizes = st.tuples(st.integers(0, 4), st.integers(2, 6), st.sampled_from([1, 4]))
READS = ["last", "mean"]


def network(rng, m, q=3, d_x=2, act="tanh"):
    return RNN(
        rng.normal(size=(m, m)) / np.sqrt(max(1, m)),
        rng.normal(size=(m, d_x)),
        0.3 * rng.normal(size=m),
        rng.normal(size=(q, m)),
        rng.normal(size=q),
        act,
    )


def sequences(rng, n, T, tokens):
    return rng.integers(0, 2, size=(n, T)) if tokens else rng.normal(size=(n, T, 2))


def divergence(large, small, x, w):
    """By the definition, from SciPy's softmax."""
    f, own = large.predictions(x), small.predictions(x)
    gap = log_softmax(f, axis=2) - log_softmax(own, axis=2)
    return float((softmax(f, axis=2) * gap).sum(axis=2).mean(axis=0) @ w)


@settings(max_examples=30, deadline=None)
@given(seeds, sizes, st.sampled_from(READS), st.booleans(), st.booleans(), st.booleans())
def test_value_and_gradient_are_those_of_the_definition(seed, size, reads, tokens, moves, inputs):
    rng = np.random.default_rng(seed)
    k, q, T = size
    large, x = network(rng, 5, q), sequences(rng, 7, T, tokens)
    small = prune_to(large, x, np.arange(k)).pruned
    w = read_weights(reads, T)
    inputs = inputs and moves and not tokens
    D = Divergence(large, small, x, w, moves, inputs, "float64")
    value, gradient = D.value_and_gradient(D.start)
    assert value == pytest.approx(divergence(large, small, x, w), rel=1e-9, abs=1e-12)
    assert D.value(D.start) == pytest.approx(value, rel=1e-12, abs=1e-15)

    def at(V, Y):
        own = V[:, k:-1] if inputs else small.w_input
        return RNN(V[:, :k], own, V[:, -1], Y[:, :k], Y[:, k], "tanh")

    V, Y = D.start.V, D.start.Y
    dV, dY = rng.normal(size=V.shape) * moves, rng.normal(size=Y.shape)
    h = 1e-5
    ends = [divergence(large, at(V + s * dV, Y + s * dY), x, w) for s in (h, -h)]
    slope = float(np.vdot(gradient.V, dV) + np.vdot(gradient.Y, dY))
    assert slope == pytest.approx((ends[0] - ends[1]) / (2 * h), rel=1e-5, abs=1e-7)


@settings(max_examples=20, deadline=None)
@given(seeds, sizes, st.sampled_from(READS), st.booleans(), st.booleans())
def test_never_worse_on_the_held_out_sequences_than_the_start(seed, size, reads, tokens, moves):
    rng = np.random.default_rng(seed)
    k, q, T = size
    large = network(rng, 4, q, act="relu")
    x = sequences(rng, 30, T, tokens)
    small = prune_to(large, x, np.arange(k)).pruned
    seen = []
    fitted = refit_divergence(
        large, small, x, reads, fit_recursion=moves, dtype="float64", progress=seen.append
    )
    w, (_, held) = read_weights(reads, T), split(30, 0.2)
    before, after = (divergence(large, rnn, x[held], w) for rnn in (small, fitted))
    assert seen[0].held_out == pytest.approx(before, rel=1e-6, abs=1e-9)
    assert after == pytest.approx(min(step.held_out for step in seen), rel=1e-6, abs=1e-9)
    if not moves:
        np.testing.assert_array_equal(fitted.w_hidden, small.w_hidden)
    if tokens:
        np.testing.assert_array_equal(fitted.w_input, small.w_input)


@pytest.mark.parametrize("moves", [False, True])
def test_it_finds_weights_that_exist(moves):
    rng = np.random.default_rng(2)
    large, x = network(rng, 4, 5), rng.normal(size=(300, 4, 2))
    start = RNN(
        large.w_hidden + 0.1 * moves * rng.normal(size=(4, 4)),
        large.w_input,
        large.b_hidden,
        large.w_output + rng.normal(size=(5, 4)),
        large.b_output,
        "tanh",
    )
    w = read_weights("mean", 4)
    fitted = refit_divergence(
        large, start, x, "mean", fit_recursion=moves, steps=200, patience=20, dtype="float64"
    )
    assert divergence(large, fitted, x, w) < 1e-4 * divergence(large, start, x, w)


def test_the_read_out_found_is_the_minimum_of_a_convex_function():
    """A second start ends at the same divergence."""
    rng = np.random.default_rng(3)
    large, x = network(rng, 6, 4), rng.normal(size=(400, 3, 2))
    small = prune_to(large, x, [0, 3, 5]).pruned
    other = RNN(small.w_hidden, small.w_input, small.b_hidden, np.zeros((4, 3)), np.zeros(4))
    other = RNN(**{**other.weights}, activation="tanh")
    w, (fit, _) = read_weights("last", 3), split(400, 0.2)
    options = {"steps": 300, "patience": 300, "dtype": "float64"}
    ends = []
    for start in (small, other):
        seen = []
        refit_divergence(large, start, x, progress=seen.append, **options)
        ends.append(seen[-1].fitted)
    assert ends[0] == pytest.approx(ends[1], rel=1e-3)
    assert ends[0] < divergence(large, small, x[fit], w)


@settings(max_examples=20, deadline=None)
@given(seeds, st.integers(1, 5), st.integers(2, 8), st.sampled_from(READS))
def test_the_softmax_network_counts_gaps_as_the_divergence_does(seed, m, q, reads):
    rng = np.random.default_rng(seed)
    rnn, x = network(rng, m, q), rng.normal(size=(12, 3, 2))
    w = read_weights(reads, 3)
    seen = softmax_network(rnn, x, reads)
    p = softmax(rnn.predictions(x), axis=2)
    F = np.einsum("ntq,qr->ntqr", p, np.eye(q)) - np.einsum("ntq,ntr->ntqr", p, p)
    M = rnn.w_output.T @ np.einsum("t,ntqr->qr", w, F) @ rnn.w_output / len(x)
    np.testing.assert_allclose(
        seen.w_output.T @ seen.w_output, M, rtol=1e-7, atol=1e-9 * np.trace(M)
    )
    np.testing.assert_array_equal(seen.states(x), rnn.states(x))


def test_half_a_squared_gap_in_the_exact_metric_is_the_divergence_to_second_order():
    rng = np.random.default_rng(5)
    rnn, x = network(rng, 4, 6), rng.normal(size=(1, 3, 2))
    near = 1e-3 * rng.normal(size=rnn.w_output.shape)[:, :1] * np.ones((1, 4))
    moved = RNN(
        rnn.w_hidden, rnn.w_input, rnn.b_hidden, rnn.w_output, rnn.b_output + near[:, 0], "tanh"
    )
    p = softmax(rnn.predictions(x)[0, -1])
    d = near[:, 0]
    second = (p @ d**2 - (p @ d) ** 2) / 2
    assert divergence(rnn, moved, x, read_weights("last", 3)) == pytest.approx(second, rel=1e-2)


def test_words_that_nothing_is_read_from_are_not_felt():
    """A class that is never probable may have any read-out: its gaps cost nothing."""
    rng = np.random.default_rng(6)
    rnn, x = network(rng, 4, 3), rng.normal(size=(20, 3, 2))
    loud = RNN(
        rnn.w_hidden,
        rnn.w_input,
        rnn.b_hidden,
        np.vstack([rnn.w_output, 50 * rng.normal(size=(1, 4))]),
        np.append(rnn.b_output, -1e4),
        "tanh",
    )
    a, b = (softmax_network(net, x).w_output for net in (rnn, loud))
    np.testing.assert_allclose(a.T @ a, b.T @ b, rtol=1e-9, atol=1e-12)


def test_a_language_model_counts_by_its_softmax_and_other_networks_by_numbers():
    rng = np.random.default_rng(7)
    words = 9
    rnn = network(rng, 6, words, words)
    x = rng.integers(0, words, size=(60, 5))
    options = {"objective": "balanced", "targets": "every", "refit": "closed-loop"}
    ours = spectral_prune(rnn, x, 3, **options)
    said = spectral_prune(rnn, x, 3, outputs="logits", **options)
    numbers = spectral_prune(rnn, x, 3, outputs="numbers", **options)
    w = read_weights("mean", 5)
    for a, b in zip(ours.pruned.weights.values(), said.pruned.weights.values()):
        np.testing.assert_array_equal(a, b)
    assert not np.allclose(numbers.pruned.w_output, ours.pruned.w_output)
    assert divergence(rnn, ours.pruned, x, w) < divergence(rnn, numbers.pruned, x, w)
    M = observed_weight(rnn, x, "every", 3)
    generator = np.random.default_rng(3)
    drawn = x[generator.permutation(60)]
    net = softmax_network(rnn, drawn, "mean")
    want = balanced_weight(Observability(net, 5, "mean", 1, generator).update(drawn))
    np.testing.assert_allclose(M, want)


def test_one_output_for_each_of_other_tokens_is_no_language_model():
    rng = np.random.default_rng(8)
    rnn, x = network(rng, 5, 4, 6), rng.integers(0, 6, size=(60, 4))
    a, b = (
        spectral_prune(rnn, x, 2, refit="read-out", outputs=outputs)
        for outputs in (None, "numbers")
    )
    np.testing.assert_array_equal(a.pruned.w_output, b.pruned.w_output)


def loud(rnn):
    return replace(rnn, w_output=1e300 * rnn.w_output)


RNN_A = network(np.random.default_rng(0), 3)
X = np.random.default_rng(1).normal(size=(40, 3, 2))


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (
            lambda: refit_divergence(*[network(np.random.default_rng(0), 3, 1)] * 2, X),
            "at least 2 outputs, the logits of classes, got 1",
        ),
        (lambda: refit_divergence(RNN_A, RNN_A, X, inputs=True), "inputs must be False or None"),
        (lambda: refit_divergence(RNN_A, RNN_A, X, dtype="half"), "dtype must be one of"),
        (lambda: refit_divergence(RNN_A, RNN_A, X, held_out=0), "held_out must lie strictly"),
        (
            lambda: refit_divergence(
                RNN_A, RNN([[1e300]], [[1, 1]], [0], np.ones((3, 1)), np.zeros(3), "tanh"), X
            ),
            None,
        ),
        (
            lambda: refit_divergence(
                network(np.random.default_rng(0), 3, act="identity"),
                RNN([[1e300]], [[1, 1]], [0], np.ones((3, 1)), np.zeros(3), "identity"),
                X,
            ),
            "small must stay within the range of floats on x, left it",
        ),
        (
            lambda: refit_divergence(loud(RNN_A), RNN_A, X),
            "large must stay within the range of float32 on x, left it",
        ),
        (
            lambda: refit_divergence(RNN_A, loud(RNN_A), X),
            "small must stay within the range of floats on x, left it",
        ),
        (
            lambda: softmax_network(loud(RNN_A), X),
            "the outputs must stay within the range of floats on x, left it",
        ),
        (lambda: softmax_network(RNN_A, X, most=0), "most must be an integer of at least 1, got 0"),
        (
            lambda: spectral_prune(RNN_A, X, 2, refit="read-out", outputs="words"),
            "outputs must be one of numbers, logits",
        ),
    ],
)
def test_bad_input_is_one_sentence(act, message):
    if message is None:
        assert np.isfinite(act().w_output).all()
        return
    with pytest.raises(ValueError, match=message):
        act()


def test_without_nodes_the_bias_is_that_of_the_mean_distribution():
    rng = np.random.default_rng(9)
    large, x = network(rng, 3, 4), np.tile(rng.normal(size=(10, 2, 2)), (10, 1, 1))
    fitted = refit_divergence(
        large, prune_to(large, x, []).pruned, x, dtype="float64", steps=200, patience=200
    )
    mean = softmax(large.predictions(x)[:, -1], axis=1).mean(axis=0)
    np.testing.assert_allclose(softmax(fitted.b_output), mean, atol=1e-4)


def test_parameters_of_all_blocks_come_back():
    """The coordinates are an affine map: at 0 the start, and the gradient by its transpose."""
    rng = np.random.default_rng(10)
    large, x = network(rng, 4, 3), rng.normal(size=(20, 3, 2))
    small = prune_to(large, x, [0, 2]).pruned
    D = Divergence(large, small, x, read_weights("mean", 3), True, True, "float64")
    at, v = D.coordinates(), rng.normal(size=D.start.size)
    np.testing.assert_array_equal(at.at(0 * v), D.start.flat())
    g = rng.normal(size=D.start.size)
    moved = at.at(v) - D.start.flat()
    np.testing.assert_allclose(at.move(v), moved, atol=1e-12)
    assert float(at.pull(g) @ v) == pytest.approx(float(g @ moved))
