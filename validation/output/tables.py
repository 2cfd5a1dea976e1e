"""Tables of text, written as Markdown or LaTeX."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Table:
    """A title, a header, and lines of text."""

    title: str
    header: tuple[str, ...]
    lines: list[tuple[str, ...]]


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
