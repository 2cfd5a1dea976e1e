"""Greedy selection against numpy.linalg.eigh of the same matrix, in the same run.

Three matrices a size: a power-law spectrum; the covariance of a random ReLU network; and one of
half rank, where the later gains have to be told from rounding. With the identity as weight, and
with that of a read-out. Times include the checks of the arguments. The limit is for one BLAS thread
each (`make bench`): a second one makes eigh up to 1.6 times as fast and the selection hardly, and
weighted rows at m = 1024 then come to 1.3 to 1.7 times.

    python benchmarks/greedy_selection.py [--repeats 5] [--sizes 256,64 1024,256 2048,512]
"""

from __future__ import annotations

import argparse
import os
import time

import numpy as np

from pruning import RNN, StateCovariance, select_nodes, selection_weight

LIMIT = 0.9


def matrices(m: int, rng: np.random.Generator):
    F = rng.normal(size=(m, m)) * np.arange(1, m + 1) ** -0.5
    yield "power law", F @ F.T / m
    rnn = network(m, rng)
    yield (
        "ReLU network",
        StateCovariance.from_network(rnn, rng.normal(size=(8 * m // 20, 40, 8))).matrix,
    )
    F = rng.normal(size=(m, m // 2))
    yield "half rank", F @ F.T / m


def network(m: int, rng: np.random.Generator) -> RNN:
    return RNN(
        rng.normal(size=(m, m)) / np.sqrt(m),
        rng.normal(size=(m, 8)),
        np.zeros(m),
        rng.normal(size=(10, m)),
        np.zeros(10),
    )


# With one thread the processor's time, which other processes do not enter.
CLOCK = time.process_time if os.environ.get("OMP_NUM_THREADS") == "1" else time.perf_counter


def seconds(action) -> float:
    start = CLOCK()
    action()
    return CLOCK() - start


def compare(peer, own, repeats: int, least: float = 1.0) -> tuple[list[float], list[float]]:
    """Ratios own/peer of calls next to each other, and the times of the peer.

    What else the machine does falls on both of a pair; which comes first changes, one pair warms
    up, and short calls are repeated until they have taken `least` seconds.
    """
    peer(), own()
    ratios: list[float] = []
    peers: list[float] = []
    spent = 0.0
    while len(ratios) < repeats or spent < least:
        first, second = (peer, own) if len(ratios) % 2 == 0 else (own, peer)
        pair = [seconds(first), seconds(second)]
        theirs, ours = pair if first is peer else pair[::-1]
        ratios.append(ours / theirs)
        peers.append(theirs)
        spent += theirs + ours
    return ratios, peers


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--sizes", nargs="+", default=["256,64", "1024,256", "2048,512"])
    arguments = parser.parse_args()
    print("ratio = time of select_nodes / time of eigh, of neighbouring calls; medians count")
    print(f"{'m':>5} {'k':>4}  {'matrix':13} {'weight':9} {'eigh':>9} {'min':>6} {'median':>7}")
    for size in arguments.sizes:
        m, k = (int(part) for part in size.split(","))
        rng = np.random.default_rng(0)
        weights = {"identity": None, "read-out": selection_weight(network(m, rng), 0.5)}
        for matrix, S in matrices(m, rng):
            for weight, M in weights.items():
                ratios, peers = compare(
                    lambda: np.linalg.eigh(S),  # noqa: B023
                    lambda: select_nodes(S, k, weight=M),  # noqa: B023
                    arguments.repeats,
                )
                median = float(np.median(ratios))
                verdict = "PASS" if median <= LIMIT else "FAIL"
                print(
                    f"{m:5} {k:4}  {matrix:13} {weight:9} {min(peers):8.4f}s"
                    f" {min(ratios):6.2f} {median:7.2f}  {verdict} (limit {LIMIT})",
                    flush=True,
                )


if __name__ == "__main__":
    main()
