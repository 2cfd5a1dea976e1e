r"""A network whose valid total is far below 1: spectral pruning, then training inside a class.

A large network is trained without constraints, pruned spectrally in stages, and the small one is
trained on with every weight projected back into the class of `bounds.constrained` after every few
updates: first by the cross-entropy of its scaled outputs, then by the ramp itself. The class, the
margin and eps come from `GRID`, which was fixed before, and whose size is paid for. How the
network was trained needs no payment: the bound holds for the whole class.
"""

from __future__ import annotations

import json
import math
import platform
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from bounds.constrained import ConstrainedClass, constrained_bound, margin_bound
from bounds.terms import Bound
from pruning.checks import Array
from pruning.initialisation import initial_rnn
from pruning.losses import loss_values, margins
from pruning.rnn import RNN
from pruning.spectral import spectral_prune
from pruning.storage import load_network, save_network
from pruning.training import Epoch, train
from validation.experiments.atomic import write_atomically
from validation.experiments.dataset import Dataset

NAME = "row-mnist-14-constrained"
TITLE = "MNIST by row at 14 x 14, pruned and trained inside a class with a valid bound"

SEED = 0

_DECIMALS = tuple(float(f"{step}e-{e}") for e in (4, 3, 2, 1) for step in (1, 1.5, 2, 3, 5, 7))
GRID: dict[str, tuple[Any, ...]] = {
    "k": tuple(range(1, 33)),
    "hidden": (0.8, 0.9, 1.0, 1.1, 1.2, 1.3, 1.5, 2.0),
    "bias": (0.01, 0.03, 0.1, 0.3),
    "data": (1.0, 1.3, 1.5, 1.7, 2.0, 2.5, 3.0, 3.75),
    "energy": (0.0, 1.0, 2.0, 4.0),
    "input_rank": (7, 8, 10, 14),
    "blocks": tuple(range(1, 17)),
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
    "gamma": _DECIMALS,
    "eps": _DECIMALS,
}
"""All settings that were tried or might have been: what was chosen among them is paid for."""


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

    def __call__(self, x: Any) -> Array:
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
        return x * np.minimum(1, self.data * (1 - 1e-12) / np.where(norms > 0, norms, 1))


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
        self, d_x: int, d_y: int, T: int, gamma: float = 0.01, eps: float = 0.002
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
    common: dict[str, Any] = {"dtype": "float32", "rng": seed}
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
    u, s, v = np.linalg.svd(matrix, full_matrices=False)
    radius *= 1 - 1e-9
    if s.size and s[0] > radius:
        matrix[...] = (u * np.minimum(s, radius)) @ v


def _without_output_bias(weights: dict[str, Array]) -> None:
    weights["b_output"][...] = 0


def last_predictions(rnn: RNN, x: Array) -> Array:
    """The predictions after the last step, (n, d_y)."""
    last = np.concatenate([h[:, -1] for h in rnn.state_batches(x, 2000)])
    return last @ rnn.w_output.T + rnn.b_output


def measured(rnn: RNN, members: ConstrainedClass, x: Array, y: Array) -> dict[str, Any]:
    """What the bounds need of a sample of preprocessed sequences (n, T, d_x) with labels (n,)."""
    predictions = last_predictions(rnn, x)
    ramp = math.fsum(loss_values("margin_ramp", predictions, y, members.gamma)) / len(y)
    mu = margins(predictions, y)
    return {
        "n": len(y),
        # Rounded up, by far more than the sum's rounding.
        "empirical_loss": ramp * (1 + 1e-9),
        "errors": int((mu <= 0).sum()),
    }


def data_set() -> Dataset:
    """row-mnist-14."""
    from validation.experiments.images import images

    return images("mnist", "rows", halvings=1)


