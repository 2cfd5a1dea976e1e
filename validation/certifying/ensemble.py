"""Many trainings for a short code at once, as one batch: on an accelerator as fast as one.

The members read the same sequences in the same order and share the shape of their weights; nodes
that a smaller member lacks are masked. All of a step stays on the device, so that on one with CUDA
it is recorded once and replayed. Prices and optimiser are those of `quantised_training`; the
trainings are in `ensemble_training`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from validation.certifying.quantised_training import BLOCKS, Training
from validation.output.schema import Facts, Record
from validation.training.torch_models import import_torch

LEVELS = 1 << 8
"""Sizes that have a price of their own; a larger one costs what the last does."""
WARM = 0.02
"""Share of a training over which the learning rate rises: networks that were trained before break
under Adam's first steps otherwise."""
_LONGEST = LEVELS.bit_length()

Weights = Facts


class Ensemble:
    """Weights (E, P) of E members, Adam's averages, and the prices of integers.

    Parameters
    ----------
    torch : module
    starts : sequence of mappings of block to array
        Shaped alike; with gates, ``w_hidden``, ``w_input`` and ``b_hidden`` have 2 k rows.
    options : sequence of Training
        One a member.
    device : str
    kept : sequence of mappings of block to boolean array, optional
        Which weights a member has.
    record : bool
        Whether a step is recorded where the device can.
    """

    def __init__(
        self,
        torch: Any,
        starts: Sequence[Weights],
        options: Sequence[Training],
        device: str,
        kept: Sequence[Weights] | None = None,
        record: bool = True,
    ) -> None:
        self.torch, self.options, self.device = torch, list(options), device
        self.record = record
        self.shapes = {b: np.shape(starts[0][b]) for b in BLOCKS}
        self.sizes = [math.prod(self.shapes[b]) for b in BLOCKS]

        def joined(values: Callable[[int, str], Any]) -> Any:
            rows = [
                np.concatenate(
                    [np.broadcast_to(values(i, b), self.shapes[b]).ravel() for b in BLOCKS]
                )
                for i in range(len(starts))
            ]
            return torch.as_tensor(np.stack(rows).astype(np.float32)).to(device)

        def origin(i: int, b: str) -> Any:
            used = options[i].identity and b == "w_hidden"
            return np.eye(*self.shapes[b]) if used else np.zeros(self.shapes[b])

        self.origin = joined(origin)
        self.step_sizes = joined(lambda i, b: 2.0 ** options[i].steps[b])
        self.mask = joined(lambda i, b: 1.0 if kept is None else kept[i][b])
        self.theta = (joined(lambda i, b: starts[i][b]) - self.origin) * self.mask
        self.first, self.second = torch.zeros_like(self.theta), torch.zeros_like(self.theta)
        self.count = torch.zeros((), device=device)
        self.prices = torch.zeros(len(starts), len(BLOCKS), LEVELS + 1, device=device)
        block = np.repeat(np.arange(len(BLOCKS)), self.sizes)
        self.block = torch.as_tensor(block).to(device)
        self.rates = self._column(lambda o: o.learning_rate)
        self.clip_norms = self._column(lambda o: o.clip_norm)
        self.bit_prices = self._column(lambda o: o.rate)
        self.kernels = smoothing_kernels(torch, [o.smooth or 1.0 for o in options], device)
        # What changes from step to step, where a recorded step reads it.
        self.speed = torch.zeros((), device=device)
        self.ramp = torch.zeros(len(starts), 1, device=device)

    def _column(self, value: Callable[[Training], float]) -> Any:
        values = [[value(o)] for o in self.options]
        return self.torch.tensor(values, dtype=self.torch.float32, device=self.device)

    def rounded(self) -> Any:
        """The weights that the members have, (E, P)."""
        units = self.torch.round(self.theta / self.step_sizes)
        return (units * self.step_sizes + self.origin) * self.mask

    def parts(self, flat: Any) -> Record:
        """Views (E, ...) of the blocks."""
        pieces = self.torch.split(flat, self.sizes, dim=1)
        return {b: p.reshape(len(p), *self.shapes[b]) for b, p in zip(BLOCKS, pieces)}

    def update(self, gradient: Any, n: int) -> None:
        """One step of Adam for every member; a gradient that is not finite moves nothing."""
        torch = self.torch
        cost = self.bit_prices * self.ramp * (math.log(2) / n)
        gradient = (gradient + cost * self.slopes()) * self.mask
        norm = gradient.norm(dim=1, keepdim=True)
        finite = torch.isfinite(norm)
        gradient = torch.where(finite, gradient, torch.zeros_like(gradient))
        gradient = gradient * torch.clamp(self.clip_norms / (norm + 1e-12), max=1.0).nan_to_num(0.0)
        self.count += 1
        self.first.mul_(0.9).add_(gradient, alpha=0.1)
        self.second.mul_(0.999).addcmul_(gradient, gradient, value=0.001)
        scale = torch.sqrt(1 - 0.999**self.count) / (1 - 0.9**self.count)
        step = self.first / (self.second.sqrt() + 1e-8)
        self.theta -= self.rates * self.speed * scale * step

    def slopes(self) -> Any:
        """The derivative of the bits by each weight, (E, P)."""
        units = self.theta / self.step_sizes
        level = units.abs().floor().clamp(max=LEVELS - 1).long()
        at = self.block * (LEVELS + 1) + level
        flat = self.prices.view(len(level), -1)
        change = flat.gather(1, at + 1) - flat.gather(1, at)
        return change * units.sign() / self.step_sizes

    def reprice(self, share: float) -> None:
        """Read prices off the integers, smoothed until `sharpen` of the training is over."""
        ramps = [[min(1.0, share / max(1e-9, o.ramp))] for o in self.options]
        self.ramp.copy_(self.torch.tensor(ramps))
        sharp = sharp_prices(self.torch, self.histogram())
        soft = [o.smooth > 0 and share < o.sharpen for o in self.options]
        if any(soft):
            smooth = smooth_prices(self.torch, self.histogram(), self.kernels)
            used = self.torch.tensor(soft, device=self.device)
            sharp = self.torch.where(used[:, None, None], smooth, sharp)
        # Ascending biases are coded by their differences: no price a bias of its own.
        sharp[:, BLOCKS.index("b_hidden")] = 0.0
        self.prices.copy_(sharp)

    def set_speed(self, share: float) -> None:
        """Let the learning rate rise at first, and fall along half a cosine of the share over."""
        self.speed.fill_(min(1.0, share / WARM) * 0.5 * (1 + math.cos(math.pi * share)))

    def histogram(self) -> Any:
        """How often each size occurs, (E, blocks, LEVELS + 1), weights that are masked left out."""
        torch = self.torch
        level = torch.round(self.theta / self.step_sizes).abs().clamp(max=LEVELS).long()
        counts = torch.zeros(len(level), len(BLOCKS) * (LEVELS + 1), device=self.device)
        counts.scatter_add_(1, self.block * (LEVELS + 1) + level, self.mask)
        return counts.view(len(level), len(BLOCKS), LEVELS + 1)

    def bits(self) -> Any:
        """About how long the codes are, (E,)."""
        counts = self.histogram()
        prices = sharp_prices(self.torch, counts)
        prices[:, BLOCKS.index("b_hidden")] = 4.0
        return (counts * prices).sum(dim=(1, 2))

    def networks(self) -> list[Record]:
        """The members' weights as arrays, rounded; nodes that are masked are zeros."""
        parts = {
            b: w.cpu().numpy().astype(np.float64) for b, w in self.parts(self.rounded()).items()
        }
        return [{b: parts[b][i] for b in BLOCKS} for i in range(len(self.options))]

    def recorded(self, step: Callable[[], None]) -> Callable[[], None]:
        """Return what repeats `step`: on CUDA, where wanted, a recording of it, otherwise itself.

        Speed and ramp are 0 while it is tried, and what it changed besides weights is set back.
        """
        torch = self.torch
        if not (self.record and self.device.startswith("cuda")):
            return step
        self.speed.zero_()
        self.ramp.zero_()
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(3):
                step()
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            step()
        for moved in (self.first, self.second, self.count):
            moved.zero_()
        replay: Callable[[], None] = graph.replay
        return replay


