"""Set single weights to 0: at random, or the smallest."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pruning.baselines.result import PrunedWeights, masked
from pruning.checks import Array, as_generator, choice, integer
from pruning.covariance import Moments
from pruning.rnn import RNN

BLOCKS = ("all", "w_hidden")


def random_weights(
    rnn: RNN,
    covariance_or_x: Moments,
    k: int,
    rng: np.random.Generator | int | None = None,
    blocks: str = "all",
) -> PrunedWeights:
    """Keep as many weights as a network of k nodes has, drawn uniformly in each block.

    Parameters
    ----------
    rnn : RNN
    covariance_or_x
        Not used.
    k : int
        0..m. W_h keeps k^2 entries, W_i k d_x, W_o d_y k and b_h k; b_o is kept.
    rng : numpy Generator or seed
    blocks : {"all", "w_hidden"}
        Prune every block, or W_h alone and leave the others whole.
    """
    generator = as_generator("rng", rng)
    return _keep(rnn, k, blocks, "random weights", lambda w: generator.random(w.shape))


def magnitude_weights(
    rnn: RNN,
    covariance_or_x: Moments,
    k: int,
    rng: np.random.Generator | int | None = None,
    blocks: str = "all",
) -> PrunedWeights:
    """Keep as many weights as a network of k nodes has, the largest of each block.

    Parameters
    ----------
    rnn, covariance_or_x, k, blocks
        As in `random_weights`.
    rng : numpy Generator or seed
        Not used: nothing is drawn.
    """
    return _keep(rnn, k, blocks, "magnitude weights", np.abs)


def _keep(
    rnn: RNN, k: int, blocks: str, method: str, score: Callable[[Array], Array]
) -> PrunedWeights:
    k = integer("k", k, low=0, high=rnn.m)
    counts = {"w_hidden": k * k}
    if choice("blocks", blocks, BLOCKS) == "all":
        counts |= {"w_input": k * rnn.d_x, "b_hidden": k, "w_output": rnn.d_y * k}
    masks = {}
    for name, count in counts.items():
        weight = rnn.weights[name]
        mask = np.zeros(weight.size)
        # A stable sort, so that of equal weights the first are kept everywhere.
        mask[np.argsort(-score(weight).reshape(-1), kind="stable")[:count]] = 1
        masks[name] = mask.reshape(weight.shape)
    return masked(rnn, masks, method)
