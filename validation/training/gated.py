"""Train the GRU and LSTM networks under ``models/`` with torch, safe to kill and to go on.

A network is one recurrent layer of torch and a linear layer that reads its last state. Its file is
the state_dict of the two, as anyone would save it: ``rnn.weight_ih_l0``, ..., ``linear.bias``.
"""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from pruning.checks import choice, integer
from pruning.optimizers import learning_rate_factor
from validation.data.fetching import cache_folder
from validation.output.schema import Facts, Record
from validation.output.writing import write_atomically
from validation.training.model_training import readable
from validation.training.recipes import load
from validation.training.torch_models import import_torch

CELLS = {"gru": "GRU", "lstm": "LSTM"}


@dataclass(frozen=True)
class GatedRecipe:
    """A gated network that `rnnbounds train` makes.

    Attributes
    ----------
    name, title : str
    cell : {"gru", "lstm"}
    m, seeds, epochs, batch_size : int
    data : mapping
        Keyword arguments of the loader; ``loader`` names it.
    learning_rate, weight_decay : float
        Of AdamW.
    shape : str
        A name of `pruning.optimisers.learning_rate_factor`.
    clip_norm : float
        Gradients of a larger Euclidean norm, over all weights together, are scaled down to it.
    """

    name: str
    title: str
    cell: str
    m: int
    data: Facts
    epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    shape: str = "one_cycle"
    clip_norm: float = 1.0
    seeds: int = field(default=5)

    def with_epochs(self, epochs: int | None) -> GatedRecipe:
        """Return the recipe with another number of epochs, or itself for None."""
        return self if epochs is None else replace(self, epochs=integer("epochs", epochs, 1))

    def settings(self, seed: int) -> Record:
        """Return everything that the weights depend on, as JSON has it."""
        facts = asdict(self)
        del facts["title"], facts["seeds"]
        return {**facts, "seed": seed}


def _recipes() -> dict[str, GatedRecipe]:
    found = []
    for cell, kind in CELLS.items():
        found.append(
            GatedRecipe(
                f"digits-{cell}",
                f"8 x 8 digits by row, {kind}, 64 nodes",
                cell,
                64,
                {"loader": "digits"},
                epochs=60,
                batch_size=32,
                learning_rate=2e-3,
                weight_decay=0.3,
                shape="cosine",
            )
        )
        found.append(
            GatedRecipe(
                f"row-mnist-{cell}",
                f"MNIST by row, {kind}, 128 nodes",
                cell,
                128,
                {"loader": "images", "name": "mnist", "form": "rows"},
                epochs=10,
                batch_size=64,
                learning_rate=2e-3,
                weight_decay=0.01,
            )
        )
    return {recipe.name: recipe for recipe in found}


GATED_RECIPES = _recipes()


def gated_recipe(name: str) -> GatedRecipe:
    """Return the recipe of this name; the error lists the known."""
    return GATED_RECIPES[choice("the network", name, GATED_RECIPES)]


def make(
    recipe: GatedRecipe,
    seed: int,
    out: Path,
    *,
    work: Path | None = None,
    restart: bool = False,
    say: Callable[[Record], None] = lambda record: None,
) -> Path:
    """Train a gated network, or go on with it, and write it to `out` with its log.

    Parameters
    ----------
    recipe : GatedRecipe
    seed : int
        Of the start and of the order of the batches.
    out : path
        NAME-SEED.safetensors and NAME-SEED.json go here.
    work : path, optional
        Checkpoints go to NAME-SEED here; by default to ``training`` in the cache of the data.
    restart : bool
        Forget checkpoints.
    say : callable
        Told the line of the log after each epoch.
    """
    torch = import_torch()
    torch.set_num_threads(1)  # more would change the order of sums, and so the bits
    folder = (cache_folder() / "training" if work is None else work) / f"{recipe.name}-{seed}"
    checkpoint = folder / "checkpoint.safetensors"
    if restart:
        checkpoint.unlink(missing_ok=True)
    data = load(recipe.data)
    torch.manual_seed(seed)
    modules = torch.nn.ModuleDict(
        {
            "rnn": getattr(torch.nn, CELLS[recipe.cell])(data.d_x, recipe.m),
            "linear": torch.nn.Linear(recipe.m, data.classes),
        }
    )
    optimizer = torch.optim.AdamW(
        modules.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay
    )
    log = _read(torch, checkpoint, modules, optimizer, recipe.settings(seed))
    x = torch.as_tensor(np.ascontiguousarray(data.x.transpose(1, 0, 2), np.float32))
    y = torch.as_tensor(np.asarray(data.y, np.int64))
    steps = len(y) // recipe.batch_size
    for epoch in range(len(log), recipe.epochs):
        began, total = time.monotonic(), 0.0
        order = torch.as_tensor(np.random.default_rng([seed, epoch]).permutation(len(y)))
        for place in range(steps):
            batch = order[place * recipe.batch_size : (place + 1) * recipe.batch_size]
            share = (epoch * steps + place) / (recipe.epochs * steps)
            rate = recipe.learning_rate * learning_rate_factor(recipe.shape, share)
            for group in optimizer.param_groups:
                group["lr"] = rate
            optimizer.zero_grad(set_to_none=True)
            logits = modules["linear"](modules["rnn"](x[:, batch])[0][-1])
            loss = torch.nn.functional.cross_entropy(logits, y[batch])
            loss.backward()
            torch.nn.utils.clip_grad_norm_(modules.parameters(), recipe.clip_norm)
            optimizer.step()
            total += loss.item()
        if not np.isfinite(total):
            raise ValueError(f"training diverged in epoch {epoch + 1}: the loss is not finite")
        log.append(
            {
                "epoch": epoch + 1,
                "loss": total / steps,
                "learning_rate": rate,
                "test_accuracy": _accuracy(torch, modules, data),
                "seconds": round(time.monotonic() - began, 1),
            }
        )
        _write(torch, checkpoint, modules, optimizer, recipe.settings(seed), log)
        say(log[-1])
    return _finish(recipe, seed, out, torch, modules, data, log)


