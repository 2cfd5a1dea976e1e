"""Outputs of the small network on a sample, their gaps to a teacher's, and Jacobian products.

The parameters are two matrices, V = [W_h, W_i, b_h] (k, p), read by z_t = (h_{t-1}, x_t, 1), and
Y = [W_o, b_o] (q, k + 1), read by y_t = (h_t, 1); W_i is in V only where it is fitted. Of a cell
this module needs the states, the slopes s'(a_t) and one product with W_h each way.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from pruning.activations import Activation
from pruning.cells import recursion
from pruning.checks import Array, Inputs, Nodes
from pruning.rnn import RNN

_NUMBERS = 1 << 21  # of the largest array of a chunk
_KEPT = 1 << 26  # chunks are kept between products up to so many numbers in all


@dataclass(frozen=True, eq=False)
class Parameters:
    """V (k, p) and Y (q, k + 1)."""

    V: Array
    Y: Array

    @property
    def k(self) -> int:
        """Nodes."""
        return len(self.V)

    @property
    def w_hidden(self) -> Array:
        """W_h'."""
        return self.V[:, : self.k]

    @property
    def w_output(self) -> Array:
        """W_o'."""
        return self.Y[:, : self.k]

    @property
    def size(self) -> int:
        """How many numbers."""
        return self.V.size + self.Y.size

    def flat(self) -> Array:
        """All of them as one vector."""
        return np.concatenate([self.V.ravel(), self.Y.ravel()])

    def like(self, flat: Array) -> Parameters:
        """Return parameters of the same shapes from a vector."""
        cut = self.V.size
        return Parameters(flat[:cut].reshape(self.V.shape), flat[cut:].reshape(self.Y.shape))


@dataclass(frozen=True, eq=False)
class Chunk:
    """Some sequences at the parameters of the moment, time first."""

    h: Array  # (T, n, k)
    z: Array  # (T, n, p)
    gap: Array  # (reads, n, q): sqrt(w_t) (f'_t - f^_t)

    @property
    def n(self) -> int:
        return int(self.h.shape[1])

    def part(self, which: slice) -> Chunk:
        """Some of the sequences."""
        return Chunk(self.h[:, which], self.z[:, which], self.gap[:, which])

    def y(self, t: int) -> Array:
        """(h_t, 1), (n, k + 1)."""
        return np.concatenate([self.h[t], np.ones((self.n, 1))], axis=1)


