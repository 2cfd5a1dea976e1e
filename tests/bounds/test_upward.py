"""Numbers rounded up, against exact rationals and 200-bit balls."""

import math
from fractions import Fraction

import flint
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bounds.upward import BITS, Upward, add_up, log_sum_up, log_up

NONNEGATIVE = st.one_of(
    st.just(0.0),
    st.floats(min_value=5e-324, max_value=1.7e308),
    st.floats(min_value=1e-3, max_value=1e3),
    st.integers(0, 2**20).map(float),
)
LOOSE = Fraction(1, 2 ** (BITS - 2))


def exact(number: Upward) -> Fraction:
    return number.mantissa * Fraction(2) ** number.exponent


def true_log(value: Fraction) -> flint.arb:
    with flint.ctx.workprec(300):
        return (flint.arb(value.numerator) / value.denominator).log()


@given(NONNEGATIVE)
def test_a_float_is_kept_exactly(x):
    assert exact(Upward(x)) == Fraction(x)


@given(st.lists(NONNEGATIVE, min_size=1, max_size=6), NONNEGATIVE, NONNEGATIVE)
def test_sums_products_and_quotients_are_never_below_and_hardly_above(values, factor, divisor):
    number, true = Upward(0), Fraction(0)
    for x in values:
        number, true = number * factor + x, true * Fraction(factor) + Fraction(x)
    if divisor:
        number, true = number / divisor, true / Fraction(divisor)
    assert true <= exact(number) <= true * (1 + 16 * LOOSE)


@given(NONNEGATIVE, NONNEGATIVE)
def test_the_square_root_is_never_below_and_hardly_above(x, y):
    product = Upward(x) * y
    root = exact(product.sqrt())
    assert exact(product) <= root**2 <= exact(product) * (1 + 4 * LOOSE)


@given(NONNEGATIVE, NONNEGATIVE)
def test_comparison_is_exact(x, y):
    assert (Upward(x) <= Upward(y)) == (x <= y)
    assert (Upward(x) < Upward(y)) == (x < y)
    assert (Upward(x) == Upward(y)) == (x == y)


@given(NONNEGATIVE.filter(bool), st.integers(0, 40), NONNEGATIVE.filter(bool))
def test_the_logarithm_is_rounded_up_by_a_few_units(x, power, y):
    number = Upward(x) + Upward(y)
    for _ in range(power):
        number = number * x
    log = number.log()
    true = true_log(exact(number))
    assert flint.arb(log) >= true
    assert log - float(true) <= 1e-15 * (1 + 2 * abs(log))


def test_the_logarithm_of_0_and_1_is_exact():
    assert Upward(0).log() == -math.inf
    assert Upward(1).log() == 0
    assert log_up(0.0) == -math.inf


@given(st.lists(st.floats(-1e5, 1e5), min_size=1, max_size=6))
def test_add_up_is_not_below_the_exact_sum(logs):
    true = sum(map(Fraction, logs))
    total = add_up(*logs)
    assert Fraction(total) >= true
    assert total - float(true) <= 1e-14 * (1 + sum(map(abs, logs)))


@given(st.lists(st.floats(-700, 1e5), min_size=1, max_size=6))
def test_log_sum_up_is_not_below_the_sum(logs):
    with flint.ctx.workprec(400):
        true = sum((flint.arb(x).exp() for x in logs), flint.arb(0)).log()
    assert flint.arb(log_sum_up(logs)) >= true
    assert log_sum_up(logs) - float(true) <= 1e-13 * (1 + max(map(abs, logs)))


def test_zero_makes_a_product_zero_and_drops_out_of_a_sum():
    assert add_up(3.0, -math.inf) == -math.inf
    assert log_sum_up([-math.inf, -math.inf]) == -math.inf
    assert log_sum_up([-math.inf, 2.0]) >= 2.0


def test_a_tiny_summand_still_raises_a_huge_number():
    huge, tiny = Upward(1e300), Upward(1e-300)
    for _ in range(3):
        huge, tiny = huge * huge, tiny * tiny
    assert exact(huge + tiny) > exact(huge)


def test_negative_numbers_and_division_by_zero_are_refused():
    with pytest.raises(ValueError, match="at least 0"):
        Upward(-1.0)
    with pytest.raises(ZeroDivisionError):
        Upward(1) / 0.0
