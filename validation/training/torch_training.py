"""Training with torch where it takes longer than minutes: long sequences and language models.

A step depends on its number and the seed alone, so that a training that was killed goes on from any
checkpoint to the same bits, on the same processor with the same number of threads.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pruning.optimizers import learning_rate_factor
from pruning.rnn import RNN
from validation.output.schema import Facts, Record
from validation.output.writing import write_atomically
from validation.training.torch_models import LanguageModel, PixelClassifier

CHECKPOINT_SECONDS = 60.0


@dataclass(frozen=True)
class Schedule:
    """How a model is optimised: AdamW with a learning rate that depends on the step alone.

    Attributes
    ----------
    epochs, batch_size : int
    learning_rate, weight_decay : float
    shape : str
        A name of `pruning.optimizers.learning_rate_factor`.
    clip_norm : float
        Gradients of a larger Euclidean norm, over all weights together, are scaled down to it.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float = 0.0
    shape: str = "one_cycle"
    clip_norm: float = math.inf


def run(
    model: PixelClassifier | LanguageModel,
    schedule: Schedule,
    *,
    seed: int,
    checkpoint: Path,
    settings: Facts,
    measure: Callable[[RNN], dict[str, float]],
    progress: Callable[[Record], None] | None = None,
    snapshot: bool = False,
) -> tuple[RNN, list[Record]]:
    """Train, or go on with a training that was broken off, and return network and log.

    Parameters
    ----------
    model : PixelClassifier or LanguageModel
    schedule : Schedule
    seed : int
    checkpoint : path
        Replaced atomically every minute and after each epoch.
    settings : mapping
        Everything that the result depends on, as JSON; a checkpoint of other settings is refused.
    measure : callable
        ``measure(rnn)`` returns what to log after each epoch.
    progress : callable, optional
        Called with each line of the log.
    snapshot : bool
        Only read the checkpoint.

    Raises
    ------
    ValueError
        If the checkpoint belongs to other settings, or the loss is no longer finite.
    """
    torch = model.torch
    torch.set_num_threads(1)  # more would change the order of sums, and so the bits
    tensors = list(model.weights.values())
    optimizer = torch.optim.AdamW(
        tensors, lr=schedule.learning_rate, weight_decay=schedule.weight_decay
    )
    steps = model.steps_per_epoch(schedule.batch_size)
    facts: Record = {
        "settings": dict(settings),
        "step": 0,
        "sum": 0.0,
        "seconds": 0.0,
        "log": [],
    }
    if checkpoint.exists():
        facts = _load(torch, checkpoint, model, optimizer, facts["settings"])
    log: list[Record] = facts["log"]
    if snapshot:
        return model.rnn(), log
    began = saved = time.monotonic()
    before = facts["seconds"]
    for step in range(facts["step"], schedule.epochs * steps):
        rate = schedule.learning_rate * learning_rate_factor(
            schedule.shape, step / (schedule.epochs * steps)
        )
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.zero_grad(set_to_none=True)
        loss = model.loss(step, seed, schedule.batch_size)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(tensors, schedule.clip_norm)
        optimizer.step()
        model.after_step()
        facts["sum"] += loss.item()
        facts["step"] = step + 1
        facts["seconds"] = before + time.monotonic() - began
        if not math.isfinite(facts["sum"]):
            raise ValueError(
                f"training diverged at step {step + 1} with learning rate {rate:g}: the loss is no "
                "longer finite"
            )
        if (step + 1) % steps == 0:
            record = {
                "epoch": (step + 1) // steps,
                "loss": facts["sum"] / steps,
                "learning_rate": rate,
                "seconds": round(facts["seconds"], 1),
                **measure(model.rnn()),
            }
            log.append(record)
            facts["sum"] = 0.0
            if progress is not None:
                progress(record)
        if (step + 1) % steps == 0 or time.monotonic() - saved > CHECKPOINT_SECONDS:
            _save(checkpoint, model, optimizer, facts)
            saved = time.monotonic()
    return model.rnn(), log


def _save(path: Path, model: Any, optimizer: Any, facts: Facts) -> None:
    from safetensors.torch import save

    tensors = {f"weight.{name}": tensor.detach() for name, tensor in model.weights.items()}
    tensors |= {f"carried.{name}": tensor for name, tensor in model.carried().items()}
    for name, tensor in model.weights.items():
        for key, value in optimizer.state[tensor].items():
            tensors[f"adam.{name}.{key}"] = value
    # safetensors refuses tensors that share memory; clones never do.
    data = save(
        {name: tensor.cpu().contiguous().clone() for name, tensor in tensors.items()},
        {"facts": json.dumps(dict(facts))},
    )
    write_atomically(path, data)


def _load(torch: Any, path: Path, model: Any, optimizer: Any, settings: Facts) -> Record:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as held:
            facts: Record = json.loads(held.metadata()["facts"])
            tensors = {name: held.get_tensor(name) for name in held.keys()}  # noqa: SIM118
    except (SafetensorError, KeyError, TypeError, json.JSONDecodeError) as error:
        raise ValueError(f"{path} is not a checkpoint of a training: {error}") from None
    if facts["settings"] != json.loads(json.dumps(settings)):
        raise ValueError(
            f"{path} belongs to a training with other settings; use --restart to begin anew"
        )
    with torch.no_grad():
        for name, tensor in model.weights.items():
            tensor.copy_(tensors[f"weight.{name}"])
            prefix = f"adam.{name}."
            optimizer.state[tensor] = {
                key.removeprefix(prefix): value if key.endswith(".step") else value.to(model.device)
                for key, value in tensors.items()
                if key.startswith(prefix)
            }
    prefix = "carried."
    model.restore({k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)})
    return facts
