"""Proofs by cells, refutations and honest open ends of claims whose truth is known."""

from fractions import Fraction
from functools import partial

import numpy as np
import pytest

from validation import claim, draw
from validation.claims import ClaimError
from validation.commands.prove import one
from validation.proving.prove import prove as decided
from validation.proving.records import Ending, percent
from validation.proving.regions import regions

prove = partial(decided, algebra=False)
NONE = [(Fraction(1, 1000), Fraction(1, 10**6))]


def stated(body, kind="inequality", hypotheses=None, invariance=None, box=None, **factors):
    return claim(
        "t.claim", "a statement", draw(**factors), kind=kind, hypotheses=hypotheses,
        invariance=invariance, box=box,
    )(body)  # fmt: skip


def test_a_true_statement_with_agreement_at_an_end_is_proved():
    made = stated(lambda xp, x: (xp.log1p(x), x), x=draw.reals(0, 8))
    proof = prove(made, budget=5)
    assert proof.kind is Ending.PROVED
    assert proof.rechecked == proof.cells > 0
    assert proof.share == 1.0


def test_a_false_statement_is_violated_with_its_instance():
    made = stated(lambda xp, x, y: (x * y, x + y - Fraction(3, 4)), x=draw.reals(0, 1),
                  y=draw.reals(0, 1))  # fmt: skip
    proof = prove(made, budget=5)
    assert proof.kind is Ending.VIOLATED
    raw = proof.instance["raw"]
    x, y = (float.fromhex(raw[name]) for name in "xy")
    assert Fraction(x) * Fraction(y) > Fraction(x) + Fraction(y) - Fraction(3, 4)


def test_a_statement_false_in_a_narrow_place_is_found():
    # Below 0 only within 1e-4 of x = 1/3, where no point is tried by chance.
    made = stated(
        lambda xp, x: (xp.asarray(Fraction(1, 10**8)), (x - 1 / xp.asarray(3)) ** 2),
        x=draw.reals(0, 1),
    )
    assert prove(made, budget=10).kind is Ending.VIOLATED


def test_agreement_along_a_diagonal_needs_slack_and_says_so():
    made = stated(lambda xp, x, y: (2 * x * y, x * x + y * y), x=draw.reals(0, 1),
                  y=draw.reals(0, 1))  # fmt: skip
    proof = prove(made, budget=3, slacks=NONE)
    assert proof.kind is Ending.RELAXED
    assert proof.slack == ("1/1000", "1/1000000")
    unrelaxed = prove(made, budget=1, slacks=[])
    assert unrelaxed.kind is Ending.OPEN
    assert 0 < unrelaxed.share < 1
    assert unrelaxed.left


def test_a_pole_inside_the_box_stays_open():
    made = stated(lambda xp, x: (0 * x, 1 / (x * x)), x=draw.reals(-1, 1))
    proof = prove(made, budget=1)
    assert proof.kind is Ending.OPEN
    assert any("x in [0, " in cell for cell in proof.left)


def test_where_a_root_does_not_exist_nothing_is_proved():
    made = stated(lambda xp, x: (0 * x, xp.sqrt(x)), x=draw.reals(-1, 1))
    proof = prove(made, budget=1)
    assert proof.kind is Ending.OPEN
    assert proof.share < 0.6


def test_hypotheses_exclude_cells_and_only_where_they_certainly_fail():
    made = stated(
        lambda xp, x, y: (x - y, 0 * x), hypotheses={"x <= y": lambda x, y: (x, y)},
        x=draw.reals(0, 1), y=draw.reals(0, 1),
    )  # fmt: skip
    proof = prove(made, budget=2, slacks=NONE)
    assert proof.kind is Ending.RELAXED or proof.kind is Ending.OPEN
    assert proof.vacuous > 0.4
    false = stated(
        lambda xp, x, y: (x - y + Fraction(1, 16), 0 * x),
        hypotheses={"x <= y": lambda x, y: (x, y)}, x=draw.reals(0, 1), y=draw.reals(0, 1),
    )  # fmt: skip
    assert prove(false, budget=5).kind is Ending.VIOLATED


def test_a_branch_of_the_body_goes_both_ways():
    def step(xp, x, y):
        return (xp.asarray(1.0) if bool(x > y) else xp.asarray(0.0)), x - y + 1

    made = stated(step, x=draw.reals(0, 1), y=draw.reals(0, 1))
    assert prove(made, budget=2, slacks=NONE).kind is Ending.RELAXED

    def wrong(xp, x, y):
        return (xp.asarray(1.0) if bool(x >= y) else xp.asarray(0.0)), 2 * (x - y) + Fraction(1, 2)

    assert prove(stated(wrong, x=draw.reals(0, 1), y=draw.reals(0, 1)), budget=5).kind is (
        Ending.VIOLATED
    )


