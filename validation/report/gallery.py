"""Which numbers of a study each figure shows, and what is written below it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from bounds.node_theorems import RESIDUAL_FACTOR
from bounds.terms import Bound
from validation.output.figures import SIZE, Drawing, Fill, Series, bounds_over_nodes, draw
from validation.report import figures, sharpness
from validation.report.comparison import nodes_figure, nodes_for_loss, sweep
from validation.report.findings import short_name
from validation.report.reference import Chains, Reference
from validation.report.study import Study
from validation.report.trials import METHODS, RECONSTRUCTED, mean_accuracy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

METHOD_LABELS = dict(
    zip(
        METHODS,
        (
            "spectral",
            "spectral, no reconstruction",
            "random nodes",
            "random, no reconstruction",
            "balanced",
            "balanced, read-out",
            "balanced, closed loop",
        ),
    )
)
LINES = (
    "measured",
    "one_step",
    "approximation.recursion",
    "approximation.weighted",
    "approximation.weighted_from_mean",
    "approximation.global",
    "approximation.a_priori",
)
NAMED = (6.4, 4.2)
"""Inches of a figure whose lines are named at their ends."""


@dataclass(frozen=True)
class Figure:
    """A figure of the page.

    Attributes
    ----------
    caption : str
        A sentence or more, for the page and for ``captions.md``.
    drawing : Drawing
    """

    caption: str
    drawing: Drawing


def gallery(study: Study, say: Callable[[str], None] = lambda name: None) -> dict[str, Figure]:
    """Return every figure of the page by its name; one that has nothing to show is left out.

    Parameters
    ----------
    study : Study
    say : callable, optional
        Called with the name of what is drawn now.
    """
    found = {}
    for name, (caption, fill, size) in planned(study).items():
        say(name)
        found[name] = Figure(caption, draw(*fill, size=size))
    return found


def overview(study: Study) -> Drawing:
    """Three of the figures side by side, for a README."""
    reference, first = study.reference, study.activations[0]
    return draw(
        lambda ax: _accuracy(study, first, ax=ax),
        lambda ax: _errors(reference, ax=ax),
        lambda ax: _chain(reference, ax=ax),
    )


def captions(found: dict[str, Figure]) -> str:
    """Every caption, as Markdown: a heading a figure, with the names of its files."""
    parts = ["# Captions\n"]
    parts += [f"## {name}\n\n{figure.caption}\n" for name, figure in found.items()]
    return "\n".join(parts)


def planned(study: Study) -> dict[str, tuple[str, tuple[Fill, ...], tuple[float, float]]]:
    """Return the caption, what draws and the size of every figure, by its name."""
    reference, k, m = study.reference, study.reference.k, study.reference.rnn.m
    found: dict[str, tuple[str, tuple[Fill, ...], tuple[float, float]]] = {}

    def plan(name: str, caption: str, *body: Any, size: tuple[float, float] = SIZE) -> None:
        found[name] = (caption, tuple(map(_onto, body)), size)

    norm = (
        "at the last step, where the network is read out"
        if reference.chain.read
        else ("averaged over time")
    )
    many, seeds = study.settings.seeds > 1, study.settings.seeds
    over = "training" if study.model is None else "draw of the random nodes"
    over = over.replace("training", "trainings").replace("draw ", "draws ") if many else over
    spread = "; mean over {}, the band is one standard deviation each way" if many else ", of {}"
    for place, activation in enumerate(study.activations):
        plan(
            f"accuracy_{activation}" if place else "accuracy",
            f"Accuracy of the {activation} network over the nodes kept, without fine-tuning"
            f"{spread.format(f'{seeds} {over}')}.",
            partial(_accuracy, study, activation),
        )
    plan(
        "error",
        f"The error of the pruned network {norm}: the norm of the theorem. Each line is a step of "
        "the proof, from the measured error to the published bound, or the sharpest bound found. "
        "k = m is left out.",
        partial(_errors, reference),
    )
    plan(
        "chain",
        f"Where the bound on the error loses, {norm}, at k = {k}: each step of the proof starts "
        "where the one before ends, × is the factor that it costs, and the dearest is orange. "
        "Below the line: the sharpest bound found on the same error, by another way.",
        partial(_chain, reference),
    )
    plan(
        "terms",
        f"The terms of {reference.bounds[0].name} at k = {k}, sorted, its approximation term in "
        "its two parts, beside the measured losses and the total of the bound that pays for its "
        "radii. Beyond the line at 1 a bound on this loss says nothing.",
        partial(_terms, reference),
    )
    if any(entry.sharpness.ratios() for entry in reference.chains):
        plan(
            "sharpness",
            "How many times the measured error each bound is, averaged over time and from S alone. "
            "The lines of slopes are no bounds: they are errors that factors of the sector reach "
            "on these residuals, so that no method that knows only the sector (and |h'| ≤ sup|s|) "
            "can be below. Dissipation is drawn where it was searched.",
            partial(sharpness.figure, [entry.sharpness for entry in reference.chains], m),
        )
    if reference.losses:
        plan(
            "felt",
            "Where the error is born and where it is felt: what the kept nodes lose of the states "
            f"at each step (left), and what {_feels(study)} through all later steps (right), for "
            f"the nodes of {RECONSTRUCTED}, and for those of balanced, k = {k}.",
            partial(_losses, reference, "residual"),
            partial(_losses, reference, "residual_felt"),
            size=(3.4, 3.4),
        )
    if any(mu > 0 for mu in reference.eigenvalues):
        tail = math.fsum(reference.eigenvalues[k:])
        plan(
            "spectrum",
            "Eigenvalues of the time-mean covariance S of the hidden state, and what is left of "
            f"their sum: beyond k = {k} it is {tail:.3g} of Tr S = "
            f"{math.fsum(reference.eigenvalues):.3g}, and no k nodes lose less.",
            partial(figures.spectrum, reference.eigenvalues, k),
        )
        sides = reference.side_by_side
        needed = nodes_for_loss(reference.S) if sides is None else sides.needed
        plan(
            "nodes",
            "Degrees of freedom N(λ), and nodes for a residual of at most 4 λN(λ): what each "
            "theorem asks for, what greedy selection needs, and a set that is certified for "
            "2 λN(λ). Above the line at m a condition is empty.",
            partial(nodes_figure, needed),
            size=NAMED,
        )
    curves = _tradeoff_curves(reference)
    if curves:
        published = reference.tradeoffs["theorem.degrees_of_freedom"].summary()
        plan(
            "tradeoff",
            "The bound over λ, each with the fewest nodes that its theorem asks for there, where "
            "what it promises of the residual is less than Tr S, which no node at all gives. "
            + ("" if _says_something(reference, "theorem.degrees_of_freedom") else
               "For theorem.degrees_of_freedom there is no such λ. ")
            + published,
            partial(figures.tradeoff, curves),
        )  # fmt: skip
    sides = reference.side_by_side
    if sides is not None:
        error = None if sides.error is None else sides.error[0] / sides.error[1]
        same = "as if the sample had n sequences and everything measured on it were the same"
        plan(
            "comparison",
            f"Bounds that are valid, {same}.",
            partial(sweep, sides.over_n, error, True),
            size=NAMED,
        )
        plan(
            "comparison_not_valid",
            f"Bounds that are not valid as they stand, {same}; dashed: valid if the radii were "
            "fixed in advance, dotted: a hypothesis is violated. Linear up to 1, logarithmic "
            "above, and cut at 10⁸.",
            partial(sweep, sides.over_n, error, False),
            size=NAMED,
        )
    return found


def _onto(body: Callable[..., Any]) -> Fill:
    return lambda ax: body(ax=ax)


def _accuracy(study: Study, activation: str, *, ax: Axes | None = None) -> Axes:
    trials = study.of(activation)
    sizes = sorted({row.k for row in trials[0].rows})
    curves = []
    for method in METHODS:
        means, deviations = zip(*(mean_accuracy(trials, method, k) for k in sizes))
        curves.append(Series(METHOD_LABELS[method], sizes, means, deviations))
    whole, _ = mean_accuracy(trials)
    kind = "training" if study.data.x_test is None else "test"
    return figures.accuracy_over_nodes(curves, whole, kind, study.reference.k, ax=ax)


def _feels(study: Study) -> str:
    """What feels a residual, and how that is known."""
    if study.reference.logits:
        words = "the softmax of the outputs feels of it (to second order twice the divergence)"
    else:
        words = "the output feels of it"
    return words + (", estimated by random signs," if study.data.every_step else "")


def _losses(reference: Reference, which: str, *, ax: Axes | None = None) -> Axes:
    curves = []
    for name, losses in reference.losses.items():
        values = getattr(losses, which)
        y = [math.log10(value) if value > 0 else None for value in values]
        curves.append(Series(f"{name} nodes", list(range(1, len(y) + 1)), y))
    label = {
        "residual": r"lost of the states, Tr $R_t$",
        "residual_felt": rf"felt by the {'softmax' if reference.logits else 'output'}, "
        r"Tr[$O_t R_t$]",
    }[which]
    return figures.losses_over_steps(curves, label, ax=ax)


def _errors(reference: Reference, *, ax: Axes | None = None) -> Axes:
    # At k = m only the ridge is left of the error, and the axis would be spent on that one point.
    sizes = [entry for entry in reference.chains if entry.k < reference.rnn.m]
    sizes = sizes or reference.chains
    x = [entry.k for entry in sizes]

    def curve(name: str, read: Callable[[Chains], float | None]) -> Series:
        return Series(name, x, [read(entry) for entry in sizes])

    def of(id: str) -> Callable[[Chains], float | None]:
        return lambda entry: next(step.log10_total for step in entry.steps if step.id == id)

    curves = [
        curve(short_name(step), of(step.id)) for step in reference.chain.steps if step.id in LINES
    ]
    curves.append(curve("sharpest bound", lambda entry: entry.sharpest.log10_total))
    return bounds_over_nodes(curves, reference.k, ax=ax)


def _chain(reference: Reference, *, ax: Axes | None = None) -> Axes:
    steps = [(short_name(step), step.log10_total) for step in reference.chain.steps]
    best = reference.sharpest
    name = best.id.removeprefix("approximation.")
    return figures.chain(steps, (f"sharpest: {name}", best.log10_total), ax=ax)


def _terms(reference: Reference, *, ax: Axes | None = None) -> Axes:
    bound, paid = reference.bounds[0], reference.bound("theorem.stratified")
    summands = []
    for term in bound.terms:
        for part in term.parts or (term,):
            name = part.name if part is term else f"{term.name}: {part.name}"
            summands.append((name, part.log10_value))
    totals = [("total", bound.log10_total)]
    if paid is not None:
        totals.append(("total, radii paid, sharpest", paid.log10_total))
    measured = [
        ("train loss, pruned", reference.measured.train_risk),
        ("test loss, pruned", reference.measured.risk),
    ]
    losses = [(name, math.log10(loss) if loss else None) for name, loss in measured]
    return figures.terms(summands, totals, losses, ax=ax)


def _says_something(reference: Reference, id: str) -> list[int]:
    """Where on its grid of lam a theorem promises a residual below Tr S."""
    curve = reference.tradeoffs[id]
    trace = float(reference.S.trace())
    factor = RESIDUAL_FACTOR[id]
    return [
        place
        for place, (lam, N, bound) in enumerate(zip(curve.lam, curve.N, curve.bounds))
        if bound is not None and factor * lam * N < trace
    ]


def _tradeoff_curves(reference: Reference) -> list[Series]:
    curves = []

    def add(name: str, lams: Sequence[float], y: Sequence[float | None]) -> None:
        if any(value is not None for value in y):
            curves.append(Series(name, lams, y))

    for id, name in (
        ("theorem.degrees_of_freedom", "degrees of freedom"),
        ("theorem.determinantal", "determinantal"),
    ):
        curve = reference.tradeoffs[id]
        places = _says_something(reference, id)
        lams = [math.log10(curve.lam[place]) for place in places]
        bounds: list[Bound] = [b for place in places if (b := curve.bounds[place]) is not None]
        add(f"{name}: total", lams, [bound.log10_total for bound in bounds])
        add(f"{name}: complexity", lams, [bound["complexity"].log10_value for bound in bounds])
    return curves
