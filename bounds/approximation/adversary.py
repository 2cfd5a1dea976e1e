r"""`approximation.adversary`: how large the error could be if only the sector were known.

The bounds of section 3 that know of s no more than 0 <= Delta <= rho hold for *every* choice of
these factors, so that the largest error over all choices, with the residuals of the data at hand,

    e_t = Delta_t (W_h' e_{t-1} - W_h[J,:] r_{t-1}),  ||W_o r - W_o' e||_{n,w},

is below each of them. In one entry of one Delta_t the square of the error is convex, so the largest
value is at 0 or at rho; a local search looks for it sequence by sequence. What it finds is reached
by some s-like factors: a lower limit for such bounds, not a bound on the error. With |s| <= sup the
factors may be asked to keep |h_{J_i} + e_i| <= sup, too: then it is one for bounds that know this.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from bounds.approximation.measured import Runs, output_gap, paired_runs
from bounds.approximation.residuals import Residuals, residuals
from bounds.approximation.trajectory import is_nondecreasing
from bounds.rounding import log_up
from pruning.checks import Array, integer, time_weights

if TYPE_CHECKING:
    from pruning.spectral import PrunedRNN

ID = "approximation.adversary"
LOWER_LIMIT = "lower limit for bounds that know only the sector"
LOWER_LIMIT_BOUNDED = "lower limit for bounds that know the sector and |h'| <= sup|s|"


@dataclass(frozen=True)
class LowerLimit:
    """An error that is reached by factors of the sector: no bound, and below each of its class.

    Attributes
    ----------
    log_total : float
        Its logarithm; found by a local search in float64.
    scope : str
        For which bounds it is a lower limit: `LOWER_LIMIT` or `LOWER_LIMIT_BOUNDED`.
    statement : str
        LaTeX of what it is.
    """

    log_total: float
    scope: str
    statement: str

    @property
    def total(self) -> float:
        """The error itself."""
        return math.exp(self.log_total)


def adversary_limit(
    pruned: PrunedRNN,
    x: ArrayLike,
    weights: ArrayLike | None = None,
    bounded: bool = False,
    sweeps: int = 6,
    sequences: int | None = None,
    batch: int = 256,
) -> LowerLimit:
    r"""The largest ||W_o r - W_o' e||_{n,w} found over factors 0 <= Delta <= rho.

    Parameters
    ----------
    pruned : PrunedRNN
        Both networks.
    x : (n, T, d_x) floats or (n, T) tokens
        The sample: its residuals are used.
    weights : (T,) array, optional
        Time weights; 1/T by default.
    bounded : bool
        Keep |h_{J_i} + e_i| <= sup|s|.
    sweeps : int
        Passes of the local search over all steps, from each of its starts.
    sequences : int, optional
        Search for the first so many only; the others count with their measured error, which
        factors of the sector reach, too. By default all are searched.
    batch : int
        Sequences searched at a time.

    Returns
    -------
    LowerLimit
        Not a bound on the error; no bound of its class can be smaller.

    Raises
    ------
    ValueError
        If s is not known to be nondecreasing, or `bounded` is asked of an unbounded one.
    """
    s = pruned.original.activation
    if not is_nondecreasing(s.name):
        raise ValueError(f"the activation must be nondecreasing for {ID}, got {s.name}")
    if bounded and s.bound == math.inf:
        raise ValueError(f"bounded needs a bounded activation, got {s.name}")
    sweeps = integer("sweeps", sweeps, low=0)
    checked = pruned.original.check_input(x)
    n, T = checked.shape[:2]
    w = time_weights(weights, T)
    parts = residuals(pruned)
    cap = s.bound if bounded else math.inf
    totals, left = [], n if sequences is None else integer("sequences", sequences, low=0)
    for runs in paired_runs(pruned, checked, batch):
        gap = output_gap(pruned, runs)
        with np.errstate(over="ignore", invalid="ignore"):
            actual = _finite(np.einsum("ntd,ntd,t->n", gap, gap, w))
        totals.append(float(actual[left:].sum()))
        runs = Runs(runs.states[:left], runs.pruned_states[:left])
        left = max(left - len(actual), 0)
        kept = runs.states[:, :, pruned.nodes]
        drive = runs.states @ parts.hidden.T
        read_out = runs.states @ parts.output.T
        starts = [np.full(drive.shape, parts.rho), _actual(parts, drive, runs.pruned_states - kept)]
        found = [
            largest_errors(parts, drive, read_out, kept, w, cap, start, sweeps) for start in starts
        ]
        totals.append(float(np.max([*found, actual[: len(runs.states)]], axis=0).sum()))
    log_value = 0.5 * (log_up(math.fsum(totals)) - math.log(n))
    formula = r"\max_{0 \le \Delta \le \rho} \|W_o r - W_o' e\|_{n,w}"
    statement = (
        rf"{formula} \text{{ is at least this}},\;"
        r" e_t = \Delta_t(W_h' e_{t-1} - W_h[J,:]\, r_{t-1})"
    )
    return LowerLimit(log_value, LOWER_LIMIT_BOUNDED if bounded else LOWER_LIMIT, statement)


def largest_errors(
    parts: Residuals,
    drive: Array,
    read_out: Array,
    kept: Array,
    w: Array,
    cap: float,
    start: Array,
    sweeps: int,
) -> Array:
    """sum_t w_t |W_o r_t - W_o' e_t|^2 of every sequence, for the best factors found, (n,).

    Parameters
    ----------
    drive, kept : (n, T, k) arrays
        W_h[J,:] r_t and h_{t,J}.
    read_out : (n, T, d_y) array
        W_o r_t.
    w : (T,) array
    cap : float
        |kept + e| is kept below it; infinite for no limit.
    start : (n, T, k) array
        Factors to begin with.
    sweeps : int
    """
    factors = start.copy()
    # Errors of a steep recursion leave the range of floats: what is not finite was not found.
    with np.errstate(over="ignore", invalid="ignore"):
        e = _errors(parts, drive, kept, factors, cap)
        best = _finite(_values(parts, read_out, e, w))
        for _ in range(sweeps):
            factors = _sweep(parts, drive, read_out, kept, w, factors, e, cap)
            e = _errors(parts, drive, kept, factors, cap)
            values = _finite(_values(parts, read_out, e, w))
            if not (values > best * (1 + 1e-9)).any():
                break
            best = np.maximum(best, values)
    return best


def _finite(values: Array) -> Array:
    """Values with 0 in the place of what is not finite: a lower limit stays one."""
    return np.where(np.isfinite(values), values, 0.0)


def _errors(parts: Residuals, drive: Array, kept: Array, factors: Array, cap: float) -> Array:
    """e_t of all steps; a factor that would leave the cap is lowered in place."""
    e = np.zeros_like(drive)
    for t in range(1, drive.shape[1]):
        z = e[:, t - 1] @ parts.w_hidden.T - drive[:, t - 1]
        factors[:, t] = np.minimum(factors[:, t], _most(parts, z, kept[:, t], cap))
        e[:, t] = factors[:, t] * z
    return e


def _most(parts: Residuals, z: Array, kept: Array, cap: float) -> Array:
    """The largest factor at most rho with |kept + factor z| <= cap."""
    if cap == math.inf:
        return np.full(z.shape, parts.rho)
    room = np.where(z > 0, cap - kept, cap + kept)
    size = np.abs(z)
    ratio = np.divide(np.maximum(room, 0), size, out=np.full(z.shape, math.inf), where=size > 0)
    result: Array = np.minimum(ratio, parts.rho)
    return result


def _values(parts: Residuals, read_out: Array, e: Array, w: Array) -> Array:
    gap = read_out - e @ parts.w_output.T
    return np.asarray(np.einsum("ntd,ntd,t->n", gap, gap, w))


def _sweep(
    parts: Residuals,
    drive: Array,
    read_out: Array,
    kept: Array,
    w: Array,
    factors: Array,
    e: Array,
    cap: float,
) -> Array:
    """Better factors, from the last step to the first, each node in turn.

    With the later factors fixed the error is quadratic in e_t: e^T B e + 2 b^T e + constant.
    (Where there is a cap, later factors may have to be lowered afterwards.)
    """
    n, T, k = drive.shape
    factors = factors.copy()
    gram = parts.w_output.T @ parts.w_output
    B, b = np.zeros((n, k, k)), np.zeros((n, k))
    for t in range(T - 1, 0, -1):
        B = B + w[t] * gram
        b = b - w[t] * (read_out[:, t] @ parts.w_output)
        z = e[:, t - 1] @ parts.w_hidden.T - drive[:, t - 1]
        most = _most(parts, z, kept[:, t], cap)
        y = factors[:, t] * z
        pull = np.einsum("nij,nj->ni", B, y) + b
        for i in range(k):
            # The parabola in y_i through 0 and most z: is it higher at one of its ends?
            rest = pull[:, i] - B[:, i, i] * y[:, i]
            end = most[:, i] * z[:, i]
            high = B[:, i, i] * end**2 + 2 * rest * end > 0
            change = np.where(high, end, 0.0) - y[:, i]
            factors[:, t, i] = np.where(high, most[:, i], 0.0)
            y[:, i] += change
            pull += B[:, i] * change[:, None]
        # e_t = D (W e_{t-1} - g): what is seen of e_{t-1}.
        scaled = factors[:, t, :, None] * parts.w_hidden
        shift = factors[:, t] * drive[:, t - 1]
        b = np.einsum("nij,ni->nj", scaled, b - np.einsum("nij,nj->ni", B, shift))
        B = np.swapaxes(scaled, 1, 2) @ (B @ scaled)
    return factors


def _actual(parts: Residuals, drive: Array, e: Array) -> Array:
    """The factors of the two runs, 0 or rho, whichever is nearer."""
    z = np.zeros_like(e)
    z[:, 1:] = e[:, :-1] @ parts.w_hidden.T - drive[:, :-1]
    ratio = np.divide(e, z, out=np.zeros_like(e), where=z != 0)
    return np.where(ratio > parts.rho / 2, parts.rho, 0.0)
