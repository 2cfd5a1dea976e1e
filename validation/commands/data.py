"""`rnnbounds data`: list and fetch the public data sets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def data(
    context: typer.Context,
    action: Annotated[str, typer.Argument(help="list, or fetch with a name.")] = "list",
    name: Annotated[str, typer.Argument(help="Which data set.")] = "",
    source: Annotated[
        Path | None,
        typer.Option(
            "--from", help="A file, folder or archive on this machine that holds the data set."
        ),
    ] = None,
) -> None:
    """List the public data sets, or fetch one into the cache and check it.

    The cache is a folder by the platform's convention; the environment variable RNNBOUNDS_DATA
    names another.
    """
    from pruning.checks import choice
    from validation.commands.given import refuse
    from validation.data.fetching import cache_folder, fetch, held_files
    from validation.data.sources import SOURCES

    choice("the action of data", action, ("list", "fetch"))
    if action == "list":
        refuse(context, "list", "source")
        if name:
            raise ValueError(f"data list takes no name, got {name!r}")
        typer.echo(f"{'digits':14} ships with the package; 1,797 images of 8 x 8 (CC BY 4.0)")
        for key, known in SOURCES.items():
            held = len(held_files(key)) == len(known.files)
            typer.echo(
                f"{key:14} {'in the cache' if held else 'not fetched'}; "
                f"{known.title} ({known.licence})"
            )
        typer.echo(f"cache: {cache_folder()}")
        return
    choice("the data set", name, ("digits", *SOURCES))
    if name == "digits":
        refuse(context, "digits, which ships with the package", "source")
        typer.echo("digits ships with the package; there is nothing to fetch")
        return
    folder = fetch(name, source, say=lambda line: typer.echo(line, err=True))
    for file, path in held_files(name).items():
        typer.echo(f"{folder.name}: {file} {path.stat().st_size} bytes, checksum right")
