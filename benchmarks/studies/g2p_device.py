"""The closed loop of a pruned encoder-decoder with torch, on a GPU or here, over many words.

Residuals and products for `pruning.gauss_newton`, in float32, as functions of the same vector of
weights as `pruning.encoder_decoder_refit`. Two distances of what the networks say at each step,
given what the whole one said before: of the outputs f, and of the distributions softmax(f), as
2 (sqrt(p') - sqrt(p)), whose square is to second order the Kullback-Leibler divergence twice over.
Neither sees a label.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pruning.encoder_decoder import Batch, EncoderDecoder, padded
from pruning.encoder_decoder_refit import EncoderDecoderFit

METRICS = ("outputs", "probabilities")


class DeviceFit(EncoderDecoderFit):
    """Gaps between two networks over the true steps, as a function of all weights but embeddings.

    Parameters
    ----------
    whole, small : EncoderDecoder
    data : list of Batch
    metric : str
        One of METRICS.
    device : str
    dtype : str
        A dtype of torch.
    """

    def __init__(
        self,
        whole: EncoderDecoder,
        small: EncoderDecoder,
        data: list[Batch],
        metric: str = "outputs",
        device: str = "cpu",
        dtype: str = "float32",
    ) -> None:
        import torch

        self.torch, self.small, self.data, self.metric = torch, small, data, metric
        self.device, self.dtype = device, getattr(torch, dtype)
        self.tables = [self.tensor(t) for t in (small.encoder_embedding, small.decoder_embedding)]
        self.indices = [self._index(batch) for batch in data]
        told = [self.tensor(block) for block in self.blocks(whole)]
        self.weight = 1.0
        with torch.no_grad():
            self.aims = [self._said(self.outputs(told, index)) for index in self.indices]
        self.weight = float(1 / np.sqrt(sum(len(aim) for aim in self.aims)))

    def tensor(self, array: Any) -> Any:
        """A NumPy array on the device."""
        return self.torch.tensor(np.asarray(array), dtype=self.dtype, device=self.device)

    def outputs(self, blocks: list[Any], index: Any) -> Any:
        """f of the true steps, (number, q)."""
        tokens, last, inputs, alive = index
        start = self.torch.zeros_like(blocks[3][: blocks[1].shape[1]]).expand(tokens.shape[1], -1)
        up = self._run(self.tables[0], tokens, blocks[:4], start)
        h = up[last, self.torch.arange(up.shape[1], device=self.device)]
        g = self._run(self.tables[1], inputs, blocks[4:8], h @ blocks[8].T)
        return g.transpose(0, 1)[alive] @ blocks[9].T + blocks[10]

    def residuals(self, theta: Any, keep: bool = True) -> tuple[Any, Any]:
        """See `pruning.gauss_newton.Problem`."""
        blocks = self._on_device(theta)
        with self.torch.no_grad():
            parts = [self.gap(blocks, i) for i in range(len(self.data))]
        return self.torch.cat([part.reshape(-1) for part in parts]).double(), blocks

    def forward(self, state: Any, v: Any) -> Any:
        """See `pruning.gauss_newton.Problem`."""
        moved = tuple(self._on_device(v))
        parts = []
        with self.torch.no_grad():
            for i in range(len(self.data)):

                def gap(*blocks: Any, i: int = i) -> Any:
                    return self.gap(blocks, i)

                found = self.torch.func.jvp(gap, tuple(state), moved)[1]
                parts.append(found.reshape(-1))
        return self.torch.cat(parts).double()

    def backward(self, state: Any, u: Any) -> Any:
        """See `pruning.gauss_newton.Problem`."""
        blocks = [block.detach().requires_grad_() for block in state]
        totals = [self.torch.zeros_like(block) for block in state]
        at = 0
        for i, aim in enumerate(self.aims):
            gap = self.gap(blocks, i)
            part = u[at : at + aim.numel()].reshape(aim.shape).to(self.dtype)
            at += aim.numel()
            for total, found in zip(totals, self.torch.autograd.grad(gap, blocks, part)):
                total += found
        return np.concatenate([t.double().cpu().numpy().reshape(-1) for t in totals])

    def gap(self, blocks: Any, i: int) -> Any:
        """The weighted gaps of a batch, as a function of the blocks of weights."""
        return self.weight * (self._said(self.outputs(blocks, self.indices[i])) - self.aims[i])

    def _said(self, f: Any) -> Any:
        if self.metric == "outputs":
            return f
        return 2 * self.torch.exp(0.5 * self.torch.log_softmax(f, dim=-1))

    def _run(self, table: Any, tokens: Any, weights: list[Any], h: Any) -> Any:
        w_input, w_hidden, b_input, b_hidden = weights
        torch, k = self.torch, w_hidden.shape[1]
        drive = table @ w_input.T + b_input
        states = []
        for now in tokens:
            x, u = drive[now], torch.addmm(b_hidden, h, w_hidden.T)
            gates = torch.sigmoid(x[:, : 2 * k] + u[:, : 2 * k])
            n = torch.tanh(x[:, 2 * k :] + gates[:, :k] * u[:, 2 * k :])
            h = n + gates[:, k:] * (h - n)
            states.append(h)
        return torch.stack(states)

    def _on_device(self, theta: Any) -> list[Any]:
        return [self.tensor(block) for block in self.shaped(theta)]

    def _index(self, batch: Batch) -> Any:
        alive = np.arange(batch.inputs.shape[1]) < batch.steps[:, None]
        arrays = batch.tokens.T, batch.lengths - 1, batch.inputs.T, alive
        return [self.torch.as_tensor(np.ascontiguousarray(a)).to(self.device) for a in arrays]


def taught(net: EncoderDecoder, words: list[Any], device: str, size: int, most: int = 20) -> Any:
    """Return `pruning.encoder_decoder.batches`, decoded in float32 on a device.

    Parameters
    ----------
    net : EncoderDecoder
    words : list of lists of int
    device : str
    size : int
        Words a batch.
    most : int
        Steps after which an output ends in any case.
    """
    import torch

    order = sorted(range(len(words)), key=lambda i: len(words[i]))
    found = []
    for begin in range(0, len(order), size):
        tokens, lengths = padded([words[i] for i in order[begin : begin + size]])
        one = np.ones(len(tokens), np.int64)
        blank = Batch(tokens, lengths, np.full((len(tokens), 1), net.begin), one)
        fit = DeviceFit(net, net, [blank], device=device)
        blocks = [fit.tensor(block) for block in fit.blocks(net)]
        with torch.no_grad():
            tokens_T, last, now, _ = fit.indices[0]
            zero = torch.zeros(len(tokens), net.encoder.m, device=device)
            up = fit._run(fit.tables[0], tokens_T, blocks[:4], zero)
            state = up[last, torch.arange(len(tokens), device=device)] @ blocks[8].T
            now, said = now[0], []
            for _ in range(most):
                state = fit._run(fit.tables[1], now[None], blocks[4:8], state)[0]
                now = (state @ blocks[9].T + blocks[10]).argmax(dim=1)
                said.append(now)
            table = torch.stack(said, dim=1).cpu().numpy()
        ends = np.where((table == net.end).any(axis=1), (table == net.end).argmax(axis=1), most)
        inputs, steps = net.teacher_inputs([row[:end].tolist() for row, end in zip(table, ends)])
        found.append(Batch(tokens, lengths, inputs, steps))
    return found
