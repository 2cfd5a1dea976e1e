"""Verdicts that once lied of numbers that look harmless, and the right ones."""

from __future__ import annotations

import math
import re
from fractions import Fraction

import numpy as np
import pytest

from validation import Conclusion, Instance, certify, claim, draw, verify
from validation.arithmetic import RATIONALS
from validation.checking.audit import SHARE, Audit, leaves
from validation.checking.sampled import draw_sample
from validation.checking.statistical import statistical
from validation.commands.verify import record


def checked(statement, **options):
    return verify(statement, quick=True, **options)


# -- 1. what looks harmless in float64 ----------------------------------------------------------


def test_a_factorial_does_not_wrap():
    @claim("t.factorial", r"n! \le 9^n", draw(n=draw.integers(1, 40)))
    def factorial(xp, n):
        return xp.prod(xp.arange(1, n + 1)), xp.asarray(9.0) ** n

    outcome = checked(factorial)

    assert outcome.conclusion is Conclusion.VIOLATED
    assert outcome.instance.raw["n"] >= 22
    assert certify(factorial, Instance({}, {"n": 21})).conclusion is Conclusion.HOLDS


def test_a_power_of_two_does_not_wrap():
    @claim("t.power", "x", draw(n=draw.integers(0, 2), x=draw.reals(0.5, 1)))
    def power(xp, n, x):
        return xp.asarray(2) ** (62 + n) * x, 2**63

    outcome = checked(power)

    assert outcome.conclusion is Conclusion.VIOLATED
    assert outcome.instance.raw == {"n": 2, "x": 1.0}


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_what_cancels_in_float64_is_violated_still(seed):
    @claim("t.cancels", "x", draw(x=draw.reals(0, 1), y=draw.reals(1, 1000)))
    def cancels(xp, x, y):
        b = xp.asarray(2.0) ** 60
        return xp.maximum((y * b + x) - y * b, x / 200), xp.asarray(1) / 100

    assert checked(cancels, seed=seed).conclusion is Conclusion.VIOLATED


@pytest.mark.parametrize("power", [30, 45, 63])
def test_nodes_do_not_wrap_outside_xp(power):
    """NumPy's own integers wrapped before any arithmetic saw them, in all three alike."""

    @claim("t.nodes", "x", draw(J=draw.node_sets("m", "k"), sizes={"m": (8, 8), "k": (1, 8)}))
    def nodes(xp, J):
        return xp.max(xp.asarray((J + 1) ** power)), xp.asarray(2.0) ** 64

    @claim("t.node", "x", draw(J=draw.multisets("m", "k"), sizes={"m": (8, 8), "k": (1, 8)}))
    def node(xp, J):
        return xp.asarray(0.0) + (J[0] + 1) ** power, xp.asarray(2.0) ** 64

    @claim("t.inside", "x", draw(J=draw.node_sets("m", "k"), sizes={"m": (8, 8), "k": (1, 8)}))
    def inside(xp, J):
        return xp.max((xp.asarray(J) + 1) ** power), xp.asarray(2.0) ** 64

    assert "beyond 2^63 - 1; bring integers into xp first" in checked(nodes).error
    assert checked(node).conclusion is Conclusion.VIOLATED
    assert checked(inside).conclusion is Conclusion.VIOLATED


def test_a_body_that_float64_reads_wrongly_is_searched_in_balls_and_says_so():
    @claim("t.quotient", r"x/((1 + x) - 1) \le 101/100", draw(x=draw.reals(2.0**-52, 2.0**-48)))
    def quotient(xp, x):
        return x / ((1 + x) - 1), xp.asarray(101) / 100

    outcome = checked(quotient)

    assert outcome.conclusion is Conclusion.HOLDS
    assert re.search(r"float64 is wrong by .* so the search read the body in balls",
                     " ".join(outcome.notes))  # fmt: skip
    assert outcome.verdict.ratio < 1  # float64 saw 3/2


def test_an_accuracy_that_the_claim_states_is_the_measure():
    def body(xp, x):
        return x / ((1 + x) - 1), xp.asarray(4)

    instances = draw(x=draw.reals(2.0**-50, 2.0**-48))
    strict = claim("t.strict", "x", instances)(body)
    lenient = claim("t.lenient", "x", instances, accuracy=0.5)(body)

    audits = [Audit(statement) for statement in (strict, lenient)]
    for audit in audits:
        draw_sample(audit.claim, count=40, seed=0, audit=audit)

    assert [audit.claim.searched_in for audit in audits] == ["balls", "float64"]
    assert [bool(audit.wrong) for audit in audits] == [True, False]


