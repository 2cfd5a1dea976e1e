"""`rnnbounds vocabulary`: what the body of a claim may use, and what can be drawn."""

from __future__ import annotations

import inspect

import typer

from ..instances import Draw


def vocabulary() -> None:
    """List the functions of xp and what draw offers, a line and an example each."""
    typer.echo(text(), nl=False)


def text() -> str:
    """The listing."""
    lines = ["xp: the functions a claim's body may use, besides + - * / ** @ and indexing by ints"]
    lines += [f"  {line}" for line in functions()]
    lines += ["", "draw: what an instance is made of"]
    lines += [f"  {line}" for line in offered()]
    return "\n".join(lines) + "\n"


def offered() -> list[str]:
    """A line and an example for each thing that `draw` offers."""
    lines = []
    for name, function in inspect.getmembers(Draw, inspect.isfunction):
        if not name.startswith("_"):
            lines.append(f"{name:14} {(function.__doc__ or '').strip()}")
    return lines


def functions() -> list[str]:
    """A line and an example for each name of xp."""
    from ..arithmetic import vocabulary as words

    lines = []
    for word in words():
        where = "" if len(word.arithmetics) == 3 else f" [{', '.join(word.arithmetics)}]"
        lines.append(f"{word.name:24} {word.example:52} {word.meaning}{where}".rstrip())
    return lines
