"""Training a network whose weights are integers times fixed steps, and whose code is short.

Straight-through: the loss and its gradient are those of the rounded weights, and the gradient moves
the weights before rounding. The length of the code enters as -log2 of the probabilities that the
coder's models have learned, tabulated for every size of an integer and interpolated linearly
between neighbours, so that it has a gradient.
"""

from __future__ import annotations

import hashlib
import json
import math
import pickle
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from pruning.checks import Inputs, Targets
from pruning.rnn import RNN
from validation.certifying.numbers import random_signs
from validation.certifying.prices import LEVELS, price_table, smoothed_prices
from validation.output.schema import Facts, Record
from validation.training.torch_models import import_torch, recurrence

BLOCKS = ("w_hidden", "w_input", "w_output", "b_hidden", "b_output")


@dataclass(frozen=True)
class Training:
    """Every setting of a quantisation-aware training.

    Attributes
    ----------
    epochs, batch_size : int
    learning_rate : float
        Adam's, falling to 0 along half a cosine.
    steps : mapping of block to int
        Exponents: the weights of a block are integers times 2^step.
    rate : float
        A bit of the code costs rate ln(2)/n in units of the mean loss; 0 trains freely.
    ramp : float
        Share of the epochs over which the rate grows from 0.
    smooth : float
        Width, in steps, of the Gaussian that the histogram of the integers is smoothed with before
        prices are read off it. Without it integers gather wherever many happened to be at first,
        and 0, which needs no sign, may stay rare.
    sharpen : float
        Share of the epochs after which prices are those of the coder itself.
    power : float
        The loss (1 - p^power)/power of the right class's probability p: 0 is cross-entropy, 1 is
        1 - p, which is nearer to the count of errors.
    turn : float
        Share of the epochs after which `power` takes the place of cross-entropy.
    teacher : float
        Weight of the teacher's probabilities in the targets, where there is a teacher.
    clip_norm : float
    identity : bool
        Integers of ``w_hidden`` count from the identity, for networks that remember by it.
    subspace : mapping of block to int
        So many coordinates z take the place of the weights of a block, which is step S z for S the
        random signs of `seed`; the biases of the nodes then stay 0, as S knows the nodes by place.
    reference : float
        Weights of ``w_hidden`` count from random signs of `seed` times this, rounded to steps.
    quantised : bool
        False: an ordinary training, for the network that is pruned.
    seed : int
    """

    epochs: int = 250
    batch_size: int = 500
    learning_rate: float = 3e-3
    steps: Mapping[str, int] = field(
        default_factory=lambda: {
            "w_hidden": -3,
            "w_input": -2,
            "w_output": -2,
            "b_hidden": -4,
            "b_output": -3,
        }
    )
    rate: float = 5.0
    ramp: float = 0.4
    smooth: float = 0.0
    sharpen: float = 0.6
    power: float = 0.0
    turn: float = 0.5
    teacher: float = 0.0
    clip_norm: float = 1.0
    identity: bool = False
    subspace: Mapping[str, int] = field(default_factory=dict)
    reference: float = 0.0
    quantised: bool = True
    seed: int = 0

    def settings(self) -> Record:
        """Return what a checkpoint must agree with."""
        found = {**asdict(self), "steps": dict(self.steps), "subspace": dict(self.subspace)}
        # Checkpoints and certificates of before know neither.
        if not self.subspace and not self.reference:
            del found["subspace"], found["reference"]
        return found

    @property
    def placed(self) -> bool:
        """Whether weights belong to nodes by their place."""
        return bool(self.subspace or self.reference)

    def signs(self, block: str, shape: Sequence[int]) -> Any:
        """Return S of a block, (numbers, coordinates) of -1 and 1."""
        return random_signs(self.seed, block, math.prod(shape), self.subspace.get(block, 1))


@dataclass(frozen=True)
class Progress:
    """What is told after an epoch."""

    epoch: int
    loss: float
    error: float
    bits: float
    seconds: float


