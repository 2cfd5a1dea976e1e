"""`rnnbounds frontier`: on what each statement of the catalogue rests, step by step."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from validation.claims import Claim, ClaimError
from validation.loading import gather
from validation.output.schema import SCHEMA
from validation.proving.frontier import Row, rows


def frontier(
    claims: Annotated[
        list[str] | None,
        typer.Argument(help="Ids, beginnings of ids, FILE.py or FILE.py::id; default: all."),
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the table to this file.")
    ] = None,
) -> None:
    """Show which steps are symbolic, proved on a box, machine-checked, certified, or cited."""
    if json_file is not None and not json_file.absolute().parent.is_dir():
        raise ClaimError(f"--json: {json_file.parent} is not a folder")
    chosen = gather(claims or [])
    table = [row for claim in chosen for row in rows(claim)]
    show(table)
    if json_file is not None:
        data = [{"schema": SCHEMA, **row._asdict()} for row in table]
        json_file.write_text(json.dumps(data, indent=1) + "\n")


def show(table: list[Row]) -> None:
    """Print the table and its counts."""
    from rich.console import Console
    from rich.table import Table

    console = Console()
    if not console.is_terminal:
        console = Console(width=200)
    shown: Any = Table("statement", "evidence", "what it covers", box=None, pad_edge=False)
    for row in table:
        shown.add_row("  " * row.depth + row.id, row.evidence, row.covers)
    console.print(shown, markup=False, highlight=False)
    counts: dict[str, int] = {}
    seen: set[str] = set()
    for row in table:
        if row.id not in seen:
            seen.add(row.id)
            counts[row.evidence] = counts.get(row.evidence, 0) + 1
    parts = ", ".join(f"{count} {word}" for word, count in counts.items())
    console.print(f"{len(seen)} statements and steps: {parts}", markup=False, highlight=False)


def lines(claim: Claim) -> list[str]:
    """The steps of a claim with what they rest on, for `rnnbounds explain`."""
    return [f"{'  ' * row.depth}{row.id}: {row.evidence}   {row.covers}" for row in rows(claim)[1:]]
