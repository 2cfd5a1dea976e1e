"""A GRU encoder whose last state starts a GRU decoder, over tokens; whole or pruned.

Theory, section 12: a decoder that starts from an encoder's state has h_0 != 0, so h_0 belongs to
its moments, and the kept nodes K of a pruned decoder start from (A h_J)[K], A and J the encoder's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pruning.cells.gru import GRU
from pruning.checks import Array, Inputs, Nodes, as_generator, choice, integer, real_array
from pruning.reconstruction import reconstruction_matrix
from pruning.selection.dispatch import WEIGHTED, select_nodes
from pruning.selection.reading import given_theta, reading_weight


@dataclass(frozen=True, eq=False)
class EncoderDecoder:
    """h = encoder(E x), then f_s = W_o g_s + b_o with g_s the decoder's states from g_0 = B h_T.

    Parameters
    ----------
    encoder, decoder : GRU
    encoder_embedding, decoder_embedding : (V, d) arrays
    bridge : (decoder.m, encoder.m) array
        B; the identity in a whole network.
    w_output : (q, decoder.m) array
    b_output : (q,) array
    begin, end : int
        The decoder's tokens that begin and end an output.
    """

    encoder: GRU
    decoder: GRU
    encoder_embedding: Array
    decoder_embedding: Array
    bridge: Array
    w_output: Array
    b_output: Array
    begin: int
    end: int

    def __repr__(self) -> str:
        """Sizes on one line; the weights are attributes."""
        return f"EncoderDecoder({self.encoder!r}, {self.decoder!r}, d_y={len(self.b_output)})"

    def __post_init__(self) -> None:
        for name, table, cell in (
            ("encoder_embedding", self.encoder_embedding, self.encoder),
            ("decoder_embedding", self.decoder_embedding, self.decoder),
        ):
            real_array(name, table, (None, cell.d_x))
        real_array("bridge", self.bridge, (self.decoder.m, self.encoder.m))
        q = len(real_array("b_output", self.b_output, (None,)))
        real_array("w_output", self.w_output, (q, self.decoder.m))

    @property
    def parameters(self) -> int:
        """Number of weights; a bridge that is the identity is none."""
        tables = self.encoder_embedding.size + self.decoder_embedding.size
        square = self.bridge.shape[0] == self.bridge.shape[1]
        free = square and np.array_equal(self.bridge, np.eye(len(self.bridge)))
        cells = self.encoder.parameters + self.decoder.parameters
        read = self.w_output.size + self.b_output.size
        return int(tables + cells + read + (0 if free else self.bridge.size))

    def last_states(self, tokens: Inputs, lengths: Nodes) -> Array:
        """Return the encoder's states after the true last step, (n, m)."""
        x = self.encoder_embedding[tokens.T]
        h = self.encoder.states(x)
        return np.asarray(h[lengths - 1, np.arange(h.shape[1])])

    def greedy(self, tokens: ArrayLike, lengths: ArrayLike, most: int = 20) -> list[list[int]]:
        """Decode greedily: the largest output of every step is the next input.

        Parameters
        ----------
        tokens : (n, T) integer array
        lengths : (n,) integer array
        most : int
            Steps after which an output ends in any case.

        Returns
        -------
        list of lists of int
            Without the token that ends them.
        """
        tokens, lengths = np.asarray(tokens), np.asarray(lengths)
        state = self.last_states(tokens, lengths) @ self.bridge.T
        now = np.full(len(tokens), self.begin)
        alive = np.ones(len(tokens), bool)
        said: list[list[int]] = [[] for _ in tokens]
        for _ in range(integer("most", most, 1)):
            state = self.decoder.states(self.decoder_embedding[now][None], state)[0]
            now = (state @ self.w_output.T + self.b_output).argmax(axis=1)
            alive &= now != self.end
            if not alive.any():
                break
            for i in np.flatnonzero(alive):
                said[i].append(int(now[i]))
        return said

    def teacher_inputs(self, outputs: list[list[int]]) -> tuple[Any, Any]:
        """Return the decoder's inputs (n, S) for given outputs, and how many steps each has."""
        steps = np.array([len(one) + 1 for one in outputs])
        inputs = np.full((len(outputs), int(steps.max())), self.end)
        inputs[:, 0] = self.begin
        for i, one in enumerate(outputs):
            inputs[i, 1 : len(one) + 1] = one
        return inputs, steps


@dataclass(frozen=True, eq=False)
class Batch:
    """Sequences of about one length: inputs and the decoder's inputs, padded, with true lengths."""

    tokens: Any
    lengths: Any
    inputs: Any
    steps: Any


def batches(net: EncoderDecoder, words: list[Any], size: int = 256) -> Iterator[Batch]:
    """Yield batches of words (lists of tokens) of like length, taught by the network's own outputs.

    Parameters
    ----------
    net : EncoderDecoder
        The whole network: what it says greedily is what the decoder is fed.
    words : list of lists of int
    size : int
    """
    order = sorted(range(len(words)), key=lambda i: len(words[i]))
    for start in range(0, len(order), size):
        part = [words[i] for i in order[start : start + size]]
        tokens, lengths = padded(part)
        inputs, steps = net.teacher_inputs(net.greedy(tokens, lengths))
        yield Batch(tokens, lengths, inputs, steps)


def padded(words: list[Any]) -> tuple[Any, Any]:
    """Return lists of tokens as an array padded with 0, (n, T), and their lengths."""
    lengths = np.array([len(word) for word in words])
    tokens = np.zeros((len(words), int(lengths.max())), np.int64)
    for i, word in enumerate(words):
        tokens[i, : len(word)] = word
    return tokens, lengths


