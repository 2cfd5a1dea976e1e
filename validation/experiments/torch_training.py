"""Training with torch where it takes longer than minutes: long sequences and language models.

Only this module imports torch, and only when a training asks for it. Every step draws its batch and
its dropout from generators seeded by (seed, step), so that a training that was killed goes on from
any checkpoint to the same bits, on the same processor with the same number of threads.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pruning.activations import activation
from pruning.optimisers import learning_rate_factor
from pruning.rnn import RNN
from validation.experiments.atomic import write_atomically

CHECKPOINT_SECONDS = 60.0


@dataclass(frozen=True)
class Schedule:
    """How a model is optimised: AdamW with a learning rate that depends on the step alone.

    Attributes
    ----------
    epochs, batch_size : int
    learning_rate, weight_decay : float
    shape : str
        A name of `pruning.optimisers.learning_rate_factor`.
    clip_norm : float
        Gradients of a larger Euclidean norm, over all weights together, are scaled down to it.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float = 0.0
    shape: str = "one_cycle"
    clip_norm: float = math.inf


def import_torch() -> Any:
    """Return the module torch, or say how to get it."""
    try:
        import torch
    except ImportError:
        raise ValueError(
            "this training needs torch, which is not installed: pip install 'rnnbounds[peers]'"
        ) from None
    return torch


class PixelClassifier:
    """A network that is read out after its last step, trained on sequences (n, T, d_x).

    Parameters
    ----------
    rnn : RNN
        The start.
    x, y : arrays (n, T, d_x) and (n,)
    device : str
        A torch device.
    """

    def __init__(self, rnn: RNN, x: Any, y: Any, device: str = "cpu") -> None:
        torch = import_torch()
        self.torch, self.device, self.activation = torch, device, rnn.activation
        # Time first, so that one step of a batch is one block.
        self.x = torch.as_tensor(np.ascontiguousarray(x.transpose(1, 0, 2), np.float32))
        self.y = torch.as_tensor(np.asarray(y, np.int64))
        self.weights = _tensors(torch, rnn.weights, device)
        self.recurrence = _recurrence(torch, self.activation.name)
        self.order: tuple[int, Any] = (-1, None)

    def steps_per_epoch(self, batch_size: int) -> int:
        """Number of whole batches in an epoch."""
        return len(self.y) // batch_size

    def loss(self, step: int, seed: int, batch_size: int) -> Any:
        """Return the mean loss of the batch of this step."""
        epoch, place = divmod(step, self.steps_per_epoch(batch_size))
        if self.order[0] != epoch:
            order = np.random.default_rng([seed, epoch]).permutation(len(self.y))
            self.order = (epoch, self.torch.as_tensor(order))
        batch = self.order[1][place * batch_size : (place + 1) * batch_size]
        x, y = self.x[:, batch].to(self.device), self.y[batch].to(self.device)
        w = self.weights
        h = self.recurrence(x @ w["w_input"].T + w["b_hidden"], w["w_hidden"], None)
        return self.torch.nn.functional.cross_entropy(h[-1] @ w["w_output"].T + w["b_output"], y)

    def after_step(self) -> None:
        """Nothing is carried from step to step."""

    def carried(self) -> dict[str, Any]:
        """Nothing is carried from step to step."""
        return {}

    def restore(self, carried: Mapping[str, Any]) -> None:
        """Nothing is carried from step to step."""

    def rnn(self) -> RNN:
        """Return the network as it stands."""
        return RNN(**_arrays(self.weights), activation=self.activation)


