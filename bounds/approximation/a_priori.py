"""`approximation.a_priori`: the published O(sqrt(lam)), under the event of section 2a."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from bounds.approximation.closed import fails_closed
from bounds.approximation.global_ import json_log
from bounds.approximation.kernels import log_geometric_sum
from bounds.approximation.residuals import (
    Residuals,
    covariance_of,
    log_norm,
    log_residual_norm,
    residuals,
)
from bounds.degrees_of_freedom import degrees_of_freedom
from bounds.rounding import add_up, log_up, roundings, up
from bounds.terms import VALID, Bound, Condition, Term, violated
from pruning.checks import Array, Nodes, choice, integer, positive

if TYPE_CHECKING:
    from pruning.spectral import PrunedRNN

FORMS = ("measured", "a_priori")


@fails_closed("approximation.a_priori")
def a_priori_bound(pruned: PrunedRNN, T: int, lam: float, form: str = "measured") -> Bound:
    r"""||f^ - f'||_{n,T} = O(sqrt(lam)), without the measured residual.

    <= sqrt(4 lam) (z_o + ||W_o'||_2 rho Gam_T(rho kappa) z_h), where z_o and z_h are
    min(||Z||_F, sqrt(N(lam)) ||Z||_2) for Z = W_o and Z = W_h[J,:].

    Parameters
    ----------
    pruned : PrunedRNN
        Both networks, with the regulariser tau of the ridge reconstruction.
    T : int
        Length of the sequences.
    lam : float
        lam > 0.
    form : {"measured", "a_priori"}
        ``measured``: kappa and ||W_o'||_2 are those of the pruned network, which depend on J.
        ``a_priori``: kappa <= ||W_h||_2 ||A||_F and ||W_o'||_2 <= ||W_o||_2 ||A||_F with
        ||A||_F <= sqrt((20/3) m N(lam)), so that nothing of J enters but its existence.

    Returns
    -------
    Bound
        Label *valid* where the event was verified for this very J and tau; otherwise the label
        names what is missing. A note says which form this is, and a condition says in words
        whether k >= 5 N log(80 N) can be met at all at this size.

    Notes
    -----
    The event lambda_max((S + lam)^{-1/2}(S - G)(S + lam)^{-1/2}) <= 3/4, with
    G = lam S^{1/2} diag(1/tau) S^{1/2} on J, is all that the proof uses of the sampling, so it is
    verified on the actual tau whatever method chose J: multiplicities are merged into tau. Losses
    fall with tau, so a tau_j = 0 is verified at a positive one in its place.
    Source: F22, S20 (reconstructed), theory, sections 2a and 3.
    """
    T = integer("T", T, low=1)
    lam = positive("lam", lam)
    choice("form", form, FORMS)
    S = covariance_of(pruned)
    N = degrees_of_freedom(S, lam)
    parts = residuals(pruned)
    full, nodes = pruned.original, pruned.nodes
    m, k = len(S), len(nodes)
    tau = positive_tau(pruned.tau, S, k)
    rate = 0.5 * math.log(4 * lam)
    z_o, z_h = log_loss_factor(full.w_output, N), log_loss_factor(full.w_hidden[nodes], N)
    limits = (add_up(rate, z_o), add_up(rate, z_h))
    conditions = [
        event_condition(S, nodes, tau, lam),
        ridge_condition(pruned, parts, S, limits),
        size_condition(N, k, m),
    ]
    if form == "measured":
        log_kappa, log_readout = parts.log_kappa, parts.log_readout
        gain = r"\|W_o'\|_2\,\rho\,\Gamma_T(\rho\kappa)"
        note = (
            "kappa and ||W_o'||_2 are those of the pruned network: the bound is a priori in the "
            "residual only."
        )
    else:
        log_A = 0.5 * log_up(20 / 3 * m * N)
        log_kappa = add_up(log_norm(full.w_hidden), log_A)
        log_readout = add_up(log_norm(full.w_output), log_A)
        gain = r"\|W_o\|_2\,\alpha\,\rho\,\Gamma_T(\rho\|W_h\|_2\,\alpha)"
        note = (
            "Fully a priori: kappa <= ||W_h||_2 alpha and ||W_o'||_2 <= ||W_o||_2 alpha, with "
            "alpha = sqrt((20/3) m N(lam)) >= ||A||_F."
        )
        conditions.append(norm_condition(pruned.tau, lam, m))
    log_gain = log_geometric_sum(parts.log_rho + log_kappa, T)
    id = "approximation.a_priori"
    inputs = {
        "T": T,
        "k": k,
        "m": m,
        "lam": lam,
        "N(lam)": N,
        "form": form,
        "log kappa": json_log(log_kappa),
        "log ||W_o'||_2": json_log(log_readout),
        "log gain": json_log(log_gain),
    }
    z = r"\sqrt{4\lambda}\,\min(\|%s\|_F, \sqrt{N(\lambda)}\,\|%s\|_2)"
    read_formula, drive_formula = z % ("W_o", "W_o"), z % ("W_h[J,:]", "W_h[J,:]")
    terms = (
        Term("read-out", limits[0], read_formula, id, {"lam": lam, "N(lam)": N}),
        Term(
            "propagated",
            add_up(log_readout, parts.log_rho, log_gain, limits[1]),
            f"{gain}\\,{drive_formula}",
            id,
            inputs,
        ),
    )
    missing = [c for c in conditions if c.name in PROVED_FROM and not c.holds]
    label = violated(", ".join(c.name for c in missing)) if missing else VALID
    statement = rf"\|\hat f - f'\|_{{n,T}} \le {read_formula} + {gain}\,{drive_formula}"
    notes = [note]
    if missing:
        existence = size_condition(N, k, m).holds
        notes.append(
            "The theorem promises the bound for some J of this size; it was not shown for this J."
            if existence
            else "Nothing promises the bound for this J: it is the value of the formula only."
        )
    return Bound(id, statement, terms, label, tuple(conditions), tuple(notes))


EVENT, RIDGE, NORM = "event of 2a", "ridge reconstruction", "norm of A"
PROVED_FROM = (EVENT, RIDGE, NORM)


def log_loss_factor(Z: Array, N: float) -> float:
    """Log of min(||Z||_F, sqrt(N) ||Z||_2), rounded up."""
    scale = float(np.abs(Z).max()) if Z.size else 0.0
    if scale == 0:
        return -math.inf
    frobenius = math.log(float(np.linalg.norm(Z / scale))) + math.log(scale)
    frobenius = up(frobenius + roundings(Z.size))
    return min(frobenius, add_up(log_norm(Z), 0.5 * log_up(N)))


def positive_tau(tau: Array, S: Array, k: int) -> Array:
    """Regulariser with zeros replaced by a value at which the event is hardly harder to meet."""
    tau = np.broadcast_to(np.asarray(tau, dtype=np.float64), (k,))
    floor = max(1e-10 * float(np.trace(S)) / len(S), np.finfo(np.float64).tiny)
    return np.maximum(tau, floor)


def event_value(S: Array, nodes: Nodes, tau: Array, lam: float) -> float:
    """lambda_max((S + lam)^{-1/2}(S - G)(S + lam)^{-1/2}), rounded up."""
    mu, U = np.linalg.eigh(S)
    mu = np.maximum(mu, 0)
    kap = mu / (mu + lam)
    B = np.sqrt(kap)[:, None] * U[nodes].T / np.sqrt(tau / lam)
    # The 2-norm of B B^T sets the size of the rounding in the difference.
    top = float(np.linalg.eigvalsh(np.diag(kap) - B @ B.T)[-1])
    reach = float(np.square(B).sum()) + 1
    # S itself may be off by m eps mu_1, which moves kap by that over lam.
    shift = roundings(8 * len(S), reach + float(mu.max()) / lam)
    return top + shift


def event_condition(S: Array, nodes: Nodes, tau: Array, lam: float) -> Condition:
    """Whether the event of section 2a holds for this J and tau."""
    value = event_value(S, nodes, tau, lam)
    return Condition(
        EVENT,
        value <= 0.75,
        f"lambda_max((S + lam)^(-1/2) (S - G) (S + lam)^(-1/2)) is {value:.4g}; 3/4 is allowed.",
    )


def ridge_condition(
    pruned: PrunedRNN, parts: Residuals, S: Array, limits: tuple[float, float]
) -> Condition:
    """Whether W_h' and W_o' are those of the ridge reconstruction with this tau.

    They are compared to 1e-6 of their largest entry, and, since that is a tolerance, the residuals
    they leave are compared with the losses that the event promises, with none.
    """
    from pruning.reconstruction import reconstruction_matrix

    full = pruned.original
    A = reconstruction_matrix(pruned.covariance, pruned.nodes, pruned.tau)
    gap = max(
        _gap(parts.w_output, full.w_output @ A),
        _gap(parts.w_hidden, full.w_hidden[pruned.nodes] @ A),
    )
    within = (
        log_residual_norm(parts.output, S) <= limits[0]
        and log_residual_norm(parts.hidden, S) <= limits[1]
    )
    return Condition(
        RIDGE,
        gap <= 1e-6 and within,
        "W_h' and W_o' differ from those of the ridge reconstruction with this tau by "
        f"{gap:.2g} of their largest entry; the residuals are "
        f"{'within' if within else 'above'} the losses of the event.",
    )


def _gap(now: Array, expected: Array) -> float:
    size = float(np.abs(expected).max(initial=0.0))
    gap = float(np.abs(now - expected).max(initial=0.0))
    return gap / size if size > 0 else gap


def size_condition(N: float, k: int, m: int) -> Condition:
    """Whether k >= 5 N log(80 N), the published condition for the existence of J."""
    needed = max(1.0, 5 * N * math.log(80 * N)) if N > 0 else 1.0
    detail = f"5 N log(80 N) is {needed:.4g} at N = {N:.4g}; k is {k} of m = {m} nodes."
    if needed > m:
        detail += " The condition is empty at this size: it asks for more nodes than there are."
    return Condition("k >= 5 N log 80 N", k >= needed, detail)


def norm_condition(tau: Array, lam: float, m: int) -> Condition:
    """sum_{j in J} 1/q_j <= (5/3) m k, which with the event gives ||A||_F <= sqrt((20/3) m N)."""
    if len(tau) and tau.min() == 0:
        return Condition(NORM, False, "tau is 0 at a kept node, where 1/q_j has no counterpart.")
    left = math.fsum(lam / tau)
    return Condition(
        NORM,
        left <= 5 / 3 * m,
        f"sum_j lam/tau_j is {left:.4g}; (5/3) m = {5 / 3 * m:.4g} is allowed.",
    )
