"""The figures of the report: plain numbers and one Axes in, one Axes out.

Every vertical axis that holds a bound is log10 of it, so that a bound beyond the range of floats
is drawn like any other.
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


def accuracy_over_nodes(
    ax: Axes, curves: Sequence[Series], whole: float, kind: str = "test"
) -> Axes:
    """Draw the accuracy in percent over the nodes kept, a band of one deviation each way."""
    for curve, (colour, marker, dash) in zip(curves, _shades(len(curves))):
        y = [100 * value for value in curve.y if value is not None]
        ax.plot(curve.x, y, color=colour, marker=marker, linestyle=dash, label=curve.name)
        if curve.deviation is not None:
            low = [a - 100 * b for a, b in zip(y, curve.deviation)]
            high = [a + 100 * b for a, b in zip(y, curve.deviation)]
            ax.fill_between(curve.x, low, high, color=colour, alpha=0.15, linewidth=0)
    ax.axhline(100 * whole, color=PALE, linewidth=1, linestyle=(0, (4, 3)))
    ax.annotate(
        "whole network",
        (0, 100 * whole),
        xytext=(4, 3),
        xycoords=("axes fraction", "data"),
        textcoords="offset points",
        fontsize=8,
    )
    ax.set(xlabel="nodes kept, k", ylabel=f"{kind} accuracy (%)", ylim=(0, 107))
    legend(ax)
    return ax


def bounds_over_nodes(ax: Axes, curves: Sequence[Series]) -> Axes:
    """Draw measured error and bounds on it over the nodes kept; the y are decimal logarithms."""
    for curve, (colour, marker, dash) in zip(curves, _shades(len(curves))):
        pairs = [(x, y) for x, y in zip(curve.x, curve.y) if y is not None]
        if pairs:
            x, y = zip(*pairs)
            ax.plot(x, y, color=colour, marker=marker, linestyle=dash, label=curve.name)
    ax.set(xlabel="nodes kept, k", ylabel="error of the output (logits)")
    powers_of_ten(ax.yaxis)
    legend(ax)
    return ax


def chain(ax: Axes, steps: Sequence[tuple[str, float | None]]) -> Axes:
    """Draw a chain of inequalities as a waterfall: each step starts where the one before ends."""
    known = [(name, y) for name, y in steps if y is not None]
    previous = None
    for row, (_, y) in enumerate(known):
        if previous is None:
            ax.plot([y], [row], color=BLUE, marker="o", markersize=7, linestyle="none")
        else:
            ax.barh(row, y - previous, left=previous, height=0.55, color=ORANGE, alpha=0.85)
            ax.plot([previous, previous], [row - 1, row + 0.28], color=PALE, linewidth=0.8)
            factor = 10 ** (y - previous) if y - previous < 6 else math.inf
            text = f"× {factor:.3g}" if factor < 1e6 else f"× $10^{{{y - previous:.0f}}}$"
            ax.annotate(
                text, (max(y, previous), row), xytext=(4, 0), textcoords="offset points",
                va="center", fontsize=8.5,
            )  # fmt: skip
        previous = y
    values = [y for _, y in known]
    span = max(max(values) - min(values), 0.5)
    ax.set(xlim=(min(values) - 0.08 * span, max(values) + 0.22 * span))
    ax.set_yticks(range(len(known)), [name for name, _ in known])
    ax.set(xlabel="error of the output (logits)", ylim=(len(known) - 0.4, -0.6))
    powers_of_ten(ax.xaxis)
    ax.grid(axis="y", visible=False)
    return ax


def terms(
    ax: Axes,
    summands: Sequence[tuple[str, float | None]],
    total: float | None,
    measured: Sequence[tuple[str, float | None]],
    trivial: float | None = 0.0,
) -> Axes:
    """Draw one dot a term, sorted, then the total and what was measured; decimal logarithms."""
    rows = sorted(((n, y, "term") for n, y in summands if y is not None), key=lambda row: -row[1])
    if total is not None:
        rows.insert(0, ("total", total, "total"))
    rows += [(name, y, "measured") for name, y in measured if y is not None]
    look = {"term": (ORANGE, "s"), "total": (INK, "D"), "measured": (BLUE, "o")}
    low = min([y for _, y, _ in rows] + [0.0]) - 0.4
    for row, (_, y, kind) in enumerate(rows):
        colour, marker = look[kind]
        ax.plot([low, y], [row, row], color=colour, linewidth=1, alpha=0.5)
        ax.plot([y], [row], color=colour, marker=marker, markersize=7, linestyle="none")
        ax.annotate(
            _number(y), (y, row), xytext=(7, 0), textcoords="offset points", va="center",
            fontsize=8.5,
        )  # fmt: skip
    high = max(y for _, y, _ in rows)
    ax.set(xlim=(low, high + 0.25 * (high - low)))
    if trivial is not None:
        ax.axvline(trivial, color=PALE, linestyle=(0, (4, 3)), linewidth=1.2)
        ax.annotate(
            "trivial", (trivial, 0), xytext=(3, 3), xycoords=("data", "axes fraction"),
            textcoords="offset points", fontsize=8,
        )  # fmt: skip
    ax.set_yticks(range(len(rows)), [name for name, _, _ in rows])
    ax.set(xlabel="loss (margin ramp, at most 1)", ylim=(len(rows) - 0.4, -0.6))
    powers_of_ten(ax.xaxis)
    ax.grid(axis="y", visible=False)
    return ax


def spectrum(ax: Axes, eigenvalues: Sequence[float]) -> Axes:
    """Draw the eigenvalues of S in decreasing order."""
    positive = [(j + 1, math.log10(mu)) for j, mu in enumerate(eigenvalues) if mu > 0]
    ax.plot(*zip(*positive), color=BLUE, marker="o", markersize=3, linewidth=1)
    ax.set(xlabel="index j", ylabel=r"eigenvalue $\mu_j$ of $S$")
    powers_of_ten(ax.yaxis)
    return ax


def nodes_needed(ax: Axes, curves: Sequence[Series], m: int) -> Axes:
    """Draw N(lam), and the nodes that theorems ask for, over log10 lam; y are plain numbers."""
    for curve, (colour, _, dash) in zip(curves, SERIES):
        pairs = [(x, math.log10(y)) for x, y in zip(curve.x, curve.y) if y is not None and y > 0]
        ax.plot(*zip(*pairs), color=colour, linestyle=dash, label=curve.name)
    ax.axhline(math.log10(m), color=PALE, linestyle=(0, (4, 3)), linewidth=1.2)
    ax.annotate(
        f"m = {m}", (1, math.log10(m)), xytext=(-4, 3), xycoords=("axes fraction", "data"),
        textcoords="offset points", ha="right", fontsize=8,
    )  # fmt: skip
    ax.set(xlabel=r"$\lambda$", ylabel="nodes")
    powers_of_ten(ax.xaxis)
    powers_of_ten(ax.yaxis)
    legend(ax)
    return ax


def tradeoff(ax: Axes, curves: Sequence[Series], best: tuple[float, float] | None) -> Axes:
    """Draw the parts of the bound over log10 lam, and its minimiser; decimal logarithms."""
    for curve, (colour, _, dash) in zip(curves, SERIES):
        pairs = [(x, y) for x, y in zip(curve.x, curve.y) if y is not None]
        if pairs:
            ax.plot(*zip(*pairs), color=colour, linestyle=dash, label=curve.name)
    if best is not None:
        ax.plot([best[0]], [best[1]], color=INK, marker="D", linestyle="none", label="minimum")
    ax.set(xlabel=r"$\lambda$", ylabel="loss (margin ramp, at most 1)")
    powers_of_ten(ax.xaxis)
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


def _shades(count: int) -> list[tuple[str, str, str]]:
    looks = [*SERIES, (SKY, "v", (0, (5, 1, 1, 1))), (INK, "P", (0, (1, 1)))]
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
    return _number(y)


def legend(ax: Axes, columns: int = 2) -> None:
    """Put the legend below, where it hides no line."""
    ax.legend(
        loc="upper center", bbox_to_anchor=(0.45, -0.17), ncols=columns, columnspacing=1.2,
        handlelength=2.2, borderaxespad=0,
    )  # fmt: skip


def _number(y: float) -> str:
    if not -5 < y < 6:
        return f"$10^{{{y:.1f}}}$"
    return f"{10**y:.0f}" if y >= 3 else f"{10**y:.3g}"