class Sample:
    """Sequences with the outputs that the small network is to have.

    Parameters
    ----------
    small : RNN
        Activation and, where `inputs` is False, the input weights that stay.
    x : checked input
    target : (reads, n, q) array
        f^_t at the steps that are read.
    read : (reads,) integer array
        Those steps, from 0.
    w : (reads,) array
        Their time weights.
    inputs : bool
        Whether W_i is among the parameters.
    """

    def __init__(
        self, small: RNN, x: Inputs, target: Array, read: Nodes, w: Array, inputs: bool
    ) -> None:
        self.act: Activation = small.activation
        self.w_input, self.inputs = small.w_input, inputs
        self.x, self.target, self.read, self.root = x, target, read, np.sqrt(w)
        self.n, self.T = x.shape[:2]
        self.q = target.shape[2]
        self.place = {int(t): i for i, t in enumerate(read)}
        self._at: Parameters | None = None
        self._kept: list[Chunk] = []

    def parameters(self, small: RNN, w_output: Array, b_output: Array) -> Parameters:
        """Return the parameters that a network and a read-out have."""
        own = [small.w_hidden, *([small.w_input] if self.inputs else []), small.b_hidden[:, None]]
        return Parameters(np.hstack(own), np.hstack([w_output, b_output[:, None]]))

    def input_weights(self, theta: Parameters) -> Array:
        """W_i'."""
        return theta.V[:, theta.k : -1] if self.inputs else self.w_input

    def loss(self, theta: Parameters) -> float:
        """(1/n) sum of squared gaps; inf where the run leaves the range of floats."""
        total = 0.0
        with np.errstate(over="ignore", invalid="ignore"):
            for chunk in self.chunks(theta):
                total += float(np.vdot(chunk.gap, chunk.gap))
        return total / self.n if np.isfinite(total) else np.inf

    def chunks(self, theta: Parameters) -> Iterator[Chunk]:
        """Yield the sample at theta; a second call for the same theta computes nothing anew."""
        if self._at is theta:
            yield from self._kept
            return
        self._at, self._kept = None, []
        size = self.T * (theta.V.shape[1] + theta.k) + len(self.read) * self.q
        keep = size * self.n <= _KEPT
        step = max(1, _NUMBERS // max(1, size))
        for start in range(0, self.n, step):
            chunk = self._run(theta, slice(start, start + step))
            if keep:
                self._kept.append(chunk)
            yield chunk
        if keep:
            self._at = theta

    def _run(self, theta: Parameters, part: slice) -> Chunk:
        k = theta.k
        x = recursion.time_major(self.x[part], np.float64)
        drive = np.ascontiguousarray(np.vstack([self.input_weights(theta).T, theta.V[:, -1]]))
        T, n = x.shape[:2]
        h = np.empty((T, n, k))
        recursion.run(x, theta.w_hidden, drive, self.act, h)
        z = np.empty((T, n, theta.V.shape[1]))
        z[0, :, :k] = 0
        z[1:, :, :k] = h[:-1]
        if self.inputs:
            z[:, :, k:] = x
        else:
            z[:, :, k] = 1
        f = h[self.read] @ theta.w_output.T + theta.Y[:, -1]
        return Chunk(h, z, (f - self.target[:, part]) * self.root[:, None, None])

    def slope(self, chunk: Chunk, t: int) -> Array:
        """s'(a_t), (n, k)."""
        return self.act.slope(chunk.h[t])

    def forwards(self, theta: Parameters, chunk: Chunk, v: Parameters) -> Array:
        """J v: how the weighted outputs move with the parameters, (reads, n, q)."""
        out = np.empty_like(chunk.gap)
        moved = np.zeros(chunk.h.shape[1:])
        back = np.ascontiguousarray(theta.w_hidden.T)
        driven = chunk.z @ v.V.T
        for t in range(self.T):
            a = driven[t]
            if t:
                a += moved @ back
            moved = a * self.slope(chunk, t)
            if t in self.place:
                f = moved @ theta.w_output.T + chunk.y(t) @ v.Y.T
                out[self.place[t]] = f * self.root[self.place[t]]
        return out

    def backwards(self, theta: Parameters, chunk: Chunk, u: Array) -> tuple[Array, Array]:
        """J^T u by the blocks V and Y, u (reads, n, q)."""
        delta = np.empty_like(chunk.h)
        g = np.zeros(chunk.h.shape[1:])
        Y = np.zeros_like(theta.Y)
        for t in range(self.T - 1, -1, -1):
            if t in self.place:
                at = u[self.place[t]] * self.root[self.place[t]]
                g = g + at @ theta.w_output
                Y += at.T @ chunk.y(t)
            np.multiply(g, self.slope(chunk, t), out=delta[t])
            g = delta[t] @ theta.w_hidden
        k, p = theta.V.shape
        V = delta.reshape(-1, k).T @ chunk.z.reshape(-1, p)
        return V, Y

    def squares(self, theta: Parameters, chunk: Chunk, u: Array) -> Array:
        """Sum over sequences of the squared entries of J^T u in the block V, (k, p)."""
        delta = np.empty_like(chunk.h)
        g = np.zeros(chunk.h.shape[1:])
        for t in range(self.T - 1, -1, -1):
            if t in self.place:
                g = g + u[self.place[t]] * self.root[self.place[t]] @ theta.w_output
            np.multiply(g, self.slope(chunk, t), out=delta[t])
            g = delta[t] @ theta.w_hidden
        each = np.matmul(delta.transpose(1, 2, 0), chunk.z.transpose(1, 0, 2))
        return np.asarray(np.square(each).sum(axis=0))

    def gradient(self, theta: Parameters) -> Array:
        """J^T gap / n, as a vector: half the gradient of the loss."""
        return self._pulled(theta, lambda chunk: chunk.gap)

    def normal_product(self, theta: Parameters, v: Array) -> Array:
        """J^T J v / n, by one forward and one backward pass."""
        direction = theta.like(v)
        return self._pulled(theta, lambda chunk: self.forwards(theta, chunk, direction))

    def _pulled(self, theta: Parameters, values: Any) -> Array:
        V, Y = np.zeros_like(theta.V), np.zeros_like(theta.Y)
        for chunk in self.chunks(theta):
            dV, dY = self.backwards(theta, chunk, values(chunk))
            V += dV
            Y += dY
        result: Array = Parameters(V, Y).flat() / self.n
        return result

    def normal_matrix(self, theta: Parameters) -> Array:
        """J^T J / n, for outputs at the last step alone.

        In single precision: it shapes a step, and the gradient and the loss decide what it is
        worth.
        """
        k, p = theta.V.shape
        q, size = self.q, theta.V.size
        A = np.zeros((theta.size, theta.size))
        cross = np.zeros((q, size, k + 1))
        outer = np.zeros((k + 1, k + 1))
        rows = max(1, _NUMBERS // max(1, self.T * q * k, q * k * p))
        for chunk in self.chunks(theta):
            for start in range(0, chunk.n, rows):
                part = chunk.part(slice(start, start + rows))
                J = self._jacobian(theta, part)
                y = part.y(self.T - 1)
                flat = J.reshape(-1, size)
                A[:size, :size] += flat.T @ flat
                cross += np.matmul(J.transpose(1, 2, 0), y.astype(np.float32))
                outer += y.T @ y
        A[:size, size:] = cross.transpose(1, 0, 2).reshape(size, -1)
        A[size:, :size] = A[:size, size:].T
        A[size:, size:] = np.kron(np.eye(q), outer)
        A *= float(self.root[0]) ** 2 / self.n
        return A

    def _jacobian(self, theta: Parameters, chunk: Chunk) -> Array:
        """Return d f_T / d V, (n, q, k p)."""
        k, p = theta.V.shape
        n, q = chunk.n, self.q
        delta = np.empty((self.T, n, q, k), np.float32)
        slope = self.act.slope(chunk.h.astype(np.float32))
        w_hidden = theta.w_hidden.astype(np.float32)
        g = np.broadcast_to(theta.w_output.astype(np.float32), (n, q, k))
        for t in range(self.T - 1, -1, -1):
            np.multiply(g, slope[t, :, None, :], out=delta[t])
            g = (delta[t].reshape(-1, k) @ w_hidden).reshape(n, q, k)
        by_sequence = delta.reshape(self.T, n, q * k).transpose(1, 2, 0)
        z = chunk.z.astype(np.float32).transpose(1, 0, 2)
        result: Array = np.matmul(by_sequence, z).reshape(n, q, k * p)
        return result
