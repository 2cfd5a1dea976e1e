"""What was called true, tight or violated because the arithmetics meant different things."""

from __future__ import annotations

import re
from fractions import Fraction

import numpy as np
import pytest

from validation import ClaimError, Conclusion, Instance, certify, claim, draw, verify
from validation.arithmetic import FLOAT64, RATIONALS, Unsupported, balls

GREEN = (Conclusion.HOLDS, Conclusion.TIGHT)


def concluded(statement, budget=2.0):
    """What `verify` says at a small budget."""
    return verify(statement, quick=True, budget=budget, seed=0).conclusion


def inequality(body, instances, kind="inequality", **options):
    return claim("test.meaning", "x", instances, kind=kind, **options)(body)


def at(**values):
    """The instance with these numbers."""
    return Instance({}, values)


X = draw(x=draw.reals(0.5, 1))


# -- integers (fault 1, row 7 of the cases): float64 has no integer arrays ------------------------


def test_a_factorial_does_not_wrap():
    def body(xp, n):
        return xp.prod(xp.arange(1, n + 1)), xp.asarray(9.0) ** n

    assert (
        concluded(inequality(body, draw(n=draw.integers(1, 40))), budget=4) is Conclusion.VIOLATED
    )


def test_a_power_of_an_integer_does_not_wrap():
    def body(xp, n, x):
        return xp.asarray(2) ** (62 + n) * x, 2**63

    statement = inequality(body, draw(n=draw.integers(0, 2), x=draw.reals(0.5, 1)))
    assert concluded(statement) is Conclusion.VIOLATED


def test_row_7_of_the_cases():
    def factorial(xp, n, x):
        return x * xp.prod(xp.arange(1, n + 1)), 10**19

    def power(xp, n, x):
        return x * xp.asarray(3) ** n, 2**63

    for body, last in ((factorial, 22), (power, 45)):
        statement = inequality(body, draw(n=draw.integers(1, last), x=draw.reals(0.5, 1)))
        assert concluded(statement, budget=4) is Conclusion.VIOLATED


def test_a_cancellation_beyond_53_bits_stays_violated():
    def body(xp, x, y):
        return xp.maximum((y * 2**60 + x) - y * 2**60, x / 200), xp.asarray(Fraction(1, 100))

    statement = inequality(body, draw(x=draw.reals(0, 1), y=draw.reals(1, 1000)))
    assert concluded(statement) is Conclusion.VIOLATED


# -- dtypes and truth values (fault 5) ------------------------------------------------------------


@pytest.mark.parametrize(
    "truncated",
    [
        lambda xp, x: xp.astype(x, xp.int64),
        lambda xp, x: xp.asarray(x, dtype=xp.int64),
        lambda xp, x: xp.asarray([x, x], dtype=xp.int64)[0],
        lambda xp, x: xp.full((2,), x, dtype=xp.int64)[1],
    ],
)
def test_integers_are_truncated_in_all_three_arithmetics(truncated):
    # float64 truncated, balls and rationals did not: true there, false here.
    statement = inequality(lambda xp, x: (truncated(xp, x) + x, 2 * x), draw(x=draw.reals(1, 3)))
    assert concluded(statement) in GREEN
    # and the other way round: x <= trunc(x) is false.
    other = inequality(lambda xp, x: (x, truncated(xp, x)), draw(x=draw.reals(1, 3)))
    assert concluded(other) is Conclusion.VIOLATED
    for arithmetic in (FLOAT64, balls(128), RATIONALS):
        with arithmetic.active():
            for value in (-1.75, -0.25, 0.0, 2.5, 3.0):
                found = truncated(arithmetic.xp, arithmetic.lift(value))
                assert float(arithmetic.enclosure(found)[0]) == int(value)


