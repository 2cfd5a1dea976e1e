"""Section 1 of the theory: reconstruction and information losses."""

from __future__ import annotations

from validation.catalogue.stating import Section
from validation.instances import draw

section = Section("1", {"paper": "F22, section 1 of the theory (reconstructed)"})
# Nonsingular, so that the textbook formula with tau = 0 has its inverse.
SETTING = draw(
    S=draw.covariances(nonsingular=True),
    J=draw.node_sets(),
    tau=draw.ridges(),
    sizes={"k": (1, "m")},
)


def minor(xp, S, rows, columns):
    """S[rows, columns]."""
    return xp.take(xp.take(S, rows, axis=0), columns, axis=1)


def diagonal(xp, values):
    """The diagonal matrix with these entries."""
    return xp.eye(values.shape[0]) * values


def reconstruction(xp, S, J, tau):
    """A = S_{:J}(S_J + I_tau)^{-1}, (m, k), for S_J + I_tau nonsingular."""
    return xp.linalg.solve(minor(xp, S, J, J) + diagonal(xp, tau), xp.take(S, J, axis=0)).T


def ridge_schur_complement(xp, S, J, tau):
    """C = S - S_{:J}(S_J + I_tau)^{-1} S_{J:}, for S_J + I_tau nonsingular."""
    return S - reconstruction(xp, S, J, tau) @ xp.take(S, J, axis=0)


def regularised_error(xp, S, J, tau, Z, B):
    """||Z phi - B phi_J||^2_{n,T} + ||B||^2_tau, expanded in S."""
    S_J, S_allJ = minor(xp, S, J, J), xp.take(S, J, axis=1)
    cross = xp.linalg.trace(Z @ S_allJ @ B.T)
    quadratic = xp.linalg.trace(B @ (S_J + diagonal(xp, tau)) @ B.T)
    return xp.linalg.trace(Z @ S @ Z.T) - 2 * cross + quadratic


def residual_covariance(xp, S, J, A):
    """R = S - A S_{J:} - S_{:J} A^T + A S_J A^T, for any A."""
    cross = A @ xp.take(S, J, axis=0)
    return S - cross - cross.T + A @ minor(xp, S, J, J) @ A.T


@section.paper(
    "reconstruction.closed_form",
    r"\operatorname{Tr} C \le \|\phi - B \phi_J\|^2_{n,T} + \|B\|^2_\tau \text{ for every } B,"
    r"\quad C = S - S_{:J}(S_J + I_\tau)^{-1}S_{J:}",
    draw(
        S=draw.covariances(nonsingular=True),
        J=draw.node_sets(),
        tau=draw.ridges(),
        B=draw.matrices("m", "k"),
        sizes={"k": (1, "m")},
    ),
    code="pruning.reconstruction_matrix",
    proof="Complete the square in B: the remainder is (B - A)(S_J + I_tau)(B - A)^T >= 0.",
)
def closed_form(xp, S, J, tau, B):
    C = ridge_schur_complement(xp, S, J, tau)
    return xp.linalg.trace(C), regularised_error(xp, S, J, tau, xp.eye(S.shape[0]), B)


@section.paper(
    "reconstruction.attained",
    r"\|\phi - A \phi_J\|^2_{n,T} + \|A\|^2_\tau = \operatorname{Tr} C,"
    r"\quad A = S_{:J}(S_J + I_\tau)^{-1}",
    draw(
        h=draw.arrays("n", "T", "m"),
        J=draw.node_sets(),
        tau=draw.ridges(),
        sizes={"k": (1, "m"), "n": (1, 4), "m": (1, 4)},
        positive=draw.positive(),
    ),
    kind="identity",
    code="pruning.information_loss",
    proof="Set B = A in the expansion; here the norm is summed over the sample itself.",
)
def attained(xp, h, J, tau, positive):
    n, T, m = h.shape
    states = xp.reshape(h, (n * T, m))
    S = states.T @ states / (n * T)
    ridge = tau + positive  # S of a sample may be singular
    A = reconstruction(xp, S, J, ridge)
    residuals = states - xp.take(states, J, axis=1) @ A.T
    left = xp.sum(residuals**2) / (n * T) + xp.sum(A**2 * ridge)
    return left, xp.linalg.trace(ridge_schur_complement(xp, S, J, ridge))


