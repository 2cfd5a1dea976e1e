"""Greedy selection: the node whose addition lowers the objective most, k times (F22).

Theory, section 1. With C the ridge Schur complement of the nodes chosen so far and H := C M C,
adding j lowers Tr[M C] by H_jj/(C_jj + tau_j) (`selection.marginal_gain`), and with
s := sqrt(C_jj + tau_j), v := C_{:j}/s, u := H_{:j}/s, a := v^T M v = H_jj/s^2,

    C <- C - v v^T,    H <- H - u v^T - v u^T + a v v^T = H - y v^T - v y^T,  y := u - (a/2) v.

So H_0 = S M S is formed once. Neither C nor H is written: their diagonals are carried, and
the column of the chosen node is put together from the v and y of the steps before, which costs
O(m t) in step t.

Rounding. H is a difference of numbers of the size of H_0, but falls with the *square* of C; once
what is left of a contender is too small to be ranked, H is formed anew from C, and only what comes
after is subtracted from that (`_Residual._refresh`). A node whose residual variance falls to
`rank_tolerance(m)` times its own is spent: its gain counts as 0.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.linalg.blas import dgemm, dsyrk, dtrmm
from scipy.linalg.lapack import dpotrf

from pruning.checks import TILE, Array, Nodes
from pruning.factor import pivoted_cholesky, rank_tolerance

_EPS = float(np.finfo(np.float64).eps)
_FEW = 48  # a column of H costs 2 m^2, bound by memory; half of H costs m^3, bound by arithmetic
_TRUST = 1e-8  # a contender's gain is known to this fraction of the best one, or is formed anew


def greedy_order(
    S: Array,
    k: int,
    weight: Array | None = None,
    tau: Array | None = None,
    factor: Array | None = None,
) -> Nodes:
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
    factor : (m, m) array, optional
        The Cholesky factor of `weight`, lower triangular, where it is known already.

    Returns
    -------
    (k,) integer array
        The first nodes of a longer selection are those of a shorter one. Ties go to the smaller
        index as far as rounding leaves them ties; nodes without any gain come last.
    """
    m = len(S)
    residual = _Residual(S, weight, np.zeros(m) if tau is None else tau, k, factor)
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
    """C and H = C M C of the nodes added so far, as C_0 and H_b minus factors.

    Attributes
    ----------
    C : (m, m) array
        C_0.
    F : (m, m) array
        L^T C as it was after `base` steps, with L L^T = M; then H_b = F^T F.
    H : (m, m) array or None
        The lower triangle of H_b; None where its columns are formed one at a time.
    V, Y : (k, m) arrays
        v and y of every step.
    d, g : (m,) arrays
        The diagonals of C and H; g is -inf for a node that is chosen or spent.
    """

    def __init__(
        self, S: Array, weight: Array | None, tau: Array, k: int, factor: Array | None = None
    ) -> None:
        m = len(S)
        unit = _unit(S)
        self.C = _scaled(S, unit)
        with np.errstate(over="ignore"):  # with the largest float nothing is read of a node, either
            self.tau = np.minimum(tau * unit, np.finfo(np.float64).max)
        self.root = None if weight is None else _Root(weight, factor)
        variance = np.diag(self.C)
        deviation = np.sqrt(np.maximum(variance, 0))
        # Rounding E of C has |E_ij| <= tolerance sqrt(S_ii S_jj); below these, d and g are only it.
        self.floor = np.maximum(rank_tolerance(m) * variance, np.finfo(np.float64).tiny)
        total = deviation @ deviation if self.root is None else self.root.bound(deviation)
        self.noise = rank_tolerance(m) ** 2 * total * variance
        self.closed = np.zeros(m, dtype=bool)
        self.V, self.Y = np.empty((k, m)), np.empty((k, m))
        self.t = self.base = 0
        self.d = np.maximum(variance, self.floor)
        self.F = self.C.T if self.root is None else self.root.times(self.C.T)
        self._form()

    def best(self) -> int | None:
        """The node of largest gain, or None if no gain is left."""
        while True:
            below = self.d + self.tau
            gain = self.g / below
            j = int(gain.argmax())
            spent = self.d[j] <= self.floor[j] or self.g[j] <= self.noise[j]
            if self.t > self.base and (spent or not gain[j] > 0):
                # What is carried is only rounding here; formed anew, it may be more.
                self._refresh()
                continue
            if not gain[j] > 0:
                return None
            if spent:
                self._close(j)
            elif self._doubtful(gain, below, float(gain[j])):
                self._refresh()
            else:
                return j

    def add(self, j: int) -> None:
        t, s = self.t, math.sqrt(self.d[j] + self.tau[j])
        v, y = self.V[t], self.Y[t]
        np.subtract(self.C[j], self.V[:t, j] @ self.V[:t], out=v)
        new = slice(self.base, t)
        self._column(j, y)
        y -= self.V[new, j] @ self.Y[new]
        y -= self.Y[new, j] @ self.V[new]
        v /= s
        y /= s
        y -= (float(self.g[j]) / (2 * s * s)) * v
        self.d -= v * v
        np.maximum(self.d, self.floor, out=self.d)
        self.g -= 2 * v * y
        self.t += 1
        self._close(j)

    def _column(self, j: int, out: Array) -> None:
        """Column j of H_b."""
        if self.H is None:
            np.matmul(self.F.T, self.F[:, j], out=out)
        else:
            out[:j], out[j:] = self.H[j, :j], self.H[j:, j]

    def _doubtful(self, gain: Array, below: Array, best: float) -> bool:
        """Whether rounding since H was last formed could decide who is best."""
        steps = self.t - self.base
        unit = (4 + steps) * _EPS
        # One look at a time, as most steps need only the first.
        wide = self.start > (_TRUST / unit * best) * below
        if steps == 0 or not np.count_nonzero(wide):
            return False
        wide &= gain + unit * self.start / below >= best
        return bool(np.count_nonzero(wide) and (wide & (self.d > self.floor)).any())

    def _refresh(self) -> None:
        """Bring F up to date: L^T (C_b - V^T V) is L^T C_b less (V L)^T V."""
        V = self.V[self.base : self.t].T
        left = V if self.root is None else self.root.times(V)
        mine = self.base > 0 or self.root is not None  # before that, it is what was given
        self.F = dgemm(-1.0, left, V, beta=1.0, c=self.F, trans_b=1, overwrite_c=mine)
        self.base = self.t
        self._form()

    def _form(self) -> None:
        # A few columns of H cost less than all of it.
        few = self.base > 0 and _FEW * (len(self.V) - self.t) < len(self.d)
        if few:
            self.H, self.g = None, np.einsum("ij,ij->i", self.F.T, self.F.T)
        else:
            # A weight of 0 has no rows, which BLAS complains of on the terminal.
            empty = not len(self.F)
            self.H = np.zeros_like(self.C) if empty else dsyrk(1.0, self.F, trans=1, lower=1)
            self.g = np.diag(self.H).copy()
        self.start = self.g.copy()
        self.g[self.closed] = -np.inf
        self.start[self.closed] = 0

    def _close(self, j: int) -> None:
        self.closed[j] = True
        self.g[j] = -np.inf
        self.start[j] = 0


