"""`rnnbounds vocabulary`: what a body may use, what can be drawn, and how claims differ."""

from __future__ import annotations

import dataclasses
import inspect

import typer

from validation.claims import KINDS
from validation.instances import Draw, Network, expectation, subsets

# The options of `claim` by name, as far as a name does not explain itself.
PARTS = {
    "kind": "what is claimed; see below",
    "hypotheses": "{LaTeX: function of (xp, drawn values, constants) -> (left, right)}, <= meant",
    "given": "a float64 predicate of drawn values, to skip instances; proves nothing",
    "failure": "of a probabilistic claim: a probability, or what names it: a draw, a constant",
    "ladder": "of an order claim: (first, last, rungs), geometric",
    "steps": "claims that make up the proof",
    "symbolic": "a function that proves it in SymPy and returns a sentence",
    "accuracy": "of the float64 sides, relative to the largest intermediate; 2^-26 by default",
    "box": "ranges of drawn values for `rnnbounds prove`: {name: (low, high)}",
    "invariance": "degrees by which drawn values scale together, as {'S': 1, 'lam': 1}",
    "proof": "the argument in a few lines",
    "code": "the function of pruning or bounds that computes it",
    "source": "paper or book, and section",
    "section": "of the theory",
    "label": "paper, classic, sharper or empty",
}


def vocabulary() -> None:
    """List what a claim is written with: xp, draw, networks, kinds, hypotheses."""
    typer.echo(text(), nl=False)


def text() -> str:
    """The listing."""
    parts = {
        "xp: the functions a claim's body may use, besides + - * / ** @ and indexing by ints": (
            functions()
        ),
        "draw: what an instance is made of": offered(),
        "a network, as draw.networks() gives it to a body": network(),
        "sums over subsets: from validation import subsets, expectation": enumerations(),
        "claim(id, statement, draw(...), ...): options": listed(PARTS),
        "kinds of claims": listed(KINDS),
        "constants of the body, after *": [
            "def body(xp, S, lam, *, c=1, d=Fraction(1, 10)): exact numbers; a float that was "
            "rounded is refused",
            "statement.with_constants(c=3), rnnbounds verify --set c=3, rnnbounds tighten",
        ],
    }
    blocks = [
        "\n".join([title, *(f"  {line}" for line in lines)]) for title, lines in parts.items()
    ]
    return "\n\n".join(blocks) + "\n"


def offered() -> list[str]:
    """A line and an example for each thing that `draw` offers."""
    lines = []
    for name, function in inspect.getmembers(Draw, inspect.isfunction):
        if not name.startswith("_"):
            lines.append(f"{name:20} {(function.__doc__ or '').strip()}")
    return lines


def functions() -> list[str]:
    """A line and an example for each name of xp."""
    from validation.arithmetic import vocabulary as words

    lines = []
    for word in words():
        where = "" if len(word.arithmetics) == 3 else f" [{', '.join(word.arithmetics)}]"
        lines.append(f"{word.name:24} {word.example:52} {word.meaning}{where}".rstrip())
    return lines


def network() -> list[str]:
    """The fields and methods of a network, from its class."""
    shapes = dict(_documented(Network))
    lines = [
        f"net.{f.name:32} {shapes.get(f.name, '')}".rstrip() for f in dataclasses.fields(Network)
    ]
    for name, function in inspect.getmembers(Network, inspect.isfunction):
        if not name.startswith("_"):
            arguments = ", ".join(list(inspect.signature(function).parameters)[1:])
            lines.append(f"net.{name + f'({arguments})':32} {_first_line(function)}")
    return lines


def enumerations() -> list[str]:
    """The functions for sums over subsets."""
    return [
        f"{name:40} {_first_line(function)}"
        for name, function in (
            ("subsets(m), subsets(m, k)", subsets),
            ("expectation((w(J), f(J)) for J in ...)", expectation),
        )
    ]


def listed(table: dict[str, str]) -> list[str]:
    """A line an entry."""
    return [f"{name:14} {meaning}" for name, meaning in table.items()]


def _first_line(function: object) -> str:
    return (inspect.getdoc(function) or "").split("\n")[0]


def _documented(cls: type) -> list[tuple[str, str]]:
    """The attributes of a class with what its docstring says of them."""
    lines = (inspect.getdoc(cls) or "").split("Attributes\n----------\n")[-1].split("\n")
    found: list[tuple[str, str]] = []
    for line in lines:
        if line and not line.startswith(" "):
            name, _, meaning = line.partition(" : ")
            found.append((name, meaning))
        elif found and line.strip():
            name, meaning = found.pop()
            found.append((name, f"{meaning} {line.strip()}".strip()))
    return found
