"""Figures: one style sheet, one Axes in and one out; SVG, PNG and PDF.

Every axis that holds a bound is log10 of it, so that a bound beyond the range of floats is drawn
like any other.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from importlib import resources
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np

from pruning.checks import choice

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK, PALE = "#1b1b1d", "#8a8a92"
# Okabe and Ito's colours, which the colour-blind can tell apart; the page darkens or lightens them.
BLUE, ORANGE, GREEN, PINK, SKY = "#0072b2", "#d55e00", "#009e73", "#b8598f", "#3d9fd3"
SERIES = ((BLUE, "o", "-"), (ORANGE, "s", "--"), (GREEN, "^", "-."), (PINK, "D", ":"))

SIZE = (4.9, 3.7)


@dataclass(frozen=True)
class Series:
    """One line of a figure: a name, and y over x, with a deviation where there is one."""

    name: str
    x: Sequence[float]
    y: Sequence[float | None]
    deviation: Sequence[float] | None = None


Fill = Callable[["Axes"], Any]
"""Draws on the Axes that it is given."""


@dataclass(frozen=True)
class Drawing:
    """A finished figure, written when one of its forms is asked for.

    Attributes
    ----------
    fill : tuple of callable
        Each draws on an empty Axes of its own; they stand side by side.
    size : (width, height)
        Of one Axes, in inches.
    """

    fill: tuple[Fill, ...]
    size: tuple[float, float]

    @cached_property
    def svg(self) -> str:
        """As SVG, on nothing."""
        return self._written("svg", transparent=True, metadata={"Date": None}).decode()

    @cached_property
    def png(self) -> bytes:
        """As PNG, on white."""
        return self._written("png", dpi=200, facecolor="white", metadata={"Software": None})

    @cached_property
    def pdf(self) -> bytes:
        """As PDF, on nothing, its text as text."""
        nothing = {"CreationDate": None, "Creator": None, "Producer": None}
        return self._written("pdf", transparent=True, metadata=nothing)

    def data(self, form: str) -> bytes:
        """The bytes of a file of this form: svg, png or pdf."""
        found: bytes | str = getattr(self, choice("form", form, FORMS))
        return found.encode() if isinstance(found, str) else found

    def _written(self, form: str, **options: Any) -> bytes:
        with styled():
            from matplotlib.figure import Figure

            # Made without pyplot: no window system, no global state, no figure left open.
            width = self.size[0] * len(self.fill)
            figure = Figure(figsize=(width, self.size[1]), layout="constrained")
            for body, ax in zip(self.fill, figure.subplots(1, len(self.fill), squeeze=False)[0]):
                body(ax)
            out = BytesIO()
            figure.savefig(out, format=form, **options)
        return out.getvalue()


FORMS = ("svg", "png", "pdf")


def draw(*fill: Fill, size: tuple[float, float] = SIZE) -> Drawing:
    """Return the figure that each of `fill` draws on an empty Axes, side by side.

    `size` is that of one Axes in inches. What cannot be drawn is found here, not on writing.
    """
    drawing = Drawing(fill, size)
    _ = drawing.svg
    return drawing


def axes(ax: Axes | None) -> Axes:
    """Return `ax`, or an empty Axes on a new figure in the style where it is None."""
    if ax is not None:
        return ax
    from matplotlib.figure import Figure

    with styled():
        return Figure(figsize=SIZE, layout="constrained").subplots()


@contextmanager
def styled() -> Iterator[None]:
    """Draw with the style sheet, whatever style is in use around it."""
    import matplotlib as mpl

    sheet = resources.files("validation.output").joinpath("rnnbounds.mplstyle")
    with resources.as_file(sheet) as path:
        style = mpl.rc_params_from_file(path, use_default_template=False)
    with mpl.rc_context(style):
        yield


def bounds_over_nodes(
    curves: Sequence[Series], marked: float | None = None, *, ax: Axes | None = None
) -> Axes:
    """Draw measured error and bounds on it over the nodes kept; the y are decimal logarithms.

    Curves that coincide are one line with both names. `marked` is the k that is spoken of.
    """
    ax = axes(ax)
    curves = merged(curves)
    for curve, (colour, marker, dash) in zip(curves, shades(len(curves))):
        pairs = [(x, y) for x, y in zip(curve.x, curve.y) if y is not None]
        if pairs:
            x, y = zip(*pairs)
            ax.plot(x, y, color=colour, marker=marker, linestyle=dash, label=curve.name)
    if marked is not None:
        mark_size(ax, marked)
    ax.set(xlabel="nodes kept, k", ylabel="error of the output (logits)")
    whole_numbers(ax.xaxis)
    powers_of_ten(ax.yaxis)
    legend(ax)
    return ax


def whole_numbers(axis: Any) -> None:
    """Put no tick between two integers: there are no half nodes."""
    axis.get_major_locator().set_params(integer=True)


def merged(curves: Sequence[Series], within: float = 0.02) -> list[Series]:
    """Put curves that are nowhere further apart than `within` decades into one, names and all."""
    found: list[Series] = []
    for curve in curves:
        for place, other in enumerate(found):
            if list(curve.x) == list(other.x) and all(
                a == b or (a is not None and b is not None and abs(a - b) <= within)
                for a, b in zip(curve.y, other.y)
            ):
                found[place] = replace(other, name=f"{other.name} =\n{curve.name}")
                break
        else:
            found.append(curve)
    return found


def mark_size(ax: Axes, k: float) -> None:
    """Mark the k that the page speaks of."""
    ax.axvline(k, color=PALE, linewidth=1, linestyle=(0, (1, 2)), zorder=0)
    ax.annotate(
        f"k = {k:g}", (k, 0), xytext=(3, 4), xycoords=("data", "axes fraction"),
        textcoords="offset points", fontsize=8,
    )  # fmt: skip


def label_ends(ax: Axes, gap: float = 9.5) -> None:
    """Write the name of each line at its right end, in its colour, apart from one another.

    Parameters
    ----------
    ax : Axes
        Finished but for the names: the limits are kept.
    gap : float
        Points between two names.
    """
    ax.get_xlim(), ax.get_ylim()  # the limits are found when they are asked for
    to_fraction = ax.transScale + ax.transLimits
    ends = []
    for line in ax.get_lines():
        name = str(line.get_label())
        placed = to_fraction.transform(line.get_xydata())
        points = [(float(x), float(y)) for x, y in placed if np.isfinite([x, y]).all()]
        if not name.startswith("_") and points:
            x, y = max(points)
            if not any(-1e-9 <= height <= 1 + 1e-9 for _, height in points):
                name += ", off the scale"
            ends.append((min(max(y, 0.0), 1.0), x, name, line.get_color()))
    if not ends:
        return
    ends.sort()
    height = float(ax.bbox.height) / ax.figure.dpi * 72  # in points, before the layout
    places = apart([y * height for y, *_ in ends], gap, height)
    for (y, x, name, colour), place in zip(ends, places):
        ax.annotate(
            name, (1, place / height), xycoords="axes fraction", xytext=(11, 0),
            textcoords="offset points", va="center", fontsize=8, color=colour,
            annotation_clip=False,
        )  # fmt: skip
        leader: dict[str, Any] = {
            "color": colour, "linewidth": 0.6, "alpha": 0.7, "transform": ax.transAxes,
            "clip_on": False, "scalex": False, "scaley": False, "label": "_leader",
        }  # fmt: skip
        ax.plot([1.0, 1.02], [y, place / height], **leader)
        if x < 1 - 1e-9:  # dotted: the line itself does not go on
            ax.plot([x, 1.0], [y, y], linestyle=(0, (1, 3)), **leader)


def apart(wanted: Sequence[float], gap: float, height: float) -> list[float]:
    """Move rising places within 0..height as little as need be to have neighbours `gap` apart."""
    gap = min(gap, height / max(len(wanted) - 1, 1))

    def centre(total: float, count: float) -> float:
        half = (count - 1) * gap / 2
        return min(max(total / count, half), height - half)

    groups: list[tuple[float, int]] = []  # sum of the wanted places, and how many: they move as one
    for place in wanted:
        groups.append((place, 1))
        while len(groups) > 1:
            (a, n), (b, k) = groups[-2:]
            if centre(b, k) - centre(a, n) >= (n + k) * gap / 2 - 1e-9:
                break
            groups[-2:] = [(a + b, n + k)]
    return [
        centre(total, count) + (i - (count - 1) / 2) * gap
        for total, count in groups
        for i in range(count)
    ]


COLOURS = {
    INK: "var(--ink)", PALE: "var(--pale)", BLUE: "var(--blue)", ORANGE: "var(--orange)",
    GREEN: "var(--green)", PINK: "var(--pink)", SKY: "var(--sky)",
}  # fmt: skip


def inline(svg: str, prefix: str, colours: Mapping[str, str] | None = None) -> str:
    """Return an SVG for use inside a page: ids of its own, colours that the page decides."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r'\b(id=")', rf"\g<1>{prefix}-", svg)
    svg = re.sub(r'((?:xlink:)?href="#|url\(#)', rf"\g<1>{prefix}-", svg)
    for colour, variable in (COLOURS if colours is None else colours).items():
        svg = svg.replace(colour, variable)
    # A width in points would not shrink with the column.
    head, mark, body = svg.partition(">")
    return re.sub(r' (width|height)="[^"]*"', "", head) + mark + body


