"""The gradients of a network's outputs carried back step by step, and their second moments.

What `Observability` sums over batches; theory, section 11.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from pruning.checks import Array, finite_states
from pruning.rnn import RNN

# Where W_h takes away more of a moment than this, what is left is formed from its own rows.
CANCELLED = {"float64": 1e-8, "float32": 1e-4}
# Gradients whose sum of squares is above these, or below their reciprocals, are brought to others.
RESCALED = {"float64": 2.0**200, "float32": 2.0**24}
# Sums of squares above these, or below their reciprocals, are formed anew of scaled gradients.
SQUARED = {"float64": 2.0**400, "float32": 2.0**48}


class LostDigits(ArithmeticError):
    """Moments carried as matrices lose too much: they must be formed of rows."""


@dataclass(frozen=True)
class Step:
    """2^exponent times the sum of G_i over a batch, its trace, and that of ||G_i||_F^2.

    `inner`: the matrix is the lower triangle of one between W_h^T and W_h, see `Rows`.
    """

    gram: Array
    trace: float
    square: float
    exponent: int
    inner: bool = False


def states(rnn: RNN, x: Any, dtype: str) -> Array:
    """Return the states, time first, (T, n, m); a ValueError names the step that is not finite."""
    h = rnn.states(x, dtype).transpose(1, 0, 2)
    flat = h.reshape(-1)
    # One product tells, at once unless states are beyond 1e15.
    if h.size and not np.isfinite(np.dot(flat, flat)):
        finite_states(h.transpose(1, 0, 2))
    return h


def probes_backwards(
    rnn: RNN, h: Array, root: Array, w: Array, probes: int, rng: np.random.Generator
) -> Iterator[tuple[int, Step]]:
    """Yield t and `Step` from the last step to the first, by gradients of random signs."""
    T, n, m = h.shape
    root = root.astype(h.dtype)
    w_hidden = rnn.w_hidden.astype(h.dtype)
    limit, squared = RESCALED[h.dtype.name], SQUARED[h.dtype.name]
    # The sequences of one row lie together, so that slopes multiply contiguous blocks.
    g = np.zeros((probes, n, m), h.dtype)
    exponent = 0
    slope = np.empty((n, m), h.dtype)
    pulled = np.empty_like(g)
    for t in range(T - 1, -1, -1):
        if t < T - 1:
            rnn.activation.slope(h[t + 1], out=slope)
            np.multiply(g, slope, out=g)
            np.matmul(g.reshape(-1, m), w_hidden, out=pulled.reshape(-1, m))
            g, pulled = pulled, g
        if w[t] > 0:
            if exponent < 0:  # what has vanished is nothing beside the outputs that are read here
                np.ldexp(g, exponent, out=g)
                exponent = 0
            signs = rng.integers(0, 2, size=(n * probes, len(root))).astype(h.dtype)
            signs = (2 * signs - 1) * np.ldexp(np.sqrt(w[t]), -exponent).astype(h.dtype)
            g += (signs @ root).reshape(n, probes, m).transpose(1, 0, 2)
        flat = g.reshape(-1, m)
        gram = flat.T @ flat
        trace = float(gram.trace(dtype=np.float64))
        if not 1 / squared <= trace <= squared:
            exponent += scaled_by_peak(g, t)
            gram = flat.T @ flat
            trace = float(gram.trace(dtype=np.float64))
        scale = 1 / probes
        yield t, Step(gram * scale, trace * scale, _squares(g, scale), 2 * exponent)
        if trace > limit or 0 < trace < 1 / limit:
            shift = math.frexp(trace)[1] // 2
            np.ldexp(g, -shift, out=g)
            exponent += shift


def _squares(g: Array, scale: float) -> float:
    """sum_i ||scale G_i^T G_i||_F^2 over sequences, G_i the rows (rows, m) of g (rows, n, m)."""
    if len(g) == 1:
        inner = np.einsum("nm,nm->n", g[0], g[0]).astype(np.float64)
    else:
        apart = g.transpose(1, 0, 2)
        inner = np.matmul(apart, apart.transpose(0, 2, 1)).astype(np.float64)
    return float(np.square(inner * scale).sum())


def matrices_backwards(rnn: RNN, h: Array, root: Array, w: Array) -> Iterator[tuple[int, Step]]:
    """Yield t and `Step`, carrying sum_{s >= t} w_s (df_s/dh_t)^T (df_s/dh_t) of every sequence.

    Raises
    ------
    LostDigits
        Where W_h takes away nearly all, or the range of floats is left: rows go further.
    """
    _, n, m = h.shape
    kept = CANCELLED[h.dtype.name] * float(np.square(rnn.w_hidden).sum())
    w_hidden = rnn.w_hidden.astype(h.dtype)
    read_out = (root.T @ root).astype(h.dtype)
    limit = SQUARED[h.dtype.name]
    P = np.zeros((n, m, m), h.dtype)
    least = 1 / limit**2
    exponent, last = 0, int(np.flatnonzero(w)[-1])
    for t in range(last, -1, -1):
        before = 0.0
        if t < last:
            slope = rnn.activation.slope(h[t + 1])
            P *= slope[:, :, None]
            P *= slope[:, None, :]
            before = float(np.einsum("njj->", P, dtype=np.float64))
            if not before >= least:
                raise LostDigits
            P = np.matmul(
                (P.reshape(-1, m) @ w_hidden).reshape(P.shape).transpose(0, 2, 1), w_hidden
            )
        if w[t] > 0:
            if exponent < 0:  # as in `probes_backwards`
                np.ldexp(P, exponent, out=P)
                exponent = 0
            P += np.ldexp(w[t], -exponent).astype(h.dtype) * read_out
        gram = P.sum(axis=0, dtype=np.float64)
        trace = float(np.trace(gram))
        if not max(least, kept * before) < trace < math.inf:
            raise LostDigits
        yield t, Step(gram, trace, 0.0, exponent)
        if trace > limit or trace < 1 / limit:
            shift = math.frexp(trace)[1]
            np.ldexp(P, -shift, out=P)
            exponent += shift


def scaled_by_peak(g: Array, t: int) -> int:
    """Divide gradients of step t, from 0, by the power of two of the largest; return that power."""
    peak = float(np.abs(g).max(initial=0))
    if not math.isfinite(peak):
        raise left_range(t, g.dtype)
    power = math.frexp(peak)[1]
    np.ldexp(g, -power, out=g)
    return power


def left_range(t: int, dtype: Any) -> ValueError:
    """What to raise where the gradients of step t, from 0, are not finite."""
    return ValueError(
        f"the gradients must stay within the range of {dtype} from one step to the one before it, "
        f"left it at t = {t + 1}"
    )
