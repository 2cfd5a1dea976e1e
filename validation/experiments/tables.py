"""The tables of an experiment: in Markdown, LaTeX and CSV, and for a terminal."""

from __future__ import annotations

import csv
import io
import statistics
from collections.abc import Callable

from pruning.checks import choice
from validation.experiments.findings import findings, lead
from validation.experiments.grids import is_trained
from validation.experiments.methods import WHOLE
from validation.experiments.summaries import Cell, Results, matched_by, reads_labels, show
from validation.output.schema import Record
from validation.output.tables import Table, formatted

FORMATS = ("md", "latex", "csv", "text")

_BLOCKS = {"w_input": "W_i", "w_hidden": "W_h", "w_output": "W_o", "biases": "biases"}


def written(results: Results, form: str, width: int = 100) -> str:
    """Return the tables in a format; CSV is one line for every finished row instead.

    `width` is that of the terminal that text is for.
    """
    choice("format", form, FORMATS)
    if form == "csv":
        return _csv(results)
    sentences = [_caption(results), *findings(results)]
    tables = tables_of(results)
    return formatted(sentences, tables, form, width)


def tables_of(results: Results) -> list[Table]:
    """Return every table that the finished rows fill."""
    makers: list[Callable[[Results], Table | None]] = [
        over_nodes,
        leads_over_nodes,
        before_and_after,
        sensitivity,
        bounds_over_nodes,
        bounds_over_steps,
    ]
    return [table for make in makers if (table := make(results)) is not None]


def over_nodes(results: Results) -> Table | None:
    """Score by method and k, before fine-tuning."""
    lines = []
    whole = results.scores(WHOLE, None)
    if whole is not None:
        lines.append((WHOLE, "", *[show(whole, results)] * len(results.nodes)))
    true = [results.read_out(k) for k in results.nodes]
    if any(true):
        name = "spectral, nodes with their true states"
        lines.append((name, "", *(show(cell, results) for cell in true)))
    for method in results.methods:
        if any(results.score_rows(method, k) for k in results.nodes):
            texts = [with_seeds(results.scores(method, k), results) for k in results.nodes]
            lines.append((method, matched_by(method), *texts))
    header = ("method", "matched by", *(f"k = {k}" for k in results.nodes))
    return Table(f"{_score(results)} before fine-tuning", header, lines) if lines else None


def with_seeds(cell: Cell | None, results: Results) -> str:
    """The score, and of how many seeds it is where rows are not finished."""
    text, seeds = show(cell, results), results.facts.get("seeds", 0)
    if cell is None or len(cell.values) >= seeds or not results.missing:
        return text
    return f"{text} ({len(cell.values)} of {seeds})"


def leads_over_nodes(results: Results) -> Table | None:
    """Spectral pruning against the best of the others, by k."""
    lines = []
    for k in results.nodes:
        line = [str(k), show(results.scores("spectral", k), results)]
        found = [lead(results, k), lead(results, k, in_paper=True)]
        if not any(found):
            continue
        for one in found:
            if one is None:
                line += ["-"] * 4
            else:
                line += [one.rival, show(one.score, results), show(one.seedwise, results)]
                line.append("-" if one.deviations is None else f"{one.deviations:.1f}")
        lines.append(tuple(line))
    columns = ("its score", "lead, seed by seed", "lead / deviation")
    header = ("k", "spectral", "best other", *columns, "best of the paper's others", *columns)
    title = (
        "Spectral pruning against the best other method with as few parameters, before "
        "fine-tuning; the lead of the means is divided by the larger of the two deviations"
    )
    return Table(title, header, lines) if lines else None


def before_and_after(results: Results) -> Table | None:
    """Parameters by block at the focus, with the score before and after fine-tuning."""
    k = results.focus
    lines = []
    for method in (WHOLE, *results.methods):
        size = None if method == WHOLE else k
        counts = results.parameters(method, size)
        if counts is None:
            continue
        counts["biases"] = counts["b_hidden"] + counts["b_output"]
        line = [method, _count(counts["nodes"]), *(_count(counts[block]) for block in _BLOCKS)]
        line += [_count(counts["total"]), show(results.scores(method, size), results)]
        if results.fine_tuned:
            line.append(show(results.scores(method, size, trained=True), results))
        lines.append(tuple(line))
    header = ["method", "nodes", *_BLOCKS.values(), "parameters", "before"]
    if results.fine_tuned:
        header.append("after")
    title = f"Parameters by block, and {_score(results)} before and after fine-tuning, k = {k}"
    if not results.fine_tuned:
        title = f"Parameters by block, k = {k}"
    return Table(title, tuple(header), lines) if lines else None


def sensitivity(results: Results) -> Table | None:
    """Score by theta and tau at the focus, for the methods that have both."""
    thetas, taus = results.facts["theta"], results.facts["tau"]
    lines = []
    for method in results.sensitive:
        for theta in sorted(thetas):
            cells = [results.scores(method, results.focus, theta, tau) for tau in sorted(taus)]
            if any(cells):
                texts = [show(cell, results) for cell in cells]
                lines.append((method, f"{theta:g}", *texts))
    header = ("method", "theta", *(f"tau = {tau:g}" for tau in sorted(taus)))
    title = f"{_score(results)} by theta and tau, k = {results.focus}; tau in units of Tr S/m"
    return Table(title, header, lines) if lines else None


