"""Whatever takes rng says in one sentence what is neither a generator nor a seed."""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import pytest

from pruning import (
    GRU,
    Observability,
    Stack,
    initial_rnn,
    observed_weight,
    prune_by_runs,
    prune_stack,
    refitted,
    sample_determinantal,
    sample_leverage,
    sample_volume,
    select_nodes,
    spectral_prune,
    train,
)
from pruning.baselines import random_nodes
from pruning.checks import as_generator
from pruning.stack_balanced import balanced_weights

ROOT = Path(__file__).parents[2]
X = np.random.default_rng(0).normal(size=(20, 4, 2))
RNN_4 = initial_rnn(4, d_x=2, d_y=2, activation="tanh", rng=0)
CELL = GRU(np.ones((12, 2)), np.eye(12, 4), np.zeros(12), np.zeros(12))
STACK = Stack([[CELL]], np.ones((2, 4)), np.zeros(2))
CALLS = {
    "spectral_prune": lambda rng: spectral_prune(RNN_4, X, 2, rng=rng),
    "drawn": lambda rng: spectral_prune(RNN_4, X, 2, method="volume", rng=rng),
    "balanced": lambda rng: spectral_prune(RNN_4, X, 2, objective="balanced", rng=rng),
    "refitted": lambda rng: refitted(spectral_prune(RNN_4, X, 2), X, "read-out", rng=rng),
    "by runs": lambda rng: prune_by_runs(RNN_4, X, 2, rng),
    "observed": lambda rng: observed_weight(RNN_4, X, rng=rng),
    "exact": lambda rng: Observability(RNN_4, 4, rng=rng),
    "probes": lambda rng: Observability(RNN_4, 4, probes=1, rng=rng),
    "select_nodes": lambda rng: select_nodes(np.eye(3), 1, rng=rng),
    "leverage": lambda rng: sample_leverage(np.eye(3), 0.1, 1, rng),
    "determinantal": lambda rng: sample_determinantal(np.eye(3), 0.1, rng),
    "volume": lambda rng: sample_volume(np.eye(3), 1, rng),
    "random": lambda rng: random_nodes(RNN_4, X, 2, rng),
    "stack": lambda rng: prune_stack(STACK, X, 2, rng=rng),
    "weights": lambda rng: balanced_weights(STACK, X, rng=rng),
    "initial": lambda rng: initial_rnn(4, d_x=2, d_y=2, activation="tanh", rng=rng),
    "train": lambda rng: train(RNN_4, X, np.zeros(20, int), epochs=1, rng=rng),
}


@pytest.mark.parametrize("bad", ["a", 1.5, -1, {"seed": 1}, [0.5], object(), True])
@pytest.mark.parametrize("name", CALLS)
def test_what_is_no_seed_is_named(name, bad):
    with pytest.raises(ValueError, match=r"^rng must be a NumPy Generator or a seed >= 0, got"):
        CALLS[name](bad)


def test_generators_and_seeds_are_taken_as_numpy_takes_them():
    rng = np.random.default_rng(3)
    assert as_generator("rng", rng) is rng
    for seed in (5, np.int64(5), [5], np.random.SeedSequence(5), np.random.PCG64(5)):
        drawn = as_generator("rng", seed).integers(2**60)
        again = np.random.PCG64(5) if isinstance(seed, np.random.PCG64) else seed
        assert drawn == np.random.default_rng(again).integers(2**60)


def test_no_argument_goes_to_numpy_unchecked():
    found = []
    for package in ("pruning", "bounds", "validation"):
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                called = isinstance(node, ast.Call) and ast.unparse(node.func)
                if called and called.endswith("default_rng"):
                    names = [
                        n.id for a in node.args for n in ast.walk(a) if isinstance(n, ast.Name)
                    ]
                    if "rng" in names:
                        found.append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert found == []