def make(
    recipe: ConstrainedRecipe, seed: int, out: Path, say: Say = lambda stage, epoch: None
) -> Path:
    """Train the network and write it with its sidecar, NAME.safetensors and NAME.json in `out`."""
    data = data_set()
    rnn = fit(recipe, data, seed, say)
    x = recipe.preprocessing(data.x)
    members = best_ramp(rnn, recipe.members(data.d_x, data.classes, data.T), x, data.y)
    facts = measured(rnn, members, x, data.y)
    bound = constrained_bound(rnn, members, facts["empirical_loss"], facts["n"])
    error = margins(last_predictions(rnn, recipe.preprocessing(data.x_test)), data.y_test) <= 0
    margin, share = best_margin(rnn, members, x, data.y)
    record = {
        "command": f"rnnbounds train {NAME} --seed {seed}",
        "result": {
            "training_error": facts["errors"] / facts["n"],
            "test_error": float(error.mean()),
            "test_errors": int(error.sum()),
        },
        "bound": {
            "data": "row-mnist-14",
            **facts,
            "class": members.to_json(),
            "preprocessing": asdict(recipe.preprocessing),
            "id": bound.id,
            "complexity": "net_kl",
            "label": bound.label,
            "total": bound.total,
        },
        "margin_bound": {
            "gamma": margin.gamma,
            "share": share,
            "total": margin_bound(rnn, margin, share, facts["n"]).total,
        },
        "settings": {**asdict(recipe), "seed": seed},
        "versions": {"numpy": np.__version__, "python": platform.python_version()},
    }
    out.mkdir(parents=True, exist_ok=True)
    path = out / f"{NAME}.safetensors"
    save_network(path, rnn, dtype="float64")
    write_atomically(path.with_suffix(".json"), (json.dumps(record, indent=1) + "\n").encode())
    return path


def best_ramp(rnn: RNN, members: ConstrainedClass, x: Array, y: Array) -> ConstrainedClass:
    """The class with the gamma and eps of the grid whose bound is smallest: they are paid for."""
    predictions = last_predictions(rnn, x)
    best = (math.inf, members)
    for gamma in members.grid["gamma"]:
        losses = loss_values("margin_ramp", predictions, y, gamma)
        ramp = math.fsum(losses) / len(y) * (1 + 1e-9)
        if ramp >= best[0]:
            continue  # a total is above the empirical loss
        for eps in members.grid["eps"]:
            each = replace(members, gamma=gamma, eps=eps)
            total = constrained_bound(rnn, each, min(ramp, 1.0), len(y)).total
            if total is not None and total < best[0]:
                best = (total, each)
    return best[1]


def best_margin(
    rnn: RNN, members: ConstrainedClass, x: Array, y: Array
) -> tuple[ConstrainedClass, float]:
    """The margin of the grid whose `margin_bound` is smallest, and the share of margins below."""
    mu = margins(last_predictions(rnn, x), y)
    found = []
    for gamma in members.grid["gamma"]:
        # Margins this near to gamma count as below it, whatever the rounding of the predictions.
        share = float((mu <= gamma + 1e-9).mean())
        each = replace(members, gamma=gamma)
        total = margin_bound(rnn, each, share, len(y)).total
        found.append((math.inf if total is None else total, gamma, share))
    _, gamma, share = min(found)
    return replace(members, gamma=gamma), share


@dataclass(frozen=True)
class Constrained:
    """A stored network with what its bound needs."""

    rnn: RNN
    members: ConstrainedClass
    preprocessing: Preprocessing
    facts: dict[str, Any]

    def bound(self) -> Bound:
        """The bound, from the loss that was stored; no data are needed."""
        return constrained_bound(
            self.rnn, self.members, self.facts["empirical_loss"], self.facts["n"]
        )

    def bound_on(self, x: Any, y: Any) -> Bound:
        """The bound, from the loss on the sample of raw sequences (n, T, d_x), labels (n,)."""
        found = measured(self.rnn, self.members, self.preprocessing(x), np.asarray(y))
        return constrained_bound(self.rnn, self.members, found["empirical_loss"], found["n"])


def read(path: str | Path) -> Constrained | None:
    """Read a network with its sidecar; None where there is no sidecar that states a bound."""
    sidecar = Path(path).with_suffix(".json")
    facts = json.loads(sidecar.read_text()) if sidecar.is_file() else {}
    if "bound" not in facts:
        return None
    stated = facts["bound"]
    return Constrained(
        load_network(path),
        ConstrainedClass.from_json(stated["class"]),
        Preprocessing(**stated["preprocessing"]),
        stated,
    )


def load_constrained(path: str | Path) -> tuple[RNN, ConstrainedClass] | None:
    """The network and its class; None where `read` finds none."""
    held = read(path)
    return None if held is None else (held.rnn, held.members)


def prepared(path: str | Path, x: Any) -> Array:
    """Raw sequences (n, T, d_x) as the stored network reads them."""
    return _held(path).preprocessing(x)


def constrained_bound_on(path: str | Path, x: Any, y: Any) -> Bound:
    """The bound of a stored network on raw sequences (n, T, d_x) with labels (n,)."""
    return _held(path).bound_on(x, y)


def _held(path: str | Path) -> Constrained:
    held = read(path)
    if held is None:
        raise ValueError(f"{path} must have a JSON file beside it that states a class")
    return held
