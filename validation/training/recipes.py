"""The networks under ``models/``: the data, the start and the recipe of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from pruning.checks import choice, integer
from pruning.initialisation import initial_rnn
from pruning.rnn import RNN
from validation.data.dataset import Dataset
from validation.output.schema import Facts, Record


@dataclass(frozen=True)
class Start:
    """Where a training begins: W_h is `scale` times the identity.

    Attributes
    ----------
    activation : str
    scale : float
    input_scale, bias_scale : float
        Standard deviations of the entries of W_i and b_h. Biases that differ let the nodes move
        apart in time before the data has taught them to: with one pixel a step and b_h = 0, all
        that an identity-initialised network can see at first is the sum of the pixels.
    """

    activation: str
    scale: float = 1.0
    input_scale: float = 0.1
    bias_scale: float = 0.0

    def rnn(self, m: int, d_x: int, d_y: int, seed: int) -> RNN:
        """Return the network to start from."""
        rng = np.random.default_rng([seed, 0])
        start = initial_rnn(
            m, d_x, d_y, self.activation, scale=self.scale, input_scale=self.input_scale, rng=rng
        )
        return replace(start, b_hidden=self.bias_scale * rng.standard_normal(m))


@dataclass(frozen=True)
class Recipe:
    """A network that `rnnbounds train` makes.

    Attributes
    ----------
    name : str
    title : str
        One line for the list.
    m : int
    seeds : int
        How many networks are trained by default.
    data : mapping
        Keyword arguments of the loader; ``data`` names the loader.
    training : mapping
        Keyword arguments of `pruning.training.train`, or of the language model.
    start : Start or None
        None for a language model, which has a start of its own.
    warm : str
        A recipe whose network (seed 0) this one starts from; empty for none.
    stretch : float
        How many steps of this network are one step of that one; see
        `validation.training.model_training.stretched`.
    stored : {"float32", "float16"}
        Precision of the weights in the file.
    """

    name: str
    title: str
    m: int
    seeds: int
    data: Facts
    training: Facts
    start: Start | None = None
    warm: str = ""
    stretch: float = 1.0
    stored: str = "float32"

    def with_epochs(self, epochs: int | None) -> Recipe:
        """Return the recipe with another number of epochs, or itself for None."""
        if epochs is None:
            return self
        return replace(self, training={**self.training, "epochs": integer("epochs", epochs, 1)})

    def settings(self, seed: int, **others: Any) -> Record:
        """Return everything that the weights depend on, as JSON has it."""
        facts = asdict(self)
        del facts["title"], facts["seeds"]
        return {**facts, "seed": seed, **others}


def recipe(name: str) -> Recipe:
    """Return the recipe of this name; the error lists the known."""
    return RECIPES[choice("the network", name, RECIPES)]


def load(data: Facts) -> Dataset:
    """Return the data set that a recipe names."""
    options = dict(data)
    return LOADERS[options.pop("loader")](**options)


def _digits(**options: Any) -> Dataset:
    from validation.data.digits import digits

    return digits(**options)


def _images(**options: Any) -> Dataset:
    from validation.data.images import images

    return images(**options)


LOADERS: dict[str, Callable[..., Dataset]] = {"digits": _digits, "images": _images}

_DIGITS = {
    "learning_rate": 2e-3,
    "weight_decay": 0.3,
    "epochs": 60,
    "batch_size": 32,
    "schedule": "cosine",
}
_ROWS = {
    "learning_rate": 2e-3,
    "weight_decay": 0.01,
    "epochs": 15,
    "batch_size": 64,
    "schedule": "one_cycle",
    "clip_norm": 1.0,
    "dtype": "float32",
}
_PIXELS = {"clip_norm": 1.0, "schedule": "one_cycle", "dtype": "float32", "batch_size": 32}
_TEXT = {
    "window": 35,
    "dropout": 0.2,
    "reset": 0.05,
    "sampled_epochs": 19,
    "learning_rate": 3e-3,
    "epochs": 22,
    "batch_size": 32,
    "schedule": "one_cycle",
    "clip_norm": 1.0,
}

_LARGE = (
    Recipe(
        "digits",
        "8 x 8 digits by row, tanh, 64 nodes",
        64,
        5,
        {"loader": "digits"},
        _DIGITS,
        Start("tanh", input_scale=8**-0.5),
    ),
    Recipe(
        "digits-relu",
        "8 x 8 digits by row, ReLU, 64 nodes",
        64,
        5,
        {"loader": "digits"},
        _DIGITS,
        Start("relu", scale=0.9, input_scale=8**-0.5),
    ),
    Recipe(
        "row-mnist",
        "MNIST by row, ReLU, 128 nodes",
        128,
        5,
        {"loader": "images", "name": "mnist", "form": "rows"},
        _ROWS,
        Start("relu", input_scale=28**-0.5),
    ),
    Recipe(
        "fashion-rows",
        "Fashion-MNIST by row, ReLU, 128 nodes",
        128,
        5,
        {"loader": "images", "name": "fashion-mnist", "form": "rows"},
        _ROWS,
        Start("relu", input_scale=28**-0.5),
    ),
    Recipe(
        "pixel-mnist-14",
        "MNIST by pixel at 14 x 14, ReLU from the identity, 128 nodes",
        128,
        1,
        {"loader": "images", "name": "mnist", "form": "pixels", "halvings": 1},
        {**_PIXELS, "learning_rate": 5e-4, "epochs": 30},
        Start("relu", input_scale=0.5, bias_scale=0.1),
    ),
    Recipe(
        "pixel-mnist",
        "MNIST by pixel, ReLU from the identity, 128 nodes; started from the one at 14 x 14",
        128,
        1,
        {"loader": "images", "name": "mnist", "form": "pixels"},
        {**_PIXELS, "learning_rate": 1.5e-4, "epochs": 8},
        Start("relu"),
        warm="pixel-mnist-14",
        stretch=4.0,
    ),
    Recipe(
        "ptb",
        "Penn Treebank by word, tanh, 128 nodes, embedding tied to the read-out",
        128,
        1,
        {"loader": "text", "name": "ptb"},
        _TEXT,
        stored="float16",
    ),
    Recipe(
        "sotu",
        "State of the Union addresses by word, tanh, 128 nodes, embedding tied to the read-out",
        128,
        1,
        {"loader": "text", "name": "sotu"},
        {**_TEXT, "epochs": 5, "sampled_epochs": 4},
        stored="float16",
    ),
)


def small(large: Recipe, k: int) -> Recipe:
    """Return the recipe of a network of k nodes that is trained just as the large one is."""
    return replace(
        large,
        name=f"{large.name}-small",
        title=large.title.replace(f"{large.m} nodes", f"{k} nodes, from scratch"),
        m=k,
        warm=f"{large.warm}-small" if large.warm else "",
    )


_SMALL = tuple(small(large, 42) for large in _LARGE if large.seeds == 1 and large.name != "sotu")

RECIPES = {recipe.name: recipe for recipe in (*_LARGE, *_SMALL)}
