"""The report as tables on a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.table import Table

from bounds.terms import Bound, show
from validation.report.findings import percent, short_name
from validation.report.study import Progress, Study
from validation.report.trials import METHODS, mean_accuracy


def print_study(console: Console, study: Study, findings: Sequence[str]) -> None:
    """Print the findings, the terms of each theorem, the chain and the accuracies."""
    for sentence in findings:
        console.print(f"- {sentence}", markup=False, highlight=False)
    reference = study.reference
    for bound in reference.bounds:
        console.print(_terms(bound))
    console.print(_chain(reference.chain.mean, "averaged over time"))
    if reference.chain.read:
        console.print(_chain(reference.chain.read, "at the last step"))
    for activation in study.activations:
        console.print(_accuracies(study, activation))


@contextmanager
def shown_progress(console: Console) -> Iterator[Progress | None]:
    """Yield a progress callback that draws a bar on a terminal, and None elsewhere."""
    if not console.is_terminal:
        yield None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Bar(*columns, TimeElapsedColumn(), console=console, transient=True) as bar:
        task = bar.add_task("networks", total=None)

        def update(what: str, done: int, total: int) -> None:
            bar.update(task, description=what, completed=done, total=total)

        yield update


def _terms(bound: Bound) -> Table:
    table = Table(title=bound.id, title_justify="left", caption=bound.label, caption_justify="left")
    table.add_column("term")
    table.add_column("value", justify="right")
    table.add_column("source")
    for term in bound.terms:
        table.add_row(term.name, show(term.log_value), term.source)
    table.add_section()
    table.add_row("total", show(bound.log_total), "")
    return table


def _chain(steps: Sequence[Bound], norm: str) -> Table:
    table = Table(title=f"Error of the output {norm}", title_justify="left")
    table.add_column("step")
    table.add_column("id")
    table.add_column("value", justify="right")
    for step in steps:
        table.add_row(short_name(step), step.id, show(step.log_total))
    return table


def _accuracies(study: Study, activation: str) -> Table:
    trials = study.of(activation)
    kind = "Training" if study.data.x_test is None else "Test"
    table = Table(title=f"{kind} accuracy, {activation}", title_justify="left")
    table.add_column("k", justify="right")
    for method in METHODS:
        table.add_column(method, justify="right")
    for k in sorted({row.k for row in trials[0].rows}):
        cells = []
        for method in METHODS:
            mean, deviation = mean_accuracy(trials, method, k)
            cells.append(f"{percent(mean)} ± {100 * deviation:.1f}")
        table.add_row(str(k), *cells)
    return table