def rounded_up(xp, x):
    """max(1, ceil(x)) by comparisons, doubling first."""
    k = 1
    while bool(xp.asarray(1.0 * k) < x):
        k *= 2
    low = k // 2
    while k - low > 1:
        middle = (low + k) // 2
        low, k = (middle, k) if bool(xp.asarray(1.0 * middle) < x) else (low, middle)
    return k


def test_cells_that_part_in_too_many_ways_are_cut_until_they_do_not():
    # On the whole box the loop has 500 ends; each small cell has one or two.
    made = stated(
        lambda xp, x: (xp.asarray(1.0 * rounded_up(xp, x)), 2 * x + 2), x=draw.reals(0, 500)
    )
    proof = prove(made, budget=30)
    assert proof.kind is Ending.PROVED
    assert proof.rechecked == proof.cells > 1
    false = stated(
        lambda xp, x: (xp.asarray(1.0 * rounded_up(xp, x)), x + Fraction(3, 4)), x=draw.reals(1, 50)
    )
    assert prove(false, budget=10).kind is Ending.VIOLATED


def test_what_parts_everywhere_stays_open_and_says_why():
    def ties(xp, x):
        # Each comparison is true and no cell, however small, shows it.
        for _ in range(12):
            if not bool(x * x - x <= x * (x - 1)):
                return xp.asarray(1.0), xp.asarray(0.0)
        return 0 * x, 1 + 0 * x

    proof = prove(stated(ties, x=draw.reals(0, 1)), budget=3)
    assert proof.kind is Ending.OPEN
    assert "part some cells in too many ways; write it with xp.maximum" in proof.message


def test_the_body_is_not_asked_where_a_hypothesis_certainly_fails():
    def body(xp, x):
        while bool(x < 1):  # without end below 1
            pass
        return xp.log(x), x

    made = stated(body, hypotheses={"x >= 1": lambda x: (1, x)}, x=draw.reals(-3, 4))
    proof = prove(made, box={"x": (-3, 4)}, budget=5)
    assert proof.kind is Ending.OPEN or proof.kind is Ending.PROVED


def test_where_no_instance_meets_the_hypotheses_nothing_is_proved():
    made = stated(lambda xp, x: (xp.exp(x), x), hypotheses={"x >= 2": lambda x: (2, x)},
                  x=draw.reals(0, 1))  # fmt: skip
    for algebra in (False, True):
        proof = decided(made, budget=3, algebra=algebra)
        assert proof.kind is Ending.OPEN
        assert "no instance of the box meets the hypotheses" in proof.message
        assert proof.share == 0


def test_where_the_sides_have_no_entries_nothing_is_proved():
    made = stated(lambda xp, x: (xp.zeros((0,)), xp.exp(x[:0])), x=draw.vectors(1, low=0, high=1))
    for algebra in (False, True):
        assert decided(made, budget=3, algebra=algebra).kind is Ending.OPEN
    # Off-diagonal entries: none at m = 1, and what is said of m = 2 is proved.
    made = stated(lambda xp, S: (S[0, 1:], S[0, 1:] + 1), S=draw.covariances())
    assert decided(made, sizes={"m": [1]}, budget=3).kind is Ending.OPEN
    assert decided(made, sizes={"m": [1, 2]}, budget=3).kind is Ending.PROVED


def test_numbers_beyond_all_floats_end_in_a_verdict():
    made = stated(lambda xp, x: (x, x / 2), x=draw.reals(0, 5e-324))
    assert decided(made, budget=3).kind is Ending.VIOLATED


def test_only_a_whole_is_shown_as_100_percent():
    assert percent(1.0) == "100.000 %"
    assert percent(1 - 1e-12) == "99.999 %"
    assert percent(0.0) == "0.000 %"


def test_the_loewner_order_and_identities():
    made = stated(lambda xp, S: (S, S + xp.eye(2)), kind="loewner", S=draw.covariances())
    assert prove(made, sizes={"m": [2]}, box={"S": (-1, 1)}, budget=20).kind is Ending.PROVED
    false = stated(lambda xp, S: (S @ S, 4 * S), kind="loewner", S=draw.covariances())
    assert prove(false, sizes={"m": [1]}, budget=5).kind is Ending.VIOLATED
    equal = stated(lambda xp, x: ((x + 1) ** 2, x * x + 2 * x + 1), kind="identity",
                   x=draw.reals(0, 4))  # fmt: skip
    assert prove(equal, budget=2, slacks=NONE).kind is Ending.RELAXED
    unequal = stated(lambda xp, x: ((x + 1) ** 2, x * x + 1), kind="identity", x=draw.reals(0, 4))
    assert prove(unequal, budget=2).kind is Ending.VIOLATED


