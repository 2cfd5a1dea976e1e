"""A language model by bytes, trained to be short, and certified."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

from pruning.checks import Nodes
from pruning.initialisation import initial_rnn
from pruning.rnn import RNN
from validation.certifying.conversion import sorted_integers
from validation.certifying.language import TEXT
from validation.certifying.network import IntegerNetwork, TextForm
from validation.certifying.quantised_training import Model, Training, checkpoint_path, save
from validation.certifying.text import CertifiedText, certified_text
from validation.output.schema import Facts, Record
from validation.training.torch_models import import_torch

Say = Callable[[str], None]


@dataclass(frozen=True)
class TextRecipe:
    """How a language model is made.

    Attributes
    ----------
    k : int
        Nodes, the identity clipped to [-1, 1].
    line, smoothing : int
        See `TextForm`.
    window, lines : int
        Steps before the gradient is cut, and lines of the text that are read side by side.
    precision : int
        The unit of a state is 2^-precision.
    training : Training
        `batch_size` is not used.
    """

    k: int = 64
    line: int = 12
    smoothing: int = 10
    window: int = 64
    lines: int = 256
    precision: int = 12
    training: Training = field(
        default_factory=lambda: Training(
            epochs=16,
            learning_rate=4e-3,
            rate=15.0,
            steps={
                "w_hidden": -4,
                "w_input": -3,
                "w_output": -3,
                "b_hidden": -4,
                "b_output": -3,
            },
        )
    )

    def settings(self) -> Record:
        """Return everything as values of JSON."""
        return {**asdict(self), "training": self.training.settings()}


def produce_text(
    recipe: TextRecipe,
    *,
    work: Path | None = None,
    delta: Decimal = Decimal("0.05"),
    until: float = math.inf,
    say: Say = lambda line: None,
) -> CertifiedText:
    """Train on the bytes of the Penn Treebank's training part, and certify."""
    from validation.data.sources import PTB

    text = training_text()
    alphabet, tokens = np.unique(text, return_inverse=True)
    rnn, finished = train_text(recipe, tokens, len(alphabet), work, until, say)
    if not finished:
        say("stopped before the last epoch; the same call goes on from the checkpoint")
    form = TextForm(recipe.line, tuple(alphabet.tolist()), recipe.smoothing)
    network = text_network(rnn.weights, recipe.training.steps, form, recipe.precision)
    return certified_text(network, text, delta, {"ptb.train.txt": PTB["ptb.train.txt"]})


def training_text() -> Nodes:
    """Return the bytes of the Penn Treebank's training part, (N,)."""
    from validation.data.fetching import read

    return np.frombuffer(read("ptb", "ptb.train.txt"), np.uint8)


def text_network(
    weights: Facts, steps: Mapping[str, int], form: TextForm, precision: int
) -> IntegerNetwork:
    """Return the trained network as integers; H is 1 in units of 2^-precision.

    Parameters
    ----------
    weights : mapping of block to array
        Multiples of their steps; with gates, ``w_hidden``, ``w_input`` and ``b_hidden`` have 2 k
        rows.
    steps : mapping of block to int
    form : TextForm
    precision : int
    """
    unit = precision
    exponents = {
        "b_hidden": steps["b_hidden"] + unit,
        "w_hidden": steps["w_hidden"],
        "w_input": steps["w_input"] + unit,
        "w_output": steps["w_output"] - unit,
        "b_output": steps["b_output"],
    }
    rows, k = np.shape(weights["w_hidden"])
    return IntegerNetwork(form, True, unit, exponents, sorted_integers(weights, steps), rows > k)


def train_text(
    recipe: TextRecipe, tokens: Any, size: int, work: Path | None, until: float, say: Say
) -> tuple[RNN, bool]:
    """Train, and return the network with rounded weights, and whether it is finished."""
    torch = import_torch()
    options, lines, window = recipe.training, recipe.lines, recipe.window
    start = initial_rnn(recipe.k, size, size, "tanh", "orthogonal", 0.8, input_scale=0.5, rng=1)
    model = Model(torch, start, options)
    checkpoint = checkpoint_path(work, TEXT, recipe.settings())
    begun = 0
    if checkpoint is not None and checkpoint.exists():
        begun = model.restore(checkpoint, options)
    N = len(tokens)
    width = N // lines
    read = torch.as_tensor(np.asarray(tokens[: width * lines], np.int64).reshape(lines, width).T)
    per_epoch = (width - 1) // window
    saved = time.time()
    for epoch in range(begun, options.epochs):
        total, h = 0.0, torch.zeros(lines, recipe.k)
        rate = options.rate * min(1.0, epoch / max(1e-9, options.ramp * options.epochs))
        clock = time.time()
        offset = epoch % window  # windows begin elsewhere in every epoch
        for place in range(per_epoch - 1):
            at = offset + place * window
            share = (epoch + place / per_epoch) / options.epochs
            flat = model.rounded().detach().requires_grad_()
            w = model.parts(flat)
            drive = w["w_input"].T[read[at : at + window]] + w["b_hidden"]
            states = model.function(drive, w["w_hidden"], h)
            y = states.reshape(-1, recipe.k) @ w["w_output"].T + w["b_output"]
            after = read[at + 1 : at + window + 1].reshape(-1)
            loss = torch.nn.functional.cross_entropy(y, after)
            loss.backward()
            h = states[-1].detach()
            model.update(
                flat.grad,
                options.learning_rate * 0.5 * (1 + math.cos(math.pi * share)),
                rate * math.log(2) / N,
                refresh=place % 20 == 0,
            )
            total += float(loss.detach())
        mean = total / max(1, per_epoch - 1) / math.log(2)
        say(
            f"epoch {epoch + 1}: {mean:.4f} bits a byte, about {model.bits():.0f} bits, "
            f"{time.time() - clock:.0f} s"
        )
        last = epoch + 1 == options.epochs
        if checkpoint is not None and (last or time.time() - saved > 60 or time.time() > until):
            save(torch, checkpoint, model.state(epoch + 1, options))
            saved = time.time()
        if time.time() > until and not last:
            return model.rnn(), False
    return model.rnn(), True
