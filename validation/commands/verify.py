"""`rnnbounds verify`: try to break claims, and certify what was found."""

from __future__ import annotations

import json
import math
import sys
import textwrap
from decimal import ROUND_FLOOR
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any

import typer

from validation.checking.audit import VISIBLE
from validation.checking.describing import shortened, written
from validation.checking.randomness import check_seed
from validation.checking.runner import Terminated, cores, terminable, verify_all
from validation.checking.verifying import QUICK_SECONDS
from validation.claims import Claim, ClaimError
from validation.commands import BAD_INPUT, INTERRUPTED, VIOLATED
from validation.commands.given import refuse
from validation.loading import gather
from validation.output.writing import write_atomically
from validation.proving.known import with_proofs
from validation.verdict import Conclusion, Outcome


def verify(
    context: typer.Context,
    claims: Annotated[
        list[str] | None,
        typer.Argument(help="Ids, beginnings of ids, FILE.py or FILE.py::id; default: all."),
    ] = None,
    quick: Annotated[
        bool,
        typer.Option(help="Fewer draws, a short search: 1 s a claim, less where they are many."),
    ] = False,
    budget: Annotated[float | None, typer.Option(help="Seconds of search for a claim.")] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the outcomes to this file.")
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="Another value of a constant, as c=3 or c=20/3."),
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed draws the same instances.")] = 0,
    workers: Annotated[
        int | None,
        typer.Option(help="Processes, 2 at least, 0 for this one alone; default: all cores."),
    ] = None,
    dask: Annotated[str, typer.Option(help="Address of a Dask scheduler to work on.")] = "",
) -> None:
    """Try to break claims, and certify the verdict on the worst instances found."""
    if json_file is not None and not json_file.absolute().parent.is_dir():
        raise ClaimError(f"--json: {json_file.parent} is not a folder")
    if json_file is not None and json_file.is_dir():
        raise ClaimError(f"--json: {json_file} is a folder")
    if budget is not None and not budget > 0:
        raise ClaimError(f"--budget must be positive, got {budget:g}")
    if workers is not None and workers < 0:
        raise ClaimError(f"--workers must be at least 0, got {workers}")
    if dask:
        refuse(context, "--dask, whose workers are used", "workers")
    check_seed(seed)
    chosen = [set_constants(claim, set_ or []) for claim in gather(claims or [])]
    results = Results([claim.id for claim in chosen], json_file)
    if quick and budget is None:
        budget = quick_budget(len(chosen), cores() if workers is None else workers)
    interrupted = run(
        chosen, results, quick=quick, budget=budget, seed=seed, workers=workers, dask=dask
    )
    results.finish()
    if interrupted:
        done = len(results.outcomes)
        sys.stderr.write(f"{interrupted}: {done} of {len(chosen)} claims finished\n")
    code = exit_code(results.outcomes) or (STOPPED[interrupted] if interrupted else 0)
    if code:
        raise typer.Exit(code)


def exit_code(outcomes: list[Outcome]) -> int:
    """1 where a claim or a step is violated or refuted, 2 where one is at fault itself, else 0."""
    everything = [*outcomes, *(step for outcome in outcomes for step in outcome.steps)]
    if any(outcome.conclusion.bad for outcome in everything):
        return VIOLATED
    return BAD_INPUT if any(outcome.error for outcome in everything) else 0


def set_constants(claim: Claim, settings: list[str]) -> Claim:
    """Apply ``c=3``, ``c=0.5`` or ``c=20/3``.

    Raises
    ------
    ClaimError
        If it is not of that form, or the claim has no such constant.
    """
    for setting in settings:
        name, equals, text = setting.partition("=")
        try:
            value: Any = Fraction(text)
        except (ValueError, ZeroDivisionError):
            value = None
        if not equals or value is None:
            raise ClaimError(f"--set needs name=number, as c=3 or c=20/3, got {setting!r}")
        whole = value.denominator == 1
        claim = claim.with_constants(**{name.strip(): int(value) if whole else value})
    return claim


def quick_budget(claims: int, workers: int) -> float:
    """Seconds for each of many claims, so that all of them take a minute and a half at most."""
    return min(QUICK_SECONDS, QUICK_TOTAL * max(workers, 1) / max(claims, 1))


QUICK_TOTAL = 70.0  # seconds of search in each process
STOPPED = {"interrupted": INTERRUPTED, "terminated": 143}


