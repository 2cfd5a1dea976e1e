"""How many times the measured error the bounds are: the digits' networks, every seed; resumable.

    python benchmarks/studies/sharpness.py rows.jsonl [rows] > results/sharpness.md

`rows` is how many rows to search, in order (all of them by default); rows that the file has are not
searched again. T = 64 is eight digits in a row. Times are of the processor, on one thread.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")

import numpy as np

from bounds.approximation import (
    approximation_bound,
    approximation_error,
    dissipation_bound,
)
from pruning import load_network, spectral_prune
from validation.data.digits import digits

SEEDS = range(5)
ACTIVATIONS = {"tanh": "digits", "ReLU": "digits-relu"}
LIMITS = {("tanh", False): 15.0, ("ReLU", False): 22.0, ("tanh", True): 9.0, ("ReLU", True): 7.5}

HEAD = """\
# Sharpness of the bounds on the error

`python benchmarks/studies/sharpness.py` wrote this. Networks of 64 nodes pruned by the spectral
method; every number is times the measured error, averaged over time, on the training sequences that
S comes from. *best* is the smallest of the bounds that take seconds, *sharpest* the smaller of it
and the certified `approximation.dissipation`: from S alone, or with the S_t of every step. All are
labelled *valid*. T = 64 is eight digits in a row. Seconds are of one processor.
"""


def rows() -> list[tuple[str, int, int, int, bool]]:
    """(activation, seed, k, T, per step), the short searches first."""
    found = [
        (name, seed, 21, 8, by_step)
        for seed in SEEDS
        for name in ACTIVATIONS
        for by_step in (False, True)
    ]
    found += [(name, 0, 32, 8, by_step) for by_step in (False, True) for name in ACTIVATIONS]
    found += [(name, 0, 21, 64, False) for name in ACTIVATIONS]
    return found


def search(activation: str, seed: int, k: int, T: int, by_step: bool) -> dict[str, object]:
    rnn = load_network(f"models/{ACTIVATIONS[activation]}-{seed}.safetensors")
    x = digits().x
    if T > 8:
        x = x[: len(x) // (T // 8) * (T // 8)].reshape(-1, T, 8)
    pruned = spectral_prune(rnn, x, k)
    h = rnn.states(x)
    steps = np.einsum("nti,ntj->tij", h, h) / len(h) if by_step else None
    error = approximation_error(pruned, x)
    seconds = []
    totals = []
    for call in (
        lambda: approximation_bound(pruned, T, "best", per_step=steps),
        lambda: dissipation_bound(pruned, T, per_step=steps),
    ):
        start = time.process_time()
        bound = call()
        seconds.append(time.process_time() - start)
        totals.append(bound.total)
    return {
        "key": [activation, seed, k, T, by_step],
        "error": error,
        "best": totals[0] / error,
        "sharpest": min(totals) / error,
        "found": totals[1] < np.inf,
        "seconds": seconds,
        "notes": list(bound.notes),
    }


def table(found: list[dict]) -> None:
    print(HEAD)
    print("| s | seed | k | T | moments | error | best | sharpest | s (best) | s (sharpest) |")
    print("|---|---:|---:|---:|---|---:|---:|---:|---:|---:|")
    for row in found:
        activation, seed, k, T, by_step = row["key"]
        print(
            f"| {activation} | {seed} | {k} | {T} | {'per step' if by_step else 'S alone'}"
            f" | {row['error']:.3g} | {row['best']:.3g} | {row['sharpest']:.3g}"
            f" | {row['seconds'][0]:.1f} | {row['seconds'][1]:.0f} |"
        )
    print("\nSeed 0 is held to these limits by `tests/bounds/test_dissipation.py` (long):")
    for (activation, by_step), limit in LIMITS.items():
        print(f"{activation}, {'per step' if by_step else 'S alone'}, at most {limit:g}.")


def main(path: Path, count: int) -> None:
    known = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    done = {tuple(row["key"]) for row in known}
    for row in rows()[:count]:
        if row not in done:
            known.append(search(*row))
            with path.open("a") as file:
                file.write(json.dumps(known[-1]) + "\n")
    order = rows()
    table(sorted(known, key=lambda row: order.index(tuple(row["key"]))))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else len(rows()))
