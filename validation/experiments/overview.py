"""Several experiments in one table, a line each, at the size that each is about."""

from __future__ import annotations

from collections.abc import Sequence

from pruning.checks import choice
from validation.experiments.findings import lead
from validation.experiments.grids import SCRATCH
from validation.experiments.methods import WHOLE
from validation.experiments.summaries import Results, show
from validation.experiments.tables import with_seeds
from validation.output.tables import Table, formatted

HEADER = (
    "experiment",
    "nodes",
    "score",
    "whole",
    "spectral",
    "with true states",
    "best other",
    "best of the paper's others",
    "spectral, fine-tuned",
    "best other, fine-tuned",
    "balanced, closed loop",
    "closed loop, fine-tuned",
    "from scratch",
)


def overview(experiments: Sequence[Results], form: str, width: int = 100) -> str:
    """Return the experiments in one table, as Markdown, LaTeX or text of some width.

    Raises
    ------
    ValueError
        If the format is another.
    """
    choice("format of several experiments", form, ("md", "latex", "text"))
    sentences = [
        "Mean and standard deviation over the seeds; methods with as few parameters. With true "
        "states: the read-out of spectral, from the nodes that it keeps in the whole network. The "
        "best others are without the methods of section 11, whose closed loop has its own columns."
    ]
    title = "Test accuracy (%) or perplexity before and after fine-tuning"
    table = Table(title, HEADER, [_line(results) for results in experiments])
    return formatted(sentences, [table], form, width)


def _line(results: Results) -> tuple[str, ...]:
    k = results.focus
    size = results.parameters(WHOLE, None)
    whole = "?" if size is None else f"{size['nodes']:.0f}"
    return (
        results.facts["name"],
        f"{whole} to {k}",
        results.facts["score"],
        show(results.scores(WHOLE, None), results),
        show(results.scores("spectral", k), results),
        show(results.read_out(k), results),
        _best(results, k),
        _best(results, k, in_paper=True),
        with_seeds(results.scores("spectral", k, trained=True), results),
        _best(results, k, trained=True),
        with_seeds(results.scores("balanced, closed loop", k), results),
        with_seeds(results.scores("balanced, closed loop", k, trained=True), results),
        show(results.scores(SCRATCH, k, trained=True), results),
    )


def _best(results: Results, k: int, in_paper: bool = False, trained: bool = False) -> str:
    found = lead(results, k, in_paper, trained, feels_recursion=False)
    return "-" if found is None else f"{found.rival} {with_seeds(found.score, results)}"
