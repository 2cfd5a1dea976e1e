"""`approximation.power`: norms of powers of |W_h'| instead of powers of its norm."""

from __future__ import annotations

from typing import TYPE_CHECKING

from numpy.typing import ArrayLike

from bounds.approximation.closed import fails_closed
from bounds.approximation.global_ import convolution_bound
from bounds.approximation.kernels import log_toeplitz_norm, power_kernel
from bounds.approximation.residuals import residuals
from bounds.terms import Bound
from pruning.checks import integer

if TYPE_CHECKING:
    from pruning.spectral import PrunedRNN


@fails_closed("approximation.power")
def power_bound(
    pruned: PrunedRNN,
    T: int,
    weights: ArrayLike | None = None,
    weighted_covariance: ArrayLike | None = None,
) -> Bound:
    """`approximation.toeplitz` with rho^j min(kappa^j, || |W_h'|^j ||_2) in place of (rho kappa)^j.

    |W_h'| is the entrywise absolute value: a product of j factors W_h' and diagonal matrices
    bounded by rho is entrywise at most rho^j |W_h'|^j. A nearly triangular W_h' has powers far
    below the powers of its norm. Parameters, return value and errors are those of `global_bound`.
    Source: theory, section 3.
    """
    T = integer("T", T, low=1)
    parts = residuals(pruned)
    return convolution_bound(
        "approximation.power",
        r"\bigl\|\bigl(\rho^{s-t}\min(\kappa^{s-t}, \||W_h'|^{s-t}\|_2)\bigr)_{s \ge t}\bigr\|_2",
        pruned,
        parts,
        T,
        log_toeplitz_norm(power_kernel(parts, T)),
        weights,
        weighted_covariance,
    )
