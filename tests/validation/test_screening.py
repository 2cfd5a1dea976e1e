"""The search over the instances of a probabilistic claim."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from validation import Conclusion, claim, draw
from validation.checking.screening import FIRST, MOST, Screen
from validation.checking.statistical import statistical


def one_in(count, bad, rate=0.5):
    """Fails with probability `rate` on one instance of many, permitted 1/20; never on others."""

    def body(xp, rng, i):
        u = xp.asarray(rng.random(1))[0]
        return (1 - u, xp.asarray(1 - rate)) if i == bad else (u, xp.asarray(2))

    product = draw(i=draw.integers(0, count - 1))
    return claim("test.one_in", "x", product, kind="probabilistic", failure=Fraction(1, 20))(body)


def screen(statement, seed=0):
    return Screen(statement, seed, lambda instance: 0.05)


@pytest.mark.parametrize("seed", [1, *(pytest.param(s, marks=pytest.mark.long) for s in (0, 2, 3))])
def test_one_bad_instance_in_1500_is_refuted(seed):
    # By draws alone: 8 sqrt(rounds) instances, of which 12,000 rounds reach 876.
    verdict = statistical(one_in(1500, 1234), seconds=60.0, seed=seed, draws=200_000)

    assert verdict.conclusion is Conclusion.REFUTED, verdict.message
    assert verdict.instances[0].raw["i"] == 1234


def narrow():
    """P(u > 19/20 + (x - 5/8)^2 - 2^-5) <= 1/20: false for x near 5/8 only."""

    def body(xp, rng, x):
        u = xp.asarray(rng.random(1))[0]
        return u, xp.asarray(19) / 20 - xp.asarray(2.0) ** -5 + 16 * (x - xp.asarray(0.625)) ** 2

    product = draw(x=draw.reals(-8, 8))
    return claim("test.narrow", "x", product, kind="probabilistic", failure=Fraction(1, 20))(body)


def test_neighbours_lead_to_a_narrow_set_of_bad_instances():
    found = screen(narrow())
    proposals = [found.propose() for _ in range(150)]

    near = [abs(p.raw["x"] - 0.625) for p in proposals if p is not None]
    assert min(near) < 0.03
    assert sum(gap < 0.05 for gap in near) >= 10


def test_the_work_grows_with_the_proposals_and_no_instance_takes_it_all():
    found = screen(narrow())
    for _ in range(200):
        found.propose()

    total = sum(s.draws for s in found.suspects)
    assert max(s.draws for s in found.suspects) <= MOST
    assert total <= 200 * 201 / 2 + MOST
    assert len(found.known) >= 150


def test_nothing_is_proposed_where_nothing_fails():
    statement = one_in(10, -1)

    assert all(screen(statement).propose() is None for _ in range(20))


def test_few_instances_do_not_keep_it_busy():
    statement = one_in(3, -1)
    found = screen(statement)
    before = FIRST * 3 + 3 * MOST

    for _ in range(400):
        found.propose()

    assert len(found.known) == 3
    assert sum(s.draws for s in found.suspects) <= before
    assert found.turn <= 20


def test_one_seed_proposes_the_same():
    runs = [[screen(narrow(), seed).propose() for _ in range(40)] for seed in (1, 1, 2)]

    assert runs[0] == runs[1]


def test_hypotheses_and_given_are_respected():
    statement = claim(
        "test.kept", "x", draw(i=draw.integers(0, 50)), kind="probabilistic",
        failure=Fraction(1, 20),
        given=lambda i: i % 2 == 0,
        hypotheses={"i <= 30": lambda xp, i: (xp.asarray(i), xp.asarray(30))},
    )(lambda xp, rng, i: (xp.asarray(rng.random(1))[0], xp.asarray(0.5)))  # fmt: skip
    found = screen(statement)
    for _ in range(40):
        found.propose()

    assert {s.instance.raw["i"] for s in found.suspects} <= set(range(0, 31, 2))
    assert len(found.suspects) >= 10
    assert min(s.draws for s in found.suspects) >= FIRST


def test_a_body_that_breaks_down_in_float64_proposes_nothing():
    statement = claim(
        "test.breaks", "x", draw(x=draw.positive()), kind="probabilistic", failure=Fraction(1, 20)
    )(lambda xp, rng, x: (xp.asarray(rng.random(1))[0] / (0 * x), x))

    with np.errstate(all="ignore"):
        assert all(p is None or p.raw["x"] > 0 for p in [screen(statement).propose()])


def two_sided_hoeffding():
    """P(|mean - p| > sqrt(log(1/delta)/2n)) <= delta, without the factor 2 under the logarithm."""

    def body(xp, rng, p, n, delta):
        u = xp.asarray(rng.random(20))[:n]
        mean = xp.mean(xp.astype(u < p, xp.float64))
        return xp.abs(mean - p), xp.sqrt(-xp.log(delta) / (2 * n))

    product = draw(p=draw.probabilities(), n=draw.integers(1, 20), delta=draw.probabilities())
    return claim("test.hoeffding", "x", product, kind="probabilistic", failure="delta")(body)


@pytest.mark.parametrize("seed", [2, *(pytest.param(s, marks=pytest.mark.long) for s in (0, 1, 3))])
def test_hoeffding_without_its_factor_2_is_refuted_from_every_seed(seed):
    verdict = statistical(two_sided_hoeffding(), seconds=60.0, seed=seed, draws=40_000)

    assert verdict.conclusion is Conclusion.REFUTED, verdict.message
