"""Every bound of section 3 against the exact-rational error, on degenerate networks; resumable.

    python benchmarks/studies/degenerate_networks.py run progress.jsonl \\
        --first 0 --count 100000 --family any
    python benchmarks/studies/degenerate_networks.py table progress*.jsonl > table.md

A network is a seed of a family of `tests/helpers/degenerate.py`. One line of a progress file is a
block of seeds that is done; blocks that are there are not done again, and the table is of all
blocks of all files: ranges may run side by side, each into its own file.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import scipy

ROOT = Path(__file__).parents[2]
sys.path += [str(ROOT / "tests")]
sys.path.insert(0, str(ROOT))

from helpers.degenerate import FAMILIES, FLOAT64, INFINITE, violations  # noqa: E402

BLOCK = 100
EVERY = 50  # one network in fifty sees every bound, the others some of them, in turn

HEAD = """\
# Bounds against the exact error, on degenerate networks

`python benchmarks/studies/degenerate_networks.py` wrote this. A network is a seed of a family of
`tests/helpers/degenerate.py`, with up to 4 nodes, 4 sequences and 6 steps, ReLU, leaky ReLU or the
identity, k from 0 to m, with and without reconstruction:

- *any*: dyadic entries, scales from 2^-1000 to 2^565 on whole matrices, nodes or single entries,
  dead, repeated and unread nodes;
- *cancelling*: a pre-activation that is 0 or a last bit in exact arithmetic, by its bias, an input
  or another node, at one or two steps, so that float64 loses the state; a read-out shows it.

The error is computed in rationals, from the networks as they are stored; a violation is a bound
labelled *valid* whose logarithm is below that of the error, to 60 digits. Bounds that say that they
are about float64 runs only are held to the exact error, too.
"""


def run(progress: Path, first: int, count: int, family: str) -> None:
    done = {(block["family"], block["first"]) for block in _read([progress])}
    for start in range(first, first + count, BLOCK):
        if (family, start) not in done:
            block = _block(range(start, min(start + BLOCK, first + count)), family)
            with progress.open("a") as file:
                file.write(json.dumps(block) + "\n")


def _read(files: list[Path]) -> list[dict]:
    """The blocks of all files, each once."""
    lines = [line for path in files if path.exists() for line in path.read_text().splitlines()]
    blocks = {(block["family"], block["first"]): block for block in map(json.loads, lines)}
    return [blocks[key] for key in sorted(blocks)]


def _block(seeds: range, family: str) -> dict[str, object]:
    start, evaluated, found, refused = time.process_time(), Counter[str](), [], 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for seed in seeds:
            one, lines = violations(seed, EVERY, family)
            refused += not one
            evaluated += one
            found += lines
    return {
        "family": family,
        "first": seeds[0],
        "networks": len(seeds),
        "refused": refused,
        "evaluated": evaluated,
        "violations": found,
        "seconds": time.process_time() - start,
        "versions": [platform.python_version(), np.__version__, scipy.__version__],
    }


def table(blocks: list[dict]) -> None:
    families = [family for family in FAMILIES if any(b["family"] == family for b in blocks)]
    print(HEAD)
    print("| family | networks | seeds | refused | bounds | of float64 runs only | violations |")
    print("|---|---:|---|---:|---:|---:|---:|")
    counts: dict[str, Counter[str]] = {}
    for family in families:
        own = [block for block in blocks if block["family"] == family]
        evaluated: Counter[str] = Counter()
        for block in own:
            evaluated.update(block["evaluated"])
        float64, infinite = evaluated.pop(FLOAT64, 0), evaluated.pop(INFINITE, 0)
        counts[family] = evaluated
        networks, refused = (sum(block[key] for block in own) for key in ("networks", "refused"))
        lines = sum(len(block["violations"]) for block in own)
        finite = evaluated.total() - infinite
        print(
            f"| {family} | {networks:,} | {_ranges(own)} | {refused:,} | "
            f"{evaluated.total():,} ({finite:,} finite) | {float64:,} | **{lines}** |"
        )
    print(
        "\nRefused: weights or states leave the range of floats, or no bound is labelled *valid*."
    )
    versions = sorted({tuple(block["versions"]) for block in blocks})
    print("Processor time: " + f"{sum(block['seconds'] for block in blocks):,.0f} s;")
    print("; ".join(f"Python {v[0]}, NumPy {v[1]}, SciPy {v[2]}" for v in versions) + ".\n")
    print(f"One network in {EVERY} sees every bound; the others see four quick ones in turn, and")
    print("every second one a bound that searches.\n")
    print("| bound | " + " | ".join(families) + " |\n|---|" + "---:|" * len(families))
    for name in sorted(set().union(*counts.values())):
        print(f"| {name} | " + " | ".join(f"{counts[f][name]:,}" for f in families) + " |")
    for block in blocks:
        for line in block["violations"]:
            print(f"\n{line}")


def _ranges(blocks: list[dict]) -> str:
    """The seeds of the blocks, as ranges."""
    spans: list[list[int]] = []
    for block in blocks:
        first, end = block["first"], block["first"] + block["networks"]
        if spans and spans[-1][1] == first:
            spans[-1][1] = end
        else:
            spans.append([first, end])
    return ", ".join(f"{first} to {end - 1}" for first, end in spans)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    running = commands.add_parser("run", help="search a range of seeds")
    running.add_argument("progress", type=Path)
    running.add_argument("--first", type=int, default=0)
    running.add_argument("--count", type=int, default=100_000)
    running.add_argument("--family", choices=list(FAMILIES), default="any")
    merging = commands.add_parser("table", help="print the table of finished blocks")
    merging.add_argument("progress", type=Path, nargs="+")
    given = parser.parse_args()
    if given.command == "run":
        run(given.progress, given.first, given.count, given.family)
    else:
        table(_read(given.progress))


if __name__ == "__main__":
    main()