def _finish(
    recipe: GatedRecipe,
    seed: int,
    out: Path,
    torch: Any,
    modules: Any,
    data: Any,
    log: list[Record],
) -> Path:
    from safetensors.torch import save

    tensors = {name: value.contiguous() for name, value in modules.state_dict().items()}
    return write_trained(
        recipe,
        seed,
        out,
        save(tensors, {"cell": recipe.cell}),
        usual=GATED_RECIPES[recipe.name].epochs,
        result={"test_accuracy": _accuracy(torch, modules, data)},
        log=log,
    )


def write_trained(
    recipe: Any,
    seed: int,
    out: Path,
    weights: bytes,
    *,
    usual: int,
    result: Mapping[str, float],
    log: list[Record],
    device: str = "cpu",
) -> Path:
    """Write NAME-SEED.safetensors, and beside it the command that made it, its facts and its log.

    Parameters
    ----------
    recipe : GatedRecipe or TextRecipe
    seed : int
    out : path
    weights : bytes
        Of the file.
    usual : int
        Epochs of the recipe of this name: others are part of the command.
    result : mapping
    log : list
    device : str
        As torch calls it.
    """
    path = out / f"{recipe.name}-{seed}.safetensors"
    command = f"rnnbounds train {recipe.name} --seed {seed}"
    if recipe.epochs != usual:
        command += f" --epochs {recipe.epochs}"
    if device != "cpu":
        command += f" --device {device}"
    facts = {
        "command": command,
        "finished": True,
        "result": result,
        "settings": recipe.settings(seed),
        "versions": {
            "numpy": np.__version__,
            "python": platform.python_version(),
            "torch": import_torch().__version__,
        },
        "log": log,
    }
    write_atomically(path, weights)
    write_atomically(path.with_suffix(".json"), readable(facts).encode())
    return path


def _accuracy(torch: Any, modules: Any, data: Any) -> float:
    right = 0
    with torch.no_grad():
        for start in range(0, len(data.x_test), 1000):
            x = torch.as_tensor(np.asarray(data.x_test[start : start + 1000], np.float32))
            last = modules["rnn"](x.transpose(0, 1))[0][-1]
            found = modules["linear"](last).argmax(dim=1).numpy()
            right += int((found == data.y_test[start : start + 1000]).sum())
    return right / len(data.x_test)


def _write(
    torch: Any,
    path: Path,
    modules: Any,
    optimizer: Any,
    settings: Facts,
    log: list[Record],
) -> None:
    from safetensors.torch import save

    tensors = {f"weight.{name}": value for name, value in modules.state_dict().items()}
    for name, tensor in modules.named_parameters():
        for key, value in optimizer.state[tensor].items():
            tensors[f"adam.{name}.{key}"] = value
    facts = json.dumps({"settings": dict(settings), "log": log})
    clones = {name: value.detach().contiguous().clone() for name, value in tensors.items()}
    write_atomically(path, save(clones, {"facts": facts}))


def _read(torch: Any, path: Path, modules: Any, optimizer: Any, settings: Facts) -> list[Record]:
    from safetensors import SafetensorError, safe_open

    if not path.exists():
        return []
    try:
        with safe_open(path, framework="pt") as held:
            facts = json.loads(held.metadata()["facts"])
            tensors = {name: held.get_tensor(name) for name in held.keys()}  # noqa: SIM118
    except (SafetensorError, KeyError, TypeError, json.JSONDecodeError) as error:
        raise ValueError(f"{path} is not a checkpoint of a training: {error}") from None
    if facts["settings"] != json.loads(json.dumps(settings)):
        raise ValueError(
            f"{path} belongs to a training with other settings; use --restart to begin anew"
        )
    modules.load_state_dict(
        {k.removeprefix("weight."): v for k, v in tensors.items() if k.startswith("weight.")}
    )
    for name, tensor in modules.named_parameters():
        prefix = f"adam.{name}."
        optimizer.state[tensor] = {
            key.removeprefix(prefix): value
            for key, value in tensors.items()
            if key.startswith(prefix)
        }
    log: list[Record] = facts["log"]
    return log
