"""The worst instance of a claim as a picture: its matrices, its spectrum, both sides over a number.

Every panel is an SVG of its own inside the page: beside one another where there is room, below one
another where there is not, in the colours of the page. Sides are the middles of narrow enclosures
in balls, so that no curve shows rounding; eigenvalues are those of float64. A verdict never rests
on a picture.
"""

from __future__ import annotations

import html
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, is_dataclass
from io import StringIO
from typing import Any

import numpy as np

from validation import Claim, ClaimError, Instance
from validation.arithmetic import FLOAT64, Unsupported
from validation.checking.describing import number
from validation.checking.evaluation import NUMERICAL, middles, score
from validation.checking.orders import rungs
from validation.output.figures import BLUE, GREEN, INK, ORANGE, PALE, inline, styled

SIZE = (3.1, 2.5)
MOST = 16  # rows or columns of a matrix that is drawn
WRITTEN = 4  # up to so many, the entries are written into their cells
POINTS = 41
OCTAVES = 8  # a positive number is moved by 2^-8 to 2^8, a matrix by the square roots of these
SECONDS = 2.0  # of sweeping a claim
ROUNDING, VISIBLE = 1e-14, 0.03  # relative distances that float64 and the eye do not see
NO_METADATA = ("Date", "Creator", "Format", "Type")


@dataclass(frozen=True)
class Panel:
    """One picture, and what it shows in words."""

    fill: Callable[[Any], Any]
    words: str


@dataclass(frozen=True)
class Sweep:
    """Both sides, at one entry, while one argument moves and all else is as in the instance."""

    label: str
    at: np.ndarray
    here: float
    left: np.ndarray
    right: np.ndarray
    log: bool


def figure(claim: Claim, instance: Instance) -> str:
    """The panels of an instance as HTML, empty where there is nothing to draw."""
    return _html(list(_panels(claim, instance)), "worst")


def sides_alone(claim: Claim, instance: Instance, name: str) -> str:
    """Both sides over one argument, as HTML; `name` is unique on the page."""
    return _html([_sides(sweep) for sweep in _curves(claim, instance, 1)], name)


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
    for sweep in _curves(claim, instance, 1 if objects else 2):
        yield _sides(sweep)


def _curves(claim: Claim, instance: Instance, count: int) -> list[Sweep]:
    """What can be drawn of the two sides: along the ladder of an order, else over arguments."""
    if claim.kind == "order":
        ladder = _ladder(claim, instance)
        return [] if ladder is None else [ladder]
    return _sweeps(claim, instance, count) if claim.kind == "inequality" else []


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


def _sweeps(claim: Claim, instance: Instance, count: int) -> list[Sweep]:
    """The sides over those arguments, positive numbers first, that change left over right."""
    end = time.monotonic() + SECONDS
    found: list[Sweep] = []
    ways = sorted(_ways(claim, instance), key=lambda way: way[0])
    for _, label, at, here, log, place in ways:
        if len(found) == count or time.monotonic() > end:
            break
        sweep = _over(claim, label, at, here, log, place, instance, end)
        if sweep is not None:
            found.append(sweep)
    return found


Way = tuple[int, str, np.ndarray, float, bool, Callable[[float], Instance]]


