"""The rung for orders: what a ladder says, and what it never says."""

from fractions import Fraction

import numpy as np
import pytest

from validation import ClaimError, Conclusion, Evidence, certify, claim, draw, verify
from validation.catalogue import degrees_of_freedom_orders as catalogue
from validation.checking.orders import orders, rungs


def ladder_of(left, right=lambda xp, x: 1 + 0 * x, ladder=(2.0, 2.0**40, 16), **options):
    @claim("mine.order", "x", draw(a=draw.positive()), kind="order", ladder=ladder, **options)
    def body(xp, x, a):
        return left(xp, x), right(xp, x)

    return body


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (lambda xp, x: 5 + 0 * x, lambda xp, x: 1 + 0 * x),
        (lambda xp, x: x, lambda xp, x: 2 * x + 3),  # grows towards 1/2
        (lambda xp, x: x, lambda xp, x: x * xp.log(1 + x)),  # falls
        (lambda xp, x: 3 - 1 / xp.log(1 + x), lambda xp, x: 1 + 0 * x),  # converges slowly
        (lambda xp, x: 2 + xp.sin(x), lambda xp, x: 1 + 0 * x),  # bounded, no limit
        (lambda xp, x: 0 * x, lambda xp, x: x),
    ],
)
def test_bounded_ratios_are_not_refuted(left, right):
    verdict = orders(ladder_of(left, right), seconds=5, seed=0)
    assert verdict.conclusion is Conclusion.NOT_REFUTED
    assert verdict.evidence is Evidence.SAMPLED
    assert "finite ladder proves no order" in verdict.message


@pytest.mark.parametrize(
    "left",
    [
        lambda xp, x: xp.log(x),
        lambda xp, x: xp.sqrt(xp.log(x)),
        lambda xp, x: xp.exp(xp.log(x) / 100),
        lambda xp, x: x,
        lambda xp, x: xp.log(x) ** 2 / 10**6,
    ],
)
def test_powers_and_logarithms_are_left_undecided_and_never_called_violated(left):
    verdict = orders(ladder_of(left), seconds=5, seed=0)
    assert verdict.conclusion is Conclusion.UNDECIDED
    assert "a finite ladder refutes no order" in verdict.message


def test_a_ladder_may_go_down():
    falling = ladder_of(lambda xp, x: 1 / x, lambda xp, x: 1 / x**2, ladder=(1.0, 1e-9, 12))
    assert orders(falling, seconds=5, seed=0).conclusion is Conclusion.NOT_REFUTED
    growing = ladder_of(lambda xp, x: 1 / x, ladder=(1.0, 1e-9, 12))
    verdict = orders(growing, seconds=5, seed=0)
    assert verdict.conclusion is Conclusion.UNDECIDED
    assert "as x^-1 " in verdict.message
    # 1e-9 to 1 in 12 rungs: left/right grows by 5 or 6 of the 11 steps over the last half.
    assert 1e-9 ** (-5 / 11) * 0.9 < verdict.ratio < 1e-9 ** (-6 / 11) * 1.1


def test_one_bad_instance_is_enough_to_leave_it_undecided():
    @claim("mine.mixed", "x", draw(a=draw.choices(0, 0, 0, 1)), kind="order", ladder=(2.0, 1e6, 12))
    def mixed(xp, x, a):
        return x**a, 1 + 0 * x

    verdict = orders(mixed, seconds=20, seed=0)
    assert verdict.conclusion is Conclusion.UNDECIDED
    assert verdict.instances[0].raw["a"] == 1


def test_rungs_are_exact_and_whole_where_the_ends_are():
    claimed = ladder_of(lambda xp, x: x, ladder=(4.0, 100.0, 9))
    x = rungs(claimed)
    assert len(x) == 9
    assert (x == np.rint(x)).all()
    assert (x[0], x[-1]) == (4, 100)
    for ladder in [(1.0, 1.0, 9), (0.0, 1.0, 9), (1.0, 2.0, 7), (-1.0, 2.0, 9)]:
        with pytest.raises(ClaimError, match="a ladder needs two different positive ends"):
            rungs(ladder_of(lambda xp, x: x, ladder=ladder))


