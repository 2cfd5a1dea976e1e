"""Section 1 of the theory: reconstruction and information losses."""

from __future__ import annotations

from typing import Any

from ..claims import claim
from ..instances import draw

SECTION = "1"


def minor(xp: Any, S: Any, rows: Any, columns: Any) -> Any:
    """S[rows, columns]."""
    return xp.take(xp.take(S, rows, axis=0), columns, axis=1)


def ridge_schur_complement(xp: Any, S: Any, J: Any, tau: Any) -> Any:
    """C = S - S_{:J}(S_J + I_tau)^{-1} S_{J:}, for S_J + I_tau nonsingular."""
    S_J, S_Jall = minor(xp, S, J, J), xp.take(S, J, axis=0)
    return S - S_Jall.T @ xp.linalg.solve(S_J + diagonal(xp, tau), S_Jall)


def diagonal(xp: Any, values: Any) -> Any:
    """The diagonal matrix with these entries."""
    return xp.eye(values.shape[0]) * values


@claim(
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
    source="F22, section 1 of the theory (reconstructed)",
    section=SECTION,
    label="paper",
    code="pruning.reconstruction_matrix",
    proof="Complete the square in B: the remainder is (B - A)(S_J + I_tau)(B - A)^T >= 0.",
)
def closed_form(xp: Any, S: Any, J: Any, tau: Any, B: Any) -> Any:
    C = ridge_schur_complement(xp, S, J, tau)
    S_J, S_allJ = minor(xp, S, J, J), xp.take(S, J, axis=1)
    cross = xp.linalg.trace(S_allJ @ B.T)
    quadratic = xp.linalg.trace(B @ (S_J + diagonal(xp, tau)) @ B.T)
    return xp.linalg.trace(C), xp.linalg.trace(S) - 2 * cross + quadratic


@claim(
    "selection.eckart_young",
    r"\sum_{j>k} \mu_j \le L_A(J)",
    draw(
        S=draw.covariances(nonsingular=True),
        J=draw.node_sets(),
        tau=draw.ridges(),
        sizes={"k": (1, "m")},
    ),
    source="Eckart and Young 1936; section 1 of the theory",
    section=SECTION,
    label="classic",
    code="pruning.information_loss",
)
def eckart_young(xp: Any, S: Any, J: Any, tau: Any, *, c: Any = 1) -> Any:
    mu = xp.linalg.eigvalsh(S)  # ascending
    tail = xp.sum(mu[: S.shape[0] - J.shape[0]])
    return tail, c * xp.linalg.trace(ridge_schur_complement(xp, S, J, tau))
