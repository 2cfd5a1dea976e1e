"""`verify` and `rnnbounds verify`, as a user sees them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from fractions import Fraction

import pytest

from validation import (
    Conclusion,
    Evidence,
    Instance,
    certify,
    claim,
    draw,
    load_claim,
    load_file,
    verify,
    verify_all,
)
from validation.checking import runner
from validation.commands import main
from validation.commands.theory import document

LEMMAS = r"""
from validation import claim, draw


def N(xp, S, lam):
    return xp.linalg.trace(xp.linalg.solve(S + lam * xp.eye(S.shape[0]), S))


@claim("mine.trace", r"N(\lambda) \le \operatorname{Tr} S / \lambda",
       draw(S=draw.covariances(), lam=draw.positive()))
def trace(xp, S, lam, *, c=1):
    return N(xp, S, lam), c * xp.linalg.trace(S) / lam


@claim("mine.convex", r"N \text{ is convex in } \log \lambda",
       draw(S=draw.covariances(), lam=draw.positive(), step=draw.positive(below=4)))
def convex(xp, S, lam, step):
    r = xp.exp(step)
    return 2 * N(xp, S, lam), N(xp, S, lam * r) + N(xp, S, lam / r)
"""

BAD = r"""
import os
import time
import numpy as np
from validation import claim, draw

ONE = draw(lam=draw.positive())

@claim("bad.nan", "x", ONE)
def nan(xp, lam):
    return lam * xp.asarray(float("nan")), lam

@claim("bad.complex", "x", ONE)
def imaginary(xp, lam):
    return lam * 1j, lam

@claim("bad.shape", "x", draw(S=draw.covariances()))
def shape(xp, S):
    return S, xp.ones(7)

@claim("bad.pair", "x", ONE)
def pair(xp, lam):
    return lam

@claim("bad.numpy", "x", draw(S=draw.covariances()))
def numpy_itself(xp, S):
    return np.linalg.eigvalsh(S)[0], xp.linalg.trace(S)

@claim("bad.sleeps", "x", ONE)
def sleeps(xp, lam):
    time.sleep(1000)
    return lam, lam

@claim("bad.stubborn", "x", ONE)
def stubborn(xp, lam):
    while True:
        try:
            time.sleep(1)
        except BaseException:
            pass

@claim("bad.recursion", "x", ONE)
def recursion(xp, lam):
    return recursion(xp, lam)

@claim("bad.exit", "x", ONE)
def leaves(xp, lam):
    raise SystemExit(3)

@claim("bad.hard_exit", "x", ONE)
def leaves_at_once(xp, lam):
    os._exit(3)

@claim("bad.hypothesis", "x", draw(S=draw.covariances()),
       hypotheses={"no": lambda xp, S: (np.linalg.det(S), np.inf)})
def hypothesis_in_numpy(xp, S):
    return xp.linalg.trace(S), 2 * xp.linalg.trace(S)

@claim("bad.rejects", "x", ONE, hypotheses={"no": lambda xp, lam: (lam, lam / 4)})
def rejects(xp, lam):
    return lam, 2 * lam

@claim("good.one", "x", ONE)
def good(xp, lam):
    return lam, 2 * lam