def import_ready(device: str) -> Any:
    """Return torch, or raise a ValueError that says what lacks for this device."""
    torch = import_torch()
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise ValueError(f"device must be one that torch has here, got {device}: use cpu")
    return torch


def sharp_prices(torch: Any, counts: Any) -> Any:
    """Return what `prices.price_table` does, for many histograms at once.

    Parameters
    ----------
    torch : module
    counts : (..., LEVELS + 1) tensor
    """
    sizes = np.arange(LEVELS + 1)
    of = np.frexp(sizes.astype(np.float64))[1]
    second = np.array([length >= 2 and size >> (length - 2) & 1 for size, length in zip(sizes, of)])
    at = torch.as_tensor(of, device=counts.device).long()
    by_length = torch.zeros(*counts.shape[:-1], _LONGEST + 1, device=counts.device)
    by_length.index_add_(-1, at, counts)
    ones = torch.zeros_like(by_length)
    ones.index_add_(
        -1, at, counts * torch.as_tensor(second.astype(np.float32), device=counts.device)
    )
    total = by_length.flip(-1).cumsum(-1).flip(-1)  # of this length or longer
    go = total - by_length

    def price(these: Any, others: Any) -> Any:
        return -torch.log2((these + 0.5) / (these + others + 1))

    longer = price(go, by_length).cumsum(-1) - price(go, by_length)  # what is paid before a length
    cost = longer + price(by_length, go)
    one, zero = price(ones, by_length - ones), price(by_length - ones, ones)
    plain = torch.as_tensor(np.maximum(of - 2, 0) + (sizes > 0), device=counts.device)
    two = torch.as_tensor(second, device=counts.device).bool()
    has = torch.as_tensor(of >= 2, device=counts.device)
    extra = torch.where(two, one[..., at], zero[..., at]) * has
    return (cost[..., at] + extra + plain).float()


