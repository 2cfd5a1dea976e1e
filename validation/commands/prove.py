"""`rnnbounds prove`: decide claims on all instances of a box."""

from __future__ import annotations

import contextlib
import json
import math
import re
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any

import typer

from validation.checking.runner import cores
from validation.claims import Claim, ClaimError
from validation.commands import VIOLATED
from validation.commands.given import refuse
from validation.commands.verify import set_constants
from validation.loading import gather
from validation.output.schema import SCHEMA
from validation.proving.attempts import Attempt, begin
from validation.proving.counterexamples import SEARCH, refuted, searched
from validation.proving.gaps import Slack
from validation.proving.pieces import as_it_is
from validation.proving.pools import pooled
from validation.proving.prove import ALGEBRA, BUDGET
from validation.proving.prove import prove as run
from validation.proving.records import Ending, Proof, keep, percent
from validation.proving.regions import regions
from validation.proving.unfinished import Keeper, place, resume


def prove(
    context: typer.Context,
    claims: Annotated[list[str], typer.Argument(help="Ids, FILE.py or FILE.py::id.")],
    sizes: Annotated[
        list[str] | None,
        typer.Option(help="Sizes, as m=1,2 (several: m=1,2;k=1); default: m=1,2 and smallest."),
    ] = None,
    box: Annotated[
        list[str] | None, typer.Option(help="The range of a drawn value, as lam=1e-3..1e3.")
    ] = None,
    slack: Annotated[
        list[str] | None,
        typer.Option(help="eta,eta_0: left <= right + eta |right| + eta_0; may be repeated."),
    ] = None,
    budget: Annotated[float, typer.Option(help="Seconds for a claim's cover.")] = BUDGET,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="Another value of a constant, as c=3 or c=20/3."),
    ] = None,
    coq: Annotated[
        Path | None, typer.Option(help="Write the statement for Coq here, and check it.")
    ] = None,
    scale: Annotated[
        bool, typer.Option(help="Use a declared invariance to reach every scale.")
    ] = True,
    algebra: Annotated[
        bool, typer.Option(help="Try a proof by algebra, of all instances, before cells are cut.")
    ] = True,
    fresh: Annotated[bool, typer.Option(help="Do not go on from an interrupted attempt.")] = False,
    seed: Annotated[int, typer.Option(help="Of the points that are tried first.")] = 0,
    workers: Annotated[int | None, typer.Option(help="Processes; default: all cores.")] = None,
    dask: Annotated[str, typer.Option(help="Address of a Dask scheduler to work on.")] = "",
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write what was found to this file.")
    ] = None,
) -> None:
    """Prove claims on all instances of a box, refute them, or say what stayed open."""
    if not budget > 0 or budget == float("inf"):
        raise ClaimError(f"--budget must be a positive number of seconds, got {budget:g}")
    if workers is not None and workers < 0:
        raise ClaimError(f"--workers must be at least 0, got {workers}")
    if json_file is not None and not json_file.absolute().parent.is_dir():
        raise ClaimError(f"--json: {json_file.parent} is not a folder")
    if dask:
        refuse(context, "--dask, whose workers are used", "workers")
    chosen = [set_constants(claim, set_ or []) for claim in gather(claims)]
    if coq is not None and len(chosen) != 1:
        raise ClaimError(f"--coq writes one statement, but {len(chosen)} claims were named")
    asked = read_sizes(sizes or [])
    known = {name: None for claim in chosen for name in claim.instances.sizes}
    unknown = [name for name in asked if name not in known]
    if unknown:
        raise ClaimError(
            f"--sizes names {', '.join(unknown)}, which no claim given has; they have: "
            f"{', '.join(known) or 'none'}"
        )
    ranges = dict(read_range(text) for text in box or [])
    slacks = [slack_of(text) for text in slack] if slack else None
    found: list[Proof] = []
    faults: list[str] = []
    with pooled(chosen, cores() if workers is None else workers, dask) as pool:
        for claim in chosen:
            if coq is not None:  # what cannot be written is said before the time is spent
                from validation.proving.coq import goals, machine_checked

                where = regions(claim, sizes_for(claim, asked), ranges, scale)
                goals(claim, where[0])
            try:
                proof = one(
                    claim, sizes_for(claim, asked), ranges, slacks, budget=budget, seed=seed,
                    compact=scale, algebra=algebra, fresh=fresh, pool=pool,
                )  # fmt: skip
            except ClaimError as error:
                if len(chosen) == 1:
                    raise
                faults.append(str(error))
                typer.echo(f"not tried: {error}")
                continue
            if coq is not None:
                proof, said = machine_checked(claim, proof, coq, where)
                typer.echo(said)
                keep(proof)
            found.append(proof)
            typer.echo("\n".join(text_of(claim, proof)))
    if json_file is not None:
        data = [{"schema": SCHEMA, **proof.to_json()} for proof in found]
        json_file.write_text(json.dumps(data, indent=1, allow_nan=False) + "\n")
    if len(chosen) > 1:
        typer.echo(counted(found, len(faults)))
    if any(proof.kind is Ending.VIOLATED for proof in found):
        raise typer.Exit(VIOLATED)


