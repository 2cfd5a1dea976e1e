"""How Sphinx builds the site; `docs/site/build.py` stages the pages and calls it."""

from __future__ import annotations

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

project = "rnnbounds"
author = "the authors of rnnbounds"
copyright = "the authors of rnnbounds, MIT licence"
html_title = "rnnbounds"

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.viewcode",
    "numpydoc",
    "sphinx_copybutton",
    "mathml",
]
html_math_renderer = "mathml"
html_theme = "furo"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
templates_path = []
exclude_patterns = ["_build"]
# A theme's own choice of colours fails the contrast that WCAG asks for; these two do not.
pygments_style = "xcode"
pygments_dark_style = "github-dark"

# Notebooks carry their outputs; the tests run them.
nb_execution_mode = "off"
nb_render_markdown_format = "myst"  # tables and formulas, as in the pages
myst_enable_extensions = ["dollarmath", "colon_fence", "deflist"]
myst_heading_anchors = 3
myst_dmath_allow_labels = False

default_role = "py:obj"
autodoc_member_order = "bysource"
autodoc_typehints = "none"
numpydoc_show_class_members = False
numpydoc_xref_param_type = False
viewcode_line_numbers = True
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
suppress_warnings = ["autodoc.import_object", "config.cache"]

_LITERAL = re.compile(r"(``.*?``|`[^`\n]*`_?)", re.DOTALL)


def _plain(app, what, name, obj, options, lines):
    """Formulas stand in docstrings as plain text: keep reStructuredText's hands off them."""
    kept, verbatim = [], False
    for line in lines:
        indented = line.startswith("    ") or not line.strip()
        verbatim = verbatim and indented
        if verbatim or line.lstrip().startswith((">>>", "...", ":", ".. ")):
            kept.append(line)
        else:
            parts = _LITERAL.split(line)
            parts[::2] = [re.sub(r"([|*]|(?<=\w)_(?!\w))", r"\\\1", part) for part in parts[::2]]
            kept.append("".join(parts))
            verbatim = line.rstrip().endswith("::")
    lines[:] = kept


def setup(app):
    # After numpydoc, whose sections are recognised by their bare underlines (at 500).
    app.connect("autodoc-process-docstring", _plain, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
