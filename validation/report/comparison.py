"""The comparison of bounds as a table, as figures and as JSON."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.table import Table
from rich.text import Text

from bounds.binomial import clopper_pearson
from bounds.comparison import Comparison, comparison
from bounds.degrees_of_freedom import degrees_of_freedom, spectrum
from bounds.node_counts import THEOREMS, node_count
from bounds.problem import Problem
from bounds.rounding import log_sum_up
from bounds.terms import FIXED_RADII, ORDER_ONLY, VALID, Bound, Label, Standing, show_above
from pruning.checks import Array
from pruning.reconstruction import information_loss
from pruning.selection.derandomised import certified_nodes
from pruning.selection.greedy import greedy_order
from validation.output.figures import (
    BLUE,
    GREEN,
    INK,
    ORANGE,
    PALE,
    PINK,
    SKY,
    Drawing,
    Series,
    axes,
    draw,
    label_ends,
    powers_of_ten,
)
from validation.output.schema import SCHEMA, Record
from validation.report.figures import nodes_needed

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from pruning.pruned_rnn import PrunedRNN
    from validation.data.dataset import Dataset
    from validation.report.settings import Settings

LEVEL = 0.95
"""Confidence of the interval around the test error."""

# The lines of the figures: one or two of each kind, with what each is called.
LINES = {
    "theorem.degrees_of_freedom": (ORANGE, "o", "degrees of freedom, published"),
    "theorem.determinantal": (PINK, "s", "determinantal"),
    "theorem.fixed_nodes": (ORANGE, "^", "fixed nodes, published"),
    "theorem.fixed_nodes.dudley": (BLUE, "o", "pruned alone, Dudley"),
    "theorem.fixed_nodes.net_chain": (SKY, "s", "pruned alone, chained nets"),
    "theorem.stratified.net_kl": (BLUE, "D", "pruned alone, net, radii paid"),
    "others.parameter_count.net_kl": (INK, "v", "unpruned, net"),
    "others.chen2020": (GREEN, "o", "form of Chen et al. 2020"),
    "others.cheng2024": (GREEN, "D", "form of Cheng et al. 2024"),
    "others.joukovsky2021": (GREEN, "s", "Joukovsky et al. 2021"),
    "others.tu2020": (GREEN, "^", "Tu et al. 2020"),
    "occam.binomial": (PINK, "D", "length of a code"),
}
SAMPLES = range(2, 9)
"""Decades of n that a figure shows."""
CUT = 8.0  # decades above 1 that a figure shows


@dataclass(frozen=True)
class Sweep:
    """Totals of the bounds of `LINES` along k, n or T.

    Attributes
    ----------
    axis : str
        ``k``, ``n`` or ``T``.
    x : list of int
        Increasing.
    log10 : dict of id to list
        log10 of the totals; None where the bound does not apply.
    labels : dict of id to str
        Of the last point.
    """

    axis: str
    x: list[int]
    log10: dict[str, list[float | None]]
    labels: dict[str, Label]

    def to_json(self) -> Record:
        """As plain values."""
        return {"axis": self.axis, "x": self.x, "log10_total": self.log10, "label": self.labels}


@dataclass(frozen=True)
class SideBySide:
    """The comparison as a report shows it.

    Attributes
    ----------
    bounds : list of Bound
        Every bound.
    over_n : Sweep
        Totals as if the sample had other sizes.
    needed : NodesForLoss
        Nodes for L_A <= 4 lam N(lam).
    error : tuple or None
        Errors on the test set, its size, and the interval; None without a test set.
    """

    bounds: list[Bound]
    over_n: Sweep
    needed: NodesForLoss
    error: tuple[int, int, tuple[float, float]] | None

    def groups(self) -> list[tuple[str, list[Bound]]]:
        """The bounds by label, smallest first; those with a violated hypothesis together."""
        return [(group[0].label.standing.value, group) for group in _groups(self.bounds)]

    def to_json(self) -> Record:
        """As plain values."""
        return {
            "bounds": [bound.to_json() for bound in self.bounds],
            "over_n": self.over_n.to_json(),
            "nodes_for_4_lam_N": self.needed.to_json(),
        }


def side_by_side(settings: Settings, data: Dataset, pruned: PrunedRNN) -> SideBySide:
    """Compare every bound on one pruned network of a report."""
    found = comparison(
        pruned,
        data.x,
        data.y,
        data.x_test,
        data.y_test,
        gamma=settings.gamma,
        delta=settings.delta,
        input_bound=data.x_bound,
    )
    return SideBySide(
        found.bounds(),
        over_sample_size(found, SAMPLES),
        nodes_for_loss(pruned.covariance),
        None if data.x_test is None else test_error(found.problem),
    )


def over_nodes(comparisons: Mapping[int, Comparison]) -> Sweep:
    """Totals over the nodes kept."""
    return _sweep("k", sorted(comparisons), lambda id, k: comparisons[k].bound(id))


def over_sample_size(found: Comparison, decades: Iterable[float] | None = None) -> Sweep:
    """Totals as if the sample had 10^2 to 10^8 sequences and were the same otherwise."""
    exponents = np.arange(2, 8.01, 0.5) if decades is None else np.asarray(list(decades))
    sizes = [round(10.0**x) for x in exponents]
    return _sweep("n", sizes, lambda id, n: found.bound(id, n))


def over_length(found: Comparison, longest: int = 512) -> Sweep:
    """Totals as if sequences had 1, 2, 4, ... steps and everything measured were the same."""
    own = found.problem.T
    lengths = {2**j for j in range(longest.bit_length()) if 2**j <= longest} | {own}
    return _sweep("T", sorted(lengths), lambda id, T: found.bound(id, T=T))


def tables(bounds: Sequence[Bound], problem: Problem) -> list[Table]:
    """Every bound, smallest first within each label, and a table of what was measured."""
    result = []
    for group in _groups(bounds):
        label = group[0].label
        alike = label.standing is not Standing.VIOLATED
        rows = Table(title=label.standing.value, title_justify="left")
        rows.add_column("bound", no_wrap=True)
        rows.add_column("total", justify="right", no_wrap=True)
        rows.add_column("largest term" if alike else "which")
        for bound in group:
            last = _largest(bound) if alike else bound.label.which
            rows.add_row(Text(bound.name), total_shown(bound), last)
        result.append(rows)
    rows = Table(
        title=f"measured on the network with {problem.rnn.m} nodes; n = {problem.n}, "
        f"T = {problem.T}, gamma = {problem.gamma:g}, delta = {problem.delta:g}",
        title_justify="left",
    )
    rows.add_column("what", no_wrap=True)
    rows.add_column("value", justify="right")
    rows.add_column("")
    rows.add_row("training error", f"{problem.errors / problem.n:.4g}", "")
    rows.add_row("training ramp loss", f"{problem.ramp:.4g}", "")
    if problem.x_test is not None:
        rows.add_row("test error", *_measured(problem))
    rows.add_row("0-1 loss without looking", "1", "trivial")
    return [*result, rows]


def total_shown(bound: Bound) -> str:
    """The total for a reader; 1 where only rounding keeps it from 1."""
    return "1" if abs(bound.log_total) < 1e-9 else show_above(bound.log_total)


def to_json(bounds: Sequence[Bound], problem: Problem, k: int) -> list[Record]:
    """One object a bound: id, total, label, terms and what else a bound says, with k, n and T."""
    where = {"schema": SCHEMA, "k": k, "n": problem.n, "T": problem.T}
    return [{**bound.to_json(), **where} for bound in bounds]


def sweep(
    values: Sweep, error: float | None, valid: bool | None = None, *, ax: Axes | None = None
) -> Axes:
    """Draw the totals over k, n or T, each line named at its end.

    The vertical axis is linear from 0 to 1 and logarithmic above. Solid lines are valid, dashed
    ones valid if the radii were fixed in advance, and of dotted ones a hypothesis is violated.

    Parameters
    ----------
    values : Sweep
    error : float or None
        The error on the test set.
    valid : bool, optional
        Only the valid ones, or only the others; all by default.
    """
    ax = axes(ax)
    logarithmic = values.axis != "k"
    x = [math.log10(v) if logarithmic else v for v in values.x]
    top = 1.0
    for id, (colour, marker, name) in LINES.items():
        if id not in values.labels or (valid is not None and valid != (values.labels[id] == VALID)):
            continue
        pairs = [(a, _height(y)) for a, y in zip(x, values.log10[id]) if y is not None]
        if pairs:
            top = max(top, *(y for _, y in pairs))
            certified = values.labels[id].is_bound
            style = "-" if values.labels[id] == VALID else "--" if certified else ":"
            ax.plot(
                *zip(*pairs), color=colour, marker=marker, markersize=3.5, linestyle=style,
                label=name,
            )  # fmt: skip
    if x:
        ends = [min(x), max(x)]
        dash = (0, (4, 3))
        ax.plot(ends, [1, 1], color=INK, linewidth=1, linestyle=dash, label="trivial, 1")
        if error is not None:
            ax.plot(ends, [error] * 2, color=PALE, linewidth=1.4, label="test error")
        if ends[0] < ends[1]:
            ax.set(xlim=ends)
    axis = {"k": "nodes kept, k", "n": "sequences, n", "T": "steps, T"}[values.axis]
    ax.set(xlabel=axis, ylabel="bound on the error", ylim=(0, min(top * 1.04, _height(CUT))))
    if logarithmic:
        powers_of_ten(ax.xaxis)
    shares = {share / 4: f"{share / 4:g}" for share in range(5)}
    decades = {_height(d): f"$10^{{{d}}}$" for d in range(2, round(CUT) + 1, 2)}
    ticks = {y: text for y, text in (shares | decades).items() if y <= ax.get_ylim()[1]}
    ax.set_yticks(list(ticks), list(ticks.values()))
    label_ends(ax)
    return ax


def _height(log10: float) -> float:
    """Where a total is drawn: linear up to 1, then a sixth of a unit a decade, cut at the top."""
    return 10.0**log10 if log10 <= 0 else 1 + min(log10, CUT + 1) / 6


@dataclass(frozen=True)
class NodesForLoss:
    """Nodes for L_A <= 4 lam N(lam), along a grid of lam.

    Attributes
    ----------
    lams : list of float
        Rising.
    freedom : list of float
        N(lam).
    nodes : dict of name to list of int
        By each theorem, by greedy selection, and by the certified set of section 2b.
    m : int
        Nodes there are.
    """

    lams: list[float]
    freedom: list[float]
    nodes: dict[str, list[int]]
    m: int

    def to_json(self) -> Record:
        """As plain values."""
        return {
            "lam": self.lams,
            "degrees_of_freedom": self.freedom,
            "nodes": self.nodes,
            "m": self.m,
        }


def nodes_for_loss(S: Array, points: int = 25) -> NodesForLoss:
    """Count the nodes that each theorem asks for, and that suffice in fact, for 4 lam N(lam).

    Greedy takes nodes until its own residual is small enough. The certified set is measured: its
    nodes leave at most 2 lam N(lam).
    """
    mu = spectrum(S)
    top = float(mu[0]) if len(mu) and mu[0] > 0 else 1.0
    order = greedy_order(S, len(S))
    losses = [information_loss(S, np.sort(order[:k]), tau=0.0) for k in range(len(S) + 1)]
    lams = [top * 10.0**x for x in np.linspace(-6, 1, points)]
    nodes: dict[str, list[int]] = {id: [] for id in THEOREMS}
    nodes |= {"greedy": [], "certified set": []}
    freedom = [degrees_of_freedom(mu, lam) for lam in lams]
    for lam, N in zip(lams, freedom):
        for id in THEOREMS:
            nodes[id].append(node_count(mu, lam, id).nodes)
        allowed = 4 * lam * N
        nodes["greedy"].append(
            next((k for k, loss in enumerate(losses) if loss <= allowed), len(S))
        )
        nodes["certified set"].append(len(certified_nodes(S, lam).nodes))
    return NodesForLoss(lams, freedom, nodes, len(S))


_COUNT_LINES = {
    "leverage.existence": ("5 N log(80 N), published", ORANGE, "-"),
    "leverage.event_probability_bernstein": ("leverage, Bernstein", ORANGE, "--"),
    "leverage.event_probability_sum": ("leverage, Laplace", ORANGE, ":"),
    "volume.dof": ("volume, 4 N", GREEN, "-"),
    "dpp.tradeoff_norm": ("determinantal, 3 N", BLUE, "-"),
    "dpp.existence": ("determinantal, 2 N", BLUE, "--"),
    "dpp.tradeoff": ("determinantal, (4/3) N", BLUE, ":"),
    "N": ("N(λ)", PINK, "-"),
    "certified set": ("certified set, for 2 λN", SKY, "-"),
    "greedy": ("greedy selection", INK, "-"),
}


def nodes_figure(needed: NodesForLoss, *, ax: Axes | None = None) -> Axes:
    """Draw N(lam), and the nodes needed for L_A <= 4 lam N(lam), over lam."""
    x = [math.log10(lam) for lam in needed.lams]
    curves = []
    for key, (name, colour, style) in _COUNT_LINES.items():
        nodes = needed.freedom if key == "N" else needed.nodes.get(key, [])
        curves.append((Series(name, x, nodes), colour, style))
    return nodes_needed(curves, needed.m, ax=ax)


def drawing(sweeps: Sequence[Sweep], error: float | None, valid: bool | None = None) -> Drawing:
    """The totals over k, n and T side by side."""

    def body(values: Sweep) -> Callable[[Any], Any]:
        return lambda ax: sweep(values, error, valid, ax=ax)

    return draw(*(body(values) for values in sweeps), size=(6.4, 4.2))


def test_error(problem: Problem) -> tuple[int, int, tuple[float, float]]:
    """Errors, test sequences, and the interval of Clopper and Pearson."""
    n = len(problem.test_margins)
    k = int((problem.test_margins <= 0).sum())
    return k, n, clopper_pearson(k, n, 1 - LEVEL)


test_error.__test__ = False  # type: ignore[attr-defined]  # no test of pytest's


def _sweep(axis: str, x: Sequence[int], bound: Callable[[str, int], Bound | None]) -> Sweep:
    log10: dict[str, list[float | None]] = {}
    labels: dict[str, Label] = {}
    for id in LINES:
        found = [bound(id, value) for value in x]
        known = [b for b in found if b is not None]
        if known:
            log10[id] = [None if b is None else b.log10_total for b in found]
            labels[id] = known[-1].label
    return Sweep(axis, list(x), log10, labels)


def _groups(bounds: Sequence[Bound]) -> list[list[Bound]]:
    order = (VALID, FIXED_RADII)
    groups = [[b for b in bounds if b.label == label] for label in order]
    groups.append([b for b in bounds if b.label.standing is Standing.VIOLATED])
    groups.append([b for b in bounds if b.label == ORDER_ONLY])
    return [sorted(group, key=lambda b: b.log_total) for group in groups if group]


def _largest(bound: Bound) -> str:
    largest = max(bound.terms, key=lambda term: term.log_value)
    share = math.exp(largest.log_value - log_sum_up(t.log_value for t in bound.terms))
    return largest.name if round(100 * share) == 100 else f"{largest.name}, {100 * share:.0f} %"


def _measured(problem: Problem) -> tuple[str, str]:
    k, n, (low, high) = test_error(problem)
    interval = f"{100 * LEVEL:g} % interval {low:.4g} to {high:.4g}"
    return f"{k / n:.4g}", f"{k} of {n}, {interval}"
