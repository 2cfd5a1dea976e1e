"""The statistical rung, as `verify` uses it."""

import math
from fractions import Fraction

import numpy as np
import pytest

from validation import ClaimError, Conclusion, Evidence, claim, draw, load_claim, verify
from validation.checking.evalues import log_e_value, refutes
from validation.checking.statistical import _Run, statistical
from validation.checking.streams import permitted


def uniform(xp, rng):
    """A number in [0, 1), exactly the same in every arithmetic."""
    return xp.asarray(rng.random(1))[0]


# Inside functions: the plugin would run claims of the module as tests of their own.
@pytest.fixture(scope="module")
def true():
    """Fails with probability p + excess; p is permitted."""

    @claim(
        "test.true",
        r"u \ge p",
        draw(p=draw.choices(0.125, 0.25, 0.375)),
        kind="probabilistic",
        failure="p",
    )
    def body(xp, rng, p, *, excess=0):
        return excess + xp.asarray(p), uniform(xp, rng)

    return body


@pytest.fixture(scope="module")
def one_bad():
    @claim(
        "test.one_bad",
        "fails too often on one instance in six",
        draw(p=draw.choices(0.0625, 0.125, 0.125, 0.125, 0.3125, 0.0625)),
        kind="probabilistic",
        failure=Fraction(1, 5),
    )
    def body(xp, rng, p):
        return xp.asarray(p), uniform(xp, rng)

    return body


@pytest.mark.randomised(alpha=1e-9, power="an excess of 0.125 is refuted within 20,000 draws")
def test_a_claim_that_fails_exactly_as_often_as_permitted_is_not_refuted(true):
    verdict = statistical(true, seconds=60, seed=1, draws=6000)
    assert verdict.conclusion is Conclusion.NOT_REFUTED
    assert verdict.evidence is Evidence.STATISTICAL
    assert "6000 draws" in verdict.message
    assert "confidence 1 - 1e-09" in verdict.message
    assert abs(verdict.log_ratio) < 0.3


def test_a_constant_that_is_too_large_is_refuted(true):
    verdict = statistical(true.with_constants(excess=0.125), seconds=60, seed=1, draws=20_000)
    assert verdict.conclusion is Conclusion.REFUTED
    assert "certified in balls" in verdict.message
    assert 0 < verdict.log_ratio < 1


def test_the_sampler_turns_to_the_instance_that_fails(one_bad):
    verdict = statistical(one_bad, seconds=60, seed=0, draws=20_000)
    assert verdict.conclusion is Conclusion.REFUTED
    assert verdict.instances[0].raw["p"] == 0.3125


def test_the_same_seed_gives_the_same_verdict(one_bad):
    first, second = (statistical(one_bad, seconds=60, seed=5, draws=800) for _ in range(2))
    assert first == second
    assert statistical(one_bad, seconds=60, seed=6, draws=800) != first


def test_failures_that_are_rounding_only_never_refute():
    @claim("test.tie", "1/3 + 1/3 + 1/3 = 1", draw(x=draw.choices(1)), kind="probabilistic",
           failure=Fraction(1, 100))  # fmt: skip
    def tie(xp, rng, x):
        u = xp.asarray(float(rng.integers(1, 1000)))
        third = u / 3
        return (third + u / 7) * 21, u * 10 + 0 * u  # equal but for rounding

    verdict = statistical(tie, seconds=30, seed=0, draws=600)
    assert verdict.conclusion is Conclusion.NOT_REFUTED
    # Nor do they pass for successes: the bound on the failure rate stays at 1.
    assert "failure rate <= 1.00" in verdict.message


def test_draws_that_break_down_count_against_the_rate_and_not_against_the_claim():
    @claim("test.nan", "x", draw(x=draw.choices(1)), kind="probabilistic", failure=Fraction(1, 10))
    def breaks(xp, rng, x):
        u = uniform(xp, rng)
        return u, 1 / xp.asarray(rng.random() < 0.7)

    verdict = statistical(breaks, seconds=30, seed=0, draws=2000)
    assert verdict.conclusion is Conclusion.NOT_REFUTED
    assert "undecided, counted as failures" in verdict.message


def test_a_claim_on_which_every_draw_breaks_down_is_undecided():
    @claim(
        "test.never", "x", draw(x=draw.choices(1)), kind="probabilistic", failure=Fraction(1, 10)
    )
    def never(xp, rng, x):
        return xp.asarray(float("inf")), uniform(xp, rng)

    assert statistical(never, seconds=5, seed=0, draws=50).conclusion is Conclusion.UNDECIDED
    assert "no finite sides" in verify(never, budget=0.1).error


def test_instances_that_do_not_meet_a_hypothesis_are_not_drawn_from():
    @claim(
        "test.hypothesis",
        "fails where p > 0.1",
        draw(p=draw.choices(0.0625, 0.875)),
        kind="probabilistic",
        failure=Fraction(1, 10),
        hypotheses={r"p \le 0.1": lambda xp, p: (p * xp.asarray(1), xp.asarray(0.125))},
    )
    def restricted(xp, rng, p):
        return xp.asarray(p), uniform(xp, rng)

    verdict = statistical(restricted, seconds=60, seed=0, draws=3000)
    assert verdict.conclusion is Conclusion.NOT_REFUTED
    assert verdict.coverage.rejected > 0
    assert verdict.instances[0].raw["p"] == 0.0625