def smoothing_kernels(torch: Any, widths: Sequence[float], device: str) -> Any:
    """Return what smooths histograms of sizes, both signs alike, (E, LEVELS + 1, LEVELS + 1).

    Parameters
    ----------
    torch : module
    widths : sequence of float
        Standard deviations of a Gaussian, one a member.
    device : str
    """
    sizes = np.arange(LEVELS + 1)
    near, mirrored = sizes[:, None] - sizes[None, :], sizes[:, None] + sizes[None, :]
    kernels = []
    for width in widths:
        reach = math.ceil(4 * width)
        bells = np.exp(-0.5 * (np.arange(2 * LEVELS + 1) / width) ** 2)
        bells[reach + 1 :] = 0.0
        kernel = (bells[np.abs(near)] + bells[mirrored]) / 2
        kernel[0] = bells[sizes]
        kernels.append(kernel / (2 * bells.sum() - 1))
    return torch.as_tensor(np.stack(kernels).astype(np.float32), device=device)


def smooth_prices(torch: Any, counts: Any, kernels: Any) -> Any:
    """Return what `prices.smoothed_prices` does, for many histograms at once.

    Parameters
    ----------
    torch : module
    counts : (E, blocks, LEVELS + 1) tensor
    kernels : (E, LEVELS + 1, LEVELS + 1) tensor
        See `smoothing_kernels`.
    """
    return -torch.log2((counts @ kernels + 1e-3) / (counts.sum(-1, keepdim=True) + 1))
