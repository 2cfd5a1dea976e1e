"""Section 2 of the theory: degrees of freedom, and how many nodes suffice."""

from __future__ import annotations

from typing import Any

from ..claims import claim
from ..instances import draw

SECTION = "2"


def degrees_of_freedom(xp: Any, S: Any, lam: Any) -> Any:
    """N(lam) = Tr S (S + lam I)^{-1}."""
    return xp.linalg.trace(xp.linalg.solve(S + lam * xp.eye(S.shape[0]), S))


@claim(
    "dof.range",
    r"N(\lambda) \le \operatorname{Tr} S / \lambda",
    draw(S=draw.covariances(), lam=draw.positive()),
    source="section 2 of the theory",
    section=SECTION,
    label="classic",
    code="bounds.degrees_of_freedom",
    proof=r"Each \mu/(\mu + \lambda) is at most \mu/\lambda.",
)
def range_trace(xp: Any, S: Any, lam: Any, *, c: Any = 1) -> Any:
    return degrees_of_freedom(xp, S, lam), c * xp.linalg.trace(S) / lam


@claim(
    "dof.spectrum_split",
    r"\#\{j: \mu_j > \lambda\} \le 2 N(\lambda)",
    draw(above=draw.positive(), lam=draw.positive()),
    source="section 2 of the theory",
    section=SECTION,
)
def spectrum_split(xp: Any, above: Any, lam: Any, *, c: Any = 2) -> Any:
    mu = lam + above
    return xp.asarray(1), c * mu / (mu + lam)
