"""A claim is a value: what it holds, and what it refuses."""

from __future__ import annotations

import pickle
import re
from fractions import Fraction

import numpy as np
import pytest

from validation import Claim, ClaimError, Conclusion, Coverage, Evidence, Verdict, claim, draw
from validation.arithmetic import FLOAT64

INSTANCES = draw(S=draw.covariances(), lam=draw.positive())


def made(**options):
    @claim("a.b", "x", INSTANCES, **options)
    def body(xp, S, lam, *, c=1, d=Fraction(20, 3)):
        return xp.linalg.trace(S), c * d * lam

    return body


def test_a_claim_is_called_as_its_body_with_its_constants():
    S = np.eye(3)

    left, right = made()(FLOAT64.xp, S, 2.0)

    assert (left, right) == (3.0, float(Fraction(40, 3)))


def test_constants_are_the_keyword_only_defaults_and_can_be_exchanged():
    original = made()

    other = original.with_constants(c=3)

    assert original.constants == {"c": 1, "d": Fraction(20, 3)}
    assert other.changed() == {"c": 3}
    assert other(FLOAT64.xp, np.eye(1), Fraction(1))[1] == 20
    assert isinstance(other, Claim)


def test_an_unknown_constant_is_named_with_the_known_ones():
    with pytest.raises(ClaimError, match=r"a\.b \(test_claim\.py:\d+\): no constant 'e'.*c, d"):
        made().with_constants(e=3)


@pytest.mark.parametrize("value", [True, "3", None, 1j])
def test_a_constant_must_be_a_number(value):
    with pytest.raises(ClaimError, match="c must be an int"):
        made().with_constants(c=value)


@pytest.mark.parametrize("value", [0.1, 1 / 3, 1e-9, -2.48, float("nan"), float("inf")])
def test_a_constant_that_was_rounded_already_is_refused_with_the_remedy(value):
    remedy = "write Fraction" if np.isfinite(value) else "must be finite"
    with pytest.raises(ClaimError, match=rf"c .*{remedy}"):
        made().with_constants(c=value)

    with pytest.raises(ClaimError, match=rf"the constant c .*{remedy}"):

        @claim("a.b", "x", INSTANCES)
        def body(xp, lam, *, c=value):
            return c * lam, lam

    with pytest.raises(ClaimError, match=rf"failure .*{remedy}"):

        @claim("a.b", "x", INSTANCES, kind="probabilistic", failure=value)
        def other(xp, rng, lam):
            return lam, lam


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.1, "Fraction(1, 10)"), (1 / 3, "Fraction(1, 3)"), (1e-9, "Fraction(1, 1000000000)"),
     (3.14159, "Fraction(314159, 100000)"), (20 / 3, "Fraction(20, 3)")],
)  # fmt: skip
def test_the_remedy_is_what_was_meant(value, text):
    with pytest.raises(ClaimError, match=re.escape(f"write {text}")):
        made().with_constants(c=value)
    assert made().with_constants(c=eval(text)).constants["c"] == eval(text)


@pytest.mark.parametrize("value", [0.75, 3.0, 2.0**-40, Fraction(1, 10), 10**30])
def test_a_constant_that_is_exact_is_taken(value):
    assert made().with_constants(c=value).constants["c"] == value


def test_the_place_of_the_body_is_known():
    file, line = made().where

    assert file.endswith("test_claim.py")
    assert made().location == f"test_claim.py:{line}"


def test_a_body_that_asks_for_what_is_not_drawn_is_refused():
    with pytest.raises(ClaimError, match="takes Z, which is not drawn; drawn: S, lam"):

        @claim("a.b", "x", INSTANCES)
        def body(xp, S, Z):
            return 0, 0


def test_a_body_must_begin_with_xp():
    with pytest.raises(ClaimError, match="first arguments must be xp"):

        @claim("a.b", "x", INSTANCES)
        def body(S, lam):
            return 0, 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "wish"}, "kind must be one of"),
        ({"kind": "order"}, "first arguments must be xp, x"),
        ({"kind": "probabilistic"}, "first arguments must be xp, rng"),
        ({"hypotheses": {"lam": 3}}, "must be a function"),
        ({"steps": ["a"]}, "steps must be claims"),
    ],
)
def test_parts_that_do_not_fit_are_refused(options, message):
    with pytest.raises(ClaimError, match=message):
        made(**options)


def test_a_probabilistic_claim_needs_its_failure_probability():
    for failure in (None, "eps"):
        with pytest.raises(ClaimError, match="failure must be"):

            @claim("a.b", "x", INSTANCES, kind="probabilistic", failure=failure)
            def body(xp, rng, lam):
                return 0, 0


def test_an_order_claim_needs_its_ladder():
    with pytest.raises(ClaimError, match="needs ladder"):

        @claim("a.b", "x", INSTANCES, kind="order")
        def body(xp, x, lam):
            return 0, 0


def test_an_id_is_one_word():
    with pytest.raises(ClaimError, match="the id must be a word"):
        claim("a b", "x", INSTANCES)(lambda xp: (0, 0))


def test_instances_must_be_drawn():
    with pytest.raises(ClaimError, match="instances must be draw"):
        claim("a.b", "x", {"S": 1})(lambda xp: (0, 0))


def test_verdicts_and_conclusions_have_no_truth_value():
    verdict = Verdict(Conclusion.UNDECIDED, Evidence.SAMPLED)
    for value in (verdict, verdict.conclusion):
        with pytest.raises(TypeError, match="no truth value"):
            bool(value)


@pytest.mark.parametrize("conclusion", [Conclusion.HOLDS, Conclusion.TIGHT])
def test_nothing_holds_on_no_instances_or_without_a_ratio(conclusion):
    with pytest.raises(ValueError, match="at least one evaluated instance"):
        Verdict(conclusion, Evidence.CERTIFIED, Coverage(drawn=10, rejected=10))
    with pytest.raises(ValueError, match="at least one evaluated instance"):
        Verdict(conclusion, Evidence.CERTIFIED, Coverage(1, 0, 1), float("nan"))


def test_violated_needs_its_instance():
    with pytest.raises(ValueError, match="needs the instance"):
        Verdict(Conclusion.VIOLATED, Evidence.CERTIFIED, Coverage(1, 0, 1))


def test_a_verdict_pickles_with_its_instances(rng):
    instance = INSTANCES.sample(rng)
    verdict = Verdict(
        Conclusion.HOLDS, Evidence.CERTIFIED, Coverage(1, 0, 1), -1.0, (instance,), "fine"
    )

    assert pickle.loads(pickle.dumps(verdict)) == verdict
