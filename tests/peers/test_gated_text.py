"""Gated language models: what torch trains is what the file and NumPy say."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from pruning.checkpoints.files import read_state_dict
from pruning.checkpoints.torch_layout import torch_network
from validation.data.language import Corpus, perplexity
from validation.training import gated_text
from validation.training.gated_text import TEXT_RECIPES, GatedLanguageModel

pytest.importorskip("torch")
pytestmark = pytest.mark.peers

WORDS = 40


def text(seed=0):
    rng = np.random.default_rng(seed)
    # A word is mostly the one after the last one: something to learn.
    train, valid, test = (
        np.where(rng.random(n) < 0.8, np.arange(n) % WORDS, rng.integers(0, WORDS, n))
        for n in (3000, 300, 300)
    )
    return Corpus("ptb", tuple(map(str, range(WORDS))), train, valid, test)


@pytest.fixture
def recipe(monkeypatch):
    monkeypatch.setattr(gated_text, "corpus", lambda name: text())
    return dataclasses.replace(TEXT_RECIPES["ptb-gru"], m=8, epochs=3, batch_size=4, window=10)


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_the_perplexity_on_the_device_is_that_of_the_file(cell):
    found = text()
    model = GatedLanguageModel(
        cell, 6, WORDS, found.train, lines=4, window=10, dropout=0.1, reset=0.1, seed=0
    )
    assert model.perplexity(found.valid, piece=70) == pytest.approx(
        perplexity(model.rnn(), found.valid), rel=1e-5
    )
    assert model.rnn().layers[0][0].kind == cell
    for step in range(2):
        model.loss(step, 0, 4).backward()
        model.after_step()


def test_a_training_learns_and_its_file_is_what_its_log_says(recipe, tmp_path):
    path = gated_text.make(recipe, 0, tmp_path, work=tmp_path / "work")
    facts = json.loads(path.with_suffix(".json").read_text())
    stack = torch_network(read_state_dict(path)[0]).stack
    assert facts["result"]["test_perplexity"] == pytest.approx(perplexity(stack, text().test))
    assert facts["log"][-1]["loss"] < facts["log"][0]["loss"] - 0.1
    assert len(facts["log"]) == 3
    for array in read_state_dict(path)[0].values():
        assert np.array_equal(array, np.asarray(array, np.float16).astype(np.float64))


def test_a_training_that_was_broken_off_goes_on_to_the_same_weights(recipe, tmp_path, monkeypatch):
    straight = gated_text.make(recipe, 0, tmp_path / "a", work=tmp_path / "wa")

    class Broken(Exception):
        pass

    def breaks(record):
        if record["epoch"] == 2:
            raise Broken

    # The checkpoint of an epoch is written after it was said: the second is done again.
    with pytest.raises(Broken):
        gated_text.make(recipe, 0, tmp_path / "b", work=tmp_path / "wb", say=breaks)
    again = gated_text.make(recipe, 0, tmp_path / "b", work=tmp_path / "wb")
    assert straight.read_bytes() == again.read_bytes()
