"""An encoder-decoder over tokens: decoding, pruning, and the fit of the small one's own run."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.stacks import cell_of

from pruning.encoder_decoder import (
    EncoderDecoder,
    batches,
    felt,
    moments,
    padded,
    prune_encoder_decoder,
)
from pruning.encoder_decoder_refit import EncoderDecoderFit, refit_encoder_decoder


def network(rng, m=6, scale=0.8):
    return EncoderDecoder(
        cell_of("gru", m, 3, rng, scale),
        cell_of("gru", m, 3, rng, scale),
        rng.normal(size=(9, 3)),
        rng.normal(size=(7, 3)),
        np.eye(m),
        rng.normal(size=(7, m)),
        rng.normal(size=7),
        begin=2,
        end=3,
    )


def words(rng, n=40):
    return [rng.integers(0, 9, rng.integers(1, 7)).tolist() for _ in range(n)]


def by_hand(net, word, most=20):
    """One word, one step at a time."""
    h = np.zeros((1, net.encoder.m))
    for token in word:
        h = net.encoder.states(net.encoder_embedding[token][None, None], h)[0]
    state, now, said = h @ net.bridge.T, net.begin, []
    for _ in range(most):
        state = net.decoder.states(net.decoder_embedding[now][None, None], state)[0]
        now = int((state @ net.w_output.T + net.b_output).argmax())
        if now == net.end:
            break
        said.append(now)
    return said


def test_padded_words_are_decoded_as_each_alone():
    rng = np.random.default_rng(0)
    net, some = network(rng), words(rng)
    assert net.greedy(*padded(some)) == [by_hand(net, word) for word in some]


def test_keeping_every_node_changes_no_word():
    rng = np.random.default_rng(1)
    net, some = network(rng), words(rng)
    data = list(batches(net, some, 16))
    for choices in ({}, {"objective": "balanced"}, {"reconstruct": False}):
        whole = prune_encoder_decoder(net, data, 6, **choices)
        assert whole.greedy(*padded(some)) == net.greedy(*padded(some))


def test_moments_count_the_true_steps_and_the_start_of_the_decoder():
    rng = np.random.default_rng(2)
    net, some = network(rng), words(rng, 5)
    data = list(batches(net, some, 2))
    seen = moments(net, data)
    encoder, decoder = [], []
    for word, said in zip(some, net.greedy(*padded(some))):
        h = net.encoder.states(net.encoder_embedding[word][:, None])[:, 0]
        encoder.append(h)
        inputs = net.decoder_embedding[[net.begin, *said]]
        g = net.decoder.states(inputs[:, None], h[-1:])[:, 0]
        decoder += [h[-1:], g]
    for S, parts in ((seen.encoder, encoder), (seen.decoder, decoder)):
        rows = np.concatenate(parts)
        np.testing.assert_allclose(S, rows.T @ rows / len(rows), rtol=1e-10, atol=1e-12)


def test_products_are_the_derivative_and_each_others_adjoint():
    rng = np.random.default_rng(3)
    net = network(rng)
    data = list(batches(net, words(rng, 7), 3))
    small = prune_encoder_decoder(net, data, 3)
    fit = EncoderDecoderFit(net, small, data)
    theta = fit.flat(small)
    r, state = fit.residuals(theta)
    v, u = rng.normal(size=theta.size), rng.normal(size=r.size)
    step = 1e-6
    slope = (fit.residuals(theta + step * v)[0] - fit.residuals(theta - step * v)[0]) / (2 * step)
    np.testing.assert_allclose(fit.forward(state, v), slope, rtol=1e-5, atol=1e-7)
    forwards, backwards = float(fit.forward(state, v) @ u), float(v @ fit.backward(state, u))
    assert forwards == pytest.approx(backwards, rel=1e-9)


def test_the_weight_is_that_of_the_outputs_gradient():
    """W_o = 0 but one row: what is felt of the decoder's last state is that row alone."""
    rng = np.random.default_rng(4)
    net = network(rng)
    encoder, decoder = felt(net, list(batches(net, words(rng), 16)), rng)
    for M in (encoder, decoder):
        assert np.trace(M) == pytest.approx(1.0)
        assert np.linalg.eigvalsh(M).min() > -1e-12


def test_the_fit_does_not_make_held_out_words_worse():
    rng = np.random.default_rng(5)
    net = network(rng)
    data = list(batches(net, words(rng, 60), 20))
    held = list(batches(net, words(rng, 30), 30))
    small = prune_encoder_decoder(net, data, 3, objective="balanced")
    steps = []
    fitted = refit_encoder_decoder(net, small, data, held, steps=4, progress=steps.append)

    def gap(one):
        fit = EncoderDecoderFit(net, one, held)
        r, _ = fit.residuals(fit.flat(one), keep=False)
        return float(r @ r)

    assert gap(fitted) < gap(small)
    assert steps[-1].held_out < steps[0].held_out


def test_bad_sizes_are_one_sentence():
    rng = np.random.default_rng(6)
    net = network(rng)
    data = list(batches(net, words(rng), 16))
    with pytest.raises(ValueError, match="k must be an integer from 1 to 6, got 7"):
        prune_encoder_decoder(net, data, 7)
    with pytest.raises(ValueError, match="objective must be one of paper, balanced"):
        prune_encoder_decoder(net, data, 3, objective="best")


def test_a_step_that_is_no_number_is_infinitely_far():
    rng = np.random.default_rng(9)
    net = network(rng)
    data = list(batches(net, words(rng, 8), 4))
    fit = EncoderDecoderFit(net, net, data)
    r, _ = fit.residuals(np.full(fit.flat(net).size, np.nan))
    assert r @ r == np.inf


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        (
            {"objective": "balanced", "theta": 0.5},
            "theta must be left out with the objective 'balanced'",
        ),
        ({"method": "random", "theta": 0.5}, "theta must be left out with the method 'random'"),
        (
            {"objective": "balanced", "method": "random"},
            "method must be one of .* for the objective 'balanced'",
        ),
        (
            {"objective": "balanced", "method": "volume"},
            "method must be one of .* for the objective 'balanced'",
        ),
    ],
)
def test_what_has_no_effect_is_refused(choices, message):
    rng = np.random.default_rng(0)
    net = network(rng)
    with pytest.raises(ValueError, match=message):
        prune_encoder_decoder(net, list(batches(net, words(rng), 16)), 3, **choices)
