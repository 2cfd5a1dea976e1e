"""The figures of the report: plain numbers and one Axes in, one Axes out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from validation.output.figures import (
    BLUE,
    INK,
    ORANGE,
    PALE,
    SERIES,
    Series,
    legend,
    number,
    powers_of_ten,
    shades,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def accuracy_over_nodes(
    ax: Axes, curves: Sequence[Series], whole: float, kind: str = "test"
) -> Axes:
    """Draw the accuracy in percent over the nodes kept, a band of one deviation each way."""
    for curve, (colour, marker, dash) in zip(curves, shades(len(curves))):
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


def losses_over_steps(ax: Axes, curves: Sequence[Series], label: str) -> Axes:
    """Draw decimal logarithms over the steps t."""
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
    if not known:  # data of zeros: nothing to show on a scale of powers
        ax.text(0.5, 0.5, "every step is 0", ha="center", va="center", transform=ax.transAxes)
        ax.set_axis_off()
        return ax
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
            number(y), (y, row), xytext=(7, 0), textcoords="offset points", va="center",
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
