"""Greens that once spoke of nothing, and the right verdicts."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from validation import Conclusion, Instance, certify, claim, draw, verify
from validation.checking.certified import NO_INSTANCE, certified

ONE = draw(x=draw.reals(1, 2))


def checked(statement, **options):
    return verify(statement, quick=True, **options)


# -- 8. greens of nothing ------------------------------------------------------------------------

NEVER_MET = {
    "by rounding": lambda xp, x: (x * (1 + xp.asarray(2.0) ** -40), x),
    "by an identity that balls leave open": lambda xp, x: (xp.exp(x), xp.exp(x / 2) ** 2),
    "by a little": lambda xp, x: (x + xp.asarray(2.0) ** -45, x),
}


@pytest.mark.parametrize("how", NEVER_MET)
def test_hypotheses_met_within_a_tolerance_only_are_not_met(how):
    statement = claim("t.vacuous", "x", ONE, hypotheses={how: NEVER_MET[how]})(
        lambda xp, x: (x, 2 * x)
    )

    outcome = checked(statement)

    assert outcome.conclusion is Conclusion.UNDECIDED
    assert outcome.verdict.message == NO_INSTANCE or outcome.error


@pytest.mark.parametrize("kind", ["inequality", "identity", "loewner"])
def test_comparisons_of_nothing_are_not_green(kind):
    product = draw(F=draw.matrices("m", "k"), sizes={"m": (1, 3), "k": (0, 0)})
    bodies = {
        "inequality": lambda xp, F: (F + 1, F),
        "identity": lambda xp, F: (F + 1, F),
        "loewner": lambda xp, F: (F.T @ F + xp.eye(0), F.T @ F),
    }
    statement = claim("t.empty", "x", product, kind=kind)(bodies[kind])
    instance = statement.instances.sample(np.random.default_rng(0))

    certificate = certify(statement, instance)

    assert certificate.conclusion is Conclusion.UNDECIDED
    assert certificate.void == "the sides have no entries: nothing is compared"
    assert certified(statement, [instance]).conclusion is Conclusion.UNDECIDED
    assert checked(statement).conclusion is Conclusion.UNDECIDED


def test_empty_sides_among_others_do_no_harm():
    product = draw(x=draw.vectors("k"), sizes={"k": (0, 3)})
    statement = claim("t.sometimes", "x", product)(lambda xp, x: (x, xp.abs(x)))

    outcome = checked(statement)

    assert outcome.conclusion in (Conclusion.HOLDS, Conclusion.TIGHT)
    assert outcome.verdict.coverage.rejected > 0


def test_a_probabilistic_claim_about_nothing_has_no_successes():
    @claim("t.nothing", "x", draw(x=draw.vectors("k"), sizes={"k": (0, 0)}), kind="probabilistic",
           failure=Fraction(1, 10))  # fmt: skip
    def nothing(xp, rng, x):
        return x + 1, x

    outcome = checked(nothing)

    assert outcome.conclusion is Conclusion.UNDECIDED


def test_instances_that_given_rejects_certify_nothing():
    statement = claim("t.given", "x", ONE, given=lambda x: x > 1.5)(lambda xp, x: (x, x + 1))
    rejected, accepted = (Instance({}, {"x": x}) for x in (1.25, 1.75))

    assert certify(statement, rejected).conclusion is Conclusion.UNDECIDED
    assert certify(statement, accepted).conclusion is Conclusion.HOLDS
    verdict = certified(statement, [rejected])
    assert (verdict.conclusion, verdict.message) == (Conclusion.UNDECIDED, NO_INSTANCE)


def determinant_is_large():
    def large(xp, Z):
        return xp.asarray(2.0) ** -30, xp.abs(xp.linalg.det(Z))

    return {r"|\det Z| \ge 2^{-30}": large}


SQUARE = draw(Z=draw.matrices("m", "m"), sizes={"m": (1, 3)})


def test_a_singular_matrix_that_a_hypothesis_excludes_does_no_harm():
    @claim("t.condition", r"m \le \|Z\|_F^2 \|Z^{-1}\|_F^2", SQUARE,
           hypotheses=determinant_is_large())  # fmt: skip
    def condition(xp, Z):
        inverse = xp.linalg.solve(Z, xp.eye(Z.shape[0]))
        return xp.asarray(Z.shape[0]), xp.sum(inverse**2) * xp.sum(Z**2)

    singular = Instance({"m": 2}, {"Z": np.ones((2, 2))})

    certificate = certify(condition, singular)
    outcome = checked(condition, instances=(singular,))

    assert certificate.void
    assert outcome.conclusion in (Conclusion.HOLDS, Conclusion.TIGHT)


@pytest.mark.parametrize(("c", "right"), [(1, False), (Fraction(32, 31), True)])
def test_oblique_projections(c, right):
    """From a public question: true with 1; with 31/32 of the right side false for m >= 3."""

    square = draw(Z=draw.matrices("m", "m"), sizes={"m": (2, 5)})

    @claim("t.columns", r"2 n_i \le \sum_j n_j", square, hypotheses=determinant_is_large())
    def columns(xp, Z, *, c=1):
        X = Z / xp.sqrt(xp.sum(Z * Z, axis=1, keepdims=True))
        inverse = xp.linalg.solve(X, xp.eye(Z.shape[0]))
        n = xp.sqrt(xp.sum(inverse**2, axis=0))
        return 2 * c * n, xp.sum(n)

    outcome = checked(columns.with_constants(c=c))

    assert outcome.conclusion.bad is right
    assert right or outcome.conclusion in (Conclusion.HOLDS, Conclusion.TIGHT)
