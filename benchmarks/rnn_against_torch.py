"""States and a training step against torch.nn.RNN on the CPU, with the same threads.

Both are timed in turn, so that a busy machine slows both; printed are the medians and the ratio of
the medians and of the minima, ours to torch's. Wanted: at most 1.1 for states and 1.0 for a step.
A training step is forward, backward and one AdamW update, last-step cross-entropy.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable

import numpy as np
import torch
from threadpoolctl import threadpool_limits
from torch import nn

from pruning.backpropagation import Tape, Weights
from pruning.cells import recursion
from pruning.initialisation import initial_rnn
from pruning.optimizers import optimizer_named

WANTED = {"states": 1.1, "training step": 1.0}


def states(T: int, m: int, n: int, d_x: int, act: str, dtype: str) -> tuple[Callable, Callable]:
    rnn, theirs, _ = pair(m, d_x, act, dtype)
    x = np.random.default_rng(0).random((n, T, d_x)).astype(dtype)
    time_first = torch.tensor(np.ascontiguousarray(x.transpose(1, 0, 2)))

    def torch_states() -> None:
        with torch.no_grad():
            theirs(time_first)

    return lambda: rnn.states(x, dtype=dtype), torch_states


def step(T: int, m: int, n: int, d_x: int, act: str, dtype: str) -> tuple[Callable, Callable]:
    rnn, theirs, head = pair(m, d_x, act, dtype)
    rng = np.random.default_rng(0)
    x, y = rng.random((n, T, d_x)).astype(dtype), rng.integers(0, 10, n)
    time_first, labels = torch.tensor(np.ascontiguousarray(x.transpose(1, 0, 2))), torch.tensor(y)
    parameters = [*theirs.parameters(), *head.parameters()]
    their_rule = torch.optim.AdamW(parameters, lr=1e-4, weight_decay=0.1)
    weights = Weights.of(rnn, dtype)
    gradient, tape = weights.like(), Tape(rnn.activation, "cross_entropy", "last", 1.0)
    rule = optimizer_named("adamw", weights.flat, 0.1)

    def our_step() -> None:
        tape.value_and_gradient(weights, recursion.time_major(x, dtype), y, gradient)
        rule.step(gradient.flat, 1e-4)

    def torch_step() -> None:
        their_rule.zero_grad()
        nn.functional.cross_entropy(head(theirs(time_first)[0][-1]), labels).backward()
        their_rule.step()

    return our_step, torch_step


def pair(m: int, d_x: int, act: str, dtype: str) -> tuple:
    """The same network twice."""
    rnn = initial_rnn(m, d_x, 10, act, "identity", 0.9, input_scale=0.1, rng=0)
    theirs = nn.RNN(d_x, m, nonlinearity=act, dtype=getattr(torch, dtype))
    head = nn.Linear(m, 10, dtype=getattr(torch, dtype))
    with torch.no_grad():
        theirs.weight_hh_l0.copy_(torch.tensor(rnn.w_hidden))
        theirs.weight_ih_l0.copy_(torch.tensor(rnn.w_input))
        theirs.bias_hh_l0.zero_()
        theirs.bias_ih_l0.zero_()
        head.weight.copy_(torch.tensor(rnn.w_output))
        head.bias.zero_()
    return rnn, theirs, head


def interleaved(
    calls: tuple[Callable, Callable], repeats: int, clock: Callable[[], float]
) -> list[list[float]]:
    times: list[list[float]] = [[], []]
    for call in calls:
        call()
    for _ in range(repeats):
        for call, seen in zip(calls, times):
            start = clock()
            call()
            seen.append(clock() - start)
    return times


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--threads", type=int, nargs="*", default=[1, 2])
    parser.add_argument("--quick", action="store_true", help="T = 100 for T = 784")
    parser.add_argument(
        "--cpu", action="store_true", help="CPU time, for one thread on a machine that is shared"
    )
    options = parser.parse_args()
    clock = time.process_time if options.cpu else time.perf_counter
    T, missed = 100 if options.quick else 784, 0
    print(
        f"T = {T}, m = 128, batch 128, d_x = 1; numpy {np.__version__}, torch {torch.__version__}"
    )
    print(f"{'':<42}{'ours ms':>9}{'torch ms':>9}{'median':>8}{'minimum':>8}{'wanted':>8}")
    for threads in options.threads:
        torch.set_num_threads(threads)
        with threadpool_limits(threads, user_api="blas"):
            for name, make in (("states", states), ("training step", step)):
                for act in ("tanh", "relu"):
                    for dtype in ("float32", "float64"):
                        calls = make(T, 128, 128, 1, act, dtype)
                        ours, theirs = interleaved(calls, options.repeats, clock)
                        medians = statistics.median(ours), statistics.median(theirs)
                        ratio = medians[0] / medians[1]
                        missed += ratio > WANTED[name]
                        print(
                            f"{name + ', ' + act + ', ' + dtype + f', {threads} thread(s)':<42}"
                            f"{1e3 * medians[0]:>9.1f}{1e3 * medians[1]:>9.1f}{ratio:>8.2f}"
                            f"{min(ours) / min(theirs):>8.2f}{WANTED[name]:>8.1f}",
                            flush=True,
                        )
    print(f"{missed} ratio(s) of medians above what is wanted")
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
