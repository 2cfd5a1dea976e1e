"""The store of finished rows: nothing lost, nothing halved, readable on a full disk."""

import sqlite3
import subprocess
import sys
import threading

import pytest

from validation.experiments import store as store_module
from validation.experiments.store import Store

WRITER = """
import sys
from validation.experiments.store import Store
with Store(sys.argv[1]) as store:
    for i in range(100000):
        store.add(f"{i:06}", {"i": i}, {"square": i * i, "padding": "x" * 3000}, 0.0)
        print(i, flush=True)
"""


def test_a_row_comes_back_as_it_was(tmp_path):
    with Store(tmp_path / "new" / "rows.sqlite") as store:
        store.add("b", {"k": 2, "theta": None}, {"score": 0.1 + 0.2}, 1.5)
        store.add("a", {"k": 3, "theta": 0.5}, {"score": None}, 2.0)
    with Store(tmp_path / "new" / "rows.sqlite", read_only=True) as store:
        assert store.keys() == {"a", "b"}
        assert store.seconds() == 3.5
        assert store.rows(["a", "c", "b"]) == [
            {"k": 3, "theta": 0.5, "score": None},
            {"k": 2, "theta": None, "score": 0.1 + 0.2},
        ]


def test_a_row_that_is_there_is_left_as_it_is(tmp_path):
    with Store(tmp_path / "rows.sqlite") as store:
        store.add("a", {"k": 3}, {"score": 1.0}, 2.0)
        store.add("a", {"k": 3}, {"score": 2.0}, 2.0)
        assert store.rows(["a"]) == [{"k": 3, "score": 1.0}]


def test_a_score_that_json_does_not_know_is_refused(tmp_path):
    with Store(tmp_path / "rows.sqlite") as store, pytest.raises(ValueError, match="JSON"):
        store.add("a", {}, {"score": float("nan")}, 2.0)


def test_a_fact_takes_the_place_of_the_older(tmp_path):
    with Store(tmp_path / "rows.sqlite") as store:
        store.put_fact("grid", "older")
        store.put_fact("grid", {"keys": ["a", None, 0.1]})
        assert store.fact("grid") == {"keys": ["a", None, 0.1]}
        assert store.fact("other") is None


def test_a_writer_that_is_killed_leaves_every_row_that_it_announced(tmp_path):
    path = tmp_path / "rows.sqlite"
    for _ in range(4):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, path], stdout=subprocess.PIPE, text=True
        )
        announced = [int(writer.stdout.readline()) for _ in range(15)]
        writer.kill()
        announced += [int(line) for line in writer.communicate()[0].splitlines()]
        with Store(path) as store:
            keys = sorted(store.keys())
            rows = store.rows(keys)
            assert store._db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert {f"{i:06}" for i in announced} <= set(keys)
        assert [row["square"] for row in rows] == [row["i"] ** 2 for row in rows]
        assert all(len(row["padding"]) == 3000 for row in rows)


def fill(store):
    for i in range(1000):
        store.add(str(i), {"i": i}, {"padding": "x" * 3000}, 0.0)


def test_a_full_disk_keeps_the_rows_that_are_there(tmp_path):
    path = tmp_path / "rows.sqlite"
    with Store(path) as store:
        # SQLite says of a file at its greatest size what it says of a full disk: SQLITE_FULL.
        store._db.execute("PRAGMA max_page_count = 20")
        with pytest.raises(ValueError, match=r"rows\.sqlite cannot take another row: .* is full"):
            fill(store)
        added = len(store.keys())
        assert added >= 3
        assert store.keys() == {str(i) for i in range(added)}
    with Store(path, read_only=True) as store:
        assert [row["i"] for row in store.rows(map(str, range(added)))] == list(range(added))
    with Store(path) as store:  # there is room again
        store.add("one more", {}, {}, 0.0)
        assert len(store.keys()) == added + 1


def test_other_files_are_not_taken_for_a_store(tmp_path):
    text = tmp_path / "text.sqlite"
    text.write_text("not a database, but long enough to have a header of its own" * 20)
    with pytest.raises(ValueError, match=r"text\.sqlite cannot be opened as a store of rows"):
        Store(text)
    other = tmp_path / "other.sqlite"
    with sqlite3.connect(other) as db:
        db.execute("CREATE TABLE rows (wrong TEXT)")
    db.close()
    with pytest.raises(ValueError, match=r"other\.sqlite cannot be opened as a store of rows"):
        Store(other)
    with pytest.raises(ValueError, match=r"there is no file .*: run the experiment first"):
        Store(tmp_path / "nothing.sqlite", read_only=True)
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="cannot be written"):
        Store(tmp_path / "file" / "rows.sqlite")


def test_a_store_is_made_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "rows.sqlite"
    whole = store_module._SCHEMA
    monkeypatch.setattr(store_module, "_SCHEMA", whole.replace("facts (name", "facts (,"))
    with pytest.raises(ValueError, match="cannot be opened as a store of rows"):
        Store(path)
    with pytest.raises(ValueError, match="it holds nothing yet, run the experiment first"):
        Store(path, read_only=True)
    monkeypatch.setattr(store_module, "_SCHEMA", whole)
    with Store(path) as store:
        assert store.keys() == set()


def test_a_reader_never_meets_half_a_store(tmp_path):
    for i in range(30):
        path = tmp_path / f"{i}.sqlite"
        maker = threading.Thread(target=lambda path=path: Store(path).__exit__())
        maker.start()
        while True:
            try:
                with Store(path, read_only=True) as store:
                    assert store.fact("grid") is None
                    break
            except ValueError as error:
                if "run the experiment first" not in str(error):
                    raise
        maker.join()
