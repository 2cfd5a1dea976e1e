r"""`approximation.sector`: quadratic forms pass through a nondecreasing activation.

For a nondecreasing rho-Lipschitz s the factors of `approximation.trajectory` satisfy
0 <= Delta <= rho, so y = Delta z has y_i (rho z_i - y_i) >= 0 for every node. Hence, for a form
M >= 0 and every diagonal Lambda with 2 Lambda > M, completing the square gives

    y^T M y <= y^T M y + 2 y^T Lambda (rho z - y) <= rho^2 z^T P z,
    P = Lambda (2 Lambda - M)^{-1} Lambda.

(Lambda = D >= M gives P <= D: never worse than the diagonals of `stepwise`, and P keeps what a
diagonal forgets.) From M_0 = W_o'^T W_o' and M_{j+1} = rho^2 W_h'^T P_j W_h' the part of
f^_t - f'_t that is j steps old is at most rho sqrt(g^T P_j g), g = W_h[J,:] r_{t-1-j}. With
p_{j,s} = rho sqrt(Tr[P_j Q_s]), Q_s the covariance of W_h[J,:] r_s over the sample,

    ||f^_t - f'_t - W_o r_t||_n <= sum_j p_{j,t-1-j}

by Minkowski's inequality, for every t and so for all time weights. From the mean over time alone:
the same with Q in place of Q_s summed over the lags, or a Toeplitz matrix of the c_j with
P_j <= c_j^2 P for one form P.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import solve_triangular

from bounds.approximation.closed import FAILED, exponent_of, fails_closed
from bounds.approximation.global_ import READ_OUT
from bounds.approximation.kernels import (
    geometric_kernel,
    log_geometric_toeplitz_norm,
    log_toeplitz_norm,
)
from bounds.approximation.residuals import (
    Residuals,
    correlations,
    covariance_of,
    log_drive,
    log_read_out,
    log_row_drives,
    residuals,
    runs_condition,
    scaled_columns,
)
from bounds.approximation.scaled import MEAN_WEIGHTS, optimal_scaling, positive_array
from bounds.approximation.stepwise import diagonal_majorant
from bounds.approximation.trajectory import is_nondecreasing
from bounds.approximation.weighted import convolve, log_weighted_norm
from bounds.rounding import (
    SMALLEST_NORMAL,
    add_up,
    inner_product,
    log_sum_up,
    quadratic_form,
    raised,
    roundings,
    up,
)
from bounds.terms import VALID, Bound, Condition, Term
from pruning.checks import Array, integer, real_array, time_weights

if TYPE_CHECKING:
    from pruning.spectral import PrunedRNN

# How much of what later lags see enters the choice of Lambda, how much of the identity, and whether
# the coordinates are those of the best constant diagonal. The last ones are for long sequences.
POLICIES = ((0.0, 1e-6, False), (0.3, 1e-6, False), (0.3, 1e-6, True), (1.0, 1.0, True))
STEPS, WARM_STEPS = 12, 5  # of the search for Lambda: from a majorant, from the lag before
SHORT = 20  # up to this T every lag starts from a majorant, which is a little better and dearer
MARGIN = 1e-3  # least eigenvalue of I - Lambda^{-1/2} M Lambda^{-1/2} / 2
ID = "approximation.sector"


@dataclass(frozen=True)
class Form:
    """P_j = exp(log_scale) * matrix, rounded up in the order of symmetric matrices."""

    matrix: Array
    log_scale: float


@fails_closed(ID)
def sector_bound(
    pruned: PrunedRNN,
    T: int,
    weights: ArrayLike | None = None,
    per_step: ArrayLike | None = None,
    scaling: ArrayLike | None = None,
) -> Bound:
    r"""||f^ - f'||_{n,w} <= ||W_o r||_{n,w} + the sum over lags of rho sqrt(Tr[P_j Q]).

    Parameters
    ----------
    pruned : PrunedRNN
        Both networks and the time-mean covariance of the sample that the error is measured on.
    T : int
        Length of the sequences.
    weights : (T,) array, optional
        Time weights; 1/T by default. Others need `per_step`.
    per_step : (T, m, m) array, optional
        S_t of every step. With them the bound is much smaller: large residuals late in the sequence
        have no time to grow.
    scaling : (k,) array, optional
        A positive diagonal for the search to start from, such as that of `scaled_bound`; it changes
        the value found only. By default it is optimised as there.

    Returns
    -------
    Bound
        Terms ``read-out`` and ``propagated``. Lambda is searched; whatever the search did, the P_j
        used are those of a Lambda that was checked, rounded up.

    Raises
    ------
    ValueError
        If the activation is not known to be nondecreasing, or weights are not 1/T without
        `per_step`.

    Notes
    -----
    Source: theory, section 3, `approximation.sector`, whose proof is in this module's docstring.
    """
    T = integer("T", T, low=1)
    s = pruned.original.activation
    if not is_nondecreasing(s.name):
        raise ValueError(f"the activation must be nondecreasing for {ID}, got {s.name}")
    w = time_weights(weights, T)
    parts = residuals(pruned)
    S = covariance_of(pruned)
    log_d = None
    if scaling is not None:
        log_d = np.log(positive_array("scaling", scaling, len(pruned.nodes)))
    steps = None
    if per_step is not None:
        m = len(S)
        steps = real_array("per_step", per_step, (T, m, m))
        read_logs = np.array([log_read_out(parts, S_t) for S_t in steps])
        read_out, read_formula = log_weighted_norm(read_logs, w), r"\|W_o r\|_{n,w}"
        condition = Condition("w_t >= 0, sum 1", True, "Any time weights are allowed.")
    else:
        if not np.allclose(w, 1 / T, rtol=1e-12, atol=0):
            raise ValueError("per_step must be given when weights are not 1/T: S_t of every step")
        read_out, read_formula = log_read_out(parts, S), READ_OUT
        condition = MEAN_WEIGHTS
    propagated, formula = log_propagated(parts, S, T, steps, w, log_d)
    conditions = (
        condition,
        Condition("s nondecreasing", True, f"{s.name} never decreases, so 0 <= Delta <= rho."),
        runs_condition(pruned, per_step),
    )
    terms = (
        Term("read-out", read_out, read_formula, ID, {"T": T}),
        Term("propagated", propagated, formula, ID, {"T": T, "rho": parts.rho}),
    )
    statement = (
        rf"\|\hat f - f'\|_{{n,w}} \le {read_formula} + {formula},\;"
        r" s \text{ nondecreasing},\; P_j = \Lambda_j(2\Lambda_j - M_j)^{-1}\Lambda_j,\;"
        r" M_0 = W_o'^\top W_o',\; M_{j+1} = \rho^2 W_h'^\top P_j W_h'"
    )
    return Bound(ID, statement, terms, VALID, conditions)


SUM = r"\rho \sum_j \sqrt{\operatorname{Tr}[P_j Q]}"
SUM_BY_STEP = r"\bigl\| \sum_j \rho\sqrt{\operatorname{Tr}[P_j Q_{t-1-j}]} \bigr\|_w"
TOEPLITZ = r"\rho\,\|(c_{s-t})_{s\ge t}\|_2 \sqrt{\operatorname{Tr}[P Q]}"
COARSE = r"\|W_o'\|_2 \rho\,\|L_T(\rho\kappa)\|_2 \|W_h[J,:]\, r\|_{n,T}"
COARSE_BY_STEP = r"\|W_o'\|_2 \bigl(\sum_t w_t u_t^2\bigr)^{1/2}"


def log_propagated(
    parts: Residuals, S: Array, T: int, steps: Array | None, w: Array, log_d: Array | None
) -> tuple[float, str]:
    """Log of the smallest value found, and its formula.

    The search may come to nothing, in floats: then what is left is `approximation.toeplitz`, or
    `approximation.weighted` with S_t of every step, at which it starts.
    """
    still = not (parts.hidden.any() or parts.hidden_reach.any())
    if T < 2 or still or not parts.w_output.any():
        return -math.inf, SUM if steps is None else SUM_BY_STEP  # nothing is propagated
    found = [_coarse(parts, S, T, steps, w)]
    for damping, even, balanced in POLICIES:
        # What one choice of weights dies of, the next one may survive.
        with contextlib.suppress(*FAILED):
            if log_d is None:
                log_d = optimal_scaling(parts, log_row_drives(parts, S), T)
            scaled = rescaled(parts, log_d) if balanced else parts
            each = list(forms(scaled, first_target(scaled, S, T, damping, even), T))
            if steps is None:
                found.append(_from_mean(scaled, each, S))
            else:
                found.append((_by_step(scaled, each, steps, w), SUM_BY_STEP))
    return min(found)


def _coarse(parts: Residuals, S: Array, T: int, steps: Array | None, w: Array) -> tuple[float, str]:
    """What no search is needed for."""
    if steps is None:
        log_gain = log_geometric_toeplitz_norm(add_up(parts.log_rho, parts.log_kappa), T)
        drive = log_drive(parts, S)
        return add_up(parts.log_readout, parts.log_rho, log_gain, drive), COARSE
    drives = np.array([log_drive(parts, S_t) for S_t in steps[:-1]])
    spread = log_weighted_norm(convolve(geometric_kernel(parts, T), drives), w[1:])
    return add_up(parts.log_readout, parts.log_rho, spread), COARSE_BY_STEP


def first_target(parts: Residuals, S: Array, T: int, damping: float, even: float) -> Array:
    """The weight, of trace 1 or so, in which the forms are made small."""
    Q, _, _ = _gram(parts, S)
    k = len(Q)
    size = float(np.trace(Q))
    target = moved = Q / size if size > 0 else np.eye(k) / k
    w_hidden, exponent = unit_scaled(parts.w_hidden)
    growth = damping * 4.0 ** min(max(exponent, -250), 250)
    for _ in range(min(T - 2, 20)):
        moved = growth * (w_hidden @ moved @ w_hidden.T)
        if not 0 < np.abs(moved).max() < 1e100:
            break
        target = target + moved
    # Some weight everywhere keeps Lambda away from the edge of what is allowed.
    result: Array = target / np.trace(target) + even * np.eye(k) / k
    return result


def unit_scaled(W: Array) -> tuple[Array, int]:
    """W 2^{-e} with entries below 1, and e; an entry that is not 0 stays so."""
    exponent = exponent_of(W)
    scaled = np.ldexp(W, -exponent)
    lost = (np.abs(scaled) < SMALLEST_NORMAL) & (W != 0)
    return np.where(lost, np.copysign(SMALLEST_NORMAL, W), scaled), exponent


def rescaled(parts: Residuals, log_d: Array) -> Residuals:
    """The same recurrence for D e, with D rounded to powers of two so that nothing else is.

    Delta commutes with D. Rounding is charged as a multiple of the identity, which is cheap in the
    coordinates where all directions grow alike.
    """
    d = np.exp2(np.round(log_d / math.log(2)))
    return replace(
        parts,
        hidden=d[:, None] * parts.hidden,
        hidden_reach=d[:, None] * parts.hidden_reach,
        w_hidden=d[:, None] * parts.w_hidden / d[None, :],
        w_output=parts.w_output / d[None, :],
    )


def forms(parts: Residuals, target: Array, T: int) -> Iterator[Form]:
    """Yield P_j, j = 0..T-2, with Tr[P_j target] made small.

    Raises
    ------
    FloatingPointError
        If a form leaves the range of floats.
    """
    k = len(target)
    w_hidden, exponent = unit_scaled(parts.w_hidden)
    w_output, own = unit_scaled(parts.w_output)
    M, start = w_output.T @ w_output, None
    log_scale = 2 * own * math.log(2)
    slip = inner_product(len(w_output), 2 * float(np.square(w_output).sum()))
    for j in range(T - 1):
        if j and not w_hidden.any():
            yield Form(np.zeros((k, k)), 0.0)  # W_h' = 0: nothing is older than one step
            continue
        # What rounding may have taken from M comes back as a multiple of I.
        M = (M + M.T) / 2 + slip * np.eye(k)
        size = float(np.trace(M))
        if not 0 < size < math.inf:
            raise FloatingPointError(f"the form of lag {j} has trace {size:g}")
        M = M / size
        log_scale = up(log_scale + math.log(size)) + roundings(4)
        P, found = _smallest_form(M, target, start)
        start = found if T > SHORT else None
        yield Form(P, log_scale)
        M = w_hidden.T @ P @ w_hidden
        slip = inner_product(k, 4 * float(np.square(w_hidden).sum() * np.linalg.norm(P)))
        log_scale = up(log_scale + 2 * parts.log_rho + 2 * exponent * math.log(2))


def _smallest_form(M: Array, target: Array, start: Array | None) -> tuple[Array, Array]:
    """P for the best Lambda found, and that Lambda, from which the next lag starts.

    At the best Lambda the constraint y_i (z_i - y_i) >= 0 is met with equality in the mean, with
    y = Lambda^{-1} P z: a lambda_i whose mean is negative is raised, one above 0 lowered.
    """
    best, best_value, best_scale = None, math.inf, np.zeros(0)
    # A start from the lag before may be inadmissible here; the majorant is always admissible.
    for scale, steps in ((start, WARM_STEPS), (None, STEPS)):
        if best is not None:
            break
        if scale is None:
            root = np.linalg.cholesky(M + 1e-14 * np.eye(len(M))).T
            # Rounding of a covariance of no size can leave a diagonal entry at 0 or below it.
            weight = np.maximum(np.diag(target) / np.diag(target).max(), 1e-12)
            scale, _ = diagonal_majorant(np.asarray(root, dtype=np.float64), weight, sweeps=60)
        for _ in range(steps):
            P = _form(M, scale)
            if P is None:
                scale = 1.3 * scale
                continue
            value = float(np.vdot(P, target))
            if value < best_value:
                best, best_value, best_scale = P, value, scale
            Y = P / scale[:, None]
            moved = Y @ target
            work, square = np.diag(moved), np.einsum("ij,ij->i", moved, Y)
            safe = np.where(work > 0, work, 1.0)
            scale = scale * np.clip(np.where(work > 0, square / safe, 2.0), 0.5, 2.0)
    if best is None:
        # Lambda = Tr M is clear of M >= 0, whatever rounding did to the search.
        best_scale = np.full(len(M), 2 * float(np.trace(M)))
        best = _form(M, best_scale)
    if best is None:
        raise FloatingPointError("no Lambda was found")
    return best, best_scale


def _form(M: Array, scale: Array) -> Array | None:
    """Lambda (2 Lambda - M)^{-1} Lambda rounded up, or None if 2 Lambda > M is not clear.

    B = I - Lambda^{-1/2} M Lambda^{-1/2} / 2 has 0 < B <= I, so its eigenvalues are off by less
    than 16 k eps, and 1/B relatively by that over the least of them.
    """
    k = len(M)
    root = np.sqrt(scale)
    B = np.eye(k) - 0.5 * M / root[:, None] / root[None, :]
    values, U = np.linalg.eigh(B)
    if values[0] < MARGIN:
        return None
    half = root[:, None] * U * np.sqrt(0.5 / values)
    P = (half @ half.T) * (1 + roundings(64 * k, 1 / float(values[0])))
    # The product is off by at most k + 1 roundings of |half| |half|^T, whose norm is at most Tr P.
    result: Array = P + roundings(k + 8, float(np.trace(P))) * np.eye(k)
    return result


def _gram(parts: Residuals, S: Array) -> tuple[Array, Array, int]:
    """Second moment Q of W_h[J,:] r and of what rounding adds, how far off it may be, and e.

    Both are in units of 4^e. |Q_ab - exact| <= allowance_ab: as in `log_row_norms` for the rounding
    of Q, and by Minkowski's inequality for that of the runs.
    """
    m = len(S)
    C, sigma = correlations(S)
    G, exponents = scaled_columns(parts.hidden, sigma)
    runs, others = scaled_columns(parts.hidden_reach, sigma)
    top = int(max(exponents.max(), others.max()))
    G = np.ldexp(G, np.maximum(exponents - top, -1100)[:, None])
    runs = np.ldexp(runs, np.maximum(others - top, -1100)[:, None])
    Q = G @ C @ G.T
    reach, added = np.abs(G).sum(axis=1), runs.sum(axis=1)
    c = quadratic_form(m + len(G) ** 2)
    own = np.sqrt(np.maximum(np.diag(Q), 0) + c * reach**2)
    allowance = c * np.outer(reach, reach) + np.outer(own, added) + np.outer(added, own)
    return (Q + Q.T) / 2, raised(allowance + np.outer(added, added), 16), top


def log_traces(parts: Residuals, forms: list[Form], steps: Array) -> Array:
    """Log of rho sqrt(Tr[P_j Q_s]), rounded up, (lags, steps)."""
    grams = [_gram(parts, S) for S in steps]
    Q = np.array([gram for gram, _, _ in grams]).reshape(len(steps), -1)
    allowance = np.array([room for _, room, _ in grams]).reshape(len(steps), -1)
    units = np.array([exponent for _, _, exponent in grams]) * math.log(2)
    P = np.array([form.matrix for form in forms]).reshape(len(forms), -1)
    traces = np.maximum(P @ Q.T, 0) + np.abs(P) @ allowance.T
    scale = np.array([form.log_scale for form in forms])[:, None]
    live = traces > 0
    logs = 0.5 * (np.log(np.where(live, traces, 1.0)) + scale) + parts.log_rho + units
    logs += roundings(8, 1 + np.abs(logs) + np.abs(scale) + np.abs(units))
    return np.where(live, logs, -math.inf)


def _by_step(parts: Residuals, forms: list[Form], steps: Array, w: Array) -> float:
    """Log of sqrt(sum_t w_t (sum_j p_{j,t-1-j})^2)."""
    T = len(steps)
    p = log_traces(parts, forms, steps[:-1])
    logs = [log_sum_up(np.array([p[j, t - 1 - j] for j in range(t)])) for t in range(1, T)]
    return log_weighted_norm(np.array(logs), w[1:])


def _from_mean(parts: Residuals, forms: list[Form], S: Array) -> tuple[float, str]:
    """The smaller of the sum over lags and the Toeplitz forms, and its formula."""
    p = log_traces(parts, forms, S[None])[:, 0]
    young = log_sum_up(p)
    if not all(form.matrix.any() for form in forms):
        return young, SUM
    log_scale = np.array([form.log_scale for form in forms])
    level = log_scale + np.log([np.trace(form.matrix) for form in forms])
    slope = (level[-1] - level[0]) / max(len(forms) - 1, 1)
    values = []
    for rate in (0.5, 1.0, 1.5):
        logs = log_scale - rate * slope * np.arange(len(forms))
        logs -= logs.max()
        common = sum(math.exp(v) * f.matrix for v, f in zip(logs, forms, strict=True))
        log_c = _relative_sizes(forms, np.asarray(common))
        if log_c is None:
            continue
        log_c = log_c + 0.5 * log_scale
        drive = log_traces(parts, [Form(np.asarray(common), 0.0)], S[None])[0, 0]
        values.append(add_up(log_toeplitz_norm(log_c), drive))
    best = min(values, default=math.inf)
    return (best, TOEPLITZ) if best < young else (young, SUM)


def _relative_sizes(forms: list[Form], common: Array) -> Array | None:
    """Log of c_j with matrix_j <= c_j^2 common; None where that cannot be made sure.

    The quotient found is raised by 1e-10, and c_j^2 common - matrix_j, scaled to unit diagonal,
    must then have a Cholesky factorization with room for its rounding.
    """
    k = len(common)
    scale = np.sqrt(np.diag(common))
    unit = common / scale[:, None] / scale[None, :]
    try:
        L = np.linalg.cholesky(unit)
        out = []
        for form in forms:
            scaled = form.matrix / scale[:, None] / scale[None, :]
            X = solve_triangular(L, scaled, lower=True)
            X = solve_triangular(L, X.T, lower=True)
            square = float(np.linalg.eigvalsh((X + X.T) / 2)[-1]) * (1 + 1e-10)
            room = roundings(16 * k, square + float(np.linalg.norm(scaled)))
            square += 4 * room / float(np.linalg.eigvalsh(unit)[0])
            np.linalg.cholesky(square * unit - scaled - room * np.eye(k))
            out.append(up(0.5 * math.log(square)))
        return np.array(out)
    except np.linalg.LinAlgError:
        return None
