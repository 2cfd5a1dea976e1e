"""Train the networks under ``models/``, safe to kill at any moment and to go on."""

from __future__ import annotations

import hashlib
import io
import json
import platform
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from pruning.rnn import RNN
from pruning.storage import UNREADABLE, load_network, save_network
from pruning.training import TrainingState, train
from validation.data.dataset import Dataset
from validation.data.fetching import cache_folder
from validation.data.language import corpus, perplexity
from validation.output.schema import Record
from validation.output.writing import write_atomically
from validation.training.recipes import RECIPES, Recipe, load
from validation.training.scores import accuracy

Say = Callable[[Record], None]


def make(
    recipe: Recipe,
    seed: int,
    out: Path,
    *,
    work: Path | None = None,
    device: str = "",
    restart: bool = False,
    snapshot: bool = False,
    say: Say = lambda record: None,
) -> Path:
    """Train a network, or go on with it, and write it to `out` with its log.

    Parameters
    ----------
    recipe : Recipe
    seed : int
    out : path
        NAME-SEED.safetensors and NAME-SEED.json go here.
    work : path, optional
        Checkpoints go to NAME-SEED here; by default to ``training`` in the cache of the data.
    device : str
        A device of torch; empty for NumPy where it can, and torch's cpu for a language model.
    restart : bool
        Forget checkpoints.
    snapshot : bool
        Write the network of the last checkpoint, and train no further.
    say : callable
        Told the line of the log after each epoch.

    Returns
    -------
    path
        Of the network.
    """
    out.mkdir(parents=True, exist_ok=True)
    folder = (cache_folder() / "training" if work is None else work) / f"{recipe.name}-{seed}"
    with_torch = bool(device) or recipe.start is None
    checkpoint = folder / ("checkpoint.safetensors" if with_torch else "checkpoint.npz")
    if restart:
        checkpoint.unlink(missing_ok=True)
    if snapshot and not checkpoint.exists():
        raise ValueError(f"there is no checkpoint {checkpoint} to take a snapshot of")
    if with_torch:
        rnn, log = _with_torch(recipe, seed, checkpoint, device or "cpu", snapshot, out, say)
    else:
        rnn, log = _with_numpy(recipe, seed, checkpoint, snapshot, out, say)
    rnn = _rounded(rnn, recipe.stored)
    path = out / f"{recipe.name}-{seed}.safetensors"
    command = ["rnnbounds", "train", recipe.name, "--seed", str(seed)]
    if recipe.training["epochs"] != RECIPES[recipe.name].training["epochs"]:
        command += ["--epochs", str(recipe.training["epochs"])]
    if device:
        command += ["--device", device]
    facts = {
        "command": " ".join(command),
        "finished": bool(log) and log[-1]["epoch"] == recipe.training["epochs"],
        "result": evaluate(recipe, rnn),
        "settings": recipe.settings(seed),
        **_started_from(recipe, out),
        "versions": {"numpy": np.__version__, "python": platform.python_version()},
        "log": log,
    }
    save_network(path, rnn, dtype=recipe.stored)
    write_atomically(path.with_suffix(".json"), readable(facts).encode())
    return path


def evaluate(recipe: Recipe, rnn: RNN) -> dict[str, float]:
    """Return what the network achieves on the data that it was not trained on."""
    if recipe.start is None:
        text = corpus(recipe.data["name"])
        window = recipe.training["window"]
        return {
            "valid_perplexity": perplexity(rnn, text.valid),
            "test_perplexity": perplexity(rnn, text.test),
            f"test_perplexity_windows_of_{window}": perplexity(rnn, text.test, window),
        }
    data = load(recipe.data)
    return {"test_accuracy": accuracy(rnn, data.x_test, data.y_test)}


def _with_numpy(
    recipe: Recipe, seed: int, checkpoint: Path, snapshot: bool, models: Path, say: Say
) -> tuple[RNN, list[Any]]:
    """Train with `pruning.training`; a checkpoint is written after each epoch."""
    settings = recipe.settings(seed)
    state, log = _read(checkpoint, settings)
    if snapshot:
        assert state is not None
        return state.rnn, log
    data = load(recipe.data)
    clock = time.monotonic()

    def after_epoch(state: TrainingState) -> None:
        nonlocal clock
        record = state.history[-1]
        log.append(
            {
                "epoch": record.epoch,
                "loss": record.loss,
                "gradient_norm": record.gradient_norm,
                "learning_rate": record.learning_rate,
                "test_accuracy": accuracy(state.rnn, data.x_test, data.y_test),
                "seconds": round(time.monotonic() - clock, 1),
            }
        )
        clock = time.monotonic()
        _write(checkpoint, state, settings, log)
        say(log[-1])

    result = train(
        _start(recipe, data, seed, models),
        data.x,
        data.y,
        **recipe.training,
        checkpoint=after_epoch,
        resume=state,
        rng=seed,
    )
    return result.rnn, log


