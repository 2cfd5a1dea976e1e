"""Shrinking: the exact minimum where it is known, and no gross violation made to look marginal."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest
from helpers.planted import convex, equal_entries

from validation import Conclusion, Instance, certify, claim, draw, verify
from validation.checking.shrinking import kept_margin, shrink, size


def shrunk(statement, instance, **options) -> Instance:
    result = shrink(statement, instance, seconds=30, **options)
    before, after = certify(statement, instance), certify(statement, result)
    assert after.conclusion is Conclusion.VIOLATED
    assert after.log_ratio >= kept_margin(before.log_ratio)
    assert size(statement, result) <= size(statement, instance)
    return result


def test_a_sum_shrinks_to_one_node_and_one_number():
    statement = claim("test.sum", "x", draw(x=draw.vectors("m")))(
        lambda xp, x: (xp.sum(x * x), xp.asarray(0.5))
    )
    instance = Instance({"m": 4}, {"x": np.array([0.3, -1.7, 0.02, 0.9])})

    result = shrunk(statement, instance)

    assert result == Instance({"m": 1}, {"x": np.array([2.0])}) or result == Instance(
        {"m": 1}, {"x": np.array([1.0])}
    )


def test_a_gross_margin_shrinks_to_a_ratio_of_two_and_a_small_one_to_its_half():
    statement = claim("test.margin", "x", draw(x=draw.positive()))(lambda xp, x: (x, 0 * x + 1))

    result = shrunk(statement, Instance({}, {"x": 1000.3}))

    assert result.raw["x"] == 2.0
    assert kept_margin(0.5) == pytest.approx(0.25)
    assert kept_margin(1e6) == pytest.approx(math.log(2))
    assert kept_margin(math.inf) == math.inf


def test_equal_entries_shrink_to_ones():
    instance = Instance({"m": 5}, {"x": np.full(5, -0.73)})

    result = shrunk(equal_entries, instance)

    assert result.sizes["m"] == 3  # the fewest that are drawn
    assert set(np.abs(result.raw["x"])) == {1.0}


def test_the_convexity_of_n_is_refuted_by_numbers_a_person_can_check():
    outcome = verify(convex, quick=True)

    instance = outcome.instance
    assert instance is not None
    assert outcome.conclusion is Conclusion.VIOLATED
    assert instance.sizes["m"] <= 2
    numbers = convex.instances.parameters(instance).values
    # A step below 4 may be the float just below 4.
    assert np.abs(numbers * 8 - np.rint(numbers * 8)).max() < 1e-12
    assert np.abs(numbers).max() <= 64


def test_an_identity_shrinks_too():
    statement = claim("test.identity", "x", draw(x=draw.vectors("m")), kind="identity")(
        lambda xp, x: (xp.sum(x) ** 2, xp.sum(x * x))
    )
    instance = Instance({"m": 4}, {"x": np.array([0.3, -1.7, 0.02, 0.9])})

    result = shrunk(statement, instance)

    assert result.sizes["m"] == 2
    assert set(np.abs(result.raw["x"])) == {1.0}


def test_discrete_parts_shrink_to_the_first_option():
    statement = claim(
        "test.choice", "x", draw(name=draw.choices("a", "b", "c"), i=draw.integers(0, 9))
    )(lambda xp, name, i: (xp.asarray(i), xp.asarray(1.5)))

    result = shrunk(statement, Instance({}, {"name": "c", "i": 9}))

    assert result.raw == {"name": "a", "i": 3}  # a ratio of 2


def test_a_step_that_loses_the_margin_regains_it_by_moving_the_other_numbers():
    # x_2 = 0 fails only where x_1 is moved at the same time.
    statement = claim("test.regain", "x", draw(x=draw.vectors("m")))(
        lambda xp, x: (xp.asarray(1.25), 1 + (xp.sum(x) - 3) ** 2)
    )
    instance = Instance({"m": 2}, {"x": np.array([1.4, 1.6])})

    result = shrunk(statement, instance)

    assert result == Instance({"m": 1}, {"x": np.array([3.0])}) or result.sizes["m"] == 1


def test_a_homogeneous_claim_is_brought_to_order_one():
    statement = claim("test.scale", "x", draw(F=draw.matrices(1, 2), lam=draw.positive()))(
        lambda xp, F, lam: (xp.sum(F * F), lam)
    )
    instance = Instance({}, {"F": np.array([[3e-7, 4e-7]]), "lam": 1e-13})

    result = shrunk(statement, instance)

    # left/right = 2.5 there, so that a ratio of sqrt(2.5) has to remain: 1 against 1 is too little.
    assert result.raw["lam"] == 0.5
    assert sorted(np.abs(result.raw["F"]).ravel()) == [0.0, 1.0]


def test_the_hypotheses_still_hold():
    statement = claim(
        "test.hypothesis", "x", draw(x=draw.vectors("m")),
        hypotheses={"|x| <= 1": lambda xp, x: (xp.sum(x * x), xp.asarray(1.0))},
    )(lambda xp, x: (xp.sum(x), xp.asarray(0.875)))  # fmt: skip

    result = shrunk(statement, Instance({"m": 2}, {"x": np.array([0.7, 0.7])}))

    assert (result.raw["x"] ** 2).sum() <= 1
    assert result == Instance({"m": 1}, {"x": np.array([1.0])}) or result.sizes["m"] <= 2


def test_a_simpler_one_of_the_others_is_where_it_starts():
    statement = claim("test.others", "x", draw(x=draw.positive()))(lambda xp, x: (x, 0 * x + 1))
    most, other = Instance({}, {"x": 1000.3}), Instance({}, {"x": 64.0})

    assert shrink(statement, most, seconds=0.0, others=[other]) in (most, other)
    assert shrunk(statement, most, others=[other]).raw["x"] == 2.0


def test_what_does_not_fail_is_returned_as_it_is():
    statement = claim("test.holds", "x", draw(x=draw.positive()))(lambda xp, x: (x, 2 * x))
    instance = Instance({}, {"x": 0.3})

    assert shrink(statement, instance) is instance


def test_an_infinite_margin_stays_infinite():
    statement = claim("test.infinite", "x", draw(x=draw.vectors("m")))(
        lambda xp, x: (1 + xp.sum(x * x), 0 * x[0])
    )

    result = shrunk(statement, Instance({"m": 3}, {"x": np.array([1.2, 0.3, -7.0])}))

    assert result == Instance({"m": 1}, {"x": np.array([0.0])})


def test_a_violation_that_float64_cannot_see_is_shrunk_by_certificates():
    statement = claim("test.faint", "x", draw(x=draw.reals()))(
        lambda xp, x: (1 + x * x + xp.asarray(2.0) ** -80, 1 + x * x)
    )

    result = shrunk(statement, Instance({}, {"x": 0.7310000000000001}))

    assert result.raw["x"] == 0.0


def test_the_time_limit_is_kept():
    def slow(xp, x):
        time.sleep(0.02)
        return xp.sum(xp.abs(x)), xp.asarray(0.5)

    statement = claim("test.slow", "x", draw(x=draw.vectors("m"), sizes={"m": (1, 30)}))(slow)
    instance = Instance({"m": 30}, {"x": np.linspace(0.1, 0.9, 30)})
    begun = time.monotonic()

    shrink(statement, instance, seconds=1.0)

    assert time.monotonic() - begun < 10


@pytest.mark.parametrize("seed", range(3))
def test_shrinking_is_the_same_every_time(seed):
    statement = claim("test.same", "x", draw(x=draw.vectors("m")))(
        lambda xp, x: (xp.sum(x * x), xp.max(xp.abs(x)) ** 2)
    )
    instance = Instance({"m": 4}, {"x": np.random.default_rng(seed).standard_normal(4)})

    assert shrink(statement, instance, seconds=60) == shrink(statement, instance, seconds=60)
