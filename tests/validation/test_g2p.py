"""Words and errors of the letters-to-phonemes data; the network itself where it was fetched."""

from __future__ import annotations

import pytest

from pruning.encoder_decoder import padded
from validation.data import g2p
from validation.data.g2p import PHONEMES, Words, errors, g2p_network, words


def test_errors_count_edits_to_the_nearest_pronunciation():
    right = Words([[3], [4]], [[[5, 6, 7], [5, 9]], [[8]]])
    assert errors([[5, 6], [8]], right) == (pytest.approx(1 / 3), 0.5)
    assert errors([[5, 9], [8]], right) == (0.0, 0.0)
    assert errors([[], []], right) == (1.0, 1.0)


def test_words_are_letters_with_an_end_and_all_their_pronunciations(monkeypatch):
    text = b"cat K AE1 T\nread R EH1 D\nread(2) R IY1 D # a comment\n'bout B AW1 T\n"
    monkeypatch.setattr(g2p, "read", lambda name, file: text)
    found = words(2)
    spelt = {"".join(g2p.GRAPHEMES[c] for c in word[:-1]) for word in found.letters}
    assert spelt == {"cat", "read"}
    assert all(word[-1] == g2p.GRAPHEMES.index("</s>") for word in found.letters)
    assert sorted(map(len, found.spoken)) == [1, 2]
    with pytest.raises(ValueError, match="n must be at most 2, got 3"):
        words(3)


def test_there_are_74_phonemes_as_the_network_has_outputs():
    assert len(PHONEMES) == 74
    assert len(set(PHONEMES)) == 74


def test_the_published_network_pronounces():
    try:
        net, test = g2p_network(), words(200)
    except ValueError as error:
        pytest.skip(str(error))
    phonemes, wrong = errors(net.greedy(*padded(test.letters)), test)
    assert phonemes < 0.15
    assert wrong < 0.45
