"""What once was printed beside a verdict and contradicted it, and what ran out of time."""

from __future__ import annotations

import math
import re
import time
from fractions import Fraction

import numpy as np
import pytest

from validation import Conclusion, Instance, certify, claim, draw, verify
from validation.checking.deterministic import check_deterministic
from validation.checking.limits import TimeLimit, alarm

ONE = draw(x=draw.reals(1, 2))


def checked(statement, **options):
    return verify(statement, quick=True, **options)


# -- 10. what is printed -------------------------------------------------------------------------


def test_the_sides_are_printed_from_where_they_were_certified():
    @claim("t.far", r"x n! \le 10^{19}", draw(n=draw.integers(22, 22), x=draw.reals(1, 1)))
    def far(xp, n, x):
        return x * xp.prod(xp.arange(1, n + 1)), 10**19

    @claim("t.norms", "x", ONE)
    def norms(xp, x):
        a, b = x * xp.asarray(2.0) ** 700, x * xp.asarray(2.0) ** -690
        return xp.sqrt(a * a), xp.sqrt(b * b)

    assert checked(far).facts[-2:] == ("left = 1.12400072777760768e+21", "right = 1e+19")
    left, right = checked(norms).facts[-2:]
    assert re.fullmatch(r"left in \[\d\.\d+e\+210, \d\.\d+e\+210\]", left)
    assert re.fullmatch(r"right in \[\d\.\d+e-208, \d\.\d+e-208\]", right)


def ends_of(line):
    """The printed ends, exactly."""
    text = line.split(" ", 1)[1]
    both = re.findall(r"-?\d[\d.]*(?:e[+-]\d+)?", text)
    return Fraction(both[0]), Fraction(both[-1])


@pytest.mark.parametrize("bits", [10, 40, 60, 100])
def test_printed_enclosures_of_a_violation_do_not_overlap_and_contain_the_sides(bits):
    @claim("t.close", "x", draw(x=draw.reals(1, 2)))
    def close(xp, x):
        return xp.exp(x) / 3 * (1 + xp.asarray(2.0) ** -bits), xp.exp(x) / 3

    facts = [line for line in checked(close).facts if line.startswith(("left", "right"))]
    (left_low, left_high), (right_low, right_high) = (ends_of(line) for line in facts[:2])

    assert right_low < right_high < left_low < left_high


@pytest.mark.parametrize("c", [Fraction(3), Fraction(10001, 10000), 1 + Fraction(1, 2**80)])
@pytest.mark.parametrize("kind", ["inequality", "identity", "loewner"])
def test_the_ratio_of_a_certified_violation_is_a_lower_end(c, kind):
    product = draw(S=draw.covariances(nonsingular=True), sizes={"m": (2, 2)})

    @claim("t.ratio", "x", product, kind=kind)
    def ratio(xp, S, *, c=c):
        return c * xp.exp(xp.linalg.trace(S)) * xp.eye(2), xp.exp(xp.linalg.trace(S)) * xp.eye(2)

    instance = Instance({"m": 2}, ratio.instances.sample(np.random.default_rng(0)).raw)
    certificate = certify(ratio, instance)

    assert certificate.conclusion is Conclusion.VIOLATED
    true = float(c - 1) if c < 1.5 else math.log(3)
    measured = math.expm1(certificate.log_ratio) if c < 1.5 else certificate.log_ratio
    assert 0 < measured <= true * (1 + 1e-15)
    if kind != "loewner" or c > 1.0001:
        assert measured > true * (1 - 1e-6)


def test_an_identity_whose_left_side_is_smaller_has_a_finite_ratio():
    statement = claim("t.smaller", "x", ONE, kind="identity")(lambda xp, x: (x, 4 * x))

    assert certify(statement, Instance({}, {"x": 1.0})).log_ratio == pytest.approx(math.log(4))
    turned = claim("t.turned", "x", ONE, kind="identity")(lambda xp, x: (-4 * x, -x))
    assert certify(turned, Instance({}, {"x": 1.0})).log_ratio == pytest.approx(math.log(4))
    signs = claim("t.signs", "x", ONE, kind="identity")(lambda xp, x: (-x, x))
    assert certify(signs, Instance({}, {"x": 1.0})).log_ratio == math.inf


# -- 14. out of time -----------------------------------------------------------------------------


def test_a_claim_that_is_out_of_time_reports_what_it_has():
    @claim("t.stalls", "x", draw(x=draw.reals(1, 2)))
    def stalls(xp, x):
        if count["left"] <= 0:
            time.sleep(100)
        count["left"] -= 1
        return x, 2 * x

    count = {"left": 400}
    with alarm(3.0):
        outcome = verify(stalls, budget=5.0)

    assert outcome.late
    assert outcome.verdict.message.startswith("out of time while")
    assert outcome.verdict.coverage.drawn > 0
    assert outcome.to_json()["out_of_time"]
    assert outcome.conclusion is Conclusion.UNDECIDED


def test_a_violation_that_was_certified_in_time_is_reported_though_the_time_ran_out():
    @claim("t.stalls", "x", draw(x=draw.reals(1, 2)))
    def stalls(xp, x):
        if type(xp).__name__ == "BallNamespace" and x == 1.37109375:
            time.sleep(100)
        return 3 * x, 2 * x

    instances = tuple(Instance({}, {"x": x}) for x in (1.0, 1.37109375))
    with alarm(4.0):
        outcome = check_deterministic(stalls, True, 1.0, 0, instances)

    assert outcome.late
    assert outcome.conclusion is Conclusion.VIOLATED
    assert outcome.reproducer


def test_a_claim_that_says_nothing_in_time_is_an_error():
    @claim("t.sleeps", "x", draw(x=draw.reals(1, 2)))
    def sleeps(xp, x):
        time.sleep(100)
        return x, x

    with alarm(0.5), pytest.raises(TimeLimit):
        verify(sleeps, budget=5.0)


# -- more effort never says less, and greens say what they did not look at ------------------------


def test_more_time_draws_what_less_time_draws_and_more():
    seen = {}
    for budget, quick in ((1.0, True), (3.0, False)):
        drawn = []

        @claim("t.seen", "x", draw(x=draw.reals(1, 2)), given=lambda x, drawn=drawn: drawn.append(
            float(x)) or True)  # fmt: skip
        def recorded(xp, x):
            return x, 2 * x

        verify(recorded, quick=quick, budget=budget)
        seen[quick] = drawn

    # A `given` is asked in float64 and by certificates; the order of the first draws is the same.
    first = list(dict.fromkeys(seen[True]))[:250]
    assert first == list(dict.fromkeys(seen[False]))[:250]


def test_a_green_says_what_it_did_not_look_at():
    statement = claim("t.sizes", "x", draw(x=draw.vectors("m"), sizes={"m": (1, 7)}))(
        lambda xp, x: (xp.max(xp.abs(x)), xp.sum(xp.abs(x)))
    )

    message = checked(statement).verdict.message

    assert "not looked at: m > 7" in message
    assert re.search(r"\d+ % of them at equality", message)  # m = 1, for one
    assert re.search(r"\d+ evaluations in the search", message)
