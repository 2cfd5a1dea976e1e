"""Proofs by algebra: what is proved exactly, what is refused, and each part broken on purpose."""

import json
import sys
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from validation import claim, draw
from validation.arithmetic import rational_functions
from validation.arithmetic.entry_arithmetics import INTERVALS, JETS
from validation.arithmetic.polynomials import rational, ring
from validation.claims import ClaimError
from validation.commands.prove import sizes_for
from validation.loading import gather
from validation.proving import algebra, certificates, signs, squares
from validation.proving.algebra import by_algebra, proof_by_algebra
from validation.proving.certificates import certificate
from validation.proving.identities import Certificate, confirmed
from validation.proving.pieces import Domain
from validation.proving.prove import prove
from validation.proving.records import Ending
from validation.proving.signs import chart

FALSE = Path(__file__).resolve().parents[2] / "false_lemmas"
PARTS = 16  # so that each ends in time on a busy machine
ANY, MORE, POSITIVE = Domain(), Domain(Fraction(0)), Domain(Fraction(0), None, True)
UNIT = Domain(Fraction(0), Fraction(1))


def polynomial(text, domains, names="xyzw"):
    context = ring(names[: len(domains)])
    return eval(text, dict(zip(names, context.gens())))


def decided(text, *domains, assumed=()):
    """The kind of the certificate found, or None."""
    where = chart(domains)
    g = [where.written(polynomial(t, domains)) for t in assumed]
    p = where.written(polynomial(text, domains))
    found = certificate(where, p, g)
    if found is None:
        return None
    assert confirmed(where, p, g, found)
    return found.kind


def stated(body, kind="inequality", **factors):
    options = {n: factors.pop(n) for n in ("hypotheses", "given", "box") if n in factors}
    return claim("t.claim", "a statement", draw(**factors), kind=kind, **options)(body)


@pytest.mark.parametrize(
    ("text", "domains", "assumed", "kind"),
    [
        ("x - x", (ANY,), (), "equal"),
        ("x**2 + y", (ANY, MORE), (), "signs"),
        ("x - x**2", (UNIT,), (), "signs"),
        ("x*(x - y)**2", (MORE, ANY), (), "factors"),
        ("1 - x*y", (ANY, ANY), ("1 - x", "1 - y", "x", "y"), "assumptions"),
        ("x - y", (MORE, POSITIVE), ("x**2 - y**2",), "assumptions"),
        ("x**2 + y**2 + z**2 - x*y - y*z - z*x", (ANY,) * 3, (), "squares"),
        ("x**4 + y**4 + 2 - 4*x*y", (ANY, ANY), (), "squares"),
        ("x**3 + y**3 + z**3 - 3*x*y*z", (MORE,) * 3, (), "squares"),
    ],
)
def test_what_is_not_negative_is_certified(text, domains, assumed, kind):
    assert decided(text, *domains, assumed=assumed) == kind


@pytest.mark.parametrize(
    ("text", "domains", "assumed"),
    [
        ("x", (ANY,), ()),
        ("x**2 - 1", (ANY,), ()),
        ("x - y", (MORE, MORE), ()),
        ("x**3 + y**3 + z**3 - 4*x*y*z", (MORE,) * 3, ()),
        ("(x - y)**2 - 1", (ANY, ANY), ()),
        ("x - 2*x**2", (UNIT,), ()),
        ("1 - x*y", (ANY, ANY), ("1 - x", "1 - y")),
        ("x - y - 1", (MORE, MORE), ("x**2 - y**2",)),
        ("-x**2", (ANY,), ()),
    ],
)
def test_what_is_negative_somewhere_never_is(text, domains, assumed):
    assert decided(text, *domains, assumed=assumed) is None


# Not negative, and no sum of squares: nothing is found, and nothing is claimed.
def test_the_polynomial_of_motzkin_stays_open():
    assert decided("x**4*y**2 + x**2*y**4 + 1 - 3*x**2*y**2", ANY, ANY) is None


numbers = st.fractions(-4, 4, max_denominator=8)
terms = st.dictionaries(
    st.tuples(st.integers(0, 3), st.integers(0, 3)), st.integers(-4, 4), max_size=5
)


@given(terms, st.sampled_from([(ANY, MORE), (UNIT, POSITIVE), (MORE, UNIT), (POSITIVE, ANY)]),
       st.lists(st.tuples(numbers, numbers), min_size=1, max_size=8))  # fmt: skip
def test_a_certified_polynomial_is_not_negative_at_any_point(chosen, domains, points):
    context = ring("xy")
    p = context.from_dict({e: rational(c) for e, c in chosen.items() if c})
    where = chart(domains)
    written = where.written(p)
    if certificate(where, written, []) is None:
        return
    for point in points:
        inside = [
            x if d is ANY else abs(x) / 4 if d is UNIT else abs(x) for x, d in zip(point, domains)
        ]
        if any(d is POSITIVE and x == 0 for x, d in zip(inside, domains)):
            continue
        value = sum(c * inside[0] ** a * inside[1] ** b for (a, b), c in chosen.items())
        assert value >= 0
        if where.always_positive(written):
            assert value > 0


