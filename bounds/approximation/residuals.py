"""What both networks differ by, before the recurrence: the residual weights.

With P_J the selection of the kept nodes, W_h[J,:] r_t = (W_h[J,:] - W_h' P_J) h_t and
W_o r_t = (W_o - W_o' P_J) h_t, because W_h' = W_h[J,:] A and W_o' = W_o A. The right sides are
formed here from the weights *as stored*: whatever A was, and however it was rounded,
e_t = s(W_h' h'_{t-1} + u) - s(W_h[J,:] h_{t-1} + u) and f^_t - f'_t = G_o h_t - W_o' e_t hold
exactly for the two networks at hand. S enters as given.

Every number that leaves this module is rounded up by more than its own rounding error.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from pruning.checks import Array, covariance, real_array

if TYPE_CHECKING:
    from pruning.spectral import PrunedRNN

EPS = float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class Residuals:
    """The weights that enter a bound of section 3.

    Attributes
    ----------
    hidden : (k, m) array
        G_h = W_h[J,:] - W_h' P_J, so that W_h[J,:] r_t = G_h h_t.
    output : (d_y, m) array
        G_o = W_o - W_o' P_J, so that W_o r_t = G_o h_t.
    w_hidden : (k, k) array
        W_h'.
    w_output : (d_y, k) array
        W_o'.
    rho : float
        Lipschitz constant of the activation.
    """

    hidden: Array
    output: Array
    w_hidden: Array
    w_output: Array
    rho: float

    @property
    def log_rho(self) -> float:
        """Logarithm of rho."""
        return math.log(self.rho)

    @property
    def log_kappa(self) -> float:
        """Logarithm of kappa = ||W_h'||_2, rounded up."""
        return log_norm(self.w_hidden)

    @property
    def log_readout(self) -> float:
        """Logarithm of ||W_o'||_2, rounded up."""
        return log_norm(self.w_output)


def residuals(pruned: PrunedRNN) -> Residuals:
    """Residual weights of a pruned network.

    Raises
    ------
    ValueError
        If the pruned network does not keep the rows W_i[J,:], b_h[J] and b_o and the activation of
        the original: then section 3 says nothing about the pair.
    """
    full, small, nodes = pruned.original, pruned.pruned, pruned.nodes
    if full.activation.name != small.activation.name:
        raise ValueError(
            "the pruned network must have the activation of the original, "
            f"got {small.activation.name} for {full.activation.name}"
        )
    kept = {
        "W_i[J,:]": (small.w_input, full.w_input[nodes]),
        "b_h[J]": (small.b_hidden, full.b_hidden[nodes]),
        "b_o": (small.b_output, full.b_output),
    }
    for name, (now, before) in kept.items():
        if now.shape != before.shape or not np.array_equal(now, before):
            raise ValueError(f"the pruned network must keep {name} of the original unchanged")
    hidden = full.w_hidden[nodes].copy()
    hidden[:, nodes] -= small.w_hidden
    output = full.w_output.copy()
    output[:, nodes] -= small.w_output
    return Residuals(
        hidden, output, small.w_hidden, small.w_output, float(full.activation.lipschitz)
    )


def log_residual_norm(G: Array, S: Array) -> float:
    """Logarithm of ||G h||_n = sqrt(Tr[G S G^T]), rounded up.

    Parameters
    ----------
    G : (q, m) array
        Residual weights.
    S : (m, m) array
        Covariance of the states.

    Notes
    -----
    |S_ij| <= sqrt(S_ii S_jj), so the float64 value of g^T S g errs by at most
    (m + 1) eps (sum_i |g_i| sqrt(S_ii))^2. Twice (m + 64) times that reach is added: the rest
    covers the entries of S, as long as each is within 60 eps sqrt(S_ii S_jj) of the exact mean (a
    pairwise or blocked sum of 10^7 products is). A residual below about sqrt(m eps) of its reach
    is therefore not resolved: the bound stays true and stops shrinking.
    """
    if G.size == 0:
        return -math.inf
    scale, height = float(np.abs(G).max()), float(np.diag(S).max())
    if scale == 0 or height == 0:
        return -math.inf
    g, s = G / scale, S / height
    quadratic = np.einsum("qi,qi->q", g @ s, g)
    reach = np.abs(g) @ np.sqrt(np.maximum(np.diag(s), 0))
    total = math.fsum(np.maximum(quadratic, 0) + 2 * (len(S) + 64) * EPS * reach**2)
    if total == 0:
        return -math.inf
    return up(0.5 * (math.log(total) + math.log(height)) + math.log(scale))


def log_norm(W: Array) -> float:
    """Logarithm of the spectral norm ||W||_2, rounded up; -inf for 0 and for an empty matrix.

    LAPACK's singular values are exact for a matrix within p eps ||W||_2 of W; p is taken as eight
    times the larger dimension.
    """
    if W.size == 0:
        return -math.inf
    scale = float(np.abs(W).max())
    if scale == 0:
        return -math.inf
    top = float(np.linalg.svd(W / scale, compute_uv=False)[0])
    return up(math.log(scale) + math.log(top) + 8 * max(W.shape) * EPS)


def up(log_value: float, terms: int = 4) -> float:
    """A float that exceeds `log_value` by more than `terms` roundings of its size."""
    if log_value == -math.inf:
        return log_value
    return log_value + terms * EPS * (1 + abs(log_value))


def time_weights(weights: ArrayLike | None, T: int) -> Array:
    """Time weights as a (T,) array; None means 1/T, ``"last"`` is not a weight but `last_step` is.

    Raises
    ------
    ValueError
        If they are negative, do not sum to 1, or are not T of them.
    """
    if weights is None:
        return np.full(T, 1.0 / T)
    w = real_array("weights", weights, (T,))
    if w.min() < 0:
        raise ValueError(f"weights must be at least 0, got {w.min():g}")
    if abs(math.fsum(w) - 1) > 1e-12 * T:
        raise ValueError(f"weights must sum to 1, got {math.fsum(w):.12g}")
    return w


def covariance_of(pruned: PrunedRNN) -> Array:
    """The time-mean covariance that came with the pruned network, checked."""
    return covariance("the covariance of the pruned network", pruned.covariance)
