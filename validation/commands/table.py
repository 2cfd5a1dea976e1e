"""`rnnbounds table`: the tables of an experiment."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def table(
    names: Annotated[
        list[str], typer.Argument(metavar="NAME", help="Experiments, or their NAME.sqlite.")
    ],
    form: Annotated[str, typer.Option("--format", help="md, latex, or csv of every row.")] = "md",
    out: Annotated[Path, typer.Option(help="Where NAME.sqlite is.")] = Path("results"),
) -> None:
    """Print the tables of an experiment, finished or not; of several, one table of all of them."""
    from validation.experiments.overview import overview
    from validation.experiments.store import Store
    from validation.experiments.summaries import Results
    from validation.experiments.tables import written

    found = []
    for name in names:
        with Store(store_path(name, out), read_only=True) as store:
            found.append(Results.read(store))
    text = written(found[0], form) if len(found) == 1 else overview(found, form)
    typer.echo(text, nl=False)


def store_path(name: str, out: Path) -> Path:
    """Return the file of an experiment's rows, by its name, its grid file or itself."""
    path = Path(name)
    if path.suffix == ".sqlite":
        return path
    return out / f"{path.stem if path.suffix == '.toml' else name}.sqlite"
