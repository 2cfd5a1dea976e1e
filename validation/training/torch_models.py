"""The models that are trained with torch: networks on long sequences, and language models.

Every step draws its batch and its dropout from generators seeded by (seed, step).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from pruning.activations import activation
from pruning.checks import Inputs, Nodes, Targets
from pruning.rnn import RNN
from validation.output.schema import Facts, Record


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

    def __init__(self, rnn: RNN, x: Inputs, y: Targets, device: str = "cpu") -> None:
        torch = import_torch()
        self.torch, self.device, self.activation = torch, device, rnn.activation
        # Time first, so that one step of a batch is one block.
        self.x = torch.as_tensor(np.ascontiguousarray(x.transpose(1, 0, 2), np.float32))
        self.y = torch.as_tensor(np.asarray(y, np.int64))
        self.weights = _tensors(torch, rnn.weights, device)
        self.recurrence = recurrence(torch, self.activation.name)
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

    def carried(self) -> Record:
        """Nothing is carried from step to step."""
        return {}

    def restore(self, carried: Facts) -> None:
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
        tokens: Nodes,
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
        self.recurrence = recurrence(torch, "tanh")
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
        keep = torch.rand(state.shape[-2], 1, generator=generator, device=self.device) >= self.reset
        state = state * keep
        embedded = self._drop(torch.nn.functional.embedding(x, w["w_output"]), generator)
        h, last = self.hidden(embedded, state)
        self._next = last.detach()
        read = self._drop(h, generator).reshape(-1, self.m)
        if epoch < self.sampled_epochs:
            return self._sampled_loss(read, y.reshape(-1), generator)
        return torch.nn.functional.cross_entropy(
            torch.addmm(w["b_output"], read, w["w_output"].T), y.reshape(-1)
        )

    def hidden(self, embedded: Any, state: Any) -> tuple[Any, Any]:
        """Return the states (T, lines, m), and what the next window starts from."""
        w = self.weights
        h = self.recurrence(embedded @ w["w_embedding"].T + w["b_hidden"], w["w_hidden"], state)
        return h, h[-1]

    def after_step(self) -> None:
        """Carry the last state to the next window."""
        self.state = self._next

    def carried(self) -> Record:
        """Return what a checkpoint must hold beside the weights."""
        return {"state": self.state}

    def restore(self, carried: Facts) -> None:
        """Take up what `carried` returned."""
        self.state = carried["state"].to(self.device)

    def rnn(self) -> RNN:
        """Return the network as it stands, the embedding merged into W_i."""
        arrays = _arrays(self.weights)
        arrays["w_input"] = arrays.pop("w_embedding") @ arrays["w_output"].T
        return RNN(**arrays, activation=activation("tanh"))

    def _sampled_loss(self, read: Any, y: Targets, generator: Any) -> Any:
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


def _tensors(torch: Any, weights: Facts, device: str) -> Record:
    return {
        name: torch.tensor(np.array(array, np.float32), device=device, requires_grad=True)
        for name, array in weights.items()
    }


def _arrays(weights: Facts) -> Record:
    return {
        name: tensor.detach().cpu().numpy().astype(np.float64) for name, tensor in weights.items()
    }


def _orthogonal(m: int, rng: np.random.Generator) -> Any:
    q, r = np.linalg.qr(rng.standard_normal((m, m)))
    return q * np.where(np.diag(r) < 0, -1.0, 1.0)


def recurrence(torch: Any, name: str) -> Callable[[Any, Any, Any], Any]:
    """Return (drive (T, n, m), W_h, h_0 or None) -> states (T, n, m), differentiable.

    Forwards and backwards in place, which on a processor takes three quarters of the time of
    torch.nn.RNN at m = 128. No gradient flows into h_0. The name is ``relu``, ``tanh`` or
    ``clipped``, the identity clipped to [-1, 1].
    """
    kinds: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
        "relu": (torch.relu_, lambda h: h > 0),
        "tanh": (torch.tanh_, lambda h: 1 - h * h),
        "clipped": (lambda h: h.clamp_(-1, 1), lambda h: h.abs() < 1),
    }
    apply, slope = kinds[name]

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

    result: Callable[[Any, Any, Any], Any] = Recurrence.apply
    return result
