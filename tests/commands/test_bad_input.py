"""The mistakes that users make: one sentence, exit code 2, nothing written."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from pruning import RNN, save_network
from validation.commands import main

X, Y = np.zeros((4, 3, 2)), np.array([0, 1, 1, 0])
NAN = X + np.where(np.arange(2) == 1, np.nan, 0)


@pytest.fixture(autouse=True)
def files(tmp_path: Path) -> None:
    np.savez(tmp_path / "good.npz", x=X, y=Y)
    np.savez(tmp_path / "no_y.npz", x=X)
    np.savez(tmp_path / "half_test.npz", x=X, y=Y, x_test=X)
    np.savez(tmp_path / "nan.npz", x=NAN, y=Y)
    np.savez(tmp_path / "short_y.npz", x=X, y=Y[:3])
    np.savez(tmp_path / "float_y.npz", x=X, y=Y + 0.5)
    np.savez(tmp_path / "flat_x.npz", x=X[:, :, 0], y=Y)
    np.savez(tmp_path / "empty.npz", x=X[:0], y=Y[:0])
    np.savez(tmp_path / "objects.npz", x=np.array([{"a": 1}]), y=Y)
    np.savez(tmp_path / "many_classes.npz", x=X, y=np.array([0, 1, 2, 5]))
    np.savez(tmp_path / "wide.npz", x=np.zeros((4, 3, 5)), y=Y)
    (tmp_path / "text.npz").write_text("x,y\n1,2\n")
    (tmp_path / "pickled.npz").write_bytes(pickle.dumps({"x": 1}))
    (tmp_path / "truncated.npz").write_bytes((tmp_path / "good.npz").read_bytes()[:200])
    np.save(tmp_path / "array.npy", X)
    (tmp_path / "array.npz").write_bytes((tmp_path / "array.npy").read_bytes())
    net = RNN(np.eye(3), np.ones((3, 2)), np.zeros(3), np.ones((2, 3)), np.zeros(2), "relu")
    save_network(tmp_path / "net.npz", net)
    (tmp_path / "file").write_text("")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("")


DATA = ("--data", "good.npz")
MODEL = ("--model", "net.npz")

MISTAKES = {
    "unknown data": (("--data", "mnist"), "digits or an npz file, got 'mnist'"),
    "missing file": (("--data", "nothing.npz"), "no such file"),
    "no y": (("--data", "no_y.npz"), "must hold the arrays x and y, it holds x"),
    "half a test set": (("--data", "half_test.npz"), "both x_test and y_test"),
    "nan": (("--data", "nan.npz"), "x must be finite, got nan"),
    "short y": (("--data", "short_y.npz"), "to fit its sequences"),
    "float labels": (("--data", "float_y.npz"), "integer labels"),
    "flat x": (("--data", "flat_x.npz"), "(n, T, d_x)"),
    "empty": (("--data", "empty.npz"), "at least one sequence"),
    "objects": (("--data", "objects.npz"), "pickled objects are never loaded"),
    "text": (("--data", "text.npz"), "pickles are never loaded"),
    "pickle": (("--data", "pickled.npz"), "pickles are never loaded"),
    "truncated": (("--data", "truncated.npz"), "must be an npz file"),
    "npy": (("--data", "array.npz"), "single npy array"),
    "pixels": ((*DATA, "--pixels"), "form of the digits"),
    "missing model": ((*DATA, "--model", "nothing.npz"), "nothing.npz"),
    "model of another kind": ((*DATA, "--model", "text.npz"), "text.npz"),
    "model is data": ((*DATA, "--model", "good.npz"), "good.npz"),
    "model that reads less": (("--data", "wide.npz", *MODEL), "inputs of dimension 2"),
    "model with fewer classes": (("--data", "many_classes.npz", *MODEL), "predicts 2 classes"),
    "nodes beyond m": ((*DATA, *MODEL, "--nodes", "2,4"), "nodes must be an integer from 0 to 3"),
    "negative nodes": (("--nodes=-1",), "nodes must be an integer of at least 0"),
    "nodes in words": (("--nodes", "8,many"), "integers such as 8,16,32"),
    "nodes beyond the trained m": (("--nodes", "65"), "nodes must be an integer from 0 to 64"),
    "gamma": (("--gamma", "0"), "gamma must be positive"),
    "delta": (("--delta", "1"), "delta must lie strictly between 0 and 1"),
    "theta": (("--theta", "1.5"), "theta must lie between 0 and 1"),
    "epochs": (("--epochs", "0"), "epochs must be an integer of at least 1"),
    "workers": (("--workers", "0"), "workers must be an integer of at least 1"),
    "activation": (("--activation", "sine"), "activation must be one of tanh, relu, both"),
    "seeds": (("--seeds", "0"), "seeds must be an integer from 1 to 1000"),
    "out is a file": (("--out", "file"), "must be a folder, it is a file"),
    "out in a file": (("--out", "file/report"), "cannot be written"),
    "out holds other files": (("--out", "mine"), "'thesis.tex', which is no part of a report"),
}


LIKELY = [
    "unknown data",
    "missing file",
    "no y",
    "nan",
    "pickle",
    "model that reads less",
    "nodes beyond m",
    "nodes in words",
    "out is a file",
    "out holds other files",
]


@pytest.mark.parametrize("mistake", LIKELY)
def test_a_likely_mistake_is_answered_by_one_sentence(rnnbounds, tmp_path, mistake):
    words, said = MISTAKES[mistake]
    before = sorted(tmp_path.rglob("*"))

    done = rnnbounds("report", *words)

    assert done.returncode == 2, done.stdout + done.stderr
    assert said in done.stderr
    assert done.stderr.startswith("rnnbounds: ")
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("mistake", [name for name in MISTAKES if name not in LIKELY])
def test_the_others_are_answered_alike(tmp_path, monkeypatch, capsys, mistake):
    words, said = MISTAKES[mistake]
    before = sorted(tmp_path.rglob("*"))
    monkeypatch.chdir(tmp_path)

    with pytest.raises(SystemExit) as stop:
        main(["report", *words])

    printed = capsys.readouterr()
    assert stop.value.code == 2
    assert said in printed.err
    assert printed.err.count("\n") == 1
    assert printed.out == ""
    assert sorted(tmp_path.rglob("*")) == before


def test_an_unknown_option_is_answered_without_a_traceback(rnnbounds):
    done = rnnbounds("report", "--knots", "3")
    assert done.returncode == 2
    assert "--knots" in done.stderr
    assert "Traceback" not in done.stderr
