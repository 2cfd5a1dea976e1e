"""`rnnbounds prune` as a user runs it, on state_dicts as training code leaves them."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from helpers.stacks import state_dict
from safetensors.numpy import load_file, save_file
from scipy.special import log_softmax, softmax

from pruning.checkpoints.torch_layout import torch_network
from pruning.stack_pruning import prune_stack_to
from validation.commands import main


@pytest.fixture
def data(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 7, 3))
    np.savez(tmp_path / "data.npz", x=x[:40], x_test=x[40:], y_test=rng.integers(0, 4, 20))
    return tmp_path / "data.npz"


def run(capsys, *words):
    try:
        main(["prune", *map(str, words)])
        code = 0
    except SystemExit as stop:
        code = stop.code or 0
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.mark.parametrize("kind", ["gru", "lstm", "plain"])
@pytest.mark.parametrize("suffix", [".safetensors", ".npz"])
def test_a_state_dict_goes_in_and_comes_out_under_its_own_names(
    kind, suffix, tmp_path, data, capsys
):
    arrays = state_dict(kind, (6, 5), 2, 3, 4, np.random.default_rng(1))
    prefixed = {f"module._orig_mod.{name}": value for name, value in arrays.items()}
    save_file(prefixed, tmp_path / "net.safetensors")
    out = tmp_path / f"small{suffix}"
    words = (tmp_path / "net.safetensors", "--data", data, "-k", "4,3", "-o", out)
    code, text, _ = run(capsys, *words, "--json", tmp_path / "facts.json")
    assert code == 0
    assert "2-layer bidirectional" in text
    assert "accuracy" in text
    found = load_file(out) if suffix == ".safetensors" else dict(np.load(out))
    assert set(found) == set(prefixed)
    assert {value.dtype for value in found.values()} == {np.dtype("float32")}
    small = torch_network(found).stack
    assert small.nodes == ((4, 4), (3, 3))
    # What the command printed is what the file gives.
    facts = json.loads((tmp_path / "facts.json").read_text())
    held = np.load(data)
    right = small.predictions(held["x_test"])[:, -1].argmax(axis=1) == held["y_test"]
    assert facts["accuracy_after"] == pytest.approx(right.mean())
    assert facts["tried"] == []


def test_masks_and_parametrisations_are_folded_in(tmp_path, data, capsys):
    rng = np.random.default_rng(2)
    arrays = state_dict("gru", (6,), 1, 3, 4, rng)
    mask = (rng.random(arrays["rnn.weight_hh_l0"].shape) < 0.5).astype(np.float32)
    pruned = dict(arrays, **{"rnn.weight_hh_l0": arrays["rnn.weight_hh_l0"] * mask})
    left = dict(arrays)
    left["rnn.weight_hh_l0_orig"] = left.pop("rnn.weight_hh_l0")
    left["rnn.weight_hh_l0_mask"] = mask
    left["parametrizations.x"] = left["rnn.weight_ih_l0"]
    left["rnn.parametrizations.weight_ih_l0.original"] = left.pop("rnn.weight_ih_l0")
    del left["parametrizations.x"]
    a, b = torch_network(pruned), torch_network(left)
    x = np.load(data)["x"]
    np.testing.assert_array_equal(a.stack.predictions(x), b.stack.predictions(x))
    assert set(b.tensors.folded) == {"rnn.weight_hh_l0", "rnn.weight_ih_l0"}
    save_file(left, tmp_path / "net.safetensors")
    out = tmp_path / "small.safetensors"
    code, _, _ = run(capsys, tmp_path / "net.safetensors", "--data", data, "-k", 3, "-o", out)
    assert code == 0
    assert set(load_file(out)) == set(arrays)


def test_bfloat16_is_read_exactly(tmp_path):
    rng = np.random.default_rng(3)
    value = rng.normal(size=(4, 3)).astype(np.float32)
    bits = value.view(np.uint32) >> 16
    # The file by hand, since NumPy has no bfloat16: header length, header, little-endian data.
    payload = bits.astype("<u2").tobytes()
    header = json.dumps(
        {"w": {"dtype": "BF16", "shape": [4, 3], "data_offsets": [0, len(payload)]}}
    ).encode()
    path = tmp_path / "net.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header + payload)
    from pruning.checkpoints.files import read_state_dict

    arrays, _ = read_state_dict(path)
    np.testing.assert_array_equal(arrays["w"], (bits << 16).astype(np.uint32).view(np.float32))


def without_linear(arrays):
    return {name: value for name, value in arrays.items() if not name.startswith("fc")}


BAD = {
    "a LayerNorm beside it": (
        lambda a: dict(a, **{"norm.weight": np.ones(6, np.float32)}),
        "must hold one nn.Linear that reads it, got fc, norm",
    ),
    "no read-out": (without_linear, "must hold one nn.Linear that reads it, got nothing"),
    "two read-outs": (
        lambda a: dict(a, **{"aux.weight": np.ones((2, 6), np.float32)}),
        "got aux, fc",
    ),
    "two cells mixed up": (
        lambda a: dict(a, **{"rnn.weight_hh_l0": np.ones((24, 6), np.float32)}),
        "must have as many rows, got 18 and 24: weights of two kinds of cell?",
    ),
    "another number of gates": (
        lambda a: dict(
            a,
            **{
                "rnn.weight_hh_l0": np.ones((12, 6), np.float32),
                "rnn.weight_ih_l0": np.ones((12, 3), np.float32),
            },
        ),
        "must have 1, 3 or 4 times as many rows as columns",
    ),
    "no recurrence": (
        lambda a: {"fc.weight": a["fc.weight"], "fc.bias": a["fc.bias"]},
        "must hold a recurrent network",
    ),
    "projections": (
        lambda a: dict(a, **{"rnn.weight_hr_l0": np.ones((2, 6), np.float32)}),
        "an LSTM with projections is not supported",
    ),
    "one of torch's two biases": (
        lambda a: {name: value for name, value in a.items() if name != "rnn.bias_hh_l0"},
        "rnn.bias_ih_l0 must come with rnn.bias_hh_l0, got no such key",
    ),
    "integers of a quantised network": (
        lambda a: dict(a, **{"rnn.weight_hh_l0": a["rnn.weight_hh_l0"].astype(np.int8)}),
        "rnn.weight_hh_l0 must hold floating-point numbers, got int8",
    ),
    "not finite": (
        lambda a: dict(a, **{"fc.bias": np.full(4, np.nan, np.float32)}),
        "fc.bias must be finite",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_networks_are_one_sentence_and_nothing_is_written(name, tmp_path, data, capsys):
    change, words = BAD[name]
    save_file(
        change(state_dict("gru", (6,), 1, 3, 4, np.random.default_rng(1))),
        tmp_path / "net.safetensors",
    )
    out = tmp_path / "small.safetensors"
    code, text, error = run(
        capsys, tmp_path / "net.safetensors", "--data", data, "-k", 3, "-o", out
    )
    assert code == 2
    assert words in error
    assert error.count("\n") == 1
    assert not text
    assert not out.exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("-k", "9"), "k must be an integer from 1 to 6, got 9"),
        (("-k", "many"), "-k must be a number, or one a layer such as 24,16, got 'many'"),
        ((), "either k or total must be given, got neither"),
        (("-k", "3", "--outputs", "logits"), "give one of them too, got logits alone"),
        (
            ("-k", "3", "--by-runs"),
            "--by-runs decides between sets of nodes of --objective balanced",
        ),
        (
            ("-k", "3", "--by-runs", "--objective", "balanced", "--method", "random"),
            "method must be greedy or exhaustive for the objective 'balanced'",
        ),
        (
            ("-k", "3", "--refit", "read-out", "--outputs", "words"),
            "outputs must be one of numbers, logits",
        ),
        (("-k", "3", "-o", "small.onnx"), "the output file must end in"),
        (("-k", "3", "-o", "nowhere/small.npz"), "there is no folder"),
        (("-k", "3", "-o", "net.safetensors"), "net.safetensors is the network"),
        (("-k", "3", "-o", "data.npz"), "data.npz is the data"),
        (("-k", "3", "-o", "folder.npz"), "it is a folder"),
        (("-k", "3", "--json", "data.npz"), "--json must name a file of its own"),
        (("-k", "3", "--seed", "-1"), "seed must be an integer of at least 0"),
    ],
)
def test_bad_settings_are_one_sentence(words, message, tmp_path, data, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save_file(state_dict("gru", (6,), 1, 3, 4, np.random.default_rng(1)), "net.safetensors")
    (tmp_path / "folder.npz").mkdir()
    before = {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    out = () if "-o" in words else ("-o", "small.npz")
    code, _, error = run(capsys, "net.safetensors", "--data", data, *words, *out)
    assert code == 2
    assert message in error
    assert error.count("\n") == 1
    assert {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()} == before


X = np.zeros((5, 4, 3))


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"z": X}, "must hold the array x, it holds z"),
        ({"x": X, "x_test": X[:, :, :2]}, "like those of x, 3 numbers, got 2 numbers"),
        ({"x": X, "x_test": np.zeros((5, 4), int)}, "like those of x, 3 numbers, got tokens"),
        ({"x": X, "y": np.full(5, 4)}, "labels must lie in 0..3"),
        ({"x": X, "y": np.full(5, -100)}, "labels must lie in 0..3"),
        ({"x": X, "x_test": X + np.inf}, "must be finite"),
    ],
)
def test_bad_data_is_one_sentence_and_nothing_is_written(arrays, message, tmp_path, capsys):
    net, held, out = (tmp_path / name for name in ("n.safetensors", "data.npz", "o.npz"))
    save_file(state_dict("gru", (6,), 1, 3, 4, np.random.default_rng(1)), net)
    np.savez(held, **arrays)
    code, text, error = run(capsys, net, "--data", held, "-k", 2, "-o", out)
    assert code == 2
    assert message in error
    assert error.count("\n") == 1
    assert not text
    assert not out.exists()


def test_a_language_model_is_fitted_by_the_softmax_of_its_outputs(tmp_path, capsys):
    """Unless told that they are numbers; the outputs of other networks are, unless told."""
    rng = np.random.default_rng(4)
    x = rng.integers(0, 9, size=(80, 6))
    np.save(tmp_path / "x.npy", x)
    words = (tmp_path / "net.safetensors", "--data", tmp_path / "x.npy", "-k", 3, "--every-step")
    words = (*words, "--objective", "balanced", "--refit", "closed-loop", "-o")
    lost = {}
    for q in (9, 4):
        arrays = state_dict("gru", (6,), 1, 3, q, rng)
        arrays["fc.weight"] *= 2
        arrays["embedding.weight"] = rng.normal(size=(9, 3)).astype(np.float32)
        save_file(arrays, tmp_path / "net.safetensors")
        p = softmax(torch_network(arrays).stack.predictions(x), axis=2)
        for outputs in ("", "logits", "numbers"):
            out = tmp_path / f"small{outputs}.safetensors"
            code, _, _ = run(capsys, *words, out, *(["--outputs", outputs] if outputs else []))
            assert code == 0
            own = log_softmax(torch_network(load_file(out)).stack.predictions(x), axis=2)
            lost[q, outputs] = float((p * (np.log(p) - own)).sum(axis=2).mean())
    assert lost[9, ""] == lost[9, "logits"] < lost[9, "numbers"]
    assert lost[4, "logits"] < lost[4, "numbers"] == lost[4, ""]


@pytest.mark.parametrize("refit", [(), ("--refit", "read-out")])
def test_near_ties_are_decided_by_runs(refit, tmp_path, capsys):
    """Of padded sequences, in both directions; the JSON has every set, and the file the best."""
    rng = np.random.default_rng(7)
    arrays = state_dict("gru", (8, 7), 2, 3, 4, rng)
    save_file(arrays, tmp_path / "net.safetensors")
    x, lengths = rng.normal(size=(90, 6, 3)), rng.integers(1, 7, size=90)
    np.savez(tmp_path / "data.npz", x=x, lengths=lengths)
    out, facts = tmp_path / "small.safetensors", tmp_path / "facts.json"
    words = (tmp_path / "net.safetensors", "--data", tmp_path / "data.npz", "-k", 3, "-o", out)
    words = (*words, "--json", facts, "--objective", "balanced", *refit)
    code, text, _ = run(capsys, *words, "--by-runs", "--seed", 5)
    assert code == 0
    told = json.loads(facts.read_text())
    assert f"the best of {len(told['tried'])} sets of nodes" in " ".join(text.split())
    stack, found = torch_network(arrays).stack, torch_network(load_file(out)).stack
    deciding = np.random.default_rng(5).permutation(90)[:18]
    gaps = []
    for one in told["tried"]:
        small = prune_stack_to(stack, x, one["nodes"], lengths=lengths).pruned
        gap = [
            small.predictions(x[[i], : lengths[i]])[0, -1]
            - stack.predictions(x[[i], : lengths[i]])[0, -1]
            for i in deciding
        ]
        gaps.append(np.square(gap).sum(axis=1).mean())
    assert len(gaps) > 1
    assert [one["gap"] for one in told["tried"]] == pytest.approx(gaps)
    best = told["tried"][int(np.argmin(gaps))]["nodes"]
    assert told["nodes"] == best
    kept = prune_stack_to(stack, x, best, lengths=lengths).pruned
    for row, mine in zip(found.layers, kept.layers, strict=True):
        for cell, other in zip(row, mine, strict=True):
            np.testing.assert_allclose(cell.w_hidden, other.w_hidden, rtol=1e-4, atol=1e-5)
    assert np.allclose(found.w_output, kept.w_output, rtol=1e-4) == (not refit)


def test_data_of_another_width_names_both(tmp_path, capsys):
    save_file(
        state_dict("gru", (6,), 1, 3, 4, np.random.default_rng(1)), tmp_path / "n.safetensors"
    )
    np.savez(tmp_path / "data.npz", x=np.zeros((5, 4, 2)))
    words = (tmp_path / "n.safetensors", "--data", tmp_path / "data.npz", "-k", 2)
    code, _, error = run(capsys, *words, "-o", tmp_path / "o.npz")
    assert code == 2
    assert "x has 2 numbers a step, but the network reads 3" in error


def test_an_array_on_disk_is_mapped_and_labels_are_not_needed(tmp_path, capsys):
    save_file(
        state_dict("lstm", (6,), 1, 3, 4, np.random.default_rng(1)), tmp_path / "n.safetensors"
    )
    np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(size=(30, 5, 3)))
    words = (tmp_path / "n.safetensors", "--data", tmp_path / "x.npy", "-k", 4)
    code, text, _ = run(capsys, *words, "-o", tmp_path / "o.npz")
    assert code == 0
    assert "agreement" in text
    assert "accuracy" not in text


def test_layers_of_unequal_size_are_said_to_fit_no_single_module(tmp_path, capsys):
    rng = np.random.default_rng(0)
    path, data, facts = (tmp_path / n for n in ("net.safetensors", "data.npz", "facts.json"))
    save_file(state_dict("gru", (6, 6), 2, 3, 2, rng), path)
    np.savez(data, x=rng.normal(size=(40, 5, 3)))
    for k, uneven in (("3", False), ("4,2", True)):
        words = ["prune", path, "--data", data, "-k", k, "-o", tmp_path / "o.npz", "--json", facts]
        with pytest.raises(SystemExit) as stop:
            main([str(word) for word in words])
        assert not stop.value.code
        printed = capsys.readouterr().out
        assert ("one module of torch cannot hold" in " ".join(printed.split())) == uneven
        assert bool(json.loads(facts.read_text())["note"]) == uneven


@pytest.mark.parametrize("biased", [True, False])
@pytest.mark.parametrize("refit", ["read-out", "closed-loop"])
def test_a_refitted_file_holds_every_weight_that_was_fitted(biased, refit, tmp_path, data, capsys):
    # The old bias of the read-out was written, and that of a layer without one was dropped.
    arrays = state_dict("gru", (6,), 1, 3, 4, np.random.default_rng(5))
    if not biased:
        arrays = {name: value for name, value in arrays.items() if "bias" not in name}
    save_file(arrays, tmp_path / "net.safetensors")
    out, facts = tmp_path / "small.safetensors", tmp_path / "facts.json"
    words = (tmp_path / "net.safetensors", "--data", data, "-k", 3, "-o", out, "--json", facts)
    code, text, _ = run(capsys, *words, "--refit", refit)
    assert code == 0
    found = load_file(out)
    assert ("set biases where there were none" in " ".join(text.split())) == (not biased)
    x = np.load(data)["x_test"]
    before, after = (
        torch_network(a).stack.predictions(x, dtype="float32")[:, -1] for a in (arrays, found)
    )
    spread = np.square(before - before.mean(axis=0)).sum()
    distance = np.sqrt(np.square(after - before).sum() / spread)
    assert distance == pytest.approx(json.loads(facts.read_text())["distance"], rel=1e-4)


def test_few_sequences_are_fitted_with_a_warning_in_one_sentence(tmp_path):
    import subprocess
    import sys

    rng = np.random.default_rng(5)
    save_file(state_dict("gru", (8,), 1, 3, 4, rng), tmp_path / "net.safetensors")
    np.savez(tmp_path / "data.npz", x=rng.normal(size=(3, 5, 3)))
    words = ["prune", "net.safetensors", "--data", "data.npz", "-k", "4", "-o", "small.npz"]
    done = subprocess.run(
        [sys.executable, "-m", "rnnbounds", *words, "--refit", "closed-loop"],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    said = "rnnbounds: warning: the closed loop has 128 parameters and only 8 num"
    assert done.stderr.startswith(said)


def test_a_fit_says_what_it_is_at(tmp_path, data, capsys, monkeypatch):
    monkeypatch.setattr("validation.output.terminal.QUIET", -1.0)
    rng = np.random.default_rng(5)
    save_file(state_dict("gru", (6,), 1, 3, 4, rng), tmp_path / "net.safetensors")
    words = (tmp_path / "net.safetensors", "--data", data, "-k", 2, "--refit", "closed-loop")
    code, _, errors = run(capsys, *words, "-o", tmp_path / "small.npz")
    assert code == 0
    assert re.search(r"pruning: closed loop, step 1, gap \d[^ ]* on held-out x", errors)


@pytest.mark.parametrize("objective", ["paper", "balanced"])
def test_labels_of_every_step_say_that_every_step_is_fitted(objective, tmp_path, capsys):
    rng = np.random.default_rng(6)
    save_file(state_dict("gru", (6,), 1, 3, 4, rng), tmp_path / "net.safetensors")
    x = rng.normal(size=(60, 5, 3))
    found = {}
    for name, labels, words in (
        ("labelled", {"y": rng.integers(0, 4, (60, 5))}, ()),
        ("asked", {}, ("--every-step",)),
        ("last", {}, ()),
    ):
        np.savez(tmp_path / "data.npz", x=x, **labels)
        out = tmp_path / f"{name}.npz"
        words = (*words, "--objective", objective, "--refit", "read-out", "-o", out)
        code, *_ = run(
            capsys, tmp_path / "net.safetensors", "--data", tmp_path / "data.npz", "-k", 3, *words
        )
        assert code == 0
        found[name] = np.load(out)["fc.weight"]
    np.testing.assert_array_equal(found["labelled"], found["asked"])
    assert not np.allclose(found["labelled"], found["last"])


@pytest.mark.parametrize(
    ("size", "n", "said"),
    [(1e37, 60, r"distance \d"), (1e-30, 60, r"distance \d"), (1.0, 1, "are all the same")],
)
def test_outputs_of_any_size_have_a_distance(size, n, said, tmp_path, capsys):
    rng = np.random.default_rng(7)
    arrays = state_dict("gru", (6,), 1, 3, 4, rng)
    arrays["fc.weight"], arrays["fc.bias"] = (
        np.float32(size / 10) * arrays[name] for name in ("fc.weight", "fc.bias")
    )
    save_file(arrays, tmp_path / "net.safetensors")
    np.savez(tmp_path / "data.npz", x=rng.normal(size=(n, 5, 3)))
    words = (tmp_path / "net.safetensors", "--data", tmp_path / "data.npz", "-k", 3)
    code, text, _ = run(capsys, *words, "-o", tmp_path / "small.npz")
    assert code == 0
    assert re.search(said, text)
    assert not re.search("nan|inf", text)


def test_at_most_so_many_sequences_are_fitted_and_not_the_first_ones(
    tmp_path, data, capsys, monkeypatch
):
    from validation.porting import chains

    seen = []

    def read_out(whole, small, x, *others, **options):
        seen.append(np.asarray(x))
        return small

    monkeypatch.setattr(chains, "refit_stack_read_out", read_out)
    monkeypatch.setattr(chains, "FITTED", 7)
    rng = np.random.default_rng(5)
    save_file(state_dict("gru", (6,), 1, 3, 4, rng), tmp_path / "net.safetensors")
    words = (tmp_path / "net.safetensors", "--data", data, "-k", 2, "--refit", "read-out")
    code, *_ = run(capsys, *words, "-o", tmp_path / "small.npz")
    assert code == 0
    [x] = seen
    held = np.load(data)["x"]
    rows = [int(np.flatnonzero((held == one).all(axis=(1, 2)))[0]) for one in x]
    assert len(set(rows)) == 7
    assert rows != sorted(rows)
