"""`rnnbounds bounds`: the error that pruning a network of yours makes, and what bounds it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def bounds(
    model: Annotated[Path, typer.Argument(help="A network as `rnnbounds prune` takes it.")],
    data: Annotated[Path, typer.Option(help="Sequences as `rnnbounds prune` takes them.")],
    k: Annotated[str, typer.Option("-k", help="Nodes to keep; or one number a layer: 24,16.")],
    objective: Annotated[str, typer.Option(help="paper or balanced.")] = "paper",
    refit: Annotated[str, typer.Option(help="read-out or closed-loop.")] = "",
    by_runs: Annotated[bool, typer.Option("--by-runs", help="As of `rnnbounds prune`.")] = False,
    activation: Annotated[
        str | None, typer.Option(help="Of a plain RNN whose file does not say it; tanh else.")
    ] = None,
    time_major: Annotated[
        bool, typer.Option("--time-major", help="Sequences are (T, n, ...), not (n, T, ...).")
    ] = False,
    every_step: Annotated[
        bool,
        typer.Option(
            "--every-step",
            help="The mean over all steps, not the last one; labels (n, T) say it, too.",
        ),
    ] = False,
    sequences: Annotated[int, typer.Option(help="How many sequences are measured on.")] = 200,
) -> None:
    """Prune a network and set bounds beside the error that this makes on the data.

    The bounds on the error hold for these very sequences. Where there are labels, a gated network
    of one layer also gets section 7's bound on its margin risk over new ones.
    """
    from bounds.terms import show_above
    from validation.commands.prune import check_by_runs, sizes
    from validation.output.terminal import working
    from validation.porting.bounding import bound_file
    from validation.porting.models import Settings

    reads = "every" if every_step else "last"
    check_by_runs(by_runs, objective)
    with working("bounds") as say:
        found = bound_file(
            model,
            data,
            Settings(
                k=sizes(k), objective=objective, refit=refit, reads=reads, by_runs=by_runs, say=say
            ),
            activation=activation,
            time_major=time_major,
            every_step=every_step,
            sequences=sequences,
        )
    typer.echo(f"network   {found.words}")
    typer.echo(f"error     {found.error:.4g}, outputs {found.size:.4g} ({found.steps})")
    for bound in found.bounds:
        times = beside(bound.total, found.error, found.size)
        typer.echo(f"bound     {show_above(bound.log_total)}{times} ({bound.id}; {bound.label})")
        for note in bound.notes:
            typer.echo(f"          {note}")
    for bound in found.risks:
        vacuous = ", vacuous: above 1" if bound.log_total >= 0 else ""
        typer.echo(f"risk      {show_above(bound.log_total)} ({bound.id}; {bound.label}{vacuous})")
    for note in found.notes:
        typer.echo(f"left out  {note}")


def beside(total: float | None, error: float, size: float) -> str:
    """What a bound is of the error as measured, in words; empty where there is nothing to say.

    Bounds pay for the rounding of the states that they speak of, and not for that of the error as
    it is printed: an error of the size of one rounding may be printed above its bound.
    """
    if total is None or not error:
        return ""
    if total < error <= total + ROUNDING * size:
        return ", within the rounding of the error as measured"
    return f", {total / error:.3g} times"


ROUNDING = 1e-13
"""Of the outputs: what the rounding of the read-out may make of the measured error."""
