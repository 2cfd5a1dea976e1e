"""Numbers rounded up, against exact rationals and 200-bit balls."""

import math
from fractions import Fraction

import flint
import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bounds.rounding import (
    BITS,
    EPS,
    Upward,
    add_up,
    exp_up,
    inner_product,
    ldexp_up,
    log_sum_up,
    log_up,
    lowered,
    norms_up,
    quadratic_form,
    raised,
    roundings,
    spectral_norm_up,
    sum_up,
    up,
)
from bounds.terms import Bound, Term

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


LOGS = st.lists(st.floats(-1e5, 1e5), min_size=1, max_size=6)
"""An allowance is on the safe side, and not 100 times what it pays for: so many units in all."""


@given(LOGS)
def test_add_up_is_not_below_the_exact_sum_and_pays_for_two_units_each(logs):
    true = sum(map(Fraction, logs))
    room = Fraction(add_up(*logs)) - true
    size = 1 + sum(map(abs, logs))
    assert 2 * EPS * size <= room <= 8 * EPS * size


@given(st.lists(st.floats(-700, 1e5), min_size=2, max_size=6))
def test_log_sum_up_is_not_below_the_sum(logs):
    with flint.ctx.workprec(400):
        true = sum((flint.arb(x).exp() for x in logs), flint.arb(0)).log()
        room = flint.arb(log_sum_up(logs)) - true
        assert room > 0
        assert room <= 100 * EPS * (1 + max(map(abs, logs)))


@given(st.floats(-700, 1e5), st.floats(1e3, 1e9))
def test_what_is_far_below_the_largest_does_not_loosen_a_sum(top, depth):
    assert log_sum_up([top, top - depth]) <= top + 100 * EPS * (1 + abs(top))


@given(st.lists(NONNEGATIVE.filter(lambda x: x < 1e307), min_size=1, max_size=9))
def test_sum_up_is_the_next_float_above_the_exact_sum(values):
    true, total = sum(map(Fraction, values)), sum_up(values)
    assert Fraction(total) >= true
    assert true == 0 or Fraction(math.nextafter(total, 0)) < true


@given(st.one_of(st.floats(-700, 709), st.floats(-1e-12, 1e-12)))
def test_exp_up_is_above_the_exponential_by_a_few_units(log_value):
    value = exp_up(log_value)
    with flint.ctx.workprec(200):
        true = flint.arb(log_value).exp()
        assert flint.arb(value) >= true
        assert flint.arb(value) <= true * (1 + 16 * EPS)


@given(st.floats(1e-300, 1e300), st.integers(1, 64))
def test_raised_and_lowered_keep_their_side_after_the_multiplication(value, units):
    exact = Fraction(value)
    unit = Fraction(EPS)
    assert exact * (1 + units * unit) <= Fraction(raised(value, units))
    assert Fraction(raised(value, units)) <= exact * (1 + (units + 3) * unit)
    assert exact * (1 - (units + 3) * unit) <= Fraction(lowered(value, units))
    assert Fraction(lowered(value, units)) <= exact * (1 - units * unit)


@given(st.floats(-1e6, 1e6), st.integers(1, 64))
def test_up_pays_for_the_stated_number_of_units(log_value, units):
    room = Fraction(up(log_value, units)) - Fraction(log_value)
    size = Fraction(EPS) * (1 + abs(Fraction(log_value)))
    assert (units - 1) * size <= room <= (units + 1) * size


@given(st.floats(5e-324, 1.7e308), st.integers(-2200, 2200))
def test_a_power_of_two_is_exact_where_floats_allow_and_else_rounds_up(value, exponent):
    exact = Fraction(value) * Fraction(2) ** exponent
    found = ldexp_up(value, exponent)
    if found < math.inf:
        assert Fraction(found) >= exact
        assert Fraction(math.nextafter(found, 0)) < exact
    else:
        assert exact > Fraction(1.7976931348623157e308)


def test_what_is_not_known_is_never_less_than_everything():
    assert add_up(1.0, math.inf) == math.inf
    assert log_sum_up([1.0, math.inf]) == math.inf
    assert sum_up([1.0, math.inf]) == math.inf
    assert exp_up(math.inf) == math.inf
    assert log_up(math.inf) == math.inf
    assert up(math.inf) == math.inf
    assert ldexp_up(math.inf, -3000) == math.inf


@given(st.lists(st.floats(-700, 600), max_size=6))
def test_the_total_of_a_bound_is_not_below_the_sum_of_its_terms(logs):
    terms = tuple(Term(f"t{i}", v, "x", "s") for i, v in enumerate(logs))
    bound = Bound("i", "x", terms)
    assert bound.total is not None
    assert Fraction(bound.total) >= sum((Fraction(term.value) for term in terms), Fraction(0))
    with flint.ctx.workprec(1500):
        true = sum((flint.arb(v).exp() for v in logs), flint.arb(0))
        assert flint.arb(bound.total) >= true
        assert flint.arb(bound.total) <= true * (1 + 32 * EPS)


