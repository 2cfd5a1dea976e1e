"""Certificates with bits flipped and words changed: none is valid that does not deserve it."""

from __future__ import annotations

import functools
import hashlib
import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest

from bounds.binomial import upper_risk
from validation import check_certificate as checker
from validation.data.digits import FILE

ROOT = Path(__file__).parents[3]
DIGITS = ROOT / "certificates" / "digits"
N = 1437


@pytest.fixture(autouse=True)
def data_are_read_once(monkeypatch):
    """The same files, read once; everything else is the checker's own."""
    load = checker.load
    known = {}

    def remembered(said, folders):
        key = json.dumps([said["task"], said["data_sha256"], said["n"], folders])
        if key not in known:
            known[key] = load(said, folders)
        return known[key]

    monkeypatch.setattr(checker, "load", remembered)


@functools.cache
def counted(code: bytes, bits: int, language: int) -> int | None:
    """The errors of what a string describes, counted in int64; None where it is no code."""
    x, y, x0 = checker.load({"task": "digits", "data_sha256": sha(), "n": N}, [str(FILE.parent)])
    try:
        net = checker.decode(
            {"task": "digits", "bits": bits, "language": language}, code, (8, 8), x0
        )
    except checker.Stop:
        return None
    W, U, V = (net[name].astype(np.int64) for name in ("w_hidden", "w_input", "w_output"))
    b, c = net["b_hidden"].astype(np.int64), net["b_output"].astype(np.int64)
    (top, bottom, left, right), (v, w), s = net["crop"], net["pool"], net["s"]
    X = x[:, top : 8 - bottom, left : 8 - right]
    X = X.reshape(N, X.shape[1] // v, v, X.shape[2] // w, w).sum(axis=(2, 4))
    X = X.reshape(N, -1, net["d"])
    k, H = net["k"], int(net["H"])
    h = np.zeros((N, k), np.int64)
    for t in range(X.shape[1]):
        A = np.einsum("ij,nj->ni", W, h) + np.einsum("ij,nj->ni", U, X[:, t]) + b
        A = (A + (1 << s - 1)) >> s if s else A
        u = np.clip(A[:, :k], int(net["least"][0]), H)
        g = np.clip(A[:, k:], 0, H)
        h = h + (2 * g * (u - h) + H) // (2 * H) if g.size else u
    scores = np.einsum("ij,nj->ni", V, h) + c
    return int((scores.argmax(axis=1) != y).sum())


def sha():
    return {"digits.csv": checker.HASHES[4]}


def deserved(folder):
    """Whether what the files say is true: the count, and a bound that is not below its own."""
    said = json.loads((folder / "certificate.json").read_text())
    errors = counted((folder / "code.bin").read_bytes(), said["bits"], said["language"])
    if errors is None or said["errors"] != errors or said["n"] != N:
        return False
    bound = upper_risk(errors, N, said["bits"] * math.log(2) - math.log(float(said["delta"])))
    return float(said["bound"]) >= bound * (1 - 1e-12)


def outcome(folder, capsys):
    code = checker.main([str(folder)], [str(FILE.parent)])
    captured = capsys.readouterr()
    assert captured.err == ""
    assert captured.out.count("\n") == 1
    assert captured.out.startswith(("VALID:", "INVALID:", "CANNOT CHECK:")[code])
    return code


def copy_of(tmp_path):
    folder = tmp_path / "tampered"
    shutil.copytree(DIGITS, folder, dirs_exist_ok=True)
    return folder


def many(long_number, default):
    """The whole number under `long`, some of it by default."""
    return pytest.mark.parametrize(
        "number", [default, pytest.param(long_number, marks=pytest.mark.long)]
    )


def test_the_committed_certificate_is_valid(tmp_path, capsys):
    assert outcome(copy_of(tmp_path), capsys) == 0
    assert deserved(DIGITS)


@many(1000, 40)
def test_no_flipped_bit_leaves_it_valid(number, tmp_path, capsys, rng):
    folder, code = copy_of(tmp_path), (DIGITS / "code.bin").read_bytes()
    said = json.loads((DIGITS / "certificate.json").read_text())
    places = rng.permutation(8 * len(code))[:number]
    for place in [*places, *rng.integers(0, 8 * len(code), number - len(places))]:
        flipped = bytearray(code)
        flipped[place >> 3] ^= 128 >> (place & 7)
        (folder / "code.bin").write_bytes(flipped)
        (folder / "certificate.json").write_text(json.dumps(said))
        assert outcome(folder, capsys) == 1
        # A forger who mends the checksum, and one who mends the count of errors as well.
        mended = {**said, "code_sha256": hashlib.sha256(flipped).hexdigest()}
        errors = counted(bytes(flipped), said["bits"], said["language"])
        for forged in (mended, {**mended, "errors": said["errors"] if errors is None else errors}):
            (folder / "certificate.json").write_text(json.dumps(forged))
            code_of = outcome(folder, capsys)
            assert code_of == 1 or (code_of == 0 and deserved(folder))


def edited(text, rng):
    """One small change of a text."""
    place = int(rng.integers(len(text)))
    kind = rng.integers(6)
    digits = [i for i, letter in enumerate(text) if letter.isdigit()]
    if kind == 0:
        return text[:place] + chr(rng.integers(32, 127)) + text[place + 1 :]
    if kind == 1:
        return text[:place] + text[place + 1 :]
    if kind == 2:
        return text[:place] + text[place] + text[place:]
    if kind == 3:
        return text[:place]
    place = int(rng.choice(digits))
    if kind == 4:
        return text[:place] + str(rng.integers(10)) + text[place + 1 :]
    # The fields that matter, more often than their share of the text.
    said = json.loads(text)
    field = rng.choice(["n", "errors", "bits", "delta", "bound"])
    value = said[field]
    if isinstance(value, int):
        said[field] = int(value + rng.integers(-3, 4))
    else:
        at = int(rng.integers(2, len(value)))
        said[field] = value[:at] + str(rng.integers(10)) + value[at + 1 :]
    return json.dumps(said)


@many(1000, 150)
def test_no_edit_makes_it_say_more_than_it_deserves(number, tmp_path, capsys, rng):
    folder, text = copy_of(tmp_path), (DIGITS / "certificate.json").read_text()
    valid = 0
    for _ in range(number):
        (folder / "certificate.json").write_text(edited(text, rng))
        code = outcome(folder, capsys)
        if code == 0:
            valid += 1
            assert deserved(folder)
    # What is not checked may be edited, and a larger bound is true: some stay valid.
    assert 0 < valid < number


def test_one_bit_fewer_another_delta_and_a_smaller_bound_are_invalid(tmp_path, capsys):
    said = json.loads((DIGITS / "certificate.json").read_text())
    folder, code = copy_of(tmp_path), (DIGITS / "code.bin").read_bytes()
    bits = np.unpackbits(np.frombuffer(code, np.uint8))[: said["bits"]]
    shorter = np.packbits(bits[:-1]).tobytes()
    lies = [
        {"bits": said["bits"] - 1},
        {"bits": said["bits"] + 1},
        {"delta": "0.049"},
        {"delta": "0.01"},
        {"bound": f"{float(said['bound']) - 1e-6:.6f}"},
    ]
    for lie in lies:
        (folder / "certificate.json").write_text(json.dumps({**said, **lie}))
        assert outcome(folder, capsys) == 1, lie
    (folder / "code.bin").write_bytes(shorter)
    lie = {"bits": said["bits"] - 1, "code_sha256": hashlib.sha256(shorter).hexdigest()}
    (folder / "certificate.json").write_text(json.dumps({**said, **lie}))
    assert outcome(folder, capsys) == 1


@pytest.mark.parametrize("folder", sorted(p.parent for p in ROOT.glob("certificates/*/code.bin")))
@pytest.mark.long
def test_every_committed_certificate_checks_in_two_minutes(folder, capsys):
    from validation.data.fetching import cache_folder

    task = json.loads((folder / "certificate.json").read_text())["task"]
    place = {"ptb-bytes": "ptb"}.get(task, task)
    if task != "digits" and not (cache_folder() / place).is_dir():
        pytest.skip(f"{task} was not fetched")
    code = checker.main([str(folder)], [str(cache_folder()), str(FILE.parent)])
    assert capsys.readouterr().out.startswith("VALID: ")
    assert code == 0