class _Root:
    """L with L L^T = M, in units in which squares neither overflow nor underflow."""

    def __init__(self, weight: Array, factor: Array | None) -> None:
        unit = _unit(weight)
        if factor is not None:
            self.L, self.triangular = _scaled(factor, float(np.sqrt(unit))), True
            return
        M = _scaled(weight, unit)
        L, failed = dpotrf(M.T, lower=1, clean=1)
        self.triangular = not failed
        if failed:
            F, pivots, _ = pivoted_cholesky(M)
            L = np.empty_like(F)
            L[pivots] = F
        self.L = L

    def times(self, columns: Array) -> Array:
        """L^T times columns; twice as fast as a general product where L is triangular."""
        if self.triangular:
            return np.asarray(dtrmm(1.0, self.L, columns, lower=1, trans_a=1))
        return np.asarray(dgemm(1.0, self.L, columns, trans_a=1))

    def bound(self, deviation: Array) -> float:
        """Tr[L^T E^2 L] of the largest E: sum_j (sum_i |L_ij| deviation_i)^2."""
        total = 0.0
        for a in range(0, self.L.shape[1], TILE):
            first = a if self.triangular else 0  # there are zeros above
            column = deviation[first:] @ np.abs(self.L[first:, a : a + TILE])
            total += float(column @ column)
        return total


def _unit(matrix: Array) -> float:
    """A power of four that keeps squares from overflow and underflow; 1 where there is no danger.

    Of four, so that square roots scale exactly, too, and units do not decide between ties.
    The largest entry of a positive semidefinite matrix is on its diagonal.
    """
    exponent = int(np.frexp(np.diag(matrix).max())[1]) & ~1
    return 1.0 if abs(exponent) < 100 else float(np.ldexp(1.0, min(-exponent, 1000)))


def _scaled(matrix: Array, unit: float) -> Array:
    return matrix if unit == 1 else matrix * unit
