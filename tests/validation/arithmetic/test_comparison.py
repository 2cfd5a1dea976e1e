"""What comparing two sides says, in each arithmetic and each order."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from validation.arithmetic import (
    FLOAT64,
    RATIONALS,
    Comparison,
    Relation,
    Undecided,
    Undefined,
    Unsupported,
    balls,
    raise_precision,
)

B = balls(128)
ALL = [FLOAT64, B, RATIONALS]
EXACT = [B, RATIONALS]
each = pytest.mark.parametrize("arithmetic", ALL, ids=str)
exactly = pytest.mark.parametrize("arithmetic", EXACT, ids=str)


@pytest.fixture(autouse=True)
def _active():
    with B.active():
        yield


def compare(arithmetic, left, right, order="elementwise"):
    return arithmetic.compare(arithmetic.lift(left), arithmetic.lift(right), order=order)


# -- numbers and entries ------------------------------------------------------------------------


@each
@pytest.mark.parametrize(
    ("left", "right", "relation", "ratio"),
    [
        (1.0, 2.0, Relation.BELOW, 0.5),
        (2.0, 2.0, Relation.EQUAL, 1.0),
        (3.0, 2.0, Relation.ABOVE, 1.5),
        (-1.0, 2.0, Relation.BELOW, -0.5),
        (-1.0, 0.0, Relation.BELOW, None),
        (0.0, 0.0, Relation.EQUAL, None),
        (-3.0, -2.0, Relation.BELOW, None),
        (1.0, -2.0, Relation.ABOVE, None),
    ],
)
def test_two_numbers(arithmetic, left, right, relation, ratio):
    found = compare(arithmetic, left, right, "scalar")
    assert found.relation is relation
    assert found.ratio_low == found.ratio_high == ratio
    assert found.margin == right - left
    assert found.index == ()
    assert found.finite
    assert found.certain


@each
def test_the_worst_entry_decides_and_is_named(arithmetic):
    left = np.array([[1.0, 2.0], [0.0, 5.0]])
    below = compare(arithmetic, left, np.array([[2.0, 3.0], [1.0, 8.0]]))
    assert (below.relation, below.margin) == (Relation.BELOW, 1.0)
    assert below.ratio_low == pytest.approx(2 / 3, abs=1e-15)
    above = compare(arithmetic, left, np.array([[2.0, 3.0], [-4.0, 4.5]]))
    assert (above.relation, above.index, above.margin) == (Relation.ABOVE, (1, 0), -4.0)
    assert above.ratio_low == pytest.approx(5 / 4.5, abs=1e-15)
    equal = compare(arithmetic, left, np.array([[2.0, 3.0], [0.0, 6.0]]))
    assert (equal.relation, equal.index) == (Relation.EQUAL, (1, 0))


@each
def test_a_number_stands_for_an_array_of_that_value(arithmetic):
    assert compare(arithmetic, [1.0, 2.0], 3).relation is Relation.BELOW
    assert compare(arithmetic, 2.5, [1.0, 3.0]).relation is Relation.ABOVE


@each
def test_sides_of_the_wrong_shape_are_errors(arithmetic):
    with pytest.raises(ValueError, match="one shape"):
        compare(arithmetic, [1.0, 2.0], [1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="must be numbers"):
        compare(arithmetic, [1.0], [1.0], "scalar")
    with pytest.raises(ValueError, match="square matrices"):
        compare(arithmetic, [1.0], [1.0], "loewner")
    with pytest.raises(ValueError, match="order must be one of"):
        compare(arithmetic, 1.0, 1.0, "almost")


def test_sides_that_are_not_real_are_errors():
    for arithmetic in ALL:
        with pytest.raises((ValueError, Unsupported, TypeError)):
            arithmetic.compare(arithmetic.lift(1.0), 1j)
        with pytest.raises((ValueError, Unsupported, TypeError)):
            arithmetic.compare(arithmetic.lift(1.0), None)
    with pytest.raises(Unsupported, match="rounded before"):
        B.compare(B.lift(1.0), 1 / 3)


@each
def test_empty_sides_are_equal(arithmetic):
    for order in ("elementwise", "identity", "loewner"):
        empty = np.zeros((0, 0))
        assert compare(arithmetic, empty, empty, order).relation is Relation.EQUAL


@pytest.mark.parametrize("arithmetic", [FLOAT64, B], ids=str)
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("order", ["elementwise", "identity", "loewner"])
def test_what_is_not_finite_is_never_below(arithmetic, bad, order):
    good = np.eye(2)
    spoiled = good.copy()
    spoiled[1, 1] = bad
    for left, right in ((good, spoiled), (spoiled, good), (spoiled, spoiled)):
        with FLOAT64.active():
            found = compare(arithmetic, left, right, order)
        assert found.relation is Relation.NOT_FINITE
        assert found.index == (1, 1)
        assert not found.finite
        assert not found.certain


def test_rationals_do_not_take_what_is_not_finite():
    with pytest.raises(Undefined):
        RATIONALS.lift(math.inf)


def test_a_division_by_a_ball_around_zero_is_not_finite():
    third = B.lift(1.0) / 3
    zero = third * 3 - 1
    assert B.compare(zero / zero, 1).relation is Relation.NOT_FINITE


def test_overlap_is_neither_below_nor_above():
    one = B.lift(1.0) / 3 * 3
    for left, right in ((one, B.lift(1.0)), (B.lift(1.0), one), (one, 1), (1, one), (one, one)):
        found = B.compare(left, right, "scalar")
        assert found.relation is Relation.OVERLAP
        assert found.ratio_low < 1 < found.ratio_high
        assert not found.certain


@given(
    st.fractions(-100, 100), st.fractions(-100, 100), st.sampled_from([10, 30, 64]), st.booleans()
)
def test_ratio_and_margin_are_rounded_outwards_with_no_slack(a, b, bits, together):
    arithmetic = balls(bits)
    with arithmetic.active():
        left, right = arithmetic.lift(a), arithmetic.lift(b)
        found = arithmetic.compare(left, right)
        if together:
            found = arithmetic.compare(
                arithmetic.xp.stack([left, left - 1]), arithmetic.xp.stack([right, right])
            )
    exact = compare(RATIONALS, a, b)
    assert found.relation in (exact.relation, Relation.OVERLAP)
    assert Fraction(found.margin) <= b - a
    assert Fraction(exact.margin) <= b - a
    for one in (found, exact):
        if one.ratio_low is not None:
            assert Fraction(one.ratio_low) <= a / b <= Fraction(one.ratio_high)
            assert b > 0
    if b > 0:
        assert exact.ratio_high <= np.nextafter(np.nextafter(exact.ratio_low, np.inf), np.inf)


def test_neither_a_comparison_nor_a_relation_has_a_truth_value():
    for value in (compare(B, 1.0, 2.0), Relation.BELOW, Comparison(Relation.ABOVE)):
        with pytest.raises(TypeError, match="no truth value"):
            bool(value)


# -- identities ---------------------------------------------------------------------------------


@exactly
def test_an_identity_of_exact_values_is_equal_or_different(arithmetic):
    equal = compare(arithmetic, [1.0, 2.0], [1.0, 2.0], "identity")
    assert (equal.relation, equal.agreement_bits) == (Relation.EQUAL, math.inf)
    for other in ([1.0, 2.25], [1.0, 1.75]):
        different = compare(arithmetic, [1.0, 2.0], other, "identity")
        assert different.relation is Relation.ABOVE
        assert different.index == (1,)
        assert 2 < different.agreement_bits < 3.2


@pytest.mark.parametrize("bits", [64, 128, 512])
def test_an_identity_of_balls_agrees_to_about_the_precision(bits):
    arithmetic = balls(bits)
    with arithmetic.active():
        two = arithmetic.xp.sqrt(arithmetic.lift([2.0, 3.0])) ** 2
        found = arithmetic.compare(two, arithmetic.lift([2.0, 3.0]), "identity")
    assert found.relation is Relation.OVERLAP
    assert bits - 8 < found.agreement_bits < bits


def test_an_identity_of_floats_is_never_certain_unless_all_bits_agree():
    found = compare(FLOAT64, [1.0, 2.0], [1.0, 2.0 + 2**-40], "identity")
    assert found.relation is Relation.OVERLAP
    assert found.agreement_bits == pytest.approx(41, abs=1e-9)


# -- the Loewner order --------------------------------------------------------------------------


@each
def test_the_loewner_order_of_definite_matrices(arithmetic):
    S = np.array([[2.0, 1.0], [1.0, 2.0]])
    found = compare(arithmetic, S, 4 * np.eye(2), "loewner")
    assert found.relation is Relation.BELOW
    assert found.ratio_low <= 0.75 <= found.ratio_high or arithmetic is FLOAT64
    assert found.ratio_high == pytest.approx(0.75)
    found = compare(arithmetic, S, 2.5 * np.eye(2), "loewner")
    assert found.relation is Relation.ABOVE
    assert found.ratio_low == pytest.approx(1.2)
    # Larger in every entry and still not above.
    found = compare(arithmetic, np.zeros((2, 2)), np.array([[1.0, 2.0], [2.0, 1.0]]), "loewner")
    assert found.relation is Relation.ABOVE


def test_a_singular_difference_is_undecided_in_balls_and_decided_in_rationals():
    third = Fraction(1, 3)
    ones = [[third, third], [third, third]]
    zero = np.zeros((2, 2))
    assert compare(B, zero, ones, "loewner").relation is Relation.OVERLAP
    found = compare(RATIONALS, zero, ones, "loewner")
    assert found.relation is Relation.EQUAL
    assert (found.ratio_low, found.ratio_high) == (None, None)
    assert compare(RATIONALS, ones, zero, "loewner").relation is Relation.ABOVE


@exactly
def test_equal_matrices_are_equal_in_the_loewner_order(arithmetic):
    S = np.array([[2.0, 1.0], [1.0, 2.0]])
    found = compare(arithmetic, S, S, "loewner")
    assert found.relation is Relation.EQUAL
    assert found.ratio_low <= 1 <= found.ratio_high


@given(
    st.integers(1, 4),
    st.data(),
)
def test_exact_semidefiniteness_agrees_with_the_principal_minors(m, data):
    entries = data.draw(st.lists(st.integers(-2, 2), min_size=m * m, max_size=m * m))
    A = np.array(entries).reshape(m, m)
    A = A @ A.T * data.draw(st.sampled_from([0, 1])) + np.triu(A) + np.triu(A, 1).T
    found = compare(RATIONALS, np.zeros((m, m)), A, "loewner")
    minors = [
        round(np.linalg.det(A[np.ix_(J, J)]))
        for bits in range(1, 2**m)
        for J in [[i for i in range(m) if bits >> i & 1]]
    ]
    if min(minors) < 0:
        assert found.relation is Relation.ABOVE
    elif minors[-1] == 0:
        assert found.relation is Relation.EQUAL
    else:
        assert found.relation is Relation.BELOW
    ours = compare(B, np.zeros((m, m)), A, "loewner")
    if ours.relation is not Relation.OVERLAP:
        assert (ours.relation is Relation.ABOVE) == (found.relation is Relation.ABOVE)
    else:
        assert found.relation is Relation.EQUAL


@given(st.integers(1, 4), st.integers(0, 2**32))
def test_the_loewner_ratio_is_the_smallest_constant(m, seed):
    rng = np.random.default_rng(seed)
    F, G = rng.integers(-4, 5, size=(2, m, m)).astype(float)
    left, right = F @ F.T, G @ G.T + np.eye(m)
    found = compare(B, left, right, "loewner")
    assert found.ratio_high - found.ratio_low < 1e-12 * max(1, found.ratio_high)
    low, high = Fraction(found.ratio_low), Fraction(found.ratio_high)
    L, R = RATIONALS.lift(left), RATIONALS.lift(right)
    tiny = Fraction(1, 10**12)
    assert RATIONALS.compare(L, (high + tiny) * R, "loewner").relation is Relation.BELOW
    assume(low > tiny)
    assert RATIONALS.compare(L, (low - tiny) * R, "loewner").relation is Relation.ABOVE


def test_a_certainly_asymmetric_side_is_an_error():
    skew = np.array([[1.0, 2.0], [0.0, 1.0]])
    for arithmetic in EXACT:
        with pytest.raises((Undefined, ValueError), match="symmetric"):
            compare(arithmetic, skew, np.eye(2), "loewner")


# -- raising the precision ----------------------------------------------------------------------


def test_precision_is_raised_until_a_small_difference_shows():
    def evaluate(arithmetic):
        x = arithmetic.xp.sqrt(arithmetic.lift(2.0)) ** 2
        return arithmetic.compare(x, 2 + arithmetic.lift(2.0**-200), "scalar")

    comparison, precision = raise_precision(evaluate)
    assert (comparison.relation, precision) == (Relation.BELOW, 256)
    comparison, precision = raise_precision(evaluate, start=50, limit=150)
    assert (comparison.relation, precision) == (Relation.OVERLAP, 150)


def test_precision_is_raised_when_a_body_cannot_decide():
    seen = []

    def evaluate(arithmetic):
        seen.append(arithmetic.precision)
        x = arithmetic.xp.sqrt(arithmetic.lift(2.0)) ** 2 + arithmetic.lift(2.0**-100)
        return arithmetic.compare(arithmetic.lift(1.0) if x > 2 else arithmetic.lift(5.0), 2)

    assert raise_precision(evaluate).comparison.relation is Relation.BELOW
    assert seen == [64, 128]


def test_a_body_that_never_decides_overlaps_with_the_reason():
    def evaluate(arithmetic):
        x = arithmetic.xp.sqrt(arithmetic.lift(2.0)) ** 2
        return arithmetic.compare(x, 2) if x >= 2 else None

    comparison, precision = raise_precision(evaluate, limit=200)
    assert (comparison.relation, precision) == (Relation.OVERLAP, 200)
    assert "overlap" in comparison.reason


def test_an_error_of_the_body_is_not_swallowed():
    with pytest.raises(Undefined):
        raise_precision(lambda arithmetic: arithmetic.xp.linalg.cholesky(arithmetic.lift([[-1.0]])))


def test_a_singular_matrix_stays_undecided_in_balls_and_is_an_error_in_rationals():
    ones = [[1.0, 1.0], [1.0, 1.0]]
    with pytest.raises(Undecided, match="nonsingular"):
        B.xp.linalg.solve(B.lift(ones), B.lift(ones))
    with pytest.raises(Undefined, match="singular"):
        RATIONALS.xp.linalg.solve(RATIONALS.lift(ones), RATIONALS.lift(ones))
    with FLOAT64.active(), pytest.raises(Undefined, match="singular"):
        FLOAT64.xp.linalg.solve(FLOAT64.lift(ones), FLOAT64.lift(ones))


@pytest.mark.parametrize(("start", "limit"), [(1, 64), (128, 64)])
def test_bad_limits_are_refused(start, limit):
    with pytest.raises(ValueError, match="start must lie between"):
        raise_precision(lambda arithmetic: None, start=start, limit=limit)


@pytest.mark.parametrize("precision", [1, 0, -5, 2.5, True, "128"])
def test_bad_precisions_are_refused(precision):
    with pytest.raises(ValueError, match="precision must be"):
        balls(precision)
