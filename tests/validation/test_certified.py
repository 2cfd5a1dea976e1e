"""Certificates: what is decided, by which arithmetic, and what must stay undecided."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from validation import Claim, ClaimError, Conclusion, Instance, certify, claim, draw
from validation.checking.certified import certified

NUMBER = draw(x=draw.reals(-10, 10))
PAIR = draw(x=draw.reals(-10, 10), y=draw.reals(-10, 10))


def at(**raw) -> Instance:
    return Instance({}, raw)


def inequality(body, instances=NUMBER, **options) -> Claim:
    return claim("test.claim", "x", instances, **options)(body)


def test_strictly_below_holds_in_balls():
    found = certify(inequality(lambda xp, x: (x, x + 1)), at(x=0.1))

    assert found.conclusion is Conclusion.HOLDS
    assert found.arithmetic == "balls of 128 bits"
    assert math.log(0.1 / 1.1) <= found.log_ratio <= math.log(0.1 / 1.1) + 1e-12


def test_above_is_violated():
    found = certify(inequality(lambda xp, x: (x + 1, x)), at(x=0.1))

    assert found.conclusion is Conclusion.VIOLATED
    assert found.log_ratio == pytest.approx(math.log(11))


def test_a_violation_by_less_than_float64_can_see_is_found():
    tiny = inequality(lambda xp, x: (x * x + xp.asarray(2.0) ** -100, x * x))

    assert certify(tiny, at(x=3.0)).conclusion is Conclusion.VIOLATED


def test_a_violation_at_the_last_bit_of_the_first_precision_needs_a_higher_one():
    tiny = inequality(lambda xp, x: (xp.exp(x) + xp.asarray(2.0) ** -300, xp.exp(x)))

    found = certify(tiny, at(x=1.0))

    assert found.conclusion is Conclusion.VIOLATED
    assert found.arithmetic == "balls of 512 bits"


def test_what_float64_calls_a_violation_by_rounding_is_not_one():
    # 0.1 + 0.2 > 0.3 in float64, and (1/10 + 2/10 <= 3/10) in truth.
    sum_ = inequality(lambda xp, x: (x / 10 + 2 * x / 10, 3 * x / 10))

    found = certify(sum_, at(x=1.0))

    assert found.conclusion is Conclusion.TIGHT
    assert found.arithmetic == "rationals"
    assert "exactly equal" in found.message


def test_equality_of_irrational_sides_is_tight_to_the_highest_precision():
    same = inequality(lambda xp, x: (xp.exp(x + 1), xp.exp(x) * xp.exp(x / x)))

    found = certify(same, at(x=0.3))

    assert found.conclusion is Conclusion.TIGHT
    assert "equal to 2^-5" in found.message
    assert found.log_ratio == pytest.approx(0, abs=1e-15)


def test_two_zero_sides_are_tight():
    zero = inequality(lambda xp, x: (xp.sin(x) - xp.sin(x), xp.cos(x) - xp.cos(x)))

    assert certify(zero, at(x=0.3)).conclusion is Conclusion.TIGHT


def test_a_wide_overlap_is_undecided_and_not_tight():
    # 2^-200 cannot be told from 0 after adding and subtracting exp(300) at 512 bits.
    lost = inequality(lambda xp, x: (xp.exp(x) + xp.asarray(2.0) ** -200 - xp.exp(x), 0 * x))

    assert certify(lost, at(x=300.0)).conclusion is not Conclusion.HOLDS


@pytest.mark.parametrize("body", [
    lambda xp, x: (x / (x - x), x + 1),
    lambda xp, x: (xp.log(x - x - 1), x),
    lambda xp, x: (xp.exp(xp.exp(xp.exp(10 * x))) - xp.exp(xp.exp(xp.exp(10 * x))), x),
])  # fmt: skip
def test_what_has_no_finite_value_is_undecided(body):
    assert certify(inequality(body), at(x=9.0)).conclusion is Conclusion.UNDECIDED


def test_an_identity_holds_only_in_rationals():
    square = inequality(
        lambda xp, x, y: ((x + y) ** 2, x * x + 2 * x * y + y * y), PAIR, kind="identity"
    )

    found = certify(square, at(x=0.1, y=0.7))

    assert found.conclusion is Conclusion.HOLDS
    assert found.arithmetic == "rationals"


def test_an_irrational_identity_agrees_and_is_not_said_to_hold():
    double = inequality(lambda xp, x: (xp.sin(2 * x), 2 * xp.sin(x) * xp.cos(x)), kind="identity")

    found = certify(double, at(x=0.7))

    assert found.conclusion is Conclusion.TIGHT
    assert "equal to 2^-" in found.message


@pytest.mark.parametrize("sign", [1, -1])
def test_an_identity_is_violated_from_either_side(sign):
    off = inequality(lambda xp, x: (x, x + sign * xp.asarray(2.0) ** -90), kind="identity")

    assert certify(off, at(x=0.7)).conclusion is Conclusion.VIOLATED


def test_elementwise_one_bad_entry_violates():
    vector = inequality(lambda xp, v: (v, xp.maximum(v, 0.0)), draw(v=draw.vectors("m")))
    shifted = inequality(
        lambda xp, v: (v, v + xp.asarray([1.0, 1.0, -0.5])), draw(v=draw.vectors("m"))
    )
    instance = Instance({"m": 3}, {"v": np.array([-1.0, 0.0, 2.0])})

    assert certify(vector, instance).conclusion is Conclusion.TIGHT
    found = certify(shifted, instance)
    assert found.conclusion is Conclusion.VIOLATED
    assert "at entry (2,)" in found.message


def test_the_loewner_order_is_not_the_elementwise_one():
    product = draw(S=draw.covariances())
    body = lambda xp, S: (S, S + xp.asarray([[0.0, 1.0], [1.0, 0.0]]))  # noqa: E731
    instance = Instance({"m": 2}, {"S": np.eye(2)})

    assert certify(inequality(body, product), instance).conclusion is Conclusion.TIGHT
    loewner = certify(inequality(body, product, kind="loewner"), instance)
    assert loewner.conclusion is Conclusion.VIOLATED


def test_a_violation_outside_a_hypothesis_is_not_one():
    limited = inequality(
        lambda xp, x: (x, 1 + 0 * x), hypotheses={"x <= 1": lambda xp, x: (x, 1 + 0 * x)}
    )

    found = certify(limited, at(x=2.0))

    assert found.conclusion is Conclusion.UNDECIDED
    assert found.inadmissible
    assert "x <= 1 is not met" in found.message


def test_a_violation_counts_only_when_its_hypothesis_is_certain():
    # The hypothesis holds with equality, but no arithmetic at hand can see that.
    uncertain = inequality(
        lambda xp, x: (x + 1, x),
        hypotheses={"e^x <= e^x": lambda xp, x: (xp.exp(x + 1), xp.exp(x) * xp.exp(x / x))},
    )

    found = certify(uncertain, at(x=0.3))

    assert found.conclusion is Conclusion.UNDECIDED
    assert not found.inadmissible
    assert "is not certainly met" in found.message


def test_what_holds_off_its_hypotheses_says_nothing():
    found = certify(
        inequality(lambda xp, x: (x, x + 1), hypotheses={"x <= 0": lambda xp, x: (x, 0 * x)}),
        at(x=3.0),
    )

    assert found.conclusion is Conclusion.UNDECIDED
    assert found.inadmissible
    assert found.message == "the hypothesis x <= 0 is not met"


def test_a_hypothesis_met_with_equality_is_certain_in_rationals():
    attained = inequality(
        lambda xp, x: (x + 1, x), hypotheses={"x <= x": lambda xp, x: (x / 10 * 3, 3 * x / 10)}
    )

    assert certify(attained, at(x=1.0)).conclusion is Conclusion.VIOLATED


def test_one_hypothesis_without_an_answer_does_not_hide_another():
    two = inequality(
        lambda xp, x: (x, 1 + 0 * x),
        hypotheses={
            "undefined": lambda xp, x: (xp.log(-x), x),
            "x <= 1": lambda xp, x: (x, 1 + 0 * x),
        },
    )

    assert certify(two, at(x=2.0)).inadmissible


def test_constants_are_exact():
    third = claim("test.third", "x", NUMBER)(lambda xp, x, *, c=Fraction(1, 3): (3 * c * x, x))

    assert certify(third, at(x=0.7)).arithmetic == "rationals"
    assert certify(third, at(x=0.7)).conclusion is Conclusion.TIGHT
    more = third.with_constants(c=Fraction(1, 3) + Fraction(1, 10**40))
    assert certify(more, at(x=0.7)).conclusion is Conclusion.VIOLATED


def test_an_integer_constant_may_be_divided_raised_and_counted_with():
    def body(xp, x, *, c=3):
        power = xp.asarray(1.0)
        for _ in range(c):
            power = power * x
        return c / 7 * x**c, 3 * power / 7

    found = certify(claim("test.c", "x", NUMBER, kind="identity")(body), at(x=0.7))

    assert found.conclusion is Conclusion.HOLDS
    assert found.arithmetic == "rationals"


def test_a_rounded_number_in_a_body_is_refused_and_the_line_named():
    def body(xp, x):
        return x, x * (1 / 3)

    with pytest.raises(ClaimError, match=r"test_certified\.py:\d+.*was rounded before"):
        certify(inequality(body), at(x=1.0))


def test_a_body_only_for_rationals_is_certified_there():
    rank = inequality(
        lambda xp, S: (xp.linalg.matrix_rank(S), 2), draw(S=draw.covariances()), kind="identity"
    )
    instance = Instance({"m": 3}, {"S": np.array([[1.0, 0.0], [0.1, 0.2], [0.1, 0.2]])})

    assert certify(rank, instance).conclusion is Conclusion.HOLDS


def test_the_rung_says_violated_when_one_instance_is():
    bounded = inequality(lambda xp, x: (x, 5 + 0 * x))

    found = certified(bounded, [at(x=1.0), at(x=6.0), at(x=7.0), at(x=2.0)])

    assert found.conclusion is Conclusion.VIOLATED
    assert found.instances == (at(x=7.0), at(x=6.0))
    assert found.ratio == pytest.approx(1.4)
    assert found.coverage.evaluated == 4


def test_the_rung_is_undecided_when_one_instance_is():
    found = certified(inequality(lambda xp, x: (x / x, 2 + 0 * x)), [at(x=1.0), at(x=0.0)])

    assert found.conclusion is Conclusion.UNDECIDED
    assert found.coverage.undecided == 1
    assert "1 of 2" in found.message


def test_the_rung_on_nothing_is_undecided():
    found = certified(inequality(lambda xp, x: (x, x + 1)), [])

    assert found.conclusion is Conclusion.UNDECIDED
    assert found.coverage.evaluated == 0


def test_the_rung_does_not_count_instances_outside_the_hypotheses():
    limited = inequality(
        lambda xp, x: (x, 1 + 0 * x), hypotheses={"x <= 1": lambda xp, x: (x, 1 + 0 * x)}
    )

    found = certified(limited, [at(x=2.0), at(x=0.5)])

    assert found.conclusion is Conclusion.HOLDS
    assert found.coverage.rejected == 1
    assert found.coverage.evaluated == 1


def test_a_probabilistic_claim_is_not_decided_by_one_instance():
    def body(xp, rng, x):
        return x, x

    chance = claim("test.p", "x", NUMBER, kind="probabilistic", failure=0.5)(body)

    with pytest.raises(ClaimError, match="not decided by one instance"):
        certify(chance, at(x=1.0))
