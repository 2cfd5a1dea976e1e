"""The reference: a page a public name, of what its docstring says."""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path
from typing import Any

PACKAGES = {
    "pruning": "Networks, the second moments of their states, and how they are pruned.",
    "bounds": "What is claimed: degrees of freedom, approximation, covers, generalization.",
    "validation": "Claims, verdicts, and data.",
}


def public() -> dict[str, list[str]]:
    """The public names of each package; a name that two offer stands with the first."""
    seen: set[str] = set()
    found: dict[str, list[str]] = {}
    for package in PACKAGES:
        names = [n for n in importlib.import_module(package).__all__ if n not in seen]
        seen |= set(names)
        found[package] = names
    return found


def linked(name: str, to: str) -> str:
    """The name of a function as a link to its page, where it has one."""
    last = name.rsplit(".", 1)[-1]
    for package, names in public().items():
        if last in names:
            return f"[`{name}`]({to}{package}.{last}.rst)"
    return f"`{name}`"


def write(folder: Path) -> None:
    """Write the pages."""
    folder.mkdir(parents=True)
    lines = [
        "# API reference",
        "",
        "What `from rnnbounds import ...` offers, by the package that it comes from.",
        "",
    ]
    for package, names in public().items():
        lines += [f"## {package}", "", PACKAGES[package], "", "| | |", "|---|---|"]
        module = importlib.import_module(package)
        for name in names:
            thing = getattr(module, name)
            lines.append(f"| [`{name}`]({package}.{name}.rst) | {_first(thing)} |")
            (folder / f"{package}.{name}.rst").write_text(_page(package, name, thing), "utf-8")
        lines.append("")
    pages = [f"{package}.{name}" for package, names in public().items() for name in names]
    lines += ["```{toctree}", ":hidden:", "", *pages, "```", ""]
    (folder / "index.md").write_text("\n".join(lines), "utf-8")


def _first(thing: Any) -> str:
    """The first sentence of a docstring, for the cell of a table."""
    if isinstance(thing, str | int | float | tuple):
        return f"`{thing!r}`"
    text = (inspect.getdoc(thing) or "").split("\n\n")[0]
    return " ".join(text.replace("``", "`").split()).replace("|", r"\|").replace("*", r"\*")


def _page(package: str, name: str, thing: Any) -> str:
    title = f"{package}.{name}"
    head = [title, "=" * len(title), "", f".. currentmodule:: {package}", ""]
    if inspect.ismodule(thing):
        body = [f".. automodule:: {thing.__name__}", ""]
        for one in getattr(thing, "__all__", ()):
            if callable(getattr(thing, one)):
                what = "class" if inspect.isclass(getattr(thing, one)) else "function"
                body += [f".. auto{what}:: {thing.__name__}.{one}", ""]
        return "\n".join([*head, *body])
    if inspect.isclass(thing):
        return "\n".join([*head, f".. autoclass:: {name}", "   :members:", ""])
    if callable(thing):
        return "\n".join([*head, f".. autofunction:: {name}", ""])
    return "\n".join([*head, f".. py:data:: {name}", f"   :value: {thing!r}", ""])