def shades(count: int) -> list[tuple[str, str, str]]:
    """Colour, marker and dash of each of `count` lines."""
    looks = [*SERIES, (SKY, "v", (0, (5, 1, 1, 1))), (INK, "P", (0, (1, 1)))]
    looks.append((PINK, "X", (0, (3, 1))))
    return [looks[i % len(looks)] for i in range(count)]  # type: ignore[misc]


def powers_of_ten(axis: Any) -> None:
    """Label an axis of decimal logarithms with the numbers that they stand for.

    Called when everything is drawn: the ticks depend on the range.
    """
    low, high = sorted(axis.get_view_interval())
    decades = range(math.floor(low), math.ceil(high) + 1)
    if high - low <= 2.2:
        ticks = [d + math.log10(digit) for d in decades for digit in (1, 2, 5)]
    else:
        step = max(1, math.ceil((high - low) / 7))
        ticks = [float(d) for d in decades if d % step == 0]
    ticks = [tick for tick in ticks if low <= tick <= high]
    axis.set_ticks(ticks, [_tick(tick) for tick in ticks])


def _tick(y: float) -> str:
    power = round(y)
    if abs(y - power) < 1e-9 and (power >= 3 or power <= -4):
        return f"$10^{{{power}}}$"
    return number(y)


def legend(ax: Axes, columns: int = 2) -> None:
    """Put the legend below, where it hides no line; none where no line has a name."""
    if not ax.get_legend_handles_labels()[0]:
        return
    ax.legend(
        loc="upper center", bbox_to_anchor=(0.45, -0.17), ncols=columns, columnspacing=1.2,
        handlelength=2.2, borderaxespad=0,
    )  # fmt: skip


def number(y: float) -> str:
    """Write 10^y as a label."""
    if not -5 < y < 6:
        return f"$10^{{{y:.1f}}}$"
    return f"{10**y:.0f}" if y >= 3 else f"{10**y:.3g}"
