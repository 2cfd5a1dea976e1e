r"""Section 8 of the theory: Occam bounds where every classifier and every sample is listed.

The domain has d points with stated probabilities, the classifiers are all 2^d labellings of it, and
each errs where it differs from the true labelling, which is 0. The code of classifier i (its bits
are the labels) has i + 1 bits, the last two have as many: a complete prefix code in which the
length says nothing of the error. The probability of a failure is a sum over all samples.
"""

from __future__ import annotations

import math
from itertools import product

from validation.catalogue.martingales import DELTAS
from validation.catalogue.occam_probabilities import binomial_tail
from validation.catalogue.stating import Section
from validation.instances import draw

section = Section("8", {"sharper": "L05, section 8 of the theory"})
DOMAIN = draw(
    P=draw.stochastic_matrices("row", "d"),
    n=draw.size("n"),
    delta=DELTAS,
    sizes={"row": 1, "d": (1, 3), "n": (1, 3)},
)


def classifiers(d: int) -> list[list[int]]:
    """All labellings of d points, as lists of the points where they err."""
    return [[j for j, wrong in enumerate(bits) if wrong] for bits in product((0, 1), repeat=d)]


def unary_lengths(M: int) -> list[int]:
    """1, 2, ..., M - 1, M - 1: complete (Kraft's sum is 1); one codeword has no bits."""
    return [min(i + 1, M - 1) for i in range(M)]


def samples(xp, p, n):
    """Every sample as counts of the points, with its probability."""
    d = p.shape[0]
    for counts in product(range(n + 1), repeat=d):
        if sum(counts) == n:
            chance = xp.asarray(1.0 * math.factorial(n))
            for j, count in enumerate(counts):
                chance = chance * p[j] ** count / math.factorial(count)
            yield list(counts), chance


def error(xp, p, wrong):
    """The probability of the points where a classifier errs."""
    total = 0 * p[0]
    for j in wrong:
        total = total + p[j]
    return total


def failing(
    xp,
    p,
    n,
    fails,
    sets=None,
    lengths=None,
):
    """P(fails(err, 1 - err, k, length) for some classifier), summed over all samples."""
    d = p.shape[0]
    sets = classifiers(d) if sets is None else sets
    lengths = unary_lengths(len(sets)) if lengths is None else lengths
    errors = [error(xp, p, wrong) for wrong in sets]
    rights = [error(xp, p, [j for j in range(d) if j not in wrong]) for wrong in sets]
    total = 0 * p[0]
    for counts, chance in samples(xp, p, n):
        k = [sum(counts[j] for j in wrong) for wrong in sets]
        if any(fails(*case) for case in zip(errors, rights, k, lengths)):
            total = total + chance
    return total


def tail_fails(xp, n, delta, bits=1):
    """Whether the error lies above the bound of `occam.binomial`: its tail is below the level."""

    def fails(err, right, k, length):
        level = xp.asarray(delta) / xp.asarray(2.0) ** (bits * length)
        return bool(binomial_tail(xp, n, err, k) < level)

    return fails


@section.sharper(
    "occam.binomial_exact",
    r"\sum_{\text{samples}} P(\text{sample}) [\exists c: P(\operatorname{Bin}(n,"
    r"\operatorname{err}(c)) \le k_c) < \delta 2^{-|c|}] \le \delta",
    DOMAIN,
    code="bounds.binomial",
    proof="As `occam.binomial`, here with every classifier on a finite domain and every sample: "
    "the left side is the exact probability of a failure.",
)
def binomial_exact(xp, P, n, delta, *, bits=1):
    return failing(xp, P[0, :], n, tail_fails(xp, n, delta, bits)), xp.asarray(delta)


@section.sharper(
    "occam.kl_exact",
    r"\sum_{\text{samples}} P(\text{sample}) [\exists c: k_c/n < \operatorname{err}(c),"
    r"\; n\, \mathrm{kl}(k_c/n \| \operatorname{err}(c)) > |c| \ln 2 + \ln(1/\delta)] \le \delta",
    DOMAIN,
    code="bounds.relative_entropy",
    proof="As `occam.kl`, summed over every sample. One-sided: k/n below the error.",
)
def kl_exact(xp, P, n, delta, *, bits=1, inner=1):
    return failing(xp, P[0, :], n, kl_fails(xp, n, delta, bits, inner)), xp.asarray(delta)


def kl_fails(xp, n, delta, bits=1, inner=1, both=False):
    """Whether kl exceeds its level, where the sample errs too rarely, or (`both`) too often."""

    def fails(err, right, k, length):
        if bool(err <= 0) or bool(right <= 0):
            return False  # k is then what it is for certain
        q = xp.asarray(1.0 * k) / n
        value = q * xp.log(q / err) if k else 0 * err
        value = value + ((1 - q) * xp.log((1 - q) / right) if k < n else 0 * err)
        price = bits * length * xp.log(xp.asarray(2.0)) + xp.log(inner / xp.asarray(delta))
        return bool(n * value > price) and (both or bool(err > q))

    return fails
