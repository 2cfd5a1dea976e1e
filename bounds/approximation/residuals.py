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
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bounds.approximation.measured import same_twice
from bounds.rounding import (
    inner_product,
    log_sum_up,
    log_up,
    quadratic_form,
    roundings,
    spectral_norm_up,
    up,
)
from bounds.terms import Condition
from pruning.activations import told_from
from pruning.checks import Array, covariance
from pruning.run_rounding import outward

if TYPE_CHECKING:
    from pruning.spectral import PrunedRNN

_LOG2 = math.log(2)


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
    hidden_reach, output_reach : (k, m) and (d_y, m) arrays
        What rounding adds in one step of float64 runs of both networks: reach |h| bounds the
        rounding of W_h[J,:] h, W_h' h_J and s, and that of W_o h and W_o' h_J.
    """

    hidden: Array
    output: Array
    w_hidden: Array
    w_output: Array
    rho: float
    hidden_reach: Array = field(default_factory=lambda: np.zeros((0, 0)))
    output_reach: Array = field(default_factory=lambda: np.zeros((0, 0)))

    def __post_init__(self) -> None:
        # Exact runs, where nothing is said of their rounding.
        for name, like in (("hidden_reach", self.hidden), ("output_reach", self.output)):
            if getattr(self, name).shape != like.shape:
                object.__setattr__(self, name, np.zeros_like(like))

    @property
    def log_rho(self) -> float:
        """Logarithm of rho, rounded up."""
        return log_up(self.rho)

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
    if full.activation != small.activation:
        raise ValueError(
            "the pruned network must have the activation of the original, "
            f"got {told_from(small.activation, full.activation)} for {full.activation.name}"
        )
    kept = {
        "W_i[J,:]": (small.w_input, full.w_input[nodes]),
        "b_h[J]": (small.b_hidden, full.b_hidden[nodes]),
        "b_o": (small.b_output, full.b_output),
    }
    for name, (now, before) in kept.items():
        if now.shape != before.shape or not np.array_equal(now, before):
            raise ValueError(
                f"the pruned network must keep {name} of the original unchanged: for a refitted or "
                "fine-tuned one use general_bound"
            )
    hidden = full.w_hidden[nodes].copy()
    hidden[:, nodes] -= small.w_hidden
    output = full.w_output.copy()
    output[:, nodes] -= small.w_output
    unit = 0.0 if same_twice(pruned) else inner_product(full.m)
    hidden_reach, output_reach = np.abs(full.w_hidden[nodes]), np.abs(full.w_output)
    hidden_reach[:, nodes] += np.abs(small.w_hidden)
    hidden_reach[np.arange(len(nodes)), nodes] += 1.0  # the rounding of s itself
    output_reach[:, nodes] += np.abs(small.w_output)
    return Residuals(
        hidden,
        output,
        small.w_hidden,
        small.w_output,
        float(full.activation.lipschitz),
        unit * hidden_reach,
        unit * output_reach,
    )


def runs_condition(pruned: PrunedRNN, given: object = None) -> Condition:
    """Which runs the bound is about: what is known of how the states were rounded.

    `given` are second moments that came as an argument, where some did.
    """
    known = pruned.rounding
    if known is None or given is not None:
        return Condition(
            "given moments",
            True,
            "The second moments are taken as they were given, to be those of the network's states; "
            "`StateCovariance.per_step` raises those of its own runs by what rounding may have "
            "made of them. The rounding of products with the hidden states in float64 runs is in "
            "the bound; that of W_i x + b_h is not, as second moments do not show it.",
        )
    if known.covered:
        return Condition(
            "exact runs",
            True,
            "The error is that of the networks as stored, in exact arithmetic: the second moments "
            "are raised by what rounding may have made of the float64 run that they come from, at "
            f"most {known.beside_state:.1g} of what is read of a state.",
        )
    return Condition(
        "float64 runs",
        True,
        "The error is that of float64 runs. The rounding of products with the hidden states is in "
        f"the bound; that of W_i x + b_h is not: one step rounds off at most "
        f"{known.beside_step:.1g} of what is read of a state, which all steps together may carry "
        "far from the exact run, in the worst case.",
    )


def log_read_out(parts: Residuals, S: Array) -> float:
    """Log of ||W_o r|| for the second moment S, and of what rounding adds, rounded up."""
    return log_residual_norm(parts.output, S, parts.output_reach)


def log_drive(parts: Residuals, S: Array) -> float:
    """Log of ||W_h[J,:] r|| for the second moment S, and of what rounding adds, rounded up."""
    return log_residual_norm(parts.hidden, S, parts.hidden_reach)


def log_row_drives(parts: Residuals, S: Array) -> Array:
    """Log of ||(W_h[J,:] r)_i||^2 for every row i, likewise, (k,)."""
    return 2 * log_row_norms(parts.hidden, S, parts.hidden_reach)


def log_residual_norm(G: Array, S: Array, reach: Array | None = None) -> float:
    """Logarithm of ||G h||_n = sqrt(Tr[G S G^T]), rounded up; see `log_row_norms`."""
    return up(0.5 * log_sum_up(2 * log_row_norms(G, S, reach)))


def log_row_norms(G: Array, S: Array, reach: Array | None = None) -> Array:
    """Logarithm of ||(G h)_i||_n for every row of G, rounded up, (q,).

    Parameters
    ----------
    G : (q, m) array
        Residual weights.
    S : (m, m) array
        Covariance of the states.
    reach : (q, m) array, optional
        Of `Residuals`: ||(reach |h|)_i||_n is added, which is at most (reach sqrt(diag S))_i.

    Notes
    -----
    |S_ij| <= sqrt(S_ii S_jj), so the float64 value of g^T S g errs by at most
    (m + 1) eps (sum_i |g_i| sqrt(S_ii))^2. Twice (m + 64) times that is added: the rest
    covers the entries of S, as long as each is within 60 eps sqrt(S_ii S_jj) of the exact mean (a
    pairwise or blocked sum of 10^7 products is). A residual below about sqrt(m eps) of its reach
    is therefore not resolved: the bound stays true and stops shrinking. Columns are multiplied by
    sqrt(S_ii) first, with exponents apart, so that a large weight of a dead node hides no other.
    """
    m = len(S)
    C, sigma = correlations(S)
    g, exponent = scaled_columns(G, sigma)
    quadratic = np.einsum("qi,qi->q", g @ C, g)
    total = np.maximum(quadratic, 0) + quadratic_form(m, np.abs(g).sum(axis=1) ** 2)
    found = _logs(np.sqrt(total), exponent, 4)
    if reach is None:
        return found
    added, exponent = scaled_columns(reach, sigma)
    more = _logs(added.sum(axis=1), exponent, 2 * m + 4)
    return np.array([log_sum_up(pair) for pair in zip(found, more, strict=True)])


def correlations(S: Array) -> tuple[Array, Array]:
    """S with unit diagonal, 0 for dead nodes, and the square roots of its own diagonal."""
    sigma = np.sqrt(np.maximum(np.diag(S), 0))
    inverse = np.divide(1.0, sigma, out=np.zeros_like(sigma), where=sigma > 0)
    return np.clip(S * inverse[:, None] * inverse, -1.0, 1.0), sigma


def scaled_columns(G: Array, sigma: Array) -> tuple[Array, NDArray[np.int64]]:
    """G diag(sigma) with every row divided by 2^e, entries at most 1; and the e."""
    mantissa, power = np.frexp(G)
    mantissa_s, power_s = np.frexp(sigma)
    product, both = mantissa * mantissa_s, power.astype(np.int64) + power_s
    both = np.where(product != 0, both, -10_000)
    top = both.max(axis=1, initial=-10_000)
    return np.ldexp(product, np.maximum(both - top[:, None], -1100)), top


def _logs(values: Array, exponent: NDArray[np.int64], units: float) -> Array:
    """Log of values 2^exponent, raised by units and by the rounding of the logarithm."""
    live = values > 0
    logs = np.log(np.where(live, values, 1.0)) + exponent * _LOG2
    return np.where(live, logs + roundings(units + 4, 1 + np.abs(exponent * _LOG2)), -math.inf)


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
    return up(math.log(scale) + math.log(spectral_norm_up(W / scale)))


def covariance_of(pruned: PrunedRNN) -> Array:
    """The time-mean covariance that came with the pruned network, checked.

    Of a float64 run made here it is raised, so that it is at least that of the exact run.

    Raises
    ------
    FloatingPointError
        If that run may be off by more than floats can say.
    """
    S = covariance("the covariance of the pruned network", pruned.covariance)
    if pruned.rounding is None or not pruned.rounding.covered:
        return S
    raised = outward(S, pruned.rounding.mean_spread, pruned.exponent)
    if not np.isfinite(raised).all():
        raise FloatingPointError(
            "products cancel in the float64 run, whose rounding may be beyond the range of floats"
        )
    return raised
