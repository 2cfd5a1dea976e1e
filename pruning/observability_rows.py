"""The exact second moments of one read-out's gradients, carried back as rows.

With G_t = df_s/dh_t, (q, m), and D_t the slopes of step t, G_{t-1} = G_t D_t W_h, so that

    O_{t-1} = W_h^T S_t W_h,    S_t = E[D_t G_t^T G_t D_t].

Here the S_t are formed: W_h is multiplied once for all sequences, by `Observability`. Where a node
of no sequence of a block passes anything back (ReLU), its column of G_t D_t is 0 and is left out
of all products. Sequences with the same largest output are put into blocks together, since they use
the same nodes: on the committed row-MNIST networks 43 % of the products remain.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from pruning.checks import Array, Nodes
from pruning.observability_steps import CANCELLED, RESCALED, SQUARED, Step, scaled_by_peak
from pruning.rnn import RNN

# Products of at most so many multiplications are formed from the matrices as they lie, by the BLAS
# that NumPy brings; larger ones are copied first, which costs a sixth at m = 128. Of fewer than
# _FEW rows (m > 144) such products are several times slower than the copies.
_UNCOPIED = 10**6
_FEW = 48
_STRIP = 16  # columns of the lower triangle of a moment formed at a time
_DENSE = 7 / 8  # of the nodes passing something back: not worth leaving the others out


class Rows:
    """The recursion of one network's rows of gradients, with room for a block of them.

    Parameters
    ----------
    rnn : RNN
    root : (q, m) array
        The read-out, up to an orthogonal factor.
    n : int
        Sequences in all. For few of them the moments of G_{t-1} itself are formed.
    dtype : numpy dtype
        Precision of the rows.

    Attributes
    ----------
    w_hidden : (m, m) array
        2^-exponent W_h, in float64.
    exponent : int
    """

    def __init__(self, rnn: RNN, root: Array, n: int, dtype: Any) -> None:
        m, q = rnn.m, len(root)
        self.exponent = int(np.frexp(np.abs(rnn.w_hidden).max(initial=0))[1])
        self.w_hidden = np.ldexp(rnn.w_hidden, -self.exponent)
        # Tr W^T S W from the lower triangle of S.
        both = np.tril(self.w_hidden @ self.w_hidden.T)
        self._traced = 2 * both - np.diag(np.diag(both))
        self._direct = n * q < 2 * m  # multiplying by W_h at the end costs 2 m^3 a step
        self._slopes = rnn.activation.slope
        self._root, self._w = root.astype(dtype), self.w_hidden.astype(dtype)
        # No fewer rows than 2 m: else adding the moments up costs more than forming them.
        self._block = max(1, _UNCOPIED // (_STRIP * m * q), 2 * m // q)
        # Fewer and larger calls where all nodes pass something back; in float64 these were slower.
        self._dense_block = self._block * (4 if self._w.dtype == np.float32 else 1)
        self._here, self._there = (np.empty(self._dense_block * q * m, dtype) for _ in range(2))
        self._slope = np.empty((self._dense_block, m), dtype)
        self._gram, self._wide, self._full = (np.empty((m, m), dtype) for _ in range(3))

    def back(self, h: Array, weight: float) -> Iterator[Iterator[tuple[int, Step]]]:
        """Yield for every block of sequences what O_0..O_{s-2} of states h (s, n, m) are made of.

        That is t and a `Step` whose trace and exponent are those of O_t. Its matrix is O_t or, if
        `inner`, S_{t+1}, of which the lower triangle counts, with O_t = W'^T S W', W' the scaled
        `w_hidden`. The outputs are sqrt(weight) times those of the root. A matrix is overwritten by
        the next; steps that are left out are 0.
        """
        n = h.shape[1]
        order = np.argsort(np.argmax(h[-1] @ self._root.T, axis=1), kind="stable")
        sparse = self._passing(h[-1][order[: self._block]], True)[0] is not None
        size = self._block if sparse else self._dense_block
        for start in range(0, n, size):
            block = slice(start, start + size)
            yield self._steps(h, order[block] if sparse else block, weight, sparse)

    def _steps(
        self, h: Array, block: Any, weight: float, sparse: bool
    ) -> Iterator[tuple[int, Step]]:
        """Of one block, from the last step but one to the first."""
        dtype = h.dtype
        limit = RESCALED[dtype.name]
        least = CANCELLED[dtype.name] * float(np.trace(self._traced))
        power = math.frexp(weight)[1] // 2
        scale = math.sqrt(math.ldexp(weight, -2 * power))
        exponent = 2 * (self.exponent + power)
        root: Array = (scale * self._root).astype(dtype)[:, None]
        w, rows = self._w, root[:, 0]
        for t in range(len(h) - 2, -1, -1):
            live, slope = self._passing(h[t + 1][block], sparse)
            n, width = slope.shape
            if not width:
                return
            g = self._room(self._there, n, width)
            if t == len(h) - 2:
                np.multiply(root if live is None else root[:, :, live], slope, out=g)
            else:
                product(rows, w if live is None else w.take(live, axis=1), g.reshape(-1, width))
                np.multiply(g, slope, out=g)
            self._here, self._there = self._there, self._here
            rows, w = g.reshape(-1, width), self._w if live is None else self._w[live]
            gram = self.moment(rows)
            size = float(gram.trace(dtype=np.float64))
            if not 1 / SQUARED[dtype.name] <= size <= SQUARED[dtype.name]:
                exponent += 2 * scaled_by_peak(g, t + 1)
                gram = self.moment(rows)
                size = float(gram.trace(dtype=np.float64))
                if not size:
                    return
            if live is not None:
                gram = self._spread(gram, live)
            trace = 0.0 if self._direct else float(np.vdot(gram, self._traced))
            shift = 0
            if own := trace <= least * size:
                pulled = rows @ w
                shift = scaled_by_peak(pulled, t)
                gram = pulled.T @ pulled
                trace = float(gram.trace(dtype=np.float64))
            yield t, Step(gram, trace, 0.0, exponent + 2 * shift, inner=not own)
            exponent += 2 * self.exponent
            if size > limit or 0 < size < 1 / limit:
                shift = math.frexp(size)[1] // 2
                np.ldexp(g, -shift, out=g)
                exponent += 2 * shift

    def _passing(self, h: Array, sparse: bool) -> tuple[Nodes | None, Array]:
        """The nodes that pass something back in some sequence, None for all; and their slopes.

        Most of them are taken for all, and so is any number where it is not `sparse`: after a last
        step in which most do.
        """
        slope = self._slope[: len(h)]
        self._slopes(h, out=slope)
        if not sparse:
            return None, slope
        passing: Any = slope.any(axis=0)
        if np.count_nonzero(passing) > _DENSE * len(passing):
            return None, slope
        live = np.flatnonzero(passing)
        return live, slope.take(live, axis=1)

    def _room(self, room: Array, n: int, width: int) -> Array:
        q = len(self._root)
        return room[: q * n * width].reshape(q, n, width)

    def moment(self, rows: Array) -> Array:
        """R^T R, or its lower triangle alone."""
        width = rows.shape[1]
        if len(rows) * _STRIP * width > _UNCOPIED:
            return rows.T @ rows
        out = self._gram.reshape(-1)[: width * width].reshape(width, width)
        out.fill(0)
        for start in range(0, width, _STRIP):
            stop = start + _STRIP
            np.matmul(rows[:, start:stop].T, rows[:, :stop], out=out[start:stop, :stop])
        return out

    def _spread(self, gram: Array, live: Nodes) -> Array:
        """A moment of some nodes among those of all."""
        wide = self._wide[: len(live)]
        wide.fill(0)
        wide[:, live] = gram
        self._full.fill(0)
        self._full[live] = wide
        return self._full


def product(rows: Array, w: Array, out: Array) -> None:
    """Write `rows` times `w` to `out`."""
    step = _UNCOPIED // w.size
    if step < _FEW:
        step = len(rows)
    for start in range(0, len(rows), step):
        np.matmul(rows[start : start + step], w, out=out[start : start + step])
