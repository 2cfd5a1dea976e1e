"""Every bound of section 3 against the exact-rational error, on degenerate networks; resumable.

    python benchmarks/studies/degenerate_networks.py 100000 progress.jsonl > table.md

A network is a seed of `tests/helpers/degenerate.py`. One line of the progress file is a block of
seeds that is done; blocks that are there are not done again, and the table is of all of them.
"""

from __future__ import annotations

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

from helpers.degenerate import violations  # noqa: E402

BLOCK = 100
EVERY = 50  # one network in fifty sees every bound, the others some of them, in turn

HEAD = """\
# Bounds against the exact error, on degenerate networks

`python benchmarks/studies/degenerate_networks.py` wrote this. A network is a seed of
`tests/helpers/degenerate.py`: up to 4 nodes, 4 sequences and 6 steps, ReLU, leaky ReLU or the
identity, dyadic entries, scales from 2^-1000 to 2^565 on whole matrices, nodes or single entries,
dead, repeated and unread nodes, k from 0 to m, with and without reconstruction. The error is
computed in rationals, from the networks as they are stored; a violation is a bound labelled *valid*
whose logarithm is below that of the error, to 60 digits.
"""


def main(count: int, progress: Path) -> None:
    lines = progress.read_text().splitlines() if progress.exists() else []
    done = {block["first"] for block in map(json.loads, lines)}
    for first in range(0, count, BLOCK):
        if first not in done:
            with progress.open("a") as file:
                file.write(json.dumps(_block(range(first, min(first + BLOCK, count)))) + "\n")
    _table([json.loads(line) for line in progress.read_text().splitlines()])


def _block(seeds: range) -> dict[str, object]:
    start, evaluated, found, refused = time.process_time(), Counter[str](), [], 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for seed in seeds:
            one, lines = violations(seed, EVERY)
            refused += not one
            evaluated += one
            found += lines
    seconds = time.process_time() - start
    return {
        "first": seeds[0],
        "networks": len(seeds),
        "refused": refused,
        "evaluated": evaluated,
        "violations": found,
        "seconds": seconds,
    }


def _table(blocks: list[dict[str, object]]) -> None:
    evaluated: Counter[str] = Counter()
    for block in blocks:
        evaluated.update(block["evaluated"])
    networks, refused = (sum(block[key] for block in blocks) for key in ("networks", "refused"))
    violated = [line for block in blocks for line in block["violations"]]
    last = max(block["first"] + block["networks"] for block in blocks) - 1
    print(HEAD)
    print(
        f"- networks: {networks:,} (seeds 0 to {last}), of which {refused:,} are refused, as their"
    )
    print("  weights or states leave the range of floats, or have no bound labelled *valid*")
    print(f"- evaluations: {evaluated.total():,}")
    print(f"- **violations: {len(violated)}**")
    print(f"- processor time: {sum(block['seconds'] for block in blocks):,.0f} s; Python")
    print(f"  {platform.python_version()}, NumPy {np.__version__}, SciPy {scipy.__version__}\n")
    print(f"One network in {EVERY} sees every bound; the others see four quick ones in turn, and")
    print("every second one a bound that searches.\n")
    print("| bound | evaluations labelled valid |\n|---|---|")
    for name, number in sorted(evaluated.items()):
        print(f"| {name} | {number:,} |")
    for line in violated:
        print(f"\n{line}")


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
