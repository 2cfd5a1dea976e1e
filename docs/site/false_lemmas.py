"""The gallery of false lemmas: each with the smallest counterexample on file."""

from __future__ import annotations

import importlib.util
import sys
import textwrap
from pathlib import Path
from types import ModuleType

import worst

from validation import Claim, Instance
from validation.catalogue.sections import SECTIONS
from validation.checking.describing import facts

HEAD = """# False lemmas

How is a tester of theorems tested? By theorems that are false. Each statement below is wrong on
purpose: some are errors that this project made, some are slips that a proof invites, in some a
constant is a little too small. The search has to refute every one of them from scratch, and no rung
may certify one; a test fails otherwise. Beside each stands the smallest counterexample on file,
whose two sides are enclosed in balls or in exact rationals.

"""
WORDS = {
    "ties": "Equality wherever one looks at random",
    "ties_of_matrices": "The same for matrices",
    "planted": "Planted",
    "misread": "Misread",
    "arithmetic": "Arithmetic",
    "gates": "Gates",
    "approximation_bounded": "Errors of bounded and dissipative networks",
}


def write(folder: Path, root: Path) -> None:
    """Write a page a file of lemmas, and their index."""
    folder.mkdir(parents=True)
    finder = _finder(root)
    known = finder.committed()
    by_hand = finder.by_hand()
    names, count, titles = [], 0, set[str]()
    rows = ["| page | false lemmas |", "|---|---|"]
    for path in finder.files():
        lemmas = finder.load_file(path)
        count += len(lemmas)
        title = _title(path.stem, lemmas)
        if title in titles:
            raise SystemExit(f"{path.name}: another page is called {title!r}; WORDS names this one")
        titles.add(title)
        text = [f"# {title}", ""]
        for lemma in lemmas:
            text += entry(lemma, known.get(lemma.id) or by_hand.get(lemma.id))
        (folder / f"{path.stem}.md").write_text("\n".join(text), "utf-8")
        names.append(path.stem)
        rows.append(f"| [{title}]({path.stem}.md) | {len(lemmas)} |")
    index = [HEAD + f"{count} statements. [How long each took to refute]"
             "(../results/false-lemmas.md), measured.", "", *rows, "",
             "```{toctree}", ":hidden:", "", *names, "```", ""]  # fmt: skip
    (folder / "index.md").write_text("\n".join(index), "utf-8")


def _finder(root: Path) -> ModuleType:
    """The script that searches for the counterexamples: it knows where they are."""
    path = root / "tests" / "false_lemmas" / "find_counterexamples.py"
    sys.path.insert(0, str(root / "tests"))
    spec = importlib.util.spec_from_file_location("find_counterexamples", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def _title(stem: str, lemmas: list[Claim]) -> str:
    sections = {lemma.section for lemma in lemmas}
    one = sections.pop() if len(sections) == 1 else ""
    return WORDS.get(stem) or SECTIONS.get(one) or stem.replace("_", " ").capitalize()


def entry(lemma: Claim, instance: Instance | None) -> list[str]:
    """One lemma: what it says, why it is wrong, and where."""
    lines = [f"## {lemma.id}", "", "$$", " ".join(lemma.statement.split()), "$$", ""]
    lines += [" ".join(textwrap.dedent(lemma.proof).split()), ""]
    if lemma.hypotheses:
        lines += ["Under " + ", ".join(f"${name}$" for name in lemma.hypotheses) + ".", ""]
    if lemma.changed():
        parts = [
            f"`{name} = {value}` in place of {lemma.published[name]}"
            for name, value in lemma.changed().items()
        ]
        lines += ["Changed: " + ", ".join(parts) + ".", ""]
    if instance is not None:
        lines += ["```text", *facts(lemma, instance), "```", ""]
        drawn = worst.sides_alone(lemma, instance, lemma.id.replace(".", "-"))
        lines += [drawn, ""] if drawn else []
        if lemma.kind == "probabilistic":
            lines += ["It fails there more often than is permitted, by a statistical test.", ""]
    return lines
