"""No bound labelled valid is below the exact-rational error, once, on networks of every scale."""

import os
import time
import warnings
from concurrent.futures import ProcessPoolExecutor

import pytest
from helpers.degenerate import violations

COUNT = int(os.environ.get("RNNBOUNDS_NETWORKS", "100000"))


def test_no_valid_bound_is_below_the_error_of_a_degenerate_network():
    results = [violations(seed) for seed in range(60)]
    assert sum(evaluated.total() for evaluated, _ in results) > 500
    assert [line for _, found in results for line in found] == []


@pytest.mark.long
def test_no_valid_bound_is_below_the_error_of_a_hundred_thousand_networks():
    # Resumable, and with a count by bound: benchmarks/studies/degenerate_networks.py.
    start, evaluated, lines = time.monotonic(), 0, []
    with ProcessPoolExecutor() as workers:
        for one, found in workers.map(_quietly, range(COUNT), chunksize=50):
            evaluated += one.total()
            lines += found
    print(f"{COUNT} networks, {evaluated} bounds, {time.monotonic() - start:.0f} s")
    assert lines == []
    assert evaluated > 4 * COUNT


def _quietly(seed):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return violations(seed, every=50)
