"""What a command shows of its work: tables that fit, records where they do not, and progress."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

QUIET = 2.0
"""Seconds that may pass without a word."""
Say = Callable[[str], None]
"""Called with what begins now."""


def show_table(console: Console, table: Table) -> None:
    """Print a table, or its rows as records where the terminal is too narrow for it.

    A record is a line with the row's first cell, and a line for every other cell that says
    something, after the head of its column. Nothing is cut off.
    """
    from rich.measure import Measurement

    wide = console.options.update(max_width=100_000)
    if Measurement.get(console, wide, table).maximum <= console.width:
        console.print(table)
        return
    for line in records(table):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def records(table: Table) -> list[str]:
    """Return the rows of a table as lines of text."""
    heads = [str(column.header) for column in table.columns]
    cells = [list(column.cells) for column in table.columns]
    width = max((len(head) for head in heads[1:]), default=0)
    lines = [str(table.title)] if table.title else []
    for row in zip(*cells):
        first, *rest = map(str, row)
        lines.append("")
        lines.append(f"{heads[0]} = {first}" if first[:1].isdigit() else first)
        lines += [f"  {head:<{width}}  {cell}" for head, cell in zip(heads[1:], rest) if cell]
    return [*lines, *([str(table.caption)] if table.caption else []), ""]


@contextmanager
def working(what: str) -> Iterator[Say]:
    """Yield a function that says what begins now, while a block does something slow.

    On a terminal one line with the time that has passed, which goes when the block ends; elsewhere
    a line whenever more than `QUIET` seconds have passed since the last. Both on standard error.
    """
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        last = time.monotonic()

        def line(text: str) -> None:
            nonlocal last
            if time.monotonic() - last > QUIET:
                last = time.monotonic()
                console.print(f"{what}: {text}", markup=False, highlight=False, soft_wrap=True)

        yield line
        return
    with _bar(console, count=False) as bar:
        task = bar.add_task(what, total=None)
        yield lambda text: bar.update(task, description=f"{what}: {text}")


@contextmanager
def counting(what: str) -> Iterator[Callable[[str, int, int], None]]:
    """Yield a function that is told what is done, how many pieces are and how many there are.

    Shown as `working` does it.
    """
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        with working(what) as say:
            yield lambda piece, done, total: say(f"{piece}, {done} of {total} done")
        return
    with _bar(console, count=True) as bar:
        task = bar.add_task(what, total=None)

        def update(piece: str, done: int, total: int) -> None:
            bar.update(task, description=piece, completed=done, total=total)

        yield update


def _bar(console: Console, count: bool) -> Any:
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
    )

    columns: list[ProgressColumn] = [SpinnerColumn(), TextColumn("{task.description}")]
    if count:
        columns += [BarColumn(), MofNCompleteColumn()]
    return Progress(*columns, TimeElapsedColumn(), console=console, transient=True)
