"""Stacks fitted to the distribution over classes of the whole one (theory, section 11)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from helpers.stacks import KINDS, cell_of, stack_of
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import log_softmax, softmax

from pruning import RNN, refit_divergence, softmax_network
from pruning.cells.plain import Plain
from pruning.refit.held_out import split
from pruning.stack import Stack
from pruning.stack_balanced import balanced_weights, softmax_stack
from pruning.stack_fit import StackDivergence
from pruning.stack_pruning import prune_stack, prune_stack_to
from pruning.stack_refit import refit_stack, refit_stack_read_out

pytestmark = pytest.mark.filterwarnings("ignore:the closed loop has")

seeds = st.integers(0, 2**32)
LENGTHS = np.array([4, 2, 3, 1, 4])
FINE = {"outputs": "logits", "dtype": "float64"}


def counted(values, lengths, reads):
    """The outputs that count, one after the other, by a loop."""
    n, T = values.shape[:2]
    ends = [T] * n if lengths is None else lengths
    first = [0] * n if reads == "every" else [end - 1 for end in ends]
    return np.concatenate([values[i, a:b] for i, (a, b) in enumerate(zip(first, ends))])


def divergence(whole, small, x, reads="last", lengths=None):
    """By the definition, from SciPy's softmax."""
    f, own = (counted(net.predictions(x, lengths), lengths, reads) for net in (whole, small))
    gap = log_softmax(f, axis=1) - log_softmax(own, axis=1)
    return float((softmax(f, axis=1) * gap).sum(axis=1).mean())


@pytest.mark.parametrize("moves", [False, True])
@pytest.mark.parametrize("reads", ["last", "every"])
@pytest.mark.parametrize("kind", KINDS)
def test_value_and_gradient_are_those_of_the_definition(kind, reads, moves):
    rng = np.random.default_rng(0)
    whole, small = (stack_of(kind, sizes, 2, 3, 4, rng) for sizes in ((4, 3), (3, 2)))
    x = rng.normal(size=(5, 4, 3))
    D = StackDivergence(whole, small, x, LENGTHS, reads, moves=moves, dtype="float64")
    theta = D.weights.flat(small)
    value, gradient = D.value_and_gradient(theta)
    assert value == pytest.approx(divergence(whole, small, x, reads, LENGTHS), rel=1e-10)
    assert D.value(theta) == pytest.approx(value, rel=1e-12)
    v, step = rng.normal(size=theta.size), 1e-5
    ends = (
        divergence(whole, D.weights.with_weights(theta + s * step * v), x, reads, LENGTHS)
        for s in (1, -1)
    )
    slope = (next(ends) - next(ends)) / (2 * step)
    assert float(gradient @ v) == pytest.approx(slope, rel=1e-6, abs=1e-9)


def test_in_the_coordinates_what_each_block_reads_has_second_moment_one():
    """Of the true steps alone, in a second direction from the true end, by a loop."""
    rng = np.random.default_rng(1)
    stack = stack_of("gru", (3, 2), 2, 2, 4, rng)
    x = rng.normal(size=(40, 4, 2))
    lengths = rng.integers(1, 5, size=40)
    D = StackDivergence(stack, stack, x, lengths, "every", moves=True, dtype="float64")
    theta = D.weights.flat(stack)
    at = D.coordinates(theta)
    states = stack.layer_states(x, lengths)[0]
    read, before = [], []
    for i, n in enumerate(lengths):
        turned = states[i, :n][::-1]
        read.extend(turned)
        h = stack.layers[1][1].states(turned[:, None])[:, 0]
        before.extend([np.zeros(2), *h[:-1]])
    # Blocks of a cell are [W_i, b_i] and [W_h, b_h]; this is the second cell of the second layer.
    for (_, right), z in zip(at.factors[6:8], (read, before), strict=True):
        z = np.column_stack([z, np.ones(len(z))])
        moment = z.T @ z / len(z)
        mu = np.linalg.eigvalsh(moment)
        found = np.linalg.eigvalsh(right.T @ moment @ right)
        np.testing.assert_allclose(found, mu / (mu + 1e-3 * mu.mean()), rtol=1e-9)
    assert at.factors[-1][0].shape == (4,)
    v = rng.normal(size=at.size)
    np.testing.assert_allclose(at.at(v), theta + at.move(v), rtol=1e-12)
    g = rng.normal(size=theta.size)
    assert float(at.pull(g) @ v) == pytest.approx(float(g @ at.move(v)))


