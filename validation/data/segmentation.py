"""Words that run together: each character of a text is tagged by whether a word ends with it.

The Penn Treebank without its spaces, a tagging task that every text gives and that asks for what
comes before and after: in "therapist" nothing ends until one knows what follows.
"""

from __future__ import annotations

import functools

import numpy as np

from pruning.checks import integer
from validation.data.dataset import Dataset
from validation.data.fetching import read
from validation.data.sources import SOURCES

WORD_ENDS = 1


@functools.lru_cache(maxsize=1)
def _characters() -> tuple[tuple[str, ...], tuple[tuple[np.ndarray, np.ndarray], ...]]:
    """The alphabet, and characters and tags of the training, validation and test part."""
    parts = [read("ptb", file).decode() for file in SOURCES["ptb"].files]
    words = [[word for word in part.split() if word != "<unk>"] for part in parts]
    alphabet = tuple(sorted(set("".join(words[0]))))
    place = {character: i for i, character in enumerate(alphabet)}
    found = []
    for some in words:
        known = [word for word in some if set(word) <= set(alphabet)]
        tokens = np.array([place[c] for c in "".join(known)], np.int64)
        tags = np.zeros(len(tokens), np.int64)
        tags[np.cumsum([len(word) for word in known]) - 1] = WORD_ENDS
        found.append((tokens, tags))
    return alphabet, tuple(found)


def segmentation(T: int = 60, n: int = 2000, n_test: int = 2000, seed: int = 0) -> Dataset:
    """Return i.i.d. windows of T characters with a tag each.

    Parameters
    ----------
    T, n, n_test : int
    seed : int
        Draws the places of the windows in the training and the test part.
    """
    T, n, n_test = integer("T", T, 1), integer("n", n, 1), integer("n_test", n_test, 1)
    rng = np.random.default_rng(seed)
    _, (train, _, test) = _characters()
    arrays = []
    for (tokens, tags), count in ((train, n), (test, n_test)):
        places = rng.integers(len(tokens) - T, size=count)[:, None] + np.arange(T)
        arrays += [tokens[places], tags[places]]
    settings = {"data": "ptb without spaces", "T": T, "n": n, "n_test": n_test, "seed": seed}
    title = f"where words end in {T} characters of ptb"
    x, y, x_test, y_test = arrays
    return Dataset(title, x, y, x_test, y_test, settings, x_bound=1.0)


def alphabet_size() -> int:
    """Return how many characters there are."""
    return len(_characters()[0])
