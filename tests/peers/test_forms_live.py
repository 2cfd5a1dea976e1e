"""Every form goes in, is pruned, comes out, and its own library finds what the command printed."""

from __future__ import annotations

import json
import os
import re
import warnings

import numpy as np
import pytest
from helpers.forms import FORMS, D, V

from validation.commands import main

pytest.importorskip("torch")
os.environ.setdefault("KERAS_BACKEND", "torch")
pytestmark = [pytest.mark.peers, pytest.mark.filterwarnings("ignore")]

# One direction, and a linear layer that reads the states.
BOUNDED = (
    "onnx-rnn",
    "onnx-gru",
    "onnx-layers",
    "keras-gru",
    "keras-gru-before",
    "keras-lstm",
)


def words_of(path, data, out, facts):
    words = ["prune", path, "--data", data, "-k", 7, "-o", out, "--json", facts]
    return [str(word) for word in words]


WAYS = {
    "paper": (),
    "balanced": ("--objective", "balanced"),
    "read-out": ("--refit", "read-out"),
    "closed loop": ("--objective", "balanced", "--refit", "closed-loop"),
}


def pruned(name, folder, *more):
    """Make a form and data, prune, and return what was printed and what its library finds."""
    case = FORMS[name]
    pytest.importorskip({"onnx": "onnxruntime"}.get(case.made_by, case.made_by))
    rng = np.random.default_rng(sorted(FORMS).index(name))
    shape = (260, 7) if case.tokens else (260, 7, D)
    x = rng.integers(0, V, shape) if case.tokens else rng.normal(size=shape).astype(np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path, _, run = case.make(folder, rng)
        # Labels that the whole network gets right but for a few, so that accuracy means something.
        y = run(path, x).argmax(axis=-1) if not name.endswith(("pruned", "norm")) else None
    if y is None:
        y = rng.integers(0, 4, 260)
    y = np.where(rng.random(y.shape) < 0.1, rng.integers(0, 4, y.shape), y)
    data = folder / "data.npz"
    np.savez(data, x=x[:200], y=y[:200], x_test=x[200:], y_test=y[200:])
    out, facts = folder / f"small.{case.out}", folder / "facts.json"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(SystemExit) as stop:
            main([*words_of(path, data, out, facts), *more])
        assert not stop.value.code
        printed = json.loads(facts.read_text())
        outputs = run(out if case.out != "npz" else _as_safetensors(out), x[200:])
    return printed, (outputs.argmax(axis=-1) == y[200:]).mean(), y[200:].size


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("way", WAYS)
def test_the_foreign_library_finds_the_accuracy_that_was_printed(name, way, tmp_path):
    printed, found, outputs = pruned(name, tmp_path, *WAYS[way])
    # One output may lie on the other side by float32 rounding.
    assert abs(found - printed["accuracy_after"]) <= 1 / outputs + 1e-12
    assert printed["outputs"] == outputs
    assert all(len(side) == 7 for layer in printed["nodes"] for side in layer)
    if not name.endswith(("pruned", "norm")):
        assert printed["accuracy_before"] > 0.8


@pytest.mark.parametrize(
    ("name", "apart"),
    [("onnx-layers", 1), ("onnx-lstm", 2), ("keras-both", 2), ("keras-tagger", 1)],
)
def test_runs_decide_in_every_library(name, apart, tmp_path):
    """Directions that are read apart are decided apart; the foreign library finds the network."""
    printed, found, outputs = pruned(name, tmp_path, *WAYS["balanced"], "--by-runs")
    assert abs(found - printed["accuracy_after"]) <= 1 / outputs + 1e-12
    sides = [[one for one in printed["tried"] if one.get("direction", 0) == i] for i in (0, 1)]
    assert [bool(side) for side in sides] == [True, apart == 2]
    best = [min(side, key=lambda one: one["gap"])["nodes"] for side in sides[:apart]]
    layers = range(len(best[0]))
    assert printed["nodes"] == [[kept for one in best for kept in one[n]] for n in layers]


@pytest.mark.parametrize("name", FORMS)
def test_a_refit_brings_the_outputs_closer(name, tmp_path):
    far = {}
    for way in ("paper", "closed loop"):
        (tmp_path / way).mkdir()
        far[way] = pruned(name, tmp_path / way, *WAYS[way])[0]["distance"]
    assert far["closed loop"] < far["paper"]


def _as_safetensors(path):
    from safetensors.numpy import save_file

    out = path.with_suffix(".safetensors")
    save_file(dict(np.load(path)), out)
    return out


@pytest.mark.parametrize("name", [name for name in FORMS if FORMS[name].made_by != "torch"])
def test_a_total_is_shared_out_over_the_layers_of_every_library(name, tmp_path):
    case = FORMS[name]
    pytest.importorskip({"onnx": "onnxruntime"}.get(case.made_by, case.made_by))
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 7, D)).astype(np.float32)
    if case.tokens:
        x = rng.integers(0, V, (60, 7))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path, _, run = case.make(tmp_path, rng)
    data, out, facts = (tmp_path / n for n in ("data.npz", f"small.{case.out}", "facts.json"))
    np.savez(data, x=x)
    words = words_of(path, data, out, facts)
    at = words.index("-k")
    words[at : at + 2] = ["--total", "9"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(SystemExit) as stop:
            main(words)
        assert not stop.value.code
        run(out, x)
    nodes = json.loads(facts.read_text())["nodes"]
    assert 8 <= sum(len(side) for layer in nodes for side in layer) <= 9
    assert all(len({len(side) for side in layer}) == 1 for layer in nodes)


@pytest.mark.parametrize("name", [name for name in FORMS if FORMS[name].made_by != "torch"])
@pytest.mark.parametrize("how", [(), ("--refit", "closed-loop")])
def test_the_bounds_of_a_graph_are_on_what_its_library_gives(name, how, tmp_path, capsys):
    """The printed error is that between both files, and below every bound; or one sentence."""
    case = FORMS[name]
    pytest.importorskip({"onnx": "onnxruntime"}.get(case.made_by, case.made_by))
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 7, D)).astype(np.float32)
    if case.tokens:
        x = rng.integers(0, V, (60, 7))
    data, out, facts = (tmp_path / n for n in ("data.npz", f"small.{case.out}", "facts.json"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path, _, run = case.make(tmp_path, rng)
        np.savez(data, x=x)
        with pytest.raises(SystemExit) as stop:
            main(["bounds", str(path), "--data", str(data), "-k", "4", *how])
        printed = capsys.readouterr()
        if stop.value.code:
            assert stop.value.code == 2
            assert "Traceback" not in printed.err
            assert name not in BOUNDED
            return
        assert name in BOUNDED
        words = words_of(path, data, out, facts)
        words[words.index("-k") + 1] = "4"
        with pytest.raises(SystemExit) as stop:
            main([*words, *how])
        assert not stop.value.code
        gap = np.asarray(run(out, x), np.float64) - np.asarray(run(path, x), np.float64)
    if gap.ndim == 3:
        gap = gap[:, -1] if gap.shape[0] == len(x) else gap[-1]
    error = float(re.search(r"error\s+(\S+),", printed.out)[1])
    assert error == pytest.approx(np.sqrt(np.square(gap).sum(axis=1).mean()), rel=2e-3)
    found = [float(value) for value in re.findall(r"bound\s+([0-9.e+-]+)[, ]", printed.out)]
    assert found
    assert min(found) >= error * 0.999
    assert "left out  what the linear layer adds to both networks" in printed.out
