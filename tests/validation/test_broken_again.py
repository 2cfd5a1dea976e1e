"""What broke verdicts a second time: each input in a guise of its own, and the right answer."""

from __future__ import annotations

import math
import re
from fractions import Fraction

import numpy as np
import pytest

from validation import Conclusion, Instance, certify, claim, draw, load_file, verify
from validation.arithmetic import balls
from validation.checking.tighten import tighten
from validation.claims import ClaimError
from validation.commands.tighten import text_of
from validation.commands.verify import show_ratio

GREEN = (Conclusion.HOLDS, Conclusion.TIGHT)
ONE = draw(x=draw.reals(1, 2))


def checked(statement, **options):
    outcome = verify(statement, quick=True, budget=1.0, **options)
    assert not outcome.error, outcome.error
    return outcome


# -- a body, or a later hypothesis, that has no meaning where an earlier hypothesis fails ---------

AT_LEAST_TWO = {"m >= 2": lambda xp, x: (xp.asarray(2), xp.asarray(x.shape[0]))}
SECOND = {**AT_LEAST_TWO, "x_1 >= 0": lambda xp, x: (xp.asarray(0), x[1])}


@pytest.mark.parametrize("hypotheses", [AT_LEAST_TWO, SECOND])
@pytest.mark.parametrize("kind", ["inequality", "identity"])
def test_outside_the_hypotheses_nothing_is_called(hypotheses, kind):
    right = xp_max if kind == "inequality" else second
    statement = claim("t.second", "x", draw(x=draw.vectors("m")), hypotheses=hypotheses, kind=kind)(
        lambda xp, x: (x[1], right(xp, x))
    )

    outcome = checked(statement)

    assert outcome.conclusion in GREEN
    assert outcome.verdict.coverage.rejected > 0


def xp_max(xp, x):
    return xp.max(x)


def second(xp, x):
    return x[1]


def test_what_given_rejects_is_not_audited():
    sizes = {"m": (1, 2), "p": (1, 2)}
    product = draw(A=draw.matrices("m", "m"), B=draw.matrices("p", "p"), sizes=sizes)
    statement = claim("t.fit", "x", product, given=lambda A, B: A.shape == B.shape)(
        lambda xp, A, B: (xp.linalg.trace(A + B), xp.linalg.trace(A) + xp.linalg.trace(B) + 1)
    )

    assert checked(statement).conclusion in GREEN


def test_a_body_that_fails_where_the_hypotheses_are_met_is_an_error():
    statement = claim("t.third", "x", draw(x=draw.vectors("m")), hypotheses=AT_LEAST_TWO)(
        lambda xp, x: (x[2], xp.max(x))
    )

    assert "index 2" in verify(statement, quick=True, budget=1.0).error


# -- where float64 breaks down and balls do not ---------------------------------------------------


def test_a_norm_beyond_float64_is_searched_in_balls():
    @claim("t.norm", "x", draw(x=draw.vectors("m")))
    def norm(xp, x):
        big = xp.asarray(10) ** 250
        return xp.linalg.vector_norm(x * big), xp.sum(xp.abs(x)) * big

    outcome = checked(norm)

    assert outcome.conclusion in GREEN
    assert "float64 breaks down on most instances" in " ".join(outcome.notes)


def test_sides_beyond_every_float_are_undecided_and_no_error():
    @claim("t.beyond", "x", ONE)
    def beyond(xp, x):
        return x * xp.asarray(10) ** 600, 2 * x * xp.asarray(10) ** 600

    outcome = checked(beyond)

    assert outcome.conclusion is Conclusion.UNDECIDED
    assert "most instances say nothing" in outcome.verdict.message


# -- printed numbers ------------------------------------------------------------------------------


def rank_one(body):
    product = draw(F=draw.matrices("m", "r"), sizes={"m": (2, 3), "r": (1, 1)})
    return claim("t.order", "x", product, kind="loewner")(body)


@pytest.mark.parametrize(
    ("right", "least", "most"),
    [
        (lambda xp, S: 2 * S / 3, 1.5 - 1e-9, 1.5),
        (lambda xp, S: S * (1 - xp.asarray(2) ** -30), 1 + 2.0**-31, 1 / (1 - 2.0**-30)),
        (lambda xp, S: S - xp.eye(S.shape[0]), math.inf, math.inf),
        (lambda xp, S: S - S, math.inf, math.inf),
    ],
)
def test_the_ratio_of_singular_matrices_is_a_lower_end(right, least, most):
    statement = rank_one(lambda xp, F: (F @ F.T, right(xp, F @ F.T)))
    # The last axis is an eigenvector, so that the forms of axes show an infinite ratio.
    found = certify(statement, Instance({"m": 2, "r": 1}, {"F": np.array([[0.0], [0.5]])}))

    assert found.conclusion is Conclusion.VIOLATED
    assert least <= (math.exp(found.log_ratio) if found.log_ratio < 700 else math.inf) <= most


def test_the_ratio_of_a_singular_multiple_in_general_position():
    statement = rank_one(lambda xp, F: (F @ F.T, 2 * (F @ F.T) / 3))
    found = certify(statement, Instance({"m": 2, "r": 1}, {"F": np.array([[0.3], [0.7]])}))

    assert 0.4 < found.log_ratio <= math.log(1.5)


def test_no_ratio_is_printed_where_none_was_certified():
    outcome = checked(rank_one(lambda xp, F: (F @ F.T, 2 * (F @ F.T))))

    assert outcome.conclusion in GREEN
    assert show_ratio(outcome) == ""


