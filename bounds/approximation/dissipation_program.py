r"""The search for the multipliers of `approximation.dissipation`, as a semidefinite program.

In the units of `Problem`, with B_t = [w_t B_o, diag N_t], F_t the slack, and E_t, D_t the parts of

    2 Lambda_t + N_t - w_t W_o'^T W_o' - P_t = F_t + E_t + D_t

that pay for g and for y, the inequality of the theorem follows from three smaller ones,

    [[F_t, rho Lambda_t W_h'], [., P_{t-1}]] >= 0,   [[X_t, rho Lambda_t], [., E_t]] >= 0,
    [[Z_t - diag(w_t own, -N_t), B_t^T], [., D_t]] >= 0,

by 2 a^T b <= a^T M a + b^T M^{-1} b, three times. Nothing here is trusted: `dissipation` takes
Lambda, N, X and Z from the solver, and computes and proves everything else anew.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import scipy.sparse as sp

from pruning.checks import Array

Block = tuple[Any, Any, Any, Any]  # rows, columns, variables and coefficients of a matrix

MARGIN = 1e-6  # of F_t, relative to W_o'^T W_o': room for what the solver leaves unsatisfied
EVEN = 1e-7  # of the second moments, evenly: keeps X and Z from running away where nothing is
TOLERANCE, ITERATIONS = 1e-5, 60


@dataclass(frozen=True)
class Problem:
    """One instance in units in which its numbers are about 1.

    Attributes
    ----------
    w_hidden : (k, k) array
        W_h'.
    read : (k, p) array
        B_o: what W_o'^T W_o r is, as B_o times the first p entries of y.
    gram : (k, k) array
        W_o'^T W_o'.
    own : float
        1 where |W_o r|^2 is the square of those entries, else 0: then it is charged apart.
    rho : float
        Lipschitz constant.
    cap : float or None
        sup |s|, in units of its own; None where N = 0.
    lift : float
        That unit in the one of e, a power of two; the last k entries of y are h_J in it.
    w : (T,) array
        Time weights, times a constant.
    drives : (T - 1, k, k) or (1, k, k) array
        Second moments of g_t, t = 2..T, or of all of them.
    states : (T, d, d) or (1, d, d) array
        Second moments of y_t, t = 1..T, or their mean; d = p, or p + k with N.
    times : int
        Number of steps that a mean is over, at least T; 0 where there is none.
    """

    w_hidden: Array
    read: Array
    gram: Array
    own: float
    rho: float
    cap: float | None
    lift: float
    w: Array
    drives: Array
    states: Array
    times: int

    @property
    def k(self) -> int:
        """Number of kept nodes."""
        return len(self.w_hidden)

    @property
    def T(self) -> int:
        """Length of the sequences."""
        return len(self.w)

    @property
    def from_mean(self) -> bool:
        """Whether X and Z are those of every step."""
        return self.times > 0

    @property
    def first_capped(self) -> bool:
        """Whether N_1 may be used.

        Not where a mean is over more steps than the sum: then Z must be positive semidefinite.
        """
        return self.cap is not None and self.times <= self.T


@dataclass(frozen=True)
class Multipliers:
    """What a search found.

    Attributes
    ----------
    lam : (T - 1, k) array
        The diagonals of rho Lambda_t, t = 2..T, at least 0.
    caps : (T, k) array
        The diagonals of lift^2 N_t, at least 0.
    X : (T - 1, k, k) or (1, k, k) array
    Z : (T, d, d) or (1, d, d) array
    """

    lam: Array
    caps: Array
    X: Array
    Z: Array


def solve(problem: Problem, verbose: bool = False) -> tuple[Multipliers | None, str, float]:
    """Search with Clarabel's interior-point method.

    Returns
    -------
    multipliers : Multipliers or None
        None where the solver ended without numbers.
    status : str
        What the solver says.
    value : float
        Its unproved objective.

    Raises
    ------
    ImportError
        If Clarabel is not installed.
    """
    import clarabel

    program = _Program()
    names = _lay_out(program, problem)
    settings = clarabel.DefaultSettings()
    settings.verbose = verbose
    settings.max_iter = ITERATIONS
    settings.max_threads = 1  # the same sums in the same order on every machine
    settings.tol_gap_rel = settings.tol_gap_abs = settings.tol_feas = TOLERANCE
    settings.direct_solve_method = "faer"
    settings.chordal_decomposition_enable = False
    cones = [
        clarabel.NonnegativeConeT(size) if flat else clarabel.PSDTriangleConeT(size)
        for flat, size in program.cones
    ]
    n = program.variables
    solver = clarabel.DefaultSolver(
        sp.csc_matrix((n, n)), program.cost(), program.matrix(), program.constant(), cones, settings
    )
    solution = solver.solve()
    x = np.array(solution.x)
    status = str(solution.status)
    if x.shape != (n,) or not np.isfinite(x).all():
        return None, status, np.inf
    return _read(names, x, problem), status, float(solution.obj_val)


@dataclass
class _Program:
    """minimise c^T x subject to symmetric matrices, affine in x, being positive semidefinite."""

    variables: int = 0
    rows: int = 0
    cones: list[tuple[bool, int]] = field(default_factory=list)
    _costs: list[tuple[Any, Any]] = field(default_factory=list)
    _entries: list[tuple[Any, Any, Any]] = field(default_factory=list)
    _constants: list[Array] = field(default_factory=list)

    def vector(self, size: int) -> Any:
        names = self.variables + np.arange(size)
        self.variables += size
        return names

    def symmetric(self, size: int) -> Any:
        names = np.zeros((size, size), dtype=np.int64)
        upper = np.triu_indices(size)
        names[upper] = self.vector(len(upper[0]))
        names.T[upper] = names[upper]
        return names

    def charge(self, names: Any, weight: Array) -> None:
        """Add sum weight * variable, over all entries of a symmetric matrix."""
        self._costs.append((names.ravel(), np.broadcast_to(weight, names.shape).ravel()))

    def nonnegative(self, names: Any) -> None:
        size = len(names)
        self._entries.append((self.rows + np.arange(size), names, -np.ones(size)))
        self._constants.append(np.zeros(size))
        self.rows += size
        self.cones.append((True, size))

    def semidefinite(self, constant: Array, *blocks: Block) -> None:
        """Require constant + sum coefficient * variable >= 0; upper triangles count."""
        size = len(constant)
        j, i = np.tril_indices(size)  # column by column of the upper triangle
        place = np.zeros((size, size), dtype=np.int64)
        place[i, j] = np.arange(len(i))
        root = np.where(i == j, 1.0, np.sqrt(2.0))
        a, b, names, coefficients = (np.concatenate(part) for part in zip(*blocks, strict=True))
        at = place[a, b]
        self._entries.append((self.rows + at, names, -coefficients * root[at]))
        self._constants.append(constant[i, j] * root)
        self.rows += len(i)
        self.cones.append((False, size))

    def cost(self) -> Array:
        total = np.zeros(self.variables)
        for names, weight in self._costs:
            np.add.at(total, names, weight)
        return total

    def constant(self) -> Array:
        return np.concatenate(self._constants)

    def matrix(self) -> Any:
        rows, names, values = (np.concatenate(part) for part in zip(*self._entries, strict=True))
        return sp.csc_matrix((values, (rows, names)), shape=(self.rows, self.variables))


def _full(at: int, names: Any, c: float = 1.0) -> Block:
    i, j = np.triu_indices(len(names))
    return at + i, at + j, names[i, j], np.full(len(i), c)


def _diagonal(at: int, names: Any, c: float = 1.0, column: int | None = None) -> Block:
    i = np.arange(len(names))
    return at + i, (at if column is None else column) + i, names, np.full(len(names), c)


def _rows(at: int, column: int, names: Any, W: Array) -> Block:
    """diag(names) W."""
    i, j = np.indices(W.shape)
    return at + i.ravel(), column + j.ravel(), names[i.ravel()], W.ravel()


def _lay_out(program: _Program, problem: Problem) -> dict[str, list[Any]]:
    k, T, p = problem.k, problem.T, problem.read.shape[1]
    d = problem.states.shape[1]
    with_caps = problem.cap is not None
    drives, states = _evened(problem.drives), _evened(problem.states)
    room = MARGIN * problem.w.max() * np.trace(problem.gram) / k
    names: dict[str, list[Any]] = {"lam": [], "caps": [], "X": [], "Z": []}
    storage = [program.symmetric(k) for _ in range(2, T)]  # P_t, t = 2..T-1
    times = max(problem.times, 1)
    for t in range(1, T + 1):
        w = problem.w[t - 1]
        if t == 1 or not problem.from_mean:
            names["Z"].append(program.symmetric(d))
            program.charge(names["Z"][-1], times * states[t - 1])
            if t > 1 or problem.from_mean:
                names["X"].append(program.symmetric(k))
                program.charge(names["X"][-1], times * drives[max(t - 2, 0)])
        Z = names["Z"][-1]
        paid: list[Block] = []
        if with_caps and (t > 1 or problem.first_capped):
            caps = program.vector(k)
            names["caps"].append(caps)
            program.nonnegative(caps)
            program.charge(caps, np.full(k, problem.cap**2))  # type: ignore[operator]
            paid = [_diagonal(p, caps)]
        own = np.diag(np.where(np.arange(d) < p, -w * problem.own, 0.0))
        if t == 1:
            program.semidefinite(own, _full(0, Z), *paid)
            continue
        lam, E, D = program.vector(k), program.symmetric(k), program.symmetric(k)
        names["lam"].append(lam)
        program.nonnegative(lam)
        # [[F_t, rho Lambda_t W_h'], [., P_{t-1}]]; e_1 = 0, so P_1 is not needed.
        size = k if t == 2 else 2 * k
        constant = np.zeros((size, size))
        constant[:k, :k] = -w * problem.gram - room * np.eye(k)
        blocks = [_diagonal(0, lam, 2 / problem.rho), _full(0, E, -1.0), _full(0, D, -1.0)]
        if with_caps:
            blocks.append(_diagonal(0, caps, problem.lift**-2))
        if t < T:
            blocks.append(_full(0, storage[t - 2], -1.0))
        if t > 2:
            blocks += [_full(k, storage[t - 3]), _rows(0, k, lam, problem.w_hidden)]
        program.semidefinite(constant, *blocks)
        program.semidefinite(
            np.zeros((2 * k, 2 * k)),
            _full(0, names["X"][-1]), _full(k, E), _diagonal(0, lam, column=k),
        )  # fmt: skip
        constant = np.zeros((d + k, d + k))
        constant[:d, :d] = own
        constant[:p, d:] = w * problem.read.T
        if with_caps:
            paid.append(_diagonal(p, caps, 1 / problem.lift, column=d))
        program.semidefinite(constant, _full(0, Z), _full(d, D), *paid)
    return names


def _evened(moments: Array) -> Array:
    trace = np.trace(moments, axis1=1, axis2=2) / moments.shape[1]
    floor = np.maximum(trace, 1e-6 * trace.max(initial=0.0))
    result: Array = moments + EVEN * floor[:, None, None] * np.eye(moments.shape[1])
    return result


def _read(names: dict[str, list[Any]], x: Array, problem: Problem) -> Multipliers:
    found = {name: np.array([x[place] for place in places]) for name, places in names.items()}
    lam = found["lam"]
    # Clear of 0: a node whose multiplier vanishes would leave F_t singular.
    lam = np.maximum(lam, 1e-9 * lam.max(initial=0.0))
    caps = np.zeros((problem.T, problem.k))
    if problem.cap is not None:
        # The last ones, if N_1 is not used.
        caps[problem.T - len(found["caps"]) :] = np.maximum(found["caps"], 0)
    return Multipliers(lam, caps, found["X"], found["Z"])
