"""Cells on many processes, here or on a Dask cluster.

A cover is dealt out like cards, so that every worker gets its share of the worst cells; what comes
back is put together in the order in which it was dealt. A part whose worker died is kept as it was.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from pruning.checks import Array
from validation.claims import Claim
from validation.proving.covering import Cover, refine
from validation.proving.gaps import Slack
from validation.proving.prove import recheck
from validation.proving.regions import Region


class Pool:
    """Runs refinements and rechecks on `count` workers of a joblib backend."""

    def __init__(self, parallel: Any, count: int) -> None:
        self.parallel, self.count = parallel, count

    def refine(
        self, claim: Claim, region: Region, cover: Cover, slack: Slack, seconds: float
    ) -> None:
        """Work on a cover's open cells for so many seconds; the cover is changed in place."""
        from joblib import delayed

        order = np.argsort(cover.depth, kind="stable")
        hands = [order[i :: self.count] for i in range(self.count)]
        parts = [
            Cover(cover.low[:, hand], cover.high[:, hand], cover.depth[hand]) for hand in hands
        ]
        back = self.parallel(
            delayed(_refined)(claim, region, part, slack, seconds) for part in parts if part.open
        )
        cover.low = np.concatenate([part.low for part in back], axis=1)
        cover.high = np.concatenate([part.high for part in back], axis=1)
        cover.depth = np.concatenate([part.depth for part in back])
        for part in back:
            cover.done += part.done
            cover.proved += part.proved
            cover.vacuous += part.vacuous
            cover.evaluated += part.evaluated
            cover.suspects += part.suspects

    def recheck(
        self, claim: Claim, region: Region, low: Array, high: Array, slack: Slack
    ) -> list[bool]:
        """Whether balls prove each of the cells (p, n)."""
        from joblib import delayed

        hands = np.array_split(np.arange(low.shape[1]), self.count)
        back = self.parallel(
            delayed(recheck)(claim, region, low[:, hand], high[:, hand], slack)
            for hand in hands
            if hand.size
        )
        return [sure for part in back for sure in part]


def _refined(claim: Claim, region: Region, part: Cover, slack: Slack, seconds: float) -> Cover:
    refine(claim, region, part, slack, seconds)
    return part


@contextmanager
def pooled(claims: list[Claim], workers: int, dask: str = "") -> Iterator[Pool | None]:
    """A pool of processes, or None for work in this one.

    Parameters
    ----------
    claims : list of Claim
        Those of a user's file travel as code.
    workers : int
        Processes here; 0 and 1 work in this one.
    dask : str
        The address of a Dask scheduler, whose workers are used instead.
    """
    import joblib

    from validation.checking.clusters import cluster
    from validation.checking.runner import by_value

    by_value(claims)
    if dask:
        with cluster(dask) as count, joblib.parallel_config(backend="dask"):
            yield Pool(joblib.Parallel(n_jobs=-1, batch_size=1), count)
        return
    if workers <= 1:
        yield None
        return
    with joblib.parallel_config(backend="loky", inner_max_num_threads=1):
        yield Pool(joblib.Parallel(n_jobs=workers, batch_size=1), workers)
