"""What pruning that knows the recursion costs, beside the states themselves.

    python benchmarks/balanced_cost.py [--fit]

m = 128, T = 28, n = 5,000, 10 outputs, ReLU, float32 and float64: seconds of one thread's processor
time for the states, for the exact observability of the last step and for one probe, and the
ratios. Wanted: at most 10 and 3. On a committed row-MNIST network and its images (if they were
fetched), and on random weights and inputs, where hardly a node is ever at rest. There the exact one
takes 12.3 times the products of the states: q m^2 for the rows of gradients and half of that for
their moment, a step, against m^2 + m d_x. What these take with this BLAS is printed beside it.
Then the greedy selection of 42 nodes with the weight of section 0 and with the balanced one.
With --fit the closed loop at k = 42, too: its seconds on the wall (BLAS may use every core).
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

if "--fit" not in sys.argv:
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[variable] = "1"

import numpy as np

from pruning import (
    RNN,
    Observability,
    StateCovariance,
    balanced_weight,
    initial_rnn,
    select_nodes,
    selection_weight,
    spectral_prune,
)
from pruning.checks import Array
from pruning.observability_rows import Rows, product
from pruning.observability_steps import states
from pruning.storage import load_network
from validation.data.images import images

M, T, N, REPEATS = 128, 28, 5000, 5
MODELS = Path(__file__).parents[1] / "models"


def seconds(*calls: Callable[[], object]) -> list[float]:
    """The least processor time of each, taken in turns, so that all see the same machine."""
    best = [float("inf")] * len(calls)
    for _ in range(REPEATS):
        for i, call in enumerate(calls):
            begin = time.process_time()
            call()
            best[i] = min(best[i], time.process_time() - begin)
    return best


def networks() -> Iterator[tuple[str, RNN, Array]]:
    rng = np.random.default_rng(0)
    rnn = initial_rnn(M, d_x=28, d_y=10, activation="relu", rng=0)
    yield "random", rnn, rng.normal(size=(N, T, 28))
    try:
        x = images("mnist").x[:N].astype(np.float64)
    except ValueError as missing:
        print(f"row-MNIST is left out: {missing}")
        return
    yield "row-MNIST", load_network(MODELS / "row-mnist-0.safetensors"), x


def cost(name: str, rnn: RNN, x: Array, dtype: str) -> None:
    """Print the ratios of one network in one precision."""
    batches = [x[start : start + 100] for start in range(0, N, 100)]

    def run() -> None:
        for part in batches:
            states(rnn, part, dtype)

    def exact() -> Observability:
        return Observability(rnn, T, dtype=dtype).update(x)

    def probe() -> Observability:
        return Observability(rnn, T, probes=1, rng=0, dtype=dtype).update(x)

    rows = np.random.default_rng(0).normal(size=(480, M)).astype(dtype)
    w_hidden, pulled = rnn.w_hidden.astype(dtype), np.empty_like(rows)
    moments = Rows(rnn, rnn.w_output, N, dtype)

    def products() -> None:
        for _ in range((T - 2) * N * rnn.d_y // len(rows)):
            product(rows, w_hidden, pulled)
            moments.moment(rows)

    base, full, one, least = seconds(run, exact, probe, products)
    said = ", ".join(
        f"{what} {used:.3f} s = {used / base:.1f} times"
        f" ({'within' if used <= most * base else 'not within'} {most})"
        for what, used, most in (("exact", full, 10), ("one probe", one, 3))
    )
    floor = 1 + least / base
    print(
        f"{name}, {dtype}: states {base:.3f} s, {said};"
        f" the states and the bare products of all nodes {floor:.1f} times",
        flush=True,
    )


def main() -> None:
    for name, rnn, x in networks():
        for dtype in ("float32", "float64"):
            cost(name, rnn, x, dtype)

    rng = np.random.default_rng(0)
    rnn = initial_rnn(M, d_x=28, d_y=10, activation="relu", rng=0)
    x = rng.normal(size=(N, T, 28))
    S = StateCovariance.from_network(rnn, x[:1000]).matrix
    weights = selection_weight(rnn, 0.5), balanced_weight(Observability(rnn, T).update(x[:500]))
    plain, balanced = seconds(*[lambda M=M: select_nodes(S, 42, weight=M) for M in weights])
    print(f"greedy, k = 42: {1e3 * plain:.1f} ms, with the balanced weight {1e3 * balanced:.1f} ms")

    if "--fit" in sys.argv:
        begin, used = time.perf_counter(), time.process_time()
        steps: list[object] = []
        spectral_prune(
            rnn, x, 42, objective="balanced", refit="closed-loop", rng=0, progress=steps.append
        )
        wall, used = time.perf_counter() - begin, time.process_time() - used
        print(f"closed loop, k = 42: {wall:.0f} s, {used:.0f} s of processors, {len(steps)} steps")


if __name__ == "__main__":
    main()
