"""Each way in which raw balls were seen to lie, and that ours do not."""

import contextlib
import copy
import math
import operator
import pickle
import re
from fractions import Fraction

import flint
import numpy as np
import pytest
from flint import arb

from validation.arithmetic import (
    FLOAT64,
    RATIONALS,
    Relation,
    Undecided,
    Undefined,
    Unsupported,
    balls,
)
from validation.arithmetic.ball import Balls, from_zero_to, lower, upper

B = balls(128)
xp = B.xp


@pytest.fixture(autouse=True)
def _active():
    with B.active():
        yield


def ball(*pairs):
    """An array of balls (midpoint, radius), or one ball."""
    made = [arb(mid, rad) for mid, rad in pairs]
    return Balls.of_entries(made[0]) if len(made) == 1 else Balls._from_list(made, (len(made),))


def contains(value, number):
    return value.entries().contains(arb(number))


# -- truth, order, conversion -------------------------------------------------------------------


def test_truth_of_a_ball_around_zero_is_undecided():
    assert bool(arb(0, 1)) is True  # the trap
    with pytest.raises(Undecided):
        bool(ball((0, 1)))
    assert bool(ball((2, 1))) is True
    assert bool(ball((0, 0))) is False


@pytest.mark.parametrize("name", ["lt", "le", "gt", "ge", "eq", "ne"])
def test_comparisons_of_overlapping_balls_are_undecided(name):
    question = getattr(operator, name)
    with pytest.raises(Undecided, match="overlap"):
        question(ball((0, 1)), ball((0.5, 1)))
    with pytest.raises(Undecided):
        question(ball((0, 1), (5, 0)), 0.5)
    assert question(ball((0, 1)), 3) == question(0, 3)
    assert list(question(ball((0, 1), (5, 0)), 3)) == [question(0, 3), question(5, 3)]


@pytest.mark.parametrize("name", ["lt", "le", "gt", "ge", "eq", "ne"])
def test_comparisons_with_nan_are_undecided(name):
    assert arb("nan").contains(3)  # the trap
    with pytest.raises(Undecided):
        getattr(operator, name)(B.lift(math.nan), 3)


def test_an_inexact_ball_is_not_said_to_equal_itself():
    third = B.lift(1.0) / 3
    with pytest.raises(Undecided):
        operator.eq(third, third)  # the trap: False
    assert B.lift(0.5) == B.lift(0.5)


@pytest.mark.parametrize("choose", [max, min, sorted, np.sort, np.maximum, np.argmax, np.unique])
def test_nothing_chooses_silently_among_overlapping_balls(choose):
    a, b = ball((0, 1)), ball((0.5, 0))
    with pytest.raises((Undecided, Unsupported)):
        choose([a, b]) if choose is not np.maximum else choose(a, b)
    with pytest.raises((Undecided, Unsupported)):
        choose(ball((0, 1), (0.5, 0))) if choose is not np.maximum else choose(b, a)


def test_maximum_and_minimum_contain_both_possibilities():
    wide = ball((0, 1))
    for result in (xp.maximum(wide, 0), xp.maximum(ball((0, 0)), wide)):
        assert contains(result, 0)
        assert contains(result, 1)
        assert not contains(result, -0.25)
    assert contains(xp.minimum(wide, 0), -1)
    both = xp.max(ball((0, 1), (0.5, 0)))
    assert contains(both, 0.5)
    assert contains(both, 1)


def test_maximum_with_nan_is_nan():
    for result in (xp.maximum(B.lift(math.nan), 1), xp.maximum(1, B.lift(math.nan))):
        assert result.entries().is_nan()


@pytest.mark.parametrize("convert", [float, complex, round, math.sqrt, math.floor, math.exp])
def test_conversion_to_a_python_number_is_refused(convert):
    assert float(arb(0, 1)) == 0.0  # the trap
    for value in (ball((0, 1)), ball((1, 0))):
        with pytest.raises((Unsupported, TypeError)):
            convert(value)