_BOUNDS = {
    "error": "measured error",
    "log10_trajectory": "bound along both runs",
    "log10_best": "sharpest bound",
    "log10_toeplitz": "Toeplitz bound",
    "log10_global": "published bound",
    "risk": "measured risk",
    "log10_theorem": "risk bound",
}


def bounds_over_nodes(results: Results) -> Table | None:
    """Measured error of the output and the bounds on it, by k."""
    lines = [line for k in results.nodes if (line := _bound_line(results, k, None))]
    n = _sequences(results)
    title = (
        f"Error of the output, averaged over time, on n = {n} training sequences, and the bounds "
        "of section 3 on it; the risk (ramp loss) on at most as many test sequences, and the bound "
        "of section 7 on it (medians over the seeds)"
    )
    return Table(title, ("k", *_BOUNDS.values()), lines) if lines else None


def bounds_over_steps(results: Results) -> Table | None:
    """The same by the number of steps."""
    k = results.focus
    lines = [line for T in results.lengths if (line := _bound_line(results, k, T, T))]
    if not lines:
        return None
    whole = results.bounds(k, None)
    if whole and (line := _bound_line(results, k, None, whole[0]["steps"])):
        lines.append(line)
    title = f"The same over the number of steps T, k = {k}"
    return Table(title, ("T", *_BOUNDS.values()), lines)


def _bound_line(
    results: Results, k: int, T: int | None, label: int | None = None
) -> tuple[str, ...] | None:
    rows = results.bounds(k, T)
    if not rows:
        return None
    texts = [str(k if label is None else label)]
    for name in _BOUNDS:
        values = [row[name] for row in rows if row.get(name) is not None]
        if len(values) < len(rows):
            texts.append("-" if name == "risk" else "0")
        else:
            middle = statistics.median(values)
            texts.append(_power(middle) if name.startswith("log10") else f"{middle:.3g}")
    return tuple(texts)


def _power(log: float) -> str:
    if -4 < log < 5:
        return f"{10**log:.3g}"
    whole = int(log // 1)
    return f"{10 ** (log - whole):.2f}e{whole}"


def _sequences(results: Results) -> int:
    return next((int(row["n"]) for row in results.rows if row["what"] == "bound"), 0)


def _caption(results: Results) -> str:
    facts = results.facts
    if facts["seed_is_a_network"]:
        seed = "a seed is a network that was trained from it"
    else:
        size = facts["sample"]
        drawn = "as many sequences as there are" if size is None else f"{size} sequences"
        seed = f"there is one network, and a seed draws {drawn}, with replacement, to form S, and "
        seed += "what others a method needs"
        if not results.larger_is_better:
            seed = "there is one network, and a seed draws the windows of text that form S, i.i.d."
        seed += " (the deviations are those of this draw, not of training)"
    text = (
        f"{facts['title']}. Mean and standard deviation over {_seeds(facts['seeds'])}: {seed}. "
        f"theta = {facts['theta'][0]:g} and tau = {facts['tau'][0]:g} Tr S/m where not said."
    )
    few = facts.get("fine_tuning_seeds")
    if results.fine_tuned and few is not None and few < facts["seeds"]:
        text += f" After fine-tuning over {_seeds(few)}."
    readers = [name for name in results.methods if reads_labels(name)]
    if readers:
        names = "; ".join(readers)
        text += f" Of the methods that prune, only these read labels before fine-tuning: {names}."
    if results.missing:
        text += f" {results.missing} of {len(facts['keys'])} rows are not finished"
        parts = [f"{name} {gone} of {n}" for name, gone, n in results.missing_by_method]
        text += f": {'; '.join(parts)}." if parts else "."
    return text


def _seeds(count: int) -> str:
    return f"{count} seed{'s' if count > 1 else ''}"


def _score(results: Results) -> str:
    return "Test accuracy (%)" if results.larger_is_better else "Test perplexity"


def _count(value: float) -> str:
    return f"{value:.0f}" if value == round(value) else f"{value:.1f}"


def _csv(results: Results) -> str:
    names = ["what", "method", "k", "theta", "tau", "seed", "trained", "score", "nodes"]
    blocks = ["w_hidden", "w_input", "b_hidden", "w_output", "b_output"]
    bounds = ["steps", "n", *_BOUNDS]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*names, *blocks, "lost", *bounds, "label"])
    for row in results.rows:
        cells: Record = {**row, "trained": "yes" if is_trained(row) else ""}
        cells |= row.get("parameters", {})
        line = [cells.get(name) for name in (*names, *blocks, "lost", *bounds, "label")]
        writer.writerow(["" if value is None else value for value in line])
    return out.getvalue()
