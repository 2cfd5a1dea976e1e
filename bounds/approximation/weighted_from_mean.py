"""`approximation.weighted_from_mean`: any time weights, from the time-mean covariance alone."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from numpy.typing import ArrayLike

from bounds.approximation.closed import fails_closed
from bounds.approximation.global_ import DRIVE, json_log
from bounds.approximation.kernels import geometric_kernel, log_toeplitz_norm, power_kernel
from bounds.approximation.residuals import (
    covariance_of,
    log_drive,
    log_read_out,
    residuals,
    runs_condition,
)
from bounds.rounding import add_up
from bounds.terms import VALID, Bound, Condition, Term
from pruning.checks import choice, covariance, integer, time_weights

if TYPE_CHECKING:
    from pruning.spectral import PrunedRNN


@fails_closed("approximation.weighted_from_mean")
def weighted_from_mean_bound(
    pruned: PrunedRNN,
    T: int,
    weights: ArrayLike,
    weighted_covariance: ArrayLike | None = None,
    kernel: str = "geometric",
) -> Bound:
    r"""||f^ - f'||_{n,w} from S alone, for any time weights.

    <= ||W_o r||_{n,w} + ||W_o'||_2 rho sqrt(T) ||diag(sqrt(w_2..w_T)) L_T||_2 ||W_h[J,:] r||_{n,T}.

    Parameters
    ----------
    pruned : PrunedRNN
        Both networks and the time-mean covariance.
    T : int
        Length of the sequences.
    weights : (T,) array
        Any w_t >= 0 that sum to 1.
    weighted_covariance : (m, m) array, optional
        S_w = sum_t w_t S_t for the read-out term. Without it ||W_o r||_{n,w} is replaced by
        sqrt(T max w) ||W_o r||_{n,T}.
    kernel : {"geometric", "power"}
        Entries of the Toeplitz matrix L_T, as in `toeplitz_bound` or `power_bound`.

    Notes
    -----
    For the last step the gain is sqrt(Gam_T((rho kappa)^2)). Source: theory, section 3.
    """
    T = integer("T", T, low=1)
    w = time_weights(weights, T)
    choice("kernel", kernel, ["geometric", "power"])
    S = covariance_of(pruned)
    parts = residuals(pruned)
    log_c = (geometric_kernel if kernel == "geometric" else power_kernel)(parts, T)
    log_gain = log_toeplitz_norm(log_c, w[1:])
    drive = log_drive(parts, S)
    half_log_T = 0.5 * math.log(T)
    if weighted_covariance is None:
        read_out = add_up(log_read_out(parts, S), half_log_T, 0.5 * math.log(w.max()))
        read_formula = r"\sqrt{T \max_t w_t}\,\|W_o r\|_{n,T}"
    else:
        S_w = covariance("weighted_covariance", weighted_covariance)
        read_out = log_read_out(parts, S_w)
        read_formula = r"\|W_o r\|_{n,w}"
    id = "approximation.weighted_from_mean"
    gain = r"\rho\sqrt{T}\,\|\operatorname{diag}(\sqrt{w_2},\dots,\sqrt{w_T})\,L_T\|_2"
    formula = rf"\|W_o'\|_2\,{gain}\,{DRIVE}"
    inputs = {
        "T": T,
        "k": len(pruned.nodes),
        "rho": parts.rho,
        "log kappa": json_log(parts.log_kappa),
        "log gain": json_log(log_gain),
        "log ||W_o'||_2": json_log(parts.log_readout),
        "log ||W_h[J,:] r||": json_log(drive),
    }
    propagated = add_up(parts.log_readout, parts.log_rho, half_log_T, log_gain, drive)
    terms = (
        Term("read-out", read_out, read_formula, id, {"T": T, "max w": float(w.max())}),
        Term("propagated", propagated, formula, id, inputs),
    )
    statement = rf"\|\hat f - f'\|_{{n,w}} \le {read_formula} + {formula}"
    conditions = (
        Condition("w_t >= 0, sum 1", True, "Any time weights are allowed."),
        runs_condition(pruned, weighted_covariance),
    )
    return Bound(id, statement, terms, VALID, conditions)