def test_a_product_of_vectors_is_a_number():
    # Of shape (1,) in balls, so that (x @ x)[0] was fine there and an error in NumPy.
    for arithmetic in (FLOAT64, balls(128), RATIONALS):
        with arithmetic.active():
            x = arithmetic.lift(np.array([1.0, 2.0]))
            assert (x @ x).shape == ()
            assert arithmetic.compare(x @ x, 5, "identity").relation.value == "equal"
            with pytest.raises((IndexError, TypeError)):
                (x @ x)[0]


@pytest.mark.parametrize(
    "counted",
    [
        lambda xp, x: 1.0 * ((x > 0) + (x > 0.25)),
        lambda xp, x: (x > 0) * x,
        lambda xp, x: x * (x > 0),
        lambda xp, x: xp.sum(x[None] > 0),
        lambda xp, x: xp.maximum(x > 0, x),
    ],
)
def test_arithmetic_on_truth_values_is_refused(counted):
    statement = inequality(lambda xp, x: (counted(xp, x), 1 + 0 * x), X)
    with pytest.raises(ClaimError, match=r"truth value.*xp\.astype"):
        certify(statement, at(x=0.5))
    for arithmetic in (balls(128), RATIONALS):
        with arithmetic.active(), pytest.raises(Unsupported, match="truth value"):
            counted(arithmetic.xp, arithmetic.lift(0.5))


def test_sums_of_truth_values_are_refused_in_float64_too():
    for name in ("sum", "prod", "mean", "max", "min", "cumulative_sum", "sort"):
        with pytest.raises(Unsupported, match=rf"xp\.{name} met truth values"):
            getattr(FLOAT64.xp, name)(np.array([True, False]))
    with pytest.raises(Unsupported, match="needs truth values"):
        FLOAT64.xp.where(np.array([1.0, 0.0]), 1, 0)


def test_other_dtypes_are_refused():
    for arithmetic in (FLOAT64, balls(128), RATIONALS):
        for dtype in (bool, "float32", np.float32, "complex128"):
            with pytest.raises(Unsupported, match=r"xp\.float64 or xp\.int64"):
                arithmetic.xp.asarray([1.0], dtype=dtype)
            with pytest.raises(Unsupported, match=r"xp\.float64 or xp\.int64"):
                arithmetic.xp.astype(arithmetic.lift([1.0]), dtype)


# -- constants (fault 6) --------------------------------------------------------------------------


def test_three_tenths_are_three_times_a_tenth():
    def body(xp, x, *, c=Fraction(1, 10), d=Fraction(3, 10)):
        return 3 * c * x, d * x

    statement = inequality(body, X, kind="identity")
    assert concluded(statement) is Conclusion.HOLDS
    with pytest.raises(ClaimError, match=re.escape("c = 0.1 is a float that was rounded")):
        statement.with_constants(c=0.1)


@pytest.mark.parametrize(
    "array",
    [
        np.array([1 / 3]),
        np.array([[0.1, 1.0]]),
        np.array([0.1], dtype=np.float32),
        np.float32(0.1),
        np.float64(0.1),
        [np.array([0.5]), np.array([0.7])],
    ],
)
def test_arrays_of_rounded_constants_are_refused_in_a_body(array):
    statement = inequality(lambda xp, x: (3 * xp.asarray(array), 1 + 0 * x), X)
    with pytest.raises(ClaimError, match=r"rounded before: write it as a fraction \(Fraction\("):
        certify(statement, at(x=0.5))


def test_draws_are_arrays_of_any_floats():
    def body(xp, rng, x):
        return xp.asarray(rng.random(1))[0], x

    statement = inequality(body, draw(x=draw.reals(1, 2)), kind="probabilistic", failure=0.5)
    assert concluded(statement) is Conclusion.NOT_REFUTED  # and not a claim at fault


# -- "tight", entry by entry (fault 7) ------------------------------------------------------------


def big(xp, x):
    return xp.exp(500 * x)


