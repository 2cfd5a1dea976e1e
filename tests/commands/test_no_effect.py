"""Options that have no effect beside others are refused, also where they are the default."""

from __future__ import annotations

import numpy as np
import pytest
import typer
from helpers.stacks import state_dict
from safetensors.numpy import save_file

from pruning import RNN, save_network
from validation.checking.runner import verify_all
from validation.commands import _app, main
from validation.experiments.runner import run

LISTING = ("experiment", "train", "certify", "explain", "data")


def said(capsys, *words):
    with pytest.raises(SystemExit) as stop:
        main(list(map(str, words)))
    return stop.value.code, " ".join(capsys.readouterr().err.split())


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RNNBOUNDS_DATA", str(tmp_path / "cache"))
    net = RNN(np.eye(3), np.ones((3, 2)), np.zeros(3), np.ones((2, 3)), np.zeros(2), "relu")
    save_network("net.npz", net)
    save_network("fixed.npz", net)
    (tmp_path / "fixed.json").write_text("{}")
    np.savez("data.npz", x=np.zeros((4, 3, 2)), y=np.array([0, 1, 1, 0]))
    save_file(state_dict("gru", (4,), 1, 2, 3, np.random.default_rng(1)), "gru.safetensors")
    (tmp_path / "grid.toml").write_text('network = "net.npz"\ndata = "data.npz"\nnodes = [2]\n')
    return tmp_path


def options():
    for command in LISTING:
        group = typer.main.get_command(_app([command]))
        for one in group.commands[command].params:
            if one.param_type_name == "option" and one.name not in ("help", "model"):
                yield command, max(one.opts, key=len), bool(getattr(one, "is_flag", False))


@pytest.mark.parametrize(("command", "option", "flag"), list(options()))
def test_a_command_that_lists_has_no_use_for_options(command, option, flag, capsys):
    words = [option] if flag else [option, "1"]
    code, text = said(capsys, command, *words)
    assert code == 2
    assert "must be left out with" in text or "data must be given with model" in text
    assert said(capsys, command)[0] == 0


PRUNE = ("prune", "net.npz", "--data", "data.npz", "-k", 2, "-o", "small.npz")
OWN = ("certify", "--model", "net.npz", "--data", "data.npz")
CASES = [
    (("experiment", "grid.toml", "--no-run", "--method", "spectral"), "--method", "--no-run"),
    (("experiment", "grid.toml", "--no-run", "--nodes", 2), "--nodes", "--no-run"),
    (("experiment", "grid.toml", "--no-run", "--seed", 0), "--seed", "--no-run"),
    (("experiment", "grid.toml", "--no-run", "--workers", 1), "--workers", "--no-run"),
    (("experiment", "grid.toml", "--no-run", "--dask", "a:1"), "--dask", "--no-run"),
    (("experiment", "grid.toml", "--no-run", "--seeds", 1), "--seeds", "--no-run and no --take"),
    (("experiment", "grid.toml", "--no-run", "--finetune"), "--finetune", "--no-run and no --take"),
    (("experiment", "grid.toml", "--dask", "a:1", "--workers", 2), "--workers", "--dask"),
    (("experiment", "grid.toml", "--restart", "--resume"), "--resume", "--restart"),
    (("experiment", "grid.toml", "--models", "models"), "--models", "a grid file"),
    (("verify", "dof.range", "--dask", "a:1", "--workers", 2), "--workers", "--dask"),
    (("prove", "dof.range", "--dask", "a:1", "--workers", 2), "--workers", "--dask"),
    (("table", "a.sqlite", "b.csv", "--out", "results"), "--out", "the files themselves"),
    (("table", "a.sqlite", "--models", "models"), "--models", "stores"),
    (("plot", "a.csv", "--out", "results"), "--out", "the file itself"),
    (("plot", "a.sqlite", "--models", "models"), "--models", "a store"),
    (("data", "fetch", "digits", "--from", "x"), "--from", "digits, which ships"),
    (("report", "--model", "net.npz", "--data", "data.npz", "--hidden", 64), "--hidden", "--model"),
    (("report", "--model", "net.npz", "--data", "data.npz", "--epochs", 60), "--epochs", "--model"),
    (("report", "--data", "data.npz", "--split", 0), "--split", "another data set"),
    (("compare", "--data", "data.npz", "--split", 0), "--split", "another data set"),
    *(
        (
            ("compare", "--data", "data.npz", "--model", "fixed.npz", *words),
            words[0],
            "a network whose class",
        )
        for words in (
            ("--gamma", 1.0),
            ("--delta", 0.05),
            ("--activation", "relu"),
            ("--nodes", "2"),
            ("--sharpest",),
        )
    ),
    (("train", "digits", "--snapshot", "--restart"), "--restart", "--snapshot"),
    (("train", "row-mnist-14-constrained", "--work", "w"), "--work", "row-mnist-14-constrained"),
    (("train", "row-mnist-14-constrained", "--restart"), "--restart", "row-mnist-14-constrained"),
    *(
        ((*OWN, option, value), option, "no epochs of training")
        for option, value in {
            "--rate": 1.0,
            "--smooth": 1.0,
            "--power": 0.5,
            "--teacher": 0.5,
            "--learning-rate": 1e-3,
            "--batch-size": 4,
            "--subspace": "w_hidden=2",
            "--reference": 1.0,
            "--minutes": 1.0,
            "--work": "w",
        }.items()
    ),
    (("certify", "digits", "--epochs", 0, "--rate", 1.0), "--rate", "no epochs of training"),
    ((*OWN, "--method", "spectral"), "--method", "no -k"),
    ((*OWN, "--seed", 0), "--seed", "neither -k nor --epochs"),
    (("certify", "ptb-bytes", "--draws", 0), "--draws", "ptb-bytes"),
    ((*PRUNE, "--seed", 0), "--seed", "neither random nodes"),
    ((*PRUNE, "--seed", 0, "--method", "volume"), "--seed", "neither random nodes"),
]


