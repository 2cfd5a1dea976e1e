"""A proof on a cluster of two workers, of which one is killed, ends as it does here."""

import os
import signal
import threading

import pytest

from validation.catalogue.scalar_steps import covering_equal_split, kappa_squared
from validation.proving.pools import pooled
from validation.proving.prove import prove
from validation.proving.records import Ending

distributed = pytest.importorskip("distributed")


@pytest.mark.long
@pytest.mark.filterwarnings("ignore")
def test_a_cluster_whose_worker_is_killed_gives_the_same_ending():
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as c:
        with pooled([covering_equal_split], 0, dask=c.scheduler_address) as pool:
            assert pool.count == 2
            victim = next(iter(c.workers.values())).pid
            timer = threading.Timer(4.0, lambda: os.kill(victim, signal.SIGKILL))
            timer.start()
            proof = prove(covering_equal_split, budget=30, pool=pool)
            timer.join()
        here = prove(covering_equal_split, budget=30)
    assert proof.kind is here.kind is Ending.RELAXED
    assert proof.rechecked == proof.cells
    assert proof.slack == here.slack


@pytest.mark.long
def test_processes_here_give_the_same_ending():
    with pooled([kappa_squared], 2) as pool:
        assert prove(kappa_squared, budget=5, pool=pool).kind is Ending.PROVED


def test_nobody_answers_at_a_wrong_address():
    found = pytest.raises(ValueError, match="no Dask scheduler answered")
    with found, pooled([], 0, dask="tcp://127.0.0.1:9"):
        pass
