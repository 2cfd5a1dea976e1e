"""The divergence between the softmax of two read-outs, over rows of states, and its derivatives.

With f^ = G (g, 1) of the large network and f' = Y (h', 1) of the small one,

    D = sum_i s_i KL(softmax f^_i || softmax f'_i),

s_i >= 0 of sum 1. In f' its gradient is p' - p and its Hessian Fisher's metric, diag p' - p' p'^T.
No more is formed than the logits of some rows.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from pruning.checks import Array
from pruning.refit.coordinates import beyond, root

_NUMBERS = 1 << 23  # logits formed at a time
_CACHED = 1 << 17  # of them handled at a time, so that they stay in cache from pass to pass
_KEPT = 1 << 28  # probabilities of the large network that are kept between steps
_SHAPED = 1 << 27  # logits formed to find the coordinates
_RARE = 1e-7  # words less probable than this hardly move


@dataclass(frozen=True, eq=False)
class Shape:
    """What the curvature of D at a start looks like.

    Attributes
    ----------
    left : (q,) array
        About E[diag p]^(-1/2).
    right : (k + 1, k + 1) array
        With right^T E[(h', 1)(h', 1)^T] right about I.
    pulled : (N, k) array, optional
        Gradients in h'_i of sqrt(s_i) times random signs in Fisher's metric; 0 for later rows where
        there are too many logits.
    share : float
        Rows over rows that were pulled.
    """

    left: Array
    right: Array
    pulled: Array | None
    share: float


class SoftmaxGaps:
    """D as a function of Y = [W_o', b_o'] and of the rows h'.

    Parameters
    ----------
    teacher : (q, m + 1) array
        G = [W_o, b_o].
    states : (N, m) array
        The large network's states g.
    shares : (N,) array
    dtype : {"float32", "float64"}
        Precision of the logits. Sums over rows are float64.
    name : str
        What messages call the large network.
    """

    def __init__(
        self, teacher: Array, states: Array, shares: Array, dtype: str, name: str = "large"
    ) -> None:
        self.dtype = np.dtype(dtype)
        self.q, self.n = len(teacher), len(states)
        self.shares = shares
        self._kept: dict[int, tuple[Array, Array]] = {}
        self.teacher = self._rounded(teacher)
        self.target = self._with_ones(states)
        if not (np.isfinite(self.target).all() and np.isfinite(self.teacher).all()):
            raise ValueError(f"{name} must stay within the range of {dtype} on x, left it")

    def value(self, Y: Array, h: Array) -> float:
        """D; inf where it leaves the range of floats."""
        with np.errstate(over="ignore", invalid="ignore"):
            Y, total = self._rounded(Y), 0.0
            for part, y in self._batches(h):
                total += self._gaps(Y, y, part)[0]
        return _divergence(total)

    def value_and_gradient(
        self, Y: Array, h: Array, in_states: bool
    ) -> tuple[float, Array, Array | None]:
        """D, and its gradients in Y and, if asked for, in the rows h'."""
        at_Y, total = np.zeros(Y.shape), 0.0
        at_h = np.zeros(h.shape) if in_states else None
        with np.errstate(over="ignore", invalid="ignore"):
            Y = self._rounded(Y)
            for part, y in self._batches(h):
                value, u = self._gaps(Y, y, part)
                total += value
                at_Y += u.T @ y
                if at_h is not None:
                    at_h[part] = u @ Y[:, :-1]
        return _divergence(total), at_Y, at_h

    def shape(self, Y: Array, h: Array, in_states: bool) -> Shape:
        """See `Shape`; of the large network's distribution, as at f' = f^."""
        probability, outer = np.zeros(self.q), np.zeros((Y.shape[1], Y.shape[1]))
        # Gradients of v = sqrt(p) e - p (sqrt(p) . e), e random signs: E v v^T = diag p - p p^T.
        rng = np.random.default_rng(0)
        pulled = np.zeros(h.shape) if in_states else None
        w_output = self._rounded(Y[:, :-1])
        rows = 0
        for part, y in self._batches(h):
            shares = self._column(part)
            outer += y.T @ (shares * y)
            if rows * self.q > _SHAPED:
                continue
            rows += len(y)
            p, _ = self._taught(part)
            probability += (shares * p).sum(axis=0, dtype=np.float64)
            if pulled is not None:
                e = np.sqrt(p) * (2 * rng.integers(0, 2, p.shape, np.int8) - 1)
                v = e - p * e.sum(axis=1, keepdims=True)
                pulled[part] = np.sqrt(shares) * (v @ w_output)
        probability /= probability.sum()
        right = root(outer, beyond("the states of small", "a refit", str(self.dtype)))
        return Shape(1 / np.sqrt(probability + _RARE), right, pulled, self.n / rows)

    def _rounded(self, values: Array) -> Array:
        """In the precision of the logits; inf beyond its range, which ends in D = inf."""
        with np.errstate(over="ignore"):
            return values.astype(self.dtype)

    def _with_ones(self, h: Array) -> Array:
        y = np.ones((len(h), h.shape[1] + 1), self.dtype)
        with np.errstate(over="ignore"):
            y[:, :-1] = h
        return y

    def _column(self, part: slice) -> Array:
        return self._rounded(self.shares[part, None])

    def _batches(self, h: Array) -> Iterator[tuple[slice, Array]]:
        """Yield some rows, and their (h', 1)."""
        step = max(1, _NUMBERS // self.q)
        for start in range(0, self.n, step):
            part = slice(start, min(start + step, self.n))
            yield part, self._with_ones(h[part])

    def _gaps(self, Y: Array, y: Array, part: slice) -> tuple[float, Array]:
        """Sum of s KL(p || p') over some rows, and s (p' - p)."""
        p, entropy = self._taught(part)
        own, shares = y @ Y.T, self._column(part)
        crossed = np.empty(len(own))
        step = max(1, _CACHED // self.q)
        for start in range(0, len(own), step):
            rows = slice(start, start + step)
            one = _normalized(own[rows])
            crossed[rows] = np.einsum("ij,ij->i", p[rows], one, dtype=np.float64)
            np.exp(one, out=one)
            one -= p[rows]
            one *= shares[rows]
        value = -float(self.shares[part] @ (entropy + crossed))
        return value, own

    def _taught(self, part: slice) -> tuple[Array, Array]:
        """P of some rows, and their entropies; kept as far as there is room."""
        if part.start in self._kept:
            return self._kept[part.start]
        log_p = _normalized(self.target[part] @ self.teacher.T)
        p = np.exp(log_p)
        log_p *= p
        found = p, -log_p.sum(axis=1, dtype=np.float64)
        if sum(kept.size for kept, _ in self._kept.values()) + p.size <= _KEPT:
            self._kept[part.start] = found
        return found


def _divergence(total: float) -> float:
    """A sum that is D but for rounding, which may have made it less than 0."""
    return max(0.0, total) if math.isfinite(total) else math.inf


def _normalized(f: Array) -> Array:
    """Log-probabilities of the classes, (n, q), in place of logits f."""
    f -= f.max(axis=1, keepdims=True)
    f -= np.log(np.exp(f).sum(axis=1, keepdims=True))
    return f
