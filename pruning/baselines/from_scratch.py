"""Train a network of k nodes from a start of its own, and look at the large one not at all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pruning.baselines.result import PrunedWeights
from pruning.checks import as_generator, integer
from pruning.covariance import Moments
from pruning.initialisation import initial_rnn
from pruning.rnn import RNN
from pruning.training import train


def from_scratch(
    rnn: RNN,
    covariance_or_x: Moments,
    k: int,
    rng: np.random.Generator | int | None = None,
    *,
    x: ArrayLike,
    y: ArrayLike,
    targets: str = "last",
    training: Mapping[str, Any],
    start: Mapping[str, Any] | None = None,
) -> PrunedWeights:
    """Train a dense network of k nodes with the activation of `rnn`.

    Parameters
    ----------
    rnn : RNN
        Only its activation and its dimensions of input and output are used.
    covariance_or_x
        Not used.
    k : int
        1..m.
    rng : numpy Generator or seed
        Of the start and of the order of the data.
    x, y, targets
        Training data, as in `pruning.train`.
    training : mapping
        Arguments of `pruning.train`.
    start : mapping, optional
        Arguments of `pruning.initial_rnn`, and ``bias_scale``, the standard deviation of b_h.
    """
    k = integer("k", k, low=1, high=rnn.m)
    generator = as_generator("rng", rng)
    options = dict(start or {})
    bias_scale = options.pop("bias_scale", 0.0)
    small = initial_rnn(k, rnn.d_x, rnn.d_y, rnn.activation, rng=generator, **options)
    weights = small.weights | {"b_hidden": bias_scale * generator.standard_normal(k)}
    small = RNN(**weights, activation=rnn.activation)
    result = train(small, x, y, targets=targets, rng=generator, **training).rnn
    counts = {name: int(array.size) for name, array in result.weights.items()}
    return PrunedWeights(rnn, result, counts, "small network from scratch", {})
