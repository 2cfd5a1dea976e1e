"""`rnnbounds tighten ID --constant c`: how small the constant may be, and what stops it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from validation.checking.describing import facts
from validation.checking.tighten import Tightened
from validation.checking.tighten import tighten as find
from validation.checking.tried import at
from validation.claims import Claim, ClaimError
from validation.commands import VIOLATED
from validation.loading import gather
from validation.output.schema import SCHEMA, Record


def tighten(
    claims: Annotated[list[str], typer.Argument(help="Ids, FILE.py or FILE.py::id.")],
    constant: Annotated[
        str, typer.Option(help="Which constant; may be left out where there is one.")
    ] = "",
    budget: Annotated[float, typer.Option(help="Seconds of search for a claim.")] = 30.0,
    seed: Annotated[int, typer.Option(help="Determines the sequence of trials.")] = 0,
    dask: Annotated[str, typer.Option(help="Address of a Dask scheduler to work on.")] = "",
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write what was found to this file.")
    ] = None,
) -> None:
    """Find the smallest value of a constant at which no violation is found, and what stops it."""
    if not (budget > 0 and math.isfinite(budget)):
        raise ClaimError(f"--budget must be a positive number of seconds, got {budget:g}")
    if json_file is not None and not json_file.absolute().parent.is_dir():
        raise ClaimError(f"--json: {json_file.parent} is not a folder")
    gathered = gather(claims)
    chosen = [(c, _constant(c, constant)) for c in gathered if c.constants or len(gathered) == 1]
    for claim in gathered:
        if not claim.constants and chosen:
            typer.echo(f"{claim.id}: no constant to tighten")
    if not chosen:
        raise ClaimError(f"none of these {len(gathered)} claims has a constant to tighten")
    results = []
    violated = False
    for claim, found in _found(chosen, budget, seed, dask):
        results.append(to_json(found))
        violated = violated or any("published value is violated" in n for n in found.notes)
        violated = violated or found.value is None
        typer.echo(text_of(claim, found))
    if json_file is not None:
        json_file.write_text(json.dumps(results, indent=1, allow_nan=False) + "\n")
    if violated:
        raise typer.Exit(VIOLATED)


def _found(
    chosen: list[tuple[Claim, str]], budget: float, seed: int, dask: str
) -> Iterator[tuple[Claim, Tightened]]:
    """Every claim with its constant, here or on a cluster, in their order."""
    if not dask:
        for claim, name in chosen:
            yield claim, _with_progress(claim, name, budget, seed)
        return
    from validation.checking.clusters import scattered
    from validation.checking.runner import by_value

    by_value([claim for claim, _ in chosen])
    limit = 4 * budget + 15
    done = dict(scattered(dask, partial(_apart, budget=budget, seed=seed), chosen, limit))
    for place, (claim, name) in enumerate(chosen):
        if isinstance(done[place], BaseException):
            raise ClaimError(f"{claim.id}, {name}: on the cluster: {done[place]}")
        yield claim, done[place]


def _apart(one: tuple[Claim, str], budget: float, seed: int) -> Tightened:
    return find(*one, seconds=budget, seed=seed)


def _constant(claim: Claim, name: str) -> str:
    if name:
        claim.with_constants(**{name: 1})  # says which constants there are
        return name
    if not claim.constants:
        raise ClaimError(f"{claim.id} has no constant to tighten: what stands after * in its body")
    if len(claim.constants) != 1:
        known = ", ".join(claim.constants)
        raise ClaimError(f"{claim.id}: say which constant with --constant; its constants: {known}")
    return next(iter(claim.constants))


def _with_progress(claim: Claim, constant: str, budget: float, seed: int) -> Tightened:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    with Progress(
        TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(),
        console=console, transient=True, disable=not console.is_terminal,
    ) as progress:  # fmt: skip
        bar = progress.add_task(claim.id, total=1.0)

        def advance(share: float, largest: float) -> None:
            progress.update(bar, completed=share)

        return find(claim, constant, seconds=budget, seed=seed, progress=advance)


def text_of(claim: Claim, found: Tightened) -> str:
    """The answer in a few lines."""
    name, coverage = found.constant, found.coverage
    best = "largest" if found.upwards else "smallest"
    if found.value is None:
        line = f"no value of {name} was found to hold"
    else:
        line = f"{name} = {found.value} is the {best} value at which no violation was found"
    lines = [
        f"{claim.id}: {line}",
        f"  published: {found.published}; largest ratio there {found.ratio:.6g}",
        f"  {coverage.drawn} instances tried, {coverage.rejected} of them outside the hypotheses, "
        f"{found.seconds:.1f} s",
    ]
    if claim.instances.sizes:
        ranges = ", ".join(f"{n} {a}..{b}" for n, (a, b) in claim.instances.sizes.items())
        lines.append(f"  sizes drawn: {ranges}")
    if found.instance is not None and found.fails_at is not None:
        how = "certified to fail" if found.certified else "fails"
        lines.append(f"  the instance that stops it, {how} at {name} = {found.fails_at!r}:")
        lines += [f"    {fact}" for fact in facts(at(claim, name, found.fails_at), found.instance)]
    return "\n".join([*lines, *(f"  {note}" for note in found.notes)])


def to_json(found: Tightened) -> Record:
    """Strictly valid JSON."""
    coverage = found.coverage
    return {
        "schema": SCHEMA,
        "id": found.claim,
        "constant": found.constant,
        "published": _number(found.published),
        "value": _number(found.value),
        "upwards": found.upwards,
        "fails_at": _number(found.fails_at),
        "certified": found.certified,
        "instance": None if found.instance is None else found.instance.to_json(),
        "worst_ratio": _number(found.ratio),
        "instances": coverage.drawn,
        "rejected": coverage.rejected,
        "evaluated": coverage.evaluated,
        "notes": list(found.notes),
        "seconds": round(found.seconds, 3),
    }


def _number(value: Any) -> int | float | None:
    if value is None or isinstance(value, int):
        return value
    return float(value) if math.isfinite(value) else None
