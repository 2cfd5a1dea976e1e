"""The independent checker: against certificates written by hand, and against hostile files."""

from __future__ import annotations

import ast
import gzip
import hashlib
import io
import json
import math
import os
import shutil
import struct
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path

import flint
import numpy as np
import pytest
from helpers.certificates import Network, Writer, packed, write
from hypothesis import given, settings
from hypothesis import strategies as st

from bounds.binomial import upper_risk
from bounds.martingales import GRID
from validation import check_certificate as checker
from validation.commands import main as rnnbounds
from validation.data.digits import FILE, digits

SCRIPT = Path(checker.__file__)
DIGITS = {"digits.csv": checker.HASHES[4]}
SMALL = st.integers(-9, 9)


@st.composite
def networks(draw, image=(8, 8), inputs=None, npz=False):
    """Networks of language 1 for images of this shape, every option in use."""
    k = draw(st.integers(1, 4))
    crop = draw(st.none() | st.just((0, 0, 0, 0)) | st.just((2, 0, 0, 2)))
    pool = draw(st.sampled_from([None, (1, 1), (2, 1), (1, 2), (2, 2)]))
    rows, columns = (image[0] - 2, image[1] - 2) if crop and crop[0] else image
    v, w = pool or (1, 1)
    length = (rows // v) * (columns // w)
    steps = draw(st.sampled_from([None, *(d for d in (1, 2, 3) if length % d == 0)]))
    d = steps or columns // w
    q = draw(st.integers(2, 5)) if npz else 10

    def block(height, width):
        return draw(
            st.lists(
                st.lists(SMALL, min_size=width, max_size=width), min_size=height, max_size=height
            )
        )

    e = {name: draw(st.integers(-6, 3)) for name in ("b_hidden", "w_hidden", "w_input")}
    e["b_output"] = draw(st.integers(0, 3))
    table = draw(st.none() | st.just([0, *range(1, 10)]) | st.just([0, *range(1, 30)]))
    apart = draw(st.integers(0, 1))
    return Network(
        sorted(draw(st.lists(SMALL, min_size=k, max_size=k))),
        block(k, k),
        block(k, d),
        block(q, k),
        block(1, q)[0],
        e=e,
        power=draw(st.integers(0, 10)),
        clip=draw(st.integers(0, 1)),
        crop=crop,
        pool=pool,
        d=steps,
        a=draw(st.integers(-2, 2)) if npz else None,
        again=draw(st.integers(0, 1)),
        biased=draw(st.integers(0, 1)),
        tables={"w_input": table, "w_output": table} if table else {},
        D=0 if table else draw(st.integers(-3, 3)),
        apart=apart,
    )


def decoded(network, task="digits", shape=(8, 8), x0=16):
    bits = network.bits()
    return checker.decode({"bits": len(bits), "task": task, "language": 1}, packed(bits), shape, x0)


def verdict(capsys, folder, *words):
    """Exit code and the one line that is printed."""
    code = checker.main([str(folder), *words], [str(FILE.parent)])
    captured = capsys.readouterr()
    assert captured.err == ""
    assert captured.out.count("\n") == 1
    word = captured.out.split(":")[0]
    assert word == {0: "VALID", 1: "INVALID", 2: "CANNOT CHECK"}[code]
    return code, captured.out


@given(networks())
def test_the_network_is_the_one_that_was_written(network):
    net = decoded(network)
    s = net["s"]
    assert (
        net["w_hidden"] == np.array(network.w_hidden) * 2.0 ** (network.e["w_hidden"] + s)
    ).all()
    assert (net["w_input"] == np.array(network.w_input) * 2.0 ** (network.e["w_input"] + s)).all()
    assert (
        net["b_hidden"] == np.array(network.b_hidden) * 2.0 ** (network.e["b_hidden"] + s)
    ).all()
    assert (net["w_output"] == np.array(network.w_output)).all()
    assert (net["b_output"] == np.array(network.b_output) * 2.0 ** network.e["b_output"]).all()


@given(networks(), st.integers(0, 2**32))
def test_the_count_is_that_of_pythons_integers(network, seed):
    rng = np.random.default_rng(seed)
    x, y = rng.integers(0, 17, (5, 8, 8)), rng.integers(0, 10, 5)
    expected = sum(network.predicted(image) != label for image, label in zip(x, y))
    assert checker.count_errors(decoded(network), x, y) == expected


@given(networks(), st.lists(st.integers(0, 1), max_size=70))
def test_what_follows_a_code_never_matters(network, rest):
    bits = network.bits()
    net = checker.decode(
        {"bits": len(bits), "task": "digits", "language": 1}, packed(bits), (8, 8), 16
    )
    # Any continuation, read as a longer string whose own end is then open or not.
    longer = bits + rest + [0] * 64
    again = checker.decode(
        {"bits": len(longer), "task": "digits", "language": 1}, packed(longer), (8, 8), 16
    )
    for name in ("w_hidden", "w_input", "b_hidden", "w_output", "b_output"):
        assert (net[name] == again[name]).all()


@given(networks(), st.data())
def test_no_code_is_the_beginning_of_another(network, data):
    bits = network.bits()
    shorter = bits[: data.draw(st.integers(1, len(bits) - 3))]
    with pytest.raises(checker.Stop, match=r"prefix-free|ends before"):
        checker.decode(
            {"bits": len(shorter), "task": "digits", "language": 1}, packed(shorter), (8, 8), 16
        )


@settings(max_examples=12)
@given(st.lists(st.integers(0, 1), min_size=1, max_size=9))
def test_the_strings_that_are_accepted_satisfy_kraft(decisions):
    # All strings of up to nine bits that end a walk of so many fair and modelled decisions.
    def walk(bits):
        coder, model = checker.Decoder(packed(bits), len(bits)), [1, 1]
        return tuple(coder.decide(model if i % 2 else None) for i in range(len(decisions)))

    shortest = {}
    for length in range(1, 10):
        for value in range(2**length):
            try:
                found = walk([value >> i & 1 for i in reversed(range(length))])
            except checker.Stop:
                continue
            shortest.setdefault(found, length)
    assert sum(2.0**-length for length in shortest.values()) <= 1
    coder, model = Writer(), [1, 1]
    for i, bit in enumerate(decisions):
        coder.decide(bit, model if i % 2 else None)
    assert walk(coder.finish()) == tuple(decisions)


@given(st.integers(1, 400), st.data(), st.integers(1, 300), st.integers(1, 999))
def test_the_bound_is_that_of_the_binomial_rounded_up(n, data, bits, thousandths):
    errors = data.draw(st.integers(0, n - 1))
    flint.ctx.prec = 256
    level = (flint.arb(thousandths) / 1000).log() - bits * flint.arb(2).log()
    expected = upper_risk(errors, n, bits * math.log(2) - math.log(thousandths / 1000))
    up = min(math.ceil(expected * 10**6), 10**6)
    if up < 10**6:
        assert checker.tail_is_small(n, errors, up, level)
    if up > 1 and abs(expected * 10**6 - round(expected * 10**6)) > 1e-6:
        assert not checker.tail_is_small(n, errors, up - 1, level)


def test_the_bets_of_texts_are_those_of_the_bound():
    assert tuple(a / b for a, b in checker.THETAS) == GRID
    assert checker.GRAIN == 2**18


@pytest.mark.parametrize("rare", [2, 50, 10**6])
def test_counts_are_halved_where_the_document_says(rare):
    # Beyond 2^15 decisions of one model, the counts of which are halved on the way.
    w, model = Writer(), [1, 1]
    decisions = [int(i % rare == 0) for i in range(40_000)]
    for bit in decisions:
        w.decide(bit, model)
    bits, model = w.finish(), [1, 1]
    coder = checker.Decoder(packed(bits), len(bits))
    assert [coder.decide(model) for _ in decisions] == decisions
    assert sum(model) <= 2**16


# --- whole certificates ---------------------------------------------------------------------------


def tiny(bias=0):
    """Two nodes that see the rows' sums, and ten classes."""
    return Network(
        [-4, 3],
        [[3, -1], [0, 2]],
        [[1] * 8, [0, 0, 1, 2, 2, 1, 0, -1]],
        [[c - 4, 9 - 2 * c] for c in range(10)],
        [bias + c * (9 - c) for c in range(10)],
        e={"w_hidden": -2, "w_input": -1, "b_hidden": 0, "b_output": 2},
        power=7,
    )


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate of digits that is valid, and what is in it."""
    net, data = tiny(), digits()
    x, y = (data.x * 16).astype(np.int64), data.y
    errors = sum(net.predicted(image) != label for image, label in zip(x, y))
    bits = len(net.bits())
    bound = upper_risk(errors, len(y), bits * math.log(2) + math.log(20))
    folder = tmp_path_factory.mktemp("certificate") / "cert"
    shown = f"{math.ceil(bound * 10**6) / 10**6:.6f}"
    return write(folder, net, n=len(y), errors=errors, bound=shown, data_sha256=DIGITS)


def changed(certificate, tmp_path, **fields):
    """A copy with other fields; None takes one away."""
    folder = tmp_path / "changed"
    shutil.copytree(certificate, folder, dirs_exist_ok=True)
    said = json.loads((folder / "certificate.json").read_text())
    said.update(fields)
    said = {name: value for name, value in said.items() if value is not None}
    (folder / "certificate.json").write_text(json.dumps(said))
    return folder


def said_in(certificate):
    return json.loads((certificate / "certificate.json").read_text())


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


# --- hostile codes --------------------------------------------------------------------------------


def coded(*decisions):
    """The bits of a walk of (kind, value), as a Writer writes it."""
    w = Writer()
    for kind, value in decisions:
        getattr(w, kind)(value)
    return w.finish()


HEAD = [("decide", 0)] * 3
HOSTILE = {
    "far too many nodes": [*HEAD, ("natural", 2**31)],
    "more nodes than allowed": [*HEAD, ("natural", 2**10)],
    "states beyond 2^40": [*HEAD, ("natural", 0), ("decide", 0), ("natural", 41)],
    "a crop of everything": [("decide", 1), *[("natural", 4)] * 4, ("decide", 0), ("decide", 0)],
    "a pool that does not divide": [
        ("decide", 0), ("decide", 1), ("natural", 2), ("natural", 0), ("decide", 0)
    ],
    "an enormous pool": [
        ("decide", 0), ("decide", 1), ("natural", 2**32 - 2), ("natural", 0), ("decide", 0)
    ],
    "steps that do not divide": [("decide", 0), ("decide", 0), ("decide", 1), ("natural", 6)],
    "a number of 33 bits": [("decide", 1)] * 40,
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_code_is_refused_before_anything_is_made(certificate, capsys, tmp_path, name):
    bits = coded(*HOSTILE[name])
    folder = write(
        tmp_path / "hostile", tiny(), string=bits, n=1437, errors=0, bound="1.000000",
        data_sha256=DIGITS,
    )  # fmt: skip
    assert verdict(capsys, folder)[0] == 1


OVERFLOWS = {
    "w_hidden": {"w_hidden": [[2**31, 0], [0, 0]], "power": 23},
    "w_input": {"w_input": [[2**30] * 8, [0] * 8], "e": {"w_input": 30}},
    "b_hidden": {"b_hidden": [0, 2**30], "e": {"b_hidden": 30}},
    "s": {"e": {"w_hidden": -53}},
    # Below 2^53 for single pixels of 16, above for sums of four of them.
    "pooled inputs": {"w_input": [[2**31 - 1] * 4, [0] * 4], "e": {"w_input": 13}, "pool": (2, 2)},
    "w_output": {"w_output": [[2**30, 0]] * 10, "power": 24},
    "b_output": {"b_output": [2**30] * 10, "e": {"b_output": 64}},
    "an exponent": {"e": {"w_hidden": -65}},
    "a negative exponent of b_output": {"e": {"b_output": -1}},
    "a number": {"b_output": [2**31 + 1] + [0] * 9},
}


@pytest.mark.parametrize("name", OVERFLOWS)
def test_a_network_that_may_overflow_is_refused(name):
    network = tiny()
    for field, value in OVERFLOWS[name].items():
        setattr(network, field, {**network.e, **value} if field == "e" else value)
    with pytest.raises(checker.Stop, match=r"overflow|too large|wrong exponent|more than 31"):
        decoded(network)


def test_the_largest_networks_that_cannot_overflow_are_exact():
    network = Network(
        [-(2**20), 2**20],
        [[2**11 - 1, -(2**11)], [-(2**11), 2**11 - 1]],
        [[2**15] * 8, [-(2**15)] * 8],
        [[2**11, -(2**11)]] * 5 + [[-(2**11), 2**11]] * 5,
        list(range(10)),
        e={"w_hidden": 0, "w_input": 0, "b_hidden": 0, "b_output": 0},
        power=39,
        clip=1,
    )
    x = np.full((3, 8, 8), 16)
    x[1, :, :4] = 0
    y = np.array([network.predicted(image) for image in x])
    assert checker.count_errors(decoded(network), x, y) == 0


# --- other files ----------------------------------------------------------------------------------


def npz(folder, network, x, y, save=np.savez, errors=None, **fields):
    """A certificate for an .npz file that lies beside it."""
    path = folder / "sample.npz"
    folder.mkdir(parents=True, exist_ok=True)
    save(path, x=x, y=y)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    options = {"task": "npz", "data_sha256": {"sample.npz": digest}, "n": len(x)}
    return write(folder, network, errors=errors, bound="1.000000", **{**options, **fields})


@given(networks(image=(4, 6), npz=True), st.integers(0, 2**32), st.sampled_from("fdhibHQ"))
def test_a_file_of_numbers_is_counted_as_it_says(tmp_path_factory, network, seed, kind):
    rng = np.random.default_rng(seed)
    q = len(network.b_output)
    x = (rng.standard_normal((3, 4, 6)) * 100).clip(0).astype(kind)
    y = rng.integers(0, q, 3)
    scaled = np.floor(x.astype(np.float64) * 2.0**network.a + 0.5).clip(-(2**15), 2**15)
    expected = sum(network.predicted(s) != t for s, t in zip(scaled.astype(np.int64), y))
    folder = npz(tmp_path_factory.mktemp("npz"), network, x, y, errors=expected)
    assert checker.main([str(folder), "--data-dir", str(folder)]) == 0


def always_first():
    """A network for npz that answers 0 whatever it reads."""
    return Network([0], [[0]], [[0, 0]], [[0], [0]], [1, 0], a=0)


def hidden_in_gzip(plain, other):
    """A file that gzip unpacks to `plain` and that zipfile reads as `other`."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    body = packer.compress(plain) + packer.flush()
    body += struct.pack("<II", zlib.crc32(plain), len(plain))
    # The zip stands in gzip's extra field, and what follows in the comment of the zip.
    extra = other[:-2] + struct.pack("<H", len(body))
    return b"\x1f\x8b\x08\x04" + bytes(6) + struct.pack("<H", len(extra)) + extra + body


@pytest.mark.parametrize("trick", ["gzip", "beginning"])
def test_what_is_hashed_is_what_is_read(capsys, monkeypatch, tmp_path, trick):
    # The sample that was certified is one file; what lies there instead shares its checksum for
    # whoever unpacks it, or reads a beginning of it, and holds labels that are all right.
    x, y = np.arange(1200).reshape(200, 3, 2) % 7, np.arange(200) % 2
    folder = npz(tmp_path / "other", always_first(), x, y * 0, errors=0)
    assert verdict(capsys, folder, "--data-dir", str(folder))[0] == 0
    other = (folder / "sample.npz").read_bytes()
    if trick == "gzip":
        honest = npz(tmp_path / "honest", always_first(), x, y, errors=100) / "sample.npz"
        plain = honest.read_bytes()
        content, name = hidden_in_gzip(plain, other), "sample.npz.gz"
        assert gzip.decompress(content) == plain
    else:
        monkeypatch.setattr(checker, "range", lambda *_: range(1), raising=False)  # one piece
        plain = bytes(2**20)
        content, name = plain + other, "sample.npz"
    (folder / "sample.npz").unlink()
    (folder / name).write_bytes(content)
    digest = hashlib.sha256(plain).hexdigest()
    said = changed(folder, tmp_path, data_sha256={"sample.npz": digest})
    code, line = verdict(capsys, said, "--data-dir", str(said))
    assert code == (2 if trick == "gzip" else 1)
    assert "not found" in line or "sha256 is another" in line


def for_npz():
    network = tiny()
    network.a = 0
    return network


@pytest.mark.parametrize("damage", ["more behind", "a wrong checksum"])
def test_nothing_stands_behind_the_numbers(capsys, tmp_path, damage):
    # What a reader of the header never sees: it may be the rest of the sample.
    x, y, file = np.zeros((4, 3, 2)), np.zeros(4, int), io.BytesIO()
    folder = npz(tmp_path / "c", always_first(), x, y, errors=0)
    assert verdict(capsys, folder, "--data-dir", str(folder))[0] == 0
    path = folder / "sample.npz"
    np.save(file, x)
    with zipfile.ZipFile(path, "a" if damage == "a wrong checksum" else "w") as archive:
        if damage == "more behind":
            archive.writestr("x.npy", file.getvalue() + bytes(48))
            with archive.open("y.npy", "w") as out:
                np.save(out, y)
        else:
            archive.NameToInfo["x.npy"].CRC ^= 1
            archive._didModify = True
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    said = changed(folder, tmp_path, data_sha256={"sample.npz": digest})
    code, line = verdict(capsys, said, "--data-dir", str(folder))
    assert code == 1, line
    assert "nothing behind its numbers" in line or "Bad CRC" in line


HUGE = b"\x93NUMPY\x01\x00v\x00" + (
    b"{'descr': '<f8', 'fortran_order': False, 'shape': (16777216, 1000000, 1000), }"
).ljust(117) + b"\n"  # fmt: skip


@pytest.mark.parametrize(
    "content",
    [
        {"x.npy": HUGE, "y.npy": HUGE},
        {"x.npy": HUGE.replace(b"<f8", b"|O8"), "y.npy": HUGE},
        {"x.npy": HUGE.replace(b"f8", b"f9"), "y.npy": HUGE},
        {"x.npy": HUGE.replace(b"(1", b"(-"), "y.npy": HUGE},
        {"x.npy": HUGE.replace(b"}", b"("), "y.npy": HUGE},
        {"x.npy": b"", "y.npy": b""},
        {"x.npy": HUGE},
        {"x.npy": HUGE, "y.npy": HUGE, "z.npy": b""},
        {},
    ],
)
def test_absurd_headers_are_refused(capsys, tmp_path, content):
    with zipfile.ZipFile(tmp_path / "sample.npz", "w") as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    digest = hashlib.sha256((tmp_path / "sample.npz").read_bytes()).hexdigest()
    folder = write(
        tmp_path, for_npz(), task="npz", data_sha256={"sample.npz": digest}, n=3, errors=0,
        bound="1.000000",
    )  # fmt: skip
    assert verdict(capsys, folder, "--data-dir", str(folder))[0] in (1, 2)


def test_data_that_are_no_numbers_are_refused(capsys, tmp_path):
    x, y = np.ones((3, 2, 8)), np.zeros(3, int)
    y[0] = 10
    odd = {"nan": (x * np.nan, y * 0), "a label": (x, y), "a negative label": (x, -y)}
    odd["fewer labels"] = (x, y[:2] * 0)
    odd["objects"] = (x.astype(object), y * 0)
    odd["fortran"] = (np.asfortranarray(np.random.default_rng(0).random((3, 2, 8))), y * 0)
    odd["complex"] = (x.astype(complex), y * 0)
    odd["float labels"] = (x, y * 0.0)
    for name, (bad, labels) in odd.items():
        folder = npz(tmp_path / name.replace(" ", "-"), for_npz(), bad, labels, errors=0)
        assert verdict(capsys, folder, "--data-dir", str(folder))[0] == 1, name
    (tmp_path / "nan" / "sample.npz").write_bytes(b"PK\3\4 not a zip")
    digest = hashlib.sha256((tmp_path / "nan" / "sample.npz").read_bytes()).hexdigest()
    folder = changed(tmp_path / "nan", tmp_path, data_sha256={"sample.npz": digest})
    assert verdict(capsys, folder, "--data-dir", str(folder))[0] == 1


@pytest.mark.parametrize("labels", [[0, -1, 0], [0, 2, 0], [0, 0], [0, 0, 0, 0]])
def test_labels_are_refused_for_what_they_are_and_not_for_the_count(capsys, tmp_path, labels):
    # The count is said as it would come out, so that nothing but the labels is wrong.
    wrong = sum(label != 0 for label in labels)
    y = np.array(labels)
    folder = npz(tmp_path / "c", always_first(), np.zeros((3, 3, 2)), y, errors=wrong)
    code, line = verdict(capsys, folder, "--data-dir", str(folder))
    assert code == 1
    assert ("labels must be classes" if len(y) == 3 else "the same length") in line
