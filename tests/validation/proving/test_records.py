"""Proofs on file: a changed body is stale, a damaged entry is as none, attempts go on."""

import json
import os

import numpy as np
import pytest

from validation import claim, draw, verify
from validation.claims import ClaimError
from validation.commands import main
from validation.commands.prove import one, read_range, read_sizes
from validation.proving import records
from validation.proving.attempts import begin
from validation.proving.covering import refine
from validation.proving.fingerprints import fingerprint
from validation.proving.gaps import NO_SLACK
from validation.proving.known import with_proofs
from validation.proving.prove import prove
from validation.proving.records import Ending, keep, known, path_of
from validation.proving.unfinished import packed, unpacked
from validation.verdict import Conclusion, Evidence

LEMMAS = """
from validation import claim, draw

def helper(xp, x):
    return {helper}

@claim("mine.log", "log(1 + x) <= c x", draw(x=draw.reals(0, 4)))
def log(xp, x, *, c=1):
    return xp.log1p(x), c * helper(xp, x)
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("RNNBOUNDS_PROOFS", str(tmp_path / "proofs"))
    return tmp_path


def lemma(folder, helper="x", name="lemmas"):
    from validation.loading import load_file

    path = folder / f"{name}.py"
    path.write_text(LEMMAS.replace("{helper}", helper))
    return load_file(path)[0]


def test_verify_shows_what_is_proved_of_this_very_body(folder):
    made = lemma(folder)
    assert one(made, {}, {}, [], budget=5, quiet=True).kind is Ending.PROVED
    outcome = with_proofs(made, verify(made, quick=True, budget=0.3))
    assert outcome.conclusion in (Conclusion.HOLDS, Conclusion.TIGHT)
    assert outcome.verdict.evidence is Evidence.PROVED
    assert "x in [0, 4]" in outcome.rungs["proved"].message


@pytest.mark.parametrize(("helper", "changed"), [("x", False), ("x * 1", True), ("2 * x", True)])
def test_a_proof_is_stale_where_anything_that_the_body_calls_has_changed(folder, helper, changed):
    keep(prove(lemma(folder), budget=5))
    found = known(lemma(folder, helper, "again"))
    assert (len(found.current), found.stale) == ((0, 1) if changed else (1, 0))


HELD = """
import numpy as np
from types import SimpleNamespace
from fractions import Fraction
from validation import claim, draw
{before}

@claim("mine.held", "x <= c x", draw(x=draw.reals(0, 4)), given={given})
def held(xp, x):
    return x, xp.asarray({value}) * x
"""


@pytest.mark.parametrize(
    ("value", "first", "second"),
    [
        ("C[0]", "C = np.array([1.0])", "C = np.array([2.0])"),
        ("C.c", "C = SimpleNamespace(c=1.0)", "C = SimpleNamespace(c=2.0)"),
        ("C['c'][0]", "C = {'c': (1.0,)}", "C = {'c': (2.0,)}"),
        ("max(C)", "C = {1.0}", "C = {2.0}"),
        ("C()", "from functools import partial\nC = partial(float, '1')",
         "from functools import partial\nC = partial(float, '2')"),
    ],
)  # fmt: skip
def test_a_proof_is_stale_where_a_value_of_the_module_has_changed(folder, value, first, second):
    from validation.loading import load_file

    def written(before, given="None"):
        path = folder / "values.py"
        path.write_text(HELD.format(before=before, value=value, given=given))
        return fingerprint(load_file(path)[0])

    # Twice the same text gives the same mark, so that a proof can be found again at all.
    assert written(first) == written(first) != written(second)
    assert written(first) != written(first, "lambda x: x > 1")


RULES = """
class Rule:
    def __init__(self, c):
        self.c = c

    def at(self, x):
        return {text}


class Tight(Rule):
    __slots__ = ()


def bare(x):
    return bare.c * x


bare.c = {c}
"""
METHOD = """
from rules_of_mine import Rule, Tight, bare
from validation import claim, draw

rule = {rule}

@claim("mine.method", "x <= c x", draw(x=draw.reals(0, 4)))
def method(xp, x):
    return x, rule(x)
