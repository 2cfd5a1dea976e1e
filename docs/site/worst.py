"""The worst instance of a claim as a picture: its matrices, its spectrum, both sides over a number.

Every panel is an SVG of its own inside the page: beside one another where there is room, below one
another where there is not, in the colours of the page. Eigenvalues are those of float64. A verdict
never rests on a picture.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, is_dataclass
from io import StringIO
from typing import Any

import numpy as np
from sweeps import ROUNDING, Sweep, curves

from validation import Claim, Instance
from validation.arithmetic import FLOAT64
from validation.checking.describing import number
from validation.checking.evaluation import NUMERICAL
from validation.output.figures import BLUE, GREEN, INK, ORANGE, PALE, inline, styled

SIZE = (3.1, 2.5)
MOST = 16  # rows or columns of a matrix that is drawn
WRITTEN = 4  # up to so many, the entries are written into their cells
VISIBLE = 0.03  # smaller relative distances the eye does not see
NO_METADATA = ("Date", "Creator", "Format", "Type")


@dataclass(frozen=True)
class Panel:
    """One picture, and what it shows in words."""

    fill: Callable[[Any], Any]
    words: str


def figure(claim: Claim, instance: Instance) -> str:
    """The panels of an instance as HTML, empty where there is nothing to draw."""
    return _html(list(_panels(claim, instance)), "worst")


def sides_alone(claim: Claim, instance: Instance, name: str) -> str:
    """Both sides over one argument, as HTML; `name` is unique on the page."""
    return _html([_sides(sweep) for sweep in curves(claim, instance, 1)], name)


def _html(panels: list[Panel], name: str) -> str:
    if not panels:
        return ""
    pictures = []
    for place, panel in enumerate(panels):
        svg = inline(_styled(panel.fill), f"{name}{place}")
        label = html.escape(panel.words, quote=True)
        pictures.append(svg.replace("<svg", f'<svg role="img" aria-label="{label}"', 1))
    words = html.escape("; ".join(panel.words for panel in panels))
    order = "Drawn, in this order: " if len(panels) > 1 else "Drawn: "
    note = "For the eye: the verdict does not rest on the picture."
    lines = ['<figure class="worst">', "<div>", *pictures, "</div>",
             f"<figcaption>{order}{words}. {note}</figcaption>", "</figure>"]  # fmt: skip
    # A blank line would end the HTML of a page in Markdown.
    return "\n".join(line for line in "\n".join(lines).splitlines() if line.strip())


def _styled(fill: Callable[[Any], Any]) -> str:
    with styled():
        import matplotlib as mpl
        from matplotlib.figure import Figure

        # Text stays text, in the font of the page: smaller, and it can be selected.
        mpl.rcParams["svg.fonttype"] = "none"
        picture = Figure(figsize=SIZE, layout="none")
        ax = picture.add_axes((0.17, 0.18, 0.79, 0.68))
        fill(ax)
        out = StringIO()
        picture.savefig(out, format="svg", transparent=True, metadata=dict.fromkeys(NO_METADATA))
    sized = re.sub(r"font: ([\d.]+px)[^;\"]*", r"font-size: \1", out.getvalue())
    return re.sub(r"; ?font-family: [^;\"]*|font-family: [^;\"]*; ?", "", sized)


def _panels(claim: Claim, instance: Instance) -> Iterator[Panel]:
    with FLOAT64.active(), np.errstate(all="ignore"):
        try:
            values = dict(_flat(claim.instances.realise(instance, FLOAT64)))
        except NUMERICAL:
            return
    J = values.get("J")
    kept = {int(j) for j in np.atleast_1d(J)} if J is not None else set()
    objects = list(_objects(values, kept))
    yield from objects[:2]
    for sweep in curves(claim, instance, 1 if objects else 2):
        yield _sides(sweep)


def _flat(values: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """The values by name, those of a network and its like by their fields' names."""
    for name, value in values.items():
        if is_dataclass(value):
            yield from ((field.name, getattr(value, field.name)) for field in fields(value))
        else:
            yield name, value


