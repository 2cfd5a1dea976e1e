"""`rnnbounds table`: the tables of an experiment."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def table(
    name: Annotated[str, typer.Argument(help="Which experiment, or its NAME.sqlite.")],
    form: Annotated[str, typer.Option("--format", help="md, latex, or csv of every row.")] = "md",
    out: Annotated[Path, typer.Option(help="Where NAME.sqlite is.")] = Path("results"),
) -> None:
    """Print the tables of an experiment, finished or not."""
    from validation.experiments.store import Store
    from validation.experiments.summaries import Results
    from validation.experiments.tables import written

    with Store(store_path(name, out), read_only=True) as store:
        typer.echo(written(Results.read(store), form), nl=False)


def store_path(name: str, out: Path) -> Path:
    """Return the file of an experiment's rows, by its name, its grid file or itself."""
    path = Path(name)
    if path.suffix == ".sqlite":
        return path
    return out / f"{path.stem if path.suffix == '.toml' else name}.sqlite"
