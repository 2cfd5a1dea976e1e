"""Train a pruned network further without undoing what made it small."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pruning.baselines.result import PrunedWeights
from pruning.pruned_rnn import PrunedRNN
from pruning.rnn import RNN
from pruning.training import train


def fine_tune(
    pruned: PrunedRNN | PrunedWeights,
    x: ArrayLike,
    y: ArrayLike,
    rng: np.random.Generator | int,
    **training: Any,
) -> RNN:
    """Return the pruned network after training; masks and ranks are kept, nodes stay away.

    Parameters
    ----------
    pruned : PrunedRNN or PrunedWeights
    x, y, rng, training
        As in `pruning.train`.
    """
    if isinstance(pruned, PrunedRNN):
        return train(pruned.pruned, x, y, rng=rng, **training).rnn
    masks, project = pruned.masks or None, pruned.project
    rnn = train(pruned.pruned, x, y, masks=masks, project=project, rng=rng, **training).rnn
    if project is None:
        return rnn
    # Once more in float64: a training in float32 leaves the rank at its rounding.
    weights = {name: array.copy() for name, array in rnn.weights.items()}
    project(weights)
    return RNN(**weights, activation=rnn.activation)