@pytest.mark.parametrize("bits", [200, 1000])
def test_sides_that_no_print_tells_apart_show_their_difference(bits):
    @claim("t.near", "x", ONE, kind="identity")
    def near(xp, x):
        return x, x * (1 - xp.asarray(2) ** -bits)

    facts = checked(near).facts

    low, high = map(
        Fraction, re.search(r"left - right in \[(.+), (.+)\]", "\n".join(facts)).groups()
    )
    assert 0 < low <= Fraction(1, 2**bits) * 2
    assert low <= high
    assert max(map(len, facts)) < 120


def test_the_entry_that_is_named_is_one_of_the_instance_that_is_shown():
    @claim("t.entry", "x", draw(x=draw.vectors("m"), sizes={"m": (1, 6)}))
    def entry(xp, x):
        return xp.abs(x), xp.sum(xp.abs(x)) / x.shape[0]

    outcome = checked(entry)
    place = int(re.search(r"at entry \((\d+),\)", outcome.verdict.message).group(1))

    assert outcome.conclusion is Conclusion.VIOLATED
    assert place < outcome.instance.sizes["m"]
    assert any(fact.startswith(f"left[{place}]") for fact in outcome.facts)
    assert outcome.verdict.message == certify(entry, outcome.instance).message


def test_what_fails_no_more_is_not_said_to_fail_most():
    @claim("t.choice", "x", draw(how=draw.choices("it's", 'say "hi"', None)))
    def choice(xp, how):
        return xp.asarray(3), xp.asarray(2)

    assert "it fails most at" not in checked(choice).facts


def test_tighten_prints_the_sides_at_the_value_that_fails():
    @claim("t.log", "x", ONE)
    def log(xp, x, *, c=3):
        return x, 2 * x * xp.log(c)

    text = text_of(log, tighten(log, "c", seconds=2.0, seed=0))

    assert "certified to fail" in text
    left = float(re.search(r"left = (.+)", text).group(1))
    high = float(re.search(r"right in \[.+, (.+)\]", text).group(1))
    assert high <= left


@pytest.mark.parametrize("how", ["step", "nan"])
def test_a_constant_that_matters_only_far_away_is_tightened(how):
    @claim("t.cliff", "x", ONE)
    def cliff(xp, x, *, c=5):
        if how == "nan":
            root = xp.sqrt(xp.asarray(1) * c - 2)
            return x, 3 * x * (root + 1) / (root + 1)
        return x, xp.where(xp.asarray(1) * c >= 2, 3 * x, x / 2)

    found = tighten(cliff, "c", seconds=3.0, seed=0)

    assert found.value is not None
    assert 2 <= float(found.value) <= 2.1


def test_values_that_fail_between_others_are_looked_for_where_nothing_stops_the_constant():
    @claim("t.window", "x", ONE)
    def window(xp, x, *, c=5):
        return x, 100 * x * (c - 2) * (c - 2)

    found = tighten(window, "c", seconds=2.0, seed=0)

    assert found.ratio == pytest.approx(1 / 900)
    assert any(note.startswith("not monotone in c: c = ") for note in found.notes)


# -- bad input ------------------------------------------------------------------------------------


def test_truth_values_are_called_so():
    statement = claim("t.truths", "x", ONE)(lambda xp, x: ((x > 0) + (x > 1), xp.ones_like(x)))

    assert "consists of truth values" in verify(statement, quick=True).error


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: draw.integers(0, 2**70), ValueError, "within -2^63 and 2^63 - 1"),
        (lambda: draw.choices([1, 2]), TypeError, "tuples of these, got [1, 2]"),
        (lambda: draw.choices((1, ["a"])), TypeError, "tuples of these, got ['a']"),
        (lambda: draw(J=draw.node_sets(3, 5)), ValueError, "J: 5 must be at most 3"),
        (lambda: draw(J=draw.node_sets("m", 5), sizes={"m": (2, 9)}), ValueError,
         "J: 5 must be at most 2, the least that m may be"),
    ],
)  # fmt: skip
def test_arguments_of_draw_are_refused_at_declaration(make, error, words):
    with pytest.raises(error, match=re.escape(words)):
        make()


def test_the_ends_of_integers_are_drawn():
    ends = draw(n=draw.integers(2**63 - 1, 2**63 - 1), k=draw.integers(-(2**63), -(2**63)))
    assert ends.sample(np.random.default_rng(0)).raw == {"n": 2**63 - 1, "k": -(2**63)}


def test_a_number_that_is_drawn_alone_is_told_how():
    @claim("t.alone", "x", ONE, kind="probabilistic", failure=Fraction(1, 2))
    def alone(xp, rng, x):
        return xp.asarray(rng.random()), x

    assert "xp.asarray(rng.random(1))[0]" in verify(alone, quick=True).error
    with balls(128).active():
        assert float(balls(128).enclosure(balls(128).xp_of_draws.asarray(0.5))[0]) == 0.5


def test_the_line_of_a_file_that_does_not_import_is_named(tmp_path, monkeypatch):
    (tmp_path / "wrong_draw.py").write_text(
        "from validation import draw\n\nS = draw(x=draw.reals(2, 1))\n"
    )
    monkeypatch.chdir(tmp_path)

    with pytest.raises(ClaimError, match=r"wrong_draw\.py:3: does not import"):
        load_file("wrong_draw.py")
