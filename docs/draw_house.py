"""Who imports whom: computed from the source, and drawn into docs/house.md.

    python docs/draw_house.py

A room is a package, or a folder or module directly inside `validation`. An arrow from A to B says
that a module of A imports one of B, at its top or inside a function; what is imported for type
checking alone does not count.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("pruning", "bounds", "validation", "rnnbounds")
PAGE = ROOT / "docs" / "house.md"
BEGIN, END = "<!-- drawn by docs/draw_house.py -->", "<!-- end of the drawing -->"

Graph = Mapping[str, frozenset[str]]


def modules() -> dict[str, Path]:
    """Every module of the packages by its dotted name."""
    found = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    found["rnnbounds_pytest"] = ROOT / "rnnbounds_pytest.py"
    return found


def import_graph() -> Graph:
    """For every module, those of ours that it imports."""
    known = modules()
    return {name: frozenset(_imported(name, path, known)) for name, path in known.items()}


def _imported(name: str, path: Path, known: Mapping[str, Path]) -> Iterator[str]:
    home = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    for node in _walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = home[: len(home) - node.level + 1] if node.level else []
            base += node.module.split(".") if node.module else []
            targets = [".".join([*base, alias.name]) for alias in node.names]
        else:
            continue
        for target in targets:
            while target and target not in known:  # a name inside a module
                target = target.rpartition(".")[0]
            if target and target != name:
                yield target


def _walk(node: ast.AST) -> Iterator[ast.AST]:
    """Every node but those under `if TYPE_CHECKING`."""
    yield node
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        yield from _walk(child)


def circles(graph: Graph) -> list[list[str]]:
    """Every set of modules that import each other in a circle (Tarjan's algorithm)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found = []

    def visit(name: str) -> None:
        index[name] = low[name] = len(index)
        stack.append(name)
        for other in sorted(graph.get(name, ())):
            if other not in index:
                visit(other)
                low[name] = min(low[name], low[other])
            elif other in stack:
                low[name] = min(low[name], index[other])
        if low[name] == index[name]:
            at = stack.index(name)
            circle = stack[at:]
            del stack[at:]
            if len(circle) > 1:
                found.append(sorted(circle))

    for name in sorted(graph):
        if name not in index:
            visit(name)
    return found


def room(module: str) -> str:
    """The room that a module stands in."""
    parts = module.split(".")
    return ".".join(parts[:2]) if parts[0] == "validation" else parts[0].removesuffix("_pytest")


def rooms(graph: Graph) -> dict[str, set[str]]:
    """For every room, the others that it imports from."""
    found: dict[str, set[str]] = defaultdict(set)
    for name, others in graph.items():
        found[room(name)] |= {room(other) for other in others} - {room(name)}
    return dict(found)


def reduced(graph: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """The arrows that do not follow from others: what is drawn of a graph without circles."""

    def reached(start: str) -> set[str]:
        seen: set[str] = set()
        todo = [start]
        while todo:
            for other in graph.get(todo.pop(), ()):
                if other not in seen:
                    seen.add(other)
                    todo.append(other)
        return seen

    return {
        name: {b for b in others if not any(b in reached(c) for c in others if c != b)}
        for name, others in graph.items()
    }


def drawing(graph: Graph) -> str:
    """The rooms and the arrows between them as a Mermaid diagram."""
    lines = ["```mermaid", "graph TD"]
    between = reduced(rooms(graph))
    for name in sorted(between):
        lines.append(f'  {_key(name)}["{name}"]')
    for name in sorted(between):
        lines += [f"  {_key(name)} --> {_key(other)}" for other in sorted(between[name])]
    return "\n".join([*lines, "```"])


def _key(name: str) -> str:
    return name.replace(".", "_")


def drawn(text: str, graph: Graph) -> str:
    """The page with the drawing of this graph."""
    pattern = re.escape(BEGIN) + ".*?" + re.escape(END)
    return re.sub(pattern, lambda _: f"{BEGIN}\n{drawing(graph)}\n{END}", text, flags=re.DOTALL)


if __name__ == "__main__":
    PAGE.write_text(drawn(PAGE.read_text("utf-8"), import_graph()), "utf-8")