def test_only_an_exact_integer_is_an_index():
    assert list(range(3))[ball((1, 0))] == 1
    assert int(ball((2, 0))) == 2
    assert list(range(xp.ceil(ball((2.5, 0.25))))) == [0, 1, 2]
    for value in (ball((1, 1e-30)), ball((1.5, 0)), B.lift(math.inf)):
        with pytest.raises(Undecided):
            operator.index(value)


def test_ceil_and_floor_are_undecided_across_an_integer():
    with pytest.raises(Undecided):
        xp.ceil(ball((3, 1e-20)))
    with pytest.raises(Undecided):
        xp.floor(ball((3, 1e-20)))
    assert xp.ceil(ball((3, 0))) == 3
    assert xp.floor(ball((2.5, 0.25))) == 2


def test_balls_have_no_hash_and_no_membership():
    with pytest.raises(TypeError):
        hash(ball((1, 0)))
    with pytest.raises(Unsupported):
        operator.contains(ball((1, 0), (2, 0)), 1)


# -- roots, logarithms, powers ------------------------------------------------------------------


def test_sqrt_of_a_ball_that_touches_zero_encloses_the_roots_of_its_nonnegative_part():
    assert arb(0, 1).sqrt().is_nan()  # the trap
    root = xp.sqrt(ball((0, 1)))
    for number in (0, 0.5, 1):
        assert contains(root, number)
    assert not contains(root, -1e-9)
    assert not contains(root, 1.0001)


@pytest.mark.parametrize("function", [xp.sqrt, xp.log, xp.log1p])
def test_a_negative_argument_has_no_value_and_the_comparison_says_why(function):
    with B.active():
        assert not function(ball((-3, 0.5))).entries().is_finite()
        one, other = function(ball((1, 0), (-3, 0.5))).entries()
        assert one.is_finite()
        assert not other.is_finite()
        found = B.compare(function(ball((-3, 0.5))), 1)
    assert found.relation is Relation.NOT_FINITE
    assert re.search(r"(square root|logarithm|log1p) of \[-3", found.reason)


@pytest.mark.parametrize(
    ("function", "low"), [(xp.sqrt, 0), (xp.log, 0), (xp.log1p, -1), (xp.lgamma, 0)]
)
def test_where_leaves_out_what_has_no_value(function, low):
    x = B.lift([2.0, low - 1.0, 0.5])
    chosen = xp.where(x > low, function(x), 0)
    assert all(entry.is_finite() for entry in chosen.flat())
    assert chosen[1] == 0
    assert contains(chosen[0] - function(B.lift(2.0)), 0)


def test_log_of_a_ball_that_touches_zero_is_not_finite():
    assert not xp.log(ball((0, 1))).entries().is_finite()
    assert not xp.log(ball((0, 0))).entries().is_finite()


def test_powers_of_a_ball_around_zero_are_enclosed():
    assert (arb(0, 1) ** 2).is_nan()  # the trap
    wide = ball((-1, 3))  # -4 to 2
    for n, inside, outside in ((2, (0, 4, 16), (-1e-9, 16.1)), (3, (-64, 0, 8), (-64.1, 40))):
        power = wide**n
        assert all(contains(power, x) for x in inside)
        assert not contains(power, outside[0])
    assert wide**2 >= 0
    assert (wide**0) == 1
    assert contains(ball((2, 0)) ** -2, 0.25)
    assert not (wide**-1).entries().is_finite()


def test_broken_powers_need_a_positive_base():
    power = ball((4, 0)) ** B.lift(1.5)
    assert contains(power, 8)
    assert power.entries().rad() < 1e-30
    assert contains(ball((0, 1)) ** 0.5, 1)
    assert not (ball((-4, 0)) ** B.lift(1.5)).entries().is_finite()
    assert contains(ball((0, 0)) ** B.lift(1.5), 0)
    touching = ball((0, 1)) ** B.lift(1.5)
    assert all(contains(touching, x) for x in (0, 0.125, 1))
    assert not contains(touching, 1.0001)
    assert contains(2 ** B.lift(3.0), 8)


