"""The renderer of formulas for Sphinx: that of the report."""

from __future__ import annotations

from typing import Any

from validation.output.mathml import mathml


def _inline(self: Any, node: Any) -> None:
    from docutils import nodes

    self.body.append(mathml(node.astext(), "inline", alt=True))
    raise nodes.SkipNode


def _block(self: Any, node: Any) -> None:
    from docutils import nodes

    self.body.append('<div class="math" tabindex="0" role="region" aria-label="formula">')
    self.body.append(mathml(node.astext(), "block", alt=True))
    self.body.append("</div>\n")
    raise nodes.SkipNode


def setup(app: Any) -> dict[str, bool]:
    """Offer the renderer to Sphinx."""
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
