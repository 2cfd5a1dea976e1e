"""How many times the measured error the bounds are: the digits' networks, every seed; resumable.

    python benchmarks/studies/sharpness.py rows rows.jsonl [NUMBER ...]
    python benchmarks/studies/sharpness.py table rows*.jsonl > results/sharpness.md

The numbers are those of rows in order, all of them by default; rows that the file has are not
searched again. What takes seconds is written first, so that a search that is ended from outside
leaves it; `given` in its row is for how long it was given. T = 64 is eight digits in a row. Times
are of the processor, on one thread.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")


from bounds.approximation import (
    approximation_bound,
    approximation_error,
    dissipation_bound,
)
from pruning import StateCovariance, load_network, spectral_prune
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
labelled *valid*. T = 64 is eight digits in a row. Seconds are of one processor, of two machines.
Where no sharpest bound was found the search was ended after the seconds that are shown, or not
begun; what was found by then is nothing.
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


def search(
    key: tuple[str, int, int, int, bool], write: Callable[[dict[str, object]], None]
) -> None:
    activation, seed, k, T, by_step = key
    rnn = load_network(f"models/{ACTIVATIONS[activation]}-{seed}.safetensors")
    x = digits().x
    if T > 8:
        x = x[: len(x) // (T // 8) * (T // 8)].reshape(-1, T, 8)
    covariance = StateCovariance.from_network(rnn, x, per_step=by_step)
    pruned, steps = spectral_prune(rnn, covariance, k), covariance.per_step
    error = approximation_error(pruned, x)
    start = time.process_time()
    best = approximation_bound(pruned, T, "best", per_step=steps)
    row = {
        "key": list(key),
        "error": error,
        "best": best.total / error,
        "sharpest": None,
        "seconds": [time.process_time() - start, None],
        "notes": [condition.detail for condition in best.conditions],
    }
    write(row)
    start = time.process_time()
    bound = dissipation_bound(pruned, T, per_step=steps)
    seconds = [row["seconds"][0], time.process_time() - start]
    sharpest = min(best.total, bound.total) / error
    write(row | {"sharpest": sharpest, "seconds": seconds, "notes": list(bound.notes)})


def table(found: list[dict]) -> None:
    print(HEAD)
    print("| s | seed | k | T | moments | error | best | sharpest | s (best) | s (sharpest) |")
    print("|---|---:|---:|---:|---|---:|---:|---:|---:|---:|")
    for row in found:
        activation, seed, k, T, by_step = row["key"]
        ended = row["sharpest"] is not None
        sharpest = f"{row['sharpest']:.3g}" if ended else "not found"
        given = row.get("given", 0)
        seconds = f"{row['seconds'][1]:.0f}" if ended else f"more than {given}" if given else "-"
        print(
            f"| {activation} | {seed} | {k} | {T} | {'per step' if by_step else 'S alone'}"
            f" | {row['error']:.3g} | {row['best']:.3g} | {sharpest}"
            f" | {row['seconds'][0]:.1f} | {seconds} |"
        )
    print("\nSeed 0 is held to these limits by `tests/bounds/test_dissipation.py` (long):")
    for (activation, by_step), limit in LIMITS.items():
        print(f"{activation}, {'per step' if by_step else 'S alone'}, at most {limit:g}.")


def read(paths: list[Path]) -> list[dict]:
    """The rows of all files in order; of those of one key the last one that has an end."""
    found: dict[tuple, dict] = {}
    for line in (line for path in paths if path.exists() for line in path.read_text().splitlines()):
        row = json.loads(line)
        key = tuple(row["key"])
        if key not in found or row["sharpest"] is not None:
            found[key] = row
    return [found[key] for key in rows() if key in found]


def main() -> None:
    command, path = sys.argv[1], Path(sys.argv[2])
    if command == "table":
        table(read([Path(name) for name in sys.argv[2:]]))
        return
    done = {tuple(row["key"]) for row in read([path]) if row["sharpest"] is not None}
    numbers = [int(number) for number in sys.argv[3:]] or range(len(rows()))

    def write(row: dict[str, object]) -> None:
        with path.open("a") as file:
            file.write(json.dumps(row) + "\n")

    for key in (rows()[number] for number in numbers):
        if key not in done:
            search(key, write)


if __name__ == "__main__":
    main()