@dataclass(frozen=True, eq=False)
class Moments:
    """Second moments of the encoder's and the decoder's states, h_0 among the latter."""

    encoder: Array
    decoder: Array


def moments(net: EncoderDecoder, data: list[Batch]) -> Moments:
    """Return the second moments over the true steps of all batches."""
    encoder, decoder = (np.zeros((cell.m, cell.m)) for cell in (net.encoder, net.decoder))
    steps = [0, 0]
    for batch in data:
        h = net.encoder.states(net.encoder_embedding[batch.tokens.T])
        alive = np.arange(len(h))[:, None] < batch.lengths
        rows = h[alive]
        encoder += rows.T @ rows
        start = h[batch.lengths - 1, np.arange(h.shape[1])] @ net.bridge.T
        g = net.decoder.states(net.decoder_embedding[batch.inputs.T], start)
        more = np.concatenate([start, g[np.arange(len(g))[:, None] < batch.steps]])
        decoder += more.T @ more
        steps[0] += len(rows)
        steps[1] += len(more)
    return Moments(encoder / steps[0], decoder / steps[1])


def prune_encoder_decoder(
    net: EncoderDecoder,
    data: list[Batch],
    k: int,
    *,
    objective: str = "paper",
    theta: float | None = None,
    method: str = "greedy",
    reconstruct: bool = True,
    seen: Moments | None = None,
    rng: np.random.Generator | int | None = 0,
) -> EncoderDecoder:
    """Prune encoder and decoder to k nodes each.

    Parameters
    ----------
    net : EncoderDecoder
    data : list of Batch
    k : int
    objective : {"paper", "balanced"}
        See `prune_stack`.
    theta, method, reconstruct
        See `prune_stack`; ``random`` draws from `rng`. For the balanced objective the method is one
        that looks at the weight.
    seen : Moments, optional
        Of the same data, so that they need not be formed again.
    rng : numpy Generator or seed
        Draws the probes of the balanced objective, and random nodes.
    """
    choice("objective", objective, ("paper", "balanced"))
    choice("method", method, ("random", *WEIGHTED, "determinantal", "volume"))
    if objective == "balanced" and method not in WEIGHTED:
        raise ValueError(
            f"method must be one of {', '.join(WEIGHTED)} for the objective 'balanced', which "
            f"others do not look at, got {method!r}"
        )
    if objective == "balanced":
        beside = f"the objective {objective!r}"
    else:
        beside = "" if method in WEIGHTED else f"the method {method!r}"
    theta = given_theta(theta, beside)
    seen = moments(net, data) if seen is None else seen
    generator = as_generator("rng", rng)
    if objective == "balanced":
        weights = list(felt(net, data, generator))
    else:
        blocks = ([net.bridge, net.encoder.w_hidden], [net.w_output, net.decoder.w_hidden])
        weights = [reading_weight(rows, theta) for rows in blocks]
    found: list[tuple[Nodes, Array]] = []
    for cell, S, M in zip((net.encoder, net.decoder), (seen.encoder, seen.decoder), weights):
        size = integer("k", k, 1, cell.m)
        if method == "random":
            nodes = np.sort(generator.permutation(cell.m)[:size])
        else:
            looks: dict[str, Any] = {"weight": M, "tau": None} if method in WEIGHTED else {}
            nodes = select_nodes(S, size, method, **looks)
        A = reconstruction_matrix(S, nodes) if reconstruct else np.eye(cell.m)[:, nodes]
        found.append((nodes, A))
    (J, A), (K, B) = found
    return EncoderDecoder(
        net.encoder.restricted(J, A),
        net.decoder.restricted(K, B),
        net.encoder_embedding,
        net.decoder_embedding,
        net.bridge[K] @ A,
        net.w_output @ B,
        net.b_output,
        net.begin,
        net.end,
    )


def felt(net: EncoderDecoder, data: list[Batch], rng: np.random.Generator) -> tuple[Array, Array]:
    """Return the balanced weight of encoder and decoder, each of trace 1 (one probe a word)."""
    most = max(batch.tokens.shape[1] for batch in data)
    steps = max(batch.inputs.shape[1] for batch in data)
    encoder = np.zeros((most, net.encoder.m, net.encoder.m))
    decoder = np.zeros((steps + 1, net.decoder.m, net.decoder.m))
    for batch in data:
        up = net.encoder.run(net.encoder_embedding[batch.tokens.T])
        columns = np.arange(len(batch.tokens))
        start = up.h[batch.lengths - 1, columns] @ net.bridge.T
        down = net.decoder.run(net.decoder_embedding[batch.inputs.T], start)
        signs = rng.choice([-1.0, 1.0], size=(*down.h.shape[:2], len(net.b_output)))
        given = signs @ net.w_output
        given[np.arange(len(given))[:, None] >= batch.steps] = 0
        g, _, _, at_start = net.decoder.backward(down, given)
        every = np.concatenate([at_start[None], g])
        decoder[: len(every)] += np.matmul(every.transpose(0, 2, 1), every)
        below = np.zeros_like(up.h)
        below[batch.lengths - 1, columns] = at_start @ net.bridge
        g = net.encoder.backward(up, below)[0]
        encoder[: len(g)] += np.matmul(g.transpose(0, 2, 1), g)
    return _mean_direction(encoder), _mean_direction(decoder)


def _mean_direction(second: Array) -> Array:
    traces = np.trace(second, axis1=1, axis2=2)
    seen = traces > 0
    M = (second[seen] / traces[seen, None, None]).mean(axis=0)
    return np.asarray((M + M.T) / 2)
