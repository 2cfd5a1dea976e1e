r"""Section 9 of the theory: PAC-Bayes with a training error that is estimated by drawing.

Q may depend on the sample, and is fixed before the networks are drawn from it. Where all samples
and all draws are listed, the probability of a failure is a sum. Classifiers are those of `occam`:
all labellings of a few points; P is uniform, and Q weighs each by 2^(-spread k), k its errors.
"""

from __future__ import annotations

import math

from bounds.others.pac_bayes_kl import SHARE
from bounds.relative_entropy import inverse_kl
from bounds.rounding import raised
from validation.arithmetic.values import Value
from validation.catalogue.martingales import DELTAS
from validation.catalogue.occam import classifiers, error, samples
from validation.catalogue.stating import Section
from validation.instances import draw

section = Section("9", {"sharper": "L05, sections 8 and 9 of the theory"})
DOMAIN = draw(
    P=draw.stochastic_matrices("row", "d"),
    n=draw.choices(1, 2, 3, 8, 16, 4096),
    N=draw.choices(1, 2, 3, 4, 6),
    spread=draw.choices(0, 0, 1, 4),
    delta=DELTAS,
    sizes={"row": 1, "d": (1, 2)},
)


@section.sharper(
    "others.pac_bayes_kl_drawn",
    r"\sum_{\text{samples, draws}} P(\text{sample}) Q^N(\text{draws}) [\Psi(Q) >"
    r"\mathrm{kl}^{-1}(\mathrm{kl}^{-1}(\hat q; \tfrac{\ln(1/\delta_1)}{N});"
    r"\tfrac{KL(Q \| P) + \ln(2 \sqrt n/\delta_2)}{n})] \le \delta = \delta_1 + \delta_2",
    DOMAIN,
    code="bounds.others.pac_bayes_kl",
    proof="Given the sample, the N training errors that are drawn are independent with the mean "
    "Psi^(Q): by Chernoff the inner inverse lies below it with probability at most delta_1. "
    "`others.pac_bayes_kl` fails with probability at most delta_2, and the inverse grows with its "
    "first argument.",
)
def pac_bayes_kl_drawn(xp, P, n, N, spread, delta, *, monte_carlo=1):
    total = xp.asarray(0.0)
    p, sets = P[0, :], classifiers(P.shape[1])
    if P.shape[1] == 1:
        listed = [([n], p[0])]  # one sample, of probability 1
    else:
        n = min(n, 16)  # whose coefficients are exact floats
        listed = list(samples(xp, p, n))
    for counts, chance in listed:
        k = [sum(counts[j] for j in wrong) for wrong in sets]
        Q, divergence = posterior(xp, k, spread)
        wrong = sum((q * error(xp, p, s) for q, s in zip(Q, sets)), 0 * p[0])
        right = sum((q * error(xp, p, rest(P.shape[1], s)) for q, s in zip(Q, sets)), 0 * p[0])
        for drawn, probability in estimates(xp, Q, k, N):
            if fails(xp, drawn, wrong, right, divergence, n, N, delta, bool(monte_carlo)):
                total = total + chance * probability
    return total, xp.asarray(delta)


def rest(d: int, wrong: list[int]) -> list[int]:
    """The points that are not in the list."""
    return [j for j in range(d) if j not in wrong]


def posterior(xp, k, spread):
    """Q over classifiers with these errors, and KL(Q || P) for uniform P."""
    above = [spread * (errors - min(k)) for errors in k]
    weights = [2.0**-value for value in above]  # exact, and so is their sum
    whole = xp.asarray(sum(weights))
    Q = [xp.asarray(weight) / whole for weight in weights]
    mean = sum((q * float(value) for q, value in zip(Q, above)), 0 * whole)
    return Q, xp.log(xp.asarray(1.0 * len(k))) - xp.log(whole) - mean * xp.log(xp.asarray(2.0))


def estimates(xp, Q, k, N):
    """The errors of N classifiers drawn from Q together, and with what probability."""
    found = {0: xp.asarray(1.0)}
    for _ in range(N):
        after: dict[int, Value] = {}
        for total, probability in found.items():
            for q, errors in zip(Q, k):
                after[total + errors] = after.get(total + errors, 0 * probability) + probability * q
        found = after
    return list(found.items())


def fails(
    xp,
    drawn,
    wrong,
    right,
    divergence,
    n,
    N,
    delta,
    monte_carlo=True,
):
    """Whether Psi(Q), `wrong`, lies above the bound that `drawn` errors of N networks give."""
    if drawn == n * N:
        return False
    if monte_carlo:
        # An upper end, on a grid: the same number in every arithmetic.
        q = min(1.0, raised(drawn / (n * N)))
        end = inverse_kl(q, raised(-math.log(SHARE * delta) / N))
        top = xp.asarray(min(1.0, math.ceil(end * 2**20) / 2**20))
    else:
        top = xp.asarray(1.0 * drawn) / (n * N)
    if bool(wrong <= top):
        return False
    if bool(right <= 0):
        return True  # kl(top || 1) is infinite
    value = (1 - top) * xp.log((1 - top) / right)
    if drawn or monte_carlo:
        value = value + top * xp.log(top / wrong)
    second = xp.asarray(delta) * 9 / 10  # 1 - SHARE
    paid = divergence + xp.log(2 * xp.sqrt(xp.asarray(1.0 * n)) / second)
    return bool(n * value > paid)
