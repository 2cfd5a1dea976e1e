"""What graphs of other libraries do not complain of, or complain of in pages: one sentence."""

from __future__ import annotations

import os
import warnings

import numpy as np
import pytest
from helpers.forms import FORMS, D, V

from validation.commands import main

pytest.importorskip("torch")
pytest.importorskip("onnxruntime")
os.environ.setdefault("KERAS_BACKEND", "torch")
pytest.importorskip("keras")
pytestmark = [pytest.mark.peers, pytest.mark.filterwarnings("ignore")]

X = np.random.default_rng(0).normal(size=(20, 7, D)).astype(np.float32)
TOKENS = np.random.default_rng(0).integers(0, V, (20, 7))
HOLE = np.where(np.arange(7)[:, None] == 3, np.nan, X)

MISTAKES = [
    ("onnx-gru", {"x": HOLE}, (), "x must be finite"),
    ("onnx-gru", {"x": X, "x_test": HOLE}, (), "x_test must be finite"),
    ("keras-gru", {"x": X, "x_test": HOLE}, ("--refit", "read-out"), "x_test must be finite"),
    ("onnx-tokens", {"x": TOKENS - V}, (), "tokens in x must be at least 0"),
    ("onnx-tokens", {"x": TOKENS + V}, (), "does not accept x of shape (20, 7)"),
    ("onnx-tokens", {"x": TOKENS + V}, ("--refit", "read-out"), "does not accept x"),
    ("onnx-tokens", {"x": X}, (), "does not accept x of shape (20, 7, 3)"),
    ("keras-tagger", {"x": TOKENS + V}, (), "does not accept x of shape (20, 7)"),
    ("keras-tagger", {"x": TOKENS + V}, ("--objective", "balanced"), "does not accept x"),
    ("keras-gru", {"x": X, "x_test": X[:, :, :2]}, (), "like those of x, 3 numbers, got 2 numbers"),
    ("onnx-gru", {"x": X, "y": np.full(20, 4)}, (), "labels must lie in 0..3"),
    ("onnx-gru", {"x": X}, ("--activation", "relu"), "--activation is for files of weights"),
    ("onnx-lstm", {"x": X}, ("--refit", "read-out", "--outputs", "logits"), "take a state_dict"),
]


@pytest.mark.parametrize(("name", "arrays", "words", "said"), MISTAKES)
def test_a_mistake_is_one_sentence_and_nothing_is_written(
    name, arrays, words, said, tmp_path, capfd
):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path, _, _ = FORMS[name].make(tmp_path, np.random.default_rng(1))
    data, out = tmp_path / "data.npz", tmp_path / f"small.{FORMS[name].out}"
    np.savez(data, **arrays)
    capfd.readouterr()
    with pytest.raises(SystemExit) as stop:
        main(["prune", str(path), "--data", str(data), "-k", "5", "-o", str(out), *words])
    printed = capfd.readouterr()
    assert stop.value.code == 2
    assert said in printed.err
    assert printed.err.startswith("rnnbounds: ")
    assert printed.err.count("\n") == 1
    assert not printed.out
    assert not out.exists()
