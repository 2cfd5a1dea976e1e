"""Proofs of what the body does not mean, or of nothing: each once said *proved*."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from validation import Conclusion, Instance, certify, claim, draw, verify
from validation.arithmetic.enclosures import Enclosure
from validation.arithmetic.entry_arithmetics import EXPRESSIONS, INTERVALS, JETS
from validation.arithmetic.errors import Undecided, Unsupported, doubting
from validation.arithmetic.expressions import variable
from validation.arithmetic.jets import coordinate
from validation.claims import ClaimError
from validation.proving.algebra import proof_by_algebra
from validation.proving.attacked import NOTHING, attack
from validation.proving.coq import goals
from validation.proving.pieces import as_it_is
from validation.proving.prove import prove
from validation.proving.records import Ending
from validation.proving.regions import regions

ONE = draw(x=draw.reals(1, 2))
WIDTH = Fraction(1, 10**7)


def ending(statement, **options):
    return prove(statement, **{"budget": 1.0, "slacks": (), **options}).kind


# -- bodies that catch what an arithmetic cannot tell ---------------------------------------------


def within(xp, x, caught):
    """Whether 7/10 < x < 7/10 + 10^-7, or what a body says where it is not told."""
    try:
        return bool(x > Fraction(7, 10)) and bool(x < Fraction(7, 10) + WIDTH)
    except caught:
        return False


@pytest.mark.parametrize("caught", [ArithmeticError, Exception])
@pytest.mark.parametrize("right", ["rational", "exponential"])
def test_a_comparison_that_a_body_catches_is_asked_all_the_same(caught, right):
    @claim("t.caught", "x", draw(x=draw.reals(0, 1)))
    def body(xp, x):
        half = xp.exp(0 * x) / 2 if right == "exponential" else xp.asarray(Fraction(1, 2))
        return (x if within(xp, x, caught) else 0 * x), half

    assert ending(body, budget=4.0) is Ending.VIOLATED


def test_a_factor_that_is_not_found_is_not_a_factor_that_does_not_exist():
    """False wherever A is singular; balls cannot tell, rationals have no factors."""

    @claim("t.factor", "x", draw(A=draw.symmetric(), sizes={"m": (2, 2)}))
    def factor(xp, A):
        try:
            xp.linalg.cholesky(A @ A.T)
        except Exception:
            return xp.asarray(0), xp.asarray(1)
        return xp.asarray(1), xp.linalg.det(A) ** 2

    singular = Instance({"m": 2}, {"A": np.ones((2, 2))})

    assert certify(factor, singular).conclusion is Conclusion.UNDECIDED
    assert verify(factor, quick=True, budget=1.0).conclusion.bad


def test_doubts_are_listed_where_they_are_caught():
    with doubting() as outer, doubting() as inner:
        for error in (Undecided("a"), Unsupported("b")):
            with pytest.raises(type(error)):
                raise error
    assert [str(doubt) for doubt in inner] == ["a", "b"]
    assert not outer


# -- matrices that are not symmetric --------------------------------------------------------------


@pytest.mark.parametrize("growth", ["rational", "exponential"])
@pytest.mark.parametrize("place", [(0, 1), (1, 0)])
def test_minors_of_a_matrix_that_is_not_symmetric_prove_nothing(growth, place):
    """Both minors of [[1, 10], [0, 1]] are positive, and its form is negative at (1, -1)."""
    rows = np.eye(2)
    rows[place] = 10.0

    @claim("t.minors", "x", ONE, kind="loewner")
    def minors(xp, x):
        scale = xp.exp(x) if growth == "exponential" else x
        return xp.zeros((2, 2)), xp.asarray(rows) * scale

    assert ending(minors) is Ending.OPEN


def test_eigenvalues_of_a_matrix_that_is_not_symmetric_prove_nothing():
    @claim("t.eigenvalues", "x", draw(A=draw.arrays(2, 2, low=-1, high=1)))
    def eigenvalues(xp, A):
        return xp.linalg.eigvalsh(xp.tril(A))[0], xp.sum(xp.abs(A))

    assert ending(eigenvalues) is Ending.OPEN
    assert isinstance(proof_by_algebra(eigenvalues, {}, {}), str)


def test_matrices_that_are_symmetric_by_two_formulas_are_symmetric():
    @claim("t.sum", "x", draw(A=draw.arrays(2, 2, low=-1, high=1)), kind="loewner")
    def both(xp, A):
        return A + A.T, A + A.T + 5 * xp.eye(2)

    assert ending(both, budget=8.0) is Ending.PROVED


def test_numbers_that_are_to_agree_and_do_not_are_unknown():
    low, high = np.array([0.0, 2.0]), np.array([1.0, 3.0])
    with INTERVALS.active():
        found = Enclosure(low, high).agreeing(Enclosure(np.array([0.5, 0.5]), np.array([2.0, 1.0])))
    assert found.low.tolist()[:1] == [0.0]
    assert found.high.tolist()[:1] == [2.0]
    assert np.isnan([found.low[1], found.high[1]]).all()
    with JETS.active():
        near, far = coordinate(0.0, 1.0, True), coordinate(2.0, 3.0, False)
        assert not near.agreeing(far).finite()
        assert near.agreeing(coordinate(1.0, 2.0, False)).finite()
    with EXPRESSIONS.active():
        x, y = variable("x"), variable("y")
        assert (x + y).agreeing(x + y).name == "+"
        assert (x + y).agreeing(y + x).name == "/"


# -- hypotheses that no instance meets ------------------------------------------------------------


NEVER = {
    "by less than floats tell": lambda xp, x: (x * (1 + xp.asarray(2.0) ** -80), x),
    "by an exponential": lambda xp, x: (xp.exp(x) + xp.asarray(2.0) ** -99, xp.exp(x / 2) ** 2),
}


@pytest.mark.parametrize("how", NEVER)
def test_a_proof_under_hypotheses_that_nothing_meets_is_none(how):
    statement = claim("t.never", "x", ONE, hypotheses={how: NEVER[how]})(lambda xp, x: (x, 2 * x))

    proof = prove(statement, budget=1.0)

    assert proof.kind is Ending.OPEN
    assert NOTHING in proof.message
    assert proof.share == 0


def test_a_proof_by_algebra_of_what_it_assumes_is_none_where_that_never_holds():
    """Motzkin's polynomial is never negative, which no linear program finds out."""

    def motzkin(x, y):
        return x**4 * y**2 + x**2 * y**4 + 1 - 3 * x**2 * y**2

    @claim("t.motzkin", "x", draw(x=draw.reals(-2, 2), y=draw.reals(-2, 2)),
           hypotheses={"h": lambda xp, x, y: (motzkin(x, y) + Fraction(1, 4), 0 * x)})  # fmt: skip
    def assumed(xp, x, y):
        return motzkin(x, y) + Fraction(1, 4), 0 * x

    assert isinstance(proof_by_algebra(assumed, {}, {}), str)


