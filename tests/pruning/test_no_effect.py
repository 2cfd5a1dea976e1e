"""What is given and can have no effect is refused in one sentence, not quietly left aside."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.stacks import stack_of, state_dict
from safetensors.numpy import save_file

from pruning import initial_rnn, prune_stack, spectral_prune
from pruning.stack_moments import stack_moments
from pruning.stack_pruning import prune_stack_to
from validation.commands import main

X = np.random.default_rng(0).normal(size=(20, 4, 2))
RNN_4 = initial_rnn(4, d_x=2, d_y=2, activation="tanh", rng=0)
S = spectral_prune(RNN_4, X, 4).covariance
STACK = stack_of("gru", (4,), 1, 2, 2, np.random.default_rng(0))
LENGTHS = np.full(20, 4)
BALANCED = {"objective": "balanced"}


@pytest.mark.parametrize(
    ("name", "value", "others"),
    [
        ("theta", 0.25, BALANCED),
        ("theta", 0.0, BALANCED | {"refit": "read-out"}),
        ("theta", 0.5, {"weight": np.eye(4)}),  # not even what it would be
        ("theta", 0.25, {"method": "volume"}),
        ("theta", 0.25, {"method": "leverage", "lam": 0.1, "rng": 0}),
        ("normalise", False, BALANCED),
        ("normalise", False, {"weight": np.eye(4)}),
        ("lam", 0.1, {}),
        ("lam", 0.1, BALANCED),
        ("x", X, {}),
        ("targets", "every", {}),
        ("outputs", "logits", {}),
        ("outputs", "numbers", {"weight": np.eye(4)}),
    ],
)
def test_of_a_network(name, value, others):
    with pytest.raises(ValueError, match=f"{name} must be left out with .* it has no effect, got"):
        spectral_prune(RNN_4, X, 2, **{name: value}, **others)
    assert len(spectral_prune(RNN_4, X, 2, **others).nodes) <= 2


@pytest.mark.parametrize(
    ("name", "value", "others"),
    [
        ("theta", 0.25, BALANCED),
        ("theta", 0.5, BALANCED | {"by_runs": True}),
        ("theta", 0.25, {"method": "random", "rng": 0}),
        ("reads", "every", {}),
        ("reads", "last", {"method": "random", "rng": 0}),
        ("outputs", "logits", {}),
    ],
)
def test_of_a_stack(name, value, others):
    with pytest.raises(ValueError, match=f"{name} must be left out with .* it has no effect, got"):
        prune_stack(STACK, X, 2, **{name: value}, **others)
    assert prune_stack(STACK, X, 2, **others).pruned.nodes == ((2,),)


def test_lengths_beside_moments_that_were_formed_without_them():
    moments = stack_moments(STACK, X)
    nodes = prune_stack(STACK, moments, 2).nodes
    for call in (
        lambda: prune_stack(STACK, moments, 2, lengths=LENGTHS),
        lambda: prune_stack_to(STACK, moments, nodes, lengths=LENGTHS),
    ):
        with pytest.raises(ValueError, match="lengths must be left out with moments"):
            call()


def test_theta_shares_out_a_total_whatever_the_method():
    deep = stack_of("gru", (5, 4), 1, 2, 2, np.random.default_rng(1))
    assert (
        sum(
            sum(row)
            for row in prune_stack(deep, X, total=5, method="random", theta=1.0, rng=0).pruned.nodes
        )
        <= 5
    )


@pytest.mark.parametrize(
    "others", [["--objective", "balanced"], ["--method", "volume"], ["--method", "random"]]
)
def test_of_the_command(others, tmp_path, capsys):
    model, data, out = (tmp_path / name for name in ("net.safetensors", "x.npy", "out.safetensors"))
    save_file(state_dict("gru", (4,), 1, 2, 3, np.random.default_rng(1)), model)
    np.save(data, X)
    words = ["prune", str(model), "--data", str(data), "-k", "2", "-o", str(out), *others]
    with pytest.raises(SystemExit) as stop:
        main([*words, "--theta", "0.5"])
    assert stop.value.code
    said = capsys.readouterr().err
    assert "--theta must be left out with the" in " ".join(said.split())
    assert not out.exists()
