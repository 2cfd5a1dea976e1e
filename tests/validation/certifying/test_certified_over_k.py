"""The table behind the figure of certified error: its rows are certificates, and can be checked."""

import base64
import importlib.util
import json
from decimal import Decimal
from pathlib import Path

import pytest

from bounds.terms import VALID
from validation import check_certificate as checker
from validation.certifying.pipeline import bound

ROOT = Path(__file__).parents[3]
SPEC = importlib.util.spec_from_file_location(
    "certified_over_k", ROOT / "benchmarks" / "studies" / "certified_over_k.py"
)
study = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(study)
ROWS = study.read()
DIGITS = [row for row in ROWS if row["task"] == "digits"]


def test_there_are_rows_and_the_committed_certificates_are_among_them():
    codes = {row["code"] for row in ROWS}
    for name in ("digits", "row-mnist", "fashion-rows", "pixel-mnist"):
        code = (ROOT / "certificates" / name / "code.bin").read_bytes()
        assert base64.b64encode(code).decode() in codes
    assert len(codes) == len(ROWS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['task']}-{row['k']}-{row['bits']}")
def test_every_bound_is_that_of_its_counts(row):
    exact = bound(row["errors"], row["n"], row["bits"], Decimal(row["delta"]))
    assert row["bound"] == f"{exact:.6f}"
    shown = study.of(row)
    assert shown.label == VALID
    assert float(row["bound"]) - 1e-6 <= shown.total <= float(row["bound"]) + 1e-9


def test_every_row_of_the_digits_is_valid(tmp_path):
    for row in DIGITS:
        study.write_folder(row, tmp_path)
        assert f" {row['errors']} errors" in checker.check(str(tmp_path), study.places())


@pytest.mark.parametrize("key", ["errors", "bits", "bound", "code"])
def test_a_row_that_says_less_than_is_true_is_found(key, tmp_path):
    row = dict(DIGITS[0])
    code = bytearray(base64.b64decode(row["code"]))
    code[len(code) // 2] ^= 16
    less = {
        "errors": row["errors"] - 1,
        "bits": row["bits"] - 1,
        "bound": f"{float(row['bound']) - 1e-6:.6f}",
        "code": base64.b64encode(bytes(code)).decode(),
    }
    study.write_folder(row | {key: less[key]}, tmp_path)
    with pytest.raises(checker.Stop):
        checker.check(str(tmp_path), study.places())


def test_a_certificate_becomes_a_row_and_the_row_the_same_certificate(tmp_path):
    home = ROOT / "certificates" / "digits"
    row = study.collected(home)
    study.write_folder(row, tmp_path)
    assert (tmp_path / "code.bin").read_bytes() == (home / "code.bin").read_bytes()
    said, again = (json.loads((f / "certificate.json").read_text()) for f in (home, tmp_path))
    for key in ("task", "data_sha256", "code_sha256", "n", "errors", "bits", "delta", "bound"):
        assert said[key] == again[key]
    study.write([row, row], tmp_path / "table.csv")
    [read] = study.read(tmp_path / "table.csv")
    assert {key: str(value) for key, value in row.items()} == {k: str(v) for k, v in read.items()}


def test_the_best_of_each_size_is_on_the_line():
    rows = [{"k": 8, "bound": "0.5"}, {"k": 4, "bound": "0.7"}, {"k": 8, "bound": "0.4"}]
    assert study.best(rows) == [rows[1], rows[2]]


def test_the_figure_shows_what_the_rows_say():
    ax = study.over_k(DIGITS, [(0.9, "guessing")])
    lines = {line.get_label(): line for line in ax.get_lines()}
    best = study.best(row for row in DIGITS if row["training"] == study.SHORT)
    assert list(lines["certified error"].get_xdata()) == [row["k"] for row in best]
    heights = lines["certified error"].get_ydata()
    assert list(heights) == pytest.approx([float(row["bound"]) for row in best], abs=1e-6)
    parts = [lines[f"part: {name}"] for name in ("what the code's bits add", "training error")]
    for total, *terms in zip(heights, *(part.get_ydata() for part in parts)):
        assert 0 < total - sum(terms) < 0.05  # the rest is what delta adds