@section.paper(
    "reconstruction.output_loss",
    r"\operatorname{Tr}[Z C Z^T] \le \|Z\phi - B \phi_J\|^2_{n,T} + \|B\|^2_\tau"
    r"\text{ for every } B",
    draw(
        S=draw.covariances(nonsingular=True),
        J=draw.node_sets(),
        tau=draw.ridges(),
        Z=draw.matrices("q", "m"),
        B=draw.matrices("q", "k"),
        sizes={"k": (1, "m")},
    ),
    code="pruning.information_loss",
    proof="As reconstruction.closed_form, row by row; attained at B = Z A.",
)
def output_loss(xp, S, J, tau, Z, B):
    C = ridge_schur_complement(xp, S, J, tau)
    return xp.linalg.trace(Z @ C @ Z.T), regularised_error(xp, S, J, tau, Z, B)


@section.paper(
    "reconstruction.output_attained",
    r"\|Z\phi - Z A \phi_J\|^2_{n,T} + \|Z A\|^2_\tau = \operatorname{Tr}[Z C Z^T]",
    draw(
        S=draw.covariances(nonsingular=True),
        J=draw.node_sets(),
        tau=draw.ridges(),
        Z=draw.matrices("q", "m"),
        sizes={"k": (1, "m")},
    ),
    kind="identity",
    code="pruning.information_loss",
)
def output_attained(xp, S, J, tau, Z):
    C = ridge_schur_complement(xp, S, J, tau)
    B = Z @ reconstruction(xp, S, J, tau)
    return regularised_error(xp, S, J, tau, Z, B), xp.linalg.trace(Z @ C @ Z.T)


@section.classic(
    "reconstruction.positive",
    r"0 \preceq C \preceq S",
    SETTING,
    kind="loewner",
    code="pruning.ridge_schur_complement",
    proof="C is a Schur complement of a positive semidefinite matrix; S - C is a congruence.",
)
def positive(xp, S, J, tau):
    C = ridge_schur_complement(xp, S, J, tau)
    m = S.shape[0]
    zero = xp.zeros((m, m))
    lower = xp.concat([xp.concat([zero, zero], axis=1), xp.concat([zero, C], axis=1)], axis=0)
    upper = xp.concat([xp.concat([C, zero], axis=1), xp.concat([zero, S], axis=1)], axis=0)
    return lower, upper


@section.paper(
    "selection.marginal_gain",
    r"C(J + j) = C(J) - \frac{C_{:j} C_{:j}^T}{C_{jj} + \tau_j}",
    draw(
        S=draw.covariances(nonsingular=True),
        J=draw.node_sets(),
        tau=draw.ridges("m"),
        sizes={"m": (2, 5), "k": (2, "m")},
    ),
    kind="identity",
    code="pruning.select_nodes",
    proof="Block elimination: the ridge Schur complement of a Schur complement.",
)
def marginal_gain(xp, S, J, tau):
    before, j = J[:-1], J[-1:]
    C = ridge_schur_complement(xp, S, before, xp.take(tau, before, axis=0))
    column = xp.take(C, j, axis=1)
    pivot = minor(xp, C, j, j) + xp.take(tau, j, axis=0)
    return ridge_schur_complement(xp, S, J, xp.take(tau, J, axis=0)), C - column @ column.T / pivot