def train_quantised(
    start: RNN,
    x: Inputs,
    y: Targets,
    options: Training,
    *,
    teacher: Any = None,
    checkpoint: Path | None = None,
    say: Callable[[Progress], None] = lambda progress: None,
    until: float = math.inf,
) -> tuple[RNN, bool]:
    """Train, and return the network, weights rounded to their steps, and whether it is finished.

    Parameters
    ----------
    start : RNN
        ReLU, or tanh, for which the clipped identity stands.
    x : (n, T, d) array
        Inputs; they are kept in float32.
    y : (n,) integer array
    options : Training
    teacher : (n, q) array, optional
        Probabilities.
    checkpoint : path, optional
        Written every minute and after the last epoch; a training that finds one goes on from it.
    say : callable
    until : float
        A time of `time.time` after which the training stops, at a checkpoint.
    """
    torch = import_torch()
    model = Model(torch, start, options)
    begun = 0
    if checkpoint is not None and checkpoint.exists():
        begun = model.restore(checkpoint, options)
    inputs = torch.as_tensor(np.ascontiguousarray(np.asarray(x).transpose(1, 0, 2), np.float32))
    labels = torch.as_tensor(np.asarray(y, np.int64))
    n = len(labels)
    targets = None
    if teacher is not None and options.teacher:
        one_hot = np.eye(len(start.b_output), dtype=np.float32)[np.asarray(y)]
        mixed = (1 - options.teacher) * one_hot + options.teacher * np.asarray(teacher, np.float32)
        targets = torch.as_tensor(mixed)
    per_epoch = max(1, n // options.batch_size)
    clock = saved = time.time()
    for epoch in range(begun, options.epochs):
        order = torch.as_tensor(np.random.default_rng([options.seed, epoch]).permutation(n))
        power = options.power if epoch >= options.turn * options.epochs else 0.0
        model.smooth = options.smooth if epoch < options.sharpen * options.epochs else 0.0
        rate = options.rate * min(1.0, epoch / max(1e-9, options.ramp * options.epochs))
        total = wrong = 0.0
        for place in range(per_epoch):
            batch = order[place * options.batch_size : (place + 1) * options.batch_size]
            step = epoch * per_epoch + place
            share = step / (options.epochs * per_epoch)
            loss, errors = model.step(
                inputs[:, batch],
                labels[batch],
                None if targets is None else targets[batch],
                options.learning_rate * 0.5 * (1 + math.cos(math.pi * share)),
                rate * math.log(2) / n,
                power,
                refresh=step % 20 == 0,
            )
            total, wrong = total + loss, wrong + errors
        seen = per_epoch * min(options.batch_size, n)
        now = time.time()
        say(Progress(epoch + 1, total / per_epoch, wrong / seen, model.bits(), now - clock))
        clock = now
        last = epoch + 1 == options.epochs
        if checkpoint is not None and (last or now - saved > 60 or now > until):
            save(torch, checkpoint, model.state(epoch + 1, options))
            saved = now
        if now > until and not last:
            return model.rnn(), False
    return model.rnn(), True


class Model:
    """The weights in one vector, Adam's averages, and the prices of integers."""

    def __init__(self, torch: Any, start: RNN, options: Training) -> None:
        self.torch, self.options = torch, options
        self.activation = start.activation
        self.two_sided = start.activation.name == "tanh"
        self.shapes = {b: getattr(start, b).shape for b in BLOCKS}
        held = {b: getattr(start, b).ravel() for b in BLOCKS}
        reference = {b: np.zeros(self.shapes[b]) for b in BLOCKS}
        if options.identity and options.quantised:
            reference["w_hidden"] = np.eye(len(start.b_hidden))
        if options.reference and "w_hidden" in options.subspace:
            raise ValueError("subspace and reference must not both be of w_hidden")
        if options.reference and options.quantised:
            step = 2.0 ** options.steps["w_hidden"]
            drawn = options.signs("w_hidden", self.shapes["w_hidden"])
            size = round(options.reference / step) * step
            reference["w_hidden"] = size * drawn.reshape(self.shapes["w_hidden"])
        if not options.quantised:
            options = replace(options, subspace={}, reference=0.0)
        if options.placed:
            held["b_hidden"] = np.zeros(len(start.b_hidden))
        self.signs: Record = {}
        for b in options.subspace:
            most = math.prod(self.shapes[b])
            if not 1 <= options.subspace[b] <= most:
                raise ValueError(
                    f"subspace of {b} must have 1 to {most} coordinates, got {options.subspace[b]}"
                )
            S = options.signs(b, self.shapes[b]).astype(np.float64)
            held[b] = np.linalg.lstsq(S, held[b])[0]
            reference[b] = np.zeros(S.shape[1])
            self.signs[b] = torch.as_tensor(S.astype(np.float32))
        origin = np.concatenate([reference[b].ravel() for b in BLOCKS])
        self.origin = torch.as_tensor(origin.astype(np.float32))
        flat = np.concatenate([held[b] for b in BLOCKS])
        self.theta = torch.as_tensor((flat - origin).astype(np.float32))
        sizes = [len(held[b]) for b in BLOCKS]
        self.fixed = torch.as_tensor(
            np.repeat([options.placed and b == "b_hidden" for b in BLOCKS], sizes)
        )
        steps = [2.0 ** options.steps[b] for b in BLOCKS]
        self.step_sizes = torch.as_tensor(np.repeat(steps, sizes).astype(np.float32))
        self.block = torch.as_tensor(np.repeat(np.arange(len(BLOCKS)), sizes))
        self.sizes = sizes
        self.first = torch.zeros_like(self.theta)
        self.second = torch.zeros_like(self.theta)
        self.count, self.smooth = 0, 0.0
        self.prices = torch.zeros(len(BLOCKS) * (LEVELS + 1))
        self.function = recurrence(torch, "clipped" if self.two_sided else "relu")

    def rounded(self) -> Any:
        if not self.options.quantised:
            return self.theta + self.origin
        return self.torch.round(self.theta / self.step_sizes) * self.step_sizes + self.origin

    def parts(self, flat: Any) -> Record:
        pieces = self.torch.split(flat, self.sizes)
        found = dict(zip(BLOCKS, pieces))
        found |= {b: S @ found[b] for b, S in self.signs.items()}
        return {b: piece.view(self.shapes[b]) for b, piece in found.items()}

    def outputs(self, flat: Any, x: Any) -> Any:
        w = self.parts(flat)
        h = self.function(x @ w["w_input"].T + w["b_hidden"], w["w_hidden"], None)
        return h[-1] @ w["w_output"].T + w["b_output"]

    def step(
        self,
        x: Any,
        y: Any,
        targets: Any,
        learning_rate: float,
        rate: float,
        power: float,
        refresh: bool,
    ) -> tuple[float, float]:
        torch = self.torch
        flat = self.rounded().detach().requires_grad_()
        outputs = self.outputs(flat, x)
        logs = torch.log_softmax(outputs, 1)
        if power:
            right = logs.gather(1, y[:, None])[:, 0]
            loss = (1 - torch.exp(power * right)).mean() / power
        elif targets is not None:
            loss = -(targets * logs).sum(1).mean()
        else:
            loss = torch.nn.functional.nll_loss(logs, y)
        loss.backward()
        if not self.update(flat.grad, learning_rate, rate, refresh):
            return math.nan, float(len(y))
        return float(loss.detach()), float((outputs.detach().argmax(1) != y).sum())

    def update(self, gradient: Any, learning_rate: float, rate: float, refresh: bool) -> bool:
        """Take a step of Adam; a gradient that is not finite is passed over, and False returned."""
        if rate and self.options.quantised:
            if refresh:
                self.reprice()
            # Before the norm is clipped, so that a bit costs what it should beside the loss.
            gradient += rate * self.slopes()
        gradient[self.fixed] = 0
        norm = float(gradient.norm())
        if not math.isfinite(norm):
            return False
        if norm > self.options.clip_norm:
            gradient *= self.options.clip_norm / norm
        self.adam(gradient, learning_rate)
        return True

    def adam(self, gradient: Any, learning_rate: float) -> None:
        self.count += 1
        self.first.mul_(0.9).add_(gradient, alpha=0.1)
        self.second.mul_(0.999).addcmul_(gradient, gradient, value=0.001)
        scale = math.sqrt(1 - 0.999**self.count) / (1 - 0.9**self.count)
        self.theta.addcdiv_(self.first, self.second.sqrt().add_(1e-8), value=-learning_rate * scale)

    def slopes(self) -> Any:
        """The derivative of the bits by each weight."""
        units = self.theta / self.step_sizes
        level = units.abs().floor_().clamp_(max=LEVELS - 1).long()
        at = self.block * (LEVELS + 1) + level
        return (self.prices[at + 1] - self.prices[at]) * units.sign() / self.step_sizes

    def reprice(self) -> None:
        integers = self.torch.round(self.theta / self.step_sizes).abs().numpy().astype(np.int64)
        ends = np.cumsum(self.sizes)
        tables = []
        for i, block in enumerate(BLOCKS):
            values = integers[ends[i] - self.sizes[i] : ends[i]]
            # Ascending biases are coded by their differences: no price a bias of its own.
            if block == "b_hidden":
                tables.append(np.zeros(LEVELS + 1))
            elif self.smooth:
                tables.append(smoothed_prices(values, self.smooth))
            else:
                tables.append(price_table(values))
        self.prices = self.torch.as_tensor(np.concatenate(tables).astype(np.float32))

    def bits(self) -> float:
        """About how long the code of the weights is."""
        if not self.options.quantised:
            return math.nan
        smooth, self.smooth = self.smooth, 0.0
        self.reprice()
        self.smooth = smooth
        level = self.torch.round(self.theta / self.step_sizes).abs().clamp_(max=LEVELS).long()
        return float(self.prices[self.block * (LEVELS + 1) + level].sum())

    def rnn(self) -> RNN:
        arrays = {b: w.numpy().astype(np.float64) for b, w in self.parts(self.rounded()).items()}
        return RNN(**arrays, activation=self.activation)

    def state(self, epoch: int, options: Training) -> Record:
        return {
            "epoch": epoch,
            "settings": options.settings(),
            "count": self.count,
            "theta": self.theta,
            "first": self.first,
            "second": self.second,
            "prices": self.prices,
        }

    def restore(self, path: Path, options: Training) -> int:
        """Go on from a checkpoint, and return how many epochs it has behind it."""
        try:
            held = self.torch.load(path, weights_only=True)
            settings, epoch = held["settings"], int(held["epoch"])
            found = {name: held[name] for name in ("theta", "first", "second", "prices", "count")}
            whole = found["theta"].shape == self.theta.shape
        except (RuntimeError, EOFError, OSError, KeyError, TypeError, pickle.UnpicklingError):
            whole = False
        if not whole:
            raise ValueError(f"{path} is not a checkpoint of this training: remove it") from None
        if settings != options.settings():
            raise ValueError(f"{path} belongs to a training with other settings: remove it")
        for name, value in found.items():
            setattr(self, name, value)
        return epoch


def checkpoint_path(work: Path | None, name: str, settings: Facts) -> Path | None:
    """Return where the checkpoint of a training is, which has a hash of its settings in its name.

    Parameters
    ----------
    work : path, or None
        Its folder; None for a training without checkpoints.
    name : str
    settings : mapping
        All that decides what the training gives.
    """
    if work is None:
        return None
    try:
        work.mkdir(parents=True, exist_ok=True)  # before hours of training, not after the first
    except OSError as error:
        raise ValueError(
            f"work must be a folder that can be made, got {work}: {error.strerror}"
        ) from None
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()
    return work / f"{name}-{digest[:16]}.pt"


def save(torch: Any, path: Path, state: Record) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    torch.save(state, part)
    part.replace(path)