def test_a_hypothesis_that_few_instances_meet_is_met():
    @claim("t.few", "x", draw(x=draw.reals(0, 1)),
           hypotheses={"x >= 0.95": lambda xp, x: (Fraction(95, 100), x)})  # fmt: skip
    def few(xp, x):
        return xp.exp(-x), xp.asarray(Fraction(2, 5))

    assert ending(few, budget=3.0) is Ending.PROVED


def test_the_attack_finds_what_the_claim_contradicts():
    false = claim("t.false", "x", ONE)(lambda xp, x: (x, xp.asarray(Fraction(3, 2))))
    true = claim("t.true", "x", ONE)(lambda xp, x: (x, xp.asarray(2)))

    assert attack(false, regions(false, {}, {}), False).violated is not None
    seen = attack(true, regions(true, {}, {}), False)
    assert seen.violated is None
    assert seen.met > 10


# -- invariances that hold near the draws only ----------------------------------------------------

TWO = draw(x=draw.positive(), y=draw.positive())
BOUNDED = {
    "above": lambda xp, x, y: (xp.minimum(x, y), xp.minimum(y, xp.asarray(2.0) ** 100)),
    "below": lambda xp, x, y: (xp.minimum(x, y), xp.maximum(y, xp.asarray(2.0) ** -100)),
    "in a hypothesis": lambda xp, x, y: (xp.minimum(x, y), y),
}


