"""Figures: one style, one Axes in and one out, SVG and PNG.

Every axis that holds a bound is log10 of it, so that a bound beyond the range of floats is drawn
like any other.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO, StringIO
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK, PALE = "#1b1b1d", "#8a8a92"
# Okabe and Ito's colours, which the colour-blind can tell apart; the page darkens or lightens them.
BLUE, ORANGE, GREEN, PINK, SKY = "#0072b2", "#d55e00", "#009e73", "#b8598f", "#3d9fd3"
SERIES = ((BLUE, "o", "-"), (ORANGE, "s", "--"), (GREEN, "^", "-."), (PINK, "D", ":"))

STYLE = {
    "font.size": 9.5,
    "axes.labelsize": 9.5,
    "axes.edgecolor": PALE,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "lines.linewidth": 1.7,
    "lines.markersize": 4.5,
    "grid.color": PALE,
    "grid.alpha": 0.25,
    "grid.linewidth": 0.6,
    "axes.grid": True,
    "axes.axisbelow": True,
    "svg.hashsalt": "rnnbounds",
    "svg.fonttype": "path",
    "figure.dpi": 100,
}
SIZE = (4.9, 3.7)


@dataclass(frozen=True)
class Series:
    """One line of a figure: a name, and y over x, with a deviation where there is one."""

    name: str
    x: Sequence[float]
    y: Sequence[float | None]
    deviation: Sequence[float] | None = None


@dataclass(frozen=True)
class Drawing:
    """A finished figure."""

    svg: str
    png: bytes


def draw(*fill: Callable[[Axes], Axes], size: tuple[float, float] = SIZE) -> Drawing:
    """Return the figure that each of `fill` draws on an empty Axes, side by side.

    `size` is that of one Axes in inches.
    """
    with _styled() as new_figure:
        figure = new_figure(figsize=(size[0] * len(fill), size[1]), layout="constrained")
        for body, ax in zip(fill, figure.subplots(1, len(fill), squeeze=False)[0]):
            body(ax)
        svg, png = StringIO(), BytesIO()
        figure.savefig(svg, format="svg", transparent=True, metadata={"Date": None})
        figure.savefig(png, format="png", dpi=200, facecolor="white", metadata={"Software": None})
    return Drawing(svg.getvalue(), png.getvalue())


def bounds_over_nodes(ax: Axes, curves: Sequence[Series]) -> Axes:
    """Draw measured error and bounds on it over the nodes kept; the y are decimal logarithms."""
    for curve, (colour, marker, dash) in zip(curves, shades(len(curves))):
        pairs = [(x, y) for x, y in zip(curve.x, curve.y) if y is not None]
        if pairs:
            x, y = zip(*pairs)
            ax.plot(x, y, color=colour, marker=marker, linestyle=dash, label=curve.name)
    ax.set(xlabel="nodes kept, k", ylabel="error of the output (logits)")
    powers_of_ten(ax.yaxis)
    legend(ax)
    return ax


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


@contextmanager
def _styled() -> Iterator[Any]:
    # Figures are made without pyplot: no window system, no global state, no figure left open.
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(STYLE):  # type: ignore[arg-type]
        yield Figure


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