def _objects(values: dict[str, Any], kept: set[int]) -> Iterator[Panel]:
    """Pictures of the arrays, the spectrum of a covariance after its entries."""
    lam = values.get("lam")
    for name, value in values.items():
        array = np.asarray(value) if isinstance(value, np.ndarray) else np.zeros(0)
        if array.dtype.kind != "f" or array.size < 2 or not np.isfinite(array).all():
            continue
        if array.ndim == 1:
            if array.size <= 4 * MOST:
                yield _stems(name, np.sort(array)[::-1] if name == "mu" else array, lam)
            continue
        flat = array.reshape(-1, array.shape[-1])
        if max(flat.shape) > MOST:
            continue
        yield _heat(name, flat, kept if array.ndim == 2 else set())
        square = array.ndim == 2 and array.shape[0] == array.shape[1]
        factor = name == "F" and lam is not None  # of the covariance F F^T
        gram = array @ array.T if factor else array
        if (factor or (square and np.array_equal(array, array.T))) and len(gram) > 1:
            of = "F F^T" if factor else name
            mu = np.linalg.eigvalsh(gram)[::-1]
            if mu[-1] >= -1e-9 * abs(mu[0]):
                yield _spectrum(of, mu, lam)


def _heat(name: str, array: np.ndarray, kept: set[int]) -> Panel:
    largest = float(np.abs(array).max()) or 1.0
    rows, columns = array.shape

    def fill(ax: Any) -> None:
        from matplotlib.patches import Rectangle

        for (i, j), entry in np.ndenumerate(array):
            colour = ORANGE if entry > 0 else BLUE
            alpha = 0.65 * abs(entry) / largest
            ax.add_patch(Rectangle((j - 0.5, i - 0.5), 1, 1, facecolor=colour, alpha=alpha))
            if max(array.shape) <= WRITTEN:
                text = _short(entry, 2)
                ax.text(j, i, text, ha="center", va="center", fontsize=7.5, color=INK)
        ax.add_patch(
            Rectangle((-0.5, -0.5), columns, rows, fill=False, edgecolor=PALE, linewidth=0.8)
        )
        ax.set(xlim=(-0.55, columns - 0.45), ylim=(rows - 0.45, -0.55), title=name)
        ax.set_aspect("equal", adjustable="box")
        ax.grid(visible=False)
        ax.spines[:].set_visible(False)
        ax.tick_params(length=0)
        for axis, length in ((ax.xaxis, columns), (ax.yaxis, rows)):
            places = range(0, length, 1 if length <= 8 else 4)
            nodes = kept if rows == columns else set()
            axis.set_ticks(places, [f"[{p}]" if p in nodes else str(p) for p in places])

    words = f"{name}, orange above 0 and blue below, up to {largest:.3g} in size"
    if kept and rows == columns:
        words += ", the nodes of J in brackets"
    return Panel(fill, words)


def _spectrum(of: str, mu: np.ndarray, lam: Any) -> Panel:
    """Eigenvalues on a logarithmic axis; those that are 0 as far as float64 sees, at its foot."""
    seen = mu > len(mu) * np.finfo(float).eps * mu[0]
    marks = [*mu[seen], *([float(lam)] if _number(lam) else [])]

    def fill(ax: Any) -> None:
        j = np.arange(1, len(mu) + 1)
        foot = min(marks) / 10 if marks else 0.1
        ax.plot(j[seen], mu[seen], "o", color=BLUE)
        ax.plot(j[~seen], np.full(int((~seen).sum()), foot), "o", color=BLUE, fillstyle="none")
        _line(ax, lam)
        ax.set(yscale="log", title=f"eigenvalues of {of}", xlabel="number")
        ax.set_ylim(foot / 2, max(marks, default=1.0) * 4)
        _plain(ax.yaxis)
        ax.set_xticks(j if len(j) <= 8 else j[::4])

    words = f"the eigenvalues of {of}"
    words += ", hollow where they are 0 in float64" if not seen.all() else ""
    return Panel(fill, words + (", the line at lam" if _number(lam) else ""))


