"""A Dask cluster as a place to work, for every command that takes ``--dask ADDRESS``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

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
