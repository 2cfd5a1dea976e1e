"""Which numbers of a study each figure shows."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from bounds.terms import Bound
from validation.output.figures import Drawing, Series, bounds_over_nodes, draw
from validation.report import figures
from validation.report.comparison import nodes_figure, sweep
from validation.report.findings import short_name
from validation.report.reference import Chains, Reference
from validation.report.sharpness import figure
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
    "approximation.recursion",
    "approximation.weighted",
    "approximation.weighted_from_mean",
    "approximation.global",
    "approximation.a_priori",
)


def gallery(study: Study) -> dict[str, Drawing]:
    """Return every figure of the report by its name; one that has nothing to show is left out.

    ``overview`` puts three of them side by side; it is a file only, the page shows each.
    """
    reference = study.reference
    fill: dict[str, Callable[[Axes], Axes]] = {
        "accuracy": lambda ax: _accuracy(ax, study),
        "error_mean": lambda ax: _errors(ax, reference, lambda chains: chains.mean),
        "chain": lambda ax: _chain(ax, reference.chain.mean),
        "sharpness": figure([chains.sharpness for chains in reference.chains], reference.rnn.m),
        "terms": lambda ax: _terms(ax, reference),
        "nodes_needed": lambda ax: _nodes_needed(ax, reference),
        "tradeoff": lambda ax: _tradeoff(ax, reference),
    }
    if not any(chains.sharpness.ratios() for chains in reference.chains):
        del fill["sharpness"]
    if reference.chain.read:
        fill["error_read"] = lambda ax: _errors(ax, reference, lambda chains: chains.read)
    if any(mu > 0 for mu in reference.eigenvalues):
        fill["spectrum"] = lambda ax: figures.spectrum(ax, reference.eigenvalues)
    sides = reference.side_by_side
    if sides is not None:
        error = None if sides.error is None else sides.error[0] / sides.error[1]
        fill["comparison"] = lambda ax: sweep(ax, sides.over_n, error)
        if any(mu > 0 for mu in reference.eigenvalues):
            fill["nodes_for_loss"] = lambda ax: nodes_figure(ax, sides.needed)
    drawn = {name: draw(body) for name, body in fill.items()}
    if reference.losses:
        drawn["felt"] = draw(
            lambda ax: _losses(ax, reference, "residual"),
            lambda ax: _losses(ax, reference, "residual_felt"),
        )
    drawn["overview"] = draw(fill["accuracy"], fill["error_mean"], fill["chain"])
    return drawn


def _accuracy(ax: Axes, study: Study) -> Axes:
    curves = []
    for activation in study.activations:
        trials = study.of(activation)
        sizes = sorted({row.k for row in trials[0].rows})
        first = activation == study.activations[0]
        for method in METHODS if first else (RECONSTRUCTED,):
            name = METHOD_LABELS[method]
            if not first:
                name = f"{name}, {activation}"
            means, deviations = zip(*(mean_accuracy(trials, method, k) for k in sizes))
            curves.append(Series(name, sizes, means, deviations))
    whole, _ = mean_accuracy(study.of(study.activations[0]))
    kind = "training" if study.data.x_test is None else "test"
    return figures.accuracy_over_nodes(ax, curves, whole, kind)


def _losses(ax: Axes, reference: Reference, which: str) -> Axes:
    curves = []
    for name, losses in reference.losses.items():
        values = getattr(losses, which)
        y = [math.log10(value) if value > 0 else None for value in values]
        curves.append(Series(f"{name} nodes", list(range(1, len(y) + 1)), y))
    label = {
        "residual": "lost of the states, Tr R_t",
        "residual_felt": "felt by the output, Tr[O_t R_t]",
    }[which]
    return figures.losses_over_steps(ax, curves, label)


def _errors(ax: Axes, reference: Reference, steps: Callable[[Chains], list[Bound]]) -> Axes:
    # At k = m only the ridge is left of the error, and the axis would be spent on that one point.
    sizes = [chains for chains in reference.chains if chains.k < reference.rnn.m]
    sizes = sizes or reference.chains
    shown = [step for step in steps(reference.chain) if step.id in LINES]
    curves = [
        Series(
            short_name(line),
            [chains.k for chains in sizes],
            [
                next(step.log10_total for step in steps(chains) if step.id == line.id)
                for chains in sizes
            ],
        )
        for line in shown
    ]
    return bounds_over_nodes(ax, curves)


def _chain(ax: Axes, steps: Sequence[Bound]) -> Axes:
    return figures.chain(ax, [(short_name(step), step.log10_total) for step in steps])


def _terms(ax: Axes, reference: Reference) -> Axes:
    bound = reference.bounds[0]
    measured = [
        ("train loss, pruned", reference.measured.train_risk),
        ("test loss, pruned", reference.measured.risk),
    ]
    return figures.terms(
        ax,
        [(term.name, term.log10_value) for term in bound.terms],
        bound.log10_total,
        [(name, math.log10(loss) if loss else None) for name, loss in measured],
    )


def _nodes_needed(ax: Axes, reference: Reference) -> Axes:
    need = reference.need
    lams = [math.log10(lam) for lam in need.lams]
    curves = [
        Series("N(λ)", lams, need.freedom),
        Series("5 N log(80 N)", lams, need.published),
        Series("3 N (determinantal)", lams, need.sharper),
    ]
    return figures.nodes_needed(ax, curves, reference.rnn.m)


def _tradeoff(ax: Axes, reference: Reference) -> Axes:
    published = reference.tradeoffs["theorem.degrees_of_freedom"]
    sharper = reference.tradeoffs["theorem.determinantal"]
    lams = [math.log10(lam) for lam in published.lam]

    def part(name: str) -> list[float | None]:
        return [None if b is None else b[name].log10_value for b in published.bounds]

    def totals(bounds: Sequence[Bound | None]) -> list[float | None]:
        return [None if b is None else b.log10_total for b in bounds]

    total = totals(published.bounds)
    curves = [
        Series("total, degrees of freedom", lams, total),
        Series("its approximation term", lams, part("approximation")),
        Series("its complexity term", lams, part("complexity")),
        Series("total, determinantal", lams, totals(sharper.bounds)),
    ]
    best = None
    if published.best is not None:
        y = total[published.best]
        assert y is not None
        best = (lams[published.best], y)
    return figures.tradeoff(ax, curves, best)
