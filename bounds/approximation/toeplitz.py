"""`approximation.toeplitz`: the spectral norm of the time convolution instead of Young's sum."""

from __future__ import annotations

from typing import TYPE_CHECKING

from numpy.typing import ArrayLike

from bounds.approximation.closed import fails_closed
from bounds.approximation.global_ import convolution_bound
from bounds.approximation.kernels import log_geometric_toeplitz_norm
from bounds.approximation.residuals import residuals
from bounds.terms import Bound
from pruning.checks import integer

if TYPE_CHECKING:
    from pruning.spectral import PrunedRNN


@fails_closed("approximation.toeplitz")
def toeplitz_bound(
    pruned: PrunedRNN,
    T: int,
    weights: ArrayLike | None = None,
    weighted_covariance: ArrayLike | None = None,
) -> Bound:
    """`approximation.global` with ||L_T(rho kappa)||_2 in place of Gam_T(rho kappa).

    L_T(a) is the (T-1) x (T-1) lower triangular Toeplitz matrix with entries a^{s-t}; its norm is
    never above Gam_T(a). Parameters, return value and errors are those of `global_bound`.
    Source: theory, section 3.
    """
    T = integer("T", T, low=1)
    parts = residuals(pruned)
    log_gain = log_geometric_toeplitz_norm(parts.log_rho + parts.log_kappa, T)
    return convolution_bound(
        "approximation.toeplitz",
        r"\|L_T(\rho\kappa)\|_2",
        pruned,
        parts,
        T,
        log_gain,
        weights,
        weighted_covariance,
    )
