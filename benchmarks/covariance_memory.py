"""Peak memory of the covariance of 10^7 states of 128 nodes, and its rate against a bare product.

States arrive in batches, from a network that runs on them; memory is that of the whole process.

    python benchmarks/covariance_memory.py [--states 10000000]
"""

from __future__ import annotations

import argparse
import resource
import sys
import time

import numpy as np

from pruning import RNN, StateCovariance

LIMIT_MB = 500
M, T, BATCH = 128, 100, 500


def peak_mb() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e6 if sys.platform == "darwin" else 1e3)  # bytes there, kilobytes elsewhere


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--states", type=int, default=10_000_000)
    arguments = parser.parse_args()
    rng = np.random.default_rng(0)
    rnn = RNN(
        rng.normal(size=(M, M)) / np.sqrt(M),
        rng.normal(size=(M, 8)),
        np.zeros(M),
        np.zeros((1, M)),
        np.zeros(1),
        activation="tanh",
    )
    covariance = StateCovariance(M, T)
    at_start = peak_mb()
    spent = bare = 0.0
    while covariance.n * T < arguments.states:
        h = rnn.states(rng.normal(size=(BATCH, T, 8)))
        start = time.perf_counter()
        covariance.update(h)
        middle = time.perf_counter()
        rows = h.reshape(-1, M)
        rows.T @ rows
        spent += middle - start
        bare += time.perf_counter() - middle
    seen = covariance.n * T
    assert np.linalg.eigvalsh(covariance.matrix)[0] > 0
    peak = peak_mb()
    verdict = "PASS" if peak < LIMIT_MB else "FAIL"
    print(f"{seen} states of {M} nodes, {seen * M * 8 / 1e9:.1f} GB of float64 in batches")
    print(f"peak memory {peak:.0f} MB ({at_start:.0f} MB before)  {verdict} (limit {LIMIT_MB} MB)")
    print(f"update {spent:.1f} s, bare product {bare:.1f} s, ratio {spent / bare:.2f}")


if __name__ == "__main__":
    main()
