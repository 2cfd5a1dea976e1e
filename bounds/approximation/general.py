r"""`approximation.general`: any small network whose nodes are matched with J.

Refitted, fine-tuned or quantised networks keep neither W_h' = W_h[J,:] A nor W_i[J,:], b_h[J], b_o.
With d_t = (W_h' h_{t-1,J} + W_i' x_t + b_h') - (W_h[J,:] h_{t-1} + W_i[J,:] x_t + b_h[J]) and
q_t = (W_o' h_{t,J} + b_o') - (W_o h_t + b_o) the error obeys e_t = Delta_t (W_h' e_{t-1} + d_t) and
f'_t - f_t = W_o' e_t + q_t, so that every bound of section 3 holds with d and q for W_h[J,:] r and
W_o r and *one lag more*: d_1 need not vanish.

The norms of d_t and q_t are measured in one pass of the large network, with its rounding, and kept
as logarithms; `trajectory` runs both.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from bounds.approximation.blocks import Blocks, along_bound, checked_blocks, log_gap_norms
from bounds.approximation.carried import carried_along
from bounds.approximation.closed import FAILED, nothing_found
from bounds.approximation.drives import rows_of
from bounds.approximation.general_forms import (
    SATURATION,
    SCALED,
    SECTOR,
    DriveMoments,
    DriveSums,
    log_saturation,
    log_scaled,
    log_sector,
)
from bounds.approximation.kernels import (
    geometric_kernel,
    log_geometric_sum,
    log_geometric_toeplitz_norm,
    log_toeplitz_norm,
    power_kernel,
)
from bounds.approximation.measured import RunErrors, paired_runs, read_rounding, same_twice
from bounds.approximation.recursion import log_norms, log_square_mean, log_state_norms
from bounds.approximation.residuals import Residuals
from bounds.approximation.trajectory import is_nondecreasing
from bounds.approximation.weighted import convolve, log_weighted_norm
from bounds.rounding import add_up, log_sum_up, raised, up
from bounds.terms import VALID, Bound, Condition, Term
from pruning.activations import told_from
from pruning.cells.secants import secant_factors
from pruning.checks import Array, choice, time_weights
from pruning.rnn import RNN

if TYPE_CHECKING:
    from pruning.spectral import PrunedRNN

ID = "approximation.general"
MEAN = ("global", "toeplitz", "power", "scaled")
FORMS = ("sector", "saturation")
METHODS = (*MEAN, "weighted", "weighted_power", *FORMS, "trajectory", "best")


def general_bound(
    pruned: PrunedRNN,
    x: ArrayLike,
    method: str = "best",
    weights: ArrayLike | None = None,
    batch: int = 256,
    *,
    block: int = 1,
    with_read_out: bool = False,
) -> Bound:
    r"""||f' - f||_{n,w} <= ||q||_{n,w} + the drive d carried through the small network.

    Parameters
    ----------
    pruned : PrunedRNN
        Both networks, of any weights: only `nodes` is read besides them.
    x : (n, T, d_x) floats or (n, T) tokens
        The sample that the error is measured on.
    method : str
        ``global``, ``toeplitz`` and ``power`` (nonincreasing weights) carry ||d||_{n,w} by
        Gam_{T+1}(rho kappa), by the spectral norm of the T x T Toeplitz matrix, or by that of
        rho^j min(kappa^j, || |W_h'|^j ||_2); ``weighted`` and ``weighted_power`` carry ||d_t||_n
        step by step, for any weights. ``scaled`` (nonincreasing weights) does so in the norm of
        the best diagonal found, ``sector`` carries second moments of d_t by quadratic forms, for
        a nondecreasing activation, and ``saturation`` ends the sum where a bounded activation
        does, see `bounds.approximation.general_forms`. ``trajectory`` carries the vectors
        themselves by the secant factors of both runs and takes norms of the sum's terms, in
        float64. ``best`` is the least of those that apply, ``trajectory`` left out.
    weights : (T,) array, optional
        Time weights; 1/T by default.
    batch : int
        Sequences held in memory at a time.
    block : int
        For ``trajectory``: so many consecutive lags are added before a norm is taken, see
        `bounds.approximation.blocks`. The larger, the less is left to bound: with all lags in one
        block the sum is the error itself, which is refused, and at steps t <= block it is what is
        measured there.
    with_read_out : bool
        For ``trajectory``: q_t, which is born at lag 0, is added to the first block.

    Returns
    -------
    Bound
        Terms ``read-out`` and ``propagated``, or ``propagated`` alone where q_t is in it; +inf,
        with a sentence, where floats cannot tell.

    Raises
    ------
    ValueError
        If the activations differ, weights that increase are given to a mean form, the activation
        is not one that the method is for, or a block holds all lags.

    Notes
    -----
    `bounds.approximation.along_runs.along_runs_bound` takes the same pair, too: norms over the
    whole sample, inner products of blocks, images of the original's states in place of its nodes.
    Source: theory, section 11. Logarithms are rounded up by more than the rounding of float64 runs.
    """
    choice("method", method, METHODS)
    check_pair(pruned)
    checked = pruned.original.check_input(x)
    w = time_weights(weights, checked.shape[1])
    if method != "trajectory" and (block != 1 or with_read_out):
        raise ValueError(f"block and with_read_out are for the method trajectory, got {method!r}")
    blocks = checked_blocks(block, with_read_out, w)
    try:
        # Along both runs an overflow is what ends in +inf, too.
        with np.errstate(over="raise", invalid="raise", divide="raise", under="ignore"):
            if method == "trajectory":
                return _trajectory(pruned, checked, w, min(batch, 64), blocks)
            return _by_norms(pruned, checked, w, method, batch)
    except FAILED as error:
        return nothing_found(ID, str(error) or type(error).__name__)


def keeps_reconstruction(pruned: PrunedRNN) -> bool:
    """Whether W_i', b_h' and b_o' are rows of the original: then section 3 speaks of the pair."""
    full, small, nodes = pruned.original, pruned.pruned, pruned.nodes
    return (
        np.array_equal(small.w_input, full.w_input[nodes])
        and np.array_equal(small.b_hidden, full.b_hidden[nodes])
        and np.array_equal(small.b_output, full.b_output)
    )


def check_pair(pruned: PrunedRNN) -> None:
    """Raise a ValueError that says how the two networks do not match."""
    full, small = pruned.original, pruned.pruned
    if full.activation != small.activation:
        raise ValueError(
            "the pruned network must have the activation of the original, "
            f"got {told_from(small.activation, full.activation)} for {full.activation.name}"
        )
    if (small.m, small.d_x, small.d_y) != (len(pruned.nodes), full.d_x, full.d_y):
        raise ValueError(
            f"the pruned network must have {len(pruned.nodes)} nodes, d_x = {full.d_x} and "
            f"d_y = {full.d_y}, got {small.m}, {small.d_x} and {small.d_y}"
        )


@dataclass(frozen=True)
class _Norms:
    """Log of ||d_t||_n and ||q_t||_n, t = 1..T, rounded up; and the moments of d_t, if wanted."""

    drive: Array
    offset: Array
    moments: DriveMoments | None
    runs: Condition


def _by_norms(pruned: PrunedRNN, x: Any, w: Array, method: str, batch: int) -> Bound:
    small, T = pruned.pruned, x.shape[1]
    falling = bool((np.diff(w) <= 0).all())
    if method in MEAN and not falling:
        raise ValueError(f"weights must not increase for method {method!r}, got some that do")
    s = small.activation
    fits = {"sector": is_nondecreasing(s.name), "saturation": s.bound < math.inf}
    if not fits.get(method, True):
        kind = {"sector": "nondecreasing", "saturation": "bounded"}[method]
        raise ValueError(f"the activation must be {kind} for method {method!r}, got {s.name}")
    names = [method]
    if method == "best":
        names = [*(MEAN if falling else ()), "weighted", "weighted_power"]
        names += [name for name in FORMS if fits[name]]
    found = _norms(pruned, x, batch, bool({"scaled", *FORMS} & set(names)))
    read_out = log_weighted_norm(found.offset, w)
    bounds = []
    for name in names:
        try:
            propagated, formula = _carried(name, small, found, w, T)
        except FAILED:
            if method != "best":
                raise
            continue  # of several bounds that hold one less
        bounds.append(_bound(name, small, propagated, formula, T, read_out, len(x), found.runs))
    if not bounds:
        raise FloatingPointError("none of the bounds that apply")
    return min(bounds, key=lambda bound: bound.log_total)


def _carried(name: str, small: RNN, found: _Norms, w: Array, T: int) -> tuple[float, str]:
    """Log of the propagated term by one way to carry d_t over T lags, and its formula."""
    parts = Residuals(
        np.zeros((small.m, 0)),
        np.zeros((small.d_y, 0)),
        small.w_hidden,
        small.w_output,
        small.activation.lipschitz,
    )
    if found.moments is not None:
        nondecreasing = is_nondecreasing(small.activation.name)
        if name == "scaled":
            return log_scaled(small, found.moments, w), SCALED
        if name == "sector":
            return log_sector(small, found.moments, w), SECTOR
        if name == "saturation":
            return log_saturation(small, found.moments, w, nondecreasing), SATURATION
    log_a = parts.log_rho + parts.log_kappa
    if name not in MEAN:
        kernel = geometric_kernel if name == "weighted" else power_kernel
        spread = log_weighted_norm(convolve(kernel(parts, T + 1), found.drive) + parts.log_rho, w)
        formula = r"\|W_o'\|_2 \bigl(\sum_t w_t u_t^2\bigr)^{1/2}"
        return add_up(parts.log_readout, spread), formula
    gain = {
        "global": lambda: log_geometric_sum(log_a, T + 1),
        "toeplitz": lambda: log_geometric_toeplitz_norm(log_a, T + 1),
        "power": lambda: log_toeplitz_norm(power_kernel(parts, T + 1)),
    }[name]()
    symbol = {
        "global": r"\Gamma_{T+1}(\rho\kappa)",
        "toeplitz": r"\|L_{T+1}(\rho\kappa)\|_2",
        "power": r"\|(\rho^j \min(\kappa^j, \||W_h'|^j\|_2))_{s-t=j}\|_2",
    }[name]
    spread = add_up(parts.log_rho, gain, log_weighted_norm(found.drive, w))
    formula = rf"\|W_o'\|_2\,\rho\,{symbol}\,\|d\|_{{n,w}}"
    return add_up(parts.log_readout, spread), formula


def _bound(
    name: str,
    small: RNN,
    propagated: float,
    formula: str,
    T: int,
    read_out: float,
    n: int,
    runs: Condition,
) -> Bound:
    rho = small.activation.lipschitz
    inputs = {"T": T, "n": n, "method": name, "rho": rho}
    terms = (
        Term("read-out", read_out, r"\|q\|_{n,w}", ID, {"T": T, "n": n}),
        Term("propagated", propagated, formula, ID, inputs),
    )
    conditions = [
        Condition(
            "matched nodes",
            True,
            "Weights may be any; d and q are measured on this sample, along the original's run.",
        ),
        runs,
    ]
    s = small.activation
    if name == "sector":
        said = f"{s.name} never decreases, so 0 <= Delta <= rho."
        conditions.append(Condition("s nondecreasing", True, said))
    if name == "saturation":
        conditions.append(Condition("s bounded", True, f"|{s.name}| is at most {s.bound:g}."))
    statement = rf"\|f' - \hat f\|_{{n,w}} \le \|q\|_{{n,w}} + {formula}"
    return Bound(ID, statement, terms, VALID, tuple(conditions))


def _norms(pruned: PrunedRNN, x: Any, batch: int, moments: bool) -> _Norms:
    full = pruned.original
    T = x.shape[1]
    sums = DriveSums(T, pruned.pruned.m) if moments else None
    drives, offsets, start, errors = [], [], 0, RunErrors(pruned)
    for h in full.state_batches(x, batch):
        part = x[start : start + len(h)]
        start += len(h)
        off = errors.original(part, h)
        rows = rows_of(pruned, part, h, off)
        drive, offset = rows.log_d, rows.log_q
        if sums is not None:
            sums.add(rows.d, rows.unsure_d, np.abs(h[:, :, pruned.nodes]) + off[:, pruned.nodes])
        drives.append([log_sum_up(2 * drive[:, t]) for t in range(T)])
        offsets.append([log_sum_up(2 * offset[:, t]) for t in range(T)])
    half = math.log(len(x))
    logs = [
        np.array([up(0.5 * (log_sum_up(column) - half)) for column in np.array(each).T])
        for each in (drives, offsets)
    ]
    found = None if sums is None else sums.moments()
    return _Norms(logs[0], logs[1], found, errors.condition)


def _trajectory(pruned: PrunedRNN, x: Any, w: Array, batch: int, blocks: Blocks) -> Bound:
    n, T = x.shape[:2]
    read_out, spread, start, errors = [], [], 0, RunErrors(pruned)
    last_only = not w[:-1].any()
    small = pruned.pruned
    for runs in paired_runs(pruned, x, batch):
        part = x[start : start + len(runs.states)]
        start += len(runs.states)
        off = errors.original(part, runs.states)
        rows = rows_of(pruned, part, runs.states, off)
        e = runs.pruned_states - runs.states[:, :, pruned.nodes]
        change = rows.d.copy()
        change[:, 1:] += e[:, :-1] @ small.w_hidden.T
        factors = secant_factors(e, change, pruned.original.activation)
        carried = carried_along(small, factors, rows.d, last_only, blocks=blocks, q=rows.q)
        logs = log_norms(raised(carried, 8 * (T + small.m))[..., None])
        # The terms sum to W_o' e_t, which is measured: no rounding of theirs can go below it.
        apart = off[:, pruned.nodes] + errors.pruned(part, runs.pruned_states)
        unseen = read_rounding(small.w_output, 0 * apart if same_twice(pruned) else apart)
        if blocks.apart:
            read_out.append(log_square_mean(rows.log_q, w))
            floor = log_state_norms(e, small.w_output, unseen)
        else:
            floor = log_gap_norms(e, small.w_output, rows.q, unseen, rows.unsure_q)
        spread.append(log_square_mean(np.maximum(logs, floor), w))
    carried_text = r"W_o' \Delta_t W_h' \cdots \Delta_s d_s"
    inputs = {"T": T, "n": n, "method": "trajectory"}
    return along_bound(ID, blocks, read_out, spread, carried_text, inputs, errors.condition)
