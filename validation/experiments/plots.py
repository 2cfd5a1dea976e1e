"""The figures of an experiment."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from validation.experiments.methods import WHOLE
from validation.experiments.summaries import Cell, Results
from validation.output.figures import (
    BLUE,
    GREEN,
    ORANGE,
    PALE,
    PINK,
    SKY,
    Drawing,
    Series,
    axes,
    bounds_over_nodes,
    draw,
    label_ends,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

OURS = ("balanced", "balanced, read-out", "balanced, closed loop")
"""In colour beside spectral pruning."""

_COLOURS = (BLUE, ORANGE, GREEN, PINK, SKY, "#b07d00", "#555560")
_MARKS = ("o", "s", "^", "D", "v", "P", "X", "<", ">")
_DASHES = ("-", "--", ":")


def figures_of(results: Results) -> dict[str, Drawing]:
    """Return every figure that the finished rows fill, by the end of its file's name."""
    drawings = {}
    if len(results.nodes) > 1:
        drawings["over-nodes"] = draw(lambda ax: scores_over_nodes(results, ax=ax), size=(6.4, 4.2))
    else:
        drawings["methods"] = draw(lambda ax: scores_by_method(results, ax=ax), size=(5.6, 4.6))
    if "spectral" in results.sensitive:
        drawings["sensitivity"] = draw(
            lambda ax: scores_over_theta(results, ax=ax), size=(5.6, 3.9)
        )
    curves = bound_curves(results)
    if curves and len(curves[0].x) > 1:
        drawings["bounds"] = draw(
            lambda ax: errors_and_bounds(results, ax=ax),
            lambda ax: risks_and_bounds(results, ax=ax),
        )
    if curves and results.lengths:
        drawings["bounds-over-steps"] = draw(
            lambda ax: errors_and_bounds(results, over_steps=True, ax=ax),
            lambda ax: risks_and_bounds(results, over_steps=True, ax=ax),
        )
    return drawings


def scores_over_nodes(results: Results, *, ax: Axes | None = None) -> Axes:
    """Draw the score of every method over k: at most five in colour and named, the rest grey.

    In colour are spectral pruning, those that know the recursion, and the best of the others at the
    k of the sensitivities; where there is room, the next best.
    """
    ax = axes(ax)
    factor = 100 if results.larger_is_better else 1
    bold = _in_colour(results)
    for method in sorted(results.methods, key=lambda name: name in bold):
        points = [
            (k, cell) for k in results.nodes if (cell := results.scores(method, k)) is not None
        ]
        if not points:
            continue
        x = [k for k, _ in points]
        y = [factor * cell.mean for _, cell in points]
        if method not in bold:
            ax.plot(x, y, color=PALE, linewidth=0.8, alpha=0.55, label=f"_{method}", zorder=1)
            continue
        place = bold.index(method)
        error = [factor * cell.deviation for _, cell in points]
        ax.errorbar(
            x, y, yerr=error, fmt="none", ecolor=_COLOURS[place], elinewidth=0.8, capsize=2,
            zorder=2,
        )  # fmt: skip
        ax.plot(
            x, y, color=_COLOURS[place], marker=_MARKS[place], linewidth=2, zorder=3, label=method
        )
    rest = len(results.methods) - len(bold)
    _label(ax, results)
    grey = f"; grey: {rest} other methods" if rest else ""
    ax.set(xlabel=f"nodes kept, k (or as many parameters){grey}", xticks=results.nodes)
    ax.set(xlim=(min(results.nodes), max(results.nodes)))
    whole = results.scores(WHOLE, None)
    if whole is not None:
        ax.plot(
            ax.get_xlim(), [factor * whole.mean] * 2, color=PALE, linewidth=1,
            linestyle=(0, (4, 3)), label="whole network",
        )  # fmt: skip
    label_ends(ax)
    return ax


def _in_colour(results: Results) -> list[str]:
    first = [name for name in ("spectral", *OURS) if name in results.methods]
    refitted = ("closed loop", "read-out", "balanced")
    others = [
        name
        for name, _ in results.rivals(results.focus)
        if name not in first and not any(word in name for word in refitted)
    ]
    return [*first, *others][:5]


