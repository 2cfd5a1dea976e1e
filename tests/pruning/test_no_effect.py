"""What is given and can have no effect is refused in one sentence, not quietly left aside."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.stacks import stack_of, state_dict
from safetensors.numpy import save_file

from pruning import initial_rnn, prune_stack, prune_to, refit_read_out, select_nodes, spectral_prune
from pruning.baselines import prune_by
from pruning.selection import METHODS
from pruning.stack_baselines import baseline_nodes
from pruning.stack_moments import stack_moments
from pruning.stack_pruning import prune_stack_to
from pruning.stack_refit import refit_stack, refit_stack_read_out
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
        ("x", X, BALANCED | {"weight": np.eye(4)}),
        ("targets", "last", BALANCED | {"weight": np.eye(4)}),
        ("outputs", "logits", BALANCED | {"weight": np.eye(4)}),
        ("progress", print, BALANCED),
        ("tau", 0.1, {"method": "volume", "reconstruct": False}),
        ("tau", np.full(4, 0.1), {"method": "determinantal", "reconstruct": False}),
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
        ("tau", 0.1, {"method": "random", "rng": 0, "reconstruct": False}),
        ("tau", 0.1, {"method": "volume", "reconstruct": False}),
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


OPTIONS = {"weight": (None, np.diag([0.0, 1, 2, 30])), "tau": (0.0, 50.0), "lam": (0.01, 10.0)}


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("drawn", [False, True])
@pytest.mark.parametrize(("method", "k"), [*((one, 2) for one in METHODS), ("determinantal", None)])
def test_what_a_method_accepts_changes_its_choice(method, k, drawn, option):
    """Of two values of an option the second is refused, or some matrix has other nodes with it."""
    one, other = OPTIONS[option]
    needed = {"lam": 1.0} if method == "leverage" or k is None else {}

    def chosen(seed, value):
        F = np.random.default_rng(seed).normal(size=(4, 4))
        rng = seed if drawn or method == "leverage" else None
        return select_nodes(F @ F.T, k, method, rng=rng, **(needed | {option: value})).tolist()

    try:
        chosen(0, other)
    except ValueError as error:
        assert f"{option} must be left out with the method" in str(error)  # noqa: PT017
        return
    assert any(chosen(seed, one) != chosen(seed, other) for seed in range(50))


def test_tau_of_nodes_that_nothing_is_reconstructed_from():
    moments = stack_moments(STACK, X)
    for tau in (1.0, [0.1, 0.2]):
        for call in (
            lambda tau: prune_to(RNN_4, X, [0, 2], tau, reconstruct=False),
            lambda tau: prune_by("random nodes, no reconstruction", RNN_4, X, 2, 0, tau=tau),
            lambda tau: prune_by("magnitude nodes", RNN_4, X, 2, tau=tau),
            lambda tau: prune_stack_to(STACK, moments, [[[0, 1]]], tau=tau, reconstruct=False),
        ):
            with pytest.raises(ValueError, match="tau must be left out with no reconstruction"):
                call(tau)
    # The embedding has the regulariser 0; and greedy looks at tau whatever comes after it.
    assert not prune_to(RNN_4, X, [0, 2], 0.0, reconstruct=False).tau.any()
    assert len(spectral_prune(RNN_4, X, 2, tau=1.0, reconstruct=False).nodes) == 2
    assert prune_stack(STACK, X, 2, tau=1.0, reconstruct=False).pruned.nodes == ((2,),)


@pytest.mark.parametrize(
    ("call", "name", "value", "others"),
    [
        (refit_stack_read_out, "ridge", 0.1, {"outputs": "logits"}),
        (refit_stack_read_out, "steps", 30, {}),
        (refit_stack_read_out, "dtype", "float32", {}),
        (refit_stack_read_out, "held_out", 0.2, {"ridge": 0.1}),
        (refit_stack, "iterations", 20, {"outputs": "logits", "steps": 1}),
        (refit_stack, "dtype", "float64", {"steps": 1}),
    ],
)
@pytest.mark.filterwarnings("ignore:the closed loop has")
def test_of_a_refit_of_a_stack(call, name, value, others):
    small = prune_stack(STACK, X, 2).pruned
    with pytest.raises(ValueError, match=f"{name} must be left out with .* it has no effect, got"):
        call(STACK, small, X, **{name: value}, **others)
    assert call(STACK, small, X, **others).nodes == ((2,),)


def test_of_a_refit_of_a_network():
    small = spectral_prune(RNN_4, X, 2).pruned
    with pytest.raises(ValueError, match="held_out must be left out with a ridge"):
        refit_read_out(RNN_4, small, X, ridge=0.1, held_out=0.2)
    one, other = (refit_read_out(RNN_4, small, X, held_out=h) for h in (None, 0.2))
    assert np.array_equal(one.w_output, other.w_output)


def test_labels_beside_a_method_that_reads_none():
    moments = stack_moments(STACK, X)
    for name, value in {"x": X, "y": np.zeros(20, int)}.items():
        with pytest.raises(ValueError, match=f"{name} must be left out with the method 'volume'"):
            baseline_nodes(STACK, moments, 2, "volume", **{name: value})
