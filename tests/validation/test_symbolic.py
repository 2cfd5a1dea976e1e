"""SymPy proofs: each proves its statement, and rejects a wrong one."""

import subprocess
import sys

import pytest
import sympy

from validation import ClaimError, Conclusion, Evidence, claim, draw, verify
from validation.catalogue import claims, proofs
from validation.checking.symbolic import symbolic

PROVED = [c for c in claims() if c.symbolic is not None]
PROOFS = sorted({c.symbolic.__name__ for c in PROVED})


@pytest.mark.parametrize("name", PROOFS)
def test_every_proof_goes_through_and_says_what_it_proved(name):
    first = next(c for c in PROVED if c.symbolic.__name__ == name)
    verdict = symbolic(first)
    assert verdict.conclusion is Conclusion.HOLDS
    assert verdict.evidence is Evidence.SYMBOLIC
    assert verdict.message.startswith("SymPy: ")


# The statement handed in is wrong by a sign, an exponent, a constant or a limit.
WRONG = {
    "geometric, exponent": lambda: proofs.geometric(lambda a, t: (a ** (t + 1) - 1) / (a - 1)),
    "geometric, sign": lambda: proofs.geometric(lambda a, t: (a**t + 1) / (a + 1)),
    "geometric, start": lambda: proofs.geometric(lambda a, t: (a**t - 1) / (a - 1) + a**t),
    "geometric, value at 1": lambda: proofs.geometric(at_one=lambda t: t - 1),
    "gam, off by one": lambda: proofs.gam(lambda a, T: (a**T - 1) / (a - 1)),
    "gam, other exponent": lambda: proofs.gam(lambda a, T: (a ** (T - 2) - 1) / (a - 1)),
    "memory, exponent": lambda: proofs.memory(
        lambda a, t: (t * a**t - (a**t - 1) / (a - 1)) / (a - 1)
    ),
    "memory, without a factor t": lambda: proofs.memory(
        lambda a, t: (a ** (t - 1) - (a**t - 1) / (a - 1)) / (a - 1)
    ),
    "memory, value at 1": lambda: proofs.memory(at_one=lambda t: t * (t + 1) / 2),
    "decreasing, other way": lambda: proofs.decreasing(lambda mu, lam: lam / (mu + lam)),
    "convex, of lam N": lambda: proofs.convex(lambda mu, lam: lam * mu / (mu + lam)),
    "convex, with a square": lambda: proofs.convex(lambda mu, lam: mu / (mu + lam**2)),
    "product, without lam": lambda: proofs.product_increasing(lambda mu, lam: mu / (mu + lam)),
    "product, other limit": lambda: proofs.product_increasing(
        lambda mu, lam: 2 * lam * mu / (mu + lam)
    ),
    "range, twice": lambda: proofs.range_trace(lambda mu, lam: 2 * mu / (mu + lam)),
    "split, 1 for 2": lambda: proofs.spectrum_split(1),
    "split, 15/8 for 2": lambda: proofs.spectrum_split(sympy.Rational(15, 8)),
    "weights, 1/2 for 2/3": lambda: proofs.stratified_weights("1/2"),
    "weights, 1 for 2/3": lambda: proofs.stratified_weights(1),
    "chernoff, 2.47": lambda: proofs.chernoff_constant("2.47"),
    "chernoff, 2.4787": lambda: proofs.chernoff_constant("2.4787"),
    "ratio, 7.31": lambda: proofs.node_ratio("7.31"),
    "integral, 1 for 2": lambda: proofs.integral_step(1),
    "integral, 1.99 for 2": lambda: proofs.integral_step(sympy.Rational(199, 100)),
    "exponent, 1": lambda: proofs.integral_exponent(1),
    "exponent, 3/2": lambda: proofs.integral_exponent("3/2"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_statement_is_not_proved(name):
    with pytest.raises(proofs.ProofError, match="not proved: "):
        WRONG[name]()


def test_every_proof_has_a_wrong_statement_that_it_rejects():
    covered = {name.split(",")[0] for name in WRONG}
    start = {
        "product_increasing": "product",
        "range_trace": "range",
        "spectrum_split": "split",
        "stratified_weights": "weights",
        "chernoff_constant": "chernoff",
        "node_ratio": "ratio",
        "integral_step": "integral",
        "integral_exponent": "exponent",
    }
    assert {start.get(name, name) for name in PROOFS} == covered


def test_tighter_constants_that_are_true_are_proved():
    assert proofs.chernoff_constant("2.4788")
    assert proofs.node_ratio("7.30")
    assert proofs.integral_step(3)
    assert proofs.spectrum_split(3)


@pytest.mark.parametrize("t", [1, 2, 5, 9])
def test_the_closed_forms_are_the_sums_that_they_stand_for(t):
    a = sympy.Symbol("a", positive=True)
    powers = [sum(a**j for j in range(s)) for s in range(t + 1)]
    assert sympy.cancel(proofs.geometric_form(a, t) - powers[t]) == 0
    memory = sum(a ** (t - s) * powers[s - 1] for s in range(1, t + 1))
    assert sympy.cancel(proofs.memory_form(a, t) - memory) == 0


def test_coefficients_decide_signs():
    x, y = sympy.symbols("x y", nonnegative=True)
    assert proofs.nonnegative(x * y / (1 + x))
    assert proofs.nonnegative((-x - y) / (-1 - x))
    assert not proofs.nonnegative(x - y)
    assert not proofs.nonnegative(-x / (1 + x))
    # Nonnegative, but not by its coefficients: the proof gives up instead of guessing.
    assert not proofs.nonnegative(x**2 - 2 * x + 1)
    assert proofs.nonnegative(x - x)


def test_numbers_are_compared_with_room():
    assert proofs.below(sympy.log(2), sympy.Rational(69315, 100000))
    assert not proofs.below(sympy.sqrt(2), sympy.sqrt(2))
    assert not proofs.below(sympy.Rational(69315, 100000), sympy.log(2))


def lemma(proof, **options):
    @claim("mine.lemma", "x <= 2 x", draw(x=draw.positive()), symbolic=proof, **options)
    def body(xp, x, *, c=2):
        return x, c * x

    return body


def test_a_proof_that_fails_is_an_error_of_the_claim():
    def wrong():
        proofs.require(proofs.below(2, 1), "2 < 1")
        return "proved"

    with pytest.raises(ClaimError, match=r"mine.lemma \(.*\): the symbolic proof fails: .*2 < 1"):
        symbolic(lemma(wrong))
    outcome = verify(lemma(wrong), budget=0.2)
    assert "the symbolic proof fails" in outcome.error
    assert outcome.conclusion is Conclusion.UNDECIDED


def test_a_proof_must_say_what_it_proved():
    for said in (None, True, "", "  "):
        with pytest.raises(ClaimError, match="must return a sentence"):
            symbolic(lemma(lambda said=said: said))
    with pytest.raises(ClaimError, match="has no symbolic proof"):
        symbolic(lemma(None))


def test_a_proof_of_the_published_constants_says_nothing_about_others():
    changed = lemma(lambda: "SymPy: c = 2").with_constants(c=3)
    verdict = symbolic(changed)
    assert verdict.conclusion is Conclusion.UNDECIDED
    assert "not of another c" in verdict.message


def test_the_symbolic_rung_is_part_of_the_outcome():
    outcome = verify(next(c for c in PROVED if c.id == "dof.convex"), budget=0.3, quick=True)
    assert outcome.rungs["symbolic"].conclusion is Conclusion.HOLDS
    assert outcome.to_json()["rungs"]["symbolic"]["evidence"] == "symbolic"


def test_sympy_is_imported_only_when_a_proof_runs():
    code = (
        "import sys; from validation.catalogue import claims; claims();"
        "assert 'sympy' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
