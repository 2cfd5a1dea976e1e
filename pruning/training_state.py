"""What is recorded of a training, and what it needs to go on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from pruning.activations import activation
from pruning.backpropagation import Weights
from pruning.checks import Array
from pruning.rnn import RNN


@dataclass(frozen=True)
class Epoch:
    """What is recorded of one pass over the data.

    Attributes
    ----------
    epoch : int
        1 for the first.
    loss : float
        Mean of the batches' losses, each taken before the update that it led to.
    gradient_norm : float
        Mean Euclidean norm of the batches' gradients before clipping.
    learning_rate : float
        That of the last update.
    """

    epoch: int
    loss: float
    gradient_norm: float
    learning_rate: float


@dataclass(frozen=True)
class TrainingState:
    """A training between two epochs: hand it to `train` as ``resume`` and it goes on.

    Attributes
    ----------
    epoch : int
        Epochs done.
    seed : int
        Epoch e shuffles with the generator of the seed pair (seed, e).
    sizes : tuple
        (m, d_x, d_y).
    activation : str
    memory : dict of arrays
        The optimizer's, the flat weights included, in the precision of the training.
    history : tuple of Epoch

    Examples
    --------
    >>> import numpy as np
    >>> from rnnbounds import TrainingState, initial_rnn, train
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(64, 4, 1))
    >>> y = (x.sum(axis=(1, 2)) > 0).astype(int)
    >>> start = initial_rnn(4, d_x=1, d_y=2, rng=0)
    >>> half = train(start, x, y, epochs=2, schedule="constant", rng=0).state
    >>> whole = train(start, x, y, epochs=4, schedule="constant", rng=0, resume=half)
    >>> isinstance(half, TrainingState), half.epoch, whole.state.epoch
    (True, 2, 4)
    """

    epoch: int
    seed: int
    sizes: tuple[int, int, int]
    activation: str
    memory: Mapping[str, Array]
    history: tuple[Epoch, ...]

    @property
    def rnn(self) -> RNN:
        """The network at this point."""
        flat = np.array(self.memory["weights"])
        return Weights(flat, *self.sizes).to_rnn(activation(self.activation))

    def to_arrays(self) -> dict[str, Array]:
        """Return everything as arrays that `numpy.savez` writes without pickling."""
        facts = {
            "epoch": self.epoch,
            "seed": self.seed,
            "sizes": list(self.sizes),
            "activation": self.activation,
            "history": [asdict(record) for record in self.history],
        }
        memory = {f"memory.{name}": array for name, array in self.memory.items()}
        return {"facts": np.array(json.dumps(facts)), **memory}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any]) -> TrainingState:
        """Read what `to_arrays` returned, or the mapping that `numpy.load` makes of it."""
        try:
            facts = json.loads(str(arrays["facts"]))
            history = tuple(Epoch(**record) for record in facts["history"])
            sizes = tuple(facts["sizes"])
            memory = {
                name.removeprefix("memory."): np.array(arrays[name])
                for name in arrays
                if name.startswith("memory.")
            }
            return cls(facts["epoch"], facts["seed"], sizes, facts["activation"], memory, history)
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"these arrays are not a training state: {error}") from None
