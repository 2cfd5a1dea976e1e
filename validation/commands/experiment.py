"""`rnnbounds experiment`: run a grid of pruning experiments, safe to kill and to resume."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from validation.experiments.runner import Progress


def experiment(
    context: typer.Context,
    name: Annotated[
        str, typer.Argument(help="Which experiment, or a grid FILE.toml; without it a list.")
    ] = "",
    seeds: Annotated[int | None, typer.Option(help="Instead of the grid's number.")] = None,
    finetune: Annotated[
        bool, typer.Option("--finetune", help="Also train the pruned networks further.")
    ] = False,
    workers: Annotated[
        int | None, typer.Option(help="Processes; by default one for each core.")
    ] = None,
    dask: Annotated[
        str, typer.Option(help="Address of a Dask scheduler, to work there instead.")
    ] = "",
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the rows that are not finished.")
    ] = False,
    restart: Annotated[
        bool, typer.Option("--restart", help="Forget finished rows and begin anew.")
    ] = False,
    method: Annotated[
        list[str] | None, typer.Option(help="Only rows of this method; may be repeated.")
    ] = None,
    nodes: Annotated[
        list[int] | None, typer.Option(help="Only rows of this k; may be repeated.")
    ] = None,
    seed: Annotated[
        list[int] | None, typer.Option(help="Only rows of this seed; may be repeated.")
    ] = None,
    take: Annotated[
        list[Path] | None,
        typer.Option(help="First take the rows of a NAME.sqlite or NAME.csv; may be repeated."),
    ] = None,
    run_rows: Annotated[
        bool, typer.Option("--run/--no-run", help="Finish the rows that are not finished.")
    ] = True,
    models: Annotated[Path, typer.Option(help="The folder of the trained networks.")] = Path(
        "models"
    ),
    out: Annotated[Path, typer.Option(help="Where NAME.sqlite goes.")] = Path("results"),
) -> None:
    """Prune by every method to every size, measure, and store each row as it is finished.

    It may be killed at any moment; with --resume no row is lost and none is done again.
    """
    # Before NumPy is loaded: one thread a process, here as in the workers, so that sums are taken
    # in the same order.
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[variable] = "1"
    from validation.commands.given import refuse
    from validation.experiments.declared import DECLARED, grid_named
    from validation.experiments.grid_files import read_grid
    from validation.experiments.recover import gather
    from validation.experiments.runner import Part, declare, run
    from validation.experiments.store import Store

    if not name:
        refuse(context, "no experiment named, which lists them")
        for known, facts in DECLARED.items():
            typer.echo(f"{known:16} {facts['title']}")
        return
    if not run_rows:
        refuse(context, "--no-run", "method", "nodes", "seed", "workers", "dask")
        if not take:
            refuse(context, "--no-run and no --take", "seeds", "finetune")
    if dask:
        refuse(context, "--dask, whose workers are used", "workers")
    if restart:
        refuse(context, "--restart", "resume")
    if name.endswith(".toml"):
        refuse(context, "a grid file, which names its networks", "models")
    grid = read_grid(name) if name.endswith(".toml") else grid_named(name, models)
    grid = grid.with_seeds(seeds)
    with _removed_if_it_fails(out / f"{grid.name}.sqlite") as path, Store(path) as store:
        if restart:
            store.clear()
        held = len(store.keys())
        if held and not resume:
            raise ValueError(
                f"{store.path} holds {held} finished rows: use --resume to go on with it or "
                "--restart to begin anew"
            )
        part = Part(tuple(method or ()), tuple(nodes or ()), tuple(seed or ()))
        part.check(grid)
        if take:
            taken = gather(grid, take, store)
            declare(grid, store, finetune)
            typer.echo(f"{store.path}: {taken} rows taken")
        count = 0
        if run_rows:
            with _shown() as progress:
                count = run(
                    grid,
                    store,
                    fine_tune=finetune,
                    workers=workers,
                    dask=dask,
                    part=part,
                    progress=progress,
                )
        typer.echo(f"{store.path}: {count} rows finished now, {len(store.keys())} in all")


@contextmanager
def _removed_if_it_fails(path: Path) -> Iterator[Path]:
    """Leave no new store without a row, and no new folder for it, where the block raises."""
    from validation.experiments.store import Store

    new, new_folder = not path.exists(), not path.parent.exists()
    try:
        yield path
    except Exception:
        if new and path.is_file():
            with Store(path) as store:
                empty = not store.keys()
            if empty:
                path.unlink()
        if new_folder:
            with suppress(OSError):
                path.parent.rmdir()
        raise


@contextmanager
def _shown() -> Iterator[Progress]:
    """Yield a callback that draws a bar with the time left, or elsewhere says every tenth."""
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield _spoken
        return
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Bar(*columns, TimeRemainingColumn(), console=console, transient=True) as bar:
        tasks = {}

        def update(what: str, done: int, total: int) -> None:
            if what not in tasks:
                # What an earlier run has finished says nothing about the speed of this one.
                tasks[what] = bar.add_task(what, total=total, completed=done - 1)
            bar.update(tasks[what], completed=done)

        yield update


def _spoken(what: str, done: int, total: int) -> None:
    if done == total or done * 10 // total > (done - 1) * 10 // total:
        typer.echo(f"{what}: {done} of {total}", err=True)
