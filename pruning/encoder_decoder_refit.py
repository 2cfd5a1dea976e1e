"""A pruned encoder-decoder fitted to the whole one's outputs, teacher-forced, without labels.

`balanced.closed_loop` of theory section 11 for a network that is no stack: Gauss-Newton from
products alone over all recurrent weights, the bridge and the read-out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from pruning.cells.gru import GRU
from pruning.checks import Array
from pruning.encoder_decoder import Batch, EncoderDecoder
from pruning.gauss_newton import RefitStep, gauss_newton
from pruning.stack_gradients import CELL_WEIGHTS, into_weights

_READ = ("bridge", "w_output", "b_output")


def refit_encoder_decoder(
    whole: EncoderDecoder,
    small: EncoderDecoder,
    fitted: list[Batch],
    held_out: list[Batch],
    *,
    steps: int = 8,
    iterations: int = 15,
    progress: Callable[[RefitStep], None] | None = None,
) -> EncoderDecoder:
    """Return the small network with all its weights fitted to the whole one's outputs.

    Parameters
    ----------
    whole, small : EncoderDecoder
    fitted, held_out : lists of Batch
        Taught by the whole network (`pruning.encoder_decoder.batches`).
    steps, iterations : int
        Of Gauss-Newton, and of conjugate gradients in each.
    progress : callable, optional
        Called with a `RefitStep`.
    """
    ours, theirs = (EncoderDecoderFit(whole, small, data) for data in (fitted, held_out))

    def other(theta: Array) -> float:
        r = theirs.residuals(theta, keep=False)[0]
        return float(r @ r)

    found = gauss_newton(
        ours,
        ours.flat(small),
        held_out=other,
        scale=ours.scale(small),
        steps=steps,
        iterations=iterations,
        progress=progress,
    )
    return ours.network(found)


class EncoderDecoderFit:
    """Gaps of the outputs over the true steps, as a function of all weights but embeddings."""

    def __init__(self, whole: EncoderDecoder, small: EncoderDecoder, data: list[Batch]) -> None:
        self.small, self.data = small, data
        self.targets = [_outputs(whole, batch) for batch in data]
        self.weight = 1 / np.sqrt(sum(len(target) for target in self.targets))

    def blocks(self, net: EncoderDecoder) -> list[Array]:
        """All weights that are fitted, in their order."""
        cells = [
            getattr(cell, name) for cell in (net.encoder, net.decoder) for name in CELL_WEIGHTS
        ]
        return [*cells, *(getattr(net, name) for name in _READ)]

    def flat(self, net: EncoderDecoder) -> Array:
        """The weights as one vector."""
        return np.concatenate([block.reshape(-1) for block in self.blocks(net)])

    def scale(self, net: EncoderDecoder) -> Array:
        """The root mean square of each block."""
        return np.concatenate(
            [np.full(b.size, max(float(np.sqrt(np.mean(b * b))), 1e-2)) for b in self.blocks(net)]
        )

    def shaped(self, theta: Array) -> list[Array]:
        """A vector as blocks."""
        at, found = 0, []
        for block in self.blocks(self.small):
            found.append(theta[at : at + block.size].reshape(block.shape))
            at += block.size
        return found

    def network(self, theta: Array) -> EncoderDecoder:
        """The network with these weights."""
        b = self.shaped(theta)
        bridge, w_output, b_output = b[8:]
        return replace(
            self.small,
            encoder=GRU(b[0], b[1], b[2], b[3]),
            decoder=GRU(b[4], b[5], b[6], b[7]),
            bridge=bridge,
            w_output=w_output,
            b_output=b_output,
        )

    def residuals(self, theta: Array, keep: bool = True) -> tuple[Array, Any]:
        """See `pruning.gauss_newton.Problem`; runs of the batches are kept for the products."""
        if not np.isfinite(theta).all():  # a step that is refused
            return np.array([np.inf]), None
        net = self.network(theta)
        parts, runs = [], []
        for batch, target in zip(self.data, self.targets, strict=True):
            up, down = _runs(net, batch)
            g = down.h.transpose(1, 0, 2)[_alive(batch)]
            parts.append((g @ net.w_output.T + net.b_output - target).reshape(-1))
            runs.append((up, down) if keep else None)
        return self.weight * np.concatenate(parts), (net, runs)

    def forward(self, state: Any, v: Array) -> Array:
        """See `pruning.gauss_newton.Problem`."""
        net, runs = state
        b = self.shaped(v)
        in_bridge, in_w, in_b = b[8:]
        parts = []
        for batch, (up, down) in zip(self.data, runs, strict=True):
            columns = np.arange(len(batch.tokens))
            moved = _moved(net.encoder, up, net.encoder_embedding[batch.tokens.T], b[:4], None)
            last, in_last = (h[batch.lengths - 1, columns] for h in (up.h, moved))
            start = in_last @ net.bridge.T + last @ in_bridge.T
            inputs = net.decoder_embedding[batch.inputs.T]
            moved = _moved(net.decoder, down, inputs, b[4:8], start)
            alive = _alive(batch)
            g, in_g = (h.transpose(1, 0, 2)[alive] for h in (down.h, moved))
            parts.append((in_g @ net.w_output.T + g @ in_w.T + in_b).reshape(-1))
        result: Array = self.weight * np.concatenate(parts)
        return result

    def backward(self, state: Any, u: Array) -> Array:
        """See `pruning.gauss_newton.Problem`."""
        net, runs = state
        sums = [np.zeros_like(block) for block in self.blocks(self.small)]
        at = 0
        for batch, target, (up, down) in zip(self.data, self.targets, runs, strict=True):
            at_output = self.weight * u[at : at + target.size].reshape(target.shape)
            at += target.size
            alive, columns = _alive(batch), np.arange(len(batch.tokens))
            given = np.zeros_like(down.h)
            given.transpose(1, 0, 2)[alive] = at_output @ net.w_output
            g = down.h.transpose(1, 0, 2)[alive]
            sums[9] += at_output.T @ g
            sums[10] += at_output.sum(axis=0)
            _, at_drive, at_state, at_start = net.decoder.backward(down, given)
            inputs = net.decoder_embedding[batch.inputs.T]
            for total, part in zip(
                sums[4:8], into_weights(net.decoder, down, inputs, at_drive, at_state)
            ):
                total += part
            last = up.h[batch.lengths - 1, columns]
            sums[8] += at_start.T @ last
            below = np.zeros_like(up.h)
            below[batch.lengths - 1, columns] = at_start @ net.bridge
            _, at_drive, at_state, _ = net.encoder.backward(up, below)
            x = net.encoder_embedding[batch.tokens.T]
            for total, part in zip(sums[:4], into_weights(net.encoder, up, x, at_drive, at_state)):
                total += part
        return np.concatenate([total.reshape(-1) for total in sums])


def _runs(net: EncoderDecoder, batch: Batch) -> tuple[Any, Any]:
    up = net.encoder.run(net.encoder_embedding[batch.tokens.T])
    start = up.h[batch.lengths - 1, np.arange(len(batch.tokens))] @ net.bridge.T
    return up, net.decoder.run(net.decoder_embedding[batch.inputs.T], start)


def _outputs(net: EncoderDecoder, batch: Batch) -> Array:
    """Outputs of the true steps, (number, q)."""
    start = net.last_states(batch.tokens, batch.lengths) @ net.bridge.T
    g = net.decoder.states(net.decoder_embedding[batch.inputs.T], start)
    return np.asarray(g.transpose(1, 0, 2)[_alive(batch)] @ net.w_output.T + net.b_output)


def _alive(batch: Batch) -> Any:
    return np.arange(batch.inputs.shape[1]) < batch.steps[:, None]


def _moved(cell: GRU, run: Any, x: Array, direction: list[Array], start: Array | None) -> Array:
    d_input, d_hidden, d_b_input, d_b_hidden = direction
    in_drive = x @ d_input.T + d_b_input
    in_state = run.before @ d_hidden.T + d_b_hidden
    return cell.tangent(run, in_drive, in_state, start)
