"""Greedy selection: the node whose addition lowers the objective most, k times (F22).

Theory, section 1. With C the ridge Schur complement of the nodes chosen so far and H := C M C,
adding j lowers Tr[M C] by H_jj/(C_jj + tau_j) (`selection.marginal_gain`), and with
s := sqrt(C_jj + tau_j), v := C_{:j}/s, u := H_{:j}/s, a := v^T M v = H_jj/s^2,

    C <- C - v v^T,    H <- H - u v^T - v u^T + a v v^T = H - y v^T - v y^T,  y := u - (a/2) v.

So S and H_0 = S M S are formed once. Neither C nor H is written: their diagonals are carried, and
the column of the chosen node is put together from the v and y of the steps before, which costs
O(m t) in step t.

Rounding. H is a difference of numbers of the size of H_0, but falls with the *square* of C; once
what is left of a contender is too small to be ranked, C and H are formed anew and the factors are
emptied (`_Residual.refresh`). A node whose residual variance falls to `rank_tolerance(m)` times its
own is spent: its gain counts as 0.
"""

from __future__ import annotations

import numpy as np

from pruning.checks import Array, Nodes
from pruning.factor import rank_tolerance

_EPS = float(np.finfo(np.float64).eps)
_TRUST = 1e-8  # a contender's gain is known to this fraction of the best gain, or is computed anew


def greedy_order(S: Array, k: int, weight: Array | None = None, tau: Array | None = None) -> Nodes:
    """Return k nodes in the order in which they are chosen.

    Parameters
    ----------
    S : (m, m) array
        Symmetric positive semidefinite; trusted, see `select_nodes` for the checks.
    k : int
        0..m.
    weight : (m, m) array, optional
        M, symmetric positive semidefinite; None is the identity.
    tau : (m,) array, optional
        >= 0, one value a node of S; None is 0.

    Returns
    -------
    (k,) integer array
        The first nodes of a longer selection are those of a shorter one. Ties go to the smaller
        index; nodes without any gain come last.
    """
    m = len(S)
    tau = np.zeros(m) if tau is None else tau
    residual = _Residual(S, weight, tau, k)
    chosen: list[int] = []
    while len(chosen) < k:
        j = residual.best()
        if j is None:
            left = np.setdiff1d(np.arange(m), chosen)
            chosen.extend(left[: k - len(chosen)].tolist())
            break
        chosen.append(j)
        residual.add(j)
    return np.array(chosen, dtype=np.int64)


class _Residual:
    """C and H = C M C of the nodes added so far, as C_0 and H_0 minus factors."""

    def __init__(self, S: Array, weight: Array | None, tau: Array, k: int) -> None:
        m = len(S)
        # A power of two, so that scaling is exact, and squares neither overflow nor underflow.
        self.C = S * _unit(S)
        self.tau = tau * _unit(S)
        self.M = None if weight is None else weight * _unit(weight)
        self.floor = rank_tolerance(m) * np.diag(self.C)
        self.open = np.ones(m, dtype=bool)
        self.V = np.empty((k, m))
        self.Y = np.empty((k, m))
        root = np.sqrt(np.maximum(np.diag(self.C), 0))
        size = root @ root if self.M is None else root @ np.abs(self.M) @ root
        self.noise = size * rank_tolerance(m) ** 2 * np.diag(self.C)
        self._form()

    def _form(self) -> None:
        CM = self.C if self.M is None else self.C @ self.M
        self.H = CM @ self.C.T
        self.t = 0
        self.d = np.maximum(np.diag(self.C), 0)
        self.g = np.maximum(np.diag(self.H), 0)
        self.start = self.g.copy()

    def refresh(self) -> None:
        V = self.V[: self.t]
        self.C = self.C - V.T @ V
        self._form()

    def best(self) -> int | None:
        """The node of largest gain, or None if no gain is left."""
        gain, error = self._gains()
        j = int(np.argmax(gain))
        doubtful = (gain + error >= gain[j]) & (error > _TRUST * gain[j])
        if self.t and doubtful.any():
            self.refresh()
            gain, _ = self._gains()
            j = int(np.argmax(gain))
        return j if gain[j] > 0 else None

    def _gains(self) -> tuple[Array, Array]:
        """Gains, and bounds for what rounding since the last refresh may have added to them."""
        useful = self.open & (self.d > self.floor) & (self.g > self.noise)
        below = np.where(useful, self.d + self.tau, 1.0)
        error = np.where(
            self.open & (self.d > self.floor), (4 + self.t) * _EPS * self.start / below, 0.0
        )
        return np.where(useful, self.g / below, 0.0), error

    def add(self, j: int) -> None:
        t = self.t
        V, Y = self.V[:t], self.Y[:t]
        c = self.C[j] - V[:, j] @ V
        h = self.H[j] - V[:, j] @ Y - Y[:, j] @ V
        s = np.sqrt(self.d[j] + self.tau[j])
        v = np.divide(c, s, out=self.V[t])
        y = np.subtract(h / s, (self.g[j] / (2 * s * s)) * v, out=self.Y[t])
        self.d = np.maximum(self.d - v * v, 0)
        self.g = np.maximum(self.g - 2 * v * y, 0)
        self.open[j] = False
        self.t = t + 1


def _unit(matrix: Array) -> float:
    """The power of two that brings the largest entry into [1/2, 1)."""
    top = float(np.abs(matrix).max())
    return float(2.0 ** -np.frexp(top)[1]) if top > 0 else 1.0
