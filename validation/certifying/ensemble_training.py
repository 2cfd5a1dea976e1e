"""Training the members of an ensemble on sequences with labels, or on a text.

The losses are those of `quantised_training` and `text_training`; the length of a training may be a
time, over which learning rate and prices are spread.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from validation.certifying.ensemble import Ensemble


@dataclass(frozen=True)
class Length:
    """How long a training is: so many epochs, or until so many seconds have passed.

    Attributes
    ----------
    epochs : int
    seconds : float
        What comes first ends it; learning rate and the price of a bit follow the share of either.
    """

    epochs: int
    seconds: float = math.inf


def recurrence(torch: Any, kind: str, gated: bool) -> Callable[[Any, Any, Any], Any]:
    """Return (drive (T, E, n, r), W_h (E, r, k), h_0 (E, n, k)) -> states (T, E, n, k).

    Differentiable by drive and W_h; no gradient flows into h_0.

    Parameters
    ----------
    torch : module
    kind : str
        ``relu`` or ``clipped``, the identity clipped to [-1, 1].
    gated : bool
        r = 2 k: with g the second half clipped to [0, 1], h moves to h + g (u - h).
    """
    least = {"relu": 0.0, "clipped": -1.0}[kind]
    most = math.inf if kind == "relu" else 1.0

    class Recurrence(torch.autograd.Function):  # type: ignore[misc]
        @staticmethod
        def forward(ctx: Any, drive: Any, w_hidden: Any, start: Any) -> Any:
            T, k = len(drive), w_hidden.shape[2]
            sums = drive.clone()
            states = torch.empty(T, *start.shape, device=drive.device)
            transposed, h = w_hidden.transpose(1, 2), start
            for t in range(T):
                sums[t].baddbmm_(h, transposed)
                u = sums[t][..., :k].clamp(least, most)
                h = torch.addcmul(h, sums[t][..., k:].clamp(0, 1), u - h) if gated else u
                states[t] = h
            ctx.save_for_backward(sums, states, w_hidden, start)
            return states

        @staticmethod
        def backward(ctx: Any, gradient: Any) -> Any:
            sums, states, w_hidden, start = ctx.saved_tensors
            T, k = len(sums), w_hidden.shape[2]
            delta = torch.empty_like(sums)
            before = torch.cat([start[None], states[:-1]])
            inside = (sums[..., :k] > least) & (sums[..., :k] < most)
            if gated:
                gates = sums[..., k:].clamp(0, 1)
                to_u = gates * inside
                open_ = (sums[..., k:] > 0) & (sums[..., k:] < 1)
                to_g = (sums[..., :k].clamp(least, most) - before) * open_
                stays = 1 - gates
            else:
                to_u = inside.to(sums.dtype)
            flow = torch.zeros_like(start)
            for t in range(T - 1, -1, -1):
                flow = flow + gradient[t]
                torch.mul(flow, to_u[t], out=delta[t][..., :k])
                if gated:
                    torch.mul(flow, to_g[t], out=delta[t][..., k:])
                    flow = torch.baddbmm(flow * stays[t], delta[t], w_hidden)
                else:
                    flow = torch.bmm(delta[t], w_hidden)
            by_member = delta.permute(1, 3, 0, 2).reshape(len(start), delta.shape[-1], -1)
            seen = before.permute(1, 0, 2, 3).reshape(len(start), -1, k)
            return delta, by_member @ seen, None

    result: Callable[[Any, Any, Any], Any] = Recurrence.apply
    return result


def train_images(
    ensemble: Ensemble,
    x: Any,
    y: Any,
    kind: str,
    length: Length,
    *,
    gated: bool = False,
    teacher: Any = None,
    batch: int = 500,
    seed: int = 0,
    tell: Callable[[float, Any, Any], None] = lambda share, error, bits: None,
) -> None:
    """Train the members on sequences (n, T, d) with a label each.

    Parameters
    ----------
    ensemble : Ensemble
    x : (n, T, d) array
    y : (n,) integer array
    kind, gated
        See `recurrence`.
    length : Length
    teacher : (n, q) array, optional
        Probabilities, mixed into the targets with the members' weights `Training.teacher`.
    batch, seed : int
    tell : callable
        Is given the share that is over, the members' training errors and bits, once an epoch.
    """
    torch, device = ensemble.torch, ensemble.device
    n, E = len(y), len(ensemble.options)
    batch = min(batch, n)
    inputs = torch.as_tensor(np.asarray(x, np.float32).transpose(1, 0, 2).copy()).to(device)
    labels = torch.as_tensor(np.asarray(y, np.int64)).to(device)
    answers = torch.nn.functional.one_hot(labels, ensemble.shapes["b_output"][0]).float()
    taught = (
        answers if teacher is None else torch.as_tensor(np.asarray(teacher, np.float32)).to(device)
    )
    weight = torch.tensor([o.teacher for o in ensemble.options], device=device)[:, None, None]
    powers = torch.tensor([max(o.power, 1e-6) for o in ensemble.options], device=device)[:, None]
    turned = torch.zeros(E, 1, device=device)
    function = recurrence(torch, kind, gated)
    order = torch.zeros(batch, dtype=torch.long, device=device)
    wrong = torch.zeros(E, device=device)

    def step() -> None:
        flat = ensemble.rounded().requires_grad_()
        w = ensemble.parts(flat)
        some = inputs[:, order]
        T, B, d = some.shape
        drive = some.reshape(T * B, d) @ w["w_input"].transpose(1, 2)
        drive = drive.view(E, T, B, -1).transpose(0, 1) + w["b_hidden"][:, None, :]
        k = w["w_hidden"].shape[2]
        states = function(drive, w["w_hidden"], torch.zeros(E, B, k, device=device))
        outputs = states[-1] @ w["w_output"].transpose(1, 2) + w["b_output"][:, None, :]
        logs = torch.log_softmax(outputs, 2)
        targets = (1 - weight) * answers[order] + weight * taught[order]
        plain = -(targets * logs).sum(2)
        late = (1 - torch.exp(powers * (answers[order] * logs).sum(2))) / powers
        loss = torch.where(turned > 0, late, plain).mean(1).sum()
        (gradient,) = torch.autograd.grad(loss, flat)
        wrong.add_((outputs.detach().argmax(2) != labels[order]).sum(1))
        ensemble.update(gradient, n)

    repeat = ensemble.recorded(step)
    per_epoch = n // batch
    generator = torch.Generator().manual_seed(seed)
    begun = time.time()
    for epoch in range(length.epochs):
        permuted = torch.randperm(n, generator=generator).to(device)
        wrong.zero_()
        for place in range(per_epoch):
            share = _share(epoch * per_epoch + place, length.epochs * per_epoch, begun, length)
            ensemble.set_speed(share)
            if place % 20 == 0:
                ensemble.reprice(share)
                late = [[float(o.power > 0 and share >= o.turn)] for o in ensemble.options]
                turned.copy_(torch.tensor(late))
            order.copy_(permuted[place * batch : (place + 1) * batch])
            repeat()
            if share >= 1:
                break
        share = _share((epoch + 1) * per_epoch, length.epochs * per_epoch, begun, length)
        if not epoch or 4 * place >= per_epoch:  # a few batches at the end say little
            found = (wrong / ((place + 1) * batch)).cpu().numpy()
        tell(share, found, ensemble.bits().cpu().numpy())
        if share >= 1:
            return


def train_texts(
    ensemble: Ensemble,
    tokens: Any,
    size: int,
    length: Length,
    *,
    gated: bool = True,
    window: int = 64,
    lines: int = 256,
    tell: Callable[[float, Any, Any], None] = lambda share, loss, bits: None,
) -> None:
    """Train the members to predict each token of a text from those before it.

    Parameters
    ----------
    ensemble : Ensemble
    tokens : (N,) integer array
    size : int
        Tokens that there are.
    length : Length
    gated, window, lines
        See `text_training.TextRecipe`.
    tell : callable
        Is given the share that is over, the members' losses in bits and their lengths.
    """
    torch, device = ensemble.torch, ensemble.device
    E, k = len(ensemble.options), ensemble.shapes["w_hidden"][1]
    width = len(tokens) // lines
    table = np.asarray(tokens[: width * lines], np.int64).reshape(lines, width).T.copy()
    read = torch.as_tensor(table).to(device)
    seen = torch.zeros(window + 1, lines, dtype=torch.long, device=device)
    h = torch.zeros(E, lines, k, device=device)
    units = torch.eye(size, device=device)
    function = recurrence(torch, "clipped", gated)
    total = torch.zeros(E, device=device)

    def step() -> None:
        flat = ensemble.rounded().requires_grad_()
        w = ensemble.parts(flat)
        drive = units[seen[:-1].reshape(-1)] @ w["w_input"].transpose(1, 2)
        drive = (drive + w["b_hidden"][:, None, :]).view(E, window, lines, -1).transpose(0, 1)
        states = function(drive, w["w_hidden"], h)
        outputs = states.transpose(0, 1).reshape(E, window * lines, k) @ w["w_output"].transpose(
            1, 2
        )
        logs = torch.log_softmax(outputs + w["b_output"][:, None, :], 2)
        after = seen[1:].reshape(1, -1, 1).expand(E, -1, -1)
        losses = -logs.gather(2, after).mean(dim=(1, 2))
        (gradient,) = torch.autograd.grad(losses.sum(), flat)
        h.copy_(states[-1].detach())
        total.add_(losses.detach())
        ensemble.update(gradient, len(tokens))

    seen.copy_(read[: window + 1])
    repeat = ensemble.recorded(step)
    per_epoch = max(1, (width - 1) // window - 1)
    begun = time.time()
    for epoch in range(length.epochs):
        h.zero_()
        total.zero_()
        for place in range(per_epoch):
            share = _share(epoch * per_epoch + place, length.epochs * per_epoch, begun, length)
            ensemble.set_speed(share)
            if place % 20 == 0:
                ensemble.reprice(share)
            at = epoch % window + place * window  # windows begin elsewhere in every epoch
            seen.copy_(read[at : at + window + 1])
            repeat()
            if share >= 1:
                break
        share = _share((epoch + 1) * per_epoch, length.epochs * per_epoch, begun, length)
        if not epoch or 4 * place >= per_epoch:
            found = (total / (place + 1) / math.log(2)).cpu().numpy()
        tell(share, found, ensemble.bits().cpu().numpy())
        if share >= 1:
            return


def _share(step: int, steps: int, begun: float, length: Length) -> float:
    """How much of a training is over, by steps or by time."""
    return min(1.0, max(step / steps, (time.time() - begun) / length.seconds))