@given(st.floats(-300, 300), st.floats(-300, 300), st.integers(-500, 500))
def test_a_bound_in_other_units_has_exactly_the_scaled_total(first, second, exponent):
    bound = Bound("i", "x", (Term("a", first, "x", "s"), Term("b", second, "x", "s")))
    moved = bound.scaled(exponent)
    assert moved.total == math.ldexp(bound.total, exponent)
    assert moved.scaled(-exponent).total == bound.total
    assert moved.log_total == pytest.approx(bound.log_total + exponent * math.log(2), rel=1e-13)


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


ENTRIES = st.floats(-1e3, 1e3).filter(lambda x: x == 0 or abs(x) > 1e-3)


@st.composite
def products(draw, rows=1):
    length = draw(st.integers(1, 40))
    lists = st.lists(ENTRIES, min_size=length, max_size=length)
    return [draw(lists) for _ in range(rows + 1)]


def sums_of_products(a, b):
    """a . b in floats, in several orders."""
    forward = backward = 0.0
    for x, y in zip(a, b):
        forward += x * y
    for x, y in zip(a[::-1], b[::-1]):
        backward += x * y
    yield from (forward, backward, float(np.dot(a, b)), float(np.sum(np.multiply(a, b))))


@given(products())
def test_an_inner_product_is_off_by_less_than_its_allowance(vectors):
    a, b = vectors
    exact = sum((Fraction(x) * Fraction(y) for x, y in zip(a, b)), Fraction(0))
    size = float(np.dot(np.abs(a), np.abs(b)))
    for value in sums_of_products(a, b):
        assert abs(Fraction(value) - exact) <= Fraction(inner_product(len(a), size))


@pytest.mark.parametrize("length", [2, 8, 64, 512])
def test_the_allowance_of_an_inner_product_is_at_most_20_times_what_can_happen(length):
    # Each of the small terms is lost, and each of them is just under half a unit.
    a = [1.0] + [EPS / 2] * (length - 1)
    forward = next(sums_of_products(a, [1.0] * length))
    lost = sum(map(Fraction, a)) - Fraction(forward)
    assert Fraction(inner_product(length, 1.0)) <= 20 * lost


@given(st.integers(1, 12), st.data())
def test_a_quadratic_form_is_off_by_less_than_its_allowance(m, data):
    vector = data.draw(st.lists(ENTRIES, min_size=m, max_size=m))
    flat = data.draw(st.lists(ENTRIES, min_size=m * m, max_size=m * m))
    g, C = np.array(vector), np.array(flat).reshape(m, m)
    exact = sum(
        Fraction(g[i]) * Fraction(C[i, j]) * Fraction(g[j]) for i in range(m) for j in range(m)
    )
    size = float(np.abs(g) @ np.abs(C) @ np.abs(g))
    for value in (g @ C @ g, g @ (C @ g), np.einsum("i,ij,j->", g, C, g)):
        assert abs(Fraction(float(value)) - exact) <= Fraction(quadratic_form(m, size))
    # Textbooks have (2 m + 1) eps/2 for two products in a row, and the entries may be off.
    assert quadratic_form(m) <= 100 * (2 * m + 1) * EPS / 2


@given(st.lists(st.lists(ENTRIES, min_size=1, max_size=30), min_size=1, max_size=1))
def test_a_norm_is_rounded_up_and_by_little(rows):
    values = np.array(rows)
    (norm,) = norms_up(values)
    square = sum(Fraction(x) ** 2 for x in rows[0])
    assert square <= Fraction(float(norm)) ** 2
    room = 2 * (len(rows[0]) + 10) * Fraction(EPS)
    assert Fraction(float(norm)) ** 2 <= square * (1 + room) ** 2


def test_norms_up_takes_every_row_of_every_step():
    values = np.arange(24.0).reshape(2, 3, 4)
    assert norms_up(values) == pytest.approx(np.linalg.norm(values, axis=-1), rel=1e-14)
    assert norms_up(np.zeros((2, 0))).tolist() == [0.0, 0.0]


@given(st.integers(1, 5), st.integers(1, 5), st.data())
def test_a_spectral_norm_is_not_below_the_largest_singular_value(rows, columns, data):
    size = rows * columns
    flat = data.draw(st.lists(ENTRIES, min_size=size, max_size=size))
    W = np.array(flat).reshape(rows, columns)
    with mpmath.workdps(50):
        true = max(mpmath.svd_r(mpmath.matrix(W.tolist()), compute_uv=False))
        value = spectral_norm_up(W)
        assert value >= true
        assert value <= true * (1 + 16 * (max(W.shape) + 1) * EPS)


def test_a_matrix_without_entries_has_norm_0():
    assert spectral_norm_up(np.zeros((3, 0))) == 0


@given(
    st.lists(st.one_of(st.floats(-1e6, 1e6), st.sampled_from([math.inf, -math.inf])), max_size=5)
)
def test_an_array_of_logarithms_is_raised_as_each_of_them_is(logs):
    with np.errstate(all="raise"):
        assert up(np.array(logs), 6).tolist() == [up(value, 6) for value in logs]


@given(st.integers(1, 1000), st.floats(1e-3, 1e3))
def test_roundings_are_so_many_units_of_that_size(units, size):
    exact = units * Fraction(EPS) * Fraction(size)
    assert abs(Fraction(roundings(units, size)) - exact) <= exact * Fraction(EPS)