@pytest.mark.parametrize("kind", KINDS)
def test_where_a_pruned_network_is_exact_the_fit_ends_there(kind):
    """Two nodes are twins of others: with half the nodes nothing is lost, and it is found again."""
    rng = np.random.default_rng(4)
    small = stack_of(kind, (2,), 1, 2, 5, rng)
    cell = small.layers[0][0]
    rows = np.concatenate([2 * g + np.array([0, 1, 0, 1]) for g in range(len(cell.b_input) // 2)])
    twins = replace(
        cell,
        w_input=cell.w_input[rows],
        w_hidden=np.tile(cell.w_hidden[rows] / 2, (1, 2)),
        b_input=cell.b_input[rows],
        b_hidden=cell.b_hidden[rows],
    )
    whole = Stack(((twins,),), np.tile(small.w_output / 2, (1, 2)), small.b_output)
    x = rng.normal(size=(80, 4, 2))
    pruned = prune_stack_to(whole, x, [[[0, 1]]], tau=0.0).pruned
    assert divergence(whole, pruned, x, "every") < 1e-10
    layers = (
        tuple(
            replace(one, w_hidden=one.w_hidden + 0.1 * rng.normal(size=one.w_hidden.shape))
            for one in pruned.layers[0]
        ),
    )
    w_output = pruned.w_output + 0.1 * rng.normal(size=pruned.w_output.shape)
    start = replace(pruned, layers=layers, w_output=w_output)
    before = divergence(whole, start, x, "every")
    fitted = refit_stack(whole, start, x, reads="every", steps=150, **FINE)
    assert before > 1e-4
    assert divergence(whole, fitted, x, "every") < 1e-3 * before


@pytest.mark.parametrize("fit", [refit_stack, refit_stack_read_out])
@settings(max_examples=15, deadline=None)
@given(
    seeds,
    st.sampled_from(KINDS),
    st.tuples(st.integers(1, 3), st.integers(2, 5), st.sampled_from([1, 3]), st.integers(1, 2)),
    st.sampled_from(["last", "every"]),
    st.booleans(),
    st.booleans(),
)
def test_never_worse_on_the_held_out_sequences(fit, seed, kind, size, reads, ragged, dead):
    rng = np.random.default_rng(seed)
    k, q, T, directions = size
    whole = stack_of(kind, (4, 3), directions, 2, q, rng)
    small = stack_of(kind, (k, k), directions, 2, q, rng, scale=0.0 if dead else 0.6)
    x = rng.normal(size=(10, T, 2))
    lengths = rng.integers(1, T + 1, size=10) if ragged else None
    seen = []
    fitted = fit(whole, small, x, lengths, reads=reads, steps=3, progress=seen.append, **FINE)
    _, held = split(10, 0.2)
    part = None if lengths is None else lengths[held]
    before, after = (divergence(whole, net, x[held], reads, part) for net in (small, fitted))
    assert seen[0].held_out == pytest.approx(before, rel=1e-9, abs=1e-12)
    assert after <= before
    assert after == pytest.approx(min(step.held_out for step in seen), rel=1e-9, abs=1e-12)
    if fit is refit_stack_read_out:
        assert all(a is b for a, b in zip(sum(fitted.layers, ()), sum(small.layers, ())))


def plain(rng, m, q, d=2):
    weights = rng.normal(size=(m, m)) / np.sqrt(m), rng.normal(size=(m, d)), rng.normal(size=m)
    rnn = RNN(*weights, rng.normal(size=(q, m)), rng.normal(size=q), "tanh")
    cell = Plain(rnn.w_input, rnn.w_hidden, rnn.b_hidden, np.zeros(m), rnn.activation)
    return rnn, Stack(((cell,),), rnn.w_output, rnn.b_output)


def test_the_read_out_of_a_plain_stack_ends_where_that_of_the_plain_network_does():
    """Two ways to run the same convex function."""
    rng = np.random.default_rng(3)
    (large, whole), (little, small) = plain(rng, 6, 4), plain(rng, 3, 4)
    x = rng.normal(size=(200, 3, 2))
    theirs, ours = [], []
    refit_divergence(
        large, little, x, "mean", steps=300, patience=300, dtype="float64", progress=theirs.append
    )
    refit_stack_read_out(whole, small, x, reads="every", steps=300, progress=ours.append, **FINE)
    assert ours[0].fitted == pytest.approx(theirs[0].fitted, rel=1e-10)
    least = min(step.fitted for step in theirs)
    assert min(step.fitted for step in ours) == pytest.approx(least, rel=1e-2)
    assert ours[-1].fitted < 0.9 * ours[0].fitted


@settings(max_examples=20, deadline=None)
@given(seeds, st.integers(1, 4), st.integers(2, 6), st.sampled_from(["last", "every"]))
def test_the_softmax_stack_counts_gaps_as_the_divergence_does(seed, m, q, reads):
    rng = np.random.default_rng(seed)
    stack, x = stack_of("gru", (m,), 2, 2, q, rng), rng.normal(size=(5, 4, 2))
    seen = softmax_stack(stack, x, LENGTHS, reads=reads)
    p = softmax(counted(stack.predictions(x, LENGTHS), LENGTHS, reads), axis=1)
    F = np.mean([np.diag(one) - np.outer(one, one) for one in p], axis=0)
    M = stack.w_output.T @ F @ stack.w_output
    np.testing.assert_allclose(
        seen.w_output.T @ seen.w_output, M, rtol=1e-7, atol=1e-9 * np.trace(M)
    )
    assert seen.layers[0][0] is stack.layers[0][0]


def test_the_softmax_stack_of_a_plain_network_is_its_softmax_network():
    rng = np.random.default_rng(4)
    rnn, stack = plain(rng, 4, 5)
    x = rng.normal(size=(30, 3, 2))
    for reads, weights in (("last", "last"), ("every", "mean")):
        a = softmax_network(rnn, x, weights).w_output
        b = softmax_stack(stack, x, reads=reads).w_output
        np.testing.assert_allclose(a.T @ a, b.T @ b, rtol=1e-9, atol=1e-12)


def language_model(rng, words=9, m=5):
    cell = cell_of("gru", m, 3, rng)
    table = rng.normal(size=(words, 3))
    return Stack(((cell,),), 2 * rng.normal(size=(words, m)), rng.normal(size=words), table)


def test_a_language_model_counts_by_its_softmax_and_other_networks_by_numbers():
    rng = np.random.default_rng(5)
    whole = language_model(rng)
    x = rng.integers(0, 9, size=(60, 5))
    small = prune_stack(whole, x, 3).pruned
    for fit in (refit_stack, refit_stack_read_out):
        ours, logits, numbers = (
            fit(whole, small, x, reads="every", outputs=outputs)
            for outputs in (None, "logits", "numbers")
        )
        np.testing.assert_array_equal(ours.w_output, logits.w_output)
        assert divergence(whole, ours, x, "every") < divergence(whole, numbers, x, "every")
    by_default, logits, numbers = (
        balanced_weights(whole, x, reads="every", outputs=outputs)[0]
        for outputs in (None, "logits", "numbers")
    )
    np.testing.assert_array_equal(by_default, logits)
    assert not np.allclose(by_default, numbers, rtol=1e-3)
    tagger = replace(whole, w_output=whole.w_output[:4], b_output=whole.b_output[:4])
    a, b = (balanced_weights(tagger, x, outputs=outputs)[0] for outputs in (None, "numbers"))
    np.testing.assert_array_equal(a, b)


def test_a_word_that_is_never_probable_is_not_felt():
    rng = np.random.default_rng(6)
    stack, x = stack_of("lstm", (4,), 1, 2, 3, rng), rng.normal(size=(20, 3, 2))
    loud = replace(
        stack,
        w_output=np.vstack([stack.w_output, 50 * rng.normal(size=(1, 4))]),
        b_output=np.append(stack.b_output, -1e4),
    )
    a, b = (balanced_weights(net, x, outputs="logits")[0] for net in (stack, loud))
    np.testing.assert_allclose(a, b, atol=1e-6)


def test_weights_that_are_not_finite_are_infinitely_far():
    """A cell alone beyond the range is, too: none of its weights may come back as a fit."""
    rng = np.random.default_rng(9)
    stack, x = stack_of("gru", (2,), 1, 2, 3, rng), rng.normal(size=(4, 3, 2))
    D = StackDivergence(stack, stack, x, None, "last", moves=True, dtype="float64")
    theta = D.weights.flat(stack)
    for bad in (np.inf, np.nan):
        theta[0] = bad
        value, gradient = D.value_and_gradient(theta)
        assert value == D.value(theta) == np.inf
        assert not gradient.any()


def test_one_sequence_of_one_step_has_its_read_out_fitted():
    rng = np.random.default_rng(7)
    whole, small = (stack_of("gru", (m,), 1, 2, 3, rng) for m in (4, 2))
    x = rng.normal(size=(1, 1, 2))
    fitted = refit_stack_read_out(whole, small, x, steps=20, **FINE)
    assert divergence(whole, fitted, x) < 1e-6 < divergence(whole, small, x)


def test_bad_input_is_one_sentence():
    rng = np.random.default_rng(8)
    whole, small = (stack_of("gru", (m,), 1, 2, 3, rng) for m in (4, 2))
    x = rng.normal(size=(10, 3, 2))
    one, one_small = (replace(net, w_output=net.w_output[:1], b_output=net.b_output[:1])
                      for net in (whole, small))  # fmt: skip
    for fit in (refit_stack, refit_stack_read_out):
        with pytest.raises(ValueError, match="at least 2 outputs, the logits of classes, got 1"):
            fit(one, one_small, x, outputs="logits")
        with pytest.raises(ValueError, match="outputs must be one of numbers, logits"):
            fit(whole, small, x, outputs="words")
        with pytest.raises(ValueError, match="dtype must be one of float32, float64"):
            fit(whole, small, x, outputs="logits", dtype="half")
        with pytest.raises(ValueError, match="whole must stay within the range of float32 on x"):
            fit(replace(whole, w_output=1e300 * whole.w_output), small, x, outputs="logits")
        with pytest.raises(ValueError, match="small must stay within the range of floats on x"):
            fit(whole, replace(small, w_output=1e300 * small.w_output), x, outputs="logits")
    with pytest.raises(ValueError, match="held_out must lie strictly between 0 and 1, got 0"):
        refit_stack_read_out(whole, small, x, outputs="logits", held_out=0)
