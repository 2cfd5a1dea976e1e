"""The independent checker: against certificates written by hand, and against hostile files."""

from __future__ import annotations

import ast
import gzip
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.certificates import packed
from helpers.checker import changed, said_in, tiny, verdict

from validation import check_certificate as checker
from validation.commands import main as rnnbounds
from validation.data.digits import FILE

SCRIPT = Path(checker.__file__)


def test_a_certificate_is_valid_and_says_its_bound(certificate, capsys):
    code, line = verdict(capsys, certificate)
    assert code == 0
    assert f"at most {said_in(certificate)['bound']} at confidence 1 - 0.05" in line


def test_the_command_runs_the_same_file(certificate, capsys):
    with pytest.raises(SystemExit) as ended:
        rnnbounds(["check", str(certificate)])
    assert ended.value.code == 0
    first = capsys.readouterr().out
    verdict_of_file = verdict(capsys, certificate)
    assert verdict_of_file == (0, first)


def test_a_larger_bound_is_true_as_well_and_a_smaller_one_is_not(certificate, capsys, tmp_path):
    bound = int(said_in(certificate)["bound"].replace(".", ""))
    larger = changed(certificate, tmp_path, bound=f"0.{bound + 1:06d}")
    assert verdict(capsys, larger)[0] == 0
    smaller = changed(certificate, tmp_path, bound=f"0.{bound - 1:06d}")
    code, line = verdict(capsys, smaller)
    assert code == 1
    assert "the bound is" in line


def test_it_runs_alone_in_an_empty_folder(certificate, tmp_path):
    shutil.copy(SCRIPT, tmp_path)
    text = gzip.decompress(FILE.read_bytes())
    (tmp_path / "digits.csv").write_bytes(text)
    words = [sys.executable, "-I", SCRIPT.name, str(certificate), "--data-dir", "."]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("VALID: digits")


def test_it_imports_nothing_of_ours_and_has_at_most_400_lines():
    text = SCRIPT.read_text("utf-8")
    assert text.count("\n") <= 400
    imported = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            imported |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            imported.add(node.module.split(".")[0])
    assert imported <= {*sys.stdlib_module_names, "numpy", "flint"}
    assert not imported & {"importlib", "runpy", "pickle", "subprocess"}
    assert "__import__" not in text
    # `np.load` would unpickle if it were asked to.
    assert "np.load(" not in text


@pytest.mark.parametrize("threads", ["1", "2"])
def test_the_count_does_not_depend_on_threads(certificate, threads):
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    environment = {**os.environ, **dict.fromkeys(names, threads)}
    words = [sys.executable, str(SCRIPT), str(certificate), "--data-dir", str(FILE.parent)]
    done = subprocess.run(words, capture_output=True, text=True, env=environment, check=False)
    assert done.stdout.startswith(f"VALID: digits, {said_in(certificate)['bits']} bits, ")
    assert f" {said_in(certificate)['errors']} errors in 1437" in done.stdout


LIES = {
    "another format": ({"format": 2}, "format"),
    "another language": ({"language": 3}, "language"),
    "another preprocessing": ({"preprocessing": 2}, "preprocessing"),
    "a version that is true": ({"format": True}, "format"),
    "a version with a fraction": ({"language": 1.0}, "language"),
    "one error fewer": ({"errors": -1}, "errors"),
    "errors beyond n": ({"errors": 2000}, "errors"),
    "n too small": ({"n": 1436}, "n must be 1437"),
    "n enormous": ({"n": 10**30}, "n must be"),
    "n as text": ({"n": "1437"}, "n must be"),
    "delta zero": ({"delta": "0.000"}, "delta"),
    "delta one": ({"delta": "1.0"}, "delta"),
    "delta as a number": ({"delta": 0.05}, "delta"),
    "delta in other digits": ({"delta": "0.٥"}, "delta"),
    "delta with a newline": ({"delta": "0.05\n"}, "delta"),
    "delta with thirteen digits": ({"delta": "0.0500000000001"}, "delta"),
    "a smaller confidence": ({"delta": "0.049"}, "the bound is"),
    "bound as a number": ({"bound": 0.5}, "bound"),
    "bound with five digits": ({"bound": "0.99999"}, "bound"),
    "bound beyond one": ({"bound": "1.000001"}, "bound"),
    "bound negative": ({"bound": "-0.100000"}, "bound"),
    "another task": ({"task": "mnist"}, "files"),
    "an unknown task": ({"task": "imagenet"}, "task must be one of"),
    "a task that is a list": ({"task": ["digits"]}, "task must be one of"),
    "another data set": ({"data_sha256": {"digits.csv": "0" * 64}}, "files"),
    "no data set": ({"data_sha256": {}}, "files"),
    "data elsewhere": ({"task": "npz", "data_sha256": {"../x.npz": "0" * 64}}, "files"),
    "an unknown field": ({"more": 1}, "too many"),
    "a missing field": ({"versions": None}, "lacks a field"),
    "loss beside errors": ({"loss": "0.100000"}, "too many"),
    "another code": ({"code_sha256": "0" * 64}, "code_sha256"),
    "one byte fewer": ({"bits": 8}, "bytes"),
    "no bits": ({"bits": 0}, "bits"),
    "bits as text": ({"bits": "1000"}, "bits"),
    "assumptions that are numbers": ({"assumptions": [1]}, "assumptions"),
    "assumptions that are lists": ({"assumptions": [["a"]]}, "assumptions"),
}