"""


@pytest.fixture
def lemmas(tmp_path):
    path = tmp_path / "user_lemmas.py"
    path.write_text(LEMMAS)
    yield path
    sys.modules.pop("user_lemmas", None)
    sys.path[:] = [entry for entry in sys.path if entry != str(tmp_path)]


def line_of(text, needle):
    return 1 + next(i for i, line in enumerate(text.splitlines()) if needle in line)


def command(*arguments, capsys):
    """Run the command in this process; return its exit code and what it printed."""
    with pytest.raises(SystemExit) as leaving:
        main([str(argument) for argument in arguments])
    printed = capsys.readouterr()
    return leaving.value.code, printed.out, printed.err


def test_a_true_lemma_holds_and_a_false_one_is_refuted_by_one_or_two_nodes(lemmas):
    true, false = (verify(c, quick=True) for c in load_file(lemmas))

    assert true.conclusion is Conclusion.HOLDS
    assert true.verdict.evidence is Evidence.CERTIFIED
    assert true.verdict.coverage.evaluated >= 300
    assert "certified on the" in true.verdict.message
    assert false.conclusion is Conclusion.VIOLATED
    assert false.instance is not None
    assert false.instance.sizes["m"] <= 2
    assert len(repr(false.instance)) < 200


def test_the_printed_reproducer_fails_as_it_should(lemmas, tmp_path):
    outcome = verify(load_file(lemmas)[1], quick=True)
    test = tmp_path / "test_reproduced.py"
    test.write_text(outcome.reproducer)

    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", test.name],
        cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip

    assert run.returncode == 1, run.stdout
    assert "1 failed" in run.stdout
    assert "AssertionError: left certainly exceeds right" in run.stdout


def test_a_reproducer_of_a_changed_constant_changes_it_again():
    weaker = load_claim("dof.range").with_constants(c=Fraction(1, 3))
    outcome = verify(weaker, quick=True)
    scope: dict = {}

    exec(outcome.reproducer, scope)

    with pytest.raises(AssertionError, match="certainly exceeds"):
        scope["test_dof_range"]()


def test_the_table_the_exit_code_and_the_json(lemmas, tmp_path, capsys):
    target = tmp_path / "out.json"

    code, out, _ = command("verify", lemmas, "--quick", "--json", target, capsys=capsys)

    rows = {row["id"]: row for row in json.loads(target.read_text())}
    assert code == 1
    assert "mine.convex is violated" in out
    assert "def test_mine_convex():" in out
    assert {"id", "kind", "section", "source", "instances", "rejected", "worst_ratio", "verdict",
            "evidence", "rungs", "seconds"} <= set(rows["mine.trace"])  # fmt: skip
    assert rows["mine.trace"]["verdict"] == "holds"
    assert rows["mine.convex"]["verdict"] == "violated"
    assert rows["mine.convex"]["worst_ratio"] > 1
    assert rows["mine.trace"]["rungs"]["sampled"]["verdict"] == "undecided"
    worst = Instance.from_json(rows["mine.convex"]["worst"][-1])
    assert certify(load_claim("mine.convex", lemmas), worst).conclusion is Conclusion.VIOLATED


def test_one_lemma_of_a_file_with_another_constant(lemmas, capsys):
    chosen = f"{lemmas}::mine.trace"

    code, out, _ = command("verify", chosen, "--quick", "--set", "c=1/2", capsys=capsys)

    assert code == 1
    assert "with_constants(c=Fraction(1, 2))" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--set", "d=2"], "no constant 'd'; its constants: c"),
        (["--set", "c"], "--set needs name=number"),
        (["--set", "c=1/0"], "--set needs name=number"),
        (["--budget", "0"], "--budget must be positive"),
        (["--workers", "-1"], "--workers must be at least 0"),
        (["--json", "no/such/folder/x.json"], "--json: no/such/folder is not a folder"),
    ],
)
def test_bad_options_are_one_sentence(lemmas, arguments, message, capsys):
    code, out, err = command("verify", f"{lemmas}::mine.trace", *arguments, capsys=capsys)

    assert code == 2
    assert message in err
    assert len(err.splitlines()) == 1
    assert not out


def test_a_body_that_ends_its_process_is_not_called_late_for_waiting_its_turn(tmp_path):
    path = tmp_path / "bad_lemmas.py"
    path.write_text(BAD)
    (leaver,) = (claim for claim in load_file(path) if claim.id == "bad.hard_exit")
    marks = tmp_path / "marks"
    marks.mkdir()
    mark = marks / "0"
    mark.touch()
    os.utime(mark, (0, 0))  # another suspect was run alone for all that while
    options = {"quick": True, "budget": None, "seed": 0, "limit": 60}
    runner.by_value([leaver])

    outcome = runner._alone(leaver, 0, str(marks), options)

    assert "ended the process" in outcome.error


def test_no_worker_serves_two_runs(tmp_path):
    # One that took the place of a worker that had been idle for long could die unnoticed.
    path = tmp_path / "who.py"
    path.write_text(
        "import os\n"
        "from pathlib import Path\n"
        "from validation import claim, draw\n"
        "@claim('who.runs', 'x', draw(x=draw.positive()))\n"
        "def runs(xp, x):\n"
        "    Path(__file__).with_suffix(f'.{os.getpid()}').touch()\n"
        "    return x, 2 * x\n"
    )
    seen = []
    for _ in range(2):
        verify_all(load_file(path), quick=True, budget=0.1, workers=2)
        seen.append({file.suffix for file in tmp_path.glob("who.*")} - {".py"})

    assert len(seen[0]) == 1 + (f".{os.getpid()}" in seen[0])
    assert len(seen[1]) == len(seen[0]) + 1


def test_bad_bodies_are_named_with_their_line_and_the_others_finish(tmp_path):
    path = tmp_path / "bad_lemmas.py"
    path.write_text(BAD)

    outcomes = {o.id: o for o in verify_all(load_file(path), quick=True, limit=6, workers=2)}

    expected = {
        "bad.nan": ("def nan", "no finite sides"),
        "bad.complex": ("def imaginary", "the left side is complex"),
        "bad.shape": ("def shape", "must have one shape"),
        "bad.pair": ("def pair", "must return (left, right)"),
        "bad.numpy": ("np.linalg.eigvalsh(S)", "use xp.linalg.eigvalsh"),
        "bad.sleeps": ("time.sleep(1000)", "not finished after 6 s"),
        "bad.stubborn": ("def stubborn", "could not be interrupted"),
        "bad.recursion": ("return recursion", "RecursionError"),
        "bad.exit": ("raise SystemExit", "raised SystemExit"),
        "bad.hard_exit": ("def leaves_at_once", "ended the process"),
        "bad.hypothesis": ("np.linalg.det(S)", "use xp.linalg.det"),
        "bad.rejects": ("def rejects", "do not meet the hypotheses"),
    }
    assert outcomes.pop("good.one").conclusion is Conclusion.HOLDS
    assert set(outcomes) == set(expected)
    for id, (code, message) in expected.items():
        outcome = outcomes[id]
        decorated = code.startswith("def ")  # Python counts a function from its decorator
        line = line_of(BAD, code) - decorated
        assert outcome.error.startswith(f"{id} (bad_lemmas.py:{line}): "), outcome.error
        assert message in outcome.error
        assert "\n" not in outcome.error
        assert outcome.conclusion is Conclusion.UNDECIDED
        assert outcome.verdict.coverage.evaluated == 0


SLOW = r"""
import pathlib
import time
from validation import claim, draw

