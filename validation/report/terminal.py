"""The report as tables on a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bounds.terms import Bound, show_above
from validation.output.terminal import show_table
from validation.report.findings import short_name
from validation.report.study import Study
from validation.report.trials import METHODS, mean_accuracy


def print_study(console: Console, study: Study, findings: Sequence[str]) -> None:
    """Print the findings, the terms of each theorem, the chain and the accuracies."""
    for sentence in findings:
        console.print(f"- {sentence}", markup=False, highlight=False)
    reference = study.reference
    for bound in reference.bounds:
        show_table(console, _terms(bound))
    norm = "at the last step" if reference.chain.read else "averaged over time"
    show_table(console, _chain(reference.chain.steps, reference.sharpest, norm))
    for activation in study.activations:
        show_table(console, _accuracies(study, activation))


def _terms(bound: Bound) -> Table:
    table = Table(
        title=Text(bound.name, "italic"),
        title_justify="left",
        caption=bound.label,
        caption_justify="left",
    )
    table.add_column("term")
    table.add_column("value", justify="right")
    table.add_column("source")
    for term in bound.terms:
        table.add_row(term.name, show_above(term.log_value), term.source)
    table.add_section()
    table.add_row("total", show_above(bound.log_total), "")
    return table


def _chain(steps: Sequence[Bound], sharpest: Bound, norm: str) -> Table:
    table = Table(title=f"Error of the output {norm}", title_justify="left")
    table.add_column("step")
    table.add_column("value", justify="right")
    table.add_column("id")
    for step in steps:
        table.add_row(short_name(step), show_above(step.log_total), step.id)
    table.add_section()
    table.add_row("sharpest bound", show_above(sharpest.log_total), sharpest.id)
    return table


def _accuracies(study: Study, activation: str) -> Table:
    trials = study.of(activation)
    kind = "Training" if study.data.x_test is None else "Test"
    table = Table(title=f"{kind} accuracy in percent, {activation}", title_justify="left")
    table.add_column("k", justify="right")
    for method in METHODS:
        table.add_column(method, justify="right")
    for k in sorted({row.k for row in trials[0].rows}):
        cells = []
        for method in METHODS:
            mean, deviation = mean_accuracy(trials, method, k)
            spread = f" ± {100 * deviation:.1f}" if len(trials) > 1 else ""
            cells.append(f"{100 * mean:.1f}{spread}")
        table.add_row(str(k), *cells)
    return table