def scores_by_method(results: Results, *, ax: Axes | None = None) -> Axes:
    """Draw the score of every method at the one k that there is, the best above."""
    ax = axes(ax)
    [k] = results.nodes
    factor = 100 if results.larger_is_better else 1
    cells = [(name, cell) for name in results.methods if (cell := results.scores(name, k))]
    cells.sort(key=lambda pair: pair[1].mean, reverse=not results.larger_is_better)
    for place, (name, cell) in enumerate(cells):
        ax.errorbar(
            [factor * cell.mean],
            [place],
            xerr=[factor * cell.deviation],
            color=ORANGE if name == "spectral" else BLUE,
            marker="o",
            linestyle="none",
            capsize=2,
            elinewidth=0.8,
        )
    whole = results.scores(WHOLE, None)
    if whole is not None:
        ax.axvline(factor * whole.mean, color=PALE, linewidth=1, linestyle=(0, (4, 3)))
    ax.set_yticks(range(len(cells)), [name for name, _ in cells])
    if results.larger_is_better:
        ax.set(xlabel=f"test accuracy (%), k = {k}", xlim=(0, 103))
    else:
        ax.set(xlabel=f"test perplexity, k = {k}", xscale="log")
        _plain_numbers(ax.xaxis)
    return ax


def scores_over_theta(results: Results, *, ax: Axes | None = None) -> Axes:
    """Draw the score of spectral pruning over theta at the focus, a line for each tau."""
    ax = axes(ax)
    factor = 100 if results.larger_is_better else 1
    for i, tau in enumerate(sorted(results.facts["tau"])):
        cells: list[tuple[float, Cell]] = []
        for theta in sorted(results.facts["theta"]):
            cell = results.scores("spectral", results.focus, theta, tau)
            if cell is not None:
                cells.append((theta, cell))
        ax.errorbar(
            [theta for theta, _ in cells],
            [factor * cell.mean for _, cell in cells],
            yerr=[factor * cell.deviation for _, cell in cells],
            color=_COLOURS[i % len(_COLOURS)],
            marker=_MARKS[i % len(_MARKS)],
            linestyle=_DASHES[i % len(_DASHES)],
            capsize=2,
            elinewidth=0.8,
            label=f"tau = {tau:g} Tr S/m",
        )
    _label(ax, results, cut=False)
    ax.set(xlabel=f"theta, at k = {results.focus}")
    ax.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), borderaxespad=0)
    return ax


ERRORS = {
    "error": "measured",
    "log10_trajectory": "bound along both runs",
    "log10_best": "sharpest bound",
    "log10_toeplitz": "Toeplitz bound",
    "log10_global": "published bound",
}
RISKS = {"risk": "measured, on test data", "log10_theorem": "bound of section 7"}


def errors_and_bounds(
    results: Results, over_steps: bool = False, *, ax: Axes | None = None
) -> Axes:
    """Draw the measured error and the bounds of section 3, over k or over the number of steps."""
    ax = bounds_over_nodes(bound_curves(results, ERRORS, over_steps), ax=ax)
    return _over(ax, results, over_steps)


def risks_and_bounds(results: Results, over_steps: bool = False, *, ax: Axes | None = None) -> Axes:
    """Draw the measured risk and the bound of section 7, and where it says nothing: above 1."""
    ax = bounds_over_nodes(bound_curves(results, RISKS, over_steps), ax=ax)
    ax.set(ylabel="risk (ramp loss)")
    ax.axhline(0, color=PALE, linewidth=1, linestyle=(0, (4, 3)))
    return _over(ax, results, over_steps)


def _over(ax: Axes, results: Results, over_steps: bool) -> Axes:
    if over_steps:
        ax.set(xlabel=f"steps T, at k = {results.focus}")
    return ax


def bound_curves(
    results: Results, names: Mapping[str, str] = ERRORS, over_steps: bool = False
) -> list[Series]:
    """Return decimal logarithms of what was measured and of bounds, medians over the seeds."""
    if over_steps:
        groups = [results.bounds(results.focus, T) for T in (*results.lengths, None)]
    else:
        groups = [results.bounds(k, None) for k in results.nodes]
    groups = [rows for rows in groups if rows]
    if not groups:
        return []
    x = [float(rows[0]["steps"] if over_steps else rows[0]["k"]) for rows in groups]
    curves = []
    for name, label in names.items():
        y: list[float | None] = []
        for rows in groups:
            values = [row[name] for row in rows if row.get(name) is not None]
            middle = statistics.median(values) if len(values) == len(rows) else None
            if middle is not None and not name.startswith("log10"):
                middle = math.log10(middle) if middle > 0 else None
            y.append(middle)
        curves.append(Series(label, x, y))
    return curves


def _label(ax: Axes, results: Results, cut: bool = True) -> None:
    if results.larger_is_better:
        ax.set(ylabel="test accuracy (%)")
        if cut:
            ax.set(ylim=(0, 103))
    else:
        ax.set(ylabel="test perplexity", yscale="log")
        _plain_numbers(ax.yaxis)


def _plain_numbers(axis: Any) -> None:
    """Write 400 on a logarithmic axis where it would be 4 times a power of ten."""
    from matplotlib.ticker import LogFormatter

    axis.set_major_formatter(LogFormatter())
    axis.set_minor_formatter(LogFormatter(minor_thresholds=(2, 0.5)))
