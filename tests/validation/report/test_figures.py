"""The figures: one Axes in, the same one out; what cannot be drawn is left out, never wrong."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.figure import Figure

from validation.output import figures as style
from validation.output.figures import Series, draw
from validation.report import figures

STEPS = [("measured", -1.0), ("step", 0.5), ("no change", 0.5), ("far", 400.0)]
FILLS = {
    "accuracy": lambda ax: figures.accuracy_over_nodes(
        ax, [Series("a", [1, 2, 3], [0.1, 0.5, 0.9], [0.0, 0.1, 0.1])], 0.95
    ),
    "bounds": lambda ax: style.bounds_over_nodes(
        ax, [Series("a", [1, 2, 3], [-1.0, None, 2.0]), Series("b", [1, 2, 3], [370.0, 371.0, 372])]
    ),
    "chain": lambda ax: figures.chain(ax, STEPS),
    "terms": lambda ax: figures.terms(
        ax, [("a", 3.0), ("b", None), ("c", -2.0)], 3.1, [("test", -1.0), ("none", None)]
    ),
    "spectrum": lambda ax: figures.spectrum(ax, [3.0, 1e-20, 0.0]),
    "nodes_needed": lambda ax: figures.nodes_needed(
        ax, [Series("N", [-1.0, 0.0, 1.0], [60.0, 5.0, 0.0])], 64
    ),
    "tradeoff": lambda ax: figures.tradeoff(
        ax, [Series("t", [-1.0, 0.0], [None, 5.0]), Series("empty", [0.0], [None])], (0.0, 5.0)
    ),
}


@pytest.mark.parametrize("name", FILLS)
def test_the_axes_that_went_in_come_out_labelled(name):
    ax = Figure().subplots()
    assert FILLS[name](ax) is ax
    assert ax.get_xlabel()
    assert ax.get_ylabel() or name in ("chain", "terms")  # those name every line instead
    assert ax.get_title() == ""


@pytest.mark.parametrize("name", FILLS)
def test_a_figure_is_valid_svg_without_nan_and_the_same_again(name):
    first, again = draw(FILLS[name]), draw(FILLS[name])
    ElementTree.fromstring(first.svg)
    assert "nan" not in re.sub(r"<(style|metadata)>.*?</\1>", "", first.svg, flags=re.DOTALL)
    assert first.svg == again.svg
    assert first.png == again.png
    assert first.png.startswith(b"\x89PNG")


def test_the_lines_are_the_numbers():
    ax = Figure().subplots()
    style.bounds_over_nodes(ax, [Series("a", [4, 8, 16], [1.5, None, -2.0])])
    [line] = ax.get_lines()
    np.testing.assert_array_equal(line.get_xydata(), [[4, 1.5], [16, -2.0]])


def test_a_chain_starts_each_step_where_the_one_before_ends():
    ax = Figure().subplots()
    figures.chain(ax, STEPS)
    bars = [(bar.get_x(), bar.get_x() + bar.get_width()) for bar in ax.patches]
    assert bars == [(-1.0, 0.5), (0.5, 0.5), (0.5, 400.0)]
    said = [text.get_text() for text in ax.texts]
    assert said == ["× 31.6", "× 1", "× $10^{400}$"]


def test_terms_are_sorted_and_the_total_is_on_top():
    ax = Figure().subplots()
    figures.terms(ax, [("small", -3.0), ("large", 2.0)], 2.1, [("test", -1.0)])
    assert [label.get_text() for label in ax.get_yticklabels()] == [
        "total",
        "large",
        "small",
        "test",
    ]


def test_ticks_are_the_numbers_that_the_logarithms_stand_for():
    ax = Figure().subplots()
    style.bounds_over_nodes(ax, [Series("a", [1, 2], [-1.2, 0.8])])
    for y, label in zip(ax.get_yticks(), ax.get_yticklabels()):
        assert float(label.get_text()) == pytest.approx(10**y, rel=1e-2)


def test_two_inlined_figures_share_no_id_and_take_their_colours_from_the_page():
    drawing = draw(FILLS["accuracy"])
    one, two = (style.inline(drawing.svg, prefix) for prefix in ("one", "two"))
    ids = [set(re.findall(r'\bid="([^"]+)"', svg)) for svg in (one, two)]
    assert ids[0]
    assert not ids[0] & ids[1]
    for svg, own in zip((one, two), ids):
        assert set(re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', svg)) <= {
            pair for name in own for pair in ((name, ""), ("", name))
        }
        assert style.BLUE not in svg
        assert "var(--blue)" in svg
        head = svg[: svg.index(">")]
        assert "viewBox" in head
        assert "width" not in head


def test_side_by_side_figures_have_an_axes_each():
    wide = draw(FILLS["accuracy"], FILLS["chain"])
    root = ElementTree.fromstring(wide.svg)
    assert float(root.get("viewBox").split()[2]) == pytest.approx(2 * 72 * style.SIZE[0])