@pytest.mark.parametrize("name", LIES)
def test_a_lie_is_invalid_and_the_reason_is_given(certificate, capsys, tmp_path, name):
    fields, reason = LIES[name]
    code, line = verdict(capsys, changed(certificate, tmp_path, **fields))
    assert code == 1
    assert reason in line


def test_a_bit_behind_the_last_one_must_be_zero(certificate, capsys, tmp_path):
    bits = [*tiny().bits(), 1]
    # The code is the same, and one bit of the padding is set.
    said = said_in(certificate)
    assert said["bits"] % 8
    code = packed(bits)
    folder = changed(certificate, tmp_path, code_sha256=hashlib.sha256(code).hexdigest())
    (folder / "code.bin").write_bytes(code)
    code, line = verdict(capsys, folder)
    assert code == 1
    assert "must be 0" in line


@pytest.mark.parametrize("less", [1, -1])
def test_another_count_is_invalid(certificate, capsys, tmp_path, less):
    errors = said_in(certificate)["errors"] - less
    code, line = verdict(capsys, changed(certificate, tmp_path, errors=errors, bound="1.000000"))
    assert code == 1
    assert f"the network makes {errors + less} errors" in line


BROKEN = {
    "empty": b"",
    "not UTF-8": b"\xff\xfe{}",
    "not JSON": b"{'format': 1}",
    "a list": b"[]",
    "a number": b"1",
    "a string": b'"digits"',
    "NaN": b'{"task": NaN}',
    "Infinity": b'{"task": -Infinity}',
    "deep": b'{"task":' + b"[" * 60000,
    "deep and closed": b"[" * 30000 + b"]" * 30000,
    "a large integer": b'{"n": ' + b"9" * 60000 + b"}",
    "two objects": b"{} {}",
    "a surrogate": b'{"task": "\\ud800"}',
    "a byte order mark": b"\xef\xbb\xbf{}",
    "a nul": b"\0",
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_statement_is_one_sentence(certificate, capsys, tmp_path, name):
    folder = changed(certificate, tmp_path)
    (folder / "certificate.json").write_bytes(BROKEN[name])
    assert verdict(capsys, folder)[0] == 1


@pytest.mark.parametrize("place", ["top", "inside"])
def test_a_key_that_stands_twice_is_refused(certificate, capsys, tmp_path, place):
    folder = changed(certificate, tmp_path)
    text = (folder / "certificate.json").read_text()
    twice = {"top": ('"format": 1', '"format": 2, "format": 1')}
    twice["inside"] = ('"versions": {}', '"versions": {"a": 1, "a": 2}')
    assert twice[place][0] in text
    (folder / "certificate.json").write_text(text.replace(*twice[place]))
    code, line = verdict(capsys, folder)
    assert code == 1
    assert "twice" in line


@pytest.mark.parametrize("name", ["certificate.json", "code.bin"])
def test_files_that_are_missing_or_strange_are_named(certificate, capsys, tmp_path, name):
    folder = changed(certificate, tmp_path)
    path = folder / name
    content = path.read_bytes()
    path.unlink()
    assert verdict(capsys, folder)[0] == 2
    os.mkfifo(path)
    code, line = verdict(capsys, folder)
    assert code == 2
    assert name in line
    path.unlink()
    path.mkdir()
    assert verdict(capsys, folder)[0] == 2
    path.rmdir()
    path.write_bytes(content + bytes(2**21))
    code, line = verdict(capsys, folder)
    assert code == 1
    assert "has more than" in line


def test_missing_and_damaged_data_are_told_apart(certificate, capsys, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    code, line = verdict(capsys, certificate, "--data-dir", str(empty))
    assert code == 2
    assert "digits.csv of digits was not found" in line
    (empty / "digits.csv").write_text("0," * 64 + "1\n")
    code, line = verdict(capsys, certificate, "--data-dir", str(empty))
    assert code == 1
    assert "another" in line
    (empty / "digits.csv").unlink()
    (empty / "digits.csv.gz").write_bytes(FILE.read_bytes()[:-20])
    assert verdict(capsys, certificate, "--data-dir", str(empty))[0] in (1, 2)
    (empty / "digits.csv.gz").write_bytes(gzip.compress(bytes(2**27)))
    assert verdict(capsys, certificate, "--data-dir", str(empty))[0] == 1


@pytest.mark.parametrize("words", [[], ["a", "b"], ["a", "--data", "b"], ["a", "--data-dir"]])
def test_wrong_words_show_how_it_is_used(capsys, words):
    assert checker.main(words) == 2
    assert "CERTIFICATE_FOLDER [--data-dir FOLDER]" in capsys.readouterr().out
