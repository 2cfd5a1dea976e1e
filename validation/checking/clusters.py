"""A Dask cluster as a place to work, for every command that takes ``--dask ADDRESS``."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from validation.arithmetic.values import Value

ANSWER_SECONDS = 10
"""How long a scheduler may take to answer."""


@contextmanager
def cluster(address: str) -> Iterator[int]:
    """Connect to a scheduler for the block; yields the number of its threads.

    Raises
    ------
    ValueError
        If the package is missing, nobody answers, or there are no workers.
    """
    try:
        from distributed import Client
    except ImportError:
        raise ValueError("--dask needs the package distributed, install rnnbounds[dask]") from None
    try:
        client = Client(address, timeout=ANSWER_SECONDS)
    except (OSError, ValueError) as error:
        raise ValueError(
            f"no Dask scheduler answered at {address} in {ANSWER_SECONDS} s: {error}"
        ) from None
    with client:
        workers = client.scheduler_info()["workers"]
        if not workers:
            raise ValueError(f"the Dask scheduler at {address} has no workers")
        yield sum(worker["nthreads"] for worker in workers.values())


def scattered(
    address: str, function: Callable[..., Value], items: Sequence[Value], limit: float
) -> Iterator[tuple[int, Value]]:
    """Call a function on every item on a cluster; yields (place, result) as they finish.

    A task whose worker dies is run again on another, up to the scheduler's number of failures. What
    a task raises is yielded in place of its result, and so is a `TimeoutError` for those that are
    not finished when so many seconds have passed for every round of the workers.

    Raises
    ------
    ValueError
        As `cluster`.
    """
    with cluster(address) as count:
        from distributed import as_completed, get_client

        client = get_client()
        tasks = {
            client.submit(function, item, pure=False): place for place, item in enumerate(items)
        }
        seconds = limit * math.ceil(len(items) / count)
        left = dict(tasks)
        try:
            for task in as_completed(list(tasks), timeout=seconds):
                error = task.exception()
                yield left.pop(task), task.result() if error is None else error
        except TimeoutError:
            client.cancel(list(left))
            for place in left.values():
                yield place, TimeoutError(f"not finished after {seconds:g} s")
