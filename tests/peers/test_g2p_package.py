"""Greedy decoding in NumPy is what g2p_en's own code says, word for word."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import sys
import types
from pathlib import Path

import numpy as np
import pytest

from pruning.encoder_decoder import padded
from validation.data.g2p import PHONEMES, g2p_network, words

pytestmark = [
    pytest.mark.peers,
    # Of the package's own lines: an escape in a plain string, and files that are left open.
    pytest.mark.filterwarnings("ignore"),
]


def package(monkeypatch):
    """The class of g2p_en's g2p.py; what it needs only for whole sentences is left out."""
    spec = importlib.machinery.PathFinder.find_spec("g2p_en")
    if spec is None or not spec.submodule_search_locations:
        pytest.skip("g2p_en is not installed: pip install --no-deps g2p_en==2.1.0")
    folder = Path(spec.submodule_search_locations[0])

    class Anything(types.ModuleType):
        def __getattr__(self, name):
            return Anything(name)

        def __call__(self, *args, **kwargs):
            return Anything("result")

    for name in ("nltk", "nltk.corpus", "nltk.tokenize", "inflect", "g2p_en", "g2p_en.expand"):
        monkeypatch.setitem(sys.modules, name, Anything(name))
    sys.modules["g2p_en"].__path__ = [str(folder)]
    found = importlib.util.spec_from_file_location("g2p_en.g2p", folder / "g2p.py")
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module.G2p


def test_a_thousand_words_are_pronounced_as_by_the_package(monkeypatch):
    try:
        net, test = g2p_network(), words(1000)
    except ValueError as error:
        pytest.skip(str(error))
    theirs = package(monkeypatch)()
    letters = "".join(chr(97 + i) for i in range(26))
    spelled = ["".join(letters[t - 3] for t in word[:-1]) for word in test.letters]
    ours = [[PHONEMES[p] for p in said] for said in net.greedy(*padded(test.letters))]
    assert [list(theirs.predict(word)) for word in spelled] == ours
    assert len(np.unique(spelled)) == 1000
