"""Records where a table does not fit, and progress on standard error."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.table import Table

from validation.output import terminal


def table(rows):
    made = Table(title="a title", title_justify="left", caption="a label")
    for head in ("bound", "total", "which hypothesis"):
        made.add_column(head)
    for row in rows:
        made.add_row(*row)
    return made


def shown(made, width):
    out = io.StringIO()
    terminal.show_table(Console(file=out, width=width), made)
    return out.getvalue()


ROWS = [("theorem.one", "0.25", ""), ("theorem.two", "17", "a sentence " * 8)]


def test_a_table_that_fits_is_a_table():
    text = shown(table(ROWS[:1]), 100)
    assert "┃ bound" in text


def test_one_that_does_not_is_records_without_what_is_empty():
    text = shown(table(ROWS), 60)
    assert "┃" not in text
    assert text.splitlines()[:4] == ["a title", "", "theorem.one", "  total             0.25"]
    assert "a label" in text


@given(
    rows=st.lists(st.tuples(*[st.text("abc_0.", min_size=1, max_size=60)] * 3), min_size=1),
    width=st.integers(20, 120),
)
def test_no_cell_is_ever_cut_or_broken(rows, width):
    text = shown(table(rows), width)
    lines = [line.strip("│ ") for line in text.splitlines()]
    for row in rows:
        for cell in row:
            assert any(cell in line for line in lines)


def test_elsewhere_than_on_a_terminal_a_line_is_said_after_two_seconds(monkeypatch, capsys):
    now = [0.0]
    monkeypatch.setattr(terminal.time, "monotonic", lambda: now[0])
    with terminal.working("compare") as say:
        say("at once")
        now[0] = 2.5
        say("later")
        say("and")
        now[0] = 5
        say("again")
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines() == ["compare: later", "compare: again"]


@pytest.mark.parametrize("width", [80, 60])
def test_on_a_terminal_there_is_one_line_that_goes(monkeypatch, width):
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=width)
    monkeypatch.setattr("rich.console.Console", lambda **options: console)
    with terminal.working("compare") as say:
        say("bounds for 32 nodes")
    with terminal.counting("report") as progress:
        progress("networks", 1, 3)
    text = out.getvalue()
    assert "compare: bounds for 32 nodes" in text
    assert "1/3" in text
    assert text.rstrip().endswith("\x1b[2K")  # the line is erased