def test_a_ball_without_an_end_is_never_taken_for_zero():
    assert not from_zero_to(arb("nan")).is_finite()
    assert not from_zero_to(arb("inf")).is_finite()
    lost = Balls.of_entries(arb(1, "inf"))
    for power in (ball((0, 2)) ** lost, ball((0, 1)) ** Balls.of_entries(arb("nan"))):
        assert not power.entries().is_finite()


def test_from_zero_to_ends_at_zero_exactly_and_contains_the_end(rng):
    for value in np.exp(rng.uniform(-200, 200, 300)):
        made = from_zero_to(arb(float(value)) / 3)
        assert made.lower() == 0
        assert made.contains(arb(float(value)) / 3)


# -- lifting, pickling, precision ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "exact"),
    [
        (np.float32(0.1), Fraction(float(np.float32(0.1)))),
        (np.float16(0.1), Fraction(float(np.float16(0.1)))),
        (0.1, Fraction(0.1)),
        (np.float64(1e-308), Fraction(1e-308)),
        (5e-324, Fraction(5e-324)),
        (np.array([np.int64(2**62 + 1)]), Fraction(2**62 + 1)),
        (np.array([2**64 - 1], dtype=np.uint64), Fraction(2**64 - 1)),
        (np.array([True]), Fraction(1)),
        (np.array(0.25), Fraction(1, 4)),
        ([[10**40 + 1]], Fraction(10**40 + 1)),
    ],
)
def test_lifting_is_exact(value, exact):
    number = B.lift(value).flat()[0]
    assert number.is_exact()
    mantissa, exponent = number.man_exp()
    assert int(mantissa) * Fraction(2) ** int(exponent) == exact
    rational = RATIONALS.lift(value).flat()[0]
    assert Fraction(int(rational.p), int(rational.q)) == exact


def test_fractions_are_enclosed_and_kept():
    third = B.lift(Fraction(1, 3))
    assert contains(third * 3, 1)
    assert third.entries().rad() < 1e-37
    assert RATIONALS.lift(Fraction(1, 3)) * 3 == 1
    assert FLOAT64.lift([Fraction(1, 3), 1]).dtype == np.float64


def test_counts_and_truth_values_are_not_lifted():
    for arithmetic in (FLOAT64, B, RATIONALS):
        assert arithmetic.lift(np.int64(3)) == 3
        assert type(arithmetic.lift(np.int64(3))) is int
        assert arithmetic.lift(np.True_) is True
        assert arithmetic.lift(None) is None


@pytest.mark.parametrize("value", [1j, np.array([1j]), np.array(["a"]), object()])
def test_what_is_not_real_is_not_lifted(value):
    for arithmetic in (B, RATIONALS):
        with pytest.raises(Unsupported):
            arithmetic.lift(value)


def test_a_float_that_python_rounded_is_refused_in_a_formula():
    x = B.lift(1.5)
    for rounded in (1 / 3, 0.1, math.sqrt(2), math.pi, 2.48):
        for combine in (operator.add, operator.mul, operator.truediv, operator.pow):
            with pytest.raises(Unsupported, match="rounded before"):
                combine(x, rounded)
            with pytest.raises(Unsupported, match="rounded before"):
                combine(rounded, x)
        with pytest.raises(Unsupported, match="rounded before"):
            xp.asarray([1.0, rounded])
    for literal in (0.5, 12.25, 1e12, 2.0**-40, 1 / 4, math.inf):
        x * literal


def test_balls_do_not_pickle_and_say_so():
    for arithmetic in (B, RATIONALS):
        with pytest.raises(Unsupported, match="does not pickle"):
            pickle.dumps(arithmetic.lift([1.0, 2.0]))
    assert pickle.loads(pickle.dumps(B)) == B
    x = B.lift([1.0])
    assert copy.deepcopy(x) is x


def test_precision_is_a_context_that_nests_and_restores():
    before = flint.ctx.prec
    with balls(64).active():
        assert flint.ctx.prec == 64
        with balls(300).active():
            assert flint.ctx.prec == 300
            with RATIONALS.active(), FLOAT64.active():
                assert flint.ctx.prec == 300
        assert flint.ctx.prec == 64
        with pytest.raises(RuntimeError), balls(99).active():
            raise RuntimeError
        assert flint.ctx.prec == 64
    assert flint.ctx.prec == before


