"""What a body computes, recorded: the printed forms say what float64 computes."""

import re
import shutil
from fractions import Fraction

import numpy as np
import pytest

from validation import claim, draw
from validation.arithmetic import FLOAT64, Unsupported, vocabulary
from validation.arithmetic.entry_arithmetics import EXPRESSIONS
from validation.arithmetic.expressions import coq, latex, number, sympy_of, variable
from validation.claims import ClaimError
from validation.proving.coq import compiler, compiles, goals, machine_checked, states, write
from validation.proving.frontier import COQ, committed
from validation.proving.records import Proof
from validation.proving.regions import regions

VALUES = {
    "x": np.array([1.5, 0.25, 2.0]),
    "S": np.array([[2.0, 0.5, 0.25], [0.5, 1.5, -0.5], [0.25, -0.5, 1.0]]),
    "A": np.array([[1.0, -2.0, 0.5], [0.25, 3.0, -0.75]]),
    "lam": 0.5,
}
REFUSED = {
    "linalg.eigh", "linalg.eigvalsh", "linalg.spectral_radius", "linalg.matrix_rank",
    "linalg.pinv", "lgamma", "erf", "ceil", "floor", "sign",
}  # fmt: skip


@pytest.mark.parametrize("word", vocabulary(), ids=lambda word: word.name)
def test_every_word_is_recorded_or_refused_by_name(word):
    names = {"xp": EXPRESSIONS.xp, **{k: EXPRESSIONS.lift(v) for k, v in VALUES.items()}}
    if word.name in REFUSED:
        with pytest.raises(Unsupported, match=r"not known over|over these numbers"):
            eval(word.example, names)
        return
    found = eval(word.example, names)
    with FLOAT64.active():
        floats = {"xp": FLOAT64.xp, **{k: FLOAT64.lift(v) for k, v in VALUES.items()}}
        expected = np.ravel(eval(word.example, floats))
    values = [float(sympy_of(entry).evalf(30)) for entry in found.flat()]
    np.testing.assert_allclose(values, expected, rtol=1e-12, atol=1e-12)
    for entry in found.flat():
        assert latex(entry)
        assert coq(entry)


def test_a_comparison_of_recorded_numbers_is_refused_with_what_would_do():
    x = EXPRESSIONS.number(variable("x"))
    with pytest.raises(Unsupported, match=r"xp\.maximum"):
        bool(x > 1)
    assert bool(EXPRESSIONS.number(number(2)) > 1)


def test_printed_forms_keep_the_grouping():
    xp, x, y = EXPRESSIONS.xp, *(EXPRESSIONS.number(variable(n)) for n in "xy")
    entry = (x - (y - 1) * xp.log1p(-x / 3)).entries()
    assert coq(entry) == "(x - ((y + (-1)) * (ln (1 + ((- x) / 3)))))"
    assert latex(entry) == r"x - \left(y + -1\right) \, \log\left(1 + \frac{-x}{3}\right)"


def made(body, **factors):
    return claim("t.claim", "a statement", draw(**factors))(body)


def test_the_theorem_is_the_claim_on_its_box():
    lemma = made(lambda xp, p, *, c=2: (c * p, p + Fraction(1, 3)), p=draw.reals(0, 0.25))
    goal = goals(lemma, regions(lemma, {}, {})[0])[0]
    assert goal.theorem(Fraction(1, 100)) == (
        "Theorem t_claim : forall p : R,\n  0 <= p <= (1 / 4) ->\n"
        "  (2 * p) <= (p + (1 / 3)) + (1 / 100)."
    )


def test_hypotheses_and_matrices_are_refused_in_words():
    lemma = claim("t.l", "s", draw(S=draw.covariances()), kind="loewner")(lambda xp, S: (S, S))
    with pytest.raises(ClaimError, match="inequalities of numbers"):
        goals(lemma, regions(lemma, {"m": [1]}, {})[0])


