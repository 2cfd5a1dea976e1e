"""Word-level language models: the texts as tokens, the windows, and perplexity.

The theory speaks of n independent sequences of length T that start from h_0 = 0. A text is one long
dependent sequence. `windows` therefore draws truncated windows whose places in the text are
independent and uniform: given the text they are i.i.d., and every average over them (S, empirical
norms, losses) estimates one over all windows of the text. Consecutive windows would not be.
"""

from __future__ import annotations

import functools
import math
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from pruning.checks import Inputs, Nodes, choice, integer
from pruning.rnn import RNN
from pruning.stack import Stack
from validation.data.dataset import Dataset
from validation.data.fetching import read
from validation.data.sources import SOURCES

TEXTS = ("ptb", "sotu")
END, UNKNOWN = "<eos>", "<unk>"
VOCABULARY = 10_000


@dataclass(frozen=True, eq=False)
class Corpus:
    """A text in three parts, as integers.

    Attributes
    ----------
    name : str
    words : tuple of str
        The vocabulary, by falling frequency in the training part, then by the alphabet.
    train, valid, test : (N,) int64 arrays
        Tokens in 0..len(words)-1.
    """

    name: str
    words: tuple[str, ...]
    train: Any
    valid: Any
    test: Any


@functools.lru_cache(maxsize=2)
def corpus(name: str) -> Corpus:
    """Return a text that was fetched.

    Parameters
    ----------
    name : {"ptb", "sotu"}
        ``ptb`` has the standard split and its own vocabulary of 10,000 words. ``sotu`` is cut by
        address: of every ten the ninth is for validation and the tenth for tests; its vocabulary
        are the 10,000 commonest words of the training part.
    """
    choice("name", name, TEXTS)
    parts = _penn() if name == "ptb" else _addresses()
    counts = Counter(parts[0])
    kept = [word for word, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0]))]
    if len(kept) > VOCABULARY:
        kept = [UNKNOWN, *(word for word in kept if word != UNKNOWN)][:VOCABULARY]
    number = {word: i for i, word in enumerate(kept)}
    unknown = number.get(UNKNOWN)
    tokens = [_numbers(part, number, unknown) for part in parts]
    return Corpus(name, tuple(kept), *tokens)


def windows(tokens: Nodes, T: int, n: int, rng: np.random.Generator) -> tuple[Any, Any]:
    """Draw n windows of T tokens, i.i.d. given the text, and what follows each token.

    Parameters
    ----------
    tokens : (N,) integer array, N > T
    T, n : int
    rng : Generator

    Returns
    -------
    x, y : (n, T) int64 arrays
        y is x one word later.
    """
    T, n = integer("T", T, 1, len(tokens) - 1), integer("n", n, 1)
    begins = rng.integers(len(tokens) - T, size=n)
    places = begins[:, None] + np.arange(T)
    return tokens[places], tokens[places + 1]


def sampled_windows(
    name: str = "ptb", T: int = 35, n: int = 2000, n_test: int = 2000, seed: int = 0
) -> Dataset:
    """Return i.i.d. windows of a text as a data set with one label a step."""
    text = corpus(name)
    rng = np.random.default_rng(seed)
    x, y = windows(text.train, T, n, rng)
    x_test, y_test = windows(text.test, T, n_test, rng)
    settings = {
        "data": name,
        "T": T,
        "n": n,
        "n_test": n_test,
        "seed": seed,
        "sha256": next(iter(SOURCES[name].files.values())),
    }
    title = f"{name} in windows of {T}"
    # A token stands for a one-hot vector.
    return Dataset(title, x, y, x_test, y_test, settings, x_bound=1.0)


def perplexity(
    rnn: RNN | Stack, tokens: Nodes, window: int | None = None, piece: int = 512
) -> float:
    """Return exp of the mean negative log-likelihood of every token but the first, given the past.

    Parameters
    ----------
    rnn : RNN or Stack
        Reads and predicts tokens of one vocabulary.
    tokens : (N,) integer array
    window : int, optional
        Start from h_0 = 0 again after so many tokens, as the sequences of the theory do. By default
        the state is carried through the whole text, as is usual for this data.
    piece : int
        Predictions are formed for so many tokens at a time.
    """
    tokens = np.asarray(tokens)
    x, y = tokens[:-1], tokens[1:]
    if window is None:
        h = _states(rnn, x[None])[0]
    else:
        window = integer("window", window, 1)
        padded = np.concatenate([x, np.zeros(-len(x) % window, x.dtype)]).reshape(-1, window)
        h = _states(rnn, padded).reshape(padded.size, -1)[: len(x)]
    total = 0.0
    w_output_t = rnn.w_output.T.astype(np.float32)
    b_output = rnn.b_output.astype(np.float32)
    for begin in range(0, len(x), piece):
        f = h[begin : begin + piece].astype(np.float32) @ w_output_t + b_output
        f -= f.max(axis=1, keepdims=True)
        right = f[np.arange(len(f)), y[begin : begin + piece]].astype(np.float64)
        total += float((np.log(np.exp(f).sum(axis=1, dtype=np.float64)) - right).sum())
    return math.exp(total / len(x))


def _states(rnn: RNN | Stack, x: Inputs) -> Any:
    return rnn.layer_states(x)[-1] if isinstance(rnn, Stack) else rnn.states(x)


def _penn() -> list[list[str]]:
    texts = (read("ptb", file).decode() for file in SOURCES["ptb"].files)
    return [text.replace("\n", f" {END} ").split() for text in texts]


def _addresses() -> list[list[str]]:
    parts: list[list[str]] = [[], [], []]
    addresses = read("sotu", "sotu.txt").decode().split("\f")
    for i, address in enumerate(addresses):
        part = parts[{8: 1, 9: 2}.get(i % 10, 0)]
        for paragraph in filter(str.strip, address.split("\n")):
            part += _split(paragraph)
            part.append(END)
    return parts


def _split(paragraph: str) -> list[str]:
    """Words in lower case, numbers as N, and marks, as in the Penn Treebank."""
    words = re.findall(r"[^\W\d_]+(?:['’][^\W\d_]+)*|\d+(?:[,.]\d+)*|[^\w\s]", paragraph.lower())
    return ["N" if word[0].isdigit() else word for word in words]


def _numbers(words: Iterable[str], number: dict[str, int], unknown: int | None) -> Any:
    if unknown is None:
        return np.array([number[word] for word in words], np.int64)
    return np.array([number.get(word, unknown) for word in words], np.int64)
