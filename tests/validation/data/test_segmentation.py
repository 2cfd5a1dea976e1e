"""Windows of run-together words: the tags give the words back."""

from __future__ import annotations

import numpy as np
import pytest

from validation.data import segmentation as module
from validation.data.fetching import held_files
from validation.data.segmentation import segmentation


def test_tags_mark_the_last_character_of_each_word(monkeypatch):
    texts = iter([b"the cat <unk> sat\n on a mat", b"a hat", b"the zebra sat on the cat"])
    monkeypatch.setattr(module, "read", lambda name, file: next(texts))
    module._characters.cache_clear()
    try:
        alphabet, parts = module._characters()
        (tokens, tags), _, (test, test_tags) = parts
        text = "".join(alphabet[i] for i in tokens)
        assert text == "thecatsatonamat"
        ends = np.flatnonzero(tags)
        assert [text[a:b] for a, b in zip([0, *(ends[:-1] + 1)], ends + 1)] == [
            "the", "cat", "sat", "on", "a", "mat",
        ]  # fmt: skip
        # z and b never stood in the training part: their word is left out.
        assert "".join(alphabet[i] for i in test) == "thesatonthecat"
        assert test_tags.sum() == 5
        data = segmentation(T=3, n=50, n_test=4)
        assert data.x.shape == data.y.shape == (50, 3)
        for x, y in zip(data.x, data.y):
            at = [i for i in range(len(tokens) - 2) if np.array_equal(tokens[i : i + 3], x)]
            assert any(np.array_equal(tags[i : i + 3], y) for i in at)
    finally:
        module._characters.cache_clear()


def test_the_real_text_has_three_and_a_half_letters_a_word():
    if len(held_files("ptb")) < 3:
        pytest.skip("ptb was not fetched")
    data = segmentation(n=500, n_test=500)
    assert 0.15 < data.y.mean() < 0.3
    assert data.every_step
    assert data.x.max() < module.alphabet_size() <= 60
