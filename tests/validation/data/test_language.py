"""Texts as tokens, windows and perplexity."""

import dataclasses
import hashlib
import math

import numpy as np
import pytest

from pruning.rnn import RNN
from validation.data import language, sources
from validation.data.language import corpus, perplexity, sampled_windows, windows

TEXT = {
    "ptb.train.txt": " the cat <unk> the mat \n the dog \n a cat \n",
    "ptb.valid.txt": " a dog \n",
    "ptb.test.txt": " the cat a dog \n the mat \n",
}


@pytest.fixture
def small_text(monkeypatch, tmp_path):
    """A text of a few words in the place of the Penn Treebank, and one for the speeches."""
    speeches = "\n\f\n".join(f"Speech {i}, isn't it?\n\nSaid 1,234 times." for i in range(10))
    texts = {"ptb": TEXT, "sotu": {"sotu.txt": speeches}}
    for name, files in texts.items():
        digests = {}
        (tmp_path / name).mkdir()
        for file, text in files.items():
            (tmp_path / name / file).write_bytes(text.encode())
            digests[file] = hashlib.sha256(text.encode()).hexdigest()
        source = dataclasses.replace(sources.SOURCES[name], files=digests)
        monkeypatch.setitem(sources.SOURCES, name, source)
    monkeypatch.setenv("RNNBOUNDS_DATA", str(tmp_path))
    corpus.cache_clear()
    yield
    corpus.cache_clear()


def some_network(rng, vocabulary, m=5):
    return RNN(
        0.5 * rng.standard_normal((m, m)),
        rng.standard_normal((m, vocabulary)),
        rng.standard_normal(m),
        rng.standard_normal((vocabulary, m)),
        rng.standard_normal(vocabulary),
        "tanh",
    )


def test_words_are_numbered_by_frequency_and_lines_end_in_eos(small_text):
    text = corpus("ptb")

    assert text.words == ("<eos>", "the", "cat", "<unk>", "a", "dog", "mat")
    back = [text.words[i] for i in text.test]
    assert back == ["the", "cat", "a", "dog", "<eos>", "the", "mat", "<eos>"]
    counts = [TEXT["ptb.train.txt"].replace("\n", "<eos>").split().count(w) for w in text.words]
    assert counts == sorted(counts, reverse=True)


def test_addresses_are_split_by_address_and_rare_words_are_unknown(small_text, monkeypatch):
    text = corpus("sotu")
    said = [[text.words[i] for i in part] for part in (text.train, text.valid, text.test)]

    assert said[0][:6] == ["speech", "N", ",", "isn't", "it", "?"]
    assert [part.count("speech") for part in said] == [8, 1, 1]

    monkeypatch.setattr(language, "VOCABULARY", 3)
    corpus.cache_clear()
    assert len(corpus("sotu").words) == 3
    assert "<unk>" in corpus("sotu").words
    assert len(corpus("sotu").train) == len(text.train)


def test_targets_are_the_inputs_one_word_later(rng):
    tokens = rng.integers(0, 50, 200)

    x, y = windows(tokens, 7, 30, rng)

    assert x.shape == y.shape == (30, 7)
    assert np.array_equal(x[:, 1:], y[:, :-1])
    text = tokens.tolist()
    for i in range(30):
        whole = [*x[i], y[i, -1]]
        assert any(text[s : s + 8] == whole for s in range(193))


def test_every_window_can_be_drawn_the_last_one_too():
    tokens = np.arange(5)

    x, y = windows(tokens, 3, 200, np.random.default_rng(0))

    assert {tuple(row) for row in x} == {(0, 1, 2), (1, 2, 3)}
    assert y.max() == 4


@pytest.mark.randomised(
    alpha=1e-9,
    power="consecutive windows, or starts at multiples of T, put probability 0 on some start: "
    "detected surely, the statistic being of order n",
)
def test_windows_start_independently_and_uniformly(rng):
    tokens = np.arange(14)
    n, starts = 20_000, 10

    x, _ = windows(tokens, 4, n, rng)

    # Two successive windows' starts are a pair uniform on 100 cells. Each count is binomial;
    # Bernstein's inequality and a union over the cells give the limit.
    pairs = np.bincount(x[::2, 0] * starts + x[1::2, 0], minlength=starts**2)
    p, trials, failure = 1 / starts**2, n // 2, 1e-9 / starts**2
    log = math.log(2 / failure)
    limit = log / 3 + math.sqrt((log / 3) ** 2 + 2 * log * trials * p * (1 - p))
    assert np.abs(pairs - trials * p).max() <= limit


def test_perplexity_matches_the_definition(rng):
    vocabulary = 11
    rnn = some_network(rng, vocabulary)
    tokens = rng.integers(0, vocabulary, 60)

    def by_hand(window):
        total = 0.0
        h = np.zeros(rnn.m)
        for t in range(59):
            if t % window == 0:
                h = np.zeros(rnn.m)
            h = np.tanh(rnn.w_hidden @ h + rnn.w_input[:, tokens[t]] + rnn.b_hidden)
            f = rnn.w_output @ h + rnn.b_output
            total -= f[tokens[t + 1]] - np.log(np.exp(f).sum())
        return np.exp(total / 59)

    assert perplexity(rnn, tokens, piece=7) == pytest.approx(by_hand(1000), rel=1e-5)
    assert perplexity(rnn, tokens, window=8) == pytest.approx(by_hand(8), rel=1e-5)


def test_a_network_without_nodes_has_the_perplexity_of_its_bias(rng):
    vocabulary = 16
    rnn = RNN(np.zeros((0, 0)), np.zeros((0, 16)), np.zeros(0), np.zeros((16, 0)), np.zeros(16))

    assert perplexity(rnn, rng.integers(0, 16, 40)) == pytest.approx(vocabulary)


def test_sampled_windows_are_a_data_set_with_a_label_a_step(small_text):
    data = sampled_windows("ptb", T=3, n=12, n_test=5, seed=1)

    assert data.every_step
    assert (data.x.shape, data.y_test.shape, data.classes) == ((12, 3), (5, 3), 7)
    again = sampled_windows("ptb", T=3, n=12, n_test=5, seed=1)
    assert np.array_equal(data.x, again.x)


@pytest.mark.parametrize(("T", "n"), [(0, 1), (60, 1), (5, 0)])
def test_windows_that_do_not_fit_are_refused(rng, T, n):
    with pytest.raises(ValueError, match="must be an integer"):
        windows(np.zeros(60, int), T, n, rng)


def test_an_unknown_text_lists_the_known():
    with pytest.raises(ValueError, match="name must be one of ptb, sotu, got 'mnist'"):
        corpus("mnist")