def test_a_positive_polynomial_needs_a_term_that_cannot_vanish():
    pairs = [(UNIT, "x**2 + (1 - x)"), (MORE, "x + 1"), (POSITIVE, "x**3"), (ANY, "x**2 + 1")]
    for domain, text in pairs:
        where = chart([domain])
        assert where.always_positive(where.written(polynomial(text, [domain])))
    for domain, text in [(UNIT, "x"), (UNIT, "x*(1 - x)"), (MORE, "x"), (ANY, "x**2"), (ANY, "x")]:
        where = chart([domain])
        assert not where.always_positive(where.written(polynomial(text, [domain])))


SECTION_2 = [
    "dof.range",
    "dof.range_rank",
    "dof.decreasing",
    "dof.convex",
    "dof.product_increasing",
    "dof.leverage",
    "dof.leverage_sum",
    "dof.spectrum_split",
    "dof.spectrum_split_tail",
    "dof.spectrum_split_joint",
    "leverage.identity",
    "leverage.loss_bound",
    "leverage.output_loss_bound",
    "dpp.size",
    "dpp.marginals",
    "dpp.residual",
    "dpp.residual_singular",
    "dpp.output_loss",
    "dpp.inverse",
    "dpp.inverse_singular",
    "dpp.norm",
    "dpp.norm_simple",
    "dpp.existence",
    "dpp.conditional",
    "volume.expectation",
    "volume.elementary",
    "volume.dof",
]


@pytest.mark.parametrize("id", SECTION_2)
def test_the_statements_of_section_2_are_proved_exactly_at_two_nodes(id):
    [made] = gather([id])
    found = by_algebra(made, sizes_for(made, {"m": [2]}), {})
    assert not isinstance(found, str), found
    assert found.compared >= len(found.regions)
    assert found.everywhere == (made.given is None)


def test_a_proof_by_algebra_has_no_box_and_no_slack():
    [made] = gather(["dof.range"])
    proof = prove(made, sizes={"m": [1, 2]}, budget=20)
    assert proof.kind is Ending.PROVED
    assert proof.method.startswith("algebra")
    assert "lam > 0" in proof.statement
    assert "S.F[1,0] any number" in proof.statement
    assert proof.slack == ("0", "0")
    # What has no box at all is proved, too.
    [unboxed] = gather(["dpp.output_loss"])
    assert prove(unboxed, sizes={"m": [2]}, budget=20).kind is Ending.PROVED


def test_a_box_is_used_where_the_statement_needs_it():
    made = stated(lambda xp, x: (x * x, 4 * x), x=draw.positive(below=16))
    assert isinstance(by_algebra(made, {}, {}), str)
    found = by_algebra(made, {}, {"x": (0.5, 4.0)})
    assert found.boxed == ("x",)
    assert "x in [0.5, 4]" in proof_by_algebra(made, {}, {"x": (0.5, 4.0)}).statement
    assert isinstance(by_algebra(made, {}, {"x": (0.5, 4.25)}), str)


def test_branches_maxima_and_absolute_values_are_cases():
    made = stated(lambda xp, x, y: (xp.maximum(x, y), abs(x) + abs(y)), x=draw.reals(),
                  y=draw.reals())  # fmt: skip
    found = by_algebra(made, {}, {})
    assert found.cases > 2

    def branch(xp, x, y):
        return (x, y) if bool(x <= y) else (y, x)

    assert not isinstance(by_algebra(stated(branch, x=draw.reals(), y=draw.reals()), {}, {}), str)

    def wrong(xp, x, y):
        return (x, y) if bool(x <= y + 1) else (y, x)

    assert isinstance(by_algebra(stated(wrong, x=draw.reals(), y=draw.reals()), {}, {}), str)


def test_roots_are_what_their_squares_say():
    mean = stated(lambda xp, x, y: (xp.sqrt(x * y), (x + y) / 2), x=draw.positive(),
                  y=draw.positive())  # fmt: skip
    assert not isinstance(by_algebra(mean, {}, {}), str)
    above = stated(lambda xp, x, y: ((x + y) / 2, xp.sqrt(x * y)), x=draw.positive(),
                   y=draw.positive())  # fmt: skip
    assert isinstance(by_algebra(above, {}, {}), str)
    undefined = stated(lambda xp, x: (0 * x, xp.sqrt(x)), x=draw.reals(-1, 1))
    assert by_algebra(undefined, {}, {}) == "a root of what may be negative"


