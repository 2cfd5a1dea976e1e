"""Proofs for Coq without slack: what is written for which goal, and that Coq takes no false one."""

import shutil
from fractions import Fraction

import pytest

from validation import claim, draw
from validation.arithmetic.expressions import coq, variable
from validation.catalogue import scalar_steps
from validation.loading import claims_of
from validation.proving.coq import compiles, goals, headed, write
from validation.proving.coq_algebra import Aim
from validation.proving.coq_by_hand import BY_HAND
from validation.proving.coq_exact import proofs
from validation.proving.coq_from_point import derivative
from validation.proving.regions import regions

COQC = pytest.mark.skipif(shutil.which("coqc") is None, reason="needs coqc")


def made(body, **factors):
    return claim("t.claim", "a statement", draw(**factors))(body)


def goal_of(body, **factors):
    lemma = made(body, **factors)
    return goals(lemma, regions(lemma, {}, {})[0])[0]


def test_a_quotient_of_polynomials_is_proved_by_its_signs():
    goal = goal_of(lambda xp, u: (u / (1 + u), u), u=draw.reals(0, 8))
    [first, *_] = goal.exact()
    assert first.startswith("intros. enough (0 <= ")
    assert "by positive" in first
    assert "from_" not in first


def test_where_both_sides_agree_the_derivative_is_looked_at():
    end = goal_of(lambda xp, u: (xp.log1p(u), u), u=draw.reals(0, 8))
    assert any("from_left" in proof for proof in end.exact())
    inside = goal_of(lambda xp, x: (xp.log(x), x - 1), x=draw.reals(0.5, 2))
    assert any("from_middle" in proof for proof in inside.exact())


@pytest.mark.parametrize(
    "body",
    [
        lambda xp, u: (u, u / (1 + u)),
        lambda xp, u: (u, xp.log1p(u)),
        lambda xp, u: (xp.exp(u), 1 + u + u**2 / 2),
        lambda xp, u: (xp.maximum(u, 1), u * u),
    ],
)
def test_for_what_is_false_no_proof_without_slack_is_written(body):
    assert goal_of(body, u=draw.reals(0, 8)).exact() == []


def test_derivatives_follow_the_rules():
    x = variable("x")
    assert coq(derivative(x**3, "x")) == "(3 * (x ^ 2))"
    assert coq(derivative(x / (1 + x), "x")) == "(((1 + x) - x) / ((1 + x) ^ 2))"
    assert coq(derivative(variable("y") * x, "x")) == "y"


def test_a_maximum_is_two_cases():
    goal = goal_of(lambda xp, u: (u, xp.maximum(u, 1) ** 2), u=draw.reals(0, 8))
    [proof, *_] = goal.exact()
    assert "Rle_lt_dec" in proof


def test_lemmas_stand_only_where_they_are_used():
    assert "from_left" not in headed("x", "", set(), body="  intros; lra.")
    assert "Coquelicot" in headed("x", "", set(), body="apply (from_left f)")


def test_what_was_written_by_hand_belongs_to_a_step():
    assert set(BY_HAND) <= {one.id for one in claims_of(scalar_steps)}


@COQC
def test_coq_refuses_a_proof_of_something_else():
    true = goal_of(lambda xp, u: (u / (1 + u), u), u=draw.reals(0, 8))
    false = goal_of(lambda xp, u: (2 * u / (1 + u), u), u=draw.reals(0, 8))
    proof = true.exact()[0]
    assert compiles("coqc", true.document(proof, Fraction(0)))[0]
    assert not compiles("coqc", false.document(proof, Fraction(0)))[0]


@pytest.mark.long
@COQC
@pytest.mark.parametrize(
    ("body", "high"),
    [
        (lambda xp, u: (u / (1 + u), u), 8),
        (lambda xp, u: (xp.log1p(u), u), 8),
        (lambda xp, u: (xp.tanh(u), u), 8),
        (lambda xp, u: (1 + u, xp.exp(u)), 4),
        (lambda xp, u: (u, xp.maximum(u, 1) ** 2), 8),
        (lambda xp, u: (u * (2 - u), 0 * u + 1), 8),
    ],
)
def test_coq_accepts_these_as_stated(body, high):
    lemma = made(body, u=draw.reals(0, high))
    found = write(lemma, regions(lemma, {}, {}), slacks=())
    assert found.version
    assert found.slack == 0


def test_without_variables_the_sign_of_the_number_decides():
    one = made(lambda xp, n: (xp.asarray(n), xp.asarray(3)), n=draw.integers(3, 4))
    texts = [
        list(proofs(Aim(goal.variables, goal.right + (-goal.left))))
        for region in regions(one, {}, {})
        for goal in goals(one, region)
    ]
    assert texts == [["lra."], ["lra."]]
