"""The sampled rung ranks by what is true, counts what it rejected, and proves nothing."""

from __future__ import annotations

import math

import numpy as np
import pytest

from validation import ClaimError, Conclusion, Coverage, Evidence, Instance, certify, claim, draw
from validation.checking.evaluation import log_ratio, score
from validation.checking.sampled import check_acceptance, draw_sample, sampled

NUMBER = draw(x=draw.reals(0, 10))


def made(body, instances=NUMBER, **options):
    return claim("test.claim", "x", instances, **options)(body)


def test_float64_alone_never_says_that_a_claim_holds():
    verdict = sampled(draw_sample(made(lambda xp, x: (x, x + 1)), count=50, seed=0))

    assert verdict.conclusion is Conclusion.UNDECIDED
    assert verdict.evidence is Evidence.SAMPLED
    assert "no violation seen" in verdict.message


def test_nothing_evaluated_is_undecided():
    verdict = sampled(draw_sample(made(lambda xp, x: (x / (x - x), x)), count=50, seed=0))

    assert verdict.conclusion is Conclusion.UNDECIDED
    assert verdict.message == "no instance was evaluated"
    assert verdict.coverage.undecided == 50


def test_the_counts_add_up():
    half = made(lambda xp, x: (x, x + 1), given=lambda x: x > 5)

    coverage = draw_sample(half, count=400, seed=0).coverage

    assert coverage.drawn == 400
    assert 0 < coverage.rejected < 360
    assert coverage.rejected + coverage.evaluated + coverage.undecided == 400


def test_a_claim_that_rejects_nine_in_ten_is_an_error():
    rare = made(lambda xp, x: (x, x + 1), given=lambda x: x == 3.25)

    with pytest.raises(ClaimError, match=r"of 400 drawn instances do not meet the hypotheses"):
        draw_sample(rare, count=400, seed=0)


def test_a_few_unlucky_draws_are_not_held_against_a_claim():
    often = made(lambda xp, x: (x, x + 1))

    check_acceptance(often, Coverage(drawn=16, rejected=15))
    with pytest.raises(ClaimError, match="95 of 96"):
        check_acceptance(often, Coverage(drawn=96, rejected=95))
    with pytest.raises(ClaimError, match="271 of 300"):
        check_acceptance(often, Coverage(drawn=300, rejected=271))
    check_acceptance(often, Coverage(drawn=300, rejected=270))


def test_a_body_that_writes_into_its_arguments_is_named():
    def body(xp, v):
        v += 1
        return v, v

    with pytest.raises(ClaimError, match=r"test_sampled\.py:\d+\): in float64: .*read-only"):
        draw_sample(made(body, draw(v=draw.vectors("m"))), count=5, seed=0)


def test_hypotheses_reject_too():
    limited = made(
        lambda xp, x: (x, 5 + 0 * x), hypotheses={"x <= 5": lambda xp, x: (x, 5 + 0 * x)}
    )

    sample = draw_sample(limited, count=400, seed=0)

    assert sample.coverage.rejected > 50
    assert all(instance.raw["x"] <= 5 for _, instance in sample.worst)


def test_the_worst_are_kept_in_order():
    sample = draw_sample(made(lambda xp, x: (x, 10 + 0 * x)), count=500, seed=0)

    ratios = [ratio for ratio, _ in sample.worst]
    assert ratios == sorted(ratios, reverse=True)
    assert ratios[0] == pytest.approx(0, abs=1e-9)  # x = 10, the end of the interval


def test_one_seed_gives_one_sample():
    runs = [draw_sample(made(lambda xp, x: (x, x + 1)), count=100, seed=5) for _ in range(2)]

    assert runs[0].worst == runs[1].worst
    assert runs[0].worst != draw_sample(made(lambda xp, x: (x, x + 1)), count=100, seed=6).worst


def test_noise_over_noise_does_not_crowd_out_a_violation():
    """Where y <= 9 both sides are 0, and float64 sees noise above 0: a ratio of infinity."""

    def body(xp, x, y):
        bad = xp.astype(y > 9, xp.float64)
        noise = xp.abs(x / 10 * 3 - 3 * x / 10)
        return noise + 11 * bad, 10 * bad

    crowded = made(body, draw(x=draw.reals(0, 10), y=draw.reals(0, 10)))
    with np.errstate(all="ignore"):
        assert score(crowded, Instance({}, {"x": 1.0, "y": 0.0})).log_ratio == math.inf

    sample = draw_sample(crowded, count=300, seed=0, kept=4)

    for ratio, instance in sample.worst:
        assert ratio == pytest.approx(math.log(1.1))
        assert certify(crowded, instance).conclusion is Conclusion.VIOLATED


@pytest.mark.parametrize(
    ("kind", "left", "right", "expected"),
    [
        ("inequality", 1.0, 2.0, math.log(0.5)),
        ("inequality", 0.0, 0.0, -math.inf),
        ("inequality", 1.0, 0.0, math.inf),
        ("inequality", -1.0, 0.0, -math.inf),
        ("inequality", -2.0, -1.0, math.log(0.5)),
        ("inequality", -1.0, -2.0, math.log(2)),
        ("inequality", 1.0, -1.0, math.inf),
        ("inequality", math.nan, 1.0, math.nan),
        ("inequality", 1.0, math.inf, math.nan),
        ("inequality", np.array([1.0, 3.0]), np.array([2.0, 2.0]), math.log(1.5)),
        ("inequality", np.array([1.0, 3.0]), 4.0, math.log(0.75)),
        ("identity", 1.0, 1.0, 0.0),
        ("identity", 0.0, 0.0, 0.0),
        ("identity", 1.0, -1.0, math.log(3)),
        ("loewner", np.eye(2), 2 * np.eye(2), math.log(0.5)),
        ("loewner", np.diag([3.0, 1.0]), 2 * np.eye(2), math.log(1.5)),
        ("loewner", np.zeros((2, 2)), np.zeros((2, 2)), -math.inf),
    ],
)
def test_the_log_ratio_of_two_sides(kind, left, right, expected):
    found = log_ratio(kind, left, right)

    assert found == pytest.approx(expected, abs=1e-12, nan_ok=True)


def test_a_singular_right_side_in_the_loewner_order_still_tells_a_violation():
    right = np.diag([1.0, 0.0])

    assert log_ratio("loewner", np.diag([0.5, 0.1]), right) > 0
    assert log_ratio("loewner", np.diag([0.5, 0.0]), right) <= 0


def test_time_limits_the_draws():
    sample = draw_sample(made(lambda xp, x: (x, x + 1)), count=10**9, seed=0, seconds=0.2)

    assert 16 <= sample.coverage.drawn < 10**7
