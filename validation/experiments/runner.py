"""Run the rows of a grid that are not finished yet, in processes or on a Dask cluster."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib

from pruning.checks import choice, integer, unused
from validation.checking.clusters import cluster
from validation.experiments.grids import Grid, row_key
from validation.experiments.methods import WHOLE
from validation.experiments.store import Store
from validation.experiments.workbench import Task, finish, warm
from validation.output.schema import Facts, Record

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how many pieces are done and how many there are."""


@dataclass(frozen=True)
class Part:
    """Some rows of a grid: those of certain methods, sizes and seeds; an empty tuple is all.

    Of a part that names methods the bounds are not, nor the read-out from true states.
    """

    methods: tuple[str, ...] = ()
    nodes: tuple[int, ...] = ()
    seeds: tuple[int, ...] = ()

    def holds(self, row: Facts) -> bool:
        """Whether the row with these settings is among them."""
        if self.methods and (row["what"] != "score" or row["method"] not in self.methods):
            return False
        if self.nodes and row["k"] not in self.nodes:
            return False
        return not self.seeds or row["seed"] in self.seeds

    def check(self, grid: Grid) -> None:
        """Raise a ValueError that names what the grid does not have."""
        for method in self.methods:
            choice("a method of the part", method, (WHOLE, *grid.methods))
        for k in self.nodes:
            if k not in grid.nodes:
                raise ValueError(f"a size of the part must be one of {grid.nodes}, got {k}")
        for seed in self.seeds:
            if not 0 <= seed < grid.seeds:
                raise ValueError(
                    f"a seed of the part must be one of 0..{grid.seeds - 1}, got {seed}"
                )


def run(
    grid: Grid,
    store: Store,
    *,
    fine_tune: bool = False,
    workers: int | None = None,
    dask: str = "",
    part: Part | None = None,
    progress: Progress = lambda what, done, total: None,
) -> int:
    """Finish every row of the grid and store each as soon as it is finished.

    A row that the store holds is not done again. The results depend neither on the order nor on
    the number and kind of the workers.

    Parameters
    ----------
    grid : Grid
    store : Store
    fine_tune : bool
        Also the rows after fine-tuning.
    workers : int, optional
        Processes; by default one for each core. On a Dask cluster all of its workers are used, and
        none may be given.
    dask : str
        Address of a Dask scheduler. Its workers must see the files of the networks and the data
        under the same paths.
    part : Part, optional
        Finish the rows of this part of the grid only.
    progress : callable

    Returns
    -------
    int
        How many rows were finished now.

    Raises
    ------
    ValueError
        If the grid names what does not exist or does not fit, nobody answers at the address, or the
        store cannot take another row.
    """
    if dask:
        unused("workers", workers, "dask")
    if part is not None:
        part.check(grid)
    declared = declare(grid, store, fine_tune)
    done = store.keys()
    count = joblib.cpu_count() if workers is None else integer("workers", workers, 1)
    processes = count > 1 and not dask
    wanted = {key: row for key, row in declared.items() if part is None or part.holds(row)}
    tasks = [_task(grid, key, row, processes) for key, row in wanted.items() if key not in done]
    if not tasks:
        return 0
    total = len(wanted)
    with _pool(count, dask) as pool:
        first = _one_of_each_covariance(tasks)
        for count, _ in enumerate(pool(joblib.delayed(warm)(task) for task in first)):
            progress("covariances", count + 1, len(first))
        rows = {task.key: task.row for task in tasks}
        finished = pool(joblib.delayed(finish)(task) for task in tasks)
        for count, (key, result, seconds) in enumerate(finished):
            store.add(key, rows[key], result, seconds)
            progress("rows", total - len(tasks) + count + 1, total)
    return len(tasks)


def declare(grid: Grid, store: Store, fine_tune: bool = False) -> dict[str, Record]:
    """Write into the store what the grid consists of, and return its rows by key.

    Rows after fine-tuning that an earlier run has finished belong to it in any case.
    """
    rows = {row_key(row): row for row in grid.rows(fine_tune)}
    if not fine_tune and grid.fine_tuning:
        held = store.keys()
        more = {row_key(row): row for row in grid.rows(True)}
        rows |= {key: row for key, row in more.items() if key in held}
    facts = {
        "name": grid.name,
        "title": grid.title,
        "score": grid.score,
        "focus": grid.focus,
        "theta": grid.theta,
        "tau": grid.tau,
        "seeds": grid.seeds,
        "seed_is_a_network": grid.seed_is_a_network,
        "sample": grid.sample,
        "fine_tuning": dict(grid.fine_tuning),
        "fine_tuning_seeds": grid.fine_tuning_seeds,
        "training": dict(grid.training),
        "keys": list(rows),
        "planned": Counter(row["method"] for row in rows.values()),
    }
    store.put_fact("grid", facts)
    return rows


def _task(grid: Grid, key: str, row: Record, own_process: bool) -> Task:
    data = dict(grid.data)
    if data["loader"] == "file":
        data["path"] = str(Path(data["path"]).resolve())
    network = str(Path(grid.network(row["seed"])[0]).resolve())
    small = str(Path(grid.small).resolve()) if grid.small else ""
    return Task(key, row, network, data, own_process, small)


def _one_of_each_covariance(tasks: Iterable[Task]) -> list[Task]:
    """One task for each network and sample, so that no two workers form the same covariance."""
    return list({task.row["seed"]: task for task in tasks if _needs_one(task)}.values())


def _needs_one(task: Task) -> bool:
    row = task.row
    return row["what"] != "bound" and row["k"] is not None and not {"training", "small"} & set(row)


@contextmanager
def _pool(count: int, dask: str) -> Iterator[Callable[..., Iterable[Any]]]:
    """Yield a function that runs delayed calls and yields their results as they come.

    One thread a process: the processes fill the cores, and sums are always taken in the same order.
    """
    options: Record = {"return_as": "generator_unordered", "batch_size": 1}
    if dask:
        with cluster(dask), joblib.parallel_config(backend="dask"):
            yield joblib.Parallel(n_jobs=-1, **options)
        return
    backend = "loky" if count > 1 else "sequential"
    threads = {"inner_max_num_threads": 1} if count > 1 else {}
    with joblib.parallel_config(backend=backend, **threads):
        yield joblib.Parallel(n_jobs=count, **options)
