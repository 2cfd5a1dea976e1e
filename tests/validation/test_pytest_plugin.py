"""Claims as test items, in a pytest of their own."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

LEMMAS = r"""
from validation import claim, draw
from validation.catalogue.degrees_of_freedom import range_trace as not_mine


@claim("mine.holds", "x", draw(lam=draw.positive()))
def holds(xp, lam):
    return lam, 2 * lam


@claim("mine.fails", "x", draw(S=draw.covariances(), lam=draw.positive()))
def fails(xp, S, lam):
    return lam * xp.linalg.trace(S), xp.linalg.trace(S @ S) + lam**2 * xp.linalg.trace(S) / 8


@claim("mine.broken", "x", draw(lam=draw.positive()))
def broken(xp, lam):
    return lam + missing, lam


def test_an_ordinary_one():
    assert holds.id == "mine.holds"
"""


def run(folder, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments],
        cwd=folder, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    folder = tmp_path_factory.mktemp("user")
    (folder / "my_lemmas.py").write_text(LEMMAS)
    return run(folder, "-v", "my_lemmas.py"), folder


def test_each_claim_of_the_file_is_an_item_and_imported_ones_are_not(ran):
    out = ran[0].stdout

    assert re.search(r"my_lemmas\.py::mine\.holds PASSED", out)
    assert re.search(r"my_lemmas\.py::mine\.fails FAILED", out)
    assert re.search(r"my_lemmas\.py::mine\.broken FAILED", out)
    assert "my_lemmas.py::test_an_ordinary_one PASSED" in out
    assert "dof.range" not in out
    assert "2 failed, 2 passed" in out


def test_a_failure_prints_sides_instance_and_reproducer(ran):
    out = ran[0].stdout

    assert "mine.fails is violated" in out
    for part in ("left in [", "right in [", "S = [[", "lam = ", "def test_mine_fails():"):
        assert part in out
    assert "Traceback" not in out


def test_a_broken_claim_names_the_line(ran):
    line = 1 + LEMMAS.splitlines().index("    return lam + missing, lam")

    assert f"mine.broken (my_lemmas.py:{line}): in float64: NameError" in ran[0].stdout


def test_the_printed_reproducer_fails_too(ran):
    out, folder = ran[0].stdout, ran[1]
    body = out[out.index("from validation import Conclusion") :]
    end = body.index("certificate.message") + len("certificate.message")
    (folder / "test_again.py").write_text(body[:end] + "\n")

    again = run(folder, "-q", "test_again.py")

    assert "1 failed" in again.stdout
    assert "certainly exceeds" in again.stdout


def test_two_claims_with_one_id_are_an_error_of_collection(tmp_path):
    one = LEMMAS[LEMMAS.index("@claim") : LEMMAS.index('@claim("mine.fails"')]
    text = "from validation import claim, draw\n" + one + one.replace("def holds", "def other")
    (tmp_path / "twice.py").write_text(text)

    out = run(tmp_path, "twice.py").stdout

    assert "two claims have the id 'mine.holds': twice.py:" in out
    assert "1 error" in out


def test_claims_that_would_be_left_out_are_errors_of_collection(tmp_path):
    one = LEMMAS[LEMMAS.index("@claim") : LEMMAS.index('@claim("mine.fails"')]
    head = "from validation import claim, draw\n"
    inside = "".join(f"    {line}\n" if line else "\n" for line in one.splitlines())
    (tmp_path / "inside.py").write_text(f"{head}class TestLemmas:\n{inside}")
    (tmp_path / "shadowed.py").write_text(head + one + one.replace("mine.holds", "mine.more"))

    out = run(tmp_path, "inside.py", "shadowed.py").stdout

    assert "a claim in a class is not run" in out
    assert "holds is the name of the claim mine.holds" in out
    assert "2 errors" in out


def test_the_budget_is_an_option(ran):
    assert "--rnnbounds-budget=SECONDS" in run(ran[1], "--help").stdout


def test_the_plugin_imports_nothing_heavy():
    code = (
        "import sys, rnnbounds_pytest;"
        "heavy = {'numpy', 'scipy', 'flint', 'hypothesis', 'sympy', 'rich', 'typer', 'joblib'};"
        "print(sorted(heavy & set(sys.modules)))"
    )

    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert found.stdout.strip() == "[]"