def test_every_committed_file_states_what_its_claim_says_now():
    from validation.catalogue import claims

    known = {one.id: one for one in claims()}
    files = committed()
    assert len(files) >= 38
    for id, text in files.items():
        assert states(text, known[id], regions(known[id], {}, {})), id
        assert "Admitted" not in text
        assert re.search(r"\(\* claim \S+: Coq [\d.]+, as stated \*\)", text), id
    other = known["step.split_above"].with_constants(c=3)
    assert not states(files["step.split_above"], other, regions(other, {}, {}))


def test_without_coqc_the_file_is_written_and_nothing_is_claimed(monkeypatch):
    monkeypatch.setattr("validation.proving.coq.compiler", lambda: None)
    lemma = made(lambda xp, p: (p, p + 1), p=draw.reals(0, 1))
    found = write(lemma, regions(lemma, {}, {}))
    assert found.version == ""
    assert "not accepted yet" in found.text


def test_coq_adds_to_a_proof_and_to_nothing_else(tmp_path, monkeypatch):
    # In Coq ln (-1) is a number: what it accepts does not say that the sides exist.
    accepting = tmp_path / "coqc"
    accepting.write_text("#!/bin/sh\necho The Coq Proof Assistant, version 0.0\n")
    accepting.chmod(0o755)
    monkeypatch.setenv("COQC", str(accepting))
    made = claim("t.log", "t", draw(x=draw.reals(-1, 1)))(lambda xp, x: (xp.log(x), x))
    where = regions(made, {}, {})
    for ending, machine in (("proved", "Coq 0.0"), ("open", ""), ("violated", "")):
        out = tmp_path / f"{ending}.v"
        proof, said = machine_checked(made, Proof(made.id, ending, "x in [-1, 1]"), out, where)
        assert (proof.ending, proof.machine) == (ending, machine), said
        assert out.exists() == (ending != "violated")
    # A proof by algebra has no box, and the file has: that is said.
    everywhere = Proof(made.id, "proved", "", method="algebra: 1 by the signs of all coefficients")
    wide = claim("t.wide", "t", draw(x=draw.reals()))(lambda xp, x: (0 * x, x * x))
    boxed = regions(wide, {}, {"x": (-4.0, 4.0)})
    proof, _ = machine_checked(wide, everywhere, out, boxed)
    assert proof.machine == "Coq 0.0, on x in [-4, 4]"
    proof, _ = machine_checked(made, everywhere, out, where)
    assert proof.machine == "Coq 0.0"
    assert "stays open" in machine_checked(made, Proof(made.id, "open", ""), out, where)[1]


def test_a_failing_coqc_is_quoted(tmp_path, monkeypatch):
    script = tmp_path / "coqc"
    script.write_text("#!/bin/sh\necho 'Error: no such library' >&2\nexit 1\n")
    script.chmod(0o755)
    accepted, said = compiles(str(script), "Theorem.")
    assert not accepted
    assert "no such library" in said
    assert compiles(str(tmp_path / "none"), "x") == (
        False, f"{tmp_path / 'none'}: No such file or directory",
    )  # fmt: skip


@pytest.mark.long
@pytest.mark.skipif(shutil.which("coqc") is None, reason="needs coqc")
def test_coq_accepts_true_statements_and_no_false_one():
    true = made(lambda xp, p: (p * (1 - p), xp.asarray(Fraction(1, 4))), p=draw.reals(0, 1))
    found = write(true, regions(true, {}, {}))
    assert found.version
    assert found.slack == 0
    assert compiles(compiler(), found.text)[0]
    false = made(lambda xp, p: (p * (1 - p), xp.asarray(Fraction(6, 25))), p=draw.reals(0, 1))
    refused = write(false, regions(false, {}, {}), slacks=())
    assert refused.version == ""
    assert refused.failed


def test_the_folder_of_committed_files_exists():
    assert COQ.is_dir()
