"""Tables of text, written as Markdown, as LaTeX, or for a terminal of some width."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass


@dataclass(frozen=True)
class Table:
    """A title, a header, and lines of text."""

    title: str
    header: tuple[str, ...]
    lines: list[tuple[str, ...]]


def formatted(sentences: list[str], tables: list[Table], form: str, width: int) -> str:
    """Return sentences and tables in one of the formats: md, latex, or text of some width."""
    if form == "text":
        return plain(sentences, tables, width)
    return (latex if form == "latex" else markdown)(sentences, tables)


def markdown(sentences: list[str], tables: list[Table]) -> str:
    """Return a paragraph, a list of the other sentences, and the tables."""
    parts = [sentences[0]]
    if sentences[1:]:
        parts.append("\n".join(f"- {sentence}" for sentence in sentences[1:]))
    for table in tables:
        rule = ["---"] + ["---:"] * (len(table.header) - 1)
        lines = [table.header, tuple(rule), *table.lines]
        body = "\n".join("| " + " | ".join(line) + " |" for line in lines)
        parts.append(f"**{table.title}**\n\n{body}")
    return "\n\n".join(parts) + "\n"


def plain(sentences: list[str], tables: list[Table], width: int) -> str:
    """Return the same for eyes: columns where they fit into `width`, else a record a line."""
    first, *others = sentences
    listed = [
        textwrap.fill(sentence, width, initial_indent="- ", subsequent_indent="  ")
        for sentence in others
    ]
    parts = [textwrap.fill(first, width), *(["\n".join(listed)] if listed else [])]
    for table in tables:
        body = _columns(table)
        if max(map(len, body)) > width:
            body = [line for cells in table.lines for line in _record(table.header, cells)]
        parts.append("\n".join([*textwrap.wrap(table.title, width), "", *body]).rstrip())
    return "\n\n".join(parts) + "\n"


def _columns(table: Table) -> list[str]:
    rows = [table.header, *table.lines]
    widths = [max(map(len, column)) for column in zip(*rows)]
    return [
        "  ".join(
            [row[0].ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(row[1:], widths[1:]))]
        ).rstrip()
        for row in rows
    ]


def _record(header: tuple[str, ...], cells: tuple[str, ...]) -> list[str]:
    """The first cell alone, and below it every other that says something, beside its head."""
    wide = max(map(len, header[1:]), default=0)
    named = zip(header[1:], cells[1:])
    return [cells[0], *(f"  {head:<{wide}}  {cell}" for head, cell in named if cell), ""]


def latex(sentences: list[str], tables: list[Table]) -> str:
    """Return the sentences as comments, and the tables as floats."""
    parts = ["\n".join(f"% {sentence}" for sentence in sentences)]
    for table in tables:
        columns = "l" + "r" * (len(table.header) - 1)
        head = " & ".join(map(_escaped, table.header)) + r" \\"
        body = "\n".join(" & ".join(map(_escaped, line)) + r" \\" for line in table.lines)
        parts.append(
            "\\begin{table}\n\\centering\n"
            f"\\caption{{{_escaped(table.title)}}}\n"
            f"\\begin{{tabular}}{{{columns}}}\n\\hline\n{head}\n\\hline\n{body}\n\\hline\n"
            "\\end{tabular}\n\\end{table}"
        )
    return "\n\n".join(parts) + "\n"


def _escaped(text: str) -> str:
    for mark in "%&_#":
        text = text.replace(mark, f"\\{mark}")
    return text.replace("±", r"$\pm$")
