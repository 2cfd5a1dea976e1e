"""Formulas as MathML, which browsers draw by themselves: no script, no network."""

from __future__ import annotations

import re
from html import escape
from typing import Any

from latex2mathml.converter import convert


def mathml(latex: str, display: str) -> str:
    """A formula as MathML, with its LaTeX as what a screen reader may fall back on."""
    # latex2mathml takes what follows \bigl and its like as it stands.
    latex = re.sub(r"(\\[bB]igg?[lr]?)\\\|", r"\1‖", latex.strip())
    made = convert(latex, display=display)
    return made.replace("<math ", f'<math alttext="{escape(latex, quote=True)}" ', 1)


def _inline(self: Any, node: Any) -> None:
    from docutils import nodes

    self.body.append(mathml(node.astext(), "inline"))
    raise nodes.SkipNode


def _block(self: Any, node: Any) -> None:
    from docutils import nodes

    self.body.append('<div class="math" tabindex="0" role="region" aria-label="formula">')
    self.body.append(mathml(node.astext(), "block"))
    self.body.append("</div>\n")
    raise nodes.SkipNode


def setup(app: Any) -> dict[str, bool]:
    """Offer the renderer to Sphinx."""
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