def _start(recipe: Recipe, data: Dataset, seed: int, models: Path) -> RNN:
    assert recipe.start is not None
    start = recipe.start.rnn(recipe.m, data.d_x, data.classes, seed)
    if not recipe.warm:
        return start
    path = _warm_network(recipe, models)
    if not path.exists():
        raise ValueError(
            f"{recipe.name} starts from {path}: run `rnnbounds train {recipe.warm}` first"
        )
    return stretched(load_network(path), recipe.stretch)


def _warm_network(recipe: Recipe, models: Path) -> Path:
    return models / f"{recipe.warm}-0.safetensors"


def _started_from(recipe: Recipe, models: Path) -> Record:
    """What the log says of the network that a training started from."""
    path = _warm_network(recipe, models)
    if not recipe.warm or not path.exists():
        return {}
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return {"started_from": {"file": path.name, "sha256": digest}}


def stretched(rnn: RNN, times: float) -> RNN:
    """Return a network that does over `times` as many steps about what this one does.

    Every step then changes the state by 1/times of what it did: W_h - I, W_i and b_h are divided.
    It is exact where the activation is linear, in the limit of small changes.
    """
    identity = np.eye(rnn.m)
    return replace(
        rnn,
        w_hidden=identity + (rnn.w_hidden - identity) / times,
        w_input=rnn.w_input / times,
        b_hidden=rnn.b_hidden / times,
    )


def _with_torch(
    recipe: Recipe,
    seed: int,
    checkpoint: Path,
    device: str,
    snapshot: bool,
    models: Path,
    say: Say,
) -> tuple[RNN, list[Any]]:
    """Train with torch; a checkpoint is written every minute and after each epoch."""
    from validation.training import torch_models, torch_training

    options = dict(recipe.training)
    options.pop("dtype", None)
    options["shape"] = options.pop("schedule")
    model: Any
    if recipe.start is None:
        text = corpus(recipe.data["name"])
        lines = options["batch_size"]
        names = ("window", "dropout", "reset", "sampled_epochs")
        model = torch_models.LanguageModel(
            recipe.m,
            len(text.words),
            text.train,
            lines=lines,
            **{name: options.pop(name) for name in names},
            seed=seed,
            device=device,
        )

        def measure(rnn: RNN) -> dict[str, float]:
            return {"valid_perplexity": perplexity(rnn, text.valid)}

    else:
        data = load(recipe.data)
        start = _start(recipe, data, seed, models)
        model = torch_models.PixelClassifier(start, data.x, data.y, device)

        def measure(rnn: RNN) -> dict[str, float]:
            return {"test_accuracy": accuracy(rnn, data.x_test, data.y_test)}

    return torch_training.run(
        model,
        torch_training.Schedule(**options),
        seed=seed,
        checkpoint=checkpoint,
        settings=recipe.settings(seed, device=device),
        measure=measure,
        progress=say,
        snapshot=snapshot,
    )


def readable(facts: Record) -> str:
    """Return JSON with a line for each line of the log."""
    rows = ",\n  ".join(json.dumps(row) for row in facts["log"])
    head = json.dumps({**facts, "log": []}, indent=1)
    return head.replace('"log": []', f'"log": [\n  {rows}\n ]') + "\n"


def _rounded(rnn: RNN, dtype: str) -> RNN:
    """Return the network with its weights as the file will hold them."""
    weights = {name: w.astype(dtype) for name, w in rnn.weights.items()}
    return RNN(**weights, activation=rnn.activation)


def _write(path: Path, state: TrainingState, settings: Any, log: list[Any]) -> None:
    buffer = io.BytesIO()
    facts = json.dumps({"settings": settings, "log": log})
    np.savez(buffer, training=np.array(facts), **state.to_arrays())  # type: ignore[arg-type]
    write_atomically(path, buffer.getvalue())


def _read(path: Path, settings: Any) -> tuple[TrainingState | None, list[Any]]:
    if not path.exists():
        return None, []
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as held:
            arrays = {name: held[name] for name in held.files}
        facts = json.loads(str(arrays.pop("training")))
        state = TrainingState.from_arrays(arrays)
    except UNREADABLE as error:
        raise ValueError(f"{path} is not a checkpoint of a training: {error}") from None
    if facts["settings"] != json.loads(json.dumps(settings)):
        raise ValueError(
            f"{path} belongs to a training with other settings; use --restart to begin anew"
        )
    return state, facts["log"]