@pytest.mark.parametrize("where", BOUNDED)
def test_an_invariance_is_tried_far_beyond_the_draws(where):
    huge = {"x <= 2^100": lambda xp, x: (x, xp.asarray(2.0) ** 100)}
    hypotheses = huge if where == "in a hypothesis" else {}
    statement = claim("t.ray", "x", TWO, hypotheses=hypotheses, invariance={"x": 1, "y": 1})(
        BOUNDED[where]
    )

    with pytest.raises(ClaimError, match="declared invariance"):
        ending(statement, algebra=False)


@pytest.mark.parametrize("factor", ["distribution", "orthogonal"])
def test_what_has_no_multiples_is_not_scaled(factor):
    drawn = draw.distributions(2) if factor == "distribution" else draw.orthogonal(2)
    statement = claim("t.multiple", "x", draw(p=drawn), invariance={"p": 1})(
        lambda xp, p: (xp.exp(xp.sum(p * p)), 8 * xp.exp(xp.sum(p * p)))
    )

    with pytest.raises(ClaimError, match="of which no multiple is another"):
        ending(statement, algebra=False)


def test_sizes_that_are_numbers_have_coordinates():
    statement = claim("t.two", "x", draw(S=draw.covariances(2)))(
        lambda xp, S: (xp.linalg.det(S), S[0, 0] * S[1, 1])
    )

    assert ending(statement) is Ending.PROVED


# -- what is printed of a proof -------------------------------------------------------------------


@pytest.mark.parametrize("by", ["a box", "the draw"])
@pytest.mark.parametrize("algebra", [False, True])
def test_the_ranges_of_a_proof_are_not_rounded(by, algebra):
    """exp x <= exp 1.99999995 on [1, 1.9999999]; on [1, 2], which was printed, it is false."""
    high = 1.9999999
    drawn = draw(x=draw.reals(1, high if by == "the draw" else 4))
    least = Fraction(199999995, 10**8)
    body = (lambda xp, x: (x, least)) if algebra else (lambda xp, x: (xp.exp(x), xp.exp(least)))
    statement = claim("t.range", "x", drawn)(body)

    proof = prove(statement, box={"x": (1, high)} if by == "a box" else {}, budget=2.0, slacks=())

    assert proof.kind is Ending.PROVED
    assert str(high) in proof.statement
    assert all(str(high) in region for region in proof.regions)


@settings(deadline=None)
@given(st.one_of(st.floats(allow_nan=False, allow_infinity=False), st.fractions()))
def test_a_number_is_printed_as_it_is(x):
    text = as_it_is(x)
    base, power, exponent = text.partition("2^")
    value = Fraction(f"{base}1") * Fraction(2) ** int(exponent) if power else Fraction(text)

    assert value == x or float(value) == x


def test_variables_for_coq_are_never_one():
    """The second coordinate of x and the number x_1 were both x_1, and x_1 <= x_1 is true."""

    @claim("t.symbols", "x", draw(x=draw.vectors(2, low=0, high=1), x_1=draw.reals(0, 1),
                                  PI=draw.reals(0, 1)))  # fmt: skip
    def symbols(xp, x, x_1, PI):
        return x[1] + xp.pi, x_1 + PI

    (goal,) = goals(symbols, regions(symbols, {}, {})[0])

    assert len({name for name, *_ in goal.variables}) == len(goal.variables) == 3
    assert "PI" not in {name for name, *_ in goal.variables}
