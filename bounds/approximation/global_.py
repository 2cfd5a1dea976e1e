"""`approximation.global`, the published bound, and its two sharper kernels share this form.

||f^ - f'||_{n,w} <= ||W_o r||_{n,w} + ||W_o'||_2 rho K ||W_h[J,:] r||_{n,w}, where K bounds the
convolution over time: Gam_T(rho kappa) by Young's inequality (here), the spectral norm of the
Toeplitz matrix (`toeplitz`), or either with the norms of powers of |W_h'| (`power`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from bounds.approximation.closed import fails_closed
from bounds.approximation.kernels import log_geometric_sum
from bounds.approximation.residuals import (
    Residuals,
    covariance_of,
    log_drive,
    log_read_out,
    residuals,
    runs_condition,
)
from bounds.rounding import add_up
from bounds.terms import VALID, Bound, Condition, Term
from pruning.checks import Array, covariance, integer, time_weights

if TYPE_CHECKING:
    from pruning.spectral import PrunedRNN

READ_OUT = r"\|W_o r\|_{n,T}"
DRIVE = r"\|W_h[J,:]\, r\|_{n,T}"


@fails_closed("approximation.global")
def global_bound(
    pruned: PrunedRNN,
    T: int,
    weights: ArrayLike | None = None,
    weighted_covariance: ArrayLike | None = None,
) -> Bound:
    r"""||f^ - f'||_{n,T} <= ||W_o r||_{n,T} + ||W_o'||_2 rho Gam_T(rho kappa) ||W_h[J,:] r||_{n,T}.

    Parameters
    ----------
    pruned : PrunedRNN
        Both networks and the time-mean covariance S of the sample that the error is measured on.
    T : int
        Length of the sequences.
    weights : (T,) array, optional
        Nonincreasing time weights; 1/T by default.
    weighted_covariance : (m, m) array, optional
        S_w = sum_t w_t S_t, needed when the weights are not 1/T.

    Returns
    -------
    Bound
        Terms ``read-out`` and ``propagated``.

    Raises
    ------
    ValueError
        If the weights increase somewhere (last step only, say): the statement is false there.

    Notes
    -----
    Gam_T(a) = sum_{j=0}^{T-2} a^j, kappa = ||W_h'||_2, r_t = h_t - A h_{t,J}. From unrolling the
    recursion and Young's inequality for the convolution in t. A may be any matrix and s(0) = 0 is
    not needed. Source: F22 (reconstructed), theory, section 3.
    """
    T = integer("T", T, low=1)
    parts = residuals(pruned)
    log_a = parts.log_rho + parts.log_kappa
    return convolution_bound(
        "approximation.global",
        r"\Gamma_T(\rho\kappa)",
        pruned,
        parts,
        T,
        log_geometric_sum(log_a, T),
        weights,
        weighted_covariance,
    )


def convolution_bound(
    id: str,
    gain: str,
    pruned: PrunedRNN,
    parts: Residuals,
    T: int,
    log_gain: float,
    weights: ArrayLike | None,
    weighted_covariance: ArrayLike | None,
) -> Bound:
    """The bound with a given gain of the convolution over time."""
    S, condition = covariance_for(pruned, T, weights, weighted_covariance)
    read_out, drive = log_read_out(parts, S), log_drive(parts, S)
    inputs: dict[str, Any] = {
        "T": T,
        "k": len(pruned.nodes),
        "rho": parts.rho,
        "log kappa": json_log(parts.log_kappa),
        "log gain": json_log(log_gain),
        "log ||W_o'||_2": json_log(parts.log_readout),
        "log ||W_h[J,:] r||": json_log(drive),
    }
    propagated = add_up(parts.log_readout, parts.log_rho, log_gain, drive)
    terms = (
        Term("read-out", read_out, READ_OUT, id, {"T": T}),
        Term("propagated", propagated, rf"\|W_o'\|_2\,\rho\,{gain}\,{DRIVE}", id, inputs),
    )
    statement = rf"\|\hat f - f'\|_{{n,T}} \le {READ_OUT} + \|W_o'\|_2\,\rho\,{gain}\,{DRIVE}"
    return Bound(
        id, statement, terms, VALID, (condition, runs_condition(pruned, weighted_covariance))
    )


def covariance_for(
    pruned: PrunedRNN, T: int, weights: ArrayLike | None, weighted: ArrayLike | None
) -> tuple[Array, Condition]:
    """The covariance of the norm ||.||_{n,w}, and the condition on w, which must not increase."""
    if weights is None:
        return covariance_of(pruned), Condition(
            "w = 1/T", True, "The error and the residuals are averaged evenly over time."
        )
    w = time_weights(weights, T)
    if (w[1:] > w[:-1]).any():
        raise ValueError(
            "weights must not increase over time for this bound (it is false for the last step "
            "alone), got weights that do; use method='weighted' or 'weighted_from_mean'"
        )
    if weighted is None:
        raise ValueError(
            "weighted_covariance must be given when weights are not 1/T: S_w = sum_t w_t S_t"
        )
    S = covariance("weighted_covariance", weighted)
    return S, Condition("w nonincreasing", True, "The time weights never increase.")


def json_log(value: float) -> float | None:
    """A logarithm for strictly valid JSON: None for log 0."""
    return None if value == -float("inf") else value