def test_an_invariance_reaches_every_scale():
    def body(xp, S, lam):
        N = xp.linalg.trace(xp.linalg.solve(S + lam * xp.eye(S.shape[0]), S))
        return N, xp.asarray(1 - 2.0**-11)

    # Section 13: true on F in [-1, 1], lam >= 2^-10, and false.
    setting = {"S": draw.covariances(), "lam": draw.positive()}
    boxed = stated(body, **setting)
    box = {"S": (-1.0, 1.0), "lam": (2.0**-10, 2.0**10)}
    assert prove(boxed, sizes={"m": [1]}, box=box, budget=5).kind is Ending.PROVED
    scaled = stated(body, invariance={"S": 1, "lam": 1}, **setting)
    assert prove(scaled, sizes={"m": [1]}, budget=5).kind is Ending.VIOLATED


def test_a_wrong_invariance_is_refused():
    made = stated(lambda xp, S, lam: (xp.linalg.trace(S), 1 + lam), S=draw.covariances(),
                  lam=draw.positive(), invariance={"S": 1, "lam": 1})  # fmt: skip
    with pytest.raises(ClaimError, match="declared invariance"):
        prove(made, sizes={"m": [1]})
    # The sides scale and the hypothesis does not: no point of the unit cube meets it.
    made = stated(
        lambda xp, S, lam: (xp.linalg.trace(S), 0 * lam), S=draw.covariances(), lam=draw.positive(),
        hypotheses={"lam >= 2": lambda lam: (2, lam)}, invariance={"S": 1, "lam": 1},
    )  # fmt: skip
    with pytest.raises(ClaimError, match="or of a hypothesis, are not"):
        prove(made, sizes={"m": [1]})


@pytest.mark.parametrize(
    ("factors", "options", "words"),
    [
        ({"x": draw.reals(), "y": draw.reals()}, {}, "x and y are unbounded.*--box x=-4..4"),
        ({"x": draw.reals(0, 1), "y": draw.reals(0, 1)}, {"box": {"z": (0, 1)}}, "--box names z"),
        ({"x": draw.reals(0, 1), "y": draw.integers(0, 900)}, {}, "more than 400 choices"),
    ],
)
def test_bad_boxes_get_one_sentence(factors, options, words):
    with pytest.raises(ClaimError, match=words):
        prove(stated(lambda xp, x, y: (x, y), **factors), **options)


def test_words_that_intervals_lack_are_named():
    made = stated(lambda xp, x: (xp.erf(x), x + 1), x=draw.reals(0, 1))
    with pytest.raises(ClaimError, match=r"xp\.erf is not known over intervals"):
        prove(made)


def test_a_probabilistic_claim_is_sent_to_verify():
    made = claim("t.p", "p", draw(p=draw.probabilities()), kind="probabilistic", failure="p")(
        lambda xp, rng, p: (xp.asarray(rng.random(1))[0], 1 - p)
    )
    with pytest.raises(ClaimError, match="rnnbounds verify"):
        prove(made)


def test_points_of_a_region_become_instances_of_the_claim():
    made = stated(
        lambda xp, S, mu, Q, w: (xp.sum(mu), xp.sum(w)), S=draw.covariances(),
        mu=draw.spectra(), Q=draw.orthogonal(), w=draw.distributions(),
    )  # fmt: skip
    rng = np.random.default_rng(0)
    from validation.arithmetic.entry_arithmetics import JETS

    for region in regions(made, {"m": [1, 2]}, {}):
        point = [rng.uniform(a.low, a.high) for a in region.axes]
        instance = region.instance(point)
        drawn = made.instances.realise(instance, _float64())
        with JETS.active():
            values = region.values(JETS, [JETS.lift(float(x)) for x in point])
        for name in ("S", "Q"):
            flat = [float(e.value[0]) for e in values[name].flat()]
            np.testing.assert_allclose(np.ravel(drawn[name]), flat, rtol=1e-12, atol=1e-12)


def _float64():
    from validation.arithmetic import FLOAT64

    return FLOAT64


@pytest.mark.parametrize("algebra", [True, False])
def test_what_has_no_coordinates_may_be_refuted_all_the_same(algebra):
    """A cover needs coordinates, a counterexample does not; a true lemma is refused by name."""
    draws = {"A": draw.symmetric()}
    false = stated(lambda xp, A: (xp.max(xp.abs(A)), xp.abs(xp.linalg.trace(A))), **draws)
    true = stated(lambda xp, A: (xp.linalg.trace(A), xp.sum(xp.abs(A))), **draws)
    proof = one(false, {}, {}, None, algebra=algebra, quiet=True, fresh=True)
    assert proof.kind is Ending.VIOLATED
    assert proof.instance is not None
    assert "found by search" in proof.message
    with pytest.raises(ClaimError, match="A is a Symmetric, which has no coordinates"):
        one(true, {}, {}, None, algebra=algebra, quiet=True, fresh=True)
    # What is asked about a box is not answered by an instance from elsewhere.
    with pytest.raises(ClaimError):
        one(false, {}, {"A": (0.0, 1.0)}, None, algebra=algebra, quiet=True, fresh=True)