HERE = pathlib.Path(__file__).parent
ONE = draw(lam=draw.positive())

@claim("good.one", "x", ONE)
def good(xp, lam):
    (HERE / "good").touch()
    return lam, 2 * lam

@claim("bad.sleeps", "x", ONE)
def sleeps(xp, lam):
    (HERE / "sleeping").touch()
    time.sleep(1000)
    return lam, lam
"""


def test_an_interrupt_prints_what_is_finished(tmp_path):
    path = tmp_path / "slow_lemmas.py"
    path.write_text(SLOW)
    good, sleeping = tmp_path / "good", tmp_path / "sleeping"
    process = subprocess.Popen(
        # A shell that starts pytest in the background has it ignore SIGINT.
        [sys.executable, "-c", "import signal; from validation.commands import main; "
         "signal.signal(signal.SIGINT, signal.default_int_handler); main()",
         "verify", str(path), "--budget", "60", "--quick", "--workers", "2"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    end = time.monotonic() + 60
    while time.monotonic() < end:  # until one sleeps and the other has been quiet for 4 s
        time.sleep(0.2)
        if sleeping.exists() and good.exists() and time.time() - good.stat().st_mtime > 4:
            break

    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)

    assert process.returncode == 130, err
    assert "good.one" in out
    assert "holds" in out
    assert "interrupted: 1 of 2 claims finished" in err


def test_one_seed_gives_one_outcome():
    runs = [verify(load_claim("dof.range"), quick=True, budget=4.0, seed=3) for _ in range(2)]

    # How long the search and the audits get differs; what is drawn does not.
    first, second = (
        replace(rung, coverage=replace(rung.coverage, audited=0))
        for rung in (run.rungs["sampled"] for run in runs)
    )
    assert first == second


def test_the_step_that_fails_has_a_name():
    one = draw(lam=draw.positive())
    right = claim("whole.right", "x", one)(lambda xp, lam: (lam, 2 * lam))
    wrong = claim("whole.wrong", "x", one)(lambda xp, lam: (2 * lam, lam))
    whole = claim("whole", "x", one, steps=(right, wrong))(lambda xp, lam: (lam, 3 * lam))

    outcome = verify(whole, quick=True)

    assert outcome.conclusion is Conclusion.HOLDS
    assert [s.conclusion for s in outcome.steps] == [Conclusion.HOLDS, Conclusion.VIOLATED]
    assert outcome.notes == ("the step whole.wrong is violated",)


def test_a_claim_whose_ratio_stays_tiny_is_called_loose():
    loose = claim("so.loose", "x", draw(lam=draw.positive()))(lambda xp, lam: (lam, 4096 * lam))

    assert "loose" in verify(loose, quick=True).notes[0]


def test_a_claim_on_which_float64_mostly_breaks_down_is_not_green():
    def body(xp, x):
        return x, x / xp.maximum(x - 5, 0 * x) + 8 * x  # divides by 0 below 5

    breaking = claim("breaks", "x", draw(x=draw.reals(0, 8)))(body)

    outcome = verify(breaking, quick=True)

    drawn = outcome.rungs["sampled"].coverage
    assert drawn.undecided > drawn.evaluated > 0
    assert outcome.conclusion is Conclusion.UNDECIDED


def test_an_outcome_has_no_truth_value():
    with pytest.raises(TypeError, match="no truth value"):
        bool(verify(load_claim("dof.range"), quick=True))


def test_explain_says_everything(lemmas, capsys):
    code, out, _ = command("explain", f"{lemmas}::mine.trace", capsys=capsys)

    assert code == 0
    for part in ("Tr} S / ", "c = 1", "by construction", "user_lemmas.py", "holds", "S: Covar"):
        assert part in out


def test_the_theory_is_one_document_with_every_claim(lemmas, capsys):
    code, out, _ = command("theory", lemmas, capsys=capsys)

    assert code == 0
    assert out == document(load_file(lemmas))
    assert "`mine.trace`" in out
    assert r"$$N(\lambda) \le \operatorname{Tr} S / \lambda$$" in out


def test_the_vocabulary_lists_xp_and_draw(capsys):
    code, out, _ = command("vocabulary", capsys=capsys)

    assert code == 0
    for part in ("linalg.solve", "xp.linalg.solve(S + lam * xp.eye(3), S)", "draw.covariances()"):
        assert part in out
