"""The independent checker: what is hashed is what is read, and absurd files are refused."""

from __future__ import annotations

import gzip
import hashlib
import io
import struct
import zipfile
import zlib

import numpy as np
import pytest
from helpers.certificates import Network, write
from helpers.checker import changed, networks, tiny, verdict
from hypothesis import given
from hypothesis import strategies as st

from validation import check_certificate as checker


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
