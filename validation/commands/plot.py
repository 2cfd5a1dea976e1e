"""`rnnbounds plot`: the figures of an experiment."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def plot(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Which experiment, or its NAME.sqlite or NAME.csv.")],
    form: Annotated[str, typer.Option("--format", help="png, svg or pdf.")] = "png",
    out: Annotated[
        Path, typer.Option(help="Where NAME.sqlite is, or else the committed NAME.csv.")
    ] = Path("results"),
    to: Annotated[Path, typer.Option(help="The folder that the figures go to.")] = Path("figures"),
    models: Annotated[Path, typer.Option(help="The folder of the trained networks.")] = Path(
        "models"
    ),
) -> None:
    """Draw the figures of an experiment, finished or not."""
    from pruning.checks import choice
    from validation.commands.given import refuse
    from validation.experiments.plots import figures_of
    from validation.experiments.reading import experiment_name, results_named
    from validation.output.terminal import working
    from validation.output.writing import write_atomically

    choice("format", form, ("png", "svg", "pdf"))
    if Path(name).suffix in (".sqlite", ".csv"):
        refuse(context, "the file itself", "out")
    if Path(name).suffix == ".sqlite":
        refuse(context, "a store, which says its networks", "models")
    with working("plot") as say:
        say("reading the rows")
        results = results_named(name, out, models)
        say("drawing")
        drawings = figures_of(results)
    for ending, drawing in drawings.items():
        figure = to / f"{Path(experiment_name(name)).name}-{ending}.{form}"
        write_atomically(figure, drawing.data(form))
        typer.echo(f"wrote {figure}")
