"""`rnnbounds bounds`: the measured error stays below every bound that is printed."""

from __future__ import annotations

import re

import numpy as np
import pytest
from helpers.stacks import state_dict
from safetensors.numpy import save_file

from pruning.checkpoints.torch_layout import torch_network
from validation.commands import main
from validation.commands.bounds import beside

pytestmark = pytest.mark.filterwarnings("ignore:the closed loop has")


def run(capsys, *words):
    with pytest.raises(SystemExit) as stop:
        main(["bounds", *map(str, words)])
    captured = capsys.readouterr()
    return stop.value.code or 0, captured.out, captured.err


@pytest.mark.parametrize("kind", ["gru", "lstm", "plain"])
@pytest.mark.parametrize("every", [(), ("--every-step",)])
def test_the_error_is_below_every_bound(kind, every, tmp_path, capsys):
    rng = np.random.default_rng(1)
    save_file(state_dict(kind, (6,), 1, 3, 4, rng), tmp_path / "net.safetensors")
    np.savez(tmp_path / "data.npz", x=rng.normal(size=(80, 5, 3)))
    words = (tmp_path / "net.safetensors", "--data", tmp_path / "data.npz", "-k", 4, *every)
    code, text, _ = run(capsys, *words)
    assert code == 0
    error = float(re.search(r"error\s+(\S+),", text)[1])
    found = [float(value) for value in re.findall(r"bound\s+([0-9.e+-]+),", text)]
    assert found
    assert min(found) >= error * 0.999
    assert len(found) == (3 if kind == "plain" and every else 2)
    assert ("From the large network's run alone." in text) == (kind != "plain")


@pytest.mark.parametrize("kind", ["gru", "lstm"])
def test_after_a_closed_loop_images_bound_the_error_too(kind, tmp_path, capsys):
    rng = np.random.default_rng(1)
    save_file(state_dict(kind, (6,), 1, 3, 4, rng), tmp_path / "net.safetensors")
    words = (tmp_path / "net.safetensors", "--data", tmp_path / "data.npz", "-k", 4)
    for n, count in ((90, 3), (20, 2)):
        np.savez(tmp_path / "data.npz", x=rng.normal(size=(n, 5, 3)))
        code, text, _ = run(capsys, *words, "--refit", "closed-loop")
        assert code == 0
        error = float(re.search(r"error\s+(\S+),", text)[1])
        found = [float(value) for value in re.findall(r"bound\s+([0-9.e+-]+),", text)]
        assert len(found) == count
        assert min(found) >= error * 0.999


def test_the_network_that_runs_chose_is_the_one_that_prune_writes(tmp_path, capsys):
    rng = np.random.default_rng(3)
    arrays = state_dict("lstm", (8,), 1, 3, 4, rng)
    save_file(arrays, tmp_path / "net.safetensors")
    x = rng.normal(size=(60, 5, 3))
    np.savez(tmp_path / "data.npz", x=x)
    chosen = ("-k", 3, "--objective", "balanced", "--by-runs")
    words = (tmp_path / "net.safetensors", "--data", tmp_path / "data.npz", *chosen)
    code, text, _ = run(capsys, *words)
    assert code == 0
    error = float(re.search(r"error\s+(\S+),", text)[1])
    with pytest.raises(SystemExit):
        main(["prune", *map(str, words), "-o", str(tmp_path / "small.npz")])
    capsys.readouterr()
    whole, small = (
        torch_network(found).stack.predictions(x)[:, -1]
        for found in (arrays, dict(np.load(tmp_path / "small.npz")))
    )
    assert error == pytest.approx(np.sqrt(np.square(small - whole).sum(axis=1).mean()), rel=1e-3)
    code, _, said = run(capsys, *words[:5], "--by-runs")
    assert code == 2
    assert "--by-runs decides between sets of nodes of --objective balanced" in said


@pytest.mark.parametrize("refit", [(), ("--refit", "closed-loop")])
def test_of_layers_of_plain_cells_the_error_is_said_and_no_bound(refit, tmp_path, capsys):
    rng = np.random.default_rng(1)
    save_file(state_dict("plain", (6, 5), 1, 3, 4, rng), tmp_path / "net.safetensors")
    np.savez(tmp_path / "data.npz", x=rng.normal(size=(80, 5, 3)))
    words = (tmp_path / "net.safetensors", "--data", tmp_path / "data.npz", "-k", 4, *refit)
    code, text, _ = run(capsys, *words)
    assert code == 0
    assert "error     " in text
    assert "bound     " not in text
    assert "left out  along both runs: of plain cells for one layer only" in text