class LanguageModel:
    """A word-level language model whose embedding is tied to its read-out.

    Parameters
    ----------
    m, vocabulary : int
    tokens : (N,) integer array
        The training text; it is cut into `lines` lines that are read side by side.
    lines, window : int
        Batch size, and steps before the gradient is cut.
    dropout : float
        Probability with which entries of the embedding and of the read-out's input are dropped.
    reset : float
        Probability that a line starts a window from h_0 = 0 instead of the last state, so that the
        network is also good on windows of their own, which are what the theory speaks of.
    seed : int
    sampled_epochs : int
        In the first epochs the softmax runs over the words of the window and `samples` others,
        which costs a fifth; see `_sampled_loss`.
    samples : int
    device : str

    Notes
    -----
    While it is trained the network reads W_i E x_t, E the transposed read-out matrix (m, d_y).
    `rnn` merges both into one W_i of shape (m, d_x), which is the network of the theory: there is
    no embedding layer in it, and no dropout.
    """

    def __init__(
        self,
        m: int,
        vocabulary: int,
        tokens: Any,
        *,
        lines: int,
        window: int,
        dropout: float,
        reset: float,
        seed: int,
        sampled_epochs: int = 0,
        samples: int = 1000,
        device: str = "cpu",
    ) -> None:
        torch = import_torch()
        self.torch, self.device, self.m = torch, device, m
        self.sampled_epochs, self.samples = sampled_epochs, samples
        self.window, self.dropout, self.reset = window, dropout, reset
        length = (len(tokens) - 1) // lines
        if length < window:
            raise ValueError(f"{lines} lines need {lines * window + 1} tokens, got {len(tokens)}")
        self.x, self.y = (
            torch.as_tensor(
                np.asarray(tokens[shift : shift + lines * length], np.int64).reshape(lines, length)
            ).T.contiguous()
            for shift in (0, 1)
        )
        rng = np.random.default_rng([seed, 0])
        weights = {
            "w_hidden": _orthogonal(m, rng),
            "w_embedding": _orthogonal(m, rng) * math.sqrt(m) * 0.5,
            "b_hidden": np.zeros(m),
            "w_output": rng.standard_normal((vocabulary, m)) * 0.1,
            "b_output": np.zeros(vocabulary),
        }
        self.weights = _tensors(torch, weights, device)
        self.recurrence = _recurrence(torch, "tanh")
        self.state = torch.zeros(lines, m, device=device)
        self._next = self.state

    def steps_per_epoch(self, batch_size: int) -> int:
        """Number of whole windows in an epoch."""
        return len(self.x) // self.window

    def loss(self, step: int, seed: int, batch_size: int) -> Any:
        """Return the mean loss of the window of this step, a word."""
        torch, w = self.torch, self.weights
        epoch, place = divmod(step, self.steps_per_epoch(batch_size))
        # Another offset every epoch, so that the gradient is not always cut at the same words.
        offset = int(np.random.default_rng([seed, epoch, 1]).integers(self.window))
        begin = min(place * self.window + offset, len(self.x) - self.window)
        x = self.x[begin : begin + self.window].to(self.device)
        y = self.y[begin : begin + self.window].to(self.device)
        generator = torch.Generator(self.device).manual_seed(seed * 1_000_003 + step)
        state = self.state
        if place == 0:
            state = torch.zeros_like(state)
        keep = torch.rand(state.shape[0], 1, generator=generator, device=self.device) >= self.reset
        state = state * keep
        embedded = self._drop(torch.nn.functional.embedding(x, w["w_output"]), generator)
        h = self.recurrence(embedded @ w["w_embedding"].T + w["b_hidden"], w["w_hidden"], state)
        self._next = h[-1].detach()
        read = self._drop(h, generator).reshape(-1, self.m)
        if epoch < self.sampled_epochs:
            return self._sampled_loss(read, y.reshape(-1), generator)
        return torch.nn.functional.cross_entropy(
            torch.addmm(w["b_output"], read, w["w_output"].T), y.reshape(-1)
        )

    def after_step(self) -> None:
        """Carry the last state to the next window."""
        self.state = self._next

    def carried(self) -> dict[str, Any]:
        """Return what a checkpoint must hold beside the weights."""
        return {"state": self.state}

    def restore(self, carried: Mapping[str, Any]) -> None:
        """Take up what `carried` returned."""
        self.state = carried["state"].to(self.device)

    def rnn(self) -> RNN:
        """Return the network as it stands, the embedding merged into W_i."""
        arrays = _arrays(self.weights)
        arrays["w_input"] = arrays.pop("w_embedding") @ arrays["w_output"].T
        return RNN(**arrays, activation=activation("tanh"))

    def _sampled_loss(self, read: Any, y: Any, generator: Any) -> Any:
        """Cross-entropy with an estimate of the normaliser.

        The words of the window, among them the common ones, count as they are. The others are
        drawn uniformly without replacement, and each stands for as many as were not drawn.
        """
        torch, w = self.torch, self.weights
        present, y = torch.unique(y, return_inverse=True)
        vocabulary = len(w["b_output"])
        order = torch.randperm(vocabulary, generator=generator, device=self.device)
        absent = torch.ones(vocabulary, dtype=torch.bool, device=self.device)
        absent[present] = False
        others = order[absent[order]]
        drawn = others[: self.samples]
        words = torch.cat([present, drawn])
        b_output = w["b_output"][words]
        if len(drawn):
            share = torch.zeros_like(b_output)
            share[len(present) :] = math.log(len(others) / len(drawn))
            b_output = b_output + share
        logits = torch.addmm(b_output, read, w["w_output"][words].T)
        return torch.nn.functional.cross_entropy(logits, y)

    def _drop(self, values: Any, generator: Any) -> Any:
        if not self.dropout:
            return values
        kept = self.torch.rand(values.shape, generator=generator, device=self.device)
        return values * (kept >= self.dropout) / (1 - self.dropout)