def one(
    claim: Claim,
    sizes: dict[str, list[int]],
    box: dict[str, tuple[float, float]],
    slacks: list[Slack] | None,
    *,
    compact: bool = True,
    algebra: bool = True,
    fresh: bool = False,
    quiet: bool = False,
    **options: Any,
) -> Proof:
    """Prove one claim with a progress bar; the attempt is kept while it runs, the proof after."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    if not claim.deterministic:
        return run(claim)  # says why not
    try:
        attempt: Attempt = begin(claim, sizes, box, compact)
    except ClaimError:
        if algebra:
            from validation.proving.algebra import proof_by_algebra

            exact: Proof | str = ""
            with contextlib.suppress(ClaimError):  # a counterexample needs no coordinates
                budget = options.get("budget", BUDGET) / ALGEBRA
                exact = proof_by_algebra(claim, sizes, box, budget)
            if isinstance(exact, Proof):
                keep(exact)
                return exact
        found = None if box else searched(claim, sizes, SEARCH, options.get("seed", 0))
        if found is None:
            raise
        return refuted(claim, found)
    keeper = Keeper(place(attempt, slacks))
    if not fresh:
        resume(attempt, keeper.path)
    console = Console(stderr=True)
    with Progress(
        TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:.1f} %"),
        TimeElapsedColumn(), console=console, transient=True,
        disable=quiet or not console.is_terminal,
    ) as progress:  # fmt: skip
        bar = progress.add_task(claim.id, total=1.0)

        def said(stage: str, done: float) -> None:
            progress.update(bar, completed=done, description=f"{claim.id}: {stage}")

        try:
            proof = run(
                claim, sizes=sizes, box=box, slacks=slacks, compact=compact, algebra=algebra,
                attempt=attempt, progress=said, checkpoint=keeper, **options,
            )  # fmt: skip
        except KeyboardInterrupt:
            keeper(attempt, now=True)
            raise
    if proof.kind is Ending.OPEN:
        keeper(attempt, now=True)
    else:
        keeper.forget()
    keep(proof)
    return proof


def sizes_for(claim: Claim, asked: dict[str, list[int]]) -> dict[str, list[int]]:
    """Those of the sizes that a claim has; m = 1, 2 where nothing is said of m."""
    known = claim.instances.sizes
    found = {name: values for name, values in asked.items() if name in known}
    if not asked and "m" in known:
        low, _ = known["m"]
        first = low if isinstance(low, int) else 1
        found["m"] = [n for n in (1, 2) if n >= first] or [first]
    if asked and known and not found:
        raise ClaimError(
            f"{claim.id}: --sizes names {', '.join(asked)}; its sizes: {', '.join(known)}"
        )
    return found


def read_sizes(texts: list[str]) -> dict[str, list[int]]:
    """Read ``m=1,2`` or ``m=1,2;k=1``.

    Raises
    ------
    ClaimError
        If it is not of that form.
    """
    found: dict[str, list[int]] = {}
    for text in (part for whole in texts for part in whole.split(";")):
        match = re.fullmatch(r"\s*(\w+)\s*=\s*(\d+(?:\s*,\s*\d+)*)\s*", text)
        if not match:
            raise ClaimError(f"--sizes needs name=n,n, as m=1,2, got {text!r}")
        found[match[1]] = sorted({int(n) for n in match[2].split(",")})
    return found


def read_range(text: str) -> tuple[str, tuple[float, float]]:
    """Read ``lam=1e-3..1e3``.

    Raises
    ------
    ClaimError
        If it is not of that form, or the range is empty or unbounded.
    """
    name, equals, rest = text.partition("=")
    ends = rest.split("..")
    try:
        low, high = (float(end) for end in ends)
    except ValueError:
        low, high = 1.0, 0.0
    if not equals or not low <= high or abs(low) == float("inf") or abs(high) == float("inf"):
        raise ClaimError(
            f"--box needs name=low..high with finite low <= high, as lam=1e-3..1e3, got {text!r}"
        )
    return name.strip(), (low, high)


def slack_of(text: str) -> Slack:
    """Read ``1e-3,1e-6``.

    Raises
    ------
    ClaimError
        If it is not two numbers >= 0.
    """
    try:
        eta, eta_0 = (Fraction(part) for part in text.split(","))
    except (ValueError, ZeroDivisionError):
        raise ClaimError(f"--slack needs eta,eta_0, as 1e-3,1e-6, got {text!r}") from None
    if eta < 0 or eta_0 < 0 or not math.isfinite(eta) or not math.isfinite(eta_0):
        raise ClaimError(f"--slack needs two numbers >= 0, got {text!r}")
    return eta, eta_0


def text_of(claim: Claim, proof: Proof) -> list[str]:
    """What a person reads."""
    lines = [f"{proof.id}: {headline(proof)}"]
    lines.append(f"  on {proof.statement}")
    if proof.kind is Ending.VIOLATED and proof.instance is not None:
        from validation.checking.describing import facts
        from validation.instances import Instance

        lines += [f"  {fact}" for fact in facts(claim, Instance.from_json(proof.instance))]
    elif proof.method:
        lines.append(
            f"  by {proof.method}; compared with the body in exact numbers at {proof.rechecked} "
            f"points; {proof.seconds:.1f} s"
        )
    else:
        lines.append(
            f"  {proof.evaluated:,} cells looked at, cover of {proof.cells:,}, "
            f"{proof.rechecked:,} of them proved again in balls; {proof.seconds:.1f} s"
        )
    if proof.vacuous > 0:
        lines.append(f"  {proof.vacuous:.1%} of the box has no instances that meet the hypotheses")
    if proof.left:
        lines.append("  the largest cells that stay open:")
        lines += [f"    {cell}" for cell in proof.left]
    if proof.message and proof.kind is not Ending.VIOLATED:
        lines += [f"  {part}" for part in proof.message.split("; ")]
    return lines


def headline(proof: Proof) -> str:
    """The ending in one sentence."""
    if proof.kind is Ending.PROVED:
        checked = f", checked by {proof.machine}" if proof.machine else ""
        where = "" if proof.method else " of the box"
        return f"proved for all instances{where}{checked}"
    if proof.kind is Ending.RELAXED:
        eta, eta_0 = (as_it_is(part_of(text)) for text in proof.slack)
        return (
            f"proved with slack: left <= right + {eta} |right| + {eta_0} for all instances of the "
            "box; where the sides are nearer than that, nothing is said of the claim itself"
        )
    if proof.kind is Ending.VIOLATED:
        return "violated: left certainly exceeds right at"
    return f"open: {percent(proof.share)} of the box is proved, without slack"


def part_of(text: str) -> Any:
    """The fraction that a record holds as text."""
    return Fraction(text)


def counted(found: list[Proof], faults: int) -> str:
    """One line for several claims."""
    counts: dict[str, int] = {}
    for proof in found:
        counts[proof.ending] = counts.get(proof.ending, 0) + 1
    parts = [f"{count} {word}" for word, count in counts.items()]
    if faults:
        parts.append(f"{faults} not tried")
    return f"{len(found) + faults} claims: {', '.join(parts)}"