@pytest.mark.parametrize("kind", ["gru", "plain"])
def test_labels_of_every_step_say_that_every_step_is_bounded(kind, tmp_path, capsys):
    rng = np.random.default_rng(1)
    save_file(state_dict(kind, (6,), 1, 3, 4, rng), tmp_path / "net.safetensors")
    x, found = rng.normal(size=(80, 5, 3)), {}
    for name, labels, words in (
        ("labelled", {"y": rng.integers(0, 4, (80, 5))}, ()),
        ("asked", {}, ("--every-step",)),
    ):
        np.savez(tmp_path / "data.npz", x=x, **labels)
        more = ("-k", 4, "--objective", "balanced", "--refit", "read-out", *words)
        code, text, _ = run(
            capsys, tmp_path / "net.safetensors", "--data", tmp_path / "data.npz", *more
        )
        assert code == 0
        assert "the mean over all steps" in text
        found[name] = text
    assert found["labelled"] == found["asked"]


def test_what_is_left_out_is_said(tmp_path, capsys):
    rng = np.random.default_rng(1)
    save_file(state_dict("gru", (6, 4), 2, 3, 4, rng), tmp_path / "net.safetensors")
    np.savez(tmp_path / "data.npz", x=rng.normal(size=(80, 5, 3)))
    words = (tmp_path / "net.safetensors", "--data", tmp_path / "data.npz", "-k", 4)
    code, text, _ = run(capsys, *words)
    assert code == 0
    assert "left out  along both runs: for one direction only" in text


def test_padded_sequences_are_refused_in_one_sentence(tmp_path, capsys):
    rng = np.random.default_rng(1)
    save_file(state_dict("gru", (6,), 1, 3, 4, rng), tmp_path / "net.safetensors")
    lengths = np.full(80, 3)
    np.savez(tmp_path / "data.npz", x=rng.normal(size=(80, 5, 3)), lengths=lengths)
    words = (tmp_path / "net.safetensors", "--data", tmp_path / "data.npz", "-k", 4)
    code, _, error = run(capsys, *words)
    assert code == 2
    assert "bounds are for sequences of one length" in error


@pytest.mark.parametrize("number", [0, -1])
def test_a_number_of_sequences_below_one_is_no_number(number, tmp_path, capsys):
    # -1 left the last sequence out.
    rng = np.random.default_rng(1)
    save_file(state_dict("gru", (6,), 1, 3, 4, rng), tmp_path / "net.safetensors")
    np.savez(tmp_path / "data.npz", x=rng.normal(size=(8, 5, 3)))
    words = (tmp_path / "net.safetensors", "--data", tmp_path / "data.npz", "-k", 4)
    code, _, error = run(capsys, *words, "--sequences", number)
    assert code == 2
    assert "sequences must be an integer of at least 1" in error


@pytest.mark.parametrize("kind", ["gru", "lstm"])
def test_labels_bring_the_theorem_with_its_label(kind, tmp_path, capsys):
    rng = np.random.default_rng(1)
    save_file(state_dict(kind, (6,), 1, 3, 4, rng), tmp_path / "net.safetensors")
    x, y = rng.normal(size=(80, 5, 3)), rng.integers(0, 4, 80)
    np.savez(tmp_path / "data.npz", x=x, y=y)
    words = (tmp_path / "net.safetensors", "--data", tmp_path / "data.npz", "-k", 4)
    code, text, _ = run(capsys, *words)
    assert code == 0
    lines = [line for line in text.splitlines() if line.startswith("risk")]
    assert len(lines) == 2
    assert all(name in line for name, line in zip(("theorem.fixed", "others.chen2020"), lines))
    assert all("valid if the radii were fixed in advance, vacuous" in line for line in lines)
    assert "risk" not in run(capsys, *words, "--every-step")[1]


@pytest.mark.parametrize(
    ("total", "error", "said"),
    [
        (3.0, 1.5, ", 2 times"),
        (1.0, 1.0, ", 1 times"),
        (2.975e-15, 2.978e-15, ", within the rounding of the error as measured"),
        (0.5, 1.0, ", 0.5 times"),  # what may not be, and must be seen
        (None, 1.0, ""),
        (1.0, 0.0, ""),
    ],
)
def test_an_error_of_one_rounding_is_not_said_to_be_above_its_bound(total, error, said):
    assert beside(total, error, 1.3) == said