@pytest.mark.parametrize(("words", "option", "beside"), CASES)
def test_an_option_without_effect_is_one_sentence(words, option, beside, capsys, folder):
    before = sorted(folder.rglob("*"))
    code, text = said(capsys, *words)
    assert code == 2
    assert text.startswith(f"rnnbounds: {option} must be left out with {beside}")
    assert text.endswith(": it has no effect there")
    assert sorted(folder.rglob("*")) == before


def test_several_are_named_at_once(capsys):
    code, text = said(capsys, "experiment", "grid.toml", "--no-run", "--seed", 0, "--nodes", 2)
    assert code == 2
    assert "--nodes, --seed must be left out with --no-run: they have no effect there" in text


def test_sizes_that_no_claim_has(capsys):
    code, text = said(capsys, "prove", "dof.leverage", "--sizes", "m=1;zz=3")
    assert code == 2
    assert "--sizes names zz, which no claim given has; they have: m" in text


@pytest.mark.parametrize("command", ["prune", "bounds"])
def test_the_activation_of_a_gated_network_is_not_asked_for(command, capsys, folder):
    out = ["-o", "small.safetensors"] if command == "prune" else []
    words = [command, "gru.safetensors", "--data", "data.npz", "-k", 2, *out]
    code, text = said(capsys, *words, "--activation", "relu")
    assert code == 2
    assert "--activation is for plain RNNs, gru.safetensors holds GRU, 4 nodes, got relu" in text
    assert said(capsys, *words)[0] == 0


def test_what_was_said_to_have_no_effect_is_taken_where_it_has_one(capsys, folder):
    for words in (
        (*PRUNE, "--seed", 0, "--method", "random"),
        ("experiment", "grid.toml", "--no-run", "--take", "none.sqlite", "--seeds", 1),
        ("train", "digits", "--snapshot", "--epochs", 3),
    ):
        assert "no effect" not in said(capsys, *words)[1]


def test_workers_beside_a_cluster_are_refused_in_python_too():
    for call in (
        lambda: verify_all([], workers=2, dask="tcp://127.0.0.1:9"),
        lambda: run(None, None, workers=2, dask="tcp://127.0.0.1:9"),
    ):
        with pytest.raises(ValueError, match="workers must be left out with dask, where it has no"):
            call()