def test_rounding_is_not_taken_for_another_meaning():
    """Sums, products and solves of ill-conditioned matrices stay within their largest number."""

    @claim("t.ridge", "x", draw(S=draw.covariances(), lam=draw.positive()))
    def ridge(xp, S, lam):
        A = xp.linalg.solve(S + lam * xp.eye(S.shape[0]), S)
        return xp.linalg.trace(A), xp.linalg.trace(S) / lam

    rng = np.random.default_rng(0)
    away = []
    for _ in range(300):
        instance = ridge.instances.sample(rng)
        with RATIONALS.active():
            values = ridge.instances.realise(instance, RATIONALS)
            ends = [RATIONALS.enclosure(s) for s in ridge.body(RATIONALS.xp, **values)]
        away.append(leaves(ridge, ridge.body, instance, ends))

    assert max(away) < 2.0**-40


def test_the_audits_count_is_stated_and_their_time_is_bounded():
    @claim("t.plain", "x", draw(S=draw.covariances()))
    def plain(xp, S):
        return xp.linalg.matrix_norm(S, ord=2), xp.linalg.trace(S)

    outcome = verify(plain, budget=2.0)
    count = outcome.verdict.coverage.audited

    assert count >= 5
    assert outcome.to_json()["audited"] == outcome.to_json()["rungs"]["sampled"]["audited"] == count
    assert f"and on {count} taken at random" in outcome.verdict.message
    assert f"{count} audited" in record(outcome, 200)[0]
    audit = Audit(plain, SHARE * 0.5)
    draw_sample(plain, count=3000, seed=0, audit=audit)
    assert audit.spent < 2 * SHARE * 0.5 + 0.2  # one instance may take longer than those before


def test_what_is_audited_is_drawn_at_random_and_not_the_worst():
    seen = []

    class Watching(Audit):
        def look(self, instance):
            seen.append(instance)

    plain = claim("t.plain", "x", draw(x=draw.positive()))(lambda xp, x: (x, 2 * x))
    sample = draw_sample(plain, count=200, seed=0, audit=Watching(plain))

    assert len(seen) == 50
    assert len(set(seen) & {instance for _, instance in sample.worst[:6]}) < 6


# -- 2. successes that are none ------------------------------------------------------------------


def one_pass_variance(shift):
    @claim("t.variance", "P(Var > 1/100) <= 1/20", draw(x=draw.choices(1)), kind="probabilistic",
           failure=Fraction(1, 20))  # fmt: skip
    def variance(xp, rng, x):
        b = xp.asarray(rng.integers(0, 2, 8).astype(float)) + xp.asarray(2.0) ** shift
        m = xp.sum(b) / 8
        return xp.sum(b * b) / 8 - m * m, xp.asarray(1) / 100

    return variance


@pytest.mark.parametrize("seed", [0, 1, 2**32])
def test_the_one_pass_variance_of_eight_bits_is_refuted(seed):
    outcome = checked(one_pass_variance(40), seed=seed)

    assert outcome.conclusion is Conclusion.REFUTED
    assert outcome.verdict.log_ratio > math.log(10)  # the truth is 127/128 against 1/20


def test_the_size_of_the_audit_is_part_of_the_statement_of_confidence():
    @claim("t.uniform", "x", draw(p=draw.choices(0.125)), kind="probabilistic", failure=0.25)
    def uniform(xp, rng, p):
        return xp.asarray(p), xp.asarray(rng.random(1))[0]

    verdict = statistical(uniform, seconds=60, seed=0, draws=4000)
    said = re.search(
        r"after (\d+) draws .* failure rate <= ([\d.]+) with .*; (\d+) of (\d+) successes, taken "
        r"at random, were repeated in balls, (\d+) are certain",
        verdict.message,
    )
    n, shown, audited, successes, certain = map(float, said.groups())

    assert verdict.coverage.audited == audited == certain == 1000
    assert n == 4000
    # 1,000 of 3,500 without a fault leave some 2 % of them open, and chance leaves as much again.
    assert 0.14 < shown < 0.25
    assert 3300 < successes < 3700


def test_without_an_audit_no_rate_is_certain():
    @claim("t.uniform", "x", draw(p=draw.choices(0.125)), kind="probabilistic", failure=0.25)
    def uniform(xp, rng, p):
        return xp.asarray(p), xp.asarray(rng.random(1))[0]

    verdict = statistical(uniform, seconds=60, seed=0, draws=500, audit=False)

    assert verdict.conclusion is Conclusion.UNDECIDED
    assert "failure rate <= 1.00" in verdict.message


def test_a_rate_that_is_pooled_says_so_and_the_worst_instance_has_its_own():
    @claim("t.one_bad", "x", draw(p=draw.choices(0.0, 0.0, 0.0, 0.25)), kind="probabilistic",
           failure=0.375)  # fmt: skip
    def one_bad(xp, rng, p):
        return xp.asarray(p), xp.asarray(rng.random(1))[0]

    message = statistical(one_bad, seconds=60, seed=0, draws=2000).message

    assert "pooled over them, failure rate <= " in message
    failed, drawn_ = map(
        int, re.search(r"the instance that failed most: (\d+) of (\d+) draws", message).groups()
    )
    assert 0.18 < failed / drawn_ < 0.32
