"""States of gated cells against torch's own on the CPU; and a pruned layer against a whole one.

    python benchmarks/gates_against_torch.py [--repeats 15]

Both are run in turn by CPU time, so that a busy machine slows both; printed are medians and the
ratio of the medians, ours to torch's. Wanted: at most 1.2. Then torch's own layers at m = 512 and
at 128, one sequence and 64: what pruning brings, wanted at least 2. `rnnbounds prune` measures the
same of the network at hand, and says where there is nothing to win. The last line counts what
misses its mark.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from functools import partial

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from pruning.cells.gru import GRU
from pruning.cells.lstm import LSTM
from pruning.cells.plain import Plain

CELLS = {
    "plain": (Plain, torch.nn.RNN),
    "gru": (GRU, torch.nn.GRU),
    "lstm": (LSTM, torch.nn.LSTM),
}
SHAPES = ((28, 128, 128, 28), (100, 128, 128, 1), (28, 256, 64, 28), (35, 32, 128, 128))
SHAPES += ((28, 128, 256, 28), (50, 1, 128, 28))


def pair(kind, m, d):
    """The same layer twice."""
    ours, theirs = CELLS[kind]
    layer = theirs(d, m)
    names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
    return ours(*(getattr(layer, name).detach().numpy() for name in names)), layer


def times(calls, repeats):
    """Median CPU seconds of each call, run in turn."""
    seen = [[] for _ in calls]
    for call in calls:
        call()
    for _ in range(repeats):
        for call, found in zip(calls, seen):
            began = time.process_time()
            call()
            found.append(time.process_time() - began)
    return [statistics.median(found) for found in seen]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=15)
    options = parser.parse_args()
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    missed = 0
    print(f"numpy {np.__version__}, torch {torch.__version__}, float32, one thread")
    with threadpool_limits(1, user_api="blas"), torch.inference_mode():
        for kind in CELLS:
            for T, n, m, d in SHAPES:
                cell, layer = pair(kind, m, d)
                x = rng.normal(size=(T, n, d)).astype(np.float32)
                tensor = torch.tensor(x)
                calls = [partial(cell.states, x), partial(layer, tensor)]
                ours, theirs = times(calls, options.repeats)
                missed += ours > 1.2 * theirs
                print(
                    f"{kind:6} T {T:3} n {n:3} m {m:3} d {d:3}: {1e3 * ours:7.2f} ms,"
                    f" torch {1e3 * theirs:7.2f} ms, ratio {ours / theirs:.2f}",
                    flush=True,
                )
        for kind in CELLS:
            for n in (1, 64):
                tensor = torch.tensor(rng.normal(size=(28, n, 28)).astype(np.float32))
                layers = [pair(kind, m, 28)[1] for m in (512, 128)]
                whole, small = times([partial(layer, tensor) for layer in layers], options.repeats)
                missed += whole < 2 * small
                print(
                    f"{kind:6} in torch, {n:2} sequences of 28 steps: m = 512 {1e3 * whole:.2f} ms,"
                    f" m = 128 {1e3 * small:7.2f} ms: {whole / small:.1f} times faster",
                    flush=True,
                )
    print(f"{missed} ratio(s) that miss what is wanted")
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
