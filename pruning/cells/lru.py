"""The diagonal linear recurrence (LRU): h+ = lam * h + B x + b with complex states.

Orvieto, Smith, Gu, Fernando, Gulcehre, Pascanu, De, *Resurrecting recurrent neural networks for
long sequences*, ICML 2023. A state of p complex nodes stands as 2 p real numbers, the real parts
and behind them the imaginary parts, so that Re(C h) is a real linear read-out of it and its second
moments are those of section 1 of the theory.

No node reads another: the kept nodes of a pruned recurrence run as they did in the whole one, and
all that pruning costs is what reads the states (h - A h_J, A real over both parts). So the error
of the outputs is known from S alone, ||f' - f||^2 = Tr[Z R Z^T], with equality.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pruning.activations import Activation, activation
from pruning.cells.gated import Gates
from pruning.cells.plain import PlainRun
from pruning.checks import Array, Nodes, real_array


@dataclass(frozen=True, eq=False, repr=False)
class LRU(Gates):
    """h+ = lam * h + B x + b, entry by entry; the state is [Re h, Im h].

    Parameters
    ----------
    lam : (p,) complex array
        Eigenvalues; |lam| < 1 for a memory that fades. exp(-exp(nu) + i theta) in LRU's own
        parameters.
    w_complex : (p, d_x) complex array
        B, LRU's normalisation gamma multiplied in.
    b_complex : (p,) complex array, optional
        b; 0 by default.

    Attributes
    ----------
    w_input, w_hidden, b_input, b_hidden : arrays
        The same step on the 2 p real numbers: W_h is [[Re lam, -Im lam], [Im lam, Re lam]].

    Examples
    --------
    >>> import numpy as np
    >>> from rnnbounds import LRU
    >>> cell = LRU(0.9 * np.exp(1j * np.arange(3)), np.ones((3, 2)) * (1 + 1j))
    >>> cell.m, cell.pairs, cell.states(np.ones((4, 5, 2))).shape
    (6, 3, (4, 5, 6))
    """

    lam: Array
    w_complex: Array
    b_complex: Array | None = None

    kind = "lru"
    gates = ("hidden",)

    def __post_init__(self) -> None:
        lam = _complex("lam", self.lam, (None,))
        w = _complex("w_complex", self.w_complex, (len(lam), None))
        given = np.zeros(len(lam)) if self.b_complex is None else self.b_complex
        b = _complex("b_complex", given, (len(lam),))
        a, c = np.diag(lam.real), np.diag(lam.imag)
        values = {
            "lam": lam,
            "w_complex": w,
            "b_complex": b,
            "w_input": np.concatenate([w.real, w.imag]),
            "w_hidden": np.block([[a, -c], [c, a]]),
            "b_input": np.concatenate([b.real, b.imag]),
            "b_hidden": np.zeros(2 * len(lam)),
        }
        for name, value in values.items():
            value.flags.writeable = False
            object.__setattr__(self, name, value)

    @property
    def pairs(self) -> int:
        """p, the number of complex nodes."""
        return len(self.lam)

    @property
    def activation(self) -> Activation:
        """The identity: the step is linear."""
        return activation("identity")

    @property
    def reads_state(self) -> Array:
        """No rows: the next step of a kept node reads that node alone, which is there."""
        return np.zeros((0, self.m))

    @property
    def parameters(self) -> int:
        """Number of real weights: two for every complex one."""
        assert self.b_complex is not None
        return 2 * (self.lam.size + self.w_complex.size + self.b_complex.size)

    def states(self, x: Array, start: Array | None = None, out: Array | None = None) -> Array:
        """Return h_1..h_T of time-major inputs (T, n, d_x), shape (T, n, 2 p), in their dtype."""
        start, out = self._prepared(x, start, out)
        p, kind = self.pairs, np.result_type(x.dtype, np.complex64)
        lam = self.lam.astype(kind)
        h = self._joined(start).astype(kind)
        drive = x @ self.w_input.T.astype(x.dtype) + self.b_input.astype(x.dtype)
        for now, given in zip(out, drive, strict=True):
            h = h * lam + self._joined(given)
            now[:, :p], now[:, p:] = h.real, h.imag
        return out

    def run(self, x: Array, start: Array | None = None) -> PlainRun:
        """Return the run of time-major inputs (T, n, d_x)."""
        start, _ = self._prepared(x, start, None)
        return PlainRun(start, self.states(x, start))

    def backward(self, run: Any, given: Array) -> tuple[Array, Array, Array, Array]:
        """Pull gradients back through a run; see `pruning.cells.cell.Cell`."""
        total, p = np.empty_like(run.h), self.pairs
        carried = np.zeros((*run.start.shape[:1], p), complex)
        for t in range(len(run.h) - 1, -1, -1):
            g = self._joined(given[t]) + carried
            total[t, :, :p], total[t, :, p:] = g.real, g.imag
            # The transpose of multiplication by lam on (Re, Im) is that by its conjugate.
            carried = g * self.lam.conj()
        return total, total, total, np.concatenate([carried.real, carried.imag], axis=1)

    def tangent(self, run: Any, in_drive: Array, in_recurrent: Array) -> Array:
        """Return how the states move, (T, n, 2 p), where W_i x + b and W_h h do."""
        out, p = np.empty_like(run.h), self.pairs
        moved = np.zeros((*run.start.shape[:1], p), complex)
        for t in range(len(run.h)):
            moved = moved * self.lam + self._joined(in_drive[t] + in_recurrent[t])
            out[t, :, :p], out[t, :, p:] = moved.real, moved.imag
        result: Array = out
        return result

    def coordinates(self, nodes: Nodes) -> Nodes:
        """Return the places of these complex nodes in the state, real parts first."""
        return np.concatenate([nodes, np.asarray(nodes) + self.pairs])

    def restricted(self, nodes: Nodes, A: Array, w_input: Array | None = None) -> LRU:
        """Return the recurrence of the kept nodes, which runs as it did.

        Parameters
        ----------
        nodes : (2 k,) integer array
            Places in the state, both parts of each kept node.
        A : (2 p, 2 k) array
            Not read: no node reads another.
        w_input : (2 p, d) array, optional
            Instead of W_i, where what the cell reads was pruned too.
        """
        p = self.pairs
        kept = np.asarray(nodes)[np.asarray(nodes) < p]
        if not np.array_equal(np.sort(nodes), self.coordinates(kept)):
            raise ValueError("nodes of an LRU must hold both parts of each node that is kept")
        w = self.w_input if w_input is None else w_input
        assert self.b_complex is not None
        return LRU(self.lam[kept], w[kept] + 1j * w[kept + p], self.b_complex[kept])

    def _joined(self, values: Array) -> Array:
        p = self.pairs
        result: Array = values[..., :p] + 1j * values[..., p:]
        return result


def greedy_pairs(S: Array, k: int, weight: Array) -> Nodes:
    """Return k of the p complex nodes, each time the one that lowers Tr[M C] most.

    Parameters
    ----------
    S : (2 p, 2 p) array
        Second moments of (Re h, Im h).
    k : int
    weight : (2 p, 2 p) array
        M.
    """
    p = len(S) // 2
    C, chosen = np.array(S), []
    floor = 1e-12 * np.diag(S)
    for _ in range(k):
        best, gain = -1, -1.0
        H = C @ weight @ C
        for j in range(p):
            if j in chosen:
                continue
            place = [j, j + p]
            found = float(
                np.trace(_inverse(C[np.ix_(place, place)], floor[place]) @ H[np.ix_(place, place)])
            )
            if found > gain:
                best, gain = j, found
        place = [best, best + p]
        root = _inverse(C[np.ix_(place, place)], floor[place])
        C = C - C[:, place] @ root @ C[place]
        C = (C + C.T) / 2
        chosen.append(best)
    return np.sort(np.array(chosen, np.int64))


def _inverse(block: Array, floor: Array) -> Array:
    """The pseudo-inverse of a 2 x 2 block; what lies below the rounding of S counts as 0."""
    values, vectors = np.linalg.eigh(block)
    alive = values > floor.max()
    inverse = np.where(alive, 1 / np.where(alive, values, 1.0), 0.0)
    result: Array = (vectors * inverse) @ vectors.T
    return result


def _complex(name: str, value: ArrayLike, shape: tuple[int | None, ...]) -> Any:
    array = np.asarray(value)
    if array.dtype.kind != "c":
        array = real_array(name, array, shape).astype(complex)
    real_array(f"the real part of {name}", array.real, shape)
    real_array(f"the imaginary part of {name}", array.imag, shape)
    return np.array(array, complex, order="C")