"""


@pytest.mark.parametrize(
    ("rule", "changed"),
    [
        ("Rule({c}).at", "the value"), ("Rule({c}).at", "the text"),
        ("Tight({c}).at", "the value"), ("Tight({c}).at", "the text"), ("bare", "the value"),
    ],
)  # fmt: skip
def test_a_proof_is_stale_where_a_method_or_its_object_has_changed(
    folder, monkeypatch, rule, changed
):
    import importlib
    import sys

    from validation.loading import load_file

    monkeypatch.syspath_prepend(str(folder))
    marks = []
    for c, text in ((2, "self.c * x"), (3, "self.c * x") if changed == "the value" else (2, "x")):
        (folder / "rules_of_mine.py").write_text(RULES.format(c=c, text=text) + "#" * len(text))
        (folder / "method.py").write_text(METHOD.format(rule=rule.format(c=c)))
        importlib.invalidate_caches()
        sys.modules.pop("rules_of_mine", None)
        marks.append(fingerprint(load_file(folder / "method.py")[0]))
    assert marks[0] != marks[1]


def test_no_proof_hangs_on_an_object_of_which_nothing_is_known(folder):
    """An iterator over what does not pickle: it may be any."""

    def drawing_on(held):
        @claim("mine.opaque", "x", draw(x=draw.reals(0, 4)))
        def opaque(xp, x):
            return x, next(held)(x)

        return opaque

    same, other = ([lambda x, c=c: c * x] * 9 for c in (1, 2))
    held = iter(same), iter(other)
    first, second = (fingerprint(drawing_on(one)) for one in held)
    assert first != second


def test_the_version_of_a_library_is_part_of_the_mark(monkeypatch):
    from validation.proving import fingerprints

    @claim("mine.logistic", "x", draw(x=draw.reals(0, 4)))
    def library(xp, x):
        return x, scipy.special.expit(x) + x

    import scipy

    library.body.__globals__["scipy"] = scipy
    first = fingerprint(library)
    fingerprints._version.cache_clear()
    monkeypatch.setattr(fingerprints.importlib.metadata, "version", lambda name: "another")
    assert "scipy another" in list(fingerprints._parts(library))
    fingerprints._version.cache_clear()
    monkeypatch.undo()
    assert fingerprint(library) == first


def test_a_proof_is_stale_where_a_module_behind_a_users_module_has_changed(folder, monkeypatch):
    import importlib
    import sys

    from validation.loading import load_file

    monkeypatch.syspath_prepend(str(folder))
    (folder / "shared_of_mine.py").write_text(
        "import deeper_of_mine\ndef f(x):\n    return deeper_of_mine.C * x\n"
    )
    (folder / "lemmas.py").write_text(
        "import shared_of_mine\nfrom validation import claim, draw\n"
        "@claim('mine.far', 'x <= c x', draw(x=draw.reals(0, 4)))\n"
        "def far(xp, x):\n    return x, shared_of_mine.f(x)\n"
    )
    marks = []
    for c in (1, 2):
        (folder / "deeper_of_mine.py").write_text(f"C = {c}  # {'x' * c}\n")
        importlib.invalidate_caches()
        for name in ("shared_of_mine", "deeper_of_mine"):
            sys.modules.pop(name, None)
        marks.append(fingerprint(load_file(folder / "lemmas.py")[0]))
    assert marks[0] != marks[1]


def test_marks_do_not_hang_on_addresses():
    import subprocess
    import sys

    code = (
        "import validation.catalogue, hashlib\n"
        "from validation.proving.fingerprints import fingerprint\n"
        "marks = [fingerprint(one) for one in validation.catalogue.claims()]\n"
        "print(hashlib.sha256(repr(marks).encode()).hexdigest())"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout
        for seed in "12"
    }
    assert len(said) == 1


def test_a_proof_is_stale_where_a_constant_has_changed(folder):
    made = lemma(folder)
    keep(prove(made, budget=5))
    other = made.with_constants(c=2)
    assert fingerprint(other) != fingerprint(made)
    outcome = with_proofs(other, verify(other, quick=True, budget=0.3))
    assert outcome.verdict.evidence is Evidence.CERTIFIED
    assert any("stale" in note for note in outcome.notes)


def test_a_counterexample_on_file_comes_before_all_proofs(folder):
    from dataclasses import replace

    made = lemma(folder, "x / 2")
    found = prove(made, budget=5)
    assert found.kind is Ending.VIOLATED
    relaxed = replace(found, ending="proved with slack", slack=("1/100", "1/10"), instance=None)
    for machine in ("", "Coq 8.16.1, up to 1/100"):
        keep(replace(relaxed, machine=machine))
    keep(found)
    assert known(made).current[0].kind is Ending.VIOLATED
    outcome = with_proofs(made, verify(made, quick=True, budget=0.3))
    assert outcome.conclusion.bad


def test_a_stale_hash_that_is_forged_into_the_file_is_caught_by_the_checksum(folder):
    made = lemma(folder)
    path = keep(prove(made, budget=5))
    entry = json.loads(path.read_text())
    false = lemma(folder, "x / 2", "wrong")
    entry["proof"]["fingerprint"] = fingerprint(false)
    path.write_text(json.dumps(entry))
    assert known(false) == records.Known((), 0)
    assert records.read(path) is None


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"format": 1}', b"\xff\xfe"])
def test_a_damaged_entry_is_as_none(folder, damage):
    made = lemma(folder)
    path = keep(prove(made, budget=5))
    path.write_bytes(damage)
    assert known(made) == records.Known((), 0)


def test_a_counterexample_on_file_counts_once_it_is_certified_again(folder):
    made = lemma(folder, "x / 2")
    proof = prove(made, budget=5)
    assert proof.kind is Ending.VIOLATED
    keep(proof)
    outcome = with_proofs(made, verify(lemma(folder, "x / 2", "b"), quick=True, budget=0.2))
    assert outcome.conclusion.bad


def test_an_attempt_goes_on_where_it_stopped():
    made = claim("t.square", "s", draw(x=draw.reals(0, 1), y=draw.reals(0, 1)))(
        lambda xp, x, y: (x * y, x * x + y * y)
    )
    attempt = begin(made, {}, {}, True)
    refine(made, attempt.regions[0], attempt.covers[0], NO_SLACK, 0.2)
    data = packed(attempt)
    fresh = begin(made, {}, {}, True)
    assert unpacked(fresh, data)
    assert fresh.covers[0].open == attempt.covers[0].open > 1
    assert fresh.share == attempt.share
    np.testing.assert_array_equal(fresh.covers[0].joined()[0], attempt.covers[0].joined()[0])
    assert not unpacked(fresh, data[:-1] + bytes([data[-1] ^ 1]))


def test_the_path_of_a_proof_depends_on_what_it_is_about(folder):
    made = lemma(folder)
    boxes = [{"x": (0.0, 1.0)}, {"x": (0.0, 2.0)}]
    paths = {path_of(prove(made, box=box, budget=5)) for box in boxes}
    assert len(paths) == 2


@pytest.mark.parametrize("text", ["m", "m=", "m=a", "m=1,", "=1"])
def test_sizes_that_cannot_be_read_get_a_sentence(text):
    with pytest.raises(ClaimError, match="--sizes needs name=n,n"):
        read_sizes([text])


@pytest.mark.parametrize("text", ["x", "x=1", "x=2..1", "x=0..inf", "x=a..b", "x=1..2..3"])
def test_ranges_that_cannot_be_read_get_a_sentence(text):
    with pytest.raises(ClaimError, match=r"--box needs name=low\.\.high"):
        read_range(text)


def test_the_command_proves_and_the_frontier_shows_it(folder, capsys):
    main_is_done(["prove", "step.split_above", "--budget", "5", "--workers", "1"])
    assert "proved for all instances" in capsys.readouterr().out
    main_is_done(["frontier", "dof.spectrum_split"])
    out = capsys.readouterr().out
    assert "step.split_above" in out
    assert "proved on a box" in out or "machine-checked" in out


def main_is_done(words):
    with pytest.raises(SystemExit) as left:
        main(words)
    assert not left.value.code
