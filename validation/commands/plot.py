"""`rnnbounds plot`: the figures of an experiment."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def plot(
    name: Annotated[str, typer.Argument(help="Which experiment, or its NAME.sqlite.")],
    form: Annotated[str, typer.Option("--format", help="png or svg.")] = "png",
    out: Annotated[Path, typer.Option(help="Where NAME.sqlite is, and figures go.")] = Path(
        "results"
    ),
) -> None:
    """Draw the figures of an experiment, finished or not, beside its rows."""
    from pruning.checks import choice
    from validation.commands.table import store_path
    from validation.experiments.plots import figures_of
    from validation.experiments.store import Store
    from validation.experiments.summaries import Results
    from validation.output.writing import write_atomically

    choice("format", form, ("png", "svg"))
    path = store_path(name, out)
    with Store(path, read_only=True) as store:
        results = Results.read(store)
    for ending, drawing in figures_of(results).items():
        figure = path.with_name(f"{path.stem}-{ending}.{form}")
        write_atomically(figure, drawing.png if form == "png" else drawing.svg.encode())
        typer.echo(f"wrote {figure}")
