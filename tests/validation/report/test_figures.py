"""The figures: on the Axes given or a new one; what cannot be drawn is left out, never wrong."""

from __future__ import annotations

import itertools
import re
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from bounds.terms import FIXED_RADII, VALID
from validation.output import figures as style
from validation.output.figures import Series, draw
from validation.report import figures
from validation.report.comparison import Sweep, sweep

SWEEP = Sweep(
    "n",
    [100, 1000, 10_000],
    {"occam.binomial": [0.0, -0.5, -1.0], "theorem.fixed_nodes": [12.0, 12.0, 12.0]},
    {"occam.binomial": VALID, "theorem.fixed_nodes": FIXED_RADII},
)
STEPS = [("measured", -1.0), ("step", 0.5), ("no change", 0.5), ("far", 400.0)]
FILLS = {
    "accuracy": lambda ax=None: figures.accuracy_over_nodes(
        [Series("a", [1, 2, 3], [0.1, 0.5, 0.9], [0.0, 0.1, 0.1])], 0.95, marked=2, ax=ax
    ),
    "bounds": lambda ax=None: style.bounds_over_nodes(
        [Series("a", [1, 2, 3], [-1.0, None, 2.0]), Series("b", [1, 2, 3], [370.0, 371.0, 372])],
        2,
        ax=ax,
    ),
    "chain": lambda ax=None: figures.chain(STEPS, ("other way", 0.2), ax=ax),
    "terms": lambda ax=None: figures.terms(
        [("a", 3.0), ("b", None), ("c", -2.0)],
        [("total", 3.1)],
        [("test", -1.0), ("none", None)],
        ax=ax,
    ),
    "spectrum": lambda ax=None: figures.spectrum([3.0, 1e-20, 0.0], 1, ax=ax),
    "nodes_needed": lambda ax=None: figures.nodes_needed(
        [(Series("N", [-1.0, 0.0, 1.0], [60.0, 5.0, 0.0]), style.BLUE, "-")], 64, ax=ax
    ),
    "tradeoff": lambda ax=None: figures.tradeoff(
        [Series("t", [-1.0, 0.0], [None, 5.0]), Series("empty", [0.0], [None])], (0.0, 5.0), ax=ax
    ),
    "losses": lambda ax=None: figures.losses_over_steps(
        [Series("a", [1, 2], [0.5, None])], "lost", ax=ax
    ),
    "sweep": lambda ax=None: sweep(SWEEP, 0.1, ax=ax),
}


@pytest.mark.parametrize("name", FILLS)
def test_the_axes_that_went_in_come_out_labelled(name):
    ax = Figure().subplots()
    assert FILLS[name](ax) is ax
    assert ax.get_xlabel()
    assert ax.get_ylabel() or name in ("chain", "terms")  # those name every line instead
    assert ax.get_title() == ""
    new = FILLS[name]()
    assert new.get_xlabel() == ax.get_xlabel()
    assert new.spines["top"].get_visible() is False  # in the style of the sheet


@pytest.mark.parametrize("name", FILLS)
def test_a_figure_is_valid_svg_without_nan_and_the_same_again(name):
    first, again = draw(FILLS[name]), draw(FILLS[name])
    ElementTree.fromstring(first.svg)
    assert "nan" not in re.sub(r"<(style|metadata)>.*?</\1>", "", first.svg, flags=re.DOTALL)
    assert first.svg == again.svg
    assert first.png == again.png
    assert first.png.startswith(b"\x89PNG")
    assert first.pdf == again.pdf
    assert first.pdf.startswith(b"%PDF")


def test_the_lines_are_the_numbers():
    ax = Figure().subplots()
    style.bounds_over_nodes([Series("a", [4, 8, 16], [1.5, None, -2.0])], ax=ax)
    [line] = ax.get_lines()
    np.testing.assert_array_equal(line.get_xydata(), [[4, 1.5], [16, -2.0]])


