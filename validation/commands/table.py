"""`rnnbounds table`: the tables of an experiment, or of several."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer


def table(
    context: typer.Context,
    names: Annotated[
        list[str],
        typer.Argument(metavar="NAME", help="Experiments, or their NAME.sqlite or NAME.csv."),
    ],
    form: Annotated[
        str | None,
        typer.Option(
            "--format",
            help="md, latex, csv of every row, or text; default: text on a terminal, else md.",
        ),
    ] = None,
    out: Annotated[
        Path, typer.Option(help="Where NAME.sqlite is, or else the committed NAME.csv.")
    ] = Path("results"),
    models: Annotated[Path, typer.Option(help="The folder of the trained networks.")] = Path(
        "models"
    ),
) -> None:
    """Print the tables of an experiment, finished or not; of several, one table of all of them."""
    from validation.commands.given import refuse
    from validation.experiments.overview import overview
    from validation.experiments.reading import results_named
    from validation.experiments.tables import written

    endings = {Path(name).suffix for name in names}
    if endings <= {".sqlite", ".csv"}:
        refuse(context, "the files themselves", "out")
    if endings <= {".sqlite"}:
        refuse(context, "stores, which say their networks", "models")
    found = [results_named(name, out, models) for name in names]
    chosen = form or ("text" if sys.stdout.isatty() else "md")
    width = shutil.get_terminal_size().columns
    one = len(found) == 1
    text = written(found[0], chosen, width) if one else overview(found, chosen, width)
    typer.echo(text, nl=False)
