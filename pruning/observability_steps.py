"""The gradients of a network's outputs carried back step by step, and their second moments.

What `Observability` sums over batches; theory, section 11.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from pruning.checks import Array
from pruning.rnn import RNN


@dataclass(frozen=True)
class Step:
    """2^exponent times the sum of G_i over a batch, its trace, and that of ||G_i||_F^2."""

    gram: Array
    trace: float
    square: float
    exponent: int


def states(rnn: RNN, x: Any, dtype: str) -> Array:
    """Return the states, time first, (T, n, m); a ValueError names the step that is not finite."""
    h = rnn.states(x, dtype).transpose(1, 0, 2)
    flat = h.reshape(-1)
    # One product tells, at once unless states are beyond 1e15.
    if h.size and not np.isfinite(np.dot(flat, flat)):
        finite = np.isfinite(h).all(axis=(1, 2))
        if not finite.all():
            t = int(np.argmin(finite)) + 1
            raise ValueError(
                f"the states must stay within the range of {dtype}, left it at t = {t}"
            )
    return h


def gradients_backwards(
    rnn: RNN,
    h: Array,
    root: Array,
    w: Array,
    probes: int | None,
    rng: np.random.Generator,
) -> Any:
    """Yield t and `Step` from the last step to the first, by rows of gradients.

    Without probes the rows are those of df_T/dh_t, for the last step alone.
    """
    T, n, m = h.shape
    root = root.astype(h.dtype)
    rows = len(root) if probes is None else probes
    w_hidden = rnn.w_hidden.astype(h.dtype)
    limit = 2.0 ** (200 if h.dtype == np.float64 else 24)
    # The sequences of one row lie together, so that slopes multiply contiguous blocks.
    g = np.zeros((rows, n, m), h.dtype)
    exponent = 0
    slope = np.empty((n, m), h.dtype)
    pulled = np.empty_like(g)
    for t in range(T - 1, -1, -1):
        gram = None
        if t < T - 1:
            rnn.activation.slope(h[t + 1], out=slope)
            if t == T - 2 and probes is None:  # all sequences have the same rows up to here
                gram = _moment(g[:, 0]) * _moment(slope)
            np.multiply(g, slope, out=g)
            if t == 0 and w[0] == 0 and probes is None:  # no step before asks for the rows
                gram = _moment(g.reshape(-1, m))
            else:
                np.matmul(g.reshape(-1, m), w_hidden, out=pulled.reshape(-1, m))
                g, pulled = pulled, g
            if gram is not None:
                gram = rnn.w_hidden.T @ gram @ rnn.w_hidden
        if w[t] > 0:
            if exponent < 0:  # what has vanished is nothing beside the outputs that are read here
                np.ldexp(g, exponent, out=g)
                exponent = 0
            if probes is None:
                g[...] = (np.sqrt(w[t]).astype(h.dtype) * root)[:, None]
            else:
                signs = rng.integers(0, 2, size=(n * rows, len(root))).astype(h.dtype)
                signs = (2 * signs - 1) * np.ldexp(np.sqrt(w[t]), -exponent).astype(h.dtype)
                g += (signs @ root).reshape(n, rows, m).transpose(1, 0, 2)
        if gram is None:
            same = t == T - 1 and probes is None
            flat = g.reshape(-1, m)
            gram = n * _moment(g[:, 0]) if same else flat.T @ flat
        trace = float(gram.trace(dtype=np.float64))
        if not math.isfinite(trace):
            raise _left(t, h.dtype)
        square = 0.0
        if probes is not None:
            scale = 1 / rows
            square = _squares(g, scale)
            gram, trace = gram * scale, trace * scale
        yield t, Step(gram, trace, square, 2 * exponent)
        if trace > limit or 0 < trace < 1 / limit:
            shift = math.frexp(trace)[1] // 2
            np.ldexp(g, -shift, out=g)
            exponent += shift


def _moment(rows: Array) -> Array:
    """R^T R in float64, of rows R in the precision that they have."""
    return (rows.T @ rows).astype(np.float64)


def _squares(g: Array, scale: float) -> float:
    """sum_i ||scale G_i^T G_i||_F^2 over sequences, G_i the rows (rows, m) of g (rows, n, m)."""
    if len(g) == 1:
        inner = np.einsum("nm,nm->n", g[0], g[0]).astype(np.float64)
    else:
        apart = g.transpose(1, 0, 2)
        inner = np.matmul(apart, apart.transpose(0, 2, 1)).astype(np.float64)
    return float(np.square(inner * scale).sum())


def matrices_backwards(rnn: RNN, h: Array, root: Array, w: Array) -> Any:
    """Yield t and `Step`, carrying sum_{s >= t} w_s (df_s/dh_t)^T (df_s/dh_t) of every sequence."""
    T, n, m = h.shape
    w_hidden = rnn.w_hidden.astype(h.dtype)
    read_out = (root.T @ root).astype(h.dtype)
    limit = 2.0 ** (400 if h.dtype == np.float64 else 48)
    P = np.zeros((n, m, m), h.dtype)
    exponent = 0
    for t in range(T - 1, -1, -1):
        if t < T - 1:
            slope = rnn.activation.slope(h[t + 1])
            P *= slope[:, :, None]
            P *= slope[:, None, :]
            P = np.matmul(
                (P.reshape(-1, m) @ w_hidden).reshape(P.shape).transpose(0, 2, 1), w_hidden
            )
        if w[t] > 0:
            if exponent < 0:  # as in `gradients_backwards`
                np.ldexp(P, exponent, out=P)
                exponent = 0
            P += np.ldexp(w[t], -exponent).astype(h.dtype) * read_out
        gram = P.sum(axis=0, dtype=np.float64)
        trace = float(np.trace(gram))
        if not math.isfinite(trace):
            raise _left(t, h.dtype)
        yield t, Step(gram, trace, 0.0, exponent)
        if trace > limit or 0 < trace < 1 / limit:
            shift = math.frexp(trace)[1]
            np.ldexp(P, -shift, out=P)
            exponent += shift


def _left(t: int, dtype: Any) -> ValueError:
    return ValueError(
        f"the gradients must stay within the range of {dtype} from one step to the one before it, "
        f"left it at t = {t + 1}"
    )
