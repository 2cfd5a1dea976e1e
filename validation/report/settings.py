"""What a report was asked for: every choice that its numbers depend on."""

from __future__ import annotations

from dataclasses import dataclass

from pruning.checks import choice, fraction, integer, nonnegative, positive, probability
from validation.output.schema import Record

ACTIVATIONS = {"tanh": ("tanh",), "relu": ("relu",), "both": ("tanh", "relu")}

# Where the recurrent matrix starts, as a multiple of the identity.
START = {"tanh": 1.0, "relu": 0.9}


@dataclass(frozen=True)
class Settings:
    """The choices of a report; the defaults are those of `make report`.

    Attributes
    ----------
    nodes : tuple of int, or None
        Sizes k to prune to; None takes `default_nodes`.
    seeds : int
        Trainings per activation; training i uses the seed i.
    activation : {"tanh", "relu", "both"}
        The bounds are shown for the first.
    m : int
        Hidden nodes of the trained networks.
    epochs, batch_size, learning_rate, weight_decay
        Of the training: AdamW, cosine decay, cross-entropy.
    theta : float
        Weight of the input information loss in the selection.
    gamma : float
        Margin of the ramp loss; chosen before the data were seen.
    delta : float
        Failure probability of the theorems.
    sharpest : bool
        Search the bounds that take minutes, too.
    """

    nodes: tuple[int, ...] | None = None
    seeds: int = 5
    activation: str = "both"
    m: int = 64
    epochs: int = 60
    batch_size: int = 32
    learning_rate: float = 2e-3
    weight_decay: float = 0.3
    theta: float = 0.5
    gamma: float = 1.0
    delta: float = 0.05
    sharpest: bool = False

    def __post_init__(self) -> None:
        if self.nodes is not None and not self.nodes:
            raise ValueError("nodes must name at least one size")
        for k in self.nodes or ():
            integer("nodes", k, 0)
        integer("seeds", self.seeds, 1, 1000)
        choice("activation", self.activation, ACTIVATIONS)
        integer("m", self.m, 1)
        integer("epochs", self.epochs, 1)
        integer("batch_size", self.batch_size, 1)
        positive("learning_rate", self.learning_rate)
        nonnegative("weight_decay", self.weight_decay)
        fraction("theta", self.theta)
        positive("gamma", self.gamma)
        probability("delta", self.delta)

    def sizes(self, m: int) -> tuple[int, ...]:
        """Return the sizes to prune a network of m nodes to, increasing.

        Raises
        ------
        ValueError
            If one of them is larger than m.
        """
        if self.nodes is None:
            return default_nodes(m)
        for k in self.nodes:
            integer("nodes", k, 0, m)
        return tuple(sorted(set(self.nodes)))

    def to_json(self) -> Record:
        """Return the settings of the training and of the theorems, by name."""
        return {name: value for name, value in vars(self).items() if name != "nodes"}


def default_nodes(m: int) -> tuple[int, ...]:
    """Return about ten sizes from m/16 to m; for m = 64 among them 21 and 32."""
    shares = (1 / 16, 1 / 8, 3 / 16, 1 / 4, 1 / 3, 3 / 8, 1 / 2, 5 / 8, 3 / 4, 7 / 8, 1)
    return tuple(sorted({max(1, int(m * share)) for share in shares}))


def reference_size(sizes: tuple[int, ...], m: int) -> int:
    """Return the size whose terms are printed one by one: the one closest to m/2."""
    return min(sizes, key=lambda k: (abs(2 * k - m), k))
