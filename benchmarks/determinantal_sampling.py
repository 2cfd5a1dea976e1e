"""Determinantal and volume sampling of m = 1000 nodes against numpy.linalg.eigh, in the same run.

python benchmarks/determinantal_sampling.py [--repeats 5]
"""

from __future__ import annotations

import argparse

import numpy as np
from greedy_selection import compare, seconds

from pruning import certified_nodes, sample_determinantal, sample_volume

LIMIT = 2.0
M = 1000


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    rng = np.random.default_rng(0)
    F = rng.standard_normal((M, M)) * np.exp(-np.arange(M) / 200)
    S = F @ F.T / M
    rows = {
        "determinantal, lam = 1e-5": lambda: sample_determinantal(S, 1e-5, rng),
        "determinantal, lam = 1e-2": lambda: sample_determinantal(S, 1e-2, rng),
        "determinantal, lam = 0.3": lambda: sample_determinantal(S, 0.3, rng),
        "volume, k = 300": lambda: sample_volume(S, 300, rng),
    }
    print("ratio = time of a sample / time of eigh; of neighbouring calls; medians count")
    for name, call in rows.items():
        ratios, peers = compare(lambda: np.linalg.eigh(S), call, repeats)
        ratio = float(np.median(ratios))
        verdict = f"{'PASS' if ratio <= LIMIT else 'FAIL'} (limit {LIMIT})"
        print(f"{name:28} eigh {np.median(peers):.3f} s  ratio {ratio:.2f}  {verdict}")
    print(f"derandomised, lam = 0.05: {seconds(lambda: certified_nodes(S, 0.05)):.1f} s (no limit)")


if __name__ == "__main__":
    main()