def test_a_chain_starts_each_step_where_the_one_before_ends():
    ax = Figure().subplots()
    figures.chain(STEPS, ax=ax)
    bars = [(bar.get_x(), bar.get_x() + bar.get_width()) for bar in ax.patches]
    assert bars == [(-1.0, 0.5), (0.5, 0.5), (0.5, 400.0)]
    said = [text.get_text() for text in ax.texts]
    assert said == ["0.1", "3.16   × 31.6", "3.16   × 1", "$10^{400.0}$   × $10^{400}$"]


def test_terms_are_sorted_and_the_total_is_on_top():
    ax = Figure().subplots()
    figures.terms([("small", -3.0), ("large", 2.0)], [("total", 2.1)], [("test", -1.0)], ax=ax)
    assert [label.get_text() for label in ax.get_yticklabels()] == [
        "total",
        "large",
        "small",
        "test",
    ]


def test_ticks_are_the_numbers_that_the_logarithms_stand_for():
    ax = Figure().subplots()
    style.bounds_over_nodes([Series("a", [1, 2], [-1.2, 0.8])], ax=ax)
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


def test_the_step_that_costs_most_has_a_colour_of_its_own():
    ax = figures.chain([("a", 0.0), ("b", 0.2), ("c", 1.9), ("d", 2.0)])
    colours = [bar.get_facecolor() for bar in ax.patches]
    assert colours[0] == colours[2] != colours[1]


def test_lines_that_coincide_are_one_with_both_names():
    curves = [
        Series("a", [1, 2], [0.0, None]),
        Series("b", [1, 2], [0.001, None]),
        Series("c", [1, 2], [0.001, 3.0]),
    ]
    assert [curve.name for curve in style.merged(curves)] == ["a =\nb", "c"]


@given(
    wanted=st.lists(st.floats(0, 100), min_size=1, max_size=12).map(sorted),
    gap=st.floats(0.5, 20),
)
def test_names_at_the_ends_of_lines_stay_apart_in_order_and_inside(wanted, gap):
    places = style.apart(wanted, gap, 100)
    least = min(gap, 100 / max(len(wanted) - 1, 1))
    assert all(b - a >= least - 1e-6 for a, b in itertools.pairwise(places))
    assert places[0] >= -1e-6
    assert places[-1] <= 100 + 1e-6
    if all(b - a >= gap for a, b in itertools.pairwise(wanted)):
        assert places == pytest.approx(wanted)


def test_every_line_of_a_sweep_is_named_once_and_one_beyond_the_axes_says_so():
    ax = sweep(SWEEP, 0.1)
    said = [text.get_text() for text in ax.texts]
    assert sorted(said) == sorted(
        ["length of a code", "fixed nodes, published, off the scale", "trivial, 1", "test error"]
    )
    assert {text.get_text() for text in sweep(SWEEP, None, valid=True).texts} == {
        "length of a code",
        "trivial, 1",
    }


def test_the_tail_sum_is_what_comes_after():
    ax = figures.spectrum([4.0, 2.0, 1.0], 1)
    tail = 10 ** np.asarray(ax.get_lines()[1].get_ydata())
    np.testing.assert_allclose(tail, [3.0, 1.0])


def test_no_figure_leaves_the_style_behind():
    before = dict(matplotlib.rcParams)
    draw(FILLS["chain"])
    FILLS["chain"]()
    assert dict(matplotlib.rcParams) == before


@pytest.mark.parametrize("nodes", [[21], [21, 22], [3, 4, 5]])
def test_no_tick_stands_between_two_sizes(nodes):
    for name in ("accuracy", "bounds"):
        ax = Figure().subplots()
        curve = Series("a", nodes, [0.5] * len(nodes))
        if name == "bounds":
            style.bounds_over_nodes([curve], ax=ax)
        else:
            figures.accuracy_over_nodes([curve], 0.9, ax=ax)
        assert all(tick == round(tick) for tick in ax.get_xticks()), name