# -- NumPy stays outside ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: np.linalg.inv(x), r"numpy.linalg.inv was called on a ball; use xp.linalg.solve"),
        (lambda x: np.sqrt(x), r"numpy.sqrt was called on a ball; use xp.sqrt"),
        (lambda x: np.linalg.eigvalsh(x), r"use xp.linalg.eigvalsh"),
        (lambda x: np.add.reduce(x), r"numpy.add.reduce"),
        (lambda x: np.float64(2) * x, r"a NumPy value met a ball; lift it first"),
        (lambda x: x * np.float64(2), r"lift it first"),
        (lambda x: np.ones((2, 2)) @ x, r"lift it first"),
        (lambda x: x + np.ones((2, 2)), r"lift it first"),
        (lambda x: np.asarray(x), r"NumPy asked for the entries"),
        (lambda x: np.where(x, 1, 2), r"numpy.where was called"),
        (lambda x: x.sum(), r"x.sum was read on an array of balls; use xp.sum"),
        (lambda x: x[x > 0], r"use xp.take"),
        (lambda x: x[[0, 1]], r"use xp.take"),
        (lambda x: operator.setitem(x, 0, 1), r"do not change"),
        (lambda x: x + RATIONALS.lift(1.5), r"a rational met a ball"),
    ],
)
def test_numpy_is_refused_by_name(call, message):
    x = B.lift([[2.0, 1.0], [1.0, 2.0]])
    with pytest.raises(Unsupported, match=message):
        call(x)


# -- the ends of balls --------------------------------------------------------------------------


def test_ends_are_rounded_outwards_against_a_200_bit_oracle_with_no_slack(rng):
    for _ in range(2000):
        mid = float(rng.normal() * 10.0 ** rng.integers(-310, 300))
        with balls(int(rng.integers(10, 150))).active():
            x = arb(mid) / 3 + arb(0, abs(mid) * float(rng.choice([0, 1e-20, 1e-3])))
        with balls(2000).active():
            low, high = arb(lower(x)), arb(upper(x))
            assert low <= x.lower()
            assert x.upper() <= high
            # and tight: the next floats lie inside
            assert arb(math.nextafter(upper(x), -math.inf)) < x.upper()
            assert arb(math.nextafter(lower(x), math.inf)) > x.lower()


def test_ends_outside_the_range_of_floats_stay_on_the_safe_side():
    huge, tiny = arb(2) ** 3000, arb(2) ** -3000
    assert upper(huge) == math.inf
    assert lower(huge) == np.finfo(float).max
    assert lower(-huge) == -math.inf
    assert upper(tiny) == 5e-324
    assert lower(tiny) == 0
    assert math.isnan(upper(arb("nan")))


@pytest.mark.timeout(60)
@pytest.mark.parametrize("bad", [math.inf, -math.inf, math.nan])
def test_matrices_that_are_not_finite_do_not_keep_lapack_for_ever(bad):
    # numpy.linalg.svd of [[1, inf, inf], ...] did not return within 25 s.
    matrix = np.array([[1.0, bad, bad], [1.0, 0.0, 1.0], [bad, 1.0, 1.0]])
    linalg = FLOAT64.xp.linalg
    for function in (
        linalg.pinv,
        linalg.svdvals,
        linalg.matrix_rank,
        lambda x: linalg.matrix_norm(x, ord=2),
        lambda x: linalg.matrix_norm(x, ord="nuc"),
    ):
        with pytest.raises(Undefined, match="not finite"):
            function(matrix)
    with FLOAT64.active():
        for function in (linalg.eigvalsh, linalg.eigh, linalg.spectral_radius, linalg.cholesky,
                         linalg.det, lambda x: linalg.solve(x, x)):  # fmt: skip
            with contextlib.suppress(Undefined):
                function(matrix)