def test_a_divisor_that_may_be_zero_is_no_proof():
    made = stated(lambda xp, x: (0 * x, 1 / (x * x)), x=draw.reals(-1, 1))
    assert by_algebra(made, {}, {}) == "something that is divided by may be 0"
    # It cancels, but the body is not defined at 0 all the same.
    cancels = stated(lambda xp, x: (0 * x, x * x / x / x), x=draw.reals(-1, 1))
    assert isinstance(by_algebra(cancels, {}, {}), str)
    named = stated(lambda xp, x: (0 * x, 1 / (x * x)), x=draw.reals(-1, 1),
                   given=lambda x: x != 0)  # fmt: skip
    assert not by_algebra(named, {}, {}).everywhere
    assert "wherever nothing is divided by 0" in proof_by_algebra(named, {}, {}).statement


def test_hypotheses_are_used_and_needed():
    def body(xp, x, y):
        return x * x, x * y

    setting = {"x": draw.positive(), "y": draw.positive()}
    assert isinstance(by_algebra(stated(body, **setting), {}, {}), str)
    made = stated(body, hypotheses={"x <= y": lambda x, y: (x, y)}, **setting)
    assert not isinstance(by_algebra(made, {}, {}), str)


def test_the_loewner_order_looks_at_every_minor():
    made = stated(lambda xp, S: (S, S + xp.eye(2)), kind="loewner", S=draw.covariances())
    assert not isinstance(by_algebra(made, {"m": [2]}, {}), str)

    def wrong(xp, x):  # leading minors 0, 0 and the last entry negative
        zero = 0 * x
        return xp.zeros((2, 2)), xp.stack([xp.stack([zero, zero]), xp.stack([zero, -x])])

    assert isinstance(by_algebra(stated(wrong, kind="loewner", x=draw.positive()), {}, {}), str)


@pytest.mark.parametrize("name", ["exp", "log", "tanh", "floor"])
def test_what_is_not_algebraic_is_named(name):
    made = stated(lambda xp, x: (getattr(xp, name)(x), x), x=draw.positive())
    assert name in by_algebra(made, {}, {}) or "astype" in by_algebra(made, {}, {})


def test_a_fault_of_the_body_is_the_bodys():
    made = stated(lambda xp, x: ({}["x"], x), x=draw.positive())
    with pytest.raises(ClaimError, match=r"t\.claim"):
        by_algebra(made, {}, {})


# -- false statements ---------------------------------------------------------------------------


def _false_lemmas():
    sys.path.insert(0, str(FALSE))
    try:
        from find_counterexamples import lemmas
    finally:
        sys.path.remove(str(FALSE))
    known = json.loads((FALSE / "counterexamples.json").read_text())
    for made in lemmas():
        sizes = known.get(made.id, {}).get("sizes", {})
        if made.deterministic and made.id in known and sizes.get("m", 0) <= 3:
            yield made, {name: [n] for name, n in sizes.items()}


def _proved_false(lemmas, seconds):
    found = []
    for made, sizes in lemmas:
        try:
            if not isinstance(by_algebra(made, sizes, {}, seconds), str):
                found.append(made.id)
        except ClaimError:
            continue
    return found


def test_no_false_lemma_of_section_2_is_proved():
    chosen = [(c, s) for c, s in _false_lemmas() if c.id.startswith(("false.2.", "false.2b."))]
    assert len(chosen) > 20
    assert _proved_false(chosen, 0.5) == []


@pytest.mark.long
@pytest.mark.parametrize("part", range(PARTS))
def test_no_false_lemma_is_proved(part):
    chosen = list(_false_lemmas())
    assert len(chosen) > 250
    assert _proved_false(chosen[part::PARTS], 8.0) == []


# -- each part broken on purpose ----------------------------------------------------------------


def _slack_of_two(xp, S, lam):
    return 2 * xp.linalg.trace(xp.linalg.solve(S + lam * xp.eye(S.shape[0]), S)), (
        xp.linalg.trace(S) / lam
    )


def test_a_sign_rule_that_looks_at_no_sign_would_prove_a_false_lemma(monkeypatch):
    false = stated(_slack_of_two, S=draw.covariances(), lam=draw.positive())
    assert isinstance(by_algebra(false, {"m": [2]}, {}), str)
    monkeypatch.setattr(signs.Chart, "never_negative", lambda self, p: True)
    assert not isinstance(by_algebra(false, {"m": [2]}, {}), str)


