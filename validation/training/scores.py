"""The score of a network on test data: its accuracy, or its perplexity."""

from __future__ import annotations

import hashlib
import json

import numpy as np

from pruning.checks import Inputs, Targets
from pruning.rnn import RNN
from validation.data.dataset import Dataset
from validation.data.language import corpus, perplexity
from validation.output.schema import Facts

_BATCH_NUMBERS = 1 << 23
"""States formed at a time: 64 MB."""

_SCORES: dict[tuple[str, str], float | None] = {}


def score(rnn: RNN, data: Dataset, spec: Facts) -> float | None:
    """Return the score of a network on the test data, or the one that its weights had before.

    Where a seed draws the sequences of S, methods without S prune alike for every seed.

    Parameters
    ----------
    rnn : RNN
    data : Dataset
    spec : mapping
        What the data are, as rows say it.

    Returns
    -------
    float or None
        None for a perplexity beyond the range of floats.
    """
    weights = hashlib.sha256(rnn.activation.name.encode())
    for array in rnn.weights.values():
        weights.update(str(array.shape).encode())
        weights.update(array.tobytes())
    key = (json.dumps(dict(spec), sort_keys=True), weights.hexdigest())
    if key not in _SCORES:
        _SCORES[key] = _measured(rnn, data, spec)
    return _SCORES[key]


def _measured(rnn: RNN, data: Dataset, spec: Facts) -> float | None:
    if spec["loader"] == "windows":
        try:
            value = perplexity(rnn, corpus(spec["name"]).test)
        except OverflowError:
            return None
        return value if np.isfinite(value) else None
    if data.x_test is None:
        return accuracy(rnn, data.x, data.y)
    return accuracy(rnn, data.x_test, data.y_test)


def batch(rnn: RNN, T: int) -> int:
    """How many sequences of T steps are run at a time."""
    return max(1, _BATCH_NUMBERS // (T * max(rnn.m, rnn.d_y)))


def accuracy(rnn: RNN, x: Inputs, y: Targets, at_once: int | None = None) -> float:
    """Share of right predictions, at the last step (y is (n,)) or at every one (y is (n, T)).

    `at_once` sequences are run at a time; by default as many as keep the memory small.
    """
    right = 0
    step = batch(rnn, x.shape[1]) if at_once is None else at_once
    for begin in range(0, len(x), step):
        h = rnn.states(x[begin : begin + step])
        h = h if y.ndim == 2 else h[:, -1]
        best = (h @ rnn.w_output.T + rnn.b_output).argmax(axis=-1)
        right += int((best == y[begin : begin + step]).sum())
    return float(right / y.size)
