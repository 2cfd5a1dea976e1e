"""`rnnbounds verify`: try to break claims, and certify what was found."""

from __future__ import annotations

import json
import math
import sys
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any

import typer

from ..checking.runner import verify_all
from ..checking.sampled import VISIBLE
from ..claims import Claim, ClaimError
from ..loading import gather
from ..verdict import Conclusion, Outcome
from . import BAD_INPUT, INTERRUPTED, VIOLATED


def verify(
    claims: Annotated[
        list[str] | None,
        typer.Argument(help="Ids, beginnings of ids, FILE.py or FILE.py::id; default: all."),
    ] = None,
    quick: Annotated[bool, typer.Option(help="Fewer draws, a short search.")] = False,
    budget: Annotated[float | None, typer.Option(help="Seconds of search for a claim.")] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the outcomes to this file.")
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="Another value of a constant, as c=3 or c=20/3."),
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed draws the same instances.")] = 0,
    workers: Annotated[int | None, typer.Option(help="Processes; default: all cores.")] = None,
) -> None:
    """Try to break claims, and certify the verdict on the worst instances found."""
    if budget is not None and not budget > 0:
        raise ClaimError(f"--budget must be positive, got {budget:g}")
    if workers is not None and workers < 0:
        raise ClaimError(f"--workers must be at least 0, got {workers}")
    if json_file is not None and not json_file.absolute().parent.is_dir():
        raise ClaimError(f"--json: {json_file.parent} is not a folder")
    chosen = [set_constants(claim, set_ or []) for claim in gather(claims or [])]
    outcomes, interrupted = run(chosen, quick=quick, budget=budget, seed=seed, workers=workers)
    print_outcomes(outcomes, total=len(chosen))
    if json_file is not None:
        text = json.dumps([outcome.to_json() for outcome in outcomes], indent=1, allow_nan=False)
        json_file.write_text(text + "\n")
    if interrupted:
        sys.stderr.write(f"interrupted: {len(outcomes)} of {len(chosen)} claims finished\n")
    code = exit_code(outcomes) or (INTERRUPTED if interrupted else 0)
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


def run(claims: list[Claim], **options: Any) -> tuple[list[Outcome], bool]:
    """Verify with a progress bar; what is finished is kept when the user interrupts."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    console = Console(stderr=True)
    with Progress(
        *columns, TimeElapsedColumn(), console=console, transient=True,
        disable=not console.is_terminal,
    ) as progress:  # fmt: skip
        bar = progress.add_task("verifying", total=len(claims))

        def advance(outcome: Outcome) -> None:
            progress.update(bar, advance=1, description=outcome.id)

        try:
            return verify_all(claims, on_result=advance, **options), False
        except KeyboardInterrupt as interruption:
            finished = interruption.args[0] if interruption.args else []
            return list(finished), True


RUNGS = ("sampled", "searched", "certified", "symbolic", "statistical")


def print_outcomes(outcomes: list[Outcome], total: int) -> None:
    """The table, then what a reader must see of each claim that is not plainly fine."""
    from rich.console import Console
    from rich.table import Table

    console = Console()
    if not console.is_terminal:  # a file or a pipe gets whole lines
        console = Console(width=200)
    table = Table("claim", "source", box=None, pad_edge=False)
    table.add_column("instances", justify="right")
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
    console.print(table)
    for outcome in [o for top in outcomes for o in (top, *top.steps)]:
        for line in details(outcome):
            console.print(line, markup=False, highlight=False, soft_wrap=True)
    console.print(summary(outcomes, total), markup=False, highlight=False)


def _add_row(table: Any, outcome: Outcome, shown: list[str], indent: str) -> None:
    from rich.text import Text

    coverage = outcome.verdict.coverage
    count = f"{coverage.drawn}" + (f" (-{coverage.rejected})" if coverage.rejected else "")
    word = "error" if outcome.error else outcome.conclusion.value
    style = "red" if outcome.conclusion.bad or outcome.error else (
        "yellow" if outcome.conclusion is Conclusion.UNDECIDED else "green"
    )  # fmt: skip
    table.add_row(
        Text(indent + outcome.id),
        Text(outcome.source),
        count,
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
    gap = -math.expm1(outcome.verdict.log_ratio) if outcome.verdict.log_ratio < 700 else -math.inf
    if 0 < abs(gap) < 1e-5:  # six digits would not tell a bound that is nearly attained
        return f"1 {'-' if gap > 0 else '+'} {abs(gap):.2g}"
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
        text += " (holds: no violation on any instance tried, certified on the worst of them)"
    return f"{len(outcomes)} of {total} claims: {text}"
