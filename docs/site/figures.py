"""The gallery: figures, each with the code that draws it."""

from __future__ import annotations

import ast
import os
import runpy
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "gallery"


def scripts() -> list[Path]:
    """The programs of the gallery."""
    return sorted(FOLDER.glob("*.py"))


def write(folder: Path, root: Path) -> None:
    """Run every program of the gallery, and write its page."""
    import matplotlib

    matplotlib.use("svg")
    folder.mkdir(parents=True)
    lines = ["# Gallery", "", "Each figure is drawn while the site is built, by the code below it.",
             ""]  # fmt: skip
    names = []
    before = Path.cwd()
    for path in scripts():
        os.chdir(root)
        try:
            figure = runpy.run_path(str(path))["figure"]
        finally:
            os.chdir(before)
        figure.savefig(folder / f"{path.stem}.svg", metadata={"Date": None})
        code = path.read_text("utf-8")
        tree = ast.parse(code)
        doc = ast.get_docstring(tree) or ""
        title, _, caption = doc.partition("\n\n")
        body = "\n".join(code.splitlines()[tree.body[0].end_lineno :]).strip()
        alt = " ".join(caption.split()) or title
        text = [f"# {title.rstrip('.')}", "", f"![{alt}]({path.stem}.svg)", "", caption, "",
                "```python", body, "```", ""]  # fmt: skip
        (folder / f"{path.stem}.md").write_text("\n".join(text), "utf-8")
        lines += [f"## [{title.rstrip('.')}]({path.stem}.md)", "",
                  f"[![{alt}]({path.stem}.svg)]({path.stem}.md)", ""]  # fmt: skip
        names.append(path.stem)
    lines += ["```{toctree}", ":hidden:", "", *names, "```", ""]
    (folder / "index.md").write_text("\n".join(lines), "utf-8")