def test_given_skips_instances():
    @claim("test.given", "x", draw(p=draw.choices(0.0625, 0.875)), kind="probabilistic",
           failure=Fraction(1, 10), given=lambda p: p < 0.5)  # fmt: skip
    def restricted(xp, rng, p):
        return xp.asarray(p), uniform(xp, rng)

    verdict = statistical(restricted, seconds=60, seed=0, draws=1000)
    assert verdict.conclusion is Conclusion.NOT_REFUTED
    assert verdict.coverage.rejected > 0


def test_verify_says_refuted_and_gives_the_instance(one_bad):
    outcome = verify(one_bad, budget=3)
    assert outcome.conclusion is Conclusion.REFUTED
    assert outcome.rungs["statistical"].conclusion is Conclusion.REFUTED
    assert outcome.instance.raw["p"] == 0.3125
    assert outcome.to_json()["verdict"] == "refuted"
    assert "statistical(claim, seconds=60, seed=0" in outcome.reproducer
    assert outcome.facts == ("p = 0.3125",)


LEMMA = """
from validation import claim, draw


@claim("mine.rare", "a sum of n numbers exceeds 3/4 n with probability at most 1/8",
       draw(F=draw.matrices("m", "m"), n=draw.integers(1, 6)), kind="probabilistic", failure=0.125)
def rare(xp, rng, F, n):
    u = xp.asarray(rng.random(n))
    return xp.sum(u), 0.75 * n + 0 * F[0, 0]
"""


def test_the_printed_reproducer_fails_as_a_test_and_the_instance_is_the_simplest(tmp_path):
    path = tmp_path / "rare_lemma.py"
    path.write_text(LEMMA)
    outcome = verify(load_claim("mine.rare", path), budget=5)
    assert outcome.conclusion is Conclusion.REFUTED
    simplest = outcome.instance
    assert simplest.sizes == {"m": 1}
    assert simplest.raw["F"] == [[0.0]]
    assert simplest.raw["n"] == 1  # n = 2 is refuted as well, at 1/8 exactly not
    space = {}
    exec(outcome.reproducer, space)
    with pytest.raises(AssertionError, match="certified in balls"):
        space["test_mine_rare"]()


def test_the_permitted_probability_may_be_a_constant_and_must_be_a_probability():
    @claim("test.delta", "x", draw(x=draw.reals(0, 1)), kind="probabilistic", failure="delta")
    def constant(xp, rng, x, *, delta=0.25):
        return uniform(xp, rng), 0 * x + 0.75

    instance = constant.instances.sample(np.random.default_rng(0))
    assert permitted(constant, instance) == Fraction(1, 4)
    assert permitted(constant.with_constants(delta=Fraction(1, 3)), instance) == Fraction(1, 3)
    with pytest.raises(ClaimError, match=r"must lie in \[0, 1\], got 2"):
        statistical(constant.with_constants(delta=2), seconds=1, seed=0)
    bad = statistical(
        constant.with_constants(delta=Fraction(1, 10)), seconds=60, seed=0, draws=4000
    )
    assert bad.conclusion is Conclusion.REFUTED


def test_a_deterministic_claim_is_no_case_for_it():
    @claim("test.plain", "x", draw(x=draw.positive()))
    def plain(xp, x):
        return x, 2 * x

    with pytest.raises(ClaimError, match="not a probabilistic claim"):
        statistical(plain, seconds=1, seed=0)


def test_the_e_value_in_the_message_is_that_of_the_counts(one_bad):
    verdict = statistical(one_bad, seconds=60, seed=0, draws=20_000)
    power = float(verdict.message.split("10^")[1].split()[0])
    assert power >= 9
    assert log_e_value([1], [1], [0.2])[0] / math.log(10) < 9


def test_failures_that_there_is_no_time_to_certify_do_not_refute(one_bad):
    run = _Run(one_bad, 0, ())
    for rounds in range(400):
        stream = run.next_stream(rounds)
        for _ in range(8):
            run.draw(stream)
    assert refutes(run.log_e())
    assert run.certify(deadline=0.0) is False
    verdict = run.unfinished()
    assert verdict.conclusion is Conclusion.UNDECIDED
    assert "no time to certify" in verdict.message
    assert run.certify(deadline=math.inf) is True


def test_draws_gather_on_the_instance_that_fails_most(one_bad):
    run = _Run(one_bad, 0, ())
    for rounds in range(300):
        stream = run.next_stream(rounds)
        for _ in range(8):
            run.draw(stream)
    draws = {s.instance.raw["p"]: s.draws for s in run.streams}
    assert set(draws) == {0.0625, 0.125, 0.3125}  # equal instances share their draws
    assert sum(draws.values()) == run.draws == 2400
    assert draws[0.3125] > 1200