def run(
    model: PixelClassifier | LanguageModel,
    schedule: Schedule,
    *,
    seed: int,
    checkpoint: Path,
    settings: Mapping[str, Any],
    measure: Callable[[RNN], dict[str, float]],
    progress: Callable[[dict[str, Any]], None] | None = None,
    snapshot: bool = False,
) -> tuple[RNN, list[dict[str, Any]]]:
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
    optimiser = torch.optim.AdamW(
        tensors, lr=schedule.learning_rate, weight_decay=schedule.weight_decay
    )
    steps = model.steps_per_epoch(schedule.batch_size)
    facts: dict[str, Any] = {
        "settings": dict(settings),
        "step": 0,
        "sum": 0.0,
        "seconds": 0.0,
        "log": [],
    }
    if checkpoint.exists():
        facts = _load(torch, checkpoint, model, optimiser, facts["settings"])
    log: list[dict[str, Any]] = facts["log"]
    if snapshot:
        return model.rnn(), log
    began = saved = time.monotonic()
    before = facts["seconds"]
    for step in range(facts["step"], schedule.epochs * steps):
        rate = schedule.learning_rate * learning_rate_factor(
            schedule.shape, step / (schedule.epochs * steps)
        )
        for group in optimiser.param_groups:
            group["lr"] = rate
        optimiser.zero_grad(set_to_none=True)
        loss = model.loss(step, seed, schedule.batch_size)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(tensors, schedule.clip_norm)
        optimiser.step()
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
            _save(checkpoint, model, optimiser, facts)
            saved = time.monotonic()
    return model.rnn(), log


def _save(path: Path, model: Any, optimiser: Any, facts: Mapping[str, Any]) -> None:
    from safetensors.torch import save

    tensors = {f"weight.{name}": tensor.detach() for name, tensor in model.weights.items()}
    tensors |= {f"carried.{name}": tensor for name, tensor in model.carried().items()}
    for name, tensor in model.weights.items():
        for key, value in optimiser.state[tensor].items():
            tensors[f"adam.{name}.{key}"] = value
    # safetensors refuses tensors that share memory; clones never do.
    data = save(
        {name: tensor.cpu().contiguous().clone() for name, tensor in tensors.items()},
        {"facts": json.dumps(dict(facts))},
    )
    write_atomically(path, data)


def _load(
    torch: Any, path: Path, model: Any, optimiser: Any, settings: Mapping[str, Any]
) -> dict[str, Any]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as held:
            facts: dict[str, Any] = json.loads(held.metadata()["facts"])
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
            optimiser.state[tensor] = {
                key.removeprefix(prefix): value if key.endswith(".step") else value.to(model.device)
                for key, value in tensors.items()
                if key.startswith(prefix)
            }
    prefix = "carried."
    model.restore({k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)})
    return facts


def _tensors(torch: Any, weights: Mapping[str, Any], device: str) -> dict[str, Any]:
    return {
        name: torch.tensor(np.array(array, np.float32), device=device, requires_grad=True)
        for name, array in weights.items()
    }


def _arrays(weights: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: tensor.detach().cpu().numpy().astype(np.float64) for name, tensor in weights.items()
    }


def _orthogonal(m: int, rng: np.random.Generator) -> Any:
    q, r = np.linalg.qr(rng.standard_normal((m, m)))
    return q * np.where(np.diag(r) < 0, -1.0, 1.0)


def _recurrence(torch: Any, name: str) -> Callable[[Any, Any, Any], Any]:
    """Return (drive (T, n, m), W_h, h_0 or None) -> states (T, n, m), differentiable.

    Forwards and backwards in place, which on a processor takes three quarters of the time of
    torch.nn.RNN at m = 128. No gradient flows into h_0.
    """
    apply, slope = {
        "relu": (torch.relu_, lambda h: h > 0),
        "tanh": (torch.tanh_, lambda h: 1 - h * h),
    }[name]

    class Recurrence(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, drive: Any, w_hidden: Any, start: Any) -> Any:
            h = drive.clone()
            transposed = w_hidden.T
            previous = start
            for now in h:
                if previous is not None:
                    now.addmm_(previous, transposed)
                previous = apply(now)
            ctx.save_for_backward(h, w_hidden, start)
            return h

        @staticmethod
        def backward(ctx: Any, gradient: Any) -> Any:
            h, w_hidden, start = ctx.saved_tensors
            delta = gradient.clone()
            for t in range(len(h) - 1, -1, -1):
                delta[t].mul_(slope(h[t]))
                if t:
                    delta[t - 1].addmm_(delta[t], w_hidden)
            m = h.shape[-1]
            in_w_hidden = delta[1:].reshape(-1, m).T @ h[:-1].reshape(-1, m)
            if start is not None:
                in_w_hidden += delta[0].T @ start
            return delta, in_w_hidden, None

    return Recurrence.apply
