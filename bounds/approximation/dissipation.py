r"""`approximation.dissipation`: one matrix inequality over the horizon for Minkowski by lags.

With e_t = h'_t - h_{t,J}, g_t = W_h[J,:] r_{t-1}, y_t = (W_o r_t, h_{t,J}), diagonal Lambda_t and
N_t >= 0 (N = 0 unless |s| <= sup), storage P_t >= 0 with P_T = 0, and X_t, Z_t such that for all
(e, e_, g, y)

    w_t |W_o r - W_o' e|^2 + e^T P_t e - e_^T P_{t-1} e_ + 2 e^T Lambda_t (rho (W_h' e_ - g) - e)
    + sum_i N_{t,i} (sup^2 - (h_i + e_i)^2) <= g^T X_t g + y^T Z_t y + sup^2 sum_i N_{t,i},

the sum over t is

    ||f^ - f'||_{n,w}^2 <= sum_t (Tr[X_t Q_t] + Tr[Z_t Y_t] + sup^2 sum_i N_{t,i}),

Q_t and Y_t the second moments of g_t and y_t: the Lambda terms are >= 0 by the sector
0 <= Delta <= rho of a nondecreasing s, the N terms by |h'| <= sup, and the storage telescopes.
Since e_0 = 0 and r_0 = 0, e_1 = 0: the first step costs w_1 |W_o r_1|^2, and the recurrence starts
at t = 2. With X, Z constant over time the mean second moment is enough, and so S alone.

`dissipation_program` searches; what it returns is not believed. From Lambda, N, X and Z the parts

    E_t >= rho^2 Lambda_t X_t^{-1} Lambda_t,  D_t >= B_t (Z_t - diag(w_t, -N_t))^{-1} B_t^T,
    F_t = 2 Lambda_t + N_t - w_t W_o'^T W_o' - P_t - E_t - D_t,
    P_{t-1} >= rho^2 W_h'^T Lambda_t F_t^{-1} Lambda_t W_h'

are computed from t = T down, each rounded up in the order of symmetric matrices (`certify_lmi`),
and F_t > 0 is proved. Where that fails X and Z are raised, up to twice; then there is no bound.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bounds.approximation.certify_lmi import TINY, quotient
from bounds.approximation.closed import FAILED, nothing_found
from bounds.approximation.dissipation_program import Multipliers, Problem, solve
from bounds.approximation.residuals import (
    Residuals,
    covariance_of,
    log_read_out,
    residuals,
    runs_condition,
)
from bounds.approximation.trajectory import is_nondecreasing
from bounds.rounding import (
    inner_product,
    log_sum_up,
    log_up,
    quadratic_form,
    raised,
    roundings,
    up,
)
from bounds.terms import VALID, Bound, Condition, Term
from pruning.checks import Array, integer, real_array, time_weights

if TYPE_CHECKING:
    from pruning.spectral import PrunedRNN

ID = "approximation.dissipation"
EXTRA = "Clarabel is not installed; it comes with the extra `sharp`: pip install rnnbounds[sharp]."
LARGEST = 300_000_000  # numbers in the factors of a program that is still tried: 2.4 GB
RAISES = (0.0, 1e-9, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1.0)
NEVER = -5000  # the exponent of 0
FLOOR = 2.0**-400  # of a reach, in units: more than what may have underflowed
CAP_REACH = 12  # beyond 2 to this times the drive |h'| <= sup is hardly felt


@dataclass(frozen=True)
class Moments:
    """Second moments in units; |entry - exact| is at most the allowance."""

    matrix: Array
    allowance: Array

    def trace(self, form: Array) -> float:
        """Tr[form M], rounded up."""
        value = float(np.sum(form * self.matrix))
        return value + float(np.sum(np.abs(form) * self.allowance)) * (1 + 1e-6)


@dataclass(frozen=True)
class Setting:
    """A problem, its moments with their rounding, and its units.

    Attributes
    ----------
    absolute : (k, k) array
        |W_o'|^T |W_o'|, times its rounding and that of W_o'^T W_o'.
    drives, states : list of Moments
        As in `Problem`.
    apart : float
        What is charged outside of the program: |W_o r|^2 where `own` is 0.
    exponent : int
        The square of the error is 2^exponent times that of the problem.
    """

    problem: Problem
    absolute: Array
    drives: list[Moments]
    states: list[Moments]
    apart: float
    exponent: int


def dissipation_bound(
    pruned: PrunedRNN,
    T: int,
    weights: ArrayLike | None = None,
    per_step: ArrayLike | None = None,
) -> Bound:
    r"""||f^ - f'||_{n,w}^2 <= sum_t (Tr[X_t Q_t] + Tr[Z_t Y_t] + sup^2 sum_i N_{t,i}).

    Parameters
    ----------
    pruned : PrunedRNN
        Both networks and the time-mean covariance of the sample that the error is measured on.
    T : int
        Length of the sequences.
    weights : (T,) array, optional
        Any time weights; 1/T by default.
    per_step : (T, m, m) array, optional
        S_t of every step; without them X and Z are the same at every step.

    Returns
    -------
    Bound
        One term ``error``. Infinite, with a note that says why, where Clarabel is not installed,
        the program is too large for it, or what it found could not be proved.

    Raises
    ------
    ValueError
        If the activation is not known to be nondecreasing.

    Notes
    -----
    Half a minute to three minutes at k = 21, T = 8 on one core; the cost grows with T k^6. Source:
    theory, section 3, and this module's docstring.
    """
    T = integer("T", T, low=1)
    s = pruned.original.activation
    if not is_nondecreasing(s.name):
        raise ValueError(f"the activation must be nondecreasing for {ID}, got {s.name}")
    w = time_weights(weights, T)
    parts = residuals(pruned)
    try:
        S = covariance_of(pruned)
    except FAILED as error:
        return nothing_found(ID, str(error))
    steps = None if per_step is None else real_array("per_step", per_step, (T, len(S), len(S)))
    last = int(np.flatnonzero(w)[-1]) + 1  # later steps weigh nothing
    moments, counted = (S[None], T) if steps is None else (steps[:last], 0)
    # The covariance of the pair may be in units of its own.
    exponent = pruned.exponent if steps is None else 0
    live = np.diagonal(moments, axis1=1, axis2=2).max(axis=0) > 0
    moving = parts.hidden[:, live].any() or parts.hidden_reach[:, live].any()
    notes: tuple[str, ...] = ()
    try:
        if last == 1 or not (moving and parts.w_output.any()):
            # e = 0 or W_o' e = 0 throughout: the error is |W_o r|.
            log_square = _log_square_read_out(parts, moments, w[:last], counted)
        else:
            bound = math.ldexp(s.bound, -exponent)
            # What is not finite proves nothing, and is refused where it is met.
            with np.errstate(all="ignore"):
                setting = in_units(parts, moments, w[:last], pruned.nodes, bound, counted)
                log_square, notes = searched(setting)
        log_square = up(log_square + 2 * exponent * math.log(2), 8)
    except FAILED as error:
        log_square, notes = math.inf, (f"No bound was found in floating point ({error}).",)
    formula = (
        r"\Bigl(\sum_t \operatorname{Tr}[X_t Q_t] + \operatorname{Tr}[Z_t Y_t]"
        r" + \sup|s|^2 \textstyle\sum_i N_{t,i}\Bigr)^{1/2}"
    )
    inputs = {"T": T, "k": len(pruned.nodes), "rho": parts.rho, "per step": steps is not None}
    conditions = (
        Condition("w_t >= 0, sum 1", True, "Any time weights are allowed."),
        Condition("s nondecreasing", True, f"{s.name} never decreases, so 0 <= Delta <= rho."),
        runs_condition(pruned, per_step),
    )
    term = Term("error", up(0.5 * log_square), formula, ID, inputs)
    return Bound(ID, rf"\|\hat f - f'\|_{{n,w}} \le {formula}", (term,), VALID, conditions, notes)


def _log_square_read_out(parts: Residuals, moments: Array, w: Array, times: int) -> float:
    """Log of ||W_o r||_{n,w}^2, or of T max w times that with w = 1/T; rounded up."""
    logs = np.array([2 * log_read_out(parts, S) for S in moments])
    if times:
        return up(float(logs[0]) + log_up(times * float(w.max())), 8)
    live = w > 0
    return up(log_sum_up(logs[live] + np.log(w[live])), 8)


@dataclass(frozen=True)
class Reading:
    """What is read from the states: G h, with how far off it may be.

    Attributes
    ----------
    G : (q, m) array
    size : (q, m) array
        |G|, or what stands for it in the rounding of G S G^T.
    runs : (q, m) array
        runs |h| bounds what rounding in the runs of both networks adds.
    """

    G: Array
    size: Array
    runs: Array

    def times(self, exponents: Any) -> Reading:
        """Columns or everything multiplied by powers of two."""
        return Reading(*(np.ldexp(A, exponents) for A in (self.G, self.size, self.runs)))

    def left(self, A: Array) -> Reading:
        """A times this."""
        return Reading(A @ self.G, np.abs(A) @ self.size, np.abs(A) @ self.runs)

    def top(self, p: NDArray[np.int32]) -> int:
        """Largest exponent of an entry of G or runs times 2^p."""
        largest = np.maximum(exponents(self.G), exponents(self.runs)) + p
        return int(largest.max(initial=2 * NEVER))

    def moments(self, S: Array, c: float) -> Moments:
        """Second moments of G h and of what the runs made of it."""
        sigma = raised(np.sqrt(np.maximum(np.diag(S), 0)), 64)
        Q = self.G @ S @ self.G.T
        reach, added = self.size @ sigma + FLOOR, self.runs @ sigma
        own = np.sqrt(np.maximum(np.diag(Q), 0) + c * reach**2)
        allowance = c * np.outer(reach, reach) + np.outer(own, added) + np.outer(added, own)
        return Moments((Q + Q.T) / 2, raised(allowance + np.outer(added, added), 64))


def in_units(
    parts: Residuals,
    moments: Array,
    w: Array,
    nodes: NDArray[np.int64],
    bound: float,
    times: int,
) -> Setting:
    """The instance with all scales taken out as powers of two, which are exact.

    States are divided by 2^p, p the exponents of their sizes; errors e by 2^unit, the size of the
    drive g; outputs by 2^out, the size of W_o' e or of W_o r, whichever is larger.
    """
    k, m, q, T = len(nodes), moments.shape[1], len(parts.w_output), len(w)
    # Rounding of products with G, of the entries of S, and of sums with X or Z; twice.
    c = quadratic_form(m + q + 4 * k * k)
    sizes = np.sqrt(np.maximum(np.diagonal(moments, axis1=1, axis2=2), 0).max(axis=0))
    p = exponents(sizes)
    S = np.where((sizes[:, None] > 0) & (sizes > 0), moments, 0.0)
    S = np.ldexp(S, -(p[:, None] + p))
    before = S if times else S[:-1]

    drive = Reading(parts.hidden, np.abs(parts.hidden), parts.hidden_reach)
    output = Reading(parts.output, np.abs(parts.output), parts.output_reach)
    unit = _exponent(drive, before, p, c)
    out = max(int(exponents(parts.w_output).max()) + unit, _exponent(output, S, p, c))
    w_output = np.ldexp(parts.w_output, unit - out)
    if not np.array_equal(np.ldexp(w_output, out - unit), parts.w_output):
        raise FloatingPointError("the read-out weights differ in size by more than floats reach")
    drive, output = drive.times(p - unit), output.times(p - out)
    half = round(math.log2(T) / 2)
    w = np.ldexp(w, 2 * half)

    apart, own, read = 0.0, 1.0, w_output.T
    if q > k:
        # Only W_o'^T W_o r meets e; |W_o r|^2 is charged as it is.
        traces = np.array([output.moments(S_t, c).trace(np.eye(q)) for S_t in S])
        apart = times * float(w.max() * traces[0]) if times else float(w @ traces)
        apart = raised(apart, T + 8)
        own, read, output = 0.0, np.eye(k), output.left(w_output.T)
    cap_unit = int(exponents(bound)) if bound < math.inf else 0
    with_caps = bound < math.inf and cap_unit - unit < CAP_REACH
    if with_caps:
        kept = np.zeros((k, m))
        kept[np.arange(k), nodes] = np.exp2(p[nodes].astype(np.float64) - cap_unit)
        output = Reading(
            np.vstack([output.G, kept]),
            np.vstack([output.size, kept]),
            np.vstack([output.runs, 0 * kept]),
        )
    drives = [drive.moments(S_t, c) for S_t in before]
    states = [output.moments(S_t, c) for S_t in S]
    gram = w_output.T @ w_output
    problem = Problem(
        parts.w_hidden,
        read,
        (gram + gram.T) / 2,
        own,
        parts.rho,
        math.ldexp(bound, -cap_unit) if with_caps else None,
        math.ldexp(1.0, cap_unit - unit) if with_caps else 1.0,
        w,
        np.array([M.matrix for M in drives]),
        np.array([M.matrix for M in states]),
        times,
    )
    absolute = inner_product(q, np.abs(w_output).T @ np.abs(w_output))
    return Setting(problem, absolute, drives, states, apart, 2 * (out - half))


def searched(setting: Setting) -> tuple[float, tuple[str, ...]]:
    """Log of a certified bound on the square of the error, and notes; +inf where there is none."""
    size = _numbers(setting.problem)
    if size > LARGEST:
        note = f"The program has {size:,} numbers to factor, at most {LARGEST:,} are tried."
        return math.inf, (note,)
    try:
        found, status, _ = solve(setting.problem)
    except ImportError:
        return math.inf, (EXTRA,)
    if found is None:
        return math.inf, (f"The interior-point method ended without numbers: {status}.",)
    value, raised = certified(setting, found)
    if not value < math.inf:
        return math.inf, (f"What the interior-point method found ({status}) could not be proved.",)
    log_square = up(math.log(value) + setting.exponent * math.log(2), 8)
    note = (
        f"Proved by Cholesky factors; the solver ended with {status}, "
        f"X and Z were raised by {raised:g}."
    )
    return log_square, (note,)


def certified(setting: Setting, found: Multipliers) -> tuple[float, float]:
    """The least bound on the square of the error, in units, that some raise of X and Z proves.

    Returns
    -------
    value, raised : float
        +inf where none does.
    """
    best, by = math.inf, math.nan
    for amount in RAISES:
        raised = _raised(setting, found, amount)
        if best < math.inf and amount > 1e-3:
            break
        value = _value(setting, raised)
        if value < best and proved(setting, raised):
            best, by = value, amount
    return best, by


def proved(setting: Setting, found: Multipliers) -> bool:
    """Whether the matrix inequalities hold for these Lambda, N, X and Z beyond doubt."""
    problem = setting.problem
    k, T, p = problem.k, problem.T, problem.read.shape[1]
    if not all(np.isfinite(part).all() for part in (found.lam, found.caps, found.X, found.Z)):
        return False
    if min(found.lam.min(initial=0.0), found.caps.min(initial=0.0)) < 0:
        return False
    with_caps = problem.cap is not None
    if (not with_caps and found.caps.any()) or (not problem.first_capped and found.caps[0].any()):
        return False
    P = np.zeros((k, k))
    for t in range(T, 0, -1):
        w, caps = problem.w[t - 1], found.caps[t - 1]
        Z = found.Z[min(t, len(found.Z)) - 1].copy()
        paid = np.zeros(len(Z))
        paid[:p] = -w * problem.own
        if with_caps:
            paid[p:] = caps
        slip = roundings(4, np.abs(np.diag(Z)) + np.abs(paid))
        Z[np.diag_indices(len(Z))] += paid
        if t == 1:
            # A step without e: y^T Z y pays for w |W_o r|^2 and for N alone.
            return quotient(Z, np.zeros((len(Z), 0)), slip) is not None
        lam = found.lam[t - 2]
        E = quotient(found.X[min(t - 1, len(found.X)) - 1], np.diag(lam))
        B = w * problem.read.T
        if with_caps:
            B = np.vstack([B, np.diag(caps / problem.lift)])
        D = quotient(Z, B, slip)
        if E is None or D is None:
            return False
        kept = np.diag(2 * lam / problem.rho + caps / problem.lift**2)
        F = kept - w * problem.gram - P - E - D
        size = kept + w * np.abs(problem.gram) + np.abs(P) + np.abs(E) + np.abs(D)
        slip = (w * setting.absolute + roundings(8, size)).sum(axis=1) + TINY
        found_P = quotient(F, lam[:, None] * problem.w_hidden if t > 2 else np.zeros((k, 0)), slip)
        if found_P is None:
            return False
        P = found_P
    return True


def _value(setting: Setting, found: Multipliers) -> float:
    """The bound on the square of the error, in units, rounded up."""
    problem = setting.problem
    times = max(problem.times, 1)
    parts = [
        *(times * M.trace(X) for M, X in zip(setting.drives, found.X, strict=True)),
        *(times * M.trace(Z) for M, Z in zip(setting.states, found.Z, strict=True)),
        setting.apart,
    ]
    if problem.cap is not None:
        parts += (problem.cap**2 * found.caps).ravel().tolist()
    total = math.fsum(parts) + roundings(8, math.fsum(abs(part) for part in parts))
    return max(total, TINY)


def _raised(setting: Setting, found: Multipliers, amount: float) -> Multipliers:
    """X and Z that leave room: the parts E and D of F fall by the factor 1 + amount at least.

    A floor keeps both clear of singular; it costs about a thousandth of `amount` of the bound.
    """
    problem, value = setting.problem, _value(setting, found)
    floor = value * (1e-10 + 1e-3 * amount) / max(problem.times, 1)
    X, Z = found.X * (1 + amount), found.Z * (1 + amount)
    if problem.cap is not None:
        # (1 + a)(Z + N) is at most (1 + a) Z + a max N + N.
        most = found.caps.max(axis=0) if problem.from_mean else found.caps
        Z[:, -problem.k :, -problem.k :] += (
            amount * most.reshape(-1, 1, problem.k) * np.eye(problem.k)
        )
    X = X + floor / _mean_trace(setting.drives) * np.eye(problem.k)
    Z = Z + floor / _mean_trace(setting.states) * np.eye(Z.shape[1])
    return Multipliers(found.lam, found.caps, X, Z)


def _mean_trace(moments: list[Moments]) -> float:
    return max(math.fsum(M.trace(np.eye(len(M.matrix))) for M in moments), TINY)


def exponents(values: ArrayLike) -> NDArray[np.int32]:
    """The e with 2^{e-1} <= |value| < 2^e; NEVER for 0."""
    mantissa, power = np.frexp(np.asarray(values, dtype=np.float64))
    return np.where(mantissa != 0, power, NEVER).astype(np.int32)


def _exponent(reading: Reading, S: Array, p: NDArray[np.int32], c: float) -> int:
    """Exponent of the root mean square of the entries of G h, with what rounding hides."""
    top = reading.top(p)
    if top < NEVER:
        return 2 * NEVER
    near = reading.times(p - top)
    rows = len(reading.G)
    square = max(near.moments(S_t, c).trace(np.eye(rows)) for S_t in S)
    return top + int(exponents(math.sqrt(square / rows)))


def _numbers(problem: Problem) -> int:
    """Numbers in the dense blocks that the solver factors: squares of the sizes of its cones."""
    k, d = problem.k, problem.states.shape[1] + problem.k
    cones = 2 * (k * (2 * k + 1)) ** 2 + (d * (d + 1) // 2) ** 2
    return int((problem.T - 1) * cones)