@section.paper(
    "selection.monotone",
    r"\operatorname{Tr}[M C(J + j)] \le \operatorname{Tr}[M C(J)] \text{ for a fixed } M \succeq 0",
    draw(
        S=draw.covariances(nonsingular=True),
        J=draw.node_sets(),
        tau=draw.ridges("m"),
        Z=draw.matrices("q", "m"),
        theta=draw.reals(0, 1),
        sizes={"m": (2, 5), "k": (2, "m")},
    ),
    steps=(marginal_gain,),
    code="pruning.select_nodes",
    proof="The gain c_j^T M c_j/(C_jj + tau_j) is at least 0.",
)
def monotone(xp, S, J, tau, Z, theta):
    M = theta * xp.eye(S.shape[0]) + (1 - theta) * Z.T @ Z

    def objective(nodes):
        return xp.linalg.trace(
            M @ ridge_schur_complement(xp, S, nodes, xp.take(tau, nodes, axis=0))
        )

    return objective(J), objective(J[:-1])


@section.classic(
    "selection.monotone_in_tau",
    r"C(J; \tau) \preceq C(J; \tau + \sigma), \; \sigma \ge 0",
    draw(
        S=draw.covariances(nonsingular=True),
        J=draw.node_sets(),
        tau=draw.ridges(),
        sigma=draw.ridges(),
        sizes={"k": (1, "m")},
    ),
    kind="loewner",
    code="pruning.ridge_schur_complement",
    proof="(S_J + I_tau)^{-1} decreases in tau, in the Loewner order.",
)
def monotone_in_tau(xp, S, J, tau, sigma):
    larger = ridge_schur_complement(xp, S, J, tau + sigma)
    return ridge_schur_complement(xp, S, J, tau), larger


@section.classic(
    "selection.eckart_young",
    r"\sum_{j>k} \mu_j \le L_A(J)",
    SETTING,
    source="Eckart and Young 1936; section 1 of the theory",
    code="pruning.information_loss",
    proof="A phi_J has rank at most k; attained when J spans the leading eigenvectors, tau = 0.",
)
def eckart_young(xp, S, J, tau, *, c=1):
    mu = xp.linalg.eigvalsh(S)  # ascending
    tail = xp.sum(mu[: S.shape[0] - J.shape[0]])
    return tail, c * xp.linalg.trace(ridge_schur_complement(xp, S, J, tau))


@section.paper(
    "selection.residual_covariance",
    r"R \preceq C, \quad R = S - A S_{J:} - S_{:J}A^T + A S_J A^T",
    SETTING,
    kind="loewner",
    code="pruning.residual_covariance",
    proof="C - R = A I_tau A^T, which is selection.residual_identity.",
)
def residual(xp, S, J, tau):
    R = residual_covariance(xp, S, J, reconstruction(xp, S, J, tau))
    return R, ridge_schur_complement(xp, S, J, tau)


@section.paper(
    "selection.residual_identity",
    r"C = R + A I_\tau A^T",
    SETTING,
    kind="identity",
    code="pruning.residual_covariance",
)
def residual_identity(xp, S, J, tau):
    A = reconstruction(xp, S, J, tau)
    R = residual_covariance(xp, S, J, A)
    return ridge_schur_complement(xp, S, J, tau), R + A @ diagonal(xp, tau) @ A.T


@section.paper(
    "selection.residual_of_sample",
    r"\tfrac{1}{nT}\sum_{i,t} r_t^i (r_t^i)^T = S - A S_{J:} - S_{:J}A^T + A S_J A^T"
    r"\text{ for any } A, \; r_t = h_t - A h_{t,J}",
    draw(
        h=draw.arrays("n", "T", "m"),
        J=draw.node_sets(),
        A=draw.matrices("m", "k"),
        sizes={"k": (1, "m"), "m": (1, 4)},
    ),
    kind="identity",
    code="pruning.residual_covariance",
)
def residual_of_sample(xp, h, J, A):
    n, T, m = h.shape
    states = xp.reshape(h, (n * T, m))
    r = states - xp.take(states, J, axis=1) @ A.T
    S = states.T @ states / (n * T)
    return r.T @ r / (n * T), residual_covariance(xp, S, J, A)