def run(claims: list[Claim], results: Results, **options: Any) -> str:
    """Verify with a progress bar; what is finished is kept when the user interrupts.

    Returns
    -------
    str
        ``interrupted`` or ``terminated`` by a signal, or empty.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    console = Console(stderr=True)
    with Progress(
        *columns, TimeElapsedColumn(), console=console, transient=True,
        disable=not console.is_terminal,
    ) as progress:  # fmt: skip
        bar = progress.add_task("verifying", total=len(claims))

        by_id = {claim.id: claim for claim in claims}

        def advance(outcome: Outcome) -> None:
            results.add(with_proofs(by_id[outcome.id], outcome))
            progress.update(bar, advance=1, description=outcome.id)

        try:
            with terminable():
                verify_all(claims, on_result=advance, **options)
        except KeyboardInterrupt as interruption:
            return "terminated" if isinstance(interruption, Terminated) else "interrupted"
    return ""


class Results:
    """The outcomes, as they come: to a JSON file, and to where there is no terminal to wait for.

    Parameters
    ----------
    ids : list of str
        The claims, in the order of the table and of the file.
    json_file : Path or None
        Written anew, whole, after every claim; at once too, so that a path which cannot be written
        costs no work.
    """

    def __init__(self, ids: list[str], json_file: Path | None) -> None:
        from rich.console import Console

        self.ids, self.json_file = ids, json_file
        self.done: dict[str, Outcome] = {}
        self.texts: dict[str, str] = {}
        self.console = Console()
        self.live = not self.console.is_terminal
        # What is no plain file, such as a pipe, is written once, at the end.
        self.whole = json_file is None or not json_file.exists() or json_file.is_file()
        if self.whole:
            self._write()

    @property
    def outcomes(self) -> list[Outcome]:
        """The finished ones, in the order of the claims."""
        return [self.done[id] for id in self.ids if id in self.done]

    def add(self, outcome: Outcome) -> None:
        """Take an outcome."""
        self.done[outcome.id] = outcome
        if self.json_file is not None:
            self.texts[outcome.id] = json.dumps(outcome.to_json(), indent=1, allow_nan=False)
            if self.whole:
                self._write()
        if self.live:
            for one in (outcome, *outcome.steps):
                for line in record(one, WIDE):
                    self._print("  " * (one is not outcome) + line)
            self._details(outcome)
            sys.stdout.flush()

    def finish(self) -> None:
        """What waited for the end: the table and the details of a terminal, the summary."""
        if not self.live:
            print_table(self.console, self.outcomes)
            for outcome in self.outcomes:
                self._details(outcome)
        self._print(summary(self.outcomes, len(self.ids)))
        if not self.whole:
            self._write()

    def _details(self, outcome: Outcome) -> None:
        for one in (outcome, *outcome.steps):
            for line in details(one):
                self._print(line)

    def _print(self, line: str) -> None:
        self.console.print(line, markup=False, highlight=False, soft_wrap=True)

    def _write(self) -> None:
        if self.json_file is None:
            return
        texts = [self.texts[id] for id in self.ids if id in self.texts]
        text = "[" + ",\n".join(texts) + "]\n"
        try:
            if self.whole:
                write_atomically(self.json_file.resolve(), text.encode())
            else:
                self.json_file.write_text(text)
        except (OSError, ValueError) as error:
            raise ClaimError(f"--json: {error}") from None


WIDE = 200
RUNGS = ("sampled", "searched", "certified", "symbolic", "proved", "statistical")


def print_table(console: Any, outcomes: list[Outcome]) -> None:
    """The table; records where the terminal is too narrow for it."""
    from rich.measure import Measurement
    from rich.table import Table

    table = Table("claim", "source", box=None, pad_edge=False)
    table.add_column("instances", justify="right")
    table.add_column("audited", justify="right")
    table.add_column("worst ratio", justify="right")
    shown = [rung for rung in RUNGS if any(rung in outcome.rungs for outcome in outcomes)]
    for name in shown:
        table.add_column(name)
    table.add_column("verdict")
    table.add_column("time", justify="right")
    for outcome in outcomes:
        _add_row(table, outcome, shown, "")
        for step in outcome.steps:
            _add_row(table, step, shown, "  ")
    if Measurement.get(console, console.options, table).maximum < console.width or not outcomes:
        console.print(table)
        return
    for outcome in outcomes:
        for one in (outcome, *outcome.steps):
            indent = "  " * (one is not outcome)
            for line in record(one, console.width - len(indent)):
                console.print(indent + line, markup=False, highlight=False, soft_wrap=True)


def record(outcome: Outcome, width: int) -> list[str]:
    """One claim in lines of at most `width` characters; its id and its verdict stay whole."""
    word = "error" if outcome.error else outcome.conclusion.value
    parts = [outcome.source] if outcome.source else []
    parts.append(f"{counts(outcome)} instances")
    if outcome.verdict.coverage.audited:
        parts.append(f"{outcome.verdict.coverage.audited} audited")
    if show_ratio(outcome):
        parts.append(f"worst ratio {show_ratio(outcome)}")
    parts += [f"{name} {rung_word(outcome, name)}" for name in RUNGS if name in outcome.rungs]
    parts.append(f"{outcome.seconds:.1f} s")
    head, rest = f"{outcome.id}: {word}", "; ".join(parts)
    if len(head) + 3 + len(rest) <= width:
        return [f"{head} ({rest})"]
    lines = [head] if len(head) <= width else [f"{outcome.id}:", f"  {word}"]
    folded = textwrap.wrap(rest, width - 2, break_on_hyphens=False)
    return [*lines, *(f"  {line}" for line in folded)]


def counts(outcome: Outcome) -> str:
    """Instances drawn, and how many of them were rejected."""
    coverage = outcome.verdict.coverage
    return f"{coverage.drawn}" + (f" (-{coverage.rejected})" if coverage.rejected else "")


def _add_row(table: Any, outcome: Outcome, shown: list[str], indent: str) -> None:
    from rich.text import Text

    audited = outcome.verdict.coverage.audited
    word = "error" if outcome.error else outcome.conclusion.value
    style = "red" if outcome.conclusion.bad or outcome.error else (
        "yellow" if outcome.conclusion is Conclusion.UNDECIDED else "green"
    )  # fmt: skip
    table.add_row(
        Text(indent + outcome.id),
        Text(outcome.source),
        counts(outcome),
        str(audited) if audited else "",
        show_ratio(outcome),
        *(rung_word(outcome, name) for name in shown),
        Text(word, style=style),
        f"{outcome.seconds:.1f} s",
    )


def rung_word(outcome: Outcome, name: str) -> str:
    """One rung in one word; sampling and searching never say more than "none seen"."""
    rung = outcome.rungs.get(name)
    if rung is None:
        return ""
    if outcome.kind == "order":
        return rung.conclusion.value
    if name in ("sampled", "searched") and rung.conclusion is Conclusion.UNDECIDED:
        if not rung.coverage.evaluated:
            return "nothing"
        return "suspicion" if rung.log_ratio > VISIBLE else "none seen"
    return rung.conclusion.value


def show_ratio(outcome: Outcome) -> str:
    """The worst ratio with the digits that matter."""
    ratio = outcome.verdict.ratio
    if not outcome.verdict.coverage.evaluated or outcome.error:
        return ""
    unknown = outcome.conclusion is Conclusion.UNDECIDED or outcome.kind == "loewner"
    if unknown and outcome.verdict.log_ratio == -math.inf:
        return ""  # it is not 0: none was certified
    gap = -math.expm1(outcome.verdict.log_ratio) if outcome.verdict.log_ratio < 700 else -math.inf
    least = ">= " if outcome.conclusion is Conclusion.VIOLATED else ""  # a certified lower end
    if 0 < abs(gap) < 1e-5:  # six digits would not tell a bound that is nearly attained
        return f"{least}1 {'-' if gap > 0 else '+'} {abs(gap):.2g}"
    if least:  # downwards
        return (
            least + written(shortened(Fraction(ratio), 6, ROUND_FLOOR))
            if (math.isfinite(ratio))
            else least + "1e308"
        )
    return f"{ratio:.6f}" if 1e-3 <= ratio < 1e4 else f"{ratio:.3g}"


def details(outcome: Outcome) -> list[str]:
    """What the table has no room for."""
    if outcome.error:
        return [f"error: {outcome.error}"]
    lines = [f"{outcome.id}: {note}" for note in outcome.notes]
    if outcome.conclusion.bad:
        lines += ["", f"{outcome.id} is {outcome.conclusion.value}: {outcome.verdict.message}"]
        if outcome.facts:
            lines += [f"  {fact}" for fact in outcome.facts]
        if outcome.reproducer:
            lines += ["  to see it again, as a test:", "", outcome.reproducer]
    elif outcome.conclusion is Conclusion.NOT_REFUTED:
        lines.append(f"{outcome.id} is not refuted: {outcome.verdict.message}")
    elif outcome.conclusion is Conclusion.UNDECIDED:
        lines.append(f"{outcome.id} is undecided: {outcome.verdict.message}")
    return lines


def summary(outcomes: list[Outcome], total: int) -> str:
    """One line of counts, and what *holds* means."""
    counts: dict[str, int] = {}
    for outcome in outcomes:
        word = "error" if outcome.error else outcome.conclusion.value
        counts[word] = counts.get(word, 0) + 1
    text = ", ".join(f"{count} {word}" for word, count in counts.items())
    if "holds" in counts or "tight" in counts:
        text += (
            " (holds: no violation on any instance tried, certified on the worst of them and on"
            " some taken at random; sizes beyond the drawn ones were not looked at)"
        )
    return f"{len(outcomes)} of {total} claims: {text}"