LOST = {
    "identity": (
        "identity",
        lambda xp, b: (xp.stack([b, b - b + 2]), xp.stack([b, b - b + 1])),
    ),
    "inequality": (
        "inequality",
        lambda xp, b: (xp.stack([b, b - b + 2]), xp.stack([2 * b, b - b + 1])),
    ),
    "in a matrix": (
        "loewner",
        lambda xp, b: (xp.diag(xp.stack([b, b - b + 2])), xp.diag(xp.stack([b, b - b + 1]))),
    ),
    "in the last of many": (
        "identity",
        lambda xp, b: (xp.concat([b * xp.ones(7), (b - b + 2)[None]]),
                       xp.concat([b * xp.ones(7), (b - b + 1)[None]])),
    ),
    "two small numbers of which one is twice the other": (
        "inequality",
        lambda xp, b: (2 * ((1 + 1 / b) - 1), (1 + 1 / b) - 1),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LOST)
@pytest.mark.parametrize("x", [1.0 + 2.0**-30, 1.1, 1.19])
def test_a_large_entry_does_not_make_small_ones_equal(name, x):
    kind, sides = LOST[name]
    statement = inequality(
        lambda xp, x: sides(xp, big(xp, x)), draw(x=draw.reals(1, Fraction(6, 5))), kind=kind
    )
    found = certify(statement, at(x=x))
    assert found.conclusion not in GREEN, found.message
    if name.startswith("two small"):
        assert found.conclusion is Conclusion.VIOLATED


@pytest.mark.parametrize("name", LOST)
def test_verify_does_not_call_them_green(name):
    kind, sides = LOST[name]
    statement = inequality(
        lambda xp, x: sides(xp, big(xp, x)), draw(x=draw.reals(1, Fraction(6, 5))), kind=kind
    )
    assert concluded(statement) not in GREEN


def test_entries_of_all_sizes_that_do_agree_are_tight():
    # Each entry is compared relative to itself, so none is lost beside the others.
    def body(xp, x):
        y = xp.stack([x, x * 2**300, x / 2**300])
        return xp.exp(xp.log(y)), y

    found = certify(inequality(body, X, kind="identity"), at(x=0.7))
    assert found.conclusion is Conclusion.TIGHT
    assert int(re.search(r"2\^-(\d+)", found.message)[1]) > 450


def test_overlapping_sides_that_may_be_far_apart_are_not_equal():
    # The root of a ball around 0 reaches from 0 to 2^-250: far more than the other side.
    def body(xp, x):
        zero = xp.exp(x) - xp.exp(x)
        return 0 * x, xp.sqrt(xp.abs(zero)) * 2**300

    assert certify(inequality(body, X), at(x=0.7)).conclusion is not Conclusion.TIGHT


# -- 0 log 0 (row 12 of the cases) ----------------------------------------------------------------


def entropy(log):
    def body(xp, p):
        both = xp.stack([p, 1 - p])
        return -xp.sum(log(xp, both)), xp.log(xp.asarray(2))

    return inequality(body, draw(p=draw.reals(0, 1)))


def test_the_entropy_of_a_coin_is_at_most_log_2_with_the_value_0_of_0_log_0():
    statement = entropy(lambda xp, p: xp.xlogx(p))
    for p in (0.0, 1.0, 0.25, 2.0**-40):
        assert certify(statement, at(p=p)).conclusion is Conclusion.HOLDS
    assert certify(statement, at(p=0.5)).conclusion is Conclusion.TIGHT
    assert concluded(statement) in GREEN


def test_a_side_without_a_value_names_the_logarithm():
    found = certify(entropy(lambda xp, p: p * xp.log(p)), at(p=0.0))
    assert found.conclusion is Conclusion.UNDECIDED
    assert "the logarithm of 0" in found.message
    assert "xp.xlogx" in found.message


def test_where_leaves_out_the_logarithm_of_0_too():
    statement = entropy(lambda xp, p: xp.where(p > 0, p * xp.log(p), 0))
    assert certify(statement, at(p=0.0)).conclusion is Conclusion.HOLDS
    assert concluded(statement) in GREEN