def _stems(name: str, array: np.ndarray, lam: Any) -> Panel:
    wide = name == "mu" and array[-1] > 0 and array[0] > 10 * array[-1]

    def fill(ax: Any) -> None:
        j = np.arange(1, len(array) + 1)
        ax.plot(j, array, "o", color=BLUE)
        if not wide:
            ax.vlines(j, 0, array, color=BLUE, linewidth=1.2)
            ax.axhline(0, color=PALE, linewidth=0.8)
        if name == "mu":
            _line(ax, lam)
        ax.set(yscale="log" if wide else "linear", title=name, xlabel="number")
        ax.set_xticks(j if len(j) <= 8 else j[::4])
        _plain(ax.yaxis)

    return Panel(fill, f"the entries of {name}")


def _line(ax: Any, lam: Any) -> None:
    if _number(lam):
        ax.axhline(float(lam), color=GREEN, linewidth=1.2, linestyle="--")


def _number(value: Any) -> bool:
    return value is not None and np.ndim(value) == 0 and float(value) > 0


def _plain(axis: Any) -> None:
    """Labels without formulas, which would be other fonts than the page's."""
    axis.set_major_formatter(lambda value, _: _short(value, 3))
    if axis.get_scale() == "log":
        from matplotlib.ticker import LogLocator, NullFormatter

        axis.set_major_locator(LogLocator(numticks=6))
        axis.set_minor_formatter(NullFormatter())


def _short(value: float, digits: int) -> str:
    return re.sub(r"e\+?(-?)0*", r"e\1", f"{value:.{digits}g}").replace("-", "\N{MINUS SIGN}")


def _sides(sweep: Sweep) -> Panel:
    """The two sides, or how far they are apart where the eye could not see it."""
    good = np.isfinite(sweep.left) & np.isfinite(sweep.right)
    at, left, right = (side[good] for side in (sweep.at, sweep.left, sweep.right))
    both = np.concatenate([left, right])
    scale = np.maximum(np.abs(left), np.abs(right))
    apart = (right - left) / np.where(scale > 0, scale, 1.0)
    same = int((np.abs(apart) > ROUNDING).sum()) < 3 and bool(np.all(np.abs(apart) <= VISIBLE))
    gap = not same and bool(np.all(np.abs(apart) <= VISIBLE))
    log = bool((both > 0).all() and both.max() > 20 * both.min())

    def fill(ax: Any) -> None:
        if gap:
            wrong = bool((apart < -ROUNDING).any())
            shown = (apart > ROUNDING) | wrong
            ax.plot(at[shown], apart[shown], "o-", markersize=2.5, color=BLUE)
            if wrong:
                ax.axhline(0, color=PALE, linewidth=0.8)
            ax.set(
                yscale="linear" if wrong else "log",
                title="(right \N{MINUS SIGN} left) / larger side",
            )
        else:
            ax.plot(at, right, color=BLUE, label="left and right" if same else "right")
            if not same:
                ax.plot(at, left, color=ORANGE, linestyle="--", label="left")
            ax.set_yscale("log" if log else "linear")
            ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
        if np.isfinite(sweep.here):
            ax.axvline(sweep.here, color=PALE, linewidth=1, linestyle=":")
        ax.set(xscale="log" if sweep.log else "linear", xlabel=sweep.label)
        for axis in (ax.xaxis, ax.yaxis):
            _plain(axis)
            if axis.get_scale() == "linear":
                axis.get_major_locator().set_params(nbins=4)

    if not np.isfinite(sweep.here):
        return Panel(fill, "both sides along the ladder")
    what = sweep.label.removeprefix("factor on ").replace("largest", "the largest")
    scaled = sweep.label.startswith("factor on ")
    here = "" if scaled else f" (here {number(sweep.here)})"
    verb = "are scaled" if scaled else "is moved"
    sides = "both sides, which agree to 14 digits," if same else "both sides"
    if gap:
        sides = "how far the sides are apart"
    return Panel(fill, f"{sides} as {what}{here} {verb} and all else stays, dotted the instance")
