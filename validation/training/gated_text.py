"""Train a gated language model with torch's own layer, on the processor or on a GPU.

As `validation.training.torch_models.LanguageModel`, whose embedding is tied to the read-out, with
`torch.nn.GRU` or `torch.nn.LSTM` for the recurrence. The file is a state_dict of an embedding, the
layer and a linear read-out; the embedding stands in it a second time, as the read-out.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from pruning.checkpoints.torch_layout import torch_network
from pruning.checks import choice, integer
from pruning.stack import Stack
from validation.data.fetching import cache_folder
from validation.data.language import corpus, perplexity
from validation.output.schema import Facts, Record
from validation.training.gated import CELLS, write_trained
from validation.training.torch_models import LanguageModel, import_torch
from validation.training.torch_training import Schedule, run


@dataclass(frozen=True)
class TextRecipe:
    """A gated language model that `rnnbounds train` makes.

    Attributes
    ----------
    name, title : str
    cell : {"gru", "lstm"}
    m, seeds : int
    data : mapping
        ``name`` is the text.
    window, dropout, reset, sampled_epochs
        See `validation.training.torch_models.LanguageModel`.
    epochs, batch_size, learning_rate, weight_decay, shape, clip_norm
        See `validation.training.torch_training.Schedule`.
    stored : {"float32", "float16"}
        Precision of the weights in the file.
    """

    name: str
    title: str
    cell: str
    m: int
    data: Facts
    epochs: int
    batch_size: int = 32
    window: int = 35
    dropout: float = 0.2
    reset: float = 0.05
    sampled_epochs: int = 0
    learning_rate: float = 3e-3
    weight_decay: float = 0.0
    shape: str = "one_cycle"
    clip_norm: float = 1.0
    stored: str = "float16"
    seeds: int = 1

    def with_epochs(self, epochs: int | None) -> TextRecipe:
        """Return the recipe with another number of epochs, or itself for None."""
        return self if epochs is None else replace(self, epochs=integer("epochs", epochs, 1))

    def settings(self, seed: int) -> Record:
        """Return everything that the weights depend on, as JSON has it."""
        facts = asdict(self)
        del facts["title"], facts["seeds"]
        return {**facts, "seed": seed}


TEXT_RECIPES = {
    recipe.name: recipe
    for recipe in (
        TextRecipe(
            "ptb-gru",
            "Penn Treebank by word, GRU, 128 nodes, embedding tied to the read-out",
            "gru",
            128,
            {"name": "ptb"},
            epochs=18,
            dropout=0.25,
        ),
    )
}


class GatedLanguageModel(LanguageModel):
    """A language model whose recurrence is a layer of torch."""

    def __init__(self, cell: str, m: int, vocabulary: int, tokens: Any, **options: Any) -> None:
        choice("cell", cell, CELLS)
        super().__init__(m, vocabulary, tokens, **options)
        torch = self.torch
        # Read from the layer's own generator, so that a seed gives one start on every device.
        with torch.random.fork_rng():
            torch.manual_seed(options["seed"])
            layer = getattr(torch.nn, CELLS[cell])(m, m)
        self.layer = layer.to(self.device)
        self.cell = cell
        for name in ("w_hidden", "w_embedding", "b_hidden"):
            del self.weights[name]
        self.weights |= {f"rnn.{name}": value for name, value in self.layer.named_parameters()}
        # An LSTM carries h and c one above the other.
        shape = (1 if cell == "gru" else 2, *self.state.shape)
        self.state = self._next = torch.zeros(shape, device=self.device)

    def hidden(self, embedded: Any, state: Any) -> tuple[Any, Any]:
        """See `LanguageModel.hidden`."""
        if self.cell == "gru":
            h, last = self.layer(embedded, state)
            return h, last
        h, last = self.layer(embedded, (state[:1].contiguous(), state[1:].contiguous()))
        return h, self.torch.cat(last)

    def state_dict(self, stored: str) -> Record:
        """Return embedding, recurrence and read-out in torch's names, float16 or float32."""
        arrays = {
            name: value.detach().cpu().numpy().astype(stored)
            for name, value in self.weights.items()
        }
        table = arrays.pop("w_output")
        read = {"linear.weight": table, "linear.bias": arrays.pop("b_output")}
        return {"embedding.weight": table, **arrays, **read}

    def perplexity(self, tokens: Any, piece: int = 4096) -> float:
        """Return the perplexity as `validation.data.language.perplexity`, on the model's device."""
        torch, w, total = self.torch, self.weights, 0.0
        text = torch.as_tensor(np.asarray(tokens, np.int64), device=self.device)
        state = torch.zeros_like(self.state[:, :1])
        with torch.no_grad():
            for begin in range(0, len(text) - 1, piece):
                x, y = (text[begin + shift : begin + shift + piece] for shift in (0, 1))
                embedded = torch.nn.functional.embedding(x[: len(y), None], w["w_output"])
                h, state = self.hidden(embedded, state)
                f = torch.addmm(w["b_output"], h[:, 0], w["w_output"].T)
                total += torch.nn.functional.cross_entropy(f, y, reduction="sum").item()
        return math.exp(total / (len(text) - 1))

    def rnn(self) -> Any:
        """Return the network as it stands."""
        return torch_network(self.state_dict("float32")).stack


