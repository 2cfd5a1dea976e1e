"""A folder is written completely or not at all."""

from __future__ import annotations

import pytest

from validation.output.writing import replaced_folder

NAMES = ("index.html", "report.json")


@pytest.fixture
def older(tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "index.html").write_text("old")
    return folder


def write(folder, text="new"):
    with replaced_folder(folder, NAMES) as fresh:
        (fresh / "report.json").write_text(text)


def test_a_new_folder_appears_with_its_parents(tmp_path):
    write(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b" / "report.json").read_text() == "new"


def test_an_older_copy_is_replaced_whole(tmp_path, older):
    write(older)
    assert [path.name for path in older.iterdir()] == ["report.json"]
    assert list(tmp_path.iterdir()) == [older]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit, OSError])
def test_an_older_copy_outlives_whatever_goes_wrong(tmp_path, older, error):
    def half_of_it():
        with replaced_folder(older, NAMES) as fresh:
            (fresh / "index.html").write_text("half of it")
            raise error

    with pytest.raises(error):
        half_of_it()
    assert (older / "index.html").read_text() == "old"
    assert list(tmp_path.iterdir()) == [older]


def test_nothing_appears_where_there_was_nothing_and_it_goes_wrong(tmp_path):
    with pytest.raises(ValueError, match="wrong"), replaced_folder(tmp_path / "out", NAMES):
        raise ValueError("wrong")
    assert list(tmp_path.iterdir()) == []


def test_somebodys_folder_is_refused_before_the_block_runs(tmp_path):
    (tmp_path / "thesis.tex").write_text("")
    with (
        pytest.raises(ValueError, match="thesis"),
        replaced_folder(tmp_path, NAMES),
    ):
        pytest.fail("the block must not run")


def test_a_file_that_appears_meanwhile_is_not_lost(tmp_path, older):
    with pytest.raises(ValueError, match="notes"), replaced_folder(older, NAMES):
        (older / "notes").write_text("mine")
    assert (older / "notes").read_text() == "mine"
    assert (older / "index.html").read_text() == "old"


def test_a_link_to_a_folder_stays_a_link(tmp_path, older):
    link = tmp_path / "link"
    link.symlink_to(older)
    write(link)
    assert link.is_symlink()
    assert (older / "report.json").read_text() == "new"


def test_the_old_copy_comes_back_when_the_new_one_cannot_be_put_in_place(older, monkeypatch):
    from pathlib import Path

    rename, calls = Path.rename, []

    def failing(self, target):
        calls.append(target)
        if len(calls) == 2:
            raise OSError(28, "No space left on device")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(OSError, match="No space"):
        write(older)
    assert (older / "index.html").read_text() == "old"