def _ways(claim: Claim, instance: Instance) -> Iterator[Way]:
    """What can move: how early to try it, its name, where to, from where, and how."""
    for name, factor in claim.instances.factors.items():
        raw = instance.raw[name]
        free = factor.parameters(raw)
        if free.values.size == 0:
            continue

        def moved(
            values: np.ndarray, name: str = name, factor: Any = factor, raw: Any = raw
        ) -> Instance:
            new = factor.with_parameters(raw, np.asarray(values, dtype=float))
            return Instance(instance.sizes, {**instance.raw, name: new})

        low, high, here = float(free.low[0]), float(free.high[0]), float(free.values[0])
        scalar = np.ndim(raw) == 0 and free.values.size == 1
        if scalar and free.log[0]:
            at = np.clip(here * 2.0 ** np.linspace(-OCTAVES, OCTAVES, POINTS), low, high)
            yield 0, name, np.unique(at), here, True, lambda v, moved=moved: moved([v])
        elif scalar:
            reach = 2 * max(1.0, abs(here))
            ends = max(low, here - reach), min(high, here + reach)
            yield (
                1,
                name,
                np.linspace(*ends, POINTS),
                here,
                False,
                lambda v, moved=moved: moved([v]),
            )
        elif free.values.any():
            at = 2.0 ** np.linspace(-OCTAVES / 2, OCTAVES / 2, POINTS)

            def scaled(v: float, moved: Any = moved, values: np.ndarray = free.values) -> Instance:
                return moved(v * values)

            yield 2, f"factor on the free numbers of {name}", at, 1.0, True, scaled
            largest = int(np.abs(free.values).argmax())
            value = float(free.values[largest])
            ends = (
                max(float(free.low[largest]), value - 2 * abs(value)),
                min(float(free.high[largest]), value + 2 * abs(value)),
            )

            def one(
                v: float, moved: Any = moved, values: np.ndarray = free.values, j: int = largest
            ) -> Instance:
                changed = values.copy()
                changed[j] = v
                return moved(changed)

            label = f"largest free number of {name}"
            yield 3, label, np.linspace(*ends, POINTS), value, False, one


def _over(
    claim: Claim, label: str, at: np.ndarray, here: float, log: bool,
    place: Callable[[float], Instance], instance: Instance, end: float,
) -> Sweep | None:  # fmt: skip
    """One sweep; None where it shows nothing: a side is missing, or the ratio stays as it is."""
    first = _both(claim, instance)
    if first is None or len(at) < 5:
        return None
    shape = np.broadcast_shapes(*(side.shape for side in first))
    if 0 in shape:
        return None
    left, right = (np.broadcast_to(side, shape) for side in first)
    with np.errstate(all="ignore"):
        ratio = np.where(left == right, 1.0, left / right)
    entry = np.unravel_index(int(np.nanargmax(np.where(np.isnan(ratio), -1, ratio))), shape)
    pairs = np.full((len(at), 2), np.nan)
    for row, value in zip(pairs, at):
        if time.monotonic() > end:
            return None
        moved = place(float(value))
        both = _both(claim, moved)
        if both is None or np.broadcast_shapes(*(s.shape for s in both)) != shape:
            continue
        if claim.hypotheses and not score(claim, moved).met:
            continue
        row[:] = [np.broadcast_to(side, shape)[entry] for side in both]
    good = np.isfinite(pairs).all(axis=1)
    if good.sum() < 5:
        return None
    # A ratio that never moves says nothing: both sides are homogeneous in what was moved.
    left, right = pairs[good].T
    scale = np.maximum(np.abs(left), np.abs(right))
    apart = (right - left) / np.where(scale > 0, scale, 1.0)
    low, high = np.quantile(apart, [0.05, 0.95])
    if high - low <= max(ROUNDING, 1e-3 * np.abs(apart).max()):
        return None
    return Sweep(label, at, here, pairs[:, 0], pairs[:, 1], log)


def _both(claim: Claim, instance: Instance, x: float | None = None) -> list[np.ndarray] | None:
    """Both sides as floats, None where balls do not enclose them narrowly."""
    with np.errstate(all="ignore"):
        try:
            pair = middles(claim, claim.body, instance, x=x)
            return [np.asarray(side, dtype=float) for side in pair]
        except (*NUMERICAL, Unsupported, ClaimError, TypeError, ValueError):
            return None


def _ladder(claim: Claim, instance: Instance) -> Sweep | None:
    """Both sides along the ladder of an order."""
    at = np.asarray(rungs(claim), dtype=float)
    found = [_both(claim, instance, float(x)) for x in at]
    pairs = np.array([[s.max() for s in both] if both else [np.nan] * 2 for both in found])
    if np.isfinite(pairs).all(axis=1).sum() < 2:
        return None
    return Sweep("x, along the ladder", at, np.nan, pairs[:, 0], pairs[:, 1], log=True)


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
            ax.plot(at, right, color=BLUE, label="left = right" if same else "right")
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
    sides = "both sides, which agree," if same else "both sides"
    if gap:
        sides = "how far the sides are apart"
    return Panel(fill, f"{sides} as {what}{here} {verb} and all else stays, dotted the instance")