def make(
    recipe: TextRecipe,
    seed: int,
    out: Path,
    *,
    work: Path | None = None,
    device: str = "cpu",
    restart: bool = False,
    say: Callable[[Record], None] = lambda record: None,
) -> Path:
    """Train a gated language model, or go on with it, and write it to `out` with its log.

    Parameters
    ----------
    recipe : TextRecipe
    seed, out, work, restart, say
        As in `validation.training.gated.make`.
    device : str
        A device of torch. The bits of a training differ from one kind of device to another.
    """
    import_torch()  # before anything is read, where it is missing
    folder = (cache_folder() / "training" if work is None else work) / f"{recipe.name}-{seed}"
    folder.mkdir(parents=True, exist_ok=True)
    checkpoint = folder / "checkpoint.safetensors"
    if restart:
        checkpoint.unlink(missing_ok=True)
    text = corpus(recipe.data["name"])
    model = GatedLanguageModel(
        recipe.cell,
        recipe.m,
        len(text.words),
        text.train,
        lines=recipe.batch_size,
        window=recipe.window,
        dropout=recipe.dropout,
        reset=recipe.reset,
        sampled_epochs=recipe.sampled_epochs,
        seed=seed,
        device=device,
    )
    schedule = Schedule(
        recipe.epochs,
        recipe.batch_size,
        recipe.learning_rate,
        recipe.weight_decay,
        recipe.shape,
        recipe.clip_norm,
    )
    _, log = run(
        model,
        schedule,
        seed=seed,
        checkpoint=checkpoint,
        settings={**recipe.settings(seed), "device": device},
        measure=lambda _: {"valid_perplexity": model.perplexity(text.valid)},
        progress=say,
    )
    tensors = model.state_dict(recipe.stored)
    stack = torch_network(tensors).stack
    from safetensors.numpy import save

    return write_trained(
        recipe,
        seed,
        out,
        save(tensors, {"cell": recipe.cell}),
        usual=TEXT_RECIPES[recipe.name].epochs,
        result=results(stack, text),
        log=log,
        device=device,
    )


def results(stack: Stack, text: Any) -> dict[str, float]:
    """Return the perplexities of a network on a text: valid, test, and test from h_0 = 0."""
    found = {
        "valid_perplexity": perplexity(stack, text.valid),
        "test_perplexity": perplexity(stack, text.test),
        "test_perplexity_windows_of_35": perplexity(stack, text.test, window=35),
    }
    if not all(math.isfinite(value) for value in found.values()):
        raise ValueError(f"perplexities must be finite, got {found}")
    return found
