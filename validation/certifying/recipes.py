"""What is certified under which name: settings, all of which may be chosen on the data."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any

from pruning.checks import choice
from validation.certifying.network import Form
from validation.certifying.quantised_training import Training
from validation.output.schema import Record

FIRST_STAGES = (
    "spectral",
    "balanced",
    "balanced, closed loop",
    "pivoted QR",
    "magnitude nodes",
    "random nodes",
)
"""Methods of `pruning.baselines` that make the start of the quantised training."""


@dataclass(frozen=True)
class Recipe:
    """From data to a code.

    Attributes
    ----------
    name, title : str
    task : str
        See `validation.certifying.tasks`.
    form : Form
        How an image becomes a sequence.
    m : int
        Nodes of the network that is pruned.
    large : Training
        How that network is trained, in floating point.
    scale : float
        Its W_h starts at scale times the identity.
    activation : str
        ``relu``, or ``tanh``, for which the identity clipped to [-1, 1] is coded.
    method : str
        How it is pruned; one of `FIRST_STAGES`.
    k : int
        Nodes that are kept.
    training : Training
        How the pruned network is trained to be short.
    model : str
        A network under models/ that takes the place of the large one; inputs are pixels/255.
    """

    name: str
    title: str
    task: str
    form: Form
    m: int = 64
    large: Training = field(
        default_factory=lambda: Training(
            epochs=12, batch_size=128, learning_rate=2e-3, rate=0.0, quantised=False
        )
    )
    scale: float = 0.9
    activation: str = "relu"
    method: str = "spectral"
    k: int = 24
    training: Training = field(default_factory=Training)
    model: str = ""

    def settings(self) -> Record:
        """Return everything as values of JSON."""
        found = asdict(self)
        found["training"], found["large"] = self.training.settings(), self.large.settings()
        return found


_CENTRE = Form((4, 4, 4, 4), (2, 2))
_DIGITS_LARGE = Training(epochs=60, batch_size=32, learning_rate=2e-3, rate=0.0, quantised=False)

RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            "row-mnist",
            "MNIST by row, the middle 20 x 20 pixels in sums of 2 x 2: T = 10, d = 10",
            "mnist",
            _CENTRE,
            method="balanced",
            training=Training(
                epochs=450,
                rate=7.0,
                smooth=2.0,
                steps={
                    "w_hidden": -4,
                    "w_input": -3,
                    "w_output": -3,
                    "b_hidden": -4,
                    "b_output": -3,
                },
            ),
        ),
        Recipe(
            "digits",
            "8 x 8 digits by row, n = 1,437",
            "digits",
            Form(),
            m=32,
            large=_DIGITS_LARGE,
            method="balanced",
            k=8,
            training=Training(epochs=500, batch_size=100, smooth=1.0),
        ),
        Recipe(
            "fashion-rows",
            "Fashion-MNIST by row in sums of 2 x 2: T = 14, d = 14",
            "fashion-mnist",
            Form(pool=(2, 2)),
            training=Training(epochs=110, smooth=1.0),
        ),
        Recipe(
            "pixel-mnist",
            "MNIST by pixel, T = 784, from the network of 42 nodes under models/",
            "mnist",
            Form(d=1),
            m=42,
            k=27,
            model="pixel-mnist-small-0",
            training=Training(
                epochs=9,
                batch_size=100,
                learning_rate=1.5e-4,
                rate=4.0,
                identity=True,
                steps={
                    "w_hidden": -9,
                    "w_input": -8,
                    "w_output": -5,
                    "b_hidden": -11,
                    "b_output": -4,
                },
            ),
        ),
    )
}


def recipe(name: str, **changes: Any) -> Recipe:
    """Return a recipe of the table with some of its settings changed.

    Parameters
    ----------
    name : str
    **changes
        Fields of `Recipe`, or of its `Training`.
    """
    found = RECIPES[choice("name", name, RECIPES)]
    own = {key: value for key, value in changes.items() if key in Recipe.__dataclass_fields__}
    rest = {key: value for key, value in changes.items() if key not in own}
    return replace(found, **own, training=replace(found.training, **rest))
