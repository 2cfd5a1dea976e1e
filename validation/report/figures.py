"""The figures of the report: plain numbers in; on the Axes that is given, or on a new one."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from validation.output.figures import (
    BLUE,
    INK,
    ORANGE,
    PALE,
    SERIES,
    SKY,
    Series,
    axes,
    label_ends,
    legend,
    mark_size,
    number,
    powers_of_ten,
    shades,
    whole_numbers,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def accuracy_over_nodes(
    curves: Sequence[Series],
    whole: float,
    kind: str = "test",
    marked: float | None = None,
    *,
    ax: Axes | None = None,
) -> Axes:
    """Draw the accuracy in percent over the nodes kept, a band of one deviation each way."""
    ax = axes(ax)
    ax.axhline(100 * whole, color=PALE, linewidth=1, linestyle=(0, (4, 3)), label="whole network")
    for curve, (colour, marker, dash) in zip(curves, shades(len(curves))):
        y = [100 * value for value in curve.y if value is not None]
        ax.plot(curve.x, y, color=colour, marker=marker, linestyle=dash, label=curve.name)
        if curve.deviation is not None and any(curve.deviation):
            low = [a - 100 * b for a, b in zip(y, curve.deviation)]
            high = [a + 100 * b for a, b in zip(y, curve.deviation)]
            ax.fill_between(curve.x, low, high, color=colour, alpha=0.12, linewidth=0)
    if marked is not None:
        mark_size(ax, marked)
    ax.set(xlabel="nodes kept, k", ylabel=f"{kind} accuracy (%)", ylim=(0, 103))
    whole_numbers(ax.xaxis)
    legend(ax)
    return ax


def losses_over_steps(curves: Sequence[Series], label: str, *, ax: Axes | None = None) -> Axes:
    """Draw decimal logarithms over the steps t."""
    ax = axes(ax)
    for curve, (colour, marker, dash) in zip(curves, shades(len(curves))):
        pairs = [(x, y) for x, y in zip(curve.x, curve.y) if y is not None]
        if pairs:
            x, y = zip(*pairs)
            mark = marker if len(pairs) <= 40 else ""
            ax.plot(x, y, color=colour, marker=mark, linestyle=dash, label=curve.name)
    ax.set(xlabel="step t", ylabel=label)
    powers_of_ten(ax.yaxis)
    legend(ax)
    return ax


def chain(
    steps: Sequence[tuple[str, float | None]],
    sharpest: tuple[str, float | None] | None = None,
    *,
    ax: Axes | None = None,
) -> Axes:
    """Draw a chain of inequalities as a waterfall: each step starts where the one before ends.

    Every value is printed; the step that costs most has a colour of its own. `sharpest` is a bound
    on the same error that is no step of the chain.
    """
    ax = axes(ax)
    known = [(name, y) for name, y in steps if y is not None]
    if not known:  # data of zeros: nothing to show on a scale of powers
        ax.text(0.5, 0.5, "every step is 0", ha="center", va="center", transform=ax.transAxes)
        ax.set_axis_off()
        return ax
    costs = [b - a for (_, a), (_, b) in itertools.pairwise(known)]
    worst = 1 + costs.index(max(costs)) if costs else None
    names, values = [name for name, _ in known], [y for _, y in known]
    for row, y in enumerate(values):
        if not row:
            ax.plot([y], [row], color=BLUE, marker="o", markersize=7, linestyle="none")
            _value(ax, number(y), y, row)
            continue
        before = values[row - 1]
        colour = ORANGE if row == worst else SKY
        ax.barh(row, y - before, left=before, height=0.55, color=colour, alpha=0.9)
        ax.plot([before, before], [row - 1, row + 0.28], color=PALE, linewidth=0.8)
        _value(ax, f"{number(y)}   × {_factor(y - before)}", max(y, before), row, row == worst)
    if sharpest is not None and sharpest[1] is not None:
        names.append(sharpest[0])
        values.append(sharpest[1])
        row = len(names) - 1
        ax.plot([values[row]], [row], color=INK, marker="D", markersize=6, linestyle="none")
        _value(ax, number(values[row]), values[row], row)
        ax.axhline(row - 0.5, color=PALE, linewidth=0.6)
    span = max(max(values) - min(values), 0.5)
    ax.set(xlim=(min(values) - 0.08 * span, max(values) + 0.5 * span))
    ax.set_yticks(range(len(names)), names)
    ax.set(xlabel="error of the output (logits)", ylim=(len(names) - 0.4, -0.6))
    powers_of_ten(ax.xaxis)
    ax.grid(axis="y", visible=False)
    return ax


def terms(
    summands: Sequence[tuple[str, float | None]],
    totals: Sequence[tuple[str, float | None]],
    measured: Sequence[tuple[str, float | None]],
    trivial: float | None = 0.0,
    *,
    ax: Axes | None = None,
) -> Axes:
    """Draw one dot a term, sorted, below the totals, and what was measured; decimal logarithms."""
    ax = axes(ax)
    rows = [(name, y, "total") for name, y in totals if y is not None]
    rows += sorted(((n, y, "term") for n, y in summands if y is not None), key=lambda row: -row[1])
    rows += [(name, y, "measured") for name, y in measured if y is not None]
    look = {"term": (ORANGE, "s"), "total": (INK, "D"), "measured": (BLUE, "o")}
    low = min([y for _, y, _ in rows] + [0.0]) - 0.4
    for row, (_, y, kind) in enumerate(rows):
        colour, marker = look[kind]
        ax.plot([low, y], [row, row], color=colour, linewidth=1, alpha=0.5)
        ax.plot([y], [row], color=colour, marker=marker, markersize=7, linestyle="none")
        ax.annotate(
            number(y), (1, row), xytext=(6, 0), xycoords=("axes fraction", "data"),
            textcoords="offset points", va="center", fontsize=8.5, annotation_clip=False,
        )  # fmt: skip
    high = max([y for _, y, _ in rows] + [0.0])
    ax.set(xlim=(low, high + 0.06 * (high - low)))
    if trivial is not None:
        ax.axvline(trivial, color=PALE, linestyle=(0, (4, 3)), linewidth=1.2, zorder=0)
        ax.annotate(
            "trivial", (trivial, 1), xytext=(0, 2), xycoords=("data", "axes fraction"),
            textcoords="offset points", fontsize=8, ha="center",
        )  # fmt: skip
    ax.set_yticks(range(len(rows)), [name for name, _, _ in rows])
    ax.set(xlabel="loss (margin ramp, at most 1)", ylim=(len(rows) - 0.4, -0.6))
    powers_of_ten(ax.xaxis)
    ax.grid(axis="y", visible=False)
    return ax


def spectrum(eigenvalues: Sequence[float], k: int | None = None, *, ax: Axes | None = None) -> Axes:
    """Draw the eigenvalues of S, falling, and what is left of their sum beyond each."""
    ax = axes(ax)
    curves = {
        r"eigenvalue $\mu_j$": list(eigenvalues),
        r"tail sum, $\mu_{j+1} + \dots + \mu_m$": _tails(eigenvalues),
    }
    for (name, values), (colour, marker, dash) in zip(curves.items(), SERIES):
        pairs = [(j + 1, math.log10(value)) for j, value in enumerate(values) if value > 0]
        if pairs:
            ax.plot(
                *zip(*pairs), color=colour, marker=marker, markersize=2.6, linewidth=1,
                linestyle=dash, label=name,
            )  # fmt: skip
    if k is not None and 0 < k < len(eigenvalues):
        mark_size(ax, k)
    ax.set(xlabel="index $j$", ylabel="of the covariance $S$")
    powers_of_ten(ax.yaxis)
    legend(ax)
    return ax


def nodes_needed(
    curves: Sequence[tuple[Series, str, str]], m: int, *, ax: Axes | None = None
) -> Axes:
    """Draw numbers of nodes over log10 lam, which falls to the right, each named at its end.

    Parameters
    ----------
    curves : sequence of (Series, colour, line style)
        The y are plain numbers.
    m : int
        Nodes there are.
    """
    ax = axes(ax)
    ends = [x for curve, _, _ in curves for x in curve.x]
    if len(set(ends)) > 1:
        ax.set(xlim=(max(ends), min(ends)))
    for curve, colour, style in curves:
        pairs = [(x, math.log10(y)) for x, y in zip(curve.x, curve.y) if y is not None and y >= 1]
        if pairs:
            ax.plot(*zip(*pairs), color=colour, linestyle=style, label=curve.name)
    ax.plot(
        [max(ends), min(ends)], [math.log10(m)] * 2, color=PALE, linestyle=(0, (4, 3)),
        linewidth=1.2, label=f"m = {m}, all there are",
    )  # fmt: skip
    ax.set(xlabel=r"$\lambda$, falling to the right", ylabel="nodes")
    powers_of_ten(ax.xaxis)
    powers_of_ten(ax.yaxis)
    label_ends(ax)
    return ax


def tradeoff(
    curves: Sequence[Series], best: tuple[float, float] | None = None, *, ax: Axes | None = None
) -> Axes:
    """Draw the parts of the bound over log10 lam, and its minimiser; decimal logarithms."""
    ax = axes(ax)
    for curve, (colour, marker, dash) in zip(curves, shades(len(curves))):
        pairs = [(x, y) for x, y in zip(curve.x, curve.y) if y is not None]
        if pairs:
            mark = marker if len(pairs) == 1 else ""
            ax.plot(*zip(*pairs), color=colour, linestyle=dash, marker=mark, label=curve.name)
    if best is not None:
        ax.plot([best[0]], [best[1]], color=INK, marker="D", linestyle="none", label="minimum")
    ax.set(xlabel=r"$\lambda$", ylabel="loss (margin ramp, at most 1)")
    powers_of_ten(ax.xaxis)
    powers_of_ten(ax.yaxis)
    legend(ax)
    return ax


def _tails(values: Sequence[float]) -> list[float]:
    """The sum of what comes after each."""
    total, tails = 0.0, []
    for value in reversed(values):
        tails.append(total)
        total += value
    return tails[::-1]


def _value(ax: Axes, text: str, x: float, row: int, bold: bool = False) -> None:
    ax.annotate(
        text, (x, row), xytext=(7, 0), textcoords="offset points", va="center", fontsize=8.5,
        fontweight="bold" if bold else "normal",
    )  # fmt: skip


def _factor(log10: float) -> str:
    return f"{10**log10:.3g}" if log10 < 6 else f"$10^{{{log10:.0f}}}$"
