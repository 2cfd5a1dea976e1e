"""Verdicts, constants and proofs on a cluster of two workers, of which one is killed."""

import os
import signal
import threading

import pytest

from validation.catalogue.scalar_steps import covering_equal_split, kappa_squared
from validation.checking.runner import verify_all
from validation.commands.tighten import _found
from validation.loading import gather
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


@pytest.mark.long
@pytest.mark.filterwarnings("ignore")
def test_verify_and_tighten_on_a_cluster_give_what_they_give_here():
    claims = gather(["dof.range", "dof.convex", "step.pinsker", "dpp.norm", "dof.spectrum_split"])
    false = claims[2].with_constants(c=3)
    claims[2] = false
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as c:
        victim = next(iter(c.workers.values())).pid
        timer = threading.Timer(3.0, lambda: os.kill(victim, signal.SIGKILL))
        timer.start()
        there = verify_all(claims, budget=2, seed=7, dask=c.scheduler_address)
        timer.join()
        found = {
            claim.id: tightened
            for claim, tightened in _found(
                [(claims[0], "c"), (claims[3], "c")], 2.0, 7, c.scheduler_address
            )
        }
    here = verify_all(claims, budget=2, seed=7, workers=0)
    assert [o.conclusion for o in there] == [o.conclusion for o in here]
    assert not any(o.error for o in there)
    assert there[2].conclusion.bad
    assert set(found) == {"dof.range", "dpp.norm"}
    assert all(0.99 < float(one.value) <= 1 for one in found.values())


@pytest.mark.long
@pytest.mark.filterwarnings("ignore")
def test_a_claim_of_a_users_file_travels_and_its_fault_comes_back(tmp_path):
    file = tmp_path / "lemmas_that_travel.py"
    file.write_text(
        "from rnnbounds import claim, draw\n"
        "@claim('mine.square', 'x^2 >= 0', draw(x=draw.reals(-4, 4)))\n"
        "def square(xp, x):\n    return 0 * x, x * x\n"
        "@claim('mine.fault', 'no such name', draw(x=draw.reals(-4, 4)))\n"
        "def fault(xp, x):\n    return missing, x\n"
    )
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as c:
        good, bad = verify_all(gather([str(file)]), budget=0.5, dask=c.scheduler_address)
    assert not good.conclusion.bad
    assert "missing" in bad.error