def test_a_wrong_rule_of_the_reading_is_seen_at_points(monkeypatch):
    [made] = gather(["dof.range"])

    def subtracted(self, other):
        return self + other

    monkeypatch.setattr(rational_functions.Quotient, "__sub__", subtracted)
    assert "does not agree with the body" in by_algebra(made, {"m": [2]}, {}) or "no cert" in (
        by_algebra(made, {"m": [2]}, {})
    )
    monkeypatch.undo()

    def divided(self, other):
        return rational_functions.Quotient(self.top, self.bottom)

    equal = stated(lambda xp, x: (x / 2 + x / 2, 2 * x), kind="identity", x=draw.positive())
    assert isinstance(by_algebra(equal, {}, {}), str)
    monkeypatch.setattr(rational_functions.Quotient, "__truediv__", divided)
    assert by_algebra(equal, {}, {}) == (
        "the reading as polynomials does not agree with the body at a point"
    )


def test_a_choice_that_assumes_the_opposite_is_seen(monkeypatch):
    made = stated(lambda xp, x, y: (xp.minimum(x, y), x), x=draw.reals(), y=draw.reals())
    assert not isinstance(by_algebra(made, {}, {}), str)
    monkeypatch.setattr(
        rational_functions, "_smaller",
        lambda a, b: b if rational_functions._now().chooses(b - a) else a,
    )  # fmt: skip
    monkeypatch.setattr(
        rational_functions.QuotientNamespace, "smaller",
        staticmethod(rational_functions._smaller),
    )  # fmt: skip
    assert isinstance(by_algebra(made, {}, {}), str)


def test_a_certificate_is_multiplied_out():
    domains = (ANY, ANY)
    where = chart(domains)
    p = where.written(polynomial("x**2 + y**2", domains))
    x = where.context.gens()[0]
    one, zero = where.context.constant(1), where.context.constant(0)
    assert not confirmed(where, p, [], Certificate("squares", one, (), ((one, x),)))
    assert not confirmed(where, p, [], Certificate("squares", zero, (), ()))
    assert not confirmed(where, -p, [], Certificate("signs", one, ((-p, ()),)))
    assert not confirmed(where, -p, [], Certificate("squares", one, (), ((-one, x),)))


def test_the_solvers_are_not_believed(monkeypatch):
    where = chart((ANY, ANY))
    p = where.written(polynomial("x**2 - y**2", (ANY, ANY)))
    one = where.context.constant(1)
    for module, name in ((certificates, "_program"), (squares, "sum_of_squares")):
        monkeypatch.setattr(
            module, name, lambda *parts, **more: Certificate("squares", one, ((one, ()),), ())
        )
    assert certificate(where, p, []) is None


def test_without_the_domain_of_a_divisor_a_pole_would_pass(monkeypatch):
    made = stated(lambda xp, x: (0 * x, 1 / (x * x)), x=draw.reals(-1, 1))
    monkeypatch.setattr(algebra, "never_zero", lambda coordinates, p: True)
    assert not isinstance(by_algebra(made, {}, {}), str)


def test_what_is_made_of_squares_has_a_root_without_a_search():
    made = stated(
        lambda xp, x: (xp.abs(x[0]), xp.linalg.vector_norm(x)), x=draw.vectors("m", low=-4, high=4)
    )
    found = by_algebra(made, {"m": [3]}, {})
    assert not isinstance(found, str), found
    # A difference of squares is none.
    wrong = stated(lambda xp, x, y: (0 * x, xp.sqrt(x * x - y * y)), x=draw.reals(), y=draw.reals())
    assert by_algebra(wrong, {}, {}) == "a root of what may be negative"


def test_a_test_of_equality_is_two_cases():
    def body(xp, x, y):
        return (2 * x if bool(x == y) else x + y), x + y

    assert by_algebra(stated(body, x=draw.reals(), y=draw.reals()), {}, {}).cases == 2

    def wrong(xp, x, y):
        return (x + y + 1 if bool(x == y) else x + y), x + y

    assert isinstance(by_algebra(stated(wrong, x=draw.reals(), y=draw.reals()), {}, {}), str)


def test_the_norm_of_one_number_keeps_the_axes_that_are_not_summed():
    for arithmetic in (INTERVALS, JETS):
        with arithmetic.active():
            xp = arithmetic.xp
            one = xp.asarray([[3.0]])
            assert xp.linalg.vector_norm(one, axis=1).shape == (1,)
            assert xp.linalg.vector_norm(one).shape == ()
            assert xp.linalg.vector_norm(one, axis=1, keepdims=True).shape == (1, 1)


def test_without_the_solver_nothing_is_found_and_nothing_fails(monkeypatch):
    monkeypatch.setattr(squares.importlib.util, "find_spec", lambda name: None)
    assert decided("x**2 + y**2 + z**2 - x*y - y*z - z*x", ANY, ANY, ANY) is None


def test_what_no_instance_meets_is_not_called_proved():
    made = stated(lambda xp, x: (x + 1, x), hypotheses={"1 <= -x^2": lambda x: (0 * x + 1, -x * x)},
                  x=draw.reals())  # fmt: skip
    assert by_algebra(made, {}, {}) == "no instance meets its hypotheses"
