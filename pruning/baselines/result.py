"""What a rival method returns where the nodes stay and single weights go."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pruning.checks import Array
from pruning.rnn import RNN

Projection = Callable[[dict[str, Array]], None]


@dataclass(frozen=True, eq=False)
class PrunedWeights:
    """A network with fewer weights, as `pruning.PrunedRNN` is one with fewer nodes.

    Attributes
    ----------
    original, pruned : RNN
        Before and after. `pruned` has as many nodes as `original` unless it is another network.
    parameters : mapping
        How many numbers it takes to store each block, by the names of the weights: entries that
        the mask keeps (their places not counted), or those of the factors.
    method : str
    masks : mapping
        0/1 arrays by name of weight: what fine-tuning must leave at 0. Empty where nothing is.
    project : callable or None
        Brings weights back to their shape after an update, see `pruning.train`.
    """

    original: RNN
    pruned: RNN
    parameters: Mapping[str, int]
    method: str
    masks: Mapping[str, Array]
    project: Projection | None = None


def masked(rnn: RNN, masks: Mapping[str, Array], method: str) -> PrunedWeights:
    """Return the network with the weights where a mask is 0 set to 0."""
    weights = rnn.weights
    for name, mask in masks.items():
        weights[name] = weights[name] * mask
    pruned = RNN(**weights, activation=rnn.activation)
    counts = {name: int(array.size) for name, array in rnn.weights.items()}
    counts |= {name: int(mask.sum()) for name, mask in masks.items()}
    return PrunedWeights(rnn, pruned, counts, method, dict(masks))