def test_sides_that_break_down_are_undecided():
    verdict = orders(ladder_of(lambda xp, x: 1 / (x - x)), seconds=1, seed=0)
    assert verdict.conclusion is Conclusion.UNDECIDED
    assert verdict.coverage.evaluated == 0
    negative = orders(ladder_of(lambda xp, x: -x), seconds=1, seed=0)
    assert negative.conclusion is Conclusion.UNDECIDED


def test_a_body_that_cannot_be_enclosed_is_an_error_with_its_line():
    with pytest.raises(ClaimError, match=r"test_orders.py:\d+\): in balls"):
        orders(ladder_of(lambda xp, x: xp.asarray(float(x))), seconds=1, seed=0)
    with pytest.raises(ClaimError, match="not a claim of order"):
        orders(catalogue.node_ratio, seconds=1, seed=0)


@pytest.mark.parametrize(
    ("claimed", "exponent", "conclusion"),
    [
        (catalogue.order, 1, Conclusion.NOT_REFUTED),
        (catalogue.order, Fraction(9, 10), Conclusion.UNDECIDED),
        (catalogue.order_exponential, 1, Conclusion.NOT_REFUTED),
        (catalogue.order_exponential, Fraction(1, 2), Conclusion.UNDECIDED),
        (catalogue.degrees_of_freedom_order, Fraction(5, 4), Conclusion.NOT_REFUTED),
        # The integral has order k sqrt(log k): any exponent above 1 will do, and 1 will not.
        (catalogue.degrees_of_freedom_order, Fraction(11, 10), Conclusion.NOT_REFUTED),
        (catalogue.degrees_of_freedom_order, 1, Conclusion.UNDECIDED),
    ],
)
def test_the_published_exponents_pass_and_smaller_ones_do_not(claimed, exponent, conclusion):
    verdict = orders(claimed.with_constants(exponent=exponent), seconds=1.0, seed=1)
    assert verdict.conclusion is conclusion


def test_the_explicit_constant_of_the_polynomial_order_is_the_limit():
    rng = np.random.default_rng(0)
    sharp = catalogue.order_polynomial_sharp
    instance = sharp.instances.sample(rng)
    raw = {"share": np.ones(400), "c": 1.0, "a": 2.0, "lam": 2.0**-12}
    instance = type(instance)({"m": 400}, raw)
    assert certify(sharp, instance).conclusion is Conclusion.HOLDS
    # pi/2 for 64 effective nodes, less 1/2 for the first term and the tail beyond 400.
    slim = sharp.with_constants(factor=Fraction(7, 8))
    assert certify(slim, instance).conclusion is Conclusion.VIOLATED


def test_the_integral_is_enclosed_from_above():
    from scipy.integrate import quad

    from validation.arithmetic import FLOAT64

    for c, B in [(1.0, 1.0), (1e-6, 2.0), (1e6, 0.5)]:
        exact = quad(lambda s, c=c, B=B: 2 * B * s * np.sqrt(np.log1p(c / (B * s * s))), 0, 1)[0]
        bound = catalogue.root_integral(FLOAT64.xp, lambda eps, c=c: np.log1p(c / eps), B)
        assert exact <= bound <= 1.05 * exact


def test_verify_reports_an_order_with_its_proof_and_steps():
    outcome = verify(catalogue.degrees_of_freedom_order, budget=0.5, quick=True)
    assert outcome.conclusion is Conclusion.NOT_REFUTED
    assert outcome.rungs["symbolic"].conclusion is Conclusion.HOLDS
    assert [step.conclusion for step in outcome.steps] == [Conclusion.HOLDS]


def test_instances_that_leave_the_range_of_floats_are_not_left_out():
    """(a x)^2000 is not O(x); where it was seen to grow it was beyond all floats."""

    @claim("mine.power", "x", draw(a=draw.positive()), kind="order", ladder=(1.0, 2.0**20, 16))
    def power(xp, x, a):
        return 1 + (a * x) ** 2000, x

    verdict = orders(power, seconds=5, seed=0)

    assert verdict.conclusion is Conclusion.UNDECIDED
    assert verdict.coverage.undecided > 0
    assert "is not finite, somewhere on the ladder" in verdict.message
