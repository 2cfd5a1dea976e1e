"""Training inside a class of networks: spectral pruning in stages, and projections.

See `validation.training.constrained` for what it is good for.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np

from bounds.constrained import ConstrainedClass
from pruning.checks import Array, Inputs
from pruning.initialisation import initial_rnn
from pruning.rnn import RNN
from pruning.spectral import spectral_prune
from pruning.training import Epoch, train
from validation.data.dataset import Dataset
from validation.output.schema import Record

_DECIMALS = tuple(float(f"{step}e-{e}") for e in (4, 3, 2, 1) for step in (1, 1.5, 2, 3, 5, 7))
LISTED: dict[str, tuple[Any, ...]] = {
    "form": (
        "b_h fixed",
        "b_h free",
        "W_o fixed",
        "W_o and b_h fixed",
        "W_h fixed at the identity",
        "W_h fixed at a shift",
        "W_h fixed at an orthogonal matrix",
        "W_h around the identity",
    ),
    "projection": ("pairs of columns", "cosines of low frequency"),
    # The resolution was chosen after both had been seen.
    "size of the images": ("28 x 28", "14 x 14"),
}
GRID: dict[str, tuple[Any, ...]] = {
    "k": tuple(range(1, 33)),
    "hidden": (0.8, 0.9, 1.0, 1.1, 1.2, 1.3, 1.5, 2.0),
    "bias": (0.01, 0.03, 0.1, 0.3),
    "data": (1.0, 1.3, 1.5, 1.7, 2.0, 2.5, 3.0, 3.75),
    "energy": (0.0, 1.0, 2.0, 4.0),
    "input_rank": (7, 8, 10, 14),
    "blocks": tuple(range(1, 17)),
    "form": LISTED["form"],
    "projection": LISTED["projection"],
    "gamma": _DECIMALS,
    "eps": _DECIMALS,
}
"""All settings that were tried. The list grew while they were, so its size is no strict price: the
committed network pays for the text of its settings instead."""


@dataclass(frozen=True)
class Preprocessing:
    """A map of sequences that was fixed in advance, and is part of the predictor.

    Attributes
    ----------
    energy : float
        Every sequence is scaled to the norm sqrt(sum_t ||x_t||^2) = energy; 0 leaves it.
    pairs : bool
        Whether neighbouring columns are replaced by their mean, which projects x_t to d_x/2
        dimensions.
    data : float
        Rows x_t of a larger norm are scaled down to this one.
    """

    energy: float
    pairs: bool
    data: float

    def __call__(self, x: Inputs) -> Array:
        """Return the sequences (n, T, d_x) as float64, every ||x_t|| <= data."""
        x = np.array(x, dtype=np.float64)
        if self.energy:
            norms = np.sqrt(np.square(x).sum(axis=(1, 2), keepdims=True))
            x *= self.energy / np.where(norms > 0, norms, 1)
        if self.pairs:
            n, T, d_x = x.shape
            x = np.repeat(x.reshape(n, T, d_x // 2, 2).mean(axis=3), 2, axis=2)
        norms = np.sqrt(np.square(x).sum(axis=2, keepdims=True))
        # A little less than R_x, so that rounding cannot carry a row beyond it.
        result: Array = x * np.minimum(1, self.data * (1 - 1e-12) / np.where(norms > 0, norms, 1))
        return result


@dataclass(frozen=True)
class ConstrainedRecipe:
    """How the network is made.

    Attributes
    ----------
    k, hidden, bias, blocks : see `ConstrainedClass`
    stages : tuple of (nodes, epochs)
        The large network and its epochs, then what it is pruned to and trained on in between;
        empty to start with k nodes from the identity, without pruning.
    epochs : int
        Of the network with k nodes, by the cross-entropy of `scale` times its outputs.
    ramp_epochs, ramp_gamma : int, float
        Afterwards, by the ramp itself, at this margin.
    learning_rate, ramp_learning_rate, scale : float
    theta : float
        Weight of L_A against L_B in the selection of nodes.
    preprocessing : Preprocessing
    """

    k: int = 16
    hidden: float = 1.1
    bias: float = 0.1
    blocks: int = 4
    stages: tuple[tuple[int, int], ...] = ((64, 6), (20, 8))
    epochs: int = 40
    ramp_epochs: int = 8
    ramp_gamma: float = 0.03
    learning_rate: float = 0.02
    ramp_learning_rate: float = 2e-3
    scale: float = 20.0
    theta: float = 0.5
    delta: float = 0.05
    preprocessing: Preprocessing = Preprocessing(4.0, True, 1.7)

    def members(
        self,
        d_x: int,
        d_y: int,
        T: int,
        gamma: float = 0.01,
        eps: float = 0.002,
        paid_by: str = "grid",
    ) -> ConstrainedClass:
        """The class of the bound, with a margin and an eps of the grid."""
        rank = d_x // 2 if self.preprocessing.pairs else d_x
        return ConstrainedClass(
            self.k,
            d_x,
            d_y,
            T,
            self.hidden,
            1.0,
            1.0,
            self.bias,
            self.preprocessing.data,
            rank,
            self.blocks,
            gamma,
            eps,
            self.delta,
            grid=GRID,
            paid_by=paid_by,
            preparation=asdict(self.preprocessing),
            listed=LISTED,
        )


Say = Callable[[str, Epoch], None]


def fit(
    recipe: ConstrainedRecipe, data: Dataset, seed: int, say: Say = lambda stage, epoch: None
) -> RNN:
    """Return a network that lies in the class of the recipe; deterministic given the seed.

    Parameters
    ----------
    recipe : ConstrainedRecipe
    data : Dataset
        Sequences with one label each; its training part is used.
    seed : int
    say : callable
        Told the stage and the record of every epoch.
    """
    x = recipe.preprocessing(data.x).astype(np.float32)
    common: Record = {"dtype": "float32", "rng": seed}
    m = recipe.stages[0][0] if recipe.stages else recipe.k
    rnn = initial_rnn(
        m, data.d_x, data.classes, "relu", scale=0.9, input_scale=data.d_x**-0.5, rng=seed
    )
    if recipe.stages:
        rnn = train(
            rnn,
            x,
            data.y,
            learning_rate=3e-3,
            weight_decay=0.01,
            epochs=recipe.stages[0][1],
            batch_size=100,
            schedule="one_cycle",
            clip_norm=1.0,
            progress=partial(say, f"{m} nodes"),
            project=_without_output_bias,
            **common,
        ).rnn
    between = [stage for stage in recipe.stages[1:] if stage[0] >= recipe.k]
    for k, epochs in (*between, (recipe.k, recipe.epochs)):
        if k < rnn.m:
            moments = x[:10_000].astype(np.float64)
            rnn = spectral_prune(rnn, moments, k, theta=recipe.theta).pruned
        projection = Projection(recipe, k, recipe.blocks if k == recipe.k else 1)
        rnn = train(
            projection.balanced(rnn),
            x,
            data.y,
            optimizer="adam",
            learning_rate=recipe.learning_rate,
            epochs=epochs,
            batch_size=100,
            schedule="one_cycle",
            project=projection,
            masks={"w_hidden": projection.mask},
            progress=partial(say, f"{k} nodes"),
            **common,
        ).rnn
    if recipe.ramp_epochs:
        rnn = train(
            projection.inside(rnn),
            x,
            data.y,
            loss="margin_ramp",
            gamma=recipe.ramp_gamma * recipe.scale,
            optimizer="adam",
            learning_rate=recipe.ramp_learning_rate,
            epochs=recipe.ramp_epochs,
            batch_size=500,
            project=projection,
            masks={"w_hidden": projection.mask},
            progress=partial(say, "ramp"),
            **common,
        ).rnn
    return projection.unscaled(rnn)


class Projection:
    """Brings weights back into the class, scaled so that the outputs are `scale` times as large.

    A ReLU network whose W_i, b_h and W_o are each multiplied by sqrt(scale) has scale times the
    outputs; the training sees those weights, of comparable size.
    """

    def __init__(self, recipe: ConstrainedRecipe, k: int, blocks: int, every: int = 5) -> None:
        self.hidden, self.bias = recipe.hidden, recipe.bias
        self.root, self.every, self.calls = math.sqrt(recipe.scale), every, 0
        size = k // blocks
        self.parts = [slice(i * size, (i + 1) * size) for i in range(blocks)]
        self.mask = np.kron(np.eye(blocks), np.ones((size, size)))

    def __call__(self, weights: dict[str, Array]) -> None:
        """Project in place: the biases always, the norms at every few calls."""
        weights["b_output"][...] = 0
        weights["b_hidden"][...] = self.bias * self.root
        if self.calls % self.every == 0:
            self._norms(weights, self.root)
        self.calls += 1

    def balanced(self, rnn: RNN) -> RNN:
        """A start with W_i and W_o at the full norm."""
        weights = {name: w.copy() for name, w in rnn.weights.items()}
        for name in ("w_input", "w_output"):
            weights[name] *= self.root / (np.linalg.norm(weights[name], 2) or 1.0)
        return RNN(**weights, activation=rnn.activation)

    def inside(self, rnn: RNN) -> RNN:
        """The network with its norms projected."""
        weights = {name: w.copy() for name, w in rnn.weights.items()}
        self._norms(weights, self.root)
        return RNN(**weights, activation=rnn.activation)

    def unscaled(self, rnn: RNN) -> RNN:
        """The network of the class: its norms are below the radii by more than rounding."""
        weights = {name: w.copy() for name, w in rnn.weights.items()}
        for name in ("w_input", "w_output"):
            weights[name] /= self.root
        weights["w_hidden"] *= self.mask
        weights["b_hidden"][...] = self.bias
        weights["b_output"][...] = 0
        self._norms(weights, 1.0)
        return RNN(**weights, activation=rnn.activation)

    def _norms(self, weights: dict[str, Array], root: float) -> None:
        for part in self.parts:
            _clip(weights["w_hidden"][part, part], self.hidden)
        _clip(weights["w_input"], root)
        _clip(weights["w_output"], root)


def _clip(matrix: Array, radius: float) -> None:
    """Bring the singular values down to a radius less 1e-9 of it, in place."""
    if not np.isfinite(matrix).all():
        return  # has no singular values; the training says in one sentence that it diverged
    u, s, v = np.linalg.svd(matrix, full_matrices=False)
    radius *= 1 - 1e-9
    if s.size and s[0] > radius:
        matrix[...] = (u * np.minimum(s, radius)) @ v


def _without_output_bias(weights: dict[str, Array]) -> None:
    weights["b_output"][...] = 0
