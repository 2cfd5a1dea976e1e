"""Section 2 of the theory: degrees of freedom and ridge leverage scores."""

from __future__ import annotations

from validation.catalogue import proofs
from validation.catalogue.stating import Section
from validation.instances import draw

section = Section("2")
SETTING = draw(S=draw.covariances(), lam=draw.positive())


def smoothed(xp, S, lam):
    """K = (S + lam I)^{-1} S, symmetric, with eigenvalues mu_j/(mu_j + lam)."""
    return xp.linalg.solve(S + lam * xp.eye(S.shape[0]), S)


def degrees_of_freedom(xp, S, lam):
    """N(lam) = Tr S (S + lam I)^{-1}."""
    return xp.linalg.trace(smoothed(xp, S, lam))


@section.classic(
    "dof.range",
    r"N(\lambda) \le \operatorname{Tr} S / \lambda",
    SETTING,
    code="bounds.degrees_of_freedom",
    proof="Each mu/(mu + lam) is at most mu/lam.",
    symbolic=proofs.range_trace,
    invariance={"S": 1, "lam": 1},
)
def range_trace(xp, S, lam, *, c=1):
    return degrees_of_freedom(xp, S, lam), c * xp.linalg.trace(S) / lam


@section.classic(
    "dof.range_rank",
    r"0 \le N(\lambda) \le \operatorname{rank} S",
    draw(F=draw.matrices("m", "r"), lam=draw.positive(), sizes={"r": (1, 4)}),
    code="bounds.degrees_of_freedom",
    proof="S = F F^T has rank at most min(m, r), and every term of N lies in [0, 1).",
    invariance={"F": 0.5, "lam": 1},
)
def range_rank(xp, F, lam):
    m, r = F.shape
    N = degrees_of_freedom(xp, F @ F.T, lam)
    return xp.stack([xp.asarray(0.0), N]), xp.stack([N, xp.asarray(float(min(m, r)))])


@section.classic(
    "dof.decreasing",
    r"N(\lambda') \le N(\lambda) \text{ for } \lambda \le \lambda'",
    draw(S=draw.covariances(), lam=draw.positive(), step=draw.positive()),
    code="bounds.degrees_of_freedom",
    symbolic=proofs.decreasing,
    invariance={"S": 1, "lam": 1, "step": 1},
)
def decreasing(xp, S, lam, step):
    return degrees_of_freedom(xp, S, lam + step), degrees_of_freedom(xp, S, lam)


@section.classic(
    "dof.convex",
    r"2 N((\lambda_1 + \lambda_2)/2) \le N(\lambda_1) + N(\lambda_2)",
    draw(S=draw.covariances(), lam=draw.positive(), step=draw.positive()),
    code="bounds.degrees_of_freedom",
    proof="Each mu/(mu + lam) is convex in lam > 0.",
    symbolic=proofs.convex,
    invariance={"S": 1, "lam": 1, "step": 1},
)
def convex(xp, S, lam, step):
    ends = degrees_of_freedom(xp, S, lam) + degrees_of_freedom(xp, S, lam + 2 * step)
    return 2 * degrees_of_freedom(xp, S, lam + step), ends


@section.classic(
    "dof.product_increasing",
    r"\lambda N(\lambda) \le \lambda' N(\lambda') \le \operatorname{Tr} S"
    r"\text{ for } \lambda \le \lambda'",
    draw(S=draw.covariances(), lam=draw.positive(), step=draw.positive()),
    code="bounds.degrees_of_freedom",
    symbolic=proofs.product_increasing,
    invariance={"S": 1, "lam": 1, "step": 1},
)
def product_increasing(xp, S, lam, step):
    larger = (lam + step) * degrees_of_freedom(xp, S, lam + step)
    return (
        xp.stack([lam * degrees_of_freedom(xp, S, lam), larger]),
        xp.stack([larger, xp.linalg.trace(S)]),
    )


@section.classic(
    "dof.leverage",
    r"0 \le l_j(\lambda) \le 1",
    SETTING,
    code="pruning.leverage_scores",
    proof="K = S (S + lam)^{-1} has its eigenvalues in [0, 1).",
    invariance={"S": 1, "lam": 1},
)
def leverage(xp, S, lam):
    scores = xp.linalg.diagonal(smoothed(xp, S, lam))
    return xp.concat([0 * scores, scores], axis=0), xp.concat([scores, 0 * scores + 1], axis=0)


@section.classic(
    "dof.leverage_sum",
    r"\textstyle\sum_j l_j(\lambda) = N(\lambda) = \sum_j \mu_j/(\mu_j + \lambda)",
    draw(mu=draw.spectra(), Q=draw.orthogonal(), lam=draw.positive(), sizes={"m": (1, 4)}),
    kind="identity",
    code="bounds.degrees_of_freedom",
    proof="The trace is a sum of a diagonal and of eigenvalues.",
    invariance={"mu": 1, "lam": 1},
)
def leverage_sum(xp, mu, Q, lam):
    S = (Q * mu) @ Q.T
    scores = xp.linalg.diagonal(smoothed(xp, S, lam))
    return xp.sum(scores), xp.sum(mu / (mu + lam))


def above(xp, mu, lam):
    """Which eigenvalues exceed lam; certain or Undecided."""
    return [bool(mu[j] > lam) for j in range(mu.shape[0])]


def summed(xp, values):
    """The sum of a list of scalars, which may be empty."""
    total = xp.asarray(0.0)
    for value in values:
        total = total + value
    return total


SPECTRUM = draw(mu=draw.spectra(), lam=draw.positive())


@section.classic(
    "dof.spectrum_split",
    r"\#\{j: \mu_j > \lambda\} \le 2 N(\lambda)",
    SPECTRUM,
    code="bounds.degrees_of_freedom",
    proof="mu/(mu + lam) > 1/2 where mu > lam.",
    symbolic=proofs.spectrum_split,
    invariance={"mu": 1, "lam": 1},
)
def spectrum_split(xp, mu, lam, *, c=2):
    return xp.asarray(float(sum(above(xp, mu, lam)))), c * xp.sum(mu / (mu + lam))


@section.classic(
    "dof.spectrum_split_tail",
    r"\textstyle\sum_{\mu_j \le \lambda} \mu_j \le 2 \lambda N(\lambda)",
    SPECTRUM,
    code="bounds.degrees_of_freedom",
    proof="mu = (mu + lam) mu/(mu + lam) <= 2 lam mu/(mu + lam) where mu <= lam.",
    symbolic=proofs.spectrum_split,
    invariance={"mu": 1, "lam": 1},
)
def spectrum_split_tail(xp, mu, lam, *, c=2):
    tail = [mu[j] for j, large in enumerate(above(xp, mu, lam)) if not large]
    return summed(xp, tail), c * lam * xp.sum(mu / (mu + lam))


@section.sharper(
    "dof.spectrum_split_joint",
    r"\#\{\mu_j > \lambda\} + \textstyle\sum_{\mu_j \le \lambda} \mu_j/\lambda \le 2 N(\lambda)",
    SPECTRUM,
    steps=(spectrum_split, spectrum_split_tail),
    code="bounds.degrees_of_freedom",
    proof="Both inequalities hold term by term, and every eigenvalue is in one of the two sums.",
    symbolic=proofs.spectrum_split,
    invariance={"mu": 1, "lam": 1},
)
def spectrum_split_joint(xp, mu, lam, *, c=2):
    large = above(xp, mu, lam)
    tail = [mu[j] / lam for j, is_large in enumerate(large) if not is_large]
    return sum(large) + summed(xp, tail), c * xp.sum(mu / (mu + lam))
